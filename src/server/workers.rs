//! The worker threads, which serve connections: as many as are needed at once, and never more than the maximum.
//!
//! A thread that has served one connection serves the next, so that a storm of connections makes no
//! storm of threads: each thread takes mappings and address space, which are limited for a process. Few threads
//! stay when there is nothing to do; the next thread that ends or begins joins the one that has ended.
//!
//! The module has a lock of its own, which is held for moments. While it is held, no connection is touched and
//! no other lock is taken.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use super::connection::{CloseReason, Connection};
use super::headroom::Headroom;
use super::system::thread::{self, JoinHandle};
use super::system::{Condvar, Mutex, MutexGuard};

/// The size of a thread's stack, in bytes: a session keeps little there, and its buffers are on the heap.
const STACK: usize = 256 * 1024;

/// How many idle threads are kept for the next connections. Each keeps the part of its stack that it has used,
/// about 20 KB.
const SPARE: usize = 8;

/// The threads, and the connections that wait for one.
#[derive(Debug)]
pub(super) struct Workers {
    /// The state that the threads share.
    shared: Arc<Shared>,
    /// How many connections may be served at a time, where the system has the threads, and how many may wait.
    most_connections: usize,
    /// How many threads there may be.
    most: usize,
    /// Tells whether the address space is enough for another thread.
    headroom: Headroom,
}

/// The state that all threads share, and the condition variables for its changes.
#[derive(Debug)]
struct Shared {
    /// The state, under the module's lock.
    state: Mutex<State>,
    /// Notified when a connection waits for a thread, and at the end. Idle threads wait for it.
    work: Condvar,
    /// Notified when a thread has taken a connection. The thread that accepts waits for it, where too many wait.
    taken: Condvar,
    /// Notified when a thread has begun. The thread that starts them waits for it.
    begun: Condvar,
}

/// The threads, and the connections that wait for one.
#[derive(Debug, Default)]
struct State {
    /// The connections that no thread has taken yet, oldest first.
    waiting: VecDeque<Work>,
    /// How many threads wait for a connection. A thread that was notified, or has just been started, counts until
    /// it runs.
    idle: usize,
    /// The threads that have not ended, by their numbers.
    workers: BTreeMap<u64, Worker>,
    /// The threads that have ended, or are about to, and have to be joined.
    ended: Vec<JoinHandle<()>>,
    /// How many threads there are: a thread counts until it is joined.
    count: usize,
    /// How many threads have ever been started: the next one's number.
    started: u64,
    /// How many of the started threads have begun to run.
    begun: u64,
    /// Whether the server ends: no connection is taken any more.
    closing: bool,
}

/// A thread that has not ended.
#[derive(Debug)]
struct Worker {
    /// Its handle, by which it is joined.
    thread: JoinHandle<()>,
    /// The connection that it serves. Weak, so that the socket of a client that is gone is closed.
    serving: Weak<Connection>,
}

/// A connection to be served.
struct Work {
    /// The connection.
    connection: Arc<Connection>,
    /// Serves it, and does not panic.
    serve: Box<dyn FnOnce(Arc<Connection>) + Send>,
}

impl std::fmt::Debug for Work {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Work").field(&self.connection).finish()
    }
}

impl Workers {
    /// No threads yet, for so many connections at a time.
    pub(super) fn new(most_connections: usize) -> Workers {
        let headroom = Headroom::new();
        let most = most_connections.min(headroom.most_threads());
        let shared = Shared {
            state: Mutex::new(State::default()),
            work: Condvar::new(),
            taken: Condvar::new(),
            begun: Condvar::new(),
        };
        Workers { shared: Arc::new(shared), most_connections, most, headroom }
    }

