//! How a room goes on after its log was set back: the servers that knew more of it come back, and give it what it has
//! lost of members and of what is known of people. Pure.
//!
//! Nothing that the log has by now is taken back for that: what was adopted is added to it.

use std::collections::BTreeMap;

use super::entry::Outcome;
use super::group::{Act, Adopted, Logged, Position};
use super::groups::{Applied, HangUp};
use super::join_notices::Move;
use super::log::Numbers;
use super::members::member::Member;
use super::people::facts::{Fact, FactKey};
use super::people::sanctions::Person;
use super::{Change, Room};
use crate::protocol::name::{Likeness, Name};
use crate::protocol::reply::{Notice, SetBack, SharedNotice};
use crate::protocol::tag::{Body, Format, Seq};
use crate::server::audience::{Audience, MemberId};
use crate::server::connection::ConnectionId;

/// What is known of people, by what it is about.
pub(crate) type Facts = BTreeMap<FactKey, Fact>;

/// The entry that has a member adopted, if it is the server's to say, and the new room does not know it as it is.
fn adoption(
    id: MemberId,
    member: &Member,
    new: &Room,
    (producer, is_alive): (u64, &impl Fn(u32) -> bool),
) -> Option<Logged<'static>> {
    let connection = member.connection();
    // Another server's are its own to adopt.
    if connection.is_some_and(|it| it.producer != producer) {
        return None;
    }
    let alive = connection.filter(|it| is_alive(it.number));
    if alive.is_none() && member.format() == Format::Plain {
        return None;
    }
    let is_known = new.members.get(id).is_some_and(|known| {
        let is_connected = alive.is_none() || known.connection() == alive;
        is_connected && known.taken >= member.taken && known.name() == member.name()
    });
    let (token, since) = member.resumes_with();
    let adopted = Adopted {
        id,
        format: member.format(),
        whence: member.whence,
        token,
        named: (member.name().clone(), member.likeness().clone()),
        since,
        key: member.key,
        login: member.login.clone(),
        is_let_in: member.is_let_in,
    };
    let connection = alive.map_or(0, |it| it.number);
    let act = Act::Adopt(Box::new(adopted));
    (!is_known).then_some(Logged { connection, line: member.taken, act })
}

