//! The server's identity: its key, and the certificate that the next handshake shows.

use std::sync::{Arc, Mutex, PoisonError};

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PublicKeyData, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::NoServerSessionStorage;

use crate::tls::{self, ServerKey};

/// The server's identity. All sessions share it.
#[derive(Debug)]
pub(crate) struct Identity {
    /// What the next handshake takes; connections that are there go on with what they have.
    current: Mutex<Current>,
}

/// A key with its certificate, ready for handshakes.
#[derive(Debug, Clone)]
struct Current {
    /// The certificate's key as clients know it.
    key: ServerKey,
    /// The configuration of the next handshake.
    config: Arc<ServerConfig>,
}

impl Identity {
    /// A new key, which ends with the process.
    ///
    /// # Errors
    ///
    /// The library's reason.
    pub(crate) fn of_one_run() -> Result<Identity, Box<dyn std::error::Error + Send + Sync>> {
        let pair = KeyPair::generate()?;
        let certificate = self_signed(&pair, tls::COMMON_NAME_OF_ONE_RUN)?;
        let key = ServerKey::of_spki(&pair.subject_public_key_info());
        let private = PrivateKeyDer::Pkcs8(pair.serialize_der().into());
        let config = Arc::new(configuration(vec![certificate], private)?);
        Ok(Identity { current: Mutex::new(Current { key, config }) })
    }

    /// The configuration of the next handshake.
    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.lock().unwrap_or_else(PoisonError::into_inner).config)
    }

    /// The key that the next handshake proves.
    pub(crate) fn key(&self) -> ServerKey {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).key
    }
}

/// A certificate of the key for no name and without an end (RFC 5280, 4.1.2.5): clients look at its key alone.
fn self_signed(key: &KeyPair, name: &str) -> Result<CertificateDer<'static>, rcgen::Error> {
    let mut params = CertificateParams::new([tls::COMMON_NAME.to_owned()])?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(1975, 1, 1);
    params.not_after = date_time_ymd(9999, 12, 31);
    Ok(params.self_signed(key)?.der().clone())
}

/// The configuration of handshakes with that certificate.
fn configuration(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(tls::provider())
        .with_protocol_versions(tls::VERSIONS)?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    // Resumption would cost two records before the banner, and saves nothing that can be measured.
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.max_early_data_size = 0;
    config.alpn_protocols = vec![tls::ALPN.to_vec()];
    Ok(config)
}
