//! How many lines a client may bring: a token bucket. Pure.
//!
//! Nothing is lost by it. A client beyond its allowance is read more slowly, and TCP holds it back.

use std::time::{Duration, Instant};

/// How many seconds' worth may be brought at once, after a rest.
const BURST: u32 = 10;

/// How many lines are let through at once while a client is held back: a tenth of a second's, so
/// that it does not wake for each of them.
const PARTS: u32 = 10;

/// One client's allowance.
#[derive(Debug)]
pub(crate) struct Allowance {
    /// Lines in a second; 0 is no limit.
    rate: u32,
    /// How many lines may be brought now.
    left: f64,
    /// When that was so.
    at: Instant,
    /// Whether the client has been told since it was last within its allowance.
    told: bool,
}

/// Whether a line may pass.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Pass {
    /// It may, and is counted.
    Now,
    /// Not before so long.
    After(Duration),
}

impl Allowance {
    pub(crate) fn new(rate: u32, now: Instant) -> Allowance {
        Allowance { rate, left: f64::from(rate * BURST), at: now, told: false }
    }

    /// Asks for one more line.
    pub(crate) fn take(&mut self, now: Instant) -> Pass {
        if self.rate == 0 {
            return Pass::Now;
        }
        let (rate, most) = (f64::from(self.rate), f64::from(self.rate * BURST));
        self.left += now.saturating_duration_since(self.at).as_secs_f64() * rate;
        self.at = now;
        if self.left >= most {
            (self.left, self.told) = (most, false);
        }
        if self.left >= 1.0 {
            self.left -= 1.0;
            return Pass::Now;
        }
        let wanted = (rate / f64::from(PARTS)).max(1.0);
        Pass::After(Duration::from_secs_f64((wanted - self.left) / rate))
    }

    /// Takes so many lines more for one that is costly, be it in advance.
    pub(crate) fn charge(&mut self, lines: u32) {
        if self.rate > 0 {
            self.left -= f64::from(lines);
        }
    }

    /// Lines in a second, if the client is to be told: once, when it begins to be held back.
    pub(crate) fn news(&mut self) -> Option<u32> {
        (!std::mem::replace(&mut self.told, true)).then_some(self.rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many lines pass at that time.
    fn passing(allowance: &mut Allowance, at: Instant) -> usize {
        (0..100_000).take_while(|_| allowance.take(at) == Pass::Now).count()
    }

    #[test]
    fn a_burst_passes_and_then_so_many_lines_a_second() {
        let start = Instant::now();
        let after = |millis| start + Duration::from_millis(millis);
        let mut allowance = Allowance::new(100, start);
        assert_eq!(passing(&mut allowance, start), 1000);
        assert_eq!(allowance.take(start), Pass::After(Duration::from_millis(100)));
        assert_eq!(passing(&mut allowance, after(100)), 10);
        assert_eq!(passing(&mut allowance, after(1100)), 100);
        assert_eq!(passing(&mut allowance, after(60_000)), 1000);
        // A clock that is set back gives nothing and takes nothing.
        assert_eq!(passing(&mut allowance, start), 0);
        let mut slow = Allowance::new(1, start);
        assert_eq!(passing(&mut slow, start), 10);
        assert_eq!(slow.take(start), Pass::After(Duration::from_secs(1)));
        let mut unlimited = Allowance::new(0, start);
        assert_eq!(passing(&mut unlimited, start), 100_000);
    }

    #[test]
    fn what_is_costly_counts_for_more() {
        let start = Instant::now();
        let mut allowance = Allowance::new(100, start);
        allowance.charge(1050);
        assert_eq!(allowance.take(start), Pass::After(Duration::from_millis(600)));
        assert_eq!(passing(&mut allowance, start + Duration::from_millis(600)), 10);
        let mut unlimited = Allowance::new(0, start);
        unlimited.charge(1000);
        assert_eq!(unlimited.take(start), Pass::Now);
    }

    #[test]
    fn a_client_is_told_once_until_it_has_rested() {
        let start = Instant::now();
        let mut allowance = Allowance::new(10, start);
        passing(&mut allowance, start);
        assert_eq!((allowance.news(), allowance.news()), (Some(10), None));
        passing(&mut allowance, start + Duration::from_secs(5));
        assert_eq!(allowance.news(), None);
        passing(&mut allowance, start + Duration::from_secs(60));
        assert_eq!(allowance.news(), Some(10));
    }
}
