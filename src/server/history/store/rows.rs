//! Events as rows, and rows as events. Pure.
//!
//! A row's audience: `only` set is for that member alone, else `author` set is for all but that one, or for programs or
//! people where that is no member's number, else it is for all. One without a line is for nobody, and gives its author's receipt at most. Two numbers
//! that do not follow each other have lost what was between them: few are filled with events for nobody,
//! and for many a new batch begins.

use std::num::NonZero;

use crate::protocol::tag::{Millis, Seq};
use crate::server::audience::{Audience, Envelope, Kind, MemberId, Receipt};
use crate::server::batch::Batch;
use crate::server::erasure::judge::Event;

/// How many numbers may be missing within a batch. Each takes four bytes there.
pub(crate) const MOST_FILLED: u64 = 4096;

/// About how many bytes of lines a batch has that is made of rows. The room forgets a batch as a whole.
const BATCH_BYTES: usize = 64 * 1024;

/// What the room's memory takes for an event besides its line, in bytes, if no two of them share an
/// envelope or a time.
const EVENT_COST: usize = 80;

/// The column `kind` of what is shown again.
pub(crate) const SAID: i64 = 0;

/// The column `kind` of what is not.
pub(crate) const PASSING: i64 = 1;

/// The column `author` of what is for programs alone. No member has that number.
const PROGRAMS: MemberId = MemberId(0);

/// The column `author` of what is for people alone; -1 in the file.
const PEOPLE: MemberId = MemberId(u64::MAX);

/// A row of the table `event`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row<'a> {
    /// The event's number.
    pub(crate) seq: Seq,
    /// When it was.
    pub(crate) at: Millis,
    /// Whether it is shown again: [`SAID`] or [`PASSING`].
    pub(crate) kind: i64,
    /// Who said it, or whom it does not go to.
    pub(crate) author: Option<MemberId>,
    /// Which of its author's lines it was, if that one gets a receipt.
    pub(crate) n: Option<u64>,
    /// For whom alone it is.
    pub(crate) only: Option<MemberId>,
    /// What it says; `None` once it was blanked.
    pub(crate) line: Option<&'a str>,
}

/// About what the room's memory takes for an event with a line of so many bytes, behind which so many
/// numbers are missing.
pub(super) fn cost(line: usize, missing: u64) -> usize {
    line + EVENT_COST + missing.min(MOST_FILLED) as usize * size_of::<u32>()
}

/// The rows of the batch's events from that number on.
pub(crate) fn rows_of(batch: &Batch, from: Seq) -> impl Iterator<Item = Row<'_>> {
    let first = batch.index().position(from);
    let envelopes = batch.index().envelopes(first);
    (first..).zip(envelopes).map(|(index, envelope)| row(batch, index, envelope))
}

fn row(batch: &Batch, index: u32, envelope: Envelope) -> Row<'_> {
    let seq = batch.seq(index);
    let Envelope { audience, kind, receipt } = envelope;
    // The room makes no event for all with a receipt: the author of a line does not get the line.
    debug_assert!(audience != Audience::All || receipt.is_none(), "event {seq}");
    let receipt_author = receipt.map(|receipt| receipt.author);
    let (author, only) = match audience {
        Audience::All | Audience::Nobody => (receipt_author, None),
        Audience::AllBut(author) => (Some(author), None),
        Audience::Only(reader) => (receipt_author, Some(reader)),
        Audience::Programs => (Some(PROGRAMS), None),
        Audience::People => (Some(PEOPLE), None),
    };
    Row {
        seq,
        at: batch.time(seq),
        kind: match kind {
            Kind::Said => SAID,
            Kind::Passing => PASSING,
        },
        author,
        n: receipt.map(|receipt| receipt.line.get()),
        only,
        line: (audience != Audience::Nobody).then(|| batch.lines().line(index)),
    }
}

impl Row<'_> {
    fn receipt(&self) -> Option<Receipt> {
        Some(Receipt { author: self.author?, line: NonZero::new(self.n?)? })
    }

    /// The event, for who judges it; `None` if its line is gone.
    pub(super) fn event(&self) -> Option<Event<'_>> {
        let kind = if self.kind == SAID { Kind::Said } else { Kind::Passing };
        let envelope = Envelope { audience: self.audience(), kind, receipt: self.receipt() };
        Some(Event { seq: self.seq, at: self.at, envelope, line: self.line? })
    }

    fn audience(&self) -> Audience {
        match (self.line, self.only, self.author) {
            (None, _, _) => Audience::Nobody,
            (Some(_), Some(reader), _) => Audience::Only(reader),
            (Some(_), None, Some(PROGRAMS)) => Audience::Programs,
            (Some(_), None, Some(PEOPLE)) => Audience::People,
            (Some(_), None, Some(author)) => Audience::AllBut(author),
            (Some(_), None, None) => Audience::All,
        }
    }

    /// The same, without what `recipient` does not get. It stays in the order of events.
    fn for_recipient(self, recipient: MemberId) -> Self {
        let line = self.line.filter(|_| match self.audience() {
            Audience::All | Audience::Programs | Audience::People => true,
            // An own one is shown again to its author.
            Audience::AllBut(author) => author != recipient || self.kind == SAID,
            Audience::Only(reader) => reader == recipient,
            Audience::Nobody => false,
        });
        let n = self.n.filter(|_| self.author == Some(recipient));
        Row { line, n, ..self }
    }
}

