//! The log of a shared room in Redis or Valkey: a stream, a list of snapshots and a hash. How a connection is made;
//! what is asked over it is in `redis/link.rs`.
//!
//! The crate `redis` writes commands and parses answers; the connection, its timeouts, TLS (`redis/wire.rs`) and the
//! meaning of errors are ours. Its client for Sentinels is not used, since it waits for a dead Sentinel for as long as the
//! system does.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ::redis::{ErrorKind, Parser, RedisError};
use rustls::{ClientConfig, RootCertStore};

use super::engine::{Engine, Link};
use super::stranger::Stranger;
use super::trouble::Trouble;
use super::url::{Node, Password, RoomName, SharedUrl, Way};
use link::RedisLink;
use wire::Wire;

mod link;
#[cfg(all(test, not(shuttle), unix))]
mod tests;
mod wire;

/// How long a connection may take to be made. A Sentinel that is dead delays the next one by as much.
const CONNECT: Duration = Duration::from_secs(1);

/// How long an answer may take which Redis gives at once.
const CALL: Duration = Duration::from_secs(2);

/// Redis, or a Valkey.
#[derive(Debug)]
pub(super) struct Redis {
    /// How it is reached.
    way: Way,
    /// The room, whose keys are used.
    room: RoomName,
    /// Whom we are there, if it has to know.
    login: Option<Login>,
    /// Whom it is trusted by over TLS; `None` without TLS.
    trust: Option<Arc<ClientConfig>>,
    /// The Sentinel that has answered last, which is asked first.
    sentinel: AtomicUsize,
}

/// A user and the password.
#[derive(Debug)]
struct Login {
    /// `None` for the default user.
    user: Option<String>,
    /// It may be empty, for a user without one.
    password: Password,
}

impl Redis {
    /// What a URL leads to. The password from a file counts where the URL has none. Over TLS it is trusted by this
    /// authority; by the system's, if it is `None`.
    ///
    /// # Errors
    ///
    /// The system's authorities cannot be loaded.
    pub(super) fn engine(
        url: &SharedUrl,
        password: Option<Password>,
        authority: Option<RootCertStore>,
    ) -> Result<Arc<dyn Engine>, Trouble> {
        let password = url.password.clone().or(password);
        let user = url.user.clone();
        let login = match (user, password) {
            (None, None) => None,
            (user, password) => {
                Some(Login { user, password: password.unwrap_or(Password(String::new())) })
            }
        };
        let trust = url.is_over_tls().then(|| wire::trusting(authority)).transpose();
        let place = url.place();
        Ok(Arc::new(Redis {
            way: url.way.clone(),
            room: url.room.clone(),
            login,
            trust: trust.map_err(|why| Trouble::of_tls(&why, place))?,
            sentinel: AtomicUsize::new(0),
        }))
    }
}

impl Engine for Redis {
    fn connect(&self) -> Result<Box<dyn Link>, Trouble> {
        let link = match &self.way {
            Way::Plain(node) | Way::Tls(node) => {
                self.master(Talk::begin(node, self.trust.as_ref())?)?
            }
            Way::Sentinels { sentinels, master } => {
                self.ask_sentinels(sentinels, master).map_err(Trouble::behind_sentinels)?
            }
        };
        Ok(Box::new(link))
    }
}

impl Redis {
    /// Logs in over a connection that was made.
    fn master(&self, mut talk: Talk) -> Result<RedisLink, Trouble> {
        if let Some(login) = &self.login {
            talk.log_in(login)?;
        }
        RedisLink::begin(talk, &self.room)
    }

    /// A connection to the master that one of the Sentinels names. One that names a process which is none any more is
    /// passed over. What is wrong with a master matters more than what is wrong with a Sentinel.
    fn ask_sentinels(&self, sentinels: &[Node], master: &str) -> Result<RedisLink, Trouble> {
        let first = self.sentinel.load(Ordering::Relaxed);
        let mut of_sentinel = Trouble::NoMaster { master: master.to_owned() };
        let mut of_master = None;
        for number in (0..sentinels.len()).map(|number| (first + number) % sentinels.len()) {
            match self.ask_sentinel(&sentinels[number], master) {
                Ok(node) => match Talk::begin(&node, None).and_then(|it| self.master(it)) {
                    Ok(link) => {
                        self.sentinel.store(number, Ordering::Relaxed);
                        return Ok(link);
                    }
                    Err(trouble) => of_master = Some(trouble),
                },
                Err(trouble) => of_sentinel = trouble,
            }
        }
        Err(of_master.unwrap_or(of_sentinel))
    }

    /// Where the master is, by one Sentinel.
    fn ask_sentinel(&self, sentinel: &Node, master: &str) -> Result<Node, Trouble> {
        let mut talk = Talk::begin(sentinel, None)?;
        match (talk.master_of(master), &self.login) {
            // A Sentinel that wants a password is taken to want the same.
            (Err(Trouble::NoRights { .. }), Some(login)) => {
                talk.log_in(login)?;
                talk.master_of(master)
            }
            (answer, _) => answer,
        }
    }
}

/// A connection to a process that may be Redis or a Sentinel.
struct Talk {
    /// The connection.
    wire: Wire,
    /// What was read and not parsed yet.
    parser: Parser,
    /// Its other end.
    node: Node,
    /// That, for people.
    place: String,
    /// How long an answer is waited for now.
    patience: Duration,
    /// Whether it has answered as Redis does.
    has_answered: bool,
}

impl std::fmt::Debug for Talk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Talk").field(&self.place).finish()
    }
}

impl Talk {
    /// Connects, over TLS if it is trusted by somebody. Nothing is said yet to what may be Redis.
    fn begin(node: &Node, trust: Option<&Arc<ClientConfig>>) -> Result<Talk, Trouble> {
        let wire = match trust {
            Some(config) => Wire::over_tls(node, config)?,
            None => Wire::plain(node)?,
        };
        let (node, place) = (node.clone(), node.to_string());
        let parser = Parser::new();
        Ok(Talk { wire, parser, node, place, patience: CALL, has_answered: false })
    }
}

/// What an error of the crate means.
fn meaning(why: &RedisError, place: &str) -> Trouble {
    if let Some(code) = why.code() {
        return Trouble::of_answer(code, why.detail().unwrap_or_default(), place);
    }
    match of_system(why) {
        Some(why) => Trouble::of_connection(why, place),
        None if why.kind() == ErrorKind::Parse => {
            Trouble::NoRedis { place: place.to_owned(), stranger: Stranger::Unknown }
        }
        None => Trouble::Away { place: place.to_owned(), why: Some(why.to_string()) },
    }
}

/// The system's error behind it. The crate shares it with its clones.
fn of_system(why: &RedisError) -> Option<&io::Error> {
    why.source()?.downcast_ref::<Arc<dyn Error + Send + Sync>>()?.downcast_ref()
}
