//! The way of the items of a client's input to the methods that act on them: what counts, and what a line is first.
//!
//! It does not split the bytes (`input`), nor do what a line asks for (`requests`). The session's thread runs it.

use super::input::{End, Input, Item, Received};
use super::requests::{acts_by_itself, is_answered_here, is_counted, is_resume};
use super::screening::Screening;
use super::{GO_ON, Next, Phase, Session};
#[cfg(test)]
use super::{PANIC, PANIC_LOCKED};
use crate::protocol::lines::Line;
use crate::protocol::reply::Refusal;
use crate::protocol::request::{self, Misuse, Request};
use crate::protocol::tag::{Body, Format, Tag};
use crate::protocol::text::is_blank;
use crate::server::system::now;

impl Session {
    /// Acts on a chunk of the client's bytes.
    pub(super) fn chunk(&mut self, input: &mut Input, chunk: &[u8]) -> Next {
        let next = input.read(chunk, &mut |item| self.item(item));
        self.append();
        next
    }

    /// Acts on what stands of a line as if its end had come.
    pub(super) fn finish_line(&mut self, input: &mut Input) -> Next {
        let next = input.finish(&mut |item| self.item(item));
        self.append();
        next
    }

    /// Acts on one item of the input, once the client may bring it.
    pub(super) fn item(&mut self, item: Item<'_>) -> Next {
        match item {
            Item::Line(received) => {
                // A line that ends in silence was paced by that.
                if received.end == End::Newline {
                    self.hold_back()?;
                }
                self.charge_for(received.bytes);
                self.line(&received)
            }
            Item::Skipped(bytes) => {
                self.hold_back()?;
                self.charge_for(bytes);
                GO_ON
            }
            Item::Beginning(bytes) => match self.screening.of_beginning(bytes) {
                Some(foreign) => self.turn_away(foreign),
                None => GO_ON,
            },
            Item::Telnet(request) => {
                self.hold_back()?;
                self.telnet(request)
            }
        }
    }

    fn line(&mut self, received: &Received<'_>) -> Next {
        self.heed_time()?;
        if let Some(foreign) = self.screening.of_line(received) {
            return self.turn_away(foreign);
        }
        let text = received.text();
        let is_whole = matches!(received.line, Line::Whole(_));
        if is_whole && is_blank(&text) {
            self.count_line();
            let next = self.ask();
            self.complete();
            return next;
        }
        #[cfg(test)]
        self.break_down(&text);
        let is_first = self.screening == Screening::FirstLine;
        self.screening = self.screening.after(received.end);
        if is_whole {
            return self.obey(request::parse(&text), is_first);
        }
        self.end_lateness();
        self.catch_up();
        self.count_line();
        self.answer(&Refusal::LineTooLong(self.limits.line));
        self.complete();
        GO_ON
    }

    /// Counts a line, which is acted on from now on.
    fn count_line(&mut self) {
        self.lines_read += 1;
        (self.answers, self.has_receipt) = (Some(self.lines_read), false);
    }

    /// To see what becomes of the others.
    #[cfg(test)]
    fn break_down(&self, text: &str) {
        assert_ne!(text, PANIC);
        self.hub.break_down(text, PANIC_LOCKED);
    }

    /// Does what a line asks for, which may be the first one that is not blank.
    fn obey(&mut self, request: Result<Request<'_>, Misuse<'_>>, is_first: bool) -> Next {
        if is_first && request == Ok(Request::Tags) {
            self.on_tags();
            return GO_ON;
        }
        let is_proof = request.as_ref().is_ok_and(|request| self.proof.awaits(request));
        if !is_resume(&request) && !is_proof {
            self.end_lateness();
        }
        if acts_by_itself(&request) {
            // Flush first: counting this line marks it as taken, and the events before it must already be in
            // the transcript. Nor are they held up by what takes long.
            self.append();
        }
        if is_answered_here(&request) {
            self.catch_up();
        }
        if is_counted(&request) {
            self.count_line();
        }
        let next = match self.ask_instead(&request) {
            Some(next) => next,
            None => self.request(request),
        };
        self.complete();
        next
    }

    /// In a room that several servers hold, appends what was gathered and waits until the log has brought it back, so that
    /// what is answered next comes behind it. Alone, both stand in one chunk, in their order.
    pub(super) fn catch_up(&mut self) {
        if !matches!(&self.phase, Phase::Joined { member, .. } if member.is_in_shared_room()) {
            return;
        }
        self.append();
        if let Phase::Joined { member, .. } = &self.phase {
            member.wait_for_own();
        }
    }

    /// Tells a program that the line is done that was acted on, unless it gets a receipt for that: each line that counts
    /// has the one or the other.
    pub(super) fn complete(&mut self) {
        if let Some(line) = self.answers.take()
            && !self.has_receipt
        {
            self.tell_done(line);
        }
    }

    /// Tells a program that its lines up to that one are done.
    pub(super) fn tell_done(&mut self, line: u64) {
        match &self.phase {
            // Whatever of it has come to the log, the room tells that it is done where it is.
            Phase::Joined { member, .. } if member.is_in_shared_room() => {}
            Phase::Joined { member, .. } if member.format() == Format::Tagged => {
                self.gathered.answer(Format::Tagged, Some(line), Body::Done, now());
            }
            Phase::Unnamed { format: Format::Tagged, .. } => self.tell_done_outside(line),
            Phase::Outside(outside) if outside.format() == Format::Tagged => {
                self.tell_done_outside(line);
            }
            Phase::Outside(_) | Phase::Unnamed { .. } | Phase::Joined { .. } | Phase::Gone => {}
        }
    }

    fn tell_done_outside(&self, line: u64) {
        let tag = Tag { seq: None, answers: Some(line), at: now() };
        self.connection.tell(format_args!("{tag}{}", Body::Done));
    }
}
