//! The lines in a stream that is sent as it is, for the log and to know the command to leave. Pure.

use super::input::MAX_LINE;
use crate::client::typed::Typed;
use crate::protocol::lines::{Line, LineSplitter};

/// Cuts the stream into lines.
#[derive(Debug)]
pub(super) struct Journal {
    /// Keeps the beginning of a line between chunks.
    splitter: LineSplitter,
}

impl Journal {
    pub(super) fn new() -> Journal {
        Journal { splitter: LineSplitter::new(MAX_LINE) }
    }

    /// The lines that end in this chunk. In place of one that is too long stands that it is.
    pub(super) fn lines(&mut self, mut chunk: &[u8]) -> Vec<Typed> {
        let mut lines = Vec::new();
        while let Some(line) = self.splitter.next(&mut chunk) {
            lines.push(match line {
                Line::Whole(line) => Typed::new(line),
                Line::TooLong(_) => Typed::new(format!("(more than {MAX_LINE} bytes)")),
            });
        }
        lines
    }

    /// Whether a line has begun and has not ended.
    pub(super) fn is_mid_line(&self) -> bool {
        self.splitter.is_mid_line()
    }
}
