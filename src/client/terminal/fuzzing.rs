//! Any bytes from a terminal, at any pace, through what is made of them; and nothing wedges the keyboard.

use std::time::{Duration, Instant};

use super::events::Event;
use super::input::Input;
use crate::client::keys::{Chord, Code};

/// Stands for a moment in which nothing comes, longer than any that a terminal makes amid a key.
const MOMENT: u8 = 0xfe;

const A_MOMENT: Duration = Duration::from_millis(150);
const A_SECOND: Duration = Duration::from_secs(1);

/// A terminal that sends something now and then, and what was told of it.
pub(super) struct Sender {
    pub(super) input: Input,
    now: Instant,
    pub(super) told: Vec<Event>,
}

impl Sender {
    pub(super) fn new() -> Sender {
        Sender { input: Input::default(), now: Instant::now(), told: Vec::new() }
    }

    /// Sends this at once, in chunks of that size.
    pub(super) fn sends(&mut self, bytes: &[u8], size: usize) {
        for chunk in bytes.chunks(size) {
            self.input.feed(chunk, self.now);
            self.told.extend(std::iter::from_fn(|| self.input.next()));
        }
    }

    /// Sends nothing for so long.
    pub(super) fn waits(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(wait) = self.input.wait()
            && self.now + wait <= end
        {
            self.now += wait;
            self.input.on_silence(self.now);
            self.told.extend(std::iter::from_fn(|| self.input.next()));
        }
        self.now = end;
    }
}

/// A terminal's bytes, of which the first says into how large chunks they are cut.
///
/// # Panics
///
/// Something is wrong with how they are read.
pub fn input(data: &[u8]) {
    let Some((&size, bytes)) = data.split_first() else { return };
    let in_chunks = play(bytes, usize::from(size) + 1);
    assert_eq!(in_chunks.told, play(bytes, usize::MAX).told, "chunks make a difference");
    assert_is_heard(in_chunks);
}

fn play(bytes: &[u8], size: usize) -> Sender {
    let mut sender = Sender::new();
    for part in bytes.split_inclusive(|byte| *byte == MOMENT) {
        let (part, waits) = match part.strip_suffix(&[MOMENT]) {
            Some(part) => (part, true),
            None => (part, false),
        };
        sender.sends(part, size);
        if waits {
            sender.waits(A_MOMENT);
        }
    }
    sender
}

/// Whoever waits for a second and presses a key twice is heard, and so is what is typed then.
pub(super) fn assert_is_heard(mut sender: Sender) {
    sender.waits(A_SECOND);
    sender.sends(b"\x03", 1);
    sender.waits(A_MOMENT);
    sender.told.clear();
    sender.sends(b"\x03x\r", 3);
    let key = |code| Event::Key(Chord::Plain(code));
    let cancel = Event::Key(Chord::Ctrl(Code::Char('c')));
    assert_eq!(sender.told, [cancel, key(Code::Char('x')), key(Code::Enter)]);
    assert_eq!(sender.input.wait(), None, "it waits for something");
}
