//! The input row: which part of a prompt and a text is shown in how many columns.
//!
//! Pure. The row never fills the terminal's last column, so that the cursor always has a place and
//! nothing wraps. A text that is longer scrolls sideways.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use super::columns::{Measure, grapheme_width, width};
use crate::protocol::text;

/// Stand at the ends of the text where more of it is hidden.
const MORE_BEFORE: &str = "‹";
const MORE_AFTER: &str = "›";

/// With fewer columns than this there is no room for these.
const MARKED: usize = 4;

/// Stands for the end of a line, in a text of several.
const LINE_END: &str = "⏎";

/// The line being written, as the screen keeps it.
#[derive(Debug, Default)]
pub(super) struct Row {
    /// What is being written.
    text: String,
    /// A byte position in `text`, at the boundary of a grapheme cluster.
    cursor: usize,
    /// The byte position of what is shown first.
    first: usize,
}

/// What stands in the row, left to right.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct View {
    /// How many bytes of what stands before the cursor are the prompt.
    pub(super) prompt: usize,
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

    /// The text as it stands.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The prompt and the whole text, however long.
    pub(super) fn whole(&self, prompt: &str) -> String {
        prompt.to_owned() + &shown(&self.text)
    }

    /// What is to be shown in a terminal with so many columns, behind a prompt that leaves room.
    pub(super) fn view(&mut self, prompt: String, columns: usize) -> View {
        let room = columns.saturating_sub(1).saturating_sub(prompt.width());
        self.scroll(room);
        let marks = room >= MARKED;
        let more_before = if marks && self.first > 0 { MORE_BEFORE } else { "" };
        let before = &self.text[self.first..self.cursor];
        let left = room - more_before.width() - width(before);
        let mut after = head(&self.text[self.cursor..], left);
        let mut more_after = "";
        if marks && after.len() < self.text.len() - self.cursor {
            after = head(after, left.saturating_sub(1));
            more_after = MORE_AFTER;
        }
        View {
            prompt: prompt.len(),
            before: prompt + more_before + &shown(before),
            after: shown(after) + more_after,
        }
    }

    /// Moves what is shown until the cursor is in it, and no further than it has to. At the left
    /// edge it jumps by half, so that what is about to be deleted or crossed can be seen.
    fn scroll(&mut self, room: usize) {
        let (before, after) = self.text.split_at(self.cursor);
        let mark = usize::from(room >= MARKED);
        // A column for the mark at the right, unless there is nothing more.
        let room = room - if after.is_empty() { 0 } else { mark };
        let in_room = |text: &str, room| tail(text, room).len() == text.len();
        // No room stays empty at the right while there is text hidden at the left.
        let taken = width(head(after, room)).min(room);
        if in_room(before, room - taken) {
            self.first = 0;
            return;
        }
        if self.cursor <= self.first {
            self.first = self.cursor - tail(before, room / 2).len();
        }
        // The text may be another one since, with a character where `first` stands.
        let visible = before.get(self.first..).unwrap_or(before);
        let left = room - if visible.len() < before.len() { mark } else { 0 };
        let kept = if in_room(visible, left) { visible } else { tail(before, room - mark) };
        let filled = tail(before, (room - taken).saturating_sub(mark));
        self.first = self.cursor - kept.len().max(filled.len());
    }
}

/// As many characters from the beginning of `text` as fit into `room` columns.
pub(super) fn head(text: &str, room: usize) -> &str {
    let mut used = 0;
    let fits = |grapheme: &&str| {
        used += grapheme_width(grapheme, Measure::Widest);
        used <= room
    };
    let length = text.graphemes(true).take_while(fits).map(str::len).sum();
    &text[..length]
}

/// As many characters from the end of `text` as fit into `room` columns.
fn tail(text: &str, room: usize) -> &str {
    let mut used = 0;
    let fits = |grapheme: &&str| {
        used += grapheme_width(grapheme, Measure::Widest);
        used <= room
    };
    let length: usize = text.graphemes(true).rev().take_while(fits).map(str::len).sum();
    &text[text.len() - length..]
}

/// A tab takes one column here, a newline stands as a mark, and nothing that is typed or pasted
/// commands the terminal.
pub(super) fn shown(text: &str) -> String {
    let text = text.replace('\n', LINE_END);
    text::make_safe(text.as_bytes()).replace('\t', " ")
}

#[cfg(test)]
mod tests {
    use super::super::prompt::Label;
    use super::*;

    /// The row with `|` for the cursor, after it has shown each of `steps` in turn.
    fn picture(prompt: &str, columns: usize, steps: &[&str]) -> String {
        let mut row = Row::default();
        let mut picture = String::new();
        for step in steps {
            let cursor = step.find('|').expect("a cursor in the picture");
            row.set(&step.replace('|', ""), cursor);
            let View { before, after, .. } = row.view(Label::from(prompt).within(columns), columns);
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
            (20, &["0123456789abc|"], "alice> ‹23456789abc|"),
            (20, &["|0123456789abc"], "alice> |0123456789a›"),
            (20, &["0123456789abc|", "012345|6789abc"], "alice> ‹2345|6789abc"),
            (20, &["0123456789abcdef|", "0123|456789abcdef"], "alice> 0123|456789a›"),
            (20, &["0123456789abcdef|", "012|3456789abcdef"], "alice> 012|3456789a›"),
            (20, &["0123456789abcdef|", "日本語日本語日本語|"], "alice> ‹本語日本語|"),
            (20, &["日本語日本語|"], "alice> 日本語日本語|"),
            (20, &["日本語日本語日|"], "alice> ‹語日本語日|"),
            (20, &["e\u{301}a|"], "alice> e\u{301}a|"),
            (20, &["a\tb\nc|"], "alice> a b⏎c|"),
            (14, &["hello|"], "alice> hello|"),
            (13, &["hello|"], "alic> hello|"),
            (10, &["hello|"], "ali> ‹llo|"),
            (10, &["日本語|"], "ali> ‹語|"),
            (5, &["hello|"], "> lo|"),
            (4, &["hello|"], "> o|"),
            (3, &["hello|"], "lo|"),
            (2, &["hello|"], "o|"),
            (2, &["日|"], "|"),
            (1, &["hello|"], "|"),
            (0, &["hello|", "|"], "|"),
        ];
        for (columns, steps, expected) in cases {
            assert_eq!(picture("alice", *columns, steps), *expected, "{columns} {steps:?}");
        }
        assert_eq!(picture("somebody whose name is long", 30, &["hi|"]), "somebody whos> hi|");
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
                picture("日本語", columns, &steps[..end]);
            }
        }
    }
}
