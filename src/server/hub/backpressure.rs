//! Who is held back, and why: readers that keep pace are far behind, or a client does not take what it has
//! asked for. Pure, and guarded by the hub's lock.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::server::audience::MemberId;
use crate::server::connection::ConnectionId;
use crate::server::figures::HELD_FOR;
use crate::server::room::effects::Aside;

/// How many bytes of answers a client may be owed before it is read no further.
const MOST_OWED: usize = 16 * 1024;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_behind_until_it_has_taken_enough_of_its_answers() {
        let mut backpressure = Backpressure::default();
        let (one, other) = (ConnectionId(1), ConnectionId(2));
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
