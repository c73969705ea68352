//! Who is here, under what name, and what they say: everything that the sessions share.
//!
//! One lock guards it all, so that a join, a rename or a line and what follows from it happen at
//! one place in the one order of events. It is never held across a system call, but for short
//! copies only; nothing is logged and nobody is waited for while it is held.

use std::fmt::Display;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::Config;
use super::connection::Connection;
use super::recall::{self, Recall};
use super::transcript::{Audience, Batch, Kind, MemberId, Millis, Seq, Transcript, newest};
use super::waker::Waker;
use crate::protocol::name::{Likeness, Name};
use crate::protocol::reply::{self, Departure, Notice, Refusal, Speech};

/// How much may be appended before the broadcaster takes it, in bytes, and as a part of what the
/// room remembers.
const MAX_UNSEALED: usize = 256 * 1024;
const UNSEALED_PART: usize = 16;

/// What a member may bring in a second without ever being held, in bytes.
const MOST_TALK: usize = 16 * 1024;

#[derive(Debug)]
pub(crate) struct Room {
    state: Mutex<State>,
    /// Told when the broadcaster has taken what was appended, when a place becomes free, and at the
    /// shutdown.
    taken: Condvar,
    /// Wakes the broadcaster.
    pub(crate) waker: Waker,
    max_clients: usize,
    /// How many of the last lines a new member is shown.
    replay: usize,
    /// How much may be appended before the broadcaster takes it, in bytes.
    max_unsealed: usize,
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
    recalls: Vec<(MemberId, Seq, Recall)>,
    /// Who has asked for something to be shown again, and has not taken it yet.
    recalling: Vec<MemberId>,
    /// The broadcaster waits and has to be woken. It says so under the lock and only after finding
    /// nothing to do, and whoever gives it something to do looks under the same lock; so no waking
    /// is lost.
    asleep: bool,
    /// Readers who keep pace are far behind: sessions are to wait before they append.
    held: bool,
    /// How many threads wait for `taken`.
    waiting: usize,
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
    /// How many bytes of lines are before that.
    pub(crate) offset: u64,
}

/// What the broadcaster takes out of the room, once a round.
#[derive(Debug, Default)]
pub(crate) struct News {
    pub(crate) arrivals: Vec<Arrival>,
    pub(crate) departures: Vec<(MemberId, Seq)>,
    /// What a member is to be shown before the event with that number.
    pub(crate) recalls: Vec<(MemberId, Seq, Recall)>,
    /// What the room no longer remembers.
    pub(crate) forgotten: Vec<Arc<Batch>>,
    /// The number after the last event that can be read.
    pub(crate) end: Seq,
    /// How many bytes of lines are before that.
    pub(crate) end_offset: u64,
    pub(crate) closing: bool,
    /// There was nothing: a broadcaster that is idle may wait.
    pub(crate) nothing: bool,
}

impl Room {
    pub(crate) fn new(waker: Waker, config: &Config) -> Room {
        let state = State {
            members: Vec::new(),
            seats: 0,
            next_id: 1,
            transcript: Transcript::new(config.memory),
            arrivals: Vec::new(),
            departures: Vec::new(),
            recalls: Vec::new(),
            recalling: Vec::new(),
            asleep: false,
            held: false,
            waiting: 0,
            closing: false,
        };
        Room {
            state: Mutex::new(state),
            taken: Condvar::new(),
            waker,
            max_clients: config.max_clients,
            replay: config.replay,
            max_unsealed: MAX_UNSEALED.min(config.memory / UNSEALED_PART),
        }
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
        state.tell(Audience::All, Notice::ShuttingDown);
        state.closing = true;
        self.notify(&state);
        self.wake(state);
    }

    /// Waits, `patience` long at most, until no client is left.
    pub(crate) fn await_empty(&self, patience: Duration) {
        let mut state = self.lock();
        state.waiting += 1;
        let occupied = |state: &mut State| state.seats > 0;
        let emptied = self.taken.wait_timeout_while(state, patience, occupied);
        emptied.unwrap_or_else(PoisonError::into_inner).0.waiting -= 1;
    }

