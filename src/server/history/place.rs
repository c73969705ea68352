//! Where the history is: the default place, and what it means when that or a named file cannot be used.

use std::fmt;
use std::path::{Path, PathBuf};

use super::kept::{Erased, Loaded};
use super::lock::Lock;
use super::refusal::{Refusal, Unusable};
use super::retention;
use super::store::opening::{self, Opened, Owner};
use super::store::sqlite::SqliteStore;
use super::store::{Failure, Store};
use crate::problem;
use crate::server::config::{Durability, HistoryFile};
use crate::state_folder::{self, Environment};

/// The file for the room at that port: this server's own, or that of a room which several servers call so. `None`
/// without a port of its own, or without a state folder.
#[must_use]
pub fn default_file(environment: &Environment, port: u16, shared: Option<&str>) -> Option<PathBuf> {
    let folder = environment.state_folder().filter(|_| port != 0)?;
    let name = match shared {
        None => format!("{port}.db"),
        Some(room) => format!("{port}-{room}.db"),
    };
    Some(folder.join(name))
}

/// Why what is said is not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoHistory {
    /// It was asked for so.
    Asked,
    /// The port is any free one, so the next run could not find the file.
    AnyPort,
    /// No variable of the environment says where it could be.
    NoFolder,
    /// The default file is not there and cannot be made.
    CannotMake {
        /// In which folder.
        folder: PathBuf,
        /// Why not.
        why: String,
    },
}

impl NoHistory {
    /// Whether that is what the options say, and nothing has gone wrong.
    pub(crate) fn is_chosen(&self) -> bool {
        match self {
            NoHistory::Asked | NoHistory::AnyPort => true,
            NoHistory::NoFolder | NoHistory::CannotMake { .. } => false,
        }
    }
}

impl fmt::Display for NoHistory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoHistory::Asked => f.write_str("as asked for"),
            NoHistory::AnyPort => f.write_str("the port is any free one"),
            NoHistory::NoFolder => f.write_str("no folder for it is known"),
            NoHistory::CannotMake { folder, why } => write!(f, "{}: {why}", folder.display()),
        }
    }
}

/// A history that this server has.
#[derive(Debug)]
pub(crate) struct History {
    /// The connection that writes.
    pub(crate) store: SqliteStore,
    /// Who else wants the file is refused as long as this lives. Its marker is still the last run's.
    pub(crate) lock: Lock,
    /// Its file, without links.
    pub(crate) path: PathBuf,
    /// Whether there was none before.
    pub(crate) is_new: bool,
    /// What the room comes back from.
    pub(crate) loaded: Loaded,
    /// The orders to erase lines that the last run has left, and that are carried out by now.
    pub(crate) erased: Vec<Erased>,
}

/// The history of the room at that port, with events of about `memory` bytes; or why there is none.
///
/// # Errors
///
/// A file that was named or that is there cannot be used. Nothing in it was changed.
pub(crate) fn open(
    file: &HistoryFile,
    (port, owner): (u16, Owner<'_>),
    environment: &Environment,
    durability: Durability,
    memory: usize,
) -> Result<Result<History, NoHistory>, Refusal> {
    let shared = match owner {
        Owner::Server => None,
        Owner::Servers(room) => Some(room),
    };
    match file {
        HistoryFile::None => Ok(Err(NoHistory::Asked)),
        HistoryFile::Named(path) => open_file(path, owner, durability, memory).map(Ok),
        HistoryFile::Default => match default_file(environment, port, shared) {
            None if port == 0 => Ok(Err(NoHistory::AnyPort)),
            None => Ok(Err(NoHistory::NoFolder)),
            Some(path) => open_default(&path, owner, durability, memory),
        },
    }
}

fn open_default(
    path: &Path,
    owner: Owner<'_>,
    durability: Durability,
    memory: usize,
) -> Result<Result<History, NoHistory>, Refusal> {
    // A link that leads nowhere is there, too.
    let is_there = path.symlink_metadata().is_ok();
    let folder = path.parent().unwrap_or(Path::new("."));
    let cannot_make = |why| NoHistory::CannotMake { folder: folder.to_owned(), why };
    if !is_there && let Err(why) = state_folder::make(folder) {
        return Ok(Err(cannot_make(problem::reason(&why))));
    }
    match open_file(path, owner, durability, memory) {
        Ok(history) => Ok(Ok(history)),
        Err(refusal) => match refusal.of_place().filter(|_| !is_there) {
            Some(why) => Ok(Err(cannot_make(why))),
            None => Err(refusal),
        },
    }
}

fn open_file(
    path: &Path,
    owner: Owner<'_>,
    durability: Durability,
    memory: usize,
) -> Result<History, Refusal> {
    try_open(path, owner, durability, memory).map_err(|why| why.at(path))
}

fn try_open(
    path: &Path,
    owner: Owner<'_>,
    durability: Durability,
    memory: usize,
) -> Result<History, Unusable> {
    let path = opening::resolved(path)?;
    // Before the lock, which is a file beside it.
    opening::look_for_own(&path)?;
    let lock = Lock::take(&path)?;
    let opened =
        opening::open(&path, owner, durability).and_then(|Opened { mut store, is_new }| {
            // Before anything is read that was to be erased.
            let erased = erase(&mut store)?;
            let loaded = store.load(memory)?;
            Ok((store, is_new, loaded, erased))
        });
    match opened {
        Ok((store, is_new, loaded, erased)) => {
            Ok(History { store, lock, path, is_new, loaded, erased })
        }
        Err(why) => {
            lock.abandon();
            Err(why)
        }
    }
}

/// Carries out the orders to erase lines that the last run has left.
fn erase(store: &mut impl Store) -> Result<Vec<Erased>, Failure> {
    let mut erased = Vec::new();
    while let Some(step) = store.erase(retention::STEP)? {
        erased.extend(step.done);
    }
    Ok(erased)
}

#[cfg(test)]
mod tests;
