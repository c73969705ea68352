//! What the terminal's keys mean to the editor: one table.
//!
//! Pure. A key that is not in the table does nothing.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::editor::Key;

/// What `event` asks the editor to do, if anything. Windows tells of a key's release too.
pub(super) fn editor_key(event: &KeyEvent) -> Option<Key> {
    if event.kind == KeyEventKind::Release {
        return None;
    }
    let ctrl = event.modifiers.contains(KeyModifiers::CONTROL);
    let alt = event.modifiers.contains(KeyModifiers::ALT);
    match event.code {
        // Windows reports AltGr as both, and has worked out the character.
        KeyCode::Char(c) if ctrl == alt => Some(Key::Char(c)),
        KeyCode::Char(c) if ctrl => control(c.to_ascii_lowercase()),
        KeyCode::Tab => Some(Key::Char('\t')),
        KeyCode::Enter => Some(Key::Enter),
        KeyCode::Backspace => Some(Key::Backspace),
        KeyCode::Delete => Some(Key::Delete),
        KeyCode::Left => Some(Key::Left),
        KeyCode::Right => Some(Key::Right),
        KeyCode::Home => Some(Key::Home),
        KeyCode::End => Some(Key::End),
        KeyCode::Up => Some(Key::Up),
        KeyCode::Down => Some(Key::Down),
        _ => None,
    }
}

/// The control characters, as most shells have them.
fn control(c: char) -> Option<Key> {
    Some(match c {
        'a' => Key::Home,
        'b' => Key::Left,
        'c' => Key::Cancel,
        'd' => Key::EndOfInput,
        'e' => Key::End,
        'f' => Key::Right,
        'h' => Key::Backspace,
        // A pasted LF arrives as Ctrl+J.
        'j' | 'm' => Key::Enter,
        'k' => Key::DeleteToEnd,
        'n' => Key::Down,
        'p' => Key::Up,
        'u' => Key::DeleteToStart,
        'w' => Key::DeleteWord,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_mean_what_shells_have_taught_and_unknown_ones_nothing() {
        const CTRL: KeyModifiers = KeyModifiers::CONTROL;
        const NONE: KeyModifiers = KeyModifiers::NONE;
        let cases = [
            (KeyCode::Char('a'), NONE, Some(Key::Char('a'))),
            (KeyCode::Char('A'), KeyModifiers::SHIFT, Some(Key::Char('A'))),
            (KeyCode::Char('@'), CTRL | KeyModifiers::ALT, Some(Key::Char('@'))),
            (KeyCode::Char('a'), CTRL, Some(Key::Home)),
            (KeyCode::Char('W'), CTRL, Some(Key::DeleteWord)),
            (KeyCode::Char('j'), CTRL, Some(Key::Enter)),
            (KeyCode::Char('y'), CTRL, None),
            (KeyCode::Char('a'), KeyModifiers::ALT, None),
            (KeyCode::Tab, NONE, Some(Key::Char('\t'))),
            (KeyCode::F(1), NONE, None),
            (KeyCode::Esc, NONE, None),
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
            let event = KeyEvent::new_with_kind(KeyCode::Char('x'), KeyModifiers::NONE, kind);
            assert_eq!(editor_key(&event).is_some(), acts, "{kind:?}");
        }
    }
}
