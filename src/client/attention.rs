//! How a terminal tells its user of something while its window is not in focus: by a notification of its own, and
//! by the window's title. Pure.
//!
//! There are three sequences for notifications: OSC 9 (iTerm2's), OSC 99 (kitty's) and OSC 777 (urxvt's). A terminal
//! that is not known to have one gets none: some would print it.

use crate::protocol::text::shortened;

/// The most of a line that a notification shows, in bytes.
const MOST: usize = 200;

/// The sequence by which a terminal shows notifications.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notifier {
    /// `OSC 9 ; TEXT`: iTerm2, WezTerm, Ghostty, Warp.
    Osc9,
    /// `OSC 99 ; ; TEXT`: kitty.
    Osc99,
    /// `OSC 777 ; notify ; TITLE ; TEXT`: urxvt, foot, Contour.
    Osc777,
}

impl Notifier {
    /// That of the terminal that the environment describes, if it is known to have one. What stands between it and
    /// us, as tmux, would not pass the sequence on.
    pub(super) fn of_terminal(env: impl Fn(&str) -> Option<String>) -> Option<Notifier> {
        let [term, program, over_ssh] =
            ["TERM", "TERM_PROGRAM", "LC_TERMINAL"].map(|name| env(name).unwrap_or_default());
        let begins = |names: &[&str]| names.iter().any(|name| term.starts_with(name));
        if env("TMUX").is_some() || begins(&["tmux", "screen"]) {
            return None;
        }
        let by_program = match program.as_str() {
            "iTerm.app" | "WezTerm" | "ghostty" | "WarpTerminal" => Some(Notifier::Osc9),
            _ => None,
        };
        if begins(&["xterm-kitty"]) {
            Some(Notifier::Osc99)
        } else if begins(&["foot", "rxvt-unicode", "contour"]) {
            Some(Notifier::Osc777)
        } else if begins(&["xterm-ghostty", "wezterm"]) || over_ssh == "iTerm2" {
            Some(Notifier::Osc9)
        } else {
            by_program
        }
    }

    /// The sequence that shows this text, which has been made safe.
    pub(super) fn sequence(self, text: &str) -> String {
        let text = shortened(text, MOST);
        match self {
            Notifier::Osc9 => format!("\x1b]9;{text}\x1b\\"),
            Notifier::Osc99 => format!("\x1b]99;;{text}\x1b\\"),
            Notifier::Osc777 => format!("\x1b]777;notify;chatroom;{text}\x1b\\"),
        }
    }
}

/// The sequence that gives the window its title: the room's host, and before it how many lines are unread.
pub(super) fn title(unread: usize, host: &str) -> String {
    let count = if unread == 0 { String::new() } else { format!("({unread}) ") };
    format!("\x1b]2;{count}chatroom {host}\x1b\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_terminals_that_are_known_get_their_own_sequence() {
        type Variables = &'static [(&'static str, &'static str)];
        let cases: [(Variables, Option<Notifier>); 10] = [
            (&[], None),
            (&[("TERM", "xterm-256color")], None),
            (&[("TERM", "xterm-kitty")], Some(Notifier::Osc99)),
            (&[("TERM", "foot-extra")], Some(Notifier::Osc777)),
            (&[("TERM", "rxvt-unicode-256color")], Some(Notifier::Osc777)),
            (&[("TERM", "xterm-ghostty")], Some(Notifier::Osc9)),
            (&[("TERM", "xterm-256color"), ("TERM_PROGRAM", "iTerm.app")], Some(Notifier::Osc9)),
            (&[("TERM", "xterm-256color"), ("LC_TERMINAL", "iTerm2")], Some(Notifier::Osc9)),
            (&[("TERM", "tmux-256color"), ("LC_TERMINAL", "iTerm2")], None),
            (&[("TERM", "xterm-kitty"), ("TMUX", "/tmp/tmux-0/default,1,0")], None),
        ];
        for (variables, expected) in cases {
            let env = |name: &str| {
                variables.iter().find(|(it, _)| *it == name).map(|(_, value)| (*value).to_owned())
            };
            assert_eq!(Notifier::of_terminal(env), expected, "{variables:?}");
        }
    }

    #[test]
    fn a_sequence_has_the_text_and_a_bounded_length() {
        assert_eq!(Notifier::Osc9.sequence("<bob> hi"), "\x1b]9;<bob> hi\x1b\\");
        assert_eq!(Notifier::Osc99.sequence("<bob> hi"), "\x1b]99;;<bob> hi\x1b\\");
        assert_eq!(Notifier::Osc777.sequence("a; b"), "\x1b]777;notify;chatroom;a; b\x1b\\");
        assert!(Notifier::Osc9.sequence(&"é".repeat(5000)).len() < 2 * MOST);
        assert_eq!(title(0, "chat.local"), "\x1b]2;chatroom chat.local\x1b\\");
        assert_eq!(title(12, "::1"), "\x1b]2;(12) chatroom ::1\x1b\\");
    }
}
