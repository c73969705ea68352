//! What the user writes: keys in, text and cursor out.
//!
//! A pure state machine. It knows no terminal, no socket and no width of anything; the main thread
//! owns it. The text may have several rows, pasted or typed: they stand in it with newlines between
//! them, and are sent one by one.
//!
//! What is hidden in the text, such as a password (`secret`), stays so: no key shows it, or has it said
//! to all, short of taking it away.

use std::ops::Range;

use super::secret;
use crate::protocol::text::{is_blank, is_dangerous, make_safe};
use buffer::Buffer;
use completion::Completion;
use input_history::{InputHistory, Search};
use undo::{Kind, Undo};

pub use input_history::Memorable;
pub use key::{Direction, Key};
pub use outcome::{Candidates, Outcome, Prompt, Submission};
pub use submit::Extent;

mod buffer;
mod completion;
pub(super) mod input_history;
mod key;
mod outcome;
mod search;
mod submit;
mod undo;

/// How many bytes can be written at all: a book. More would only be a mistake.
const MOST: usize = 8 * 1024 * 1024;

/// The line being written.
#[derive(Debug)]
pub struct Editor {
    /// The text and the cursor.
    buffer: Buffer,
    /// How many bytes a line may have; `None` where the server is none of ours, and takes them as they are.
    limit: Option<usize>,
    /// What was sent.
    input_history: InputHistory,
    /// What can be taken back.
    undo: Undo,
    /// What was cut last.
    cut: String,
    /// On which side the last key has cut, if it has.
    last_cut: Option<Side>,
    /// How many characters stood before the cursor in the row from which the last keys went up or down.
    column: Option<usize>,
    /// What keys mean now.
    mode: Mode,
}

/// What the keys mean.
#[derive(Debug)]
enum Mode {
    /// They write and edit.
    Writing,
    /// They belong to a search.
    Searching(Search),
    /// Tab goes on with a completion.
    Completing(Completion),
    /// Whether to send that.
    Asking(Question),
    /// The last key has given the line up.
    Leaving,
}

/// What is not sent without a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Question {
    /// So many lines.
    lines: usize,
    /// They are sent as text, though one of them looks like a command or has a secret.
    as_text: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    /// Before the cursor.
    Before,
    /// After it.
    After,
}

impl Editor {
    /// An empty text, of which at most `limit` bytes are sent in a line, after what was `sent` before.
    #[must_use]
    pub fn new(limit: usize, sent: Vec<Memorable>) -> Editor {
        Editor {
            buffer: Buffer::default(),
            limit: Some(limit),
            input_history: InputHistory::of(sent),
            undo: Undo::default(),
            cut: String::new(),
            last_cut: None,
            column: None,
            mode: Mode::Writing,
        }
    }

