//! How many columns and rows text takes in a terminal. Pure.
//!
//! Terminals disagree about characters of several code points: some join the parts of an emoji, others
//! show them side by side. Where it has to be clear what fits, each takes as many columns as it may take
//! anywhere.

use std::borrow::Cow;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// How characters are measured whose width depends on the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    /// As the terminal does that gives them the fewest columns.
    Narrowest,
    /// As the terminal does that gives them the most, but for characters that are wide among ideographs
    /// alone, such as `…`.
    Widest,
    /// As the terminal does that gives them the most.
    WidestAmongIdeographs,
}

/// The most columns that a terminal gives to `text`, in which a tab or a line end takes one.
pub(super) fn width(text: &str) -> usize {
    if text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
        return text.len();
    }
    text.graphemes(true).map(|grapheme| grapheme_width(grapheme, Measure::Widest)).sum()
}

/// How many columns a terminal gives to a single character, as readers see it.
pub(super) fn grapheme_width(grapheme: &str, measure: Measure) -> usize {
    if matches!(grapheme, "\t" | "\n") {
        return 1;
    }
    let sum = |width: fn(char) -> Option<usize>| grapheme.chars().filter_map(width).sum();
    let apart: usize = sum(UnicodeWidthChar::width);
    let first = grapheme.chars().next().and_then(UnicodeWidthChar::width).unwrap_or(0);
    match measure {
        Measure::Narrowest => grapheme.width().min(first.max(1)).min(apart),
        Measure::Widest => grapheme.width().max(apart),
        Measure::WidestAmongIdeographs => grapheme.width().max(sum(UnicodeWidthChar::width_cjk)),
    }
}

/// How many rows a terminal of so many columns needs for these, each of which has a line end.
pub(super) fn rows_of_all(text: &str, columns: usize, measure: Measure) -> usize {
    text.lines().map(|row| rows(row, columns, measure)).sum()
}

/// How many rows a terminal of so many columns needs for `row`, which may have sequences for its looks.
pub(super) fn rows(row: &str, columns: usize, measure: Measure) -> usize {
    let mut at = (1, 0);
    let row = &*without_links(row);
    let mut parts = row.split("\u{1b}[");
    let first = parts.next().unwrap_or_default();
    let texts = parts.map(|part| part.split_once('m').map_or(part, |(_, text)| text));
    for text in [first].into_iter().chain(texts) {
        for width in text.graphemes(true).map(|grapheme| grapheme_width(grapheme, measure)) {
            let (rows, column) = at;
            at = if column + width > columns { (rows + 1, width) } else { (rows, column + width) };
        }
    }
    at.0
}

/// The row without the sequences that make links of addresses (OSC 8).
fn without_links(row: &str) -> Cow<'_, str> {
    let mut parts = row.split("\u{1b}]");
    let first = parts.next().unwrap_or_default();
    if first.len() == row.len() {
        return Cow::Borrowed(row);
    }
    let texts = parts.map(|part| part.split_once("\u{1b}\\").map_or("", |(_, text)| text));
    Cow::Owned([first].into_iter().chain(texts).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_agree_about_most_characters() {
        use Measure::{Narrowest, Widest, WidestAmongIdeographs};
        let cases = [
            ("a", [1, 1, 1]),
            ("e\u{301}", [1, 1, 1]),
            ("日", [2, 2, 2]),
            ("…", [1, 1, 2]),
            ("👩‍👩‍👧", [2, 6, 6]),
            ("👍🏽", [2, 4, 4]),
            ("❤️", [1, 2, 2]),
            ("🇩🇪", [1, 2, 2]),
            ("\t", [1, 1, 1]),
        ];
        for (character, widths) in cases {
            let measured = [Narrowest, Widest, WidestAmongIdeographs]
                .map(|measure| grapheme_width(character, measure));
            assert_eq!(measured, widths, "{character}");
        }
    }

    #[test]
    fn a_row_takes_as_many_as_it_is_too_wide_for() {
        let cases = [
            ("", 10, 1),
            ("0123456789", 10, 1),
            ("0123456789a", 10, 2),
            ("\u{1b}[1m0123\u{1b}[22m456789\u{1b}[0m", 10, 1),
            ("\u{1b}]8;;http://a.b\u{1b}\\http://a.b\u{1b}]8;;\u{1b}\\", 10, 1),
            ("\u{1b}]8;;http://a.b\u{1b}\\http://a.b\u{1b}]8;;\u{1b}\\", 9, 2),
            ("日本語", 5, 2),
            ("日本語", 3, 3),
            ("abc", 1, 3),
        ];
        for (row, columns, expected) in cases {
            assert_eq!(rows(row, columns, Measure::Widest), expected, "{row:?} {columns}");
        }
    }
}
