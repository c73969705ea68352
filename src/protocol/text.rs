//! One line's bytes made into text that is safe to show in anyone's terminal.
//!
//! Removed are control characters (C0 but the tab, DEL, C1), whole escape sequences, telnet
//! negotiation, Unicode's line and paragraph separators, the characters that reorder text
//! (bidirectional embeddings, overrides and isolates), and combining marks beyond the eighth on one
//! character. What is not UTF-8 becomes U+FFFD. All else passes untouched. A line without any of that
//! is not copied.
//!
//! Escape sequences are those of ECMA-48 (CSI, OSC, DCS, SOS, PM, APC, in their seven-bit form and
//! as C1 characters, and the two- and three-character ones of ISO 2022); telnet is RFC 854.

use std::borrow::Cow;
use std::str::Chars;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthChar;

/// The most combining marks that stay on one character. Vietnamese needs two and Tibetan a few;
/// hundreds pile up over the neighbouring lines.
pub const MAX_MARKS: usize = 8;

const ESC: char = '\u{1b}';

/// The text of `line`, safe to show. Borrowed if nothing had to be changed.
#[must_use]
pub fn make_safe(line: &[u8]) -> Cow<'_, str> {
    if is_printable_ascii(line)
        && let Ok(text) = str::from_utf8(line)
    {
        return Cow::Borrowed(text);
    }
    match without_telnet(line) {
        Cow::Borrowed(bytes) => match String::from_utf8_lossy(bytes) {
            Cow::Borrowed(text) if is_safe(text) => Cow::Borrowed(text),
            text => Cow::Owned(filter(&text)),
        },
        Cow::Owned(bytes) => Cow::Owned(filter(&String::from_utf8_lossy(&bytes))),
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
    folded.filter(without_dots_on_i()).nfc().collect()
}

/// What becomes of one character in that, before it is put together with its neighbours.
pub(crate) fn fold_char(c: char) -> impl Iterator<Item = char> {
    c.to_lowercase().flat_map(char::to_uppercase).flat_map(char::to_lowercase)
}

/// Drops the dot that İ leaves on its i, of text in normalization form D: the i has one of its own. A dot
/// above another mark stays.
fn without_dots_on_i() -> impl FnMut(&char) -> bool {
    const DOT_ABOVE: char = '\u{307}';
    const ABOVE: u8 = 230;
    let mut is_bare_i = false;
    move |&c| {
        match canonical_combining_class(c) {
            0 => is_bare_i = c == 'i',
            ABOVE if is_bare_i && c == DOT_ABOVE => return false,
            ABOVE => is_bare_i = false,
            _ => {}
        }
        true
    }
}

/// Nearly every line: no branch in the loop, so that the compiler makes it wide.
fn is_printable_ascii(line: &[u8]) -> bool {
    line.iter().fold(true, |plain, &byte| {
        plain & ((byte.wrapping_sub(b' ') <= b'~' - b' ') | (byte == b'\t'))
    })
}

fn is_safe(text: &str) -> bool {
    let mut marks = Marks::default();
    text.chars().all(|c| !is_dangerous(c) && marks.allow(c))
}

fn filter(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut marks = Marks::default();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            ESC => skip_escape(&mut chars),
            '\u{90}' | '\u{98}' | '\u{9e}' | '\u{9f}' => skip_string(&mut chars, Bell::IsContent),
            '\u{9b}' => skip_csi(&mut chars),
            '\u{9d}' => skip_string(&mut chars, Bell::Ends),
            _ if is_dangerous(c) => {}
            _ if marks.allow(c) => safe.push(c),
            _ => {}
        }
    }
    safe
}

/// Whether `c` never passes: it moves the cursor, begins an escape sequence, ends a line to whoever
/// goes by Unicode, or reorders the text.
fn is_dangerous(c: char) -> bool {
    (c.is_control() && c != '\t') || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Counts the combining marks on the current character.
#[derive(Default)]
struct Marks(usize);

impl Marks {
    /// Whether `c` may stand where it stands. What has no width, such as a joiner, neither counts nor
    /// begins a new character, or a pile of marks could be built up in portions.
    fn allow(&mut self, c: char) -> bool {
        let has_width = c.is_ascii() || c.width() != Some(0);
        if !c.is_ascii() && is_mark(c, has_width) {
            self.0 += 1;
            return self.0 <= MAX_MARKS;
        }
        if has_width {
            self.0 = 0;
        }
        true
    }
}

/// Whether `c` is drawn onto the character before it: a mark, or a Korean vowel or final consonant.
fn is_mark(c: char, has_width: bool) -> bool {
    match c.general_category_group() {
        GeneralCategoryGroup::Mark => true,
        GeneralCategoryGroup::Letter => !has_width,
        _ => false,
    }
}

/// Skips what belongs to an escape sequence whose ESC has been read.
fn skip_escape(chars: &mut Chars<'_>) {
    let Some(c) = chars.clone().next() else { return };
    match c {
        '[' => {
            chars.next();
            skip_csi(chars);
        }
        ']' => {
            chars.next();
            skip_string(chars, Bell::Ends);
        }
        'P' | 'X' | '^' | '_' => {
            chars.next();
            skip_string(chars, Bell::IsContent);
        }
        ' '..='/' => {
            skip_while(chars, |c| matches!(c, ' '..='/'));
            skip_one_if(chars, |c| matches!(c, '0'..='~'));
        }
        '0'..='~' => {
            chars.next();
        }
        _ => {}
    }
}

/// Skips the parameters, intermediates and final character of a control sequence. A character that
/// cannot be in one ends it and stays; other control characters are dropped from within it.
fn skip_csi(chars: &mut Chars<'_>) {
    skip_while(chars, |c| matches!(c, ' '..='?') || is_ignored_in_sequence(c));
    skip_one_if(chars, |c| matches!(c, '@'..='~'));
}

/// Whether BEL ends a control string. In xterm's OSC it does; in the others it does not.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bell {
    Ends,
    IsContent,
}

