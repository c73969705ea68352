//! The history's file, as SQLite and the system have it: how it is connected to, what lies beside it, what
//! its errors mean, and whether it is still the same.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{Failure, schema};

/// How many statements a connection keeps prepared; there are fewer.
const STATEMENTS: usize = 64;

/// Connects to a file that is there, without following a link in its place.
pub(super) fn connect(path: &Path, how: OpenFlags) -> Result<Connection, Failure> {
    let flags = how
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW
        | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.busy_timeout(Duration::from_millis(schema::BUSY_TIMEOUT))?;
    // Whoever closes a file that cannot be used changes nothing in it.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    Ok(connection)
}

impl From<rusqlite::Error> for Failure {
    /// What SQLite's error means for the history.
    fn from(error: rusqlite::Error) -> Failure {
        let rusqlite::Error::SqliteFailure(code, message) = error else {
            // A column of another type, or no row where there has to be one.
            return Failure::Damaged(error.to_string());
        };
        let why = message.unwrap_or_else(|| code.to_string());
        match code.code {
            ErrorCode::DiskFull => Failure::Full,
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Failure::Locked,
            // What is unknown is a table or a column that is not there.
            ErrorCode::DatabaseCorrupt
            | ErrorCode::NotADatabase
            | ErrorCode::ConstraintViolation
            | ErrorCode::Unknown => Failure::Damaged(why),
            _ => Failure::Disk(why),
        }
    }
}

/// What tells a file from any other one that is later at its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileId {
    /// On which device it is, and its number there.
    #[cfg(unix)]
    device_and_inode: (u64, u64),
}

impl FileId {
    /// That of the file at the path. The file is not opened: to close it would drop SQLite's locks.
    #[cfg(unix)]
    pub(super) fn of(path: &Path) -> Option<FileId> {
        use std::os::unix::fs::MetadataExt;
        let found = std::fs::symlink_metadata(path).ok()?;
        Some(FileId { device_and_inode: (found.dev(), found.ino()) })
    }

    /// On Windows nobody can put another file in the place of one that is open.
    #[cfg(windows)]
    pub(super) fn of(path: &Path) -> Option<FileId> {
        std::fs::symlink_metadata(path).ok().map(|_| FileId {})
    }
}
