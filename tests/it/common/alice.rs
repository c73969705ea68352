//! Alice, who chats in a terminal with a server that the test plays.

use std::path::Path;

use super::peer::{Conversation, Peer};
use super::process::client_program;
use super::terminal::Terminal;

pub const CLIENT: &str = env!("CARGO_BIN_EXE_chatclient");

/// Starts a client for her, with these options.
pub fn start(
    folder: &Path,
    peer: &Peer,
    (columns, rows): (u16, u16),
    options: &[&str],
) -> Terminal {
    let [host, port] = peer.arguments();
    let client = client_program();
    let program = [&[&client, &host, &port, "--name", "alice"], options].concat();
    Terminal::start(columns, rows, folder, &program)
}

/// A client in a terminal, connected and known as alice, beside `others`.
pub fn alice(
    folder: &Path,
    size: (u16, u16),
    options: &[&str],
    others: &[&str],
) -> (Terminal, Conversation, Peer) {
    let peer = Peer::listen();
    let mut terminal = start(folder, &peer, size, options);
    let server = peer.accept_person("alice", others);
    terminal.shows_what("the prompt", |rows| rows.lines().last() == Some("alice> |"));
    (terminal, server, peer)
}

/// The same under a shell that shows the state of the terminal before and after.
#[cfg(unix)]
pub fn alice_under_a_shell(folder: &Path, options: &str) -> (Terminal, Conversation, Peer) {
    let peer = Peer::listen();
    let [host, port] = peer.arguments();
    let script = format!(
        "stty -g >before; '{CLIENT}' {host} {port} --name alice {options}; echo status=$?; \
         stty -g >after; cmp before after && echo restored"
    );
    let terminal = Terminal::start(80, 8, folder, &["sh", "-c", &script]);
    let server = peer.accept_person("alice", &[]);
    (terminal, server, peer)
}
