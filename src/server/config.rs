//! The configuration of a server.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::shared::url::SharedUrl;
use crate::protocol::DEFAULT_MAX_LINE;
use crate::protocol::name::Name;

mod building;

/// The limits of a server and of its room. [`Config::default`] is a room for a hundred clients of which nothing is kept
/// and which does not encrypt; methods change one thing each, and all fields are open. [`Server::open`] refuses what
/// cannot be.
///
/// [`Server::open`]: super::Server::open
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// The most clients at a time.
    pub max_clients: usize,
    /// The most clients at a time from one address, or from one IPv6 network of 64 bits unless that is
    /// a LAN's; 0 is no limit.
    pub max_per_address: usize,
    /// The addresses of proxies, whose connections begin with a PROXY header that names the client.
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
    /// What is kept of what is said.
    pub history: HistoryConfig,
    /// Who may or must talk encrypted, and with which key.
    pub tls: TlsConfig,
    /// Who may come in.
    pub entrance: EntranceConfig,
    /// Under which name the room is announced on this network, if it is: 1 to 63 bytes.
    pub announce: Option<String>,
    /// The names whose owners are operators.
    pub operators: Vec<Name>,
    /// For how long a name stays one's own after the last visit; `None` is for ever.
    pub keep_names: Option<Duration>,
    /// Where other servers have the same room, if there are any.
    pub shared: Option<SharedConfig>,
    /// The program that is told what happens, and that may say something, if there is one.
    pub hook: Option<HookConfig>,
}

/// A program that the server runs, as a member of the room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookConfig {
    /// The command, for the shell: `sh -c`, on Windows `cmd /c`.
    pub command: String,
    /// Under which name it is in the room.
    pub name: Name,
}

impl Default for Config {
    /// What `chatserver` does without options, but that nothing is kept.
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
            history: HistoryConfig::default(),
            tls: TlsConfig::default(),
            entrance: EntranceConfig::default(),
            announce: None,
            operators: Vec::new(),
            keep_names: Some(Duration::from_secs(90 * 24 * 60 * 60)),
            shared: None,
            hook: None,
        }
    }
}

/// A room that several servers share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedConfig {
    /// Where it is kept.
    pub url: SharedUrl,
    /// The file whose first line is the password for that.
    pub password_file: Option<PathBuf>,
    /// The file of the certificate authority that is trusted there, PEM; `None` for the system's.
    pub authority: Option<PathBuf>,
    /// Which of the room's settings the server was told.
    pub told: Told,
}

/// Which settings of a shared room a server was told: the room's have to be the same. Those that it was not told are the
/// room's, if that has some already. The flag `--invited` was told if it is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Told {
    /// `--away-timeout`.
    pub away_timeout: bool,
    /// `--keep-names`.
    pub keep_names: bool,
    /// `--operator`.
    pub operators: bool,
    /// `--invite`.
    pub invite: bool,
}

/// Who may come into the room.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EntranceConfig {
    /// The file whose first line is the room's password, if it has one.
    pub password_file: Option<PathBuf>,
    /// Whether only those may come in whom somebody has invited.
    pub invited: bool,
    /// Whether operators alone may invite.
    pub operators_invite: bool,
    /// How long a client may take to show what lets it in.
    pub patience: Duration,
}

impl EntranceConfig {
    /// Whether everybody may come in.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.password_file.is_none() && !self.invited
    }
}

impl Default for EntranceConfig {
    /// Everybody may come in.
    fn default() -> EntranceConfig {
        EntranceConfig {
            password_file: None,
            invited: false,
            operators_invite: false,
            patience: Duration::from_secs(30),
        }
    }
}

/// Whether clients talk encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// Those that begin with TLS do.
    Optional,
    /// All do but those on the server's own machine; the others are turned away.
    Required,
    /// None does.
    Off,
}

/// Where the server's key and certificate come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// The key in the user's state folder, made if it is not there.
    Default,
    /// The key in this file, made if it is not there.
    Named(PathBuf),
    /// Somebody else's work: a certificate chain and its key, read again when they change.
    Certificate {
        /// The file of the chain, PEM.
        chain: PathBuf,
        /// The file of the private key, PEM.
        key: PathBuf,
    },
    /// A key for this run alone, which is not kept.
    OneRun,
}

/// The encryption of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsConfig {
    /// Who may or must talk encrypted.
    pub encryption: Encryption,
    /// With which key.
    pub key: KeySource,
}

impl Default for TlsConfig {
    /// Nobody talks encrypted. If they did, it would be with a key for this run alone.
    fn default() -> TlsConfig {
        TlsConfig { encryption: Encryption::Off, key: KeySource::OneRun }
    }
}

/// What a line survives once it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// The end of the server, however sudden. When the machine fails, what it said in the last moments may
    /// be gone.
    Crash,
    /// The end of the machine, too. Each commit waits for the disk.
    Power,
}

/// Where what is said is to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HistoryFile {
    /// In the user's own folder, under the number of the port, if that can be.
    Default,
    /// In this file, or the server does not start.
    Named(PathBuf),
    /// Nowhere.
    None,
}

/// What is kept, where and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HistoryConfig {
    /// Where.
    pub file: HistoryFile,
    /// The port after which the default file is called; 0, which is any, has none.
    pub port: u16,
    /// For how long; `None` is for ever.
    pub keep: Option<Duration>,
    /// How many bytes the file may have before the oldest goes.
    pub keep_size: u64,
    /// What a line survives.
    pub durability: Durability,
}

impl Default for HistoryConfig {
    /// Nothing is kept. If it were, it would be for 90 days and in 1 GiB.
    fn default() -> HistoryConfig {
        HistoryConfig {
            file: HistoryFile::None,
            port: 0,
            keep: Some(Duration::from_secs(90 * 24 * 60 * 60)),
            keep_size: 1 << 30,
            durability: Durability::Crash,
        }
    }
}
