//! The thread that keeps the room: it takes what was applied from the hub, cut by cut, writes each cut to the
//! history in one transaction, and lets leave the server what follows from it only then.
//!
//! When a cut cannot be written, the room goes on: everyone is told once, cuts settle unkept, and what memory
//! still has is written later (`backlog`). Between cuts, when it is quiet, the keeper lets go from the
//! file what is too old or too much.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::config::HistoryConfig;
use super::history::checkpoint::{WalBound, Written};
use super::history::kept::{Counters, Cut};
use super::history::lock::Marker;
use super::history::retention::{Retention, Step};
use super::history::store::{Failure, Store};
use super::history::turn::Turns;
use super::hub::Hub;
use super::hub::cut::Cut as Applied;
use super::indexer::Feed;
use super::system::{instant, now};
use crate::protocol::reply::Count;
use crate::protocol::tag::Seq;
use backlog::Backlog;

mod backlog;

/// How long nothing must have been applied before the keeper does what can wait.
const QUIET: Duration = Duration::from_secs(1);

/// After so many lines it is done in any case.
const MOST_LINES: u64 = 1_000;

/// How long the keeper waits before it tries again to write what it could not write.
const RETRY: Duration = Duration::from_secs(10);

/// A commit that takes longer is logged.
const SLOW: Duration = Duration::from_secs(1);

/// In how many parts of the time for which events are kept the keeper looks what has become too old, and the
/// least and the most time between two looks.
const LOOKS: u32 = 24;
const LEAST_LOOK: Duration = Duration::from_secs(60);
const MOST_LOOK: Duration = Duration::from_secs(24 * 60 * 60);

/// Where the keeper says how far this run is: the marker beside the history's file.
pub(crate) trait Mark: Send {
    /// Says it, so that it is on the disk when this returns.
    ///
    /// # Errors
    ///
    /// The system's reason.
    fn mark(&mut self, marker: &Marker) -> std::io::Result<()>;
}

/// The keeper's thread.
#[derive(Debug)]
pub(crate) struct Keeper<S, M> {
    /// Where cuts come from and are settled.
    hub: Arc<Hub>,
    /// The connection that writes.
    store: S,
    /// Where it is said how far this run is.
    lock: M,
    /// What is said there while everything is kept.
    running: Marker,
    /// Whose turn it is to write.
    turns: Arc<Turns>,
    /// The checkpointer, which is told that something was written.
    written: Arc<Written>,
    /// The indexer, which is told how many events were kept.
    feed: Arc<Feed>,
    /// How much may wait to be written back.
    wal: WalBound,
    /// What goes from the file, and when.
    retention: Retention,
    /// How often it is looked what has become too old.
    look_every: Duration,
    /// When what can wait is done next, if it is quiet by then.
    tidy_at: Instant,
    /// How many lines were kept since that was done.
    untidied: u64,
    /// What could not be written, while something could not.
    backlog: Option<Backlog>,
    /// The number that the event has which comes next after all that are kept, and how many public lines
    /// were said before it.
    kept: (Seq, u64),
}

/// Whether there is going to be another cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    GoOn,
    /// The last word is settled.
    End,
}

impl<S: Store, M: Mark> Keeper<S, M> {
    /// A keeper of the room that the hub was given back, up to the event of number `next`, after `said` public
    /// lines.
    pub(crate) fn new(
        hub: Arc<Hub>,
        (store, lock): (S, M),
        running: Marker,
        (turns, written, feed): (Arc<Turns>, Arc<Written>, Arc<Feed>),
        config: &HistoryConfig,
        kept: (Seq, u64),
    ) -> Keeper<S, M> {
        let look = config.keep.map_or(MOST_LOOK, |keep| keep / LOOKS);
        Keeper {
            hub,
            store,
            lock,
            running,
            turns,
            written,
            feed,
            wal: WalBound::default(),
            retention: Retention::new(config.keep, config.keep_size),
            look_every: look.clamp(LEAST_LOOK, MOST_LOOK),
            tidy_at: instant() + QUIET,
            untidied: 0,
            backlog: None,
            kept,
        }
    }

