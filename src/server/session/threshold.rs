//! The threshold: a client that is not let in yet, in a room where not everybody may come in. It is asked in place of
//! joining, has no place in the room, and what it says is not said. The session's thread runs it.
//!
//! It does not check what the client shows (`secrets`). Its neighbour is the client for which there is no place
//! (`door`).

use std::mem;
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::farewell::on_refused;
use super::keyboard::{Arrival, Silence};
use super::proof::Proof;
use super::{Ending, GO_ON, Next, Phase, Session};
use crate::protocol::name::Name;
use crate::protocol::reply::{NameNotice, NameRefusal, Notice, Refusal};
use crate::protocol::request::{Command, Misuse, Request};
use crate::protocol::tag::{Format, Seq, Token};
use crate::server::entrance::{Entrance, Place};
use crate::server::hub::permit::Permit;
use crate::server::rendering::answer_tag;
use crate::server::system::{instant, now};

/// A client that is not let in yet.
#[derive(Debug)]
pub(in crate::server) struct Outside {
    /// Its place among those who wait, or the reason why it has none: then it can only resume.
    place: Result<Place, Refusal<'static>>,
    /// Where it comes from; `None` for one of whom a proxy says nothing.
    from: Option<IpAddr>,
    /// What it is asked for.
    question: Notice<'static>,
    /// Whether it was asked.
    is_asked: bool,
    /// How it gets its lines; `/tags` changes it.
    format: Format,
    /// The name that it wants once it is let in.
    wanted: Option<Name>,
    /// When it is shown out. The time that the server has it wait does not count.
    until: Instant,
}

impl Outside {
    /// A client from there that is asked first; `None` where everybody may come in, or of whom a proxy says nothing.
    pub(in crate::server) fn new(
        entrance: &std::sync::Arc<Entrance>,
        from: Option<IpAddr>,
    ) -> Option<Outside> {
        Some(Outside {
            question: entrance.question()?,
            place: entrance.take_place(from),
            from,
            is_asked: false,
            format: Format::Plain,
            wanted: None,
            until: instant() + entrance.patience(),
        })
    }

    /// Why the client has no place among those who wait, if it has none.
    pub(in crate::server) fn why_no_place(&self) -> Option<&Refusal<'static>> {
        self.place.as_ref().err()
    }

    /// How it gets its lines.
    pub(super) fn format(&self) -> Format {
        self.format
    }

    /// Gives it its lines in the tagged form from now on.
    pub(super) fn tag(&mut self) {
        self.format = Format::Tagged;
    }

    /// Remembers the name that it wants.
    pub(super) fn want(&mut self, name: &Name) {
        self.wanted = Some(name.clone());
    }

    /// Does not count so much time, in which the server had the client wait.
    pub(super) fn give_time(&mut self, time: Duration) {
        self.until += time;
    }

    /// How long to wait for more before that means something; `grace` is how long it may be silent at first.
    pub(super) fn timeout(&self, arrival: Option<Arrival>, grace: Duration) -> Duration {
        let left = self.until.saturating_duration_since(instant());
        let silence = match arrival {
            Some(arrival) => arrival.timeout(false),
            None => (!self.is_asked).then_some(grace),
        };
        silence.map_or(left, |silence| silence.min(left))
    }
}

/// Whether a client that is not let in yet may ask for that.
fn is_done_outside(request: &Result<Request<'_>, Misuse<'_>>) -> bool {
    use Command::{Help, Key, Login, Nick, Pass, Quit, Resume, Tags};
    match request {
        Ok(request) => matches!(
            request,
            Request::Pass(_)
                | Request::Tags
                | Request::Key { .. }
                | Request::Login { .. }
                | Request::Resume(..)
                | Request::Help
                | Request::Quit(_)
                | Request::Rename(_)
        ),
        Err(Misuse::Arguments(command)) => {
            matches!(command, Pass | Tags | Key | Login | Resume | Help | Quit | Nick)
        }
        Err(Misuse::Name(_)) => true,
        Err(Misuse::Unknown(_) | Misuse::Search(_)) => false,
    }
}

impl Session {
    /// What is left of the time of a client that is not let in yet: shows it out if that is nothing.
    pub(super) fn heed_time(&mut self) -> Next {
        match &self.phase {
            Phase::Outside(outside) if instant() >= outside.until => {
                self.show_off(&Refusal::Name(NameRefusal::NoPasswordInTime))
            }
            Phase::Outside(_) | Phase::Unnamed { .. } | Phase::Joined { .. } | Phase::Gone => GO_ON,
        }
    }

    /// Asks a client again that is not let in yet and wants anything else than that; `None` for all other clients
    /// and lines, which are to be acted on.
    pub(super) fn ask_instead(
        &mut self,
        request: &Result<Request<'_>, Misuse<'_>>,
    ) -> Option<Next> {
        let is_outside = matches!(self.phase, Phase::Outside(_));
        (is_outside && !is_done_outside(request)).then(|| self.ask())
    }

