//! Orders: what an operator does to members, and how it is told. Pure.

use std::fmt::Display;
use std::time::Duration;

use super::entry::{Author, Ordered, Orderer, Outcome};
use super::members::Member;
use super::people::facts::FactKey;
use super::people::sanctions::{Person, Sanction};
use super::{Change, Gone, Room};
use crate::protocol::name::{Likeness, Name, Wanted};
use crate::protocol::network::Network;
use crate::protocol::reply::{
    CONSOLE, MAX_TOPIC, NameNotice, Notice, OrderNotice, OrderRefusal, Refusal,
};
use crate::protocol::request::{Order, Target};
use crate::protocol::span::Span;
use crate::protocol::tag::{Format, Millis};
use crate::protocol::text::{fold, shortened};
use crate::server::audience::{Audience, MemberId};

/// The most bytes of a reason that are told.
const MAX_REASON: usize = 200;

/// The topic that removes the topic.
const NO_TOPIC: &str = "-";

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

/// Who has given an order, while it is carried out.
struct Giver {
    /// The member, with the connection that the order came over and how that gets its lines; `None` is the server's
    /// own keyboard.
    member: Option<(Author, Format)>,
    /// As what the others are told of.
    name: String,
    /// What has come of it.
    ordered: Ordered,
}

impl Giver {
    fn is_console(&self) -> bool {
        self.member.is_none()
    }
}

