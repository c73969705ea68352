//! One client's bytes, made the items that its session acts on: telnet's commands are taken out, the rest is
//! split into lines, and each line knows how it has come. Pure.
//!
//! It does not read the socket, nor does it know what a line asks for. The session's thread runs it.

use std::borrow::Cow;
use std::ops::ControlFlow;

use super::keyboard::{Arrival, Silence};
use super::{Ending, GO_ON, Next};
use crate::protocol::lines::{Line, LineSplitter};
use crate::protocol::telnet::{self, Decoder, Piece};
use crate::protocol::text::{make_safe, make_safe_as_typed};
use crate::server::token_bucket::UNIT;

/// The longest line end, in bytes.
const LINE_END: usize = 2;

/// A client's input, up to the bytes that were read last.
#[derive(Debug)]
pub(super) struct Input {
    /// Takes telnet's commands out of the bytes.
    telnet: Decoder,
    /// Splits the rest, and keeps the beginning of the current line.
    splitter: LineSplitter,
    /// How the beginning of the current line has come. It has no meaning between two lines.
    arrival: Arrival,
    /// Whether the client has ever sent single keys, so that the erasing ones among them edit.
    is_keyboard: bool,
    /// How many bytes have come of the current line, with its end, besides those that were handed on with
    /// [`Item::Skipped`].
    begun: usize,
}

/// Takes the items, one after the other, and says whether the session goes on.
type Sink<'s> = dyn FnMut(Item<'_>) -> Next + 's;

/// One thing that stands in the input.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Item<'a> {
    /// A line.
    Line(Received<'a>),
    /// So many bytes more of a line that is too long, which are not kept: a multiple of [`UNIT`].
    Skipped(usize),
    /// All that has come so far of a line without its end.
    Beginning(&'a [u8]),
    /// A command of telnet's that wants an answer.
    Telnet(telnet::Request),
}

/// A line as it was received.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Received<'a> {
    /// Its bytes.
    pub(super) line: Line<'a>,
    /// How it has ended.
    pub(super) end: End,
    /// For how many bytes it counts: without its end, and without those that were handed on with
    /// [`Item::Skipped`].
    pub(super) bytes: usize,
    /// Whether the client has sent single keys, so that the erasing ones in the line edit it.
    is_typed: bool,
}

/// How a line has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// With a newline. A line that is too long is handed on before its end.
    Newline,
    /// Nothing more has come for a while, or nothing more comes.
    Silence,
}

impl Input {
    /// The input of a client whose lines have `max_line` bytes at most, before anything has come.
    pub(super) fn new(max_line: usize) -> Input {
        Input {
            telnet: Decoder::default(),
            splitter: LineSplitter::with_universal_newlines(max_line),
            arrival: Arrival::Nothing,
            is_keyboard: false,
            begun: 0,
        }
    }

    /// Takes a chunk in as the socket gave it, and hands each of its items to `sink`, until that ends the
    /// session: the rest of the chunk is lost then.
    pub(super) fn read(&mut self, chunk: &[u8], sink: &mut Sink<'_>) -> Next {
        self.pieces(chunk, Input::text, sink)
    }

