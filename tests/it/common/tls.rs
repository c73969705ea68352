//! A client over TLS, which speaks bytes and remembers the whole conversation, as a plain one does.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustls::ClientConnection;

use super::DEADLINE;
use super::anyone::trusting;

/// A client over TLS.
pub struct TlsClient {
    pub connection: ClientConnection,
    pub stream: TcpStream,
    received: Vec<u8>,
    seen: usize,
}

impl TlsClient {
    /// One that has shaken hands, and sent nothing.
    pub fn connect(address: SocketAddr) -> TlsClient {
        let stream = TcpStream::connect(address).expect("the server accepts");
        let mut client = TlsClient::over(stream, &[b"chatroom/1"]);
        client.shake_hands();
        client
    }

    /// One that has not begun, and is going to offer these protocols.
    pub fn over(stream: TcpStream, protocols: &[&[u8]]) -> TlsClient {
        stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        stream.set_nodelay(true).unwrap();
        let connection = trusting(protocols);
        TlsClient { connection, stream, received: Vec::new(), seen: 0 }
    }

    /// One that is in the room under `name`.
    pub fn join(address: SocketAddr, name: &str) -> TlsClient {
        let mut client = TlsClient::connect(address);
        client.send(format!("/nick {name}\n"));
        client.expect("-- chatroom 1: welcome (/help for the commands)");
        client.expect_start(&format!("-- you are {name}, "));
        client
    }

    /// Ends the handshake.
    pub fn shake_hands(&mut self) {
        let deadline = Instant::now() + DEADLINE;
        while self.connection.is_handshaking() {
            assert!(Instant::now() < deadline, "the server shakes no hands");
            self.flush();
            self.take_in().expect("the server shakes hands");
        }
        self.flush();
    }

    /// Sends what the library has encrypted.
    pub fn flush(&mut self) {
        while self.connection.wants_write() {
            self.connection.write_tls(&mut self.stream).expect("the server takes it");
        }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        for part in bytes.as_ref().chunks(16 * 1024) {
            self.connection.writer().write_all(part).expect("it is connected");
            self.flush();
        }
    }

    /// Says that it sends nothing more, as TLS has it, and goes on to read.
    pub fn finish(&mut self) {
        self.connection.send_close_notify();
        self.flush();
    }

    /// Sends nothing more, and does not say so.
    pub fn cut(&self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    /// Takes in what comes within a moment: how many bytes, 0 at the end.
    fn take_in(&mut self) -> std::io::Result<usize> {
        match self.connection.read_tls(&mut self.stream) {
            Err(why) if matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(1),
            read => {
                let read = read?;
                self.connection.process_new_packets().map_err(std::io::Error::other)?;
                Ok(read)
            }
        }
    }

    /// The next line; `None` at the end that the server has announced.
    pub fn line(&mut self) -> Option<String> {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let rest = &self.received[self.seen..];
            if let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
                let line = String::from_utf8(rest[..end].to_vec()).expect("lines are UTF-8");
                self.seen += end + 1;
                return Some(line);
            }
            let mut chunk = [0; 65536];
            match self.connection.reader().read(&mut chunk) {
                Ok(0) => {
                    assert!(rest.is_empty(), "cut off: {:?}", String::from_utf8_lossy(rest));
                    return None;
                }
                Ok(length) => self.received.extend_from_slice(&chunk[..length]),
                Err(why) if why.kind() == ErrorKind::WouldBlock => {
                    let said = self.conversation();
                    assert!(Instant::now() < deadline, "nothing more came after:\n{said}");
                    let length = self.take_in();
                    let length = length.unwrap_or_else(|why| panic!("{why} after:\n{said}"));
                    assert!(length > 0, "the end comes without a word after:\n{said}");
                }
                Err(why) => panic!("{why} after:\n{}", self.conversation()),
            }
        }
    }

    /// The next line is this one.
    #[track_caller]
    pub fn expect(&mut self, line: &str) {
        assert_eq!(self.line().as_deref(), Some(line), "in:\n{}", self.conversation());
    }

    /// The next line begins like this.
    #[track_caller]
    pub fn expect_start(&mut self, start: &str) -> String {
        let line = self.line().unwrap_or_default();
        assert!(line.starts_with(start), "{start:?} expected in:\n{}", self.conversation());
        line
    }

    /// The server says that nothing more comes.
    #[track_caller]
    pub fn expect_end(&mut self) {
        assert_eq!(self.line(), None, "in:\n{}", self.conversation());
    }

    fn conversation(&self) -> String {
        String::from_utf8_lossy(&self.received).into_owned()
    }
}
