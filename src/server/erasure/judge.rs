//! Which events an order is about. Pure.
//!
//! One judge decides for what the room remembers and for what the history's file has, so both lose the same
//! lines. It knows neither batches nor rows: it is shown one event after the other.

use std::collections::HashMap;
use std::ops::Range;

use super::Erasure;
use crate::protocol::name::Wanted;
use crate::protocol::tag::{Millis, Seq};
use crate::server::audience::{Audience, Envelope, Kind};

/// One event, as the judge is shown it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Event<'a> {
    /// Its number.
    pub(crate) seq: Seq,
    /// When it was.
    pub(crate) at: Millis,
    /// For whom it is, and of whom.
    pub(crate) envelope: Envelope,
    /// As it is rendered.
    pub(crate) line: &'a str,
}

/// An event that is to be erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hit {
    /// Its number.
    pub(crate) seq: Seq,
    /// Whether it was said to all.
    pub(crate) is_public: bool,
    /// Whether it counts as a line. The sender's copy of a private line does not.
    pub(crate) counts: bool,
}

/// How many lines these are.
pub(crate) fn count_lines<'a>(hits: impl IntoIterator<Item = &'a Hit>) -> u64 {
    hits.into_iter().map(|hit| u64::from(hit.counts)).sum()
}

/// The numbers of the public ones among them, neighbours together.
pub(crate) fn public_ranges(hits: &[Hit]) -> Vec<Range<Seq>> {
    let mut ranges: Vec<Range<Seq>> = Vec::new();
    for hit in hits.iter().filter(|hit| hit.is_public) {
        match ranges.last_mut() {
            Some(last) if last.end == hit.seq => last.end += 1,
            _ => ranges.push(hit.seq..hit.seq + 1),
        }
    }
    ranges
}

/// Goes through events, oldest first, and notes which of them an order is about.
#[derive(Debug)]
pub(crate) struct Judge<'a> {
    /// The order.
    erasure: &'a Erasure,
    /// The name that it is about, to be compared with others.
    wanted: Wanted,
    /// Names beyond ASCII, and whether they are that name. To compare them takes Unicode's tables.
    known: HashMap<String, bool>,
    /// The event before, if it was the reader's copy of a private line, and whether that is to be erased.
    copy: Option<(Seq, bool)>,
    /// What is to be erased, in the order of events.
    hits: Vec<Hit>,
}

