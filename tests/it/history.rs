//! A room that is kept: what comes back after a restart, and what is read from the file beyond the memory.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::common::folder;
#[cfg(target_os = "linux")]
use crate::common::process::peak_memory;
use crate::common::program::{
    self, Joined, expect_answers, expect_body, expect_events, flood, split,
};
use crate::common::server::{TestClient, TestServer, chatserver};

const KEPT: &str =
    "-- what is said here is kept for up to 90 days; private lines only while you are here";

/// How far memory reaches in these tests, in bytes.
const MEMORY: usize = 1 << 20;

fn start(file: &Path, at: Option<SocketAddr>, options: &[&str]) -> TestServer {
    let port = at.map_or(0, |at| at.port()).to_string();
    let mut command = chatserver();
    command.args(["127.0.0.1", &port, "--rate-limit", "0", "--history"]).arg(file).args(options);
    TestServer::run(&mut command)
}

/// Ends the server without a warning, and starts another one on the same file and port.
fn restart(mut server: TestServer, file: &Path, options: &[&str]) -> TestServer {
    let at = server.address;
    server.kill();
    drop(server);
    start(file, Some(at), options)
}

fn file(test: &str) -> PathBuf {
    folder("history", test).join("room.db")
}

/// A program that is in the room, and has been told that it is kept.
fn join(server: &TestServer, name: &str) -> Joined {
    let mut joined = program::join(server, name);
    expect_answers(&mut joined.client, &[KEPT]);
    joined
}

/// The numbers that were said in what comes until that body.
fn numbers_until(client: &mut TestClient, end: &str) -> Vec<usize> {
    let mut numbers = Vec::new();
    loop {
        let line = client.line().expect("the room goes on");
        let body = body_of(&line);
        assert!(!body.contains("you missed"), "{body}");
        if body == end {
            return numbers;
        }
        let said = body.split_once("<talker> ").and_then(|(_, said)| said.split_once(' '));
        numbers.extend(said.and_then(|(number, _)| number.parse::<usize>().ok()));
    }
}

#[test]
fn a_reader_that_lags_beyond_the_memory_misses_nothing() {
    const LINES: usize = 4 * MEMORY / 1000;
    let memory = MEMORY.to_string();
    let file = file("lags");
    let server = start(&file, None, &["--memory", &memory]);
    for is_program in [true, false] {
        let mut slow = if is_program {
            join(&server, "slow").client
        } else {
            let mut slow = server.join("slower");
            while expect_any(&mut slow) != "-- you are up to date" {}
            slow
        };
        let mut talker = join(&server, "talker");
        flood(&mut talker, 1, LINES);
        talker.client.send("/quit\n");
        let heard = numbers_until(&mut slow, "-- talker left");
        assert_eq!(heard, (1..=LINES).collect::<Vec<_>>());
        slow.send("/quit\n");
    }
    #[cfg(target_os = "linux")]
    assert!(peak_memory(server.id()) < 64 << 20, "{} bytes", peak_memory(server.id()));
}

#[test]
fn a_program_resumes_from_far_beyond_the_memory_also_after_a_restart() {
    const LINES: usize = 2 * MEMORY / 1000;
    let memory = MEMORY.to_string();
    let file = file("resumes");
    let options = ["--memory", &memory];
    let server = start(&file, None, &options);
    let bob = join(&server, "bob");
    let mut talker = join(&server, "talker");
    drop(bob.client);
    flood(&mut talker, 1, LINES);
    talker.client.send("/quit\n");
    while talker.client.line().is_some() {}
    let server = restart(server, &file, &options);
    let mut bob = program::resume(&server, &bob.token, 0);
    expect_answers(&mut bob, &["-- welcome back, bob", "= resumed 1", "= nick bob"]);
    assert_eq!(numbers_until(&mut bob, "-- talker left"), (1..=LINES).collect::<Vec<_>>());
}

#[test]
fn history_and_search_reach_beyond_the_memory() {
    const LINES: usize = 3 * MEMORY / 1000;
    let memory = MEMORY.to_string();
    let file = file("search");
    let server = start(&file, None, &["--memory", &memory]);
    let mut talker = join(&server, "talker");
    talker.client.send("the needle in the haystack\n");
    flood(&mut talker, 2, LINES);
    let mut asker = join(&server, "asker");
    asker.client.send("/search needle\n");
    while expect_any(&mut asker.client) != "-- the newest 1 with \"needle\":" {}
    assert!(expect_any(&mut asker.client).ends_with(" <talker> the needle in the haystack"));
    expect_answers(&mut asker.client, &["-- that is all"]);
    asker.client.send(format!("/history {}\n", LINES + 1));
    let heard = numbers_until(&mut asker.client, "-- you are up to date");
    assert_eq!(heard, (2..LINES + 2).collect::<Vec<_>>());
    asker.client.send("/search nowhere\n");
    expect_answers(&mut asker.client, &["-- nothing with \"nowhere\""]);
}

