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
//! (`visit`), a place among the members (`membership`), and a turn at searching (`turns`); who is held back
//! (`backpressure`); and what the broadcaster is handed (`round`), once the history has it (`cut`).

use std::collections::HashMap;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::admission::{Admission, Origin};
use super::arrears::Arrears;
use super::audience::MemberId;
use super::batch::Batch;
use super::config::Config;
use super::connection::{CloseReason, Connection, ConnectionId};
use super::figures::{Figures, resident};
use super::history::store::readers::Readers;
use super::replay::Gap;
use super::room::Room;
use super::room::effects::{Aside, Effects};
use super::room::entry::{Author, Entry, Outcome, Stamp};
use super::room::token::TokenHash;
use super::system::{Condvar, Mutex, MutexGuard, instant, now};
use super::transcript;
use super::waker::Waker;
use crate::protocol::name::Name;
use crate::protocol::reply::Refusal;
use crate::protocol::tag::{Seq, Token};
use backpressure::Backpressure;
use cut::Settled;
use fetch::Fetches;
use permit::Permit;
use turns::Turns;
use visit::Visits;

mod backpressure;
pub(crate) mod cut;
pub(crate) mod fetch;
pub(crate) mod membership;
pub(crate) mod permit;
pub(crate) mod round;
pub(crate) mod turns;
pub(crate) mod visit;

/// How much may be applied before it is settled, in bytes of lines, and as a part of what the room
/// remembers.
const MAX_UNSETTLED: usize = 256 * 1024;
const UNSETTLED_PART: usize = 16;

/// As which part of what the room remembers a reader that keeps pace may lag, less what may come until the
/// senders are held: it is to miss nothing. Not more than private events may take, or those that it
/// has not had yet would be withdrawn.
const LAG_PART: usize = transcript::PRIVATE_PART;

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
    /// Notified when something was applied, where the room has a history whose keeper sleeps.
    applied: Condvar,
    /// Notified when a reader asks for something from the history's file, and when nothing more is read.
    asked: Condvar,
    /// Wakes the broadcaster.
    waker: Waker,
    /// Where members look for what the room does not remember, if it has a history. Set once, at the start.
    file: OnceLock<Readers>,
    /// How much may be applied before it is settled, in bytes of lines.
    max_unsettled: u64,
    /// How far a reader that keeps pace may lag before the senders are held, in bytes of memory.
    allowed_lag: u64,
}

/// What the lock guards.
#[derive(Debug)]
struct Shared {
    /// Who is here, and what is said.
    room: Room,
    /// What has followed from the entries, besides events, since that was taken last.
    effects: Effects,
    /// What connections are sent between two lines and before all else: answers to their clients' telnet.
    telnet_answers: Vec<(ConnectionId, [u8; 3])>,
    /// Members that were disconnected for too long, until the log is told of them.
    expired: Vec<Name>,
    /// The room was closed, and nobody has taken that yet.
    is_closing_new: bool,
    /// What readers need from the history's file.
    fetches: Fetches,
    /// How far the history has come; `None` without one, where all is settled that is applied.
    settled: Option<Settled>,
    /// The connections over which members are served, until the broadcaster knows that they are no more.
    connections: HashMap<ConnectionId, Arc<Connection>>,
    /// When the room was opened: its entries' times count from there.
    opened: Instant,
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
    /// Who is to wait before appending more.
    backpressure: Backpressure,
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

/// What a client shows to go on as a member.
#[derive(Debug, Clone, Copy)]
struct Resume {
    /// The hash of the member's token.
    token: TokenHash,
    /// The last event that the client has.
    seen: Seq,
    /// The guest that the client was until now.
    instead_of: Option<Author>,
}

/// As which member a client goes on.
#[derive(Debug)]
struct Resumed {
    /// The member.
    id: MemberId,
    /// The name that it has.
    name: Name,
    /// How many of its lines were taken, over all of its connections.
    taken: u64,
}

impl Shared {
    /// What an entry is stamped with that is applied now.
    fn stamp(&self) -> Stamp {
        Stamp { at: now(), elapsed: instant() - self.opened }
    }

