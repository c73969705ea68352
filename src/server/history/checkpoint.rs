//! The thread that copies what was written into the file itself, so that no commit does.
//!
//! It sleeps until something was written. Then it works ten times a second, as far as it can without
//! waiting for anybody, and once nothing was written for a second it empties the file beside the file.
//! After that nothing ticks.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::store::{Checkpoint, Copied, Failure, Store};
use super::turn::Turns;
use crate::server::system::{Condvar, Mutex};

/// How long it rests between two checkpoints while something is written.
const REST: Duration = Duration::from_millis(100);

/// After so many rests without anything written, it is quiet.
const QUIET_RESTS: u32 = 10;

/// Beyond so many bytes that wait to be written back, the keeper itself empties the file beside the file,
/// between two cuts. While everybody writes, only that keeps it from growing.
const MOST_WAL: u64 = 256 << 20;

/// For how long this server's own threads may keep that from being emptied: sessions that search read a portion after the
/// other. Whoever does for longer is another program.
const OWN_WORK: Duration = Duration::from_secs(60);

/// What the checkpointer is told by those who write.
#[derive(Debug)]
pub(crate) struct Written {
    /// What it has not taken note of yet.
    news: Mutex<News>,
    /// Notified when there is more.
    told: Condvar,
}

/// What the checkpointer has not taken note of yet.
#[derive(Debug, Default)]
struct News {
    /// Whether something was written since it looked.
    is_written: bool,
    /// Whether lines were erased since it looked.
    is_erased: bool,
    /// Whether it is to end.
    is_over: bool,
}

impl Written {
    pub(crate) fn new() -> Written {
        Written { news: Mutex::new(News::default()), told: Condvar::new() }
    }

    /// Something was written.
    pub(crate) fn mark(&self) {
        self.tell(|news| news.is_written = true);
    }

    /// Lines were erased: nothing is to be left of them in the file beside the file, however much is written.
    pub(crate) fn mark_erased(&self) {
        self.tell(|news| (news.is_written, news.is_erased) = (true, true));
    }

    /// Nothing more is going to be written: the checkpointer does the last of its work and ends.
    pub(crate) fn end(&self) {
        self.tell(|news| news.is_over = true);
    }

    fn tell(&self, what: impl FnOnce(&mut News)) {
        // It is changed under the lock: the checkpointer sees it before it waits, or is woken.
        what(&mut self.news.lock().unwrap_or_else(PoisonError::into_inner));
        self.told.notify_all();
    }
}

/// The thread's work.
#[derive(Debug)]
pub(crate) struct Checkpointer<S> {
    /// A connection of its own.
    store: S,
    /// By which it is told.
    written: Arc<Written>,
    /// Whose turn it is to write.
    turns: Arc<Turns>,
    /// Lines were erased, and the file beside the file was not empty since.
    owes_emptying: bool,
}

/// What happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// Something was written.
    Written,
    /// Nothing was, for one rest.
    Rested,
    /// The end.
    Over,
}

impl<S: Store> Checkpointer<S> {
    pub(crate) fn new(store: S, written: Arc<Written>, turns: Arc<Turns>) -> Checkpointer<S> {
        Checkpointer { store, written, turns, owes_emptying: false }
    }

    /// Works until it is told that it is over.
    ///
    /// # Errors
    ///
    /// What is the matter with the file, once it is damaged or gone. A failure that may pass is tried
    /// again when something was written.
    pub(crate) fn run(mut self) -> Result<(), Failure> {
        while self.wait() == Next::Written {
            if self.work_until_quiet()? == Next::Over {
                break;
            }
            self.empty()?;
        }
        self.empty()
    }

    /// Works as long as something is written, or a reader keeps it from removing what was erased. What comes
    /// after that: the quiet, or the end.
    fn work_until_quiet(&mut self) -> Result<Next, Failure> {
        let mut quiet = 0;
        while quiet < QUIET_RESTS || self.owes_emptying {
            match self.rest() {
                Next::Over => return Ok(Next::Over),
                Next::Rested => quiet += 1,
                Next::Written => {
                    quiet = 0;
                    self.checkpoint(Checkpoint::Passive)?;
                }
            }
            if self.owes_emptying {
                self.empty()?;
            }
        }
        Ok(Next::Rested)
    }

