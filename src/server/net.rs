//! The border between bytes and everything above: a client's socket, and what its bytes are wrapped in.

pub(crate) mod tls;
