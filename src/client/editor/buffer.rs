//! A text and a cursor in it, which stands between two characters as a reader counts them (grapheme
//! clusters): an accent, a family emoji or a flag is one step. Nothing here goes over the whole
//! text, which may have been pasted and have megabytes.

use std::ops::Range;

use unicode_segmentation::{GraphemeCursor, UnicodeSegmentation};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Buffer {
    pub(super) text: String,
    /// In bytes from the beginning of the text.
    pub(super) cursor: usize,
}

impl Buffer {
    /// This text, with the cursor at its end.
    pub(super) fn holding(text: &str) -> Buffer {
        Buffer { text: text.to_owned(), cursor: text.len() }
    }

    pub(super) fn before(&self) -> &str {
        &self.text[..self.cursor]
    }

    pub(super) fn after(&self) -> &str {
        &self.text[self.cursor..]
    }

    /// Puts `with` in the place of the bytes in `range`, and the cursor behind it.
    pub(super) fn replace(&mut self, range: Range<usize>, with: &str) {
        let start = range.start;
        self.text.replace_range(range, with);
        self.place(start + with.len());
    }

    /// Puts the cursor at `position`, or after the character that `position` has come to lie in:
    /// what stands before and after a change may have joined into one.
    pub(super) fn place(&mut self, position: usize) {
        let mut boundary = GraphemeCursor::new(position, self.text.len(), true);
        self.cursor = match boundary.is_boundary(&self.text, 0) {
            Ok(true) => position,
            // The errors are for a text that is given in parts.
            Ok(false) | Err(_) => {
                boundary.next_boundary(&self.text, 0).ok().flatten().unwrap_or(self.text.len())
            }
        };
    }

    /// Where the character before the cursor begins.
    pub(super) fn left(&self) -> usize {
        let before = self.before().graphemes(true).next_back();
        self.cursor - before.map_or(0, str::len)
    }

    /// Where the character after the cursor ends.
    pub(super) fn right(&self) -> usize {
        let after = self.after().graphemes(true).next();
        self.cursor + after.map_or(0, str::len)
    }

    /// Where the word before the cursor begins, a word being letters and digits.
    pub(super) fn word_left(&self) -> usize {
        let mut graphemes = self.before().graphemes(true).rev().peekable();
        let mut length = 0;
        while let Some(grapheme) = graphemes.next_if(|grapheme| !is_of_word(grapheme)) {
            length += grapheme.len();
        }
        self.cursor - length - graphemes.take_while(|g| is_of_word(g)).map(str::len).sum::<usize>()
    }

    /// Where the word after the cursor ends.
    pub(super) fn word_right(&self) -> usize {
        let mut graphemes = self.after().graphemes(true).peekable();
        let mut length = 0;
        while let Some(grapheme) = graphemes.next_if(|grapheme| !is_of_word(grapheme)) {
            length += grapheme.len();
        }
        self.cursor + length + graphemes.take_while(|g| is_of_word(g)).map(str::len).sum::<usize>()
    }

    /// Where the word before the cursor begins, a word being what stands between blanks. The blanks
    /// behind it belong to it.
    pub(super) fn blank_left(&self) -> usize {
        let words = self.before().trim_end();
        let blank = words.char_indices().rev().find(|(_, c)| c.is_whitespace());
        blank.map_or(0, |(at, c)| at + c.len_utf8())
    }

    /// The two characters around the cursor, or at the end of the text the last two: where they
    /// are, and how they stand the other way round.
    pub(super) fn transposed(&self) -> Option<(Range<usize>, String)> {
        let end = if self.after().is_empty() { self.cursor } else { self.right() };
        let mut last = self.text[..end].grapheme_indices(true).rev();
        let (second_at, second) = last.next()?;
        let (first_at, first) = last.next()?;
        Some((first_at..second_at + second.len(), format!("{second}{first}")))
    }
}

fn is_of_word(grapheme: &str) -> bool {
    grapheme.starts_with(char::is_alphanumeric)
}
