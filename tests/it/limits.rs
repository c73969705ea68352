//! The room's limits: at each of them, below it and above it. The hundred clients, and one address's
//! part of them, are in `room.rs`.

#[cfg(target_os = "linux")]
use std::collections::BTreeSet;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::common::program;
#[cfg(target_os = "linux")]
use crate::common::resources::Process;
use crate::common::server::{TestClient, TestServer};
use crate::common::{DEADLINE, read};
use socket2::{Domain, Socket, Type};

const TOO_LONG: &str = "!! that line was too long and was not sent: the most is 4096 bytes";

/// Lines of so many bytes, of narrow and of wide characters.
fn lines_of(bytes: usize) -> Vec<String> {
    ["x", "\u{e9}", "\u{65e5}", "\u{1f600}"]
        .into_iter()
        .map(|wide| "x".repeat(bytes % wide.len()) + &wide.repeat(bytes / wide.len()))
        .collect()
}

#[test]
fn a_line_of_4096_bytes_is_said_and_one_of_4097_is_not_whatever_its_characters_and_its_end() {
    let server = TestServer::start(&[]);
    let mut alice = server.join("alice");
    let mut plain = server.join("plain");
    alice.expect("-- plain joined");
    for end in ["\n", "\r\n"] {
        for text in [4095, 4096].into_iter().flat_map(lines_of) {
            plain.send(text.clone() + end);
            alice.expect(&format!("<plain> {text}"));
        }
        for text in lines_of(4097) {
            plain.send(text + end);
            plain.expect(TOO_LONG);
        }
    }
    plain.send("/who\n");
    plain.expect("-- 2 here: alice, plain");
    // The end of a client's input is a line's end, too.
    for (text, is_said) in [("x".repeat(4096), true), ("x".repeat(4097), false)] {
        let mut last = server.join("last");
        alice.expect("-- last joined");
        plain.expect("-- last joined");
        last.send(&text);
        last.finish();
        if is_said {
            alice.expect(&format!("<last> {text}"));
            plain.expect(&format!("<last> {text}"));
        } else {
            while last.line().is_some_and(|line| line != TOO_LONG) {}
        }
        alice.expect("-- last left");
        plain.expect("-- last left");
    }
}

#[test]
fn in_the_tagged_form_a_line_may_be_as_long_and_one_that_is_too_long_is_counted() {
    let server = TestServer::start(&[]);
    let mut alice = server.join("alice");
    let mut program = program::join(&server, "program").client;
    alice.expect("-- program joined");
    let mut counted = 1;
    for end in ["\n", "\r\n"] {
        for (at, above) in lines_of(4096).into_iter().zip(lines_of(4097)) {
            program.send(format!("{above}{end}{at}{end}"));
            alice.expect(&format!("<program> {at}"));
            counted += 2;
            program::expect_body(&mut program, |body| body == TOO_LONG);
            program::expect_events(&mut program, &[&format!("+ {counted}")]);
        }
    }
}

#[test]
fn a_name_has_24_characters_at_most_and_text_eight_marks_on_one() {
    let server = TestServer::start(&["--replay", "0"]);
    let mut alice = server.join("alice");
    for (guest, letter) in [(1, "n"), (2, "\u{e9}"), (3, "\u{65e5}")] {
        let mut bob = server.connect();
        bob.send(format!("/nick {}\n", letter.repeat(25)));
        bob.expect("-- chatroom 1: welcome (/help for the commands)");
        bob.expect(&format!("-- you are guest{guest}, with 1 other here"));
        bob.expect_start("!! ");
        let name = letter.repeat(24);
        bob.send(format!("/nick {name}\n"));
        bob.expect(&format!("-- you are now {name}"));
        alice.expect(&format!("-- guest{guest} joined"));
        alice.expect(&format!("-- guest{guest} is now {name}"));
        for (marks, kept) in [(7, 7), (8, 8), (9, 8), (4000 / 2, 8)] {
            let mark = "\u{316}";
            bob.send(format!("e{}|\n", mark.repeat(marks)));
            alice.expect(&format!("<{name}> e{}|", mark.repeat(kept)));
        }
        bob.finish();
        alice.expect(&format!("-- {name} left"));
    }
}

