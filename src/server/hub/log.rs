//! The log of a room that several servers hold, at the hub's side: what this server has for it, and what comes back.
//!
//! Two threads work for it (`shared`): the writer takes groups of what was proposed (`proposing`) and appends them, the
//! reader applies what it reads back, whosever it is. Neither talks to the engine with the lock held.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::recovery::returned;
use super::{Hub, Shared};
use crate::protocol::reply::{Notice, SharedNotice};
use crate::server::connection::{CloseReason, Connection, ConnectionId};
use crate::server::room::Room;
use crate::server::room::effects::Aside;
use crate::server::room::entry::{Entry, Outcome};
use crate::server::room::group::Joining;
use crate::server::room::group::{Act, Group, Logged, Position};
use crate::server::room::groups::{Applied, HangUp};
use crate::server::room::log::{Log, Verdict};
use crate::server::shared::agreement::Agreement;
use crate::server::shared::codec::{Form, Unread};
use crate::server::shared::liveness::Liveness;
use crate::server::shared::outbox::{Outbox, Sending};
use crate::server::shared::pace::Pace;
use crate::server::shared::snapshot;
use crate::server::shared::trouble::Trouble;
use crate::server::shared::url::SharedUrl;
use crate::server::system::instant;

/// How long the servers of a room may take to tell each other what a log that was set back has lost.
const SETTLES: Duration = Duration::from_secs(5);

/// How long this server waits for the others to come back to a log that was set back. They find that out within two
/// seconds; a client takes a server for lost that has no receipt for it after five.
const OTHERS: Duration = Duration::from_secs(3);

/// How often this server gives a sign of life, if it has nothing to say.
const SIGN_OF_LIFE: Duration = Duration::from_secs(2);

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
    /// Those of them that do, each with how long the server was away.
    rejoining: HashMap<u32, Duration>,
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
    is_doubtful: bool,
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
    /// When the log was found to be set back last, and the room was whole again.
    pub(super) set_back_at: Option<Instant>,
    /// Whose return is waited for before anything more is written to a log that was set back.
    others: Option<Others>,
    /// How far the end of this server is.
    ending: Ending,
}

/// The room's other servers, as long as they have not come back to a log that was set back. What they alone have to tell
/// the others is who their members are.
#[derive(Debug)]
struct Others {
    /// What they were called before, with what this server tells of the members of one that does not come back in time.
    awaited: BTreeMap<u64, Vec<Logged<'static>>>,
    /// Until when they are waited for: some may be gone.
    until: Instant,
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

/// A group of the log, as it was read.
#[derive(Debug)]
pub(crate) struct Read<'a> {
    /// Its place.
    pub(crate) at: Position,
    /// How many bytes it has.
    pub(crate) bytes: usize,
    /// What is in it.
    pub(crate) group: Result<Group<'a>, Unread>,
}

/// What the writer does next.
#[derive(Debug)]
pub(crate) enum Task {
    /// Append a group.
    Send(Sending),
    /// Keep a snapshot, and trim the log.
    Keep(Vec<u8>),
}

/// What the reader has to see to, once groups are applied.
#[derive(Debug, Default)]
pub(crate) struct ToDo {
    /// Connections that are hung up on because their member has come back over another one.
    pub(super) taken_over: Vec<Arc<Connection>>,
    /// Connections that are closed once they were sent what they are due.
    removed: Vec<Arc<Connection>>,
    /// This server was taken for dead after so long without a sign of life.
    pub(crate) died_after: Option<Duration>,
    /// What was read does not fit what this server has sent or read: the log may have been set back.
    pub(crate) is_doubtful: bool,
    /// Behind how many groups the room is found to be another one than the coordinator's.
    pub(crate) differs_at: Option<u64>,
    /// The group at that place is written in a form that only newer servers read.
    pub(crate) newer: Option<(Position, Form)>,
    /// A group at that place cannot be read by anybody.
    pub(crate) malformed: Option<Position>,
}

impl ToDo {
    /// Closes the connections that speak for nobody any more.
    pub(crate) fn hang_up(&mut self) {
        self.taken_over.drain(..).for_each(|it| it.hang_up(CloseReason::TakenOver));
        self.removed.drain(..).for_each(|it| it.end_input());
    }
}

impl LogSide {
    /// A group of this server's was read back.
    pub(super) fn on_return(&mut self, now: Instant) {
        self.liveness.on_return(now);
    }

    /// Whether the log was set back so recently that other servers may not have told yet what they know.
    pub(super) fn was_just_set_back(&self) -> bool {
        self.set_back_at.is_some_and(|at| instant().duration_since(at) < SETTLES)
    }

