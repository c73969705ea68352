//! Members whose connection is lost, and who may come back with another one. Pure.
//!
//! They keep their names and stay in the room for a while; nobody is told of the loss before that is
//! over. Each costs an entry here and its place among the members, no thread and no socket.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use crate::server::admission::Origin;
use crate::server::audience::MemberId;

/// One who is away.
#[derive(Debug)]
struct Absence {
    /// Who it is.
    member: MemberId,
    /// From where its connection was.
    from: Origin,
    /// When it is too late to come back.
    until: Instant,
}

/// Those who are away.
#[derive(Debug)]
pub(crate) struct Disconnected {
    /// How long they may take.
    timeout: Duration,
    /// The first to go in front.
    members: VecDeque<Absence>,
}

impl Disconnected {
    pub(crate) fn new(timeout: Duration) -> Disconnected {
        Disconnected { timeout, members: VecDeque::new() }
    }

    /// One from there has lost its connection now.
    pub(crate) fn add(&mut self, member: MemberId, from: Origin, now: Instant) {
        self.members.push_back(Absence { member, from, until: now + self.timeout });
    }

    /// One is back.
    pub(crate) fn remove(&mut self, member: MemberId) {
        self.members.retain(|absent| absent.member != member);
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.members.len()
    }

    /// When the next one's time is over.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.members.front().map(|absent| absent.until)
    }

    /// Takes out one whose time is over; or of more than `most`, the one that joined last of those from
    /// where most are from. So nobody drives out others who are fewer than its own, nor any who were
    /// here before it.
    pub(crate) fn take(&mut self, now: Instant, most: usize) -> Option<MemberId> {
        if self.due().is_some_and(|until| until <= now) {
            return self.members.pop_front().map(|absent| absent.member);
        }
        if self.members.len() <= most {
            return None;
        }
        let mut by_origin = HashMap::<_, usize>::new();
        for absent in &self.members {
            *by_origin.entry(absent.from).or_default() += 1;
        }
        let rank = |absent: &Absence| (by_origin[&absent.from], absent.member);
        let places = 0..self.members.len();
        let place = places.max_by_key(|&place| rank(&self.members[place]))?;
        self.members.remove(place).map(|absent| absent.member)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_away_for_too_long_goes_and_so_does_the_newest_of_too_many() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut disconnected = Disconnected::new(Duration::from_secs(60));
        let here = Origin::of([192, 0, 2, 1].into());
        for (member, at) in [(1, 0), (4, 1), (3, 2), (2, 3)] {
            disconnected.add(MemberId(member), here, after(at));
        }
        assert_eq!(disconnected.due(), Some(after(60)));
        assert_eq!(disconnected.take(after(3), 3), Some(MemberId(4)));
        assert_eq!(disconnected.take(after(3), 3), None);
        disconnected.remove(MemberId(1));
        assert_eq!(disconnected.due(), Some(after(62)));
        assert_eq!(disconnected.take(after(61), 3), None);
        assert_eq!(disconnected.take(after(70), 3), Some(MemberId(3)));
        assert_eq!(disconnected.take(after(70), 3), Some(MemberId(2)));
        assert_eq!((disconnected.take(after(70), 3), disconnected.due()), (None, None));
    }

    /// Who goes, one after the other, of members from those addresses.
    fn order(origins: &[[u8; 4]]) -> Vec<u64> {
        let now = Instant::now();
        let mut disconnected = Disconnected::new(Duration::from_secs(60));
        for (member, origin) in (1..).zip(origins) {
            disconnected.add(MemberId(member), Origin::of((*origin).into()), now);
        }
        let gone = (0..origins.len()).rev().map_while(|most| disconnected.take(now, most));
        gone.map(|MemberId(member)| member).collect()
    }

    #[test]
    fn of_too_many_one_goes_from_where_most_are_from() {
        let (few, many) = ([192, 0, 2, 1], [198, 51, 100, 9]);
        assert_eq!(order(&[few, many, many, few, many]), [5, 4, 3, 2, 1]);
        assert_eq!(order(&[many, many, many, few, few]), [3, 5, 2, 4, 1]);
    }

    #[test]
    fn who_comes_and_goes_drives_out_nobody_who_was_here_before() {
        let mut here = vec![[192, 0, 2, 1]];
        here.extend((1..=100).map(|host| [192, 0, 2, host]));
        assert_eq!(order(&here).last(), Some(&1));
        let mut local = vec![[127, 0, 0, 1], [192, 0, 2, 1]];
        local.extend((1..=100).map(|host| [127, 0, host, 1]));
        assert_eq!(order(&local)[99..], [3, 2, 1]);
    }
}
