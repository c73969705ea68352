//! How lines are erased in a batch: a copy of it takes its place, of the same numbers and bytes. Pure.

use super::{Batch, Lines};
use crate::protocol::tag::Millis;
use crate::server::audience::Share;
use crate::server::erasure::judge::{Event, Hit};

impl Batch {
    /// Whether anything in it happened then or later.
    pub(crate) fn reaches(&self, since: Millis) -> bool {
        self.moments.iter().any(|moment| moment.at >= since)
    }

    /// Its events, one after the other.
    pub(crate) fn events(&self) -> impl Iterator<Item = Event<'_>> {
        (0..).zip(self.index.envelopes(0)).map(|(index, envelope)| {
            let seq = self.seq(index);
            Event { seq, at: self.time(seq), envelope, line: self.lines.line(index) }
        })
    }

    /// The same without the lines of these events, which are in it and ascend. Their bytes are blanks, for
    /// nobody, so that all positions stay as they are. Their authors still get their receipts.
    pub(crate) fn without(&self, erased: &[Hit]) -> Batch {
        let erased: Vec<u32> = erased.iter().map(|hit| self.index.position(hit.seq)).collect();
        let is_private = |index: &&u32| self.index.is_private(**index);
        let private: usize =
            erased.iter().filter(is_private).map(|&index| self.lines.size(index)).sum();
        let mut shares = self.shares;
        // Blanks are not withdrawn.
        *shares.of_mut(Share::Private) = shares.of(Share::Private).saturating_sub(private);
        let mut kept = Batch {
            index: self.index.without(&erased),
            offset: self.offset,
            lines: self.lines.blanked(&erased),
            moments: self.moments.clone(),
            shares,
            withdrawn: self.withdrawn.clone(),
        };
        kept.shrink();
        kept
    }
}

impl Lines {
    /// What a line takes besides the rest, in bytes.
    fn size(&self, line: u32) -> usize {
        self.start(line + 1) - self.start(line) + size_of::<u32>()
    }

    /// The same with blanks in place of these lines.
    fn blanked(&self, erased: &[u32]) -> Lines {
        let mut text = self.text.clone().into_bytes();
        for &line in erased {
            // Up to the newline. A line that is none has no byte.
            let (start, end) = (self.start(line), self.start(line + 1));
            text[start..end.saturating_sub(1).max(start)].fill(b' ');
        }
        let text = String::from_utf8(text).expect("whole lines of UTF-8 became blanks");
        Lines { text, ends: self.ends.clone() }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZero;

    use proptest::collection::vec;
    use proptest::prelude::{
        Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest,
    };

    use super::*;
    use crate::protocol::tag::{Format, Seq};
    use crate::server::audience::{
        Audience, Envelope, Kind, MemberId, Receipt, Recipient, Rendition,
    };

    /// An event as the room makes them, and whether it is erased.
    fn event() -> impl Strategy<Value = (Envelope, String, bool)> {
        let member = || (1..4_u64).prop_map(MemberId);
        let kind = prop_oneof![Just(Kind::Said), Just(Kind::Passing)];
        let envelope = (member(), member(), 0..3_u8, 0..9_u64, kind).prop_map(
            |(author, reader, what, line, kind)| {
                let receipt = NonZero::new(line).map(|line| Receipt { author, line });
                let audience = [Audience::AllBut(author), Audience::Only(reader), Audience::All];
                Envelope { audience: audience[usize::from(what)], kind, receipt }
            },
        );
        (envelope, "[a-zß上]{0,6}", any::<bool>())
    }

    /// What a recipient gets of a batch: each line or receipt with its number.
    fn seen(batch: &Batch, recipient: Recipient) -> Vec<(Seq, String)> {
        let mut seen = Vec::new();
        for piece in batch.index().pieces(recipient, &(0..Seq::MAX)) {
            for index in piece.events {
                let what = match piece.rendition {
                    Rendition::Line => batch.lines().line(index).to_owned(),
                    Rendition::Receipt => format!("{:?}", batch.index().receipt(index)),
                };
                seen.push((batch.seq(index), what));
            }
        }
        seen
    }

    proptest! {
        #[test]
        fn all_but_the_erased_lines_stays_as_it_is(events in vec(event(), 0..20)) {
            let mut old = Batch::beginning_at(7, 100);
            let mut hits = Vec::new();
            for (at, (envelope, line, is_erased)) in (0..).zip(&events) {
                old.is_now(at / 3);
                if *is_erased {
                    let is_public = !envelope.audience.is_private();
                    hits.push(Hit { seq: old.end(), is_public, counts: true });
                }
                old.push(*envelope, line);
            }
            let new = old.without(&hits);
            prop_assert_eq!((new.begin(), new.end(), new.bytes()), (old.begin(), old.end(), old.bytes()));
            prop_assert!(new.shares().of(Share::Private) <= old.shares().of(Share::Private));
            let is_erased = |event: &Seq| hits.iter().any(|hit| hit.seq == *event);
            for event in old.begin()..old.end() {
                let index = old.index().position(event);
                prop_assert_eq!(new.offset(event), old.offset(event));
                prop_assert_eq!(new.time(event), old.time(event));
                prop_assert_eq!(new.index().receipt(index), old.index().receipt(index));
                prop_assert_eq!(new.has_line(event), !is_erased(&event));
                let blank = new.line(event).bytes().all(|byte| byte == b' ');
                prop_assert!(blank || new.line(event) == old.line(event));
                prop_assert!(blank || !is_erased(&event));
            }
            for member in (1..5).map(MemberId) {
                for format in [Format::Plain, Format::Tagged] {
                    let recipient = Recipient { member, format };
                    let mut expected = seen(&old, recipient);
                    // A receipt stays.
                    expected.retain(|(event, what)| !is_erased(event) || what.starts_with("Some"));
                    prop_assert_eq!(seen(&new, recipient), expected);
                }
                let mut replayed: Vec<_> = old.replayed_to(member).collect();
                replayed.retain(|event| !is_erased(event));
                prop_assert_eq!(new.replayed_to(member).collect::<Vec<_>>(), replayed);
            }
            let kept = new.events().zip(old.events()).all(|(new, old)| {
                new.line == old.line && new.envelope == old.envelope || is_erased(&new.seq)
            });
            prop_assert!(kept);
        }
    }

    #[test]
    fn what_only_one_could_see_counts_no_more_once_it_is_erased() {
        let private = Envelope::new(Audience::Only(MemberId(1)), Kind::Said);
        let mut old = Batch::beginning_at(1, 0);
        old.is_now(0);
        old.push(private, "x".repeat(1000));
        old.push(private, "y".repeat(3000));
        let new = old.without(&[Hit { seq: 2, is_public: false, counts: true }]);
        let [before, after] = [&old, &new].map(|batch| batch.shares().of(Share::Private));
        assert!(before > 4000 && (1000..1200).contains(&after), "{after}");
        assert!(new.reaches(0) && !new.reaches(1));
    }
}
