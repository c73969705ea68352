//! What is ordered in a room: entries, each with its stamp, and what becomes of them. Pure.
//!
//! A room is changed by entries alone (`Room::apply`), and all that it needs of the world comes with
//! them: the time, random numbers, and the number of the connection that speaks.

use std::time::Duration;

use super::token::{Issued, TokenHash};
use crate::protocol::name::{Likeness, Name, Wanted};
use crate::protocol::reply::{LeaveReason, Refusal};
use crate::protocol::tag::{Format, Millis, Seq};
use crate::server::admission::Origin;
use crate::server::audience::MemberId;
use crate::server::chunk::Chunk;
use crate::server::connection::ConnectionId;
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

/// A new member's connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Newcomer {
    /// Over which the member is served.
    pub(crate) connection: ConnectionId,
    /// How the member gets its lines.
    pub(crate) format: Format,
    /// How many lines it had sent before it joined.
    pub(crate) taken: u64,
    /// Who can read along.
    pub(crate) encryption: Encryption,
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
    },
    /// A plain member gets the tagged form from now on, and may resume.
    Tag {
        /// The member.
        by: Author,
        /// What it resumes with.
        token: Option<Issued>,
    },
    /// The member with this token loses the connection that it still has to one that shows the token.
    Detach(TokenHash),
    /// A client goes on as the member with this token, which has no connection.
    Resume {
        /// Over which the member is served from now on.
        connection: ConnectionId,
        /// Who can read along there.
        encryption: Encryption,
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
        /// From where its connection was.
        from: Origin,
    },
    /// Nobody resumes as a member whose connection was taken away by [`Entry::Detach`]: its time begins.
    Unclaimed {
        /// The member.
        member: MemberId,
        /// From where its connection was.
        from: Origin,
    },
    /// A member leaves.
    Leave {
        /// The member.
        by: Author,
        /// Why.
        how: LeaveReason<'a>,
    },
    /// What has become due is done: members whose time is over leave, and joins that were held back are
    /// told.
    Expire,
    /// What is said is not kept for now, for this reason; everyone is told.
    StopKeeping(&'static str),
    /// What is said is kept again, but for the lines of this gap; everyone is told.
    KeepAgain(Option<Gap>),
    /// Everyone is told that the server shuts down. Nothing is said after that.
    Close,
}

/// What has become of an entry, for the one who brought it.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It is done.
    Done,
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
    /// These members left because their time was over, or because there were too many like them.
    Expired(Vec<Name>),
    /// It is refused. A member has been answered; a client that is none has to be told.
    Refused(Refusal<'static>),
}
