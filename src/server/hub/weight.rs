//! How much a member brings, by which it is decided whether it may be held back (`backpressure`).

use std::time::{Duration, Instant};

use crate::server::system::instant;

/// What a member may bring in a second without ever being held, in bytes.
const MOST_TALK: usize = 16 * 1024;

/// As how much that counts which a member has brought of late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    /// As much as people and their scripts say: it is never held.
    Talk,
    /// So much that the readers may not keep up.
    Flood,
}

/// How much a member has brought in the second that runs.
#[derive(Debug)]
pub(crate) struct Volume {
    /// Since when `brought` has been counted.
    since: Instant,
    /// What was brought since then, in bytes.
    brought: usize,
}

impl Volume {
    pub(crate) fn new() -> Volume {
        Volume { since: instant(), brought: 0 }
    }

    /// Counts so many bytes more.
    pub(super) fn weigh(&mut self, bytes: usize) -> Weight {
        let now = instant();
        if now.duration_since(self.since) >= Duration::from_secs(1) {
            (self.since, self.brought) = (now, 0);
        }
        self.brought += bytes;
        if self.brought <= MOST_TALK { Weight::Talk } else { Weight::Flood }
    }
}
