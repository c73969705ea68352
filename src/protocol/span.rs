//! Spans of time as people write and read them: `10m` is `10 min`. Pure.

use std::fmt;
use std::time::Duration;

use super::reply::Count;
use super::tag::number;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const YEAR: u64 = 365 * DAY;

/// The longest span that is read. Whoever means longer means for ever.
const LONGEST: u64 = 10 * YEAR;

/// Reads `30s`, `10m`, `2h` or `7d`; `None` for anything else, for nothing, and for more than 10 years.
#[must_use]
pub fn parse(text: &str) -> Option<Duration> {
    let (count, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let unit = match unit {
        "s" => 1,
        "m" => MINUTE,
        "h" => HOUR,
        "d" => DAY,
        _ => return None,
    };
    let seconds = number(count)?.checked_mul(unit)?;
    (1..=LONGEST).contains(&seconds).then(|| Duration::from_secs(seconds))
}

/// A span in the largest unit that it is a multiple of: `30 s`, `10 min`, `12 hours`, `1 day`, `2 years`. What is
/// less than a second of it does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span(pub Duration);

impl Span {
    /// What is left of a time, in few digits and never too little: whole minutes, from 2 hours on whole hours, and
    /// from 2 days on whole days; seconds below a minute.
    #[must_use]
    pub fn about(left: Duration) -> Span {
        let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
        let unit = match seconds {
            172_801.. => DAY,
            7201.. => HOUR,
            61.. => MINUTE,
            _ => 1,
        };
        Span(Duration::from_secs(seconds.div_ceil(unit) * unit))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let is_multiple = |unit| seconds > 0 && seconds.is_multiple_of(unit);
        match seconds {
            _ if is_multiple(YEAR) => write!(f, "{}", Count(seconds / YEAR, "year")),
            _ if is_multiple(DAY) => write!(f, "{}", Count(seconds / DAY, "day")),
            _ if is_multiple(HOUR) => write!(f, "{}", Count(seconds / HOUR, "hour")),
            _ if is_multiple(MINUTE) => write!(f, "{} min", seconds / MINUTE),
            _ => write!(f, "{seconds} s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_read_and_written_in_its_unit() {
        for (text, told) in [
            ("30s", "30 s"),
            ("90s", "90 s"),
            ("10m", "10 min"),
            ("60m", "1 hour"),
            ("2h", "2 hours"),
            ("7d", "7 days"),
            ("3650d", "10 years"),
        ] {
            assert_eq!(parse(text).map(|span| Span(span).to_string()), Some(told.to_owned()));
        }
        for text in ["", "s", "0m", "10", "-1s", "1.5h", "1w", "10 m", "3651d", "é", "10M"] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse("99999999999999999999d"), None);
    }

    #[test]
    fn what_is_left_is_told_in_few_digits_and_never_too_little() {
        for (milliseconds, told) in [
            (1, "1 s"),
            (59_001, "1 min"),
            (60_001, "2 min"),
            (520_000, "9 min"),
            (7_199_000, "2 hours"),
            (7_201_000, "3 hours"),
            (172_801_000, "3 days"),
        ] {
            assert_eq!(Span::about(Duration::from_millis(milliseconds)).to_string(), told);
        }
    }
}
