//! One line of the user's on its way, and what may come back for it. Pure.

use std::sync::Arc;
use std::time::Instant;

use super::Asker;
use crate::client::typed::{Asks, Typed};

/// A line that was entered.
#[derive(Debug)]
pub(super) struct Entry {
    /// The line.
    pub(super) line: Arc<Typed>,
    /// Whose line it is.
    asker: Asker,
    /// Its number in the session, once it was written; one that does not count has that of the line
    /// before it.
    pub(super) number: Option<u64>,
    /// When it was entered, or when the connection came back since.
    pub(super) since: Instant,
    /// Whether it was shown here.
    visibility: Visibility,
}

/// Whether the user has seen a line as sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Visibility {
    /// Not yet.
    Unseen,
    /// It was shown, or is none that is shown.
    Seen,
}

impl Entry {
    pub(super) fn new(line: Arc<Typed>, asker: Asker, now: Instant) -> Entry {
        let visibility = match asker {
            Asker::User => Visibility::Unseen,
            Asker::Client => Visibility::Seen,
        };
        Entry { line, asker, number: None, since: now, visibility }
    }

    /// How much memory it takes, in bytes.
    pub(super) fn weight(&self) -> usize {
        self.length() + size_of::<Entry>()
    }

    /// How many bytes the line has on the wire, without its end.
    pub(super) fn length(&self) -> usize {
        self.line.wire().len()
    }

    /// Whether it was written and need not be kept.
    pub(super) fn is_spare(&self) -> bool {
        self.number.is_some() && !self.has_receipt()
    }

    /// Whether it is one of the first so many lines of the session.
    pub(super) fn was_taken(&self, lines: u64) -> bool {
        self.number.is_some_and(|number| number <= lines)
    }

    /// Whether the user said something with it that nobody may have heard.
    pub(super) fn is_unsaid(&self) -> bool {
        let is_words = !self.is_quit() && !self.is_roll_call();
        is_words && (self.number.is_none() || self.has_receipt())
    }

    /// The user sees it from now on. Whether that is new.
    pub(super) fn mark_seen(&mut self) -> bool {
        std::mem::replace(&mut self.visibility, Visibility::Seen) == Visibility::Unseen
    }

    /// Whether it is the client's own question.
    pub(super) fn is_roll_call(&self) -> bool {
        self.asker == Asker::Client
    }

    /// Whether it is the user's word to leave.
    pub(super) fn is_quit(&self) -> bool {
        self.line.is_quit()
    }

    /// Whether it asks for that name, which is granted without a receipt if it is the old one.
    pub(super) fn asks_for(&self, name: &str) -> bool {
        matches!(self.line.asks(), Asks::Rename(asked) if asked.as_str() == name)
    }

    /// Whether the server counts it among the session's lines.
    pub(super) fn is_counted(&self) -> bool {
        *self.line.asks() != Asks::Uncounted
    }

    /// Whether it becomes an event, if it is not refused.
    pub(super) fn has_receipt(&self) -> bool {
        match self.line.asks() {
            Asks::Say(_) | Asks::Act(_) | Asks::Whisper | Asks::Rename(_) => true,
            Asks::BadName | Asks::Help | Asks::Quit | Asks::Question | Asks::Uncounted => false,
        }
    }
}
