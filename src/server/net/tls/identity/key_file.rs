//! The server's own key, in its file. Several servers of one user share it.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::Path;

use rcgen::{KeyPair, PublicKeyData};
use rustls::pki_types::PrivatePkcs8KeyDer;

use crate::key_file::{self, Kept, Kind, NoPlace, Refusal, Role};
use crate::state_folder::Environment;
use crate::tls::ServerKey;

/// The kinds of keys that a server can have, in words.
pub(super) const KINDS: &str = "P-256, P-384, Ed25519 and RSA of 2048 to 4096 bits";

/// A server's key.
const KIND: Kind<KeyPair> = Kind {
    name: "server-key.pem",
    role: Role::Key,
    read: |pkcs8| KeyPair::try_from(&PrivatePkcs8KeyDer::from(pkcs8)).ok(),
    kinds: KINDS,
    generate: || KeyPair::generate().map(|key| key.serialize_pem()).map_err(io::Error::other),
};

/// The key in the user's state folder, made if it is not there; or why there can be none.
///
/// # Errors
///
/// The file is there and cannot be used. Nothing in it was changed.
pub(super) fn in_state_folder(
    environment: &Environment,
) -> Result<Result<KeyPair, NotKept>, Refusal> {
    Ok(key_file::in_state_folder(&KIND, environment)?.map(told).map_err(NotKept))
}

/// The key in the file at that path, made if it is not there.
///
/// # Errors
///
/// The file cannot be made, or is there and cannot be used. Nothing in it was changed.
pub(super) fn open(path: &Path) -> Result<KeyPair, Refusal> {
    key_file::open(&KIND, path).map(told)
}

/// The key, which an operator is told of when it is new.
fn told(kept: Kept<KeyPair>) -> KeyPair {
    let Kept { key, path, is_new } = kept;
    if is_new {
        let (shown, path) = (ServerKey::of_spki(&key.subject_public_key_info()), path.display());
        log::info!("made the key {shown} in {path}; keep a copy, so that the server can move");
    }
    key
}

/// Why the key is for this run alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotKept(pub(super) NoPlace);

impl fmt::Display for NotKept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = &self.0;
        write!(f, "the key cannot be kept ({place}), so it is new at each start; give --key FILE")
    }
}

impl Error for NotKept {}