    /// Applies an entry to the room, now.
    fn apply(&mut self, entry: Entry<'_>) -> Outcome {
        let stamp = self.stamp();
        let before = self.effects.asides.len();
        let outcome = self.room.apply(stamp, entry, &mut self.effects);
        for (connection, _, aside) in &self.effects.asides[before..] {
            self.backpressure.on_aside(*connection, aside);
        }
        outcome
    }

    /// Serves a member that has no connection over this one.
    fn readmit(
        &mut self,
        connection: &Arc<Connection>,
        Resume { token, seen, instead_of }: Resume,
    ) -> Result<Resumed, Refusal<'static>> {
        let id = connection.id();
        self.connections.insert(id, Arc::clone(connection));
        match self.apply(Entry::Resume { connection: id, token, seen, instead_of }) {
            Outcome::Resumed { member, name, taken } => Ok(Resumed { id: member, name, taken }),
            Outcome::Refused(refusal) => Err(refusal),
            _ => Err(Refusal::UnknownToken),
        }
    }

    /// Sends a reader something before what comes next, unless the last word has been said.
    fn aside(&mut self, reader: ConnectionId, aside: Aside) {
        if !self.room.is_closed() {
            self.backpressure.on_aside(reader, &aside);
            self.effects.asides.push((reader, self.room.transcript().end(), aside));
        }
    }
}

