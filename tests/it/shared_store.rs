//! What the servers of a room do when their store has something in it that they cannot read, or takes nothing any more.
//! Behind them is a real Redis.
#![cfg(unix)]

use crate::common::forwarder::Forwarder;
use crate::common::process::{run, signal};
use crate::common::redis::RedisServer;
use crate::common::server::{TestClient, TestServer, chatserver};

const LOG: &str = "chatroom:{lobby}:log";

const META: &str = "chatroom:{lobby}:meta";

const TOO_OLD: &str = "-- this server is too old for the room: connect to another one";

const AWAY: &str = "-- the room is away: what you say is kept until it is back";

fn start(redis: &RedisServer) -> TestServer {
    start_at(&redis.url("lobby"))
}

fn start_at(url: &str) -> TestServer {
    TestServer::run(chatserver().args(["127.0.0.1", "0", "--shared", url]))
}

/// Puts something into the room's log that no server of this version writes.
fn put(redis: &RedisServer, group: &str) {
    redis.ask(&["XADD", LOG, "*", "g", group]);
}

/// A group with one entry of this kind, from a server that nobody knows.
fn group_of_kind(kind: u8) -> String {
    let mut bytes = vec![1, 0];
    for number in [7_u64, 7, 7, 1, 0, 0] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.push(kind);
    bytes.extend([0; 4 + 8 + 4]);
    String::from_utf8(bytes).expect("all of it is ASCII")
}

/// Passes over what comes up to this line.
#[track_caller]
fn until(client: &mut TestClient, expected: &str) {
    while client.line().unwrap_or_else(|| panic!("it ends without {expected:?}")) != expected {}
}

/// How many of these lines have this in them.
fn count(lines: &[String], part: &str) -> usize {
    lines.iter().filter(|line| line.contains(part)).count()
}

#[test]
fn servers_that_are_too_old_for_what_another_one_writes_tell_their_clients_and_end() {
    let higher_version = "\u{2}anything".to_owned();
    for newer in [higher_version, group_of_kind(100)] {
        let Some(redis) = RedisServer::start(&[]) else { return };
        let mut servers = [start(&redis), start(&redis)];
        let mut clients = [servers[0].join("alice"), servers[1].join("bob")];
        put(&redis, &newer);
        for (server, client) in servers.iter_mut().zip(&mut clients) {
            until(client, TOO_OLD);
            while let Some(line) = client.line() {
                assert_eq!(line, "-- the server is shutting down");
            }
            assert_eq!(server.status(), Some(1));
            let log = server.rest_of_the_log();
            let told =
                "shared: the room's other servers need a newer chatserver by now; update this one";
            assert_eq!(count(&log, told), 1, "{log:#?}");
        }
    }
}

#[test]
fn a_room_of_a_newer_format_is_not_begun() {
    let Some(redis) = RedisServer::start(&[]) else { return };
    redis.ask(&["HSET", META, "format", "2"]);
    let url = redis.url("lobby");
    let (status, out, told) = run(chatserver().args(["127.0.0.1", "0", "--shared", &url]));
    let expected = "chatserver: the shared room lobby needs a newer chatserver (format 2, this one \
                    reads 1); update this one\n";
    assert_eq!((status, out.as_str()), (Some(1), ""));
    assert!(told.ends_with(expected), "{told}");
    assert_eq!(redis.ask(&["HGETALL", META]), "format\n2\n", "it changes nothing there");
}

#[test]
fn what_is_no_group_is_passed_over_by_all_servers_alike_and_told_once() {
    let Some(redis) = RedisServer::start(&[]) else { return };
    let mut servers = vec![start(&redis), start(&redis)];
    let (mut alice, mut bob) = (servers[0].join("alice"), servers[1].join("bob"));
    until(&mut alice, "-- bob joined");
    alice.send("one\n");
    until(&mut bob, "<alice> one");
    // The last one is a group but for its end.
    let cut = group_of_kind(3);
    for poison in ["", "\0", "\u{1}no group", &cut[..cut.len() - 1], &cut] {
        put(&redis, poison);
    }
    redis.ask(&["XADD", LOG, "*", "another", "program's"]);
    bob.send("two\n");
    until(&mut alice, "<bob> two");
    // A server that begins meets all of that, too.
    servers.push(start(&redis));
    let mut carol = servers[2].join("carol");
    carol.send("three\n/who\n");
    until(&mut carol, "-- 3 here: alice, bob, carol");
    until(&mut alice, "<carol> three");
    until(&mut bob, "<carol> three");
    for server in &mut servers {
        signal("-TERM", server.id());
        assert_eq!(server.status(), Some(0));
        let log = server.rest_of_the_log();
        let told = "is none of a room's, and is passed over; more of them are not told";
        assert_eq!(count(&log, told), 1, "{log:#?}");
    }
}

