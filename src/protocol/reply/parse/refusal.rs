//! An error of the server's, read: what stands behind `!! `.

use crate::protocol::name::Name;
use crate::protocol::tag::number;

/// What an error says, as far as a client has something to do with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadRefusal<'a> {
    /// The server has no place for another client, or for another one from the same address.
    RoomFull,
    /// The server takes encrypted connections alone, and this one is not.
    Unencrypted,
    /// `/tags` was refused.
    Tags,
    /// `/resume` was refused.
    Resume,
    /// This name is taken or somebody's own, or one that looks like it.
    NameTaken(&'a str),
    /// `/nick` was refused for another reason.
    Name,
    /// `/msg` was refused.
    Whisper,
    /// A password is wanted, and this connection is one that others can read along.
    InPlain,
    /// The password, or the code, is another one.
    WrongSecret,
    /// The room's password was not given in time.
    NoPasswordInTime,
    /// `/key` was refused, or its signature is wrong.
    Key,
    /// The reader is kept out.
    Banned,
    /// The reader was removed by an operator.
    Removed,
    /// The reader cannot speak.
    Muted,
    /// A line was longer than this many bytes.
    LineTooLong(usize),
    /// Anything else.
    Other,
}

impl<'a> ReadRefusal<'a> {
    /// What is said of passwords, keys and order.
    fn of_people(words: &str) -> Option<ReadRefusal<'a>> {
        match words {
            "that is not it" => Some(ReadRefusal::WrongSecret),
            "no password in time" => Some(ReadRefusal::NoPasswordInTime),
            "the signature does not fit" => Some(ReadRefusal::Key),
            _ if words.starts_with("/key") => Some(ReadRefusal::Key),
            _ if words.starts_with("not over an unencrypted connection: ") => {
                Some(ReadRefusal::InPlain)
            }
            "you are banned" => Some(ReadRefusal::Banned),
            _ if words.starts_with("you are banned until ")
                || words.starts_with("you are banned: ") =>
            {
                Some(ReadRefusal::Banned)
            }
            _ if words.starts_with("you were removed by ") => Some(ReadRefusal::Removed),
            _ if words.starts_with("you cannot speak for ") => Some(ReadRefusal::Muted),
            _ => None,
        }
    }

    /// Reads what stands behind `!! `.
    pub(super) fn parse(words: &'a str) -> ReadRefusal<'a> {
        if let Some(why) = words.strip_prefix("/nick: ") {
            let taken = why.strip_prefix("the name ").and_then(|it| it.strip_suffix(" is taken"));
            return taken.map_or(ReadRefusal::Name, ReadRefusal::NameTaken);
        }
        if let Some(name) = owned(words) {
            return ReadRefusal::NameTaken(name);
        }
        if let Some(refusal) = ReadRefusal::of_people(words) {
            return refusal;
        }
        if words.starts_with("/msg: ") || is_of_waiting_lines(words) {
            return ReadRefusal::Whisper;
        }
        if words.starts_with("/tags") {
            return ReadRefusal::Tags;
        }
        if words.starts_with("/resume") {
            return ReadRefusal::Resume;
        }
        if words.starts_with("this room is encrypted:") {
            return ReadRefusal::Unencrypted;
        }
        let full = words.strip_prefix("the room is full ");
        if full.is_some_and(|rest| rest.starts_with('(') || rest.starts_with("for your address ("))
        {
            return ReadRefusal::RoomFull;
        }
        most_bytes(words).map_or(ReadRefusal::Other, ReadRefusal::LineTooLong)
    }
}

/// Whether a private line was refused since too many wait.
fn is_of_waiting_lines(words: &str) -> bool {
    words == "too many private lines wait in this room already"
        || words.strip_suffix(" already").and_then(|words| words.split_once(' ')).is_some_and(
            |(count, rest)| {
                let is_known = rest.starts_with("lines of yours wait for ")
                    || rest.starts_with("lines wait for ");
                number(count).is_some() && is_known
            },
        )
}

/// The name that is somebody's own.
fn owned(words: &str) -> Option<&str> {
    let (name, rest) = words.split_once(' ')?;
    let is_owned = rest.starts_with("belongs to somebody else;")
        || rest.starts_with("is kept for an operator;");
    (is_owned && Name::is_valid(name)).then_some(name)
}

/// How many bytes a line may have, where the error says that one had more.
fn most_bytes(words: &str) -> Option<usize> {
    let rest = words.strip_prefix("that line was too long and was not sent: the most is ")?;
    number(rest.strip_suffix(" bytes")?)?.try_into().ok()
}
