//! What the load does with what its clients get.

use std::io::{self, ErrorKind};
use std::time::Instant;

use mio::event::Event;
use mio::{Events, Token};

use super::Load;
use super::guessers::FIRST_GUESSER;
use super::searcher::SEARCHER;
use crate::alarm::ALARM;
use crate::link::Received;

impl Load<'_> {
    /// Attends to all events.
    pub fn receive(&mut self, events: &Events) -> io::Result<()> {
        events.iter().try_for_each(|event| self.attend(event))
    }

    /// Does what an event asks for.
    pub fn attend(&mut self, event: &Event) -> io::Result<()> {
        match event.token() {
            ALARM => Ok(()),
            SEARCHER => {
                let searcher = self.searcher.as_mut();
                searcher.map_or(Ok(()), |searcher| searcher.attend(event, &mut self.buffer))
            }
            Token(i) if i >= FIRST_GUESSER => {
                if let Some(guessers) = &mut self.guessers {
                    guessers.attend(event, &mut self.buffer);
                }
                Ok(())
            }
            Token(i) if i >= self.members.len() => {
                self.visitors.attend(event, &mut self.buffer);
                Ok(())
            }
            Token(i) => {
                self.members[i].link.on_event(event)?;
                if event.is_readable() { self.read(i) } else { Ok(()) }
            }
        }
    }

    /// Reads all that has come for a member.
    fn read(&mut self, i: usize) -> io::Result<()> {
        let member = &mut self.members[i];
        loop {
            let carried = member.carried(&mut self.buffer);
            let (length, is_all) = match member.link.read(&mut self.buffer[carried..])? {
                Received::Nothing => return Ok(()),
                Received::Bytes { length, is_all } => (length, is_all),
                Received::End => {
                    return Err(io::Error::new(ErrorKind::UnexpectedEof, "a client was dropped"));
                }
            };
            let now = Instant::now();
            let since_start = (now - self.start).as_nanos() as u64;
            let bytes = &self.buffer[..carried + length];
            let (latency, across) = (&mut self.latency, &mut self.across);
            let (site, place) = (self.site, self.site.place(i));
            let before = member.received;
            member.take_all(bytes, self.scenario.length, self.scenario.lines, |line| {
                let time = since_start.saturating_sub(line.sent_at);
                latency.saturating_record(time);
                if site.place(line.sender) != place {
                    across.saturating_record(time);
                }
            });
            if member.received > before {
                self.last_receipt = now;
            }
            if is_all {
                return Ok(());
            }
        }
    }
}
