//! A log file: private, appended to, and the one that its path names, also after it was renamed.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::place::Place;
use crate::private_file::{self, Takes};

/// How often it is looked whether the path names another file, at most. It costs a system call, of the
/// thread that writes.
const LOOK: Duration = Duration::from_secs(1);

/// A log file. Several programs may share it: what one writes at once stays together.
#[derive(Debug)]
pub struct LogFile {
    /// Its path, by which it is opened again.
    path: PathBuf,
    /// The open file.
    file: File,
    /// The file's identity; `None` for a pipe or a device.
    id: Option<Id>,
    /// Whether a write waits for a pipe or a terminal that is full.
    waits: bool,
    /// When the path was last checked to name this file.
    looked: Instant,
    /// Whether the file is to be opened anew before the next record. Other threads set it.
    reopen: Arc<AtomicBool>,
    /// The size, in bytes, at which the file is renamed and begun anew; `None` is never.
    most: Option<u64>,
}

/// What tells a file from others, whatever its name: its device and its number there.
type Id = (u64, u64);

impl LogFile {
    /// Opens a log file to append to, and makes it if it is not there. It is readable by its owner
    /// alone from then on.
    ///
    /// On Unix neither that nor a write to it waits: a named pipe lets nobody in before it has a
    /// reader.
    ///
    /// # Errors
    ///
    /// It is a link, or another user's, or the operating system's reason why it cannot be written.
    pub fn open(path: &Path) -> io::Result<LogFile> {
        let file = open(path)?;
        let id = id(&file.metadata());
        let (path, looked, reopen) = (path.to_owned(), Instant::now(), Arc::default());
        Ok(LogFile { path, file, id, waits: false, looked, reopen, most: None })
    }

    /// The same file, which is renamed and begun anew where it has `most` bytes or more: now, or by the
    /// second in which it comes to that. Its name gets `.1` at the end, and one such is kept.
    ///
    /// # Errors
    ///
    /// It has as many, and cannot be renamed.
    pub fn with_most(mut self, most: u64) -> io::Result<LogFile> {
        self.most = Some(most);
        if self.is_full() {
            self.give_way()?;
        }
        Ok(self)
    }

    fn is_full(&self) -> bool {
        let is_full = |most: u64| {
            self.file.metadata().is_ok_and(|found| found.is_file() && found.len() >= most)
        };
        self.most.is_some_and(is_full)
    }

    fn give_way(&mut self) -> io::Result<()> {
        let mut old = self.path.clone().into_os_string();
        old.push(".1");
        fs::rename(&self.path, old)?;
        self.open_anew()
    }

    /// The path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Set, it has the file opened anew before the next record.
    pub(super) fn reopening(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.reopen)
    }

    /// From now on, a pipe or a terminal that is full for now is waited for: a thread of its own does.
    pub(super) fn wait_while_full(&mut self) {
        self.waits = true;
        set_waiting(&self.file);
    }

    fn open_anew(&mut self) -> io::Result<()> {
        self.file = open(&self.path)?;
        self.id = id(&self.file.metadata());
        if self.waits {
            set_waiting(&self.file);
        }
        Ok(())
    }

    /// Whether the path names another file, or none any more.
    fn is_elsewhere(&self) -> bool {
        match fs::metadata(&self.path) {
            Ok(found) => self.id.is_some() && id(&Ok(found)) != self.id,
            Err(why) => self.id.is_some() && why.kind() == io::ErrorKind::NotFound,
        }
    }
}

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Place for LogFile {
    fn look(&mut self, now: Instant, is_in_trouble: bool) -> Option<io::Result<()>> {
        let is_wanted = self.reopen.swap(false, Ordering::SeqCst);
        if !is_wanted && now.saturating_duration_since(self.looked) < LOOK {
            return None;
        }
        self.looked = now;
        if is_wanted || is_in_trouble || self.is_elsewhere() {
            return Some(self.open_anew());
        }
        // Not where another program that shares it has done so.
        Some(if self.is_full() { self.give_way() } else { Ok(()) })
    }

    /// Only where nobody has written behind them.
    fn take_back(&mut self, bytes: u64) -> bool {
        let Ok(end) = self.file.stream_position() else { return false };
        let is_last = self.file.metadata().is_ok_and(|found| found.len() == end);
        self.id.is_some() && is_last && end >= bytes && self.file.set_len(end - bytes).is_ok()
    }
}

