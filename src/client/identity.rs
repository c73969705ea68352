//! The identity: the key by which the names of the client's user are known to be the user's, in its file.
//!
//! It is made at the first start and shared by all clients of the user. Without it one chats as everybody does who
//! has no key. The main thread opens it before it connects; signing is pure.

use std::error::Error;
use std::fmt;
use std::io;

use data_encoding::BASE64;
use log::info;
use ring::signature::{Ed25519KeyPair, KeyPair};

use super::config::IdentityChoice;
use crate::key_file::{self, Kept, Kind, NoPlace, Role};
use crate::problem::Problem;
use crate::protocol::proof::{Binding, Nonce, PublicKey, Signature, signed_bytes};
use crate::protocol::request::Command;
use crate::state_folder::Environment;

/// The file and the form of it.
const KIND: Kind<Identity> = Kind {
    name: "identity.pem",
    role: Role::Identity,
    read: Identity::of_pkcs8,
    kinds: "Ed25519",
    generate,
};

/// What stands before the 32 bytes of the private key in PKCS#8 (RFC 8410, 7). The first version of that form has no
/// public key in it, and every other program reads it.
const PKCS8_BEGINNING: [u8; 16] =
    [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

/// The user's key.
pub(super) struct Identity {
    /// Both halves of it.
    pair: Ed25519KeyPair,
    /// The half that the server gets.
    public: PublicKey,
}

/// What came of looking for the key.
#[derive(Debug)]
pub(super) struct Opened {
    /// The key, if there is one.
    pub(super) identity: Option<Identity>,
    /// Why there is none, if the user has not wanted that.
    pub(super) trouble: Option<Problem>,
}

impl Identity {
    /// The key in this PKCS#8 form; `None` if it is none of Ed25519.
    fn of_pkcs8(pkcs8: &[u8]) -> Option<Identity> {
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).ok().map(Identity::of)
    }

    fn of(pair: Ed25519KeyPair) -> Identity {
        let public = pair.public_key().as_ref().try_into().expect("a public key has 32 bytes");
        Identity { pair, public: PublicKey::new(public) }
    }

    /// The key of that seed.
    #[cfg(any(test, fuzzing))]
    pub(super) fn of_seed(seed: [u8; 32]) -> Identity {
        Identity::of(Ed25519KeyPair::from_seed_unchecked(&seed).expect("32 bytes are a seed"))
    }

    /// The command that proves the key to the server that gave this nonce, over a connection with this binding.
    pub(super) fn proof(&self, nonce: &Nonce, binding: &Binding) -> String {
        let signature = self.pair.sign(&signed_bytes(nonce, binding, &self.public));
        let signature = signature.as_ref().try_into().expect("a signature has 64 bytes");
        format!("{} {} {}", Command::Key.word(), self.public, Signature::new(signature))
    }
}

/// The private half stands in no log.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.public)
    }
}

/// The user's key, from the place that the user has chosen, made if it is not there. Where the state folder does not
/// let it, there is none, and the chat goes on.
///
/// # Errors
///
/// A file that the user has named cannot be used. Nothing in it was changed.
pub(super) fn open(choice: &IdentityChoice, environment: &Environment) -> Result<Opened, Problem> {
    let lost = |why: Box<dyn Error + Send + Sync>| {
        Ok(Opened { identity: None, trouble: Some(Problem::IdentityLost(why)) })
    };
    match choice {
        IdentityChoice::None => Ok(Opened { identity: None, trouble: None }),
        IdentityChoice::Named(path) => match key_file::open(&KIND, path) {
            Ok(kept) => Ok(found(kept)),
            Err(refusal) => Err(Problem::Identity(refusal.into())),
        },
        IdentityChoice::InStateFolder => match key_file::in_state_folder(&KIND, environment) {
            Ok(Ok(kept)) => Ok(found(kept)),
            Ok(Err(place)) => lost(NotKept(place).into()),
            Err(refusal) => lost(refusal.into()),
        },
    }
}

fn found(Kept { key, path, is_new }: Kept<Identity>) -> Opened {
    if is_new {
        let path = path.display();
        info!("made the key of your names, {path}; copy it to be the same on another machine");
    }
    Opened { identity: Some(key), trouble: None }
}

/// A new key, in PEM (RFC 7468).
fn generate() -> io::Result<String> {
    let mut pkcs8 = [0; 48];
    let (beginning, private) = pkcs8.split_at_mut(PKCS8_BEGINNING.len());
    beginning.copy_from_slice(&PKCS8_BEGINNING);
    getrandom::fill(private).map_err(|_| io::Error::other("no random numbers"))?;
    let base64 = BASE64.encode(&pkcs8);
    Ok(format!("-----BEGIN PRIVATE KEY-----\n{base64}\n-----END PRIVATE KEY-----\n"))
}

/// Why there is no key.
#[derive(Debug, Clone, PartialEq, Eq)]
struct NotKept(NoPlace);

impl fmt::Display for NotKept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot keep a key for your names ({})", self.0)
    }
}

