//! Why a file cannot be the room's history, in the words that the user is told.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::store::Failure;
use crate::private_file::Unfit;
use crate::problem;

/// A file that cannot be used. Nothing in it was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Its path, as it was given.
    path: PathBuf,
    /// What is the matter with it.
    why: Unusable,
}

/// What is the matter with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// Another server has it.
    InUse,
    /// It is something else.
    NoHistory,
    /// It is a folder.
    Folder,
    /// Another room's, or an archive of a shared one.
    OtherRoom,
    /// A newer version has written it.
    Newer {
        /// Its format.
        format: i64,
        /// The newest format that this version reads.
        reads: i64,
    },
    /// It makes no sense: the reason.
    Damaged(String),
    /// The file system knows no locks.
    NoLocks,
    /// A symbolic link is in its place.
    Link,
    /// It belongs to somebody else, or has a second name.
    Unfit(Unfit),
    /// Its folder is not there.
    NoFolder,
    /// Another program holds its lock.
    Locked,
    /// The disk is full.
    Full,
    /// It cannot be read or written: the reason.
    System(String),
}

impl Unusable {
    /// What the matter is when the system has refused something.
    pub(crate) fn of(why: &io::Error) -> Unusable {
        match why.kind() {
            io::ErrorKind::NotFound => Unusable::NoFolder,
            io::ErrorKind::StorageFull => Unusable::Full,
            _ => Unusable::System(problem::reason(why)),
        }
    }

    /// That, with the file's path.
    pub(crate) fn at(self, path: &Path) -> Refusal {
        Refusal { path: path.to_owned(), why: self }
    }
}

impl From<Failure> for Unusable {
    fn from(failure: Failure) -> Unusable {
        match failure {
            Failure::Full => Unusable::Full,
            Failure::Disk(why) => Unusable::System(why),
            Failure::Damaged(why) => Unusable::Damaged(why),
            Failure::Locked => Unusable::Locked,
            Failure::Gone => Unusable::System("it is gone".to_owned()),
        }
    }
}

impl Refusal {
    /// That a file failed when it was opened already.
    pub(crate) fn of(failure: Failure, path: &Path) -> Refusal {
        Unusable::from(failure).at(path)
    }

    /// The reason, if it is the place that is unfit and not what is there.
    pub(crate) fn of_place(&self) -> Option<String> {
        match &self.why {
            Unusable::NoLocks => Some("no file locks there".to_owned()),
            Unusable::NoFolder => Some("no such folder".to_owned()),
            Unusable::Full => Some("the disk is full".to_owned()),
            Unusable::System(why) => Some(why.clone()),
            Unusable::InUse
            | Unusable::NoHistory
            | Unusable::Folder
            | Unusable::OtherRoom
            | Unusable::Newer { .. }
            | Unusable::Damaged(_)
            | Unusable::Link
            | Unusable::Unfit(_)
            | Unusable::Locked => None,
        }
    }

    /// What is the matter with the file.
    #[cfg(test)]
    pub(crate) fn why(&self) -> &Unusable {
        &self.why
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot keep the history in {}: {}", self.path.display(), self.why)
    }
}

impl Error for Refusal {}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unusable::InUse => {
                f.write_str("another chatserver is using it; give another file, or --history none")
            }
            Unusable::NoHistory => f.write_str("it is not a chatroom history; give another file"),
            Unusable::Folder => f.write_str("it is a folder; give a file in it"),
            Unusable::OtherRoom => f.write_str("it belongs to another room; give another file"),
            Unusable::Newer { format, reads } => write!(
                f,
                "a newer chatserver wrote it (format {format}, this one reads {reads}); update \
                 this one"
            ),
            Unusable::Damaged(why) => write!(f, "it is damaged ({why}); see docs/RUNNING.md"),
            Unusable::NoLocks => {
                f.write_str("no file locks there; give a file on a local disk, or --history none")
            }
            Unusable::Link => f.write_str("it is a link; give the file itself"),
            Unusable::Unfit(unfit) => write!(f, "{unfit}; give another file"),
            Unusable::NoFolder => {
                f.write_str("no such folder; make it first, or give another file")
            }
            Unusable::Locked => {
                f.write_str("another program has locked it; end that one, or give another file")
            }
            Unusable::Full => f.write_str("the disk is full; make room, or --history none"),
            Unusable::System(why) => write!(f, "{why}; give another file, or --history none"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_used_is_told_with_what_to_do() {
        let cases = [
            (Unusable::Folder, "it is a folder; give a file in it"),
            (
                Unusable::InUse,
                "another chatserver is using it; give another file, or --history none",
            ),
            (Unusable::NoHistory, "it is not a chatroom history; give another file"),
            (Unusable::OtherRoom, "it belongs to another room; give another file"),
            (
                Unusable::Newer { format: 3, reads: 1 },
                "a newer chatserver wrote it (format 3, this one reads 1); update this one",
            ),
            (
                Unusable::Damaged("database disk image is malformed".to_owned()),
                "it is damaged (database disk image is malformed); see docs/RUNNING.md",
            ),
            (
                Unusable::NoLocks,
                "no file locks there; give a file on a local disk, or --history none",
            ),
            (Unusable::Link, "it is a link; give the file itself"),
        ];
        for (why, told) in cases {
            let refusal = why.at(Path::new("x.db"));
            assert_eq!(refusal.to_string(), format!("cannot keep the history in x.db: {told}"));
        }
    }
}