/// Skips a control string up to its terminator, or to the end of the line.
fn skip_string(chars: &mut Chars<'_>, bell: Bell) {
    loop {
        let before = chars.clone();
        match chars.next() {
            None | Some('\u{9c}' | '\u{18}' | '\u{1a}') => return,
            Some('\u{7}') if bell == Bell::Ends => return,
            Some(ESC) => {
                // ESC \ is the terminator; any other sequence cancels the string and is read anew.
                if !skip_one_if(chars, |c| c == '\\') {
                    *chars = before;
                }
                return;
            }
            Some(_) => {}
        }
    }
}

/// Control characters that a terminal obeys in the middle of a sequence, which then goes on. CAN
/// and SUB end it, ESC and the C1 characters begin another.
fn is_ignored_in_sequence(c: char) -> bool {
    matches!(c, '\0'..='\u{17}' | '\u{19}' | '\u{1c}'..='\u{1f}' | '\u{7f}')
}

fn skip_while(chars: &mut Chars<'_>, belongs: impl Fn(char) -> bool) {
    while skip_one_if(chars, &belongs) {}
}

fn skip_one_if(chars: &mut Chars<'_>, belongs: impl Fn(char) -> bool) -> bool {
    let found = chars.clone().next().is_some_and(belongs);
    if found {
        chars.next();
    }
    found
}

mod telnet {
    /// "Interpret as command", before every telnet command.
    pub(super) const IAC: u8 = 255;
    /// WILL, WON'T, DO, DON'T: one option byte follows.
    pub(super) const WILL_TO_DONT: std::ops::RangeInclusive<u8> = 251..=254;
    /// The beginning of a subnegotiation.
    pub(super) const SB: u8 = 250;
    /// The end of a subnegotiation.
    pub(super) const SE: u8 = 240;
}

fn without_telnet(line: &[u8]) -> Cow<'_, [u8]> {
    let Some(first) = memchr::memchr(telnet::IAC, line) else { return Cow::Borrowed(line) };
    let mut kept = line[..first].to_vec();
    let mut rest = &line[first..];
    while !rest.is_empty() {
        let command = command_length(rest);
        if command == 0 {
            kept.push(rest[0]);
        }
        rest = &rest[command.max(1)..];
    }
    Cow::Owned(kept)
}

/// How many bytes of telnet negotiation `bytes` begins with.
fn command_length(bytes: &[u8]) -> usize {
    match bytes {
        [telnet::IAC, verb, ..] if telnet::WILL_TO_DONT.contains(verb) => bytes.len().min(3),
        [telnet::IAC, telnet::SB, parameters @ ..] => {
            let end = parameters.windows(2).position(|pair| pair == [telnet::IAC, telnet::SE]);
            end.map_or(bytes.len(), |end| 2 + end + 2)
        }
        _ => 0,
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
            ("a\u{200e}b\u{200f}c".as_bytes(), "a\u{200e}b\u{200f}c"),
            // Lines that end elsewhere.
            ("a\u{2028}b\u{2029}c\u{85}d\x0be\x0cf\rg".as_bytes(), "abcdefg"),
            // Not UTF-8.
            (b"\xc3\xa9 \xe9 \xc3", "é \u{fffd} \u{fffd}"),
            (b"\xe2\x82", "\u{fffd}"),
            (b"\xf0\x9f\x98\xf0\x9f\x98\x80", "\u{fffd}😀"),
            (b"\x9b31m", "\u{fffd}31m"),
            (b"\xed\xa0\x80", "\u{fffd}\u{fffd}\u{fffd}"),
            // Telnet.
            (b"\xff\xfb\x18\xff\xfd\x01hello", "hello"),
            (b"he\xff\xfa\x18\x00xterm\xff\xf0llo", "hello"),
            (b"hello\xff\xfa\x18\x00xterm", "hello"),
            (b"hello\xff\xfb", "hello"),
            (b"a\xff\xf4b", "a\u{fffd}\u{fffd}b"),
            (b"\xff", "\u{fffd}"),
            (b"\xff\xfd\x1b[31m", "[31m"),
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

    proptest! {
        #[test]
        fn whatever_comes_is_safe_then_and_hardly_longer_and_stays_as_it_is(bytes in bytes()) {
            let safe = make_safe(&bytes);
            assert_safe(&safe);
            prop_assert!(safe.chars().count() <= bytes.len());
            prop_assert_eq!(make_safe(safe.as_bytes()), safe.as_ref());
        }
    }
}
