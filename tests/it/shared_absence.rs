//! Who comes to a room that several servers share while its store does not answer: what they are told, under which name
//! they are there once it does, and that nobody is left behind. Behind the servers is a real Redis.
#![cfg(unix)]

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use crate::common::folder;
use crate::common::process::{at_home, client_program, end, signal, spawn};
use crate::common::program::connect;
use crate::common::redis::RedisServer;
use crate::common::server::{TestClient, TestServer, chatserver};

const AT_DOOR: &str = "-- the room is away: you come in when it is back";

const BACK: &str = "-- the room is back";

fn start(redis: &RedisServer) -> TestServer {
    let url = redis.url("lobby");
    TestServer::run(chatserver().args(["--history", "none", "--shared", &url, "127.0.0.1", "0"]))
}

/// What comes up to a line that ends so.
#[track_caller]
fn up_to(client: &mut TestClient, end: &str) -> Vec<String> {
    let mut lines = Vec::new();
    while lines.last().is_none_or(|line: &String| !line.ends_with(end)) {
        lines.push(client.line().unwrap_or_else(|| panic!("no {end:?} in {lines:?}")));
    }
    lines
}

/// How many of these lines end so.
fn count(lines: &[String], body: &str) -> usize {
    lines.iter().filter(|line| line.ends_with(body)).count()
}

#[test]
fn whoever_has_no_name_is_told_once_that_the_room_is_away_and_not_that_it_is_back() {
    let Some(redis) = RedisServer::start(&[]) else { return };
    let server = start(&redis);
    let mut watcher = server.join("watcher");
    redis.stop();
    // They come before anybody knows.
    let (mut named, mut silent, mut program) =
        (server.connect(), server.connect(), connect(&server));
    named.send("/nick early\n");
    program.send("/nick program\n");
    for client in [&mut named, &mut silent, &mut program] {
        up_to(client, AT_DOOR);
    }
    let mut late = server.connect();
    late.send("/nick late\n");
    up_to(&mut late, AT_DOOR);
    redis.go_on();
    up_to(&mut watcher, BACK);
    late.send("over\n");
    for client in [&mut named, &mut silent, &mut program] {
        let heard = up_to(client, "<late> over");
        assert_eq!(count(&heard, AT_DOOR), 0, "{heard:?}");
    }
    late.send("/who\n");
    let heard = up_to(&mut late, "-- 5 here: early, guest1, late, program, watcher");
    assert_eq!((count(&heard, AT_DOOR), count(&heard, BACK)), (0, 0), "{heard:?}");
}

#[test]
fn a_program_that_goes_before_it_has_its_name_leaves_nobody_behind() {
    const EARLY_LEFT: &str = "-- early left (connection lost)";
    let Some(redis) = RedisServer::start(&[]) else { return };
    let servers = [start(&redis), start(&redis)];
    let mut watcher = servers[0].join("watcher");
    redis.stop();
    // It has asked before the room is known to be away, and what it asked may be with the store.
    let mut program = connect(&servers[0]);
    program.send("/nick early\n");
    up_to(&mut program, AT_DOOR);
    drop(program);
    // This one asks after that, and comes again elsewhere.
    servers[1].logs("shared: the room is away");
    let [mut program, mut again] = servers.each_ref().map(|server| {
        let mut client = server.connect();
        up_to(&mut client, AT_DOOR);
        client.send("/tags\n/nick una\n");
        client
    });
    program.finish();
    while program.line().is_some() {}
    redis.go_on();
    let heard = up_to(&mut watcher, "-- una joined");
    if count(&heard, "-- early joined") > count(&heard, EARLY_LEFT) {
        up_to(&mut watcher, EARLY_LEFT);
    }
    again.send("/who\n");
    up_to(&mut again, "-- 2 here: una, watcher");
}

#[test]
fn a_client_that_comes_while_the_room_is_away_stays_where_it_got_its_name() {
    let Some(redis) = RedisServer::start(&[]) else { return };
    let servers = [start(&redis), start(&redis)];
    let mut watcher = servers[0].join("watcher");
    redis.stop();
    up_to(&mut watcher, "what you say is kept until it is back");
    for server in &servers {
        let mut visitor = server.connect();
        up_to(&mut visitor, AT_DOOR);
    }
    let mut client = Command::new(client_program());
    at_home(&mut client, &folder("shared_absence", "stays"));
    client.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let list = servers.each_ref().map(|server| server.address.to_string()).join(",");
    client.args([&list, "--log-level", "off", "--no-identity", "--name", "una"]);
    let mut una = spawn(&mut client);
    let mut lines = BufReader::new(una.stdout.take().expect("it is piped")).lines();
    let mut shown_up_to = |end: &str| {
        let mut lines = lines.by_ref().map(|line| line.expect("it is text"));
        lines.find(|line| line.ends_with(end)).unwrap_or_else(|| panic!("no {end:?}"))
    };
    // The last server that was asked is waited at.
    shown_up_to(AT_DOOR);
    redis.go_on();
    up_to(&mut watcher, "-- una joined");
    // Longer than a room that is away is waited for.
    std::thread::sleep(std::time::Duration::from_secs(6));
    watcher.send("still there?\n");
    shown_up_to("<watcher> still there?");
    una.stdin.take().expect("it is piped").write_all(b"yes\n").expect("it reads");
    let heard = up_to(&mut watcher, "-- una left");
    assert_eq!(count(&heard, "<una> yes"), 1, "{heard:?}");
    let (status, _, err) = end(una);
    assert_eq!(status, Some(0), "{err}");
    assert_eq!(err.matches("does not reach the room").count(), servers.len(), "{err}");
}

#[test]
fn a_server_that_stood_still_says_so_and_blames_no_store() {
    let Some(redis) = RedisServer::start(&[]) else { return };
    let servers = [start(&redis), start(&redis)];
    let mut plain = servers[0].join("plain");
    let mut watcher = servers[1].join("watcher");
    signal("-STOP", servers[0].id());
    up_to(&mut watcher, "-- plain left (connection lost)");
    signal("-CONT", servers[0].id());
    up_to(&mut watcher, "-- plain joined");
    up_to(&mut plain, "and you have joined again");
    let log = servers[0].log_up_to("the room is back");
    let seconds = |before: &str, behind: &str| {
        let told = log.iter().find_map(|line| line.split_once(before)?.1.split_once(behind));
        let (number, _) = told.unwrap_or_else(|| panic!("no {before:?} in {log:#?}"));
        number.parse::<u64>().expect("it is a number")
    };
    assert!(seconds("this server has not run for ", " s, as if it had been stopped; ") >= 5);
    assert!(seconds("declared dead after ", " s without a sign of life; ") >= 6);
    assert!(!log.iter().any(|line| line.contains("does not answer")), "{log:#?}");
}
