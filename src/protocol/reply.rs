//! The lines that the server sends: how they are written, and how a client knows them.
//!
//! The first characters of a line say what it is, and nobody can forge them, since a member's own
//! text never stands at the start of a line. Nothing here ends a line: whoever puts lines together
//! does.

use std::fmt;

use super::VERSION;
use super::foreign::Foreign;
use super::name::{BadName, Name};
use super::request::{Command, MAX_WORDS, Misuse};
use super::suggestion::Hint;
use super::tag::{Seq, number};

/// A list of names is broken into lines of about this many bytes, so that each fits a terminal.
const WHO_LINE: usize = 72;

/// Something that was said or done, as its readers see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speech<'a> {
    /// `<alice> text`
    Said(&'a Name, &'a str),
    /// `* alice text`
    Done(&'a Name, &'a str),
    /// `[alice -> you] text`
    ToYou(&'a Name, &'a str),
    /// `[you -> bob] text`
    FromYou(&'a Name, &'a str),
}

impl fmt::Display for Speech<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Speech::Said(name, text) => write!(f, "<{name}> {text}"),
            Speech::Done(name, text) => write!(f, "* {name} {text}"),
            Speech::ToYou(name, text) => write!(f, "[{name} -> you] {text}"),
            Speech::FromYou(name, text) => write!(f, "[you -> {name}] {text}"),
        }
    }
}

/// What the server tells. Others may rely on these lines, word for word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice<'a> {
    /// The first line of all.
    Banner,
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
    },
    /// What was found has been shown.
    ThatIsAll,
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
    /// A sign of life, for a client that asks for one.
    Here,
    /// The room closes.
    ShuttingDown,
}

/// Why lines are gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// They were not taken in time.
    TooSlow,
    /// They were said while there was no connection.
    Away,
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
            Notice::Banner => {
                write!(f, "-- chatroom {VERSION}: welcome (/help for the commands)")
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
                write!(f, "-- {:<17} {}", command.usage(), command.purpose())
            }
            Notice::HelpToSay => {
                write!(f, "-- {:<17} say TEXT to all; //TEXT says /TEXT", "TEXT")
            }
            Notice::LastLines(0) => write!(f, "-- nothing has been said"),
            Notice::LastLines(1) => write!(f, "-- the last line:"),
            Notice::LastLines(lines) => write!(f, "-- the last {lines} lines:"),
            Notice::UpToDate => write!(f, "-- you are up to date"),
            Notice::Found { lines: 0, words } => write!(f, "-- nothing with \"{words}\""),
            Notice::Found { lines, words } => {
                write!(f, "-- the newest {lines} with \"{words}\":")
            }
            Notice::ThatIsAll => write!(f, "-- that is all"),
            Notice::SlowDown(rate) => {
                write!(f, "-- slow down: you are read at {} a second", Count(rate, "line"))
            }
            Notice::Missed(lines, why) => {
                let why = match why {
                    Missing::TooSlow => "your connection was too slow",
                    Missing::Away => "you were away",
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
            Notice::Here => write!(f, "-- chatroom is here"),
            Notice::ShuttingDown => write!(f, "-- the server is shutting down"),
        }
    }
}

/// What stands behind the name of one who is away, in the answer to `/who`.
const AWAY: &str = " (away)";

/// A member in the answer to `/who`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: Name,
    /// Whether its connection is lost, and it may still come back.
    pub is_away: bool,
}

/// The answer to `/who`: the members, in the order given, on as many lines as they need.
#[must_use]
pub fn who(members: &[Listed]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = format!("-- {} here:", members.len());
    for (i, Listed { name, is_away }) in members.iter().enumerate() {
        let mark = if *is_away { AWAY } else { "" };
        // The first line has one in any case, or nobody would know it for what it is.
        if i > 0 && line.len() + name.as_str().len() + mark.len() > WHO_LINE {
            lines.push(std::mem::replace(&mut line, "--".to_owned()));
        }
        line.push(' ');
        line.push_str(name.as_str());
        line.push_str(mark);
        if i + 1 < members.len() {
            line.push(',');
        }
    }
    lines.push(line);
    lines
}

