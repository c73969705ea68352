//! What we are to the server, over all connections: our name, our session there, and what of it has
//! come. Pure.
//!
//! It takes the server's lines as they come, and says what is to be seen of each, what to send, and
//! what it means for the lines in the [outbox](Outbox).

use std::sync::Arc;
use std::time::Instant;

use super::clock::Clock;
use super::door::{Door, Secret};
use super::handshake::{Former, Handshake, NameChoice, Prover, Server, Ticket};
use super::identity::Identity;
use super::outbox::Outbox;
use super::typed::Typed;
use crate::protocol::name::Name;
use crate::protocol::proof::Binding;
use crate::protocol::request;
use crate::protocol::tag::{Format, Limits, Millis, Seq, Token};

pub(super) use heard::{Heard, Line, News, RoomState, Settled};

mod heard;
mod hearing;

/// What we are to the server.
#[derive(Debug)]
pub(super) struct ClientSession {
    /// The first words on the present connection.
    pub(super) handshake: Handshake,
    /// What we have to say.
    pub(super) outbox: Outbox,
    /// How lines have come over the present connection.
    format: Format,
    /// How far apart the clocks are.
    clock: Clock,
    /// What the server gave us to be known again with.
    token: Option<Token>,
    /// The last event of the session that has come.
    seen: Seq,
    /// When that happened, by the server's clock.
    seen_at: Millis,
    /// The last event that was shown in the session before, and when that happened, until its replay is
    /// over.
    shown: Option<(Seq, Millis)>,
    /// The name that the user wants.
    name: Option<Name>,
    /// Whether another name will do where that one is not to be had.
    choice: NameChoice,
    /// The key by which the user's names are known, if there is one.
    identity: Option<Arc<Identity>>,
    /// The name that we have, as the server spells it.
    called: Option<String>,
    /// What the server takes of us, as far as it has told.
    limits: Limits,
    /// How far the present connection has come.
    course: Course,
}

/// What stands above the last lines in place of the server's words, for one who has seen a part of them.
pub(super) const NOT_SEEN: &str = "-- not seen yet (of the last lines)";

/// How far the present connection has brought us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Course {
    /// It is another session's than the connection before.
    Fresh,
    /// It has taken up the session, after so many events and lines.
    Resumed(Seq, u64),
}

impl ClientSession {
    /// That of a user with this name and this key, before there is a connection.
    pub(super) fn new(name: Option<Name>, identity: Option<Identity>) -> ClientSession {
        ClientSession {
            handshake: Handshake::new(name.clone(), None, None),
            outbox: Outbox::default(),
            format: Format::Plain,
            clock: Clock::default(),
            token: None,
            seen: 0,
            seen_at: Millis::MIN,
            shown: None,
            name,
            choice: NameChoice::OrAnother,
            identity: identity.map(Arc::new),
            called: None,
            limits: Limits::default(),
            course: Course::Fresh,
        }
    }

    /// The same for one who knows what lets us in, if something does.
    pub(super) fn knowing(mut self, secret: Option<Secret>) -> ClientSession {
        self.handshake.door = Door::with(secret);
        self
    }

    /// The same for one who wants that name or none.
    pub(super) fn insisting(mut self) -> ClientSession {
        self.choice = NameChoice::ThisAlone;
        self
    }

    /// There is the first connection, with this binding.
    pub(super) fn begin(&mut self, binding: Binding) {
        let door = std::mem::take(&mut self.handshake.door);
        let handshake = Handshake::new(self.name.clone(), None, self.prover(binding));
        self.handshake = handshake.with(door, self.choice);
    }

    fn prover(&self, binding: Binding) -> Option<Prover> {
        let identity = self.identity.as_ref().map(Arc::clone)?;
        Some(Prover { identity, binding })
    }

    /// Takes what the user gives to be let in. The value is the line to send, which is counted.
    pub(super) fn give(&mut self, secret: Secret, is_connected: bool) -> Option<String> {
        let line = self.handshake.door.give(secret, is_connected)?;
        self.outbox.count();
        Some(line)
    }

    /// The connection is lost.
    pub(super) fn lose(&mut self) {
        self.outbox.lose();
    }

    /// There is another connection, with this binding, and the first words begin anew.
    /// Without `may_resume`, the server must not see the token.
    pub(super) fn begin_again(&mut self, now: Instant, may_resume: bool, binding: Binding) {
        let former = match self.token {
            None => Former::None,
            Some(token) if may_resume => Former::GoesOn(Ticket { token, seen: self.seen }),
            Some(_) => Former::Barred,
        };
        let door = std::mem::take(&mut self.handshake.door).again();
        let (name, called) = (self.name.clone(), self.called.as_deref());
        let handshake = Handshake::again(name, called, former, self.prover(binding));
        self.handshake = handshake.with(door, self.choice);
        self.format = Format::Plain;
        self.clock = Clock::default();
        self.course = Course::Fresh;
        if former == Former::None {
            self.outbox.begin_anew(now);
        }
    }

    /// No nonce has come for too long: what to send without it.
    pub(super) fn go_on_without_nonce(&mut self) -> Vec<String> {
        let asks = self.handshake.go_on_without_nonce();
        self.count(&asks);
        asks
    }

    /// Counts what is sent in our name.
    fn count(&mut self, asks: &[String]) {
        asks.iter().filter(|ask| request::is_counted(ask)).for_each(|_| self.outbox.count());
    }

    /// The name that we have, as the server spells it.
    pub(super) fn called(&self) -> Option<&str> {
        self.called.as_deref()
    }

    /// How lines come over the present connection.
    pub(super) fn format(&self) -> Format {
        self.format
    }

    /// The longest line that the server takes, in bytes without its end, as far as it has told. While there is no
    /// connection, that is what the last one had told.
    pub(super) fn max_line(&self) -> Option<usize> {
        let is_foreign = self.handshake.server() == Some(Server::Foreign);
        self.limits.max_line.filter(|_| !is_foreign)
    }

    /// Whether the server has given us something to be known again with.
    pub(super) fn is_resumable(&self) -> bool {
        self.token.is_some()
    }

    /// Whether the present connection has taken up the session, and brought anything new.
    pub(super) fn has_got_further(&self) -> bool {
        match self.course {
            Course::Fresh => false,
            Course::Resumed(seen, taken) => self.seen > seen || self.outbox.taken() > taken,
        }
    }

    /// All that a lost connection had to bring has come.
    pub(super) fn settle_covered(&mut self) -> Option<News> {
        refused(self.outbox.settle_covered().refused)
    }
}

fn refused(lines: Vec<Arc<Typed>>) -> Option<News> {
    (!lines.is_empty()).then_some(News::Refused(lines))
}

#[cfg(test)]
mod tests;
