//! One line of the conversation, written for the terminal. Pure.
//!
//! What is written is the line's own text, its time, and the sequences of [`Colours`]; a line that
//! has any ends with a reset, so that no line's looks depend on another's. How it is laid out in a
//! terminal is told besides, and done elsewhere (`paragraph`).

use chrono::{NaiveDate, NaiveDateTime};

use super::Shown;
use crate::client::colours::{Colours, Ink, Style};
use crate::client::columns::width;
use crate::client::paragraph::{Layout, Rule, Shape};
use crate::client::time_format::TimeFormat;
use crate::protocol::reply::{self, Message, ReadSpeech};

/// What stands before a notice of the server's; before an error it is as wide.
const MARK: &str = "-- ";

/// How a conversation is written.
#[derive(Debug)]
pub(super) struct Painter {
    /// How many colours the terminal has.
    pub(super) colours: Colours,
    /// How times are written.
    pub(super) time: TimeFormat,
}

/// What stands before a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stamp<'a> {
    /// When it came.
    Now(NaiveDateTime),
    /// When it was said, long before it came, where the server is.
    Earlier(&'a str),
    /// The same, where this machine is.
    EarlierHere(NaiveDateTime),
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
    /// It is not.
    Light,
    /// It is.
    Bold,
}

/// Whether all can read what was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Secrecy {
    /// All can.
    Public,
    /// What stands before the text is in reverse: nobody takes it for public, or the other way round.
    Private,
}

