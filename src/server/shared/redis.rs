//! The log of a shared room in Redis or Valkey: a stream, a list of snapshots and a hash. How a connection is made;
//! what is asked over it is in `redis/link.rs`.
//!
//! The crate `redis` speaks the protocol; timeouts, TLS' authorities and the meaning of errors are ours. Its client for
//! Sentinels is not used, since it waits for a dead Sentinel for as long as the system does.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ::redis::io::tcp::TcpSettings;
use ::redis::{
    Client, Connection, ConnectionAddr, ErrorKind, IntoConnectionInfo, RedisConnectionInfo,
    RedisError, TlsCertificates,
};

use super::engine::{Engine, Link};
use super::trouble::Trouble;
use super::url::{Node, Password, RoomName, SharedUrl, Way};
use link::RedisLink;

mod link;
#[cfg(all(test, not(shuttle), unix))]
mod tests;

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
    /// The authority that it is trusted by over TLS, as PEM; `None` for the system's.
    authority: Option<Vec<u8>>,
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
    /// What a URL leads to. The password from a file counts where the URL has none.
    pub(super) fn engine(
        url: &SharedUrl,
        password: Option<Password>,
        authority: Option<Vec<u8>>,
    ) -> Arc<dyn Engine> {
        let password = url.password.clone().or(password);
        let user = url.user.clone();
        let login = match (user, password) {
            (None, None) => None,
            (user, password) => {
                Some(Login { user, password: password.unwrap_or(Password(String::new())) })
            }
        };
        Arc::new(Redis {
            way: url.way.clone(),
            room: url.room.clone(),
            login,
            authority,
            sentinel: AtomicUsize::new(0),
        })
    }
}

impl Engine for Redis {
    fn connect(&self) -> Result<Box<dyn Link>, Trouble> {
        let link = match &self.way {
            Way::Plain(node) => self.master(Talk::begin(node, Scheme::Plain)?)?,
            Way::Tls(node) => {
                let authority = self.authority.as_deref();
                self.master(Talk::begin(node, Scheme::Tls { authority })?)?
            }
            Way::Sentinels { sentinels, master } => self.ask_sentinels(sentinels, master)?,
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
                Ok(node) => {
                    match Talk::begin(&node, Scheme::Plain).and_then(|it| self.master(it)) {
                        Ok(link) => {
                            self.sentinel.store(number, Ordering::Relaxed);
                            return Ok(link);
                        }
                        Err(trouble) => of_master = Some(trouble),
                    }
                }
                Err(trouble) => of_sentinel = trouble,
            }
        }
        Err(of_master.unwrap_or(of_sentinel))
    }

    /// Where the master is, by one Sentinel.
    fn ask_sentinel(&self, sentinel: &Node, master: &str) -> Result<Node, Trouble> {
        let mut talk = Talk::begin(sentinel, Scheme::Plain)?;
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

/// How a connection is protected.
#[derive(Debug, Clone, Copy)]
enum Scheme<'a> {
    /// Not at all.
    Plain,
    /// By TLS.
    Tls {
        /// The authority that is trusted, as PEM; `None` for the system's.
        authority: Option<&'a [u8]>,
    },
}

/// A connection to a process that may be Redis or a Sentinel.
struct Talk {
    /// The connection.
    connection: Connection,
    /// Its other end, for people.
    place: String,
    /// How long an answer is waited for now.
    patience: Duration,
}

impl std::fmt::Debug for Talk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Talk").field(&self.place).finish()
    }
}

impl Talk {
    /// Connects. Nothing was said yet: TLS begins with the first command.
    fn begin(node: &Node, scheme: Scheme<'_>) -> Result<Talk, Trouble> {
        let place = node.to_string();
        let connection = client(node, scheme)
            .and_then(|client| client.get_connection_with_timeout(CONNECT))
            .and_then(|connection| {
                connection.set_read_timeout(Some(CALL))?;
                connection.set_write_timeout(Some(CALL))?;
                Ok(connection)
            });
        match connection {
            Ok(connection) => Ok(Talk { connection, place, patience: CALL }),
            Err(why) => Err(meaning(&why, &place)),
        }
    }
}

/// What the crate makes connections with.
fn client(node: &Node, scheme: Scheme<'_>) -> Result<Client, RedisError> {
    // Without its name and version, which an old Redis has no place for, and no right is needed to tell.
    let settings = RedisConnectionInfo::default().set_skip_set_lib_name();
    let (host, port) = (node.host.clone(), node.port);
    let with = |address: ConnectionAddr| {
        let info = address.into_connection_info()?;
        Ok::<_, RedisError>(
            info.set_redis_settings(settings)
                .set_tcp_settings(TcpSettings::default().set_nodelay(true)),
        )
    };
    match scheme {
        Scheme::Plain => Client::open(with(ConnectionAddr::Tcp(host, port))?),
        Scheme::Tls { authority } => {
            let address = ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None };
            let root_cert = authority.map(<[u8]>::to_vec);
            let certificates = TlsCertificates { client_tls: None, root_cert };
            Client::build_with_tls(with(address)?, certificates)
        }
    }
}

/// What an error of the crate means.
fn meaning(why: &RedisError, place: &str) -> Trouble {
    if let Some(code) = why.code() {
        return Trouble::of_answer(code, why.detail().unwrap_or_default(), place);
    }
    match of_system(why) {
        Some(why) => Trouble::of_connection(why, place),
        None if why.kind() == ErrorKind::Parse => Trouble::NoRedis { place: place.to_owned() },
        None => Trouble::Away { place: place.to_owned(), why: Some(why.to_string()) },
    }
}

/// The system's error behind it. The crate shares it with its clones.
fn of_system(why: &RedisError) -> Option<&io::Error> {
    why.source()?.downcast_ref::<Arc<dyn Error + Send + Sync>>()?.downcast_ref()
}
