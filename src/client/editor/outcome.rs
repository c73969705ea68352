//! What comes of a key, and what the input row shows besides the text. Pure.

use super::input_history::Memorable;
use super::key::Direction;
use crate::client::typed::Typed;

/// What came of a key.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The text or the cursor may have changed.
    Edited,
    /// There is nothing that the key could do, or no room for it.
    Full,
    /// Nothing is sent: a line has this many bytes, which are too many. It stays, to be shortened.
    TooLong(usize),
    /// Send this.
    Submit(Submission),
    /// Nothing is sent. The line was given up, and can be called back if it is to be remembered.
    GivenUp(Option<Memorable>),
    /// The caller is to [complete](super::Editor::complete).
    Complete(Direction),
    /// Paint the input row again.
    Repaint,
    /// Have the text written in another editor, and [take](super::Editor::take_over) what it becomes.
    Compose,
    /// Stop the program for a while.
    Suspend,
    /// The user wants to leave.
    Quit,
}

/// What is to be sent.
#[derive(Debug, PartialEq, Eq)]
pub struct Submission {
    /// As they go to the server, one by one. None of them is blank, and there is at least one.
    pub lines: Vec<Typed>,
    /// What was written, as one entry of the history, if it is to be remembered.
    pub entry: Option<Memorable>,
}

/// What the input row begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prompt<'a> {
    /// As ever.
    Name,
    /// What was sent is searched.
    Search {
        /// For this.
        query: &'a str,
        /// Whether it has been found.
        found: bool,
    },
    /// Lines that are not sent without a question.
    Question {
        /// How many.
        lines: usize,
        /// They are sent as text, though one of them looks like a command or has a secret.
        as_text: bool,
    },
    /// The line was given up; to do that again is to leave.
    Leaving,
}

/// What may be put in the place of what stands before the cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidates {
    /// From this byte on.
    pub start: usize,
    /// The ways, best first.
    pub options: Vec<String>,
}
