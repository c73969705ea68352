//! One line of the conversation, written for the terminal. Pure.
//!
//! What is written is the line's own text, its time, and the sequences of [`Colours`]; a line that
//! has any ends with a reset, so that no line's looks depend on another's. A line that is wider than
//! the terminal is broken into rows by `wrap`, or written whole for the terminal to break it.

use std::fmt::{self, Write};

use chrono::{NaiveDate, NaiveTime, Timelike};

use super::incoming::Incoming;
use super::wrap::{self, Place};
use crate::client::WrapChoice;
use crate::client::colours::{Colours, Ink, Style};
use crate::client::columns::width;
use crate::protocol::reply;

/// What stands in the middle of the rule above what is new.
const NEW: &str = " new ";

/// How many columns a rule needs at either side of its words to be seen as one: a blank, and a line
/// of three.
const MARGIN: usize = 4;

/// What stands before a notice of the server's; before an error it is as wide.
const MARK: &str = "-- ";

/// How a conversation is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Painter {
    /// How many colours the terminal has.
    pub(super) colours: Colours,
    /// Who breaks lines that are wider than the terminal.
    pub(super) wrap: WrapChoice,
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
    /// Writes a line of a server that has our banner, behind its stamp and across so many columns.
    /// `line` is what `incoming` was read from, and `ink` finds the colour of a name.
    pub(super) fn line(
        self,
        (stamp, columns): (Stamp<'_>, usize),
        (line, incoming): (&str, Incoming<'_>),
        stress: Stress,
        ink: impl Fn(&str) -> Ink,
        out: &mut String,
    ) {
        if let Incoming::Notice(_) = incoming {
            return self.notice((stamp, columns), line, out);
        }
        let stamp = self.stamp(stamp, out);
        let weight = if stress == Stress::ForUs { Weight::Bold } else { Weight::Light };
        use Secrecy::{Private, Public};
        let mut speech = |before: &str, name: &str, after: &str, text, secrecy| {
            self.speech([before, name, after], ink(name), weight, secrecy, out);
            self.text(text, [stamp, width(before) + width(name) + width(after) + 1], columns, out);
        };
        match incoming {
            Incoming::Said(name, text) => speech("<", name, ">", text, Public),
            Incoming::Done(name, text) => speech("* ", name, "", text, Public),
            Incoming::ToYou(name, text) => speech("[", name, " -> you]", text, Private),
            Incoming::FromYou(name, text) => speech("[you -> ", name, "]", text, Private),
            Incoming::Error(text) => {
                self.error_mark(out);
                self.text(text, [stamp, MARK.len()], columns, out);
            }
            Incoming::Notice(_)
            | Incoming::Earlier(..)
            | Incoming::EarlierDay(_)
            | Incoming::Unknown(_) => self.text(line, [stamp, 0], columns, out),
        }
        self.end(out);
    }

    /// Writes a line of a server that nothing is known of.
    pub(super) fn foreign(self, stamp: Stamp<'_>, columns: usize, line: &str, out: &mut String) {
        let stamp = self.stamp(stamp, out);
        self.text(line, [stamp, 0], columns, out);
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

    /// Writes the stamp and a blank, and says how many columns they take.
    fn stamp(self, stamp: Stamp<'_>, out: &mut String) -> usize {
        self.write(Style::Dim, out);
        let width = put_stamp(stamp, out);
        self.write(Style::Plain, out);
        out.push(' ');
        width + 1
    }

    /// Writes what stands before the text of something said.
    fn speech(
        self,
        [before, name, after]: [&str; 3],
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
    }

    /// Writes the text of a line, behind a stamp and a mark of so many columns.
    fn text(self, text: &str, [stamp, mark]: [usize; 2], columns: usize, out: &mut String) {
        match self.wrap {
            WrapChoice::Words if columns > 0 => {
                wrap::wrap(text, Place::behind(stamp, stamp + mark, columns), out);
            }
            WrapChoice::Words | WrapChoice::Terminal => out.push_str(text),
        }
    }

    fn error_mark(self, out: &mut String) {
        self.write(Style::Bold, out);
        self.write(Style::Error, out);
        out.push_str("!!");
        self.write(Style::Uncoloured, out);
        self.write(Style::Plain, out);
        out.push(' ');
    }

    /// Writes a line that begins with `-- `.
    fn notice(self, (stamp, columns): (Stamp<'_>, usize), line: &str, out: &mut String) {
        let (mark, text) = line.split_at_checked(MARK.len()).unwrap_or(("", line));
        self.write(Style::Dim, out);
        let stamp = put_stamp(stamp, out) + 1;
        put(format_args!(" {mark}"), out);
        self.text(text, [stamp, mark.len()], columns, out);
        self.end(out);
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

/// Writes the stamp, and says how many columns it takes.
fn put_stamp(stamp: Stamp<'_>, out: &mut String) -> usize {
    let start = out.len();
    put(format_args!("{stamp}"), out);
    out.len() - start
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

    const PLAIN: Painter = Painter { colours: Colours::None, wrap: WrapChoice::Words };

    fn painted(line: &str, stress: Stress) -> String {
        painted_across(80, line, stress)
    }

    fn painted_across(columns: usize, line: &str, stress: Stress) -> String {
        let painter = Painter { colours: Colours::Many, wrap: WrapChoice::Words };
        let stamp = Stamp::Now(NaiveTime::from_hms_opt(9, 2, 59).unwrap());
        let incoming = Incoming::parse(line, |_| false);
        let mut out = String::new();
        let ink = |name: &str| Ink::of(&Likeness::of(name));
        painter.line((stamp, columns), (line, incoming), stress, ink, &mut out);
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
    fn the_text_goes_on_below_itself() {
        let cases = [
            (
                "<bob> one two three",
                "{dim}09:02{plain} <{+}bob{-}> one two\n            three{/}\n",
            ),
            (
                "[bob -> you] one two three",
                "{dim}09:02{plain} {reverse}[{+}bob{-} -> you]{upright} one\n      two three{/}\n",
            ),
            ("-- one two three four", "{dim}09:02 -- one two three\n         four{/}\n"),
            (
                "!! one two three four",
                "{dim}09:02{plain} {bold}{red}!!{-}{plain} one two three\n         four{/}\n",
            ),
            ("one two three four five", "{dim}09:02{plain} one two three four\n      five{/}\n"),
        ];
        for (line, expected) in cases {
            assert_eq!(painted_across(24, line, Stress::None), expected);
        }
    }

    #[test]
    fn the_rule_is_as_wide_as_the_terminal() {
        for (columns, expected) in
            [(0, ""), (1, "─"), (4, "────"), (5, " new "), (6, " new ─"), (9, "── new ──")]
        {
            let mut out = String::new();
            PLAIN.new_lines(columns, &mut out);
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
            PLAIN.missed(columns, line, &mut out);
            assert_eq!(out, format!("{expected}\n"), "{columns}");
        }
    }
}
