//! What this server's own archive of a shared room has of the events: the keeper takes what is sealed, in cuts, and
//! nobody waits for that. What leaves the server is settled in the room's log already.
//!
//! Memory waits for the file as far as it may ([`SPARE_PART`]), and the log is read more slowly while much is not
//! kept. Events that are forgotten all the same before the keeper has taken them become a gap.

use std::time::{Duration, Instant};

use super::cut::Cut;
use super::guard::Guard;
use super::round::Following;
use super::{Hub, Shared};
use crate::protocol::tag::Seq;
use crate::server::batch::Batch;
use crate::server::history::store::readers::Readers;
use crate::server::replay::Gap;
use crate::server::room::changes::{Changes, Counters};
use crate::server::system::instant;
use crate::server::transcript::Transcript;

/// By which part of what the room remembers it may exceed that, while it waits for the file.
const SPARE_PART: usize = 4;

/// As which part of what the room remembers events may be unkept before the log is read more slowly.
const UNKEPT_PART: u64 = 4;

/// For how long the log is read no further then, for each portion: so little that nobody takes the room for away.
const BRAKE: Duration = Duration::from_millis(100);

/// How far the archive has come. It is guarded by the hub's lock.
#[derive(Debug)]
pub(super) struct Archive {
    /// The number after the last event that was kept or given up, and how many bytes of lines are before that.
    kept: (Seq, u64),
    /// The number of the first event of the next cut.
    next: Seq,
    /// The first event that could not be kept, while some cannot.
    pub(super) unkept: Option<Seq>,
    /// The keeper waits for something to keep. It says so under the lock and only after finding nothing, and the
    /// thread that seals something looks under the same lock; so no waking is lost.
    is_keeper_asleep: bool,
}

impl Archive {
    /// One that has all events before that one.
    fn up_to(kept: (Seq, u64)) -> Archive {
        Archive { kept, next: kept.0, unkept: None, is_keeper_asleep: false }
    }

    /// Whether the keeper sleeps and has to be woken.
    pub(super) fn wants_keeper(&self, shared: &Shared) -> bool {
        self.is_keeper_asleep && self.has_news(shared)
    }

    /// Whether there is something that the keeper has not taken.
    fn has_news(&self, shared: &Shared) -> bool {
        let room = &shared.room;
        room.is_closed() || room.transcript().sealed_end().0 > self.next || room.has_erasures()
    }

    /// The history has all events before that one, as far back as it goes.
    pub(super) fn kept_end(&self) -> Seq {
        self.unkept.unwrap_or(self.kept.0).min(self.kept.0)
    }

    /// Before which event all may be forgotten of those before `end`.
    pub(super) fn may_forget(&self, transcript: &Transcript, end: Seq) -> Seq {
        let (held, memory) = transcript.memory();
        if held <= memory + memory / SPARE_PART { end.min(self.kept.0) } else { end }
    }

    /// The first event that the file does not have, if the room remembers some such event no more.
    pub(super) fn first_unkept(&self, oldest: Seq) -> Option<Seq> {
        self.unkept.or_else(|| (self.kept.0 < oldest).then_some(self.kept.0))
    }
}

impl Hub {
    /// The oldest event that the room remembers, and how much more it can remember, in bytes of memory.
    pub(crate) fn remembered(&self) -> (Seq, usize) {
        self.with(|shared| {
            let transcript = shared.room.transcript();
            let (held, memory) = transcript.memory();
            (transcript.oldest(), memory.saturating_sub(held))
        })
    }

    /// This server keeps an archive of the shared room, which has all events before that one; those right before what
    /// the room [remembers](Hub::remembered) come with it. It is called once, before anybody joins.
    pub(crate) fn archive(&self, kept: Seq, earlier: Vec<Batch>, file: Readers) {
        self.file.set(file).ok();
        self.with(|shared| {
            shared.room.remember(earlier);
            let offset = shared.room.transcript().offset(kept);
            shared.archive = Some(Archive::up_to((kept, offset)));
        });
    }

    /// Whether this server keeps an archive of the shared room.
    pub(crate) fn keeps_archive(&self) -> bool {
        self.with(|shared| shared.room.keeping().is_some())
    }

    /// Remembers that the archive lacks lines, behind what it has.
    pub(crate) fn note_gap(&self, gap: Gap) {
        self.with(|shared| shared.room.note_gap(gap));
    }

    /// Gives the keeper time, if much is not kept.
    pub(super) fn brake(&self, guard: &mut Guard<'_>) {
        if guard.is_archive_behind() {
            guard.waiting += 1;
            guard.wait_while(&self.taken, BRAKE, |shared| shared.is_archive_behind());
            guard.waiting -= 1;
        }
    }

    /// Waits for something to keep, until `until` at most, and takes all of it. `None` if nothing was sealed by then.
    pub(super) fn cut_for_archive(
        &self,
        guard: &mut Guard<'_>,
        until: Option<Instant>,
    ) -> Option<Cut> {
        let has_news =
            |shared: &Shared| shared.archive.as_ref().is_some_and(|it| it.has_news(shared));
        if !has_news(guard) {
            let left =
                until.map_or(Duration::MAX, |until| until.saturating_duration_since(instant()));
            guard.archive.as_mut()?.is_keeper_asleep = true;
            guard.wait_while(&self.applied, left, |shared| !has_news(shared));
            guard.archive.as_mut()?.is_keeper_asleep = false;
        }
        if has_news(guard) { guard.take_archive_cut() } else { None }
    }
}

impl Shared {
    /// Takes what is sealed, for the archive: the events, and what has to be erased of older ones. The members and all
    /// that is known of people stand in the log.
    pub(super) fn take_archive_cut(&mut self) -> Option<Cut> {
        let closing = self.room.is_closed();
        if closing {
            // Nothing comes any more. The broadcaster knows by itself that it has to look once more.
            self.room.transcript_mut().seal();
        }
        let end = self.room.transcript().sealed_end();
        let from = std::mem::replace(&mut self.archive.as_mut()?.next, end.0);
        let batches = self.room.transcript().read(from, usize::MAX);
        let Changes { members, erasures, counters, .. } = self.room.take_changes();
        let unsealed = self.room.transcript().unsealed_lines();
        let counters = Counters {
            next_seq: end.0,
            said: counters.said.saturating_sub(unsealed),
            joined: 0,
            left: 0,
            ..counters
        };
        let (waiting, facts) = (Vec::new(), Vec::new());
        let changes = Changes { members, waiting, facts, erasures, counters };
        Some(Cut {
            from,
            batches,
            changes,
            following: Following { closing, ..Following::default() },
            end,
        })
    }

    /// The keeper has kept a cut up to there, or has given it up.
    pub(super) fn on_archived(&mut self, end: (Seq, u64)) {
        self.archive.iter_mut().for_each(|archive| archive.kept = end);
    }

    fn is_archive_behind(&self) -> bool {
        let transcript = self.room.transcript();
        let most = transcript.memory().1 as u64 / UNKEPT_PART;
        let is_behind = |archive: &Archive| transcript.end_offset() - archive.kept.1 > most;
        self.archive.as_ref().is_some_and(is_behind) && !self.room.is_closed()
    }
}
