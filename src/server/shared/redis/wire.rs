//! A connection's bytes, in plain or over TLS, and who sends them where that is no Redis. TLS is not the crate's, which
//! loads the system's authorities for each connection, also where another authority is named.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_platform_verifier::BuilderVerifierExt;

use super::{CALL, CONNECT};
use crate::server::shared::stranger::{FIRST, Stranger, is_of_tls};
use crate::server::shared::trouble::Trouble;
use crate::server::shared::url::Node;
use crate::tls;

/// How long an answer to a question may take that only tells who is there.
const PROBE: Duration = Duration::from_millis(500);

/// The command that any Redis answers at once, if only with an error.
const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";

/// A stream that remembers the first bytes which came from it.
pub(super) struct Heard<S> {
    /// The stream.
    stream: S,
    /// At most [`FIRST`].
    first: Vec<u8>,
}

/// A connection to a process that may be Redis or a Sentinel.
pub(super) enum Wire {
    /// In plain.
    Plain(Heard<TcpStream>),
    /// Over TLS, after the handshake.
    Tls(Box<Heard<StreamOwned<ClientConnection, Heard<TcpStream>>>>),
}

/// The configuration of TLS that trusts these authorities, or the system's, which are loaded here and not again.
///
/// # Errors
///
/// The system has none that can be used.
pub(super) fn trusting(
    authority: Option<RootCertStore>,
) -> Result<Arc<ClientConfig>, rustls::Error> {
    let builder = ClientConfig::builder_with_provider(tls::provider())
        .with_protocol_versions(tls::VERSIONS)?;
    let builder = match authority {
        Some(roots) => builder.with_root_certificates(roots),
        None => builder.with_platform_verifier()?,
    };
    Ok(Arc::new(builder.with_no_client_auth()))
}

impl Wire {
    /// Connects in plain. Nothing is said yet.
    ///
    /// # Errors
    ///
    /// Nobody takes the connection in time.
    pub(super) fn plain(node: &Node) -> Result<Wire, Trouble> {
        let stream =
            connect(node).map_err(|why| Trouble::of_connection(&why, &node.to_string()))?;
        Ok(Wire::Plain(Heard::new(stream)))
    }

    /// Connects, and makes sure who is there.
    ///
    /// # Errors
    ///
    /// Nobody is there, nobody that is trusted, or nobody that speaks TLS.
    pub(super) fn over_tls(node: &Node, config: &Arc<ClientConfig>) -> Result<Wire, Trouble> {
        let place = node.to_string();
        let trouble = |why: &io::Error| Trouble::of_connection(why, &place);
        let name = ServerName::try_from(node.host.clone()).map_err(io::Error::other);
        let name = name.map_err(|why| trouble(&why))?;
        let mut stream = Heard::new(connect(node).map_err(|why| trouble(&why))?);
        let connection = ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other);
        let mut connection = connection.map_err(|why| trouble(&why))?;
        while connection.is_handshaking() {
            if let Err(why) = connection.complete_io(&mut stream) {
                let stranger = match stream.first.as_slice() {
                    [] => ask_in_plain(node),
                    first => Stranger::without_tls(first),
                };
                let no_redis = |stranger| Trouble::NoRedis { place: place.clone(), stranger };
                return Err(stranger.map_or_else(|| trouble(&why), no_redis));
            }
        }
        Ok(Wire::Tls(Box::new(Heard::new(StreamOwned::new(connection, stream)))))
    }

    /// Sets how long a read may take.
    ///
    /// # Errors
    ///
    /// The system does not take it.
    pub(super) fn set_patience(&self, patience: Duration) -> io::Result<()> {
        let socket = match self {
            Wire::Plain(wire) => &wire.stream,
            Wire::Tls(wire) => &wire.stream.sock.stream,
        };
        socket.set_read_timeout(Some(patience))
    }

    /// Whether anything has come from the other end.
    pub(super) fn has_heard(&self) -> bool {
        match self {
            Wire::Plain(wire) => !wire.first.is_empty(),
            Wire::Tls(wire) => !wire.first.is_empty(),
        }
    }

    /// Who is at the other end, if that is no Redis.
    pub(super) fn stranger(&self, node: &Node) -> Option<Stranger> {
        match self {
            // A Redis that expects TLS hangs up without a word.
            Wire::Plain(wire) if wire.first.is_empty() => {
                speaks_tls(node).then_some(Stranger::SpeaksTls)
            }
            Wire::Plain(wire) => Stranger::of(&wire.first),
            Wire::Tls(wire) => Stranger::of(&wire.first),
        }
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Wire::Plain(wire) => wire.read(buffer),
            Wire::Tls(wire) => wire.read(buffer),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Wire::Plain(wire) => wire.write(bytes),
            Wire::Tls(wire) => wire.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Wire::Plain(wire) => wire.flush(),
            Wire::Tls(wire) => wire.flush(),
        }
    }
}