    /// Takes what is new, for the broadcaster. If there is nothing and it is idle, the next one to
    /// bring something wakes it. While `held`, the sessions bring nothing.
    pub(crate) fn news(&self, held: bool, idle: bool) -> News {
        let mut state = self.lock();
        state.held = held;
        let nothing = state.transcript.unsealed() == 0
            && state.arrivals.is_empty()
            && state.departures.is_empty()
            && state.recalls.is_empty();
        state.asleep = nothing && idle;
        state.transcript.seal();
        let (end, end_offset) = state.transcript.sealed_end();
        let news = News {
            arrivals: std::mem::take(&mut state.arrivals),
            departures: std::mem::take(&mut state.departures),
            recalls: std::mem::take(&mut state.recalls),
            forgotten: std::iter::from_fn(|| state.transcript.forget()).collect(),
            end,
            end_offset,
            closing: state.closing,
            nothing,
        };
        self.notify(&state);
        news
    }

    /// What was appended from `from` on, about `most` bytes of it.
    pub(crate) fn read(&self, from: Seq, most: usize) -> Vec<Arc<Batch>> {
        self.lock().transcript.read(from, most)
    }

    /// To be told by the broadcaster when a member has taken what it was to be shown again, or never
    /// will.
    pub(crate) fn have_recalled(&self, member: MemberId) {
        let mut state = self.lock();
        if let Some(at) = state.recalling.iter().position(|&recalling| recalling == member) {
            state.recalling.swap_remove(at);
            self.notify(&state);
        }
    }

    /// A panic while the lock is held takes its own client with it, never the room: each change is
    /// made whole by one call.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lock, once the readers who keep pace are not too far behind. So a session that brings more
    /// than they can take waits, reads no more, and TCP holds its client back.
    fn lock_to_append(&self, weight: Weight) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        if state.is_full(self.max_unsealed, weight) {
            state.waiting += 1;
            while state.is_full(self.max_unsealed, weight) {
                state = self.taken.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            state.waiting -= 1;
        }
        state
    }

    /// Notifies those who wait for `taken`. With nobody there it costs nothing.
    fn notify(&self, state: &State) {
        if state.waiting > 0 {
            self.taken.notify_all();
        }
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
    /// Appends a notice, or an answer.
    fn tell(&mut self, audience: Audience, line: impl Display) {
        self.transcript.push(audience, Kind::Passing, line, now());
    }

    /// Has something shown again to a member, before what comes next.
    fn recall(&mut self, member: MemberId, recall: Recall) {
        let at = self.transcript.end();
        self.recalls.push((member, at, recall));
        self.recalling.push(member);
    }

    /// Whether sessions are to append no more for now.
    fn is_full(&self, max_unsealed: usize, weight: Weight) -> bool {
        let held = self.held && weight == Weight::Flood;
        !self.closing && (held || self.transcript.unsealed() > max_unsealed)
    }

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
        state.tell(Audience::AllBut(id), Notice::Joined(&name));
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

/// The server's clock. It may be set back; then events seem to have happened before earlier ones.
fn now() -> Millis {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    since_1970.as_millis() as Millis
}

/// How much a member has brought of late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weight {
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
        let reader = state.find(to).ok_or(Refusal::NobodyHere(to))?;
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
        self.recall(Recall::newest(newest(batches, self.id, most.min(recall::MOST))));
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
        state.departures.push((self.id, at));
        state.seats -= 1;
        self.seat.given_back = true;
        room.notify(&state);
        if state.closing {
            return room.wake(state);
        }
        let notice = Notice::Left(&self.name, how);
        state.tell(Audience::AllBut(self.id), notice);
        room.wake(state);
        log::info!("{} ({})", notice.to_string().trim_start_matches("-- "), self.peer);
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.depart(Departure::ConnectionLost);
    }
}
