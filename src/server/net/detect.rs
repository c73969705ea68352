//! Which language a client speaks, by its first byte: TLS begins with one that no text begins with. A client that
//! says nothing for a moment waits for the banner, so it is plain.
//!
//! The session's thread runs it, before the client is let in or refused: a refusal has to be told in the client's
//! language. So those that are here and not let in are bounded, and the one goes first that has come first. The
//! module has two locks of its own, each taken with no other one held: the list of those clients, which is held for
//! moments, and the one under which handshakes compute.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::tls::handshake::{Failure, Handshake};
use super::tls::identity::Identity;
use crate::protocol::foreign::TLS_HANDSHAKE;
use crate::server::connection::{CloseReason, Connection, ConnectionId};
use crate::server::system::{Mutex, MutexGuard, instant};
use crate::server::waker::Waker;

/// How long a client may take to send its first byte and be asked for nothing. Clients that speak TLS send it within
/// a millisecond of the accept, and a slow one within 35; who waits for the banner waits so much longer for it.
pub(crate) const SNIFF: Duration = Duration::from_millis(100);

/// How long a client may take for its first byte and its handshake, in all.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// As which part of the most clients so many may be here that are not let in yet, and how many in any case.
const UNSETTLED_PART: usize = 4;
const FEWEST_UNSETTLED: usize = 8;

/// How many clients from elsewhere may be here that are not let in yet, in a server for so many.
pub(crate) fn most_unsettled(max_clients: usize) -> usize {
    (max_clients / UNSETTLED_PART).max(FEWEST_UNSETTLED)
}

/// Finds out which language clients speak.
#[derive(Debug)]
pub(crate) struct Detector {
    /// What handshakes are made with; `None` if nobody talks encrypted.
    identity: Option<Arc<Identity>>,
    /// The most clients at a time from elsewhere than this machine.
    most: usize,
    /// Those clients, until they are plain or their handshake is over.
    unsettled: Mutex<Unsettled>,
    /// Held by the one handshake that computes.
    handshakes: Mutex<()>,
}

/// What was found out of a client.
#[derive(Debug)]
pub(crate) struct Detected {
    /// What has come of its input: nothing of one that talks encrypted.
    pub(crate) come: Vec<u8>,
    /// For how long it was waited for its first byte, if it waits for ours.
    pub(crate) waited: Duration,
}

/// The clients that are not let in yet, oldest first.
#[derive(Debug, Default)]
struct Unsettled(VecDeque<Entry>);

/// A client that is not let in yet.
#[derive(Debug)]
struct Entry {
    /// Its connection.
    id: ConnectionId,
    /// How far it is.
    stage: Stage,
}

/// How far a client is.
#[derive(Debug)]
enum Stage {
    /// Its first byte is waited for, until this wakes.
    Silent(Arc<Waker>),
    /// It shakes hands over this connection.
    ShakesHands(Weak<Connection>),
}

/// Being in that list. Dropped, it is over.
struct Place<'a> {
    /// Whose list it is.
    detector: &'a Detector,
    /// Its connection.
    id: ConnectionId,
    /// Woken when it is to be taken for plain.
    waker: Arc<Waker>,
}

impl Detector {
    /// A detector for a server of that identity and for so many clients.
    pub(crate) fn new(identity: Option<Arc<Identity>>, max_clients: usize) -> Detector {
        Detector {
            identity,
            most: most_unsettled(max_clients),
            unsettled: Mutex::new(Unsettled::default()),
            handshakes: Mutex::new(()),
        }
    }

    /// Whether clients may talk encrypted.
    pub(crate) fn encrypts(&self) -> bool {
        self.identity.is_some()
    }

    /// Finds out which language a client speaks that has sent `come`. One that speaks TLS talks encrypted from then
    /// on.
    ///
    /// # Errors
    ///
    /// The client speaks TLS, and the handshake has failed.
    pub(crate) fn detect(
        &self,
        connection: &Arc<Connection>,
        come: Vec<u8>,
    ) -> Result<Detected, Failure> {
        let plain = |come, waited| Detected { come, waited };
        let Some(identity) = &self.identity else { return Ok(plain(come, Duration::ZERO)) };
        let begun = instant();
        let place = match self.place_for(connection) {
            Ok(place) => place,
            // The system has nothing to spare for it.
            Err(_) => return Ok(plain(come, Duration::ZERO)),
        };
        let interrupt = place.as_ref().map(|place| &*place.waker);
        let first = come.first().copied();
        let first = first.or_else(|| connection.transport().peek(SNIFF, interrupt));
        let is_tls = first == Some(TLS_HANDSHAKE);
        if !is_tls || place.as_ref().is_some_and(|place| !place.begins_handshake(connection)) {
            return Ok(plain(come, (instant() - begun).min(SNIFF)));
        }
        self.shake_hands(connection, come, begun + HANDSHAKE, identity)?;
        Ok(plain(Vec::new(), Duration::ZERO))
    }

