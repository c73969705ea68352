//! Clients that are to get a name in a shared room whose log does not answer: what they are told meanwhile, and which of
//! them are gone by the time it does.
//!
//! A join that waits in vain is not proposed: the log would have it carried out for a client that has gone to another
//! server, where it would find its own name taken. One that was proposed before the room was found to be away cannot be
//! taken back, since it may have been written; a leave follows it.

use std::time::Duration;

use super::guard::Guard;
use super::proposing::Brought;
use super::{Hub, Shared};
use crate::protocol::reply::{LeaveReason, Notice, SharedNotice};
use crate::protocol::tag::Format;
use crate::server::connection::Connection;
use crate::server::rendering::answer_tag;
use crate::server::room::entry::Outcome;
use crate::server::room::group::{Act, Logged};
use crate::server::system::now;

/// How often it is looked whether a client is still there, while the room is away: its going wakes no thread that waits
/// for the log.
const LOOK: Duration = Duration::from_millis(200);

/// A client that waits to get a name, or the one that it had.
#[derive(Debug, Clone, Copy)]
pub(super) struct Visitor<'a> {
    /// Over which it waits.
    connection: &'a Connection,
    /// How it gets its lines.
    format: Format,
    /// Whether it is no member yet.
    is_new: bool,
}

impl<'a> Visitor<'a> {
    /// One who joins.
    pub(super) fn new(connection: &'a Connection, format: Format) -> Visitor<'a> {
        Visitor { connection, format, is_new: true }
    }

    /// One who goes on as a member.
    pub(super) fn back(connection: &'a Connection) -> Visitor<'a> {
        Visitor { connection, format: Format::Tagged, is_new: false }
    }

    /// Whether it is new, and nobody would know of its name. In the plain form a client may have said its last words and be
    /// gone; in the tagged one nothing is taken of which it has no receipt.
    fn has_left(&self) -> bool {
        let connection = self.connection;
        if !self.is_new {
            return false;
        }
        let is_gone = || connection.gone_since().is_some() || connection.has_peer_finished();
        connection.close_reason().is_some() || (self.format == Format::Tagged && is_gone())
    }

    /// Tells it that the room is away, unless it was told.
    fn tell_away(&self) {
        if self.connection.is_first_told_away() {
            let tag = answer_tag(self.format, None, now());
            self.connection.tell(format_args!("{tag}{}", Notice::Shared(SharedNotice::AwayAtDoor)));
        }
    }
}

impl Shared {
    fn is_away(&self) -> bool {
        self.log.as_ref().is_some_and(|log| log.liveness.is_away()) && !self.room.is_closed()
    }

    /// Whether what becomes of that connection's entry may be known.
    fn is_decided(&self, connection: u32) -> bool {
        let awaited = self.log.as_ref().and_then(|log| log.awaited.get(&connection));
        self.room.is_closed() || !matches!(awaited, Some(None))
    }

    /// Proposes that whoever is served over that connection leaves.
    fn propose_leave(&mut self, connection: u32) {
        let act = Act::Leave(LeaveReason::ConnectionLost);
        let leave = Logged { connection, line: 0, act };
        self.log.iter_mut().for_each(|log| log.outbox.propose(&leave));
    }
}

impl Hub {
    /// Waits while the room is away. Whether the visitor is still there then.
    pub(super) fn wait_for_room(&self, guard: &mut Guard<'_>, visitor: Visitor<'_>) -> bool {
        while guard.is_away() {
            if self.attend(guard, visitor) {
                return false;
            }
            self.proposed.notify_one();
            self.look_again(guard, Shared::is_away);
        }
        true
    }

    /// What becomes of a visitor's entry, as [`Hub::outcome_of`] tells. One that goes while the room is away leaves as soon
    /// as it is in.
    pub(super) fn outcome_for(
        &self,
        guard: &mut Guard<'_>,
        visitor: Visitor<'_>,
        brought: Brought,
    ) -> Outcome {
        let Brought::Awaited(number) = brought else { return self.outcome_of(guard, brought) };
        guard.pass_on();
        while !guard.is_decided(number) {
            if !guard.is_away() {
                guard.wait(&self.taken);
            } else if self.attend(guard, visitor) {
                guard.propose_leave(number);
                break;
            } else {
                self.look_again(guard, |shared| shared.is_away() && !shared.is_decided(number));
            }
        }
        self.outcome_of(guard, brought)
    }

    /// Tells a visitor that the room is away, and looks whether it has left.
    fn attend(&self, guard: &mut Guard<'_>, visitor: Visitor<'_>) -> bool {
        guard.without(|| {
            visitor.tell_away();
            visitor.has_left()
        })
    }

    /// Waits a moment, while `is_so`.
    fn look_again(&self, guard: &mut Guard<'_>, is_so: impl Fn(&Shared) -> bool) {
        guard.waiting += 1;
        guard.wait_while(&self.taken, LOOK, |shared| is_so(shared));
        guard.waiting -= 1;
    }
}