impl Error for NotKept {}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::sync::Barrier;
    use std::thread;

    use ring::rand::SystemRandom;

    use super::*;
    use crate::protocol::proof::verify;
    use crate::protocol::request::{self, Request};
    use crate::test_folder::Folder;

    /// A folder for one's state, with nothing in it.
    struct Home(Folder);

    impl Home {
        fn new() -> Home {
            Home(Folder::new())
        }

        /// An environment whose state folder is in it.
        fn environment(&self) -> Environment {
            Environment { xdg_state_home: Some(self.0.path().into()), ..Environment::default() }
        }

        fn file(&self) -> PathBuf {
            self.0.file("chatroom").join("identity.pem")
        }
    }

    fn key(environment: &Environment) -> PublicKey {
        let opened = open(&IdentityChoice::InStateFolder, environment).expect("nothing was named");
        assert!(opened.trouble.is_none(), "{:?}", opened.trouble);
        opened.identity.expect("a key").public
    }

    /// What a user is told who has no key.
    fn trouble(environment: &Environment) -> String {
        let opened = open(&IdentityChoice::InStateFolder, environment).expect("nothing was named");
        assert!(opened.identity.is_none());
        opened.trouble.expect("the user is told").to_string()
    }

    fn complaint(path: &Path) -> String {
        let choice = IdentityChoice::Named(path.to_owned());
        open(&choice, &Environment::default()).expect_err("it is no key").to_string()
    }

    #[test]
    fn a_key_is_made_once_for_its_owner_alone_and_nothing_is_left_beside_it() {
        let home = Home::new();
        let first = key(&home.environment());
        assert_eq!(key(&home.environment()), first);
        let named = open(&IdentityChoice::Named(home.file()), &Environment::default());
        assert_eq!(named.expect("it is there").identity.expect("a key").public, first);
        let files = fs::read_dir(home.file().parent().expect("a folder")).expect("ours");
        assert_eq!(files.count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| fs::metadata(path).expect("ours").permissions().mode() & 0o777;
            let file = home.file();
            assert_eq!((mode(&file), mode(file.parent().expect("ours"))), (0o600, 0o700));
        }
        let another = Home::new();
        assert_ne!(key(&another.environment()), first);
    }

    #[test]
    fn clients_that_start_at_once_have_one_key() {
        let home = Home::new();
        let barrier = Barrier::new(8);
        let keys: Vec<_> = thread::scope(|scope| {
            let client = || {
                barrier.wait();
                key(&home.environment())
            };
            let clients: Vec<_> = (0..8).map(|_| scope.spawn(client)).collect();
            clients.into_iter().map(|client| client.join().expect("it ends")).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    }

    #[test]
    fn a_proof_is_one_that_the_server_takes() {
        let identity = Identity::of_seed([7; 32]);
        let (nonce, binding) = (Nonce::new([1; 32]), Binding::new([2; 32]));
        let line = identity.proof(&nonce, &binding);
        let Ok(Request::Key(key, signature)) = request::parse(&line) else { panic!("{line}") };
        assert_eq!(verify(&nonce, &binding, &key, &signature), Ok(identity.public.hash()));
        assert!(verify(&nonce, &Binding::PLAIN, &key, &signature).is_err());
        assert_eq!(format!("{identity:?}"), format!("Identity({key})"));
    }

    #[test]
    fn a_key_of_both_versions_of_pkcs8_is_read() {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("random");
        assert!(Identity::of_pkcs8(document.as_ref()).is_some());
        assert!(Identity::of_pkcs8(&document.as_ref()[1..]).is_none());
        let first = [&PKCS8_BEGINNING[..], &[7; 32]].concat();
        let read = Identity::of_pkcs8(&first).expect("it is as RFC 8410 has it");
        assert_eq!(read.public, Identity::of_seed([7; 32]).public);
    }

    #[test]
    fn a_file_that_is_no_key_is_told_and_left_as_it_is() {
        let home = Home::new();
        let whole = {
            key(&home.environment());
            fs::read_to_string(home.file()).expect("ours")
        };
        let of_another_kind = rcgen::KeyPair::generate().expect("random").serialize_pem();
        let advice = "; move it away, or name another file";
        let start = format!("cannot use the identity {}: ", home.file().display());
        for (content, why) in [
            ("", "it is empty"),
            ("hello", "it is not a private key"),
            (&whole[..40], "it is not a private key"),
            (&*whole.replace("MC4C", "MC4D"), "it is damaged, or of another kind than Ed25519"),
            (&*of_another_kind, "it is damaged, or of another kind than Ed25519"),
        ] {
            fs::write(home.file(), content).expect("ours");
            assert_eq!(complaint(&home.file()), format!("{start}{why}{advice}"));
            let told = trouble(&home.environment());
            assert_eq!(told, format!("{start}{why}{advice}; going on without it"));
            assert_eq!(fs::read_to_string(home.file()).expect("ours"), content);
        }
    }

    #[test]
    fn where_no_key_can_be_kept_there_is_none_and_that_is_told() {
        let home = Home::new();
        let file = home.0.file("chatroom");
        fs::write(&file, "not a folder").expect("ours");
        let told = trouble(&home.environment());
        let start = format!("cannot keep a key for your names ({}: ", file.display());
        assert!(told.starts_with(&start) && told.ends_with("); going on without it"), "{told}");
        let told = trouble(&Environment::default());
        let expected =
            "cannot keep a key for your names (no folder for it is known); going on without it";
        assert_eq!(told, expected);
        let none = open(&IdentityChoice::None, &home.environment()).expect("none is wanted");
        assert!(none.identity.is_none() && none.trouble.is_none());
        let start = format!("cannot use the identity {}: no such folder; ", "/nowhere/at/all.pem");
        assert!(complaint(Path::new("/nowhere/at/all.pem")).starts_with(&start));
    }
}
