//! The requests: does what a client's line asks for, in the room if the client is there, or to join. The session's
//! thread runs it.

use std::fmt::Display;
use std::mem;
use std::ops::ControlFlow;

use super::proof::Proof;
use super::{Ending, GO_ON, Next, Phase, Session};
use crate::logging::SAID;
use crate::protocol::MAX_FAREWELL;
use crate::protocol::name::Name;
use crate::protocol::reply::{LeaveReason, Notice, Refusal, Speech};
use crate::protocol::request::{Command, Misuse, Order, Request};
use crate::protocol::tag::{Format, Seq, Token};
use crate::protocol::telnet;
use crate::protocol::text::shortened;
use crate::server::chunk::Chunk;
use crate::server::hub::membership::Membership;
use crate::server::search::{show_found, show_newest};
use crate::server::system::now;
use crate::server::utterance::Manner;

/// How much is gathered, in bytes, before it is appended in the middle of a chunk: a request of a few bytes can have
/// a long answer.
const MAX_GATHERED: usize = 64 * 1024;

/// The lines that a change of name costs besides its own: everyone is told of it, and cannot ignore a member that
/// does it again and again.
const RENAME_COST: u32 = 9;

impl Session {
    pub(super) fn request(&mut self, request: Result<Request<'_>, Misuse<'_>>) -> Next {
        match request {
            Ok(Request::Nothing) => {}
            Ok(Request::Say(text)) => self.say(&text),
            Ok(Request::Act(text)) => self.act(text),
            Ok(Request::Whisper { to, text }) => self.whisper(to, text),
            Ok(Request::Rename(name)) => self.rename(&name),
            Ok(Request::Who) => self.who(),
            Ok(Request::History(most)) => {
                self.replay(|member, line| show_newest(member, most, line));
            }
            Ok(Request::Search { words, most }) => {
                self.replay(|member, line| show_found(member, words, most, line));
            }
            Ok(Request::Help) => self.help(),
            Ok(Request::Quit(farewell)) => return self.quit(farewell),
            Ok(Request::Pass(secret)) => return self.pass(secret),
            Ok(Request::Register(password)) => self.register(password),
            Ok(Request::Login { name, password }) => return self.login(&name, password),
            Ok(Request::Unregister) => self.with_joined(|member, line| {
                member.unregister(line);
                false
            }),
            Ok(Request::Tags) => self.answer(&Refusal::TagsTooLate),
            Ok(Request::Key(key, signature)) => {
                self.prove(&key, &signature);
                return self.let_in_by_key();
            }
            Ok(Request::Order(order)) => self.order(&order),
            Ok(Request::Invite(within)) => self.invite(within),
            Ok(Request::Resume(token, seen)) => self.resume(token, seen),
            Err(
                misuse @ (Misuse::Name(_)
                | Misuse::Arguments(Command::Nick | Command::Resume | Command::Key)),
            ) => {
                self.refuse_name(&Refusal::Misuse(misuse));
            }
            Err(misuse) => self.answer(&Refusal::Misuse(misuse)),
        }
        GO_ON
    }

    fn say(&mut self, text: &str) {
        let line = self.lines_read;
        self.with_member(|member, gathered| {
            log::debug!(target: SAID, "<{}> {text}", member.name());
            if member.is_in_shared_room() {
                return gathered.utter(line, Manner::Said, text);
            }
            gathered.push(member.said(line), Speech::Said(member.name(), text));
            gathered.count_said(text);
        });
        self.has_receipt = true;
    }

    fn act(&mut self, text: &str) {
        let line = self.lines_read;
        self.with_member(|member, gathered| {
            log::debug!(target: SAID, "* {} {text}", member.name());
            if member.is_in_shared_room() {
                return gathered.utter(line, Manner::Done, text);
            }
            gathered.push(member.said(line), Speech::Done(member.name(), text));
            gathered.count_said(text);
        });
        self.has_receipt = true;
    }

    fn whisper(&mut self, to: &str, text: &str) {
        self.with_joined(|member, line| member.whisper(to, text, line));
    }

