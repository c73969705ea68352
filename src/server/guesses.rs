//! Guesses at passwords: how long whoever has failed waits, by its address and by the name that it tried. The session
//! that guesses waits, on its own thread; here is only the time. The lock is held for moments, and taken with no
//! other one held.
//!
//! After each failure the next attempt may come 1 s later, then 2, 4, … 60 s. A client is told of its failure when
//! that time has passed, and an attempt over another connection waits for the same time: hanging up, or coming twice
//! at once, gains nothing. Nobody waits for longer than the longest delay before an attempt, so strangers who try
//! somebody's name do not keep its owner out.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use super::admission::Origin;
use super::system::{Mutex, MutexGuard, instant};

/// The delay after the first failure. Each further one doubles it.
const FIRST: Duration = Duration::from_secs(1);

/// The longest delay.
const LONGEST: Duration = Duration::from_secs(60);

/// For how long a failure is remembered: ten times the longest delay.
const REMEMBERED: Duration = Duration::from_secs(600);

/// The most addresses, and the most names, that are remembered, which take about 1 MB. Where there is one more, the
/// one goes whose failure is the oldest.
const MOST: usize = 4096;

/// Who has failed of late.
#[derive(Debug, Default)]
pub(super) struct Guesses {
    /// The failures, under the module's lock.
    failures: Mutex<Failures>,
}

/// The failures, by both of what an attempt counts for.
#[derive(Debug, Default)]
struct Failures {
    /// By the address that the attempt came from.
    by_origin: Records<Origin>,
    /// By the name that was tried, without case.
    by_name: Records<String>,
}

/// What an attempt counts for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attempt {
    /// The address that it comes from.
    pub(super) origin: Origin,
    /// The name whose password it tries, without case; `None` for the room's password, for codes, and for names that
    /// have none: those would be as many as somebody can think of.
    pub(super) name: Option<String>,
}

impl Guesses {
    /// Begins an attempt: for how long it waits before it is made, because others have failed before it.
    pub(super) fn begin(&self, attempt: &Attempt) -> Duration {
        self.lock().begin(attempt, instant())
    }

    /// Notes that an attempt has failed: for how long the client waits before it is told.
    pub(super) fn fail(&self, attempt: &Attempt) -> Duration {
        self.lock().fail(attempt, instant())
    }

    /// Notes that an attempt has succeeded. The failures of its address stay remembered: others may be there.
    pub(super) fn succeed(&self, attempt: &Attempt) {
        self.lock().succeed(attempt, instant());
    }

    fn lock(&self) -> MutexGuard<'_, Failures> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Failures {
    fn begin(&mut self, attempt: &Attempt, now: Instant) -> Duration {
        let of_origin = self.by_origin.until(&attempt.origin, now);
        let of_name = attempt.name.as_ref().and_then(|name| self.by_name.until(name, now));
        let begins = of_origin.max(of_name).unwrap_or(now).clamp(now, now + LONGEST);
        self.by_origin.reserve(&attempt.origin, begins);
        if let Some(name) = &attempt.name {
            self.by_name.reserve(name, begins);
        }
        begins - now
    }

    fn fail(&mut self, attempt: &Attempt, now: Instant) -> Duration {
        let of_origin = self.by_origin.fail(attempt.origin, now);
        let of_name = attempt.name.clone().map(|name| self.by_name.fail(name, now));
        of_name.map_or(of_origin, |of_name| of_name.max(of_origin))
    }

    fn succeed(&mut self, attempt: &Attempt, now: Instant) {
        self.by_origin.end_delay(&attempt.origin, now);
        if let Some(name) = &attempt.name {
            self.by_name.0.remove(name);
        }
    }
}

/// The failures of one kind: [`MOST`] records at most, forgotten ones among them.
#[derive(Debug)]
struct Records<K>(HashMap<K, Record>);

impl<K> Default for Records<K> {
    fn default() -> Records<K> {
        Records(HashMap::new())
    }
}

/// The failures of one address or name.
#[derive(Debug, Clone, Copy)]
struct Record {
    /// How many there were.
    count: u32,
    /// When the next attempt may be made.
    until: Instant,
    /// When the last one was, after which they are forgotten in a while.
    last: Instant,
}

