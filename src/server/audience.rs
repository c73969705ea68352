//! For whom events are: who gets which of them, and as what.
//!
//! Neighbouring events for the same readers are one run, so that a reader's part of many events is
//! a few pieces. Pure: it knows nothing of the events' lines.

use std::num::NonZero;
use std::ops::Range;

use crate::protocol::tag::{Format, Seq};
use pieces::Pieces;
use run::Run;

mod pieces;
mod run;

/// Tells members apart for as long as the server runs, whatever they are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct MemberId(pub(crate) u64);

/// Whom an event is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Everyone.
    All,
    /// Everyone but this member.
    AllBut(MemberId),
    /// This member alone.
    Only(MemberId),
    /// Everyone who gets the tagged form: what people are told otherwise, or not at all.
    Programs,
    /// Everyone who gets the plain form.
    People,
    /// Nobody any more: its line was withdrawn, as one for one member alone may be, or erased.
    Nobody,
}

impl Audience {
    pub(super) fn includes(self, recipient: Recipient) -> bool {
        match self {
            Audience::All => true,
            Audience::AllBut(author) => author != recipient.member,
            Audience::Only(reader) => reader == recipient.member,
            Audience::Programs => recipient.format == Format::Tagged,
            Audience::People => recipient.format == Format::Plain,
            Audience::Nobody => false,
        }
    }

    pub(crate) fn is_private(self) -> bool {
        matches!(self, Audience::Only(_))
    }

    /// Of which share of the memory its events are, if not of that for what is said to all.
    pub(crate) fn share(self) -> Option<Share> {
        match self {
            Audience::Only(_) => Some(Share::Private),
            Audience::Programs | Audience::People => Some(Share::Moves),
            Audience::All | Audience::AllBut(_) | Audience::Nobody => None,
        }
    }
}

/// Events that may take a part of the memory only, lest they make the room forget what was said to all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Share {
    /// For one member alone: nobody sees who fills the memory with them.
    Private,
    /// Who comes and goes, where that is told by name to programs and in sums to people: a storm of connections has
    /// thousands of them a second.
    Moves,
}

impl Share {
    /// Both.
    pub(crate) const BOTH: [Share; 2] = [Share::Private, Share::Moves];
}

/// What becomes of an event once it was delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It is shown again to those who ask: something said or done, or another name.
    Said,
    /// It is not: who comes and goes.
    Passing,
}

/// Which of its author's lines an event was, if the author gets a receipt in the event's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Receipt {
    /// Who gets it.
    pub(crate) author: MemberId,
    /// The number of the line, over all connections of its author.
    pub(crate) line: NonZero<u64>,
}

impl Receipt {
    /// The receipt for a member's line; none for line 0, which is before the first.
    pub(crate) fn new(author: MemberId, line: u64) -> Option<Receipt> {
        NonZero::new(line).map(|line| Receipt { author, line })
    }
}

/// What an event is besides its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Envelope {
    /// For whom the line is.
    pub(crate) audience: Audience,
    /// Whether it is shown again.
    pub(crate) kind: Kind,
    /// What its author gets in its place, in the tagged form.
    pub(crate) receipt: Option<Receipt>,
}

impl Envelope {
    pub(crate) fn new(audience: Audience, kind: Kind) -> Envelope {
        Envelope { audience, kind, receipt: None }
    }

    /// That of the same event once its line is gone: its author alone gets something in its place, the receipt.
    pub(crate) fn for_nobody(self) -> Envelope {
        Envelope { audience: Audience::Nobody, kind: Kind::Passing, ..self }
    }
}

/// Whom events are picked out for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Recipient {
    /// Who reads.
    pub(crate) member: MemberId,
    /// How it gets its lines.
    pub(crate) format: Format,
}

/// Somebody who is no member, and gets what all people get: members' numbers begin at 1.
pub(crate) const NOBODY: Recipient = Recipient { member: MemberId(0), format: Format::Plain };

