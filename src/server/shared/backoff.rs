//! When to try again what has failed: soon, then less often. Pure.

use std::time::Duration;

/// The first wait.
const FIRST: Duration = Duration::from_millis(50);

/// The longest wait.
const LONGEST: Duration = Duration::from_secs(1);

/// How long to wait before the next attempt.
#[derive(Debug)]
pub(crate) struct Backoff {
    /// The next wait.
    next: Duration,
}

impl Backoff {
    /// Nothing has failed.
    pub(crate) fn new() -> Backoff {
        Backoff { next: FIRST }
    }

    /// It has failed: how long to wait.
    pub(crate) fn on_trouble(&mut self) -> Duration {
        let wait = self.next;
        self.next = (2 * wait).min(LONGEST);
        wait
    }

    /// It has worked.
    pub(crate) fn on_success(&mut self) {
        self.next = FIRST;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_second_until_it_works() {
        let mut backoff = Backoff::new();
        let waits: Vec<_> = (0..7).map(|_| backoff.on_trouble().as_millis()).collect();
        assert_eq!(waits, [50, 100, 200, 400, 800, 1000, 1000]);
        backoff.on_success();
        assert_eq!(backoff.on_trouble().as_millis(), 50);
    }
}
