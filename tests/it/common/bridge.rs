//! A bridge between plain clients and a server's TLS: each connection to it is one over TLS to the server, and ends as
//! the other one ends. So tests of the wire that know plain clients alone say the same of TLS.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustls::ClientConnection;

use super::anyone::trusting;

/// Set for a run of the tests in which every server is behind a bridge.
pub const VARIABLE: &str = "CHATROOM_TESTS_OVER_TLS";

/// How long a client may take to say what it says before it has heard anything.
const AT_ONCE: Duration = Duration::from_millis(50);

/// Whether it is such a run.
pub fn is_everywhere() -> bool {
    std::env::var_os(VARIABLE).is_some()
}

/// Opens a bridge to a server that speaks TLS. It is there until the tests end.
pub fn open(server: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    thread::spawn(move || {
        for plain in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || cross(plain, server));
        }
    });
    address
}

/// Serves one connection.
fn cross(plain: TcpStream, server: SocketAddr) -> Option<()> {
    // What a client says at once follows the handshake at once: the server waits for it from then on.
    plain.set_read_timeout(Some(AT_ONCE)).ok()?;
    plain.peek(&mut [0]).ok();
    plain.set_read_timeout(None).ok()?;
    let mut wire = TcpStream::connect(server).ok()?;
    wire.set_nodelay(true).ok()?;
    plain.set_nodelay(true).ok()?;
    let mut tls = trusting(&[]);
    while tls.is_handshaking() {
        tls.complete_io(&mut wire).ok()?;
    }
    let tls = Arc::new(Mutex::new(tls));
    let (their_tls, their_plain, their_wire) =
        (Arc::clone(&tls), plain.try_clone().ok()?, wire.try_clone().ok()?);
    let down = thread::spawn(move || go_down(&their_tls, their_plain, their_wire));
    go_up(&tls, plain, wire);
    down.join().ok().flatten()
}

/// From the client to the server, until either ends.
fn go_up(tls: &Mutex<ClientConnection>, mut plain: TcpStream, mut wire: TcpStream) -> Option<()> {
    let mut bytes = vec![0; 16 * 1024];
    loop {
        let read = plain.read(&mut bytes);
        let mut sealed = Vec::new();
        {
            let mut tls = tls.lock().unwrap();
            match read {
                Ok(0) => tls.send_close_notify(),
                Ok(length) => tls.writer().write_all(&bytes[..length]).ok()?,
                Err(why) if why.kind() == ErrorKind::Interrupted => continue,
                Err(_) => {
                    reset(&wire);
                    return None;
                }
            }
            while tls.wants_write() {
                tls.write_tls(&mut sealed).ok()?;
            }
        }
        if wire.write_all(&sealed).is_err() {
            plain.shutdown(Shutdown::Read).ok();
            return None;
        }
        if read.is_ok_and(|length| length == 0) {
            return Some(());
        }
    }
}

/// From the server to the client, until either ends.
fn go_down(tls: &Mutex<ClientConnection>, mut plain: TcpStream, mut wire: TcpStream) -> Option<()> {
    let mut sealed = vec![0; 16 * 1024];
    // Some may have come with the handshake.
    let mut left: &[u8] = &[];
    loop {
        let (opened, is_over) = open_all(&mut tls.lock().unwrap());
        if plain.write_all(&opened).is_err() {
            reset(&wire);
            return None;
        }
        if is_over {
            plain.shutdown(Shutdown::Write).ok();
            return Some(());
        }
        if left.is_empty() {
            let length = wire.read(&mut sealed).unwrap_or(0);
            if length == 0 {
                // Without a word: the client is to see that, too.
                reset(&plain);
                return None;
            }
            left = &sealed[..length];
        }
        let mut tls = tls.lock().unwrap();
        tls.read_tls(&mut left).ok()?;
        tls.process_new_packets().ok()?;
    }
}

/// All that was opened, and whether nothing more comes.
fn open_all(tls: &mut ClientConnection) -> (Vec<u8>, bool) {
    let (mut opened, mut bytes) = (Vec::new(), vec![0; 64 * 1024]);
    loop {
        match tls.reader().read(&mut bytes) {
            Ok(0) => return (opened, true),
            Ok(length) => opened.extend_from_slice(&bytes[..length]),
            Err(_) => return (opened, false),
        }
    }
}

/// Ends a connection at once.
fn reset(stream: &TcpStream) {
    socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO)).ok();
    stream.shutdown(Shutdown::Both).ok();
}
