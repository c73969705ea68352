//! Orders: what an operator does to members, and how it is told. Pure.

use std::fmt::Display;
use std::time::Duration;

use super::Change;
use super::entry::{Author, Ordered, Orderer, Outcome};
use super::people::facts::FactKey;
use crate::protocol::name::{Likeness, Name};
use crate::protocol::reply::{
    Because, CONSOLE, MAX_TOPIC, NameNotice, Notice, OrderNotice, OrderRefusal, Refusal,
};
use crate::protocol::request::{Order, Target};
use crate::protocol::span::Span;
use crate::protocol::tag::{Format, Millis};
use crate::protocol::text::shortened;
use crate::server::audience::{Audience, MemberId};

mod bans;
pub(super) mod mutes;

/// The most bytes of a reason that are told.
pub(crate) const MAX_REASON: usize = 200;

/// The topic that removes the topic.
const NO_TOPIC: &str = "-";

/// Who has given an order, while it is carried out.
struct Giver {
    /// The member, with the connection that the order came over and how that gets its lines; `None` is the server's
    /// own keyboard.
    member: Option<(Author, Format)>,
    /// As what the others are told of.
    name: String,
    /// Whom it is about, if it names somebody and that can be a name.
    whom: Option<(Name, Likeness)>,
    /// What has come of it.
    ordered: Ordered,
}

impl Giver {
    fn is_console(&self) -> bool {
        self.member.is_none()
    }
}

impl Change<'_> {
    /// Carries an order out, or tells why not.
    pub(super) fn order(
        &mut self,
        by: Orderer,
        order: &Order<'_>,
        whom: Option<(Name, Likeness)>,
    ) -> Outcome {
        let Some(mut giver) = self.giver(by, whom) else { return Outcome::Ignored };
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

    fn giver(&self, by: Orderer, whom: Option<(Name, Likeness)>) -> Option<Giver> {
        let ordered = Ordered::default();
        match by {
            Orderer::Console => {
                Some(Giver { member: None, name: CONSOLE.to_owned(), whom, ordered })
            }
            Orderer::Member(author) => {
                let member = self.room.members.get(author.member)?;
                let name = member.name().to_string();
                Some(Giver { member: Some((author, member.format())), name, whom, ordered })
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
            Order::Unban(Target::Name(name)) => {
                let whom = giver.whom.as_ref().map(|(_, likeness)| likeness.clone());
                self.unban(giver, (name, whom), OrderRefusal::NoBan(name))
            }
            Order::Unban(Target::Network(network)) => {
                let (name, none) = (network.to_string(), OrderRefusal::NoNetworkBan(network));
                self.unban(giver, (&name, Some(Likeness::of(&name))), none)
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
        giver.log(format_args!("removed {name}{}", Because(why)));
        Ok(())
    }

    /// The member that is called so, unless it is an operator and the order a member's.
    fn target<'o>(
        &self,
        giver: &Giver,
        wanted: &'o str,
    ) -> Result<(MemberId, Name), OrderRefusal<'o>> {
        let found = giver.whom.as_ref().and_then(|(_, it)| self.room.members.holder_of(it));
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
        if let Some(connection) = member.connection() {
            let refusal = match notice {
                OrderNotice::Banned { time, .. } => OrderRefusal::Banned {
                    until: time.map(|time| self.after(time)),
                    why: why.into(),
                },
                _ => OrderRefusal::Removed { by: &giver.name, why },
            };
            self.answer(connection, member.format(), Refusal::Order(refusal));
            self.effects.detach(connection, self.room.transcript.end());
            giver.ordered.hang_up.push(connection);
        }
        self.note_visit(id);
        self.room.disconnected.remove(id);
        let waiting = self.room.take_waiting(id);
        if let Some(member) = self.room.members.remove(id) {
            self.room.on_changed(id);
            self.room.on_left(&member);
            self.tell_senders(member.name(), waiting);
        }
        self.tell_everyone(giver, notice);
    }

    fn op<'o>(&mut self, giver: &mut Giver, wanted: &'o str) -> Result<(), OrderRefusal<'o>> {
        let (name, likeness) = self.owner(giver, wanted)?;
        self.room.people.change_owner(likeness.folded(), |owner| owner.is_operator = true);
        self.room.judge_holder(&likeness);
        let by = giver.name.clone();
        let notice = OrderNotice::Operator { name: name.as_str(), by: &by };
        self.tell_everyone(giver, notice);
        giver.log(format_args!("made {name} an operator"));
        Ok(())
    }

    fn deop<'o>(&mut self, giver: &mut Giver, wanted: &'o str) -> Result<(), OrderRefusal<'o>> {
        let (name, likeness) = self.owner(giver, wanted)?;
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

    fn owner<'o>(
        &self,
        giver: &Giver,
        wanted: &'o str,
    ) -> Result<(Name, Likeness), OrderRefusal<'o>> {
        let word = giver.whom.as_ref().map(|(_, likeness)| likeness.folded());
        let owner = word.and_then(|word| self.room.people.owners.get(word));
        let owner = owner.ok_or(OrderRefusal::NobodyOwns(wanted))?;
        Ok((owner.name.clone(), owner.likeness().clone()))
    }

    fn allow<'o>(&mut self, giver: &mut Giver, wanted: &'o str) -> Result<(), OrderRefusal<'o>> {
        let (name, likeness) = self.owner(giver, wanted)?;
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
        giver.log(format_args!("set the topic{}", Because(topic)));
        Ok(())
    }

    /// Erases what was said under a name, which may be nobody's by now.
    fn erase<'o>(
        &mut self,
        giver: &mut Giver,
        wanted: &'o str,
        time: Duration,
    ) -> Result<(), OrderRefusal<'o>> {
        let named = giver.whom.clone().ok_or(OrderRefusal::NobodyHere(wanted))?;
        let (name, likeness) = &named;
        let giving = giver.member.and_then(|(by, _)| self.room.members.get(by.member));
        let is_own = giving.is_some_and(|member| member.likeness().is_same_word(likeness));
        if !giver.is_console() && !is_own && self.is_operators(likeness) {
            return Err(OrderRefusal::IsOperator(wanted));
        }
        let time_back = time.as_millis().try_into().unwrap_or(Millis::MAX);
        self.erase_said(&named, self.stamp.at.saturating_sub(time_back), &giver.name);
        giver.log(format_args!("erased what {name} said in the last {}", Span(time)));
        Ok(())
    }

    /// Whether a name is an operator's, who may be here or not.
    fn is_operators(&self, likeness: &Likeness) -> bool {
        let member = self.room.members.holder_of(likeness);
        member
            .and_then(|id| self.room.members.get(id))
            .is_some_and(|member| member.standing.is_operator)
            || self.room.people.is_operator(likeness)
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

impl Giver {
    /// Notes what is logged: an operator's name is told from others'.
    fn log(&mut self, what: impl Display) {
        let who =
            if self.is_console() { self.name.clone() } else { format!("{} (operator)", self.name) };
        self.ordered.log.push(format!("{who} {what}"));
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
