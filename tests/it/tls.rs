//! Clients over TLS, on the port where plain ones are: each is a member as any other.

#![cfg(target_os = "linux")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::common::DEADLINE;
use crate::common::bridge;
use crate::common::process::resident;
use crate::common::server::{TestClient, TestServer};
use crate::common::tls::TlsClient;
use socket2::{Domain, SockRef, Socket, Type};

const BANNER: &str = "-- chatroom 1: welcome (/help for the commands)";
const PLAIN_BANNER: &str = "-- chatroom 1: welcome (/help for the commands; TLS on this port)";

/// A server that takes both.
fn server(options: &[&str]) -> TestServer {
    TestServer::start(&[&["--tls", "optional", "--replay", "0"], options].concat())
}

/// A plain client that is in the room under that name.
fn join_plain(server: &TestServer, name: &str) -> TestClient {
    let mut client = server.connect();
    client.send(format!("/nick {name}\n"));
    client.expect(PLAIN_BANNER);
    client.expect_start(&format!("-- you are {name}, "));
    client
}

/// A connection from a proxy at 127.0.0.2, for a client at that address.
fn by_proxy(server: &TestServer, client: &str) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let proxy: SocketAddr = "127.0.0.2:0".parse().expect("an address");
    socket.bind(&proxy.into()).expect("it is this machine's");
    socket.connect(&server.address.into()).expect("the server accepts");
    let mut stream = TcpStream::from(socket);
    write!(stream, "PROXY TCP4 {client} 127.0.0.1 1 5000\r\n").expect("the server takes it");
    stream
}

/// What a client that speaks TLS sends first.
fn hello() -> Vec<u8> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let stream = TcpStream::connect(listener.local_addr().expect("it is bound"));
    let mut client = TlsClient::over(stream.expect("it listens"), &[]);
    let mut hello = Vec::new();
    client.connection.write_tls(&mut hello).expect("memory takes it");
    hello
}

/// All that comes until the server closes.
fn rest(mut stream: &TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    stream.set_read_timeout(Some(DEADLINE)).expect("an open socket");
    stream.read_to_end(&mut rest).ok();
    rest
}

#[test]
fn clients_with_tls_and_without_are_in_one_room() {
    let server = server(&[]);
    let mut alice = TlsClient::join(server.address, "alice");
    let mut bob = join_plain(&server, "bob");
    alice.expect("-- bob joined");
    alice.send("hello, bob\n");
    bob.expect("<alice> hello, bob");
    bob.send("hello, alice\n/msg alice psst\n");
    alice.expect("<bob> hello, alice");
    alice.expect("[bob -> you] psst");
    alice.send("/quit good night\n");
    alice.expect_end();
    bob.expect("[you -> alice] psst");
    bob.expect("-- alice left: good night");
}

#[test]
fn a_silent_client_gets_the_banner_after_a_moment_and_is_a_guest() {
    let server = server(&[]);
    let begin = Instant::now();
    let mut plain = server.connect();
    plain.expect(PLAIN_BANNER);
    assert!(begin.elapsed() >= Duration::from_millis(95), "{:?}", begin.elapsed());
    plain.expect("-- you are guest1, alone here");
    let mut silent = TlsClient::connect(server.address);
    silent.expect(BANNER);
    silent.expect("-- you are guest2, with 1 other here");
}

#[test]
fn a_client_hello_may_come_in_pieces_of_one_byte() {
    let server = server(&[]);
    let stream = TcpStream::connect(server.address).expect("the server accepts");
    let mut client = TlsClient::over(stream, &[]);
    let mut hello = Vec::new();
    client.connection.write_tls(&mut hello).expect("memory takes it");
    for byte in hello {
        client.stream.write_all(&[byte]).expect("the server takes it");
    }
    client.shake_hands();
    client.expect(BANNER);
    client.send("/nick alice\n");
    client.expect("-- you are alice, alone here");
}

