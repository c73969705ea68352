//! What a line of the server's means: what is to be seen of it, what to send, and what it says of our own lines. Pure.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use log::debug;

use super::heard::{Heard, Line, News, RoomState, Settled};
use super::{ClientSession, Course, NOT_SEEN, refused};
use crate::client::handshake::{Interest, Progress, Reaction, Server, Turn};
use crate::client::outbox::Outcome;
use crate::client::typed::Typed;
use crate::protocol::name::Name;
use crate::protocol::reply::{self, Message, ReadNotice, ReadRefusal, ServerLine};
use crate::protocol::tag::{Format, Millis, Tag};

impl ClientSession {
    /// Takes a line, which comes now.
    pub(in crate::client) fn hear<'a>(
        &mut self,
        line: &'a str,
        now: Instant,
        millis: Millis,
    ) -> Heard<'a> {
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
