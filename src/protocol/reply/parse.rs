//! A line of the server's, read: the one parser of the client's side.
//!
//! A line is read from its front, word by word, since a member's text stands behind: the farewell in
//! `-- bob left: eve joined` is no news of eve. Where a name has to stand, [`Name::is_valid`] decides,
//! so nothing that a server makes up gets further as a name. A line in a form that this version does
//! not know is [`Message::Plain`], or a notice or an error of which nothing more is known.
//!
//! Pure: no state; the values borrow the line.

use chrono::NaiveDate;

use crate::protocol::VERSION;
use crate::protocol::name::Name;
use crate::protocol::proof::Nonce;
use crate::protocol::reply::Offer;
use crate::protocol::tag::{Body, Limits, Tag, Token};

pub use notice::ReadNotice;
pub use refusal::ReadRefusal;

mod notice;
mod refusal;

/// One line of the server's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerLine<'a> {
    /// Something that has just happened, or an answer.
    Message(Message<'a>),
    /// `| 14:05 <alice> text`: something that is shown again.
    Earlier {
        /// When it happened, where the server is: `14:05`.
        time: &'a str,
        /// The line as it was then.
        text: &'a str,
        /// What that line says.
        message: Message<'a>,
    },
    /// `| -- 2026-11-22`: the earlier lines that come next are of this day.
    EarlierDay(NaiveDate),
    /// `| …` in another form.
    EarlierUnknown,
    /// `+ N`, tagged: the client's Nth line became this event.
    Receipt(u64),
    /// `= done`, tagged: the client's line that the tag names is done, and became no event.
    Done,
    /// `= token HEX`, tagged: with this the client may resume.
    Token(Token),
    /// `= nick NAME`, tagged: the client's name. Whether it can be one is not looked at.
    Nick(&'a str),
    /// `= limits max-line 4096 rate 100`, tagged: what the server takes of the client.
    Limits(Limits),
    /// `= resumed N`, tagged: so many of the client's lines were taken.
    Resumed(u64),
    /// `= nonce B32`, tagged: the client may prove with this that it has a key.
    Nonce(Nonce),
    /// `= key ok`, tagged: it has.
    KeyOk,
    /// `= …`, tagged: a fact that this version does not know.
    UnknownFact,
}

/// What a line says to its reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message<'a> {
    /// Somebody has said or done something.
    Speech(ReadSpeech<'a>),
    /// `-- text`
    Notice(ReadNotice<'a>),
    /// `!! text`
    Refusal(ReadRefusal<'a>),
    /// Anything else.
    Plain,
}

/// Something said or done, with the member's name and the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadSpeech<'a> {
    /// `<alice> text`
    Said(&'a str, &'a str),
    /// `* alice text`
    Done(&'a str, &'a str),
    /// `[alice -> you] text`
    ToYou(&'a str, &'a str),
    /// `[you -> bob] text`
    FromYou(&'a str, &'a str),
}

/// Reads a line in the plain form, as everyone gets it, or the body of a tagged one that is no fact.
#[must_use]
pub fn parse(line: &str) -> ServerLine<'_> {
    match line.strip_prefix("| ") {
        Some(earlier) => parse_earlier(earlier).unwrap_or(ServerLine::EarlierUnknown),
        None => ServerLine::Message(Message::parse(line)),
    }
}

fn parse_earlier(rest: &str) -> Option<ServerLine<'_>> {
    if let Some(day) = rest.strip_prefix("-- ") {
        return day.parse().ok().map(ServerLine::EarlierDay);
    }
    let (time, text) = rest.split_once(' ')?;
    let is_time = matches!(time.as_bytes(), [a, b, b':', c, d]
        if [a, b, c, d].into_iter().all(u8::is_ascii_digit));
    is_time.then(|| ServerLine::Earlier { time, text, message: Message::parse(text) })
}

impl<'a> ServerLine<'a> {
    /// Reads a line in the tagged form: its tag, its body, and what that says. `None` if it has no tag
    /// that is right.
    #[must_use]
    pub fn parse_tagged(line: &'a str) -> Option<(Tag, &'a str, ServerLine<'a>)> {
        let (tag, body) = Tag::split(line)?;
        let line = match Body::parse(body) {
            Body::Receipt(line) => ServerLine::Receipt(line),
            Body::Done => ServerLine::Done,
            Body::Token(token) => ServerLine::Token(token),
            Body::Nick(name) => ServerLine::Nick(name),
            Body::Limits(limits) => ServerLine::Limits(limits),
            Body::Resumed(lines) => ServerLine::Resumed(lines),
            Body::Nonce(nonce) => ServerLine::Nonce(nonce),
            Body::KeyOk => ServerLine::KeyOk,
            Body::UnknownFact => ServerLine::UnknownFact,
            Body::Line(line) => parse(line),
        };
        Some((tag, body, line))
    }

