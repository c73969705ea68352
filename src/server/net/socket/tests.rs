//! Sockets whose peers close, vanish, send much or take nothing.

use std::io::Write;
use std::net::TcpListener;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Instant;

use socket2::SockRef;

use super::*;

/// How long anything may take before a test fails.
const DEADLINE: Duration = Duration::from_secs(20);

/// What a test sends at once.
const PIECE: usize = 64 * 1024;

/// Far more than two systems' buffers hold, in bytes.
const TOO_MUCH: usize = 256 * 1024 * 1024;

/// A socket of ours, and its peer's, which blocks.
fn pair() -> (Socket, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let peer = TcpStream::connect(address).expect("it listens");
    let (ours, _) = listener.accept().expect("one has connected");
    let ours = Socket::new(ours, DEADLINE).expect("an open socket");
    peer.set_read_timeout(Some(DEADLINE)).expect("an open socket");
    (ours, peer)
}

/// Does it on another thread: a wait that never ends is a failure, and no standstill.
#[track_caller]
fn in_time<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, result) = mpsc::channel();
    thread::spawn(move || done.send(work()));
    result.recv_timeout(DEADLINE).expect("it is done in time")
}

/// Sends until nothing more is taken, and gives how much was.
fn fill(socket: &Socket) -> usize {
    let piece = vec![b'x'; PIECE];
    let slices = [IoSlice::new(&piece[..1000]), IoSlice::new(&piece[1000..])];
    let mut sent = 0;
    loop {
        match socket.send(&slices) {
            Ok(length) => sent += length,
            Err(e) if e.kind() == ErrorKind::WouldBlock => return sent,
            Err(e) => panic!("{e} after {sent} bytes"),
        }
        assert!(sent < TOO_MUCH, "there is no end of what it takes");
    }
}

#[test]
fn sends_to_a_peer_that_takes_nothing_end_and_do_not_wait() {
    let (ours, peer) = pair();
    SockRef::from(&ours.stream).set_send_buffer_size(PIECE).expect("an open socket");
    let sent = in_time(move || {
        let sent = fill(&ours);
        assert_eq!(
            ours.send(&[IoSlice::new(b"x")]).map_err(|e| e.kind()),
            Err(ErrorKind::WouldBlock)
        );
        sent
    });
    assert!(sent > 0);
    drop(peer);
}

#[test]
fn a_full_socket_can_be_waited_for_and_takes_more_when_the_peer_has_read() {
    let (ours, mut peer) = pair();
    let timeout = timespec(DEADLINE);
    let (sent, more) = in_time(move || {
        let sent = fill(&ours);
        let reading = thread::spawn(move || {
            let mut bytes = Vec::new();
            peer.read_to_end(&mut bytes).expect("it ends well");
            bytes.len()
        });
        let ready = poll(&mut [ours.as_poll()], Some(&timeout));
        assert_eq!(ready, Ok(1));
        let more = ours.send(&[IoSlice::new(b"more")]).expect("it takes more");
        drop(ours);
        (sent + more, reading.join().expect("it reads all"))
    });
    assert_eq!(sent, more);
}

#[test]
fn what_is_taken_of_many_pieces_arrives_once_and_in_order() {
    const NUMBERS: u32 = 2_000_000;
    let (ours, mut peer) = pair();
    let numbers: Vec<u8> = (0..NUMBERS).flat_map(u32::to_le_bytes).collect();
    let expected = numbers.clone();
    let sending = thread::spawn(move || {
        let mut sent = 0;
        while sent < numbers.len() {
            let slices: Vec<_> = numbers[sent..].chunks(7001).take(64).map(IoSlice::new).collect();
            match ours.send(&slices) {
                Ok(length) => sent += length,
                Err(e) if e.kind() == ErrorKind::WouldBlock => thread::yield_now(),
                Err(e) => panic!("{e}"),
            }
        }
    });
    let mut arrived = Vec::new();
    peer.read_to_end(&mut arrived).expect("it ends well");
    sending.join().expect("all is sent");
    assert!(arrived == expected, "{} bytes", arrived.len());
}

