//! What a member's line asks for.

use std::borrow::Cow;

use super::name::{BadName, Name};
use super::tag::{self, Seq, Token};
use super::text::from_first_shown;
use super::words::{BadQuery, Query};

/// How many lines are shown again when no number is given.
pub const DEFAULT_RECALL: usize = 20;

/// What a line, already made safe, asks for. It borrows the line.
#[derive(Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// Nothing: the line is blank.
    Nothing,
    /// Say this to everybody else.
    Say(Cow<'a, str>),
    /// `/me`: an action.
    Act(&'a str),
    /// `/msg`: say this to one member alone.
    Whisper {
        /// The name as it was typed, which may be nobody's.
        to: &'a str,
        /// What to say.
        text: &'a str,
    },
    /// `/nick`: be called this.
    Rename(Name),
    /// `/who`: who is here?
    Who,
    /// `/history`: the last so many lines again.
    History(usize),
    /// `/search`: of the lines with all of these words, the newest so many.
    Search {
        /// The words and phrases as they were typed; at least one, and at most
        /// [`MAX_WORDS`](super::words::MAX_WORDS) different ones.
        words: &'a str,
        /// How many lines.
        most: usize,
    },
    /// `/help`: what are the commands?
    Help,
    /// `/quit`: leave, with a farewell that may be empty.
    Quit(&'a str),
    /// `/tags`: every line from now on in the tagged form.
    Tags,
    /// `/resume`: be the member again that was given the token, and has all up to the event.
    Resume(Token, Seq),
}

/// Why a line that begins like a command is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Misuse<'a> {
    /// There is no such command. It is named as it was typed.
    Unknown(&'a str),
    /// The command exists, but not with these arguments.
    Arguments(Command),
    /// `/nick` with a name that breaks the rules.
    Name(BadName),
    /// `/search` with nothing to look for, or too much.
    Search(BadQuery),
}

/// The commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// `/me`
    Me,
    /// `/msg`
    Msg,
    /// `/nick`
    Nick,
    /// `/who`
    Who,
    /// `/history`
    History,
    /// `/search`
    Search,
    /// `/help`
    Help,
    /// `/quit`
    Quit,
    /// `/tags`
    Tags,
    /// `/resume`
    Resume,
}

impl Command {
    /// Those for people, in the order in which `/help` lists them.
    pub const ALL: [Command; 8] = [
        Command::Me,
        Command::Msg,
        Command::Nick,
        Command::Who,
        Command::History,
        Command::Search,
        Command::Help,
        Command::Quit,
    ];

    /// Those that programs alone need, which `/help` does not list.
    pub const FOR_PROGRAMS: [Command; 2] = [Command::Tags, Command::Resume];

    /// The word that stands at the beginning of the line.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Command::Me => "/me",
            Command::Msg => "/msg",
            Command::Nick => "/nick",
            Command::Who => "/who",
            Command::History => "/history",
            Command::Search => "/search",
            Command::Help => "/help",
            Command::Quit => "/quit",
            Command::Tags => "/tags",
            Command::Resume => "/resume",
        }
    }

    /// The whole command, with its arguments in capitals.
    #[must_use]
    pub fn usage(self) -> &'static str {
        match self {
            Command::Me => "/me TEXT",
            Command::Msg => "/msg NAME TEXT",
            Command::Nick => "/nick NAME",
            Command::Who => "/who",
            Command::History => "/history [N]",
            Command::Search => "/search [-N] WORDS",
            Command::Help => "/help",
            Command::Quit => "/quit [TEXT]",
            Command::Tags => "/tags",
            Command::Resume => "/resume TOKEN SEQ",
        }
    }

    /// What it is for, in a few words.
    #[must_use]
    pub fn purpose(self) -> &'static str {
        match self {
            Command::Me => "say what you do",
            Command::Msg => "say it to one member alone",
            Command::Nick => "change your name",
            Command::Who => "list who is here",
            Command::History => "show the last 20 lines again, or N",
            Command::Search => "show the newest 20, or N, with all WORDS",
            Command::Help => "list the commands",
            Command::Quit => "leave, with a farewell",
            Command::Tags => "get lines in the tagged form",
            Command::Resume => "come back after a lost connection",
        }
    }

    fn from_word(word: &str) -> Option<Command> {
        let commands = Command::ALL.into_iter().chain(Command::FOR_PROGRAMS);
        commands.into_iter().find(|command| command.word().eq_ignore_ascii_case(word))
    }
}

