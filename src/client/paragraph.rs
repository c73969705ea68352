//! A line of the conversation as the terminal gets it: broken into rows, or drawn across as a rule.
//! Pure.
//!
//! What a line says and looks like is the painter's business; here it gets the width of a terminal. So
//! the same line can be laid out again when the terminal has become narrower.

use std::borrow::Cow;

use super::address::{addresses, write_linked};
use super::columns::{self, Measure, width};
use super::config::WrapChoice;
use wrap::{Between, Margins, wrap};

mod wrap;

/// The end of a row, for a terminal in raw mode.
pub(super) const ROW_END: &str = "\r\n";

/// How many columns a rule needs at either side of its words to be seen as one: a blank, and a line
/// of three.
const MARGIN: usize = 4;

/// How a painted line is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    /// The sequences that make text look as it does at the beginning of the line's text.
    pub(super) open: &'static str,
    /// What the line ends with, so that no line's looks depend on another's.
    pub(super) close: &'static str,
    /// Whether it is text or a rule.
    pub(super) shape: Shape,
}

/// What a line is laid out as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Rows.
    Text {
        /// How many bytes stand before the text.
        head: usize,
        /// How many columns they take.
        prefix: usize,
        /// How many columns the time takes, with which they begin.
        stamp: usize,
    },
    /// A rule across the terminal, with the words of the line, which begins with `-- `.
    Rule(Rule),
}

/// What becomes of a rule when the next one comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// The next such rule takes its place: it stands above lines that came while nobody was looking.
    UntilNext,
    /// It stays, as one where lines are missing does.
    Stays,
}

/// A line, painted and to be laid out. It has no line end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Paragraph<'a> {
    /// Its text, with the sequences for its looks.
    pub(super) painted: Cow<'a, str>,
    /// How it is laid out.
    pub(super) layout: Layout,
}

impl Paragraph<'_> {
    /// A line without looks and without a time.
    pub(super) fn plain(line: String) -> Paragraph<'static> {
        let shape = Shape::Text { head: 0, prefix: 0, stamp: 0 };
        let layout = Layout { open: "", close: "", shape };
        Paragraph { painted: Cow::Owned(line), layout }
    }

    /// The same, borrowing nothing.
    pub(super) fn into_owned(self) -> Paragraph<'static> {
        Paragraph { painted: Cow::Owned(self.painted.into_owned()), layout: self.layout }
    }

    /// Adds its rows in a terminal of so many columns, each with its end, and with links where addresses stand. A row that is wider goes on in
    /// the next ones, as the terminal has it.
    pub(super) fn lay_out(&self, choice: WrapChoice, columns: usize, out: &mut String) {
        let Layout { open, close, shape } = self.layout;
        match shape {
            Shape::Text { head, prefix, stamp } => {
                let (head, text) = self.painted.split_at(head);
                let text = text.strip_suffix(close).unwrap_or(text);
                out.push_str(head);
                let links: Vec<_> = addresses(text).collect();
                if choice == WrapChoice::Words {
                    let margins = Margins::behind(stamp, prefix, columns);
                    wrap((text, &links), margins, Between { close, open }, out);
                } else {
                    write_linked(text, 0, &links, out);
                }
                out.push_str(close);
            }
            Shape::Rule(_) => {
                out.push_str(open);
                rule(self.words(), columns, out);
                out.push_str(close);
            }
        }
        out.push_str(ROW_END);
    }

    /// How many rows it takes in a terminal that has got so many `columns`, if it was written for so many
    /// others before and the terminal breaks what has become too wide.
    pub(super) fn rows(
        &self,
        choice: WrapChoice,
        before: usize,
        columns: usize,
        measure: Measure,
    ) -> usize {
        let mut rows = String::new();
        self.lay_out(choice, before, &mut rows);
        columns::rows_of_all(&rows, columns, measure)
    }

    fn words(&self) -> &str {
        let Layout { open, close, .. } = self.layout;
        let line = self.painted.strip_prefix(open).unwrap_or(&self.painted);
        line.strip_suffix(close).unwrap_or(line)
    }
}

