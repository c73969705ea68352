//! What the user types who is asked for a password or a code: a row of its own, of which nothing is seen.
//!
//! It is edited as any row is, and is neither completed, nor remembered, nor given to another program. The main
//! thread owns it. Pure.

use super::door::Secret;
use super::editor::{Editor, Key, Outcome, Prompt};
use super::secret;
use crate::protocol::DEFAULT_MAX_LINE;

/// How many bytes an answer may have: the rest of a line is the command before it.
const MOST: usize = DEFAULT_MAX_LINE - 16;

/// The answer, as far as it is typed.
#[derive(Debug)]
pub(super) struct Answer(Editor);

/// What came of a key.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Typing {
    /// This is the answer, and the row is empty.
    Given(Secret),
    /// What an editor makes of the key.
    GoesOn(Outcome),
}

impl Answer {
    /// An empty one.
    pub(super) fn new() -> Answer {
        Answer(Editor::new(MOST, Vec::new()))
    }

    /// As many dots as there are characters, and the place of the cursor among them, in bytes.
    pub(super) fn dotted(&self) -> (String, usize) {
        secret::all_dotted(self.0.text(), self.0.cursor())
    }

    /// What the input row begins with.
    pub(super) fn prompt(&self) -> Prompt<'_> {
        self.0.prompt()
    }

    /// Whether nothing is typed.
    pub(super) fn is_empty(&self) -> bool {
        self.0.text().is_empty()
    }

    /// Does what the key asks for.
    pub(super) fn press(&mut self, key: Key) -> Typing {
        Typing::GoesOn(match key {
            Key::Enter => match Secret::on_first_line(self.0.text()) {
                Some(secret) if self.0.text().len() <= MOST => {
                    *self = Answer::new();
                    return Typing::Given(secret);
                }
                Some(_) | None => Outcome::Full,
            },
            Key::NewRow | Key::Up | Key::Down | Key::Search | Key::Complete(_) | Key::Compose => {
                Outcome::Full
            }
            key => match self.0.press(key) {
                Outcome::GivenUp(_) => Outcome::GivenUp(None),
                outcome => outcome,
            },
        })
    }

    /// Puts in text from elsewhere, of one line.
    pub(super) fn paste(&mut self, text: &str) -> Outcome {
        let text = text.trim_end_matches(['\r', '\n']);
        if text.contains(['\r', '\n']) { Outcome::Full } else { self.0.paste(text) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Answer {
        fn type_keys(&mut self, keys: &str) {
            keys.chars().for_each(|c| drop(self.press(Key::Char(c))));
        }
    }

    #[test]
    fn an_answer_is_edited_unseen_and_given_once() {
        let mut answer = Answer::new();
        answer.type_keys("/x é日");
        assert_eq!(answer.press(Key::Left), Typing::GoesOn(Outcome::Edited));
        assert_eq!(answer.dotted(), ("•".repeat(5), "•".len() * 4));
        assert_eq!(answer.paste("y\r\n"), Outcome::Edited);
        assert_eq!(answer.paste("one\ntwo"), Outcome::Full);
        let given = Secret::on_first_line("/x éy日").expect("not blank");
        assert_eq!(answer.press(Key::Enter), Typing::Given(given));
        assert!(answer.is_empty());
        for key in [Key::Enter, Key::NewRow, Key::Up, Key::Down, Key::Search, Key::Compose] {
            assert_eq!(answer.press(key), Typing::GoesOn(Outcome::Full), "{key:?}");
        }
    }

    #[test]
    fn an_answer_that_is_given_up_is_not_remembered_and_twice_is_to_leave() {
        let mut answer = Answer::new();
        answer.type_keys("abc");
        assert_eq!(answer.press(Key::Cancel), Typing::GoesOn(Outcome::GivenUp(None)));
        assert_eq!(answer.prompt(), Prompt::Leaving);
        assert_eq!(answer.press(Key::Cancel), Typing::GoesOn(Outcome::Quit));
    }

    #[test]
    fn an_answer_that_is_no_line_is_not_given() {
        let mut answer = Answer::new();
        answer.paste(&"x".repeat(DEFAULT_MAX_LINE));
        assert_eq!(answer.press(Key::Enter), Typing::GoesOn(Outcome::Full));
        assert!(!answer.is_empty());
    }
}
