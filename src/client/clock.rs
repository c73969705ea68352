//! The server's clock beside this machine's. The one place of the client where the time of day is read;
//! `Clock` itself is pure.
//!
//! A line's time is when it was said, by the server's clock; our own lines have this machine's. So
//! that both agree, the difference between the clocks is taken from the first line of a connection,
//! which is as new as can be. Shown is local time.

use chrono::{DateTime, Local, NaiveDateTime};

use crate::protocol::tag::Millis;

/// The last time that is shown as it is: the end of the year 9999. A server that names a later one
/// does not know what time it is.
const LAST: Millis = 253_402_300_799_999;

/// How far this machine's clock is before the server's, once that is known.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Clock {
    /// By how much our clock is ahead of the server's, in milliseconds, once that is known.
    ahead: Option<Millis>,
}

impl Clock {
    /// When that was by this machine's clock, which says `now` as the line with this time comes.
    pub(super) fn here(&mut self, at: Millis, now: Millis) -> Millis {
        let ahead = *self.ahead.get_or_insert(now.saturating_sub(at));
        at.saturating_add(ahead)
    }
}

/// What this machine's clock says.
pub(super) fn now() -> Millis {
    Local::now().timestamp_millis()
}

/// The same as a local time.
pub(super) fn local_now() -> NaiveDateTime {
    Local::now().naive_local()
}

/// That time where this machine is; `None` if it is none to be believed.
pub(super) fn local(at: Millis) -> Option<NaiveDateTime> {
    let believed = (0..=LAST).contains(&at).then(|| DateTime::from_timestamp_millis(at)).flatten();
    believed.map(|time| time.with_timezone(&Local).naive_local())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_sets_the_clock() {
        let mut clock = Clock::default();
        assert_eq!(clock.here(1000, 5000), 5000);
        assert_eq!(clock.here(1500, 9000), 5500);
        assert_eq!(clock.here(400, 9000), 4400);
        let mut behind = Clock::default();
        assert_eq!(behind.here(5000, 1000), 1000);
        assert_eq!(behind.here(6000, 1000), 2000);
    }

    #[test]
    fn no_time_is_too_wild() {
        for first in [0, 1, Millis::MAX] {
            for next in [0, 1, Millis::MAX] {
                let mut clock = Clock::default();
                clock.here(first, now());
                local(clock.here(next, now()));
            }
        }
        assert!(local(LAST).is_some() && local(0).is_some());
        assert_eq!((local(-1), local(LAST + 1)), (None, None));
    }
}
