//! The file `known_servers`: read at each connection, and written by rename while a lock file beside it is locked,
//! so that clients that write at the same time lose nothing of each other's.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use log::warn;

use super::KnownServers;
use crate::client::history::replace;
use crate::private_file::{self, Takes, Unfit};
use crate::state_folder;

/// How large the file may be, in bytes: some thousand servers. A larger one is something else.
const LARGEST: u64 = 1024 * 1024;

/// How long another client may hold the lock, which it does for some microseconds.
const LOCK_WAIT: Duration = Duration::from_secs(2);

/// How long to wait before the lock is tried again.
const LOCK_RETRY: Duration = Duration::from_millis(5);

/// The file.
#[derive(Debug, Clone)]
pub(in crate::client::net) struct KnownServersFile {
    /// Where it is.
    path: PathBuf,
}

impl KnownServersFile {
    /// The file at this path, which may not be there.
    pub(in crate::client::net) fn new(path: PathBuf) -> KnownServersFile {
        KnownServersFile { path }
    }

    /// Where it is.
    pub(in crate::client::net) fn path(&self) -> &Path {
        &self.path
    }

    /// What is known. A file that is not there says nothing.
    ///
    /// # Errors
    ///
    /// It is there, and cannot be read.
    pub(in crate::client::net) fn read(&self) -> io::Result<KnownServers> {
        let found = match fs::metadata(&self.path) {
            Err(why) if why.kind() == ErrorKind::NotFound => return Ok(KnownServers::default()),
            found => found?,
        };
        // A pipe would be waited for.
        if !found.is_file() {
            return Err(Unfit::NoFile.into());
        }
        let mut bytes = Vec::new();
        File::open(&self.path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > LARGEST {
            return Err(ErrorKind::FileTooLarge.into());
        }
        let known = KnownServers::parse(&bytes);
        if known.damaged() > 0 {
            warn!("{}: {} lines cannot be read", self.path.display(), known.damaged());
        }
        Ok(known)
    }

    /// Changes what is known, if `change` says that it did.
    ///
    /// # Errors
    ///
    /// The file cannot be read or written, or somebody else holds its lock; then it is as it was.
    pub(in crate::client::net) fn change(
        &self,
        change: impl FnOnce(&mut KnownServers) -> bool,
    ) -> io::Result<()> {
        if let Some(folder) = self.path.parent() {
            state_folder::make(folder)?;
        }
        // A rename would put a file in the place of the link.
        if fs::symlink_metadata(&self.path).is_ok_and(|found| found.is_symlink()) {
            return Err(Unfit::Link.into());
        }
        let _lock = self.lock()?;
        let mut known = self.read()?;
        if change(&mut known) { replace(&self.path, &known.to_bytes()) } else { Ok(()) }
    }

    /// Locks the lock file until the value is dropped. A system without locks has none to wait for.
    fn lock(&self) -> io::Result<File> {
        let path = self.path.with_extension("lock");
        let file =
            private_file::open(OpenOptions::new().append(true).read(true), &path, Takes::File)?;
        let deadline = Instant::now() + LOCK_WAIT;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                    thread::sleep(LOCK_RETRY);
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(io::Error::new(
                        ErrorKind::TimedOut,
                        "its lock is held by another program",
                    ));
                }
                Err(TryLockError::Error(why)) if why.kind() == ErrorKind::Unsupported => {
                    return Ok(file);
                }
                Err(TryLockError::Error(why)) => return Err(why),
            }
        }
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::super::tests::day;
    use super::super::{Address, Known, Trust};
    use super::*;
    use crate::test_folder::Folder;

    /// A file in a folder that is not there yet.
    struct Place(KnownServersFile, Folder);

    impl Place {
        fn new() -> Place {
            let folder = Folder::new();
            Place(KnownServersFile::new(folder.file("chatroom/known_servers")), folder)
        }

        fn folder(&self) -> PathBuf {
            self.1.file("chatroom")
        }

        fn add(&self, host: &str) -> io::Result<()> {
            let address = Address::new(host, 5000);
            self.0.change(|known| {
                known.add(Known { address, trust: Trust::Ca, since: day("2026-11-28") });
                true
            })
        }
    }

    #[test]
    fn what_is_added_is_there_and_for_its_owner_alone() {
        let place = Place::new();
        assert_eq!(place.0.read().expect("nothing is there").all().count(), 0);
        place.add("a").expect("it can be written");
        place.add("b").expect("it can be written");
        assert_eq!(place.0.read().expect("it is there").all().count(), 2);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode();
            let modes = (mode(&place.0.path) & 0o777, mode(&place.folder()) & 0o777);
            assert_eq!(modes, (0o600, 0o700));
        }
        let names = fs::read_dir(place.folder()).expect("ours").count();
        assert_eq!(names, 2, "the file and its lock");
    }

    #[test]
    fn clients_that_write_at_once_lose_nothing_of_each_others() {
        let place = Place::new();
        thread::scope(|scope| {
            for client in 0..4 {
                let place = &place;
                scope.spawn(move || {
                    for server in 0..10 {
                        place.add(&format!("{client}-{server}")).expect("it can be written");
                    }
                });
            }
        });
        assert_eq!(place.0.read().expect("it is there").all().count(), 40);
    }

    #[test]
    fn a_lock_that_is_never_given_back_is_told() {
        let place = Place::new();
        place.add("a").expect("it can be written");
        let _held = place.0.lock().expect("nobody has it");
        let told = place.add("b").expect_err("it is held").to_string();
        assert_eq!(told, "its lock is held by another program");
        assert_eq!(place.0.read().expect("it is there").all().count(), 1);
    }

    #[test]
    fn a_file_that_is_something_else_is_told_and_left_alone() {
        let place = Place::new();
        fs::create_dir_all(&place.0.path).expect("ours");
        assert!(place.0.read().is_err() && place.add("a").is_err());
        fs::remove_dir(&place.0.path).expect("ours");
        fs::write(&place.0.path, vec![b'#'; LARGEST as usize + 1]).expect("ours");
        assert!(place.0.read().is_err() && place.add("a").is_err());
        assert_eq!(fs::metadata(&place.0.path).expect("it is there").len(), LARGEST + 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_read_and_not_replaced() {
        let place = Place::new();
        place.add("a").expect("it can be written");
        let elsewhere = place.folder().join("elsewhere");
        fs::rename(&place.0.path, &elsewhere).expect("ours");
        std::os::unix::fs::symlink(&elsewhere, &place.0.path).expect("a link");
        assert_eq!(place.0.read().expect("it is there").all().count(), 1);
        let told = place.add("b").expect_err("it is a link").to_string();
        assert_eq!(told, "it is a symbolic link, which is not followed");
    }
}
