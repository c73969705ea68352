//! A chunk: the events that a session has gathered from one read of its client's bytes, and between them the
//! answers for that client alone. The session appends it to the room in one go. Pure.

use std::fmt::{Display, Write};

use super::audience::Envelope;
use super::batch::Batch;
use super::figures::Said;
use super::rendering::answer_tag;
use super::utterance::{Manner, Utterances};
use crate::protocol::tag::{Format, Millis};

/// Events and answers, in their order.
#[derive(Debug, Default)]
pub(crate) struct Chunk {
    /// The events, in their order.
    events: Batch,
    /// The answers as the client gets them, with newlines: each group with the index of the event that it stands
    /// before.
    answers: Vec<(u32, String)>,
    /// How many lines and bytes of the events were said by members, for the figures.
    said: Said,
    /// What is said in a room that several servers hold, in place of events.
    uttered: Utterances,
}

impl Chunk {
    /// Adds an event.
    pub(crate) fn push(&mut self, envelope: Envelope, line: impl Display) {
        self.events.push(envelope, line);
    }

    /// Adds what a member says with that line, in a room that several servers hold.
    pub(crate) fn utter(&mut self, line: u64, manner: Manner, text: &str) {
        self.uttered.push(line, manner, text);
    }

    /// What was said in a room that several servers hold.
    pub(crate) fn uttered(&self) -> &Utterances {
        &self.uttered
    }

    /// Counts a line that is said.
    pub(crate) fn count_said(&mut self, text: &str) {
        self.said.add(text);
    }

    /// Adds a line for the client alone, which gets its lines in this format. It may answer the client's line of that
    /// number.
    pub(crate) fn answer(
        &mut self,
        format: Format,
        answers: Option<u64>,
        line: impl Display,
        now: Millis,
    ) {
        let before = self.events.index().count();
        if self.answers.last().is_none_or(|(index, _)| *index != before) {
            self.answers.push((before, String::new()));
        }
        if let Some((_, lines)) = self.answers.last_mut() {
            // Writing to a string does not fail.
            let _ = writeln!(lines, "{}{line}", answer_tag(format, answers, now));
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.events.is_empty() && self.answers.is_empty() && self.uttered.is_empty()
    }

    /// How many bytes the lines of both have.
    pub(crate) fn bytes(&self) -> usize {
        let answers: usize = self.answers.iter().map(|(_, lines)| lines.len()).sum();
        self.events.bytes() + answers + self.uttered.bytes()
    }

    /// The events, and how much of them was said.
    pub(crate) fn events(&self) -> (&Batch, Said) {
        (&self.events, self.said)
    }

    /// Takes the answers, each group with the index of the event that it stands before.
    pub(crate) fn take_answers(&mut self) -> impl Iterator<Item = (u32, String)> {
        self.answers.drain(..)
    }

    /// Becomes empty, and keeps its memory.
    pub(crate) fn clear(&mut self) {
        self.events.clear();
        self.answers.clear();
        self.uttered.clear();
        self.said = Said::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::audience::{Audience, Kind};

    #[test]
    fn answers_stand_between_the_events_that_they_came_between() {
        let mut chunk = Chunk::default();
        let said = Envelope::new(Audience::All, Kind::Said);
        chunk.answer(Format::Plain, Some(1), "-- first", 5);
        chunk.push(said, "<a> one");
        chunk.push(said, "<a> two");
        chunk.answer(Format::Tagged, None, "-- second", 5);
        chunk.answer(Format::Tagged, Some(3), "-- third", 6);
        assert_eq!(chunk.bytes(), 9 + 16 + 15 + 15);
        let answers: Vec<_> = chunk.take_answers().collect();
        let expected = ["-- first\n", "@- 5 -- second\n@-3 6 -- third\n"];
        assert_eq!(answers, [(0, expected[0].to_owned()), (2, expected[1].to_owned())]);
        assert!(!chunk.is_empty());
        chunk.clear();
        assert!(chunk.is_empty());
    }
}
