//! Whose a name is: who may have it, and when it becomes somebody's own. Pure.

use std::time::Duration;

use super::entry::{Author, Credentials, Encryption, NoName, Outcome};
use super::people::facts::FactKey;
use super::people::invitations::{CodeHash, Invitation};
use super::people::owners::{MOST_NAMES, MOST_OF_A_KEY, Owner};
use super::{Change, Offer, Room};
use crate::protocol::name::{Likeness, Name};
use crate::protocol::proof::KeyHash;
use crate::protocol::reply::{CONSOLE, NameNotice, NameRefusal, Notice, OrderRefusal, Refusal};
use crate::protocol::tag::Millis;
use crate::server::audience::MemberId;

/// What a room gives a member for whose name it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Standing {
    /// The member owns the name that it has, and has proved that.
    pub(super) is_owner: bool,
    /// The owner is an operator.
    pub(super) is_operator: bool,
}

impl Credentials {
    /// Whether they show somebody to be the owner of the name that is asked for.
    pub(super) fn show(&self, owner: &Owner) -> bool {
        self.has_password || (self.key.is_some() && self.key == owner.key)
    }
}

impl Room {
    /// The password's hash by which one owns this name, if it has one.
    pub(crate) fn password_of(&self, likeness: &Likeness) -> Option<Box<str>> {
        self.people.owners.get(likeness.folded())?.password.clone()
    }

    /// Whether the owner of a key has been let in before.
    pub(crate) fn has_let_in(&self, key: KeyHash) -> bool {
        self.people.has_let_in(key)
    }

    /// Whether anybody has been let in before.
    pub(crate) fn has_let_in_anybody(&self) -> bool {
        self.people.invitations.has_any()
            || self.people.owners.iter().any(|owner| owner.is_invited || owner.is_operator)
    }

    /// Whether the owner of a name has been let in before.
    pub(crate) fn has_let_in_owner_of(&self, likeness: &Likeness) -> bool {
        self.people.owners.get(likeness.folded()).is_some_and(|owner| owner.is_invited)
            || self.people.is_operator(likeness)
    }

    /// Whether a code is one by which an operator's name may be claimed.
    pub(crate) fn claims_name(&self, code: CodeHash) -> bool {
        self.operator_codes.contains_key(&code)
    }

    /// The operators' names of the options that nobody owns.
    pub(crate) fn unclaimed(&self) -> Vec<Name> {
        self.people.unclaimed()
    }

    /// Whether everybody may come in.
    pub(crate) fn is_open_to_all(&self) -> bool {
        self.entrance.is_open()
    }

    /// Whether a member is an operator.
    pub(crate) fn is_operator(&self, id: MemberId) -> bool {
        self.members.get(id).is_some_and(|member| member.standing.is_operator)
    }

    /// Whether nobody in the room has this owner's name.
    fn is_absent(&self, owner: &Owner) -> bool {
        self.members.holder_of(owner.likeness()).is_none()
    }

    /// Whether a name may become free, whose owner has not been here for too long.
    fn is_stale(&self, owner: &Owner, now: Millis) -> bool {
        self.is_absent(owner) && self.people.is_stale(owner, now)
    }

    /// Where a member stands, by what it has shown.
    pub(super) fn standing_of(&self, id: MemberId) -> Standing {
        let Some(member) = self.members.get(id) else { return Standing::default() };
        let word = member.likeness().folded();
        let Some(owner) = self.people.owners.get(word) else { return Standing::default() };
        let by_key = owner.key.is_some() && owner.key == member.key;
        let is_owner = by_key || member.login.as_deref() == Some(word);
        let is_operator = is_owner && self.people.is_operator(member.likeness());
        Standing { is_owner, is_operator }
    }

    /// Finds out where a member stands, after something of that has changed.
    pub(super) fn judge(&mut self, id: MemberId) {
        let standing = self.standing_of(id);
        if let Some(member) = self.members.get_mut(id) {
            member.standing = standing;
        }
    }

    /// The same for whoever has a name.
    pub(super) fn judge_holder(&mut self, likeness: &Likeness) {
        if let Some(holder) = self.members.holder_of(likeness) {
            self.judge(holder);
        }
    }
}

