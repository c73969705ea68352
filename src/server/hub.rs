//! The lock around the room, and whoever sleeps on it.
//!
//! One lock guards the room, the places in it and who waits for what, so that a join, a rename or a line
//! and what follows from it happen at one place in the one order of events. It is never held across a
//! system call, but for short copies only; nothing is logged and nobody is waited for while it is held.
//!
//! No guard leaves this module. Every operation is a closure that it runs under the lock; when that is
//! given up, the broadcaster is woken if it sleeps and there is something for it, so no caller wakes
//! anybody by hand, and none can forget to.
//!
//! Its parts are what a session holds: a permit to be in the server (`permit`) or to be turned away in it
//! (`visit`), a place among the members (`membership`), and a turn at searching (`turns`).

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::admission::{Admission, Origin};
use super::arrears::Arrears;
use super::audience::MemberId;
use super::batch::Batch;
use super::config::Config;
use super::connection::{CloseReason, Connection, ConnectionId};
use super::figures::{Figures, resident};
use super::room::resume::Place;
use super::room::{Effects, Room};
use super::system::{Condvar, Mutex, MutexGuard};
use super::transcript;
use super::waker::Waker;
use crate::protocol::name::Name;
use crate::protocol::reply::Refusal;
use crate::protocol::tag::{Seq, Token};
use permit::Permit;
use turns::Turns;
use visit::Visits;

pub(crate) mod membership;
pub(crate) mod permit;
pub(crate) mod turns;
pub(crate) mod visit;

/// How much may be appended before the broadcaster takes it, in bytes, and as a part of what the
/// room remembers.
const MAX_UNSEALED: usize = 256 * 1024;
const UNSEALED_PART: usize = 16;

/// As which part of what the room remembers a reader that keeps pace may lag, less what may come until the
/// senders are held: it is to miss nothing. Not more than private events may take, or those that it
/// has not had yet would be withdrawn.
const LAG_PART: usize = transcript::PRIVATE_PART;

/// How many bytes of answers a client may be due before it is read no further.
const MOST_OWED: usize = 16 * 1024;

/// How long a member may be held back by slow readers; it is told when that is over.
const AS_LONG_AS_IT_TAKES: Duration = Duration::from_secs(3600);

/// How much a member has brought of late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weight {
    /// As much as people and their scripts say: it is never held.
    Talk,
    /// So much that the readers may not keep up.
    Flood,
}

/// The lock around one room.
#[derive(Debug)]
pub(crate) struct Hub {
    /// What the lock guards.
    shared: Mutex<Shared>,
    /// Notified when the broadcaster has taken what was appended, when a permit becomes free, and at the
    /// shutdown.
    taken: Condvar,
    /// Wakes the broadcaster.
    waker: Waker,
    /// How much may be appended before the broadcaster takes it, in bytes.
    max_unsealed: usize,
    /// How far a reader that keeps pace may lag before the senders are held, in bytes of memory.
    allowed_lag: u64,
}

/// What the lock guards.
#[derive(Debug)]
struct Shared {
    /// Who is here, and what is said.
    room: Room,
    /// Clients that have a permit, with or without a name.
    permits: Admission,
    /// When somebody came last and there was no permit.
    lacked_permit: Option<Instant>,
    /// Clients that have none, and a thread all the same.
    visits: Visits,
    /// What the connections that have ended had used up of their allowances.
    arrears: Arrears,
    /// Of those who search.
    turns: Turns,
    /// How the broadcaster sleeps, if it does. It says so under the lock and only after finding nothing to
    /// do, and whoever brings something looks under the same lock; so no waking is lost.
    asleep: Option<Sleep>,
    /// Readers who keep pace are far behind: sessions are to wait before they append.
    is_held: bool,
    /// How many threads wait, for `taken` or for their turns.
    waiting: usize,
}

/// The broadcaster's sleep.
#[derive(Debug, Clone, Copy)]
struct Sleep {
    /// When it wakes by itself to see what has become due.
    until: Option<Instant>,
}

/// The lock, held. Given up, it wakes the broadcaster if it sleeps and there is something for it.
struct Guard<'a> {
    /// Whose lock it is.
    hub: &'a Hub,
    /// There until it is dropped, or waits.
    shared: Option<MutexGuard<'a, Shared>>,
}

