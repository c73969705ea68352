//! What was said before, looked for by the session of who asks.
//!
//! It goes from the newest event back, a portion at a time. The room's lock is held to take a portion
//! and not while it is looked at, and nothing that the room forgets meanwhile is kept. So a search holds
//! nobody, takes no memory, and ends after the portion at hand when the room closes or its client is
//! gone. Two at most look for words at a time, and rest after each portion for twice as long as it took, so
//! that the others' lines find a processor; who comes later waits in line.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};

use super::batch::Batch;
use super::connection::{Connection, ConnectionId};
use super::index::MemberId;
use super::recall;
use super::recall::numbers::Numbers;
use super::room::{Room, State};
use super::system::{Condvar, instant, thread};
use crate::protocol::tag::Seq;
use matcher::Matcher;

pub mod matcher;

/// How much is looked through at a time, in bytes: a tenth of a millisecond's work.
const PORTION: usize = 32 * 1024;

/// How many look for words at a time.
const AT_ONCE: usize = 2;

/// How many bytes count as a line, for whoever has them looked through.
const BYTES_A_LINE: usize = 128 * 1024;

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asker<'a> {
    pub(crate) room: &'a Room,
    pub(crate) connection: &'a Connection,
    pub(crate) member: MemberId,
}

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) events: Numbers,
    /// How many bytes were looked through.
    bytes: usize,
}

impl Found {
    /// As how many lines the work counts.
    pub(crate) fn cost(&self) -> u32 {
        let lines = self.bytes.div_ceil(BYTES_A_LINE) + self.events.len();
        lines.try_into().unwrap_or(u32::MAX)
    }
}

impl Asker<'_> {
    /// The newest `most` lines that the member may see. `None` if nobody waits for them any more.
    pub(crate) fn newest(self, most: usize) -> Option<Found> {
        look_back(|end| self.read(end), self.member, most, |_| true)
    }

    /// The newest `most` of those that have all of the words. `None` if nobody waits for them any more.
    pub(crate) fn search(self, words: &str, most: usize) -> Option<Found> {
        let _turn = Turn::take(self.room, self.connection)?;
        let mut matcher = Matcher::new(words);
        let mut begun = instant();
        let read = |end| {
            // However few processors there are, a third of one is the others'.
            thread::sleep(2 * (instant() - begun));
            begun = instant();
            self.read(end)
        };
        look_back(read, self.member, most, |line| matcher.has_all(line))
    }

    fn read(self, end: Seq) -> Option<Vec<Arc<Batch>>> {
        let goes_on = !self.connection.is_over();
        goes_on.then(|| self.room.read_back(end, PORTION)).flatten()
    }
}

/// The newest `most` events that the member is shown again and that are wanted. `read` gives a portion
/// of what is before an event, the newest first, or `None` to end it all.
fn look_back(
    mut read: impl FnMut(Seq) -> Option<Vec<Arc<Batch>>>,
    member: MemberId,
    most: usize,
    mut wanted: impl FnMut(&str) -> bool,
) -> Option<Found> {
    let most = most.min(recall::MOST);
    let mut found = Found::default();
    let mut end = Seq::MAX;
    while found.events.len() < most {
        let portion = read(end)?;
        let Some(oldest) = portion.last() else { break };
        for batch in &portion {
            let missing = most - found.events.len();
            if missing == 0 {
                break;
            }
            // What was not sealed yet when it was looked at may be a part of this one by now.
            let events = batch.recalled_by(member).skip_while(|&event| event >= end);
            let events = events.filter(|&event| wanted(batch.line(event)));
            events.take(missing).for_each(|event| found.events.push(event));
            found.bytes += batch.bytes();
        }
        end = oldest.begin();
    }
    Some(found)
}

/// Who looks for words, and behind them who is to do so next.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// Each is woken by itself, when it is its turn: dozens may wait.
    line: VecDeque<(ConnectionId, Arc<Condvar>)>,
}

impl Turns {
    /// Wakes all who wait, to see whether they still may.
    pub(super) fn notify(&self) {
        self.line.iter().for_each(|(_, woken)| woken.notify_all());
    }

    fn join(&mut self, connection: ConnectionId) -> Arc<Condvar> {
        let woken = Arc::new(Condvar::new());
        self.line.push_back((connection, Arc::clone(&woken)));
        woken
    }

    fn is_next(&self, connection: ConnectionId) -> bool {
        self.line.iter().take(AT_ONCE).any(|(next, _)| *next == connection)
    }

    fn leave(&mut self, connection: ConnectionId) {
        self.line.retain(|(other, _)| *other != connection);
        self.line.iter().take(AT_ONCE).for_each(|(_, woken)| woken.notify_all());
    }
}

