//! What the server's threads take from the operating system: sockets, what wakes them, each other,
//! locks and the time.
//!
//! It is one place so that the library's own tests can put another system in it, whose scheduler
//! tries the orders in which threads may run (`hand_over.rs`). The programs, and the tests of whole
//! programs, always have the real one.

#[cfg(all(test, unix))]
pub(super) mod model;
#[cfg(not(all(test, unix)))]
mod real;

#[cfg(all(test, unix))]
pub(super) use model::*;
#[cfg(not(all(test, unix)))]
pub(super) use real::*;
