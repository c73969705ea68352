//! Clients that join, say a line that is not counted, and leave.

use std::io;
use std::time::{Duration, Instant};

use mio::event::Event;
use mio::{Registry, Token};

use super::member::NOBODY;
use crate::line::Line;
use crate::link::{Link, Received};
use crate::scenario::Scenario;
use crate::site::Site;
use crate::target::Target;

/// Those who come and go.
pub struct Visitors {
    /// How many come in a second.
    rate: u32,
    /// When the next one is due; `None` before the first one.
    due: Option<Instant>,
    /// In the order in which they came; `None` where one has gone.
    links: Vec<Option<Link>>,
    /// The token of the first one.
    first: usize,
}

impl Visitors {
    /// Those of the scenario; nobody has come yet.
    pub fn new(scenario: &Scenario) -> Visitors {
        Visitors { rate: scenario.churn, due: None, links: Vec::new(), first: scenario.clients }
    }

    /// How many have come.
    pub fn came(&self) -> u64 {
        self.links.len() as u64
    }

    /// Lets those come who are due.
    pub fn come(
        &mut self,
        target: Target,
        length: usize,
        site: &Site,
        registry: &Registry,
        now: Instant,
    ) -> io::Result<()> {
        if self.rate == 0 {
            return Ok(());
        }
        while self.due.is_none_or(|due| now >= due) {
            self.due = Some(self.due.unwrap_or(now) + Duration::from_secs(1) / self.rate);
            // An odd one: who ends its input in the tagged form does not leave.
            let number = 2 * (self.first + 2 + self.links.len()) + 1;
            let dialect = target.dialect();
            let mut link = Link::connect(site.server(number), &dialect.hello(number))?;
            let line = Line { sender: NOBODY, number: 0, sent_at: 0 };
            dialect.publish(&line.bytes(length), &mut link.out);
            link.leave()?;
            link.register(registry, Token(self.first + self.links.len()))?;
            self.links.push(Some(link));
        }
        Ok(())
    }

    /// Attends to the one with that token, until the server has let it go. One that fails is gone.
    pub fn attend(&mut self, event: &Event, buffer: &mut [u8]) {
        let Some(place) = self.links.get_mut(event.token().0 - self.first) else { return };
        let Some(link) = place else { return };
        if link.on_event(event).is_ok() {
            loop {
                match link.read(buffer) {
                    Ok(Received::Nothing) => return,
                    Ok(Received::Bytes { .. }) => {}
                    Ok(Received::End) | Err(_) => break,
                }
            }
        }
        *place = None;
    }
}
