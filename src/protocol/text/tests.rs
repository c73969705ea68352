//! Text made safe, folded and shortened.

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
    let is_changed =
        |c: &char| !c.to_lowercase().eq([*c]) || !c.to_uppercase().eq([*c]) || !c.nfd().eq([*c]);
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
            "a\u{301}\u{301}\u{301}\u{301}\u{301}b\u{7f}\u{301}\u{301}\u{301}\u{301}".as_bytes(),
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
