//! How entries get into the room. Where the room is this server's own, they are applied at once. Where several servers
//! hold it, they are proposed to the log that orders them, and applied when they are read back from it (`log`); a session
//! whose next step depends on what has become of its entry waits here for that.

use super::guard::Guard;
use super::log::LogSide;
use super::weight::Weight;
use super::{Hub, Shared};
use crate::protocol::name::Name;
use crate::protocol::tag::Format;
use crate::server::audience::MemberId;
use crate::server::connection::{Connection, ConnectionId};
use crate::server::room::entry::{Entry, Newcomer, Orderer, Outcome};
use crate::server::room::group::{Act, Joining, Logged};
use crate::server::room::people::invitations::CodeHash;
use crate::server::utterance::Utterances;

/// About how many bytes one entry has at most: a group has room for two of them.
const MOST_SAID: usize = 30 * 1024;

/// What has become of an entry that was brought.
#[derive(Debug)]
pub(super) enum Brought {
    /// It is applied, or nobody waits for that.
    Done(Outcome),
    /// It is proposed, and what becomes of it comes for the connection with that number; 0 is the server's own keyboard.
    Awaited(u32),
}

impl Shared {
    /// Applies an entry, or proposes it.
    pub(super) fn bring(&mut self, entry: Entry<'_>) -> Brought {
        if self.log.is_none() || is_of_this_server(&entry) {
            return Brought::Done(self.apply(entry));
        }
        if self.room.is_closed() {
            return Brought::Done(Outcome::Ignored);
        }
        self.note_secrets(&entry);
        let logged = logged(&entry);
        let (Some(log), Some(logged)) = (&mut self.log, logged) else {
            return Brought::Done(Outcome::Ignored);
        };
        log.outbox.propose(&logged);
        if logged.act.is_awaited() {
            log.awaited.insert(logged.connection, None);
            Brought::Awaited(logged.connection)
        } else {
            Brought::Done(Outcome::Done)
        }
    }

    /// The member that is served over a connection of this server's.
    pub(super) fn member_over(&self, id: ConnectionId) -> Option<MemberId> {
        self.room.member_over(ConnectionId { producer: self.effects.producer, number: id.number })
    }

    /// How a plain client that joins with that entry joins again, should the room's other servers take this one for dead.
    pub(super) fn joining_again(&self, entry: &Entry<'_>) -> Option<Joining> {
        self.log.as_ref()?;
        match logged(entry)?.act {
            Act::Join(joining) if joining.format == Format::Plain => Some(joining),
            _ => None,
        }
    }

    /// A client has joined under that name.
    pub(super) fn on_joined(&mut self, id: ConnectionId, joining: Option<Joining>, name: &Name) {
        if let (Some(log), Some(mut joining)) = (&mut self.log, joining) {
            joining.wanted = Some((name.clone(), name.likeness()));
            log.plain.insert(id.number, joining);
        }
    }

    /// A plain member has another name.
    pub(super) fn on_renamed(&mut self, id: ConnectionId, name: &Name) {
        let joining = self.log.as_mut().and_then(|log| log.plain.get_mut(&id.number));
        joining.into_iter().for_each(|it| it.wanted = Some((name.clone(), name.likeness())));
    }

    /// A connection serves no plain member any more.
    pub(super) fn forget_plain(&mut self, id: ConnectionId) {
        self.log.iter_mut().for_each(|log| drop(log.plain.remove(&id.number)));
    }

    /// Proposes a member's lines behind `told` up to `last`.
    pub(super) fn propose_lines(
        &mut self,
        connection: ConnectionId,
        uttered: &Utterances,
        told: u64,
        last: u64,
    ) {
        let Some(log) = self.log.as_mut().filter(|_| !self.room.is_closed()) else { return };
        let connection = connection.number;
        uttered.portions(told, last, MOST_SAID, |line, lines| {
            log.outbox.propose(&Logged { connection, line, act: Act::Speak(lines) });
        });
    }

    /// Remembers what the log does not tell, since nobody but this server's client is to know it.
    fn note_secrets(&mut self, entry: &Entry<'_>) {
        match entry {
            Entry::Join { token, .. } | Entry::Tag { token, .. } => {
                let token = token.and_then(|issued| issued.token);
                token.into_iter().for_each(|token| self.effects.expect_token(token));
            }
            Entry::Invite { code, .. } => self.effects.expect_code(code),
            _ => {}
        }
    }
}

impl Hub {
    /// Applies an entry, or proposes it and waits for what becomes of it where that is of interest.
    pub(super) fn bring(&self, entry: Entry<'_>) -> Outcome {
        let mut guard = self.lock();
        self.bring_with(&mut guard, entry)
    }

    /// Does the same for a member once its session may bring so much. `None` if it would have to wait, and its connection was
    /// hung up on.
    pub(super) fn bring_in_turn(
        &self,
        weight: Weight,
        member: MemberId,
        connection: &Connection,
        entry: Entry<'_>,
    ) -> Option<Outcome> {
        let brought = self.with_room(weight, member, connection, |shared| shared.bring(entry))?;
        match brought {
            Brought::Done(outcome) => Some(outcome),
            awaited @ Brought::Awaited(_) => Some(self.outcome_of(&mut self.lock(), awaited)),
        }
    }

    /// The same with the lock held, which is given up meanwhile.
    pub(super) fn bring_with(&self, guard: &mut Guard<'_>, entry: Entry<'_>) -> Outcome {
        let brought = guard.bring(entry);
        self.outcome_of(guard, brought)
    }

