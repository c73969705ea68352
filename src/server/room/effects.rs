//! What follows from an entry besides events: who is served, from where to where, and what a connection alone
//! is told. Pure.

use std::collections::HashMap;
use std::fmt::Display;

use super::people::invitations::CodeHash;
use super::people::letters::Letter;
use super::token::{Issued, TokenHash};
use crate::protocol::moment::local;
use crate::protocol::reply::{NameNotice, Notice};
use crate::protocol::tag::{Format, Millis, Seq, Token};
use crate::protocol::text::make_safe;
use crate::server::audience::Recipient;
use crate::server::connection::ConnectionId;
use crate::server::erasure::Erased;
use crate::server::rendering::answer_tag;
use crate::server::replay::Replay;

/// The effects of entries, in their order, until they are settled. They are for one server's connections, and know what
/// that server alone knows.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    /// Which server's they are: nothing follows for the connections of others. Here its own connections are
    /// [local](ConnectionId::local).
    pub(crate) producer: u64,
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
    /// Orders to erase that came over this server, in a room that several hold and of which this one keeps no
    /// history: the others are to be told.
    pub(super) erased: Vec<Erased>,
    /// Tokens that this server has made and proposed, by their hashes: the log brings no more than those.
    tokens: HashMap<TokenHash, Token>,
    /// The same for codes that let somebody in.
    codes: HashMap<CodeHash, String>,
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

/// Private lines that have waited for a member, and what it has to know of its own.
#[derive(Debug)]
pub(super) struct Delivery {
    /// How the member gets its lines.
    pub(super) format: Format,
    /// When they are shown.
    pub(super) at: Millis,
    /// What has waited, in its order.
    pub(super) letters: Vec<Letter>,
}

impl Delivery {
    /// The lines, with times of day of this server's zone.
    fn lines(&self) -> String {
        let count = self.letters.iter().filter(|letter| letter.text.is_some()).count() as u64;
        let mut lines = String::new();
        let mut add = |shown: &dyn Display| lines += &line(self.format, shown, self.at);
        if count > 0 {
            add(&Notice::Name(NameNotice::PrivateLines(count)));
        }
        let mut day = local(self.at).date_naive();
        for Letter { other, at, text, lines, .. } in &self.letters {
            let Some(text) = text else {
                add(&Notice::Name(NameNotice::HasRead { name: other, at: *at, lines: *lines }));
                continue;
            };
            // As lines that are shown again: with the time, and the first of a day with the day.
            let said = local(*at);
            if said.date_naive() != day {
                day = said.date_naive();
                add(&format_args!("| -- {day}"));
            }
            add(&format_args!("| {} [{other} -> you] {text}", said.format("%H:%M")));
        }
        lines
    }
}

impl Effects {
    /// Those for one server of a room that several hold; 0 is the server of a room of its own.
    pub(crate) fn of(producer: u64) -> Effects {
        Effects { producer, ..Effects::default() }
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.attached.is_empty()
            && self.detached.is_empty()
            && self.tagged.is_empty()
            && self.asides.is_empty()
            && !self.is_erased
    }

    /// Those of no server: nothing follows for anybody's connections.
    pub(crate) fn of_nobody() -> Effects {
        Effects::of(u64::MAX)
    }

    /// Adds what follows later.
    pub(crate) fn append(&mut self, later: Effects) {
        let Effects { attached, detached, tagged, asides, is_erased, mut erased, .. } = later;
        self.attached.extend(attached);
        self.detached.extend(detached);
        self.tagged.extend(tagged);
        self.asides.extend(asides);
        self.is_erased |= is_erased;
        self.erased.append(&mut erased);
    }

    /// Takes what has followed until now.
    pub(crate) fn take(&mut self) -> Effects {
        let producer = self.producer;
        let (tokens, codes) = (std::mem::take(&mut self.tokens), std::mem::take(&mut self.codes));
        std::mem::replace(self, Effects { producer, tokens, codes, ..Effects::default() })
    }

    /// Remembers a token that is proposed to the log, until somebody is told it.
    pub(crate) fn expect_token(&mut self, token: Token) {
        self.tokens.insert(TokenHash::of(token), token);
    }

    /// Remembers a code that is proposed to the log, until somebody is told it.
    pub(crate) fn expect_code(&mut self, code: &str) {
        self.codes.insert(CodeHash::of(code), code.to_owned());
    }

    /// Forgets a token that nobody is told: its client does not join.
    pub(crate) fn forget_token(&mut self, token: TokenHash) {
        self.tokens.remove(&token);
    }

    /// Forgets a code that nobody is told.
    pub(crate) fn forget_code(&mut self, code: CodeHash) {
        self.codes.remove(&code);
    }

    /// The token of these that this server knows.
    pub(super) fn token(&mut self, issued: Option<Issued>) -> Option<Token> {
        let Issued { token, hash } = issued?;
        token.or_else(|| self.tokens.remove(&hash))
    }

    /// The code with this hash, if this server has made it.
    pub(super) fn take_code(&mut self, code: CodeHash) -> Option<String> {
        self.codes.remove(&code)
    }

    /// Whether something follows for that connection.
    pub(super) fn are_for(&self, connection: ConnectionId) -> bool {
        connection.producer == self.producer
    }

    /// Serves a member from now on.
    pub(super) fn attach(&mut self, attach: Attach) {
        if self.are_for(attach.connection) {
            let connection = ConnectionId::local(attach.connection.number);
            let greeting = self.safe(attach.greeting);
            self.attached.push(Attach { connection, greeting, ..attach });
        }
    }

    /// Serves a connection no more, from the event with that number on.
    pub(super) fn detach(&mut self, connection: ConnectionId, until: Seq) {
        if self.are_for(connection) {
            self.detached.push((ConnectionId::local(connection.number), until));
        }
    }

    /// Gives a connection the tagged form, from the event with that number on.
    pub(super) fn tag(&mut self, connection: ConnectionId, from: Seq) {
        if self.are_for(connection) {
            self.tagged.push((ConnectionId::local(connection.number), from));
        }
    }

    /// Has a connection told lines before the event with that number.
    pub(super) fn tell(&mut self, connection: ConnectionId, before: Seq, lines: String) {
        if self.are_for(connection) {
            let lines = self.safe(lines);
            self.aside(connection, before, Aside::Lines(lines));
        }
    }

    /// Lines as they may be shown: whoever can write to the log that servers share may write anything.
    fn safe(&self, lines: String) -> String {
        if self.producer == 0 {
            return lines;
        }
        let lines = lines.split_terminator('\n').map(|line| make_safe(line.as_bytes()));
        lines.fold(String::new(), |all, line| all + &line + "\n")
    }

    /// Has a connection told something before the event with that number.
    pub(super) fn aside(&mut self, connection: ConnectionId, before: Seq, aside: Aside) {
        if self.are_for(connection) {
            self.asides.push((ConnectionId::local(connection.number), before, aside));
        }
    }

    /// Has a connection shown private lines before the event with that number. They have times of day, in the zone of
    /// this server, which the room does not know.
    pub(super) fn deliver(&mut self, connection: ConnectionId, before: Seq, delivery: &Delivery) {
        self.tell(connection, before, delivery.lines());
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
