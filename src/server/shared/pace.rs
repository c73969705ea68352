//! When a server waits for more before it makes a group: in a room with many groups a second, each of them wakes every
//! server, so fewer and larger ones are better. Pure; time comes in with each call.

use std::time::{Duration, Instant};

/// When so many groups a second are read by all servers together, each server waits: with two, at 4,000 groups a second.
const BUSY: usize = 8000;

/// How long it waits for more.
const WAIT: Duration = Duration::from_millis(1);

/// The time for which groups are counted.
const SECOND: Duration = Duration::from_secs(1);

/// How many groups the room has a second, and until when this server waits.
#[derive(Debug)]
pub(crate) struct Pace {
    /// When the second began that is counted now.
    begun: Instant,
    /// How many groups it has had so far.
    count: usize,
    /// How many the second before it had.
    before: usize,
    /// Until when this server waits for more, if it does.
    until: Option<Instant>,
}

impl Pace {
    /// That of a room whose groups are counted from now on.
    pub(crate) fn new(now: Instant) -> Pace {
        Pace { begun: now, count: 0, before: 0, until: None }
    }

    /// So many groups of the room, whosever they are, have come.
    pub(crate) fn on_groups(&mut self, groups: usize, now: Instant) {
        self.roll(now);
        self.count += groups;
    }

    /// There is something for the next group in a room of so many servers. Until when this server waits for more; `None` if
    /// the group is made now.
    pub(crate) fn wait_until(&mut self, now: Instant, servers: usize) -> Option<Instant> {
        if self.until.is_some_and(|until| until <= now) {
            self.until = None;
            return None;
        }
        self.roll(now);
        let is_busy = self.count.max(self.before) * servers > BUSY;
        self.until = self.until.or_else(|| is_busy.then(|| now + WAIT));
        self.until
    }

    fn roll(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.begun);
        if passed < SECOND {
            return;
        }
        let is_next = passed < 2 * SECOND;
        self.before = if is_next { self.count } else { 0 };
        (self.begun, self.count) = (if is_next { self.begun + SECOND } else { now }, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_waits_for_more_in_a_busy_room_alone_and_once_for_each_group() {
        let begun = Instant::now();
        let at = |ms| begun + Duration::from_millis(ms);
        let mut pace = Pace::new(begun);
        pace.on_groups(BUSY, at(100));
        assert_eq!(pace.wait_until(at(100), 1), None);
        assert_eq!(Pace::new(begun).wait_until(at(100), usize::MAX), None);
        pace.on_groups(1, at(200));
        assert_eq!(pace.wait_until(at(200), 1), Some(at(201)));
        assert_eq!(pace.wait_until(at(200), 1), Some(at(201)), "it is woken too early");
        assert_eq!(pace.wait_until(at(201), 1), None);
        assert_eq!(pace.wait_until(at(202), 1), Some(at(203)), "that is the next group");
        assert_eq!(pace.wait_until(at(204), 1), None);
        // The last whole second counts.
        assert_eq!(pace.wait_until(at(1500), 1), Some(at(1501)));
        assert_eq!(pace.wait_until(at(1501), 1), None);
        assert_eq!(pace.wait_until(at(2100), 1), None);
        pace.on_groups(BUSY + 1, at(2200));
        assert_eq!(pace.wait_until(at(9000), 1), None, "nobody has said anything for long");
    }

    #[test]
    fn the_more_servers_read_the_earlier_each_of_them_waits() {
        let begun = Instant::now();
        let waits = |groups, servers| {
            let mut pace = Pace::new(begun);
            pace.on_groups(groups, begun);
            pace.wait_until(begun, servers).is_some()
        };
        assert!(!waits(BUSY / 2, 2) && waits(BUSY / 2 + 1, 2));
        assert!(!waits(BUSY / 100, 100) && waits(BUSY / 100 + 1, 100));
    }
}
