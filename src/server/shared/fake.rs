//! A log in memory, for tests: it can hold its answers back, lose them, refuse, be emptied, and fail over to a copy that
//! lags. Its clock stands still unless a test moves it. It waits as a server's threads do (`server::system`), so it is
//! a part of the model where that is one.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::engine::{COUNT, Engine, Group, Link, Looked, Missing, Position, Process, SNAPSHOTS};
use super::engine_settings::Settings;
use super::trouble::Trouble;
use crate::server::system::{Condvar, Mutex, MutexGuard};

/// How long a read waits for a group.
const BLOCK: Duration = Duration::from_secs(2);

/// When the clock of the fake begins.
const BEGINNING: u64 = 1_764_400_000_000;

/// A log, of which a test keeps hold. Clones are the same one.
#[derive(Debug, Clone)]
pub(crate) struct Fake(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// All of it.
    state: Mutex<State>,
    /// It has changed. Whoever waits looks for itself.
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    /// The log; `None` if there is none.
    log: Option<Vec<Group>>,
    /// The last place that was given.
    last: Position,
    /// The snapshots, oldest first.
    snapshots: Vec<Vec<u8>>,
    /// What all servers agree on.
    facts: BTreeMap<String, String>,
    /// The process.
    process: u64,
    /// Milliseconds since 1970.
    clock: u64,
    /// Connections with a lower number are broken.
    oldest: usize,
    /// How many connections were made.
    connections: usize,
    /// What every call fails with.
    refused: Option<Trouble>,
    /// How many appends are yet to be taken without an answer.
    answers_to_lose: usize,
    /// Whether nothing is answered for now.
    is_held: bool,
}

/// A connection.
#[derive(Debug)]
struct FakeLink {
    fake: Fake,
    number: usize,
    process: Process,
}

impl Fake {
    /// An empty one.
    pub(crate) fn new() -> Fake {
        let state = State {
            log: None,
            last: Position::START,
            snapshots: Vec::new(),
            facts: BTreeMap::new(),
            process: 1,
            clock: BEGINNING,
            oldest: 0,
            connections: 0,
            refused: None,
            answers_to_lose: 0,
            is_held: false,
        };
        Fake(Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() }))
    }

    /// What servers connect to.
    pub(crate) fn engine(&self) -> Arc<dyn Engine> {
        Arc::new(self.clone())
    }

    /// How many connections were made.
    pub(crate) fn connections(&self) -> usize {
        self.lock().connections
    }

    /// What the log has.
    pub(crate) fn groups(&self) -> Vec<Vec<u8>> {
        let state = self.lock();
        state.log.iter().flatten().map(|group| group.bytes.clone()).collect()
    }

    /// Appends these numbers, as another server's groups.
    pub(crate) fn write(&self, numbers: Range<usize>) {
        let write = |state: &mut State| {
            for number in numbers {
                state.append(number.to_string().as_bytes());
            }
        };
        self.change(write);
    }

    /// The number that a group is.
    pub(crate) fn number(bytes: &[u8]) -> usize {
        String::from_utf8_lossy(bytes).parse().expect("it was written as a number")
    }

    /// Appends a group at this very place, which must be behind the last.
    pub(crate) fn write_at(&self, at: Position, bytes: &[u8]) {
        let group = Group { at, bytes: bytes.to_vec() };
        self.change(|state| {
            state.log.get_or_insert_default().push(group);
            state.last = at;
        });
    }

    /// The place of the group of that number.
    pub(crate) fn place_of(&self, number: usize) -> Position {
        let bytes = number.to_string().into_bytes();
        let state = self.lock();
        let group = state.log.iter().flatten().find(|group| group.bytes == bytes);
        group.expect("it is in the log").at
    }

    /// The last place that was given.
    pub(crate) fn last(&self) -> Position {
        self.lock().last
    }

    /// Drops all before the group of that number.
    pub(crate) fn trim_to(&self, number: usize) {
        let first = self.place_of(number);
        self.change(|state| state.trim(first));
    }

    /// Has every call fail with this, or none any more.
    pub(crate) fn refuse(&self, trouble: Option<Trouble>) {
        self.change(|state| state.refused = trouble);
    }

    /// Takes the next appends, and breaks their connections without an answer.
    pub(crate) fn lose_answers(&self, appends: usize) {
        self.change(|state| state.answers_to_lose = appends);
    }

    /// Answers nothing until it is told otherwise.
    pub(crate) fn hold(&self, is_held: bool) {
        self.change(|state| state.is_held = is_held);
    }

    /// Breaks all connections.
    pub(crate) fn break_connections(&self) {
        self.change(|state| state.oldest = state.connections);
    }

    /// Another process goes on without the newest groups.
    pub(crate) fn fail_over(&self, lost: usize) {
        self.change(|state| {
            state.process += 1;
            state.oldest = state.connections;
            if let Some(log) = &mut state.log {
                log.truncate(log.len().saturating_sub(lost));
                state.last = log.last().map_or(Position::START, |group| group.at);
            }
        });
    }

    /// Everything is gone, by FLUSHALL.
    pub(crate) fn empty(&self) {
        self.change(|state| {
            state.log = None;
            state.last = Position::START;
            state.snapshots.clear();
            state.facts.clear();
        });
    }

    /// Somebody removes the log, and nothing else.
    pub(crate) fn remove_log(&self) {
        self.change(|state| (state.log, state.last) = (None, Position::START));
    }

    /// Somebody removes the snapshots, and nothing else.
    pub(crate) fn remove_snapshots(&self) {
        self.change(|state| state.snapshots.clear());
    }

    /// Moves the clock, backwards too.
    pub(crate) fn move_clock(&self, milliseconds: i64) {
        self.change(|state| state.clock = state.clock.saturating_add_signed(milliseconds));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes it, and wakes whoever waits for a change: under the lock, so nobody waits for one that has been.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        let changed = change(&mut state);
        self.0.changed.notify_all();
        changed
    }
}

