//! A stream of bytes, in whatever pieces it arrives, split into lines.
//!
//! What a server sends ends in LF, and one CR before it belongs to the line end. What a client sends
//! may come from a keyboard, too: there CR alone ends a line, and CR and NUL (RFC 854). A line that lies
//! whole in one chunk is not copied. What is kept between chunks is at most one line of the allowed
//! length.

use memchr::{memchr, memchr2};

/// Splits chunks into lines, keeping the beginning of a line whose end has not arrived.
#[derive(Debug)]
pub struct LineSplitter {
    /// The beginning of a line, until its end arrives.
    partial: Vec<u8>,
    /// The most bytes that a line may have, without its line end.
    limit: usize,
    /// What ends a line.
    newlines: Newlines,
    /// What has come of the current line.
    state: State,
    /// The last byte was a CR that has ended a line: an LF or NUL right behind it belongs to it.
    after_cr: bool,
    /// Whether a line has ended with a newline.
    has_seen_end: bool,
}

/// What ends a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Newlines {
    /// LF, with a CR before it or not.
    LineFeed,
    /// LF, CR LF, CR, CR NUL.
    Universal,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// `partial` holds all that has arrived of the current line.
    Gathering,
    /// `partial` was handed out as the end of a line, and is emptied at the next call.
    HandedOut,
    /// The current line was too long: it has been reported, and the rest of it is skipped.
    Skipping,
}

/// What [`LineSplitter::next`] found.
#[derive(Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// A whole line, without its line end.
    Whole(&'a [u8]),
    /// A line longer than the limit, of which this is the beginning, [`BEGINNING`] bytes of it at
    /// least if so many have come. It is reported as soon as it is too long, once, and the rest of
    /// it is skipped.
    TooLong(&'a [u8]),
}

/// How much is told of a line that is too long, in bytes: enough to see what it was going to be.
pub const BEGINNING: usize = 64;

impl LineSplitter {
    /// A splitter for what a server sends, in lines of up to `limit` bytes, not counting the line end.
    #[must_use]
    pub fn new(limit: usize) -> LineSplitter {
        LineSplitter {
            partial: Vec::new(),
            limit,
            newlines: Newlines::LineFeed,
            state: State::Gathering,
            after_cr: false,
            has_seen_end: false,
        }
    }

    /// The same for what a client sends, or a user.
    #[must_use]
    pub fn with_universal_newlines(limit: usize) -> LineSplitter {
        LineSplitter { newlines: Newlines::Universal, ..LineSplitter::new(limit) }
    }

    /// Takes the next line off the front of `chunk`; `None` when the chunk is used up and more is
    /// needed. What is left of an unfinished line is kept for the next chunk.
    pub fn next<'s, 'c: 's>(&'s mut self, chunk: &mut &'c [u8]) -> Option<Line<'s>> {
        if self.state == State::HandedOut {
            self.partial.clear();
            self.state = State::Gathering;
        }
        if self.after_cr {
            self.skip_rest_of_end(chunk);
        }
        if self.state == State::Skipping {
            self.partial.clear();
            self.take_to_end(chunk)?;
            self.state = State::Gathering;
        }
        match self.take_to_end(chunk) {
            Some(line) => Some(self.complete(line)),
            None => {
                let beginning = std::mem::take(chunk);
                self.keep(beginning)
            }
        }
    }

    /// Ends the line that has begun, as if its line end had arrived: at the end of the input, or
    /// for a peer that never sends one. `None` if nothing has begun.
    pub fn finish(&mut self) -> Option<&[u8]> {
        let state = std::mem::replace(&mut self.state, State::HandedOut);
        let begun = state == State::Gathering && !self.partial.is_empty();
        begun.then_some(without_cr(&self.partial))
    }

    /// Whether a line has begun whose end has not arrived.
    #[must_use]
    pub fn is_mid_line(&self) -> bool {
        match self.state {
            State::Gathering => !self.partial.is_empty(),
            State::HandedOut => false,
            State::Skipping => true,
        }
    }

    /// Whether the current line is too long, and what comes of it is not kept.
    #[must_use]
    pub fn is_skipping(&self) -> bool {
        self.state == State::Skipping
    }

    /// What has arrived of a line whose end has not, unless it is too long.
    #[must_use]
    pub fn beginning(&self) -> &[u8] {
        match self.state {
            State::Gathering => &self.partial,
            State::HandedOut | State::Skipping => &[],
        }
    }

    /// Whether a line end has come at all.
    #[must_use]
    pub fn has_seen_end(&self) -> bool {
        self.has_seen_end
    }

    /// What stands before the next line end, if that has come; the chunk goes on behind it.
    fn take_to_end<'c>(&mut self, chunk: &mut &'c [u8]) -> Option<&'c [u8]> {
        let end = match self.newlines {
            Newlines::LineFeed => memchr(b'\n', chunk),
            Newlines::Universal => memchr2(b'\n', b'\r', chunk),
        };
        let Some(end) = end else {
            if self.state == State::Skipping {
                *chunk = &[];
            }
            return None;
        };
        let line = &chunk[..end];
        let is_cr = chunk[end] == b'\r';
        *chunk = &chunk[end + 1..];
        self.has_seen_end = true;
        if is_cr {
            self.skip_rest_of_end(chunk);
        }
        Some(line)
    }

    /// Steps over what belongs to a CR that has ended a line.
    fn skip_rest_of_end(&mut self, chunk: &mut &[u8]) {
        self.after_cr = chunk.is_empty();
        if let [b'\n' | b'\0', rest @ ..] = *chunk {
            *chunk = rest;
        }
    }

    fn complete<'s, 'c: 's>(&'s mut self, end: &'c [u8]) -> Line<'s> {
        let line = if self.partial.is_empty() {
            end
        } else {
            self.state = State::HandedOut;
            self.partial.extend_from_slice(end);
            &self.partial
        };
        let line = without_cr(line);
        if line.len() > self.limit { Line::TooLong(line) } else { Line::Whole(line) }
    }

    fn keep(&mut self, beginning: &[u8]) -> Option<Line<'_>> {
        let length = self.partial.len() + beginning.len();
        let last = beginning.last().or(self.partial.last());
        // A CR may turn out to belong to the line end.
        let may_fit = length <= self.limit || (length == self.limit + 1 && last == Some(&b'\r'));
        if may_fit {
            self.partial.extend_from_slice(beginning);
            return None;
        }
        let missing = BEGINNING.saturating_sub(self.partial.len()).min(beginning.len());
        self.partial.extend_from_slice(&beginning[..missing]);
        self.state = State::Skipping;
        Some(Line::TooLong(&self.partial))
    }
}

