//! The thread that reads from the history's file what readers need that lag beyond the room's memory.

use std::sync::Arc;
use std::time::Duration;

use super::history::kept::Portion;
use super::history::store::Store;
use super::hub::Hub;
use super::hub::fetch::{Fetched, Request};
use super::system::thread;

/// How many bytes of lines are read in a second at most, for all readers together, so that lines that are
/// said now find a processor and the disk.
const MOST_A_SECOND: u64 = 16 << 20;

/// The fetcher's thread.
#[derive(Debug)]
pub(crate) struct Fetcher<S> {
    /// Where requests come from.
    hub: Arc<Hub>,
    /// A connection that only reads.
    store: S,
}

impl<S: Store> Fetcher<S> {
    pub(crate) fn new(hub: Arc<Hub>, store: S) -> Fetcher<S> {
        Fetcher { hub, store }
    }

    /// Reads until nothing more is to be read.
    pub(crate) fn run(mut self) {
        while let Some(request) = self.hub.next_request() {
            let connection = request.connection;
            let fetched = self.fetch(request);
            let bytes: usize = fetched.batches.iter().map(|batch| batch.bytes()).sum();
            self.hub.deliver(connection, fetched);
            thread::sleep(Duration::from_secs(1) * bytes as u32 / MOST_A_SECOND as u32);
        }
    }

    fn fetch(&mut self, Request { member, range, .. }: Request) -> Fetched {
        match self.store.rows(range.clone(), Some(member)) {
            Ok(Portion { batches, gaps, range }) => {
                let there: u64 = batches.iter().map(|batch| batch.end() - batch.begin()).sum();
                let lines: u64 = gaps.iter().map(|gap| gap.lines).sum();
                // The reader may have had the first of the lines of a gap.
                let missing = lines.min((range.end - range.start).saturating_sub(there));
                let batches = batches.into_iter().map(Arc::new).collect();
                Fetched { batches, missing, range }
            }
            // The reader goes on behind it, as if the file had nothing there.
            Err(failure) => {
                log::error!("history: cannot read what a slow reader has missed: {failure}");
                Fetched { batches: Vec::new(), missing: range.end - range.start, range }
            }
        }
    }
}
