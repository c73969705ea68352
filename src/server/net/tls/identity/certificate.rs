//! The certificate that somebody else has made, and its key: two files, read at the start and again when they
//! have changed.
//!
//! Whoever renews a certificate writes one file after the other, so between the two they do not belong together.
//! Such a pair is never taken; it is looked at again.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::ParsedCertificate;

use super::key_file::KINDS;
use super::{Current, configuration};
use crate::key_file::{Refusal, Role, Unusable, contents, private_key};
use crate::private_file::Unfit;
use crate::secret_file::warn_if_public;
use crate::tls::ServerKey;

/// How long the files are not looked at after a look.
const REST: Duration = Duration::from_secs(1);

/// The two files of a certificate, and what was found in them last.
#[derive(Debug)]
pub(super) struct Files {
    /// The file of the chain of certificates.
    chain: PathBuf,
    /// The file of the private key.
    key: PathBuf,
    /// When they were looked at last.
    looked: Instant,
    /// How they looked before they were read last.
    seen: [Stamp; 2],
    /// What was the matter with them then; `None` if they were taken.
    refusal: Option<Refusal>,
}

/// What tells without reading it that a file has changed; `None` where there is none.
type Stamp = Option<(Option<SystemTime>, u64)>;

impl Files {
    /// Reads both files for the first time.
    ///
    /// # Errors
    ///
    /// They cannot be read, or are no pair.
    pub(super) fn open(chain: &Path, key: &Path) -> Result<(Files, Current), Refusal> {
        let seen = [chain, key].map(stamp);
        let current = load(chain, key)?;
        warn_if_public("the private key", key);
        let (chain, key) = (chain.to_owned(), key.to_owned());
        Ok((Files { chain, key, looked: Instant::now(), seen, refusal: None }, current))
    }

    /// Looks whether the files have changed, if that is due, and reads them then: what is new about them, if
    /// anything is.
    pub(super) fn look(&mut self, now: Instant) -> Option<Result<Current, Refusal>> {
        if now.saturating_duration_since(self.looked) < REST {
            return None;
        }
        self.looked = now;
        let have_changed = self.stamps() != self.seen;
        // What was the matter may be over without a trace on the files, as after a chown.
        if !have_changed && self.refusal.is_none() {
            return None;
        }
        let before = self.refusal.take();
        let read = self.read();
        let is_known = !have_changed && self.refusal == before;
        (!is_known).then_some(read)
    }

    /// Reads the files, whether they have changed or not.
    ///
    /// # Errors
    ///
    /// They cannot be read, or are no pair.
    pub(super) fn read(&mut self) -> Result<Current, Refusal> {
        // Before the files, so that a change while they are read is found at the next look.
        self.seen = self.stamps();
        let read = load(&self.chain, &self.key);
        self.refusal = read.as_ref().err().cloned();
        read
    }

    fn stamps(&self) -> [Stamp; 2] {
        [stamp(&self.chain), stamp(&self.key)]
    }
}

fn stamp(path: &Path) -> Stamp {
    fs::metadata(path).ok().map(|found| (found.modified().ok(), found.len()))
}

/// What the next handshake takes of these files.
fn load(chain: &Path, key: &Path) -> Result<Current, Refusal> {
    let refused = |why: Unusable| why.at(Role::Certificate, chain);
    let certificates = certificates(chain).map_err(refused)?;
    let private = read(key).and_then(|contents| private_key(&contents));
    let private = private.map_err(|why| why.at(Role::ItsKey, key))?;
    let shown = shown(&certificates[0]).map_err(refused)?;
    let config = configuration(certificates, private).map_err(|why| match why {
        rustls::Error::InconsistentKeys(_) => refused(Unusable::Apart(key.to_owned())),
        _ => Unusable::OtherKind(KINDS).at(Role::ItsKey, key),
    })?;
    Ok(Current { key: shown, config: Arc::new(config) })
}

/// The certificates in a file, of which there is at least one.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Unusable> {
    let contents = read(path)?;
    if contents.is_empty() {
        return Err(Unusable::Empty);
    }
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&contents).collect();
    chain.ok().filter(|chain| !chain.is_empty()).ok_or(Unusable::NoCertificate)
}

/// The key of a certificate, as clients know it.
fn shown(certificate: &CertificateDer<'_>) -> Result<ServerKey, Unusable> {
    let parsed = ParsedCertificate::try_from(certificate).map_err(|_| Unusable::NoCertificate)?;
    Ok(ServerKey::of_spki(&parsed.subject_public_key_info()))
}

/// Reads a file, which others may own and links may lead to. Nothing else than a file is waited for.
fn read(path: &Path) -> Result<Vec<u8>, Unusable> {
    let file = open(path)?;
    if !file.metadata()?.is_file() {
        return Err(Unusable::Unfit(Unfit::NoFile));
    }
    Ok(contents(&file)?)
}

#[cfg(unix)]
fn open(path: &Path) -> io::Result<File> {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt;
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path)
}

#[cfg(windows)]
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).open(path)
}
