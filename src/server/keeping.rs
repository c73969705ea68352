//! The room's history, opened, and the threads that keep it.
//!
//! Opening reads from the file what the room comes back from, before anybody may join. A room that several servers hold
//! comes from its log, of which the file is this server's archive. Then threads work: the
//! keeper (`keeper`); the checkpointer, which copies what was written into the file itself (`history`); the
//! indexer, which notes the words (`indexer`); and the fetcher, which reads for readers that lag (`fetcher`). A
//! panic in one of them ends the server.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Local};
use log::Level;

use super::config::{Config, Durability, HistoryConfig};
use super::fetcher::Fetcher;
use super::history::Refusal;
use super::history::checkpoint::{Checkpointer, Written};
use super::history::kept::{Counters, Erased, Loaded};
use super::history::lock::{self, Lock, Marker, Start};
use super::history::place::{self, History};
use super::history::query;
use super::history::refusal::Unusable;
use super::history::store::opening::{Owner, Shared};
use super::history::store::readers::Readers;
use super::history::store::sqlite::SqliteStore;
use super::history::store::{Failure, Store};
use super::history::turn::Turns;
use super::hub::Hub;
use super::indexer::{Feed, IndexKeeper};
use super::keeper::{Keeper, Mark, RETRY};
use super::room::Room;
use super::room::keeping::Keeping;
use super::room::log::Numbers;
use super::room::restore::Restored;
use super::shared::meta::RoomId;
use super::shared::url::RoomName;
use super::shutdown::Shutdown;
use super::system::thread::JoinHandle;
use super::vital::Vital;
use crate::problem::Problem;
use crate::protocol::moment::local;
use crate::protocol::reply::Notice;
use crate::state_folder::Environment;

#[cfg(all(test, not(shuttle)))]
mod erasing;

/// A history that was read and is not written yet.
#[derive(Debug)]
pub(crate) struct Kept {
    /// The file, and who else is kept from it.
    store: SqliteStore,
    /// Keeps others from the file as long as it lives, and holds the marker.
    lock: Lock,
    /// Connections beside the keeper's.
    others: Others,
    /// The file, for members who look for something.
    path: PathBuf,
    /// What the marker says while everything is kept.
    running: Marker,
    /// What the room comes back from.
    loaded: Loaded,
    /// The orders to erase lines that the last run has left, and that are carried out by now.
    erased: Vec<Erased>,
    /// What members are told who resume, if lines may be missing that were sent.
    doubt: Option<Notice<'static>>,
    /// The shared room of which it is an archive, by its id, if it is one already.
    archive_of: Option<RoomId>,
    /// What that room is called, or is going to be.
    room: Option<RoomName>,
}

/// Each thread's connection to the file, besides the keeper's.
#[derive(Debug)]
struct Others {
    /// It writes.
    checkpointer: SqliteStore,
    /// It only reads.
    fetcher: SqliteStore,
    /// It writes.
    indexer: SqliteStore,
}

impl Others {
    fn open(path: &Path, durability: Durability) -> Result<Others, Failure> {
        Ok(Others {
            checkpointer: SqliteStore::writer(path, durability)?,
            fetcher: SqliteStore::reader(path)?,
            indexer: SqliteStore::writer(path, durability)?,
        })
    }
}

impl Mark for Lock {
    fn mark(&mut self, marker: &Marker) -> std::io::Result<()> {
        Lock::mark(self, marker)
    }
}

impl Kept {
    /// The room's history, if it is to have one and can; of a shared room, this server's archive of it.
    ///
    /// # Errors
    ///
    /// A file that was named or that is there cannot be used. Nothing in it was changed.
    pub(crate) fn open(config: &Config) -> Result<Option<Kept>, Problem> {
        let environment = Environment::of_process();
        let durability = config.history.durability;
        let (file, port) = (&config.history.file, config.history.port);
        let room = config.shared.as_ref().map(|shared| shared.url.room.clone());
        let name = room.as_ref().map(RoomName::to_string);
        let owner = name.as_deref().map_or(Owner::Server, Owner::Servers);
        // A shared room's newest events come from its log.
        let memory = if room.is_some() { 0 } else { config.memory };
        let opened = place::open(file, (port, owner), &environment, durability, memory);
        let History { mut store, lock, path, is_new, mut loaded, erased } = match opened {
            Err(refusal) => return Err(Problem::History(refusal.into())),
            Ok(Err(why)) => {
                let level = if why.is_chosen() { Level::Info } else { Level::Warn };
                log::log!(
                    level,
                    "history: none ({why}); what is said is gone when the server ends"
                );
                return Ok(None);
            }
            Ok(Ok(history)) => history,
        };
        let unusable = |failure| Problem::History(Refusal::of(failure, &path).into());
        log_file(&path, &loaded, store.size().map_err(unusable)?.used);
        let others = Others::open(&path, durability).map_err(unusable)?;
        let archive_of = store.archive_of().map_err(unusable)?;
        let archive_of = archive_of.as_deref().and_then(|it| RoomId::parse(Shared::read(it).id));
        let boot = lock::boot();
        let next = loaded.counters.next_seq;
        let mut start = Start { next_seq: next, doubt: None };
        // The numbers of a shared room are its log's.
        if room.is_none() {
            start = lock::start(lock.found(), next, boot.as_deref(), is_new);
        }
        let Start { next_seq, doubt } = start;
        loaded.counters = Counters { next_seq, ..loaded.counters };
        let running = Marker::Running { boot, durability, block: lock::block_of(next_seq) };
        let is_own = room.is_none();
        let mut kept =
            Kept { store, lock, others, path, running, loaded, erased, doubt, archive_of, room };
        if is_own {
            kept.mark()?;
        }
        Ok(Some(kept))
    }

