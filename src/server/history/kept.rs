//! What crosses the border of the history, as plain data: what is kept, and what a start gets back. Pure.

use std::ops::Range;
use std::sync::Arc;

use crate::protocol::tag::{Millis, Seq};
use crate::server::audience::MemberId;
use crate::server::batch::Batch;
pub(crate) use crate::server::erasure::{Erased, Erasure, RoomErasure};
pub(crate) use crate::server::replay::Gap;
pub(crate) use crate::server::room::changes::{Counters, KeptMember, KeptWaiting};
pub(crate) use crate::server::room::entry::Encryption;
pub(crate) use crate::server::room::people::facts::{Fact, FactKey};
pub(crate) use crate::server::room::token::TokenHash;

/// All that has changed since the last cut. It is kept as a whole or not at all.
#[derive(Debug)]
pub(crate) struct Cut {
    /// The first event that may be new; those before it in `batches` are kept already.
    pub(crate) from: Seq,
    /// Neighbouring events, sealed, in their order.
    pub(crate) batches: Vec<Arc<Batch>>,
    /// Lines that nobody could keep, and that memory has no more.
    pub(crate) gap: Option<Gap>,
    /// The members that have changed; `None` for one that is gone.
    pub(crate) members: Vec<(MemberId, Option<KeptMember>)>,
    /// The counts of waiting lines that have changed.
    pub(crate) waiting: Vec<KeptWaiting>,
    /// What is known of people, if it has changed; `None` for what is no more.
    pub(crate) facts: Vec<(FactKey, Option<Fact>)>,
    /// Orders to erase lines that are not carried out in the file.
    pub(crate) erasures: Vec<RoomErasure>,
    /// The room's counters, as they are at the end of the cut.
    pub(crate) counters: Counters,
}

impl Cut {
    /// How many events it has that may be new.
    pub(crate) fn count(&self) -> u64 {
        let new = |batch: &Arc<Batch>| batch.end().saturating_sub(batch.begin().max(self.from));
        self.batches.iter().map(new).sum()
    }
}

/// What a room comes back from.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// The members; `None` for one whose name is none by the rules of this version, so that it must go.
    pub(crate) members: Vec<(MemberId, Option<KeptMember>)>,
    /// What is known of people.
    pub(crate) facts: Vec<(FactKey, Fact)>,
    /// Private lines that wait.
    pub(crate) waiting: Vec<KeptWaiting>,
    /// The room's counters.
    pub(crate) counters: Counters,
    /// The newest events, of about as much memory as was asked for.
    pub(crate) batches: Vec<Batch>,
    /// The oldest event that is kept, and when it was.
    pub(crate) oldest: Option<(Seq, Millis)>,
    /// The gaps before the events in `batches`, between them and behind them, but for those that lie
    /// farther back.
    pub(crate) gaps: Vec<Gap>,
}

/// Events of a range, as far as one portion goes.
#[derive(Debug)]
pub(crate) struct Portion {
    /// The events; there may be none in the range.
    pub(crate) batches: Vec<Batch>,
    /// The gaps in `range`.
    pub(crate) gaps: Vec<Gap>,
    /// What was looked at. The next portion begins where it ends; the last one ends where the range
    /// that was asked for does.
    pub(crate) range: Range<Seq>,
}

/// What one step has done about the oldest order to erase lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EraseStep {
    /// Whether a part of the index has words of erased lines, and has to go.
    pub(crate) outdates_index: bool,
    /// The order, if nothing of it is left to do.
    pub(crate) done: Option<Erased>,
}

/// How large the file is, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    /// Of its pages that hold something.
    pub(crate) used: u64,
    /// Of those that are free, and used again before it grows.
    pub(crate) free: u64,
}
