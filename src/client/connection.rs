//! One connection to a server: how it is made, and how it is written to.

use std::io::{self, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use log::info;

use crate::keepalive;
use crate::problem::{Lost, Problem};
use crate::protocol::request::Command;

/// How long one of the host's addresses may take to answer before the next one is tried.
const CONNECT_WAIT: Duration = Duration::from_secs(10);

/// How long the last word may wait for a server that takes nothing.
const LAST_WORD: Duration = Duration::from_millis(100);

/// One connection.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
}

impl Connection {
    /// Connects to the first of the host's addresses that answers.
    pub(super) fn open(host: &str, port: u16) -> Result<Arc<Connection>, Problem> {
        let to = match host {
            ipv6 if ipv6.contains(':') => format!("[{ipv6}]:{port}"),
            host => format!("{host}:{port}"),
        };
        info!("connecting to {to}");
        let addresses = (host, port)
            .to_socket_addrs()
            .map_err(|why| Problem::UnknownHost { host: host.to_owned(), why })?;
        let connection = connect_to_any(addresses).map_err(|why| Problem::Connect { to, why })?;
        info!("connected to {}", connection.peer);
        Ok(Arc::new(connection))
    }

    /// The socket, for the one thread that receives.
    pub(super) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// The server.
    pub(super) fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Sends `bytes`, which may wait for the server to take them.
    pub(super) fn send(&self, bytes: &[u8]) -> io::Result<()> {
        (&self.stream).write_all(bytes)
    }

    /// The same for whole lines; if it fails, the error comes with how many of them were sent.
    pub(super) fn send_lines(&self, lines: &[Vec<u8>]) -> Result<(), (usize, io::Error)> {
        let bytes = [lines.join(&b'\n'), vec![b'\n']].concat();
        let mut sent = 0;
        while sent < bytes.len() {
            match (&self.stream).write(&bytes[sent..]) {
                Ok(length) => sent += length,
                Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
                Err(why) => {
                    let newlines = bytes[..sent].iter().filter(|&&byte| byte == b'\n');
                    return Err((newlines.count(), why));
                }
            }
        }
        Ok(())
    }

    /// Sends commands of our own, each a line. If that fails, the receiver is about to learn why.
    pub(super) fn ask(&self, lines: &[String]) {
        if self.send((lines.join("\n") + "\n").as_bytes()).is_ok() {
            lines.iter().for_each(|line| info!("sent: {}", without_token(line)));
        }
    }

    /// Sends one line more before the program ends, unless the server takes nothing.
    pub(super) fn send_last(&self, line: &str) {
        self.stream.set_write_timeout(Some(LAST_WORD)).ok();
        self.send(format!("{line}\n").as_bytes()).ok();
    }

    /// Ends it in this direction, or in both, for this program and for the server.
    pub(super) fn shut_down(&self, how: Shutdown) -> io::Result<()> {
        self.stream.shutdown(how)
    }

    /// What it means that it is lost.
    pub(super) fn lost(&self, why: Lost) -> Problem {
        Problem::ConnectionLost { to: self.peer, why }
    }

    /// What it means that it is over, and nothing shows that so many lines were taken.
    pub(super) fn unconfirmed(&self, lines: usize) -> Problem {
        Problem::Unconfirmed { to: self.peer, lines }
    }
}

/// Whoever reads the log must not be able to take the session over.
fn without_token(line: &str) -> &str {
    let resume = Command::Resume.word();
    if line.starts_with(resume) { resume } else { line }
}

fn connect_to_any(addresses: impl Iterator<Item = SocketAddr>) -> io::Result<Connection> {
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for address in addresses {
        match TcpStream::connect_timeout(&address, CONNECT_WAIT) {
            Ok(stream) => return prepare(stream),
            Err(why) => failure = why,
        }
    }
    Err(failure)
}

fn prepare(stream: TcpStream) -> io::Result<Connection> {
    let peer = stream.peer_addr()?;
    stream.set_nodelay(true)?;
    // A connection without it works as well, until someone pulls the cable.
    keepalive::watch_for_loss(&stream).ok();
    Ok(Connection { stream, peer })
}
