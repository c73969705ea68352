//! Threads of shuttle's.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub(crate) use shuttle::thread::{Result, sleep};

/// Starts threads, as the standard library's does.
#[derive(Debug, Default)]
pub(crate) struct Builder(shuttle::thread::Builder);

impl Builder {
    pub(crate) fn new() -> Builder {
        Builder::default()
    }

    pub(crate) fn name(self, name: String) -> Builder {
        Builder(self.0.name(name))
    }

    pub(crate) fn stack_size(self, bytes: usize) -> Builder {
        Builder(self.0.stack_size(bytes))
    }

    pub(crate) fn spawn<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<JoinHandle<T>> {
        let finished = Arc::new(AtomicBool::new(false));
        let finishes = Arc::clone(&finished);
        let thread = self.0.spawn(move || {
            let done = work();
            finishes.store(true, Ordering::Relaxed);
            done
        })?;
        Ok(JoinHandle { thread, finished })
    }
}

/// A thread that can be waited for.
#[derive(Debug)]
pub(crate) struct JoinHandle<T> {
    thread: shuttle::thread::JoinHandle<T>,
    finished: Arc<AtomicBool>,
}

impl<T> JoinHandle<T> {
    pub(crate) fn join(self) -> Result<T> {
        self.thread.join()
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.finished.load(Ordering::Relaxed)
    }
}
