//! The contract, for each framing: what the sessions and the broadcaster rely on.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Instant;

use rustls::ClientConnection;

use super::*;
use crate::server::net::tls::handshake::{Failure, Handshake};
use crate::server::net::tls::identity::Identity;
use crate::server::system::{Mutex, poll};
use crate::tls::anyone;

/// How long anything may take before a test fails.
const DEADLINE: Duration = Duration::from_secs(20);

/// The client's end.
struct Peer {
    stream: TcpStream,
    /// Its TLS, if it has any.
    tls: Option<ClientConnection>,
}

impl Peer {
    /// Sends that, as one record over TLS.
    fn send(&mut self, bytes: &[u8]) {
        self.send_in_pieces(bytes, usize::MAX, Duration::ZERO);
    }

    /// Sends what stands for that on the wire, so many bytes at a time.
    fn send_in_pieces(&mut self, bytes: &[u8], size: usize, pause: Duration) {
        let mut wire = bytes.to_vec();
        if let Some(tls) = &mut self.tls {
            tls.writer().write_all(bytes).expect("it is connected");
            wire.clear();
            while tls.wants_write() {
                tls.write_tls(&mut wire).expect("memory takes it");
            }
        }
        for piece in wire.chunks(size.min(wire.len())) {
            self.stream.write_all(piece).expect("ours is there");
            thread::sleep(pause);
        }
    }

    /// Says that nothing more comes, as its framing has it.
    fn finish(&mut self) {
        match &mut self.tls {
            None => self.stream.shutdown(Shutdown::Write).expect("an open socket"),
            Some(tls) => {
                tls.send_close_notify();
                tls.write_tls(&mut self.stream).expect("ours is there");
            }
        }
    }

    /// The next bytes; none at the end, which TLS has to announce.
    fn receive(&mut self, into: &mut [u8]) -> usize {
        let Some(tls) = &mut self.tls else {
            return self.stream.read(into).expect("ours is there");
        };
        loop {
            match tls.reader().read(into) {
                Ok(length) => return length,
                Err(why) if why.kind() == ErrorKind::WouldBlock => {}
                // The announcement is left out where the socket is full, and on Windows that may be so behind all that
                // was sent.
                Err(why) if cfg!(windows) && why.kind() == ErrorKind::UnexpectedEof => return 0,
                Err(why) => panic!("{why}"),
            }
            tls.read_tls(&mut self.stream).expect("ours is there");
            tls.process_new_packets().expect("ours speaks TLS");
        }
    }

    fn receive_all(&mut self) -> Vec<u8> {
        let (mut all, mut some) = (Vec::new(), vec![0; 65536]);
        loop {
            match self.receive(&mut some) {
                0 => return all,
                length => all.extend_from_slice(&some[..length]),
            }
        }
    }
}

/// A transport and its peer, over the same socket's two ends; with TLS or without.
fn pair(is_tls: bool) -> (Arc<Transport>, Peer) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(DEADLINE)).expect("an open socket");
    stream.set_nodelay(true).expect("an open socket");
    let (ours, _) = listener.accept().expect("one has connected");
    let transport = Transport::new(Socket::new(ours, DEADLINE).expect("an open socket"));
    let mut peer = Peer { stream, tls: is_tls.then(|| anyone::trusting(&[])) };
    if let Some(tls) = &mut peer.tls {
        let mut stream = peer.stream.try_clone().expect("a second handle");
        thread::scope(|scope| {
            scope.spawn(|| transport.encrypt(shaken(&transport).expect("they agree")));
            while tls.is_handshaking() {
                tls.complete_io(&mut stream).expect("they agree");
            }
        });
    }
    (Arc::new(transport), peer)
}

fn shaken(transport: &Transport) -> Result<Tls, Failure> {
    let identity = Identity::of_one_run().expect("a key");
    let computing = Mutex::new(());
    let deadline = Instant::now() + DEADLINE;
    Handshake::new(transport.socket(), Vec::new(), deadline, &computing).run(&identity)
}

