//! A reader that lags beyond what the room remembers, or is shown something that old: it is served from the
//! history's file. It asks, is set aside like one whose socket is full, and goes on when the fetcher has read
//! that for it.

use std::sync::Arc;

use super::{PORTION, Reader};
use crate::protocol::tag::Seq;
use crate::server::batch::Batch;
use crate::server::hub::Hub;
use crate::server::hub::fetch::{Fetched, Request};
use crate::server::hub::round::File;
use crate::server::room::effects::Aside;

/// What a reader needs from the history's file, since the room remembers it no more.
#[derive(Debug)]
pub(super) enum Fetch {
    /// Nothing.
    Nothing,
    /// The events from that one on, which it waits for.
    Asked(Seq),
    /// It has them.
    Got(Fetched),
}

/// What there is from an event on that is shown again: what was read from the history's file, or what the room
/// remembers; `None` if it has to be read first.
pub(super) fn read(fetch: &Fetch, hub: &Hub, event: Seq) -> Option<Vec<Arc<Batch>>> {
    match fetch {
        Fetch::Nothing => Some(hub.read(event, PORTION)),
        Fetch::Asked(_) => None,
        Fetch::Got(fetched) if fetched.range.contains(&event) => Some(fetched.batches.clone()),
        Fetch::Got(_) => None,
    }
}

impl Reader {
    /// The first event that it needs next, of those that are shown again or that are new to it.
    pub(super) fn needs(&self) -> Seq {
        match self.asides.front() {
            Some((at, Aside::Replay(replay))) if *at <= self.next => {
                replay.oldest().unwrap_or(self.next)
            }
            _ => self.next,
        }
    }

    /// Looks whether it can go on without the history's file. If it needs something from there, that is asked
    /// for, and it waits. Lines that are not there either are counted as missed.
    pub(in crate::server) fn look_for_file(&mut self, file: File, hub: &Hub) {
        let (needed, (oldest, offset)) = (self.needs(), file.oldest);
        if needed >= oldest {
            self.fetch = Fetch::Nothing;
            return;
        }
        match &self.fetch {
            Fetch::Asked(event) if *event == needed => return,
            Fetch::Got(fetched) if fetched.range.contains(&needed) => return,
            Fetch::Nothing | Fetch::Asked(_) | Fetch::Got(_) => {}
        }
        let end = file.unkept.unwrap_or(oldest).min(oldest);
        if needed < end {
            let (member, connection) = (self.recipient.member, self.connection.id());
            hub.ask(Request { member, connection, range: needed..end });
            self.fetch = Fetch::Asked(needed);
        } else if needed == self.next {
            self.missed += hub.missed(self.recipient, needed);
            (self.next, self.offset) = (oldest, offset);
            self.take_turns();
        }
    }

    /// Takes what it has asked for.
    pub(in crate::server) fn on_fetched(&mut self, fetched: Fetched) {
        if let Fetch::Asked(event) = self.fetch
            && event == fetched.range.start
        {
            if event == self.next {
                self.missed += fetched.missing;
            }
            self.fetch = Fetch::Got(fetched);
        }
    }

    /// The events that were read for it from the history's file, and the number after what was looked through.
    pub(super) fn fetched(&self) -> Option<(Vec<Arc<Batch>>, Seq)> {
        match &self.fetch {
            Fetch::Got(fetched) => Some((fetched.batches.clone(), fetched.range.end)),
            Fetch::Nothing | Fetch::Asked(_) => None,
        }
    }

    /// Lets go of what was read for it, once it is through with that, or its socket is full: it asks again, and
    /// keeps no memory that long.
    pub(super) fn let_go_of_fetched(&mut self) {
        if let Fetch::Got(fetched) = &self.fetch
            && (self.full_since.is_some() || !fetched.range.contains(&self.needs()))
        {
            self.fetch = Fetch::Nothing;
        }
    }

    /// Forgets what was read for it, since lines were erased: it asks again.
    pub(in crate::server) fn forget_fetched(&mut self) {
        if let Fetch::Got(_) = &self.fetch {
            self.fetch = Fetch::Nothing;
        }
    }

    /// Whether it waits for something from the history's file.
    pub(in crate::server) fn waits_for_file(&self) -> bool {
        matches!(self.fetch, Fetch::Asked(_))
    }

    /// Whether it lags so far that it is served from the history's file.
    pub(in crate::server) fn is_in_file(&self) -> bool {
        !matches!(self.fetch, Fetch::Nothing)
    }
}
