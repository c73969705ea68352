//! The room's history: one SQLite file from which a room comes back.
//!
//! It holds what was said, and who is a member. Its parts: where the file is (`place`), who has it
//! (`lock`), what crosses its border (`kept`), every statement (`store`), whose turn it is to write (`turn`),
//! what is given back to the disk and in what order (`checkpoint`, `retention`), the index of words (`index`)
//! and what is found with it (`query`), and the conversation as text ([`export`]). Nothing here knows the room
//! or the hub.

pub(super) mod checkpoint;
pub mod export;
pub mod index;
pub(super) mod kept;
pub(super) mod lock;
pub mod place;
pub mod query;
pub(super) mod refusal;
pub(super) mod retention;
#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
pub(super) mod scratch;
pub(super) mod store;
pub mod trial;
pub(super) mod turn;

pub use refusal::Refusal;
