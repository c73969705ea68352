//! Who is in the room, and how a member is found: by its number, by its name, by what its name looks like, and
//! by its token. Pure.
//!
//! Each way is a map, so that a join costs the same among ten members and among thousands.

use std::collections::{BTreeMap, HashMap};

use super::token::TokenHash;
use super::waiting_lines::WaitingLines;
use crate::protocol::name::{Likeness, Name, Wanted};
use crate::protocol::tag::Seq;
use crate::server::audience::MemberId;
use crate::server::connection::ConnectionId;
use member::{Member, Resumable};

pub(crate) mod member;

/// All members.
#[derive(Debug, Default)]
pub(super) struct Members {
    /// By their numbers, and so in the order in which they joined.
    by_id: BTreeMap<MemberId, Member>,
    /// By their names without case.
    by_word: HashMap<String, MemberId>,
    /// By what their names look like: one or two entries for each.
    by_look: HashMap<String, MemberId>,
    /// By their tokens' hashes.
    by_token: HashMap<TokenHash, MemberId>,
    /// By the connections that speak for them.
    by_connection: HashMap<ConnectionId, MemberId>,
}

impl Members {
    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Member> {
        self.by_id.values()
    }

    pub(super) fn contains(&self, id: MemberId) -> bool {
        self.by_id.contains_key(&id)
    }

    pub(super) fn get(&self, id: MemberId) -> Option<&Member> {
        self.by_id.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: MemberId) -> Option<&mut Member> {
        self.by_id.get_mut(&id)
    }

    /// Each, with its number.
    pub(super) fn entries(&self) -> impl Iterator<Item = (MemberId, &Member)> {
        self.by_id.iter().map(|(id, member)| (*id, member))
    }

    /// The member that has this very name, in any case.
    pub(super) fn holder_of(&self, likeness: &Likeness) -> Option<MemberId> {
        self.by_word.get(likeness.folded()).copied()
    }

    /// The member that has the name which is this one without case.
    pub(super) fn of_word(&self, word: &str) -> Option<MemberId> {
        self.by_word.get(word).copied()
    }

    /// The member that is called so.
    pub(super) fn find(&self, wanted: &Wanted) -> Option<MemberId> {
        self.by_word.get(wanted.folded()).copied()
    }

    /// The member for which this connection speaks.
    pub(super) fn of_connection(&self, connection: ConnectionId) -> Option<MemberId> {
        self.by_connection.get(&connection).copied()
    }

    /// Has a connection speak for a member, which has none, from now on.
    pub(super) fn connect(&mut self, id: MemberId, connection: ConnectionId) {
        if let Some(member) = self.by_id.get_mut(&id) {
            debug_assert!(member.connection.is_none());
            member.connection = Some(connection);
            self.by_connection.insert(connection, id);
        }
    }

    /// Whether anybody is connected to that server.
    pub(super) fn has_any_of(&self, producer: u64) -> bool {
        let is_of = |connection: ConnectionId| connection.producer == producer;
        self.iter().filter_map(Member::connection).any(is_of)
    }

    /// Makes the connections of one server those of another, under the same numbers there.
    pub(super) fn hand_over(&mut self, old: u64, new: u64) {
        for (id, member) in &mut self.by_id {
            let Some(connection) = member.connection.filter(|it| it.producer == old) else {
                continue;
            };
            let handed_over = ConnectionId { producer: new, ..connection };
            self.by_connection.remove(&connection);
            self.by_connection.insert(handed_over, *id);
            member.connection = Some(handed_over);
        }
    }

    /// Takes its connection from a member.
    pub(super) fn disconnect(&mut self, id: MemberId) -> Option<ConnectionId> {
        let connection = self.by_id.get_mut(&id)?.connection.take()?;
        self.by_connection.remove(&connection);
        Some(connection)
    }

    /// The member that has this token, and the first event that it may get.
    pub(super) fn holder(&self, token: TokenHash) -> Option<(MemberId, Seq)> {
        let id = *self.by_token.get(&token)?;
        Some((id, self.by_id.get(&id)?.resumable.as_ref()?.since))
    }

    /// Whether no member but that one has a name like this.
    pub(super) fn is_free(&self, wanted: &Likeness, but_for: Option<MemberId>) -> bool {
        let is_anothers = |holder: Option<&MemberId>| holder.is_some_and(|it| Some(*it) != but_for);
        !is_anothers(self.by_word.get(wanted.folded()))
            && !wanted.looks().iter().any(|look| is_anothers(self.by_look.get(look)))
    }

