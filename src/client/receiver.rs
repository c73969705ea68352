//! What comes from the server, from the socket to the output.
//!
//! One thread does this, in both ways of running. It reads as much as there is, splits off the
//! lines, makes them safe and shows them all at once. It wakes for nothing but what arrives, except
//! while a foreign server's line is unfinished.

use std::io::{self, ErrorKind, Read};
use std::time::Duration;

use log::{debug, info, warn};

use super::handshake::Server;
use super::link::{Interest, Link};
use super::output::{Output, Received, Unfinished};
use super::way_out::End;
use crate::problem::{Lost, Problem};
use crate::protocol::lines::{Line, LineSplitter};
use crate::protocol::name::Name;
use crate::protocol::{GRACE, reply, text};

/// How many bytes are read at once, at most.
const CHUNK: usize = 64 * 1024;

/// The longest line that is received, in bytes: far longer than any that our server lets through,
/// and short enough for any machine's memory. A longer one is left out, and that is told.
const MAX_LINE: usize = 1024 * 1024;

/// The work of the thread that receives.
pub(super) struct Receiver<'a> {
    link: &'a Link,
    output: &'a dyn Output,
    splitter: LineSplitter,
    /// What the socket's timeout is set to.
    timeout: Option<Duration>,
    /// What has been split off the chunk in hand.
    received: Received,
}

impl<'a> Receiver<'a> {
    pub(super) fn new(link: &'a Link, output: &'a dyn Output) -> Receiver<'a> {
        let splitter = LineSplitter::new(MAX_LINE);
        Receiver { link, output, splitter, timeout: None, received: Received::default() }
    }

    /// Receives until there is nothing more, and says what that means.
    pub(super) fn run(mut self) -> End {
        match self.receive() {
            Ok(lost) => {
                info!("the connection has ended: {lost:?}");
                self.link.judge(lost)
            }
            Err(end) => end,
        }
    }

    fn receive(&mut self) -> Result<Lost, End> {
        let mut buffer = vec![0; CHUNK];
        loop {
            self.set_timeout()
                .map_err(|why| End::Failed(Problem::System("use the socket", why)))?;
            match self.link.stream().read(&mut buffer) {
                Ok(0) => return self.finish().map(|()| Lost::Closed),
                Ok(length) => self.take(&buffer[..length])?,
                Err(why) => match why.kind() {
                    ErrorKind::Interrupted => {}
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => self.finish()?,
                    _ => return self.finish().map(|()| Lost::Broken(why)),
                },
            }
        }
    }

    /// Our own server ends its lines, and a slow network must not break one in two.
    fn set_timeout(&mut self) -> io::Result<()> {
        let waits = self.splitter.is_mid_line()
            && self.output.unfinished() == Unfinished::IsShown
            && self.link.server() != Some(Server::Ours);
        let timeout = waits.then_some(GRACE);
        if timeout != self.timeout {
            self.link.stream().set_read_timeout(timeout)?;
            self.timeout = timeout;
        }
        Ok(())
    }

    fn take(&mut self, mut chunk: &[u8]) -> Result<(), End> {
        debug!("{} bytes have arrived", chunk.len());
        self.link.have_heard();
        while let Some(line) = self.splitter.next(&mut chunk) {
            match line {
                Line::Whole(line) => read_line(line, self.link, &mut self.received)?,
                Line::TooLong(_) => {
                    let text = format!("a line of more than {MAX_LINE} bytes was left out");
                    warn!("{text}");
                    self.output.notice(&text);
                }
            }
        }
        self.show()
    }

    /// Takes what stands unfinished for a line.
    fn finish(&mut self) -> Result<(), End> {
        if let Some(line) = self.splitter.finish() {
            read_line(line, self.link, &mut self.received)?;
        }
        self.show()
    }

    fn show(&mut self) -> Result<(), End> {
        if !self.received.lines.is_empty() {
            self.output.show(&self.received)?;
            self.received.lines.clear();
            self.received.name = None;
        }
        self.link.have_shown();
        Ok(())
    }
}

fn read_line(line: &[u8], link: &Link, received: &mut Received) -> Result<(), End> {
    let line = text::make_safe(line);
    info!("received: {line}");
    if link.greet(&line)? == Interest::Hidden {
        return Ok(());
    }
    if let Some(name) = reply::your_name(&line)
        && link.server() == Some(Server::Ours)
    {
        received.name = Name::parse(name).ok();
    }
    received.lines.push_str(&line);
    received.lines.push('\n');
    Ok(())
}
