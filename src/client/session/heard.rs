//! What has come of one line of the server's, for the threads that act on it.

use std::borrow::Cow;
use std::sync::Arc;

use crate::client::door::Question;
use crate::client::handshake::Server;
use crate::client::secret;
use crate::client::typed::Typed;
#[cfg(any(test, fuzzing))]
use crate::protocol::reply;
use crate::protocol::reply::{Message, ReadNotice, ServerLine};
use crate::protocol::tag::{Millis, Seq};

/// What has come of one line.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::client) struct Heard<'a> {
    /// What is to be seen of it.
    pub(in crate::client) line: Option<Line<'a>>,
    /// The line of the user's that it refuses, if it is one that has not been settled.
    pub(in crate::client) refused: Option<Arc<Typed>>,
    /// The line of the user's that it settles, if that is one that was not refused.
    pub(in crate::client) settled: Option<Settled>,
    /// The lines of the user's of which it shows that they were said.
    pub(in crate::client) said: Vec<Arc<Typed>>,
    /// Why the server has no place for us, if it says so.
    pub(in crate::client) turned_away: Option<&'a str>,
    /// Whether the server reaches its room, if it says so: it is one of several that hold it.
    pub(in crate::client) room: Option<RoomState>,
    /// Why the server does not want this client any more, if it says so: the token is void.
    pub(in crate::client) shown_out: Option<&'a str>,
    /// What to send, line by line.
    pub(in crate::client) asks: Vec<String>,
    /// What the user has to know besides.
    pub(in crate::client) news: Vec<News>,
    /// Whether it was what the server gives us to be known again with: a session begins.
    pub(in crate::client) is_token: bool,
    /// Whether it was a fact for the program, not a line.
    pub(in crate::client) is_fact: bool,
}

impl Heard<'_> {
    /// Whether another thread that waits may have something to do now. Lines of other members change
    /// nothing that is waited for.
    pub(in crate::client) fn may_settle(&self) -> bool {
        let is_answer = |line: &Line<'_>| {
            matches!(line.says.message(), Some(Message::Notice(_) | Message::Refusal(_)))
        };
        self.is_fact || !self.asks.is_empty() || self.line.as_ref().is_some_and(is_answer)
    }

    /// Whether a secret is to be shown to the server, now or once the user has given one.
    pub(in crate::client) fn wants_secret(&self) -> bool {
        self.asks.iter().any(|ask| secret::is_in(ask))
            || self.news.iter().any(|news| matches!(news, News::Asked(_)))
    }
}

/// Whether a server reaches the room that it is one of several servers of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::client) enum RoomState {
    /// It does not: nothing is settled there for now.
    Away,
    /// It does again.
    Back,
}

impl RoomState {
    /// What a line says of it.
    pub(in crate::client) fn of(line: ServerLine<'_>) -> Option<RoomState> {
        match line.notice()? {
            ReadNotice::RoomAway => Some(RoomState::Away),
            ReadNotice::RoomBack => Some(RoomState::Back),
            _ => None,
        }
    }
}

/// A line of the user's of which the server has told what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::client) struct Settled {
    /// The line.
    pub(in crate::client) line: Arc<Typed>,
    /// The event that it became; `None` if it has only been answered.
    pub(in crate::client) event: Option<Seq>,
    /// When that was, by this machine's clock.
    pub(in crate::client) at: Option<Millis>,
}

/// A line for the user's eyes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::client) struct Line<'a> {
    /// The line as it is shown, without its tag.
    pub(in crate::client) text: Cow<'a, str>,
    /// What it says, if the server is ours.
    pub(in crate::client) says: ServerLine<'a>,
    /// From which kind of server it comes.
    pub(in crate::client) server: Server,
    /// When it was said, by this machine's clock, if the server tells.
    pub(in crate::client) at: Option<Millis>,
    /// The number of the event that it tells, if it tells one.
    pub(in crate::client) seq: Option<Seq>,
    /// Which line of a program's input it answers.
    pub(in crate::client) answers: Option<u64>,
}

impl<'a> Line<'a> {
    /// One that has no tag, and says that, from such a server.
    pub(in crate::client) fn untagged(
        server: Server,
        text: impl Into<Cow<'a, str>>,
        says: ServerLine<'a>,
        at: Option<Millis>,
    ) -> Line<'a> {
        Line { text: text.into(), says, server, at, seq: None, answers: None }
    }
}

#[cfg(any(test, fuzzing))]
impl<'a> Line<'a> {
    /// The line as such a server sends it in the plain form.
    pub(in crate::client) fn from(server: Server, text: &'a str) -> Line<'a> {
        Line::untagged(server, text, reply::parse(text), None)
    }
}

/// Something that the user has to know, beyond what the server says.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::client) enum News {
    /// The session goes on.
    Resumed,
    /// The server has confirmed so many lines of ours and does not have them any more.
    Lost(u64),
    /// The session is over, so something may have been missed, and another begins. So many lines
    /// that were sent once are sent again.
    Anew(usize),
    /// The session is over after our word to leave was sent in it, which was the last: all is well.
    TooLate,
    /// The server lets us in only for something that the user is to be asked for.
    Asked(Question),
    /// The server has let us in.
    LetIn,
    /// The server does not give us the name that we want, for this reason, and no other one will do.
    NoName(String),
    /// The server has refused these, and said so on a connection that was lost.
    Refused(Vec<Arc<Typed>>),
}
