//! What a control sequence from a terminal means: one table. Pure.
//!
//! The names are those of ECMA-48 and xterm's ctlseqs: CSI is `ESC [`, SS3 is `ESC O`. A sequence has
//! been cut out by [`Input`](super::Input) before it comes here.

use crate::client::conversation::Focus;
use crate::client::keys::{Chord, Code};

/// What a whole sequence means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A key.
    Key(Chord),
    /// What an input method, or a keyboard that reports all, has written.
    Text(String),
    /// The window has gained or lost the focus.
    Focus(Focus),
    /// From here on to its end, what comes was pasted.
    PasteBegins,
    /// Something that terminals are known to say, and that nobody here asked for.
    Report,
    /// No terminal is known to say this.
    Unknown,
}

/// The keys whose sequence ends in a letter, as `CSI A` or `SS3 A`.
const LETTERS: [(u8, Code); 13] = [
    (b'A', Code::Up),
    (b'B', Code::Down),
    (b'C', Code::Right),
    (b'D', Code::Left),
    (b'E', Code::Other),
    (b'F', Code::End),
    (b'H', Code::Home),
    (b'P', Code::Other),
    (b'Q', Code::Other),
    (b'S', Code::Other),
    (b'Z', Code::BackTab),
    // F1 of SCO's console, and Insert.
    (b'M', Code::Other),
    (b'L', Code::Other),
];

/// The keys whose sequence is a number, as `CSI 3 ~`; the others are keys that nothing is bound to.
const NUMBERS: [(u32, Code); 5] =
    [(1, Code::Home), (3, Code::Delete), (4, Code::End), (7, Code::Home), (8, Code::End)];

/// The highest number of a key in that form: F20 has it.
const LAST_NUMBER: u32 = 34;

/// The keypad in its application mode, as `SS3 j`.
const KEYPAD: [(u8, Code); 20] = [
    (b' ', Code::Char(' ')),
    (b'I', Code::Tab),
    (b'M', Code::Enter),
    (b'X', Code::Char('=')),
    (b'j', Code::Char('*')),
    (b'k', Code::Char('+')),
    (b'l', Code::Char(',')),
    (b'm', Code::Char('-')),
    (b'n', Code::Char('.')),
    (b'o', Code::Char('/')),
    (b'p', Code::Char('0')),
    (b'q', Code::Char('1')),
    (b'r', Code::Char('2')),
    (b's', Code::Char('3')),
    (b't', Code::Char('4')),
    (b'u', Code::Char('5')),
    (b'v', Code::Char('6')),
    (b'w', Code::Char('7')),
    (b'x', Code::Char('8')),
    (b'y', Code::Char('9')),
];

/// The keys that kitty's protocol (`CSI 13 u`), and xterm's for modified keys, number by what a
/// keyboard sends for them otherwise, and kitty's own numbers.
const CODES: [(u32, Code); 21] = [
    (8, Code::Backspace),
    (9, Code::Tab),
    (13, Code::Enter),
    (27, Code::Esc),
    (127, Code::Backspace),
    (57_409, Code::Char('.')),
    (57_410, Code::Char('/')),
    (57_411, Code::Char('*')),
    (57_412, Code::Char('-')),
    (57_413, Code::Char('+')),
    (57_414, Code::Enter),
    (57_415, Code::Char('=')),
    (57_416, Code::Char(',')),
    (57_417, Code::Left),
    (57_418, Code::Right),
    (57_419, Code::Up),
    (57_420, Code::Down),
    (57_423, Code::Home),
    (57_424, Code::End),
    (57_426, Code::Delete),
    (57_427, Code::Other),
];

/// Kitty's numbers of the keypad's digits, and of all the keys that write nothing.
const KITTY_DIGITS: std::ops::RangeInclusive<u32> = 57_399..=57_408;
const KITTY_KEYS: std::ops::RangeInclusive<u32> = 57_344..=63_743;

/// The ends of reports, with what stands before them and how many numbers they have at least:
/// `CSI ? 997 ; 1 n` is the colour scheme.
const REPORTS: [(Option<u8>, &[u8], u8, usize); 14] = [
    (None, b"", b'n', 1),
    (None, b"", b't', 3),
    (None, b"", b'x', 7),
    (None, b"$", b'y', 2),
    (Some(b'?'), b"", b'R', 2),
    (Some(b'?'), b"", b'S', 3),
    (Some(b'?'), b"", b'c', 1),
    (Some(b'?'), b"", b'n', 2),
    (Some(b'?'), b"", b'u', 1),
    (Some(b'?'), b"$", b'y', 2),
    (Some(b'>'), b"", b'c', 3),
    (Some(b'>'), b"", b'm', 1),
    (Some(b'<'), b"", b'M', 3),
    (Some(b'<'), b"", b'm', 3),
];

