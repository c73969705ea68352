//! Whose a name is, who may come in, and who keeps order, as facts: what a room knows of people who may not be
//! here. Pure.
//!
//! Each fact has a key, and whoever changes one notes the key, so that a history is told of exactly that. What
//! follows from the facts for members is decided elsewhere (`names`, `order`, `letters`).

use std::collections::BTreeSet;
use std::time::Duration;

use crate::protocol::name::{Likeness, Name};
use crate::protocol::proof::KeyHash;
use crate::protocol::reply::Tenure;
use crate::protocol::tag::Millis;
use crate::server::config::Config;
use facts::{Fact, FactKey};
use invitations::Invitations;
use letters::Letters;
use owners::{MOST_NAMES, MOST_OF_A_KEY, Owner, Owners};
use sanctions::{Person, Sanction, Sanctions};

pub(crate) mod facts;
pub(crate) mod invitations;
pub(crate) mod letters;
pub(crate) mod owners;
pub(crate) mod sanctions;
#[cfg(test)]
mod tests;

/// What the room knows of people.
#[derive(Debug)]
pub(crate) struct People {
    /// Who owns which name.
    pub(super) owners: Owners,
    /// Who is kept out.
    pub(super) bans: Sanctions,
    /// Who cannot speak.
    pub(super) mutes: Sanctions,
    /// Codes that let somebody in, and who was let in by one.
    pub(super) invitations: Invitations,
    /// Private lines that wait for somebody who is not here.
    pub(super) letters: Letters,
    /// What newcomers see first; empty for nothing.
    pub(super) topic: Box<str>,
    /// The names that operators have by the server's options.
    operators: Vec<(Name, Likeness)>,
    /// For how long a name stays one's own after the last visit; `None` is for ever.
    keep_names: Option<Duration>,
    /// Which facts have changed since a history was told of them.
    changed: BTreeSet<FactKey>,
}

impl People {
    pub(super) fn new(config: &Config) -> People {
        let with_likeness = |name: &Name| (name.clone(), name.likeness());
        People {
            owners: Owners::default(),
            bans: Sanctions::default(),
            mutes: Sanctions::default(),
            invitations: Invitations::default(),
            letters: Letters::default(),
            topic: Box::default(),
            operators: config.operators.iter().map(with_likeness).collect(),
            keep_names: config.keep_names,
            changed: BTreeSet::new(),
        }
    }

    /// Takes up a fact that a history has.
    pub(super) fn restore(&mut self, key: FactKey, fact: Fact) {
        match (key, fact) {
            (FactKey::Owner(_), Fact::Owner(owner)) => self.owners.insert(owner),
            (FactKey::Ban(id), Fact::Sanction(sanction)) => self.bans.restore(id, sanction),
            (FactKey::Mute(id), Fact::Sanction(sanction)) => self.mutes.restore(id, sanction),
            (FactKey::Invitation(code), Fact::Invitation(invitation)) => {
                self.invitations.restore(code, invitation);
            }
            (FactKey::LetIn(key), Fact::LetIn) => self.invitations.let_in(key),
            (FactKey::Letter(id), Fact::Letter(letter)) => self.letters.restore(id, letter),
            (FactKey::Topic, Fact::Topic(topic)) => self.topic = topic,
            // A key of one kind with a fact of another is in no file that this program has written.
            _ => {}
        }
    }

    /// Takes up a fact that another server has known, if nothing that is known is against it and it is not over. Under
    /// which key it is known now.
    pub(super) fn adopt(&mut self, key: &FactKey, fact: &Fact, now: Millis) -> Option<FactKey> {
        match (key, fact) {
            (FactKey::Owner(_), Fact::Owner(owner)) => self.adopt_owner(owner),
            (FactKey::Ban(_), Fact::Sanction(it)) => self.bans.adopt(it, now).map(FactKey::Ban),
            (FactKey::Mute(_), Fact::Sanction(it)) => self.mutes.adopt(it, now).map(FactKey::Mute),
            (FactKey::Invitation(code), Fact::Invitation(invitation)) => {
                let is_new = self.invitations.get(code).is_none() && invitation.until > now;
                is_new.then(|| self.invitations.add(*code, invitation.clone()))?;
                Some(key.clone())
            }
            (FactKey::LetIn(owners), Fact::LetIn) => {
                (!self.invitations.has_let_in(*owners))
                    .then(|| self.invitations.let_in(*owners))?;
                Some(key.clone())
            }
            (FactKey::Letter(_), Fact::Letter(it)) => self.letters.adopt(it).map(FactKey::Letter),
            (FactKey::Topic, Fact::Topic(topic)) => {
                self.topic.is_empty().then(|| self.topic = topic.clone())?;
                Some(FactKey::Topic)
            }
            _ => None,
        }
    }

