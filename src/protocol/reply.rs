//! The lines that the server sends: how it writes them, and how a client reads them.
//!
//! The server writes a [`Speech`], a [`Notice`] or a [`Refusal`]; a client reads every line once, with
//! [`parse()`], and works with the [`ServerLine`] that comes out. The first characters of a line say
//! what it is. Nobody can forge them, since a member's own text never stands at the start of a line.
//! Nothing here ends a line: the caller does.
//!
//! Pure; the sessions and the client's receiver call it.

use std::fmt;

pub use names::{NameNotice, NameRefusal, PASSWORD_BYTES, Tenure};
pub use notice::{LeaveReason, Missing, Notice, Offer};
pub(crate) use orders::Because;
pub use orders::{CONSOLE, MAX_TOPIC, OrderNotice, OrderRefusal};
pub use parse::{Message, ReadNotice, ReadRefusal, ReadSpeech, ServerLine, parse};
pub use refusal::Refusal;
pub use shared::{SetBack, SharedNotice};
pub use speech::Speech;
pub use who::{Listed, Names, addresses, not_encrypted, who, who_goes_on};

mod names;
mod notice;
mod orders;
mod parse;
mod refusal;
mod shared;
mod speech;
mod who;

/// So many of something, in words: `1 line`, `2 lines`.
pub(crate) struct Count<N>(pub(crate) N, pub(crate) &'static str);

impl<N: fmt::Display + From<u8> + PartialEq> fmt::Display for Count<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Count(number, unit) = self;
        let plural = if *number == N::from(1) { "" } else { "s" };
        write!(f, "{number} {unit}{plural}")
    }
}

/// The verb behind such a [`Count`].
pub(crate) fn were(number: u64) -> &'static str {
    if number == 1 { "was" } else { "were" }
}

/// A line of the server's without what marks it as one.
pub(crate) fn words(line: &str) -> &str {
    line.strip_prefix("-- ").or_else(|| line.strip_prefix("!! ")).unwrap_or(line)
}

#[cfg(test)]
mod tests;
