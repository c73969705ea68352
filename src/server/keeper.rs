//! The thread that keeps the room: it takes what was applied from the hub, cut by cut, writes each cut to the
//! history in one transaction, and lets leave the server what follows from it only then. Of a room that several
//! servers hold it takes the events alone, and nobody waits for it.
//!
//! When a cut cannot be written, the room goes on: everyone is told once, cuts settle unkept, and what memory
//! still has is written later (`backlog`). Between cuts, when it is quiet, the keeper lets go from the
//! file what is too old or too much.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::config::HistoryConfig;
use super::history::checkpoint::{WalBound, Written};
use super::history::kept::{Counters, Cut, Gap, Portion};
use super::history::lock::{Marker, block_of};
use super::history::retention::{Retention, Step};
use super::history::store::{Failure, Store};
use super::history::turn::Turns;
use super::hub::Hub;
use super::hub::cut::Cut as Applied;
use super::indexer::Feed;
use super::system::{instant, now};
use crate::problem::reason;
use crate::protocol::reply::Count;
use crate::protocol::tag::Seq;
use backlog::{Backlog, erased_behind, gap_behind};

mod backlog;
mod erasing;
#[cfg(all(test, not(shuttle)))]
mod tests;

/// How long nothing must have been applied before the keeper does what can wait.
const QUIET: Duration = Duration::from_secs(1);

/// After so many lines it is done in any case.
const MOST_LINES: u64 = 1_000;

