//! From the bytes that a terminal sends to keys and what else they tell. Pure: no clock, no terminal.
//!
//! The bytes are framed as ECMA-48 has it, one state and one byte at a time, and `sequence` is the table
//! of what the frames mean. Whatever comes, no state lasts: a key that controls something ends it, and
//! so does time, of which the caller tells. [`wait`](Input::wait) says after which silence.
//!
//! Where bytes alone do not say what was meant, silence does. ESC is the Esc key if nothing follows it
//! at once. A sequence may still be going on after that, on a slow way: what comes then belongs to it if
//! it completes one that is known, and was typed if not. So neither half a key nor half a reply shows
//! up as text, and nothing that is typed behind one is eaten.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::super::editor::Key;
use super::super::keys::{Chord, Code, editor_key};
use super::events::Event;
use frame::{Sequence, Step, control};
use paste::{Paste, Pasted};
use reply::Reply;
use sequence::Meaning;

mod frame;
mod paste;
mod reply;
mod sequence;

/// Nothing came for so long: what has come is all that was sent at once. Terminals write a key's bytes
/// in one go, so this is for the network; and Esc takes so long to work.
const SILENCE: Duration = Duration::from_millis(50);

/// How much longer the rest of what was cut in two may take.
const LATE: Duration = Duration::from_millis(500);

/// More bytes than this, without a silence between them, are not typed by hand.
const BURST: usize = 32;

const ESC: u8 = 0x1b;
const DEL: u8 = 0x7f;

/// What a terminal sends, and how far it is understood.
#[derive(Debug, Default)]
pub(in crate::client) struct Input {
    /// What the bytes so far have begun.
    state: State,
    /// What they have told and nobody has taken.
    events: VecDeque<Event>,
}

/// What the bytes so far are the beginning of.
#[derive(Debug, Default)]
enum State {
    /// Of nothing.
    #[default]
    Ground,
    /// Of a character, in UTF-8.
    Character(Vec<u8>),
    /// Of a control sequence.
    Sequence(Sequence),
    /// Of a reply that is text up to its end.
    Reply(Reply),
    /// Of a paste.
    Paste(Paste),
}