impl<S> Heard<S> {
    fn new(stream: S) -> Heard<S> {
        Heard { stream, first: Vec::new() }
    }
}

impl<S: Read> Read for Heard<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = uninterrupted(|| self.stream.read(buffer))?;
        let new = count.min(FIRST - self.first.len());
        self.first.extend_from_slice(&buffer[..new]);
        Ok(count)
    }
}

impl<S: Write> Write for Heard<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        uninterrupted(|| self.stream.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        uninterrupted(|| self.stream.flush())
    }
}

/// Does it again if a signal has interrupted it. A process that was stopped and goes on has its waiting calls interrupted,
/// which is not the other end's fault; the answer may have come meanwhile.
fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

/// Connects to the first of a node's addresses that takes the connection.
fn connect(node: &Node) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in (node.host.as_str(), node.port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECT) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(CALL))?;
                stream.set_write_timeout(Some(CALL))?;
                return Ok(stream);
            }
            Err(why) => last = why,
        }
    }
    Err(last)
}

/// Who is at a node that has hung up on TLS without a word: one that speaks in plain answers a command.
fn ask_in_plain(node: &Node) -> Option<Stranger> {
    let mut stream = connect(node).ok()?;
    Stranger::without_tls(&first_answer(&mut stream, PING)?)
}

/// Whether a node speaks TLS that has hung up on plain bytes without a word. Nothing is verified, and nothing else is sent
/// over that connection.
fn speaks_tls(node: &Node) -> bool {
    let hello = || {
        let config = trusting(Some(RootCertStore::empty())).ok()?;
        let name = ServerName::try_from(node.host.clone()).ok()?;
        let mut hello = Vec::new();
        ClientConnection::new(config, name).ok()?.write_tls(&mut hello).ok()?;
        first_answer(&mut connect(node).ok()?, &hello)
    };
    hello().is_some_and(|first| is_of_tls(&first))
}

/// The first bytes of an answer.
fn first_answer(stream: &mut TcpStream, question: &[u8]) -> Option<Vec<u8>> {
    stream.set_read_timeout(Some(PROBE)).ok()?;
    stream.write_all(question).ok()?;
    let mut first = [0; FIRST];
    let count = uninterrupted(|| stream.read(&mut first)).ok()?;
    Some(first[..count].to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stream of whose calls every second one is interrupted.
    struct Interrupted {
        /// What is read from it, and written to it.
        bytes: io::Cursor<Vec<u8>>,
        /// Whether the next call is.
        is_next: bool,
    }

    impl Interrupted {
        fn new(bytes: &[u8]) -> Interrupted {
            Interrupted { bytes: io::Cursor::new(bytes.to_vec()), is_next: true }
        }

        fn call(&mut self) -> io::Result<&mut io::Cursor<Vec<u8>>> {
            self.is_next = !self.is_next;
            if !self.is_next {
                return Err(io::ErrorKind::Interrupted.into());
            }
            Ok(&mut self.bytes)
        }
    }

    impl Read for Interrupted {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.call()?.read(buffer)
        }
    }

    impl Write for Interrupted {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.call()?.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            self.call()?.flush()
        }
    }

    #[test]
    fn a_call_that_a_signal_interrupts_is_made_again() {
        let mut wire = Heard::new(Interrupted::new(b"+PONG\r\n"));
        let mut answer = [0; 16];
        assert_eq!(wire.read(&mut answer).expect("it is read again"), 7);
        assert_eq!(wire.first, b"+PONG\r\n");
        assert_eq!(wire.write(PING).expect("it is written again"), PING.len());
        wire.flush().expect("it is flushed again");
    }
}
