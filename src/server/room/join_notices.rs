//! How often it is told who comes and goes. Pure.
//!
//! Beyond a few in a second they are told together, so that nobody can fill the others' screens by
//! coming and going.

use std::time::Duration;

/// How many are told one by one in an [`INTERVAL`].
const MOST: u32 = 10;

const INTERVAL: Duration = Duration::from_secs(1);

/// Who comes and goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Move {
    Join,
    Leave,
}

/// Joins and leaves that are told together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Sum {
    /// How many have joined.
    pub(crate) joined: u64,
    /// How many have left.
    pub(crate) left: u64,
}

/// The last interval's joins and leaves.
#[derive(Debug, Default)]
pub(crate) struct JoinNotices {
    /// When the interval began, since the room was opened.
    since: Duration,
    /// How many were told one by one since then.
    told: u32,
    /// Those that were not.
    untold: Sum,
}

impl JoinNotices {
    /// Whether one more is told by itself. If not, it is in a later [sum](JoinNotices::take_sum).
    pub(crate) fn tells(&mut self, what: Move, now: Duration) -> bool {
        if now.saturating_sub(self.since) >= INTERVAL && self.untold == Sum::default() {
            (self.since, self.told) = (now, 0);
        }
        if self.told < MOST {
            self.told += 1;
            return true;
        }
        match what {
            Move::Join => self.untold.joined += 1,
            Move::Leave => self.untold.left += 1,
        }
        false
    }

    /// When the interval began, how many were told one by one since then, and those that were not.
    pub(crate) fn parts(&self) -> (Duration, u32, Sum) {
        (self.since, self.told, self.untold)
    }

    /// The same, from before.
    pub(crate) fn of_parts(since: Duration, told: u32, untold: Sum) -> JoinNotices {
        JoinNotices { since, told, untold }
    }

    /// These were not told before.
    pub(crate) fn restore(&mut self, untold: Sum) {
        self.untold = untold;
    }

    /// The sum as it is by now.
    pub(crate) fn untold(&self) -> Sum {
        self.untold
    }

    /// When the sum is to be told, if there is one.
    pub(crate) fn due(&self) -> Option<Duration> {
        (self.untold != Sum::default()).then(|| self.since + INTERVAL)
    }

    /// The sum, once it is due. Another interval begins.
    pub(crate) fn take_sum(&mut self, now: Duration) -> Option<Sum> {
        self.due().filter(|due| *due <= now)?;
        (self.since, self.told) = (now, 0);
        Some(std::mem::take(&mut self.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_ten_in_a_second_they_are_told_together() {
        let after = Duration::from_millis;
        let mut notices = JoinNotices::default();
        let told = (0..30).filter(|_| notices.tells(Move::Join, after(100))).count();
        assert!(!notices.tells(Move::Leave, after(200)));
        assert_eq!((told, notices.due()), (10, Some(after(1000))));
        assert_eq!(notices.take_sum(after(999)), None);
        // Until the sum is told nobody is told alone, or the order would be another one.
        assert!(!notices.tells(Move::Leave, after(1500)));
        assert_eq!(notices.take_sum(after(1500)), Some(Sum { joined: 20, left: 2 }));
        assert_eq!((notices.take_sum(after(3000)), notices.due()), (None, None));
        assert!(notices.tells(Move::Leave, after(1600)));
        assert!((0..10).all(|_| notices.tells(Move::Join, after(2600))));
        assert!(!notices.tells(Move::Join, after(2700)));
    }
}
