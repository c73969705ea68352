//! A storm of visitors in front of four members: 1,500 connections a second, half of them with a beginning of TLS that
//! goes on, stops, is garbage or comes late. The members, two of them over TLS, hear each other's lines once and in
//! order and nothing else, and nothing of the visitors stays in the server.
//!
//! A machine that cannot make so many makes fewer: nothing here judges a time.
//!
//!     cargo test --test it storm                                # three seconds
//!     cargo test --release --test it -- --ignored storm         # a minute, or STORM_SECONDS
#![cfg(target_os = "linux")]

use std::collections::{HashMap, VecDeque};
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use socket2::{Domain, SockRef, Socket, Type};

use crate::common::anyone::trusting;
use crate::common::process::{expect_holdings, holdings, resident, signal};
use crate::common::server::{TestClient, TestServer};
use crate::common::tls::TlsClient;

/// How many visitors come in a second.
const RATE: u32 = 1500;

/// How many threads make those that do what they do at once, and those that shake hands. Of the former's visitors every
/// third begins TLS, so half of all do.
const HASTY: u32 = 6;
const SHAKING: u32 = 2;

/// How long some stay: the server waits for a first byte for 100 ms, and lets a plain client in after 300 ms.
const STAY: Duration = Duration::from_millis(120);

/// Who takes longer than that, since the machine is busy, may be let in as a guest.
const SLOW: Duration = Duration::from_millis(250);

/// How much more memory the server may have afterwards, in KB: what its allocator keeps of some hundred threads.
const MARGIN: usize = 24 * 1024;

/// What the threads of a storm share.
struct Storm {
    server: SocketAddr,
    /// It is time to come to an end.
    is_over: AtomicBool,
    /// How many visitors came.
    came: AtomicU32,
    /// How many of them shook hands to the end.
    shook_hands: AtomicU32,
    /// How many were slow.
    slow: AtomicU32,
}

