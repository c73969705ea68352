//! What a member asks the room and is answered, which changes nothing in it.

use super::Membership;
use crate::protocol::reply;
use crate::protocol::reply::Listed;
use crate::protocol::request::Command;
use crate::server::hub::Shared;
use crate::server::replay::Replay;
use crate::server::room::effects::Aside;

impl Membership {
    /// The commands that are of use to it.
    pub(crate) fn commands(&self) -> impl Iterator<Item = Command> + use<> {
        let (is_operator, is_closed) = self.hub().with(|shared| {
            (shared.room.is_operator(self.id_in(shared)), !shared.room.is_open_to_all())
        });
        let of_closed_rooms = Command::FOR_CLOSED_ROOMS.into_iter().filter(move |_| is_closed);
        let of_operators = Command::FOR_OPERATORS.into_iter().filter(move |_| is_operator);
        Command::FOR_EVERYBODY.into_iter().chain(of_closed_rooms).chain(of_operators)
    }

    /// The answer to `/who`.
    pub(crate) fn who(&self) -> Vec<String> {
        let (mut members, is_operator): (Vec<(String, Listed)>, bool) = self
            .hub()
            .with(|shared| (shared.room.list(), shared.room.is_operator(self.id_in(shared))));
        // Not with the lock held.
        members.sort_by(|(one, _), (other, _)| one.cmp(other));
        let members: Vec<_> = members.into_iter().map(|(_, listed)| listed).collect();
        let mut lines = reply::who(&members);
        lines.extend(reply::not_encrypted(&members));
        if is_operator {
            lines.extend(reply::addresses(&members));
        }
        lines
    }

    /// Has something shown again, once the client has taken what it asked for before: a client that asks
    /// for more than it reads is read no further.
    pub(crate) fn replay(&self, replay: Replay) {
        let reader = self.connection.id();
        let may_go_on =
            |shared: &Shared| !shared.backpressure.is_replaying(reader) || shared.room.is_closed();
        let hub = self.hub();
        hub.with_once(&hub.taken, may_go_on, |shared| shared.aside(reader, Aside::Replay(replay)));
    }

    /// Has its client's telnet answered, between two lines and as soon as can be: the client may wait for
    /// that, and show nothing.
    pub(crate) fn answer_telnet(&self, answer: [u8; 3]) {
        let reader = self.connection.id();
        self.hub().with(|shared| {
            if !shared.room.is_closed() {
                shared.telnet_answers.push((reader, answer));
            }
        });
    }
}
