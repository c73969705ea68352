//! The log of a room that several servers hold, at the hub's side: what this server has for it, and has not read back.
//!
//! Two threads work for it (`shared`): the writer takes groups of what was proposed (`proposing`) and appends them, the
//! reader applies what it reads back, whosever it is. Neither talks to the engine with the lock held. What they ask the hub
//! for is in `writing` and `reading`; `others` is what this server waits for of the room's others.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::log::others::Others;
use super::{Hub, Shared};
use crate::protocol::reply::{Notice, SharedNotice};
use crate::server::connection::ConnectionId;
use crate::server::room::Room;
use crate::server::room::entry::{Entry, Outcome};
use crate::server::room::group::{Act, Joining, Logged};
use crate::server::room::log::Log;
use crate::server::shared::agreement::Agreement;
use crate::server::shared::flow::{Flow, WINDOW_PART};
use crate::server::shared::liveness::Liveness;
use crate::server::shared::outbox::Outbox;
use crate::server::shared::pace::Pace;
use crate::server::shared::trouble::Trouble;
use crate::server::shared::url::SharedUrl;
use crate::server::system::instant;

mod others;
pub(crate) mod reading;
pub(crate) mod writing;

/// A snapshot is made whenever the log has passed this part of what is kept of it.
const SNAPSHOTS_PART: u64 = 8;

/// What this server has for a log and has not read back. The hub's lock guards it.
#[derive(Debug)]
pub(super) struct LogSide {
    /// What goes to the log.
    pub(super) outbox: Outbox,
    /// For each connection whose session waits, what has become of its entry, once that is known.
    pub(super) awaited: HashMap<u32, Option<Outcome>>,
    /// No group of this server's was read back yet, so it serves nobody.
    pub(super) is_beginning: bool,
    /// Servers that were there before this one with other settings, or are dead without anybody's knowledge: until that is
    /// known, this one serves nobody.
    rivals: BTreeSet<u64>,
    /// One of those is there.
    has_other_settings: bool,
    /// The plain members of this server: how they join again, if the others take this server for dead.
    pub(super) plain: HashMap<u32, Joining>,
    /// Those of them that do, each with the time since which the room has been away for them.
    rejoining: HashMap<u32, Instant>,
    /// A snapshot that this server is to write.
    snapshot: Option<Vec<u8>>,
    /// After how many bytes of groups there is another snapshot.
    between_snapshots: u64,
    /// Whether the room is away.
    pub(super) liveness: Liveness,
    /// When the last group was made.
    last_made: Instant,
    /// The writer waits for something to send. It says so under the lock and only after finding nothing, and whoever
    /// proposes something looks under the same lock; so no waking is lost.
    pub(super) is_writer_asleep: bool,
    /// The log may have been set back: there was none to write to.
    pub(super) is_doubtful: bool,
    /// The last reason why the engine could not be reached; `None` since it has answered.
    pub(super) trouble: Option<Trouble>,
    /// While the room is away: it was told that only somebody's hands can help.
    pub(super) has_told_hands: bool,
    /// Where the log is, and which room's it is.
    pub(super) url: SharedUrl,
    /// The digests of the room.
    pub(super) agreement: Agreement,
    /// How busy the room is.
    pace: Pace,
    /// How far the other servers are behind.
    pub(super) flow: Flow,
    /// When the log was found to be set back last, and the room was whole again.
    pub(super) set_back_at: Option<Instant>,
    /// Whose return is waited for before anything more is written to a log that was set back.
    others: Option<Others>,
    /// How far the end of this server is.
    ending: Ending,
}

/// How far a server's end is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// It goes on.
    NotYet,
    /// It has proposed its farewell.
    Farewell,
    /// Nothing is written or read any more.
    Over,
}

impl LogSide {
    /// Whether a connection is that of a plain member.
    pub(super) fn is_plain(&self, id: ConnectionId) -> bool {
        self.plain.contains_key(&id.number)
    }

    /// Whether a session waits for what becomes of its entry.
    pub(super) fn is_awaited(&self, id: ConnectionId) -> bool {
        self.awaited.contains_key(&id.number)
    }

