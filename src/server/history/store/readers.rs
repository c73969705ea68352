//! Connections to the history's file that only read, for members who look for something that was said.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use rusqlite::Connection;

use super::Failure;
use super::sqlite::SqliteStore;
use crate::server::system::Mutex;

/// The connections that nobody uses now. There are as many as there were searches at a time.
#[derive(Debug)]
pub(crate) struct Readers {
    /// The file.
    path: PathBuf,
    /// Kept for the next search, with their prepared statements.
    idle: Mutex<Vec<SqliteStore>>,
}

impl Readers {
    pub(crate) fn new(path: PathBuf) -> Readers {
        Readers { path, idle: Mutex::new(Vec::new()) }
    }

    /// The size of the file and of the one beside it whose content waits to be copied there, in bytes; `None` if
    /// the system does not tell it.
    pub(crate) fn bytes(&self) -> Option<u64> {
        let size = |path: &Path| fs::metadata(path).map(|file| file.len()).ok();
        let mut beside = self.path.clone().into_os_string();
        beside.push("-wal");
        Some(size(&self.path)? + size(Path::new(&beside)).unwrap_or(0))
    }

    /// Reads in the file, in the caller's thread.
    ///
    /// # Errors
    ///
    /// What is the matter with the file.
    pub(crate) fn read<R>(
        &self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<R>,
    ) -> Result<R, Failure> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = idle().pop();
        let mut reader = kept.map_or_else(|| SqliteStore::reader(&self.path), Ok)?;
        let read = work(reader.connection())?;
        idle().push(reader);
        Ok(read)
    }
}
