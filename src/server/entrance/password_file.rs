//! The file with the room's password: its first line, read at the start and again when that is asked for. The main
//! thread reads it first, and the thread of the signals later.
//!
//! The password itself is not kept: what is given is compared by an HMAC under a key of this run, in constant time,
//! so nothing of the password shows in how long that takes, nor in what the process leaves behind.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use ring::hmac;

use crate::problem::{Problem, reason};
use crate::protocol::reply::PASSWORD_BYTES;
use crate::protocol::text::{is_blank, make_safe};
use crate::secret_file::warn_if_public;
use crate::server::system::{Mutex, random_bits};

/// The longest password, in bytes. One that everybody shares may be short: failures are delayed.
const LONGEST: usize = *PASSWORD_BYTES.end();

/// How much of the file is read, in bytes: more than the longest line that is a password.
const MOST_READ: u64 = 4096;

/// The room's password, and the file that it comes from.
pub(super) struct PasswordFile {
    /// The file.
    path: PathBuf,
    /// What a secret is compared with. It is held for a moment, never while the file is read.
    password: Mutex<RoomPassword>,
}

/// Without the password.
impl fmt::Debug for PasswordFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PasswordFile").field(&self.path).finish()
    }
}

/// The room's password, as a tag that nobody can read it from.
struct RoomPassword {
    /// The key of the HMAC, for this password alone.
    key: hmac::Key,
    /// The password's tag.
    tag: hmac::Tag,
}

/// Why a file has no password for the room.
#[derive(Debug)]
pub(super) struct Unfit {
    /// The file.
    path: PathBuf,
    /// What is wrong with it.
    why: Why,
}

/// What is wrong with such a file.
#[derive(Debug)]
enum Why {
    /// It cannot be read.
    Unreadable(io::Error),
    /// Nothing can be seen in its first line.
    Empty,
    /// Its first line is longer than a password may be.
    TooLong,
    /// It is a pipe or a device, which can be read once.
    NoFile,
    /// The system has no random numbers.
    NoKey,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.why {
            Why::Unreadable(why) => {
                write!(f, "cannot read the room's password from {path}: {}", reason(why))
            }
            Why::Empty => {
                write!(f, "the first line of {path} is empty, and is to be the room's password")
            }
            Why::TooLong => write!(
                f,
                "the first line of {path} is to be the room's password, of at most {LONGEST} bytes"
            ),
            Why::NoFile => {
                write!(f, "cannot read the room's password from {path} again: it is no file")
            }
            Why::NoKey => f.write_str("the system has no random numbers to spare"),
        }
    }
}

impl std::error::Error for Unfit {}

impl From<Unfit> for Problem {
    fn from(unfit: Unfit) -> Problem {
        Problem::Entrance(Box::new(unfit))
    }
}

impl PasswordFile {
    /// Reads the password from there. It waits for a pipe whose writer is there.
    ///
    /// # Errors
    ///
    /// The file has none, or cannot be read.
    pub(super) fn open(path: &Path) -> Result<PasswordFile, Unfit> {
        let password = read(path).and_then(|line| RoomPassword::of_line(&line));
        match password {
            Ok(password) => {
                warn_if_public("the room's password", path);
                Ok(PasswordFile { path: path.to_owned(), password: Mutex::new(password) })
            }
            Err(why) => Err(Unfit { path: path.to_owned(), why }),
        }
    }

    /// Reads it again. A pipe is not waited for.
    ///
    /// # Errors
    ///
    /// The file has none, or cannot be read: the password stays.
    #[cfg(unix)]
    pub(super) fn reload(&self) -> Result<(), Unfit> {
        let is_file = std::fs::metadata(&self.path).map(|found| found.is_file());
        let read = match is_file {
            Ok(true) => read(&self.path).and_then(|line| RoomPassword::of_line(&line)),
            Ok(false) => Err(Why::NoFile),
            Err(why) => Err(Why::Unreadable(why)),
        };
        let password = read.map_err(|why| Unfit { path: self.path.clone(), why })?;
        *self.password.lock().unwrap_or_else(PoisonError::into_inner) = password;
        Ok(())
    }

    /// Whether that is the password; compared in constant time.
    pub(super) fn is(&self, secret: &str) -> bool {
        self.password.lock().unwrap_or_else(PoisonError::into_inner).is(secret)
    }
}

