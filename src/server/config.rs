//! What a server may be told.

use std::net::IpAddr;
use std::time::Duration;

use crate::protocol::DEFAULT_MAX_LINE;

/// The limits of a server and of its room, checked by whoever makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The most clients at a time.
    pub max_clients: usize,
    /// The most clients at a time from one address, or from one IPv6 network of 64 bits unless that is
    /// a LAN's; 0 is no limit.
    pub max_per_address: usize,
    /// From where connections come by way of a proxy that says whose they are.
    pub proxies: Vec<IpAddr>,
    /// The longest line, in bytes without its end.
    pub max_line: usize,
    /// How many lines a second a client may bring for long; 0 is no limit.
    pub rate_limit: u32,
    /// How many of the last lines a new member is shown.
    pub replay: usize,
    /// What the room may remember, in bytes; also how far a slow reader may lag.
    pub memory: usize,
    /// How long a client may take nothing of what it is due before it is dropped.
    pub stall_timeout: Duration,
    /// How long a member whose connection is lost may take to come back, if it can.
    pub away_timeout: Duration,
}

impl Default for Config {
    /// What `chatserver` does without options.
    fn default() -> Config {
        Config {
            max_clients: 100,
            max_per_address: 0,
            proxies: Vec::new(),
            max_line: DEFAULT_MAX_LINE,
            rate_limit: 100,
            replay: 20,
            memory: 16 * 1024 * 1024,
            stall_timeout: Duration::from_secs(30),
            away_timeout: Duration::from_secs(60),
        }
    }
}
