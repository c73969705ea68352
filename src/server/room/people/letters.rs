//! Private lines that wait for the owner of a name who is not here, and what their senders are to be told. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::protocol::tag::Millis;

/// For how long a private line waits.
pub(crate) const LETTER_TIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How many private lines wait for one name at most.
pub(crate) const MOST_FOR_ONE: usize = 50;

/// How many of them may be one sender's.
pub(crate) const MOST_OF_SENDER: usize = 20;

/// How many private lines wait at most in a room.
pub(crate) const MOST_LETTERS: usize = 5_000;

/// Something that waits for the owner of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Letter {
    /// For whom it is: the owner's name without case.
    pub(crate) reader: String,
    /// The other one's name, as it was spelled: who said it, or who has read it.
    pub(crate) other: Box<str>,
    /// The same without case.
    pub(crate) other_word: Box<str>,
    /// When it was said.
    pub(crate) at: Millis,
    /// The line; `None` if this says that the other one has read what the reader had said then.
    pub(crate) text: Option<Box<str>>,
    /// How many lines it stands for: one, or so many that were read.
    pub(crate) lines: u64,
}

/// All that waits.
#[derive(Debug, Default)]
pub(crate) struct Letters {
    /// By their numbers, and so in their order.
    by_id: BTreeMap<u64, Letter>,
}

impl Letters {
    /// Adds one, and gives its number.
    pub(crate) fn add(&mut self, letter: Letter) -> u64 {
        let id = self.by_id.last_key_value().map_or(1, |(id, _)| id + 1);
        self.by_id.insert(id, letter);
        id
    }

    /// Adds that of this number.
    pub(crate) fn restore(&mut self, id: u64, letter: Letter) {
        self.by_id.insert(id, letter);
    }

    /// Adds one that another server has known, unless it waits or there are too many. Its number here.
    pub(crate) fn adopt(&mut self, letter: &Letter) -> Option<u64> {
        let is_new = self.len() < MOST_LETTERS && !self.knows(letter);
        is_new.then(|| self.add(letter.clone()))
    }

    /// Whether it is one of these.
    pub(crate) fn knows(&self, letter: &Letter) -> bool {
        self.by_id.values().any(|it| it == letter)
    }

    /// All, with their numbers.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (u64, Letter)> {
        self.by_id.iter().map(|(id, letter)| (*id, letter.clone()))
    }

    pub(crate) fn get(&self, id: u64) -> Option<&Letter> {
        self.by_id.get(&id)
    }

    /// How many lines wait for a reader, and how many of them are that sender's.
    pub(crate) fn count(&self, reader: &str, sender: &str) -> (usize, usize) {
        let lines = || self.by_id.values().filter(|it| it.reader == reader && it.text.is_some());
        (lines().count(), lines().filter(|it| *it.other == *sender).count())
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// What waits for a reader, in its order.
    pub(crate) fn of(&self, reader: &str) -> Vec<Letter> {
        self.by_id.values().filter(|letter| letter.reader == reader).cloned().collect()
    }

    /// Takes what waits for a reader, in its order, with its numbers.
    pub(crate) fn take(&mut self, reader: &str) -> Vec<(u64, Letter)> {
        let (of_reader, others) =
            std::mem::take(&mut self.by_id).into_iter().partition(|(_, it)| it.reader == reader);
        self.by_id = others;
        let of_reader: BTreeMap<u64, Letter> = of_reader;
        of_reader.into_iter().collect()
    }

    /// Forgets that of this number.
    pub(crate) fn drop(&mut self, id: u64) {
        self.by_id.remove(&id);
    }

    /// Whether anything waits for a reader.
    pub(crate) fn has(&self, reader: &str) -> bool {
        self.by_id.values().any(|it| it.reader == reader)
    }

    /// Forgets what waits for a reader that is nobody any more. The numbers.
    pub(crate) fn forget_reader(&mut self, reader: &str) -> Vec<u64> {
        self.take(reader).into_iter().map(|(id, _)| id).collect()
    }

    /// Forgets the lines that were said under that name, which is without case, at that time or later. The numbers.
    pub(crate) fn erase(&mut self, word: &str, since: Millis) -> Vec<u64> {
        let is_erased =
            |it: &Letter| it.text.is_some() && it.at >= since && *it.other_word == *word;
        let erased: Vec<_> =
            self.by_id.iter().filter(|(_, it)| is_erased(it)).map(|(id, _)| *id).collect();
        erased.iter().for_each(|id| drop(self.by_id.remove(id)));
        erased
    }

    /// Forgets what has waited for too long. The numbers.
    pub(crate) fn expire(&mut self, now: Millis) -> Vec<u64> {
        let time = LETTER_TIME.as_millis() as Millis;
        let old: Vec<_> = self
            .by_id
            .iter()
            .filter(|(_, it)| now.saturating_sub(it.at) > time)
            .map(|(id, _)| *id)
            .collect();
        old.iter().for_each(|id| drop(self.by_id.remove(id)));
        old
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::text::fold;

    fn letter(reader: &str, other: &str, at: Millis, text: Option<&str>) -> Letter {
        let text = text.map(Into::into);
        let (reader, other_word) = (reader.to_owned(), fold(other).into());
        Letter { reader, other: other.into(), other_word, at, text, lines: 1 }
    }

    #[test]
    fn what_somebody_has_said_since_a_time_is_erased_and_what_was_read_is_told_still() {
        let mut letters = Letters::default();
        letters.add(letter("bob", "alice", 1, Some("too early")));
        letters.add(letter("bob", "Alice", 2, Some("one")));
        letters.add(letter("eve", "ALICE", 3, Some("two")));
        letters.add(letter("eve", "alice", 3, None));
        letters.add(letter("eve", "carol", 3, Some("three")));
        assert_eq!(letters.erase("alice", 2), [2, 3]);
        assert_eq!(
            (letters.count("bob", "alice"), letters.count("eve", "carol")),
            ((1, 1), (1, 1))
        );
        assert_eq!(letters.len(), 3);
    }

    #[test]
    fn what_waits_is_counted_by_reader_and_sender_and_taken_in_its_order() {
        let mut letters = Letters::default();
        letters.add(letter("bob", "alice", 1, Some("one")));
        letters.add(letter("eve", "alice", 2, Some("two")));
        letters.add(letter("bob", "carol", 3, Some("three")));
        letters.add(letter("bob", "carol", 4, None));
        assert_eq!((letters.count("bob", "alice"), letters.count("eve", "x")), ((2, 1), (1, 0)));
        let taken: Vec<_> = letters.take("bob").into_iter().map(|(_, it)| it.at).collect();
        assert_eq!(taken, [1, 3, 4]);
        assert!(!letters.has("bob") && letters.has("eve"));
        let long = LETTER_TIME.as_millis() as Millis;
        assert_eq!((letters.expire(2 + long), letters.expire(3 + long)), (vec![], vec![2]));
    }
}
