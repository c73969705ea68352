//! Turns at searching: two at most search at a time, and who comes later waits in line.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Hub, Shared};
use crate::server::connection::{Connection, ConnectionId};
use crate::server::system::Condvar;

/// How many search at a time.
const AT_ONCE: usize = 2;

/// Who searches, and behind them who is to do so next.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// Each is woken by itself, when it is its turn: dozens may wait.
    line: VecDeque<(ConnectionId, Arc<Condvar>)>,
}

impl Turns {
    /// Wakes all who wait, to see whether they still may.
    pub(super) fn notify(&self) {
        self.line.iter().for_each(|(_, woken)| woken.notify_all());
    }

    fn join(&mut self, connection: ConnectionId) -> Arc<Condvar> {
        let woken = Arc::new(Condvar::new());
        self.line.push_back((connection, Arc::clone(&woken)));
        woken
    }

    fn is_next(&self, connection: ConnectionId) -> bool {
        self.line.iter().take(AT_ONCE).any(|(next, _)| *next == connection)
    }

    fn leave(&mut self, connection: ConnectionId) {
        self.line.retain(|(other, _)| *other != connection);
        self.line.iter().take(AT_ONCE).for_each(|(_, woken)| woken.notify_all());
    }
}

/// A turn, until it is dropped.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    /// Where it is given back.
    hub: &'a Hub,
    /// Whose it is.
    connection: ConnectionId,
}

impl<'a> Turn<'a> {
    /// Waits for it. `None` if the room closes, or the connection was hung up on.
    pub(crate) fn take(hub: &'a Hub, connection: &Connection) -> Option<Turn<'a>> {
        let id = connection.id();
        let is_over =
            |shared: &Shared| shared.room.is_closed() || connection.close_reason().is_some();
        let woken = hub.with(|shared| shared.turns.join(id));
        let may_go_on = |shared: &Shared| is_over(shared) || shared.turns.is_next(id);
        let is_over = hub.with_once(&woken, may_go_on, |shared| is_over(shared));
        let turn = Turn { hub, connection: id };
        (!is_over).then_some(turn)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.hub.with(|shared| shared.turns.leave(self.connection));
    }
}
