//! An event of the room as programs get it: one JSON object on one line.
//!
//! The server's export and its `--on-event`, and `chatclient --json`, write the same objects, so that a program which
//! reads one of them reads them all. `docs/events.schema.json` describes them.
//!
//! Pure, but for the zone of local times.

use std::fmt::{self, Display};

use super::moment::local;
use super::reply::{self, Message, ReadNotice, ReadSpeech};
use super::tag::{Millis, Seq};
pub use leaving::Leaving;

mod leaving;

/// One event. Shown, it is its JSON, without the end of the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event<'a> {
    /// Its number in the room's one order, if it has one.
    pub seq: Option<Seq>,
    /// When it happened, by the clock of whoever writes it.
    pub at: Millis,
    /// What happened.
    pub what: What<'a>,
    /// Whether the program that reads it has said or done it.
    pub own: bool,
    /// Which line of the program's input it comes from, answers or refuses.
    pub line: Option<u64>,
    /// Whether it happened before, and is shown again.
    pub earlier: bool,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum What<'a> {
    /// Somebody has said something to all.
    Said {
        /// Who.
        from: &'a str,
        /// What.
        text: &'a str,
    },
    /// Somebody has done something, as `/me` tells it.
    Done {
        /// Who.
        from: &'a str,
        /// What.
        text: &'a str,
    },
    /// Somebody has said something to one alone.
    Private {
        /// Who.
        from: &'a str,
        /// To whom.
        to: &'a str,
        /// What.
        text: &'a str,
    },
    /// Somebody has another name.
    Renamed {
        /// The name until now.
        from: &'a str,
        /// The name from now on.
        new_name: &'a str,
    },
    /// Somebody has come.
    Joined {
        /// Who.
        from: &'a str,
    },
    /// Somebody has gone.
    Left {
        /// Who.
        from: &'a str,
        /// How.
        how: Leaving<'a>,
    },
    /// Lines that the reader should have had are gone.
    Missed {
        /// How many.
        lines: u64,
    },
    /// The history does not have lines that were said here.
    NotKept {
        /// How many.
        lines: u64,
    },
    /// All that there is to say about a line of the program's input has come, and it became no event.
    Answered,
    /// What is the reader's name from now on.
    You {
        /// The name.
        name: &'a str,
        /// The words in which that is told.
        text: &'a str,
    },
    /// Anything else that the server tells.
    Notice {
        /// Its words.
        text: &'a str,
    },
    /// The server, or the program's client, has refused something.
    Refused {
        /// Why, in words.
        text: &'a str,
    },
}

impl<'a> What<'a> {
    /// Reads a line as the room renders it: one in the plain form, or the body of a tagged one. `me` is the name of
    /// the member who gets it, which stands in place of `you`.
    #[must_use]
    pub fn of_line(line: &'a str, me: &'a str) -> What<'a> {
        match reply::parse(line).message() {
            Some(message) => What::of(message, line, me),
            None => What::Notice { text: line },
        }
    }

    /// What a message says whose text is `line`.
    #[must_use]
    pub fn of(message: Message<'a>, line: &'a str, me: &'a str) -> What<'a> {
        let text = reply::words(line);
        match message {
            Message::Speech(ReadSpeech::Said(from, text)) => What::Said { from, text },
            Message::Speech(ReadSpeech::Done(from, text)) => What::Done { from, text },
            Message::Speech(ReadSpeech::ToYou(from, text)) => What::Private { from, to: me, text },
            Message::Speech(ReadSpeech::FromYou(to, text)) => What::Private { from: me, to, text },
            Message::Notice(ReadNotice::Joined(from)) => What::Joined { from },
            Message::Notice(ReadNotice::Left(from)) => {
                What::Left { from, how: Leaving::parse(from, text) }
            }
            Message::Notice(ReadNotice::IsNow { old, new }) => {
                What::Renamed { from: old, new_name: new }
            }
            Message::Notice(ReadNotice::Missed(lines)) => What::Missed { lines },
            Message::Notice(
                ReadNotice::YouAre(name)
                | ReadNotice::YouAreNow(name)
                | ReadNotice::WelcomeBack(name),
            ) => What::You { name, text },
            Message::Notice(_) => What::Notice { text },
            Message::Refusal(_) => What::Refused { text },
            Message::Plain => What::Notice { text: line },
        }
    }

    /// The word by which programs tell it from others.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            What::Said { .. } => "said",
            What::Done { .. } => "done",
            What::Private { .. } => "private",
            What::Renamed { .. } => "renamed",
            What::Joined { .. } => "joined",
            What::Left { .. } => "left",
            What::Missed { .. } => "missed",
            What::NotKept { .. } => "not_kept",
            What::Answered => "answered",
            What::You { .. } => "you",
            What::Notice { .. } => "notice",
            What::Refused { .. } => "refused",
        }
    }

    fn write(&self, object: &mut Object<'_, '_>) -> fmt::Result {
        match *self {
            What::Said { from, text } | What::Done { from, text } => {
                object.text("from", from)?;
                object.text("text", text)
            }
            What::Private { from, to, text } => {
                object.text("from", from)?;
                object.text("to", to)?;
                object.text("text", text)
            }
            What::Renamed { from, new_name } => {
                object.text("from", from)?;
                object.text("new_name", new_name)
            }
            What::Joined { from } => object.text("from", from),
            What::Left { from, how } => {
                object.text("from", from)?;
                how.write(object)
            }
            What::Missed { lines } | What::NotKept { lines } => object.plain("lines", lines),
            What::Answered => Ok(()),
            What::You { name, text } => {
                object.text("name", name)?;
                object.text("text", text)
            }
            What::Notice { text } | What::Refused { text } => object.text("text", text),
        }
    }
}

