//! A notice of the server's, read: what stands behind `-- `.

use crate::protocol::name::Name;
use crate::protocol::network::Network;
use crate::protocol::reply::Offer;
use crate::protocol::reply::orders::CONSOLE;
use crate::protocol::reply::shared::AWAY;
use crate::protocol::reply::who::{FROM, NOT_ENCRYPTED, Names};
use crate::protocol::tag::number;

/// What a notice tells. Each variant stands for one of [`Notice`](crate::protocol::reply::Notice)'s, and
/// has of it what a client needs; so a later server may say more in the same line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadNotice<'a> {
    /// `-- chatroom 1: welcome (/help for the commands)`
    Banner {
        /// The version of the protocol.
        version: u32,
        /// What the server offers besides.
        offer: Offer,
    },
    /// `-- you are alice, with 3 others here`
    YouAre(&'a str),
    /// `-- you are now bob`
    YouAreNow(&'a str),
    /// `-- bob joined`
    Joined(&'a str),
    /// `-- bob left`, and the other ways of leaving.
    Left(&'a str),
    /// `-- 38 joined, 35 left`
    CameAndWent,
    /// `-- alice is now bob`
    IsNow {
        /// The name until now.
        old: &'a str,
        /// The name from now on.
        new: &'a str,
    },
    /// `-- 4 here: alice, bob,`: the beginning of the answer to `/who`.
    Here(Names<'a>),
    /// `-- carol, dave`: more of that answer, if it was not at its end.
    More(Names<'a>),
    /// `-- not encrypted: carol, dave`: on whose connections others can read along, behind that answer.
    NotEncrypted,
    /// `-- from: carol 192.0.2.7, dave 192.0.2.9`: where members are from, behind that one, for operators.
    From,
    /// `-- /quit [TEXT]      leave, with a farewell`: one line of the answer to `/help`.
    Help,
    /// `-- the last 20 lines:`: they come next.
    LastLines,
    /// `-- nothing has been said`: there are no last lines.
    NoLastLines,
    /// `-- you are up to date`: the last lines have been shown.
    UpToDate,
    /// `-- the newest 3 with "build log":`, or that there are none.
    Found,
    /// `-- that is all`, or how far back it was looked: what was found has been shown.
    ThatIsAll,
    /// `-- slow down: you are read at 100 lines a second`
    SlowDown,
    /// `-- you missed 312 lines (you were away)`
    Missed(u64),
    /// `-- welcome back, alice`
    WelcomeBack(&'a str),
    /// `-- bob is away: your line waits until bob is back`
    IsAway(&'a str),
    /// `-- bob did not come back: 3 lines of yours were not read`
    DidNotComeBack(&'a str),
    /// `-- what is said here is kept for up to 90 days; …`, and what else is told of the history.
    History,
    /// `-- alice is yours now, …`: a name is the reader's own.
    Owned(&'a str),
    /// `-- this room wants a password: /pass PASSWORD`
    RoomPassword,
    /// `-- this room is for invited people: /pass CODE`
    ForInvited,
    /// `-- you may come in`
    LetIn,
    /// `-- 3 private lines came while you were away:`: they come next.
    PrivateLines,
    /// What else is told of whose a name is and who may come in, and what is told of order: `-- bob cannot speak …`.
    Order,
    /// `-- topic: TEXT`, or that somebody has set it.
    Topic,
    /// `-- operator: TEXT`: from the server's own keyboard.
    Announcement,
    /// `-- the room is away: …`: the server cannot reach the room that it is one of several servers of.
    RoomAway,
    /// `-- the room is back`, and that the reader has joined it again.
    RoomBack,
    /// `-- the room's store was set back: …`, that lines are gone by that, or that the whole room is.
    SetBack,
    /// `-- this server is too old for the room: …`: another server of the room may not be.
    TooOld,
    /// `-- chatroom is here`: a sign of life.
    SignOfLife,
    /// `-- the server is shutting down`
    ShuttingDown,
    /// Anything else.
    Other,
}

impl<'a> ReadNotice<'a> {
    /// Reads what stands behind `-- `.
    pub(super) fn parse(words: &'a str) -> ReadNotice<'a> {
        ReadNotice::fixed(words)
            .or_else(|| ReadNotice::of_reader(words))
            .or_else(|| ReadNotice::of_lines(words))
            .or_else(|| ReadNotice::of_someone(words))
            .or_else(|| ReadNotice::list(words))
            .unwrap_or(ReadNotice::Other)
    }

    /// What is always told in the same words. None of them is what is told of somebody.
    fn fixed(words: &str) -> Option<ReadNotice<'a>> {
        match words {
            "nothing has been said" => Some(ReadNotice::NoLastLines),
            "you are up to date" => Some(ReadNotice::UpToDate),
            "that is all" => Some(ReadNotice::ThatIsAll),
            _ if words.starts_with("searched back to ") => Some(ReadNotice::ThatIsAll),
            "this room wants a password: /pass PASSWORD" => Some(ReadNotice::RoomPassword),
            "this room is for invited people: /pass CODE" => Some(ReadNotice::ForInvited),
            "there is no topic" => Some(ReadNotice::Topic),
            "you may come in" => Some(ReadNotice::LetIn),
            "chatroom is here" => Some(ReadNotice::SignOfLife),
            "the server is shutting down" => Some(ReadNotice::ShuttingDown),
            _ if words.starts_with(FROM) => Some(ReadNotice::From),
            _ if is_of_order(words) => Some(ReadNotice::Order),
            _ if words.starts_with("topic: ") => Some(ReadNotice::Topic),
            _ if words.starts_with("operator: ") => Some(ReadNotice::Announcement),
            _ if words.starts_with(NOT_ENCRYPTED) => Some(ReadNotice::NotEncrypted),
            _ if is_of_history(words) => Some(ReadNotice::History),
            _ if words.starts_with(AWAY) => Some(ReadNotice::RoomAway),
            "the room is back" => Some(ReadNotice::RoomBack),
            _ if words.starts_with("the room was away for ") => Some(ReadNotice::RoomBack),
            _ if is_of_set_back(words) => Some(ReadNotice::SetBack),
            _ if words.starts_with("this server is too old for the room: ") => {
                Some(ReadNotice::TooOld)
            }
            _ if words.starts_with('/') || words.starts_with("TEXT  ") => Some(ReadNotice::Help),
            _ => None,
        }
    }

    /// What is told of the server and of the reader.
    fn of_reader(words: &'a str) -> Option<ReadNotice<'a>> {
        if let Some(rest) = words.strip_prefix("chatroom ") {
            let (version, more) = rest.split_once(':')?;
            let offer = if more.contains(Offer::OF_TLS) { Offer::Tls } else { Offer::Nothing };
            return Some(ReadNotice::Banner { version: version.parse().ok()?, offer });
        }
        if let Some(name) = words.strip_prefix("welcome back, ") {
            return Name::is_valid(name).then_some(ReadNotice::WelcomeBack(name));
        }
        let rest = words.strip_prefix("you are ")?;
        let (name, notice) = match rest.strip_prefix("now ") {
            Some(name) => (name, ReadNotice::YouAreNow(name)),
            None => rest.split_once(", ").map(|(name, _)| (name, ReadNotice::YouAre(name)))?,
        };
        Name::is_valid(name).then_some(notice)
    }

    /// What is told of lines.
    fn of_lines(words: &str) -> Option<ReadNotice<'a>> {
        if words.starts_with("the last ") && words.ends_with(':') {
            return Some(ReadNotice::LastLines);
        }
        if words.starts_with("the newest ") && words.ends_with(':')
            || words.starts_with("nothing with ")
        {
            return Some(ReadNotice::Found);
        }
        if words.starts_with("slow down: you are read at ") {
            return Some(ReadNotice::SlowDown);
        }
        if is_of_private_lines(words) {
            return Some(ReadNotice::PrivateLines);
        }
        if is_of_erased(words) {
            return Some(ReadNotice::Order);
        }
        let (lines, rest) = words.strip_prefix("you missed ")?.split_once(' ')?;
        let is_known = rest.starts_with("line (") || rest.starts_with("lines (");
        is_known.then(|| number(lines).map(ReadNotice::Missed)).flatten()
    }

    /// What is told of a member.
    fn of_someone(words: &'a str) -> Option<ReadNotice<'a>> {
        if let Some(news) = words.strip_prefix(CONSOLE) {
            return of_operator(news.strip_prefix(' ')?);
        }
        let (name, news) = words.split_once(' ')?;
        let notice = match news {
            "joined" => ReadNotice::Joined(name),
            "left" | "left (connection lost)" | "was too slow and was dropped" => {
                ReadNotice::Left(name)
            }
            _ if news.starts_with("left: ") => ReadNotice::Left(name),
            _ if news.starts_with("is away: ") => ReadNotice::IsAway(name),
            _ if news.starts_with("did not come back: ") => ReadNotice::DidNotComeBack(name),
            _ if news.starts_with("was removed by ") => ReadNotice::Left(name),
            _ if news.starts_with("is yours now, ") => ReadNotice::Owned(name),
            _ if news.starts_with("was banned by ") => return Some(ReadNotice::of_ban(name)),
            _ => match news.strip_prefix("is now ") {
                Some(new) if Name::is_valid(new) => ReadNotice::IsNow { old: name, new },
                Some(_) => return None,
                None => of_member(news).or_else(|| of_operator(news))?,
            },
        };
        Name::is_valid(name).then_some(notice)
    }

    /// Who is banned by the name has left; an address or a network is nobody.
    fn of_ban(whom: &'a str) -> ReadNotice<'a> {
        match Network::parse(whom) {
            None if Name::is_valid(whom) => ReadNotice::Left(whom),
            Some(_) | None => ReadNotice::Order,
        }
    }

    /// How many are here, or came and went; and the names of those who are here.
    fn list(words: &'a str) -> Option<ReadNotice<'a>> {
        if let Some((count, names)) = words.split_once(" here: ")
            && number(count).is_some()
        {
            return Some(ReadNotice::Here(Names::parse(names)));
        }
        if is_came_and_went(words) {
            return Some(ReadNotice::CameAndWent);
        }
        Some(Names::parse(words)).filter(|names| names.is_readable()).map(ReadNotice::More)
    }
}

/// What is told of a member's name and of what was done to the member, who is here still.
fn of_member(news: &str) -> Option<ReadNotice<'static>> {
    const FIXED: [&str; 5] = [
        "is protected by your password now",
        "is free again",
        "may come in",
        "may come back",
        "can speak again",
    ];
    const BEGINNINGS: [&str; 4] =
        ["is not here: ", "has read ", "cannot speak for ", "is banned by the name "];
    let is_known = FIXED.contains(&news) || BEGINNINGS.iter().any(|it| news.starts_with(it));
    is_known.then_some(ReadNotice::Order)
}

/// What is told of an operator.
fn of_operator(news: &str) -> Option<ReadNotice<'static>> {
    if news.starts_with("set the topic: ") || news == "removed the topic" {
        return Some(ReadNotice::Topic);
    }
    let changed = news.strip_prefix("made ")?;
    let ends = [" an operator", " an ordinary member"];
    ends.iter().any(|end| changed.ends_with(end)).then_some(ReadNotice::Order)
}

/// What is told of order, and not of a member.
fn is_of_order(words: &str) -> bool {
    words == "not encrypted: whoever reads along can take this connection over"
        || words == "nobody is banned"
        || ["the code ", "banned: ", "muted: ", "stats: "].iter().any(|it| words.starts_with(it))
        || count_before(words, &[" ban:", " bans:"])
        || words.split_once(' ').is_some_and(|(whom, news)| {
            let is_network = Network::parse(whom).is_some() && !Name::is_valid(whom);
            is_network && (news.starts_with("was banned by ") || news == "may come back")
        })
}

fn is_of_private_lines(words: &str) -> bool {
    let ends =
        [" private line came while you were away:", " private lines came while you were away:"];
    count_before(words, &ends)
}

/// `12 lines of bob were erased by alice`
fn is_of_erased(words: &str) -> bool {
    let Some((count, rest)) = words.split_once(' ') else { return false };
    let is_erased = |rest: &str, were: &str| {
        rest.split_once(' ').is_some_and(|(name, rest)| {
            Name::is_valid(name)
                && rest.strip_prefix(were).is_some_and(|it| it.starts_with(" erased by "))
        })
    };
    number(count).is_some()
        && (rest.strip_prefix("line of ").is_some_and(|it| is_erased(it, "was"))
            || rest.strip_prefix("lines of ").is_some_and(|it| is_erased(it, "were")))
}

/// Whether a number stands before one of these ends, and nothing else.
fn count_before(words: &str, ends: &[&str]) -> bool {
    ends.iter().any(|end| words.strip_suffix(end).is_some_and(|count| number(count).is_some()))
}

fn is_of_history(words: &str) -> bool {
    [
        "what is said here is ",
        "what is said is ",
        "the server's machine failed: ",
        "lines of the server's ",
    ]
    .iter()
    .any(|start| words.starts_with(start))
        || words.ends_with(" not in this server's history")
}

fn is_of_set_back(words: &str) -> bool {
    words.starts_with("the room's store was set back: ")
        || words.starts_with("the room's store was emptied, ")
        || words.starts_with("some lines that you saw are gone from the room: ")
}

fn is_came_and_went(words: &str) -> bool {
    let are_both = words.split_once(", ").is_some_and(|(joined, left)| {
        count_before(joined, &[" joined"]) && count_before(left, &[" left"])
    });
    are_both
        || count_before(
            words,
            &[" member joined", " members joined", " member left", " members left"],
        )
}
