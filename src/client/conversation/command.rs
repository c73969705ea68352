//! The client's own commands: what a typed line asks of the client itself, and what it answers.
//!
//! Pure. They are read by the same rules as the server's: without regard to case, at the beginning of
//! what is seen of the line, and `//` is none. Whatever is not the client's goes to the server.

use std::fmt;

use crate::client::lead;
use crate::client::typed::{Asks, Typed};
use crate::protocol::name::{BadName, Name};
use crate::protocol::text::from_first_shown;

/// The commands that the server never sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command {
    /// `/r`
    Reply,
    /// `/ignore`
    Ignore,
    /// `/unignore`
    Unignore,
    /// `/open`
    Open,
    /// `/clear`
    Clear,
    /// `/server`
    Server,
}

impl Command {
    /// Every command, in the order in which `/help` lists them.
    pub(super) const ALL: [Command; 6] = [
        Command::Reply,
        Command::Open,
        Command::Ignore,
        Command::Unignore,
        Command::Clear,
        Command::Server,
    ];

    /// The word that stands at the beginning of the line.
    pub(super) fn word(self) -> &'static str {
        match self {
            Command::Reply => lead::REPLY,
            Command::Ignore => "/ignore",
            Command::Unignore => "/unignore",
            Command::Open => "/open",
            Command::Clear => "/clear",
            Command::Server => "/server",
        }
    }

    /// The whole command, with its arguments in capitals.
    pub(super) fn usage(self) -> &'static str {
        match self {
            Command::Reply => "/r TEXT",
            Command::Ignore => "/ignore [NAME]",
            Command::Unignore => "/unignore NAME",
            Command::Open => "/open [N]",
            Command::Clear => "/clear",
            Command::Server => "/server",
        }
    }

    /// What it is for, in a few words.
    fn purpose(self) -> &'static str {
        match self {
            Command::Reply => "answer the last private line",
            Command::Ignore => "show nothing of NAME's, or who is ignored",
            Command::Unignore => "show NAME's lines again",
            Command::Open => "open the last address shown, or the Nth last",
            Command::Clear => "clear the screen",
            Command::Server => "whether the server is encrypted, and its key",
        }
    }

    fn from_word(word: &str) -> Option<Command> {
        Command::ALL.into_iter().find(|command| command.word().eq_ignore_ascii_case(word))
    }
}

/// The client's lines for `/help`, below which the server's own answer comes.
pub(in crate::client) fn help() -> impl Iterator<Item = String> {
    commands().map(|(usage, purpose)| format!("-- {usage:<23} {purpose}"))
}

/// Each command with its arguments, and what it is for.
pub(in crate::client) fn commands() -> impl Iterator<Item = (&'static str, &'static str)> {
    Command::ALL.into_iter().map(|command| (command.usage(), command.purpose()))
}

/// What a typed line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Own<'a> {
    /// It is the server's business.
    ForServer,
    /// `/help`: the server's business, and the client's besides.
    Help,
    /// `/r`: answer so.
    Reply(&'a str),
    /// `/ignore`: who is ignored?
    WhoIsIgnored,
    /// `/ignore`: show nothing of this member's.
    Ignore(Name),
    /// `/unignore`: show this member's lines again.
    Unignore(Name),
    /// `/open`: the last address but so many, of which 1 is the last.
    Open(usize),
    /// `/clear`: an empty screen.
    Clear,
    /// `/server`: who can read along?
    Server,
}

/// Why a line that begins like a command of the client's is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Misuse {
    /// The command does not go with these arguments.
    Arguments(Command),
    /// The command's argument breaks the rules for names.
    Name(Command, BadName),
}

