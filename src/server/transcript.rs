//! The room's one order of events, as far back as it remembers.
//!
//! Append at the end, read from a position; it knows nothing of sockets, threads or clocks. A
//! position is an event's number. Events are rendered once, one behind the other, so that a reader's
//! part of many events is a few contiguous pieces.

use std::collections::VecDeque;
use std::fmt::{Display, Write as _};
use std::ops::Range;
use std::sync::Arc;

/// The number of an event: the first is 0, and each has one more than the one before it.
pub(crate) type Seq = u64;

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
}

impl Audience {
    pub(crate) fn includes(self, member: MemberId) -> bool {
        match self {
            Audience::All => true,
            Audience::AllBut(author) => author != member,
            Audience::Only(reader) => reader == member,
        }
    }
}

/// Whether an event is shown again to those who ask what was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It is: something said or done, or another name.
    Said,
    /// It is not: who comes and goes, errors and answers.
    Passing,
}

/// Milliseconds since 1970, by the server's clock.
pub(crate) type Millis = i64;

/// Neighbouring events with the same audience, of the same kind.
#[derive(Debug, Clone, Copy)]
struct Run {
    /// The index of the first of them in its batch.
    first: u32,
    audience: Audience,
    kind: Kind,
}

impl Run {
    fn goes_on(&self, audience: Audience, kind: Kind) -> bool {
        self.audience == audience && self.kind == kind
    }

    /// Whether `member` is shown its events again. Their author is, too.
    fn is_recalled_by(&self, member: MemberId) -> bool {
        let visible = match self.audience {
            Audience::All | Audience::AllBut(_) => true,
            Audience::Only(reader) => reader == member,
        };
        visible && self.kind == Kind::Said
    }
}

/// When neighbouring events happened.
#[derive(Debug, Clone, Copy)]
struct Moment {
    /// The index of the first of them in its batch.
    first: u32,
    at: Millis,
}

/// Events that lie one behind the other, rendered.
#[derive(Debug, Default, Clone)]
pub(crate) struct Batch {
    /// The number of the first event. It means nothing in a batch that was not appended yet.
    first: Seq,
    /// How many bytes of lines were appended before.
    offset: u64,
    /// The events' lines, each with its newline.
    text: String,
    /// Where each event's line ends in `text`.
    ends: Vec<u32>,
    /// The audiences and kinds, run by run.
    runs: Vec<Run>,
    /// When they happened, each where it is another time than before. What was not appended yet has
    /// no time.
    moments: Vec<Moment>,
}

impl Batch {
    /// Adds an event at the end.
    pub(crate) fn push(&mut self, audience: Audience, kind: Kind, line: impl Display) {
        writeln!(self.text, "{line}").expect("a String takes all that is written");
        if self.runs.last().is_none_or(|last| !last.goes_on(audience, kind)) {
            self.runs.push(Run { first: self.ends.len() as u32, audience, kind });
        }
        self.ends.push(self.text.len() as u32);
    }

    /// How many bytes the lines have.
    pub(crate) fn bytes(&self) -> usize {
        self.text.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.runs.clear();
        self.moments.clear();
    }

    /// The number that the next event after this batch has.
    pub(crate) fn end(&self) -> Seq {
        self.first + self.ends.len() as u64
    }

    /// The number of the first event.
    pub(crate) fn begin(&self) -> Seq {
        self.first
    }