impl<K: Clone + Eq + Hash> Records<K> {
    /// When the next attempt for it may be made; `None` if nobody has failed.
    fn until(&mut self, key: &K, now: Instant) -> Option<Instant> {
        self.get(key, now).map(|record| record.until)
    }

    /// Has the attempts after one that is made at `begins` wait as if that one failed. Where nobody has failed yet, as
    /// many as like may try at once.
    fn reserve(&mut self, key: &K, begins: Instant) {
        if let Some(record) = self.0.get_mut(key) {
            record.until = record.until.max(begins + delay(record.count + 1));
        }
    }

    /// Counts a failure, and gives the delay for it.
    fn fail(&mut self, key: K, now: Instant) -> Duration {
        let before = self.get(&key, now).copied();
        if before.is_none() && self.0.len() >= MOST {
            self.make_room(now);
        }
        let count = before.map_or(1, |record| record.count.saturating_add(1));
        let delay = delay(count);
        let until = before.map_or(now, |record| record.until).max(now + delay);
        self.0.insert(key, Record { count, until, last: now });
        delay
    }

    /// Lets the next attempt be made now.
    fn end_delay(&mut self, key: &K, now: Instant) {
        if let Some(record) = self.0.get_mut(key) {
            record.until = now;
        }
    }

    fn get(&mut self, key: &K, now: Instant) -> Option<&Record> {
        if self.0.get(key).is_some_and(|record| record.is_forgotten(now)) {
            self.0.remove(key);
        }
        self.0.get(key)
    }

    fn make_room(&mut self, now: Instant) {
        self.0.retain(|_, record| !record.is_forgotten(now));
        if self.0.len() >= MOST
            && let Some(oldest) = self.0.iter().min_by_key(|(_, record)| record.last)
        {
            let oldest = oldest.0.clone();
            self.0.remove(&oldest);
        }
    }
}

impl Record {
    fn is_forgotten(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.last) >= REMEMBERED
    }
}

