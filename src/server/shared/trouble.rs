//! What can be the matter with the engine of a shared room. What each error of Redis means is decided here once, with
//! what its operator can do about it.

use std::error::Error;
use std::fmt;
use std::io;

use super::stranger::Stranger;
use crate::protocol::text::make_safe;

/// How much of what Redis says is shown, in characters.
const SHOWN: usize = 200;

/// What stands before the reason why Redis does not carry a transaction out.
const BECAUSE: &str = "because of: ";

/// What it says of a command that a user must not use.
pub(crate) const NO_RIGHT: &str = "NOPERM";

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
    /// It cannot prove that it is who it should be.
    Untrusted {
        /// Its host and port.
        place: String,
        /// The reason.
        why: String,
        /// What can be done.
        remedy: &'static str,
    },
    /// It speaks TLS, and not with us.
    TlsFails {
        /// Its host and port.
        place: String,
        /// The reason.
        why: String,
        /// What can be done.
        remedy: &'static str,
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
    /// Its log was trimmed, and no snapshot leads on to it.
    NoSnapshot,
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
    /// It is a Sentinel, and was named as a Redis.
    Sentinel {
        /// Its host and port.
        place: String,
    },
    /// It says something else: the words.
    Says(String),
    /// What it says is no answer.
    NoRedis {
        /// Its host and port.
        place: String,
        /// What it is.
        stranger: Stranger,
    },
    /// It speaks TLS, and the Sentinels' way goes without.
    TlsBehindSentinels {
        /// Its host and port.
        place: String,
    },
}

impl Trouble {
    /// What the system's error with a connection means.
    pub(crate) fn of_connection(why: &io::Error, place: &str) -> Trouble {
        let place = place.to_owned();
        let of_tls = why.get_ref().and_then(<dyn Error + Send + Sync>::downcast_ref);
        if let Some(of_tls) = of_tls {
            return Trouble::of_tls(of_tls, place);
        }
        match why.kind() {
            io::ErrorKind::UnexpectedEof => {
                Trouble::Away { place, why: Some("it hung up".to_owned()) }
            }
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
                Trouble::Away { place, why: None }
            }
            _ => Trouble::Away { place, why: Some(words_of(why)) },
        }
    }

    /// What an error of TLS means.
    pub(crate) fn of_tls(why: &rustls::Error, place: String) -> Trouble {
        let (words, remedy) = (why.to_string(), remedy_of_tls(why));
        match why {
            rustls::Error::InvalidCertificate(_) | rustls::Error::General(_) => {
                Trouble::Untrusted { place, why: words, remedy }
            }
            _ => Trouble::TlsFails { place, why: words, remedy },
        }
    }

    /// The same for those who ask Sentinels: that way has no TLS.
    pub(crate) fn behind_sentinels(self) -> Trouble {
        match self {
            Trouble::NoRedis { place, stranger: Stranger::SpeaksTls } => {
                Trouble::TlsBehindSentinels { place }
            }
            other => other,
        }
    }

    /// What an error that Redis answers with means.
    pub(crate) fn of_answer(code: &str, detail: &str, place: &str) -> Trouble {
        match code {
            // A transaction that Redis does not carry out, and why.
            "EXECABORT" if detail.contains(BECAUSE) => {
                let why = detail.split_once(BECAUSE).map_or(detail, |(_, why)| why);
                let (code, detail) = why.split_once(' ').unwrap_or((why, ""));
                Trouble::of_answer(code, detail, place)
            }
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
            | Trouble::TlsFails { .. }
            | Trouble::TlsBehindSentinels { .. }
            | Trouble::Sentinel { .. }
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
            | Trouble::NoSnapshot
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
            Trouble::Untrusted { place, why, remedy } => {
                write!(f, "{place} is not trusted ({why}); {remedy}")
            }
            Trouble::TlsFails { place, why, remedy } => {
                write!(f, "TLS with {place} fails ({why}); {remedy}")
            }
            Trouble::TlsBehindSentinels { place } => write!(
                f,
                "{place} speaks TLS, which redis+sentinel:// does not; give rediss:// and the \
                 master's host, or a port without TLS there"
            ),
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
            Trouble::NoSnapshot => f.write_str(
                "its log in Redis was trimmed, and somebody has removed its snapshots; another \
                 server writes one",
            ),
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
            Trouble::Sentinel { place } => write!(
                f,
                "{place} is a Sentinel; give redis+sentinel://HOST/MASTER/ROOM, or the port of Redis"
            ),
            Trouble::NoRedis { place, stranger } => no_redis(f, place, stranger),
        }
    }
}

