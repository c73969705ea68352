//! The room's one order of events, as far back as it remembers.
//!
//! Append at the end, read from a position; it knows nothing of sockets, threads or clocks. A
//! position is an event's number.

use std::collections::VecDeque;
use std::fmt::Display;
use std::sync::Arc;

use super::audience::{Envelope, MemberId, Recipient, Share};
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
mod tests {
    use std::num::NonZero;

    use super::super::audience::{Audience, Kind, Piece, Receipt, Recipient, Rendition};
    use super::*;
    use crate::protocol::tag::Format;

    const A: MemberId = MemberId(1);
    const B: MemberId = MemberId(2);

    fn recipient(member: MemberId) -> Recipient {
        Recipient { member, format: Format::Plain }
    }

    fn seen(transcript: &Transcript, member: MemberId, from: Seq) -> String {
        let mut seen = Vec::new();
        for batch in transcript.read(from, usize::MAX) {
            for piece in batch.index().pieces(recipient(member), &(from..Seq::MAX)) {
                seen.extend_from_slice(batch.lines().text(&piece.events));
            }
        }
        String::from_utf8(seen).unwrap().replace('\n', " ")
    }

    fn said(audience: Audience) -> Envelope {
        Envelope::new(audience, Kind::Said)
    }

    #[test]
    fn a_member_reads_what_is_for_it_from_any_position() {
        let mut transcript = Transcript::new(1 << 20);
        for (audience, line) in [
            (Audience::AllBut(A), "a1"),
            (Audience::Only(A), "to-a"),
            (Audience::AllBut(B), "b1"),
            (Audience::AllBut(A), "a2"),
            (Audience::All, "end"),
        ] {
            transcript.push(said(audience), line, 0);
            transcript.seal();
        }
        assert_eq!(seen(&transcript, A, 0), "to-a b1 end ");
        assert_eq!(seen(&transcript, B, 0), "a1 a2 end ");
        assert_eq!(seen(&transcript, B, 2), "a2 end ");
        assert_eq!(seen(&transcript, MemberId(3), 3), "b1 a2 end ");
        assert_eq!(seen(&transcript, A, 6), "");
        let batch = &transcript.read(0, usize::MAX)[0];
        let counted = |range| batch.index().count_lines(recipient(B), &range);
        assert_eq!([counted(1..6), counted(1..5), counted(2..5), counted(5..5)], [3, 2, 1, 0]);
    }

    #[test]
    fn what_was_said_is_found_again_by_those_who_may_see_it() {
        let mut transcript = Transcript::new(1 << 20);
        for (i, (audience, kind, line)) in [
            (Audience::AllBut(A), Kind::Said, "a1"),
            (Audience::All, Kind::Passing, "joined"),
            (Audience::Only(A), Kind::Said, "to-a"),
            (Audience::Only(B), Kind::Passing, "error-b"),
            (Audience::AllBut(B), Kind::Said, "b1"),
            (Audience::AllBut(B), Kind::Said, "b2"),
        ]
        .into_iter()
        .enumerate()
        {
            transcript.push(Envelope::new(audience, kind), line, 1000 * (i / 2) as Millis);
            if i % 3 == 2 {
                transcript.seal();
            }
        }
        let newest = |member, most| transcript.newest(member, most).collect::<Vec<_>>();
        assert_eq!(newest(A, 9), [1, 3, 5, 6]);
        assert_eq!(newest(B, 9), [1, 5, 6]);
        assert_eq!(newest(A, 3), [3, 5, 6]);
        assert_eq!(newest(A, 0), [0; 0]);
        transcript.seal();
        let batch = &transcript.read(0, usize::MAX)[0];
        let told = (1..7).map(|event| (batch.line(event), batch.time(event)));
        let expected = [
            ("a1", 0),
            ("joined", 0),
            ("to-a", 1000),
            ("error-b", 1000),
            ("b1", 2000),
            ("b2", 2000),
        ];
        assert!(told.eq(expected), "{batch:?}");
    }

    #[test]
    fn a_clock_that_is_set_back_changes_no_order() {
        let times = [5000, 5000, 100, -1, Millis::MAX, Millis::MIN, 5001];
        for sealing in [false, true] {
            let mut transcript = Transcript::new(1 << 20);
            for (number, at) in times.into_iter().enumerate() {
                transcript.push(said(Audience::All), number, at);
                if sealing {
                    transcript.seal();
                }
            }
            transcript.seal();
            let batch = &transcript.read(0, usize::MAX)[0];
            for (number, at) in times.into_iter().enumerate() {
                let event = number as Seq + 1;
                let told = (batch.line(event).to_owned(), batch.time(event));
                assert_eq!(told, (number.to_string(), at));
            }
            assert!(transcript.newest(A, 20).eq(1..=7));
        }
    }

