//! The room's other servers, as far as this one waits for them: to come back to a log that was set back, or to be known
//! to be dead where they have other settings.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::LogSide;
use crate::server::room::group::Logged;
use crate::server::room::log::Log;
use crate::server::system::instant;

/// How long the servers of a room may take to tell each other what a log that was set back has lost.
const SETTLES: Duration = Duration::from_secs(5);

/// How long this server waits for the others to come back to a log that was set back. They find that out within two
/// seconds; a client takes a server for lost that has no receipt for it after five.
const OTHERS: Duration = Duration::from_secs(3);

/// The room's other servers, as long as they have not come back to a log that was set back. What they alone have to tell
/// the others is who their members are.
#[derive(Debug)]
pub(super) struct Others {
    /// What they were called before, with what this server tells of the members of one that does not come back in time.
    awaited: BTreeMap<u64, Vec<Logged<'static>>>,
    /// Until when they are waited for: some may be gone.
    until: Instant,
}

impl LogSide {
    /// Whether the log was set back so recently that other servers may not have told yet what they know.
    pub(in crate::server::hub) fn was_just_set_back(&self) -> bool {
        self.set_back_at.is_some_and(|at| instant().duration_since(at) < SETTLES)
    }

    /// Holds back what is proposed from now on, until these servers have come back.
    pub(in crate::server::hub) fn wait_for_others(
        &mut self,
        awaited: BTreeMap<u64, Vec<Logged<'static>>>,
        now: Instant,
    ) {
        self.others = None;
        if !awaited.is_empty() {
            self.outbox.hold();
            self.others = Some(Others { awaited, until: now + OTHERS });
        }
    }

    /// Servers that were called so before have come back.
    pub(in crate::server::hub) fn on_others_return(
        &mut self,
        returned: impl IntoIterator<Item = u64>,
    ) {
        if let Some(others) = &mut self.others {
            let returned: BTreeSet<_> = returned.into_iter().collect();
            others.awaited.retain(|old, _| !returned.contains(old));
            if others.awaited.is_empty() {
                self.wait_for_nobody();
            }
        }
    }

    /// Until when they are waited for, if they are.
    pub(super) fn others_until(&self) -> Option<Instant> {
        self.others.as_ref().map(|others| others.until)
    }

    /// Nothing is held back any more. The members of servers that have not come back are away from now on, with their names
    /// and tokens: this may be the only server left that knows of them.
    pub(super) fn wait_for_nobody(&mut self) {
        let absent = self.others.take().map(|others| others.awaited).unwrap_or_default();
        self.outbox.let_go_behind(absent.values().flatten());
    }

    /// This server was read to be there. Servers with other settings that were there before may be dead.
    pub(super) fn on_beginning(&mut self, room: Option<&Log>) {
        self.is_beginning = false;
        let Some(room) = room else { return };
        let servers = room.producers().map(|(id, _)| id);
        self.rivals = servers.filter(|id| room.has_other_settings(*id)).collect();
    }

    /// A group of another server's was read.
    pub(super) fn on_others_group(&mut self, producer: u64, room: &Log) {
        self.rivals.retain(|rival| room.has_other_settings(*rival));
        if self.rivals.contains(&producer) {
            self.has_other_settings = true;
            self.rivals.clear();
        }
    }
}
