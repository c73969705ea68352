//! What the server tells of who keeps order, and of what that does. Pure.
//!
//! The name of whoever has given an order is a text: the operator at the server's own keyboard is
//! [`CONSOLE`], which is no member's name.

use std::fmt;
use std::time::Duration;

use super::Count;
use super::refusal::Short;
use crate::protocol::moment::Moment;
use crate::protocol::name::Name;
use crate::protocol::network::Network;
use crate::protocol::span::Span;
use crate::protocol::tag::Millis;

/// Who gives orders at the server's own keyboard.
pub const CONSOLE: &str = "the operator";

/// The most bytes that a topic may have.
pub const MAX_TOPIC: usize = 300;

/// What is told of order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderNotice<'a> {
    /// A member was removed.
    Removed {
        /// Who that was.
        name: &'a Name,
        /// Who has done it.
        by: &'a str,
        /// Why; it may be empty.
        why: &'a str,
    },
    /// A member cannot speak.
    Muted {
        /// Who that is.
        name: &'a Name,
        /// For how long.
        time: Duration,
        /// Who has done it.
        by: &'a str,
        /// Why; it may be empty.
        why: &'a str,
    },
    /// A member can speak again.
    Unmuted(&'a Name),
    /// Somebody is kept out.
    Banned {
        /// A name, an address or a network.
        whom: &'a str,
        /// Who has done it.
        by: &'a str,
        /// For how long; `None` is for ever.
        time: Option<Duration>,
        /// Why; it may be empty.
        why: &'a str,
    },
    /// A ban was by the name alone, for the member's address is nobody's own.
    NameAlone(&'a str),
    /// A ban was lifted.
    MayComeBack(&'a str),
    /// The answer to `/bans` begins: so many.
    Bans(usize),
    /// One ban.
    Ban {
        /// Whom it keeps out, as `/unban` takes it.
        whom: &'a str,
        /// Until when; `None` is for ever.
        until: Option<Millis>,
        /// Who has set it.
        by: &'a str,
        /// Why; it may be empty.
        why: &'a str,
    },
    /// One mute, behind the bans.
    Mute {
        /// Who cannot speak, as `/unmute` takes it.
        whom: &'a str,
        /// Until when.
        until: Option<Millis>,
        /// Who has set it.
        by: &'a str,
        /// Why; it may be empty.
        why: &'a str,
    },
    /// Somebody is an operator.
    Operator {
        /// Who that is.
        name: &'a str,
        /// Who has done it.
        by: &'a str,
    },
    /// Somebody is an operator no more.
    NoOperator {
        /// Who that is.
        name: &'a str,
        /// Who has done it.
        by: &'a str,
    },
    /// Lines were erased.
    Erased {
        /// How many.
        lines: u64,
        /// Whose.
        name: &'a str,
        /// Who has done it.
        by: &'a str,
    },
    /// What newcomers see first.
    Topic(&'a str),
    /// Somebody has set that; empty: there is none any more.
    TopicSet {
        /// Who has set it.
        by: &'a str,
        /// The topic.
        topic: &'a str,
    },
    /// What the operator at the server's keyboard says to all.
    Says(&'a str),
    /// One line of the answer to `/stats`.
    Stats(&'a str),
}

/// Why something about order was refused, or what an order does to you.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderRefusal<'a> {
    /// Only operators can do that.
    OperatorsOnly,
    /// Only the operator at the server's keyboard can do that to an operator.
    IsOperator(&'a str),
    /// Nobody here is called so.
    NobodyHere(&'a str),
    /// Nobody owns that name.
    NobodyOwns(&'a str),
    /// Nobody is kept out by that.
    NoBan(&'a str),
    /// The same of a network.
    NoNetworkBan(Network),
    /// That would keep out the machine itself.
    Loopback(Network),
    /// An operator is connected from there.
    OperatorFrom(Network),
    /// That one could speak all the time.
    NotMuted(&'a str),
    /// That one is an operator by the server's options.
    ByOption(&'a str),
    /// That one is no operator.
    NoOperator(&'a str),
    /// The topic is too long.
    TopicTooLong,
    /// You cannot speak.
    Muted {
        /// For how many seconds.
        left: u32,
        /// Who has done it.
        by: &'a str,
        /// Why; it may be empty.
        why: &'a str,
    },
    /// You are kept out.
    Banned {
        /// Until when; `None` is for ever.
        until: Option<Millis>,
        /// Why; it may be empty.
        why: Box<str>,
    },
    /// The name that you want is kept out, and nobody in the room can take it.
    NameBanned {
        /// Until when; `None` is for ever.
        until: Option<Millis>,
        /// Why; it may be empty.
        why: &'a str,
    },
    /// You were removed.
    Removed {
        /// Who has done it.
        by: &'a str,
        /// Why; it may be empty.
        why: &'a str,
    },
}

/// The end of a time, if it ends.
struct Until(Option<Millis>);

impl fmt::Display for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |until| write!(f, " until {}", Moment(until)))
    }
}

/// A reason behind a colon, if there is one.
pub(crate) struct Because<'a>(pub(crate) &'a str);

impl fmt::Display for Because<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, ": {}", self.0) }
    }
}

impl fmt::Display for OrderNotice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            OrderNotice::Removed { name, by, why } => {
                write!(f, "-- {name} was removed by {by}{}", Because(why))
            }
            OrderNotice::Muted { name, time, by, why } => {
                write!(f, "-- {name} cannot speak for {} ({by}{})", Span(time), Because(why))
            }
            OrderNotice::Unmuted(name) => write!(f, "-- {name} can speak again"),
            OrderNotice::Banned { whom, by, time, why } => {
                write!(f, "-- {whom} was banned by {by}")?;
                if let Some(time) = time {
                    write!(f, " for {}", Span(time))?;
                }
                write!(f, "{}", Because(why))
            }
            OrderNotice::NameAlone(name) => {
                write!(f, "-- {name} is banned by the name alone: the address is nobody's own")
            }
            OrderNotice::MayComeBack(whom) => write!(f, "-- {whom} may come back"),
            OrderNotice::Bans(0) => f.write_str("-- nobody is banned"),
            OrderNotice::Bans(bans) => write!(f, "-- {}:", Count(bans as u64, "ban")),
            OrderNotice::Ban { whom, until, by, why } => {
                write!(f, "-- banned: {whom}{} ({by}{})", Until(until), Because(why))
            }
            OrderNotice::Mute { whom, until, by, why } => {
                write!(f, "-- muted: {whom}{} ({by}{})", Until(until), Because(why))
            }
            OrderNotice::Operator { name, by } => write!(f, "-- {by} made {name} an operator"),
            OrderNotice::NoOperator { name, by } => {
                write!(f, "-- {by} made {name} an ordinary member")
            }
            OrderNotice::Erased { lines, name, by } => {
                let were = super::were(lines);
                write!(f, "-- {} of {name} {were} erased by {by}", Count(lines, "line"))
            }
            OrderNotice::Topic("") => f.write_str("-- there is no topic"),
            OrderNotice::Topic(topic) => write!(f, "-- topic: {topic}"),
            OrderNotice::TopicSet { by, topic: "" } => write!(f, "-- {by} removed the topic"),
            OrderNotice::TopicSet { by, topic } => write!(f, "-- {by} set the topic: {topic}"),
            OrderNotice::Says(text) => write!(f, "-- operator: {text}"),
            OrderNotice::Stats(line) => write!(f, "-- stats: {line}"),
        }
    }
}

