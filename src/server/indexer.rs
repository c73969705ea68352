//! The thread that fills the index of the history's words, behind the keeper: a search finds what is not
//! in the index yet in the rows, so nobody waits for it.
//!
//! It works in small steps while little is said, and leaves a flood alone until that is over: in the middle of
//! it, each step would make lines wait.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::history::checkpoint::Written;
use super::history::index::{Indexer, Progress, STEP};
use super::history::store::sqlite::SqliteStore;
use super::history::store::{Checkpoint, Failure, Store};
use super::history::turn::Turns;
use super::system::{Condvar, Mutex, instant};

/// A second without a line is quiet.
const QUIET: Duration = Duration::from_secs(1);

/// How many lines in a second are a flood. At 2,000, steps made lines wait whose senders had nothing else to wait
/// for; people alone do not say 1,000.
const FLOOD: u64 = 1_000;

/// What the thread is told by the keeper.
#[derive(Debug)]
pub(crate) struct Feed {
    /// What it has not taken note of yet.
    news: Mutex<News>,
    /// Notified when there is more.
    told: Condvar,
}

/// What the thread has not taken note of yet.
#[derive(Debug, Default)]
struct News {
    /// How many events were kept.
    events: u64,
    /// Whether the index has words of erased lines.
    is_outdated: bool,
    /// Whether it is to end.
    is_over: bool,
}

/// What happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// So many events were kept.
    Events(u64),
    /// None were, for a second.
    Quiet,
    /// Lines were erased of which the index has words.
    Outdated,
    /// The end. The index may be behind.
    Over,
}

impl Feed {
    pub(crate) fn new() -> Feed {
        Feed { news: Mutex::new(News::default()), told: Condvar::new() }
    }

    /// So many events were kept.
    pub(crate) fn add(&self, events: u64) {
        self.tell(|news| news.events += events);
    }

    /// Lines were erased of which the index has words.
    pub(crate) fn outdate(&self) {
        self.tell(|news| news.is_outdated = true);
    }

    /// Nothing more is going to be kept.
    pub(crate) fn end(&self) {
        self.tell(|news| news.is_over = true);
    }

    fn tell(&self, what: impl FnOnce(&mut News)) {
        // It is changed under the lock: the thread sees it before it waits, or is woken.
        what(&mut self.news.lock().unwrap_or_else(PoisonError::into_inner));
        self.told.notify_all();
    }

    /// Waits for something to happen; for the quiet only if `is_behind`, so that nothing ticks.
    fn next(&self, is_behind: bool) -> Next {
        let mut news = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        let is_nothing = |news: &mut News| !news.is_anything();
        while !is_behind && is_nothing(&mut news) {
            news = self.told.wait(news).unwrap_or_else(PoisonError::into_inner);
        }
        let (mut news, _) = self
            .told
            .wait_timeout_while(news, QUIET, is_nothing)
            .unwrap_or_else(PoisonError::into_inner);
        if news.is_over {
            return Next::Over;
        }
        if std::mem::take(&mut news.is_outdated) {
            return Next::Outdated;
        }
        match std::mem::take(&mut news.events) {
            0 => Next::Quiet,
            events => Next::Events(events),
        }
    }
}

impl News {
    fn is_anything(&self) -> bool {
        self.events > 0 || self.is_outdated || self.is_over
    }
}

/// How many events the last second brought.
#[derive(Debug, Default)]
struct Rate(VecDeque<(Instant, u64)>);

impl Rate {
    /// Adds events, and says whether the last second is a flood.
    fn is_flood(&mut self, events: u64, now: Instant) -> bool {
        self.0.push_back((now, events));
        while self.0.front().is_some_and(|(at, _)| now.duration_since(*at) > QUIET) {
            self.0.pop_front();
        }
        self.0.iter().map(|(_, events)| events).sum::<u64>() >= FLOOD
    }
}

