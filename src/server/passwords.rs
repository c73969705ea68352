//! Passwords of names: argon2id hashes as PHC strings, which carry their parameters, so that a hash of today can be
//! verified when the parameters have changed.
//!
//! The session that asks has it computed and waits, with no lock held. One or two compute at a time, and the others
//! wait in line: a hundred clients that guess take as much memory as two, and the room's threads find a processor.
//! The module knows neither names nor failures (`guesses`). Its lock guards the line alone, is held for moments, and
//! is taken with no other one held.

use std::collections::{TryReserveError, VecDeque};
use std::fmt;
use std::num::NonZero;
use std::sync::{Arc, LazyLock, PoisonError};
use std::time::Duration;

use argon2::password_hash::{Output, ParamsString, PasswordHash, SaltString};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Block, Params, Version};

use super::system::{Condvar, Mutex, MutexGuard, random_bits};
use crate::protocol::reply::PASSWORD_BYTES;

/// What one computation takes: KiB of memory, passes over it, and lanes. These are OWASP's least for argon2id.
const MEMORY: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// The most memory that is taken for a hash of other parameters, in KiB. No version has made one that needs more:
/// somebody else has written it.
const MOST_MEMORY: u32 = 64 * 1024;

/// The length of a hash, in bytes.
const LENGTH: usize = 32;

/// How many compute at a time at most: no more than half of the processors, of which the room has the others.
const MOST_AT_ONCE: usize = 2;

/// The size of an allocation that the GNU C library always maps by itself, and unmaps when it is freed, in bytes;
/// smaller ones it may keep for the thread, and then each of a hundred threads would keep one. What lies beyond the
/// blocks is address space that is never touched.
const MAPPED: usize = 33 << 20;

/// How often one that waits in line looks whether its client is still there.
const LOOK: Duration = Duration::from_millis(100);

/// The line of those who compute and who wait to.
#[derive(Debug, Default)]
pub(super) struct Passwords {
    /// The line, under the module's lock.
    line: Mutex<Line>,
}

/// Who computes, and behind them who is to do so next.
#[derive(Debug, Default)]
struct Line {
    /// The numbers of those in line, each with what wakes it.
    waiting: VecDeque<(u64, Arc<Condvar>)>,
    /// The number of the one who comes next.
    next: u64,
}

/// A turn at computing, until it is dropped.
struct Turn<'a> {
    /// Where it is given back.
    passwords: &'a Passwords,
    /// Its number in the line.
    number: u64,
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

    fn lock(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits in line for a turn.
    fn turn(&self, is_over: impl Fn() -> bool) -> Result<Turn<'_>, NotComputed> {
        let woken = Arc::new(Condvar::new());
        let mut line = self.lock();
        let number = line.next;
        line.next += 1;
        line.waiting.push_back((number, Arc::clone(&woken)));
        // Given back also by whoever gives up.
        let turn = Turn { passwords: self, number };
        while !line.is_turn_of(number) {
            // No wake-up is lost: the line is looked at under the lock under which it changes.
            let waited =
                woken.wait_timeout_while(line, LOOK, |line: &mut Line| !line.is_turn_of(number));
            drop(waited.unwrap_or_else(PoisonError::into_inner).0);
            if is_over() {
                return Err(NotComputed::Over);
            }
            line = self.lock();
        }
        drop(line);
        Ok(turn)
    }
}

impl Line {
    fn is_turn_of(&self, number: u64) -> bool {
        self.waiting.iter().take(at_once()).any(|(next, _)| *next == number)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut line = self.passwords.lock();
        line.waiting.retain(|(number, _)| *number != self.number);
        line.waiting.iter().take(at_once()).for_each(|(_, woken)| woken.notify_all());
    }
}

/// How many compute at a time here.
fn at_once() -> usize {
    /// It is asked of the system once.
    static AT_ONCE: LazyLock<usize> = LazyLock::new(|| {
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        (processors / 2).clamp(1, MOST_AT_ONCE)
    });
    *AT_ONCE
}

fn parameters() -> Params {
    Params::new(MEMORY, PASSES, LANES, Some(LENGTH)).expect("they are within argon2's limits")
}

fn is_current(parameters: &Params) -> bool {
    (parameters.m_cost(), parameters.t_cost(), parameters.p_cost()) == (MEMORY, PASSES, LANES)
}

