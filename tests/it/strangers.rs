//! Clients that are no chat clients, or bad ones: whatever they do, the others do not notice, and
//! nothing of them stays.

#![cfg(target_os = "linux")]

use std::io::Write;
use std::net::TcpStream;
use std::thread::ScopedJoinHandle;

use crate::common::process::{Holdings, expect_holdings, holdings, resident};
use crate::common::server::{TestClient, TestServer};

const BANNER: &str = "-- chatroom 1: welcome (/help for the commands)";

/// A room in which alice talks and bob listens, whatever becomes of the others.
struct House {
    server: TestServer,
    alice: TestClient,
    bob: TestClient,
    /// What the server holds with these two.
    before: Holdings,
    said: usize,
    /// What bob was told besides.
    heard: Vec<String>,
}

impl House {
    fn open(options: &[&str]) -> House {
        let server = TestServer::start(options);
        let (mut alice, bob) = (server.join("alice"), server.join("bob"));
        alice.expect("-- bob joined");
        let before = holdings(server.id());
        House { server, alice, bob, before, said: 0, heard: Vec::new() }
    }

    /// Alice says something, and bob hears it: all that she says, in order.
    fn talk(&mut self) {
        self.alice.send(format!("{}\n", self.said));
        let expected = format!("<alice> {}", self.said);
        self.said += 1;
        self.hear(&expected);
    }

    /// Bob hears that, if he has not yet, and until then nothing more of alice.
    fn hear(&mut self, expected: &str) {
        if let Some(at) = self.heard.iter().position(|line| line == expected) {
            self.heard.remove(at);
            return;
        }
        loop {
            let line = self.bob.line().expect("the room goes on");
            if line == expected {
                return;
            }
            assert!(!line.starts_with("<alice>"), "{line:?} instead of {expected:?}");
            assert!(is_safe(&line), "{line:?}");
            self.heard.push(line);
        }
    }

    /// The others talk on, and the server holds what it held before there were any strangers.
    fn is_as_before(&mut self) {
        self.talk();
        expect_holdings(self.server.id(), self.before);
        self.talk();
    }
}

/// Whether a line begins as the server's lines do, and nothing in it moves a cursor.
fn is_safe(line: &str) -> bool {
    let begins = ["<guest", "-- ", "* guest", "<slow", "<endless"];
    let moves = |c: char| c.is_control() && c != '\t';
    begins.iter().any(|begin| line.starts_with(begin)) && !line.contains(moves)
}

/// How a connection ends.
#[derive(Debug, Clone, Copy)]
enum End {
    Reset,
    /// It sends nothing more, and reads on.
    HalfClosed,
    Closed,
}

fn finish(mut client: TestClient, how: End) {
    match how {
        End::Reset => client.reset(),
        End::HalfClosed => {
            client.finish();
            while client.line().is_some() {}
        }
        End::Closed => drop(client),
    }
}

#[test]
fn who_is_cut_off_in_the_middle_of_anything_goes_and_nothing_of_it_stays() {
    let mut house = House::open(&[]);
    let beginnings: [&[u8]; 8] = [
        b"",
        b"half a li",
        b"caf\xc3",
        b"\xf0\x9f\x91",
        b"\x1b]0;tit",
        b"/ni",
        b"hi\nthere\r",
        b"/tags\n/nick x\nhal",
    ];
    for beginning in beginnings {
        for end in [End::Reset, End::HalfClosed, End::Closed] {
            let mut client = house.server.connect();
            client.expect(BANNER);
            client.send(beginning);
            finish(client, end);
            house.talk();
        }
    }
    // A program that is lost is away, without a thread and a descriptor.
    house.is_as_before();
    // Half a line is one at the end of what has arrived, where the end is no loss.
    let said = |text: &str| house.heard.iter().filter(|line| line.ends_with(text)).count();
    assert_eq!((said("> half a li"), said("> caf\u{fffd}"), said("> hal")), (3, 3, 0));
}

