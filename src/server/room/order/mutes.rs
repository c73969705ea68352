//! Who cannot speak: how that begins, and how it ends, by an order or by itself. Pure.

use std::time::Duration;

use super::Giver;
use super::bans::own_network;
use crate::protocol::reply::{Because, OrderNotice, OrderRefusal};
use crate::protocol::span::Span;
use crate::protocol::tag::Millis;
use crate::server::audience::MemberId;
use crate::server::room::members::member::Member;
use crate::server::room::people::facts::FactKey;
use crate::server::room::people::sanctions::{Person, Sanction};
use crate::server::room::{Change, Room};

/// What is known of a member. Others may come from the same address, so that counts only for one who has no key.
pub(in crate::server::room) fn person_of(member: &Member) -> Person<'_> {
    let address = member.whence.address.filter(|_| member.key.is_none());
    Person { likeness: Some(member.likeness()), key: member.key, address }
}

impl Change<'_> {
    pub(super) fn mute<'o>(
        &mut self,
        giver: &mut Giver,
        wanted: &'o str,
        time: Duration,
        why: &str,
    ) -> Result<(), OrderRefusal<'o>> {
        let (id, name) = self.target(giver, wanted)?;
        let Some(member) = self.room.members.get(id) else { return Ok(()) };
        let sanction = Sanction {
            whom: name.as_str().into(),
            likeness: member.likeness().clone(),
            key: member.key,
            network: member.whence.address.filter(|_| member.key.is_none()).and_then(own_network),
            is_of_name: true,
            until: None,
            by: giver.name.as_str().into(),
            why: why.into(),
        };
        self.forget_mutes(id);
        let until = Some(self.after(time));
        let mute = self.room.people.mutes.add(Sanction { until, ..sanction });
        self.room.people.note(FactKey::Mute(mute));
        let here: Vec<_> = self.room.members.entries().map(|(id, _)| id).collect();
        here.into_iter().for_each(|id| self.judge_mute_of_name(id));
        let by = giver.name.clone();
        let notice = OrderNotice::Muted { name: &name, time, by: &by, why };
        self.tell_everyone(giver, notice);
        giver.log(format_args!("muted {name} for {}{}", Span(time), Because(why)));
        Ok(())
    }

    /// Finds out whether a member that comes can speak.
    pub(in crate::server::room) fn judge_mute(&mut self, id: MemberId) {
        let now = self.stamp.at;
        let mute = self.room.members.get(id).and_then(|member| self.room.mute_of(member, now));
        let is_muted = mute.is_some();
        self.room.members.get_mut(id).into_iter().for_each(|it| it.is_muted = is_muted);
    }

    /// The same for a member that is here, or has taken another name: where it is from does not count then.
    pub(in crate::server::room) fn judge_mute_of_name(&mut self, id: MemberId) {
        let Some(member) = self.room.members.get(id) else { return };
        let person = Person { address: None, ..person_of(member) };
        if self.room.people.mutes.of(&person, self.stamp.at).is_some() {
            self.room.members.get_mut(id).into_iter().for_each(|it| it.is_muted = true);
        }
    }

    /// Lifts all mutes that hold for a member.
    fn forget_mutes(&mut self, id: MemberId) -> bool {
        self.expire_facts();
        let Some(member) = self.room.members.get(id) else { return false };
        let lifted = self.room.people.mutes.lift_of(&person_of(member));
        for mute in &lifted {
            self.room.people.note(FactKey::Mute(*mute));
        }
        !lifted.is_empty()
    }

    pub(super) fn unmute<'o>(
        &mut self,
        giver: &mut Giver,
        wanted: &'o str,
    ) -> Result<(), OrderRefusal<'o>> {
        let called = giver.whom.as_ref().and_then(|(_, it)| self.room.members.holder_of(it));
        let here = called.and_then(|id| Some((id, self.room.members.get(id)?.name().clone())));
        let (is_lifted, name) = match here {
            Some((id, name)) => (self.forget_mutes(id), name),
            None => {
                let (name, likeness) =
                    giver.whom.clone().ok_or(OrderRefusal::NobodyHere(wanted))?;
                let lifted = self.room.people.mutes.lift(&likeness);
                lifted.iter().for_each(|mute| self.room.people.note(FactKey::Mute(*mute)));
                (!lifted.is_empty(), name)
            }
        };
        if !is_lifted {
            let is_here = called.is_some();
            let (muted, here) = (OrderRefusal::NotMuted(wanted), OrderRefusal::NobodyHere(wanted));
            return Err(if is_here { muted } else { here });
        }
        self.room.judge_mutes(self.stamp.at);
        self.tell_everyone(giver, OrderNotice::Unmuted(&name));
        giver.log(format_args!("let {name} speak again"));
        Ok(())
    }

    /// Why a member cannot speak, if it cannot. Mutes end by themselves.
    pub(in crate::server::room) fn why_muted(&mut self, id: MemberId) -> Option<(u32, Sanction)> {
        let now = self.stamp.at;
        let member = self.room.members.get(id).filter(|member| member.is_muted)?;
        match self.room.mute_of(member, now) {
            Some(mute) => {
                let left = mute.until.map_or(0, |until| until.saturating_sub(now).max(0));
                let seconds = u32::try_from(left.unsigned_abs().div_ceil(1000)).unwrap_or(u32::MAX);
                Some((seconds, mute.clone()))
            }
            None => {
                self.room.members.get_mut(id).into_iter().for_each(|it| it.is_muted = false);
                None
            }
        }
    }
}

impl Room {
    /// Why a member cannot speak at that time, if it cannot.
    fn mute_of(&self, member: &Member, now: Millis) -> Option<&Sanction> {
        self.people.mutes.of(&person_of(member), now)
    }

    /// Finds out for all members anew whether they can speak.
    pub(in crate::server::room) fn judge_mutes(&mut self, now: Millis) {
        let muted: Vec<_> = self
            .members
            .entries()
            .filter(|(_, member)| member.is_muted)
            .filter(|(_, member)| self.mute_of(member, now).is_none())
            .map(|(id, _)| id)
            .collect();
        for id in muted {
            self.members.get_mut(id).into_iter().for_each(|member| member.is_muted = false);
        }
    }
}