    fn shake_hands(
        &self,
        connection: &Connection,
        come: Vec<u8>,
        deadline: Instant,
        identity: &Identity,
    ) -> Result<(), Failure> {
        let transport = connection.transport();
        let handshake = Handshake::new(transport.socket(), come, deadline, &self.handshakes);
        transport.encrypt(handshake.run(identity)?);
        Ok(())
    }

    /// A place in the list, which a client on this machine does not need. Where there are too many, the one goes
    /// that came first: one that is silent is plain from now on, and if none is, one that shakes hands is hung up on.
    fn place_for(&self, connection: &Arc<Connection>) -> std::io::Result<Option<Place<'_>>> {
        if connection.peer().ip().is_loopback() {
            return Ok(None);
        }
        let (id, waker) = (connection.id(), Arc::new(Waker::new()?));
        let entry = Entry { id, stage: Stage::Silent(Arc::clone(&waker)) };
        let first = self.list().add(entry, self.most);
        match first.map(|first| first.stage) {
            None => {}
            Some(Stage::Silent(waker)) => waker.wake(),
            Some(Stage::ShakesHands(connection)) => {
                if let Some(connection) = connection.upgrade() {
                    connection.hang_up(CloseReason::Broken);
                }
            }
        }
        Ok(Some(Place { detector: self, id, waker }))
    }

    fn list(&self) -> MutexGuard<'_, Unsettled> {
        self.unsettled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Unsettled {
    /// Adds one, and takes out the one that has to go for it, if there are more than `most` then.
    fn add(&mut self, entry: Entry, most: usize) -> Option<Entry> {
        let is_silent = |it: &Entry| matches!(it.stage, Stage::Silent(_));
        let first = (self.0.len() >= most).then(|| self.0.iter().position(is_silent).unwrap_or(0));
        let first = first.and_then(|first| self.0.remove(first));
        self.0.push_back(entry);
        first
    }

    fn find(&mut self, id: ConnectionId) -> Option<&mut Entry> {
        self.0.iter_mut().find(|entry| entry.id == id)
    }
}

impl Place<'_> {
    /// Notes that the client shakes hands from now on; false if it has been taken for plain meanwhile.
    fn begins_handshake(&self, connection: &Arc<Connection>) -> bool {
        let mut list = self.detector.list();
        let Some(entry) = list.find(self.id) else { return false };
        entry.stage = Stage::ShakesHands(Arc::downgrade(connection));
        true
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.detector.list().0.retain(|entry| entry.id != self.id);
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    fn silent(id: u32) -> Entry {
        let waker = Arc::new(Waker::new().expect("the system has one to spare"));
        Entry { id: ConnectionId::local(id), stage: Stage::Silent(waker) }
    }

    fn shaking(id: u32) -> Entry {
        Entry { id: ConnectionId::local(id), stage: Stage::ShakesHands(Weak::new()) }
    }

    #[test]
    fn of_too_many_the_first_silent_one_goes_and_else_the_first_that_shakes_hands() {
        let mut list = Unsettled::default();
        let mut add = |entry| list.add(entry, 3).map(|first| first.id.number);
        assert_eq!([shaking(1), silent(2), silent(3)].map(&mut add), [None; 3]);
        assert_eq!(add(shaking(4)), Some(2));
        assert_eq!(add(shaking(5)), Some(3));
        assert_eq!(add(silent(6)), Some(1));
        assert_eq!(add(silent(7)), Some(6));
    }

    #[test]
    fn a_small_server_has_room_for_some_that_are_not_let_in_yet() {
        assert_eq!([1, 32, 100, 1000].map(most_unsettled), [8, 8, 25, 250]);
    }
}
