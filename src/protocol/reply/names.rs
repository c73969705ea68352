//! What the server tells of whose a name is, and of who may come in. Pure.

use std::fmt;
use std::time::Duration;

use super::Count;
use crate::protocol::moment::Moment;
use crate::protocol::name::Name;
use crate::protocol::span::Span;
use crate::protocol::tag::Millis;

/// The bytes that a password may have.
pub const PASSWORD_BYTES: std::ops::RangeInclusive<usize> = 8..=128;

/// For how long a name is one's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tenure {
    /// As long as no two visits lie further apart than this.
    WhileVisiting(Duration),
    /// As long as the server runs, which keeps nothing.
    UntilTheEnd,
    /// For ever.
    ForEver,
}

impl fmt::Display for Tenure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Tenure::WhileVisiting(time) => {
                write!(f, "for as long as you come back within {}", Span(time))
            }
            Tenure::UntilTheEnd => f.write_str("until the server ends"),
            Tenure::ForEver => f.write_str("for ever"),
        }
    }
}

/// What is told of whose a name is, and of who may come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameNotice<'a> {
    /// Your name is your own from now on.
    Owned {
        /// The name.
        name: &'a Name,
        /// For how long.
        tenure: Tenure,
    },
    /// Your name has a password from now on.
    Protected(&'a Name),
    /// Your name is nobody's any more.
    FreeAgain(&'a Name),
    /// You have proved to own a key on a connection on which others can read along.
    ProvedInPlain,
    /// The room's password is to be given.
    RoomPassword,
    /// A code is to be given.
    ForInvited,
    /// You may come in.
    LetIn,
    /// This code lets one person in.
    Code {
        /// The code.
        code: &'a str,
        /// For how long.
        within: Duration,
    },
    /// Who owns that name may come in.
    MayComeIn(&'a str),
    /// Your private line waits for somebody who is not here.
    Waits {
        /// Who that is.
        name: &'a str,
        /// For how long it waits.
        time: Duration,
    },
    /// So many private lines were said to you while you were not here; they come next.
    PrivateLines(u64),
    /// Somebody has read private lines that waited.
    HasRead {
        /// Who that is.
        name: &'a str,
        /// When you said the last of them.
        at: Millis,
        /// How many they were.
        lines: u64,
    },
}

/// Why something about names and the door was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameRefusal<'a> {
    /// The name, or one that looks like it, is somebody else's own.
    Owned(&'a Name),
    /// The name is an operator's, whom nobody has proved to be yet.
    ForOperator(&'a Name),
    /// You do not own that name.
    NotYours(&'a Name),
    /// The server gives that name, and nobody owns it.
    Guest(&'a Name),
    /// The signature is not the key's, or not of what was to be signed.
    WrongSignature,
    /// `/key` in the usual form, after the name was settled, or for the second time.
    KeyTooLate,
    /// Somebody could read the password along.
    InPlain,
    /// The password is too short or too long.
    PasswordLength,
    /// The password, or the code, is another one.
    WrongSecret,
    /// The server's machine has nothing to spare for a password now.
    TryLater,
    /// Nobody gave the room's password in time.
    NoPasswordInTime,
    /// There is nothing to be let in by: everybody may come in.
    OpenToAll,
    /// Who does not own a name invites nobody.
    OwnersInvite,
    /// As many of your lines as may wait for that one do.
    YoursWait {
        /// How many that is.
        most: usize,
        /// For whom.
        name: &'a str,
    },
    /// As many names are owned as may be.
    NoMoreNames,
    /// As many private lines wait as may, for all together.
    TooManyWait,
    /// As many lines as may wait for that one do.
    LinesWait {
        /// How many that is.
        most: usize,
        /// For whom.
        name: &'a str,
    },
}

impl fmt::Display for NameNotice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            NameNotice::Owned { name, tenure } => write!(f, "-- {name} is yours now, {tenure}"),
            NameNotice::Protected(name) => {
                write!(f, "-- {name} is protected by your password now")
            }
            NameNotice::FreeAgain(name) => write!(f, "-- {name} is free again"),
            NameNotice::ProvedInPlain => {
                f.write_str("-- not encrypted: whoever reads along can take this connection over")
            }
            NameNotice::RoomPassword => {
                f.write_str("-- this room wants a password: /pass PASSWORD")
            }
            NameNotice::ForInvited => f.write_str("-- this room is for invited people: /pass CODE"),
            NameNotice::LetIn => f.write_str("-- you may come in"),
            NameNotice::Code { code, within } => {
                let a_day = Duration::from_secs(24 * 60 * 60);
                write!(f, "-- the code {code} lets one person in, within ")?;
                if within == a_day { f.write_str("a day") } else { write!(f, "{}", Span(within)) }
            }
            NameNotice::MayComeIn(name) => write!(f, "-- {name} may come in"),
            NameNotice::Waits { name, time } => {
                write!(f, "-- {name} is not here: your line waits for {}", Span(time))
            }
            NameNotice::PrivateLines(lines) => {
                let lines = Count(lines, "private line");
                write!(f, "-- {lines} came while you were away:")
            }
            NameNotice::HasRead { name, at, lines: 1 } => {
                write!(f, "-- {name} has read your line of {}", Moment(at))
            }
            NameNotice::HasRead { name, at, lines } => {
                write!(f, "-- {name} has read {lines} lines of yours, up to that of {}", Moment(at))
            }
        }
    }
}

impl fmt::Display for NameRefusal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NameRefusal::Owned(name) => {
                write!(f, "{name} belongs to somebody else; if it is yours: /login {name} PASSWORD")
            }
            NameRefusal::ForOperator(name) => write!(
                f,
                "{name} is kept for an operator; if that is you: /pass with the code in the server's log"
            ),
            NameRefusal::NotYours(name) => write!(f, "{name} is not yours"),
            NameRefusal::Guest(name) => {
                write!(f, "nobody owns a name like {name}: take another one with /nick first")
            }
            NameRefusal::WrongSignature => f.write_str("the signature does not fit"),
            NameRefusal::KeyTooLate => {
                f.write_str("/key: that is for right after /tags, before there is a name, and once")
            }
            NameRefusal::InPlain => f.write_str(
                "not over an unencrypted connection: use chatclient, or ncat --ssl HOST PORT",
            ),
            NameRefusal::PasswordLength => {
                let (least, most) = (PASSWORD_BYTES.start(), PASSWORD_BYTES.end());
                write!(f, "a password has {least} to {most} bytes")
            }
            NameRefusal::WrongSecret => f.write_str("that is not it"),
            NameRefusal::TryLater => {
                f.write_str("the server has no memory to spare for that: try again later")
            }
            NameRefusal::NoPasswordInTime => f.write_str("no password in time"),
            NameRefusal::OpenToAll => f.write_str("everybody may come in here"),
            NameRefusal::OwnersInvite => {
                f.write_str("/invite: that is for members who own their names")
            }
            NameRefusal::NoMoreNames => f.write_str("no more names can be owned in this room"),
            NameRefusal::TooManyWait => {
                f.write_str("too many private lines wait in this room already")
            }
            NameRefusal::YoursWait { most, name } => {
                write!(f, "{most} lines of yours wait for {name} already")
            }
            NameRefusal::LinesWait { most, name } => {
                write!(f, "{most} lines wait for {name} already")
            }
        }
    }
}
