//! What one connection brings, as lines: its bytes without telnet's commands, cut at the line ends and
//! made safe.
//!
//! It owns what belongs to one connection alone, so another connection is another `Reading`. It does
//! not know what a line means. The receiver's thread runs it.

use std::borrow::Cow;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use log::debug;

use crate::client::net::{Connection, Openness, Received};
use crate::problem::Lost;
use crate::protocol::lines::{Line, LineSplitter};
use crate::protocol::telnet::{Decoder, Piece};
use crate::protocol::text;

/// The longest line that is received, in bytes: far longer than any that our server lets through,
/// and short enough for any machine's memory. A longer one is left out, and that is told.
pub(super) const MAX_LINE: usize = 1024 * 1024;

/// One connection, as far as it has been read.
#[derive(Debug)]
pub(super) struct Reading {
    /// The connection, of which this alone reads the socket.
    connection: Arc<Connection>,
    /// Takes telnet's commands out of what comes.
    telnet: Decoder,
    /// Splits the rest into lines.
    splitter: LineSplitter,
    /// What the socket's timeout is set to.
    timeout: Option<Duration>,
}

/// What one read has brought.
#[derive(Debug)]
pub(super) enum Brought {
    /// So many bytes.
    Bytes(usize),
    /// Nothing for as long as was waited.
    Silence,
    /// The end.
    End(Lost),
}

/// One line, whole.
#[derive(Debug)]
pub(super) enum Arrived<'a> {
    /// The line, safe to show.
    Line(Cow<'a, str>),
    /// It had more than [`MAX_LINE`] bytes.
    LeftOut,
}

impl Reading {
    pub(super) fn new(connection: Arc<Connection>) -> Reading {
        let (telnet, splitter) = (Decoder::default(), LineSplitter::new(MAX_LINE));
        Reading { connection, telnet, splitter, timeout: None }
    }

    /// The server.
    pub(super) fn peer(&self) -> SocketAddr {
        self.connection.peer()
    }

    /// Reads what there is, and waits for it for that long.
    ///
    /// # Errors
    ///
    /// The socket takes no timeout.
    pub(super) fn read(
        &mut self,
        buffer: &mut [u8],
        timeout: Option<Duration>,
    ) -> io::Result<Brought> {
        if timeout != self.timeout {
            self.connection.set_read_timeout(timeout)?;
            self.timeout = timeout;
        }
        loop {
            return Ok(match self.connection.receive(buffer) {
                Ok(Received::Bytes(length)) => Brought::Bytes(length),
                Ok(Received::End) => Brought::End(Lost::Closed),
                Ok(Received::Cut) => Brought::End(Lost::Cut),
                Err(why) => match why.kind() {
                    ErrorKind::Interrupted => continue,
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => Brought::Silence,
                    _ => Brought::End(Lost::Broken(why)),
                },
            });
        }
    }

    /// Gives each line that ends in `chunk` to `take`, until that fails.
    ///
    /// # Errors
    ///
    /// What `take` says.
    pub(super) fn each_line<E>(
        &mut self,
        mut chunk: &[u8],
        mut take: impl FnMut(Arrived<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        debug!("{} bytes have arrived", chunk.len());
        while let Some(piece) = self.telnet.next(&mut chunk) {
            // Another kind of server may ask a telnet client for options; it gets no answer.
            let Piece::Text(mut text) = piece else { continue };
            while let Some(line) = self.splitter.next(&mut text) {
                take(match line {
                    Line::Whole(line) => Arrived::Line(text::make_safe(line)),
                    Line::TooLong(_) => Arrived::LeftOut,
                })?;
            }
        }
        Ok(())
    }

    /// Whether an offer of TLS in the first line is taken up.
    pub(super) fn openness(&self) -> Openness {
        self.connection.openness()
    }

    /// Whether a line that is unfinished at this end of the connection is one.
    pub(super) fn keeps_unfinished(&self, end: &Lost) -> bool {
        self.connection.keeps_unfinished(end)
    }

    /// Whether a line has begun and has not ended.
    pub(super) fn is_mid_line(&self) -> bool {
        self.splitter.is_mid_line()
    }

    /// What stands unfinished, as a line.
    pub(super) fn finish(&mut self) -> Option<Cow<'_, str>> {
        self.splitter.finish().map(text::make_safe)
    }
}
