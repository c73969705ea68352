//! A real server process, and plain sockets as its clients.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Mutex, mpsc};
use std::time::{Duration, Instant};

use super::DEADLINE;
use super::bridge;
use super::process::{Running, server_program, spawn, wait, without_our_variables};

/// The program, with its standard streams piped.
pub fn chatserver() -> Command {
    piped(&server_program())
}

/// Where Redis is (`redis://127.0.0.1:PORT`), for a run of the tests in which each server has a shared room of its own.
pub const SHARED: &str = "CHATROOM_TESTS_SHARED";

/// What stands for `--shared`.
pub const SHARED_ROOM: &str = "CHATROOM_SHARED";

/// Whether it is such a run.
pub fn is_shared_everywhere() -> bool {
    std::env::var_os(SHARED).is_some()
}

/// A shell that runs `script`, in which `$0` is the program.
#[cfg(unix)]
pub fn chatserver_by(script: &str) -> Command {
    let mut command = piped("sh");
    command.args(["-c", script, &server_program()]);
    command
}

/// Unless its options say something else: or each client that waits for its banner would wait until the server knows
/// that it speaks no TLS.
pub fn without_tls(command: &mut Command) {
    command.env("CHATROOM_TLS", if bridge::is_everywhere() { "optional" } else { "off" });
}

/// Gives it a shared room of its own where the run is one for that, unless its options say which. A server with a history
/// has the same room again when a test starts it again with that file.
fn with_shared_room(command: &mut Command) {
    let says_itself = command.get_args().any(|argument| argument == "--shared")
        || command.get_envs().any(|(name, value)| name == SHARED_ROOM && value.is_some());
    if says_itself {
        return;
    }
    let options = command.get_args().map(|argument| argument.to_string_lossy());
    let mut history = options.skip_while(|argument| argument != "--history").skip(1);
    let room = match history.next().filter(|file| file != "none") {
        Some(file) => {
            let mut hasher = DefaultHasher::new();
            file.hash(&mut hasher);
            shared_room(&format!("h{:x}", hasher.finish()))
        }
        None => a_shared_room(),
    };
    if let Some(room) = room {
        command.env(SHARED_ROOM, room);
    }
}

/// The URL of a shared room that no other server has, where the run is one for that.
pub fn a_shared_room() -> Option<String> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    shared_room(&format!("t{}", NEXT.fetch_add(1, Ordering::Relaxed)))
}

/// The URL of a shared room of this run, which is one for that.
fn shared_room(name: &str) -> Option<String> {
    let redis = std::env::var(SHARED).ok()?;
    Some(format!("{redis}/{}-{name}", std::process::id()))
}

fn piped(program: &str) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    without_our_variables(&mut command);
    // Or a server at a port that another test has had would go on with that room.
    command.env("CHATROOM_HISTORY", "none");
    without_tls(&mut command);
    command
}

/// A free port that no system gives to clients: those that connect to a port at which nobody listens may be
/// given that very port, and are then connected to themselves.
pub fn port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Tests that run beside this one, each as a process of its own, begin elsewhere.
    let first = 15_000 + 32 * (std::process::id() % 512) as u16;
    loop {
        let port = first + NEXT.fetch_add(1, Ordering::Relaxed);
        match TcpListener::bind(("127.0.0.1", port)) {
            Ok(_) => return port,
            Err(why) => assert_eq!(why.kind(), ErrorKind::AddrInUse, "{why}"),
        }
    }
}

/// What a server that has not begun has written to standard error.
fn told(mut process: Running) -> String {
    process.kill().ok();
    let mut text = String::new();
    process.stderr.take().map(|mut stderr| stderr.read_to_string(&mut text));
    text
}

/// A `chatserver` on a free port, ended when dropped.
pub struct TestServer {
    process: Running,
    /// What it writes to standard error; read, so that it is never held up.
    log: Mutex<mpsc::Receiver<String>>,
    pub address: SocketAddr,
}

impl TestServer {
    pub fn start(options: &[&str]) -> TestServer {
        TestServer::run(chatserver().args(["127.0.0.1", "0"]).args(options))
    }

