//! Batches in the tagged form: each line with its number and time, and the receipts.
//!
//! A batch is rendered once for all members that get the tagged form, when the first of them is served; events
//! that were added since are rendered when the next one is. The broadcaster owns the renderings. Only the
//! latest are kept, which nearly every reader needs.

use std::collections::VecDeque;
use std::sync::Arc;

use super::audience::Rendition;
use super::batch::{Batch, Lines};
use crate::protocol::tag::{Body, Format, Millis, Seq, Tag};

/// The size of the renderings that are kept for the next readers, in bytes: several times what a reader gets at
/// once.
const KEPT: usize = 2 * 1024 * 1024;

/// The tag of a line in that form; nothing in the plain one.
pub(super) fn tag(format: Format, seq: Option<Seq>, at: Millis) -> String {
    match format {
        Format::Plain => String::new(),
        Format::Tagged => Tag { seq, answers: None, at }.to_string(),
    }
}

/// The same of one that is no event, and may answer the reader's line of that number.
pub(super) fn answer_tag(format: Format, answers: Option<u64>, at: Millis) -> String {
    match format {
        Format::Plain => String::new(),
        Format::Tagged => Tag { seq: None, answers, at }.to_string(),
    }
}

/// One batch in the tagged form.
#[derive(Debug)]
pub(super) struct Rendering {
    /// The number of the batch's first event.
    first: Seq,
    /// Each event's line, with its tag before it.
    lines: Lines,
    /// Each event's receipt for its author, with its tag before it, or nothing.
    receipts: Lines,
}

impl Rendering {
    /// The lines that readers get in that rendition.
    pub(super) fn lines(&self, rendition: Rendition) -> &Lines {
        match rendition {
            Rendition::Line => &self.lines,
            Rendition::Receipt => &self.receipts,
        }
    }

    /// Renders the events that have been added to the batch.
    fn catch_up(&mut self, batch: &Batch) {
        let index = batch.index();
        for event in self.lines.count()..batch.lines().count() {
            let (seq, at) = (batch.seq(event), batch.time(batch.seq(event)));
            let tag = Tag { seq: Some(seq), answers: None, at };
            self.lines.push(format_args!("{tag}{}", batch.lines().line(event)));
            match index.receipt(event) {
                None => self.receipts.push_none(),
                Some(receipt) => {
                    self.receipts.push(format_args!("{tag}{}", Body::Receipt(receipt.line.get())));
                }
            }
        }
    }

    fn cost(&self) -> usize {
        self.lines.cost() + self.receipts.cost()
    }
}

/// The latest batches in the tagged form.
#[derive(Debug, Default)]
pub(super) struct Renderings {
    /// The renderings, in the order in which they were begun.
    known: VecDeque<Rendering>,
}

impl Renderings {
    /// Renders the events of these batches that have not been rendered yet.
    pub(super) fn prepare(&mut self, batches: &[Arc<Batch>]) {
        let mut has_grown = false;
        for batch in batches {
            match self.known.iter_mut().rev().find(|known| known.first == batch.begin()) {
                Some(known) if known.lines.count() == batch.lines().count() => continue,
                Some(known) => known.catch_up(batch),
                None => self.begin(batch),
            }
            has_grown = true;
        }
        if has_grown {
            self.evict(batches);
        }
    }

    /// The rendering of a batch that was just [prepared](Renderings::prepare).
    pub(super) fn of(&self, batch: &Batch) -> Option<&Rendering> {
        self.known.iter().rev().find(|known| known.first == batch.begin())
    }

    fn begin(&mut self, batch: &Batch) {
        let (lines, receipts) = (Lines::default(), Lines::default());
        let mut rendering = Rendering { first: batch.begin(), lines, receipts };
        rendering.catch_up(batch);
        self.known.push_back(rendering);
    }

