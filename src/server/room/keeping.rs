//! What the room knows of the history or archive that it is kept in, and what that lacks. Pure.

use std::time::Duration;

use super::entry::Outcome;
use super::{Change, Room};
use crate::protocol::reply::Notice;
use crate::protocol::tag::Seq;
use crate::server::batch::Batch;
use crate::server::replay::Gap;
use crate::server::transcript::Transcript;

/// What becomes of what is said, where there is a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Keeping {
    /// For how long it is kept; `None` is for ever.
    pub(crate) time: Option<Duration>,
    /// Why it is not kept for now.
    pub(crate) not_now: Option<&'static str>,
}

impl Keeping {
    /// What a newcomer is told of it.
    pub(super) fn notice(self) -> Notice<'static> {
        self.not_now.map_or(Notice::Kept(self.time), Notice::NotKeptHere)
    }
}

impl Room {
    /// This server keeps an archive of the room, which several hold: from that event on, but for the lines of the gaps.
    pub(crate) fn keep(&mut self, keeping: Keeping, kept_from: Seq, gaps: Vec<Gap>) {
        (self.keeping, self.kept_from, self.gaps) = (Some(keeping), Some(kept_from), gaps);
        self.note_all_changed();
    }

    /// This server keeps nothing of the room, for this reason, and would for so long.
    pub(crate) fn keep_nothing(&mut self, time: Option<Duration>, why: &'static str) {
        self.keeping = Some(Keeping { time, not_now: Some(why) });
    }

    /// Remembers what was said before all that it remembers, as far as the archive has it.
    pub(crate) fn remember(&mut self, earlier: Vec<Batch>) {
        let memory = self.transcript.memory().1;
        let later = std::mem::replace(&mut self.transcript, Transcript::new(0));
        self.transcript = Transcript::restore(memory, earlier, later.oldest());
        self.transcript.go_on_with(later);
        self.transcript.seal();
        // The archive was not told of these yet.
        for order in self.changed.iter().flat_map(|changed| &changed.erasures) {
            self.transcript.erase(&order.erasure);
        }
    }

    /// The archive lacks lines.
    pub(crate) fn note_gap(&mut self, gap: Gap) {
        self.gaps.push(gap);
        self.gaps.sort_by_key(|gap| gap.after);
    }

    /// What becomes of what is said; `None` without a history.
    pub(crate) fn keeping(&self) -> Option<Keeping> {
        self.keeping
    }

    /// The history has no event before that one any more.
    pub(crate) fn forget_before(&mut self, first: Seq) {
        self.kept_from = Some(first);
        self.gaps.retain(|gap| gap.after >= first);
    }

    /// Lines that were said and that the history does not have.
    pub(crate) fn gaps(&self) -> &[Gap] {
        &self.gaps
    }
}

impl Change<'_> {
    pub(super) fn stop_keeping(&mut self, why: &'static str) -> Outcome {
        let Some(keeping) = &mut self.room.keeping else { return Outcome::Ignored };
        keeping.not_now = Some(why);
        self.announce(Notice::NotKept(why));
        Outcome::Done
    }

    pub(super) fn keep_again(&mut self, gap: Option<Gap>) -> Outcome {
        let Some(keeping) = &mut self.room.keeping else { return Outcome::Ignored };
        keeping.not_now = None;
        self.room.gaps.extend(gap);
        self.announce(Notice::KeptAgain(gap.map_or(0, |gap| gap.lines)));
        Outcome::Done
    }
}
