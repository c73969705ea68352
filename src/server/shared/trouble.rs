//! What can be the matter with the engine of a shared room. What each error of Redis means is decided here once, with
//! what its operator can do about it.

use std::error::Error;
use std::fmt;
use std::io;

use crate::protocol::text::make_safe;

/// How much of what Redis says is shown, in characters.
const SHOWN: usize = 200;

/// Why a call has no answer that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It cannot be reached, or does not answer in time.
    Away {
        /// Its host and port.
        place: String,
        /// The system's reason; `None` if the time was up.
        why: Option<String>,
    },
    /// It cannot prove that it is who it should be, or speaks no TLS.
    Untrusted {
        /// Its host and port.
        place: String,
        /// The reason.
        why: String,
    },
    /// It has no memory left.
    Full,
    /// It does not let us in, or not do what we must.
    NoRights {
        /// Its word for that.
        code: String,
    },
    /// Another program uses the room's keys.
    WrongType,
    /// It takes nothing, since it cannot save it.
    CannotSave,
    /// It is a replica.
    ReadOnly {
        /// Its host and port.
        place: String,
    },
    /// It has just started.
    Loading,
    /// Its log was set back, or trimmed, while it was read.
    SetBack,
    /// It is a replica that has lost its master.
    MasterDown,
    /// It takes nothing without its replicas.
    NoReplicas,
    /// It has as many clients as it may.
    TooManyClients,
    /// It is a node of a cluster that is down.
    ClusterDown,
    /// It is a node of a cluster, and another one has the room.
    Elsewhere {
        /// That one's host and port, as it says.
        place: String,
    },
    /// The Sentinels know no such master.
    NoMaster {
        /// The name that they were asked for.
        master: String,
    },
    /// It is a Redis, and was named as a Sentinel.
    NoSentinel {
        /// Its host and port.
        place: String,
    },
    /// It says something else: the words.
    Says(String),
    /// What it says is no answer.
    NoRedis {
        /// Its host and port.
        place: String,
    },
}

impl Trouble {
    /// What the system's error with a connection means.
    pub(crate) fn of_connection(why: &io::Error, place: &str) -> Trouble {
        let place = place.to_owned();
        if why
            .get_ref()
            .and_then(<dyn Error + Send + Sync>::downcast_ref::<rustls::Error>)
            .is_some()
        {
            return Trouble::Untrusted { place, why: why.to_string() };
        }
        match why.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
                Trouble::Away { place, why: None }
            }
            _ => Trouble::Away { place, why: Some(words_of(why)) },
        }
    }

    /// What an error that Redis answers with means.
    pub(crate) fn of_answer(code: &str, detail: &str, place: &str) -> Trouble {
        match code {
            "OOM" => Trouble::Full,
            "NOAUTH" | "WRONGPASS" | "NOPERM" | "DENIED" => {
                Trouble::NoRights { code: code.to_owned() }
            }
            "WRONGTYPE" => Trouble::WrongType,
            "MISCONF" => Trouble::CannotSave,
            "READONLY" => Trouble::ReadOnly { place: place.to_owned() },
            "LOADING" => Trouble::Loading,
            "MASTERDOWN" => Trouble::MasterDown,
            "NOREPLICAS" => Trouble::NoReplicas,
            "CLUSTERDOWN" => Trouble::ClusterDown,
            "MOVED" | "ASK" => {
                let place = detail.split_whitespace().nth(1).unwrap_or("another node");
                Trouble::Elsewhere { place: shown(place) }
            }
            "ERR" if detail.contains("max number of clients") => Trouble::TooManyClients,
            // AUTH, where only the default user has a password, or none has.
            "ERR" if detail.contains("without any password configured") => {
                Trouble::NoRights { code: "no password is set there".to_owned() }
            }
            _ => Trouble::Says(shown(&format!("{code} {detail}"))),
        }
    }

    /// Whether it stays until somebody changes something, here or there.
    pub(crate) fn needs_hands(&self) -> bool {
        match self {
            Trouble::Untrusted { .. }
            | Trouble::NoRights { .. }
            | Trouble::WrongType
            | Trouble::Elsewhere { .. }
            | Trouble::NoSentinel { .. }
            | Trouble::Says(_)
            | Trouble::NoRedis { .. } => true,
            Trouble::Away { .. }
            | Trouble::Full
            | Trouble::CannotSave
            | Trouble::ReadOnly { .. }
            | Trouble::Loading
            | Trouble::SetBack
            | Trouble::MasterDown
            | Trouble::NoReplicas
            | Trouble::TooManyClients
            | Trouble::ClusterDown
            | Trouble::NoMaster { .. } => false,
        }
    }
}

