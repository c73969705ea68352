//! The room's one order of events, as far back as it remembers.
//!
//! Append at the end, read from a position; it knows nothing of sockets, threads or clocks. A
//! position is an event's number.

use std::collections::{BTreeSet, VecDeque};
use std::fmt::Display;
use std::ops::Range;
use std::sync::Arc;

use super::audience::{Audience, Envelope, Kind, MemberId, Recipient, Share};
use super::batch::{Batch, Shares};
use super::evicted::Evicted;
use super::replay::numbers::Numbers;
use crate::protocol::tag::{Millis, Seq};

mod erasing;

/// The number of the first event of all. 0 is before it.
const FIRST: Seq = 1;

/// Batches smaller than this are put together when they are sealed, so that a quiet room does not
/// remember one batch a line.
const SMALL: usize = 32 * 1024;

/// The part of the memory in which it is known of forgotten events for whom they were, so that who
/// comes back late is told how many are gone. In a flood it reaches back for minutes.
const EVICTED_PART: usize = 16;

/// The part of the memory that events for one member alone may take: nobody sees who fills
/// the memory with them, so they must not make the room forget what was said to all. Beyond that, the
/// oldest of them are withdrawn.
pub(super) const PRIVATE_PART: usize = 4;

/// How much they may take where the memory is so small that a reader which keeps pace could lag as much.
const LEAST_PRIVATE: usize = 768 * 1024;

/// The part of the memory that joins and leaves may take which are told by name to programs alone: some ten
/// thousand in the least memory. Beyond that the oldest of them are withdrawn, too.
const MOVES_PART: usize = 16;

/// How much they may take in a small memory.
const LEAST_MOVES: usize = 256 * 1024;

/// How many places are remembered where events are left out.
const MOST_UNREAD: usize = 64;

/// Events that are left out.
#[derive(Debug)]
struct Unread {
    /// Their numbers.
    events: Range<Seq>,
    /// How many of them were public lines.
    lines: u64,
}

/// The record. What is appended can be read once it is sealed, which the one who sends does, once
/// for many appends.
#[derive(Debug)]
pub(crate) struct Transcript {
    /// What can be read, oldest first. Shared with the broadcaster.
    sealed: VecDeque<Arc<Batch>>,
    /// What was appended since. It begins where `sealed` ends.
    open: Batch,
    /// For whom the events were that are forgotten, as far back as there is memory for that.
    evicted: VecDeque<Evicted>,
    /// What `sealed` takes, in bytes.
    held: usize,
    /// How many bytes the lines in `sealed` have.
    lines: u64,
    /// About what of `held` events of each share take, or what is left of them.
    shares: Shares,
    /// From the batches before these events, those of each share were withdrawn, or there were none.
    withdrawn_up_to: [Seq; 2],
    /// Where events are left out that nobody could read any more, oldest first; at most [`MOST_UNREAD`].
    unread: VecDeque<Unread>,
    /// What `outlines` takes, in bytes.
    evicted_cost: usize,
    /// The most that both may take.
    memory: usize,
}

impl Transcript {
    pub(crate) fn new(memory: usize) -> Transcript {
        Transcript {
            sealed: VecDeque::new(),
            open: Batch::beginning_at(FIRST, 0),
            evicted: VecDeque::new(),
            held: 0,
            lines: 0,
            shares: Shares::default(),
            withdrawn_up_to: [FIRST; 2],
            unread: VecDeque::new(),
            evicted_cost: 0,
            memory,
        }
    }

    /// A transcript that goes on behind these batches, with an event of number `next`. They are in their order;
    /// numbers may be left out between them.
    pub(crate) fn restore(memory: usize, batches: Vec<Batch>, next: Seq) -> Transcript {
        let mut transcript = Transcript::new(memory);
        for batch in batches {
            transcript.held += batch.cost();
            transcript.lines += batch.bytes() as u64;
            transcript.shares.add(batch.shares());
            transcript.sealed.push_back(Arc::new(batch));
        }
        let offset = transcript.sealed.back().map_or(0, |last| last.offset(last.end()));
        transcript.open = Batch::beginning_at(next, offset);
        transcript
    }

