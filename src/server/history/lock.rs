//! Who has the file: the lock beside it, and the marker in it by which the next start knows how this run
//! has ended.
//!
//! The lock is the system's and ends with the process, however that ends. The marker is written in place
//! and has always the same length, so that a full disk does not refuse it.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::refusal::Unusable;
use crate::private_file::{self, Takes, beside};
use crate::protocol::reply::Notice;
use crate::protocol::tag::Seq;
use crate::server::config::Durability;

/// How many bytes the marker has, with a newline at its end.
const MARKER: usize = 64;

/// By how many numbers the order of events jumps, at most, where some may have been used that are not
/// kept. No run says so much.
const JUMP: u64 = 1 << 30;

/// How often the lock's file may vanish before that is an error.
const TRIES: usize = 8;

/// The lock on a history, for as long as it lives.
#[derive(Debug)]
pub(crate) struct Lock {
    /// The locked file, in which the marker is.
    file: File,
    /// Its path.
    path: PathBuf,
    /// What the run before this one has left in it.
    found: Option<Marker>,
    /// Whether there was no such file before.
    is_new: bool,
}

/// How a run has ended, as far as it got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Marker {
    /// It has not ended by itself.
    Running {
        /// When the machine was started, by the system's name for that; `None` where it has none.
        boot: Option<String>,
        /// What its commits survived.
        durability: Durability,
        /// In which block of numbers it began, which the file may not know: see [`block_of`].
        block: u64,
    },
    /// It could not keep all that it sent.
    Partial {
        /// The same.
        block: u64,
    },
    /// It has kept everything.
    Clean {
        /// The number of the next event.
        next: Seq,
    },
}

impl Lock {
    /// Locks the history at that path.
    ///
    /// # Errors
    ///
    /// Another server has it, or the system's reason.
    pub(crate) fn take(path: &Path) -> Result<Lock, Unusable> {
        let path = beside(path, "-lock");
        for _ in 0..TRIES {
            let is_new = std::fs::symlink_metadata(&path).is_err();
            let mut file = open(&path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(Unusable::InUse),
                Err(TryLockError::Error(why)) if knows_no_locks(&why) => {
                    return Err(Unusable::NoLocks);
                }
                Err(TryLockError::Error(why)) => return Err(Unusable::of(&why)),
            }
            // Whoever is refused removes the file that it has made.
            if is_at(&file, &path) {
                let found = read(&mut file).map_err(|why| Unusable::of(&why))?;
                return Ok(Lock { file, path, found, is_new });
            }
        }
        Err(Unusable::InUse)
    }

    /// What the run before this one has left.
    pub(crate) fn found(&self) -> Option<&Marker> {
        self.found.as_ref()
    }

    /// Says how far this run is, so that it is on the disk when this returns.
    ///
    /// # Errors
    ///
    /// The system's reason.
    pub(crate) fn mark(&mut self, marker: &Marker) -> io::Result<()> {
        let line = format!("{marker:<width$.width$}\n", width = MARKER - 1);
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(line.as_bytes())?;
        self.file.sync_data()
    }

    /// Gives the lock up, and leaves nothing behind that was not there before.
    pub(crate) fn abandon(self) {
        if self.is_new {
            std::fs::remove_file(&self.path).ok();
        }
    }
}

fn open(path: &Path) -> Result<File, Unusable> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    private_file::open(&options, path, Takes::File).map_err(|why| Unusable::of(&why))
}

fn read(file: &mut File) -> io::Result<Option<Marker>> {
    let mut text = Vec::new();
    file.take(MARKER as u64).read_to_end(&mut text)?;
    Ok(std::str::from_utf8(&text).ok().and_then(Marker::parse))
}

fn knows_no_locks(why: &io::Error) -> bool {
    #[cfg(unix)]
    let is_code = why.raw_os_error() == Some(rustix::io::Errno::NOLCK.raw_os_error());
    #[cfg(windows)]
    let is_code = false;
    is_code || why.kind() == io::ErrorKind::Unsupported
}

