//! What a server's first line, in plain, says of TLS on the same port. Pure.

use crate::protocol::reply;

/// Whether the line asks a client that knows TLS to use it: a banner that offers it, or a server that takes nobody
/// without.
pub(in crate::client) fn offers_tls(line: &str) -> bool {
    let line = reply::parse(line);
    line.offers_tls() || line.is_for_encrypted_clients()
}

/// Whether the line, in answer to the beginning of TLS, only shows that the server took us for a plain client
/// because it waited for that beginning in vain. It would tell such a client that the room is full, too.
pub(super) fn is_late_answer(line: &str) -> bool {
    offers_tls(line) || reply::parse(line).is_room_full()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::reply::{Notice, Offer, Refusal};

    #[test]
    fn a_banner_that_offers_tls_and_a_room_that_requires_it_are_offers() {
        assert!(offers_tls(&Notice::Banner(Offer::Tls).to_string()));
        assert!(offers_tls(&format!("{}", Refusal::Unencrypted)));
        for line in
            ["-- chatroom 1: welcome (/help for the commands)", "<bob> TLS on this port", ""]
        {
            assert!(!offers_tls(line) && !is_late_answer(line), "{line}");
        }
        let full = "!! the room is full (100 clients)";
        assert!(is_late_answer(full) && !offers_tls(full));
    }
}
