//! The other side of a connection, played by the test: it says what it is told to, when it is told.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use chatroom::protocol::request::{Request, is_counted, parse};

use super::DEADLINE;

/// The first line of a server of ours.
pub const BANNER: &str = "-- chatroom 1: welcome (/help for the commands)\n";

/// The beginning of a client's proof that it has a key.
const PROOF: &str = "/key ";

/// What it gives to be known again with.
pub const TOKEN: &str = "000102030405060708090a0b0c0d0e0f";

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

    /// Waits for a client, which may have a wait of its own between two attempts.
    pub fn accept(&self) -> Conversation {
        let deadline = Instant::now() + 5 * DEADLINE;
        self.listener.set_nonblocking(true).expect("a socket can be");
        let stream = loop {
            match self.listener.accept() {
                Ok((stream, _)) => break stream,
                Err(_) if Instant::now() < deadline => thread::sleep(Duration::from_millis(5)),
                Err(why) => panic!("no client has come: {why}"),
            }
        };
        stream.set_nonblocking(false).expect("a socket can be");
        // As our server has it: what is said in two pieces comes at once.
        stream.set_nodelay(true).expect("a socket can be");
        Conversation {
            stream,
            heard: Vec::new(),
            form: Form::Plain,
            mid_line: false,
            seq: 0,
            taken: 0,
            taken_bytes: 0,
        }
    }

    /// Whether a client comes within that time.
    pub fn has_somebody_within(&self, time: Duration) -> bool {
        let deadline = Instant::now() + time;
        self.listener.set_nonblocking(true).expect("a socket can be");
        while Instant::now() < deadline {
            if self.listener.accept().is_ok() {
                return true;
            }
            thread::sleep(Duration::from_millis(5));
        }
        false
    }

    /// Waits for a client, greets it as our server does, and grants it its name. From then on it
    /// gets the tagged form, and receipts for what is [heard](Conversation::hear).
    pub fn accept_as(&self, name: &str) -> Conversation {
        let mut conversation = self.accept();
        conversation.greet(&format!("/nick {name}"));
        conversation.join(name);
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

    /// Waits for a client that comes back and has all events up to `seen`, and takes it in as the
    /// one that it was, of whom `taken` lines were taken.
    pub fn accept_again(&self, name: &str, seen: u64, taken: u64) -> Conversation {
        let mut conversation = self.accept();
        conversation.greet(&format!("/resume {TOKEN} {seen}"));
        (conversation.seq, conversation.taken) = (seen, taken);
        conversation.say(&format!("-- welcome back, {name}\n= resumed {taken}\n= nick {name}\n"));
        conversation
    }
}

/// A connection, and everything that has come over it.
pub struct Conversation {
    stream: TcpStream,
    heard: Vec<u8>,
    form: Form,
    /// What has been said ends in the middle of a line.
    mid_line: bool,
    /// The number of the last event.
    seq: u64,
    /// How many of the client's lines were taken in this session.
    taken: u64,
    /// How much of what was heard was taken, in bytes.
    taken_bytes: usize,
}

/// How this side speaks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Plain,
    /// Each line with its tag, and a receipt for each of the client's that gets one.
    Tagged,
    /// The same without receipts.
    Silent,
}

impl Conversation {
    /// Says this: in the tagged form each line gets its tag, as an event if somebody's doing.
    pub fn say(&mut self, text: &str) {
        let mut bytes = String::new();
        for line in text.split_inclusive('\n') {
            if self.form != Form::Plain && !self.mid_line {
                bytes += &self.tag(line);
            }
            self.mid_line = !line.ends_with('\n');
            bytes += line;
        }
        self.say_raw(&bytes);
    }

    /// Says this as it is.
    pub fn say_raw(&mut self, text: impl AsRef<[u8]>) {
        self.stream.write_all(text.as_ref()).expect("the client is there");
    }

    fn tag(&mut self, line: &str) -> String {
        let is_event = ["<", "* ", "[", "+ "].iter().any(|front| line.starts_with(front));
        self.seq += u64::from(is_event);
        let seq = if is_event { self.seq.to_string() } else { "-".to_owned() };
        format!("@{seq} {} ", now())
    }

    /// Greets the client, which asks for the tagged form and this. One that has a key proves it between both.
    #[track_caller]
    pub fn greet(&mut self, ask: &str) {
        self.say(BANNER);
        self.hear("/tags\n");
        self.say_raw(format!("@- {} = nonce {}\n", now(), "a".repeat(52)));
        self.hear_ask(ask);
        self.form = Form::Tagged;
        self.taken = u64::from(!ask.starts_with("/resume"));
    }

    /// Refuses what the client has just asked for, and hears what it asks for instead.
    #[track_caller]
    pub fn refuse(&mut self, why: &str, ask: &str) {
        self.say(&format!("{why}\n"));
        self.form = Form::Silent;
        self.hear_ask(ask);
        self.form = Form::Tagged;
    }

    /// Waits for this line, which may stand behind the proof of a key.
    #[track_caller]
    fn hear_ask(&mut self, ask: &str) {
        let mut beginning = self.hear_some(PROOF.len());
        if beginning == PROOF {
            self.hear_some(52 + " ".len() + 103 + "\n".len());
            beginning.clear();
        }
        let rest = ask.strip_prefix(&*beginning);
        let rest = rest.unwrap_or_else(|| panic!("{beginning:?} after {:?}", self.since(0)));
        self.hear(&format!("{rest}\n"));
    }

    /// Lets the client join under this name.
    pub fn join(&mut self, name: &str) {
        let is = format!("-- you are {name}, alone here");
        self.say(&format!("{is}\n= token {TOKEN}\n= nick {name}\n"));
    }

