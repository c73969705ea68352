//! What the client is to do.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use log::LevelFilter;

use super::colours::ColorChoice;
use super::door::Secret;
use super::time_format::TimeFormat;
use crate::problem::Problem;
use crate::protocol::name::Name;
use crate::protocol::{DEFAULT_MAX_LINE, DEFAULT_PORT};
use crate::tls::Fingerprint;

/// The variable of the environment that has the room's password. An argument could be seen by everybody on the machine.
pub const PASSWORD_VARIABLE: &str = "CHATROOM_PASSWORD";

/// What the client is to do, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// The server, or the servers of one room in the order in which they are tried; at least one.
    pub servers: Vec<ServerAddress>,
    /// Whether the user has named no server, and would have others named where there is none.
    pub is_nowhere: bool,
    /// Whether it is talked to encrypted.
    pub encryption: Encryption,
    /// Where the keys of servers are kept, if there is a place for that.
    pub known_servers: Option<PathBuf>,
    /// Whether new servers are added there.
    pub learns_servers: bool,
    /// Where the key by which the user's names are known is.
    pub identity: IdentityChoice,
    /// The name to ask for, if any; without one the server gives us one.
    pub name: Option<Name>,
    /// What lets the user into a room that not everybody may come into, if that is known before it asks.
    pub password: Option<PasswordSource>,
    /// The file that the log is appended to.
    pub log_file: PathBuf,
    /// How much is logged.
    pub log_level: LevelFilter,
    /// Whether colours are used in a terminal.
    pub color: ColorChoice,
    /// What rings the terminal's bell.
    pub bell: BellChoice,
    /// Who breaks lines that are wider than the terminal.
    pub wrap: WrapChoice,
    /// How times are written in a terminal.
    pub time: TimeFormat,
    /// Which comings and goings are shown in a terminal.
    pub joins: JoinsChoice,
    /// Words that stand out in a terminal as our name does.
    pub highlights: Vec<String>,
    /// Whether a terminal's window tells of what comes while it is not in focus.
    pub notify: bool,
    /// Where what was sent is kept across runs, and beside it which servers were joined, if they are.
    pub history: Option<PathBuf>,
    /// What standard input is, where it is no terminal.
    pub input: Input,
    /// Whether standard output, where it is no terminal, gets only what is said from now on.
    pub quiet: bool,
    /// Whether standard output gets JSON objects, one a line.
    pub json: bool,
    /// What to log of variables of the environment that are not used.
    pub set_aside: Vec<String>,
    /// What to do when the connection is lost. Without a choice, it is made again in a terminal, and
    /// is the end of a filter.
    pub on_loss: Option<OnLoss>,
}

/// Which room is joined, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Destination {
    /// Its servers, in the order in which they are tried; at least one.
    pub(super) servers: Vec<ServerAddress>,
    /// Whether it is talked to encrypted.
    pub(super) encryption: Encryption,
    /// Where the keys of servers are kept, if there is a place for that.
    pub(super) known_servers: Option<PathBuf>,
    /// Whether new servers are added there.
    pub(super) learns_servers: bool,
}

impl Config {
    /// Which room is joined, and how.
    pub(super) fn destination(&self) -> Destination {
        Destination {
            servers: self.servers.clone(),
            encryption: self.encryption.clone(),
            known_servers: self.known_servers.clone(),
            learns_servers: self.learns_servers,
        }
    }
}

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerAddress {
    /// Its address or name, as the user gave it.
    pub host: String,
    /// Its port.
    pub port: u16,
}

/// As an argument of the client: without the port if that is the usual one.
impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ServerAddress { host, port } = self;
        match *port {
            DEFAULT_PORT => f.write_str(host),
            port if host.contains(':') => write!(f, "[{host}]:{port}"),
            port => write!(f, "{host}:{port}"),
        }
    }
}

/// Where the user's key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdentityChoice {
    /// In the user's state folder, where it is made if it is not there.
    InStateFolder,
    /// In this file, which is made if it is not there.
    Named(PathBuf),
    /// None is used.
    None,
}

/// Where the room's password is, or a code that lets the user in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PasswordSource {
    /// On the first line of this file.
    File(PathBuf),
    /// Here.
    Given(Secret),
}

impl PasswordSource {
    /// The password.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or there is nothing on its first line.
    pub(super) fn read(&self) -> Result<Secret, Problem> {
        let path = match self {
            PasswordSource::Given(secret) => return Ok(secret.clone()),
            PasswordSource::File(path) => path,
        };
        let nothing = || io::Error::new(io::ErrorKind::InvalidData, "its first line is empty");
        let line = first_line(path);
        line.and_then(|line| Secret::on_first_line(&line).ok_or_else(nothing))
            .map_err(|why| Problem::PasswordFile { path: path.display().to_string(), why })
    }
}

fn first_line(path: &Path) -> io::Result<String> {
    let mut line = String::new();
    let most = DEFAULT_MAX_LINE as u64;
    BufReader::new(File::open(path)?.take(most)).read_line(&mut line)?;
    Ok(line)
}

/// Whether the server is talked to encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encryption {
    /// Yes, where it speaks TLS and is not on this machine; and for ever, once it has.
    WherePossible,
    /// Yes, or not at all.
    Always,
    /// No.
    Never,
    /// Yes, and only with the server that has this key.
    Only(Fingerprint),
}

/// What standard input is to a client without a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// Text to say, whatever it begins with.
    Text,
    /// What somebody could type, commands too.
    Commands,
    /// Objects that a program writes, one a line.
    Json,
    /// Not read: the client stays and prints what is said.
    Unread,
}

/// What to do when the connection is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnLoss {
    /// The program ends, with status 1.
    Ends,
    /// It connects again, until it works.
    ComesBack,
}

/// What rings the terminal's bell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BellChoice {
    /// Nothing that comes.
    Off,
    /// Whoever says our name, or something to us alone.
    Mentions,
    /// Everything that is said.
    All,
}

/// Whose comings and goings are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinsChoice {
    /// Everybody's.
    All,
    /// Those of members who have said something in the last hour.
    Spoken,
    /// Nobody's.
    None,
}

/// Who breaks lines that are wider than the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WrapChoice {
    /// The client does, between words. A row goes on below its text.
    Words,
    /// The terminal does, wherever it comes to its last column.
    Terminal,
}
