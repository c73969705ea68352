//! The state folder: where both programs keep what outlives a run, unless they are told another place. And the
//! folder of their users' configuration.
//!
//! Both follow the XDG Base Directory Specification on Unix, as terminal programs do on macOS, too, and the application
//! data on Windows. What systemd has made for a service comes before that.

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
    /// `XDG_CONFIG_HOME`.
    pub xdg_config_home: Option<OsString>,
    /// `APPDATA`, on Windows.
    pub app_data: Option<OsString>,
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
            xdg_config_home: variable("XDG_CONFIG_HOME"),
            app_data: variable("APPDATA").filter(|_| cfg!(windows)),
        }
    }

    /// The user's home, which a path in a configuration file may begin at.
    #[must_use]
    pub fn home(&self) -> Option<PathBuf> {
        given(self.home.as_ref())
    }

    /// The folder of the configuration, which may not be there; `None` if the environment names none.
    #[must_use]
    pub fn config_folder(&self) -> Option<PathBuf> {
        let xdg = given(self.xdg_config_home.as_ref());
        let home = || self.home().map(|home| home.join(".config"));
        let roaming = || given(self.app_data.as_ref());
        xdg.or_else(home).or_else(roaming).map(|folder| folder.join("chatroom"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_is_in_its_users_folder() {
        // Absolute on each platform.
        let root = std::env::temp_dir();
        let folder = |name: &str| Some(root.join(name).into_os_string());
        let environment = Environment {
            xdg_config_home: folder("xdg"),
            home: folder("home"),
            app_data: folder("roaming"),
            ..Environment::default()
        };
        let found = |it: &Environment| it.config_folder();
        assert_eq!(found(&environment), Some(root.join("xdg").join("chatroom")));
        // The specification has relative paths count as none.
        for none in [None, Some("".into()), Some("relative".into())] {
            let environment = Environment { xdg_config_home: none, ..environment.clone() };
            let expected = root.join("home").join(".config").join("chatroom");
            assert_eq!(found(&environment), Some(expected));
            let environment = Environment { home: None, ..environment };
            assert_eq!(found(&environment), Some(root.join("roaming").join("chatroom")));
        }
        assert_eq!(found(&Environment::default()), None);
    }
}
