//! A network that breaks: it passes bytes on between clients and a server, and cuts connections.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

/// Within so many bytes a client has been told its name and its token, and within so many over TLS.
const GREETING: u64 = 400;
const GREETING_OVER_TLS: u64 = 2000;

/// A proxy on a free port, for as long as the test runs.
pub struct Proxy {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    server: SocketAddr,
    cuts: AtomicUsize,
    /// Whether it still cuts.
    cutting: AtomicBool,
}

/// How much passes each way before the connection is cut: the same for the same seed.
#[derive(Clone, Copy)]
pub struct Budget(u64);

impl Budget {
    pub fn new(seed: u64) -> Budget {
        Budget(seed)
    }

    /// A number below `end`, and then another one.
    pub fn next(&mut self, end: u64) -> u64 {
        // Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

impl Proxy {
    /// Passes on to `server`. Each connection is cut after so many bytes either way, `most` at most;
    /// the first one only when the client has been told its token.
    pub fn start(server: SocketAddr, budget: Budget, most: u64) -> Proxy {
        Proxy::start_after(server, budget, most, GREETING)
    }

    /// The same for a client over TLS.
    pub fn start_for_tls(server: SocketAddr, budget: Budget, most: u64) -> Proxy {
        Proxy::start_after(server, budget, most, GREETING_OVER_TLS)
    }

    fn start_after(server: SocketAddr, mut budget: Budget, most: u64, greeting: u64) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let cutting = AtomicBool::new(true);
        let shared = Arc::new(Shared { server, cuts: AtomicUsize::new(0), cutting });
        let ours = Arc::clone(&shared);
        thread::spawn(move || {
            // One that is gone already is an error on some systems.
            for (number, client) in listener.incoming().filter_map(Result::ok).enumerate() {
                let limits = [budget.next(most), budget.next(most)];
                let limits = if number == 0 { [u64::MAX, greeting] } else { limits };
                let reset = budget.next(2) == 0;
                ours.pass(client, limits, reset);
            }
        });
        Proxy { address, shared }
    }

    /// How many connections it has cut.
    pub fn cuts(&self) -> usize {
        self.shared.cuts.load(Ordering::Relaxed)
    }

    /// From now on the network is good.
    pub fn stop_cutting(&self) {
        self.shared.cutting.store(false, Ordering::Relaxed);
    }
}

impl Shared {
    fn pass(self: &Arc<Shared>, client: TcpStream, [up, down]: [u64; 2], reset: bool) {
        let Ok(server) = TcpStream::connect(self.server) else { return };
        // One that is gone already has no such option on some systems.
        if [&client, &server].iter().any(|stream| stream.set_nodelay(true).is_err()) {
            return;
        }
        let handles = (client.try_clone(), server.try_clone());
        let (Ok(client2), Ok(server2)) = handles else { return };
        let (ours, theirs) = (Arc::clone(self), Arc::clone(self));
        thread::spawn(move || ours.copy(&client, &server, up, reset));
        thread::spawn(move || theirs.copy(&server2, &client2, down, reset));
    }

    /// Copies until the end, or until it is time to cut both ways.
    fn copy(&self, mut from: &TcpStream, mut to: &TcpStream, limit: u64, reset: bool) {
        let mut bytes = [0; 16 * 1024];
        let mut left = limit;
        loop {
            let length = match from.read(&mut bytes) {
                Ok(0) | Err(_) => break,
                Ok(length) => length,
            };
            let cuts = left < length as u64 && self.cutting.load(Ordering::Relaxed);
            let passed = if cuts { left as usize } else { length };
            left = left.saturating_sub(length as u64);
            match to.write_all(&bytes[..passed]) {
                Err(why) if why.kind() != ErrorKind::Interrupted => break,
                Ok(()) | Err(_) => {}
            }
            if cuts {
                self.cuts.fetch_add(1, Ordering::Relaxed);
                if reset {
                    // What is on the way is lost with it.
                    let linger = Some(std::time::Duration::ZERO);
                    socket2::SockRef::from(from).set_linger(linger).ok();
                    socket2::SockRef::from(to).set_linger(linger).ok();
                }
                break;
            }
        }
        from.shutdown(Shutdown::Both).ok();
        to.shutdown(Shutdown::Both).ok();
    }
}
