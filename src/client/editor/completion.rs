//! Completion in the editor: Tab goes through the ways, and Escape gives them up. Pure.
//!
//! The editor knows neither names nor commands: its caller finds the [`Candidates`].

use super::undo::Kind;
use super::{Candidates, Direction, Editor, Key, Mode, Outcome, full_unless};
use crate::client::secret;

/// A completion that the next Tab goes on with.
#[derive(Debug)]
pub(super) struct Completion {
    /// Where the word begins that is completed, in bytes.
    start: usize,
    /// What is chosen from, of which the last is what stood there before.
    options: Vec<String>,
    /// Which of the options stands there now.
    chosen: usize,
}

impl Editor {
    /// Completes what stands before the cursor; `find` is given that, and finds the ways. Of a further row it is given
    /// the row alone, unless that would pass for a command.
    pub fn complete(
        &mut self,
        direction: Direction,
        find: impl FnOnce(&str) -> Candidates,
    ) -> Outcome {
        let completion = match std::mem::replace(&mut self.mode, Mode::Writing) {
            Mode::Completing(completion) => completion,
            Mode::Writing | Mode::Leaving => {
                let cursor = self.buffer.cursor;
                if secret::is_hidden(&self.buffer.text, &(cursor..cursor)) {
                    return Outcome::Full;
                }
                let row = self.buffer.row_start();
                let from = if self.buffer.before()[row..].starts_with('/') { 0 } else { row };
                let Candidates { start, mut options } = find(&self.buffer.before()[from..]);
                let start = from + start;
                if options.is_empty() {
                    return Outcome::Full;
                }
                // A blank that is there already need not come twice.
                if self.buffer.after().starts_with(' ') {
                    options.iter_mut().for_each(|option| {
                        option.truncate(option.trim_end_matches(' ').len());
                    });
                }
                options.push(self.buffer.before()[start..].to_owned());
                Completion { start, chosen: options.len() - 1, options }
            }
            other => {
                self.mode = other;
                return Outcome::Edited;
            }
        };
        self.choose(completion, direction)
    }

    fn choose(&mut self, mut completion: Completion, direction: Direction) -> Outcome {
        let ways = completion.options.len();
        let step = match direction {
            Direction::Forward => 1,
            Direction::Back => ways - 1,
        };
        completion.chosen = (completion.chosen + step) % ways;
        if !self.put(&completion) {
            return Outcome::Full;
        }
        self.mode = Mode::Completing(completion);
        Outcome::Edited
    }

    fn put(&mut self, completion: &Completion) -> bool {
        let range = completion.start..self.buffer.cursor;
        self.change(range, &completion.options[completion.chosen], Kind::Whole)
    }

    pub(super) fn go_on_completing(&mut self, mut completion: Completion, key: Key) -> Outcome {
        match key {
            Key::Complete(direction) => {
                self.mode = Mode::Completing(completion);
                Outcome::Complete(direction)
            }
            Key::Escape => {
                completion.chosen = completion.options.len() - 1;
                full_unless(self.put(&completion))
            }
            key => self.edit(key),
        }
    }
}
