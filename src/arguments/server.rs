//! What `chatserver` can be told on its command line and in its environment.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueHint};
use log::LevelFilter;

use super::{self as arguments, LogLevels};
use crate::protocol::{DEFAULT_ADDRESS, DEFAULT_MAX_LINE, DEFAULT_PORT};
use crate::server::{Config, HistoryConfig};

/// What the program is called.
pub const PROGRAM: &str = "chatserver";

const EXAMPLES: &str = "\
Examples:
  chatserver                      a room for this machine alone, on port 5000
  chatserver 0.0.0.0 5000         a room for everyone who can reach this machine
  chatserver :: 5000              the same, with IPv6 too
  chatserver 127.0.0.1 0          on any free port; the first line says which

Join with chatclient, or with nc. Ctrl+C ends it.
Exit status: 0 a clean end, 1 it could not do its work, 2 wrong usage.";

/// Hold a chat room.
#[derive(Debug, Parser)]
#[command(name = PROGRAM, version, after_help = EXAMPLES)]
pub struct Arguments {
    /// The address or host name to listen on
    #[arg(default_value = DEFAULT_ADDRESS, env = "CHATROOM_ADDRESS", hide_env_values = true)]
    #[arg(value_parser = arguments::host, value_hint = ValueHint::Hostname)]
    pub address: String,

    /// The port to listen on; 0 for any free one
    #[arg(default_value_t = DEFAULT_PORT, env = "CHATROOM_PORT", hide_env_values = true)]
    #[arg(value_parser = arguments::port_or_any, allow_negative_numbers = true)]
    pub port: u16,

    /// The most clients at a time, 1 to 100000
    #[arg(long, value_name = "N", default_value = "100")]
    #[arg(value_parser = arguments::number(1..=100_000), allow_negative_numbers = true)]
    #[arg(env = "CHATROOM_MAX_CLIENTS", hide_env_values = true)]
    max_clients: u32,

    /// The most clients from one address (of IPv6, from 64 bits of one, but for a LAN's own), up to
    /// 100000; 0 for any
    #[arg(long, value_name = "N", default_value = "0")]
    #[arg(value_parser = arguments::number(0..=100_000), allow_negative_numbers = true)]
    #[arg(env = "CHATROOM_MAX_PER_ADDRESS", hide_env_values = true)]
    max_per_address: u32,

    /// A proxy's address, or several with commas: connections from there begin with a PROXY header
    #[arg(long = "proxy", value_name = "ADDRESS", value_delimiter = ',', value_parser = proxy)]
    #[arg(env = "CHATROOM_PROXY", hide_env_values = true)]
    pub proxies: Vec<IpAddr>,

    /// The longest line in bytes, 16 to 65536
    #[arg(long, value_name = "BYTES", default_value_t = DEFAULT_MAX_LINE as u32)]
    #[arg(value_parser = arguments::number(16..=65_536), allow_negative_numbers = true)]
    #[arg(env = "CHATROOM_MAX_LINE", hide_env_values = true)]
    max_line: u32,

    /// How many lines a second are read of a client, after ten times as many at once; 0 for any
    #[arg(long, value_name = "N", default_value = "100")]
    #[arg(value_parser = arguments::number(0..=1_000_000), allow_negative_numbers = true)]
    #[arg(env = "CHATROOM_RATE_LIMIT", hide_env_values = true)]
    rate_limit: u32,

    /// How many of the last lines a new member is shown, 0 to 1000
    #[arg(long, value_name = "N", default_value = "20")]
    #[arg(value_parser = arguments::number(0..=1000), allow_negative_numbers = true)]
    #[arg(env = "CHATROOM_REPLAY", hide_env_values = true)]
    replay: u32,

    /// What the room remembers, and how far a slow reader may lag, 1M to 64G: bytes, or with K, M, G
    #[arg(long, value_name = "SIZE", default_value = "16M", value_parser = size)]
    #[arg(env = "CHATROOM_MEMORY", hide_env_values = true)]
    memory: usize,

