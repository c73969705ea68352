//! `chatclient` in a terminal when the connection is lost.

mod common;

use std::path::PathBuf;

use common::alice::{alice, start};
use common::peer::{BANNER, Peer};

const SIZE: (u16, u16) = (90, 10);

fn folder(name: &str) -> PathBuf {
    common::folder("client_reconnect", name)
}

#[test]
fn a_lost_connection_is_made_again_under_the_same_name_and_nothing_typed_is_lost() {
    let (mut terminal, mut server, peer) = alice(&folder("again"), SIZE, &[], &[]);
    server.say("-- you are now alicia\n-- the server is shutting down\n");
    terminal.press("half a l");
    terminal.shows(&["-- the server is shutting down", "alicia> half a l|"]);
    let address = peer.address();
    drop(peer);
    server.close();
    terminal.shows_what("it is said, and tried again", |rows| {
        rows.contains("-- lost the connection to 127.0.0.1:")
            && rows.contains("; trying again\n-- cannot connect to 127.0.0.1:")
            && rows.contains("\nalicia (reconnecting in ")
    });
    terminal.press("ine\rsecond\r");
    terminal.shows_what("what waits", |rows| {
        rows.contains("-- waiting to be sent: half a line\n-- waiting to be sent: second\n")
    });
    let peer = Peer::listen_at(address);
    let mut server = peer.accept_person("alicia", &[]);
    server.hear("half a line\nsecond\n");
    terminal.shows_what("the end of it", |rows| {
        rows.contains("-- connected again to 127.0.0.1:")
            && rows.ends_with(
                "-- you are alicia, alone here\n<alicia> half a line\n<alicia> second\nalicia> |",
            )
    });
    terminal.press("third\r");
    server.hear("third\n");
}

#[test]
fn the_first_attempt_is_made_at_once_and_a_full_room_is_tried_again() {
    let (mut terminal, server, peer) = alice(&folder("full"), SIZE, &[], &[]);
    server.close();
    let mut server = peer.accept();
    server.say("!! the room is full (100 clients)\n");
    server.close();
    terminal.shows_what("the reason", |rows| {
        rows.contains(" does not let us in: the room is full (100 clients); trying again")
    });
    let _server = peer.accept_person("alice", &[]);
    terminal.shows(&["-- you are alice, alone here", "alice> |"]);
}

#[test]
fn a_server_that_breaks_down_again_and_again_is_not_asked_in_a_hurry() {
    let (mut terminal, server, peer) = alice(&folder("again_and_again"), SIZE, &[], &[]);
    server.close();
    peer.accept_person("alice", &[]).close();
    terminal.shows_what("it waits", |rows| rows.contains("\nalice (reconnecting in 1 s)> |"));
}

#[test]
fn who_leaves_while_away_leaves_at_once_and_is_told_what_was_not_sent() {
    for (keys, test) in [("\x03", "ctrl_c"), ("/quit\r", "quit"), ("\x04", "ctrl_d")] {
        let (mut terminal, server, peer) = alice(&folder(test), SIZE, &[], &[]);
        drop(peer);
        server.close();
        terminal.shows_what("it is away", |rows| rows.contains("alice (reconnecting"));
        terminal.press("one\rtwo\r");
        terminal.press(keys);
        assert_eq!(terminal.ends(), 0, "{test}");
        terminal.shows_what(test, |rows| rows.contains("-- the last 2 lines were not sent"));
    }
}

#[test]
fn the_name_that_is_kept_is_the_one_that_was_wanted() {
    let peer = Peer::listen();
    let mut terminal = start(&folder("wanted"), &peer, SIZE, &[]);
    let mut server = peer.accept();
    server.say(BANNER);
    server.hear("/nick alice\n");
    server.say("-- you are guest1, with 1 other here\n!! /nick: the name alice is taken\n");
    server.hear("/nick alice2\n");
    server.say("-- you are now alice2\n");
    server.hear("/who\n");
    terminal.shows(&["-- you are now alice2", "alice2> |"]);
    server.close();
    peer.accept_as("alice");
}

#[test]
fn without_reconnecting_a_lost_connection_is_the_end() {
    let (mut terminal, server, _peer) = alice(&folder("no"), SIZE, &["--no-reconnect"], &[]);
    server.close();
    assert_eq!(terminal.ends(), 1);
    terminal.shows_what("the reason", |rows| {
        rows.contains("chatclient: lost the connection to 127.0.0.1:")
    });
}

#[test]
fn a_first_connection_that_fails_is_the_end() {
    let peer = Peer::listen();
    let mut terminal = start(&folder("first"), &peer, SIZE, &[]);
    peer.accept().close();
    assert_eq!(terminal.ends(), 1);
}
