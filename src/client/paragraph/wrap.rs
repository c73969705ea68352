//! A line that is wider than the terminal, broken into rows. Pure.
//!
//! A row ends at a blank, or where the Unicode line breaking algorithm (UAX #14) lets text end that is
//! written without blanks: between ideographs, not before a closing bracket. It does not end elsewhere
//! in a word, though the algorithm would let it: an address or a path is copied and clicked as a whole.
//! A word that is wider than a row is left to the terminal, which knows that its rows belong together;
//! but whatever looks like a blank ends a row then, so that no row of such a word passes for a line of
//! somebody else's.

use unicode_linebreak::linebreaks;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthChar;

use super::ROW_END;
use std::ops::Range;

use crate::client::address::write_linked;
use crate::client::columns::{Measure, grapheme_width, width};

/// How far apart a terminal's tab stops are, in columns.
const TAB: usize = 8;

/// Where a text stands in the terminal, in columns.
#[derive(Debug, Clone, Copy)]
pub(super) struct Margins {
    /// Where it begins.
    pub(super) start: usize,
    /// Where its further rows begin.
    pub(super) indent: usize,
    /// How many there are.
    pub(super) columns: usize,
}

impl Margins {
    /// The place of a text behind `prefix`, of which the first columns are the `stamp`. Further rows
    /// begin below the text, as long as half of each is left for it.
    pub(super) fn behind(stamp: usize, prefix: usize, columns: usize) -> Margins {
        let leaves_half = |indent: &usize| indent * 2 <= columns;
        let indent = [prefix, stamp].into_iter().find(leaves_half).unwrap_or(0);
        // A prefix that is wider than a row is broken by the terminal.
        let start = if prefix > columns { prefix % columns } else { prefix };
        Margins { start, indent, columns }
    }
}

/// The sequences between two rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Between {
    /// What the row before ends with.
    pub(super) close: &'static str,
    /// What makes the next one look as this one does.
    pub(super) open: &'static str,
}

/// Adds `text`, in rows that end with their words, with links at these places. No address is broken.
pub(super) fn wrap(
    (text, links): (&str, &[Range<usize>]),
    margins: Margins,
    between: Between,
    out: &mut String,
) {
    // No text takes more columns than bytes, except for tabs.
    if margins.start + text.len() <= margins.columns && !text.contains('\t') {
        return write_linked(text, 0, links, out);
    }
    let mut wrapping = Wrapping { column: margins.start, margins, between, links, out };
    let (mut blanks, mut at) = ("", 0);
    for piece in pieces(text) {
        let word = piece.trim_end_matches(is_blank);
        wrapping.put(blanks, Word { text: word, at });
        blanks = &piece[word.len()..];
        at += piece.len();
    }
}

/// A part of the text.
#[derive(Debug, Clone, Copy)]
struct Word<'a> {
    /// What it says.
    text: &'a str,
    /// Where it stands, in bytes.
    at: usize,
}

/// The row that is being written.
struct Wrapping<'a> {
    /// Where the next character will stand.
    column: usize,
    /// Where the text stands.
    margins: Margins,
    /// What is written between two rows.
    between: Between,
    /// Where the addresses stand in the text.
    links: &'a [Range<usize>],
    /// Where it is written.
    out: &'a mut String,
}

impl Wrapping<'_> {
    /// Adds a word with the blanks before it. One that no row has room for ends rows wherever it looks
    /// blank.
    fn put(&mut self, mut blanks: &str, word: Word<'_>) {
        let Margins { indent, columns, .. } = self.margins;
        if self.after(blanks).min(indent) + width(word.text) <= columns {
            return self.put_whole(blanks, word);
        }
        let mut at = word.at;
        for part in word.text.split_inclusive(looks_blank) {
            let text = part.trim_end_matches(looks_blank);
            if !text.is_empty() {
                self.put_whole(blanks, Word { text, at });
                blanks = " ";
            }
            at += part.len();
        }
    }

    /// Adds a word with the blanks before it, which are left out at the end of a row.
    fn put_whole(&mut self, blanks: &str, word: Word<'_>) {
        let Margins { indent, columns, .. } = self.margins;
        let (start, width) = (self.after(blanks), width(word.text));
        if start + width <= columns {
            self.out.push_str(blanks);
            self.column = start + width;
        } else if self.column > indent && indent + width <= columns {
            self.begin();
            self.column = indent + width;
        } else {
            if start < columns {
                self.out.push_str(blanks);
                self.column = start;
            } else {
                self.begin();
            }
            self.flow(word.text);
        }
        write_linked(word.text, word.at, self.links, self.out);
    }

    fn begin(&mut self) {
        self.out.push_str(self.between.close);
        self.out.push_str(ROW_END);
        self.out.extend(std::iter::repeat_n(' ', self.margins.indent));
        self.out.push_str(self.between.open);
        self.column = self.margins.indent;
    }

    /// Where the next character stands after these.
    fn after(&self, blanks: &str) -> usize {
        blanks.chars().fold(self.column, |column, blank| match blank {
            '\t' => (column / TAB + 1) * TAB,
            blank => column + blank.width().unwrap_or(0),
        })
    }

    /// Counts the columns of a word that the terminal breaks.
    fn flow(&mut self, word: &str) {
        for width in word.graphemes(true).map(|grapheme| grapheme_width(grapheme, Measure::Widest))
        {
            let fits = self.column + width <= self.margins.columns;
            self.column = if fits { self.column + width } else { width };
        }
    }
}

