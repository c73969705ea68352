//! What ends with a thread that panics, and what goes on.

use std::io::{BufRead, BufReader, Lines, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Mutex, PoisonError};
use std::thread;
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

fn config() -> Config {
    Config { rate_limit: 0, replay: 0, memory: 1 << 20, ..Config::default() }
}

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
        let hub = Arc::new(Hub::new(Waker::new().expect("a pipe"), &config()));
        let mut broadcaster = Broadcaster::new(Arc::clone(&hub), config().stall_timeout);
        prepare(&mut broadcaster);
        let ours = shutdown.clone();
        let secrets = Secrets::open(&config()).expect("everybody may come in");
        let reception = Reception::new(Arc::clone(&hub), secrets, &config(), None);
        let acceptor = Acceptor::new(reception, &config());
        let thread =
            thread::spawn(move || serve(listener, acceptor, &ours, &hub, broadcaster, None));
        Served { address, shutdown, thread }
    }

    /// One that is in the hub.
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
