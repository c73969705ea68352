//! A connection of the soak's, and what no line from a server may ever be.

use std::io::{ErrorKind, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use chatroom::protocol::telnet::{Decoder, Piece};

use crate::common::read;

/// How long one look for what has come may take.
const LOOK: Duration = Duration::from_millis(10);

/// What strangers try to make a line of the server's begin with.
pub(crate) const FORGED: &str = "-- forged";

/// A connection, read line by line.
pub(crate) struct Wire {
    pub(crate) stream: TcpStream,
    telnet: Decoder,
    /// The beginning of a line.
    partial: Vec<u8>,
}

impl Wire {
    pub(crate) fn connect(server: SocketAddr) -> Option<Wire> {
        let stream = TcpStream::connect(server).ok()?;
        stream.set_nodelay(true).ok()?;
        stream.set_read_timeout(Some(LOOK)).ok()?;
        stream.set_write_timeout(Some(Duration::from_secs(2))).ok()?;
        Some(Wire { stream, telnet: Decoder::default(), partial: Vec::new() })
    }

    /// Whether the server took it.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).is_ok()
    }

    /// The lines that have come, each looked at; `None` if no more will come.
    pub(crate) fn lines(&mut self) -> Option<Vec<String>> {
        let mut chunk = [0; 16 * 1024];
        match read(&mut self.stream, &mut chunk) {
            Ok(0) => return None,
            Ok(length) => self.take(&chunk[..length]),
            Err(e) if [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&e.kind()) => {}
            Err(_) => return None,
        }
        let end = self.partial.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        let whole = String::from_utf8(self.partial.drain(..end).collect()).expect("UTF-8");
        let lines: Vec<String> = whole.split_terminator('\n').map(str::to_owned).collect();
        lines.iter().for_each(|line| assert_harmless(line));
        Some(lines)
    }

    /// What answers questions of telnet's, which whoever sends random bytes asks, is no line.
    fn take(&mut self, mut bytes: &[u8]) {
        while let Some(piece) = self.telnet.next(&mut bytes) {
            if let Piece::Text(text) = piece {
                self.partial.extend_from_slice(text);
            }
        }
    }

    /// Ends it so that the server's system is told that it broke.
    pub(crate) fn reset(self) {
        socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).ok();
    }

    pub(crate) fn finish(&self) {
        self.stream.shutdown(Shutdown::Write).ok();
    }
}

/// A line, whoever said it, that harms no terminal and that nobody can take for another's.
fn assert_harmless(line: &str) {
    let is_harmful = |c: char| {
        (c.is_control() && c != '\t')
            || ('\u{202a}'..='\u{202e}').contains(&c)
            || ('\u{2066}'..='\u{2069}').contains(&c)
    };
    assert!(!line.contains(is_harmful), "{line:?}");
    let mut marks = 0;
    for c in line.chars() {
        marks = if ('\u{300}'..='\u{36f}').contains(&c) { marks + 1 } else { 0 };
        assert!(marks <= 8, "{line:?}");
    }
    let body = line.strip_prefix('@').and_then(|rest| rest.splitn(3, ' ').nth(2)).unwrap_or(line);
    let beginnings = ["<", "* ", "[", "-- ", "| ", "!! ", "+ ", "= "];
    assert!(beginnings.iter().any(|beginning| body.starts_with(beginning)), "{line:?}");
    assert!(!body.starts_with(FORGED), "{line:?}");
    // Each byte that is no part of UTF-8 has become a character of three.
    assert!(line.len() < 3 * 4096 + 100, "{} bytes", line.len());
}