    /// Of the events in `range`, those that `member` is to get, piece by piece.
    pub(crate) fn pieces(
        &self,
        member: MemberId,
        range: &Range<Seq>,
    ) -> impl Iterator<Item = Piece> + use<'_> {
        let index = |seq: Seq| seq.clamp(self.first, self.end()) - self.first;
        let (from, to) = (index(range.start) as u32, index(range.end) as u32);
        // A reader that keeps up wants the last few of hundreds.
        let begin = self.runs.partition_point(|run| run.first <= from).saturating_sub(1);
        let runs = &self.runs[begin..];
        let ends = runs.iter().skip(1).map(|run| run.first).chain([self.ends.len() as u32]);
        let mut visible = runs
            .iter()
            .zip(ends)
            .filter(move |(run, _)| run.audience.includes(member))
            .map(move |(run, end)| run.first.max(from)..end.min(to))
            .filter(|events| !events.is_empty())
            .peekable();
        std::iter::from_fn(move || {
            let mut events = visible.next()?;
            while let Some(more) = visible.next_if(|more| more.start == events.end) {
                events.end = more.end;
            }
            Some(Piece { events })
        })
    }

    /// A piece's bytes.
    pub(crate) fn text(&self, piece: &Piece) -> &[u8] {
        &self.text.as_bytes()[self.start(piece.events.start)..self.start(piece.events.end)]
    }

    /// The number of the event that stands `bytes` bytes into `piece`, and the rest of the line if
    /// that is in the middle of one; then the number is the next event's.
    pub(crate) fn after(&self, piece: &Piece, bytes: usize) -> (Seq, &[u8]) {
        let at = self.start(piece.events.start) + bytes;
        let event = self.ends.partition_point(|&end| (end as usize) <= at) as u32;
        if self.start(event) == at {
            return (self.first + u64::from(event), &[]);
        }
        let rest = &self.text.as_bytes()[at..self.start(event + 1)];
        (self.first + u64::from(event) + 1, rest)
    }

    /// The number of the event after `piece`.
    pub(crate) fn end_of(&self, piece: &Piece) -> Seq {
        self.first + u64::from(piece.events.end)
    }

    /// How many bytes of lines were appended before the event with this number.
    pub(crate) fn offset(&self, event: Seq) -> u64 {
        self.offset + self.start((event - self.first) as u32) as u64
    }

    /// The numbers of the events that `member` is shown again, newest first.
    pub(crate) fn recalled_by(&self, member: MemberId) -> impl Iterator<Item = Seq> + use<'_> {
        let ends = self.runs.iter().skip(1).map(|run| run.first).chain([self.ends.len() as u32]);
        let ends: Vec<u32> = ends.collect();
        self.runs
            .iter()
            .zip(ends)
            .rev()
            .filter(move |(run, _)| run.is_recalled_by(member))
            .flat_map(|(run, end)| (run.first..end).rev())
            .map(|event| self.first + u64::from(event))
    }

    /// The line of the event with this number, without its newline.
    pub(crate) fn line(&self, event: Seq) -> &str {
        let index = (event - self.first) as u32;
        &self.text[self.start(index)..self.ends[index as usize] as usize - 1]
    }

    /// When the event with this number happened.
    pub(crate) fn time(&self, event: Seq) -> Millis {
        let index = (event - self.first) as u32;
        let after = self.moments.partition_point(|moment| moment.first <= index);
        self.moments[after - 1].at
    }

    /// What the batch takes of the room's memory.
    fn cost(&self) -> usize {
        size_of::<Batch>()
            + self.text.capacity()
            + self.ends.capacity() * 4
            + self.runs.capacity() * size_of::<Run>()
            + self.moments.capacity() * size_of::<Moment>()
    }

    /// Where the event with this index begins.
    fn start(&self, event: u32) -> usize {
        event.checked_sub(1).map_or(0, |before| self.ends[before as usize] as usize)
    }

    fn append(&mut self, other: &Batch) {
        let (bytes, events) = (self.text.len() as u32, self.ends.len() as u32);
        for run in &other.runs {
            if self.runs.last().is_none_or(|last| !last.goes_on(run.audience, run.kind)) {
                self.runs.push(Run { first: events + run.first, ..*run });
            }
        }
        self.text.push_str(&other.text);
        self.ends.extend(other.ends.iter().map(|end| bytes + end));
        for moment in &other.moments {
            self.begin_moment(events + moment.first, moment.at);
        }
    }

    /// From the event with this index on, it was `at`.
    fn begin_moment(&mut self, first: u32, at: Millis) {
        if self.moments.last().is_none_or(|last| last.at != at) {
            self.moments.push(Moment { first, at });
        }
    }
}

