//! One line of the user's on its way, and what may come back for it. Pure.

use std::time::Instant;

use super::Asker;
use crate::protocol::name::Name;
use crate::protocol::request::{self, Misuse, Request};
use crate::protocol::text;

/// A line that was entered.
#[derive(Debug)]
pub(super) struct Entry {
    /// As it goes over the wire, without a line end.
    pub(super) line: Vec<u8>,
    /// What the server makes of it, and answers.
    pub(super) sort: Sort,
    /// Its number in the session, once it was written; one that does not count has that of the line
    /// before it.
    pub(super) number: Option<u64>,
    /// When it was entered, or when the connection came back since.
    pub(super) since: Instant,
    /// Whether it was shown here.
    visibility: Visibility,
}

/// What the server makes of a line, as far as it can be known here.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sort {
    /// Something said or done: it gets a receipt.
    Speech,
    /// `/msg`: a receipt, or `!! /msg: …`
    Whisper,
    /// `/nick`: a receipt, or `!! /nick: …`, or nothing but the name if it is the old one.
    Rename(Name),
    /// `/nick` with what can be no name: `!! /nick: …`
    BadName,
    /// Anything else, which gets an answer or none.
    Question,
    /// A question of the client's own.
    RollCall,
    /// `/quit`
    Quit,
    /// A line that is not counted among a session's.
    Uncounted,
}

/// Whether the user has seen a line as sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Visibility {
    Unseen,
    Seen,
}

impl Entry {
    pub(super) fn new(line: Vec<u8>, asker: Asker, now: Instant) -> Entry {
        let (sort, visibility) = match asker {
            Asker::User => (Sort::of(&text::make_safe(&line)), Visibility::Unseen),
            Asker::Client => (Sort::RollCall, Visibility::Seen),
        };
        Entry { line, sort, number: None, since: now, visibility }
    }

    /// How much memory it takes, in bytes.
    pub(super) fn weight(&self) -> usize {
        self.line.len() + size_of::<Entry>()
    }

    /// Whether it was written and need not be kept.
    pub(super) fn is_spare(&self) -> bool {
        self.number.is_some() && !self.sort.has_receipt()
    }

    /// Whether it is one of the first so many lines of the session.
    pub(super) fn was_taken(&self, lines: u64) -> bool {
        self.number.is_some_and(|number| number <= lines)
    }

    /// Whether the user said something with it that nobody may have heard.
    pub(super) fn is_unsaid(&self) -> bool {
        let is_words = !matches!(self.sort, Sort::Quit | Sort::RollCall);
        is_words && (self.number.is_none() || self.sort.has_receipt())
    }

    /// The user sees it from now on. Whether that is new.
    pub(super) fn be_seen(&mut self) -> bool {
        std::mem::replace(&mut self.visibility, Visibility::Seen) == Visibility::Unseen
    }
}

impl Sort {
    fn of(line: &str) -> Sort {
        if !request::is_counted(line) {
            return Sort::Uncounted;
        }
        match request::parse(line) {
            Ok(Request::Say(_) | Request::Act(_)) => Sort::Speech,
            Ok(Request::Whisper { .. }) => Sort::Whisper,
            Ok(Request::Rename(name)) => Sort::Rename(name),
            Ok(Request::Quit(_)) => Sort::Quit,
            Err(Misuse::Name(_)) => Sort::BadName,
            Ok(
                Request::Nothing
                | Request::Who
                | Request::History(_)
                | Request::Search { .. }
                | Request::Help
                | Request::Tags
                | Request::Resume(..),
            )
            | Err(Misuse::Unknown(_) | Misuse::Arguments(_) | Misuse::TooManyWords) => {
                Sort::Question
            }
        }
    }

    /// Whether the server counts it among the session's lines.
    pub(super) fn is_counted(&self) -> bool {
        *self != Sort::Uncounted
    }

    /// Whether it becomes an event, if it is not refused.
    pub(super) fn has_receipt(&self) -> bool {
        match self {
            Sort::Speech | Sort::Whisper | Sort::Rename(_) => true,
            Sort::BadName | Sort::Question | Sort::RollCall | Sort::Quit | Sort::Uncounted => false,
        }
    }
}
