//! Being in the room: what one member does there, under the room's lock.
//!
//! Membership is a guard: dropped, the member has left, or is away.

use std::num::NonZero;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::admission::Origin;
use super::batch::Batch;
use super::connection::Connection;
use super::figures::Said;
use super::index::{Audience, Envelope, Form, Kind, MemberId, Receipt};
use super::kinds::{CAME_OR_WENT, RENAMED};
use super::presence::{Present, Resumable};
use super::recall::Recall;
use super::room::{self, Room, State, now};
use super::search::Asker;
use super::seat::Seat;
use super::system::{MutexGuard, instant};
use super::traffic::Move;
use crate::protocol::name::{Name, Wanted};
use crate::protocol::reply::{self, Departure, Listed, Notice, Refusal, Speech};
use crate::protocol::tag::{Body, Seq, Token};

/// What a member may bring in a second without ever being held, in bytes.
const MOST_TALK: usize = 16 * 1024;

/// What the notices of another name have besides the names, and what they cost besides their lines, in
/// bytes.
const RENAMING: usize = 200;

/// One who joins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Newcomer<'a> {
    pub(crate) connection: &'a Arc<Connection>,
    pub(crate) form: Form,
    /// How many of its lines were taken.
    pub(crate) taken: u64,
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
    connection: Arc<Connection>,
    form: Form,
    /// The number of the line in hand.
    pub(crate) line: u64,
    /// How many of its lines the room knows to be taken.
    known_line: u64,
    present: bool,
    /// Something of what it has brought was not said any more, so no line from there on was taken.
    silenced: bool,
    /// Since when `brought` has been counted, in bytes.
    counted_since: Instant,
    brought: usize,
}

impl Member {
    pub(super) fn new(seat: Seat, id: MemberId, name: Name, newcomer: Newcomer<'_>) -> Member {
        Member {
            seat,
            id,
            name,
            connection: Arc::clone(newcomer.connection),
            form: newcomer.form,
            line: newcomer.taken,
            known_line: newcomer.taken,
            present: true,
            silenced: false,
            counted_since: instant(),
            brought: 0,
        }
    }

    pub(super) fn id(&self) -> MemberId {
        self.id
    }

    pub(crate) fn name(&self) -> &Name {
        &self.name
    }

    /// Of what this member says or does with the line in hand.
    pub(crate) fn said(&self) -> Envelope {
        Envelope { receipt: self.receipt(), ..Envelope::new(Audience::AllBut(self.id), Kind::Said) }
    }

    /// Of what is for this member alone.
    pub(crate) fn answer(&self) -> Envelope {
        Envelope::new(Audience::Only(self.id), Kind::Answer)
    }

    fn receipt(&self) -> Option<Receipt> {
        let line = NonZero::new(self.line).filter(|_| self.form == Form::Tagged)?;
        Some(Receipt { author: self.id, line })
    }

    /// Whether this connection still speaks for the member. If it does, the room is told which lines
    /// were taken; if not, the new connection has been told what was until then, and nothing more
    /// of this one may be said.
    fn speaks(&mut self, state: &mut State) -> bool {
        if self.form == Form::Plain {
            return true;
        }
        let speaks = |member: &&mut Resumable| {
            member.connection.as_ref().is_some_and(|it| it.id() == self.connection.id())
        };
        let Some(member) = state.resumable(self.id).filter(speaks) else { return false };
        if !self.silenced {
            member.taken = self.line;
            self.known_line = self.line;
        }
        true
    }