    /// Drop a client that takes nothing for so many seconds, 1 to 86400
    #[arg(long, value_name = "SECONDS", default_value = "30")]
    #[arg(value_parser = arguments::number(1..=86_400), allow_negative_numbers = true)]
    #[arg(env = "CHATROOM_STALL_TIMEOUT", hide_env_values = true)]
    stall_timeout: u32,

    /// Keep who has lost the connection, and can come back, for so many seconds, 0 to 86400
    #[arg(long, value_name = "SECONDS", default_value = "60")]
    #[arg(value_parser = arguments::number(0..=86_400), allow_negative_numbers = true)]
    #[arg(env = "CHATROOM_AWAY_TIMEOUT", hide_env_values = true)]
    away_timeout: u32,

    /// Log what is said, too, whatever else is logged; private lines never are
    #[arg(short, long)]
    verbose: bool,

    /// How much to log: off, error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", default_value = "info", value_parser = LogLevels)]
    #[arg(hide_possible_values = true)]
    #[arg(env = "CHATROOM_LOG_LEVEL", hide_env_values = true)]
    log_level: LevelFilter,

    /// Ask the server that runs there whether it answers, and end: 0 if it does, 1 if not
    #[arg(long)]
    pub health_check: bool,

    /// Append the log to this file, too
    #[arg(long, value_name = "FILE", env = "CHATROOM_LOG_FILE", hide_env_values = true)]
    pub log_file: Option<PathBuf>,
}

impl Arguments {
    /// What the room is to be like.
    #[must_use]
    pub fn config(&self) -> Config {
        Config {
            max_clients: self.max_clients as usize,
            max_per_address: self.max_per_address as usize,
            proxies: self.proxies.clone(),
            max_line: self.max_line as usize,
            rate_limit: self.rate_limit,
            replay: self.replay as usize,
            memory: self.memory,
            stall_timeout: Duration::from_secs(self.stall_timeout.into()),
            away_timeout: Duration::from_secs(self.away_timeout.into()),
            history: HistoryConfig::default(),
        }
    }

    /// How much to log.
    #[must_use]
    pub fn level(&self) -> LevelFilter {
        let least = if self.verbose { LevelFilter::Debug } else { LevelFilter::Off };
        self.log_level.max(least)
    }
}

/// The address of a proxy, which is no name: it is compared with those that connect.
fn proxy(text: &str) -> Result<IpAddr, String> {
    let address = text.trim().trim_start_matches('[').trim_end_matches(']');
    address.parse().map_err(|_| "it must be an IP address, such as 192.0.2.1".to_owned())
}

/// A number of bytes, perhaps with K, M or G for powers of 1024.
fn size(text: &str) -> Result<usize, String> {
    let (number, unit) = match text.char_indices().next_back() {
        Some((at, 'k' | 'K')) => (&text[..at], 1 << 10),
        Some((at, 'm' | 'M')) => (&text[..at], 1 << 20),
        Some((at, 'g' | 'G')) => (&text[..at], 1 << 30),
        _ => (text, 1),
    };
    let bytes = number.parse::<usize>().ok().and_then(|number| number.checked_mul(unit));
    bytes
        .filter(|bytes| (1 << 20..=64 << 30).contains(bytes))
        .ok_or_else(|| "it must be from 1M to 64G, in bytes or with K, M or G".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_server_without_options_is_the_one_that_a_program_gets_by_default() {
        let arguments = Arguments::try_parse_from(["chatserver"]).expect("no option is required");
        assert_eq!(arguments.config(), Config::default());
    }

    #[test]
    fn a_size_is_in_bytes_or_in_powers_of_1024() {
        let cases = [
            ("1048576", Some(1 << 20)),
            ("1024K", Some(1 << 20)),
            ("16m", Some(16 << 20)),
            ("1G", Some(1 << 30)),
            ("1048575", None),
            ("65G", None),
            ("99999999999999999999", None),
            ("99999999999G", None),
            ("M", None),
            ("16MB", None),
            ("-16M", None),
            ("", None),
        ];
        for (text, bytes) in cases {
            assert_eq!(size(text).ok(), bytes, "{text}");
        }
    }
}