/// Whether the path names the open file.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let (Ok(open), Ok(named)) = (file.metadata(), std::fs::symlink_metadata(path)) else {
        return false;
    };
    (open.dev(), open.ino()) == (named.dev(), named.ino())
}

/// On Windows a file that is open is not removed.
#[cfg(windows)]
fn is_at(_file: &File, _path: &Path) -> bool {
    true
}

impl Marker {
    /// Reads what a run has left; `None` for anything else.
    fn parse(text: &str) -> Option<Marker> {
        let mut words = text.split_ascii_whitespace();
        let marker = match words.next()? {
            "running" => {
                let boot = Some(words.next()?).filter(|boot| *boot != "-").map(str::to_owned);
                let durability = match words.next()? {
                    "crash" => Durability::Crash,
                    "power" => Durability::Power,
                    _ => return None,
                };
                Marker::Running { boot, durability, block: words.next()?.parse().ok()? }
            }
            "partial" => Marker::Partial { block: words.next()?.parse().ok()? },
            "clean" => Marker::Clean { next: words.next()?.parse().ok()? },
            _ => return None,
        };
        words.next().is_none().then_some(marker)
    }
}

impl fmt::Display for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Marker::Running { boot, durability, block } => {
                let durability = match durability {
                    Durability::Crash => "crash",
                    Durability::Power => "power",
                };
                format!("running {} {durability} {block}", boot.as_deref().unwrap_or("-"))
            }
            Marker::Partial { block } => format!("partial {block}"),
            Marker::Clean { next } => format!("clean {next}"),
        };
        f.pad(&text)
    }
}

/// The system's name for the time since the machine was started, where it has one.
#[cfg(target_os = "linux")]
pub(crate) fn boot() -> Option<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let id = id.trim();
    let is_id = (1..=36).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    is_id.then(|| id.to_owned())
}

/// Other systems have none, so each of their starts counts as one of the machine.
#[cfg(not(target_os = "linux"))]
pub(crate) fn boot() -> Option<String> {
    None
}

/// How a room goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Start {
    /// The number of its next event.
    pub(crate) next_seq: Seq,
    /// What members are told who resume, if lines may be missing that were sent.
    pub(crate) doubt: Option<Notice<'static>>,
}

impl Marker {
    /// The block in which its run has used numbers, as far as the marker tells.
    fn block(&self) -> u64 {
        match self {
            Marker::Running { block, .. } | Marker::Partial { block } => *block,
            Marker::Clean { next } => block_of(*next),
        }
    }
}

/// The block of numbers that this one is in. A run begins in one, and never gets to its end.
pub(crate) fn block_of(seq: Seq) -> u64 {
    seq / JUMP
}