impl fmt::Display for OrderRefusal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OrderRefusal::OperatorsOnly => f.write_str("only operators can do that"),
            OrderRefusal::IsOperator(name) => {
                write!(
                    f,
                    "{} is an operator: only the server's own keyboard can do that",
                    Short(name)
                )
            }
            OrderRefusal::NobodyHere(name) => write!(f, "nobody here is called {}", Short(name)),
            OrderRefusal::NobodyOwns(name) => write!(f, "nobody owns the name {}", Short(name)),
            OrderRefusal::NoBan(whom) => {
                write!(f, "/unban: {} is not banned; /bans lists who is", Short(whom))
            }
            OrderRefusal::NoNetworkBan(network) => {
                write!(f, "/unban: {network} is not banned; /bans lists who is")
            }
            OrderRefusal::ByOption(name) => {
                write!(f, "{} is an operator by the server's options", Short(name))
            }
            OrderRefusal::Loopback(network) => {
                write!(f, "/ban: {network} is the server's own machine")
            }
            OrderRefusal::OperatorFrom(network) => write!(
                f,
                "/ban: an operator is here from {network}; only the server's own keyboard can do that"
            ),
            OrderRefusal::NotMuted(name) => write!(f, "{} can speak", Short(name)),
            OrderRefusal::NoOperator(name) => write!(f, "{} is no operator", Short(name)),
            OrderRefusal::TopicTooLong => write!(f, "/topic: at most {MAX_TOPIC} bytes"),
            OrderRefusal::Muted { left, by, why } => {
                write!(
                    f,
                    "you cannot speak for {} more ({by}{})",
                    Span::about(Duration::from_secs((*left).into())),
                    Because(why)
                )
            }
            OrderRefusal::Banned { until, why } => {
                write!(f, "you are banned{}{}", Until(*until), Because(why))
            }
            OrderRefusal::NameBanned { until, why } => {
                write!(f, "/nick: that name is banned{}{}", Until(*until), Because(why))
            }
            OrderRefusal::Removed { by, why } => {
                write!(f, "you were removed by {by}{}", Because(why))
            }
        }
    }
}