    /// Waits, for `timeout` at most, while as many connections wait for a thread as may be served at a time. Whether
    /// there is room for another one.
    pub(super) fn wait_for_room(&self, timeout: Duration) -> bool {
        let is_full = |state: &mut State| state.waiting.len() >= self.most_connections;
        let mut state = self.shared.lock();
        if is_full(&mut state) {
            let waited = self.shared.taken.wait_timeout_while(state, timeout, is_full);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        !is_full(&mut state)
    }

    /// Has a connection served by the next thread that is free. `serve` does not panic.
    ///
    /// # Errors
    ///
    /// The system has no thread to spare: the connection waits for one of the present threads.
    pub(super) fn serve(
        &mut self,
        connection: Arc<Connection>,
        serve: impl FnOnce(Arc<Connection>) + Send + 'static,
    ) -> io::Result<()> {
        let work = Work { connection, serve: Box::new(serve) };
        self.shared.lock().waiting.push_back(work);
        self.shared.work.notify_one();
        self.start_missing()
    }

    /// Whether connections wait for a thread that could not be started.
    pub(super) fn are_missing(&self) -> bool {
        let state = self.shared.lock();
        state.waiting.len() > state.idle && state.count < self.most
    }

    /// Starts the threads that connections wait for.
    ///
    /// # Errors
    ///
    /// The system has none to spare.
    pub(super) fn start_missing(&mut self) -> io::Result<()> {
        while self.are_missing() {
            self.start()?;
        }
        Ok(())
    }

    fn start(&mut self) -> io::Result<()> {
        self.headroom.check()?;
        // Under the lock, so that the thread finds its entry when it looks for it.
        let mut state = self.shared.lock();
        let id = state.started;
        let shared = Arc::clone(&self.shared);
        let thread = thread::Builder::new().stack_size(STACK).spawn(move || shared.work(id))?;
        state.workers.insert(id, Worker { thread, serving: Weak::new() });
        state.count += 1;
        state.idle += 1;
        state.started += 1;
        let ended = std::mem::take(&mut state.ended);
        drop(state);
        self.shared.join(ended);
        if self.headroom.is_limited() {
            self.shared.wait_until_begun();
        }
        Ok(())
    }

    /// Hangs up on all connections, and waits until every thread has ended.
    pub(super) fn close(self) {
        let mut state = self.shared.lock();
        state.closing = true;
        let (waiting, ended) =
            (std::mem::take(&mut state.waiting), std::mem::take(&mut state.ended));
        let workers = std::mem::take(&mut state.workers);
        drop(state);
        self.shared.work.notify_all();
        drop(waiting);
        for connection in workers.values().filter_map(|worker| worker.serving.upgrade()) {
            connection.hang_up(CloseReason::ShuttingDown);
        }
        self.shared.join(ended);
        self.shared.join(workers.into_values().map(|worker| worker.thread));
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread of that number: serves one connection after another.
    fn work(&self, id: u64) {
        // What the allocator does for a thread's first allocation may take much address space.
        drop(std::hint::black_box(Box::new(id)));
        let mut state = self.lock();
        state.begun += 1;
        self.begun.notify_all();
        // Until it looks for work, under the same lock, it counts as one that waits for some.
        state.idle -= 1;
        while let Some(Work { connection, serve }) = self.next(state, id) {
            serve(connection);
            state = self.lock();
        }
        let mut state = self.lock();
        // At the end, it is another thread that joins them all.
        let ended = match state.workers.remove(&id) {
            Some(own) => std::mem::replace(&mut state.ended, vec![own.thread]),
            None => Vec::new(),
        };
        drop(state);
        self.join(ended);
    }

    /// Waits for a connection; `None` if enough threads do so already, or if the server ends.
    fn next(&self, mut state: MutexGuard<'_, State>, id: u64) -> Option<Work> {
        loop {
            if state.closing {
                return None;
            }
            let work = state.waiting.pop_front();
            let serving =
                work.as_ref().map_or_else(Weak::new, |work| Arc::downgrade(&work.connection));
            if let Some(worker) = state.workers.get_mut(&id) {
                worker.serving = serving;
            }
            if work.is_some() {
                self.taken.notify_one();
            }
            if work.is_some() || state.idle >= SPARE {
                return work;
            }
            // No wake-up is lost: a connection is queued under the lock, and a thread is notified after that.
            state.idle += 1;
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
        }
    }

    /// Waits until every thread that was started has got all that it needs to run.
    fn wait_until_begun(&self) {
        let mut state = self.lock();
        while state.begun < state.started {
            state = self.begun.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits for threads that end.
    fn join(&self, threads: impl IntoIterator<Item = JoinHandle<()>>) {
        for thread in threads {
            thread.join().ok();
            self.lock().count -= 1;
        }
    }
}
