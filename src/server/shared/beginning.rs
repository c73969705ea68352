//! Where a server begins that joins the others: with the room of a snapshot, and the log from there.

use super::engine::{Engine, Link, Position};
use super::log_start::LogStart;
use super::settings::RoomSettings;
use super::snapshot::{self, Tenure};
use super::trouble::Trouble;
use crate::server::config::Config;
use crate::server::room::Room;
use crate::server::room::log::Log;

/// Where a server begins.
#[derive(Debug)]
pub(super) struct Beginning {
    /// The room of a snapshot; an empty one where there is none.
    pub(super) room: Room,
    /// Behind which group the log leads on from there.
    pub(super) from: Position,
    /// There is no log yet.
    pub(super) is_empty: bool,
}

impl Beginning {
    /// Reads where a server with that configuration begins; `None` if the log does not start with its first group, and no
    /// snapshot leads on to it. A room that was made of such a log would not be the one that the others have.
    ///
    /// # Errors
    ///
    /// The engine does not answer, or refuses.
    pub(super) fn find(
        engine: &dyn Engine,
        config: &Config,
        id: u64,
    ) -> Result<Option<Beginning>, Trouble> {
        let mut link = engine.connect()?;
        if let Some(room) = room_of_snapshot(link.as_mut(), config)? {
            let from = room.log().map_or(Position::START, Log::position);
            return Ok(Some(Beginning { room, from, is_empty: false }));
        }
        if let LogStart::Later(_) = LogStart::find(link.as_mut(), id)? {
            return Ok(None);
        }
        let is_empty = link.look(Position::START)?.first.is_none();
        Ok(Some(Beginning { room: Room::shared(config, id), from: Position::START, is_empty }))
    }
}

/// The room of the snapshot from which a server with that configuration begins. One that nobody can read, or that does not
/// lead on to the log, is passed over with all that are older.
fn room_of_snapshot(link: &mut dyn Link, config: &Config) -> Result<Option<Room>, Trouble> {
    let own = RoomSettings::of(config).fingerprint();
    let count = link.snapshots()?;
    for passed in 0..count {
        let bytes = first(count - passed, own, |number| link.snapshot(passed + number))?;
        let room = bytes.and_then(|bytes| snapshot::decode(config, &bytes).ok());
        let Some(room) = room else { continue };
        if is_of_log(link, &room)? {
            return Ok(Some(room));
        }
    }
    Ok(None)
}

/// Whether the log still has the group behind which a snapshot's room was made: it is trimmed up to there at most, and
/// another log has none at that place.
pub(super) fn is_of_log(link: &mut dyn Link, room: &Room) -> Result<bool, Trouble> {
    let at = room.log().map_or(Position::START, Log::position);
    Ok(link.look(at)?.group.is_some())
}

/// Of `count` snapshots, the one from which a server with the settings `own` begins: the newest one that servers with other
/// settings have written, since what those did may not come out the same with these; the oldest, if there is no such one. A
/// snapshot is read whole or not at all, and may be large: no more than two are read, unless the settings have changed
/// between the oldest and the newest.
fn first(
    count: usize,
    own: u64,
    mut read: impl FnMut(usize) -> Result<Option<Vec<u8>>, Trouble>,
) -> Result<Option<Vec<u8>>, Trouble> {
    let Some(last) = count.checked_sub(1) else { return Ok(None) };
    let newest = read(last)?;
    if last == 0 || has_others(own, newest.as_deref()) {
        return Ok(newest);
    }
    let oldest = read(0)?;
    if tenure(newest.as_deref()) == tenure(oldest.as_deref()) {
        return Ok(oldest);
    }
    for number in (1..last).rev() {
        let bytes = read(number)?;
        if has_others(own, bytes.as_deref()) {
            return Ok(bytes);
        }
    }
    Ok(oldest)
}

fn tenure(bytes: Option<&[u8]>) -> Option<Tenure> {
    bytes.and_then(snapshot::tenure)
}

