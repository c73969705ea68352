//! Which sessions are held back, and why: readers that keep pace are far behind, here or at another server of a shared
//! room, or a client does not take what it has asked for. What is known of that is guarded by the hub's lock; sessions wait
//! here before they append.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::guard::Guard;
use super::log::LogSide;
use super::weight::Weight;
use super::{Hub, Shared};
use crate::server::audience::MemberId;
use crate::server::connection::{Connection, ConnectionId};
use crate::server::figures::HELD_FOR;
use crate::server::room::effects::Aside;
use crate::server::shared::outbox;
use crate::server::system::instant;

/// How many bytes of answers a client may be owed before it is read no further.
const MOST_OWED: usize = 16 * 1024;

/// How long a member may be held back by slow readers; it is told when that is over.
const AS_LONG_AS_IT_TAKES: Duration = Duration::from_secs(3600);

/// How long the reader of a shared room's log waits at most before each portion, where this server is far behind: long
/// enough that readers which keep pace catch up, and short enough that a server which is told to end does so soon. The
/// model of interleavings has readers that keep pace for ever, since its time stands still; there it does not wait.
const BRAKE: Duration = Duration::from_millis(if cfg!(shuttle) { 0 } else { 500 });

/// What holds sessions back.
#[derive(Debug, Default)]
pub(super) struct Backpressure {
    /// Readers that keep pace are far behind: sessions that flood the room wait before they append.
    pub(super) is_held: bool,
    /// How many bytes of answers each connection is owed that has not taken all of its answers.
    owed: HashMap<ConnectionId, usize>,
    /// Connections that are being shown something again.
    replaying: Vec<ConnectionId>,
    /// Until when it is told of each member that it is held back; some times may be over.
    held: HashMap<MemberId, Instant>,
}

impl Backpressure {
    /// A connection is going to be sent this.
    pub(super) fn on_aside(&mut self, reader: ConnectionId, aside: &Aside) {
        match aside {
            Aside::Lines(lines) => *self.owed.entry(reader).or_default() += lines.len(),
            Aside::Replay(_) => self.replaying.push(reader),
        }
    }

    /// A connection has taken so many bytes of its answers, or never will. Whether its session may have
    /// waited for that.
    pub(super) fn on_answered(&mut self, reader: ConnectionId, bytes: usize) -> bool {
        let was_behind = self.is_behind(reader);
        if let Some(owed) = self.owed.get_mut(&reader) {
            *owed = owed.saturating_sub(bytes);
            if *owed == 0 {
                self.owed.remove(&reader);
            }
        }
        was_behind
    }

    /// A connection has taken what it was shown again, or never will. Whether it was being shown any.
    pub(super) fn on_replayed(&mut self, reader: ConnectionId) -> bool {
        let at = self.replaying.iter().position(|&replaying| replaying == reader);
        at.map(|at| self.replaying.swap_remove(at)).is_some()
    }

    /// Whether a connection has not taken so much of its answers that it is read no further.
    pub(super) fn is_behind(&self, reader: ConnectionId) -> bool {
        self.owed.get(&reader).is_some_and(|&owed| owed > MOST_OWED)
    }

    /// Whether a connection is being shown something again.
    pub(super) fn is_replaying(&self, reader: ConnectionId) -> bool {
        self.replaying.contains(&reader)
    }

    /// Marks a member as held back for so long and [`HELD_FOR`] more, so that the figures name it also
    /// between two waits.
    pub(super) fn mark_held(&mut self, member: MemberId, wait: Duration, now: Instant) {
        self.held.retain(|_, until| *until > now);
        self.held.insert(member, now + wait + HELD_FOR);
    }

    /// The members that are held back, or were a moment ago.
    pub(super) fn held(&self, now: Instant) -> Vec<MemberId> {
        let mut held: Vec<_> =
            self.held.iter().filter(|(_, until)| **until > now).map(|(&id, _)| id).collect();
        held.sort_unstable();
        held
    }
}

impl Hub {
    /// Called by the broadcaster when a reader has taken what it was to be shown again, or never will.
    pub(crate) fn on_replayed(&self, reader: ConnectionId) {
        self.with(|shared| {
            if shared.backpressure.on_replayed(reader) {
                self.notify(shared);
            }
        });
    }

    /// Called by the broadcaster when it serves a reader no more: its session waits for nothing if
    /// the connection was hung up on.
    pub(crate) fn on_dismissed(&self, reader: ConnectionId) {
        self.with(|shared| {
            shared.backpressure.on_replayed(reader);
            shared.backpressure.on_answered(reader, usize::MAX);
            shared.turns.notify();
            self.notify(shared);
        });
    }

    /// Called by the broadcaster when a reader has taken so many bytes of its answers.
    pub(crate) fn on_answered(&self, reader: ConnectionId, bytes: usize) {
        self.with(|shared| {
            if shared.backpressure.on_answered(reader, bytes) {
                self.notify(shared);
            }
        });
    }

