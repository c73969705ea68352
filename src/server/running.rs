//! A server that runs in a thread of its own, for a program that has one inside.

use std::net::SocketAddr;
use std::thread::{self, JoinHandle};

use super::Server;
use super::shutdown::Shutdown;
use super::status::Status;
use crate::problem::Problem;
use crate::protocol::text::make_safe;
use crate::tls::ServerKey;

/// A server that runs in a thread of its own. Dropped, it shuts down, as with [`shut_down`](Running::shut_down).
#[derive(Debug)]
pub struct Running {
    /// The address that it listens on.
    address: SocketAddr,
    /// The key that clients know it by.
    key: Option<ServerKey>,
    /// Ends it.
    shutdown: Shutdown,
    /// Leads to its room.
    status: Status,
    /// Its thread, until that is joined.
    thread: Option<JoinHandle<Result<(), Problem>>>,
}

impl Server {
    /// Serves clients from now on, in a thread of its own.
    ///
    /// # Errors
    ///
    /// The system has no thread to spare, or no pipe.
    pub fn start(self) -> Result<Running, Problem> {
        let (shutdown, status) = (self.shutdown.clone(), Status::default());
        let (address, key) = (self.at, self.key());
        let (ends, shown) = (shutdown.clone(), status.clone());
        let serve = move || self.run(&ends, &shown);
        let thread = thread::Builder::new().name("server".to_owned()).spawn(serve);
        let thread = thread.map_err(|why| Problem::System("start a thread", why))?;
        Ok(Running { address, key, shutdown, status, thread: Some(thread) })
    }
}

impl Running {
    /// The address that it listens on; with the port that the system has chosen for port 0.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The key that clients know it by; `None` where nobody talks encrypted.
    #[must_use]
    pub fn key(&self) -> Option<ServerKey> {
        self.key
    }

    /// Tells all a text, as an operator at the server's keyboard does: `-- operator: TEXT`. Whether there is a room to
    /// tell it in: not before the server has begun, nor at its end.
    pub fn announce(&self, text: &str) -> bool {
        let text = make_safe(text.as_bytes());
        self.status.hub().is_some_and(|hub| hub.announce(&text).is_some())
    }

    /// Whether it still serves clients.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Ends it: everyone is told, what is due is delivered, for a second at most, all is kept, and every thread has
    /// ended.
    ///
    /// # Errors
    ///
    /// As [`Server::run`].
    pub fn shut_down(mut self) -> Result<(), Problem> {
        self.shutdown.begin();
        self.join()
    }

    /// Waits until it ends by itself, which is an error.
    ///
    /// # Errors
    ///
    /// As [`Server::run`].
    pub fn wait(mut self) -> Result<(), Problem> {
        self.join()
    }

    fn join(&mut self) -> Result<(), Problem> {
        let ended = self.thread.take().map(JoinHandle::join);
        ended.unwrap_or(Ok(Ok(()))).unwrap_or(Err(Problem::Bug))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shutdown.begin();
        if let Err(problem) = self.join() {
            log::error!("the server has ended: {problem}");
        }
    }
}