    /// Holds back what is proposed from now on, until these servers have come back.
    pub(super) fn wait_for_others(
        &mut self,
        awaited: BTreeMap<u64, Vec<Logged<'static>>>,
        now: Instant,
    ) {
        self.others = None;
        if !awaited.is_empty() {
            self.outbox.hold();
            self.others = Some(Others { awaited, until: now + OTHERS });
        }
    }

    /// Servers that were called so before have come back.
    pub(super) fn on_others_return(&mut self, returned: impl IntoIterator<Item = u64>) {
        if let Some(others) = &mut self.others {
            let returned: BTreeSet<_> = returned.into_iter().collect();
            others.awaited.retain(|old, _| !returned.contains(old));
            if others.awaited.is_empty() {
                self.wait_for_nobody();
            }
        }
    }

    /// Nothing is held back any more. The members of servers that have not come back are away from now on, with their names
    /// and tokens: this may be the only server left that knows of them.
    fn wait_for_nobody(&mut self) {
        let absent = self.others.take().map(|others| others.awaited).unwrap_or_default();
        self.outbox.let_go_behind(absent.values().flatten());
    }

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

    /// That of a server which has written nothing yet.
    fn new(outbox: Outbox, url: SharedUrl, between_snapshots: u64) -> LogSide {
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
            between_snapshots,
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
            ending: Ending::NotYet,
        }
    }

    /// Until when the writer of one of so many servers waits for more before it makes a group, if it does.
    fn waits_for_more(&mut self, now: Instant, servers: usize) -> Option<Instant> {
        if !self.outbox.has_news() || self.outbox.has_full_group() {
            return None;
        }
        self.pace.wait_until(now, servers)
    }

    /// Whether something of this server's was not read back, or it is not known whether it may serve anybody.
    fn is_unsettled(&self) -> bool {
        !self.outbox.is_empty() || !self.rivals.is_empty()
    }

    /// This server was read to be there. Servers with other settings that were there before may be dead.
    fn on_beginning(&mut self, room: Option<&Log>) {
        self.is_beginning = false;
        let Some(room) = room else { return };
        let servers = room.producers().map(|(id, _)| id);
        self.rivals = servers.filter(|id| room.has_other_settings(*id)).collect();
    }

    /// A group of another server's was read.
    fn on_others_group(&mut self, producer: u64, room: &Log) {
        self.rivals.retain(|rival| room.has_other_settings(*rival));
        if self.rivals.contains(&producer) {
            self.has_other_settings = true;
            self.rivals.clear();
        }
    }

    /// Whether the writer has something to do.
    pub(super) fn has_task(&self) -> bool {
        self.outbox.has_news()
            || self.snapshot.is_some()
            || self.ending == Ending::Over
            || self.seeks_room()
    }

    /// Whether a room that is away may be back without anybody's knowing: nothing is under way whose answer would tell.
    fn seeks_room(&self) -> bool {
        self.liveness.is_away() && self.outbox.is_read_back()
    }

    /// When the writer has something to do, if nobody brings anything.
    fn wakes_at(&self) -> Instant {
        let sign = self.last_made + SIGN_OF_LIFE;
        let due = self.others.as_ref().map_or(sign, |others| sign.min(others.until));
        if self.liveness.is_away() { due } else { due.min(self.liveness.deadline()) }
    }
}

impl Hub {
    /// The room is one that several servers hold, there, as it stands at its log's position; this server writes with that
    /// outbox, and after so many bytes of groups there is a snapshot. It is called once, before anybody joins.
    pub(crate) fn share(&self, room: Room, outbox: Outbox, url: SharedUrl, between_snapshots: u64) {
        self.is_shared.store(true, Ordering::Relaxed);
        self.with(|shared| {
            shared.effects.producer = outbox.producer();
            shared.room = room;
            shared.log = Some(Box::new(LogSide::new(outbox, url, between_snapshots)));
        });
    }

    /// Proposes something of the server's own.
    pub(crate) fn propose(&self, act: &Act<'_>) {
        self.with(|shared| {
            let log = shared.log.iter_mut();
            log.for_each(|log| {
                log.outbox.propose(&Logged { connection: 0, line: 0, act: act.clone() });
            });
        });
    }

