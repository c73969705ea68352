//! TLS between a socket and what a client says. The load trusts everyone, and does not look at signatures: what that
//! would cost is not the server's.

use std::io::{self, Read, Write};
use std::sync::Arc;

use memchr::memchr;
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::version::TLS13;
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme};

/// More than a record and its header have (RFC 8446, 5.2): what may wait for its end in the session.
pub const RECORD: usize = 17 * 1024;

/// How clients open TLS connections to a program.
#[derive(Debug, Clone)]
pub struct Opening {
    /// The same for all connections to the program.
    config: Arc<ClientConfig>,
    /// Whether the program says a plain line first.
    after_line: bool,
}

impl Opening {
    /// One with the same version and cipher for every program, and without tickets.
    pub fn new(after_line: bool) -> Opening {
        let mut provider = ring::default_provider();
        provider.cipher_suites = vec![ring::cipher_suite::TLS13_AES_256_GCM_SHA384];
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&TLS13])
            .expect("the provider has TLS 1.3")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anyone))
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        Opening { config: Arc::new(config), after_line }
    }
}

/// TLS on one connection.
#[derive(Debug)]
pub struct Tls {
    /// Has no plaintext between two calls of `decrypt`.
    session: ClientConnection,
    /// Whether a plain line is to come, before which nothing is sent.
    awaits_line: bool,
}

impl Tls {
    /// A connection that is to be opened.
    pub fn new(opening: &Opening) -> io::Result<Tls> {
        let name = ServerName::try_from("chatroom").expect("it is the name of a host");
        let session = ClientConnection::new(Arc::clone(&opening.config), name);
        let session = session.map_err(io::Error::other)?;
        Ok(Tls { session, awaits_line: opening.after_line })
    }

    /// Whether the handshake is over and everything that was taken is sent.
    pub fn is_settled(&self) -> bool {
        !self.session.is_handshaking() && !self.session.wants_write()
    }

    /// Whether there is something to be sent now.
    pub fn owes(&self) -> bool {
        !self.awaits_line && self.session.wants_write()
    }

    /// Takes what is to be encrypted and sent, and gives how much of it.
    pub fn take(&mut self, plain: &[u8]) -> io::Result<usize> {
        if plain.is_empty() { Ok(0) } else { self.session.writer().write(plain) }
    }

    /// Sends what it owes, as far as that goes at once.
    pub fn send(&mut self, to: &mut impl Write) -> io::Result<usize> {
        self.session.write_tls(to)
    }

    /// Says that nothing more comes.
    pub fn close(&mut self) {
        self.session.send_close_notify();
    }

    /// Decrypts all that has come, and gives the length of the plaintext, which `RECORD` bytes may be added to.
    pub fn decrypt(&mut self, cipher: &[u8], into: &mut [u8]) -> io::Result<usize> {
        let mut rest = cipher;
        if self.awaits_line {
            let Some(end) = memchr(b'\n', rest) else { return Ok(0) };
            rest = &rest[end + 1..];
            self.awaits_line = false;
        }
        let mut length = 0;
        while !rest.is_empty() {
            self.session.read_tls(&mut rest)?;
            let state = self.session.process_new_packets().map_err(io::Error::other)?;
            let more = state.plaintext_bytes_to_read();
            if more > 0 {
                self.session.reader().read_exact(&mut into[length..length + more])?;
                length += more;
            }
        }
        Ok(length)
    }
}

/// Takes any certificate.
#[derive(Debug)]
struct Anyone;

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256, SignatureScheme::ED25519]
    }
}