/// The next line without its tag.
fn expect_any(client: &mut TestClient) -> String {
    body_of(&client.line().expect("a line")).to_owned()
}

/// A line without its tag, if it has one.
fn body_of(line: &str) -> &str {
    if line.starts_with('@') { split(line).1 } else { line }
}

#[test]
fn private_lines_wait_for_a_member_across_a_restart() {
    let file = file("private");
    let server = start(&file, None, &[]);
    let mut alice = join(&server, "alice");
    let bob = join(&server, "bob");
    drop(bob.client);
    server.logs("bob is away");
    alice.client.send("/msg bob psst\n");
    let away = "-- bob is away: your line waits until bob is back";
    while expect_any(&mut alice.client) != away {}
    drop(alice.client);
    let server = restart(server, &file, &[]);
    let mut bob = program::resume(&server, &bob.token, 0);
    expect_answers(&mut bob, &["-- welcome back, bob", "= resumed 1", "= nick bob"]);
    expect_events(&mut bob, &["[alice -> you] psst"]);
}

#[test]
fn a_sender_is_told_after_a_restart_what_was_not_read() {
    let file = file("not_read");
    let options = ["--away-timeout", "2"];
    let server = start(&file, None, &options);
    let mut alice = join(&server, "alice");
    let bob = join(&server, "bob");
    drop(bob.client);
    server.logs("bob is away");
    alice.client.send("/msg bob psst\n/msg bob again\n");
    while expect_any(&mut alice.client) != "+ 3" {}
    drop(alice.client);
    let server = restart(server, &file, &options);
    let mut alice = program::resume(&server, &alice.token, 0);
    expect_answers(&mut alice, &["-- welcome back, alice", "= resumed 3", "= nick alice"]);
    while expect_any(&mut alice) != "-- bob left (connection lost)" {}
    expect_events(&mut alice, &["-- bob did not come back: 2 lines of yours were not read"]);
}

#[test]
fn a_newcomer_is_told_that_the_room_is_kept_before_anything_is_shown_again() {
    let file = file("newcomer");
    let server = start(&file, None, &["--keep", "forever"]);
    let forever = "-- what is said here is kept; private lines only while you are here";
    let mut alice = server.join("alice");
    alice.expect(forever);
    alice.send("hello\n/quit\n");
    alice.expect_end();
    let mut bob = server.connect();
    bob.send("/nick bob\n");
    bob.expect("-- chatroom 1: welcome (/help for the commands)");
    bob.expect("-- you are bob, alone here");
    bob.expect(forever);
    bob.expect("-- the last line:");
    let mut carol = server.connect();
    carol.send("/nick bob\n");
    carol.expect("-- chatroom 1: welcome (/help for the commands)");
    carol.expect_start("-- you are guest");
    carol.expect("!! /nick: the name bob is taken");
    carol.expect(forever);
    let mut program = program::connect(&server);
    program.send("/nick dave\n");
    expect_body(&mut program, |body| body.starts_with("-- you are dave, "));
}

#[test]
fn a_reader_that_the_history_forgets_is_told_exactly_how_many_lines_it_missed() {
    const LINES: usize = 40_000;
    let memory = MEMORY.to_string();
    let file = file("overtaken");
    let server = start(&file, None, &["--memory", &memory, "--keep-size", "16M"]);
    for is_program in [false, true] {
        let mut slow =
            if is_program { join(&server, "slow").client } else { server.join("slower") };
        let mut talker = join(&server, "talker");
        flood(&mut talker, 1, LINES);
        talker.client.send("/quit\n");
        let (mut heard, mut missed) = (0, 0);
        loop {
            let line = slow.line().expect("the room goes on");
            let body = body_of(&line);
            heard += usize::from(body.starts_with("<talker> "));
            if let Some(told) = body.strip_prefix("-- you missed ") {
                missed += told.split(' ').next().and_then(|it| it.parse().ok()).unwrap_or(0);
            }
            if body == "-- talker left" {
                break;
            }
        }
        assert!(missed > 0, "the file holds it all");
        // That the talker joined may be among them.
        assert!([LINES, LINES + 1].contains(&(heard + missed)), "{heard} and {missed}");
        slow.send("/quit\n");
    }
}
