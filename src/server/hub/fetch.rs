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
#[derive(Debug, Default)]
pub(super) struct Fetches {
    /// What was asked for and is not read yet.
    requests: VecDeque<Request>,
    /// What was read, until the broadcaster takes it.
    pub(super) fetched: Vec<(ConnectionId, Fetched)>,
    /// Nothing more is to be read.
    is_over: bool,
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

    /// Nothing more is to be read.
    pub(crate) fn end_fetches(&self) {
        self.with(|shared| shared.fetches.is_over = true);
        self.asked.notify_one();
    }
}