#[test]
fn a_client_hello_that_is_late_is_closed_without_a_word() {
    let server = server(&[]);
    let mut listener = TlsClient::join(server.address, "listener");
    for (wait, is_guest) in [(Duration::from_millis(150), false), (Duration::from_secs(1), true)] {
        let stream = TcpStream::connect(server.address).expect("the server accepts");
        thread::sleep(wait);
        let hello = hello();
        for piece in [&hello[..1], &hello[1..5], &hello[5..]] {
            (&stream).write_all(piece).ok();
        }
        let told = String::from_utf8(rest(&stream)).expect("it is plain");
        let expected: &[&str] = if is_guest { &["-- you are "] } else { &[] };
        let (banner, more) = told.split_once('\n').expect("a line");
        assert_eq!(banner, PLAIN_BANNER);
        assert_eq!(more.lines().count(), expected.len(), "{told}");
        assert!(more.lines().zip(expected).all(|(line, start)| line.starts_with(start)), "{told}");
    }
    listener.expect("-- guest1 joined");
    listener.expect("-- guest1 left");
}

#[test]
fn a_handshake_that_never_ends_is_closed_after_some_seconds() {
    let server = server(&[]);
    let begin = Instant::now();
    let hello = hello();
    let streams = [&hello[..1], &hello[..100], &hello].map(|beginning| {
        let mut stream = TcpStream::connect(server.address).expect("the server accepts");
        stream.write_all(beginning).expect("the server takes it");
        stream
    });
    // Nobody else waits for them.
    TlsClient::join(server.address, "alice");
    assert!(begin.elapsed() < Duration::from_secs(4), "{:?}", begin.elapsed());
    for stream in &streams {
        rest(stream);
        assert!(begin.elapsed() >= Duration::from_millis(4900), "{:?}", begin.elapsed());
    }
    assert!(begin.elapsed() < DEADLINE);
}

#[test]
fn a_client_with_an_older_version_alone_is_told_so_in_its_protocol() {
    const PROTOCOL_VERSION: &[u8] = b"\x15\x03\x03\x00\x02\x02\x46";
    let server = server(&[]);
    let mut stream = TcpStream::connect(server.address).expect("the server accepts");
    let curves = b"\x00\x0a\x00\x04\x00\x02\x00\x17\x00\x0d\x00\x04\x00\x02\x04\x03";
    let body = [&b"\x03\x03"[..], &[7; 32], b"\x00\x00\x02\xc0\x2f\x01\x00\x00\x10", curves];
    let body = body.concat();
    let length = u8::try_from(body.len()).expect("it is short");
    let message = [&[1, 0, 0, length], &body[..]].concat();
    let record = [&[0x16, 3, 1, 0, length + 4], &message[..]].concat();
    stream.write_all(&record).expect("the server takes it");
    assert_eq!(rest(&stream), PROTOCOL_VERSION);
}

#[test]
fn half_a_line_before_a_cut_is_not_said_and_before_a_goodbye_it_is() {
    let server = server(&[]);
    let mut listener = TlsClient::join(server.address, "listener");
    for (name, is_cut) in [("cut", true), ("closed", false)] {
        let mut client = TlsClient::join(server.address, name);
        listener.expect(&format!("-- {name} joined"));
        client.send("a whole line\nhalf a li");
        if is_cut {
            client.cut();
        } else {
            client.finish();
            client.expect_end();
        }
        listener.expect(&format!("<{name}> a whole line"));
        if !is_cut {
            listener.expect(&format!("<{name}> half a li"));
        }
        listener.expect(&format!("-- {name} left"));
    }
}

/// Says so many long lines, and reads none of its own.
fn flood(server: &TestServer, lines: usize) {
    let mut flooder = join_plain(server, "flooder");
    let text = "x".repeat(4000);
    for number in 0..lines {
        flooder.send(format!("{number} {text}\n"));
    }
    flooder.send("/quit\n");
    while flooder.line().is_some() {}
}

