//! Whose turn it is to write. SQLite lets one connection write at a time, and has the others try again
//! every few milliseconds; here they are woken. The keeper goes first.
//!
//! The turn is never taken with the hub's lock held.

use std::sync::PoisonError;

use crate::server::system::{Condvar, Mutex, MutexGuard};

/// The turn, shared by all who write.
#[derive(Debug)]
pub(crate) struct Turns {
    /// Who writes and who waits. Held for moments, never while somebody writes.
    state: Mutex<State>,
    /// Notified when a turn ends. All are: the keeper may be among those who wait.
    ended: Condvar,
}

/// Who writes and who waits.
#[derive(Debug, Default)]
struct State {
    /// Whether somebody writes.
    is_taken: bool,
    /// Whether the keeper waits for its turn.
    keeper_waits: bool,
}

/// A turn, until it is dropped.
#[derive(Debug)]
pub(crate) struct Turn<'a>(&'a Turns);

impl Turns {
    pub(crate) fn new() -> Turns {
        Turns { state: Mutex::new(State::default()), ended: Condvar::new() }
    }

    /// Waits for the keeper's turn, which is the next one.
    pub(crate) fn of_keeper(&self) -> Turn<'_> {
        let mut state = self.state();
        state.keeper_waits = true;
        while state.is_taken {
            state = self.ended.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        *state = State { is_taken: true, keeper_waits: false };
        Turn(self)
    }

    /// Waits for another one's turn: the keeper does not wait then.
    pub(crate) fn of_another(&self) -> Turn<'_> {
        let mut state = self.state();
        while state.is_taken || state.keeper_waits {
            state = self.ended.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.is_taken = true;
        Turn(self)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.state().is_taken = false;
        self.0.ended.notify_all();
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::sync::mpsc::channel;
    use std::thread;

    use super::*;

    #[test]
    fn the_keeper_is_next_whoever_waits_longer() {
        let turns = Turns::new();
        let (took, order) = channel();
        let took_by_another = took.clone();
        let turns = &turns;
        thread::scope(|scope| {
            let first = turns.of_another();
            scope.spawn(move || {
                let _turn = turns.of_another();
                took_by_another.send("another").expect("it is received");
            });
            scope.spawn(move || {
                let _turn = turns.of_keeper();
                took.send("keeper").expect("it is received");
            });
            while !turns.state().keeper_waits {
                thread::yield_now();
            }
            drop(first);
        });
        assert_eq!(order.iter().collect::<Vec<_>>(), ["keeper", "another"]);
    }
}
