//! The server: binds, accepts, shuts down. A program that has a room inside opens a [`Server`], is told what happens
//! ([`Server::on_event`]), and starts it:
//!
//! ```
//! use chatroom::server::{self, Config, Server};
//!
//! let listener = server::bind("127.0.0.1", 0)?;
//! let server = Server::open(listener, Config::default().max_clients(20))?;
//! let room = server.on_event(|event| println!("{event}")).start()?;
//! println!("join with: chatclient {}", room.address());
//! room.announce("the deployment has begun");
//! room.shut_down()?;
//! # Ok::<(), chatroom::problem::Problem>(())
//! ```
//!
//! Its threads: The caller's thread accepts (`accept.rs`); each client has a thread to
//! itself (`workers.rs`), and one more thread, the broadcaster, sends to them all.

use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use self::shared::sharing::{self, Sharing};
use crate::problem::Problem;
use crate::state_folder::Environment;
use accept::Acceptor;
#[cfg(not(shuttle))]
use announcer::Announcer;
use broadcaster::Broadcaster;
#[cfg(not(shuttle))]
use hook::Hook;
use hub::Hub;
use keeping::{Kept, Threads};
#[cfg(not(shuttle))]
use listeners::{Callback, Listeners};
use net::tls::identity::{self, Identity};
use reception::Reception;
use secrets::Secrets;
use system::start_thread;
use system::thread::JoinHandle;
use system::{TcpListener, listen};
use waker::Waker;

mod accept;
mod account;
mod addresses;
mod admission;
#[cfg(not(shuttle))]
mod announcer;
mod arrears;
mod audience;
mod batch;
mod broadcaster;
mod bytes;
mod chunk;
mod codes;
mod config;
mod connection;
#[cfg(not(shuttle))]
mod console;
mod controls;
mod entrance;
mod erasure;
mod evicted;
mod fetcher;
mod figures;
mod guesses;
mod headroom;
#[doc(hidden)]
pub mod health;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[doc(hidden)]
pub mod heaps;
#[doc(hidden)]
pub mod history;
#[cfg(not(shuttle))]
mod hook;
mod hub;
mod indexer;
#[cfg(all(test, shuttle))]
mod interleavings;
mod keeper;
mod keeping;
mod kinds;
#[cfg(not(shuttle))]
mod listeners;
mod net;
#[cfg(unix)]
mod open_files;
mod passwords;
mod reader;
mod reception;
mod rendering;
mod replay;
mod room;
#[cfg(not(shuttle))]
mod running;
mod search;
mod secrets;
mod session;
// Nothing of it is reached in a build without shared rooms.
#[cfg_attr(not(feature = "shared"), allow(dead_code, reason = "no log is opened"))]
mod shared;
mod shutdown;
mod startup_log;
mod status;
mod system;
mod token_bucket;
mod transcript;
mod utterance;
mod vital;
mod waker;
#[doc(hidden)]
pub mod words;
mod workers;

pub use crate::protocol::json::{Event, Leaving, What};
pub use crate::protocol::name::Name;
pub use crate::tls::ServerKey;
pub use addresses::reachable;
pub use config::{
    Config, Durability, Encryption, EntranceConfig, HistoryConfig, HistoryFile, HookConfig,
    KeySource, SharedConfig, TlsConfig, Told,
};
#[cfg(not(shuttle))]
#[doc(hidden)]
pub use console::keyboard_commands;
#[doc(hidden)]
pub use controls::Controls;
#[cfg(not(shuttle))]
pub use running::Running;
#[cfg(any(all(test, not(shuttle)), fuzzing))]
pub(crate) use session::fuzzing;
#[cfg(any(all(test, not(shuttle)), fuzzing))]
pub(crate) use shared::fuzzing as log_fuzzing;
pub use shared::url::{BadUrl, SharedUrl, without_password};
pub use shutdown::Shutdown;
pub use status::Status;

/// How long the clients may take to close their side after the last line. The connection of a client that is
/// hung up on while it sends is reset, and the client may lose that line.
const LAST_READS: Duration = Duration::from_millis(100);

/// Listens on the first of the host's addresses that can be listened on.
///
/// # Errors
///
/// The host is unknown, or the system's reason for the last of its addresses.
pub fn bind(host: &str, port: u16) -> Result<TcpListener, Problem> {
    let at = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let unknown = |why| Problem::UnknownHost { host: host.to_owned(), why };
    let addresses = (host, port).to_socket_addrs().map_err(unknown)?;
    let mut failure = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        match listen(address) {
            Ok(listener) => return Ok(listener),
            Err(why) => failure = why,
        }
    }
    Err(Problem::Listen { at, why: failure })
}

