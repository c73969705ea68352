//! Places for clients: as many as may be here, and as many as may be from one address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use super::connection::{Connection, Verdict};
use super::index::Form;
use super::kinds::CAME_OR_WENT;
use super::member::{Member, Newcomer};
use super::presence::Place;
use super::room::{Room, State};
use super::system::MutexGuard;
use crate::protocol::name::Name;
use crate::protocol::reply::Refusal;
use crate::protocol::tag::{Seq, Token};

/// Where a client comes from. Of an IPv6 address that is its network of 64 bits, since whoever has
/// one address of that has them all (RFC 4291, 2.5.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Origin(IpAddr);

impl Origin {
    pub(super) fn of(address: IpAddr) -> Origin {
        match address.to_canonical() {
            IpAddr::V6(v6) if !v6.is_loopback() => {
                Origin(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into())
            }
            address => Origin(address),
        }
    }
}

/// The places in a room.
#[derive(Debug)]
pub(super) struct Seats {
    most: usize,
    /// 0 is as many as there are.
    most_per_address: usize,
    taken: usize,
    by_origin: HashMap<Origin, usize>,
}

impl Seats {
    pub(super) fn new(most: usize, most_per_address: usize) -> Seats {
        Seats { most, most_per_address, taken: 0, by_origin: HashMap::new() }
    }

    /// Whether anybody has one.
    pub(super) fn are_taken(&self) -> bool {
        self.taken > 0
    }

    /// A place for a client from there; `None` is a proxy, and not counted by address.
    fn take(&mut self, from: Option<Origin>) -> Result<(), Refusal<'static>> {
        if self.taken >= self.most {
            return Err(Refusal::RoomFull(self.most));
        }
        if let Some(from) = from {
            self.count(from)?;
        }
        self.taken += 1;
        Ok(())
    }

    /// Counts one who has a place for that address.
    fn count(&mut self, from: Origin) -> Result<(), Refusal<'static>> {
        let of_origin = self.by_origin.get(&from).copied().unwrap_or(0);
        if self.most_per_address > 0 && of_origin >= self.most_per_address {
            return Err(Refusal::AddressFull(self.most_per_address));
        }
        self.by_origin.insert(from, of_origin + 1);
        Ok(())
    }

    fn give_back(&mut self, from: Option<Origin>) {
        self.taken -= 1;
        let Some(from) = from else { return };
        if let Some(of_origin) = self.by_origin.get_mut(&from) {
            *of_origin -= 1;
            if *of_origin == 0 {
                self.by_origin.remove(&from);
            }
        }
    }
}

/// One who has joined.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) member: Member,
    /// The name that it wanted is somebody else's.
    pub(crate) taken: bool,
    /// How many are here now.
    pub(crate) here: usize,
    /// The room closes: nobody is told of it any more.
    pub(crate) closing: bool,
}

/// A place in the room, taken by a client whose name is not settled. Dropped, it is free again.
#[derive(Debug)]
pub(crate) struct Seat {
    room: Arc<Room>,
    /// For which address it counts; `None` for a proxy's, as long as that has not said more.
    origin: Option<Origin>,
    /// It was given back together with the leaving, before anyone could hear of that.
    given_back: bool,
}

