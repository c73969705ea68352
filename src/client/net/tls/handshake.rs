//! The first words of TLS on a new connection, and what it means when they fail. Whichever thread connects runs it.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

use super::Tls;
use super::verifier::{Expected, Shown, Verifier};
use crate::client::net::offer::is_late_answer;
use crate::protocol::text::make_safe;
use crate::tls::{self, ALPN, COMMON_NAME, VERSIONS};

/// How long a handshake may take, as long as connecting may.
pub(in crate::client::net) const HANDSHAKE: Duration = Duration::from_secs(10);

/// How long the rest of a first line may take that is no TLS.
const PLAIN_LINE: Duration = Duration::from_secs(1);

/// How much of such a line is read, in bytes: more than a banner has.
const PLAIN_LINE_BYTES: usize = 512;

/// How much is read at once, in bytes.
const CHUNK: usize = 4096;

/// What begins each record of a handshake, and each alert (RFC 8446, 5.1).
const RECORDS: [u8; 2] = [22, 21];

/// Why there is no encrypted connection.
#[derive(Debug)]
pub(in crate::client::net) enum Failure {
    /// The server took us for a plain client: the beginning of TLS has come too late.
    Late,
    /// It answers in plain.
    Plain,
    /// The connection has ended, or takes too long.
    Lost(io::Error),
    /// The server has closed it.
    Closed,
    /// It is TLS, and not ours: another version, another key, no proof of the key. With what was shown until then.
    Wrong(Box<rustls::Error>, Option<Box<Shown>>),
}

/// Makes TLS of a new connection to this host within that time, with a server that is as expected. Nothing of the user's was sent when
/// it fails.
///
/// # Errors
///
/// Why it failed.
pub(in crate::client::net) fn shake_hands(
    socket: &TcpStream,
    host: &str,
    expected: Expected,
    within: Duration,
) -> Result<(Tls, Shown), Failure> {
    let verifier = Arc::new(Verifier::new(expected, tls::provider()));
    let wrong = |why| Failure::Wrong(Box::new(why), verifier.shown().map(Box::new));
    let mut state = begin(host, &verifier).map_err(wrong)?;
    let mut begun = Begun { socket, deadline: Instant::now() + within, has_heard: false };
    let done = begun.go_on(&mut state);
    socket.set_read_timeout(None).and_then(|()| socket.set_write_timeout(None))?;
    done.map_err(|failure| match failure {
        Failure::Wrong(why, _) => wrong(*why),
        failure => failure,
    })?;
    let tls = Tls::new(state).map_err(wrong)?;
    // A handshake without a certificate is none.
    let shown = verifier.shown().ok_or_else(|| wrong(rustls::Error::NoCertificatesPresented))?;
    Ok((tls, shown))
}

impl From<io::Error> for Failure {
    fn from(why: io::Error) -> Failure {
        Failure::Lost(match why.kind() {
            // What a socket says whose time is up.
            ErrorKind::WouldBlock => ErrorKind::TimedOut.into(),
            _ => why,
        })
    }
}

fn begin(host: &str, verifier: &Arc<Verifier>) -> Result<ClientConnection, rustls::Error> {
    let mut config = ClientConfig::builder_with_provider(tls::provider())
        .with_protocol_versions(VERSIONS)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::<Verifier>::clone(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = rustls::client::Resumption::disabled();
    ClientConnection::new(Arc::new(config), server_name(host))
}

/// What the server is asked to be: the host without its zone, or our usual name if it is none for a certificate.
fn server_name(host: &str) -> ServerName<'static> {
    let host = host.split('%').next().unwrap_or(host);
    ServerName::try_from(host.to_owned())
        .unwrap_or_else(|_| ServerName::try_from(COMMON_NAME).expect("it is a name of the DNS"))
}

/// A handshake that has begun.
struct Begun<'a> {
    /// The connection.
    socket: &'a TcpStream,
    /// When it has to be over.
    deadline: Instant,
    /// Whether anything has come.
    has_heard: bool,
}

impl Begun<'_> {
    fn go_on(&mut self, state: &mut ClientConnection) -> Result<(), Failure> {
        self.write(state)?;
        while state.is_handshaking() {
            let mut chunk = [0; CHUNK];
            let length = self.read(&mut chunk)?;
            if length == 0 {
                return Err(Failure::Closed);
            }
            let is_first = !std::mem::replace(&mut self.has_heard, true);
            if is_first && !RECORDS.contains(&chunk[0]) {
                return Err(self.judge_plain(&chunk[..length]));
            }
            self.decrypt(state, &chunk[..length])?;
            self.write(state)?;
        }
        Ok(())
    }

    /// Takes what has come. What comes behind the handshake stays in `state`: a banner, which fits.
    fn decrypt(&mut self, state: &mut ClientConnection, mut bytes: &[u8]) -> Result<(), Failure> {
        while !bytes.is_empty() {
            state.read_tls(&mut bytes)?;
            if let Err(why) = state.process_new_packets() {
                // The server is told, if it listens.
                self.write(state).ok();
                return Err(Failure::Wrong(Box::new(why), None));
            }
        }
        Ok(())
    }

    fn write(&mut self, state: &mut ClientConnection) -> Result<(), Failure> {
        let mut records = Vec::new();
        while state.wants_write() {
            state.write_tls(&mut records)?;
        }
        self.socket.set_write_timeout(Some(self.left()))?;
        let mut socket = self.socket;
        Ok(socket.write_all(&records)?)
    }

    fn read(&mut self, into: &mut [u8]) -> Result<usize, Failure> {
        let mut socket = self.socket;
        loop {
            socket.set_read_timeout(Some(self.left()))?;
            match socket.read(into) {
                Err(why) if why.kind() == ErrorKind::Interrupted => {}
                read => return Ok(read?),
            }
        }
    }

    /// How long it may still take. A time of zero would be no limit.
    fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1))
    }

    /// What an answer in plain means, which begins like this.
    fn judge_plain(&mut self, beginning: &[u8]) -> Failure {
        let mut line = beginning.to_vec();
        self.deadline = self.deadline.min(Instant::now() + PLAIN_LINE);
        while !line.contains(&b'\n') && line.len() < PLAIN_LINE_BYTES {
            let mut chunk = [0; PLAIN_LINE_BYTES];
            match self.read(&mut chunk) {
                Ok(0) | Err(_) => break,
                Ok(length) => line.extend_from_slice(&chunk[..length]),
            }
        }
        let first = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
        if is_late_answer(&make_safe(first)) { Failure::Late } else { Failure::Plain }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_is_asked_for_by_its_host_if_that_is_a_name() {
        for (host, name) in [
            ("chat.example.org", "chat.example.org"),
            ("192.168.1.7", "192.168.1.7"),
            ("fe80::1%eth0", "fe80::1"),
            ("a name", "chatroom"),
            ("", "chatroom"),
        ] {
            assert_eq!(server_name(host).to_str(), name);
        }
    }
}
