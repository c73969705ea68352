//! Several doors to one server: each looks like one of several servers that hold a room together, since a session that
//! began at one door goes on at another. A door can be shut, stopped, full, or away from the room.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use super::peer::{BANNER, now};
use super::read_in_time;

/// What a full room says: in place of the banner, and behind it.
const FULL: &str = "!! the room is full (100 clients)\n";
const FULL_INSIDE: &str = "!! the room is full (20000 members)\n";

/// What a server says that does not reach its room: to members, and to whoever waits to join.
const AWAY: &str = "-- the room is away: what you say is kept until it is back\n";
const AWAY_AT_DOOR: &str = "-- the room is away: you come in when it is back\n";
const BACK: &str = "-- the room is back\n";

/// How a door is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// It passes on what is said.
    Open,
    /// It takes connections, as the system does for a process that is stopped, and no more.
    Stopped,
    /// It says so in place of the banner.
    Full,
    /// It says so behind the banner.
    FullInside,
    /// It does not reach the room, and says so: nothing that comes meanwhile gets there.
    Away,
    /// It is no chat room.
    Foreign,
}

/// A door, open until the test shuts it or ends.
pub struct Door {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    server: SocketAddr,
    state: Mutex<State>,
    /// Notified when the state changes.
    changed: Condvar,
}

struct State {
    mood: Mood,
    is_shut: bool,
    /// The clients' sockets.
    clients: Vec<TcpStream>,
    /// How many have come.
    came: usize,
}

impl Door {
    /// A door to that server.
    pub fn open(server: SocketAddr) -> Door {
        Door::in_mood(server, Mood::Open)
    }

    /// A door to that server that is like this.
    pub fn in_mood(server: SocketAddr, mood: Mood) -> Door {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let state = State { mood, is_shut: false, clients: Vec::new(), came: 0 };
        let shared = Arc::new(Shared { server, state: Mutex::new(state), changed: Condvar::new() });
        let ours = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().filter_map(Result::ok) {
                let mut state = ours.state();
                if state.is_shut {
                    return;
                }
                state.came += 1;
                state.clients.push(client.try_clone().expect("a handle"));
                drop(state);
                let ours = Arc::clone(&ours);
                thread::spawn(move || ours.serve(&client));
            }
        });
        Door { address, shared }
    }

    /// How many clients have come.
    pub fn came(&self) -> usize {
        self.shared.state().came
    }

    /// From now on it is like this. Those who are in the room are told whether it is away.
    pub fn be(&self, mood: Mood) {
        let mut state = self.shared.state();
        let before = std::mem::replace(&mut state.mood, mood);
        let told = match (before, mood) {
            (_, Mood::Away) => AWAY,
            (Mood::Away, Mood::Open) => BACK,
            _ => "",
        };
        if !told.is_empty() {
            let told = format!("@- {} {told}", now());
            state.clients.iter().for_each(|mut it| drop(it.write_all(told.as_bytes())));
        }
        self.shared.changed.notify_all();
    }

    /// Ends all connections.
    pub fn cut(&self) {
        for client in self.shared.state().clients.drain(..) {
            client.shutdown(Shutdown::Both).ok();
        }
    }

    /// Ends all connections, and takes no more.
    pub fn shut(&self) {
        self.shared.state().is_shut = true;
        TcpStream::connect(self.address).ok();
        self.cut();
        self.shared.changed.notify_all();
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.shut();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Waits until the door is none of these. False if it is shut instead.
    fn wait_while(&self, moods: &[Mood]) -> bool {
        let mut state = self.state();
        while moods.contains(&state.mood) && !state.is_shut {
            state = self.changed.wait(state).unwrap();
        }
        !state.is_shut
    }

    fn serve(&self, mut client: &TcpStream) {
        client.set_nodelay(true).ok();
        let mood = self.state().mood;
        match mood {
            Mood::Open => self.pass(client, "", &[]),
            Mood::Stopped if self.wait_while(&[Mood::Stopped]) => self.pass(client, "", &[]),
            Mood::Stopped => {}
            Mood::Full => drop(client.write_all(FULL.as_bytes())),
            Mood::Foreign => drop(client.write_all(b"220 mail.example ESMTP\r\n")),
            Mood::FullInside => {
                client.write_all(BANNER.as_bytes()).ok();
                client.peek(&mut [0]).ok();
                client.write_all(FULL_INSIDE.as_bytes()).ok();
            }
            Mood::Away => self.keep_waiting(client),
        }
        client.shutdown(Shutdown::Both).ok();
    }

    /// Greets a client, and lets it join when the room is back.
    fn keep_waiting(&self, mut client: &TcpStream) {
        client.write_all(BANNER.as_bytes()).ok();
        client.write_all(AWAY_AT_DOOR.as_bytes()).ok();
        if !self.wait_while(&[Mood::Away]) {
            return;
        }
        let (mut asked, mut bytes) = (Vec::new(), [0; 4096]);
        client.set_read_timeout(Some(Duration::from_millis(100))).ok();
        while let Some(length @ 1..) = read_in_time(&mut client, &mut bytes) {
            asked.extend_from_slice(&bytes[..length]);
        }
        // One that has gone elsewhere does not join.
        if read_in_time(&mut client, &mut bytes).is_some() {
            client.set_read_timeout(None).ok();
            self.pass(client, BANNER, &asked);
        }
    }

    /// Passes on what is said, beginning with what the client has asked, and without what it was told already.
    fn pass(&self, client: &TcpStream, told: &str, asked: &[u8]) {
        let Ok(server) = TcpStream::connect(self.server) else { return };
        server.set_nodelay(true).ok();
        let mut from_server = BufReader::new(&server);
        if !told.is_empty() {
            from_server.read_line(&mut String::new()).ok();
        }
        (&server).write_all(asked).ok();
        thread::scope(|scope| {
            scope.spawn(|| self.copy(from_server, client, &[Mood::Stopped]));
            self.copy(client, &server, &[Mood::Stopped, Mood::Away]);
            // What stands behind a shut door is a lost connection, not a farewell.
            let linger = Some(Duration::ZERO);
            socket2::SockRef::from(&server).set_linger(linger).ok();
            server.shutdown(Shutdown::Both).ok();
        });
    }

    fn copy(&self, mut from: impl Read, mut to: &TcpStream, held_in: &[Mood]) {
        let mut bytes = [0; 16 * 1024];
        loop {
            let length = match from.read(&mut bytes) {
                Err(why) if why.kind() == ErrorKind::Interrupted => continue,
                Ok(0) | Err(_) => break,
                Ok(length) => length,
            };
            if !self.wait_while(held_in) || to.write_all(&bytes[..length]).is_err() {
                break;
            }
        }
        to.shutdown(Shutdown::Both).ok();
    }
}
