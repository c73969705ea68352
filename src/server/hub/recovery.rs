//! A room that is made anew from its log, since that was set back, or trimmed past what this server had read; and how it
//! takes the place of the one that clients are served from.
//!
//! Until it is whole, everybody is served from the old one, to which nothing is applied meanwhile.

use std::collections::BTreeSet;
use std::time::Duration;

use super::catching_up::Before;
use super::log::reading::{Read, ToDo};
use super::{Hub, Shared};
use crate::protocol::name::Name;
use crate::protocol::reply::{Notice, SetBack, SharedNotice};
use crate::protocol::tag::Seq;
use crate::server::connection::ConnectionId;
use crate::server::erasure::Erased;
use crate::server::room::Room;
use crate::server::room::adoption::Facts;
use crate::server::room::effects::Effects;
use crate::server::room::entry::{Entry, Outcome};
use crate::server::room::group::{Act, Logged, Position};
use crate::server::room::groups::{Applied, HangUp};
use crate::server::room::log::{Log, Numbers, Verdict};
use crate::server::shared::codec::{Form, Unread};
use crate::server::system::instant;

/// A room that is made anew.
#[derive(Debug)]
pub(crate) struct Renewed {
    /// The room, up to where the log was read.
    room: Room,
    /// Up to which group this server had applied the same log before; `None` if it has nothing in common with it.
    kept: Option<Position>,
    /// What the room had by then; `None` until that is read.
    kept_state: Option<KeptState>,
    /// What follows from the groups behind that.
    effects: Effects,
    /// What has come of them besides.
    outcomes: Vec<(u32, u64, Outcome)>,
    hang_up: Vec<HangUp>,
    erased: Vec<Erased>,
    expired: Vec<Name>,
    /// Whether this server keeps an archive of the room, which has to be told of what follows, too.
    is_kept: bool,
    /// As which producer this server comes back, if it does.
    producer: Option<u64>,
    /// The last group of that producer's that was applied.
    read_back: u64,
    /// A group of that producer's was read, and the one before it was not: the log has lost that one.
    is_cut_off: bool,
    /// The other producers that have come back, by their numbers from before.
    returned: BTreeSet<u64>,
    /// The group at that place has a form that only newer servers read. Nothing behind it is applied.
    newer: Option<(Position, Form)>,
}

/// What a room had when it had read the last group that its log still has.
#[derive(Debug, Clone)]
struct KeptState {
    /// What it knew of people.
    facts: Facts,
    /// How many public lines had been said.
    said: u64,
    /// The number of the next event.
    end: Seq,
}

impl KeptState {
    /// That of a log that has nothing of the room.
    fn nothing() -> KeptState {
        KeptState { facts: Facts::new(), said: 0, end: 1 }
    }

    /// That of a room which has read so far, and no further.
    fn of(room: &Room) -> KeptState {
        KeptState { facts: room.facts(), said: room.said(), end: room.transcript().end() }
    }
}

impl Renewed {
    /// The room of a snapshot, or an empty one, from which the log leads on; `is_kept` if this server has an archive of it.
    pub(crate) fn new(room: Room, kept: Option<Position>, is_kept: bool) -> Renewed {
        Renewed {
            room,
            kept,
            kept_state: kept.is_none().then(KeptState::nothing),
            effects: Effects::default(),
            outcomes: Vec::new(),
            hang_up: Vec::new(),
            erased: Vec::new(),
            expired: Vec::new(),
            is_kept,
            producer: None,
            read_back: 0,
            is_cut_off: false,
            returned: BTreeSet::new(),
            newer: None,
        }
    }

    /// This server comes back as that producer.
    pub(crate) fn expect(&mut self, producer: u64) {
        self.producer = Some(producer);
    }

    /// Whether its first group was applied.
    pub(crate) fn is_back(&self) -> bool {
        self.read_back > 0
    }

    /// Whether its return was lost, so that the others do not know this server.
    pub(crate) fn is_cut_off(&self) -> bool {
        self.is_cut_off
    }

    /// What this server is too old to read, and where that stands.
    pub(crate) fn newer(&self) -> Option<(Position, Form)> {
        self.newer
    }