impl Engine for Fake {
    fn connect(&self) -> Result<Box<dyn Link>, Trouble> {
        self.change(|state| {
            if let Some(trouble) = &state.refused {
                return Err(trouble.clone());
            }
            let (number, process) = (state.connections, Process(state.process));
            state.connections += 1;
            Ok(Box::new(FakeLink { fake: self.clone(), number, process }) as Box<dyn Link>)
        })
    }
}

impl FakeLink {
    /// The state, once it answers this connection.
    fn answered(&self) -> Result<MutexGuard<'_, State>, Trouble> {
        let waits = |state: &mut State| state.is_held && self.number >= state.oldest;
        let mut state = self.fake.lock();
        while waits(&mut state) {
            state = self.fake.0.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        self.check(&state)?;
        Ok(state)
    }

    fn check(&self, state: &State) -> Result<(), Trouble> {
        if self.number < state.oldest {
            return Err(lost());
        }
        state.refused.clone().map_or(Ok(()), Err)
    }
}

impl Link for FakeLink {
    fn process(&self) -> Process {
        self.process
    }

    fn append(&mut self, group: &[u8], missing: Missing) -> Result<Option<Position>, Trouble> {
        let mut state = self.answered()?;
        if state.log.is_none() && missing == Missing::Refuse {
            return Ok(None);
        }
        if state.log.is_none() {
            state.snapshots.clear();
        }
        let at = state.append(group);
        self.fake.0.changed.notify_all();
        if state.answers_to_lose > 0 {
            state.answers_to_lose -= 1;
            return Err(lost());
        }
        Ok(Some(at))
    }

    fn read(&mut self, after: Position) -> Result<Vec<Group>, Trouble> {
        let state = self.answered()?;
        let has_more = |state: &State| state.last > after && !state.is_held;
        let is_there = |state: &State| has_more(state) || self.check(state).is_err();
        let waited = self.fake.0.changed.wait_timeout_while(state, BLOCK, |state| !is_there(state));
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        self.check(&state)?;
        Ok(state.after(after))
    }