/// Neighbouring events in a batch.
#[derive(Debug, Clone)]
pub(crate) struct Piece {
    events: Range<u32>,
}

impl Piece {
    /// How many events it has.
    pub(crate) fn count(&self) -> u64 {
        u64::from(self.events.end - self.events.start)
    }
}

/// Batches smaller than this are put together when they are sealed, so that a quiet room does not
/// remember one batch a line.
const SMALL: usize = 32 * 1024;

/// The record. What is appended can be read once it is sealed, which the one who sends does, once
/// for many appends.
#[derive(Debug)]
pub(crate) struct Transcript {
    sealed: VecDeque<Arc<Batch>>,
    open: Batch,
    /// What `sealed` takes, in bytes.
    held: usize,
    /// The most that `sealed` may take.
    memory: usize,
}

impl Transcript {
    pub(crate) fn new(memory: usize) -> Transcript {
        Transcript { sealed: VecDeque::new(), open: Batch::default(), held: 0, memory }
    }

    /// Appends events that happen now.
    pub(crate) fn append(&mut self, events: &Batch, now: Millis) {
        self.open.begin_moment(self.open.ends.len() as u32, now);
        self.open.append(events);
    }

    /// Appends one event that happens now.
    pub(crate) fn push(&mut self, audience: Audience, kind: Kind, line: impl Display, now: Millis) {
        self.open.begin_moment(self.open.ends.len() as u32, now);
        self.open.push(audience, kind, line);
    }

    /// All that is remembered, sealed or not.
    pub(crate) fn snapshot(&self) -> Vec<Arc<Batch>> {
        self.sealed.iter().cloned().chain([Arc::new(self.open.clone())]).collect()
    }

    /// The numbers of the newest `most` events that `member` is shown again, oldest first.
    pub(crate) fn newest(&self, member: MemberId, most: usize) -> Vec<Seq> {
        let batches = self.sealed.iter().map(|batch| &**batch).chain([&self.open]);
        newest(batches, member, |_| true, most)
    }

    /// How many bytes were appended and not sealed.
    pub(crate) fn unsealed(&self) -> usize {
        self.open.bytes()
    }

    /// The number that the next event will have.
    pub(crate) fn end(&self) -> Seq {
        self.open.end()
    }

    /// How many bytes of lines are before that.
    pub(crate) fn end_offset(&self) -> u64 {
        self.open.offset + self.open.bytes() as u64
    }

    /// Makes all that was appended readable.
    pub(crate) fn seal(&mut self) {
        if self.open.is_empty() {
            return;
        }
        let end = self.open.end();
        let offset = self.end_offset();
        let small = self.sealed.back_mut().filter(|last| last.bytes() < SMALL);
        if let Some(last) = small.and_then(Arc::get_mut) {
            self.held -= last.cost();
            last.append(&self.open);
            self.held += last.cost();
            self.open.clear();
        } else {
            let mut batch = std::mem::take(&mut self.open);
            batch.text.shrink_to_fit();
            self.held += batch.cost();
            self.sealed.push_back(Arc::new(batch));
        }
        self.open.first = end;
        self.open.offset = offset;
    }

    /// Takes out the oldest batch if there is more than the memory holds.
    pub(crate) fn forget(&mut self) -> Option<Arc<Batch>> {
        if self.held <= self.memory || self.sealed.len() < 2 {
            return None;
        }
        let oldest = self.sealed.pop_front()?;
        self.held -= oldest.cost();
        Some(oldest)
    }

    /// The sealed batches from the one that holds `from` on, of about `most` bytes.
    pub(crate) fn read(&self, from: Seq, most: usize) -> Vec<Arc<Batch>> {
        let start = self.sealed.partition_point(|batch| batch.end() <= from);
        let mut bytes = 0;
        let within = self.sealed.range(start..).take_while(|batch| {
            let take = bytes < most;
            bytes += batch.bytes();
            take
        });
        within.cloned().collect()
    }

