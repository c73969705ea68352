//! What we are to the server, over all connections: our name, our session there, and what of it has
//! come. Pure.
//!
//! It takes the server's lines as they come, and says what is to be seen of each, what to send, and
//! what it means for the lines in the [outbox](Outbox).

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use log::debug;

use super::clock::Clock;
use super::door::{Door, Secret};
use super::handshake::{
    Former, Handshake, Interest, NameChoice, Progress, Prover, Reaction, Server, Ticket, Turn,
};
use super::identity::Identity;
use super::outbox::{Outbox, Outcome};
use super::typed::Typed;
use crate::protocol::name::Name;
use crate::protocol::proof::Binding;
use crate::protocol::reply::{self, Message, ReadNotice, ReadRefusal, ServerLine};
use crate::protocol::request;
use crate::protocol::tag::{Format, Limits, Millis, Seq, Tag, Token};

pub(super) use heard::{Heard, Line, News, RoomState, Settled};

mod heard;

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

    /// Takes a line, which comes now.
    pub(super) fn hear<'a>(&mut self, line: &'a str, now: Instant, millis: Millis) -> Heard<'a> {
        let (tag, text, says) = self.read(line);
        if self.handshake.expects_banner() {
            if says.is_room_full() {
                return self.hear_that_it_is_full(text);
            }
            if says.is_for_encrypted_clients() {
                return Heard { turned_away: Some(reply::words(text)), ..Heard::default() };
            }
        }
        if says.is_room_full() && self.is_at_first_words() {
            return Heard { turned_away: Some(reply::words(text)), ..Heard::default() };
        }
        if self.is_shown_out_by(says) {
            return Heard { shown_out: Some(reply::words(text)), ..Heard::default() };
        }
        let at = tag.map(|tag| self.clock.here(tag.at, millis));
        if let Some(tag) = tag {
            self.format = Format::Tagged;
            self.see(tag, says);
        }
        let mut heard = Heard::default();
        if self.handshake.server() == Some(Server::Ours) {
            heard.room = RoomState::of(says);
        }
        self.take(text, says, (at, tag), &mut heard);
        if let Some(tag) = tag.filter(|_| !says.is_fact()) {
            self.leave_out_shown(tag, says, &mut heard);
        }
        let format = if tag.is_some() { Format::Tagged } else { Format::Plain };
        let Reaction { interest, asks, turn } = self.handshake.receive(says, format);
        if interest == Interest::Hidden && !heard.is_fact {
            heard.line = None;
        }
        if let Some(line) = &mut heard.line {
            line.server = self.handshake.server().unwrap_or(Server::Foreign);
        }
        heard.asks = asks;
        if turn == Turn::NoName {
            heard.news.push(News::NoName(reply::words(text).to_owned()));
        }
        self.turn(turn, now, &mut heard);
        // After the turn, since the numbers may begin anew with it.
        self.count(&heard.asks);
        heard
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

    /// The line without its tag, and what it says: the one place where a line that arrives is parsed.
    fn read<'a>(&self, line: &'a str) -> (Option<Tag>, &'a str, ServerLine<'a>) {
        let knows_tags = self.handshake.server() == Some(Server::Ours);
        match knows_tags.then(|| ServerLine::parse_tagged(line)).flatten() {
            Some((tag, text, says)) => (Some(tag), text, says),
            None => (None, line, reply::parse(line)),
        }
    }

    /// Whether the server does not want us any more: we are banned, in place of its banner or later, were removed, or
    /// cannot be let in.
    fn is_shown_out_by(&self, says: ServerLine<'_>) -> bool {
        if self.handshake.server() == Some(Server::Foreign) {
            return false;
        }
        match says.refusal() {
            Some(ReadRefusal::Banned | ReadRefusal::Removed) => true,
            Some(ReadRefusal::NoPasswordInTime | ReadRefusal::InPlain) => {
                self.handshake.progress() == Progress::AtDoor
            }
            _ => false,
        }
    }

    /// Whether the server is ours and has not let us in yet.
    fn is_at_first_words(&self) -> bool {
        match self.handshake.progress() {
            Progress::Resuming | Progress::Asking | Progress::AtDoor => true,
            Progress::Nowhere | Progress::Done(_) => false,
        }
    }

    /// The server has no place for us, but our own lost connection may still have one there.
    fn hear_that_it_is_full<'a>(&mut self, line: &'a str) -> Heard<'a> {
        let asks = self.handshake.knock().map_or_else(Vec::new, Vec::from);
        Heard { turned_away: Some(reply::words(line)), asks, ..Heard::default() }
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

    /// An event is had once it has come; one that is shown again moves nothing.
    fn see(&mut self, tag: Tag, says: ServerLine<'_>) {
        if let Some(seq) = tag.seq
            && !says.is_earlier()
            && seq > self.seen
        {
            (self.seen, self.seen_at) = (seq, tag.at);
        }
    }

    /// The replay of the next session leaves out what was shown in the session before.
    fn leave_out_shown(&mut self, tag: Tag, says: ServerLine<'_>, heard: &mut Heard<'_>) {
        let Some((seq, at)) = self.shown else { return };
        if says.is_earlier() {
            // A server that was started anew begins to count anew, and what it tells is later.
            let is_shown = tag.seq.is_some_and(|it| it <= seq) && tag.at <= at;
            heard.line.take_if(|_| is_shown);
        } else if says.notice() == Some(ReadNotice::LastLines) {
            heard.line.iter_mut().for_each(|line| line.text = Cow::Borrowed(NOT_SEEN));
        } else if says.your_name().is_none() {
            // What is shown later was asked for.
            self.shown = None;
        }
    }

    fn take<'a>(
        &mut self,
        text: &'a str,
        says: ServerLine<'a>,
        (at, tag): (Option<Millis>, Option<Tag>),
        heard: &mut Heard<'a>,
    ) {
        let answers = tag.and_then(|tag| tag.answers);
        heard.is_fact = says.is_fact();
        let server = Server::Ours;
        match says {
            ServerLine::Message(_)
            | ServerLine::Earlier { .. }
            | ServerLine::EarlierDay(_)
            | ServerLine::EarlierUnknown => {
                let asked = answers.and_then(|number| self.outbox.line(number));
                let (seq, asked) =
                    (tag.and_then(|tag| tag.seq), asked.and_then(|line| line.source()));
                heard.refused = self.hear_of_lines(says, answers);
                let line = Line::untagged(server, text, says, at);
                heard.line = Some(Line { seq, answers: asked, ..line });
            }
            ServerLine::Receipt(number) => {
                debug!("received a receipt for line {number}");
                let event = tag.and_then(|tag| tag.seq);
                let line = self.outbox.line(number).cloned();
                heard.settled = line.map(|line| Settled { line, event, at });
                self.settle(number, heard);
            }
            ServerLine::Done => {
                debug!("received that line {answers:?} is done");
                let line = answers.and_then(|number| self.outbox.line(number)).cloned();
                heard.settled = line.map(|line| Settled { line, event: None, at });
                answers.into_iter().for_each(|number| self.settle(number, heard));
            }
            ServerLine::Token(token) => {
                debug!("received a token");
                heard.is_token = true;
                self.token = Some(token);
            }
            ServerLine::Nick(name) => {
                debug!("received our name: {name}");
                // What was written since may ask for the same name, and waits for its own answer.
                self.outbox.had_been_called(name);
                // Told only once, on a connection that is lost.
                if self.be_called(name) && self.is_done() {
                    let says = ServerLine::Message(Message::Notice(ReadNotice::YouAreNow(name)));
                    let text = Cow::Owned(format!("-- you are now {name}"));
                    heard.line = Some(Line::untagged(server, text, says, at));
                }
            }
            ServerLine::Limits(limits) => {
                debug!("received {limits:?}");
                self.limits = limits;
            }
            ServerLine::Resumed(lines) => debug!("received that {lines} lines of ours were taken"),
            ServerLine::Nonce(_) => debug!("received a nonce"),
            ServerLine::KeyOk => debug!("received that our key is proved"),
            ServerLine::UnknownFact => debug!("received something for other programs"),
        }
    }

    /// The server has settled the line of that number.
    fn settle(&mut self, number: u64, heard: &mut Heard<'_>) {
        let Outcome { said, refused: not_said } = self.outbox.settle(number);
        heard.said = said;
        heard.news.extend(refused(not_said));
    }

    /// What a line says of our own lines, and of our name. The value is the one that it refuses.
    fn hear_of_lines(&mut self, says: ServerLine<'_>, answers: Option<u64>) -> Option<Arc<Typed>> {
        if self.handshake.server() != Some(Server::Ours) {
            return None;
        }
        if let Some(ReadNotice::Missed(_)) = says.notice() {
            self.outbox.mark_gap();
        }
        if let Some(name) = says.your_name() {
            self.be_called(name);
        }
        says.refusal().and(answers).and_then(|number| self.outbox.refuse(number))
    }

    /// Takes over the name that we have, and says whether it is another one.
    fn be_called(&mut self, name: &str) -> bool {
        let Ok(parsed) = Name::parse(name) else { return false };
        if self.called.as_deref() == Some(name) {
            return false;
        }
        self.called = Some(name.to_owned());
        if self.is_done() {
            self.name = Some(parsed);
        }
        true
    }

    fn is_done(&self) -> bool {
        self.handshake.progress() == Progress::Done(Server::Ours)
    }

    fn turn(&mut self, turn: Turn, now: Instant, heard: &mut Heard<'_>) {
        match turn {
            Turn::None | Turn::NoName => {}
            Turn::Resumed(lines) => {
                let lost = self.outbox.resume(lines, now);
                self.course = Course::Resumed(self.seen, self.outbox.taken());
                heard.news.push(News::Resumed);
                heard.news.extend((lost > 0).then_some(News::Lost(lost)));
            }
            Turn::Anew => {
                self.shown = (self.seen > 0).then_some((self.seen, self.seen_at));
                (self.token, self.seen) = (None, 0);
                let too_late = self.outbox.has_tried_to_quit();
                heard.said = self.outbox.take_covered();
                let again = self.outbox.begin_anew(now);
                heard.news.push(if too_late { News::TooLate } else { News::Anew(again) });
            }
            Turn::Asked(question) => heard.news.push(News::Asked(question)),
            Turn::LetIn => heard.news.push(News::LetIn),
        }
    }
}

fn refused(lines: Vec<Arc<Typed>>) -> Option<News> {
    (!lines.is_empty()).then_some(News::Refused(lines))
}

#[cfg(test)]
mod tests;
