//! A flood at one server of a shared room, and readers at another one that keep pace but take it more slowly than it comes.
//! Behind the servers is a real Redis.
#![cfg(unix)]

use std::fmt::Write as _;
use std::io::Read;
use std::time::Duration;

use crate::common::DEADLINE;
use crate::common::process::signal;
use crate::common::program::{self, Joined, resume, split};
use crate::common::redis::RedisServer;
use crate::common::server::{TestServer, chatserver};

/// More than the servers remember, with all that systems hold for a connection.
const LINES: usize = 60_000;

fn start(redis: &RedisServer) -> TestServer {
    let url = redis.url("lobby");
    let options = ["--history", "none", "--memory", "1M", "--rate-limit", "0"];
    TestServer::run(chatserver().args(options).args(["--shared", &url, "127.0.0.1", "0"]))
}

#[test]
fn readers_that_keep_pace_miss_nothing_of_a_flood_at_another_server() {
    let Some(redis) = RedisServer::start(&[]) else { return };
    let servers = [start(&redis), start(&redis)];
    let mut reader = servers[1].join("reader");
    let mut flooder = servers[0].join("flooder");
    flooder.send("now\n");
    reader.skip_to("<flooder> now\n");
    let mut stream = &reader.stream;
    stream.set_read_timeout(Some(DEADLINE)).expect("a socket has a time");
    let socket = socket2::SockRef::from(&reader.stream);
    socket.set_recv_buffer_size(64 * 1024).expect("a socket has a buffer");
    let sending = std::thread::spawn(move || {
        let filler = "x".repeat(80);
        for block in 0..LINES / 100 {
            let mut text = String::new();
            for line in block * 100..(block + 1) * 100 {
                writeln!(text, "{line} {filler}").expect("a String takes all");
            }
            flooder.send(text);
        }
        flooder
    });
    let last = format!("<flooder> {} ", LINES - 1);
    let is_over = |heard: &[u8]| {
        let end = &heard[heard.len().saturating_sub(200)..];
        heard.ends_with(b"\n") && end.windows(last.len()).any(|part| part == last.as_bytes())
    };
    let (mut heard, mut part) = (Vec::new(), vec![0; 16 * 1024]);
    while !is_over(&heard) {
        // At two megabytes a second, which is less than comes.
        std::thread::sleep(Duration::from_millis(8));
        let read = stream.read(&mut part).expect("more comes");
        assert!(read > 0, "the server has hung up");
        heard.extend_from_slice(&part[..read]);
    }
    sending.join().expect("all was sent");
    let heard = String::from_utf8(heard).expect("all of it is text");
    let (said, told): (Vec<&str>, Vec<&str>) =
        heard.lines().partition(|line| line.starts_with("<flooder> "));
    let number = |line: &&str| line.split(' ').nth(1)?.parse().ok();
    let unlike = said.iter().map(number).zip(0..).find(|(line, at)| *line != Some(*at));
    assert!(unlike.is_none() && said.len() == LINES, "{} lines, {unlike:?}, {told:?}", said.len());
}

/// The number in a line like that, between what is before and behind it.
#[track_caller]
fn number_in(line: &str, (before, behind): (&str, &str)) -> usize {
    let number = line.split_once(before).and_then(|(_, rest)| Some(rest.split_once(behind)?.0));
    let number = number.and_then(|number| number.parse().ok());
    number.unwrap_or_else(|| panic!("no {before:?} in {line:?}"))
}

#[test]
fn whoever_is_at_a_server_that_wakes_behind_the_log_is_told_of_the_gap_or_resumes_before_it() {
    const LINES: usize = 20_000;
    const SAID: (&str, &str) = ("<flooder> ", " ");
    let Some(redis) = RedisServer::start(&[]) else { return };
    let servers = [start(&redis), start(&redis)];
    let mut plain = servers[1].join("plain");
    let Joined { client: mut program, token } = program::join(&servers[1], "program");
    let mut flooder = servers[0].join("flooder");
    flooder.send("now\n");
    plain.skip_to("<flooder> now\n");
    let seen = loop {
        let line = program.line().expect("it is said");
        if let (Some(seq), "<flooder> now") = split(&line) {
            break seq;
        }
    };
    signal("-STOP", servers[1].id());
    flooder.skip_to("-- plain left (connection lost)\n");
    // More than the log has.
    let filler = "x".repeat(80);
    for line in 0..LINES {
        flooder.send(format!("{line} {filler}\n"));
    }
    flooder.send("/who\n");
    flooder.skip_to("-- 2 here: flooder, program (away)\n");
    signal("-CONT", servers[1].id());

    let mut before = String::new();
    let first = loop {
        let line = plain.line().expect("it stays");
        if line.starts_with("<flooder> ") {
            break number_in(&line, SAID);
        }
        before = line;
    };
    let missed = ("-- you missed ", " lines (this server was too slow)");
    assert!(first > 0 && number_in(&before, missed) == first, "{before:?} before {first}");
    let again = loop {
        let line = plain.line().expect("it stays");
        if line.ends_with(", and you have joined again") {
            break line;
        }
    };
    assert!(number_in(&again, ("-- the room was away for ", " s, ")) >= 6, "{again:?}");

    while let Some(line) = program.line() {
        assert!(!line.contains("<flooder> "), "{line:?} is from behind the gap");
    }
    let mut program = resume(&servers[0], &token, seen);
    let (mut missed, mut next) = (None, None);
    while next != Some(LINES) {
        let line = program.line().expect("it is served");
        if line.ends_with(" lines (you were away)") {
            missed = Some(number_in(&line, ("-- you missed ", " lines")));
        } else if line.contains("<flooder> ") {
            let number = number_in(&line, SAID);
            // One line more has said that a member left.
            let expected = next.or(missed.map(|missed| missed - 1));
            assert_eq!(Some(number), expected, "{line:?}");
            next = Some(number + 1);
        }
    }
}