    /// What the room had where the log was kept up to.
    fn kept_state(&self) -> KeptState {
        self.kept_state.clone().unwrap_or_else(|| KeptState::of(&self.room))
    }

    /// Applies a group. What follows from it for this server's clients is new to them behind what was kept alone.
    pub(crate) fn apply(&mut self, read: &Read<'_>) {
        if self.newer.is_some() {
            return;
        }
        let group = match &read.group {
            Ok(group) => group,
            Err(Unread::Newer { room, form }) if self.room.is_of_log(*room) => {
                self.newer = Some((read.at, *form));
                return;
            }
            Err(Unread::Newer { .. } | Unread::Malformed) => return self.room.pass_over(read.at),
        };
        if self.kept.is_some_and(|kept| read.at <= kept) {
            self.room.apply_group(read.at, read.bytes, group, &mut Effects::of_nobody());
            return;
        }
        self.kept_state.get_or_insert_with(|| KeptState::of(&self.room));
        if self.is_kept {
            self.room.note_changes();
        }
        let is_ours = Some(group.producer) == self.producer;
        if is_ours {
            self.effects.producer = group.producer;
        }
        let applied = self.room.apply_group(read.at, read.bytes, group, &mut self.effects);
        let Applied { verdict, dead: _, mut expired, outcomes, hang_up, erased } = applied;
        match verdict {
            Verdict::Applied if is_ours => self.read_back = group.number,
            Verdict::Applied => self.returned.extend(group.returned()),
            Verdict::Unknown | Verdict::Gap => self.is_cut_off |= is_ours,
            Verdict::Repeated | Verdict::OtherRoom => {}
        }
        self.expired.append(&mut expired);
        self.outcomes.extend(outcomes);
        self.hang_up.extend(hang_up);
        self.erased.extend(erased);
    }
}

impl Hub {
    /// Proposes what a log has lost that this server has: it goes on as another producer, which `hello` tells of. What is
    /// said waits until the room's other servers are back, or those would be refused as unknown who are theirs.
    pub(crate) fn come_back(
        &self,
        renewed: &Renewed,
        producer: u64,
        kept: Option<Position>,
        hello: (&str, &str),
    ) {
        self.with(|shared| {
            let old = shared.effects.producer;
            let is_alive = |number| shared.connections.contains_key(&ConnectionId::local(number));
            let KeptState { facts, said, .. } = renewed.kept_state();
            let lost = shared.room.lost_by(&renewed.room, old, is_alive, &facts);
            let has_lost_lines = shared.room.said() > said;
            let back = shared.room.back(old, kept.unwrap_or_default(), has_lost_lines);
            let mut others = producers(&shared.room);
            let known = producers(&renewed.room);
            others.retain(|it| *it != old && !known.contains(it) && !renewed.returned.contains(it));
            let others = others
                .into_iter()
                .map(|other| (other, shared.room.left_behind_by(&renewed.room, other).collect()));
            let others = others.collect();
            let settings = shared.room.log().map_or(0, Log::settings);
            let Some(log) = &mut shared.log else { return };
            let unread = log.outbox.begin_anew(producer);
            log.is_doubtful = false;
            if kept.is_none() {
                log.outbox.begin_log();
            }
            log.outbox.propose(&back);
            let act = Act::Hello { server: hello.0, version: hello.1, settings };
            log.outbox.propose(&Logged::by_server(act));
            lost.iter().for_each(|entry| log.outbox.propose(entry));
            log.wait_for_others(others, instant());
            let is_said = |entry: &Logged<'_>| {
                let act = &entry.act;
                !matches!(
                    act,
                    Act::Hello { .. }
                        | Act::Back { .. }
                        | Act::Adopt(_)
                        | Act::AdoptFact(..)
                        | Act::DropFact(..)
                )
            };
            log.outbox.propose_again(unread, is_said);
        });
    }

    /// How many public lines this server has read that the log has lost.
    pub(crate) fn lines_lost_by(&self, renewed: &Renewed) -> u64 {
        self.with(|shared| shared.room.said().saturating_sub(renewed.kept_state().said))
    }

    /// Whether this server has proposed to go on as another producer, and has not read that back.
    pub(crate) fn is_coming_back(&self) -> bool {
        self.with(|shared| {
            let log = shared.log.as_ref();
            log.is_some_and(|log| log.outbox.producer() != shared.effects.producer)
        })
    }

    /// The numbers of the last event, and of the member that comes next.
    pub(crate) fn numbers(&self) -> Numbers {
        self.with(|shared| shared.room.numbers())
    }

    /// Serves everybody from the room that was made anew. `loss` is what the log had lost: the last group that it still
    /// had, if it had any, and of how long the others are gone; without a loss, the log was trimmed.
    pub(crate) fn renew(
        &self,
        renewed: Renewed,
        loss: Option<(Option<Position>, Duration)>,
    ) -> ToDo {
        let mut to_do = ToDo::default();
        self.with(|shared| {
            shared.put_in_place(renewed, loss, &mut to_do);
            self.notify(shared);
        });
        to_do
    }
}

