//! A room that several servers share (`--shared`). One log orders what happens in it; this module is how a server
//! reaches that log, and knows nothing of the room: a group is bytes here.
//!
//! - `url`: where the log is; `settings`, `trouble`: what a server's operator is told of it
//! - `engine`: what a log can be asked for; `redis`: a log in Redis; `fake`: one in memory, for tests
//! - `opening`: from the options to a room that is shared; `meta`: what all servers of a room agree on; `refusal`: why
//!   this one does not share it
//! - `appender`, `follower`: one step of each of the two threads that talk to the log; `connector`: the connection of
//!   each; `backoff`: when to try again; `liveness`: whether the room is away

pub(crate) mod appender;
pub(crate) mod backoff;
pub(crate) mod connector;
pub(crate) mod engine;
#[cfg(test)]
pub(crate) mod fake;
pub(crate) mod follower;
pub(crate) mod liveness;
pub(crate) mod meta;
pub(crate) mod opening;
#[cfg(feature = "shared")]
mod redis;
pub(crate) mod refusal;
pub(crate) mod settings;
pub(crate) mod trouble;
pub(crate) mod url;
