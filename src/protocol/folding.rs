//! A line's text without its case, as [`fold`](super::text::fold) gives it, at a fraction of the cost:
//! for whoever goes through megabytes of lines. Pure.
//!
//! Nearly every character folds to itself or to one other, whatever stands beside it, and a table says
//! to which. Only where a character may join the one before it (a combining mark, a vowel of
//! conjoining Hangul), the text from the last character that joins nothing up to the next is put into
//! Unicode's normalization form C (UAX #15).

use composer::Composer;
use table::{Entry, TABLE, Table, Unit};

mod composer;
mod table;

/// A character in UTF-8, the first byte lowest: never 0.
pub(crate) type Utf8 = u32;

/// Takes folded text, character by character.
pub(crate) trait Characters {
    /// The next character of the folded text.
    fn push_char(&mut self, character: Utf8);
}

/// Takes a folded line. Nearly all of an ASCII text comes by [`push_ascii`](Sink::push_ascii), at less cost.
pub(crate) trait Sink: Characters {
    /// Ends the characters that came one by one: an ASCII character is next, by `push_ascii`.
    fn begin_ascii(&mut self);

    /// The next character of the folded text, in ASCII; a letter may be a capital. The character after it
    /// is ASCII, too, and comes by either way.
    fn push_ascii(&mut self, byte: u8);

    /// Whether the rest of the line makes no difference.
    fn is_done(&self) -> bool;
}

/// A character in UTF-8.
pub(crate) fn utf8(c: char) -> Utf8 {
    let mut utf8 = [0; 4];
    c.encode_utf8(&mut utf8);
    Utf8::from_le_bytes(utf8)
}

/// Folds lines. It is kept for the next one, as are its memory and what it has put together last.
#[derive(Debug)]
pub(crate) struct Folder {
    /// Puts characters together; its buffers are kept.
    composer: Composer,
    /// What was put together of late, each at the place that its text says.
    known: Vec<Known>,
}

/// How much of what was put together is known: more than most languages have.
const KNOWN: usize = 2048;

/// The longest text of which it is known what it is put together to, in bytes, before and after that.
const LONGEST: usize = size_of::<u64>();

/// What a text was put together to: the bytes of both, the first one lowest.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    /// The text before.
    text: u64,
    /// The text after.
    folded: u64,
}

impl Default for Folder {
    fn default() -> Folder {
        Folder { composer: Composer::default(), known: vec![Known::default(); KNOWN] }
    }
}

impl Folder {
    /// Gives the folded line, which has no U+0000, to `sink`, until that is done.
    pub(crate) fn fold(&mut self, line: &str, sink: &mut impl Sink) {
        let (table, bytes) = (&*TABLE, line.as_bytes());
        let mut at = 0;
        while at < bytes.len() && !sink.is_done() {
            // Of ASCII, only the last before something else may be joined.
            let mut rest = &bytes[at..];
            if let [one, next, ..] = rest
                && (one | next).is_ascii()
            {
                sink.begin_ascii();
            }
            while let [one, next, ..] = rest
                && (one | next).is_ascii()
            {
                sink.push_ascii(*one);
                rest = &rest[1..];
            }
            at = bytes.len() - rest.len();
            at = self.fold_up_to_ascii(table, bytes, at, sink);
        }
    }

    /// Folds what begins at `bytes[at]`, and gives where more is to be folded.
    #[inline(always)]
    fn fold_up_to_ascii(
        &mut self,
        table: &Table,
        bytes: &[u8],
        at: usize,
        sink: &mut impl Sink,
    ) -> usize {
        let mut unit = table.look_up(bytes, at);
        while unit.end < bytes.len() {
            let next = table.look_up(bytes, unit.end);
            if next.entry.has(Entry::JOINS) {
                return self.fold_joined(table, bytes, [unit, next], sink);
            }
            table.give(bytes, unit, sink);
            if next.entry.is_ascii() {
                return next.start;
            }
            unit = next;
        }
        table.give(bytes, unit, sink);
        unit.end
    }

    /// Folds a character and all that may join it, and gives where the next one begins.
    fn fold_joined(
        &mut self,
        table: &Table,
        bytes: &[u8],
        [first, second]: [Unit; 2],
        sink: &mut impl Sink,
    ) -> usize {
        let mut last = second;
        while last.end < bytes.len() {
            let next = table.look_up(bytes, last.end);
            if !next.entry.has(Entry::JOINS) {
                break;
            }
            last = next;
        }
        let (begin, end) = (first.start, last.end);
        let Some(text) = as_number(bytes, begin, end) else {
            self.composer.fold(table, &bytes[begin..end], sink);
            return end;
        };
        let place = place(text);
        if self.known[place].text == text {
            give(self.known[place].folded, sink);
            return end;
        }
        let mut noting = Noting { sink, folded: 0, length: 0 };
        self.composer.fold(table, &bytes[begin..end], &mut noting);
        if noting.length as usize <= LONGEST {
            self.known[place] = Known { text, folded: noting.folded };
        }
        end
    }
}