    /// Waits for something to be written, and until `not_before`. `None` when nothing more is.
    pub(crate) fn next_task(&self, not_before: Option<Instant>) -> Option<Task> {
        let mut guard = self.lock();
        loop {
            if guard.judge_liveness() {
                self.notify(&guard);
            }
            let now = instant();
            let seen = guard.room.log().map_or(Position::START, Log::position);
            let servers = guard.room.log().map_or(0, |log| log.producers().count());
            let log = guard.log.as_mut()?;
            if log.ending == Ending::Over {
                return None;
            }
            if log.others.as_ref().is_some_and(|others| others.until <= now) {
                log.wait_for_nobody();
            }
            let not_before = not_before.filter(|time| *time > now);
            let not_before = not_before.or_else(|| log.waits_for_more(now, servers));
            let wait = match not_before {
                Some(time) => time,
                None => {
                    let wants_sign = log.last_made + SIGN_OF_LIFE <= now || log.seeks_room();
                    if let Some(sending) = log.outbox.next(seen, wants_sign) {
                        log.last_made = now;
                        log.liveness.on_append(now);
                        return Some(Task::Send(sending));
                    }
                    if let Some(snapshot) = log.snapshot.take() {
                        return Some(Task::Keep(snapshot));
                    }
                    log.wakes_at()
                }
            };
            let is_pausing = not_before.is_some();
            log.is_writer_asleep = !is_pausing;
            let has_nothing = |shared: &mut Shared| {
                let log = shared.log.as_ref();
                let is_over = log.is_none_or(|log| log.ending == Ending::Over);
                !is_over && (is_pausing || !log.is_some_and(|log| log.has_task()))
            };
            guard.wait_while(&self.proposed, wait.saturating_duration_since(now), has_nothing);
            guard.log.as_mut()?.is_writer_asleep = false;
        }
    }

    /// The engine has answered that it has that group.
    pub(crate) fn on_sent(&self, producer: u64, number: u64) {
        self.with(|shared| {
            if let Some(log) = &mut shared.log {
                log.outbox.on_sent(producer, number);
                log.liveness.on_answer();
                log.trouble = None;
            }
        });
    }

    /// The others have taken this server for dead: it goes on as another producer. Members that can resume are hung up on,
    /// and resume here or elsewhere; plain ones join again, and what they had said and was not applied is said then.
    pub(crate) fn rise_again(&self, producer: u64, away: Duration, hello: (&str, &str)) {
        self.with(|shared| {
            let settings = shared.room.log().map_or(0, Log::settings);
            let Some(log) = &mut shared.log else { return };
            shared.effects.producer = producer;
            let unread = log.outbox.begin_anew(producer);
            let act = Act::Hello { server: hello.0, version: hello.1, settings };
            log.outbox.propose(&Logged { connection: 0, line: 0, act });
            for (&connection, joining) in &log.plain {
                let act = Act::Join(joining.clone());
                log.outbox.propose(&Logged { connection, line: 0, act });
                log.rejoining.insert(connection, away);
            }
            let (plain, awaited) = (&log.plain, &log.awaited);
            // Sessions go on to wait for what becomes of theirs, whoever's members these are.
            log.outbox.propose_again(unread, |Logged { connection, .. }| {
                plain.contains_key(connection) || awaited.contains_key(connection)
            });
        });
    }

