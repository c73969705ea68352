//! What the server's threads take from the operating system: sockets, what wakes them, each other,
//! locks and the time.
//!
//! It is one place so that a test can put another system in it (`--cfg shuttle`), whose scheduler tries
//! the orders in which threads may run (`hand_over.rs`). Everything else has the real one.

#[cfg(shuttle)]
pub(super) mod model;
#[cfg(not(shuttle))]
mod real;

#[cfg(shuttle)]
pub(super) use model::*;
#[cfg(not(shuttle))]
pub(super) use real::*;
