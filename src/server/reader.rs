//! How far one member has read: a position in the transcript, and what its socket did not take.
//!
//! The broadcaster owns the readers and says when each is served. What it is due is sent straight
//! from the transcript's batches; only the rest of a line and lines that are shown again are held.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::connection::{Connection, Verdict};
use super::recall::Recall;
use super::room::{Arrival, Room};
use super::transcript::{Batch, MemberId, Piece, Seq};
use crate::protocol::reply::{Missing, Notice};

/// About how many bytes a reader that lags gets in one round, so that it keeps nobody waiting.
pub(super) const PORTION: usize = 256 * 1024;

/// The most pieces in one send; every system takes at least that many.
const MAX_PIECES: usize = 64;

/// How far a member has read.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) id: MemberId,
    pub(super) connection: Arc<Connection>,
    /// The next event that it has not been sent.
    pub(super) next: Seq,
    /// How many bytes of lines are before that.
    pub(super) offset: u64,
    /// How many bytes it has taken since its pace was judged, and in the two windows before.
    taken: u64,
    paces: [u64; 2],
    /// What goes before that: the rest of a line, of which a part was sent, or lines that are shown
    /// again.
    rest: Vec<u8>,
    /// What it is to be shown again before which event, oldest first.
    pub(super) recalls: VecDeque<(Seq, Recall)>,
    /// Lines that it should have had, and that the room has forgotten.
    missed: u64,
    /// Where its reading ends, once it has left.
    pub(super) until: Seq,
    /// Since when its socket has been full.
    pub(super) full_since: Option<Instant>,
}

/// What is to become of a reader.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Stays,
    Goes,
}

impl Reader {
    pub(super) fn new(arrival: Arrival) -> Reader {
        Reader {
            id: arrival.id,
            connection: arrival.connection,
            next: arrival.from,
            offset: arrival.offset,
            taken: 0,
            paces: [0; 2],
            rest: Vec::new(),
            recalls: VecDeque::new(),
            missed: 0,
            until: Seq::MAX,
            full_since: None,
        }
    }

    pub(super) fn is_behind(&self, goal: Seq) -> bool {
        self.next < goal || !self.rest.is_empty() || self.missed > 0 || !self.recalls.is_empty()
    }

    /// How many bytes it takes in two windows.
    pub(super) fn pace(&self) -> u64 {
        self.paces.iter().sum::<u64>().max(self.taken)
    }

    /// Begins another window. One that has everything is as fast as it has been: it takes little
    /// when there is little to take, and must not seem slow beside one that works off a backlog.
    pub(super) fn judge(&mut self, end_offset: u64) {
        let taken = std::mem::take(&mut self.taken);
        if self.offset < end_offset || taken > self.paces[1] {
            self.paces = [self.paces[1], taken];
        }
    }

    fn go_to(&mut self, batch: &Batch, event: Seq) {
        self.next = event;
        self.offset = batch.offset(event);
    }

    /// Whether a send may be tried: the socket is not known to be full, or its time is up, when it
    /// may take a little and yet not count as writable.
    pub(super) fn may_try(&self, now: Instant, patience: Duration) -> bool {
        self.full_since.is_none_or(|since| now.duration_since(since) >= patience)
    }

    /// Passes over what the room no longer remembers, and counts it.
    pub(super) fn skip(&mut self, forgotten: &Batch) {
        if self.next < forgotten.end() {
            let due = self.next..self.until;
            let pieces = forgotten.pieces(self.id, &due);
            self.missed += pieces.map(|piece| piece.count()).sum::<u64>();
            self.go_to(forgotten, forgotten.end());
        }
    }

