//! The pinned input row and the conversation above it, as bytes for a terminal.
//!
//! It owns what the input row shows, and knows what the terminal shows of it. It writes to any
//! `Write`, once a repaint, and knows neither raw mode nor locks: `Terminal`
//! has those. There is no alternate screen. A line is written where the input row is, and the
//! input row below it, so the conversation scrolls into the terminal's own scrollback.

use std::io::{self, Write};

use super::prompt::Prompt;
use super::row::{self, Row, View};

/// Back to the first column, and nothing from there on. The cursor is always in the input row,
/// with nothing below it.
const ERASE: &[u8] = b"\r\x1b[J";

/// Remember where the cursor is, and go back to there. So it stands right even in a terminal that
/// takes a character for wider or narrower than we do.
const SAVE_CURSOR: &[u8] = b"\x1b7";
const RESTORE_CURSOR: &[u8] = b"\x1b8";

const BELL: u8 = 7;

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

/// Asks the terminal where its cursor is. On Windows crossterm asks the console.
const WHERE: &[u8] = if cfg!(windows) { b"" } else { b"\x1b[6n" };

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
    out: W,
    size: Size,
    stage: Stage,
    /// What stands before the input.
    prompt: Prompt,
    /// Whether that is bold, so that the row is set off from the conversation.
    is_bold: bool,
    row: Row,
    /// What the next repaint writes before the input row.
    above: Vec<u8>,
    /// What the terminal has in the input row before the cursor.
    drawn: String,
    habit: Habit,
}

/// What the terminal does with a row that is wider than it has become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Habit {
    /// It is cut off, or that is not known yet: if the cursor is in the last column, it may be
    /// either, and it is safe to assume that what is above it is not ours to erase.
    CutsOff,
    /// What does not fit goes on in the next row, and the cursor with it.
    Wraps,
}

/// Whether there is an input row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Not yet, or not now: lines are kept until there is.
    Absent,
    /// There is one, in the terminal's last row.
    Shown,
    /// Not any more: nothing is ever written again.
    After,
}

impl<W: Write> Screen<W> {
    /// A screen of that size. Nothing is written until [`begin`](Screen::begin).
    #[must_use]
    pub fn new(out: W, size: Size) -> Screen<W> {
        Screen {
            out,
            size,
            stage: Stage::Absent,
            prompt: Prompt::from(""),
            is_bold: false,
            row: Row::default(),
            above: Vec::new(),
            drawn: String::new(),
            habit: Habit::CutsOff,
        }
    }

    /// Shows the input row in the last row of a terminal of that size. What stands above it stays.
    ///
    /// # Errors
    ///
    /// The terminal cannot be written.
    pub fn begin(&mut self, size: Size) -> io::Result<()> {
        self.stage = Stage::Shown;
        self.size = size;
        let last_row = self.last_row();
        self.paint([TELL_MORE, ERASE, last_row.as_bytes()].concat())
    }

