//! Members whose connection is lost, and who may come back with another one. Pure.
//!
//! They keep their names and stay in the room for a while; nobody is told of the loss before that is
//! over. Each costs an entry here and its place among the members, no thread and no socket.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use crate::server::admission::Origin;
use crate::server::audience::MemberId;

/// The members that are disconnected. Times are those since the room was opened.
#[derive(Debug)]
pub(crate) struct Disconnected {
    /// How long they may take to come back.
    timeout: Duration,
    /// When it is too late for each, and from where its connection was; the first to go in front. Members
    /// from before the server's start have no origin, and do not count as too many.
    members: BTreeMap<(Duration, MemberId), Option<Origin>>,
    /// When it is too late for each, by its number.
    until: HashMap<MemberId, Duration>,
    /// The members of each origin, the first to go in front.
    by_origin: BTreeMap<Option<Origin>, BTreeSet<(Duration, MemberId)>>,
    /// The origins, by how many members they have.
    ranks: BTreeSet<(usize, Option<Origin>)>,
}

impl Disconnected {
    pub(crate) fn new(timeout: Duration) -> Disconnected {
        Disconnected {
            timeout,
            members: BTreeMap::new(),
            until: HashMap::new(),
            by_origin: BTreeMap::new(),
            ranks: BTreeSet::new(),
        }
    }

    /// A member whose connection was from there has lost it now. Its time begins, again if it had begun.
    pub(crate) fn add(&mut self, member: MemberId, from: Option<Origin>, now: Duration) {
        self.insert(member, from, now);
    }

    /// A member has been disconnected since the server was started, which is now.
    pub(crate) fn restore(&mut self, member: MemberId, now: Duration) {
        self.insert(member, None, now);
    }

    fn insert(&mut self, member: MemberId, from: Option<Origin>, now: Duration) {
        self.set(member, from, now + self.timeout);
    }

    /// A member may come back until then.
    pub(crate) fn set(&mut self, member: MemberId, from: Option<Origin>, until: Duration) {
        self.remove(member);
        self.members.insert((until, member), from);
        self.until.insert(member, until);
        let of_origin = self.by_origin.entry(from).or_default();
        self.ranks.remove(&(of_origin.len(), from));
        of_origin.insert((until, member));
        self.ranks.insert((of_origin.len(), from));
    }

    /// The members, the first to go in front: until when each may come back, and from where its connection was.
    pub(crate) fn iter(
        &self,
    ) -> impl ExactSizeIterator<Item = (MemberId, Option<Origin>, Duration)> {
        self.members.iter().map(|((until, member), from)| (*member, *from, *until))
    }

    /// A member is back, if it was disconnected. Whether it had been since the server's start.
    pub(crate) fn remove(&mut self, member: MemberId) -> bool {
        let Some(until) = self.until.remove(&member) else { return false };
        let Some(from) = self.members.remove(&(until, member)) else { return false };
        if let Some(of_origin) = self.by_origin.get_mut(&from) {
            self.ranks.remove(&(of_origin.len(), from));
            of_origin.remove(&(until, member));
            if of_origin.is_empty() {
                self.by_origin.remove(&from);
            } else {
                self.ranks.insert((of_origin.len(), from));
            }
        }
        from.is_none()
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.members.len()
    }

    /// When the next one's time is over.
    pub(crate) fn due(&self) -> Option<Duration> {
        self.members.first_key_value().map(|((until, _), _)| *until)
    }

    /// Takes out a member whose time is over. Of more than `most`, it takes the one that joined last of those
    /// from where most are from: so nobody drives out others who are fewer than its own, nor any who
    /// were here before it.
    pub(crate) fn take(&mut self, now: Duration, most: usize) -> Option<MemberId> {
        let expired = self.members.first_key_value().filter(|((until, _), _)| *until <= now);
        let expired = expired.map(|((_, member), _)| *member);
        let member = expired.or_else(|| self.most_common(most))?;
        self.remove(member);
        Some(member)
    }

    /// Takes out the member of the origin with most that has been away for longest, to make room.
    pub(crate) fn take_of_most(&mut self) -> Option<MemberId> {
        let (_, from) = self.ranks.last()?;
        let (_, member) = *self.by_origin.get(from)?.first()?;
        self.remove(member);
        Some(member)
    }

    /// Which of more than `most` has to go.
    fn most_common(&self, most: usize) -> Option<MemberId> {
        if self.members.len() <= most {
            return None;
        }
        let mut by_origin = HashMap::<_, usize>::new();
        let counted = self.members.iter().filter_map(|((_, id), origin)| Some((*id, (*origin)?)));
        let counted: Vec<_> = counted.collect();
        counted.iter().for_each(|(_, origin)| *by_origin.entry(*origin).or_default() += 1);
        if counted.len() <= most {
            return None;
        }
        let ranks = counted.into_iter().map(|(member, origin)| (by_origin[&origin], member));
        ranks.max().map(|(_, member)| member)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_away_for_too_long_goes_and_so_does_the_newest_of_too_many() {
        let after = Duration::from_secs;
        let mut disconnected = Disconnected::new(Duration::from_secs(60));
        let here = Some(Origin::of([192, 0, 2, 1].into()));
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

    #[test]
    fn members_from_before_the_start_are_not_too_many_and_have_all_of_their_time() {
        let start = Duration::from_secs(100);
        let mut disconnected = Disconnected::new(Duration::from_secs(60));
        (1..=5).for_each(|member| disconnected.restore(MemberId(member), start));
        let here = Some(Origin::of([192, 0, 2, 1].into()));
        disconnected.add(MemberId(6), here, start);
        assert_eq!(disconnected.take(start, 1), None);
        disconnected.add(MemberId(7), here, start);
        assert_eq!(disconnected.take(start, 1), Some(MemberId(7)));
        assert!(disconnected.remove(MemberId(1)) && !disconnected.remove(MemberId(6)));
        assert_eq!(disconnected.due(), Some(start + Duration::from_secs(60)));
        assert_eq!(disconnected.take(start + Duration::from_secs(60), 1), Some(MemberId(2)));
    }

    /// Who goes, one after the other, of members from those addresses.
    fn order(origins: &[[u8; 4]]) -> Vec<u64> {
        let now = Duration::ZERO;
        let mut disconnected = Disconnected::new(Duration::from_secs(60));
        for (member, origin) in (1..).zip(origins) {
            disconnected.add(MemberId(member), Some(Origin::of((*origin).into())), now);
        }
        let gone = (0..origins.len()).rev().map_while(|most| disconnected.take(now, most));
        gone.map(|MemberId(member)| member).collect()
    }

    #[test]
    fn who_has_been_away_for_longest_makes_room_among_those_from_where_most_are() {
        let mut disconnected = Disconnected::new(Duration::from_secs(60));
        let origins = [1, 2, 2, 3, 2].map(|host| Some(Origin::of([192, 0, 2, host].into())));
        for (member, (at, from)) in (1..).zip([5, 4, 3, 2, 1].into_iter().zip(origins)) {
            disconnected.add(MemberId(member), from, Duration::from_secs(at));
        }
        disconnected.restore(MemberId(9), Duration::from_secs(9));
        let gone: Vec<_> = std::iter::from_fn(|| disconnected.take_of_most()).collect();
        assert_eq!(gone, [5, 3, 4, 2, 1, 9].map(MemberId));
        assert!(disconnected.ranks.is_empty() && disconnected.by_origin.is_empty());
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
