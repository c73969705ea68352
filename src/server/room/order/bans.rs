//! Who is kept out: how a ban is set, on a name, an address or a network, and lifted. Pure.

use std::net::IpAddr;
use std::time::Duration;

use super::{For, Giver};
use crate::protocol::name::{Likeness, Name};
use crate::protocol::network::Network;
use crate::protocol::proof::KeyHash;
use crate::protocol::reply::{Because, Notice, OrderNotice, OrderRefusal, Refusal};
use crate::protocol::tag::Millis;
use crate::server::audience::MemberId;
use crate::server::room::leaving::Gone;
use crate::server::room::members::member::Member;
use crate::server::room::people::facts::FactKey;
use crate::server::room::people::sanctions::{Person, Sanction};
use crate::server::room::{Change, Room};

/// Somebody whom an order is about.
struct Subject {
    /// The name as it is spelled.
    name: Name,
    /// What is known of whoever has it.
    sanction: Sanction,
    /// The member, if it is one.
    member: Option<MemberId>,
    /// Whether it is an operator.
    is_operator: bool,
    /// Whether the address could not be used, since it is nobody's own.
    is_by_name_alone: bool,
}

impl Change<'_> {
    pub(super) fn ban_name<'o>(
        &mut self,
        giver: &mut Giver,
        wanted: &'o str,
        time: Option<Duration>,
        why: &str,
    ) -> Result<(), OrderRefusal<'o>> {
        let subject = self.subject(giver).ok_or(OrderRefusal::NobodyHere(wanted))?;
        let Subject { name, sanction, member, is_operator, is_by_name_alone } = subject;
        if is_operator && !giver.is_console() {
            return Err(OrderRefusal::IsOperator(wanted));
        }
        let address = sanction.network.map(|it| format!(", {it},")).unwrap_or_default();
        self.add_ban(giver, sanction, time, why);
        let by = giver.name.clone();
        let notice = OrderNotice::Banned { whom: name.as_str(), by: &by, time, why };
        match member {
            Some(id) => self.remove(giver, id, why, notice),
            None => self.tell_everyone(giver, notice),
        }
        if is_by_name_alone {
            let notice = OrderNotice::NameAlone(name.as_str());
            self.tell_giver(giver, Notice::Order(notice));
        }
        giver.log(format_args!("banned {name}{address}{}{}", For(time), Because(why)));
        Ok(())
    }

    fn add_ban(&mut self, giver: &Giver, sanction: Sanction, time: Option<Duration>, why: &str) {
        // One takes the place of another that is shown alike.
        for ban in self.room.people.bans.lift(&sanction.likeness) {
            self.room.people.note(FactKey::Ban(ban));
        }
        self.room.people.expire(self.stamp.at);
        let until = time.map(|time| self.after(time));
        let (by, why) = (giver.name.as_str().into(), why.into());
        if let Some(key) = sanction.key
            && self.room.people.invitations.shut_out(key)
        {
            self.room.people.note(FactKey::LetIn(key));
        }
        let ban = self.room.people.bans.add(Sanction { until, by, why, ..sanction });
        self.room.people.note(FactKey::Ban(ban));
    }

    /// Whom a name stands for: a member, one that has just left, or an owner.
    fn subject(&self, giver: &Giver) -> Option<Subject> {
        let (_, wanted) = giver.whom.as_ref()?;
        let room = &*self.room;
        if let Some(id) = room.members.holder_of(wanted) {
            let member = room.members.get(id)?;
            let named = (member.name(), member.likeness());
            let subject = room.subject_of(named, member.key, member.whence.address);
            let is_operator = member.standing.is_operator;
            return Some(Subject { member: Some(id), is_operator, ..subject });
        }
        if let Some(gone) = room.gone.iter().rev().find(|gone| gone.likeness.is_same_word(wanted)) {
            let Gone { name, likeness, key, address } = gone;
            return Some(room.subject_of((name, likeness), *key, *address));
        }
        let owner = room.people.owners.get(wanted.folded())?;
        Some(room.subject_of((&owner.name, owner.likeness()), owner.key, None))
    }

    pub(super) fn ban_network<'o>(
        &mut self,
        giver: &mut Giver,
        network: Network,
        time: Option<Duration>,
        why: &str,
    ) -> Result<(), OrderRefusal<'o>> {
        if network.has_loopback() {
            return Err(OrderRefusal::Loopback(network));
        }
        let is_operators = |member: &Member| {
            member.standing.is_operator
                && member.whence.address.is_some_and(|it| network.contains(it))
        };
        if !giver.is_console() && self.room.members.iter().any(is_operators) {
            return Err(OrderRefusal::OperatorFrom(network));
        }
        let whom = network.to_string();
        let sanction = Sanction {
            whom: whom.as_str().into(),
            likeness: Likeness::of(&whom),
            key: None,
            network: Some(network),
            is_of_name: false,
            until: None,
            by: Box::default(),
            why: Box::default(),
        };
        self.add_ban(giver, sanction, time, why);
        // Nobody but operators is told an address.
        let by = giver.name.clone();
        let notice = OrderNotice::Banned { whom: &whom, by: &by, time, why };
        self.tell_giver(giver, Notice::Order(notice));
        let is_met = |(_, member): &(MemberId, &Member)| {
            member.whence.address.is_some_and(|address| network.contains(address))
        };
        let met = self.room.members.entries().filter(is_met);
        let met: Vec<_> = met.map(|(id, member)| (id, member.name().clone())).collect();
        for (id, name) in met {
            let notice = OrderNotice::Banned { whom: name.as_str(), by: &by, time, why };
            self.remove(giver, id, why, notice);
        }
        giver.log(format_args!("banned {network}{}{}", For(time), Because(why)));
        Ok(())
    }

    pub(super) fn unban<'o>(
        &mut self,
        giver: &mut Giver,
        (whom, likeness): (&str, Option<Likeness>),
        none: OrderRefusal<'o>,
    ) -> Result<(), OrderRefusal<'o>> {
        let bans = &mut self.room.people.bans;
        let lifted = likeness.map_or_else(Vec::new, |likeness| bans.lift(&likeness));
        if lifted.is_empty() {
            return Err(none);
        }
        lifted.into_iter().for_each(|ban| self.room.people.note(FactKey::Ban(ban)));
        self.tell_giver(giver, Notice::Order(OrderNotice::MayComeBack(whom)));
        giver.log(format_args!("lifted the ban of {whom}"));
        Ok(())
    }

    pub(super) fn list_bans(&mut self, giver: &mut Giver) {
        let bans: Vec<_> = self.room.people.bans.iter(self.stamp.at).cloned().collect();
        self.tell_giver(giver, Notice::Order(OrderNotice::Bans(bans.len())));
        for Sanction { whom, until, by, why, .. } in &bans {
            let ban = OrderNotice::Ban { whom, until: *until, by, why };
            self.tell_giver(giver, Notice::Order(ban));
        }
        let mutes: Vec<_> = self.room.people.mutes.iter(self.stamp.at).cloned().collect();
        for Sanction { whom, until, by, why, .. } in &mutes {
            let mute = OrderNotice::Mute { whom, until: *until, by, why };
            self.tell_giver(giver, Notice::Order(mute));
        }
    }
}

