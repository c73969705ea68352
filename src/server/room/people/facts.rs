//! Facts about people, as a history keeps them. Pure.

use super::invitations::{CodeHash, Invitation};
use super::letters::Letter;
use super::owners::Owner;
use super::sanctions::Sanction;
use crate::protocol::proof::KeyHash;

/// What a fact is about. It tells one fact from all others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum FactKey {
    /// Who owns this name, which is without case.
    Owner(String),
    /// The ban of that number.
    Ban(u64),
    /// The mute of that number.
    Mute(u64),
    /// The code with this hash.
    Invitation(CodeHash),
    /// Whether the owner of this key was let in.
    LetIn(KeyHash),
    /// The private line of that number.
    Letter(u64),
    /// What newcomers see first.
    Topic,
}

impl FactKey {
    /// Whether such a fact may be forgotten on a server's word alone. That somebody owns a name, or was let in, is not taken
    /// away so.
    pub(crate) fn can_be_dropped(&self) -> bool {
        match self {
            FactKey::Ban(_)
            | FactKey::Mute(_)
            | FactKey::Invitation(_)
            | FactKey::Letter(_)
            | FactKey::Topic => true,
            FactKey::Owner(_) | FactKey::LetIn(_) => false,
        }
    }
}

/// A fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fact {
    /// Who owns a name.
    Owner(Owner),
    /// Who is kept out, or cannot speak.
    Sanction(Sanction),
    /// A code that lets somebody in.
    Invitation(Invitation),
    /// The owner of the key was let in.
    LetIn,
    /// A private line that waits.
    Letter(Letter),
    /// What newcomers see first; not empty.
    Topic(Box<str>),
}
