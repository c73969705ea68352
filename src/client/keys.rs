//! What the terminal's keys mean to the editor: one table, of which `/help` is printed, too.
//!
//! Pure. The meanings are those of readline, which shells have taught. A key that is not in the
//! table does nothing.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::editor::{Direction, Key};

/// A key, with what is held down besides. Shift does not count: it is in the character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chord {
    Plain(KeyCode),
    Ctrl(KeyCode),
    Alt(KeyCode),
    CtrlAlt(KeyCode),
}

use Chord::{Alt, Ctrl, CtrlAlt, Plain};
use KeyCode::Char;

/// What a key does, under which names.
struct Binding {
    key: Key,
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
    bind(Key::Enter, &[Plain(KeyCode::Enter), Ctrl(Char('j')), Ctrl(Char('m'))], "Enter", "send"),
    bind(Key::Left, &[Plain(KeyCode::Left), Ctrl(Char('b'))], "Left, Ctrl+B", "back"),
    bind(Key::Right, &[Plain(KeyCode::Right), Ctrl(Char('f'))], "Right, Ctrl+F", "forward"),
    bind(
        Key::WordLeft,
        &[Alt(Char('b')), Ctrl(KeyCode::Left), Alt(KeyCode::Left)],
        "Alt+B, Ctrl+Left",
        "a word back",
    ),
    bind(
        Key::WordRight,
        &[Alt(Char('f')), Ctrl(KeyCode::Right), Alt(KeyCode::Right)],
        "Alt+F, Ctrl+Right",
        "a word forward",
    ),
    bind(Key::Home, &[Plain(KeyCode::Home), Ctrl(Char('a'))], "Home, Ctrl+A", "to the beginning"),
    bind(Key::End, &[Plain(KeyCode::End), Ctrl(Char('e'))], "End, Ctrl+E", "to the end"),
    bind(
        Key::Backspace,
        &[Plain(KeyCode::Backspace), Ctrl(Char('h'))],
        "Backspace",
        "delete before",
    ),
    bind(Key::Delete, &[Plain(KeyCode::Delete)], "Delete", "delete after"),
    bind(Key::EndOfInput, &[Ctrl(Char('d'))], "Ctrl+D", "same, or leave"),
    bind(Key::CutToBlank, &[Ctrl(Char('w'))], "Ctrl+W", "cut to a blank"),
    bind(
        Key::CutWordLeft,
        &[
            Alt(KeyCode::Backspace),
            Ctrl(KeyCode::Backspace),
            CtrlAlt(Char('h')),
            CtrlAlt(KeyCode::Backspace),
        ],
        "Alt+Backspace",
        "cut word before",
    ),
    bind(Key::CutWordRight, &[Alt(Char('d'))], "Alt+D", "cut word after"),
    bind(Key::CutToStart, &[Ctrl(Char('u'))], "Ctrl+U", "cut all before"),
    bind(Key::CutToEnd, &[Ctrl(Char('k'))], "Ctrl+K", "cut all after"),
    bind(Key::Yank, &[Ctrl(Char('y'))], "Ctrl+Y", "put the cut back"),
    bind(Key::Transpose, &[Ctrl(Char('t'))], "Ctrl+T", "swap characters"),
    // A terminal sends one byte for all of these, and crossterm calls it Ctrl+7.
    bind(
        Key::Undo,
        &[Ctrl(Char('_')), Ctrl(Char('7')), Ctrl(Char('/')), Ctrl(Char('-'))],
        "Ctrl+_",
        "undo",
    ),
    bind(Key::Redo, &[Alt(Char('_'))], "Alt+_", "redo"),
    bind(Key::Up, &[Plain(KeyCode::Up), Ctrl(Char('p'))], "Up, Ctrl+P", "sent before"),
    bind(Key::Down, &[Plain(KeyCode::Down), Ctrl(Char('n'))], "Down, Ctrl+N", "sent after that"),
    bind(Key::Search, &[Ctrl(Char('r'))], "Ctrl+R", "search the sent"),
    bind(
        Key::Complete(Direction::Forward),
        &[Plain(KeyCode::Tab), Ctrl(Char('i'))],
        "Tab",
        "complete",
    ),
    bind(Key::Complete(Direction::Back), &[Plain(KeyCode::BackTab)], "Shift+Tab", "complete, back"),
    bind(Key::Escape, &[Plain(KeyCode::Esc), Ctrl(Char('g'))], "Esc, Ctrl+G", "give that up"),
    bind(Key::Repaint, &[Ctrl(Char('l'))], "Ctrl+L", "repaint this"),
    bind(Key::Suspend, &[Ctrl(Char('z'))], "Ctrl+Z", "suspend"),
    bind(Key::Cancel, &[Ctrl(Char('c'))], "Ctrl+C", "leave"),
];