/// Tries something with each framing.
fn with_each(test: impl Fn(Arc<Transport>, Peer)) {
    for is_tls in [false, true] {
        let (transport, peer) = pair(is_tls);
        test(transport, peer);
    }
}

/// Does it on another thread: a wait that never ends is a failure, and no standstill.
#[track_caller]
fn in_time<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, result) = mpsc::channel();
    thread::spawn(move || done.send(work()));
    result.recv_timeout(DEADLINE).expect("it is done in time")
}

/// Sends all of it, and then all that is owed, as the broadcaster does. Whether anything was ever owed.
fn send_all(transport: &Transport, bytes: &[u8]) -> bool {
    let (mut sent, mut has_owed) = (0, false);
    while sent < bytes.len() || transport.owes() {
        let slices: Vec<_> = bytes[sent..].chunks(7001).take(64).map(IoSlice::new).collect();
        let owed = transport.owes();
        match transport.send(&slices) {
            Ok(0) => assert!(owed, "nothing was owed, and nothing is taken"),
            Ok(length) => sent += length,
            Err(why) if why.kind() == ErrorKind::WouldBlock => {
                poll(&mut [transport.as_poll()], None).expect("it can be waited for");
            }
            Err(why) => panic!("{why}"),
        }
        has_owed |= transport.owes();
    }
    has_owed
}

fn numbers(count: u32) -> Vec<u8> {
    (0..count).flat_map(u32::to_le_bytes).collect()
}

#[test]
fn what_is_taken_arrives_once_and_in_order_and_then_the_end() {
    with_each(|transport, mut peer| {
        let (all, expected) = (numbers(2_000_000), numbers(2_000_000));
        let sending = thread::spawn(move || {
            send_all(&transport, &all);
            transport.finish();
        });
        let arrived = in_time(move || peer.receive_all());
        sending.join().expect("all is sent");
        assert!(arrived == expected, "{} bytes", arrived.len());
    });
}

#[test]
fn a_socket_that_takes_one_byte_at_a_time_loses_nothing() {
    with_each(|transport, mut peer| {
        transport.socket().make_reluctant();
        let (all, expected) = (numbers(10_000), numbers(10_000));
        let is_tls = peer.tls.is_some();
        let sending = thread::spawn(move || {
            assert_eq!(send_all(&transport, &all), is_tls);
            transport.socket().finish();
        });
        let arrived = in_time(move || {
            let mut arrived = vec![0; expected.len()];
            let mut length = 0;
            while length < arrived.len() {
                length += peer.receive(&mut arrived[length..]);
            }
            (arrived == expected).then_some(length)
        });
        sending.join().expect("all is sent");
        assert_eq!(arrived, Some(40_000));
    });
}

/// Or one who comes back over a connection that is always cut after some kilobytes would never get on.
#[test]
fn a_few_kilobytes_of_a_connection_are_enough_to_read_a_beginning() {
    let (transport, mut peer) = pair(true);
    let (all, mut wire) = (numbers(40_000), vec![0; 4000]);
    let sent = all.clone();
    let sending = thread::spawn(move || send_all(&transport, &sent));
    peer.stream.read_exact(&mut wire).expect("ours sends");
    let mut tls = peer.tls.take().expect("it has TLS");
    tls.read_tls(&mut &wire[..]).expect("memory takes it");
    tls.process_new_packets().expect("ours speaks TLS");
    let mut read = vec![0; 2000];
    tls.reader().read_exact(&mut read).expect("so much of it is whole");
    assert!(read == all[..read.len()]);
    in_time(move || sending.join()).expect("the sockets take all of it");
}

