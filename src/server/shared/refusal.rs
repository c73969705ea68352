//! Why a server does not begin to share a room, in the words that its operator is told.

use std::fmt;
use std::path::PathBuf;

use super::codec::{Form, MAX_LINE};
use super::engine::Position;
use super::settings::Difference;
use super::trouble::Trouble;
use super::url::{RoomName, SharedUrl, Way};
use crate::problem::Problem;

/// What is in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The program was built without shared rooms.
    #[cfg_attr(feature = "shared", expect(dead_code, reason = "this build has them"))]
    NotBuilt,
    /// The password is in the URL and in a file.
    TwoPasswords,
    /// An authority is named for a connection without TLS.
    AuthorityWithoutTls,
    /// A file cannot be used.
    File {
        /// What is wanted of it, as it goes on after `cannot read`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The reason.
        why: String,
    },
    /// The engine does not answer, or does not let us work.
    Engine {
        /// Which room, and where.
        url: Box<SharedUrl>,
        /// The trouble of the last attempt.
        trouble: Trouble,
    },
    /// A newer version has the room.
    Newer {
        /// The room.
        room: RoomName,
        /// The form of what is written there.
        format: u64,
        /// The newest that this version reads.
        reads: u64,
    },
    /// The store was emptied, and another room has begun there.
    OtherRoom,
    /// This server's room is not the one that the others have.
    Different {
        /// Behind how many groups that was found.
        groups: u64,
    },
    /// A newer version writes there, since this server began.
    TooOld {
        /// Where.
        at: Position,
        /// What is newer.
        form: Form,
    },
    /// The room has another setting than this server was told.
    Differs {
        /// The room.
        room: RoomName,
        /// Which one.
        difference: Difference,
    },
    /// The room's servers that are there have other settings than stand beside its log by now.
    OtherSettings {
        /// The room.
        room: RoomName,
    },
    /// The room has a log, and nothing stands beside it.
    NoSettings {
        /// The room.
        room: RoomName,
    },
    /// The room has snapshots, and no log.
    NoLog {
        /// The room.
        room: RoomName,
    },
    /// The log does not start with its first group, and no snapshot leads on to it.
    NoWayIn {
        /// The room.
        room: RoomName,
    },
    /// Lines may be longer than one can be in the room's log.
    LineTooLong {
        /// How many bytes they may have.
        told: usize,
    },
    /// What is written of the room cannot be understood.
    Senseless {
        /// The room.
        room: RoomName,
        /// Which fact.
        fact: &'static str,
        /// Its value.
        value: String,
    },
    /// The system has no random numbers.
    NoRandomNumbers,
}