    /// Sleeps until something was written, or it is over.
    fn wait(&self) -> Next {
        let mut news = self.written.news.lock().unwrap_or_else(PoisonError::into_inner);
        while !news.is_written && !news.is_over {
            news = self.written.told.wait(news).unwrap_or_else(PoisonError::into_inner);
        }
        if news.is_over { Next::Over } else { Next::Written }
    }

    /// Rests, unless it is over, and takes note of what was written until then.
    fn rest(&mut self) -> Next {
        let written = Arc::clone(&self.written);
        let news = written.news.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut news, _) = written
            .told
            .wait_timeout_while(news, REST, |news| !news.is_over)
            .unwrap_or_else(PoisonError::into_inner);
        let is_written = std::mem::take(&mut news.is_written);
        self.owes_emptying |= std::mem::take(&mut news.is_erased);
        match (news.is_over, is_written) {
            (true, _) => Next::Over,
            (false, true) => Next::Written,
            (false, false) => Next::Rested,
        }
    }

    /// Empties the file beside the file. Whoever reads there keeps it from that, until it is quiet the
    /// next time.
    fn empty(&mut self) -> Result<(), Failure> {
        // The disk's own writing takes long, so it is done before it is anybody's turn.
        self.checkpoint(Checkpoint::Passive)?;
        let turns = Arc::clone(&self.turns);
        let _turn = turns.of_another();
        let is_empty = self.checkpoint(Checkpoint::Truncate)? == Some(Copied::All);
        self.owes_emptying &= !is_empty;
        Ok(())
    }

    /// What the checkpoint has come to; `None` if it has failed and that may pass.
    fn checkpoint(&mut self, how: Checkpoint) -> Result<Option<Copied>, Failure> {
        match self.store.checkpoint(how) {
            Ok(copied) => Ok(Some(copied)),
            Err(failure) if failure.may_pass() => Ok(None),
            Err(failure) => Err(failure),
        }
    }
}

/// What the keeper does between two cuts about the file beside the file.
#[derive(Debug)]
pub(crate) struct WalBound {
    /// How many bytes are too many.
    most: u64,
    /// Since when somebody keeps it from being emptied; `None` if nobody does.
    held_since: Option<Instant>,
    /// Whether that was told, and it was not empty since.
    is_told: bool,
}

impl Default for WalBound {
    fn default() -> WalBound {
        WalBound { most: MOST_WAL, held_since: None, is_told: false }
    }
}

impl WalBound {
    /// Empties the file beside the file if it has become too large. The value is how large it is if somebody has kept it
    /// from that for longer than this server itself does, the first time alone. The caller has the turn to write.
    ///
    /// # Errors
    ///
    /// What is the matter with the file.
    pub(crate) fn keep(
        &mut self,
        store: &mut impl Store,
        now: Instant,
    ) -> Result<Option<u64>, Failure> {
        let bytes = store.wal();
        let copied =
            if bytes < self.most { Copied::All } else { store.checkpoint(Checkpoint::Truncate)? };
        match copied {
            Copied::All => (self.held_since, self.is_told) = (None, false),
            // The checkpointer, most likely.
            Copied::Busy => {}
            Copied::Held => return Ok(self.on_held(now).then_some(bytes)),
        }
        Ok(None)
    }

    /// Whether it is to be told that somebody keeps the file from being emptied.
    fn on_held(&mut self, now: Instant) -> bool {
        let since = *self.held_since.get_or_insert(now);
        let tells = !self.is_told && now.saturating_duration_since(since) >= OWN_WORK;
        self.is_told |= tells;
        tells
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::thread;

    use super::super::scratch::lines;
    use super::super::store::Checkpoint::{Passive, Truncate};
    use super::super::store::fake::Fake;
    use super::super::store::opening::{self, Owner};
    use super::super::store::sqlite::SqliteStore;
    use super::*;
    use crate::server::config::Durability;
    use crate::test_folder::Folder;

    /// Starts one, which runs while `work` does.
    fn beside<S: Store + 'static>(
        store: S,
        work: impl FnOnce(&Written, &Turns),
    ) -> Result<(), Failure> {
        let (written, turns) = (Arc::new(Written::new()), Arc::new(Turns::new()));
        let checkpointer = Checkpointer::new(store, Arc::clone(&written), Arc::clone(&turns));
        let thread = thread::spawn(|| checkpointer.run());
        work(&written, &turns);
        written.end();
        thread.join().expect("it does not panic")
    }