/// What a sequence that begins with `CSI` means, given what comes behind that.
pub(super) fn csi(body: &[u8]) -> Meaning {
    match body {
        // A mouse's report in its oldest form, and the Linux console's function keys.
        [b'M', _, _, _] => return Meaning::Report,
        [b'[', b'A'..=b'E'] => return key(Code::Other, Modifiers::NONE),
        _ => {}
    }
    let Some((&end, rest)) = body.split_last() else { return Meaning::Unknown };
    let prefix = rest.first().copied().filter(|byte| matches!(byte, b'<'..=b'?'));
    let rest = &rest[usize::from(prefix.is_some())..];
    let digits = rest.iter().take_while(|byte| matches!(byte, b'0'..=b';')).count();
    let (parameters, intermediates) = rest.split_at(digits);
    let parameters = Parameters::parse(parameters);
    let is_report = |&(before, between, at_end, numbers): &(_, &[u8], _, _)| {
        (before, between, at_end) == (prefix, intermediates, end) && parameters.0.len() >= numbers
    };
    if REPORTS.iter().any(is_report) {
        return Meaning::Report;
    }
    match (prefix, intermediates) {
        (None, b"") => of_key(&parameters, end),
        _ => Meaning::Unknown,
    }
}

/// What a sequence that begins with `SS3` means, given what comes behind that.
pub(super) fn ss3(body: &[u8]) -> Meaning {
    let Some((&end, parameters)) = body.split_last() else { return Meaning::Unknown };
    let modifiers = Modifiers::of(Parameters::parse(parameters).last());
    match (end, look_up(&KEYPAD, end).or_else(|| look_up(&LETTERS, end))) {
        // rxvt's arrows with Ctrl.
        (b'a'..=b'd', None) => key(arrow(end), Modifiers { ctrl: true, ..modifiers }),
        (b'R', None) => key(Code::Other, modifiers),
        (_, Some(code)) => key(code, modifiers),
        (_, None) => Meaning::Unknown,
    }
}

/// What a sequence is that has no end, given what comes behind `CSI`: rxvt's keys with Shift, as
/// `CSI 7 $`.
pub(super) fn unended(body: &[u8]) -> Option<Chord> {
    let number = std::str::from_utf8(body.strip_suffix(b"$")?).ok()?.parse().ok()?;
    Some(Chord::new(numbered(number)?, false, false))
}

fn of_key(parameters: &Parameters, end: u8) -> Meaning {
    let first = parameters.first(0).unwrap_or(0);
    match end {
        b'~' if first == 200 => Meaning::PasteBegins,
        b'~' if first == 201 => Meaning::Report,
        b'~' if first == 27 && parameters.first(2).is_some() => {
            let code = parameters.first(2).unwrap_or(0);
            of_code(code, Modifiers::of(parameters.get(1)), None)
        }
        b'~' => numbered_key(first, Modifiers::of(parameters.get(1))),
        b'^' | b'@' => numbered_key(first, Modifiers { ctrl: true, ..Modifiers::NONE }),
        b'u' if parameters.is_empty() => Meaning::Unknown,
        b'u' => of_kitty(parameters),
        b'I' if parameters.is_empty() => Meaning::Focus(Focus::Here),
        b'O' if parameters.is_empty() => Meaning::Focus(Focus::Away),
        // Where the cursor is.
        b'R' if parameters.first(1).is_some() => Meaning::Report,
        b'R' => key(Code::Other, Modifiers::NONE),
        // rxvt's arrows with Shift.
        b'a'..=b'd' if parameters.is_empty() => key(arrow(end), Modifiers::NONE),
        // The mouse's report in rxvt's form.
        b'M' if parameters.get(2).is_some() => Meaning::Report,
        _ => match look_up(&LETTERS, end) {
            Some(code) => key(code, Modifiers::of(parameters.last())),
            None => Meaning::Unknown,
        },
    }
}

fn numbered_key(number: u32, modifiers: Modifiers) -> Meaning {
    numbered(number).map_or(Meaning::Unknown, |code| key(code, modifiers))
}

fn numbered(number: u32) -> Option<Code> {
    let is_key = (1..=LAST_NUMBER).contains(&number);
    is_key.then(|| look_up(&NUMBERS, number).unwrap_or(Code::Other))
}

/// `CSI code : shifted : base ; modifiers : kind ; text u`, of which all but the code may be absent.
fn of_kitty(parameters: &Parameters) -> Meaning {
    let modifiers = Modifiers::of_kitty(parameters.get(1));
    let codes = parameters.get(2).unwrap_or_default();
    let text: String = codes.iter().filter_map(|&code| char_of(code)).collect();
    if !text.is_empty() && !modifiers.ctrl && !modifiers.alt && !modifiers.released {
        return Meaning::Text(text);
    }
    let other = |place: usize| {
        parameters.get(0).and_then(|codes| codes.get(place).copied()).filter(|&code| code > 0)
    };
    let code = parameters.first(0).unwrap_or(0);
    // What a key does with Ctrl or Alt, it does on a keyboard of any script.
    match other(2) {
        Some(base) if (modifiers.ctrl || modifiers.alt) && code > 0x7f => {
            of_code(base, modifiers, None)
        }
        _ => of_code(code, modifiers, other(1)),
    }
}

