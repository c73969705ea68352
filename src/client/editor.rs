//! The line that the user types: keys in, text and cursor out.
//!
//! A pure state machine. It knows no terminal, no socket and no width of anything; the main thread
//! owns it. The cursor stands between two characters as a reader counts them (grapheme clusters),
//! so an accent, a family emoji or a flag is one step.

use unicode_segmentation::{GraphemeCursor, UnicodeSegmentation};

/// How many sent lines can be called back. More than anyone steps through with a key.
const REMEMBERED: usize = 1000;

/// What a key asks the editor to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// Write this character.
    Char(char),
    /// Send the line.
    Enter,
    /// Delete what stands before the cursor.
    Backspace,
    /// Delete what stands after the cursor.
    Delete,
    /// Delete the word before the cursor.
    DeleteWord,
    /// Delete everything before the cursor.
    DeleteToStart,
    /// Delete everything after the cursor.
    DeleteToEnd,
    /// One character to the left.
    Left,
    /// One character to the right.
    Right,
    /// To the beginning of the line.
    Home,
    /// To the end of the line.
    End,
    /// The line that was sent before.
    Up,
    /// The line that was sent after, and at last the one that was being written.
    Down,
    /// Leave (Ctrl+C).
    Cancel,
    /// Leave if the line is empty, else delete what stands after the cursor (Ctrl+D).
    EndOfInput,
}

/// What came of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The text or the cursor may have changed, nothing else.
    Edited,
    /// The character was refused, because there is no end to the line.
    Full,
    /// The line has so many bytes, more than may be sent, and stays to be shortened.
    TooLong(usize),
    /// The user wants this line sent. The editor is empty again.
    Submit(String),
    /// The user wants to leave.
    Quit,
}

/// How much more may be written than can be sent: what was pasted is there to be shortened, but not
/// without end.
const MOST: usize = 16;

/// The line being written, and those that were sent.
#[derive(Debug)]
pub struct Editor {
    text: String,
    /// A byte position in `text`, always at the boundary of a grapheme cluster.
    cursor: usize,
    /// The most bytes of a line that is sent.
    limit: usize,
    /// What was sent, oldest first.
    sent: Vec<String>,
    /// Where in `sent` the user has gone back to; `sent.len()` is the line being written.
    recalled: usize,
    /// The line being written, while an older one is shown.
    draft: String,
}

impl Editor {
    /// An empty line, of which at most `limit` bytes can be sent.
    #[must_use]
    pub fn new(limit: usize) -> Editor {
        Editor {
            text: String::new(),
            cursor: 0,
            limit,
            sent: Vec::new(),
            recalled: 0,
            draft: String::new(),
        }
    }

    /// The line as it stands.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where the cursor stands, in bytes from the beginning of the text.
    #[must_use]
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    /// Does what the key asks for.
    pub fn press(&mut self, key: Key) -> Outcome {
        match key {
            Key::Char(c) => return self.insert(c),
            Key::Enter => return self.submit(),
            Key::Cancel => return Outcome::Quit,
            Key::EndOfInput if self.text.is_empty() => return Outcome::Quit,
            Key::EndOfInput | Key::Delete => self.remove(self.cursor, self.right()),
            Key::Backspace => self.remove(self.left(), self.cursor),
            Key::DeleteWord => self.remove(self.word_start(), self.cursor),
            Key::DeleteToStart => self.remove(0, self.cursor),
            Key::DeleteToEnd => self.remove(self.cursor, self.text.len()),
            Key::Left => self.cursor = self.left(),
            Key::Right => self.cursor = self.right(),
            Key::Home => self.cursor = 0,
            Key::End => self.cursor = self.text.len(),
            Key::Up => self.recall(self.recalled.saturating_sub(1)),
            Key::Down => self.recall((self.recalled + 1).min(self.sent.len())),
        }
        Outcome::Edited
    }

    fn insert(&mut self, c: char) -> Outcome {
        if c.is_control() && c != '\t' {
            return Outcome::Edited;
        }
        if self.text.len() + c.len_utf8() > self.limit * MOST {
            return Outcome::Full;
        }
        self.text.insert(self.cursor, c);
        self.place(self.cursor + c.len_utf8());
        Outcome::Edited
    }

    /// A blank line is cleared away, and is nothing to send.
    fn submit(&mut self) -> Outcome {
        if self.text.len() > self.limit && !self.text.trim().is_empty() {
            return Outcome::TooLong(self.text.len());
        }
        let line = std::mem::take(&mut self.text);
        self.cursor = 0;
        self.draft.clear();
        let blank = line.trim().is_empty();
        if !blank && self.sent.last() != Some(&line) {
            if self.sent.len() == REMEMBERED {
                self.sent.remove(0);
            }
            self.sent.push(line.clone());
        }
        self.recalled = self.sent.len();
        if blank { Outcome::Edited } else { Outcome::Submit(line) }
    }

    fn recall(&mut self, index: usize) {
        if index == self.recalled {
            return;
        }
        if self.recalled == self.sent.len() {
            self.draft = std::mem::take(&mut self.text);
        }
        self.recalled = index;
        self.text = self.sent.get(index).unwrap_or(&self.draft).clone();
        self.cursor = self.text.len();
    }

    fn remove(&mut self, from: usize, to: usize) {
        self.text.replace_range(from..to, "");
        self.place(from);
    }