#[test]
fn thousands_who_come_and_go_leave_nothing_behind() {
    const EACH: usize = 500;
    let mut house = House::open(&[]);
    let address = house.server.address;
    std::thread::scope(|scope| {
        let strangers: Vec<_> = (0..4)
            .map(|kind| {
                scope.spawn(move || {
                    for _ in 0..EACH {
                        let stream = TcpStream::connect(address).expect("the server accepts");
                        let words: &[u8] = [&b""[..], b"hi\n", b"/quit\n", b"half"][kind];
                        // It may have been refused, and hung up on, by then.
                        (&stream).write_all(words).ok();
                    }
                })
            })
            .collect();
        while !strangers.iter().all(ScopedJoinHandle::is_finished) {
            house.talk();
        }
    });
    house.is_as_before();
    assert!(house.said > 20, "the others got a word in {} times", house.said);
    // The notices of who came and went did not fill the screen.
    let notices = house.heard.iter().filter(|line| line.starts_with("-- ")).count();
    assert!(notices < EACH / 2, "{notices} notices");
}

#[test]
fn who_says_nothing_costs_a_thread_and_a_little_memory() {
    const SILENT: usize = 300;
    /// The stack and the small buffer of a session, and what the room knows of a member.
    const KB_EACH: usize = 64;
    let mut house = House::open(&["--max-clients", "1000"]);
    let memory = resident(house.server.id());
    let mut silent: Vec<_> = (0..SILENT).map(|_| house.server.connect()).collect();
    for client in &mut silent {
        client.expect(BANNER);
        client.expect_start("-- you are guest");
    }
    house.talk();
    let Holdings { descriptors, threads } = house.before;
    let expected = Holdings { descriptors: descriptors + SILENT, threads: threads + SILENT };
    assert_eq!(holdings(house.server.id()), expected);
    let more = resident(house.server.id()) - memory;
    assert!(more < KB_EACH * SILENT, "{more} KB");
    drop(silent);
    house.is_as_before();
}

#[test]
fn one_byte_at_a_time_is_a_line_in_the_end() {
    let mut house = House::open(&[]);
    let mut slow = house.server.join("slow");
    for byte in "a l\u{ed}ne\n".as_bytes() {
        slow.send([*byte]);
        house.talk();
    }
    house.hear("<slow> a l\u{ed}ne");
    finish(slow, End::Closed);
    house.is_as_before();
}

#[test]
fn an_endless_line_costs_no_memory_and_is_told_of_once() {
    const BYTES: usize = 64 << 20;
    let mut house = House::open(&["--rate-limit", "0"]);
    let mut endless = house.server.join("endless");
    let memory = resident(house.server.id());
    let piece = vec![b'x'; 1 << 20];
    for _ in 0..BYTES / piece.len() {
        endless.send(&piece);
        house.talk();
    }
    let more = resident(house.server.id()).saturating_sub(memory);
    assert!(more < 4 * 1024, "{more} KB");
    endless.send("\nafter\n");
    house.hear("<endless> after");
    endless.send("/who\n");
    let told =
        std::iter::from_fn(|| endless.line()).take_while(|line| !line.starts_with("-- 3 here"));
    let told: Vec<_> = told.filter(|line| line.starts_with("!!")).collect();
    let once = "!! that line was too long and was not sent: the most is 4096 bytes";
    assert_eq!(told, [once]);
    finish(endless, End::Closed);
    house.is_as_before();
}

#[test]
fn an_endless_line_is_read_no_faster_than_others() {
    let house = House::open(&["--rate-limit", "20"]);
    let mut endless = house.server.join("endless");
    // Far more than what may come at once, 100 KB, and a chunk.
    endless.send(vec![b'x'; 400 * 1024]);
    endless.expect("!! that line was too long and was not sent: the most is 4096 bytes");
    endless.expect("-- slow down: you are read at 20 lines a second");
    endless.reset();
}

