//! Telnet's commands (RFC 854) in a stream of bytes, in whatever pieces it arrives: told apart from the
//! text before that is split into lines, since an option's number may look like a line end. Pure.
//!
//! Every client's stream is read so, for whoever uses `telnet` as if it were `nc` need not say so. Text in
//! UTF-8 never has the byte IAC; in Latin-1 it is ÿ, and stays what it is where no command follows.

use memchr::memchr;

/// "Interpret as command": the byte before every command; twice, it is that byte of text.
pub const IAC: u8 = 255;
const DONT: u8 = 254;
const DO: u8 = 253;
const WONT: u8 = 252;
const WILL: u8 = 251;
/// A subnegotiation begins, and ends with IAC SE.
const SB: u8 = 250;
const SE: u8 = 240;
const ERASE_LINE: u8 = 248;
const ERASE_CHARACTER: u8 = 247;
const ARE_YOU_THERE: u8 = 246;
/// The first command of all, the end of a file (RFC 1184).
const FIRST_COMMAND: u8 = 236;

/// The longest subnegotiation, in bytes. We agree to no option, so none ought to come; and whoever
/// writes ÿú is not to lose all that follows.
const LONGEST_SUBNEGOTIATION: usize = 512;

/// Takes the commands out of a client's or a server's bytes.
#[derive(Debug)]
pub struct Decoder(State);

/// In the middle of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Text,
    /// Behind IAC.
    Command,
    /// Behind WILL, WONT, DO or DONT.
    Option(u8),
    /// In a subnegotiation that may have so many bytes more.
    Subnegotiation(usize),
    /// Behind an IAC there.
    SubnegotiationCommand(usize),
}

/// What stands next in the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Text, a part of a line or several.
    Text(&'a [u8]),
    /// It erases a character or a line: the key that does so (U+007F, U+0015).
    Key(u8),
    /// Something that wants an answer.
    Request(Request),
}

/// What the other side wants to know. All else that it may command means nothing to a chat room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// It asks us to do something: `IAC DO` and the option.
    Do(u8),
    /// It offers to do something: `IAC WILL` and the option.
    Will(u8),
    /// `IAC AYT`: it wants to see a sign of life.
    AreYouThere,
}

impl Request {
    /// The no to an option. To refuse each is all that RFC 854 asks for, and for one of them, the timing
    /// mark (RFC 860), `telnet` waits after Ctrl+C and shows nothing until it comes. `None` for what
    /// wants a line.
    #[must_use]
    pub fn refusal(self) -> Option<[u8; 3]> {
        match self {
            Request::Do(option) => Some([IAC, WONT, option]),
            Request::Will(option) => Some([IAC, DONT, option]),
            Request::AreYouThere => None,
        }
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Decoder(State::Text)
    }
}

impl Decoder {
    /// Takes the next piece off the front of `chunk`; `None` when the chunk is used up. A command of
    /// which only a part has arrived waits for the next chunk.
    pub fn next<'c>(&mut self, chunk: &mut &'c [u8]) -> Option<Piece<'c>> {
        while let Some(&byte) = chunk.first() {
            let piece = match self.0 {
                State::Text => self.text(chunk),
                state => self.step(state, byte, chunk),
            };
            if piece.is_some() {
                return piece;
            }
        }
        None
    }

    /// What is left at the end of the input, or where the sender is silent: a byte that began no command.
    pub fn finish(&mut self) -> &'static [u8] {
        if self.0 != State::Command {
            return &[];
        }
        self.0 = State::Text;
        &[IAC]
    }

    /// Takes the text before the next command, if there is any.
    fn text<'c>(&mut self, chunk: &mut &'c [u8]) -> Option<Piece<'c>> {
        let end = memchr(IAC, chunk);
        let (text, rest) = chunk.split_at(end.unwrap_or(chunk.len()));
        *chunk = rest;
        if end.is_some() {
            *chunk = &rest[1..];
            self.0 = State::Command;
        }
        (!text.is_empty()).then_some(Piece::Text(text))
    }

    /// Takes one byte, or leaves it where it turns out to be text.
    fn step<'c>(&mut self, state: State, byte: u8, chunk: &mut &'c [u8]) -> Option<Piece<'c>> {
        use State::{Command, Option, Subnegotiation, SubnegotiationCommand, Text};
        let (next, piece) = match (state, byte) {
            (Text, _) => return self.text(chunk),
            (Command, WILL | WONT | DO | DONT) => (Option(byte), None),
            (Command, SB) => (Subnegotiation(LONGEST_SUBNEGOTIATION), None),
            (Command, ERASE_CHARACTER) => (Text, Some(Piece::Key(0x7f))),
            (Command, ERASE_LINE) => (Text, Some(Piece::Key(0x15))),
            (Command, ARE_YOU_THERE) => (Text, Some(Piece::Request(Request::AreYouThere))),
            (Command, IAC) => (Text, Some(Piece::Text(&[IAC]))),
            (Command, FIRST_COMMAND..) => (Text, None),
            (Command, _) => {
                self.0 = Text;
                return Some(Piece::Text(&[IAC]));
            }
            (Option(DO), option) => (Text, Some(Piece::Request(Request::Do(option)))),
            (Option(WILL), option) => (Text, Some(Piece::Request(Request::Will(option)))),
            (Option(_), _) => (Text, None),
            (Subnegotiation(0), _) => (Text, None),
            (Subnegotiation(left), IAC) => (SubnegotiationCommand(left - 1), None),
            (Subnegotiation(left), _) => (Subnegotiation(left - 1), None),
            (SubnegotiationCommand(_), SE) => (Text, None),
            (SubnegotiationCommand(left), _) => (Subnegotiation(left.saturating_sub(1)), None),
        };
        self.0 = next;
        *chunk = &chunk[1..];
        piece
    }
}

