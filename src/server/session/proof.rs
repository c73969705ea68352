//! The proof of the client's key: the nonce that is told for it, and what comes of the signature. The session's
//! thread runs it.
//!
//! It is asked for right after `/tags`, and given before the name is settled, since whose name it may be depends on
//! it. A nonce serves once, over one connection; what is signed is `protocol::proof`'s business.

use std::fmt::Display;
use std::time::Duration;

use super::{Phase, Session};
use crate::protocol::GRACE;
use crate::protocol::proof::{KeyHash, Nonce, PublicKey, Signature, Unproved, verify};
use crate::protocol::reply::{NameNotice, NameRefusal, Notice, Refusal};
use crate::protocol::request::Request;
use crate::protocol::tag::{Body, Format};
use crate::server::rendering::tag;
use crate::server::room::entry::Encryption;
use crate::server::system::{now, random};

/// How long a client may be silent that was told a nonce: it has to wait for that before it signs, which takes a
/// round trip more than [`GRACE`] allows for on a slow network. A client that was told none waits no longer than
/// ever.
const PROOF_GRACE: Duration = Duration::from_secs(1);

/// How far the proof of the client's key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// None is taken: none was asked for, it has failed, or the client's name is settled.
    Closed,
    /// The client was told this nonce.
    Awaited(Nonce),
    /// The client has proved to own this key.
    Given(KeyHash),
}

impl Proof {
    /// The key, if the client has proved to own one.
    pub(super) fn key(self) -> Option<KeyHash> {
        match self {
            Proof::Given(key) => Some(key),
            Proof::Closed | Proof::Awaited(_) => None,
        }
    }

    /// How long the client may be silent before it is a guest.
    pub(super) fn grace(self) -> Duration {
        match self {
            Proof::Awaited(_) => PROOF_GRACE,
            Proof::Closed | Proof::Given(_) => GRACE,
        }
    }

    /// Whether a request is the proof that is waited for.
    pub(super) fn awaits(self, request: &Request<'_>) -> bool {
        matches!((self, request), (Proof::Awaited(_), Request::Key(..)))
    }
}

impl Session {
    /// Tells the client a nonce. Where the system has no random numbers, it proves nothing.
    pub(super) fn ask_for_proof(&mut self) {
        let Some(nonce) = random().map(Nonce::new) else { return };
        self.proof = Proof::Awaited(nonce);
        self.tell_program(Body::Nonce(nonce));
    }

    /// Called with the client's proof.
    pub(super) fn prove(&mut self, key: &PublicKey, signature: &Signature) {
        let Proof::Awaited(nonce) = self.proof else {
            return self.refuse_name(&Refusal::Name(NameRefusal::KeyTooLate));
        };
        match verify(&nonce, &self.connection.binding(), key, signature) {
            Ok(key) => {
                self.proof = Proof::Given(key);
                self.tell_program(Body::KeyOk);
                if self.connection.encryption() == Encryption::None {
                    self.tell_program(Notice::Name(NameNotice::ProvedInPlain));
                }
            }
            Err(Unproved) => {
                self.proof = Proof::Closed;
                self.tell_program(Refusal::Name(NameRefusal::WrongSignature));
            }
        }
    }

    /// Tells a client something that has asked for the tagged form, whether it has joined or not.
    fn tell_program(&mut self, line: impl Display) {
        match self.phase {
            Phase::Outside(_) | Phase::Unnamed { .. } => {
                self.connection.tell(format_args!("{}{line}", tag(Format::Tagged, None, now())));
            }
            Phase::Joined { .. } => self.gathered.answer(Format::Tagged, None, line, now()),
            Phase::Gone => {}
        }
    }
}
