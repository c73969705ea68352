//! What orders a shared room: a log of groups, beside it snapshots and the few facts that all servers agree on. Behind
//! it is Redis (`redis.rs`), or a log in memory for tests (`fake.rs`).
//!
//! An [`Engine`] knows where the log is, a [`Link`] is one connection there. A link is used by one thread, one call at a
//! time, and every call ends: with an answer, or in time with [`Trouble`]. After trouble a link is dropped and never
//! used again, since an answer that is late would be taken for the next one's.

use std::fmt;

use super::trouble::Trouble;
pub(crate) use crate::server::room::group::Position;

/// How many groups one answer has at most. A group has at most 64 KiB, so an answer has at most 1 MiB.
pub(crate) const COUNT: usize = 16;

/// How many snapshots are kept.
pub(crate) const SNAPSHOTS: usize = 9;

/// A group of the log, whose bytes the engine does not look into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Group {
    /// Its place.
    pub(crate) at: Position,
    /// What it is. It is empty where another program has written something else.
    pub(crate) bytes: Vec<u8>,
}

/// The process that a link leads to, as a hash that is the same for all servers: another one has another hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Process(pub(crate) u64);

/// What an append does where there is no log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    /// Nothing. It was there before, so somebody has removed it.
    Refuse,
    /// It begins the log, and removes the snapshots that are left of another one.
    Create,
}

/// A group, and what comes after it, as they are at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Looked {
    /// The bytes of the group; `None` if it is not there.
    pub(crate) group: Option<Vec<u8>>,
    /// Where the log begins; `None` if there is none.
    pub(crate) first: Option<Position>,
    /// The next groups, at most [`COUNT`].
    pub(crate) next: Vec<Group>,
}

/// Where a shared room is kept.
pub(crate) trait Engine: Send + Sync + fmt::Debug {
    /// Makes a connection.
    ///
    /// # Errors
    ///
    /// It cannot be reached, or not be used.
    fn connect(&self) -> Result<Box<dyn Link>, Trouble>;
}

/// One connection to it.
pub(crate) trait Link: Send + fmt::Debug {
    /// The process at its other end.
    fn process(&self) -> Process;

    /// Puts a group at the end of the log. Its place; `None` where there is no log, and none is to be made.
    ///
    /// # Errors
    ///
    /// The group may be in the log nevertheless, if no answer has come.
    fn append(&mut self, group: &[u8], missing: Missing) -> Result<Option<Position>, Trouble>;

    /// The next groups after a place, at most [`COUNT`]. Waits up to two seconds for the first of them.
    ///
    /// # Errors
    ///
    /// The engine does not answer, or refuses.
    fn read(&mut self, after: Position) -> Result<Vec<Group>, Trouble>;

    /// What stands at a place, where the log begins, and the next groups; all of one moment, and without waiting.
    ///
    /// # Errors
    ///
    /// The engine does not answer, or refuses.
    fn look(&mut self, at: Position) -> Result<Looked, Trouble>;

    /// Drops what is in the log before a place.
    ///
    /// # Errors
    ///
    /// The engine does not answer, or refuses.
    fn trim(&mut self, before: Position) -> Result<(), Trouble>;

    /// Adds a snapshot, and drops the oldest beyond [`SNAPSHOTS`].
    ///
    /// # Errors
    ///
    /// The engine does not answer, or refuses.
    fn push_snapshot(&mut self, snapshot: &[u8]) -> Result<(), Trouble>;

    /// How many snapshots there are.
    ///
    /// # Errors
    ///
    /// The engine does not answer, or refuses.
    fn snapshots(&mut self) -> Result<usize, Trouble>;

    /// One of them, of which 0 is the oldest; `None` if there are not so many.
    ///
    /// # Errors
    ///
    /// The engine does not answer, or refuses.
    fn snapshot(&mut self, number: usize) -> Result<Option<Vec<u8>>, Trouble>;

    /// What all servers agree on, by name.
    ///
    /// # Errors
    ///
    /// The engine does not answer, or refuses.
    fn facts(&mut self) -> Result<Vec<(String, String)>, Trouble>;

    /// Offers a value for such a fact, which counts if there is none yet. The one that counts.
    ///
    /// # Errors
    ///
    /// The engine does not answer, or refuses.
    fn offer(&mut self, fact: &str, value: &str) -> Result<String, Trouble>;

    /// What the operator of a server should know of the engine.
    ///
    /// # Errors
    ///
    /// The engine does not answer.
    fn settings(&mut self) -> Result<super::engine_settings::Settings, Trouble>;
}
