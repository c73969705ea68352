//! An error of the server's, read: what stands behind `!! `.

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
    /// This name is taken, or one that looks like it.
    NameTaken(&'a str),
    /// `/nick` was refused for another reason.
    Name,
    /// `/msg` was refused.
    Whisper,
    /// A line was longer than this many bytes.
    LineTooLong(usize),
    /// Anything else.
    Other,
}

impl<'a> ReadRefusal<'a> {
    /// Reads what stands behind `!! `.
    pub(super) fn parse(words: &'a str) -> ReadRefusal<'a> {
        if let Some(why) = words.strip_prefix("/nick: ") {
            let taken = why.strip_prefix("the name ").and_then(|it| it.strip_suffix(" is taken"));
            return taken.map_or(ReadRefusal::Name, ReadRefusal::NameTaken);
        }
        if words.starts_with("/msg: ") {
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

/// How many bytes a line may have, where the error says that one had more.
fn most_bytes(words: &str) -> Option<usize> {
    let rest = words.strip_prefix("that line was too long and was not sent: the most is ")?;
    number(rest.strip_suffix(" bytes")?)?.try_into().ok()
}