#[test]
fn so_many_lines_are_replayed_as_there_are_and_no_more_than_may_be() {
    let server = TestServer::start(&["--replay", "3"]);
    let mut alice = server.join("alice");
    for said in 1..=4 {
        alice.send(format!("{said}\n"));
        alice.send("/who\n");
        while !alice.line().expect("an answer").contains(" here: alice") {}
        let mut bob = server.join("bob");
        let shown = said.min(3);
        bob.expect(&match shown {
            1 => "-- the last line:".to_owned(),
            _ => format!("-- the last {shown} lines:"),
        });
        for number in said + 1 - shown..=said {
            let line = bob.expect_start("| ");
            assert!(line.ends_with(&format!(" <alice> {number}")), "{line}");
        }
        bob.expect("-- you are up to date");
        bob.send("/quit\n");
        bob.expect_end();
    }
}

#[test]
fn at_the_rate_limit_nobody_is_told_to_slow_down_and_beyond_it_once() {
    const RATE: usize = 20;
    const BURST: usize = 10 * RATE;
    let server = TestServer::start(&["--rate-limit", "20"]);
    let mut alice = server.join("alice");
    let mut bob = server.join("bob");
    alice.expect("-- bob joined");
    // Its name was one line of those that may come at once.
    let mut sent = 1;
    bob.send("at once\n".repeat(BURST - sent));
    for _ in sent..BURST {
        alice.expect("<bob> at once");
    }
    // By now all of them have been counted, so what comes later is at no more than the limit.
    let began = Instant::now();
    while sent < RATE {
        let due = Duration::from_secs(1) * sent as u32 / RATE as u32;
        std::thread::sleep(due.saturating_sub(began.elapsed()));
        bob.send("in time\n");
        alice.expect("<bob> in time");
        sent += 1;
    }
    std::thread::sleep(Duration::from_secs(1).saturating_sub(began.elapsed()));
    bob.send("/who\n");
    bob.expect("-- 2 here: alice, bob");
    bob.send(format!("{}/who\n", "too fast\n".repeat(RATE)));
    for _ in 0..RATE {
        alice.expect("<bob> too fast");
    }
    bob.expect("-- slow down: you are read at 20 lines a second");
    bob.expect("-- 2 here: alice, bob");
}

/// What a name looks like costs milliseconds to know for thousands of bytes, so for what cannot be a
/// name nobody asks.
#[cfg(target_os = "linux")]
#[test]
fn a_private_line_to_a_name_of_thousands_of_bytes_costs_no_more_than_any_other() {
    const LINES: usize = 100;
    let server = TestServer::start(&["--rate-limit", "0"]);
    let mut alice = server.join("alice");
    let before = Process(server.id()).ran();
    for letter in ["\u{fdfa}", "m", "\u{1f82}"] {
        let name = letter.repeat(4000 / letter.len());
        alice.send(format!("/msg {name} psst\n").repeat(LINES));
        for _ in 0..LINES {
            alice.expect_start("!! /msg: nobody here is called ");
        }
    }
    let cost = Process(server.id()).ran() - before;
    assert!(cost < Duration::from_secs(1), "{cost:?} for {} lines", 3 * LINES);
}

#[test]
fn another_name_counts_as_ten_lines() {
    let server = TestServer::start(&[]);
    let mut alice = server.join("alice");
    // More than the thousand lines that may come at once.
    alice.send((0..110).map(|number| format!("/nick alice{number}\n")).collect::<String>());
    alice.send("/who\n");
    let told = std::iter::from_fn(|| alice.line()).take_while(|line| line != "-- 1 here: alice109");
    let told: Vec<_> = told.collect();
    assert_eq!(told.iter().filter(|line| line.starts_with("-- you are now ")).count(), 110);
    let slow = "-- slow down: you are read at 100 lines a second";
    assert_eq!(told.iter().filter(|line| *line == slow).count(), 1, "{told:?}");
}