/// What `event` asks the editor to do, if anything. Windows tells of a key's release too.
pub(super) fn editor_key(event: &KeyEvent) -> Option<Key> {
    if event.kind == KeyEventKind::Release {
        return None;
    }
    let code = match event.code {
        Char(c) => Char(c.to_ascii_lowercase()),
        code => code,
    };
    let ctrl = event.modifiers.contains(KeyModifiers::CONTROL);
    let alt = event.modifiers.contains(KeyModifiers::ALT);
    let chord = match (ctrl, alt) {
        (false, false) => Plain(code),
        (true, false) => Ctrl(code),
        (false, true) => Alt(code),
        (true, true) => CtrlAlt(code),
    };
    let bound = BINDINGS.iter().find(|binding| binding.chords.contains(&chord));
    match (bound, event.code) {
        (Some(binding), _) => Some(binding.key),
        // Windows reports AltGr as both, and has worked out the character.
        (None, Char(c)) if ctrl == alt && (cfg!(windows) || !ctrl) => Some(Key::Char(c)),
        (None, _) => None,
    }
}

/// The table as lines, two keys side by side.
pub(super) fn help() -> Vec<String> {
    let half = BINDINGS.len().div_ceil(2);
    let (left, right) = BINDINGS.split_at(half);
    let column = |binding: &Binding| format!("{:<17} {:<16}", binding.names, binding.purpose);
    let beside = |i: usize| right.get(i).map(column).unwrap_or_default();
    let line = |(i, left)| format!("{} {}", column(left), beside(i)).trim_end().to_owned();
    left.iter().enumerate().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_mean_what_shells_have_taught_and_unknown_ones_nothing() {
        const CTRL: KeyModifiers = KeyModifiers::CONTROL;
        const ALT: KeyModifiers = KeyModifiers::ALT;
        const SHIFT: KeyModifiers = KeyModifiers::SHIFT;
        const NONE: KeyModifiers = KeyModifiers::NONE;
        let cases = [
            (Char('a'), NONE, Some(Key::Char('a'))),
            (Char('A'), SHIFT, Some(Key::Char('A'))),
            (Char('@'), CTRL | ALT, cfg!(windows).then_some(Key::Char('@'))),
            (Char('a'), CTRL, Some(Key::Home)),
            (Char('W'), CTRL, Some(Key::CutToBlank)),
            (Char('j'), CTRL, Some(Key::Enter)),
            (Char('y'), CTRL, Some(Key::Yank)),
            (Char('7'), CTRL, Some(Key::Undo)),
            (Char('_'), ALT | SHIFT, Some(Key::Redo)),
            (Char('B'), ALT | SHIFT, Some(Key::WordLeft)),
            (KeyCode::Left, CTRL, Some(Key::WordLeft)),
            (KeyCode::Right, ALT, Some(Key::WordRight)),
            (KeyCode::Left, SHIFT, Some(Key::Left)),
            (KeyCode::Backspace, ALT, Some(Key::CutWordLeft)),
            (Char('h'), CTRL | ALT, Some(Key::CutWordLeft)),
            (KeyCode::BackTab, SHIFT, Some(Key::Complete(Direction::Back))),
            (KeyCode::Tab, NONE, Some(Key::Complete(Direction::Forward))),
            (KeyCode::Esc, NONE, Some(Key::Escape)),
            (Char('q'), CTRL, None),
            (Char('x'), ALT, None),
            (KeyCode::F(1), NONE, None),
            (KeyCode::PageUp, NONE, None),
        ];
        for (code, modifiers, key) in cases {
            assert_eq!(editor_key(&KeyEvent::new(code, modifiers)), key, "{modifiers:?} {code:?}");
        }
    }

    #[test]
    fn a_key_acts_when_it_is_pressed_or_held_and_not_when_it_is_let_go() {
        for (kind, acts) in [
            (KeyEventKind::Press, true),
            (KeyEventKind::Repeat, true),
            (KeyEventKind::Release, false),
        ] {
            let event = KeyEvent::new_with_kind(Char('x'), KeyModifiers::NONE, kind);
            assert_eq!(editor_key(&event).is_some(), acts, "{kind:?}");
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
        let help = help();
        for binding in BINDINGS {
            assert!(help.iter().any(|line| line.contains(binding.names)), "{}", binding.names);
        }
        // Beside the time and the dashes, 80 columns have room for 71.
        assert!(help.iter().all(|line| line.len() <= 71), "{help:#?}");
    }
}
