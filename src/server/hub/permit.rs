//! A permit to be in the server, and how its holder joins or resumes with it.

use std::net::IpAddr;
use std::sync::Arc;

use super::doorway::Visitor;
use super::membership::Membership;
use super::resume::{Resume, Resumed};
use super::{Hub, Shared};
use crate::protocol::name::Name;
use crate::protocol::reply::Refusal;
use crate::protocol::tag::{Format, Seq, Token};
use crate::server::admission::Origin;
use crate::server::connection::{CloseReason, Connection};
use crate::server::kinds::CAME_OR_WENT;
use crate::server::room::entry::{Credentials, Entry, Newcomer, NoName, Outcome, Whence};
use crate::server::room::token::{Issued, TokenHash};
use crate::server::system::{instant, random_bits};

/// One who has joined, as its session is told.
#[derive(Debug)]
pub(crate) struct Admitted {
    /// What the session holds from now on.
    pub(crate) membership: Membership,
    /// How many are here now.
    pub(crate) here: usize,
    /// The room closes: nobody is told of it any more.
    pub(crate) closing: bool,
}

/// What a client has shown before it joins.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Shown {
    /// What it has shown to have a name of its own.
    pub(crate) credentials: Credentials,
    /// Whether it was let in by a code.
    pub(crate) is_let_in: bool,
}

/// Why a client has not joined.
#[derive(Debug)]
pub(crate) enum Denied {
    /// It does not get the name that it wants, and may ask for another one.
    Name(NoName),
    /// It is not let in.
    Entry(Refusal<'static>),
    /// It is gone, or sends nothing more, while the room is away.
    Left,
}

/// One of the places in the server, for a client whose name is not settled. Dropped, it is free again.
#[derive(Debug)]
pub(crate) struct Permit {
    /// Where it is counted.
    hub: Arc<Hub>,
    /// For which address it counts; `None` for a client of whom a proxy says nothing.
    origin: Option<Origin>,
    /// Whether it has to be given back.
    hold: Hold,
}

/// How it stands with a permit.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Hold {
    Taken,
    /// There is none, for this reason. A member whose other connection still has one takes that over.
    Missing(Refusal<'static>),
    /// It was given back together with the leaving, before anyone could hear of that.
    GivenBack,
}

impl Permit {
    /// A permit for one more client from there, if there is one; `None` is a client of whom a proxy says nothing.
    pub(crate) fn take(hub: &Arc<Hub>, from: Option<IpAddr>) -> Result<Permit, Refusal<'static>> {
        let origin = from.map(Origin::of);
        hub.with(|shared| {
            shared.permits.take(origin).inspect_err(|why| {
                if matches!(why, Refusal::RoomFull(_)) {
                    shared.lacked_permit = Some(instant());
                }
            })
        })?;
        Ok(Permit { hub: Arc::clone(hub), origin, hold: Hold::Taken })
    }

    /// Takes the permit that was missing, if there is one now; false if there is none.
    pub(crate) fn take_late(&mut self) -> bool {
        let is_missing = self.why_missing().is_some();
        if is_missing && self.hub.with(|shared| shared.permits.take(self.origin)).is_ok() {
            self.hold = Hold::Taken;
        }
        self.hold == Hold::Taken
    }

    /// None for a client from there, for this reason.
    pub(crate) fn missing(hub: &Arc<Hub>, from: Option<IpAddr>, why: Refusal<'static>) -> Permit {
        let origin = from.map(Origin::of);
        Permit { hub: Arc::clone(hub), origin, hold: Hold::Missing(why) }
    }

