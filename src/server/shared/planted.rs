//! Newer builds for the checker of shared rooms (scripts/faults): no other build has them. `CHATROOM_PLANTED_BUILD` says
//! which one a server is, so that servers of two builds have one room.
//!
//! - `skippable` writes an entry into each group that other builds do not know and pass over;
//! - `newer` writes groups of a higher version, which other builds cannot read, and reads those of both.

use std::sync::LazyLock;

use super::codec::MAX_GROUP;
use crate::server::bytes::Writer;

/// A kind of entries that nobody knows, and that may be skipped.
const KIND: u8 = 200;

/// What stands in such an entry: the checker looks for it in the log.
const BODY: &str = "from a newer build";

static BUILD: LazyLock<String> =
    LazyLock::new(|| std::env::var("CHATROOM_PLANTED_BUILD").unwrap_or_default());

/// The version that this server says it has, if it is a newer build.
pub(super) fn program_version() -> Option<&'static str> {
    match BUILD.as_str() {
        "skippable" => Some("1000.0.0"),
        "newer" => Some("2000.0.0"),
        _ => None,
    }
}

/// Whether this server's groups have a higher version.
pub(super) fn has_higher_version() -> bool {
    *BUILD == "newer"
}

/// Adds to a group what other builds do not know, if it has room for it.
pub(super) fn add_unknown(group: &mut Writer) {
    let mut entry = Writer::default();
    entry.put(&KIND).put(&0_u32).put(&0_u64);
    entry.framed(|body| {
        body.raw(BODY.as_bytes());
    });
    if *BUILD == "skippable" && group.len() + entry.len() <= MAX_GROUP {
        group.raw(entry.as_bytes());
    }
}
