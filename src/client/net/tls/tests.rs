use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::sync::Arc;
use std::thread;

use rustls::{ServerConnection, Stream};

use super::handshake::{HANDSHAKE, shake_hands};
use super::verifier::Expected;
use super::*;
use crate::client::net::testing::Identity;

/// Both ends of one connection.
struct Pair {
    socket: TcpStream,
    tls: Tls,
    peer: TcpStream,
    state: ServerConnection,
}

impl Pair {
    /// A connection whose handshake is over; the server has said these bytes with the end of it.
    fn greeted(greeting: &[u8]) -> Pair {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let identity = Identity::usual();
        thread::scope(|scope| {
            let server = scope.spawn(|| {
                let (mut peer, _) = listener.accept().expect("it has come");
                let config = Arc::clone(&identity.config);
                let mut state = ServerConnection::new(config).expect("a good configuration");
                Stream::new(&mut state, &mut peer).write_all(greeting).expect("it is there");
                flush(&mut state, &mut peer);
                (peer, state)
            });
            let socket = TcpStream::connect(address).expect("it listens");
            let (tls, shown) =
                shake_hands(&socket, "127.0.0.1", Expected::Any, HANDSHAKE).expect("it is TLS");
            assert_eq!(shown.key, identity.key);
            let (peer, state) = server.join().expect("it shakes hands");
            Pair { socket, tls, peer, state }
        })
    }

    fn new() -> Pair {
        Pair::greeted(b"x").after_greeting()
    }

    fn after_greeting(self) -> Pair {
        assert_eq!(self.receives(), Ok(b"x".to_vec()));
        self
    }

    /// What comes next, or how it ends.
    fn receives(&self) -> Result<Vec<u8>, Received> {
        let mut bytes = [0; 100];
        match self.tls.receive(&self.socket, &mut bytes).expect("it is decrypted") {
            Received::Bytes(length) => Ok(bytes[..length].to_vec()),
            end => Err(end),
        }
    }

    fn server(&mut self) -> Stream<'_, ServerConnection, TcpStream> {
        Stream::new(&mut self.state, &mut self.peer)
    }

    /// Has the server say this.
    fn server_says(&mut self, bytes: &[u8]) {
        self.state.writer().write_all(bytes).expect("its handshake is over");
        flush(&mut self.state, &mut self.peer);
    }

    /// What the server reads until it has so many bytes.
    fn server_reads(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while bytes.len() < length {
            self.state.read_tls(&mut self.peer).expect("as much was sent");
            self.state.process_new_packets().expect("it is decrypted");
            // There may be no more for now.
            self.state.reader().read_to_end(&mut bytes).ok();
        }
        bytes
    }
}

/// Writes what there is, where `complete_io` would go on with reading.
fn flush(state: &mut ServerConnection, peer: &mut TcpStream) {
    while state.wants_write() {
        state.write_tls(peer).expect("it is there");
    }
}

/// Lines of many lengths, the longest of several records.
fn lines(bytes: usize) -> Vec<u8> {
    let mut text = Vec::new();
    for number in 0.. {
        if text.len() >= bytes {
            break;
        }
        let length = [0, 7, 300, 5000, 40_000][number % 5];
        text.extend((0..length).map(|at| b'a' + ((at + number) % 26) as u8));
        text.push(b'\n');
    }
    text
}

#[test]
fn what_comes_with_the_end_of_the_handshake_is_received_without_waiting_for_more() {
    let pair = Pair::greeted(b"-- welcome\n");
    pair.socket.set_read_timeout(Some(Duration::from_secs(10))).expect("not zero");
    assert_eq!(pair.receives(), Ok(b"-- welcome\n".to_vec()));
}

/// Or what waits to be sent would never get over a connection that is always cut after some kilobytes.
#[test]
fn the_first_records_of_a_connection_are_small() {
    let mut out = Outgoing::default();
    let text = lines(200_000);
    assert_eq!(out.record_size(), FIRST_RECORD);
    assert!((1..=FIRST_RECORD).contains(&next_record(&text, out.record_size()).len()));
    out.recorded = IN_FIRST_RECORDS;
    assert_eq!(out.record_size(), RECORD);
}

