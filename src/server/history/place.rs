//! Where the history is: the default place, and what it means when that or a named file cannot be used.

use std::ffi::OsString;
use std::fmt;
use std::fs::DirBuilder;
use std::io;
use std::path::{Path, PathBuf};

use super::kept::Loaded;
use super::lock::Lock;
use super::refusal::{Refusal, Unusable};
use super::store::Store;
use super::store::opening::{self, Opened};
use super::store::sqlite::SqliteStore;
use crate::problem;
use crate::server::config::{Durability, HistoryFile};

/// What the environment says of where programs keep their state. An empty variable is as good as none.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// `STATE_DIRECTORY`: what systemd has made for the service; several folders with colons.
    pub state_directory: Option<OsString>,
    /// `XDG_STATE_HOME`.
    pub xdg_state_home: Option<OsString>,
    /// `HOME`, on Unix.
    pub home: Option<OsString>,
    /// `LOCALAPPDATA`, on Windows.
    pub local_app_data: Option<OsString>,
}

impl Environment {
    /// That of this process.
    #[must_use]
    pub fn of_process() -> Environment {
        let variable = |name| std::env::var_os(name);
        Environment {
            state_directory: variable("STATE_DIRECTORY"),
            xdg_state_home: variable("XDG_STATE_HOME"),
            home: variable("HOME").filter(|_| cfg!(unix)),
            local_app_data: variable("LOCALAPPDATA").filter(|_| cfg!(windows)),
        }
    }

    /// The file for the room at that port; without a port of its own it has none.
    #[must_use]
    pub fn default_file(&self, port: u16) -> Option<PathBuf> {
        let state = given(self.state_directory.as_ref()).map(|folders| first(&folders));
        let xdg = || given(self.xdg_state_home.as_ref()).map(|folder| folder.join("chatroom"));
        let home = || given(self.home.as_ref()).map(|home| home.join(".local/state/chatroom"));
        let local = || given(self.local_app_data.as_ref()).map(|folder| folder.join("chatroom"));
        let folder = state.or_else(xdg).or_else(home).or_else(local).filter(|_| port != 0)?;
        Some(folder.join(format!("{port}.db")))
    }
}

/// The folders that a variable names. One that depends on where the program was started names none.
fn given(variable: Option<&OsString>) -> Option<PathBuf> {
    variable.map(PathBuf::from).filter(|folder| folder.has_root())
}

/// The first of several folders.
fn first(folders: &Path) -> PathBuf {
    if cfg!(windows) {
        return folders.to_owned();
    }
    std::env::split_paths(folders).next().unwrap_or_default()
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
}

/// The history of the room at that port, with events of about `memory` bytes; or why there is none.
///
/// # Errors
///
/// A file that was named or that is there cannot be used. Nothing in it was changed.
pub(crate) fn open(
    file: &HistoryFile,
    port: u16,
    environment: &Environment,
    durability: Durability,
    memory: usize,
) -> Result<Result<History, NoHistory>, Refusal> {
    match file {
        HistoryFile::None => Ok(Err(NoHistory::Asked)),
        HistoryFile::Named(path) => open_file(path, durability, memory).map(Ok),
        HistoryFile::Default => match environment.default_file(port) {
            None if port == 0 => Ok(Err(NoHistory::AnyPort)),
            None => Ok(Err(NoHistory::NoFolder)),
            Some(path) => open_default(&path, durability, memory),
        },
    }
}

fn open_default(
    path: &Path,
    durability: Durability,
    memory: usize,
) -> Result<Result<History, NoHistory>, Refusal> {
    // A link that leads nowhere is there, too.
    let is_there = path.symlink_metadata().is_ok();
    let folder = path.parent().unwrap_or(Path::new("."));
    let cannot_make = |why| NoHistory::CannotMake { folder: folder.to_owned(), why };
    if !is_there && let Err(why) = make_folder(folder) {
        return Ok(Err(cannot_make(problem::reason(&why))));
    }
    match open_file(path, durability, memory) {
        Ok(history) => Ok(Ok(history)),
        Err(refusal) => match refusal.of_place().filter(|_| !is_there) {
            Some(why) => Ok(Err(cannot_make(why))),
            None => Err(refusal),
        },
    }
}

fn open_file(path: &Path, durability: Durability, memory: usize) -> Result<History, Refusal> {
    try_open(path, durability, memory).map_err(|why| why.at(path))
}

fn try_open(path: &Path, durability: Durability, memory: usize) -> Result<History, Unusable> {
    let path = opening::resolved(path)?;
    // Before the lock, which is a file beside it.
    opening::look_for_own(&path)?;
    let lock = Lock::take(&path)?;
    let opened = opening::open(&path, durability).and_then(|Opened { mut store, is_new }| {
        let loaded = store.load(memory)?;
        Ok((store, is_new, loaded))
    });
    match opened {
        Ok((store, is_new, loaded)) => Ok(History { store, lock, path, is_new, loaded }),
        Err(why) => {
            lock.abandon();
            Err(why)
        }
    }
}

/// Makes a folder for its owner alone, and those that it lies in.
fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

#[cfg(test)]
mod tests;
