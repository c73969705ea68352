//! What was said before, looked for by the session of the member that asks.
//!
//! It goes from the newest event back, a portion at a time. The room's lock is held to take a portion
//! and not while it is looked at, and nothing that the room forgets meanwhile is kept. So a search holds
//! nobody, takes no memory, and ends after the portion at hand when the room closes or its client is
//! gone. What the room does not remember is looked for in the history's file, for a second at most. Two
//! members at most look for words, or in the file, at a time, and rest after each portion for twice as long as
//! it took, so that the others' lines find a processor; the next one waits in line.

use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDate;

use super::audience::MemberId;
use super::batch::Batch;
use super::history::query::{self, Reach, Scope, Verdict};
use super::hub::membership::Membership;
use super::hub::turns::Turn;
use super::replay::numbers::Numbers;
use super::replay::{self, Gap, Replay};
use super::system::{instant, thread};
use super::words::Matcher;
use crate::protocol::moment::local;
use crate::protocol::tag::Seq;

/// How much is looked through at a time, in bytes: a tenth of a millisecond's work.
const PORTION: usize = 32 * 1024;

/// How many bytes count as a line, for a member that has them looked through.
const BYTES_A_LINE: usize = 128 * 1024;

/// How much of the newest lines is looked through in memory where the history has an index, in bytes. Common
/// words are found there, so the index is never asked for them.
const NEWEST: usize = 256 * 1024;

/// How long it is looked in the file for one search.
const LONGEST: Duration = Duration::from_secs(1);

/// Shows a member the newest lines again, which has asked for that with its line of that number; and says as how many
/// lines that counts.
pub(crate) fn show_newest(member: &Membership, most: usize, line: u64) -> u32 {
    let Some((found, gaps)) = newest(member, most.min(replay::MOST)) else { return 0 };
    let cost = found.events.len().try_into().unwrap_or(u32::MAX);
    member.replay(Replay::newest(member.format(), found.events, gaps).answering(line));
    cost
}

/// The same for those that have all of the words.
pub(crate) fn show_found(member: &Membership, words: &str, most: usize, line: u64) -> u32 {
    let Some(found) = search(member, words, most.min(replay::MOST)) else { return 0 };
    let (cost, since) = (found.cost(), found.since);
    let replay = Replay::found(member.format(), words, found.events, since);
    member.replay(replay.answering(line));
    cost
}

/// What was found.
#[derive(Debug, Default)]
struct Found {
    /// Their numbers, the newest first.
    events: Numbers,
    /// How many bytes were looked through.
    bytes: usize,
    /// How far back it was looked: all from this event on.
    from: Seq,
    /// The day of that event, if nobody has looked at the older ones.
    since: Option<NaiveDate>,
}

impl Found {
    /// As how many lines the work counts.
    fn cost(&self) -> u32 {
        let lines = self.bytes.div_ceil(BYTES_A_LINE) + self.events.len();
        lines.try_into().unwrap_or(u32::MAX)
    }

    /// Adds what was found in the file, which is all older.
    fn add(&mut self, found: query::Found) {
        found.events.into_iter().for_each(|event| self.events.push(event));
        self.bytes += found.bytes;
        self.since = found.reach.map(day_of);
    }
}

/// The day on which it happened, where the server is.
fn day_of(reach: Reach) -> NaiveDate {
    local(reach.at).date_naive()
}

/// The newest `most` lines, and what the history lacks between them. `None` if nobody waits for them any more.
fn newest(member: &Membership, most: usize) -> Option<(Found, Vec<Gap>)> {
    let hub = member.hub();
    let read = |end| read(member, end);
    let mut found = look_back(read, member.id(), most, |_| false, |_| true)?;
    let Some(file) = hub.file().filter(|_| found.events.len() < most) else {
        return Some((found, hub.gaps()));
    };
    let _turn = Turn::take(hub, member.connection())?;
    let looked = file.read(|db| {
        let scope = scope(member, &found, most);
        let Some(newest) = query::newest(db, scope, verdict(member))? else { return Ok(None) };
        let oldest = newest.events.last().copied().unwrap_or(found.from);
        Ok(Some((newest, query::gaps(db, oldest)?)))
    });
    match looked {
        Ok(looked) => looked.map(|(older, gaps)| {
            found.add(older);
            (found, gaps)
        }),
        Err(failure) => {
            log::error!("history: cannot read what was said before: {failure}");
            Some((found, hub.gaps()))
        }
    }
}

