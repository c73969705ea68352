//! What was said before, looked for by the session of who asks.
//!
//! It goes from the newest event back, a portion at a time. The room's lock is held to take a portion
//! and not while it is looked at, and nothing that the room forgets meanwhile is kept. So a search holds
//! nobody, takes no memory, and ends after the portion at hand when the room closes or its client is
//! gone. Two at most look for words at a time, and rest after each portion for twice as long as it took, so
//! that the others' lines find a processor; who comes later waits in line.

use std::sync::Arc;

use super::audience::MemberId;
use super::batch::Batch;
use super::hub::membership::Membership;
use super::hub::turns::Turn;
use super::replay::numbers::Numbers;
use super::replay::{self, Replay};
use super::system::{instant, thread};
use super::words::Matcher;
use crate::protocol::tag::Seq;

/// How much is looked through at a time, in bytes: a tenth of a millisecond's work.
const PORTION: usize = 32 * 1024;

/// How many bytes count as a line, for whoever has them looked through.
const BYTES_A_LINE: usize = 128 * 1024;

/// Shows a member the newest lines again, and says as how many lines that counts.
pub(crate) fn show_newest(member: &Membership, most: usize) -> u32 {
    let Some(found) = look_back(|end| read(member, end), member.id(), most, |_| true) else {
        return 0;
    };
    let cost = found.events.len().try_into().unwrap_or(u32::MAX);
    let gaps = member.hub().gaps();
    member.replay(Replay::newest(member.format(), found.events, gaps));
    cost
}

/// The same for those that have all of the words.
pub(crate) fn show_found(member: &Membership, words: &str, most: usize) -> u32 {
    let Some(found) = search(member, words, most) else { return 0 };
    let cost = found.cost();
    member.replay(Replay::found(member.format(), words, found.events));
    cost
}

/// What was found.
#[derive(Debug, Default)]
struct Found {
    /// Their numbers, the newest first.
    events: Numbers,
    /// How many bytes were looked through.
    bytes: usize,
}

impl Found {
    /// As how many lines the work counts.
    fn cost(&self) -> u32 {
        let lines = self.bytes.div_ceil(BYTES_A_LINE) + self.events.len();
        lines.try_into().unwrap_or(u32::MAX)
    }
}

/// The newest `most` lines that have all of the words. `None` if nobody waits for them any more.
fn search(member: &Membership, words: &str, most: usize) -> Option<Found> {
    let _turn = Turn::take(member.hub(), member.connection())?;
    let mut matcher = Matcher::new(words);
    let mut begun = instant();
    let read = |end| {
        // However few processors there are, a third of one is the others'.
        thread::sleep(2 * (instant() - begun));
        begun = instant();
        read(member, end)
    };
    look_back(read, member.id(), most, |line| matcher.has_all(line))
}

fn read(member: &Membership, end: Seq) -> Option<Vec<Arc<Batch>>> {
    let goes_on = !member.connection().is_over();
    goes_on.then(|| member.hub().read_back(end, PORTION)).flatten()
}

/// The newest `most` events that the member is shown again and that are wanted. `read` gives a portion
/// of what is before an event, the newest first, or `None` to end it all.
fn look_back(
    mut read: impl FnMut(Seq) -> Option<Vec<Arc<Batch>>>,
    member: MemberId,
    most: usize,
    mut wanted: impl FnMut(&str) -> bool,
) -> Option<Found> {
    let most = most.min(replay::MOST);
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
            let events = batch.replayed_to(member).skip_while(|&event| event >= end);
            let events = events.filter(|&event| wanted(batch.line(event)));
            events.take(missing).for_each(|event| found.events.push(event));
            found.bytes += batch.bytes();
        }
        end = oldest.begin();
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::super::audience::{Audience, Envelope, Kind};
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
            ("<b>", A, 20, &[1, 3, 4, 5]),
            ("nothing uild", A, 20, &[]),
            ("build", A, 2, &[3, 5]),
            ("\"the bui\" the", A, 2, &[1, 5]),
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
