//! How a room that several servers hold applies the groups of its log: each server the same ones, in the same order, at
//! the stamps of the log. Pure.
//!
//! For each group, in this order: its stamp; a jump of the numbers, if it was sent to another process of the engine
//! than the one before it; whether it is applied at all (`log`); what is due by the stamp, which is the end of servers
//! that gave no sign of life, and of members that did not come back, and sums of joins and leaves; then its entries.

use super::effects::Effects;
use super::entry::{Author, Newcomer, Orderer, Outcome, Whence};
use super::group::{Act, Group, Joining, Logged, Manner, Position, Utterance};
use super::log::{Jump, Log, Numbers, Verdict, jump};
use super::members::Member;
use super::talk::muted;
use super::token::{Issued, TokenHash};
use super::{Change, Room};
use crate::protocol::name::Name;
use crate::protocol::reply::{LeaveReason, NameRefusal, Refusal, Speech};
use crate::protocol::tag::{Body, Format, Seq};
use crate::server::audience::MemberId;
use crate::server::connection::ConnectionId;
use crate::server::erasure::{Erased, RoomErasure};
use crate::server::figures::Said;
use crate::server::transcript::Transcript;

/// No member has this number.
const NOBODY: MemberId = MemberId(0);

/// What has come of a group, besides effects.
#[derive(Debug)]
pub(crate) struct Applied {
    /// Whether its entries were applied.
    pub(crate) verdict: Verdict,
    /// The servers that were taken for dead.
    pub(crate) dead: Vec<u64>,
    /// These members left because their time was over.
    pub(crate) expired: Vec<Name>,
    /// What has become of entries of this server's whose sessions wait for that: over which connection they came, with
    /// how many lines taken, and the outcome. Of what is said, of private lines, and of the end of a member nobody
    /// waits.
    pub(crate) outcomes: Vec<(u32, u64, Outcome)>,
    /// Connections of this server's that speak for nobody any more, and are to be hung up on: at once where the member
    /// has come back over another one, and else once they were sent what they are due.
    pub(crate) hang_up: Vec<HangUp>,
    /// Lines were erased for an order that came over this server, which has no history. It is to propose
    /// [`Act::Erased`], as it does once its history has done its part where it has one.
    pub(crate) erased: Vec<Erased>,
}

/// A connection that is to be hung up on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HangUp {
    /// Which one, of this server's.
    pub(crate) connection: u32,
    /// Whether the member has come back over another connection, so that nothing more is sent over this one; else an
    /// operator has removed it, and it is sent what it is due.
    pub(crate) is_taken_over: bool,
}

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

impl Applied {
    fn new(verdict: Verdict) -> Applied {
        Applied {
            verdict,
            dead: Vec::new(),
            expired: Vec::new(),
            outcomes: Vec::new(),
            hang_up: Vec::new(),
            erased: Vec::new(),
        }
    }
}

impl Room {
    /// Applies the group at that position of the log, which has so many bytes. The same groups in the same order give
    /// the same room on every server. A room of its own has no log, and applies none.
    pub(crate) fn apply_group(
        &mut self,
        position: Position,
        bytes: usize,
        group: &Group<'_>,
        effects: &mut Effects,
    ) -> Applied {
        let Some(log) = self.log.as_deref_mut().filter(|log| log.room == group.room) else {
            return Applied::new(Verdict::OtherRoom);
        };
        let stamp = log.go_on_to(position, bytes);
        let is_other_engine = log.is_other_engine(group.engine);
        let mut applied = Applied::new(log.admit(group));
        if is_other_engine {
            self.jump_events(self.transcript.end() - 1);
            self.jump_members(self.next_id - 1);
        }
        let mut change = Change { room: self, stamp, effects, via: group.producer, answers: None };
        change.bury_dead(&mut applied);
        applied.expired.extend(change.do_due());
        if applied.verdict == Verdict::Applied {
            #[cfg(planted_faults)]
            if super::planted::is_lost(group) {
                return applied;
            }
            for entry in &group.entries {
                change.apply_entry(entry, &mut applied);
            }
            #[cfg(planted_faults)]
            change.double(group, &mut applied);
        }
        applied
    }

