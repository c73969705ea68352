//! Whose lines are not shown on this screen. Pure.
//!
//! A name is the same in any case, as it is for the server's `/msg`. Nobody else learns of it.

use crate::protocol::name::{Likeness, Name};

/// Those who are ignored, in the order in which they came to be.
#[derive(Debug, Default)]
pub(super) struct Ignored(Vec<(Name, Likeness)>);

/// What came of adding or removing a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// It is as it should be now.
    Made,
    /// It was so before.
    Needless,
}

impl Ignored {
    /// Whether nobody is.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether somebody is who is called so.
    pub(super) fn contains(&self, likeness: &Likeness) -> bool {
        self.0.iter().any(|(_, ignored)| ignored.is_same_word(likeness))
    }

    /// The names, as they were given.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// Ignores whoever is called so.
    pub(super) fn add(&mut self, name: Name) -> Change {
        let likeness = name.likeness();
        if self.contains(&likeness) {
            return Change::Needless;
        }
        self.0.push((name, likeness));
        Change::Made
    }

    /// Ignores nobody of that name any more.
    pub(super) fn remove(&mut self, name: &Likeness) -> Change {
        let before = self.0.len();
        self.0.retain(|(_, ignored)| !ignored.is_same_word(name));
        if self.0.len() < before { Change::Made } else { Change::Needless }
    }

    /// Whoever is ignored stays so under another name.
    pub(super) fn rename(&mut self, old: &str, new: &str) {
        if !self.is_empty()
            && let Ok(new) = Name::parse(new)
            && self.remove(&Likeness::of(old)) == Change::Made
        {
            self.add(new);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::parse(text).expect("a good name")
    }

    #[test]
    fn a_name_is_ignored_in_any_case_until_it_is_not() {
        let mut ignored = Ignored::default();
        assert_eq!(ignored.add(name("Bob")), Change::Made);
        assert_eq!(ignored.add(name("bob")), Change::Needless);
        assert!(ignored.contains(&Likeness::of("BOB")));
        assert!(!ignored.contains(&Likeness::of("b\u{43e}b")), "the eye's mistakes are no rule");
        assert_eq!(ignored.remove(&Likeness::of("carol")), Change::Needless);
        assert_eq!(ignored.remove(&Likeness::of("bOb")), Change::Made);
        assert!(ignored.is_empty());
    }

    #[test]
    fn being_ignored_goes_with_the_member_to_another_name() {
        let mut ignored = Ignored::default();
        ignored.add(name("bob"));
        ignored.add(name("carol"));
        ignored.rename("bob", "robert");
        ignored.rename("dave", "bob");
        assert_eq!(ignored.names().collect::<Vec<_>>(), ["carol", "robert"]);
        ignored.rename("robert", "Carol");
        assert_eq!(ignored.names().collect::<Vec<_>>(), ["carol"]);
    }
}