    /// Goes on with the events of another one that are behind its own.
    pub(crate) fn go_on_with(&mut self, mut newer: Transcript) {
        self.seal();
        newer.seal();
        let (from, end) = (self.end(), newer.end());
        for batch in newer.sealed.into_iter().filter(|batch| batch.end() > from) {
            self.skip_to(batch.begin().max(from));
            if batch.begin() >= from {
                self.open.append(&batch);
            } else {
                self.append_from(&batch, from);
            }
            self.seal();
        }
        self.skip_to(end.max(self.end()));
    }

    /// Events are left out from here up to that one, among them so many public lines.
    pub(crate) fn note_unread(&mut self, up_to: Seq, lines: u64) {
        if self.unread.len() == MOST_UNREAD {
            self.unread.pop_front();
        }
        self.unread.push_back(Unread { events: self.end()..up_to, lines });
    }

    /// How many public lines are left out behind that event.
    pub(crate) fn unread_from(&self, event: Seq) -> u64 {
        let left = |unread: &Unread| {
            let Range { start, end } = unread.events;
            unread.lines.min(end.saturating_sub(start.max(event)))
        };
        self.unread.iter().map(left).sum()
    }

    /// Appends the events of a batch from that number on.
    fn append_from(&mut self, batch: &Batch, from: Seq) {
        for event in batch.events().filter(|event| event.seq >= from) {
            self.open.is_now(event.at);
            if batch.has_line(event.seq) {
                self.open.push(event.envelope, event.line);
            } else {
                self.open.push_none(event.envelope.receipt);
            }
        }
    }

    /// Has the next event that number: the ones between are nobody's.
    pub(crate) fn skip_to(&mut self, next: Seq) {
        debug_assert!(next >= self.end());
        self.seal();
        self.open = Batch::beginning_at(next, self.open.offset(self.open.end()));
    }

    /// Appends events that happen now.
    pub(crate) fn append(&mut self, events: &Batch, now: Millis) {
        self.open.is_now(now);
        self.open.append(events);
    }

    /// Appends one event that happens now.
    pub(crate) fn push(&mut self, envelope: Envelope, line: impl Display, now: Millis) {
        self.open.is_now(now);
        self.open.push(envelope, line);
    }

    /// The numbers of the newest `most` events that `member` is shown again.
    pub(crate) fn newest(&self, member: MemberId, most: usize) -> Numbers {
        self.newest_before(Seq::MAX, member, most)
    }

    /// The same of those before that event.
    pub(crate) fn newest_before(&self, end: Seq, member: MemberId, most: usize) -> Numbers {
        let batches = self.sealed.iter().map(|batch| &**batch).chain([&self.open]);
        let shown = batches.rev().flat_map(|batch| batch.replayed_to(member));
        shown.filter(|event| *event < end).take(most).collect()
    }

    /// Who has sent or got a private line from that event on; `None` if not all of these events are remembered.
    pub(crate) fn in_private_since(&self, from: Seq) -> Option<BTreeSet<MemberId>> {
        let forgotten = self.oldest().max(self.withdrawn_up_to[Share::Private as usize]);
        if from < forgotten {
            return None;
        }
        let batches = self.sealed.iter().map(|batch| &**batch).chain([&self.open]);
        let indices = batches.map(Batch::index).filter(|index| index.end() > from);
        let envelopes = indices.flat_map(|index| index.envelopes(index.position(from)));
        let members = envelopes.filter_map(|it| match (it.audience, it.kind) {
            (Audience::Only(member), Kind::Said) => Some(member),
            _ => None,
        });
        Some(members.collect())
    }

