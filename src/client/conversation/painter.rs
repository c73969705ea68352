//! One line of the conversation, written for the terminal. Pure.
//!
//! What is written is the line's own text, its time, and the sequences of [`Colours`]; a line that
//! has any ends with a reset, so that no line's looks depend on another's. A long line is written
//! whole: the terminal wraps it.

use std::fmt::{self, Write};

use chrono::{NaiveDate, NaiveTime, Timelike};

use super::incoming::Incoming;
use crate::client::colours::{Colours, Ink, Style};
use crate::protocol::reply;

/// What stands in the middle of the rule above what is new.
const NEW: &str = " new ";

/// How many columns a rule needs at either side of its words to be seen as one: a blank, and a line
/// of three.
const MARGIN: usize = 4;

/// How a conversation is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Painter {
    /// How many colours the terminal has.
    pub(super) colours: Colours,
}

/// What stands before a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stamp<'a> {
    /// When it came.
    Now(NaiveTime),
    /// When it was said, long before it came, where the server is.
    Earlier(&'a str),
    /// The same, where this machine is.
    EarlierHere(NaiveTime),
}

impl fmt::Display for Stamp<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stamp::Now(time) => write!(f, "{:02}:{:02}", time.hour(), time.minute()),
            Stamp::EarlierHere(time) => write!(f, "{} |", Stamp::Now(*time)),
            Stamp::Earlier(time) => write!(f, "{time} |"),
        }
    }
}

/// Whether a line stands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stress {
    /// It is one of many.
    None,
    /// It is for us.
    ForUs,
}

/// Whether something said is bold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weight {
    Light,
    Bold,
}

/// Whether all can read what was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Secrecy {
    Public,
    /// What stands before the text is in reverse: nobody takes it for public, or the other way round.
    Private,
}