    /// The lock, to say so many bytes, once it may be said; `None` if it may not. What is held back
    /// until the connection is hung up on is not said, nor is anything after it.
    fn lock_to_speak<'a>(&mut self, room: &'a Room, bytes: usize) -> Option<MutexGuard<'a, State>> {
        let weight = self.weigh(bytes);
        let Some(mut state) = room.lock_to_append(weight, self.id, &self.connection) else {
            self.silenced = true;
            return None;
        };
        (!self.silenced && self.speaks(&mut state)).then_some(state)
    }

    /// Whether the room has to be told of lines that were taken and became no events.
    pub(crate) fn has_uncounted(&self) -> bool {
        self.form == Form::Tagged && self.line > self.known_line
    }

    /// Appends the events, which are so much of what was said, and waits before that while the room is
    /// behind.
    pub(crate) fn append(&mut self, events: &Batch, said: Said) {
        let room = Arc::clone(self.seat.room());
        let Some(mut state) = self.lock_to_speak(&room, events.bytes()) else { return };
        if !state.closing {
            let now = now();
            state.transcript.append(events, now);
            state.throughput.add(said, now);
        }
        room.wake(state);
    }

    fn weigh(&mut self, bytes: usize) -> Weight {
        let now = instant();
        if now.duration_since(self.counted_since) >= Duration::from_secs(1) {
            (self.counted_since, self.brought) = (now, 0);
        }
        self.brought += bytes;
        if self.brought <= MOST_TALK { Weight::Talk } else { Weight::Flood }
    }

    /// Takes another name, and tells everyone.
    pub(crate) fn rename<'a>(&mut self, new: &'a Name) -> Result<(), Refusal<'a>> {
        let bytes = RENAMING + 2 * (self.name.as_str().len() + new.as_str().len());
        let likeness = new.likeness();
        let room = Arc::clone(self.seat.room());
        let Some(mut state) = self.lock_to_speak(&room, bytes) else { return Ok(()) };
        if state.closing {
            return Ok(());
        }
        if !state.is_free(&likeness, Some(self.id)) {
            return Err(Refusal::NameTaken(new));
        }
        let old = std::mem::replace(&mut self.name, new.clone());
        if let Some(present) = state.members.get_mut(&self.id) {
            present.name = new.clone();
            present.likeness = likeness;
        }
        let is_other = old != *new;
        if is_other {
            state.on_name_given_up(&old);
            state.push(self.said(), Notice::IsNow { old: &old, new });
        }
        state.answer(self.id, Notice::YouAreNow(new));
        if self.form == Form::Tagged {
            state.answer(self.id, Body::Nick(new.as_str()));
        }
        room.wake(state);
        if is_other {
            log::info!(target: RENAMED, "{old} is now {new}");
        }
        Ok(())
    }

    /// Says `text` to the member called `to` alone.
    pub(crate) fn whisper<'a>(&mut self, to: &'a str, text: &str) -> Result<(), Refusal<'a>> {
        let Some(wanted) = Wanted::of(to) else { return Err(Refusal::NobodyHere(to)) };
        let room = Arc::clone(self.seat.room());
        let Some(mut state) = self.lock_to_speak(&room, 2 * text.len()) else { return Ok(()) };
        let Some((id, reader)) = state.find(&wanted) else {
            let has_left = state.has_just_left(&wanted);
            return Err(if has_left { Refusal::HasLeft(to) } else { Refusal::NobodyHere(to) });
        };
        if id == self.id {
            return Err(Refusal::WhisperToSelf);
        }
        let name = reader.name.clone();
        let to_reader = Envelope { audience: Audience::Only(id), ..self.said() };
        let to_us = Envelope::new(Audience::Only(self.id), Kind::Said);
        state.push(to_reader, Speech::ToYou(&self.name, text));
        state.push(to_us, Speech::FromYou(&name, text));
        state.throughput.add(Said::of(text), now());
        if state.count_waiting(id, self.id) {
            state.tell(Audience::Only(self.id), Notice::IsAway(&name));
        }
        room.wake(state);
        Ok(())
    }

    /// Marks this member as held back, for so long.
    pub(crate) fn mark_held(&self, wait: Duration) {
        self.seat.room().mark_held(self.id, wait);
    }

    /// The answer to `/who`.
    pub(crate) fn who(&self) -> Vec<String> {
        let copied = |member: &Present| {
            let listed = Listed { name: member.name.clone(), is_away: member.is_away() };
            (member.likeness.sort_key().to_owned(), listed)
        };
        let mut members: Vec<_> = self.seat.room().lock().members.values().map(copied).collect();
        // Not with the lock held.
        members.sort_by(|(one, _), (other, _)| one.cmp(other));
        reply::who(&members.into_iter().map(|(_, listed)| listed).collect::<Vec<_>>())
    }

    /// Shows the newest lines again, and says as how many lines that counts.
    pub(crate) fn show_newest(&self, most: usize) -> u32 {
        let Some(found) = self.asker().newest(most) else { return 0 };
        let cost = found.events.len().try_into().unwrap_or(u32::MAX);
        self.recall(Recall::newest(self.form, found.events));
        cost
    }

    /// The same for those that have all of the words.
    pub(crate) fn show_found(&self, words: &str, most: usize) -> u32 {
        let Some(found) = self.asker().search(words, most) else { return 0 };
        let cost = found.cost();
        self.recall(Recall::found(self.form, words, found.events));
        cost
    }

    fn asker(&self) -> Asker<'_> {
        Asker { room: self.seat.room(), connection: &self.connection, member: self.id }
    }

    /// Has something shown again, once what was asked for before has been taken: a client that asks
    /// for more than it reads is read no further.
    fn recall(&self, recall: Recall) {
        let room = &self.seat.room();
        let mut state = room.lock();
        state.waiting += 1;
        while state.recalling.contains(&self.connection.id()) && !state.closing {
            state = room.taken.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.waiting -= 1;
        state.recall(self.connection.id(), recall);
        room.wake(state);
    }

    /// Has its client's telnet answered, between two lines and as soon as can be: it may wait for that,
    /// and show nothing.
    pub(crate) fn answer_telnet(&self, answer: [u8; 3]) {
        let room = self.seat.room();
        let mut state = room.lock();
        if !state.closing {
            state.asides.push((self.connection.id(), answer));
        }
        room.wake(state);
    }

    /// Gets the tagged form from now on, and may come back.
    pub(crate) fn tag(&mut self) {
        let room = Arc::clone(self.seat.room());
        let mut state = room.lock();
        state.tag(self.id, &self.name, &self.connection, self.line);
        (self.form, self.known_line) = (Form::Tagged, self.line);
        room.wake(state);
    }

    /// Takes up where another member stopped, as [`Seat::resume`] does, and leaves as the one that it
    /// was until now, in the plain form. What that was due, it gets as the other, or not at all.
    pub(crate) fn resume(&mut self, token: Token, seen: Seq) -> Result<u64, Refusal<'static>> {
        let room = Arc::clone(self.seat.room());
        let (mut state, place) = room.lock_to_resume(token, seen, |_| ())?;
        self.part(&mut state, Departure::Quit(""));
        let (name, taken) = state.readmit(place, &self.connection);
        room.wake(state);
        let (was, peer) = (std::mem::replace(&mut self.name, name), self.connection.peer());
        log::info!(target: CAME_OR_WENT, "{was} is {}, who is back, from {peer}", self.name);
        (self.id, self.form) = (place.viewer.member, Form::Tagged);
        (self.line, self.known_line) = (taken, taken);
        Ok(taken)
    }

    /// Leaves. What was appended until then is still delivered.
    pub(crate) fn leave(mut self, how: Departure<'_>) {
        self.depart(how);
    }

    /// The connection has ended without a farewell. Who can come back stays for a while, and nobody
    /// is told.
    pub(crate) fn lose(mut self, how: Departure<'_>) {
        self.be_lost(how);
    }

    fn be_lost(&mut self, how: Departure<'_>) {
        match self.form {
            Form::Plain => self.depart(how),
            Form::Tagged => self.be_away(),
        }
    }

    fn be_away(&mut self) {
        if !std::mem::replace(&mut self.present, false) {
            return;
        }
        let room = Arc::clone(self.seat.room());
        let mut state = room.lock();
        if !self.speaks(&mut state) {
            return;
        }
        // Not the last handle to it: the socket is not closed under the lock.
        state.detach(self.id);
        state.be_away(self.id, Origin::of(self.connection.peer().ip()));
        let gone = state.part_with_absent(room.max_clients);
        self.seat.give_back(&mut state);
        let closing = state.closing;
        room.wake(state);
        if !closing {
            let (name, peer) = (&self.name, self.connection.peer());
            log::info!(target: CAME_OR_WENT, "{name} is away: the connection of {peer} is lost");
            gone.iter().for_each(room::log_absent);
        }
    }

    fn depart(&mut self, how: Departure<'_>) {
        if !std::mem::replace(&mut self.present, false) {
            return;
        }
        let room = Arc::clone(self.seat.room());
        let mut state = room.lock();
        if !self.speaks(&mut state) {
            return;
        }
        let at = state.transcript.end();
        state.departures.push((self.connection.id(), at));
        self.seat.give_back(&mut state);
        self.part(&mut state, how);
        let closing = state.closing;
        room.wake(state);
        if !closing {
            let (peer, notice) = (self.connection.peer(), Notice::Left(&self.name, how));
            log::info!(target: CAME_OR_WENT, "{} ({peer})", reply::words(&notice.to_string()));
        }
    }

    fn part(&self, state: &mut State, how: Departure<'_>) {
        if let Some(member) = state.members.remove(&self.id) {
            state.have_left(&self.name, member.likeness);
        }
        state.tell_move(Move::Leave, self.id, Notice::Left(&self.name, how));
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.be_lost(Departure::ConnectionLost);
    }
}
