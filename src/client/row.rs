//! The input rows: which part of a prompt and a text is shown in how many columns and rows.
//!
//! Pure. No row fills the terminal's last column, so that the cursor always has a place and nothing wraps. The
//! prompt stands before the first row that is shown, and the others begin below the text. The row with the cursor
//! scrolls sideways, and a text of more rows than there is room for up and down.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use super::columns::{Measure, grapheme_width, width};
use crate::protocol::text;

/// Stand at the ends of a row where more of it is hidden.
const MORE_BEFORE: &str = "‹";
const MORE_AFTER: &str = "›";

/// With fewer columns than this there is no room for these.
const MARKED: usize = 4;

/// What is being written, as the screen keeps it.
#[derive(Debug, Default)]
pub(super) struct Row {
    /// The text, with newlines between its rows.
    text: String,
    /// A byte position in `text`, at the boundary of a grapheme cluster.
    cursor: usize,
    /// Where the row with the cursor began when it was shown last, in bytes.
    start: usize,
    /// What of it was shown first, in bytes from there.
    first: usize,
    /// Which row of the text was shown first.
    top: usize,
}

/// What stands in the rows.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct View {
    /// Top to bottom, at least one: the prompt, or as many blanks, and the text.
    pub(super) rows: Vec<String>,
    /// How many bytes of the first one are the prompt.
    pub(super) prompt: usize,
    /// Which of them the cursor is in.
    pub(super) at: usize,
    /// How many bytes of that one stand before the cursor.
    pub(super) before: usize,
}

impl View {
    /// All up to the cursor, and all from there on, with line ends between the rows.
    pub(super) fn split(&self) -> (String, String) {
        let (above, from) = self.rows.split_at(self.at);
        let (before, after) = from.first().map_or(("", ""), |row| row.split_at(self.before));
        let before: Vec<&str> = above.iter().map(String::as_str).chain([before]).collect();
        let below = from.iter().skip(1).map(String::as_str);
        let after: Vec<&str> = [after].into_iter().chain(below).collect();
        (before.join("\r\n"), after.join("\r\n"))
    }
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

    /// The prompt and the whole text, however long, with a line end behind each row.
    pub(super) fn whole(&self, prompt: &str) -> String {
        let indent = " ".repeat(width(prompt));
        let rows = self.text.split('\n').enumerate();
        rows.map(|(i, row)| format!("{}{}\r\n", if i == 0 { prompt } else { &indent }, shown(row)))
            .collect()
    }

    /// How many rows are shown where there is room for so many.
    pub(super) fn height(&self, room: usize) -> usize {
        (line_ends(&self.text) + 1).min(room.max(1))
    }

    /// What is to be shown in a terminal with so many columns, in `height` rows, behind a prompt that leaves room.
    pub(super) fn view(&mut self, prompt: &str, columns: usize, height: usize) -> View {
        let room = columns.saturating_sub(1).saturating_sub(prompt.width());
        let height = self.height(height);
        let start = self.text[..self.cursor].rfind('\n').map_or(0, |end| end + 1);
        let number = line_ends(&self.text[..start]);
        let last = line_ends(&self.text) + 1 - height;
        self.top = self.top.clamp((number + 1).saturating_sub(height), number).min(last);
        let at = number - self.top;
        let above = self.text[..start].split_terminator('\n').rev().take(at);
        let mut rows: Vec<String> = above.map(|row| cut(row, room)).collect();
        rows.reverse();
        let (before, after) = self.view_of_cursor(start, room);
        rows.push(before.clone() + &after);
        let end = self.cursor + self.text[self.cursor..].find('\n').unwrap_or(0);
        let below = self.text[end..].split('\n').skip(1).take(height - rows.len());
        rows.extend(below.map(|row| cut(row, room)));
        let indent = " ".repeat(prompt.width());
        for (i, row) in rows.iter_mut().enumerate() {
            row.insert_str(0, if i == 0 { prompt } else { &indent });
        }
        let lead = if at == 0 { prompt.len() } else { indent.len() };
        View { rows, prompt: prompt.len(), at, before: lead + before.len() }
    }

