//! Binds, accepts, shuts down. The caller's thread accepts; each client has a thread of its own,
//! and one more sends to them all.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use rustix::event::PollFlags;

use crate::problem::Problem;
use crate::protocol::reply;
use broadcaster::Broadcaster;
use connection::{Connection, ConnectionId, Verdict};
use kinds::TURNED_AWAY;
#[cfg(unix)]
use open_files::TooFew;
use room::Room;
use seat::Seat;
use session::{Limits, Session};
use system::thread::{self, JoinHandle};
use system::{PollFd, TcpListener, listen, poll};
use waker::Waker;

mod account;
mod addresses;
mod admission;
mod allowance;
mod arrears;
mod away;
mod batch;
mod broadcaster;
mod connection;
mod figures;
#[cfg(all(test, shuttle))]
mod hand_over;
pub mod health;
mod index;
mod kinds;
mod member;
#[cfg(unix)]
mod open_files;
mod outline;
mod presence;
mod reader;
mod recall;
mod rendering;
mod room;
mod seat;
mod session;
mod socket;
mod system;
mod traffic;
mod transcript;
mod waiting_lines;
mod waker;

pub use addresses::reachable;
#[cfg(any(all(test, not(shuttle)), fuzzing))]
pub(crate) use session::fuzzing;

/// A session's stack: what it keeps there is small, its buffers are on the heap.
const STACK: usize = 256 * 1024;

/// How long to wait when the system has no more sockets or threads, which others may give back.
const BACK_OFF: Duration = Duration::from_millis(100);

/// How long the clients may take, after the last line, to close their side. One that is hung up on
/// while it sends is reset, and may lose that line.
const LAST_READS: Duration = Duration::from_millis(100);

/// What a server may be told.
#[derive(Debug, Clone)]
pub struct Config {
    /// The most clients at a time.
    pub max_clients: usize,
    /// The most clients at a time from one address, or from one IPv6 network of 64 bits unless that is
    /// a LAN's; 0 is no limit.
    pub max_per_address: usize,
    /// From where connections come by way of a proxy that says whose they are.
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
}

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

/// Asks a server to end. Clones ask the same one.
#[derive(Debug, Clone)]
pub struct Shutdown(Arc<Request>);

#[derive(Debug)]
struct Request {
    made: AtomicBool,
    /// Wakes the thread that accepts.
    waker: Waker,
}

impl Shutdown {
    /// A shutdown that nobody has asked for.
    ///
    /// # Errors
    ///
    /// The system has no pipe to spare.
    pub fn new() -> Result<Shutdown, Problem> {
        let waker = Waker::new().map_err(|why| Problem::System("make a pipe", why))?;
        Ok(Shutdown(Arc::new(Request { made: AtomicBool::new(false), waker })))
    }

    /// Asks for it; true if nobody has before.
    pub fn begin(&self) -> bool {
        let first = !self.0.made.swap(true, Ordering::SeqCst);
        self.0.waker.wake();
        first
    }

    fn has_begun(&self) -> bool {
        self.0.made.load(Ordering::SeqCst)
    }
}

/// Tells what a running server does. Clones tell it of the same one.
#[derive(Debug, Clone, Default)]
pub struct Status(Arc<OnceLock<Weak<Room>>>);

impl Status {
    /// Logs how many are in the room, how much is said, what it remembers, and who is held back.
    pub fn log(&self) {
        let Some(room) = self.0.get().and_then(Weak::upgrade) else { return };
        log::info!("{}", room.figures());
    }

    fn is_of(&self, room: &Arc<Room>) {
        self.0.get_or_init(|| Arc::downgrade(room));
    }
}

/// Serves clients until the shutdown. Then everyone is told, what is due is delivered, for a second
/// at most, and every thread has ended.
///
/// # Errors
///
/// The system cannot give what a server needs to begin with; or a bug has ended the thread that
/// sends, and with it the room, rather than leave a silent one behind.
pub fn run(
    listener: TcpListener,
    config: &Config,
    shutdown: &Shutdown,
    status: &Status,
) -> Result<(), Problem> {
    log::info!("chatserver {} begins", env!("CARGO_PKG_VERSION"));
    let at = listener.local_addr().map_err(|why| Problem::System("find its own address", why))?;
    log_addresses(at);
    #[cfg(unix)]
    log_lack_of_files(config.max_clients);
    let waker = Waker::new().map_err(|why| Problem::System("make a pipe", why))?;
    let room = Arc::new(Room::new(waker, config));
    status.is_of(&room);
    let broadcaster = Broadcaster::new(Arc::clone(&room), config.stall_timeout);
    serve(listener, config, shutdown, &room, broadcaster)
}