    /// Forgets a fact, if it is known as it is here and may be forgotten so. Whether it was.
    pub(super) fn drop_fact(&mut self, key: &FactKey, fact: &Fact) -> bool {
        let is_known = key.can_be_dropped() && self.fact(key).as_ref() == Some(fact);
        if is_known {
            match key {
                FactKey::Ban(id) => self.bans.drop(*id),
                FactKey::Mute(id) => self.mutes.drop(*id),
                FactKey::Invitation(code) => self.invitations.drop(*code),
                FactKey::Letter(id) => self.letters.drop(*id),
                FactKey::Topic => self.topic = Box::default(),
                FactKey::Owner(_) | FactKey::LetIn(_) => {}
            }
        }
        is_known
    }

    /// Whether a fact is known, under whichever number.
    pub(super) fn knows(&self, key: &FactKey, fact: &Fact) -> bool {
        self.fact(key).as_ref() == Some(fact)
            || match (key, fact) {
                (FactKey::Ban(_), Fact::Sanction(it)) => self.bans.knows(it),
                (FactKey::Mute(_), Fact::Sanction(it)) => self.mutes.knows(it),
                (FactKey::Letter(_), Fact::Letter(it)) => self.letters.knows(it),
                _ => false,
            }
    }

    fn adopt_owner(&mut self, owner: &Owner) -> Option<FactKey> {
        let is_it = |known: &Owner| known.word() == owner.word() && known.key == owner.key;
        if self.owners.alike(owner.likeness()).is_some_and(is_it) {
            self.owners.change(owner.word(), |known| known.learn(owner));
            return Some(FactKey::Owner(owner.word().to_owned()));
        }
        let has_enough = |key| self.owners.of_key(key).count() >= MOST_OF_A_KEY;
        let is_free = self.owners.alike(owner.likeness()).is_none()
            && self.owners.count() < MOST_NAMES
            && !owner.key.is_some_and(has_enough);
        is_free.then(|| self.owners.insert(owner.clone()))?;
        Some(FactKey::Owner(owner.word().to_owned()))
    }

    /// All that is known, in the order of the keys.
    pub(super) fn facts(&self) -> impl Iterator<Item = (FactKey, Fact)> {
        let owners = self.owners.iter().cloned();
        let owners = owners.map(|it| (FactKey::Owner(it.word().to_owned()), Fact::Owner(it)));
        let bans = self.bans.entries().map(|(id, it)| (FactKey::Ban(id), Fact::Sanction(it)));
        let mutes = self.mutes.entries().map(|(id, it)| (FactKey::Mute(id), Fact::Sanction(it)));
        let open = self.invitations.open();
        let open = open.map(|(code, it)| (FactKey::Invitation(code), Fact::Invitation(it)));
        let let_in = self.invitations.all_let_in().map(|key| (FactKey::LetIn(key), Fact::LetIn));
        let letters = self.letters.entries();
        let letters = letters.map(|(id, it)| (FactKey::Letter(id), Fact::Letter(it)));
        let topic = (!self.topic.is_empty()).then(|| Fact::Topic(self.topic.clone()));
        let topic = topic.map(|topic| (FactKey::Topic, topic));
        owners.chain(bans).chain(mutes).chain(open).chain(let_in).chain(letters).chain(topic)
    }

    /// Notes that a fact has changed.
    pub(super) fn note(&mut self, key: FactKey) {
        self.changed.insert(key);
    }

    /// What has changed since the last time, as it is now; `None` for what is no more.
    pub(super) fn take_changed(&mut self) -> Vec<(FactKey, Option<Fact>)> {
        let changed = std::mem::take(&mut self.changed);
        changed.into_iter().map(|key| (key.clone(), self.fact(&key))).collect()
    }

