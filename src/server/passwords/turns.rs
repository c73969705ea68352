//! Who computes, and who waits in line to.

use std::collections::VecDeque;
use std::num::NonZero;
use std::sync::{Arc, LazyLock, PoisonError};
use std::time::Duration;

use super::{NotComputed, Passwords};
use crate::server::system::{Condvar, MutexGuard};

/// How many compute at a time at most: no more than half of the processors, of which the room has the others.
const MOST_AT_ONCE: usize = 2;

/// How often one that waits in line looks whether its client is still there.
const LOOK: Duration = Duration::from_millis(100);

/// Who computes, and behind them who is to do so next.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// The numbers of those in line, each with what wakes it.
    waiting: VecDeque<(u64, Arc<Condvar>)>,
    /// The number of the one who comes next.
    next: u64,
}

/// A turn at computing, until it is dropped.
pub(super) struct Turn<'a> {
    /// Where it is given back.
    passwords: &'a Passwords,
    /// Its number in the line.
    number: u64,
}

impl Passwords {
    pub(super) fn lock(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits in line for a turn.
    pub(super) fn turn(&self, is_over: impl Fn() -> bool) -> Result<Turn<'_>, NotComputed> {
        let woken = Arc::new(Condvar::new());
        let mut line = self.lock();
        let number = line.next;
        line.next += 1;
        line.waiting.push_back((number, Arc::clone(&woken)));
        // Given back also by whoever gives up.
        let turn = Turn { passwords: self, number };
        while !line.is_turn_of(number) {
            // No wake-up is lost: the line is looked at under the lock under which it changes.
            let waited =
                woken.wait_timeout_while(line, LOOK, |line: &mut Line| !line.is_turn_of(number));
            drop(waited.unwrap_or_else(PoisonError::into_inner).0);
            if is_over() {
                return Err(NotComputed::Over);
            }
            line = self.lock();
        }
        drop(line);
        Ok(turn)
    }
}

impl Line {
    fn is_turn_of(&self, number: u64) -> bool {
        self.waiting.iter().take(at_once()).any(|(next, _)| *next == number)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut line = self.passwords.lock();
        line.waiting.retain(|(number, _)| *number != self.number);
        line.waiting.iter().take(at_once()).for_each(|(_, woken)| woken.notify_all());
    }
}

/// How many compute at a time here.
pub(super) fn at_once() -> usize {
    /// It is asked of the system once.
    static AT_ONCE: LazyLock<usize> = LazyLock::new(|| {
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        (processors / 2).clamp(1, MOST_AT_ONCE)
    });
    *AT_ONCE
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;
    use std::time::Instant;

    use super::*;

    fn never() -> bool {
        false
    }

    #[test]
    fn two_have_a_turn_at_a_time_and_the_others_one_after_the_other() {
        let passwords = Passwords::default();
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let take = || {
            let turn = passwords.turn(never).ok();
            most.fetch_max(1 + now.fetch_add(1, Ordering::SeqCst), Ordering::SeqCst);
            thread::sleep(Duration::from_millis(1));
            now.fetch_sub(1, Ordering::SeqCst);
            turn.is_some()
        };
        thread::scope(|scope| {
            let all: Vec<_> = (0..20).map(|_| scope.spawn(take)).collect();
            assert!(all.into_iter().all(|one| one.join().expect("it does not panic")));
        });
        assert_eq!(most.into_inner(), at_once());
        assert!(passwords.lock().waiting.is_empty());
    }

    #[test]
    fn whoever_is_gone_leaves_the_line_to_the_others() {
        let passwords = Passwords::default();
        let turns: Vec<_> = (0..at_once()).filter_map(|_| passwords.turn(never).ok()).collect();
        assert_eq!(turns.len(), at_once());
        let began = Instant::now();
        assert!(matches!(passwords.turn(|| true), Err(NotComputed::Over)));
        assert!(began.elapsed() < Duration::from_secs(20));
        assert_eq!(passwords.lock().waiting.len(), at_once());
        drop(turns);
        assert!(passwords.turn(|| true).is_ok(), "a turn that is there is taken");
    }
}