    fn look(&mut self, at: Position) -> Result<Looked, Trouble> {
        let state = self.answered()?;
        let log = state.log.iter().flatten();
        Ok(Looked {
            group: log.clone().find(|group| group.at == at).map(|group| group.bytes.clone()),
            first: log.clone().next().map(|group| group.at),
            next: state.after(at),
        })
    }

    fn trim(&mut self, before: Position) -> Result<(), Trouble> {
        self.answered()?.trim(before);
        Ok(())
    }

    fn push_snapshot(&mut self, snapshot: &[u8]) -> Result<(), Trouble> {
        let mut state = self.answered()?;
        state.snapshots.push(snapshot.to_vec());
        let superfluous = state.snapshots.len().saturating_sub(SNAPSHOTS);
        state.snapshots.drain(..superfluous);
        Ok(())
    }

    fn snapshots(&mut self) -> Result<usize, Trouble> {
        Ok(self.answered()?.snapshots.len())
    }

    fn snapshot(&mut self, number: usize) -> Result<Option<Vec<u8>>, Trouble> {
        Ok(self.answered()?.snapshots.get(number).cloned())
    }

    fn facts(&mut self) -> Result<Vec<(String, String)>, Trouble> {
        Ok(self.answered()?.facts.clone().into_iter().collect())
    }

    fn offer(&mut self, fact: &str, value: &str) -> Result<String, Trouble> {
        let mut state = self.answered()?;
        Ok(state.facts.entry(fact.to_owned()).or_insert_with(|| value.to_owned()).clone())
    }

    fn settings(&mut self) -> Result<Settings, Trouble> {
        self.answered().map(drop)?;
        Ok(Settings { program: "a log in memory".to_owned(), ..Settings::default() })
    }
}

impl State {
    /// Places grow, also where the clock was set back.
    fn append(&mut self, group: &[u8]) -> Position {
        self.last = if self.clock > self.last.ms {
            Position { ms: self.clock, n: 0 }
        } else {
            Position { ms: self.last.ms, n: self.last.n + 1 }
        };
        let group = Group { at: self.last, bytes: group.to_vec() };
        self.log.get_or_insert_default().push(group);
        self.last
    }

    fn after(&self, at: Position) -> Vec<Group> {
        let groups = self.log.iter().flatten().filter(|group| group.at > at);
        groups.take(COUNT).cloned().collect()
    }

    fn trim(&mut self, before: Position) {
        if let Some(log) = &mut self.log {
            log.retain(|group| group.at >= before);
        }
    }
}

fn lost() -> Trouble {
    Trouble::Away { place: "memory:1".to_owned(), why: Some("Connection reset".to_owned()) }
}

#[cfg(not(shuttle))]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_back_gives_no_place_twice() {
        let fake = Fake::new();
        fake.write(0..2);
        fake.move_clock(-5000);
        fake.write(2..3);
        fake.move_clock(10_000);
        fake.write(3..4);
        let places: Vec<_> = (0..4).map(|number| fake.place_of(number)).collect();
        assert!(places.is_sorted() && places[3].ms == BEGINNING + 5000, "{places:?}");
    }

    #[test]
    fn a_call_that_is_held_back_is_answered_later_or_fails_with_its_connection() {
        let fake = Fake::new();
        let mut link = fake.connect().expect("it is there");
        fake.hold(true);
        let held = std::thread::spawn(move || {
            let first = link.append(b"1", Missing::Create).map(|at| at.is_some());
            (first, link)
        });
        fake.hold(false);
        let (first, mut link) = held.join().expect("no panic");
        assert_eq!(first, Ok(true));
        fake.hold(true);
        let held = std::thread::spawn(move || link.append(b"2", Missing::Refuse));
        fake.break_connections();
        assert_eq!(held.join().expect("no panic"), Err(lost()));
        assert_eq!(fake.groups(), [b"1"]);
    }
}