/// For the log: what it is, and what can be done.
impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Away { place, why: None } => write!(f, "{place} does not answer"),
            Trouble::Away { place, why: Some(why) } => write!(f, "{place} does not answer ({why})"),
            Trouble::Untrusted { place, why } => {
                write!(f, "{place} is not trusted ({why}); name its authority with --shared-ca")
            }
            Trouble::Full => f.write_str("Redis is out of memory; raise its maxmemory"),
            Trouble::NoRights { code } => {
                write!(f, "Redis refuses us ({code}); {}", remedy(code))
            }
            Trouble::WrongType => f.write_str(
                "another program uses the room's keys in Redis (WRONGTYPE); give another ROOM",
            ),
            Trouble::CannotSave => {
                f.write_str("Redis cannot save (MISCONF); see its log, its disk may be full")
            }
            Trouble::ReadOnly { place } => {
                write!(f, "{place} is a replica (READONLY); name the master, or the Sentinels")
            }
            Trouble::Loading => f.write_str("Redis is loading its data (LOADING)"),
            Trouble::SetBack => f.write_str("Redis was set back meanwhile"),
            Trouble::MasterDown => f.write_str("Redis has lost its master (MASTERDOWN)"),
            Trouble::NoReplicas => f.write_str(
                "Redis has fewer replicas than its min-replicas-to-write (NOREPLICAS); \
                 see to its replicas",
            ),
            Trouble::TooManyClients => {
                f.write_str("Redis has as many clients as it may; raise its maxclients")
            }
            Trouble::ClusterDown => f.write_str("the cluster of Redis is down (CLUSTERDOWN)"),
            Trouble::Elsewhere { place } => {
                write!(f, "another node of the cluster has the room (MOVED); give {place}")
            }
            Trouble::NoMaster { master } => {
                write!(f, "no Sentinel knows a master {master}; check the name")
            }
            Trouble::NoSentinel { place } => {
                write!(f, "{place} is no Sentinel; check its port, or give redis://HOST/ROOM")
            }
            Trouble::Says(words) => write!(f, "Redis says: {words}"),
            Trouble::NoRedis { place } => {
                write!(f, "{place} does not speak as Redis does; check host, port and redis(s)://")
            }
        }
    }
}

impl Error for Trouble {}

/// What lets us in.
fn remedy(code: &str) -> &'static str {
    match code {
        "NOAUTH" => "give its password with --shared-password-file",
        "WRONGPASS" => "check the user and the password",
        "NOPERM" => "give the user the rights that docs/SHARED.md lists",
        "DENIED" => "it is in protected mode: set a password there, or bind it",
        _ => "give none, or set one there",
    }
}

/// The system's words, without their number and without what every resolver's begin with.
fn words_of(why: &io::Error) -> String {
    let text = why.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    text.strip_prefix("failed to lookup address information: ").unwrap_or(text).to_owned()
}

/// What another machine says, made safe and bounded.
fn shown(words: &str) -> String {
    make_safe(words.trim().as_bytes()).chars().take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_of_redis_is_told_with_what_to_do() {
        for (code, detail, told) in [
            ("OOM", "command not allowed", "Redis is out of memory; raise its maxmemory"),
            (
                "NOAUTH",
                "Authentication required.",
                "Redis refuses us (NOAUTH); give its password with --shared-password-file",
            ),
            ("WRONGPASS", "", "Redis refuses us (WRONGPASS); check the user and the password"),
            (
                "NOPERM",
                "",
                "Redis refuses us (NOPERM); give the user the rights that docs/SHARED.md lists",
            ),
            (
                "WRONGTYPE",
                "",
                "another program uses the room's keys in Redis (WRONGTYPE); give another ROOM",
            ),
            (
                "READONLY",
                "",
                "cache:6379 is a replica (READONLY); name the master, or the Sentinels",
            ),
            (
                "MOVED",
                "866 10.0.0.7:6380",
                "another node of the cluster has the room (MOVED); give 10.0.0.7:6380",
            ),
            (
                "ERR",
                "max number of clients reached",
                "Redis has as many clients as it may; raise its maxclients",
            ),
            ("ERR", "unknown \u{1b}[31mcommand", "Redis says: ERR unknown command"),
        ] {
            let trouble = Trouble::of_answer(code, detail, "cache:6379");
            assert_eq!(trouble.to_string(), told, "{code}");
        }
    }

    #[test]
    fn a_connection_that_fails_is_told_in_the_systems_words() {
        let refused =
            io::Error::new(io::ErrorKind::ConnectionRefused, "Connection refused (os error 111)");
        let trouble = Trouble::of_connection(&refused, "cache:6379");
        assert_eq!(trouble.to_string(), "cache:6379 does not answer (Connection refused)");
        let silent = Trouble::of_connection(&io::ErrorKind::WouldBlock.into(), "cache:6379");
        assert_eq!(silent.to_string(), "cache:6379 does not answer");
        assert!(!trouble.needs_hands() && !silent.needs_hands());
        let unknown = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let unknown = io::Error::new(io::ErrorKind::InvalidData, unknown);
        let untrusted = Trouble::of_connection(&unknown, "cache:6379");
        assert!(untrusted.to_string().ends_with("; name its authority with --shared-ca"));
        assert!(untrusted.needs_hands());
    }
}
