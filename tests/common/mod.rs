//! What the tests of whole programs share.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a lock is poisoned only by a test that has failed")]

use std::time::Duration;

pub mod peer;
pub mod process;
pub mod server;
pub mod terminal;

/// How long anything may take before a test fails: far longer than it does on a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(20);
