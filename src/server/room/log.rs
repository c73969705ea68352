//! What a room that several servers hold knows of the log that orders it: the log's clock, the servers that are there,
//! and where its numbers have jumped. Pure.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::entry::Stamp;
use super::group::{Group, Position};
use crate::protocol::tag::{Millis, Seq};

/// How many members a room on several servers has at most, connected and disconnected ones.
pub(crate) const MAX_MEMBERS: usize = 20_000;

/// How long a server may give no sign of life, in milliseconds: for few servers, and for each of many.
const LEASE: u64 = 6_000;
const LEASE_OF_EACH: u64 = 300;

/// If no group comes for longer than this, in milliseconds, that is nobody's fault: every living server sends one
/// sooner.
const LONGEST_SILENCE: u64 = 3_000;

/// What counts of a longer silence.
const COUNTED_SILENCE: u64 = 2_000;

/// How many jumps are remembered.
const MOST_JUMPS: usize = 64;

/// How often it may be told that the log was set back, in milliseconds.
const BETWEEN_NOTICES: u64 = 60_000;

/// After a jump, numbers go on in the first half behind a multiple of this.
const STEP: u64 = 1 << 30;

/// How many numbers each millisecond of that half has: more than a room orders in one. A room orders about 300.
const PER_MILLISECOND: u64 = 1 << 10;

/// Where numbers go on of which `last` is the last one that is known, and may not be the last one that was given out. It is
/// behind the first multiple of 2^30 that is at least 2^29 behind `last`, by 1,024 for each millisecond of `moment`,
/// modulo 2^19 (524 s).
///
/// No number is given out twice where a log is set back, in which the last number was `last`:
///
/// - What it has lost since the last jump was numbered from `last` on, and is fewer than 2^29 events. All jumps from `last`
///   lead beyond that.
/// - What it has lost that came behind another jump, in a branch that was set back before: behind another multiple, both are
///   2^29 apart. Behind the same multiple, the branch had begun some milliseconds earlier, so 1,024 numbers for each of
///   them earlier, and has ordered fewer events by the time at which it was lost.
///
/// 524 s later, numbers of a branch could come again. By then each server that has seen any of it has come back, and its
/// number is the least that is jumped from, or it is dead by its lease.
///
/// A jump is shorter than 2^31, so there is room for four million in the 2^53 numbers that programs read without loss.
pub(crate) fn jump(last: u64, moment: u64) -> u64 {
    let step = last.saturating_add(STEP / 2).checked_next_multiple_of(STEP).unwrap_or(u64::MAX);
    step.saturating_add(moment % (STEP / 2 / PER_MILLISECOND) * PER_MILLISECOND)
}

/// What a room knows of its log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Log {
    /// Which room's it is: the first 8 bytes of the room's id.
    pub(super) room: u64,
    /// With which settings it is applied here.
    pub(super) settings: u64,
    /// From which group on the room's servers have had those settings.
    pub(super) settings_since: Position,
    /// The process of the engine that took the last group; `None` before the first one.
    pub(super) engine: Option<u64>,
    /// The last group.
    pub(super) position: Position,
    /// The stamp of the last group, in milliseconds since 1970. It never goes back.
    pub(super) clock: u64,
    /// The room's own time, in milliseconds, by which timeouts are judged: it stands still while nobody can reach the
    /// log.
    pub(super) elapsed: u64,
    /// The servers that are there.
    pub(super) producers: BTreeMap<u64, Producer>,
    /// Where the events' numbers have jumped, oldest first; at most [`MOST_JUMPS`].
    pub(super) jumps: VecDeque<Jump>,
    /// How many groups there were.
    pub(super) groups: u64,
    /// How many bytes they had.
    pub(super) bytes: u64,
    /// When all were told last that the log was set back, by the room's own time.
    pub(super) told_at: Option<u64>,
}

