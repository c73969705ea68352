//! What is to be shown of the conversation, when it was said, and how much it asks for attention. Pure.

use std::borrow::Cow;

use chrono::NaiveDateTime;

use crate::client::clock;
use crate::client::paragraph::{Layout, Paragraph};
use crate::protocol::tag::Millis;

/// Where lines are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::client) enum Medium {
    /// On a screen, which lays them out and draws rules.
    Screen,
    /// In a terminal that can do no more than show one after the other.
    Lines,
}

/// When a line is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::client) struct Moment {
    /// The local time.
    pub(in crate::client) time: NaiveDateTime,
    /// What that time is.
    pub(in crate::client) timing: Timing,
}

/// What the time is that a line has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::client) enum Timing {
    /// It was shown then.
    Shown,
    /// It was said then: the server tells.
    Said,
}

impl Moment {
    /// That of a line that is shown at this local time.
    pub(in crate::client) fn of_showing(time: NaiveDateTime) -> Moment {
        Moment { time, timing: Timing::Shown }
    }

    /// The same for a line that was said at this time, if that is known.
    pub(in crate::client) fn of(self, said: Option<Millis>) -> Moment {
        match said.and_then(clock::local) {
            None => self,
            Some(time) => Moment { time, timing: Timing::Said },
        }
    }
}

/// What is to be shown. Lines are added to it, so that a flood of them needs but one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::client) struct Shown {
    /// Lines for the terminal, each with its line end.
    pub(in crate::client) text: String,
    /// How each of them is laid out.
    layouts: Vec<Layout>,
    /// The most that one of the lines asks for.
    pub(in crate::client) alert: Alert,
    /// The last line that speaks to us, if nobody was looking.
    pub(in crate::client) call: Option<String>,
}

impl Shown {
    /// The lines, to be laid out.
    pub(in crate::client) fn paragraphs(&self) -> impl ExactSizeIterator<Item = Paragraph<'_>> {
        // Each line has a layout, which knows how many there are.
        let mut lines = self.text.lines();
        self.layouts.iter().map(move |layout| Paragraph {
            painted: Cow::Borrowed(lines.next().unwrap_or_default()),
            layout: *layout,
        })
    }

    /// Adds a line end, and how the line before it is laid out.
    pub(super) fn end_line(&mut self, layout: Layout) {
        self.text.push('\n');
        self.layouts.push(layout);
    }
}

/// How much a line asks for the user's attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(in crate::client) enum Alert {
    /// Not at all.
    #[default]
    Nothing,
    /// Somebody has said or done something.
    Line,
    /// Somebody has spoken of us, or to us alone.
    Mention,
}
