//! Codes that let one person in, and who was let in by one. Pure.

use std::collections::{BTreeMap, BTreeSet};

use ring::digest;

use crate::protocol::proof::KeyHash;
use crate::protocol::tag::Millis;

/// The SHA-256 of a code, in the form in which it is compared (FIPS 180-4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct CodeHash(pub(crate) [u8; 32]);

impl CodeHash {
    /// The hash of a code as somebody types it: case and hyphens do not count.
    pub(crate) fn of(code: &str) -> CodeHash {
        let plain: String =
            code.chars().filter(|&c| c != '-').map(|c| c.to_ascii_lowercase()).collect();
        let hash = digest::digest(&digest::SHA256, plain.as_bytes());
        CodeHash(hash.as_ref().try_into().expect("SHA-256 has 32 bytes"))
    }
}

/// A code that lets somebody in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Invitation {
    /// When it ends.
    pub(crate) until: Millis,
    /// Who has asked for it.
    pub(crate) by: Box<str>,
}

/// The codes that nobody has used yet, and the keys of those who have used one.
#[derive(Debug, Default)]
pub(crate) struct Invitations {
    /// By their codes' hashes.
    open: BTreeMap<CodeHash, Invitation>,
    /// Whose owners were let in.
    let_in: BTreeSet<KeyHash>,
}

impl Invitations {
    /// Takes up a code that a history has.
    pub(crate) fn restore(&mut self, code: CodeHash, invitation: Invitation) {
        self.open.insert(code, invitation);
    }

    pub(crate) fn get(&self, code: &CodeHash) -> Option<&Invitation> {
        self.open.get(code)
    }

    /// Adds a code.
    pub(crate) fn add(&mut self, code: CodeHash, invitation: Invitation) {
        self.open.insert(code, invitation);
    }

    /// The codes that nobody has used yet.
    pub(crate) fn open(&self) -> impl Iterator<Item = (CodeHash, Invitation)> {
        self.open.iter().map(|(code, invitation)| (*code, invitation.clone()))
    }

    /// The keys whose owners were let in.
    pub(crate) fn all_let_in(&self) -> impl Iterator<Item = KeyHash> {
        self.let_in.iter().copied()
    }

    /// Uses a code up. Whether it let somebody in at that time.
    pub(crate) fn use_up(&mut self, code: CodeHash, now: Millis) -> bool {
        self.open.remove(&code).is_some_and(|invitation| invitation.until > now)
    }

    /// Takes a code out.
    pub(crate) fn drop(&mut self, code: CodeHash) {
        self.open.remove(&code);
    }

    /// Whether there is a code, or anybody was let in by one.
    pub(crate) fn has_any(&self) -> bool {
        !self.open.is_empty() || !self.let_in.is_empty()
    }

    /// Lets the owner of a key in, from now on.
    pub(crate) fn let_in(&mut self, key: KeyHash) {
        self.let_in.insert(key);
    }

    /// Whether the owner of a key was let in.
    pub(crate) fn has_let_in(&self, key: KeyHash) -> bool {
        self.let_in.contains(&key)
    }

    /// Lets the owner of a key in no more. Whether it was let in.
    pub(crate) fn shut_out(&mut self, key: KeyHash) -> bool {
        self.let_in.remove(&key)
    }

    /// Takes out codes that have ended.
    pub(crate) fn expire(&mut self, now: Millis) -> Vec<CodeHash> {
        let over = |(_, invitation): &(&CodeHash, &Invitation)| invitation.until <= now;
        let over: Vec<_> = self.open.iter().filter(over).map(|(code, _)| *code).collect();
        over.iter().for_each(|code| drop(self.open.remove(code)));
        over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_lets_one_person_in_within_its_time_however_it_is_typed() {
        let mut invitations = Invitations::default();
        let code = CodeHash::of("7q4k-2mpx");
        for typed in ["7Q4K2MPX", "7q4k2mpx", "-7q4k-2mpx-"] {
            assert_eq!(CodeHash::of(typed), code);
        }
        let invitation = || Invitation { until: 9, by: "alice".into() };
        invitations.add(code, invitation());
        assert!(invitations.use_up(code, 8) && !invitations.use_up(code, 8));
        invitations.add(code, invitation());
        assert!(!invitations.use_up(code, 9), "it is too late");
        invitations.add(code, invitation());
        assert_eq!((invitations.expire(8), invitations.expire(9)), (vec![], vec![code]));
    }
}
