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
mod tests {
    use std::num::NonZero;

    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::{any, prop_assert_eq, proptest};
    use proptest::sample::Index;

    use super::super::audience::{Recipient, Rendition};
    use super::*;
    use crate::protocol::tag::Format;

    const A: MemberId = MemberId(1);
    const B: MemberId = MemberId(2);

    fn recipient(member: MemberId, format: Format) -> Recipient {
        Recipient { member, format }
    }

    fn said(author: MemberId, line: u64) -> Envelope {
        let receipt = NonZero::new(line).map(|line| Receipt { author, line });
        Envelope { audience: Audience::AllBut(author), kind: Kind::Said, receipt }
    }

    /// Of a's lines 1, 2 and 4, with one of b's between, and a private line to a.
    fn batch() -> Batch {
        let mut batch = Batch::beginning_at(10, 0);
        let private = Envelope::new(Audience::Only(A), Kind::Said);
        for (envelope, line) in [
            (said(A, 1), "a1"),
            (said(A, 2), "a2"),
            (Envelope::new(Audience::AllBut(B), Kind::Said), "b1"),
            (private, "private"),
            (said(A, 4), "a4"),
        ] {
            batch.push(envelope, line);
        }
        batch
    }

    fn pieces(recipient: Recipient, range: Range<Seq>) -> Vec<(Range<u32>, Rendition)> {
        let batch = batch();
        batch
            .index()
            .pieces(recipient, &range)
            .map(|piece| (piece.events, piece.rendition))
            .collect()
    }

    #[test]
    fn an_author_gets_receipts_in_the_tagged_form_alone() {
        use Rendition::{Line, Receipt};
        let all = 0..99;
        assert_eq!(pieces(recipient(A, Format::Plain), all.clone()), [(2..4, Line)]);
        assert_eq!(
            pieces(recipient(A, Format::Tagged), all.clone()),
            [(0..2, Receipt), (2..4, Line), (4..5, Receipt)]
        );
        assert_eq!(pieces(recipient(B, Format::Tagged), all), [(0..2, Line), (4..5, Line)]);
        assert_eq!(pieces(recipient(A, Format::Tagged), 11..13), [(1..2, Receipt), (2..3, Line)]);
    }

    #[test]
    fn lines_and_receipts_are_counted() {
        let batch = batch();
        let index = batch.index();
        let tagged = recipient(A, Format::Tagged);
        assert_eq!(index.count_lines(tagged, &(0..99)), 2);
        assert_eq!(index.count_lines(recipient(B, Format::Tagged), &(0..99)), 3);
        assert_eq!(index.count_lines(tagged, &(0..13)), 1);
        assert_eq!(index.last_receipt(tagged, &(0..99)), Some((14, 4)));
        assert_eq!(index.last_receipt(tagged, &(0..14)), Some((11, 2)));
        assert_eq!(index.last_receipt(tagged, &(12..14)), None);
        assert_eq!(index.last_receipt(recipient(B, Format::Tagged), &(0..99)), None);
        let lines = (0..5).map(|event| index.receipt(event).map(|receipt| receipt.line.get()));
        assert_eq!(lines.collect::<Vec<_>>(), [Some(1), Some(2), None, None, Some(4)]);
    }

    #[test]
    fn what_is_appended_goes_on_in_the_same_run() {
        let mut whole = Batch::beginning_at(1, 0);
        whole.is_now(7);
        for line in 1..=4 {
            let mut one = Batch::default();
            one.push(said(A, line), line);
            whole.append(&one);
        }
        assert_eq!(whole.index.runs(), 1, "{whole:?}");
        assert_eq!(whole.index.receipt(3), said(A, 4).receipt);
        assert_eq!((whole.line(4), whole.time(4), whole.offset(4)), ("4", 7, 6));
    }

    #[test]
    fn a_place_in_the_middle_of_a_line_gives_the_rest_of_it() {
        let mut lines = Lines::default();
        for line in ["one", "two", "three"] {
            lines.push(line);
        }
        let cases: [(u32, usize, u32, &[u8]); 6] = [
            (0, 0, 0, b""),
            (0, 2, 1, b"e\n"),
            (0, 4, 1, b""),
            (1, 1, 2, b"wo\n"),
            (0, 5, 2, b"wo\n"),
            (0, 14, 3, b""),
        ];
        for (from, bytes, line, rest) in cases {
            assert_eq!(lines.after(from, bytes), (line, rest), "{bytes} bytes after {from}");
        }
    }

    #[test]
    fn a_place_among_lines_of_which_some_are_none_is_found() {
        let mut lines = Lines::default();
        lines.push("one");
        lines.push_none();
        lines.push("two");
        assert_eq!(lines.text(&(1..3)), b"two\n");
        assert_eq!(lines.after(0, 2), (1, &b"e\n"[..]));
        assert_eq!(lines.after(2, 1), (3, &b"wo\n"[..]));
    }

    proptest! {
        /// However much of it a socket has taken.
        #[test]
        fn what_is_sent_from_any_place_on_is_what_comes_after_it(
            texts in vec(option::of("[a-z]{0,5}"), 1..12),
            from in any::<Index>(),
            taken in any::<Index>(),
        ) {
            let mut lines = Lines::default();
            for text in &texts {
                match text {
                    Some(text) => lines.push(text),
                    None => lines.push_none(),
                }
            }
            let from = from.index(texts.len()) as u32;
            let all = lines.text(&(from..lines.count()));
            let taken = taken.index(all.len() + 1);
            let (next, rest) = lines.after(from, taken);
            let sent = [&all[..taken], rest, lines.text(&(next..lines.count()))].concat();
            prop_assert_eq!(sent, all);
        }
    }
}
