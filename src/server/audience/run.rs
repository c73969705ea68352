//! Neighbouring events for the same readers. Pure.

use super::{Audience, Envelope, Kind, MemberId, Receipt, Recipient, Rendition};
use crate::protocol::tag::Format;

/// Neighbouring events in the same envelope. There may be one for each line, so it is small.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    /// The index of the first of them in its batch.
    pub(super) first: u32,
    /// That of all of its events.
    pub(super) kind: Kind,
    /// That of all of its events.
    pub(super) audience: Audience,
    /// That of the first; those after it are of the author's lines that follow.
    pub(super) receipt: Option<Receipt>,
}

impl Run {
    pub(super) fn beginning_at(first: u32, envelope: Envelope) -> Run {
        let Envelope { audience, kind, receipt } = envelope;
        Run { first, kind, audience, receipt }
    }

    /// That of its first event.
    pub(super) fn envelope(&self) -> Envelope {
        let Run { kind, audience, receipt, .. } = *self;
        Envelope { audience, kind, receipt }
    }

    /// Whether the event with that index belongs to it.
    pub(super) fn goes_on(&self, index: u32, envelope: Envelope) -> bool {
        Envelope { receipt: self.receipt(index), ..self.envelope() } == envelope
    }

    pub(super) fn receipt(&self, index: u32) -> Option<Receipt> {
        let later = |receipt: Receipt| Receipt {
            line: receipt.line.saturating_add((index - self.first).into()),
            ..receipt
        };
        self.receipt.map(later)
    }

    /// What `recipient` sees of its events.
    pub(super) fn rendition(&self, recipient: &Recipient) -> Option<Rendition> {
        let is_author = |receipt: Receipt| receipt.author == recipient.member;
        match recipient.format {
            Format::Tagged if self.receipt.is_some_and(is_author) => Some(Rendition::Receipt),
            _ => self.audience.includes(*recipient).then_some(Rendition::Line),
        }
    }

    /// Whether `member` is shown its events again. Their author is, too.
    pub(super) fn is_replayed_to(&self, member: MemberId) -> bool {
        let visible = match self.audience {
            Audience::All | Audience::AllBut(_) => true,
            Audience::Only(reader) => reader == member,
            Audience::Programs | Audience::People | Audience::Nobody => false,
        };
        visible && self.kind == Kind::Said
    }
}
