//! The figures that an operator can ask for: how many members there are, how much they say, how much the room
//! remembers and its history has, which members are held back, and since when the server runs. Pure, except for
//! [`resident`], which asks the system.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use crate::protocol::moment::Moment;
use crate::protocol::name::Name;
use crate::protocol::reply::Count;
use crate::protocol::tag::Millis;
use shared::SharedFigures;

pub(crate) mod shared;

pub(crate) mod hook;

/// The time for which lines are counted.
const MINUTE: Millis = 60_000;

/// The least time between two samples: the count of a minute is exact to that.
const STEP: Millis = 5_000;

/// How long a member is listed as held back after the last time that it was.
pub(super) const HELD_FOR: Duration = Duration::from_secs(1);

/// The most names that are listed.
const MOST_NAMES: usize = 20;

/// An amount of what members have said: public and private lines, and `/me`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// How many lines.
    pub(super) lines: u64,
    /// How many bytes they have, without names, newlines and tags.
    pub(super) bytes: u64,
}

impl Said {
    /// Counts one more line.
    pub(super) fn add(&mut self, text: &str) {
        self.lines += 1;
        self.bytes += text.len() as u64;
    }

    /// The amount of one line.
    pub(super) fn of(text: &str) -> Said {
        Said { lines: 1, bytes: text.len() as u64 }
    }

    fn since(self, before: Said) -> Said {
        Said { lines: self.lines - before.lines, bytes: self.bytes - before.bytes }
    }
}

/// How much was said in the last minute. No timer runs for it: a sample is taken when something is said and the
/// last sample is old.
#[derive(Debug, Default)]
pub(super) struct Throughput {
    /// All that was said since the server began.
    total: Said,
    /// The total just before each sample's time, oldest first. All that is said between two samples is said within
    /// a [`STEP`] after the first of them.
    samples: VecDeque<(Millis, Said)>,
}

impl Throughput {
    /// Counts what members say now.
    pub(super) fn add(&mut self, said: Said, now: Millis) {
        if self.samples.back().is_none_or(|(at, _)| !(*at..*at + STEP).contains(&now)) {
            self.sample(now);
        }
        self.total.lines += said.lines;
        self.total.bytes += said.bytes;
    }

    fn sample(&mut self, now: Millis) {
        // After the clock was set back, samples from the future are useless.
        self.samples.retain(|(at, _)| (now - MINUTE..=now).contains(at));
        self.samples.push_back((now, self.total));
    }

    /// How much was said in the last minute, give or take a [`STEP`].
    pub(super) fn last_minute(&self, now: Millis) -> Said {
        let begin = now - MINUTE;
        let within = self.samples.iter().find(|(at, _)| *at >= begin);
        let in_part = self.samples.back().filter(|(at, _)| at + STEP > begin);
        within.or(in_part).map_or(Said::default(), |(_, before)| self.total.since(*before))
    }
}

/// The figures at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Figures {
    /// How many members there are, connected or not.
    pub(super) members: usize,
    /// How many of the members are not connected.
    pub(super) disconnected: usize,
    /// The amount that was said in the last minute.
    pub(super) said: Said,
    /// How much the room remembers, in bytes.
    pub(super) remembered: usize,
    /// How much the room may remember, in bytes.
    pub(super) memory: usize,
    /// The resident memory of the process, in bytes; `None` where the system does not tell it.
    pub(super) resident: Option<u64>,
    /// The history; `None` if the room has none.
    pub(super) history: Option<History>,
    /// The members that are held back: they bring more than they may, or more than the others can take.
    pub(super) held_back: Vec<Name>,
    /// The room that several servers hold, if it is one.
    pub(super) shared: Option<SharedFigures>,
    /// What is to be told of the hook; `None` without one.
    pub(super) hook: Option<String>,
    /// When the server began.
    pub(super) since: Millis,
}

/// The history at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct History {
    /// The size of its file and of what waits beside it, in bytes; `None` if the system does not tell it.
    pub(super) bytes: Option<u64>,
    /// Why what is said is not kept for now; `None` if it is kept.
    pub(super) not_now: Option<&'static str>,
}

impl Figures {
    /// The figures as facts, each of which fits a line.
    pub(crate) fn facts(&self) -> Vec<String> {
        let mut facts = vec![
            format!(
                "{}, {} of them disconnected",
                Count(self.members as u64, "member"),
                self.disconnected
            ),
            self.said_of_late(),
            self.memory_used(),
            self.kept(),
            match &self.held_back[..] {
                [] => "nobody is held back".to_owned(),
                names => format!("held back: {}", Names(names)),
            },
        ];
        facts.extend(self.shared.iter().flat_map(SharedFigures::facts));
        facts.push(format!("running since {}", Moment(self.since)));
        facts.extend(self.hook.clone());
        facts
    }

    fn said_of_late(&self) -> String {
        let Said { lines, bytes } = self.said;
        let rate = Tenths::of(lines, 60);
        format!(
            "{}, {} in the last minute ({rate} a second)",
            Count(lines, "line"),
            Count(bytes, "byte")
        )
    }

