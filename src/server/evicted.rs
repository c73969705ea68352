//! For whom forgotten events were: all that is left of a batch, in a few bytes for each change of the
//! audience. Pure.
//!
//! Whoever comes back late is told how many lines are gone, and only that is to be known here.
//! Authors do not count their own lines and are never among the audience.

use super::audience::{Audience, Index, MemberId, Recipient, Share};
use crate::protocol::tag::Seq;

/// Neighbouring events of one audience are a number, how many and for whom, and after it that of the
/// member, if it is about one. The numbers are in base 128, the lowest digit first, and each but the
/// last digit with its highest bit set (LEB128).
#[derive(Debug, Clone)]
pub(crate) struct Evicted {
    /// The number of the first event.
    first: Seq,
    /// The runs, as numbers in base 128.
    runs: Box<[u8]>,
}

/// How many of the lowest bits of a run's first number say for whom it is.
const SORT_BITS: u32 = 3;

const ALL: u64 = 0;
const ALL_BUT: u64 = 1;
const ONLY: u64 = 2;
const NOBODY: u64 = 3;
const PROGRAMS: u64 = 4;
const PEOPLE: u64 = 5;

impl Evicted {
    /// What is left of a batch of which that is the index.
    pub(crate) fn of(index: &Index) -> Evicted {
        Evicted::of_audiences(index.begin(), index.audiences())
    }

    /// What is left of those of its events that are of that share, when they are withdrawn.
    pub(crate) fn of_share(index: &Index, share: Share) -> Evicted {
        let of_share = |audience: Audience| {
            if audience.share() == Some(share) { audience } else { Audience::Nobody }
        };
        let audiences = index.audiences().map(|(count, audience)| (count, of_share(audience)));
        Evicted::of_audiences(index.begin(), audiences)
    }

    fn of_audiences(first: Seq, audiences: impl Iterator<Item = (u64, Audience)>) -> Evicted {
        let mut runs = Vec::new();
        let mut audiences = audiences.peekable();
        while let Some((mut count, audience)) = audiences.next() {
            while let Some((more, _)) = audiences.next_if(|(_, next)| *next == audience) {
                count += more;
            }
            write(&mut runs, count << SORT_BITS | sort(audience));
            if let Audience::AllBut(member) | Audience::Only(member) = audience {
                write(&mut runs, member.0);
            }
        }
        Evicted { first, runs: runs.into() }
    }

    /// The number of the first event.
    pub(crate) fn begin(&self) -> Seq {
        self.first
    }

    /// How many lines for `recipient` there were from the event with that number on.
    pub(crate) fn count_lines(&self, recipient: Recipient, from: Seq) -> u64 {
        let (mut rest, mut begin, mut lines) = (&*self.runs, self.first, 0);
        while !rest.is_empty() {
            let head = read(&mut rest);
            let end = begin + (head >> SORT_BITS);
            let audience = match head & ((1 << SORT_BITS) - 1) {
                ALL => Audience::All,
                ALL_BUT => Audience::AllBut(MemberId(read(&mut rest))),
                ONLY => Audience::Only(MemberId(read(&mut rest))),
                PROGRAMS => Audience::Programs,
                PEOPLE => Audience::People,
                _nobody => Audience::Nobody,
            };
            if audience.includes(recipient) {
                lines += end.saturating_sub(begin.max(from));
            }
            begin = end;
        }
        lines
    }

    /// What it takes of the room's memory, in bytes.
    pub(crate) fn cost(&self) -> usize {
        size_of::<Evicted>() + self.runs.len()
    }
}

fn sort(audience: Audience) -> u64 {
    match audience {
        Audience::All => ALL,
        Audience::AllBut(_) => ALL_BUT,
        Audience::Only(_) => ONLY,
        Audience::Programs => PROGRAMS,
        Audience::People => PEOPLE,
        Audience::Nobody => NOBODY,
    }
}

fn write(into: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        into.push(number as u8 | 0x80);
        number >>= 7;
    }
    into.push(number as u8);
}

fn read(from: &mut &[u8]) -> u64 {
    let mut number = 0;
    let mut shift = 0;
    while let Some((&byte, rest)) = from.split_first() {
        *from = rest;
        number |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 {
            break;
        }
    }
    number
}

#[cfg(test)]
mod tests {
    use std::num::NonZero;

    use proptest::prelude::*;

    use super::super::audience::{Envelope, Kind, Receipt, Recipient};
    use super::*;
    use crate::protocol::tag::Format;

    /// Of who is here; so high that a number takes several bytes.
    fn member() -> impl Strategy<Value = MemberId> {
        prop_oneof![1..4u64, Just(127), Just(128), Just(u64::MAX)].prop_map(MemberId)
    }

    fn envelope() -> impl Strategy<Value = Envelope> {
        let said = (member(), 1..4u64).prop_map(|(author, line)| Envelope {
            receipt: NonZero::new(line).map(|line| Receipt { author, line }),
            ..Envelope::new(Audience::AllBut(author), Kind::Said)
        });
        let told = Just(Envelope::new(Audience::All, Kind::Passing));
        let private = member().prop_map(|to| Envelope::new(Audience::Only(to), Kind::Said));
        let moved = prop_oneof![Just(Audience::Programs), Just(Audience::People)]
            .prop_map(|audience| Envelope::new(audience, Kind::Passing));
        prop_oneof![said, told, private, moved]
    }

    proptest! {
            #[test]
            fn it_knows_how_many_lines_a_batch_had_for_anyone(
                envelopes in prop::collection::vec((envelope(), 1..200usize), 0..20),
                recipient in member(),
                from in 0..3000u64,
            ) {
                let mut index = Index::beginning_at(1000);
                for (envelope, times) in envelopes {
                    (0..times).for_each(|_| {
     index.push(envelope);
    });
                }
                let evicted = Evicted::of(&index);
                for format in [Format::Plain, Format::Tagged] {
                    // The author of a line is never among those who get it.
                    let recipient = Recipient { member: recipient, format };
                    let counted = index.count_lines(recipient, &(from..Seq::MAX));
                    prop_assert_eq!(evicted.count_lines(recipient, from), counted);
                }
            }
        }

    #[test]
    fn a_change_of_speaker_takes_three_bytes() {
        let mut index = Index::beginning_at(1);
        for line in 0..1000 {
            let author = MemberId(200 + line % 2);
            index.push(Envelope::new(Audience::AllBut(author), Kind::Said));
        }
        assert_eq!(Evicted::of(&index).cost(), size_of::<Evicted>() + 3 * 1000);
    }
}