    /// What it takes of the memory, in bytes, and how much that may be.
    pub(crate) fn memory(&self) -> (usize, usize) {
        (self.held + self.evicted_cost, self.memory)
    }

    /// How many public lines were appended that are not sealed.
    pub(crate) fn unsealed_lines(&self) -> u64 {
        self.open.count_said(&(self.open.begin()..self.open.end()))
    }

    /// Whether something was appended that is not sealed.
    pub(crate) fn has_unsealed(&self) -> bool {
        !self.open.is_empty()
    }

    /// How many bytes of lines were ever appended.
    pub(crate) fn end_offset(&self) -> u64 {
        self.open.offset(self.open.end())
    }

    /// The number that the next event will have.
    pub(crate) fn end(&self) -> Seq {
        self.open.end()
    }

    /// The number of the oldest event that is remembered, or that the next one will have.
    pub(crate) fn oldest(&self) -> Seq {
        self.sealed.front().map_or(self.open.begin(), |batch| batch.begin())
    }

    /// How many bytes of lines are before the event with that number, or before the oldest that is
    /// remembered.
    pub(crate) fn offset(&self, event: Seq) -> u64 {
        let at = self.sealed.partition_point(|batch| batch.end() <= event);
        self.sealed.get(at).map_or(&self.open, |batch| &**batch).offset(event)
    }

    /// Of the events from `from` on that are forgotten, how many lines `recipient` should have had, its
    /// own aside; `None` if that is no longer known either.
    pub(crate) fn evicted(&self, recipient: Recipient, from: Seq) -> Option<u64> {
        let withdrawn = self.sealed.iter().flat_map(|batch| batch.withdrawn());
        let count = |evicted: &Evicted| evicted.count_lines(recipient, from);
        let withdrawn: u64 = withdrawn.map(count).sum();
        if from >= self.oldest() {
            return Some(withdrawn);
        }
        self.evicted.front().filter(|evicted| evicted.begin() <= from)?;
        Some(withdrawn + self.evicted.iter().map(count).sum::<u64>())
    }

    /// How many bytes of lines there are in so much of the memory, as those that are remembered go:
    /// short ones for many different members take several times their length.
    pub(crate) fn lines_in(&self, memory: u64) -> u64 {
        if self.held == 0 {
            return memory;
        }
        (memory as f64 * self.lines as f64 / self.held as f64) as u64
    }

    /// Makes all that was appended readable.
    pub(crate) fn seal(&mut self) {
        if self.open.is_empty() {
            return;
        }
        let (end, offset) = (self.end(), self.offset(self.end()));
        self.lines += self.open.bytes() as u64;
        self.shares.add(self.open.shares());
        let begin = self.open.begin();
        let small = self.sealed.back_mut().filter(|it| it.bytes() < SMALL && it.end() == begin);
        if let Some(last) = small.and_then(Arc::get_mut) {
            self.held -= last.cost();
            last.append(&self.open);
            self.held += last.cost();
            self.open.restart(end, offset);
        } else {
            self.shrink_last();
            let mut batch = std::mem::replace(&mut self.open, Batch::beginning_at(end, offset));
            batch.shrink();
            self.held += batch.cost();
            self.sealed.push_back(Arc::new(batch));
        }
    }

    /// To the last batch nothing more is added.
    fn shrink_last(&mut self) {
        if let Some(last) = self.sealed.back_mut().and_then(Arc::get_mut) {
            self.held -= last.cost();
            last.shrink();
            self.held += last.cost();
        }
    }

    /// Takes out the oldest batch if there is more than the memory holds, and all of that batch is settled:
    /// it ends at `settled` or before.
    pub(crate) fn evict(&mut self, settled: Seq) -> Option<Arc<Batch>> {
        let is_settled = self.sealed.front().is_some_and(|oldest| oldest.end() <= settled);
        let is_within = self.held + self.evicted_cost <= self.memory;
        if is_within || self.sealed.len() < 2 || !is_settled {
            return None;
        }
        let oldest = self.sealed.pop_front()?;
        self.held -= oldest.cost();
        self.lines -= oldest.bytes() as u64;
        self.shares.take_off(oldest.shares());
        self.note_evicted(Evicted::of(oldest.index()));
        for withdrawn in oldest.withdrawn() {
            self.note_evicted(withdrawn.clone());
        }
        Some(oldest)
    }