    /// The same for a chunk whose borders mean nothing: all of its text has come at once.
    #[cfg(any(all(test, not(shuttle)), fuzzing))]
    pub(super) fn read_at_once(&mut self, chunk: &[u8], sink: &mut Sink<'_>) -> Next {
        let split = |input: &mut Input, text: &[u8], sink: &mut Sink<'_>| {
            input.split(text, sink).map_continue(drop)
        };
        self.arrival = Arrival::AtOnce;
        self.pieces(chunk, split, sink)
    }

    /// Takes the beginning of the current line for a whole one: nothing more has come for a while, or nothing
    /// more comes.
    pub(super) fn finish(&mut self, sink: &mut Sink<'_>) -> Next {
        // A byte that might have begun a command of telnet's has not.
        let rest = self.telnet.finish();
        if !rest.is_empty() {
            self.text(rest, sink)?;
        }
        self.finish_line(sink)
    }

    /// Whether a newline has come at all.
    pub(super) fn has_seen_newline(&self) -> bool {
        self.splitter.has_seen_end()
    }

    /// How the beginning of the current line has come, if it may be a message as it stands: until a newline has
    /// come, the client may be one that sends none.
    pub(super) fn arrival(&self) -> Option<Arrival> {
        self.may_be_message().then_some(self.arrival)
    }

    /// Called when nothing has come for as long as [`Arrival::timeout`] says; `None` if silence means nothing
    /// for the current line.
    pub(super) fn on_silence(&mut self) -> Option<Silence> {
        self.may_be_message().then(|| self.arrival.on_silence())
    }

    fn may_be_message(&self) -> bool {
        self.splitter.is_mid_line() && !self.splitter.has_seen_end()
    }

    /// Takes the text of a chunk to `text`, piece by piece, and telnet's commands to `sink`.
    fn pieces(
        &mut self,
        mut chunk: &[u8],
        text: fn(&mut Input, &[u8], &mut Sink<'_>) -> Next,
        sink: &mut Sink<'_>,
    ) -> Next {
        while let Some(piece) = self.telnet.next(&mut chunk) {
            match piece {
                Piece::Text(bytes) => text(self, bytes, sink)?,
                Piece::Key(key) => {
                    self.is_keyboard = true;
                    text(self, &[key], sink)?;
                }
                Piece::Request(request) => sink(Item::Telnet(request))?,
            }
        }
        GO_ON
    }

    /// Splits text that has come in one piece, and notes how.
    fn text(&mut self, text: &[u8], sink: &mut Sink<'_>) -> Next {
        if self.may_be_message() && self.arrival.is_message_before(text) {
            self.finish_line(sink)?;
        }
        let goes_on = self.splitter.is_mid_line();
        if goes_on {
            self.arrival = self.arrival.and(text);
            self.is_keyboard |= self.arrival == Arrival::KeyByKey;
        }
        let has_split = self.split(text, sink)?;
        if has_split {
            self.arrival = Arrival::AtOnce;
        } else if !goes_on {
            self.arrival = Arrival::Nothing.and(text);
        }
        GO_ON
    }

    /// Splits text, and tells whether a line has ended in it.
    fn split(&mut self, mut text: &[u8], sink: &mut Sink<'_>) -> ControlFlow<Ending, bool> {
        let mut has_split = false;
        loop {
            let before = text.len();
            let line = self.splitter.next(&mut text);
            self.begun += before - text.len();
            let Some(line) = line else { break };
            has_split = true;
            let came = std::mem::take(&mut self.begun);
            sink(Item::Line(Received::new(line, End::Newline, came, self.is_keyboard)))?;
        }
        self.hand_on_unfinished(sink)?;
        ControlFlow::Continue(has_split)
    }

    /// Hands on what stands of a line without its end.
    fn hand_on_unfinished(&mut self, sink: &mut Sink<'_>) -> Next {
        if self.splitter.is_skipping() {
            let rest = self.begun % UNIT;
            let skipped = std::mem::replace(&mut self.begun, rest) - rest;
            if skipped > 0 {
                sink(Item::Skipped(skipped))?;
            }
        } else if self.splitter.is_mid_line() {
            sink(Item::Beginning(self.splitter.beginning()))?;
        }
        GO_ON
    }

    fn finish_line(&mut self, sink: &mut Sink<'_>) -> Next {
        let Some(line) = self.splitter.finish() else { return GO_ON };
        let came = std::mem::take(&mut self.begun);
        sink(Item::Line(Received::new(Line::Whole(line), End::Silence, came, self.is_keyboard)))
    }
}