/// The thread's work.
#[derive(Debug)]
pub(crate) struct IndexKeeper {
    /// A connection of its own.
    store: SqliteStore,
    /// Whose turn it is to write.
    turns: Arc<Turns>,
    /// By which it is told.
    feed: Arc<Feed>,
    /// The checkpointer, which is told that words were erased.
    written: Arc<Written>,
    /// Makes the index.
    indexer: Indexer,
}

impl IndexKeeper {
    pub(crate) fn new(
        store: SqliteStore,
        turns: Arc<Turns>,
        feed: Arc<Feed>,
        written: Arc<Written>,
    ) -> IndexKeeper {
        IndexKeeper { store, turns, feed, written, indexer: Indexer::default() }
    }

    /// Fills the index until it is told that it is over.
    ///
    /// # Errors
    ///
    /// What is the matter with the file, once that cannot become better: the index stays as it is, and a
    /// search goes through the rows.
    pub(crate) fn run(mut self) -> Result<(), Failure> {
        let mut rate = Rate::default();
        self.indexer.prepare();
        // The last run may have left something.
        let mut behind = 1;
        loop {
            match self.feed.next(behind > 0) {
                Next::Over => return self.end(),
                Next::Outdated => {
                    self.forget()?;
                    behind = behind.max(1);
                }
                Next::Events(events) => {
                    behind += events;
                    let is_flood = rate.is_flood(events, instant());
                    while behind >= STEP.into() && !is_flood {
                        self.step()?;
                        behind -= u64::from(STEP);
                    }
                }
                Next::Quiet => {
                    if self.step()? == Progress::IsUpToDate {
                        behind = 0;
                    }
                    while behind > 0 && self.feed.is_quiet() {
                        if self.step()? == Progress::IsUpToDate {
                            behind = 0;
                        }
                    }
                }
            }
        }
    }

    /// Drops the parts of the index that have words of erased lines, whatever is said meanwhile. Whether there
    /// were any.
    fn forget(&mut self) -> Result<bool, Failure> {
        let mut has_dropped = false;
        while self.write(Indexer::forget)?.unwrap_or(false) {
            has_dropped = true;
        }
        if has_dropped {
            self.written.mark_erased();
        }
        Ok(has_dropped)
    }

    /// No word of an erased line is left when this ends, wherever the checkpointer is by now.
    fn end(mut self) -> Result<(), Failure> {
        if self.forget()? {
            let _turn = self.turns.of_another();
            self.store.checkpoint(Checkpoint::Truncate)?;
        }
        Ok(())
    }

    /// One step. A failure that may pass counts as one that found nothing to do: the next lines bring another.
    fn step(&mut self) -> Result<Progress, Failure> {
        let progress = self.write(Indexer::step)?;
        Ok(progress.unwrap_or(Progress::IsUpToDate))
    }

    /// Does something to the file, for which it is this thread's turn. `None` if it has failed and that may pass.
    fn write<T>(
        &mut self,
        work: impl FnOnce(&mut Indexer, &Connection) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, Failure> {
        let _turn = self.turns.of_another();
        match work(&mut self.indexer, self.store.connection()).map_err(Failure::from) {
            Ok(done) => Ok(Some(done)),
            Err(failure) if failure.may_pass() => Ok(None),
            Err(failure) => Err(failure),
        }
    }
}

impl Feed {
    /// Whether nothing has happened that the thread has not taken note of.
    fn is_quiet(&self) -> bool {
        let news = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        !news.is_anything()
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_what_comes_within_a_second() {
        let (mut rate, start) = (Rate::default(), Instant::now());
        let after = |millis| start + Duration::from_millis(millis);
        assert!(!rate.is_flood(FLOOD - 1, after(0)));
        assert!(rate.is_flood(1, after(900)));
        assert!(!rate.is_flood(1, after(1_500)));
        assert!(!rate.is_flood(1, after(3_000)));
    }

    #[test]
    fn what_was_kept_is_told_at_once_and_the_end_before_all() {
        let feed = Feed::new();
        feed.add(3);
        feed.add(4);
        assert_eq!(feed.next(false), Next::Events(7));
        assert!(feed.is_quiet());
        feed.add(1);
        feed.end();
        assert_eq!(feed.next(true), Next::Over);
    }
}
