//! How fast members go on elsewhere when their server was killed: figures, and no verdict.

use std::fmt;
use std::time::{Duration, Instant};

/// A way back after a connection that was lost.
#[derive(Debug, Clone, Copy)]
pub(super) struct Return {
    /// The door at which it was.
    pub(super) door: usize,
    /// When it was lost.
    pub(super) lost: Instant,
    /// When the member was resumed.
    pub(super) back: Instant,
}

/// A server that was killed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kill {
    /// Its door.
    pub(super) door: usize,
    pub(super) at: Instant,
}

/// A connection that is lost so soon after its server was killed is lost by that.
const SOON: Duration = Duration::from_secs(1);

/// From each kill of a server to when each of its members was resumed, the shortest first.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Times(Vec<Duration>);

impl Times {
    pub(super) fn of(kills: &[Kill], returns: &[Return]) -> Times {
        let by = |kill: &Kill, it: &Return| {
            kill.door == it.door && kill.at <= it.lost && it.lost < kill.at + SOON
        };
        let time = |it: &Return| {
            let kill = kills.iter().rfind(|kill| by(kill, it))?;
            Some(it.back.duration_since(kill.at))
        };
        let mut times: Vec<_> = returns.iter().filter_map(time).collect();
        times.sort();
        Times(times)
    }
}

/// Nothing where nobody had to come back.
impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Times(times) = self;
        let Some(last) = times.last() else { return Ok(()) };
        let in_time = times.iter().filter(|time| **time <= Duration::from_secs(1)).count();
        let (all, median) = (times.len(), times[times.len() / 2]);
        write!(
            f,
            ", {all} resumed after kill -9 of their server: {median:.0?} in the middle, {last:.0?} \
             at most, {in_time} within 1 s"
        )
    }
}

#[test]
fn times_are_counted_from_the_kill_that_has_ended_the_connection() {
    let begin = Instant::now();
    let at = |ms| begin + Duration::from_millis(ms);
    let kills = [Kill { door: 0, at: at(0) }, Kill { door: 1, at: at(5_000) }];
    let back = |door, lost, back| Return { door, lost: at(lost), back: at(back) };
    // The third one has lost its connection before, the last one long after.
    let returns =
        [back(1, 5_001, 7_000), back(0, 2, 30), back(1, 4_999, 5_100), back(0, 3_000, 3_100)];
    let times = Times::of(&kills, &returns);
    assert_eq!(times, Times(vec![Duration::from_millis(30), Duration::from_millis(2_000)]));
    let told =
        ", 2 resumed after kill -9 of their server: 2s in the middle, 2s at most, 1 within 1 s";
    assert_eq!(times.to_string(), told);
    assert_eq!(Times::of(&kills, &[]).to_string(), "");
}