/// A key by the number of its character, and of the one that it writes with Shift, if that is known.
fn of_code(code: u32, modifiers: Modifiers, shifted: Option<u32>) -> Meaning {
    if let Some(code) = look_up(&CODES, code) {
        let code = match code {
            Code::Tab if modifiers.shift => Code::BackTab,
            Code::Enter if modifiers.shift => Code::ShiftEnter,
            code => code,
        };
        return key(code, modifiers);
    }
    if KITTY_DIGITS.contains(&code) {
        let digit = char_of(code - KITTY_DIGITS.start() + u32::from('0'));
        return digit.map_or(Meaning::Unknown, |c| key(Code::Char(c), modifiers));
    }
    if KITTY_KEYS.contains(&code) {
        return key(Code::Other, modifiers);
    }
    let Some(c) = char_of(code) else { return Meaning::Unknown };
    let is_capital = modifiers.shift != (modifiers.caps && c.is_alphabetic());
    let c = match shifted.and_then(char_of) {
        Some(shifted) if modifiers.shift => shifted,
        _ if is_capital => one_upper_case(c),
        _ => c,
    };
    key(Code::Char(c), modifiers)
}

fn key(code: Code, modifiers: Modifiers) -> Meaning {
    if modifiers.released {
        return Meaning::Report;
    }
    // What is held down with these is for the window, not for the line.
    let code = if modifiers.foreign { Code::Other } else { code };
    Meaning::Key(Chord::new(code, modifiers.ctrl, modifiers.alt))
}

fn arrow(end: u8) -> Code {
    look_up(&LETTERS, end.to_ascii_uppercase()).unwrap_or(Code::Other)
}

fn look_up<T: Copy + PartialEq>(table: &[(T, Code)], wanted: T) -> Option<Code> {
    table.iter().find(|(known, _)| *known == wanted).map(|(_, code)| *code)
}

/// A character that can stand in a text.
fn char_of(code: u32) -> Option<char> {
    char::from_u32(code).filter(|c| !c.is_control())
}

fn one_upper_case(c: char) -> char {
    let mut upper = c.to_uppercase();
    upper.next().filter(|_| upper.next().is_none()).unwrap_or(c)
}

/// What is held down besides a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Modifiers {
    /// Shift.
    shift: bool,
    /// Ctrl.
    ctrl: bool,
    /// Alt or Meta.
    alt: bool,
    /// Caps Lock, which is on.
    caps: bool,
    /// Super or Hyper.
    foreign: bool,
    /// The key was let go.
    released: bool,
}

impl Modifiers {
    const NONE: Modifiers = Modifiers {
        shift: false,
        ctrl: false,
        alt: false,
        caps: false,
        foreign: false,
        released: false,
    };

    /// The same as kitty has them, for whom 8 is Super and 32 is Meta.
    fn of_kitty(parameter: Option<&[u32]>) -> Modifiers {
        let bits =
            parameter.and_then(|parts| parts.first()).map_or(0, |value| value.saturating_sub(1));
        let modifiers = Modifiers::of(parameter);
        Modifiers { alt: bits & (2 | 32) != 0, foreign: bits & (8 | 16) != 0, ..modifiers }
    }

    /// Reads them from a parameter, which is one more than their bits, with the kind of event behind
    /// it. 8 is Meta for xterm and iTerm2, which is as good as Alt.
    fn of(parameter: Option<&[u32]>) -> Modifiers {
        let Some(&[value, ref kind @ ..]) = parameter else { return Modifiers::NONE };
        let bits = value.saturating_sub(1);
        let has = |bit: u32| bits & bit != 0;
        Modifiers {
            shift: has(1),
            ctrl: has(4),
            alt: has(2 | 8 | 32),
            caps: has(64),
            foreign: has(16),
            released: kind.first() == Some(&3),
        }
    }
}

/// Numbers with semicolons between them, each of which may have parts with colons between them.
#[derive(Debug, Default)]
struct Parameters(Vec<Vec<u32>>);

impl Parameters {
    fn parse(bytes: &[u8]) -> Parameters {
        if bytes.is_empty() {
            return Parameters::default();
        }
        let number = |digits: &[u8]| {
            let add = |sum: u32, digit: &u8| {
                sum.saturating_mul(10).saturating_add(u32::from(digit - b'0'))
            };
            digits.iter().fold(0, add)
        };
        let parts = |parameter: &[u8]| parameter.split(|&byte| byte == b':').map(number).collect();
        Parameters(bytes.split(|&byte| byte == b';').map(parts).collect())
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn get(&self, index: usize) -> Option<&[u32]> {
        self.0.get(index).map(Vec::as_slice)
    }

    fn last(&self) -> Option<&[u32]> {
        self.0.last().map(Vec::as_slice)
    }

    /// The number itself, without its further parts.
    fn first(&self, index: usize) -> Option<u32> {
        self.get(index)?.first().copied()
    }
}
