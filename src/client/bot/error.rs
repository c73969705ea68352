//! What can go wrong for a bot: whose fault it is, and what to do.

use std::fmt;

use crate::problem::Problem;
use crate::protocol::name::BadName;
use crate::tls::NoFingerprint;

/// Why a bot cannot go on, or something cannot be said. Shown, it is a line that says what to do.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The program's: that is no place of a server.
    Address {
        /// What was given.
        given: String,
        /// What is wrong with it.
        why: String,
    },
    /// The program's: that is no name.
    Name(BadName),
    /// The program's: that is no fingerprint.
    Fingerprint(NoFingerprint),
    /// The program's: the password is blank.
    BlankPassword,
    /// The program's: that text cannot be one line.
    Text(BadText),
    /// The name is another member's, or somebody else's own: take another one, or prove it with its key.
    NameRefused(Problem),
    /// The network's, or the server's: nobody answers there. It may be tried again.
    Unreachable(Problem),
    /// The server lets the bot in not at all, or no more: it is full, wants a password, or has removed or banned it.
    NotLetIn(Problem),
    /// What answers there is not the server that it should be. Nothing was sent to it.
    WrongServer(Problem),
    /// What answers there is no chat room.
    NoChatroom(Problem),
    /// The connection is lost, and the bot cannot come back.
    Lost(Problem),
    /// The bot has left, and lines of it are not confirmed, or were refused.
    NotSaid(Problem),
    /// This machine's: a file, a thread or a socket.
    System(Problem),
    /// The bot has left already.
    Over,
}

/// Why a text cannot be one line of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadText {
    /// It has a line break in it: say its lines one by one.
    LineBreak,
    /// There is nothing to see in it.
    Blank,
    /// It has more bytes than any server takes.
    TooLong,
    /// The reader of a private line cannot be called so.
    NoName,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Address { given, why } => write!(f, "{given:?} is no server's address: {why}"),
            Error::Name(why) => why.fmt(f),
            Error::Fingerprint(why) => why.fmt(f),
            Error::BlankPassword => f.write_str("the password is blank"),
            Error::Text(why) => why.fmt(f),
            Error::NameRefused(problem)
            | Error::Unreachable(problem)
            | Error::NotLetIn(problem)
            | Error::WrongServer(problem)
            | Error::NoChatroom(problem)
            | Error::Lost(problem)
            | Error::NotSaid(problem)
            | Error::System(problem) => {
                problem.fmt(f)?;
                problem.details().iter().try_for_each(|line| write!(f, "\n{line}"))
            }
            Error::Over => f.write_str("the bot has left the room"),
        }
    }
}

impl fmt::Display for BadText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BadText::LineBreak => "a line cannot have a line break in it: say its lines one by one",
            BadText::Blank => "there is nothing to say in that line",
            BadText::TooLong => "that line is longer than any server takes",
            BadText::NoName => "nobody can be called so",
        })
    }
}

impl std::error::Error for Error {}

impl std::error::Error for BadText {}

impl From<BadText> for Error {
    fn from(why: BadText) -> Error {
        Error::Text(why)
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Error {
        match problem {
            Problem::UnknownHost { .. }
            | Problem::NameForHost { .. }
            | Problem::Connect { .. }
            | Problem::RoomAway { .. } => Error::Unreachable(problem),
            Problem::Refused { .. } | Problem::ShownOut { .. } => Error::NotLetIn(problem),
            Problem::NameRefused { .. } => Error::NameRefused(problem),
            Problem::WrongServer(_) | Problem::AfterWrongServer(_) | Problem::NewServer { .. } => {
                Error::WrongServer(problem)
            }
            Problem::NoChatroom { .. } => Error::NoChatroom(problem),
            Problem::ConnectionLost { .. } => Error::Lost(problem),
            Problem::Unconfirmed { .. } | Problem::LinesRefused { .. } => Error::NotSaid(problem),
            Problem::Listen { .. }
            | Problem::Log { .. }
            | Problem::LogLost { .. }
            | Problem::LogBack { .. }
            | Problem::LogStays { .. }
            | Problem::History(_)
            | Problem::HistoryLost { .. }
            | Problem::Identity(_)
            | Problem::IdentityLost(_)
            | Problem::Entrance(_)
            | Problem::PasswordFile { .. }
            | Problem::UnknownServer(_)
            | Problem::ServersLost { .. }
            | Problem::TimeIsUp(_)
            | Problem::NothingToAnnounce(_)
            | Problem::NoRoomsFound
            | Problem::Shared { .. }
            | Problem::Config(_)
            | Problem::System(..)
            | Problem::Bug => Error::System(problem),
        }
    }
}
