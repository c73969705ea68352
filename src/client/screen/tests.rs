//! What an emulated terminal shows of a screen.

use super::sequences::up;
use super::*;
use crate::client::paragraph::tests::{plain, plain_rule};
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
    let out = Emulator { parser, writes: Rc::default() };
    let mut screen = Screen::new(out, Size { columns, rows }, WrapChoice::Words);
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
        self.print(lines.lines().collect::<Vec<_>>().into_iter().map(plain));
        self.repaint().expect("an emulator takes everything");
        self
    }

    fn unread(&mut self, line: &str) -> &mut Self {
        let lines = vec![plain_rule("-- new", Rule::UntilNext), plain(line)];
        self.print(lines.into_iter());
        self.repaint().expect("an emulator takes everything");
        self
    }

    /// As a terminal has it that cuts off what has become too wide.
    fn resized(&mut self, columns: u16, rows: u16) -> &mut Self {
        self.hold();
        self.out.parser.screen_mut().set_size(cells(rows), cells(columns));
        self.resize(Size { columns, rows }).expect("an emulator takes everything");
        self
    }

    /// As a terminal has it that breaks what has become too wide.
    fn narrowed(&mut self, columns: u16) -> &mut Self {
        self.hold();
        let rows = self.size().rows;
        let mut parser = vt100::Parser::new(cells(rows), cells(columns), 1000);
        parser.process(self.with_scrollback().trim_end().replace('\n', "\r\n").as_bytes());
        self.put_cursor_back(&mut parser, columns);
        self.out.parser = parser;
        self.resize(Size { columns, rows }).expect("an emulator takes everything");
        self
    }

    /// Puts the cursor from the end of the input row to where it was in it.
    fn put_cursor_back(&mut self, parser: &mut vt100::Parser, columns: u16) {
        let rows_of = |text: &str| {
            let mut alone = vt100::Parser::new(cells(100), cells(columns), 0);
            alone.process(text.as_bytes());
            alone.screen().cursor_position()
        };
        let usual = usize::from(self.size().columns);
        let rows = self.most_rows();
        let (before, after) = self.row.view(&self.prompt.within(usual), usual, rows).split();
        let ((row, column), (last, _)) =
            (rows_of(&before), rows_of((before.clone() + &after).trim_end()));
        parser.process(format!("{}\r", up(usize::from(last.saturating_sub(row)))).as_bytes());
        if column > 0 {
            parser.process(format!("\x1b[{column}C").as_bytes());
        }
    }

    /// All that the terminal has had, from its first row on, with what it has broken put together.
    fn with_scrollback(&mut self) -> String {
        let screen = self.out.parser.screen_mut();
        let columns = screen.size().1.get();
        screen.set_scrollback(usize::MAX);
        let mut text = String::new();
        for above in (0..=screen.scrollback()).rev() {
            screen.set_scrollback(above);
            let rows = if above == 0 { screen.size().0.get() } else { 1 };
            for (row, line) in (0..rows).zip(screen.rows(0, columns)) {
                text.push_str(line.trim_end());
                if !screen.row_wrapped(row) {
                    text.push('\n');
                }
            }
        }
        text
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
    screen(10, 5).typed("日本|語").arrived("<bob> 0123456789\n<bob> 678\n<bob> 6789\n").shows(&[
        "<bob>",
        "0123456789",
        "<bob> 678",
        "<bob> 6789",
        "ali> ‹本|›",
    ]);
}

#[test]
fn a_text_of_several_rows_scrolls_the_conversation_up_and_within_itself() {
    let mut screen = screen(20, 9);
    screen
        .arrived("<bob> 1\n<bob> 2\n<bob> 3\n<bob> 4\n<bob> 5\n<bob> 6\n")
        .typed("one\ntw|o")
        .shows(&[
            "",
            "<bob> 1",
            "<bob> 2",
            "<bob> 3",
            "<bob> 4",
            "<bob> 5",
            "<bob> 6",
            "alice> one",
            "       tw|o",
        ])
        .typed("one\ntwo\nthree\nfour|")
        .shows(&[
            "<bob> 1",
            "<bob> 2",
            "<bob> 3",
            "<bob> 4",
            "<bob> 5",
            "<bob> 6",
            "alice> two",
            "       three",
            "       four|",
        ])
        // What comes meanwhile stands above it.
        .arrived("<bob> 7\n")
        .typed("o|ne\ntwo\nthree\nfour")
        .shows(&[
            "<bob> 2",
            "<bob> 3",
            "<bob> 4",
            "<bob> 5",
            "<bob> 6",
            "<bob> 7",
            "alice> o|ne",
            "       two",
            "       three",
        ])
        // What becomes free is filled by what comes.
        .typed("|")
        .shows(&[
            "<bob> 2", "<bob> 3", "<bob> 4", "<bob> 5", "<bob> 6", "<bob> 7", "alice> |", "", "",
        ])
        .arrived("<alice> one\n<alice> two\n<alice> three\n")
        .shows(&[
            "<bob> 3",
            "<bob> 4",
            "<bob> 5",
            "<bob> 6",
            "<bob> 7",
            "<alice> one",
            "<alice> two",
            "<alice> three",
            "alice> |",
        ]);
    assert_eq!(screen.with_scrollback().matches("<bob> 2").count(), 1);
}