/// Whether a line, already made safe, counts among those that receipts count: all but `/tags` and
/// `/resume`, however these go on.
#[must_use]
pub fn is_counted(line: &str) -> bool {
    let line = from_first_shown(line);
    let command = line.starts_with('/').then(|| Command::from_word(split_word(line).0)).flatten();
    !command.is_some_and(|command| Command::FOR_PROGRAMS.contains(&command))
}

/// The line that says `text`, which has been made safe, to everybody, whatever it begins with.
#[must_use]
pub fn saying(text: &str) -> Cow<'_, str> {
    let shown = from_first_shown(text);
    if !shown.starts_with('/') {
        return Cow::Borrowed(text);
    }
    let blanks = &text[..text.len() - shown.len()];
    Cow::Owned([blanks, "/", shown].concat())
}

/// Reads a line that has been made safe. What it is, the first character says of which something is
/// seen: a blank before a command is a slip of the hand, and what follows was meant for few. Before
/// text, blanks stay.
///
/// # Errors
///
/// The line begins with a single `/` but is no command as it stands.
pub fn parse(line: &str) -> Result<Request<'_>, Misuse<'_>> {
    let shown = from_first_shown(line);
    match shown.strip_prefix('/') {
        None if shown.is_empty() => Ok(Request::Nothing),
        None => Ok(Request::Say(Cow::Borrowed(line))),
        Some(escaped) if escaped.starts_with('/') => {
            let blanks = &line[..line.len() - shown.len()];
            Ok(Request::Say(match blanks {
                "" => Cow::Borrowed(escaped),
                blanks => Cow::Owned([blanks, escaped].concat()),
            }))
        }
        Some(_) => parse_command(shown),
    }
}

fn parse_command(line: &str) -> Result<Request<'_>, Misuse<'_>> {
    let (word, arguments) = split_word(line);
    let command = Command::from_word(word).ok_or(Misuse::Unknown(word))?;
    let request = match command {
        Command::Me => text_of(arguments).map(Request::Act),
        Command::Msg => whisper(arguments),
        Command::Nick => return rename(arguments),
        Command::Who => alone(Request::Who, arguments),
        Command::History => history(arguments),
        Command::Search => return search(arguments),
        Command::Help => alone(Request::Help, arguments),
        Command::Quit => Some(Request::Quit(from_first_shown(arguments).trim_end())),
        Command::Tags => alone(Request::Tags, arguments),
        Command::Resume => resume(arguments),
    };
    request.ok_or(Misuse::Arguments(command))
}

fn whisper(arguments: &str) -> Option<Request<'_>> {
    let (to, text) = split_word(arguments.trim_start());
    Some(Request::Whisper { to, text: text_of(text)? })
}

fn rename(arguments: &str) -> Result<Request<'_>, Misuse<'_>> {
    let name = arguments.trim();
    if name.is_empty() || name.contains(char::is_whitespace) {
        return Err(Misuse::Arguments(Command::Nick));
    }
    Name::parse(name).map(Request::Rename).map_err(Misuse::Name)
}

fn history(arguments: &str) -> Option<Request<'_>> {
    match arguments.trim() {
        "" => Some(Request::History(DEFAULT_RECALL)),
        number => recall(number).map(Request::History),
    }
}

