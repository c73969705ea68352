//! One heap for all threads where the address space is limited (`ulimit -v`).
//!
//! The GNU C library reserves 64 MB of address space for the heap of each thread, up to eight heaps for each
//! processor: six clients use up 400 MB. Only an environment variable changes that, and only before the program
//! begins, so the program begins again.

use std::env;
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::{Resource, getrlimit};

/// The C library's variable for the number of heaps.
const HEAPS: &str = "MALLOC_ARENA_MAX";

/// The C library's variable for all of its settings.
const SETTINGS: &str = "GLIBC_TUNABLES";

/// The variable that says that the program has begun again, which it does once. It has to be one of our own: the
/// C library hides its variable from a program with privileges (setuid).
const AGAIN: &str = "CHATSERVER_BEGAN_AGAIN";

/// Begins the program again, as the same process and with the same arguments, if the address space is limited and
/// that was not done yet. `main` calls it before anything is open or started.
pub fn bound() {
    let is_limited = getrlimit(Resource::As).current.is_some();
    if !is_limited || [HEAPS, SETTINGS, AGAIN].into_iter().any(|it| env::var_os(it).is_some()) {
        return;
    }
    let mut arguments = env::args_os();
    let (Some(name), Ok(program)) = (arguments.next(), env::current_exe()) else { return };
    let mut again = Command::new(program);
    again.arg0(name).args(arguments).env(HEAPS, "1").env(AGAIN, "1");
    // `exec` returns only if it fails, and then fewer clients find a place.
    drop(again.exec());
}
