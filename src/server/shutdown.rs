//! The request that the server ends. A signal's thread makes it, and the thread that accepts acts on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::net::socket::timespec;
use super::system::{PollFd, instant, poll};
use super::waker::Waker;
use crate::problem::Problem;

/// Asks a server to end. Clones ask the same one.
#[derive(Debug, Clone)]
pub struct Shutdown(Arc<Request>);

/// The request, which all clones share.
#[derive(Debug)]
struct Request {
    /// Whether it was made. It is never taken back.
    made: AtomicBool,
    /// Wakes the thread that accepts, which waits for sockets.
    waker: Waker,
}

impl Shutdown {
    /// A shutdown that was not requested yet.
    ///
    /// # Errors
    ///
    /// The system has no pipe to spare.
    pub fn new() -> Result<Shutdown, Problem> {
        let waker = Waker::new().map_err(|why| Problem::System("make a pipe", why))?;
        Ok(Shutdown(Arc::new(Request { made: AtomicBool::new(false), waker })))
    }

    /// Requests the shutdown; true for the first request.
    pub fn begin(&self) -> bool {
        let first = !self.0.made.swap(true, Ordering::SeqCst);
        self.0.waker.wake();
        first
    }

    /// Whether it was requested.
    pub(super) fn has_begun(&self) -> bool {
        self.0.made.load(Ordering::SeqCst)
    }

    /// Waits for so long, or until it is requested. Whether it is.
    pub(super) fn wait(&self, time: Duration) -> bool {
        let until = instant() + time;
        loop {
            let left = until.saturating_duration_since(instant());
            if self.has_begun() || left.is_zero() {
                return self.has_begun();
            }
            poll(&mut [self.as_poll()], Some(&timespec(left))).ok();
        }
    }

    /// The file to poll for the request.
    pub(super) fn as_poll(&self) -> PollFd<'_> {
        self.0.waker.as_poll()
    }
}