#[test]
fn a_text_of_several_rows_is_taken_away_and_comes_back_whole() {
    let mut screen = screen(20, 6);
    screen.arrived("<bob> hi\n").typed("one\n|two");
    screen.pause().expect("an emulator takes everything");
    screen.shows(&["", "", "", "<bob> hi", "|", ""]);
    screen.begin(Size { columns: 20, rows: 6 }).expect("an emulator takes everything");
    screen.shows(&["", "", "<bob> hi", "", "alice> one", "       |two"]);
    // It may be told twice that it goes on.
    screen.begin(Size { columns: 20, rows: 6 }).expect("an emulator takes everything");
    screen.shows(&["", "", "<bob> hi", "", "alice> one", "       |two"]);
    screen.pin().expect("an emulator takes everything");
    screen.shows(&["", "", "<bob> hi", "", "alice> one", "       |two"]);
    screen.clear().expect("an emulator takes everything");
    screen.shows(&["", "", "", "", "alice> one", "       |two"]);
    screen.arrived("<bob> hi\n").end().expect("an emulator takes everything");
    screen.shows(&["", "", "<bob> hi", "alice> one", "       two", "|"]);
}

#[test]
fn a_terminal_that_tells_of_keys_tells_no_more_of_them_than_it_is_asked_to() {
    let size = Size { columns: 20, rows: 5 };
    let mut screen = Screen::new(Vec::new(), size, WrapChoice::Words);
    let count = |screen: &mut Screen<Vec<u8>>, sequence: &[u8]| {
        screen.out().windows(sequence.len()).filter(|it| *it == sequence).count()
    };
    screen.take_keys();
    // It was stopped all of a sudden, and goes on; then it was stopped as it should be.
    for _ in 0..2 {
        screen.begin(size).expect("a Vec takes all");
        screen.begin(size).expect("a Vec takes all");
        screen.pause().expect("a Vec takes all");
    }
    screen.begin(size).expect("a Vec takes all");
    screen.end().expect("a Vec takes all");
    let counts = [TELL_KEYS, TELL_KEYS_NO_MORE].map(|sequence| count(&mut screen, sequence));
    assert_eq!(counts, [3, 3]);
}

