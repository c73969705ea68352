//! The public conversation as a file: text, or JSON lines for programs.
//!
//! It reads by a connection of its own and needs no lock, so a server may have the history meanwhile. What
//! is private stays there. It runs in the main thread of a process that does nothing else.

use std::error::Error;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::kept::{Gap, Portion};
use super::place::default_file;
use super::refusal::Unusable;
use super::store::opening;
use super::store::rows::{Row, SAID, rows_of};
use super::store::{Failure, Store};
use crate::private_file::{self, beside};
use crate::problem;
use crate::protocol::tag::{Millis, Seq};
use crate::server::config::HistoryFile;
use crate::state_folder::Environment;
use entry::{Entry, Form};

mod entry;

/// What is to be written, and where.
#[derive(Debug)]
pub struct Export {
    /// Where the history is.
    pub history: HistoryFile,
    /// The port of its room, by which the default file is found.
    pub port: u16,
    /// What the room is called, if several servers hold it.
    pub shared: Option<String>,
    /// The file to write. Its ending says in which form: JSON lines for `.jsonl` and `.json`.
    pub to: PathBuf,
    /// From when on, in milliseconds since 1970; `None` is from the beginning on.
    pub since: Option<Millis>,
}

/// Why nothing was written.
#[derive(Debug, PartialEq, Eq)]
pub enum Trouble {
    /// There is no history to read: it was not said which.
    NoHistory {
        /// Where one would be by default, if there is such a place and it was looked there.
        looked: Option<PathBuf>,
    },
    /// It cannot be read.
    Read {
        /// Its path.
        path: PathBuf,
        /// What is the matter, and what to do.
        why: String,
    },
    /// The file cannot be written.
    Write {
        /// Its path.
        path: PathBuf,
        /// What is the matter, and what to do.
        why: String,
    },
}

impl Trouble {
    /// Whether the program was called in a wrong way.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        match self {
            Trouble::NoHistory { .. } => true,
            Trouble::Read { .. } | Trouble::Write { .. } => false,
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::NoHistory { looked: None } => {
                f.write_str("--export needs a history: give its file with --history")
            }
            Trouble::NoHistory { looked: Some(path) } => write!(
                f,
                "--export needs a history, and there is no {}: give its file with --history",
                path.display()
            ),
            Trouble::Read { path, why } => {
                write!(f, "cannot read the history in {}: {why}", path.display())
            }
            Trouble::Write { path, why } => {
                write!(f, "cannot write the export {}: {why}", path.display())
            }
        }
    }
}

impl Error for Trouble {}

/// Where the work may fail.
enum Failed {
    /// In the history.
    Reading(String),
    /// In the file that is written.
    Writing(io::Error),
}

impl From<Failure> for Failed {
    fn from(failure: Failure) -> Failed {
        Failed::Reading(Unusable::from(failure).to_string())
    }
}

impl From<Unusable> for Failed {
    fn from(unusable: Unusable) -> Failed {
        Failed::Reading(unusable.to_string())
    }
}

impl From<io::Error> for Failed {
    fn from(why: io::Error) -> Failed {
        Failed::Writing(why)
    }
}

impl Export {
    /// Writes the file, which is there as a whole when this returns, or not at all.
    ///
    /// # Errors
    ///
    /// What cannot be read or written.
    pub fn run(&self) -> Result<(), Trouble> {
        let path = self.file(&Environment::of_process())?;
        self.run_with(&path).map_err(|failed| match failed {
            Failed::Reading(why) => Trouble::Read { path, why },
            Failed::Writing(why) => Trouble::Write { path: self.to.clone(), why: advised(&why) },
        })
    }

    /// The history's file, if one was named or is at the default place.
    fn file(&self, environment: &Environment) -> Result<PathBuf, Trouble> {
        let looked = match &self.history {
            HistoryFile::None => None,
            HistoryFile::Named(path) => return Ok(path.clone()),
            HistoryFile::Default => default_file(environment, self.port, self.shared.as_deref()),
        };
        match looked {
            Some(path) if path.symlink_metadata().is_ok() => Ok(path),
            looked => Err(Trouble::NoHistory { looked }),
        }
    }

    fn run_with(&self, path: &Path) -> Result<(), Failed> {
        let mut store = open(path)?;
        if self.to.symlink_metadata().is_ok() {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists).into());
        }
        let part = beside(&self.to, ".part");
        let written = self.write(&mut store, &part).and_then(|()| Ok(fs::rename(&part, &self.to)?));
        if written.is_err() {
            fs::remove_file(&part).ok();
        }
        written
    }

    /// Writes all of it into that file.
    fn write(&self, store: &mut impl Store, part: &Path) -> Result<(), Failed> {
        let mut out = BufWriter::new(create(part)?);
        let end = store.load(0)?.counters.next_seq;
        let mut from = 0;
        while from < end {
            let portion = store.rows(from..end, None)?;
            from = portion.range.end;
            self.write_portion(&portion, &mut out)?;
        }
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        Ok(())
    }

    fn write_portion(&self, portion: &Portion, out: &mut impl Write) -> io::Result<()> {
        let form = Form::of(&self.to);
        let mut gaps = portion.gaps.iter().peekable();
        let mut write = |entry: Entry<'_>| {
            if self.since.is_none_or(|since| entry.at() >= since) {
                writeln!(out, "{}", entry.shown(form))?;
            }
            io::Result::Ok(())
        };
        for row in portion.batches.iter().flat_map(|batch| rows_of(batch, 0)) {
            while let Some(gap) = gaps.next_if(|gap| gap.after < row.seq) {
                write(missing(gap))?;
            }
            public(&row).map_or(Ok(()), &mut write)?;
        }
        gaps.try_for_each(|gap| write(missing(gap)))
    }
}

/// The history at a path, to be read.
fn open(path: &Path) -> Result<impl Store, Failed> {
    let no_such_file = || Failed::Reading("no such file".to_owned());
    let resolved = opening::resolved(path).map_err(|why| match why {
        Unusable::NoFolder => no_such_file(),
        why => why.into(),
    })?;
    opening::look(&resolved)?.ok_or_else(no_such_file)?;
    Ok(opening::open_to_read(&resolved)?)
}

/// Makes the file that is written, for its owner alone. One that an end in the middle has left is
/// written anew.
fn create(part: &Path) -> io::Result<File> {
    match fs::remove_file(part) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(why),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true);
    private_file::create(&options, part)
}

/// What there is to say of a row, if it is for all and shown again.
fn public<'a>(row: &Row<'a>) -> Option<Entry<'a>> {
    if row.kind != SAID || row.only.is_some() {
        return None;
    }
    Entry::parse(row.seq as Seq, row.at, row.line?)
}

fn missing(gap: &Gap) -> Entry<'static> {
    Entry::missing(gap.at, gap.lines)
}

fn advised(why: &io::Error) -> String {
    match why.kind() {
        io::ErrorKind::AlreadyExists => "it exists already; name another file".to_owned(),
        io::ErrorKind::NotFound => "no such folder; make it first, or name another file".to_owned(),
        io::ErrorKind::StorageFull => {
            "the disk is full; make room, or name another file".to_owned()
        }
        _ => format!("{}; name another file", problem::reason(why)),
    }
}

#[cfg(test)]
mod tests;