#[test]
fn receiving_waits_as_long_as_it_may_and_no_longer() {
    let (ours, peer) = pair();
    in_time(move || {
        let timeout = Duration::from_millis(50);
        let begin = Instant::now();
        let received = ours.receive(&mut [0; 8], Some(timeout));
        assert_eq!(received.map_err(|e| e.kind()), Err(ErrorKind::TimedOut));
        assert!(begin.elapsed() >= timeout * 9 / 10, "{:?}", begin.elapsed());
    });
    drop(peer);
}

#[test]
fn who_receives_without_a_limit_gets_what_comes_and_keeps_no_send_waiting() {
    let (ours, mut peer) = pair();
    let ours = Arc::new(ours);
    let second = Arc::clone(&ours);
    let receiving = thread::spawn(move || {
        let mut bytes = [0; 8];
        let length = second.receive(&mut bytes, None).expect("something comes");
        bytes[..length].to_vec()
    });
    let mut question = [0; 8];
    in_time(move || assert_eq!(ours.send(&[IoSlice::new(b"question")]).ok(), Some(8)));
    peer.read_exact(&mut question).expect("it was sent");
    peer.write_all(b"answer").expect("ours is there");
    assert_eq!(in_time(move || receiving.join()).expect("it receives"), b"answer");
}

#[test]
fn a_look_at_the_first_byte_takes_nothing_and_ends_when_it_is_interrupted() {
    let (ours, mut peer) = pair();
    let ours = Arc::new(ours);
    let waker = Arc::new(Waker::new().expect("the system has one to spare"));
    assert_eq!(ours.peek(Duration::from_millis(20), Some(&waker)), None);
    let (second, interrupt) = (Arc::clone(&ours), Arc::clone(&waker));
    let looking = thread::spawn(move || second.peek(10 * DEADLINE, Some(&interrupt)));
    waker.wake();
    assert_eq!(in_time(move || looking.join()).expect("it looks"), None);
    peer.write_all(b"first").expect("ours is there");
    in_time(move || {
        assert_eq!(ours.peek(DEADLINE, None), Some(b'f'));
        let mut bytes = [0; 8];
        assert_eq!(ours.receive(&mut bytes, Some(DEADLINE)).ok(), Some(5));
        drop(peer);
        assert_eq!(ours.peek(DEADLINE, None), None);
    });
}

#[test]
fn the_end_of_what_the_peer_sends_is_no_bytes_and_more_can_be_sent() {
    let (ours, mut peer) = pair();
    peer.write_all(b"last").expect("ours is there");
    peer.shutdown(Shutdown::Write).expect("an open socket");
    in_time(move || {
        let mut bytes = [0; 8];
        assert_eq!(ours.receive(&mut bytes, None).ok(), Some(4));
        assert_eq!(ours.receive(&mut bytes, Some(DEADLINE)).ok(), Some(0));
        assert_eq!(ours.send(&[IoSlice::new(b"farewell")]).ok(), Some(8));
    });
    let mut farewell = [0; 8];
    peer.read_exact(&mut farewell).expect("it was sent");
}

#[test]
fn a_reset_by_the_peer_is_an_error_to_both() {
    let (ours, peer) = pair();
    SockRef::from(&peer).set_linger(Some(Duration::ZERO)).expect("an open socket");
    drop(peer);
    in_time(move || {
        let received = ours.receive(&mut [0; 8], Some(DEADLINE));
        assert_eq!(received.map_err(|e| e.kind()), Err(ErrorKind::ConnectionReset));
        let sent = ours.send(&[IoSlice::new(b"x")]).map_err(|e| e.kind());
        assert!(!matches!(sent, Ok(_) | Err(ErrorKind::WouldBlock)), "{sent:?}");
    });
}

#[test]
fn hanging_up_wakes_the_one_who_receives() {
    let (ours, peer) = pair();
    let ours = Arc::new(ours);
    let second = Arc::clone(&ours);
    let (begun, has_begun) = mpsc::channel();
    let receiving = thread::spawn(move || {
        begun.send(()).expect("the test waits");
        second.receive(&mut [0; 8], None)
    });
    has_begun.recv_timeout(DEADLINE).expect("it begins");
    ours.hang_up();
    let received = in_time(move || receiving.join()).expect("it receives");
    assert!(!matches!(received, Ok(1..)), "{received:?}");
    drop(peer);
}