    /// Keeps the room until its last word is settled.
    pub(crate) fn run(mut self) {
        let mut applied = self.hub.first_cut();
        loop {
            match applied {
                Some(applied) => {
                    if self.take(applied) == Next::End {
                        break;
                    }
                }
                None => self.do_what_is_due(),
            }
            applied = self.hub.cut(Some(self.due()));
        }
        self.end();
    }

    /// When there is something to do even if nothing is applied.
    fn due(&self) -> Instant {
        let retry = self.backlog.as_ref().and_then(Backlog::retry_at);
        retry.into_iter().chain([self.tidy_at]).min().unwrap_or(self.tidy_at)
    }

    fn do_what_is_due(&mut self) {
        if self.backlog.as_ref().and_then(Backlog::retry_at).is_some_and(|at| at <= instant()) {
            self.catch_up();
        } else if self.tidy_at <= instant() {
            self.tidy();
        }
    }

    /// Keeps a cut, and lets leave what follows from it.
    fn take(&mut self, applied: Applied) -> Next {
        let Applied { from, batches, changes, following, end } = applied;
        let next = if following.closing { Next::End } else { Next::GoOn };
        let cut = Cut {
            from,
            batches,
            gap: None,
            members: changes.members,
            waiting: changes.waiting,
            counters: changes.counters,
        };
        self.untidied += cut.counters.next_seq.saturating_sub(from);
        match &mut self.backlog {
            Some(backlog) => backlog.add(cut),
            None => self.keep(cut),
        }
        // The batches are let go of before, so that the hub can still add to the last of them.
        self.hub.settle(following, end);
        if self.untidied >= MOST_LINES {
            self.tidy();
        } else if next == Next::GoOn {
            self.tidy_at = self.tidy_at.min(instant() + QUIET);
        }
        next
    }

    fn keep(&mut self, cut: Cut) {
        match self.write(&cut) {
            Ok(()) => self.on_kept(&cut),
            Err(failure) => self.on_failure(&failure).add(cut),
        }
    }

    fn on_kept(&mut self, cut: &Cut) {
        let Counters { next_seq, said, .. } = cut.counters;
        self.feed.add(next_seq.saturating_sub(cut.from));
        self.kept = (next_seq, said);
    }

    fn write(&mut self, cut: &Cut) -> Result<(), Failure> {
        let began = instant();
        let kept = {
            let _turn = self.turns.of_keeper();
            self.store.keep(cut)
        };
        self.written.mark();
        let took = instant() - began;
        if took > SLOW {
            log::warn!("history: the disk took {:.1} s", took.as_secs_f64());
        }
        kept
    }

    /// The file cannot be written, or must not be any more: from now on cuts settle unkept.
    fn on_failure(&mut self, failure: &Failure) -> &mut Backlog {
        // Before anything leaves that is not kept.
        if let Err(why) = self.lock.mark(&Marker::Partial) {
            log::warn!("history: cannot write beside it: {}", crate::problem::reason(&why));
        }
        log::error!("history: what is said is not kept for now: {failure}");
        self.hub.stop_keeping(failure.told(), self.kept.0);
        let retry_at = failure.may_pass().then(|| instant() + RETRY);
        self.backlog.insert(Backlog::new(self.kept, retry_at))
    }

    /// Tries to write what could not be written, as far as memory still has it.
    fn catch_up(&mut self) {
        let Some(mut backlog) = self.backlog.take() else { return };
        let batches = self.hub.read(backlog.from(), usize::MAX);
        let cut = backlog.cut(batches, now());
        match self.write(&cut) {
            Ok(()) => {
                self.on_kept(&cut);
                let unkept = cut.gap.map_or(0, |gap| gap.lines);
                if let Err(why) = self.lock.mark(&self.running) {
                    log::warn!("history: cannot write beside it: {}", crate::problem::reason(&why));
                }
                log::info!(
                    "history: what is said is kept again; {} are not",
                    Count(unkept, "line")
                );
                self.hub.keep_again(cut.gap);
            }
            Err(failure) => {
                backlog.put_off(failure.may_pass().then(|| instant() + RETRY));
                self.backlog = Some(backlog);
            }
        }
    }

