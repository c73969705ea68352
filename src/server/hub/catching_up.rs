//! What has become of this server's connections in a part of the log that it has not read, since that was trimmed past
//! it: nobody can say it any more but the room as it is behind that. The log's reader calls it, with the lock held.
//!
//! Answers and outcomes in that part are gone. A connection that speaks for the same member as before is told what its
//! client has to know of itself; one that does not is hung up on, so that its client resumes, or joins anew.

use std::collections::BTreeMap;

use super::Shared;
use super::log::reading::ToDo;
use crate::protocol::reply::{LeaveReason, Missing, Notice};
use crate::protocol::tag::{Body, Format, Seq};
use crate::server::connection::ConnectionId;
use crate::server::rendering::answer_tag;
use crate::server::room::Room;
use crate::server::room::effects::Aside;
use crate::server::room::entry::Outcome;
use crate::server::room::group::{Act, Logged};
use crate::server::room::members::member::SpokenFor;
use crate::server::system::{instant, now};

/// How this server's connections stood when it had read the log last.
#[derive(Debug)]
pub(super) struct Before {
    /// For whom each of them spoke, if for anybody, by their numbers.
    spoken_for: BTreeMap<u32, Option<SpokenFor>>,
    /// The number that the next member would have got.
    next_member: u64,
    /// The number that the next event would have had: nobody here was sent one from there on.
    pub(super) end: Seq,
}

impl Before {
    /// Whether that connection spoke for a member.
    pub(super) fn is_member(&self, number: u32) -> bool {
        self.spoken_for.get(&number).is_some_and(Option::is_some)
    }
}

impl Shared {
    /// How this server's connections stand now.
    pub(super) fn before_catching_up(&self) -> Before {
        let awaited = self.log.iter().flat_map(|log| log.awaited.keys().copied());
        let numbers = self.connections.keys().map(|id| id.number).chain(awaited);
        let spoken_for = numbers.map(|number| (number, self.spoken_for(number))).collect();
        let end = self.room.transcript().end();
        Before { spoken_for, next_member: self.room.numbers().member, end }
    }

    /// Tells those clients of lines that nobody can read here any more which go on over their connections in the room that
    /// is to take the place of this one. The others resume, and get those lines elsewhere, or are told then.
    pub(super) fn tell_of_unread_lines(
        &mut self,
        lines: u64,
        before: &Before,
        (room, is_dead): (&Room, bool),
    ) {
        let producer = self.effects.producer;
        let now_spoken_for = |number| room.spoken_for(ConnectionId { producer, number });
        for (&number, before) in &before.spoken_for {
            let id = ConnectionId::local(number);
            // Those of a server that was taken for dead join again.
            let is_plain = self.log.as_ref().is_some_and(|log| log.is_plain(id));
            let stays = match (before, now_spoken_for(number)) {
                _ if is_dead => is_plain,
                (Some(before), Some(now)) => before.is_as(&now),
                (None, None) => is_plain,
                _ => false,
            };
            if stays {
                let format = before.as_ref().map_or(Format::Plain, |before| before.format);
                let tag = answer_tag(format, None, now());
                let notice = Notice::Missed(lines, Missing::ServerTooSlow);
                self.aside(id, Aside::Lines(format!("{tag}{notice}\n")));
            }
        }
    }

    fn spoken_for(&self, number: u32) -> Option<SpokenFor> {
        self.room.spoken_for(ConnectionId { producer: self.effects.producer, number })
    }

    /// The room has gone on, past what nobody can read any more.
    pub(super) fn settle_unread(&mut self, before: Before, to_do: &mut ToDo) {
        let producer = self.effects.producer;
        let own = self.room.log().and_then(|log| log.producer(producer));
        let (Some(last), Some(log)) = (own.map(|own| own.last), &mut self.log) else { return };
        log.outbox.on_read_back(last);
        log.liveness.on_return(instant());
        let Before { spoken_for, next_member, end } = before;
        for (number, before) in spoken_for {
            let now = self.spoken_for(number);
            let is_renamed = self.tell_of_itself(number, before.as_ref(), now.as_ref());
            let outcome = if is_renamed { Outcome::Receipted } else { Outcome::Ignored };
            let is_lost = self.log.as_mut().is_some_and(|log| log.give_up(number, outcome));
            let is_same = match (&before, &now) {
                (Some(before), Some(now)) => before.is_as(now),
                (None, None) => !is_lost,
                _ => false,
            };
            if !is_same {
                self.part_with_connection(number, now, next_member);
                let id = ConnectionId::local(number);
                to_do.taken_over.extend(self.connections.get(&id).cloned());
                self.effects.detached.push((id, end));
            }
        }
    }

    /// Tells a client what has come of its lines and of its name, where its member is the same as before. Whether it has
    /// another name.
    fn tell_of_itself(
        &mut self,
        number: u32,
        before: Option<&SpokenFor>,
        after: Option<&SpokenFor>,
    ) -> bool {
        let (Some(before), Some(after)) = (before, after) else { return false };
        if !before.is_as(after) {
            return false;
        }
        let (format, id) = (after.format, ConnectionId::local(number));
        let line = |answers| answer_tag(format, answers, now());
        let mut lines = String::new();
        let is_renamed = before.name != after.name;
        if is_renamed {
            lines += &format!("{}{}\n", line(None), Notice::YouAreNow(&after.name));
            self.on_renamed(id, &after.name);
        }
        if format == Format::Tagged {
            if is_renamed {
                lines += &format!("{}{}\n", line(None), Body::Nick(after.name.as_str()));
            }
            if before.taken < after.taken {
                lines += &format!("{}{}\n", line(Some(after.taken)), Body::Done);
            }
        }
        if !lines.is_empty() {
            self.aside(id, Aside::Lines(lines));
        }
        is_renamed
    }

    /// Has a connection speak for nobody. A member that is known by its token is disconnected; nobody knows that of one
    /// that has joined since.
    fn part_with_connection(&mut self, number: u32, after: Option<SpokenFor>, next_member: u64) {
        let Some(after) = after else { return };
        let is_new = after.id.0 >= next_member;
        let act = if is_new { Act::Leave(LeaveReason::ConnectionLost) } else { Act::Lost };
        let gone = Logged { connection: number, line: 0, act };
        self.log.iter_mut().for_each(|log| log.outbox.propose(&gone));
    }
}
