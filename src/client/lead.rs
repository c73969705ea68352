//! Text that is said in several lines: what each of them begins with, and where a line that is longer than the
//! server takes is broken. Pure.
//!
//! A line ends behind a blank, so put together the lines have the text as it was; a word that no line has room for
//! is cut between two characters as readers see them. Whatever a line begins with, it stays with those before it:
//! a private text is private in each of its lines, and no part of a text is taken for a command.

use std::borrow::Cow;

use unicode_segmentation::UnicodeSegmentation;

use super::typed::Typed;
use crate::protocol::name;
use crate::protocol::request::{self, Command, Request};
use crate::protocol::text::{from_first_shown, is_blank};

/// The client's own command that answers the last private line.
pub(super) const REPLY: &str = "/r";

/// How many bytes are kept free for the name that takes the place of that.
const REPLY_NAME: usize = name::MAX_CHARACTERS * char::MAX.len_utf8();

/// What each line of a text begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lead<'a> {
    /// Nothing, or the slash before a text that begins with one.
    Say,
    /// `/me`
    Act,
    /// `/msg` with this name.
    Whisper(&'a str),
    /// `/r`: the client puts the name in.
    Reply,
}

impl<'a> Lead<'a> {
    /// What a line that a server of ours gets begins with, and its text, which may be empty behind a command. `None`
    /// for a command that says nothing.
    pub(super) fn of(line: &'a str) -> Option<(Lead<'a>, Cow<'a, str>)> {
        match request::parse(line) {
            Ok(Request::Say(text)) => return Some((Lead::Say, text)),
            Ok(Request::Act(text)) => return Some((Lead::Act, text.into())),
            Ok(Request::Whisper { to, text }) => return Some((Lead::Whisper(to), text.into())),
            Ok(_) => return None,
            Err(_) => {}
        }
        let (word, arguments) = split_word(from_first_shown(line));
        let is = |command: &str| word.eq_ignore_ascii_case(command);
        let arguments = arguments.trim();
        if is(REPLY) {
            return Some((Lead::Reply, arguments.into()));
        }
        if is(Command::Me.word()) {
            return Some((Lead::Act, "".into()));
        }
        // A name without a text, which may stand in the next line.
        (is(Command::Msg.word()) && !arguments.is_empty())
            .then_some((Lead::Whisper(arguments), "".into()))
    }

    /// The line that says this.
    pub(super) fn line(self, text: &str) -> Cow<'_, str> {
        match self {
            Lead::Say => request::saying(text),
            Lead::Act => format!("{} {text}", Command::Me.word()).into(),
            Lead::Whisper(to) => format!("{} {to} {text}", Command::Msg.word()).into(),
            Lead::Reply => format!("{REPLY} {text}").into(),
        }
    }

    /// How many bytes of the line that says this are not its text.
    fn length(self, text: &str) -> usize {
        match self {
            Lead::Say => usize::from(from_first_shown(text).starts_with('/')),
            Lead::Act => Command::Me.word().len() + 1,
            Lead::Whisper(to) => Command::Msg.word().len() + to.len() + 2,
            Lead::Reply => Command::Msg.word().len() + REPLY_NAME + 2,
        }
    }

    /// The parts of a text of which each, with its beginning, has `most` bytes at most; `None` if there is no room
    /// for any.
    pub(super) fn parts<'t>(self, text: &'t str, most: usize) -> Option<Parts<'a, 't>> {
        let has_room = self.length("/") + char::MAX.len_utf8() <= most;
        let fits = self.length(text) + text.len() <= most;
        (fits || has_room).then_some(Parts { lead: self, rest: text, most })
    }
}

/// The parts of a text, of which none is blank.
#[derive(Debug)]
pub(super) struct Parts<'a, 't> {
    /// What each begins with on its way.
    lead: Lead<'a>,
    /// What is left.
    rest: &'t str,
    /// How many bytes each may have with that.
    most: usize,
}

impl<'t> Iterator for Parts<'_, 't> {
    type Item = &'t str;

    fn next(&mut self) -> Option<&'t str> {
        while !self.rest.is_empty() {
            let room = self.most - self.lead.length(self.rest);
            let (part, rest) = self.rest.split_at(end(self.rest, room));
            self.rest = rest;
            // Nobody would see it.
            if !is_blank(part) {
                return Some(part);
            }
        }
        None
    }
}

/// Where the first part ends of a text of which `room` bytes fit.
fn end(text: &str, room: usize) -> usize {
    if text.len() <= room {
        return text.len();
    }
    let (mut character, mut word, mut is_after_blank) = (0, 0, false);
    for (at, grapheme) in text.grapheme_indices(true).take_while(|(at, _)| *at <= room) {
        let is_of_blank = grapheme.chars().all(char::is_whitespace);
        if is_after_blank && !is_of_blank && !is_blank(&text[..at]) {
            word = at;
        }
        (character, is_after_blank) = (at, is_of_blank);
    }
    match (word, character) {
        // One that is longer than a line is no character that anybody reads.
        (0, 0) => (0..=room).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(room),
        (0, character) => character,
        (word, _) => word,
    }
}