/// A server of the room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Producer {
    /// The number of its last group.
    pub(crate) last: u64,
    /// When it gave its last sign of life, in milliseconds of the room's own time.
    pub(crate) alive: u64,
    /// Up to which group it had applied the log by then.
    pub(crate) seen: Position,
    /// What it is called.
    pub(crate) server: Box<str>,
    /// Its version.
    pub(crate) version: Box<str>,
    /// Up to which group it knew the log, if it came back to one that was set back; else the log's beginning.
    pub(crate) kept: Position,
    /// With which settings it has the room; 0 until it has said so.
    pub(crate) settings: u64,
}

/// The numbers that a room goes on from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Numbers {
    /// The last event's; 0 before the first one.
    pub(crate) seq: Seq,
    /// The next member's.
    pub(crate) member: u64,
}

/// A leap in the events' numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Jump {
    /// The number that the next event would have had.
    pub(crate) from: Seq,
    /// The one that it has.
    pub(crate) to: Seq,
}

/// What has become of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Its entries were applied.
    Applied,
    /// It was ignored, as a repetition of an earlier one.
    Repeated,
    /// It was ignored, since one is missing before it: the log was set back.
    Gap,
    /// It was ignored, since its producer is not there: it was taken for dead, or the log was set back.
    Unknown,
    /// It is for another room, and nothing was done.
    OtherRoom,
}

impl Log {
    /// That of a new room with those settings.
    pub(crate) fn new(room: u64, settings: u64) -> Log {
        Log {
            room,
            settings,
            settings_since: Position::START,
            engine: None,
            position: Position::default(),
            clock: 0,
            elapsed: 0,
            producers: BTreeMap::new(),
            jumps: VecDeque::new(),
            groups: 0,
            bytes: 0,
            told_at: None,
        }
    }

    /// Which room's it is: the first 8 bytes of the room's id.
    #[cfg(test)]
    pub(crate) fn room(&self) -> u64 {
        self.room
    }

    /// The last group that was applied, or ignored.
    pub(crate) fn position(&self) -> Position {
        self.position
    }

    /// How many groups there were, and how many bytes they had: those that were ignored, too, but for malformed ones
    /// and those for other rooms.
    pub(crate) fn passed(&self) -> (u64, u64) {
        (self.groups, self.bytes)
    }

    /// The servers that are there, by their numbers.
    pub(crate) fn producers(&self) -> impl Iterator<Item = (u64, &Producer)> {
        self.producers.iter().map(|(id, producer)| (*id, producer))
    }

    /// A server, if it is there.
    pub(crate) fn producer(&self, id: u64) -> Option<&Producer> {
        self.producers.get(&id)
    }

    /// With which settings this server has the room.
    pub(crate) fn settings(&self) -> u64 {
        self.settings
    }

    /// Whether a server that is there has the room with other settings than this one.
    pub(crate) fn has_other_settings(&self, producer: u64) -> bool {
        let known = self.producers.get(&producer).map_or(0, |producer| producer.settings);
        known != 0 && known != self.settings
    }

    /// The server that writes snapshots and trims the log.
    pub(crate) fn coordinator(&self) -> Option<u64> {
        self.producers.first_key_value().map(|(id, _)| *id)
    }

    /// For how long a server may give no sign of life, while there are as many as now.
    pub(crate) fn lease(&self) -> Duration {
        Duration::from_millis(LEASE.max(LEASE_OF_EACH * self.producers.len() as u64))
    }

    /// How long ago a server gave its last sign of life, by the room's own time at the last group.
    pub(crate) fn silence(&self, producer: u64) -> Option<Duration> {
        self.alive(producer).map(|alive| self.since(alive))
    }

    /// When a server gave its last sign of life, by the room's own time.
    pub(crate) fn alive(&self, producer: u64) -> Option<u64> {
        Some(self.producers.get(&producer)?.alive)
    }

    /// How long ago that was, by the room's own time at the last group.
    pub(crate) fn since(&self, time: u64) -> Duration {
        Duration::from_millis(self.elapsed.saturating_sub(time))
    }

    /// How far behind the log a server was when it gave its last sign of life, by the log's clock: what it had read was
    /// older than that sign by so much.
    pub(crate) fn behind(&self, producer: u64) -> Option<Duration> {
        let unread = self.position.ms.saturating_sub(self.producers.get(&producer)?.seen.ms);
        Some(Duration::from_millis(unread).saturating_sub(self.silence(producer)?))
    }

