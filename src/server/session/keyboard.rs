//! The arrival of a line's bytes: at once, as programs send them, or key by key, from a person who types. Pure.
//!
//! A client may send no newlines, as the Python original does: the bytes that it has sent at once are a message
//! once they have stood for a while. Or it sends each key, as `telnet` does in its character mode, and `nc` in a
//! terminal without line editing: then the server waits for the newline, and until then some keys edit.

use std::time::Duration;

use unicode_segmentation::UnicodeSegmentation;

use crate::protocol::GRACE;
use crate::protocol::text::make_safe;

/// How long one character alone may stand before it counts as a message. A person who types has pressed another
/// key by then.
pub(super) const LONE_KEY: Duration = Duration::from_secs(3);

/// The most keys that a person presses in the time that one packet takes. More characters at once are not typed.
const FEW: usize = 3;

/// The longest key, in bytes. The emoji of a family has 25, the flag of England 28.
const LONGEST: usize = 32;

/// How the beginning of a line has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrival {
    /// Nothing has come.
    Nothing,
    /// One key has come. Either a person types, or it is a message.
    OneKey {
        /// Whether nothing has come for a while since.
        stood: bool,
    },
    /// Several keys have come, one or a few at a time, and perhaps pasted text.
    KeyByKey,
    /// More has come at once than a person types.
    AtOnce,
}

/// The meaning of a silence.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Silence {
    /// It means nothing yet.
    Wait,
    /// The beginning of the line is a message.
    Message,
    /// A person types, and thinks.
    Typing,
}

impl Arrival {
    /// The arrival once `text` has come, too.
    pub(super) fn and(self, text: &[u8]) -> Arrival {
        match self {
            Arrival::Nothing if is_one_key(text) => Arrival::OneKey { stood: false },
            Arrival::OneKey { .. } if are_few_keys(text) => Arrival::KeyByKey,
            Arrival::Nothing | Arrival::OneKey { .. } | Arrival::AtOnce => Arrival::AtOnce,
            Arrival::KeyByKey => Arrival::KeyByKey,
        }
    }

    /// Whether one character was a message, since another one comes: of a client that has sent no
    /// newline yet, and sends none now.
    pub(super) fn is_message_before(self, text: &[u8]) -> bool {
        self == Arrival::OneKey { stood: true }
            && !are_few_keys(text)
            && !text.contains(&b'\n')
            && !text.contains(&b'\r')
    }

    /// How long to wait for more before silence means something; `None` is for ever. For a client that is not in
    /// the room the time is bounded, since it misses what happens there.
    pub(super) fn timeout(self, is_in_room: bool) -> Option<Duration> {
        match self {
            Arrival::Nothing | Arrival::AtOnce | Arrival::OneKey { stood: false } => Some(GRACE),
            Arrival::OneKey { stood: true } => Some(LONE_KEY - GRACE),
            Arrival::KeyByKey => (!is_in_room).then_some(LONE_KEY),
        }
    }

    /// Called when nothing has come for as long as [`timeout`](Arrival::timeout) says.
    pub(super) fn on_silence(&mut self) -> Silence {
        match self {
            Arrival::OneKey { stood } if !*stood => {
                *stood = true;
                Silence::Wait
            }
            Arrival::KeyByKey => Silence::Typing,
            Arrival::Nothing | Arrival::OneKey { .. } | Arrival::AtOnce => Silence::Message,
        }
    }
}

/// Whether `text` is what one key sends: a character with all that is drawn onto it, or a part of it; or
/// an escape sequence.
fn is_one_key(text: &[u8]) -> bool {
    count_keys(text) == Some(1)
}

fn are_few_keys(text: &[u8]) -> bool {
    count_keys(text).is_some_and(|keys| keys <= FEW)
}

/// `None` is too many to count.
fn count_keys(text: &[u8]) -> Option<usize> {
    const ESC: u8 = 0x1b;
    if text.len() > LONGEST {
        return None;
    }
    let is_sequence = text.first() == Some(&ESC) && make_safe(text).is_empty();
    let is_part = text.iter().all(|byte| (0x80..0xc0).contains(byte));
    if is_sequence || is_part {
        return Some(1);
    }
    Some(String::from_utf8_lossy(text).graphemes(true).count())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONE: Arrival = Arrival::OneKey { stood: false };
    const STOOD: Arrival = Arrival::OneKey { stood: true };

    fn after(parts: &[&[u8]]) -> Arrival {
        parts.iter().fold(Arrival::Nothing, |arrival, part| arrival.and(part))
    }

    #[test]
    fn a_key_is_a_character_with_all_its_parts_or_a_sequence() {
        let keys: [&[u8]; 14] = [
            b"a",
            b" ",
            b"\x7f",
            b"\r",
            b"\r\n",
            b"\x1b",
            b"\x1b[A",
            b"\x1bOP",
            b"\x1b[15~",
            b"\xc3",
            b"\xa9",
            b"\x97\xa5",
            b"\xe6\x97",
            b"\xff",
        ];
        for key in keys {
            assert_eq!(after(&[key]), LONE, "{}", key.escape_ascii());
        }
        for key in [
            "é",
            "e\u{301}",
            "日",
            "👩‍👩‍👧",
            "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
        ] {
            assert_eq!(after(&[key.as_bytes()]), LONE, "{key}");
        }
        for text in ["hi", "日本", "\x1b[Ax", "é!", "one line of text"] {
            assert_eq!(after(&[text.as_bytes()]), Arrival::AtOnce, "{text}");
        }
    }

    #[test]
    fn what_comes_key_by_key_is_typed_also_with_a_paste_in_between() {
        assert_eq!(after(&[b"/", b"n"]), Arrival::KeyByKey);
        assert_eq!(after(&[b"/", b"nic"]), Arrival::KeyByKey);
        assert_eq!(after(&[b"/", b"n", b"\x7f", b"a pasted word", b"!"]), Arrival::KeyByKey);
        assert_eq!(after(&[b"h", b"ello"]), Arrival::AtOnce);
        assert_eq!(after(&[b"hello", b"!", b"!"]), Arrival::AtOnce);
    }

    #[test]
    fn silence_after_one_key_is_waited_out() {
        let mut arrival = after(&[b"y"]);
        assert_eq!(arrival.timeout(false), Some(GRACE));
        assert_eq!((arrival.on_silence(), arrival), (Silence::Wait, STOOD));
        assert_eq!(arrival.timeout(true), Some(LONE_KEY - GRACE));
        assert_eq!(arrival.on_silence(), Silence::Message);
        assert_eq!(STOOD.and(b"e"), Arrival::KeyByKey);
        let mut typing = after(&[b"y", b"e"]);
        assert_eq!((typing.timeout(false), typing.timeout(true)), (Some(LONE_KEY), None));
        assert_eq!(typing.on_silence(), Silence::Typing);
        assert_eq!(after(&[b"yes"]).on_silence(), Silence::Message);
    }

    #[test]
    fn a_message_that_follows_one_character_makes_that_a_message_too() {
        assert!(STOOD.is_message_before(b"how are you?"));
        for text in [&b"es"[..], b"nick bob\n", b"msg bob psst\r"] {
            assert!(!STOOD.is_message_before(text), "{}", text.escape_ascii());
        }
        assert!(!LONE.is_message_before(b"ow are you?"));
        assert!(!Arrival::KeyByKey.is_message_before(b"a pasted word"));
    }
}
