//! How members lose their connections and resume: what becomes of their places in the room.
//!
//! A member that gets the tagged form outlives its connection: it is disconnected for a while, and
//! whoever shows its token takes it over. What it said is taken or not taken at one place in the order of
//! events, so it may say the rest again.

use std::sync::Arc;

use super::join_notices::Move;
use super::waiting_lines::WaitingLines;
use super::{Arrival, Member, Room};
use crate::protocol::name::Name;
use crate::protocol::reply::{LeaveReason, Missing, Notice, Refusal};
use crate::protocol::tag::{Body, Format, Seq, Token};
use crate::server::admission::Origin;
use crate::server::audience::{Audience, MemberId, Recipient};
use crate::server::connection::{Connection, ConnectionId};
use crate::server::rendering::tag;
use crate::server::system::{instant, now, random_bits};

impl Member {
    /// Whether it has a connection, and could resume over another one.
    fn may_be_taken_over(&self) -> bool {
        self.resumable.as_ref().is_some_and(|it| it.connection.is_some())
    }

    /// Whether its connection is lost, and it may still resume.
    pub(super) fn is_disconnected(&self) -> bool {
        self.resumable.as_ref().is_some_and(|it| it.connection.is_none())
    }
}

/// What is known of a member that may come back when its connection is lost.
#[derive(Debug)]
pub(super) struct Resumable {
    /// What it has to show; without one, which the system could not give, it cannot come back.
    token: Option<Token>,
    /// The first event that it may get.
    since: Seq,
    /// How many of its lines were taken, over all of its connections.
    taken: u64,
    /// The one that speaks for it, unless it is away.
    connection: Option<Arc<Connection>>,
    /// The private lines that were said to it since it is away.
    waiting: WaitingLines,
}

/// Where somebody who comes back goes on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    /// Who it is.
    pub(crate) recipient: Recipient,
    /// The first event that it gets.
    next: Seq,
    /// How many lines before that are forgotten that were for it.
    missed: u64,
}

impl Room {
    /// Tells a program its name and what it takes to resume. From there on it may get all again.
    pub(super) fn make_resumable(
        &mut self,
        name: &Name,
        connection: &Arc<Connection>,
        taken: u64,
    ) -> Resumable {
        let (token, since) = (random_bits().map(Token::new), self.transcript.end());
        if let Some(token) = token {
            self.answer(connection.id(), Format::Tagged, Body::Token(token));
        }
        self.answer(connection.id(), Format::Tagged, Body::Nick(name.as_str()));
        let (connection, waiting) = (Some(Arc::clone(connection)), WaitingLines::default());
        Resumable { token, since, taken, connection, waiting }
    }

    /// Gives a member the tagged form from now on.
    pub(crate) fn tag(
        &mut self,
        id: MemberId,
        name: &Name,
        connection: &Arc<Connection>,
        taken: u64,
    ) {
        self.effects.taggings.push((connection.id(), self.transcript.end()));
        let resumable = self.make_resumable(name, connection, taken);
        if let Some(member) = self.members.get_mut(&id) {
            member.resumable = Some(resumable);
        }
    }

    fn resumable(&mut self, member: MemberId) -> Option<&mut Resumable> {
        self.members.get_mut(&member)?.resumable.as_mut()
    }

    /// Whether this connection speaks for the member, which gets the tagged form. If it does, so many of the
    /// member's lines are taken now, if that is told. If it does not, another connection has been told how
    /// many were, and nothing more of this one may be said.
    pub(crate) fn speaks(
        &mut self,
        member: MemberId,
        connection: ConnectionId,
        taken: Option<u64>,
    ) -> bool {
        let Some(resumable) = self.resumable(member) else { return false };
        let speaks = resumable.connection.as_ref().is_some_and(|it| it.id() == connection);
        if speaks {
            resumable.taken = taken.unwrap_or(resumable.taken);
        }
        speaks
    }

