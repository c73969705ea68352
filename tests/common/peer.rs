//! The other side of a connection, played by the test: it says what it is told to, when it is told.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use super::DEADLINE;

/// The first line of a server of ours.
pub const BANNER: &str = "-- chatroom 1: welcome (/help for the commands)\n";

/// A server for one client at a time.
pub struct Peer {
    listener: TcpListener,
}

impl Peer {
    /// Listens on a free port of this machine.
    pub fn listen() -> Peer {
        Peer { listener: TcpListener::bind("127.0.0.1:0").expect("a free port") }
    }

    /// Listens where another one has listened.
    pub fn listen_at(address: SocketAddr) -> Peer {
        Peer { listener: TcpListener::bind(address).expect("the port is free again") }
    }

    pub fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("a bound socket has an address")
    }

    /// The arguments that lead a client here.
    pub fn arguments(&self) -> [String; 2] {
        [self.address().ip().to_string(), self.address().port().to_string()]
    }

    /// Waits for a client, however long the test lets its process live.
    pub fn accept(&self) -> Conversation {
        let (stream, _) = self.listener.accept().expect("a client comes");
        Conversation { stream, heard: Vec::new() }
    }

    /// Waits for a client, greets it as our server does, and grants it its name.
    pub fn accept_as(&self, name: &str) -> Conversation {
        let mut conversation = self.accept();
        conversation.say(BANNER);
        conversation.hear(&format!("/nick {name}\n"));
        conversation.say(&format!("-- you are {name}, alone here\n"));
        conversation
    }

    /// The same for one in a terminal, which asks who is here besides.
    pub fn accept_person(&self, name: &str, others: &[&str]) -> Conversation {
        let mut conversation = self.accept_as(name);
        conversation.hear("/who\n");
        let here = [&[name], others].concat();
        conversation.say(&format!("-- {} here: {}\n", here.len(), here.join(", ")));
        conversation
    }
}

/// A connection, and everything that has come over it.
pub struct Conversation {
    stream: TcpStream,
    heard: Vec<u8>,
}

impl Conversation {
    pub fn say(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).expect("the client is there");
    }

    /// Waits for exactly `text` as what comes next.
    #[track_caller]
    pub fn hear(&mut self, text: &str) {
        let from = self.heard.len();
        let deadline = Instant::now() + DEADLINE;
        while self.heard.len() < from + text.len() {
            let mut bytes = vec![0; from + text.len() - self.heard.len()];
            let length = self.read(&mut bytes, deadline.saturating_duration_since(Instant::now()));
            let Some(length @ 1..) = length else { break };
            self.heard.extend_from_slice(&bytes[..length]);
        }
        assert_eq!(self.since(from), text, "after {:?}", self.since(0));
    }

    /// Waits for the end of what the client sends, and returns all that came before it.
    #[track_caller]
    pub fn hear_the_end(&mut self) -> String {
        let from = self.heard.len();
        let mut bytes = vec![0; 64 * 1024];
        loop {
            match self.read(&mut bytes, DEADLINE) {
                Some(0) => return self.since(from),
                Some(length) => self.heard.extend_from_slice(&bytes[..length]),
                None => panic!("no end after {:?}", self.since(from)),
            }
        }
    }

    /// Asserts that nothing comes for a while.
    #[track_caller]
    pub fn hear_nothing_for(&mut self, while_waiting: Duration) {
        let mut bytes = [0; 1024];
        if let Some(length) = self.read(&mut bytes, while_waiting) {
            panic!("heard {:?}", String::from_utf8_lossy(&bytes[..length]));
        }
    }

    pub fn close(self) {
        self.stream.shutdown(Shutdown::Both).expect("the client is there");
    }

    /// Ends the connection so that the client's system is told that it broke.
    pub fn reset(self) {
        socket2::SockRef::from(&self.stream)
            .set_linger(Some(Duration::ZERO))
            .expect("a socket has a linger time");
    }

    fn read(&mut self, bytes: &mut [u8], wait: Duration) -> Option<usize> {
        let wait = wait.max(Duration::from_millis(1));
        self.stream.set_read_timeout(Some(wait)).expect("not zero");
        self.stream.read(bytes).ok()
    }

    fn since(&self, from: usize) -> String {
        String::from_utf8_lossy(&self.heard[from..]).into_owned()
    }
}
