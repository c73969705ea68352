//! How members lose their connections and resume: what becomes of their places in the room. Pure.
//!
//! A member that gets the tagged form outlives its connection: it is disconnected for a while, and a client
//! that shows its token takes it over. Each of its lines is taken or not taken at one place in the order of
//! events, so the client may say again what was not.

use super::effects;
use super::entry::{Author, Outcome, Whence};
use super::log::Log;
use super::token::{Issued, TokenHash};
use super::waiting_lines::WaitingLines;
use super::{Change, Room};
use crate::protocol::name::Name;
use crate::protocol::proof::KeyHash;
use crate::protocol::reply::{LeaveReason, Missing, Notice, Refusal, SharedNotice};
use crate::protocol::tag::{Body, Format, Seq};
use crate::server::audience::{Audience, MemberId, Recipient};
use crate::server::connection::ConnectionId;

/// Where a member goes on that resumes.
pub(super) struct Place {
    /// Which member it is.
    member: MemberId,
    /// The first event that it gets.
    pub(super) next: Seq,
    /// How many lines before that are forgotten that were for it.
    pub(super) missed: u64,
    /// Whether it has seen events that the log of the room has lost.
    has_lost: bool,
}

impl Room {
    /// The member with this token, if it may go on behind the event `seen`.
    pub(crate) fn may_resume(
        &self,
        token: TokenHash,
        seen: Seq,
    ) -> Result<MemberId, Refusal<'static>> {
        self.place_of(token, seen).map(|place| place.member)
    }

    fn place_of(&self, token: TokenHash, seen: Seq) -> Result<Place, Refusal<'static>> {
        let (member, since) = self.members.holder(token).ok_or(Refusal::UnknownToken)?;
        if seen >= self.transcript.end() {
            return Err(Refusal::NoSuchEvent(seen));
        }
        match &self.log {
            None => {
                self.place_from(tagged(member), since.max(seen + 1)).ok_or(Refusal::Forgotten(seen))
            }
            Some(log) => Ok(self.place_in_log(log, member, since, seen)),
        }
    }

    /// The same in a room that several servers hold, which must agree on who resumes, however much each of them
    /// remembers.
    fn place_in_log(&self, log: &Log, member: MemberId, since: Seq, seen: Seq) -> Place {
        let lost = log.jump_over(seen);
        let next = since.max(lost.map_or(seen + 1, |jump| jump.to));
        let has_lost = lost.is_some();
        let place = self.place_from(tagged(member), next).unwrap_or_else(|| {
            let oldest = self.transcript.oldest();
            Place { member, next: oldest, missed: log.numbers_between(next, oldest), has_lost }
        });
        Place { has_lost, ..place }
    }

    /// Where a member goes on that is to get the event `next`; `None` if nobody knows what it has missed.
    pub(super) fn place_from(&self, recipient: Recipient, next: Seq) -> Option<Place> {
        let (member, oldest) = (recipient.member, self.transcript.oldest());
        // What the room remembers no more is in the history, as far back as that goes.
        if let Some(kept_from) = self.kept_from.filter(|_| next < oldest) {
            let first = kept_from.clamp(next, oldest);
            let missed = self.forgotten_between(recipient, next, first)?;
            // A gap that the history knows of is told where the reader comes to it.
            let gaps = self.gaps.iter().filter(|gap| gap.after >= first);
            let told: u64 = gaps.map(|gap| gap.lines).sum();
            let missed = missed + self.transcript.unread_from(first).saturating_sub(told);
            return Some(Place { member, next: first, missed, has_lost: false });
        }
        let missed = self.transcript.evicted(recipient, next)? + self.transcript.unread_from(next);
        Some(Place { member, next: next.max(oldest), missed, has_lost: false })
    }
}

/// A member that resumes gets the tagged form.
fn tagged(member: MemberId) -> Recipient {
    Recipient { member, format: Format::Tagged }
}

