//! Members whose connection is lost, and who may come back with another one. Pure.
//!
//! They keep their names and stay in the room for a while; nobody is told of the loss before that is
//! over. Each costs an entry here and its place among the members, no thread and no socket.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use super::index::MemberId;
use super::seat::Origin;

/// One who is away.
#[derive(Debug)]
struct Absent {
    member: MemberId,
    from: Origin,
    /// When it is too late to come back.
    until: Instant,
}

/// Those who are away.
#[derive(Debug)]
pub(crate) struct Away {
    /// How long they may take.
    patience: Duration,
    /// The first to go in front.
    members: VecDeque<Absent>,
}

impl Away {
    pub(crate) fn new(patience: Duration) -> Away {
        Away { patience, members: VecDeque::new() }
    }

    /// One from there has lost its connection now.
    pub(crate) fn add(&mut self, member: MemberId, from: Origin, now: Instant) {
        self.members.push_back(Absent { member, from, until: now + self.patience });
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

    /// Takes out one whose time is over; or of more than `most`, who has been away for longest of those
    /// from where most are from, so that nobody from elsewhere can drive the others out.
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
        let largest = by_origin.values().copied().max()?;
        let place = self.members.iter().position(|absent| by_origin[&absent.from] == largest)?;
        self.members.remove(place).map(|absent| absent.member)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn who_is_away_for_too_long_goes_and_so_does_the_first_of_too_many() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut away = Away::new(Duration::from_secs(60));
        let here = Origin::of(Ipv4Addr::LOCALHOST.into());
        for (member, at) in [(1, 0), (2, 1), (3, 2), (4, 3)] {
            away.add(MemberId(member), here, after(at));
        }
        assert_eq!(away.due(), Some(after(60)));
        assert_eq!(away.take(after(3), 3), Some(MemberId(1)));
        assert_eq!(away.take(after(3), 3), None);
        away.remove(MemberId(2));
        assert_eq!(away.due(), Some(after(62)));
        assert_eq!(away.take(after(61), 3), None);
        assert_eq!(away.take(after(70), 3), Some(MemberId(3)));
        assert_eq!(away.take(after(70), 3), Some(MemberId(4)));
        assert_eq!((away.take(after(70), 3), away.due()), (None, None));
    }

    #[test]
    fn of_too_many_one_goes_from_where_most_are_from() {
        let now = Instant::now();
        let mut away = Away::new(Duration::from_secs(60));
        for (member, host) in [(1, 1), (2, 2), (3, 9), (4, 9), (5, 9)] {
            away.add(MemberId(member), Origin::of([192, 0, 2, host].into()), now);
        }
        let gone: Vec<_> = (0..5).rev().map_while(|most| away.take(now, most)).collect();
        assert_eq!(gone, [3, 4, 1, 2, 5].map(MemberId));
    }
}