    /// Has the client called so from now on, or joins under that name.
    pub(super) fn rename(&mut self, name: &Name) {
        if name.likeness().is_guests() && !self.is_called(name) {
            return self.refuse_name(&Refusal::GuestName(name));
        }
        match self.phase {
            Phase::Outside(_) => return self.want(name),
            Phase::Unnamed { .. } => return self.join(Some(name), self.lines_read),
            Phase::Joined { .. } | Phase::Gone => {}
        }
        self.account.bucket.charge(RENAME_COST);
        let credentials = self.shown_for(Some(name)).credentials;
        if let Phase::Joined { member, .. } = &mut self.phase {
            self.has_receipt = member.rename(name, credentials, self.lines_read);
        }
    }

    fn order(&mut self, order: &Order<'_>) {
        let mut is_operator = false;
        self.with_joined(|member, line| {
            is_operator = member.order(order, line);
            false
        });
        if is_operator && *order == Order::Stats {
            self.hub.stats().iter().for_each(|line| self.answer_with(line));
        }
    }

    /// Does something under the room's lock with the line that was read last; `act` says whether that has become an
    /// event.
    pub(super) fn with_joined(&mut self, act: impl FnOnce(&mut Membership, u64) -> bool) {
        self.member();
        if let Phase::Joined { member, .. } = &mut self.phase {
            self.has_receipt = act(member, self.lines_read);
        }
    }

    fn is_called(&self, name: &Name) -> bool {
        matches!(&self.phase, Phase::Joined { member, .. } if member.name() == name)
    }

    /// Takes up where this client's last connection was lost.
    fn resume(&mut self, token: Token, seen: Seq) {
        match self.phase {
            Phase::Outside(ref outside) if outside.format() == Format::Tagged => {
                self.resume_outside(token, seen);
            }
            Phase::Unnamed { format: Format::Tagged, .. } => self.resume_unnamed(token, seen),
            Phase::Joined { is_late: true, .. } => self.resume_late(token, seen),
            Phase::Outside(_) | Phase::Unnamed { .. } | Phase::Joined { .. } | Phase::Gone => {
                self.answer(&Refusal::ResumeTooLate);
            }
        }
    }

    fn resume_unnamed(&mut self, token: Token, seen: Seq) {
        let phase = mem::replace(&mut self.phase, Phase::Gone);
        let Phase::Unnamed { permit, format } = phase else { return };
        match permit.resume(token, seen, &self.connection) {
            Ok((member, taken)) => {
                self.phase = Phase::Joined { member, is_late: false };
                (self.lines_read, self.proof) = (taken, Proof::Closed);
            }
            Err((permit, refusal)) => {
                self.phase = Phase::Unnamed { permit, format };
                self.refuse_name(&refusal);
            }
        }
    }

    fn resume_late(&mut self, token: Token, seen: Seq) {
        self.append();
        let Phase::Joined { member, is_late } = &mut self.phase else { return };
        match member.resume(token, seen) {
            Ok(taken) => {
                (self.lines_read, self.proof, *is_late) = (taken, Proof::Closed, false);
            }
            Err(refusal) => self.answer(&refusal),
        }
    }

    fn who(&mut self) {
        let answers = self.answers;
        self.with_member(|member, gathered| {
            for line in member.who() {
                gathered.answer(member.format(), answers, line, now());
            }
        });
    }

    /// Shows something again, and charges for as many lines as `show` says.
    fn replay(&mut self, show: impl FnOnce(&Membership, u64) -> u32) {
        self.member();
        if let Phase::Joined { member, .. } = &self.phase {
            self.account.bucket.charge(show(member, self.lines_read));
        }
    }

    fn help(&mut self) {
        if let Phase::Outside(_) = self.phase {
            return self.help_outside();
        }
        let answers = self.answers;
        self.with_member(|member, gathered| {
            let (format, now) = (member.format(), now());
            gathered.answer(format, answers, Notice::HelpToSay, now);
            for command in member.commands() {
                gathered.answer(format, answers, Notice::Help(command), now);
            }
        });
    }

    /// Answers one of telnet's commands. A client does not join by that.
    pub(super) fn telnet(&mut self, request: telnet::Request) -> Next {
        match (request.refusal(), &self.phase) {
            (Some(refusal), Phase::Outside(_) | Phase::Unnamed { .. }) => {
                self.connection.tell_bytes(&refusal);
            }
            (Some(refusal), Phase::Joined { member, .. }) => member.answer_telnet(refusal),
            (None, Phase::Unnamed { .. }) => self.connection.tell(Notice::Here),
            (None, Phase::Outside(_) | Phase::Joined { .. }) => {
                self.catch_up();
                self.answer_with(Notice::Here);
            }
            (_, Phase::Gone) => {}
        }
        GO_ON
    }