    /// Whether it is a fact or a receipt, which the program takes and nobody sees.
    #[must_use]
    pub fn is_fact(self) -> bool {
        match self {
            ServerLine::Receipt(_)
            | ServerLine::Done
            | ServerLine::Token(_)
            | ServerLine::Nick(_)
            | ServerLine::Limits(_)
            | ServerLine::Resumed(_)
            | ServerLine::Nonce(_)
            | ServerLine::KeyOk
            | ServerLine::UnknownFact => true,
            ServerLine::Message(_)
            | ServerLine::Earlier { .. }
            | ServerLine::EarlierDay(_)
            | ServerLine::EarlierUnknown => false,
        }
    }

    /// Whether it belongs to what is shown again.
    #[must_use]
    pub fn is_earlier(self) -> bool {
        matches!(
            self,
            ServerLine::Earlier { .. } | ServerLine::EarlierDay(_) | ServerLine::EarlierUnknown
        )
    }

    /// The message, if it is a new one.
    #[must_use]
    pub fn message(self) -> Option<Message<'a>> {
        if let ServerLine::Message(message) = self { Some(message) } else { None }
    }

    /// The notice, if it is a new one.
    #[must_use]
    pub fn notice(self) -> Option<ReadNotice<'a>> {
        if let ServerLine::Message(Message::Notice(notice)) = self { Some(notice) } else { None }
    }

    /// The error, if it is one.
    #[must_use]
    pub fn refusal(self) -> Option<ReadRefusal<'a>> {
        if let ServerLine::Message(Message::Refusal(refusal)) = self { Some(refusal) } else { None }
    }

    /// The name that is the reader's own from now on, if the line says so.
    #[must_use]
    pub fn your_name(self) -> Option<&'a str> {
        match self.notice()? {
            ReadNotice::YouAre(name) | ReadNotice::YouAreNow(name) => Some(name),
            _ => None,
        }
    }

    /// Whether it is the banner of a server that speaks this version.
    #[must_use]
    pub fn is_our_banner(self) -> bool {
        matches!(self.notice(), Some(ReadNotice::Banner { version: VERSION, .. }))
    }

    /// Whether it is the banner of a server that speaks this version, and TLS on the same port.
    #[must_use]
    pub fn offers_tls(self) -> bool {
        self.notice() == Some(ReadNotice::Banner { version: VERSION, offer: Offer::Tls })
    }

    /// Whether it says that the server takes encrypted connections alone.
    #[must_use]
    pub fn is_for_encrypted_clients(self) -> bool {
        self.refusal() == Some(ReadRefusal::Unencrypted)
    }

    /// Whether it says that the server has no place for another client.
    #[must_use]
    pub fn is_room_full(self) -> bool {
        self.refusal() == Some(ReadRefusal::RoomFull)
    }
}

impl<'a> Message<'a> {
    fn parse(line: &'a str) -> Message<'a> {
        let read = match line.split_at_checked(2) {
            Some(("--", rest)) => {
                rest.strip_prefix(' ').map(|words| Message::Notice(ReadNotice::parse(words)))
            }
            Some(("!!", rest)) => {
                rest.strip_prefix(' ').map(|words| Message::Refusal(ReadRefusal::parse(words)))
            }
            Some(("* ", rest)) => done(rest).map(Message::Speech),
            _ if line.starts_with('<') => said(&line[1..]).map(Message::Speech),
            _ if line.starts_with('[') => private(&line[1..]).map(Message::Speech),
            _ => None,
        };
        read.unwrap_or(Message::Plain)
    }

    /// The member besides the reader whose doing it is, if it is one's.
    #[must_use]
    pub fn actor(self) -> Option<&'a str> {
        match self {
            Message::Speech(
                ReadSpeech::Said(name, _) | ReadSpeech::Done(name, _) | ReadSpeech::ToYou(name, _),
            )
            | Message::Notice(ReadNotice::Joined(name) | ReadNotice::Left(name))
            | Message::Notice(ReadNotice::IsNow { old: name, .. }) => Some(name),
            Message::Speech(ReadSpeech::FromYou(..))
            | Message::Notice(_)
            | Message::Refusal(_)
            | Message::Plain => None,
        }
    }
}

fn said(rest: &str) -> Option<ReadSpeech<'_>> {
    let (name, text) = rest.split_once("> ")?;
    Name::is_valid(name).then_some(ReadSpeech::Said(name, text))
}

fn done(rest: &str) -> Option<ReadSpeech<'_>> {
    let (name, text) = rest.split_once(' ')?;
    Name::is_valid(name).then_some(ReadSpeech::Done(name, text))
}

fn private(rest: &str) -> Option<ReadSpeech<'_>> {
    let (head, text) = rest.split_once("] ")?;
    match head.split_once(" -> ")? {
        ("you", to) if Name::is_valid(to) => Some(ReadSpeech::FromYou(to, text)),
        (from, "you") if Name::is_valid(from) => Some(ReadSpeech::ToYou(from, text)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
