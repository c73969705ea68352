//! One connection's allowance, and what becomes of it when the connection ends.

use std::net::IpAddr;
use std::sync::Arc;

use super::admission::Origin;
use super::allowance::Allowance;
use super::room::Room;
use super::system::instant;

/// An allowance. Dropped, what it has used up counts for the next connections from there.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) allowance: Allowance,
    /// Where that is remembered.
    room: Arc<Room>,
    /// From where the connection is, until that is settled.
    origin: Option<Origin>,
}

impl Account {
    /// The allowance of a connection from there, of `rate` lines a second.
    pub(super) fn open(room: &Arc<Room>, from: IpAddr, rate: u32) -> Account {
        let (origin, now) = (Origin::of(from), instant());
        let used = room.lock().arrears.of(origin, now);
        Account {
            allowance: Allowance::new(rate, used, now),
            room: Arc::clone(room),
            origin: Some(origin),
        }
    }

    /// Settles it, before the client can see that it has left: nothing more of it is obeyed.
    pub(super) fn settle(&mut self) {
        if let Some(origin) = self.origin.take() {
            let now = instant();
            let used = self.allowance.used_up(now);
            self.room.lock().arrears.add(origin, used, now);
        }
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.settle();
    }
}
