//! What the terminal's keys mean to the editor: one table, of which `/help` is printed, too.
//!
//! Pure. The meanings are those of readline, which shells have taught. A key that is not in the
//! table does nothing.

use super::editor::{Direction, Key};

/// A key of a keyboard, as far as this program knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    /// The key that writes this character, with what Shift makes of it.
    Char(char),
    Enter,
    Tab,
    /// Tab with Shift.
    BackTab,
    /// Enter with Shift, where the terminal tells it from Enter.
    ShiftEnter,
    Esc,
    Backspace,
    Delete,
    Left,
    Right,
    Up,
    Down,
    Home,
    End,
    /// Any other, which nothing is bound to.
    Other,
}

/// A key, with what is held down besides. Shift does not count: it is in the character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chord {
    Plain(Code),
    Ctrl(Code),
    Alt(Code),
    CtrlAlt(Code),
}

use Chord::{Alt, Ctrl, CtrlAlt, Plain};
use Code::Char;

impl Chord {
    /// The key with these held down.
    pub(super) fn new(code: Code, ctrl: bool, alt: bool) -> Chord {
        match (ctrl, alt) {
            (false, false) => Plain(code),
            (true, false) => Ctrl(code),
            (false, true) => Alt(code),
            (true, true) => CtrlAlt(code),
        }
    }

    /// The same key with Alt held down besides.
    #[cfg(any(unix, test, fuzzing))]
    pub(super) fn with_alt(self) -> Chord {
        match self {
            Plain(code) | Alt(code) => Alt(code),
            Ctrl(code) | CtrlAlt(code) => CtrlAlt(code),
        }
    }

    /// The chord as the table names it: a letter that something is held down with is a small one.
    fn folded(self) -> Chord {
        let fold = |code| match code {
            Char(c) => Char(c.to_ascii_lowercase()),
            code => code,
        };
        match self {
            Plain(code) => Plain(code),
            Ctrl(code) => Ctrl(fold(code)),
            Alt(code) => Alt(fold(code)),
            CtrlAlt(code) => CtrlAlt(fold(code)),
        }
    }
}

/// What a key does, under which names.
struct Binding {
    /// What the editor is told.
    key: Key,
    /// What is pressed for it.
    chords: &'static [Chord],
    /// How `/help` calls them.
    names: &'static str,
    /// What `/help` says that it does.
    purpose: &'static str,
}

const fn bind(
    key: Key,
    chords: &'static [Chord],
    names: &'static str,
    purpose: &'static str,
) -> Binding {
    Binding { key, chords, names, purpose }
}