/// The delay after so many failures.
fn delay(count: u32) -> Duration {
    FIRST
        .saturating_mul(1_u32.checked_shl(count.saturating_sub(1)).unwrap_or(u32::MAX))
        .min(LONGEST)
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::{any, prop_assert, proptest};

    use super::*;

    fn from(address: u32, name: Option<&str>) -> Attempt {
        let origin = Origin::of(Ipv4Addr::from(0x0a00_0000 + address).into());
        let name = name.map(str::to_owned);
        Attempt { origin, name }
    }

    /// What was told of each attempt, one after the other, each made when the one before it was told of.
    fn delays(failures: &mut Failures, attempts: &[Attempt], start: Instant) -> Vec<u64> {
        let mut now = start;
        let told = |attempt: &Attempt| {
            assert_eq!(failures.begin(attempt, now), Duration::ZERO, "{attempt:?}");
            let delay = failures.fail(attempt, now);
            now += delay;
            delay.as_secs()
        };
        attempts.iter().map(told).collect()
    }

    #[test]
    fn the_same_address_or_name_waits_for_twice_as_long_each_time_up_to_a_minute() {
        let start = Instant::now();
        let expected = [1, 2, 4, 8, 16, 32, 60, 60, 60, 60];
        let mut failures = Failures::default();
        let of_one_address: Vec<_> =
            (0..10).map(|number| from(1, Some(&format!("bot{number}x")))).collect();
        assert_eq!(delays(&mut failures, &of_one_address, start), expected);
        let mut failures = Failures::default();
        let of_one_name: Vec<_> = (0..10).map(|number| from(number, Some("alice"))).collect();
        assert_eq!(delays(&mut failures, &of_one_name, start), expected);
        let mut failures = Failures::default();
        assert_eq!(delays(&mut failures, &vec![from(1, None); 10], start), expected);
        // The longer one counts, and somebody else waits for nothing.
        assert_eq!(failures.begin(&from(2, Some("bob")), start), Duration::ZERO);
        assert_eq!(failures.fail(&from(2, Some("bob")), start), FIRST);
        let after = start + Duration::from_secs(303);
        assert_eq!(failures.fail(&from(1, Some("bob")), after), LONGEST);
        assert_eq!(failures.fail(&from(3, Some("bob")), after), FIRST * 4);
    }

    #[test]
    fn an_attempt_over_another_connection_waits_for_the_delay_of_the_one_before() {
        let now = Instant::now();
        let mut failures = Failures::default();
        let first = from(1, Some("alice"));
        failures.fail(&first, now);
        // Five that come at once: each as if the ones before it had failed.
        let waits: Vec<_> = (0..5).map(|_| failures.begin(&first, now).as_secs()).collect();
        assert_eq!(waits, [1, 3, 5, 7, 9]);
        // Of the same address, or of the same name.
        assert!(failures.begin(&from(1, None), now) > FIRST);
        assert!(failures.begin(&from(2, Some("alice")), now) > FIRST);
        assert_eq!(failures.begin(&from(2, Some("bob")), now), Duration::ZERO);
    }

    #[test]
    fn many_who_are_right_wait_for_nobody() {
        let now = Instant::now();
        let mut failures = Failures::default();
        for _ in 0..100 {
            assert_eq!(failures.begin(&from(1, None), now), Duration::ZERO);
        }
        (0..100).for_each(|_| failures.succeed(&from(1, None), now));
        assert!(failures.by_origin.0.is_empty());
    }

    #[test]
    fn who_is_right_in_the_end_is_forgiven_for_the_name_and_waits_no_more_for_the_address() {
        let now = Instant::now();
        let mut failures = Failures::default();
        let alice = from(1, Some("alice"));
        delays(&mut failures, &vec![alice.clone(); 3], now);
        let later = now + Duration::from_secs(7);
        assert_eq!(failures.begin(&alice, later), Duration::ZERO);
        failures.succeed(&alice, later);
        assert_eq!(failures.begin(&from(1, None), later), Duration::ZERO);
        assert_eq!(failures.fail(&from(2, Some("alice")), later), FIRST);
        assert_eq!(failures.fail(&from(1, Some("bob")), later), FIRST * 8);
    }

    #[test]
    fn failures_are_forgotten_after_a_while() {
        let now = Instant::now();
        let mut failures = Failures::default();
        delays(&mut failures, &vec![from(1, Some("alice")); 6], now);
        let last = now + Duration::from_secs(31);
        let soon = last + REMEMBERED - Duration::from_millis(1);
        assert_eq!(failures.fail(&from(2, Some("alice")), soon), LONGEST);
        assert_eq!(failures.fail(&from(1, None), last + REMEMBERED), FIRST);
    }

    #[test]
    fn only_so_many_are_remembered_and_the_oldest_goes_first() {
        let start = Instant::now();
        let at = |number: u32| start + Duration::from_millis(number.into());
        let mut failures = Failures::default();
        for number in 0..MOST as u32 + 10 {
            failures.fail(&from(number, None), at(number));
        }
        assert_eq!(failures.by_origin.0.len(), MOST);
        let now = at(MOST as u32 + 10);
        assert_eq!(failures.begin(&from(9, None), now), Duration::ZERO);
        assert!(failures.begin(&from(MOST as u32 + 9, None), now) > Duration::ZERO);
        failures.fail(&from(0, None), now + REMEMBERED);
        assert_eq!(failures.by_origin.0.len(), 1);
    }

    proptest! {
        #[test]
        fn nobody_waits_longer_than_a_minute_and_no_one_who_has_failed_gains_by_trying_at_once(
            steps in proptest::collection::vec((0..3_u32, 0..3_usize, any::<u8>(), 0..90_u64), 0..60),
        ) {
            let names = [None, Some("alice"), Some("bob")];
            let mut now = Instant::now();
            let mut failures = Failures::default();
            for (address, name, what, seconds) in steps {
                let attempt = from(address, names[name]);
                prop_assert!(failures.begin(&attempt, now) <= LONGEST);
                match what % 4 {
                    0 => failures.succeed(&attempt, now),
                    // It hangs up.
                    1 => {}
                    _ => {
                        let delay = failures.fail(&attempt, now);
                        prop_assert!((FIRST..=LONGEST).contains(&delay));
                        prop_assert!(failures.begin(&attempt, now) >= delay);
                    }
                }
                now += Duration::from_secs(seconds);
            }
        }
    }
}
