//! The notices that the server writes: lines that begin with `-- `.

use std::fmt;
use std::time::Duration;

use chrono::NaiveDate;

use super::{Count, NameNotice, OrderNotice, SharedNotice, were};
use crate::protocol::VERSION;
use crate::protocol::name::Name;
use crate::protocol::request::Command;
use crate::protocol::span::Span;

/// What the server tells. Others may rely on these lines, word for word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice<'a> {
    /// The first line of all.
    Banner(Offer),
    /// Your name is settled.
    YouAre {
        /// Your name.
        name: &'a Name,
        /// How many members are here besides you.
        others: usize,
        /// How many of them are away.
        away: usize,
    },
    /// Your name has changed.
    YouAreNow(&'a Name),
    /// Someone came.
    Joined(&'a Name),
    /// Someone went.
    Left(&'a Name, LeaveReason<'a>),
    /// So many came and went, more than are told one by one.
    CameAndWent {
        /// How many joined.
        joined: u64,
        /// How many left.
        left: u64,
    },
    /// Someone has another name.
    IsNow {
        /// The name until now.
        old: &'a Name,
        /// The name from now on.
        new: &'a Name,
    },
    /// One line of the answer to `/help`.
    Help(Command),
    /// The first line of the answer to `/help`: what is no command.
    HelpToSay,
    /// So many lines are shown again; if none, nothing follows.
    LastLines(usize),
    /// They were shown, and what follows is new.
    UpToDate,
    /// So many lines were found; if none, nothing follows.
    Found {
        /// How many.
        lines: usize,
        /// The words that they have.
        words: &'a str,
        /// From which day on it was looked for them, if there are older lines that nobody looked at.
        since: Option<NaiveDate>,
    },
    /// What was found has been shown.
    ThatIsAll,
    /// The same where lines before that day were not looked at.
    SearchedBackTo(NaiveDate),
    /// You bring more than so many lines a second, and are read no faster than that.
    SlowDown(u32),
    /// Lines that you should have had are gone.
    Missed(u64, Missing),
    /// You are the member again that you were before the connection was lost.
    WelcomeBack(&'a Name),
    /// Your private line waits for somebody whose connection is lost.
    IsAway(&'a Name),
    /// Who it waited for did not come back in time.
    DidNotComeBack {
        /// Who that was.
        name: &'a Name,
        /// How many private lines of yours waited.
        lines: u64,
    },
    /// What is said here is kept, for so long or for ever.
    Kept(Option<Duration>),
    /// It is not kept for now, for this reason: told to a newcomer.
    NotKeptHere(&'a str),
    /// It is not kept for now, for this reason: told to all when that begins.
    NotKept(&'a str),
    /// It is kept again, but so many lines are not.
    KeptAgain(u64),
    /// So many lines would be here, and are not in the history.
    NotInHistory(u64),
    /// The machine has failed, and with it what the server had said in its last moments.
    MachineFailed,
    /// What was not kept, or is not in a copy that was put back, may be missing.
    MayBeMissing,
    /// Whose a name is, and who may come in.
    Name(NameNotice<'a>),
    /// Who keeps order.
    Order(OrderNotice<'a>),
    /// What happens to a room that several servers hold.
    Shared(SharedNotice),
    /// A sign of life, for a client that asks for one.
    Here,
    /// The room closes.
    ShuttingDown,
}

/// What a banner offers besides what the connection has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    /// TLS on the same port, for a client that begins with it.
    Tls,
    /// Nothing: the connection is encrypted, or the server does not encrypt.
    Nothing,
}

impl Offer {
    /// The words by which a client knows the offer of TLS.
    pub(super) const OF_TLS: &str = "TLS on this port";
}

/// Why lines are gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// They were not taken in time.
    TooSlow,
    /// They were said while there was no connection.
    Away,
    /// The server, one of several of the room, fell so far behind that it does not have them.
    ServerTooSlow,
}

/// How someone left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaveReason<'a> {
    /// The client's input ended, or it said `/quit`, perhaps with a farewell.
    Quit(&'a str),
    /// The connection broke.
    ConnectionLost,
    /// The client took nothing for too long.
    TooSlow,
}

impl fmt::Display for Notice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Notice::Banner(offer) => {
                let more = match offer {
                    Offer::Tls => format!("; {}", Offer::OF_TLS),
                    Offer::Nothing => String::new(),
                };
                write!(f, "-- chatroom {VERSION}: welcome (/help for the commands{more})")
            }
            Notice::YouAre { name, others: 0, .. } => write!(f, "-- you are {name}, alone here"),
            Notice::YouAre { name, others, away } => {
                write!(f, "-- you are {name}, with {} here", Count(others as u64, "other"))?;
                if away > 0 { write!(f, ", {away} of them away") } else { Ok(()) }
            }
            Notice::YouAreNow(name) => write!(f, "-- you are now {name}"),
            Notice::Joined(name) => write!(f, "-- {name} joined"),
            Notice::Left(name, LeaveReason::Quit("")) => write!(f, "-- {name} left"),
            Notice::Left(name, LeaveReason::Quit(farewell)) => {
                write!(f, "-- {name} left: {farewell}")
            }
            Notice::Left(name, LeaveReason::ConnectionLost) => {
                write!(f, "-- {name} left (connection lost)")
            }
            Notice::Left(name, LeaveReason::TooSlow) => {
                write!(f, "-- {name} was too slow and was dropped")
            }
            // Never just `38 left`: somebody may be called 38.
            Notice::CameAndWent { joined, left: 0 } => {
                write!(f, "-- {} joined", Count(joined, "member"))
            }
            Notice::CameAndWent { joined: 0, left } => {
                write!(f, "-- {} left", Count(left, "member"))
            }
            Notice::CameAndWent { joined, left } => write!(f, "-- {joined} joined, {left} left"),
            Notice::IsNow { old, new } => write!(f, "-- {old} is now {new}"),
            Notice::Help(command) => {
                write!(f, "-- {:<23} {}", command.usage(), command.purpose())
            }
            Notice::HelpToSay => {
                write!(f, "-- {:<23} say TEXT to all; //TEXT says /TEXT", "TEXT")
            }
            Notice::LastLines(0) => write!(f, "-- nothing has been said"),
            Notice::LastLines(1) => write!(f, "-- the last line:"),
            Notice::LastLines(lines) => write!(f, "-- the last {lines} lines:"),
            Notice::UpToDate => write!(f, "-- you are up to date"),
            Notice::Found { lines: 0, words, since: None } => {
                write!(f, "-- nothing with {}", Quoted(words))
            }
            Notice::Found { lines: 0, words, since: Some(day) } => {
                write!(f, "-- nothing with {} since {day}", Quoted(words))
            }
            Notice::Found { lines, words, .. } => {
                write!(f, "-- the newest {lines} with {}:", Quoted(words))
            }
            Notice::ThatIsAll => write!(f, "-- that is all"),
            Notice::SearchedBackTo(day) => {
                write!(f, "-- searched back to {day}; older lines were not looked at")
            }
            Notice::SlowDown(rate) => {
                write!(f, "-- slow down: you are read at {} a second", Count(rate, "line"))
            }
            Notice::Missed(lines, why) => {
                let why = match why {
                    Missing::TooSlow => "your connection was too slow",
                    Missing::Away => "you were away",
                    Missing::ServerTooSlow => "this server was too slow",
                };
                write!(f, "-- you missed {} ({why})", Count(lines, "line"))
            }
            Notice::WelcomeBack(name) => write!(f, "-- welcome back, {name}"),
            Notice::IsAway(name) => {
                write!(f, "-- {name} is away: your line waits until {name} is back")
            }
            Notice::DidNotComeBack { name, lines } => {
                let (lines, were) = (Count(lines, "line"), were(lines));
                write!(f, "-- {name} did not come back: {lines} of yours {were} not read")
            }
            Notice::Kept(time) => {
                write!(f, "-- what is said here is kept")?;
                if let Some(time) = time {
                    write!(f, " for up to {}", Span(time))?;
                }
                write!(f, "; private lines only while you are here")
            }
            Notice::NotKeptHere(why) => {
                write!(f, "-- what is said here is not kept for now: {why}")
            }
            Notice::NotKept(why) => write!(f, "-- what is said is not kept for now: {why}"),
            Notice::KeptAgain(0) => write!(f, "-- what is said is kept again"),
            Notice::KeptAgain(lines) => {
                let (are, lines) = (if lines == 1 { "is" } else { "are" }, Count(lines, "line"));
                write!(f, "-- what is said is kept again, but {lines} {are} not")
            }
            Notice::NotInHistory(lines) => {
                let (are, lines) = (if lines == 1 { "is" } else { "are" }, Count(lines, "line"));
                write!(f, "-- {lines} {are} not in this server's history")
            }
            Notice::MachineFailed => write!(
                f,
                "-- the server's machine failed: lines of its last moments may be missing"
            ),
            Notice::MayBeMissing => {
                write!(f, "-- lines of the server's last moments may be missing")
            }
            Notice::Name(notice) => write!(f, "{notice}"),
            Notice::Order(notice) => write!(f, "{notice}"),
            Notice::Shared(notice) => write!(f, "{notice}"),
            Notice::Here => write!(f, "-- chatroom is here"),
            Notice::ShuttingDown => write!(f, "-- the server is shutting down"),
        }
    }
}

/// What was looked for, as it was typed, between quotation marks unless it has its own.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.0.contains('"') { "" } else { "\"" };
        write!(f, "{mark}{}{mark}", self.0)
    }
}
