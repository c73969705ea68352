//! What a reader is sent: its next events in one send without copying, and before them what is for it alone.

use std::io::{self, IoSlice};
use std::iter;
use std::sync::Arc;
use std::time::Instant;

use super::Reader;
use super::file::read;
use crate::protocol::tag::{Format, Seq};
use crate::server::audience::Piece;
use crate::server::batch::{Batch, Lines};
use crate::server::hub::Hub;
use crate::server::rendering::Renderings;
use crate::server::replay::Made;
use crate::server::room::effects::Aside;

/// The most pieces in one send; every system takes at least that many.
const MAX_PIECES: usize = 64;

/// About how many bytes of answers are put together in one send.
const MOST_ANSWERS: usize = 16 * 1024;

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

impl Reader {
    /// Sends what the socket takes at once, of the events before `goal`: from what was read from the history's
    /// file, or else from `batches`.
    pub(in crate::server) fn send(
        &mut self,
        hub: &Hub,
        batches: &[Arc<Batch>],
        goal: Seq,
        renderings: &mut Renderings,
        now: Instant,
    ) -> io::Result<()> {
        if self.connection.owes() {
            // Nothing else may be due, and nobody else sends it.
            self.offer(&[], now)?;
            if self.connection.owes() {
                return Ok(());
            }
        }
        if !self.send_first(hub, now)? {
            match self.fetched() {
                None => self.send_events(batches, goal, renderings, now)?,
                Some((batches, end)) => {
                    self.send_events(&batches, goal.min(end), &mut Renderings::default(), now)?;
                }
            }
        }
        self.let_go_of_fetched();
        Ok(())
    }

    /// Sends what stands before the next event. Whether anything does.
    fn send_first(&mut self, hub: &Hub, now: Instant) -> io::Result<bool> {
        if self.rest.is_empty() {
            self.rest = std::mem::take(&mut self.telnet_answers);
        }
        if self.rest.is_empty() && self.misses_some() {
            self.rest = self.tell_of_missed().into_bytes();
        }
        if self.rest.is_empty() {
            self.take_asides(hub);
        }
        if self.rest.is_empty() {
            return Ok(false);
        }
        let rest = std::mem::take(&mut self.rest);
        let sent = self.offer(&[IoSlice::new(&rest)], now)?.unwrap_or(0);
        self.rest = rest[sent..].to_vec();
        Ok(true)
    }

    /// Sends the next of these events before `goal`, as many as one send may have.
    fn send_events(
        &mut self,
        batches: &[Arc<Batch>],
        goal: Seq,
        renderings: &mut Renderings,
        now: Instant,
    ) -> io::Result<()> {
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
            self.take_turns();
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

    /// `None` if the socket takes nothing. To take some of what is owed is progress, too.
    fn offer(&mut self, slices: &[IoSlice<'_>], now: Instant) -> io::Result<Option<usize>> {
        match self.connection.send(slices) {
            Ok(sent) => {
                self.full_since = None;
                let offered: usize = slices.iter().map(|slice| slice.len()).sum();
                self.refused[0] |= self.connection.has_refused(sent, offered);
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
}