/// What one does that shakes no hands.
#[derive(Debug, Clone, Copy)]
enum Manner {
    Leaves,
    Resets,
    /// Speaks another protocol.
    Says(&'static [u8]),
    /// Begins TLS, and leaves later.
    Begins,
    /// Begins TLS, and stops in the middle.
    Stops,
    /// Says something that only begins like TLS.
    Garbage,
    /// Begins TLS when it is too late for that.
    Late,
}

const PLAIN: [Manner; 4] = [
    Manner::Leaves,
    Manner::Says(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"),
    Manner::Resets,
    Manner::Says(b"SSH-2.0-OpenSSH_9.7\r\n"),
];
const TLS: [Manner; 4] = [Manner::Begins, Manner::Stops, Manner::Garbage, Manner::Late];

/// A connection of a visitor's.
struct Visitor {
    stream: TcpStream,
    came: Instant,
    manner: Manner,
}

impl Storm {
    fn over(server: SocketAddr) -> Storm {
        let [came, shook_hands, slow] = [0; 3].map(AtomicU32::new);
        Storm { server, is_over: AtomicBool::new(false), came, shook_hands, slow }
    }

    /// A connection, from an address of this thread's own: each has only so many ports.
    fn connect(&self, thread: u32) -> Option<TcpStream> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        let from = Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 0, 1, 1)) + thread);
        socket.bind(&SocketAddr::from((from, 0)).into()).ok()?;
        socket.connect(&self.server.into()).ok()?;
        self.came.fetch_add(1, Ordering::Relaxed);
        Some(socket.into())
    }

    /// Ends a visitor's connection.
    fn close(&self, stream: TcpStream, came: Instant) {
        drop(stream);
        self.slow.fetch_add(u32::from(came.elapsed() > SLOW), Ordering::Relaxed);
    }

    /// Visitors one after the other, as a thread's share of all of them, until it is over.
    fn blow(&self, thread: u32, mut visit: impl FnMut(u32)) {
        let begun = Instant::now();
        for number in 0.. {
            if self.is_over.load(Ordering::Relaxed) {
                return;
            }
            visit(number);
            let due = begun + Duration::from_secs(1) * (HASTY + SHAKING) * number / RATE;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        unreachable!("thread {thread} has made as many as there are numbers");
    }

    fn be_hasty(&self, thread: u32) {
        let hello = hello();
        let mut staying = VecDeque::new();
        self.blow(thread, |number| {
            let which = number as usize / 3 % PLAIN.len();
            let manner = if number % 3 == 0 { TLS[which] } else { PLAIN[number as usize % 4] };
            let came = Instant::now();
            if let Some(stream) = self.connect(thread) {
                staying.extend(self.begin(Visitor { stream, came, manner }, &hello));
            }
            while staying.front().is_some_and(|it: &Visitor| it.came.elapsed() > STAY) {
                staying.pop_front().into_iter().for_each(|it| self.end(it, &hello));
            }
        });
        staying.into_iter().for_each(|it| self.end(it, &hello));
    }

    /// What a visitor does at once; it is given back if it stays.
    fn begin(&self, visitor: Visitor, hello: &[u8]) -> Option<Visitor> {
        let mut stream = &visitor.stream;
        let stays = match visitor.manner {
            Manner::Leaves => false,
            Manner::Resets => {
                SockRef::from(stream).set_linger(Some(Duration::ZERO)).ok();
                false
            }
            // Some are closed before they have said it all.
            Manner::Says(words) => stream.write_all(words).is_err(),
            Manner::Begins => stream.write_all(hello).is_ok(),
            Manner::Stops => stream.write_all(&hello[..hello.len() / 2]).is_ok(),
            Manner::Garbage => stream.write_all(b"\x16\x03\x01\x00\x04\n/me \n\x16said?\n").is_ok(),
            Manner::Late => true,
        };
        if stays {
            return Some(visitor);
        }
        self.close(visitor.stream, visitor.came);
        None
    }

    /// What one does that has stayed.
    fn end(&self, visitor: Visitor, hello: &[u8]) {
        if let Manner::Late = visitor.manner {
            (&visitor.stream).write_all(hello).ok();
        }
        self.close(visitor.stream, visitor.came);
    }

    fn shake_hands(&self, thread: u32) {
        self.blow(thread, |_| {
            let came = Instant::now();
            let Some(mut stream) = self.connect(thread) else { return };
            let mut tls = trusting(&[b"chatroom/1"]);
            stream.set_read_timeout(Some(Duration::from_secs(1))).expect("not zero");
            while tls.is_handshaking() && tls.complete_io(&mut stream).is_ok() {}
            if !tls.is_handshaking() {
                self.shook_hands.fetch_add(1, Ordering::Relaxed);
            }
            tls.send_close_notify();
            tls.write_tls(&mut stream).ok();
            self.close(stream, came);
        });
    }
}

/// What a client that speaks TLS sends first.
fn hello() -> Vec<u8> {
    let mut hello = Vec::new();
    trusting(&[b"chatroom/1"]).write_tls(&mut hello).expect("memory takes it");
    hello
}

/// A member of the room.
enum Member {
    Plain(TestClient),
    Tls(Box<TlsClient>),
}

impl Member {
    fn say(&mut self, line: &str) {
        match self {
            Member::Plain(client) => client.send(format!("{line}\n")),
            Member::Tls(client) => client.send(format!("{line}\n")),
        }
    }

    fn hear(&mut self) -> String {
        let line = match self {
            Member::Plain(client) => client.line(),
            Member::Tls(client) => client.line(),
        };
        line.expect("the room goes on")
    }
}

const NAMES: [&str; 4] = ["alice", "bob", "carol", "dave"];

/// Four who talk all the time.
struct Talk {
    members: Vec<Member>,
    /// How many lines each has said.
    said: usize,
    /// What they heard besides those lines.
    besides: HashMap<String, usize>,
}

