//! From a host's name to a connection: its addresses are tried one after the other, each a moment after
//! the one before, until one answers ("Happy Eyeballs", RFC 8305). So one that swallows what is sent to
//! it holds nobody up.

use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// How long an address may take before the next one is tried beside it (RFC 8305, 5).
const NEXT: Duration = Duration::from_millis(250);

/// How long an address may take at all.
const CONNECT_WAIT: Duration = Duration::from_secs(10);

/// After how long without an answer whoever waits is told.
const SLOW: Duration = Duration::from_millis(500);

/// Why there is no connection.
#[derive(Debug)]
pub(super) enum NoAnswer {
    /// The host's name leads nowhere.
    UnknownHost(io::Error),
    /// None of its addresses answers; this is what became of the last one.
    Unreachable(io::Error),
}

/// A connection, and where it could have led.
#[derive(Debug)]
pub(super) struct Dialed {
    /// The connection.
    pub(super) stream: TcpStream,
    /// All of the host's addresses.
    pub(super) addresses: Vec<SocketAddr>,
}

/// What the threads have found, which wait in our place.
enum Found {
    /// The addresses of the host.
    Addresses(io::Result<Vec<SocketAddr>>),
    /// A connection to one of them, or why there is none.
    Answer(io::Result<TcpStream>),
}

/// Connects to the first of the host's addresses that answers, within that time if there is a limit besides that of
/// each address. `on_slow` is called if it takes a while, with the address that is being tried, if one is known.
pub(super) fn dial(
    host: &str,
    port: u16,
    within: Option<Duration>,
    on_slow: impl FnOnce(Option<SocketAddr>),
) -> Result<Dialed, NoAnswer> {
    let place = (host.to_owned(), port);
    dial_any(move || place.to_socket_addrs().map(Iterator::collect), within, on_slow)
}

