//! What the user has entered and the server is not known to have taken. Pure.
//!
//! A line stays here until the server has settled it, so that it can be said again on another connection,
//! and once only. The server counts a session's lines as they come; so does this, as they are
//! written. What settles a line settles all before it, too: a receipt, that it is done, or how many were taken.
//!
//! Lines that get no receipt, such as `/who`, need not be said again: they are the first to be forgotten.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::handshake::Server;
use super::typed::Typed;
use entry::Entry;

mod entry;
mod settling;

/// Roughly how many bytes of lines are written, and shown as ours, at once.
const BATCH: usize = 16 * 1024;

/// How many bytes of lines are kept that were written and get no receipt; and as many of those that
/// may still get one that a lost connection had.
const MOST_SPARE: usize = 1024 * 1024;

/// The lines, in the order in which they were entered.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    /// Oldest first: those that were written, and behind them those that were not.
    lines: VecDeque<Entry>,
    /// How many of them, from the front, were written on the present connection.
    written: usize,
    /// How many lines that count were written in this session, those of the handshake too.
    counted: u64,
    /// The last line that is known to be taken.
    taken: u64,
    /// Lines that were taken on a lost connection, and what became of them is not known yet. In
    /// what is told of that time, a receipt for a later one shows that there will be none.
    covered: VecDeque<Entry>,
    /// What is gone may have had receipts in it.
    gap: bool,
    /// What was missed is still to come, and goes before what the user has to say.
    behind: bool,
    /// The bytes of the lines that have to be kept.
    held: usize,
    /// The bytes of those that need not be.
    spare: usize,
}

/// Whose line it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asker {
    /// The user's.
    User,
    /// The client's own question, which it asks again by itself on another connection.
    Client,
}

/// What is to be written in one go.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Batch {
    /// The lines.
    pub(super) lines: Vec<Arc<Typed>>,
    /// The number of the line before them in the session, and their own.
    pub(super) numbers: Vec<u64>,
    /// Those of them that the user has not seen as sent, in their places.
    pub(super) unseen: Vec<usize>,
    /// Whether the last one is the user's word to leave.
    pub(super) ends: bool,
}

/// What has become of lines of ours.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    /// They were said.
    pub(super) said: Vec<Arc<Typed>>,
    /// They will not be said: the server has refused them, and the reason is lost.
    pub(super) refused: Vec<Arc<Typed>>,
}

impl Outbox {
    /// Takes a line of the user's, at the end; or one of the client's, before what is unwritten.
    pub(super) fn enter(&mut self, line: Arc<Typed>, asker: Asker, now: Instant) {
        let entry = Entry::new(line, asker, now);
        self.held += entry.weight();
        match asker {
            Asker::User => self.lines.push_back(entry),
            Asker::Client => self.lines.insert(self.written, entry),
        }
    }

    /// Whether there is something to write on the present connection. After `/quit` nothing is, and
    /// that itself waits for the receipts of all before it: afterwards nobody could be asked.
    pub(super) fn has_unwritten(&self) -> bool {
        self.may_write_next(Server::Ours) && !self.has_written_quit()
    }

    fn may_write_next(&self, server: Server) -> bool {
        self.lines.get(self.written).is_some_and(|next| {
            let ends = next.is_quit() && server == Server::Ours;
            let is_held = self.behind && !next.is_roll_call();
            !(ends && self.awaits_receipts() || is_held)
        })
    }

    fn awaits_receipts(&self) -> bool {
        let mut written = self.lines.iter().take(self.written);
        self.has_covered() || written.any(Entry::has_receipt)
    }

    /// Whether the last line that was written on the present connection is `/quit`.
    pub(super) fn has_written_quit(&self) -> bool {
        self.written.checked_sub(1).is_some_and(|last| self.lines[last].is_quit())
    }

    /// Whether the user's word to leave is in it.
    pub(super) fn has_quit(&self) -> bool {
        self.lines.iter().any(Entry::is_quit)
    }

    /// Whether `/quit` was written in this session, be it on another connection.
    pub(super) fn has_tried_to_quit(&self) -> bool {
        self.lines.iter().any(|line| line.is_quit() && line.number.is_some())
    }

    /// Gives out the next lines, which count as written from now on.
    pub(super) fn next_batch(&mut self, server: Server) -> Batch {
        let mut batch = Batch { numbers: vec![self.counted], ..Batch::default() };
        let mut bytes = 0;
        while bytes < BATCH
            && !batch.ends
            && self.may_write_next(server)
            && let Some(line) = self.lines.get_mut(self.written)
        {
            if line.mark_seen() {
                batch.unseen.push(batch.lines.len());
            }
            if line.is_counted() {
                self.counted = self.counted.saturating_add(1);
            }
            let was_spare = line.is_spare();
            line.number = Some(self.counted);
            if line.is_spare() && !was_spare {
                self.held -= line.weight();
                self.spare += line.weight();
            }
            batch.ends = line.is_quit() && server == Server::Ours;
            bytes += line.length() + 1;
            batch.lines.push(Arc::clone(&line.line));
            batch.numbers.push(self.counted);
            self.written += 1;
        }
        if self.spare > MOST_SPARE {
            self.forget_spare();
        }
        batch
    }