impl Talk {
    fn begin(server: &TestServer) -> Talk {
        let mut members = Vec::new();
        for (number, name) in NAMES.into_iter().enumerate() {
            members.push(match number % 2 {
                0 => Member::Plain(server.join(name)),
                _ => Member::Tls(Box::new(TlsClient::join(server.address, name))),
            });
            let others = &mut members[..number];
            others.iter_mut().for_each(|it| assert_eq!(it.hear(), format!("-- {name} joined")));
        }
        Talk { members, said: 0, besides: HashMap::new() }
    }

    /// Each says something, and hears what the others say, once.
    fn go_on(&mut self) {
        let text = "é".repeat(self.said % 50) + ".";
        for member in &mut self.members {
            member.say(&format!("{} {text}", self.said));
        }
        for (number, member) in self.members.iter_mut().enumerate() {
            let mut due: Vec<String> =
                NAMES.map(|it| format!("<{it}> {} {text}", self.said)).into();
            due.remove(number);
            while !due.is_empty() {
                let line = member.hear();
                match due.iter().position(|due| *due == line) {
                    Some(at) => drop(due.remove(at)),
                    None => {
                        assert!(line.starts_with("-- "), "{line:?} instead of {due:?}");
                        *self.besides.entry(line).or_default() += 1;
                    }
                }
            }
        }
        self.said += 1;
    }
}

/// A storm for that time at most, and for as many visitors as it should have.
fn storm(time: Duration) {
    let options = ["--tls", "optional", "--max-clients", "500", "--rate-limit", "0"];
    let mut server = TestServer::start(&[&options, ["--log-level", "warn"].as_slice()].concat());
    let mut talk = Talk::begin(&server);
    (0..20).for_each(|_| talk.go_on());
    let (before, memory) = (holdings(server.id()), resident(server.id()));
    let storm = Storm::over(server.address);
    std::thread::scope(|scope| {
        let storm = &storm;
        for thread in 0..HASTY + SHAKING {
            scope.spawn(move || match thread {
                0..HASTY => storm.be_hasty(thread),
                _ => storm.shake_hands(thread),
            });
        }
        let begun = Instant::now();
        // Whoever fails here ends the storm, too.
        let _ends = EndsStorm(storm);
        while begun.elapsed() < time {
            talk.go_on();
        }
    });
    let [came, shook_hands, slow] =
        [storm.came, storm.shook_hands, storm.slow].map(AtomicU32::into_inner);
    let after = resident(server.id());
    writeln!(
        std::io::stderr(),
        "storm: {came} visitors, {shook_hands} shook hands, {slow} were slow; {} lines, each heard by \
         three; {memory} KB before, {after} after",
        4 * talk.said
    )
    .ok();
    assert!(came > 100 && shook_hands > 0, "there was no storm");
    expect_holdings(server.id(), before);
    talk.go_on();
    assert!(resident(server.id()) < memory + MARGIN, "{memory} KB before, {after} after");
    // Each who comes is told to four, and so is each who leaves.
    let told: usize = talk.besides.values().sum();
    assert!(told <= 8 * slow as usize, "{slow} were slow: {:#?}", talk.besides);
    signal("-TERM", server.id());
    assert_eq!(server.status(), Some(0));
    let log = server.rest_of_the_log();
    assert!(!log.iter().any(|line| line.contains("[ERROR]")), "{log:#?}");
}

/// Ends a storm when it is dropped.
struct EndsStorm<'a>(&'a Storm);

impl Drop for EndsStorm<'_> {
    fn drop(&mut self) {
        self.0.is_over.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_storm_of_beginnings_of_tls_and_others_costs_the_members_nothing() {
    storm(Duration::from_secs(3));
}

#[test]
#[ignore = "it takes a minute, or STORM_SECONDS; in release"]
fn nor_does_a_long_one() {
    let seconds = std::env::var("STORM_SECONDS").ok();
    let seconds = seconds.map_or(60, |it| it.parse().expect("STORM_SECONDS is a number"));
    storm(Duration::from_secs(seconds));
}