/// A server whose room is as its history has it, and that nobody has joined yet.
pub struct Server {
    /// Where clients come from.
    listener: TcpListener,
    /// The address that is listened on.
    at: SocketAddr,
    /// What the server was told.
    config: Config,
    /// The lock around the room.
    hub: Arc<Hub>,
    /// What the room was kept in until now, and is to be kept in.
    history: Option<Kept>,
    /// This server's part in a room that several hold.
    sharing: Option<Sharing>,
    /// What clients that talk encrypted know the server by; `None` if none does.
    identity: Option<Arc<Identity>>,
    /// What sessions check secrets with.
    secrets: Arc<Secrets>,
    /// What ends it.
    shutdown: Shutdown,
    /// Who is told what happens.
    #[cfg(not(shuttle))]
    callbacks: Vec<Callback>,
}

impl Server {
    /// Reads the room's password, if it has one, and the server's key, which it makes if there is none, and then the
    /// room's history; if several servers hold the room, this server's archive of it, and the room out of its log.
    ///
    /// # Errors
    ///
    /// Something in the configuration cannot be; or the password, the key, the certificate or the history was asked for, or is there, and cannot be used. Nothing in it was
    /// changed then.
    pub fn open(listener: TcpListener, config: Config) -> Result<Server, Problem> {
        Server::open_until(listener, config, &Shutdown::new()?)
    }

    /// The same for a server that is to [run](Server::run) until that shutdown, which may come while it waits for the
    /// engine of a room that several servers hold.
    ///
    /// # Errors
    ///
    /// As [`Server::open`].
    pub fn open_until(
        listener: TcpListener,
        config: Config,
        shutdown: &Shutdown,
    ) -> Result<Server, Problem> {
        config.check()?;
        log::info!("chatserver {} begins", env!("CARGO_PKG_VERSION"));
        let at =
            listener.local_addr().map_err(|why| Problem::System("find its own address", why))?;
        if config.announce.is_some() && at.ip().to_canonical().is_loopback() {
            return Err(Problem::NothingToAnnounce(at));
        }
        let secrets = Secrets::open(&config)?;
        // Before the history, which counts as in use from then on.
        let identity = identity_of(&config.tls)?;
        let waker = Waker::new().map_err(|why| Problem::System("make a pipe", why))?;
        let mut history = Kept::open(&config)?;
        // The other servers last, when all that is this server's own is in order.
        let archive = history.as_ref().and_then(Kept::archive_of);
        let opened = match &config.shared {
            None => None,
            Some(shared) => sharing::open(shared, &config, archive, shutdown)?,
        };
        let (config, secrets) = match &opened {
            None => (config, secrets),
            Some(opened) => {
                let config = opened.agreed.settings.configure(&config);
                let secrets = Secrets::open(&config)?;
                (config, secrets)
            }
        };
        let hub = Arc::new(Hub::new(waker, &config));
        let sharing = match (&config.shared, opened) {
            (Some(shared), Some(opened)) => {
                Some(Sharing::begin(opened, shared, &config, &hub, shutdown, &mut history)?)
            }
            (_, _) => None,
        };
        if config.shared.is_some() && sharing.is_none() {
            // The server ends, and nothing is to be kept of a room that it has not joined.
            history = None;
        }
        Ok(Server {
            listener,
            at,
            config,
            hub,
            history,
            sharing,
            identity,
            secrets,
            shutdown: shutdown.clone(),
            #[cfg(not(shuttle))]
            callbacks: Vec::new(),
        })
    }