impl Room {
    /// The ban that keeps somebody out now, as it is told.
    pub(crate) fn ban(&self, person: &Person<'_>, now: Millis) -> Option<Refusal<'static>> {
        let ban = self.people.ban_of(person, now)?;
        Some(Refusal::Order(OrderRefusal::Banned { until: ban.until, why: ban.why.clone() }))
    }

    /// What keeps out whoever has this name: the key, or the address for one who owns no name, or else the name.
    fn subject_of(
        &self,
        (name, likeness): (&Name, &Likeness),
        key: Option<KeyHash>,
        address: Option<IpAddr>,
    ) -> Subject {
        let owner = self.people.owners.get(likeness.folded());
        let is_owned = owner.is_some();
        // An address that an operator has, too, would keep out the operator.
        let is_operators = |network: &Network| {
            let is_from = |address| network.contains(address);
            self.members
                .iter()
                .any(|it| it.standing.is_operator && it.whence.address.is_some_and(is_from))
        };
        let network = address.filter(|_| !is_owned).and_then(own_network);
        let network = network.filter(|network| !is_operators(network));
        let is_by_name_alone = !is_owned && network.is_none();
        let key = key.or_else(|| owner.and_then(|owner| owner.key));
        let has_password = owner.is_some_and(|owner| owner.password.is_some());
        let sanction = Sanction {
            whom: name.as_str().into(),
            likeness: likeness.clone(),
            key,
            network,
            is_of_name: is_by_name_alone || has_password || key.is_none(),
            until: None,
            by: Box::default(),
            why: Box::default(),
        };
        let is_operator = self.people.is_operator(likeness);
        Subject { name: name.clone(), sanction, member: None, is_operator, is_by_name_alone }
    }
}

/// The network by which an address is kept out: the address, or for IPv6 the 64 bits that a household has. An address
/// of the machine itself says nothing of whoever uses it.
pub(super) fn own_network(address: IpAddr) -> Option<Network> {
    let network = match address.to_canonical() {
        IpAddr::V4(address) => Network::of(address.into()),
        IpAddr::V6(address) => Network::parse(&format!("{address}/64"))?,
    };
    (!network.has_loopback()).then_some(network)
}