/// What the broadcaster takes out of the room, once a round.
#[derive(Debug, Default)]
pub(crate) struct News {
    /// What readers have to be told besides the events.
    pub(crate) effects: Effects,
    /// Members who were disconnected for too long.
    pub(crate) gone: Vec<Name>,
    /// Batches whose private events are withdrawn, as they were and as they are now.
    pub(crate) withdrawn: Vec<(Arc<Batch>, Arc<Batch>)>,
    /// What the room no longer remembers.
    pub(crate) evicted: Vec<Arc<Batch>>,
    /// The number after the last event that can be read.
    pub(crate) end: Seq,
    /// How many bytes of lines are before that.
    pub(crate) end_offset: u64,
    /// How far a reader that keeps pace may lag, in bytes of lines.
    pub(crate) allowed_lag: u64,
    /// The last word has been said.
    pub(crate) closing: bool,
    /// When there is going to be more, if nobody brings anything.
    pub(crate) due: Option<Instant>,
    /// There was nothing: a broadcaster that is idle may wait.
    pub(crate) nothing: bool,
}

impl Hub {
    pub(crate) fn new(waker: Waker, config: &Config) -> Hub {
        let max_unsealed = MAX_UNSEALED.min(config.memory / UNSEALED_PART);
        let shared = Shared {
            room: Room::new(config),
            permits: Admission::new(config.max_clients, config.max_per_address),
            lacked_permit: None,
            visits: Visits::new(),
            arrears: Arrears::default(),
            turns: Turns::default(),
            asleep: None,
            is_held: false,
            waiting: 0,
        };
        Hub {
            shared: Mutex::new(shared),
            taken: Condvar::new(),
            waker,
            max_unsealed,
            allowed_lag: (config.memory / LAG_PART - 2 * max_unsealed) as u64,
        }
    }

    /// What wakes the broadcaster, for it to wait for.
    pub(crate) fn waker(&self) -> &Waker {
        &self.waker
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.with(|shared| shared.room.is_closed())
    }

    /// Tells everyone that the server shuts down. Nothing is said after that.
    pub(crate) fn close(&self) {
        self.with(|shared| {
            shared.room.close();
            shared.turns.notify();
            self.notify(shared);
        });
    }

    /// Waits, for `timeout` at most, until no client is left.
    pub(crate) fn await_empty(&self, timeout: Duration) {
        let mut guard = self.lock();
        guard.waiting += 1;
        let occupied = |shared: &mut Shared| shared.permits.are_taken();
        guard.wait_while(&self.taken, timeout, occupied);
        guard.waiting -= 1;
    }

    /// Whether somebody has found no permit since then.
    pub(crate) fn has_lacked_permit_since(&self, then: Instant) -> bool {
        self.with(|shared| shared.lacked_permit.is_some_and(|lacked| lacked >= then))
    }

    /// What connections from there have used up, and have not been given back since.
    pub(crate) fn arrears_of(&self, origin: Origin, now: Instant) -> f64 {
        self.with(|shared| shared.arrears.of(origin, now))
    }

    /// Remembers what a connection from there had used up when it ended.
    pub(crate) fn add_arrears(&self, origin: Origin, used: f64, now: Instant) {
        self.with(|shared| shared.arrears.add(origin, used, now));
    }

    /// Takes what is new, for the broadcaster. If there is nothing and it is idle, the next one to
    /// bring something wakes it. While `held`, the sessions bring nothing.
    pub(crate) fn news(&self, held: bool, idle: bool) -> News {
        let mut guard = self.lock();
        let shared = &mut *guard;
        let were_full = self.are_full(shared);
        shared.is_held = held;
        let gone = shared.room.expire();
        let nothing = !shared.room.has_news();
        let due = shared.room.due();
        shared.asleep = (nothing && idle).then_some(Sleep { until: due });
        let news = self.take_news(&mut shared.room, gone, nothing, due);
        // Only those who may go on: hundreds may wait while this is done thousands of times a second.
        let are_full = self.are_full(shared);
        if were_full.iter().zip(are_full).any(|(&were, are)| were && !are) {
            self.notify(shared);
        }
        news
    }