impl Error for Trouble {}

/// What is there in place of Redis, and what to do.
fn no_redis(f: &mut fmt::Formatter<'_>, place: &str, stranger: &Stranger) -> fmt::Result {
    match stranger {
        Stranger::SpeaksTls => {
            write!(f, "{place} speaks TLS; give rediss:// in place of redis://")
        }
        Stranger::SpeaksNoTls => write!(
            f,
            "{place} speaks no TLS; give the port that is its tls-port, or redis:// in place of \
             rediss://"
        ),
        Stranger::Server(kind) => {
            write!(f, "{place} is {kind}, and no Redis; check host and port")
        }
        Stranger::Says(words) => {
            write!(f, "{place} is no Redis: it says {words:?}; check host and port")
        }
        Stranger::Unknown => {
            write!(f, "{place} does not speak as Redis does; check host, port and redis(s)://")
        }
    }
}

/// What can be done where TLS fails.
fn remedy_of_tls(why: &rustls::Error) -> &'static str {
    use rustls::{AlertDescription, CertificateError, Error};
    match why {
        // The signature is bad where another authority has the same name, as one that was made anew.
        Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        )
        | Error::General(_) => "name its authority with --shared-ca",
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "give the host under the name that its certificate has",
        Error::InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. },
        ) => "renew its certificate, or see to the clock here",
        Error::InvalidCertificate(_) => "give it another certificate",
        Error::AlertReceived(AlertDescription::CertificateRequired) => {
            "set tls-auth-clients no there: we have no certificate"
        }
        Error::AlertReceived(AlertDescription::ProtocolVersion) | Error::PeerIncompatible(_) => {
            "allow TLS 1.3 there (tls-protocols)"
        }
        _ => "see its log",
    }
}

/// What lets us in.
fn remedy(code: &str) -> &'static str {
    match code {
        "NOAUTH" => "give its password with --shared-password-file",
        "WRONGPASS" => "check the user and the password",
        _ if code.starts_with(NO_RIGHT) => "give the user the rights that docs/SHARED.md lists",
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
                "EXECABORT",
                "Transaction discarded because of: NOPERM this user has no permissions",
                "Redis refuses us (NOPERM); give the user the rights that docs/SHARED.md lists",
            ),
            (
                "EXECABORT",
                "Transaction discarded because of previous errors.",
                "Redis says: EXECABORT Transaction discarded because of previous errors.",
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
    fn what_is_no_redis_is_told_with_what_to_do() {
        for (stranger, told) in [
            (Stranger::SpeaksTls, "cache:6379 speaks TLS; give rediss:// in place of redis://"),
            (
                Stranger::SpeaksNoTls,
                "cache:6379 speaks no TLS; give the port that is its tls-port, or redis:// in \
                 place of rediss://",
            ),
            (
                Stranger::Server("a web server"),
                "cache:6379 is a web server, and no Redis; check host and port",
            ),
            (
                Stranger::Says("220 mail".to_owned()),
                "cache:6379 is no Redis: it says \"220 mail\"; check host and port",
            ),
        ] {
            let trouble = Trouble::NoRedis { place: "cache:6379".to_owned(), stranger };
            assert_eq!(trouble.to_string(), told);
            assert!(trouble.needs_hands());
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
        let hung_up = Trouble::of_connection(&io::ErrorKind::UnexpectedEof.into(), "cache:6379");
        assert_eq!(hung_up.to_string(), "cache:6379 does not answer (it hung up)");
    }
}