#[test]
fn a_text_of_several_rows_is_one_in_a_terminal_of_any_size() {
    screen(30, 9).arrived("<bob> one two three\n").typed("one\ntwo|\nthree").narrowed(20).shows(&[
        "",
        "",
        "",
        "",
        "",
        "<bob> one two three",
        "alice> one",
        "       two|",
        "       three",
    ]);
    screen(30, 9).arrived("<bob> one two three\n").typed("one\ntwo|\nthree").narrowed(10).shows(&[
        "",
        "",
        "",
        "",
        "<bob> one",
        "two three",
        "ali> one",
        "     two|",
        "     thr›",
    ]);
    for columns in 1..30 {
        let mut screen = screen(30, 9);
        screen.arrived("<bob> one two three\n").typed("a long row to break\nb\n|");
        screen.narrowed(columns);
        let picture = screen.typed("x\ny\nz|").picture();
        assert!(
            picture.lines().last().is_some_and(|row| row.ends_with('|')),
            "{columns}\n{picture}"
        );
        assert!(picture.matches("al").count() <= 1, "{columns}\n{picture}");
    }
    screen(20, 9).typed("one\ntwo|").resized(20, 3).shows(&["", "alice> one", "       two|"]);
    screen(20, 3).typed("one\ntwo|").resized(30, 5).shows(&[
        "$ ls",
        "$ x",
        "",
        "alice> one",
        "       two|",
    ]);
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

#[test]
fn in_a_terminal_that_breaks_its_rows_one_input_row_is_left_whatever_is_typed() {
    let drafts = ["0123456789日本語0123456789abcdefg", "👩‍👩‍👧👩‍👩‍👧 a ❤️ 1️⃣ and words", ""];
    for draft in drafts {
        for columns in 4..39 {
            for cursor in draft.char_indices().map(|(at, _)| at).chain([draft.len()]) {
                let mut screen = screen(40, 9);
                screen.arrived("<bob> one two three four\n");
                screen.typed(&format!("{}|{}", &draft[..cursor], &draft[cursor..]));
                let picture = screen.narrowed(columns).picture();
                let rows: Vec<&str> = picture.lines().collect();
                let prompts = rows.iter().filter(|row| row.contains("> ") && !row.contains("bob"));
                let last = rows.last().expect("a last row");
                assert!(last.contains('|'), "{columns}:\n{picture}");
                assert!(columns < 8 || prompts.count() == 1, "{columns}:\n{picture}");
                // In fewer columns, the draft alone takes all rows until it is erased.
                for word in ["bob", "four"].into_iter().filter(|_| columns > 12) {
                    assert_eq!(picture.matches(word).count(), 1, "{columns}:\n{picture}");
                }
            }
        }
    }
}

#[test]
fn lines_are_broken_anew_between_words_when_the_terminal_becomes_narrower() {
    screen(30, 6)
        .arrived("<bob> one two three four\n<eve> five six seven\n")
        .typed("hel|lo")
        .narrowed(16)
        .shows(&["", "<bob> one two", "three four", "<eve> five six", "seven", "alice> hel|lo"])
        // What has been broken once stays so.
        .resized(30, 6)
        .shows(&["", "<bob> one two", "three four", "<eve> five six", "seven", "alice> hel|lo"])
        .arrived("<bob> nine ten eleven twelve\n")
        .shows(&[
            "<bob> one two",
            "three four",
            "<eve> five six",
            "seven",
            "<bob> nine ten eleven twelve",
            "alice> hel|lo",
        ]);
}

#[test]
fn a_narrower_terminal_loses_no_line_and_no_order() {
    for columns in 10..40 {
        let mut screen = screen(40, 6);
        let lines: String = (10..30).map(|i| format!("line {i} of a few words\n")).collect();
        let all = screen.arrived(&lines).typed("a draft of some words|").narrowed(columns);
        let text = all.with_scrollback().replace('\n', " ");
        let mut from = 0;
        for line in lines.lines() {
            for word in line.split(' ') {
                // A word that was broken before is there in one piece further on.
                from +=
                    text[from..].find(word).unwrap_or_else(|| panic!("{columns} {line}:\n{text}"));
            }
        }
        let picture = screen.picture();
        assert!(picture.lines().last().is_some_and(|row| row.contains("ds|")), "{picture}");
    }
}

/// While the size is about to be told, nothing is written; then each line is there once, in its order.
#[test]
fn lines_that_come_while_the_size_changes_come_after_those_before() {
    let mut screen = screen(30, 6);
    screen.arrived("<bob> one two three four\n").typed("hel|lo");
    screen.hold();
    screen.arrived("<bob> five\n<bob> six\n").typed("hell|o");
    screen.narrowed(16).shows(&[
        "",
        "<bob> one two",
        "three four",
        "<bob> five",
        "<bob> six",
        "alice> hell|o",
    ]);
}

#[test]
fn there_is_one_rule_above_what_is_new() {
    screen(20, 7)
        .arrived("<bob> one\n")
        .unread("<bob> two")
        .arrived("<bob> three\n")
        .shows(&[
            "",
            "",
            "<bob> one",
            "─────── new ────────",
            "<bob> two",
            "<bob> three",
            "alice> |",
        ])
        .unread("<bob> four")
        .shows(&[
            "",
            "<bob> one",
            "<bob> two",
            "<bob> three",
            "─────── new ────────",
            "<bob> four",
            "alice> |",
        ])
        .arrived("<bob> a line of two rows\n")
        .typed("hel|lo")
        .unread("<bob> five")
        .shows(&[
            "<bob> three",
            "<bob> four",
            "<bob> a line of two",
            "rows",
            "─────── new ────────",
            "<bob> five",
            "alice> hel|lo",
        ])
        // One that has scrolled away stays where it is.
        .arrived(&"<bob> more\n".repeat(9))
        .unread("<bob> last")
        .shows(&[
            "<bob> more",
            "<bob> more",
            "<bob> more",
            "<bob> more",
            "─────── new ────────",
            "<bob> last",
            "alice> hel|lo",
        ]);
}

/// Terminals disagree about how many rows there are below the old rule, and to take out another row would
/// be worse than to have two.
#[test]
fn a_rule_whose_row_is_not_known_stays() {
    screen(20, 8).unread("<bob> …………………………").unread("<bob> two").shows(&[
        "",
        "",
        "",
        "─────── new ────────",
        "<bob> …………………………",
        "─────── new ────────",
        "<bob> two",
        "alice> |",
    ]);
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
    let mut screen = Screen::new(out, Size { columns: 20, rows: 3 }, WrapChoice::Words);
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

#[test]
fn a_title_that_is_taken_is_given_back_at_a_pause_and_at_the_end() {
    let size = Size { columns: 40, rows: 4 };
    let mut screen = Screen::new(Vec::new(), size, WrapChoice::Words);
    screen.take_title();
    let written = |screen: &mut Screen<Vec<u8>>, keeps: usize, restores: usize| {
        let out = String::from_utf8(std::mem::take(screen.out())).expect("it is text");
        assert_eq!(out.matches("\x1b[22;2t").count(), keeps, "{out:?}");
        assert_eq!(out.matches("\x1b[23;2t").count(), restores, "{out:?}");
    };
    screen.begin(size).expect("it takes all");
    written(&mut screen, 1, 0);
    screen.pause().expect("it takes all");
    written(&mut screen, 0, 1);
    screen.begin(size).expect("it takes all");
    screen.end().expect("it takes all");
    written(&mut screen, 1, 1);
    let mut other = Screen::new(Vec::new(), size, WrapChoice::Words);
    other.begin(size).and_then(|()| other.end()).expect("it takes all");
    written(&mut other, 0, 0);
}
