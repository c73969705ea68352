//! What members say, to all or to one, and what is said to those who cannot speak. Pure.

use super::entry::{Author, Outcome};
use super::members::member::Member;
use super::people::sanctions::Sanction;
use super::{Change, effects};
use crate::protocol::name::Wanted;
use crate::protocol::reply::{Notice, OrderRefusal, Refusal, Speech};
use crate::protocol::tag::{Body, Format, Seq};
use crate::server::audience::{Audience, Envelope, Kind, MemberId, Receipt};
use crate::server::chunk::Chunk;
use crate::server::figures::Said;

/// That a member cannot speak.
pub(super) fn muted(left: u32, mute: &Sanction) -> Refusal<'_> {
    Refusal::Order(OrderRefusal::Muted { left, by: &mute.by, why: &mute.why })
}

impl Change<'_> {
    pub(super) fn speak(&mut self, by: Author, chunk: &mut Chunk) -> Outcome {
        if self.room.is_closed {
            return Outcome::Ignored;
        }
        if let Some(muted) = self.why_muted(by.member) {
            return self.refuse_chunk(by, chunk, &muted);
        }
        let first = self.room.transcript.end();
        let (events, said) = chunk.events();
        if !events.is_empty() {
            self.room.transcript.append(events, self.stamp.at);
            self.room.throughput.add(said, self.stamp.at);
            self.room.said += u64::from(events.index().count());
        }
        for (index, lines) in chunk.take_answers() {
            self.effects.tell(by.connection, first + Seq::from(index), lines);
        }
        if said != Said::default()
            && self.room.members.get(by.member).is_some_and(|it| it.may_claim)
        {
            self.claim(by.member);
        }
        Outcome::Done
    }

    /// Answers each line of a member that cannot speak with that, and all else as usual.
    fn refuse_chunk(
        &mut self,
        by: Author,
        chunk: &mut Chunk,
        (left, mute): &(u32, Sanction),
    ) -> Outcome {
        let Some(member) = self.room.members.get(by.member) else { return Outcome::Ignored };
        let (format, end, now) = (member.format(), self.room.transcript.end(), self.stamp.at);
        let said: Vec<_> = chunk.events().0.index().envelopes(0).collect();
        let mut answers = chunk.take_answers().peekable();
        // In the order of the lines, so that each answer says of all before it that they are done.
        for (index, envelope) in (0..).zip(&said) {
            while let Some((_, lines)) = answers.next_if(|(before, _)| *before <= index) {
                self.effects.tell(by.connection, end, lines);
            }
            let line = envelope.receipt.map(|receipt| receipt.line.get());
            let mut refusal = effects::answer(format, line, muted(*left, mute), now);
            if line.is_some() {
                refusal += &effects::answer(format, line, Body::Done, now);
            }
            self.effects.tell(by.connection, end, refusal);
        }
        answers.for_each(|(_, lines)| self.effects.tell(by.connection, end, lines));
        Outcome::Done
    }

    pub(super) fn whisper(&mut self, by: Author, to: (&str, &Wanted), text: &str) -> Outcome {
        if let Some((left, mute)) = self.why_muted(by.member) {
            self.refuse(by, &muted(left, &mute));
            return Outcome::Done;
        }
        match self.reader_of(by.member, to) {
            Ok(reader) => {
                self.say_to(by, reader, text);
                return Outcome::Receipted;
            }
            Err(refusal) => match self.room.absent_owner(to.1) {
                Some(owner) if refusal != Refusal::WhisperToSelf => {
                    return self.send_letter(by, (&owner, to.1), text);
                }
                _ => self.refuse(by, &refusal),
            },
        }
        Outcome::Done
    }

    /// Whom a private line is for.
    fn reader_of<'a>(
        &self,
        from: MemberId,
        (to, wanted): (&'a str, &Wanted),
    ) -> Result<MemberId, Refusal<'a>> {
        let has_left = || self.room.gone.iter().any(|gone| gone.likeness.is_called(wanted));
        match self.room.members.find(wanted) {
            Some(reader) if reader == from => Err(Refusal::WhisperToSelf),
            Some(reader) if self.room.is_hook(reader) => Err(Refusal::WhisperToHook(to)),
            Some(reader) => Ok(reader),
            None if has_left() => Err(Refusal::HasLeft(to)),
            None => Err(Refusal::NobodyHere(to)),
        }
    }

    fn say_to(&mut self, by: Author, reader: MemberId, text: &str) {
        let name_of = |member| self.room.name_of(member).cloned();
        let (Some(from), Some(to)) = (name_of(by.member), name_of(reader)) else { return };
        let to_reader = Envelope { audience: Audience::Only(reader), ..self.said(by) };
        let to_author = Envelope::new(Audience::Only(by.member), Kind::Said);
        self.push(to_reader, Speech::ToYou(&from, text));
        self.push(to_author, Speech::FromYou(&to, text));
        self.room.throughput.add(Said::of(text), self.stamp.at);
        if self.count_waiting(reader, by.member) {
            self.tell(Audience::Only(by.member), Notice::IsAway(&to));
        }
    }

    /// The envelope of what a member says or does with one line, with the receipt for that.
    pub(super) fn said(&self, by: Author) -> Envelope {
        let format = self.room.members.get(by.member).map(Member::format);
        let line = by.taken.filter(|_| format == Some(Format::Tagged)).unwrap_or(0);
        let receipt = Receipt::new(by.member, line);
        Envelope { receipt, ..Envelope::new(Audience::AllBut(by.member), Kind::Said) }
    }
}