/// What somebody has said, by the form of its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form<'a> {
    /// `<name> text` or `* name text`.
    Public(&'a str),
    /// `[name -> you] text`: the reader's copy of a private line.
    ToReader(&'a str),
    /// `| 14:05 [name -> you] text`: one that has waited for its reader.
    Delivered(&'a str),
    /// `[you -> name] text`: the sender's copy, the event after the reader's.
    ToSender,
}

impl<'a> Form<'a> {
    /// The form of a line as the room renders it. No name has a blank or a bracket in it.
    fn of(line: &'a str) -> Option<Form<'a>> {
        if let Some(rest) = line.strip_prefix('<') {
            return rest.split_once("> ").map(|(name, _)| Form::Public(name));
        }
        if let Some(rest) = line.strip_prefix("* ") {
            return rest.split_once(' ').map(|(name, _)| Form::Public(name));
        }
        if let Some((_time, rest)) = line.strip_prefix("| ").and_then(|rest| rest.split_once(' ')) {
            return private(rest)
                .and_then(|(from, is_to_you)| is_to_you.then_some(Form::Delivered(from)));
        }
        match private(line)? {
            ("you", _) => Some(Form::ToSender),
            (name, is_to_you) => is_to_you.then_some(Form::ToReader(name)),
        }
    }
}

/// Who has said a private line, and whether it is the reader's copy.
fn private(line: &str) -> Option<(&str, bool)> {
    let (from, rest) = line.strip_prefix('[')?.split_once(" -> ")?;
    Some((from, rest.starts_with("you] ")))
}

impl Erasure {
    /// Whether an event that was then, and has that number, may be among those that it is about.
    fn covers(&self, event: &Event<'_>) -> bool {
        event.at >= self.since && event.seq < self.before
    }
}

impl<'a> Judge<'a> {
    pub(crate) fn new(erasure: &'a Erasure) -> Judge<'a> {
        let wanted = Wanted::of(&erasure.name).unwrap_or_else(Wanted::nobody);
        Judge { erasure, wanted, known: HashMap::new(), copy: None, hits: Vec::new() }
    }

    /// Looks at the next event.
    pub(crate) fn look(&mut self, event: Event<'_>) {
        let copy = self.copy.take().filter(|(seq, _)| seq + 1 == event.seq);
        if !self.erasure.covers(&event) {
            return;
        }
        let Envelope { audience, kind, .. } = event.envelope;
        match Form::of(event.line) {
            Some(Form::Delivered(name))
                if kind == Kind::Passing && audience.is_private() && self.is_called(name) =>
            {
                self.hit_private(event.seq, true);
            }
            _ if kind == Kind::Passing => {}
            Some(Form::Public(name)) if !audience.is_private() => self.look_at_public(&event, name),
            Some(Form::ToReader(name)) if audience.is_private() => {
                let is_its = self.is_its(&event.envelope, name);
                if is_its {
                    self.hit_private(event.seq, true);
                }
                self.copy = Some((event.seq, is_its));
            }
            Some(Form::ToSender) => self.look_at_senders(&event, copy),
            _ => {}
        }
    }

    /// Whether the event of that number decides on the one before it: they may be both copies of a private line.
    pub(crate) fn awaits(&self, seq: Seq) -> bool {
        self.copy.is_some_and(|(copy, _)| copy + 1 == seq)
    }

    /// What is to be erased of the events that it has looked at since it was asked last.
    pub(crate) fn take_hits(&mut self) -> Vec<Hit> {
        std::mem::take(&mut self.hits)
    }

    fn look_at_public(&mut self, event: &Event<'_>, name: &str) {
        if event.envelope.audience != Audience::Nobody && self.is_its(&event.envelope, name) {
            self.hits.push(Hit { seq: event.seq, is_public: true, counts: true });
        }
    }

    /// Looks at the sender's copy of a private line, which tells whose the reader's is: a plain member's line
    /// has no receipt that would.
    fn look_at_senders(&mut self, event: &Event<'_>, readers: Option<(Seq, bool)>) {
        let Audience::Only(sender) = event.envelope.audience else { return };
        let is_erased = readers.is_some_and(|(_, is_erased)| is_erased);
        if !is_erased && self.erasure.author != Some(sender) {
            return;
        }
        if let Some((seq, false)) = readers {
            self.hit_private(seq, true);
        }
        self.hit_private(event.seq, false);
    }

    fn hit_private(&mut self, seq: Seq, counts: bool) {
        self.hits.push(Hit { seq, is_public: false, counts });
    }

    /// Whether the member that the order is about has said it, or somebody under the name that it is about.
    fn is_its(&mut self, envelope: &Envelope, name: &str) -> bool {
        let author = match (envelope.receipt, envelope.audience) {
            (Some(receipt), _) => Some(receipt.author),
            (None, Audience::AllBut(author)) => Some(author),
            (
                None,
                Audience::All
                | Audience::Only(_)
                | Audience::Programs
                | Audience::People
                | Audience::Nobody,
            ) => None,
        };
        (author.is_some() && author == self.erasure.author) || self.is_called(name)
    }

    fn is_called(&mut self, name: &str) -> bool {
        if name.is_ascii() {
            return name.eq_ignore_ascii_case(self.wanted.folded());
        }
        if let Some(&is_it) = self.known.get(name) {
            return is_it;
        }
        let is_it = Wanted::of(name).is_some_and(|other| other.folded() == self.wanted.folded());
        self.known.insert(name.to_owned(), is_it);
        is_it
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Strategy, prop_assert_eq, prop_oneof, proptest};
    use proptest::sample::select;

    use super::*;
    use crate::protocol::arbitrary;
    use crate::protocol::name::Name;
    use crate::protocol::reply::Speech;
    use crate::server::audience::{MemberId, Receipt};

    const A: MemberId = MemberId(1);
    const B: MemberId = MemberId(2);

    fn erasure(name: &str, author: Option<MemberId>) -> Erasure {
        Erasure { name: name.to_owned(), by: "alice".to_owned(), author, since: 100, before: 90 }
    }

    fn hits(erasure: &Erasure, events: &[(Seq, Millis, Envelope, &str)]) -> Vec<(Seq, bool, bool)> {
        let mut judge = Judge::new(erasure);
        for &(seq, at, envelope, line) in events {
            judge.look(Event { seq, at, envelope, line });
        }
        judge.take_hits().iter().map(|hit| (hit.seq, hit.is_public, hit.counts)).collect()
    }

    fn by(author: MemberId) -> Envelope {
        let receipt = Receipt::new(author, 1);
        Envelope { receipt, ..plain(author) }
    }

    fn plain(author: MemberId) -> Envelope {
        Envelope::new(Audience::AllBut(author), Kind::Said)
    }

    fn to(reader: MemberId) -> Envelope {
        Envelope::new(Audience::Only(reader), Kind::Said)
    }

    #[test]
    fn public_lines_are_hit_by_their_speakers_name_and_by_who_is_called_so_now() {
        let passing = Envelope::new(Audience::AllBut(B), Kind::Passing);
        let events = [
            (1, 99, plain(B), "<bob> too early"),
            (2, 100, plain(B), "<bob> one"),
            (3, 100, plain(MemberId(9)), "* BOB does it under that name before"),
            (4, 100, by(B), "<robert> under another name"),
            (5, 100, plain(A), "<alice> <bob> is quoted"),
            (6, 100, plain(A), "* alice bob"),
            (7, 100, by(B), "-- robert is now bob"),
            (8, 100, passing, "-- bob joined"),
            (9, 100, plain(MemberId(9)), "<bobby> is another one"),
            (90, 100, plain(B), "<bob> after the order"),
        ];
        let its = [(2, true, true), (3, true, true), (4, true, true)];
        assert_eq!(hits(&erasure("Bob", Some(B)), &events), its);
        assert_eq!(hits(&erasure("bob", None), &events), its[..2]);
        assert_eq!(hits(&erasure("nobody", None), &events), []);
    }

    #[test]
    fn of_a_private_line_both_copies_are_hit_and_count_as_one() {
        let tagged = Envelope { receipt: Receipt::new(B, 3), ..to(A) };
        let events = [
            (1, 100, tagged, "[robert -> you] of a program"),
            (2, 100, to(B), "[you -> alice] of a program"),
            (3, 100, to(A), "[robert -> you] of a plain member"),
            (4, 100, to(B), "[you -> alice] of a plain member"),
            (5, 100, to(B), "[alice -> you] answered"),
            (6, 100, to(A), "[you -> robert] answered"),
            (7, 100, to(A), "[bob -> you] of one who was called so before"),
            (8, 100, to(MemberId(9)), "[you -> alice] of one who was called so before"),
            (10, 100, to(B), "[you -> carol] of which the reader has left"),
        ];
        let copies = |seq| [(seq, false, true), (seq + 1, false, false)];
        let expected = [&copies(1)[..], &copies(3), &copies(7), &[(10, false, false)]].concat();
        assert_eq!(hits(&erasure("bob", Some(B)), &events), expected);
        assert_eq!(hits(&erasure("bob", None), &events), copies(7));
    }

    #[test]
    fn what_has_waited_for_its_reader_is_hit_by_the_time_at_which_that_has_come() {
        let told = Envelope::new(Audience::Only(A), Kind::Passing);
        let events = [
            (1, 99, told, "| 14:05 [bob -> you] too early"),
            (2, 100, told, "-- 2 private lines came while you were away:"),
            (3, 100, told, "| -- 2026-11-28"),
            (4, 100, told, "| 14:05 [Bob -> you] one"),
            (5, 100, told, "| 14:05 [carol -> you] [bob -> you] two"),
            (6, 100, to(A), "| 14:05 [bob -> you] no line of the room's"),
        ];
        assert_eq!(hits(&erasure("bob", Some(B)), &events), [(4, false, true)]);
    }

    #[test]
    fn neighbouring_public_lines_are_one_range() {
        let hit = |seq, is_public| Hit { seq, is_public, counts: true };
        let hits = [hit(3, true), hit(4, true), hit(5, false), hit(6, true), hit(9, true)];
        assert_eq!(public_ranges(&hits), [3..5, 6..7, 9..10]);
        assert_eq!(count_lines(&hits), 5);
    }

    fn name() -> impl Strategy<Value = Name> {
        let alike = select(&["bob", "BOB", "straße", "Strasse", "STRASSE", "Ζωή", "ΖΩΉ"][..]);
        prop_oneof![alike.prop_map(|name| Name::parse(name).expect("a name")), arbitrary::name()]
    }

    proptest! {
        #[test]
        fn a_speaker_is_found_in_each_form_and_compared_as_names_are(one in name(), other in name()) {
            let wanted = Wanted::of(one.as_str()).expect("it is short");
            let is_it = other.likeness().is_called(&wanted);
            let erasure = erasure(one.as_str(), None);
            let public = [Speech::Said(&other, "> x"), Speech::Done(&other, "-> you] x")];
            for line in public.map(|speech| speech.to_string()) {
                let events = [(1, 100, plain(A), &*line)];
                prop_assert_eq!(hits(&erasure, &events), vec![(1, true, true); usize::from(is_it)]);
            }
            let private = Speech::ToYou(&other, "x").to_string();
            let events = [(1, 100, to(A), &*private)];
            prop_assert_eq!(hits(&erasure, &events), vec![(1, false, true); usize::from(is_it)]);
        }
    }
}