    /// Whether a group that says to be this room's is of the log that this room has.
    pub(crate) fn is_of_log(&self, room: u64) -> bool {
        self.log.as_ref().is_some_and(|log| log.room == room)
    }

    /// Goes past a group that no server can read.
    pub(crate) fn pass_over(&mut self, position: Position) {
        if let Some(log) = &mut self.log {
            log.position = position;
        }
    }

    /// What the room knows of the log that orders it, if several servers hold it.
    pub(crate) fn log(&self) -> Option<&Log> {
        self.log.as_deref()
    }

    /// The numbers of the last event, and of the member that comes next.
    pub(crate) fn numbers(&self) -> Numbers {
        Numbers { seq: self.transcript.end() - 1, member: self.next_id }
    }

    /// Takes the place of the same room as it was before its log was set back or trimmed: what that one remembers, and what
    /// is this server's own of it, stays. How many public lines were said meanwhile that this server has not read.
    pub(crate) fn take_the_place_of(&mut self, before: Room) -> u64 {
        let Room { mut transcript, said, members, keeping, changed, gaps, erasures, .. } = before;
        let Room { kept_from, doubt, is_closed, .. } = before;
        let read = self.transcript.newest(NOBODY, usize::MAX).count() as u64;
        let missed = self.said.saturating_sub(said).saturating_sub(read);
        let later = std::mem::replace(&mut self.transcript, Transcript::new(0));
        transcript.go_on_with(later);
        let erased = self.erasures_since(&erasures);
        let erase = |erasure| RoomErasure::carry_out(erasure, &mut transcript);
        let erased: Vec<_> = erased.into_iter().map(erase).collect();
        if let Some(changed) = changed {
            self.go_on_noting(changed, &members, erased);
        }
        self.transcript = transcript;
        (self.keeping, self.gaps) = (keeping, gaps);
        (self.kept_from, self.doubt, self.is_closed) = (kept_from, doubt, is_closed);
        missed
    }

    /// Has the next event a number that nothing has behind which `last` is not known to be the last.
    pub(super) fn jump_events(&mut self, last: Seq) {
        let (from, to) = (self.transcript.end(), jump(last));
        if let Some(log) = self.log.as_mut().filter(|_| to > from) {
            log.note_jump(Jump { from, to });
            self.transcript.skip_to(to);
        }
    }

    /// The same for the next member.
    pub(super) fn jump_members(&mut self, last: u64) {
        self.next_id = self.next_id.max(jump(last));
    }
}

impl Change<'_> {
    fn bury_dead(&mut self, applied: &mut Applied) {
        let Some(log) = &mut self.room.log else { return };
        applied.dead = log.take_dead();
        if !applied.dead.is_empty() {
            applied.expired.extend(self.lose_all(&applied.dead));
        }
    }

    /// Takes all members of servers that are gone for ones that have lost their connections. Who has left by that.
    fn lose_all(&mut self, producers: &[u64]) -> Vec<Name> {
        self.room.operator_codes.retain(|_, offer| !producers.contains(&offer.producer));
        let is_lost = |connection: ConnectionId| producers.contains(&connection.producer);
        let members = self.room.members.entries();
        let lost = members.filter_map(|(member, it)| {
            let connection = it.connection().filter(|connection| is_lost(*connection))?;
            Some(Author { member, connection, taken: None })
        });
        let lost: Vec<_> = lost.collect();
        let mut expired = Vec::new();
        for by in lost {
            if let Outcome::Expired(names) = self.lose(by) {
                expired.extend(names);
            }
        }
        expired
    }

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
            Act::Back { old, kept, seq, member } => self.come_back(*old, *kept, *seq, *member),
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
