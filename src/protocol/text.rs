//! One line's bytes made into text that is safe to show in anyone's terminal.
//!
//! Removed are control characters (C0 but the tab, DEL, C1), whole escape sequences (`escape`), Unicode's
//! line and paragraph separators, the characters that reorder text (bidirectional embeddings, overrides
//! and isolates), those that show nothing where they do nothing (`invisible`), and combining marks beyond
//! the eighth on one character. What is not UTF-8 becomes U+FFFD. All else passes untouched. A line
//! without any of that is not copied.

use std::borrow::Cow;
use std::str::Chars;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthChar;

use invisible::{Context, Sort};

mod escape;
mod invisible;

/// The most combining marks that stay on one character. Vietnamese needs two and Tibetan a few;
/// hundreds pile up over the neighbouring lines.
pub const MAX_MARKS: usize = 8;

/// The text of `line`, safe to show. Borrowed if nothing had to be changed.
#[must_use]
pub fn make_safe(line: &[u8]) -> Cow<'_, str> {
    if is_printable_ascii(line)
        && let Ok(text) = str::from_utf8(line)
    {
        return Cow::Borrowed(text);
    }
    match String::from_utf8_lossy(line) {
        Cow::Borrowed(text) if is_safe(text) => Cow::Borrowed(text),
        text => Cow::Owned(pick(without_commands(&text, |_| false))),
    }
}

/// Text of `most` bytes at most. Longer text is cut behind a character, as readers see them, and ends
/// with `…`.
#[must_use]
pub fn shortened(text: &str, most: usize) -> Cow<'_, str> {
    const ELLIPSIS: char = '…';
    if text.len() <= most {
        return Cow::Borrowed(text);
    }
    let kept = most.saturating_sub(ELLIPSIS.len_utf8());
    let ends = text.grapheme_indices(true).map(|(start, character)| start + character.len());
    let end = ends.take_while(|&end| end <= kept).last().unwrap_or(0);
    let mut text = text[..end].trim_end().to_owned();
    text.push(ELLIPSIS);
    Cow::Owned(text)
}

/// The text of a line that came from a client's keyboard, perhaps key by key: what its Backspace (U+0008,
/// U+007F), Ctrl+W (U+0017) and Ctrl+U (U+0015) take away is not in it, and it is safe to show.
#[must_use]
pub fn make_safe_as_typed(line: &[u8]) -> Cow<'_, str> {
    if is_printable_ascii(line) || !line.iter().any(|&byte| is_editing_key(byte.into())) {
        return make_safe(line);
    }
    let keys = without_commands(&String::from_utf8_lossy(line), is_editing_key);
    Cow::Owned(pick(edit(&keys)))
}

/// The text without its case, to compare it with others. This is the one definition of what is the same
/// in any case: for names, for searches and for mentions.
///
/// By way of both mappings, so that ß, ẞ and SS, or ς and Σ, are the same; so are İ, I, i and ı, and what
/// Unicode calls canonically equivalent.
#[must_use]
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let folded = text.chars().flat_map(fold_char).nfd();
    folded.filter(without_dots_above(|c| c == 'i')).nfc().collect()
}

/// What becomes of one character in that, before it is put together with its neighbours.
pub(crate) fn fold_char(c: char) -> impl Iterator<Item = char> {
    c.to_lowercase().flat_map(char::to_uppercase).flat_map(char::to_lowercase)
}

/// Drops the dot above a letter that has one of its own, of text in normalization form D: İ leaves one on
/// its i. A dot above another mark stays.
pub(crate) fn without_dots_above(has_dot: impl Fn(char) -> bool) -> impl FnMut(&char) -> bool {
    const DOT_ABOVE: char = '\u{307}';
    const ABOVE: u8 = 230;
    let mut is_dotted = false;
    move |&c| {
        match canonical_combining_class(c) {
            0 => is_dotted = has_dot(c),
            ABOVE if is_dotted && c == DOT_ABOVE => return false,
            ABOVE => is_dotted = false,
            _ => {}
        }
        true
    }
}

/// Whether nothing would be seen of `text`, which has been made safe.
#[must_use]
pub fn is_blank(text: &str) -> bool {
    text.chars().all(invisible::shows_nothing)
}

/// `text`, which has been made safe, from the first character on of which something is seen.
#[must_use]
pub fn from_first_shown(text: &str) -> &str {
    text.trim_start_matches(invisible::shows_nothing)
}

/// Whether `c` shows nothing itself and is no mark of a letter's: it acts on its neighbours alone, as joiners,
/// directional marks and variation selectors do.
pub(crate) fn acts_on_neighbours_alone(c: char) -> bool {
    match Sort::of(c) {
        Sort::Shown => false,
        Sort::OfScript(_) => c.general_category_group() != GeneralCategoryGroup::Mark,
        Sort::Removed
        | Sort::NonJoiner
        | Sort::Joiner
        | Sort::Direction
        | Sort::WordEnd
        | Sort::Selector
        | Sort::HanSelector
        | Sort::Mongolian
        | Sort::Tag
        | Sort::Sign => true,
    }
}

