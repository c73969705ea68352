//! The hook's command: how it is started, told to end, and ended.

use std::ffi::OsString;
use std::io;
use std::process::{Child, Command, Stdio};

/// What every variable of ours begins with. Some name files with secrets, and all of them are for this program: another
/// one of ours, that the command starts, is not meant.
const OURS: &str = "CHATROOM_";

/// The variables of this process that the command does not get.
fn hidden() -> impl Iterator<Item = OsString> {
    let is_ours = |name: &OsString| name.to_string_lossy().starts_with(OURS);
    std::env::vars_os().map(|(name, _)| name).filter(is_ours)
}

/// Starts the command by the shell, in a process group of its own, with pipes to it.
pub(super) fn start(command: &str) -> io::Result<Child> {
    let mut started = by_shell(command);
    for name in hidden() {
        started.env_remove(name);
    }
    started.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
}

#[cfg(unix)]
fn by_shell(command: &str) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", command]);
    // So that Ctrl+C is for the server, which then ends it in its own time.
    std::os::unix::process::CommandExt::process_group(&mut shell, 0);
    shell
}

#[cfg(windows)]
fn by_shell(command: &str) -> Command {
    use std::os::windows::process::CommandExt;
    const CREATE_NEW_PROCESS_GROUP: u32 = 0x200;
    let mut shell = Command::new("cmd");
    shell.args(["/d", "/s", "/c"]).raw_arg(format!("\"{command}\""));
    shell.creation_flags(CREATE_NEW_PROCESS_GROUP);
    shell
}

/// Tells the command, and what it has started, to end. Windows has no word for that.
#[cfg(unix)]
pub(super) fn ask_to_end(child: &Child) {
    signal(child, rustix::process::Signal::TERM);
}

#[cfg(windows)]
pub(super) fn ask_to_end(_: &Child) {}

/// Ends the command, and what it has started and left in its process group.
#[cfg(unix)]
pub(super) fn kill(child: &mut Child) {
    signal(child, rustix::process::Signal::KILL);
}

#[cfg(windows)]
pub(super) fn kill(child: &mut Child) {
    child.kill().ok();
}

/// Nobody has waited for the child, so its number is nobody else's.
#[cfg(unix)]
fn signal(child: &Child, signal: rustix::process::Signal) {
    if let Some(group) = process_id(child) {
        rustix::process::kill_process_group(group, signal).ok();
    }
}

#[cfg(unix)]
fn process_id(child: &Child) -> Option<rustix::process::Pid> {
    i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw)
}

/// Returns what waits until the child has ended, on a thread of its own. It does not take the child's number from it:
/// whoever has the child still may signal it.
#[cfg(unix)]
pub(super) fn waiter(child: &Child) -> impl FnOnce() + Send + 'static {
    use rustix::process::{WaitId, WaitIdOptions, waitid};
    let child = process_id(child);
    move || {
        let Some(child) = child else { return };
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while matches!(waitid(WaitId::Pid(child), options), Err(rustix::io::Errno::INTR)) {}
    }
}
