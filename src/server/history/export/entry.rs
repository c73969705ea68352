//! One entry of an export: a line of the conversation → text or JSON. Pure, but for the zone of local times.

use std::fmt;
use std::path::Path;

use crate::protocol::json::{Event, What};
use crate::protocol::moment::local;
use crate::protocol::reply::Notice;
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
pub(super) struct Entry<'a> {
    /// What programs get.
    event: Event<'a>,
    /// The event as it was shown; `None` for lines that are not in the history.
    line: Option<&'a str>,
}

impl<'a> Entry<'a> {
    /// Reads a line as the room renders it; `None` for what is no part of the conversation.
    pub(super) fn parse(seq: Seq, at: Millis, line: &'a str) -> Option<Entry<'a>> {
        let what = What::of_line(line, "");
        let is_part = matches!(what, What::Said { .. } | What::Done { .. } | What::Renamed { .. });
        is_part.then(|| Entry { event: Event::new(Some(seq), at, what), line: Some(line) })
    }

    /// So many lines that are not in the history.
    pub(super) fn missing(at: Millis, lines: u64) -> Entry<'a> {
        Entry { event: Event::new(None, at, What::NotKept { lines }), line: None }
    }

    /// When it was.
    pub(super) fn at(&self) -> Millis {
        self.event.at
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
        let Entry { event, line } = self.entry;
        if self.form == Form::Json {
            return write!(f, "{event}");
        }
        write!(f, "{} ", local(event.at).format("%Y-%m-%d %H:%M:%S"))?;
        match (line, event.what) {
            (Some(line), _) => f.write_str(line),
            (None, What::NotKept { lines }) => write!(f, "{}", Notice::NotInHistory(lines)),
            (None, _) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_said_and_done_and_other_names_are_part_of_the_conversation() {
        for (line, expected) in [
            ("<alice> hello> there", Some("said")),
            ("* bob waves at all", Some("done")),
            ("-- bob is now bobby", Some("renamed")),
            ("-- something else", None),
            ("", None),
        ] {
            let kind = Entry::parse(7, 5, line).map(|entry| entry.event.what.kind());
            assert_eq!(kind, expected, "{line}");
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
