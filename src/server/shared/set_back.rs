//! What a server remembers of the log, to find by data whether that was set back, how far, and what it has lost. Pure.
//!
//! Whoever asks looks at places of the log one by one ([`Search`]); then it makes the room anew
//! up to the end of the log, and proposes what [`Room::back`](crate::server::room::Room::back) and
//! [`Room::lost_by`](crate::server::room::Room::lost_by) say.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use super::snapshot::hash;
use crate::server::room::group::Position;

/// How many groups are remembered.
const MOST: usize = 65_536;

/// The last groups that were applied, or ignored: where each was, and the hash of its bytes.
#[derive(Debug, Default, Clone)]
pub(crate) struct Groups {
    /// Oldest first; at most [`MOST`].
    groups: VecDeque<(Position, u64)>,
}

/// What stands at a place of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// The group that is remembered, or it was trimmed away, so that it was there.
    Kept,
    /// Another one, or none.
    Lost,
}

/// What a log has lost that was set back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Loss {
    /// The last group that it still has; `None` if it has none of those that are remembered.
    pub(crate) kept: Option<Position>,
    /// How many groups are gone, as far as they are remembered.
    pub(crate) groups: usize,
    /// In which time they came.
    pub(crate) time: Duration,
}

/// For the log: `14 entries of the last 3 s are gone`.
impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (entries, are) = if self.groups == 1 { ("entry", "is") } else { ("entries", "are") };
        write!(f, "{} {entries} of the last ", self.groups)?;
        match self.time.as_secs_f64().ceil() {
            seconds if seconds <= 1.0 => write!(f, "second {are} gone"),
            seconds => write!(f, "{seconds} s {are} gone"),
        }
    }
}

impl Groups {
    /// Remembers a group that comes behind the others.
    pub(crate) fn push(&mut self, position: Position, bytes: &[u8]) {
        if self.groups.len() == MOST {
            self.groups.pop_front();
        }
        self.groups.push_back((position, hash(bytes)));
    }

    /// The last group.
    pub(crate) fn last(&self) -> Option<Position> {
        self.groups.back().map(|(position, _)| *position)
    }

    /// Forgets the groups behind that one, which a log has lost, or all.
    pub(crate) fn go_back_to(&mut self, kept: Option<Position>) {
        let is_kept = |(position, _): &(Position, u64)| kept.is_some_and(|kept| *position <= kept);
        self.groups.truncate(self.groups.partition_point(is_kept));
    }

    /// What it means that these bytes stand at that place, or none, in a log that was trimmed up to there: its first group,
    /// or the group after which its oldest snapshot was made, whichever comes first. `None` is a log that was never trimmed.
    pub(crate) fn judge(
        &self,
        position: Position,
        bytes: Option<&[u8]>,
        begin: Option<Position>,
    ) -> Found {
        let known = self.groups.binary_search_by_key(&position, |(position, _)| *position);
        let known = known.ok().map(|place| self.groups[place].1);
        let is_same = bytes.is_some_and(|bytes| known == Some(hash(bytes)));
        let is_trimmed = bytes.is_none() && begin.is_some_and(|begin| position < begin);
        if is_same || is_trimmed { Found::Kept } else { Found::Lost }
    }

    /// Looks for the last group that the log still has.
    pub(crate) fn search(&self) -> Search<'_> {
        Search { groups: &self.groups, kept: 0, lost: self.groups.len(), is_first: true }
    }
}

/// A search for the last group that a log still has. It takes about as many looks as the number of groups has digits in
/// base 2; one, if none is lost.
#[derive(Debug)]
pub(crate) struct Search<'a> {
    /// Where it is.
    groups: &'a VecDeque<(Position, u64)>,
    /// The first so many are known to be kept.
    kept: usize,
    /// Those from that one on are known to be lost.
    lost: usize,
    /// Nothing has been looked at.
    is_first: bool,
}