    fn memory_used(&self) -> String {
        let (remembered, memory) =
            (megabytes(self.remembered as u64), megabytes(self.memory as u64));
        let resident = self.resident.map(|bytes| format!(", {} MB in all", megabytes(bytes)));
        format!("{remembered} of {memory} MB remembered{}", resident.unwrap_or_default())
    }

    fn kept(&self) -> String {
        let Some(History { bytes, not_now }) = self.history else {
            return "no history".to_owned();
        };
        let size = bytes.map(|bytes| format!(": {} MB", megabytes(bytes))).unwrap_or_default();
        let not_now = not_now.map(|why| format!(", and nothing is kept for now: {why}"));
        format!("history{size}{}", not_now.unwrap_or_default())
    }
}

/// The facts in one line, for the log.
impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.facts().join("; "))
    }
}

/// A number in tenths, shown without them where it is whole.
struct Tenths(u64);

impl Tenths {
    /// The nearest one to a fraction.
    fn of(amount: u64, divisor: u64) -> Tenths {
        Tenths((amount * 10 + divisor / 2) / divisor)
    }
}

/// Bytes in units of 1024 × 1024.
fn megabytes(bytes: u64) -> Tenths {
    Tenths::of(bytes, 1 << 20)
}

impl fmt::Display for Tenths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 % 10 {
            0 => write!(f, "{}", self.0 / 10),
            tenth => write!(f, "{}.{tenth}", self.0 / 10),
        }
    }
}

struct Names<'a>(&'a [Name]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.0.iter().take(MOST_NAMES).enumerate() {
            write!(f, "{}{name}", if index > 0 { ", " } else { "" })?;
        }
        match self.0.len().saturating_sub(MOST_NAMES) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

/// The resident memory of this process, in bytes.
#[cfg(target_os = "linux")]
pub(super) fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

/// It is not asked for: other systems tell it in ways of their own.
#[cfg(not(target_os = "linux"))]
pub(super) fn resident() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_minute_is_counted_without_a_tick() {
        let mut throughput = Throughput::default();
        let mut say = |at: Millis, lines| {
            throughput.add(Said { lines, bytes: 10 * lines }, at * 1000);
            throughput.last_minute(at * 1000).lines
        };
        assert_eq!([say(0, 5), say(1, 5), say(30, 7), say(59, 1)], [5, 10, 17, 18]);
        assert_eq!([say(66, 1), say(100, 1), say(400, 3)], [9, 3, 3]);
        let lines = |at: Millis| throughput.last_minute(at * 1000).lines;
        assert_eq!([lines(459), lines(464), lines(466), lines(9000)], [3, 3, 0, 0]);
        assert!(throughput.samples.len() <= 13);
        // The clock is set back.
        throughput.add(Said { lines: 2, bytes: 0 }, 7000);
        assert_eq!(throughput.last_minute(7000).lines, 2);
    }

    fn figures() -> Figures {
        Figures {
            members: 12,
            disconnected: 2,
            said: Said { lines: 340, bytes: 21_034 },
            remembered: 3 * 1024 * 1024 + 100_000,
            memory: 16 << 20,
            resident: Some(24 << 20),
            history: Some(History { bytes: Some(12 << 20), not_now: None }),
            held_back: Vec::new(),
            shared: None,
            hook: None,
            since: 1_790_000_000_000,
        }
    }

    #[test]
    fn they_are_facts_of_a_line_each_and_one_line_in_the_log() {
        let facts = figures().facts();
        let since = format!("running since {}", Moment(1_790_000_000_000));
        assert_eq!(
            facts,
            [
                "12 members, 2 of them disconnected",
                "340 lines, 21034 bytes in the last minute (5.7 a second)",
                "3.1 of 16 MB remembered, 24 MB in all",
                "history: 12 MB",
                "nobody is held back",
                &since,
            ]
        );
        let line = figures().to_string();
        assert!(line.starts_with("12 members, 2 of them disconnected; 340 lines, "), "{line}");
        assert!(line.ends_with(&format!("; nobody is held back; {since}")), "{line}");
    }

    #[test]
    fn members_that_are_held_back_are_named_and_a_history_that_keeps_nothing_says_why() {
        let name = |number| Name::guest(number);
        let mut figures = Figures { held_back: vec![name(1), name(2)], ..figures() };
        assert_eq!(figures.facts()[4], "held back: guest1, guest2");
        figures.held_back = (1..=23).map(name).collect();
        assert!(figures.facts()[4].ends_with(", guest20 and 3 more"));
        figures.history = Some(History { bytes: None, not_now: Some("the server's disk is full") });
        assert_eq!(
            figures.facts()[3],
            "history, and nothing is kept for now: the server's disk is full"
        );
        figures.history = None;
        assert_eq!(figures.facts()[3], "no history");
    }
}
