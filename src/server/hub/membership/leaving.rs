//! How a membership ends: its member leaves, or is disconnected and may come back.

use std::sync::Arc;

use super::Membership;
use crate::protocol::name::Name;
use crate::protocol::reply;
use crate::protocol::reply::{LeaveReason, Notice};
use crate::protocol::tag::Format;
use crate::server::hub::proposing::Brought;
use crate::server::kinds::CAME_OR_WENT;
use crate::server::room::entry::{Author, Entry, Outcome};

impl Membership {
    /// Leaves, once so many of its lines are read, the last of which may have asked for that. What was appended until
    /// then is still delivered.
    pub(crate) fn leave(mut self, how: LeaveReason<'_>, lines: u64, line: Option<u64>) {
        self.depart(how, lines, line);
    }

    /// The connection has ended without a farewell, when so many lines were read. A member that may resume
    /// stays for a while, and nobody is told.
    pub(crate) fn lose(mut self, how: LeaveReason<'_>, lines: u64) {
        self.on_lost(how, lines);
    }

    fn on_lost(&mut self, how: LeaveReason<'_>, lines: u64) {
        match self.format {
            Format::Plain => self.depart(how, lines, None),
            Format::Tagged => self.disconnect(lines),
        }
    }

    fn disconnect(&mut self, lines: u64) {
        if let Some(expired) = self.end(lines, |by| Entry::Lost { by }) {
            let (name, peer) = (&self.name, self.connection.peer());
            log::info!(target: CAME_OR_WENT, "{name} is away: the connection of {peer} is lost");
            expired.iter().for_each(log_expired);
        }
    }

    fn depart(&mut self, how: LeaveReason<'_>, lines: u64, line: Option<u64>) {
        if self.end(lines, |by| Entry::Leave { by, how, line }).is_some() {
            let (peer, notice) = (self.connection.peer(), Notice::Left(&self.name, how));
            log::info!(target: CAME_OR_WENT, "{} ({peer})", reply::words(&notice.to_string()));
        }
    }

    /// Ends the membership with an entry, and says which other members have left by that. `None` if it has
    /// ended already, if another connection speaks for the member, or if the room is closed, where nobody is
    /// told.
    fn end<'a>(
        &mut self,
        lines: u64,
        entry: impl FnOnce(Author) -> Entry<'a>,
    ) -> Option<Vec<Name>> {
        if !std::mem::replace(&mut self.is_present, false) {
            return None;
        }
        let (hub, by) = (Arc::clone(self.hub()), self.author(lines));
        let ended = hub.with(|shared| {
            // It may have been removed, or be served over another connection. What becomes of an entry for a log is known
            // too late to tell.
            let is_served = shared.member_over(self.connection.id()).is_some();
            let expired = match shared.bring(entry(by)) {
                Brought::Done(Outcome::Ignored) => return None,
                Brought::Done(Outcome::Expired(expired)) => expired,
                Brought::Done(_) | Brought::Awaited(_) => Vec::new(),
            };
            shared.forget_plain(self.connection.id());
            // With the leaving, so that a client that sees that finds the permit free.
            self.permit.give_back(shared);
            (is_served && !shared.room.is_closed()).then_some(expired)
        });
        // The operator is told when the room knows it, too.
        self.wait_for_own();
        ended
    }
}

/// Logs that one was disconnected for too long.
pub(crate) fn log_expired(name: &Name) {
    let notice = Notice::Left(name, LeaveReason::ConnectionLost).to_string();
    log::info!(target: CAME_OR_WENT, "{}", reply::words(&notice));
}

impl Drop for Membership {
    fn drop(&mut self) {
        // A line that its session panicked at is not taken, nor what was gathered before it.
        self.on_lost(LeaveReason::ConnectionLost, self.told);
    }
}