/// A first word of a `-` and digits is a number; all else is what is looked for.
fn search(arguments: &str) -> Result<Request<'_>, Misuse<'_>> {
    let misuse = Misuse::Arguments(Command::Search);
    let text = text_of(arguments).ok_or(misuse.clone())?.trim_end();
    let (first, rest) = split_word(text);
    let number = first.strip_prefix('-').filter(|number| is_digits(number));
    let (words, most) = match number {
        Some(number) => (text_of(rest), recall(number)),
        None => (Some(text), Some(DEFAULT_RECALL)),
    };
    let (Some(words), Some(most)) = (words, most) else { return Err(misuse) };
    Query::parse(words).map_err(Misuse::Search)?;
    Ok(Request::Search { words, most })
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A number of lines. One that is too large for a machine's word is as good as any large one.
fn recall(number: &str) -> Option<usize> {
    let lines = is_digits(number).then(|| number.parse().unwrap_or(usize::MAX))?;
    (lines > 0).then_some(lines)
}

fn resume(arguments: &str) -> Option<Request<'_>> {
    let (token, seq) = split_word(arguments.trim_start());
    Some(Request::Resume(Token::parse(token)?, tag::number(seq.trim())?))
}

fn alone<'a>(request: Request<'a>, arguments: &str) -> Option<Request<'a>> {
    arguments.trim().is_empty().then_some(request)
}

/// The text of a command, if there is any.
fn text_of(arguments: &str) -> Option<&str> {
    let text = from_first_shown(arguments);
    (!text.is_empty()).then_some(text)
}

