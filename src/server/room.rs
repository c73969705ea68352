//! Who is here, under what name, and what they say: everything that the sessions share.
//!
//! One lock guards it all, so that a join, a rename or a line and what follows from it happen at
//! one place in the one order of events. It is never held across a system call, but for short
//! copies only; nothing is logged and nobody is waited for while it is held.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Display;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::Config;
use super::admission::Seats;
use super::arrears::Arrears;
use super::away::Away;
use super::batch::Batch;
use super::connection::{Connection, ConnectionId};
use super::figures::{Figures, HELD_FOR, Throughput, resident};
use super::guest_numbers::GuestNumbers;
use super::index::{Audience, Envelope, Kind, MemberId, Viewer};
use super::kinds::CAME_OR_WENT;
use super::member::Weight;
use super::presence::Present;
use super::recall::Recall;
use super::search::Turns;
use super::system::{Condvar, Mutex, MutexGuard, instant};
use super::traffic::{Move, Sum, Traffic};
use super::transcript::{self, Transcript};
use super::visit::Visits;
use super::waker::Waker;
use crate::protocol::name::{Likeness, Name, Wanted};
use crate::protocol::reply::{self, Departure, Notice};
use crate::protocol::tag::{Millis, Seq};

/// How much may be appended before the broadcaster takes it, in bytes, and as a part of what the
/// room remembers.
const MAX_UNSEALED: usize = 256 * 1024;
const UNSEALED_PART: usize = 16;

/// As which part of what the room remembers a reader that keeps pace may lag, less what may come until the
/// senders are held: it is to miss nothing. Not more than private events may take, or answers that it has
/// not had yet would be withdrawn.
const LAG_PART: usize = transcript::PRIVATE_PART;

/// How long a member may be held back by slow readers; it is told when that is over.
const AS_LONG_AS_IT_TAKES: Duration = Duration::from_secs(3600);

/// How many of those who have left are remembered, to be told apart from those who never were here.
const MOST_GONE: usize = 20;

#[derive(Debug)]
pub(crate) struct Room {
    state: Mutex<State>,
    /// Told when the broadcaster has taken what was appended, when a place becomes free, and at the
    /// shutdown.
    pub(super) taken: Condvar,
    /// Wakes the broadcaster.
    pub(crate) waker: Waker,
    pub(super) max_clients: usize,
    /// How many of the last lines a new member is shown.
    pub(super) replay: usize,
    /// How much may be appended before the broadcaster takes it, in bytes.
    max_unsealed: usize,
    /// How far a reader that keeps pace may lag before the senders are held, in bytes of memory.
    allowed_lag: u64,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) members: BTreeMap<MemberId, Present>,
    /// Which of them are away, and may come back.
    pub(super) away: Away,
    traffic: Traffic,
    /// Who left last, newest last.
    pub(super) gone: VecDeque<Likeness>,
    /// What the connections that have ended had used up of their allowances.
    pub(super) arrears: Arrears,
    guest_numbers: GuestNumbers,
    /// Clients that have a place, with or without a name.
    pub(super) seats: Seats,
    /// When somebody came last and there was none.
    pub(super) lacked_place: Option<Instant>,
    /// Clients that have none, and a thread all the same.
    pub(super) visits: Visits,
    pub(super) next_id: u64,
    pub(super) transcript: Transcript,
    /// What was said of late.
    pub(super) throughput: Throughput,
    pub(super) arrivals: Vec<Arrival>,
    pub(super) departures: Vec<(ConnectionId, Seq)>,
    pub(super) taggings: Vec<(ConnectionId, Seq)>,
    pub(super) recalls: Vec<(ConnectionId, Seq, Recall)>,
    /// What is no line, for one reader alone: answers to its client's telnet.
    pub(super) asides: Vec<(ConnectionId, [u8; 3])>,
    /// Who has asked for something to be shown again, and has not taken it yet.
    pub(super) recalling: Vec<ConnectionId>,
    /// Of those who look for words.
    pub(super) turns: Turns,
    /// The broadcaster waits and has to be woken. It says so under the lock and only after finding
    /// nothing to do, and whoever gives it something to do looks under the same lock; so no waking
    /// is lost.
    pub(super) asleep: bool,
    /// Readers who keep pace are far behind: sessions are to wait before they append.
    pub(super) held: bool,
    /// How many threads wait for `taken`.
    pub(super) waiting: usize,
    pub(super) closing: bool,
}