    /// Says that this run has begun.
    fn mark(&mut self) -> Result<(), Problem> {
        let unmarked = |why| Problem::System("write beside the history", why);
        self.lock.mark(&self.running).map_err(unmarked)
    }

    /// The shared room of which it is an archive, by its id, if it is one already.
    pub(crate) fn archive_of(&self) -> Option<RoomId> {
        self.archive_of
    }

    /// The numbers of the last event and of the next member, when this archive was written last; `None` in a new one.
    pub(crate) fn numbers(&self) -> Option<Numbers> {
        let Counters { next_seq, next_member, .. } = self.loaded.counters;
        (next_seq > 1).then_some(Numbers { seq: next_seq - 1, member: next_member })
    }

    /// Whether it is an archive of this room, or can be one. One of another room of the same name stays with that: the store
    /// has lost that room, and this one has begun there.
    pub(crate) fn is_for(&self, id: RoomId) -> bool {
        let is_for = self.archive_of.is_none_or(|archive_of| archive_of == id);
        if !is_for {
            log::warn!(
                "history: what is said is not kept: {} belongs to another room of that name, which \
                 the store has lost; give another file, or move it away",
                self.path.display()
            );
        }
        is_for
    }

    /// Has it be an archive of this room, which is as a snapshot in its log has it, and is going to be read on from
    /// there.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub(crate) fn be_archive_of(
        &mut self,
        id: RoomId,
        room: &mut Room,
        config: &HistoryConfig,
    ) -> Result<(), Problem> {
        let path = self.path.clone();
        let unusable = |why: Unusable| Problem::History(why.at(&path).into());
        let (id, name) = (id.to_string(), self.room.as_ref().map(RoomName::to_string));
        let shared = Shared { id: &id, name: name.as_deref() };
        self.store.archive(shared).map_err(|failure| unusable(failure.into()))?;
        self.mark()?;
        let (begin, said) = (room.transcript().end(), room.said());
        if self.numbers().is_some() {
            room.erase_in_archive(self.loaded.counters.next_seq);
        } else {
            // What was said before this server came for the first time is missing nowhere.
            let counters = Counters { next_seq: begin, said, ..self.loaded.counters };
            self.loaded.counters = counters;
        }
        let read = query::gaps(self.store.connection(), 0);
        let gaps = read.map_err(|why| unusable(Failure::from(why).into()))?;
        let oldest = self.loaded.oldest.map_or(begin, |(oldest, _)| oldest);
        room.keep(Keeping { time: config.keep, not_now: None }, oldest, gaps);
        Ok(())
    }

    /// From when on the history has what was said: the time of its oldest event, or now in an empty one.
    pub(crate) fn since(&self) -> DateTime<Local> {
        since(&self.loaded)
    }

    /// Gives the hub its room back, and starts the threads that keep it.
    ///
    /// # Errors
    ///
    /// The system has no more threads.
    pub(crate) fn start(
        self,
        hub: &Arc<Hub>,
        config: &Config,
        shutdown: &Shutdown,
    ) -> Result<Threads, Problem> {
        let Kept { store, lock, others, path, running, loaded, erased, doubt, .. } = self;
        let kept = (loaded.counters.next_seq, loaded.counters.said);
        let file = Readers::new(path.clone());
        if hub.is_shared() {
            let (oldest, memory) = hub.remembered();
            let earlier = store.newest_before(oldest, memory);
            let earlier =
                earlier.map_err(|why| Problem::History(Refusal::of(why, &path).into()))?;
            hub.archive(kept.0, earlier, file);
        } else {
            hub.restore(config, restored(loaded, config, doubt), Some(file));
        }
        let turns = Arc::new(Turns::new());
        let (written, feed) = (Arc::new(Written::new()), Arc::new(Feed::new()));
        let shared = (Arc::clone(&turns), Arc::clone(&written), Arc::clone(&feed));
        if !erased.is_empty() {
            written.mark_erased();
            feed.outdate();
        }
        erased.into_iter().for_each(|erased| hub.on_erased(erased));
        let indexer =
            IndexKeeper::new(others.indexer, Arc::clone(&turns), feed, Arc::clone(&written));
        let checkpointer = Checkpointer::new(others.checkpointer, written, turns);
        let fetcher = Fetcher::new(Arc::clone(hub), others.fetcher);
        let keeper = Keeper::new(
            Arc::clone(hub),
            (store, lock),
            running,
            shared,
            &config.history,
            kept,
            RETRY,
        );
        // Nothing leaves the server that is not kept, so coming back costs nobody a line.
        let vital =
            Vital { hub: Arc::clone(hub), shutdown: shutdown.clone(), give_up: Hub::abandon };
        let threads = vec![
            vital.start("keeper", move || keeper.run())?,
            vital.start("checkpointer", move || log_end(checkpointer.run()))?,
            vital.start("indexer", move || log_end(indexer.run()))?,
            vital.start("fetcher", move || fetcher.run())?,
        ];
        Ok(Threads { hub: Arc::clone(hub), threads })
    }
}

