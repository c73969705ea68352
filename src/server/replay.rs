//! What was said before, for one member: which events, and how they are shown again.
//!
//! Which events is found once, by the session that asks; how they are shown is made bit by bit, by
//! the broadcaster, as fast as the member's socket takes it. So nothing is copied whole, and nobody
//! else waits for it.

use std::fmt::{Display, Write};
use std::sync::Arc;

use chrono::{Local, NaiveDate};

use super::batch::Batch;
use super::rendering::{answer_tag, tag};
use super::system::now;
use crate::protocol::moment::local;
use crate::protocol::reply::Notice;
use crate::protocol::tag::{Format, Millis, Seq};
use numbers::Numbers;

pub(crate) mod numbers;

/// The most events that are shown at once, whatever was asked for: 100 KB or twice that of their numbers.
pub(crate) const MOST: usize = 100_000;

/// About how many bytes are made at once.
const PORTION: usize = 16 * 1024;

/// Lines that were said and are not in the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gap {
    /// The number of the event behind which they belong.
    pub(crate) after: Seq,
    /// When it was known, in milliseconds since 1970.
    pub(crate) at: Millis,
    /// How many lines.
    pub(crate) lines: u64,
}

/// What a replay has made.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Made {
    /// These lines; there may be more.
    Lines(String),
    /// Nothing: what comes next has to be read first.
    Waits,
    /// Nothing: all was made.
    Over,
}

/// Events that a member is shown again.
#[derive(Debug)]
pub(crate) struct Replay {
    /// How its reader gets lines.
    format: Format,
    /// Which of its reader's lines has asked for it.
    answers: Option<u64>,
    /// The line before them, until it was made.
    header: Option<String>,
    /// The numbers of those that are still to be shown.
    events: Numbers,
    /// Gaps among the events that are shown, the next one last: those that are told in their places.
    gaps: Vec<Gap>,
    /// The line after them, until it was made.
    footer: Option<Notice<'static>>,
    /// The day of the line that was shown last; before the first, the present one is meant.
    day: Option<NaiveDate>,
}

impl Replay {
    /// The newest lines, and what is missing between them.
    pub(crate) fn newest(format: Format, events: Numbers, mut gaps: Vec<Gap>) -> Replay {
        let oldest = events.oldest().unwrap_or(Seq::MAX);
        gaps.retain(|gap| gap.after >= oldest);
        gaps.reverse();
        let footer = Notice::UpToDate;
        Replay { gaps, ..Replay::new(format, Notice::LastLines(events.len()), events, footer) }
    }

    /// What was found. `since` is the day from which on it was looked for, if there are older lines.
    pub(crate) fn found(
        format: Format,
        words: &str,
        events: Numbers,
        since: Option<NaiveDate>,
    ) -> Replay {
        let footer = since.map_or(Notice::ThatIsAll, Notice::SearchedBackTo);
        Replay::new(format, Notice::Found { lines: events.len(), words, since }, events, footer)
    }

    fn new(format: Format, header: Notice<'_>, events: Numbers, footer: Notice<'static>) -> Replay {
        let footer = (events.len() > 0).then_some(footer);
        let header = Some(header.to_string());
        Replay { format, answers: None, header, events, gaps: Vec::new(), footer, day: None }
    }

    /// The same where the reader's line of that number has asked for it.
    pub(crate) fn answering(self, line: u64) -> Replay {
        Replay { answers: Some(line), ..self }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.events.len() == 0
    }

    /// The oldest of the events that are still to be shown.
    pub(crate) fn oldest(&self) -> Option<Seq> {
        self.events.oldest()
    }

    /// Makes the next lines, each with its newline. `read` gives what there is from an event on, or `None` if
    /// that has to be read first. What was forgotten meanwhile is left out.
    pub(crate) fn next(&mut self, read: impl Fn(Seq) -> Option<Vec<Arc<Batch>>>) -> Made {
        let mut lines = String::new();
        if let Some(header) = self.header.take() {
            self.add(&mut lines, None, now(), header);
        }
        let mut batches: Vec<Arc<Batch>> = Vec::new();
        while lines.len() < PORTION
            && let Some(event) = self.events.oldest()
        {
            if !batches.iter().any(|batch| batch.holds(event)) {
                match read(event) {
                    Some(read) => batches = read,
                    None if lines.is_empty() => return Made::Waits,
                    None => return Made::Lines(lines),
                }
            }
            self.show_or_skip(&mut lines, event, &batches);
        }
        if lines.len() < PORTION
            && let Some(footer) = self.footer.take()
        {
            self.tell_gaps(&mut lines, Seq::MAX);
            self.add(&mut lines, None, now(), footer);
        }
        if lines.is_empty() { Made::Over } else { Made::Lines(lines) }
    }

