//! A wire between two programs, which a test cuts, blocks, freezes, leads elsewhere, or tampers with.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

/// What becomes of a line on its way to whoever has connected.
pub type Tamper = Box<dyn FnMut(&str) -> Vec<String> + Send>;

/// A wire to another program, at a port of its own, for as long as the tests run.
pub struct Forwarder {
    /// Where one connects to it.
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// Notified when it is not frozen any more.
    thawed: Condvar,
    /// Done to each line from the target; without it, bytes pass as they come.
    tamper: Mutex<Option<Tamper>>,
}

struct State {
    /// Where it leads.
    target: SocketAddr,
    /// Whether new connections end at once.
    is_blocked: bool,
    /// Whether nothing passes, and no connection ends.
    is_frozen: bool,
    /// Both ends of all connections.
    streams: Vec<TcpStream>,
}

impl Forwarder {
    /// Leads to that address.
    pub fn start(target: SocketAddr) -> Forwarder {
        Forwarder::open(target, None)
    }

    /// The same, where something is done to what the target says.
    pub fn tampering(target: SocketAddr, tamper: Tamper) -> Forwarder {
        Forwarder::open(target, Some(tamper))
    }

    fn open(target: SocketAddr, tamper: Option<Tamper>) -> Forwarder {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let streams = Vec::new();
        let state = State { target, is_blocked: false, is_frozen: false, streams };
        let (state, tamper) = (Mutex::new(state), Mutex::new(tamper));
        let shared = Arc::new(Shared { state, thawed: Condvar::new(), tamper });
        let ours = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().filter_map(Result::ok) {
                let ours = Arc::clone(&ours);
                thread::spawn(move || ours.pass(&client));
            }
        });
        Forwarder { address, shared }
    }

    /// Ends all connections.
    pub fn cut(&self) {
        self.shared.state.lock().unwrap().cut();
    }

    /// Ends all connections, and new ones at once, or has them pass again.
    pub fn block(&self, is_blocked: bool) {
        let mut state = self.shared.state.lock().unwrap();
        state.is_blocked = is_blocked;
        state.cut();
    }

    /// Has nothing pass, as a network that loses everything, or has all of it pass on.
    pub fn freeze(&self, is_frozen: bool) {
        self.shared.state.lock().unwrap().is_frozen = is_frozen;
        self.shared.thawed.notify_all();
    }

    /// Leads elsewhere whoever connects from now on.
    pub fn lead_others_to(&self, target: SocketAddr) {
        self.shared.state.lock().unwrap().target = target;
    }

    /// Leads elsewhere; what led to where it did ends.
    pub fn lead_to(&self, target: SocketAddr) {
        let mut state = self.shared.state.lock().unwrap();
        state.target = target;
        state.cut();
    }
}

impl State {
    fn cut(&mut self) {
        for stream in self.streams.drain(..) {
            stream.shutdown(Shutdown::Both).ok();
        }
    }
}

impl Shared {
    fn pass(&self, client: &TcpStream) -> Option<()> {
        self.wait_until_thawed();
        let target = self.target()?;
        let server = TcpStream::connect(target).ok()?;
        for stream in [client, &server] {
            stream.set_nodelay(true).ok()?;
        }
        let ends = [client.try_clone().ok()?, server.try_clone().ok()?];
        {
            let mut state = self.state.lock().unwrap();
            if state.is_blocked || state.target != target {
                return None;
            }
            state.streams.retain(|stream| stream.peer_addr().is_ok());
            state.streams.extend(ends);
        }
        thread::scope(|scope| {
            scope.spawn(|| self.copy(client, &server));
            let tamper = self.tamper.lock().unwrap().take();
            match tamper {
                Some(tamper) => {
                    let tamper = Shared::copy_lines(tamper, &server, client);
                    *self.tamper.lock().unwrap() = Some(tamper);
                }
                None => self.copy(&server, client),
            }
        });
        Some(())
    }

    fn target(&self) -> Option<SocketAddr> {
        let state = self.state.lock().unwrap();
        (!state.is_blocked).then_some(state.target)
    }

    fn wait_until_thawed(&self) {
        let state = self.state.lock().unwrap();
        drop(self.thawed.wait_while(state, |state| state.is_frozen).unwrap());
    }

    fn copy(&self, mut from: &TcpStream, mut to: &TcpStream) {
        let mut bytes = vec![0; 64 * 1024];
        loop {
            match from.read(&mut bytes) {
                Ok(0) => break,
                Ok(length) => {
                    self.wait_until_thawed();
                    if to.write_all(&bytes[..length]).is_err() {
                        break;
                    }
                }
                Err(why) if why.kind() == ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        self.wait_until_thawed();
        from.shutdown(Shutdown::Both).ok();
        to.shutdown(Shutdown::Both).ok();
    }

    /// Copies whole lines, with something done to each; gives back what does it.
    fn copy_lines(mut tamper: Tamper, mut from: &TcpStream, mut to: &TcpStream) -> Tamper {
        let (mut bytes, mut partial) = (vec![0; 64 * 1024], Vec::new());
        while let Ok(length @ 1..) = super::read(&mut from, &mut bytes) {
            partial.extend_from_slice(&bytes[..length]);
            let whole = partial.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
            let lines: Vec<u8> = partial.drain(..whole).collect();
            let text = String::from_utf8(lines).expect("lines are UTF-8");
            let text: String = text.lines().flat_map(&mut tamper).map(|line| line + "\n").collect();
            if to.write_all(text.as_bytes()).is_err() {
                break;
            }
        }
        from.shutdown(Shutdown::Both).ok();
        to.shutdown(Shutdown::Both).ok();
        tamper
    }
}
