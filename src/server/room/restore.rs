//! How a room comes back from its history: with its events and numbers, and with its members, each of which has
//! lost its connection. Pure.

use std::time::Duration;

use super::changes::{Counters, KeptMember, KeptWaiting};
use super::effects::Effects;
use super::entry::Stamp;
use super::join_notices::{Move, Sum};
use super::members::member::Member;
use super::people::facts::{Fact, FactKey};
use super::{Change, Keeping, Room};
use crate::protocol::reply::{LeaveReason, Notice};
use crate::protocol::tag::Seq;
use crate::server::audience::MemberId;
use crate::server::batch::Batch;
use crate::server::config::Config;
use crate::server::replay::Gap;
use crate::server::transcript::Transcript;

/// What a history has of a room.
#[derive(Debug)]
pub(crate) struct Restored {
    /// The newest events, in their order.
    pub(crate) batches: Vec<Batch>,
    /// The members; `None` for one that cannot come back under its name.
    pub(crate) members: Vec<(MemberId, Option<KeptMember>)>,
    /// What is known of people.
    pub(crate) facts: Vec<(FactKey, Fact)>,
    /// The private lines that wait.
    pub(crate) waiting: Vec<KeptWaiting>,
    /// The oldest event that the history has, if it has one.
    pub(crate) oldest: Option<Seq>,
    /// Lines that were said and that the history does not have.
    pub(crate) gaps: Vec<Gap>,
    /// The room's counters. The next event has the number that they say.
    pub(crate) counters: Counters,
    /// For how long what is said is kept.
    pub(crate) keeping: Keeping,
    /// What members are told who resume, if lines may be missing that the room had sent.
    pub(crate) doubt: Option<Notice<'static>>,
}

#[cfg(test)]
impl Restored {
    /// What a new history has.
    pub(crate) fn nothing() -> Restored {
        Restored {
            batches: Vec::new(),
            members: Vec::new(),
            facts: Vec::new(),
            waiting: Vec::new(),
            oldest: None,
            gaps: Vec::new(),
            counters: Counters::NEW,
            keeping: Keeping { time: None, not_now: None },
            doubt: None,
        }
    }
}

impl Room {
    /// The room as the history has it. Members that may resume are disconnected from now on; the others
    /// leave.
    pub(crate) fn restore(
        config: &Config,
        restored: Restored,
        stamp: Stamp,
        effects: &mut Effects,
    ) -> Room {
        let Restored { batches, members, facts, waiting, oldest, gaps, counters, keeping, doubt } =
            restored;
        let Counters { next_seq, next_member, said, joined, left } = counters;
        let mut room = Room {
            transcript: Transcript::restore(config.memory, batches, next_seq),
            next_id: next_member,
            said,
            keeping: Some(keeping),
            gaps,
            kept_from: Some(oldest.unwrap_or(next_seq)),
            doubt,
            ..Room::new(config)
        };
        room.changed.get_or_insert_default();
        room.join_notices.restore(Sum { joined, left });
        facts.into_iter().for_each(|(key, fact)| room.people.restore(key, fact));
        room.people.expire(stamp.at);
        let mut change = Change { room: &mut room, stamp, effects, via: 0, answers: None };
        for (id, member) in members {
            change.restore_member(id, member);
        }
        for KeptWaiting { reader, sender, lines } in waiting {
            change.room.restore_waiting(reader, sender, lines);
        }
        room
    }

    fn restore_waiting(&mut self, reader: MemberId, sender: MemberId, lines: u64) {
        match self.members.get_mut(reader).and_then(Member::waiting_mut) {
            Some(waiting) => waiting.restore(sender, lines),
            None => self.on_waiting_changed(reader, sender),
        }
    }
}

impl Change<'_> {
    fn restore_member(&mut self, id: MemberId, member: Option<KeptMember>) {
        let now: Duration = self.stamp.elapsed;
        let Some(member) = member else {
            return self.room.on_changed(id);
        };
        let (name, since) = (member.name.clone(), member.since);
        let Some(token) = member.token else {
            self.room.on_changed(id);
            return self.tell_move(
                Move::Leave,
                id,
                Notice::Left(&name, LeaveReason::ConnectionLost),
            );
        };
        if let Some(number) = name.guest_number() {
            self.room.guest_numbers.restore(number);
        }
        let likeness = name.likeness();
        // A newer version may find names alike that an older one told apart.
        if !self.room.members.is_free(&likeness, None) {
            return self.room.on_changed(id);
        }
        let lost_at = member.lost_at.min(self.room.transcript.end());
        self.room.members.insert(id, Member::restored(KeptMember { lost_at, ..member }));
        self.room.members.make_resumable(id, Some(token), since);
        self.room.judge(id);
        self.judge_mute(id);
        self.room.disconnected.restore(id, now);
    }
}