/// A member that the broadcaster has to serve from now on.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) viewer: Viewer,
    pub(crate) connection: Arc<Connection>,
    /// What it is sent before that, line by line.
    pub(crate) greeting: String,
    /// The first event that it may get.
    pub(crate) from: Seq,
    /// How many bytes of lines are before that.
    pub(crate) offset: u64,
}

/// What the broadcaster takes out of the room, once a round.
#[derive(Debug, Default)]
pub(crate) struct News {
    pub(crate) arrivals: Vec<Arrival>,
    pub(crate) departures: Vec<(ConnectionId, Seq)>,
    /// Who gets the tagged form, from which event on.
    pub(crate) taggings: Vec<(ConnectionId, Seq)>,
    /// What a reader is to be shown before the event with that number.
    pub(crate) recalls: Vec<(ConnectionId, Seq, Recall)>,
    /// What a reader is sent between two lines, before all else.
    pub(crate) asides: Vec<(ConnectionId, [u8; 3])>,
    /// Those who were away for too long.
    pub(crate) gone: Vec<Name>,
    /// Batches whose private events are withdrawn, as they were and as they are now.
    pub(crate) withdrawn: Vec<(Arc<Batch>, Arc<Batch>)>,
    /// What the room no longer remembers.
    pub(crate) forgotten: Vec<Arc<Batch>>,
    /// The number after the last event that can be read.
    pub(crate) end: Seq,
    /// How many bytes of lines are before that.
    pub(crate) end_offset: u64,
    /// How far a reader that keeps pace may lag, in bytes of lines.
    pub(crate) allowed_lag: u64,
    pub(crate) closing: bool,
    /// When there is going to be more, if nobody brings anything.
    pub(crate) due: Option<Instant>,
    /// There was nothing: a broadcaster that is idle may wait.
    pub(crate) nothing: bool,
}

impl Room {
    pub(crate) fn new(waker: Waker, config: &Config) -> Room {
        let max_unsealed = MAX_UNSEALED.min(config.memory / UNSEALED_PART);
        let state = State {
            members: BTreeMap::new(),
            away: Away::new(config.away_timeout),
            traffic: Traffic::new(instant()),
            gone: VecDeque::new(),
            arrears: Arrears::default(),
            guest_numbers: GuestNumbers::default(),
            seats: Seats::new(config.max_clients, config.max_per_address),
            lacked_place: None,
            visits: Visits::new(),
            next_id: 1,
            transcript: Transcript::new(config.memory),
            throughput: Throughput::default(),
            arrivals: Vec::new(),
            departures: Vec::new(),
            taggings: Vec::new(),
            recalls: Vec::new(),
            asides: Vec::new(),
            recalling: Vec::new(),
            turns: Turns::default(),
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
            max_unsealed,
            allowed_lag: (config.memory / LAG_PART - 2 * max_unsealed) as u64,
        }
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.lock().closing
    }

