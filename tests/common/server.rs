//! A real server process, and plain sockets as its clients.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::DEADLINE;

/// A `chatserver` on a free port, ended when dropped.
pub struct TestServer {
    process: Child,
    pub port: u16,
}

impl TestServer {
    pub fn start(options: &[&str]) -> TestServer {
        let mut process = Command::new(env!("CARGO_BIN_EXE_chatserver"))
            .args(["127.0.0.1", "0"])
            .args(options)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server starts");
        let mut line = String::new();
        let stdout = process.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut line).expect("the server speaks");
        let port = line.trim_end().strip_prefix("listening on 127.0.0.1:");
        let port = port.and_then(|port| port.parse().ok()).expect("it says where it listens");
        TestServer { process, port }
    }

    /// A client that has sent nothing.
    pub fn connect(&self) -> TestClient {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).expect("the server accepts");
        stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        TestClient { stream, received: Vec::new(), seen: 0 }
    }

    /// A client that is in the room under `name`.
    pub fn join(&self, name: &str) -> TestClient {
        let mut client = self.connect();
        client.send(format!("/nick {name}\n"));
        client.expect("-- chatroom 1: welcome (/help for the commands)");
        client.expect_start(&format!("-- you are {name}, "));
        client
    }

    #[cfg(unix)]
    pub fn terminate(&self) {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }

    /// The exit status, once the server has ended.
    pub fn status(&mut self) -> Option<i32> {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status.code();
            }
            assert!(Instant::now() < deadline, "the server does not end");
            std::thread::yield_now();
        }
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// A client that speaks bytes, and remembers the whole conversation.
pub struct TestClient {
    pub stream: TcpStream,
    received: Vec<u8>,
    seen: usize,
}

impl TestClient {
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).expect("the server takes it");
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
