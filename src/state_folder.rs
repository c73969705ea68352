//! The state folder: where both programs keep what outlives a run, unless they are told another place.
//!
//! It follows the XDG Base Directory Specification on Unix, the local application data on Windows, and what systemd
//! has made for a service before both.

use std::ffi::OsString;
use std::fs::DirBuilder;
use std::io;
use std::path::{Path, PathBuf};

/// What the environment says of where programs keep their state. An empty variable is as good as none, and so is a
/// path that depends on where the program was started.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// `STATE_DIRECTORY`: what systemd has made for the service; several folders with colons.
    pub state_directory: Option<OsString>,
    /// `XDG_STATE_HOME`.
    pub xdg_state_home: Option<OsString>,
    /// `HOME`, on Unix.
    pub home: Option<OsString>,
    /// `LOCALAPPDATA`, on Windows.
    pub local_app_data: Option<OsString>,
}

impl Environment {
    /// That of this process.
    #[must_use]
    pub fn of_process() -> Environment {
        let variable = |name| std::env::var_os(name);
        Environment {
            state_directory: variable("STATE_DIRECTORY"),
            xdg_state_home: variable("XDG_STATE_HOME"),
            home: variable("HOME").filter(|_| cfg!(unix)),
            local_app_data: variable("LOCALAPPDATA").filter(|_| cfg!(windows)),
        }
    }

    /// The state folder, which may not be there; `None` if the environment names none.
    #[must_use]
    pub fn state_folder(&self) -> Option<PathBuf> {
        let state = given(self.state_directory.as_ref()).map(|folders| first(&folders));
        let xdg = || given(self.xdg_state_home.as_ref()).map(|folder| folder.join("chatroom"));
        let home = || given(self.home.as_ref()).map(|home| home.join(".local/state/chatroom"));
        let local = || given(self.local_app_data.as_ref()).map(|folder| folder.join("chatroom"));
        state.or_else(xdg).or_else(home).or_else(local)
    }
}

/// The folders that a variable names.
fn given(variable: Option<&OsString>) -> Option<PathBuf> {
    variable.map(PathBuf::from).filter(|folder| folder.has_root())
}

/// The first of several folders.
fn first(folders: &Path) -> PathBuf {
    if cfg!(windows) {
        return folders.to_owned();
    }
    std::env::split_paths(folders).next().unwrap_or_default()
}

/// Makes a folder for its owner alone, and those that it lies in. One that is there stays as it is.
///
/// # Errors
///
/// The system's reason.
pub(crate) fn make(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}
