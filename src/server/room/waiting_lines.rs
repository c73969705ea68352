//! How many private lines wait for a member that is away, by who said them. Pure.
//!
//! Counted is what was said from the moment on at which the room knew of the loss. Whether the member had
//! read what was sent before, nobody knows.

use std::collections::BTreeMap;

use crate::server::audience::MemberId;

/// The private lines that wait for one member.
#[derive(Debug, Default)]
pub(super) struct WaitingLines(BTreeMap<MemberId, u64>);

impl WaitingLines {
    /// One more line of this sender's. Whether it is the sender's first.
    pub(super) fn add(&mut self, sender: MemberId) -> bool {
        let lines = self.0.entry(sender).or_default();
        *lines += 1;
        *lines == 1
    }

    /// So many lines of this sender's wait, from before.
    pub(super) fn restore(&mut self, sender: MemberId, lines: u64) {
        self.0.insert(sender, lines);
    }

    /// How many lines of this sender's wait.
    pub(super) fn of(&self, sender: MemberId) -> u64 {
        self.0.get(&sender).copied().unwrap_or(0)
    }

    /// How many senders there are, some of whom may have left.
    pub(super) fn senders(&self) -> usize {
        self.0.len()
    }

    /// Forgets the senders that have left.
    pub(super) fn keep(&mut self, is_here: impl Fn(MemberId) -> bool) {
        self.0.retain(|&sender, _| is_here(sender));
    }

    /// The senders.
    pub(super) fn all_senders(&self) -> impl Iterator<Item = MemberId> {
        self.0.keys().copied()
    }

    /// Each sender, and how many lines of its wait.
    pub(super) fn by_sender(self) -> impl Iterator<Item = (MemberId, u64)> {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_by_sender() {
        let mut waiting = WaitingLines::default();
        let first = [7, 3, 7, 9, 7].map(|sender| waiting.add(MemberId(sender)));
        assert_eq!(first, [true, true, false, true, false]);
        assert_eq!(waiting.senders(), 3);
        waiting.keep(|sender| sender != MemberId(9));
        let lines: Vec<_> = waiting.by_sender().collect();
        assert_eq!(lines, [(MemberId(3), 1), (MemberId(7), 3)]);
    }
}