/// Why something was not done: an error for one client alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal<'a> {
    /// The line was no command as it stood.
    Misuse(Misuse<'a>),
    /// Someone here has that name, or one that looks like it.
    NameTaken(&'a Name),
    /// It is, or looks like, a name that the server alone gives.
    GuestName(&'a Name),
    /// Nobody here has that name.
    NobodyHere(&'a str),
    /// Nobody here has that name any more: who had it has just left.
    HasLeft(&'a str),
    /// A private line to oneself.
    WhisperToSelf,
    /// The line was longer than this many bytes.
    LineTooLong(usize),
    /// As many clients as there may be are here already.
    RoomFull(usize),
    /// As many clients as there may be from one address are here already.
    AddressFull(usize),
    /// The client speaks another protocol.
    Foreign(Foreign),
    /// The connection is a proxy's, and does not begin with its header.
    NoProxyHeader,
    /// `/tags` was not the first line.
    TagsTooLate,
    /// `/resume` in the usual form, or after the name was settled.
    ResumeTooLate,
    /// Nobody has that token, or not any more.
    UnknownToken,
    /// There is no event of that number yet.
    NoSuchEvent(Seq),
    /// It is no longer known what there was after that event.
    Forgotten(Seq),
}

impl fmt::Display for Refusal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("!! ")?;
        match self {
            Refusal::Misuse(Misuse::Unknown(word)) => {
                write!(f, "unknown command {}{}", Short(word), Hint(word))
            }
            Refusal::Misuse(Misuse::Arguments(command)) => {
                write!(f, "{} goes like this: {}", command.word(), command.usage())
            }
            Refusal::Misuse(Misuse::Name(why)) => write!(f, "/nick: {why}"),
            Refusal::Misuse(Misuse::TooManyWords) => {
                write!(f, "/search takes at most {MAX_WORDS} different words")
            }
            Refusal::NameTaken(name) => write!(f, "/nick: the name {name} is taken"),
            Refusal::GuestName(name) => {
                write!(f, "/nick: the server alone gives names like {name}")
            }
            Refusal::NobodyHere(name) => write!(f, "/msg: nobody here is called {}", Short(name)),
            Refusal::HasLeft(name) => write!(f, "/msg: {} has just left", Short(name)),
            Refusal::WhisperToSelf => write!(f, "/msg: that is you"),
            Refusal::LineTooLong(limit) => {
                write!(f, "that line was too long and was not sent: the most is {limit} bytes")
            }
            Refusal::RoomFull(most) => write!(f, "the room is full ({})", Count(*most, "client")),
            Refusal::AddressFull(most) => {
                write!(f, "the room is full for your address ({})", Count(*most, "client"))
            }
            Refusal::Foreign(foreign) => write!(f, "{}", foreign.refusal()),
            Refusal::NoProxyHeader => {
                write!(
                    f,
                    "this address is a proxy's, and its connections begin with a PROXY header"
                )
            }
            Refusal::TagsTooLate => write!(f, "/tags: that is for the first line alone"),
            Refusal::ResumeTooLate => {
                write!(f, "/resume: that is for right after /tags, before there is a name")
            }
            Refusal::UnknownToken => {
                write!(f, "/resume: nobody here can be resumed with that token")
            }
            Refusal::NoSuchEvent(seq) => write!(f, "/resume: there is no event {seq} yet"),
            Refusal::Forgotten(seq) => {
                write!(f, "/resume: nobody remembers what there was after event {seq}")
            }
        }
    }
}

impl From<BadName> for Refusal<'_> {
    fn from(why: BadName) -> Self {
        Refusal::Misuse(Misuse::Name(why))
    }
}

/// Something that a client sent, repeated to it, but not at any length.
struct Short<'a>(&'a str);

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST: usize = 40;
        match self.0.char_indices().nth(MOST) {
            None => f.write_str(self.0),
            Some((end, _)) => write!(f, "{}…", &self.0[..end]),
        }
    }
}

/// So many of something, in words: `1 line`, `2 lines`.
pub(crate) struct Count<N>(pub(crate) N, pub(crate) &'static str);

impl<N: fmt::Display + From<u8> + PartialEq> fmt::Display for Count<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Count(number, unit) = self;
        let plural = if *number == N::from(1) { "" } else { "s" };
        write!(f, "{number} {unit}{plural}")
    }
}

/// The verb behind such a [`Count`].
pub(crate) fn were(number: u64) -> &'static str {
    if number == 1 { "was" } else { "were" }
}

/// A line of the server's without what marks it as one.
pub(crate) fn words(line: &str) -> &str {
    line.strip_prefix("-- ").or_else(|| line.strip_prefix("!! ")).unwrap_or(line)
}

/// Whether `line` is the banner of a server that speaks this version.
#[must_use]
pub fn is_banner(line: &str) -> bool {
    line.strip_prefix("-- chatroom ")
        .and_then(|rest| rest.split_once(':'))
        .is_some_and(|(version, _)| version.parse() == Ok(VERSION))
}

