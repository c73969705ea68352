//! Where a log starts: with the room's first group, or with a later one since it was trimmed. A room may be made of a
//! log without a snapshot only where that starts with the first group.

use super::codec::{Unread, decode};
use super::engine::{COUNT, Link, Position};
use super::trouble::Trouble;
use crate::server::room::group::{Act, Group};

/// Up to where a server that begins goes on with the log: it has no members, and knows nothing that the log may have lost
/// but its numbers. It is no position of a group, nor the one before the first.
pub(super) const HAS_NO_MEMBERS: Position = Position { ms: 0, n: 1 };

/// Where a log starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LogStart {
    /// It has no group of the room, or there is no log.
    Nowhere,
    /// With the group that has begun it.
    First,
    /// With that group, before which there were others.
    Later(Position),
}

impl LogStart {
    /// Where the log of that room starts. What is no group of the room's, such as another program's entry, is passed over.
    ///
    /// # Errors
    ///
    /// The engine does not answer, or refuses.
    pub(super) fn find(link: &mut dyn Link, room: u64) -> Result<LogStart, Trouble> {
        let mut last = Position::START;
        loop {
            let next = link.look(last)?.next;
            for group in &next {
                match decode(&group.bytes) {
                    Ok(it) if it.room == room && has_begun_a_log(&it) => {
                        return Ok(LogStart::First);
                    }
                    Ok(it) if it.room == room => return Ok(LogStart::Later(group.at)),
                    // The server that reads on ends: it is too old for the room.
                    Err(Unread::Newer { room: of, .. }) if of == room => {
                        return Ok(LogStart::First);
                    }
                    Ok(_) | Err(Unread::Newer { .. } | Unread::Malformed) => {}
                }
            }
            match next.last() {
                Some(group) if next.len() == COUNT => last = group.at,
                _ => return Ok(LogStart::Nowhere),
            }
        }
    }
}

/// Where the log of that room starts, if that is not with its first group, and there is no snapshot: nobody finds a way into
/// the room then.
///
/// # Errors
///
/// The engine does not answer, or refuses.
pub(super) fn without_a_way_in(
    link: &mut dyn Link,
    room: u64,
) -> Result<Option<Position>, Trouble> {
    if link.snapshots()? > 0 {
        return Ok(None);
    }
    Ok(match LogStart::find(link, room)? {
        LogStart::Later(first) => Some(first),
        LogStart::First | LogStart::Nowhere => None,
    })
}

/// Whether a group is one that a server writes where there is no log: its first one, from before it has read anything, or
/// with its return to a log that has nothing any more. A server that joins others later writes such a group, too, while
/// the log is whole; one that was trimmed starts with it only by a rare accident.
fn has_begun_a_log(group: &Group<'_>) -> bool {
    let has_returned_to_nothing = group
        .entries
        .iter()
        .any(|entry| matches!(entry.act, Act::Back { kept, .. } if kept <= HAS_NO_MEMBERS));
    group.number == 1 && (group.seen == Position::START || has_returned_to_nothing)
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::super::codec::{Entries, Header};
    use super::super::engine::Missing;
    use super::super::fake::Fake;
    use super::*;
    use crate::server::room::group::Logged;

    const ROOM: u64 = 7;

    /// The group of that number of a server that has read so far, with what it returns from, if it does.
    fn group(room: u64, number: u64, seen: u64, kept: Option<Position>) -> Vec<u8> {
        let mut entries = Entries::default();
        let back =
            kept.map(|kept| Act::Back { old: 8, kept, seq: 1, member: 1, has_lost_lines: true });
        for act in back.into_iter().chain([Act::Hello { server: "a", version: "1", settings: 0 }]) {
            assert!(entries.push(&Logged::by_server(act)));
        }
        let seen = Position { ms: seen, n: 0 };
        entries.group(&Header { room, engine: 1, producer: 9, number, seen })
    }

    /// Where a log with these groups starts: with the first of all groups, nowhere, or with the one of that index.
    #[track_caller]
    fn assert_starts(groups: &[Vec<u8>], expected: impl Fn(&[Position]) -> LogStart) {
        let fake = Fake::new();
        let mut link = fake.engine().connect().expect("it is there");
        let append = |group: &Vec<u8>| link.append(group, Missing::Create).expect("it answers");
        let places: Vec<_> = groups.iter().filter_map(append).collect();
        let found = LogStart::find(link.as_mut(), ROOM).expect("it answers");
        assert_eq!(found, expected(&places));
    }

    #[test]
    fn a_log_starts_with_a_servers_first_group_or_was_trimmed() {
        let kept = Some(Position { ms: 5, n: 0 });
        assert_starts(&[], |_| LogStart::Nowhere);
        assert_starts(&[group(ROOM, 1, 0, None)], |_| LogStart::First);
        assert_starts(&[group(ROOM, 1, 9, Some(Position::START))], |_| LogStart::First);
        assert_starts(&[group(ROOM, 1, 0, Some(HAS_NO_MEMBERS))], |_| LogStart::First);
        for later in [group(ROOM, 2, 0, None), group(ROOM, 1, 9, None), group(ROOM, 1, 9, kept)] {
            assert_starts(&[later, group(ROOM, 1, 0, None)], |places| LogStart::Later(places[0]));
        }
    }

    #[test]
    fn what_is_none_of_the_rooms_groups_does_not_hide_where_the_log_starts() {
        let others = [b"no group".to_vec(), Vec::new(), group(ROOM + 1, 1, 0, None)];
        let mut groups: Vec<_> = others.iter().cycle().take(3 * COUNT).cloned().collect();
        assert_starts(&groups, |_| LogStart::Nowhere);
        let before = groups.len();
        groups.push(group(ROOM, 5, 9, None));
        assert_starts(&groups, |places| LogStart::Later(places[before]));
        groups[COUNT] = group(ROOM, 1, 0, None);
        assert_starts(&groups, |_| LogStart::First);
    }
}
