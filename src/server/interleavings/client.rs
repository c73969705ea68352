//! The other end of a connection, and what it hears.

use std::io::{Read, Write};
use std::net::Shutdown as Half;

use crate::server::system::TcpStream;

/// What a client's socket holds of what it does not read, in bytes.
pub(super) const ROOMY: usize = 16 * 1024;
pub(super) const SMALL: usize = 100;
/// It takes the banner, and then lines in pieces.
pub(super) const TIGHT: usize = 50;

pub(super) const BANNER: &str = "-- chatroom 1: welcome (/help for the commands)";

/// What a newcomer is told where there is a history.
pub(super) const KEPT: &str = "-- what is said here is kept; private lines only while you are here";

/// The other end of a connection.
pub(super) struct Client {
    pub(super) stream: TcpStream,
    pub(super) received: Vec<u8>,
}

impl Client {
    /// Sends what the server takes; true if that is all.
    pub(super) fn send(&mut self, text: &str) -> bool {
        (&self.stream).write_all(text.as_bytes()).is_ok()
    }

    pub(super) fn finish(&self) {
        self.stream.shutdown(Half::Write).expect("it is open");
    }

    pub(super) fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.received.iter().position(|&byte| byte == b'\n') {
                let line = self.received.drain(..=end).collect();
                let line = String::from_utf8(line).expect("lines are UTF-8");
                return Some(line.trim_end_matches('\n').to_owned());
            }
            let mut bytes = [0; 4096];
            match (&self.stream).read(&mut bytes).expect("it is open") {
                0 => {
                    assert!(self.received.is_empty(), "cut off: {:?}", self.received);
                    return None;
                }
                length => self.received.extend_from_slice(&bytes[..length]),
            }
        }
    }

    pub(super) fn expect(&mut self, line: &str) {
        assert_eq!(self.line().as_deref(), Some(line));
    }

    pub(super) fn expect_start(&mut self, start: &str) {
        let line = self.line().unwrap_or_default();
        assert!(line.starts_with(start), "{line:?} instead of {start:?}");
    }

    /// The first line, without its tag, that is it.
    pub(super) fn until(&mut self, is_it: impl Fn(&str) -> bool) -> String {
        let bodies = std::iter::from_fn(|| self.line()).map(|line| split(&line).1.to_owned());
        bodies.into_iter().find(|body| is_it(body)).expect("it comes")
    }

    /// All lines to the end.
    pub(super) fn rest(mut self) -> Vec<String> {
        std::iter::from_fn(|| self.line()).collect()
    }
}

/// The number of an event, and its line.
pub(super) fn split(line: &str) -> (Option<u64>, &str) {
    let Some(tagged) = line.strip_prefix('@') else { return (None, line) };
    let mut parts = tagged.splitn(3, ' ');
    let seq = parts.next().and_then(|seq| seq.parse().ok());
    (seq, parts.nth(1).expect("a line behind its tag"))
}

/// What that member is said to have said, in order.
pub(super) fn said_by<'a>(name: &str, lines: &'a [String]) -> Vec<&'a str> {
    let start = format!("<{name}> ");
    lines.iter().filter_map(|line| split(line).1.strip_prefix(&start)).collect()
}

pub(super) fn lines(count: usize) -> String {
    (1..=count).map(|number| format!("{number}\n")).collect()
}

pub(super) fn numbers(count: usize) -> Vec<String> {
    (1..=count).map(|number| number.to_string()).collect()
}
