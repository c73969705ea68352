//! Opens a history's file by its rules: what is something else, is damaged or is another's is refused,
//! and not one byte of it changes.
//!
//! What a file is, is asked through SQLite, by a connection that only reads: one that may write would roll
//! another program's journal back. Whoever calls holds the lock.

use std::fmt;
use std::fs::{self, Metadata, OpenOptions};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::super::refusal::Unusable;
use super::file::connect;
use super::sqlite::SqliteStore;
use super::{Failure, schema};
use crate::private_file::{self, Unfit, beside};
use crate::server::config::Durability;

/// The first bytes of every SQLite file.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Whose room a history is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner<'a> {
    /// This server's own.
    Server,
    /// Several servers', which call it that: each has an archive of it.
    Servers(&'a str),
}

/// The shared room of which a file is an archive, as that has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shared<'a> {
    /// Its id.
    pub(crate) id: &'a str,
    /// What it was called; `None` in a file of a version that did not note that.
    pub(crate) name: Option<&'a str>,
}

impl<'a> Shared<'a> {
    /// Reads what [`Display`](fmt::Display) shows.
    pub(crate) fn read(text: &'a str) -> Shared<'a> {
        match text.split_once(' ') {
            Some((id, name)) => Shared { id, name: Some(name) },
            None => Shared { id: text, name: None },
        }
    }

    /// Whether it may be the room that is called so.
    fn is_called(self, room: &str) -> bool {
        self.name.is_none_or(|name| name == room)
    }
}

impl fmt::Display for Shared<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id)?;
        self.name.map_or(Ok(()), |name| write!(f, " {name}"))
    }
}

/// A file that is open.
#[derive(Debug)]
pub(crate) struct Opened {
    /// The connection that writes.
    pub(crate) store: SqliteStore,
    /// Whether there was no history in it before.
    pub(crate) is_new: bool,
}

/// The path of a file without links, but for one in the place of the file itself.
///
/// # Errors
///
/// There is no such folder.
pub(crate) fn resolved(path: &Path) -> Result<PathBuf, Unusable> {
    let name = path.file_name().ok_or(Unusable::NoHistory)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new(".")).canonicalize();
    Ok(folder.map_err(|why| Unusable::of(&why))?.join(name))
}

/// Looks, without SQLite, for a file that may be a history.
///
/// # Errors
///
/// What is there instead.
pub(crate) fn look(path: &Path) -> Result<Option<Metadata>, Unusable> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(why) if why.kind() == ErrorKind::NotFound => return Ok(None),
        Err(why) => return Err(Unusable::of(&why)),
    };
    if found.is_symlink() {
        return Err(Unusable::Link);
    }
    if found.is_dir() {
        return Err(Unusable::Folder);
    }
    if !found.is_file() {
        return Err(Unusable::NoHistory);
    }
    let mut magic = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(MAGIC.len() as u64).read_to_end(&mut magic))
        .map_err(|why| Unusable::of(&why))?;
    if magic.is_empty() || magic == MAGIC { Ok(Some(found)) } else { Err(Unusable::NoHistory) }
}

/// Looks for a file that may be this user's history, and nobody else's. `None` if none is there, or one
/// without a byte.
///
/// # Errors
///
/// What is there instead, or whose it is.
pub(crate) fn look_for_own(path: &Path) -> Result<Option<Metadata>, Unusable> {
    let Some(found) = look(path)? else { return Ok(None) };
    match unfit(&found) {
        Some(unfit) => Err(Unusable::Unfit(unfit)),
        None => Ok(Some(found).filter(|found| found.len() > 0)),
    }
}

/// Opens the history at a path without links, or makes one there.
///
/// # Errors
///
/// What is there instead, or the reason why none can be made.
pub(crate) fn open(
    path: &Path,
    owner: Owner<'_>,
    durability: Durability,
) -> Result<Opened, Unusable> {
    let is_new = look_for_own(path)?.is_none();
    if is_new {
        create(path)?;
    } else {
        identify_alone(path, owner)?;
        if fs::metadata(path).is_ok_and(|found| found.permissions().readonly()) {
            return Err(Unusable::System("it can only be read".to_owned()));
        }
        make_private(path);
    }
    let mut store = SqliteStore::writer(path, durability)?;
    schema::migrate(store.connection(), path)?;
    Ok(Opened { store, is_new })
}

