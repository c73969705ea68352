//! What `chatserver` can be told on its command line and in its environment.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::{Parser, ValueEnum, ValueHint};
use log::LevelFilter;

use super::{self as arguments, LogLevels};
use crate::protocol::name::Name;
use crate::protocol::tag::Millis;
use crate::protocol::{DEFAULT_ADDRESS, DEFAULT_MAX_LINE, DEFAULT_PORT};
use crate::server::history::export::Export;
use crate::server::{
    Config, Durability, Encryption, EntranceConfig, HistoryConfig, HistoryFile, HookConfig,
    KeySource, SharedConfig, SharedUrl, TlsConfig, Told,
};
use values::{
    Announced, Keep, SharedUrls, Survives, announced, command, keep, keep_size, moment, name,
    proxy, size,
};

/// What the program is called.
pub const PROGRAM: &str = "chatserver";

const EXAMPLES: &str = "\
Examples:
  chatserver                      a room for this machine alone, on port 5000
  chatserver 0.0.0.0 5000         a room for everyone who can reach this machine
  chatserver :: 5000              the same, with IPv6 too
  chatserver 127.0.0.1 0          on any free port; the first line says which

Join with chatclient, or with nc. Ctrl+C ends it.
A shared room has at most 20,000 members. Whoever can read its Redis can read what is said there, private lines too.
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

    /// Announce the room on this network, so that chatclient --find finds it: as NAME, or the machine's name
    ///
    /// NAME has up to 63 bytes; where another room is called so, it gets a number. CHATROOM_ANNOUNCE=yes is the
    /// machine's name.
    #[arg(long, value_name = "NAME", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "yes", value_parser = announced, env = "CHATROOM_ANNOUNCE")]
    #[arg(hide_env_values = true)]
    announce: Option<Announced>,

    /// Let in only who gives the password in the first line of FILE, which SIGHUP has read again
    #[arg(long, value_name = "FILE", env = "CHATROOM_PASSWORD_FILE", hide_env_values = true)]
    password_file: Option<PathBuf>,

    /// Let in only whom somebody has invited, by a code of /invite or by /allow
    #[arg(long, env = "CHATROOM_INVITED", hide_env_values = true)]
    #[arg(value_parser = FalseyValueParser::new())]
    invited: bool,

    /// Whoever may invite: owners of names, or operators alone; owners, or what a shared room has, if
    /// none is given
    #[arg(long, value_name = "WHO", hide_possible_values = true)]
    #[arg(env = "CHATROOM_INVITE", hide_env_values = true)]
    invite: Option<Inviters>,

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

    /// Keep who has lost the connection, and can come back, for so many seconds, 0 to 86400; 60, or
    /// what a shared room has, if none is given
    #[arg(long, value_name = "SECONDS")]
    #[arg(value_parser = arguments::number(0..=86_400), allow_negative_numbers = true)]
    #[arg(env = "CHATROOM_AWAY_TIMEOUT", hide_env_values = true)]
    away_timeout: Option<u32>,

    /// Where what is said is kept, or none
    #[arg(long, value_name = "FILE", env = "CHATROOM_HISTORY", hide_env_values = true)]
    history: Option<PathBuf>,

    /// For how long: 12h, 90d, 2y or forever
    #[arg(long, value_name = "TIME", default_value = "90d", value_parser = keep)]
    #[arg(env = "CHATROOM_KEEP", hide_env_values = true)]
    keep: Keep,

    /// How large the history may become; the oldest goes first
    #[arg(long, value_name = "SIZE", default_value = "1G", value_parser = keep_size)]
    #[arg(env = "CHATROOM_KEEP_SIZE", hide_env_values = true)]
    keep_size: u64,

    /// What a line survives once it was sent: crash or power
    #[arg(long, value_name = "WHAT", default_value = "crash")]
    #[arg(hide_possible_values = true)]
    #[arg(env = "CHATROOM_DURABILITY", hide_env_values = true)]
    durability: Survives,

    /// Encryption: optional, required (plain clients are turned away) or off
    #[arg(long, value_name = "WHEN", default_value = "optional", hide_possible_values = true)]
    #[arg(env = "CHATROOM_TLS", hide_env_values = true)]
    tls: Tls,

    /// The server's key, made if it is not there
    #[arg(long, value_name = "FILE", env = "CHATROOM_KEY", hide_env_values = true)]
    #[arg(conflicts_with_all = ["tls_cert", "tls_key"])]
    key: Option<PathBuf>,

    /// Print the key's fingerprint and end; makes the key if there is none
    #[arg(long, conflicts_with_all = ["export", "health_check"])]
    pub fingerprint: bool,

    /// A certificate chain to use instead of the key, PEM
    #[arg(long, value_name = "FILE", env = "CHATROOM_TLS_CERT", hide_env_values = true)]
    #[arg(requires = "tls_key")]
    tls_cert: Option<PathBuf>,

    /// Its private key, PEM
    #[arg(long, value_name = "FILE", env = "CHATROOM_TLS_KEY", hide_env_values = true)]
    #[arg(requires = "tls_cert")]
    tls_key: Option<PathBuf>,

    /// Whose owner is an operator; may be repeated, and have several names with commas
    #[arg(long = "operator", value_name = "NAME", value_delimiter = ',', value_parser = name)]
    #[arg(env = "CHATROOM_OPERATORS", hide_env_values = true)]
    operators: Vec<Name>,

    /// For how long a name stays one's own after the last visit: 12h, 90d, 2y or forever; 90d, or what
    /// a shared room has, if none is given
    #[arg(long, value_name = "TIME", value_parser = keep)]
    #[arg(env = "CHATROOM_KEEP_NAMES", hide_env_values = true)]
    keep_names: Option<Keep>,

    /// Be one of several servers of a room that is kept in Redis or Valkey
    #[arg(long, value_name = "URL", env = "CHATROOM_SHARED", hide_env_values = true)]
    #[arg(value_parser = SharedUrls, value_hint = ValueHint::Url)]
    shared: Option<SharedUrl>,

    /// The first line of FILE is the password for it
    #[arg(
        long,
        value_name = "FILE",
        env = "CHATROOM_SHARED_PASSWORD_FILE",
        hide_env_values = true
    )]
    #[arg(requires = "shared")]
    shared_password_file: Option<PathBuf>,

    /// Trust this certificate authority there (rediss://)
    #[arg(long, value_name = "FILE", env = "CHATROOM_SHARED_CA", hide_env_values = true)]
    #[arg(requires = "shared")]
    shared_ca: Option<PathBuf>,

    /// Run COMMAND by the shell: it reads what happens as JSON lines, and what it prints is said
    #[arg(long, value_name = "COMMAND", value_parser = command, conflicts_with = "shared")]
    #[arg(env = "CHATROOM_ON_EVENT", hide_env_values = true)]
    on_event: Option<String>,

    /// The name under which that is in the room
    #[arg(long, value_name = "NAME", default_value = "hook", value_parser = name)]
    #[arg(env = "CHATROOM_ON_EVENT_NAME", hide_env_values = true)]
    on_event_name: Name,

    /// Write the public conversation to FILE and end: text, or JSON lines for .jsonl or .json
    #[arg(long, value_name = "FILE", conflicts_with = "health_check")]
    export: Option<PathBuf>,

    /// Export only from then on, as 2026-11-28 or 2026-11-28T14:05
    #[arg(long, value_name = "DATE", value_parser = moment, requires = "export")]
    since: Option<Millis>,

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

