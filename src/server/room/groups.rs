//! How a room that several servers hold applies the groups of its log: each server the same ones, in the same order, at
//! the stamps of the log. Pure.
//!
//! For each group, in this order: its stamp; a jump of the numbers, if it was sent to another process of the engine
//! than the one before it; whether it is applied at all (`log`); what is due by the stamp, which is the end of servers
//! that gave no sign of life, and of members that did not come back, and sums of joins and leaves; then its entries
//! (`logged`).

use super::effects::Effects;
use super::entry::{Author, Outcome};
use super::group::{Group, Position};
use super::log::{Jump, Log, Numbers, Verdict, jump};
use super::{Change, Room};
use crate::protocol::name::Name;
use crate::protocol::tag::Seq;
use crate::server::audience::MemberId;
use crate::server::connection::ConnectionId;
use crate::server::erasure::{Erased, RoomErasure};
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
    /// [`Act::Erased`](super::group::Act::Erased), as it does once its history has done its part where it has one.
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
        // The clock of an engine that is behind its log stands still until it has caught up. Then its process tells the
        // branches of two losses in a row apart.
        let moment = if position.ms > log.clock { position.ms } else { group.engine };
        let stamp = log.go_on_to(position, bytes);
        let is_other_engine = log.is_other_engine(group.engine);
        let mut applied = Applied::new(log.admit(group));
        if is_other_engine {
            self.jump_events(self.transcript.end() - 1, moment);
            self.jump_members(self.next_id - 1, moment);
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

    /// How many public lines were said since the room was like that which this server has not read on its way here.
    pub(crate) fn missed_since(&self, before: &Room) -> u64 {
        let read = self.transcript.newest(NOBODY, usize::MAX).count() as u64;
        self.said.saturating_sub(before.said).saturating_sub(read)
    }

    /// Takes the place of the same room as it was before its log was set back or trimmed: what that one remembers, and what
    /// is this server's own of it, stays. So many lines between both this server has not read.
    pub(crate) fn take_the_place_of(&mut self, before: Room, missed: u64) {
        let Room { mut transcript, members, keeping, changed, gaps, erasures, .. } = before;
        let Room { kept_from, doubt, is_closed, .. } = before;
        let later = std::mem::replace(&mut self.transcript, Transcript::new(0));
        if missed > 0 {
            transcript.note_unread(later.oldest(), missed);
        }
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
    }

    /// Has the next event a number that no event has, though `last` is not known to be the last one.
    pub(super) fn jump_events(&mut self, last: Seq, moment: u64) {
        let (from, to) = (self.transcript.end(), jump(last, moment));
        if let Some(log) = self.log.as_mut().filter(|_| to > from) {
            log.note_jump(Jump { from, to });
            self.transcript.skip_to(to);
        }
    }

    /// The same for the next member.
    pub(super) fn jump_members(&mut self, last: u64, moment: u64) {
        self.next_id = self.next_id.max(jump(last, moment));
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
    pub(super) fn lose_all(&mut self, producers: &[u64]) -> Vec<Name> {
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
}