    /// The first so many of those that were written are done with: nobody will confirm them.
    pub(super) fn forget(&mut self, written: usize) {
        for _ in 0..written.min(self.written) {
            self.pop();
        }
    }

    /// What was given out was not written after all, nor will anybody confirm what was.
    pub(super) fn take_back(&mut self, now: Instant) {
        self.restart(now);
    }

    /// Of what was given out, only the lines up to that number were written: nobody can have taken
    /// those after it.
    pub(super) fn give_back(&mut self, after: u64) {
        while let Some(last) = self.written.checked_sub(1)
            && !self.lines[last].was_taken(after)
        {
            self.unwrite(last);
            self.written = last;
        }
    }

    /// A line that counts was sent besides: one of the first words, without which there is no session.
    pub(super) fn count(&mut self) {
        self.counted = self.counted.saturating_add(1);
        self.taken = self.counted;
    }

    /// The connection is lost.
    pub(super) fn lose(&mut self) {
        let dropped = self.lines.iter().filter(|line| line.is_roll_call());
        for line in dropped {
            let pile = if line.is_spare() { &mut self.spare } else { &mut self.held };
            *pile -= line.weight();
        }
        self.lines.retain(|line| !line.is_roll_call());
        self.written = 0;
        (self.gap, self.behind) = (false, false);
    }

    /// The session goes on over another connection, and the server has taken so many lines of it.
    /// Those after that are written again. The value is how many it had confirmed and has lost since: after its
    /// machine has failed.
    pub(super) fn resume(&mut self, taken: u64, now: Instant) -> u64 {
        while self.lines.front().is_some_and(|line| line.was_taken(taken)) {
            let Some(line) = self.pop() else { break };
            if line.has_receipt() {
                self.covered.push_back(line);
            }
        }
        self.restart(now);
        self.counted = taken;
        let lost = std::mem::replace(&mut self.taken, taken).saturating_sub(taken);
        let mut kept = self.covered.iter().map(Entry::weight).sum::<usize>();
        while kept > MOST_SPARE
            && let Some(line) = self.covered.pop_front()
        {
            kept -= line.weight();
        }
        lost
    }

    /// Another session begins, in which everything is written again, but for questions that were
    /// asked before. The value is how many of the lines may have been said already. What the session before
    /// is known to have taken is done with.
    pub(super) fn begin_anew(&mut self, now: Instant) -> usize {
        self.forget_spare();
        let again = self.lines.iter().filter(|line| line.number.is_some()).count();
        self.covered.clear();
        self.restart(now);
        (self.counted, self.taken) = (0, 0);
        again
    }

    /// Takes out the lines that a lost connection took, and of which nothing more is going to be known: they were said,
    /// unless the server has refused them there.
    pub(super) fn take_covered(&mut self) -> Vec<Arc<Typed>> {
        self.covered.drain(..).map(|line| line.line).collect()
    }

    /// What was missed is still to come: until the answer to the client's own question, nothing of
    /// the user's is written. It would be shown above what was said before it.
    pub(super) fn fall_behind(&mut self) {
        self.behind = true;
    }

    /// What was missed has come.
    pub(super) fn catch_up(&mut self) {
        self.behind = false;
    }

    /// How many bytes are kept that have to be.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// The last line of the session that is known to be taken.
    pub(super) fn taken(&self) -> u64 {
        self.taken
    }

    fn restart(&mut self, now: Instant) {
        self.written = 0;
        for place in 0..self.lines.len() {
            self.unwrite(place);
            self.lines[place].since = now;
        }
        self.covered.iter_mut().for_each(|line| line.since = now);
    }

    /// The line there is one that was not written, and has to be kept.
    fn unwrite(&mut self, place: usize) {
        let line = &mut self.lines[place];
        if line.is_spare() {
            self.spare -= line.weight();
            self.held += line.weight();
        }
        line.number = None;
    }

    fn pop(&mut self) -> Option<Entry> {
        let line = self.lines.pop_front()?;
        self.written = self.written.saturating_sub(1);
        self.unweigh(&line);
        Some(line)
    }

    fn unweigh(&mut self, line: &Entry) {
        let pile = if line.is_spare() { &mut self.spare } else { &mut self.held };
        *pile -= line.weight();
    }

    /// Forgets what was written and gets no receipt, but for the word to leave.
    fn forget_spare(&mut self) {
        let is_kept = |line: &Entry| !line.is_spare() || line.is_quit();
        let gone = self.lines.iter().take(self.written).filter(|line| !is_kept(line)).count();
        self.lines.retain(is_kept);
        self.written -= gone;
        let kept = self.lines.iter().filter(|line| line.is_spare());
        self.spare = kept.map(Entry::weight).sum();
    }
}

#[cfg(test)]
mod tests;