/// How the room of a file goes on that says which number is next, after a run that has left that marker.
/// `boot` is the machine's present one; a new file has no run before it.
///
/// Only after a clean end is it certain that no number behind the file's was ever sent. The copy of a
/// file that is put back later has a marker of another number, or none. A run that could write nothing to
/// the file, whose disk was full, has left its block in the marker.
pub(crate) fn start(
    found: Option<&Marker>,
    next_seq: Seq,
    boot: Option<&str>,
    is_new: bool,
) -> Start {
    if is_new || found == Some(&Marker::Clean { next: next_seq }) {
        return Start { next_seq, doubt: None };
    }
    let doubt = match found {
        Some(Marker::Running { durability: Durability::Power, .. }) => None,
        Some(Marker::Running { boot: before, .. })
            if before.is_some() && before.as_deref() == boot =>
        {
            None
        }
        Some(Marker::Running { .. }) => Some(Notice::MachineFailed),
        // What was not kept is gone, or a copy was put back.
        Some(Marker::Partial { .. } | Marker::Clean { .. }) | None => Some(Notice::MayBeMissing),
    };
    let used = block_of(next_seq).max(found.map_or(0, Marker::block));
    Start { next_seq: (used + 1) * JUMP, doubt }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_folder::Folder;

    fn running(boot: Option<&str>, durability: Durability) -> Marker {
        Marker::Running { boot: boot.map(str::to_owned), durability, block: 0 }
    }

    #[test]
    fn a_marker_is_found_by_the_next_run_and_has_always_the_same_length() {
        let folder = Folder::new();
        let path = folder.file("5000.db");
        let boot = "b0ac0ffe-0000-4000-8000-123456789abc";
        let markers = [
            running(Some(boot), Durability::Crash),
            running(None, Durability::Power),
            Marker::Partial { block: u64::MAX / JUMP },
            Marker::Clean { next: u64::MAX },
        ];
        let mut before = None;
        for marker in markers {
            let mut lock = Lock::take(&path).expect("it is free");
            assert_eq!(lock.found().cloned(), before);
            lock.mark(&Marker::Partial { block: 0 }).expect("it takes that");
            lock.mark(&marker).expect("it takes that");
            let written = std::fs::read(folder.file("5000.db-lock")).expect("it is there");
            assert_eq!((written.len(), written.last()), (MARKER, Some(&b'\n')));
            before = Some(marker);
        }
    }

    #[test]
    fn what_is_no_marker_is_none() {
        for text in [
            "",
            "running",
            "running x",
            "running x fast 1",
            "running x crash",
            "partial",
            "clean",
            "clean -1",
            "clean 1 2",
        ] {
            assert_eq!(Marker::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_lock_is_held_by_one_and_who_abandons_it_leaves_no_file() {
        let folder = Folder::new();
        let path = folder.file("5000.db");
        let lock = Lock::take(&path).expect("it is free");
        assert_eq!(Lock::take(&path).err(), Some(Unusable::InUse));
        drop(lock);
        let lock = Lock::take(&path).expect("it is free again");
        lock.abandon();
        assert!(folder.file("5000.db-lock").exists(), "it was there before");
        std::fs::remove_file(folder.file("5000.db-lock")).expect("ours");
        Lock::take(&path).expect("it is free").abandon();
        assert!(!folder.file("5000.db-lock").exists());
    }

    #[test]
    fn numbers_go_on_after_a_clean_end_alone_and_people_are_told_when_the_machine_failed() {
        let here = Some("here");
        let clean = |next| Some(Marker::Clean { next });
        let (failed, missing) = (Some(Notice::MachineFailed), Some(Notice::MayBeMissing));
        let cases = [
            ("a clean end", clean(7), 7, None),
            ("a restored copy", clean(9), JUMP, missing),
            ("a copy without its lock", None, JUMP, missing),
            ("a crash", Some(running(here, Durability::Crash)), JUMP, None),
            ("another boot", Some(running(Some("there"), Durability::Crash)), JUMP, failed),
            ("no boot", Some(running(None, Durability::Crash)), JUMP, failed),
            ("a power failure, kept", Some(running(Some("there"), Durability::Power)), JUMP, None),
            ("a full disk", Some(Marker::Partial { block: 0 }), JUMP, missing),
            (
                "a disk that was full all the time",
                Some(Marker::Partial { block: 3 }),
                4 * JUMP,
                missing,
            ),
            ("a copy from long ago", clean(5 * JUMP + 7), 6 * JUMP, missing),
        ];
        for (case, found, next_seq, doubt) in cases {
            let started = start(found.as_ref(), 7, here, false);
            assert_eq!(started, Start { next_seq, doubt }, "{case}");
        }
        assert_eq!(start(None, 1, here, true), Start { next_seq: 1, doubt: None });
        let unknown = running(None, Durability::Crash);
        assert_eq!(
            start(Some(&unknown), 7, None, false).doubt,
            failed,
            "no boot is never the same"
        );
    }

    #[test]
    fn a_boot_has_one_name_on_linux() {
        assert_eq!(boot(), boot());
        assert_eq!(boot().is_some(), cfg!(target_os = "linux"));
    }

    #[test]
    fn numbers_jump_to_the_next_multiple_above() {
        for (next, jumped) in [(1, JUMP), (JUMP - 1, JUMP), (JUMP, 2 * JUMP), (JUMP + 1, 2 * JUMP)]
        {
            assert_eq!(start(None, next, None, false).next_seq, jumped, "{next}");
        }
    }
}