/// Whether `line` says that the server has no place for another client.
#[must_use]
pub fn is_room_full(line: &str) -> bool {
    ["(", "for your address ("].iter().any(|which| {
        line.strip_prefix("!! the room is full ").is_some_and(|rest| rest.starts_with(which))
    })
}

/// Whether `line` stands above lines that are shown again, the newest ones.
#[must_use]
pub fn begins_replay(line: &str) -> bool {
    line.starts_with("-- the last ") && line.ends_with(':')
}

/// Whether `line` is something that was said or done just now, for all or in private.
#[must_use]
pub fn is_speech(line: &str) -> bool {
    ["<", "* ", "["].iter().any(|sign| line.starts_with(sign))
}

/// Whether `line` tells of joins and leaves without names.
#[must_use]
pub fn is_came_and_went(line: &str) -> bool {
    let is_count = |words: &str, unit: &str| {
        words.strip_suffix(unit).is_some_and(|count| number(count).is_some())
    };
    line.strip_prefix("-- ").is_some_and(|words| {
        let both = words
            .split_once(", ")
            .is_some_and(|(joined, left)| is_count(joined, " joined") && is_count(left, " left"));
        let ends = [" member joined", " members joined", " member left", " members left"];
        both || ends.iter().any(|end| is_count(words, end))
    })
}

/// Whether `line` is the first one of an answer to `/who`.
#[must_use]
pub fn begins_who(line: &str) -> bool {
    line.strip_prefix("-- ")
        .and_then(|rest| rest.split_once(" here: "))
        .is_some_and(|(count, _)| count.parse::<usize>().is_ok())
}

/// The name of a member by its part of an answer to `/who`, where it may be marked as away.
#[must_use]
pub fn listed_name(listed: &str) -> &str {
    listed.strip_suffix(AWAY).unwrap_or(listed)
}

/// Whether an answer to `/who` goes on after this line of it.
#[must_use]
pub fn who_goes_on(line: &str) -> bool {
    line.ends_with(',')
}

/// How many lines `line` says are gone, if it says so.
#[must_use]
pub fn missed(line: &str) -> Option<u64> {
    let (lines, rest) = line.strip_prefix("-- you missed ")?.split_once(' ')?;
    let known = rest.starts_with("line (") || rest.starts_with("lines (");
    known.then(|| number(lines)).flatten()
}

/// How many bytes a line may have, if `line` says that one had more.
#[must_use]
pub fn too_long(line: &str) -> Option<usize> {
    let rest = line.strip_prefix("!! that line was too long and was not sent: the most is ")?;
    number(rest.strip_suffix(" bytes")?)?.try_into().ok()
}

/// Whether `line` answers `/resume` with a no.
#[must_use]
pub fn is_resume_refusal(line: &str) -> bool {
    line.starts_with("!! /resume")
}

