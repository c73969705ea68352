//! The keyboard, as a terminal in cooked mode gives it: line by line, edited by the terminal itself.
//!
//! One thread reads it. It waits in the system, without a timeout.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(super) use unix::Keyboard;
#[cfg(windows)]
pub(super) use windows::Keyboard;

/// What has been typed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Typed {
    /// A line, without its end. Anything may be in it.
    Line(Vec<u8>),
    /// The end of the input: Ctrl+D, or on Windows Ctrl+Z.
    End,
    /// Nothing more, since the terminal is gone.
    Gone,
}
