//! What the server's threads take from the operating system: sockets, what wakes them, each other,
//! locks, both clocks and random numbers.
//!
//! It is one place so that a test can put another system in it (`--cfg shuttle`), whose scheduler tries
//! the orders in which threads may run (`interleavings.rs`). Everything else has the real one.

#[cfg(shuttle)]
pub(super) mod model;
#[cfg(not(shuttle))]
mod real;

#[cfg(shuttle)]
pub(super) use model::*;
#[cfg(not(shuttle))]
pub(super) use real::*;

use std::time::SystemTime;

use crate::problem::Problem;
use crate::protocol::tag::Millis;

/// The time of day, in milliseconds since 1970. It may be set back; then events seem to have happened
/// before earlier ones. The other clock is `instant`.
pub(super) fn now() -> Millis {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    since_1970.as_millis() as Millis
}

/// Starts a thread of that name.
///
/// # Errors
///
/// The system has no more threads.
pub(super) fn start_thread(
    name: &str,
    work: impl FnOnce() + Send + 'static,
) -> Result<thread::JoinHandle<()>, Problem> {
    let started = thread::Builder::new().name(name.to_owned()).spawn(work);
    started.map_err(|why| Problem::System("start a thread", why))
}

/// 128 random bits; without them, which no system of today refuses, there is no token.
pub(super) fn random_bits() -> Option<u128> {
    random().map(u128::from_ne_bytes)
}

/// So many random bytes; `None` without them.
pub(super) fn random<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).ok()?;
    Some(bytes)
}
