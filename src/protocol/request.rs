//! What a member's line asks for.

use std::borrow::Cow;
use std::time::Duration;

use super::name::{BadName, Name};
use super::proof::{PublicKey, Signature};
use super::span;
use super::tag::{self, Seq, Token};
use super::text::from_first_shown;
use super::words::{BadQuery, Query};

pub use command::Command;
pub use order::{Order, Target};

mod command;
mod order;

/// How many lines are shown again when no number is given.
pub const DEFAULT_RECALL: usize = 20;

/// For how long a code lets somebody in when no time is given.
const DEFAULT_INVITATION: Duration = Duration::from_secs(24 * 60 * 60);

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
    /// `/register`: make the name that one has one's own, with this password.
    Register(&'a str),
    /// `/login`: have this name, which is one's own, by its password.
    Login {
        /// The name.
        name: Name,
        /// The password.
        password: &'a str,
    },
    /// `/unregister`: give up the name that one owns.
    Unregister,
    /// `/pass`: the room's password, or a code, to be let in.
    Pass(&'a str),
    /// `/invite`: a code that lets one person in, for so long.
    Invite(Duration),
    /// What keeps order.
    Order(Order<'a>),
    /// `/help`: what are the commands?
    Help,
    /// `/quit`: leave, with a farewell that may be empty.
    Quit(&'a str),
    /// `/tags`: every line from now on in the tagged form.
    Tags,
    /// `/resume`: be the member again that was given the token, and has all up to the event.
    Resume(Token, Seq),
    /// `/key`: the owner of a key proves to be that, with this signature.
    Key(PublicKey, Signature),
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

/// Whether a line, already made safe, counts among those that receipts count: all but `/tags`, `/resume` and
/// `/key`, however these go on.
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
        Command::Register => secret(arguments).map(Request::Register),
        Command::Login => return login(arguments),
        Command::Unregister => alone(Request::Unregister, arguments),
        Command::Pass => secret(arguments).map(Request::Pass),
        Command::Invite => invite(arguments),
        Command::Help => alone(Request::Help, arguments),
        Command::Quit => Some(Request::Quit(from_first_shown(arguments).trim_end())),
        Command::Tags => alone(Request::Tags, arguments),
        Command::Resume => resume(arguments),
        Command::Key => key(arguments),
        Command::Kick
        | Command::Mute
        | Command::Unmute
        | Command::Ban
        | Command::Unban
        | Command::Bans
        | Command::Op
        | Command::Deop
        | Command::Allow
        | Command::Erase
        | Command::Topic
        | Command::Stats => order::parse(command, arguments).map(Request::Order),
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

/// A password or a code. Blanks belong to it, but those around it.
fn secret(arguments: &str) -> Option<&str> {
    Some(arguments.trim()).filter(|secret| !secret.is_empty())
}

fn login(arguments: &str) -> Result<Request<'_>, Misuse<'_>> {
    let (name, password) = split_word(arguments.trim_start());
    let password = secret(password).ok_or(Misuse::Arguments(Command::Login))?;
    let name = Name::parse(name).map_err(Misuse::Name)?;
    Ok(Request::Login { name, password })
}

fn invite(arguments: &str) -> Option<Request<'_>> {
    let time = match arguments.trim() {
        "" => DEFAULT_INVITATION,
        time => span::parse(time)?,
    };
    Some(Request::Invite(time))
}

fn key(arguments: &str) -> Option<Request<'_>> {
    let (public, signature) = split_word(arguments.trim_start());
    Some(Request::Key(PublicKey::parse(public)?, Signature::parse(signature.trim())?))
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
mod tests;
