//! How members come, lose their connections and come back: what becomes of their places in the room,
//! under its lock.
//!
//! A member that gets the tagged form outlives its connection: it is away for a while, and whoever
//! shows its token takes it over. What it said is taken or not taken at one place in the order of
//! events, so it may say the rest again.

use std::sync::Arc;
use std::time::Instant;

use super::admission::Origin;
use super::connection::Connection;
use super::index::{Audience, Form, MemberId, Viewer};
use super::member::{Member, Newcomer};
use super::recall::Recall;
use super::rendering::tag;
use super::room::{Arrival, State, now};
use super::system::instant;
use super::traffic::Move;
use super::waiting_lines::WaitingLines;
use crate::protocol::name::{Likeness, Name};
use crate::protocol::reply::{Departure, Missing, Notice, Refusal};
use crate::protocol::tag::{Body, Seq, Token};

/// A member, as the others find it.
#[derive(Debug)]
pub(super) struct Present {
    pub(super) name: Name,
    pub(super) likeness: Likeness,
    /// How it may come back, if it gets the tagged form.
    pub(super) resumable: Option<Resumable>,
    /// Until when it is told of this member that it is held back, if it has been.
    pub(super) held_until: Option<Instant>,
}

impl Present {
    /// Whether it has a connection, and could come back over another one.
    pub(super) fn may_be_taken_over(&self) -> bool {
        self.resumable.as_ref().is_some_and(|it| it.connection.is_some())
    }

    /// Whether its connection is lost, and it may still come back.
    pub(super) fn is_away(&self) -> bool {
        self.resumable.as_ref().is_some_and(|it| it.connection.is_none())
    }
}

/// What is known of a member that may come back when its connection is lost.
#[derive(Debug)]
pub(super) struct Resumable {
    /// What it has to show; without one, which the system could not give, it cannot come back.
    pub(super) token: Option<Token>,
    /// The first event that it may get.
    pub(super) since: Seq,
    /// How many of its lines were taken, over all of its connections.
    pub(super) taken: u64,
    /// The one that speaks for it, unless it is away.
    pub(super) connection: Option<Arc<Connection>>,
    /// The private lines that were said to it since it is away.
    pub(super) waiting: WaitingLines,
}

/// Where somebody who comes back goes on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) viewer: Viewer,
    /// The first event that it gets.
    next: Seq,
    /// How many lines before that are forgotten that were for it.
    missed: u64,
}

impl State {
    /// Takes a new member in, and shows it the last lines, `replay` at most.
    pub(super) fn admit(
        &mut self,
        member: &Member,
        likeness: Likeness,
        newcomer: Newcomer<'_>,
        replay: usize,
    ) {
        let (id, name, form) = (member.id(), member.name(), newcomer.form);
        let others = self.members.len();
        let away = self.members.values().filter(|member| member.is_away()).count();
        self.tell_move(Move::Join, id, Notice::Joined(name));
        let recall = Recall::newest(form, self.transcript.newest(id, replay));
        let (from, connection) = (self.transcript.end(), Arc::clone(newcomer.connection));
        self.answer(id, Notice::YouAre { name, others, away });
        let resumable = match form {
            Form::Plain => None,
            Form::Tagged => Some(self.make_resumable(id, name, &connection, newcomer.taken)),
        };
        let present = Present { name: name.clone(), likeness, resumable, held_until: None };
        self.members.insert(id, present);
        if !recall.is_empty() {
            self.recall(connection.id(), recall);
        }
        let viewer = Viewer { member: id, form, answers_from: from };
        let offset = self.transcript.offset(from);
        self.arrivals.push(Arrival { viewer, connection, greeting: String::new(), from, offset });
    }

    /// Tells a program its name and what it takes to come back. From there on it may get all again.
    fn make_resumable(
        &mut self,
        id: MemberId,
        name: &Name,
        connection: &Arc<Connection>,
        taken: u64,
    ) -> Resumable {
        let (token, since) = (random_token(), self.transcript.end());
        if let Some(token) = token {
            self.answer(id, Body::Token(token));
        }
        self.answer(id, Body::Nick(name.as_str()));
        let (connection, waiting) = (Some(Arc::clone(connection)), WaitingLines::default());
        Resumable { token, since, taken, connection, waiting }
    }

    /// Gives a member the tagged form from now on.
    pub(super) fn tag(
        &mut self,
        id: MemberId,
        name: &Name,
        connection: &Arc<Connection>,
        taken: u64,
    ) {
        self.taggings.push((connection.id(), self.transcript.end()));
        let resumable = self.make_resumable(id, name, connection, taken);
        if let Some(member) = self.members.get_mut(&id) {
            member.resumable = Some(resumable);
        }
    }

    pub(super) fn resumable(&mut self, member: MemberId) -> Option<&mut Resumable> {
        self.members.get_mut(&member)?.resumable.as_mut()
    }

    /// Takes its connection from a member that may come back, so that nothing more of what that one
    /// brings is said. It is served what was appended until now.
    pub(super) fn detach(&mut self, member: MemberId) -> Option<Arc<Connection>> {
        let connection = self.resumable(member)?.connection.take()?;
        self.departures.push((connection.id(), self.transcript.end()));
        Some(connection)
    }