#[test]
fn what_speaks_another_protocol_is_turned_away_and_nothing_of_it_is_said() {
    const HTTP: &str = "!! this is a chat room, not a web server";
    const PROXY: &str = "!! this room takes no PROXY header from your address";
    const OTHER: &str = "!! this is a chat room: it takes lines of text, and no other protocol";
    let mut house = House::open(&[]);
    let every_byte: Vec<u8> = (0..=255).collect();
    let cases: [(&[u8], &str); 13] = [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", HTTP),
        (b"patch /nick HTTP/1.1\r\nHost: x\r\n\r\nsay this\r\n", HTTP),
        (b"\r\n \tP*ST\t/\tHTTP/1.1\r\n\r\nsay this\r\n", HTTP),
        (b"GET /\r\n", HTTP),
        (b"OPTIONS sip:x SIP/2.0\r\nVia: y\r\n\r\n", OTHER),
        (b"SSH-2.0-OpenSSH_9.2\r\n", OTHER),
        (b"*1\r\n$4\r\nPING\r\n", OTHER),
        (b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nhello\r\n", PROXY),
        (
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc0\0\x02\x02\0\x01\0\x02hello\n",
            PROXY,
        ),
        (b"\0\x01\0\0\x21\x12\xa4\x42", OTHER),
        (b"\x10\x10\0\x04MQTT\x04\x02\0\x3c", OTHER),
        (b"h\0e\0l\0l\0o\0\n\0", OTHER),
        (&every_byte, OTHER),
    ];
    for (bytes, told) in cases {
        let mut client = house.server.connect();
        client.send(bytes);
        client.expect(BANNER);
        client.expect(told);
        client.expect_end();
    }
    house.is_as_before();
    let said: Vec<_> = house.heard.iter().filter(|line| !line.starts_with("-- ")).collect();
    assert_eq!(said, [""; 0]);
    assert_eq!(house.heard, [""; 0]);
}

#[test]
fn a_client_that_speaks_tls_where_it_is_too_late_is_closed_without_a_word() {
    let hello =
        b"\x16\x03\x01\x00\xf8\x01\x00\x00\xf4\x03\x03\x8a\n/nick x\nexample.org\x00\x9b31m";
    let mut house = House::open(&[]);
    for length in [hello.len(), 1] {
        let mut client = house.server.connect();
        client.send(&hello[..length]);
        client.expect(BANNER);
        client.expect_end();
    }
    // In parts, with pauses: also once it is a guest.
    for guest in [false, true] {
        let mut client = house.server.connect();
        client.expect(BANNER);
        if guest {
            client.expect_start("-- you are guest1, ");
        }
        for byte in &hello[..4] {
            // It may have been hung up on.
            (&client.stream).write_all(&[*byte]).ok();
        }
        client.expect_end();
    }
    house.is_as_before();
    let said: Vec<_> = house.heard.iter().filter(|line| !line.starts_with("-- ")).collect();
    assert_eq!(said, [""; 0]);
    assert_eq!(house.heard, ["-- guest1 joined", "-- guest1 left"]);
}

#[test]
fn text_in_another_form_is_said() {
    let mut house = House::open(&[]);
    let cases: [(&[u8], &str); 5] = [
        (b"\xff\xfc\x03\xff\xfa\x1f\x00\x50\x00\x0a\xff\xf0hello\r\n", "hello"),
        (b"\x1b[31mred\x1b]0;title\x07\xc2\x9b2J\r\n", "red"),
        (b"\xef\xbb\xbfwith a mark\r\n", "with a mark"),
        (b"\xe9t\xe9, L'Ha\xff\n", "\u{fffd}t\u{fffd}, L'Ha\u{fffd}"),
        (b"get me a coffee\n", "get me a coffee"),
    ];
    for (guest, (bytes, said)) in (1..).zip(cases) {
        let mut client = house.server.connect();
        client.expect(BANNER);
        client.send(bytes);
        house.hear(&format!("<guest{guest}> {said}"));
        finish(client, End::HalfClosed);
    }
    house.is_as_before();
}

#[test]
fn who_takes_nothing_is_dropped_and_nothing_of_it_stays() {
    const DROPPED: &str = "-- guest1 was too slow and was dropped";
    let mut house = House::open(&["--rate-limit", "0", "--stall-timeout", "1"]);
    let stalled = house.server.connect();
    house.hear("-- guest1 joined");
    let mut text = "x".repeat(4000);
    text.push('\n');
    let mut flooder = house.server.connect();
    flooder.send("/nick slow\n");
    flooder.expect(BANNER);
    let mut readers = [house.alice.second(), house.bob.second()];
    std::thread::scope(|scope| {
        for reader in &mut readers {
            scope.spawn(|| {
                let lines = std::iter::from_fn(|| reader.line());
                let lines = lines.filter(|line| line.starts_with("-- "));
                let told: Vec<_> = lines.take_while(|line| line != "-- slow left").collect();
                assert_eq!(told.last().map(String::as_str), Some(DROPPED), "{told:?}");
            });
        }
        for _ in 0..3000 {
            flooder.send(&text);
        }
        while flooder.line().expect("the room goes on") != DROPPED {}
        flooder.send("/quit\n");
        flooder.expect_end();
    });
    house.is_as_before();
    drop(stalled);
}
