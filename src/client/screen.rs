//! The pinned input row and the conversation above it, as bytes for a terminal.
//!
//! It owns what the input row shows, and knows what the terminal shows of it. It writes to any
//! `Write`, once a repaint, and knows neither raw mode nor locks: `Terminal`
//! has those. There is no alternate screen. A line is written where the input row is, and the
//! input row below it, so the conversation scrolls into the terminal's own scrollback.
//!
//! # A terminal that becomes narrower
//!
//! Most terminals break then what has become too wide, so the lines are broken twice and the input row
//! is one of several. All of that is written anew from the lines that are kept (`recent`): from the row
//! in which the first visible line begins, if the terminal has broken them. Lines that need more rows
//! now scroll, as new ones do, so the scrollback has all of them, and a part of one of them twice. In a
//! terminal that cuts rows off instead, what a shell has left above the conversation may be lost.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::columns::{self, Measure};
use super::config::WrapChoice;
use super::paragraph::{Paragraph, Rule, Shape};
use super::prompt::Label;
use super::row::{Row, View};
use recent::Recent;

mod recent;

/// Back to the first column, and nothing from there on. The cursor is always in the input row,
/// with nothing below it.
const ERASE: &[u8] = b"\r\x1b[J";

/// Remember where the cursor is, and go back to there. So it stands right even in a terminal that
/// takes a character for wider or narrower than we do.
const SAVE_CURSOR: &[u8] = b"\x1b7";
const RESTORE_CURSOR: &[u8] = b"\x1b8";

/// Let the terminal show a repaint as one picture (the synchronized update, mode 2026). Those that
/// do not know it pass over it.
const HOLD: &[u8] = b"\x1b[?2026h";
const RELEASE: &[u8] = b"\x1b[?2026l";

/// Let pasted text come as such, and tell when the window gains and loses the focus. On Windows the
/// console has other ways, and no such modes.
const TELL_MORE: &[u8] = if cfg!(windows) { b"" } else { b"\x1b[?2004h\x1b[?1004h" };
const TELL_LESS: &[u8] = if cfg!(windows) { b"" } else { b"\x1b[?1004l\x1b[?2004l" };

/// The input row stays one row: what the terminal has no room for, because it has become narrower
/// and has not told us yet, is left out instead of wrapped.
const CUT_OFF: &[u8] = b"\x1b[?7l";
const WRAP: &[u8] = b"\x1b[?7h";

const BOLD: &[u8] = b"\x1b[1m";
const PLAIN: &[u8] = b"\x1b[22m";

/// To the beginning of the last row, however many there are: the terminal may have got another size, and
/// not have told us yet.
const LAST_ROW: &[u8] = b"\x1b[999;1H";

/// Nothing in the row, and on to the next.
const ERASE_ROW: &str = "\x1b[2K\x1b[B";

/// Takes the row out; those below it move up.
const DELETE_ROW: &str = "\x1b[M";

