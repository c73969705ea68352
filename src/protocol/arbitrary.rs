//! What neither people nor programs send, at random, and what has to hold of whatever is made of it.

use std::fmt::Debug;

use proptest::collection::vec;
use proptest::prelude::{Strategy, any, prop_oneof};
use proptest::sample::select;

use super::name::{MAX_CHARACTERS, Name};
use super::text::make_safe;

/// What may go wrong in company: the parts of escape sequences and of telnet's, characters that
/// reorder, join or pile up, line ends, halves of characters, and what lines begin with.
const PIECES: [&[u8]; 58] = [
    b"\x1b",
    b"[",
    b"]0;",
    b"31m",
    b"\x1b\\",
    b"\x07",
    b"\x18",
    "\u{90}".as_bytes(),
    "\u{9b}".as_bytes(),
    "\u{9c}".as_bytes(),
    b"\xff",
    b"\xff\xfa",
    b"\xff\xf0",
    b"\xff\xfb\x01",
    b"\xff\xf7",
    b"\xff\xfd\n",
    b"\x7f",
    b"\x15",
    b"\xc2",
    b"\x9b",
    b"\xe2\x80",
    b"\xae",
    "\u{202e}".as_bytes(),
    "\u{2066}".as_bytes(),
    "\u{2028}".as_bytes(),
    "\u{200b}".as_bytes(),
    "\u{200d}".as_bytes(),
    "\u{200c}".as_bytes(),
    "\u{200f}".as_bytes(),
    "\u{645}".as_bytes(),
    "\u{915}\u{94d}".as_bytes(),
    "\u{fe0f}".as_bytes(),
    "\u{20e3}".as_bytes(),
    "\u{3164}".as_bytes(),
    "\u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e007f}".as_bytes(),
    "\u{e0067}".as_bytes(),
    "\u{301}\u{301}\u{301}".as_bytes(),
    "\u{344}".as_bytes(),
    "\u{1100}".as_bytes(),
    "\u{1161}\u{1161}\u{1161}".as_bytes(),
    "\u{958}".as_bytes(),
    "日".as_bytes(),
    "👩‍👧".as_bytes(),
    b"\0",
    b"\t",
    b"\r",
    b"\r\0",
    b"\n",
    b" ",
    b"a",
    b"7",
    b"/",
    b"-- ",
    b"<bob> ",
    b"@1 2 ",
    b"+ 3",
    b"= nick ",
    b"| 14:05 ",
];

/// Any bytes.
pub(crate) fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => select(&PIECES[..]).prop_map(<[u8]>::to_vec),
        1 => any::<u8>().prop_map(|byte| vec![byte]),
        1 => any::<char>().prop_map(|c| c.to_string().into_bytes()),
    ];
    some_of_a_few(piece, 24).prop_map(|pieces| pieces.concat())
}

/// Up to so many of a few, so that some come together that seldom meet.
pub(crate) fn some_of_a_few<T: Clone + Debug + 'static>(
    one: impl Strategy<Value = T>,
    most: usize,
) -> impl Strategy<Value = Vec<T>> {
    vec(one, 1..6).prop_flat_map(move |few| vec(select(few), 0..=most))
}

/// Bytes, and into how large chunks they are cut.
pub(crate) fn chunks() -> impl Strategy<Value = (Vec<u8>, Vec<usize>)> {
    (bytes(), vec(1..9_usize, 1..6))
}

/// The bytes in chunks of these sizes, in turn.
pub(crate) fn cut<'a>(mut bytes: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
    let mut chunks = Vec::new();
    for size in sizes.iter().cycle() {
        let (chunk, rest) = bytes.split_at((*size).min(bytes.len()));
        chunks.push(chunk);
        bytes = rest;
        if bytes.is_empty() {
            break;
        }
    }
    chunks
}

/// A line that has been made safe.
pub(crate) fn text() -> impl Strategy<Value = String> {
    bytes().prop_map(|bytes| make_safe(&bytes).into_owned())
}

/// A good name.
pub(crate) fn name() -> impl Strategy<Value = Name> {
    const LETTERS: [&str; 17] = [
        "a", "Z", "9", "_", "-", ".", "é", "\u{301}", "\u{344}", "日", "ж", "क", "\u{94d}",
        "\u{958}", "\u{1100}", "\u{1161}", "\u{11a8}",
    ];
    let letters = some_of_a_few(select(&LETTERS[..]), 2 * MAX_CHARACTERS);
    letters
        .prop_map(|letters| letters.concat())
        .prop_filter_map("a bad name", |name| Name::parse(&name).ok())
}
