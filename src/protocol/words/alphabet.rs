//! Which of a few symbols each character is, for a search: one look tells that and the character's class.

use super::classes::{CLASSES, Classes, Looked, place};
use super::{Query, Term};
use crate::protocol::folding::{Utf8, utf8};

/// A character of words that are looked for, a separator, or another character.
pub(crate) type Symbol = u16;

/// Any character that is in no word that is looked for.
pub(crate) const OTHER: Symbol = 0;

/// A separator of words.
pub(crate) const SEPARATION: Symbol = 1;

/// How many characters share a block.
const BLOCK: usize = 64;

/// The symbols of the characters of a query.
#[derive(Debug)]
pub(crate) struct Alphabet {
    /// Those of ASCII.
    ascii: [Symbol; 128],
    /// Which of `entries` each block of characters has, as in [`CLASSES`].
    blocks: Vec<u16>,
    /// First those of [`CLASSES`], in which every character is another one, then the blocks in which
    /// some are not.
    entries: Vec<[Entry; BLOCK]>,
    /// How many symbols there are.
    count: Symbol,
}

/// A character's class, and above that its symbol.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry(u32);

impl Entry {
    const CLASS_BITS: u32 = 8;

    #[inline(always)]
    pub(crate) fn class(self) -> usize {
        (self.0 & ((1 << Entry::CLASS_BITS) - 1)) as usize
    }

    #[inline(always)]
    pub(crate) fn symbol(self) -> Symbol {
        (self.0 >> Entry::CLASS_BITS) as Symbol
    }

    fn of_other(looked: &Looked) -> Entry {
        Entry(looked.class() as u32 | u32::from(OTHER) << Entry::CLASS_BITS)
    }

    fn with(self, symbol: Symbol) -> Entry {
        Entry(self.class() as u32 | u32::from(symbol) << Entry::CLASS_BITS)
    }
}

impl Alphabet {
    /// That of the characters of the query's words.
    pub(crate) fn of(query: &Query) -> Alphabet {
        let others = CLASSES.looked().iter();
        let mut alphabet = Alphabet {
            ascii: std::array::from_fn(|byte| {
                if (byte as u8).is_ascii_alphanumeric() { OTHER } else { SEPARATION }
            }),
            blocks: CLASSES.blocks().to_vec(),
            entries: others
                .map(|block| std::array::from_fn(|at| Entry::of_other(&block[at])))
                .collect(),
            count: SEPARATION + 1,
        };
        let words = query.terms().iter().flat_map(|term| &term.0);
        for c in words.flat_map(|word| word.text().chars()) {
            alphabet.add(c);
        }
        alphabet
    }

    /// Gives a character a symbol of its own, which it shares with those that it stands for.
    fn add(&mut self, c: char) {
        if self.symbol(c) != OTHER {
            return;
        }
        let symbol = self.count;
        self.count += 1;
        if c.is_ascii() {
            self.ascii[c as usize] = symbol;
            self.ascii[c.to_ascii_uppercase() as usize] = symbol;
        }
        self.set(utf8(c), symbol);
        let marked = CLASSES.marked().iter().filter(|marked| marked.1 == utf8(c));
        marked.for_each(|&(marked, _)| self.set(marked, symbol));
    }

    fn set(&mut self, character: Utf8, symbol: Symbol) {
        let (block, at) = place(character);
        while self.blocks.len() <= block {
            self.blocks.push(Classes::place_beyond(self.blocks.len()));
        }
        let shared = CLASSES.looked().len();
        if usize::from(self.blocks[block]) < shared {
            let own = self.entries[usize::from(self.blocks[block])];
            self.blocks[block] = self.entries.len() as u16;
            self.entries.push(own);
        }
        let entry = &mut self.entries[usize::from(self.blocks[block])][at];
        *entry = entry.with(symbol);
    }

    fn symbol(&self, c: char) -> Symbol {
        self.look_up(utf8(c)).symbol()
    }

    /// How many symbols there are.
    pub(crate) fn count(&self) -> usize {
        self.count.into()
    }

    /// The symbol of an ASCII character.
    #[inline(always)]
    pub(crate) fn ascii(&self, byte: u8) -> Symbol {
        self.ascii[usize::from(byte & 0x7f)]
    }

    /// The class and the symbol of a character of folded text.
    #[inline(always)]
    pub(crate) fn look_up(&self, character: Utf8) -> Entry {
        let (block, at) = place(character);
        match self.blocks.get(block) {
            Some(&entries) => self.entries[usize::from(entries)][at],
            None => self.entries[usize::from(Classes::place_beyond(block))][at],
        }
    }

    /// What stands in a text that has the term, with a separator before each word: nothing stands behind the
    /// last word, since another one may only begin with it. Nor does anything stand before the first, if
    /// that is found in the middle of a word.
    pub(crate) fn pattern(&self, term: &Term) -> Vec<Symbol> {
        let mut pattern = Vec::new();
        for word in &term.0 {
            if !pattern.is_empty() || !word.is_unspaced() {
                pattern.push(SEPARATION);
            }
            pattern.extend(word.text().chars().map(|c| self.symbol(c)));
        }
        pattern
    }
}

#[cfg(test)]
mod tests {
    use super::super::classes::Class;
    use super::*;

    #[test]
    fn characters_are_other_ones_unless_they_are_looked_for() {
        let query = Query::parse("sea 上 🏴\u{e0067}").expect("a good query");
        let alphabet = Alphabet::of(&query);
        assert_eq!(alphabet.count(), 2 + 6);
        let is_same = |one, other| {
            let symbols = [one, other].map(|c| alphabet.symbol(c));
            symbols[0] == symbols[1] && symbols[0] > SEPARATION
        };
        for (one, other) in [('e', 'é'), ('e', 'ệ'), ('a', 'å'), ('s', 'ș')] {
            assert!(is_same(one, other), "{one} {other}");
        }
        assert_eq!(alphabet.ascii(b'E'), alphabet.symbol('é'));
        for c in "bþ海🏳\u{e0066}-\u{e0200}".chars() {
            assert_eq!(alphabet.symbol(c), OTHER, "{c:?}");
        }
        assert_eq!([b'-', b' ', b'x'].map(|c| alphabet.ascii(c)), [SEPARATION, SEPARATION, OTHER]);
        for c in '\u{1}'..=char::MAX {
            let class = alphabet.look_up(utf8(c)).class();
            assert_eq!(class, CLASSES.look_up(utf8(c)).class(), "{c:?}");
        }
        assert_eq!(Class::ALL[alphabet.look_up(utf8('上')).class()], Class::Unspaced);
    }
}