/// Reads a line.
pub(super) fn parse(typed: &Typed) -> Result<Own<'_>, Misuse> {
    let line = from_first_shown(typed.text());
    let (word, arguments) = line.split_at(line.find(char::is_whitespace).unwrap_or(line.len()));
    let arguments = from_first_shown(arguments);
    match Command::from_word(word) {
        None if *typed.asks() == Asks::Help => Ok(Own::Help),
        None => Ok(Own::ForServer),
        Some(Command::Reply) if !arguments.is_empty() => Ok(Own::Reply(arguments)),
        Some(Command::Ignore) if arguments.is_empty() => Ok(Own::WhoIsIgnored),
        Some(Command::Ignore) => name(Command::Ignore, arguments).map(Own::Ignore),
        Some(Command::Unignore) => name(Command::Unignore, arguments).map(Own::Unignore),
        Some(Command::Clear) if arguments.is_empty() => Ok(Own::Clear),
        Some(Command::Server) if arguments.is_empty() => Ok(Own::Server),
        Some(Command::Open) => number(arguments).map(Own::Open),
        Some(command @ (Command::Reply | Command::Clear | Command::Server)) => {
            Err(Misuse::Arguments(command))
        }
    }
}

fn number(arguments: &str) -> Result<usize, Misuse> {
    let number = match arguments.trim_end() {
        "" => Some(1),
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(digits.parse().unwrap_or(usize::MAX))
        }
        _ => None,
    };
    number.filter(|number| *number > 0).ok_or(Misuse::Arguments(Command::Open))
}

fn name(command: Command, arguments: &str) -> Result<Name, Misuse> {
    let name = arguments.trim_end();
    if name.is_empty() || name.contains(char::is_whitespace) {
        return Err(Misuse::Arguments(command));
    }
    Name::parse(name).map_err(|why| Misuse::Name(command, why))
}

/// What the client answers to its own commands.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer<'a> {
    /// These are ignored, perhaps nobody.
    AreIgnored(Vec<&'a str>),
    /// From now on.
    IsIgnored(Name),
    /// From now on, though nobody here is called so.
    WillBeIgnored(Name),
    /// It was so before.
    IsIgnoredAlready(Name),
    /// From now on.
    IsIgnoredNoMore(Name),
    /// There was nothing to undo.
    IsNotIgnored(Name),
    /// Nobody can ignore himself.
    IsYou,
    /// There is no such address; there are so many.
    NoAddress(usize),
    /// There is no private line to answer.
    NoPrivateLine,
    /// The command was wrong as it stood.
    Misuse(Misuse),
}