/// Reads whole lines of the flood, in order, up to the last one, and returns how many there were.
fn read_flood(reader: &mut TlsClient, lines: usize) -> usize {
    let (mut count, mut last, mut is_over) = (0, None, false);
    while !is_over {
        let line = reader.line().expect("the room goes on");
        is_over = line == "-- flooder left";
        let Some(said) = line.strip_prefix("<flooder> ") else { continue };
        let (number, text) = said.split_once(' ').expect("a number, and a text");
        let number: usize = number.parse().expect("a number");
        assert!(text.len() == 4000 && text.bytes().all(|byte| byte == b'x'), "{text}");
        assert!(last.is_none_or(|last| last < number), "{number} after {last:?}");
        last = Some(number);
        count += 1;
    }
    assert_eq!(last, Some(lines - 1), "the last line of all has come");
    count
}

#[test]
fn a_reader_that_stops_takes_no_memory_and_gets_whole_lines_when_it_reads_again() {
    const LINES: usize = 5000;
    let server = server(&["--rate-limit", "0", "--memory", "4M"]);
    let mut reader = TlsClient::join(server.address, "reader");
    let before = resident(server.id());
    flood(&server, LINES);
    let grown = resident(server.id()).saturating_sub(before);
    assert!(grown < 24 * 1024 * 1024, "{grown} bytes more for one that does not read");
    let read = read_flood(&mut reader, LINES);
    assert!(read < LINES, "it fell behind");
}

#[test]
fn the_last_line_of_a_conversation_arrives_with_nobody_speaking_after_it() {
    const LINES: usize = 2000;
    let server = server(&["--rate-limit", "0", "--memory", "64M"]);
    let mut reader = TlsClient::join(server.address, "reader");
    flood(&server, LINES);
    assert_eq!(read_flood(&mut reader, LINES), LINES, "it all fits the memory");
    reader.send("hello\n/quit\n");
    reader.expect_end();
}

#[test]
fn what_is_due_to_a_client_that_sends_nothing_more_is_delivered() {
    const LINES: usize = 2000;
    let server = server(&["--rate-limit", "0", "--memory", "64M"]);
    let mut reader = TlsClient::join(server.address, "reader");
    flood(&server, LINES);
    reader.finish();
    assert_eq!(read_flood(&mut reader, LINES), LINES);
    reader.expect_end();
}

#[test]
fn a_slow_reader_stays_and_one_that_takes_nothing_goes() {
    let server = server(&["--rate-limit", "0", "--stall-timeout", "2", "--memory", "64M"]);
    let mut watcher = join_plain(&server, "watcher");
    let narrow = |name: &str| {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.set_recv_buffer_size(4096).expect("an open socket");
        socket.connect(&server.address.into()).expect("the server accepts");
        let mut client = TlsClient::over(TcpStream::from(socket), &[]);
        client.shake_hands();
        client.expect(BANNER);
        client.send(format!("/nick {name}\n"));
        client.expect_start("-- you are ");
        client
    };
    let (slow, stalled) = (narrow("slow"), narrow("stalled"));
    let mut slow_stream = slow.stream.try_clone().expect("a second handle");
    let address = server.address;
    let reading = thread::spawn(move || {
        // Less than one record in each stall timeout, but something.
        let until = Instant::now() + Duration::from_secs(7);
        let mut taken = Vec::new();
        while Instant::now() < until {
            let mut some = [0; 1500];
            let length = slow_stream.read(&mut some).unwrap_or_default();
            taken.extend_from_slice(&some[..length]);
            thread::sleep(Duration::from_millis(500));
        }
        taken
    });
    flood_at(address, 3000);
    let mut heard = Vec::new();
    let deadline = Instant::now() + DEADLINE;
    while !heard.iter().any(|line| line == "-- stalled was too slow and was dropped") {
        assert!(Instant::now() < deadline, "{heard:?}");
        let line = watcher.line().expect("the room goes on");
        heard.extend(Some(line).filter(|line| line.starts_with("-- ")));
    }
    let taken = reading.join().expect("it reads");
    assert!(taken.len() < 64 * 1024, "it was slow: {} bytes", taken.len());
    watcher.send("/who\n");
    while !heard.last().is_some_and(|line| line.contains(" here: ")) {
        heard.extend(watcher.line());
    }
    assert_eq!(heard.last().map(String::as_str), Some("-- 2 here: slow, watcher"));
    drop((stalled, slow));
}

