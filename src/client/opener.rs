//! Opening an address with whatever the system opens addresses with. No shell sees it.

use std::env;
use std::fmt;
use std::process::{Child, Command, Stdio};

use super::compose::without_password;

/// Why an address is not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotOpened {
    /// The user sits somewhere else, or there is nothing that shows pages.
    NoDisplay,
    /// This program is not there.
    NoProgram(&'static str),
}

impl fmt::Display for NotOpened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotOpened::NoDisplay => write!(f, "there is no display here to open it on"),
            NotOpened::NoProgram(program) => {
                write!(f, "there is no {program} here to open it with")
            }
        }
    }
}

/// What opens addresses, with what stands before the address.
pub(super) const PROGRAM: (&str, &[&str]) = if cfg!(windows) {
    ("rundll32", &["url.dll,FileProtocolHandler"])
} else if cfg!(target_os = "macos") {
    ("open", &[])
} else {
    ("xdg-open", &[])
};

/// Opens an address. What opens it says nothing in the terminal, and stays when the terminal goes.
///
/// # Errors
///
/// It cannot be opened here.
pub(super) fn open(address: &str) -> Result<Child, NotOpened> {
    if !has_display(|name| env::var(name).ok().filter(|value| !value.is_empty())) {
        return Err(NotOpened::NoDisplay);
    }
    let (program, arguments) = PROGRAM;
    let mut command = without_password(program);
    command.args(arguments).arg(address);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    leave_terminal(&mut command);
    command.spawn().map_err(|_| NotOpened::NoProgram(program))
}

/// Whether a page that is opened here is seen by whoever asks for it.
fn has_display(env: impl Fn(&str) -> Option<String>) -> bool {
    if cfg!(any(windows, target_os = "macos")) {
        return env("SSH_CONNECTION").is_none();
    }
    // An X server that ssh passes on is the user's own.
    ["WAYLAND_DISPLAY", "DISPLAY"].into_iter().any(|name| env(name).is_some())
}

/// The terminal's signals are not for it.
#[cfg(unix)]
fn leave_terminal(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    command.process_group(0);
}

/// It has none of its own to be in.
#[cfg(windows)]
fn leave_terminal(_: &mut Command) {}