    #[test]
    fn the_oldest_goes_when_memory_is_full() {
        let mut transcript = Transcript::new(200_000);
        let line = "x".repeat(40_000);
        for _ in 0..20 {
            transcript.push(said(Audience::All), &line, 0);
            transcript.seal();
            while transcript.evict(Seq::MAX).is_some() {}
            assert!(transcript.held + transcript.evicted_cost <= 200_000);
        }
        assert_eq!(transcript.end(), 21);
        assert!(transcript.oldest() >= 15);
        assert_eq!(transcript.read(0, usize::MAX)[0].begin(), transcript.oldest());
        let offset = |event| transcript.offset(event) as usize;
        assert_eq!(
            [offset(1), offset(20), offset(21)],
            [(transcript.oldest() as usize - 1) * 40_001, 19 * 40_001, 20 * 40_001]
        );
    }

    #[test]
    fn short_lines_for_many_take_several_times_their_length() {
        let mut long = Transcript::new(1 << 20);
        assert_eq!(long.lines_in(1000), 1000);
        let mut short = Transcript::new(1 << 20);
        for member in 0..1000 {
            long.push(said(Audience::All), "x".repeat(400), 0);
            short.push(said(Audience::Only(MemberId(member))), "short", 0);
        }
        long.seal();
        short.seal();
        assert!((800..=1000).contains(&long.lines_in(1000)), "{}", long.lines_in(1000));
        assert!((10..=150).contains(&short.lines_in(1000)), "{}", short.lines_in(1000));
        let all = short.lines_in(short.held as u64);
        assert_eq!(all, 6000);
    }

    /// Makes all that was appended readable, within the memory.
    fn settle(transcript: &mut Transcript) {
        transcript.seal();
        while transcript.withdraw().is_some() {}
        while transcript.evict(Seq::MAX).is_some() {}
    }

    #[test]
    fn what_only_one_can_see_takes_at_most_a_quarter_of_the_memory() {
        const MEMORY: usize = 4 << 20;
        let mut transcript = Transcript::new(MEMORY);
        let line = "x".repeat(1000);
        let public = MEMORY / 10 * 7 / line.len();
        for _ in 0..public {
            transcript.push(said(Audience::AllBut(B)), &line, 0);
            settle(&mut transcript);
        }
        for _ in 0..10_000 {
            transcript.push(said(Audience::Only(B)), &line, 0);
            settle(&mut transcript);
        }
        assert_eq!(transcript.oldest(), FIRST, "nothing that was public is forgotten");
        assert!(transcript.held + transcript.evicted_cost <= MEMORY);
        assert_eq!(transcript.newest(A, usize::MAX).len(), public);
        // What nobody remembers, b is told of.
        assert_eq!(transcript.evicted(recipient(A), FIRST), Some(0));
        let missed = transcript.evicted(recipient(B), FIRST).expect("it is known");
        let kept = transcript.newest(B, usize::MAX).len() - public;
        assert_eq!(missed as usize + kept, 10_000);
        for _ in 0..2 * MEMORY / line.len() {
            transcript.push(said(Audience::AllBut(A)), &line, 0);
            settle(&mut transcript);
        }
        let lines = transcript.newest(B, usize::MAX).len();
        assert!(lines * line.len() >= MEMORY / 10 * 8, "{lines} lines");
        assert_eq!(
            (transcript.shares.of(Share::Private), transcript.evicted(recipient(A), FIRST)),
            (0, Some(public as u64))
        );
        let batches = transcript.sealed.iter();
        assert_eq!(transcript.lines, batches.map(|batch| batch.bytes() as u64).sum::<u64>());
    }