    fn until(mut is_so: impl FnMut() -> bool) {
        let start = Instant::now();
        while !is_so() {
            assert!(start.elapsed() < Duration::from_secs(20), "it has not come to that");
            thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn what_was_written_is_written_back_and_after_a_quiet_second_all_of_it() {
        let file = Fake::new();
        let done = beside(file.another(), |written, _| {
            until(|| file.checkpoints().is_empty());
            written.mark();
            until(|| file.checkpoints() == [Passive, Passive, Truncate]);
            written.mark();
            until(|| file.checkpoints().len() == 6);
        });
        assert_eq!(done, Ok(()));
        let twice = [Passive, Passive, Truncate, Passive, Passive, Truncate];
        assert_eq!(file.checkpoints(), [&twice[..], &[Passive, Truncate]].concat());
    }

    #[test]
    fn it_ends_with_a_damaged_file_and_goes_on_with_a_full_disk() {
        let damaged = Failure::Damaged("x".to_owned());
        let file = Fake::new();
        let done = beside(file.failing(0..9, damaged.clone()), |written, _| written.mark());
        assert_eq!(done, Err(damaged));
        let done = beside(file.failing(0..1, Failure::Full), |written, _| {
            written.mark();
            until(|| file.checkpoints() == [Passive, Truncate]);
        });
        assert_eq!(done, Ok(()));
    }

    #[test]
    fn while_somebody_writes_it_does_not_empty_what_is_written() {
        let folder = Folder::new();
        let path = folder.file("5000.db");
        let opened = opening::open(&path, Owner::Server, Durability::Crash);
        let mut store = opened.expect("a new one").store;
        let checkpoints = SqliteStore::writer(&path, Durability::Crash).expect("it is there");
        let done = beside(checkpoints, |written, turns| {
            let turn = turns.of_keeper();
            store.keep(&lines(1, 5, 1_000, 100)).expect("it takes that");
            written.mark();
            drop(turn);
            until(|| store.wal() == 0);
        });
        assert_eq!(done, Ok(()));
        let bytes = std::fs::metadata(&path).expect("ours").len();
        assert!(bytes > 100_000, "{bytes} bytes are in the file itself");
    }

    #[test]
    fn nothing_erased_stays_beside_the_file_though_something_is_always_written() {
        let file = Fake::new();
        let done = beside(file.another(), |written, _| {
            let writing = || {
                written.mark();
                file.checkpoints().contains(&Truncate)
            };
            let start = Instant::now();
            while start.elapsed() < REST * QUIET_RESTS * 2 {
                assert!(!writing(), "it is never quiet");
                thread::sleep(Duration::from_millis(5));
            }
            file.hold(true);
            written.mark_erased();
            // Somebody reads there: it tries again.
            until(|| {
                written.mark();
                file.checkpoints().iter().filter(|how| **how == Truncate).count() > 2
            });
            file.hold(false);
            let tried = file.checkpoints().len();
            until(|| {
                written.mark();
                file.checkpoints().len() > tried + 4
            });
            let after = &file.checkpoints()[tried + 4..];
            assert!(after.iter().all(|how| *how == Passive), "it is empty, once: {after:?}");
        });
        assert_eq!(done, Ok(()));
    }

    #[test]
    fn too_large_a_file_beside_the_file_is_emptied_or_told_once_if_it_is_held_for_long() {
        let file = Fake::new();
        let (mut store, mut bound) =
            (file.another(), WalBound { most: 10_000, ..WalBound::default() });
        let mut from = 1;
        let mut keep = |store: &mut Fake| {
            store.keep(&lines(from, 5, 1_000, 100)).expect("it takes that");
            from += 1_000;
        };
        let (now, later) = (Instant::now(), Instant::now() + OWN_WORK * 2);
        assert_eq!(bound.keep(&mut store, now), Ok(None));
        keep(&mut store);
        assert_eq!((bound.keep(&mut store, now), store.wal()), (Ok(None), 0));
        file.hold(true);
        keep(&mut store);
        assert_eq!(bound.keep(&mut store, now), Ok(None), "it may be this server itself");
        assert_eq!(bound.keep(&mut store, later), Ok(Some(120_000)));
        keep(&mut store);
        assert_eq!(bound.keep(&mut store, later), Ok(None), "it was told");
        file.hold(false);
        assert_eq!((bound.keep(&mut store, later), store.wal()), (Ok(None), 0));
        file.hold(true);
        keep(&mut store);
        assert_eq!(bound.keep(&mut store, later), Ok(None), "it is another time");
        assert_eq!(bound.keep(&mut store, later + OWN_WORK), Ok(Some(120_000)));
    }
}
