//! How far one member has read: a position in the transcript, and what its socket did not take.
//!
//! The broadcaster owns the readers and says when each is served. What it is due is sent straight
//! from the transcript's batches; only the rest of a line and lines that are shown again are held.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::iter;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::audience::{Piece, Recipient};
use super::batch::{Batch, Lines};
use super::connection::{CloseReason, Connection, is_gone};
use super::hub::Hub;
use super::hub::fetch::{Fetched, Request};
use super::hub::round::{Arrival, File};
use super::rendering::{Renderings, tag};
use super::replay::Made;
use super::room::effects::Aside;
use super::system::now as clock;
use crate::protocol::reply::{Missing, Notice};
use crate::protocol::tag::{Body, Format, Seq};

/// About how many bytes a reader that lags gets in one round, so that it keeps nobody waiting.
pub(super) const PORTION: usize = 256 * 1024;

/// The most pieces in one send; every system takes at least that many.
const MAX_PIECES: usize = 64;

/// About how many bytes of answers are put together in one send.
const MOST_ANSWERS: usize = 16 * 1024;

/// How many bytes of answers to its telnet may wait for a reader: some hundreds of answers.
const MOST_TELNET: usize = 1024;

/// How far a member has read.
#[derive(Debug)]
pub(super) struct Reader {
    /// For whom it reads, and in which format.
    pub(super) recipient: Recipient,
    /// From which event on it gets the tagged form, if it gets the plain one now.
    tagged_from: Seq,
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
    /// Whether its socket has refused some of what it was offered, since then and in the window before.
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

/// What a reader needs from the history's file, since the room remembers it no more.
#[derive(Debug)]
enum Fetch {
    /// Nothing.
    Nothing,
    /// The events from that one on, which it waits for.
    Asked(Seq),
    /// It has them.
    Got(Fetched),
}

/// A piece of a batch, in the form in which it is sent.
struct Part<'a> {
    /// What it is a piece of.
    batch: &'a Batch,
    /// Which events, and as what.
    piece: Piece,
    /// The batch's lines in the reader's format.
    lines: &'a Lines,
}

impl Part<'_> {
    fn text(&self) -> &[u8] {
        self.lines.text(&self.piece.events)
    }

    fn slice(&self) -> IoSlice<'_> {
        IoSlice::new(self.text())
    }
}