    /// Applies what was read from the log.
    pub(crate) fn apply_log(&self, groups: &[Read<'_>]) -> ToDo {
        let mut to_do = ToDo::default();
        let mut guard = self.lock();
        self.brake(&mut guard);
        let shared = &mut *guard;
        self.freeing(shared, |shared| {
            groups.iter().for_each(|read| shared.apply_read(read, &mut to_do));
        });
        if let Some(log) = &mut shared.log {
            log.pace.on_groups(groups.len(), instant());
        }
        shared.judge_liveness();
        // Nobody seals or takes anything while a server that begins reads the log.
        if shared.log.as_ref().is_some_and(|log| log.is_beginning) {
            shared.room.transcript_mut().seal();
        }
        self.notify(shared);
        drop(guard);
        to_do
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

    /// The log may have been set back, as its writer has found.
    pub(crate) fn on_doubt(&self) {
        self.with(|shared| shared.log.iter_mut().for_each(|log| log.is_doubtful = true));
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
        log.outbox.propose_apart(&Logged { connection: 0, line: 0, act: Act::Bye });
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

impl Shared {
    /// Applies a group that was read.
    fn apply_read(&mut self, Read { at, bytes, group }: &Read<'_>, to_do: &mut ToDo) {
        let Some(log) = self.log.as_mut().filter(|log| log.ending != Ending::Over) else { return };
        let group = match group {
            Ok(group) => group,
            Err(Unread::Newer { room, form }) if self.room.is_of_log(*room) => {
                // Whatever comes behind it depends on it.
                log.ending = Ending::Over;
                to_do.newer = Some((*at, *form));
                return;
            }
            // What is no group of this room's is no newer server's.
            Err(Unread::Newer { .. } | Unread::Malformed) => {
                to_do.malformed = Some(*at);
                self.room.pass_over(*at);
                return;
            }
        };
        let producer = self.effects.producer;
        let is_ours = group.producer == producer;
        if is_ours && self.is_farewell(group) {
            return;
        }
        let before = self.effects.asides.len();
        let silence = self.room.log().and_then(|log| log.silence(producer));
        let passed = self.room.log().map_or(0, |log| log.passed().1);
        let applied = self.room.apply_group(*at, *bytes, group, &mut self.effects);
        for (connection, _, aside) in &self.effects.asides[before..] {
            self.backpressure.on_aside(*connection, aside);
        }
        if is_ours {
            self.on_own_group(group, applied.verdict, to_do);
        } else if let Some(log) = &mut self.log {
            log.on_others_return(returned(group));
        }
        if let (Some(room), Some(log)) = (self.room.log(), &mut self.log) {
            log.on_others_group(group.producer, room);
        }
        self.compare_digests(*at, group, applied.verdict, to_do);
        to_do.is_doubtful |= matches!(applied.verdict, Verdict::Gap | Verdict::OtherRoom);
        if applied.dead.contains(&producer) {
            to_do.died_after = Some(silence.unwrap_or_default());
            self.spare_plain();
        }
        self.carry_on(applied, to_do);
        self.make_snapshot(passed);
    }

    /// Makes a snapshot, if this group has completed so many bytes and it is this server that writes them. All servers
    /// count alike, so whoever writes it, it is the same one.
    fn make_snapshot(&mut self, before: u64) {
        let Some(log) = self.room.log() else { return };
        let (passed, is_ours) = (log.passed().1, log.coordinator() == Some(self.effects.producer));
        let Some(side) = &mut self.log else { return };
        if is_ours && passed / side.between_snapshots > before / side.between_snapshots {
            side.snapshot = Some(snapshot::encode(&self.room));
        }
    }

    /// This server's plain members, which are gone with it to the others, keep their connections: they join again.
    fn spare_plain(&mut self) {
        if let Some(log) = &self.log {
            self.effects.detached.retain(|(id, _)| !log.plain.contains_key(&id.number));
        }
    }

    /// Whether that group has this server's farewell, behind which it applies nothing: its own clients are told otherwise.
    fn is_farewell(&mut self, group: &Group<'_>) -> bool {
        let Some(log) = &mut self.log else { return false };
        let has_bye = group.entries.iter().any(|entry| entry.act == Act::Bye);
        if has_bye {
            log.ending = Ending::Over;
        }
        has_bye
    }

    fn on_own_group(&mut self, group: &Group<'_>, verdict: Verdict, to_do: &mut ToDo) {
        let Some(log) = &mut self.log else { return };
        match verdict {
            Verdict::Applied => {
                if log.is_beginning {
                    log.on_beginning(self.room.log());
                }
                log.outbox.on_read_back(group.number);
                log.liveness.on_return(instant());
            }
            // Its answer was lost, and it was sent twice.
            Verdict::Repeated => log.liveness.on_return(instant()),
            Verdict::Gap | Verdict::OtherRoom => to_do.is_doubtful = true,
            Verdict::Unknown => to_do.died_after = to_do.died_after.or(Some(Duration::ZERO)),
        }
    }

    /// Hands on what has come of a group besides effects.
    pub(super) fn carry_on(&mut self, applied: Applied, to_do: &mut ToDo) {
        let Applied { verdict: _, dead: _, mut expired, outcomes, hang_up, erased } = applied;
        self.expired.append(&mut expired);
        for (connection, _, outcome) in outcomes {
            let awaited = self.log.as_mut().and_then(|log| log.awaited.get_mut(&connection));
            match awaited {
                Some(awaited) => *awaited = Some(outcome),
                None => self.on_joined_again(connection, &outcome),
            }
        }
        for HangUp { connection, is_taken_over } in hang_up {
            let connection = self.connections.get(&ConnectionId::local(connection)).cloned();
            let list = if is_taken_over { &mut to_do.taken_over } else { &mut to_do.removed };
            list.extend(connection);
        }
        for erased in erased {
            let erased = Logged { connection: 0, line: 0, act: Act::Erased(erased) };
            self.log.iter_mut().for_each(|log| log.outbox.propose(&erased));
        }
    }

    /// A plain member whose server was taken for dead is in the room again.
    fn on_joined_again(&mut self, connection: u32, outcome: &Outcome) {
        let Some(log) = &mut self.log else { return };
        let Some(away) = log.rejoining.remove(&connection) else { return };
        let id = ConnectionId::local(connection);
        match outcome {
            Outcome::Joined { name, .. } => {
                if let Some(joining) = log.plain.get_mut(&connection) {
                    joining.wanted = Some((name.clone(), name.likeness()));
                }
                let notice = format!("{}\n", Notice::Shared(SharedNotice::JoinedAgain(away)));
                self.aside(id, Aside::Lines(notice));
            }
            // It is not let in any more.
            _ => self.removed.extend(self.connections.get(&id).cloned()),
        }
    }
}