impl Input {
    /// The next thing that the terminal has told of.
    pub(in crate::client) fn next(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// How long nothing has to come until [`on_silence`](Input::on_silence) is due; `None` is for ever.
    pub(in crate::client) fn wait(&self) -> Option<Duration> {
        match &self.state {
            State::Ground => None,
            State::Character(_) => Some(LATE),
            State::Sequence(sequence) => {
                Some(if sequence.typed() == Some(&[]) { LATE } else { SILENCE })
            }
            State::Reply(reply) => Some(if reply.waits_for_rest() { LATE } else { SILENCE }),
            State::Paste(paste) => paste.wait(),
        }
    }

    /// Takes the bytes that have come.
    pub(in crate::client) fn feed(&mut self, mut bytes: &[u8], now: Instant) {
        while let [first, rest @ ..] = bytes {
            bytes = match &mut self.state {
                State::Paste(paste) => {
                    let Some(rest) = paste.take(bytes, now) else { return };
                    self.end_paste();
                    rest
                }
                _ => {
                    self.take(*first, now);
                    rest
                }
            };
        }
    }

    /// Called when nothing has come for as long as [`wait`](Input::wait) says.
    pub(in crate::client) fn on_silence(&mut self, now: Instant) {
        match std::mem::take(&mut self.state) {
            State::Ground => {}
            State::Character(_) => self.write(char::REPLACEMENT_CHARACTER),
            State::Sequence(sequence) => self.wait_for_rest(sequence, now),
            State::Reply(reply) => match reply.on_silence() {
                reply::Silence::Waits(reply, key) => {
                    self.state = State::Reply(reply);
                    key.into_iter().for_each(|chord| self.press(chord));
                }
                reply::Silence::Cut(typed) => self.feed(&typed, now),
            },
            State::Paste(mut paste) => {
                let (is_over, has_stalled) = (paste.is_given_up(), paste.has_stalled(now));
                self.state = State::Paste(paste);
                if is_over {
                    self.end_paste();
                } else if has_stalled {
                    self.events.push_back(Event::PasteStalls);
                }
            }
        }
    }

    /// Called when the Esc key that has been told of last has given something up: what is typed
    /// behind it then is not for Alt.
    pub(in crate::client) fn on_escape_answered(&mut self) {
        if let State::Sequence(sequence) = &mut self.state {
            sequence.mark_answered();
        }
    }

    fn take(&mut self, byte: u8, now: Instant) {
        match std::mem::take(&mut self.state) {
            State::Ground => self.begin(byte),
            State::Character(bytes) => self.go_on_with_character(bytes, byte, now),
            State::Sequence(sequence) => self.go_on_with_sequence(sequence, byte, now),
            State::Reply(reply) => match reply.take(byte) {
                reply::Taken::More(reply) => self.state = State::Reply(reply),
                reply::Taken::Over => {}
                reply::Taken::Cut(typed) => self.feed(&typed, now),
            },
            // `feed` gives a paste all that there is.
            paste @ State::Paste(_) => self.state = paste,
        }
    }

    fn begin(&mut self, byte: u8) {
        match byte {
            ESC => self.state = State::Sequence(Sequence::begun()),
            0..0x20 | DEL => self.press(control(byte)),
            0x20..DEL => self.write(char::from(byte)),
            0x80.. => self.state = State::Character(vec![byte]),
        }
    }

    /// What is no UTF-8, as from a terminal in Latin-1, is shown as such; the next key is not a part of
    /// it.
    fn go_on_with_character(&mut self, mut bytes: Vec<u8>, byte: u8, now: Instant) {
        bytes.push(byte);
        match std::str::from_utf8(&bytes) {
            Ok(text) => text.chars().for_each(|c| self.write(c)),
            Err(why) => match why.error_len() {
                None => self.state = State::Character(bytes),
                Some(length) => {
                    self.write(char::REPLACEMENT_CHARACTER);
                    self.feed(&bytes[length..], now);
                }
            },
        }
    }

    fn go_on_with_sequence(&mut self, mut sequence: Sequence, byte: u8, now: Instant) {
        match sequence.step(byte) {
            Step::More => {
                sequence.add(byte);
                self.state = State::Sequence(sequence);
            }
            Step::Last => {
                sequence.end(byte);
                self.finish(&sequence, now);
            }
            Step::Text => {
                if sequence.has_alt() {
                    self.press(Chord::Plain(Code::Esc));
                }
                self.state = State::Reply(Reply::new(byte, sequence.typed().map(<[u8]>::to_vec)));
            }
            Step::Foreign => {
                let typed = [sequence.typed().unwrap_or_default(), &[byte]].concat();
                self.feed(&typed, now);
            }
        }
    }

    /// A sequence is whole.
    fn finish(&mut self, sequence: &Sequence, now: Instant) {
        let meaning = sequence.meaning();
        match (sequence.typed(), sequence.body()) {
            (Some(typed), _) if !is_known(&meaning) => self.feed(typed, now),
            (_, [byte @ (0..0x20 | DEL)]) if is_after_escape(*byte) => {
                self.press(Chord::Plain(Code::Esc));
                self.press(control(*byte));
            }
            _ => self.tell(meaning, sequence.has_alt(), now),
        }
    }

    /// Nothing has come for a moment.
    fn wait_for_rest(&mut self, mut sequence: Sequence, now: Instant) {
        match sequence.typed() {
            None => {
                if let Some(chord) = sequence.alone() {
                    self.press(chord);
                }
                sequence.mark_silence();
                self.state = State::Sequence(sequence);
            }
            // Whoever has typed this waits to see it.
            Some(typed) => self.feed(typed, now),
        }
    }

    fn tell(&mut self, meaning: Meaning, has_alt: bool, now: Instant) {
        // Option and an arrow on a Mac are a key with Alt; before all else, it was the Esc key.
        match meaning {
            Meaning::Key(chord) if has_alt => return self.press(chord.with_alt()),
            Meaning::Key(chord) => return self.press(chord),
            _ if has_alt => self.press(Chord::Plain(Code::Esc)),
            _ => {}
        }
        match meaning {
            Meaning::Text(text) => text.chars().for_each(|c| self.write(c)),
            Meaning::Focus(focus) => self.events.push_back(Event::Focus(focus)),
            Meaning::PasteBegins => self.state = State::Paste(Paste::new(now)),
            Meaning::Key(_) | Meaning::Report | Meaning::Unknown => {}
        }
    }

    fn press(&mut self, chord: Chord) {
        self.events.push_back(Event::Key(chord));
    }

    fn write(&mut self, c: char) {
        self.press(Chord::Plain(Code::Char(c)));
    }

    fn end_paste(&mut self) {
        if let State::Paste(paste) = std::mem::take(&mut self.state) {
            self.events.push_back(match paste.finish() {
                Pasted::Text(text) => Event::Paste(text),
                Pasted::TooLong => Event::PasteTooLong,
            });
        }
    }
}

/// Whether it is so clear that it can be taken for the rest of what was cut in two, and not for typing.
fn is_known(meaning: &Meaning) -> bool {
    match meaning {
        Meaning::Key(chord) => is_command(*chord),
        Meaning::Text(_) | Meaning::Unknown => false,
        Meaning::Focus(_) | Meaning::PasteBegins | Meaning::Report => true,
    }
}

/// Whether a key does something, and more than to write a character.
fn is_command(chord: Chord) -> bool {
    editor_key(chord).is_some_and(|key| !matches!(key, Key::Char(_)))
}

/// Whether a control character right behind ESC was pressed after Esc, because nothing is bound to it
/// with Alt; but not Enter, with which many hold Alt down so that it does not send.
fn is_after_escape(byte: u8) -> bool {
    !matches!(byte, b'\r' | b'\n') && editor_key(control(byte).with_alt()).is_none()
}

// Windows tells of keys by itself, and has other ones there.
#[cfg(all(test, unix))]
mod tests;