impl Room {
    /// The ban that keeps somebody out now, as it is told.
    pub(crate) fn ban(&self, person: &Person<'_>, now: Millis) -> Option<Refusal<'static>> {
        let ban = self.people.ban_of(person, now)?;
        Some(Refusal::Order(OrderRefusal::Banned { until: ban.until, why: ban.why.clone() }))
    }

    /// Why a member cannot speak at that time, if it cannot.
    fn mute_of(&self, member: &Member, now: Millis) -> Option<&Sanction> {
        self.people.mutes.of(&person_of(member), now)
    }

    /// Finds out for all members anew whether they can speak.
    fn judge_mutes(&mut self, now: Millis) {
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

/// What is known of a member. Others may come from the same address, so that counts only for one who has no key.
pub(super) fn person_of(member: &Member) -> Person<'_> {
    let address = member.address.filter(|_| member.key.is_none());
    Person { likeness: Some(member.likeness()), key: member.key, address }
}

impl Change<'_> {
    /// Carries an order out, or tells why not.
    pub(super) fn order(&mut self, by: Orderer, order: &Order<'_>) -> Outcome {
        let Some(mut giver) = self.giver(by) else { return Outcome::Ignored };
        let is_operator = match by {
            Orderer::Console => true,
            Orderer::Member(author) => {
                self.room.members.get(author.member).is_some_and(|it| it.standing.is_operator)
            }
        };
        if let Order::Topic("") = order {
            let topic = self.room.people.topic.clone();
            self.tell_giver(&mut giver, Notice::Order(OrderNotice::Topic(&topic)));
        } else if !is_operator {
            self.tell_giver(&mut giver, Refusal::Order(OrderRefusal::OperatorsOnly));
        } else if let Err(refusal) = self.carry_out(&mut giver, order) {
            self.tell_giver(&mut giver, Refusal::Order(refusal));
        }
        giver.ordered.is_by_operator = is_operator;
        Outcome::Ordered(giver.ordered)
    }

    fn giver(&self, by: Orderer) -> Option<Giver> {
        let ordered = Ordered::default();
        match by {
            Orderer::Console => Some(Giver { member: None, name: CONSOLE.to_owned(), ordered }),
            Orderer::Member(author) => {
                let member = self.room.members.get(author.member)?;
                let name = member.name().to_string();
                Some(Giver { member: Some((author, member.format())), name, ordered })
            }
        }
    }

    fn carry_out<'o>(
        &mut self,
        giver: &mut Giver,
        order: &Order<'o>,
    ) -> Result<(), OrderRefusal<'o>> {
        match *order {
            Order::Kick { name, why } => self.kick(giver, name, &reason(why)),
            Order::Mute { name, time, why } => self.mute(giver, name, time, &reason(why)),
            Order::Unmute(name) => self.unmute(giver, name),
            Order::Ban { whom: Target::Name(name), time, why } => {
                self.ban_name(giver, name, time, &reason(why))
            }
            Order::Ban { whom: Target::Network(network), time, why } => {
                self.ban_network(giver, network, time, &reason(why))
            }
            Order::Unban(Target::Name(name)) => self.unban(giver, name, OrderRefusal::NoBan(name)),
            Order::Unban(Target::Network(network)) => {
                self.unban(giver, &network.to_string(), OrderRefusal::NoNetworkBan(network))
            }
            Order::Bans => {
                self.list_bans(giver);
                Ok(())
            }
            Order::Op(name) => self.op(giver, name),
            Order::Deop(name) => self.deop(giver, name),
            Order::Allow(name) => self.allow(giver, name),
            Order::Topic(topic) => self.set_topic(giver, topic),
            Order::Erase { name, time } => self.erase(giver, name, time),
            // The hub has what this is answered with.
            Order::Stats => Ok(()),
        }
    }

    fn kick<'o>(
        &mut self,
        giver: &mut Giver,
        wanted: &'o str,
        why: &str,
    ) -> Result<(), OrderRefusal<'o>> {
        let (id, name) = self.target(giver, wanted)?;
        let by = giver.name.clone();
        self.remove(giver, id, why, OrderNotice::Removed { name: &name, by: &by, why });
        giver.log(format_args!("removed {name}{}", Reason(why)));
        Ok(())
    }

    /// The member that is called so, unless it is an operator and the order a member's.
    fn target<'o>(
        &self,
        giver: &Giver,
        wanted: &'o str,
    ) -> Result<(MemberId, Name), OrderRefusal<'o>> {
        let found = Wanted::of(wanted).and_then(|wanted| self.room.members.find(&wanted));
        let member = found.and_then(|id| Some((id, self.room.members.get(id)?)));
        let (id, member) = member.ok_or(OrderRefusal::NobodyHere(wanted))?;
        if member.standing.is_operator && !giver.is_console() {
            return Err(OrderRefusal::IsOperator(wanted));
        }
        Ok((id, member.name().clone()))
    }

    /// Takes a member out, whose token is void, and tells it and the others.
    fn remove(&mut self, giver: &mut Giver, id: MemberId, why: &str, notice: OrderNotice<'_>) {
        let Some(member) = self.room.members.get(id) else { return };
        if let Some(connection) = member.connection {
            let refusal = match notice {
                OrderNotice::Banned { time, .. } => OrderRefusal::Banned {
                    until: time.map(|time| self.after(time)),
                    why: why.into(),
                },
                _ => OrderRefusal::Removed { by: &giver.name, why },
            };
            self.answer(connection, member.format(), Refusal::Order(refusal));
            self.effects.detached.push((connection, self.room.transcript.end()));
            giver.ordered.hang_up.push(connection);
        }
        self.note_visit(id);
        self.room.disconnected.remove(id);
        if let Some(mut member) = self.room.members.remove(id) {
            self.room.on_changed(id);
            self.room.on_left(&member);
            let waiting = member.waiting_mut().map(std::mem::take).unwrap_or_default();
            waiting.all_senders().for_each(|it| self.room.on_waiting_changed(id, it));
            self.tell_senders(member.name(), waiting);
        }
        self.tell_everyone(giver, notice);
    }

    fn mute<'o>(
        &mut self,
        giver: &mut Giver,
        wanted: &'o str,
        time: Duration,
        why: &str,
    ) -> Result<(), OrderRefusal<'o>> {
        let (id, name) = self.target(giver, wanted)?;
        let Some(member) = self.room.members.get_mut(id) else { return Ok(()) };
        member.is_muted = true;
        let sanction = Sanction {
            whom: name.as_str().into(),
            key: member.key,
            network: member.address.filter(|_| member.key.is_none()).and_then(own_network),
            is_of_name: true,
            until: None,
            by: giver.name.as_str().into(),
            why: why.into(),
        };
        self.forget_mutes(id);
        let until = Some(self.after(time));
        let mute = self.room.people.mutes.add(Sanction { until, ..sanction });
        self.room.people.note(FactKey::Mute(mute));
        let by = giver.name.clone();
        let notice = OrderNotice::Muted { name: &name, time, by: &by, why };
        self.tell_everyone(giver, notice);
        giver.log(format_args!("muted {name} for {}{}", Span(time), Reason(why)));
        Ok(())
    }

    /// Finds out whether a member that comes can speak.
    pub(super) fn judge_mute(&mut self, id: MemberId) {
        let now = self.stamp.at;
        let mute = self.room.members.get(id).and_then(|member| self.room.mute_of(member, now));
        let is_muted = mute.is_some();
        self.room.members.get_mut(id).into_iter().for_each(|it| it.is_muted = is_muted);
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

    fn unmute<'o>(&mut self, giver: &mut Giver, wanted: &'o str) -> Result<(), OrderRefusal<'o>> {
        let (id, name) = self.target(giver, wanted)?;
        if !self.forget_mutes(id) {
            return Err(OrderRefusal::NotMuted(wanted));
        }
        self.room.judge_mutes(self.stamp.at);
        self.tell_everyone(giver, OrderNotice::Unmuted(&name));
        giver.log(format_args!("let {name} speak again"));
        Ok(())
    }

    /// Why a member cannot speak, if it cannot. Mutes end by themselves.
    pub(super) fn why_muted(&mut self, id: MemberId) -> Option<(u32, Sanction)> {
        let now = self.stamp.at;
        let member = self.room.members.get(id).filter(|member| member.is_muted)?;
        match self.room.mute_of(member, now) {
            Some(mute) => {
                let left = mute.until.map_or(0, |until| (until - now).max(0));
                let seconds = u32::try_from(left.unsigned_abs().div_ceil(1000)).unwrap_or(u32::MAX);
                Some((seconds, mute.clone()))
            }
            None => {
                self.room.members.get_mut(id).into_iter().for_each(|it| it.is_muted = false);
                None
            }
        }
    }

    fn ban_name<'o>(
        &mut self,
        giver: &mut Giver,
        wanted: &'o str,
        time: Option<Duration>,
        why: &str,
    ) -> Result<(), OrderRefusal<'o>> {
        let subject = self.subject(wanted).ok_or(OrderRefusal::NobodyHere(wanted))?;
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
        giver.log(format_args!("banned {name}{address}{}{}", For(time), Reason(why)));
        Ok(())
    }

    fn add_ban(&mut self, giver: &Giver, sanction: Sanction, time: Option<Duration>, why: &str) {
        // One takes the place of another that is shown alike.
        for ban in self.room.people.bans.lift(&sanction.whom) {
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
    fn subject(&self, wanted: &str) -> Option<Subject> {
        let wanted = Wanted::of(wanted)?;
        let room = &*self.room;
        if let Some(id) = room.members.find(&wanted) {
            let member = room.members.get(id)?;
            let subject = room.subject_of(member.name(), member.key, member.address);
            let is_operator = member.standing.is_operator;
            return Some(Subject { member: Some(id), is_operator, ..subject });
        }
        if let Some(gone) = room.gone.iter().rev().find(|gone| gone.likeness.is_called(&wanted)) {
            let Gone { name, key, address, .. } = gone;
            return Some(room.subject_of(name, *key, *address));
        }
        let owner = room.people.owners.get(wanted.folded())?;
        Some(room.subject_of(&owner.name, owner.key, None))
    }

    fn ban_network<'o>(
        &mut self,
        giver: &mut Giver,
        network: Network,
        time: Option<Duration>,
        why: &str,
    ) -> Result<(), OrderRefusal<'o>> {
        if network.has_loopback() {
            return Err(OrderRefusal::Loopback(network));
        }
        let whom = network.to_string();
        let sanction = Sanction {
            whom: whom.as_str().into(),
            key: None,
            network: Some(network),
            is_of_name: false,
            until: None,
            by: Box::default(),
            why: Box::default(),
        };
        self.add_ban(giver, sanction, time, why);
        let by = giver.name.clone();
        let notice = OrderNotice::Banned { whom: &whom, by: &by, time, why };
        self.tell_everyone(giver, notice);
        let is_met = |(id, member): &(MemberId, &Member)| {
            let is_giver = giver.member.as_ref().is_some_and(|(by, _)| by.member == *id);
            member.address.is_some_and(|address| network.contains(address))
                && (giver.is_console() || !member.standing.is_operator)
                && !is_giver
        };
        let met = self.room.members.entries().filter(is_met);
        let met: Vec<_> = met.map(|(id, member)| (id, member.name().clone())).collect();
        for (id, name) in met {
            let notice = OrderNotice::Banned { whom: name.as_str(), by: &by, time, why };
            self.remove(giver, id, why, notice);
        }
        giver.log(format_args!("banned {network}{}{}", For(time), Reason(why)));
        Ok(())
    }

    fn unban<'o>(
        &mut self,
        giver: &mut Giver,
        whom: &str,
        none: OrderRefusal<'o>,
    ) -> Result<(), OrderRefusal<'o>> {
        let lifted = self.room.people.bans.lift(whom);
        if lifted.is_empty() {
            return Err(none);
        }
        lifted.into_iter().for_each(|ban| self.room.people.note(FactKey::Ban(ban)));
        self.tell_giver(giver, Notice::Order(OrderNotice::MayComeBack(whom)));
        giver.log(format_args!("lifted the ban of {whom}"));
        Ok(())
    }

    fn list_bans(&mut self, giver: &mut Giver) {
        let bans: Vec<_> = self.room.people.bans.iter(self.stamp.at).cloned().collect();
        self.tell_giver(giver, Notice::Order(OrderNotice::Bans(bans.len())));
        for Sanction { whom, until, by, why, .. } in &bans {
            let ban = OrderNotice::Ban { whom, until: *until, by, why };
            self.tell_giver(giver, Notice::Order(ban));
        }
    }

    fn op<'o>(&mut self, giver: &mut Giver, wanted: &'o str) -> Result<(), OrderRefusal<'o>> {
        let (name, likeness) = self.owner(wanted)?;
        self.room.people.change_owner(likeness.folded(), |owner| owner.is_operator = true);
        self.room.judge_holder(&likeness);
        let by = giver.name.clone();
        let notice = OrderNotice::Operator { name: name.as_str(), by: &by };
        self.tell_everyone(giver, notice);
        giver.log(format_args!("made {name} an operator"));
        Ok(())
    }

    fn deop<'o>(&mut self, giver: &mut Giver, wanted: &'o str) -> Result<(), OrderRefusal<'o>> {
        let (name, likeness) = self.owner(wanted)?;
        if !self.room.people.is_operator(&likeness) {
            return Err(OrderRefusal::NoOperator(wanted));
        }
        if !giver.is_console() && giver.name != name.as_str() {
            return Err(OrderRefusal::IsOperator(wanted));
        }
        self.room.people.change_owner(likeness.folded(), |owner| owner.is_operator = false);
        self.room.judge_holder(&likeness);
        if self.room.people.is_operator(&likeness) {
            return Err(OrderRefusal::ByOption(wanted));
        }
        let by = giver.name.clone();
        let notice = OrderNotice::NoOperator { name: name.as_str(), by: &by };
        self.tell_everyone(giver, notice);
        giver.log(format_args!("made {name} an ordinary member"));
        Ok(())
    }

    fn owner<'o>(&self, wanted: &'o str) -> Result<(Name, Likeness), OrderRefusal<'o>> {
        let owner = Wanted::of(wanted).and_then(|it| self.room.people.owners.get(it.folded()));
        let name = owner.map(|owner| owner.name.clone()).ok_or(OrderRefusal::NobodyOwns(wanted))?;
        let likeness = name.likeness();
        Ok((name, likeness))
    }

    fn allow<'o>(&mut self, giver: &mut Giver, wanted: &'o str) -> Result<(), OrderRefusal<'o>> {
        let (name, likeness) = self.owner(wanted)?;
        self.room.people.change_owner(likeness.folded(), |owner| owner.is_invited = true);
        self.tell_giver(giver, Notice::Name(NameNotice::MayComeIn(name.as_str())));
        giver.log(format_args!("let {name} in"));
        Ok(())
    }

    fn set_topic<'o>(&mut self, giver: &mut Giver, topic: &'o str) -> Result<(), OrderRefusal<'o>> {
        if topic.len() > MAX_TOPIC {
            return Err(OrderRefusal::TopicTooLong);
        }
        let topic = if topic == NO_TOPIC { "" } else { topic };
        self.room.people.topic = topic.into();
        self.room.people.note(FactKey::Topic);
        let by = giver.name.clone();
        let notice = OrderNotice::TopicSet { by: &by, topic };
        self.tell_everyone(giver, notice);
        giver.log(format_args!("set the topic{}", Reason(topic)));
        Ok(())
    }

    /// Erases what was said under a name, which may be nobody's by now.
    fn erase<'o>(
        &mut self,
        giver: &mut Giver,
        wanted: &'o str,
        time: Duration,
    ) -> Result<(), OrderRefusal<'o>> {
        let name = Name::parse(wanted).map_err(|_| OrderRefusal::NobodyHere(wanted))?;
        let is_own = name.likeness().folded() == fold(&giver.name);
        if !giver.is_console() && !is_own && self.is_operators(&name) {
            return Err(OrderRefusal::IsOperator(wanted));
        }
        let time_back = time.as_millis().try_into().unwrap_or(Millis::MAX);
        self.erase_said(&name, self.stamp.at.saturating_sub(time_back), &giver.name);
        giver.log(format_args!("erased what {name} said in the last {}", Span(time)));
        Ok(())
    }

    /// Whether a name is an operator's, who may be here or not.
    fn is_operators(&self, name: &Name) -> bool {
        let likeness = name.likeness();
        let member = Wanted::of(name.as_str()).and_then(|it| self.room.members.find(&it));
        member
            .and_then(|id| self.room.members.get(id))
            .is_some_and(|member| member.standing.is_operator)
            || self.room.people.is_operator(&likeness)
    }

    /// When a time is over that begins now.
    fn after(&self, time: Duration) -> Millis {
        self.stamp.at.saturating_add(time.as_millis().try_into().unwrap_or(Millis::MAX))
    }

    /// Tells everyone of an order; the server's own keyboard is no member, and is told, too.
    fn tell_everyone(&mut self, giver: &mut Giver, notice: OrderNotice<'_>) {
        self.tell(Audience::All, Notice::Order(notice));
        if giver.is_console() {
            giver.ordered.answers.push(Notice::Order(notice).to_string());
        }
    }

    /// Answers whoever has given the order.
    fn tell_giver(&mut self, giver: &mut Giver, line: impl Display) {
        match &giver.member {
            Some((by, format)) => self.answer(by.connection, *format, line),
            None => giver.ordered.answers.push(line.to_string()),
        }
    }
}

