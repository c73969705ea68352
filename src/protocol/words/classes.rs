//! What each character does to the words of a line, from a table: the properties that decide it are too
//! slow to look up for each character of megabytes.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::LazyLock;

use unicode_normalization::char::decompose_canonical;
use unicode_properties::{GeneralCategoryGroup, UnicodeEmoji, UnicodeGeneralCategory};
use unicode_script::{Script, UnicodeScript};

use crate::protocol::folding::{Utf8, utf8};
use crate::protocol::text::acts_on_neighbours_alone;

/// What a character does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// It ends a word.
    Separator,
    /// It is a letter whose marks are dropped: Latin, Greek, Cyrillic, Hebrew, Arabic.
    Bare,
    /// It is another letter, or a digit, and marks on it belong to the word.
    Marked,
    /// It is a letter or digit of a script that is written without blanks.
    Unspaced,
    /// It is drawn onto the character before it.
    Mark,
    /// It begins an emoji.
    Emoji,
    /// It goes on with the emoji before it: a colour of skin, a tag of a flag.
    Modifier,
    /// It is half a country's flag.
    Regional,
    /// It makes one emoji of two (U+200D).
    Joiner,
    /// It is not looked at.
    Ignored,
}

impl Class {
    pub(super) const ALL: [Class; 10] = [
        Class::Separator,
        Class::Bare,
        Class::Marked,
        Class::Unspaced,
        Class::Mark,
        Class::Emoji,
        Class::Modifier,
        Class::Regional,
        Class::Joiner,
        Class::Ignored,
    ];
}

/// A character that was looked up: its class in the lowest byte, and above it what stands in words for it,
/// in UTF-8, if that is another character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Looked(u64);

impl Looked {
    const OTHER: u32 = 8;

    /// The class, as the place that it has in [`Class::ALL`].
    #[inline(always)]
    pub(super) fn class(self) -> usize {
        usize::from(self.0 as u8)
    }

    /// What stands in words for `character`, which was looked up.
    #[inline(always)]
    pub(super) fn text(self, character: Utf8) -> Utf8 {
        match (self.0 >> Looked::OTHER) as Utf8 {
            0 => character,
            other => other,
        }
    }
}

/// How many characters share a block of the table: as many as the last byte of one in UTF-8 tells apart.
const BLOCK: usize = 64;

/// The first character beyond the table: those from there on end words, but for the tags in flags.
const END: u32 = 0x32400;

/// What all characters of a block may be beyond the table.
const BEYOND: [Class; 3] = [Class::Separator, Class::Modifier, Class::Ignored];

/// What each character does.
pub(super) struct Classes {
    /// Which of `looked` each block of characters has.
    blocks: Vec<u16>,
    /// The blocks that differ, those of [`BEYOND`] first.
    looked: Vec<[Looked; BLOCK]>,
    /// Letters with marks, and those without that stand for them.
    marked: Vec<(Utf8, Utf8)>,
}

pub(super) static CLASSES: LazyLock<Classes> = LazyLock::new(Classes::new);

impl Classes {
    fn new() -> Classes {
        let mut classes = Classes {
            blocks: Vec::new(),
            looked: BEYOND.map(|class| [Looked(class as u64); BLOCK]).to_vec(),
            marked: Vec::new(),
        };
        let mut places = HashMap::new();
        for first in (0..END).step_by(BLOCK) {
            let block = std::array::from_fn(|at| {
                let c = char::from_u32(first + at as u32);
                c.map_or(Looked(Class::Separator as u64), |c| classes.look_at(c))
            });
            let place = *places.entry(block).or_insert_with(|| {
                classes.looked.push(block);
                (classes.looked.len() - 1) as u16
            });
            classes.blocks.push(place);
        }
        classes
    }

    /// Looks at a character of folded text.
    fn look_at(&mut self, c: char) -> Looked {
        let class = class(c);
        let mut base = None;
        if class == Class::Bare {
            decompose_canonical(c, |part| base = base.or(Some(part)));
        }
        let other = base.filter(|&base| base != c).map_or(0, utf8);
        if other != 0 {
            self.marked.push((utf8(c), other));
        }
        Looked(u64::from(class as u8) | u64::from(other) << Looked::OTHER)
    }

    #[inline(always)]
    pub(super) fn look_up(&self, character: Utf8) -> Looked {
        let (block, at) = place(character);
        let looked =
            self.blocks.get(block).copied().unwrap_or_else(|| Classes::place_beyond(block));
        self.looked[usize::from(looked)][at]
    }

    /// Which of [`looked`](Classes::looked) each block of characters has.
    pub(super) fn blocks(&self) -> &[u16] {
        &self.blocks
    }

    /// The blocks that differ.
    pub(super) fn looked(&self) -> &[[Looked; BLOCK]] {
        &self.looked
    }

