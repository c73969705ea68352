//! How a member takes another name. Pure.

use super::Change;
use super::entry::{Author, Credentials, NoName, Outcome};
use super::people::sanctions::Person;
use super::talk::muted;
use crate::protocol::name::{Likeness, Name};
use crate::protocol::reply::{Notice, OrderRefusal, Refusal};
use crate::protocol::tag::{Body, Format};

impl Change<'_> {
    pub(super) fn rename(
        &mut self,
        by: Author,
        (new, likeness): (&Name, Likeness),
        credentials: Credentials,
    ) -> Outcome {
        if self.room.is_closed {
            return Outcome::Ignored;
        }
        if let Some((left, mute)) = self.why_muted(by.member) {
            self.refuse(by, &muted(left, &mute));
            return Outcome::Ignored;
        }
        let person = Person { likeness: Some(&likeness), ..Person::default() };
        if let Some(ban) = self.room.people.ban_of(&person, self.stamp.at) {
            let (until, why) = (ban.until, ban.why.clone());
            let refusal = OrderRefusal::NameBanned { until, why: &why };
            self.refuse(by, &Refusal::Order(refusal));
            return Outcome::Ignored;
        }
        if let Some(why) = self.why_not_renamed(by, &likeness, &credentials) {
            self.refuse(by, &why.refusal(new));
            return Outcome::Ignored;
        }
        let Some(member) = self.room.members.get_mut(by.member) else { return Outcome::Ignored };
        let (old, format) = (member.name().clone(), member.format());
        if credentials.has_password {
            member.login = Some(likeness.folded().to_owned());
        }
        member.may_claim = credentials.may_claim && member.key.is_some() && old != *new;
        self.note_visit(by.member);
        self.room.members.rename(by.member, new.clone(), likeness);
        self.room.on_changed(by.member);
        self.room.judge(by.member);
        self.judge_mute_of_name(by.member);
        self.note_visit(by.member);
        if old != *new {
            self.room.on_name_given_up(&old);
            self.push(self.said(by), Notice::IsNow { old: &old, new });
            self.room.said += 1;
        }
        self.answer(by.connection, format, Notice::YouAreNow(new));
        if format == Format::Tagged {
            self.answer(by.connection, format, Body::Nick(new.as_str()));
        }
        self.deliver(by.member);
        if old == *new { Outcome::Done } else { Outcome::Receipted }
    }

    /// Why a member cannot have another name; `None` if nothing is against it. A disconnected session of the same
    /// owner, which has it, leaves.
    fn why_not_renamed(
        &mut self,
        by: Author,
        likeness: &Likeness,
        credentials: &Credentials,
    ) -> Option<NoName> {
        let member = self.room.members.get(by.member)?;
        let (encryption, key) = (member.whence.encryption, member.key);
        let credentials = Credentials { key, ..*credentials };
        let why = self.why_not(likeness, &credentials, encryption);
        if why.is_some() || self.room.members.is_free(likeness, Some(by.member)) {
            return why;
        }
        let Some(ghost) = self.ghost_of(likeness, &credentials) else {
            return Some(NoName::Taken);
        };
        self.room.disconnected.remove(ghost);
        self.part_with(ghost);
        None
    }
}
