//! Flow control between the servers of a shared room: while another server that keeps pace is far behind in the log,
//! members who flood the room wait, so that the readers of that server miss nothing. Each server tells with its groups how
//! far it has read. Pure; time comes in with each call.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use super::engine::Position;
use super::outbox;

/// The window is this part of the log that is kept: another server may be so far behind before floods are held. The rest
/// is for what is on its way by then, so that nothing is trimmed which a server that keeps pace has not read.
pub(crate) const WINDOW_PART: u64 = 4;

/// How far the servers have read is known to such a part of the window, a step, and each tells it at least once a step.
const STEPS: u64 = 16;

/// A server that is too far behind and has read nothing for so long holds nobody: it may hang, or be dead.
const PATIENCE: Duration = Duration::from_secs(1);

/// How many bytes of entries each server may have on their way to the log and back, however many servers there are.
const LEAST_ON_THE_WAY: u64 = 64 * 1024;

/// How far the servers of a room have read its log.
#[derive(Debug)]
pub(crate) struct Flow {
    /// How many bytes of groups another server may be behind.
    window: u64,
    /// How many servers there are, this one included.
    servers: u64,
    /// Groups that are a step of the window apart, each with how many bytes of groups had passed with it; oldest first.
    marks: VecDeque<(Position, u64)>,
    /// How many had passed with the last group.
    passed: u64,
    /// How many had passed when this server last told how far it has read.
    told: u64,
    /// The servers that are too far behind, by their producers' numbers.
    late: BTreeMap<u64, Late>,
}

/// A server that is too far behind.
#[derive(Debug)]
struct Late {
    /// How many bytes of groups it had read when it was last judged.
    read: u64,
    /// When it was first seen to have read as many.
    since: Instant,
    /// Whether it has read on within [`PATIENCE`].
    keeps_pace: bool,
}

impl Flow {
    /// That of a room of which nothing was read yet, and whose other servers may be `window` bytes of groups behind.
    pub(crate) fn new(window: u64) -> Flow {
        let marks = VecDeque::new();
        Flow { window, servers: 1, marks, passed: 0, told: 0, late: BTreeMap::new() }
    }

    /// The room was made anew from its log: what was known of positions from before means nothing any more.
    pub(crate) fn begin_anew(&mut self) {
        *self = Flow::new(self.window);
    }

    /// A group was read, with which so many bytes of groups have passed.
    pub(crate) fn on_group(&mut self, at: Position, passed: u64) {
        self.passed = passed;
        let step = self.window / STEPS;
        if self.marks.back().is_none_or(|(_, before)| passed - before >= step) {
            self.marks.push_back((at, passed));
        }
        let enough = passed.saturating_sub(WINDOW_PART * self.window);
        while self.marks.get(1).is_some_and(|(_, passed)| *passed <= enough) {
            self.marks.pop_front();
        }
    }

    /// Judges which of the room's other servers are too far behind. Each comes with the position up to which it has read.
    pub(crate) fn judge(&mut self, others: impl Iterator<Item = (u64, Position)>, now: Instant) {
        let mut still_late = Vec::new();
        self.servers = 1;
        for (id, seen) in others {
            self.servers += 1;
            let read = self.read_by(seen);
            if self.passed - read <= self.window {
                continue;
            }
            still_late.push(id);
            let late = self.late.entry(id).or_insert(Late { read, since: now, keeps_pace: true });
            if late.read < read {
                *late = Late { read, since: now, keeps_pace: true };
            }
            late.keeps_pace = now < late.since + PATIENCE;
        }
        self.late.retain(|id, _| still_late.contains(id));
    }

    /// Whether members who flood the room have to wait.
    pub(crate) fn is_held(&self) -> bool {
        self.late.values().any(|late| late.keeps_pace)
    }