    /// Does one step of what can wait, and says when the next one is to be done.
    fn tidy(&mut self) {
        self.untidied = 0;
        self.tidy_at = instant() + self.look_every;
        if self.backlog.is_some() {
            return;
        }
        let turns = Arc::clone(&self.turns);
        let _turn = turns.of_keeper();
        if let Ok(Some(bytes)) = self.wal.keep(&mut self.store) {
            let megabytes = bytes >> 20;
            log::warn!(
                "history: another program keeps the file open, so it grows ({megabytes} MB to write \
                 back)"
            );
        }
        let farewell = |_: &mut S, _| Ok(());
        match self.retention.step(&mut self.store, now(), farewell) {
            Ok(Step::Done) => self.on_tidied(),
            Ok(Step::Idle) => {}
            // It is seen at the next cut, too.
            Err(failure) if failure.may_pass() => {}
            // No cut fails though the path names another file by now.
            Err(failure) => {
                self.on_failure(&failure);
            }
        }
    }

    /// A step has changed the file, and another one may be left to do.
    fn on_tidied(&mut self) {
        self.written.mark();
        self.tidy_at = instant();
        if let Ok(oldest) = self.store.oldest() {
            self.hub.forget_before(oldest.map(|(oldest, _)| oldest));
        }
    }

    /// The last cut is settled: says whether all is kept.
    fn end(mut self) {
        // A file that is damaged or gone is never written again.
        if self.backlog.as_ref().is_some_and(|backlog| backlog.retry_at().is_some()) {
            self.catch_up();
        }
        self.written.end();
        self.feed.end();
        if self.backlog.is_none()
            && let Err(why) = self.lock.mark(&Marker::Clean { next: self.kept.0 })
        {
            log::warn!("history: cannot write beside it: {}", crate::problem::reason(&why));
        }
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::sync::{Mutex, PoisonError};
    use std::thread;

    use super::super::config::{Config, Durability};
    use super::super::history::store::fake::Fake;
    use super::super::room::restore::Restored;
    use super::super::waker::Waker;
    use super::*;

    const RUNNING: Marker = Marker::Running { boot: None, durability: Durability::Crash };

    /// The markers that there were.
    #[derive(Debug, Clone, Default)]
    struct Marks(Arc<Mutex<Vec<Marker>>>);

    impl Mark for Marks {
        fn mark(&mut self, marker: &Marker) -> std::io::Result<()> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(marker.clone());
            Ok(())
        }
    }

    impl Marks {
        fn so_far(&self) -> Vec<Marker> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
        }
    }

    /// A keeper of a new room, and its hub.
    fn keeper(file: &Fake, marks: &Marks) -> (Arc<Hub>, thread::JoinHandle<()>) {
        let config = Config::default();
        let hub = Arc::new(Hub::new(Waker::new().expect("there are pipes"), &config));
        hub.restore(&config, Restored::nothing(), None);
        let shared = (Arc::new(Turns::new()), Arc::new(Written::new()), Arc::new(Feed::new()));
        let lock = (file.another(), marks.clone());
        let keeper = Keeper::new(Arc::clone(&hub), lock, RUNNING, shared, &config.history, (1, 0));
        (hub, thread::spawn(move || keeper.run()))
    }

    #[test]
    fn a_run_that_has_kept_all_says_so_at_its_end() {
        let marks = Marks::default();
        let (hub, keeper) = keeper(&Fake::new(), &marks);
        hub.close();
        keeper.join().expect("it does not panic");
        assert_eq!(marks.so_far(), [Marker::Clean { next: 1 }]);
    }

    #[test]
    fn a_file_that_is_gone_is_told_when_the_keeper_tidies_and_is_never_written_again() {
        let (file, marks) = (Fake::new(), Marks::default());
        file.replace();
        let (hub, keeper) = keeper(&file, &marks);
        let begin = instant();
        while marks.so_far().is_empty() {
            assert!(begin.elapsed() < Duration::from_secs(20), "it does not notice");
            thread::sleep(Duration::from_millis(10));
        }
        hub.close();
        keeper.join().expect("it does not panic");
        assert_eq!(marks.so_far(), [Marker::Partial]);
    }
}
