//! What readers need from the history's file, since the room remembers it no more: they ask, and the fetcher's
//! thread reads it for them, a portion at a time and first come, first served.
//!
//! A reader has one request at a time, and drops what it was given when its socket is full, so that what is
//! fetched takes little memory however many readers lag.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use super::Hub;
use crate::protocol::tag::Seq;
use crate::server::audience::MemberId;
use crate::server::batch::Batch;
use crate::server::connection::ConnectionId;

/// What a reader needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// For whom it is, and who else's private lines are left out.
    pub(crate) member: MemberId,
    /// The reader's connection.
    pub(crate) connection: ConnectionId,
    /// The events, of which the first ones are wanted first.
    pub(crate) range: Range<Seq>,
}

/// What was read for a reader.
#[derive(Debug)]
pub(crate) struct Fetched {
    /// The events, in their order; there may be none.
    pub(crate) batches: Vec<Arc<Batch>>,
    /// How many lines in the range are not in the file.
    pub(crate) missing: u64,
    /// What was looked through. What it has of events is in `batches`.
    pub(crate) range: Range<Seq>,
}

/// Requests, and what was read. It is guarded by the hub's lock.
#[derive(Debug)]
pub(super) struct Fetches {
    /// What was asked for and is not read yet.
    requests: VecDeque<Request>,
    /// What was read, until the broadcaster takes it.
    pub(super) fetched: Vec<(ConnectionId, Fetched)>,
    /// What the file is about to lose, until the broadcaster takes it.
    pub(super) forgotten: Vec<Arc<Batch>>,
    /// The first event that any reader needed at the broadcaster's last round.
    pub(super) needed: Seq,
    /// Nothing more is to be read.
    is_over: bool,
}

impl Fetches {
    pub(super) fn new() -> Fetches {
        Fetches {
            requests: VecDeque::new(),
            fetched: Vec::new(),
            forgotten: Vec::new(),
            needed: Seq::MAX,
            is_over: false,
        }
    }
}

impl Hub {
    /// Asks for events that the room remembers no more.
    pub(crate) fn ask(&self, request: Request) {
        self.with(|shared| shared.fetches.requests.push_back(request));
        self.asked.notify_one();
    }

    /// Waits for the next request; `None` once nothing more is to be read.
    pub(crate) fn next_request(&self) -> Option<Request> {
        let mut guard = self.lock();
        loop {
            if guard.fetches.is_over {
                return None;
            }
            if let Some(request) = guard.fetches.requests.pop_front() {
                return Some(request);
            }
            guard.sleep(&self.asked);
        }
    }

    /// Hands the broadcaster what was read for a reader.
    pub(crate) fn deliver(&self, connection: ConnectionId, fetched: Fetched) {
        self.with(|shared| shared.fetches.fetched.push((connection, fetched)));
    }

    /// Called by the keeper before the file loses all events before that one: no member resumes there any more.
    /// Whether a reader may still need some of them, and has to be told how many lines it misses.
    pub(crate) fn will_forget(&self, end: Seq) -> bool {
        self.with(|shared| {
            shared.room.forget_before(end);
            let settled = shared.settled.iter().flat_map(super::cut::Settled::arriving);
            let applied = shared.effects.attached.iter().map(|attach| attach.from);
            let arriving = settled.chain(applied).min().unwrap_or(Seq::MAX);
            shared.fetches.needed.min(arriving) < end
        })
    }

    /// Hands the broadcaster what the file is about to lose.
    pub(crate) fn say_farewell(&self, batches: Vec<Batch>) {
        let batches = batches.into_iter().map(Arc::new);
        self.with(|shared| shared.fetches.forgotten.extend(batches));
    }

    /// Nothing more is to be read.
    pub(crate) fn end_fetches(&self) {
        self.with(|shared| shared.fetches.is_over = true);
        self.asked.notify_one();
    }
}
