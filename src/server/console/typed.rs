//! What a line means that is typed at the server's own keyboard. Pure.
//!
//! The operators' commands are read by `protocol::request`, so that they are the same here and in the room; the
//! words of the keyboard alone are a table here. Both may be typed with or without `/`.

use std::fmt;
use std::time::Duration;

use crate::protocol::reply::Refusal;
use crate::protocol::request::{self, Command, Order, Request};
use crate::protocol::suggestion::nearest;
use crate::protocol::text::{from_first_shown, shortened};

/// How much of an unknown word is repeated, in bytes.
const MOST_REPEATED: usize = 40;

/// A word that there is at the keyboard alone, or that does something else there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// `say`
    Say,
    /// `watch`
    Watch,
    /// `who`
    Who,
    /// `help`
    Help,
    /// `shutdown`
    Shutdown,
}

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked<'a> {
    /// Nothing: the line is blank.
    Nothing,
    /// To tell all this.
    Say(&'a str),
    /// To show what is said, or not any more.
    Watch,
    /// Who is here, and from where.
    Who,
    /// What can be typed.
    Help,
    /// To end the server.
    Shutdown,
    /// For a code that lets one person in, for so long.
    Invite(Duration),
    /// What operators ask for in the room, too.
    Order(Order<'a>),
}

/// Why nothing is done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Misuse<'a> {
    /// There is no such word; another one may be meant.
    Unknown(&'a str, Option<&'static str>),
    /// The word is one of the keyboard's, and goes in another way.
    Word(Word),
    /// The command is an operator's, and goes in another way.
    Command(Command),
    /// The command is for members.
    ForMembers(Command),
}

impl Word {
    /// All of them, in the order in which `help` lists them.
    pub(super) const ALL: [Word; 5] =
        [Word::Say, Word::Watch, Word::Who, Word::Help, Word::Shutdown];

    /// How it is used.
    pub(super) fn usage(self) -> &'static str {
        match self {
            Word::Say => "say TEXT",
            Word::Watch => "watch",
            Word::Who => "who",
            Word::Help => "help",
            Word::Shutdown => "shutdown",
        }
    }

    /// What it is for, in a few words.
    pub(super) fn purpose(self) -> &'static str {
        match self {
            Word::Say => "tell all TEXT",
            Word::Watch => "show what is said to all, until watch again",
            Word::Who => "list who is here, and from where",
            Word::Help => "list what can be typed",
            Word::Shutdown => "end the server, as Ctrl+C does",
        }
    }

    /// The word itself.
    pub(super) fn word(self) -> &'static str {
        word_of(self.usage())
    }
}

/// The commands of the room that can be typed here, in the order in which `help` lists them.
const ORDERS: [Command; 13] = [
    Command::Kick,
    Command::Mute,
    Command::Unmute,
    Command::Ban,
    Command::Unban,
    Command::Bans,
    Command::Erase,
    Command::Op,
    Command::Deop,
    Command::Allow,
    Command::Invite,
    Command::Topic,
    Command::Stats,
];

/// What words are called that people type at other servers.
const ELSEWHERE: [(&str, &[&str]); 8] = [
    ("say", &["announce", "broadcast", "echo", "me", "msg", "notice", "shout", "tell", "wall"]),
    ("watch", &["chat", "history", "listen", "log", "read", "tail"]),
    ("who", &["list", "ls", "members", "names", "online", "players", "users", "whois"]),
    ("help", &["?", "commands", "h", "man", "usage"]),
    ("shutdown", &["bye", "close", "end", "exit", "halt", "poweroff", "q", "quit", "stop"]),
    ("stats", &["figures", "info", "load", "status", "top", "uptime"]),
    ("kick", &["disconnect", "drop", "remove"]),
    ("mute", &["gag", "quiet", "silence"]),
];

/// The line as a command of the room: with one `/`, and nothing before it.
pub(super) fn as_command(line: &str) -> String {
    let word = from_first_shown(line).trim_start_matches('/');
    format!("/{}", from_first_shown(word))
}

/// Reads a line that was made safe and [a command](as_command).
///
/// # Errors
///
/// It is not what can be typed here.
pub(super) fn parse(line: &str) -> Result<Asked<'_>, Misuse<'_>> {
    let (word, rest) = line.split_at(word_of(line).len());
    let typed = bare(word);
    if typed.is_empty() {
        return Ok(Asked::Nothing);
    }
    if let Some(own) = Word::ALL.into_iter().find(|own| own.word().eq_ignore_ascii_case(typed)) {
        return of_word(own, rest);
    }
    match request::parse(line) {
        Ok(Request::Order(order)) => Ok(Asked::Order(order)),
        Ok(Request::Invite(time)) => Ok(Asked::Invite(time)),
        Err(request::Misuse::Arguments(command)) if ORDERS.contains(&command) => {
            Err(Misuse::Command(command))
        }
        Ok(_) | Err(_) => Err(unknown(typed)),
    }
}

fn of_word(word: Word, rest: &str) -> Result<Asked<'_>, Misuse<'_>> {
    let text = from_first_shown(rest).trim_end();
    match (word, text) {
        (Word::Say, "") => Err(Misuse::Word(word)),
        (Word::Say, text) => Ok(Asked::Say(text)),
        (Word::Watch, "") => Ok(Asked::Watch),
        (Word::Who, "") => Ok(Asked::Who),
        (Word::Help, "") => Ok(Asked::Help),
        (Word::Shutdown, "") => Ok(Asked::Shutdown),
        (Word::Watch | Word::Who | Word::Help | Word::Shutdown, _) => Err(Misuse::Word(word)),
    }
}

