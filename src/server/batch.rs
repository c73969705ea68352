//! Events that lie one behind the other, each rendered once, so that a reader's part of many events
//! is a few contiguous pieces. Pure: it knows nothing of sockets, threads or clocks.

use std::fmt::{Display, Write as _};
use std::ops::Range;

use super::audience::{Audience, Envelope, Index, Kind, MemberId, Receipt, Share};
use super::evicted::Evicted;
use crate::protocol::tag::{Millis, Seq};

mod erasing;

/// Lines one behind the other, each with its newline, numbered from 0.
#[derive(Debug, Default, Clone)]
pub(crate) struct Lines {
    /// All of them, each with its newline.
    text: String,
    /// Where each of them ends in `text`.
    ends: Vec<u32>,
}

impl Lines {
    /// Adds a line at the end.
    pub(crate) fn push(&mut self, line: impl Display) {
        writeln!(self.text, "{line}").expect("a String takes all that is written");
        self.ends.push(self.text.len() as u32);
    }

    /// Adds nothing in a line's place.
    pub(crate) fn push_none(&mut self) {
        self.ends.push(self.text.len() as u32);
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u32 {
        self.ends.len() as u32
    }

    /// How many bytes they have.
    pub(crate) fn bytes(&self) -> usize {
        self.text.len()
    }

    /// The bytes of those lines.
    pub(crate) fn text(&self, lines: &Range<u32>) -> &[u8] {
        &self.text.as_bytes()[self.start(lines.start)..self.start(lines.end)]
    }

    /// A line, without its newline.
    pub(crate) fn line(&self, index: u32) -> &str {
        self.text[self.start(index)..self.start(index + 1)].strip_suffix('\n').unwrap_or_default()
    }

    /// The line that stands `bytes` bytes after the beginning of line `from`, and the rest of it if
    /// that is in its middle; then it is the next one that is given.
    pub(crate) fn after(&self, from: u32, bytes: usize) -> (u32, &[u8]) {
        let at = self.start(from) + bytes;
        let line = self.ends.partition_point(|&end| (end as usize) <= at) as u32;
        if self.start(line) == at {
            return (line, &[]);
        }
        (line + 1, &self.text.as_bytes()[at..self.start(line + 1)])
    }

    /// What they take of the room's memory, in bytes.
    pub(crate) fn cost(&self) -> usize {
        size_of::<Lines>() + self.text.capacity() + self.ends.capacity() * size_of::<u32>()
    }

    /// Where a line begins.
    fn start(&self, line: u32) -> usize {
        line.checked_sub(1).map_or(0, |before| self.ends[before as usize] as usize)
    }

    fn append(&mut self, other: &Lines) {
        self.append_some(other, &(0..other.count()));
    }

    /// Adds these lines of another one's at the end.
    fn append_some(&mut self, other: &Lines, lines: &Range<u32>) {
        let (here, there) = (self.text.len(), other.start(lines.start));
        self.text.push_str(&other.text[there..other.start(lines.end)]);
        let ends = &other.ends[lines.start as usize..lines.end as usize];
        self.ends.extend(ends.iter().map(|&end| (here + (end as usize - there)) as u32));
    }
}

/// When neighbouring events happened.
#[derive(Debug, Clone, Copy)]
struct Moment {
    /// The index of the first of them in its batch.
    first: u32,
    /// When they happened.
    at: Millis,
}

/// How many bytes of the room's memory the events of each share take.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shares {
    /// Those for one member alone.
    private: usize,
    /// Those about who comes and goes.
    moves: usize,
}

impl Shares {
    /// Those of that share.
    pub(crate) fn of(self, share: Share) -> usize {
        match share {
            Share::Private => self.private,
            Share::Moves => self.moves,
        }
    }

    pub(super) fn of_mut(&mut self, share: Share) -> &mut usize {
        match share {
            Share::Private => &mut self.private,
            Share::Moves => &mut self.moves,
        }
    }

    /// Counts those of a batch.
    pub(super) fn add(&mut self, other: Shares) {
        self.private += other.private;
        self.moves += other.moves;
    }

    /// Counts those of a batch no more.
    pub(super) fn take_off(&mut self, other: Shares) {
        self.private -= other.private;
        self.moves -= other.moves;
    }
}

/// Events one behind the other.
#[derive(Debug, Default, Clone)]
pub(crate) struct Batch {
    /// For whom each event is.
    index: Index,
    /// How many bytes of lines were appended before.
    offset: u64,
    /// What each event says.
    lines: Lines,
    /// When they happened, each where it is another time than before. What was not appended yet has
    /// no time.
    moments: Vec<Moment>,
    /// About how many bytes of the room's memory those of its events take that are of each share, or what is left of
    /// them.
    shares: Shares,
    /// For whom the events of a share were, once they are withdrawn.
    withdrawn: Vec<Evicted>,
}

impl Batch {
    /// An empty batch whose first event will have that number, `offset` bytes of lines after the
    /// first of all.
    pub(crate) fn beginning_at(first: Seq, offset: u64) -> Batch {
        Batch { index: Index::beginning_at(first), offset, ..Batch::default() }
    }

    /// Adds an event at the end.
    pub(crate) fn push(&mut self, envelope: Envelope, line: impl Display) {
        let before = self.bytes();
        let cost = self.index.push(envelope);
        self.lines.push(line);
        if let Some(share) = envelope.audience.share() {
            *self.shares.of_mut(share) += self.bytes() - before + size_of::<u32>() + cost;
        }
    }

    /// Adds an event that has its number and says nothing, for nobody.
    pub(crate) fn push_none(&mut self, receipt: Option<Receipt>) {
        self.index.push(Envelope { receipt, ..Envelope::new(Audience::Nobody, Kind::Passing) });
        self.lines.push_none();
    }