impl<'a> Received<'a> {
    /// A line for which so many bytes have come.
    fn new(line: Line<'a>, end: End, came: usize, is_typed: bool) -> Received<'a> {
        let bytes = match line {
            // What came besides was the rest of a line that was too long, or the line's end.
            Line::Whole(line) => line.len().max(came.saturating_sub(LINE_END)),
            Line::TooLong(_) => came,
        };
        Received { line, end, bytes, is_typed }
    }

    /// The line made safe, or what is kept of it.
    pub(super) fn text(&self) -> Cow<'a, str> {
        let (Line::Whole(bytes) | Line::TooLong(bytes)) = self.line;
        if self.is_typed { make_safe_as_typed(bytes) } else { make_safe(bytes) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the input hands on of a chunk, or of a silence where that is `None`.
    fn play(input: &mut Input, chunk: Option<&[u8]>) -> Vec<String> {
        let mut items = Vec::new();
        let mut note = |item: Item<'_>| {
            items.push(match item {
                Item::Line(received) => {
                    let what = match (&received.line, received.end) {
                        (Line::TooLong(_), _) => "too long",
                        (Line::Whole(_), End::Newline) => "line",
                        (Line::Whole(_), End::Silence) => "message",
                    };
                    format!("{what} {} ({} bytes)", received.text(), received.bytes)
                }
                Item::Skipped(bytes) => format!("skipped {bytes}"),
                Item::Beginning(bytes) => format!("begun {}", bytes.escape_ascii()),
                Item::Telnet(request) => format!("{request:?}"),
            });
            GO_ON
        };
        let next = match chunk {
            Some(chunk) => input.read(chunk, &mut note),
            None => match input.on_silence() {
                Some(Silence::Message) => input.finish(&mut note),
                Some(Silence::Wait | Silence::Typing) | None => GO_ON,
            },
        };
        assert_eq!(next, GO_ON);
        items
    }

    #[test]
    fn lines_beginnings_and_commands_are_handed_on_in_their_order() {
        let mut input = Input::new(100);
        let items = play(&mut input, Some(b"one\r\ntw\xff\xfb\x01o\nthr"));
        assert_eq!(
            items,
            ["line one (3 bytes)", "begun tw", "Will(1)", "line two (3 bytes)", "begun thr"]
        );
        assert_eq!(play(&mut input, None), [""; 0]);
        assert_eq!(play(&mut input, Some(b"ee\n")), ["line three (5 bytes)"]);
    }

    #[test]
    fn no_byte_of_a_line_that_is_too_long_is_free() {
        let mut input = Input::new(100);
        assert_eq!(play(&mut input, Some(&[b'x'; 90])).len(), 1);
        let text = "x".repeat(90);
        let too_long = format!("too long {text} ({} bytes)", 90 + 600);
        assert_eq!(play(&mut input, Some(&[b'x'; 600])), [too_long]);
        assert_eq!(play(&mut input, Some(&[b'x'; UNIT - 1])), [""; 0]);
        assert_eq!(play(&mut input, Some(&[b'x'; UNIT + 4])), [format!("skipped {}", 2 * UNIT)]);
        // The rest of the long line, 3 bytes and `xx` and its newline, counts with the next one.
        assert_eq!(play(&mut input, Some(b"xx\nok\r\n")), ["line ok (8 bytes)"]);
    }

    #[test]
    fn keys_edit_once_single_ones_have_come() {
        let mut input = Input::new(100);
        assert_eq!(play(&mut input, Some(b"at\x7f once\n")), ["line at once (8 bytes)"]);
        let mut input = Input::new(100);
        for key in [b"o", b"h", b"\x7f"] {
            assert_eq!(play(&mut input, Some(key)).len(), 1);
        }
        assert_eq!(play(&mut input, Some(b"\n")), ["line o (3 bytes)"]);
    }

    #[test]
    fn a_message_behind_one_character_makes_that_a_message_whatever_follows_it() {
        let mut input = Input::new(100);
        assert_eq!(play(&mut input, Some(b"y")), ["begun y"]);
        assert_eq!(play(&mut input, None), [""; 0]);
        let items = play(&mut input, Some(b"how are you?\xff\xfb\x01"));
        assert_eq!(items, ["message y (1 bytes)", "begun how are you?", "Will(1)"]);
        assert_eq!(play(&mut input, None), ["message how are you? (12 bytes)"]);
    }
}
