//! Order, as `nc` alone keeps it: an operator in the room, and members who do not want to go.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::common::folder;
use crate::common::process::{at_home, client_program, end, spawn};
use crate::common::server::{TestClient, TestServer, chatserver};

const PASSWORD: &str = "correct horse battery";

/// A server with a history there, whose operator is alice.
fn start(history: &Path) -> TestServer {
    let mut command = chatserver();
    command.args([
        "127.0.0.1",
        "0",
        "--operator",
        "alice",
        "--replay",
        "0",
        "--proxy",
        "127.0.0.1",
    ]);
    TestServer::run(command.arg("--history").arg(history))
}

/// A client that a proxy says to be from that address, and that has said this.
fn from(server: &TestServer, address: &str, first: &str) -> TestClient {
    let mut client = server.connect();
    client.send(format!("PROXY TCP4 {address} 198.51.100.1 4000 5000\r\n{first}\n"));
    client
}

/// The operator, who is on the server's machine: the name is claimed, or had by its password.
fn operator(server: &TestServer, first: &str) -> TestClient {
    let mut alice = from(server, "127.0.0.1", first);
    until(&mut alice, "; private lines only while you are here");
    alice
}

fn claimed(server: &TestServer) -> TestClient {
    let mut alice = operator(server, "/nick alice");
    alice.send(format!("/register {PASSWORD}\n"));
    until(&mut alice, "alice is protected by your password now");
    alice
}

/// Passes over the lines up to one that ends so.
#[track_caller]
fn until(client: &mut TestClient, end: &str) {
    while !client.line().unwrap_or_else(|| panic!("no {end:?}")).ends_with(end) {}
}

/// What a client gets up to the end of its connection.
fn rest(client: &mut TestClient) -> Vec<String> {
    std::iter::from_fn(|| client.line()).collect()
}

#[test]
fn who_is_removed_is_out_though_it_does_not_go_and_may_come_back() {
    let server = start(&folder("order", "kick").join("room.db"));
    let mut alice = claimed(&server);
    let mut bob = from(&server, "192.0.2.7", "/nick bob");
    alice.expect("-- bob joined");
    bob.send("/kick alice\n");
    until(&mut bob, "!! only operators can do that");
    alice.send("/kick bob too loud\n");
    alice.expect("-- bob was removed by alice: too loud");
    // It neither closes nor reads, and what it says is nobody's.
    bob.send("I am here still\n");
    let mut carol = from(&server, "192.0.2.8", "/nick bob");
    alice.expect("-- bob joined");
    carol.send("the name is free\n");
    alice.expect("<bob> the name is free");
    assert_eq!(
        rest(&mut bob).last().map(String::as_str),
        Some("!! you were removed by alice: too loud")
    );
    alice.send("/quit\n");
    let log = server.log_up_to("alice left");
    let told: Vec<_> =
        log.iter().filter(|line| line.contains(" bob") && !line.contains("joined")).collect();
    assert!(
        matches!(&told[..], [only] if only.ends_with("alice (operator) removed bob: too loud")),
        "{log:#?}"
    );
}

#[test]
fn a_ban_is_by_the_address_and_outlives_the_server_and_ends_by_itself() {
    let history = folder("order", "ban").join("room.db");
    let mut server = start(&history);
    let mut alice = claimed(&server);
    let mut bob = from(&server, "192.0.2.7", "/nick bob");
    alice.expect("-- bob joined");
    alice.send("/ban bob 1h spam\n/ban 203.0.113.0/24 1s\n");
    alice.expect("-- bob was banned by alice for 1 hour: spam");
    alice.expect("-- 203.0.113.0/24 was banned by alice for 1 s");
    let last = rest(&mut bob).pop().expect("it is told why");
    assert!(last.starts_with("!! you are banned until 2") && last.ends_with(": spam"), "{last}");
    server.kill();
    server = start(&history);
    // In place of the banner, whatever the name.
    let told = rest(&mut from(&server, "192.0.2.7", "/nick robert"));
    assert!(
        matches!(&told[..], [only] if only.starts_with("!! you are banned until 2")),
        "{told:?}"
    );
    until(&mut from(&server, "192.0.2.8", "/nick carol"), "-- you are carol, alone here");
    // The other one is over.
    let start = Instant::now();
    while rest(&mut from(&server, "203.0.113.5", "/quit"))[0].starts_with("!! ") {
        assert!(start.elapsed() < Duration::from_secs(10), "it does not end");
        thread::sleep(Duration::from_millis(100));
    }
    let mut alice = operator(&server, &format!("/login alice {PASSWORD}"));
    alice.send("/bans\n/unban bob\n");
    alice.expect("-- 1 ban:");
    assert!(alice.expect_start("-- banned: bob until 2").ends_with(" (alice: spam)"));
    alice.expect("-- bob may come back");
    let mut bob = from(&server, "192.0.2.7", "/nick bob");
    until(&mut bob, "; private lines only while you are here");
}

