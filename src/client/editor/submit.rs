//! From the text to the lines that are sent: how long each is, and the question before many, or before a secret
//! among several. Pure.

use super::buffer::Buffer;
use super::input_history::Memorable;
use super::undo::Undo;
use super::{Editor, Key, Mode, Outcome, Side, Submission, full_unless};
use crate::client::typed::Typed;
use crate::protocol::request::saying;
use crate::protocol::text::is_blank;

/// More lines than this are not sent without a question.
const MANY_LINES: usize = 20;

impl Editor {
    /// A blank text is cleared away, and is nothing to send.
    pub(super) fn submit(&mut self) -> Outcome {
        if self.over() > 0 {
            return Outcome::TooLong(self.longest_line());
        }
        let lines = self.lines().count();
        // Among several lines, a password is said to all like the rest.
        if lines > MANY_LINES || (self.is_text() && self.has_secret()) {
            self.mode = Mode::Asking(lines);
            return Outcome::Edited;
        }
        self.send()
    }

    fn send(&mut self) -> Outcome {
        let lines: Vec<Typed> = self.lines().map(Typed::new).collect();
        let are_text = self.is_text();
        let entry = Memorable::of(&lines);
        self.input_history.add(entry.as_ref());
        self.buffer = Buffer::default();
        self.undo = Undo::default();
        if lines.is_empty() {
            return Outcome::Edited;
        }
        Outcome::Submit(Submission { lines, entry, are_text })
    }

    /// Whether these are lines of a paste of several. A password with blank lines around it is none.
    fn is_text(&self) -> bool {
        let has_several = || self.lines().nth(1).is_some();
        self.buffer.text.contains('\n') && (has_several() || !self.has_secret())
    }

    fn lines(&self) -> impl Iterator<Item = &str> {
        self.buffer.text.split('\n').filter(|line| !is_blank(line))
    }

    /// How many bytes the longest line has as it is sent.
    pub(super) fn longest_line(&self) -> usize {
        let is_text = self.is_text();
        let sent = |line: &str| if is_text { saying(line).len() } else { line.len() };
        self.lines().map(sent).max().unwrap_or(0)
    }

    /// Takes a key for the answer to the question. A key that is no answer does what it always does.
    pub(super) fn answer(&mut self, key: Key) -> Outcome {
        match key {
            Key::Char('y' | 'Y') | Key::Enter => self.send(),
            Key::Char('n' | 'N') => Outcome::Edited,
            Key::CutToStart => full_unless(self.cut(0..self.buffer.text.len(), Side::Before, None)),
            key => self.edit(key),
        }
    }
}
