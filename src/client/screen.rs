//! The pinned input rows and the conversation above them, as bytes for a terminal.
//!
//! It owns what the input rows show, and knows what the terminal shows of it. It writes to any
//! `Write`, once a repaint, and knows neither raw mode nor locks: `Terminal`
//! has those. There is no alternate screen. A line is written where the input is, and the
//! input below it, so the conversation scrolls into the terminal's own scrollback. An input that has more rows
//! scrolls it up, too. One that has fewer leaves rows free below it, until the conversation fills them: what has
//! scrolled away does not come back.
//!
//! # A terminal that becomes narrower
//!
//! Most terminals break then what has become too wide, so the lines are broken twice and the input has more
//! rows than before. All of that is written anew from the lines that are kept (`recent`): from the row
//! in which the first visible line begins, if the terminal has broken them. Lines that need more rows
//! now scroll, as new ones do, so the scrollback has all of them, and a part of one of them twice. In a
//! terminal that cuts rows off instead, what a shell has left above the conversation may be lost.

use std::collections::VecDeque;
use std::io::{self, Write};

use super::config::WrapChoice;
use super::paragraph::{Paragraph, Rule, Shape};
use super::prompt::Label;
use super::row::{Row, View};
use recent::Recent;
use sequences::{
    CLEAR, ERASE, KEEP_TITLE, LAST_ROW, RESTORE_TITLE, TELL_KEYS, TELL_KEYS_NO_MORE, TELL_LESS,
    TELL_MORE,
};

mod again;
mod painting;
mod recent;
mod sequences;

/// How many lines may wait to be shown, for as long as another program has the terminal.
const MOST_WAITING: usize = 10_000;

/// How many columns and rows a terminal has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Characters side by side.
    pub columns: u16,
    /// Lines one below the other.
    pub rows: u16,
}

/// An input row and the lines that are to go above it.
#[derive(Debug)]
pub struct Screen<W> {
    /// The terminal.
    out: W,
    /// How large it is, as far as it has told.
    size: Size,
    /// Whether anything may be written.
    stage: Stage,
    /// What stands before the input.
    prompt: Label,
    /// Whether that is bold, so that the row is set off from the conversation.
    is_bold: bool,
    /// What is being written by the user.
    row: Row,
    /// Who breaks lines.
    wrap: WrapChoice,
    /// Lines that wait for a terminal whose size is known, at most [`MOST_WAITING`].
    waiting: VecDeque<Paragraph<'static>>,
    /// How many lines have waited before those and are not shown.
    left_out: usize,
    /// What the next repaint writes before the input row.
    above: String,
    /// What the terminal has in the input rows.
    drawn: View,
    /// How many rows may be free below the input.
    free: usize,
    /// The lines that may be written again.
    recent: Recent,
    /// Whether the window's title is ours while there is an input row.
    is_titled: bool,
    /// Whether the terminal tells more of keys while there is one.
    has_keys: bool,
}

/// Whether there is an input row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Not yet, or not now: lines are kept until there is.
    Absent,
    /// There is one, in the terminal's last row.
    Shown,
    /// There is one, in a terminal whose size is about to be told: lines are kept until then.
    Held,
    /// Not any more: nothing is ever written again.
    After,
}

impl<W: Write> Screen<W> {
    /// A screen of that size, whose lines are broken as `wrap` has it. Nothing is written until
    /// [`begin`](Screen::begin).
    #[must_use]
    pub fn new(out: W, size: Size, wrap: WrapChoice) -> Screen<W> {
        Screen {
            out,
            size,
            stage: Stage::Absent,
            prompt: Label::from(""),
            is_bold: false,
            row: Row::default(),
            wrap,
            waiting: VecDeque::new(),
            left_out: 0,
            above: String::new(),
            drawn: View::default(),
            free: 0,
            recent: Recent::new(wrap),
            is_titled: false,
            has_keys: false,
        }
    }

    /// Shows the input row in the last row of a terminal of that size. What stands above it stays.
    ///
    /// # Errors
    ///
    /// The terminal cannot be written.
    pub fn begin(&mut self, size: Size) -> io::Result<()> {
        // A program that was stopped all of a sudden has them still.
        let keys = if self.is_begun() { b"" } else { self.if_keys(TELL_KEYS) };
        self.size = size;
        self.recent.forget();
        self.free = 0;
        self.show();
        let title = self.if_titled(KEEP_TITLE);
        self.paint(&[TELL_MORE, keys, title, ERASE, &self.last_rows(), ERASE].concat())
    }

    /// Takes the input row away until it [begins](Screen::begin) again, for a program that is to be
    /// stopped for a while.
    ///
    /// # Errors
    ///
    /// The terminal cannot be written.
    pub fn pause(&mut self) -> io::Result<()> {
        if !self.is_begun() {
            return Ok(());
        }
        self.stage = Stage::Absent;
        let erase = self.erase();
        self.drawn = View::default();
        let keys = self.if_keys(TELL_KEYS_NO_MORE);
        self.write(&[&erase, self.if_titled(RESTORE_TITLE), keys, TELL_LESS].concat())
    }

    /// Empties the terminal, and shows the input row in its last row.
    ///
    /// # Errors
    ///
    /// The terminal cannot be written.
    pub fn clear(&mut self) -> io::Result<()> {
        self.recent.forget();
        self.free = 0;
        self.paint(&[CLEAR, LAST_ROW].concat())
    }

    /// Paints the input in the last rows, whatever others have written there.
    ///
    /// # Errors
    ///
    /// The terminal cannot be written.
    pub fn pin(&mut self) -> io::Result<()> {
        if self.free > 0 {
            // What is still to be written begins where the input is.
            self.repaint()?;
        }
        let place = self.to_last_rows();
        self.free = 0;
        self.paint(&place)
    }

