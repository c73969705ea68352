//! A control sequence, byte by byte, as ECMA-48 frames it. Pure.

use super::sequence::{self, Meaning};
use super::{DEL, ESC};
use crate::client::keys::{Chord, Code};

/// The longest sequence that is kept, in bytes. No longer one has a meaning.
const MOST: usize = 128;

/// What has come of a control sequence.
#[derive(Debug, Default)]
pub(super) struct Sequence {
    /// Its bytes, with ESC, of which there may be several.
    bytes: Vec<u8>,
    /// How many of them had come when nothing more did for a moment.
    before_silence: Option<usize>,
    /// Its ESC was the Esc key, and that was for something.
    is_answered: bool,
}

/// What a byte is to a sequence.
pub(super) enum Step {
    /// A part of it.
    More,
    /// Its end.
    Last,
    /// The beginning of a text with an end of its own.
    Text,
    /// No part of it.
    Foreign,
}

impl Sequence {
    pub(super) fn begun() -> Sequence {
        Sequence { bytes: vec![ESC], ..Sequence::default() }
    }

    /// What stands behind ESC.
    pub(super) fn body(&self) -> &[u8] {
        let escapes = self.bytes.iter().take_while(|byte| **byte == ESC).count();
        &self.bytes[escapes..]
    }

    /// Adds a byte. A third ESC in a row says no more than two, and what is too long means nothing, so
    /// it does not matter what of it is kept.
    pub(super) fn add(&mut self, byte: u8) {
        if self.bytes.len() < MOST && !(byte == ESC && self.has_alt()) {
            self.bytes.push(byte);
        }
    }

    /// Adds the byte that ends it.
    pub(super) fn end(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    /// Nothing has come for a moment.
    pub(super) fn mark_silence(&mut self) {
        self.before_silence = Some(self.bytes.len());
    }

    /// Its ESC was the Esc key, and that was for something.
    pub(super) fn mark_answered(&mut self) {
        self.is_answered = true;
    }

    /// Whether ESC stands there twice, which is how some terminals send a key with Alt.
    pub(super) fn has_alt(&self) -> bool {
        self.bytes.starts_with(&[ESC, ESC])
    }

    /// What has come after a silence, if there was one.
    pub(super) fn typed(&self) -> Option<&[u8]> {
        self.before_silence.map(|length| &self.bytes[length..])
    }

    pub(super) fn step(&self, byte: u8) -> Step {
        let is_late = self.before_silence.is_some();
        match (self.body(), byte) {
            // Nobody presses an arrow that soon behind Esc to mean both of them at once.
            ([], ESC) if !is_late => Step::More,
            // The mouse's reports in their oldest form.
            ([b'[', b'M', _, _], 0x20..) if !is_late => Step::Last,
            ([b'[', b'M', ..], 0x20..) if !is_late => Step::More,
            (_, ESC | 0x80..) | ([b'[', b'M', ..], _) => Step::Foreign,
            ([], b'[' | b'O') => Step::More,
            ([], b']' | b'P' | b'X' | b'^' | b'_') => Step::Text,
            ([], _) => Step::Last,
            (_, 0..0x20 | DEL) => Step::Foreign,
            (_, _) if is_late && self.bytes.len() == MOST => Step::Foreign,
            ([b'O', ..], b'0'..=b'9' | b';') => Step::More,
            // The Linux console's function keys are `CSI [ A` to `CSI [ E`.
            ([b'[', b'['], _) => Step::Last,
            ([b'['], b'[' | b'M') | ([b'[', ..], 0x20..0x40) => Step::More,
            (_, _) => Step::Last,
        }
    }

    pub(super) fn meaning(&self) -> Meaning {
        match self.body() {
            _ if self.bytes.len() > MOST => Meaning::Unknown,
            [_] if self.is_answered => Meaning::Unknown,
            [byte] => Meaning::Key(match *byte {
                0..0x20 | DEL => control(*byte).with_alt(),
                byte => Chord::Alt(Code::Char(char::from(byte))),
            }),
            [b'[', body @ ..] => sequence::csi(body),
            [_, body @ ..] => sequence::ss3(body),
            [] => Meaning::Unknown,
        }
    }

    /// What it is if nothing follows.
    pub(super) fn alone(&self) -> Option<Chord> {
        match self.body() {
            [] => Some(Chord::Plain(Code::Esc)),
            [b'[', body @ ..] => sequence::unended(body),
            _ => None,
        }
    }
}

/// The key that a control character is sent for.
pub(super) fn control(byte: u8) -> Chord {
    match byte {
        b'\t' => Chord::Plain(Code::Tab),
        b'\r' => Chord::Plain(Code::Enter),
        ESC => Chord::Plain(Code::Esc),
        DEL => Chord::Plain(Code::Backspace),
        0 => Chord::Ctrl(Code::Char(' ')),
        byte => Chord::Ctrl(Code::Char(char::from(byte | 0x40).to_ascii_lowercase())),
    }
}
