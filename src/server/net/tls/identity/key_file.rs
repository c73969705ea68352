//! The server's own key: one file, made once, and never written again.
//!
//! Several servers of one user share it. Those that start at the same time make it under a lock, and each reads
//! what is there in the end.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

use rcgen::{KeyPair, PublicKeyData};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;

use super::refusal::{NotKept, Refusal, Role, Unusable};
use crate::private_file::{self, Takes, Unfit, beside};
use crate::problem;
use crate::state_folder::{self, Environment};
use crate::tls::ServerKey;

/// What the key's file in the state folder is called.
const NAME: &str = "server-key.pem";

/// The most that a file of keys or certificates may have, in bytes. A key has 241, a chain of certificates some
/// thousands.
const MAX_SIZE: u64 = 1 << 20;

/// What the file of a key with a passphrase says of itself.
const PASSPHRASE: &[u8] = b"ENCRYPTED";

/// The key in the user's state folder, made if it is not there; or why there can be none.
///
/// # Errors
///
/// The file is there and cannot be used. Nothing in it was changed.
pub(super) fn in_state_folder(
    environment: &Environment,
) -> Result<Result<KeyPair, NotKept>, Refusal> {
    let Some(folder) = environment.state_folder() else { return Ok(Err(NotKept::NoFolder)) };
    let path = folder.join(NAME);
    // A link that leads nowhere is there, too.
    let is_there = path.symlink_metadata().is_ok();
    if !is_there && let Err(why) = state_folder::make(&folder) {
        return Ok(Err(NotKept::CannotMake { folder, why: problem::reason(&why) }));
    }
    match open(&path) {
        Ok(key) => Ok(Ok(key)),
        Err(refusal) => match refusal.of_place().filter(|_| !is_there) {
            Some(why) => Ok(Err(NotKept::CannotMake { folder, why })),
            None => Err(refusal),
        },
    }
}

/// The key in the file at that path, made if it is not there.
///
/// # Errors
///
/// The file cannot be made, or is there and cannot be used. Nothing in it was changed.
pub(super) fn open(path: &Path) -> Result<KeyPair, Refusal> {
    let refused = |why: Unusable| why.at(Role::Key, path);
    if let Some(key) = read(path).map_err(refused)? {
        return Ok(key);
    }
    let made = make(path);
    // Where this one could make none, as while Windows deletes the lock, another server may have made it.
    let Some(key) = read(path).map_err(refused)? else {
        return Err(made.err().unwrap_or_else(|| refused(Unusable::NoFolder)));
    };
    if made.is_ok_and(|is_ours| is_ours) {
        let (shown, path) = (ServerKey::of_spki(&key.subject_public_key_info()), path.display());
        log::info!("made the key {shown} in {path}; keep a copy, so that the server can move");
    }
    Ok(key)
}

/// The key in the file at that path; `None` if there is no file.
fn read(path: &Path) -> Result<Option<KeyPair>, Unusable> {
    let file = private_file::open_existing(OpenOptions::new().read(true), path, Takes::File);
    match file {
        Ok(file) => parse(&contents(&file)?).map(Some),
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(why) => Err(why.into()),
    }
}

/// All of a file, as far as one of keys or certificates goes.
pub(super) fn contents(file: &File) -> io::Result<Vec<u8>> {
    let mut contents = Vec::new();
    file.take(MAX_SIZE).read_to_end(&mut contents)?;
    Ok(contents)
}

/// The private key in a file of that content, in whatever form.
pub(super) fn private_key(contents: &[u8]) -> Result<PrivateKeyDer<'static>, Unusable> {
    if contents.is_empty() {
        return Err(Unusable::Empty);
    }
    let is_locked = || contents.windows(PASSPHRASE.len()).any(|it| it == PASSPHRASE);
    PrivateKeyDer::from_pem_slice(contents)
        .map_err(|_| if is_locked() { Unusable::Passphrase } else { Unusable::NoKey })
}

fn parse(contents: &[u8]) -> Result<KeyPair, Unusable> {
    match private_key(contents)? {
        PrivateKeyDer::Pkcs8(key) => KeyPair::try_from(&key).map_err(|_| Unusable::OtherKind),
        _ => Err(Unusable::OtherForm),
    }
}

/// Makes a key at the path, unless another server has made one meanwhile: whether this one has.
fn make(path: &Path) -> Result<bool, Refusal> {
    let lock = beside(path, "-lock");
    let options = OpenOptions::new().read(true).write(true).clone();
    let held =
        private_file::open(&options, &lock, Takes::File).map_err(|why| unmade(why, &lock, path))?;
    // Where the file system has no locks, two servers that are started at the same moment for the first time may
    // each make a key, of which the second stays.
    held.lock().ok();
    let is_there = path.symlink_metadata().is_ok();
    if !is_there {
        write(path).map_err(|why| unmade(why, path, path))?;
    }
    // Only now that there is a key: whoever locks another file of that name finds the key.
    fs::remove_file(&lock).ok();
    Ok(!is_there)
}

/// Why there is no key at the path. A file that is unfit is the one that was to be opened.
fn unmade(why: io::Error, opened: &Path, path: &Path) -> Refusal {
    let why = match why.downcast::<Unfit>() {
        Ok(unfit) => return Unusable::Unfit(unfit).at(Role::Key, opened),
        Err(why) => why,
    };
    let unusable = match why.kind() {
        io::ErrorKind::NotFound => Unusable::NoFolder,
        _ => Unusable::Unmade(problem::reason(&why)),
    };
    unusable.at(Role::Key, path)
}

/// Writes a new key, so that at the path there is never a part of it.
fn write(path: &Path) -> io::Result<()> {
    let key = KeyPair::generate().map_err(io::Error::other)?;
    let new = beside(path, "-new");
    // A server that was ended amid this has left one.
    fs::remove_file(&new).ok();
    let written =
        private_file::create(OpenOptions::new().write(true), &new).and_then(|mut file| {
            file.write_all(key.serialize_pem().as_bytes())?;
            file.sync_all()?;
            fs::rename(&new, path)
        });
    match &written {
        Ok(()) => sync_folder(path),
        Err(_) => drop(fs::remove_file(&new)),
    }
    written
}

/// Has the folder's entry on the disk, too, where the system has a way to say that.
fn sync_folder(path: &Path) {
    if cfg!(unix) {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = File::open(folder.unwrap_or(Path::new(".")));
        folder.and_then(|folder| folder.sync_all()).ok();
    }
}