#[test]
fn records_are_whole_lines_as_far_as_they_fit() {
    let text = lines(200_000);
    let mut rest = &text[..];
    while !rest.is_empty() {
        let record = next_record(rest, RECORD);
        assert!((1..=RECORD).contains(&record.len()));
        let has_line_end = rest[..RECORD.min(rest.len())].contains(&b'\n');
        assert!(record.ends_with(b"\n") || !has_line_end);
        rest = &rest[record.len()..];
    }
}

/// If decrypting waited for a write, neither side would ever come to an end.
#[test]
fn a_write_that_waits_keeps_nobody_from_reading() {
    let Pair { socket, tls, mut peer, mut state } = Pair::new();
    let text = lines(8 << 20);
    thread::scope(|scope| {
        scope.spawn(|| {
            // It takes nothing before all of its own is taken.
            let mut server = Stream::new(&mut state, &mut peer);
            server.write_all(&text).and_then(|()| server.flush()).expect("the client reads");
            let mut read = vec![0; text.len()];
            server.read_exact(&mut read).expect("as much was sent");
            assert!(read == text);
        });
        scope.spawn(|| tls.send(&socket, &text).expect("it is taken in the end"));
        let mut received = Vec::new();
        let mut bytes = vec![0; 8192];
        while received.len() < text.len() {
            match tls.receive(&socket, &mut bytes).expect("it is decrypted") {
                Received::Bytes(length) => received.extend_from_slice(&bytes[..length]),
                end => panic!("{end:?} after {} bytes", received.len()),
            }
        }
        assert!(received == text);
    });
}

/// A line counts once its whole record is written, and the next call goes on in the middle of a record.
#[cfg(unix)]
#[test]
fn what_is_counted_as_sent_is_what_the_server_gets() {
    let mut pair = Pair::new();
    let text = lines(16 << 20);
    pair.socket.set_write_timeout(Some(Duration::from_millis(50))).expect("not zero");
    let mut sent = 0;
    loop {
        match pair.tls.send_some(&pair.socket, &text[sent..]) {
            Ok(length) => sent += length,
            Err(why) if why.kind() == ErrorKind::WouldBlock => break,
            Err(why) => panic!("{why}"),
        }
    }
    assert!(sent > 0 && sent < text.len(), "{sent}");
    let is_in_the_middle = !lock(&pair.tls.writing).is_written();
    assert!(is_in_the_middle, "the test wants a record that is not written whole");
    thread::scope(|scope| {
        let (peer, state) = (&mut pair.peer, &mut pair.state);
        let server = scope.spawn(|| {
            let mut read = vec![0; text.len()];
            Stream::new(state, peer).read_exact(&mut read).expect("as much was sent");
            read
        });
        while sent < text.len() {
            match pair.tls.send_some(&pair.socket, &text[sent..]) {
                Ok(length) => sent += length,
                Err(why) if why.kind() == ErrorKind::WouldBlock => {}
                Err(why) => panic!("{why}"),
            }
        }
        assert!(server.join().expect("it reads") == text, "something is lost or comes twice");
    });
}

