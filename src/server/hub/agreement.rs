//! Digests of a room that several servers hold: made, proposed, and compared with the coordinator's (`shared/agreement`).
//! The log's reader calls it for each group, with the lock held.

use super::Shared;
use super::log::reading::ToDo;
use crate::server::room::group::{Act, Group, Logged, Position};
#[cfg(all(test, not(shuttle)))]
use crate::server::room::log::Log;
use crate::server::room::log::Verdict;
use crate::server::shared::agreement::is_due;
#[cfg(all(test, not(shuttle)))]
use crate::server::shared::snapshot;

impl Shared {
    /// A group was applied, or ignored.
    pub(super) fn compare_digests(
        &mut self,
        at: Position,
        group: &Group<'_>,
        verdict: Verdict,
        to_do: &mut ToDo,
    ) {
        let (Some(log), Some(side)) = (self.room.log(), &mut self.log) else { return };
        let (groups, _) = log.passed();
        let is_coordinators = log.coordinator() == Some(group.producer);
        if verdict == Verdict::Applied
            && is_coordinators
            && group.producer != side.outbox.producer()
            // Those of a room with other settings are in its past.
            && !log.has_other_settings(group.producer)
        {
            let difference = |entry: &Logged<'_>| match entry.act {
                Act::Digest { at, digest } => side.agreement.difference(at, digest),
                _ => None,
            };
            to_do.differs_at = to_do.differs_at.or(group.entries.iter().find_map(difference));
        }
        let (members, _) = self.room.count();
        if verdict != Verdict::OtherRoom && is_due(groups, members) {
            let digest = self.room.digest();
            side.agreement.note(at, groups, digest);
            // The others have compared the past already.
            if !side.is_beginning {
                let act = Act::Digest { at, digest };
                side.outbox.propose(&Logged::by_server(act));
            }
        }
    }
}

#[cfg(all(test, not(shuttle)))]
impl super::Hub {
    /// Where the room's log was read to, and the room's digest there.
    pub(crate) fn digest(&self) -> (Position, u64) {
        self.with(|shared| {
            let at = shared.room.log().map_or(Position::START, Log::position);
            (at, shared.room.digest())
        })
    }

    /// The room as bytes.
    pub(crate) fn snapshot(&self) -> Vec<u8> {
        self.with(|shared| snapshot::encode(&shared.room))
    }

    /// Who is in the room.
    pub(crate) fn names(&self) -> Vec<String> {
        let list = self.with(|shared| shared.room.list());
        let mut names: Vec<_> = list.into_iter().map(|(_, it)| it.name.to_string()).collect();
        names.sort();
        names
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::super::Hub;
    use super::super::log::reading::Read;
    use super::*;
    use crate::server::config::Config;
    use crate::server::room::Room;
    use crate::server::shared::outbox::Outbox;
    use crate::server::shared::settings::RoomSettings;
    use crate::server::shared::url::SharedUrl;
    use crate::server::waker::Waker;

    /// The coordinator's number, and this server's.
    const COORDINATOR: u64 = 1;
    const OURS: u64 = 2;

    fn group(number: u64, acts: Vec<Act<'static>>) -> Group<'static> {
        let entries = acts.into_iter().map(Logged::by_server).collect();
        let seen = Position::START;
        Group { room: 7, engine: 1, producer: COORDINATOR, number, seen, entries }
    }

    /// The n-th group's place.
    fn at(number: u64) -> Position {
        Position { ms: 1000 + number, n: 0 }
    }

    /// What the room's only other server writes until the first digest is made, and that digest. Its settings are the same
    /// if `others` is 0.
    fn hub_with_a_digest(others: u64) -> (Hub, u64) {
        let config = Config::default();
        let hub = Hub::new(Waker::new().expect("there are pipes"), &config);
        let url = SharedUrl::parse("redis://cache/lobby").expect("it is one");
        hub.share(Room::shared(&config, 7), Outbox::new(7, OURS), url, u64::MAX);
        let settings = RoomSettings::of(&config).fingerprint() ^ others;
        for number in 1..=256 {
            let first =
                (number == 1).then_some(Act::Hello { server: "chat1", version: "1", settings });
            let to_do = apply(&hub, number, first.into_iter().collect());
            assert_eq!(to_do.differs_at, None);
        }
        let digest = hub.with(|shared| shared.room.digest());
        (hub, digest)
    }

    fn apply(hub: &Hub, number: u64, acts: Vec<Act<'static>>) -> ToDo {
        hub.apply_log(&[Read { at: at(number), bytes: 100, group: Ok(group(number, acts)) }])
    }

    #[test]
    fn a_server_whose_room_is_the_coordinators_goes_on() {
        let (hub, digest) = hub_with_a_digest(0);
        let to_do = apply(&hub, 257, vec![Act::Digest { at: at(256), digest }]);
        assert_eq!(to_do.differs_at, None);
        // What the coordinator has from another log is nothing to compare.
        let to_do = apply(&hub, 258, vec![Act::Digest { at: at(255), digest: 1 }]);
        assert_eq!(to_do.differs_at, None);
    }

    #[test]
    fn a_server_whose_room_is_another_one_is_to_end() {
        let (hub, digest) = hub_with_a_digest(0);
        let to_do = apply(&hub, 257, vec![Act::Digest { at: at(256), digest: !digest }]);
        assert_eq!(to_do.differs_at, Some(256));
    }

    #[test]
    fn what_a_room_was_with_other_settings_is_not_compared() {
        let (hub, digest) = hub_with_a_digest(1);
        let to_do = apply(&hub, 257, vec![Act::Digest { at: at(256), digest: !digest }]);
        assert_eq!(to_do.differs_at, None);
    }
}