impl<'a> Event<'a> {
    /// An event of that number, which happened then.
    #[must_use]
    pub fn new(seq: Option<Seq>, at: Millis, what: What<'a>) -> Event<'a> {
        Event { seq, at, what, own: false, line: None, earlier: false }
    }
}

impl Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut object = Object::begin(f)?;
        if let Some(seq) = self.seq {
            object.plain("seq", seq)?;
        }
        object.text("time", &time(self.at))?;
        object.text("kind", self.what.kind())?;
        self.what.write(&mut object)?;
        if self.own {
            object.plain("own", true)?;
        }
        if self.earlier {
            object.plain("earlier", true)?;
        }
        if let Some(line) = self.line {
            object.plain("line", line)?;
        }
        object.end()
    }
}

/// A time as programs read it: RFC 3339, with milliseconds and the zone's offset.
#[must_use]
pub fn time(at: Millis) -> String {
    local(at).format("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string()
}

/// A JSON object that is being written: its fields stay in the order in which they come.
pub(crate) struct Object<'a, 'f> {
    /// Where it is written.
    f: &'a mut fmt::Formatter<'f>,
    /// What stands before the next field.
    before: char,
}

impl<'a, 'f> Object<'a, 'f> {
    fn begin(f: &'a mut fmt::Formatter<'f>) -> Result<Object<'a, 'f>, fmt::Error> {
        Ok(Object { f, before: '{' })
    }

    /// A field whose value is text.
    pub(crate) fn text(&mut self, name: &str, value: &str) -> fmt::Result {
        let value = serde_json::to_string(value).map_err(|_| fmt::Error)?;
        self.plain(name, value)
    }

    /// A field whose value is shown as JSON has it.
    pub(crate) fn plain(&mut self, name: &str, value: impl Display) -> fmt::Result {
        let before = std::mem::replace(&mut self.before, ',');
        write!(self.f, "{before}\"{name}\":{value}")
    }

    fn end(self) -> fmt::Result {
        self.f.write_str("}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};
    use serde_json::{Value, json};

    use chrono::DateTime;

    use super::*;
    use crate::protocol::arbitrary::text;

    fn value_of(event: Event<'_>) -> Value {
        let shown = event.to_string();
        assert!(!shown.contains('\n'), "{shown:?}");
        serde_json::from_str(&shown).unwrap_or_else(|why| panic!("{shown}: {why}"))
    }

    #[test]
    fn what_a_line_says_is_in_its_fields() {
        for (line, expected) in [
            ("<alice> hi> there", json!({"kind": "said", "from": "alice", "text": "hi> there"})),
            ("* bob waves", json!({"kind": "done", "from": "bob", "text": "waves"})),
            (
                "[bob -> you] psst",
                json!({"kind": "private", "from": "bob", "to": "me", "text": "psst"}),
            ),
            (
                "[you -> bob] psst",
                json!({"kind": "private", "from": "me", "to": "bob", "text": "psst"}),
            ),
            ("-- bob is now bobby", json!({"kind": "renamed", "from": "bob", "new_name": "bobby"})),
            ("-- bob joined", json!({"kind": "joined", "from": "bob"})),
            ("-- bob left", json!({"kind": "left", "from": "bob", "reason": "quit"})),
            (
                "-- bob left: eve joined",
                json!({"kind": "left", "from": "bob", "reason": "quit", "text": "eve joined"}),
            ),
            ("-- you missed 312 lines (you were away)", json!({"kind": "missed", "lines": 312})),
            (
                "-- you are now bob",
                json!({"kind": "you", "name": "bob", "text": "you are now bob"}),
            ),
            ("-- topic: tea", json!({"kind": "notice", "text": "topic: tea"})),
            (
                "!! /msg: nobody here is called bob",
                json!({"kind": "refused", "text": "/msg: nobody here is called bob"}),
            ),
            ("Welcome", json!({"kind": "notice", "text": "Welcome"})),
            ("| 14:05 <a> x", json!({"kind": "notice", "text": "| 14:05 <a> x"})),
            ("", json!({"kind": "notice", "text": ""})),
        ] {
            let mut value = value_of(Event::new(None, 0, What::of_line(line, "me")));
            value.as_object_mut().expect("an object").remove("time");
            assert_eq!(value, expected, "{line}");
        }
    }

    #[test]
    fn fields_stand_in_one_order_and_what_is_not_so_is_left_out() {
        let what = What::Said { from: "alice", text: "a \"b\"" };
        let event = Event::new(Some(7), 1_790_000_000_123, what);
        let time = time(1_790_000_000_123);
        let expected =
            format!(r#"{{"seq":7,"time":"{time}","kind":"said","from":"alice","text":"a \"b\""}}"#);
        assert_eq!(event.to_string(), expected);
        let event = Event { seq: None, own: true, line: Some(3), earlier: true, ..event };
        let ending = r#""text":"a \"b\"","own":true,"earlier":true,"line":3}"#;
        assert!(event.to_string().ends_with(ending), "{event}");
        let instant = DateTime::parse_from_rfc3339(&time).expect("RFC 3339");
        assert_eq!(instant.timestamp_millis(), 1_790_000_000_123, "{time}");
    }

    proptest! {
        #[test]
        fn any_line_is_one_object_on_one_line(line in text(), seq in any::<Option<u64>>(), at: i64) {
            let value = value_of(Event::new(seq, at, What::of_line(&line, "me")));
            prop_assert!(value["kind"].is_string());
            prop_assert_eq!(value["seq"].as_u64(), seq);
        }
    }
}