    /// Takes the input row away until it [begins](Screen::begin) again, for a program that is to be
    /// stopped for a while.
    ///
    /// # Errors
    ///
    /// The terminal cannot be written.
    pub fn pause(&mut self) -> io::Result<()> {
        if self.stage != Stage::Shown {
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
        let last_row = self.last_row();
        self.paint([ERASE, CLEAR, last_row.as_bytes()].concat())
    }

    /// Paints the input row in the last row, whatever others have written there.
    ///
    /// # Errors
    ///
    /// The terminal cannot be written.
    pub fn pin(&mut self) -> io::Result<()> {
        let last_row = self.last_row();
        self.paint([ERASE, last_row.as_bytes()].concat())
    }

    /// Adds lines to the conversation, each with its line end, at the next repaint.
    pub fn print(&mut self, lines: &str) {
        for line in lines.lines() {
            self.above.extend_from_slice(line.as_bytes());
            self.above.extend_from_slice(b"\r\n");
        }
    }

    /// Has the prompt painted bold from the next repaint on.
    pub(super) fn set_off_input(&mut self) {
        self.is_bold = true;
    }

    /// Lets the terminal's bell ring at the next repaint.
    pub fn ring(&mut self) {
        self.above.push(BELL);
    }

    /// Shows this text in the input row from the next repaint on, with the cursor before the byte
    /// at `cursor`.
    pub fn set_input(&mut self, text: &str, cursor: usize) {
        self.row.set(text, cursor);
    }

    /// Shows this before the input from the next repaint on.
    pub fn set_prompt(&mut self, prompt: Prompt) {
        self.prompt = prompt;
    }

    /// How many columns and rows the terminal has.
    #[must_use]
    pub fn size(&self) -> Size {
        self.size
    }

    /// Whether a terminal of that new size may have wrapped the input row before the cursor. Some
    /// do so, others cut it off; where the cursor is tells which.
    #[must_use]
    pub fn may_be_wrapped(&self, size: Size) -> bool {
        row::wrapped(&self.drawn, usize::from(size.columns)).rows > 0
    }

    /// Asks the terminal where its cursor is.
    ///
    /// # Errors
    ///
    /// The terminal cannot be written.
    pub(super) fn ask_for_cursor(&mut self) -> io::Result<()> {
        self.write(WHERE)
    }

    /// Paints the input row anew, for a terminal that has changed its size and has the cursor in
    /// this column now, if that is known. One input row is left. It is where it was among the
    /// lines, so that none of them is touched, or in the last row if there are more rows now.
    ///
    /// # Errors
    ///
    /// The terminal cannot be written.
    pub fn resize(&mut self, size: Size, cursor: Option<u16>) -> io::Result<()> {
        let has_grown = size.rows > self.size.rows;
        self.size = size;
        let columns = usize::from(size.columns);
        let wrapped = row::wrapped(&self.drawn, columns);
        let as_if_wrapped = cursor.map(usize::from) == Some(wrapped.column);
        let as_if_cut_off = wrapped.column + 1 == columns;
        if wrapped.rows > 0 && cursor.is_some() && !as_if_cut_off {
            self.habit = if as_if_wrapped { Habit::Wraps } else { Habit::CutsOff };
        }
        if wrapped.rows > 0 && as_if_wrapped && self.habit == Habit::Wraps {
            let up = format!("\x1b[{}A", wrapped.rows);
            self.paint([up.as_bytes(), ERASE].concat())
        } else if has_grown {
            self.pin()
        } else {
            self.repaint()
        }
    }

    /// Writes everything that has changed.
    ///
    /// # Errors
    ///
    /// The terminal cannot be written.
    pub fn repaint(&mut self) -> io::Result<()> {
        self.paint(ERASE.to_vec())
    }

    /// Takes the input row away and leaves the cursor where it began. What was being written stays
    /// as a line of its own: the end may have come unasked for.
    ///
    /// # Errors
    ///
    /// The terminal cannot be written.
    pub fn end(&mut self) -> io::Result<()> {
        if std::mem::replace(&mut self.stage, Stage::After) != Stage::Shown {
            return Ok(());
        }
        let draft = match self.row.text().trim() {
            "" => String::new(),
            _ => self.row.whole(&self.prompt) + "\r\n",
        };
        let bytes = [ERASE, &self.above, draft.as_bytes(), TELL_LESS].concat();
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

    fn last_row(&self) -> String {
        format!("\x1b[{};1H", self.size.rows)
    }

    fn paint(&mut self, mut bytes: Vec<u8>) -> io::Result<()> {
        if self.stage != Stage::Shown {
            return Ok(());
        }
        bytes.append(&mut self.above);
        let columns = usize::from(self.size.columns);
        let View { prompt, before, after } = self.row.view(&self.prompt, columns);
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::num::NonZeroU16;
    use std::rc::Rc;

    use unicode_width::UnicodeWidthStr;

    /// A terminal that counts the writes it gets.
    struct Emulator {
        parser: vt100::Parser,
        writes: Rc<Cell<usize>>,
    }

    impl Write for Emulator {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.writes.set(self.writes.get() + 1);
            self.parser.process(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn cells(count: u16) -> NonZeroU16 {
        NonZeroU16::new(count).expect("a terminal has cells")
    }

    /// A screen in an emulator, begun below two lines of a shell.
    fn screen(columns: u16, rows: u16) -> Screen<Emulator> {
        let mut parser = vt100::Parser::new(cells(rows), cells(columns), 1000);
        parser.process(b"$ ls\r\n$ x\r\n");
        let mut screen =
            Screen::new(Emulator { parser, writes: Rc::default() }, Size { columns, rows });
        screen.set_prompt("alice".into());
        screen.begin(Size { columns, rows }).expect("an emulator takes everything");
        screen
    }

    impl Screen<Emulator> {
        fn typed(&mut self, picture: &str) -> &mut Self {
            let cursor = picture.find('|').expect("a cursor in the picture");
            self.set_input(&picture.replace('|', ""), cursor);
            self.repaint().expect("an emulator takes everything");
            self
        }

        fn arrived(&mut self, lines: &str) -> &mut Self {
            self.print(lines);
            self.repaint().expect("an emulator takes everything");
            self
        }

        fn resized(&mut self, columns: u16, rows: u16) -> &mut Self {
            self.out.parser.screen_mut().set_size(cells(rows), cells(columns));
            let cursor = self.out.parser.screen().cursor_position().1;
            self.resize(Size { columns, rows }, Some(cursor))
                .expect("an emulator takes everything");
            self
        }

        /// What the terminal shows, with `|` for the cursor and without the blanks at the right.
        fn picture(&self) -> String {
            let screen = self.out.parser.screen();
            let (columns, (row, column)) = (screen.size().1.get(), screen.cursor_position());
            let lines = screen.rows(0, columns).enumerate().map(|(i, line)| {
                if i != usize::from(row) {
                    return line.trim_end().to_owned();
                }
                let before = screen.contents_between(row, 0, row, column);
                let after = screen.contents_between(row, column, row, columns);
                let blanks = usize::from(column).saturating_sub(before.width());
                format!("{before}{}|{}", " ".repeat(blanks), after.trim_end())
            });
            lines.collect::<Vec<_>>().join("\n")
        }

        #[track_caller]
        fn shows(&mut self, expected: &[&str]) -> &mut Self {
            let expected = expected.join("\n");
            let got = self.picture();
            assert!(got == expected, "expected:\n{expected}\n\ngot:\n{got}\n");
            self
        }
    }

    #[test]
    fn the_input_is_in_the_last_row_from_the_beginning_and_nothing_scrolls() {
        screen(20, 5).shows(&["$ ls", "$ x", "", "", "alice> |"]);
    }

    #[test]
    fn lines_that_arrive_leave_what_is_being_typed_alone() {
        screen(20, 5)
            .typed("hel|lo")
            .arrived("<bob> one\n")
            .shows(&["$ x", "", "", "<bob> one", "alice> hel|lo"])
            .arrived("<bob> two\n<bob> three\n")
            .shows(&["", "<bob> one", "<bob> two", "<bob> three", "alice> hel|lo"])
            .typed("hell|lo")
            .shows(&["", "<bob> one", "<bob> two", "<bob> three", "alice> hell|lo"]);
    }

    #[test]
    fn a_line_wider_than_the_terminal_wraps_above_the_input() {
        screen(10, 5)
            .typed("日本|語")
            .arrived("<bob> 0123456789\n<bob> 678\n<bob> 6789\n")
            .shows(&["<bob> 0123", "456789", "<bob> 678", "<bob> 6789", "ali> ‹本|›"]);
    }

    #[test]
    fn everything_that_arrived_is_one_write() {
        let mut screen = screen(20, 5);
        let writes = Rc::clone(&screen.out.writes);
        let before = writes.get();
        screen.typed("x|").arrived(&"<bob> hi\n".repeat(10_000));
        assert_eq!(writes.get() - before, 2);
    }

    #[test]
    fn a_long_text_scrolls_sideways_at_any_width() {
        for columns in 1..30 {
            let mut screen = screen(columns, 4);
            screen.arrived("-\n");
            for end in 0..60 {
                screen.typed(&format!("{}|", "0123456789".repeat(6).split_at(end).0));
                let picture = screen.picture();
                let rows: Vec<&str> = picture.lines().collect();
                assert!(rows[2] == "-" && rows[3].contains('|'), "{columns}:\n{picture}");
            }
        }
        screen(10, 3).typed("0123456789|").shows(&["$ ls", "$ x", "ali> ‹789|"]);
    }

    #[test]
    fn wide_and_joined_characters_do_not_move_the_input_row() {
        let text = "日e\u{301}👩‍👩‍👧🇩🇪b👍🏽語".repeat(3);
        let mut screen = screen(20, 4);
        screen.arrived("-\n");
        for (at, _) in unicode_segmentation::UnicodeSegmentation::grapheme_indices(&*text, true) {
            screen.typed(&format!("{}|{}", &text[..at], &text[at..]));
            let picture = screen.picture();
            let rows: Vec<&str> = picture.lines().collect();
            assert!(rows[2] == "-" && rows[3].starts_with("alice> "), "{at}:\n{picture}");
        }
        screen.typed("e\u{301}日|本").shows(&["$ x", "", "-", "alice> e\u{301}日|本"]);
    }

    #[test]
    fn a_new_size_leaves_one_input_row_in_the_last_row() {
        screen(30, 5)
            .arrived("<bob> one\n")
            .typed("0123456789012345|")
            .resized(12, 5)
            .shows(&["$ x", "", "", "<bob> one", "alic> ‹2345|"])
            .resized(30, 5)
            .typed("0123456789012345|")
            .shows(&["$ x", "", "", "<bob> one", "alice> 0123456789012345|"])
            .resized(30, 7)
            .shows(&["$ ls", "$ x", "", "", "<bob> one", "", "alice> 0123456789012345|"]);
    }

    /// A terminal that wraps what has become too wide has it as if it had been written so.
    #[test]
    fn a_terminal_that_wraps_the_input_row_is_cleared_of_it() {
        for end in 0..30 {
            let mut screen = screen(40, 6);
            let text = "0123456789日本語0123456789abcdefg";
            let boundary = text.char_indices().map(|(at, _)| at).nth(end).expect("it is long");
            screen.arrived("<bob> one\n");
            screen.typed(&format!("{}|{}", &text[..boundary], &text[boundary..]));
            let mut parser = vt100::Parser::new(cells(6), cells(12), 100);
            parser.process(b"\x1b[2;1H<bob> one\r\n");
            let View { before, after, .. } = screen.row.view(&"alice".into(), 40);
            parser.process(format!("{before}\x1b7{after}\x1b8").as_bytes());
            let cursor = parser.screen().cursor_position().1;
            screen.out.parser = parser;
            screen.resize(Size { columns: 12, rows: 6 }, Some(cursor)).expect("it takes all");
            let picture = screen.picture();
            let rows: Vec<&str> = picture.lines().collect();
            // In the last column it may as well be cut off, and that is what is safe to assume.
            if cursor < 11 {
                assert_eq!(picture.matches("ali").count(), 1, "{end}:\n{picture}");
                // No blank row comes between it and the conversation.
                assert!(rows[2].starts_with("ali"), "{end}:\n{picture}");
            }
            let has_cursor = rows.iter().any(|row| row.starts_with("ali") && row.contains('|'));
            assert!(rows.contains(&"<bob> one") && has_cursor, "{end}:\n{picture}");
        }
    }

    #[test]
    fn a_refused_character_rings_the_bell_and_moves_nothing() {
        let mut screen = screen(20, 3);
        screen.typed("abc|").ring();
        screen.repaint().expect("an emulator takes everything");
        screen.shows(&["$ ls", "$ x", "alice> abc|"]);
    }

    #[test]
    fn lines_that_come_before_the_beginning_are_shown_then() {
        let parser = vt100::Parser::new(cells(3), cells(20), 0);
        let out = Emulator { parser, writes: Rc::default() };
        let mut screen = Screen::new(out, Size { columns: 20, rows: 3 });
        screen.arrived("-- early\n").shows(&["|", "", ""]);
        screen.begin(Size { columns: 20, rows: 3 }).expect("an emulator takes everything");
        screen.shows(&["", "-- early", "> |"]);
    }

    #[test]
    fn at_the_end_the_input_row_is_gone_and_nothing_is_written_after() {
        let mut screen = screen(20, 4);
        screen.arrived("<bob> one\n");
        screen.end().expect("an emulator takes everything");
        screen.shows(&["$ x", "", "<bob> one", "|"]);
        screen.arrived("<bob> two\n").typed("x|").shows(&["$ x", "", "<bob> one", "|"]);
    }

    #[test]
    fn a_pause_takes_the_input_row_away_and_keeps_what_arrives() {
        let mut screen = screen(20, 4);
        screen.arrived("<bob> one\n").typed("hel|lo");
        screen.pause().expect("an emulator takes everything");
        screen.shows(&["$ x", "", "<bob> one", "|"]).arrived("<bob> two\n");
        screen.shows(&["$ x", "", "<bob> one", "|"]);
        screen.out.parser.process(b"$ fg\r\n");
        screen.begin(Size { columns: 20, rows: 4 }).expect("an emulator takes everything");
        screen.shows(&["<bob> one", "$ fg", "<bob> two", "alice> hel|lo"]);
    }

    #[test]
    fn what_others_have_written_over_the_input_row_is_painted_over() {
        let mut screen = screen(20, 4);
        screen.arrived("<bob> one\n").typed("hel|lo");
        screen.out.parser.process(b"\x1b[2;5Hnoise");
        screen.pin().expect("an emulator takes everything");
        let row = screen.picture().lines().last().map(str::to_owned);
        assert_eq!(row.as_deref(), Some("alice> hel|lo"));
        screen.clear().expect("an emulator takes everything");
        screen.shows(&["", "", "", "alice> hel|lo"]);
    }

    #[test]
    #[cfg_attr(windows, ignore = "the console tells of pastes and focus without such modes")]
    fn the_modes_that_were_set_are_set_back() {
        let mut screen = screen(20, 4);
        assert!(screen.out.parser.screen().bracketed_paste());
        screen.pause().expect("an emulator takes everything");
        assert!(!screen.out.parser.screen().bracketed_paste());
        screen.begin(Size { columns: 20, rows: 4 }).expect("an emulator takes everything");
        screen.end().expect("an emulator takes everything");
        assert!(!screen.out.parser.screen().bracketed_paste());
    }

    #[test]
    fn what_was_being_written_stays_at_the_end() {
        let mut screen = screen(20, 4);
        screen.arrived("<bob> one\n").typed("a line that is lon|ger than the row");
        screen.end().expect("an emulator takes everything");
        screen.shows(&["alice> a line that i", "s longer than the ro", "w", "|"]);
    }
}