/// The name that `line` says is yours from now on, if it says so.
#[must_use]
pub fn your_name(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("-- you are ")?;
    let name = match rest.strip_prefix("now ") {
        Some(name) => name,
        None => rest.split_once(", ")?.0,
    };
    Name::parse(name).is_ok().then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_as_the_protocol_spells_it() {
        let (alice, bob) = (Name::parse("alice").unwrap(), Name::parse("bob").unwrap());
        let (alice, bob) = (&alice, &bob);
        let you_are = |others, away| Notice::YouAre { name: alice, others, away };
        let did_not_come_back = |lines| Notice::DidNotComeBack { name: bob, lines };
        let lines: &[(&dyn fmt::Display, &str)] = &[
            (&Speech::Said(alice, "hi"), "<alice> hi"),
            (&Speech::Done(alice, "waits"), "* alice waits"),
            (&Speech::ToYou(alice, "hi"), "[alice -> you] hi"),
            (&Speech::FromYou(bob, "hi"), "[you -> bob] hi"),
            (&Notice::Banner, "-- chatroom 1: welcome (/help for the commands)"),
            (&you_are(0, 0), "-- you are alice, alone here"),
            (&you_are(1, 0), "-- you are alice, with 1 other here"),
            (&you_are(3, 0), "-- you are alice, with 3 others here"),
            (&you_are(1, 1), "-- you are alice, with 1 other here, 1 of them away"),
            (&you_are(3, 1), "-- you are alice, with 3 others here, 1 of them away"),
            (&you_are(3, 3), "-- you are alice, with 3 others here, 3 of them away"),
            (&Notice::YouAreNow(bob), "-- you are now bob"),
            (&Notice::Joined(alice), "-- alice joined"),
            (&Notice::Left(alice, LeaveReason::Quit("")), "-- alice left"),
            (&Notice::Left(alice, LeaveReason::Quit("good night")), "-- alice left: good night"),
            (&Notice::Left(alice, LeaveReason::ConnectionLost), "-- alice left (connection lost)"),
            (&Notice::Left(bob, LeaveReason::TooSlow), "-- bob was too slow and was dropped"),
            (&Notice::CameAndWent { joined: 38, left: 35 }, "-- 38 joined, 35 left"),
            (&Notice::CameAndWent { joined: 1, left: 0 }, "-- 1 member joined"),
            (&Notice::CameAndWent { joined: 0, left: 890 }, "-- 890 members left"),
            (&Notice::CameAndWent { joined: 1, left: 1 }, "-- 1 joined, 1 left"),
            (&Notice::IsNow { old: alice, new: bob }, "-- alice is now bob"),
            (&Notice::Help(Command::Quit), "-- /quit [TEXT]      leave, with a farewell"),
            (&Notice::HelpToSay, "-- TEXT              say TEXT to all; //TEXT says /TEXT"),
            (&Notice::LastLines(20), "-- the last 20 lines:"),
            (&Notice::LastLines(1), "-- the last line:"),
            (&Notice::LastLines(0), "-- nothing has been said"),
            (&Notice::UpToDate, "-- you are up to date"),
            (
                &Notice::Found { lines: 3, words: "build log" },
                "-- the newest 3 with \"build log\":",
            ),
            (&Notice::Found { lines: 0, words: "x" }, "-- nothing with \"x\""),
            (&Notice::ThatIsAll, "-- that is all"),
            (&Notice::SlowDown(100), "-- slow down: you are read at 100 lines a second"),
            (
                &Notice::Missed(312, Missing::TooSlow),
                "-- you missed 312 lines (your connection was too slow)",
            ),
            (
                &Notice::Missed(1, Missing::TooSlow),
                "-- you missed 1 line (your connection was too slow)",
            ),
            (&Notice::Missed(2, Missing::Away), "-- you missed 2 lines (you were away)"),
            (&Notice::WelcomeBack(alice), "-- welcome back, alice"),
            (&Notice::IsAway(bob), "-- bob is away: your line waits until bob is back"),
            (&did_not_come_back(1), "-- bob did not come back: 1 line of yours was not read"),
            (&did_not_come_back(3), "-- bob did not come back: 3 lines of yours were not read"),
            (&Notice::Here, "-- chatroom is here"),
            (&Notice::ShuttingDown, "-- the server is shutting down"),
            (
                &Refusal::Misuse(Misuse::Unknown("/etc")),
                "!! unknown command /etc; /help lists them; to say it, begin with //",
            ),
            (
                &Refusal::Misuse(Misuse::Unknown("/Exit")),
                "!! unknown command /Exit; did you mean /quit?",
            ),
            (
                &Refusal::Misuse(Misuse::Arguments(Command::Msg)),
                "!! /msg goes like this: /msg NAME TEXT",
            ),
            (&Refusal::Misuse(Misuse::TooManyWords), "!! /search takes at most 8 different words"),
            (&Refusal::Foreign(Foreign::Http), "!! this is a chat room, not a web server"),
            (&Refusal::Foreign(Foreign::Tls), "!! this room speaks plain text, not TLS"),
            (
                &Refusal::Foreign(Foreign::Proxy),
                "!! this room takes no PROXY header from your address",
            ),
            (
                &Refusal::Foreign(Foreign::Other),
                "!! this is a chat room: it takes lines of text, and no other protocol",
            ),
            (
                &Refusal::NoProxyHeader,
                "!! this address is a proxy's, and its connections begin with a PROXY header",
            ),
            (&Refusal::NameTaken(bob), "!! /nick: the name bob is taken"),
            (
                &Refusal::GuestName(&Name::guest(7)),
                "!! /nick: the server alone gives names like guest7",
            ),
            (&Refusal::NobodyHere("bob"), "!! /msg: nobody here is called bob"),
            (&Refusal::HasLeft("bob"), "!! /msg: bob has just left"),
            (&Refusal::RoomFull(1), "!! the room is full (1 client)"),
            (&Refusal::RoomFull(100), "!! the room is full (100 clients)"),
            (&Refusal::AddressFull(8), "!! the room is full for your address (8 clients)"),
            (&Refusal::AddressFull(1), "!! the room is full for your address (1 client)"),
        ];
        for (line, expected) in lines {
            assert_eq!(line.to_string(), *expected);
        }
    }

    #[test]
    fn a_refusal_does_not_repeat_a_long_line() {
        let word = format!("/{}", "é".repeat(4000));
        let told = Refusal::Misuse(Misuse::Unknown(&word)).to_string();
        assert_eq!(
            told,
            format!(
                "!! unknown command /{}…; /help lists them; to say it, begin with //",
                "é".repeat(39)
            )
        );
    }

    #[test]
    fn the_list_of_names_is_broken_into_lines_that_fit_a_terminal() {
        let listed =
            |name: &str, is_away| Listed { name: Name::parse(name).expect("a good name"), is_away };
        let members: Vec<Listed> =
            (1..=100).map(|number| listed(&format!("guest{number}"), number % 3 == 0)).collect();
        let lines = who(&members);
        let start = "-- 100 here: guest1, guest2, guest3 (away), guest4, ";
        assert!(lines[0].starts_with(start), "{}", lines[0]);
        assert!(lines.iter().all(|line| line.len() < 80 && line.starts_with("-- ")));
        let all = lines.iter().map(|line| line.strip_prefix("-- ").unwrap());
        let all = all.collect::<Vec<_>>().join(" ");
        let (_, names) = all.split_once(": ").expect("a list");
        let names: Vec<_> = names.split(", ").map(listed_name).collect();
        assert_eq!(names, members.iter().map(|it| it.name.as_str()).collect::<Vec<_>>());
        assert_eq!(all.matches(" (away)").count(), 33);
        let (last, before) = lines.split_last().expect("there are names");
        assert!(begins_who(&lines[0]) && !lines[1..].iter().any(|line| begins_who(line)));
        assert!(before.iter().all(|line| who_goes_on(line)) && !who_goes_on(last));
        assert_eq!(who(&members[..1]), ["-- 1 here: guest1"]);
        let long = "日".repeat(24);
        let two = [listed(&long, true), listed("bob", false)];
        assert_eq!(who(&two)[0], format!("-- 2 here: {long} (away),"));
    }

    #[test]
    fn a_client_knows_that_some_came_and_went() {
        for (joined, left) in [(38, 35), (38, 0), (0, 35), (1, 0), (0, 1), (1, 1)] {
            let notice = Notice::CameAndWent { joined, left }.to_string();
            assert!(is_came_and_went(&notice), "{notice}");
        }
        // What is told of somebody who is called 38 or member.
        for line in [
            "-- 38 joined",
            "-- 38 left",
            "-- member joined",
            "-- 38 left: 3 members left",
            "-- bob left: 3 joined, 4 left",
            "-- bob left: 3 members left",
            "<bob> -- 3 joined, 4 left",
            "-- +3 members left",
        ] {
            assert!(!is_came_and_went(line), "{line}");
        }
    }

    #[test]
    fn a_client_knows_how_many_lines_are_gone() {
        let lines = |count, why| missed(&Notice::Missed(count, why).to_string());
        assert_eq!(lines(1, Missing::TooSlow), Some(1));
        assert_eq!(lines(312, Missing::Away), Some(312));
        for line in
            ["-- you missed bob (x)", "-- you missed 3 trains", "<a> -- you missed 3 lines (x)"]
        {
            assert_eq!(missed(line), None, "{line}");
        }
    }

    #[test]
    fn a_client_knows_which_line_was_too_long() {
        assert_eq!(too_long(&Refusal::LineTooLong(4096).to_string()), Some(4096));
        for line in ["!! that line was too long", "<a> !! that line was too long and was not sent"]
        {
            assert_eq!(too_long(line), None, "{line}");
        }
    }

    #[test]
    fn a_client_knows_the_banner_and_its_own_name() {
        assert!(is_banner(&Notice::Banner.to_string()));
        assert!(is_banner("-- chatroom 1: anything"));
        for line in
            ["-- chatroom 2: welcome", "-- chatroom 10: welcome", "<a> -- chatroom 1: x", ""]
        {
            assert!(!is_banner(line), "{line}");
        }
        let cases = [
            ("-- you are alice, alone here", Some("alice")),
            ("-- you are now, with 3 others here", Some("now")),
            ("-- you are now bob", Some("bob")),
            ("-- you are bob, with 3 others here, 1 of them away", Some("bob")),
            ("-- you are late", None),
            ("<x> -- you are now bob", None),
        ];
        for (line, name) in cases {
            assert_eq!(your_name(line), name, "{line}");
        }
    }
}
