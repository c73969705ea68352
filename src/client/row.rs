//! The input row: which part of a prompt and a text is shown in how many columns.
//!
//! Pure. The row never fills the terminal's last column, so that the cursor always has a place and
//! nothing wraps. A text that is longer scrolls sideways.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::protocol::text;

/// In a terminal at least this wide the cursor stays out of the last column. So in one that is then
/// made half as wide, where the cursor is tells whether the terminal has wrapped the row or cut it.
const WIDE: usize = 40;

/// The prompt of somebody whose name is not known.
const PROMPT: &str = "> ";

/// The line being written, as the screen keeps it.
#[derive(Debug, Default)]
pub(super) struct Row {
    text: String,
    /// A byte position in `text`, at the boundary of a grapheme cluster.
    cursor: usize,
    /// The byte position of what is shown first.
    first: usize,
}

/// What stands in the row, left to right.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct View {
    /// The prompt and the text up to the cursor.
    pub(super) before: String,
    /// The text from the cursor on.
    pub(super) after: String,
}

impl Row {
    /// Takes over what the editor has.
    pub(super) fn set(&mut self, text: &str, cursor: usize) {
        self.text.clear();
        self.text.push_str(text);
        self.cursor = cursor;
    }

    /// The line as it stands.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The prompt and the whole line, however long.
    pub(super) fn whole(&self, name: Option<&str>) -> String {
        name.unwrap_or_default().to_owned() + PROMPT + &shown(&self.text)
    }

    /// What is to be shown in a terminal with so many columns.
    pub(super) fn view(&mut self, name: Option<&str>, columns: usize) -> View {
        let prompt = prompt(name, columns);
        let free = if columns < WIDE { 1 } else { 2 };
        let room = columns.saturating_sub(free).saturating_sub(prompt.width());
        self.scroll(room);
        let after = head(&self.text[self.cursor..], room - self.columns_before_cursor());
        let before = &self.text[self.first..self.cursor];
        View { before: prompt + &shown(before), after: shown(after) }
    }

    /// Moves what is shown until the cursor is in it, and no further than it has to. At the left
    /// edge it jumps by half, so that what is about to be deleted or crossed can be seen.
    fn scroll(&mut self, room: usize) {
        if self.cursor <= self.first {
            self.first = self.cursor - tail(&self.text[..self.cursor], room / 2).len();
        }
        // The text may be another one since, with a character where `first` stands.
        let before = &self.text[..self.cursor];
        let visible = before.get(self.first..).unwrap_or(before);
        // No room stays empty at the right while there is text hidden at the left.
        let taken = width(head(&self.text[self.cursor..], room)).min(room);
        let filled = tail(before, room - taken);
        self.first = self.cursor - tail(visible, room).len().max(filled.len());
    }

    fn columns_before_cursor(&self) -> usize {
        width(&self.text[self.first..self.cursor])
    }
}

/// Where the cursor comes to stand when a row is wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wrapped {
    /// How many rows below the one that it was in.
    pub(super) rows: usize,
    /// In which column.
    pub(super) column: usize,
}

/// Where the cursor stands after `before` in a terminal that has got so few columns, if it wraps
/// what does not fit.
pub(super) fn wrapped(before: &str, columns: usize) -> Wrapped {
    let mut at = Wrapped { rows: 0, column: 0 };
    for width in before.graphemes(true).map(grapheme_width) {
        if at.column + width > columns {
            at = Wrapped { rows: at.rows + 1, column: 0 };
        }
        at.column += width;
    }
    if at.column >= columns { Wrapped { rows: at.rows + 1, column: 0 } } else { at }
}

/// `name> `, with as much of the name as fits into half of the columns.
fn prompt(name: Option<&str>, columns: usize) -> String {
    let half = columns / 2;
    if half < PROMPT.len() {
        return String::new();
    }
    head(name.unwrap_or(""), half - PROMPT.len()).to_owned() + PROMPT
}

/// As many characters from the beginning of `text` as fit into `room` columns.
fn head(text: &str, room: usize) -> &str {
    let mut used = 0;
    let fits = |grapheme: &&str| {
        used += grapheme_width(grapheme);
        used <= room
    };
    let length = text.graphemes(true).take_while(fits).map(str::len).sum();
    &text[..length]
}

/// As many characters from the end of `text` as fit into `room` columns.
fn tail(text: &str, room: usize) -> &str {
    let mut used = 0;
    let fits = |grapheme: &&str| {
        used += grapheme_width(grapheme);
        used <= room
    };
    let length: usize = text.graphemes(true).rev().take_while(fits).map(str::len).sum();
    &text[text.len() - length..]
}

