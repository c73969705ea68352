//! Clients of every kind that a server in front of strangers meets. None of them may harm anyone;
//! what some of them must be told is checked, too.

use std::io::Read;
use std::time::{Duration, Instant};

use super::Soak;
use super::members::Word;
use super::wire::{FORGED, Wire};
use crate::common::proxy::Budget;

/// The longest that one stays, but for those who have to be waited for.
const STAY: u64 = 6000;

/// A stranger who has come, and what it does at random.
struct Stranger<'a> {
    soak: &'a Soak,
    random: Budget,
    wire: Wire,
}

type Kind = fn(Stranger<'_>);

const KINDS: [(&str, Kind); 24] = [
    ("stalled", stalled),
    ("slow", slow),
    ("half-closed", half_closed),
    ("killed in a line", |it| killed(it, b"half a li")),
    ("killed in a character", |it| killed(it, b"caf\xc3")),
    ("reset", reset),
    ("connecting and leaving", |it| drop(it.wire)),
    ("joining and leaving", joining_and_leaving),
    ("silent", silent),
    ("a byte at a time", byte_by_byte),
    ("an endless line", endless),
    ("binary", binary),
    ("late TLS", late_tls),
    ("HTTP", http),
    ("telnet", |it| say(it, b"\xff\xfd\x18\xff\xfa\x18\x01\xff\xf0hello\xff\xfb\r\n\xff\xf4")),
    ("escapes", |it| {
        say(it, b"\x1b[2J\x1b]0;title\x07\xc2\x9b31m\x1bPq\x1b\\ \x1b[1;1H-- forged\n");
    }),
    ("forged", forged),
    ("right to left", |it| say(it, "\u{202e}abc\u{2066}def\u{200f}\u{200b}\n".as_bytes())),
    ("marks", |it| say(it, format!("e{}\n", "\u{301}".repeat(2000)).as_bytes())),
    ("newlines", |it| say(it, "a\rb\r\nc\n\rd\u{85}e\u{2028}f\u{2029}g\x0bh\x0ci\0j\n".as_bytes())),
    ("flood", flood),
    ("flood of names", |it| flood_of(it, |n| format!("/nick flood{n}\n"))),
    ("flood of questions", |it| flood_of(it, |n| format!("/history {n}\n/search -{n} e\n/help\n"))),
    ("program", program),
];

/// Comes as one kind after the other, until it is over.
pub(crate) fn run(soak: &Soak, mut random: Budget) {
    while !soak.is_over() {
        // Every fourth listens as anyone, and is checked.
        let which = random.next(KINDS.len() as u64 * 4 / 3) as usize;
        let (name, kind) = KINDS.get(which).copied().unwrap_or(("visitor", visitor));
        let seed = random.next(u64::MAX);
        let Some(wire) = Wire::connect(soak.server) else { continue };
        *soak.comings.lock().expect("nobody has panicked").entry(name).or_default() += 1;
        kind(Stranger { soak, random: Budget::new(seed), wire });
    }
}

impl Stranger<'_> {
    /// Whether it stays for one more moment; each call waits for one.
    fn stays(&self, until: Instant) -> bool {
        std::thread::sleep(Duration::from_millis(20));
        Instant::now() < until && !self.soak.is_over()
    }

    /// Until when it stays.
    fn until(&mut self) -> Instant {
        Instant::now() + Duration::from_millis(self.random.next(STAY))
    }

    /// Joins under a name of its own, or as a guest.
    fn join(&mut self) {
        if self.random.next(2) == 0 {
            let name = format!("/nick s{}\n", self.random.next(1_000_000));
            self.wire.send(name);
        }
    }

    /// Reads until it has stayed for long enough, or is shown out; the lines.
    fn listen(&mut self) -> Vec<String> {
        let until = self.until();
        let mut heard = Vec::new();
        while Instant::now() < until && !self.soak.is_over() {
            match self.wire.lines() {
                Some(lines) => heard.extend(lines),
                None => break,
            }
        }
        heard
    }

    /// Reads until it is shown out.
    fn listen_to_the_end(&mut self) -> Vec<String> {
        let mut heard = Vec::new();
        let deadline = Instant::now() + Duration::from_secs(60);
        while let Some(lines) = self.wire.lines() {
            assert!(Instant::now() < deadline, "it is never shown out");
            heard.extend(lines);
        }
        heard
    }
}

/// Reads nothing.
fn stalled(mut it: Stranger<'_>) {
    it.join();
    let until = it.until();
    while it.stays(until) {}
}

/// Reads a few bytes at a time.
fn slow(mut it: Stranger<'_>) {
    it.join();
    let until = it.until();
    while it.stays(until) {
        let _some = it.wire.stream.read(&mut [0; 64]);
    }
}

/// Sends, sends nothing more, and reads on: it gets what is due and the end.
fn half_closed(mut it: Stranger<'_>) {
    it.join();
    it.wire.send("the last line has no end");
    it.wire.finish();
    let heard = it.listen_to_the_end();
    assert!(heard.iter().any(|line| line.starts_with("-- you are ")), "{heard:#?}");
}