/// The same flood, by a client of its own.
fn flood_at(address: SocketAddr, lines: usize) {
    let mut stream = TcpStream::connect(address).expect("the server accepts");
    let text = "x".repeat(4000);
    writeln!(stream, "/nick flooder").expect("the server takes it");
    for number in 0..lines {
        writeln!(stream, "{number} {text}").expect("the server takes it");
    }
    writeln!(stream, "/quit").expect("the server takes it");
    rest(&stream);
}

#[test]
fn a_full_room_is_told_in_the_clients_language() {
    const FULL: &str = "!! the room is full (1 client)";
    const ADDRESS_FULL: &str = "!! the room is full for your address (1 client)";
    for (option, told) in [("--max-clients", FULL), ("--max-per-address", ADDRESS_FULL)] {
        let server = server(&[option, "1"]);
        let _member = TlsClient::join(server.address, "member");
        let mut encrypted = TlsClient::connect(server.address);
        encrypted.expect(told);
        encrypted.expect_end();
        let mut plain = server.connect();
        plain.expect(told);
        plain.expect_end();
    }
}

#[test]
fn a_member_takes_its_place_over_in_a_full_room_over_tls() {
    let server = server(&["--max-clients", "1"]);
    let mut before = TlsClient::connect(server.address);
    before.send("/tags\n/nick alice\n");
    before.expect(BANNER);
    let mut token = String::new();
    while !token.contains("= token ") {
        token = before.line().expect("it gets one");
    }
    let token = token.split(' ').next_back().expect("it ends in it").to_owned();
    let mut after = TlsClient::connect(server.address);
    after.send(format!("/tags\n/resume {token} 0\n"));
    after.expect(BANNER);
    assert!(after.line().is_some_and(|line| line.contains(" = nonce ")));
    assert!(after.line().is_some_and(|line| line.ends_with("-- welcome back, alice")));
}

#[test]
fn where_encryption_is_required_plain_clients_from_elsewhere_are_told_how() {
    const HOW: &str = "!! this room is encrypted: use chatclient, or ncat --ssl HOST PORT";
    let server = TestServer::start(&[
        "--tls",
        "required",
        "--proxy",
        "127.0.0.2",
        "--replay",
        "0",
        "--max-clients",
        "2",
    ]);
    // A machine's own clients may be the end of a tunnel.
    let mut local = join_plain(&server, "local");
    for _ in 0..3 {
        let mut plain = TestClient::new(by_proxy(&server, "192.0.2.1"));
        plain.expect(HOW);
        plain.expect_end();
        assert!(
            server.logs("was refused").contains("192.0.2.1:1 was refused: this room is encrypted")
        );
    }
    // The header comes in the clear, and TLS behind it, in one piece too.
    let mut encrypted = TlsClient::over(by_proxy(&server, "192.0.2.2"), &[]);
    encrypted.shake_hands();
    encrypted.expect(BANNER);
    encrypted.send("/nick remote\n");
    encrypted.expect("-- you are remote, with 1 other here");
    local.expect("-- remote joined");
    local.send("/who\n/quit\n");
    local.expect("-- 2 here: local, remote");
    local.expect_end();
}

#[test]
fn the_beginning_of_tls_may_come_with_the_header() {
    let server = server(&["--proxy", "127.0.0.2"]);
    for split in [1, 5, usize::MAX] {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        let proxy: SocketAddr = "127.0.0.2:0".parse().expect("an address");
        socket.bind(&proxy.into()).expect("it is this machine's");
        socket.connect(&server.address.into()).expect("the server accepts");
        let mut client = TlsClient::over(TcpStream::from(socket), &[]);
        let mut bytes = b"PROXY TCP4 192.0.2.1 127.0.0.1 1 5000\r\n".to_vec();
        let header = bytes.len();
        client.connection.write_tls(&mut bytes).expect("memory takes it");
        let (first, second) = bytes.split_at(header.saturating_add(split).min(bytes.len()));
        client.stream.write_all(first).expect("the server takes it");
        thread::sleep(Duration::from_millis(20));
        client.stream.write_all(second).expect("the server takes it");
        client.shake_hands();
        client.expect(BANNER);
    }
}

