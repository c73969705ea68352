//! How somebody has left, read from the words in which the room tells it. Pure.

use std::fmt;

use super::Object;
use crate::protocol::reply::CONSOLE;

/// How somebody has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Leaving<'a> {
    /// By its own will, with a farewell or none.
    Quit(&'a str),
    /// Its connection was lost.
    Lost,
    /// It took nothing for too long.
    TooSlow,
    /// An operator has removed it.
    Removed {
        /// Who that was.
        by: &'a str,
        /// Why; it may be empty.
        why: &'a str,
    },
    /// An operator keeps it out.
    Banned {
        /// Who that was.
        by: &'a str,
        /// Why; it may be empty.
        why: &'a str,
    },
}

impl<'a> Leaving<'a> {
    /// Reads the words that tell that `name` has left.
    pub(super) fn parse(name: &str, words: &'a str) -> Leaving<'a> {
        let how = words.strip_prefix(name).and_then(|rest| rest.strip_prefix(' ')).unwrap_or("");
        if let Some(rest) = how.strip_prefix("was removed by ") {
            let (by, why) = by_and_why(rest);
            return Leaving::Removed { by, why };
        }
        if let Some(rest) = how.strip_prefix("was banned by ") {
            let (by, why) = by_and_why(rest);
            return Leaving::Banned { by, why };
        }
        match how {
            "left (connection lost)" => Leaving::Lost,
            "was too slow and was dropped" => Leaving::TooSlow,
            _ => Leaving::Quit(how.strip_prefix("left: ").unwrap_or("")),
        }
    }

    pub(super) fn write(self, object: &mut Object<'_, '_>) -> fmt::Result {
        let (reason, by, text) = match self {
            Leaving::Quit(farewell) => ("quit", "", farewell),
            Leaving::Lost => ("connection lost", "", ""),
            Leaving::TooSlow => ("too slow", "", ""),
            Leaving::Removed { by, why } => ("removed", by, why),
            Leaving::Banned { by, why } => ("banned", by, why),
        };
        object.text("reason", reason)?;
        for (name, value) in [("by", by), ("text", text)] {
            if !value.is_empty() {
                object.text(name, value)?;
            }
        }
        Ok(())
    }
}

/// Who has done it, and why: `alice: WHY`, perhaps with a time behind the name. No name has a blank in it.
fn by_and_why(rest: &str) -> (&str, &str) {
    let of_console = rest.starts_with(CONSOLE).then_some(CONSOLE.len());
    let end = of_console.or_else(|| rest.find([' ', ':'])).unwrap_or(rest.len());
    let why = rest[end..].split_once(": ").map_or("", |(_, why)| why);
    (&rest[..end], why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_of_leaving_is_read() {
        for (words, expected) in [
            ("bob left", Leaving::Quit("")),
            ("bob left: see you: soon", Leaving::Quit("see you: soon")),
            ("bob left (connection lost)", Leaving::Lost),
            ("bob was too slow and was dropped", Leaving::TooSlow),
            ("bob was removed by alice", Leaving::Removed { by: "alice", why: "" }),
            (
                "bob was removed by the operator: no adverts: please",
                Leaving::Removed { by: "the operator", why: "no adverts: please" },
            ),
            ("bob was banned by alice", Leaving::Banned { by: "alice", why: "" }),
            ("bob was banned by alice: no", Leaving::Banned { by: "alice", why: "no" }),
            ("bob was banned by alice for 7 days", Leaving::Banned { by: "alice", why: "" }),
            (
                "bob was banned by the operator for 7 days: no",
                Leaving::Banned { by: "the operator", why: "no" },
            ),
        ] {
            assert_eq!(Leaving::parse("bob", words), expected, "{words}");
        }
    }
}
