//! Who is here, and over which connection: what others ask the room. Pure.

use super::Room;
use super::entry::Encryption;
use super::members::member::{Member, SpokenFor};
use super::token::TokenHash;
use crate::protocol::name::Name;
use crate::protocol::reply::Listed;
use crate::server::audience::MemberId;
use crate::server::connection::ConnectionId;

impl Room {
    /// How many members there are, and how many of them have no connection.
    pub(crate) fn count(&self) -> (usize, usize) {
        (self.members.count(), self.disconnected.count())
    }

    /// The members that have a connection to that server, each with that.
    pub(crate) fn connections(&self, producer: u64) -> impl Iterator<Item = (&Name, ConnectionId)> {
        self.members.iter().filter_map(move |member| {
            let connection = member.connection().filter(|it| it.producer == producer)?;
            Some((member.name(), ConnectionId::local(connection.number)))
        })
    }

    /// The name that a member has now.
    pub(crate) fn name_of(&self, member: MemberId) -> Option<&Name> {
        self.members.get(member).map(Member::name)
    }

    /// The member that a connection speaks for.
    pub(crate) fn member_over(&self, connection: ConnectionId) -> Option<MemberId> {
        self.members.of_connection(connection)
    }

    /// The same, with what its client has to know of itself.
    pub(crate) fn spoken_for(&self, connection: ConnectionId) -> Option<SpokenFor> {
        let id = self.member_over(connection)?;
        let member = self.members.get(id)?;
        let (name, format) = (member.name().clone(), member.format());
        Some(SpokenFor { id, name, format, taken: member.taken })
    }

    /// Whether a member is the server's own program.
    pub(super) fn is_hook(&self, member: MemberId) -> bool {
        let member = self.members.get(member);
        member.is_some_and(|member| member.connection() == Some(ConnectionId::OF_HOOK))
    }

    /// Everybody here, each with the key by which names are sorted.
    pub(crate) fn list(&self) -> Vec<(String, Listed)> {
        let copied = |member: &Member| {
            let listed = Listed {
                name: member.name().clone(),
                is_away: member.is_disconnected(),
                is_exposed: member.whence.encryption == Encryption::None,
                is_owner: member.standing.is_owner,
                is_operator: member.standing.is_operator,
                address: member.whence.address,
            };
            (member.likeness().folded().to_owned(), listed)
        };
        self.members.iter().map(copied).collect()
    }

    /// Whether the member with this token has a connection, which another one may take over.
    pub(crate) fn is_connected(&self, token: TokenHash) -> bool {
        let member = self.members.holder(token).and_then(|(member, _)| self.members.get(member));
        member.is_some_and(Member::may_be_taken_over)
    }

    /// The connection of the member with this token, on whichever server.
    pub(crate) fn connection_of(&self, token: TokenHash) -> Option<ConnectionId> {
        let (member, _) = self.members.holder(token)?;
        self.members.get(member)?.connection()
    }

    /// Whether anybody here could resume over another connection.
    pub(crate) fn has_connected_resumable(&self) -> bool {
        self.members.iter().any(Member::may_be_taken_over)
    }
}