    /// Adds a member, whose name must be free.
    pub(super) fn insert(&mut self, id: MemberId, member: Member) {
        debug_assert!(self.is_free(&member.likeness, None));
        if let Some(connection) = member.connection {
            self.by_connection.insert(connection, id);
        }
        if let Some(token) = member.resumes_with().0 {
            self.by_token.insert(token, id);
        }
        self.by_id.insert(id, member);
        self.index_name(id);
    }

    /// Takes a member out.
    pub(super) fn remove(&mut self, id: MemberId) -> Option<Member> {
        let member = self.by_id.remove(&id)?;
        if let Some(connection) = member.connection {
            self.by_connection.remove(&connection);
        }
        self.forget_name(&member.likeness);
        let token = member.resumable.as_ref().and_then(|resumable| resumable.token);
        token.and_then(|token| self.by_token.remove(&token));
        Some(member)
    }

    /// Gives a member another name, which must be free.
    pub(super) fn rename(&mut self, id: MemberId, name: Name, likeness: Likeness) {
        let Some(member) = self.by_id.get_mut(&id) else { return };
        member.name = name;
        let old = std::mem::replace(&mut member.likeness, likeness);
        self.forget_name(&old);
        self.index_name(id);
    }

    /// Lets a member resume from now on.
    pub(super) fn make_resumable(&mut self, id: MemberId, token: Option<TokenHash>, since: Seq) {
        self.make_plain(id);
        let Some(member) = self.by_id.get_mut(&id) else { return };
        member.resumable = Some(Resumable { token, since, waiting: WaitingLines::default() });
        if let Some(token) = token {
            self.by_token.insert(token, id);
        }
    }

    /// Lets a member resume no more.
    pub(super) fn make_plain(&mut self, id: MemberId) {
        let resumable = self.by_id.get_mut(&id).and_then(|member| member.resumable.take());
        let token = resumable.and_then(|resumable| resumable.token);
        token.and_then(|token| self.by_token.remove(&token));
    }

    fn index_name(&mut self, id: MemberId) {
        let Some(member) = self.by_id.get(&id) else { return };
        self.by_word.insert(member.likeness.folded().to_owned(), id);
        for look in member.likeness.looks() {
            self.by_look.insert(look.clone(), id);
        }
    }

    fn forget_name(&mut self, likeness: &Likeness) {
        self.by_word.remove(likeness.folded());
        for look in likeness.looks() {
            self.by_look.remove(look);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::{prop_assert_eq, proptest};
    use proptest::sample::select;

    use super::*;
    use crate::protocol::tag::Format;
    use crate::server::room::entry::{Credentials, Encryption, Newcomer, Whence};

    const NAMES: [&str; 10] = [
        "will",
        "vvill",
        "WILL",
        "alice",
        "\u{430}lice",
        "aIice",
        "bob",
        "BOB",
        "strasse",
        "straße",
    ];

    fn newcomer(number: u32) -> Newcomer {
        Newcomer {
            connection: ConnectionId::local(number),
            format: Format::Plain,
            taken: 0,
            whence: Whence { encryption: Encryption::Tls, address: None, origin: None },
            credentials: Credentials::default(),
            is_let_in: false,
        }
    }

    proptest! {
        /// The maps say what walking through all members would.
        #[test]
        fn names_are_free_as_if_each_was_compared(
            steps in vec((0..3_u8, 0..4_u64, select(&NAMES[..])), 1..40),
        ) {
            let mut members = Members::default();
            for (step, id, name) in steps {
                let (id, name) = (MemberId(id), Name::parse(name).expect("a name"));
                let likeness = name.likeness();
                let but_for = (step == 1).then_some(id);
                let others = members.by_id.iter().filter(|(other, _)| Some(**other) != but_for);
                let is_free = !others.into_iter().any(|(_, it)| it.likeness.is_like(&likeness));
                prop_assert_eq!(members.is_free(&likeness, but_for), is_free);
                let wanted = Wanted::of(name.as_str()).expect("it is short");
                let called = |(id, it): (&MemberId, &Member)| it.likeness.is_called(&wanted).then_some(*id);
                prop_assert_eq!(members.find(&wanted), members.by_id.iter().find_map(called));
                match step {
                    0 if is_free && !members.contains(id) => {
                        members.insert(id, Member::new((name, likeness), &newcomer(id.0 as u32)));
                    }
                    1 if is_free => members.rename(id, name, likeness),
                    2 => drop(members.remove(id)),
                    _ => {}
                }
            }
        }
    }
}
