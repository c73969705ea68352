//! The wish that the server ends, which a signal's thread utters and the thread that accepts hears.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::system::PollFd;
use super::waker::Waker;
use crate::problem::Problem;

/// Asks a server to end. Clones ask the same one.
#[derive(Debug, Clone)]
pub struct Shutdown(Arc<Request>);

#[derive(Debug)]
struct Request {
    /// Whether it was made.
    made: AtomicBool,
    /// Wakes the thread that accepts.
    waker: Waker,
}

impl Shutdown {
    /// A shutdown that nobody has asked for.
    ///
    /// # Errors
    ///
    /// The system has no pipe to spare.
    pub fn new() -> Result<Shutdown, Problem> {
        let waker = Waker::new().map_err(|why| Problem::System("make a pipe", why))?;
        Ok(Shutdown(Arc::new(Request { made: AtomicBool::new(false), waker })))
    }

    /// Asks for it; true if nobody has before.
    pub fn begin(&self) -> bool {
        let first = !self.0.made.swap(true, Ordering::SeqCst);
        self.0.waker.wake();
        first
    }

    /// Whether it was asked for.
    pub(super) fn has_begun(&self) -> bool {
        self.0.made.load(Ordering::SeqCst)
    }

    /// What to wait for until it is asked for.
    pub(super) fn as_poll(&self) -> PollFd<'_> {
        self.0.waker.as_poll()
    }
}
