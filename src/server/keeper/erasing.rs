//! How the keeper carries out orders to erase lines in the file: a step between two cuts each, so that nobody waits
//! long. It runs in the keeper's thread.

use super::{Keeper, Mark};
use crate::server::history::kept::EraseStep;
use crate::server::history::retention;
use crate::server::history::store::Store;
use crate::server::system::instant;

impl<S: Store, M: Mark> Keeper<S, M> {
    /// Whether it is time to go on with the orders to erase lines.
    pub(super) fn is_to_erase(&self) -> bool {
        self.backlog.is_none() && self.erase_at.is_some_and(|at| at <= instant())
    }

    /// Does one step of the orders to erase lines, each of which is told once nothing of it is left to do.
    pub(super) fn erase(&mut self) {
        let step = {
            let _turn = self.turns.of_keeper();
            self.store.erase(retention::STEP)
        };
        match step {
            Ok(None) => self.erase_at = None,
            Ok(Some(EraseStep { outdates_index, done })) => {
                self.written.mark_erased();
                if outdates_index {
                    self.feed.outdate();
                }
                done.into_iter().for_each(|erased| self.hub.on_erased(erased));
            }
            Err(failure) if failure.may_pass() => {
                self.erase_at = Some(instant() + self.retry_after);
            }
            Err(failure) => self.backlog = Some(self.stop_keeping(&failure)),
        }
    }
}
