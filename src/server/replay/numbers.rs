//! Many events' numbers in little memory. Pure.

use crate::protocol::tag::Seq;

/// Events' numbers: collected from the newest on, and given from the oldest on. Each takes a byte where
/// the next is less than 128 events away, and two within 16,384.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    /// The next one to be taken.
    oldest: Seq,
    /// How many there are.
    count: usize,
    /// How far each lies before the one that is newer, as LEB128 (DWARF 5, 7.6), to be read from the end.
    distances: Vec<u8>,
}

const GROUP: u32 = 7;
const GOES_ON: u8 = 1 << GROUP;

impl Numbers {
    /// Adds that of an event before all the others.
    pub(crate) fn push(&mut self, older: Seq) {
        if self.count > 0 {
            self.write(self.oldest - older);
        }
        self.oldest = older;
        self.count += 1;
    }

    /// The oldest one's.
    pub(crate) fn oldest(&self) -> Option<Seq> {
        (self.count > 0).then_some(self.oldest)
    }

    fn write(&mut self, distance: u64) {
        let groups = (u64::BITS - distance.leading_zeros()).div_ceil(GROUP).max(1);
        for group in (0..groups).rev() {
            let bits = (distance >> (group * GROUP)) as u8 & !GOES_ON;
            let has_higher = group + 1 < groups;
            self.distances.push(bits | if has_higher { GOES_ON } else { 0 });
        }
    }

    fn read(&mut self) -> u64 {
        let (mut distance, mut shift) = (0, 0);
        while let Some(byte) = self.distances.pop() {
            distance |= u64::from(byte & !GOES_ON) << shift;
            shift += GROUP;
            if byte & GOES_ON == 0 {
                break;
            }
        }
        distance
    }
}

impl Iterator for Numbers {
    type Item = Seq;

    fn next(&mut self) -> Option<Seq> {
        let oldest = self.oldest()?;
        self.count -= 1;
        if self.count > 0 {
            self.oldest += self.read();
        }
        Some(oldest)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.count, Some(self.count))
    }
}

impl ExactSizeIterator for Numbers {}

impl FromIterator<Seq> for Numbers {
    /// From the newest to the oldest.
    fn from_iter<I: IntoIterator<Item = Seq>>(newest_first: I) -> Numbers {
        let mut numbers = Numbers::default();
        newest_first.into_iter().for_each(|older| numbers.push(older));
        numbers
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::btree_set;
    use proptest::prelude::{any, prop_assert_eq, prop_oneof, proptest};

    use super::*;

    proptest! {
        #[test]
        fn what_is_collected_comes_back_from_the_other_end(
            events in btree_set(prop_oneof![0..1000_u64, 0..1_000_000_u64, any::<u64>()], 0..100),
        ) {
            let mut numbers: Numbers = events.iter().rev().copied().collect();
            for (at, &event) in events.iter().enumerate() {
                prop_assert_eq!(numbers.len(), events.len() - at);
                prop_assert_eq!(numbers.oldest(), Some(event));
                prop_assert_eq!(numbers.next(), Some(event));
            }
            prop_assert_eq!((numbers.oldest(), numbers.next()), (None, None));
            prop_assert_eq!(numbers.distances.len(), 0);
        }
    }

    #[test]
    fn as_many_as_can_be_asked_for_take_little() {
        let all: Numbers = (0..super::super::MOST as Seq).rev().collect();
        assert_eq!(all.distances.len(), super::super::MOST - 1);
    }
}