/// Where LF ends a line. Where CR does, there is none in any.
fn without_cr(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert_eq, proptest};

    use super::*;
    use crate::protocol::arbitrary::{chunks, cut};

    /// Everything that comes out of `chunks`, as text; `!` is a line that was too long, and `…`
    /// stands before what the end of the input completed.
    fn split(mut splitter: LineSplitter, chunks: &[&[u8]]) -> Vec<String> {
        let limit = splitter.limit;
        let mut found = Vec::new();
        for mut chunk in chunks.iter().copied() {
            while let Some(line) = splitter.next(&mut chunk) {
                found.push(match line {
                    Line::Whole(line) => String::from_utf8_lossy(line).into_owned(),
                    Line::TooLong(beginning) => {
                        assert!(chunks.concat().windows(beginning.len()).any(|w| w == beginning));
                        assert!(beginning.len() > limit.min(BEGINNING - 1), "{beginning:?}");
                        "!".to_owned()
                    }
                });
            }
            assert!(splitter.partial.len() <= limit.max(BEGINNING) + 1, "keeps more than one line");
        }
        if let Some(line) = splitter.finish() {
            found.push(format!("…{}", String::from_utf8_lossy(line)));
        }
        found
    }

    #[test]
    fn lines_are_the_same_however_the_bytes_arrive() {
        let cases: &[(&[u8], &[&str])] = &[
            (b"", &[]),
            (b"one\n", &["one"]),
            (b"one\r\n", &["one"]),
            (b"one\r\r\n", &["one\r"]),
            (b"one\ntwo\r\nthree", &["one", "two", "…three"]),
            (b"\n\r\n\n", &["", "", ""]),
            (b"a\rb\n", &["a\rb"]),
            (b"12345678\n", &["12345678"]),
            (b"12345678\r\n", &["12345678"]),
            (b"123456789\nok\n", &["!", "ok"]),
            (b"1234567\r8\nok\n", &["!", "ok"]),
            (b"12345678\r9\nok\n", &["!", "ok"]),
            (b"12345678901234567890\nok\n", &["!", "ok"]),
            (b"12345678901234567890", &["!"]),
            (b"12345678\r", &["…12345678"]),
            ("h\u{e9}t\u{e9}\n".as_bytes(), &["h\u{e9}t\u{e9}"]),
        ];
        for (bytes, expected) in cases {
            for size in 1..=bytes.len().max(1) {
                let chunks: Vec<&[u8]> = bytes.chunks(size).collect();
                let splitter = LineSplitter::new(8);
                assert_eq!(split(splitter, &chunks), *expected, "{bytes:?} in chunks of {size}");
            }
        }
    }

    #[test]
    fn any_of_a_clients_line_ends_is_one_however_the_bytes_arrive() {
        let cases: &[(&[u8], &[&str])] = &[
            (b"one\rtwo\r\nthree\r\0four\n", &["one", "two", "three", "four"]),
            (b"one\r", &["one"]),
            (b"one\r\r\n\n\r\0\n", &["one", "", "", "", ""]),
            (b"one\r\0\0two\n", &["one", "\0two"]),
            (b"\0\n\0\n", &["\0", "\0"]),
            (b"12345678\r123456789\rok\r\n", &["12345678", "!", "ok"]),
            (b"123456789\r\n\n123456789\n\0ok", &["!", "", "!", "…\0ok"]),
            (b"123456789\r\0ok\r", &["!", "ok"]),
        ];
        for (bytes, expected) in cases {
            for size in 1..=bytes.len() {
                let chunks: Vec<&[u8]> = bytes.chunks(size).collect();
                let splitter = LineSplitter::with_universal_newlines(8);
                assert_eq!(split(splitter, &chunks), *expected, "{bytes:?} in chunks of {size}");
            }
        }
    }

    #[test]
    fn it_is_known_whether_a_line_end_has_come_and_what_stands_before_the_next() {
        let mut splitter = LineSplitter::with_universal_newlines(8);
        assert_eq!(splitter.next(&mut &b"ab"[..]), None);
        assert_eq!((splitter.beginning(), splitter.has_seen_end()), (&b"ab"[..], false));
        assert_eq!(splitter.finish(), Some(&b"ab"[..]));
        assert_eq!((splitter.beginning(), splitter.has_seen_end()), (&b""[..], false));
        assert_eq!(splitter.next(&mut &b"c\r"[..]), Some(Line::Whole(b"c")));
        assert!(splitter.has_seen_end());
    }

    /// What [`split`] is to give, by its definition: of all the bytes at once.
    fn split_at_once(limit: usize, bytes: &[u8]) -> Vec<String> {
        let text = |line: &[u8]| String::from_utf8_lossy(line).into_owned();
        let mut lines: Vec<_> = bytes.split(|&byte| byte == b'\n').collect();
        let last = lines.pop().unwrap_or_default();
        let whole = |line: &&[u8]| match without_cr(line) {
            line if line.len() <= limit => text(line),
            _ => "!".to_owned(),
        };
        let mut found: Vec<_> = lines.iter().map(whole).collect();
        if !last.is_empty() {
            let fits = without_cr(last).len() <= limit;
            found.push(if fits {
                format!("…{}", text(without_cr(last)))
            } else {
                "!".to_owned()
            });
        }
        found
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_chunks_are_the_lines_that_they_are_at_once(
            (bytes, sizes) in chunks(),
            limit in 0..40_usize,
        ) {
            let chunks = cut(&bytes, &sizes);
            prop_assert_eq!(split(LineSplitter::new(limit), &chunks), split_at_once(limit, &bytes));
            let universal = || LineSplitter::with_universal_newlines(limit);
            // The same with each CR of its own made an LF.
            let mut newlines = Vec::new();
            let mut rest = &bytes[..];
            while let Some((&byte, after)) = rest.split_first() {
                let is_cr = byte == b'\r';
                newlines.push(if is_cr { b'\n' } else { byte });
                rest = match after {
                    [b'\n' | b'\0', after @ ..] if is_cr => after,
                    after => after,
                };
            }
            prop_assert_eq!(split(universal(), &chunks), split_at_once(limit, &newlines));
        }
    }

    #[test]
    fn a_finished_line_is_given_once_and_the_next_one_starts_afresh() {
        let mut splitter = LineSplitter::new(8);
        assert_eq!(splitter.next(&mut &b"abc"[..]), None);
        assert!(splitter.is_mid_line());
        assert_eq!(splitter.finish(), Some(&b"abc"[..]));
        assert!(!splitter.is_mid_line());
        assert_eq!(splitter.finish(), None);
        assert_eq!(splitter.next(&mut &b"def\n"[..]), Some(Line::Whole(b"def")));
    }

    #[test]
    fn finishing_a_line_that_was_too_long_ends_the_skipping() {
        let mut splitter = LineSplitter::new(4);
        assert_eq!(splitter.next(&mut &b"123456"[..]), Some(Line::TooLong(b"123456")));
        assert!(splitter.is_mid_line());
        assert_eq!(splitter.finish(), None);
        assert_eq!(splitter.next(&mut &b"ok\n"[..]), Some(Line::Whole(b"ok")));
    }

    #[test]
    fn a_line_that_lies_whole_in_its_chunk_is_not_copied() {
        let bytes = b"first\nsecond\n".to_vec();
        let mut splitter = LineSplitter::new(64);
        let mut chunk = &bytes[..];
        let Some(Line::Whole(line)) = splitter.next(&mut chunk) else { panic!("no line") };
        assert!(std::ptr::eq(line.as_ptr(), bytes.as_ptr()));
    }
}