    /// Shows an event, if it is in one of the batches that were read for it.
    fn show_or_skip(&mut self, lines: &mut String, event: Seq, batches: &[Arc<Batch>]) {
        self.tell_gaps(lines, event);
        self.events.next();
        match batches.iter().find(|batch| batch.holds(event)) {
            Some(batch) => self.show(lines, event, batch),
            None => {
                let remembered = batches.first().map_or(Seq::MAX, |batch| batch.begin());
                while self.events.oldest().is_some_and(|event| event < remembered) {
                    self.events.next();
                }
            }
        }
    }

    /// Tells of the gaps before that event.
    fn tell_gaps(&mut self, lines: &mut String, event: Seq) {
        while let Some(gap) = self.gaps.pop_if(|gap| gap.after < event) {
            self.add(lines, None, now(), Notice::NotInHistory(gap.lines));
        }
    }

    fn show(&mut self, lines: &mut String, event: Seq, batch: &Batch) {
        // It was withdrawn or erased meanwhile.
        if !batch.has_line(event) {
            return;
        }
        let millis = batch.time(event);
        let at = local(millis);
        let day = at.date_naive();
        let last = self.day.replace(day).unwrap_or_else(|| Local::now().date_naive());
        if last != day {
            self.add(lines, None, now(), format_args!("| -- {day}"));
        }
        let line = format_args!("| {} {}", at.format("%H:%M"), batch.line(event));
        self.add(lines, Some(event), millis, line);
    }

