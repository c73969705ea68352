//! What every commit to a store in memory goes through: a test closes it to hold commits, and makes them fail for as
//! long as it wants.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Failure;

/// How long a test waits for a commit before it fails.
const DEADLINE: Duration = Duration::from_secs(20);

/// The gate, which is open at first.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    /// What becomes of a commit.
    state: Mutex<State>,
    /// Notified when that changes, and when a commit waits.
    changed: Condvar,
}

/// What becomes of a commit.
#[derive(Debug, Default)]
struct State {
    /// It waits.
    is_closed: bool,
    /// How many wait.
    waiting: usize,
    /// How many may be made though it is closed.
    allowed: usize,
    /// It fails so.
    failure: Option<Failure>,
}

impl Gate {
    /// Commits wait from now on.
    pub(crate) fn close(&self) {
        self.state().is_closed = true;
    }

    /// Commits are made, those that wait too.
    pub(crate) fn open(&self) {
        let mut state = self.state();
        (state.is_closed, state.failure) = (false, None);
        drop(state);
        self.changed.notify_all();
    }

    /// Commits fail so from now on.
    pub(crate) fn fail(&self, failure: Failure) {
        self.state().failure = Some(failure);
    }

    /// Waits until a commit waits.
    pub(crate) fn wait_until_it_holds(&self) {
        self.wait_while("no commit comes", |state| state.waiting == 0);
    }

    /// Lets through the commit that waits, and waits until the next one does.
    pub(crate) fn let_one_through(&self) {
        self.state().allowed = 1;
        self.changed.notify_all();
        self.wait_while("no commit waits", |state| state.allowed > 0);
        self.wait_until_it_holds();
    }

    /// A commit comes.
    pub(super) fn pass(&self) -> Result<(), Failure> {
        let mut state = self.state();
        state.waiting += 1;
        self.changed.notify_all();
        let passed = self.changed.wait_while(state, |state| state.is_closed && state.allowed == 0);
        let mut state = passed.unwrap_or_else(PoisonError::into_inner);
        state.waiting -= 1;
        state.allowed = 0;
        self.changed.notify_all();
        state.failure.clone().map_or(Ok(()), Err)
    }

    #[track_caller]
    fn wait_while(&self, what: &str, is_so: impl FnMut(&mut State) -> bool) {
        let waited = self.changed.wait_timeout_while(self.state(), DEADLINE, is_so);
        let (_state, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        assert!(!waited.timed_out(), "{what}");
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
