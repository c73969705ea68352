//! What keeps order in a room, as an operator types it: for whom, for how long, and why. Pure.

use std::time::Duration;

use super::{Command, split_word, text_of};
use crate::protocol::network::Network;
use crate::protocol::span;

/// For how long somebody cannot speak when no time is given, and how far back lines are erased.
const DEFAULT_TIME: Duration = Duration::from_secs(10 * 60);

/// What an operator asks for. Names are as they were typed, and may be nobody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order<'a> {
    /// `/kick`: remove a member, who may come back.
    Kick {
        /// Who that is.
        name: &'a str,
        /// Why; it may be empty.
        why: &'a str,
    },
    /// `/mute`: a member cannot speak.
    Mute {
        /// Who that is.
        name: &'a str,
        /// For how long.
        time: Duration,
        /// Why; it may be empty.
        why: &'a str,
    },
    /// `/unmute`: a member can speak again.
    Unmute(&'a str),
    /// `/ban`: keep somebody out.
    Ban {
        /// Whom.
        whom: Target<'a>,
        /// For how long; `None` is for ever.
        time: Option<Duration>,
        /// Why; it may be empty.
        why: &'a str,
    },
    /// `/unban`: let somebody in again.
    Unban(Target<'a>),
    /// `/bans`: who is kept out?
    Bans,
    /// `/op`: make somebody an operator.
    Op(&'a str),
    /// `/deop`: make an operator an ordinary member.
    Deop(&'a str),
    /// `/allow`: let in whoever owns this name.
    Allow(&'a str),
    /// `/erase`: remove what somebody has said.
    Erase {
        /// Who that is.
        name: &'a str,
        /// How far back.
        time: Duration,
    },
    /// `/topic`: what newcomers see first; empty for nothing.
    Topic(&'a str),
    /// `/stats`: how is the server?
    Stats,
}

impl Order<'_> {
    /// The name that is in it, as it was typed, if it is about one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match *self {
            Order::Kick { name, .. }
            | Order::Mute { name, .. }
            | Order::Unmute(name)
            | Order::Ban { whom: Target::Name(name), .. }
            | Order::Unban(Target::Name(name))
            | Order::Op(name)
            | Order::Deop(name)
            | Order::Allow(name)
            | Order::Erase { name, .. } => Some(name),
            Order::Ban { .. } | Order::Unban(_) | Order::Bans | Order::Topic(_) | Order::Stats => {
                None
            }
        }
    }
}

/// Who is kept out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// Who is called so.
    Name(&'a str),
    /// Whoever comes from there.
    Network(Network),
}

impl<'a> Target<'a> {
    /// An address or a network, where it can be one, and else a name.
    fn parse(text: &'a str) -> Target<'a> {
        Network::parse(text).map_or(Target::Name(text), Target::Network)
    }
}

/// Reads the arguments of one of the operators' commands; `None` if they are wrong, or the command is another.
pub(super) fn parse(command: Command, arguments: &str) -> Option<Order<'_>> {
    let (first, rest) = split_word(arguments.trim_start());
    let whom = (!first.is_empty()).then_some(first);
    let alone = || whom.filter(|_| rest.trim().is_empty());
    let is_bare = arguments.trim().is_empty();
    match command {
        Command::Kick => Some(Order::Kick { name: whom?, why: reason(rest) }),
        Command::Mute => {
            let (time, why) = time_and_reason(rest)?;
            Some(Order::Mute { name: whom?, time: time.unwrap_or(DEFAULT_TIME), why })
        }
        Command::Unmute => alone().map(Order::Unmute),
        Command::Ban => {
            let (time, why) = time_and_reason(rest)?;
            Some(Order::Ban { whom: Target::parse(whom?), time, why })
        }
        Command::Unban => alone().map(|what| Order::Unban(Target::parse(what))),
        Command::Bans => is_bare.then_some(Order::Bans),
        Command::Op => alone().map(Order::Op),
        Command::Deop => alone().map(Order::Deop),
        Command::Allow => alone().map(Order::Allow),
        Command::Erase => {
            let time = match rest.trim() {
                "" => DEFAULT_TIME,
                time => span::parse(time)?,
            };
            Some(Order::Erase { name: whom?, time })
        }
        Command::Topic => Some(Order::Topic(reason(arguments))),
        Command::Stats => is_bare.then_some(Order::Stats),
        _ => None,
    }
}

/// A time, if the first word is one, and the reason behind it; `None` if the first word is nearly one: it would be a
/// ban for ever because of `1w`.
fn time_and_reason(text: &str) -> Option<(Option<Duration>, &str)> {
    let (first, rest) = split_word(text.trim_start());
    match span::parse(first) {
        Some(time) => Some((Some(time), reason(rest))),
        None if is_nearly_a_time(first) => None,
        None => Some((None, reason(text))),
    }
}

/// Whether a word is a number, with a letter behind it or without.
fn is_nearly_a_time(word: &str) -> bool {
    let number = word.strip_suffix(char::is_alphabetic).unwrap_or(word);
    let number = number.strip_prefix(['-', '+']).unwrap_or(number);
    number.starts_with(|c: char| c.is_ascii_digit())
        && number.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | ','))
}

