//! Rooms on this network: how a server tells of one, and how a client learns of it, by DNS-SD (RFC 6763) over multicast
//! DNS (RFC 6762), as printers are found. Nobody is asked for a name, and nothing is kept.
//!
//! - [`announcement`]: what a server says of its room, as messages, and what those of others mean for it, pure
//! - [`heard`]: what a client makes of the messages that it gets, pure
//! - [`network`]: the interfaces, and the sockets that messages go over
//!
//! There is no cache: a server keeps nothing of what it hears, so nobody can fill its memory, and a client asks for two
//! seconds and forgets. That is why neither is the work of a library for all of mDNS, whose caches keep what anybody
//! says for as long as he says.
//!
//! **What an announcement says is a hint.** Anyone on the network can say anything in it.

use simple_dns::Name;

pub(crate) mod announcement;
pub(crate) mod heard;
pub(crate) mod network;

/// The type of the service, in the domain of multicast DNS.
const SERVICE: &str = "_chatroom._tcp.local";

/// The longest name of a room, in bytes: one label of the DNS.
pub(crate) const MAX_NAME: usize = 63;

/// The facts of a TXT record: its own version, the protocol's, whether clients talk encrypted (as `chatserver --tls`
/// has it) and the fingerprint of the server's key.
pub(crate) const FACTS: [&str; 4] = ["txtvers", "protocol", "tls", "key"];

/// The longest message, as RFC 6762 has it.
pub(crate) const MOST_BYTES: usize = 9000;

fn service() -> Name<'static> {
    Name::new_unchecked(SERVICE)
}
