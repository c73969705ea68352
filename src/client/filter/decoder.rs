//! Standard input as UTF-8, whatever it comes in. Pure.
//!
//! A byte order mark at the beginning names the encoding and is taken off: UTF-8, or UTF-16 in either
//! order, which Windows PowerShell 5 writes into files. Without one the input is UTF-8. What cannot
//! be read becomes U+FFFD. A character may be cut anywhere by the pieces in which the input arrives.

use std::borrow::Cow;

/// The byte order marks (The Unicode Standard, 23.8), with the encodings that they name.
const MARKS: [(&[u8], Encoding); 3] = [
    (b"\xef\xbb\xbf", Encoding::Utf8),
    (b"\xff\xfe", Encoding::Utf16(u16::from_le_bytes)),
    (b"\xfe\xff", Encoding::Utf16(u16::from_be_bytes)),
];

/// Decodes a stream of bytes.
#[derive(Debug)]
pub(super) struct Decoder {
    /// `None` until enough bytes have come to tell.
    encoding: Option<Encoding>,
    /// The beginning of a mark or of a character, until the rest arrives: 3 bytes at most.
    held: Vec<u8>,
    /// Whether something could not be read.
    is_damaged: bool,
}

#[derive(Debug, Clone, Copy)]
enum Encoding {
    /// UTF-8.
    Utf8,
    /// With how two bytes become a unit.
    Utf16(fn([u8; 2]) -> u16),
}

impl Decoder {
    pub(super) fn new() -> Decoder {
        Decoder { encoding: None, held: Vec::new(), is_damaged: false }
    }

    /// The text in these bytes, in UTF-8, without the part of a character that stands at their end.
    pub(super) fn decode<'a>(&mut self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        let is_plain = self.held.is_empty() && matches!(self.encoding, Some(Encoding::Utf8));
        if is_plain && str::from_utf8(bytes).is_ok() {
            return Cow::Borrowed(bytes);
        }
        let mut all = std::mem::take(&mut self.held);
        all.extend_from_slice(bytes);
        if self.encoding.is_none() {
            if begins_a_mark(&all) {
                self.held = all;
                return Cow::Borrowed(b"");
            }
            let mark = MARKS.into_iter().find(|(mark, _)| all.starts_with(mark));
            let (mark, encoding) = mark.unwrap_or((b"", Encoding::Utf8));
            self.encoding = Some(encoding);
            all.drain(..mark.len());
        }
        Cow::Owned(self.convert(&all).into_bytes())
    }

    /// What stands unfinished at the end of the input.
    pub(super) fn finish(&mut self) -> Vec<u8> {
        let held = std::mem::take(&mut self.held);
        self.encoding.get_or_insert(Encoding::Utf8);
        let mut text = self.convert(&held);
        if !std::mem::take(&mut self.held).is_empty() {
            self.replace(&mut text);
        }
        text.into_bytes()
    }

    /// Whether something could not be read, for the first time that it is asked since.
    pub(super) fn take_damage(&mut self) -> bool {
        std::mem::take(&mut self.is_damaged)
    }

    fn convert(&mut self, bytes: &[u8]) -> String {
        match self.encoding {
            None | Some(Encoding::Utf8) => self.convert_utf8(bytes),
            Some(Encoding::Utf16(unit)) => self.convert_utf16(bytes, unit),
        }
    }

    fn convert_utf8(&mut self, mut bytes: &[u8]) -> String {
        let mut text = String::with_capacity(bytes.len());
        for chunk in bytes.utf8_chunks() {
            text.push_str(chunk.valid());
            bytes = &bytes[chunk.valid().len()..];
            let is_cut = str::from_utf8(bytes).is_err_and(|why| why.error_len().is_none());
            if is_cut && bytes.len() == chunk.invalid().len() {
                self.held = bytes.to_vec();
            } else if !chunk.invalid().is_empty() {
                self.replace(&mut text);
            }
            bytes = &bytes[chunk.invalid().len()..];
        }
        text
    }

    fn convert_utf16(&mut self, bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
        let (pairs, odd) = bytes.as_chunks::<2>();
        let is_high = |pair: &[u8; 2]| (0xd800..0xdc00).contains(&unit(*pair));
        let cut = pairs.last().is_some_and(is_high);
        let whole = pairs.len() - usize::from(cut);
        let mut text = String::with_capacity(bytes.len());
        for character in char::decode_utf16(pairs[..whole].iter().map(|&pair| unit(pair))) {
            match character {
                Ok(character) => text.push(character),
                Err(_) => self.replace(&mut text),
            }
        }
        self.held = [pairs[whole..].as_flattened(), odd].concat();
        text
    }

    fn replace(&mut self, text: &mut String) {
        self.is_damaged = true;
        text.push(char::REPLACEMENT_CHARACTER);
    }
}

/// Whether a mark may still come of what has come so far.
fn begins_a_mark(bytes: &[u8]) -> bool {
    MARKS.iter().any(|(mark, _)| bytes.len() < mark.len() && mark.starts_with(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes out of `bytes` in pieces of that size, and whether some could not be read.
    fn decoded(bytes: &[u8], size: usize) -> (String, bool) {
        let mut decoder = Decoder::new();
        let pieces = bytes.chunks(size).map(|piece| decoder.decode(piece).into_owned());
        let mut text: Vec<u8> = pieces.collect::<Vec<_>>().concat();
        text.extend(decoder.finish());
        (String::from_utf8(text).expect("it is UTF-8"), decoder.take_damage())
    }

    fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn the_text_is_the_same_in_every_encoding_and_in_whatever_pieces() {
        let text = "h\u{e9}llo \u{1f389}\r\n/etc \u{430}";
        let marked = format!("\u{feff}{text}");
        let all = [
            text.as_bytes().to_vec(),
            marked.as_bytes().to_vec(),
            utf16(&marked, u16::to_le_bytes),
            utf16(&marked, u16::to_be_bytes),
        ];
        for bytes in all {
            for size in 1..=bytes.len() {
                assert_eq!(decoded(&bytes, size), (text.to_owned(), false), "in {size}s");
            }
        }
    }

    #[test]
    fn what_cannot_be_read_is_replaced() {
        let cases: [(&[u8], &str); 8] = [
            (b"caf\xe9\nok", "caf\u{fffd}\nok"),
            (b"caf\xe9", "caf\u{fffd}"),
            (b"\xef\xbb", "\u{fffd}"),
            (b"\xff", "\u{fffd}"),
            (b"a\xf0\x9f\x8e\nb", "a\u{fffd}\nb"),
            (b"\xff\xfea\0\x3c\xd8b\0", "a\u{fffd}b"),
            (b"\xff\xfea\0b", "a\u{fffd}"),
            (b"\xfe\xff\xd8\x3c", "\u{fffd}"),
        ];
        for (bytes, expected) in cases {
            for size in 1..=bytes.len() {
                let expected = (expected.to_owned(), true);
                assert_eq!(decoded(bytes, size), expected, "{bytes:x?} in {size}s");
            }
        }
        assert_eq!(decoded(b"", 1), (String::new(), false));
    }

    #[test]
    fn plain_input_is_not_copied() {
        let mut decoder = Decoder::new();
        decoder.decode(b"first ");
        assert!(matches!(decoder.decode(b"second"), Cow::Borrowed(b"second")));
    }
}
