//! One connection to a server, encrypted or plain: how it is written to and read from.

use std::borrow::Cow;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use log::info;

use super::secrecy::Secrecy;
use super::tls::{Received, Tls};
use crate::client::secret;
use crate::keepalive;
use crate::problem::{Lost, Problem};
use crate::protocol::proof::Binding;
use crate::protocol::request::Command;
#[cfg(test)]
use crate::tls::Exporter;

/// How long the last word may wait for a server that takes nothing, and for another thread that writes.
const LAST_WORD: Duration = Duration::from_millis(100);

/// How long one write may wait where it cannot go on after that.
const LONGEST_WRITE: Duration = Duration::from_secs(60);

/// One connection.
#[derive(Debug)]
pub(in crate::client) struct Connection {
    /// The socket: the receiver reads it, the sender writes.
    stream: TcpStream,
    /// The other end, as the user knows it.
    peer: SocketAddr,
    /// How bytes become what the socket carries.
    framing: Framing,
    /// Who can read along.
    secrecy: Secrecy,
    /// Whether an offer of TLS is taken up.
    openness: Openness,
}

/// How bytes become what the socket carries.
#[derive(Debug)]
enum Framing {
    /// They are it.
    Plain,
    /// Records of TLS.
    Tls(Box<Tls>),
}

/// Whether the server is asked for TLS when its first line offers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::client) enum Openness {
    /// It is, over another connection.
    Open,
    /// It is not: the connection is encrypted, stays on this machine, or was wanted plain.
    Closed,
}

impl Connection {
    /// A plain one.
    ///
    /// # Errors
    ///
    /// The socket is dead already.
    pub(super) fn plain(
        stream: TcpStream,
        secrecy: Secrecy,
        openness: Openness,
    ) -> io::Result<Connection> {
        let peer = prepare(&stream)?;
        Ok(Connection { stream, peer, framing: Framing::Plain, secrecy, openness })
    }

    /// An encrypted one, whose handshake is over.
    ///
    /// # Errors
    ///
    /// The socket is dead already.
    pub(super) fn encrypted(
        stream: TcpStream,
        tls: Tls,
        secrecy: Secrecy,
    ) -> io::Result<Connection> {
        let (peer, framing) = (prepare(&stream)?, Framing::Tls(Box::new(tls)));
        Ok(Connection { stream, peer, framing, secrecy, openness: Openness::Closed })
    }

    /// The server.
    pub(in crate::client) fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Who can read along.
    pub(in crate::client) fn secrecy(&self) -> &Secrecy {
        &self.secrecy
    }

    /// Whether an offer of TLS is taken up.
    pub(in crate::client) fn openness(&self) -> Openness {
        self.openness
    }

    /// What binds a proof to this connection; `None` if it is plain.
    #[cfg(test)]
    pub(in crate::client) fn exporter(&self) -> Option<Exporter> {
        match &self.framing {
            Framing::Plain => None,
            Framing::Tls(tls) => Some(tls.exporter()),
        }
    }

    /// What a proof of the user's key names.
    pub(in crate::client) fn binding(&self) -> Binding {
        match &self.framing {
            Framing::Plain => Binding::PLAIN,
            Framing::Tls(tls) => tls.exporter().binding(),
        }
    }

