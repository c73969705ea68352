//! A reply that is text up to its end (OSC, DCS, APC, PM, SOS): it is skipped. Pure.

use super::{BURST, DEL, ESC, is_command};
use crate::client::keys::{Chord, Code};

const BEL: u8 = 7;

/// A reply whose end has not come.
#[derive(Debug)]
pub(super) struct Reply {
    /// What it began with, behind ESC.
    kind: u8,
    /// Whether nothing has come since.
    is_empty: bool,
    /// ESC has come, which begins the end.
    is_ending: bool,
    /// What has come after a silence, if there was one: the rest of it, or what was typed.
    after_silence: Option<Vec<u8>>,
}

/// What became of a byte.
#[derive(Debug)]
pub(super) enum Taken {
    /// It is a part of the reply.
    More(Reply),
    /// It was the end.
    Over,
    /// The reply has been cut short, and these bytes are not of it.
    Cut(Vec<u8>),
}

/// What a silence makes of a reply.
#[derive(Debug)]
pub(super) enum Silence {
    /// Its rest may still come. Perhaps it was a key that it began like.
    Waits(Reply, Option<Chord>),
    /// It has been cut short, and these bytes were typed since.
    Cut(Vec<u8>),
}

impl Reply {
    /// One that begins with this byte behind ESC. If there was a silence between them, these bytes
    /// have come since, this one not among them.
    pub(super) fn new(kind: u8, after_silence: Option<Vec<u8>>) -> Reply {
        let mut reply = Reply { kind, is_empty: true, is_ending: false, after_silence };
        reply.hold(kind);
        reply
    }

    pub(super) fn take(mut self, byte: u8) -> Taken {
        self.hold(byte);
        let was_ending = std::mem::replace(&mut self.is_ending, byte == ESC);
        self.is_empty = false;
        match byte {
            BEL => Taken::Over,
            b'\\' if was_ending => Taken::Over,
            _ if was_ending => Taken::Cut(self.after_silence.unwrap_or(vec![ESC, byte])),
            ESC => Taken::More(self),
            0..0x20 | DEL => Taken::Cut(self.after_silence.unwrap_or(vec![byte])),
            _ => match self.after_silence {
                Some(typed) if typed.len() > BURST => Taken::Cut(typed),
                _ => Taken::More(self),
            },
        }
    }

    pub(super) fn on_silence(mut self) -> Silence {
        match self.after_silence.replace(Vec::new()) {
            Some(typed) => Silence::Cut(typed),
            None => {
                let chord = Chord::Alt(Code::Char(char::from(self.kind)));
                let is_key = self.is_empty && is_command(chord);
                Silence::Waits(self, is_key.then_some(chord))
            }
        }
    }

    /// Whether nothing has come since a silence.
    pub(super) fn waits_for_rest(&self) -> bool {
        self.after_silence.as_ref().is_some_and(Vec::is_empty)
    }

    fn hold(&mut self, byte: u8) {
        if let Some(typed) = &mut self.after_silence {
            typed.push(byte);
        }
    }
}
