//! What the tests of whole programs share.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a lock is poisoned only by a test that has failed")]

use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub mod alice;
pub mod anyone;
pub mod bridge;
pub mod doors;
#[cfg(target_os = "linux")]
pub mod lan;
#[cfg(target_os = "linux")]
pub mod network;
pub mod peer;
pub mod process;
pub mod program;
pub mod proxy;
#[cfg(unix)]
pub mod redis;
#[cfg(target_os = "linux")]
pub mod resources;
pub mod server;
pub mod terminal;
pub mod terminator;
pub mod tls;

/// How long anything may take before a test fails: far longer than it does on a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// Reads on when the system breaks a read off, as Linux does with one that has a timeout when the
/// program, or the machine, has been stopped meanwhile.
pub fn read(from: &mut impl Read, into: &mut [u8]) -> io::Result<usize> {
    loop {
        match from.read(into) {
            Err(why) if why.kind() == ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

/// Reads from a connection that waits for a while: how many bytes came meanwhile, or `None` once it is over.
pub fn read_in_time(from: &mut impl Read, into: &mut [u8]) -> Option<usize> {
    match read(from, into) {
        Ok(0) => None,
        Ok(length) => Some(length),
        Err(why) if [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&why.kind()) => Some(0),
        Err(_) => None,
    }
}

/// An empty folder, for `test` in the file of tests called `file`.
pub fn folder(file: &str, test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(file).join(test);
    std::fs::remove_dir_all(&folder).ok();
    std::fs::create_dir_all(&folder).expect("a folder for the test");
    folder
}
