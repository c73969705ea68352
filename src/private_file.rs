//! Private files, which their owner alone may read and write: the logs, the histories and the server's key.
//!
//! A stranger, or an archive that was unpacked, may have put something at such a path: a link that leads
//! elsewhere, or a file that others can read. So a file that is there already is opened without following links,
//! and checked before anything is written to it.

use std::error::Error;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// How often a file may vanish between the two ways of opening it before that is an error.
const TRIES: usize = 8;

/// The kinds of files that may be at the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    /// Only a regular file.
    File,
    /// Also a named pipe or a device, which an operator names on purpose.
    PipeOrDevice,
}

/// The reason why a file is not written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// It is a symbolic link.
    Link,
    /// It belongs to another user.
    #[cfg(unix)]
    Foreign,
    /// It has more than one name (a hard link).
    #[cfg(unix)]
    SecondName,
    /// It is a pipe or a device, where only a regular file is taken.
    NoFile,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unfit::Link => "it is a symbolic link, which is not followed",
            #[cfg(unix)]
            Unfit::Foreign => "it belongs to another user",
            #[cfg(unix)]
            Unfit::SecondName => "it has a second name (a hard link)",
            Unfit::NoFile => "it is no regular file",
        })
    }
}

impl Error for Unfit {}

impl From<Unfit> for io::Error {
    fn from(unfit: Unfit) -> io::Error {
        io::Error::new(io::ErrorKind::PermissionDenied, unfit)
    }
}

/// Opens the file at the path with these `options`, or makes one. Either is private from then on.
///
/// On Unix the opened file does not wait: a named pipe without a reader is an error, and one that is
/// full takes nothing.
///
/// # Errors
///
/// It is [`Unfit`], or the operating system's reason.
pub(crate) fn open(options: &OpenOptions, path: &Path, takes: Takes) -> io::Result<File> {
    let is = |opened: &io::Result<File>, kind| opened.as_ref().is_err_and(|e| e.kind() == kind);
    let mut opened = system::open(options, path, takes);
    for _ in 0..TRIES {
        if !is(&opened, io::ErrorKind::NotFound) {
            break;
        }
        opened = create(options, path);
        if !is(&opened, io::ErrorKind::AlreadyExists) {
            break;
        }
        opened = system::open(options, path, takes);
    }
    opened
}

/// Opens the file at the path in the way that `options` say, if there is one. It is private from then on.
///
/// # Errors
///
/// There is none, it is [`Unfit`], or the operating system's reason.
pub(crate) fn open_existing(options: &OpenOptions, path: &Path, takes: Takes) -> io::Result<File> {
    system::open(options, path, takes)
}

/// The path of a file that lies beside this one, under the same name with a suffix.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut beside = path.as_os_str().to_owned();
    beside.push(suffix);
    beside.into()
}

/// Makes a file at the path, for its owner alone, and opens it in the way that `options` say.
///
/// # Errors
///
/// Something is there already, or the operating system's reason.
pub(crate) fn create(options: &OpenOptions, path: &Path) -> io::Result<File> {
    system::create(options, path)
}

#[cfg(unix)]
mod system {
    use std::fs::{self, Metadata, Permissions};
    use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};

    use rustix::fs::OFlags;
    use rustix::process::geteuid;

    use super::{File, OpenOptions, Path, Takes, Unfit, io};

    /// The mode of a file that its owner alone may read and write.
    const PRIVATE: u32 = 0o600;

    pub(super) fn create(options: &OpenOptions, path: &Path) -> io::Result<File> {
        options
            .clone()
            .create_new(true)
            .mode(PRIVATE)
            .custom_flags(flags(OFlags::empty()))
            .open(path)
    }

    pub(super) fn open(options: &OpenOptions, path: &Path, takes: Takes) -> io::Result<File> {
        let open = |more| options.clone().custom_flags(flags(more)).open(path);
        let (file, is_streams) = match open(OFlags::NOFOLLOW) {
            Ok(file) => (file, false),
            Err(why) => match link(path) {
                None => return Err(why),
                Some(Link::ToStream) => (open(OFlags::empty())?, true),
                Some(Link::OfRoot) => (open(OFlags::empty())?, false),
                Some(Link::Other) => return Err(Unfit::Link.into()),
            },
        };
        if !is_streams {
            make_private(&file, takes)?;
        }
        Ok(file)
    }

    fn flags(more: OFlags) -> i32 {
        (OFlags::NONBLOCK | OFlags::NOCTTY | more).bits() as i32
    }

    /// Looks at a file that is open, so that nobody can put another one in its place.
    fn make_private(file: &File, takes: Takes) -> io::Result<()> {
        let found = file.metadata()?;
        unfit(&found, takes).map_or(Ok(()), Err)?;
        if found.is_file() && found.mode() & 0o7777 != PRIVATE {
            // A file system without owners (FAT, say) may refuse: there nothing is private.
            file.set_permissions(Permissions::from_mode(PRIVATE)).ok();
        }
        Ok(())
    }

    fn unfit(found: &Metadata, takes: Takes) -> Option<Unfit> {
        let (kind, user) = (found.file_type(), geteuid().as_raw());
        if kind.is_file() {
            let second_name = || (found.nlink() > 1).then_some(Unfit::SecondName);
            return (found.uid() != user).then_some(Unfit::Foreign).or_else(second_name);
        }
        if takes == Takes::File {
            return Some(Unfit::NoFile);
        }
        // A device is the system's in any case: it takes root to make one.
        let is_trusted = [user, 0].contains(&found.uid()) || !kind.is_fifo();
        (!is_trusted).then_some(Unfit::Foreign)
    }

    /// A symbolic link, by its purpose.
    enum Link {
        /// It leads to a stream that the program was started with, or to another file of the system's:
        /// `/dev/stderr`.
        ToStream,
        /// The administrator has made it for a program that runs as another user.
        OfRoot,
        /// Its purpose is unknown, so it is not followed.
        Other,
    }

    /// The link at that path, if there is one.
    fn link(path: &Path) -> Option<Link> {
        let link = fs::symlink_metadata(path).ok().filter(Metadata::is_symlink)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new(".")).canonicalize().ok()?;
        let found = fs::metadata(&folder).ok()?;
        // Where everybody may put links, as in /dev/shm, they say nothing of the system.
        let is_open = found.mode() & 0o002 != 0;
        let is_of_root = link.uid() == 0 && found.uid() == 0 && !is_open;
        Some(if folder.starts_with("/proc") || (is_of_root && folder.starts_with("/dev")) {
            Link::ToStream
        } else if is_of_root && !geteuid().is_root() {
            Link::OfRoot
        } else {
            Link::Other
        })
    }
}

