//! The machine that a program runs on.

/// What it is called, as far as the system tells; nothing makes it safe to be shown.
pub(crate) fn name() -> String {
    #[cfg(unix)]
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    #[cfg(not(unix))]
    let name = std::env::var("COMPUTERNAME").unwrap_or_default();
    name
}
