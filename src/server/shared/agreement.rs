//! Whether this server's room is the one that the others have: each makes a digest of it at the same places of the log,
//! and compares its own with the coordinator's. Pure.

use std::collections::VecDeque;

use crate::server::room::group::Position;

/// A digest is made behind each server's group of that number, and of each multiple of it.
const BETWEEN_DIGESTS: u64 = 256;

/// A room with more members than this makes fewer of them, since each costs as much as it has members (docs/PERFORMANCE.md).
const FEW_MEMBERS: usize = 1024;

/// For how long a server that was taken for dead may write without knowing that, by the log's clock, in milliseconds: longer
/// than it takes many servers to be taken for dead.
const FAREWELLS: u64 = 60_000;

/// How many of this server's digests are remembered. The coordinator's come a moment after the place that they are of.
const MOST: usize = 64;

/// Whether a digest is made behind the group of that number among its server's, of a room with so many members. It is the
/// group that decides, and not what the room has counted: servers whose rooms differ have to make theirs at the same
/// places, too, or none would find that out. With the other factor a power of 2, the places of a room with more members
/// are places of one with fewer.
pub(crate) fn is_due(number: u64, members: usize) -> bool {
    let part = (1 + members / FEW_MEMBERS).next_power_of_two() as u64;
    number.is_multiple_of(BETWEEN_DIGESTS * part)
}

/// The digests of this server's room.
#[derive(Debug, Default)]
pub(crate) struct Agreement {
    /// Oldest first; at most [`MOST`].
    made: VecDeque<Made>,
    /// The first group that this server has read since it serves clients.
    begun: Option<Position>,
}

/// One of them.
#[derive(Debug)]
struct Made {
    /// Behind which group.
    at: Position,
    /// How many groups there were.
    groups: u64,
    /// The digest.
    digest: u64,
}

impl Agreement {
    /// This server has read that group, and serves clients.
    pub(crate) fn on_group(&mut self, at: Position) {
        self.begun.get_or_insert(at);
    }

    /// Whether what a server has of that place is compared which this server's room does not know. One that was taken for
    /// dead before this server began may have had other settings, and does not read on for long; one that does is known to
    /// all whose rooms are the same.
    pub(crate) fn must_know_writers_at(&self, at: Position) -> bool {
        self.begun.is_some_and(|begun| at.ms > begun.ms + FAREWELLS)
    }

    /// This server's room has this digest behind that group, and so many in all.
    pub(crate) fn note(&mut self, at: Position, groups: u64, digest: u64) {
        if self.made.len() == MOST {
            self.made.pop_front();
        }
        self.made.push_back(Made { at, groups, digest });
    }

    /// Behind how many groups the room differs from the coordinator's, which has that digest; `None` if it is the same, or
    /// this server has none of that place: it began later, or the log was set back before it.
    pub(crate) fn difference(&self, at: Position, digest: u64) -> Option<u64> {
        let made = self.made.iter().find(|made| made.at == at)?;
        (made.digest != digest).then_some(made.groups)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Position {
        Position { ms, n: 0 }
    }

    #[test]
    fn who_has_another_digest_of_the_same_place_differs() {
        let mut agreement = Agreement::default();
        agreement.note(at(5), 256, 77);
        agreement.note(at(9), 512, 78);
        assert_eq!(agreement.difference(at(5), 77), None);
        assert_eq!(agreement.difference(at(9), 77), Some(512));
        // Another one's log, or one from before this server began.
        assert_eq!(agreement.difference(at(7), 1), None);
        (0..MOST as u64).for_each(|it| agreement.note(at(10 + it), 768, 1));
        assert_eq!((agreement.difference(at(9), 77), agreement.made.len()), (None, MOST));
    }

    #[test]
    fn who_writes_long_after_this_server_began_must_be_known() {
        let mut agreement = Agreement::default();
        assert!(!agreement.must_know_writers_at(at(100_000)));
        [5, 70_000].into_iter().for_each(|ms| agreement.on_group(at(ms)));
        assert_eq!(
            [60_005, 60_006].map(|ms| agreement.must_know_writers_at(at(ms))),
            [false, true]
        );
    }

    #[test]
    fn the_more_members_there_are_the_fewer_digests_are_made() {
        let made = |members| (1..=25_600).filter(|number| is_due(*number, members)).count();
        assert_eq!([0, 1023, 1024, 2048, 20_000].map(made), [100, 100, 50, 25, 3]);
    }

    #[test]
    fn rooms_that_differ_in_their_members_have_digests_of_the_same_places() {
        let is_of_all = |number| [0, 1024, 2048, 5000, 20_000].iter().all(|it| is_due(number, *it));
        assert_eq!(
            (1..=20_000).filter(|number| is_of_all(*number)).collect::<Vec<_>>(),
            [8192, 16_384]
        );
    }
}