/// The first word, and what stands after it.
fn split_word(text: &str) -> (&str, &str) {
    text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Strategy, any, prop_assert, prop_assert_eq, proptest};

    use super::*;
    use crate::protocol::arbitrary::{name, text};
    use crate::protocol::text::is_blank;

    const HEX: &str = "000000000000000000000000000000ab";

    #[test]
    fn a_line_asks_for_what_it_says() {
        let name = |name| Name::parse(name).expect("a good name");
        let cases = [
            ("", Ok(Request::Nothing)),
            (" \t ", Ok(Request::Nothing)),
            ("\u{a0}\u{3000}", Ok(Request::Nothing)),
            ("hello", Ok(Request::Say("hello".into()))),
            ("  hello  ", Ok(Request::Say("  hello  ".into()))),
            ("\u{2800}", Ok(Request::Nothing)),
            ("//who", Ok(Request::Say("/who".into()))),
            ("//", Ok(Request::Say("/".into()))),
            ("///", Ok(Request::Say("//".into()))),
            // What shows nothing before a command does not make it public.
            (" /who", Ok(Request::Who)),
            ("\t /msg bob psst", Ok(Request::Whisper { to: "bob", text: "psst" })),
            ("\u{a0}\u{3000}/who", Ok(Request::Who)),
            ("\u{2800}/who", Ok(Request::Who)),
            ("\u{200f}/msg bob \u{645}", Ok(Request::Whisper { to: "bob", text: "\u{645}" })),
            (" /", Err(Misuse::Unknown("/"))),
            (" \u{a0}/etc x", Err(Misuse::Unknown("/etc"))),
            ("  //who", Ok(Request::Say("  /who".into()))),
            ("\t// a comment", Ok(Request::Say("\t/ a comment".into()))),
            ("/me waits", Ok(Request::Act("waits"))),
            ("/ME   waits ", Ok(Request::Act("waits "))),
            ("/me", Err(Misuse::Arguments(Command::Me))),
            ("/me  ", Err(Misuse::Arguments(Command::Me))),
            ("/me \u{2800} ", Err(Misuse::Arguments(Command::Me))),
            ("/msg bob hi there", Ok(Request::Whisper { to: "bob", text: "hi there" })),
            ("/msg  bob\thi", Ok(Request::Whisper { to: "bob", text: "hi" })),
            ("/msg bob", Err(Misuse::Arguments(Command::Msg))),
            ("/msg bob ", Err(Misuse::Arguments(Command::Msg))),
            ("/msg", Err(Misuse::Arguments(Command::Msg))),
            ("/nick alice", Ok(Request::Rename(name("alice")))),
            ("/Nick  alice ", Ok(Request::Rename(name("alice")))),
            ("/nick", Err(Misuse::Arguments(Command::Nick))),
            ("/nick a b", Err(Misuse::Arguments(Command::Nick))),
            ("/nick you", Err(Misuse::Name(BadName::Reserved("you")))),
            ("/who", Ok(Request::Who)),
            ("/who ", Ok(Request::Who)),
            ("/who bob", Err(Misuse::Arguments(Command::Who))),
            ("/history", Ok(Request::History(20))),
            ("/history 7 ", Ok(Request::History(7))),
            ("/history 99999999999999999999", Ok(Request::History(usize::MAX))),
            ("/history 0", Err(Misuse::Arguments(Command::History))),
            ("/history -1", Err(Misuse::Arguments(Command::History))),
            ("/history all", Err(Misuse::Arguments(Command::History))),
            ("/search build log", Ok(Request::Search { words: "build log", most: 20 })),
            ("/search -50  build  log ", Ok(Request::Search { words: "build  log", most: 50 })),
            ("/search build log 50", Ok(Request::Search { words: "build log 50", most: 20 })),
            ("/search 50", Ok(Request::Search { words: "50", most: 20 })),
            ("/search log -50", Ok(Request::Search { words: "log -50", most: 20 })),
            ("/search -5x", Ok(Request::Search { words: "-5x", most: 20 })),
            ("/search - 5", Ok(Request::Search { words: "- 5", most: 20 })),
            (
                "/search -99999999999999999999 x",
                Ok(Request::Search { words: "x", most: usize::MAX }),
            ),
            ("/search \"-5\"", Ok(Request::Search { words: "\"-5\"", most: 20 })),
            ("/search", Err(Misuse::Arguments(Command::Search))),
            ("/search -50 ", Err(Misuse::Arguments(Command::Search))),
            ("/search -0 log", Err(Misuse::Arguments(Command::Search))),
            ("/search ...", Err(Misuse::Search(BadQuery::NoWord))),
            ("/search -5 \"\"", Err(Misuse::Search(BadQuery::NoWord))),
            (
                "/search -8 1 2 3 4 5 6 7 H h H",
                Ok(Request::Search { words: "1 2 3 4 5 6 7 H h H", most: 8 }),
            ),
            ("/search 1 2 3 4 5 6 7 \"8 9\" 5", Err(Misuse::Search(BadQuery::TooMany))),
            ("/help", Ok(Request::Help)),
            ("/help me", Err(Misuse::Arguments(Command::Help))),
            ("/quit", Ok(Request::Quit(""))),
            ("/quit good night ", Ok(Request::Quit("good night"))),
            ("/tags", Ok(Request::Tags)),
            ("/TAGS ", Ok(Request::Tags)),
            ("/tags on", Err(Misuse::Arguments(Command::Tags))),
            (&format!("/resume {HEX} 17"), Ok(Request::Resume(Token::new(0xab), 17))),
            (&format!("/Resume  {HEX}  0 "), Ok(Request::Resume(Token::new(0xab), 0))),
            (&format!("/resume {HEX}"), Err(Misuse::Arguments(Command::Resume))),
            (&format!("/resume {HEX} -1"), Err(Misuse::Arguments(Command::Resume))),
            (&format!("/resume {HEX}0 17"), Err(Misuse::Arguments(Command::Resume))),
            ("/resume", Err(Misuse::Arguments(Command::Resume))),
            ("/etc/passwd", Err(Misuse::Unknown("/etc/passwd"))),
            ("/whois bob", Err(Misuse::Unknown("/whois"))),
            ("/", Err(Misuse::Unknown("/"))),
            ("/ who", Err(Misuse::Unknown("/"))),
        ];
        for (line, expected) in cases {
            assert_eq!(parse(line), expected, "{line:?}");
        }
    }

    #[test]
    fn lines_for_the_connection_alone_are_not_counted() {
        for line in ["/tags", "/TAGS on", "/resume", "/resume x 1", " /tags", "\u{a0}/resume x"] {
            assert!(!is_counted(line), "{line}");
        }
        for line in ["", "hi", "/me x", "/nosuch", " //tags", "//tags", "/tagsx", "/"] {
            assert!(is_counted(line), "{line}");
        }
    }

    #[test]
    fn every_command_is_found_by_its_word_and_begins_its_usage() {
        for command in Command::ALL.into_iter().chain(Command::FOR_PROGRAMS) {
            assert_eq!(Command::from_word(command.word()), Some(command));
            assert!(command.usage().starts_with(command.word()));
        }
    }

    /// The line that asks for this.
    fn written(request: &Request<'_>) -> String {
        match request {
            Request::Nothing => String::new(),
            Request::Say(text) => saying(text).into_owned(),
            Request::Act(text) => format!("/me {text}"),
            Request::Whisper { to, text } => format!("/msg {to} {text}"),
            Request::Rename(name) => format!("/nick {name}"),
            Request::Who => "/who".to_owned(),
            Request::History(most) => format!("/history {most}"),
            Request::Search { words, most } => format!("/search -{most} {words}"),
            Request::Help => "/help".to_owned(),
            Request::Quit(farewell) => format!("/quit {farewell}"),
            Request::Tags => "/tags".to_owned(),
            Request::Resume(token, seq) => format!("/resume {token} {seq}"),
        }
    }

    proptest! {
        #[test]
        fn a_request_is_read_as_it_is_written(
            text in text().prop_filter("blank", |text| !is_blank(text)),
            name in name(),
            most in 1..usize::MAX,
            bits in any::<u128>(),
            seq in any::<u64>(),
        ) {
            let said = text.as_str();
            let act = from_first_shown(said);
            let words = act.trim_end();
            let to = name.as_str();
            let requests = [
                Request::Nothing,
                Request::Say(said.into()),
                Request::Act(act),
                Request::Whisper { to, text: act },
                Request::Rename(name.clone()),
                Request::Who,
                Request::History(most),
                Request::Search { words, most },
                Request::Help,
                Request::Quit(words),
                Request::Tags,
                Request::Resume(Token::new(bits), seq),
            ];
            for request in requests {
                let line = written(&request);
                prop_assert_eq!(is_counted(&line), !matches!(request, Request::Tags | Request::Resume(..)));
                let is_search = matches!(request, Request::Search { .. });
                let expected = match Query::parse(words) {
                    Err(bad) if is_search => Err(Misuse::Search(bad)),
                    _ => Ok(request),
                };
                prop_assert_eq!(parse(&line), expected);
            }
        }

        #[test]
        fn any_text_can_be_said(text in text(), beginning in "[ \t\u{a0}]{0,2}/{0,3}") {
            let text = beginning + &text;
            let said = || Request::Say(Cow::Borrowed(&text));
            let expected = if is_blank(&text) { Request::Nothing } else { said() };
            let line = saying(&text);
            prop_assert_eq!(parse(&line), Ok(expected));
        }

        #[test]
        fn whatever_is_read_is_a_part_of_the_line(line in text()) {
            let part = match parse(&line) {
                Ok(Request::Say(Cow::Borrowed(text)) | Request::Act(text) | Request::Quit(text)) => text,
                Ok(Request::Whisper { to, text }) if line.contains(to) => text,
                Ok(Request::Search { words, .. }) => words,
                Err(Misuse::Unknown(word)) => word,
                _ => "",
            };
            prop_assert!(line.contains(part), "{part:?} of {line:?}");
            prop_assert!(is_counted(&line) || from_first_shown(&line).starts_with('/'));
        }
    }
}