#[cfg(test)]
mod tests {
    use std::iter::repeat_n;

    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    use super::*;
    use crate::protocol::arbitrary::{chunks, cut};

    /// The text of it all, and what was asked for.
    fn decode(chunks: &[&[u8]]) -> (Vec<u8>, Vec<Request>) {
        let mut decoder = Decoder::default();
        let (mut text, mut requests) = (Vec::new(), Vec::new());
        for mut chunk in chunks.iter().copied() {
            while let Some(piece) = decoder.next(&mut chunk) {
                match piece {
                    Piece::Text(bytes) => text.extend_from_slice(bytes),
                    Piece::Key(key) => text.push(key),
                    Piece::Request(request) => requests.push(request),
                }
            }
            assert!(chunk.is_empty());
        }
        text.extend_from_slice(decoder.finish());
        (text, requests)
    }

    #[test]
    fn commands_are_no_text_and_text_is_no_command_however_the_bytes_arrive() {
        use Request::{AreYouThere, Do, Will};
        let longest = [&b"a\xff\xfa"[..], &[b'x'; 600], b"\nb"].concat();
        let cut_short = [&[b'a'][..], &[b'x'; 600 - LONGEST_SUBNEGOTIATION - 1], b"\nb"].concat();
        let cases: &[(&[u8], &[u8], &[Request])] = &[
            (b"", b"", &[]),
            (b"plain\r\n", b"plain\r\n", &[]),
            // What telnet sends for Ctrl+C, also with its SYNCH; for Ctrl+\ and Ctrl+Z.
            (b"\xff\xf4\xff\xfd\x06hi\r\n", b"hi\r\n", &[Do(6)]),
            (b"\xff\xf4\xff\xfd\x06\xff\xf2hi", b"hi", &[Do(6)]),
            (b"\xff\xf3\xff\xfd\x06\xff\xed\xff\xfd\x06", b"", &[Do(6), Do(6)]),
            // Each command of two bytes.
            (b"a\xff\xec\xff\xed\xff\xee\xff\xef\xff\xf0\xff\xf1\xff\xf2\xff\xf3\xff\xf4\xff\xf5\xff\xf9b", b"ab", &[]),
            (b"\xff\xf6", b"", &[AreYouThere]),
            (b"ab\xff\xf7c\xff\xf8d", b"ab\x7fc\x15d", &[]),
            // Options, of which some look like a line end or like IAC.
            (b"\xff\xfb\x18\xff\xfd\x01\xff\xfc\x18\xff\xfe\x01hello", b"hello", &[Will(0x18), Do(1)]),
            (b"a\xff\xfb\nb\xff\xfd\r\n", b"ab\n", &[Will(b'\n'), Do(b'\r')]),
            (b"a\xff\xfd\xffb", b"ab", &[Do(255)]),
            (b"he\xff\xfa\x18\0xterm\xff\xf0llo", b"hello", &[]),
            (b"a\xff\xfa\x1f\0\x50\0\x0a\xff\xff\xff\xf0b", b"ab", &[]),
            (b"hello\xff\xfb", b"hello", &[]),
            (b"hello\xff\xfa\x18\0xterm", b"hello", &[]),
            (&longest, &cut_short, &[]),
            // The byte itself.
            (b"a\xff\xffb", b"a\xffb", &[]),
            (b"\xff\xff\xff\xfd\x06", b"\xff", &[Do(6)]),
            (b"Ha\xff-les-Roses\nLou\xffs\nL\xff\n", b"Ha\xff-les-Roses\nLou\xffs\nL\xff\n", &[]),
            (b"\xff", b"\xff", &[]),
        ];
        for (bytes, text, requests) in cases {
            for size in 1..=bytes.len().max(1) {
                let chunks: Vec<&[u8]> = bytes.chunks(size).collect();
                let (decoded, asked) = decode(&chunks);
                assert_eq!(decoded.escape_ascii().to_string(), text.escape_ascii().to_string());
                assert_eq!(asked, *requests, "{} by {size}", bytes.escape_ascii());
            }
        }
    }

    #[test]
    fn each_option_is_refused() {
        assert_eq!(Request::Do(6).refusal(), Some([255, 252, 6]));
        assert_eq!(Request::Will(31).refusal(), Some([255, 254, 31]));
        assert_eq!(Request::AreYouThere.refusal(), None);
    }

    #[test]
    fn text_without_commands_is_not_copied() {
        let bytes = b"one\ntwo\n".to_vec();
        let mut chunk = &bytes[..];
        let Some(Piece::Text(text)) = Decoder::default().next(&mut chunk) else {
            panic!("no text")
        };
        assert!(std::ptr::eq(text, &raw const *bytes));
    }

    #[test]
    fn many_commands_take_no_stack() {
        assert_eq!(decode(&[&b"\xff\xf1".repeat(1 << 20)]), (Vec::new(), Vec::new()));
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_chunks_are_what_they_are_at_once((bytes, sizes) in chunks()) {
            let at_once = decode(&[&bytes]);
            prop_assert_eq!(decode(&cut(&bytes, &sizes)), at_once.clone());
            prop_assert!(at_once.0.len() <= bytes.len());
            // To double the byte is to say it.
            let doubled = bytes.iter().flat_map(|&b| repeat_n(b, if b == IAC { 2 } else { 1 }));
            let doubled: Vec<u8> = doubled.collect();
            prop_assert_eq!(decode(&[&doubled]), (bytes, Vec::new()));
        }
    }
}
