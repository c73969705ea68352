//! Passwords of names: argon2id hashes as PHC strings, which carry their parameters, so that a hash of today can be
//! verified when the parameters have changed.
//!
//! The session that asks has it computed and waits, with no lock held. One or two compute at a time, and the others
//! wait in line: a hundred clients that guess take as much memory as two, and the room's threads find a processor.
//! The module knows neither names nor failures (`guesses`). Its lock guards the line alone, is held for moments, and
//! is taken with no other one held.

use std::fmt;

use argon2::password_hash::PasswordHash;
use argon2::{ARGON2ID_IDENT, Params, Version};

use super::system::Mutex;
use crate::protocol::reply::PASSWORD_BYTES;
use argon2id::{compute, hash, is_current, parameters};
use turns::Line;

mod argon2id;
mod turns;

/// The most memory that is taken for a hash of other parameters, in KiB. No version has made one that needs more:
/// somebody else has written it.
const MOST_MEMORY: u32 = 64 * 1024;

/// The line of those who compute and who wait to.
#[derive(Debug, Default)]
pub(super) struct Passwords {
    /// The line, under the module's lock.
    line: Mutex<Line>,
}

/// Whether a password is that of a hash.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is not.
    Wrong,
    /// It is.
    Right,
    /// It is, and the hash has other parameters than a new one: this one replaces it.
    Renewed(String),
}

/// Without the hash, which is no secret to those who may read the history, and not for anybody else.
impl fmt::Debug for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Wrong => "Wrong",
            Verdict::Right => "Right",
            Verdict::Renewed(_) => "Renewed",
        })
    }
}

/// Why nothing was computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotComputed {
    /// The client is gone, or the server ends.
    Over,
    /// The system has no memory, or no random numbers, to spare.
    NoMemory,
    /// The hash is not one that this version can verify.
    Unreadable,
}

/// Whether a password is neither too short nor too long.
pub(super) fn has_right_length(password: &str) -> bool {
    PASSWORD_BYTES.contains(&password.len())
}

impl Passwords {
    /// The hash of a password, with a salt of its own, to be kept. It waits for its turn until `is_over`.
    ///
    /// # Errors
    ///
    /// As [`NotComputed`] says; the hash is never unreadable.
    pub(super) fn hash(
        &self,
        password: &str,
        is_over: impl Fn() -> bool,
    ) -> Result<String, NotComputed> {
        let _turn = self.turn(is_over)?;
        hash(password, &parameters())
    }

    /// Whether a password is the one that was hashed; compared in constant time. It waits for its turn until
    /// `is_over`.
    ///
    /// # Errors
    ///
    /// As [`NotComputed`] says.
    pub(super) fn verify(
        &self,
        password: &str,
        hashed: &str,
        is_over: impl Fn() -> bool,
    ) -> Result<Verdict, NotComputed> {
        let parsed = PasswordHash::new(hashed).map_err(|_| NotComputed::Unreadable)?;
        let its = Params::try_from(&parsed).map_err(|_| NotComputed::Unreadable)?;
        let is_ours = parsed.algorithm == ARGON2ID_IDENT
            && parsed.version == Some(Version::V0x13.into())
            && its.m_cost() <= MOST_MEMORY;
        let (Some(salt), Some(expected), true) = (parsed.salt, parsed.hash, is_ours) else {
            return Err(NotComputed::Unreadable);
        };
        let mut decoded = [0; 64];
        let salt = salt.decode_b64(&mut decoded).map_err(|_| NotComputed::Unreadable)?;
        let _turn = self.turn(is_over)?;
        if compute(password, salt, &its, expected.len())? != expected {
            return Ok(Verdict::Wrong);
        }
        if is_current(&its) {
            return Ok(Verdict::Right);
        }
        Ok(hash(password, &parameters()).map_or(Verdict::Right, Verdict::Renewed))
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::argon2id::LENGTH;
    use super::*;

    const PASSWORD: &str = "correct horse battery";

    fn never() -> bool {
        false
    }

    #[test]
    fn a_password_is_right_for_its_hash_and_no_other_is() {
        let passwords = Passwords::default();
        let hashed = passwords.hash(PASSWORD, never).expect("there is memory");
        let start = "$argon2id$v=19$m=19456,t=2,p=1$";
        assert!(hashed.starts_with(start), "{hashed}");
        let again = passwords.hash(PASSWORD, never).expect("there is memory");
        assert_ne!(hashed, again, "each has a salt of its own");
        let verify = |password| passwords.verify(password, &hashed, never);
        assert_eq!(verify(PASSWORD), Ok(Verdict::Right));
        for wrong in ["correct horse batterx", "correct horse battery ", "", &"x".repeat(5000)] {
            assert_eq!(verify(wrong), Ok(Verdict::Wrong), "{wrong}");
        }
    }

    #[test]
    fn hashes_are_those_of_other_programs() {
        // Of the tests of the reference implementation.
        let hashed =
            "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
        let verdict = Passwords::default().verify("password", hashed, never);
        assert!(matches!(verdict, Ok(Verdict::Renewed(_))), "{verdict:?}");
    }

    #[test]
    fn a_right_password_renews_a_hash_of_other_parameters_and_a_wrong_one_does_not() {
        let passwords = Passwords::default();
        let older = Params::new(64, 1, 1, Some(LENGTH)).expect("argon2 takes them");
        let older = hash(PASSWORD, &older).expect("there is memory");
        assert_eq!(passwords.verify("wrong", &older, never), Ok(Verdict::Wrong));
        let verdict = passwords.verify(PASSWORD, &older, never);
        let Ok(Verdict::Renewed(renewed)) = verdict else { panic!("{verdict:?}") };
        assert_eq!(passwords.verify(PASSWORD, &renewed, never), Ok(Verdict::Right));
    }

    #[test]
    fn what_is_no_hash_of_ours_is_told_and_costs_nothing() {
        let passwords = Passwords::default();
        for hashed in [
            "",
            "password",
            "$argon2i$v=19$m=64,t=1,p=1$c29tZXNhbHQ4$AAAAAAAAAAAAAAAAAAAAAA",
            "$argon2id$v=16$m=64,t=1,p=1$c29tZXNhbHQ4$AAAAAAAAAAAAAAAAAAAAAA",
            "$argon2id$v=19$m=4194304,t=1,p=1$c29tZXNhbHQ4$AAAAAAAAAAAAAAAAAAAAAA",
            "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ4",
            "$argon2id$v=19$m=64,t=1,p=1",
        ] {
            let verdict = passwords.verify(PASSWORD, hashed, never);
            assert_eq!(verdict, Err(NotComputed::Unreadable), "{hashed}");
        }
    }

    #[test]
    fn a_password_has_8_to_128_bytes() {
        for (length, is_right) in [(0, false), (7, false), (8, true), (128, true), (129, false)] {
            assert_eq!(has_right_length(&"x".repeat(length)), is_right, "{length}");
        }
        assert!(has_right_length("日本語"), "bytes count, and not characters");
    }

    #[test]
    fn no_password_and_no_hash_is_in_what_is_shown_of_a_verdict() {
        assert_eq!(format!("{:?}", Verdict::Renewed("$argon2id$".to_owned())), "Renewed");
    }
}
