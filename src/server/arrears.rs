//! Arrears: the part of their bursts that the connections of an address had used up when they ended. It is
//! remembered for a while, so that another connection does not bring a new burst. Pure; the hub's lock guards it.
//!
//! Arrears take nothing of the lines that a connection may bring in each second: many people may share one
//! address, as a company's, and the others there can always talk.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::admission::Origin;

/// How long the arrears of an address are remembered after its last connection has ended.
const REMEMBERED: Duration = Duration::from_secs(60);

/// The most addresses that are remembered, which take 200 KB. A client that has more addresses has as many
/// bursts anyway.
const MOST: usize = 4096;

/// The arrears of all addresses.
#[derive(Debug, Default)]
pub(super) struct Arrears {
    /// The debt of each address: [`MOST`] at most, forgotten ones among them.
    by_origin: HashMap<Origin, Debt>,
}

/// The arrears of one address.
#[derive(Debug)]
struct Debt {
    /// How many lines of a burst are used up.
    lines: f64,
    /// When the debt is forgotten.
    until: Instant,
}

impl Arrears {
    /// How many lines of a burst the ended connections of that origin have used up.
    pub(super) fn of(&self, origin: Origin, now: Instant) -> f64 {
        let debt = self.by_origin.get(&origin).filter(|debt| now < debt.until);
        debt.map_or(0.0, |debt| debt.lines)
    }

    /// Adds what a connection from that origin, which has ended, had used up. Less than a line is nothing.
    pub(super) fn add(&mut self, origin: Origin, lines: f64, now: Instant) {
        if lines < 1.0 {
            return;
        }
        let lines = lines + self.of(origin, now);
        if !self.by_origin.contains_key(&origin) && self.by_origin.len() >= MOST {
            self.by_origin.retain(|_, debt| now < debt.until);
            if self.by_origin.len() >= MOST {
                return;
            }
        }
        self.by_origin.insert(origin, Debt { lines, until: now + REMEMBERED });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(number: u32) -> Origin {
        Origin::of(std::net::Ipv4Addr::from(0x0a00_0000 + number).into())
    }

    #[test]
    fn what_ended_connections_have_used_up_counts_for_a_minute_and_for_their_address_alone() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut arrears = Arrears::default();
        arrears.add(origin(1), 600.0, start);
        arrears.add(origin(1), 0.5, after(30));
        assert_eq!((arrears.of(origin(1), after(59)), arrears.of(origin(2), start)), (600.0, 0.0));
        arrears.add(origin(1), 300.0, after(59));
        assert_eq!(arrears.of(origin(1), after(118)), 900.0);
        assert_eq!(arrears.of(origin(1), after(119)), 0.0);
        arrears.add(origin(1), 5.0, after(119));
        assert_eq!(arrears.of(origin(1), after(119)), 5.0);
    }

    #[test]
    fn only_so_many_addresses_are_remembered() {
        let start = Instant::now();
        let mut arrears = Arrears::default();
        (0..MOST as u32 + 10).for_each(|number| arrears.add(origin(number), 5.0, start));
        assert_eq!(arrears.by_origin.len(), MOST);
        arrears.add(origin(0), 5.0, start);
        assert_eq!(arrears.of(origin(0), start), 10.0);
        arrears.add(origin(MOST as u32 + 1), 5.0, start + REMEMBERED);
        assert_eq!(arrears.by_origin.len(), 1);
    }
}
