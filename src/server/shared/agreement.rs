//! Whether this server's room is the one that the others have: each makes a digest of it at the same places of the log,
//! and compares its own with the coordinator's. Pure.

use std::collections::VecDeque;

use crate::server::room::group::Position;

/// A digest is made whenever the log has had another so many groups.
const BETWEEN_DIGESTS: u64 = 256;

/// A room with more members than this makes fewer of them, since each costs as much as it has members (docs/PERFORMANCE.md).
const FEW_MEMBERS: usize = 1024;

/// How many of this server's digests are remembered. The coordinator's come a moment after the place that they are of.
const MOST: usize = 64;

/// Whether a digest is made of a room with so many members behind that many groups of its log. All servers whose rooms
/// are the same decide alike.
pub(crate) fn is_due(groups: u64, members: usize) -> bool {
    let part = 1 + (members / FEW_MEMBERS) as u64;
    groups.is_multiple_of(BETWEEN_DIGESTS * part)
}

/// The digests of this server's room.
#[derive(Debug, Default)]
pub(crate) struct Agreement {
    /// Oldest first; at most [`MOST`].
    made: VecDeque<Made>,
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
    fn the_more_members_there_are_the_fewer_digests_are_made() {
        let made = |members| (1..=25_600).filter(|groups| is_due(*groups, members)).count();
        assert_eq!([0, 1023, 1024, 2048, 20_000].map(made), [100, 100, 50, 33, 5]);
    }
}
