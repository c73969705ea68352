//! Members whose connection is lost, and who may come back with another one. Pure.
//!
//! They keep their names and stay in the room for a while; nobody is told of the loss before that is
//! over. Each costs an entry here and its place among the members, no thread and no socket.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::index::MemberId;

/// Those who are away.
#[derive(Debug)]
pub(crate) struct Away {
    /// How long they may take.
    patience: Duration,
    /// Each with the time when it is too late, the first to go in front.
    members: VecDeque<(MemberId, Instant)>,
}

impl Away {
    pub(crate) fn new(patience: Duration) -> Away {
        Away { patience, members: VecDeque::new() }
    }

    /// One has lost its connection now.
    pub(crate) fn add(&mut self, member: MemberId, now: Instant) {
        self.members.push_back((member, now + self.patience));
    }

    /// One is back.
    pub(crate) fn remove(&mut self, member: MemberId) {
        self.members.retain(|(away, _)| *away != member);
    }

    /// When the next one's time is over.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.members.front().map(|(_, until)| *until)
    }

    /// Takes out one whose time is over, or who has been away for longest of more than `most`.
    pub(crate) fn take(&mut self, now: Instant, most: usize) -> Option<MemberId> {
        let is_over = self.due().is_some_and(|until| until <= now) || self.members.len() > most;
        is_over.then(|| self.members.pop_front()).flatten().map(|(member, _)| member)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_away_for_too_long_goes_and_so_does_the_first_of_too_many() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut away = Away::new(Duration::from_secs(60));
        for (member, at) in [(1, 0), (2, 1), (3, 2), (4, 3)] {
            away.add(MemberId(member), after(at));
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
}
