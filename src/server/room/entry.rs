//! What is ordered in a room: entries, each with its stamp, and what becomes of them. Pure.
//!
//! A room is changed by entries alone (`Room::apply`), and all that it needs of the world comes with
//! them: the time, random numbers, and the number of the connection that speaks.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use super::people::invitations::CodeHash;
use super::token::{Issued, TokenHash};
use crate::protocol::name::{Likeness, Name, Wanted};
use crate::protocol::proof::KeyHash;
use crate::protocol::reply::{LeaveReason, NameRefusal, Notice, Refusal};
use crate::protocol::request::Order;
use crate::protocol::tag::{Format, Millis, Seq};
use crate::server::admission::Origin;
use crate::server::audience::MemberId;
use crate::server::chunk::Chunk;
use crate::server::connection::ConnectionId;
use crate::server::erasure::Erased;
use crate::server::replay::Gap;

/// When an entry was ordered, by both clocks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamp {
    /// The time of day, which people are shown. It may be set back.
    pub(crate) at: Millis,
    /// The time since the room was opened, by which timeouts are judged. It never goes back.
    pub(crate) elapsed: Duration,
}

/// For which member an entry is, and over which connection it was brought. An entry over a connection that
/// speaks for the member no more is ignored: the new one was told how many lines had been taken.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Author {
    /// The member.
    pub(crate) member: MemberId,
    /// The connection that the entry came over.
    pub(crate) connection: ConnectionId,
    /// How many of the member's lines are taken with this entry, over all of its connections; `None` if an
    /// earlier one was given up, so that no line from there on may be taken.
    pub(crate) taken: Option<u64>,
}

/// Who can read along on a member's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encryption {
    /// Nobody: it speaks TLS.
    Tls,
    /// Nobody but who reads the server's machine, which it does not leave.
    Loopback,
    /// Anyone on the network.
    None,
}

/// From where a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Whence {
    /// Who can read along.
    pub(crate) encryption: Encryption,
    /// The client's address, if that says anything: bans are for networks, and operators are shown it.
    pub(crate) address: Option<IpAddr>,
    /// With which others it is counted; `None` for a member from before the server's start.
    pub(crate) origin: Option<Origin>,
}

/// What somebody has shown to have a name of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Credentials {
    /// The key that it has proved to own.
    pub(crate) key: Option<KeyHash>,
    /// Whether it has given the password of the name that it asks for.
    pub(crate) has_password: bool,
    /// A code that it has given, by which an operator's name may be claimed.
    pub(crate) code: Option<CodeHash>,
    /// Whether the name may become its own: it was not made of one that was refused.
    pub(crate) may_claim: bool,
}

/// Who gives an order.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Orderer {
    /// A member, who has to be an operator.
    Member(Author),
    /// Whoever is at the server's own keyboard.
    Console,
}

/// What has come of an order.
#[derive(Debug, Default)]
pub(crate) struct Ordered {
    /// The answers to the server's own keyboard, line by line; a member has been answered.
    pub(crate) answers: Vec<String>,
    /// What is to be logged, line by line.
    pub(crate) log: Vec<String>,
    /// Connections that are served no more and to be closed.
    pub(crate) hang_up: Vec<ConnectionId>,
    /// Whether whoever gave it may give orders.
    pub(crate) is_by_operator: bool,
}

/// A new member's connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Newcomer {
    /// Over which the member is served.
    pub(crate) connection: ConnectionId,
    /// How the member gets its lines.
    pub(crate) format: Format,
    /// How many lines it had sent before it joined.
    pub(crate) taken: u64,
    /// From where it is.
    pub(crate) whence: Whence,
    /// What it has shown.
    pub(crate) credentials: Credentials,
    /// Whether it was let in by a code.
    pub(crate) is_let_in: bool,
}