    /// Adds those of another one at the end.
    pub(crate) fn append(&mut self, other: &Batch) {
        for moment in &other.moments {
            self.begin_moment(self.index.count() + moment.first, moment.at);
        }
        self.index.append(&other.index);
        self.lines.append(&other.lines);
        self.shares.add(other.shares);
    }

    /// The same without the lines of that share. Their events stay, for nobody, so that all others keep their numbers,
    /// and it stays known for whom they were.
    pub(crate) fn without_share(&self, share: Share) -> Batch {
        let gone = Evicted::of_share(&self.index, share);
        let mut kept = Batch {
            index: self.index.without_share(share),
            offset: self.offset,
            lines: Lines::default(),
            moments: self.moments.clone(),
            shares: self.shares,
            withdrawn: self.withdrawn.iter().cloned().chain([gone]).collect(),
        };
        for (events, goes) in self.index.of_share(share) {
            if goes {
                events.for_each(|_| kept.lines.push_none());
            } else {
                kept.lines.append_some(&self.lines, &events);
            }
        }
        kept.shrink();
        *kept.shares.of_mut(share) = match share {
            // All but the text of the others' lines: what is left of them counts, since anybody may send so many.
            Share::Private => self.shares.private.min(kept.cost() - kept.bytes()),
            // Their numbers, four bytes for each.
            Share::Moves => 0,
        };
        kept
    }

    /// How many of the lines that were said to all are in that range, but for those that were erased.
    pub(crate) fn count_said(&self, range: &Range<Seq>) -> u64 {
        let is_to_many = |it: &Envelope| matches!(it.audience, Audience::All | Audience::AllBut(_));
        let is_public = |it: &Envelope| it.kind == Kind::Said && is_to_many(it);
        let [first, end] = [range.start, range.end].map(|seq| self.index.position(seq));
        let count = end.saturating_sub(first) as usize;
        self.index.envelopes(first).take(count).filter(is_public).count() as u64
    }

    /// About how many bytes of the room's memory its events of each share take, or what is left of them.
    pub(crate) fn shares(&self) -> Shares {
        self.shares
    }

    /// For whom those of its events were that are withdrawn.
    pub(crate) fn withdrawn(&self) -> &[Evicted] {
        &self.withdrawn
    }

    /// What is added next happens now.
    pub(crate) fn is_now(&mut self, now: Millis) {
        self.begin_moment(self.index.count(), now);
    }

    /// For whom its events are.
    pub(crate) fn index(&self) -> &Index {
        &self.index
    }

    /// The events' lines.
    pub(crate) fn lines(&self) -> &Lines {
        &self.lines
    }

    /// How many bytes the lines have.
    pub(crate) fn bytes(&self) -> usize {
        self.lines.bytes()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.index.count() == 0
    }

    pub(crate) fn clear(&mut self) {
        self.restart(self.begin(), self.offset);
    }

    /// Becomes an empty batch that begins there.
    pub(crate) fn restart(&mut self, first: Seq, offset: u64) {
        self.index.restart(first);
        self.offset = offset;
        self.lines.text.clear();
        self.lines.ends.clear();
        self.moments.clear();
        self.shares = Shares::default();
    }

    /// Gives back memory that it does not need.
    pub(crate) fn shrink(&mut self) {
        self.index.shrink();
        self.lines.text.shrink_to_fit();
        self.lines.ends.shrink_to_fit();
        self.moments.shrink_to_fit();
    }

    /// The number of the first event.
    pub(crate) fn begin(&self) -> Seq {
        self.index.begin()
    }

    /// The number that the next event after this batch has.
    pub(crate) fn end(&self) -> Seq {
        self.index.end()
    }

    /// Whether the event with that number is in it.
    pub(crate) fn holds(&self, event: Seq) -> bool {
        (self.begin()..self.end()).contains(&event)
    }

    /// The number of the event with that index.
    pub(crate) fn seq(&self, index: u32) -> Seq {
        self.begin() + u64::from(index)
    }

    /// How many bytes of lines were appended before the event with this number.
    pub(crate) fn offset(&self, event: Seq) -> u64 {
        self.offset + self.lines.start(self.index.position(event)) as u64
    }

    /// The numbers of the events that `member` is shown again, newest first.
    pub(crate) fn replayed_to(&self, member: MemberId) -> impl Iterator<Item = Seq> + use<'_> {
        self.index.replayed_to(member).map(|event| self.seq(event))
    }

    /// The line of the event with this number, without its newline.
    pub(crate) fn line(&self, event: Seq) -> &str {
        self.lines.line(self.index.position(event))
    }

    /// Whether the event with this number still says something: its line was not withdrawn or erased.
    pub(crate) fn has_line(&self, event: Seq) -> bool {
        !self.index.is_for_nobody(self.index.position(event))
    }

    /// When the event with this number happened.
    pub(crate) fn time(&self, event: Seq) -> Millis {
        let index = self.index.position(event);
        let after = self.moments.partition_point(|moment| moment.first <= index);
        self.moments[after - 1].at
    }

    /// What it takes of the room's memory, in bytes.
    pub(crate) fn cost(&self) -> usize {
        size_of::<Batch>()
            + self.index.cost()
            + self.lines.cost()
            + self.moments.capacity() * size_of::<Moment>()
            + self.withdrawn.iter().map(Evicted::cost).sum::<usize>()
    }

    /// From the event with this index on, it was `at`.
    fn begin_moment(&mut self, first: u32, at: Millis) {
        if self.moments.last().is_none_or(|last| last.at != at) {
            self.moments.push(Moment { first, at });
        }
    }
}

#[cfg(test)]
mod tests;