/// What a reader gets of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rendition {
    /// Its line.
    Line,
    /// In the tagged form, and of an own one: the receipt.
    Receipt,
}

/// Neighbouring events of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Their indices in the batch.
    pub(crate) events: Range<u32>,
    /// As what they are sent.
    pub(crate) rendition: Rendition,
}

/// For whom the events of a batch are.
#[derive(Debug, Default, Clone)]
pub(crate) struct Index {
    /// The number of the first event. It means nothing in a batch that was not appended yet.
    first: Seq,
    /// How many events there are.
    count: u32,
    /// In their order; each ends where the next one begins.
    runs: Vec<Run>,
}

impl Index {
    /// An empty one whose first event will have that number.
    pub(crate) fn beginning_at(first: Seq) -> Index {
        Index { first, ..Index::default() }
    }

    /// Becomes an empty one that begins there.
    pub(crate) fn restart(&mut self, first: Seq) {
        self.runs.clear();
        (self.first, self.count) = (first, 0);
    }

    /// How many events there are.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// The number of the first event.
    pub(crate) fn begin(&self) -> Seq {
        self.first
    }

    /// The number that the next event after the last has.
    pub(crate) fn end(&self) -> Seq {
        self.first + u64::from(self.count)
    }

    /// Of the events in `range`, those that `recipient` is to get, piece by piece.
    pub(crate) fn pieces(&self, recipient: Recipient, range: &Range<Seq>) -> Pieces<'_> {
        let events = self.position(range.start)..self.position(range.end);
        // A reader that keeps up wants the last few of hundreds.
        let next = self.runs.partition_point(|run| run.first <= events.start).saturating_sub(1);
        Pieces { index: self, recipient, events, next }
    }

    /// How many lines of others `recipient` is to get of the events in `range`.
    pub(crate) fn count_lines(&self, recipient: Recipient, range: &Range<Seq>) -> u64 {
        let lines =
            self.pieces(recipient, range).filter(|piece| piece.rendition == Rendition::Line);
        lines.map(|piece| u64::from(piece.events.end - piece.events.start)).sum()
    }

    /// The last event in `range` for which `recipient` is to get a receipt, and which of its lines that
    /// was.
    pub(crate) fn last_receipt(
        &self,
        recipient: Recipient,
        range: &Range<Seq>,
    ) -> Option<(Seq, u64)> {
        let receipts =
            self.pieces(recipient, range).filter(|piece| piece.rendition == Rendition::Receipt);
        let last = receipts.last()?.events.end - 1;
        Some((self.first + u64::from(last), self.receipt(last)?.line.get()))
    }

    /// The indices of the events that `member` is shown again, newest first.
    pub(crate) fn replayed_to(&self, member: MemberId) -> impl Iterator<Item = u32> + use<'_> {
        self.runs_with_ends()
            .rev()
            .filter(move |(run, _)| run.is_replayed_to(member))
            .flat_map(|(run, end)| (run.first..end).rev())
    }

    /// The receipt for the event with that index, if its author gets one.
    pub(crate) fn receipt(&self, index: u32) -> Option<Receipt> {
        self.run_of(index).receipt(index)
    }

    /// The envelopes of the events from that index on, one for each.
    pub(crate) fn envelopes(&self, from: u32) -> impl Iterator<Item = Envelope> {
        let first = self.runs.partition_point(|run| run.first <= from).saturating_sub(1);
        (first..self.runs.len()).flat_map(move |at| {
            let run = &self.runs[at];
            let events = run.first.max(from)..self.end_of_run(at);
            events.map(|index| Envelope { receipt: run.receipt(index), ..run.envelope() })
        })
    }

    /// The kind of the event with that index.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn kind(&self, index: u32) -> Kind {
        self.run_of(index).kind
    }

    fn run_of(&self, index: u32) -> &Run {
        let after = self.runs.partition_point(|run| run.first <= index);
        &self.runs[after - 1]
    }

    /// How many events there are for whom, run by run.
    pub(crate) fn audiences(&self) -> impl Iterator<Item = (u64, Audience)> {
        self.runs_with_ends().map(|(run, end)| (u64::from(end - run.first), run.audience))
    }

    /// The events one run after the other, and whether each run is of that share.
    pub(crate) fn of_share(&self, share: Share) -> impl Iterator<Item = (Range<u32>, bool)> {
        self.runs_with_ends()
            .map(move |(run, end)| (run.first..end, run.audience.share() == Some(share)))
    }

    /// The same events, where those of that share are for nobody. Their authors still get their receipts.
    pub(crate) fn without_share(&self, share: Share) -> Index {
        let mut kept = Index { runs: Vec::new(), ..*self };
        for run in &self.runs {
            let goes = run.audience.share() == Some(share);
            let envelope = if goes { run.envelope().for_nobody() } else { run.envelope() };
            if kept.runs.last().is_none_or(|last| !last.goes_on(run.first, envelope)) {
                kept.runs.push(Run::beginning_at(run.first, envelope));
            }
        }
        kept.shrink();
        kept
    }

    /// The same events, where those with these indices, which ascend, are for nobody. Their authors still get
    /// their receipts.
    pub(crate) fn without(&self, erased: &[u32]) -> Index {
        let mut kept = Index::beginning_at(self.first);
        let mut erased = erased.iter().peekable();
        for (index, envelope) in (0..).zip(self.envelopes(0)) {
            let is_erased = erased.next_if_eq(&&index).is_some();
            kept.push(if is_erased { envelope.for_nobody() } else { envelope });
        }
        kept.shrink();
        kept
    }

    /// Whether the event with that index is for one member alone.
    pub(crate) fn is_private(&self, index: u32) -> bool {
        self.run_of(index).audience.is_private()
    }

    /// Whether the event with that index is for nobody: what it said is gone.
    pub(crate) fn is_for_nobody(&self, index: u32) -> bool {
        self.run_of(index).audience == Audience::Nobody
    }

    /// Gives back memory that it does not need.
    pub(crate) fn shrink(&mut self) {
        self.runs.shrink_to_fit();
    }

    /// What it takes of the room's memory, in bytes.
    pub(crate) fn cost(&self) -> usize {
        size_of::<Index>() + self.runs.capacity() * size_of::<Run>()
    }

    /// The runs, each with the index after its last event.
    fn runs_with_ends(&self) -> impl DoubleEndedIterator<Item = (&Run, u32)> {
        self.runs.iter().enumerate().map(|(at, run)| (run, self.end_of_run(at)))
    }

    /// The index after the last event of that run.
    fn end_of_run(&self, at: usize) -> u32 {
        self.runs.get(at + 1).map_or(self.count, |next| next.first)
    }

    /// The index of the event with that number; of the first or the end, if it is not here.
    pub(crate) fn position(&self, seq: Seq) -> u32 {
        (seq.clamp(self.first, self.end()) - self.first) as u32
    }

    /// Adds an event at the end. The value is what its envelope takes of the room's memory, in bytes.
    pub(crate) fn push(&mut self, envelope: Envelope) -> usize {
        let begins = self.runs.last().is_none_or(|last| !last.goes_on(self.count, envelope));
        if begins {
            self.runs.push(Run::beginning_at(self.count, envelope));
        }
        self.count += 1;
        if begins { size_of::<Run>() } else { 0 }
    }

    /// Adds those of another one at the end.
    pub(crate) fn append(&mut self, other: &Index) {
        for run in &other.runs {
            let first = self.count + run.first;
            if self.runs.last().is_none_or(|last| !last.goes_on(first, run.envelope())) {
                self.runs.push(Run { first, ..*run });
            }
        }
        self.count += other.count;
    }
}

#[cfg(test)]
impl Index {
    /// How many runs there are.
    pub(crate) fn runs(&self) -> usize {
        self.runs.len()
    }
}