    /// Sends what the socket takes at once.
    pub(super) fn send(
        &mut self,
        room: &Room,
        batches: &[Arc<Batch>],
        now: Instant,
    ) -> io::Result<()> {
        if self.rest.is_empty() && self.missed > 0 {
            self.rest =
                format!("{}\n", Notice::Missed(std::mem::take(&mut self.missed), Missing::TooSlow))
                    .into_bytes();
        }
        if self.rest.is_empty() {
            self.recall(room);
        }
        if !self.rest.is_empty() {
            let rest = std::mem::take(&mut self.rest);
            let sent = self.offer(&[IoSlice::new(&rest)], now)?.unwrap_or(0);
            self.rest = rest[sent..].to_vec();
            return Ok(());
        }
        let pieces = self.pieces(batches);
        let slices: Vec<_> =
            pieces.iter().map(|(batch, piece)| IoSlice::new(batch.text(piece))).collect();
        if slices.is_empty() {
            self.pass_over(batches);
            return Ok(());
        }
        if let Some(sent) = self.offer(&slices, now)? {
            self.advance(&pieces, sent);
        }
        Ok(())
    }

    /// Goes on to where something is shown again, or to the end of what was read: none of it was for
    /// this reader.
    fn pass_over(&mut self, batches: &[Arc<Batch>]) {
        let end = batches.last().map_or(self.next, |batch| batch.end()).min(self.next_recall());
        let holds_end = |batch: &&Arc<Batch>| (batch.begin()..=batch.end()).contains(&end);
        if end > self.next
            && let Some(batch) = batches.iter().find(holds_end)
        {
            self.go_to(batch, end);
        }
    }

    /// Before which event something is shown again.
    fn next_recall(&self) -> Seq {
        self.recalls.front().map_or(Seq::MAX, |(at, _)| *at)
    }

    /// Makes the next of the lines that are shown again here.
    fn recall(&mut self, room: &Room) {
        while self.rest.is_empty()
            && let Some((at, recall)) = self.recalls.front_mut()
            && *at <= self.next
        {
            self.rest = recall.next(|event| room.read(event, PORTION)).into_bytes();
            if self.rest.is_empty() {
                self.recalls.pop_front();
                room.have_recalled(self.id);
            }
        }
    }

    fn pieces<'a>(&self, batches: &'a [Arc<Batch>]) -> Vec<(&'a Batch, Piece)> {
        let due = self.next..self.until.min(self.next_recall());
        let of_batch =
            |batch: &'a Arc<Batch>| batch.pieces(self.id, &due).map(move |piece| (&**batch, piece));
        batches
            .iter()
            .filter(|batch| batch.end() > self.next)
            .flat_map(of_batch)
            .take(MAX_PIECES)
            .collect()
    }

    /// `None` if the socket takes nothing.
    fn offer(&mut self, slices: &[IoSlice<'_>], now: Instant) -> io::Result<Option<usize>> {
        match self.connection.send(slices) {
            Ok(sent) => {
                self.full_since = None;
                self.taken += sent as u64;
                Ok(Some(sent))
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => Ok(None),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                self.full_since.get_or_insert(now);
                Ok(None)
            }
            Err(e) => Err(e),
        }
    }

    fn advance(&mut self, pieces: &[(&Batch, Piece)], mut sent: usize) {
        for (batch, piece) in pieces {
            let length = batch.text(piece).len();
            if sent < length {
                let (next, rest) = batch.after(piece, sent);
                self.go_to(batch, next);
                self.rest = rest.to_vec();
                return;
            }
            sent -= length;
            self.go_to(batch, batch.end_of(piece));
        }
    }

    /// Whether it is served on: not if it has left and has everything, or takes nothing.
    pub(super) fn fate(&mut self, goal: Seq, now: Instant, patience: Duration) -> Fate {
        if self.until != Seq::MAX && !self.is_behind(goal) && goal == self.until {
            self.connection.finish();
            return Fate::Goes;
        }
        let too_long = self.full_since.is_some_and(|since| now.duration_since(since) >= patience);
        if !too_long {
            return Fate::Stays;
        }
        self.connection.hang_up(Verdict::TooSlow);
        Fate::Goes
    }
}
