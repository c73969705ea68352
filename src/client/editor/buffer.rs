//! A text and a cursor in it, which stands between two characters as a reader counts them (grapheme
//! clusters): an accent, a family emoji or a flag is one step. Only Backspace takes the marks of some scripts
//! one by one. Nothing here goes over the whole
//! text, which may have been pasted and have megabytes.

use std::ops::Range;

use unicode_script::{Script, UnicodeScript};
use unicode_segmentation::{GraphemeCursor, UnicodeSegmentation};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Buffer {
    /// What is being written.
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

    /// Where the row begins that the cursor is in.
    pub(super) fn row_start(&self) -> usize {
        self.before().rfind('\n').map_or(0, |end| end + 1)
    }

    /// Where it ends.
    pub(super) fn row_end(&self) -> usize {
        self.after().find('\n').map_or(self.text.len(), |end| self.cursor + end)
    }

    /// How many characters stand before the cursor in its row.
    pub(super) fn column(&self) -> usize {
        self.text[self.row_start()..self.cursor].graphemes(true).count()
    }

    /// Behind so many characters of the row above, or at its end.
    pub(super) fn above(&self, column: usize) -> Option<usize> {
        let end = self.row_start().checked_sub(1)?;
        let start = self.text[..end].rfind('\n').map_or(0, |end| end + 1);
        Some(start + characters(&self.text[start..end], column))
    }

    /// Behind so many characters of the row below, or at its end.
    pub(super) fn below(&self, column: usize) -> Option<usize> {
        let start = self.row_end() + 1;
        let rest = self.text.get(start..)?;
        let row = rest.split('\n').next().unwrap_or_default();
        Some(start + characters(row, column))
    }

    /// Where the character before the cursor begins.
    pub(super) fn left(&self) -> usize {
        let before = self.before().graphemes(true).next_back();
        self.cursor - before.map_or(0, str::len)
    }

    /// Where what was typed last before the cursor begins. In scripts that are typed mark by mark, that is
    /// the last mark and not the whole character.
    pub(super) fn last_typed(&self) -> usize {
        let Some(character) = self.before().graphemes(true).next_back() else { return self.cursor };
        if !is_typed_in_parts(character) {
            return self.cursor - character.len();
        }
        let shown = character.trim_end_matches(['\u{200c}', '\u{200d}']);
        let last = shown.chars().next_back().map_or(0, char::len_utf8);
        self.cursor - (character.len() - shown.len()) - last
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

    /// The two characters around the cursor, or at the end of a row its last two: where they
    /// are, and how they stand the other way round.
    pub(super) fn transposed(&self) -> Option<(Range<usize>, String)> {
        let (start, end) = (self.row_start(), self.right().min(self.row_end()));
        let mut last = self.text[start..end].grapheme_indices(true).rev();
        let (second_at, second) = last.next()?;
        let (first_at, first) = last.next()?;
        let range = start + first_at..start + second_at + second.len();
        Some((range, format!("{second}{first}")))
    }
}

/// How many bytes so many characters take from the beginning of the row, or all that it has.
fn characters(row: &str, most: usize) -> usize {
    row.graphemes(true).take(most).map(str::len).sum()
}

/// Whether there is a key for each part of the character. For an accented letter, a syllable of kana or Hangul
/// and an emoji there is one for the whole.
fn is_typed_in_parts(character: &str) -> bool {
    use Script::{
        Armenian, Bopomofo, Common, Cyrillic, Georgian, Greek, Han, Hiragana, Inherited, Katakana,
        Latin,
    };
    let script = character.chars().next().map_or(Common, |first| first.script());
    !matches!(
        script,
        Armenian
            | Bopomofo
            | Common
            | Cyrillic
            | Georgian
            | Greek
            | Han
            | Hiragana
            | Inherited
            | Katakana
            | Latin
    )
}

fn is_of_word(grapheme: &str) -> bool {
    grapheme.starts_with(char::is_alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backspace_takes_the_last_mark_of_scripts_that_are_typed_mark_by_mark() {
        for (text, left) in [
            ("\u{e17}\u{e35}\u{e48}", "\u{e17}\u{e35}"),
            ("\u{e19}\u{e49}\u{e33}", "\u{e19}\u{e49}"),
            ("\u{915}\u{94d}\u{937}\u{93f}", "\u{915}\u{94d}\u{937}"),
            ("\u{938}\u{94d}\u{924}\u{947}", "\u{938}\u{94d}\u{924}"),
            ("\u{915}\u{94d}\u{200d}", "\u{915}"),
            ("\u{5e9}\u{5c1}\u{5b8}", "\u{5e9}\u{5c1}"),
            ("\u{628}\u{651}\u{64e}", "\u{628}\u{651}"),
            ("\u{17a2}\u{17d2}\u{179a}\u{17bb}", "\u{17a2}\u{17d2}\u{179a}"),
            ("\u{1112}\u{1161}\u{11ab}", "\u{1112}\u{1161}"),
            // There is a key for each of these, or there are several for one of them.
            ("\u{d55c}", ""),
            ("e\u{301}", ""),
            ("\u{438}\u{306}", ""),
            ("\u{304b}\u{3099}", ""),
            ("a\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}", "a"),
            ("a\u{1f44d}\u{1f3fd}", "a"),
            ("a\u{1f1e9}\u{1f1ea}", "a"),
            ("a1\u{fe0f}\u{20e3}", "a"),
            ("\u{e17}\u{e35} ", "\u{e17}\u{e35}"),
            ("", ""),
        ] {
            let buffer = Buffer::holding(text);
            assert_eq!(&buffer.text[..buffer.last_typed()], left, "{text}");
        }
    }
}