#[test]
fn who_is_not_encrypted_is_told_behind_the_answer_to_who() {
    let server = server(&["--proxy", "127.0.0.2"]);
    let remote = |name: &str| {
        let mut client = TestClient::new(by_proxy(&server, "192.0.2.1"));
        client.send(format!("/nick {name}\n"));
        client.expect(PLAIN_BANNER);
        client.expect_start("-- you are ");
        client
    };
    let mut carol = remote("carol");
    carol.send("/who\n");
    carol.expect("-- 1 here: carol");
    carol.expect("-- not encrypted: everyone");
    let mut alice = TlsClient::join(server.address, "alice");
    alice.send("/who\n");
    alice.expect("-- 2 here: alice, carol");
    alice.expect("-- not encrypted: carol");
    // One that is away counts as it was.
    let mut dave = TestClient::new(by_proxy(&server, "192.0.2.2"));
    dave.send("/tags\n/nick dave\n");
    dave.expect(PLAIN_BANNER);
    dave.expect_start("@");
    drop(dave);
    server.logs("dave is away");
    carol.send("/quit\n");
    alice.expect("-- dave joined");
    alice.expect("-- carol left");
    let _local = join_plain(&server, "local");
    alice.expect("-- local joined");
    alice.send("/who\n");
    alice.expect("-- 3 here: alice, dave (away), local");
    alice.expect("-- not encrypted: dave");
}

#[test]
fn of_too_many_that_shake_hands_the_first_one_goes() {
    const MOST: usize = 8;
    let server = server(&["--proxy", "127.0.0.2", "--max-clients", "10"]);
    let begin = Instant::now();
    let shaking: Vec<_> = (0..=MOST)
        .map(|number| {
            let mut stream = by_proxy(&server, &format!("192.0.2.{}", number + 1));
            stream.write_all(b"\x16\x03\x01").expect("the server takes it");
            // In this order.
            thread::sleep(Duration::from_millis(30));
            stream
        })
        .collect();
    assert_eq!(rest(&shaking[0]), b"");
    assert!(begin.elapsed() < Duration::from_secs(4), "{:?}", begin.elapsed());
    let last = SockRef::from(&shaking[MOST]);
    last.set_nonblocking(true).expect("an open socket");
    assert!((&shaking[MOST]).read(&mut [0]).is_err(), "the others are there");
    // Those of this machine are no part of that.
    TlsClient::join(server.address, "alice");
}

#[test]
fn a_health_check_works_where_clients_may_or_must_talk_encrypted() {
    for when in ["optional", "required"] {
        let server = TestServer::start(&["--tls", when]);
        let (host, port) = (server.address.ip().to_string(), server.address.port().to_string());
        let mut check = crate::common::server::chatserver();
        let checked = check.args(["--health-check", &host, &port]).output().expect("it starts");
        let said = String::from_utf8_lossy(&checked.stdout).into_owned();
        assert_eq!((checked.status.code(), said.trim_end()), (Some(0), PLAIN_BANNER));
    }
}