/// The servers that a room knows.
fn producers(room: &Room) -> BTreeSet<u64> {
    room.log().into_iter().flat_map(Log::producers).map(|(id, _)| id).collect()
}

impl Shared {
    fn put_in_place(
        &mut self,
        renewed: Renewed,
        loss: Option<(Option<Position>, Duration)>,
        to_do: &mut ToDo,
    ) {
        // Readers are told before they are sent anything of what has come since: a connection may end behind any of that.
        if let Some((kept, time)) = loss {
            let what = kept.map_or(SetBack::Everything, |_| SetBack::Newest(time));
            self.tell_of_lost_lines(&renewed.kept_state(), what);
        }
        let Renewed { mut room, effects, outcomes, hang_up, erased, expired, .. } = renewed;
        let Renewed { producer, read_back, returned, .. } = renewed;
        let is_dead = !producers(&room).contains(&producer.unwrap_or(self.effects.producer));
        let missed = if loss.is_none() { room.missed_since(&self.room) } else { 0 };
        let before = self.before_catching_up();
        if missed > 0 {
            self.tell_of_unread_lines(missed, &before, (&room, is_dead));
        }
        std::mem::swap(&mut self.room, &mut room);
        self.room.take_the_place_of(room, missed);
        self.effects.append(effects);
        // What readers have of the other room's lines may be erased by now.
        self.effects.is_erased = true;
        if let (Some(producer), Some(log)) = (producer, &mut self.log) {
            self.effects.producer = producer;
            log.outbox.on_read_back(read_back);
            log.liveness.on_return(instant());
            log.set_back_at = Some(instant());
            log.on_others_return(returned);
        }
        self.log.iter_mut().for_each(|log| log.flow.begin_anew());
        if is_dead {
            to_do.died_after = Some(Duration::ZERO);
            self.lose_connections(&before);
        }
        let applied = Applied {
            verdict: Verdict::Applied,
            dead: Vec::new(),
            expired,
            outcomes,
            hang_up,
            erased,
        };
        self.carry_on(applied, to_do);
        // A server that comes back tells itself for whom its connections speak.
        if producer.is_none() {
            self.settle_unread(before, to_do);
        }
    }

    /// Tells readers here that the log has lost lines which this server had read: all of them if a public one may be among
    /// those, or else the members who have sent or got a private one. What is gone but for lines, such as who has come, the
    /// servers give back to the log.
    fn tell_of_lost_lines(&mut self, kept: &KeptState, what: SetBack) {
        let notice = Notice::Shared(SharedNotice::SetBack(what));
        let is_public_lost = self.room.said() > kept.said;
        let concerned = self.room.transcript().in_private_since(kept.end);
        match concerned.filter(|_| !is_public_lost) {
            Some(members) => self.apply(Entry::TellSome(notice, members)),
            None => self.apply(Entry::Tell(notice)),
        };
    }

    /// The members of this server are gone with it: those that can resume are hung up on. They are sent nothing of what this
    /// server has not read on its way, or they would resume behind that, and never get it.
    fn lose_connections(&mut self, before: &Before) {
        let Some(log) = &self.log else { return };
        let is_coming = |id: ConnectionId| log.is_awaited(id) && !before.is_member(id.number);
        let gone = self.connections.keys().filter(|id| !log.is_plain(**id) && !is_coming(**id));
        let gone: Vec<_> = gone.map(|id| (*id, before.end)).collect();
        self.effects.detached.extend(gone);
    }
}
