//! How the times before lines are written, as the user wants them: in strftime's notation, or not at all. Pure.

use std::fmt::{self, Write};
use std::str::FromStr;

use chrono::format::{Item, StrftimeItems};
use chrono::{DateTime, NaiveDateTime};

use super::columns::width;
use crate::protocol::text::make_safe;

/// The most columns that a time may take: the conversation is what a screen is for.
const WIDEST: usize = 40;

/// How a time is written before a line.
#[derive(Debug, Clone, PartialEq)]
pub enum TimeFormat {
    /// Not at all.
    None,
    /// In this form.
    Shown(Vec<Item<'static>>),
}

/// The text that is no time format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoTimeFormat;

impl fmt::Display for NoTimeFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it must be none, or a time as in %H:%M or %H:%M:%S")
    }
}

impl std::error::Error for NoTimeFormat {}

impl Default for TimeFormat {
    /// `14:02`
    fn default() -> TimeFormat {
        "%H:%M".parse().expect("it is a time format")
    }
}

impl FromStr for TimeFormat {
    type Err = NoTimeFormat;

    /// Takes `none` and strftime's notation.
    fn from_str(text: &str) -> Result<TimeFormat, NoTimeFormat> {
        if text == "none" {
            return Ok(TimeFormat::None);
        }
        let items = StrftimeItems::new(text).parse_to_owned().map_err(|_| NoTimeFormat)?;
        let mut sample = String::new();
        // A local time has no zone, whose parts cannot be written.
        write!(sample, "{}", DateTime::UNIX_EPOCH.naive_utc().format_with_items(items.iter()))
            .map_err(|_| NoTimeFormat)?;
        let is_fit = !sample.trim().is_empty()
            && make_safe(sample.as_bytes()) == sample
            && width(&sample) <= WIDEST;
        if is_fit { Ok(TimeFormat::Shown(items)) } else { Err(NoTimeFormat) }
    }
}

impl TimeFormat {
    /// Writes a time, and says how many columns it takes.
    pub(super) fn write(&self, time: NaiveDateTime, out: &mut String) -> usize {
        let TimeFormat::Shown(items) = self else { return 0 };
        let start = out.len();
        // A format that was taken can be written.
        let _ = write!(out, "{}", time.format_with_items(items.iter()));
        width(&out[start..])
    }
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::*;

    #[test]
    fn times_are_written_as_they_are_asked_for() {
        let time = NaiveDate::from_ymd_opt(2026, 11, 28).and_then(|day| day.and_hms_opt(9, 2, 5));
        let time = time.expect("a time");
        for (format, expected) in [
            ("%H:%M", "09:02"),
            ("%H:%M:%S", "09:02:05"),
            ("%I:%M %p", "09:02 AM"),
            ("%d.%m. %H.%M Uhr", "28.11. 09.02 Uhr"),
            ("none", ""),
        ] {
            let format: TimeFormat = format.parse().expect(format);
            let mut out = String::new();
            assert_eq!(format.write(time, &mut out), expected.len());
            assert_eq!(out, expected);
        }
        assert_eq!(TimeFormat::default(), "%H:%M".parse().expect("it is one"));
    }

    #[test]
    fn what_is_no_time_or_would_disturb_the_screen_is_refused() {
        let long = "x".repeat(WIDEST + 1);
        for text in ["", " ", "%", "%Q", "%H:%M %Z", "%z", "%n", "%H\u{1b}[2J", "a\u{202e}b", &long]
        {
            assert_eq!(text.parse::<TimeFormat>(), Err(NoTimeFormat), "{text:?}");
        }
    }
}