#[test]
fn a_peer_that_reads_nothing_makes_sends_end_and_what_is_owed_is_bounded() {
    with_each(|transport, mut peer| {
        let text = vec![b'x'; 1 << 20];
        let sender = Arc::clone(&transport);
        let taken = in_time(move || {
            let mut taken = 0;
            loop {
                match sender.send(&[IoSlice::new(&text)]) {
                    Ok(length) => taken += length,
                    Err(why) if why.kind() == ErrorKind::WouldBlock => return taken,
                    Err(why) => panic!("{why}"),
                }
                assert!(taken < 1 << 26, "there is no end of what it takes");
            }
        });
        assert_eq!(transport.owes(), peer.tls.is_some());
        assert!(transport.has_refused(0, 1));
        let sender = Arc::clone(&transport);
        let sending = thread::spawn(move || {
            send_all(&sender, b"");
            sender.finish();
        });
        assert_eq!(in_time(move || peer.receive_all().len()), taken);
        sending.join().expect("all is sent");
        assert!(!transport.owes() && !transport.has_refused(0, 0));
    });
}

#[test]
fn the_time_for_a_receive_is_one_for_all_pieces_of_a_record() {
    let (transport, mut peer) = pair(true);
    let pause = Duration::from_millis(20);
    let sending = thread::spawn(move || {
        peer.send_in_pieces(b"hello", 1, pause);
        peer
    });
    let begin = Instant::now();
    let timeout = Duration::from_millis(100);
    let received = transport.receive(&mut [0; 8], Some(timeout)).map_err(|why| why.kind());
    assert_eq!(received, Err(ErrorKind::TimedOut));
    assert!(begin.elapsed() < 2 * timeout, "{:?}", begin.elapsed());
    let mut bytes = [0; 8];
    assert_eq!(transport.receive(&mut bytes, Some(DEADLINE)).ok(), Some(Received::Bytes(5)));
    assert_eq!(&bytes[..5], b"hello");
    drop(sending.join());
}

#[test]
fn bytes_that_are_there_are_given_before_anything_is_waited_for() {
    with_each(|transport, mut peer| {
        peer.send(b"one");
        peer.send(b"two");
        thread::sleep(Duration::from_millis(50));
        let mut all = Vec::new();
        while all.len() < 6 {
            let mut some = [0; 2];
            match transport.receive(&mut some, Some(Duration::ZERO)) {
                Ok(Received::Bytes(length)) => all.extend_from_slice(&some[..length]),
                other => panic!("{other:?} after {all:?}"),
            }
        }
        assert_eq!(all, b"onetwo");
        let nothing = transport.receive(&mut [0; 2], Some(Duration::ZERO));
        assert_eq!(nothing.map_err(|why| why.kind()), Err(ErrorKind::TimedOut));
    });
}

#[test]
fn many_records_and_long_ones_come_whole() {
    with_each(|transport, mut peer| {
        let all = numbers(300_000);
        let expected = all.clone();
        let sending = thread::spawn(move || {
            let (short, long) = all.split_at(60_000);
            short.chunks(23).for_each(|piece| peer.send(piece));
            long.chunks(16 * 1024).for_each(|piece| peer.send(piece));
            peer.finish();
            peer
        });
        let arrived = in_time(move || {
            let (mut arrived, mut some) = (Vec::new(), vec![0; 64 * 1024]);
            while let Ok(Received::Bytes(length)) = transport.receive(&mut some, None) {
                arrived.extend_from_slice(&some[..length]);
            }
            arrived
        });
        assert!(arrived == expected, "{} bytes", arrived.len());
        drop(sending.join());
    });
}

#[test]
fn a_peer_that_sends_nothing_more_is_still_sent_what_is_due() {
    with_each(|transport, mut peer| {
        peer.send(b"last");
        peer.finish();
        let mut bytes = [0; 8];
        assert_eq!(transport.receive(&mut bytes, Some(DEADLINE)).ok(), Some(Received::Bytes(4)));
        for _ in 0..2 {
            assert_eq!(transport.receive(&mut bytes, Some(DEADLINE)).ok(), Some(Received::End));
        }
        send_all(&transport, b"farewell");
        transport.finish();
        assert_eq!(in_time(move || peer.receive_all()), b"farewell");
    });
}