#[test]
fn lines_in_a_record_that_is_not_written_whole_are_not_counted() {
    let pair = Pair::new();
    let text = lines(16 << 20);
    pair.socket.set_write_timeout(Some(Duration::from_millis(50))).expect("not zero");
    let mut sent = 0;
    while let Ok(length) = pair.tls.send_some(&pair.socket, &text[sent..]) {
        sent += length;
    }
    // What the server can decrypt is all that was counted, or more: never less.
    let Pair { tls, socket, peer, mut state } = pair;
    drop(tls);
    drop(socket);
    let mut decrypted = Vec::new();
    let mut stream = peer;
    loop {
        match state.read_tls(&mut stream) {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
        state.process_new_packets().expect("records are whole, but for the last");
        state.reader().read_to_end(&mut decrypted).ok();
    }
    assert_eq!(decrypted.len(), sent, "of {} bytes", text.len());
    assert!(text.starts_with(&decrypted));
}

#[test]
fn an_end_is_one_only_if_the_server_says_so() {
    let mut pair = Pair::new();
    pair.server().write_all(b"half a li").expect("it is there");
    pair.state.send_close_notify();
    flush(&mut pair.state, &mut pair.peer);
    assert_eq!(pair.receives(), Ok(b"half a li".to_vec()));
    assert_eq!(pair.receives(), Err(Received::End));
    let mut pair = Pair::new();
    pair.server().write_all(b"half a li").expect("it is there");
    pair.peer.shutdown(Shutdown::Write).expect("it is open");
    assert_eq!(pair.receives(), Ok(b"half a li".to_vec()));
    assert_eq!(pair.receives(), Err(Received::Cut));
}

#[test]
fn what_was_changed_on_the_way_is_an_error_behind_what_was_not() {
    let mut pair = Pair::new();
    pair.server().write_all(b"good\n").expect("it is there");
    let forged = [&[23, 3, 3, 0, 40][..], &[7; 40]].concat();
    pair.peer.write_all(&forged).expect("it is there");
    assert_eq!(pair.receives(), Ok(b"good\n".to_vec()));
    let why = pair.tls.receive(&pair.socket, &mut [0; 100]).expect_err("it was forged");
    assert_eq!(why.kind(), ErrorKind::InvalidData);
}

#[test]
fn our_end_is_told_before_the_sockets_and_what_the_server_sends_still_comes() {
    let mut pair = Pair::new();
    pair.tls.send(&pair.socket, b"last\n").expect("it is there");
    pair.tls.send_end(&pair.socket).expect("it is there");
    pair.socket.shutdown(Shutdown::Write).expect("it is open");
    let mut read = Vec::new();
    // An end that was not told would be an error.
    pair.server().read_to_end(&mut read).expect("a told end");
    assert_eq!(read, b"last\n");
    pair.server().write_all(b"bye\n").expect("it is there");
    assert_eq!(pair.receives(), Ok(b"bye\n".to_vec()));
}

#[test]
fn both_sides_have_the_same_binding_and_no_other_connection_has_it() {
    let [mut one, other] = [Pair::new(), Pair::new()];
    let binding = one.tls.exporter();
    assert!(binding == Exporter::of(&one.state).expect("its handshake is over"));
    assert!(binding != other.tls.exporter());
    // Either side takes new keys: what was sent before and after comes, and the binding stays.
    one.server_says(b"a");
    one.state.refresh_traffic_keys().expect("its handshake is over");
    one.server_says(b"b");
    let mut received = Vec::new();
    while received.len() < 2 {
        received.extend(one.receives().expect("it goes on"));
    }
    assert_eq!(received, b"ab");
    one.tls.send(&one.socket, b"c").expect("it is there");
    lock(&one.tls.state).refresh_traffic_keys().expect("its handshake is over");
    one.tls.send(&one.socket, b"d").expect("it is there");
    assert_eq!(one.server_reads(2), b"cd");
    assert!(binding == Exporter::of(&one.state).expect("its handshake is over"));
    assert!(binding == Exporter::of(&*lock(&one.tls.state)).expect("its handshake is over"));
}

#[test]
fn the_last_word_is_left_out_while_another_thread_writes_and_waits_for_no_server() {
    let pair = Pair::new();
    let patience = Duration::from_millis(100);
    let within = |pair: &Pair| {
        let begun = Instant::now();
        pair.tls.send_last(&pair.socket, b"/quit\n", patience);
        begun.elapsed()
    };
    let held = lock(&pair.tls.writing);
    let time = within(&pair);
    assert!((patience..10 * patience).contains(&time), "{time:?}");
    drop(held);
    // The server takes nothing.
    pair.socket.set_write_timeout(Some(patience)).expect("not zero");
    let text = lines(16 << 20);
    while pair.tls.send_some(&pair.socket, &text).is_ok() {}
    let time = within(&pair);
    assert!(time < 10 * patience, "{time:?}");
}

#[test]
fn the_last_word_is_followed_by_a_told_end() {
    let mut pair = Pair::new();
    pair.tls.send_last(&pair.socket, b"/quit\n", Duration::from_millis(100));
    let mut read = Vec::new();
    pair.server().read_to_end(&mut read).expect("a told end");
    assert_eq!(read, b"/quit\n");
}