fn killed(mut it: Stranger<'_>, bytes: &[u8]) {
    it.join();
    it.wire.send(bytes);
    if it.random.next(2) == 0 {
        it.listen();
    }
}

fn reset(mut it: Stranger<'_>) {
    it.join();
    it.wire.send("whole\nhalf");
    if it.random.next(2) == 0 {
        it.listen();
    }
    it.wire.reset();
}

fn joining_and_leaving(mut it: Stranger<'_>) {
    drop(it.wire);
    for number in 0..it.random.next(30) {
        let Some(mut wire) = Wire::connect(it.soak.server) else { return };
        wire.send(format!("/nick j{number}x{}\n/quit bye\n", it.random.next(1000)));
    }
}

fn silent(mut it: Stranger<'_>) {
    it.listen();
}

fn byte_by_byte(mut it: Stranger<'_>) {
    let until = it.until();
    for byte in "one byte at a time, é too\n".bytes().cycle() {
        if !it.stays(until) || !it.wire.send([byte]) || it.wire.lines().is_none() {
            return;
        }
    }
}

/// Sends a line without an end, as much of it as is read within some seconds, and is told once.
fn endless(mut it: Stranger<'_>) {
    it.join();
    let part = vec![b'x'; 64 * 1024];
    for _ in 0..it.random.next(6) {
        if !it.wire.send(&part) {
            return;
        }
    }
    it.wire.send("x\n");
    it.wire.finish();
    let told = it.listen_to_the_end();
    let told = told.iter().filter(|line| line.starts_with("!! that line was too long")).count();
    assert!(told <= 1, "told {told} times");
}

fn binary(mut it: Stranger<'_>) {
    let bytes: Vec<u8> = (0..it.random.next(20_000)).map(|_| it.random.next(256) as u8).collect();
    it.wire.send(bytes);
    it.listen();
}

/// Is shown out, and what it says is never said.
fn http(mut it: Stranger<'_>) {
    it.wire.send("POST /room HTTP/1.1\r\nHost: here\r\n\r\nchecked by nobody\r\n");
    let told = it.listen_to_the_end();
    assert_eq!(told.last().map(String::as_str), Some("!! this is a chat room, not a web server"));
}

/// Begins TLS after any time, in any pieces: it is told nothing but what there was before.
fn late_tls(mut it: Stranger<'_>) {
    std::thread::sleep(Duration::from_millis(it.random.next(600)));
    let piece = 1 + it.random.next(20) as usize;
    for piece in
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x0a\x0d\x0a\x00\x13\x01".chunks(piece)
    {
        it.wire.send(piece);
    }
    let told = it.listen_to_the_end();
    assert!(!told.iter().any(|line| line.starts_with("!! ")), "{told:?}");
}

fn say(mut it: Stranger<'_>, bytes: &[u8]) {
    it.join();
    for _ in 0..it.random.next(10) {
        it.wire.send(bytes);
    }
    it.listen();
}

/// Tries to say what looks like the server's or somebody else's.
fn forged(mut it: Stranger<'_>) {
    it.join();
    let before = ["", "\r", "\0", "\u{2028}", "\u{85}", "\x0b", "\x1b[1G", "\x08\x08", "\u{9b}1G"];
    for before in before {
        it.wire.send(format!("{before}{FORGED}\n/me {before}{FORGED}\n"));
        it.wire.send(format!("{before}<k0x> checked 4294967295 \n/nick {FORGED}\n"));
        it.wire.send(format!("/msg watcher {before}\n/quit{before}{FORGED}\u{202e}"));
    }
    it.listen();
}

/// Says as much as it can, and reads none, some or all of the answers.
fn flood(mut it: Stranger<'_>) {
    let length = it.random.next(200) as usize;
    flood_of(it, |n| format!("{n} {}\n", "y".repeat(length)));
}

fn flood_of(mut it: Stranger<'_>, line: impl Fn(u64) -> String) {
    it.join();
    let until = it.until();
    let reads = it.random.next(2) == 0;
    for number in 0..1200 {
        if !it.wire.send(line(number)) || Instant::now() > until {
            break;
        }
        if reads && number % 16 == 0 && it.wire.lines().is_none() {
            return;
        }
    }
    it.listen();
}

/// Speaks the tagged form, badly, and vanishes.
fn program(mut it: Stranger<'_>) {
    let token = it.random.next(u64::MAX);
    it.wire.send(format!("/tags\n/resume {token:032x} 5\n/resume x y\n"));
    it.join();
    it.wire.send("/tags\nhello\n\n/resume 0 0\n/nick\n/msg\nbye\n");
    it.listen();
}

/// Listens for a while, reads everything, and hears all that its neighbours hear.
fn visitor(mut it: Stranger<'_>) {
    it.join();
    let heard = it.listen();
    assert!(!heard.iter().any(|line| line.starts_with("-- you missed ")), "it reads everything");
    let words = heard.iter().filter_map(|line| Word::read(line)).collect();
    it.soak.visits.lock().expect("nobody has panicked").push(words);
}
