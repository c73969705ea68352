//! The acceptor: accepts clients, on the thread that has called [`run`](super::run).
//!
//! It has a thread serve each client, and tells it nothing: that is done in the client's language, which the thread
//! finds out first (`reception`). It waits for new clients and for the shutdown alone.

use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use rustix::event::PollFlags;

use super::config::Config;
use super::connection::{Connection, ConnectionId};
use super::entrance::most_waiting;
use super::hub::visit::{LEAVERS, VISITORS};
use super::kinds::TURNED_AWAY;
use super::net::detect::most_unsettled;
use super::reception::Reception;
use super::shutdown::Shutdown;
use super::system::{PollFd, TcpListener, poll, thread};
use super::workers::Workers;

/// The pause before the next attempt when the system has no socket or thread to spare: others may give some
/// back.
const BACK_OFF: Duration = Duration::from_millis(100);

/// The work of the thread that accepts.
#[derive(Debug)]
pub(super) struct Acceptor {
    /// What each client passes before it has a session.
    reception: Arc<Reception>,
    /// The longest time for which a client may take nothing of what it is due.
    timeout: Duration,
    /// The threads that serve the clients: one for each place, for each visitor without one, for each client that is
    /// to show first what lets it in, and for those of whom that is not known yet.
    workers: Workers,
    /// The number of the connection that was accepted last.
    accepted: u32,
    /// Whether the last client could not be taken in. The log tells when that begins and when it ends.
    in_trouble: bool,
}

impl Acceptor {
    pub(super) fn new(reception: Reception, config: &Config) -> Acceptor {
        Acceptor {
            reception: Arc::new(reception),
            timeout: config.stall_timeout,
            workers: Workers::new(most_at_once(config.max_clients)),
            accepted: 0,
            in_trouble: false,
        }
    }

    /// Takes clients in until the shutdown.
    pub(super) fn run(&mut self, listener: &TcpListener, shutdown: &Shutdown) {
        while !shutdown.has_begun() {
            match self.admit_next(listener) {
                // While others wait, it is not known whether there is enough for them, too.
                Ok(true) => {}
                Ok(false) => {
                    self.tell_of_trouble(None);
                    let mut polled = [PollFd::new(listener, PollFlags::IN), shutdown.as_poll()];
                    poll(&mut polled, None).ok();
                }
                Err(why) => {
                    self.tell_of_trouble(Some(&why));
                    thread::sleep(BACK_OFF);
                }
            }
        }
    }

    /// Hangs up on the clients that are still connected, and waits until their threads have ended.
    pub(super) fn close(self) {
        self.workers.close();
    }

    /// Takes the next client in; false if there is none. A client that waits for a thread comes first, and where too
    /// many of those are here, the next ones wait in the system.
    fn admit_next(&mut self, listener: &TcpListener) -> io::Result<bool> {
        self.workers.start_missing()?;
        if !self.workers.wait_for_room(BACK_OFF) {
            return Ok(true);
        }
        let Some(connection) = self.next(listener)? else { return Ok(false) };
        self.admit(connection)?;
        Ok(true)
    }

    /// The next client, if there is one.
    fn next(&mut self, listener: &TcpListener) -> io::Result<Option<Arc<Connection>>> {
        loop {
            let (stream, peer) = match listener.accept() {
                Ok(accepted) => accepted,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(e) if is_of_the_client(&e) => continue,
                Err(e) => return Err(e),
            };
            self.accepted = self.accepted.checked_add(1).unwrap_or(1);
            let id = ConnectionId::local(self.accepted);
            match Connection::new(id, stream, peer, self.timeout) {
                Ok(connection) => return Ok(Some(Arc::new(connection))),
                // The client is gone already, most likely: then its socket takes no options.
                Err(why) => log::debug!(target: TURNED_AWAY, "{peer} was not let in: {why}"),
            }
        }
    }

    fn tell_of_trouble(&mut self, why: Option<&io::Error>) {
        match why {
            Some(why) if !self.in_trouble => {
                log::warn!("cannot take clients in: {why}; trying until it works again");
            }
            None if self.in_trouble => log::info!("clients can be taken in again"),
            _ => {}
        }
        self.in_trouble = why.is_some();
    }

    /// Has a thread serve a client.
    fn admit(&mut self, connection: Arc<Connection>) -> io::Result<()> {
        let reception = Arc::clone(&self.reception);
        self.workers.serve(connection, move |connection| catch(|| reception.serve(connection)))
    }
}

/// The most connections that are served at a time, in a server for so many clients.
fn most_at_once(max_clients: usize) -> usize {
    let others = VISITORS + LEAVERS + most_unsettled(max_clients) + most_waiting(max_clients);
    (2 * max_clients).max(max_clients + others)
}

/// Whether accepting has failed for this one client, which is gone, and the next may be let in at once.
/// Windows tells of a connection that was reset, wine of none at all, and Linux of its network too
/// (accept(2)).
fn is_of_the_client(why: &io::Error) -> bool {
    use io::ErrorKind::{
        ConnectionAborted, ConnectionReset, HostUnreachable, NetworkDown, NetworkUnreachable,
        NotConnected,
    };
    matches!(
        why.kind(),
        ConnectionAborted
            | ConnectionReset
            | NotConnected
            | HostUnreachable
            | NetworkUnreachable
            | NetworkDown
    )
}

/// A session that panics takes its own client with it, never the room.
fn catch(session: impl FnOnce()) {
    if std::panic::catch_unwind(AssertUnwindSafe(session)).is_err() {
        log::error!("a session ended with an internal error, which is a bug; its client is gone");
    }
}
