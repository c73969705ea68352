//! Which server is the right one: its certificate's key is compared, or the system is asked for its certificate.
//!
//! A known key is all that counts: names, dates and chains of its certificate are ignored. That the server has the
//! key is always proven, by its signature over the handshake.

use std::sync::{Arc, Mutex};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, PeerIncompatible, SignatureScheme};

use crate::client::mutex::lock;
use crate::tls::{COMMON_NAME_OF_ONE_RUN, Fingerprint, ServerKey};

/// What stands before a common name in a certificate: the attribute's OBJECT IDENTIFIER, 2.5.4.3.
const COMMON_NAME_ATTRIBUTE: [u8; 5] = [0x06, 0x03, 0x55, 0x04, 0x03];

/// Which server is the right one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::client::net) enum Expected {
    /// One with any of these keys.
    Keys(Vec<ServerKey>),
    /// The one with this fingerprint.
    Fingerprint(Fingerprint),
    /// One whose certificate the system accepts for the host's name.
    Vouched,
    /// Any: nothing is known of it.
    Any,
}

/// What the server has shown.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::client::net) struct Shown {
    /// Its key.
    pub(in crate::client::net) key: ServerKey,
    /// Whether that ends with the server's process, as its certificate says.
    pub(in crate::client::net) is_of_one_run: bool,
    /// What the system says of its certificate; `None` if it was not asked.
    pub(in crate::client::net) vouched: Option<Result<(), Error>>,
}

/// Compares a server's certificate with what is expected.
#[derive(Debug)]
pub(in crate::client::net) struct Verifier {
    /// Which server is the right one.
    expected: Expected,
    /// The cryptography.
    provider: Arc<CryptoProvider>,
    /// What the server has shown, once it has.
    shown: Mutex<Option<Shown>>,
}

impl Verifier {
    pub(in crate::client::net) fn new(
        expected: Expected,
        provider: Arc<CryptoProvider>,
    ) -> Verifier {
        Verifier { expected, provider, shown: Mutex::default() }
    }

    /// What the server has shown; `None` if it has not come that far.
    pub(in crate::client::net) fn shown(&self) -> Option<Shown> {
        lock(&self.shown).clone()
    }

    fn algorithms(&self) -> &WebPkiSupportedAlgorithms {
        &self.provider.signature_verification_algorithms
    }

    /// Whether the system accepts the certificate. Only here are the system's roots loaded.
    fn ask_system(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<(), Error> {
        let system = rustls_platform_verifier::Verifier::new(Arc::clone(&self.provider))?;
        system.verify_server_cert(certificate, intermediates, name, ocsp, now).map(drop)
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let spki = ParsedCertificate::try_from(certificate)?.subject_public_key_info();
        let key = ServerKey::of_spki(&spki);
        let ask = || self.ask_system(certificate, intermediates, name, ocsp, now);
        let vouched = match (&self.expected, name) {
            (Expected::Vouched, _) | (Expected::Any, ServerName::DnsName(_)) => Some(ask()),
            (Expected::Keys(_) | Expected::Fingerprint(_) | Expected::Any, _) => None,
        };
        let is_right = match &self.expected {
            Expected::Keys(keys) => keys.contains(&key),
            Expected::Fingerprint(fingerprint) => fingerprint.fits(&key),
            Expected::Vouched => vouched == Some(Ok(())),
            Expected::Any => true,
        };
        let is_of_one_run = is_of_one_run(certificate);
        *lock(&self.shown) = Some(Shown { key, is_of_one_run, vouched });
        if is_right {
            return Ok(ServerCertVerified::assertion());
        }
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    /// Never called: there is TLS 1.3 alone.
    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerIncompatible::ServerDoesNotSupportTls12Or13.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, self.algorithms())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms().supported_schemes()
    }
}

/// Whether the certificate says that its key ends with the server's process. What it says is nobody's word but the
/// server's, so it is looked for as bytes.
fn is_of_one_run(certificate: &CertificateDer<'_>) -> bool {
    let name = COMMON_NAME_OF_ONE_RUN.as_bytes();
    // The string's type, its length, and the string.
    let is_there = |value: &[u8]| value.get(2..2 + name.len()) == Some(name);
    let mut attributes = memchr::memmem::find_iter(certificate, &COMMON_NAME_ATTRIBUTE);
    attributes.any(|at| is_there(&certificate[at + COMMON_NAME_ATTRIBUTE.len()..]))
}
