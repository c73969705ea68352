//! A flood at one server of a shared room, and readers at another one that keep pace but take it more slowly than it comes.
//! Behind the servers is a real Redis.
#![cfg(unix)]

use std::fmt::Write as _;
use std::io::Read;
use std::time::Duration;

use crate::common::DEADLINE;
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
