//! What goes to the log, and when: its writer asks here what it does next.

use std::time::{Duration, Instant};

use super::super::{Hub, Shared};
use super::{Ending, LogSide};
use crate::server::room::group::Position;
use crate::server::room::log::Log;
use crate::server::shared::outbox::Sending;
use crate::server::shared::snapshot;
use crate::server::system::instant;

/// How often this server gives a sign of life, if it has nothing to say.
const SIGN_OF_LIFE: Duration = Duration::from_secs(2);

/// What the writer does next.
#[derive(Debug)]
pub(crate) enum Task {
    /// Append a group.
    Send(Sending),
    /// Keep a snapshot, and trim the log.
    Keep(Vec<u8>),
}

impl Hub {
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
            self.freeing(&mut guard, |shared| shared.judge_flow(now));
            let log = guard.log.as_mut()?;
            if log.ending == Ending::Over {
                return None;
            }
            if log.others_until().is_some_and(|until| until <= now) {
                log.wait_for_nobody();
            }
            let not_before = not_before.filter(|time| *time > now);
            let not_before = not_before.or_else(|| log.waits_for_more(now, servers));
            let wait = match not_before {
                Some(time) => time,
                None => match log.take_task(seen, now) {
                    Some(task) => {
                        log.liveness.on_work();
                        return Some(task);
                    }
                    None => log.wakes_at(),
                },
            };
            let is_pausing = not_before.is_some();
            log.is_writer_asleep = !is_pausing;
            log.liveness.on_wait(wait);
            let has_nothing = |shared: &mut Shared| {
                let log = shared.log.as_ref();
                let is_over = log.is_none_or(|log| log.ending == Ending::Over);
                !is_over && (is_pausing || !log.is_some_and(|log| log.has_task()))
            };
            guard.wait_while(&self.proposed, wait.saturating_duration_since(now), has_nothing);
            guard.log.as_mut()?.is_writer_asleep = false;
        }
    }

    /// Whether it is this server that writes snapshots.
    pub(crate) fn is_coordinator(&self) -> bool {
        self.with(|shared| {
            let coordinator = shared.room.log().and_then(Log::coordinator);
            coordinator == Some(shared.effects.producer)
        })
    }

    /// Has a snapshot written as the room stands, if that is behind the group with which the log starts. Whether it is.
    pub(crate) fn keep_snapshot_of(&self, first: Position) -> bool {
        self.with(|shared| {
            let is_behind = shared.room.log().is_some_and(|log| log.position() >= first);
            let Some(log) = shared.log.as_mut().filter(|_| is_behind) else { return false };
            log.snapshot = Some(snapshot::encode(&shared.room));
            true
        })
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
}

impl LogSide {
    /// Until when the writer of one of so many servers waits for more before it makes a group, if it does.
    fn waits_for_more(&mut self, now: Instant, servers: usize) -> Option<Instant> {
        if !self.outbox.has_news() || self.outbox.has_full_group() {
            return None;
        }
        self.pace.wait_until(now, servers)
    }

    /// What the writer of a server that has read the log up to there does now.
    fn take_task(&mut self, seen: Position, now: Instant) -> Option<Task> {
        let wants_sign = self.last_made + SIGN_OF_LIFE <= now || self.wants_sign();
        if let Some(sending) = self.outbox.next(seen, wants_sign) {
            self.flow.on_told();
            self.last_made = now;
            self.liveness.on_append(now);
            return Some(Task::Send(sending));
        }
        self.snapshot.take().map(Task::Keep)
    }

    /// Whether the writer has something to do.
    pub(in crate::server::hub) fn has_task(&self) -> bool {
        self.outbox.has_news()
            || self.snapshot.is_some()
            || self.ending == Ending::Over
            || self.wants_sign()
    }

    /// Whether a sign of life tells something by now.
    fn wants_sign(&self) -> bool {
        self.seeks_room() || self.flow.wants_telling()
    }

    /// Whether a room that is away may be back without anybody's knowing: nothing is under way whose answer would tell.
    fn seeks_room(&self) -> bool {
        self.liveness.is_away() && self.outbox.is_read_back()
    }

    /// When the writer has something to do, if nobody brings anything.
    fn wakes_at(&self) -> Instant {
        let sign = self.last_made + SIGN_OF_LIFE;
        let due = self.others_until().map_or(sign, |until| sign.min(until));
        let due = self.flow.deadline().map_or(due, |late| due.min(late));
        if self.liveness.is_away() { due } else { due.min(self.liveness.deadline()) }
    }
}
