//! How ngircd is set up: without limits, as far as it can be, and linked to the others in a star.
//!
//! What cannot be switched off: it takes ten lines of a client at a time (`DefaultUserModes = F`; otherwise three, and
//! 256 bytes a second), holds 32 KiB for a client and 64 KiB for another server, and drops a connection that is due more.

use crate::site::Union;

/// What servers say to each other first.
const PASSWORD: &str = "room";

/// The settings of the server at that place.
pub fn settings(port: u16, union: &Union, place: usize) -> String {
    let mut settings = format!(
        "[Global]\nName = {}\nInfo = a benchmark\nListen = 127.0.0.1\nPorts = {port}\nMotdPhrase = hello\n\
         [Limits]\nConnectRetry = 1\nMaxConnections = 0\nMaxConnectionsIP = 0\nMaxJoins = 0\nMaxPenaltyTime = 0\n\
         PingTimeout = 3600\n\
         [Options]\nDNS = no\nIdent = no\nPAM = no\nDefaultUserModes = F\n",
        name(place)
    );
    // The first one waits for all the others.
    let peers = if place == 0 { 1..union.ports.len() } else { 0..1 };
    for peer in peers {
        let name = name(peer);
        settings += &format!(
            "[Server]\nName = {name}\nHost = 127.0.0.1\nMyPassword = {PASSWORD}\nPeerPassword = {PASSWORD}\n"
        );
        if place > 0 {
            settings += &format!("Port = {}\n", union.ports[peer]);
        }
    }
    settings
}

/// What the server at that place is called.
fn name(place: usize) -> String {
    format!("s{place}.room")
}
