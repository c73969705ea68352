//! The line that the user types: keys in, text and cursor out.
//!
//! A pure state machine. It knows no terminal, no socket and no width of anything; the main thread
//! owns it. Pasted text may have several lines: they stand in the one text with newlines between
//! them, and are sent one by one.

use std::ops::Range;

use crate::protocol::request::saying;
use crate::protocol::text::{is_blank, make_safe};
use buffer::Buffer;
use input_history::{InputHistory, Search};
use undo::{Kind, Undo};

pub use key::{Direction, Key};

mod buffer;
pub(super) mod input_history;
mod key;
mod undo;

/// How many bytes can be written at all: a book. More would only be a mistake.
const MOST: usize = 8 * 1024 * 1024;

/// More lines than this are not sent without a question.
const MANY_LINES: usize = 20;

/// What came of a key.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The text or the cursor may have changed.
    Edited,
    /// There is nothing that the key could do, or no room for it.
    Full,
    /// Nothing is sent: a line has this many bytes, which are too many. It stays, to be shortened.
    TooLong(usize),
    /// Send this.
    Submit(Submission),
    /// Nothing is sent; this was given up, and can be called back.
    GivenUp(String),
    /// The caller is to [complete](Editor::complete).
    Complete(Direction),
    /// Paint the input row again.
    Repaint,
    /// Stop the program for a while.
    Suspend,
    /// The user wants to leave.
    Quit,
}

/// What is to be sent.
#[derive(Debug, PartialEq, Eq)]
pub struct Submission {
    /// None of them is blank, and there is at least one.
    pub lines: Vec<String>,
    /// They were pasted, as several: whatever they begin with, they are no commands.
    pub are_text: bool,
}

/// What the input row begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prompt<'a> {
    /// As ever.
    Name,
    /// What was sent is searched.
    Search {
        /// For this.
        query: &'a str,
        /// Whether it has been found.
        found: bool,
    },
    /// So many lines are not sent without a question.
    Question(usize),
    /// The line was given up; to do that again is to leave.
    Leaving,
}

/// What may be put in the place of what stands before the cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidates {
    /// From this byte on.
    pub start: usize,
    /// The ways, best first.
    pub options: Vec<String>,
}

/// The line being written.
#[derive(Debug)]
pub struct Editor {
    /// The text and the cursor.
    buffer: Buffer,
    /// How many bytes a line may have.
    limit: usize,
    /// What was sent.
    input_history: InputHistory,
    /// What can be taken back.
    undo: Undo,
    /// What was cut last.
    cut: String,
    /// On which side the last key has cut, if it has.
    last_cut: Option<Side>,
    /// What keys mean now.
    mode: Mode,
}

/// What the keys mean.
#[derive(Debug)]
enum Mode {
    Writing,
    Searching(Search),
    Completing(Completion),
    /// Whether to send so many lines.
    Asking(usize),
    /// The last key has given the line up.
    Leaving,
}

/// A completion that the next Tab goes on with.
#[derive(Debug)]
struct Completion {
    /// Where the word begins that is completed, in bytes.
    start: usize,
    /// What is chosen from, of which the last is what stood there before.
    options: Vec<String>,
    /// Which of the options stands there now.
    chosen: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Before,
    After,
}

impl Editor {
    /// An empty line, of which at most `limit` bytes can be sent, after what was `sent` before.
    #[must_use]
    pub fn new(limit: usize, sent: Vec<String>) -> Editor {
        Editor {
            buffer: Buffer::default(),
            limit,
            input_history: InputHistory::of(sent),
            undo: Undo::default(),
            cut: String::new(),
            last_cut: None,
            mode: Mode::Writing,
        }
    }