/// Hashes a password with a new salt, as a PHC string.
fn hash(password: &str, parameters: &Params) -> Result<String, NotComputed> {
    let salt = random_bits().ok_or(NotComputed::NoMemory)?.to_le_bytes();
    let output = compute(password, &salt, parameters, LENGTH)?;
    let salt = SaltString::encode_b64(&salt).expect("16 bytes are a salt");
    let params = ParamsString::try_from(parameters).expect("they are numbers");
    let hash = PasswordHash {
        algorithm: ARGON2ID_IDENT,
        version: Some(Version::V0x13.into()),
        params,
        salt: Some(salt.as_salt()),
        hash: Some(output),
    };
    Ok(hash.to_string())
}

/// Computes argon2id, on Linux on a thread of the lowest priority: two of those that compute would keep the room's
/// threads from two processors. Where the system has no thread to spare, it computes on this one.
fn compute(
    password: &str,
    salt: &[u8],
    parameters: &Params,
    length: usize,
) -> Result<Output, NotComputed> {
    let computed = || compute_here(password, salt, parameters, length);
    #[cfg(target_os = "linux")]
    if let Some(output) = on_patient_thread(computed) {
        return output;
    }
    computed()
}

/// Runs that on a thread which the others come before; `None` if there is none to spare.
#[cfg(target_os = "linux")]
fn on_patient_thread<R: Send>(compute: impl Fn() -> R + Sync) -> Option<R> {
    /// How much lower than the others' its priority is: as low as there is.
    const LEAST: i32 = 19;
    std::thread::scope(|scope| {
        let patiently = || {
            // On Linux a priority is a thread's. Where it cannot be lowered, it computes all the same.
            rustix::process::nice(LEAST).ok();
            compute()
        };
        let thread = std::thread::Builder::new().name("password".to_owned());
        thread.spawn_scoped(scope, patiently).ok()?.join().ok()
    })
}

/// The same on this thread. The memory is given back to the system when it returns.
fn compute_here(
    password: &str,
    salt: &[u8],
    parameters: &Params,
    length: usize,
) -> Result<Output, NotComputed> {
    let mut blocks = blocks(parameters.block_count()).map_err(|_| NotComputed::NoMemory)?;
    let (memory, passes, lanes) = (parameters.m_cost(), parameters.t_cost(), parameters.p_cost());
    let parameters = Params::new(memory, passes, lanes, Some(length));
    let argon2 = Argon2::new(
        Algorithm::Argon2id,
        Version::V0x13,
        parameters.map_err(|_| NotComputed::Unreadable)?,
    );
    let output = Output::init_with(length, |output| {
        let computed = argon2.hash_password_into_with_memory(
            password.as_bytes(),
            salt,
            output,
            blocks.as_mut_slice(),
        );
        computed.map_err(Into::into)
    });
    output.map_err(|_| NotComputed::Unreadable)
}

/// So many blocks of memory, which leave the process when they are dropped.
fn blocks(count: usize) -> Result<Vec<Block>, TryReserveError> {
    let mut blocks = Vec::new();
    // Where the address space is limited, the rest may be too much.
    let roomy = blocks.try_reserve_exact(count.max(MAPPED / size_of::<Block>()));
    roomy.or_else(|_| blocks.try_reserve_exact(count))?;
    blocks.resize(count, Block::default());
    Ok(blocks)
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;
    use std::time::Instant;

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
    fn two_have_a_turn_at_a_time_and_the_others_one_after_the_other() {
        let passwords = Passwords::default();
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let take = || {
            let turn = passwords.turn(never).ok();
            most.fetch_max(1 + now.fetch_add(1, Ordering::SeqCst), Ordering::SeqCst);
            thread::sleep(Duration::from_millis(1));
            now.fetch_sub(1, Ordering::SeqCst);
            turn.is_some()
        };
        thread::scope(|scope| {
            let all: Vec<_> = (0..20).map(|_| scope.spawn(take)).collect();
            assert!(all.into_iter().all(|one| one.join().expect("it does not panic")));
        });
        assert_eq!(most.into_inner(), at_once());
        assert!(passwords.lock().waiting.is_empty());
    }

    #[test]
    fn whoever_is_gone_leaves_the_line_to_the_others() {
        let passwords = Passwords::default();
        let turns: Vec<_> = (0..at_once()).filter_map(|_| passwords.turn(never).ok()).collect();
        assert_eq!(turns.len(), at_once());
        let began = Instant::now();
        assert!(matches!(passwords.turn(|| true), Err(NotComputed::Over)));
        assert!(began.elapsed() < Duration::from_secs(20));
        assert_eq!(passwords.lock().waiting.len(), at_once());
        drop(turns);
        assert!(passwords.turn(|| true).is_ok(), "a turn that is there is taken");
    }

    #[test]
    fn no_password_and_no_hash_is_in_what_is_shown_of_a_verdict() {
        assert_eq!(format!("{:?}", Verdict::Renewed("$argon2id$".to_owned())), "Renewed");
    }
}
