//! How far one member has read: a position in the transcript, and what its socket did not take.
//!
//! The broadcaster owns the readers and says when each is served. What it is due is sent straight
//! from the transcript's batches; only the rest of a line and lines that are shown again are held.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::audience::Recipient;
use super::batch::Batch;
use super::connection::{CloseReason, Connection, is_gone};
use super::hub::round::Arrival;
use super::rendering::tag;
use super::room::effects::Aside;
use super::system::now as clock;
use crate::protocol::reply::{Missing, Notice};
use crate::protocol::tag::{Body, Format, Seq};
use file::Fetch;

mod file;
mod send;

/// About how many bytes a reader that lags gets in one round, so that it keeps nobody waiting.
pub(super) const PORTION: usize = 256 * 1024;

/// How many bytes of answers to its telnet may wait for a reader: some hundreds of answers.
const MOST_TELNET: usize = 1024;

/// How far a member has read.
#[derive(Debug)]
pub(super) struct Reader {
    /// For whom it reads, and in which format.
    pub(super) recipient: Recipient,
    /// From which events on it reads for another member, or in another format, in their order.
    turns: VecDeque<(Seq, Recipient)>,
    /// What it is sent over.
    pub(super) connection: Arc<Connection>,
    /// The next event that it has not been sent.
    pub(super) next: Seq,
    /// How many bytes of lines are before that.
    pub(super) offset: u64,
    /// How many bytes it has taken since its pace was judged, and in the two windows before.
    taken: u64,
    /// The newer first.
    paces: [u64; 2],
    /// Whether its socket has refused some of what it was given, since then and in the window before.
    refused: [bool; 2],
    /// What goes before that: the rest of a line, of which a part was sent, lines that are shown
    /// again, or what one who resumes is told first.
    rest: Vec<u8>,
    /// What is no line and goes before all but the rest of one: answers to its client's telnet.
    telnet_answers: Vec<u8>,
    /// How many bytes of `rest` are shown again: to take them is no sign of its pace.
    again: usize,
    /// What it is sent before which event, oldest first.
    pub(super) asides: VecDeque<(Seq, Aside)>,
    /// Lines that it should have had, and that the room has forgotten.
    missed: u64,
    /// The last receipt among what was forgotten, rendered: it stands for those before it.
    missed_receipt: String,
    /// Where its reading ends, once it has left.
    pub(super) until: Seq,
    /// Since when its socket has been full.
    pub(super) full_since: Option<Instant>,
    /// What it needs from the history's file.
    fetch: Fetch,
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
            recipient: arrival.recipient,
            turns: VecDeque::new(),
            connection: arrival.connection,
            next: arrival.from,
            offset: arrival.offset,
            taken: 0,
            paces: [0; 2],
            refused: [false; 2],
            rest: arrival.greeting.into_bytes(),
            telnet_answers: Vec::new(),
            again: 0,
            asides: VecDeque::new(),
            missed: 0,
            missed_receipt: String::new(),
            until: Seq::MAX,
            full_since: None,
            fetch: Fetch::Nothing,
        }
    }

    pub(super) fn is_behind(&self, goal: Seq) -> bool {
        self.next < goal
            || !self.rest.is_empty()
            || !self.telnet_answers.is_empty()
            || self.misses_some()
            || !self.asides.is_empty()
            || self.connection.owes()
    }

    /// How many bytes it takes in two windows.
    pub(super) fn pace(&self) -> u64 {
        self.paces.iter().sum::<u64>().max(self.taken)
    }

    /// Whether its socket has taken all that it was offered of late. Then it is the broadcaster that
    /// is slow, or the lines that are cut into many pieces by what is for others.
    pub(super) fn takes_all(&self) -> bool {
        self.refused == [false; 2]
    }

    /// Begins another window. One that has everything is as fast as it has been: it takes little
    /// when there is little to take, and must not seem slow beside one that works off a backlog.
    pub(super) fn judge(&mut self, end_offset: u64) {
        let taken = std::mem::take(&mut self.taken);
        self.refused = [self.full_since.is_some(), self.refused[0]];
        if self.offset < end_offset || taken > self.paces[1] {
            self.paces = [self.paces[1], taken];
        }
    }

    /// Gives it the tagged form from that event on, which it was not sent yet.
    pub(super) fn tag_from(&mut self, event: Seq) {
        self.read_for(event, Recipient { format: Format::Tagged, ..self.last_recipient() });
    }

    /// Reads for that one from that event on, which it was not sent yet.
    pub(super) fn read_for(&mut self, event: Seq, recipient: Recipient) {
        self.turns.push_back((event, recipient));
        self.take_turns();
    }

    /// For whom it is going to read in the end.
    pub(super) fn last_recipient(&self) -> Recipient {
        self.turns.back().map_or(self.recipient, |(_, recipient)| *recipient)
    }

    fn take_turns(&mut self) {
        while let Some((_, recipient)) = self.turns.front().filter(|(from, _)| *from <= self.next) {
            self.recipient = *recipient;
            self.turns.pop_front();
        }
    }

    /// Before which event its recipient changes, or something else is to be sent.
    fn next_turn(&self) -> Seq {
        let changes = self.turns.front().map_or(Seq::MAX, |(from, _)| *from);
        changes.min(self.asides.front().map_or(Seq::MAX, |(at, _)| *at))
    }

    /// Sends this between two lines. Who asks for more than it takes gets no more answers.
    pub(super) fn interject(&mut self, answer: [u8; 3]) {
        if self.telnet_answers.len() < MOST_TELNET {
            self.telnet_answers.extend(answer);
        }
    }

    /// Sends first what is left of a line that another reader of the same socket has begun.
    pub(super) fn begin_with(&mut self, mut other: Reader) {
        other.rest.append(&mut other.telnet_answers);
        other.rest.append(&mut self.rest);
        self.rest = other.rest;
    }

    fn go_to(&mut self, batch: &Batch, event: Seq) {
        self.next = event;
        self.offset = batch.offset(event);
        self.take_turns();
    }

    /// Whether a send may be tried: the socket is not known to be full, or its time is up, when it
    /// may take a little and yet not count as writable.
    pub(super) fn may_try(&self, now: Instant, timeout: Duration) -> bool {
        self.full_since.is_none_or(|since| now.duration_since(since) >= timeout)
    }

    /// Passes over what nobody has any more, which is a batch up to the event before `end`, and counts it.
    pub(super) fn skip(&mut self, evicted: &Batch, end: Seq) {
        let end = end.min(evicted.end());
        if self.next < end {
            let due = self.next..self.until.min(end);
            self.go_to(evicted, end);
            self.missed += evicted.index().count_lines(self.recipient, &due);
            if let Some((seq, line)) = evicted.index().last_receipt(self.recipient, &due) {
                let tag = tag(self.recipient.format, Some(seq), evicted.time(seq));
                self.missed_receipt = format!("{tag}{}\n", Body::Receipt(line));
            }
        }
    }

    /// Counts what it was still to get of a batch and is withdrawn.
    pub(super) fn miss_withdrawn(&mut self, old: &Batch, new: &Batch) {
        if self.next < old.end() {
            let due = self.next..self.until;
            let count = |batch: &Batch| batch.index().count_lines(self.recipient, &due);
            self.missed += count(old) - count(new);
        }
    }

    fn misses_some(&self) -> bool {
        self.missed > 0 || !self.missed_receipt.is_empty()
    }

    /// Tells of what was forgotten.
    fn tell_of_missed(&mut self) -> String {
        let lines = std::mem::take(&mut self.missed);
        let notice = match lines {
            0 => String::new(),
            _ => {
                let tag = tag(self.recipient.format, None, clock());
                format!("{tag}{}\n", Notice::Missed(lines, Missing::TooSlow))
            }
        };
        notice + &std::mem::take(&mut self.missed_receipt)
    }

    /// Its connection is over. In the plain form, what the client said before is still said; a program
    /// says it again, and comes back the sooner.
    pub(super) fn on_failed_send(&self, why: &io::Error) {
        match self.recipient.format {
            Format::Plain if is_gone(why) => self.connection.mark_gone(why),
            Format::Plain | Format::Tagged => self.connection.hang_up(CloseReason::Broken),
        }
    }

    /// Whether it is served on: not if it has left and has everything, or takes nothing.
    pub(super) fn fate(&mut self, goal: Seq, now: Instant, timeout: Duration) -> Fate {
        if self.until != Seq::MAX && !self.is_behind(goal) && goal == self.until {
            self.connection.finish();
            return Fate::Goes;
        }
        let too_long = self.full_since.is_some_and(|since| now.duration_since(since) >= timeout);
        if !too_long {
            return Fate::Stays;
        }
        self.connection.hang_up(CloseReason::TooSlow);
        Fate::Goes
    }
}
