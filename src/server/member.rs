//! Being in the room: what one member does there, under the room's lock.
//!
//! A place is taken before there is a name, and membership is a guard: dropped, the member has left.

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::connection::Connection;
use super::recall::{self, Recall};
use super::room::{Arrival, Present, Room, now};
use super::traffic::Move;
use super::transcript::{Audience, Batch, Kind, MemberId, newest};
use crate::protocol::name::Name;
use crate::protocol::reply::{self, Departure, Notice, Refusal, Speech};

/// What a member may bring in a second without ever being held, in bytes.
const MOST_TALK: usize = 16 * 1024;

/// A place in the room, taken by a client whose name is not settled. Dropped, it is free again.
#[derive(Debug)]
pub(crate) struct Seat {
    room: Arc<Room>,
    /// It was given back together with the leaving, before anyone could hear of that.
    given_back: bool,
}

impl Seat {
    /// A place for one more client, if there is one.
    pub(crate) fn take(room: &Arc<Room>) -> Option<Seat> {
        let mut state = room.lock();
        if state.seats >= room.max_clients {
            return None;
        }
        state.seats += 1;
        Some(Seat { room: Arc::clone(room), given_back: false })
    }

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
        state.tell_move(Move::Join, id, Notice::Joined(&name));
        let recall = Recall::newest(state.transcript.newest(id, room.replay));
        let (from, offset) = (state.transcript.end(), state.transcript.end_offset());
        state.tell(Audience::Only(id), Notice::YouAre { name: &name, others });
        if !recall.is_empty() {
            state.recall(id, recall);
        }
        state.arrivals.push(Arrival { id, connection: Arc::clone(connection), from, offset });
        room.wake(state);
        log::info!("{name} joined from {}, {} here", connection.peer(), others + 1);
        let (peer, counted_since) = (connection.peer(), Instant::now());
        let seat = self;
        let member = Member { seat, id, name, peer, present: true, counted_since, brought: 0 };
        (member, taken)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if !self.given_back {
            let mut state = self.room.lock();
            state.seats -= 1;
            self.room.notify(&state);
        }
    }
}

/// How much a member has brought of late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    /// As much as people and their scripts say: it is never held.
    Talk,
    /// So much that the readers may not keep up.
    Flood,
}

/// Being in the room. Dropped, the member leaves, so that a session that panics leaves no ghost.
#[derive(Debug)]
pub(crate) struct Member {
    seat: Seat,
    id: MemberId,
    name: Name,
    peer: SocketAddr,
    present: bool,
    /// Since when `brought` has been counted, in bytes.
    counted_since: Instant,
    brought: usize,
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
    pub(crate) fn append(&mut self, events: &Batch) {
        let weight = self.weigh(events.bytes());
        let room = &self.seat.room;
        let mut state = room.lock_to_append(weight);
        if !state.closing {
            state.transcript.append(events, now());
        }
        room.wake(state);
    }

    fn weigh(&mut self, bytes: usize) -> Weight {
        if self.counted_since.elapsed() >= Duration::from_secs(1) {
            (self.counted_since, self.brought) = (Instant::now(), 0);
        }
        self.brought += bytes;
        if self.brought <= MOST_TALK { Weight::Talk } else { Weight::Flood }
    }

    /// Takes another name, and tells everyone.
    pub(crate) fn rename<'a>(&mut self, new: &'a Name) -> Result<(), Refusal<'a>> {
        let weight = self.weigh(new.as_str().len());
        let room = &self.seat.room;
        let mut state = room.lock_to_append(weight);
        if !state.is_free(new, Some(self.id)) {
            return Err(Refusal::NameTaken(new));
        }
        let old = std::mem::replace(&mut self.name, new.clone());
        if let Some(present) = state.members.iter_mut().find(|member| member.id == self.id) {
            present.name = new.clone();
            present.likeness = new.likeness();
        }
        let is_other = old != *new;
        if is_other {
            let notice = Notice::IsNow { old: &old, new };
            state.transcript.push(Audience::AllBut(self.id), Kind::Said, notice, now());
        }
        state.tell(Audience::Only(self.id), Notice::YouAreNow(new));
        room.wake(state);
        if is_other {
            log::info!("{old} is now {new}");
        }
        Ok(())
    }

    /// Says `text` to the member called `to` alone.
    pub(crate) fn whisper<'a>(&mut self, to: &'a str, text: &str) -> Result<(), Refusal<'a>> {
        let weight = self.weigh(2 * text.len());
        let room = &self.seat.room;
        let mut guard = room.lock_to_append(weight);
        let state = &mut *guard;
        let Some(reader) = state.find(to) else {
            let has_left = state.has_just_left(to);
            return Err(if has_left { Refusal::HasLeft(to) } else { Refusal::NobodyHere(to) });
        };
        if reader.id == self.id {
            return Err(Refusal::WhisperToSelf);
        }
        let (id, name) = (reader.id, reader.name.clone());
        let (to_reader, to_us) = (Speech::ToYou(&self.name, text), Speech::FromYou(&name, text));
        state.transcript.push(Audience::Only(id), Kind::Said, to_reader, now());
        state.transcript.push(Audience::Only(self.id), Kind::Said, to_us, now());
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

    /// Shows the newest lines again.
    pub(crate) fn show_newest(&self, most: usize) {
        let batches = self.seat.room.lock().transcript.snapshot();
        let batches = batches.iter().map(|batch| &**batch);
        self.recall(Recall::newest(newest(batches, self.id, |_| true, most.min(recall::MOST))));
    }

    /// Shows the newest lines again that have all of the words.
    pub(crate) fn show_found(&self, words: &str, most: usize) {
        let batches = self.seat.room.lock().transcript.snapshot();
        let found = recall::find(&batches, self.id, words, most.min(recall::MOST));
        self.recall(Recall::found(words, found));
    }

    /// Has something shown again, once what was asked for before has been taken: a client that asks
    /// for more than it reads is read no further.
    fn recall(&self, recall: Recall) {
        let room = &self.seat.room;
        let mut state = room.lock();
        state.waiting += 1;
        while state.recalling.contains(&self.id) && !state.closing {
            state = room.taken.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.waiting -= 1;
        state.recall(self.id, recall);
        room.wake(state);
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
        state.have_left(self.name.likeness());
        state.departures.push((self.id, at));
        state.seats -= 1;
        self.seat.given_back = true;
        room.notify(&state);
        if state.closing {
            return room.wake(state);
        }
        let notice = Notice::Left(&self.name, how);
        state.tell_move(Move::Leave, self.id, notice);
        room.wake(state);
        log::info!("{} ({})", notice.to_string().trim_start_matches("-- "), self.peer);
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.depart(Departure::ConnectionLost);
    }
}
