//! What the broadcaster is handed: once a round, all that is new and settled.
//!
//! Entries are applied by sessions, and what follows from them waits here. Without a history it is settled
//! at once: a round takes all of it. With one, it is settled when the file has it (`cut`).

use std::sync::Arc;
use std::time::Instant;

use super::fetch::Fetched;
use super::{Hub, Shared, Sleep};
use crate::protocol::name::Name;
use crate::protocol::tag::Seq;
use crate::server::audience::Recipient;
use crate::server::batch::Batch;
use crate::server::connection::{Connection, ConnectionId};
use crate::server::room::effects::{Aside, Attach, Effects};
use crate::server::room::entry::{Entry, Outcome};
use crate::server::system::instant;

/// What follows for connections from entries that were applied, in their order.
#[derive(Debug, Default)]
pub(crate) struct Following {
    /// Readers that are served from now on.
    pub(crate) arrivals: Vec<Arrival>,
    /// Connections that are served no more, each with the number after the last event that it gets.
    pub(crate) departures: Vec<(Arc<Connection>, Seq)>,
    /// Connections that get the tagged form, each from that event on.
    pub(crate) taggings: Vec<(ConnectionId, Seq)>,
    /// What a connection is told, before the event with that number.
    pub(crate) asides: Vec<(ConnectionId, Seq, Aside)>,
    /// What a connection is sent between two lines and before all else.
    pub(crate) telnet_answers: Vec<(ConnectionId, [u8; 3])>,
    /// Members that were disconnected for too long.
    pub(crate) expired: Vec<Name>,
    /// Lines were erased: copies of them are to be let go of.
    pub(crate) is_erased: bool,
    /// The last word has been said.
    pub(crate) closing: bool,
}

impl Following {
    /// Adds what follows later.
    pub(super) fn append(&mut self, mut later: Following) {
        self.arrivals.append(&mut later.arrivals);
        self.departures.append(&mut later.departures);
        self.taggings.append(&mut later.taggings);
        self.asides.append(&mut later.asides);
        self.telnet_answers.append(&mut later.telnet_answers);
        self.expired.append(&mut later.expired);
        self.is_erased |= later.is_erased;
        self.closing |= later.closing;
    }
}

/// A reader that the broadcaster serves from now on.
#[derive(Debug)]
pub(crate) struct Arrival {
    /// Which member it is, and how it gets its lines.
    pub(crate) recipient: Recipient,
    /// Over which it is served.
    pub(crate) connection: Arc<Connection>,
    /// What it is sent before all else, line by line.
    pub(crate) greeting: String,
    /// The first event that it may get.
    pub(crate) from: Seq,
    /// How many bytes of lines are before that.
    pub(crate) offset: u64,
}

/// What the broadcaster is handed once a round.
#[derive(Debug, Default)]
pub(crate) struct Round {
    /// What follows for connections.
    pub(crate) following: Following,
    /// Batches whose private events are withdrawn, as they were and as they are now.
    pub(crate) withdrawn: Vec<(Arc<Batch>, Arc<Batch>)>,
    /// What the room no longer remembers.
    pub(crate) evicted: Vec<Arc<Batch>>,
    /// What the history's file is about to lose, for readers that lag so far.
    pub(crate) forgotten: Vec<Arc<Batch>>,
    /// What was read from the history's file for a connection's reader.
    pub(crate) fetched: Vec<(ConnectionId, Fetched)>,
    /// What the history's file has of the events that the room remembers no more.
    pub(crate) file: Option<File>,
    /// The number after the last event that may be sent.
    pub(crate) end: Seq,
    /// How many bytes of lines are before that.
    pub(crate) end_offset: u64,
    /// How far a reader that keeps pace may lag, in bytes of lines.
    pub(crate) allowed_lag: u64,
    /// When there is going to be more, if nobody brings anything.
    pub(crate) due: Option<Instant>,
    /// There was nothing: a broadcaster that is idle may wait.
    pub(crate) nothing: bool,
}

/// What the history's file has of the events that the room remembers no more: those before `oldest`, but
/// for those from `unkept` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct File {
    /// The oldest event that is remembered, and how many bytes of lines are before that.
    pub(crate) oldest: (Seq, u64),
    /// The first event that could not be kept, while some cannot.
    pub(crate) unkept: Option<Seq>,
}

impl Shared {
    /// Whether something has been applied and was not taken.
    pub(super) fn has_applied(&self) -> bool {
        self.room.transcript().has_unsealed()
            || !self.effects.is_empty()
            || !self.telnet_answers.is_empty()
            || !self.expired.is_empty()
            || self.is_closing_new
            || self.room.has_erasures()
    }

