//! What one line of the server's says. Pure.
//!
//! A line is read from its front, word by word, since what a member may write stands behind: the
//! farewell in `-- bob left: eve joined` is no news of eve.

use chrono::NaiveDate;

use crate::protocol::name::Name;
use crate::protocol::reply;

/// A line, taken apart. It borrows the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Incoming<'a> {
    /// `<alice> text`
    Said(&'a str, &'a str),
    /// `* alice text`
    Done(&'a str, &'a str),
    /// `[alice -> you] text`
    ToYou(&'a str, &'a str),
    /// `[you -> bob] text`
    FromYou(&'a str, &'a str),
    /// `-- text`
    Notice(News<'a>),
    /// `!! text`
    Error(&'a str),
    /// `| 14:05 <alice> text`: the time, and the line as it was then.
    Earlier(&'a str, &'a str),
    /// `| -- 2026-11-22`: the earlier lines that come next are of this day.
    EarlierDay(NaiveDate),
    /// Something that this client does not know.
    Unknown(&'a str),
}

/// What a notice tells of who is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News<'a> {
    /// `-- you are alice, with 3 others here`
    YouAre(&'a str),
    /// `-- you are now bob`
    YouAreNow(&'a str),
    /// `-- bob joined`
    Joined(&'a str),
    /// `-- bob left`, and the other ways of leaving.
    Left(&'a str),
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
    /// Nothing.
    Nothing,
}

/// One line's part of a list of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Names<'a>(&'a str);

impl<'a> Names<'a> {
    fn parse(list: &'a str, is_name: impl Fn(&str) -> bool) -> Option<Names<'a>> {
        let names = Names(list);
        names.iter().all(is_name).then_some(names)
    }

    /// The names, also of those who are away.
    pub(super) fn iter(self) -> impl Iterator<Item = &'a str> {
        self.0.strip_suffix(',').unwrap_or(self.0).split(", ").map(reply::listed_name)
    }

    /// Whether the next line has more of them.
    pub(super) fn goes_on(self) -> bool {
        self.0.ends_with(',')
    }
}

impl<'a> Incoming<'a> {
    /// Takes apart a line of a server that has our banner. `is_known` may say of a name that it is
    /// one, which is quicker than to read it by the rules.
    pub(super) fn parse(line: &'a str, is_known: impl Fn(&str) -> bool) -> Incoming<'a> {
        let is_name = |word: &str| is_known(word) || Name::parse(word).is_ok();
        let read = match line.split_at_checked(2) {
            Some(("--", rest)) => {
                rest.strip_prefix(' ').map(|_| Incoming::Notice(News::parse(line, is_name)))
            }
            Some(("!!", rest)) => rest.strip_prefix(' ').map(Incoming::Error),
            Some(("* ", rest)) => done(rest, is_name),
            Some(("| ", rest)) => earlier(rest),
            _ if line.starts_with('<') => said(&line[1..], is_name),
            _ if line.starts_with('[') => private(&line[1..], is_name),
            _ => None,
        };
        read.unwrap_or(Incoming::Unknown(line))
    }

    /// The member besides us whose doing it is, if it is one's.
    pub(super) fn actor(self) -> Option<&'a str> {
        match self {
            Incoming::Said(name, _)
            | Incoming::Done(name, _)
            | Incoming::ToYou(name, _)
            | Incoming::Notice(News::Joined(name) | News::Left(name))
            | Incoming::Notice(News::IsNow { old: name, .. }) => Some(name),
            Incoming::FromYou(..)
            | Incoming::Notice(_)
            | Incoming::Error(_)
            | Incoming::Earlier(..)
            | Incoming::EarlierDay(_)
            | Incoming::Unknown(_) => None,
        }
    }
}

fn said<'a>(rest: &'a str, is_name: impl Fn(&str) -> bool) -> Option<Incoming<'a>> {
    let (name, text) = rest.split_once("> ")?;
    is_name(name).then_some(Incoming::Said(name, text))
}

fn done<'a>(rest: &'a str, is_name: impl Fn(&str) -> bool) -> Option<Incoming<'a>> {
    let (name, text) = rest.split_once(' ')?;
    is_name(name).then_some(Incoming::Done(name, text))
}

fn private<'a>(rest: &'a str, is_name: impl Fn(&str) -> bool) -> Option<Incoming<'a>> {
    let (head, text) = rest.split_once("] ")?;
    match head.split_once(" -> ")? {
        ("you", to) if is_name(to) => Some(Incoming::FromYou(to, text)),
        (from, "you") if is_name(from) => Some(Incoming::ToYou(from, text)),
        _ => None,
    }
}

fn earlier(rest: &str) -> Option<Incoming<'_>> {
    if let Some(day) = rest.strip_prefix("-- ") {
        return day.parse().ok().map(Incoming::EarlierDay);
    }
    let (time, line) = rest.split_once(' ')?;
    let is_time = matches!(time.as_bytes(), [a, b, b':', c, d]
        if [a, b, c, d].into_iter().all(u8::is_ascii_digit));
    is_time.then_some(Incoming::Earlier(time, line))
}

