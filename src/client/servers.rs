//! Which servers were joined in a terminal, kept in a file beside the history: the shells' completions
//! offer them. One `HOST` or `HOST:PORT`, or several with commas, a line, the last one joined at the end.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::config::ServerAddress;
use super::history::{open, replace};
use crate::state_folder;

/// How many are kept.
const MOST: usize = 50;

/// Where the file is, beside this history.
pub(super) fn path(history: &Path) -> PathBuf {
    history.with_file_name("servers")
}

/// Puts a server, or the servers of one room, at the end of the file, in the form in which the client takes them.
///
/// # Errors
///
/// The file cannot be read or written, or it is none of one's own: a link, say.
pub(super) fn remember(path: &Path, servers: &[ServerAddress]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        state_folder::make(folder)?;
    }
    let server = servers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let mut bytes = Vec::new();
    open(path)?.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let mut servers: Vec<&str> = text.lines().filter(|line| *line != server).collect();
    if text.lines().next_back() == Some(server.as_str()) {
        return Ok(());
    }
    servers.drain(..servers.len().saturating_sub(MOST - 1));
    servers.push(&server);
    replace(path, (servers.join("\n") + "\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::test_folder::Folder;

    #[test]
    fn each_server_is_kept_once_and_the_last_one_stands_at_the_end() {
        let folder = Folder::new();
        let path = path(&folder.file("chatroom/history"));
        let server = |host: &str, port| ServerAddress { host: host.to_owned(), port };
        let join_all = |servers: &[_]| remember(&path, servers).expect("it can be written");
        let join = |host: &str, port| join_all(&[server(host, port)]);
        for (host, port) in [("a", 5000), ("b", 6000), ("::1", 6000), ("::1", 5000), ("a", 5000)] {
            join(host, port);
        }
        let kept = || fs::read_to_string(&path).expect("it is there");
        assert_eq!(kept(), "b:6000\n[::1]:6000\n::1\na\n");
        join_all(&[server("a", 5000), server("::1", 6000)]);
        assert!(kept().ends_with("\na\na,[::1]:6000\n"), "{}", kept());
        (1..=60).for_each(|i| join(&format!("host{i}"), 5000));
        assert_eq!(kept().lines().count(), MOST);
        assert!(kept().starts_with("host11\n") && kept().ends_with("\nhost60\n"), "{}", kept());
    }
}
