//! What is ordered in a room that several servers hold: groups of entries, as they are read back from the log that the
//! servers share. Pure.
//!
//! These are the entries of [`Entry`](super::entry::Entry) that change the room for everybody, each with the connection
//! that it came over in place of a member: the room knows for whom a connection speaks. What is this server's alone
//! never stands in the log: `Expire` (each server does what is due by the stamps of the log), `StopKeeping` and
//! `KeepAgain` (each has an archive of its own), `Close` (a server that ends sends [`Act::Bye`]), `Detach` and
//! `Unclaimed` (a resume takes the old connection away at its own place in the order).
//!
//! Text stands here as its session has made it safe, and is made safe once more when the room shows it, since whoever
//! can write to the log may write anything. What names look like ([`Likeness`]) comes with them: servers whose tables
//! of Unicode differ compare the same bytes.

use std::fmt;
use std::time::Duration;

use super::entry::{Credentials, Whence};
use super::people::facts::{Fact, FactKey};
use super::people::invitations::CodeHash;
use super::token::TokenHash;
use crate::protocol::name::{Likeness, Name, Wanted};
use crate::protocol::proof::KeyHash;
use crate::protocol::reply::LeaveReason;
use crate::protocol::request::Order;
use crate::protocol::tag::{Format, Seq};
use crate::server::audience::MemberId;
use crate::server::erasure::Erased;
pub(crate) use crate::server::utterance::{Manner, Utterance};

/// A place in the shared log: the id that its engine gave to a group. Ids grow along the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct Position {
    /// The engine's clock, in milliseconds since 1970.
    pub(crate) ms: u64,
    /// Tells ids of one millisecond apart.
    pub(crate) n: u64,
}

impl Position {
    /// Before every group.
    pub(crate) const START: Position = Position { ms: 0, n: 0 };

    /// Reads what [`Display`](fmt::Display) shows.
    #[cfg(any(test, feature = "shared"))]
    pub(crate) fn parse(text: &str) -> Option<Position> {
        let (ms, n) = text.split_once('-')?;
        Some(Position { ms: ms.parse().ok()?, n: n.parse().ok()? })
    }
}

/// As Redis has it.
impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.n)
    }
}

/// Entries that one server has put into the log together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Group<'a> {
    /// Which room it is for: the first 8 bytes of the room's id.
    pub(crate) room: u64,
    /// To which process of the engine it was sent.
    pub(crate) engine: u64,
    /// Which server it is from: a random number, never 0.
    pub(crate) producer: u64,
    /// Its number among that one's groups, which are 1, 2, 3 and so on.
    pub(crate) number: u64,
    /// Up to which group its producer had applied the log.
    pub(crate) seen: Position,
    /// The entries, in their order; without any it is a sign of life.
    pub(crate) entries: Vec<Logged<'a>>,
}

impl Group<'_> {
    /// The producers that come back with it, by their numbers from before.
    pub(crate) fn returned(&self) -> impl Iterator<Item = u64> {
        self.entries.iter().filter_map(|entry| match entry.act {
            Act::Back { old, .. } => Some(old),
            _ => None,
        })
    }
}

/// One entry of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Logged<'a> {
    /// Over which of the producer's connections it was brought; 0 is none: the server itself.
    pub(crate) connection: u32,
    /// How many of the client's lines are taken with it; 0 for an entry that is no line's.
    pub(crate) line: u64,
    /// What is done.
    pub(crate) act: Act<'a>,
}

