//! Who can read along on a connection, and how that is told. Pure.

use std::fmt;

use crate::client::handshake::Server;
use crate::tls::ServerKey;

/// Who can read along on a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::client) enum Secrecy {
    /// It does not leave this machine: whoever could read it could read the process, too.
    Here,
    /// It is plain, and anyone on the way can read it.
    Plain,
    /// It is encrypted to the server with this key.
    Tls(ServerKey, Acquaintance),
}

/// How well the server is known whose key it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::client) enum Acquaintance {
    /// Not at all until now.
    New,
    /// By its key, or by the fingerprint that the user gave.
    Known,
    /// By its key, from this other address.
    KnownAs(String),
    /// By a certificate for its name that the system accepts.
    Vouched,
    /// Not at all, and it never will be: its key ends with its process.
    OneRun,
}

/// What the user is told of a connection without having asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::client) enum Told {
    /// It is encrypted to a server that is known as well as this.
    Encrypted(ServerKey, Acquaintance),
    /// It is plain, to a room.
    Plain,
    /// It is plain, and the server is no room, as far as we know.
    Foreign,
}

impl Secrecy {
    /// Whether others on the way can read along.
    pub(in crate::client) fn is_open_to_others(&self) -> bool {
        match self {
            Secrecy::Plain => true,
            Secrecy::Here | Secrecy::Tls(..) => false,
        }
    }

    /// What the user is told of it, once it is clear what kind of server it is.
    pub(in crate::client) fn told(&self, server: Option<Server>) -> Option<Told> {
        match self {
            Secrecy::Here => None,
            Secrecy::Tls(key, acquaintance) => Some(Told::Encrypted(*key, acquaintance.clone())),
            Secrecy::Plain => server.map(|server| match server {
                Server::Ours => Told::Plain,
                Server::Foreign => Told::Foreign,
            }),
        }
    }

    /// The same for a user who asks: with the key.
    pub(in crate::client) fn answer(&self) -> String {
        match self {
            Secrecy::Here => "not encrypted: the server is on this machine".to_owned(),
            Secrecy::Plain => Told::Plain.to_string(),
            Secrecy::Tls(key, Acquaintance::New) => {
                Told::Encrypted(*key, Acquaintance::New).to_string()
            }
            Secrecy::Tls(key, Acquaintance::Known) => {
                format!("encrypted; known server, its key is {key}")
            }
            Secrecy::Tls(key, Acquaintance::KnownAs(address)) => {
                format!("encrypted; the server you know as {address}, its key is {key}")
            }
            Secrecy::Tls(key, Acquaintance::Vouched) => {
                format!("encrypted; its certificate is valid, its key is {key}")
            }
            Secrecy::Tls(key, Acquaintance::OneRun) => {
                format!("encrypted; its key is new at each start, now {key}")
            }
        }
    }
}

impl Told {
    /// Whether it is news to a user who was told that before.
    pub(in crate::client) fn is_news_after(&self, before: Option<&Told>) -> bool {
        match (before, self) {
            (Some(Told::Encrypted(before, _)), Told::Encrypted(key, _)) => before != key,
            (before, told) => before != Some(told),
        }
    }

    /// Whether it is news only to somebody who looks at a screen: all is as it should be.
    pub(in crate::client) fn is_usual(&self) -> bool {
        matches!(self, Told::Encrypted(_, Acquaintance::Known | Acquaintance::Vouched))
    }

    /// Whether it is something to look at: the key, which nobody has compared yet.
    pub(in crate::client) fn is_first_contact(&self) -> bool {
        matches!(self, Told::Encrypted(_, Acquaintance::New))
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Told::Encrypted(key, Acquaintance::New) => {
                write!(f, "encrypted; new server, its key is {key}")
            }
            Told::Encrypted(_, Acquaintance::Known | Acquaintance::Vouched) => {
                write!(f, "encrypted")
            }
            Told::Encrypted(_, Acquaintance::KnownAs(address)) => {
                write!(f, "encrypted; this is the server you know as {address}")
            }
            Told::Encrypted(_, Acquaintance::OneRun) => write!(
                f,
                "encrypted, but its key is new at each start: nobody can tell whether it is the \
                 same server"
            ),
            Told::Plain => write!(f, "not encrypted: anyone on the network can read along"),
            Told::Foreign => write!(f, "not encrypted: this is not a chatroom server"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_connection_is_told_in_its_words() {
        let key = ServerKey::of_spki(b"a key");
        let known_as = || Acquaintance::KnownAs("192.168.1.7:5000".to_owned());
        let one_run = "encrypted, but its key is new at each start: nobody can tell whether it is the \
                       same server";
        for (acquaintance, told) in [
            (Acquaintance::New, format!("encrypted; new server, its key is {key}")),
            (Acquaintance::Known, "encrypted".to_owned()),
            (Acquaintance::Vouched, "encrypted".to_owned()),
            (known_as(), "encrypted; this is the server you know as 192.168.1.7:5000".to_owned()),
            (Acquaintance::OneRun, one_run.to_owned()),
        ] {
            let secrecy = Secrecy::Tls(key, acquaintance);
            assert_eq!(secrecy.told(None).map(|told| told.to_string()), Some(told));
            assert!(secrecy.answer().contains(&key.to_string()), "{}", secrecy.answer());
        }
    }

    #[test]
    fn a_plain_connection_is_told_once_the_server_is_known_and_never_on_this_machine() {
        assert_eq!(Secrecy::Plain.told(None), None);
        assert_eq!(Secrecy::Plain.told(Some(Server::Ours)), Some(Told::Plain));
        assert_eq!(Secrecy::Plain.told(Some(Server::Foreign)), Some(Told::Foreign));
        assert_eq!(Secrecy::Here.told(Some(Server::Ours)), None);
    }
}
