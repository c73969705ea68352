//! A paste that has begun. Pure.
//!
//! Its end may be lost, on the way or because the terminal has none. So it never holds the keyboard:
//! once it has stood for a while, a Ctrl+C that comes as from a hand, and not amid text, ends it, as do
//! Ctrl+D and Esc. It does not end by itself, because the rest of one that is only slow would then be
//! taken for keys, and its line ends would send what stands before them.

use std::time::{Duration, Instant};

use memchr::memmem;

use super::{BURST, ESC, SILENCE};

/// What a terminal writes behind a paste.
const END: &[u8] = b"\x1b[201~";

/// How long a paste stands before a key can end it.
const STANDS: Duration = Duration::from_secs(1);

/// How many bytes of a paste are kept. The editor takes fewer, so one that is longer is refused.
const MOST: usize = 16 * 1024 * 1024;

const CTRL_C: u8 = 3;
const CTRL_D: u8 = 4;

/// A paste whose end has not come.
#[derive(Debug)]
pub(super) struct Paste {
    /// What has come of it.
    text: Vec<u8>,
    /// Whether more has come than is kept.
    is_too_long: bool,
    /// When it began.
    began: Instant,
    /// When something has come last.
    heard: Instant,
    /// How many bytes have come since nothing came for a moment.
    burst: usize,
    /// Whether it was told that it stalls.
    is_told: bool,
}

/// What was pasted, once that is over.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Pasted {
    /// This text.
    Text(String),
    /// More than is kept.
    TooLong,
}

impl Paste {
    pub(super) fn new(now: Instant) -> Paste {
        Paste {
            text: Vec::new(),
            is_too_long: false,
            began: now,
            heard: now,
            // What stands right behind its beginning is no key.
            burst: BURST,
            is_told: false,
        }
    }

    /// Takes what has come, to the end of the paste; what stands behind that, if the end is in it.
    pub(super) fn take<'a>(&mut self, bytes: &'a [u8], now: Instant) -> Option<&'a [u8]> {
        if now.duration_since(self.heard) >= SILENCE {
            self.burst = 0;
        }
        self.heard = now;
        let by_hand = if self.stands(now) { BURST.saturating_sub(self.burst) } else { 0 };
        let by_hand = &bytes[..by_hand.min(bytes.len())];
        let key = by_hand.iter().position(|byte| matches!(*byte, CTRL_C | CTRL_D));
        self.burst = self.burst.saturating_add(bytes.len());
        let (text, rest) = match key {
            Some(at) => (&bytes[..at], Some(&bytes[at + 1..])),
            None => (bytes, None),
        };
        let before = self.text.len();
        self.text.extend_from_slice(text);
        // The end may have begun in what came before.
        let from = before.saturating_sub(END.len() - 1);
        if let Some(at) = memmem::find(&self.text[from..], END) {
            self.text.truncate(from + at);
            return Some(&bytes[from + at + END.len() - before..]);
        }
        self.forget_what_is_too_much();
        rest
    }

    /// How long nothing has to come until `on_silence` is due.
    pub(super) fn wait(&self) -> Option<Duration> {
        if self.may_be_escape() {
            return Some(SILENCE);
        }
        let stood = self.heard.duration_since(self.began);
        (!self.is_told).then(|| STANDS.saturating_sub(stood))
    }

    /// Whether somebody has pressed Esc to end it, now that nothing has come for a moment.
    pub(super) fn is_given_up(&mut self) -> bool {
        let is_escape = self.may_be_escape();
        if is_escape {
            self.text.pop();
        }
        is_escape
    }

    /// Whether it is to be told now that it stalls.
    pub(super) fn has_stalled(&mut self, now: Instant) -> bool {
        self.stands(now) && !std::mem::replace(&mut self.is_told, true)
    }

    pub(super) fn finish(self) -> Pasted {
        if self.is_too_long {
            return Pasted::TooLong;
        }
        Pasted::Text(match String::from_utf8(self.text) {
            Ok(text) => text,
            Err(not) => String::from_utf8_lossy(not.as_bytes()).into_owned(),
        })
    }

    fn stands(&self, now: Instant) -> bool {
        now.duration_since(self.began) >= STANDS
    }

    /// Whether the last thing that came may be the Esc key, by itself.
    fn may_be_escape(&self) -> bool {
        self.burst == 1 && self.text.last() == Some(&ESC) && self.stands(self.heard)
    }

    /// Keeps enough to find the end.
    fn forget_what_is_too_much(&mut self) {
        if self.text.len() > MOST {
            self.is_too_long = true;
            self.text.drain(..self.text.len() - END.len());
        }
    }
}
