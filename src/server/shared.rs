//! A room that several servers share (`--shared`): what they put into the log that orders it, how a server reaches that
//! log, and how it keeps up with it.
//!
//! Pure:
//!
//! - `codec`, `values`, `entries`: groups of entries as bytes; `snapshot`: the room as bytes
//! - `set_back`: what to do when the log was set back
//! - `settings`: what all servers of a room must be told alike; `agreement`: whether their rooms are the same one
//! - `outbox`: what this server has for the log and has not read back
//! - `url`: where the log is; `engine_settings`, `trouble`, `stranger`: what a server's operator is told of it
//! - `liveness`: whether the room is away; `backoff`: when to try again; `pace`: when to wait for more
//!
//! What knows nothing of the room, where a group is bytes:
//!
//! - `engine`: what a log can be asked for; `redis`: a log in Redis; `fake`: one in memory, for tests
//! - `opening`: from the options to a room that is shared; `meta`: what all servers of a room agree on; `refusal`: why
//!   this one does not share it
//! - `appender`, `follower`: one step of each of the two threads that talk to the log; `connector`: the connection of
//!   each

pub(crate) mod agreement;
pub(crate) mod appender;
#[cfg(test)]
mod arbitrary;
pub(crate) mod backoff;
mod beginning;
#[cfg(test)]
mod cases;
pub(crate) mod codec;
pub(crate) mod connector;
pub(crate) mod engine;
mod engine_settings;
mod entries;
#[cfg(test)]
pub(crate) mod fake;
pub(crate) mod flow;
pub(crate) mod follower;
#[cfg(any(all(test, not(shuttle)), fuzzing))]
pub(crate) mod fuzzing;
pub(crate) mod liveness;
pub(crate) mod log_reader;
mod log_start;
pub(crate) mod log_writer;
pub(crate) mod meta;
pub(crate) mod opening;
pub(crate) mod outbox;
pub(crate) mod pace;
#[cfg(planted_faults)]
mod planted;
#[cfg(feature = "shared")]
mod redis;
pub(crate) mod refusal;
pub(crate) mod set_back;
pub(crate) mod settings;
pub(crate) mod sharing;
pub(crate) mod snapshot;
pub(crate) mod stranger;
#[cfg(test)]
mod tests;
pub(crate) mod trouble;
pub(crate) mod url;
mod values;