fn unknown(typed: &str) -> Misuse<'_> {
    let small = typed.to_ascii_lowercase();
    let elsewhere = ELSEWHERE.iter().find(|(_, names)| names.contains(&small.as_str()));
    if let Some((meant, _)) = elsewhere {
        return Misuse::Unknown(typed, Some(meant));
    }
    let is_so = |command: &Command| bare(command.word()) == small;
    if let Some(command) = Command::all().find(is_so) {
        return Misuse::ForMembers(command);
    }
    let orders = ORDERS.into_iter().map(|command| bare(command.word()));
    let words = Word::ALL.into_iter().map(Word::word).chain(orders);
    Misuse::Unknown(typed, nearest(&small, words.map(|word| (word, word))))
}

/// What can be typed: the keyboard's words and the operators' commands, each with its arguments and what it is for.
pub(super) fn commands() -> impl Iterator<Item = (&'static str, &'static str)> {
    let words = Word::ALL.into_iter().map(|word| (word.usage(), word.purpose()));
    let orders = ORDERS.into_iter().map(|command| (bare(command.usage()), command.purpose()));
    words.chain(orders)
}

/// What `help` says.
pub(super) fn help() -> impl Iterator<Item = String> {
    commands().map(|(usage, purpose)| format!("-- {usage:<23} {purpose}"))
}

/// A command as it may be typed here, too.
fn bare(command: &str) -> &str {
    command.strip_prefix('/').unwrap_or(command)
}

/// The first word.
fn word_of(text: &str) -> &str {
    text.split(char::is_whitespace).next().unwrap_or_default()
}

impl fmt::Display for Misuse<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Misuse::Unknown(word, meant) => {
                write!(f, "!! there is no {} here", shortened(word, MOST_REPEATED))?;
                match meant {
                    Some(meant) => write!(f, "; did you mean {meant}?"),
                    None => f.write_str("; help lists what can be typed, and say TEXT tells all"),
                }
            }
            Misuse::Word(word) => write!(f, "!! {} goes like this: {}", word.word(), word.usage()),
            Misuse::Command(command) => {
                write!(f, "{}", Refusal::Misuse(request::Misuse::Arguments(*command)))
            }
            Misuse::ForMembers(command) => {
                write!(f, "!! {} is for members: join with chatclient", command.word())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_with_or_without_a_slash_and_in_any_case() {
        let kick = || Asked::Order(Order::Kick { name: "bob", why: "too loud" });
        let cases = [
            ("", Asked::Nothing),
            ("  ", Asked::Nothing),
            (" / ", Asked::Nothing),
            ("say  hello to all ", Asked::Say("hello to all")),
            ("/SAY /help", Asked::Say("/help")),
            ("watch", Asked::Watch),
            (" /watch ", Asked::Watch),
            ("Who", Asked::Who),
            ("help", Asked::Help),
            ("shutdown", Asked::Shutdown),
            ("kick bob too loud", kick()),
            ("/Kick bob too loud", kick()),
            ("stats", Asked::Order(Order::Stats)),
            ("invite 2h", Asked::Invite(Duration::from_secs(7200))),
            (
                "mute bob 2h",
                Asked::Order(Order::Mute { name: "bob", time: Duration::from_secs(7200), why: "" }),
            ),
        ];
        for (line, asked) in cases {
            assert_eq!(parse(&as_command(line)), Ok(asked), "{line:?}");
        }
    }

    #[test]
    fn what_cannot_be_typed_here_is_one_line_that_says_what_can() {
        let long = "x".repeat(100);
        let cases = [
            ("say", "!! say goes like this: say TEXT"),
            ("who is there", "!! who goes like this: who"),
            ("kick", "!! /kick goes like this: /kick NAME [WHY]"),
            ("//kick", "!! /kick goes like this: /kick NAME [WHY]"),
            ("stats now", "!! /stats goes like this: /stats"),
            ("quit", "!! there is no quit here; did you mean shutdown?"),
            ("/exit", "!! there is no exit here; did you mean shutdown?"),
            ("/msg bob psst", "!! there is no msg here; did you mean say?"),
            ("list", "!! there is no list here; did you mean who?"),
            ("kcik bob", "!! there is no kcik here; did you mean kick?"),
            ("unb bob", "!! there is no unb here; did you mean unban?"),
            ("/nick bob", "!! /nick is for members: join with chatclient"),
            ("/tags", "!! /tags is for members: join with chatclient"),
            (
                "hello all",
                "!! there is no hello here; help lists what can be typed, and say TEXT tells all",
            ),
            (
                &long,
                "!! there is no xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx… here; help lists what can be \
                 typed, and say TEXT tells all",
            ),
        ];
        for (line, told) in cases {
            let command = as_command(line);
            assert_eq!(parse(&command).expect_err(line).to_string(), told, "{line:?}");
        }
    }

    #[test]
    fn every_word_from_elsewhere_leads_to_one_that_there_is() {
        for (meant, names) in ELSEWHERE {
            assert!(help().any(|line| word_of(&line[3..]) == meant), "{meant}");
            for name in names {
                let line = as_command(name);
                assert_eq!(parse(&line), Err(Misuse::Unknown(name, Some(meant))), "{name}");
            }
        }
        assert_eq!(help().count(), 18);
        assert!(help().all(|line| line.len() < 80));
    }
}
