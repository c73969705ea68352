//! A time of day as people read it: the server's local time, to the minute. Pure.

use std::fmt;

use chrono::{DateTime, Local};

use super::tag::Millis;

/// A moment, in milliseconds since 1970, written as `2026-12-05 14:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment(pub Millis);

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = DateTime::from_timestamp_millis(self.0).unwrap_or_default();
        write!(f, "{}", time.with_timezone(&Local).format("%Y-%m-%d %H:%M"))
    }
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