/// A turn at looking for words, until it is dropped.
#[derive(Debug)]
struct Turn<'a> {
    room: &'a Room,
    connection: ConnectionId,
}

impl<'a> Turn<'a> {
    /// Waits for it. `None` if the room closes, or the connection was hung up on.
    fn take(room: &'a Room, connection: &Connection) -> Option<Turn<'a>> {
        let id = connection.id();
        let mut state = room.lock();
        let woken = state.turns.join(id);
        let is_over = |state: &State| state.closing || connection.verdict().is_some();
        while !is_over(&state) && !state.turns.is_next(id) {
            state = woken.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let is_over = is_over(&state);
        drop(state);
        let turn = Turn { room, connection: id };
        (!is_over).then_some(turn)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.room.lock().turns.leave(self.connection);
    }
}

#[cfg(test)]
mod tests {
    use super::super::index::{Audience, Envelope, Kind};
    use super::super::transcript::Transcript;
    use super::*;

    const A: MemberId = MemberId(1);
    const B: MemberId = MemberId(2);

    /// Each line in a batch of its own, and the last not sealed.
    fn transcript(lines: &[(Audience, &str)]) -> Transcript {
        let mut transcript = Transcript::new(1 << 20);
        for (audience, line) in lines {
            transcript.seal();
            // Held by somebody, it is not put together with the next.
            let _held = transcript.read(1, usize::MAX);
            transcript.push(Envelope::new(*audience, Kind::Said), line, 0);
        }
        transcript
    }

    /// What is found in portions of so many bytes.
    fn find(
        transcript: &Transcript,
        member: MemberId,
        words: &str,
        most: usize,
        portion: usize,
    ) -> Vec<Seq> {
        let mut matcher = Matcher::new(words);
        let read = |end| Some(transcript.read_back(end, portion));
        let found = look_back(read, member, most, |line| matcher.has_all(line));
        found.expect("nothing ends it").events.collect()
    }

    #[test]
    fn lines_are_found_by_all_of_their_words_in_any_case() {
        let lines = [
            (Audience::AllBut(A), "<a> the Build log"),
            (Audience::Only(B), "[a -> you] the build log, privately"),
            (Audience::AllBut(B), "<b> BUILD 7"),
            (Audience::AllBut(B), "<b> Straße"),
            (Audience::AllBut(B), "<b> log of the build"),
        ];
        let transcript = transcript(&lines);
        let cases: [(&str, MemberId, usize, &[Seq]); 8] = [
            ("build log", A, 20, &[1, 5]),
            ("build log", B, 20, &[1, 2, 5]),
            ("LOG build", A, 1, &[5]),
            ("strasse", A, 20, &[4]),
            ("<b>", A, 20, &[3, 4, 5]),
            ("nothing", A, 20, &[]),
            ("build", A, 2, &[3, 5]),
            ("the he build uild", A, 2, &[1, 5]),
        ];
        for (words, member, most, expected) in cases {
            for portion in [1, 30, usize::MAX] {
                let found = find(&transcript, member, words, most, portion);
                assert_eq!(found, expected, "{words} in portions of {portion}");
            }
        }
    }

    #[test]
    fn nothing_is_found_twice_in_what_is_sealed_meanwhile() {
        let mut transcript = transcript(&[(Audience::All, "<a> one")]);
        transcript.seal();
        transcript.push(Envelope::new(Audience::All, Kind::Said), "<a> two", 0);
        let mut portions = 0;
        let read = |end| {
            portions += 1;
            let portion = transcript.read_back(end, 1);
            transcript.seal();
            Some(portion)
        };
        let found = look_back(read, A, 20, |_| true).expect("nothing ends it");
        assert_eq!(found.events.collect::<Vec<_>>(), [1, 2]);
        assert_eq!(portions, 3);
    }

    #[test]
    fn it_counts_by_the_lines_and_by_what_was_looked_through() {
        let line = "x".repeat(BYTES_A_LINE / 2);
        let lines = [(Audience::All, &*line), (Audience::All, &line), (Audience::All, "y")];
        let transcript = transcript(&lines);
        let cost = |wanted: &str, most| {
            let read = |end| Some(transcript.read_back(end, 1));
            look_back(read, A, most, |line| line.contains(wanted)).expect("nothing ends it").cost()
        };
        assert_eq!([cost("z", 20), cost("y", 1), cost("x", 20)], [2, 2, 4]);
    }

    #[test]
    fn it_ends_where_nothing_more_is_read() {
        let transcript = transcript(&[(Audience::All, "<a> one"), (Audience::All, "<a> two")]);
        let mut reads = 0;
        let read = |end| {
            reads += 1;
            (reads < 2).then(|| transcript.read_back(end, 1))
        };
        assert!(look_back(read, A, 20, |_| true).is_none());
        assert_eq!(reads, 2);
    }
}
