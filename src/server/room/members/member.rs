//! One member, and what it may resume with. Its name, its connection and its token are changed by
//! [`Members`](super::Members) alone, whose maps have them, too. Pure.

use crate::protocol::name::{Likeness, Name};
use crate::protocol::proof::KeyHash;
use crate::protocol::tag::{Format, Seq};
use crate::server::audience::MemberId;
use crate::server::connection::ConnectionId;
use crate::server::room::changes::KeptMember;
use crate::server::room::entry::{Newcomer, Whence};
use crate::server::room::group::Position;
use crate::server::room::names::Standing;
use crate::server::room::token::TokenHash;
use crate::server::room::waiting_lines::WaitingLines;

/// A member, as the others find it.
#[derive(Debug)]
pub(in crate::server::room) struct Member {
    /// The name as it is spelled; changed by [`Members::rename`](super::Members::rename) alone.
    pub(super) name: Name,
    /// What the name looks like; no other member's is like it.
    pub(super) likeness: Likeness,
    /// The connection that speaks for the member, and over which it is served; `None` while it is
    /// disconnected. Changed by [`Members::connect`](super::Members::connect) and
    /// [`Members::disconnect`](super::Members::disconnect) alone.
    pub(super) connection: Option<ConnectionId>,
    /// How many of its lines were taken, over all of its connections.
    pub(in crate::server::room) taken: u64,
    /// From where its connection is, or its last one was.
    pub(in crate::server::room) whence: Whence,
    /// The key that it has proved to own.
    pub(in crate::server::room) key: Option<KeyHash>,
    /// The name, without case, whose password it has given.
    pub(in crate::server::room) login: Option<String>,
    /// Whether it was let in by a code.
    pub(in crate::server::room) is_let_in: bool,
    /// Whether its name becomes its own with its next line, if nobody owns it.
    pub(in crate::server::room) may_claim: bool,
    /// Whether it cannot speak, as far as is known: a mute ends by itself.
    pub(in crate::server::room) is_muted: bool,
    /// The private lines that waited for it were shown. With a later line it has seen them.
    pub(in crate::server::room) shown_letters: Option<ShownLetters>,
    /// Whose name it has.
    pub(in crate::server::room) standing: Standing,
    /// The first event that it may not have got, once it is disconnected.
    pub(in crate::server::room) lost_at: Seq,
    /// The group of the shared log by which its connection, or its last one, came to speak for it. With that its client
    /// was told the member's name and how many of its lines are taken. The log's beginning, if there is none.
    pub(in crate::server::room) attached_at: Position,
    /// How it may resume, if it gets the tagged form.
    pub(super) resumable: Option<Resumable>,
}

/// For whom a connection speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SpokenFor {
    /// The member's number.
    pub(crate) id: MemberId,
    /// The name that it has.
    pub(crate) name: Name,
    /// How it gets its lines.
    pub(crate) format: Format,
    /// How many of its lines were taken.
    pub(crate) taken: u64,
}

impl SpokenFor {
    /// Whether it is the same member, served in the same form.
    pub(crate) fn is_as(&self, other: &SpokenFor) -> bool {
        (self.id, self.format) == (other.id, other.format)
    }
}

/// Where private lines that waited were shown to a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::server::room) struct ShownLetters {
    /// Whose name they waited for, without case.
    pub(in crate::server::room) word: String,
    /// How many of the member's lines had been taken then.
    pub(in crate::server::room) taken: u64,
    /// Before which event.
    pub(in crate::server::room) before: Seq,
}

/// What belongs to a member that may resume.
#[derive(Debug)]
pub(in crate::server::room) struct Resumable {
    /// What it has to show; without one, which the system could not give, it cannot resume.
    pub(in crate::server::room) token: Option<TokenHash>,
    /// The first event that it may get.
    pub(in crate::server::room) since: Seq,
    /// The private lines that were said to it while it has been disconnected.
    pub(in crate::server::room) waiting: WaitingLines,
}

impl Member {
    /// A member that has just come.
    pub(in crate::server::room) fn new(
        (name, likeness): (Name, Likeness),
        newcomer: &Newcomer,
    ) -> Member {
        let Newcomer { connection, taken, whence, credentials, is_let_in, .. } = *newcomer;
        let login = credentials.has_password.then(|| likeness.folded().to_owned());
        Member {
            key: credentials.key,
            login,
            is_let_in,
            may_claim: credentials.may_claim && credentials.key.is_some(),
            ..Member::bare((name, likeness), Some(connection), taken, whence)
        }
    }

    /// A member from before, which has no connection.
    pub(in crate::server::room) fn restored(kept: KeptMember) -> Member {
        let KeptMember { name, taken, encryption, key, login, address, lost_at, .. } = kept;
        let (likeness, whence) = (name.likeness(), Whence { encryption, address, origin: None });
        Member { key, login, lost_at, ..Member::bare((name, likeness), None, taken, whence) }
    }

    /// A member with nothing but its name, where it is, and how many of its lines were taken.
    pub(in crate::server::room) fn bare(
        (name, likeness): (Name, Likeness),
        connection: Option<ConnectionId>,
        taken: u64,
        whence: Whence,
    ) -> Member {
        Member {
            name,
            likeness,
            connection,
            taken,
            whence,
            key: None,
            login: None,
            is_let_in: false,
            may_claim: false,
            is_muted: false,
            shown_letters: None,
            standing: Standing::default(),
            lost_at: Seq::MAX,
            attached_at: Position::START,
            resumable: None,
        }
    }

    /// The same, with what it may resume with.
    pub(in crate::server::room) fn with_resumable(self, resumable: Option<Resumable>) -> Member {
        Member { resumable, ..self }
    }

    pub(in crate::server::room) fn name(&self) -> &Name {
        &self.name
    }

    pub(in crate::server::room) fn likeness(&self) -> &Likeness {
        &self.likeness
    }

    /// The connection that speaks for it, if it has one.
    pub(in crate::server::room) fn connection(&self) -> Option<ConnectionId> {
        self.connection
    }

    /// How it gets its lines.
    pub(in crate::server::room) fn format(&self) -> Format {
        if self.resumable.is_some() { Format::Tagged } else { Format::Plain }
    }

    /// Whether its connection is lost, and it may still resume.
    pub(in crate::server::room) fn is_disconnected(&self) -> bool {
        self.connection.is_none()
    }

    /// Whether it has a connection, and could resume over another one.
    pub(in crate::server::room) fn may_be_taken_over(&self) -> bool {
        self.connection.is_some() && self.resumable.is_some()
    }

    /// What it resumes with, if it can, and the first event that it may get then.
    pub(in crate::server::room) fn resumes_with(&self) -> (Option<TokenHash>, Seq) {
        self.resumable.as_ref().map_or((None, 0), |resumable| (resumable.token, resumable.since))
    }

    /// How it may resume, if it may.
    pub(in crate::server::room) fn resumable(&self) -> &Option<Resumable> {
        &self.resumable
    }

    /// The private lines that wait for it.
    pub(in crate::server::room) fn waiting(&self) -> Option<&WaitingLines> {
        self.resumable.as_ref().map(|resumable| &resumable.waiting)
    }

    /// The same, to be changed.
    pub(in crate::server::room) fn waiting_mut(&mut self) -> Option<&mut WaitingLines> {
        self.resumable.as_mut().map(|resumable| &mut resumable.waiting)
    }
}