/// Makes a history beside the path and puts it there, so that what is at the path is a whole one or
/// none, whenever this ends.
fn create(path: &Path) -> Result<(), Unusable> {
    let new = beside(path, "-new");
    let made = create_at(&new).and_then(|()| {
        // Of a history that was deleted.
        [beside(path, "-wal"), beside(path, "-shm")]
            .iter()
            .for_each(|old| drop(fs::remove_file(old)));
        fs::rename(&new, path).map_err(|why| Unusable::of(&why))
    });
    if made.is_err() {
        discard(&new);
    }
    made
}

fn create_at(path: &Path) -> Result<(), Unusable> {
    discard(path);
    let mut options = OpenOptions::new();
    options.write(true);
    private_file::create(&options, path).map_err(|why| Unusable::of(&why))?;
    let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    schema::create(&mut connection)?;
    drop(connection);
    ["-wal", "-shm"].iter().for_each(|suffix| drop(fs::remove_file(beside(path, suffix))));
    Ok(())
}

fn discard(path: &Path) {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        fs::remove_file(beside(path, suffix)).ok();
    }
}

/// Opens the history at a path without links to read it, beside a server that may have it.
///
/// # Errors
///
/// What is there instead.
pub(crate) fn open_to_read(path: &Path) -> Result<SqliteStore, Unusable> {
    identify(&connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?)?;
    Ok(SqliteStore::reader(path)?)
}

/// Looks whether a file that nobody else has open is a history of such a room, and leaves nothing beside it.
fn identify_alone(path: &Path, owner: Owner<'_>) -> Result<(), Unusable> {
    let beside = ["-wal", "-shm"].map(|suffix| beside(path, suffix));
    let absent: Vec<_> = beside.into_iter().filter(|file| !file.exists()).collect();
    let identified = identify_for(path, owner);
    // The reading alone has made them.
    absent.iter().for_each(|file| drop(fs::remove_file(file)));
    identified
}

fn identify_for(path: &Path, owner: Owner<'_>) -> Result<(), Unusable> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    identify(&connection)?;
    let (shared, is_unused): (Option<String>, bool) = connection
        .query_row(
            "SELECT shared, next_seq = 1 AND next_member = 1 FROM room WHERE one = 1",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .map_err(Failure::from)?;
    let is_fit = match (owner, shared) {
        (Owner::Server, shared) => shared.is_none(),
        (Owner::Servers(_), None) => is_unused,
        (Owner::Servers(room), Some(shared)) => Shared::read(&shared).is_called(room),
    };
    if is_fit { Ok(()) } else { Err(Unusable::OtherRoom) }
}

/// Looks whether the file is a history that this version reads.
fn identify(connection: &Connection) -> Result<(), Unusable> {
    let number = |name| -> Result<i64, Failure> {
        connection.pragma_query_value(None, name, |row| row.get(0)).map_err(Failure::from)
    };
    if number("application_id")? != schema::APPLICATION_ID {
        return Err(Unusable::NoHistory);
    }
    let format = number("user_version")?;
    if format > schema::FORMAT {
        return Err(Unusable::Newer { format, reads: schema::FORMAT });
    }
    Ok(())
}

/// Whose the file is, as for every file that is the user's alone.
#[cfg(unix)]
fn unfit(found: &Metadata) -> Option<Unfit> {
    use std::os::unix::fs::MetadataExt;
    let is_foreign = found.uid() != rustix::process::geteuid().as_raw();
    let second_name = || (found.nlink() > 1).then_some(Unfit::SecondName);
    is_foreign.then_some(Unfit::Foreign).or_else(second_name)
}

#[cfg(windows)]
fn unfit(_: &Metadata) -> Option<Unfit> {
    None
}

/// Lets its owner alone read it. A file system without owners may refuse: there nothing is private.
#[cfg(unix)]
fn make_private(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    for suffix in ["", "-wal", "-shm"] {
        fs::set_permissions(beside(path, suffix), fs::Permissions::from_mode(0o600)).ok();
    }
}

/// On Windows a file has the rights of its folder.
#[cfg(windows)]
fn make_private(_: &Path) {}
