//! A room as bytes, for whoever comes later to go on from: the coordinator puts them beside the log. Pure.

use ring::digest;

use super::codec::{Form, Unread};
use crate::server::bytes::{Reader, Writer};
use crate::server::config::Config;
use crate::server::room::Room;
use crate::server::room::group::Position;

/// The version that this program writes, and the highest that it reads.
pub(crate) const VERSION: u8 = 1;

/// The room as bytes. The same groups give the same bytes on every server.
pub(crate) fn encode(room: &Room) -> Vec<u8> {
    let mut out = Writer::default();
    out.put(&VERSION);
    room.write(&mut out);
    let hash = hash(out.as_bytes());
    out.put(&hash);
    out.into_bytes()
}

/// Reads a room, with the settings of this server's configuration and nothing of what was said.
///
/// # Errors
///
/// The bytes are none: a newer program has written them, or they are malformed.
pub(crate) fn decode(config: &Config, bytes: &[u8]) -> Result<Room, Unread> {
    if let Some((version, room)) = Reader::new(bytes).get().filter(|(it, _)| *it > VERSION) {
        return Err(Unread::Newer { room, form: Form::Version(version) });
    }
    let whole =
        bytes.split_last_chunk().filter(|(written, end)| hash(written).to_le_bytes() == **end);
    let (written, _) = whole.ok_or(Unread::Malformed)?;
    let mut written = Reader::new(written);
    let version: Option<u8> = written.get();
    let room = version.filter(|it| *it == VERSION).and_then(|_| Room::read(config, &mut written));
    room.filter(|_| written.is_empty()).ok_or(Unread::Malformed)
}

/// A time in which the servers of a room had the same settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tenure {
    /// The settings, as a fingerprint.
    pub(super) settings: u64,
    /// The group from which on they hold. The same settings may hold again later.
    since: Position,
}

/// When a snapshot was written; `None` if the bytes are none.
pub(super) fn tenure(bytes: &[u8]) -> Option<Tenure> {
    let (_version, (_room, (settings, since))): (u8, (u64, _)) = Reader::new(bytes).get()?;
    Some(Tenure { settings, since })
}

impl Room {
    /// How the room stands, in few bytes: two servers that have applied the same groups have the same.
    pub(crate) fn digest(&self) -> u64 {
        #[cfg(planted_faults)]
        if crate::server::room::planted::has_no_digests() {
            return 0;
        }
        let mut out = Writer::default();
        self.write(&mut out);
        hash(out.as_bytes())
    }
}

/// The first 8 bytes of the SHA-256.
pub(super) fn hash(bytes: &[u8]) -> u64 {
    let hash = digest::digest(&digest::SHA256, bytes);
    let (first, _) = hash.as_ref().split_first_chunk().expect("SHA-256 has 32 bytes");
    u64::from_le_bytes(*first)
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::server::room::effects::Effects;
    use crate::server::room::group::{Act, Group, Joining, Logged};
    use crate::server::room::token::TokenHash;

    /// A shared room with so many members.
    fn room_with(members: u32) -> Room {
        let mut room = Room::shared(&Config::default(), 1);
        for number in 1..=members {
            let mut token = [0; 32];
            token[..4].copy_from_slice(&number.to_le_bytes());
            let name = format!("member-{number}");
            let joining = Joining::of_program(&name, Some(TokenHash(token)));
            let entries = vec![Logged { connection: number, line: 0, act: Act::Join(joining) }];
            let (at, number) = (Position { ms: number.into(), n: 0 }, number.into());
            let seen = Position::START;
            let group = Group { room: 1, engine: 1, producer: 1, number, seen, entries };
            room.apply_group(at, 100, &group, &mut Effects::of_nobody());
        }
        assert_eq!(room.count().0, members as usize);
        room
    }

    /// docs/PERFORMANCE.md has what it prints, and its command.
    #[test]
    #[ignore = "it measures, and expects nothing"]
    fn what_a_digest_costs() {
        for members in [100, 1000, 20_000] {
            let room = room_with(members);
            let bytes = encode(&room).len();
            let times = (0..11).map(|_| {
                let begun = Instant::now();
                assert_eq!(room.digest(), room.digest());
                begun.elapsed() / 2
            });
            let mut times: Vec<_> = times.collect();
            times.sort();
            let median = times[times.len() / 2];
            println!("{members} members: {bytes} bytes, a digest takes {median:.1?}");
        }
    }
}
