//! The door of a room that not everybody may come into: what the server asks for before it lets us in, and what we
//! have to show.
//!
//! It outlives a connection: the room's password is shown again at the next one. It is kept in this process alone.
//! Pure; the handshake gives it the server's lines.

use std::fmt;

use super::handshake::{Interest, Reaction, Turn};
use crate::protocol::reply::{ReadNotice, ReadRefusal, ServerLine};
use crate::protocol::request::Command;

/// A password or a code: one line that is not blank. It is not written where it is debugged.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// What stands on the first line of a text, if there is anything. Somebody may type the whole command that the server
    /// has asked for.
    #[must_use]
    pub fn on_first_line(text: &str) -> Option<Secret> {
        let line = text.lines().next().unwrap_or_default().trim();
        let behind = line.strip_prefix(Command::Pass.word()).filter(|it| it.starts_with(' '));
        let secret = behind.unwrap_or(line).trim();
        (!secret.is_empty()).then(|| Secret(secret.to_owned()))
    }

    /// The line that shows it to the server.
    fn shown(&self) -> String {
        format!("{} {}", Command::Pass.word(), self.0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// What the server asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The room's password, which is the same each time.
    Password,
    /// A code, which lets one person in once.
    Code,
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Wanted::Password => "password",
            Wanted::Code => "code",
        })
    }
}

/// That the user is to be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Question {
    /// For what.
    pub(super) wanted: Wanted,
    /// Whether the server was shown another one, and that was not it.
    pub(super) is_again: bool,
}

/// What we have to show, and how the present connection stands.
#[derive(Debug, Default)]
pub(super) struct Door {
    /// What will be shown without a question: what the user gave at the start, what the room took last, or what the
    /// user gave while there was no connection.
    known: Option<Secret>,
    /// How the present connection stands.
    stage: Stage,
}

#[derive(Debug, Default)]
enum Stage {
    /// The server asks for nothing.
    #[default]
    Open,
    /// The server asks for this, and so the user is asked.
    Asked(Wanted),
    /// The server was shown this, and has not said whether that is it.
    Shown(Wanted, Secret),
}

impl Door {
    /// A door for which this is known.
    pub(super) fn with(known: Option<Secret>) -> Door {
        Door { known, stage: Stage::Open }
    }

    /// Whether the server has not let us in.
    pub(super) fn is_shut(&self) -> bool {
        !matches!(self.stage, Stage::Open)
    }

    /// Takes the server's next line, and says what to do with it; `None` if it is not about the door.
    pub(super) fn hear(&mut self, line: ServerLine<'_>) -> Option<Reaction> {
        match (line.notice(), line.refusal(), &self.stage) {
            (Some(ReadNotice::RoomPassword), ..) => Some(self.on_question(Wanted::Password)),
            (Some(ReadNotice::ForInvited), ..) => Some(self.on_question(Wanted::Code)),
            (Some(ReadNotice::LetIn), _, Stage::Asked(_) | Stage::Shown(..)) => {
                Some(self.on_let_in())
            }
            (_, Some(ReadRefusal::WrongSecret), &Stage::Shown(wanted, _)) => {
                let next = self.show_or_ask(wanted, true);
                Some(Reaction { interest: Interest::Shown, ..next })
            }
            _ => None,
        }
    }

    /// Takes what the user gives, and says what to send. While the server has not said whether another one is it, and
    /// while there `is_connection` is false, it is kept until it is asked for.
    pub(super) fn give(&mut self, secret: Secret, is_connected: bool) -> Option<String> {
        match self.stage {
            Stage::Asked(wanted) if is_connected => {
                let line = secret.shown();
                self.stage = Stage::Shown(wanted, secret);
                Some(line)
            }
            Stage::Open | Stage::Asked(_) | Stage::Shown(..) => {
                self.known = Some(secret);
                None
            }
        }
    }

    /// The same door at the next connection. What was shown without an answer is shown again.
    pub(super) fn again(self) -> Door {
        let unanswered = match self.stage {
            Stage::Shown(_, secret) => Some(secret),
            Stage::Open | Stage::Asked(_) => None,
        };
        Door::with(self.known.or(unanswered))
    }

    /// The server asks, and may do so more than once before it gets an answer.
    fn on_question(&mut self, wanted: Wanted) -> Reaction {
        match self.stage {
            Stage::Open => self.show_or_ask(wanted, false),
            Stage::Asked(_) | Stage::Shown(..) => Reaction::of(Interest::Hidden),
        }
    }