impl Room {
    /// What keeps out whoever has this name: the key, or the address for one who owns no name, or else the name.
    fn subject_of(
        &self,
        name: &Name,
        key: Option<crate::protocol::proof::KeyHash>,
        address: Option<std::net::IpAddr>,
    ) -> Subject {
        let owner = self.people.owners.get(name.likeness().folded());
        let is_owned = owner.is_some();
        let network = address.filter(|_| !is_owned).and_then(own_network);
        let is_by_name_alone = !is_owned && network.is_none();
        let key = key.or_else(|| owner.and_then(|owner| owner.key));
        let has_password = owner.is_some_and(|owner| owner.password.is_some());
        let sanction = Sanction {
            whom: name.as_str().into(),
            key,
            network,
            is_of_name: is_by_name_alone || has_password || key.is_none(),
            until: None,
            by: Box::default(),
            why: Box::default(),
        };
        let is_operator = self.people.is_operator(&name.likeness());
        Subject { name: name.clone(), sanction, member: None, is_operator, is_by_name_alone }
    }
}

/// The network by which an address is kept out: the address, or for IPv6 the 64 bits that a household has. An address
/// of the machine itself says nothing of whoever uses it.
fn own_network(address: std::net::IpAddr) -> Option<Network> {
    let network = match address.to_canonical() {
        std::net::IpAddr::V4(address) => Network::of(address.into()),
        std::net::IpAddr::V6(address) => Network::parse(&format!("{address}/64"))?,
    };
    (!network.has_loopback()).then_some(network)
}

impl Giver {
    /// Notes what is logged: an operator's name is told from others'.
    fn log(&mut self, what: impl Display) {
        let who =
            if self.is_console() { self.name.clone() } else { format!("{} (operator)", self.name) };
        self.ordered.log.push(format!("{who} {what}"));
    }
}

/// A reason as the log has it.
struct Reason<'a>(&'a str);

impl Display for Reason<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, ": {}", self.0) }
    }
}

/// A time as the log has it.
struct For(Option<Duration>);

impl Display for For {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.map_or(Ok(()), |time| write!(f, " for {}", Span(time)))
    }
}

fn reason(why: &str) -> std::borrow::Cow<'_, str> {
    shortened(why, MAX_REASON)
}
