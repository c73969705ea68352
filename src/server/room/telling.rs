//! What an entry tells: all in the room, by an event, or the connections of this server alone. Pure.

use std::fmt::Display;

use super::Change;
use super::effects::answer;
use super::entry::{Author, Outcome};
use super::join_notices::Move;
use super::members::member::Member;
use crate::protocol::reply::{Notice, OrderNotice, Refusal};
use crate::protocol::tag::Format;
use crate::protocol::text::make_safe;
use crate::server::audience::{Audience, Envelope, Kind, MemberId};
use crate::server::connection::ConnectionId;

impl Change<'_> {
    /// Tells all what the operator at the server's keyboard says.
    pub(super) fn tell_all(&mut self, text: &str) -> Outcome {
        if self.room.is_closed {
            return Outcome::Ignored;
        }
        self.tell(Audience::All, Notice::Order(OrderNotice::Says(text)));
        Outcome::Done
    }

    /// Tells every connection something that is no event: it is about this server alone.
    pub(super) fn announce(&mut self, notice: Notice<'_>) {
        self.announce_to(notice, |_| true);
    }

    /// The same for the connections of some members.
    pub(super) fn announce_to(&mut self, notice: Notice<'_>, is_told: impl Fn(MemberId) -> bool) {
        let connected = |member: &Member| Some((member.connection()?, member.format()));
        let members = self.room.members.entries().filter(|(id, _)| is_told(*id));
        let readers: Vec<_> = members.filter_map(|(_, member)| connected(member)).collect();
        for (connection, format) in readers {
            self.answer(connection, format, notice);
        }
    }

    /// Tells the others that a member has come or gone: programs each by name, and people together with more of them
    /// if there are many.
    pub(super) fn tell_move(&mut self, what: Move, member: MemberId, notice: Notice<'_>) {
        let is_told = self.room.join_notices.tells(what, self.stamp.elapsed);
        let audience = if is_told { Audience::AllBut(member) } else { Audience::Programs };
        self.tell(audience, notice);
    }

    /// Appends a notice.
    pub(super) fn tell(&mut self, audience: Audience, line: impl Display) {
        self.push(Envelope::new(audience, Kind::Passing), line);
    }

    /// Appends an event, unless the last word has been said.
    pub(super) fn push(&mut self, envelope: Envelope, line: impl Display) {
        if self.room.is_closed {
            return;
        }
        if self.room.log.is_some() {
            // Whoever can write to the log may write anything.
            let line = line.to_string();
            self.room.transcript.push(envelope, make_safe(line.as_bytes()), self.stamp.at);
        } else {
            self.room.transcript.push(envelope, line, self.stamp.at);
        }
    }

    pub(super) fn refuse(&mut self, by: Author, refusal: &Refusal<'_>) {
        let Some(member) = self.room.members.get(by.member) else { return };
        self.answer(by.connection, member.format(), refusal);
    }

    /// Answers a connection that gets its lines in this format, unless the last word has been said.
    pub(super) fn answer(&mut self, connection: ConnectionId, format: Format, line: impl Display) {
        if !self.room.is_closed {
            let answers = self.answers.filter(|(asking, _)| *asking == connection);
            let lines = answer(format, answers.map(|(_, line)| line), line, self.stamp.at);
            self.effects.tell(connection, self.room.transcript.end(), lines);
        }
    }
}