    /// Tells everyone that the server shuts down. Nothing is said after that.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.tell(Audience::All, Notice::ShuttingDown);
        state.closing = true;
        state.turns.notify();
        self.notify(&state);
        self.wake(state);
    }

    /// Waits, `patience` long at most, until no client is left.
    pub(crate) fn await_empty(&self, patience: Duration) {
        let mut state = self.lock();
        state.waiting += 1;
        let occupied = |state: &mut State| state.seats.are_taken();
        let emptied = self.taken.wait_timeout_while(state, patience, occupied);
        emptied.unwrap_or_else(PoisonError::into_inner).0.waiting -= 1;
    }

    /// Whether somebody has found no place since then.
    pub(super) fn has_lacked_place_since(&self, then: Instant) -> bool {
        self.lock().lacked_place.is_some_and(|lacked| lacked >= then)
    }

    /// Takes what is new, for the broadcaster. If there is nothing and it is idle, the next one to
    /// bring something wakes it. While `held`, the sessions bring nothing.
    pub(crate) fn news(&self, held: bool, idle: bool) -> News {
        let mut state = self.lock();
        let were_full =
            [Weight::Talk, Weight::Flood].map(|it| state.is_full(self.max_unsealed, it));
        state.held = held;
        let gone = state.part_with_absent(self.max_clients);
        if let Some(Sum { joined, left }) = state.traffic.take_sum(instant()) {
            state.tell(Audience::All, Notice::CameAndWent { joined, left });
        }
        let nothing = state.transcript.unsealed() == 0
            && state.arrivals.is_empty()
            && state.departures.is_empty()
            && state.taggings.is_empty()
            && state.recalls.is_empty()
            && state.asides.is_empty();
        state.asleep = nothing && idle;
        state.transcript.seal();
        let (end, end_offset) = state.transcript.sealed_end();
        let news = News {
            arrivals: std::mem::take(&mut state.arrivals),
            departures: std::mem::take(&mut state.departures),
            taggings: std::mem::take(&mut state.taggings),
            recalls: std::mem::take(&mut state.recalls),
            asides: std::mem::take(&mut state.asides),
            gone,
            withdrawn: std::iter::from_fn(|| state.transcript.withdraw()).collect(),
            forgotten: std::iter::from_fn(|| state.transcript.forget()).collect(),
            end,
            end_offset,
            allowed_lag: state.transcript.lines_in(self.allowed_lag),
            closing: state.closing,
            due: state.traffic.due().into_iter().chain(state.away.due()).min(),
            nothing,
        };
        // Only those who may go on: hundreds may wait while this is done thousands of times a second.
        let are_full = [Weight::Talk, Weight::Flood].map(|it| state.is_full(self.max_unsealed, it));
        if were_full.iter().zip(are_full).any(|(&were, are)| were && !are) {
            self.notify(&state);
        }
        news
    }

    /// What was appended from `from` on, about `most` bytes of it.
    pub(crate) fn read(&self, from: Seq, most: usize) -> Vec<Arc<Batch>> {
        self.lock().transcript.read(from, most)
    }

    /// What was appended before `end`, about `most` bytes of it, the newest first; `None` once the room
    /// closes.
    pub(super) fn read_back(&self, end: Seq, most: usize) -> Option<Vec<Arc<Batch>>> {
        let state = self.lock();
        (!state.closing).then(|| state.transcript.read_back(end, most))
    }

    /// To be told by the broadcaster when a reader has taken what it was to be shown again, or never
    /// will.
    pub(crate) fn have_recalled(&self, reader: ConnectionId) {
        let mut state = self.lock();
        if let Some(at) = state.recalling.iter().position(|&recalling| recalling == reader) {
            state.recalling.swap_remove(at);
            self.notify(&state);
        }
    }

    /// To be told by the broadcaster when it serves a reader no more: its session waits for nothing if
    /// the connection was hung up on.
    pub(crate) fn have_dismissed(&self, reader: ConnectionId) {
        self.have_recalled(reader);
        let state = self.lock();
        state.turns.notify();
        self.notify(&state);
    }

    /// What an operator wants to know.
    pub(super) fn figures(&self) -> Figures {
        // Before the lock: the system is asked for it.
        let resident = resident();
        let state = self.lock();
        let (remembered, memory) = state.transcript.memory();
        let is_held = |member: &&Present| member.held_until.is_some_and(|until| until > instant());
        Figures {
            members: state.members.len(),
            disconnected: state.away.count(),
            said: state.throughput.last_minute(now()),
            remembered,
            memory,
            resident,
            held_back: state.members.values().filter(is_held).map(|it| it.name.clone()).collect(),
        }
    }

    /// Marks a member as held back, for so long.
    pub(super) fn mark_held(&self, member: MemberId, wait: Duration) {
        self.lock().mark_held(member, wait);
    }

    /// A panic while the lock is held takes its own client with it, never the room: each change is
    /// made whole by one call.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lock, once the readers who keep pace are not too far behind. So a session that brings more
    /// than they can take waits, reads no more, and TCP holds its client back. `None` if it would have
    /// to wait and its connection was hung up on.
    pub(super) fn lock_to_append(
        &self,
        weight: Weight,
        member: MemberId,
        connection: &Connection,
    ) -> Option<MutexGuard<'_, State>> {
        let mut state = self.lock();
        let mut is_held = false;
        while state.is_full(self.max_unsealed, weight) {
            if connection.verdict().is_some() {
                return None;
            }
            if weight == Weight::Flood && !std::mem::replace(&mut is_held, true) {
                state.mark_held(member, AS_LONG_AS_IT_TAKES);
            }
            state.waiting += 1;
            state = self.taken.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.waiting -= 1;
        }
        if is_held {
            state.mark_held(member, Duration::ZERO);
        }
        Some(state)
    }

    /// Notifies those who wait for `taken`. With nobody there it costs nothing.
    pub(super) fn notify(&self, state: &State) {
        if state.waiting > 0 {
            self.taken.notify_all();
        }
    }

    pub(super) fn wake(&self, mut state: MutexGuard<'_, State>) {
        let asleep = std::mem::take(&mut state.asleep);
        drop(state);
        if asleep {
            self.waker.wake();
        }
    }
}

