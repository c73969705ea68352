//! One connection to a server: how it is made, and how it is written to.

use std::io::{self, ErrorKind, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use log::info;

use super::dial::{NoAnswer, dial};
use crate::keepalive;
use crate::problem::{Lost, Problem};
use crate::protocol::name::Name;
use crate::protocol::request::Command;

/// How long the last word may wait for a server that takes nothing.
const LAST_WORD: Duration = Duration::from_millis(100);

/// How long one write may wait where it cannot go on after that.
const LONGEST_WRITE: Duration = Duration::from_secs(60);

/// One connection.
#[derive(Debug)]
pub(super) struct Connection {
    /// The socket: the receiver reads it, the sender writes.
    stream: TcpStream,
    /// The other end, as the user knows it.
    peer: SocketAddr,
}

impl Connection {
    /// Connects to the first of the host's addresses that answers. If that takes a while, `tell` is given
    /// to which one.
    pub(super) fn open(
        host: &str,
        port: u16,
        tell: impl FnOnce(&str),
    ) -> Result<Arc<Connection>, Problem> {
        let to = match host {
            ipv6 if ipv6.contains(':') => format!("[{ipv6}]:{port}"),
            host => format!("{host}:{port}"),
        };
        info!("connecting to {to}");
        let on_slow = |tried: Option<SocketAddr>| match tried {
            Some(address) if address.to_string() != to => tell(&format!("{host} ({address})")),
            Some(_) | None => tell(&to),
        };
        let connection = dial(host, port, on_slow)
            .and_then(|stream| prepare(stream).map_err(NoAnswer::Unreachable));
        let connection = connection.map_err(|why| match why {
            NoAnswer::UnknownHost(why) => unknown(host, why),
            NoAnswer::Unreachable(why) => Problem::Connect { to, why },
        })?;
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

    /// Sends as much of `bytes` as the server takes until the deadline, which may be nothing. Called by
    /// the one thread that writes.
    ///
    /// # Errors
    ///
    /// The connection is lost.
    pub(super) fn send_until(&self, bytes: &[u8], deadline: Option<Instant>) -> io::Result<usize> {
        // Windows leaves a socket undefined whose write has timed out, so there it is the end of it.
        let may_go_on = cfg!(unix);
        let deadline = if may_go_on { deadline } else { Some(Instant::now() + LONGEST_WRITE) };
        self.limit_write(deadline)?;
        match (&self.stream).write(bytes) {
            Err(why) => match why.kind() {
                ErrorKind::Interrupted => Ok(0),
                ErrorKind::WouldBlock | ErrorKind::TimedOut if may_go_on => Ok(0),
                _ => Err(why),
            },
            sent => sent,
        }
    }

    /// Has the next write end at the deadline. A time of zero would be no limit.
    fn limit_write(&self, deadline: Option<Instant>) -> io::Result<()> {
        const LEAST: Duration = Duration::from_millis(1);
        let time = deadline.map(|at| at.saturating_duration_since(Instant::now()).max(LEAST));
        self.stream.set_write_timeout(time)
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

/// What it means that a host is not known.
fn unknown(host: &str, why: io::Error) -> Problem {
    let host = host.to_owned();
    if Name::parse(&host).is_ok() && !host.contains('.') {
        return Problem::NameForHost { name: host, why };
    }
    Problem::UnknownHost { host, why }
}

fn prepare(stream: TcpStream) -> io::Result<Connection> {
    let peer = stream.peer_addr()?;
    stream.set_nodelay(true)?;
    // A connection without it works as well, until someone pulls the cable.
    keepalive::watch_for_loss(&stream).ok();
    Ok(Connection { stream, peer })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_write_ends_at_its_deadline_where_nothing_is_taken_and_goes_on_where_it_was() {
        use std::io::Read;
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it has an address");
        let connection = prepare(TcpStream::connect(address).expect("it listens")).expect("open");
        let (mut peer, _) = listener.accept().expect("it has come");
        let bytes: Vec<u8> = (0..1 << 20).map(|at: u32| at as u8).collect();
        let soon = || Some(Instant::now() + Duration::from_millis(100));
        let mut sent = Vec::new();
        loop {
            let rest = &bytes[sent.len() % bytes.len()..];
            match connection.send_until(rest, soon()).expect("the peer is there") {
                0 => break,
                length => sent.extend_from_slice(&rest[..length]),
            }
        }
        let mut taken = vec![0; sent.len()];
        peer.read_exact(&mut taken).expect("all that was sent");
        assert!(taken == sent, "something is lost or comes twice");
        assert!(connection.send_until(b"more", soon()).expect("the peer is there") > 0);
    }

    #[test]
    fn a_name_in_the_place_of_the_server_is_told_where_it_belongs() {
        let told = |host| unknown(host, ErrorKind::NotFound.into()).to_string();
        let name = told("alice");
        assert!(name.ends_with("; to join as alice: chatclient --name alice"), "{name}");
        for host in ["chat.lan", "-alice", "2001:db8::1"] {
            assert!(told(host).ends_with("; check the name"), "{host}");
        }
    }
}
