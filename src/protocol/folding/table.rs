//! What each character folds to, what may join the one before it, and what that is put together with.

use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::sync::LazyLock;

use unicode_normalization::char::{canonical_combining_class, decompose_canonical};
use unicode_normalization::{IsNormalized, is_nfc_quick};

use super::{Characters, Utf8, utf8};
use crate::protocol::text::{fold, fold_char};

/// How many characters share a block of the table: as many as the last byte of one in UTF-8 tells apart.
const BLOCK: usize = 64;

/// The first character beyond the table: from there on, all fold to themselves.
pub(super) const END: u32 = 0x30000;

/// The syllables that are put together of conjoining letters.
const SYLLABLES: RangeInclusive<char> = '\u{ac00}'..='\u{d7a3}';

/// What one character folds to, in one word: a look into the table is all that most characters cost.
///
/// The lowest 32 bits are what it folds to where nothing joins it, in UTF-8, the first byte lowest; 0 if
/// that is not one character. Above them stands which character that is, or the place of its
/// [`Parts`], then its canonical combining class, and three bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry(u64);

impl Entry {
    /// The character folds to itself, joins nothing, and has no canonical decomposition but that of a
    /// syllable.
    pub(super) const ITSELF: Entry = Entry(0);
    /// It may join the one before it.
    pub(super) const JOINS: u64 = 1 << 63;
    /// It has a place in [`Table::parts`].
    pub(super) const HAS_PARTS: u64 = 1 << 62;
    /// There are characters with which it is put together.
    pub(super) const COMPOSES: u64 = 1 << 61;
    const CLASS: u32 = 53;
    const NUMBER: u32 = 32;

    /// That of a character which folds to `c` and has no other parts.
    pub(super) fn of(c: char) -> Entry {
        let class = u64::from(canonical_combining_class(c)) << Entry::CLASS;
        Entry(class | u64::from(u32::from(c)) << Entry::NUMBER | u64::from(utf8(c)))
    }

    pub(super) fn has(self, bit: u64) -> bool {
        self.0 & bit != 0
    }

    pub(super) fn class(self) -> u8 {
        (self.0 >> Entry::CLASS) as u8
    }

    pub(super) fn number(self) -> u32 {
        (self.0 >> Entry::NUMBER) as u32 & 0x1f_ffff
    }

    pub(super) fn character(self) -> char {
        char::from_u32(self.number()).expect("it was made of a character")
    }

    pub(super) fn is_ascii(self) -> bool {
        (self.0 as u32) < 0x80 && self != Entry::ITSELF && !self.has(Entry::HAS_PARTS)
    }

    /// What it folds to where nothing joins it, if that is one character.
    pub(super) fn alone(self) -> Utf8 {
        self.0 as Utf8
    }
}

/// What a character folds to that folds to none or several, or that has a canonical decomposition.
pub(super) struct Parts {
    /// Where nothing joins it.
    alone: Box<str>,
    /// Canonically decomposed.
    pub(super) decomposed: Box<[Entry]>,
}

/// What characters fold to.
pub(super) struct Table {
    /// Which of `entries` each block of characters has. The first is of those that fold to themselves.
    blocks: Vec<u8>,
    /// What the characters of each different block become.
    entries: Vec<[Entry; BLOCK]>,
    /// The parts of those characters that fold to several.
    pub(super) parts: Vec<Parts>,
}

pub(super) static TABLE: LazyLock<Table> = LazyLock::new(Table::new);

impl Table {
    fn new() -> Table {
        let composing = composing();
        let mut table =
            Table { blocks: Vec::new(), entries: vec![[Entry::ITSELF; BLOCK]], parts: Vec::new() };
        for first in (0..END).step_by(BLOCK) {
            let entries = std::array::from_fn(|at| {
                let c = char::from_u32(first + at as u32);
                c.map_or(Entry::ITSELF, |c| table.entry(c, &composing))
            });
            let block = if entries == [Entry::ITSELF; BLOCK] { 0 } else { table.entries.len() };
            if block > 0 {
                table.entries.push(entries);
            }
            table.blocks.push(block.try_into().expect("they are few"));
        }
        table
    }