fn log_addresses(at: SocketAddr) {
    log::info!("listening on {at}");
    for address in reachable(at) {
        log::info!("others join with: chatclient {address} {}", at.port());
    }
    if at.ip().is_unspecified() {
        log::warn!(
            "everyone who can reach this machine can join, read and write: there are no passwords \
             and no encryption"
        );
    }
}

#[cfg(unix)]
fn log_lack_of_files(max_clients: usize) {
    if let Some(TooFew { clients, files }) = open_files::make_room(max_clients) {
        log::warn!(
            "about {clients} of {max_clients} clients fit: the system lets this process have {files} \
             files open (ulimit -n)"
        );
    }
}

fn serve(
    listener: TcpListener,
    config: &Config,
    shutdown: &Shutdown,
    room: &Arc<Room>,
    broadcaster: Broadcaster,
) -> Result<(), Problem> {
    let broadcaster = start(broadcaster, shutdown)?;
    let mut door = Door {
        room: Arc::clone(room),
        max_clients: config.max_clients,
        proxies: config.proxies.iter().map(IpAddr::to_canonical).collect(),
        limits: Limits { line: config.max_line, rate: config.rate_limit },
        patience: config.stall_timeout,
        sessions: Vec::new(),
        accepted: 0,
        waiting: None,
        in_trouble: false,
    };
    while !shutdown.has_begun() {
        door.wait(&listener, shutdown);
        door.admit_all(&listener);
    }
    drop(listener);
    log::info!("shutting down");
    room.close();
    let sent = broadcaster.join();
    room.await_empty(LAST_READS);
    door.close();
    sent.map_err(|_panic| Problem::Bug)
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
    thread::Builder::new()
        .name("broadcaster".to_owned())
        .spawn(broadcast)
        .map_err(|why| Problem::System("start a thread", why))
}

/// Where clients come in. It owns their threads.
struct Door {
    room: Arc<Room>,
    max_clients: usize,
    /// From where connections come by way of a proxy.
    proxies: Vec<IpAddr>,
    limits: Limits,
    /// How long a client may take nothing of what it is due.
    patience: Duration,
    /// Weak, so that a client that is gone takes none of the system's sockets.
    sessions: Vec<(Weak<Connection>, JoinHandle<()>)>,
    /// How many connections there have been.
    accepted: u64,
    /// Accepted, and without a thread: it is tried again before anyone else.
    waiting: Option<Arc<Connection>>,
    /// The last client could not be taken in. It is told when that begins and when it ends.
    in_trouble: bool,
}

impl Door {
    fn wait(&self, listener: &TcpListener, shutdown: &Shutdown) {
        if self.waiting.is_none() {
            let mut polled = [PollFd::new(listener, PollFlags::IN), shutdown.0.waker.as_poll()];
            poll(&mut polled, None).ok();
        }
    }

    fn admit_all(&mut self, listener: &TcpListener) {
        self.sessions.retain(|(_, thread)| !thread.is_finished());
        loop {
            let admitted = match self.next(listener) {
                Ok(Some(connection)) => self.admit(connection),
                Ok(None) => return,
                Err(why) => Err(why),
            };
            self.tell_of_trouble(admitted.as_ref().err());
            if admitted.is_err() {
                thread::sleep(BACK_OFF);
                return;
            }
        }
    }

