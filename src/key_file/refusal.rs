//! Why a key or a certificate cannot be used, in the words that the user is told. Pure.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::private_file::Unfit;
use crate::problem;

/// A file that cannot be used. Nothing in it was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// What the file is to be.
    role: Role,
    /// Its path, as it was given.
    path: PathBuf,
    /// What is the matter with it.
    why: Unusable,
}

/// What a file is to the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The server's own key, which the server would have made.
    Key,
    /// A chain of certificates that somebody else has made.
    Certificate,
    /// The private key of that.
    ItsKey,
    /// The key by which a client's user is known, which the client would have made.
    Identity,
}

/// What is the matter with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// There is nothing in it.
    Empty,
    /// It is something else than a private key.
    NoKey,
    /// The key in it needs a passphrase.
    Passphrase,
    /// The key is in a form of its own kind (SEC 1, PKCS#1), where PKCS#8 is taken.
    OtherForm,
    /// Something in its place that is no key, or one of another kind than these.
    OtherKind(&'static str),
    /// It is something else than certificates.
    NoCertificate,
    /// The certificate is another key's than the one in this file.
    Apart(PathBuf),
    /// It belongs to somebody else, is no file, or has another name.
    Unfit(Unfit),
    /// Its folder is not there.
    NoFolder,
    /// It is not there, and cannot be made: the reason.
    Unmade(String),
    /// It cannot be read: the reason.
    System(String),
}

impl Unusable {
    /// That, with the file.
    pub(crate) fn at(self, role: Role, path: &Path) -> Refusal {
        Refusal { role, path: path.to_owned(), why: self }
    }
}

impl From<io::Error> for Unusable {
    fn from(why: io::Error) -> Unusable {
        why.downcast().map_or_else(|why| Unusable::System(problem::reason(&why)), Unusable::Unfit)
    }
}

impl Refusal {
    /// What is the matter, without what it keeps the server from.
    pub(crate) fn brief(&self) -> String {
        match &self.why {
            Unusable::Apart(key) => {
                format!("{} and {} do not belong together", self.path.display(), key.display())
            }
            why => format!("{}: {why}", self.path.display()),
        }
    }

    /// The reason, if it is the place that is unfit and not what is there.
    pub(super) fn of_place(&self) -> Option<String> {
        match &self.why {
            Unusable::NoFolder => Some(self.why.to_string()),
            Unusable::Unmade(why) | Unusable::System(why) => Some(why.clone()),
            Unusable::Empty
            | Unusable::NoKey
            | Unusable::Passphrase
            | Unusable::OtherForm
            | Unusable::OtherKind(_)
            | Unusable::NoCertificate
            | Unusable::Apart(_)
            | Unusable::Unfit(_) => None,
        }
    }

    /// What to do about it.
    fn advice(&self) -> &'static str {
        match (self.role, &self.why) {
            (Role::Certificate | Role::ItsKey, _) => "",
            (Role::Key | Role::Identity, Unusable::NoFolder) => {
                "; make its folder first, or name another file"
            }
            (Role::Key | Role::Identity, Unusable::Unmade(_)) => "; name another file",
            (Role::Key | Role::Identity, _) => "; move it away, or name another file",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.role {
            Role::Certificate => "certificate",
            Role::Key | Role::ItsKey => "key",
            Role::Identity => "identity",
        };
        let (path, why, advice) = (self.path.display(), &self.why, self.advice());
        write!(f, "cannot use the {what} {path}: {why}{advice}")
    }
}

impl Error for Refusal {}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unusable::Empty => f.write_str("it is empty"),
            Unusable::NoKey => f.write_str("it is not a private key"),
            Unusable::Passphrase => f.write_str("it has a passphrase"),
            Unusable::OtherForm => f.write_str(
                "it is a private key, but not in PKCS#8, as 'openssl pkcs8 -topk8 -nocrypt' makes it",
            ),
            Unusable::OtherKind(kinds) => {
                write!(f, "it is damaged, or of another kind than {kinds}")
            }
            Unusable::NoCertificate => f.write_str("it is not a certificate in PEM"),
            Unusable::Apart(key) => write!(f, "it does not belong to the key {}", key.display()),
            Unusable::Unfit(unfit) => unfit.fmt(f),
            Unusable::NoFolder => f.write_str("no such folder"),
            Unusable::Unmade(why) => write!(f, "it is not there, and cannot be made: {why}"),
            Unusable::System(why) => f.write_str(why),
        }
    }
}

/// Why there can be no file in the state folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoPlace {
    /// No variable of the environment says where that folder is.
    Unknown,
    /// The file is not there and cannot be made.
    Unfit {
        /// In which folder.
        folder: PathBuf,
        /// Why not.
        why: String,
    },
}

impl fmt::Display for NoPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoPlace::Unknown => f.write_str("no folder for it is known"),
            NoPlace::Unfit { folder, why } => write!(f, "{}: {why}", folder.display()),
        }
    }
}
