//! What comes back from the log: its reader applies it with the lock held, whosever it is, and sees to what follows.

use std::sync::Arc;
use std::time::Duration;

use super::super::{Hub, Shared};
use super::Ending;
use crate::protocol::reply::{Notice, SharedNotice};
use crate::server::connection::{CloseReason, Connection, ConnectionId};
use crate::server::room::effects::Aside;
use crate::server::room::entry::Outcome;
use crate::server::room::group::{Act, Group, Logged, Position};
use crate::server::room::groups::{Applied, HangUp};
use crate::server::room::log::Verdict;
use crate::server::shared::codec::{Form, Unread};
use crate::server::shared::snapshot;
use crate::server::system::instant;

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

/// What the reader has to see to, once groups are applied.
#[derive(Debug, Default)]
pub(crate) struct ToDo {
    /// Connections that are hung up on because their member has come back over another one.
    pub(in crate::server::hub) taken_over: Vec<Arc<Connection>>,
    /// Connections that are closed once they were sent what they are due.
    removed: Vec<Arc<Connection>>,
    /// This server was taken for dead after so long without a sign of life.
    pub(crate) died_after: Option<Duration>,
    /// What was read does not fit what this server has sent or read: the log may have been set back.
    pub(crate) is_doubtful: bool,
    /// Behind how many groups the room is found to be another one than the coordinator's.
    pub(crate) differs_at: Option<u64>,
    /// The group at that place has a form that only newer servers read.
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

impl Hub {
    /// Applies what was read from the log.
    pub(crate) fn apply_log(&self, groups: &[Read<'_>]) -> ToDo {
        let mut to_do = ToDo::default();
        let mut guard = self.lock();
        self.brake(&mut guard);
        let shared = &mut *guard;
        self.freeing(shared, |shared| {
            groups.iter().for_each(|read| shared.apply_read(read, &mut to_do));
            shared.judge_flow(instant());
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
        let alive = self.room.log().and_then(|log| log.alive(producer));
        let passed = self.room.log().map_or(0, |log| log.passed().1);
        let applied = self.room.apply_group(*at, *bytes, group, &mut self.effects);
        for (connection, _, aside) in &self.effects.asides[before..] {
            self.backpressure.on_aside(*connection, aside);
        }
        if is_ours {
            self.on_own_group(group, applied.verdict, to_do);
        } else if let Some(log) = &mut self.log {
            log.on_others_return(group.returned());
        }
        if let (Some(room), Some(log)) = (self.room.log(), &mut self.log) {
            log.on_others_group(group.producer, room);
            log.flow.on_group(*at, room.passed().1);
        }
        self.compare_digests(*at, group, applied.verdict, to_do);
        to_do.is_doubtful |= matches!(applied.verdict, Verdict::Gap | Verdict::OtherRoom);
        if applied.dead.contains(&producer) {
            let silence = self.room.log().zip(alive).map(|(log, alive)| log.since(alive));
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
            // Of these the log is doubted, whosever group it is.
            Verdict::Gap | Verdict::OtherRoom => {}
            Verdict::Unknown => to_do.died_after = to_do.died_after.or(Some(Duration::ZERO)),
        }
    }

    /// Hands on what has come of a group besides effects.
    pub(in crate::server::hub) fn carry_on(&mut self, applied: Applied, to_do: &mut ToDo) {
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
            let erased = Logged::by_server(Act::Erased(erased));
            self.log.iter_mut().for_each(|log| log.outbox.propose(&erased));
        }
    }

    /// A plain member whose server was taken for dead is in the room again.
    fn on_joined_again(&mut self, connection: u32, outcome: &Outcome) {
        let Some(log) = &mut self.log else { return };
        let Some(since) = log.rejoining.remove(&connection) else { return };
        let id = ConnectionId::local(connection);
        match outcome {
            Outcome::Joined { name, .. } => {
                if let Some(joining) = log.plain.get_mut(&connection) {
                    joining.wanted = Some((name.clone(), name.likeness()));
                }
                let away = instant().saturating_duration_since(since);
                let notice = format!("{}\n", Notice::Shared(SharedNotice::JoinedAgain(away)));
                self.aside(id, Aside::Lines(notice));
            }
            // It is not let in any more.
            _ => self.removed.extend(self.connections.get(&id).cloned()),
        }
    }
}
