//! Who owns which name: whoever proves to have its key, or gives its password. Pure.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::protocol::name::{Likeness, Name};
use crate::protocol::proof::KeyHash;
use crate::protocol::tag::Millis;

/// How many names one key owns at most.
pub(crate) const MOST_OF_A_KEY: usize = 3;

/// How many names are owned at most in a room. Strangers could claim names without end.
pub(crate) const MOST_NAMES: usize = 10_000;

/// The owner of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Owner {
    /// The name as its owner spelled it.
    pub(crate) name: Name,
    /// What it looks like.
    likeness: Likeness,
    /// The key whose owner owns it.
    pub(crate) key: Option<KeyHash>,
    /// The hash of the password (a PHC string) by which one owns it.
    pub(crate) password: Option<Box<str>>,
    /// When the owner was here last.
    pub(crate) seen: Millis,
    /// Whether an operator made the owner one.
    pub(crate) is_operator: bool,
    /// Whether the owner was let in.
    pub(crate) is_invited: bool,
}

impl Owner {
    /// Whoever has that key, or whose password has that hash, and is here at that time.
    pub(crate) fn new(
        (name, likeness): (Name, Likeness),
        key: Option<KeyHash>,
        password: Option<Box<str>>,
        seen: Millis,
    ) -> Owner {
        Owner { name, likeness, key, password, seen, is_operator: false, is_invited: false }
    }

    /// Takes over what another server knows of the same owner, where that is more.
    pub(crate) fn learn(&mut self, other: &Owner) {
        self.seen = self.seen.max(other.seen);
        self.is_operator |= other.is_operator;
        self.is_invited |= other.is_invited;
        if self.password.is_none() {
            self.password.clone_from(&other.password);
        }
    }

    /// The name without case.
    pub(crate) fn word(&self) -> &str {
        self.likeness.folded()
    }

    /// What the name looks like.
    pub(crate) fn likeness(&self) -> &Likeness {
        &self.likeness
    }
}

/// All owners.
#[derive(Debug, Default)]
pub(crate) struct Owners {
    /// By their names without case.
    by_word: BTreeMap<String, Owner>,
    /// The names without case, by what they look like.
    by_look: HashMap<String, String>,
    /// The names without case, by their keys.
    by_key: HashMap<KeyHash, BTreeSet<String>>,
}

impl Owners {
    /// The owner of this name, which is without case.
    pub(crate) fn get(&self, word: &str) -> Option<&Owner> {
        self.by_word.get(word)
    }

    /// The owner of a name that this one could be taken for.
    pub(crate) fn alike(&self, likeness: &Likeness) -> Option<&Owner> {
        let of_look = |look: &String| self.by_look.get(look);
        let word = likeness.looks().iter().find_map(of_look).map(String::as_str);
        self.get(likeness.folded()).or_else(|| self.get(word?))
    }

    /// Adds an owner, or takes the place of that of the same name.
    pub(crate) fn insert(&mut self, owner: Owner) {
        self.remove(owner.word());
        for look in owner.likeness.looks() {
            self.by_look.insert(look.clone(), owner.word().to_owned());
        }
        if let Some(key) = owner.key {
            self.by_key.entry(key).or_default().insert(owner.word().to_owned());
        }
        self.by_word.insert(owner.word().to_owned(), owner);
    }

    /// Takes out the owner of a name. Whether there was one.
    pub(crate) fn remove(&mut self, word: &str) -> bool {
        let Some(owner) = self.by_word.remove(word) else { return false };
        for look in owner.likeness.looks() {
            if self.by_look.get(look).is_some_and(|of| of == word) {
                self.by_look.remove(look);
            }
        }
        if let Some(key) = owner.key
            && let Some(words) = self.by_key.get_mut(&key)
        {
            words.remove(word);
            if words.is_empty() {
                self.by_key.remove(&key);
            }
        }
        true
    }

    /// Changes what is known of an owner, but neither the name nor the key. Whether there is one.
    pub(crate) fn change(&mut self, word: &str, change: impl FnOnce(&mut Owner)) -> bool {
        let Some(owner) = self.by_word.get_mut(word) else { return false };
        let key = owner.key;
        change(owner);
        debug_assert_eq!(owner.key, key);
        true
    }

    /// What a key owns.
    pub(crate) fn of_key(&self, key: KeyHash) -> impl Iterator<Item = &Owner> {
        let words = self.by_key.get(&key).into_iter().flatten();
        words.filter_map(|word| self.by_word.get(word))
    }

    /// How many names are owned.
    pub(crate) fn count(&self) -> usize {
        self.by_word.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Owner> {
        self.by_word.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(name: &str, key: u8, seen: Millis) -> Owner {
        let name = Name::parse(name).expect("a name");
        Owner::new(
            (name.clone(), name.likeness()),
            Some(KeyHash::from_bytes([key; 32])),
            None,
            seen,
        )
    }

    #[test]
    fn an_owner_is_found_by_the_name_by_what_it_looks_like_and_by_the_key() {
        let mut owners = Owners::default();
        owners.insert(owner("Will", 1, 5));
        owners.insert(owner("bob", 1, 6));
        let alike = |owners: &Owners, name: &str| {
            owners.alike(&Likeness::of(name)).map(|owner| owner.name.to_string())
        };
        for name in ["will", "WILL", "vvill", "wi\u{406}l"] {
            assert_eq!(alike(&owners, name).as_deref(), Some("Will"), "{name}");
        }
        assert_eq!(alike(&owners, "willy"), None);
        let key = KeyHash::from_bytes([1; 32]);
        let owned = |owners: &Owners| owners.of_key(key).map(|it| it.seen).collect::<Vec<_>>();
        assert_eq!(owned(&owners), [6, 5]);
        assert!(owners.change("will", |owner| owner.seen = 9));
        assert_eq!(owned(&owners), [6, 9]);
        assert!(owners.remove("will") && !owners.remove("will"));
        assert_eq!((alike(&owners, "vvill"), owned(&owners)), (None, vec![6]));
        assert!(owners.remove("bob"));
        assert_eq!((owned(&owners), owners.count()), (vec![], 0));
    }
}