impl Room {
    /// How many lines a member should have had from that event on and before the other one, which neither
    /// the room nor its history has any more; `None` if nobody knows.
    fn forgotten_between(&self, recipient: Recipient, from: Seq, end: Seq) -> Option<u64> {
        if from == end {
            return Some(0);
        }
        let all = self.transcript.evicted(recipient, from)?;
        let later = self.transcript.evicted(recipient, end)?;
        Some(all.saturating_sub(later))
    }
}

impl Change<'_> {
    /// Tells a program its name and its token. From there on it may get all events again.
    pub(super) fn make_resumable(
        &mut self,
        member: MemberId,
        name: &Name,
        connection: ConnectionId,
        token: Option<Issued>,
    ) {
        let hash = token.map(|issued| issued.hash);
        self.room.members.make_resumable(member, hash, self.room.transcript.end());
        self.room.on_changed(member);
        if let Some(token) = self.effects.token(token) {
            self.answer(connection, Format::Tagged, Body::Token(token));
        }
        self.answer(connection, Format::Tagged, Body::Limits(self.room.limits));
        self.answer(connection, Format::Tagged, Body::Nick(name.as_str()));
    }

    /// Gives a member the tagged form from now on.
    pub(super) fn tag(
        &mut self,
        by: Author,
        token: Option<Issued>,
        key: Option<KeyHash>,
    ) -> Outcome {
        let Some(member) = self.room.members.get_mut(by.member) else { return Outcome::Ignored };
        member.key = key;
        let name = member.name().clone();
        self.effects.tag(by.connection, self.room.transcript.end());
        self.make_resumable(by.member, &name, by.connection, token);
        // Those that came before the client was heard to be a program.
        if let Some(taken) = by.taken.filter(|taken| *taken > 0) {
            let done = effects::answer(Format::Tagged, Some(taken), Body::Done, self.stamp.at);
            self.effects.tell(by.connection, self.room.transcript.end(), done);
        }
        Outcome::Done
    }

    /// Takes its connection from the member with this token, so that nothing more of what that one brings
    /// is said. The connection is served what was appended until now.
    pub(super) fn detach(&mut self, token: TokenHash) -> Outcome {
        let Some((member, _)) = self.room.members.holder(token) else { return Outcome::Ignored };
        self.detach_member(member)
            .map_or(Outcome::Ignored, |connection| Outcome::Detached { member, connection })
    }

    pub(super) fn detach_member(&mut self, member: MemberId) -> Option<ConnectionId> {
        self.note_visit(member);
        let end = self.room.transcript.end();
        let connection = self.room.members.disconnect(member)?;
        self.room.members.get_mut(member)?.lost_at = end;
        self.room.on_changed(member);
        self.effects.detach(connection, end);
        Some(connection)
    }

    /// Takes a connection from a member that may resume, and lets a plain one leave.
    pub(super) fn lose(&mut self, by: Author) -> Outcome {
        let format = self.room.members.get(by.member).map(super::Member::format);
        if format == Some(Format::Plain) {
            return self.leave(by, LeaveReason::ConnectionLost);
        }
        self.detach_member(by.member);
        self.mark_disconnected(by.member)
    }

    /// Counts the time until a member that has no connection must be back.
    pub(super) fn mark_disconnected(&mut self, id: MemberId) -> Outcome {
        if let Some(member) = self.room.members.get(id).filter(|it| it.is_disconnected()) {
            self.room.disconnected.add(id, member.whence.origin, self.stamp.elapsed);
        }
        Outcome::Expired(self.part_with_disconnected())
    }

    /// Serves a member that has no connection over this one. A guest that the client was until now leaves;
    /// what that one was due, the client gets as the other member, or not at all.
    pub(super) fn resume(
        &mut self,
        (connection, whence): (ConnectionId, Whence),
        token: TokenHash,
        seen: Seq,
        instead_of: Option<Author>,
    ) -> Outcome {
        let place = match self.room.place_of(token, seen) {
            Ok(place) => place,
            Err(refusal) => return Outcome::Refused(refusal),
        };
        if let Some(guest) = instead_of {
            self.part(guest.member, LeaveReason::Quit(""));
        }
        let Some(member) = self.room.members.get_mut(place.member) else { return Outcome::Ignored };
        (member.whence, member.lost_at) = (whence, Seq::MAX);
        let (name, taken) = (member.name().clone(), member.taken);
        self.room.take_waiting(place.member);
        let was_here_before = self.room.disconnected.remove(place.member);
        self.room.members.connect(place.member, connection);
        let recipient = Recipient { member: place.member, format: Format::Tagged };
        let mut greeting = self.greeting(&name, taken, place.missed);
        if let Some(doubt) = self.room.doubt.filter(|_| was_here_before) {
            greeting += &effects::line(Format::Tagged, doubt, self.stamp.at);
        }
        if place.has_lost {
            let notice = Notice::Shared(SharedNotice::LinesGone);
            greeting += &effects::line(Format::Tagged, notice, self.stamp.at);
        }
        self.attach(recipient, connection, greeting, place.next);
        self.note_visit(place.member);
        self.deliver_again(place.member, seen);
        Outcome::Resumed { member: place.member, name, taken }
    }

    /// What a client is told first that resumes.
    fn greeting(&self, name: &Name, taken: u64, missed: u64) -> String {
        let line =
            |line: &dyn std::fmt::Display| effects::line(Format::Tagged, line, self.stamp.at);
        let mut greeting = line(&Notice::WelcomeBack(name));
        greeting += &line(&Body::Resumed(taken));
        greeting += &line(&Body::Limits(self.room.limits));
        greeting += &line(&Body::Nick(name.as_str()));
        if missed > 0 {
            greeting += &line(&Notice::Missed(missed, Missing::Away));
        }
        greeting
    }

    /// Parts with members that were disconnected for too long, or are too many.
    pub(super) fn part_with_disconnected(&mut self) -> Vec<Name> {
        let mut expired = Vec::new();
        let most = self.room.max_disconnected;
        while let Some(id) = self.room.disconnected.take(self.stamp.elapsed, most) {
            expired.extend(self.part_with(id));
        }
        expired
    }

    /// Parts with a member that does not come back. Its name.
    pub(super) fn part_with(&mut self, id: MemberId) -> Option<Name> {
        let waiting = self.room.take_waiting(id);
        let member = self.part(id, LeaveReason::ConnectionLost)?;
        self.tell_senders(member.name(), waiting);
        Some(member.name().clone())
    }

    /// Counts a private line to a member that may be disconnected. Whether it is the sender's first since
    /// then.
    pub(super) fn count_waiting(&mut self, reader: MemberId, sender: MemberId) -> bool {
        let count = self.room.members.count();
        let Some(member) = self.room.members.get_mut(reader) else { return false };
        if !member.is_disconnected() {
            return false;
        }
        let Some(waiting) = member.waiting_mut() else { return false };
        let is_first = waiting.add(sender);
        // Otherwise a client that joins, says something and leaves, again and again, would fill the memory.
        if waiting.senders() > count {
            self.forget_senders(reader);
        }
        self.room.on_waiting_changed(reader, sender);
        is_first
    }

    /// Forgets senders that have left, and whom nobody has to tell any more that their lines were not read.
    fn forget_senders(&mut self, reader: MemberId) {
        let Some(member) = self.room.members.get_mut(reader) else { return };
        let mut waiting = member.waiting_mut().map(std::mem::take).unwrap_or_default();
        let gone: Vec<_> =
            waiting.all_senders().filter(|it| !self.room.members.contains(*it)).collect();
        gone.iter().for_each(|sender| self.room.on_waiting_changed(reader, *sender));
        waiting.keep(|sender| !gone.contains(&sender));
        if let Some(kept) = self.room.members.get_mut(reader).and_then(|it| it.waiting_mut()) {
            *kept = waiting;
        }
    }

    /// Tells each member who said something to one that did not come back.
    pub(super) fn tell_senders(&mut self, reader: &Name, waiting: WaitingLines) {
        for (sender, lines) in waiting.by_sender() {
            if self.room.members.contains(sender) {
                self.tell(Audience::Only(sender), Notice::DidNotComeBack { name: reader, lines });
            }
        }
    }
}
