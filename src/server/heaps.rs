//! Where the address space is limited (`ulimit -v`), one heap for all threads together.
//!
//! The GNU C library reserves 64 MB of address space for a heap of each thread, up to eight for each
//! processor: of 400 MB nothing is left after six clients. It can be told so only by an environment
//! variable, and before a program begins, so the program begins again.

use std::env;
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::{Resource, getrlimit};

/// The C library's variable, and the one for all of its settings.
const HEAPS: &str = "MALLOC_ARENA_MAX";
const SETTINGS: &str = "GLIBC_TUNABLES";

/// Set when the program has begun again, which it does once: one with privileges of its own does not get
/// the other variable.
const AGAIN: &str = "CHATSERVER_BEGAN_AGAIN";

/// Begins the program again, as the same process and with the same arguments, if that is of use and was
/// not done yet. It is to be called before anything is open or started.
pub fn bound() {
    let is_limited = getrlimit(Resource::As).current.is_some();
    if !is_limited || [HEAPS, SETTINGS, AGAIN].into_iter().any(|it| env::var_os(it).is_some()) {
        return;
    }
    let mut arguments = env::args_os();
    let (Some(name), Ok(program)) = (arguments.next(), env::current_exe()) else { return };
    let mut again = Command::new(program);
    again.arg0(name).args(arguments).env(HEAPS, "1").env(AGAIN, "1");
    // It returns only if that is impossible, and then fewer clients find a place.
    drop(again.exec());
}