impl<'a> News<'a> {
    /// Reads a whole line, which begins with `-- `.
    fn parse(line: &'a str, is_name: impl Fn(&str) -> bool) -> News<'a> {
        if let Some(name) = reply::your_name(line) {
            let is_change = line.strip_prefix("-- you are now ") == Some(name);
            return if is_change { News::YouAreNow(name) } else { News::YouAre(name) };
        }
        let rest = &line["-- ".len()..];
        News::of_someone(rest, &is_name)
            .or_else(|| News::list(rest, &is_name))
            .unwrap_or(News::Nothing)
    }

    fn of_someone(rest: &'a str, is_name: impl Fn(&str) -> bool) -> Option<News<'a>> {
        let (name, news) = rest.split_once(' ')?;
        let news = match news {
            "joined" => News::Joined(name),
            "left" | "left (connection lost)" | "was too slow and was dropped" => News::Left(name),
            _ if news.starts_with("left: ") => News::Left(name),
            _ => match news.strip_prefix("is now ") {
                Some(new) if is_name(new) => News::IsNow { old: name, new },
                Some(_) | None => return None,
            },
        };
        is_name(name).then_some(news)
    }

    fn list(rest: &'a str, is_name: impl Fn(&str) -> bool) -> Option<News<'a>> {
        if let Some((count, names)) = rest.split_once(" here: ")
            && count.bytes().all(|byte| byte.is_ascii_digit())
        {
            return Names::parse(names, is_name).map(News::Here);
        }
        Names::parse(rest, is_name).map(News::More)
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    use super::*;
    use crate::protocol::arbitrary::{name, text};
    use crate::protocol::reply::{LeaveReason, Listed, Notice, Speech};
    use crate::protocol::tag::Body;

    #[test]
    fn a_line_is_read_from_its_front() {
        use Incoming::{Done, Error, FromYou, Notice, Said, ToYou, Unknown};
        let nothing = Notice(News::Nothing);
        let cases = [
            ("<alice> hi", Said("alice", "hi")),
            ("<alice> <bob> hi", Said("alice", "<bob> hi")),
            ("<alice>  hi ", Said("alice", " hi ")),
            ("* bob waits", Done("bob", "waits")),
            ("* bob -- alice joined", Done("bob", "-- alice joined")),
            ("[carol -> you] psst", ToYou("carol", "psst")),
            ("[carol -> you] [you -> bob] x", ToYou("carol", "[you -> bob] x")),
            ("[you -> bob] psst", FromYou("bob", "psst")),
            ("!! /msg: that is you", Error("/msg: that is you")),
            ("-- you are alice, with 3 others here", Notice(News::YouAre("alice"))),
            ("-- you are now, alone here", Notice(News::YouAre("now"))),
            ("-- you are now bob", Notice(News::YouAreNow("bob"))),
            ("-- bob joined", Notice(News::Joined("bob"))),
            ("-- bob left", Notice(News::Left("bob"))),
            ("-- bob left: good night", Notice(News::Left("bob"))),
            ("-- bob left: x joined", Notice(News::Left("bob"))),
            ("-- bob left: is now eve", Notice(News::Left("bob"))),
            ("-- bob left (connection lost)", Notice(News::Left("bob"))),
            ("-- bob was too slow and was dropped", Notice(News::Left("bob"))),
            ("-- bob is now robert", Notice(News::IsNow { old: "bob", new: "robert" })),
            ("-- 4 joined", Notice(News::Joined("4"))),
            ("-- 2 here: alice, bob", Notice(News::Here(Names("alice, bob")))),
            ("-- 4 here: alice, bob,", Notice(News::Here(Names("alice, bob,")))),
            ("-- 2 here: al (away), bob", Notice(News::Here(Names("al (away), bob")))),
            ("-- 2 here: al (gone), bob", nothing),
            ("-- carol, dave", Notice(News::More(Names("carol, dave")))),
            ("-- dave", Notice(News::More(Names("dave")))),
            ("-- bob is now not here", nothing),
            ("-- bob joined us", nothing),
            ("-- here: bob joined", nothing),
            ("-- you joined", nothing),
            ("-- you are up to date", nothing),
            ("-- the server is shutting down", nothing),
            ("-- /msg NAME TEXT  say it to one member alone", nothing),
            ("-- chatroom 1: welcome (/help for the commands)", nothing),
            ("-- you missed 3 lines (your connection was too slow)", nothing),
            ("-- the newest 3 with \"bob joined\":", nothing),
            ("-- ", nothing),
            ("", Unknown("")),
            ("--", Unknown("--")),
            ("!!", Unknown("!!")),
            ("<alice>", Unknown("<alice>")),
            ("<you> hi", Unknown("<you> hi")),
            ("<a b> hi", Unknown("<a b> hi")),
            ("[alice] hi", Unknown("[alice] hi")),
            ("[alice -> bob] hi", Unknown("[alice -> bob] hi")),
            ("é", Unknown("é")),
            ("日本", Unknown("日本")),
        ];
        for (line, expected) in cases {
            assert_eq!(Incoming::parse(line, |_| false), expected, "{line:?}");
        }
    }

    #[test]
    fn an_earlier_line_has_its_own_time() {
        use Incoming::{Earlier, EarlierDay, Unknown};
        let day = NaiveDate::from_ymd_opt(2026, 11, 22).unwrap();
        let cases = [
            ("| 14:05 <alice> hi", Earlier("14:05", "<alice> hi")),
            ("| 14:05 * bob waits", Earlier("14:05", "* bob waits")),
            ("| -- 2026-11-22", EarlierDay(day)),
            ("| -- 2026-13-22", Unknown("| -- 2026-13-22")),
            ("| 1:05 <alice> hi", Unknown("| 1:05 <alice> hi")),
            ("| hi", Unknown("| hi")),
            ("|", Unknown("|")),
        ];
        for (line, expected) in cases {
            assert_eq!(Incoming::parse(line, |_| false), expected, "{line:?}");
        }
    }

    #[test]
    fn a_list_of_names_ends_where_no_comma_follows() {
        let names = |list| Names::parse(list, |name| Name::parse(name).is_ok()).unwrap();
        assert_eq!(names("alice, bob,").iter().collect::<Vec<_>>(), ["alice", "bob"]);
        assert!(names("alice, bob,").goes_on());
        assert!(!names("alice, bob").goes_on());
    }

    proptest! {
        #[test]
        fn what_was_said_is_read_as_it_was_written_whatever_it_is(
            name in name(),
            other in name(),
            text in text(),
        ) {
            use Incoming::{Done, FromYou, Notice as Told, Said, ToYou};
            let (by, to, text) = (name.as_str(), other.as_str(), text.as_str());
            let has_left = Told(News::Left(by));
            let found = |lines| Notice::Found { lines, words: text }.to_string();
            let cases = [
                (Speech::Said(&name, text).to_string(), Said(by, text)),
                (Speech::Done(&name, text).to_string(), Done(by, text)),
                (Speech::ToYou(&name, text).to_string(), ToYou(by, text)),
                (Speech::FromYou(&name, text).to_string(), FromYou(by, text)),
                (Notice::Joined(&name).to_string(), Told(News::Joined(by))),
                (Notice::IsNow { old: &name, new: &other }.to_string(), Told(News::IsNow { old: by, new: to })),
                (Notice::YouAre { name: &name, others: 3, away: 1 }.to_string(), Told(News::YouAre(by))),
                (Notice::YouAreNow(&name).to_string(), Told(News::YouAreNow(by))),
                (Notice::Left(&name, LeaveReason::Quit(text)).to_string(), has_left),
                (Notice::Left(&name, LeaveReason::ConnectionLost).to_string(), has_left),
                (Notice::Left(&name, LeaveReason::TooSlow).to_string(), has_left),
                (Notice::IsAway(&name).to_string(), Told(News::Nothing)),
                (Notice::DidNotComeBack { name: &name, lines: 3 }.to_string(), Told(News::Nothing)),
                (found(3), Told(News::Nothing)),
                (found(0), Told(News::Nothing)),
            ];
            for (line, expected) in cases {
                prop_assert_eq!(Incoming::parse(&line, |_| false), expected);
                // It is a line for a program, too, and no fact or receipt.
                prop_assert_eq!(Body::parse(&line), Body::Line(&line));
            }
        }

        #[test]
        fn an_answer_to_who_is_read_as_it_was_written(names in vec((name(), any::<bool>()), 1..10)) {
            let mut read = Vec::new();
            let members: Vec<_> =
                names.into_iter().map(|(name, is_away)| Listed { name, is_away }).collect();
            let lines = reply::who(&members);
            for (i, line) in lines.iter().enumerate() {
                prop_assert_eq!(reply::begins_who(line), i == 0);
                prop_assert_eq!(reply::who_goes_on(line), i + 1 < lines.len());
                match Incoming::parse(line, |_| false) {
                    Incoming::Notice(News::Here(names) | News::More(names)) => read.extend(names.iter()),
                    other => panic!("{line:?} is {other:?}"),
                }
            }
            prop_assert_eq!(read, members.iter().map(|it| it.name.as_str()).collect::<Vec<_>>());
        }

        #[test]
        fn no_text_is_taken_apart_wrongly(line in text()) {
            if let Some(actor) = Incoming::parse(&line, |_| false).actor() {
                prop_assert!(Name::parse(actor).is_ok(), "{actor:?} in {line:?}");
            }
            let _ = (reply::missed(&line), reply::too_long(&line), reply::is_came_and_went(&line));
        }
    }
}