    /// Nobody can say any more what has become of what that connection has brought, if that was read: a session that waits
    /// for it gets this outcome. Whether one does.
    pub(super) fn give_up(&mut self, connection: u32, outcome: Outcome) -> bool {
        // The server's own keyboard is not the only one that brings something over none.
        let is_unread = connection != 0 && self.outbox.has_of(connection);
        match self.awaited.get_mut(&connection) {
            Some(awaited @ None) if !is_unread => {
                *awaited = Some(outcome);
                true
            }
            _ => false,
        }
    }

    /// That of a server which has written nothing yet to a log of which so many bytes are kept.
    fn new(outbox: Outbox, url: SharedUrl, log_bytes: u64) -> LogSide {
        let now = instant();
        LogSide {
            outbox,
            awaited: HashMap::new(),
            is_beginning: true,
            rivals: BTreeSet::new(),
            has_other_settings: false,
            plain: HashMap::new(),
            rejoining: HashMap::new(),
            snapshot: None,
            between_snapshots: log_bytes / SNAPSHOTS_PART,
            liveness: Liveness::new(now),
            last_made: now,
            is_writer_asleep: false,
            is_doubtful: false,
            set_back_at: None,
            others: None,
            trouble: None,
            has_told_hands: false,
            url,
            agreement: Agreement::default(),
            pace: Pace::new(now),
            flow: Flow::new(log_bytes / WINDOW_PART),
            ending: Ending::NotYet,
        }
    }

    /// Whether something of this server's was not read back, or it is not known whether it may serve anybody.
    fn is_unsettled(&self) -> bool {
        !self.outbox.is_empty() || !self.rivals.is_empty()
    }
}

impl Hub {
    /// The room is one that several servers hold, there, as it stands at its log's position; this server writes with that
    /// outbox, and of the log so many bytes of groups are kept. It is called once, before anybody joins.
    pub(crate) fn share(&self, room: Room, outbox: Outbox, url: SharedUrl, log_bytes: u64) {
        self.is_shared.store(true, Ordering::Relaxed);
        self.with(|shared| {
            shared.effects.producer = outbox.producer();
            shared.room = room;
            shared.log = Some(Box::new(LogSide::new(outbox, url, log_bytes)));
        });
    }

    /// Proposes something of the server's own.
    pub(crate) fn propose(&self, act: &Act<'_>) {
        self.with(|shared| {
            let log = shared.log.iter_mut();
            log.for_each(|log| {
                log.outbox.propose(&Logged::by_server(act.clone()));
            });
        });
    }

    /// The others have taken this server for dead, after so long without a sign of life as far as the log tells: it goes on
    /// as another producer. Members that can resume are hung up on,
    /// and resume here or elsewhere; plain ones join again, and what they had said and was not applied is said then.
    pub(crate) fn rise_again(&self, producer: u64, silence: Duration, hello: (&str, &str)) {
        self.with(|shared| {
            let settings = shared.room.log().map_or(0, Log::settings);
            let Some(log) = &mut shared.log else { return };
            shared.effects.producer = producer;
            let unread = log.outbox.begin_anew(producer);
            let act = Act::Hello { server: hello.0, version: hello.1, settings };
            log.outbox.propose(&Logged::by_server(act));
            // A group of this server's from before may have come back just now.
            let now = instant();
            let since = log.liveness.silent_since().min(now.checked_sub(silence).unwrap_or(now));
            for (&connection, joining) in &log.plain {
                let act = Act::Join(joining.clone());
                log.outbox.propose(&Logged { connection, line: 0, act });
                log.rejoining.entry(connection).or_insert(since);
            }
            let (plain, awaited) = (&log.plain, &log.awaited);
            // Sessions go on to wait for what becomes of theirs, whoever's members these are.
            log.outbox.propose_again(unread, |Logged { connection, .. }| {
                plain.contains_key(connection) || awaited.contains_key(connection)
            });
        });
    }

