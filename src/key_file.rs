//! Files of one private key each, in PEM: made once, and never written again. The server's own key is in one, and the
//! key by which a client's user is known in another.
//!
//! Several programs of one user share such a file. Those that start at the same time make it under a lock, and each
//! reads what is there in the end. What kind of key it is, and what becomes of it, is the caller's business.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;

use crate::private_file::{self, Takes, Unfit, beside};
use crate::problem;
use crate::state_folder::{self, Environment};
pub(crate) use refusal::{NoPlace, Refusal, Role, Unusable};

mod refusal;

/// The most that a file of keys or certificates may have, in bytes. A key has 241, a chain of certificates some
/// thousands.
const MAX_SIZE: u64 = 1 << 20;

/// What the file of a key with a passphrase says of itself.
const PASSPHRASE: &[u8] = b"ENCRYPTED";

/// The kind of a key, by what it is for.
#[derive(Debug)]
pub(crate) struct Kind<K> {
    /// What its file in the state folder is called.
    pub(crate) name: &'static str,
    /// What it is to its user.
    pub(crate) role: Role,
    /// Makes the key of what its file holds in PKCS#8; `None` if that is damaged, or another kind of key.
    pub(crate) read: fn(&[u8]) -> Option<K>,
    /// Which kinds are no other kinds, in words.
    pub(crate) kinds: &'static str,
    /// Makes a new key, and gives it in PEM.
    pub(crate) generate: fn() -> io::Result<String>,
}

/// A key that was found in its file.
#[derive(Debug)]
pub(crate) struct Kept<K> {
    /// The key.
    pub(crate) key: K,
    /// Its file.
    pub(crate) path: PathBuf,
    /// Whether this program has made it just now.
    pub(crate) is_new: bool,
}

/// The key of this kind in the user's state folder, made if it is not there; or why there can be none.
///
/// # Errors
///
/// The file is there and cannot be used. Nothing in it was changed.
pub(crate) fn in_state_folder<K>(
    kind: &Kind<K>,
    environment: &Environment,
) -> Result<Result<Kept<K>, NoPlace>, Refusal> {
    let Some(folder) = environment.state_folder() else { return Ok(Err(NoPlace::Unknown)) };
    let path = folder.join(kind.name);
    // A link that leads nowhere is there, too.
    let is_there = path.symlink_metadata().is_ok();
    if !is_there && let Err(why) = state_folder::make(&folder) {
        return Ok(Err(NoPlace::Unfit { folder, why: problem::reason(&why) }));
    }
    match open(kind, &path) {
        Ok(kept) => Ok(Ok(kept)),
        Err(refusal) => match refusal.of_place().filter(|_| !is_there) {
            Some(why) => Ok(Err(NoPlace::Unfit { folder, why })),
            None => Err(refusal),
        },
    }
}

/// The key of this kind in the file at that path, made if it is not there.
///
/// # Errors
///
/// The file cannot be made, or is there and cannot be used. Nothing in it was changed.
pub(crate) fn open<K>(kind: &Kind<K>, path: &Path) -> Result<Kept<K>, Refusal> {
    let refused = |why: Unusable| why.at(kind.role, path);
    let kept = |key, is_new| Kept { key, path: path.to_owned(), is_new };
    if let Some(key) = read(kind, path).map_err(refused)? {
        return Ok(kept(key, false));
    }
    let made = make(kind, path);
    // Where this one could make none, as while Windows deletes the lock, another program may have made it.
    match read(kind, path).map_err(refused)? {
        Some(key) => Ok(kept(key, made.is_ok_and(|is_ours| is_ours))),
        None => Err(made.err().unwrap_or_else(|| refused(Unusable::NoFolder))),
    }
}

/// The key in the file at that path; `None` if there is no file.
fn read<K>(kind: &Kind<K>, path: &Path) -> Result<Option<K>, Unusable> {
    let file = private_file::open_existing(OpenOptions::new().read(true), path, Takes::File);
    match file {
        Ok(file) => parse(kind, &contents(&file)?).map(Some),
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(why) => Err(why.into()),
    }
}

/// All of a file, as far as one of keys or certificates goes.
pub(crate) fn contents(file: &File) -> io::Result<Vec<u8>> {
    let mut contents = Vec::new();
    file.take(MAX_SIZE).read_to_end(&mut contents)?;
    Ok(contents)
}

/// The private key in a file of that content, in whatever form.
pub(crate) fn private_key(contents: &[u8]) -> Result<PrivateKeyDer<'static>, Unusable> {
    if contents.is_empty() {
        return Err(Unusable::Empty);
    }
    let is_locked = || contents.windows(PASSPHRASE.len()).any(|it| it == PASSPHRASE);
    PrivateKeyDer::from_pem_slice(contents)
        .map_err(|_| if is_locked() { Unusable::Passphrase } else { Unusable::NoKey })
}

fn parse<K>(kind: &Kind<K>, contents: &[u8]) -> Result<K, Unusable> {
    match private_key(contents)? {
        PrivateKeyDer::Pkcs8(key) => {
            (kind.read)(key.secret_pkcs8_der()).ok_or(Unusable::OtherKind(kind.kinds))
        }
        _ => Err(Unusable::OtherForm),
    }
}

/// Makes a key at the path, unless another program has made one meanwhile: whether this one has.
fn make<K>(kind: &Kind<K>, path: &Path) -> Result<bool, Refusal> {
    let unmade = |why, opened: &Path| unmade(why, kind.role, opened, path);
    let lock = beside(path, "-lock");
    let options = OpenOptions::new().read(true).write(true).clone();
    let held =
        private_file::open(&options, &lock, Takes::File).map_err(|why| unmade(why, &lock))?;
    // Where the file system has no locks, two programs that are started at the same moment for the first time may
    // each make a key, of which the second stays.
    held.lock().ok();
    let is_there = path.symlink_metadata().is_ok();
    if !is_there {
        (kind.generate)().and_then(|pem| write(path, &pem)).map_err(|why| unmade(why, path))?;
    }
    // Only now that there is a key: whoever locks another file of that name finds the key.
    fs::remove_file(&lock).ok();
    Ok(!is_there)
}

/// Why there is no key at the path. A file that is unfit is the one that was to be opened.
fn unmade(why: io::Error, role: Role, opened: &Path, path: &Path) -> Refusal {
    let why = match why.downcast::<Unfit>() {
        Ok(unfit) => return Unusable::Unfit(unfit).at(role, opened),
        Err(why) => why,
    };
    let unusable = match why.kind() {
        io::ErrorKind::NotFound => Unusable::NoFolder,
        _ => Unusable::Unmade(problem::reason(&why)),
    };
    unusable.at(role, path)
}

/// Writes a new key, so that at the path there is never a part of it.
fn write(path: &Path, pem: &str) -> io::Result<()> {
    let new = beside(path, "-new");
    // A program that was ended amid this has left one.
    fs::remove_file(&new).ok();
    let written =
        private_file::create(OpenOptions::new().write(true), &new).and_then(|mut file| {
            file.write_all(pem.as_bytes())?;
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