impl Change<'_> {
    /// Why somebody cannot have a name that no other member has; `None` if nothing is against it.
    pub(super) fn why_not(
        &mut self,
        likeness: &Likeness,
        credentials: &Credentials,
        encryption: Encryption,
    ) -> Option<NoName> {
        self.release_stale(likeness);
        let people = &self.room.people;
        match people.owners.alike(likeness) {
            Some(owner) if owner.word() == likeness.folded() && credentials.show(owner) => None,
            Some(_) => Some(NoName::Owned),
            None if people.is_for_operator(likeness) => {
                let codes = &self.room.operator_codes;
                let has_code =
                    |code| codes.get(&code).is_some_and(|it| it.word == likeness.folded());
                let may_claim =
                    encryption == Encryption::Loopback || credentials.code.is_some_and(has_code);
                (!may_claim).then_some(NoName::ForOperator)
            }
            None => None,
        }
    }

    /// Frees a name, or one that looks like it, whose owner has not been here for too long.
    fn release_stale(&mut self, likeness: &Likeness) {
        let Some(owner) = self.room.people.owners.alike(likeness) else { return };
        if self.room.is_stale(owner, self.stamp.at) {
            let word = owner.word().to_owned();
            self.room.people.release(&word);
        }
    }

    /// Notes that the owner of a member's name is here now.
    pub(super) fn note_visit(&mut self, id: MemberId) {
        let Some(member) = self.room.members.get(id) else { return };
        if member.standing.is_owner {
            let (word, now) = (member.likeness().folded().to_owned(), self.stamp.at);
            self.room.people.change_owner(&word, |owner| owner.seen = now);
        }
    }

    /// Makes a member's name its own, if its key may own one more and the name is nobody's. It is called
    /// when the member says its first line under that name.
    pub(super) fn claim(&mut self, id: MemberId) {
        let Some(member) = self.room.members.get_mut(id) else { return };
        member.may_claim = false;
        let (Some(key), Some(connection)) = (member.key, member.connection()) else { return };
        let (name, likeness, format) =
            (member.name().clone(), member.likeness().clone(), member.format());
        let is_let_in = member.is_let_in;
        if likeness.is_guests() {
            return;
        }
        self.release_stale(&likeness);
        if self.room.people.owners.alike(&likeness).is_some() || !self.has_room_for_names() {
            return;
        }
        let Some(freed) = self.make_room_for_name(key) else { return };
        if let Some(freed) = freed {
            let notice = Notice::Name(NameNotice::FreeAgain(&freed));
            self.answer(connection, format, notice);
        }
        self.room.operator_codes.retain(|_, offer| offer.word != likeness.folded());
        let mut owner =
            Owner::new((name.clone(), likeness.clone()), Some(key), None, self.stamp.at);
        owner.is_invited = is_let_in;
        self.room.people.own(owner);
        self.room.judge(id);
        let outlives = self.room.keeping.is_some() || self.room.log.is_some();
        let tenure = self.room.people.tenure(outlives);
        let notice = Notice::Name(NameNotice::Owned { name: &name, tenure });
        self.answer(connection, format, notice);
    }

    /// Sees to it that a key may own one more name: of too many, the one goes that was unused for longest, which is
    /// the value. `None` if none can go: no name goes whose owner is here under it.
    fn make_room_for_name(&mut self, key: KeyHash) -> Option<Option<Name>> {
        let owners = &self.room.people.owners;
        if owners.of_key(key).count() >= MOST_OF_A_KEY {
            let is_absent = |owner: &&Owner| self.room.is_absent(owner);
            let unused = owners.of_key(key).filter(is_absent).min_by_key(|owner| owner.seen);
            let (word, name) = unused.map(|owner| (owner.word().to_owned(), owner.name.clone()))?;
            self.room.people.release(&word);
            return Some(Some(name));
        }
        Some(None)
    }

    /// Whether one more name may be owned in the room, once those are free whose owners have not been here for
    /// too long.
    fn has_room_for_names(&mut self) -> bool {
        if self.room.people.owners.count() < MOST_NAMES {
            return true;
        }
        let is_stale = |owner: &&Owner| self.room.is_stale(owner, self.stamp.at);
        let stale = self.room.people.owners.iter().filter(is_stale);
        let stale: Vec<_> = stale.map(|owner| owner.word().to_owned()).collect();
        stale.iter().for_each(|word| self.room.people.release(word));
        self.room.people.owners.count() < MOST_NAMES
    }

    /// Makes the name that a member has its own by a password, or adds one.
    pub(super) fn register(&mut self, by: Author, password: &str) -> Outcome {
        let Some(member) = self.room.members.get(by.member) else { return Outcome::Ignored };
        let (name, likeness, format) =
            (member.name().clone(), member.likeness().clone(), member.format());
        let (key, is_let_in) = (member.key, member.is_let_in);
        if likeness.is_guests() {
            self.refuse(by, &Refusal::Name(NameRefusal::Guest(&name)));
            return Outcome::Done;
        }
        self.release_stale(&likeness);
        let word = likeness.folded();
        match self.room.people.owners.alike(&likeness) {
            Some(_) if member_owns(self.room, by.member) => {
                self.room.people.change_owner(word, |owner| owner.password = Some(password.into()));
            }
            Some(_) => {
                self.refuse(by, &Refusal::Name(NameRefusal::Owned(&name)));
                return Outcome::Done;
            }
            None => {
                // A password owns as well as a key: nothing of the key's goes for it.
                let is_full =
                    |key: &KeyHash| self.room.people.owners.of_key(*key).count() >= MOST_OF_A_KEY;
                let key = key.filter(|key| !is_full(key));
                if !self.has_room_for_names() {
                    self.refuse(by, &Refusal::Name(NameRefusal::NoMoreNames));
                    return Outcome::Done;
                }
                let now = self.stamp.at;
                self.room.operator_codes.retain(|_, offer| offer.word != word);
                let mut owner =
                    Owner::new((name.clone(), likeness.clone()), key, Some(password.into()), now);
                owner.is_invited = is_let_in;
                self.room.people.own(owner);
            }
        }
        if let Some(member) = self.room.members.get_mut(by.member) {
            (member.login, member.may_claim) = (Some(word.to_owned()), false);
        }
        self.room.on_changed(by.member);
        self.room.judge(by.member);
        self.answer(by.connection, format, Notice::Name(NameNotice::Protected(&name)));
        Outcome::Done
    }

    /// Takes a password's hash for one that was made with older parameters.
    pub(super) fn renew_password(&mut self, word: &str, password: &str) -> Outcome {
        self.room.people.change_owner(word, |owner| owner.password = Some(password.into()));
        Outcome::Done
    }

    /// Gives up the name that a member has and owns.
    pub(super) fn unregister(&mut self, by: Author) -> Outcome {
        let Some(member) = self.room.members.get_mut(by.member) else { return Outcome::Ignored };
        let (name, format) = (member.name().clone(), member.format());
        if !member.standing.is_owner {
            self.refuse(by, &Refusal::Name(NameRefusal::NotYours(&name)));
            return Outcome::Done;
        }
        (member.login, member.may_claim) = (None, false);
        let word = member.likeness().folded().to_owned();
        self.room.on_changed(by.member);
        self.room.people.release(&word);
        self.room.judge(by.member);
        self.answer(by.connection, format, Notice::Name(NameNotice::FreeAgain(&name)));
        Outcome::Done
    }

    /// Lets whoever gives this code claim an operator's name.
    pub(super) fn offer_name(&mut self, word: String, code: CodeHash) -> Outcome {
        let offer = Offer { word, producer: self.via };
        self.room.operator_codes.insert(code, offer);
        Outcome::Done
    }

    /// Uses a code up. Whoever shows a key with it is let in from now on.
    pub(super) fn pass(&mut self, code: CodeHash, key: Option<KeyHash>) -> Outcome {
        if self.room.operator_codes.contains_key(&code) {
            return Outcome::Done;
        }
        if self.room.people.invitations.get(&code).is_none() {
            return Outcome::Refused(Refusal::Name(NameRefusal::WrongSecret));
        }
        self.room.people.note(FactKey::Invitation(code));
        if !self.room.people.invitations.use_up(code, self.stamp.at) {
            return Outcome::Refused(Refusal::Name(NameRefusal::WrongSecret));
        }
        if let Some(key) = key {
            self.room.people.invitations.let_in(key);
            self.room.people.note(FactKey::LetIn(key));
        }
        Outcome::Done
    }

    /// Adds a code for whoever is at the server's own keyboard.
    pub(super) fn invite_by_console(&mut self, code: CodeHash, time: Duration) -> Outcome {
        if self.room.entrance.is_open() {
            return Outcome::Refused(Refusal::Name(NameRefusal::OpenToAll));
        }
        self.add_invitation(code, time, CONSOLE);
        Outcome::Done
    }

    fn add_invitation(&mut self, code: CodeHash, time: Duration, by: &str) {
        let until = self.stamp.at.saturating_add(time.as_millis().try_into().unwrap_or(i64::MAX));
        self.room.people.expire(self.stamp.at);
        self.room.people.invitations.add(code, Invitation { until, by: by.into() });
        self.room.people.note(FactKey::Invitation(code));
    }

    /// Gives a member a code that lets one person in.
    pub(super) fn invite(
        &mut self,
        by: Author,
        (code, text): (CodeHash, Option<&str>),
        time: Duration,
    ) -> Outcome {
        let Some(member) = self.room.members.get(by.member) else { return Outcome::Ignored };
        let (name, format, standing) = (member.name().clone(), member.format(), member.standing);
        let refusal = if self.room.entrance.is_open() {
            Some(Refusal::Name(NameRefusal::OpenToAll))
        } else if self.room.entrance.operators_invite && !standing.is_operator {
            Some(Refusal::Order(OrderRefusal::OperatorsOnly))
        } else if !standing.is_owner {
            Some(Refusal::Name(NameRefusal::OwnersInvite))
        } else {
            None
        };
        if let Some(refusal) = refusal {
            self.refuse(by, &refusal);
            return Outcome::Done;
        }
        self.add_invitation(code, time, name.as_str());
        // The server over which it was asked for knows it.
        let known = self.effects.take_code(code);
        if let Some(code) = text.or(known.as_deref()) {
            let notice = Notice::Name(NameNotice::Code { code, within: time });
            self.answer(by.connection, format, notice);
        }
        Outcome::Done
    }
}

fn member_owns(room: &Room, id: MemberId) -> bool {
    room.standing_of(id).is_owner
}