fn split_word(text: &str) -> (&str, &str) {
    text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()))
}

impl Typed {
    /// The lines that say the same to a server of ours which takes so many bytes a line. A line that is not too long
    /// stays as it is, and so does a command that is.
    pub(super) fn split(self, most: usize) -> Vec<Typed> {
        if self.wire().len() <= most || self.is_secret() {
            return vec![self];
        }
        let lines = Lead::of(self.text()).and_then(|(lead, text)| {
            let parts = lead.parts(&text, most)?;
            Some(parts.map(|part| Typed::new(lead.line(part).into_owned())).collect())
        });
        lines.unwrap_or_else(|| vec![self])
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    use super::*;
    use crate::protocol::arbitrary::text;

    fn split(line: &str, most: usize) -> Vec<String> {
        let lines = Typed::new(line).split(most);
        lines.iter().map(|line| line.text().to_owned()).collect()
    }

    #[test]
    fn a_long_line_is_broken_at_blanks_and_a_longer_word_between_characters() {
        let cases: &[(&str, usize, &[&str])] = &[
            ("one two", 16, &["one two"]),
            ("one two three four", 16, &["one two three ", "four"]),
            ("one two three fou", 16, &["one two three ", "fou"]),
            ("0123456789abcdefghij", 16, &["0123456789abcdef", "ghij"]),
            ("a 0123456789abcdefghij", 16, &["a ", "0123456789abcdef", "ghij"]),
            ("  0123456789abcdef", 16, &["  0123456789abcd", "ef"]),
            ("0123456789abcde  fgh", 16, &["0123456789abcde ", " fgh"]),
            ("0123456789abcd e\u{301} x", 16, &["0123456789abcd ", "e\u{301} x"]),
            ("0123456789abcde\u{301}x", 16, &["0123456789abcd", "e\u{301}x"]),
            ("日本語日本語日本語", 16, &["日本語日本", "語日本語"]),
            // A character that no line has room for.
            (
                "e\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}",
                16,
                &["e\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}", "\u{301}"],
            ),
            // What follows a break is no command.
            ("0123456789 12345 /quit", 16, &["0123456789 ", "12345 /quit"]),
            ("0123456789 1234 /quit now", 16, &["0123456789 1234 ", "//quit now"]),
            ("//123456789abcdefgh", 16, &["//123456789abcde", "fgh"]),
            (
                "0123456789abcde //123456789abcdef",
                16,
                &["0123456789abcde ", "///123456789abcd", "ef"],
            ),
            ("/me says one two three", 16, &["/me says one ", "/me two three"]),
            ("/ME says one two three", 16, &["/me says one ", "/me two three"]),
            ("/msg bob one two /quit", 16, &["/msg bob one ", "/msg bob two ", "/msg bob /quit"]),
            // These say nothing, and are left to whoever refuses them.
            ("/topic one two three", 16, &["/topic one two three"]),
            ("/msg a-long-name hi", 16, &["/msg a-long-name hi"]),
            ("/pass one two three", 16, &["/pass one two three"]),
        ];
        for (line, most, expected) in cases {
            assert_eq!(split(line, *most), *expected, "{line}");
        }
        assert_eq!(
            split(&format!("a{}b", " ".repeat(40)), 16),
            [format!("a{}", " ".repeat(15)), format!("{}b", " ".repeat(9))]
        );
    }

    #[test]
    fn a_name_may_stand_in_the_line_before_its_text() {
        let cases = [
            ("/msg bob hi", Some((Lead::Whisper("bob"), "hi"))),
            ("/msg bob", Some((Lead::Whisper("bob"), ""))),
            ("/msg", None),
            ("/me", Some((Lead::Act, ""))),
            ("/R hi ", Some((Lead::Reply, "hi"))),
            ("/r", Some((Lead::Reply, ""))),
            ("/rr x", None),
            ("//r x", Some((Lead::Say, "/r x"))),
            ("/who", None),
        ];
        for (line, expected) in cases {
            let lead = Lead::of(line);
            assert_eq!(lead.as_ref().map(|(lead, text)| (*lead, &**text)), expected, "{line}");
        }
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_nothing_is_twice(text in text(), most in 16_usize..60) {
            for lead in [Lead::Say, Lead::Act, Lead::Whisper("bob")] {
                let parts: Vec<&str> = lead.parts(&text, most).expect("there is room").collect();
                let shown = |text: &str| text.chars().filter(|c| !is_blank(c.encode_utf8(&mut [0; 4]))).collect::<String>();
                prop_assert_eq!(shown(&parts.concat()), shown(&text));
                for part in parts {
                    let line = lead.line(part);
                    prop_assert!(line.len() <= most, "{line}");
                    let (again, said) = Lead::of(&line).expect("it says something");
                    prop_assert_eq!(again, lead);
                    prop_assert_eq!(from_first_shown(&said), from_first_shown(part));
                }
            }
        }
    }
}