    /// Counts the time until a member that has no connection must be back.
    pub(super) fn be_away(&mut self, member: MemberId, from: Origin) {
        let is_detached = |member: &mut Resumable| member.connection.is_none();
        if self.resumable(member).is_some_and(is_detached) {
            self.away.remove(member);
            self.away.add(member, from, instant());
        }
    }

    /// Where the member goes on that was given the token, if it has all events up to `seen`.
    pub(super) fn place_to_resume(
        &mut self,
        token: Token,
        seen: Seq,
    ) -> Result<Place, Refusal<'static>> {
        let (member, since) = self.holder(token).ok_or(Refusal::UnknownToken)?;
        let end = self.transcript.end();
        if seen >= end {
            return Err(Refusal::NoSuchEvent(seen));
        }
        let viewer = Viewer { member, form: Form::Tagged, answers_from: end };
        let next = since.max(seen + 1);
        let missed = self.transcript.forgotten(member, next).ok_or(Refusal::Forgotten(seen))?;
        Ok(Place { viewer, next: next.max(self.transcript.oldest()), missed })
    }

    /// Gives the member another connection, and tells that one where it is. The values are its name
    /// and how many of its lines were taken.
    pub(super) fn readmit(&mut self, place: Place, connection: &Arc<Connection>) -> (Name, u64) {
        let (id, connection) = (place.viewer.member, Arc::clone(connection));
        self.away.remove(id);
        let member = self.members.get_mut(&id).expect("whoever has a place to resume is here");
        let name = member.name.clone();
        let resumable = member.resumable.as_mut().expect("and may resume");
        resumable.connection = Some(Arc::clone(&connection));
        resumable.waiting = WaitingLines::default();
        let taken = resumable.taken;
        let mut greeting = String::new();
        let mut tell = |line: String| {
            greeting += &tag(Form::Tagged, None, now());
            greeting += &line;
            greeting.push('\n');
        };
        tell(Notice::WelcomeBack(&name).to_string());
        tell(Body::Resumed(taken).to_string());
        tell(Body::Nick(name.as_str()).to_string());
        if place.missed > 0 {
            tell(Notice::Missed(place.missed, Missing::Away).to_string());
        }
        let (viewer, from) = (place.viewer, place.next);
        let offset = self.transcript.offset(from);
        self.arrivals.push(Arrival { viewer, connection, greeting, from, offset });
        (name, taken)
    }

    /// Parts with those who were away for too long, or for longest of more than may be.
    pub(super) fn part_with_absent(&mut self, most: usize) -> Vec<Name> {
        let mut gone = Vec::new();
        while let Some(id) = self.away.take(instant(), most) {
            if let Some(member) = self.members.remove(&id) {
                self.have_left(&member.name, member.likeness);
                let notice = Notice::Left(&member.name, Departure::ConnectionLost);
                self.tell_move(Move::Leave, id, notice);
                let waiting = member.resumable.map(|resumable| resumable.waiting);
                self.tell_senders(&member.name, waiting.unwrap_or_default());
                gone.push(member.name);
            }
        }
        gone
    }

    /// Counts a private line to a member that may be away. Whether it is the sender's first since then.
    pub(super) fn count_waiting(&mut self, reader: MemberId, sender: MemberId) -> bool {
        let members = self.members.len();
        let is_away = |reader: &&mut Resumable| reader.connection.is_none();
        let Some(mut waiting) = self
            .resumable(reader)
            .filter(is_away)
            .map(|reader| std::mem::take(&mut reader.waiting))
        else {
            return false;
        };
        let is_first = waiting.add(sender);
        // Or somebody who comes, says something and leaves, again and again, would fill the memory.
        if waiting.senders() > members {
            waiting.keep(|sender| self.members.contains_key(&sender));
        }
        if let Some(reader) = self.resumable(reader) {
            reader.waiting = waiting;
        }
        is_first
    }

    /// Tells each who said something to a member that did not come back.
    fn tell_senders(&mut self, reader: &Name, waiting: WaitingLines) {
        for (sender, lines) in waiting.by_sender() {
            if self.members.contains_key(&sender) {
                self.tell(Audience::Only(sender), Notice::DidNotComeBack { name: reader, lines });
            }
        }
    }

    /// Whether the member that was given this token has a connection.
    pub(super) fn is_connected(&self, token: Token) -> bool {
        let member = self.holder(token).and_then(|(member, _)| self.members.get(&member));
        member.is_some_and(Present::may_be_taken_over)
    }

    /// The member that was given this token, and the first event that it may get.
    fn holder(&self, token: Token) -> Option<(MemberId, Seq)> {
        self.members.iter().find_map(|(&id, member)| {
            let resumable = member.resumable.as_ref()?;
            (resumable.token == Some(token)).then_some((id, resumable.since))
        })
    }
}

/// 128 bits from the system; without them, which no system of today refuses, there is no token.
fn random_token() -> Option<Token> {
    let mut bits = [0; 16];
    getrandom::fill(&mut bits).ok()?;
    Some(Token::new(u128::from_ne_bytes(bits)))
}