/// A program that talks TLS by itself, as a member: it gets a name, says something and is told something.
fn is_a_member(name: &str, command: &mut Command) {
    let server = server(&[]);
    let mut listener = TlsClient::join(server.address, "listener");
    let port = server.address.port().to_string();
    let arguments: Vec<_> = command
        .get_args()
        .map(|argument| argument.to_string_lossy().replace("PORT", &port))
        .collect();
    let mut command = Command::new(command.get_program());
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let Ok(mut program) = command.spawn() else {
        return eprintln!("skipped: there is no {name} here");
    };
    let mut input = program.stdin.take().expect("it is piped");
    writeln!(input, "/nick {name}\nhello").expect("it reads");
    listener.expect(&format!("-- {name} joined"));
    listener.expect(&format!("<{name}> hello"));
    listener.send(format!("hello, {name}\n/msg {name} and goodbye\n"));
    listener.expect(&format!("[you -> {name}] and goodbye"));
    writeln!(input, "goodbye\n/quit").expect("it reads");
    listener.expect(&format!("<{name}> goodbye"));
    listener.expect(&format!("-- {name} left"));
    drop(input);
    let told = program.wait_with_output().expect("it is our child");
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    let lines = ["<listener> hello, ", "[listener -> you] and goodbye"];
    assert!(lines.iter().all(|line| told.contains(line)), "{told}");
}

#[test]
fn openssl_is_a_member() {
    let arguments = ["s_client", "-quiet", "-connect", "127.0.0.1:PORT"];
    is_a_member("openssl", Command::new("openssl").args(arguments));
}

#[test]
fn ncat_is_a_member() {
    is_a_member("ncat", Command::new("ncat").args(["--ssl", "127.0.0.1", "PORT"]));
}

#[test]
fn socat_is_a_member() {
    let arguments = ["-t5", "-", "OPENSSL:127.0.0.1:PORT,verify=0"];
    is_a_member("socat", Command::new("socat").args(arguments));
}

#[test]
fn python_is_a_member() {
    const CLIENT: &str = "
import ssl, socket, sys, threading
context = ssl._create_unverified_context()
room = context.wrap_socket(socket.create_connection(('127.0.0.1', PORT)))
def read():
    while lines := room.recv(65536):
        sys.stdout.buffer.write(lines)
reader = threading.Thread(target=read)
reader.start()
for line in sys.stdin.buffer:
    room.sendall(line)
reader.join()
";
    is_a_member("python", Command::new("python3").args(["-c", CLIENT]));
}

/// Runs the tests of one file once more, with every server of theirs behind a bridge to its TLS. Those in `but` are
/// about how a client's system ends a connection, what it holds, or in which order clients come, and would try the
/// bridge's.
fn pass_over_tls(file: &str, but: &[&str]) {
    if bridge::is_everywhere() {
        return;
    }
    let mut tests = Command::new(std::env::current_exe().expect("it runs"));
    tests.args([&format!("{file}::"), "--test-threads", "4"]).env(bridge::VARIABLE, "1");
    // Names are found anywhere in a path.
    tests.args(["--skip", &format!("_{file}::")]);
    for test in but {
        tests.args(["--skip", test]);
    }
    let done = tests.output().expect("it starts");
    let told = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success() && told.contains("test result: ok."), "{told}");
}

#[test]
fn what_is_true_of_the_room_is_true_over_tls() {
    pass_over_tls(
        "room",
        &[
            "a_client_that_breaks_off_is_told_apart_from_one_that_ends",
            "what_has_arrived_of_a_client_that_closes_at_once_is_said_before_it_has_left",
            "one_who_is_gone_holds_its_place_for_as_long_as_a_stalled_one_at_most",
        ],
    );
}

#[test]
fn what_is_true_of_resuming_is_true_over_tls() {
    pass_over_tls(
        "resume",
        &[
            "who_comes_back_takes_its_own_place_where_there_is_no_other",
            "those_who_wait_before_a_full_room_keep_nobody_out_who_comes_back",
        ],
    );
}

#[test]
fn what_is_true_of_cut_connections_is_true_over_tls() {
    pass_over_tls("cuts", &[]);
}

#[test]
fn what_is_true_of_the_limits_is_true_over_tls() {
    let stalled =
        "one_who_takes_a_little_within_the_stall_timeout_stays_and_one_who_takes_nothing_goes";
    pass_over_tls("limits", &[stalled]);
}

#[test]
fn what_is_true_of_forged_lines_is_true_over_tls() {
    pass_over_tls("forgery", &[]);
}
