//! What we are to the server, over all connections: our name, our session there, and what of it has
//! come. Pure.
//!
//! It takes the server's lines as they come, and says what is to be seen of each, what to send, and
//! what it means for the lines in the [outbox](Outbox).

use std::borrow::Cow;
use std::time::Instant;

use super::clock::Clock;
use super::handshake::{Form, Handshake, Interest, Progress, Reaction, Server, Ticket, Turn};
use super::outbox::{Outbox, Outcome};
use crate::protocol::name::Name;
use crate::protocol::tag::{Body, Millis, Seq, Tag, Token};
use crate::protocol::{reply, request};

/// What we are to the server.
#[derive(Debug)]
pub(super) struct Standing {
    /// The first words on the present connection.
    pub(super) handshake: Handshake,
    /// What we have to say.
    pub(super) outbox: Outbox,
    /// How lines have come over the present connection.
    form: Form,
    clock: Clock,
    /// What the server gave us to be known again with.
    token: Option<Token>,
    /// The last event of the session that has come.
    seen: Seq,
    /// The name to ask for on the next connection.
    name: Option<Name>,
    /// The name that we have, as the server spells it.
    called: Option<String>,
    course: Course,
}

/// How far the present connection has brought us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Course {
    /// It is another session's than the connection before.
    Fresh,
    /// It has taken up the session, after so many events and lines.
    Resumed(Seq, u64),
}

/// What has come of one line.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Heard<'a> {
    /// What is to be seen of it.
    pub(super) line: Option<Line<'a>>,
    /// What to send, line by line.
    pub(super) asks: Vec<String>,
    /// What the user has to know besides.
    pub(super) news: Vec<News>,
    /// Whether it was a fact for the program, not a line.
    pub(super) is_fact: bool,
}

impl Heard<'_> {
    /// Whether somebody who waits may have something to do now: not for what others say.
    pub(super) fn may_settle(&self) -> bool {
        let is_answer = |line: &Line<'_>| line.text.starts_with(['!', '-']);
        self.is_fact || !self.asks.is_empty() || self.line.as_ref().is_some_and(is_answer)
    }
}

/// A line for the user's eyes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// Without its tag.
    pub(super) text: Cow<'a, str>,
    /// When it was said, by this machine's clock, if the server tells.
    pub(super) at: Option<Millis>,
}

/// Something that the user has to know, beyond what the server says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum News {
    /// The session goes on.
    Resumed,
    /// The session is over, so something may have been missed, and another begins. So many lines
    /// that were sent once are sent again.
    Anew(usize),
    /// The session is over after our word to leave was sent in it, which was the last: all is well.
    TooLate,
    /// The server has refused these, and said so on a connection that was lost.
    Refused(Vec<Vec<u8>>),
}

impl Standing {
    pub(super) fn new(name: Option<Name>) -> Standing {
        Standing {
            handshake: Handshake::new(name.clone(), None),
            outbox: Outbox::default(),
            form: Form::Plain,
            clock: Clock::default(),
            token: None,
            seen: 0,
            name,
            called: None,
            course: Course::Fresh,
        }
    }

    /// The connection is lost.
    pub(super) fn lose(&mut self) {
        self.outbox.lose();
    }

    /// There is another connection, and the first words begin anew.
    pub(super) fn begin_again(&mut self, now: Instant) {
        let ticket = self.token.map(|token| Ticket { token, seen: self.seen });
        self.handshake = Handshake::new(self.name.clone(), ticket);
        self.form = Form::Plain;
        self.clock = Clock::default();
        self.course = Course::Fresh;
        if ticket.is_none() {
            self.outbox.begin_anew(now);
        }
    }

    /// Takes a line, which comes now.
    pub(super) fn hear<'a>(&mut self, line: &'a str, now: Instant, millis: Millis) -> Heard<'a> {
        let knows_tags = self.handshake.server() == Some(Server::Ours);
        let tagged = if knows_tags { Tag::split(line) } else { None };
        let (tag, body) = match tagged {
            Some((tag, body)) => (Some(tag), Body::parse(body)),
            None => (None, Body::Line(line)),
        };
        let at = tag.map(|tag| self.clock.here(tag.at, millis));
        if let Some(tag) = tag {
            self.form = Form::Tagged;
            self.see(tag, body);
        }
        let mut heard = Heard::default();
        self.take(body, at, &mut heard);
        let form = if tag.is_some() { Form::Tagged } else { Form::Plain };
        let Reaction { interest, asks, turn } = self.handshake.receive(body, form);
        self.outbox_counts(&asks);
        if interest == Interest::Hidden && !heard.is_fact {
            heard.line = None;
        }
        heard.asks = asks;
        self.turn(turn, now, &mut heard);
        heard
    }

    /// How lines come over the present connection.
    pub(super) fn form(&self) -> Form {
        self.form
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
        refused(self.outbox.settle_covered())
    }

    /// An event is had once it has come; one that is shown again moves nothing.
    fn see(&mut self, tag: Tag, body: Body<'_>) {
        let is_earlier = matches!(body, Body::Line(line) if line.starts_with("| "));
        if let Some(seq) = tag.seq
            && !is_earlier
        {
            self.seen = self.seen.max(seq);
        }
    }

    fn take<'a>(&mut self, body: Body<'a>, at: Option<Millis>, heard: &mut Heard<'a>) {
        heard.is_fact = !matches!(body, Body::Line(_));
        match body {
            Body::Line(line) => {
                self.hear_of_lines(line);
                heard.line = Some(Line { text: Cow::Borrowed(line), at });
            }
            Body::Receipt(number) => heard.news.extend(refused(self.outbox.receipt(number))),
            Body::Token(token) => self.token = Some(token),
            Body::Nick(name) => {
                if self.outbox.has_covered() {
                    self.outbox.be_called(name);
                }
                // Told only once, on a connection that is lost.
                if self.be_called(name) && self.is_done() {
                    let text = Cow::Owned(format!("-- you are now {name}"));
                    heard.line = Some(Line { text, at });
                }
            }
            Body::Resumed(_) | Body::UnknownFact => {}
        }
    }

    /// What a line says of our own lines, and of our name.
    fn hear_of_lines(&mut self, line: &str) {
        if self.handshake.server() != Some(Server::Ours) {
            return;
        }
        if self.form == Form::Tagged && self.is_done() {
            self.outbox.hear(line);
        }
        if let Some(name) = reply::your_name(line)
            && !self.be_called(name)
            && self.is_done()
        {
            self.outbox.be_called(name);
        }
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

    fn outbox_counts(&mut self, asks: &[String]) {
        asks.iter().filter(|ask| request::is_counted(ask)).for_each(|_| self.outbox.count());
    }

    fn turn(&mut self, turn: Turn, now: Instant, heard: &mut Heard<'_>) {
        match turn {
            Turn::None => {}
            Turn::Resumed(lines) => {
                self.course = Course::Resumed(self.seen, self.outbox.taken());
                self.outbox.resume(lines, now);
                heard.news.push(News::Resumed);
            }
            Turn::Anew => {
                (self.token, self.seen) = (None, 0);
                let too_late = self.outbox.has_tried_to_quit();
                let again = self.outbox.begin_anew(now);
                self.outbox_counts(&heard.asks);
                heard.news.push(if too_late { News::TooLate } else { News::Anew(again) });
            }
        }
    }
}

fn refused(outcome: Outcome) -> Option<News> {
    match outcome {
        Outcome::Refused(lines) => Some(News::Refused(lines)),
        Outcome::Well => None,
    }
}
