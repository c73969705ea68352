//! The log: what strangers do fills no disk, what is written goes to a file of one's own, and its times
//! are the clock's on the wall.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use crate::common::peer::Peer;
use crate::common::process::{at_home, client_program, end, run, signal, spawn};
use crate::common::program::join;
use crate::common::server::{TestServer, chatserver};
use chrono::{DateTime, Datelike};

fn folder(test: &str) -> PathBuf {
    crate::common::folder("logs", test)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

#[test]
fn strangers_who_come_and_go_do_not_fill_the_log() {
    const VISITS: usize = 400;
    let server = TestServer::start(&["--max-clients", "3", "--rate-limit", "0"]);
    let _first = server.join("first");
    let farewell = "ü".repeat(2000);
    for visit in 0..VISITS {
        let mut visitor = server.connect();
        visitor.send(format!("/nick n{visit}\n/nick m{visit}\n/quit {farewell}\n"));
        while visitor.line().is_some() {}
    }
    let log = server.log_up_to(" more came or went in the last ");
    let sum = log.last().expect("it ends so");
    assert!(sum.contains("[INFO ] … and "), "{sum}");
    let moves = log.iter().filter(|line| line.contains(" joined from ") || line.contains(" left"));
    // A hundred at once and ten a second more.
    assert!(moves.count() < VISITS, "{}", log.len());
    let longest = log.iter().map(String::len).max().expect("there are some");
    assert!(longest < 300, "a farewell is bounded: {longest}");
    let mut server = server;
    signal("-TERM", server.id());
    assert_eq!(server.status(), Some(0));
    let rest = server.rest_of_the_log();
    let end: Vec<_> = rest.iter().rev().take(1).filter_map(|it| it.split("] ").nth(1)).collect();
    assert_eq!(end, ["chatserver has ended"]);
}

#[test]
fn all_that_is_said_is_logged_where_that_is_asked_for() {
    let server = TestServer::start(&["-v", "--rate-limit", "0"]);
    let mut alice = server.join("alice");
    let said: String = (0..500).map(|number| format!("{number}\n")).collect();
    alice.send(said + "/quit\n");
    let log = server.log_up_to("alice left");
    let said = log.iter().filter(|line| line.contains("[DEBUG] <alice> ")).count();
    assert_eq!(said, 500);
}

#[test]
fn nobody_is_away_once_the_server_shuts_down() {
    let mut server = TestServer::start(&[]);
    let alice = join(&server, "alice");
    let bob = server.join("bob");
    signal("-TERM", server.id());
    assert_eq!(server.status(), Some(0));
    drop((alice, bob));
    let log = server.log_up_to("shutting down");
    assert!(log.len() >= 4, "{log:#?}");
    let rest = server.rest_of_the_log();
    let texts: Vec<_> = rest.iter().filter_map(|line| Some(line.split_once("] ")?.1)).collect();
    assert_eq!(texts, ["chatserver has ended"]);
}

#[test]
fn a_server_writes_to_no_link_and_makes_its_log_private() {
    let folder = folder("server");
    let [file, link, target] = ["log", "link", "target"].map(|name| folder.join(name));
    fs::write(&target, "mine\n").expect("ours");
    symlink(&target, &link).expect("a link");
    let path = link.display().to_string();
    let (status, _, err) = run(chatserver().args(["127.0.0.1", "0", "--log-file", &path]));
    let told = format!(
        "chatserver: cannot write the log {path}: it is a symbolic link, which is not followed; name \
         another file\n"
    );
    assert_eq!((status, err), (Some(1), told));
    assert_eq!(fs::read_to_string(&target).expect("ours"), "mine\n");
    fs::write(&file, "before\n").expect("ours");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).expect("ours");
    let mut server = TestServer::start(&["--log-file", &file.display().to_string()]);
    signal("-TERM", server.id());
    assert_eq!(server.status(), Some(0));
    assert_eq!(mode(&file), 0o600);
    assert!(fs::read_to_string(&file).expect("ours").starts_with("before\n"));
}

#[test]
fn a_client_writes_what_others_say_to_no_link_and_no_file_that_others_read() {
    let folder = folder("client");
    let peer = Peer::listen();
    let say = |text: &str| {
        let mut client = Command::new(client_program());
        client.args(peer.arguments()).args(["--name", "alice", "--listen"]);
        at_home(&mut client, &folder);
        client.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let client = spawn(&mut client);
        let mut server = peer.accept_as("alice");
        server.say_raw(text);
        server.close();
        end(client).2
    };
    let [log, target] = ["client.log", "profile"].map(|name| folder.join(name));
    fs::write(&target, "").expect("ours");
    symlink("profile", &log).expect("a link");
    let told = say("* mallory ; rm -rf ~\n");
    let start = "chatclient: cannot write the log client.log: it is a symbolic link, which is not \
                 followed; going on without it\n";
    assert!(told.starts_with(start), "{told}");
    assert_eq!(fs::read_to_string(&target).expect("ours"), "");
    fs::remove_file(&log).expect("ours");
    fs::write(&log, "").expect("ours");
    fs::set_permissions(&log, fs::Permissions::from_mode(0o644)).expect("ours");
    say("* mallory waves\n");
    assert_eq!(mode(&log), 0o600);
    assert!(fs::read_to_string(&log).expect("ours").contains("mallory waves"));
}

/// The seconds since 1970.
fn clock() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    since.as_secs() as i64
}

#[test]
fn the_times_follow_the_clocks_change() {
    // In a zone whose summer time begins in a second, by a rule as in POSIX (TZ, 8.3).
    let change = clock() + 2;
    let at = DateTime::from_timestamp(change, 0).expect("a time");
    if at.ordinal0() >= 363 {
        return; // The next day it is tried.
    }
    let zone = format!("AAA0BBB-1,{}/{},364/23:59:59", at.ordinal0(), at.format("%T"));
    let server = TestServer::run(chatserver().args(["127.0.0.1", "0"]).env("TZ", zone));
    server.join("before");
    while clock() <= change {
        std::thread::sleep(Duration::from_millis(20));
    }
    server.join("after");
    let log = server.log_up_to("after joined");
    let offsets = log.iter().map(|line| &line[23..29]);
    assert!(offsets.clone().all(|offset| ["+00:00", "+01:00"].contains(&offset)), "{log:#?}");
    assert!(offsets.is_sorted(), "{log:#?}");
    assert!(log.last().expect("it is there").contains("+01:00 "), "{log:#?}");
}
