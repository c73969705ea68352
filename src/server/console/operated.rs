//! What the operator at the keyboard acts on: the server that runs, and in tests a fake one.

use std::ops::Range;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::protocol::request::Order;
use crate::protocol::tag::{Millis, Seq};
use crate::server::audience::{Audience, Kind, NOBODY};
use crate::server::batch::Batch;
use crate::server::hub::overview::Resident;
use crate::server::hub::watch::News;
use crate::server::shutdown::Shutdown;
use crate::server::status::Status;

/// A server, as the operator at its keyboard can act on it. No call waits for a client, but for those of watching.
pub(super) trait Operated: Send + Sync + 'static {
    /// Tells all a text, which is safe to be shown, and says how many members that are; `None` if there is no room
    /// to tell it in, at the beginning or the end.
    fn announce(&self, text: &str) -> Option<usize>;

    /// Who is here, and from where.
    fn residents(&self) -> Vec<Resident>;

    /// Does what operators may order in the room, too. The value is the answer, line by line.
    fn order(&self, order: &Order<'_>) -> Vec<String>;

    /// Makes a code that lets one person in for so long. The value is the answer, line by line.
    fn invite(&self, time: Duration) -> Vec<String>;

    /// The number of the event that watching begins with.
    fn watch_from(&self) -> Seq;

    /// Waits for what is said to all from that event on. `None` once `is_over`, or nothing more is said.
    fn wait_for_said(&self, from: Seq, is_over: &AtomicBool) -> Option<Heard>;

    /// Has whoever waits there see that it is over.
    fn end_watch(&self);

    /// Ends the server, as Ctrl+C does.
    fn shut_down(&self);
}

/// What the watching thread has come to hear.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Heard {
    /// What was said to all, and when.
    pub(super) lines: Vec<(Millis, String)>,
    /// How many lines before these were passed over, since the terminal was too slow.
    pub(super) passed_over: u64,
    /// The number of the event to go on with.
    pub(super) next: Seq,
}

/// The server of this process.
#[derive(Debug)]
pub(super) struct RunningServer {
    /// Leads to its hub, while there is one.
    pub(super) status: Status,
    /// Ends it.
    pub(super) shutdown: Shutdown,
}

impl Operated for RunningServer {
    fn announce(&self, text: &str) -> Option<usize> {
        self.status.hub()?.announce(text)
    }

    fn residents(&self) -> Vec<Resident> {
        self.status.hub().map(|hub| hub.residents()).unwrap_or_default()
    }

    fn order(&self, order: &Order<'_>) -> Vec<String> {
        self.status.hub().map(|hub| hub.order(order)).unwrap_or_default()
    }

    fn invite(&self, time: Duration) -> Vec<String> {
        self.status.hub().map(|hub| hub.invite(time)).unwrap_or_default()
    }

    fn watch_from(&self) -> Seq {
        self.status.hub().map_or(0, |hub| hub.watch_from())
    }

    fn wait_for_said(&self, from: Seq, is_over: &AtomicBool) -> Option<Heard> {
        Some(match self.status.hub()?.wait_for_news(NOBODY, from, is_over)? {
            News::PassedOver(passed_over, next) => Heard { passed_over, next, ..Heard::default() },
            News::Events(batches, range) => {
                let lines = batches.iter().flat_map(|batch| public_lines(batch, &range)).collect();
                Heard { lines, passed_over: 0, next: range.end }
            }
        })
    }

    fn end_watch(&self) {
        self.status.hub().into_iter().for_each(|hub| hub.end_watch());
    }

    fn shut_down(&self) {
        log::info!("shutdown was typed at the keyboard");
        self.shutdown.begin();
    }
}

/// What was said to all in these events of a batch, and when.
fn public_lines(batch: &Batch, events: &Range<Seq>) -> Vec<(Millis, String)> {
    let said = batch.index().envelopes(0).zip(0..).filter(|(envelope, _)| {
        let is_for_few = envelope.audience.is_private() || envelope.audience == Audience::Nobody;
        envelope.kind == Kind::Said && !is_for_few
    });
    let numbers = said.map(|(_, index)| batch.seq(index)).filter(|event| events.contains(event));
    numbers.map(|event| (batch.time(event), batch.line(event).to_owned())).collect()
}