impl Hub {
    pub(crate) fn new(waker: Waker, config: &Config) -> Hub {
        let max_unsettled = MAX_UNSETTLED.min(config.memory / UNSETTLED_PART);
        let shared = Shared {
            room: Room::new(config),
            effects: Effects::default(),
            telnet_answers: Vec::new(),
            expired: Vec::new(),
            is_closing_new: false,
            fetches: Fetches::default(),
            settled: None,
            connections: HashMap::new(),
            opened: instant(),
            permits: Admission::new(config.max_clients, config.max_per_address),
            lacked_permit: None,
            visits: Visits::new(),
            arrears: Arrears::default(),
            turns: Turns::default(),
            asleep: None,
            backpressure: Backpressure::default(),
            waiting: 0,
        };
        Hub {
            shared: Mutex::new(shared),
            taken: Condvar::new(),
            applied: Condvar::new(),
            asked: Condvar::new(),
            waker,
            file: OnceLock::new(),
            max_unsettled: max_unsettled as u64,
            allowed_lag: (config.memory / LAG_PART - 2 * max_unsettled) as u64,
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
            shared.apply(Entry::Close);
            shared.is_closing_new = true;
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

    /// Called by the broadcaster when a reader has taken what it was to be shown again, or never will.
    pub(crate) fn on_replayed(&self, reader: ConnectionId) {
        self.with(|shared| {
            if shared.backpressure.on_replayed(reader) {
                self.notify(shared);
            }
        });
    }

    /// Called by the broadcaster when it serves a reader no more: its session waits for nothing if
    /// the connection was hung up on.
    pub(crate) fn on_dismissed(&self, reader: ConnectionId) {
        self.with(|shared| {
            shared.backpressure.on_replayed(reader);
            shared.backpressure.on_answered(reader, usize::MAX);
            shared.turns.notify();
            self.notify(shared);
        });
    }

    /// Called by the broadcaster when a reader has taken so many bytes of its answers.
    pub(crate) fn on_answered(&self, reader: ConnectionId, bytes: usize) {
        self.with(|shared| {
            if shared.backpressure.on_answered(reader, bytes) {
                self.notify(shared);
            }
        });
    }

    /// Where to look for what the room does not remember, if it has a history.
    pub(crate) fn file(&self) -> Option<&Readers> {
        self.file.get()
    }

    /// Lines that were said and that the history does not have.
    pub(crate) fn gaps(&self) -> Vec<Gap> {
        self.with(|shared| shared.room.gaps().to_vec())
    }

    /// How many lines a member should have had from that event on, of those that nobody has any more.
    pub(crate) fn missed(&self, member: MemberId, from: Seq) -> u64 {
        self.with(|shared| shared.room.transcript().evicted(member, from).unwrap_or(0))
    }

    /// What an operator wants to know.
    pub(crate) fn figures(&self) -> Figures {
        // Before the lock: the system is asked for it.
        let resident = resident();
        self.with(|shared| {
            let room = &shared.room;
            let (remembered, memory) = room.transcript().memory();
            let (members, disconnected) = room.count();
            let held = shared.backpressure.held(instant());
            Figures {
                members,
                disconnected,
                said: room.said_of_late(now()),
                remembered,
                memory,
                resident,
                held_back: held.into_iter().filter_map(|id| room.name_of(id).cloned()).collect(),
            }
        })
    }

    /// Whether somebody with this token may resume where there is no permit: its other connection has
    /// one.
    pub(crate) fn may_take_over(&self, token: Token) -> bool {
        let token = TokenHash::of(token);
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
            |shared: &Shared| shared.backpressure.is_behind(reader) && !shared.room.is_closed();
        while self.is_full(&guard, weight) || owes(&guard) {
            if connection.close_reason().is_some() {
                return None;
            }
            let is_flood = weight == Weight::Flood && !owes(&guard);
            if is_flood && !std::mem::replace(&mut is_held, true) {
                guard.backpressure.mark_held(member, AS_LONG_AS_IT_TAKES, instant());
            }
            guard.wait(&self.taken);
        }
        if is_held {
            guard.backpressure.mark_held(member, Duration::ZERO, instant());
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

    /// Lets a client go on as the member with the token in `resume`. Nothing speaks for that member any
    /// more before its old connection is closed. A permit that is missing is taken over from that one;
    /// without any, the client does not go on.
    fn resume(
        &self,
        connection: &Arc<Connection>,
        resume: Resume,
        mut permit: Option<&mut Permit>,
    ) -> Result<Resumed, Refusal<'static>> {
        let Resume { token, seen, .. } = resume;
        // The member, and where it was, once its old connection is closed and it has no other.
        let mut detached = None;
        loop {
            let mut guard = self.lock();
            if let Err(refusal) = guard.room.may_resume(token, seen) {
                // Meanwhile too much was forgotten.
                if let Some((member, from)) = detached {
                    guard.apply(Entry::Unclaimed { member, from });
                }
                return Err(refusal);
            }
            let before = match guard.apply(Entry::Detach(token)) {
                Outcome::Detached { member, connection } => {
                    guard.connections.get(&connection).cloned().map(|before| (member, before))
                }
                _ => None,
            };
            let Some((member, before)) = before else {
                let why = permit.as_ref().and_then(|permit| permit.why_missing());
                if let Some(why) = why {
                    return Err(why.clone());
                }
                return guard.readmit(connection, resume);
            };
            if let Some(permit) = &mut permit {
                permit.take_over(&mut guard);
            }
            detached = Some((member, Origin::of(before.peer().ip())));
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
        let is_held = shared.backpressure.is_held && weight == Weight::Flood;
        let unsettled = shared.room.transcript().end_offset() - shared.settled_end().1;
        let is_full = unsettled > self.max_unsettled;
        !shared.room.is_closed() && (is_held || is_full)
    }

    fn are_full(&self, shared: &Shared) -> [bool; 2] {
        [Weight::Talk, Weight::Flood].map(|weight| self.is_full(shared, weight))
    }
}

impl Guard<'_> {
    /// Gives the lock up until the condition variable is notified, of which [`Hub::notify`] is told.
    fn wait(&mut self, condvar: &Condvar) {
        self.waiting += 1;
        self.sleep(condvar);
        self.waiting -= 1;
    }

    /// The same for a condition variable that [`Hub::notify`] does not care for.
    fn sleep(&mut self, condvar: &Condvar) {
        if let Some(shared) = self.shared.take() {
            self.shared = Some(condvar.wait(shared).unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// The same as [`Guard::sleep`] while `is_so`, for so long at most.
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
            shared.has_news() || shared.broadcaster_due().is_some_and(is_sooner)
        });
        if wakes {
            shared.asleep = None;
        }
        let wants_keeper = shared.settled.as_ref().is_some_and(|it| it.wants_keeper(&shared));
        drop(shared);
        if wants_keeper {
            self.hub.applied.notify_one();
        }
        if wakes {
            self.hub.waker.wake();
        }
    }
}