fn reason(text: &str) -> &str {
    text_of(text).unwrap_or_default().trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::request::{Misuse, Request, parse};

    #[test]
    fn an_order_is_read_as_it_is_typed() {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        let network = |text| Target::Network(Network::parse(text).expect("a network"));
        let cases = [
            ("/kick bob", Order::Kick { name: "bob", why: "" }),
            ("/KICK bob  too loud ", Order::Kick { name: "bob", why: "too loud" }),
            ("/mute bob", Order::Mute { name: "bob", time: minutes(10), why: "" }),
            ("/mute bob 2h", Order::Mute { name: "bob", time: minutes(120), why: "" }),
            ("/mute bob loud", Order::Mute { name: "bob", time: minutes(10), why: "loud" }),
            (
                "/mute bob 5m too loud",
                Order::Mute { name: "bob", time: minutes(5), why: "too loud" },
            ),
            ("/unmute bob ", Order::Unmute("bob")),
            ("/ban bob", Order::Ban { whom: Target::Name("bob"), time: None, why: "" }),
            (
                "/ban bob 7d spam and more",
                Order::Ban {
                    whom: Target::Name("bob"),
                    time: Some(minutes(7 * 24 * 60)),
                    why: "spam and more",
                },
            ),
            (
                "/ban 192.0.2.7 spam",
                Order::Ban { whom: network("192.0.2.7"), time: None, why: "spam" },
            ),
            (
                "/ban 2001:db8::/32",
                Order::Ban { whom: network("2001:db8::/32"), time: None, why: "" },
            ),
            ("/unban 192.0.2.0/24", Order::Unban(network("192.0.2.0/24"))),
            ("/unban bob", Order::Unban(Target::Name("bob"))),
            ("/bans", Order::Bans),
            ("/op alice", Order::Op("alice")),
            ("/deop alice", Order::Deop("alice")),
            ("/allow carol", Order::Allow("carol")),
            ("/erase bob", Order::Erase { name: "bob", time: minutes(10) }),
            ("/erase bob 1h", Order::Erase { name: "bob", time: minutes(60) }),
            ("/topic  release on Friday ", Order::Topic("release on Friday")),
            ("/topic", Order::Topic("")),
            ("/stats", Order::Stats),
        ];
        for (line, order) in cases {
            assert_eq!(parse(line), Ok(Request::Order(order)), "{line}");
        }
        for (line, command) in [
            ("/kick", Command::Kick),
            ("/mute ", Command::Mute),
            ("/unmute bob x", Command::Unmute),
            ("/ban", Command::Ban),
            ("/unban", Command::Unban),
            ("/bans x", Command::Bans),
            ("/op a b", Command::Op),
            ("/erase bob soon", Command::Erase),
            ("/ban bob 1w", Command::Ban),
            ("/ban bob 99999999999d spam", Command::Ban),
            ("/mute bob 10", Command::Mute),
            ("/mute bob 1.5h loud", Command::Mute),
            ("/mute bob -5m", Command::Mute),
            ("/stats x", Command::Stats),
        ] {
            assert_eq!(parse(line), Err(Misuse::Arguments(command)), "{line}");
        }
    }
}
