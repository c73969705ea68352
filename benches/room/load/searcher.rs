//! A member that searches without a pause.

use std::io;
use std::time::Instant;

use hdrhistogram::Histogram;
use memchr::memmem;
use mio::event::Event;
use mio::{Registry, Token};

use crate::link::{Link, Received};
use crate::outcome;
use crate::running::Running;
use crate::talk::{VOCABULARY, word};

/// What the poll tells of it.
pub const SEARCHER: Token = Token(usize::MAX - 2);

/// Each answer has one of these, in its last line.
const ENDS: [&[u8]; 3] = [b"-- that is all", b"-- nothing with ", b"-- searched back to "];

/// Longer than what an answer ends with.
const TAIL: usize = 32;

/// A member that searches.
pub struct Searcher {
    /// Its connection.
    link: Link,
    /// What it looks for in turn: a common word, a medium one, a rare one and none.
    words: [String; 4],
    /// When the current search began; `None` if there is none.
    since: Option<Instant>,
    /// How long the searches took, in nanoseconds.
    pub times: Histogram<u32>,
    /// The end of what has come since then.
    tail: Vec<u8>,
}

impl Searcher {
    /// It is welcome when the others are.
    pub fn new(server: &Running, hello: &str, registry: &Registry) -> io::Result<Searcher> {
        let mut link = Link::connect(server, hello)?;
        link.register(registry, SEARCHER)?;
        let words = [word(0), word(2000), word(VOCABULARY - 100), "nosuchword".to_owned()];
        let times = outcome::histogram();
        Ok(Searcher { link, words, since: None, times, tail: Vec::new() })
    }

    /// Searches, unless it does already.
    pub fn search(&mut self, now: Instant) -> io::Result<()> {
        if self.since.is_none() {
            self.since = Some(now);
            self.tail.clear();
            let word = &self.words[self.times.len() as usize % self.words.len()];
            self.link.out.extend_from_slice(format!("/search {word}\n").as_bytes());
            self.link.write()?;
        }
        Ok(())
    }

    /// Reads what has come, and looks for the end of the answer.
    pub fn attend(&mut self, event: &Event, buffer: &mut [u8]) -> io::Result<()> {
        self.link.on_event(event)?;
        loop {
            let length = match self.link.read(buffer)? {
                Received::Nothing => return Ok(()),
                Received::Bytes { length, .. } => length,
                Received::End => return Err(io::ErrorKind::UnexpectedEof.into()),
            };
            self.tail.extend_from_slice(&buffer[..length]);
            if ENDS.iter().any(|end| memmem::find(&self.tail, end).is_some())
                && let Some(since) = self.since.take()
            {
                self.times.saturating_record(since.elapsed().as_nanos() as u64);
            }
            self.tail.drain(..self.tail.len().saturating_sub(TAIL));
        }
    }
}