    /// Runs `change` under the lock once readers that keep pace are not too far behind, and the client has taken its
    /// answers. So a session that brings more than they can take, or asks for more than its client takes,
    /// waits, reads no more, and TCP holds its client back. `None` if it would have
    /// to wait and its connection was hung up on.
    pub(super) fn with_room<R>(
        &self,
        weight: Weight,
        member: MemberId,
        connection: &Connection,
        change: impl FnOnce(&mut Shared) -> R,
    ) -> Option<R> {
        let mut guard = self.lock();
        let mut is_held = false;
        let reader = connection.id();
        let owes = |shared: &Shared| {
            let log = shared.log.as_ref();
            let has_brought = log.is_some_and(|log| log.outbox.is_full_for(reader.number));
            (shared.backpressure.is_behind(reader) || has_brought) && !shared.room.is_closed()
        };
        while self.is_full(&guard, weight) || owes(&guard) {
            if connection.close_reason().is_some() {
                return None;
            }
            let is_flood = weight == Weight::Flood && !owes(&guard);
            if is_flood && !std::mem::replace(&mut is_held, true) {
                guard.backpressure.mark_held(member, AS_LONG_AS_IT_TAKES, instant());
            }
            guard.wait(&self.taken);
        }
        if is_held {
            guard.backpressure.mark_held(member, Duration::ZERO, instant());
        }
        Some(change(&mut guard))
    }

    /// Does something by which sessions may come to go on, and wakes them then. Only then: hundreds may wait
    /// while this is done thousands of times a second.
    pub(super) fn freeing<R>(
        &self,
        shared: &mut Shared,
        change: impl FnOnce(&mut Shared) -> R,
    ) -> R {
        let were_full = self.are_full(shared);
        let changed = change(shared);
        let are_full = self.are_full(shared);
        if were_full.iter().zip(are_full).any(|(&were, are)| were && !are) {
            self.notify(shared);
        }
        changed
    }

    /// Whether sessions that bring so much are to append no more for now.
    pub(super) fn is_full(&self, shared: &Shared, weight: Weight) -> bool {
        let log = shared.log.as_ref();
        let is_behind = shared.backpressure.is_held || log.is_some_and(|log| log.flow.is_held());
        let is_held = is_behind && weight == Weight::Flood;
        let unsettled = shared.room.transcript().end_offset() - shared.settled_end().1;
        let is_unread = log.is_some_and(|log| log.has_much_on_the_way());
        let is_full = unsettled > self.max_unsettled || is_unread;
        !shared.room.is_closed() && (is_held || is_full)
    }

    /// What is waited for here: by sessions, by weight, and by the thread that reads a shared room's log.
    fn are_full(&self, shared: &Shared) -> [bool; 3] {
        let [talk, flood] =
            [Weight::Talk, Weight::Flood].map(|weight| self.is_full(shared, weight));
        [talk, flood, shared.is_far_behind()]
    }

    /// Gives this server's readers and its keeper time before more of a shared room's log is applied. So the server falls
    /// behind in the log and tells how far it has read, and the others hold members who flood the room.
    pub(super) fn brake(&self, guard: &mut Guard<'_>) {
        if !guard.is_far_behind() {
            return;
        }
        let from = instant();
        guard.waiting += 1;
        guard.wait_while(&self.taken, BRAKE, |shared| shared.is_far_behind());
        guard.waiting -= 1;
        guard.log.iter_mut().for_each(|log| log.liveness.on_pause(instant() - from));
    }
}

impl Shared {
    /// Whether readers that keep pace are far behind what is said, or the archive of a shared room is.
    fn is_far_behind(&self) -> bool {
        self.backpressure.is_held || self.is_archive_behind()
    }

    /// Judges how far the other servers of a shared room are behind. A server that the room does not know, as one that
    /// begins, has read too little to judge any.
    pub(super) fn judge_flow(&mut self, now: Instant) {
        let own = self.effects.producer;
        if let (Some(log), Some(room)) = (&mut self.log, self.room.log()) {
            let is_known = room.producer(own).is_some();
            let others = room.producers().filter(|(id, _)| is_known && *id != own);
            log.flow.judge(others.map(|(id, producer)| (id, producer.seen)), now);
        }
    }
}

impl LogSide {
    /// Whether so much of this server's is on its way to the log and back that sessions append nothing more for now. While
    /// the room is away, none of it gets there, and the outbox takes as much as it can.
    fn has_much_on_the_way(&self) -> bool {
        let is_away = self.liveness.is_away();
        self.outbox.bytes() > if is_away { outbox::MOST } else { self.flow.most_on_the_way() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_behind_until_it_has_taken_enough_of_its_answers() {
        let mut backpressure = Backpressure::default();
        let (one, other) = (ConnectionId::local(1), ConnectionId::local(2));
        backpressure.on_aside(one, &Aside::Lines("x".repeat(MOST_OWED)));
        assert!(!backpressure.is_behind(one));
        backpressure.on_aside(one, &Aside::Lines("x".to_owned()));
        assert!(backpressure.is_behind(one) && !backpressure.is_behind(other));
        assert!(backpressure.on_answered(one, 1));
        assert!(!backpressure.on_answered(one, usize::MAX));
        assert!(backpressure.owed.is_empty());
    }

    #[test]
    fn a_member_is_named_as_held_back_for_a_while_after_it_was() {
        let mut backpressure = Backpressure::default();
        let now = Instant::now();
        backpressure.mark_held(MemberId(2), Duration::from_secs(3600), now);
        backpressure.mark_held(MemberId(1), Duration::ZERO, now);
        assert_eq!(backpressure.held(now), [MemberId(1), MemberId(2)]);
        backpressure.mark_held(MemberId(2), Duration::ZERO, now);
        assert_eq!(backpressure.held(now + HELD_FOR), []);
        backpressure.mark_held(MemberId(3), Duration::ZERO, now + HELD_FOR);
        assert_eq!(backpressure.held.len(), 1);
    }
}