/// What there is from an event on that is shown again: what was read from the history's file, or what the room
/// remembers; `None` if it has to be read first.
fn read(fetch: &Fetch, hub: &Hub, event: Seq) -> Option<Vec<Arc<Batch>>> {
    match fetch {
        Fetch::Nothing => Some(hub.read(event, PORTION)),
        Fetch::Asked(_) => None,
        Fetch::Got(fetched) if fetched.range.contains(&event) => Some(fetched.batches.clone()),
        Fetch::Got(_) => None,
    }
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
            tagged_from: Seq::MAX,
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
    }

    /// The first event that it needs next, of those that are shown again or that are new to it.
    fn needs(&self) -> Seq {
        match self.asides.front() {
            Some((at, Aside::Replay(replay))) if *at <= self.next => {
                replay.oldest().unwrap_or(self.next)
            }
            _ => self.next,
        }
    }

    /// Looks whether it can go on without the history's file. If it needs something from there, that is asked
    /// for, and it waits. Lines that are not there either are counted as missed.
    pub(super) fn look_for_file(&mut self, file: File, hub: &Hub) {
        let (needed, (oldest, offset)) = (self.needs(), file.oldest);
        if needed >= oldest {
            self.fetch = Fetch::Nothing;
            return;
        }
        match &self.fetch {
            Fetch::Asked(event) if *event == needed => return,
            Fetch::Got(fetched) if fetched.range.contains(&needed) => return,
            Fetch::Nothing | Fetch::Asked(_) | Fetch::Got(_) => {}
        }
        let end = file.unkept.unwrap_or(oldest).min(oldest);
        if needed < end {
            let (member, connection) = (self.recipient.member, self.connection.id());
            hub.ask(Request { member, connection, range: needed..end });
            self.fetch = Fetch::Asked(needed);
        } else if needed == self.next {
            self.missed += hub.missed(self.recipient.member, needed);
            (self.next, self.offset) = (oldest, offset);
            self.take_form();
        }
    }

    /// Takes what it has asked for.
    pub(super) fn on_fetched(&mut self, fetched: Fetched) {
        if let Fetch::Asked(event) = self.fetch
            && event == fetched.range.start
        {
            if event == self.next {
                self.missed += fetched.missing;
            }
            self.fetch = Fetch::Got(fetched);
        }
    }

    /// Whether it waits for something from the history's file.
    pub(super) fn waits_for_file(&self) -> bool {
        matches!(self.fetch, Fetch::Asked(_))
    }

    /// Whether it lags so far that it is served from the history's file.
    pub(super) fn is_in_file(&self) -> bool {
        !matches!(self.fetch, Fetch::Nothing)
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
        self.tagged_from = event;
        self.take_form();
    }

    fn take_form(&mut self) {
        if self.next >= self.tagged_from {
            self.recipient.format = Format::Tagged;
        }
    }

    /// Before which event its format changes, or something else is to be sent.
    fn next_turn(&self) -> Seq {
        let changes =
            if self.recipient.format == Format::Plain { self.tagged_from } else { Seq::MAX };
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
        self.take_form();
    }

    /// Whether a send may be tried: the socket is not known to be full, or its time is up, when it
    /// may take a little and yet not count as writable.
    pub(super) fn may_try(&self, now: Instant, timeout: Duration) -> bool {
        self.full_since.is_none_or(|since| now.duration_since(since) >= timeout)
    }

    /// Passes over what the room no longer remembers, and counts it.
    pub(super) fn skip(&mut self, evicted: &Batch) {
        if self.next < evicted.end() {
            let due = self.next..self.until;
            self.go_to(evicted, evicted.end());
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

    /// Sends what the socket takes at once, of the events before `goal`: from what was read from the history's
    /// file, or else from `batches`.
    pub(super) fn send(
        &mut self,
        hub: &Hub,
        batches: &[Arc<Batch>],
        goal: Seq,
        renderings: &mut Renderings,
        now: Instant,
    ) -> io::Result<()> {
        let Fetch::Got(fetched) = std::mem::replace(&mut self.fetch, Fetch::Nothing) else {
            return self.send_from(hub, batches, goal, renderings, now);
        };
        let range = fetched.range.clone();
        let mut own = Renderings::default();
        let (batches, goal) = (fetched.batches.clone(), goal.min(range.end));
        self.fetch = Fetch::Got(fetched);
        let sent = self.send_from(hub, &batches, goal, &mut own, now);
        // One whose socket is full asks again: it must not keep memory that long.
        if !range.contains(&self.needs()) || self.full_since.is_some() {
            self.fetch = Fetch::Nothing;
        }
        sent
    }

    fn send_from(
        &mut self,
        hub: &Hub,
        batches: &[Arc<Batch>],
        goal: Seq,
        renderings: &mut Renderings,
        now: Instant,
    ) -> io::Result<()> {
        if self.rest.is_empty() {
            self.rest = std::mem::take(&mut self.telnet_answers);
        }
        if self.rest.is_empty() && self.misses_some() {
            self.rest = self.tell_of_missed().into_bytes();
        }
        if self.rest.is_empty() {
            self.take_asides(hub);
        }
        if !self.rest.is_empty() {
            let rest = std::mem::take(&mut self.rest);
            let sent = self.offer(&[IoSlice::new(&rest)], now)?.unwrap_or(0);
            self.rest = rest[sent..].to_vec();
            return Ok(());
        }
        if self.recipient.format == Format::Tagged {
            renderings.prepare(batches);
        }
        let mut parts = self.parts(batches, goal, renderings);
        let Some(first) = parts.next() else {
            self.pass_over(batches, goal);
            return Ok(());
        };
        // Mostly there are no more, and nothing is allocated.
        let more: Vec<_> = parts.collect();
        let sent = if more.is_empty() {
            self.offer(&[first.slice()], now)?
        } else {
            let slices: Vec<_> = iter::once(&first).chain(&more).map(Part::slice).collect();
            self.offer(&slices, now)?
        };
        if let Some(sent) = sent {
            self.advance(iter::once(&first).chain(&more), sent);
        }
        Ok(())
    }

    /// Goes on to where something is sent besides, or to the end of what was read: none of it was for this
    /// reader. Where there is nothing before the goal, numbers were left out.
    fn pass_over(&mut self, batches: &[Arc<Batch>], goal: Seq) {
        let last = batches.last().filter(|last| last.end() > self.next);
        let end = last.map_or(goal, |last| last.end()).min(goal).min(self.next_turn());
        if end > self.next {
            let before = |batch: &&Arc<Batch>| batch.begin() <= end;
            if let Some(batch) = batches.iter().rev().find(before) {
                self.offset = batch.offset(end);
            }
            self.next = end;
            self.take_form();
        }
    }

    /// Takes what is to be sent before the next event: answers, and the next of the lines that are shown
    /// again here.
    fn take_asides(&mut self, hub: &Hub) {
        while self.rest.len() < MOST_ANSWERS
            && self.again == 0
            && let Some((at, aside)) = self.asides.front_mut()
            && *at <= self.next
        {
            let reader = self.connection.id();
            match aside {
                Aside::Lines(lines) => {
                    hub.on_answered(reader, lines.len());
                    self.rest.extend_from_slice(lines.as_bytes());
                    self.asides.pop_front();
                }
                Aside::Replay(_) if !self.rest.is_empty() => break,
                Aside::Replay(replay) => match replay.next(|event| read(&self.fetch, hub, event)) {
                    Made::Lines(lines) => {
                        self.rest = lines.into_bytes();
                        self.again = self.rest.len();
                    }
                    Made::Waits => break,
                    Made::Over => {
                        self.asides.pop_front();
                        hub.on_replayed(reader);
                    }
                },
            }
        }
    }

    /// What it is due of these batches, as much as one send may have.
    fn parts<'a>(
        &self,
        batches: &'a [Arc<Batch>],
        goal: Seq,
        renderings: &'a Renderings,
    ) -> impl Iterator<Item = Part<'a>> + use<'a> {
        let due = self.next..goal.min(self.next_turn());
        let recipient = self.recipient;
        let of_batch = move |batch: &'a Arc<Batch>| {
            let rendering = match recipient.format {
                Format::Plain => None,
                Format::Tagged => renderings.of(batch),
            };
            batch.index().pieces(recipient, &due).map(move |piece| {
                let lines =
                    rendering.map_or(batch.lines(), |rendering| rendering.lines(piece.rendition));
                Part { batch, piece, lines }
            })
        };
        batches.iter().flat_map(of_batch).take(MAX_PIECES)
    }

    /// `None` if the socket takes nothing.
    fn offer(&mut self, slices: &[IoSlice<'_>], now: Instant) -> io::Result<Option<usize>> {
        match self.connection.send(slices) {
            Ok(sent) => {
                self.full_since = None;
                let offered: usize = slices.iter().map(|slice| slice.len()).sum();
                self.refused[0] |= sent < offered;
                let again = sent.min(self.again);
                self.again -= again;
                self.taken += (sent - again) as u64;
                Ok(Some(sent))
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => Ok(None),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                self.full_since.get_or_insert(now);
                self.refused[0] = true;
                Ok(None)
            }
            Err(e) => Err(e),
        }
    }

    fn advance<'a>(&mut self, parts: impl Iterator<Item = &'a Part<'a>>, mut sent: usize) {
        for part in parts {
            let length = part.text().len();
            if sent < length {
                let (next, rest) = part.lines.after(part.piece.events.start, sent);
                self.go_to(part.batch, part.batch.seq(next));
                self.rest = rest.to_vec();
                return;
            }
            sent -= length;
            self.go_to(part.batch, part.batch.seq(part.piece.events.end));
        }
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