/// Puts rows together to batches.
#[derive(Debug)]
pub(crate) struct Builder {
    /// For whom alone they are to be, if for one.
    recipient: Option<MemberId>,
    /// Those that are full.
    done: Vec<Batch>,
    /// To which the next row is added; `None` before the first one.
    open: Option<Batch>,
    /// How many bytes of lines there are.
    bytes: usize,
}

impl Builder {
    /// One for all, or for one alone.
    pub(crate) fn new(recipient: Option<MemberId>) -> Builder {
        Builder { recipient, done: Vec::new(), open: None, bytes: 0 }
    }

    /// How many bytes of lines there are.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds a row, whose number is greater than that of the last one.
    pub(crate) fn push(&mut self, row: Row<'_>) {
        let row = self.recipient.map_or(row, |recipient| row.for_recipient(recipient));
        let batch = self.batch_for(row.seq);
        batch.is_now(row.at);
        while batch.end() < row.seq {
            batch.push_none(None);
        }
        let before = batch.bytes();
        match row.line {
            Some(line) => {
                let kind = if row.kind == SAID { Kind::Said } else { Kind::Passing };
                let receipt = row.receipt();
                batch.push(Envelope { audience: row.audience(), kind, receipt }, line);
            }
            None => batch.push_none(row.receipt()),
        }
        self.bytes += batch.bytes() - before;
    }

    /// The batches.
    pub(crate) fn finish(mut self) -> Vec<Batch> {
        self.close();
        self.done
    }

    /// The batch to which the event with that number belongs.
    fn batch_for(&mut self, seq: Seq) -> &mut Batch {
        let goes_on = |batch: &Batch| {
            batch.bytes() < BATCH_BYTES && seq.saturating_sub(batch.end()) <= MOST_FILLED
        };
        if !self.open.as_ref().is_some_and(goes_on) {
            self.close();
        }
        let bytes = self.bytes as u64;
        self.open.get_or_insert_with(|| Batch::beginning_at(seq, bytes))
    }