    fn take_news(
        &self,
        room: &mut Room,
        gone: Vec<Name>,
        nothing: bool,
        due: Option<Instant>,
    ) -> News {
        let (effects, closing) = (room.take_effects(), room.is_closed());
        let transcript = room.transcript_mut();
        transcript.seal();
        let (end, end_offset) = transcript.sealed_end();
        News {
            effects,
            gone,
            withdrawn: std::iter::from_fn(|| transcript.withdraw()).collect(),
            evicted: std::iter::from_fn(|| transcript.evict()).collect(),
            end,
            end_offset,
            allowed_lag: transcript.lines_in(self.allowed_lag),
            closing,
            due,
            nothing,
        }
    }

    /// What was appended from `from` on, about `most` bytes of it.
    pub(crate) fn read(&self, from: Seq, most: usize) -> Vec<Arc<Batch>> {
        self.with(|shared| shared.room.transcript().read(from, most))
    }

    /// What was appended before `end`, about `most` bytes of it, the newest first; `None` once the room
    /// closes.
    pub(crate) fn read_back(&self, end: Seq, most: usize) -> Option<Vec<Arc<Batch>>> {
        self.with(|shared| {
            let room = &shared.room;
            (!room.is_closed()).then(|| room.transcript().read_back(end, most))
        })
    }

    /// Called by the broadcaster when a reader has taken what it was to be shown again, or never
    /// will.
    pub(crate) fn on_replayed(&self, reader: ConnectionId) {
        self.with(|shared| {
            if shared.room.on_replayed(reader) {
                self.notify(shared);
            }
        });
    }

    /// Called by the broadcaster when it serves a reader no more: its session waits for nothing if
    /// the connection was hung up on.
    pub(crate) fn on_dismissed(&self, reader: ConnectionId) {
        self.with(|shared| {
            shared.room.on_replayed(reader);
            shared.room.on_answered(reader, usize::MAX);
            shared.turns.notify();
            self.notify(shared);
        });
    }

    /// Called by the broadcaster when a reader has taken so many bytes of its answers.
    pub(crate) fn on_answered(&self, reader: ConnectionId, bytes: usize) {
        self.with(|shared| {
            let was_owed = shared.room.owed(reader) > MOST_OWED;
            if shared.room.on_answered(reader, bytes) && was_owed {
                self.notify(shared);
            }
        });
    }

    /// What an operator wants to know.
    pub(crate) fn figures(&self) -> Figures {
        // Before the lock: the system is asked for it.
        let resident = resident();
        self.with(|shared| {
            let room = &shared.room;
            let (remembered, memory) = room.transcript().memory();
            let (members, disconnected) = room.count();
            Figures {
                members,
                disconnected,
                said: room.said_of_late(),
                remembered,
                memory,
                resident,
                held_back: room.held_back(),
            }
        })
    }

    /// Whether somebody with this token may resume where there is no permit: its other connection has
    /// one.
    pub(crate) fn may_take_over(&self, token: Token) -> bool {
        self.with(|shared| shared.room.is_connected(token))
    }

    /// Whether anybody here could resume so.
    pub(crate) fn may_be_taken_over(&self) -> bool {
        self.with(|shared| shared.room.has_connected_resumable())
    }

    /// Panics with the lock held, to see what becomes of the others.
    #[cfg(test)]
    pub(crate) fn break_down(&self, text: &str, at: &str) {
        self.with(|_| assert_ne!(text, at));
    }

    /// Runs `change` under the lock.
    fn with<R>(&self, change: impl FnOnce(&mut Shared) -> R) -> R {
        change(&mut self.lock())
    }

    /// The same once the readers who keep pace are not too far behind, and the client itself has taken its
    /// answers. So a session that brings more than they can take, or asks for more than its client takes,
    /// waits, reads no more, and TCP holds its client back. `None` if it would have
    /// to wait and its connection was hung up on.
    fn with_room<R>(
        &self,
        weight: Weight,
        member: MemberId,
        connection: &Connection,
        change: impl FnOnce(&mut Shared) -> R,
    ) -> Option<R> {
        let mut guard = self.lock();
        let mut is_held = false;
        let reader = connection.id();
        let owes =
            |shared: &Shared| shared.room.owed(reader) > MOST_OWED && !shared.room.is_closed();
        while self.is_full(&guard, weight) || owes(&guard) {
            if connection.close_reason().is_some() {
                return None;
            }
            let is_flood = weight == Weight::Flood && !owes(&guard);
            if is_flood && !std::mem::replace(&mut is_held, true) {
                guard.room.mark_held(member, AS_LONG_AS_IT_TAKES);
            }
            guard.wait(&self.taken);
        }
        if is_held {
            guard.room.mark_held(member, Duration::ZERO);
        }
        Some(change(&mut guard))
    }

