//! What becomes of lines that were written: receipts, refusals, and those that wait for either. Pure.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::entry::Entry;
use super::{Outbox, Outcome};
use crate::client::typed::Typed;

/// How long a receipt may take before the user sees that it is missing: longer than any network of
/// ours takes, and short enough to stop before the next sentence.
const PATIENCE: Duration = Duration::from_secs(2);

impl Outbox {
    /// The server has settled the line of that number: with a receipt, or because it is done. That stands for all
    /// before it, too.
    pub(in crate::client) fn settle(&mut self, number: u64) -> Outcome {
        let mut outcome = Outcome::default();
        while self.covered.front().is_some_and(|line| line.was_taken(number)) {
            let Some(line) = self.covered.pop_front() else { break };
            if line.number != Some(number) && !self.gap {
                outcome.refused.push(line.line);
            } else {
                outcome.said.push(line.line);
            }
        }
        while self.written > 0 && self.lines.front().is_some_and(|line| line.was_taken(number)) {
            let Some(line) = self.pop() else { break };
            if line.has_receipt() && (line.number == Some(number) || self.gap) {
                outcome.said.push(line.line);
            }
        }
        self.gap = false;
        self.taken = self.taken.max(number.min(self.counted));
        outcome
    }

    /// The line of that number, if it is not settled.
    pub(in crate::client) fn line(&self, number: u64) -> Option<&Arc<Typed>> {
        let written = self.lines.iter().take(self.written);
        let is_it = |line: &&Entry| line.number == Some(number) && line.is_counted();
        self.covered.iter().chain(written).find(is_it).map(|entry| &entry.line)
    }

    /// The server has refused the line of that number, which is done with.
    pub(in crate::client) fn refuse(&mut self, number: u64) -> Option<Arc<Typed>> {
        let mut written = self.lines.iter().take(self.written);
        let place = written.position(|line| line.number == Some(number) && line.is_counted())?;
        self.written -= 1;
        let line = self.lines.remove(place)?;
        self.unweigh(&line);
        Some(line.line)
    }

    /// All receipts of the lost connection have come, if there were any.
    pub(in crate::client) fn settle_covered(&mut self) -> Outcome {
        Outcome { refused: self.take_covered(), ..Outcome::default() }
    }

    /// Whether it is not yet known what became of lines that the lost connection took.
    pub(in crate::client) fn has_covered(&self) -> bool {
        !self.covered.is_empty()
    }

    /// Receipts may be among what we were to get and is gone.
    pub(in crate::client) fn mark_gap(&mut self) {
        self.gap = true;
    }

    /// The server tells again, on a new connection, the name that it had granted on the lost one. Whether a
    /// line that the lost connection took had asked for it.
    pub(in crate::client) fn had_been_called(&mut self, name: &str) -> bool {
        let place = self.covered.iter().position(|line| line.asks_for(name));
        place.and_then(|place| self.covered.remove(place)).is_some()
    }

    /// How many of the user's lines are not known to be said.
    pub(in crate::client) fn unsaid(&self) -> usize {
        let unsaid = self.lines.iter().filter(|line| line.is_unsaid()).count();
        unsaid + self.covered.len()
    }

    /// How many lines have waited for their receipts for too long, and when the next one will have.
    pub(in crate::client) fn overdue(&self, now: Instant) -> (usize, Option<Instant>) {
        let mut overdue = 0;
        let next = self.awaited().find_map(|line| {
            let due = line.since + PATIENCE;
            overdue += usize::from(due <= now);
            (due > now).then_some(due)
        });
        (overdue, next)
    }

    /// Since when the first of those that wait for their receipts has.
    pub(in crate::client) fn awaits_since(&self) -> Option<Instant> {
        self.awaited().next().map(|line| line.since)
    }

    /// What waits for receipts; those that were entered later have waited for less.
    fn awaited(&self) -> impl Iterator<Item = &Entry> {
        self.covered.iter().chain(&self.lines).filter(|line| line.has_receipt())
    }
}