impl Refusal {
    /// Whether the command line is wrong.
    fn is_usage(&self) -> bool {
        match self {
            Refusal::NotBuilt
            | Refusal::TwoPasswords
            | Refusal::AuthorityWithoutTls
            | Refusal::LineTooLong { .. }
            | Refusal::OtherSettings { .. }
            | Refusal::Differs { .. } => true,
            Refusal::File { .. }
            | Refusal::Engine { .. }
            | Refusal::Newer { .. }
            | Refusal::OtherRoom
            | Refusal::Different { .. }
            | Refusal::TooOld { .. }
            | Refusal::NoSettings { .. }
            | Refusal::NoLog { .. }
            | Refusal::NoWayIn { .. }
            | Refusal::Senseless { .. }
            | Refusal::NoRandomNumbers => false,
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Problem {
        Problem::Shared { is_usage: refusal.is_usage(), refusal: Box::new(refusal) }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::NotBuilt => {
                f.write_str("this build has no shared rooms; build it with --features shared")
            }
            Refusal::TwoPasswords => f.write_str(
                "the password for Redis is in --shared and in --shared-password-file; give it once",
            ),
            Refusal::AuthorityWithoutTls => f.write_str(
                "--shared-ca is for a connection with TLS; give --shared rediss://HOST/ROOM",
            ),
            Refusal::File { what, path, why } => {
                write!(f, "cannot read {what} from {}: {why}", path.display())
            }
            Refusal::Engine { url, trouble } => unreachable(f, url, trouble),
            Refusal::Newer { room, format, reads } => write!(
                f,
                "the shared room {room} needs a newer chatserver (format {format}, this one \
                 reads {reads}); update this one"
            ),
            Refusal::OtherRoom => f.write_str(
                "the room's store was emptied, and another room has begun there; start this server \
                 again to be part of that one",
            ),
            Refusal::Different { groups } => write!(
                f,
                "this server differs from the others at entry {groups}: ending, to start afresh"
            ),
            Refusal::TooOld { at, form } => write!(
                f,
                "the room's other servers need a newer chatserver by now (the entry {at} has \
                 {form}); update this one"
            ),
            Refusal::Differs { room, difference } => {
                write!(f, "the shared room {room} has {difference}")
            }
            Refusal::OtherSettings { room } => write!(
                f,
                "the running servers of the shared room {room} have other settings than its Redis: \
                 stop all of them first, or set those back in {}",
                room.key("meta")
            ),
            Refusal::NoSettings { room } => write!(
                f,
                "the shared room {room} has a log in Redis, and no id: somebody has removed {}; \
                 write that back, or stop all its servers and remove {} and {}, too",
                room.key("meta"),
                room.key("log"),
                room.key("snaps")
            ),
            Refusal::NoLog { room } => write!(
                f,
                "the shared room {room} has snapshots in Redis, and no log: somebody has removed \
                 {}; if others of its servers run, start this one again in a few seconds, when they \
                 have written it anew; if none does, remove {}, too, and it is a new room",
                room.key("log"),
                room.key("snaps")
            ),
            Refusal::NoWayIn { room } => write!(
                f,
                "the shared room {room} has a log in Redis that was trimmed, and no snapshot that \
                 leads on to it: somebody has removed one or the other; remove what is left of {}, \
                 and if others of its servers run, start this one again half a minute later, when \
                 they have written another one; if none does, remove {}, too, and it is a new room",
                room.key("snaps"),
                room.key("log")
            ),
            Refusal::LineTooLong { told } => write!(
                f,
                "a line of a shared room has at most {MAX_LINE} bytes, not {told}: give a smaller \
                 --max-line"
            ),
            Refusal::Senseless { room, fact, value } => write!(
                f,
                "the shared room {room} has {fact} {value:?} in Redis, which makes no sense; \
                 remove it: redis-cli HDEL '{}' {fact}",
                room.key("meta")
            ),
            Refusal::NoRandomNumbers => f.write_str("the system has no random numbers to spare"),
        }
    }
}

/// What the URL names already is not told twice.
fn unreachable(f: &mut fmt::Formatter<'_>, url: &SharedUrl, trouble: &Trouble) -> fmt::Result {
    let room = &url.room;
    match (trouble, &url.way) {
        (Trouble::Away { why, .. }, Way::Plain(_) | Way::Tls(_)) => {
            let why = why.as_deref().unwrap_or("no answer");
            write!(f, "cannot reach the shared room {room} at {url}: {why}")
        }
        (Trouble::Away { .. }, Way::Sentinels { .. }) => {
            write!(f, "cannot reach the shared room {room} at {url}: {trouble}")
        }
        _ => write!(f, "cannot use the shared room {room} at {url}: {trouble}"),
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_that_cannot_be_shared_is_told_with_its_place_and_without_a_password() {
        let told = |url: &str, trouble: Trouble| {
            let url = Box::new(SharedUrl::parse(url).expect("it is one"));
            Refusal::Engine { url, trouble }.to_string()
        };
        let away = |place: &str, why: Option<&str>| Trouble::Away {
            place: place.to_owned(),
            why: why.map(str::to_owned),
        };
        for (url, trouble, text) in [
            (
                "redis://:secret@cache/lobby",
                away("cache:6379", Some("Connection refused")),
                "cannot reach the shared room lobby at redis://cache:6379: Connection refused",
            ),
            (
                "rediss://chat:secret@cache/lobby",
                away("cache:6379", None),
                "cannot reach the shared room lobby at rediss://chat@cache:6379: no answer",
            ),
            (
                "redis+sentinel://one,two/m/lobby",
                away("two:26379", Some("Connection refused")),
                "cannot reach the shared room lobby at redis+sentinel://one:26379,two:26379/m: \
                 two:26379 does not answer (Connection refused)",
            ),
            (
                "redis://cache/lobby",
                Trouble::WrongType,
                "cannot use the shared room lobby at redis://cache:6379: another program uses the \
                 room's keys in Redis (WRONGTYPE); give another ROOM",
            ),
        ] {
            assert_eq!(told(url, trouble), text);
        }
    }

    #[test]
    fn wrong_usage_and_a_room_that_is_away_have_different_statuses() {
        let room = SharedUrl::parse("redis://cache/lobby").expect("it is one").room;
        let status = |refusal: Refusal| Problem::from(refusal).status();
        assert_eq!(status(Refusal::TwoPasswords), 2);
        let longest = Refusal::LineTooLong { told: 65_536 };
        assert_eq!(
            longest.to_string(),
            "a line of a shared room has at most 20480 bytes, not 65536: give a smaller --max-line"
        );
        assert_eq!(status(longest), 2);
        assert_eq!(status(Refusal::Newer { room, format: 2, reads: 1 }), 1);
    }
}