/// All of them, in the order in which `/help` lists them.
const BINDINGS: &[Binding] = &[
    bind(
        Key::Enter,
        &[Plain(Code::Enter), Ctrl(Code::Enter), Ctrl(Char('j')), Ctrl(Char('m'))],
        "Enter",
        "send",
    ),
    bind(
        Key::NewRow,
        &[Alt(Code::Enter), Plain(Code::ShiftEnter), Alt(Code::ShiftEnter)],
        "Alt+Enter",
        "a row more",
    ),
    bind(Key::Left, &[Plain(Code::Left), Ctrl(Char('b'))], "Left, Ctrl+B", "back"),
    bind(Key::Right, &[Plain(Code::Right), Ctrl(Char('f'))], "Right, Ctrl+F", "forward"),
    bind(
        Key::WordLeft,
        &[Alt(Char('b')), Ctrl(Code::Left), Alt(Code::Left)],
        "Alt+B, Ctrl+Left",
        "a word back",
    ),
    bind(
        Key::WordRight,
        &[Alt(Char('f')), Ctrl(Code::Right), Alt(Code::Right)],
        "Alt+F, Ctrl+Right",
        "a word forward",
    ),
    bind(Key::Home, &[Plain(Code::Home), Ctrl(Char('a'))], "Home, Ctrl+A", "to the beginning"),
    bind(Key::End, &[Plain(Code::End), Ctrl(Char('e'))], "End, Ctrl+E", "to the end"),
    bind(Key::Backspace, &[Plain(Code::Backspace), Ctrl(Char('h'))], "Backspace", "delete before"),
    bind(Key::Delete, &[Plain(Code::Delete)], "Delete", "delete after"),
    bind(Key::EndOfInput, &[Ctrl(Char('d'))], "Ctrl+D", "same, or leave"),
    bind(Key::CutToBlank, &[Ctrl(Char('w'))], "Ctrl+W", "cut to a blank"),
    bind(
        Key::CutWordLeft,
        &[
            Alt(Code::Backspace),
            Ctrl(Code::Backspace),
            CtrlAlt(Char('h')),
            CtrlAlt(Code::Backspace),
        ],
        "Alt+Backspace",
        "cut word before",
    ),
    bind(Key::CutWordRight, &[Alt(Char('d'))], "Alt+D", "cut word after"),
    bind(Key::CutToStart, &[Ctrl(Char('u'))], "Ctrl+U", "cut all before"),
    bind(Key::CutToEnd, &[Ctrl(Char('k'))], "Ctrl+K", "cut all after"),
    bind(Key::Yank, &[Ctrl(Char('y'))], "Ctrl+Y", "put the cut back"),
    bind(Key::Transpose, &[Ctrl(Char('t'))], "Ctrl+T", "swap characters"),
    // A terminal sends one byte for all of these, and Windows calls it Ctrl+7.
    bind(
        Key::Undo,
        &[Ctrl(Char('_')), Ctrl(Char('7')), Ctrl(Char('/')), Ctrl(Char('-'))],
        "Ctrl+_",
        "undo",
    ),
    bind(Key::Redo, &[Alt(Char('_'))], "Alt+_", "redo"),
    bind(Key::Up, &[Plain(Code::Up), Ctrl(Char('p'))], "Up, Ctrl+P", "sent before"),
    bind(Key::Down, &[Plain(Code::Down), Ctrl(Char('n'))], "Down, Ctrl+N", "sent after that"),
    bind(Key::Search, &[Ctrl(Char('r'))], "Ctrl+R", "search the sent"),
    bind(
        Key::Complete(Direction::Forward),
        &[Plain(Code::Tab), Ctrl(Char('i'))],
        "Tab",
        "complete",
    ),
    bind(Key::Complete(Direction::Back), &[Plain(Code::BackTab)], "Shift+Tab", "complete, back"),
    bind(Key::Escape, &[Plain(Code::Esc), Ctrl(Char('g'))], "Esc, Ctrl+G", "give that up"),
    bind(Key::Repaint, &[Ctrl(Char('l'))], "Ctrl+L", "repaint this"),
    // Two chords, one after the other: `Keymap` knows.
    bind(Key::Compose, &[], "Ctrl+X Ctrl+E", "use $EDITOR"),
    bind(Key::Suspend, &[Ctrl(Char('z'))], "Ctrl+Z", "suspend"),
    bind(Key::Cancel, &[Ctrl(Char('c'))], "Ctrl+C", "drop line, leave"),
];

/// What the chords mean that are pressed one after the other.
#[derive(Debug, Default)]
pub(super) struct Keymap {
    /// Ctrl+X was pressed last, which begins a key of two chords.
    has_begun: bool,
}

/// What a chord means behind the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pressed {
    /// This key.
    Key(Key),
    /// Nothing: nothing is bound to it, or it begins a key of two chords.
    Nothing,
    /// Two chords to which nothing is bound.
    Unbound,
}

impl Keymap {
    /// Takes the next chord.
    pub(super) fn press(&mut self, chord: Chord) -> Pressed {
        let folded = chord.folded();
        match (std::mem::take(&mut self.has_begun), folded) {
            (true, Ctrl(Char('e'))) => Pressed::Key(Key::Compose),
            // Whoever has thought better of it.
            (true, Ctrl(Char('g' | 'c')) | Plain(Code::Esc)) => Pressed::Nothing,
            (true, _) => Pressed::Unbound,
            (false, Ctrl(Char('x'))) => {
                self.has_begun = true;
                Pressed::Nothing
            }
            (false, _) => editor_key(chord).map_or(Pressed::Nothing, Pressed::Key),
        }
    }
}

/// What a chord asks the editor to do, if anything.
pub(super) fn editor_key(chord: Chord) -> Option<Key> {
    let folded = chord.folded();
    let bound = BINDINGS.iter().find(|binding| binding.chords.contains(&folded));
    bound.map(|binding| binding.key).or_else(|| written(chord).map(Key::Char))
}

/// The character that a chord writes which is not bound to anything.
fn written(chord: Chord) -> Option<char> {
    match chord {
        Plain(Char(c)) => Some(c),
        // Some terminals send what AltGr makes as if it were Alt; and no shell binds these to much.
        Alt(Char(c)) if !c.is_ascii_alphanumeric() => Some(c),
        // Windows reports AltGr as both, and has worked out the character.
        CtrlAlt(Char(c)) if cfg!(windows) => Some(c),
        Plain(_) | Ctrl(_) | Alt(_) | CtrlAlt(_) => None,
    }
}

/// The keys of the input line, as `/help` lists them: what they are called, and what they do.
pub fn manual() -> impl Iterator<Item = (&'static str, &'static str)> {
    BINDINGS.iter().map(|binding| (binding.names, binding.purpose))
}