/// How long the keeper waits before it tries again to write what it could not write.
pub(crate) const RETRY: Duration = Duration::from_secs(10);

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
    /// Whether the room is one that several servers hold: what is missing in a cut becomes a gap.
    is_archive: bool,
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
    /// How long it waits before it tries again to write what it could not write.
    retry_after: Duration,
    /// When what can wait is done next, if it is quiet by then.
    tidy_at: Instant,
    /// How many lines were kept since that was done.
    untidied: u64,
    /// When it goes on with the orders to erase lines, if there are some.
    erase_at: Option<Instant>,
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
    /// lines. It tries again after that long to write what it could not write.
    pub(crate) fn new(
        hub: Arc<Hub>,
        (store, lock): (S, M),
        running: Marker,
        (turns, written, feed): (Arc<Turns>, Arc<Written>, Arc<Feed>),
        config: &HistoryConfig,
        kept: (Seq, u64),
        retry_after: Duration,
    ) -> Keeper<S, M> {
        let is_archive = hub.is_shared();
        let look = config.keep.map_or(MOST_LOOK, |keep| keep / LOOKS);
        Keeper {
            hub,
            is_archive,
            store,
            lock,
            running,
            turns,
            written,
            feed,
            wal: WalBound::default(),
            retention: Retention::new(config.keep, config.keep_size),
            look_every: look.clamp(LEAST_LOOK, MOST_LOOK),
            retry_after,
            tidy_at: instant() + QUIET,
            untidied: 0,
            erase_at: None,
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
        let retry = match &self.backlog {
            Some(backlog) => backlog.retry_at(),
            None => self.erase_at,
        };
        retry.into_iter().chain([self.tidy_at]).min().unwrap_or(self.tidy_at)
    }

    fn do_what_is_due(&mut self) {
        if self.backlog.as_ref().and_then(Backlog::retry_at).is_some_and(|at| at <= instant()) {
            self.catch_up();
        } else if self.is_to_erase() {
            self.erase();
        } else if self.tidy_at <= instant() {
            self.tidy();
        }
    }

    /// Keeps a cut, and lets leave what follows from it.
    fn take(&mut self, applied: Applied) -> Next {
        let Applied { from, batches, changes, following, end } = applied;
        let next = if following.closing { Next::End } else { Next::GoOn };
        let gap = if self.is_archive {
            let erased = erased_behind(from, &changes.erasures);
            gap_behind(self.kept, &batches, erased, &changes.counters, now())
        } else {
            None
        };
        let cut = Cut {
            from,
            batches,
            gap,
            members: changes.members,
            waiting: changes.waiting,
            facts: changes.facts,
            erasures: changes.erasures,
            counters: changes.counters,
        };
        self.untidied += cut.count();
        match &mut self.backlog {
            Some(backlog) => backlog.add(cut),
            None => self.keep(cut),
        }
        // The batches are let go of before, so that the hub can still add to the last of them.
        self.hub.settle(following, end);
        if self.is_to_erase() {
            self.erase();
        }
        if self.untidied >= MOST_LINES {
            self.tidy();
        } else if next == Next::GoOn {
            self.tidy_at = self.tidy_at.min(instant() + QUIET);
        }
        next
    }

    fn keep(&mut self, cut: Cut) {
        match self.write(&cut) {
            Ok(()) => {
                self.on_kept(&cut);
                cut.gap.into_iter().for_each(|gap| self.on_gap(gap));
            }
            Err(failure) => self.on_failure(&failure, cut),
        }
    }

    /// The room's log had lines no more that this archive lacks, or memory had forgotten them.
    fn on_gap(&self, gap: Gap) {
        log::warn!("history: {} not in this server's history", missing(gap.lines));
        self.hub.note_gap(gap);
    }

    fn on_kept(&mut self, cut: &Cut) {
        let Counters { next_seq, said, .. } = cut.counters;
        self.feed.add(cut.count());
        self.kept = (next_seq, said);
        if !cut.erasures.is_empty() {
            self.erase_at = Some(instant());
        }
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

    /// A cut could not be written: from now on cuts settle unkept.
    fn on_failure(&mut self, failure: &Failure, cut: Cut) {
        let mut backlog = self.stop_keeping(failure);
        backlog.add(cut);
        self.backlog = Some(backlog);
    }

    /// Tells everyone, before anything leaves that is not kept. What comes next belongs to the backlog.
    fn stop_keeping(&mut self, failure: &Failure) -> Backlog {
        self.mark(&Marker::Partial { block: block_of(self.kept.0) });
        let until =
            if failure.may_pass() { "" } else { "; it is looked at again at the next start" };
        log::error!("history: what is said is not kept for now: {failure}{until}");
        self.hub.stop_keeping(failure.told(), self.kept.0);
        Backlog::new(self.kept, self.retry_at(failure))
    }

    /// When it is tried again after that failure; `None` if the file is never written again.
    fn retry_at(&self, failure: &Failure) -> Option<Instant> {
        failure.may_pass().then(|| instant() + self.retry_after)
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
                self.mark(&self.running.clone());
                let lost = Count(unkept, "line");
                log::info!("history: what is said is kept again ({lost} could not be kept)");
                self.hub.keep_again(cut.gap);
            }
            Err(failure) => {
                backlog.put_off(self.retry_at(&failure));
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
        match self.step() {
            Ok(Step::Idle) => {}
            Ok(Step::Done) => {
                self.written.mark();
                self.tidy_at = instant();
            }
            // What passes is seen at the next cut, if it has not passed by then.
            Err(failure) if failure.may_pass() => {}
            // Commits to a file that was removed succeed, so the next cut does not see it.
            Err(failure) => self.backlog = Some(self.stop_keeping(&failure)),
        }
    }

    /// Does that step, for which it is the keeper's turn to write.
    fn step(&mut self) -> Result<Step, Failure> {
        let _turn = self.turns.of_keeper();
        if let Some(bytes) = self.wal.keep(&mut self.store, instant())? {
            let megabytes = bytes >> 20;
            log::warn!(
                "history: another program keeps the file open, so the file beside it grows \
                 ({megabytes} MB)"
            );
        }
        let hub = Arc::clone(&self.hub);
        self.retention.step(&mut self.store, now(), |store, range| say_farewell(store, range, &hub))
    }

    /// The last cut is settled: says whether all is kept.
    fn end(mut self) {
        if self.backlog.as_ref().and_then(Backlog::retry_at).is_some() {
            self.catch_up();
        }
        self.written.end();
        self.feed.end();
        if self.backlog.is_none() {
            self.mark(&Marker::Clean { next: self.kept.0 });
        }
    }

    /// Says how far this run is, for the next one.
    fn mark(&mut self, marker: &Marker) {
        if let Err(why) = self.lock.mark(marker) {
            log::warn!("history: cannot write beside it: {}", reason(&why));
        }
    }
}

/// How many lines, and the verb for them.
fn missing(lines: u64) -> String {
    format!("{} {}", Count(lines, "line"), if lines == 1 { "is" } else { "are" })
}

/// Hands readers that lag what the file is about to lose, so that they are told how many lines they miss.
fn say_farewell<S: Store>(store: &mut S, range: Range<Seq>, hub: &Hub) -> Result<(), Failure> {
    if !hub.will_forget(range.end) {
        return Ok(());
    }
    let mut left = range;
    while !left.is_empty() {
        let Portion { batches, range, .. } = store.rows(left.clone(), None)?;
        left.start = range.end;
        hub.say_farewell(batches);
    }
    Ok(())
}
