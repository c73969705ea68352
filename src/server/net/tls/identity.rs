//! The server's identity: its key, and the certificate that the next handshake shows.
//!
//! It owns what a handshake is configured with, and the files that this comes from; it makes no handshakes. The
//! server opens it before anybody may join, each session's thread asks it before a handshake, and the thread of
//! the signals has certificates read again.
//!
//! `current` is held for a moment, to take a copy or to put another one in its place. `files` is held while files
//! are read, which may take long on a disk that hangs: one handshake waits for that, the others do not.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Instant;

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PublicKeyData, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::NoServerSessionStorage;

use crate::key_file::Refusal;
use crate::problem::Problem;
use crate::server::config::KeySource;
use crate::state_folder::Environment;
use crate::tls::{self, ServerKey};
use certificate::Files;

mod certificate;
mod key_file;

/// The server's identity. All sessions share it.
#[derive(Debug)]
pub(crate) struct Identity {
    /// What the next handshake takes; connections that are there go on with what they have.
    current: Mutex<Current>,
    /// The files that it is read from again; `None` for a key of the server's own, which never changes.
    files: Option<Mutex<Files>>,
}

/// A key with its certificate, ready for handshakes.
#[derive(Debug, Clone)]
struct Current {
    /// The certificate's key as clients know it.
    key: ServerKey,
    /// The configuration of the next handshake.
    config: Arc<ServerConfig>,
}

/// An error of the libraries that make keys and certificates.
type LibraryError = Box<dyn std::error::Error + Send + Sync>;

impl Identity {
    /// The identity of a server whose key comes from there. A key that is not there yet is made and kept; where
    /// the state folder does not let it, the key is for this run alone, which is logged.
    ///
    /// # Errors
    ///
    /// A file that was named or that is there cannot be used. Nothing in it was changed.
    pub(crate) fn open(source: &KeySource, environment: &Environment) -> Result<Identity, Problem> {
        let kept = match source {
            KeySource::OneRun => return Identity::of_one_run().map_err(no_key),
            KeySource::Certificate { chain, key } => {
                let (files, current) = Files::open(chain, key).map_err(refused)?;
                return Ok(Identity { files: Some(Mutex::new(files)), ..Identity::of(current) });
            }
            KeySource::Named(path) => key_file::open(path).map_err(refused)?,
            KeySource::Default => match key_file::in_state_folder(environment).map_err(refused)? {
                Ok(kept) => kept,
                Err(not_kept) => {
                    log::warn!("{not_kept}");
                    return Identity::of_one_run().map_err(no_key);
                }
            },
        };
        Identity::of_key(&kept, tls::COMMON_NAME).map_err(no_key)
    }

    /// A new key, which ends with the process.
    ///
    /// # Errors
    ///
    /// The library's reason.
    pub(crate) fn of_one_run() -> Result<Identity, LibraryError> {
        Identity::of_key(&KeyPair::generate()?, tls::COMMON_NAME_OF_ONE_RUN)
    }

    /// That of the key, with a certificate in that common name.
    fn of_key(pair: &KeyPair, name: &str) -> Result<Identity, LibraryError> {
        let certificate = self_signed(pair, name)?;
        let key = ServerKey::of_spki(&pair.subject_public_key_info());
        let private = PrivateKeyDer::Pkcs8(pair.serialize_der().into());
        let config = Arc::new(configuration(vec![certificate], private)?);
        Ok(Identity::of(Current { key, config }))
    }

    fn of(current: Current) -> Identity {
        Identity { current: Mutex::new(current), files: None }
    }

    /// The configuration of the next handshake. Once a second it is seen to whether the certificate's files have
    /// changed.
    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        self.look(Instant::now());
        Arc::clone(&self.current().config)
    }

    /// The key that the next handshake proves.
    pub(crate) fn key(&self) -> ServerKey {
        self.current().key
    }

    /// Reads the certificate's files again, changed or not, and logs what came of it; `None` without such files.
    #[cfg(unix)]
    pub(crate) fn reload(&self) -> Option<Reloaded> {
        let mut files = self.files.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
        let reloaded = self.take(files.read());
        reloaded.log("SIGHUP: ");
        Some(reloaded)
    }

    /// Takes the certificate's files over if they have changed. While somebody else does, nothing is waited for.
    fn look(&self, now: Instant) {
        let mut files = match self.files.as_ref().map(Mutex::try_lock) {
            None | Some(Err(TryLockError::WouldBlock)) => return,
            Some(Err(TryLockError::Poisoned(poisoned))) => poisoned.into_inner(),
            Some(Ok(files)) => files,
        };
        if let Some(read) = files.look(now) {
            self.take(read).log("");
        }
    }

    /// Puts what was read in the place of the old one, if that is possible.
    fn take(&self, read: Result<Current, Refusal>) -> Reloaded {
        match read {
            Ok(current) => {
                let key = current.key;
                *self.current() = current;
                Reloaded::New(key)
            }
            Err(refusal) => Reloaded::Old(refusal),
        }
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What came of reading a certificate's files again.
#[derive(Debug)]
pub(crate) enum Reloaded {
    /// They are shown from now on, with this key.
    New(ServerKey),
    /// The old ones are shown on.
    Old(Refusal),
}

impl Reloaded {
    /// Logs it, behind the occasion.
    fn log(&self, occasion: &str) {
        match self {
            Reloaded::New(key) => log::info!("{occasion}the certificate was reloaded: key {key}"),
            Reloaded::Old(refusal) => log::warn!(
                "{occasion}the certificate was not reloaded: {}; going on with the old one",
                refusal.brief()
            ),
        }
    }
}

/// The key of a server whose key comes from there. A key that is not there yet is made and kept.
///
/// # Errors
///
/// A file cannot be used, or the key cannot be kept, so that the next server has another one.
pub(crate) fn key(source: &KeySource, environment: &Environment) -> Result<ServerKey, Problem> {
    if let KeySource::Default = source
        && let Err(not_kept) = key_file::in_state_folder(environment).map_err(refused)?
    {
        return Err(Problem::Identity(not_kept.into()));
    }
    Identity::open(source, environment).map(|identity| identity.key())
}

fn refused(refusal: Refusal) -> Problem {
    Problem::Identity(refusal.into())
}

fn no_key(why: LibraryError) -> Problem {
    Problem::System("make a key", std::io::Error::other(why))
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

#[cfg(test)]
mod tests;