    /// The same once `until` says so, of which the condition variable tells.
    fn with_once<R>(
        &self,
        woken: &Condvar,
        until: impl Fn(&Shared) -> bool,
        change: impl FnOnce(&mut Shared) -> R,
    ) -> R {
        let mut guard = self.lock();
        while !until(&guard) {
            guard.wait(woken);
        }
        change(&mut guard)
    }

    /// Runs `change` under the lock with the place where the member goes on that was given the token.
    /// Nothing speaks for it any more. A permit that is missing is taken over from its old connection;
    /// without any, it does not go on.
    fn with_place<R>(
        &self,
        token: Token,
        seen: Seq,
        mut permit: Option<&mut Permit>,
        change: impl FnOnce(&mut Shared, Place) -> R,
    ) -> Result<R, Refusal<'static>> {
        // The member, and where it was, once its old connection is closed and it has no other.
        let mut detached = None;
        loop {
            let mut guard = self.lock();
            let place = match guard.room.place_to_resume(token, seen) {
                Ok(place) => place,
                Err(refusal) => {
                    // Meanwhile too much was forgotten.
                    if let Some((member, from)) = detached {
                        guard.room.mark_disconnected(member, from);
                    }
                    return Err(refusal);
                }
            };
            let Some(before) = guard.room.detach(place.recipient.member) else {
                let why = permit.as_ref().and_then(|permit| permit.why_missing());
                return why.map_or_else(|| Ok(change(&mut guard, place)), |why| Err(why.clone()));
            };
            if let Some(permit) = &mut permit {
                permit.take_over(&mut guard);
            }
            detached = Some((place.recipient.member, Origin::of(before.peer().ip())));
            // Before anything is sent over the new one, and not with the lock held.
            drop(guard);
            before.hang_up(CloseReason::TakenOver);
        }
    }

    /// A panic while the lock is held takes its own client with it, never the room: each change is
    /// made whole by one call.
    fn lock(&self) -> Guard<'_> {
        let shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        Guard { hub: self, shared: Some(shared) }
    }

    /// Notifies those who wait for `taken`. With nobody there it costs nothing.
    fn notify(&self, shared: &Shared) {
        if shared.waiting > 0 {
            self.taken.notify_all();
        }
    }

    /// Whether sessions that bring so much are to append no more for now.
    fn is_full(&self, shared: &Shared, weight: Weight) -> bool {
        let is_held = shared.is_held && weight == Weight::Flood;
        let is_full = shared.room.transcript().unsealed() > self.max_unsealed;
        !shared.room.is_closed() && (is_held || is_full)
    }

    fn are_full(&self, shared: &Shared) -> [bool; 2] {
        [Weight::Talk, Weight::Flood].map(|weight| self.is_full(shared, weight))
    }
}

impl Guard<'_> {
    /// Gives the lock up until the condition variable is notified.
    fn wait(&mut self, condvar: &Condvar) {
        self.waiting += 1;
        if let Some(shared) = self.shared.take() {
            self.shared = Some(condvar.wait(shared).unwrap_or_else(PoisonError::into_inner));
        }
        self.waiting -= 1;
    }

    /// The same while `is_so`, for so long at most.
    fn wait_while(
        &mut self,
        condvar: &Condvar,
        timeout: Duration,
        is_so: impl FnMut(&mut Shared) -> bool,
    ) {
        if let Some(shared) = self.shared.take() {
            let waited = condvar.wait_timeout_while(shared, timeout, is_so);
            self.shared = Some(waited.unwrap_or_else(PoisonError::into_inner).0);
        }
    }
}

impl Deref for Guard<'_> {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        self.shared.as_ref().expect("it is there until it is dropped")
    }
}

impl DerefMut for Guard<'_> {
    fn deref_mut(&mut self) -> &mut Shared {
        self.shared.as_mut().expect("it is there until it is dropped")
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        let Some(mut shared) = self.shared.take() else { return };
        let wakes = shared.asleep.is_some_and(|sleep| {
            let is_sooner = |due| sleep.until.is_none_or(|until| due < until);
            shared.room.has_news() || shared.room.due().is_some_and(is_sooner)
        });
        if wakes {
            shared.asleep = None;
        }
        drop(shared);
        if wakes {
            self.hub.waker.wake();
        }
    }
}