/// The parts of `text` between which a row may end, each with the blanks behind it.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut start = 0;
    linebreaks(text).filter(|(end, _)| may_end(text, *end)).map(move |(end, _)| {
        let piece = &text[start..end];
        start = end;
        piece
    })
}

/// Whether a row may end before the byte at `end`, where the algorithm would let it.
fn may_end(text: &str, end: usize) -> bool {
    let is_wide = |c: char| c.width() == Some(2);
    match (text[..end].chars().next_back(), text[end..].chars().next()) {
        (Some(before), Some(after)) => is_blank(before) || is_wide(before) || is_wide(after),
        (Some(_), None) => true,
        (None, _) => false,
    }
}

fn is_blank(c: char) -> bool {
    const NO_BREAK: [char; 3] = ['\u{a0}', '\u{2007}', '\u{202f}'];
    c.is_whitespace() && !NO_BREAK.contains(&c)
}

fn looks_blank(c: char) -> bool {
    const BRAILLE_BLANK: char = '\u{2800}';
    c.is_whitespace() || c == BRAILLE_BLANK
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of `text` behind a prefix of so many columns, which is not shown.
    fn rows(prefix: usize, columns: usize, text: &str) -> Vec<String> {
        let (margins, mut out) = (Margins::behind(prefix.min(6), prefix, columns), String::new());
        wrap((text, &[]), margins, Between { close: "", open: "" }, &mut out);
        out.split(ROW_END).map(str::to_owned).collect()
    }

    #[test]
    fn words_are_kept_whole() {
        let cases: &[(usize, usize, &str, &[&str])] = &[
            (0, 10, "", &[""]),
            (0, 10, "one two th", &["one two th"]),
            (0, 10, "one two thr", &["one two", "thr"]),
            (0, 10, "one  two  three", &["one  two", "three"]),
            (0, 10, "  one two three", &["  one two", "three"]),
            (4, 12, "one two three four", &["one two", "    three", "    four"]),
            (4, 12, "01234567 x", &["01234567", "    x"]),
            // A word that no row has room for is the terminal's to break.
            (4, 12, "012345678 x", &["012345678 x"]),
            (4, 12, "a 0123456789abcdefgh x", &["a 0123456789abcdefgh", "    x"]),
            (4, 12, "a b c 0123456789abcdefgh xy", &["a b c 0123456789abcdefgh xy"]),
            // Half of a row is for the text, whatever stands before it.
            (20, 30, "one two three", &["one two", "      three"]),
            (20, 11, "one two three", &["", "one two", "three"]),
            // A blank that must not be broken, and marks after which nobody breaks.
            (0, 10, "one two\u{a0}three", &["one", "two\u{a0}three"]),
            (0, 10, "see a-path/to.x", &["see a-path/to.x"]),
            (0, 12, "see a-path/to.x", &["see", "a-path/to.x"]),
            // But a row of a long word does not look like a line of its own.
            (2, 10, "0123\u{a0}<bob>\u{a0}hello", &["0123", "  <bob>", "  hello"]),
            (0, 4, "0123\u{2800}4567", &["0123", "4567"]),
            // Ideographs and emoji need no blanks; punctuation stays with what it closes.
            (2, 10, "日本語日本語", &["日本語日", "  本語"]),
            (2, 10, "日本語日。本語", &["日本語", "  日。本語"]),
            (2, 10, "x 日本語👍🏽👍🏽", &["x 日本語", "  👍🏽👍🏽"]),
            // A tab ends at the next stop.
            (0, 10, "a\tb\tc", &["a\tb", "c"]),
            (0, 10, "a\tbcd", &["a", "bcd"]),
        ];
        for (prefix, columns, text, expected) in cases {
            assert_eq!(rows(*prefix, *columns, text), *expected, "{prefix} {columns} {text}");
        }
    }

    /// For the word after which the terminal itself goes on, there is no text that looks like a line.
    #[test]
    fn no_row_of_a_long_line_begins_where_lines_begin() {
        for blank in [" ", "\u{a0}", "\u{3000}", "\u{2800}", "\t"] {
            for padding in 0..40 {
                let text = ["x".repeat(padding), "14:02 <bob> I give up".replace(' ', blank)];
                for row in rows(12, 30, &text.join(blank)).iter().skip(1) {
                    assert!(row.starts_with("            "), "{padding} {row}");
                }
            }
        }
    }

    #[test]
    fn a_word_of_a_hundred_thousand_parts_is_no_trouble() {
        let word = "x\u{a0}".repeat(100_000);
        assert_eq!(rows(12, 30, &word).concat().matches('x').count(), 100_000);
    }

    #[test]
    fn nothing_but_blanks_is_lost_and_no_row_is_too_wide() {
        let text = "a bb\tccc 日本語。(x)\u{a0}y\u{a0}z e\u{301}e\u{301} 👩‍👩‍👧🇩🇪 --long-option=12 https://example.org/ ไทย x";
        let visible = |text: &str| text.chars().filter(|c| !looks_blank(*c)).collect::<String>();
        for columns in 1..80 {
            for prefix in 0..30 {
                let rows = rows(prefix, columns, text);
                assert_eq!(visible(&rows.concat()), visible(text), "{prefix} {columns}");
                for row in rows.iter().skip(1).filter(|row| width(row) > columns) {
                    let indent = row.len() - row.trim_start().len();
                    let longest = row.split(is_blank).map(width).max().unwrap_or(0);
                    assert!(indent + longest > columns, "{prefix} {columns} {row}");
                }
            }
        }
    }
}
