//! What could not be written to the history, while its file refuses it. Pure.
//!
//! Events stay where they are, in the room's memory; those that it forgets meanwhile are counted, and become a
//! gap. Members and counts are noted as they are by now, so that they take no more memory than there are.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use crate::protocol::tag::{Millis, Seq};
use crate::server::audience::MemberId;
use crate::server::batch::Batch;
use crate::server::history::kept::{
    Counters, Cut, Fact, FactKey, Gap, KeptMember, KeptWaiting, RoomErasure,
};

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
    /// Orders to erase lines, in their order.
    erasures: Vec<RoomErasure>,
    /// How many public lines were erased that are not kept: they are missing nowhere.
    erased: u64,
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
            erasures: Vec::new(),
            erased: 0,
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
        self.erased += erased_behind(self.from, &cut.erasures);
        self.erasures.extend(cut.erasures);
        self.unknown.get_or_insert(MemberId(cut.counters.next_member));
        self.counters = cut.counters;
    }

    /// All of it as one cut, with the events that memory still has, which are `batches`.
    pub(super) fn cut(&self, batches: Vec<Arc<Batch>>, now: Millis) -> Cut {
        let is_new = |batch: &Arc<Batch>| batch.end() > self.from;
        let oldest = batches.iter().find(|batch| is_new(batch)).map(|batch| batch.begin());
        let from = oldest.unwrap_or(self.counters.next_seq).max(self.from);
        let gap = gap_behind((self.from, self.said), &batches, self.erased, &self.counters, now);
        let waiting = |(&(reader, sender), &lines)| KeptWaiting { reader, sender, lines };
        Cut {
            from,
            batches,
            gap,
            members: self.members.iter().map(|(id, member)| (*id, member.clone())).collect(),
            waiting: self.waiting.iter().map(waiting).collect(),
            facts: self.facts.iter().map(|(key, fact)| (key.clone(), fact.clone())).collect(),
            erasures: self.erasures.clone(),
            counters: self.counters,
        }
    }
}

/// The lines that were said since `kept`, up to where the counters stand, and that neither the batches have nor were
/// erased: how many public lines were said before an event, and the event's number.
pub(super) fn gap_behind(
    (from, said): (Seq, u64),
    batches: &[Arc<Batch>],
    erased: u64,
    counters: &Counters,
    now: Millis,
) -> Option<Gap> {
    let range = from..counters.next_seq;
    let there: u64 = batches.iter().map(|batch| batch.count_said(&range)).sum();
    let lines = counters.said.saturating_sub(said).saturating_sub(there + erased);
    (lines > 0).then_some(Gap { after: from.saturating_sub(1), at: now, lines })
}

/// How many public lines these orders have erased of the events from that one on.
pub(super) fn erased_behind(from: Seq, erasures: &[RoomErasure]) -> u64 {
    let erased = erasures.iter().flat_map(|order| &order.public);
    erased.map(|range| range.end.saturating_sub(range.start.max(from))).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::erasure::Erasure;
    use crate::server::erasure::judge::Hit;
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
    fn lines_that_were_erased_are_missing_nowhere_whether_memory_has_them_or_not() {
        let mut backlog = Backlog::new((11, 10), None);
        let counters = Counters { next_seq: 41, next_member: 4, said: 40, joined: 0, left: 0 };
        let (name, by) = ("bob".to_owned(), "alice".to_owned());
        let erasure = Erasure { name, by, author: None, since: 0, before: 41 };
        let public = vec![2..4, 9..13, 15..18, 40..41];
        let order = RoomErasure { erasure, lines: 10, remembered_from: 1, public };
        let applied = Cut { counters, erasures: vec![order.clone()], ..lines(11, 0, 0, 1) };
        backlog.add(applied);
        // Of the events 11 to 40, memory has the last ten, and blanks for the last.
        let kept = lines(31, 0, 10, 5);
        let hit = Hit { seq: 40, is_public: true, counts: true };
        let batches = kept.batches.iter().map(|batch| Arc::new(batch.without(&[hit])));
        let cut = backlog.cut(batches.collect(), 7);
        // 11 to 30 are 20, of which 11, 12 and 15 to 17 were erased.
        assert_eq!(cut.gap, Some(Gap { after: 10, at: 7, lines: 15 }));
        assert_eq!(cut.erasures, [order]);
    }

    #[test]
    fn private_lines_and_those_before_are_not_counted() {
        let mut batch = Batch::beginning_at(5, 0);
        batch.is_now(0);
        for (number, envelope) in [said(1, 1), private(1, 2, 2), said(1, 3)].into_iter().enumerate()
        {
            batch.push(envelope, number);
        }
        assert_eq!([5, 6, 7, 8].map(|from| batch.count_said(&(from..Seq::MAX))), [2, 1, 1, 0]);
        assert_eq!(
            [1..Seq::MAX, 1..6, 6..7, 7..8].map(|range| batch.count_said(&range)),
            [2, 1, 0, 1]
        );
    }
}
