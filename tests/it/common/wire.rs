//! A connection of a program's, plain or over TLS.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustls::ClientConnection;

use super::anyone::trusting;
use super::trial::PATIENCE;

/// How long one look for what has come may take.
const LOOK: Duration = Duration::from_millis(1);

/// How a program talks to the server.
#[derive(Debug, Clone, Copy)]
pub enum Way {
    Plain,
    Tls,
}

impl Way {
    /// What a `chatclient` on this machine is told about it.
    pub fn argument(self) -> Vec<&'static str> {
        match self {
            Way::Plain => vec![],
            Way::Tls => vec!["--tls"],
        }
    }
}

/// A connection, which ends both ways when it is dropped: without a word of TLS, as that of a killed program.
pub struct Wire {
    stream: TcpStream,
    tls: Option<Box<ClientConnection>>,
}

impl Wire {
    /// A connection over which everything can be said; `None` if it was lost before.
    pub fn connect(server: SocketAddr, way: Way) -> Option<Wire> {
        let stream = TcpStream::connect(server).ok()?;
        stream.set_nodelay(true).ok()?;
        stream.set_read_timeout(Some(LOOK)).ok()?;
        let tls = match way {
            Way::Plain => None,
            Way::Tls => Some(Box::new(trusting(&[b"chatroom/1"]))),
        };
        let mut wire = Wire { stream, tls };
        let deadline = Instant::now() + PATIENCE;
        while wire.is_handshaking() {
            assert!(Instant::now() < deadline, "the server shakes no hands");
            wire.flush().ok()?;
            wire.take_in().ok()?;
        }
        wire.flush().ok()?;
        Some(wire)
    }

    /// From now on, one look for what has come may take so long.
    pub fn look_for(&self, time: Duration) {
        self.stream.set_read_timeout(Some(time)).expect("not zero");
    }

    fn is_handshaking(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.is_handshaking())
    }

    /// Sends all of it.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.tls {
            None => self.stream.write_all(bytes),
            Some(tls) => {
                tls.writer().write_all(bytes)?;
                self.flush()
            }
        }
    }

    /// Sends what the library has encrypted.
    fn flush(&mut self) -> io::Result<()> {
        let Some(tls) = &mut self.tls else { return Ok(()) };
        while tls.wants_write() {
            tls.write_tls(&mut self.stream)?;
        }
        Ok(())
    }

    /// Takes in what comes within a moment.
    fn take_in(&mut self) -> io::Result<()> {
        let Some(tls) = &mut self.tls else { return Ok(()) };
        match tls.read_tls(&mut self.stream) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Err(why) if is_early(&why) => return Ok(()),
            read => read?,
        };
        tls.process_new_packets().map(drop).map_err(io::Error::other)
    }
}

/// Whether nothing has come within a moment.
fn is_early(why: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    [Interrupted, TimedOut, WouldBlock].contains(&why.kind())
}

impl Read for Wire {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else { return self.stream.read(into) };
        match tls.reader().read(into) {
            Err(why) if why.kind() == io::ErrorKind::WouldBlock => {}
            read => return read,
        }
        self.take_in()?;
        self.tls.as_mut().expect("it is over TLS").reader().read(into)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.stream.shutdown(Shutdown::Both).ok();
    }
}
