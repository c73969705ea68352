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
        if !side.is_beginning {
            side.agreement.on_group(at);
        }
        let is_coordinators = log.coordinator() == Some(group.producer);
        let is_known = verdict == Verdict::Applied
            && is_coordinators
            && group.producer != side.outbox.producer()
            // Those of a room with other settings are in its past.
            && !log.has_other_settings(group.producer);
        // A room that was made of a part of the log does not know the others' servers, nor their coordinator.
        let is_unknown = verdict == Verdict::Unknown;
        if is_known || is_unknown {
            let agreement = &side.agreement;
            let difference = |entry: &Logged<'_>| match entry.act {
                Act::Digest { at, .. } if is_unknown && !agreement.must_know_writers_at(at) => None,
                Act::Digest { at, digest } => agreement.difference(at, digest),
                _ => None,
            };
            to_do.differs_at = to_do.differs_at.or(group.entries.iter().find_map(difference));
        }
        let (members, _) = self.room.count();
        if verdict != Verdict::OtherRoom && is_due(group.number, members) {
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

    /// That of a server which has read nothing.
    fn hub() -> Hub {
        let config = Config::default();
        let hub = Hub::new(Waker::new().expect("there are pipes"), &config);
        let url = SharedUrl::parse("redis://cache/lobby").expect("it is one");
        hub.share(Room::shared(&config, 7), Outbox::new(7, OURS), url, u64::MAX);
        hub
    }

    /// What the room's only other server writes until the first digest is made, and that digest. Its settings are the same
    /// if `others` is 0.
    fn hub_with_a_digest(others: u64) -> (Hub, u64) {
        let hub = hub();
        let settings = RoomSettings::of(&Config::default()).fingerprint() ^ others;
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

    /// It knows neither the server that has written all along, nor how many groups there were.
    #[test]
    fn a_server_whose_room_was_made_of_a_part_of_the_log_is_to_end() {
        let (whole, part) = (hub(), hub());
        let hello = Act::Hello { server: "chat1", version: "1", settings: 0 };
        apply(&whole, 1, vec![hello]);
        part.with(|shared| shared.log.iter_mut().for_each(|log| log.is_beginning = false));
        let minute = 60_000_u64;
        let apply_late = |hub: &Hub, number, late: u64, acts| {
            let at = Position { ms: 2000 + late + number, n: 0 };
            let read = Read { at, bytes: 100, group: Ok(group(number, acts)) };
            (hub.apply_log(&[read]).differs_at, at)
        };
        for number in 2..=511 {
            for hub in [&whole, &part] {
                apply_late(hub, number, 0, vec![]);
            }
        }
        let at = [&whole, &part].map(|hub| apply_late(hub, 512, minute, vec![]).1)[0];
        let digest = whole.with(|shared| shared.room.digest());
        let found = [&whole, &part]
            .map(|hub| apply_late(hub, 513, minute, vec![Act::Digest { at, digest }]).0);
        assert_eq!(found, [None, Some(511)]);
    }

    #[test]
    fn what_a_room_was_with_other_settings_is_not_compared() {
        let (hub, digest) = hub_with_a_digest(1);
        let to_do = apply(&hub, 257, vec![Act::Digest { at: at(256), digest: !digest }]);
        assert_eq!(to_do.differs_at, None);
    }
}