    fn entry(&mut self, c: char, composing: &HashSet<char>) -> Entry {
        let mut parts: Vec<char> = Vec::new();
        let is_syllable = SYLLABLES.contains(&c);
        fold_char(c).for_each(|c| {
            if is_syllable { parts.push(c) } else { decompose_canonical(c, |c| parts.push(c)) }
        });
        let joins = parts.first().is_some_and(|&c| !begins(c));
        let joins = if joins { Entry::JOINS } else { 0 };
        let composes = |c: char| if composing.contains(&c) { Entry::COMPOSES } else { 0 };
        match parts[..] {
            [folded] if folded == c && joins == 0 && !c.is_ascii() => Entry::ITSELF,
            [folded] => Entry(Entry::of(folded).0 | joins | composes(folded)),
            _ => {
                let alone = fold(c.encode_utf8(&mut [0; 4]));
                let mut one = alone.chars();
                let utf8 =
                    one.next().filter(|_| one.next().is_none()).map_or(0, |c| u64::from(utf8(c)));
                let decomposed =
                    parts.iter().map(|&c| Entry(Entry::of(c).0 | composes(c))).collect();
                let place = self.parts.len() as u64;
                self.parts.push(Parts { alone: alone.into(), decomposed });
                Entry(joins | Entry::HAS_PARTS | place << Entry::NUMBER | utf8)
            }
        }
    }

    /// The character that begins at `bytes[at]`.
    #[inline(always)]
    pub(super) fn look_up(&self, bytes: &[u8], at: usize) -> Unit {
        let low = |at: usize| usize::from(bytes[at] & 0x3f);
        let first = bytes[at];
        let (block, end) = match first {
            ..0x80 => (usize::from(first >> 6), at + 1),
            0x80..0xe0 => (usize::from(first & 0x1f), at + 2),
            0xe0..0xf0 => (usize::from(first & 0xf) << 6 | low(at + 1), at + 3),
            0xf0.. => (usize::from(first & 7) << 12 | low(at + 1) << 6 | low(at + 2), at + 4),
        };
        let entries = self.blocks.get(block).map_or(0, |&block| usize::from(block));
        Unit { start: at, end, entry: self.entries[entries][low(end - 1)] }
    }

    /// Gives what a character folds to where nothing joins it.
    #[inline(always)]
    pub(super) fn give(&self, bytes: &[u8], unit: Unit, sink: &mut impl Characters) {
        if unit.entry == Entry::ITSELF {
            sink.push_char(packed(&bytes[unit.start..unit.end]));
        } else if unit.entry.alone() != 0 {
            sink.push_char(unit.entry.alone());
        } else {
            let alone = &self.parts[unit.entry.number() as usize].alone;
            alone.chars().for_each(|c| sink.push_char(utf8(c)));
        }
    }
}

/// A character in UTF-8 that is not ASCII, as one number.
#[inline(always)]
fn packed(bytes: &[u8]) -> Utf8 {
    match *bytes {
        [a, b] => Utf8::from_le_bytes([a, b, 0, 0]),
        [a, b, c] => Utf8::from_le_bytes([a, b, c, 0]),
        [a, b, c, d] => Utf8::from_le_bytes([a, b, c, d]),
        _ => unreachable!("ASCII characters have entries of their own"),
    }
}

/// The characters that are put together with ones before them.
fn composing() -> HashSet<char> {
    let last_part = |c| {
        let mut parts = Vec::new();
        decompose_canonical(c, |part| parts.push(part));
        parts.pop().filter(|_| !parts.is_empty())
    };
    ('\0'..).take_while(|&c| u32::from(c) < END).filter_map(last_part).collect()
}

/// Whether `c` joins nothing that stands before it.
fn begins(c: char) -> bool {
    let is_mark = canonical_combining_class(c) > 0;
    !is_mark && is_nfc_quick(std::iter::once(c)) == IsNormalized::Yes
}

/// A character of a line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unit {
    /// Where it begins in the line, in bytes.
    pub(super) start: usize,
    /// Where it ends.
    pub(super) end: usize,
    /// What it folds to.
    pub(super) entry: Entry,
}