/// One change of the room.
#[derive(Debug)]
pub(crate) enum Entry<'a> {
    /// A client joins, under the name that it wants if that is free, and else as a guest. A program, which
    /// gets the tagged form, joins under no other name than it wants.
    Join {
        /// Who joins.
        newcomer: Newcomer,
        /// The name that it wants.
        wanted: Option<(Name, Likeness)>,
        /// What a program resumes with; `None` for a plain client, or where the system has no random
        /// numbers.
        token: Option<Issued>,
    },
    /// A member says what was gathered of its client's bytes.
    Speak {
        /// Who says it.
        by: Author,
        /// The events, and the answers between them, which are taken out.
        chunk: &'a mut Chunk,
    },
    /// A member says something to one other.
    Whisper {
        /// Who says it.
        by: Author,
        /// The reader, as the sender wrote it, for a refusal.
        to: &'a str,
        /// The same, to be compared with names.
        wanted: &'a Wanted,
        /// The text, safe to be shown.
        text: &'a str,
    },
    /// A member takes another name.
    Rename {
        /// Who takes it.
        by: Author,
        /// The name.
        name: &'a Name,
        /// What it looks like.
        likeness: Likeness,
        /// What it has shown for that.
        credentials: Credentials,
    },
    /// A member makes its name its own by a password, or adds one.
    Register {
        /// The member.
        by: Author,
        /// The password's hash, a PHC string.
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
    Unregister {
        /// The member.
        by: Author,
    },
    /// Somebody, who need not be a member yet, gives a code.
    Pass {
        /// Over which connection.
        connection: ConnectionId,
        /// The code's hash.
        code: CodeHash,
        /// The key that it has proved to own.
        key: Option<KeyHash>,
    },
    /// A member asks for a code that lets one person in.
    Invite {
        /// The member.
        by: Author,
        /// The code that it is to get, which nobody may be able to guess.
        code: &'a str,
        /// For how long it lets somebody in.
        time: Duration,
    },
    /// The server's own keyboard asks for such a code.
    InviteByConsole {
        /// The code's hash.
        code: CodeHash,
        /// For how long it lets somebody in.
        time: Duration,
    },
    /// Whoever gives this code may claim an operator's name that nobody owns.
    OfferName {
        /// The name without case.
        word: String,
        /// The code's hash.
        code: CodeHash,
    },
    /// An operator orders something.
    Order {
        /// Who that is.
        by: Orderer,
        /// What it orders.
        order: &'a Order<'a>,
        /// The name that is in it, if it is one, and what that looks like.
        whom: Option<(Name, Likeness)>,
    },
    /// A plain member gets the tagged form from now on, and may resume.
    Tag {
        /// The member.
        by: Author,
        /// What it resumes with.
        token: Option<Issued>,
        /// The key that it has proved to own.
        key: Option<KeyHash>,
    },
    /// The member with this token loses the connection that it still has to one that shows the token.
    Detach(TokenHash),
    /// A client goes on as the member with this token, which has no connection.
    Resume {
        /// Over which the member is served from now on.
        connection: ConnectionId,
        /// From where that is.
        whence: Whence,
        /// What the client has shown.
        token: TokenHash,
        /// The last event that it has.
        seen: Seq,
        /// The guest that the client was until now, and that leaves.
        instead_of: Option<Author>,
    },
    /// A member's connection is lost. A plain one leaves, another one has a while to resume.
    Lost {
        /// The member.
        by: Author,
    },
    /// Nobody resumes as a member whose connection was taken away by [`Entry::Detach`]: its time begins.
    Unclaimed {
        /// The member.
        member: MemberId,
    },
    /// A member leaves.
    Leave {
        /// The member.
        by: Author,
        /// Why.
        how: LeaveReason<'a>,
        /// With which of its lines it has asked for that, if it has.
        line: Option<u64>,
    },
    /// The operator at the server's keyboard says something to all.
    Announce {
        /// The text, safe to be shown.
        text: &'a str,
    },
    /// What has become due is done: members whose time is over leave, and joins that were held back are
    /// told.
    Expire,
    /// Everyone here is told something about this server alone, which is no event.
    Tell(Notice<'static>),
    /// The same for those of these members who are here.
    TellSome(Notice<'static>, BTreeSet<MemberId>),
    /// What is said is not kept for now, for this reason; everyone is told.
    StopKeeping(&'static str),
    /// What is said is kept again, but for the lines of this gap; everyone is told.
    KeepAgain(Option<Gap>),
    /// The history has carried out an order to erase lines; everyone is told.
    Erased(Erased),
    /// Everyone is told that the server shuts down. Nothing is said after that.
    Close,
}

impl Entry<'_> {
    /// Which line it is, over which connection, if it is one line of a client, which may be answered. A chunk of lines
    /// has its answers with it.
    pub(super) fn answered(&self) -> Option<(ConnectionId, u64)> {
        match self {
            Entry::Whisper { by, .. }
            | Entry::Rename { by, .. }
            | Entry::Register { by, .. }
            | Entry::Unregister { by }
            | Entry::Invite { by, .. }
            | Entry::Order { by: Orderer::Member(by), .. } => Some((by.connection, by.taken?)),
            Entry::Leave { by, line, .. } => Some((by.connection, (*line)?)),
            _ => None,
        }
    }
}

/// Why somebody does not get a name that it asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoName {
    /// A member has it, or one that looks like it.
    Taken,
    /// It, or one that looks like it, is somebody else's own.
    Owned,
    /// It is an operator's, whom nobody has proved to be yet.
    ForOperator,
}

impl<'a> Entry<'a> {
    /// The entry for an order that was typed here.
    pub(crate) fn order(by: Orderer, order: &'a Order<'a>) -> Entry<'a> {
        let name = order.name().and_then(|name| Name::parse(name).ok());
        let whom = name.map(|name| (name.clone(), name.likeness()));
        Entry::Order { by, order, whom }
    }
}

impl NoName {
    /// What somebody is told who has asked for this name.
    pub(crate) fn refusal(self, name: &Name) -> Refusal<'_> {
        match self {
            NoName::Taken => Refusal::NameTaken(name),
            NoName::Owned => Refusal::Name(NameRefusal::Owned(name)),
            NoName::ForOperator => Refusal::Name(NameRefusal::ForOperator(name)),
        }
    }
}

/// What has become of an entry, for the one who brought it.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It is done.
    Done,
    /// The same, and if the one who brought it gets receipts, it gets one for that.
    Receipted,
    /// Nothing has changed: the connection speaks for nobody, or the room is closed.
    Ignored,
    /// The answer to [`Entry::Join`].
    Joined {
        /// The member.
        member: MemberId,
        /// The name that it has.
        name: Name,
        /// How many are here now.
        here: usize,
    },
    /// The answer to [`Entry::Detach`].
    Detached {
        /// The member.
        member: MemberId,
        /// The connection that it had.
        connection: ConnectionId,
    },
    /// The answer to [`Entry::Resume`].
    Resumed {
        /// The member.
        member: MemberId,
        /// The name that it has.
        name: Name,
        /// How many of its lines were taken, over all of its connections.
        taken: u64,
    },
    /// A program does not get the name that it has asked for. It is not answered.
    NoName(NoName),
    /// The answer to [`Entry::Order`].
    Ordered(Ordered),
    /// These members left because their time was over, or because there were too many like them.
    Expired(Vec<Name>),
    /// It is refused. A member has been answered; a client that is none has to be told.
    Refused(Refusal<'static>),
}