    /// A client that quits before it has a name was never here.
    pub(super) fn quit(&mut self, farewell: &str) -> Next {
        self.account.settle();
        let farewell = shortened(farewell, MAX_FAREWELL);
        if let Phase::Outside(_) | Phase::Unnamed { .. } = self.phase {
            self.complete();
        }
        match mem::replace(&mut self.phase, Phase::Gone) {
            Phase::Joined { member, .. } => {
                member.leave(LeaveReason::Quit(&farewell), self.lines_read, self.answers.take());
            }
            nobody @ (Phase::Outside(_) | Phase::Unnamed { .. } | Phase::Gone) => {
                // Its place is free by the time that the client sees the end.
                drop(nobody);
                self.connection.finish();
            }
        }
        ControlFlow::Break(Ending::Leave)
    }

    pub(super) fn answer(&mut self, refusal: &Refusal<'_>) {
        self.answer_with(refusal);
    }

    /// Answers with one line, also a client that is not let in yet.
    pub(super) fn answer_with(&mut self, line: impl Display) {
        if let Phase::Outside(outside) = &self.phase {
            return self.tell_outside(outside.format(), line);
        }
        let answers = self.answers;
        self.with_member(|member, gathered| {
            gathered.answer(member.format(), answers, line, now());
        });
    }

    /// Adds to what is appended next. A client that says something before it has a name is a guest.
    pub(super) fn with_member(&mut self, add: impl FnOnce(&Membership, &mut Chunk)) {
        self.member();
        if let Phase::Joined { member, .. } = &self.phase {
            add(member, &mut self.gathered);
        }
        if self.gathered.bytes() > MAX_GATHERED {
            self.append();
        }
    }
}

/// Whether a line is one that receipts count, as [`request::is_counted`](crate::protocol::request::is_counted) says
/// of the line itself.
pub(super) fn is_counted(request: &Result<Request<'_>, Misuse<'_>>) -> bool {
    use Command::{Key, Tags};
    let is_other = matches!(
        request,
        Ok(Request::Tags | Request::Key(..)) | Err(Misuse::Arguments(Tags | Key))
    );
    !is_other && !is_resume(request)
}

/// Whether a line is `/resume`, however that goes on.
pub(super) fn is_resume(request: &Result<Request<'_>, Misuse<'_>>) -> bool {
    matches!(request, Ok(Request::Resume(..)) | Err(Misuse::Arguments(Command::Resume)))
}

/// Whether a line is done under the room's lock at once, and not appended with the rest of the chunk.
pub(super) fn acts_by_itself(request: &Result<Request<'_>, Misuse<'_>>) -> bool {
    use Request::{
        History, Invite, Login, Order, Pass, Quit, Register, Rename, Search, Unregister, Whisper,
    };
    matches!(
        request,
        Ok(Whisper { .. }
            | Rename(_)
            | History(_)
            | Search { .. }
            | Pass(_)
            | Quit(_)
            | Register(_)
            | Login { .. }
            | Unregister
            | Invite(_)
            | Order(_))
    )
}

/// Whether the session itself may answer a line, or has to wait for what becomes of it: all but what is said goes so.
pub(super) fn is_answered_here(request: &Result<Request<'_>, Misuse<'_>>) -> bool {
    use Request::{Act, Nothing, Quit, Say, Whisper};
    !matches!(request, Ok(Nothing | Say(_) | Act(_) | Whisper { .. } | Quit(_)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert_eq, proptest};

    use super::*;
    use crate::protocol::arbitrary::text;
    use crate::protocol::request;

    proptest! {
        #[test]
        fn the_server_counts_the_lines_that_the_client_counts(
            word in "[ \t\u{a0}]{0,2}/{0,2}(tags|Resume|nick|msg|history|x)?",
            text in text(),
        ) {
            for line in [text.clone(), word.clone() + &text, format!("{word} {text}"), word] {
                prop_assert_eq!(is_counted(&request::parse(&line)), request::is_counted(&line), "{}", line);
            }
        }
    }
}