/// The same with the addresses that `resolve` finds.
fn dial_any(
    resolve: impl FnOnce() -> io::Result<Vec<SocketAddr>> + Send + 'static,
    within: Option<Duration>,
    on_slow: impl FnOnce(Option<SocketAddr>),
) -> Result<Dialed, NoAnswer> {
    let (sender, found) = mpsc::channel();
    begin(&sender, move || Found::Addresses(resolve())).map_err(NoAnswer::UnknownHost)?;
    let begun = Instant::now();
    let deadline = within.map(|within| begun + within);
    let mut on_slow = Some(on_slow);
    let mut attempts = Attempts { sender, waiting: VecDeque::new(), open: 0, last: None };
    let (mut next, mut all) = (None, Vec::new());
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    loop {
        let slow = on_slow.is_some().then_some(begun + SLOW);
        let now = Instant::now();
        let until = [next, slow, deadline].into_iter().flatten().min();
        let until = until.map(|until| until.saturating_duration_since(now));
        let news = match until {
            Some(wait) => found.recv_timeout(wait),
            None => found.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match news {
            Ok(Found::Answer(Ok(stream))) => return Ok(Dialed { stream, addresses: all }),
            Ok(Found::Answer(Err(why))) => {
                (failure, next) = (why, Some(Instant::now()));
                attempts.open -= 1;
            }
            Ok(Found::Addresses(addresses)) => {
                all = addresses.map_err(NoAnswer::UnknownHost)?;
                attempts.waiting = by_turns(all.clone());
                next = Some(Instant::now());
            }
            Err(_) => {}
        }
        let now = Instant::now();
        if deadline.is_some_and(|deadline| deadline <= now) {
            return Err(NoAnswer::Unreachable(io::ErrorKind::TimedOut.into()));
        }
        if next.is_some_and(|next| next <= now) {
            next = attempts.begin_next().map_err(NoAnswer::Unreachable)?.then_some(now + NEXT);
            if attempts.open == 0 {
                return Err(NoAnswer::Unreachable(failure));
            }
        }
        if now >= begun + SLOW
            && let Some(on_slow) = on_slow.take()
        {
            on_slow(attempts.last);
        }
    }
}

/// The attempts to connect. One that comes too late hangs up by itself.
struct Attempts {
    /// Where each attempt says what came of it.
    sender: Sender<Found>,
    /// What has not been tried.
    waiting: VecDeque<SocketAddr>,
    /// How many have not ended.
    open: usize,
    /// What was tried last.
    last: Option<SocketAddr>,
}

impl Attempts {
    /// Tries the next address; false if there is none.
    fn begin_next(&mut self) -> io::Result<bool> {
        let Some(address) = self.waiting.pop_front() else { return Ok(false) };
        let connect = move || Found::Answer(TcpStream::connect_timeout(&address, CONNECT_WAIT));
        begin(&self.sender, connect)?;
        (self.last, self.open) = (Some(address), self.open + 1);
        Ok(true)
    }
}

/// Has something found by a thread of its own.
fn begin(sender: &Sender<Found>, find: impl FnOnce() -> Found + Send + 'static) -> io::Result<()> {
    let sender = sender.clone();
    // Nobody may wait for it any more.
    let find = move || drop(sender.send(find()));
    thread::Builder::new().name("dial".to_owned()).spawn(find).map(drop)
}

/// The addresses, in turns of the first one's family and the other, as one of them may lead nowhere here
/// (RFC 8305, 4).
fn by_turns(addresses: Vec<SocketAddr>) -> VecDeque<SocketAddr> {
    let first = addresses.first().is_some_and(SocketAddr::is_ipv4);
    let (mut one, mut other): (VecDeque<_>, VecDeque<_>) =
        addresses.into_iter().partition(|address| address.is_ipv4() == first);
    let mut turns = VecDeque::new();
    while let Some(address) = one.pop_front() {
        turns.push_back(address);
        turns.extend(other.pop_front());
    }
    turns.extend(other);
    turns
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn addresses_are_tried_in_turns_of_their_families() {
        let address = |text: &str| text.parse::<SocketAddr>().expect("an address");
        let [a, b, c, d] = ["[::1]:1", "[::2]:1", "[::3]:1", "127.0.0.1:1"].map(address);
        assert_eq!(by_turns(vec![a, b, c, d]), [a, d, b, c]);
        assert_eq!(by_turns(vec![d, a, b, c]), [d, a, b, c]);
        assert_eq!(by_turns(vec![]), []);
    }

    /// A place where nobody answers, for as long as all of it is kept: so many connections wait already
    /// to be accepted that Linux says nothing to another one.
    #[cfg(target_os = "linux")]
    fn silent() -> (SocketAddr, Vec<socket2::Socket>) {
        let socket = || {
            let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
            socket.expect("there are sockets")
        };
        let listener = socket();
        listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a free port");
        listener.listen(0).expect("it is bound");
        let address = listener.local_addr().expect("it is bound");
        let mut kept = vec![listener];
        for _ in 0..4 {
            let waiting = socket();
            waiting.set_nonblocking(true).expect("it is open");
            waiting.connect(&address).ok();
            kept.push(waiting);
        }
        (address.as_socket().expect("it is one of IPv4"), kept)
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn an_address_that_is_silent_holds_nobody_up_and_is_told() {
        let (silent, _kept) = silent();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let there = listener.local_addr().expect("it is bound");
        let stream = dial_any(
            move || Ok(vec![silent, silent, there]),
            None,
            |tried| {
                assert!(tried == Some(silent) || tried == Some(there), "{tried:?}");
            },
        );
        let Dialed { stream, addresses } = stream.expect("one of them answers");
        assert_eq!(addresses, [silent, silent, there]);
        assert_eq!(stream.peer_addr().expect("it is open"), there);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_host_that_is_silent_is_given_up_when_its_time_is_over() {
        let (silent, _kept) = silent();
        let (ip, port) = (silent.ip().to_string(), silent.port());
        let failed = dial(&ip, port, Some(Duration::from_millis(50)), |_| ());
        let Err(NoAnswer::Unreachable(why)) = failed else { panic!("{failed:?}") };
        assert_eq!(why.kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn whoever_waits_for_a_name_is_told_that_no_address_is_known() {
        let mut told = None;
        let (known, resolve) = mpsc::channel::<()>();
        let resolve = move || {
            resolve.recv().ok();
            Ok(vec![])
        };
        let failed = dial_any(resolve, None, |tried| {
            told = Some(tried);
            drop(known);
        });
        assert!(matches!(failed, Err(NoAnswer::Unreachable(_))), "{failed:?}");
        assert_eq!(told, Some(None));
    }

    #[test]
    fn who_answers_is_connected_with_and_who_refuses_is_told() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let never = |_| panic!("it is not slow");
        let Dialed { stream, .. } = dial("127.0.0.1", port, None, never).expect("it listens");
        assert_eq!(stream.peer_addr().expect("it is open").port(), port);
        drop(listener);
        let refused = dial("127.0.0.1", port, None, never).map(|_| ());
        assert!(matches!(refused, Err(NoAnswer::Unreachable(_))), "{refused:?}");
        let unknown = "x".repeat(64) + ".invalid";
        let unknown = dial(&unknown, port, None, |_| ()).map(|_| ());
        assert!(matches!(unknown, Err(NoAnswer::UnknownHost(_))), "{unknown:?}");
    }
}
