//! What a history has to be told of besides events: members that have changed, and the room's counters. Pure.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::Room;
use super::entry::Encryption;
use super::members::Members;
use super::members::member::Member;
use super::people::facts::{Fact, FactKey};
use super::token::TokenHash;
use super::waiting_lines::WaitingLines;
use crate::protocol::name::Name;
use crate::protocol::proof::KeyHash;
use crate::protocol::tag::Seq;
use crate::server::audience::MemberId;
use crate::server::erasure::RoomErasure;

/// Which members have changed since the history was told. A room without a history notes nothing.
#[derive(Debug, Default)]
pub(super) struct Changed {
    /// Members that have joined, left, or changed.
    members: BTreeSet<MemberId>,
    /// Pairs of a disconnected reader and a sender whose number of waiting lines has changed.
    waiting: BTreeSet<(MemberId, MemberId)>,
    /// Orders to erase lines, with what the room has done about them.
    pub(super) erasures: Vec<RoomErasure>,
}

/// What has changed since the last cut, as it is now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Changes {
    /// The members that have changed; `None` for one that has left.
    pub(crate) members: Vec<(MemberId, Option<KeptMember>)>,
    /// For a reader and a sender, how many private lines wait, if that has changed.
    pub(crate) waiting: Vec<KeptWaiting>,
    /// What is known of people, if it has changed; `None` for what is no more.
    pub(crate) facts: Vec<(FactKey, Option<Fact>)>,
    /// Orders to erase lines, in their order.
    pub(crate) erasures: Vec<RoomErasure>,
    /// The room's counters.
    pub(crate) counters: Counters,
}

/// The numbers that a room goes on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counters {
    /// The number that the next event has.
    pub(crate) next_seq: Seq,
    /// The number that the next member has.
    pub(crate) next_member: u64,
    /// How many public lines were ever said.
    pub(crate) said: u64,
    /// How many joins were not told yet.
    pub(crate) joined: u64,
    /// How many leaves were not told yet.
    pub(crate) left: u64,
}

impl Counters {
    /// Those of a new room.
    pub(crate) const NEW: Counters =
        Counters { next_seq: 1, next_member: 1, said: 0, joined: 0, left: 0 };
}

/// A member, as a history keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeptMember {
    /// The name that it has.
    pub(crate) name: Name,
    /// What it resumes with; a plain member has none.
    pub(crate) token: Option<TokenHash>,
    /// The first event that it may get.
    pub(crate) since: Seq,
    /// How many of its lines were taken.
    pub(crate) taken: u64,
    /// Who can read along on its connection, or could on its last one.
    pub(crate) encryption: Encryption,
    /// The key that it has proved to own.
    pub(crate) key: Option<KeyHash>,
    /// The name, without case, whose password it has given.
    pub(crate) login: Option<String>,
    /// Where its connection is from, or its last one was, if that says anything.
    pub(crate) address: Option<IpAddr>,
    /// The first event that it may not have got, if it is disconnected; the largest number if it is not.
    pub(crate) lost_at: Seq,
}

/// How many private lines of one sender wait for one reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeptWaiting {
    /// The disconnected member.
    pub(crate) reader: MemberId,
    /// Whose lines they are.
    pub(crate) sender: MemberId,
    /// How many; 0 if none wait any more.
    pub(crate) lines: u64,
}

impl Room {
    /// Takes what has changed since the last time.
    pub(crate) fn take_changes(&mut self) -> Changes {
        let Changed { members, waiting, erasures } =
            self.changed.as_mut().map(std::mem::take).unwrap_or_default();
        let untold = self.join_notices.untold();
        Changes {
            members: members.into_iter().map(|id| (id, self.members.get(id).map(row))).collect(),
            waiting: waiting
                .into_iter()
                .map(|(reader, sender)| self.waiting_row(reader, sender))
                .collect(),
            facts: self.people.take_changed(),
            erasures,
            counters: Counters {
                next_seq: self.transcript.end(),
                next_member: self.next_id,
                said: self.said,
                joined: untold.joined,
                left: untold.left,
            },
        }
    }

    /// Whether something is to be erased in the history of which it was not told.
    pub(crate) fn has_erasures(&self) -> bool {
        self.changed.as_ref().is_some_and(|changed| !changed.erasures.is_empty())
    }

    fn waiting_row(&self, reader: MemberId, sender: MemberId) -> KeptWaiting {
        let waiting = self.members.get(reader).and_then(Member::waiting);
        let lines = waiting.map_or(0, |waiting| waiting.of(sender));
        KeptWaiting { reader, sender, lines }
    }

    /// Whether the room notes what a history has to be told of.
    pub(crate) fn notes_changes(&self) -> bool {
        self.changed.is_some()
    }

    /// From now on the room notes what an archive has to be told of.
    pub(crate) fn note_changes(&mut self) {
        self.changed.get_or_insert_default();
    }

    /// Takes up what the room had noted whose place this one takes, and which had those members and knew nothing of these
    /// orders to erase lines.
    pub(super) fn go_on_noting(
        &mut self,
        mut changed: Changed,
        before: &Members,
        erased: Vec<RoomErasure>,
    ) {
        let meanwhile = self.changed.take().unwrap_or_default().erasures;
        let is_there = |it: &RoomErasure| meanwhile.iter().any(|order| order.is_like(it));
        let missed: Vec<_> = erased.into_iter().filter(|it| !is_there(it)).collect();
        changed.members.extend(before.entries().map(|(id, _)| id));
        changed.erasures.extend(missed.into_iter().chain(meanwhile));
        self.changed = Some(changed);
        self.note_all_changed();
    }

    /// Notes that every member may have changed.
    pub(super) fn note_all_changed(&mut self) {
        let members: Vec<_> = self.members.entries().map(|(id, _)| id).collect();
        self.changed.get_or_insert_default().members.extend(members);
    }

    /// Notes that a member has changed.
    pub(super) fn on_changed(&mut self, member: MemberId) {
        if let Some(changed) = &mut self.changed {
            changed.members.insert(member);
        }
    }

    /// Notes that the number of a sender's lines has changed that wait for a reader.
    pub(super) fn on_waiting_changed(&mut self, reader: MemberId, sender: MemberId) {
        if let Some(changed) = &mut self.changed {
            changed.waiting.insert((reader, sender));
        }
    }

    /// Takes the private lines that wait for a member, which is back or does not come back: none wait any more.
    pub(super) fn take_waiting(&mut self, reader: MemberId) -> WaitingLines {
        let waiting = self.members.get_mut(reader).and_then(Member::waiting_mut);
        let waiting = waiting.map(std::mem::take).unwrap_or_default();
        waiting.all_senders().for_each(|sender| self.on_waiting_changed(reader, sender));
        waiting
    }
}

fn row(member: &Member) -> KeptMember {
    let (token, since) = member.resumes_with();
    KeptMember {
        name: member.name().clone(),
        token,
        since,
        taken: member.taken,
        encryption: member.whence.encryption,
        key: member.key,
        login: member.login.clone(),
        address: member.whence.address,
        lost_at: member.lost_at,
    }
}
