//! The figures that an operator can ask for: how many members there are, how much they say, how much the room
//! remembers, and which members are held back. Pure, except for [`resident`], which asks the system.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use crate::protocol::name::Name;
use crate::protocol::reply::Count;
use crate::protocol::tag::Millis;

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
    /// The members that are held back: they bring more than they may, or more than the others can take.
    pub(super) held_back: Vec<Name>,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Figures { members, disconnected, said, .. } = self;
        let (members, lines) = (Count(*members as u64, "member"), Count(said.lines, "line"));
        let bytes = Count(said.bytes, "byte");
        write!(f, "{members}, {disconnected} of them disconnected; {lines}, {bytes} ")?;
        write!(f, "in the last minute; ")?;
        let (remembered, memory) = (Megabytes(self.remembered), Megabytes(self.memory));
        write!(f, "{remembered} of {memory} MB remembered")?;
        if let Some(resident) = self.resident {
            write!(f, ", {} MB in all", Megabytes(resident as usize))?;
        }
        match &self.held_back[..] {
            [] => write!(f, "; nobody is held back"),
            names => write!(f, "; held back: {}", Names(names)),
        }
    }
}

/// Bytes, shown in units of 1024 × 1024.
struct Megabytes(usize);

impl fmt::Display for Megabytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = (self.0 * 10 + (1 << 19)) >> 20;
        match tenths % 10 {
            0 => write!(f, "{}", tenths / 10),
            tenth => write!(f, "{}.{tenth}", tenths / 10),
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

    #[test]
    fn they_are_one_line() {
        let name = |number| Name::guest(number);
        let mut figures = Figures {
            members: 12,
            disconnected: 2,
            said: Said { lines: 340, bytes: 21_034 },
            remembered: 3 * 1024 * 1024 + 100_000,
            memory: 16 << 20,
            resident: Some(24 << 20),
            held_back: Vec::new(),
        };
        assert_eq!(
            figures.to_string(),
            "12 members, 2 of them disconnected; 340 lines, 21034 bytes in the last minute; 3.1 of \
             16 MB remembered, 24 MB in all; nobody is held back"
        );
        figures.held_back = vec![name(1), name(2)];
        assert!(figures.to_string().ends_with("; held back: guest1, guest2"));
        figures.held_back = (1..=23).map(name).collect();
        assert!(figures.to_string().ends_with(", guest20 and 3 more"));
    }
}