    /// Withdraws the events of a share from the oldest batch that has some, if they take more than their
    /// part of the memory, and returns that batch as it was and as it is now. The last batch is not
    /// touched: more may be added to it.
    pub(crate) fn withdraw(&mut self) -> Option<(Arc<Batch>, Arc<Batch>)> {
        Share::BOTH.into_iter().find_map(|share| self.withdraw_of(share))
    }

    fn withdraw_of(&mut self, share: Share) -> Option<(Arc<Batch>, Arc<Batch>)> {
        if self.shares.of(share) <= most_of(share, self.memory) {
            return None;
        }
        let up_to = self.withdrawn_up_to[share as usize];
        let from = self.sealed.partition_point(|batch| batch.end() <= up_to);
        let mut others = from..self.sealed.len().max(from + 1) - 1;
        let place = others.find(|&place| self.sealed[place].shares().of(share) > 0)?;
        let old = Arc::clone(&self.sealed[place]);
        let new = Arc::new(old.without_share(share));
        self.held = self.held - old.cost() + new.cost();
        self.lines -= (old.bytes() - new.bytes()) as u64;
        self.shares.take_off(old.shares());
        self.shares.add(new.shares());
        self.withdrawn_up_to[share as usize] = old.end();
        self.sealed[place] = Arc::clone(&new);
        Some((old, new))
    }

    fn note_evicted(&mut self, evicted: Evicted) {
        self.evicted_cost += evicted.cost();
        self.evicted.push_back(evicted);
        while self.evicted_cost > self.memory / EVICTED_PART
            && let Some(oldest) = self.evicted.pop_front()
        {
            self.evicted_cost -= oldest.cost();
        }
    }

    /// The sealed batches from the one that holds `from` on, of about `most` bytes.
    pub(crate) fn read(&self, from: Seq, most: usize) -> Vec<Arc<Batch>> {
        let start = self.sealed.partition_point(|batch| batch.end() <= from);
        within(most, self.sealed.range(start..).cloned())
    }

    /// The batches that begin before `end`, the newest first, of about `most` bytes. What is not sealed
    /// yet is copied.
    pub(crate) fn read_back(&self, end: Seq, most: usize) -> Vec<Arc<Batch>> {
        let before = self.sealed.partition_point(|batch| batch.begin() < end);
        let is_asked_for = !self.open.is_empty() && self.open.begin() < end;
        let open = is_asked_for.then(|| Arc::new(self.open.clone()));
        within(most, open.into_iter().chain(self.sealed.range(..before).rev().cloned()))
    }

    /// The number that the next event to be sealed has, and how many bytes of lines are before it.
    pub(crate) fn sealed_end(&self) -> (Seq, u64) {
        (self.open.begin(), self.open.offset(self.open.begin()))
    }
}

/// How many bytes of so much memory the events of a share may take.
fn most_of(share: Share, memory: usize) -> usize {
    let (part, least) = match share {
        Share::Private => (PRIVATE_PART, LEAST_PRIVATE),
        Share::Moves => (MOVES_PART, LEAST_MOVES),
    };
    (memory / part).max(least.min(memory))
}

/// The first of the batches, of about `most` bytes.
fn within(most: usize, batches: impl Iterator<Item = Arc<Batch>>) -> Vec<Arc<Batch>> {
    let mut bytes = 0;
    let is_within = |batch: &Arc<Batch>| {
        let take = bytes < most;
        bytes += batch.bytes();
        take
    };
    batches.take_while(is_within).collect()
}

#[cfg(test)]
mod tests;
