//! A client's place in the room, and how it joins or comes back with it.

use std::net::IpAddr;
use std::sync::Arc;

use super::admission::Origin;
use super::connection::{Connection, Verdict};
use super::index::Form;
use super::kinds::CAME_OR_WENT;
use super::member::{Member, Newcomer};
use super::presence::{Place, Present};
use super::room::{Room, State};
use super::system::{MutexGuard, instant};
use super::visit::Visit;
use crate::protocol::name::Name;
use crate::protocol::reply::Refusal;
use crate::protocol::tag::{Seq, Token};

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

/// As what a connection is let in.
#[derive(Debug)]
pub(crate) enum Permit {
    /// It has a place.
    Place(Seat),
    /// There is none, and that is why.
    Visit(Visit, Refusal<'static>),
}

impl Permit {
    /// Lets one more client in from there; `None` is a proxy, which is going to say whose it is.
    pub(super) fn take(
        room: &Arc<Room>,
        from: Option<IpAddr>,
        connection: &Arc<Connection>,
    ) -> Permit {
        match Seat::take(room, from) {
            Ok(seat) => Permit::Place(seat),
            Err(why) => Permit::Visit(Visit::of_refused(room, from, connection), why),
        }
    }
}

/// A place in the room, taken by a client whose name is not settled. Dropped, it is free again.
#[derive(Debug)]
pub(crate) struct Seat {
    room: Arc<Room>,
    /// For which address it counts; `None` for a proxy's, as long as that has not said more.
    origin: Option<Origin>,
    hold: Hold,
}

/// How it stands with a place.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Hold {
    Taken,
    /// There is none, for this reason. A member whose other connection still has one takes that over.
    Missing(Refusal<'static>),
    /// It was given back together with the leaving, before anyone could hear of that.
    GivenBack,
}

impl Seat {
    /// A place for one more client from there, if there is one; `None` is a proxy, which is going to say
    /// whose it is.
    pub(crate) fn take(room: &Arc<Room>, from: Option<IpAddr>) -> Result<Seat, Refusal<'static>> {
        let origin = from.map(Origin::of);
        let mut state = room.lock();
        state.seats.take(origin).inspect_err(|why| {
            if matches!(why, Refusal::RoomFull(_)) {
                state.lacked_place = Some(instant());
            }
        })?;
        Ok(Seat { room: Arc::clone(room), origin, hold: Hold::Taken })
    }

    /// Takes the place that was missing, if there is one now; false if there is none.
    pub(crate) fn take_late(&mut self) -> bool {
        let is_missing = self.why_missing().is_some();
        if is_missing && self.room.lock().seats.take(self.origin).is_ok() {
            self.hold = Hold::Taken;
        }
        self.hold == Hold::Taken
    }

    /// None for a client from there, for this reason.
    pub(super) fn missing(room: &Arc<Room>, from: Option<IpAddr>, why: Refusal<'static>) -> Seat {
        let origin = from.map(Origin::of);
        Seat { room: Arc::clone(room), origin, hold: Hold::Missing(why) }
    }

    /// Why there is none, if there is none.
    pub(crate) fn why_missing(&self) -> Option<&Refusal<'static>> {
        match &self.hold {
            Hold::Missing(why) => Some(why),
            Hold::Taken | Hold::GivenBack => None,
        }
    }

    /// Whether it was taken for a proxy, which has not said whose it is.
    pub(crate) fn is_proxys(&self) -> bool {
        self.origin.is_none()
    }

    /// Counts the place for the address of the client whom a proxy has named. It is none if there are as
    /// many from there as may be.
    pub(crate) fn count_for(&mut self, client: IpAddr) {
        let origin = Origin::of(client);
        if self.hold == Hold::Taken {
            let mut state = self.room.lock();
            if let Err(why) = state.seats.count(origin) {
                state.seats.give_back(None);
                self.hold = Hold::Missing(why);
            }
        }
        self.origin = Some(origin);
    }

    pub(super) fn room(&self) -> &Arc<Room> {
        &self.room
    }

    /// Gives the place back, under the lock.
    pub(super) fn give_back(&mut self, state: &mut State) {
        if std::mem::replace(&mut self.hold, Hold::GivenBack) == Hold::Taken {
            state.seats.give_back(self.origin);
            self.room.notify(state);
        }
    }

    /// Takes over that of a connection that is about to give it back.
    fn take_over(&mut self, state: &mut State) {
        if self.why_missing().is_some() {
            state.seats.take_over(self.origin);
            self.hold = Hold::Taken;
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
        mut self,
        token: Token,
        seen: Seq,
        connection: &Arc<Connection>,
    ) -> Result<(Member, u64), (Seat, Refusal<'static>)> {
        let room = Arc::clone(&self.room);
        let locked = room.lock_to_resume(token, seen, |state| self.take_over(state));
        let (mut state, place) = match locked {
            Ok(locked) => locked,
            Err(refusal) => return Err((self, refusal)),
        };
        if let Some(why) = self.why_missing().cloned() {
            return Err((self, why));
        }
        let (name, taken) = state.readmit(place, connection);
        room.wake(state);
        log::info!(target: CAME_OR_WENT, "{name} is back, from {}", connection.peer());
        let newcomer = Newcomer { connection, form: Form::Tagged, taken };
        Ok((Member::new(self, place.viewer.member, name, newcomer), taken))
    }
}

impl Room {
    /// Whether somebody with this token may come back where there is no place: its other connection has
    /// one.
    pub(super) fn may_take_over(&self, token: Token) -> bool {
        self.lock().is_connected(token)
    }

    /// Whether anybody here could come back so.
    pub(super) fn may_be_taken_over(&self) -> bool {
        self.lock().members.values().any(Present::may_be_taken_over)
    }

    /// The lock, and where the member goes on that was given the token. Nothing speaks for it any
    /// more. `on_detach` is done under the lock where its old connection is taken from it.
    pub(super) fn lock_to_resume(
        &self,
        token: Token,
        seen: Seq,
        mut on_detach: impl FnMut(&mut State),
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
            on_detach(&mut state);
            detached = Some((place.viewer.member, Origin::of(before.peer().ip())));
            self.wake(state);
            before.hang_up(Verdict::TakenOver);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if self.hold == Hold::Taken {
            let room = Arc::clone(&self.room);
            self.give_back(&mut room.lock());
        }
    }
}
