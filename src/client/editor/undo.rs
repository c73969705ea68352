//! What was changed, to take it back and to do it again.

use std::ops::Range;

use super::buffer::Buffer;

/// How many steps are kept.
const MOST_STEPS: usize = 1000;

/// How many bytes of text they may hold, in all: a paste is a step of its own length.
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// How steps belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A character was typed: it is one step with those before it, word by word.
    Typing,
    /// Anything else is a step of its own.
    Whole,
}

/// One step: at `at`, `removed` gave way to `inserted`.
#[derive(Debug)]
struct Step {
    /// What was done.
    kind: Kind,
    /// Where, in bytes.
    at: usize,
    /// What stood there before.
    removed: String,
    /// What stands there now.
    inserted: String,
    /// Where the cursor was.
    cursor: usize,
}

/// The steps, behind us and before us.
#[derive(Debug, Default)]
pub(super) struct Undo {
    /// What can be taken back, the last one at the end.
    done: Vec<Step>,
    /// What can be made again, the next one at the end.
    undone: Vec<Step>,
    /// What both take.
    bytes: usize,
}

impl Undo {
    /// Changes the buffer, and keeps what it takes to change it back.
    pub(super) fn change(
        &mut self,
        buffer: &mut Buffer,
        range: Range<usize>,
        with: &str,
        kind: Kind,
    ) {
        let removed = buffer.text[range.clone()].to_owned();
        if removed.is_empty() && with.is_empty() {
            return;
        }
        self.forget_undone();
        let (at, cursor) = (range.start, buffer.cursor);
        buffer.replace(range, with);
        self.bytes += removed.len() + with.len();
        match self.done.last_mut().filter(|last| last.goes_on(at, &removed, with, kind)) {
            Some(last) => last.inserted.push_str(with),
            None => self.done.push(Step { kind, at, removed, inserted: with.to_owned(), cursor }),
        }
        while self.done.len() > MOST_STEPS || (self.bytes > MOST_BYTES && !self.done.is_empty()) {
            self.bytes -= self.done.remove(0).bytes();
        }
    }

    /// Takes the last step back; false if there is none.
    pub(super) fn undo(&mut self, buffer: &mut Buffer) -> bool {
        let Some(step) = self.done.pop() else { return false };
        buffer.replace(step.at..step.at + step.inserted.len(), &step.removed);
        buffer.place(step.cursor);
        self.undone.push(step);
        true
    }

    /// Does the step again that was taken back last; false if there is none.
    pub(super) fn redo(&mut self, buffer: &mut Buffer) -> bool {
        let Some(step) = self.undone.pop() else { return false };
        buffer.replace(step.at..step.at + step.removed.len(), &step.inserted);
        self.done.push(step);
        true
    }

    fn forget_undone(&mut self) {
        self.bytes -= self.undone.drain(..).map(|step| step.bytes()).sum::<usize>();
    }
}

impl Step {
    /// Whether what follows is a part of this step.
    fn goes_on(&self, at: usize, removed: &str, with: &str, kind: Kind) -> bool {
        let begins_word =
            self.inserted.ends_with(char::is_whitespace) && !with.starts_with(char::is_whitespace);
        self.kind == Kind::Typing
            && kind == Kind::Typing
            && removed.is_empty()
            && at == self.at + self.inserted.len()
            && !begins_word
    }

    fn bytes(&self) -> usize {
        self.removed.len() + self.inserted.len()
    }
}
