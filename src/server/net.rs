//! The border between bytes and everything above it: a client's socket, what its bytes are wrapped in, and how that
//! is found out.
//!
//! Sessions, hub and broadcaster know the contract alone (`transport`); whether a connection is plain or speaks TLS
//! is decided once (`detect`), before its client is let in.

pub(crate) mod detect;
pub(crate) mod socket;
pub(crate) mod tls;
pub(crate) mod transport;
