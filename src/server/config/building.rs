//! A configuration for a server inside another program, and whether it can be one.

use std::path::PathBuf;
use std::time::Duration;

use super::{Config, Encryption, EntranceConfig, HistoryConfig, HistoryFile, KeySource, TlsConfig};
use crate::problem::Problem;
use crate::protocol::name::Name;

/// The longest line that a server can be told to take, in bytes; and the shortest such one.
const LINE: std::ops::RangeInclusive<usize> = 16..=65_536;

/// What a room remembers at least, in bytes.
const LEAST_MEMORY: usize = 1 << 20;

/// Each of these changes one thing; every other one stays as it is.
impl Config {
    /// The most clients at a time.
    #[must_use]
    pub fn max_clients(self, clients: usize) -> Config {
        Config { max_clients: clients, ..self }
    }

    /// How many lines a second a client may bring for long; 0 is no limit.
    #[must_use]
    pub fn rate_limit(self, lines: u32) -> Config {
        Config { rate_limit: lines, ..self }
    }

    /// How many of the last lines a new member is shown.
    #[must_use]
    pub fn replay(self, lines: usize) -> Config {
        Config { replay: lines, ..self }
    }

    /// What the room may remember, in bytes: a megabyte at least.
    #[must_use]
    pub fn memory(self, bytes: usize) -> Config {
        Config { memory: bytes, ..self }
    }

    /// Keeps what is said in this file, from which the room comes back when the server is started again.
    #[must_use]
    pub fn history(self, file: impl Into<PathBuf>) -> Config {
        let history = HistoryConfig { file: HistoryFile::Named(file.into()), ..self.history };
        Config { history, ..self }
    }

    /// Keeps what is said for so long; `None` is for ever.
    #[must_use]
    pub fn keep(self, time: Option<Duration>) -> Config {
        let history = HistoryConfig { keep: time, ..self.history };
        Config { history, ..self }
    }

    /// Lets clients talk encrypted, with the key in this file, which is made if it is not there.
    #[must_use]
    pub fn key(self, file: impl Into<PathBuf>) -> Config {
        let tls =
            TlsConfig { encryption: Encryption::Optional, key: KeySource::Named(file.into()) };
        Config { tls, ..self }
    }

    /// Lets in only who gives the password in the first line of this file.
    #[must_use]
    pub fn password_file(self, file: impl Into<PathBuf>) -> Config {
        let entrance = EntranceConfig { password_file: Some(file.into()), ..self.entrance };
        Config { entrance, ..self }
    }

    /// The owner of this name is an operator, too.
    #[must_use]
    pub fn operator(mut self, name: Name) -> Config {
        self.operators.push(name);
        self
    }

    /// Whether a server can be such a one: the command line lets nothing else through.
    pub(in crate::server) fn check(&self) -> Result<(), Problem> {
        let wrong = if self.max_clients == 0 {
            "there is no place for a client"
        } else if !LINE.contains(&self.max_line) {
            "the longest line must have from 16 to 65536 bytes"
        // The interleavings have rooms that forget after a few lines.
        } else if self.memory < LEAST_MEMORY && !cfg!(shuttle) {
            "the room must remember a megabyte at least"
        } else if self.shared.is_some() && self.hook.is_some() {
            "a program of the server's own (--on-event) is for a room that it holds alone; in a shared one, run \
             chatclient --json in a pipe"
        } else {
            return Ok(());
        };
        Err(Problem::Config(wrong))
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;
    use crate::server::{Server, bind};

    #[test]
    fn each_changes_one_thing_and_what_cannot_be_is_refused() {
        let alice = Name::parse("alice").expect("a name");
        let config = Config::default().max_clients(3).replay(0).memory(1 << 20).history("room.db");
        let config = config.keep(None).rate_limit(5).operator(alice.clone()).key("key.pem");
        let history = HistoryConfig {
            file: HistoryFile::Named("room.db".into()),
            keep: None,
            ..HistoryConfig::default()
        };
        let key = KeySource::Named("key.pem".into());
        let tls = TlsConfig { encryption: Encryption::Optional, key };
        let expected = Config {
            max_clients: 3,
            replay: 0,
            memory: 1 << 20,
            rate_limit: 5,
            operators: vec![alice],
            history,
            tls,
            ..Config::default()
        };
        assert_eq!(config, expected);
        let usual = Config::default();
        for config in [
            usual.clone().max_clients(0),
            usual.clone().memory(1000),
            Config { max_line: 3, ..usual.clone() },
        ] {
            let listener = bind("127.0.0.1", 0).expect("a free port");
            assert!(matches!(Server::open(listener, config), Err(Problem::Config(_))));
        }
        assert!(usual.check().is_ok());
    }
}
