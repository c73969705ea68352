//! The lines of ours that are not confirmed in time, and the connection that is dead therefore. The sender
//! watches for both: while it waits for something to send, and while the server takes nothing.

use std::time::{Duration, Instant};

use super::Link;
use super::state::State;

/// How long nothing at all may come while a line waits for its receipt. The system has a network that
/// is gone asked after as long when nothing is on the way, but not when something is: then it sends
/// that again and again, on Linux for a quarter of an hour.
const DEAD: Duration = Duration::from_secs(60);

/// Whether unconfirmed lines are watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::client) enum Watch {
    /// They are, and so many overdue ones were told last.
    On {
        /// How many.
        told: usize,
    },
    /// Nobody wants to know, and no connection is given up for them.
    Off,
}

/// What the watching has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::client) enum Watched {
    /// Another number of lines than was told has waited for receipts for too long.
    Overdue(usize),
    /// Nothing new; it may be otherwise at that time.
    Until(Option<Instant>),
}

impl Link {
    /// Looks after the unconfirmed lines while the sender is writing.
    pub(in crate::client) fn look_after_receipts(&self, watch: Watch) -> Watched {
        self.state().watch(watch)
    }
}

impl State {
    /// Whether another number of lines than was told is overdue. When nothing at all has come for far
    /// too long, or for a moment where the room has another server, it ends the connection.
    pub(super) fn watch(&mut self, watch: Watch) -> Watched {
        let Watch::On { told } = watch else { return Watched::Until(None) };
        let now = Instant::now();
        let (overdue, next) = self.overdue(now);
        if overdue != told {
            return Watched::Overdue(overdue);
        }
        let dead_at = self.dead_at();
        if dead_at.is_some_and(|at| at <= now) {
            self.give_up(now);
            self.connection.hang_up();
            return Watched::Until(next);
        }
        Watched::Until(next.into_iter().chain(dead_at).min())
    }

    /// Where the server confirms nothing, nothing waits to be confirmed; but where it has not said a word, what was
    /// entered may wait to be sent.
    fn overdue(&self, now: Instant) -> (usize, Option<Instant>) {
        if self.gets_receipts() || self.may_be_offered_tls() {
            self.session.outbox.overdue(now)
        } else {
            (0, None)
        }
    }

    /// When the connection is to be taken for dead, if nothing comes until then.
    fn dead_at(&self) -> Option<Instant> {
        if !self.gets_receipts() || self.is_given_up() {
            return None;
        }
        let since = self.session.outbox.awaits_since()?;
        let heard_at = self.present().and_then(|present| present.heard_at);
        let silent_since = heard_at.map_or(since, |heard| heard.max(since));
        Some(self.give_up_at(silent_since).unwrap_or(silent_since + DEAD))
    }
}
