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
mod tests {
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    use super::*;
    use crate::protocol::arbitrary::bytes;
    use crate::safety::assert_safe;

    #[test]
    fn what_is_dangerous_is_removed_and_all_else_stays() {
        let cases: &[(&[u8], &str)] = &[
            (b"", ""),
            (b"plain text, with ~ and !", "plain text, with ~ and !"),
            (b"a\ttab stays", "a\ttab stays"),
            (b"\x00\x01\x07bell\x08\x7f\r", "bell"),
            ("\u{85}\u{80}C1\u{9c}".as_bytes(), "C1"),
            ("日本語 🎉 نص".as_bytes(), "日本語 🎉 نص"),
            // Escape sequences, whole.
            (b"\x1b[31mred\x1b[0m", "red"),
            (b"\x1b[?1049h\x1b[2J\x1b[1;1Hx", "x"),
            (b"\x1b[38;5;196 qx", "x"),
            ("\u{9b}31mred".as_bytes(), "red"),
            (b"a\x1b[3", "a"),
            (b"a\x1b", "a"),
            (b"a\x1b[", "a"),
            ("\x1b[31日本".as_bytes(), "日本"),
            (b"\x1b[3\x071mred", "red"),
            (b"\x1b[3\x181mred", "1mred"),
            (b"\x1b[3\x1b[1mred", "red"),
            (b"\x1b]0;title\x07x", "x"),
            (b"\x1b]0;title\x1b\\x", "x"),
            ("\x1b]0;title\u{9c}x".as_bytes(), "x"),
            ("\u{9d}0;title\u{7}x".as_bytes(), "x"),
            (b"a\x1b]0;never ended", "a"),
            (b"\x1b]0;t\x1b[31mred", "red"),
            (b"\x1b]8;;http://example.org\x1b\\link\x1b]8;;\x1b\\", "link"),
            (b"\x1bPq#0;2\x07still\x1b\\x", "x"),
            (b"\x1bX sos \x1b\\\x1b^ pm \x1b\\\x1b_ apc \x1b\\x", "x"),
            ("\u{90}dcs\u{9c}\u{98}sos\u{9c}\u{9e}pm\u{9c}\u{9f}apc\u{9c}x".as_bytes(), "x"),
            (b"\x1bcx\x1b7y\x1b=z", "xyz"),
            (b"\x1b(0x\x1b#8y\x1b%Gz", "xyz"),
            ("\x1bé".as_bytes(), "é"),
            (b"\x1b\x1b[1mx", "x"),
            // Text that is turned around.
            ("a\u{202e}b\u{202c}\u{2066}c\u{2069}".as_bytes(), "abc"),
            ("a\u{200e}b\u{200f}c".as_bytes(), "abc"),
            // Lines that end elsewhere.
            ("a\u{2028}b\u{2029}c\u{85}d\x0be\x0cf\rg".as_bytes(), "abcdefg"),
            // Not UTF-8.
            (b"\xc3\xa9 \xe9 \xc3", "é \u{fffd} \u{fffd}"),
            (b"\xe2\x82", "\u{fffd}"),
            (b"\xf0\x9f\x98\xf0\x9f\x98\x80", "\u{fffd}😀"),
            (b"\x9b31m", "\u{fffd}31m"),
            (b"\xed\xa0\x80", "\u{fffd}\u{fffd}\u{fffd}"),
            // Keys of a terminal's.
            (b"a\x1b[Ab\x1bOAc\x1b[[Ad\x1b[15~e\x1b[1;5Df", "abcdef"),
            // Telnet's commands are gone by then.
            (b"a\xff\xf4b", "a\u{fffd}\u{fffd}b"),
            (b"\xff", "\u{fffd}"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(make_safe(bytes), *expected, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn no_more_than_eight_combining_marks_stay_on_one_character() {
        let piled = |marks: usize| format!("a{}b", "\u{301}".repeat(marks));
        for marks in [0, 1, 8] {
            assert_eq!(make_safe(piled(marks).as_bytes()), piled(marks));
        }
        for marks in [9, 400] {
            assert_eq!(make_safe(piled(marks).as_bytes()), piled(8));
        }
        for divider in ['\u{200b}', '\u{200d}', '\u{2060}', '\u{feff}', '\u{1160}'] {
            let in_portions = format!("a{}", format!("\u{301}\u{301}{divider}").repeat(20));
            let kept = make_safe(in_portions.as_bytes());
            assert!(kept.chars().filter(|&c| c == '\u{301}').count() <= 8, "{divider:?}");
        }
        let syllables = "\u{1112}\u{1161}\u{11ab}".repeat(20);
        assert_eq!(make_safe(syllables.as_bytes()), syllables);
        let vowels = format!("\u{1112}{}", "\u{1161}".repeat(20));
        assert_eq!(make_safe(vowels.as_bytes()).chars().count(), 9);
    }

    #[test]
    fn simple_characters_are_shown_and_no_marks() {
        let simple: Vec<char> = ('\0'..=char::MAX).filter(|&c| is_simple(c)).collect();
        assert!(simple.len() > 30_000);
        for c in simple {
            let has_width = c.width() != Some(0);
            assert!(has_width && !is_mark(c, has_width) && Sort::of(c) == Sort::Shown, "{c:?}");
        }
    }

    #[test]
    fn what_is_safe_is_not_copied() {
        for text in ["plain", "tab\there", "日本語 👩‍👩‍👧 e\u{301}"] {
            assert!(matches!(make_safe(text.as_bytes()), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn text_that_is_too_long_is_cut_behind_a_character() {
        for (text, most, short) in [
            ("good night", 10, "good night"),
            ("good night", 9, "good n…"),
            ("good night", 8, "good…"),
            ("güü", 5, "güü"),
            ("gütü", 5, "g…"),
            // What readers take for one character stays whole.
            ("ae\u{301}e\u{301}e\u{301}", 8, "ae\u{301}…"),
        ] {
            assert_eq!(shortened(text, most), short);
            assert!(shortened(text, most).len() <= most);
        }
    }

    #[test]
    fn what_differs_in_case_alone_folds_to_the_same() {
        let alike: [&[&str]; 8] = [
            &["strauß", "STRAUẞ", "STRAUSS", "Strauss"],
            &["İpek", "I\u{307}pek", "ipek", "IPEK", "ıpek"],
            &["ị", "I\u{323}\u{307}", "İ\u{323}", "Ị"],
            &["σας", "ΣΑΣ", "σασ"],
            &["Zoë", "ZOË", "zoe\u{308}"],
            &["ᾳ", "ᾼ", "ΑΙ"],
            &["ǆ", "ǅ", "Ǆ"],
            &["å", "\u{212b}", "A\u{30a}"],
        ];
        for texts in alike {
            let folded: Vec<String> = texts.iter().map(|text| fold(text)).collect();
            assert!(folded.windows(2).all(|two| two[0] == two[1]), "{texts:?}: {folded:?}");
        }
        for (one, other) in [("e", "é"), ("i\u{301}\u{307}", "i\u{301}"), ("z\u{307}", "z")] {
            assert_ne!(fold(one), fold(other), "{one} {other}");
        }
    }

    #[test]
    fn every_character_folds_as_its_capital_and_its_small_letter_do() {
        let is_changed = |c: &char| {
            !c.to_lowercase().eq([*c]) || !c.to_uppercase().eq([*c]) || !c.nfd().eq([*c])
        };
        for c in ('\0'..=char::MAX).filter(is_changed) {
            let folded = fold(&c.to_string());
            let lower: String = c.to_lowercase().collect();
            let upper: String = c.to_uppercase().collect();
            let decomposed: String = c.nfd().collect();
            for text in [&folded, &lower, &upper, &decomposed] {
                assert_eq!(fold(text), folded, "{c:?} {text:?}");
            }
        }
    }

    #[test]
    fn what_was_typed_is_what_the_editing_keys_have_left() {
        let cases: &[(&[u8], &str)] = &[
            (b"plain", "plain"),
            (b"/nikc\x7f\x7fck bob", "/nick bob"),
            (b"ab\x08c", "ac"),
            (b"\x7f\x7fa", "a"),
            (b"no\x15yes", "yes"),
            (b"\x15", ""),
            (b"one two\x17three", "one three"),
            (b"one two  \x17three", "one three"),
            (b"one\x17", ""),
            ("日本\u{7f}".as_bytes(), "日"),
            ("e\u{301}\u{316}\u{7f}x".as_bytes(), "x"),
            ("❤\u{fe0f}\u{7f}x".as_bytes(), "x"),
            ("👩\u{200d}👧\u{7f}".as_bytes(), "👩"),
            (b"caf\xe9\x7fe", "cafe"),
            // Keys that move a cursor which is not ours.
            (b"ab\x1b[D\x7fc", "ac"),
            (b"\x1b]0;t\x7f\x07x", "x"),
            // Two piles of marks do not become one.
            (
                "a\u{301}\u{301}\u{301}\u{301}\u{301}b\u{7f}\u{301}\u{301}\u{301}\u{301}"
                    .as_bytes(),
                "a\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}",
            ),
        ];
        for (bytes, expected) in cases {
            assert_eq!(make_safe_as_typed(bytes), *expected, "{}", bytes.escape_ascii());
        }
        let keys = ["x".repeat(30_000), "\u{7f}".repeat(30_000)].concat();
        assert_eq!(make_safe_as_typed(keys.as_bytes()), "");
        assert!(matches!(make_safe_as_typed("äb".as_bytes()), Cow::Borrowed("äb")));
    }

    proptest! {
        #[test]
        fn whatever_comes_is_safe_then_and_hardly_longer_and_stays_as_it_is(bytes in bytes()) {
            let safe = make_safe(&bytes);
            assert_safe(&safe);
            prop_assert!(safe.chars().count() <= bytes.len());
            prop_assert_eq!(make_safe(safe.as_bytes()), safe.as_ref());
            let typed = make_safe_as_typed(&bytes);
            assert_safe(&typed);
            prop_assert!(typed.chars().count() <= safe.chars().count());
            prop_assert_eq!(make_safe_as_typed(typed.as_bytes()), typed.as_ref());
        }
    }
}
