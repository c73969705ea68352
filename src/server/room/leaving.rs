//! How members leave, and what stays known of the last of them. Pure.

use std::net::IpAddr;

use super::entry::{Author, Outcome};
use super::join_notices::Move;
use super::members::member::Member;
use super::{Change, Room};
use crate::protocol::name::{Likeness, Name};
use crate::protocol::proof::KeyHash;
use crate::protocol::reply::{LeaveReason, Notice};
use crate::protocol::tag::{Body, Format};
use crate::server::audience::MemberId;

/// How many members that have left are remembered, to be told apart from names that nobody had.
pub(super) const MOST_GONE: usize = 20;

/// A member that has left.
#[derive(Debug)]
pub(super) struct Gone {
    /// The name that it had.
    pub(super) name: Name,
    /// What that looks like.
    pub(super) likeness: Likeness,
    /// The key that it had proved to own.
    pub(super) key: Option<KeyHash>,
    /// Where it was from, if that says anything.
    pub(super) address: Option<IpAddr>,
}

impl Change<'_> {
    /// Takes a member out that leaves. Its connection is served what was appended until now.
    pub(super) fn leave(&mut self, by: Author, how: LeaveReason<'_>) -> Outcome {
        let is_muted = self.why_muted(by.member).is_some();
        let how = match how {
            LeaveReason::Quit(_) if is_muted => LeaveReason::Quit(""),
            how => how,
        };
        if let LeaveReason::Quit(_) = how {
            self.letters_are_seen(by.member);
        }
        let format = self.room.members.get(by.member).map(Member::format);
        if self.answers.is_some() && format == Some(Format::Tagged) {
            self.answer(by.connection, Format::Tagged, Body::Done);
        }
        self.effects.detach(by.connection, self.room.transcript.end());
        self.part(by.member, how);
        Outcome::Done
    }

    /// Takes a member out, and tells the others.
    pub(super) fn part(&mut self, id: MemberId, how: LeaveReason<'_>) -> Option<Member> {
        self.note_visit(id);
        let member = self.room.members.remove(id)?;
        self.room.on_changed(id);
        self.room.on_left(&member);
        self.tell_move(Move::Leave, id, Notice::Left(member.name(), how));
        Some(member)
    }
}

impl Room {
    /// Remembers a member that has left.
    pub(super) fn on_left(&mut self, member: &Member) {
        self.on_name_given_up(member.name());
        if self.gone.len() == MOST_GONE {
            self.gone.pop_front();
        }
        self.gone.push_back(Gone {
            name: member.name().clone(),
            likeness: member.likeness().clone(),
            key: member.key,
            address: member.whence.address,
        });
    }
}