/// Draws a rule with the words of `line`, with the reason in brackets where there is room for it, or
/// writes the line where there is room for no rule.
fn rule(line: &str, columns: usize, out: &mut String) {
    let words = line.strip_prefix("-- ").unwrap_or(line);
    let short = words.split(" (").next().unwrap_or_default();
    let fits = |words: &&str| width(words) + 2 * MARGIN <= columns;
    let Some(words) = [words, short].into_iter().find(fits) else { return out.push_str(line) };
    let free = columns - width(words) - 2;
    let left = free / 2;
    out.extend(std::iter::repeat_n('─', left));
    out.push(' ');
    out.push_str(words);
    out.push(' ');
    out.extend(std::iter::repeat_n('─', free - left));
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A line without any looks and without a time.
    pub(in crate::client) fn plain(line: &str) -> Paragraph<'_> {
        let shape = Shape::Text { head: 0, prefix: 0, stamp: 0 };
        Paragraph { painted: Cow::Borrowed(line), layout: Layout { open: "", close: "", shape } }
    }

    /// A rule without any looks.
    pub(in crate::client) fn plain_rule(line: &str, rule: Rule) -> Paragraph<'_> {
        Paragraph {
            painted: Cow::Borrowed(line),
            layout: Layout { open: "", close: "", shape: Shape::Rule(rule) },
        }
    }

    fn laid_out(paragraph: &Paragraph<'_>, columns: usize) -> String {
        let mut out = String::new();
        paragraph.lay_out(WrapChoice::Words, columns, &mut out);
        out
    }

    #[test]
    fn a_rule_is_as_wide_as_the_terminal_and_a_line_where_there_is_no_room() {
        let missed = "-- you missed 312 lines (you were away)";
        for (line, columns, expected) in [
            ("-- new", 11, "─── new ───"),
            ("-- new", 12, "─── new ────"),
            ("-- new", 10, "-- new"),
            ("-- new", 1, "-- new"),
            (missed, 45, "─── you missed 312 lines (you were away) ────"),
            (missed, 44, "─── you missed 312 lines (you were away) ───"),
            (missed, 43, "────────── you missed 312 lines ───────────"),
            (missed, 28, "─── you missed 312 lines ───"),
            (missed, 27, missed),
        ] {
            let rule = plain_rule(line, Rule::Stays);
            assert_eq!(laid_out(&rule, columns), format!("{expected}\r\n"), "{columns}");
        }
    }

    /// A part of an address alone is no link, since it would open something else.
    #[test]
    fn an_address_is_a_link_in_a_terminal_of_any_width_and_takes_no_more_room() {
        let link = "\u{1b}]8;;https://a.b/c\u{1b}\\https://a.b/c\u{1b}]8;;\u{1b}\\";
        let paragraph = plain("see https://a.b/c, or https://a.b例");
        for columns in 1..60 {
            let rows = laid_out(&paragraph, columns);
            assert_eq!(rows.matches("\u{1b}]").count(), 2, "{columns}");
            assert_eq!(rows.matches(link).count(), 1, "{columns}");
            let without = laid_out(&plain("see xxxxx://a.b/c, or xxxxx://a.b例"), columns);
            let shown = rows.replace(link, "https://a.b/c").replace("https", "xxxxx");
            assert_eq!(shown, without, "{columns}");
        }
        let mut out = String::new();
        paragraph.lay_out(WrapChoice::Terminal, 10, &mut out);
        assert_eq!(out, format!("see {link}, or https://a.b例\r\n"));
    }

    /// Whatever row is looked at, its looks are its own.
    #[test]
    fn each_row_begins_and_ends_its_looks() {
        let shape = Shape::Text { head: 13, prefix: 6, stamp: 6 };
        let paragraph = Paragraph {
            painted: Cow::Borrowed("\u{1b}[2m14:02 -- one two three\u{1b}[0m"),
            layout: Layout { open: "\u{1b}[2m", close: "\u{1b}[0m", shape },
        };
        let rows = laid_out(&paragraph, 16);
        let expected = "\u{1b}[2m14:02 -- one two\u{1b}[0m\r\n      \u{1b}[2mthree\u{1b}[0m\r\n";
        assert_eq!(rows, expected);
        assert_eq!(paragraph.rows(WrapChoice::Words, 16, 16, Measure::Widest), 2);
        assert_eq!(paragraph.rows(WrapChoice::Words, 16, 15, Measure::Widest), 3);
        assert_eq!(paragraph.rows(WrapChoice::Words, 80, 8, Measure::Widest), 3);
    }
}