#[test]
fn who_is_banned_by_the_name_has_no_thread_though_it_does_not_go() {
    let server = start(&folder("order", "name").join("room.db"));
    let mut alice = claimed(&server);
    let bob = from(&server, "127.0.0.1", "/nick bob");
    alice.expect("-- bob joined");
    alice.send("/ban bob\n");
    alice.expect("-- bob was banned by alice");
    alice.expect("-- bob is banned by the name alone: the address is nobody's own");
    let mut again = from(&server, "127.0.0.1", "/nick B0B");
    until(&mut again, "!! you are banned");
    again.expect_end();
    drop((bob, again));
}

#[test]
fn what_is_erased_is_gone_for_who_comes_and_who_searches() {
    let server = start(&folder("order", "erase").join("room.db"));
    let mut alice = claimed(&server);
    let mut bob = from(&server, "192.0.2.7", "/nick bob");
    alice.expect("-- bob joined");
    bob.send("buy now\n/me sells\n/msg alice buy here\n");
    alice.expect("<bob> buy now");
    alice.expect("* bob sells");
    alice.expect("[bob -> you] buy here");
    alice.send("hello\n/erase bob\n");
    alice.expect("-- 3 lines of bob were erased by alice");
    alice.send("/history\n/search buy\n");
    alice.expect("-- the last line:");
    assert!(alice.line().expect("a line").ends_with(" <alice> hello"));
    alice.expect("-- you are up to date");
    alice.expect("-- nothing with \"buy\"");
}

#[test]
fn a_topic_and_a_mute_are_for_those_who_come_too() {
    let server = start(&folder("order", "mute").join("room.db"));
    let mut alice = claimed(&server);
    alice.send("/topic release on Friday\n/topic\n");
    alice.expect("-- alice set the topic: release on Friday");
    alice.expect("-- topic: release on Friday");
    let mut bob = from(&server, "192.0.2.7", "/nick bob");
    alice.expect("-- bob joined");
    until(&mut bob, "-- topic: release on Friday");
    alice.send("/mute bob 10m loud\n");
    alice.expect("-- bob cannot speak for 10 min (alice: loud)");
    bob.expect("-- bob cannot speak for 10 min (alice: loud)");
    bob.send("one\n/me two\n/msg alice three\n/nick four\n/quit\n");
    for _ in 0..4 {
        let refusal = bob.expect_start("!! you cannot speak for ");
        assert!(refusal.ends_with(" min more (alice: loud)"), "{refusal}");
    }
    bob.expect_end();
    alice.expect("-- bob left");
    let mut robert = from(&server, "192.0.2.7", "/nick robert");
    alice.expect("-- robert joined");
    robert.send("it is me\n");
    until(&mut robert, " min more (alice: loud)");
    alice.send("/unmute robert\n");
    alice.expect("-- robert can speak again");
    until(&mut robert, "-- robert can speak again");
    robert.send("thank you\n");
    alice.expect("<robert> thank you");
}

/// chatclient of the person whose home that is, as alice.
fn client(server: &TestServer, home: &Path, options: &[&str]) -> Command {
    let mut command = Command::new(client_program());
    at_home(&mut command, home).args(["--name", "alice", "--log-level", "off"]).args(options);
    command.args([server.address.ip().to_string(), server.address.port().to_string()]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

#[test]
fn an_owner_whose_client_was_killed_has_its_name_again_at_once_and_missed_nothing() {
    let server = TestServer::start(&["--replay", "0"]);
    let home = folder("order", "ghost");
    let mut bob = server.join("bob");
    let mut speaking = spawn(&mut client(&server, &home, &[]));
    let mut input = speaking.stdin.take().expect("it is piped");
    input.write_all(b"mine\n").expect("it reads");
    drop(input);
    bob.expect("-- alice joined");
    bob.expect("<alice> mine");
    assert_eq!(end(speaking).0, Some(0));
    bob.expect("-- alice left");
    let mut listening = spawn(&mut client(&server, &home, &["--listen"]));
    bob.expect("-- alice joined");
    listening.kill().expect("it runs");
    listening.wait().expect("it was killed");
    server.logs("alice is away");
    bob.send("/msg alice psst\n");
    bob.expect("[you -> alice] psst");
    bob.expect("-- alice is away: your line waits until alice is back");
    // The others are told nothing, and it has what was said meanwhile.
    let mut back = spawn(&mut client(&server, &home, &["--listen"]));
    server.logs("alice joined");
    bob.send("/msg alice again\n/who\n");
    bob.expect("[you -> alice] again");
    bob.expect("-- 2 here: alice*, bob");
    let out = BufReader::new(back.stdout.take().expect("it is piped"));
    let lines: Vec<String> = out.lines().map_while(Result::ok).take(4).collect();
    let heard: Vec<&str> = lines.iter().map(String::as_str).collect();
    assert_eq!(
        heard[1..],
        ["-- you are alice, with 1 other here", "[bob -> you] psst", "[bob -> you] again"]
    );
    back.kill().expect("it runs");
    back.wait().expect("it was killed");
}
