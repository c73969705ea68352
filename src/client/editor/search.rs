//! The editor while the history is searched. Pure.

use super::input_history::Search;
use super::undo::Undo;
use super::{Editor, Key, Mode, Outcome};

impl Editor {
    /// Does what the key asks for in a search. A key that is none of a search accepts what was found.
    pub(super) fn search(&mut self, mut search: Search, key: Key) -> Outcome {
        match key {
            Key::Char(c) if !c.is_control() => {
                search.extend(c, &self.input_history, &mut self.buffer);
            }
            Key::Backspace => search.shorten(&self.input_history, &mut self.buffer),
            Key::Search => search.older(&self.input_history, &mut self.buffer),
            Key::Complete(_) => {}
            Key::Escape | Key::Cancel => {
                search.give_up(&mut self.buffer);
                return Outcome::Edited;
            }
            Key::Repaint | Key::Suspend => {
                self.mode = Mode::Searching(search);
                return self.edit_nothing(key);
            }
            key => {
                self.accept(search);
                return self.edit(key);
            }
        }
        self.mode = Mode::Searching(search);
        Outcome::Edited
    }

    /// What was found is the text from now on, and there is nothing in it to take back.
    pub(super) fn accept(&mut self, search: Search) {
        search.accept(&mut self.input_history);
        self.undo = Undo::default();
    }
}