    /// Either thread could not reach the engine, or was refused.
    pub(crate) fn on_trouble(&self, trouble: &Trouble) {
        self.with(|shared| {
            shared.log.iter_mut().for_each(|log| log.on_trouble(trouble.clone()));
            if shared.judge_liveness() {
                self.notify(shared);
            }
        });
    }

    /// A group of that producer's has found no log: it may have been set back. The answer to one from before this server
    /// went on as another producer says nothing new, and may come late.
    pub(crate) fn on_doubt(&self, producer: u64) {
        self.with(|shared| {
            let log = shared.log.iter_mut().filter(|log| log.outbox.producer() == producer);
            log.for_each(|log| log.is_doubtful = true);
        });
    }

    /// Whether the log's writer has found that it may have been set back, since this was asked last.
    pub(crate) fn take_doubt(&self) -> bool {
        self.with(|shared| {
            shared.log.as_mut().is_some_and(|log| std::mem::take(&mut log.is_doubtful))
        })
    }

    /// Tells this server's clients something.
    pub(crate) fn tell_all_here(&self, notice: SharedNotice) {
        self.with(|shared| drop(shared.apply(Entry::Tell(Notice::Shared(notice)))));
    }

    /// Waits for so long, or until the end.
    pub(crate) fn pause(&self, time: Duration) {
        let mut guard = self.lock();
        let goes_on =
            |shared: &mut Shared| shared.log.as_ref().is_some_and(|log| log.ending != Ending::Over);
        guard.wait_while(&self.proposed, time, goes_on);
    }

    /// Whether the room cannot be reached for now.
    pub(crate) fn is_away(&self) -> bool {
        self.with(|shared| shared.log.as_ref().is_some_and(|log| log.liveness.is_away()))
    }

    /// Whether the room's other servers have other settings, as this one has found when it had begun.
    pub(crate) fn has_other_settings(&self) -> bool {
        self.with(|shared| shared.log.as_ref().is_some_and(|log| log.has_other_settings))
    }

    /// Waits, for `timeout` at most, until all that was proposed was read back, and servers with other settings are known
    /// to be there or to be gone.
    ///
    /// # Errors
    ///
    /// That takes longer; inside is the last trouble that there was.
    pub(crate) fn wait_for_log(&self, timeout: Duration) -> Result<(), Option<Trouble>> {
        let mut guard = self.lock();
        guard.waiting += 1;
        let is_unread =
            |shared: &mut Shared| shared.log.as_ref().is_some_and(|log| log.is_unsettled());
        guard.wait_while(&self.taken, timeout, is_unread);
        guard.waiting -= 1;
        let late = guard.log.as_ref().filter(|log| log.is_unsettled());
        late.map_or(Ok(()), |log| Err(log.trouble.clone()))
    }

    /// Nothing is written or read any more.
    pub(crate) fn end_log(&self) {
        self.with(|shared| {
            shared.log.iter_mut().for_each(|log| log.ending = Ending::Over);
            self.proposed.notify_all();
        });
    }

    /// Whether nothing is written or read any more.
    pub(crate) fn is_log_over(&self) -> bool {
        self.with(|shared| shared.log.as_ref().is_none_or(|log| log.ending == Ending::Over))
    }

    /// Takes leave of the room's other servers, and waits, for `timeout` at most, until they have what was said here.
    pub(crate) fn take_leave(&self, timeout: Duration) {
        let mut guard = self.lock();
        let Some(log) = guard.log.as_mut().filter(|log| log.ending != Ending::Over) else { return };
        log.wait_for_nobody();
        // In a group of its own: this server applies nothing of the one that it is in.
        log.outbox.propose_apart(&Logged::by_server(Act::Bye));
        log.ending = Ending::Farewell;
        self.proposed.notify_one();
        guard.waiting += 1;
        let is_unread = |shared: &mut Shared| {
            shared.log.as_ref().is_some_and(|log| log.ending == Ending::Farewell)
        };
        guard.wait_while(&self.taken, timeout, is_unread);
        guard.waiting -= 1;
        if let Some(log) = &mut guard.log {
            log.ending = Ending::Over;
        }
        self.proposed.notify_all();
    }
}