    /// Gives no receipts from now on.
    pub fn withhold_receipts(&mut self) {
        self.form = Form::Silent;
    }

    /// Gives them again.
    pub fn give_receipts(&mut self) {
        self.form = Form::Tagged;
    }

    /// Gives a receipt for the client's line of that number.
    pub fn confirm(&mut self, line: u64) {
        self.say(&format!("+ {line}\n"));
    }

    /// Refuses the client's line of that number.
    pub fn refuse_line(&mut self, line: u64, error: &str) {
        let now = now();
        self.say_raw(format!("@-{line} {now} {error}\n@-{line} {now} = done\n"));
    }

    /// The number of the last event.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// How many of the client's lines were taken.
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// Waits for exactly `text` as what comes next.
    #[track_caller]
    pub fn hear(&mut self, text: &str) {
        let heard = self.hear_some(text.len());
        assert_eq!(heard, text, "after {:?}", self.since(0));
    }

    /// Waits for so many bytes, or the end.
    fn hear_some(&mut self, length: usize) -> String {
        let from = self.heard.len();
        let deadline = Instant::now() + DEADLINE;
        while self.heard.len() < from + length {
            let mut bytes = vec![0; from + length - self.heard.len()];
            let read = self.read(&mut bytes, deadline.saturating_duration_since(Instant::now()));
            let Ok(read @ 1..) = read else { break };
            self.heard.extend_from_slice(&bytes[..read]);
        }
        self.take_lines();
        self.since(from)
    }

    /// Waits for the end of what the client sends, and returns all that came before it.
    #[track_caller]
    pub fn hear_the_end(&mut self) -> String {
        self.hear_until(|_| false)
    }

    /// Waits until the client leaves in words, and returns all that came before.
    #[track_caller]
    pub fn hear_quit(&mut self) -> String {
        const QUIT: &str = "/quit\n";
        let all = self.hear_until(|heard| heard.ends_with(QUIT.as_bytes()));
        all.strip_suffix(QUIT).map(str::to_owned).unwrap_or_else(|| panic!("no quit in {all:?}"))
    }

    /// Answers the question that a client asks when it comes back and does not know what became of
    /// its lines: the answer comes after all that there is to know.
    #[track_caller]
    pub fn hear_the_question(&mut self) {
        self.hear("/who\n");
        self.say("-- 1 here: alice\n");
    }

    /// Waits until nothing has come for a while, and returns all that came before.
    pub fn hear_until_silent_for(&mut self, while_waiting: Duration) -> String {
        let from = self.heard.len();
        let mut bytes = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = self.read(&mut bytes, while_waiting) {
            self.heard.extend_from_slice(&bytes[..length]);
            self.take_lines();
        }
        self.since(from)
    }

    #[track_caller]
    fn hear_until(&mut self, is_over: impl Fn(&[u8]) -> bool) -> String {
        let from = self.heard.len();
        let mut bytes = vec![0; 64 * 1024];
        while !is_over(&self.heard[from..]) {
            match self.read(&mut bytes, DEADLINE) {
                Ok(0) => break,
                Ok(length) => self.heard.extend_from_slice(&bytes[..length]),
                Err(why) => panic!("{why} after {:?}", self.since(from)),
            }
            self.take_lines();
        }
        self.since(from)
    }

    /// Counts the lines that have come, and gives the receipts for them.
    fn take_lines(&mut self) {
        let new = String::from_utf8_lossy(&self.heard[self.taken_bytes..]).into_owned();
        let mut receipts = String::new();
        for line in new.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
            self.taken_bytes += line.len();
            let line = line.trim_end_matches('\n');
            self.taken += u64::from(is_counted(line));
            use Request::{Act, Rename, Say, Whisper};
            let has_receipt =
                matches!(parse(line), Ok(Say(_) | Act(_) | Rename(_) | Whisper { .. }));
            if has_receipt && self.form == Form::Tagged {
                receipts += &format!("+ {}\n", self.taken);
            }
        }
        self.say(&receipts);
    }

    /// Asserts that nothing comes for a while.
    #[track_caller]
    pub fn hear_nothing_for(&mut self, while_waiting: Duration) {
        let mut bytes = [0; 1024];
        if let Ok(length) = self.read(&mut bytes, while_waiting) {
            panic!("heard {:?}", String::from_utf8_lossy(&bytes[..length]));
        }
    }

    pub fn close(self) {
        // A client that has left may be gone already.
        self.stream.shutdown(Shutdown::Both).ok();
    }

    /// Ends the connection so that the client's system is told that it broke.
    pub fn reset(self) {
        socket2::SockRef::from(&self.stream)
            .set_linger(Some(Duration::ZERO))
            .expect("a socket has a linger time");
    }

    /// Reads on when the system breaks it off, but waits no longer in all.
    fn read(&mut self, bytes: &mut [u8], wait: Duration) -> io::Result<usize> {
        let deadline = Instant::now() + wait;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let left = left.max(Duration::from_millis(1));
            self.stream.set_read_timeout(Some(left)).expect("not zero");
            match self.stream.read(bytes) {
                Err(why) if why.kind() == ErrorKind::Interrupted => {}
                done => return done,
            }
        }
    }

    fn since(&self, from: usize) -> String {
        String::from_utf8_lossy(&self.heard[from..]).into_owned()
    }
}

/// The time as a tag has it.
pub fn now() -> u128 {
    let since = SystemTime::UNIX_EPOCH.elapsed();
    since.expect("the clock is past 1970").as_millis()
}
