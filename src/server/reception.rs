//! The reception: what a connection passes before it has a session, on its session's thread. A proxy names its
//! client, the language is found out, and the client gets a permit or is told, in its language, why not.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::config::{Config, Encryption};
use super::connection::Connection;
use super::hub::Hub;
use super::hub::permit::Permit;
use super::hub::visit::Visit;
use super::kinds::TURNED_AWAY;
use super::net::detect::{Detected, Detector};
use super::net::tls::handshake::Failure;
use super::net::tls::identity::Identity;
use super::net::transport::Received;
use super::room::entry;
use super::secrets::Secrets;
use super::session::farewell::{refuse, show_out};
use super::session::threshold::Outside;
use super::session::{Greeting, Limits, Phase, Session};
use super::system::instant;
use crate::protocol::proxy;
use crate::protocol::reply::{Offer, Refusal};

/// How long a proxy may take to send its header. The PROXY protocol asks for 3 s at least, in which a lost packet
/// comes again.
const HEADER_WAIT: Duration = Duration::from_secs(5);

/// How much of a header is read at once, in bytes: nearly always all of it.
const HEADER_READ: usize = 512;

/// What all connections pass. The sessions' threads share it.
#[derive(Debug)]
pub(super) struct Reception {
    /// The hub that all sessions share.
    hub: Arc<Hub>,
    /// What secrets are checked with, which all sessions share.
    secrets: Arc<Secrets>,
    /// The addresses of the proxies, whose connections begin with a PROXY header; IPv4 ones as such.
    proxies: Vec<IpAddr>,
    /// Finds out which language a client speaks.
    detector: Detector,
    /// Whether clients are turned away on whose connections others can read along.
    is_encryption_required: bool,
    /// What each client may bring.
    limits: Limits,
}

/// The reason why there is no header.
enum NoHeader {
    /// The proxy has closed without having sent anything.
    Gone,
    /// The proxy has sent something else, or not enough in time.
    Other,
}

impl Reception {
    /// The reception of a server with that identity, if clients may talk encrypted.
    pub(super) fn new(
        hub: Arc<Hub>,
        secrets: Arc<Secrets>,
        config: &Config,
        identity: Option<Arc<Identity>>,
    ) -> Reception {
        Reception {
            hub,
            secrets,
            proxies: config.proxies.iter().map(IpAddr::to_canonical).collect(),
            detector: Detector::new(identity, config.max_clients),
            is_encryption_required: config.tls.encryption == Encryption::Required,
            limits: Limits {
                line: config.max_line,
                rate: config.rate_limit,
                last_words: config.stall_timeout,
            },
        }
    }

    /// Serves a client until it is gone.
    pub(super) fn serve(&self, connection: Arc<Connection>) {
        let Some(come) = self.pass_header(&connection) else { return };
        let Detected { come, waited } = match self.detector.detect(&connection, come) {
            Ok(detected) => detected,
            Err(why) => return self.on_failed_handshake(&connection, &why),
        };
        let encryption = connection.encryption();
        if self.is_encryption_required && encryption == entry::Encryption::None {
            // Those are bounded, as all are that have no place.
            let _visit = Visit::of_refused(&self.hub, self.origin(&connection), &connection);
            return self.turn_away(&connection, &Refusal::Unencrypted);
        }
        if let Some(banned) = self.hub.ban_of_address(self.address(&connection)) {
            let _visit = Visit::of_refused(&self.hub, self.origin(&connection), &connection);
            return self.turn_away(&connection, &banned);
        }
        let is_plain = encryption != entry::Encryption::Tls;
        let offer = if is_plain && self.detector.encrypts() { Offer::Tls } else { Offer::Nothing };
        self.open_session(connection, Greeting { offer, waited }).run(&come);
    }

    /// The session of a client that has a permit, or is asked first what lets it in, or is told why there is no place
    /// for it.
    fn open_session(&self, connection: Arc<Connection>, greeting: Greeting) -> Box<Session> {
        let from = self.origin(&connection);
        let (hub, secrets) = (Arc::clone(&self.hub), Arc::clone(&self.secrets));
        let visit = || Some(Visit::of_refused(&hub, from, &connection));
        let (phase, visit) = match Outside::new(&secrets.entrance, from) {
            Some(outside) => {
                let visit = outside.why_no_place().and_then(|_| visit());
                (Phase::Outside(outside), visit)
            }
            None => match Permit::take(&hub, from) {
                Ok(permit) => (Phase::unnamed(permit), None),
                Err(why) => (Phase::unnamed(Permit::missing(&hub, from, why)), visit()),
            },
        };
        Box::new(Session::new(connection, hub, secrets, phase, visit, greeting, self.limits))
    }

    /// The address that a client counts for; `None` for one of whom a proxy says nothing.
    fn origin(&self, connection: &Connection) -> Option<IpAddr> {
        Some(connection.peer().ip()).filter(|from| !self.proxies.contains(from))
    }

    /// The address by which a client may be kept out: the machine's own says nothing of whoever uses it.
    fn address(&self, connection: &Connection) -> Option<IpAddr> {
        self.origin(connection).filter(|address| !address.is_loopback())
    }

    /// Takes a proxy's header off the front, and notes the address of the client. Returns the bytes that have come
    /// behind the header; `None` if there is no header, which the proxy has been told.
    fn pass_header(&self, connection: &Connection) -> Option<Vec<u8>> {
        let by = connection.peer();
        if !self.proxies.contains(&by.ip()) {
            return Some(Vec::new());
        }
        match read_header(connection) {
            Ok((client, behind)) => {
                // Without an address, the client is the proxy itself, or the proxy does not know it.
                if let Some(client) = client {
                    connection.set_client(client);
                    log::debug!("{} comes by way of {by}", connection.peer());
                }
                Some(behind)
            }
            Err(NoHeader::Gone) => None,
            Err(NoHeader::Other) => {
                self.turn_away(connection, &Refusal::NoProxyHeader);
                None
            }
        }
    }

    fn turn_away(&self, connection: &Connection, why: &Refusal<'_>) {
        refuse(connection, why);
        show_out(&self.hub, connection);
    }

    fn on_failed_handshake(&self, connection: &Connection, why: &Failure) {
        let peer = connection.peer();
        log::debug!(target: TURNED_AWAY, "{peer} did not finish its TLS handshake: {why}");
        if let Failure::Handshake(_) = why {
            // The client may read the alert that it was sent.
            connection.finish();
            show_out(&self.hub, connection);
        }
    }
}

/// Reads a proxy's header: the client's address, if the proxy names it, and the bytes behind the header.
fn read_header(connection: &Connection) -> Result<(Option<SocketAddr>, Vec<u8>), NoHeader> {
    let until = instant() + HEADER_WAIT;
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; HEADER_READ]);
    loop {
        let left = until.saturating_duration_since(instant());
        match connection.receive(&mut buffer, Some(left)) {
            Ok(Received::Bytes(length)) => bytes.extend_from_slice(&buffer[..length]),
            _ if bytes.is_empty() && instant() < until => return Err(NoHeader::Gone),
            Ok(Received::End | Received::Cut) | Err(_) => return Err(NoHeader::Other),
        }
        match proxy::parse(&bytes) {
            Ok(None) => {}
            Ok(Some(header)) => return Ok((header.client, bytes.split_off(header.length))),
            Err(proxy::NoHeader) => return Err(NoHeader::Other),
        }
    }
}