    /// The text as it stands.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.buffer.text
    }

    /// Where the cursor stands, in bytes from the beginning of the text.
    #[must_use]
    pub fn cursor(&self) -> usize {
        self.buffer.cursor
    }

    /// By how many bytes the longest line is too long to be sent.
    #[must_use]
    pub fn over(&self) -> usize {
        self.longest_line().saturating_sub(self.limit)
    }

    /// What the input row begins with.
    #[must_use]
    pub fn prompt(&self) -> Prompt<'_> {
        match &self.mode {
            Mode::Writing | Mode::Completing(_) => Prompt::Name,
            Mode::Searching(search) => Prompt::Search { query: &search.query, found: search.found },
            Mode::Asking(lines) => Prompt::Question(*lines),
            Mode::Leaving => Prompt::Leaving,
        }
    }

    /// Whether there is a search, a completion or a question that Escape gives up.
    #[must_use]
    pub fn can_give_up(&self) -> bool {
        !matches!(self.mode, Mode::Writing)
    }

    /// Does what the key asks for.
    pub fn press(&mut self, key: Key) -> Outcome {
        match std::mem::replace(&mut self.mode, Mode::Writing) {
            Mode::Writing | Mode::Leaving => self.edit(key),
            Mode::Searching(search) => self.search(search, key),
            Mode::Completing(completion) => self.go_on_completing(completion, key),
            Mode::Asking(_) => self.answer(key),
        }
    }

    /// Puts in text from elsewhere, of one line or many. Nothing is sent by it.
    pub fn paste(&mut self, text: &str) -> Outcome {
        if let Mode::Searching(search) = std::mem::replace(&mut self.mode, Mode::Writing) {
            self.accept(search);
        }
        let text = text.replace("\r\n", "\n").replace(['\r', '\u{2028}', '\u{2029}'], "\n");
        let lines: Vec<_> = text
            .trim_end_matches('\n')
            .split('\n')
            .map(|line| make_safe(line.as_bytes()))
            .collect();
        self.last_cut = None;
        self.insert(&lines.join("\n"), Kind::Whole)
    }

    /// Completes what stands before the cursor; `find` is given that, and finds the ways.
    pub fn complete(
        &mut self,
        direction: Direction,
        find: impl FnOnce(&str) -> Candidates,
    ) -> Outcome {
        let completion = match std::mem::replace(&mut self.mode, Mode::Writing) {
            Mode::Completing(completion) => completion,
            Mode::Writing | Mode::Leaving => {
                let Candidates { start, mut options } = find(self.buffer.before());
                if options.is_empty() {
                    return Outcome::Full;
                }
                // A blank that is there already need not come twice.
                if self.buffer.after().starts_with(' ') {
                    options.iter_mut().for_each(|option| {
                        option.truncate(option.trim_end_matches(' ').len());
                    });
                }
                options.push(self.buffer.before()[start..].to_owned());
                Completion { start, chosen: options.len() - 1, options }
            }
            other => {
                self.mode = other;
                return Outcome::Edited;
            }
        };
        self.choose(completion, direction)
    }

    fn choose(&mut self, mut completion: Completion, direction: Direction) -> Outcome {
        let ways = completion.options.len();
        let step = match direction {
            Direction::Forward => 1,
            Direction::Back => ways - 1,
        };
        completion.chosen = (completion.chosen + step) % ways;
        self.put(&completion);
        self.mode = Mode::Completing(completion);
        Outcome::Edited
    }

    fn put(&mut self, completion: &Completion) {
        let range = completion.start..self.buffer.cursor;
        self.change(range, &completion.options[completion.chosen], Kind::Whole);
    }

    fn go_on_completing(&mut self, mut completion: Completion, key: Key) -> Outcome {
        match key {
            Key::Complete(direction) => {
                self.mode = Mode::Completing(completion);
                Outcome::Complete(direction)
            }
            Key::Escape => {
                completion.chosen = completion.options.len() - 1;
                self.put(&completion);
                Outcome::Edited
            }
            key => self.edit(key),
        }
    }

    fn search(&mut self, mut search: Search, key: Key) -> Outcome {
        match key {
            Key::Char(c) if !c.is_control() => {
                search.extend(c, &self.input_history, &mut self.buffer);
            }
            Key::Backspace => search.shorten(&self.input_history, &mut self.buffer),
            Key::Search => search.older(&self.input_history, &mut self.buffer),
            Key::Complete(_) => {}
            Key::Escape | Key::Cancel => {
                search.give_up(&mut self.buffer);
                return Outcome::Edited;
            }
            Key::Repaint | Key::Suspend => {
                self.mode = Mode::Searching(search);
                return self.edit_nothing(key);
            }
            key => {
                self.accept(search);
                return self.edit(key);
            }
        }
        self.mode = Mode::Searching(search);
        Outcome::Edited
    }

    /// What was found is the text from now on, and there is nothing in it to take back.
    fn accept(&mut self, search: Search) {
        search.accept(&mut self.input_history);
        self.undo = Undo::default();
    }

    /// A key that is no answer does what it always does.
    fn answer(&mut self, key: Key) -> Outcome {
        match key {
            Key::Char('y' | 'Y') | Key::Enter => self.send(),
            Key::Char('n' | 'N') => Outcome::Edited,
            Key::CutToStart => {
                self.cut(0..self.buffer.text.len(), Side::Before, None);
                Outcome::Edited
            }
            key => self.edit(key),
        }
    }

    /// Gives the line up, and leaves if there is none.
    fn cancel(&mut self) -> Outcome {
        if is_blank(&self.buffer.text) {
            return Outcome::Quit;
        }
        let given_up = self.buffer.text.clone();
        self.input_history.add(&given_up);
        self.change(0..given_up.len(), "", Kind::Whole);
        self.mode = Mode::Leaving;
        Outcome::GivenUp(given_up)
    }

    /// What a key does where there is nothing to edit.
    fn edit_nothing(&mut self, key: Key) -> Outcome {
        match key {
            Key::Repaint => Outcome::Repaint,
            Key::Suspend => Outcome::Suspend,
            _ => Outcome::Edited,
        }
    }

    fn edit(&mut self, key: Key) -> Outcome {
        let last_cut = self.last_cut.take();
        let (cursor, end) = (self.buffer.cursor, self.buffer.text.len());
        match key {
            Key::Char(c) if c.is_control() && c != '\t' => {}
            Key::Char(c) => return self.insert(c.encode_utf8(&mut [0; 4]), Kind::Typing),
            Key::Enter => return self.submit(),
            Key::Left => self.buffer.cursor = self.buffer.left(),
            Key::Right => self.buffer.cursor = self.buffer.right(),
            Key::WordLeft => self.buffer.cursor = self.buffer.word_left(),
            Key::WordRight => self.buffer.cursor = self.buffer.word_right(),
            Key::Home => self.buffer.cursor = 0,
            Key::End => self.buffer.cursor = end,
            Key::EndOfInput if self.buffer.text.is_empty() => return Outcome::Quit,
            Key::EndOfInput | Key::Delete => {
                self.change(cursor..self.buffer.right(), "", Kind::Whole);
            }
            Key::Backspace => self.change(self.buffer.last_typed()..cursor, "", Kind::Whole),
            Key::CutToBlank => self.cut(self.buffer.blank_left()..cursor, Side::Before, last_cut),
            Key::CutWordLeft => self.cut(self.buffer.word_left()..cursor, Side::Before, last_cut),
            Key::CutWordRight => self.cut(cursor..self.buffer.word_right(), Side::After, last_cut),
            Key::CutToStart => self.cut(0..cursor, Side::Before, last_cut),
            Key::CutToEnd => self.cut(cursor..end, Side::After, last_cut),
            Key::Yank => return self.insert(&self.cut.clone(), Kind::Whole),
            Key::Transpose => {
                if let Some((range, other_way_round)) = self.buffer.transposed() {
                    self.change(range, &other_way_round, Kind::Whole);
                }
            }
            Key::Undo => return full_unless(self.undo.undo(&mut self.buffer)),
            Key::Redo => return full_unless(self.undo.redo(&mut self.buffer)),
            Key::Up => return self.go(InputHistory::back),
            Key::Down => return self.go(InputHistory::forward),
            Key::Search => {
                self.mode = Mode::Searching(Search::new(&self.input_history, &self.buffer));
            }
            Key::Complete(direction) => return Outcome::Complete(direction),
            Key::Cancel => return self.cancel(),
            Key::Escape | Key::Repaint | Key::Suspend => return self.edit_nothing(key),
        }
        Outcome::Edited
    }

    fn go(&mut self, step: fn(&mut InputHistory, &mut Buffer) -> bool) -> Outcome {
        let gone = step(&mut self.input_history, &mut self.buffer);
        if gone {
            self.undo = Undo::default();
        }
        full_unless(gone)
    }

    fn insert(&mut self, text: &str, kind: Kind) -> Outcome {
        if self.buffer.text.len() + text.len() > MOST {
            return Outcome::Full;
        }
        self.change(self.buffer.cursor..self.buffer.cursor, text, kind);
        Outcome::Edited
    }

    /// Cuts join with what the key before has cut.
    fn cut(&mut self, range: Range<usize>, side: Side, last: Option<Side>) {
        if last.is_none() {
            self.cut.clear();
        }
        let text = &self.buffer.text[range.clone()];
        match side {
            Side::Before => self.cut.insert_str(0, text),
            Side::After => self.cut.push_str(text),
        }
        self.last_cut = Some(side);
        self.change(range, "", Kind::Whole);
    }

    fn change(&mut self, range: Range<usize>, with: &str, kind: Kind) {
        self.undo.change(&mut self.buffer, range, with, kind);
    }

    /// A blank text is cleared away, and is nothing to send.
    fn submit(&mut self) -> Outcome {
        if self.over() > 0 {
            return Outcome::TooLong(self.longest_line());
        }
        let lines = self.lines().count();
        if lines > MANY_LINES {
            self.mode = Mode::Asking(lines);
            return Outcome::Edited;
        }
        self.send()
    }

    fn send(&mut self) -> Outcome {
        let lines: Vec<String> = self.lines().map(str::to_owned).collect();
        let are_text = self.is_text();
        self.input_history.add(&lines.join("\n"));
        self.buffer = Buffer::default();
        self.undo = Undo::default();
        if lines.is_empty() {
            return Outcome::Edited;
        }
        Outcome::Submit(Submission { lines, are_text })
    }

    /// Whether these are lines of a paste of several.
    fn is_text(&self) -> bool {
        self.buffer.text.contains('\n')
    }

    fn lines(&self) -> impl Iterator<Item = &str> {
        self.buffer.text.split('\n').filter(|line| !is_blank(line))
    }

    fn longest_line(&self) -> usize {
        let is_text = self.is_text();
        let sent = |line: &str| if is_text { saying(line).len() } else { line.len() };
        self.lines().map(sent).max().unwrap_or(0)
    }
}