impl Search<'_> {
    /// Where to look next; `None` once it is known.
    pub(crate) fn next(&self) -> Option<Position> {
        (self.kept < self.lost).then(|| self.groups[self.place()].0)
    }

    /// Takes note of what stands where [`Search::next`] has said.
    pub(crate) fn found(&mut self, found: Found) {
        let place = self.place();
        match found {
            Found::Kept => self.kept = place + 1,
            Found::Lost => self.lost = place,
        }
        self.is_first = false;
    }

    /// The last one first: nearly always it is there.
    fn place(&self) -> usize {
        if self.is_first { self.lost - 1 } else { self.kept.midpoint(self.lost) }
    }

    /// What is lost, once that is known; `None` if nothing is.
    pub(crate) fn loss(&self) -> Option<Loss> {
        let (last, _) = self.groups.back()?;
        let groups = self.groups.len() - self.kept;
        let position = |place: usize| self.groups.get(place).map(|(position, _)| *position);
        let kept = self.kept.checked_sub(1).and_then(position);
        let since = kept.or(position(0))?;
        let time = Duration::from_millis(last.ms.saturating_sub(since.ms));
        (groups > 0).then_some(Loss { kept, groups, time })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    use super::*;

    fn at(number: u64) -> Position {
        Position { ms: 1_000 * number, n: 0 }
    }

    fn groups(count: u64) -> Groups {
        let mut groups = Groups::default();
        (1..=count).for_each(|number| groups.push(at(number), &number.to_le_bytes()));
        groups
    }

    #[test]
    fn a_group_is_there_with_the_same_bytes_or_if_it_was_trimmed() {
        let groups = groups(9);
        let judge = |bytes: Option<u64>, begin: Option<u64>| {
            let bytes = bytes.map(u64::to_le_bytes);
            groups.judge(at(5), bytes.as_ref().map(|bytes| &bytes[..]), begin.map(at))
        };
        assert_eq!(judge(Some(5), Some(1)), Found::Kept);
        assert_eq!(judge(Some(4), Some(1)), Found::Lost);
        assert_eq!((judge(None, Some(6)), judge(None, Some(5))), (Found::Kept, Found::Lost));
        assert_eq!(judge(None, None), Found::Lost);
    }

    #[test]
    fn a_loss_is_told_in_whole_seconds() {
        let told =
            |groups, ms| Loss { kept: None, groups, time: Duration::from_millis(ms) }.to_string();
        assert_eq!(told(1, 0), "1 entry of the last second is gone");
        assert_eq!(told(2, 1_000), "2 entries of the last second are gone");
        assert_eq!(told(1, 1_001), "1 entry of the last 2 s is gone");
        assert_eq!(told(14, 2_100), "14 entries of the last 3 s are gone");
    }

    #[test]
    fn no_more_is_remembered_than_there_is_room_for() {
        let mut groups = groups(MOST as u64 + 7);
        assert_eq!((groups.groups.len(), groups.last()), (MOST, Some(at(MOST as u64 + 7))));
        groups.go_back_to(Some(at(MOST as u64 - 1)));
        assert_eq!(groups.last(), Some(at(MOST as u64 - 1)));
        groups.go_back_to(None);
        assert_eq!(groups.last(), None);
    }

    proptest! {
        #[test]
        fn the_last_group_that_is_still_there_is_found_in_few_looks(
            count in 0..600_u64,
            kept in 0..600_u64,
            trimmed in 0..600_u64,
        ) {
            let (groups, kept) = (groups(count), kept.min(count));
            let trimmed = trimmed.min(kept);
            let mut search = groups.search();
            let mut looks = 0;
            while let Some(position) = search.next() {
                let number = position.ms / 1_000;
                // Behind what is kept others stand by now, some of them at the same places.
                let bytes = (number > trimmed && number <= kept).then(|| number.to_le_bytes());
                let other = (number > kept && number % 2 == 0).then(|| (number + 1).to_le_bytes());
                let bytes = bytes.or(other);
                let begin = (kept > 0).then(|| at(trimmed + 1));
                search.found(groups.judge(position, bytes.as_ref().map(|it| &it[..]), begin));
                looks += 1;
            }
            let loss = (kept < count).then(|| Loss {
                kept: (kept > 0).then(|| at(kept)),
                groups: (count - kept) as usize,
                time: Duration::from_secs(count - kept.max(1)),
            });
            prop_assert_eq!(search.loss(), loss);
            prop_assert!(looks <= 11, "{}", looks);
            prop_assert!(kept < count || looks <= 1);
        }
    }
}