/// How many columns two keys side by side take, with the time and the dashes before them.
const SIDE_BY_SIDE: usize = 80;

/// The table as lines for a terminal with so many columns, two keys side by side if there is room.
pub(super) fn help(columns: usize) -> Vec<String> {
    let rows = if columns < SIDE_BY_SIDE { BINDINGS.len() } else { BINDINGS.len().div_ceil(2) };
    let (left, right) = BINDINGS.split_at(rows);
    let column = |binding: &Binding| format!("{:<18} {:<16}", binding.names, binding.purpose);
    let beside = |i: usize| right.get(i).map(column).unwrap_or_default();
    let line = |(i, left)| format!("{} {}", column(left), beside(i)).trim_end().to_owned();
    left.iter().enumerate().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_mean_what_shells_have_taught_and_unknown_ones_nothing() {
        let cases = [
            (Plain(Char('a')), Some(Key::Char('a'))),
            (Plain(Char('A')), Some(Key::Char('A'))),
            (CtrlAlt(Char('@')), cfg!(windows).then_some(Key::Char('@'))),
            (Ctrl(Char('a')), Some(Key::Home)),
            (Ctrl(Char('W')), Some(Key::CutToBlank)),
            (Ctrl(Char('j')), Some(Key::Enter)),
            (Ctrl(Code::Enter), Some(Key::Enter)),
            (Ctrl(Char('y')), Some(Key::Yank)),
            (Ctrl(Char('7')), Some(Key::Undo)),
            (Alt(Char('_')), Some(Key::Redo)),
            (Alt(Char('B')), Some(Key::WordLeft)),
            (Ctrl(Code::Left), Some(Key::WordLeft)),
            (Alt(Code::Right), Some(Key::WordRight)),
            (Alt(Code::Backspace), Some(Key::CutWordLeft)),
            (CtrlAlt(Char('h')), Some(Key::CutWordLeft)),
            (Plain(Code::BackTab), Some(Key::Complete(Direction::Back))),
            (Plain(Code::Tab), Some(Key::Complete(Direction::Forward))),
            (Plain(Code::Esc), Some(Key::Escape)),
            (Ctrl(Char('q')), None),
            (Alt(Char('x')), None),
            (Alt(Char('@')), Some(Key::Char('@'))),
            (Alt(Char('€')), Some(Key::Char('€'))),
            (Alt(Code::Enter), Some(Key::NewRow)),
            (Plain(Code::ShiftEnter), Some(Key::NewRow)),
            (Ctrl(Code::Up), None),
            (Plain(Code::Other), None),
        ];
        for (chord, key) in cases {
            assert_eq!(editor_key(chord), key, "{chord:?}");
        }
    }

    #[test]
    fn two_chords_are_one_key_and_everything_else_behind_the_first_is_none() {
        let mut keymap = Keymap::default();
        let x = Ctrl(Char('x'));
        for (chords, last) in [
            (&[x, Ctrl(Char('E'))][..], Pressed::Key(Key::Compose)),
            (&[Ctrl(Char('e'))], Pressed::Key(Key::End)),
            (&[x, Plain(Char('a'))], Pressed::Unbound),
            (&[Plain(Char('a'))], Pressed::Key(Key::Char('a'))),
            (&[x, x, Ctrl(Char('e'))], Pressed::Key(Key::End)),
            (&[x, Plain(Code::Esc)], Pressed::Nothing),
            (&[x, Ctrl(Char('c'))], Pressed::Nothing),
            (&[Ctrl(Char('c'))], Pressed::Key(Key::Cancel)),
        ] {
            let pressed: Vec<_> = chords.iter().map(|&chord| keymap.press(chord)).collect();
            assert_eq!(pressed.last(), Some(&last), "{chords:?}");
        }
    }

    #[test]
    fn no_key_has_two_meanings() {
        let chords: Vec<&Chord> = BINDINGS.iter().flat_map(|binding| binding.chords).collect();
        for (i, chord) in chords.iter().enumerate() {
            assert!(!chords[..i].contains(chord), "{chord:?}");
        }
    }

    #[test]
    fn help_names_every_key_and_fits_a_terminal() {
        // Beside the time and the dashes, 80 columns have room for 71, and 44 for 35.
        for (columns, room) in [(80, 71), (79, 35)] {
            let help = help(columns);
            for binding in BINDINGS {
                assert!(help.iter().any(|line| line.contains(binding.names)), "{}", binding.names);
            }
            assert!(help.iter().all(|line| line.len() <= room), "{help:#?}");
        }
    }
}