fn full_unless(done: bool) -> Outcome {
    if done { Outcome::Edited } else { Outcome::Full }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::{Strategy, any, prop_assert_eq, prop_oneof, proptest};
    use proptest::sample::select;

    use super::*;
    use crate::client::fuzzing;
    use crate::protocol::arbitrary::text;

    impl Editor {
        /// An editor in the middle of things: `|` is the cursor.
        fn showing(picture: &str) -> Editor {
            let mut editor = Editor::new(4096, Vec::new());
            editor.buffer.cursor = picture.find('|').expect("a cursor in the picture");
            editor.buffer.text = picture.replace('|', "");
            editor
        }

        fn picture(&self) -> String {
            format!("{}|{}", self.buffer.before(), self.buffer.after())
        }

        fn assert_valid(&self) {
            fuzzing::assert_valid(self);
            assert!(self.text().len() <= MOST, "too long");
        }

        /// Presses `keys`, where `<left>` and the like are keys of that name, and returns what was
        /// submitted.
        fn type_keys(&mut self, keys: &str) -> Vec<String> {
            let mut submitted = Vec::new();
            let mut rest = keys;
            while let Some(c) = rest.chars().next() {
                let key = match rest.strip_prefix('<').and_then(|rest| rest.split_once('>')) {
                    Some((name, after)) => {
                        rest = after;
                        named(name)
                    }
                    None => {
                        rest = &rest[c.len_utf8()..];
                        Key::Char(c)
                    }
                };
                match self.press(key) {
                    Outcome::Submit(submission) => submitted.extend(submission.lines),
                    Outcome::Complete(direction) => {
                        self.complete(direction, fruit);
                    }
                    _ => {}
                }
                self.assert_valid();
            }
            submitted
        }
    }

    /// The last word's completions.
    fn fruit(before: &str) -> Candidates {
        let start = before.rfind(' ').map_or(0, |blank| blank + 1);
        let all = ["apple ", "apricot ", "banana "];
        let options = all.iter().filter(|fruit| fruit.starts_with(&before[start..]));
        Candidates { start, options: options.map(ToString::to_string).collect() }
    }

    const NAMES: [(&str, Key); 28] = [
        ("enter", Key::Enter),
        ("left", Key::Left),
        ("right", Key::Right),
        ("wleft", Key::WordLeft),
        ("wright", Key::WordRight),
        ("home", Key::Home),
        ("end", Key::End),
        ("bs", Key::Backspace),
        ("del", Key::Delete),
        ("blank", Key::CutToBlank),
        ("cutl", Key::CutWordLeft),
        ("cutr", Key::CutWordRight),
        ("start", Key::CutToStart),
        ("toend", Key::CutToEnd),
        ("yank", Key::Yank),
        ("swap", Key::Transpose),
        ("undo", Key::Undo),
        ("redo", Key::Redo),
        ("up", Key::Up),
        ("down", Key::Down),
        ("search", Key::Search),
        ("tab", Key::Complete(Direction::Forward)),
        ("back", Key::Complete(Direction::Back)),
        ("esc", Key::Escape),
        ("eof", Key::EndOfInput),
        ("repaint", Key::Repaint),
        ("suspend", Key::Suspend),
        ("cancel", Key::Cancel),
    ];

    fn named(name: &str) -> Key {
        let found = NAMES.iter().find(|(known, _)| *known == name);
        found.unwrap_or_else(|| panic!("no key is called {name}")).1
    }

    #[test]
    fn every_key_does_what_its_name_says() {
        let cases = [
            ("|", "hi", "hi|"),
            ("hel|lo", "X", "helX|lo"),
            ("hel|lo", "<left>", "he|llo"),
            ("hel|lo", "<right><right><right>", "hello|"),
            ("|hello", "<left><bs>", "|hello"),
            ("hel|lo", "<left><bs>", "h|llo"),
            ("hel|lo", "<del>", "hel|o"),
            ("hel|lo", "<eof>", "hel|o"),
            ("hello|", "<del><eof>", "hello|"),
            ("hel|lo", "<home>", "|hello"),
            ("hel|lo", "<end>", "hello|"),
            ("one two.three|", "<wleft>", "one two.|three"),
            ("one two.three|", "<wleft><wleft><wleft>", "|one two.three"),
            ("|one, two", "<wright>", "one|, two"),
            ("|one, two", "<wright><wright><wright>", "one, two|"),
            ("日本 e\u{301}a|", "<wleft>", "日本 |e\u{301}a"),
            ("hel|lo", "<start>", "|lo"),
            ("hel|lo", "<toend>", "hel|"),
            ("one two.three|", "<blank>", "one |"),
            ("one two.three|", "<cutl>", "one two.|"),
            ("one| two.three", "<cutr>", "one|.three"),
            ("one two  | three", "<blank>", "one | three"),
            ("one two|", "<blank><blank><blank>", "|"),
            ("  |x", "<blank>", "|x"),
            ("one\u{3000}two|", "<blank>", "one\u{3000}|"),
            ("ab|cd", "<swap>", "acb|d"),
            ("abcd|", "<swap>", "abdc|"),
            ("|ab", "<swap>", "|ab"),
            ("a|", "<swap>", "a|"),
            ("a👩‍👩‍👧|🇩🇪", "<swap>", "a🇩🇪👩‍👩‍👧|"),
            ("hel|lo", "<up><down><esc>", "hel|lo"),
            ("a|b", "\t", "a\t|b"),
            ("a|b", "\u{7}\u{9b}", "a|b"),
        ];
        for (before, keys, after) in cases {
            let mut editor = Editor::showing(before);
            editor.type_keys(keys);
            assert_eq!(editor.picture(), after, "{before} {keys}");
        }
    }

    #[test]
    fn a_character_is_what_a_reader_takes_for_one() {
        let cases = [
            ("日本|語", "<bs>", "日|語"),
            ("日本|語", "<left><del>", "日|語"),
            ("e\u{301}|x", "<left>", "|e\u{301}x"),
            ("e\u{301}|x", "<bs>", "|x"),
            ("e|x", "\u{301}", "e\u{301}|x"),
            ("👩‍👩‍👧|!", "<left>", "|👩‍👩‍👧!"),
            ("👩‍👩‍👧|!", "<bs>", "|!"),
            ("|👩‍👩‍👧!", "<del>", "|!"),
            ("🇩🇪|🇫🇷", "<right>", "🇩🇪🇫🇷|"),
            ("🇩🇪🇫🇷|", "<left><bs>", "|🇫🇷"),
            ("👍🏽|", "<bs>", "|"),
            // Neighbours that join: the cursor goes behind what they have become.
            ("|👧", "👩\u{200d}", "👩\u{200d}👧|"),
            ("|🇪", "🇩", "🇩🇪|"),
            ("ax|\u{301}", "<bs>", "a\u{301}|"),
        ];
        for (before, keys, after) in cases {
            let mut editor = Editor::showing(before);
            editor.type_keys(keys);
            assert_eq!(editor.picture(), after, "{before} {keys}");
        }
    }

    #[test]
    fn what_was_cut_comes_back_and_cuts_that_follow_each_other_are_one() {
        let cases = [
            ("one two|", "<blank><yank><yank>", "one twotwo|"),
            ("one two three|", "<blank><blank><home><yank>", "two three|one "),
            ("one |two", "<toend><start><yank>", "one two|"),
            ("one two|", "<blank><left><toend><yank>", "one |"),
            ("one two|", "<blank>x<yank>", "one xtwo|"),
            ("one two|", "<bs><yank>", "one tw|"),
            ("|", "<yank>", "|"),
        ];
        for (before, keys, after) in cases {
            let mut editor = Editor::showing(before);
            editor.type_keys(keys);
            assert_eq!(editor.picture(), after, "{before} {keys}");
        }
    }

    #[test]
    fn changes_are_taken_back_word_by_word_and_made_again() {
        let cases = [
            ("|", "one two<undo>", "one |"),
            ("|", "one two<undo><undo>", "|"),
            ("|", "one two<undo><undo><undo>", "|"),
            ("|", "one two<undo><undo><redo>", "one |"),
            ("|", "one two<undo><undo><redo><redo><redo>", "one two|"),
            ("|", "one two<undo>x<redo>", "one x|"),
            ("a|b", "<bs><del><undo><undo>", "a|b"),
            ("one two|", "<start><undo>", "one two|"),
            ("one two|", "<blank><home>x<undo><undo>", "one two|"),
            ("ab|", "<swap><undo>", "ab|"),
            ("|", "ap<tab><undo>", "ap|"),
        ];
        for (before, keys, after) in cases {
            let mut editor = Editor::showing(before);
            editor.type_keys(keys);
            assert_eq!(editor.picture(), after, "{before} {keys}");
        }
    }

    #[test]
    fn tab_goes_through_what_there_is_and_through_what_was_typed() {
        let cases = [
            ("a|", "<tab>", "apple |"),
            ("a|", "<tab><tab>", "apricot |"),
            ("a|", "<tab><tab><tab>", "a|"),
            ("a|", "<tab><tab><tab><tab>", "apple |"),
            ("a|", "<back>", "apricot |"),
            ("a|", "<tab><tab><back>", "apple |"),
            ("a|", "<tab><esc>", "a|"),
            ("a|", "<tab>x<tab>", "apple x|"),
            ("eat ap|!", "<tab>", "eat apple |!"),
            ("ap| pie", "<tab>", "apple| pie"),
            ("eat x|", "<tab>", "eat x|"),
            ("b|", "<search><tab><esc>", "b|"),
        ];
        for (before, keys, after) in cases {
            let mut editor = Editor::showing(before);
            editor.type_keys(keys);
            assert_eq!(editor.picture(), after, "{before} {keys}");
        }
        let mut editor = Editor::showing("x|");
        assert_eq!(editor.complete(Direction::Forward, fruit), Outcome::Full);
    }

    #[test]
    fn lines_that_were_sent_come_back_and_the_draft_is_kept() {
        let mut editor = Editor::new(4096, vec!["zero".to_owned()]);
        assert_eq!(editor.type_keys("one<enter>two<enter>two<enter>"), ["one", "two", "two"]);
        let cases = [
            ("dra<left>", "dr|a"),
            ("<up>", "two|"),
            ("<up>", "one|"),
            ("<up>", "zero|"),
            ("<up>", "zero|"),
            ("!<down>", "one|"),
            ("<down><down>", "dra|"),
            ("<down>", "dra|"),
        ];
        for (keys, after) in cases {
            editor.type_keys(keys);
            assert_eq!(editor.picture(), after, "{keys}");
        }
        assert_eq!(editor.type_keys("<up><up>?<enter>"), ["one?"]);
        assert_eq!(editor.type_keys("<up><enter>"), ["one?"]);
    }

    #[test]
    fn what_was_sent_is_searched_from_the_newest_on() {
        let sent = ["build 1", "test", "build 2", "ship"].map(str::to_owned).to_vec();
        let cases = [
            ("dra<search>", "dra|", Prompt::Search { query: "", found: true }),
            ("<search>b", "|build 2", Prompt::Search { query: "b", found: true }),
            ("<search>b<search>", "|build 1", Prompt::Search { query: "b", found: true }),
            ("<search>b<search><search>", "|build 1", Prompt::Search { query: "b", found: false }),
            ("<search>ld 1", "bui|ld 1", Prompt::Search { query: "ld 1", found: true }),
            ("<search>x", "|", Prompt::Search { query: "x", found: false }),
            ("<search>tx", "tes|t", Prompt::Search { query: "tx", found: false }),
            ("<search>tx<bs>", "tes|t", Prompt::Search { query: "t", found: true }),
            ("dra<search>b<bs>", "dra|", Prompt::Search { query: "", found: true }),
            ("dra<search>b<esc>", "dra|", Prompt::Name),
            ("dra<search>b<end>!", "build 2!|", Prompt::Name),
            ("dra<search>b<up>", "test|", Prompt::Name),
            ("dra<search>b<down><down>", "dra|", Prompt::Name),
        ];
        for (keys, after, prompt) in cases {
            let mut editor = Editor::new(4096, sent.clone());
            editor.type_keys(keys);
            assert_eq!((editor.picture().as_str(), editor.prompt()), (after, prompt), "{keys}");
        }
        let mut editor = Editor::new(4096, sent);
        assert_eq!(editor.type_keys("<search>b<search><enter>"), ["build 1"]);
    }

    #[test]
    fn a_paste_is_text_and_every_line_of_it_is_sent() {
        let mut editor = Editor::showing("<|>");
        assert_eq!(editor.paste("one\r\n\ttwo\rthree \x1b[31mred\x07\n\n"), Outcome::Edited);
        assert_eq!(editor.picture(), "<one\n\ttwo\nthree red|>");
        assert_eq!(editor.type_keys("<enter>"), ["<one", "\ttwo", "three red>"]);
        assert_eq!(editor.type_keys("<up><undo>"), [""; 0]);
        assert_eq!(editor.picture(), "<one\n\ttwo\nthree red>|");
    }

    #[test]
    fn every_kind_of_line_end_ends_a_line_of_a_paste() {
        let mut editor = Editor::showing("|");
        editor.paste("a\nb\r\nc\rd\u{2028}e\u{2029}f");
        assert_eq!(editor.text(), "a\nb\nc\nd\ne\nf");
    }

    #[test]
    fn a_paste_into_a_search_goes_into_what_was_found() {
        let mut editor = Editor::new(4096, vec!["xy".to_owned()]);
        editor.type_keys("hello world<search>x");
        assert_eq!(editor.paste("z"), Outcome::Edited);
        assert_eq!((editor.picture(), editor.prompt()), ("z|xy".to_owned(), Prompt::Name));
        editor.type_keys("<undo><undo><undo>");
        assert_eq!(editor.picture(), "|xy");
    }

    #[test]
    fn many_lines_are_not_sent_without_a_question_and_none_is_lost() {
        let text = |lines| (0..lines).map(|i| format!("{i}\n")).collect::<String>();
        let mut editor = Editor::new(4096, Vec::new());
        editor.paste(&text(20));
        assert_eq!(editor.type_keys("<enter>").len(), 20);
        for (keys, sent) in [("<enter>y", 21), ("<enter><enter>", 21), ("<enter>n", 0)] {
            let mut editor = Editor::new(4096, Vec::new());
            editor.paste(&text(21));
            assert_eq!(editor.type_keys(keys).len(), sent, "{keys}");
            assert_eq!(editor.text().is_empty(), sent > 0);
        }
        // Another key is no answer, and does what it does.
        for (key, left) in
            [("<bs>", "\n28\n2|"), ("<start>", "|"), ("<cancel>", "|"), ("x", "\n29x|")]
        {
            let mut editor = Editor::new(4096, Vec::new());
            editor.paste(&text(30));
            editor.press(Key::Enter);
            assert_eq!(editor.prompt(), Prompt::Question(30));
            assert!(editor.type_keys(key).is_empty());
            assert!(editor.picture().ends_with(left), "{key}: {}", editor.picture());
        }
    }

    #[test]
    fn lines_that_were_pasted_together_are_text() {
        for (pasted, are_text) in
            [("/etc/hosts\n// x\n", true), ("/quit\n", false), ("\n/who", true)]
        {
            let mut editor = Editor::new(4096, Vec::new());
            editor.paste(pasted);
            let outcome = editor.press(Key::Enter);
            assert!(matches!(outcome, Outcome::Submit(it) if it.are_text == are_text), "{pasted}");
        }
        // What is sent of it has a slash more.
        let mut editor = Editor::new(4, Vec::new());
        editor.paste("a\n/bcd");
        assert_eq!(editor.press(Key::Enter), Outcome::TooLong(5));
    }

    #[test]
    fn ctrl_c_gives_the_line_up_before_it_leaves() {
        let mut editor = Editor::new(4096, Vec::new());
        editor.type_keys("a draft");
        assert_eq!(editor.press(Key::Cancel), Outcome::GivenUp("a draft".to_owned()));
        assert_eq!((editor.text(), editor.prompt()), ("", Prompt::Leaving));
        editor.press(Key::Up);
        assert_eq!((editor.text(), editor.prompt()), ("a draft", Prompt::Name));
        editor.type_keys("<down>");
        editor.type_keys("<start>b<search>dra");
        assert_eq!(editor.press(Key::Cancel), Outcome::Edited);
        assert_eq!(editor.text(), "b");
        assert_eq!(editor.press(Key::Cancel), Outcome::GivenUp("b".to_owned()));
        assert_eq!(editor.press(Key::Cancel), Outcome::Quit);
    }

    #[test]
    fn a_blank_line_is_nothing_to_send() {
        let mut editor = Editor::new(4096, Vec::new());
        assert!(editor.type_keys("<enter>  <enter>\t<enter><up>").is_empty());
        assert_eq!(editor.picture(), "|");
    }

    #[test]
    fn no_password_is_remembered() {
        let mut editor = Editor::new(4096, vec!["/login me secret".to_owned()]);
        editor.type_keys("hi<enter>/PASSWORD secret<enter>/passing by<enter>");
        editor.type_keys("<up><up><up>");
        assert_eq!(editor.picture(), "hi|");
    }

    #[test]
    fn what_is_too_long_is_kept_to_be_shortened_and_has_an_end() {
        let mut editor = Editor::new(4, Vec::new());
        assert!(editor.type_keys("éabc<enter>").is_empty());
        assert_eq!(editor.over(), 1);
        assert_eq!(editor.press(Key::Enter), Outcome::TooLong(5));
        assert_eq!(editor.picture(), "éabc|");
        assert_eq!(editor.type_keys("<bs><enter>"), ["éab"]);
        assert_eq!(editor.paste(&"x".repeat(MOST)), Outcome::Edited);
        assert_eq!(editor.press(Key::Char('a')), Outcome::Full);
        assert_eq!(editor.paste("a"), Outcome::Full);
        assert_eq!(editor.text().len(), MOST);
    }

    #[test]
    fn the_end_of_input_quits_only_on_an_empty_line() {
        let mut editor = Editor::new(4096, Vec::new());
        assert_eq!(editor.press(Key::Char('a')), Outcome::Edited);
        assert_eq!(editor.press(Key::EndOfInput), Outcome::Edited);
        editor.press(Key::Backspace);
        assert_eq!(editor.press(Key::EndOfInput), Outcome::Quit);
    }

    /// What changes the text, and nothing else.
    fn change() -> impl Strategy<Value = Result<Key, String>> {
        const KEYS: [Key; 12] = [
            Key::Left,
            Key::Right,
            Key::WordLeft,
            Key::Home,
            Key::Backspace,
            Key::Delete,
            Key::CutToBlank,
            Key::CutWordLeft,
            Key::CutWordRight,
            Key::CutToEnd,
            Key::Yank,
            Key::Transpose,
        ];
        prop_oneof![
            3 => select(&KEYS[..]).prop_map(Ok),
            2 => text().prop_map(Err),
            3 => any::<char>().prop_map(|c| Ok(Key::Char(c))),
            2 => select(&['a', ' ', '\u{301}', '🇩', '\u{200d}', '日'][..]).prop_map(|c| Ok(Key::Char(c))),
        ]
    }

    proptest! {
        #[test]
        fn every_change_is_taken_back_and_made_again(before in text(), changes in vec(change(), 0..60)) {
            let mut editor = Editor::new(4096, Vec::new());
            editor.paste(&before);
            editor.undo = Undo::default();
            let before = editor.text().to_owned();
            for change in changes {
                match change {
                    Ok(key) => editor.press(key),
                    Err(text) => editor.paste(&text),
                };
                editor.assert_valid();
            }
            let after = editor.text().to_owned();
            let mut repeat = |key| {
                while editor.press(key) == Outcome::Edited {
                    editor.assert_valid();
                }
                editor.text().to_owned()
            };
            prop_assert_eq!(repeat(Key::Undo), before);
            prop_assert_eq!(repeat(Key::Redo), after);
        }
    }
}