impl fmt::Display for Answer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answer::AreIgnored(names) if names.is_empty() => write!(f, "-- nobody is ignored"),
            Answer::AreIgnored(names) => write!(f, "-- ignored: {}", names.join(", ")),
            Answer::IsIgnored(name) => write!(f, "-- {name} is ignored, on this screen alone"),
            Answer::WillBeIgnored(name) => write!(
                f,
                "-- nobody here is called {name}; who comes under that name is ignored, on this screen alone"
            ),
            Answer::IsIgnoredAlready(name) => write!(f, "!! /ignore: {name} is ignored already"),
            Answer::IsIgnoredNoMore(name) => write!(f, "-- {name} is not ignored any more"),
            Answer::IsNotIgnored(name) => write!(f, "!! /unignore: {name} is not ignored"),
            Answer::IsYou => write!(f, "!! /ignore: that is you"),
            Answer::NoAddress(0) => write!(f, "!! /open: no address has been shown"),
            Answer::NoAddress(1) => write!(f, "!! /open: only one address has been shown"),
            Answer::NoAddress(known) => write!(f, "!! /open: only {known} addresses are known"),
            Answer::NoPrivateLine => write!(f, "!! /r: there is no private line to answer"),
            Answer::Misuse(Misuse::Arguments(command)) => {
                write!(f, "!! {} goes like this: {}", command.word(), command.usage())
            }
            Answer::Misuse(Misuse::Name(command, why)) => write!(f, "!! {}: {why}", command.word()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::request;

    #[test]
    fn a_line_asks_the_client_for_what_it_says_and_the_server_for_all_else() {
        let name = |name| Name::parse(name).expect("a good name");
        let cases = [
            ("", Ok(Own::ForServer)),
            ("hello", Ok(Own::ForServer)),
            ("/who", Ok(Own::ForServer)),
            ("/frob", Ok(Own::ForServer)),
            ("/rr x", Ok(Own::ForServer)),
            ("//clear", Ok(Own::ForServer)),
            (" //clear", Ok(Own::ForServer)),
            (" /clear", Ok(Own::Clear)),
            ("\t\u{a0}/r psst", Ok(Own::Reply("psst"))),
            (" /msg bob psst", Ok(Own::ForServer)),
            ("/help", Ok(Own::Help)),
            ("/HELP ", Ok(Own::Help)),
            ("/help me", Ok(Own::ForServer)),
            ("/r hi there ", Ok(Own::Reply("hi there "))),
            ("/R  hi", Ok(Own::Reply("hi"))),
            ("/r", Err(Misuse::Arguments(Command::Reply))),
            ("/r  ", Err(Misuse::Arguments(Command::Reply))),
            ("/ignore", Ok(Own::WhoIsIgnored)),
            ("/ignore ", Ok(Own::WhoIsIgnored)),
            ("/ignore bob", Ok(Own::Ignore(name("bob")))),
            ("/Ignore\tbob ", Ok(Own::Ignore(name("bob")))),
            ("/ignore bob carol", Err(Misuse::Arguments(Command::Ignore))),
            ("/ignore <b", Err(Misuse::Name(Command::Ignore, BadName::Character('<')))),
            ("/unignore bob", Ok(Own::Unignore(name("bob")))),
            ("/unignore", Err(Misuse::Arguments(Command::Unignore))),
            ("/unignore a b", Err(Misuse::Arguments(Command::Unignore))),
            ("/clear", Ok(Own::Clear)),
            ("/clear ", Ok(Own::Clear)),
            ("/clear all", Err(Misuse::Arguments(Command::Clear))),
            ("/open", Ok(Own::Open(1))),
            ("/open 12 ", Ok(Own::Open(12))),
            ("/open 0", Err(Misuse::Arguments(Command::Open))),
            ("/open +1", Err(Misuse::Arguments(Command::Open))),
            ("/open https://a.b", Err(Misuse::Arguments(Command::Open))),
            ("/Server ", Ok(Own::Server)),
            ("/server x", Err(Misuse::Arguments(Command::Server))),
        ];
        for (line, expected) in cases {
            assert_eq!(parse(&Typed::new(line)), expected, "{line:?}");
        }
    }

    #[test]
    fn the_client_answers_in_the_words_of_the_server() {
        let bob = || Name::parse("bob").expect("a good name");
        let cases = [
            (Answer::AreIgnored(vec![]), "-- nobody is ignored"),
            (Answer::AreIgnored(vec!["bob", "eve"]), "-- ignored: bob, eve"),
            (Answer::IsIgnored(bob()), "-- bob is ignored, on this screen alone"),
            (Answer::IsIgnoredAlready(bob()), "!! /ignore: bob is ignored already"),
            (Answer::IsIgnoredNoMore(bob()), "-- bob is not ignored any more"),
            (Answer::IsNotIgnored(bob()), "!! /unignore: bob is not ignored"),
            (Answer::IsYou, "!! /ignore: that is you"),
            (Answer::NoPrivateLine, "!! /r: there is no private line to answer"),
            (
                Answer::Misuse(Misuse::Arguments(Command::Ignore)),
                "!! /ignore goes like this: /ignore [NAME]",
            ),
            (
                Answer::Misuse(Misuse::Name(Command::Unignore, BadName::Beginning)),
                "!! /unignore: a name cannot start with - or .",
            ),
        ];
        for (answer, expected) in cases {
            assert_eq!(answer.to_string(), expected);
        }
    }

    #[test]
    fn help_lines_the_commands_up_with_the_servers_and_fits_a_terminal() {
        let lines: Vec<String> = help().collect();
        assert_eq!(lines[0], "-- /r TEXT                 answer the last private line");
        for (line, command) in lines.iter().zip(Command::ALL) {
            assert!(line.starts_with(&format!("-- {}", command.word())), "{line}");
            assert_eq!(&line[26..27], " ", "{line}");
            // Beside the time, 80 columns have room for 74.
            assert!(line.len() <= 74, "{line}");
        }
    }

    #[test]
    fn no_command_of_the_clients_hides_one_of_the_servers() {
        for command in Command::ALL {
            assert_eq!(Command::from_word(command.word()), Some(command));
            assert!(command.usage().starts_with(command.word()));
            let mut theirs = request::Command::for_people().map(request::Command::word);
            assert!(theirs.all(|word| word != command.word()), "{command:?}");
        }
    }
}
