//! Escape sequences, skipped whole: those of ECMA-48 (CSI, OSC, DCS, SOS, PM, APC, in their seven-bit
//! form and as C1 characters), the two- and three-character ones of ISO 2022, and what a terminal
//! sends for its keys besides (SS3, and the Linux console's function keys).

use std::str::Chars;

pub(super) const ESC: char = '\u{1b}';

/// Skips what belongs to the escape sequence that `c`, which has been read, begins; false if it
/// begins none.
pub(super) fn skip(c: char, chars: &mut Chars<'_>) -> bool {
    match c {
        ESC => skip_escape(chars),
        '\u{90}' | '\u{98}' | '\u{9e}' | '\u{9f}' => skip_string(chars, Bell::IsContent),
        '\u{9b}' => skip_csi(chars),
        '\u{9d}' => skip_string(chars, Bell::Ends),
        _ => return false,
    }
    true
}

fn skip_escape(chars: &mut Chars<'_>) {
    let Some(c) = chars.clone().next() else { return };
    match c {
        '[' => {
            chars.next();
            skip_csi(chars);
        }
        // A key: an arrow, F1 to F4, the keypad.
        'O' => {
            chars.next();
            skip_one_if(chars, |c| matches!(c, '@'..='~'));
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
    // The Linux console's F1 is ESC [ [ A.
    if skip_one_if(chars, |c| c == '[') {
        skip_one_if(chars, |c| matches!(c, 'A'..='E'));
        return;
    }
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
