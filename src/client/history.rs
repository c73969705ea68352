//! What was sent, kept across runs in a file of the user's, one entry a line, oldest first.
//!
//! Several clients may share it: each entry is appended with one write. In an entry of several
//! lines the newlines stand as `\n`, and a backslash as `\\`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::editor::Memorable;
use super::editor::input_history::MOST;
use crate::private_file::{self, Takes};
use crate::protocol::text::make_safe;
use crate::state_folder::{self, Environment};

/// A file that would have more entries than [`MOST`] is cut to the newest of so many, to be cut again
/// only after a while.
const KEPT: usize = MOST - 100;

/// How much of a file is read, in bytes from its end. It has become larger only by long pastes.
const READ: u64 = 4 * 1024 * 1024;

/// The file. It is opened for each entry, since another client may have put a new one in its place.
#[derive(Debug)]
pub(super) struct History {
    /// Where the file is.
    path: PathBuf,
    /// What was added last: it is not added twice.
    last: Option<Memorable>,
    /// How many entries the file has, as far as we know.
    count: usize,
}

/// Where the file is, in the user's state folder. `None` if the environment names none.
#[must_use]
pub fn history_path() -> Option<PathBuf> {
    Environment::of_process().state_folder().map(|folder| folder.join("history"))
}

impl History {
    /// Opens the file, made if it is not there, and gives what was sent in earlier runs.
    ///
    /// # Errors
    ///
    /// The file cannot be read or written, or it is none of one's own: a link, say.
    pub(super) fn open(path: &Path) -> io::Result<(History, Vec<Memorable>)> {
        if let Some(folder) = path.parent() {
            state_folder::make(folder)?;
        }
        let mut file = open(path)?;
        let mut entries = read(&mut file)?;
        if entries.len() > MOST {
            drop(file);
            cut(path, &mut entries)?;
        }
        let (last, count) = (entries.last().cloned(), entries.len());
        Ok((History { path: path.to_owned(), last, count }, entries))
    }

    /// The file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Appends what is sent, unless it is the same again.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub(super) fn add(&mut self, entry: &Memorable) -> io::Result<()> {
        if self.last.as_ref() == Some(entry) {
            return Ok(());
        }
        let mut file = open(&self.path)?;
        if self.count >= MOST {
            let mut entries = read(&mut file)?;
            drop(file);
            file = cut(&self.path, &mut entries)?;
            self.count = entries.len();
        }
        self.last = Some(entry.clone());
        self.count += 1;
        file.write_all(escape(entry.as_str()).as_bytes())
    }
}

fn read(file: &mut File) -> io::Result<Vec<Memorable>> {
    let length = file.metadata()?.len();
    let skipped = length.saturating_sub(READ);
    file.seek(SeekFrom::Start(skipped))?;
    let mut bytes = Vec::new();
    file.take(READ).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    // The first line may be cut.
    let lines = text.lines().skip(usize::from(skipped > 0));
    Ok(lines.map(unescape).filter_map(|entry| Memorable::of_text(&entry)).collect())
}

/// Puts a new file with the newest entries in the old one's place, so that there is always a whole
/// one. What another client adds in this instant is lost.
fn cut(path: &Path, entries: &mut Vec<Memorable>) -> io::Result<File> {
    entries.drain(..entries.len().saturating_sub(KEPT));
    let lines: String = entries.iter().map(|entry| escape(entry.as_str())).collect();
    replace(path, lines.as_bytes())?;
    open(path)
}

/// Puts a new file in the place of the one at the path.
///
/// # Errors
///
/// It cannot be written; the old one is still there.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = path.with_extension(format!("{}.new", std::process::id()));
    write_new(&new, bytes)
        .and_then(|()| rename(&new, path))
        .inspect_err(|_| drop(fs::remove_file(&new)))
}

#[cfg(unix)]
fn rename(new: &Path, path: &Path) -> io::Result<()> {
    fs::rename(new, path)
}

/// Windows does not replace a file that somebody has open, if only to look at it, so that is waited for.
#[cfg(windows)]
fn rename(new: &Path, path: &Path) -> io::Result<()> {
    const LOOKED_AT: std::time::Duration = std::time::Duration::from_secs(2);
    const AGAIN: std::time::Duration = std::time::Duration::from_millis(10);
    let deadline = std::time::Instant::now() + LOOKED_AT;
    loop {
        match fs::rename(new, path) {
            Err(why)
                if why.kind() == io::ErrorKind::PermissionDenied
                    && std::time::Instant::now() < deadline =>
            {
                std::thread::sleep(AGAIN);
            }
            done => return done,
        }
    }
}

