//! TLS 1.3 on the server's side.

pub(crate) mod identity;