impl Change<'_> {
    /// A server that was `old` goes on under its new number, and had applied events up to `seq`: its members stay its
    /// own, and no number is given out again that it may have seen. Lines may be missing only where it says so; the others
    /// tell what they have read beyond that.
    pub(super) fn come_back(
        &mut self,
        old: u64,
        kept: Position,
        Numbers { seq, member }: Numbers,
        has_lost_lines: bool,
    ) -> Outcome {
        let new = self.via;
        let Some(log) = &mut self.room.log else { return Outcome::Ignored };
        // A server that comes back does that first of all, or two of its connections could have the same number.
        let is_first = log.producers.get(&new).is_some_and(|producer| producer.last == 1);
        if !is_first || self.room.members.has_any_of(new) {
            return Outcome::Ignored;
        }
        let (end, moment) = (self.room.transcript.end(), log.clock);
        // The log is empty but for this, and the one who had applied most of the old one may be gone.
        let is_anew = kept == Position::default() && log.jumps.is_empty();
        // Right before the end of a jump there was never an event.
        let is_lost = log.jump_over(seq).is_some_and(|jump| seq + 1 < jump.to);
        let has_lost = seq >= end || is_anew || is_lost;
        if let Some(producer) = log.producers.get_mut(&new) {
            producer.kept = kept;
        }
        if old != new {
            let before = log.producers.remove(&old);
            if let (Some(before), Some(now)) = (before, log.producers.get_mut(&new)) {
                (now.server, now.version) = (before.server, before.version);
            }
            self.room.members.hand_over(old, new);
            self.room.operator_codes.values_mut().filter(|it| it.producer == old).for_each(|it| {
                it.producer = new;
            });
        }
        if seq >= end || is_anew {
            self.room.jump_events(seq, moment);
        }
        if member > self.room.next_id || is_anew {
            self.room.jump_members(member.saturating_sub(1), moment);
        }
        if has_lost && has_lost_lines && self.room.log.as_mut().is_some_and(|log| log.may_tell()) {
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
        if self.has_come_since_set_back(id) {
            let has = self.room.members.get(id).and_then(Member::connection);
            return connection.is_none_or(|connection| has == Some(connection));
        }
        let Some(member) = self.room.members.get_mut(id) else { return false };
        member.taken = member.taken.max(taken);
        let (has, is_other) = (member.connection(), *member.name() != adopted.named.0);
        self.room.on_changed(id);
        match (has, connection) {
            (None, Some(connection)) => self.reconnect(id, connection, adopted),
            (Some(has), Some(connection)) if has != connection => return false,
            _ => {}
        }
        if is_other && self.room.is_free_for(&adopted.named.1, adopted, Some(id)) {
            self.name_anew(id, &adopted.named);
        } else if is_other {
            self.tell_name(id);
        }
        true
    }

    /// Whether the member's client has joined or resumed in what the log has had since it was set back, as the server knows
    /// it that comes back. Then its client goes on from what it was told there: it counts its next line from the lines that
    /// were taken there, so one that is counted as taken after the fact would never be said.
    fn has_come_since_set_back(&self, id: MemberId) -> bool {
        let log = self.room.log.as_ref();
        let kept = log.and_then(|log| log.producers.get(&self.via)).map(|producer| producer.kept);
        let attached_at = self.room.members.get(id).map(|member| member.attached_at);
        attached_at > kept
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
            self.room.take_waiting(id);
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
        let mut member = Member::bare(named, connection, taken, whence);
        (member.key, member.login, member.is_let_in) = (key, login.clone(), is_let_in);
        if connection.is_none() {
            member.lost_at = self.room.transcript.end();
        }
        self.room.members.insert(id, member);
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
    fn name_anew(&mut self, id: MemberId, (name, likeness): &(Name, Likeness)) {
        let Some(old) = self.room.name_of(id).cloned() else { return };
        self.room.members.rename(id, name.clone(), likeness.clone());
        self.room.on_name_given_up(&old);
        self.room.judge(id);
        self.judge_mute_of_name(id);
        self.tell(Audience::AllBut(id), Notice::IsNow { old: &old, new: name });
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

    /// Forgets what a server knows to be over, if it is known as it was.
    pub(super) fn drop_fact(&mut self, key: &FactKey, fact: &Fact) -> Outcome {
        if self.room.people.drop_fact(key, fact) {
            self.room.people.note(key.clone());
            self.room.judge_mutes(self.stamp.at);
        }
        Outcome::Done
    }
}

impl Room {
    /// The first entry of a server whose log was set back, and whose room this was, with that number: it goes on under
    /// another one.
    pub(crate) fn back(&self, old: u64, kept: Position, has_lost_lines: bool) -> Logged<'static> {
        let Numbers { seq, member } = self.numbers();
        Logged::by_server(Act::Back { old, kept, seq, member, has_lost_lines })
    }

    /// What is known of people.
    pub(crate) fn facts(&self) -> Facts {
        self.people.facts().collect()
    }

    /// What a server proposes behind that whose room this was until the log was set back: what the room that was made
    /// anew of the log does not know, or knows otherwise. Its own members are those with connections of `producer`,
    /// in both rooms; not all of these are alive. `kept` was known of people up to where the log was kept.
    pub(crate) fn lost_by(
        &self,
        new: &Room,
        producer: u64,
        is_alive: impl Fn(u32) -> bool,
        kept: &Facts,
    ) -> Vec<Logged<'static>> {
        let mut entries = Vec::new();
        for (id, member) in self.members.entries() {
            entries.extend(adoption(id, member, new, (producer, &is_alive)));
        }
        // Of these the log does not know that they are gone.
        for (id, member) in new.members.entries() {
            let own = member.connection().filter(|it| it.producer == producer);
            let had = self.members.get(id).and_then(Member::connection);
            let is_gone = |it: &ConnectionId| had != Some(*it) || !is_alive(it.number);
            if let Some(gone) = own.filter(is_gone) {
                entries.push(Logged { connection: gone.number, line: 0, act: Act::Lost });
            }
        }
        entries.extend(self.facts_lost_by(new, kept));
        entries
    }

    /// What a server proposes for another one, which was `producer` and does not come back: its members are away until they
    /// resume elsewhere. Where that one comes back after all, it knows better, and adopts them once more.
    pub(crate) fn left_behind_by(
        &self,
        new: &Room,
        producer: u64,
    ) -> impl Iterator<Item = Logged<'static>> {
        let is_its = move |(_, member): &(MemberId, &Member)| {
            member.connection().is_some_and(|it| it.producer == producer)
        };
        let members = self.members.entries().filter(is_its);
        members.filter_map(move |(id, member)| adoption(id, member, new, (producer, &|_| false)))
    }

    /// What is over goes before what takes its place. A fact of before that is known no more was dropped by another server.
    fn facts_lost_by(&self, new: &Room, kept: &Facts) -> impl Iterator<Item = Logged<'static>> {
        let is_over = |(key, fact): &(&FactKey, &Fact)| {
            key.can_be_dropped() && !self.people.knows(key, fact) && new.people.knows(key, fact)
        };
        let over = kept.iter().filter(is_over);
        let over = over.map(|(key, fact)| Act::DropFact(key.clone(), Box::new(fact.clone())));
        let is_lost = |(key, fact): &(FactKey, Fact)| {
            !new.people.knows(key, fact) && kept.get(key) != Some(fact)
        };
        let lost = self.people.facts().filter(is_lost);
        let lost = lost.map(|(key, fact)| Act::AdoptFact(key, Box::new(fact)));
        let acts: Vec<_> = over.chain(lost).collect();
        acts.into_iter().map(Logged::by_server)
    }

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
