//! From the text to the lines that are sent: how many they are, and the question before many, or before those that
//! all would read and few are meant to. Pure.
//!
//! One row is what it is in any terminal: a text or a command. Several rows are text, whatever they begin with; but
//! where the first one begins with `/me`, `/msg NAME` or `/r`, so does each of them on its way. A line that is longer
//! than the server takes is sent as several ([`Lead`]).

use std::borrow::Cow;

use super::buffer::Buffer;
use super::input_history::Memorable;
use super::undo::Undo;
use super::{Editor, Key, Mode, Outcome, Question, Side, Submission, full_unless};
use crate::client::lead::Lead;
use crate::client::typed::Typed;
use crate::protocol::text::{from_first_shown, is_blank};

/// More lines than this are not sent without a question.
const MANY_LINES: usize = 20;

/// What the rows are, taken together.
#[derive(Debug, Clone, Copy)]
enum Shape<'a> {
    /// One row, which may be a command, for a server that takes so many bytes a line.
    Alone(usize),
    /// Several, each of which begins so on its way.
    Led(Lead<'a>, usize),
    /// What they are for a server of which nothing is known.
    Raw,
}

/// How much it is that Enter would send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Extent<'a> {
    /// So many lines.
    pub lines: usize,
    /// For whom they are, if they are private.
    pub to: Option<&'a str>,
    /// How many bytes the longest line has that is too long and cannot be sent as several; 0 if there is none.
    pub too_long: usize,
}

impl Editor {
    /// How much it is that Enter would send.
    #[must_use]
    pub fn extent(&self) -> Extent<'_> {
        let mut extent = Extent::default();
        match self.shape() {
            Shape::Alone(limit) => {
                for row in self.rows() {
                    match Lead::of(row) {
                        Some((lead, text)) => extent.add(lead, &text, limit),
                        None if row.len() > limit => extent.too_long = row.len(),
                        None => {}
                    }
                    extent.lines = extent.lines.max(1);
                }
            }
            Shape::Led(lead, limit) => {
                self.led_rows(lead).for_each(|row| extent.add(lead, &row, limit));
            }
            Shape::Raw => extent.lines = self.rows().count(),
        }
        extent
    }

    /// A blank text is cleared away, and is nothing to send.
    pub(super) fn submit(&mut self) -> Outcome {
        let Extent { lines, too_long, .. } = self.extent();
        if too_long > 0 {
            return Outcome::TooLong(too_long);
        }
        let as_text = self.looks_like_more_than_text();
        if lines > MANY_LINES || as_text {
            self.mode = Mode::Asking(Question { lines, as_text });
            return Outcome::Edited;
        }
        self.send()
    }

    fn send(&mut self) -> Outcome {
        let lines: Vec<Typed> = match self.shape() {
            Shape::Alone(limit) => {
                self.rows().flat_map(|row| Typed::new(row).split(limit)).collect()
            }
            Shape::Led(lead, limit) => {
                let texts = self.led_rows(lead).filter(|text| !is_blank(text));
                let line = |text: Cow<'_, str>| Typed::new(lead.line(&text).into_owned());
                texts.flat_map(|text| line(text).split(limit)).collect()
            }
            Shape::Raw => self.rows().map(Typed::new).collect(),
        };
        let entry = Memorable::of_text(&self.rows().collect::<Vec<_>>().join("\n"));
        self.input_history.add(entry.as_ref());
        self.buffer = Buffer::default();
        self.undo = Undo::default();
        if lines.is_empty() {
            return Outcome::Edited;
        }
        Outcome::Submit(Submission { lines, entry })
    }

    fn shape(&self) -> Shape<'_> {
        let mut rows = self.rows();
        match (self.limit, rows.next(), rows.next()) {
            (None, ..) => Shape::Raw,
            (Some(limit), Some(first), Some(_)) => {
                Shape::Led(Lead::of(first).map_or(Lead::Say, |(lead, _)| lead), limit)
            }
            (Some(limit), ..) => Shape::Alone(limit),
        }
    }

    /// The rows without what the first of them begins with, and all others will.
    fn led_rows<'a>(&'a self, lead: Lead<'_>) -> impl Iterator<Item = Cow<'a, str>> {
        let text = move |(i, row): (usize, &'a str)| match Lead::of(row) {
            Some((_, text)) if i == 0 && lead != Lead::Say => text,
            _ => row.into(),
        };
        self.rows().enumerate().map(text)
    }

    /// Whether there is a command or a password among several rows, which are sent as text all the same.
    fn looks_like_more_than_text(&self) -> bool {
        let Some(first) = self.rows().next().filter(|_| self.rows().nth(1).is_some()) else {
            return false;
        };
        let word = from_first_shown(first).split_whitespace().next().unwrap_or_default();
        let is_command = || {
            let word = word.strip_prefix('/').unwrap_or_default();
            !word.is_empty() && word.chars().all(char::is_alphanumeric) && Lead::of(first).is_none()
        };
        self.has_secret() || is_command()
    }

    fn rows(&self) -> impl Iterator<Item = &str> {
        self.buffer.text.split('\n').filter(|row| !is_blank(row))
    }

    /// Takes a key for the answer to the question. A key that is no answer does what it always does.
    pub(super) fn answer(&mut self, key: Key) -> Outcome {
        match key {
            Key::Char('y' | 'Y') | Key::Enter => self.send(),
            Key::Char('n' | 'N') => Outcome::Edited,
            Key::CutToStart => full_unless(self.cut(0..self.buffer.text.len(), Side::Before, None)),
            key => self.edit(key),
        }
    }
}

impl<'a> Extent<'a> {
    /// Adds the lines that say this text.
    fn add(&mut self, lead: Lead<'a>, text: &str, limit: usize) {
        match lead.parts(text, limit) {
            Some(parts) => self.lines += parts.count(),
            None => self.too_long = self.too_long.max(lead.line(text).len()),
        }
        if let Lead::Whisper(to) = lead {
            self.to = Some(to);
        }
    }
}