    /// Forgets the oldest renderings, except for those that are `needed` now.
    fn evict(&mut self, needed: &[Arc<Batch>]) {
        let mut over = self.known.iter().map(Rendering::cost).sum::<usize>().saturating_sub(KEPT);
        self.known.retain(|known| {
            let is_needed = needed.iter().any(|batch| batch.begin() == known.first);
            let stays = over == 0 || is_needed;
            if !stays {
                over = over.saturating_sub(known.cost());
            }
            stays
        });
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZero;

    use proptest::collection::vec;
    use proptest::prelude::{Strategy, any, prop_assert_eq, proptest};
    use proptest::sample::select;

    use super::super::audience::{Audience, Envelope, Kind, MemberId, Receipt};
    use super::*;
    use crate::protocol::arbitrary::text;

    const A: MemberId = MemberId(1);
    const B: MemberId = MemberId(2);

    fn batch(first: Seq, lines: &[(Envelope, &str)]) -> Batch {
        let mut batch = Batch::beginning_at(first, 0);
        for (second, (envelope, line)) in (1..).zip(lines) {
            batch.is_now(1000 * second);
            batch.push(*envelope, line);
        }
        batch
    }

    fn said(line: u64) -> Envelope {
        let receipt = NonZero::new(line).map(|line| Receipt { author: A, line });
        Envelope { audience: Audience::AllBut(A), kind: Kind::Said, receipt }
    }

    fn text_of(renderings: &Renderings, batch: &Batch, rendition: Rendition) -> String {
        let lines = renderings.of(batch).expect("it is rendered").lines(rendition);
        String::from_utf8(lines.text(&(0..lines.count())).to_vec()).expect("it is text")
    }

    #[test]
    fn lines_get_their_numbers_and_times_and_authors_their_receipts() {
        let private = Envelope::new(Audience::Only(A), Kind::Said);
        let mut batch = batch(7, &[(said(1), "<a> hi"), (private, "[b -> you] x")]);
        let mut renderings = Renderings::default();
        renderings.prepare(&[Arc::new(batch.clone())]);
        assert_eq!(
            text_of(&renderings, &batch, Rendition::Line),
            "@7 1000 <a> hi\n@8 2000 [b -> you] x\n"
        );
        assert_eq!(text_of(&renderings, &batch, Rendition::Receipt), "@7 1000 + 1\n");
        batch.push(said(3), "* a waits");
        renderings.prepare(&[Arc::new(batch.clone())]);
        assert_eq!(
            text_of(&renderings, &batch, Rendition::Line),
            "@7 1000 <a> hi\n@8 2000 [b -> you] x\n@9 2000 * a waits\n"
        );
        assert_eq!(text_of(&renderings, &batch, Rendition::Receipt), "@7 1000 + 1\n@9 2000 + 3\n");
    }

    #[test]
    fn the_oldest_are_forgotten_unless_they_are_needed() {
        let long = "x".repeat(KEPT / 8);
        let batches: Vec<_> =
            (0..12).map(|i| Arc::new(batch(10 * i, &[(said(1), &long), (said(2), "y")]))).collect();
        let mut renderings = Renderings::default();
        for batch in &batches {
            renderings.prepare(std::slice::from_ref(batch));
            assert!(renderings.of(batch).is_some());
            assert!(renderings.known.iter().map(Rendering::cost).sum::<usize>() <= KEPT);
        }
        assert!(renderings.of(&batches[0]).is_none());
        renderings.prepare(&batches);
        assert!(batches.iter().all(|batch| renderings.of(batch).is_some()));
        assert_eq!(tag(Format::Plain, None, 5), "");
    }

    /// Two members' lines, private ones among them.
    fn event() -> impl Strategy<Value = (Envelope, String)> {
        let member = || select(&[A, B][..]);
        let envelope =
            (member(), member(), 0..3_u8, any::<u64>()).prop_map(|(by, to, what, line)| {
                let receipt = NonZero::new(line >> 1).map(|line| Receipt { author: by, line });
                match what {
                    0 => Envelope { audience: Audience::AllBut(by), kind: Kind::Said, receipt },
                    1 => Envelope { audience: Audience::Only(to), kind: Kind::Said, receipt },
                    _ => Envelope::new(Audience::All, Kind::Passing),
                }
            });
        (envelope, text())
    }

    proptest! {
        /// As a session gathers them, the room appends them and the broadcaster renders them: in
        /// portions.
        #[test]
        fn lines_are_rendered_in_any_portions_as_they_are_at_once_and_read_as_they_are_written(
            events in vec(event(), 1..40),
            portions in vec(1..5_usize, 1..5),
            first in 1..Seq::MAX / 2,
        ) {
            let mut in_portions = Batch::beginning_at(first, 0);
            let mut renderings = Renderings::default();
            let mut rest = &events[..];
            for size in portions.into_iter().cycle() {
                let (portion, after) = rest.split_at(size.min(rest.len()));
                let mut gathered = Batch::default();
                portion.iter().for_each(|(envelope, line)| gathered.push(*envelope, line));
                in_portions.is_now(7);
                in_portions.append(&gathered);
                renderings.prepare(&[Arc::new(in_portions.clone())]);
                rest = after;
                if rest.is_empty() {
                    break;
                }
            }
            let mut at_once = Batch::beginning_at(first, 0);
            at_once.is_now(7);
            events.iter().for_each(|(envelope, line)| at_once.push(*envelope, line));
            let mut rendered_at_once = Renderings::default();
            rendered_at_once.prepare(&[Arc::new(at_once.clone())]);
            for rendition in [Rendition::Line, Rendition::Receipt] {
                prop_assert_eq!(
                    text_of(&renderings, &in_portions, rendition),
                    text_of(&rendered_at_once, &at_once, rendition)
                );
            }
            let lines = text_of(&renderings, &in_portions, Rendition::Line);
            let written = (first..).zip(&events);
            for ((seq, (_, line)), rendered) in written.zip(lines.split_terminator('\n')) {
                let seq = Some(seq);
                prop_assert_eq!(Tag::split(rendered), Some((Tag { seq, answers: None, at: 7 }, line.as_str())));
            }
            let receipts = text_of(&renderings, &in_portions, Rendition::Receipt);
            let read = receipts.lines().map(|line| Tag::split(line).map(|(_, body)| Body::parse(body)));
            let expected = events.iter().filter_map(|(envelope, _)| envelope.receipt);
            let expected = expected.map(|receipt| Some(Body::Receipt(receipt.line.get())));
            prop_assert_eq!(read.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
        }
    }
}
