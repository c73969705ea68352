//! What could not be written to the history, while its file refuses it. Pure.
//!
//! Events stay where they are, in the room's memory; those that it forgets meanwhile are counted, and become a
//! gap. Members and counts are noted as they are by now, so that they take no more memory than there are.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use crate::protocol::tag::{Millis, Seq};
use crate::server::audience::{Envelope, Kind, MemberId};
use crate::server::batch::Batch;
use crate::server::history::kept::{Counters, Cut, Fact, FactKey, Gap, KeptMember, KeptWaiting};

/// All that has changed since the last cut that was written.
#[derive(Debug)]
pub(super) struct Backlog {
    /// The first event that is not kept.
    from: Seq,
    /// How many public lines were said before it.
    said: u64,
    /// When it is tried again; `None` if it cannot become better.
    retry_at: Option<Instant>,
    /// The members that have changed.
    members: BTreeMap<MemberId, Option<KeptMember>>,
    /// How many lines of a sender wait for a reader, where that has changed.
    waiting: BTreeMap<(MemberId, MemberId), u64>,
    /// What is known of people, where that has changed.
    facts: BTreeMap<FactKey, Option<Fact>>,
    /// The counters as they are by now.
    counters: Counters,
    /// The first member of whom the history has not heard.
    unknown: Option<MemberId>,
}

impl Backlog {
    /// Nothing, behind the event before `from`, before which `said` public lines were said.
    pub(super) fn new((from, said): (Seq, u64), retry_at: Option<Instant>) -> Backlog {
        Backlog {
            from,
            said,
            retry_at,
            members: BTreeMap::new(),
            waiting: BTreeMap::new(),
            facts: BTreeMap::new(),
            counters: Counters { next_seq: from, said, ..Counters::NEW },
            unknown: None,
        }
    }

    /// The first event that is not kept.
    pub(super) fn from(&self) -> Seq {
        self.from
    }

    /// When it is tried again.
    pub(super) fn retry_at(&self) -> Option<Instant> {
        self.retry_at
    }

    /// It was tried in vain.
    pub(super) fn put_off(&mut self, retry_at: Option<Instant>) {
        self.retry_at = retry_at;
    }

    /// Adds what a later cut has besides its events.
    pub(super) fn add(&mut self, cut: Cut) {
        for (id, member) in cut.members {
            // A member that the history has not heard of, and that is gone, needs no mention.
            let is_known = self.unknown.is_none_or(|unknown| id < unknown);
            if member.is_none() && !is_known {
                self.members.remove(&id);
            } else {
                self.members.insert(id, member);
            }
        }
        for KeptWaiting { reader, sender, lines } in cut.waiting {
            self.waiting.insert((reader, sender), lines);
        }
        self.facts.extend(cut.facts);
        self.unknown.get_or_insert(MemberId(cut.counters.next_member));
        self.counters = cut.counters;
    }

    /// All of it as one cut, with the events that memory still has, which are `batches`.
    pub(super) fn cut(&self, batches: Vec<Arc<Batch>>, now: Millis) -> Cut {
        let is_new = |batch: &Arc<Batch>| batch.end() > self.from;
        let oldest = batches.iter().find(|batch| is_new(batch)).map(|batch| batch.begin());
        let from = oldest.unwrap_or(self.counters.next_seq).max(self.from);
        let there: u64 = batches.iter().map(|batch| public_lines(batch, from)).sum();
        let lines = (self.counters.said - self.said).saturating_sub(there);
        let waiting = |(&(reader, sender), &lines)| KeptWaiting { reader, sender, lines };
        Cut {
            from,
            batches,
            gap: (lines > 0).then_some(Gap { after: self.from.saturating_sub(1), at: now, lines }),
            members: self.members.iter().map(|(id, member)| (*id, member.clone())).collect(),
            waiting: self.waiting.iter().map(waiting).collect(),
            facts: self.facts.iter().map(|(key, fact)| (key.clone(), fact.clone())).collect(),
            counters: self.counters,
        }
    }
}

/// How many public lines a batch has from that event on.
fn public_lines(batch: &Batch, from: Seq) -> u64 {
    let is_public = |it: &Envelope| it.kind == Kind::Said && !it.audience.is_private();
    let first = batch.index().position(from.max(batch.begin()));
    batch.index().envelopes(first).filter(is_public).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::history::scratch::{lines, member, private, said};

    #[test]
    fn what_memory_has_forgotten_becomes_a_gap_and_members_are_as_they_are_by_now() {
        let mut backlog = Backlog::new((11, 10), None);
        let counters =
            |next_seq, said| Counters { next_seq, next_member: 4, said, joined: 0, left: 0 };
        let cut = |members, counters| Cut { members, counters, ..lines(11, 0, 0, 1) };
        let (bob, carol) = (Some(member("bob")), Some(member("carol")));
        let members = vec![(MemberId(2), bob.clone()), (MemberId(3), None)];
        backlog.add(cut(members, counters(21, 20)));
        backlog.add(cut(vec![(MemberId(5), carol)], counters(31, 30)));
        backlog.add(cut(vec![(MemberId(5), None)], counters(41, 40)));
        // Of the events 11 to 40, memory has the last ten.
        let kept = lines(31, 0, 10, 5);
        let cut = backlog.cut(kept.batches, 7);
        assert_eq!(cut.from, 31);
        assert_eq!(cut.gap, Some(Gap { after: 10, at: 7, lines: 20 }));
        assert_eq!(cut.members, [(MemberId(2), bob), (MemberId(3), None)]);
        assert_eq!(cut.counters, counters(41, 40));
    }

    #[test]
    fn private_lines_and_those_before_are_not_counted() {
        let mut batch = Batch::beginning_at(5, 0);
        batch.is_now(0);
        for (number, envelope) in [said(1, 1), private(1, 2, 2), said(1, 3)].into_iter().enumerate()
        {
            batch.push(envelope, number);
        }
        assert_eq!([5, 6, 7, 8].map(|from| public_lines(&batch, from)), [2, 1, 1, 0]);
        assert_eq!(public_lines(&batch, 1), 2);
    }
}
