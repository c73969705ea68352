//! What a bot gets to know. Pure.

use crate::protocol::json::What;

/// One of the bot's own lines, as [`Bot::say`](super::Bot::say) gives it out: they are numbered from 1 on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Line(pub(super) u64);

impl Line {
    /// Its number.
    #[must_use]
    pub fn number(self) -> u64 {
        self.0
    }
}

/// Something that has happened, in the room's one order. What was said before the bot came is not among it, nor what
/// it says itself.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Somebody says something to all.
    Said {
        /// Who.
        from: String,
        /// What.
        text: String,
    },
    /// Somebody does something: `/me waves`.
    Done {
        /// Who.
        from: String,
        /// What.
        text: String,
    },
    /// Somebody says something to the bot alone.
    Whispered {
        /// Who.
        from: String,
        /// What.
        text: String,
    },
    /// Somebody has come.
    Joined {
        /// Who.
        name: String,
    },
    /// Somebody has gone.
    Left {
        /// Who.
        name: String,
    },
    /// Somebody has another name.
    Renamed {
        /// The name until now.
        from: String,
        /// The name from now on.
        to: String,
    },
    /// So many lines are gone that the bot should have had: it was too slow, or away for too long.
    Missed {
        /// How many.
        lines: u64,
    },
    /// Anything else that the server tells: `topic: tea`, `the server is shutting down`.
    Notice {
        /// Its words.
        text: String,
    },
    /// A line of the bot's own has its place in the conversation: everybody gets it.
    Taken {
        /// Which one.
        line: Line,
    },
    /// A line of the bot's own is not said.
    Refused {
        /// Which one, if that is known.
        line: Option<Line>,
        /// Why.
        why: String,
    },
    /// The connection is lost, and the bot is coming back. What is said meanwhile is said then.
    Lost {
        /// Why.
        why: String,
    },
    /// The bot is back. What it has missed comes next.
    Back {
        /// Whether the server has known it again: then nothing is lost, and nothing is said twice. If not, lines of
        /// others may have been missed.
        is_known: bool,
        /// How many lines of its own may be said twice therefore.
        again: usize,
    },
}

impl Event {
    /// The event of what the room has told a bot; `None` for its own doing.
    pub(super) fn of(what: What<'_>) -> Option<Event> {
        let (to, owned) = (ME, str::to_owned);
        Some(match what {
            What::Said { from, text } => Event::Said { from: owned(from), text: owned(text) },
            What::Done { from, text } => Event::Done { from: owned(from), text: owned(text) },
            What::Private { from, to: reader, text } if reader == to => {
                Event::Whispered { from: owned(from), text: owned(text) }
            }
            What::Renamed { from, new_name } => {
                Event::Renamed { from: owned(from), to: owned(new_name) }
            }
            What::Joined { from } => Event::Joined { name: owned(from) },
            What::Left { from, .. } => Event::Left { name: owned(from) },
            What::Missed { lines } => Event::Missed { lines },
            What::Notice { text } | What::You { text, .. } => Event::Notice { text: owned(text) },
            // It is told with the line that is refused.
            What::Private { .. } | What::NotKept { .. } | What::Answered | What::Refused { .. } => {
                return None;
            }
        })
    }

    /// Roughly how much memory it takes, in bytes.
    pub(super) fn weight(&self) -> usize {
        let text = match self {
            Event::Said { from, text }
            | Event::Done { from, text }
            | Event::Whispered { from, text } => from.len() + text.len(),
            Event::Renamed { from, to } => from.len() + to.len(),
            Event::Joined { name } | Event::Left { name } => name.len(),
            Event::Notice { text } => text.len(),
            Event::Refused { why, .. } | Event::Lost { why } => why.len(),
            Event::Missed { .. } | Event::Taken { .. } | Event::Back { .. } => 0,
        };
        size_of::<Event>() + text
    }
}

/// What stands for the bot's own name in what it is told: no name is like that.
pub(super) const ME: &str = "<me>";