/// An empty terminal; what was in it stays in most terminals' scrollback.
const CLEAR: &[u8] = b"\x1b[H\x1b[2J";

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
    /// Lines that wait for a terminal whose size is known.
    waiting: Vec<Paragraph<'static>>,
    /// What the next repaint writes before the input row.
    above: String,
    /// What the terminal has in the input row before the cursor.
    drawn: String,
    /// The lines that may be written again.
    recent: Recent,
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
            waiting: Vec::new(),
            above: String::new(),
            drawn: String::new(),
            recent: Recent::new(wrap),
        }
    }

    /// Shows the input row in the last row of a terminal of that size. What stands above it stays.
    ///
    /// # Errors
    ///
    /// The terminal cannot be written.
    pub fn begin(&mut self, size: Size) -> io::Result<()> {
        self.size = size;
        self.recent.forget();
        self.show();
        self.paint(&[TELL_MORE, ERASE, LAST_ROW].concat())
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
        self.write(&[ERASE, TELL_LESS].concat())
    }

    /// Empties the terminal, and shows the input row in its last row.
    ///
    /// # Errors
    ///
    /// The terminal cannot be written.
    pub fn clear(&mut self) -> io::Result<()> {
        self.recent.forget();
        self.paint(&[ERASE, CLEAR, LAST_ROW].concat())
    }

    /// Paints the input row in the last row, whatever others have written there.
    ///
    /// # Errors
    ///
    /// The terminal cannot be written.
    pub fn pin(&mut self) -> io::Result<()> {
        self.paint(&[ERASE, LAST_ROW].concat())
    }

    /// Adds lines to the conversation at the next repaint.
    pub(super) fn print<'a>(&mut self, lines: impl ExactSizeIterator<Item = Paragraph<'a>>) {
        if self.stage != Stage::Shown {
            self.waiting.extend(lines.map(Paragraph::into_owned));
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

    /// Takes over the terminal's new size. One input row is left, in the last row.
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
        let seen = if narrower { self.laid_out_again() } else { [ERASE, LAST_ROW].concat() };
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
        self.paint(ERASE)
    }

    /// Takes the input row away and leaves the cursor where it began. What was being written stays
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
            _ => self.row.whole(&self.prompt.whole()) + "\r\n",
        };
        let bytes = [ERASE, self.above.as_bytes(), draft.as_bytes(), TELL_LESS].concat();
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

    fn is_begun(&self) -> bool {
        matches!(self.stage, Stage::Shown | Stage::Held)
    }

    /// From now on lines are written, and those that have waited are the first.
    fn show(&mut self) {
        self.stage = Stage::Shown;
        let waiting = std::mem::take(&mut self.waiting);
        self.print(waiting.into_iter());
    }

    /// Has the rule above what was new until now taken out of the conversation, if it is still to be
    /// seen: where there is more than one, none says what is new.
    fn take_unread_rule_away(&mut self) {
        let Size { columns, rows } = self.size;
        let below = self.recent.take_unread_rule(usize::from(columns));
        // The cursor is in the last row, where the input row is or will be.
        if let Some(below) = below.filter(|below| below + 1 < usize::from(rows)) {
            self.above.push_str(&up(below + 1));
            let _ = write!(self.above, "{DELETE_ROW}\x1b[{}B", below.max(1));
            // With nothing below the rule, the input row is where that was.
            self.above.push_str(&up(usize::from(below == 0)));
            self.above.push('\r');
        }
    }

    /// Whether all terminals agree about how wide the input row is.
    fn is_input_exact(&self) -> bool {
        let rows = |measure| columns::rows(&self.drawn, usize::from(self.size.columns), measure);
        rows(Measure::Narrowest) == rows(Measure::WidestAmongIdeographs)
    }

    /// All again that is seen of the conversation, from where it begins above the cursor.
    fn laid_out_again(&mut self) -> Vec<u8> {
        let (columns, rows) = (usize::from(self.size.columns), usize::from(self.size.rows));
        let before = columns::rows(&self.drawn, columns, Measure::Widest) - 1;
        let visible = self.recent.visible(columns, rows - 1);
        let above = (visible.rows + before).min(rows - 1);
        let (text, taken) = self.recent.lay_out(visible, columns);
        let erase = [up(above), ERASE_ROW.repeat(above), up(above.min(taken))].concat();
        // What fewer rows are needed for ends where the input row is.
        [ERASE, erase.as_bytes(), b"\r", text.as_bytes(), LAST_ROW].concat()
    }

    fn paint(&mut self, place: &[u8]) -> io::Result<()> {
        if self.stage != Stage::Shown {
            return Ok(());
        }
        let mut bytes = place.to_vec();
        bytes.append(&mut std::mem::take(&mut self.above).into_bytes());
        let columns = usize::from(self.size.columns);
        let View { prompt, before, after } = self.row.view(self.prompt.within(columns), columns);
        bytes.extend_from_slice(CUT_OFF);
        let (prompt, text) = before.split_at(prompt);
        let [bold, plain] = if self.is_bold { [BOLD, PLAIN] } else { [&b""[..]; 2] };
        bytes.extend_from_slice(&[bold, prompt.as_bytes(), plain, text.as_bytes()].concat());
        if !after.is_empty() {
            bytes.extend_from_slice(SAVE_CURSOR);
            bytes.extend_from_slice(after.as_bytes());
            bytes.extend_from_slice(RESTORE_CURSOR);
        }
        bytes.extend_from_slice(WRAP);
        self.drawn = before;
        self.write(&[HOLD, &bytes, RELEASE].concat())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.out.flush()
    }
}

/// Moves the cursor up by so many rows, or to the first one.
fn up(rows: usize) -> String {
    if rows == 0 { String::new() } else { format!("\x1b[{rows}A") }
}

#[cfg(test)]
mod tests;
