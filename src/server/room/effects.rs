//! What follows from an entry besides events: who is served, from where to where, and what a connection alone
//! is told. Pure.

use std::fmt::Display;

use crate::protocol::tag::{Format, Millis, Seq};
use crate::server::audience::Recipient;
use crate::server::connection::ConnectionId;
use crate::server::rendering::answer_tag;
use crate::server::replay::Replay;

/// The effects of entries, in their order, until they are settled.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    /// Connections that are served from now on.
    pub(crate) attached: Vec<Attach>,
    /// Connections that are served no more, each with the number after the last event that it gets.
    pub(crate) detached: Vec<(ConnectionId, Seq)>,
    /// Connections that get the tagged form, each from that event on.
    pub(crate) tagged: Vec<(ConnectionId, Seq)>,
    /// What a connection is told, before the event with that number.
    pub(crate) asides: Vec<(ConnectionId, Seq, Aside)>,
    /// Lines were erased: copies of them are to be let go of.
    pub(crate) is_erased: bool,
}

/// A member that is served over a connection from now on.
#[derive(Debug)]
pub(crate) struct Attach {
    /// Who it is.
    pub(crate) recipient: Recipient,
    /// Over which it is served.
    pub(crate) connection: ConnectionId,
    /// What it is sent before all else, line by line.
    pub(crate) greeting: String,
    /// The first event that it may get.
    pub(crate) from: Seq,
    /// How many bytes of lines are before that.
    pub(crate) offset: u64,
}

/// What is for one reader alone and is no event: it has no number, and a client that resumes does not get
/// it again.
#[derive(Debug)]
pub(crate) enum Aside {
    /// Lines as the client gets them: answers, errors, facts for programs.
    Lines(String),
    /// What was said before.
    Replay(Replay),
}

impl Effects {
    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.attached.is_empty()
            && self.detached.is_empty()
            && self.tagged.is_empty()
            && self.asides.is_empty()
            && !self.is_erased
    }

    /// Has a connection told lines before the event with that number.
    pub(super) fn tell(&mut self, connection: ConnectionId, before: Seq, lines: String) {
        self.asides.push((connection, before, Aside::Lines(lines)));
    }
}

/// A line that is no event, as a client gets it.
pub(super) fn line(format: Format, line: impl Display, now: Millis) -> String {
    answer(format, None, line, now)
}

/// The same of one that may answer the client's line of that number.
pub(super) fn answer(
    format: Format,
    answers: Option<u64>,
    line: impl Display,
    now: Millis,
) -> String {
    format!("{}{line}\n", answer_tag(format, answers, now))
}
