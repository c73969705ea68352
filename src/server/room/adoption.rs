//! How a room goes on after its log was set back: the servers that knew more of it come back, and give it what it has
//! lost of members and of what is known of people. Pure.
//!
//! Nothing that the log has by now is taken back for that: what was adopted is added to it.

use super::entry::Outcome;
use super::group::Adopted;
use super::groups::{Applied, HangUp};
use super::join_notices::Move;
use super::members::{Connected, Member};
use super::people::facts::{Fact, FactKey};
use super::people::sanctions::Person;
use super::{Change, Room};
use crate::protocol::name::{Likeness, Name};
use crate::protocol::reply::{Notice, SetBack, SharedNotice};
use crate::protocol::tag::{Body, Format, Seq};
use crate::server::audience::{Audience, MemberId};
use crate::server::connection::ConnectionId;

impl Change<'_> {
    /// A server that was `old` goes on under its new number, and had applied events up to `seq`: its members stay its
    /// own, and no number is given out again that it may have seen.
    pub(super) fn come_back(&mut self, old: u64, seq: Seq, member: u64) -> Outcome {
        let new = self.via;
        let Some(log) = &mut self.room.log else { return Outcome::Ignored };
        let end = self.room.transcript.end();
        let has_lost = seq >= end || log.jump_over(seq).is_some();
        if old != new {
            log.producers.remove(&old);
            self.room.members.hand_over(old, new);
            self.room.operator_codes.values_mut().filter(|it| it.producer == old).for_each(|it| {
                it.producer = new;
            });
        }
        if seq >= end {
            self.room.jump_events(seq);
        }
        if member > self.room.next_id {
            self.room.jump_members(member - 1);
        }
        if has_lost && self.room.log.as_mut().is_some_and(|log| log.may_tell()) {
            let notice = Notice::Shared(SharedNotice::SetBack(SetBack::MayBeMissing));
            self.tell(Audience::All, notice);
        }
        Outcome::Done
    }

    /// Takes a member up that a server knows better than the log.
    pub(super) fn adopt(
        &mut self,
        connection: ConnectionId,
        taken: u64,
        adopted: &Adopted,
        applied: &mut Applied,
    ) -> Outcome {
        let connection = Some(connection).filter(|connection| connection.number != 0);
        let is_adopted = match self.room.members.get(adopted.id) {
            Some(member) => {
                let is_it =
                    member.resumes_with().0 == adopted.token && member.format() == adopted.format;
                is_it && self.adopt_known(connection, taken, adopted)
            }
            None => self.adopt_unknown(connection, taken, adopted),
        };
        if is_adopted {
            return Outcome::Done;
        }
        if let Some(connection) = connection.filter(|it| self.effects.are_for(*it)) {
            applied.hang_up.push(HangUp { connection: connection.number, is_taken_over: true });
        }
        Outcome::Ignored
    }

    /// The same for one that the log has, too. Whether the connection speaks for it now, if there is one.
    fn adopt_known(
        &mut self,
        connection: Option<ConnectionId>,
        taken: u64,
        adopted: &Adopted,
    ) -> bool {
        let id = adopted.id;
        let Some(member) = self.room.members.get_mut(id) else { return false };
        member.taken = member.taken.max(taken);
        let (has, is_other) = (member.connection(), *member.name() != adopted.named.0);
        self.room.on_changed(id);
        match (has, connection) {
            (None, Some(connection)) => self.reconnect(id, connection, adopted),
            (Some(has), Some(connection)) if has != connection => return false,
            _ => {}
        }
        let (name, likeness) = &adopted.named;
        if is_other && self.room.is_free_for(likeness, adopted, Some(id)) {
            self.name_anew(id, name.clone(), likeness.clone());
        } else if is_other {
            self.tell_name(id);
        }
        true
    }

    fn reconnect(&mut self, id: MemberId, connection: ConnectionId, adopted: &Adopted) {
        // A connection speaks for one member.
        if self.room.members.of_connection(connection).is_some() {
            return;
        }
        self.room.disconnected.remove(id);
        self.room.members.connect(id, connection);
        if let Some(member) = self.room.members.get_mut(id) {
            (member.whence, member.lost_at) = (adopted.whence, Seq::MAX);
            let read = member.waiting_mut().map(std::mem::take).unwrap_or_default();
            read.all_senders().for_each(|sender| self.room.on_waiting_changed(id, sender));
        }
    }

    /// Takes a member up that the log does not have: under its name, or as a guest if that is somebody else's by now.
    fn adopt_unknown(
        &mut self,
        connection: Option<ConnectionId>,
        taken: u64,
        adopted: &Adopted,
    ) -> bool {
        let Adopted { id, format, whence, token, ref named, since, key, ref login, is_let_in } =
            *adopted;
        let person = Person { likeness: Some(&named.1), key, address: whence.address };
        let is_token_anothers = token.is_some_and(|it| self.room.members.holder(it).is_some());
        let speaks = connection.is_some_and(|it| self.room.members.of_connection(it).is_some());
        // A plain member without a connection has left, and nobody has a number that was not given out.
        let is_gone =
            (connection.is_none() && format == Format::Plain) || id.0 >= self.room.next_id;
        if is_token_anothers
            || speaks
            || is_gone
            || !self.has_room_for_one()
            || self.room.ban(&person, self.stamp.at).is_some()
        {
            return false;
        }
        let is_free = self.room.is_free_for(&named.1, adopted, None);
        let named = if is_free { named.clone() } else { self.room.guest() };
        let name = named.0.clone();
        let is_guest = named.0.guest_number();
        is_guest.into_iter().for_each(|number| self.room.guest_numbers.restore(number));
        let end = self.room.transcript.end();
        let member = Member::adopted(named, Connected { connection, taken, whence, key, end });
        self.room.members.insert(id, member);
        if let Some(member) = self.room.members.get_mut(id) {
            (member.login, member.is_let_in) = (login.clone(), is_let_in);
        }
        if format == Format::Tagged {
            self.room.members.make_resumable(id, token, since);
        }
        if connection.is_none() {
            self.room.disconnected.add(id, whence.origin, self.stamp.elapsed);
        }
        self.room.on_changed(id);
        self.room.judge(id);
        self.judge_mute(id);
        if !is_free {
            self.tell_move(Move::Join, id, Notice::Joined(&name));
            self.tell_name(id);
        }
        true
    }

    /// Gives a member the name that it had before the log was set back.
    fn name_anew(&mut self, id: MemberId, name: Name, likeness: Likeness) {
        let Some(old) = self.room.name_of(id).cloned() else { return };
        self.room.members.rename(id, name.clone(), likeness);
        self.room.on_name_given_up(&old);
        self.room.judge(id);
        self.judge_mute_of_name(id);
        self.tell(Audience::AllBut(id), Notice::IsNow { old: &old, new: &name });
    }

    /// Tells a member what it is called by now.
    fn tell_name(&mut self, id: MemberId) {
        let Some(member) = self.room.members.get(id) else { return };
        let (name, format) = (member.name().clone(), member.format());
        let Some(connection) = member.connection() else { return };
        self.answer(connection, format, Notice::YouAreNow(&name));
        if format == Format::Tagged {
            self.answer(connection, format, Body::Nick(name.as_str()));
        }
    }

    /// Takes up what a server knows of people and the log has lost. What the log has stays as it is.
    pub(super) fn adopt_fact(&mut self, key: &FactKey, fact: &Fact) -> Outcome {
        self.expire_facts();
        if let Some(key) = self.room.people.adopt(key, fact, self.stamp.at) {
            self.room.people.note(key);
        }
        if let Fact::Owner(owner) = fact {
            let likeness = owner.likeness().clone();
            self.room.judge_holder(&likeness);
        }
        Outcome::Done
    }
}

impl Room {
    /// Whether an adopted member may have a name: no other member has one like it, and nobody else owns it.
    fn is_free_for(&self, likeness: &Likeness, adopted: &Adopted, id: Option<MemberId>) -> bool {
        let owner = self.people.owners.alike(likeness);
        let is_its = owner.is_none_or(|owner| {
            let by_key = owner.key.is_some() && owner.key == adopted.key;
            let by_login = adopted.login.as_deref() == Some(owner.word());
            owner.word() == likeness.folded() && (by_key || by_login)
        });
        is_its && self.members.is_free(likeness, id)
    }
}