/// The store is changed so that it takes nothing, and back. Meanwhile alice talks, and her server's log has the reason.
fn is_away_and_comes_back(change: &[&str], back: &[&str], reason: &str) {
    let Some(redis) = RedisServer::start(&["--maxmemory-policy", "noeviction"]) else { return };
    let (one, two) = (start(&redis), start(&redis));
    let (mut alice, mut bob) = (one.join("alice"), two.join("bob"));
    until(&mut alice, "-- bob joined");
    redis.ask(change);
    alice.send("while it is away\n");
    until(&mut alice, AWAY);
    one.logs(&format!("shared: the room is away: {reason}"));
    two.logs(&format!("shared: the room is away: {reason}"));
    // Reading goes on, also for somebody who comes now.
    alice.send("/who\n");
    until(&mut alice, "-- 2 here: alice, bob");
    let mut carol = one.connect();
    until(&mut carol, "-- the room is away: you join when it is back");
    carol.send("/nick carol\n");
    redis.ask(back);
    one.logs("shared: the room is back after");
    two.logs("shared: the room is back after");
    // Where it can be written and not read, she is there before it is back.
    let mut left = vec!["-- carol joined", "-- the room is back"];
    while !left.is_empty() {
        let line = alice.line().expect("the room goes on");
        left.retain(|it| *it != line);
    }
    alice.send("since it is back\n");
    let mut heard = Vec::new();
    while heard.last().is_none_or(|line| line != "<alice> since it is back") {
        heard.push(bob.line().expect("the room goes on"));
    }
    assert_eq!([AWAY, "-- the room is back"].map(|told| count(&heard, told)), [1, 1], "{heard:?}");
    heard.retain(|line| line.starts_with('<'));
    assert_eq!(heard, ["<alice> while it is away", "<alice> since it is back"]);
}

#[test]
fn a_store_without_memory_is_away_until_it_has_some() {
    is_away_and_comes_back(
        &["CONFIG", "SET", "maxmemory", "1"],
        &["CONFIG", "SET", "maxmemory", "0"],
        "Redis is out of memory; raise its maxmemory",
    );
}

#[test]
fn a_store_that_takes_our_right_to_write_away_is_away_until_it_gives_it_back() {
    is_away_and_comes_back(
        &["ACL", "SETUSER", "default", "-xadd"],
        &["ACL", "SETUSER", "default", "+xadd"],
        "Redis refuses us (NOPERM); give the user the rights that docs/SHARED.md lists",
    );
}

#[test]
fn a_store_that_takes_our_right_to_read_away_is_away_until_it_gives_it_back() {
    is_away_and_comes_back(
        &["ACL", "SETUSER", "default", "-xread", "-xrange"],
        &["ACL", "SETUSER", "default", "+xread", "+xrange"],
        "Redis refuses us (NOPERM); give the user the rights that docs/SHARED.md lists",
    );
}

#[test]
fn a_store_that_was_deposed_and_does_not_know_it_is_left() {
    let Some(old) = RedisServer::start(&[]) else { return };
    let wire = Forwarder::start(old.address());
    let server = start_at(&format!("redis://{}/lobby", wire.address));
    let (mut alice, mut bob) = (server.join("alice"), server.join("bob"));
    until(&mut alice, "-- bob joined");
    let new = RedisServer::start(&[]).expect("there is one already");
    new.ask(&["REPLICAOF", "127.0.0.1", &old.port.to_string()]);
    new.wait_for(&["INFO", "replication"], "master_link_status:up");
    new.ask(&["REPLICAOF", "NO", "ONE"]);
    wire.lead_others_to(new.address());
    // It takes nothing without a replica, and can be read as before.
    old.ask(&["CONFIG", "SET", "min-replicas-to-write", "1"]);
    alice.send("to the new one\n");
    until(&mut bob, "<alice> to the new one");
    assert_eq!(old.ask(&["INFO", "replication"]).lines().nth(1), Some("role:master"));
}