    fn show_or_ask(&mut self, wanted: Wanted, is_again: bool) -> Reaction {
        let Some(secret) = self.known.take() else {
            self.stage = Stage::Asked(wanted);
            let turn = Turn::Asked(Question { wanted, is_again });
            return Reaction { interest: Interest::Hidden, asks: vec![], turn };
        };
        let asks = vec![secret.shown()];
        self.stage = Stage::Shown(wanted, secret);
        Reaction { interest: Interest::Hidden, asks, turn: Turn::None }
    }

    /// A code is void by now.
    fn on_let_in(&mut self) -> Reaction {
        if let Stage::Shown(Wanted::Password, secret) = std::mem::take(&mut self.stage) {
            self.known = Some(secret);
        }
        Reaction { interest: Interest::Hidden, asks: vec![], turn: Turn::LetIn }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::reply::parse;

    const PASSWORD: &str = "-- this room wants a password: /pass PASSWORD";
    const CODE: &str = "-- this room is for invited people: /pass CODE";
    const WRONG: &str = "!! that is not it";
    const LET_IN: &str = "-- you may come in";

    fn secret(text: &str) -> Secret {
        Secret::on_first_line(text).expect("it is not blank")
    }

    /// What comes of each line: what is sent, or whether the user is asked, or let in.
    fn heard(door: &mut Door, lines: &[&str]) -> Vec<String> {
        let told = lines.iter().map(|line| match door.hear(parse(line)) {
            None => "none".to_owned(),
            Some(Reaction { asks, turn, .. }) => match turn {
                Turn::Asked(Question { wanted, is_again: false }) => format!("{wanted}?"),
                Turn::Asked(Question { wanted, is_again: true }) => format!("another {wanted}?"),
                Turn::LetIn => "in".to_owned(),
                _ => asks.join(" "),
            },
        });
        told.collect()
    }

    #[test]
    fn the_user_is_asked_until_it_is_right() {
        let mut door = Door::default();
        assert_eq!(
            heard(&mut door, &[LET_IN, WRONG, PASSWORD, PASSWORD]),
            ["none", "none", "password?", ""]
        );
        assert!(door.is_shut());
        assert_eq!(door.give(secret("/pass a"), true).as_deref(), Some("/pass a"));
        assert_eq!(
            heard(&mut door, &[PASSWORD, WRONG, "<bob> hi"]),
            ["", "another password?", "none"]
        );
        assert_eq!(door.give(secret("b"), true).as_deref(), Some("/pass b"));
        // One that is given too soon is the next that is shown.
        assert_eq!(door.give(secret("c"), true), None);
        assert_eq!(heard(&mut door, &[WRONG, LET_IN]), ["/pass c", "in"]);
        assert!(!door.is_shut());
        // The room's password is known from then on.
        assert_eq!(heard(&mut door.again(), &[PASSWORD]), ["/pass c"]);
    }

    #[test]
    fn what_is_known_is_shown_once() {
        let mut door = Door::with(Some(secret("a")));
        assert_eq!(heard(&mut door, &[PASSWORD, PASSWORD]), ["/pass a", ""]);
        let mut door = door.again();
        assert_eq!(heard(&mut door, &[PASSWORD]), ["/pass a"], "nobody has said that it is wrong");
        assert_eq!(heard(&mut door, &[WRONG]), ["another password?"]);
        assert_eq!(heard(&mut door.again(), &[PASSWORD]), ["password?"]);
    }

    #[test]
    fn a_code_is_void_once_it_has_let_us_in() {
        let mut door = Door::with(Some(secret("7q4k-2mpx")));
        assert_eq!(heard(&mut door, &[CODE, LET_IN]), ["/pass 7q4k-2mpx", "in"]);
        assert_eq!(heard(&mut door.again(), &[CODE]), ["code?"]);
    }

    #[test]
    fn what_is_given_without_a_connection_is_shown_at_the_next() {
        let mut door = Door::default();
        heard(&mut door, &[PASSWORD]);
        assert_eq!(door.give(secret("a"), false), None);
        assert_eq!(heard(&mut door.again(), &[PASSWORD]), ["/pass a"]);
    }

    #[test]
    fn a_secret_is_one_line_without_blanks_around_it_and_is_not_debugged() {
        let cases = [("a b \r\nc", Some("a b")), ("  \na", None), ("", None)];
        for (text, expected) in cases {
            let secret = Secret::on_first_line(text);
            assert_eq!(secret.as_ref().map(|secret| &*secret.0), expected, "{text:?}");
            assert!(!format!("{secret:?}").contains('a'));
        }
    }
}