    /// The next client, if there is one.
    fn next(&mut self, listener: &TcpListener) -> io::Result<Option<Arc<Connection>>> {
        if let Some(waiting) = self.waiting.take() {
            return Ok(Some(waiting));
        }
        loop {
            let (stream, peer) = match listener.accept() {
                Ok(accepted) => accepted,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(e) if is_of_the_client(&e) => continue,
                Err(e) => return Err(e),
            };
            self.accepted += 1;
            let id = ConnectionId(self.accepted);
            match Connection::new(id, stream, peer, self.patience) {
                Ok(connection) => return Ok(Some(Arc::new(connection))),
                // Gone already, most likely: then a socket takes no options.
                Err(why) => log::debug!(target: TURNED_AWAY, "{peer} was not let in: {why}"),
            }
        }
    }

    fn tell_of_trouble(&mut self, why: Option<&io::Error>) {
        match why {
            Some(why) if !self.in_trouble => {
                log::warn!("cannot take clients in: {why}; trying until it works again");
            }
            None if self.in_trouble => log::info!("clients can be taken in again"),
            _ => {}
        }
        self.in_trouble = why.is_some();
    }

    fn admit(&mut self, connection: Arc<Connection>) -> io::Result<()> {
        let peer = connection.peer();
        let seat = if self.proxies.contains(&peer.ip()) {
            Seat::take_for_proxy(&self.room)
        } else {
            Seat::take(&self.room, peer.ip())
        };
        if let Err(refusal) = &seat {
            let why = refusal.to_string();
            log::warn!(target: TURNED_AWAY, "{peer} was refused: {}", reply::words(&why));
            connection.tell(refusal);
            connection.finish();
            if self.sessions.len() >= 2 * self.max_clients {
                return Ok(());
            }
        }
        // Who was refused has been told so, and waits for nothing.
        let waiting = seat.is_ok().then(|| Arc::clone(&connection));
        let room = Arc::clone(&self.room);
        let (limits, weak) = (self.limits, Arc::downgrade(&connection));
        let thread = thread::Builder::new().stack_size(STACK).spawn(move || match seat {
            Ok(seat) => catch(|| Box::new(Session::new(connection, room, seat, limits)).run()),
            Err(_) => session::linger(&connection),
        });
        let thread = thread.inspect_err(|_| self.waiting = waiting)?;
        self.sessions.push((weak, thread));
        Ok(())
    }

    fn close(self) {
        for connection in self.sessions.iter().filter_map(|(weak, _)| weak.upgrade()) {
            connection.hang_up(Verdict::ShuttingDown);
        }
        for (_, thread) in self.sessions {
            thread.join().ok();
        }
    }
}

/// Whether accepting has failed for this one client, which is gone, and the next may be let in at once.
/// Windows tells of a connection that was reset, wine of none at all, and Linux of its network too
/// (accept(2)).
fn is_of_the_client(why: &io::Error) -> bool {
    use io::ErrorKind::{
        ConnectionAborted, ConnectionReset, HostUnreachable, NetworkDown, NetworkUnreachable,
        NotConnected,
    };
    matches!(
        why.kind(),
        ConnectionAborted
            | ConnectionReset
            | NotConnected
            | HostUnreachable
            | NetworkUnreachable
            | NetworkDown
    )
}