impl Painter {
    /// Writes a line of a server that has our banner. `line` is what `incoming` was read from, and
    /// `ink` finds the colour of a name.
    pub(super) fn line(
        self,
        stamp: Stamp<'_>,
        (line, incoming): (&str, Incoming<'_>),
        stress: Stress,
        ink: impl Fn(&str) -> Ink,
        out: &mut String,
    ) {
        if let Incoming::Notice(_) = incoming {
            return self.dim(format_args!("{stamp} {line}"), out);
        }
        self.stamp(stamp, out);
        let weight = if stress == Stress::ForUs { Weight::Bold } else { Weight::Light };
        use Secrecy::{Private, Public};
        let mut speech = |before, name: &str, after, text, secrecy| {
            self.speech([before, name, after, text], ink(name), weight, secrecy, out);
        };
        match incoming {
            Incoming::Said(name, text) => speech("<", name, ">", text, Public),
            Incoming::Done(name, text) => speech("* ", name, "", text, Public),
            Incoming::ToYou(name, text) => speech("[", name, " -> you]", text, Private),
            Incoming::FromYou(name, text) => speech("[you -> ", name, "]", text, Private),
            Incoming::Error(text) => self.error(text, out),
            Incoming::Notice(_)
            | Incoming::Earlier(..)
            | Incoming::EarlierDay(_)
            | Incoming::Unknown(_) => out.push_str(line),
        }
        self.end(out);
    }

    /// Writes a line of a server that nothing is known of.
    pub(super) fn foreign(self, stamp: Stamp<'_>, line: &str, out: &mut String) {
        self.stamp(stamp, out);
        out.push_str(line);
        self.end(out);
    }

    /// Writes that what comes next is of another day.
    pub(super) fn day(self, day: NaiveDate, out: &mut String) {
        self.dim(format_args!("-- {day}"), out);
    }

    /// Writes that what comes next is new, across so many columns.
    pub(super) fn new_lines(self, columns: usize, out: &mut String) {
        self.rule(columns, if columns < NEW.len() { "" } else { NEW }, out);
    }

    /// Writes that lines are missing here, as `line` says, across so many columns; with the reason
    /// where there is room for it.
    pub(super) fn missed(self, columns: usize, line: &str, out: &mut String) {
        let words = reply::words(line);
        let short = words.split(" (").next().unwrap_or_default();
        let fits = |words: &str| words.chars().count() + 2 * MARGIN <= columns;
        match [words, short].into_iter().find(|words| fits(words)) {
            Some(words) => self.rule(columns, &format!(" {words} "), out),
            None => self.dim(format_args!("{line}"), out),
        }
    }

    fn rule(self, columns: usize, words: &str, out: &mut String) {
        let free = columns.saturating_sub(words.chars().count());
        let left = free / 2;
        let right = free - left;
        self.dim(format_args!("{}{words}{}", "─".repeat(left), "─".repeat(right)), out);
    }

    fn stamp(self, stamp: Stamp<'_>, out: &mut String) {
        self.write(Style::Dim, out);
        put(format_args!("{stamp}"), out);
        self.write(Style::Plain, out);
        out.push(' ');
    }

    fn speech(
        self,
        [before, name, after, text]: [&str; 4],
        ink: Ink,
        weight: Weight,
        secrecy: Secrecy,
        out: &mut String,
    ) {
        if weight == Weight::Bold {
            self.write(Style::Bold, out);
        }
        if secrecy == Secrecy::Private {
            self.write(Style::Reverse, out);
        }
        out.push_str(before);
        self.write(Style::Name(ink), out);
        out.push_str(name);
        self.write(Style::Uncoloured, out);
        out.push_str(after);
        if secrecy == Secrecy::Private {
            self.write(Style::Upright, out);
        }
        out.push(' ');
        out.push_str(text);
    }

    fn error(self, text: &str, out: &mut String) {
        self.write(Style::Bold, out);
        self.write(Style::Error, out);
        out.push_str("!!");
        self.write(Style::Uncoloured, out);
        self.write(Style::Plain, out);
        out.push(' ');
        out.push_str(text);
    }

    fn dim(self, line: fmt::Arguments<'_>, out: &mut String) {
        self.write(Style::Dim, out);
        put(line, out);
        self.end(out);
    }

    fn end(self, out: &mut String) {
        self.write(Style::Reset, out);
        out.push('\n');
    }

    fn write(self, style: Style, out: &mut String) {
        self.colours.write(style, out);
    }
}

fn put(text: fmt::Arguments<'_>, out: &mut String) {
    // Writing to a string does not fail.
    let _ = out.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::colours::tests::picture;
    use crate::protocol::name::Likeness;

    fn painted(line: &str, stress: Stress) -> String {
        let painter = Painter { colours: Colours::Many };
        let stamp = Stamp::Now(NaiveTime::from_hms_opt(9, 2, 59).unwrap());
        let incoming = Incoming::parse(line, |_| false);
        let mut out = String::new();
        let ink = |name: &str| Ink::of(&Likeness::of(name));
        painter.line(stamp, (line, incoming), stress, ink, &mut out);
        picture(&out)
    }

    #[test]
    fn each_kind_of_line_has_its_own_look() {
        let cases = [
            ("<bob> hi", "{dim}09:02{plain} <{+}bob{-}> hi{/}\n"),
            ("* bob waits", "{dim}09:02{plain} * {+}bob{-} waits{/}\n"),
            ("[you -> bob] x", "{dim}09:02{plain} {reverse}[you -> {+}bob{-}]{upright} x{/}\n"),
            ("-- bob joined", "{dim}09:02 -- bob joined{/}\n"),
            ("!! /msg: no", "{dim}09:02{plain} {bold}{red}!!{-}{plain} /msg: no{/}\n"),
            ("? <bob>", "{dim}09:02{plain} ? <bob>{/}\n"),
        ];
        for (line, expected) in cases {
            assert_eq!(painted(line, Stress::None), expected);
        }
        let cases = [
            ("<bob> hi", "{dim}09:02{plain} {bold}<{+}bob{-}> hi{/}\n"),
            ("* bob waits", "{dim}09:02{plain} {bold}* {+}bob{-} waits{/}\n"),
            (
                "[bob -> you] x",
                "{dim}09:02{plain} {bold}{reverse}[{+}bob{-} -> you]{upright} x{/}\n",
            ),
        ];
        for (line, expected) in cases {
            assert_eq!(painted(line, Stress::ForUs), expected);
        }
    }

    #[test]
    fn the_rule_is_as_wide_as_the_terminal() {
        for (columns, expected) in
            [(0, ""), (1, "─"), (4, "────"), (5, " new "), (6, " new ─"), (9, "── new ──")]
        {
            let mut out = String::new();
            Painter { colours: Colours::None }.new_lines(columns, &mut out);
            assert_eq!(out, format!("{expected}\n"), "{columns}");
        }
    }

    #[test]
    fn what_is_missing_is_a_rule_too_as_long_as_it_fits() {
        let line = "-- you missed 312 lines (you were away)";
        for (columns, expected) in [
            (45, "─── you missed 312 lines (you were away) ────"),
            (44, "─── you missed 312 lines (you were away) ───"),
            (43, "────────── you missed 312 lines ───────────"),
            (28, "─── you missed 312 lines ───"),
            (27, line),
            (1, line),
        ] {
            let mut out = String::new();
            Painter { colours: Colours::None }.missed(columns, line, &mut out);
            assert_eq!(out, format!("{expected}\n"), "{columns}");
        }
    }
}
