//! A client that goes on as a member: the member's old connection is closed first, and nothing speaks for it
//! any more.

use std::sync::Arc;

use super::doorway::Visitor;
use super::permit::Permit;
use super::{Hub, Shared};
use crate::protocol::name::Name;
use crate::protocol::reply::Refusal;
use crate::protocol::tag::{Seq, Token};
use crate::server::audience::MemberId;
use crate::server::connection::{CloseReason, Connection};
use crate::server::room::entry::{Author, Entry, Outcome, Whence};
use crate::server::room::token::TokenHash;

/// What a client shows to go on as a member.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resume {
    /// The hash of the member's token.
    pub(super) token: TokenHash,
    /// The last event that the client has.
    pub(super) seen: Seq,
    /// From where the client is.
    pub(super) whence: Whence,
    /// The guest that the client was until now.
    pub(super) instead_of: Option<Author>,
}

/// As which member a client goes on.
#[derive(Debug)]
pub(super) struct Resumed {
    /// The member.
    pub(super) id: MemberId,
    /// The name that it has.
    pub(super) name: Name,
    /// How many of its lines were taken, over all of its connections.
    pub(super) taken: u64,
}

impl Shared {
    /// Serves a member that has no connection over this one.
    fn readmit(
        &mut self,
        connection: &Arc<Connection>,
        Resume { token, seen, whence, instead_of }: Resume,
    ) -> Result<Resumed, Refusal<'static>> {
        let id = connection.id();
        self.connections.insert(id, Arc::clone(connection));
        let entry = Entry::Resume { connection: id, whence, token, seen, instead_of };
        match self.apply(entry) {
            Outcome::Resumed { member, name, taken } => Ok(Resumed { id: member, name, taken }),
            Outcome::Refused(refusal) => Err(refusal),
            _ => Err(Refusal::UnknownToken),
        }
    }
}

impl Shared {
    /// Whether the member with this token has a connection to this server.
    fn is_connected_here(&self, token: TokenHash) -> bool {
        let connection = self.room.connection_of(token);
        connection.is_some_and(|connection| connection.producer == self.effects.producer)
    }
}

impl Hub {
    /// Whether somebody with this token may resume where there is no permit: its other connection has
    /// one.
    pub(crate) fn may_take_over(&self, token: Token) -> bool {
        let token = TokenHash::of(token);
        self.with(|shared| shared.room.is_connected(token))
    }

    /// Whether anybody here could resume so.
    pub(crate) fn may_be_taken_over(&self) -> bool {
        self.with(|shared| shared.room.has_connected_resumable())
    }

    /// Whether the member with this token may resume from that event on.
    ///
    /// # Errors
    ///
    /// Nobody has the token, or too much was forgotten.
    pub(crate) fn may_resume(&self, token: Token, seen: Seq) -> Result<(), Refusal<'static>> {
        let token = TokenHash::of(token);
        self.with(|shared| shared.room.may_resume(token, seen)).map(|_| ())
    }

    /// Lets a client go on as the member with the token in `resume`. Nothing speaks for that member any
    /// more before its old connection is closed. A permit that is missing is taken over from that one;
    /// without any, the client does not go on.
    pub(super) fn resume(
        &self,
        connection: &Arc<Connection>,
        resume: Resume,
        mut permit: Option<&mut Permit>,
    ) -> Result<Resumed, Refusal<'static>> {
        if self.is_shared() {
            return self.resume_by_log(connection, resume, permit);
        }
        let Resume { token, seen, .. } = resume;
        // The member, once its old connection is closed and it has no other.
        let mut detached = None;
        loop {
            let mut guard = self.lock();
            if let Err(refusal) = guard.room.may_resume(token, seen) {
                // Meanwhile too much was forgotten.
                if let Some(member) = detached {
                    guard.apply(Entry::Unclaimed { member });
                }
                return Err(refusal);
            }
            let before = match guard.apply(Entry::Detach(token)) {
                Outcome::Detached { member, connection } => {
                    guard.connections.get(&connection).cloned().map(|before| (member, before))
                }
                _ => None,
            };
            let Some((member, before)) = before else {
                let why = permit.as_ref().and_then(|permit| permit.why_missing());
                if let Some(why) = why {
                    return Err(why.clone());
                }
                return guard.readmit(connection, resume);
            };
            if let Some(permit) = &mut permit {
                permit.take_over(&mut guard);
            }
            detached = Some(member);
            // Before anything is sent over the new one, and not with the lock held.
            drop(guard);
            before.hang_up(CloseReason::TakenOver);
        }
    }

    /// The same where several servers hold the room: the log says at which place the client goes on, and the connection
    /// that the member had is taken from it there.
    fn resume_by_log(
        &self,
        connection: &Arc<Connection>,
        resume: Resume,
        permit: Option<&mut Permit>,
    ) -> Result<Resumed, Refusal<'static>> {
        let mut guard = self.lock();
        if let Some(permit) = permit
            && let Some(why) = permit.why_missing()
        {
            // The one that the member's other connection has is on this server, or there is none.
            if !guard.is_connected_here(resume.token) {
                return Err(why.clone());
            }
            permit.take_over(&mut guard);
        }
        let id = connection.id();
        guard.connections.insert(id, Arc::clone(connection));
        let Resume { token, seen, whence, instead_of } = resume;
        let entry = Entry::Resume { connection: id, whence, token, seen, instead_of };
        let brought = guard.bring(entry);
        let outcome = match instead_of {
            None => self.outcome_for(&mut guard, Visitor::back(connection), brought),
            Some(_) => self.outcome_of(&mut guard, brought),
        };
        if let Outcome::Resumed { member, name, taken } = outcome {
            return Ok(Resumed { id: member, name, taken });
        }
        if instead_of.is_none() {
            guard.connections.remove(&id);
        }
        let is_settling = guard.log.as_ref().is_some_and(|log| log.was_just_set_back());
        match outcome {
            Outcome::Refused(Refusal::UnknownToken) if is_settling => {}
            Outcome::Refused(refusal) => return Err(refusal),
            _ => {}
        }
        // The server ends before the log has said anything; or the log was set back, and other servers may not have told
        // yet whom they know. The client is to try again, here or elsewhere, and is told nothing that would end its
        // session.
        drop(guard);
        connection.hang_up(CloseReason::ShuttingDown);
        Err(Refusal::UnknownToken)
    }
}