    /// Which of them a block beyond `blocks` has.
    #[cold]
    pub(super) fn place_beyond(block: usize) -> u16 {
        let class = class_beyond(block);
        BEYOND.iter().position(|&beyond| beyond == class).unwrap_or(0) as u16
    }

    /// Letters with marks, and those without that stand for them.
    pub(super) fn marked(&self) -> &[(Utf8, Utf8)] {
        &self.marked
    }
}

/// In which block of a table a character is, and where in that.
#[inline(always)]
pub(super) fn place(character: Utf8) -> (usize, usize) {
    let bytes = character.to_le_bytes();
    let low = |at: usize| usize::from(bytes[at] & 0x3f);
    match bytes[0] {
        ..0x80 => (usize::from(bytes[0] >> 6), low(0)),
        0x80..0xe0 => (usize::from(bytes[0] & 0x1f), low(1)),
        0xe0..0xf0 => (usize::from(bytes[0] & 0xf) << 6 | low(1), low(2)),
        0xf0.. => (usize::from(bytes[0] & 7) << 12 | low(1) << 6 | low(2), low(3)),
    }
}

/// That of the characters of a block beyond the table, most of which are not assigned.
fn class_beyond(block: usize) -> Class {
    const TAGS: RangeInclusive<usize> = 0xe0000 / BLOCK..=0xe007f / BLOCK;
    const SELECTORS: RangeInclusive<usize> = 0xe0100 / BLOCK..=0xe01ef / BLOCK;
    if TAGS.contains(&block) {
        Class::Modifier
    } else if SELECTORS.contains(&block) {
        Class::Ignored
    } else {
        Class::Separator
    }
}

/// That of one character, by its properties.
pub(super) fn class(c: char) -> Class {
    use GeneralCategoryGroup::{Letter, Mark, Number};
    match c {
        '\u{200d}' => Class::Joiner,
        // The frame of a digit on a key, which is no mark of a word's.
        '\u{20e3}' => Class::Ignored,
        '\u{1f1e6}'..='\u{1f1ff}' => Class::Regional,
        '\u{1f3fb}'..='\u{1f3ff}' => Class::Modifier,
        // Most of the table, and known without a look.
        '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' => {
            Class::Unspaced
        }
        _ if u32::from(c) >= END => class_beyond(u32::from(c) as usize / BLOCK),
        _ if acts_on_neighbours_alone(c) => Class::Ignored,
        _ => match c.general_category_group() {
            Letter | Number => class_of_letter(c),
            Mark => Class::Mark,
            // `#` is one only on a key.
            _ if !c.is_ascii() && c.is_emoji_char() => Class::Emoji,
            _ => Class::Separator,
        },
    }
}

/// That of a letter or digit.
fn class_of_letter(c: char) -> Class {
    use Script::{Arabic, Cyrillic, Greek, Hebrew, Latin};
    use Script::{Han, Hangul, Hiragana, Katakana, Khmer, Lao, Myanmar, Thai};
    let scripts = c.script_extension();
    let is_one_of = |some: &[Script]| some.iter().any(|&script| scripts.contains_script(script));
    if scripts.is_common() {
        Class::Marked
    } else if is_one_of(&[Han, Hiragana, Katakana, Hangul, Thai, Lao, Khmer, Myanmar]) {
        Class::Unspaced
    } else if is_one_of(&[Latin, Greek, Cyrillic, Hebrew, Arabic]) {
        Class::Bare
    } else {
        Class::Marked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_says_of_every_character_what_its_properties_say() {
        for c in '\u{1}'..=char::MAX {
            assert_eq!(Class::ALL[CLASSES.look_up(utf8(c)).class()], class(c), "{c:?}");
        }
        assert!(CLASSES.looked.len() < 1000, "{}", CLASSES.looked.len());
    }

    #[test]
    fn characters_do_what_people_expect_of_them() {
        let cases = [
            (Class::Separator, " .,-_'\"<>#|€→\u{a0}。、「…"),
            (Class::Bare, "aéßøŁαύжйאא\u{5d0}كأ"),
            (Class::Marked, "07²½क\u{b85}\u{bae}"),
            (Class::Unspaced, "上々〆〇あアーｱ한ㄱ\u{1112}กเຂខက๓"),
            (Class::Mark, "\u{301}\u{5b0}\u{64e}\u{93f}\u{94d}\u{e31}\u{3099}\u{1039}"),
            (Class::Emoji, "🎉👩❤☃™👧"),
            (Class::Modifier, "🏽\u{e0067}"),
            (Class::Regional, "🇩🇪"),
            (Class::Joiner, "\u{200d}"),
            (Class::Ignored, "\u{fe0f}\u{200c}\u{200b}\u{20e3}\u{200f}\u{e0100}"),
        ];
        for (expected, characters) in cases {
            for c in characters.chars() {
                assert_eq!(Class::ALL[CLASSES.look_up(utf8(c)).class()], expected, "{c:?}");
            }
        }
    }
}