/// Notes what it passes on.
struct Noting<'a, S> {
    /// Where it passes everything on.
    sink: &'a mut S,
    /// What came so far in UTF-8, the first byte lowest, if `length` is at most [`LONGEST`].
    folded: u64,
    /// Of how many bytes that is.
    length: u32,
}

impl<S: Characters> Characters for Noting<'_, S> {
    #[inline(always)]
    fn push_char(&mut self, character: Utf8) {
        self.sink.push_char(character);
        self.folded |= u64::from(character).wrapping_shl(8 * self.length);
        self.length += u32::from(length(character as u8));
    }
}

/// Gives characters in UTF-8 up to the last byte that is not 0, the first byte lowest.
#[inline(always)]
fn give(mut bytes: u64, sink: &mut impl Characters) {
    while bytes > 0 {
        let bits = 8 * u32::from(length(bytes as u8));
        sink.push_char((bytes & (u64::MAX >> (u64::BITS - bits))) as Utf8);
        bytes >>= bits;
    }
}

/// How many bytes a character has in UTF-8 whose first byte this is.
#[inline(always)]
fn length(first: u8) -> u8 {
    match first {
        ..0x80 => 1,
        0x80..0xe0 => 2,
        0xe0..0xf0 => 3,
        0xf0.. => 4,
    }
}

/// A part of a line as one number, unless it is too long.
#[inline(always)]
fn as_number(bytes: &[u8], begin: usize, end: usize) -> Option<u64> {
    let unused = 8 * LONGEST.checked_sub(end - begin)?;
    if let Some(piece) = bytes.get(begin..begin + LONGEST) {
        // Read in one piece.
        let number = u64::from_le_bytes(piece.try_into().ok()?);
        return Some(number << unused >> unused);
    }
    let last = bytes[begin..end].iter().rev();
    Some(last.fold(0, |number, &byte| number << 8 | u64::from(byte)))
}

/// Where it is known what a text is put together to.
#[inline(always)]
fn place(text: u64) -> usize {
    (text.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - KNOWN.ilog2())) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Strategy, prop_assert_eq, proptest};
    use proptest::sample::select;

    use super::*;
    use crate::protocol::arbitrary::{some_of_a_few, text};
    use crate::protocol::text::fold;

    struct Folded(Vec<u8>);

    impl Characters for Folded {
        fn push_char(&mut self, character: Utf8) {
            let bytes = character.to_le_bytes();
            self.0.extend_from_slice(&bytes[..length(bytes[0]).into()]);
        }
    }

    impl Sink for Folded {
        fn begin_ascii(&mut self) {}

        fn push_ascii(&mut self, byte: u8) {
            self.0.push(byte.to_ascii_lowercase());
        }

        fn is_done(&self) -> bool {
            false
        }
    }

    fn folded(folder: &mut Folder, line: &str) -> String {
        let mut folded = Folded(Vec::new());
        folder.fold(line, &mut folded);
        String::from_utf8(folded.0).expect("it is UTF-8")
    }

    #[test]
    fn every_character_is_folded_as_by_the_definition_alone_and_after_others() {
        let mut folder = Folder::default();
        for c in ('\u{1}'..=char::MAX).take_while(|&c| u32::from(c) < table::END + 100) {
            let lines = [
                c.to_string(),
                format!("e{c}\u{323}"),
                format!("\u{e9}{c}"),
                format!("{c}\u{301}i"),
                format!("I{c}\u{307}"),
            ];
            for line in lines {
                assert_eq!(folded(&mut folder, &line), fold(&line), "{line:?}");
            }
        }
    }

    /// What joins, is joined, folds to several or none, or is put in order.
    fn joining() -> impl Strategy<Value = String> {
        const CHARACTERS: [char; 36] = [
            'a', 'E', 'i', 'I', '\u{130}', '\u{131}', 's', '\u{df}', '\u{1e9e}', '\u{e9}',
            '\u{ea}', '\u{1ecb}', '\u{300}', '\u{301}', '\u{307}', '\u{323}', '\u{316}', '\u{31b}',
            '\u{327}', '\u{344}', '\u{345}', '\u{340}', '\u{3b1}', '\u{1fb3}', '\u{390}',
            '\u{3c9}', '\u{1100}', '\u{1161}', '\u{11a8}', '\u{ac00}', '\u{ac01}', '\u{9c7}',
            '\u{9be}', '\u{958}', '\u{93c}', '\u{212b}',
        ];
        some_of_a_few(select(&CHARACTERS[..]), 12)
            .prop_map(|characters| characters.into_iter().collect())
    }

    proptest! {
        #[test]
        fn any_text_is_folded_as_by_the_definition(
            safe in text(),
            other in "[^\0]*",
            joining in joining(),
        ) {
            for line in [safe, other, joining] {
                prop_assert_eq!(folded(&mut Folder::default(), &line), fold(&line));
            }
        }
    }
}