/// Whoever may let others in with a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Inviters {
    Owners,
    Operators,
}

/// Whether clients talk encrypted.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Tls {
    Optional,
    Required,
    Off,
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
            away_timeout: self.away_timeout(),
            history: HistoryConfig {
                file: self.history_file(),
                port: self.port,
                keep: self.keep.0,
                keep_size: self.keep_size,
                durability: match self.durability {
                    Survives::Crash => Durability::Crash,
                    Survives::Power => Durability::Power,
                },
            },
            tls: self.tls(),
            entrance: EntranceConfig {
                password_file: self.password_file.clone(),
                invited: self.invited,
                operators_invite: self.invite == Some(Inviters::Operators),
                ..EntranceConfig::default()
            },
            announce: self.announce.clone().and_then(|Announced(name)| name),
            operators: self.operators.clone(),
            keep_names: self.keep_names.map_or(Config::default().keep_names, |keep| keep.0),
            shared: self.shared(),
            hook: self.hook(),
        }
    }

    /// How long a lost connection may take to come back.
    fn away_timeout(&self) -> Duration {
        let given = self.away_timeout.map(|seconds| Duration::from_secs(seconds.into()));
        given.unwrap_or(Config::default().away_timeout)
    }

    /// The room that is shared with other servers.
    fn shared(&self) -> Option<SharedConfig> {
        Some(SharedConfig {
            url: self.shared.clone()?,
            password_file: self.shared_password_file.clone(),
            authority: self.shared_ca.clone(),
            told: Told {
                away_timeout: self.away_timeout.is_some(),
                keep_names: self.keep_names.is_some(),
                operators: !self.operators.is_empty(),
                invite: self.invite.is_some(),
            },
        })
    }

    fn hook(&self) -> Option<HookConfig> {
        let command = self.on_event.clone()?;
        Some(HookConfig { command, name: self.on_event_name.clone() })
    }

    /// Who talks encrypted, and with which key.
    #[must_use]
    pub fn tls(&self) -> TlsConfig {
        let encryption = match self.tls {
            Tls::Optional => Encryption::Optional,
            Tls::Required => Encryption::Required,
            Tls::Off => Encryption::Off,
        };
        let key = match (&self.tls_cert, &self.tls_key, &self.key) {
            (Some(chain), Some(key), _) => {
                KeySource::Certificate { chain: chain.clone(), key: key.clone() }
            }
            (_, _, Some(path)) => KeySource::Named(path.clone()),
            (_, _, None) => KeySource::Default,
        };
        TlsConfig { encryption, key }
    }

    /// The export that is asked for instead of a room.
    #[must_use]
    pub fn export(&self) -> Option<Export> {
        let to = self.export.clone()?;
        let shared = self.shared.as_ref().map(|url| url.room.to_string());
        let (history, port) = (self.history_file(), self.port);
        Some(Export { history, port, shared, to, since: self.since })
    }

    fn history_file(&self) -> HistoryFile {
        match &self.history {
            None => HistoryFile::Default,
            Some(path) if path.as_os_str() == "none" => HistoryFile::None,
            Some(path) => HistoryFile::Named(path.clone()),
        }
    }

    /// How much to log.
    #[must_use]
    pub fn level(&self) -> LevelFilter {
        let least = if self.verbose { LevelFilter::Debug } else { LevelFilter::Off };
        self.log_level.max(least)
    }
}

#[cfg(test)]
mod tests;
mod values;