impl RoomPassword {
    /// The password that a line is. A client's line is made safe before it is read, and so is this one: it has to
    /// be one that can be given.
    fn of_line(line: &[u8]) -> Result<RoomPassword, Why> {
        let line = make_safe(line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line));
        match line.trim() {
            unseen if is_blank(unseen) => Err(Why::Empty),
            long if long.len() > LONGEST => Err(Why::TooLong),
            password => RoomPassword::new(password).ok_or(Why::NoKey),
        }
    }

    fn new(password: &str) -> Option<RoomPassword> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &random_bits()?.to_le_bytes());
        let tag = hmac::sign(&key, password.as_bytes());
        Some(RoomPassword { key, tag })
    }

    fn is(&self, secret: &str) -> bool {
        hmac::verify(&self.key, secret.as_bytes(), self.tag.as_ref()).is_ok()
    }
}

/// The first line of a file.
fn read(path: &Path) -> Result<Vec<u8>, Why> {
    let mut bytes = Vec::new();
    let mut file = File::open(path).map_err(Why::Unreadable)?.take(MOST_READ);
    file.read_to_end(&mut bytes).map_err(Why::Unreadable)?;
    let end = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
    bytes.truncate(end.unwrap_or(bytes.len()));
    Ok(bytes)
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;
    use crate::test_folder::Folder;

    /// A file with these bytes, in a folder of its own.
    struct Written {
        path: PathBuf,
        _folder: Folder,
    }

    impl Written {
        fn new(bytes: &[u8]) -> Written {
            let folder = Folder::new();
            let written = Written { path: folder.file("password"), _folder: folder };
            written.write(bytes);
            written
        }

        fn write(&self, bytes: &[u8]) {
            std::fs::write(&self.path, bytes).expect("ours");
        }
    }

    #[test]
    fn the_password_is_the_first_line_as_a_client_can_give_it() {
        for bytes in [
            "open sesame\n",
            "open sesame",
            "open sesame\r\nanother\r\n",
            "  open sesame \t\nsecond",
            "\u{feff}open sesame\n",
        ] {
            let file = Written::new(bytes.as_bytes());
            let password = PasswordFile::open(&file.path).expect("it is one");
            assert!(password.is("open sesame"), "{bytes:?}");
            for wrong in ["", "open", "open sesame ", "Open sesame", "open sesame\n", "second"] {
                assert!(!password.is(wrong), "{wrong:?} for {bytes:?}");
            }
        }
    }

    #[test]
    fn a_file_without_a_password_is_told_with_its_name() {
        let long = "x".repeat(LONGEST + 1);
        for (bytes, told) in [
            ("", " is empty, "),
            (" \t\nsecond\n", " is empty, "),
            ("\u{200b}\u{2800}\n", " is empty, "),
            (&*long, "of at most 128 bytes"),
        ] {
            let file = Written::new(bytes.as_bytes());
            let why = PasswordFile::open(&file.path).map(drop).map_err(|why| why.to_string());
            let why = why.expect_err("it has none");
            assert!(why.contains(told) && why.contains(&*file.path.to_string_lossy()), "{why}");
        }
        let folder = Folder::new();
        let why = PasswordFile::open(folder.path()).map(drop).expect_err("it is a folder");
        assert!(why.to_string().starts_with("cannot read the room's password from "), "{why}");
    }

    #[cfg(unix)]
    #[test]
    fn a_new_password_counts_once_it_is_read_and_an_unfit_one_never() {
        let file = Written::new(b"before\n");
        let password = PasswordFile::open(&file.path).expect("it is one");
        file.write(b"after\n");
        assert!(password.is("before"));
        assert!(password.reload().is_ok());
        assert!(password.is("after") && !password.is("before"));
        file.write(b"\n");
        assert!(password.reload().is_err() && password.is("after"));
        std::fs::remove_file(&file.path).expect("it is there");
        assert!(password.reload().is_err() && password.is("after"));
    }

    #[test]
    fn no_password_is_in_what_is_shown_of_its_file() {
        let file = Written::new(b"open sesame\n");
        let shown = format!("{:?}", PasswordFile::open(&file.path).expect("it is one"));
        assert!(!shown.contains("sesame"), "{shown}");
    }
}
