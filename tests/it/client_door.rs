//! `chatclient` and a server that does not let it in as it is: a ban, a removal, a password.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::common::alice::{alice, start};
use crate::common::peer::Peer;
use crate::common::process::{client_program, end, spawn, without_our_variables};

const SIZE: (u16, u16) = (80, 12);

fn folder(name: &str) -> PathBuf {
    crate::common::folder("client_door", name)
}

/// A client in a pipe, which would be called alice and listens.
fn filter(test: &str, peer: &Peer, options: &[&str]) -> Command {
    let mut command = Command::new(client_program());
    command.current_dir(folder(test)).args(peer.arguments()).args(["--name", "alice"]);
    command.args(["--reconnect", "--listen"]).args(options);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    without_our_variables(&mut command);
    command
}

/// Asserts that no further connection is made.
fn assert_nobody_comes(peer: &Peer) {
    assert!(!peer.has_somebody_within(Duration::from_millis(300)), "it comes back");
}

#[test]
fn who_is_banned_ends_with_the_servers_words_and_does_not_come_back() {
    let why = "you are banned until 2026-12-05 14:00: flooding";
    let peer = Peer::listen();
    let child = spawn(&mut filter("banned", &peer, &[]));
    let mut server = peer.accept();
    server.say(&format!("!! {why}\n"));
    server.close();
    let told = format!("chatclient: {}: {why}\n", peer.address());
    assert_eq!(end(child), (Some(1), String::new(), told));
    assert_nobody_comes(&peer);
    let mut terminal = start(&folder("banned"), &peer, SIZE, &[]);
    let mut server = peer.accept();
    server.say("!! you are banned\n");
    assert_eq!(terminal.ends(), 1);
    let told = format!("chatclient: {}: you are banned", peer.address());
    terminal.shows_what("why", |rows| rows.contains(&told));
    assert_nobody_comes(&peer);
}

#[test]
fn who_is_removed_ends_with_the_servers_words_and_does_not_come_back() {
    let why = "you were removed by the operator: flooding";
    let peer = Peer::listen();
    let child = spawn(&mut filter("removed", &peer, &["--quiet"]));
    let mut server = peer.accept_as("alice");
    server.say(&format!("<bob> bye\n!! {why}\n"));
    server.close();
    let told = format!("chatclient: {}: {why}\n", peer.address());
    assert_eq!(end(child), (Some(1), "<bob> bye\n".to_owned(), told));
    assert_nobody_comes(&peer);
    let (mut terminal, mut server, peer) = alice(&folder("removed"), SIZE, &[], &["bob"]);
    server.say(&format!("<bob> bye\n!! {why}\n"));
    assert_eq!(terminal.ends(), 1);
    let told = format!("<bob> bye\nchatclient: {}: {why}", peer.address());
    terminal.shows_what("why", |rows| rows.contains(&told));
    assert_nobody_comes(&peer);
}

#[test]
fn a_ban_of_a_name_is_told_at_its_login() {
    let (mut terminal, mut server, peer) = alice(&folder("login"), SIZE, &[], &[]);
    terminal.press("/login bob hunter2\r");
    server.hear("/login bob hunter2\n");
    server.say("!! you are banned: flooding\n");
    assert_eq!(terminal.ends(), 1);
    terminal.shows_what("why", |rows| rows.contains(": you are banned: flooding"));
    assert_nobody_comes(&peer);
}
