//! For whom a key is: for the line being written, for the answer to a question, or for another editor.

use super::Keyboard;
use crate::client::answer::{Answer, Typing};
use crate::client::compose::compose;
use crate::client::editor::{Key, Outcome};
use crate::client::exit_reason::ExitReason;
use crate::client::keys::{Chord, Pressed};
use crate::client::output::Output;

impl Keyboard<'_> {
    pub(super) fn press(&mut self, chord: Chord) -> Outcome {
        let key = match self.keymap.press(chord) {
            Pressed::Key(key) => key,
            Pressed::Nothing => return Outcome::Edited,
            Pressed::Unbound => return Outcome::Full,
        };
        if self.is_asked() {
            return self.press_for_answer(key);
        }
        if key == Key::Escape && self.editor.can_give_up() {
            self.events.on_escape_answered();
        }
        match self.editor.press(key) {
            Outcome::Complete(direction) => self.terminal.complete(&mut self.editor, direction),
            outcome => outcome,
        }
    }

    /// Whether keys are for the answer to what is asked. What was typed of another one is forgotten.
    pub(super) fn is_asked(&mut self) -> bool {
        let is_asked = self.terminal.is_asking();
        if !is_asked && !self.answer.is_empty() {
            self.answer = Answer::new();
        }
        is_asked
    }

    fn press_for_answer(&mut self, key: Key) -> Outcome {
        match self.answer.press(key) {
            Typing::Given(secret) => {
                self.link.give(secret);
                Outcome::Edited
            }
            Typing::GoesOn(outcome) => outcome,
        }
    }

    /// Has the text written in the user's own editor. What comes meanwhile is shown afterwards.
    pub(super) fn compose(&mut self) -> Result<(), ExitReason> {
        if self.editor.has_secret() {
            self.terminal.notice("a line with a password is not given to an editor");
            return Ok(());
        }
        self.events.pause();
        self.terminal.lend();
        let composed = compose(self.editor.text());
        let told = match composed.map(|text| self.editor.take_over(&text)) {
            Ok(Outcome::Full) => Some("that is too long; the text is as it was".to_owned()),
            Ok(_) => None,
            Err(why) => Some(why.to_string()),
        };
        self.terminal.take_back(&self.editor, &self.answer)?;
        self.events.resume();
        if let Some(told) = told {
            self.terminal.notice(&told);
        }
        Ok(())
    }
}
