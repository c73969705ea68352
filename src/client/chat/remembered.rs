//! What is kept across runs: what was sent, and which servers were joined. The main thread reads it at the
//! start. Where it cannot be kept, the chat goes on, and the user is told.

use std::io;
use std::path::Path;

use log::warn;

use crate::client::config::Config;
use crate::client::editor::Memorable;
use crate::client::history::History;
use crate::client::output::Output;
use crate::client::servers;
use crate::client::terminal::Terminal;
use crate::problem::Problem;

/// What was sent in earlier runs, and the file that it is kept in.
pub(super) fn remembered(
    config: &Config,
    terminal: &Terminal,
) -> (Option<History>, Vec<Memorable>) {
    let Some(path) = &config.history else { return (None, Vec::new()) };
    match History::open(path) {
        Ok((history, sent)) => (Some(history), sent),
        Err(why) => {
            tell_of_lost_history(terminal, path, why);
            (None, Vec::new())
        }
    }
}

pub(super) fn remember_server(config: &Config) {
    let Some(history) = &config.history else { return };
    let path = servers::path(history);
    if let Err(why) = servers::remember(&path, &config.servers) {
        warn!("{} does not take the server's name: {why}", path.display());
    }
}

pub(super) fn tell_of_lost_history(terminal: &Terminal, path: &Path, why: io::Error) {
    let path = path.display().to_string();
    terminal.notice(&Problem::HistoryLost { path, why }.to_string());
}