    fn close(&mut self) {
        if let Some(mut batch) = self.open.take() {
            batch.shrink();
            self.done.push(batch);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::{Just, Strategy, any, prop_assert_eq, prop_oneof, proptest};

    use super::*;
    use crate::protocol::tag::Format;
    use crate::server::audience::{Recipient, Rendition};

    /// What a batch has for a recipient: each line or receipt with its number and its time.
    fn seen(batches: &[Batch], recipient: Recipient) -> Vec<(Seq, Millis, String)> {
        let mut seen = Vec::new();
        for batch in batches {
            for piece in batch.index().pieces(recipient, &(0..Seq::MAX)) {
                for index in piece.events {
                    let seq = batch.seq(index);
                    let what = match piece.rendition {
                        Rendition::Line => batch.line(seq).to_owned(),
                        Rendition::Receipt => format!("{:?}", batch.index().receipt(index)),
                    };
                    seen.push((seq, batch.time(seq), what));
                }
            }
        }
        seen
    }

    fn pieces(batch: &Batch, recipient: Recipient) -> Vec<(Range<u32>, Rendition)> {
        let pieces = batch.index().pieces(recipient, &(0..Seq::MAX));
        pieces.map(|piece| (piece.events, piece.rendition)).collect()
    }

    fn recipients() -> impl Iterator<Item = Recipient> {
        (1..=4).map(MemberId).flat_map(|member| {
            [Format::Plain, Format::Tagged].map(|format| Recipient { member, format })
        })
    }

    fn rebuilt(batch: &Batch, recipient: Option<MemberId>) -> Vec<Batch> {
        let mut builder = Builder::new(recipient);
        rows_of(batch, 0).for_each(|row| builder.push(row));
        builder.finish()
    }

    fn member() -> impl Strategy<Value = MemberId> {
        (1..=3_u64).prop_map(MemberId)
    }

    /// An event as the room makes them; `None` for one that was withdrawn.
    fn event() -> impl Strategy<Value = (Option<Envelope>, Option<Receipt>, String, Millis)> {
        let kind = prop_oneof![Just(Kind::Said), Just(Kind::Passing)];
        let audience = (0..5_u8, member(), option::of(1..9_u64), member(), kind);
        let envelope = audience.prop_map(|(audience, author, n, reader, kind)| {
            let receipt = n.and_then(NonZero::new).map(|line| Receipt { author, line });
            match audience {
                0 => Envelope::new(Audience::All, kind),
                1 => Envelope { receipt, ..Envelope::new(Audience::AllBut(author), kind) },
                2 => Envelope::new(Audience::Programs, Kind::Passing),
                3 => Envelope::new(Audience::People, Kind::Passing),
                _ => Envelope { receipt, ..Envelope::new(Audience::Only(reader), kind) },
            }
        });
        (envelope, any::<bool>(), "[a-zß]{0,5}", 0..4_i64).prop_map(
            |(envelope, is_withdrawn, line, at)| {
                let kept = (!is_withdrawn).then_some(envelope);
                (kept, envelope.receipt, line, at)
            },
        )
    }

    fn batch() -> impl Strategy<Value = Batch> {
        vec(event(), 0..20).prop_map(|events| {
            let mut batch = Batch::beginning_at(7, 0);
            for (envelope, receipt, line, at) in events {
                batch.is_now(at);
                match envelope {
                    Some(envelope) => batch.push(envelope, line),
                    None => batch.push_none(receipt),
                }
            }
            batch
        })
    }

    proptest! {
        #[test]
        fn rows_of_a_batch_make_a_batch_with_the_same_pieces_for_everyone(batch in batch()) {
            let again = rebuilt(&batch, None);
            for recipient in recipients() {
                prop_assert_eq!(
                    seen(std::slice::from_ref(&batch), recipient),
                    seen(&again, recipient)
                );
                if let [again] = &again[..] {
                    prop_assert_eq!(pieces(&batch, recipient), pieces(again, recipient));
                }
                let replayed = again.iter().flat_map(|batch| batch.replayed_to(recipient.member));
                prop_assert_eq!(
                    batch.replayed_to(recipient.member).collect::<Vec<_>>(),
                    replayed.collect::<Vec<_>>()
                );
            }
        }

        #[test]
        fn rows_for_one_alone_have_its_lines_and_no_others_private_ones(batch in batch()) {
            for recipient in recipients() {
                let its = rebuilt(&batch, Some(recipient.member));
                prop_assert_eq!(
                    seen(std::slice::from_ref(&batch), recipient),
                    seen(&its, recipient)
                );
                let replayed = its.iter().flat_map(|batch| batch.replayed_to(recipient.member));
                prop_assert_eq!(
                    batch.replayed_to(recipient.member).collect::<Vec<_>>(),
                    replayed.collect::<Vec<_>>()
                );
                let audiences = its.iter().flat_map(|batch| batch.index().audiences());
                let is_strange = |audience: &Audience| {
                    audience.is_private() && *audience != Audience::Only(recipient.member)
                };
                prop_assert_eq!(audiences.filter(|(_, it)| is_strange(it)).count(), 0);
            }
        }
    }

    fn row(seq: Seq, line: &str) -> Row<'_> {
        Row { seq, at: 5, kind: SAID, author: None, n: None, only: None, line: Some(line) }
    }

    #[test]
    fn few_missing_numbers_are_filled_and_for_many_a_new_batch_begins() {
        let mut builder = Builder::new(None);
        for seq in [1, 3, 4 + MOST_FILLED, 6 + 2 * MOST_FILLED] {
            builder.push(row(seq, "x"));
        }
        let batches = builder.finish();
        let ranges: Vec<_> = batches.iter().map(|batch| batch.begin()..batch.end()).collect();
        assert_eq!(ranges, [1..5 + MOST_FILLED, 6 + 2 * MOST_FILLED..7 + 2 * MOST_FILLED]);
        let offsets = [batches[0].offset(1), batches[0].offset(3), batches[1].offset(Seq::MAX)];
        assert_eq!(offsets, [0, 2, 8]);
        let everyone = Recipient { member: MemberId(9), format: Format::Plain };
        assert_eq!(pieces(&batches[0], everyone).len(), 3);
    }

    #[test]
    fn a_full_batch_is_followed_by_another_one() {
        let long = "x".repeat(BATCH_BYTES / 2);
        let mut builder = Builder::new(None);
        (1..=5).for_each(|seq| builder.push(row(seq, &long)));
        assert_eq!(builder.bytes(), 5 * (long.len() + 1));
        let begins: Vec<_> = builder.finish().iter().map(Batch::begin).collect();
        assert_eq!(begins, [1, 3, 5]);
    }
}