    /// Why there is none, if there is none.
    pub(crate) fn why_missing(&self) -> Option<&Refusal<'static>> {
        match &self.hold {
            Hold::Missing(why) => Some(why),
            Hold::Taken | Hold::GivenBack => None,
        }
    }

    pub(super) fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// Where a client is from, if that says anything: the server's own machine does not, nor a proxy that says
    /// nothing of the client.
    fn address(&self, connection: &Connection) -> Option<IpAddr> {
        let address = connection.peer().ip();
        (self.origin.is_some() && !address.is_loopback()).then_some(address)
    }

    /// From where a client is.
    pub(super) fn whence(&self, connection: &Connection) -> Whence {
        let origin = Some(Origin::of(connection.peer().ip()));
        Whence { encryption: connection.encryption(), address: self.address(connection), origin }
    }

    /// Gives the permit back, under the lock.
    pub(super) fn give_back(&mut self, shared: &mut Shared) {
        if std::mem::replace(&mut self.hold, Hold::GivenBack) == Hold::Taken {
            shared.permits.give_back(self.origin);
            self.hub.notify(shared);
        }
    }

    /// Takes over that of a connection that is about to give it back, if there is none.
    pub(super) fn take_over(&mut self, shared: &mut Shared) {
        if self.why_missing().is_some() {
            shared.permits.take_over(self.origin);
            self.hold = Hold::Taken;
        }
    }

    /// Joins under `wanted` if it is free, and else as a guest, when so many of the client's lines are read and it has
    /// proved to own that key. A
    /// program, which gets the tagged form, does not join under another name than it wanted: the permit is
    /// given back.
    ///
    /// What it needs of the stack is on top of the deepest that a session has been so far, and stays
    /// with each of them: its caller logs.
    pub(crate) fn join(
        self,
        wanted: Option<&Name>,
        connection: &Arc<Connection>,
        format: Format,
        taken: u64,
        shown: Shown,
    ) -> Result<Admitted, (Permit, Denied)> {
        let with_likeness = wanted.map(|name| (name.clone(), name.likeness()));
        let token = match format {
            Format::Plain => None,
            Format::Tagged => random_bits().map(Issued::new),
        };
        let Shown { credentials, is_let_in } = shown;
        let newcomer = Newcomer {
            connection: connection.id(),
            format,
            taken,
            whence: self.whence(connection),
            credentials,
            is_let_in,
        };
        let entry = Entry::Join { newcomer, wanted: with_likeness, token };
        let Some((joined, closing)) = self.hub.join(connection, entry) else {
            return Err((self, Denied::Left));
        };
        let (id, name, here) = match joined {
            Outcome::Joined { member, name, here } => (member, name, here),
            Outcome::NoName(why) => return Err((self, Denied::Name(why))),
            Outcome::Refused(refusal) => return Err((self, Denied::Entry(refusal))),
            _ => return Err((self, Denied::Name(NoName::Taken))),
        };
        let member = Resumed { id, name, taken };
        let membership = Membership::new(self, connection, format, member);
        Ok(Admitted { membership, here, closing })
    }

    /// Takes up where the member stopped that was given the token and has all events up to `seen`;
    /// the second value is how many of its lines were taken.
    pub(crate) fn resume(
        mut self,
        token: Token,
        seen: Seq,
        connection: &Arc<Connection>,
    ) -> Result<(Membership, u64), (Permit, Refusal<'static>)> {
        let hub = Arc::clone(&self.hub);
        let whence = self.whence(connection);
        let resume = Resume { token: TokenHash::of(token), seen, whence, instead_of: None };
        let member = match hub.resume(connection, resume, Some(&mut self)) {
            Ok(member) => member,
            Err(refusal) => return Err((self, refusal)),
        };
        let taken = member.taken;
        log::info!(target: CAME_OR_WENT, "{} is back, from {}", member.name, connection.peer());
        Ok((Membership::new(self, connection, Format::Tagged, member), taken))
    }
}

impl Hub {
    /// Has a client join over that connection. What has come of it, and whether the room is closed; `None` if the client
    /// has left before.
    fn join(&self, connection: &Arc<Connection>, entry: Entry<'_>) -> Option<(Outcome, bool)> {
        let mut guard = self.lock();
        let Entry::Join { newcomer: Newcomer { format, .. }, token, .. } = entry else {
            return None;
        };
        let visitor = Visitor::new(connection, format);
        if !self.wait_for_room(&mut guard, visitor) {
            return None;
        }
        // Before it is applied, which the reader of a shared room's log does by itself.
        guard.connections.insert(connection.id(), Arc::clone(connection));
        let joining = guard.joining_again(&entry);
        let brought = guard.bring(entry);
        let joined = self.outcome_for(&mut guard, visitor, brought);
        match &joined {
            Outcome::Joined { name, .. } => guard.on_joined(connection.id(), joining, name),
            _ => {
                guard.connections.remove(&connection.id());
                token.into_iter().for_each(|token| guard.effects.forget_token(token.hash));
            }
        }
        let is_closed = guard.room.is_closed();
        let is_unknown = guard.log.is_some() && matches!(joined, Outcome::Ignored) && !is_closed;
        drop(guard);
        if is_unknown {
            // Nobody knows any more what has become of it. The client is to try again, and is not told why not.
            connection.hang_up(CloseReason::ShuttingDown);
        }
        Some((joined, is_closed))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.hold == Hold::Taken {
            let hub = Arc::clone(&self.hub);
            hub.with(|shared| self.give_back(shared));
        }
    }
}
