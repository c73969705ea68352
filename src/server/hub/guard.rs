//! The lock, held: it wakes whoever there is something for when it is given up.

use std::ops::{Deref, DerefMut};
use std::sync::PoisonError;
use std::time::Duration;

use super::{Hub, Shared};
use crate::server::system::{Condvar, MutexGuard};

/// The lock, held. Given up, it wakes the broadcaster if it sleeps and there is something for it.
pub(super) struct Guard<'a> {
    /// Whose lock it is.
    pub(super) hub: &'a Hub,
    /// There until it is dropped, or waits.
    pub(super) shared: Option<MutexGuard<'a, Shared>>,
}

impl Guard<'_> {
    /// Gives the lock up until the condition variable is notified, of which [`Hub::notify`] is told.
    pub(super) fn wait(&mut self, condvar: &Condvar) {
        self.waiting += 1;
        self.sleep(condvar);
        self.waiting -= 1;
    }

    /// The same for a condition variable that [`Hub::notify`] does not care for.
    pub(super) fn sleep(&mut self, condvar: &Condvar) {
        if let Some(shared) = self.shared.take() {
            self.shared = Some(condvar.wait(shared).unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// The same as [`Guard::sleep`] while `is_so`, for so long at most.
    pub(super) fn wait_while(
        &mut self,
        condvar: &Condvar,
        timeout: Duration,
        is_so: impl FnMut(&mut Shared) -> bool,
    ) {
        if let Some(shared) = self.shared.take() {
            let waited = condvar.wait_timeout_while(shared, timeout, is_so);
            self.shared = Some(waited.unwrap_or_else(PoisonError::into_inner).0);
        }
    }
}

impl Deref for Guard<'_> {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        self.shared.as_ref().expect("it is there until it is dropped")
    }
}

impl DerefMut for Guard<'_> {
    fn deref_mut(&mut self) -> &mut Shared {
        self.shared.as_mut().expect("it is there until it is dropped")
    }
}

impl Guard<'_> {
    /// Gives the lock up and takes it again, so that whoever there is something for is woken before this thread waits.
    pub(super) fn pass_on(&mut self) {
        self.without(|| ());
    }

    /// Does something without the lock, which is taken again after it.
    pub(super) fn without<R>(&mut self, act: impl FnOnce() -> R) -> R {
        self.give_up();
        let done = act();
        let shared = self.hub.shared.lock().unwrap_or_else(PoisonError::into_inner);
        self.shared = Some(shared);
        done
    }

    fn give_up(&mut self) {
        let Some(mut shared) = self.shared.take() else { return };
        let wakes = shared.asleep.is_some_and(|sleep| {
            let is_sooner = |due| sleep.until.is_none_or(|until| due < until);
            shared.has_news() || shared.broadcaster_due().is_some_and(is_sooner)
        });
        if wakes {
            shared.asleep = None;
        }
        let wants_writer =
            shared.log.as_ref().is_some_and(|log| log.is_writer_asleep && log.has_task());
        let wants_keeper = match &shared.settled {
            Some(settled) => settled.wants_keeper(&shared),
            None => shared.archive.as_ref().is_some_and(|it| it.wants_keeper(&shared)),
        };
        drop(shared);
        if wants_keeper {
            self.hub.applied.notify_one();
        }
        if wants_writer {
            self.hub.proposed.notify_one();
        }
        if wakes {
            self.hub.waker.wake();
        }
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.give_up();
    }
}
