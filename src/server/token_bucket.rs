//! A token bucket: how many lines a client may bring. Pure; the session's thread owns it.
//!
//! No line is lost by it. A client beyond its allowance is read more slowly, and TCP holds it back.

use std::time::{Duration, Instant};

/// The size of a burst, in seconds of the rate. A costly line takes as much in advance at most, so no client has to
/// be silent for longer.
const BURST: u32 = 10;

/// The bytes that count as one line: a line counts once for each such part that it has begun. Bytes fill the
/// memory and the others' networks, and nearly every line that a person types is shorter.
pub(crate) const UNIT: usize = 512;

/// The number of lines that a line of so many bytes counts as.
pub(crate) fn lines_in(bytes: usize) -> u32 {
    bytes.div_ceil(UNIT).max(1).try_into().unwrap_or(u32::MAX)
}

/// The parts of a second in which a client that is held back gets its lines: a tenth of the rate at once, so that
/// its thread does not wake for each line.
const PARTS: u32 = 10;

/// One client's allowance.
#[derive(Debug)]
pub(crate) struct TokenBucket {
    /// The rate, in lines a second; 0 is no limit.
    rate: u32,
    /// How many lines may be brought at the time `at`; below 0 for lines that were charged in advance.
    left: f64,
    /// The time at which `left` was computed last.
    at: Instant,
    /// How many lines of a burst were used up before, by connections of the same address.
    inherited: f64,
    /// How many lines the client has brought since the bucket was last full.
    brought: f64,
    /// Whether the client has been told that it is held back since the bucket was last full.
    told: bool,
}

/// Whether a line may pass.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Pass {
    /// It may, and is counted.
    Now,
    /// It may not before this time has passed, and is not counted.
    After(Duration),
}

impl TokenBucket {
    /// The allowance of a connection from an address whose earlier connections have used up so many lines.
    pub(crate) fn new(rate: u32, used: f64, now: Instant) -> TokenBucket {
        let most = f64::from(rate * BURST);
        let inherited = used.min(most);
        TokenBucket { rate, left: most - inherited, at: now, inherited, brought: 0.0, told: false }
    }

    /// How many lines of a burst this connection has used up.
    pub(crate) fn used_up(&mut self, now: Instant) -> f64 {
        self.refill(now);
        (self.most() - self.left - self.inherited).max(0.0)
    }

    fn most(&self) -> f64 {
        f64::from(self.rate * BURST)
    }

    fn refill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.left = (self.left + passed * f64::from(self.rate)).min(self.most());
        self.at = now;
    }

    /// Asks for one more line.
    pub(crate) fn take(&mut self, now: Instant) -> Pass {
        if self.rate == 0 {
            return Pass::Now;
        }
        let rate = f64::from(self.rate);
        self.refill(now);
        if self.left >= self.most() {
            (self.told, self.brought) = (false, 0.0);
        }
        if self.left >= 1.0 {
            self.left -= 1.0;
            self.brought += 1.0;
            return Pass::Now;
        }
        let wanted = (rate / f64::from(PARTS)).max(1.0);
        Pass::After(Duration::from_secs_f64((wanted - self.left) / rate))
    }

    /// Takes so many lines more for a costly one, in advance if they are not there.
    pub(crate) fn charge(&mut self, lines: u32) {
        if self.rate > 0 {
            self.left = (self.left - f64::from(lines)).max(-self.most());
            self.brought += f64::from(lines);
        }
    }

    /// The rate, if the client is to be told of it: once, when it begins to be held back. A client that has
    /// brought less than a second's worth is held back for what others of its address have used up, and is not
    /// told.
    pub(crate) fn news(&mut self) -> Option<u32> {
        let is_its_doing = self.brought >= f64::from(self.rate);
        (is_its_doing && !std::mem::replace(&mut self.told, true)).then_some(self.rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many lines pass at that time.
    fn passing(bucket: &mut TokenBucket, at: Instant) -> usize {
        (0..100_000).take_while(|_| bucket.take(at) == Pass::Now).count()
    }

    #[test]
    fn a_burst_passes_and_then_so_many_lines_a_second() {
        let start = Instant::now();
        let after = |millis| start + Duration::from_millis(millis);
        let mut bucket = TokenBucket::new(100, 0.0, start);
        assert_eq!(passing(&mut bucket, start), 1000);
        assert_eq!(bucket.take(start), Pass::After(Duration::from_millis(100)));
        assert_eq!(passing(&mut bucket, after(100)), 10);
        assert_eq!(passing(&mut bucket, after(1100)), 100);
        assert_eq!(passing(&mut bucket, after(60_000)), 1000);
        // A clock that is set back gives nothing and takes nothing.
        assert_eq!(passing(&mut bucket, start), 0);
        let mut slow = TokenBucket::new(1, 0.0, start);
        assert_eq!(passing(&mut slow, start), 10);
        assert_eq!(slow.take(start), Pass::After(Duration::from_secs(1)));
        let mut unlimited = TokenBucket::new(0, 0.0, start);
        assert_eq!(passing(&mut unlimited, start), 100_000);
    }

    #[test]
    fn what_is_costly_counts_for_more() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(100, 0.0, start);
        bucket.charge(1050);
        assert_eq!(bucket.take(start), Pass::After(Duration::from_millis(600)));
        assert_eq!(passing(&mut bucket, start + Duration::from_millis(600)), 10);
        let mut unlimited = TokenBucket::new(0, 0.0, start);
        unlimited.charge(1000);
        assert_eq!(unlimited.take(start), Pass::Now);
    }

    #[test]
    fn what_is_costly_takes_a_burst_in_advance_at_most() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(100, 0.0, start);
        bucket.charge(u32::MAX);
        assert_eq!(bucket.take(start), Pass::After(Duration::from_millis(10_100)));
    }

    #[test]
    fn a_line_counts_once_for_each_512_bytes_that_it_has_begun() {
        let counted = [0, 1, 512, 513, 1024, 1025, 4096, usize::MAX].map(lines_in);
        assert_eq!(counted, [1, 1, 1, 2, 2, 3, 8, u32::MAX]);
    }

    #[test]
    fn another_connection_brings_no_new_burst() {
        let start = Instant::now();
        let mut first = TokenBucket::new(100, 0.0, start);
        assert_eq!(passing(&mut first, start), 1000);
        let after = start + Duration::from_secs(2);
        let used = first.used_up(after);
        assert!((used - 800.0).abs() < 0.01, "{used}");
        let mut second = TokenBucket::new(100, used, after);
        assert_eq!(passing(&mut second, after), 200);
        assert!((second.used_up(after) - 200.0).abs() < 0.01, "what the first used is not its own");
        let mut third = TokenBucket::new(100, 1e9, after);
        assert_eq!(third.take(after), Pass::After(Duration::from_millis(100)));
        assert_eq!(third.news(), None, "it has brought nothing");
        assert_eq!(passing(&mut third, after + Duration::from_secs(1)), 100);
        assert!(third.used_up(after + Duration::from_secs(1)) < 0.01);
    }

    #[test]
    fn a_client_is_told_once_until_it_has_rested() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(10, 0.0, start);
        passing(&mut bucket, start);
        assert_eq!((bucket.news(), bucket.news()), (Some(10), None));
        passing(&mut bucket, start + Duration::from_secs(5));
        assert_eq!(bucket.news(), None);
        passing(&mut bucket, start + Duration::from_secs(60));
        assert_eq!(bucket.news(), Some(10));
    }
}