    /// Adds lines to the conversation at the next repaint.
    pub(super) fn print<'a>(&mut self, lines: impl ExactSizeIterator<Item = Paragraph<'a>>) {
        if self.stage != Stage::Shown {
            self.waiting.extend(lines.map(Paragraph::into_owned));
            let left_out = self.waiting.len().saturating_sub(MOST_WAITING);
            self.waiting.drain(..left_out);
            self.left_out += left_out;
            return;
        }
        let columns = usize::from(self.size.columns);
        let forgotten = lines.len().saturating_sub(recent::KEPT);
        for (i, line) in lines.enumerate() {
            if line.layout.shape == Shape::Rule(Rule::UntilNext) {
                self.take_unread_rule_away();
            }
            line.lay_out(self.wrap, columns, &mut self.above);
            if i >= forgotten {
                self.recent.add(line, columns);
            }
            self.free = self.free.saturating_sub(1);
        }
    }

    /// Has the prompt painted bold from the next repaint on.
    pub(super) fn set_off_input(&mut self) {
        self.is_bold = true;
    }

    /// Lets the terminal's bell ring at the next repaint.
    pub fn ring(&mut self) {
        self.above.push('\x07');
    }

    /// Has the window's title kept and given back: the caller sets another one.
    pub(super) fn take_title(&mut self) {
        self.is_titled = true;
    }

    /// Has the terminal tell more of keys (kitty's protocol) while there is an input row.
    pub(super) fn take_keys(&mut self) {
        self.has_keys = true;
    }

    /// Writes a sequence at the next repaint that shows nothing in the terminal itself.
    pub(super) fn command(&mut self, sequence: &str) {
        self.above.push_str(sequence);
    }

    /// Shows this text in the input row from the next repaint on, with the cursor before the byte
    /// at `cursor`.
    pub fn set_input(&mut self, text: &str, cursor: usize) {
        self.row.set(text, cursor);
    }

    /// Shows this before the input from the next repaint on.
    pub fn set_prompt(&mut self, prompt: Label) {
        self.prompt = prompt;
    }

    /// How many columns and rows the terminal has.
    #[must_use]
    pub fn size(&self) -> Size {
        self.size
    }

    /// Keeps everything that is to be written until the terminal's new size is told
    /// ([`resize`](Screen::resize)): with another one, it would be in the wrong place.
    pub fn hold(&mut self) {
        if self.stage == Stage::Shown {
            self.stage = Stage::Held;
        }
    }

    /// Takes over the terminal's new size. The input is in the last rows then.
    ///
    /// # Errors
    ///
    /// The terminal cannot be written.
    pub fn resize(&mut self, size: Size) -> io::Result<()> {
        let before = std::mem::replace(&mut self.size, size);
        if size.rows > before.rows || !self.is_input_exact() {
            // Some terminals leave the new rows below what there is, and others show more above it.
            self.recent.settle_unread_rule();
        }
        let narrower = size.columns < before.columns;
        // What has waited is not on the screen yet.
        let seen = if narrower { self.laid_out_again() } else { self.to_last_rows() };
        self.free = 0;
        if self.stage == Stage::Held {
            self.show();
        }
        self.paint(&seen)
    }

    /// Writes everything that has changed.
    ///
    /// # Errors
    ///
    /// The terminal cannot be written.
    pub fn repaint(&mut self) -> io::Result<()> {
        self.paint(&self.erase())
    }

    /// Takes the input away and leaves the cursor where it began. What was being written stays
    /// as a line of its own: the end may have come unasked for.
    ///
    /// # Errors
    ///
    /// The terminal cannot be written.
    pub fn end(&mut self) -> io::Result<()> {
        if !self.is_begun() {
            self.stage = Stage::After;
            return Ok(());
        }
        // What waits for a size is written for the one that is known.
        self.show();
        self.stage = Stage::After;
        let draft = match self.row.text().trim() {
            "" => String::new(),
            _ => self.row.whole(&self.prompt.whole()),
        };
        let restored = [self.if_titled(RESTORE_TITLE), self.if_keys(TELL_KEYS_NO_MORE)].concat();
        let bytes =
            [&self.erase(), self.above.as_bytes(), draft.as_bytes(), &restored, TELL_LESS].concat();
        self.write(&bytes)
    }

    /// Whether the input row has been taken away.
    pub(super) fn is_over(&self) -> bool {
        self.stage == Stage::After
    }

    /// What it has written to.
    #[cfg(any(test, fuzzing))]
    pub(super) fn out(&mut self) -> &mut W {
        &mut self.out
    }

    fn if_titled(&self, sequence: &'static [u8]) -> &'static [u8] {
        if self.is_titled { sequence } else { b"" }
    }

    fn if_keys(&self, sequence: &'static [u8]) -> &'static [u8] {
        if self.has_keys { sequence } else { b"" }
    }

    fn is_begun(&self) -> bool {
        matches!(self.stage, Stage::Shown | Stage::Held)
    }

    /// From now on lines are written, and those that have waited are the first.
    fn show(&mut self) {
        self.stage = Stage::Shown;
        let waiting = std::mem::take(&mut self.waiting);
        if let left_out @ 1.. = std::mem::take(&mut self.left_out) {
            let told =
                format!("-- {left_out} lines that came meanwhile are not shown; /history has them");
            self.print([Paragraph::plain(told)].into_iter());
        }
        self.print(waiting.into_iter());
    }
}

#[cfg(test)]
mod tests;
