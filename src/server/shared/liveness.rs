//! Whether a shared room is away, for one server: nothing answers, or what the server sends does not come back. A server
//! is alive by what it applies, not by what it sends. Pure; time comes in with each call.

use std::time::{Duration, Instant};

/// How long a call may be without an answer.
const ANSWER: Duration = Duration::from_secs(2);

/// How long no group of this server's may come back. It sends one at least every 2 s.
const RETURN: Duration = Duration::from_secs(3);

/// While a call is under way that does not fail, it is judged every 2 s at least, since a call without an answer takes no
/// longer. Where it was not judged for this long, the process has stood still.
const STANDSTILL: Duration = Duration::from_secs(4);

/// A writer that waits, and is awake so much later than it has asked for, has stood still with its process. A process that
/// was stopped until the room was away is late by 1 s at least: the writer wakes 2 s after its last group at the latest.
const LATE: Duration = Duration::from_millis(900);

/// What is known of the way to the log and back.
#[derive(Debug)]
pub(crate) struct Liveness {
    /// Since when an append waits for its answer, over all attempts; `None` if none does.
    asked: Option<Instant>,
    /// When a group of ours came back last; at first, when the server had begun.
    returned: Instant,
    /// Since when the room is away, as people were told; `None` if it is there.
    away: Option<Instant>,
    /// When it was judged last.
    judged: Instant,
    /// Until when the writer waits before it judges again, for an answer or for something to do; `None` while it does
    /// something else.
    wakes: Option<Instant>,
    /// Whether a call has failed since one was answered last.
    has_failed: bool,
}

/// What people have to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// The room is away.
    Away {
        /// For how long this process has stood still, where it is away for that alone.
        stood_still: Option<Duration>,
    },
    /// The room is back.
    Back {
        /// For how long it was away, from the last sign of it on.
        after: Duration,
    },
}

impl Liveness {
    /// The room is there: a group of ours has come back now.
    pub(crate) fn new(now: Instant) -> Liveness {
        Liveness {
            asked: None,
            returned: now,
            away: None,
            judged: now,
            wakes: None,
            has_failed: false,
        }
    }

    /// An append begins, or is tried again.
    pub(crate) fn on_append(&mut self, now: Instant) {
        self.asked.get_or_insert(now);
        self.wakes = Some(now + ANSWER);
    }

    /// The writer waits, at the latest until then.
    pub(crate) fn on_wait(&mut self, until: Instant) {
        self.wakes = Some(until);
    }

    /// The writer has something to do.
    pub(crate) fn on_work(&mut self) {
        self.wakes = None;
    }

    /// The engine has taken what was sent.
    pub(crate) fn on_answer(&mut self) {
        self.asked = None;
        self.has_failed = false;
    }

    /// The engine could not be reached, or has refused something.
    pub(crate) fn on_trouble(&mut self) {
        self.has_failed = true;
    }

    /// A group of ours has come back.
    pub(crate) fn on_return(&mut self, now: Instant) {
        self.returned = now;
    }

    /// This server has read nothing for so long, since it has enough to do with what it has read.
    pub(crate) fn on_pause(&mut self, time: Duration) {
        if self.away.is_none() {
            self.returned += time;
        }
    }

    /// Whether that has changed by now. While it is away, only a group that has come back since then brings it back.
    pub(crate) fn judge(&mut self, now: Instant) -> Option<Turn> {
        let is_gone = self.deadline() <= now;
        let stood_still = self.stood_still(now);
        self.judged = now;
        match self.away {
            None if is_gone => {
                self.away = Some(self.returned);
                Some(Turn::Away { stood_still })
            }
            Some(since) if !is_gone && self.returned > since => {
                self.away = None;
                Some(Turn::Back { after: self.returned.duration_since(since) })
            }
            None | Some(_) => None,
        }
    }

    /// For how long this process has stood still at least, where that is known and no call has failed before.
    fn stood_still(&self, now: Instant) -> Option<Duration> {
        let since = |then| now.saturating_duration_since(then);
        // A room that was gone when the writer was to wake is not away for the standstill.
        let wakes = self.wakes.filter(|wakes| *wakes < self.deadline());
        let late = wakes.map(since).filter(|late| *late >= LATE);
        let unjudged = Some(since(self.judged)).filter(|time| *time >= STANDSTILL);
        late.max(unjudged).filter(|_| !self.has_failed)
    }

    /// Whether the room is away, as it was judged last.
    pub(crate) fn is_away(&self) -> bool {
        self.away.is_some()
    }

    /// Since when there was no sign of the room.
    pub(crate) fn silent_since(&self) -> Instant {
        self.away.unwrap_or(self.returned)
    }

    /// For how long the room has been away, if it is.
    pub(crate) fn away_for(&self, now: Instant) -> Option<Duration> {
        self.away.map(|since| now.saturating_duration_since(since))
    }

