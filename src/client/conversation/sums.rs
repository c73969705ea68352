//! How often it is shown who comes and goes: beyond a few in a second they are shown together, so that a storm of
//! connections does not fill the screen. The server tells each of them by name. Pure: the time comes with each line.

use std::time::Duration;

use chrono::{NaiveDateTime, TimeDelta};

use crate::protocol::reply::{Notice, ReadNotice, ServerLine};

/// How many are shown one by one in an [`INTERVAL`]; the server tells people who have no client as many.
const MOST: u32 = 10;

const INTERVAL: TimeDelta = TimeDelta::seconds(1);

/// The last interval's comings and goings.
#[derive(Debug, Default)]
pub(super) struct Sums {
    /// When the interval began.
    since: NaiveDateTime,
    /// How many were shown one by one since then.
    shown: u32,
    /// How many have joined besides.
    joined: u64,
    /// How many have left besides.
    left: u64,
}

impl Sums {
    /// Whether a line, of that time, is one that is not shown by itself, but in the next sum.
    pub(super) fn takes(&mut self, line: ServerLine<'_>, at: NaiveDateTime) -> bool {
        let Some(notice @ (ReadNotice::Joined(_) | ReadNotice::Left(_))) = line.notice() else {
            return false;
        };
        if self.is_over(at) && !self.has_some() {
            (self.since, self.shown) = (at, 0);
        }
        if self.shown < MOST {
            self.shown += 1;
            return false;
        }
        match notice {
            ReadNotice::Joined(_) => self.joined += 1,
            _ => self.left += 1,
        }
        true
    }

    /// How long it is until the sum is to be shown, if there is one.
    pub(super) fn due(&self, now: NaiveDateTime) -> Option<Duration> {
        let left = || {
            if self.is_over(now) { TimeDelta::zero() } else { self.since + INTERVAL - now }
        };
        self.has_some().then(|| left().to_std().unwrap_or_default())
    }

    /// The sum, once it is to be shown. Another interval begins.
    pub(super) fn take(&mut self, now: NaiveDateTime) -> Option<String> {
        self.due(now).filter(Duration::is_zero)?;
        let sum = Notice::CameAndWent { joined: self.joined, left: self.left }.to_string();
        *self = Sums { since: now, ..Sums::default() };
        Some(sum)
    }

    fn has_some(&self) -> bool {
        self.joined + self.left > 0
    }

    /// Whether the interval is over; so it is where a clock was set back.
    fn is_over(&self, now: NaiveDateTime) -> bool {
        let passed = now.signed_duration_since(self.since);
        passed >= INTERVAL || passed < TimeDelta::zero()
    }
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::*;
    use crate::protocol::reply;

    fn after(millis: i64) -> NaiveDateTime {
        let noon = NaiveDate::from_ymd_opt(2026, 11, 28).and_then(|day| day.and_hms_opt(12, 0, 0));
        noon.expect("a time") + TimeDelta::milliseconds(millis)
    }

    #[test]
    fn beyond_ten_in_a_second_comings_and_goings_are_one_line() {
        let mut sums = Sums::default();
        let mut takes = |line: &str, millis| sums.takes(reply::parse(line), after(millis));
        let taken =
            (0..30).filter(|number| takes(&format!("-- guest{number} joined"), 100)).count();
        assert_eq!(taken, 20);
        assert!(takes("-- guest1 was too slow and was dropped", 500));
        assert!(!takes("-- alice is now bob", 500) && !takes("<bob> hi", 500));
        assert!(!takes("| 14:05 -- bob joined", 500), "that is earlier");
        assert_eq!(sums.due(after(600)), Some(Duration::from_millis(500)));
        assert_eq!(sums.take(after(1099)), None);
        assert_eq!(sums.take(after(1100)).as_deref(), Some("-- 20 joined, 1 left"));
        assert_eq!((sums.take(after(9000)), sums.due(after(9000))), (None, None));
        // From then on it is another second.
        let mut takes = |line: &str, millis| sums.takes(reply::parse(line), after(millis));
        assert!((0..10).all(|_| !takes("-- bob left", 1200)) && takes("-- bob left", 1300));
        assert_eq!(sums.due(after(-1)), Some(Duration::ZERO), "the clock was set back");
        assert_eq!(sums.take(after(2100)).as_deref(), Some("-- 1 member left"));
    }
}
