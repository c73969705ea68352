//! A program that runs to its end.

use std::ffi::OsString;
use std::io::{Error, Read};
use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use super::DEADLINE;

/// A host name that no resolver has to be asked for: a part of it is longer than the 63 bytes that
/// the DNS knows (RFC 1035, 2.3.4).
pub const UNKNOWN_HOST: &str =
    "a-name-with-a-part-that-is-longer-than-the-sixty-three-bytes-it-may-have.invalid";

/// `chatserver` as built for these tests, or the one that `CHATROOM_TEST_SERVER` names: a build for
/// another system, which `scripts/platforms` tries with this system's.
pub fn server_program() -> String {
    program("CHATROOM_TEST_SERVER", env!("CARGO_BIN_EXE_chatserver"))
}

/// The same for `chatclient` and `CHATROOM_TEST_CLIENT`.
pub fn client_program() -> String {
    program("CHATROOM_TEST_CLIENT", env!("CARGO_BIN_EXE_chatclient"))
}

fn program(variable: &str, built: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| built.to_owned())
}

/// The variables that say where a client keeps what outlives it, and where it looks for its configuration.
pub const HOMES: [&str; 5] =
    ["HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "LOCALAPPDATA", "APPDATA"];

/// Has a client run in that folder, which is its home.
pub fn at_home<'a>(command: &'a mut Command, folder: &Path) -> &'a mut Command {
    for name in HOMES {
        command.env(name, folder);
    }
    command.current_dir(folder)
}

/// Keeps from a program what the environment of the tests says of the arguments.
pub fn without_our_variables(command: &mut Command) {
    for variable in our_variables() {
        command.env_remove(variable);
    }
}

/// The environment's variables that stand for arguments.
pub fn our_variables() -> impl Iterator<Item = OsString> {
    let names = std::env::vars_os().map(|(name, _)| name);
    names.filter(|name| name.to_string_lossy().starts_with("CHATROOM_"))
}

/// A program that a test has started. Dropped, also by a test that fails, it is ended and waited for.
#[derive(Debug)]
pub struct Running(pub Child);

impl Deref for Running {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.0
    }
}

impl DerefMut for Running {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.0
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // One that has ended cannot be killed, and one that was waited for is not waited for again.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Starts a program.
#[track_caller]
pub fn spawn(command: &mut Command) -> Running {
    // ERROR_INTERNAL_ERROR: wine, when it is busy, does not start every program at the first try.
    let is_wines = |why: &Error| cfg!(windows) && why.raw_os_error() == Some(1359);
    for _ in 0..10 {
        match command.spawn() {
            Err(why) if is_wines(&why) => thread::sleep(Duration::from_millis(500)),
            started => return Running(started.expect("the program starts")),
        }
    }
    panic!("no program starts here");
}

/// Runs a program to its end, and gives its status, output and complaints.
#[track_caller]
pub fn run(command: &mut Command) -> (Option<i32>, String, String) {
    end(spawn(command))
}

/// Waits for a program to end by itself, and gives its status, output and complaints.
#[track_caller]
pub fn end(mut child: Running) -> (Option<i32>, String, String) {
    let status = wait(&mut child);
    let read = |pipe: Option<&mut dyn Read>| {
        let mut text = String::new();
        pipe.map(|pipe| pipe.read_to_string(&mut text));
        text
    };
    let out = read(child.stdout.as_mut().map(|pipe| pipe as &mut dyn Read));
    let err = read(child.stderr.as_mut().map(|pipe| pipe as &mut dyn Read));
    (status.code(), out, err)
}

#[track_caller]
pub fn wait(child: &mut Child) -> ExitStatus {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(status) = child.try_wait().expect("it is our child") {
            return status;
        }
        if Instant::now() > deadline {
            child.kill().ok();
            panic!("the program does not end");
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until a file that is being written has `part` in it.
#[track_caller]
pub fn wait_for_text(path: &Path, part: &str) {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        if text.contains(part) {
            return;
        }
        assert!(Instant::now() < deadline, "no {part:?} in {text:?}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Sends a signal, such as `-TERM`, to a process of the test's.
#[cfg(unix)]
pub fn signal(signal: &str, process: u32) {
    let status = Command::new("kill").args([signal, &process.to_string()]).status();
    assert!(status.expect("there is a kill").success());
}

/// The most memory that a process has had at a time, in bytes.
#[cfg(target_os = "linux")]
pub fn peak_memory(process: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = peak.and_then(|peak| peak.trim().strip_suffix(" kB")).expect(&status);
    1024 * kilobytes.parse::<usize>().expect("a number")
}

/// Asserts that a process does nothing: that no thread of it is woken for a second.
///
/// # Panics
///
/// It has not found rest within the deadline.
#[cfg(target_os = "linux")]
#[track_caller]
pub fn assert_never_wakes(process: u32) {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let before = switches(process);
        thread::sleep(Duration::from_secs(1));
        let after = switches(process);
        if before == after {
            return;
        }
        // A busy machine may have given it its last work only now.
        assert!(Instant::now() < deadline, "{before:#?}\n{after:#?}");
    }
}

/// What a process holds of the system.
#[cfg(target_os = "linux")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holdings {
    pub descriptors: usize,
    pub threads: usize,
}

#[cfg(target_os = "linux")]
pub fn holdings(process: u32) -> Holdings {
    let count =
        |what| std::fs::read_dir(format!("/proc/{process}/{what}")).expect("it runs").count();
    Holdings { descriptors: count("fd"), threads: count("task") }
}

/// How many threads a server keeps for the next clients, at most.
pub const SPARE_THREADS: usize = 8;

/// Waits until a server holds no more of the system than that, but for spare threads.
#[cfg(target_os = "linux")]
#[track_caller]
pub fn expect_holdings(process: u32, expected: Holdings) {
    let deadline = Instant::now() + DEADLINE;
    let threads = expected.threads..=expected.threads + SPARE_THREADS;
    let are_as_expected = |held: Holdings| {
        held.descriptors == expected.descriptors && threads.contains(&held.threads)
    };
    while !are_as_expected(holdings(process)) {
        assert!(Instant::now() < deadline, "{:?} and not {expected:?}", holdings(process));
        thread::sleep(Duration::from_millis(10));
    }
}

/// How much memory of its own a process has, in KB.
#[cfg(target_os = "linux")]
pub fn resident(process: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).expect("Linux has it");
    line.split_whitespace().nth(1).and_then(|it| it.parse().ok()).expect("a number")
}

/// How often each thread of a process has been put to sleep, or kept from running.
#[cfg(target_os = "linux")]
fn switches(process: u32) -> Vec<String> {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).expect("it runs");
    let status = |thread: std::io::Result<std::fs::DirEntry>| {
        let path = thread.expect("a thread").path();
        let status = std::fs::read_to_string(path.join("status")).unwrap_or_default();
        let counts = status.lines().filter(|line| line.contains("ctxt_switches"));
        format!("{}: {}", path.display(), counts.collect::<Vec<_>>().join(" "))
    };
    threads.map(status).collect()
}
