//! A chat room on your own network, in one pair of programs.
//!
//! `chatserver` holds one room; `chatclient`, `nc` and `telnet` are its members. The wire is lines
//! of UTF-8 text. There are no accounts, no rooms besides the one, no encryption and no async
//! runtime: one blocking thread a client, and one thread that sends.
//!
//! # The way of a line
//!
//! In the order that a line travels from one member's keyboard to the others' screens:
//!
//! - [`client`]: connects, reads keys or standard input, shows or prints what arrives
//!   - `client::terminal::input`: a terminal's bytes → keys, pure
//!   - [`client::editor`]: keys → text and cursor, pure
//!   - `client::conversation`: the server's lines → what is shown of them, pure
//!   - [`client::screen`]: the pinned input line and the conversation above it
//! - [`protocol`]: the wire, pure: bytes → lines → safe text → requests, and the server's lines
//! - [`server`]: binds, accepts, shuts down
//!   - `session`: one client's thread, from its socket to the hub
//!   - `hub`: the one lock, and whoever sleeps on it; `hub::membership`: what one member does
//!   - `room`: who is here, under what name, and what is said; `room::resume`: who is lost and resumes
//!   - `transcript`: the one order of events; `batch`: neighbouring ones; `index`: for whom they are
//!   - `broadcaster`: one thread, from the transcript to every socket; `reader`: how far each is
//! - [`arguments`], [`logging`], [`problem`]: what both programs share of their command lines, their
//!   logs, and one line for what went wrong; `private_file`: of their files; `signals`: of what the
//!   system tells them; `keepalive`: of their connections
//!
//! Dependence goes one way: the binaries use `server` and `client`, both of those use `protocol`,
//! and neither knows the other. `docs/ARCHITECTURE.md` tells the threads and the locks,
//! `docs/PROTOCOL.md` the wire.

pub mod arguments;
pub mod client;
// For `fuzz/`, whose tool sets this; no program has it.
#[cfg(any(all(test, not(shuttle)), fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod keepalive;
pub mod logging;
mod private_file;
pub mod problem;
pub mod protocol;
#[cfg(any(test, fuzzing))]
mod safety;
pub mod server;
#[cfg(unix)]
pub mod signals;
