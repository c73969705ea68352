//! A room that several servers hold: what they put into the log that orders it, and how a server keeps up with that.
//!
//! What is here is pure: groups of entries as bytes (`codec`, `values`), the room as bytes (`snapshot`), what the
//! servers of a room must be told alike (`settings`), and what to do when the log was set back (`set_back`).

#[cfg(test)]
mod arbitrary;
#[cfg(test)]
mod cases;
pub(crate) mod codec;
mod entries;
#[cfg(any(all(test, not(shuttle)), fuzzing))]
pub(crate) mod fuzzing;
pub(crate) mod set_back;
pub(crate) mod settings;
pub(crate) mod snapshot;
#[cfg(test)]
mod tests;
mod values;
