//! What one reader gets of many events, piece by piece. Pure.

use std::ops::Range;

use super::run::Run;
use super::{Index, Piece, Recipient};

/// What [`Index::pieces`] gives. There is one for each send, and most have one piece: a chain of
/// adapters in its place took a third of all instructions before the send.
#[derive(Debug)]
pub(crate) struct Pieces<'a> {
    /// What it goes through.
    pub(super) index: &'a Index,
    /// For whom.
    pub(super) recipient: Recipient,
    /// The indices of the events that are asked for.
    pub(super) events: Range<u32>,
    /// The run that is looked at next.
    pub(super) next: usize,
}

impl Iterator for Pieces<'_> {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        let mut found: Option<Piece> = None;
        while let Some(run) = self.index.runs.get(self.next)
            && run.first < self.events.end
        {
            let part = self.part(run, self.index.end_of_run(self.next));
            match (&mut found, part) {
                (_, None) => {}
                (None, part) => found = part,
                (Some(piece), Some(more))
                    if more.events.start == piece.events.end
                        && more.rendition == piece.rendition =>
                {
                    piece.events.end = more.events.end;
                }
                (Some(_), Some(_)) => break,
            }
            self.next += 1;
        }
        found
    }
}

impl Pieces<'_> {
    /// What of a run is to be seen; `end` is the index after its last event.
    fn part(&self, run: &Run, end: u32) -> Option<Piece> {
        let rendition = run.rendition(&self.recipient)?;
        let events = run.first.max(self.events.start)..end.min(self.events.end);
        (!events.is_empty()).then_some(Piece { events, rendition })
    }
}
