//! One entry of an export: a line of the conversation → text or JSON. Pure, but for the zone of local times.

use std::fmt;
use std::path::Path;

use chrono::{DateTime, Local};

use crate::protocol::tag::{Millis, Seq};

/// In which form an export is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As people read it.
    Text,
    /// One JSON object for each line.
    Json,
}

impl Form {
    /// The one that a file's name asks for.
    pub(super) fn of(path: &Path) -> Form {
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        let is_json = ["json", "jsonl"].iter().any(|json| ending.eq_ignore_ascii_case(json));
        if is_json { Form::Json } else { Form::Text }
    }
}

/// An entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry<'a> {
    /// An event.
    Event {
        /// Its number.
        seq: Seq,
        /// When it was.
        at: Millis,
        /// As it was shown.
        line: &'a str,
        /// What it is about.
        name: &'a str,
        /// What happened.
        what: What<'a>,
    },
    /// Lines that are not in the history.
    Missing {
        /// When that was.
        at: Millis,
        /// How many.
        lines: u64,
    },
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What<'a> {
    /// Somebody said this.
    Said(&'a str),
    /// Somebody did this.
    Done(&'a str),
    /// Somebody has this name now.
    Renamed(&'a str),
}

impl<'a> Entry<'a> {
    /// Reads a line as the room renders it. No name has a blank in it.
    pub(super) fn parse(seq: Seq, at: Millis, line: &'a str) -> Option<Entry<'a>> {
        let said = || {
            line.strip_prefix('<')?.split_once("> ").map(|(name, text)| (name, What::Said(text)))
        };
        let done = || {
            line.strip_prefix("* ")?.split_once(' ').map(|(name, text)| (name, What::Done(text)))
        };
        let renamed = || {
            let (name, to) = line.strip_prefix("-- ")?.split_once(" is now ")?;
            Some((name, What::Renamed(to)))
        };
        let (name, what) = said().or_else(done).or_else(renamed)?;
        Some(Entry::Event { seq, at, line, name, what })
    }

    /// When it was.
    pub(super) fn at(&self) -> Millis {
        match self {
            Entry::Event { at, .. } | Entry::Missing { at, .. } => *at,
        }
    }

    /// As it is written.
    pub(super) fn shown(self, form: Form) -> Shown<'a> {
        Shown { entry: self, form }
    }
}

/// An entry as it is written, without the end of the line.
pub(super) struct Shown<'a> {
    entry: Entry<'a>,
    form: Form,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = DateTime::from_timestamp_millis(self.entry.at()).unwrap_or_default();
        let time = time.with_timezone(&Local);
        match self.form {
            Form::Text => {
                write!(f, "{} ", time.format("%Y-%m-%d %H:%M:%S"))?;
                write_text(f, &self.entry)
            }
            Form::Json => {
                let time = time.format("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string();
                write_json(f, &self.entry, &time)
            }
        }
    }
}

fn write_text(f: &mut fmt::Formatter<'_>, entry: &Entry<'_>) -> fmt::Result {
    match entry {
        Entry::Event { line, .. } => f.write_str(line),
        Entry::Missing { lines: 1, .. } => f.write_str("-- 1 line is not in this server's history"),
        Entry::Missing { lines, .. } => {
            write!(f, "-- {lines} lines are not in this server's history")
        }
    }
}

fn write_json(f: &mut fmt::Formatter<'_>, entry: &Entry<'_>, time: &str) -> fmt::Result {
    let time = Json(time);
    match entry {
        Entry::Event { seq, name, what, .. } => {
            let (kind, key, value) = match what {
                What::Said(text) => ("said", "text", text),
                What::Done(text) => ("done", "text", text),
                What::Renamed(to) => ("renamed", "to", to),
            };
            let (name, value) = (Json(name), Json(value));
            write!(
                f,
                r#"{{"seq":{seq},"time":{time},"kind":"{kind}","name":{name},"{key}":{value}}}"#
            )
        }
        Entry::Missing { lines, .. } => {
            write!(f, r#"{{"time":{time},"kind":"missing","lines":{lines}}}"#)
        }
    }
}

/// A text as JSON has it, in its quotes.
struct Json<'a>(&'a str);

impl fmt::Display for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self.0).map_err(|_| fmt::Error)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_is_read_from_the_line() {
        for (line, expected) in [
            ("<alice> hello> there", Some(("alice", What::Said("hello> there")))),
            ("* bob waves at all", Some(("bob", What::Done("waves at all")))),
            ("-- bob is now bobby", Some(("bob", What::Renamed("bobby")))),
            ("-- something else", None),
            ("", None),
        ] {
            let entry = Entry::parse(7, 5, line);
            let found = entry.map(|entry| match entry {
                Entry::Event { name, what, .. } => (name, what),
                Entry::Missing { .. } => panic!("it is an event"),
            });
            assert_eq!(found, expected, "{line}");
        }
    }

    #[test]
    fn every_text_is_one_json_string_in_one_line() {
        let entry = Entry::parse(7, 5, "<alice> a \"b\" \\ \u{1b} ß").expect("it is said");
        let json = entry.shown(Form::Json).to_string();
        let value: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!(value["text"], "a \"b\" \\ \u{1b} ß");
        assert_eq!(value["seq"], 7);
        assert!(!json.contains('\n'));
    }
}
