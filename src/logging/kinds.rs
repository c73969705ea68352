//! How often records of one kind are told one by one. Pure.
//!
//! Strangers can cause most records at will, so beyond ten in a second, for long, those of one kind are
//! told together: no log grows faster than that, whatever they do. A kind is what the record's target
//! names, or the line of the source that the record comes from.

use std::time::{Duration, Instant};

use log::{Level, Record};

/// How long it takes until one more of a kind may be told by itself: ten in a second, for long.
const COST: Duration = Duration::from_millis(100);

/// How much time may be saved up for that: a hundred come at once, after a rest. So a class that joins
/// at nine o'clock is in the log by name.
const BURST: Duration = Duration::from_secs(10);

/// How long it takes until those are told that are told together.
const INTERVAL: Duration = Duration::from_secs(1);

/// How many characters of a record are shown as an example of those that are not told.
const EXAMPLE: usize = 120;

/// What becomes of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is told by itself.
    Told,
    /// It is in a later [sum](Kinds::take_sums).
    Summed,
}

/// Records that are told together.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sum {
    /// The level that the sum is logged at.
    pub(super) level: Level,
    /// The number of records, their kind, and the time since when they are counted, in words.
    pub(super) text: String,
}

/// All kinds of which there has been a record: as many as the source has.
#[derive(Debug, Default)]
pub(super) struct Kinds(Vec<Kind>);

/// The records of one kind.
#[derive(Debug)]
struct Kind {
    /// What happened, in words; or the module, for a kind that is a line of the source.
    target: String,
    /// The line of the source, for a kind that is one.
    line: Option<u32>,
    /// The time that is saved up for more records, at the time `at`.
    credit: Duration,
    /// The time at which `credit` was computed last.
    at: Instant,
    /// How many records wait for the next sum.
    untold: u64,
    /// When the first of them was counted.
    since: Instant,
    /// The level of the kind's records.
    level: Level,
    /// The first record that waits, for a kind whose target says nothing of it.
    example: String,
}

impl Kinds {
    /// Counts a record.
    pub(super) fn count(&mut self, record: &Record<'_>, now: Instant) -> Fate {
        let kind = self.kind(record, now);
        let rest = now.saturating_duration_since(kind.at);
        (kind.credit, kind.at) = ((kind.credit + rest).min(BURST), now);
        // Until the sum is told nothing of its kind is, or the order would be another one.
        if kind.untold == 0 && kind.credit >= COST {
            kind.credit -= COST;
            return Fate::Told;
        }
        if kind.untold == 0 {
            kind.since = now;
            if kind.line.is_some() {
                kind.example = record.args().to_string().chars().take(EXAMPLE).collect();
            }
        }
        kind.untold += 1;
        kind.level = record.level();
        Fate::Summed
    }

    /// When the next sum is to be told, if there is one.
    pub(super) fn due(&self) -> Option<Instant> {
        self.0.iter().filter_map(Kind::due).min()
    }

    /// The sums that are due at a time.
    pub(super) fn take_sums(&mut self, now: Instant) -> Vec<Sum> {
        let due = self.0.iter_mut().filter(|kind| kind.due().is_some_and(|due| due <= now));
        due.map(|kind| kind.take_sum(now)).collect()
    }

    /// All sums, due or not: nothing comes after them.
    pub(super) fn take_last_sums(&mut self, now: Instant) -> Vec<Sum> {
        let untold = self.0.iter_mut().filter(|kind| kind.untold > 0);
        untold.map(|kind| kind.take_sum(now)).collect()
    }

    fn kind(&mut self, record: &Record<'_>, now: Instant) -> &mut Kind {
        let line = record.line().filter(|_| record.module_path() == Some(record.target()));
        let is_it = |kind: &Kind| kind.line == line && kind.target == record.target();
        let at = self.0.iter().position(is_it).unwrap_or_else(|| {
            self.0.push(Kind {
                target: record.target().to_owned(),
                line,
                credit: BURST,
                at: now,
                untold: 0,
                since: now,
                level: record.level(),
                example: String::new(),
            });
            self.0.len() - 1
        });
        &mut self.0[at]
    }
}

impl Kind {
    fn due(&self) -> Option<Instant> {
        (self.untold > 0).then(|| self.since + INTERVAL)
    }

    fn take_sum(&mut self, now: Instant) -> Sum {
        let what = match self.line {
            None => self.target.clone(),
            Some(_) => format!("like \"{}\"", self.example),
        };
        let time = match now.saturating_duration_since(self.since).as_secs() {
            0 | 1 => "second".to_owned(),
            seconds => format!("{seconds} seconds"),
        };
        let text = format!("… and {} more {what} in the last {time}", self.untold);
        self.untold = 0;
        Sum { level: self.level, text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record of a kind that is named.
    fn left() -> Record<'static> {
        record("came or went", "guest1 left")
    }

    fn record(target: &'static str, text: &'static str) -> Record<'static> {
        let mut record = Record::builder();
        record.target(target).module_path(Some("chatroom::server")).line(Some(7));
        // `format_args!` of a literal lives for as long as the literal.
        record.level(Level::Info).args(match text {
            "guest1 left" => format_args!("guest1 left"),
            _ => format_args!("odd"),
        });
        record.build()
    }

    #[test]
    fn beyond_ten_in_a_second_those_of_a_kind_are_told_together() {
        let start = Instant::now();
        let after = |millis| start + Duration::from_millis(millis);
        let mut kinds = Kinds::default();
        let told = (0..990).filter(|_| kinds.count(&left(), start) == Fate::Told).count();
        assert_eq!((told, kinds.due()), (100, Some(after(1000))));
        // Those of another kind are counted by themselves.
        assert_eq!(kinds.count(&record("chatroom::server", "odd"), after(200)), Fate::Told);
        assert_eq!(kinds.take_sums(after(999)), []);
        assert_eq!(kinds.count(&left(), after(1000)), Fate::Summed);
        let text = "… and 891 more came or went in the last second".to_owned();
        assert_eq!(kinds.take_sums(after(1000)), [Sum { level: Level::Info, text }]);
        assert_eq!((kinds.take_sums(after(9000)), kinds.due()), (vec![], None));
        for second in [1, 2, 3] {
            let now = after(1000 * second);
            let told = (0..500).filter(|_| kinds.count(&left(), now) == Fate::Told).count();
            assert_eq!(told, 10, "{second}");
            assert_eq!(kinds.take_sums(now + INTERVAL).len(), 1);
        }
    }

    #[test]
    fn a_kind_without_a_name_is_a_line_of_the_source_and_has_an_example() {
        let start = Instant::now();
        let mut kinds = Kinds::default();
        for _ in 0..102 {
            kinds.count(&record("chatroom::server", "odd"), start);
            kinds.count(&left(), start);
        }
        let sums = kinds.take_last_sums(start + Duration::from_secs(3));
        let texts: Vec<_> = sums.into_iter().map(|sum| sum.text).collect();
        assert_eq!(
            texts,
            [
                "… and 2 more like \"odd\" in the last 3 seconds",
                "… and 2 more came or went in the last 3 seconds"
            ]
        );
        assert_eq!(kinds.due(), None);
    }
}