    /// Asks the client, if it is not let in yet.
    pub(super) fn ask(&mut self) -> Next {
        if let Phase::Outside(outside) = &mut self.phase {
            outside.is_asked = true;
            let question = outside.question;
            self.answer_with(question);
        }
        GO_ON
    }

    /// Called when nothing has come for a while of a client that is not let in yet: silence makes no guest of it, so
    /// it is asked where it would have joined.
    pub(super) fn on_silence_outside(&mut self, silence: Option<Silence>) -> Next {
        self.heed_time()?;
        match (silence, &self.phase) {
            (None | Some(Silence::Typing), Phase::Outside(outside)) if !outside.is_asked => {
                self.ask()
            }
            _ => GO_ON,
        }
    }

    /// Remembers the name that a client wants which is not let in yet, and asks it.
    pub(super) fn want(&mut self, name: &Name) {
        if let Phase::Outside(outside) = &mut self.phase {
            outside.want(name);
            // The session goes on, whatever it says.
            let _ = self.ask();
        }
    }

    /// Tells a client that is not in the room something, with its tag.
    pub(super) fn tell_outside(&self, format: Format, line: impl std::fmt::Display) {
        self.connection.tell(format_args!("{}{line}", answer_tag(format, self.answers, now())));
    }

    /// Tells a client that is not let in yet what it can do once it is, and how it gets in.
    pub(super) fn help_outside(&mut self) {
        self.answer_with(Notice::HelpToSay);
        for command in Command::FOR_EVERYBODY.into_iter().chain(Command::FOR_CLOSED_ROOMS) {
            self.answer_with(Notice::Help(command));
        }
    }

    /// Lets a client in that has shown what it takes: it gets a place in the room if there is one, and joins if it
    /// has said under which name.
    pub(super) fn let_in(&mut self) -> Next {
        let phase = mem::replace(&mut self.phase, Phase::Gone);
        let Phase::Outside(outside) = phase else {
            self.phase = phase;
            return GO_ON;
        };
        let permit = match Permit::take(&self.hub, outside.from) {
            Ok(permit) => permit,
            Err(why) => {
                self.phase = Phase::Outside(outside);
                return self.show_off(&why);
            }
        };
        self.tell_outside(outside.format, Notice::Name(NameNotice::LetIn));
        self.visit = None;
        self.phase = Phase::Unnamed { permit, format: outside.format };
        if let Some(name) = outside.wanted {
            self.join(Some(&name), self.lines_read);
        }
        GO_ON
    }

    /// Lets a client in that has proved to own a key which was let in before.
    pub(super) fn let_in_by_key(&mut self) -> Next {
        let is_let_in = self.proof.key().is_some_and(|key| self.hub.has_let_in(key));
        if is_let_in { self.let_in() } else { GO_ON }
    }

    /// Takes up where this client's last connection was lost. A member that comes back was let in before.
    pub(super) fn resume_outside(&mut self, token: Token, seen: Seq) {
        if let Err(refusal) = self.hub.may_resume(token, seen) {
            return self.answer(&refusal);
        }
        let phase = mem::replace(&mut self.phase, Phase::Gone);
        let Phase::Outside(outside) = phase else { return self.phase = phase };
        let permit = Permit::take(&self.hub, outside.from)
            .unwrap_or_else(|why| Permit::missing(&self.hub, outside.from, why));
        match permit.resume(token, seen, &self.connection) {
            Ok((member, taken)) => {
                self.phase = Phase::Joined { member, is_late: false };
                (self.lines_read, self.proof) = (taken, Proof::Closed);
                self.visit = None;
            }
            Err((_permit, refusal)) => {
                self.phase = Phase::Outside(outside);
                self.answer(&refusal);
            }
        }
    }

    /// Tells a client that is not let in why, and shows it out.
    fn show_off(&mut self, why: &Refusal<'_>) -> Next {
        self.account.settle();
        self.answer(why);
        self.complete();
        // Before the client can see that it is over, so that its place is free by then.
        self.phase = Phase::Gone;
        on_refused(&self.connection, why);
        ControlFlow::Break(Ending::Leave)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::request::parse;

    #[test]
    fn only_what_may_let_a_client_in_or_tells_it_something_is_done_outside() {
        for line in [
            "/pass open sesame",
            "/pass",
            "/tags",
            "/login alice correct horse",
            "/login",
            "/resume 00112233445566778899aabbccddeeff 7",
            "/resume",
            "/help",
            "/quit good night",
            "/nick alice",
            "/nick you",
            "/key a b",
        ] {
            assert!(is_done_outside(&parse(line)), "{line}");
        }
        for line in [
            "",
            "hello",
            "//pass",
            "/me waits",
            "/msg bob hi",
            "/who",
            "/history",
            "/search x",
            "/msg",
            "/search ...",
            "/register 12345678",
            "/unregister",
            "/invite",
            "/kick bob",
            "/nosuch",
        ] {
            assert!(!is_done_outside(&parse(line)), "{line}");
        }
    }
}
