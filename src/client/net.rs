//! The way to the server: how a connection is made, what is spoken over it, and how it is written to.
//!
//! [`Routes`] has a `Route` for each server of the room, which decides for each connection of a run whether it is encrypted
//! and which key the server must have, from what the user said, what [`known_servers`] keeps, and what the run has seen.
//! [`Connection`] is all that the
//! other threads know of the outcome: lines go out and bytes come in, with TLS ([`tls`]) behind it or plain.

pub(super) use connection::{Connection, Openness};
pub use errand::Errand;
pub(super) use find::rooms;
pub(super) use offer::offers_tls;
pub(super) use origin::Origin;
pub(super) use route::Opened;
pub(super) use routes::Routes;
pub(super) use secrecy::Told;
pub(super) use tls::Received;
#[cfg(any(all(test, not(shuttle)), fuzzing))]
pub use tls::fuzzing::records;

mod connection;
mod dial;
mod errand;
mod find;
mod known_servers;
mod offer;
mod origin;
mod route;
mod routes;
mod secrecy;
#[cfg(all(test, not(shuttle)))]
mod testing;
mod tls;