fn width(text: &str) -> usize {
    text.graphemes(true).map(grapheme_width).sum()
}

/// The most columns that a terminal gives to the character: one that does not know how to join an
/// emoji's parts shows them side by side.
fn grapheme_width(grapheme: &str) -> usize {
    if grapheme == "\t" {
        return 1;
    }
    let apart = grapheme.chars().map(|c| c.width().unwrap_or(0)).sum();
    grapheme.width().max(apart)
}

/// A tab takes one column here, and nothing that is typed or pasted commands the terminal.
fn shown(text: &str) -> String {
    text::make_safe(text.as_bytes()).replace('\t', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The row with `|` for the cursor, after it has shown each of `steps` in turn.
    fn picture(name: Option<&str>, columns: usize, steps: &[&str]) -> String {
        let mut row = Row::default();
        let mut picture = String::new();
        for step in steps {
            let cursor = step.find('|').expect("a cursor in the picture");
            row.set(&step.replace('|', ""), cursor);
            let View { before, after } = row.view(name, columns);
            let used = width(&before) + width(&after);
            assert!(used < columns.max(1), "{used} of {columns}: {before}|{after}");
            picture = format!("{before}|{after}");
        }
        picture
    }

    #[test]
    fn a_row_shows_what_fits_and_the_cursor_always() {
        let cases: &[(usize, &[&str], &str)] = &[
            (20, &["|"], "alice> |"),
            (20, &["hello|"], "alice> hello|"),
            (20, &["hel|lo"], "alice> hel|lo"),
            (20, &["0123456789ab|"], "alice> 0123456789ab|"),
            (20, &["0123456789abc|"], "alice> 123456789abc|"),
            (20, &["|0123456789abc"], "alice> |0123456789ab"),
            (20, &["0123456789abc|", "012345|6789abc"], "alice> 12345|6789abc"),
            (20, &["0123456789abcdef|", "0123|456789abcdef"], "alice> 0123|456789ab"),
            (20, &["0123456789abcdef|", "012|3456789abcdef"], "alice> 012|3456789ab"),
            (20, &["0123456789abcdef|", "日本語日本語日本語|"], "alice> 日本語日本語|"),
            (20, &["日本語日本語|"], "alice> 日本語日本語|"),
            (20, &["日本語日本語日|"], "alice> 本語日本語日|"),
            (19, &["日本語日本語日|"], "alice> 語日本語日|"),
            (20, &["e\u{301}a|"], "alice> e\u{301}a|"),
            (20, &["a\tb|"], "alice> a b|"),
            (14, &["hello|"], "alice> hello|"),
            (13, &["hello|"], "alic> hello|"),
            (10, &["hello|"], "ali> ello|"),
            (10, &["日本語|"], "ali> 本語|"),
            (5, &["hello|"], "> lo|"),
            (4, &["hello|"], "> o|"),
            (3, &["hello|"], "lo|"),
            (2, &["hello|"], "o|"),
            (2, &["日|"], "|"),
            (1, &["hello|"], "|"),
            (0, &["hello|", "|"], "|"),
        ];
        for (columns, steps, expected) in cases {
            assert_eq!(picture(Some("alice"), *columns, steps), *expected, "{columns} {steps:?}");
        }
        assert_eq!(picture(None, 20, &["hi|"]), "> hi|");
    }

    #[test]
    fn no_width_and_no_cursor_is_too_odd() {
        let text = "a日e\u{301}👩‍👩‍👧🇩🇪\tb👍🏽c日本語";
        let boundaries = text.grapheme_indices(true).map(|(at, _)| at).chain([text.len()]);
        let boundaries: Vec<usize> = boundaries.collect();
        let with_cursor = |at: &usize| format!("{}|{}", &text[..*at], &text[*at..]);
        let there: Vec<String> = boundaries.iter().map(with_cursor).collect();
        let back: Vec<String> = boundaries.iter().rev().map(with_cursor).collect();
        let steps: Vec<&str> = there.iter().chain(&back).map(String::as_str).collect();
        for columns in 0..40 {
            for end in 1..=steps.len() {
                picture(Some("日本語"), columns, &steps[..end]);
            }
        }
    }

    #[test]
    fn in_a_wide_terminal_the_cursor_stays_out_of_the_last_column() {
        for (columns, expected) in [(39, 38), (40, 38), (80, 78)] {
            let mut row = Row::default();
            row.set(&"x".repeat(100), 100);
            assert_eq!(width(&row.view(Some("alice"), columns).before), expected, "{columns}");
        }
    }
}