    /// Whether there is something that the broadcaster may take and has not.
    pub(super) fn has_news(&self) -> bool {
        let is_new = match &self.settled {
            None => self.has_applied(),
            Some(settled) => settled.is_new,
        };
        is_new || !self.fetches.fetched.is_empty() || !self.fetches.forgotten.is_empty()
    }

    /// When the room changes by itself.
    pub(super) fn due(&self) -> Option<Instant> {
        self.room.due().map(|due| self.opened + due)
    }

    /// When the broadcaster has to see to that; with a history it is the keeper that does.
    pub(super) fn broadcaster_due(&self) -> Option<Instant> {
        if self.settled.is_none() { self.due() } else { None }
    }

    /// Does what has become due.
    pub(super) fn expire(&mut self) {
        if self.due().is_some_and(|due| due <= instant())
            && let Outcome::Expired(mut expired) = self.apply(Entry::Expire)
        {
            self.expired.append(&mut expired);
        }
    }

    /// Takes what follows from all that was applied, with the connections that are named there.
    pub(super) fn take_following(&mut self) -> Following {
        let Effects { attached, detached, tagged, asides, is_erased, .. } = self.effects.take();
        self.is_closing_new = false;
        let arrival = |Attach { recipient, connection, greeting, from, offset }| {
            let connection = Arc::clone(self.connections.get(&connection)?);
            Some(Arrival { recipient, connection, greeting, from, offset })
        };
        let arrivals = attached.into_iter().filter_map(arrival).collect();
        let departed = |(connection, until)| Some((self.connections.remove(&connection)?, until));
        Following {
            arrivals,
            departures: detached.into_iter().filter_map(departed).collect(),
            taggings: tagged,
            asides,
            telnet_answers: std::mem::take(&mut self.telnet_answers),
            expired: std::mem::take(&mut self.expired),
            is_erased,
            closing: self.room.is_closed(),
        }
    }

    /// The number after the last event that may be sent, and how many bytes of lines are before that.
    pub(super) fn settled_end(&self) -> (Seq, u64) {
        let sealed = || self.room.transcript().sealed_end();
        self.settled.as_ref().map_or_else(sealed, |settled| settled.end)
    }
}

impl Hub {
    /// Hands the broadcaster what is new and settled; its readers need no event before `needed`. If there is
    /// nothing and it is idle, the next thread to bring something wakes it. While `held`, sessions that flood
    /// the room bring nothing.
    pub(crate) fn round(&self, held: bool, idle: bool, needed: Seq) -> Round {
        let mut guard = self.lock();
        self.freeing(&mut guard, |shared| {
            shared.backpressure.is_held = held;
            self.take_round(shared, idle, needed)
        })
    }

    fn take_round(&self, shared: &mut Shared, idle: bool, needed: Seq) -> Round {
        let mut round = Round::default();
        if shared.settled.is_none() {
            shared.expire();
            round.due = shared.due();
        }
        round.nothing = !shared.has_news();
        shared.asleep = (round.nothing && idle).then_some(Sleep { until: round.due });
        round.following = match &mut shared.settled {
            Some(settled) => settled.take(),
            None => {
                shared.room.transcript_mut().seal();
                shared.take_following()
            }
        };
        let arriving = round.following.arrivals.iter().map(|arrival| arrival.from).min();
        shared.fetches.needed = needed.min(arriving.unwrap_or(Seq::MAX));
        self.forget(shared, &mut round);
        // Whatever is new to be watched has come with a round, and so has the end.
        self.notify_watchers(shared);
        round
    }

    /// Takes out what is more than the memory holds, and says how far the readers may go.
    fn forget(&self, shared: &mut Shared, round: &mut Round) {
        (round.end, round.end_offset) = shared.settled_end();
        round.fetched = std::mem::take(&mut shared.fetches.fetched);
        round.forgotten = std::mem::take(&mut shared.fetches.forgotten);
        let transcript = shared.room.transcript_mut();
        round.withdrawn = std::iter::from_fn(|| transcript.withdraw()).collect();
        round.evicted = match &shared.archive {
            None => std::iter::from_fn(|| transcript.evict(round.end)).collect(),
            Some(archive) => {
                let evict = || transcript.evict(archive.may_forget(transcript, round.end));
                std::iter::from_fn(evict).collect()
            }
        };
        round.allowed_lag = transcript.lines_in(self.allowed_lag);
        let oldest = transcript.oldest();
        let oldest = (oldest, transcript.offset(oldest));
        let unkept = match (&shared.settled, &shared.archive) {
            (Some(settled), _) => Some(settled.unkept),
            (None, Some(archive)) => Some(archive.first_unkept(oldest.0)),
            (None, None) => None,
        };
        round.file = unkept.map(|unkept| File { oldest, unkept });
    }
}
