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
//! Its parts are what a session holds: a permit to be in the server (`permit`) or to be turned away in it (`visit`), a
//! place among the members (`membership`), and a turn at searching (`turns`); who is held back (`backpressure`), by how
//! much it brings (`weight`); what the broadcaster is handed (`round`), once the history has it (`cut`); what an
//! operator sees (`overview`, `watch`); and, where several servers hold the room, how entries come to the log that
//! orders them (`proposing`) and back (`log`), what this server keeps of that (`archive`), whether its room is still
//! that of the others (`agreement`), what has become of its connections in what it has not read (`catching_up`), what
//! is told when the room is away (`absence`), and who waits for a name meanwhile (`doorway`).

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::admission::{Admission, Origin};
use super::arrears::Arrears;
use super::audience::MemberId;
use super::audience::Recipient;
use super::batch::Batch;
use super::config::Config;
use super::connection::{Connection, ConnectionId};
use super::figures::hook::HookFigures;
use super::history::store::readers::Readers;
use super::replay::Gap;
use super::room::Room;
use super::room::effects::{Aside, Effects};
use super::room::entry::{Entry, Outcome, Stamp};
use super::system::{Condvar, Mutex, instant, now};
use super::transcript;
use super::waker::Waker;
use crate::protocol::name::Name;
use crate::protocol::tag::{Millis, Seq};
use archive::Archive;
use backpressure::Backpressure;
use cut::Settled;
use fetch::Fetches;
use guard::Guard;
use log::LogSide;
use turns::Turns;
use visit::Visits;

mod absence;
mod agreement;
mod archive;
mod backpressure;
mod catching_up;
pub(crate) mod cut;
mod doorway;
pub(crate) mod fetch;
mod guard;
pub(crate) mod hook;
pub(crate) mod log;
pub(crate) mod membership;
mod orders;
pub(crate) mod overview;
pub(crate) mod permit;
mod proposing;
pub(crate) mod recovery;
mod resume;
pub(crate) mod round;
pub(crate) mod turns;
pub(crate) mod visit;
pub(crate) mod watch;
pub(crate) mod weight;

/// How much may be applied before it is settled, in bytes of lines, and as a part of what the room
/// remembers.
const MAX_UNSETTLED: usize = 256 * 1024;
const UNSETTLED_PART: usize = 16;

/// As which part of what the room remembers a reader that keeps pace may lag, less what may come until the
/// senders are held: it is to miss nothing. Not more than private events may take, or those that it
/// has not had yet would be withdrawn.
const LAG_PART: usize = transcript::PRIVATE_PART;

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
    /// Notified when something is proposed to the log of a shared room, whose writer sleeps, and at its end.
    proposed: Condvar,
    /// Notified when there may be more for those who watch, and when one is to watch no more.
    watched: Condvar,
    /// Wakes the broadcaster.
    waker: Waker,
    /// Where members look for what the room does not remember, if it has a history. Set once, at the start.
    file: OnceLock<Readers>,
    /// Whether several servers hold the room. Set at most once, at the start.
    is_shared: AtomicBool,
    /// What the server's own program has come to, if it has one. Set once, at the start.
    hook_figures: OnceLock<Arc<HookFigures>>,
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
    /// How far this server's archive of a shared room has come; `None` without one, and in a room of its own.
    archive: Option<Archive>,
    /// What goes to the log of a room that several servers hold; `None` in one of this server's own.
    log: Option<Box<LogSide>>,
    /// Connections of members that an order has removed, until their sessions are told.
    removed: Vec<Arc<Connection>>,
    /// The connections over which members are served, until the broadcaster knows that they are no more.
    connections: HashMap<ConnectionId, Arc<Connection>>,
    /// When the room was opened: its entries' times count from there.
    opened: Instant,
    /// The same, as the time of day.
    since: Millis,
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
    /// How many threads wait for `watched`.
    watching: usize,
    /// The member that is the server's own program, if there is one and it has come in.
    hook: Option<MemberId>,
}

/// The broadcaster's sleep.
#[derive(Debug, Clone, Copy)]
struct Sleep {
    /// When it wakes by itself to see what has become due.
    until: Option<Instant>,
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
        if let Outcome::Ordered(ordered) = &outcome {
            let connections = ordered.hang_up.iter().filter_map(|id| self.connections.get(id));
            self.removed.extend(connections.cloned());
        }
        outcome
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
            fetches: Fetches::new(),
            settled: None,
            archive: None,
            log: None,
            removed: Vec::new(),
            connections: HashMap::new(),
            opened: instant(),
            since: now(),
            permits: Admission::new(config.max_clients, config.max_per_address),
            lacked_permit: None,
            visits: Visits::new(),
            arrears: Arrears::default(),
            turns: Turns::default(),
            asleep: None,
            backpressure: Backpressure::default(),
            waiting: 0,
            watching: 0,
            hook: None,
        };
        Hub {
            shared: Mutex::new(shared),
            taken: Condvar::new(),
            applied: Condvar::new(),
            asked: Condvar::new(),
            proposed: Condvar::new(),
            watched: Condvar::new(),
            waker,
            file: OnceLock::new(),
            is_shared: AtomicBool::new(false),
            hook_figures: OnceLock::new(),
            max_unsettled: max_unsettled as u64,
            allowed_lag: (config.memory / LAG_PART - 2 * max_unsettled) as u64,
        }
    }

    /// What wakes the broadcaster, for it to wait for.
    pub(crate) fn waker(&self) -> &Waker {
        &self.waker
    }

    /// Whether several servers hold the room.
    pub(crate) fn is_shared(&self) -> bool {
        self.is_shared.load(Ordering::Relaxed)
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.with(|shared| shared.room.is_closed())
    }

    /// Tells everyone that the server shuts down. Nothing is said after that.
    pub(crate) fn close(&self) {
        self.with(|shared| {
            shared.part_with_hook();
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

    /// Where to look for what the room does not remember, if it has a history.
    pub(crate) fn file(&self) -> Option<&Readers> {
        self.file.get()
    }

    /// Lines that were said and that the history does not have.
    pub(crate) fn gaps(&self) -> Vec<Gap> {
        self.with(|shared| shared.room.gaps().to_vec())
    }

    /// How many lines a reader should have had from that event on, of those that nobody has any more.
    pub(crate) fn missed(&self, recipient: Recipient, from: Seq) -> u64 {
        self.with(|shared| shared.room.transcript().evicted(recipient, from).unwrap_or(0))
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

    /// Runs `change` under the lock once `until` says so, of which the condition variable tells.
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
}