/// What a client is told when it is held back.
const SLOW: &str = "-- slow down: you are read at 20 lines a second";

/// Whether alice, a server's only member, is told to slow down before the answer to `/who`. The lines that are held back then are not
/// waited for.
fn is_told_to_slow_down(alice: &mut TestClient) -> bool {
    alice.send("/who\n");
    let told =
        std::iter::from_fn(|| alice.line()).find(|line| line == SLOW || line == "-- 1 here: alice");
    told.expect("the server answers") == SLOW
}

#[test]
fn a_long_line_counts_once_for_each_512_bytes() {
    // 200 lines may come at once.
    for (bytes, lines, is_slow) in [(512, 190, false), (513, 110, true), (4096, 30, true)] {
        let server = TestServer::start(&["--rate-limit", "20"]);
        let mut alice = server.join("alice");
        alice.send(format!("{}\n", "x".repeat(bytes)).repeat(lines));
        assert_eq!(is_told_to_slow_down(&mut alice), is_slow, "{lines} of {bytes} bytes");
    }
}

#[test]
fn another_connection_brings_no_new_burst() {
    let server = TestServer::start(&["--rate-limit", "20"]);
    let mut alice = server.join("alice");
    alice.send("x\n".repeat(190));
    assert!(!is_told_to_slow_down(&mut alice));
    alice.send("/quit\n");
    alice.expect_end();
    let mut alice = server.join("alice");
    alice.send("x\n".repeat(150));
    assert!(is_told_to_slow_down(&mut alice));
}

#[test]
fn what_is_shown_again_counts_by_its_lines() {
    let server = TestServer::start(&["--rate-limit", "20"]);
    let mut alice = server.join("alice");
    alice.send("x\n".repeat(180));
    assert!(!is_told_to_slow_down(&mut alice));
    alice.send("/history 100\n");
    assert!(is_told_to_slow_down(&mut alice));
}

/// A member whose system holds little of what it does not take.
fn join_with_little_room(server: &TestServer, name: &str) -> TestClient {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a socket has a buffer");
    socket.connect(&server.address.into()).expect("the server accepts");
    let mut client = TestClient::new(TcpStream::from(socket));
    client.send(format!("/nick {name}\n"));
    client.expect("-- chatroom 1: welcome (/help for the commands)");
    client.expect_start(&format!("-- you are {name}, "));
    client
}

#[test]
fn one_who_takes_a_little_within_the_stall_timeout_stays_and_one_who_takes_nothing_goes() {
    const PATIENCE: Duration = Duration::from_secs(4);
    let server = TestServer::start(&["--rate-limit", "0", "--stall-timeout", "4"]);
    let mut alice = server.join("alice");
    let _nothing = join_with_little_room(&server, "nothing");
    let mut little = join_with_little_room(&server, "little");
    let mut bob = server.join("bob");
    for name in ["nothing", "little", "bob"] {
        alice.expect(&format!("-- {name} joined"));
    }
    let began = Instant::now();
    let text = "x".repeat(4000);
    let mut heard = alice.second();
    let dropped = std::thread::scope(|scope| {
        let listening = scope.spawn(move || {
            let is_drop = |line: &String| line == "-- nothing was too slow and was dropped";
            std::iter::from_fn(|| heard.line()).find(is_drop).expect("the room goes on");
            Instant::now()
        });
        for number in 0..500 {
            bob.send(format!("{number} {text}\n"));
        }
        bob.send("/who\n");
        bob.expect("-- 4 here: alice, bob, little, nothing");
        let full = Instant::now();
        while !listening.is_finished() || full.elapsed() < PATIENCE * 3 / 2 {
            assert!(full.elapsed() < DEADLINE, "nobody was dropped");
            let taken = read(&mut little.stream, &mut [0; 8192]).expect("it is in the room");
            assert!(taken > 0, "it was hung up on");
            std::thread::sleep(PATIENCE / 10);
        }
        let dropped = listening.join().expect("no panic");
        assert!(dropped - began >= PATIENCE, "after {:?}", dropped - began);
        dropped
    });
    alice.send("/who\n");
    let here = std::iter::from_fn(|| alice.line()).find(|line| line.contains(" here: "));
    assert_eq!(here.as_deref(), Some("-- 3 here: alice, bob, little"), "{:?}", dropped.elapsed());
}

