//! Every statement that the history's file is asked, behind a trait: SQLite (`sqlite`), and for tests a
//! store in memory that fails when it is told to (`fake`). Whoever calls it owns it: a store belongs to one
//! thread, and each thread has one of its own.
//!
//! Each call is one transaction at most, and has done all of its work or nothing.

use std::error::Error;
use std::fmt;
use std::ops::Range;

use super::kept::{Cut, EraseStep, Loaded, Portion, Size};
use crate::protocol::tag::{Millis, Seq};
use crate::server::audience::MemberId;

mod erasing;
#[cfg(test)]
pub(crate) mod fake;
pub(super) mod file;
pub(in crate::server) mod opening;
mod people;
pub(in crate::server) mod readers;
pub(super) mod reading;
pub(super) mod rows;
pub(super) mod schema;
pub(in crate::server) mod sqlite;
#[cfg(test)]
mod tests;
mod writing;

/// How many events one portion of a range has at most; missing ones between them count.
pub(crate) const PORTION_ROWS: u64 = 4096;

/// How many bytes of lines one portion has at most, and one line more.
pub(crate) const PORTION_BYTES: usize = 64 * 1024;

/// What the history can be asked.
pub(crate) trait Store: Send {
    /// What a room comes back from, with events of about `memory` bytes of the room's memory.
    ///
    /// # Errors
    ///
    /// Of each operation here: what is the matter with the file. Nothing was changed then.
    fn load(&mut self, memory: usize) -> Result<Loaded, Failure>;

    /// Keeps a cut. Events that are kept already stay as they are.
    fn keep(&mut self, cut: &Cut) -> Result<(), Failure>;

    /// Does one step of the oldest order to erase lines: it goes through about `most` events, and blanks those
    /// that the order is about. `None` if there is no order.
    fn erase(&mut self, most: u32) -> Result<Option<EraseStep>, Failure>;

    /// The first portion of a range: all of its events, or those that `recipient` may get. Of what is
    /// for others, the numbers alone are there.
    fn rows(&mut self, range: Range<Seq>, recipient: Option<MemberId>) -> Result<Portion, Failure>;

    /// The oldest event that is kept, and when it was.
    #[cfg(test)]
    fn oldest(&mut self) -> Result<Option<(Seq, Millis)>, Failure>;

    /// How large the file is.
    fn size(&mut self) -> Result<Size, Failure>;

    /// The oldest events, `most` at most and up to the first that is not older than `before`.
    fn prefix(&mut self, before: Millis, most: u32) -> Result<Option<Range<Seq>>, Failure>;

    /// Deletes the events before this one, and tells how many they were.
    fn forget(&mut self, end: Seq) -> Result<u32, Failure>;

    /// Deletes what was passing and is older than `before`: `most` rows at most. How many they were.
    fn forget_passing(&mut self, before: Millis, most: u32) -> Result<u32, Failure>;

    /// Blanks private lines whose reader is gone, or deletes them if nobody waits for their receipts
    /// either: `most` rows at most. How many they were.
    fn blank(&mut self, most: u32) -> Result<u32, Failure>;

    /// Deletes blank rows whose author is gone: `most` at most. How many they were.
    fn forget_blank(&mut self, most: u32) -> Result<u32, Failure>;

    /// Deletes the gaps whose events are gone, and one part of the index, if its are. How many they were.
    fn forget_parts(&mut self) -> Result<u32, Failure>;

    /// Gives so many free pages back to the disk.
    fn shrink(&mut self, pages: u32) -> Result<(), Failure>;

    /// Copies what was written into the file itself.
    fn checkpoint(&mut self, how: Checkpoint) -> Result<Copied, Failure>;

    /// How many bytes wait to be written back; the file beside the file tells, so it costs little.
    fn wal(&self) -> u64;

    /// Whether the path still names the file that is open.
    fn is_in_place(&self) -> bool;
}

/// How a checkpoint goes about it. Neither waits for anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Checkpoint {
    /// As far as nobody reads there, beside whoever writes.
    Passive,
    /// All of it, and the file beside the file becomes empty. No one else may write meanwhile.
    Truncate,
}

/// What a checkpoint has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Copied {
    /// It did all of its work.
    All,
    /// Somebody who reads or writes kept it from the end of its work.
    Held,
    /// Another connection is at the same work, and it did nothing.
    Busy,
}

/// What is the matter with the history's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// There is no room on the disk.
    Full,
    /// It could not be read or written: the reason.
    Disk(String),
    /// What stands in it makes no sense: the reason. It is never written again.
    Damaged(String),
    /// Another program holds its lock, for longer than is waited for.
    Locked,
    /// The path names another file, or none.
    Gone,
}

impl Failure {
    /// The reason, as the room is told it.
    pub(crate) fn told(&self) -> &'static str {
        match self {
            Failure::Full => "the server's disk is full",
            Failure::Disk(_) => "the server's disk failed",
            Failure::Damaged(_) => "the history file is damaged",
            Failure::Locked => "another program has locked the history",
            Failure::Gone => "the history file is gone",
        }
    }

    /// Whether it may be gone later.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Failure::Full | Failure::Disk(_) | Failure::Locked => true,
            Failure::Damaged(_) | Failure::Gone => false,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.told())?;
        match self {
            Failure::Disk(why) | Failure::Damaged(why) => write!(f, " ({why})"),
            Failure::Full | Failure::Locked | Failure::Gone => Ok(()),
        }
    }
}

impl Error for Failure {}