/// Writes a file that was not there, and closes it: Windows may neither move nor replace a file that
/// is open.
fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    private_file::create(OpenOptions::new().write(true), path)?.write_all(bytes)
}

fn escape(entry: &str) -> String {
    entry.replace('\\', "\\\\").replace('\n', "\\n") + "\n"
}

/// The file may have been written by anyone, so what comes out of it is made safe.
fn unescape(line: &str) -> String {
    let mut entry = String::new();
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (c, if c == '\\' { chars.next() } else { None }) {
            ('\\', Some('n')) => entry.push('\n'),
            ('\\', Some(other)) => entry.push(other),
            (c, _) => entry.push(c),
        }
    }
    let lines: Vec<_> = entry.split('\n').map(|line| make_safe(line.as_bytes())).collect();
    lines.join("\n")
}

/// Opens the file, to be read and appended to, and makes it if it is not there.
pub(super) fn open(path: &Path) -> io::Result<File> {
    private_file::open(OpenOptions::new().append(true).read(true), path, Takes::File)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_folder::Folder;

    /// A path in a folder that is not there yet, and the folder around that one.
    fn path() -> (PathBuf, Folder) {
        let folder = Folder::new();
        (folder.file("chatroom/history"), folder)
    }

    fn open(path: &Path) -> (History, Vec<String>) {
        let (history, entries) = History::open(path).expect("a folder that can be written");
        (history, entries.iter().map(|entry| entry.as_str().to_owned()).collect())
    }

    fn add(history: &mut History, entry: &str) {
        if let Some(entry) = Memorable::of_text(entry) {
            history.add(&entry).expect("it can be written");
        }
    }

    #[test]
    fn what_was_added_is_there_the_next_time() {
        let (path, _folder) = path();
        let (mut history, before) = open(&path);
        assert!(before.is_empty());
        let added = ["one", "one", "C:\\new", "/password x", "two\n\\nlines", "  ", "日本"];
        added.iter().for_each(|entry| add(&mut history, entry));
        let (_, kept) = open(&path);
        assert_eq!(kept, ["one", "C:\\new", "two\n\\nlines", "日本"]);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode();
            let folder = path.parent().expect("a folder");
            assert_eq!((mode(&path) & 0o777, mode(folder) & 0o777), (0o600, 0o700));
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_is_not_ones_own_alone_is_made_so_or_left() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let (path, _folder) = path();
        drop(open(&path));
        let shared = fs::Permissions::from_mode(0o644);
        fs::set_permissions(&path, shared).expect("ours");
        drop(open(&path));
        let mode = fs::metadata(&path).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let target = path.with_extension("elsewhere");
        fs::rename(&path, &target).expect("ours");
        symlink(&target, &path).expect("a link");
        let told = History::open(&path).err().map(|why| why.to_string());
        assert_eq!(told.as_deref(), Some("it is a symbolic link, which is not followed"));
    }

    #[test]
    fn a_file_of_anything_is_read_as_far_as_it_goes() {
        let (path, _folder) = path();
        drop(open(&path));
        fs::write(&path, b"fine\n\xff\xfe\n\x1b[31mred\x07\n\n/login a b\nopen end\\")
            .expect("ours");
        let (_, entries) = open(&path);
        assert_eq!(entries, ["fine", "\u{fffd}\u{fffd}", "red", "open end\\"]);
        let lines = "a line\n".repeat(READ as usize / 7 + 10);
        fs::write(&path, &lines).expect("ours");
        let (_, entries) = open(&path);
        assert_eq!((entries.len(), entries[0].as_str()), (KEPT, "a line"));
    }

    #[test]
    fn a_file_never_has_more_than_the_newest_thousand() {
        let (path, _folder) = path();
        drop(open(&path));
        let lines: String = (0..=MOST).map(|i| format!("{i}\n")).collect();
        fs::write(&path, lines).expect("ours");
        let (mut history, entries) = open(&path);
        assert_eq!((entries.len(), entries[0].as_str()), (KEPT, "101"));
        let count = || fs::read_to_string(&path).expect("ours").lines().count();
        for number in 0..250 {
            add(&mut history, &format!("new {number}"));
            assert!(count() <= MOST, "{number}");
        }
        let (_, entries) = open(&path);
        assert_eq!(entries.last().map(String::as_str), Some("new 249"));
        assert_eq!(entries.iter().filter(|entry| entry.starts_with("new ")).count(), 250);
        let others = fs::read_dir(path.parent().expect("a folder")).expect("ours").count();
        assert_eq!(others, 1);
    }
}
