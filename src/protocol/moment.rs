//! Local time: a moment by the clock and the zone of this machine, and as people read it, to the minute. Pure.

use std::fmt;

use chrono::{DateTime, Local};

use super::tag::Millis;

/// A moment, in milliseconds since 1970, written as `2026-12-05 14:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment(pub Millis);

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", local(self.0).format("%Y-%m-%d %H:%M"))
    }
}

/// That moment where this machine is; 1970 for one that no calendar has.
pub(crate) fn local(at: Millis) -> DateTime<Local> {
    DateTime::from_timestamp_millis(at).unwrap_or_default().with_timezone(&Local)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_has_its_day_hour_and_minute() {
        let text = Moment(1_790_000_000_000).to_string();
        assert_eq!(text.len(), "2026-12-05 14:00".len(), "{text}");
        assert!(text.starts_with("2026-09-2"), "{text}");
    }
}
