//! The rules for every line that a terminal gets, written down independently of the code that makes lines safe.

use unicode_normalization::char::is_combining_mark;
use unicode_width::UnicodeWidthChar;

/// The most combining marks on one character.
const MOST_MARKS: usize = 8;

/// Asserts that a line commands no terminal, is written in the order in which it is read, and stays
/// within its own row.
///
/// # Panics
///
/// It does not.
pub(crate) fn assert_safe(line: &str) {
    let mut marks = 0;
    for c in line.chars() {
        let is_control = matches!(c, '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}') && c != '\t';
        assert!(!is_control, "a control character: {line:?}");
        let ends_line = matches!(c, '\u{2028}' | '\u{2029}');
        assert!(!ends_line, "a line end: {line:?}");
        let reorders = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        assert!(!reorders, "text that is turned around: {line:?}");
        let shows_nothing = matches!(
            c,
            '\u{ad}' | '\u{115f}' | '\u{1160}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}'
                | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0001}'
        );
        assert!(!shows_nothing, "what shows nothing: {line:?}");
        if is_combining_mark(c) {
            marks += 1;
            assert!(marks <= MOST_MARKS, "a pile of marks: {line:?}");
        } else if c.width() != Some(0) {
            marks = 0;
        }
    }
}