/// What a room of this server's own comes back from.
fn restored(loaded: Loaded, config: &Config, doubt: Option<Notice<'static>>) -> Restored {
    let Loaded { members, facts, waiting, counters, batches, gaps, oldest } = loaded;
    let oldest = oldest.map(|(oldest, _)| oldest);
    let keeping = Keeping { time: config.history.keep, not_now: None };
    Restored { batches, members, facts, waiting, oldest, gaps, counters, keeping, doubt }
}

/// Logs why a thread has ended before the others.
fn log_end(ended: Result<(), Failure>) {
    if let Err(failure) = ended {
        log::error!("history: {failure}");
    }
}

/// The threads that keep the room.
#[derive(Debug)]
pub(crate) struct Threads {
    /// What they work for.
    hub: Arc<Hub>,
    /// The keeper ends once the last word is settled, the checkpointer and the indexer end with it, and the
    /// fetcher when nothing more is to be read.
    threads: Vec<JoinHandle<()>>,
}

impl Threads {
    /// Waits until all is kept.
    ///
    /// # Errors
    ///
    /// A bug has ended one of them.
    pub(crate) fn join(self) -> Result<(), Problem> {
        self.hub.end_fetches();
        let ended: Vec<_> = self.threads.into_iter().map(JoinHandle::join).collect();
        ended.into_iter().try_for_each(|ended| ended.map_err(|_panic| Problem::Bug))
    }
}

fn since(loaded: &Loaded) -> DateTime<Local> {
    loaded.oldest.map_or_else(Local::now, |(_, at)| local(at))
}

fn log_file(path: &Path, loaded: &Loaded, bytes: u64) {
    let since = since(loaded).format("%Y-%m-%d");
    let (path, size) = (path.display(), bytes.div_ceil(1 << 20));
    log::info!("history: since {since} in {path} ({size} MB)");
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::super::waker::Waker;
    use super::*;

    #[test]
    fn a_thread_that_panics_ends_the_server_and_nothing_leaves_it_any_more() {
        let config = Config::default();
        let hub = Arc::new(Hub::new(Waker::new().expect("there are pipes"), &config));
        hub.restore(&config, Restored::nothing(), None);
        let shutdown = Shutdown::new().expect("there are pipes");
        let vital =
            Vital { hub: Arc::clone(&hub), shutdown: shutdown.clone(), give_up: Hub::abandon };
        let unharmed = vital.start("checkpointer", || {}).expect("a thread");
        assert!(unharmed.join().is_ok() && !shutdown.has_begun());
        let keeper = vital.start("keeper", || panic!("a bug")).expect("a thread");
        let checkpointer = vital.start("checkpointer", || {}).expect("a thread");
        let threads = Threads { hub: Arc::clone(&hub), threads: vec![keeper, checkpointer] };
        assert!(matches!(threads.join(), Err(Problem::Bug)));
        assert!(shutdown.has_begun());
        assert!(hub.round(false, true, 0).following.closing, "the broadcaster ends");
    }
}
