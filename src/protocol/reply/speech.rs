//! Something said or done, as the server writes it.

use std::fmt;

use crate::protocol::name::Name;

/// Something that was said or done, as its readers see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speech<'a> {
    /// `<alice> text`
    Said(&'a Name, &'a str),
    /// `* alice text`
    Done(&'a Name, &'a str),
    /// `[alice -> you] text`
    ToYou(&'a Name, &'a str),
    /// `[you -> bob] text`
    FromYou(&'a Name, &'a str),
}

impl fmt::Display for Speech<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Speech::Said(name, text) => write!(f, "<{name}> {text}"),
            Speech::Done(name, text) => write!(f, "* {name} {text}"),
            Speech::ToYou(name, text) => write!(f, "[{name} -> you] {text}"),
            Speech::FromYou(name, text) => write!(f, "[you -> {name}] {text}"),
        }
    }
}
