//! How lines are erased in what the room remembers: changed copies take the batches' places. Whoever is in the
//! middle of an old one may still read that. Pure.

use std::sync::Arc;

use super::Transcript;
use crate::server::batch::Batch;
use crate::server::erasure::Erasure;
use crate::server::erasure::judge::{Hit, Judge};

impl Transcript {
    /// Erases the lines that the order is about: each event keeps its number, its place and its receipt, for
    /// nobody, so nobody misses it. The value is what was erased, in the order of events.
    pub(crate) fn erase(&mut self, erasure: &Erasure) -> Vec<Hit> {
        let mut judge = Judge::new(erasure);
        let mut erased = Vec::new();
        for place in 0..self.sealed.len() {
            if let Some((new, hits)) = judged(&self.sealed[place], erasure, &mut judge) {
                self.replace(place, new);
                erased.extend(hits);
            }
        }
        if let Some((new, hits)) = judged(&self.open, erasure, &mut judge) {
            self.open = new;
            erased.extend(hits);
        }
        erased
    }

    /// Puts a batch into the place of another one that has the same events and bytes.
    fn replace(&mut self, place: usize, new: Batch) {
        let old = &self.sealed[place];
        debug_assert_eq!(
            (old.begin(), old.end(), old.bytes()),
            (new.begin(), new.end(), new.bytes())
        );
        self.held = self.held - old.cost() + new.cost();
        self.shares.take_off(old.shares());
        self.shares.add(new.shares());
        self.sealed[place] = Arc::new(new);
    }
}