#[test]
fn tls_that_ends_without_a_word_is_cut() {
    let (transport, mut peer) = pair(true);
    peer.send(b"half a li");
    peer.stream.shutdown(Shutdown::Write).expect("an open socket");
    let mut bytes = [0; 16];
    assert_eq!(transport.receive(&mut bytes, Some(DEADLINE)).ok(), Some(Received::Bytes(9)));
    assert_eq!(transport.receive(&mut bytes, Some(DEADLINE)).ok(), Some(Received::Cut));
}

#[test]
fn what_does_not_decrypt_ends_the_connection_behind_what_did() {
    let (transport, mut peer) = pair(true);
    peer.send(b"good");
    peer.stream.write_all(b"\x17\x03\x03\x00\x15this was never sealed").expect("ours is there");
    let mut bytes = [0; 16];
    assert_eq!(transport.receive(&mut bytes, Some(DEADLINE)).ok(), Some(Received::Bytes(4)));
    for _ in 0..2 {
        let received = transport.receive(&mut bytes, Some(DEADLINE));
        assert_eq!(received.map_err(|why| why.kind()), Err(ErrorKind::InvalidData));
    }
    assert!(transport.send(&[IoSlice::new(b"x")]).is_err());
}

#[test]
fn hanging_up_wakes_the_one_that_receives_also_during_a_handshake() {
    with_each(|transport, peer| {
        let second = Arc::clone(&transport);
        let receiving = thread::spawn(move || second.receive(&mut [0; 8], None));
        thread::sleep(Duration::from_millis(20));
        transport.hang_up();
        let received = in_time(move || receiving.join()).expect("it receives");
        assert!(!matches!(received, Ok(Received::Bytes(_))), "{received:?}");
        drop(peer);
    });
    let (transport, _peer) = pair(false);
    let second = Arc::clone(&transport);
    let shaking = thread::spawn(move || shaken(&second).is_err());
    thread::sleep(Duration::from_millis(20));
    transport.hang_up();
    assert!(in_time(move || shaking.join()).expect("it shakes hands"));
}

#[test]
fn keys_are_renewed_from_either_side_and_nothing_is_lost() {
    let (transport, mut peer) = pair(true);
    let before = transport.exporter();
    for round in 0..5_u8 {
        let tls = peer.tls.as_mut().expect("it has TLS");
        tls.refresh_traffic_keys().expect("it is connected");
        peer.send(&[round]);
        let mut byte = [0; 8];
        assert_eq!(transport.receive(&mut byte, Some(DEADLINE)).ok(), Some(Received::Bytes(1)));
        assert_eq!(byte[0], round);
        if let Some(Framing::Tls(tls)) = transport.framing.get() {
            tls.refresh_keys();
        }
        send_all(&transport, &[round]);
        assert_eq!(peer.receive(&mut byte), 1);
        assert_eq!(byte[0], round);
    }
    let tls = peer.tls.as_ref().expect("it has TLS");
    assert_eq!(Exporter::of(tls).ok(), before, "the exporter stays the same");
}

#[test]
fn both_ends_have_the_same_exporter_and_no_other_connection_has_it() {
    let [(one, peer), (other, _)] = [pair(true), pair(true)];
    let theirs = Exporter::of(peer.tls.as_ref().expect("it has TLS")).ok();
    assert_eq!(one.exporter(), theirs);
    assert!(one.exporter().is_some() && one.exporter() != other.exporter());
    assert_eq!(pair(false).0.exporter(), None);
}

#[test]
fn a_client_that_offers_another_protocol_alone_gets_in() {
    let (transport, mut peer) = pair(false);
    let mut tls = anyone::trusting(&[b"http/1.1", b"h2"]);
    let second = Arc::clone(&transport);
    let shaking = thread::spawn(move || shaken(&second).map(drop));
    while tls.is_handshaking() {
        tls.complete_io(&mut peer.stream).expect("they agree");
    }
    assert!(shaking.join().expect("it shakes hands").is_ok());
    assert_eq!(tls.alpn_protocol(), None);
}