    /// When the room is to be judged again, if nothing happens until then.
    pub(crate) fn deadline(&self) -> Instant {
        let returned = self.returned + RETURN;
        // What comes back proves that the engine is there: its answer to us may be under way as well.
        let answer = |asked: Instant| asked.max(self.returned) + ANSWER;
        self.asked.map_or(returned, |asked| returned.min(answer(asked)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The engine's fault, as far as is known.
    const AWAY: Turn = Turn::Away { stood_still: None };

    /// Times in milliseconds from the beginning on.
    struct Clock(Instant);

    impl Clock {
        fn at(&self, ms: u64) -> Instant {
            self.0 + Duration::from_millis(ms)
        }
    }

    #[test]
    fn a_quiet_room_with_heartbeats_is_there() {
        let clock = Clock(Instant::now());
        let mut liveness = Liveness::new(clock.at(0));
        for beat in 1..100 {
            liveness.on_append(clock.at(2000 * beat));
            assert_eq!(liveness.judge(clock.at(2000 * beat + 900)), None);
            liveness.on_answer();
            liveness.on_return(clock.at(2000 * beat + 900));
        }
        assert!(!liveness.is_away());
    }

    #[test]
    fn a_room_is_away_two_seconds_after_an_append_without_an_answer() {
        let clock = Clock(Instant::now());
        let mut liveness = Liveness::new(clock.at(0));
        liveness.on_append(clock.at(100));
        // Tries after the first do not put it off.
        liveness.on_append(clock.at(1000));
        assert_eq!(liveness.deadline(), clock.at(2100));
        assert_eq!(liveness.judge(clock.at(2099)), None);
        assert_eq!(liveness.judge(clock.at(2100)), Some(AWAY));
        assert_eq!(liveness.judge(clock.at(9000)), None, "it is told once");
        // An answer alone is not enough: it has to come back.
        liveness.on_answer();
        assert_eq!(liveness.judge(clock.at(9001)), None);
        liveness.on_return(clock.at(9002));
        let after = Duration::from_millis(9002);
        assert_eq!(liveness.judge(clock.at(9003)), Some(Turn::Back { after }));
        assert!(!liveness.is_away());
    }

    #[test]
    fn a_room_is_away_when_what_is_taken_does_not_come_back() {
        let clock = Clock(Instant::now());
        let mut liveness = Liveness::new(clock.at(0));
        for attempt in 0..3 {
            liveness.on_append(clock.at(1000 * attempt));
            liveness.on_answer();
        }
        assert_eq!(liveness.judge(clock.at(2999)), None);
        assert_eq!(liveness.judge(clock.at(3000)), Some(AWAY));
        // The reader is back, and the next append waits.
        liveness.on_return(clock.at(4000));
        liveness.on_append(clock.at(4000));
        assert!(matches!(liveness.judge(clock.at(4001)), Some(Turn::Back { .. })));
        assert_eq!(liveness.judge(clock.at(6000)), Some(AWAY));
    }

    #[test]
    fn a_process_that_stood_still_knows_it_unless_the_engine_has_failed_before() {
        let clock = Clock(Instant::now());
        let stopped = |has_failed: bool, until: u64| {
            let mut liveness = Liveness::new(clock.at(0));
            liveness.on_append(clock.at(1000));
            assert_eq!(liveness.judge(clock.at(1000)), None);
            if has_failed {
                liveness.on_trouble();
            } else {
                liveness.on_answer();
                liveness.on_return(clock.at(1001));
            }
            liveness.judge(clock.at(until))
        };
        let stood_still = Some(Duration::from_secs(8));
        assert_eq!(stopped(false, 9000), Some(Turn::Away { stood_still }));
        assert_eq!(stopped(true, 9000), Some(AWAY));
        // The answer was there, and the writer would have been awake 2 s after it had asked.
        let stood_still = Some(Duration::from_millis(1900));
        assert_eq!(stopped(false, 4900), Some(Turn::Away { stood_still }));
    }

    #[test]
    fn a_writer_that_wakes_late_knows_that_its_process_stood_still() {
        let clock = Clock(Instant::now());
        let woken = |wakes: u64, at: u64| {
            let mut liveness = Liveness::new(clock.at(0));
            liveness.on_wait(clock.at(wakes));
            liveness.judge(clock.at(at))
        };
        let stood_still = |ms| Some(Turn::Away { stood_still: Some(Duration::from_millis(ms)) });
        assert_eq!(woken(2000, 3000), stood_still(1000));
        assert_eq!(woken(2000, 2900), None);
        // It was busy, and has stood still for no time worth mentioning.
        assert_eq!(woken(2900, 3100), Some(AWAY));
        // The room was away by then.
        assert_eq!(woken(3000, 3950), Some(AWAY));
        // The reader judges, too.
        let mut liveness = Liveness::new(clock.at(0));
        liveness.on_wait(clock.at(2000));
        assert_eq!(liveness.judge(clock.at(1500)), None);
        assert_eq!(liveness.judge(clock.at(3500)), stood_still(1500));
        // The writer does something since then.
        let mut liveness = Liveness::new(clock.at(0));
        liveness.on_wait(clock.at(1000));
        liveness.on_work();
        liveness.on_append(clock.at(1000));
        assert_eq!(liveness.judge(clock.at(3000)), Some(AWAY));
    }

    #[test]
    fn a_group_that_comes_back_before_its_answer_keeps_the_room_there() {
        let clock = Clock(Instant::now());
        let mut liveness = Liveness::new(clock.at(0));
        liveness.on_append(clock.at(100));
        // The process stood still meanwhile, and reads first.
        liveness.on_return(clock.at(3000));
        assert_eq!(liveness.judge(clock.at(3001)), None);
        liveness.on_trouble();
        assert_eq!(liveness.judge(clock.at(5000)), Some(AWAY));
    }
}