    /// Starts the server as `command` says.
    pub fn run(command: &mut Command) -> TestServer {
        let says_itself = command.get_envs().any(|(name, _)| name == "CHATROOM_TLS");
        if !says_itself {
            without_tls(command);
        }
        with_shared_room(command);
        let mut process = spawn(command);
        let mut line = String::new();
        let stdout = process.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut line).expect("the server speaks");
        let address = line.strip_suffix('\n').and_then(|line| line.strip_prefix("listening on "));
        let address = address.and_then(|address| address.parse().ok());
        let Some(address) = address else { panic!("it says {line:?}, and {}", told(process)) };
        let address = if bridge::is_everywhere() { bridge::open(address) } else { address };
        let (lines, log) = mpsc::channel();
        if let Some(stderr) = process.stderr.take() {
            std::thread::spawn(move || {
                for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                    lines.send(line).ok();
                }
            });
        }
        TestServer { process, log: Mutex::new(log), address }
    }

    /// A client that has sent nothing.
    pub fn connect(&self) -> TestClient {
        let stream = TcpStream::connect(self.address).expect("the server accepts");
        TestClient::new(stream)
    }

    /// A client that is in the room under `name`.
    pub fn join(&self, name: &str) -> TestClient {
        let mut client = self.connect();
        client.send(format!("/nick {name}\n"));
        client.expect_start("-- chatroom 1: welcome (/help for the commands");
        client.expect_start(&format!("-- you are {name}, "));
        client
    }

    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    pub fn is_running(&mut self) -> bool {
        self.process.try_wait().expect("it is our child").is_none()
    }

    /// Ends it without a warning, and waits until it is gone.
    pub fn kill(&mut self) {
        self.process.kill().expect("it runs");
        self.process.wait().expect("it is our child");
    }

    /// Waits for a line in its log that has `part` in it, and gives the line without its time.
    #[track_caller]
    pub fn logs(&self, part: &str) -> String {
        let line = self.log_up_to(part).pop().expect("it ends with that line");
        line.split_once(' ').map_or(line.clone(), |(_, text)| text.to_owned())
    }

    /// Waits for a line in its log that has `part` in it, and gives all up to that.
    #[track_caller]
    pub fn log_up_to(&self, part: &str) -> Vec<String> {
        let mut passed = Vec::new();
        while passed.last().is_none_or(|line: &String| !line.contains(part)) {
            match self.log.lock().unwrap().recv_timeout(DEADLINE) {
                Ok(line) => passed.push(line),
                Err(_) => panic!("no {part:?} in the log: {passed:#?}"),
            }
        }
        passed
    }

    /// What it has logged since it was asked last, once it has ended.
    pub fn rest_of_the_log(&mut self) -> Vec<String> {
        self.log.lock().unwrap().iter().collect()
    }

    /// The exit status, once the server has ended.
    #[track_caller]
    pub fn status(&mut self) -> Option<i32> {
        wait(&mut self.process).code()
    }
}

/// A client that speaks bytes, and remembers the whole conversation.
pub struct TestClient {
    pub stream: TcpStream,
    received: Vec<u8>,
    seen: usize,
}

impl TestClient {
    pub fn new(stream: TcpStream) -> TestClient {
        stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        stream.set_nodelay(true).unwrap();
        TestClient { stream, received: Vec::new(), seen: 0 }
    }

    /// Ends the connection so that the server's system is told that it broke.
    pub fn reset(self) {
        let socket = socket2::SockRef::from(&self.stream);
        socket.set_linger(Some(Duration::ZERO)).expect("a socket has a linger time");
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).expect("the server takes it");
    }

    /// The same connection, for another thread; what comes goes to the one that reads first.
    pub fn second(&self) -> TestClient {
        TestClient::new(self.stream.try_clone().expect("a second handle"))
    }

    /// Sends nothing more.
    pub fn finish(&self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    /// The next line; `None` at the end.
    pub fn line(&mut self) -> Option<String> {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let rest = &self.received[self.seen..];
            if let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
                let line = String::from_utf8(rest[..end].to_vec()).expect("lines are UTF-8");
                self.seen += end + 1;
                return Some(line);
            }
            let mut chunk = [0; 65536];
            match self.stream.read(&mut chunk) {
                Ok(0) => {
                    assert!(rest.is_empty(), "cut off: {:?}", String::from_utf8_lossy(rest));
                    return None;
                }
                Ok(n) => self.received.extend_from_slice(&chunk[..n]),
                Err(_) if Instant::now() < deadline => {}
                Err(e) => panic!("nothing more came ({e}) after:\n{}", self.conversation()),
            }
        }
    }

    /// Who is here, as the server says, between whatever else comes.
    pub fn who(&mut self) -> String {
        self.send("/who\n/who\n");
        // A long answer goes on in further lines, up to the beginning of the next one.
        let (mut here, mut answers) = (Vec::new(), 0);
        loop {
            let line = self.line().expect("it answers");
            answers += usize::from(line.starts_with("-- ") && line.contains(" here: "));
            if answers == 2 {
                // Its own further lines may follow.
                return here.concat();
            }
            if answers == 1 && line.starts_with("-- ") {
                here.push(line);
            }
        }
    }

    /// Passes over all that comes until `end`, after which nothing more may have come. It is as fast
    /// as can be, where taking lines is slow.
    pub fn skip_to(&mut self, end: &str) {
        let mut received = Vec::new();
        let mut chunk = vec![0; 1 << 20];
        let deadline = Instant::now() + DEADLINE;
        while !received.ends_with(end.as_bytes()) {
            assert!(Instant::now() < deadline, "no {end:?} has come");
            let length = self.stream.read(&mut chunk).unwrap_or_default();
            received.extend_from_slice(&chunk[..length]);
        }
    }

    /// The next line is this one.
    pub fn expect(&mut self, line: &str) {
        assert_eq!(self.line().as_deref(), Some(line), "in:\n{}", self.conversation());
    }

    /// The next line begins like this.
    pub fn expect_start(&mut self, start: &str) -> String {
        let line = self.line().unwrap_or_default();
        assert!(line.starts_with(start), "{start:?} expected in:\n{}", self.conversation());
        line
    }

    pub fn expect_end(&mut self) {
        assert_eq!(self.line(), None, "in:\n{}", self.conversation());
    }

    fn conversation(&self) -> String {
        String::from_utf8_lossy(&self.received).into_owned()
    }
}