    #[test]
    fn a_storm_of_joins_makes_the_room_forget_nothing_that_was_said() {
        const MEMORY: usize = 4 << 20;
        let mut transcript = Transcript::new(MEMORY);
        let line = "x".repeat(1000);
        let public = MEMORY / 10 * 7 / line.len();
        for _ in 0..public {
            transcript.push(said(Audience::AllBut(B)), &line, 0);
            settle(&mut transcript);
        }
        transcript.push(said(Audience::Only(B)), "psst", 0);
        let moved = |audience| Envelope::new(audience, Kind::Passing);
        let moves = 100_000;
        for number in 0..moves {
            transcript.push(moved(Audience::Programs), format!("-- guest{number} joined"), 0);
            if number % 1500 == 0 {
                transcript.push(moved(Audience::People), "-- 1500 members joined", 0);
                settle(&mut transcript);
            }
        }
        settle(&mut transcript);
        assert_eq!(transcript.oldest(), FIRST, "nothing that was said is forgotten");
        assert_eq!(transcript.newest(B, usize::MAX).len(), public + 1);
        // A program that has missed some of them is told so, and has the newest; nobody else has missed anything.
        let program = Recipient { member: A, format: Format::Tagged };
        let missed = transcript.evicted(program, FIRST).expect("it is known");
        assert!((1..moves - 5_000).contains(&missed), "{missed}");
        let here = transcript.read(FIRST, usize::MAX);
        let here: u64 =
            here.iter().map(|batch| batch.index().count_lines(program, &(FIRST..Seq::MAX))).sum();
        assert_eq!(missed + here, moves + public as u64);
        let person = transcript.evicted(recipient(A), FIRST).expect("it is known");
        assert!(person <= moves / 1500 + 1, "{person}");
        assert!(transcript.held + transcript.evicted_cost <= MEMORY);
    }

    #[test]
    fn a_batch_whose_private_lines_are_withdrawn_is_the_same_to_all_others() {
        let mut transcript = Transcript::new(1 << 20);
        let line = NonZero::new(7);
        let receipt = line.map(|line| Receipt { author: B, line });
        let private = Envelope { receipt, ..said(Audience::Only(A)) };
        for (envelope, line) in [
            (said(Audience::Only(B)), "to-b"),
            (said(Audience::AllBut(A)), "a1"),
            (private, "to-a"),
            (said(Audience::Only(A)), "to-a-again"),
            (said(Audience::All), "end"),
        ] {
            transcript.push(envelope, line, 0);
        }
        transcript.seal();
        let old = Arc::clone(&transcript.read(0, usize::MAX)[0]);
        let new = old.without_share(Share::Private);
        let seen = |batch: &Batch, member, format| {
            let recipient = Recipient { member, format };
            let pieces = batch.index().pieces(recipient, &(0..Seq::MAX));
            let text = |piece: Piece| {
                let lines = String::from_utf8_lossy(batch.lines().text(&piece.events)).into_owned();
                if piece.rendition == Rendition::Receipt { "+\n".to_owned() } else { lines }
            };
            pieces.map(text).collect::<String>()
        };
        let outsider = MemberId(3);
        assert_eq!(seen(&new, outsider, Format::Plain), seen(&old, outsider, Format::Plain));
        assert_eq!(seen(&new, A, Format::Plain), "end\n");
        assert_eq!(seen(&new, B, Format::Tagged), "a1\n+\nend\n");
        assert_eq!(
            (
                new.begin(),
                new.end(),
                new.shares().of(Share::Private) <= old.shares().of(Share::Private)
            ),
            (old.begin(), old.end(), true)
        );
        assert!(
            old.shares().of(Share::Private) > "to-b to-a answer-a".len()
                && new.cost() < old.cost() + 64
        );
        let [evicted] = new.withdrawn() else { panic!("it is known for whom they were") };
        let counted = [A, B, outsider].map(|member| evicted.count_lines(recipient(member), FIRST));
        assert_eq!(counted, [2, 1, 0]);
    }

    #[test]
    fn how_much_is_forgotten_is_known_as_far_back_as_there_is_memory_for_that() {
        let mut transcript = Transcript::new(200_000);
        assert_eq!(transcript.evicted(recipient(A), 1), Some(0));
        let line = "x".repeat(40_000);
        for _ in 0..20 {
            transcript.push(said(Audience::AllBut(A)), &line, 0);
            transcript.push(said(Audience::AllBut(B)), "b", 0);
            transcript.seal();
            while transcript.evict(Seq::MAX).is_some() {}
        }
        let oldest = transcript.oldest();
        assert_eq!(transcript.evicted(recipient(A), oldest), Some(0));
        assert_eq!(transcript.evicted(recipient(A), oldest - 4), Some(2));
        assert_eq!(transcript.evicted(recipient(B), oldest - 3), Some(1));
        assert_eq!(transcript.evicted(recipient(A), 1), Some((oldest - 1) / 2));
        // Each of a's lines is a run of its own: soon there is no memory for more.
        for _ in 0..40_000 {
            transcript.push(said(Audience::AllBut(A)), "a", 0);
            transcript.push(said(Audience::AllBut(B)), "b", 0);
            transcript.seal();
            while transcript.evict(Seq::MAX).is_some() {}
        }
        assert!(transcript.evicted_cost <= 200_000 / EVICTED_PART);
        assert_eq!(transcript.evicted(recipient(A), 1), None);
    }
}