    /// The text as it stands.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.buffer.text
    }

    /// Where the cursor stands, in bytes from the beginning of the text.
    #[must_use]
    pub fn cursor(&self) -> usize {
        self.buffer.cursor
    }

    /// Whether there is a secret in the text, so that it must not get into a file.
    #[must_use]
    pub fn has_secret(&self) -> bool {
        secret::is_in_any(&self.buffer.text)
    }

    /// Called with how many bytes a line may have, or `None` where the server is none of ours.
    pub fn set_limit(&mut self, limit: Option<usize>) {
        self.limit = limit;
    }

    /// How many bytes a line may have, if that is known.
    #[must_use]
    pub fn limit(&self) -> Option<usize> {
        self.limit
    }

    /// What the input row begins with.
    #[must_use]
    pub fn prompt(&self) -> Prompt<'_> {
        match &self.mode {
            Mode::Writing | Mode::Completing(_) => Prompt::Name,
            Mode::Searching(search) => Prompt::Search { query: &search.query, found: search.found },
            Mode::Asking(Question { lines, as_text }) => {
                Prompt::Question { lines: *lines, as_text: *as_text }
            }
            Mode::Leaving => Prompt::Leaving,
        }
    }

    /// Whether there is a search, a completion or a question that Escape gives up.
    #[must_use]
    pub fn can_give_up(&self) -> bool {
        !matches!(self.mode, Mode::Writing)
    }

    /// Does what the key asks for.
    pub fn press(&mut self, key: Key) -> Outcome {
        match std::mem::replace(&mut self.mode, Mode::Writing) {
            Mode::Writing | Mode::Leaving => self.edit(key),
            Mode::Searching(search) => self.search(search, key),
            Mode::Completing(completion) => self.go_on_completing(completion, key),
            Mode::Asking(_) => self.answer(key),
        }
    }

    /// Puts in text from elsewhere, of one row or many. Nothing is sent by it.
    pub fn paste(&mut self, text: &str) -> Outcome {
        if let Mode::Searching(search) = std::mem::replace(&mut self.mode, Mode::Writing) {
            self.accept(search);
        }
        self.last_cut = None;
        self.insert(&from_elsewhere(text), Kind::Whole)
    }

    /// Puts a text from elsewhere in the place of the whole text, of one row or many. Nothing is sent by it, and it
    /// can be taken back.
    pub fn take_over(&mut self, text: &str) -> Outcome {
        let text = from_elsewhere(text);
        if text.len() > MOST {
            return Outcome::Full;
        }
        self.last_cut = None;
        let is_new = text != self.buffer.text;
        full_unless(!is_new || self.change(0..self.buffer.text.len(), &text, Kind::Whole))
    }

    /// Gives the line up, and leaves if there is none.
    fn cancel(&mut self) -> Outcome {
        if is_blank(&self.buffer.text) {
            return Outcome::Quit;
        }
        let given_up = Memorable::of_text(&self.buffer.text);
        self.input_history.add(given_up.as_ref());
        self.change(0..self.buffer.text.len(), "", Kind::Whole);
        self.mode = Mode::Leaving;
        Outcome::GivenUp(given_up)
    }

    /// What a key does where there is nothing to edit.
    fn edit_nothing(&mut self, key: Key) -> Outcome {
        match key {
            Key::Repaint => Outcome::Repaint,
            Key::Suspend => Outcome::Suspend,
            _ => Outcome::Edited,
        }
    }

    fn edit(&mut self, key: Key) -> Outcome {
        let (last_cut, column) = (self.last_cut.take(), self.column.take());
        let cursor = self.buffer.cursor;
        full_unless(match key {
            // Nobody would get them; and a text of such characters alone would be none.
            Key::Char(c) if is_dangerous(c) => true,
            Key::Char(c) => return self.insert(c.encode_utf8(&mut [0; 4]), Kind::Typing),
            Key::NewRow => return self.insert("\n", Kind::Whole),
            Key::Enter => return self.submit(),
            Key::Left => self.move_to(self.buffer.left()),
            Key::Right => self.move_to(self.buffer.right()),
            Key::WordLeft => self.move_to(self.buffer.word_left()),
            Key::WordRight => self.move_to(self.buffer.word_right()),
            Key::Home => self.move_to(self.buffer.row_start()),
            Key::End => self.move_to(self.buffer.row_end()),
            Key::EndOfInput if self.buffer.text.is_empty() => return Outcome::Quit,
            Key::EndOfInput | Key::Delete => {
                self.change(cursor..self.buffer.right(), "", Kind::Whole)
            }
            Key::Backspace => self.change(self.buffer.last_typed()..cursor, "", Kind::Whole),
            Key::CutToBlank => self.cut(self.buffer.blank_left()..cursor, Side::Before, last_cut),
            Key::CutWordLeft => self.cut(self.buffer.word_left()..cursor, Side::Before, last_cut),
            Key::CutWordRight => self.cut(cursor..self.buffer.word_right(), Side::After, last_cut),
            Key::CutToStart => {
                let start = self.buffer.row_start();
                let start = if start < cursor { start } else { cursor.saturating_sub(1) };
                self.cut(start..cursor, Side::Before, last_cut)
            }
            Key::CutToEnd => {
                let end = self.buffer.row_end();
                let end = if end > cursor { end } else { self.buffer.right() };
                self.cut(cursor..end, Side::After, last_cut)
            }
            Key::Yank => return self.insert(&self.cut.clone(), Kind::Whole),
            Key::Transpose => self.transpose(),
            Key::Undo => self.undo.undo(&mut self.buffer),
            Key::Redo => self.undo.redo(&mut self.buffer),
            Key::Up => self.go_to_row(column, Buffer::above) || self.go(InputHistory::back),
            Key::Down => self.go_to_row(column, Buffer::below) || self.go(InputHistory::forward),
            Key::Search => {
                self.mode = Mode::Searching(Search::new(&self.input_history, &self.buffer));
                true
            }
            Key::Complete(direction) => return Outcome::Complete(direction),
            Key::Compose => return Outcome::Compose,
            Key::Cancel => return self.cancel(),
            Key::Escape | Key::Repaint | Key::Suspend => return self.edit_nothing(key),
        })
    }

    fn move_to(&mut self, position: usize) -> bool {
        self.buffer.cursor = position;
        true
    }

    /// Goes to the next row, into the column that the cursor had before it came through shorter ones. False if there
    /// is no such row.
    fn go_to_row(
        &mut self,
        column: Option<usize>,
        next: fn(&Buffer, usize) -> Option<usize>,
    ) -> bool {
        let column = column.unwrap_or_else(|| self.buffer.column());
        let Some(position) = next(&self.buffer, column) else { return false };
        self.column = Some(column);
        self.move_to(position)
    }

    fn transpose(&mut self) -> bool {
        let Some((range, other_way_round)) = self.buffer.transposed() else { return true };
        let is_allowed = !secret::begins_within(&self.buffer.text, &range);
        is_allowed && self.change(range, &other_way_round, Kind::Whole)
    }

    fn go(&mut self, step: fn(&mut InputHistory, &mut Buffer) -> bool) -> bool {
        let gone = step(&mut self.input_history, &mut self.buffer);
        if gone {
            self.undo = Undo::default();
        }
        gone
    }

    fn insert(&mut self, text: &str, kind: Kind) -> Outcome {
        let has_room = self.buffer.text.len() + text.len() <= MOST;
        let cursor = self.buffer.cursor;
        full_unless(has_room && self.change(cursor..cursor, text, kind))
    }

    /// Cuts join with what the key before has cut. What is hidden is not kept: it could be put where it is seen.
    fn cut(&mut self, range: Range<usize>, side: Side, last: Option<Side>) -> bool {
        let text = self.buffer.text[range.clone()].to_owned();
        let is_hidden = secret::is_hidden(&self.buffer.text, &range);
        if !self.change(range, "", Kind::Whole) {
            return false;
        }
        if is_hidden {
            return true;
        }
        if last.is_none() {
            self.cut.clear();
        }
        match side {
            Side::Before => self.cut.insert_str(0, &text),
            Side::After => self.cut.push_str(&text),
        }
        self.last_cut = Some(side);
        true
    }

    /// Changes the text, unless that would show something that is hidden in it: false then.
    fn change(&mut self, range: Range<usize>, with: &str, kind: Kind) -> bool {
        if secret::would_show(&self.buffer.text, &range, with) {
            return false;
        }
        self.column = None;
        self.undo.change(&mut self.buffer, range, with, kind);
        true
    }
}

/// A text as it can stand here: what the terminal would obey is taken out of it, and newlines are of one kind.
fn from_elsewhere(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace(['\r', '\u{2028}', '\u{2029}'], "\n");
    let lines = text.trim_end_matches('\n').split('\n');
    lines.map(|line| make_safe(line.as_bytes())).collect::<Vec<_>>().join("\n")
}

fn full_unless(done: bool) -> Outcome {
    if done { Outcome::Edited } else { Outcome::Full }
}

#[cfg(test)]
mod tests;