    /// When the next server that is too far behind ceases to hold anybody, if it reads nothing until then.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let patient = self.late.values().filter(|late| late.keeps_pace);
        patient.map(|late| late.since + PATIENCE).min()
    }

    /// How many bytes of entries this server may have on their way to the log and back: its share of a window, so that
    /// those of all servers leave enough of the log.
    pub(crate) fn most_on_the_way(&self) -> usize {
        let share = self.window / self.servers;
        share.clamp(LEAST_ON_THE_WAY, outbox::MOST as u64) as usize
    }

    /// Whether there are others whom this server has not told that it has read a step further.
    pub(crate) fn wants_telling(&self) -> bool {
        self.servers > 1 && self.passed.saturating_sub(self.told) >= self.window / STEPS
    }

    /// This server tells the others how far it has read.
    pub(crate) fn on_told(&mut self) {
        self.told = self.passed;
    }

    /// How many bytes of groups a server has read that has read up to there: at most a step too few, or those of the
    /// oldest mark where it has read fewer.
    fn read_by(&self, seen: Position) -> u64 {
        let newer = self.marks.partition_point(|(at, _)| *at <= seen);
        let mark = self.marks.get(newer.saturating_sub(1));
        mark.map_or(self.passed, |(_, passed)| *passed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: u64 = 1600;
    const STEP: u64 = WINDOW / STEPS;

    /// A room of three servers, of which this is one; a group of each step is read at each millisecond.
    struct Trial {
        flow: Flow,
        others: BTreeMap<u64, Position>,
        now: Instant,
        ms: u64,
    }

    impl Trial {
        fn new() -> Trial {
            let others = [(2, Position::START), (3, Position::START)].into();
            Trial { flow: Flow::new(WINDOW), others, now: Instant::now(), ms: 0 }
        }

        /// So many groups are read.
        fn read(&mut self, groups: u64) {
            for _ in 0..groups {
                self.ms += 1;
                self.flow.on_group(Position { ms: self.ms, n: 0 }, self.ms * STEP);
            }
            self.judge();
        }

        /// Another server tells that it has read all but so many groups.
        fn tell(&mut self, server: u64, unread: u64) {
            self.others.insert(server, Position { ms: self.ms - unread, n: 0 });
            self.judge();
        }

        fn judge(&mut self) {
            let others = self.others.iter().map(|(id, seen)| (*id, *seen));
            self.flow.judge(others, self.now);
        }
    }

    #[test]
    fn a_flood_is_held_while_a_server_is_far_behind_and_reads_on() {
        let mut trial = Trial::new();
        trial.read(STEPS + 1);
        assert!(!trial.flow.is_held());
        trial.read(1);
        assert!(trial.flow.is_held() && trial.flow.late.len() == 2);
        trial.tell(2, 0);
        trial.tell(3, STEPS + 1);
        assert!(trial.flow.is_held() && trial.flow.late.len() == 1);
        trial.tell(3, STEPS);
        assert!(!trial.flow.is_held() && trial.flow.deadline().is_none());
    }

    #[test]
    fn a_server_that_reads_nothing_for_a_while_holds_nobody_until_it_reads_on() {
        let mut trial = Trial::new();
        trial.read(3 * STEPS);
        trial.tell(2, 0);
        let deadline = trial.flow.deadline().expect("one is behind");
        assert_eq!(deadline, trial.now + PATIENCE);
        trial.now = deadline - Duration::from_millis(1);
        trial.judge();
        assert!(trial.flow.is_held());
        trial.now = deadline;
        trial.judge();
        assert!(!trial.flow.is_held() && trial.flow.deadline().is_none());
        // It is still too far behind, and reads.
        trial.tell(3, 2 * STEPS);
        assert!(trial.flow.is_held());
        // It has gone.
        trial.others.remove(&3);
        trial.judge();
        assert!(!trial.flow.is_held());
    }

    #[test]
    fn it_is_told_for_each_step_how_far_this_server_has_read_if_there_is_another_one() {
        let mut trial = Trial::new();
        assert!(!trial.flow.wants_telling());
        trial.read(1);
        assert!(trial.flow.wants_telling());
        trial.flow.on_told();
        assert!(!trial.flow.wants_telling());
        trial.read(1);
        assert!(trial.flow.wants_telling());
        trial.others.clear();
        trial.judge();
        assert!(!trial.flow.wants_telling());
    }

    #[test]
    fn what_is_on_its_way_leaves_enough_of_the_log_however_many_servers_there_are() {
        let mut flow = Flow::new(4 << 20);
        let mut most = |servers| {
            flow.servers = servers;
            flow.most_on_the_way()
        };
        assert_eq!([1, 4, 8, 100].map(&mut most), [1 << 20, 1 << 20, 1 << 19, 1 << 16]);
    }

    #[test]
    fn marks_are_few_however_long_the_log_is() {
        let mut trial = Trial::new();
        trial.read(10_000);
        assert!(trial.flow.marks.len() as u64 <= WINDOW_PART * STEPS + 2);
        assert_eq!(trial.flow.read_by(Position { ms: trial.ms, n: 0 }), trial.flow.passed);
        trial.flow.begin_anew();
        assert!(trial.flow.marks.is_empty() && !trial.flow.wants_telling());
    }
}