impl Seat {
    /// A place for one more client from there, if there is one.
    pub(crate) fn take(room: &Arc<Room>, from: IpAddr) -> Result<Seat, Refusal<'static>> {
        Seat::take_as(room, Some(Origin::of(from)))
    }

    /// A place for a client of a proxy, which is going to say where that is.
    pub(crate) fn take_for_proxy(room: &Arc<Room>) -> Result<Seat, Refusal<'static>> {
        Seat::take_as(room, None)
    }

    fn take_as(room: &Arc<Room>, origin: Option<Origin>) -> Result<Seat, Refusal<'static>> {
        room.lock().seats.take(origin)?;
        Ok(Seat { room: Arc::clone(room), origin, given_back: false })
    }

    /// Whether it was taken for a proxy, which has not said whose it is.
    pub(crate) fn is_proxys(&self) -> bool {
        self.origin.is_none()
    }

    /// Counts the place for the address of the client whom a proxy has named.
    pub(crate) fn count_for(&mut self, client: IpAddr) -> Result<(), Refusal<'static>> {
        let origin = Origin::of(client);
        self.room.lock().seats.count(origin)?;
        self.origin = Some(origin);
        Ok(())
    }

    pub(super) fn room(&self) -> &Arc<Room> {
        &self.room
    }

    /// Gives the place back, under the lock.
    pub(super) fn give_back(&mut self, state: &mut State) {
        if !std::mem::replace(&mut self.given_back, true) {
            state.seats.give_back(self.origin);
            self.room.notify(state);
        }
    }

    /// Joins under `wanted` if it is free, and else as a guest. Whoever gets the tagged form does not
    /// join under another name than it wanted: the place is given back.
    ///
    /// What it needs of the stack is on top of the deepest that a session has been so far, and stays
    /// with each of them: its caller logs.
    pub(crate) fn join(
        self,
        wanted: Option<&Name>,
        newcomer: Newcomer<'_>,
    ) -> Result<Admitted, Seat> {
        let room = Arc::clone(&self.room);
        let wanted = wanted.map(|name| (name.clone(), name.likeness()));
        let is_wanted = wanted.is_some();
        let mut state = room.lock();
        let free = wanted.filter(|(_, likeness)| state.is_free(likeness, None));
        let taken = is_wanted && free.is_none();
        if taken && newcomer.form == Form::Tagged {
            drop(state);
            return Err(self);
        }
        let (name, likeness) = free.unwrap_or_else(|| state.guest());
        let member = Member::new(self, state.next_id(), name, newcomer);
        state.admit(&member, likeness, newcomer, room.replay);
        let (here, closing) = (state.members.len(), state.closing);
        room.wake(state);
        Ok(Admitted { member, taken, here, closing })
    }

    /// Takes up where the member stopped that was given the token and has all events up to `seen`;
    /// the second value is how many of its lines were taken.
    pub(crate) fn resume(
        self,
        token: Token,
        seen: Seq,
        connection: &Arc<Connection>,
    ) -> Result<(Member, u64), (Seat, Refusal<'static>)> {
        let room = Arc::clone(&self.room);
        let (mut state, place) = match room.lock_to_resume(token, seen) {
            Ok(locked) => locked,
            Err(refusal) => return Err((self, refusal)),
        };
        let (name, taken) = state.readmit(place, connection);
        room.wake(state);
        log::info!(target: CAME_OR_WENT, "{name} is back, from {}", connection.peer());
        let newcomer = Newcomer { connection, form: Form::Tagged, taken };
        Ok((Member::new(self, place.viewer.member, name, newcomer), taken))
    }
}

impl Room {
    /// The lock, and where the member goes on that was given the token. Nothing speaks for it any
    /// more.
    pub(super) fn lock_to_resume(
        &self,
        token: Token,
        seen: Seq,
    ) -> Result<(MutexGuard<'_, State>, Place), Refusal<'static>> {
        // The member, and where it was, once its old connection is closed and it has no other.
        let mut detached = None;
        loop {
            let mut state = self.lock();
            let place = match state.place_to_resume(token, seen) {
                Ok(place) => place,
                Err(refusal) => {
                    // Meanwhile too much was forgotten.
                    detached.into_iter().for_each(|(member, from)| state.be_away(member, from));
                    self.wake(state);
                    return Err(refusal);
                }
            };
            // Before anything is sent over the new one, and not with the lock held.
            let Some(before) = state.detach(place.viewer.member) else {
                return Ok((state, place));
            };
            detached = Some((place.viewer.member, Origin::of(before.peer().ip())));
            self.wake(state);
            before.hang_up(Verdict::TakenOver);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if !self.given_back {
            let room = Arc::clone(&self.room);
            self.give_back(&mut room.lock());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_does_not_take_all_places() {
        let origin = |address: &str| Origin::of(address.parse().expect("an address"));
        let mut seats = Seats::new(4, 2);
        let mut take = |address: &str| seats.take(Some(origin(address)));
        assert_eq!(take("192.0.2.1"), Ok(()));
        assert_eq!(take("::ffff:192.0.2.1"), Ok(()));
        assert_eq!(take("192.0.2.1"), Err(Refusal::AddressFull(2)));
        assert_eq!(take("2001:db8::1"), Ok(()));
        assert_eq!(take("2001:db8::2:1"), Ok(()));
        assert_eq!(take("192.0.2.2"), Err(Refusal::RoomFull(4)));
        seats.give_back(Some(origin("2001:db8::3")));
        assert_eq!(seats.take(Some(origin("2001:db8:0:1::1"))), Ok(()));
        for address in ["192.0.2.1", "192.0.2.1", "2001:db8::1", "2001:db8:0:1::"] {
            seats.give_back(Some(origin(address)));
        }
        assert!(!seats.are_taken() && seats.by_origin.is_empty());
    }

    #[test]
    fn a_proxys_clients_count_for_their_own_addresses() {
        let origin = |address: &str| Origin::of(address.parse().expect("an address"));
        let mut seats = Seats::new(3, 1);
        for _ in 0..3 {
            assert_eq!(seats.take(None), Ok(()));
        }
        assert_eq!(seats.take(None), Err(Refusal::RoomFull(3)));
        assert_eq!(seats.count(origin("192.0.2.1")), Ok(()));
        assert_eq!(seats.count(origin("192.0.2.1")), Err(Refusal::AddressFull(1)));
        assert_eq!(seats.count(origin("192.0.2.2")), Ok(()));
        for from in [Some(origin("192.0.2.1")), None, Some(origin("192.0.2.2"))] {
            seats.give_back(from);
        }
        assert!(!seats.are_taken() && seats.by_origin.is_empty());
    }
}
