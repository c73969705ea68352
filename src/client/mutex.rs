//! Locking, whatever has become of other threads.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, also after a panic in another thread: the program is about to end then, and what is still
/// done with the data is to close it.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
