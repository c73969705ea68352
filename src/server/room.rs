//! Who is here, under what name, and what they say: everything that the sessions share.
//!
//! One lock guards it all, so that a join, a rename or a line and what follows from it happen at
//! one place in the one order of events. It is never held across a system call, but for short
//! copies only; nothing is logged and nobody is waited for while it is held.

use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::connection::Connection;
use super::transcript::{Audience, Batch, MemberId, Seq, Transcript};
use super::waker::Waker;
use crate::protocol::name::{Likeness, Name};
use crate::protocol::reply::{self, Departure, Notice, Refusal, Speech};

/// How much may be appended before the broadcaster takes it. A session that would append more waits,
/// stops reading, and so holds its client back.
const MAX_UNSEALED: usize = 256 * 1024;

#[derive(Debug)]
pub(crate) struct Room {
    state: Mutex<State>,
    /// Told when the broadcaster has taken what was appended, when a place becomes free, and at the
    /// shutdown.
    taken: Condvar,
    /// Wakes the broadcaster.
    pub(crate) waker: Waker,
    max_clients: usize,
}

#[derive(Debug)]
struct State {
    members: Vec<Present>,
    /// Clients that have a place, with or without a name.
    seats: usize,
    next_id: u64,
    transcript: Transcript,
    arrivals: Vec<Arrival>,
    departures: Vec<(MemberId, Seq)>,
    /// The broadcaster waits and has to be woken. It says so under the lock and only after finding
    /// nothing to do, and whoever gives it something to do looks under the same lock; so no waking
    /// is lost.
    asleep: bool,
    closing: bool,
}

/// A member, as the others find it.
#[derive(Debug)]
struct Present {
    id: MemberId,
    name: Name,
    likeness: Likeness,
}

/// A member that the broadcaster has to serve from now on.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) id: MemberId,
    pub(crate) connection: Arc<Connection>,
    /// The first event that it may get.
    pub(crate) from: Seq,
}

/// What the broadcaster takes out of the room, once a round.
#[derive(Debug, Default)]
pub(crate) struct News {
    pub(crate) arrivals: Vec<Arrival>,
    pub(crate) departures: Vec<(MemberId, Seq)>,
    /// What the room no longer remembers.
    pub(crate) forgotten: Vec<Arc<Batch>>,
    /// The number after the last event that can be read.
    pub(crate) end: Seq,
    pub(crate) closing: bool,
    /// There was nothing: the broadcaster may wait.
    pub(crate) nothing: bool,
}

impl Room {
    pub(crate) fn new(waker: Waker, max_clients: usize, memory: usize) -> Room {
        let state = State {
            members: Vec::new(),
            seats: 0,
            next_id: 1,
            transcript: Transcript::new(memory),
            arrivals: Vec::new(),
            departures: Vec::new(),
            asleep: false,
            closing: false,
        };
        Room { state: Mutex::new(state), taken: Condvar::new(), waker, max_clients }
    }

    /// A place for one more client, if there is one.
    pub(crate) fn seat(self: &Arc<Room>) -> Option<Seat> {
        let mut state = self.lock();
        if state.seats >= self.max_clients {
            return None;
        }
        state.seats += 1;
        Some(Seat { room: Arc::clone(self), given_back: false })
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.lock().closing
    }

    /// Tells everyone that the server shuts down. Nothing is said after that.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.transcript.push(Audience::All, Notice::ShuttingDown);
        state.closing = true;
        self.taken.notify_all();
        self.wake(state);
    }

    /// Waits, `patience` long at most, until no client is left.
    pub(crate) fn await_empty(&self, patience: Duration) {
        let occupied = |state: &mut State| state.seats > 0;
        let _emptied = self.taken.wait_timeout_while(self.lock(), patience, occupied);
    }

    /// Takes what is new, for the broadcaster. If there is nothing, the next one to bring something
    /// wakes it.
    pub(crate) fn news(&self) -> News {
        let mut state = self.lock();
        let nothing = state.transcript.unsealed() == 0
            && state.arrivals.is_empty()
            && state.departures.is_empty();
        state.asleep = nothing;
        state.transcript.seal();
        let news = News {
            arrivals: std::mem::take(&mut state.arrivals),
            departures: std::mem::take(&mut state.departures),
            forgotten: std::iter::from_fn(|| state.transcript.forget()).collect(),
            end: state.transcript.sealed_end(),
            closing: state.closing,
            nothing,
        };
        self.taken.notify_all();
        news
    }

    /// What was appended from `from` on, about `most` bytes of it.
    pub(crate) fn read(&self, from: Seq, most: usize) -> Vec<Arc<Batch>> {
        self.lock().transcript.read(from, most)
    }

    /// A panic while the lock is held takes its own client with it, never the room: each change is
    /// made whole by one call.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self, mut state: MutexGuard<'_, State>) {
        let asleep = std::mem::take(&mut state.asleep);
        drop(state);
        if asleep {
            self.waker.wake();
        }
    }
}

impl State {
    fn find(&self, name: &str) -> Option<&Present> {
        let wanted = Likeness::of(name);
        self.members.iter().find(|member| member.likeness.is_same_word(&wanted))
    }

    fn is_free(&self, name: &Name, but_for: Option<MemberId>) -> bool {
        let wanted = name.likeness();
        !self.members.iter().any(|m| Some(m.id) != but_for && m.likeness.is_like(&wanted))
    }