impl<'a> Logged<'a> {
    /// An entry of the server itself: over no connection, and no line's.
    pub(crate) fn by_server(act: Act<'a>) -> Logged<'a> {
        Logged { connection: 0, line: 0, act }
    }
}

/// What an entry does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Act<'a> {
    /// The producer is there.
    Hello {
        /// What the server is called, for people who look after it.
        server: &'a str,
        /// Its version.
        version: &'a str,
        /// With which settings it has the room (`RoomSettings::fingerprint`).
        settings: u64,
    },
    /// A client joins.
    Join(Joining),
    /// A member says the lines that end with that of the entry's number.
    Speak(Vec<Utterance<'a>>),
    /// A member says something to one other.
    Whisper {
        /// The reader, as the sender wrote it, for a refusal.
        to: &'a str,
        /// The same, to be compared with names.
        wanted: Wanted,
        /// What is said.
        text: &'a str,
    },
    /// A member takes another name.
    Rename {
        /// The name.
        named: (Name, Likeness),
        /// What it has shown for that.
        credentials: Credentials,
    },
    /// A client goes on as the member with this token. The guest that it was until now, if it was one, leaves.
    Resume {
        /// From where it is, and who can read along.
        whence: Whence,
        /// What it has shown.
        token: TokenHash,
        /// The last event that it has.
        seen: Seq,
    },
    /// A member's connection is lost.
    Lost,
    /// A member leaves.
    Leave(LeaveReason<'a>),
    /// The producer ends: all of its members have lost their connections.
    Bye,
    /// The producer takes the place of another one, which was it until the log was set back.
    Back {
        /// Which one.
        old: u64,
        /// Up to which group that one knew the log that it finds now.
        kept: Position,
        /// The number of the last event that it had applied.
        seq: Seq,
        /// The number that it would have given to the next member.
        member: u64,
        /// Whether public lines may be among what the log has lost of that.
        has_lost_lines: bool,
    },
    /// A member that the producer knows, and that the log has lost.
    Adopt(Box<Adopted>),
    /// Something known of people that the producer knows, and that the log has lost.
    AdoptFact(FactKey, Box<Fact>),
    /// Something known of people that the producer knows to be over, and that the log has lost the end of.
    DropFact(FactKey, Box<Fact>),
    /// A member makes its name its own by a password with this hash, a PHC string.
    Register {
        /// The hash.
        password: &'a str,
    },
    /// A password's hash was made anew, with other parameters.
    RenewPassword {
        /// Whose it is: the name without case.
        word: &'a str,
        /// The new hash.
        password: &'a str,
    },
    /// A member gives up the name that it has and owns.
    Unregister,
    /// Somebody, who need not be a member yet, gives a code.
    Pass {
        /// The code's hash.
        code: CodeHash,
        /// The key that it has proved to own.
        key: Option<KeyHash>,
    },
    /// A member, or the server's own keyboard, asks for a code that lets one person in.
    Invite {
        /// The code's hash.
        code: CodeHash,
        /// For how long it lets somebody in.
        time: Duration,
    },
    /// Whoever gives this code may claim an operator's name that nobody owns, for as long as the producer is there.
    OfferName {
        /// The name without case.
        word: &'a str,
        /// The code's hash.
        code: CodeHash,
    },
    /// An operator, or the server's own keyboard, orders something.
    Order {
        /// What.
        order: Order<'a>,
        /// The name that is in it, if it is one.
        whom: Option<(Name, Likeness)>,
    },
    /// A plain member gets the tagged form from now on, and may resume.
    Tag {
        /// What it resumes with.
        token: Option<TokenHash>,
        /// The key that it has proved to own.
        key: Option<KeyHash>,
    },
    /// The operator at the server's keyboard says something to all.
    Announce(&'a str),
    /// An order to erase is carried out, as far as the producer, over which it came, is concerned.
    Erased(Erased),
    /// How the room stood with its producer. Compared outside of the room, which does nothing about it.
    Digest {
        /// Behind which group.
        at: Position,
        /// What [`Room::digest`](super::Room::digest) was.
        digest: u64,
    },
}

impl Act<'_> {
    /// Whether whoever has brought it waits for what becomes of it.
    pub(crate) fn is_awaited(&self) -> bool {
        matches!(
            self,
            Act::Join(_)
                | Act::Resume { .. }
                | Act::Rename { .. }
                | Act::Register { .. }
                | Act::Unregister
                | Act::Pass { .. }
                | Act::Invite { .. }
                | Act::Order { .. }
        )
    }
}

/// A client that joins. The lines that it had sent before are those of the entry's number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Joining {
    /// How it gets its lines.
    pub(crate) format: Format,
    /// From where it is.
    pub(crate) whence: Whence,
    /// What it has shown.
    pub(crate) credentials: Credentials,
    /// Whether it was let in by a code.
    pub(crate) is_let_in: bool,
    /// What a program resumes with.
    pub(crate) token: Option<TokenHash>,
    /// The name that it wants.
    pub(crate) wanted: Option<(Name, Likeness)>,
}

#[cfg(all(test, not(shuttle)))]
impl Joining {
    /// A program that asks for a name, and has nothing else to show.
    pub(crate) fn of_program(name: &str, token: Option<TokenHash>) -> Joining {
        use crate::server::room::entry::Encryption;

        let name = Name::parse(name).expect("it is a name");
        let likeness = name.likeness();
        Joining {
            format: Format::Tagged,
            whence: Whence { encryption: Encryption::Tls, address: None, origin: None },
            credentials: Credentials::default(),
            is_let_in: false,
            token,
            wanted: Some((name, likeness)),
        }
    }
}

/// A member, as a server knows it that takes the log for older than its room. The lines that it knows to be taken are
/// those of the entry's number, and the connection is the entry's; without one it is disconnected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Adopted {
    /// Its number.
    pub(crate) id: MemberId,
    /// How it gets its lines.
    pub(crate) format: Format,
    /// From where it is connected, or was.
    pub(crate) whence: Whence,
    /// What it resumes with.
    pub(crate) token: Option<TokenHash>,
    /// The name that it has.
    pub(crate) named: (Name, Likeness),
    /// The first event that it may get.
    pub(crate) since: Seq,
    /// The key that it has proved to own.
    pub(crate) key: Option<KeyHash>,
    /// The name, without case, whose password it has given.
    pub(crate) login: Option<String>,
    /// Whether it was let in by a code.
    pub(crate) is_let_in: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_shown_as_redis_has_it_and_read_again() {
        let at = Position { ms: 1_764_400_000_000, n: 7 };
        assert_eq!(at.to_string(), "1764400000000-7");
        assert_eq!(Position::parse("1764400000000-7"), Some(at));
        for text in ["", "1", "1-", "-1", "1-2-3", "1-x", "99999999999999999999-0"] {
            assert_eq!(Position::parse(text), None, "{text}");
        }
        assert!(Position { ms: 1, n: 9 } < Position { ms: 2, n: 0 });
        assert!(Position { ms: 2, n: 0 } < Position { ms: 2, n: 1 });
    }
}