/// Nearly every line: no branch in the loop, so that the compiler makes it wide.
fn is_printable_ascii(line: &[u8]) -> bool {
    line.iter().fold(true, |plain, &byte| {
        plain & ((byte.wrapping_sub(b' ') <= b'~' - b' ') | (byte == b'\t'))
    })
}

fn is_safe(text: &str) -> bool {
    let mut picker = Picker::new(text);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if is_dangerous(c) || !picker.keeps(c, &chars) {
            return false;
        }
    }
    true
}

/// `text` without what no terminal may get, but with the control characters that are `kept`.
fn without_commands(text: &str, kept: impl Fn(char) -> bool) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if !escape::skip(c, &mut chars) && (!is_dangerous(c) || kept(c)) {
            safe.push(c);
        }
    }
    safe
}

/// `text` without the characters that show nothing where they stand, and the marks that are too many.
fn pick(text: String) -> String {
    if text.is_ascii() || is_safe(&text) {
        return text;
    }
    let mut picker = Picker::new(&text);
    let mut chars = text.chars();
    let mut picked = String::with_capacity(text.len());
    while let Some(c) = chars.next() {
        if picker.keeps(c, &chars) {
            picked.push(c);
        }
    }
    picked
}

fn is_editing_key(c: char) -> bool {
    matches!(c, '\u{8}' | '\u{15}' | '\u{17}' | '\u{7f}')
}

/// What is left of what was typed.
fn edit(keys: &str) -> String {
    let mut text = String::with_capacity(keys.len());
    for key in keys.chars() {
        match key {
            '\u{8}' | '\u{7f}' => take_last_character(&mut text),
            '\u{15}' => text.clear(),
            '\u{17}' => take_last_word(&mut text),
            c => text.push(c),
        }
    }
    text
}

/// Takes the last character away, with what is drawn onto it.
fn take_last_character(text: &mut String) {
    while let Some(c) = text.pop() {
        if c.is_ascii() || (!is_mark(c, c.width() != Some(0)) && Sort::of(c) == Sort::Shown) {
            return;
        }
    }
}

fn take_last_word(text: &mut String) {
    let without_blanks = text.trim_end().len();
    let word = text[..without_blanks].char_indices().rev().find(|(_, c)| c.is_whitespace());
    text.truncate(word.map_or(0, |(at, blank)| at + blank.len_utf8()));
}

/// Whether `c` never passes: it moves the cursor, begins an escape sequence, ends a line to whoever
/// goes by Unicode, or reorders the text.
pub(crate) fn is_dangerous(c: char) -> bool {
    (c.is_control() && c != '\t') || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Goes through a line and picks what stays, of what commands no terminal.
struct Picker<'a> {
    /// What was kept so far.
    context: Context<'a>,
    /// How many combining marks the current character has.
    marks: usize,
}

impl<'a> Picker<'a> {
    fn new(line: &'a str) -> Picker<'a> {
        Picker { context: Context::beginning(line), marks: 0 }
    }

    /// Whether `c` stays, behind what was kept before it and in front of `after`.
    fn keeps(&mut self, c: char, after: &Chars<'_>) -> bool {
        if c.is_ascii() || is_simple(c) {
            self.marks = 0;
            self.context.on_kept(c, true);
            return true;
        }
        let sort = Sort::of(c);
        if sort != Sort::Shown && !self.context.needs(c, sort, after) {
            return false;
        }
        let has_width = c.width() != Some(0);
        let is_mark = is_mark(c, has_width);
        let keeps = self.has_room(has_width, is_mark);
        if keeps {
            self.context.on_kept(c, sort == Sort::Shown && !is_mark);
        }
        keeps
    }

    /// Whether there are not too many marks. What has no width, such as a joiner, neither counts nor
    /// begins a new character, or a pile of marks could be built up in portions.
    fn has_room(&mut self, has_width: bool, is_mark: bool) -> bool {
        if is_mark {
            self.marks += 1;
            return self.marks <= MAX_MARKS;
        }
        if has_width {
            self.marks = 0;
        }
        true
    }
}

/// Whether `c` is among the letters of Latin, Greek, Cyrillic, kana, Han and Hangul that nearly all text is
/// made of: each shows something, and is no mark. To look that up takes longer than all else.
fn is_simple(c: char) -> bool {
    matches!(
        c,
        '\u{c0}'..='\u{2ff}' | '\u{370}'..='\u{482}' | '\u{48a}'..='\u{52f}' | '\u{3041}'..='\u{3096}'
            | '\u{30a1}'..='\u{30fa}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}'
    )
}

/// Whether `c` is drawn onto the character before it: a mark, or a Korean vowel or final consonant.
fn is_mark(c: char, has_width: bool) -> bool {
    match c.general_category_group() {
        GeneralCategoryGroup::Mark => true,
        GeneralCategoryGroup::Letter => !has_width,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