/// The newest `most` lines that have all of the words. `None` if nobody waits for them any more.
fn search(member: &Membership, words: &str, most: usize) -> Option<Found> {
    let hub = member.hub();
    let _turn = Turn::take(hub, member.connection())?;
    let mut matcher = Matcher::new(words);
    let file = hub.file();
    // Where the file has all before that, and enough of the newest was looked at, the rest is its.
    let kept = if file.is_some() { hub.kept_end() } else { 0 };
    let is_enough = |found: &Found| found.bytes >= NEWEST && found.from <= kept;
    let read = rested(|end| read(member, end));
    let mut found = look_back(read, member.id(), most, is_enough, |line| matcher.has_all(line))?;
    let Some(file) = file.filter(|_| found.events.len() < most) else { return Some(found) };
    let scope = scope(member, &found, most);
    match file.read(|db| query::search(db, scope, words, verdict(member))) {
        Ok(older) => older.map(|older| {
            found.add(older);
            found
        }),
        Err(failure) => {
            log::error!("history: cannot look for words: {failure}");
            Some(found)
        }
    }
}

/// Reads with a rest after each portion: however few processors there are, a third of one is the others'.
fn rested<R>(read: impl Fn(Seq) -> R) -> impl FnMut(Seq) -> R {
    let mut begun = instant();
    move |end| {
        thread::sleep(2 * (instant() - begun));
        begun = instant();
        read(end)
    }
}

fn read(member: &Membership, end: Seq) -> Option<Vec<Arc<Batch>>> {
    let goes_on = !member.connection().is_over();
    goes_on.then(|| member.hub().read_back(end, PORTION)).flatten()
}

/// What is still to be found in the file.
fn scope(member: &Membership, found: &Found, most: usize) -> Scope {
    let MemberId(id) = member.id();
    Scope { member: id, before: found.from, most: most - found.events.len() }
}

/// Whether to look further in the file, which is asked there again and again.
fn verdict(member: &Membership) -> impl Fn() -> Verdict + Send + Sync + 'static {
    let (hub, connection) = (Arc::clone(member.hub()), member.handle());
    let until = instant() + LONGEST;
    move || {
        if connection.is_over() || hub.is_closing() {
            Verdict::GiveUp
        } else if instant() >= until {
            Verdict::Enough
        } else {
            Verdict::GoOn
        }
    }
}

/// The newest `most` events that the member is shown again and that are wanted, until it `is_enough`. `read`
/// gives a portion of what is before an event, the newest first, or `None` to end it all.
fn look_back(
    mut read: impl FnMut(Seq) -> Option<Vec<Arc<Batch>>>,
    member: MemberId,
    most: usize,
    is_enough: impl Fn(&Found) -> bool,
    mut wanted: impl FnMut(&str) -> bool,
) -> Option<Found> {
    let mut found = Found { from: Seq::MAX, ..Found::default() };
    while found.events.len() < most && !is_enough(&found) {
        let end = found.from;
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
        found.from = oldest.begin();
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
        let found = look_back(read, member, most, |_| false, |line| matcher.has_all(line));
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
        let found = look_back(read, A, 20, |_| false, |_| true).expect("nothing ends it");
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
            look_back(read, A, most, |_| false, |line| line.contains(wanted))
                .expect("nothing ends it")
                .cost()
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
        assert!(look_back(read, A, 20, |_| false, |_| true).is_none());
        assert_eq!(reads, 2);
    }
}