impl State {
    /// Appends a notice.
    pub(super) fn tell(&mut self, audience: Audience, line: impl Display) {
        self.push(Envelope::new(audience, Kind::Passing), line);
    }

    /// Appends an answer.
    pub(super) fn answer(&mut self, member: MemberId, line: impl Display) {
        self.push(Envelope::new(Audience::Only(member), Kind::Answer), line);
    }

    /// Appends an event that happens now, unless the last word has been said.
    pub(super) fn push(&mut self, envelope: Envelope, line: impl Display) {
        if !self.closing {
            self.transcript.push(envelope, line, now());
        }
    }

    /// Tells the others that a member has come or gone, at once or together with more of them.
    pub(super) fn tell_move(&mut self, what: Move, member: MemberId, notice: Notice<'_>) {
        if self.traffic.tells(what, instant()) {
            self.tell(Audience::AllBut(member), notice);
        }
    }

    /// Marks a member as held back, for so long and a while more ([`HELD_FOR`]), so that the figures name
    /// it also between two waits.
    fn mark_held(&mut self, member: MemberId, wait: Duration) {
        if let Some(member) = self.members.get_mut(&member) {
            member.held_until = Some(instant() + wait + HELD_FOR);
        }
    }

    /// Has something shown again to a reader, before what comes next, unless nothing more does.
    pub(super) fn recall(&mut self, reader: ConnectionId, recall: Recall) {
        if self.closing {
            return;
        }
        let at = self.transcript.end();
        self.recalls.push((reader, at, recall));
        self.recalling.push(reader);
    }

    /// Whether sessions are to append no more for now.
    fn is_full(&self, max_unsealed: usize, weight: Weight) -> bool {
        let held = self.held && weight == Weight::Flood;
        !self.closing && (held || self.transcript.unsealed() > max_unsealed)
    }

    pub(super) fn find(&self, wanted: &Wanted) -> Option<(MemberId, &Present)> {
        let is_it = |member: &Present| member.likeness.is_called(wanted);
        self.members.iter().find(|(_, member)| is_it(member)).map(|(&id, member)| (id, member))
    }

    pub(super) fn next_id(&mut self) -> MemberId {
        self.next_id += 1;
        MemberId(self.next_id - 1)
    }

    /// To be told who has left.
    pub(super) fn have_left(&mut self, name: &Name, likeness: Likeness) {
        self.on_name_given_up(name);
        if self.gone.len() == MOST_GONE {
            self.gone.pop_front();
        }
        self.gone.push_back(likeness);
    }

    /// Whether one of that name was among those who left last.
    pub(super) fn has_just_left(&self, wanted: &Wanted) -> bool {
        self.gone.iter().any(|gone| gone.is_called(wanted))
    }

    /// Whether no member but that one has a name like this.
    pub(super) fn is_free(&self, wanted: &Likeness, but_for: Option<MemberId>) -> bool {
        let mut others = self.members.iter().filter(|(id, _)| Some(**id) != but_for);
        !others.any(|(_, member)| member.likeness.is_like(wanted))
    }

    /// The next guest's name, and its likeness. Nobody else can have one like that.
    pub(super) fn guest(&mut self) -> (Name, Likeness) {
        let name = Name::guest(self.guest_numbers.take());
        let likeness = name.likeness();
        (name, likeness)
    }

    /// Nobody has that name any more.
    pub(super) fn on_name_given_up(&mut self, name: &Name) {
        if let Some(number) = name.guest_number() {
            self.guest_numbers.give_back(number);
        }
    }
}

/// Logs that one was away for too long.
pub(super) fn log_absent(name: &Name) {
    let notice = Notice::Left(name, Departure::ConnectionLost).to_string();
    log::info!(target: CAME_OR_WENT, "{}", reply::words(&notice));
}

/// The server's clock. It may be set back; then events seem to have happened before earlier ones.
pub(super) fn now() -> Millis {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    since_1970.as_millis() as Millis
}
