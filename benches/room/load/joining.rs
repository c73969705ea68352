//! How the clients of a load come into the room.

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use memchr::memmem;
use mio::{Events, Poll, Token};

use super::guessers::Guessers;
use super::member::Member;
use super::searcher::Searcher;
use super::visitors::Visitors;
use super::{Load, PATIENCE};
use crate::alarm::Alarm;
use crate::dialect::Dialect;
use crate::link::{Link, Received};
use crate::outcome;
use crate::scenario::Scenario;
use crate::site::Site;
use crate::target::Target;

/// The room has come to rest after the joins when nothing has come for so long.
const REST: Duration = Duration::from_millis(200);

/// How many come at a time, at most. Some programs give a newcomer two seconds.
const AT_ONCE: usize = 100;

/// The same for each server where no more than ten may wait to be accepted: whoever comes then is let in seconds later.
const FEW_AT_ONCE: usize = 8;

impl<'a> Load<'a> {
    /// Connects everyone, and waits until the room has come to rest.
    pub fn join(target: Target, scenario: &'a Scenario, site: &'a Site) -> io::Result<Load<'a>> {
        let now = Instant::now();
        let poll = Poll::new()?;
        let mut load = Load {
            target,
            scenario,
            site,
            alarm: Alarm::new(&poll)?,
            poll,
            members: Vec::new(),
            stalled: None,
            slow: None,
            searcher: None,
            guessers: None,
            visitors: Visitors::new(scenario),
            start: now,
            last_receipt: now,
            latency: outcome::histogram(),
            across: outcome::histogram(),
            buffer: vec![0; 512 * 1024],
        };
        let at_once = match target.dialect() {
            Dialect::Irc | Dialect::Ncat => FEW_AT_ONCE * site.len(),
            _ => AT_ONCE,
        };
        while load.members.len() < scenario.clients {
            let from = load.members.len();
            for number in from..scenario.clients.min(from + at_once) {
                let mut link = load.connect(number)?;
                link.register(load.poll.registry(), Token(number))?;
                load.members.push(Member::new(link, scenario.senders));
            }
            load.be_welcome(from)?;
        }
        load.join_others()?;
        load.rest()?;
        if site.len() > 1 {
            // The link between two of ngircd 26.1, where it is compressed, breaks when their clients become more.
            site.await_union(target.dialect())?;
            load.rest()?;
        }
        load.let_guess()?;
        Ok(load)
    }

    /// Those who are not counted.
    fn join_others(&mut self) -> io::Result<()> {
        let clients = self.scenario.clients;
        if self.scenario.stalled {
            let mut stalled = self.connect(clients)?;
            let mut slow = self.connect(clients + 1)?;
            stalled.settle(&mut self.buffer, PATIENCE)?;
            slow.settle(&mut self.buffer, PATIENCE)?;
            (self.stalled, self.slow) = (Some(stalled), Some(slow));
        }
        if self.target == Target::Searched {
            let hello = self.target.dialect().hello(clients + 2);
            self.searcher = Some(Searcher::new(self.site.server(0), &hello, self.poll.registry())?);
        }
        Ok(())
    }

    /// Has those guess who guess at passwords, where there are any.
    fn let_guess(&mut self) -> io::Result<()> {
        let count = self.scenario.guessers;
        if count > 0 && self.target.is_ours() {
            let registry = self.poll.registry();
            let guessers = Guessers::new(count, self.site.server(0), registry, &mut self.buffer)?;
            self.guessers = Some(guessers);
        }
        Ok(())
    }

    /// Begins to connect the client with that number.
    fn connect(&self, number: usize) -> io::Result<Link> {
        Link::connect(self.site.server(number), &self.target.dialect().hello(number))
    }

    /// Waits until each client from that number on is there.
    fn be_welcome(&mut self, from: usize) -> io::Result<()> {
        let welcome = memmem::Finder::new(self.target.dialect().welcome());
        let mut greetings = vec![Vec::new(); self.members.len() - from];
        let mut missing = greetings.len();
        let mut events = Events::with_capacity(1024);
        while missing > 0 {
            self.poll.poll(&mut events, Some(PATIENCE))?;
            if events.is_empty() {
                return Err(io::Error::new(ErrorKind::TimedOut, "not everyone was welcomed"));
            }
            for event in &events {
                let Token(i) = event.token();
                if i < from {
                    // What the earlier ones get now is not counted.
                    self.attend(event)?;
                    continue;
                }
                let greeting: &mut Vec<u8> = &mut greetings[i - from];
                let was_welcome = welcome.find(greeting).is_some();
                let link = &mut self.members[i].link;
                link.on_event(event)?;
                while let Received::Bytes { length, .. } = link.read(&mut self.buffer)? {
                    greeting.extend_from_slice(&self.buffer[..length]);
                }
                let is_welcome = welcome.find(greeting).is_some();
                missing -= usize::from(is_welcome && !was_welcome);
            }
        }
        Ok(())
    }

    /// Waits until the room has come to rest.
    fn rest(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        loop {
            self.poll.poll(&mut events, Some(REST))?;
            if events.is_empty() {
                return Ok(());
            }
            self.receive(&events)?;
        }
    }
}