/// A batch without what is to be erased in it, and that; `None` if nothing is.
fn judged(batch: &Batch, erasure: &Erasure, judge: &mut Judge<'_>) -> Option<(Batch, Vec<Hit>)> {
    // Both copies of a private line are in one batch, and happened at the same time.
    if !batch.reaches(erasure.since) {
        return None;
    }
    batch.events().for_each(|event| judge.look(event));
    let hits = judge.take_hits();
    (!hits.is_empty()).then(|| (batch.without(&hits), hits))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::{
        Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest,
    };

    use super::super::FIRST;
    use super::*;
    use crate::protocol::tag::{Format, Millis, Seq};
    use crate::server::audience::{Audience, Envelope, Kind, MemberId, Receipt, Recipient};
    use crate::server::batch::Shares;
    use crate::server::erasure::judge::count_lines;

    /// A member who gets the plain form.
    fn plain(member: MemberId) -> Recipient {
        Recipient { member, format: Format::Plain }
    }

    const ALICE: MemberId = MemberId(1);
    const BOB: MemberId = MemberId(2);

    /// What happens next in a room of alice and bob.
    #[derive(Debug, Clone, Copy)]
    enum Step {
        /// One of them says something, with a receipt or without.
        Say(MemberId, bool),
        /// One of them says something to the other.
        Whisper(MemberId, bool),
        /// The time passes.
        Pass,
        /// What was said can be read, and is not added to any more if somebody holds it.
        Seal(bool),
    }

    fn step() -> impl Strategy<Value = Step> {
        let member = || prop_oneof![Just(ALICE), Just(BOB)];
        prop_oneof![
            4 => (member(), any::<bool>()).prop_map(|(by, has_receipt)| Step::Say(by, has_receipt)),
            2 => (member(), any::<bool>()).prop_map(|(by, has_receipt)| Step::Whisper(by, has_receipt)),
            1 => Just(Step::Pass),
            2 => any::<bool>().prop_map(Step::Seal),
        ]
    }

    fn name(member: MemberId) -> &'static str {
        if member == ALICE { "alice" } else { "bob" }
    }

    /// The transcript, and which of its events are bob's, each with its time.
    fn play(steps: &[Step]) -> (Transcript, Vec<(Seq, Millis)>) {
        let (mut transcript, mut its, mut now) = (Transcript::new(1 << 20), Vec::new(), 0);
        let mut held = Vec::new();
        for (line, step) in (1..).zip(steps) {
            let next = transcript.end();
            match *step {
                Step::Say(by, has_receipt) => {
                    let receipt = Receipt::new(by, line).filter(|_| has_receipt);
                    let said = Envelope::new(Audience::AllBut(by), Kind::Said);
                    let text = format!("<{}> {line}", name(by));
                    transcript.push(Envelope { receipt, ..said }, text, now);
                    its.extend((by == BOB).then_some((next, now)));
                }
                Step::Whisper(by, has_receipt) => {
                    let receipt = Receipt::new(by, line).filter(|_| has_receipt);
                    let to = if by == BOB { ALICE } else { BOB };
                    let only = |member| Envelope::new(Audience::Only(member), Kind::Said);
                    let text = format!("[{} -> you] {line}", name(by));
                    transcript.push(Envelope { receipt, ..only(to) }, text, now);
                    transcript.push(only(by), format!("[you -> {}] {line}", name(to)), now);
                    its.extend((by == BOB).then_some((next, now)));
                    its.extend((by == BOB).then_some((next + 1, now)));
                }
                Step::Pass => now += 1,
                Step::Seal(is_held) => {
                    transcript.seal();
                    if is_held {
                        held.extend(transcript.read(0, usize::MAX));
                    }
                }
            }
        }
        (transcript, its)
    }

    /// An event: its number, its place, its time, its receipt and what it says.
    type Shown = (Seq, u64, Millis, Option<Receipt>, Option<String>);

    fn shown(transcript: &Transcript) -> Vec<Shown> {
        let batches = transcript.sealed.iter().map(|batch| &**batch).chain([&transcript.open]);
        let events = batches.flat_map(|batch| {
            batch.events().map(|event| {
                let line = batch.has_line(event.seq).then(|| event.line.to_owned());
                (event.seq, batch.offset(event.seq), event.at, event.envelope.receipt, line)
            })
        });
        events.collect()
    }

    proptest! {
        #[test]
        fn what_one_said_since_a_time_goes_and_all_else_stays_in_its_place(
            steps in vec(step(), 0..60),
            since in 0..6_i64,
            is_here in any::<bool>(),
        ) {
            let (mut transcript, mut its) = play(&steps);
            its.retain(|(_, at)| *at >= since);
            let mut expected = shown(&transcript);
            for (event, ..) in &its {
                expected[(event - FIRST) as usize].4 = None;
            }
            let (end, memory, oldest) = (transcript.end(), transcript.memory().0, transcript.oldest());
            let erasure = Erasure {
                name: "BOB".to_owned(),
                by: "alice".to_owned(),
                author: is_here.then_some(BOB),
                since,
                before: end,
            };
            let hits = transcript.erase(&erasure);
            prop_assert_eq!(hits.iter().map(|hit| hit.seq).collect::<Vec<_>>(), its.iter().map(|it| it.0).collect::<Vec<_>>());
            prop_assert_eq!(shown(&transcript), expected);
            prop_assert_eq!((transcript.end(), transcript.oldest()), (end, oldest));
            let sealed: usize = transcript.sealed.iter().map(|batch| batch.cost()).sum();
            prop_assert_eq!(transcript.held, sealed);
            let mut shares = Shares::default();
            transcript.sealed.iter().for_each(|batch| shares.add(batch.shares()));
            prop_assert_eq!(transcript.shares, shares);
            // A run for each erased line and what is behind it at most, and no byte of text.
            prop_assert!(transcript.memory().0 <= memory + 2 * hits.len() * 64);
            prop_assert_eq!(transcript.erase(&erasure), []);
            // Nobody misses any of it, neither now nor once it is forgotten.
            transcript.seal();
            for member in [ALICE, BOB] {
                let seen = transcript.newest(member, usize::MAX);
                prop_assert!(seen.into_iter().all(|event| !its.iter().any(|it| it.0 == event)));
            }
        }
    }

    #[test]
    fn who_comes_back_late_does_not_miss_what_was_erased() {
        let mut transcript = Transcript::new(200_000);
        let said = |by| Envelope::new(Audience::AllBut(by), Kind::Said);
        for _ in 0..2 {
            transcript.push(said(BOB), "<bob> x", 0);
            transcript.push(said(ALICE), "<alice> y", 0);
            transcript.push(Envelope::new(Audience::Only(ALICE), Kind::Said), "[bob -> you] z", 0);
            transcript.seal();
        }
        let (author, before) = (Some(BOB), transcript.end());
        let (name, by) = ("bob".to_owned(), "alice".to_owned());
        let hits = transcript.erase(&Erasure { name, by, author, since: 0, before });
        assert_eq!(count_lines(&hits), 4);
        for _ in 0..20 {
            transcript.push(said(ALICE), "x".repeat(40_000), 0);
            transcript.seal();
            while transcript.evict(Seq::MAX).is_some() {}
        }
        assert!(transcript.oldest() > 7);
        assert_eq!(transcript.evicted(plain(ALICE), FIRST), Some(0));
        let later = transcript.oldest() - 7;
        assert_eq!(transcript.evicted(plain(BOB), FIRST), Some(2 + later));
    }
}
