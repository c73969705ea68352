//! How somebody joins: under the name that it wants, as a guest, or not at all; and what it is told first. Pure.

use super::effects::{Aside, Attach};
use super::entry::{Newcomer, NoName, Outcome};
use super::join_notices::Move;
use super::keeping::Keeping;
use super::log::MAX_MEMBERS;
use super::members::member::Member;
use super::people::sanctions::Person;
use super::token::Issued;
use super::{Change, Room};
use crate::protocol::name::{Likeness, Name};
use crate::protocol::reply::{Notice, OrderNotice, Refusal};
use crate::protocol::tag::{Format, Seq};
use crate::server::audience::{MemberId, Recipient};
use crate::server::connection::ConnectionId;
use crate::server::replay::Replay;

impl Change<'_> {
    pub(super) fn join(
        &mut self,
        newcomer: Newcomer,
        wanted: Option<(Name, Likeness)>,
        token: Option<Issued>,
    ) -> Outcome {
        let person = Person {
            likeness: wanted.as_ref().map(|(_, likeness)| likeness),
            key: newcomer.credentials.key,
            address: newcomer.whence.address,
        };
        if let Some(banned) = self.room.ban(&person, self.stamp.at) {
            return Outcome::Refused(banned);
        }
        let Some(wanted) = wanted else { return self.join_as_guest(newcomer, token, None) };
        let (name, likeness) = &wanted;
        let (credentials, encryption) = (&newcomer.credentials, newcomer.whence.encryption);
        let why = match self.why_not(likeness, credentials, encryption) {
            Some(why) => why,
            None if self.room.members.is_free(likeness, None) => {
                if !self.has_room_for_one() {
                    return Outcome::Refused(Refusal::MembersFull(MAX_MEMBERS));
                }
                return self.admit(newcomer, wanted, token, None);
            }
            None => match self.ghost_of(likeness, credentials) {
                Some(ghost) => return self.take_over_ghost(ghost, newcomer, token),
                None => NoName::Taken,
            },
        };
        match newcomer.format {
            Format::Plain => self.join_as_guest(newcomer, token, Some(&why.refusal(name))),
            Format::Tagged => Outcome::NoName(why),
        }
    }

    fn join_as_guest(
        &mut self,
        newcomer: Newcomer,
        token: Option<Issued>,
        refusal: Option<&Refusal<'_>>,
    ) -> Outcome {
        if !self.has_room_for_one() {
            return Outcome::Refused(Refusal::MembersFull(MAX_MEMBERS));
        }
        let named = self.room.guest();
        self.admit(newcomer, named, token, refusal)
    }

    /// Takes a member in under a name that is free. It may have been refused another one.
    fn admit(
        &mut self,
        newcomer: Newcomer,
        named: (Name, Likeness),
        token: Option<Issued>,
        refusal: Option<&Refusal<'_>>,
    ) -> Outcome {
        let id = MemberId(self.room.next_id);
        self.room.next_id += 1;
        let Newcomer { connection, format, .. } = newcomer;
        let (others, away) = self.room.count();
        let name = named.0.clone();
        self.tell_move(Move::Join, id, Notice::Joined(&name));
        let most = if self.effects.are_for(connection) { self.room.replay } else { 0 };
        let newest = self.room.transcript.newest(id, most);
        let replay = Replay::newest(format, newest, self.room.gaps.clone());
        self.answer(connection, format, Notice::YouAre { name: &name, others, away });
        self.room.members.insert(id, Member::new(named, &newcomer));
        self.room.on_changed(id);
        self.room.judge(id);
        self.judge_mute(id);
        self.note_visit(id);
        match format {
            Format::Plain => {}
            Format::Tagged => self.make_resumable(id, &name, connection, token),
        }
        if let Some(refusal) = refusal {
            self.answer(connection, format, refusal);
        }
        let notices: Vec<_> = self.room.notices().map(|notice| notice.to_string()).collect();
        notices.iter().for_each(|notice| self.answer(connection, format, notice));
        let from = self.room.transcript.end();
        if !replay.is_empty() && !self.room.is_closed {
            self.effects.aside(connection, from, Aside::Replay(replay));
        }
        self.attach(Recipient { member: id, format }, connection, String::new(), from);
        self.deliver(id);
        Outcome::Joined { member: id, name, here: self.room.members.count() }
    }

    /// Whether there may be one member more. In a room that several servers hold one that is disconnected makes room,
    /// if that has to be.
    pub(super) fn has_room_for_one(&mut self) -> bool {
        if self.room.log.is_none() || self.room.members.count() < MAX_MEMBERS {
            return true;
        }
        let gone = self.room.disconnected.take_of_most();
        gone.and_then(|gone| self.part_with(gone)).is_some()
    }

    /// Serves a member over this connection, from that event on.
    pub(super) fn attach(
        &mut self,
        recipient: Recipient,
        connection: ConnectionId,
        greeting: String,
        from: Seq,
    ) {
        if let (Some(log), Some(member)) =
            (&self.room.log, self.room.members.get_mut(recipient.member))
        {
            member.attached_at = log.position;
        }
        let offset = self.room.transcript.offset(from);
        let attach = Attach { recipient, connection, greeting, from, offset };
        self.effects.attach(attach);
    }
}

impl Room {
    /// What holds for the room, as a newcomer is told.
    pub(super) fn notices(&self) -> impl Iterator<Item = Notice<'_>> {
        let topic = Some(&*self.people.topic).filter(|topic| !topic.is_empty());
        let topic = topic.map(|topic| Notice::Order(OrderNotice::Topic(topic)));
        self.keeping.map(Keeping::notice).into_iter().chain(topic)
    }
}
