//! What the first words come to, line by line. Pure.

use crate::client::door::Question;

/// What to do with one line of the server's.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::client) struct Reaction {
    /// Whether the user is to see it.
    pub(in crate::client) interest: Interest,
    /// What to send, line by line.
    pub(in crate::client) asks: Vec<String>,
    /// What it means for the session that we had.
    pub(in crate::client) turn: Turn,
}

/// Whether a line is for the user's eyes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::client) enum Interest {
    /// It is.
    Shown,
    /// It is the program's business.
    Hidden,
}

/// What becomes of the session that we had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::client) enum Turn {
    /// Nothing new.
    None,
    /// It goes on; so many of our lines were taken.
    Resumed(u64),
    /// It is over, and another one begins.
    Anew,
    /// Nothing new, but the user is to be asked for what lets us in.
    Asked(Question),
    /// Nothing new, but the server has let us in.
    LetIn,
    /// The server does not give us the name that we want, and no other one will do.
    NoName,
}

impl Reaction {
    /// Nothing but whether the line is shown.
    pub(in crate::client) fn of(interest: Interest) -> Reaction {
        Reaction { interest, asks: Vec::new(), turn: Turn::None }
    }
}