impl Painter {
    /// Writes a line of a server that has our banner, with what it says. `ink` finds the colour of a
    /// name.
    pub(super) fn line(
        &self,
        stamp: Stamp<'_>,
        (line, message): (&str, Message<'_>),
        stress: Stress,
        ink: impl Fn(&str) -> Ink,
        shown: &mut Shown,
    ) {
        if let Message::Notice(_) = message {
            return self.notice(stamp, line, shown);
        }
        let start = shown.text.len();
        let out = &mut shown.text;
        let stamp = self.stamp(stamp, out);
        let weight = if stress == Stress::ForUs { Weight::Bold } else { Weight::Light };
        use Secrecy::{Private, Public};
        let mut speech = |parts: [&str; 3], text, secrecy| {
            self.speech(parts, ink(parts[1]), weight, secrecy, out);
            (text, weight, parts.map(width).iter().sum::<usize>() + 1)
        };
        let (text, weight, mark) = match message {
            Message::Speech(said) => match said {
                ReadSpeech::Said(name, text) => speech(["<", name, ">"], text, Public),
                ReadSpeech::Done(name, text) => speech(["* ", name, ""], text, Public),
                ReadSpeech::ToYou(name, text) => speech(["[", name, " -> you]"], text, Private),
                ReadSpeech::FromYou(name, text) => speech(["[you -> ", name, "]"], text, Private),
            },
            Message::Refusal(_) => {
                self.error_mark(out);
                (reply::words(line), Weight::Light, MARK.len())
            }
            Message::Notice(_) | Message::Plain => (line, Weight::Light, 0),
        };
        let open = match weight {
            Weight::Bold => self.colours.sequence(Style::Bold),
            Weight::Light => "",
        };
        self.text(text, start, [stamp, mark], open, shown);
    }

    /// Writes a line of a server that nothing is known of.
    pub(super) fn foreign(&self, stamp: Stamp<'_>, line: &str, shown: &mut Shown) {
        let start = shown.text.len();
        let stamp = self.stamp(stamp, &mut shown.text);
        self.text(line, start, [stamp, 0], "", shown);
    }

    /// Writes that what comes next is of another day.
    pub(super) fn day(&self, day: NaiveDate, shown: &mut Shown) {
        let start = shown.text.len();
        let dim = self.colours.sequence(Style::Dim);
        shown.text.push_str(dim);
        shown.text.push_str(MARK);
        self.text(&day.to_string(), start, [0, MARK.len()], dim, shown);
    }

    /// Writes a rule that says what `line` does, which begins with `-- `.
    pub(super) fn rule(&self, line: &str, rule: Rule, shown: &mut Shown) {
        let [open, close] = [Style::Dim, Style::Reset].map(|style| self.colours.sequence(style));
        shown.text.extend([open, line, close]);
        shown.end_line(Layout { open, close, shape: Shape::Rule(rule) });
    }

    /// Writes the stamp and a blank, and says how many columns they take.
    fn stamp(&self, stamp: Stamp<'_>, out: &mut String) -> usize {
        self.write(Style::Dim, out);
        let width = self.put_stamp(stamp, out);
        self.write(Style::Plain, out);
        width + blank_behind(width, out)
    }

    /// Writes the stamp, and says how many columns it takes.
    fn put_stamp(&self, stamp: Stamp<'_>, out: &mut String) -> usize {
        let (width, is_earlier) = match stamp {
            Stamp::Now(time) => (self.time.write(time, out), false),
            Stamp::EarlierHere(time) => (self.time.write(time, out), true),
            Stamp::Earlier(_) if self.time == TimeFormat::None => (0, true),
            Stamp::Earlier(time) => {
                out.push_str(time);
                (width(time), true)
            }
        };
        if !is_earlier {
            return width;
        }
        let width = width + blank_behind(width, out);
        out.push('|');
        width + 1
    }

    /// Writes what stands before the text of something said.
    fn speech(
        &self,
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

    /// Writes the text of the line that began at the byte `start`, behind a stamp and a mark of so many
    /// columns, and its end. `open` makes text look so.
    fn text(
        &self,
        text: &str,
        start: usize,
        [stamp, mark]: [usize; 2],
        open: &'static str,
        shown: &mut Shown,
    ) {
        let head = shown.text.len() - start;
        let close = self.colours.sequence(Style::Reset);
        shown.text.extend([text, close]);
        let shape = Shape::Text { head, prefix: stamp + mark, stamp };
        shown.end_line(Layout { open, close, shape });
    }

    fn error_mark(&self, out: &mut String) {
        self.write(Style::Bold, out);
        self.write(Style::Error, out);
        out.push_str("!!");
        self.write(Style::Uncoloured, out);
        self.write(Style::Plain, out);
        out.push(' ');
    }

    /// Writes a line that begins with `-- `.
    fn notice(&self, stamp: Stamp<'_>, line: &str, shown: &mut Shown) {
        let start = shown.text.len();
        let (mark, text) = line.split_at_checked(MARK.len()).unwrap_or(("", line));
        let dim = self.colours.sequence(Style::Dim);
        shown.text.push_str(dim);
        let stamp = self.put_stamp(stamp, &mut shown.text);
        let stamp = stamp + blank_behind(stamp, &mut shown.text);
        shown.text.push_str(mark);
        self.text(text, start, [stamp, mark.len()], dim, shown);
    }

    /// Writes `-- ` and a text that is to be looked at.
    pub(super) fn bold_notice(&self, stamp: Stamp<'_>, text: &str, shown: &mut Shown) {
        let start = shown.text.len();
        let stamp = self.stamp(stamp, &mut shown.text);
        let bold = self.colours.sequence(Style::Bold);
        shown.text.extend([bold, MARK]);
        self.text(text, start, [stamp, MARK.len()], bold, shown);
    }

    fn write(&self, style: Style, out: &mut String) {
        self.colours.write(style, out);
    }
}

/// Writes a blank behind what takes so many columns, unless that is nothing, and says how many it takes.
fn blank_behind(columns: usize, out: &mut String) -> usize {
    if columns == 0 {
        return 0;
    }
    out.push(' ');
    1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::colours::tests::picture;
    use crate::client::config::WrapChoice;
    use crate::protocol::name::Likeness;

    fn shown(line: &str, stress: Stress) -> Shown {
        let painter = Painter { colours: Colours::Many, time: TimeFormat::default() };
        let stamp = Stamp::Now(NaiveDate::default().and_hms_opt(9, 2, 59).unwrap());
        let message = reply::parse(line).message().expect("it is a message");
        let mut shown = Shown::default();
        let ink = |name: &str| Ink::of(&Likeness::of(name));
        painter.line(stamp, (line, message), stress, ink, &mut shown);
        shown
    }

    fn painted(line: &str, stress: Stress) -> String {
        picture(&shown(line, stress).text)
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
    fn a_notice_to_be_looked_at_is_bold_in_all_its_rows() {
        let painter = Painter { colours: Colours::Many, time: TimeFormat::default() };
        let stamp = Stamp::Now(NaiveDate::default().and_hms_opt(9, 2, 59).unwrap());
        let (mut shown, mut rows) = (Shown::default(), String::new());
        painter.bold_notice(stamp, "one two three four", &mut shown);
        for paragraph in shown.paragraphs() {
            paragraph.lay_out(WrapChoice::Words, 24, &mut rows);
        }
        let expected = "{dim}09:02{plain} {bold}-- one two three{/}\r\n         {bold}four{/}\r\n";
        assert_eq!(picture(&rows), expected);
    }

    #[test]
    fn the_text_goes_on_below_itself() {
        let cases = [
            (
                "<bob> one two three",
                "{dim}09:02{plain} <{+}bob{-}> one two{/}\r\n            three{/}\r\n",
            ),
            (
                "[bob -> you] one two three",
                "{dim}09:02{plain} {bold}{reverse}[{+}bob{-} -> you]{upright} one{/}\r\n      {bold}two three{/}\r\n",
            ),
            (
                "-- one two three four",
                "{dim}09:02 -- one two three{/}\r\n         {dim}four{/}\r\n",
            ),
            (
                "!! one two three four",
                "{dim}09:02{plain} {bold}{red}!!{-}{plain} one two three{/}\r\n         four{/}\r\n",
            ),
            (
                "one two three four five",
                "{dim}09:02{plain} one two three four{/}\r\n      five{/}\r\n",
            ),
        ];
        for (line, expected) in cases {
            let stress = if line.contains("you]") { Stress::ForUs } else { Stress::None };
            let mut rows = String::new();
            for paragraph in shown(line, stress).paragraphs() {
                paragraph.lay_out(WrapChoice::Words, 24, &mut rows);
            }
            assert_eq!(picture(&rows), expected);
        }
    }
}
