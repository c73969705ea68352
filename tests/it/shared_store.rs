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

/// The same, with the room's number in place of `ROOM`. Redis puts it there: it may be any bytes.
fn put_as_the_rooms(redis: &RedisServer, group: &str) -> String {
    let script = "local id = redis.call('HGET', KEYS[1], 'id'):sub(1, 16) \
                  local room = id:gsub('..', function(it) return string.char(tonumber(it, 16)) end) \
                  local from, to = ARGV[1]:find('ROOM', 1, true) \
                  local group = ARGV[1]:sub(1, from - 1) .. room .. ARGV[1]:sub(to + 1) \
                  return redis.call('XADD', KEYS[2], '*', 'g', group)";
    redis.ask(&["EVAL", script, "2", META, LOG, group]).trim().to_owned()
}

/// A group with one entry of this kind, from a server that nobody knows.
fn group_of_kind(kind: u8) -> String {
    let mut bytes = vec![1, 0];
    bytes.extend(b"ROOM");
    for number in [7_u64, 7, 1, 0, 0] {
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
    let higher_version = ("\u{2}\0ROOManything".to_owned(), "version 2, and this one reads 1");
    let higher_kind = (group_of_kind(100), "kind 100, and this one reads up to 23");
    for (newer, form) in [higher_version, higher_kind] {
        let Some(redis) = RedisServer::start(&[]) else { return };
        let mut servers = [start(&redis), start(&redis)];
        let mut clients = [servers[0].join("alice"), servers[1].join("bob")];
        let at = put_as_the_rooms(&redis, &newer);
        for (server, client) in servers.iter_mut().zip(&mut clients) {
            until(client, TOO_OLD);
            while let Some(line) = client.line() {
                assert_eq!(line, "-- the server is shutting down");
            }
            assert_eq!(server.status(), Some(1));
            let log = server.rest_of_the_log();
            let told = format!(
                "shared: the room's other servers need a newer chatserver by now (the entry {at} has \
                 {form}); update this one"
            );
            assert_eq!(count(&log, &told), 1, "{log:#?}");
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
    for poison in ["", "\0", "\u{1}no group", "garbage", "more garbage than that"] {
        put(&redis, poison);
    }
    for poison in [&cut[..cut.len() - 1], &cut] {
        put_as_the_rooms(&redis, poison);
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

/// A server that is not to begin, and the last line that it says.
fn refused(redis: &RedisServer) -> (Option<i32>, String) {
    let url = redis.url("lobby");
    let (status, _, told) = run(chatserver().args(["127.0.0.1", "0", "--shared", &url]));
    (status, told.lines().last().unwrap_or_default().to_owned())
}

#[test]
fn settings_that_are_changed_while_servers_run_are_those_of_servers_that_begin_later() {
    let Some(redis) = RedisServer::start(&[]) else { return };
    let mut first = start(&redis);
    let mut alice = first.join("alice");
    let other = "chatserver: the running servers of the shared room lobby have other settings than \
                 its Redis: stop all of them first, or set those back in chatroom:{lobby}:meta";
    redis.ask(&["HSET", META, "operators", "bob"]);
    assert_eq!(refused(&redis), (Some(2), other.to_owned()));
    redis.ask(&["HSET", META, "operators", ""]);
    let mut second = start(&redis);
    let mut bob = second.join("bob");
    bob.send("one\n");
    until(&mut alice, "<bob> one");
    redis.ask(&["HSET", META, "away_timeout", "120"]);
    assert_eq!(refused(&redis), (Some(2), other.to_owned()));
    // Those that are dead without anybody's knowledge keep nobody away for long.
    for server in [&mut first, &mut second] {
        signal("-KILL", server.id());
        server.status();
    }
    let third = start(&redis);
    let mut carol = third.join("carol");
    carol.send("/who\n");
    until(&mut carol, "-- 1 here: carol");
}

#[test]
fn a_server_invents_no_settings_for_a_room_that_has_a_log() {
    let Some(redis) = RedisServer::start(&[]) else { return };
    let first = start(&redis);
    let mut alice = first.join("alice");
    redis.ask(&["DEL", META]);
    let told = "chatserver: the shared room lobby has a log in Redis, and no id: somebody has removed \
                chatroom:{lobby}:meta; write that back, or stop all its servers and remove \
                chatroom:{lobby}:log and chatroom:{lobby}:snaps, too";
    assert_eq!(refused(&redis), (Some(1), told.to_owned()));
    assert_eq!(redis.ask(&["HGETALL", META]).trim(), "", "it changes nothing there");
    alice.send("/who\n");
    until(&mut alice, "-- 1 here: alice");
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
    until(&mut carol, "-- the room is away: you come in when it is back");
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

/// What the system trusts is named by this variable on Unix.
const AUTHORITIES: &str = "SSL_CERT_FILE";

#[test]
fn authorities_are_read_once_and_none_of_the_systems_if_one_is_named() {
    let Some((redis, port)) = RedisServer::start_with_tls(&["--tls-auth-clients", "no"]) else {
        return;
    };
    let url = format!("rediss://localhost:{port}/lobby");
    let authority = redis.folder().join("ca.pem");
    let over_tls = || {
        let mut command = chatserver();
        command.args(["127.0.0.1", "0", "--history", "none", "--shared", &url]);
        command
    };
    let no_authority = redis.folder().join("missing.pem");
    let mut named = over_tls();
    named.env(AUTHORITIES, no_authority).arg("--shared-ca").arg(&authority);
    let servers =
        [TestServer::run(&mut named), TestServer::run(over_tls().env(AUTHORITIES, &authority))];
    let [mut ann, mut bob] = [servers[0].join("ann"), servers[1].join("bob")];
    until(&mut ann, "-- bob joined");
    // Whoever needs them once more finds nothing.
    std::fs::remove_file(&authority).expect("it is there");
    redis.ask(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    ann.send("is anybody there?\n");
    until(&mut bob, "<ann> is anybody there?");
    bob.send("yes\n");
    until(&mut ann, "<bob> yes");
}
