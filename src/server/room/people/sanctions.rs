//! Who is kept out, and who cannot speak: by a key, by the network, or by the name alone. Pure.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::protocol::name::Likeness;
use crate::protocol::network::Network;
use crate::protocol::proof::KeyHash;
use crate::protocol::tag::Millis;

/// What an operator has decided about somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sanction {
    /// A name, an address or a network, as operators are shown it.
    pub(crate) whom: Box<str>,
    /// What that looks like.
    pub(crate) likeness: Likeness,
    /// Whoever proves to have this key.
    pub(crate) key: Option<KeyHash>,
    /// Whoever comes from there.
    pub(crate) network: Option<Network>,
    /// Whether it is for whoever is called so, or has a name that looks like it.
    pub(crate) is_of_name: bool,
    /// When it ends; `None` is never.
    pub(crate) until: Option<Millis>,
    /// Who has decided it.
    pub(crate) by: Box<str>,
    /// Why; it may be empty.
    pub(crate) why: Box<str>,
}

/// Somebody who may be sanctioned, as far as is known.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Person<'a> {
    /// The name.
    pub(crate) likeness: Option<&'a Likeness>,
    /// The key.
    pub(crate) key: Option<KeyHash>,
    /// Where the connection is from.
    pub(crate) address: Option<IpAddr>,
}

impl Sanction {
    fn is_over(&self, now: Millis) -> bool {
        self.until.is_some_and(|until| until <= now)
    }

    fn meets(&self, person: &Person<'_>) -> bool {
        let by_key = self.key.is_some() && self.key == person.key;
        let by_network =
            || self.network.zip(person.address).is_some_and(|(it, address)| it.contains(address));
        let by_name =
            || self.is_of_name && person.likeness.is_some_and(|name| self.likeness.is_like(name));
        by_key || by_network() || by_name()
    }
}

/// All sanctions of one kind.
#[derive(Debug, Default)]
pub(crate) struct Sanctions {
    /// By their numbers, and so in their order.
    by_id: BTreeMap<u64, Sanction>,
}

impl Sanctions {
    /// Adds one, and gives its number.
    pub(crate) fn add(&mut self, sanction: Sanction) -> u64 {
        let id = self.by_id.last_key_value().map_or(1, |(id, _)| id + 1);
        self.restore(id, sanction);
        id
    }

    /// Adds that of this number.
    pub(crate) fn restore(&mut self, id: u64, sanction: Sanction) {
        self.by_id.insert(id, sanction);
    }

    /// Adds one that another server has known, unless it is known or over. Its number here.
    pub(crate) fn adopt(&mut self, sanction: &Sanction, now: Millis) -> Option<u64> {
        let is_new = !sanction.is_over(now) && !self.knows(sanction);
        is_new.then(|| self.add(sanction.clone()))
    }

    /// Whether it is one of these.
    pub(crate) fn knows(&self, sanction: &Sanction) -> bool {
        self.by_id.values().any(|it| it == sanction)
    }

    /// All, with their numbers.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (u64, Sanction)> {
        self.by_id.iter().map(|(id, sanction)| (*id, sanction.clone()))
    }

    pub(crate) fn get(&self, id: u64) -> Option<&Sanction> {
        self.by_id.get(&id)
    }

    /// The one that holds for somebody at that time; of several, the one that ends last.
    pub(crate) fn of(&self, person: &Person<'_>, now: Millis) -> Option<&Sanction> {
        let holds = |it: &&Sanction| !it.is_over(now) && it.meets(person);
        let last = |it: &&Sanction| it.until.unwrap_or(Millis::MAX);
        self.by_id.values().filter(holds).max_by_key(last)
    }

    /// Takes out that of this number.
    pub(crate) fn drop(&mut self, id: u64) {
        self.by_id.remove(&id);
    }

    /// Takes out those that are shown so, without regard to case. Their numbers.
    pub(crate) fn lift(&mut self, whom: &Likeness) -> Vec<u64> {
        self.take(|sanction| whom.is_same_word(&sanction.likeness))
    }

    /// Takes out those that hold for somebody. Their numbers.
    pub(crate) fn lift_of(&mut self, person: &Person<'_>) -> Vec<u64> {
        self.take(|sanction| sanction.meets(person))
    }

    /// Takes out those that have ended. Their numbers.
    pub(crate) fn expire(&mut self, now: Millis) -> Vec<u64> {
        self.take(|sanction| sanction.is_over(now))
    }

    /// Those that hold at that time, in the order in which they were decided.
    pub(crate) fn iter(&self, now: Millis) -> impl Iterator<Item = &Sanction> {
        self.by_id.values().filter(move |it| !it.is_over(now))
    }

    fn take(&mut self, which: impl Fn(&Sanction) -> bool) -> Vec<u64> {
        let taken: Vec<_> =
            self.by_id.iter().filter(|(_, it)| which(it)).map(|(id, _)| *id).collect();
        taken.iter().for_each(|id| drop(self.by_id.remove(id)));
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sanction(whom: &str) -> Sanction {
        Sanction {
            whom: whom.into(),
            likeness: Likeness::of(whom),
            key: None,
            network: Network::parse(whom),
            is_of_name: Network::parse(whom).is_none(),
            until: None,
            by: "alice".into(),
            why: "".into(),
        }
    }

    #[test]
    fn somebody_is_met_by_the_name_by_the_network_and_by_the_key() {
        let mut bans = Sanctions::default();
        let key = KeyHash::from_bytes([7; 32]);
        bans.add(sanction("will"));
        bans.add(sanction("192.0.2.0/24"));
        bans.add(Sanction { key: Some(key), is_of_name: false, ..sanction("bob") });
        let named = |name: &str| {
            let likeness = Likeness::of(name);
            let person = Person { likeness: Some(&likeness), ..Person::default() };
            bans.of(&person, 0).is_some()
        };
        assert!(named("vvill") && !named("bob") && !named("eve"));
        let from = |address: &str| {
            let address = Some(address.parse().expect("an address"));
            bans.of(&Person { address, ..Person::default() }, 0).is_some()
        };
        assert!(from("192.0.2.9") && !from("192.0.3.9"));
        let with = |key| bans.of(&Person { key: Some(key), ..Person::default() }, 0).is_some();
        assert!(with(key) && !with(KeyHash::from_bytes([8; 32])));
        assert!(bans.of(&Person::default(), 0).is_none());
    }

    #[test]
    fn what_has_ended_holds_for_nobody_and_of_several_the_last_one_counts() {
        let mut bans = Sanctions::default();
        let first = bans.add(Sanction { until: Some(5), ..sanction("bob") });
        bans.add(Sanction { until: Some(9), ..sanction("BOB") });
        let likeness = Likeness::of("bob");
        let person = Person { likeness: Some(&likeness), ..Person::default() };
        assert_eq!(bans.of(&person, 4).and_then(|it| it.until), Some(9));
        assert_eq!(bans.expire(5), [first]);
        assert_eq!((bans.iter(8).count(), bans.iter(9).count()), (1, 0));
        assert_eq!(bans.lift(&likeness).len(), 1);
        assert!(bans.of(&person, 0).is_none() && bans.lift(&likeness).is_empty());
    }
}