/// Whether servers with other settings have written it.
fn has_others(own: u64, bytes: Option<&[u8]>) -> bool {
    tenure(bytes).is_none_or(|tenure| tenure.settings != own)
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::time::Duration;

    use super::super::fake::Fake;
    use super::*;
    use crate::server::room::effects::Effects;
    use crate::server::room::group::Group;

    const ROOM: u64 = 7;

    /// With that `--away-timeout`, in seconds.
    fn config(away_timeout: u64) -> Config {
        Config { away_timeout: Duration::from_secs(away_timeout), ..Config::default() }
    }

    /// Snapshots, each by a server with that `--away-timeout` that has begun from the others, one group later.
    fn snapshots(away_timeouts: &[u64]) -> Vec<Vec<u8>> {
        let mut snapshots: Vec<Vec<u8>> = Vec::new();
        for (number, &away_timeout) in (1..).zip(away_timeouts) {
            let config = config(away_timeout);
            let own = RoomSettings::of(&config).fingerprint();
            let read = |number: usize| Ok(snapshots.get(number).cloned());
            let first = first(snapshots.len(), own, read).expect("they are there");
            let room = first.and_then(|bytes| snapshot::decode(&config, &bytes).ok());
            let mut room = room.unwrap_or_else(|| Room::shared(&config, ROOM));
            let (entries, at) = (Vec::new(), Position { ms: number, n: 0 });
            let seen = Position::START;
            let group = Group { room: ROOM, engine: 1, producer: 1, number, seen, entries };
            room.apply_group(at, 100, &group, &mut Effects::of_nobody());
            snapshots.push(snapshot::encode(&room));
        }
        snapshots
    }

    /// A server with that `--away-timeout` begins from the snapshot with that number, and has read so many.
    #[track_caller]
    fn assert_begins(away_timeouts: &[u64], own: u64, expected: Option<usize>, reads: usize) {
        let snapshots = snapshots(away_timeouts);
        let own = RoomSettings::of(&config(own)).fingerprint();
        let mut read = 0;
        let found = first(snapshots.len(), own, |number| {
            read += 1;
            Ok(Some(snapshots[number].clone()))
        });
        let found = found
            .expect("it is there")
            .map(|bytes| snapshots.iter().position(|it| *it == bytes).expect("it is one of them"));
        assert_eq!((found, read), (expected, reads), "{away_timeouts:?}");
    }

    #[test]
    fn a_server_begins_with_the_oldest_snapshot_of_its_settings_or_the_newest_of_others() {
        assert_begins(&[], 30, None, 0);
        assert_begins(&[30], 30, Some(0), 1);
        assert_begins(&[30; 9], 30, Some(0), 2);
        assert_begins(&[30; 9], 60, Some(8), 1);
        assert_begins(&[30, 30, 30, 60, 60], 60, Some(2), 4);
        // Changed, and changed back: what came before that is not the same room any more.
        assert_begins(&[30, 60, 30, 30], 30, Some(1), 4);
        assert_begins(&[60, 30, 30], 30, Some(0), 3);
    }

    #[test]
    fn a_room_whose_settings_were_changed_is_the_same_for_whoever_begins_and_whoever_goes_on() {
        let (old, new) = (config(30), config(60));
        let fake = Fake::new();
        let mut link = fake.engine().connect().expect("it is there");
        for snapshot in snapshots(&[30, 30]) {
            link.push_snapshot(&snapshot).expect("it is kept");
        }
        // The log still has the groups behind which they were made.
        (1..=2).for_each(|ms| fake.write_at(Position { ms, n: 0 }, b"a group"));
        let find = |config: &Config| {
            let found = Beginning::find(fake.engine().as_ref(), config, ROOM).expect("it answers");
            found.expect("there is a way in")
        };
        let (first, second) = (find(&new), find(&new));
        assert_eq!((first.from.ms, first.room.digest()), (2, second.room.digest()));
        // The second one begins later, from what the first one has written.
        link.push_snapshot(&snapshot::encode(&first.room)).expect("it is kept");
        let later = find(&new);
        assert_eq!((later.from.ms, later.room.digest()), (2, first.room.digest()));
        assert_ne!(find(&old).room.digest(), first.room.digest());
    }
}
