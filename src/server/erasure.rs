//! Orders to erase what somebody has said, and which events such an order is about (`judge`). Pure.

use std::ops::Range;

use super::audience::MemberId;
use crate::protocol::tag::{Millis, Seq};

pub(crate) mod judge;

/// An order to erase what somebody has said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Erasure {
    /// Whose lines: every line that was said under this name. As it is told.
    pub(crate) name: String,
    /// By whom it was ordered, as it is told; empty where another server tells it, over which the order came.
    pub(crate) by: String,
    /// The member that was called so at the order: what it has said under other names is erased, too.
    pub(crate) author: Option<MemberId>,
    /// Only what was said at that time or later, in milliseconds since 1970.
    pub(crate) since: Millis,
    /// Only events before that one.
    pub(crate) before: Seq,
}

/// An order, with what the room has done about it, for the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RoomErasure {
    /// The order.
    pub(crate) erasure: Erasure,
    /// How many lines the room has erased.
    pub(crate) lines: u64,
    /// The first event that the room remembered. The lines before it are the history's to count.
    pub(crate) remembered_from: Seq,
    /// The public lines that the room has erased.
    pub(crate) public: Vec<Range<Seq>>,
}

impl RoomErasure {
    /// Whether it is the same order, whoever tells it.
    pub(crate) fn is_like(&self, other: &RoomErasure) -> bool {
        let order = |it: &RoomErasure| Erasure { by: String::new(), ..it.erasure.clone() };
        order(self) == order(other)
    }
}

/// An order that is carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Erased {
    /// Whose lines they were.
    pub(crate) name: String,
    /// By whom it was ordered; empty where another server tells it.
    pub(crate) by: String,
    /// How many lines there were. A private line, of which both sides have a copy, is one.
    pub(crate) lines: u64,
}

impl Erased {
    /// Whether this server tells everyone of it.
    pub(crate) fn is_told_here(&self) -> bool {
        !self.by.is_empty()
    }
}