    /// Has reading wait for so long, or for ever.
    ///
    /// # Errors
    ///
    /// The socket takes no timeout.
    pub(in crate::client) fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.stream.set_read_timeout(timeout)
    }

    /// Waits for what the server sends. Called by the one thread that receives.
    ///
    /// # Errors
    ///
    /// The connection is lost, or the time is up.
    pub(in crate::client) fn receive(&self, into: &mut [u8]) -> io::Result<Received> {
        match &self.framing {
            Framing::Tls(tls) => tls.receive(&self.stream, into),
            Framing::Plain => (&self.stream).read(into).map(|length| match length {
                0 => Received::End,
                length => Received::Bytes(length),
            }),
        }
    }

    /// What an end of it does to a line that is unfinished then.
    pub(in crate::client) fn keeps_unfinished(&self, end: &Lost) -> bool {
        match self.framing {
            Framing::Plain => true,
            // Somebody between us may have cut it.
            Framing::Tls(_) => matches!(end, Lost::Closed),
        }
    }

    /// Sends `bytes`, which may wait for the server to take them.
    ///
    /// # Errors
    ///
    /// The connection is lost.
    pub(in crate::client) fn send(&self, bytes: &[u8]) -> io::Result<()> {
        match &self.framing {
            Framing::Plain => (&self.stream).write_all(bytes),
            Framing::Tls(tls) => tls.send(&self.stream, bytes),
        }
    }

    /// Sends as much of `bytes` as the server takes until the deadline, which may be nothing; what follows has to be
    /// given to the next call. Called by the one thread that writes.
    ///
    /// # Errors
    ///
    /// The connection is lost.
    pub(in crate::client) fn send_until(
        &self,
        bytes: &[u8],
        deadline: Option<Instant>,
    ) -> io::Result<usize> {
        // Windows leaves a socket undefined whose write has timed out, so there it is the end of it.
        let may_go_on = cfg!(unix);
        let deadline = if may_go_on { deadline } else { Some(Instant::now() + LONGEST_WRITE) };
        self.limit_write(deadline)?;
        let sent = match &self.framing {
            Framing::Plain => (&self.stream).write(bytes),
            Framing::Tls(tls) => tls.send_some(&self.stream, bytes),
        };
        match sent {
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
    pub(in crate::client) fn ask(&self, lines: &[String]) {
        if self.send((lines.join("\n") + "\n").as_bytes()).is_ok() {
            lines.iter().for_each(|line| info!("sent: {}", for_log(line)));
        }
    }

    /// Sends what is left to say before the program ends, unless the server takes nothing: `line`, and over TLS that
    /// nothing more comes.
    pub(in crate::client) fn take_leave(&self, line: Option<&str>) {
        let bytes = line.map_or(String::new(), |line| format!("{line}\n")).into_bytes();
        match &self.framing {
            Framing::Plain if bytes.is_empty() => {}
            Framing::Plain => {
                self.stream.set_write_timeout(Some(LAST_WORD)).ok();
                self.send(&bytes).ok();
            }
            Framing::Tls(tls) => {
                self.stream.set_write_timeout(Some(LAST_WORD)).ok();
                tls.send_last(&self.stream, &bytes, LAST_WORD);
            }
        }
    }

    /// Says that nothing more will be sent. What the server sends still comes.
    ///
    /// # Errors
    ///
    /// The connection is lost.
    pub(in crate::client) fn finish(&self) -> io::Result<()> {
        if let Framing::Tls(tls) = &self.framing {
            tls.send_end(&self.stream)?;
        }
        self.stream.shutdown(Shutdown::Write)
    }

    /// Ends it both ways, for this program and for the server, and lets go who reads or writes. It fails if the
    /// connection has ended already, which is as well.
    pub(in crate::client) fn hang_up(&self) {
        self.stream.shutdown(Shutdown::Both).ok();
    }

    /// What it means that it is lost.
    pub(in crate::client) fn lost(&self, why: Lost) -> Problem {
        Problem::ConnectionLost { to: self.peer, why }
    }

    /// What it means that the server does not want this client any more.
    pub(in crate::client) fn shown_out(&self, why: &str) -> Problem {
        Problem::ShownOut { server: self.peer, why: why.to_owned() }
    }

    /// What it means that it is over, and nothing shows that so many lines were taken.
    pub(in crate::client) fn unconfirmed(&self, lines: usize) -> Problem {
        Problem::Unconfirmed { to: self.peer, lines }
    }
}

/// A command of our own without what would let whoever reads the log take the session over, or come in, and without a
/// signature, which is of no use there.
fn for_log(line: &str) -> Cow<'_, str> {
    let commands = [Command::Resume, Command::Key].map(Command::word);
    match commands.into_iter().find(|command| line.starts_with(command)) {
        Some(command) => command.into(),
        None => secret::censored(line, secret::STARS),
    }
}

/// Makes a socket one for lines, and says to whom it leads.
fn prepare(stream: &TcpStream) -> io::Result<SocketAddr> {
    let peer = stream.peer_addr()?;
    stream.set_nodelay(true)?;
    // A connection without it works as well, until someone pulls the cable.
    keepalive::watch_for_loss(stream).ok();
    Ok(peer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_the_log_lets_its_reader_in() {
        let cases = [
            ("/resume 000102030405060708090a0b0c0d0e0f 17", "/resume"),
            ("/pass hunter2", "/pass ***"),
            ("/nick alice", "/nick alice"),
        ];
        for (line, logged) in cases {
            assert_eq!(for_log(line), logged);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_write_ends_at_its_deadline_where_nothing_is_taken_and_goes_on_where_it_was() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it has an address");
        let stream = TcpStream::connect(address).expect("it listens");
        let connection = Connection::plain(stream, Secrecy::Here, Openness::Closed).expect("open");
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
}