    /// Takes its connection from a member that may come back, so that nothing more of what that one
    /// brings is said. It is served what was appended until now.
    pub(crate) fn detach(&mut self, member: MemberId) -> Option<Arc<Connection>> {
        let connection = self.resumable(member)?.connection.take()?;
        self.effects.departures.push((connection.id(), self.transcript.end()));
        Some(connection)
    }

    /// Counts the time until a member that has no connection must be back.
    pub(crate) fn mark_disconnected(&mut self, member: MemberId, from: Origin) {
        let is_detached = |member: &mut Resumable| member.connection.is_none();
        if self.resumable(member).is_some_and(is_detached) {
            self.disconnected.remove(member);
            self.disconnected.add(member, from, instant());
        }
    }

    /// Where the member goes on that was given the token, if it has all events up to `seen`.
    pub(crate) fn place_to_resume(
        &mut self,
        token: Token,
        seen: Seq,
    ) -> Result<Place, Refusal<'static>> {
        let (member, since) = self.holder(token).ok_or(Refusal::UnknownToken)?;
        let end = self.transcript.end();
        if seen >= end {
            return Err(Refusal::NoSuchEvent(seen));
        }
        let recipient = Recipient { member, format: Format::Tagged };
        let next = since.max(seen + 1);
        let missed = self.transcript.evicted(member, next).ok_or(Refusal::Forgotten(seen))?;
        Ok(Place { recipient, next: next.max(self.transcript.oldest()), missed })
    }

    /// Gives the member another connection, and tells that one where it is. The values are its name
    /// and how many of its lines were taken.
    pub(crate) fn readmit(&mut self, place: Place, connection: &Arc<Connection>) -> (Name, u64) {
        let (id, connection) = (place.recipient.member, Arc::clone(connection));
        self.disconnected.remove(id);
        let member = self.members.get_mut(&id).expect("whoever has a place to resume is here");
        let name = member.name.clone();
        let resumable = member.resumable.as_mut().expect("and may resume");
        resumable.connection = Some(Arc::clone(&connection));
        resumable.waiting = WaitingLines::default();
        let taken = resumable.taken;
        let mut greeting = String::new();
        let mut tell = |line: String| {
            greeting += &tag(Format::Tagged, None, now());
            greeting += &line;
            greeting.push('\n');
        };
        tell(Notice::WelcomeBack(&name).to_string());
        tell(Body::Resumed(taken).to_string());
        tell(Body::Nick(name.as_str()).to_string());
        if place.missed > 0 {
            tell(Notice::Missed(place.missed, Missing::Away).to_string());
        }
        let (recipient, from) = (place.recipient, place.next);
        let offset = self.transcript.offset(from);
        self.effects.arrivals.push(Arrival { recipient, connection, greeting, from, offset });
        (name, taken)
    }

    /// Parts with those who were disconnected for too long, or are too many.
    pub(crate) fn part_with_disconnected(&mut self) -> Vec<Name> {
        let mut gone = Vec::new();
        while let Some(id) = self.disconnected.take(instant(), self.max_disconnected) {
            if let Some(member) = self.members.remove(&id) {
                self.on_left(&member.name, member.likeness);
                let notice = Notice::Left(&member.name, LeaveReason::ConnectionLost);
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
    pub(crate) fn is_connected(&self, token: Token) -> bool {
        let member = self.holder(token).and_then(|(member, _)| self.members.get(&member));
        member.is_some_and(Member::may_be_taken_over)
    }

    /// Whether anybody here could resume over another connection.
    pub(crate) fn has_connected_resumable(&self) -> bool {
        self.members.values().any(Member::may_be_taken_over)
    }

    /// The member that was given this token, and the first event that it may get.
    fn holder(&self, token: Token) -> Option<(MemberId, Seq)> {
        self.members.iter().find_map(|(&id, member)| {
            let resumable = member.resumable.as_ref()?;
            (resumable.token == Some(token)).then_some((id, resumable.since))
        })
    }
}