    fn add(&self, lines: &mut String, seq: Option<Seq>, at: Millis, line: impl Display) {
        let tag = match seq {
            Some(_) => tag(self.format, seq, at),
            None => answer_tag(self.format, self.answers, at),
        };
        writeln!(lines, "{tag}{line}").expect("a String takes all that is written");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::tag::Tag;
    use crate::server::audience::{Audience, Envelope, Kind, MemberId};
    use crate::server::transcript::Transcript;

    const A: MemberId = MemberId(1);
    const DAY: Millis = 24 * 60 * 60 * 1000;

    fn transcript(lines: &[(Audience, Millis, &str)]) -> Transcript {
        let mut transcript = Transcript::new(1 << 20);
        for (audience, at, line) in lines {
            transcript.push(Envelope::new(*audience, Kind::Said), line, *at);
        }
        transcript.seal();
        transcript
    }

    fn all_of(mut replay: Replay, transcript: &Transcript) -> Vec<String> {
        let portion = || match replay.next(|event| Some(transcript.read(event, 1))) {
            Made::Lines(lines) => Some(lines),
            Made::Waits | Made::Over => None,
        };
        std::iter::from_fn(portion).collect::<String>().lines().map(str::to_owned).collect()
    }

    #[test]
    fn lines_are_shown_again_with_their_times_and_days() {
        let now = Local::now().timestamp_millis();
        let clock = |at| local(at).format("%H:%M").to_string();
        let day = |at| local(at).format("%Y-%m-%d").to_string();
        let lines = [
            (Audience::AllBut(A), now - 2 * DAY, "<a> one"),
            (Audience::AllBut(A), now - DAY, "<a> two"),
            (Audience::AllBut(A), now, "<a> three"),
        ];
        let transcript = transcript(&lines);
        let shown = all_of(
            Replay::newest(Format::Plain, transcript.newest(A, 20), Vec::new()),
            &transcript,
        );
        let expected = [
            "-- the last 3 lines:".to_owned(),
            format!("| -- {}", day(now - 2 * DAY)),
            format!("| {} <a> one", clock(now - 2 * DAY)),
            format!("| -- {}", day(now - DAY)),
            format!("| {} <a> two", clock(now - DAY)),
            format!("| -- {}", day(now)),
            format!("| {} <a> three", clock(now)),
            "-- you are up to date".to_owned(),
        ];
        assert_eq!(shown, expected);
        let today =
            all_of(Replay::newest(Format::Plain, transcript.newest(A, 1), Vec::new()), &transcript);
        assert_eq!(today[1], expected[6]);
        assert_eq!(
            all_of(Replay::newest(Format::Plain, Numbers::default(), Vec::new()), &transcript),
            ["-- nothing has been said"]
        );
    }

    #[test]
    fn a_clock_that_is_set_back_shows_each_line_at_its_time_in_the_one_order() {
        let now = Local::now().timestamp_millis();
        let times = [now, now - 3 * DAY, now, Millis::MAX, Millis::MIN];
        let lines: Vec<_> = times.iter().map(|&at| (Audience::All, at, "<a> hi")).collect();
        let transcript = transcript(&lines);
        for format in [Format::Plain, Format::Tagged] {
            let shown =
                all_of(Replay::newest(format, transcript.newest(A, 20), Vec::new()), &transcript);
            let said: Vec<_> = shown.iter().filter(|line| line.ends_with(" <a> hi")).collect();
            assert_eq!(said.len(), times.len(), "{shown:?}");
            let days = shown.iter().filter(|line| line.contains("| -- ")).count();
            assert_eq!(days, 3, "back, forth, and to 1970: {shown:?}");
        }
    }

    #[test]
    fn in_the_tagged_form_a_line_has_the_number_and_the_time_of_its_event() {
        let now = Local::now().timestamp_millis();
        let transcript = transcript(&[(Audience::All, now - DAY, "<a> one")]);
        let shown = all_of(
            Replay::newest(Format::Tagged, [1].into_iter().collect(), Vec::new()),
            &transcript,
        );
        let read: Vec<_> = shown.iter().map(|line| Tag::split(line).expect("a tag")).collect();
        let seqs: Vec<_> = read.iter().map(|(tag, _)| tag.seq).collect();
        assert_eq!(seqs, [None, None, Some(1), None]);
        assert_eq!(read[2].0.at, now - DAY);
        assert!(read[0].0.at >= now && read[2].1.ends_with(" <a> one"), "{shown:?}");
        assert!(read[1].1.starts_with("| -- "), "{shown:?}");
    }

    #[test]
    fn lines_that_the_history_does_not_have_are_told_in_their_place() {
        let lines = [(Audience::All, 0, "<a> one"), (Audience::All, 0, "<a> two")];
        let transcript = transcript(&lines);
        let gap = |after, lines| Gap { after, at: 0, lines };
        let gaps = vec![gap(0, 7), gap(1, 312), gap(2, 1)];
        let shown =
            all_of(Replay::newest(Format::Plain, transcript.newest(A, 9), gaps), &transcript);
        let told: Vec<_> = shown.iter().filter(|line| !line.starts_with("| -- ")).collect();
        assert!(told[1].ends_with("<a> one") && told[3].ends_with("<a> two"), "{told:?}");
        assert_eq!(told[2], "-- 312 lines are not in this server's history");
        assert_eq!(told[4], "-- 1 line is not in this server's history");
        assert_eq!(told.len(), 6, "{told:?}");
    }

    #[test]
    fn a_long_replay_is_made_bit_by_bit_and_what_is_forgotten_is_left_out() {
        let line = "x".repeat(2000);
        let lines: Vec<_> = (0..100).map(|_| (Audience::All, 0, line.as_str())).collect();
        let transcript = transcript(&lines);
        let mut replay = Replay::newest(Format::Plain, transcript.newest(A, 1000), Vec::new());
        let Made::Lines(first) = replay.next(|event| Some(transcript.read(event, 1))) else {
            panic!("there are lines");
        };
        assert!(first.len() < 2 * PORTION, "{}", first.len());
        assert_eq!(replay.next(|_| None), Made::Waits);
        let end = "-- you are up to date\n".to_owned();
        assert_eq!(replay.next(|_| Some(Vec::new())), Made::Lines(end));
        assert_eq!(replay.next(|_| Some(Vec::new())), Made::Over);
    }
}