fn open(path: &Path) -> io::Result<File> {
    let opened = private_file::open(OpenOptions::new().append(true), path, Takes::PipeOrDevice);
    #[cfg(unix)]
    let opened = opened.map_err(in_words);
    opened
}

/// The system says "no such device or address" of a pipe without a reader, which helps nobody.
#[cfg(unix)]
fn in_words(why: io::Error) -> io::Error {
    if why.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error()) {
        return io::Error::new(io::ErrorKind::BrokenPipe, "nobody reads it");
    }
    why
}

fn set_waiting(file: &File) {
    #[cfg(unix)]
    rustix::io::ioctl_fionbio(file, false).ok();
    #[cfg(not(unix))]
    let _ = file;
}

#[cfg(unix)]
fn id(found: &io::Result<Metadata>) -> Option<Id> {
    use std::os::unix::fs::MetadataExt;
    let found = found.as_ref().ok().filter(|found| found.is_file())?;
    Some((found.dev(), found.ino()))
}

/// Windows tells it of no file, as far as the standard library goes: what is there is as good as what
/// was.
#[cfg(not(unix))]
fn id(found: &io::Result<Metadata>) -> Option<Id> {
    let found = found.as_ref().ok()?;
    found.is_file().then_some((0, 0))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::test_folder::Folder;

    fn write(log: &mut LogFile, text: &str) {
        log.write_all(text.as_bytes()).expect("there is space");
    }

    #[test]
    fn a_file_that_is_full_gives_way_to_a_new_one_and_the_last_is_kept() {
        let folder = Folder::new();
        let (path, old) = (folder.file("log"), folder.file("log.1"));
        let read = |path: &Path| fs::read_to_string(path).unwrap_or_default();
        let mut log = LogFile::open(&path).and_then(|log| log.with_most(8)).expect("a file");
        let mut now = log.looked;
        for line in ["one\n", "two\n", "three\n", "four\n", "five\n"] {
            now += LOOK;
            log.look(now, false).expect("it looks").expect("a file");
            log.write_all(line.as_bytes()).expect("there is space");
        }
        assert_eq!((read(&old), read(&path)), ("three\nfour\n".to_owned(), "five\n".to_owned()));
        // One that is full already does so at once.
        fs::write(&path, "much more\n").expect("ours");
        drop(LogFile::open(&path).and_then(|log| log.with_most(8)).expect("a file"));
        assert_eq!((read(&old), read(&path)), ("much more\n".to_owned(), String::new()));
    }

    #[test]
    fn it_goes_on_in_the_file_that_the_path_names() {
        let folder = Folder::new();
        let (path, old) = (folder.file("log"), folder.file("log.1"));
        let read = |path: &Path| fs::read_to_string(path).expect("it is there");
        let mut log = LogFile::open(&path).expect("a file");
        write(&mut log, "one\n");
        fs::rename(&path, &old).expect("ours");
        let now = log.looked;
        // Within a second it does not look, unless it is to.
        assert!(log.look(now + LOOK / 2, false).is_none());
        write(&mut log, "two\n");
        log.look(now + LOOK, false).expect("it looks").expect("a file");
        write(&mut log, "three\n");
        assert_eq!((read(&old), read(&path)), ("one\ntwo\n".to_owned(), "three\n".to_owned()));
        fs::rename(&path, &old).expect("ours");
        log.reopening().store(true, Ordering::SeqCst);
        log.look(now + LOOK, false).expect("it looks").expect("a file");
        write(&mut log, "four\n");
        assert_eq!((read(&old), read(&path)), ("three\n".to_owned(), "four\n".to_owned()));
        // In place of the file something that is not taken: it goes on in the old one.
        fs::rename(&path, &old).expect("ours");
        std::os::unix::fs::symlink(folder.file("other"), &path).expect("a link");
        assert!(log.look(now + 2 * LOOK, false).is_some_and(|looked| looked.is_err()));
        write(&mut log, "five\n");
        assert_eq!(read(&old), "four\nfive\n");
    }

    #[test]
    fn a_part_of_a_record_is_removed_unless_somebody_has_written_behind_it() {
        let folder = Folder::new();
        let path = folder.file("log");
        let read = || fs::read_to_string(&path).expect("it is there");
        let mut log = LogFile::open(&path).expect("a file");
        write(&mut log, "whole\nhal");
        assert!(log.take_back(3));
        assert_eq!(read(), "whole\n");
        write(&mut log, "hal");
        write(&mut LogFile::open(&path).expect("the same file"), "another's\n");
        assert!(!log.take_back(3));
        assert_eq!(read(), "whole\nhalanother's\n");
    }
}
