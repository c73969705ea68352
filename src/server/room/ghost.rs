//! How the owner of a name takes the place of a session of its own that is disconnected. Pure.
//!
//! Others are told nothing. The new session gets what was said since the old one was lost, as it would if it had resumed;
//! the old token is void.

use super::effects::{self, Aside};
use super::entry::{Credentials, Newcomer, Outcome};
use super::token::Issued;
use super::{Change, Room};
use crate::protocol::name::Likeness;
use crate::protocol::reply::{Missing, Notice};
use crate::protocol::tag::{Body, Format};
use crate::server::audience::{MemberId, Recipient};
use crate::server::replay::Replay;

impl Change<'_> {
    /// The disconnected member with this name, if somebody with these credentials owns it as that one does.
    pub(super) fn ghost_of(
        &self,
        likeness: &Likeness,
        credentials: &Credentials,
    ) -> Option<MemberId> {
        let id = self.room.members.holder_of(likeness)?;
        let member = self.room.members.get(id)?;
        let owner = self.room.people.owners.get(likeness.folded())?;
        let is_ghost = member.is_disconnected() && member.standing.is_owner;
        (is_ghost && credentials.show(owner)).then_some(id)
    }

    /// Serves a newcomer as that member.
    pub(super) fn take_over_ghost(
        &mut self,
        id: MemberId,
        newcomer: Newcomer,
        token: Option<Issued>,
    ) -> Outcome {
        let Newcomer { connection, format, taken, whence, credentials, is_let_in } = newcomer;
        let Some(member) = self.room.members.get_mut(id) else { return Outcome::Ignored };
        let (name, word, lost_at) =
            (member.name().clone(), member.likeness().folded().to_owned(), member.lost_at);
        (member.taken, member.whence) = (taken, whence);
        member.key = credentials.key;
        member.login = credentials.has_password.then_some(word);
        member.is_let_in |= is_let_in;
        self.room.take_waiting(id);
        self.room.disconnected.remove(id);
        self.room.members.connect(id, connection);
        let (next, missed) = self.room.place_of_ghost(Recipient { member: id, format }, lost_at);
        match format {
            Format::Plain => self.room.members.make_plain(id),
            Format::Tagged => {
                self.room.members.make_resumable(id, token.map(|token| token.hash), next);
            }
        }
        if let Some(member) = self.room.members.get_mut(id) {
            member.lost_at = crate::protocol::tag::Seq::MAX;
        }
        self.room.on_changed(id);
        self.room.judge(id);
        let greeting = self.greeting_of_ghost(id, format, token, missed);
        let newest = self.room.transcript.newest_before(next, id, self.room.replay);
        let replay = Replay::newest(format, newest, self.room.gaps.clone());
        if !replay.is_empty() && !self.room.is_closed {
            self.effects.aside(connection, next, Aside::Replay(replay));
        }
        self.attach(Recipient { member: id, format }, connection, greeting, next);
        self.note_visit(id);
        self.deliver(id);
        Outcome::Joined { member: id, name, here: self.room.members.count() }
    }

    /// What the newcomer is told first.
    fn greeting_of_ghost(
        &mut self,
        id: MemberId,
        format: Format,
        token: Option<Issued>,
        missed: u64,
    ) -> String {
        let Some(name) = self.room.name_of(id).cloned() else { return String::new() };
        let (name, at) = (&name, self.stamp.at);
        let line = |line: &dyn std::fmt::Display| effects::line(format, line, at);
        let (members, away) = self.room.count();
        let mut greeting = line(&Notice::YouAre { name, others: members - 1, away });
        if format == Format::Tagged {
            if let Some(token) = self.effects.token(token) {
                greeting += &line(&Body::Token(token));
            }
            greeting += &line(&Body::Limits(self.room.limits));
            greeting += &line(&Body::Nick(name.as_str()));
        }
        self.room.notices().for_each(|notice| greeting += &line(&notice));
        if missed > 0 {
            greeting += &line(&Notice::Missed(missed, Missing::Away));
        }
        greeting
    }
}

impl Room {
    /// From which event on the newcomer is served, and how many lines before that are forgotten.
    fn place_of_ghost(&self, recipient: Recipient, lost_at: u64) -> (u64, u64) {
        let place = self.place_from(recipient, lost_at.min(self.transcript.end()));
        place.map_or((self.transcript.end(), 0), |place| (place.next, place.missed))
    }
}
