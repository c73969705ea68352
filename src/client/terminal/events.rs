//! What a terminal tells of: keys, pastes, its focus and its size.
//!
//! On Unix the bytes come from standard input, and `input` reads them; on Windows the console has
//! events of its own, which crossterm fetches. Both are for the main thread alone.

use super::super::conversation::Focus;
use super::super::keys::Chord;

#[cfg(unix)]
pub(in crate::client) use unix::{Events, Resizing};
#[cfg(windows)]
pub(in crate::client) use windows::Events;

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

/// Something that a terminal tells of.
#[cfg_attr(
    all(windows, not(any(test, fuzzing))),
    expect(dead_code, reason = "the console marks no pastes")
)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::client) enum Event {
    /// A key was pressed, or is held down.
    Key(Chord),
    /// This was pasted.
    Paste(String),
    /// What was pasted is longer than anything that is taken.
    PasteTooLong,
    /// The end of a paste has not come for a while, and until it does, keys are taken for its text.
    PasteStalls,
    /// The window has gained or lost the focus.
    Focus(Focus),
    /// The terminal may have another size.
    Resized,
}