    fn fact(&self, key: &FactKey) -> Option<Fact> {
        match key {
            FactKey::Owner(word) => self.owners.get(word).cloned().map(Fact::Owner),
            FactKey::Ban(id) => self.bans.get(*id).cloned().map(Fact::Sanction),
            FactKey::Mute(id) => self.mutes.get(*id).cloned().map(Fact::Sanction),
            FactKey::Invitation(code) => self.invitations.get(code).cloned().map(Fact::Invitation),
            FactKey::LetIn(key) => self.invitations.has_let_in(*key).then_some(Fact::LetIn),
            FactKey::Letter(id) => self.letters.get(*id).cloned().map(Fact::Letter),
            FactKey::Topic => (!self.topic.is_empty()).then(|| Fact::Topic(self.topic.clone())),
        }
    }

    /// For how long a name stays one's own, as its owner is told.
    pub(super) fn tenure(&self, has_history: bool) -> Tenure {
        match (has_history, self.keep_names) {
            (false, _) => Tenure::UntilTheEnd,
            (true, Some(time)) => Tenure::WhileVisiting(time),
            (true, None) => Tenure::ForEver,
        }
    }

    /// Whether an owner has not been here for too long, at that time.
    pub(super) fn is_stale(&self, owner: &Owner, now: Millis) -> bool {
        self.keep_names.is_some_and(|keep| {
            now.saturating_sub(owner.seen) > i64::try_from(keep.as_millis()).unwrap_or(i64::MAX)
        })
    }

    /// Gives up a name.
    pub(super) fn release(&mut self, word: &str) {
        if self.owners.remove(word) {
            self.note(FactKey::Owner(word.to_owned()));
            for id in self.letters.forget_reader(word) {
                self.note(FactKey::Letter(id));
            }
        }
    }

    /// Changes what is known of the owner of a name.
    pub(super) fn change_owner(&mut self, word: &str, change: impl FnOnce(&mut Owner)) {
        if self.owners.change(word, change) {
            self.note(FactKey::Owner(word.to_owned()));
        }
    }

    /// Makes a name somebody's own.
    pub(super) fn own(&mut self, owner: Owner) {
        self.note(FactKey::Owner(owner.word().to_owned()));
        self.owners.insert(owner);
    }

    /// Whether the server's options make whoever owns a name like this one an operator.
    pub(super) fn is_for_operator(&self, likeness: &Likeness) -> bool {
        self.operators.iter().any(|(_, theirs)| theirs.is_like(likeness))
    }

    /// Whether the owner of this name is an operator.
    pub(super) fn is_operator(&self, likeness: &Likeness) -> bool {
        let by_option = || self.operators.iter().any(|(_, it)| it.is_same_word(likeness));
        self.owners.get(likeness.folded()).is_some_and(|owner| owner.is_operator || by_option())
    }

    /// The operators' names of the options that nobody owns.
    pub(super) fn unclaimed(&self) -> Vec<Name> {
        let is_free = |(_, it): &&(Name, Likeness)| self.owners.get(it.folded()).is_none();
        self.operators.iter().filter(is_free).map(|(name, _)| name.clone()).collect()
    }

    /// Whether the owner of a key has been let in before: with a code, or by name.
    pub(super) fn has_let_in(&self, key: KeyHash) -> bool {
        let is_let_in = |owner: &Owner| owner.is_invited || self.is_operator(owner.likeness());
        self.invitations.has_let_in(key) || self.owners.of_key(key).any(is_let_in)
    }

    /// The ban that keeps somebody out at that time, if there is one.
    pub(super) fn ban_of(&self, person: &Person<'_>, now: Millis) -> Option<&Sanction> {
        self.bans.of(person, now)
    }

    /// Forgets what has ended by that time.
    pub(super) fn expire(&mut self, now: Millis) {
        for id in self.bans.expire(now) {
            self.note(FactKey::Ban(id));
        }
        for id in self.mutes.expire(now) {
            self.note(FactKey::Mute(id));
        }
        for code in self.invitations.expire(now) {
            self.note(FactKey::Invitation(code));
        }
        for id in self.letters.expire(now) {
            self.note(FactKey::Letter(id));
        }
    }
}
