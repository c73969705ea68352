//! What the tests of the history share: cuts with something in them.

use std::num::NonZero;
use std::sync::Arc;

use super::kept::{Counters, Cut, Encryption, KeptMember, TokenHash};
use crate::protocol::name::Name;
use crate::protocol::proof::KeyHash;
use crate::protocol::tag::{Millis, Seq};
use crate::server::audience::{Audience, Envelope, Kind, MemberId, Receipt};
use crate::server::batch::Batch;

/// What somebody says to all, with a receipt.
pub(crate) fn said(author: u64, n: u64) -> Envelope {
    let author = MemberId(author);
    let receipt = NonZero::new(n).map(|line| Receipt { author, line });
    Envelope { receipt, ..Envelope::new(Audience::AllBut(author), Kind::Said) }
}

/// What somebody says to one alone, with a receipt.
pub(crate) fn private(author: u64, n: u64, reader: u64) -> Envelope {
    Envelope { audience: Audience::Only(MemberId(reader)), ..said(author, n) }
}

/// What all are told, and nobody is shown again.
pub(crate) fn passing() -> Envelope {
    Envelope::new(Audience::All, Kind::Passing)
}

/// A cut of these events.
pub(crate) fn cut(from: Seq, at: Millis, events: &[(Envelope, &str)]) -> Cut {
    let mut batch = Batch::beginning_at(from, 0);
    batch.is_now(at);
    events.iter().for_each(|(envelope, line)| batch.push(*envelope, line));
    let next_seq = batch.end();
    Cut {
        from,
        batches: vec![Arc::new(batch)],
        gap: None,
        members: Vec::new(),
        waiting: Vec::new(),
        facts: Vec::new(),
        erasures: Vec::new(),
        counters: Counters { next_seq, ..Counters::NEW },
    }
}

/// A cut of so many lines of that length, which somebody says to all.
pub(crate) fn lines(from: Seq, at: Millis, count: u64, length: usize) -> Cut {
    let text = "x".repeat(length);
    let events: Vec<_> = (from..from + count).map(|n| (said(1, n), &*text)).collect();
    cut(from, at, &events)
}

/// A member of that name.
pub(crate) fn member(name: &str) -> KeptMember {
    let name = Name::parse(name).expect("a name");
    let token = Some(TokenHash([7; 32]));
    KeptMember {
        name,
        token,
        since: 1,
        taken: 3,
        encryption: Encryption::Tls,
        key: Some(KeyHash::from_bytes([9; 32])),
        login: None,
        address: Some([192, 0, 2, 7].into()),
        lost_at: 2,
    }
}
