//! How one entry of a group is applied: by whom it is, whether its line was taken before, and what has come of it. Pure.

use super::Change;
use super::entry::{Author, Newcomer, Orderer, Outcome, Whence};
use super::group::{Act, Joining, Logged, Manner, Utterance};
use super::groups::{Applied, HangUp};
use super::log::Numbers;
use super::members::member::Member;
use super::talk::muted;
use super::token::{Issued, TokenHash};
use crate::protocol::reply::{LeaveReason, NameRefusal, Refusal, Speech};
use crate::protocol::tag::{Body, Format, Seq};
use crate::server::audience::MemberId;
use crate::server::connection::ConnectionId;
use crate::server::figures::Said;

impl Logged<'_> {
    /// Which of its client's lines it is, if it is one that may be answered. Lines that are said have their own.
    fn answered(&self) -> Option<u64> {
        let is_line = match self.act {
            Act::Whisper { .. } | Act::Rename { .. } | Act::Register { .. } | Act::Unregister => {
                true
            }
            Act::Invite { .. } | Act::Order { .. } => self.connection != 0,
            Act::Leave(LeaveReason::Quit(_)) => true,
            _ => false,
        };
        (is_line && self.line > 0).then_some(self.line)
    }
}

impl Change<'_> {
    /// Does what an entry says, and notes the outcome if somebody here waits for it.
    pub(super) fn apply_entry(&mut self, entry: &Logged<'_>, applied: &mut Applied) {
        // Nothing is done behind a producer's farewell.
        if !self.room.log.as_ref().is_some_and(|log| log.producers.contains_key(&self.via)) {
            return;
        }
        let connection = ConnectionId { producer: self.via, number: entry.connection };
        // A line that was proposed twice is done by now.
        let line = entry.answered().filter(|line| self.author(connection, *line).is_some());
        self.answers = line.map(|line| (connection, line));
        let outcome = match &entry.act {
            Act::Hello { server, version, settings } => self.greet(server, version, *settings),
            Act::Bye => {
                if let Some(log) = &mut self.room.log {
                    log.producers.remove(&self.via);
                }
                Outcome::Expired(self.lose_all(&[self.via]))
            }
            Act::Back { old, kept, seq, member, has_lost_lines } => {
                self.come_back(*old, *kept, Numbers { seq: *seq, member: *member }, *has_lost_lines)
            }
            Act::Adopt(adopted) => self.adopt(connection, entry.line, adopted, applied),
            Act::AdoptFact(key, fact) => self.adopt_fact(key, fact),
            Act::DropFact(key, fact) => self.drop_fact(key, fact),
            Act::Digest { .. } => return,
            Act::Join(joining) => self.join_over(connection, entry.line, joining),
            Act::Resume { whence, token, seen } => {
                self.resume_over((connection, *whence), *token, *seen, applied)
            }
            Act::Pass { code, key } => self.pass(*code, *key),
            Act::RenewPassword { word, password } => self.renew_password(word, password),
            Act::OfferName { word, code } => self.offer_name((*word).to_owned(), *code),
            Act::Announce(text) => self.tell_all(text),
            Act::Erased(erased) => self.tell_erased(erased),
            Act::Invite { code, time } if entry.connection == 0 => {
                self.invite_by_console(*code, *time)
            }
            Act::Order { order, whom } if entry.connection == 0 => {
                self.order(Orderer::Console, order, whom.clone())
            }
            act => self.act_as_member(connection, entry.line, act),
        };
        self.settle(entry, connection, line, &outcome);
        self.note_outcome(entry, connection, outcome, applied);
    }

    /// Tells a program that its line is done which the entry was, unless it has a receipt for that.
    fn settle(
        &mut self,
        entry: &Logged<'_>,
        connection: ConnectionId,
        line: Option<u64>,
        outcome: &Outcome,
    ) {
        let line = match (&entry.act, outcome) {
            // Leaving says so itself, before nothing more is told.
            (Act::Leave(_), _) | (_, Outcome::Receipted) => None,
            // A guest comes in by no line of its own: those that are taken with it were answered before.
            (Act::Join(joining), Outcome::Joined { .. }) => {
                Some(entry.line).filter(|line| *line > 0 && joining.wanted.is_some())
            }
            _ => line,
        };
        if let Some(member) = self.room.members.of_connection(connection) {
            self.tell_done(Author { member, connection, taken: None }, line);
        }
    }

    fn note_outcome(
        &mut self,
        entry: &Logged<'_>,
        connection: ConnectionId,
        outcome: Outcome,
        applied: &mut Applied,
    ) {
        applied.erased.append(&mut self.effects.erased);
        if let Outcome::Ordered(ordered) = &outcome {
            let removed = ordered.hang_up.iter().filter(|it| self.effects.are_for(**it));
            let hang_up =
                |it: &ConnectionId| HangUp { connection: it.number, is_taken_over: false };
            applied.hang_up.extend(removed.map(hang_up));
        }
        match outcome {
            Outcome::Expired(mut names) => applied.expired.append(&mut names),
            outcome if entry.act.is_awaited() && self.effects.are_for(connection) => {
                applied.outcomes.push((entry.connection, entry.line, outcome));
            }
            _ => {}
        }
    }

    fn greet(&mut self, server: &str, version: &str, settings: u64) -> Outcome {
        let producers = self.room.log.as_mut().map(|log| &mut log.producers);
        if let Some(producer) = producers.and_then(|producers| producers.get_mut(&self.via)) {
            (producer.server, producer.version) = (server.into(), version.into());
            producer.settings = settings;
        }
        Outcome::Done
    }

    /// The member that a connection speaks for, with that line; `None` if it speaks for nobody, or the line was taken
    /// before: it was proposed twice.
    fn author(&self, connection: ConnectionId, line: u64) -> Option<Author> {
        let id = self.room.members.of_connection(connection)?;
        let taken = self.room.members.get(id)?.taken;
        (line == 0 || line > taken).then_some(Author {
            member: id,
            connection,
            taken: (line > 0).then_some(line),
        })
    }

    fn act_as_member(&mut self, connection: ConnectionId, line: u64, act: &Act<'_>) -> Outcome {
        // A member that goes is gone, whatever was taken.
        let is_end = matches!(act, Act::Lost | Act::Leave(_));
        let author = self.author(connection, line);
        let author = if is_end { author.or_else(|| self.author(connection, 0)) } else { author };
        let Some(by) = author else { return Outcome::Ignored };
        let before = self.room.members.get(by.member).map_or(0, |member| member.taken);
        self.by(by, |change| match act {
            Act::Speak(lines) => change.speak_lines(by, before, lines),
            Act::Whisper { to, wanted, text } => change.whisper(by, (to, wanted), text),
            Act::Rename { named: (name, likeness), credentials } => {
                change.rename(by, (name, likeness.clone()), *credentials)
            }
            Act::Register { password } => change.register(by, password),
            Act::Unregister => change.unregister(by),
            Act::Invite { code, time } => change.invite(by, (*code, None), *time),
            Act::Order { order, whom } => change.order(Orderer::Member(by), order, whom.clone()),
            Act::Tag { token, key } => {
                change.tag(by, token.map(|hash| Issued { token: None, hash }), *key)
            }
            Act::Lost => change.lose(by),
            Act::Leave(how) => change.leave(by, *how),
            // What is no member's was done by now.
            _ => Outcome::Ignored,
        })
    }

    /// Says those of the lines that were not taken before. The last one has the number that is taken with them.
    fn speak_lines(&mut self, by: Author, before: u64, lines: &[Utterance<'_>]) -> Outcome {
        // Nothing is appended any more, so nothing counts as said: an archive would have a gap.
        if self.room.is_closed {
            return Outcome::Ignored;
        }
        let last = by.taken.unwrap_or(0);
        let Some(first) = last.checked_sub(lines.len() as u64) else { return Outcome::Ignored };
        let Some(name) = self.room.name_of(by.member).cloned() else { return Outcome::Ignored };
        let why_muted = self.why_muted(by.member);
        let mut said = Said::default();
        for (number, line) in (first + 1..).zip(lines).filter(|(number, _)| *number > before) {
            let speech = match line.manner {
                Manner::Said => Speech::Said(&name, line.text),
                Manner::Done => Speech::Done(&name, line.text),
                Manner::Silent => {
                    self.tell_done(by, Some(number));
                    continue;
                }
            };
            match &why_muted {
                Some((left, mute)) => {
                    self.answers = Some((by.connection, number));
                    self.refuse(by, &muted(*left, mute));
                    self.tell_done(by, Some(number));
                }
                None => {
                    let by = Author { taken: Some(number), ..by };
                    self.push(self.said(by), speech);
                    said.add(line.text);
                }
            }
        }
        if said != Said::default() {
            self.room.throughput.add(said, self.stamp.at);
            self.room.said += said.lines;
            if self.room.members.get(by.member).is_some_and(|member| member.may_claim) {
                self.claim(by.member);
            }
        }
        Outcome::Done
    }

    /// Tells a program that its lines up to that one are done.
    fn tell_done(&mut self, by: Author, line: Option<u64>) {
        let format = self.room.members.get(by.member).map(Member::format);
        if let (Some(line), Some(Format::Tagged)) = (line, format) {
            self.answers = Some((by.connection, line));
            self.answer(by.connection, Format::Tagged, Body::Done);
        }
    }

    fn join_over(&mut self, connection: ConnectionId, taken: u64, joining: &Joining) -> Outcome {
        if connection.number == 0 || self.room.members.of_connection(connection).is_some() {
            return Outcome::Ignored;
        }
        let Joining { format, whence, credentials, is_let_in, token, ref wanted } = *joining;
        let newcomer = Newcomer { connection, format, taken, whence, credentials, is_let_in };
        let token = token.map(|hash| Issued { token: None, hash });
        // A token that another member has would be random bits that came twice.
        if token.is_some_and(|token| self.room.members.holder(token.hash).is_some()) {
            return Outcome::Refused(Refusal::Name(NameRefusal::TryLater));
        }
        self.join(newcomer, wanted.clone(), token)
    }

    /// Lets a client go on as the member with this token, whose old connection speaks for nobody any more.
    fn resume_over(
        &mut self,
        (connection, whence): (ConnectionId, Whence),
        token: TokenHash,
        seen: Seq,
        applied: &mut Applied,
    ) -> Outcome {
        let member = match self.room.may_resume(token, seen) {
            Ok(member) => member,
            Err(refusal) => return Outcome::Refused(refusal),
        };
        let instead_of = self.room.members.of_connection(connection);
        if connection.number == 0 || instead_of == Some(member) {
            return Outcome::Ignored;
        }
        self.take_connection(member, applied);
        let author = |member| Author { member, connection, taken: None };
        self.resume((connection, whence), token, seen, instead_of.map(author))
    }

    /// Takes its connection from a member that goes on over another one.
    pub(super) fn take_connection(&mut self, member: MemberId, applied: &mut Applied) {
        if let Some(old) = self.detach_member(member)
            && self.effects.are_for(old)
        {
            applied.hang_up.push(HangUp { connection: old.number, is_taken_over: true });
        }
    }
}