    /// What is shown of the row that begins at `start`, before the cursor and behind it.
    fn view_of_cursor(&mut self, start: usize, room: usize) -> (String, String) {
        if std::mem::replace(&mut self.start, start) != start {
            self.first = 0;
        }
        let row = self.text[start..].split('\n').next().unwrap_or_default();
        let cursor = self.cursor - start;
        self.first = scrolled(row, cursor, self.first, room);
        let marks = room >= MARKED;
        let more_before = if marks && self.first > 0 { MORE_BEFORE } else { "" };
        let before = &row[self.first..cursor];
        let left = room - more_before.width() - width(before);
        let mut after = head(&row[cursor..], left);
        let mut more_after = "";
        if marks && after.len() < row.len() - cursor {
            after = head(after, left.saturating_sub(1));
            more_after = MORE_AFTER;
        }
        (more_before.to_owned() + &shown(before), shown(after) + more_after)
    }
}

/// What is shown first, if that was `first` before, so that the cursor is in what is shown, and no further from there
/// than it has to be. At the left edge it jumps by half, so that what is about to be deleted or crossed can be seen.
fn scrolled(row: &str, cursor: usize, first: usize, room: usize) -> usize {
    let (before, after) = row.split_at(cursor);
    let mark = usize::from(room >= MARKED);
    // A column for the mark at the right, unless there is nothing more.
    let room = room - if after.is_empty() { 0 } else { mark };
    let in_room = |text: &str, room| tail(text, room).len() == text.len();
    // No room stays empty at the right while there is text hidden at the left.
    let taken = width(head(after, room)).min(room);
    if in_room(before, room - taken) {
        return 0;
    }
    let first = if cursor <= first { cursor - tail(before, room / 2).len() } else { first };
    // The text may be another one since, with a character where `first` stands.
    let visible = before.get(first..).unwrap_or(before);
    let left = room - if visible.len() < before.len() { mark } else { 0 };
    let kept = if in_room(visible, left) { visible } else { tail(before, room - mark) };
    let filled = tail(before, (room - taken).saturating_sub(mark));
    cursor - kept.len().max(filled.len())
}

/// The beginning of a row, as much of it as there is room for.
fn cut(row: &str, room: usize) -> String {
    let beginning = head(row, room);
    if beginning.len() == row.len() || room < MARKED {
        return shown(beginning);
    }
    shown(head(row, room - 1)) + MORE_AFTER
}

fn line_ends(text: &str) -> usize {
    text.bytes().filter(|&byte| byte == b'\n').count()
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

/// A tab takes one column here, a newline a blank, and nothing that is typed or pasted commands the terminal.
pub(super) fn shown(text: &str) -> String {
    text::make_safe(text.as_bytes()).replace(['\t', '\n'], " ")
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
            let view = row.view(&Label::from(prompt).within(columns), columns, 3);
            for row in &view.rows {
                assert!(width(row) < columns.max(1), "{} of {columns}: {row}", width(row));
            }
            let (before, after) = view.split();
            picture = format!("{before}|{after}").replace("\r\n", "\n");
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
            (20, &["a\tb\nc|"], "alice> a b\n       c|"),
            (20, &["0123456789abcdefg\nb|"], "alice> 0123456789a›\n       b|"),
            (20, &["a\n0123456789abcdefg|\nb"], "alice> a\n       ‹6789abcdefg|\n       b"),
            (20, &["a\nb\nc\nd|"], "alice> b\n       c\n       d|"),
            (20, &["a\nb\nc\nd|", "a\nb|\nc\nd"], "alice> b|\n       c\n       d"),
            (20, &["a\nb\nc\nd|", "a|\nb\nc\nd"], "alice> a|\n       b\n       c"),
            (20, &["a\nb\nc\n\nd|", "a\nb\nc|"], "alice> a\n       b\n       c|"),
            (20, &["a\n|"], "alice> a\n       |"),
            (20, &["|\na"], "alice> |\n       a"),
            (10, &["hello\nhi|"], "ali> hel›\n     hi|"),
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
        let text = "a日e\u{301}👩‍👩‍👧🇩🇪\tb👍🏽c日本語\n日\n\nx";
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