    /// The guest's name with the lowest number that is free.
    fn guest(&self) -> Name {
        let mut numbers: Vec<usize> =
            self.members.iter().filter_map(|m| m.name.guest_number()).collect();
        numbers.sort_unstable();
        (1..)
            .filter(|number| numbers.binary_search(number).is_err())
            .map(Name::guest)
            .find(|name| self.is_free(name, None))
            .expect("there are more numbers than members")
    }
}

/// A place in the room, taken by a client whose name is not settled. Dropped, it is free again.
#[derive(Debug)]
pub(crate) struct Seat {
    room: Arc<Room>,
    /// It was given back together with the leaving, before anyone could hear of that.
    given_back: bool,
}

impl Seat {
    /// Joins under `wanted` if it is free, and else as a guest. The second value is whether the
    /// name was taken.
    pub(crate) fn join(
        self,
        wanted: Option<&Name>,
        connection: &Arc<Connection>,
    ) -> (Member, bool) {
        let room = Arc::clone(&self.room);
        let mut state = room.lock();
        let free = wanted.filter(|name| state.is_free(name, None));
        let taken = wanted.is_some() && free.is_none();
        let name = free.cloned().unwrap_or_else(|| state.guest());
        let id = MemberId(state.next_id);
        state.next_id += 1;
        let others = state.members.len();
        let likeness = name.likeness();
        state.members.push(Present { id, name: name.clone(), likeness });
        state.transcript.push(Audience::AllBut(id), Notice::Joined(&name));
        let from = state.transcript.end();
        state.transcript.push(Audience::Only(id), Notice::YouAre { name: &name, others });
        state.arrivals.push(Arrival { id, connection: Arc::clone(connection), from });
        room.wake(state);
        log::info!("{name} joined from {}, {} here", connection.peer(), others + 1);
        (Member { seat: self, id, name, peer: connection.peer(), present: true }, taken)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if !self.given_back {
            self.room.lock().seats -= 1;
            self.room.taken.notify_all();
        }
    }
}

/// Being in the room. Dropped, the member leaves, so that a session that panics leaves no ghost.
#[derive(Debug)]
pub(crate) struct Member {
    seat: Seat,
    id: MemberId,
    name: Name,
    peer: SocketAddr,
    present: bool,
}

impl Member {
    pub(crate) fn name(&self) -> &Name {
        &self.name
    }

    /// The audience of what this member says.
    pub(crate) fn others(&self) -> Audience {
        Audience::AllBut(self.id)
    }

    /// The audience of what is for this member alone.
    pub(crate) fn alone(&self) -> Audience {
        Audience::Only(self.id)
    }

    /// Appends the events, and waits before that while the room is behind.
    pub(crate) fn append(&self, events: &Batch) {
        let room = &self.seat.room;
        let mut state = room.lock();
        while state.transcript.unsealed() > MAX_UNSEALED && !state.closing {
            state = room.taken.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if !state.closing {
            state.transcript.append(events);
        }
        room.wake(state);
    }

    /// Takes another name, and tells everyone.
    pub(crate) fn rename<'a>(&mut self, new: &'a Name) -> Result<(), Refusal<'a>> {
        let room = &self.seat.room;
        let mut state = room.lock();
        if !state.is_free(new, Some(self.id)) {
            return Err(Refusal::NameTaken(new));
        }
        let old = std::mem::replace(&mut self.name, new.clone());
        if let Some(present) = state.members.iter_mut().find(|member| member.id == self.id) {
            present.name = new.clone();
            present.likeness = new.likeness();
        }
        if old != *new {
            state.transcript.push(Audience::AllBut(self.id), Notice::IsNow { old: &old, new });
        }
        state.transcript.push(Audience::Only(self.id), Notice::YouAreNow(new));
        room.wake(state);
        log::info!("{old} is now {new}");
        Ok(())
    }

    /// Says `text` to the member called `to` alone.
    pub(crate) fn whisper<'a>(&self, to: &'a str, text: &str) -> Result<(), Refusal<'a>> {
        let room = &self.seat.room;
        let mut guard = room.lock();
        let state = &mut *guard;
        let reader = state.find(to).ok_or(Refusal::NobodyHere(to))?;
        if reader.id == self.id {
            return Err(Refusal::WhisperToSelf);
        }
        let (id, name) = (reader.id, reader.name.clone());
        state.transcript.push(Audience::Only(id), Speech::ToYou(&self.name, text));
        state.transcript.push(Audience::Only(self.id), Speech::FromYou(&name, text));
        room.wake(guard);
        Ok(())
    }

    /// The answer to `/who`.
    pub(crate) fn who(&self) -> Vec<String> {
        let state = self.seat.room.lock();
        let mut members: Vec<&Present> = state.members.iter().collect();
        members.sort_by_key(|member| member.likeness.sort_key());
        reply::who(&members.iter().map(|member| &member.name).collect::<Vec<_>>())
    }

    /// Leaves. What was appended until then is still delivered.
    pub(crate) fn leave(mut self, how: Departure<'_>) {
        self.depart(how);
    }

    fn depart(&mut self, how: Departure<'_>) {
        if !std::mem::replace(&mut self.present, false) {
            return;
        }
        let room = Arc::clone(&self.seat.room);
        let mut state = room.lock();
        let at = state.transcript.end();
        state.members.retain(|member| member.id != self.id);
        state.departures.push((self.id, at));
        state.seats -= 1;
        self.seat.given_back = true;
        room.taken.notify_all();
        let notice = Notice::Left(&self.name, how);
        if !state.closing {
            state.transcript.push(Audience::AllBut(self.id), notice);
        }
        room.wake(state);
        log::info!("{} ({})", notice.to_string().trim_start_matches("-- "), self.peer);
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.depart(Departure::ConnectionLost);
    }
}