    /// Goes on to a group, with that many bytes, and stamps it. Time in which the whole log was silent counts against
    /// nobody.
    pub(super) fn go_on_to(&mut self, position: Position, bytes: usize) -> Stamp {
        let clock = self.clock.max(position.ms);
        // Before the first group there was no silence.
        let passed = if self.clock == 0 { 0 } else { clock - self.clock };
        self.elapsed += if passed > LONGEST_SILENCE { COUNTED_SILENCE } else { passed };
        #[cfg(planted_faults)]
        (self.elapsed = super::planted::elapsed(self.elapsed));
        (self.clock, self.position) = (clock, position);
        self.groups += 1;
        self.bytes += bytes as u64;
        self.stamp()
    }

    /// What is stamped on the last group.
    pub(super) fn stamp(&self) -> Stamp {
        let at = Millis::try_from(self.clock).unwrap_or(Millis::MAX);
        Stamp { at, elapsed: Duration::from_millis(self.elapsed) }
    }

    /// Whether a group was sent to another process of the engine than the one before it.
    pub(super) fn is_other_engine(&mut self, engine: u64) -> bool {
        self.engine.replace(engine).is_some_and(|before| before != engine)
    }

    /// Looks at a group's number. A server becomes known by its first group alone; any group of a known one is a sign
    /// of life.
    pub(super) fn admit(&mut self, group: &Group<'_>) -> Verdict {
        let (alive, seen) = (self.elapsed, group.seen);
        let Some(producer) = self.producers.get_mut(&group.producer) else {
            if group.number != 1 {
                return Verdict::Unknown;
            }
            let (server, version, kept, settings) = Default::default();
            let producer = Producer { last: 1, alive, seen, server, version, kept, settings };
            self.producers.insert(group.producer, producer);
            return Verdict::Applied;
        };
        producer.alive = alive;
        producer.seen = producer.seen.max(seen);
        match group.number.checked_sub(producer.last) {
            Some(1) => {
                producer.last = group.number;
                Verdict::Applied
            }
            None | Some(0) => Verdict::Repeated,
            Some(_) => Verdict::Gap,
        }
    }

    /// Takes out the servers that have given no sign of life for too long.
    pub(super) fn take_dead(&mut self) -> Vec<u64> {
        let lease = self.lease();
        let is_dead = |(_, producer): &(&u64, &Producer)| {
            Duration::from_millis(self.elapsed.saturating_sub(producer.alive)) > lease
        };
        let dead: Vec<_> = self.producers.iter().filter(is_dead).map(|(id, _)| *id).collect();
        dead.iter().for_each(|id| drop(self.producers.remove(id)));
        dead
    }

    /// Remembers a jump of the events' numbers.
    pub(super) fn note_jump(&mut self, jump: Jump) {
        if self.jumps.len() == MOST_JUMPS {
            self.jumps.pop_front();
        }
        self.jumps.push_back(jump);
    }

    /// The jump in which that number lies, which no event of the log has, if it is remembered.
    pub(super) fn jump_over(&self, seq: Seq) -> Option<Jump> {
        self.jumps.iter().find(|jump| (jump.from..jump.to).contains(&seq)).copied()
    }

    /// How many numbers that an event may have are among these, as far as the jumps are remembered.
    pub(super) fn numbers_between(&self, from: Seq, end: Seq) -> u64 {
        let left_out = |jump: &Jump| jump.to.min(end).saturating_sub(jump.from.max(from));
        let left_out: u64 = self.jumps.iter().map(left_out).sum();
        end.saturating_sub(from).saturating_sub(left_out)
    }

    /// Whether all may be told now that the log was set back. Then they are.
    pub(super) fn may_tell(&mut self) -> bool {
        let is_due = |told_at: u64| self.elapsed.saturating_sub(told_at) >= BETWEEN_NOTICES;
        let may_tell = self.told_at.is_none_or(is_due);
        if may_tell {
            self.told_at = Some(self.elapsed);
        }
        may_tell
    }
}

#[cfg(test)]
mod tests;
