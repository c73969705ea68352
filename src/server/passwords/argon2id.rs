//! Computing argon2id: with which parameters, in whose memory, on which thread.

use std::collections::TryReserveError;

use argon2::password_hash::{Output, ParamsString, PasswordHash, SaltString};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Block, Params, Version};

use super::NotComputed;
use crate::server::system::random_bits;

/// What one computation takes: KiB of memory, passes over it, and lanes. These are OWASP's least for argon2id.
const MEMORY: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// The length of a hash, in bytes.
pub(super) const LENGTH: usize = 32;

/// The size of an allocation that the GNU C library always maps by itself, and unmaps when it is freed, in bytes;
/// smaller ones it may keep for the thread, and then each of a hundred threads would keep one. What lies beyond the
/// blocks is address space that is never touched.
const MAPPED: usize = 33 << 20;

pub(super) fn parameters() -> Params {
    Params::new(MEMORY, PASSES, LANES, Some(LENGTH)).expect("they are within argon2's limits")
}

pub(super) fn is_current(parameters: &Params) -> bool {
    (parameters.m_cost(), parameters.t_cost(), parameters.p_cost()) == (MEMORY, PASSES, LANES)
}

/// Hashes a password with a new salt, as a PHC string.
pub(super) fn hash(password: &str, parameters: &Params) -> Result<String, NotComputed> {
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
pub(super) fn compute(
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
