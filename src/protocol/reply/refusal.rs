//! The errors that the server writes: lines that begin with `!! `.

use std::fmt;

use super::{Count, NameRefusal, OrderRefusal};
use crate::protocol::foreign::Foreign;
use crate::protocol::name::{BadName, Name};
use crate::protocol::request::Misuse;
use crate::protocol::suggestion::Hint;
use crate::protocol::tag::Seq;
use crate::protocol::words::{BadQuery, MAX_WORDS};

/// Why something was not done: an error for one client alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal<'a> {
    /// The line was no command as it stood.
    Misuse(Misuse<'a>),
    /// Someone here has that name, or one that looks like it.
    NameTaken(&'a Name),
    /// It is, or looks like, a name that the server alone gives.
    GuestName(&'a Name),
    /// Nobody here has that name.
    NobodyHere(&'a str),
    /// Nobody here has that name any more: who had it has just left.
    HasLeft(&'a str),
    /// A private line to oneself.
    WhisperToSelf,
    /// A private line to a program of the server's, which is told none.
    WhisperToHook(&'a str),
    /// The line was longer than this many bytes.
    LineTooLong(usize),
    /// As many clients as there may be are here already.
    RoomFull(usize),
    /// As many members as a room on several servers may have are connected to them.
    MembersFull(usize),
    /// As many clients as there may be from one address are here already.
    AddressFull(usize),
    /// The client speaks another protocol.
    Foreign(Foreign),
    /// All clients talk encrypted here, and this one does not.
    Unencrypted,
    /// The connection is a proxy's, and does not begin with its header.
    NoProxyHeader,
    /// `/tags` was not the first line.
    TagsTooLate,
    /// `/resume` in the usual form, or after the name was settled.
    ResumeTooLate,
    /// Nobody has that token, or not any more.
    UnknownToken,
    /// There is no event of that number yet.
    NoSuchEvent(Seq),
    /// It is no longer known what there was after that event.
    Forgotten(Seq),
    /// It is about whose a name is, or who may come in.
    Name(NameRefusal<'a>),
    /// It is about order.
    Order(OrderRefusal<'a>),
}

impl fmt::Display for Refusal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("!! ")?;
        match self {
            Refusal::Misuse(Misuse::Unknown(word)) => {
                write!(f, "unknown command {}{}", Short(word), Hint(word))
            }
            Refusal::Misuse(Misuse::Arguments(command)) => {
                write!(f, "{} goes like this: {}", command.word(), command.usage())
            }
            Refusal::Misuse(Misuse::Name(why)) => write!(f, "/nick: {why}"),
            Refusal::Misuse(Misuse::Search(BadQuery::TooMany)) => {
                write!(f, "/search takes at most {MAX_WORDS} different words")
            }
            Refusal::Misuse(Misuse::Search(BadQuery::NoWord)) => {
                f.write_str("/search: give a word with a letter or a digit")
            }
            Refusal::NameTaken(name) => write!(f, "/nick: the name {name} is taken"),
            Refusal::GuestName(name) => {
                write!(f, "/nick: the server alone gives names like {name}")
            }
            Refusal::NobodyHere(name) => write!(f, "/msg: nobody here is called {}", Short(name)),
            Refusal::WhisperToHook(name) => {
                write!(
                    f,
                    "/msg: {} is a program of this server, and gets no private lines",
                    Short(name)
                )
            }
            Refusal::HasLeft(name) => write!(f, "/msg: {} has just left", Short(name)),
            Refusal::WhisperToSelf => write!(f, "/msg: that is you"),
            Refusal::LineTooLong(limit) => {
                write!(f, "that line was too long and was not sent: the most is {limit} bytes")
            }
            Refusal::RoomFull(most) => write!(f, "the room is full ({})", Count(*most, "client")),
            Refusal::MembersFull(most) => {
                write!(f, "the room is full ({})", Count(*most, "member"))
            }
            Refusal::AddressFull(most) => {
                write!(f, "the room is full for your address ({})", Count(*most, "client"))
            }
            Refusal::Foreign(foreign) => write!(f, "{}", foreign.refusal()),
            Refusal::Unencrypted => {
                f.write_str("this room is encrypted: use chatclient, or ncat --ssl HOST PORT")
            }
            Refusal::NoProxyHeader => {
                write!(
                    f,
                    "this address is a proxy's, and its connections begin with a PROXY header"
                )
            }
            Refusal::TagsTooLate => write!(f, "/tags: that is for the first line alone"),
            Refusal::ResumeTooLate => {
                write!(f, "/resume: that is for right after /tags, before there is a name")
            }
            Refusal::UnknownToken => {
                write!(f, "/resume: nobody here can be resumed with that token")
            }
            Refusal::NoSuchEvent(seq) => write!(f, "/resume: there is no event {seq} yet"),
            Refusal::Forgotten(seq) => {
                write!(f, "/resume: nobody remembers what there was after event {seq}")
            }
            Refusal::Name(refusal) => write!(f, "{refusal}"),
            Refusal::Order(refusal) => write!(f, "{refusal}"),
        }
    }
}

impl From<BadName> for Refusal<'_> {
    fn from(why: BadName) -> Self {
        Refusal::Misuse(Misuse::Name(why))
    }
}

/// Something that a client sent, repeated to it, but not at any length.
pub(super) struct Short<'a>(pub(super) &'a str);

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST: usize = 40;
        match self.0.char_indices().nth(MOST) {
            None => f.write_str(self.0),
            Some((end, _)) => write!(f, "{}…", &self.0[..end]),
        }
    }
}