#[test]
fn private_lines_do_not_make_the_room_forget_what_was_said_to_all() {
    let server = TestServer::start(&["--rate-limit", "0", "--memory", "4M"]);
    let mut alice = server.join("alice");
    let text = "x".repeat(1000);
    (0..2800).for_each(|number| alice.send(format!("{number} {text}\n")));
    let (mut whisperer, mut reader) = (server.join("mallory"), server.join("mallory2"));
    let go_to = |client: &mut TestClient, end: &str| {
        let mut lines = std::iter::from_fn(|| client.line());
        assert!(lines.any(|line| line == end), "no {end:?}");
    };
    (0..6000).for_each(|_| whisperer.send(format!("/msg mallory2 {text}\n")));
    whisperer.send("/msg mallory2 the end\n");
    go_to(&mut reader, "[mallory -> you] the end");
    let mut carol = server.join("carol");
    carol.send("/history 9000\n");
    go_to(&mut carol, "-- the last 2800 lines:");
    let first = carol.line().expect("a line");
    assert!(first.contains("<alice> 0 xxx"), "{first}");
}

/// Its answers wait in the server, so it is read no further while it takes none.
#[cfg(target_os = "linux")]
#[test]
fn one_who_asks_for_more_than_it_reads_is_read_no_further_and_gets_every_answer() {
    const QUESTIONS: usize = 20_000;
    let server = TestServer::start(&["--rate-limit", "0", "--memory", "1M"]);
    let process = Process(server.id());
    let (mut asker, mut alice) = (server.join("asker"), server.join("alice"));
    let mut asking = asker.second();
    let sender = std::thread::spawn(move || {
        (0..QUESTIONS).for_each(|_| asking.send("/help\n"));
        asking.send("the end\n");
    });
    // The others do not wait for that.
    let before = process.memory();
    std::thread::sleep(Duration::from_secs(1));
    assert!(process.memory() < before + 4 * 1024, "{} KiB", process.memory());
    alice.send("/who\n");
    let here = std::iter::from_fn(|| alice.line()).find(|line| line.contains(" here: "));
    assert_eq!(here.as_deref(), Some("-- 2 here: alice, asker"));
    let lines = std::iter::from_fn(|| asker.line()).filter(|line| line.contains(" /quit [TEXT] "));
    assert_eq!(lines.take(QUESTIONS).count(), QUESTIONS);
    sender.join().expect("no panic");
    assert!(std::iter::from_fn(|| alice.line()).any(|line| line == "<asker> the end"));
}

#[cfg(target_os = "linux")]
#[test]
fn the_room_remembers_no_more_than_its_memory_and_most_of_that_and_needs_little_more() {
    const MEMORY: usize = 2 << 20;
    const LINE: usize = 4000;
    /// What a server with nobody in it and its threads' stacks take, and some buffers, in KiB.
    const REST: usize = 8 * 1024;
    let server = TestServer::start(&["--rate-limit", "0", "--memory", "2M"]);
    let process = Process(server.id());
    let before = process.memory();
    let mut alice = server.join("alice");
    let text = "x".repeat(LINE - 10);
    for number in 0..8 * MEMORY / LINE {
        alice.send(format!("{number:8} {text}\n"));
    }
    alice.send("/history 1000\n");
    let lines = std::iter::from_fn(|| alice.line()).skip_while(|line| !line.starts_with("| "));
    let shown: Vec<String> = lines.take_while(|line| line.starts_with("| ")).collect();
    let different: BTreeSet<&String> = shown.iter().collect();
    assert_eq!(different.len(), shown.len());
    let remembered = shown.len() * LINE;
    assert!((MEMORY * 3 / 4..=MEMORY).contains(&remembered), "{remembered} bytes");
    let peak = process.peak_memory();
    assert!(peak < before + MEMORY / 1024 + REST, "{peak} KiB, {before} before");
}