    /// The number that the next event to be sealed has, and how many bytes of lines are before it.
    pub(crate) fn sealed_end(&self) -> (Seq, u64) {
        (self.open.first, self.open.offset)
    }
}

/// The numbers of the newest `most` events in `batches` that `member` is shown again and that are
/// `wanted`, oldest first.
pub(crate) fn newest<'a>(
    batches: impl DoubleEndedIterator<Item = &'a Batch>,
    member: MemberId,
    wanted: impl Fn(&str) -> bool,
    most: usize,
) -> Vec<Seq> {
    let wanted = &wanted;
    let of_batch = |batch: &'a Batch| {
        batch.recalled_by(member).filter(move |&event| wanted(batch.line(event)))
    };
    let mut newest: Vec<Seq> = batches.rev().flat_map(of_batch).take(most).collect();
    newest.reverse();
    newest
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: MemberId = MemberId(1);
    const B: MemberId = MemberId(2);

    fn seen(transcript: &Transcript, member: MemberId, from: Seq) -> String {
        let mut seen = Vec::new();
        for batch in transcript.read(from, usize::MAX) {
            for piece in batch.pieces(member, &(from..Seq::MAX)) {
                seen.extend_from_slice(batch.text(&piece));
            }
        }
        String::from_utf8(seen).unwrap().replace('\n', " ")
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
            transcript.push(audience, Kind::Said, line, 0);
            transcript.seal();
        }
        assert_eq!(seen(&transcript, A, 0), "to-a b1 end ");
        assert_eq!(seen(&transcript, B, 0), "a1 a2 end ");
        assert_eq!(seen(&transcript, B, 1), "a2 end ");
        assert_eq!(seen(&transcript, MemberId(3), 2), "b1 a2 end ");
        assert_eq!(seen(&transcript, A, 5), "");
        let batch = &transcript.read(0, usize::MAX)[0];
        let counted = |range| batch.pieces(B, &range).map(|piece| piece.count()).sum::<u64>();
        assert_eq!([counted(0..5), counted(0..4), counted(1..4), counted(4..4)], [3, 2, 1, 0]);
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
            transcript.push(audience, kind, line, 1000 * (i / 2) as Millis);
            if i % 3 == 2 {
                transcript.seal();
            }
        }
        assert_eq!(transcript.newest(A, 9), [0, 2, 4, 5]);
        assert_eq!(transcript.newest(B, 9), [0, 4, 5]);
        assert_eq!(transcript.newest(A, 3), [2, 4, 5]);
        assert_eq!(transcript.newest(A, 0), [0; 0]);
        let snapshot = transcript.snapshot();
        assert_eq!(newest(snapshot.iter().map(|batch| &**batch), A, |_| true, 9), [0, 2, 4, 5]);
        transcript.seal();
        let batch = &transcript.read(0, usize::MAX)[0];
        let told = (0..6).map(|event| (batch.line(event), batch.time(event)));
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
    fn a_place_in_the_middle_of_a_line_gives_the_rest_of_it() {
        let mut batch = Batch::default();
        for line in ["one", "two", "three"] {
            batch.push(Audience::All, Kind::Said, line);
        }
        let piece = batch.pieces(A, &(0..3)).next().unwrap();
        let cases: [(usize, Seq, &[u8]); 5] =
            [(0, 0, b""), (2, 1, b"e\n"), (4, 1, b""), (5, 2, b"wo\n"), (14, 3, b"")];
        for (bytes, event, rest) in cases {
            assert_eq!(batch.after(&piece, bytes), (event, rest), "{bytes} bytes");
        }
    }

    #[test]
    fn the_oldest_goes_when_memory_is_full() {
        let mut transcript = Transcript::new(200_000);
        let line = "x".repeat(40_000);
        for _ in 0..20 {
            transcript.push(Audience::All, Kind::Said, &line, 0);
            transcript.seal();
            while transcript.forget().is_some() {}
            assert!(transcript.held <= 200_000);
        }
        assert_eq!(transcript.end(), 20);
        assert!(transcript.read(0, usize::MAX)[0].first >= 14);
    }
}