    /// What becomes of an entry. [`Outcome::Ignored`] where the room closes before that is known.
    pub(super) fn outcome_of(&self, guard: &mut Guard<'_>, brought: Brought) -> Outcome {
        let connection = match brought {
            Brought::Done(outcome) => return outcome,
            Brought::Awaited(connection) => connection,
        };
        guard.pass_on();
        loop {
            let is_closed = guard.room.is_closed();
            let Some(log) = &mut guard.log else { return Outcome::Ignored };
            if let Some(outcome) = log.take_outcome(connection, is_closed) {
                return outcome;
            }
            guard.wait(&self.taken);
        }
    }

    /// Waits until what that connection has brought is read back. It does not wait while the room is away, nor once the
    /// room closes; so it waits for a few seconds at most.
    pub(super) fn wait_for_own(&self, id: ConnectionId) {
        let is_unread = |shared: &Shared| {
            let log = shared.log.as_ref().filter(|_| !shared.room.is_closed());
            log.is_some_and(|log| log.outbox.has_of(id.number) && !log.liveness.is_away())
        };
        let mut guard = self.lock();
        while is_unread(&guard) {
            guard.wait(&self.taken);
        }
    }
}

impl LogSide {
    /// What has become of the entry of that connection; where nobody waits any more, nothing will.
    fn take_outcome(&mut self, connection: u32, is_over: bool) -> Option<Outcome> {
        match self.awaited.remove(&connection) {
            Some(Some(outcome)) => Some(outcome),
            Some(None) if !is_over => {
                self.awaited.insert(connection, None);
                None
            }
            Some(None) | None => Some(Outcome::Ignored),
        }
    }
}

/// Whether an entry is about this server alone, also where several hold the room.
fn is_of_this_server(entry: &Entry<'_>) -> bool {
    matches!(
        entry,
        Entry::Tell(_)
            | Entry::TellSome(..)
            | Entry::StopKeeping(_)
            | Entry::KeepAgain(_)
            | Entry::Close
    )
}

/// An entry as the log has it; `None` for one that is never proposed so.
fn logged<'a>(entry: &'a Entry<'_>) -> Option<Logged<'a>> {
    let of =
        |connection: &ConnectionId, act| Logged { connection: connection.number, line: 0, act };
    let (by, act) = match entry {
        Entry::Join { newcomer, wanted, token } => {
            let Newcomer { connection, format, taken, whence, credentials, is_let_in } = *newcomer;
            let (token, wanted) = (token.map(|issued| issued.hash), wanted.clone());
            let joining = Joining { format, whence, credentials, is_let_in, token, wanted };
            return Some(Logged { line: taken, ..of(&connection, Act::Join(joining)) });
        }
        Entry::Resume { connection, whence, token, seen, instead_of: _ } => {
            let act = Act::Resume { whence: *whence, token: *token, seen: *seen };
            return Some(of(connection, act));
        }
        Entry::Pass { code, key, connection } => {
            return Some(of(connection, Act::Pass { code: *code, key: *key }));
        }
        Entry::RenewPassword { word, password } => {
            return Some(Logged::by_server(Act::RenewPassword { word, password }));
        }
        Entry::InviteByConsole { code, time } => {
            return Some(Logged::by_server(Act::Invite { code: *code, time: *time }));
        }
        Entry::OfferName { word, code } => {
            return Some(Logged::by_server(Act::OfferName { word, code: *code }));
        }
        Entry::Order { by: Orderer::Console, order, whom } => {
            return Some(Logged::by_server(Act::Order { order: **order, whom: whom.clone() }));
        }
        Entry::Announce { text } => return Some(Logged::by_server(Act::Announce(text))),
        Entry::Erased(erased) => return Some(Logged::by_server(Act::Erased(erased.clone()))),
        Entry::Whisper { by, to, wanted, text } => {
            (by, Act::Whisper { to, wanted: (*wanted).clone(), text })
        }
        Entry::Rename { by, name, likeness, credentials } => {
            let named = ((*name).clone(), likeness.clone());
            (by, Act::Rename { named, credentials: *credentials })
        }
        Entry::Register { by, password } => (by, Act::Register { password }),
        Entry::Unregister { by } => (by, Act::Unregister),
        Entry::Invite { by, code, time } => {
            (by, Act::Invite { code: CodeHash::of(code), time: *time })
        }
        Entry::Order { by: Orderer::Member(by), order, whom } => {
            (by, Act::Order { order: **order, whom: whom.clone() })
        }
        Entry::Tag { by, token, key } => {
            (by, Act::Tag { token: token.map(|issued| issued.hash), key: *key })
        }
        Entry::Lost { by } => (by, Act::Lost),
        Entry::Leave { by, how, .. } => (by, Act::Leave(*how)),
        // Lines are proposed as they were read (`membership`), a resume takes the other connection away by itself, and the
        // stamps of the log say when something is due.
        Entry::Speak { .. }
        | Entry::Detach(_)
        | Entry::Unclaimed { .. }
        | Entry::Expire
        | Entry::Tell(_)
        | Entry::TellSome(..)
        | Entry::StopKeeping(_)
        | Entry::KeepAgain(_)
        | Entry::Close => return None,
    };
    Some(Logged { connection: by.connection.number, line: by.taken.unwrap_or(0), act })
}