/// Windows has no owner's mode: a file has the rights of its folder. A link takes rights to make.
#[cfg(windows)]
mod system {
    use std::fs;

    use super::{File, OpenOptions, Path, Takes, Unfit, io};

    pub(super) fn create(options: &OpenOptions, path: &Path) -> io::Result<File> {
        options.clone().create_new(true).open(path)
    }

    pub(super) fn open(options: &OpenOptions, path: &Path, takes: Takes) -> io::Result<File> {
        if fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink()) {
            return Err(Unfit::Link.into());
        }
        let file = options.open(path)?;
        // A device may tell nothing of itself.
        if takes == Takes::File && !file.metadata().is_ok_and(|found| found.is_file()) {
            return Err(Unfit::NoFile.into());
        }
        Ok(file)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::io::Write;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;
    use crate::test_folder::Folder;

    fn append(path: &Path) -> io::Result<File> {
        open(OpenOptions::new().append(true), path, Takes::PipeOrDevice)
    }

    fn unfit(opened: io::Result<File>) -> Option<Unfit> {
        opened.err()?.downcast().ok()
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("it is there").permissions().mode() & 0o7777
    }

    #[test]
    fn a_file_is_private_whether_it_is_new_or_not() {
        let folder = Folder::new();
        let path = folder.file("log");
        append(&path).expect("a new file").write_all(b"one\n").expect("it takes it");
        assert_eq!(mode(&path), 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("ours");
        append(&path).expect("one's own file").write_all(b"two\n").expect("it takes it");
        assert_eq!((mode(&path), fs::read(&path).expect("ours")), (0o600, b"one\ntwo\n".to_vec()));
    }

    #[test]
    fn no_link_is_followed_and_no_file_with_two_names_is_taken() {
        let folder = Folder::new();
        let [target, link, nowhere] = ["target", "link", "nowhere"].map(|name| folder.file(name));
        fs::write(&target, "mine").expect("ours");
        symlink(&target, &link).expect("a link");
        assert_eq!(unfit(append(&link)), Some(Unfit::Link));
        symlink(folder.file("not there"), &nowhere).expect("a link");
        assert_eq!(unfit(append(&nowhere)), Some(Unfit::Link));
        fs::hard_link(&target, folder.file("second")).expect("a link");
        assert_eq!(unfit(append(&target)), Some(Unfit::SecondName));
        assert_eq!(fs::read(&target).expect("ours"), b"mine");
        assert!(!folder.file("not there").exists());
    }

    #[test]
    fn devices_and_the_streams_of_the_program_are_taken_where_they_are_named() {
        let null = Path::new("/dev/null");
        append(null).expect("a device").write_all(b"x").expect("it takes all");
        let history = open(OpenOptions::new().append(true), null, Takes::File);
        assert_eq!(unfit(history), Some(Unfit::NoFile));
        let folder = Folder::new();
        let elsewhere = folder.file("null");
        symlink(null, &elsewhere).expect("a link");
        assert_eq!(unfit(append(&elsewhere)), Some(Unfit::Link));
        if cfg!(target_os = "linux") {
            // The way that /dev/stderr leads.
            let file = File::create(folder.file("redirected")).expect("ours");
            let stream = format!("/dev/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file));
            append(Path::new(&stream)).expect("an open file");
        }
    }

    #[test]
    fn what_belongs_to_somebody_else_is_left_alone() {
        use std::os::unix::fs::{MetadataExt, chown};
        let folder = Folder::new();
        let path = folder.file("log");
        fs::write(&path, "theirs").expect("ours");
        let pipe = folder.file("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.expect("there is a mkfifo").success());
        // It takes root to give a file away; others have none of somebody else's here.
        if chown(&path, Some(65_534), None).is_err() || chown(&pipe, Some(65_534), None).is_err() {
            return;
        }
        let before = fs::metadata(&path).expect("it is there").mode();
        assert_eq!(unfit(append(&path)), Some(Unfit::Foreign));
        let _reader = OpenOptions::new().read(true).write(true).open(&pipe).expect("a reader");
        assert_eq!(unfit(append(&pipe)), Some(Unfit::Foreign));
        assert_eq!(fs::metadata(&path).expect("it is there").mode(), before);
    }
}
