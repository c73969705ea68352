//! The member that is a program of the server's own (`hook`): it has a name, and no connection.
//!
//! It is a member as any other one, so `/who` lists it and nobody else can be called so. Its connection's number is
//! nobody's, so what it is answered is for nobody. It takes no permit.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Hub;
use super::weight::Volume;
use crate::protocol::name::Name;
use crate::protocol::reply::{LeaveReason, Refusal};
use crate::protocol::tag::Format;
use crate::server::audience::MemberId;
use crate::server::chunk::Chunk;
use crate::server::connection::ConnectionId;
use crate::server::figures::hook::HookFigures;
use crate::server::room::entry::{
    Author, Credentials, Encryption, Entry, Newcomer, NoName, Outcome, Whence,
};

/// What has become of what the hook says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    /// It is said.
    Yes,
    /// The hook is in the room no more.
    Gone,
}

/// Why the hook is not in the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotIn {
    /// Its name is not free.
    Name(NoName),
    /// The name is banned.
    Banned,
    /// The room has as many members as it may.
    Full,
    /// The room is closed.
    Closed,
}

impl Hub {
    /// Brings the hook in, under that name.
    pub(crate) fn join_hook(&self, name: &Name) -> Result<MemberId, NotIn> {
        let newcomer = Newcomer {
            connection: ConnectionId::OF_HOOK,
            // Whoever gets it comes in under no other name than it wants.
            format: Format::Tagged,
            taken: 0,
            whence: Whence { encryption: Encryption::Loopback, address: None, origin: None },
            credentials: Credentials::default(),
            is_let_in: false,
        };
        let wanted = Some((name.clone(), name.likeness()));
        self.with(|shared| match shared.apply(Entry::Join { newcomer, wanted, token: None }) {
            Outcome::Joined { member, .. } => {
                shared.hook = Some(member);
                Ok(member)
            }
            Outcome::NoName(why) => Err(NotIn::Name(why)),
            Outcome::Refused(Refusal::MembersFull(_)) => Err(NotIn::Full),
            Outcome::Refused(_) => Err(NotIn::Banned),
            _ => Err(NotIn::Closed),
        })
    }

    /// Says what the hook's program has brought, once it may be: as a member's, it waits while readers that keep pace
    /// are far behind. `is_over` is looked at while it waits.
    pub(crate) fn speak_as_hook(
        &self,
        member: MemberId,
        chunk: &mut Chunk,
        volume: &mut Volume,
        is_over: &AtomicBool,
    ) -> Heard {
        let weight = volume.weigh(chunk.bytes());
        let by = Author { member, connection: ConnectionId::OF_HOOK, taken: None };
        let mut guard = self.lock();
        while self.is_full(&guard, weight) {
            if is_over.load(Ordering::SeqCst) {
                return Heard::Gone;
            }
            guard.wait(&self.taken);
        }
        match guard.apply(Entry::Speak { by, chunk }) {
            Outcome::Done => Heard::Yes,
            _ => Heard::Gone,
        }
    }

    /// Whether the hook is in the room: an operator may have removed it.
    pub(crate) fn has_hook(&self, member: MemberId) -> bool {
        self.with(|shared| shared.room.name_of(member).is_some())
    }

    /// Whoever waits for room looks again whether it is over.
    pub(crate) fn end_hook(&self) {
        self.with(|shared| self.notify(shared));
    }

    /// Has the figures tell of the hook.
    pub(crate) fn count_hook(&self, figures: &Arc<HookFigures>) {
        self.hook_figures.get_or_init(|| Arc::clone(figures));
    }
}

impl super::Shared {
    /// The hook leaves before the room is closed, or it would be there without its program at the next start.
    pub(super) fn part_with_hook(&mut self) {
        if let Some(member) = self.hook.take() {
            let by = Author { member, connection: ConnectionId::OF_HOOK, taken: None };
            self.apply(Entry::Leave { by, how: LeaveReason::Quit(""), line: None });
        }
    }
}