/// A session that panics takes its own client with it, never the room.
fn catch(session: impl FnOnce()) {
    if std::panic::catch_unwind(AssertUnwindSafe(session)).is_err() {
        log::error!("a session ended with an internal error, which is a bug; its client is gone");
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::io::{BufRead, BufReader, Lines, Write};
    use std::net::{SocketAddr, TcpStream};
    use std::sync::{Mutex, PoisonError};
    use std::time::Instant;

    use super::*;

    /// What has been logged by all tests.
    static LOGGED: Mutex<Vec<String>> = Mutex::new(Vec::new());

    struct Logger;

    impl log::Log for Logger {
        fn enabled(&self, _: &log::Metadata<'_>) -> bool {
            true
        }

        fn log(&self, record: &log::Record<'_>) {
            let mut logged = LOGGED.lock().unwrap_or_else(PoisonError::into_inner);
            logged.push(record.args().to_string());
        }

        fn flush(&self) {}
    }

    const CONFIG: Config = Config {
        max_clients: 100,
        max_per_address: 0,
        proxies: Vec::new(),
        max_line: 4096,
        rate_limit: 0,
        replay: 0,
        memory: 1 << 20,
        stall_timeout: Duration::from_secs(30),
        away_timeout: Duration::from_secs(30),
    };

    /// A server in this process.
    struct Served {
        address: SocketAddr,
        shutdown: Shutdown,
        thread: JoinHandle<Result<(), Problem>>,
    }

    impl Served {
        /// Starts one, whose broadcaster is made such by `prepare`.
        fn start(prepare: impl FnOnce(&mut Broadcaster)) -> Served {
            let listener = bind("127.0.0.1", 0).expect("a free port");
            let address = listener.local_addr().expect("it is bound");
            let shutdown = Shutdown::new().expect("a pipe");
            let room = Arc::new(Room::new(Waker::new().expect("a pipe"), &CONFIG));
            let mut broadcaster = Broadcaster::new(Arc::clone(&room), CONFIG.stall_timeout);
            prepare(&mut broadcaster);
            let ours = shutdown.clone();
            let thread = thread::spawn(move || serve(listener, &CONFIG, &ours, &room, broadcaster));
            Served { address, shutdown, thread }
        }

        /// One that is in the room.
        fn join(&self, name: &str) -> Client {
            let mut stream = TcpStream::connect(self.address).expect("it listens");
            stream.set_read_timeout(Some(Duration::from_secs(20))).expect("not zero");
            writeln!(stream, "/nick {name}").expect("it takes that");
            let lines = BufReader::new(stream.try_clone().expect("a second handle")).lines();
            let mut client = Client { stream, lines };
            assert!(client.hears(&format!("-- you are {name}, ")));
            client
        }
    }

    struct Client {
        stream: TcpStream,
        lines: Lines<BufReader<TcpStream>>,
    }

    impl Client {
        fn say(&mut self, line: &str) {
            writeln!(self.stream, "{line}").expect("the server takes it");
        }

        /// Whether a line comes that begins so.
        fn hears(&mut self, beginning: &str) -> bool {
            self.lines.by_ref().map_while(Result::ok).any(|line| line.starts_with(beginning))
        }
    }

    #[test]
    fn a_session_that_panics_takes_its_own_client_along_and_no_one_else() {
        log::set_logger(&Logger).map(|()| log::set_max_level(log::LevelFilter::Info)).ok();
        let served = Served::start(|_| {});
        let (mut alice, mut bob) = (served.join("alice"), served.join("bob"));
        for (name, trouble) in [("carol", session::PANIC), ("dave", session::PANIC_LOCKED)] {
            let mut unlucky = served.join(name);
            unlucky.say(trouble);
            assert!(alice.hears(&format!("-- {name} left (connection lost)")));
            assert!(!unlucky.hears("<"), "its connection ends");
            alice.say("still here");
            assert!(bob.hears("<alice> still here"));
        }
        alice.say("/nick alicia");
        alice.say("/msg bob psst");
        assert!(bob.hears("[alicia -> you] psst"));
        served.join("eve");
        assert!(alice.hears("-- eve joined"));
        served.shutdown.begin();
        assert!(alice.hears("-- the server is shutting down"));
        assert!(matches!(served.thread.join(), Ok(Ok(()))));
        let logged = LOGGED.lock().unwrap_or_else(PoisonError::into_inner);
        let bugs = logged.iter().filter(|line| line.contains("internal error, which is a bug"));
        assert_eq!(bugs.count(), 2, "{logged:#?}");
    }

    #[test]
    fn a_broadcaster_that_panics_ends_the_server_rather_than_leave_a_silent_room() {
        let served = Served::start(Broadcaster::break_down_at_the_first_reader);
        let mut alice = TcpStream::connect(served.address).expect("it listens");
        writeln!(alice, "/nick alice").expect("it takes that");
        let deadline = Instant::now() + Duration::from_secs(20);
        while !served.thread.is_finished() {
            assert!(Instant::now() < deadline, "a silent room is left");
            thread::sleep(Duration::from_millis(5));
        }
        assert!(matches!(served.thread.join(), Ok(Err(Problem::Bug))));
        let mut lines = BufReader::new(alice).lines().map_while(Result::ok);
        assert_eq!(
            lines.by_ref().last().as_deref(),
            Some("-- chatroom 1: welcome (/help for the commands)")
        );
    }
}
