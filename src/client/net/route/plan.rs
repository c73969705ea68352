//! How a connection is made, and which server it has to lead to. Pure.

use chrono::NaiveDate;

use crate::client::net::connection::Openness;
use crate::client::net::known_servers::{Address, KnownServers};
use crate::client::net::secrecy::Secrecy;
use crate::client::net::tls::verifier::Expected;
use crate::tls::ServerKey;

/// What the run has seen of the server so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bond {
    /// Nothing that binds it: it was not reached, or talked to in plain.
    Free,
    /// It has offered TLS, so nothing is said to it in plain any more.
    Offered,
    /// It was talked to over TLS, with this key. The session goes to no other.
    Encrypted {
        /// The key.
        key: ServerKey,
        /// Since when it is known.
        since: NaiveDate,
        /// Why it was trusted.
        hold: Hold,
    },
}

/// Why a key was trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hold {
    /// For itself: it is the server's from then on.
    Key,
    /// The system accepts its certificate: another one may be as good.
    Vouched,
    /// For want of anything better: it ends with the server's process.
    OneRun,
}

/// How a connection is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Plan {
    /// Plain.
    Plain(Secrecy, Openness),
    /// Over TLS.
    Tls(Aim),
}

/// Which server a connection over TLS has to lead to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Aim {
    /// The right one.
    pub(super) expected: Expected,
    /// What is known of it: the key and since when, the newest last. None for `ca`.
    pub(super) keys: Vec<(ServerKey, NaiveDate)>,
    /// Whether it was encrypted before.
    pub(super) was_encrypted: bool,
}

impl Aim {
    /// A server of which nothing is known.
    pub(super) fn unknown(was_encrypted: bool) -> Aim {
        Aim { expected: Expected::Any, keys: Vec::new(), was_encrypted }
    }

    /// The server with one of these keys.
    pub(super) fn with_keys(keys: Vec<(ServerKey, NaiveDate)>) -> Aim {
        let expected = Expected::Keys(keys.iter().map(|(key, _)| *key).collect());
        Aim { expected, keys, was_encrypted: true }
    }

    /// The server whose certificate the system accepts.
    pub(super) fn vouched() -> Aim {
        Aim { expected: Expected::Vouched, keys: Vec::new(), was_encrypted: true }
    }

    /// The server that is known at this address, if one is.
    pub(super) fn of(known: &KnownServers, address: &Address) -> Option<Aim> {
        let keys = known.at(address).filter_map(|it| Some((it.trust.key()?, it.since)));
        let keys: Vec<_> = keys.collect();
        // A key is never overruled by an authority.
        match keys.is_empty() {
            false => Some(Aim::with_keys(keys)),
            true => known.at(address).next().map(|_| Aim::vouched()),
        }
    }
}