    /// Has `callback` told what happens in the room: what is said to all, who comes and goes, other names, and notices
    /// to all; never private lines. It is told only what is settled: with a history, what that has.
    ///
    /// Each callback has a thread of its own, and nothing waits for it. One that is more than 256 KiB of lines behind
    /// misses what it has not had, and is told how much ([`What::Missed`]). At the
    /// end of the server it may take a second for what is left; one that takes longer is left behind. An event is shown
    /// as JSON.
    #[cfg(not(shuttle))]
    #[must_use = "it serves with `start` or `run`"]
    pub fn on_event(mut self, callback: impl FnMut(&Event<'_>) + Send + 'static) -> Server {
        self.callbacks.push(Box::new(callback));
        self
    }

    /// The key that clients know the server by; `None` where nobody talks encrypted.
    #[must_use]
    pub fn key(&self) -> Option<ServerKey> {
        self.identity.as_ref().map(|identity| identity.key())
    }

    /// Serves clients until the shutdown. Then everyone is told, what is due is delivered, for a second
    /// at most, all is kept, and every thread has ended.
    ///
    /// # Errors
    ///
    /// The system cannot give what a server needs to begin with; or a bug has ended the thread that
    /// sends or the one that keeps, and with it the room, rather than leave a silent one behind.
    pub fn run(self, shutdown: &Shutdown, status: &Status) -> Result<(), Problem> {
        #[cfg(not(shuttle))]
        let key = self.key();
        let Server {
            listener,
            at,
            config,
            hub,
            history,
            sharing,
            identity,
            secrets,
            shutdown: _,
            #[cfg(not(shuttle))]
            callbacks,
        } = self;
        startup_log::log_addresses(at, &config, history.as_ref());
        #[cfg(unix)]
        startup_log::log_lack_of_files(config.max_clients);
        let kept = history.map(|history| history.start(&hub, &config, shutdown)).transpose()?;
        startup_log::offer_names(&hub);
        startup_log::log_lack_of_way_in(&hub, &config);
        status.is_of(&hub);
        #[cfg(not(shuttle))]
        let (listeners, hook) = (Listeners::start(&hub, callbacks)?, Hook::start(&hub, &config)?);
        let broadcaster = Broadcaster::new(Arc::clone(&hub), config.stall_timeout);
        let reception = Reception::new(Arc::clone(&hub), secrets, &config, identity);
        let acceptor = Acceptor::new(reception, &config);
        #[cfg(not(shuttle))]
        let _until_the_end = announce(&config, at, key);
        let served = serve(listener, acceptor, shutdown, &hub, broadcaster, sharing);
        let ended = served.and(kept.map_or(Ok(()), Threads::join));
        #[cfg(not(shuttle))]
        {
            listeners.into_iter().for_each(Listeners::end);
            hook.into_iter().for_each(Hook::end);
        }
        ended
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("at", &self.at).finish_non_exhaustive()
    }
}

/// Tells this network of the room, if it is asked for.
#[cfg(not(shuttle))]
fn announce(config: &Config, at: SocketAddr, key: Option<ServerKey>) -> Option<Announcer> {
    let tls = match config.tls.encryption {
        Encryption::Optional => "optional",
        Encryption::Required => "required",
        Encryption::Off => "off",
    };
    // A certificate comes with another key when it is renewed.
    let is_own = !matches!(config.tls.key, KeySource::Certificate { .. });
    let name = config.announce.as_ref()?;
    let announcement = announcer::announcement(name, at.port(), tls, key.filter(|_| is_own));
    Announcer::start(announcement, at)
}

/// The key that a server with this configuration is known by. A key that is not there yet is made and kept.
///
/// # Errors
///
/// The key or the certificate cannot be used, or the key cannot be kept, so that the next server has another one.
pub fn key_of(tls: &TlsConfig) -> Result<ServerKey, Problem> {
    identity::key(&tls.key, &Environment::of_process())
}

fn identity_of(tls: &TlsConfig) -> Result<Option<Arc<Identity>>, Problem> {
    match tls.encryption {
        Encryption::Off => Ok(None),
        Encryption::Optional | Encryption::Required => {
            let identity = Identity::open(&tls.key, &Environment::of_process())?;
            Ok(Some(Arc::new(identity)))
        }
    }
}

/// Opens a server and runs it.
///
/// # Errors
///
/// As [`Server::open`] and [`Server::run`].
pub fn run(
    listener: TcpListener,
    config: &Config,
    shutdown: &Shutdown,
    status: &Status,
) -> Result<(), Problem> {
    Server::open_until(listener, config.clone(), shutdown)?.run(shutdown, status)
}

fn serve(
    listener: TcpListener,
    mut acceptor: Acceptor,
    shutdown: &Shutdown,
    hub: &Arc<Hub>,
    broadcaster: Broadcaster,
    sharing: Option<Sharing>,
) -> Result<(), Problem> {
    let broadcaster = start(broadcaster, shutdown)?;
    acceptor.run(&listener, shutdown);
    drop(listener);
    log::info!("shutting down");
    sharing.iter().for_each(Sharing::take_leave);
    hub.close();
    let sent = broadcaster.join();
    hub.await_empty(LAST_READS);
    acceptor.close();
    let shared = sharing.map_or(Ok(()), Sharing::end);
    sent.map_err(|_panic| Problem::Bug).and(shared)
}

fn start(broadcaster: Broadcaster, shutdown: &Shutdown) -> Result<JoinHandle<()>, Problem> {
    /// Ends the server together with this thread, however that ends.
    struct EndsAll(Shutdown);
    impl Drop for EndsAll {
        fn drop(&mut self) {
            self.0.begin();
        }
    }
    let ends_all = EndsAll(shutdown.clone());
    let broadcast = move || {
        let _ends_all = ends_all;
        broadcaster.run();
    };
    start_thread("broadcaster", broadcast)
}

#[cfg(all(test, not(shuttle)))]
mod tests;