    /// Puts the cursor at `position`, or after the character that `position` has come to lie in:
    /// what stands before and after a change may have joined into one.
    fn place(&mut self, position: usize) {
        let mut boundary = GraphemeCursor::new(position, self.text.len(), true);
        self.cursor = match boundary.is_boundary(&self.text, 0) {
            Ok(true) => position,
            // The errors are for a text that is given in parts.
            Ok(false) | Err(_) => {
                boundary.next_boundary(&self.text, 0).ok().flatten().unwrap_or(self.text.len())
            }
        };
    }

    fn left(&self) -> usize {
        let before = self.text[..self.cursor].graphemes(true).next_back();
        self.cursor - before.map_or(0, str::len)
    }

    fn right(&self) -> usize {
        let after = self.text[self.cursor..].graphemes(true).next();
        self.cursor + after.map_or(0, str::len)
    }

    /// Where the word before the cursor begins: what ends in blanks belongs to it with its blanks.
    fn word_start(&self) -> usize {
        let words = self.text[..self.cursor].trim_end();
        let blank = words.char_indices().rev().find(|(_, c)| c.is_whitespace());
        blank.map_or(0, |(at, c)| at + c.len_utf8())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Editor {
        /// An editor in the middle of things: `|` is the cursor.
        fn showing(picture: &str) -> Editor {
            let mut editor = Editor::new(4096);
            editor.cursor = picture.find('|').expect("a cursor in the picture");
            editor.text = picture.replace('|', "");
            editor.assert_valid();
            editor
        }

        fn picture(&self) -> String {
            format!("{}|{}", &self.text[..self.cursor], &self.text[self.cursor..])
        }

        fn assert_valid(&self) {
            let mut boundaries: Vec<usize> =
                self.text.grapheme_indices(true).map(|(at, _)| at).collect();
            boundaries.push(self.text.len());
            assert!(boundaries.contains(&self.cursor), "the cursor splits a character: {self:?}");
            assert!(self.text.len() <= self.limit * MOST, "too long: {self:?}");
            assert!(self.recalled <= self.sent.len(), "recalled from nowhere: {self:?}");
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
                if let Outcome::Submit(line) = self.press(key) {
                    submitted.push(line);
                }
                self.assert_valid();
            }
            submitted
        }
    }

    fn named(name: &str) -> Key {
        match name {
            "enter" => Key::Enter,
            "bs" => Key::Backspace,
            "del" => Key::Delete,
            "word" => Key::DeleteWord,
            "start" => Key::DeleteToStart,
            "toend" => Key::DeleteToEnd,
            "left" => Key::Left,
            "right" => Key::Right,
            "home" => Key::Home,
            "end" => Key::End,
            "up" => Key::Up,
            "down" => Key::Down,
            "eof" => Key::EndOfInput,
            _ => panic!("no key is called {name}"),
        }
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
            ("hel|lo", "<start>", "|lo"),
            ("hel|lo", "<toend>", "hel|"),
            ("one two|", "<word>", "one |"),
            ("one two  | three", "<word>", "one | three"),
            ("one two|", "<word><word><word>", "|"),
            ("  |x", "<word>", "|x"),
            ("one\u{3000}two|", "<word>", "one\u{3000}|"),
            ("hel|lo", "<up><down>", "hel|lo"),
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
            let mut editor = Editor::new(4096);
            editor.cursor = before.find('|').expect("a cursor in the picture");
            editor.text = before.replace('|', "");
            editor.type_keys(keys);
            assert_eq!(editor.picture(), after, "{before} {keys}");
        }
    }

    #[test]
    fn lines_that_were_sent_come_back_and_the_draft_is_kept() {
        let mut editor = Editor::new(4096);
        assert_eq!(editor.type_keys("one<enter>two<enter>two<enter>"), ["one", "two", "two"]);
        let cases = [
            ("dra<left>", "dr|a"),
            ("<up>", "two|"),
            ("<up>", "one|"),
            ("<up>", "one|"),
            ("!<down>", "two|"),
            ("<down>", "dra|"),
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
    fn a_blank_line_is_nothing_to_send() {
        let mut editor = Editor::new(4096);
        assert!(editor.type_keys("<enter>  <enter>\t<enter><up>").is_empty());
        assert_eq!(editor.picture(), "|");
    }

    #[test]
    fn what_is_too_long_is_kept_to_be_shortened_and_has_an_end() {
        let mut editor = Editor::new(4);
        assert!(editor.type_keys("éabc<enter>").is_empty());
        assert_eq!(editor.press(Key::Enter), Outcome::TooLong(5));
        assert_eq!(editor.picture(), "éabc|");
        assert_eq!(editor.type_keys("<bs><enter>"), ["éab"]);
        while editor.press(Key::Char('é')) == Outcome::Edited {}
        assert_eq!(editor.text().len(), 4 * MOST);
        assert_eq!(editor.press(Key::Char('a')), Outcome::Full);
    }

    #[test]
    fn the_end_of_input_quits_only_on_an_empty_line() {
        let mut editor = Editor::new(4096);
        assert_eq!(editor.press(Key::Char('a')), Outcome::Edited);
        assert_eq!(editor.press(Key::EndOfInput), Outcome::Edited);
        assert_eq!(editor.press(Key::Cancel), Outcome::Quit);
        editor.press(Key::Backspace);
        assert_eq!(editor.press(Key::EndOfInput), Outcome::Quit);
    }
}
