//! A line of the user's, as it was typed, pasted or read from standard input: made safe, parsed and
//! looked at for a secret once, when it is entered.
//!
//! The outbox, the echo, the history and the log take what they need from it. Pure; the thread that
//! reads the user's input makes it, and all share it.

use std::borrow::Cow;

use super::secret;
use crate::protocol::name::Name;
use crate::protocol::request::{self, Misuse, Request};
use crate::protocol::text::make_safe;

/// A line of the user's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Typed {
    /// The line itself.
    line: Line,
    /// What a server of ours makes of it.
    asks: Asks,
    /// Whether there is a secret in it, such as a password.
    is_secret: bool,
    /// From which line of a program's input it is.
    source: Option<u64>,
}

/// A line as it goes over the wire, and as it may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Line {
    /// The line is safe as it is.
    Safe(String),
    /// The line has something in it that no terminal may get.
    Unsafe {
        /// As it goes over the wire: the server makes it safe itself.
        wire: Vec<u8>,
        /// What is left of it.
        text: String,
    },
}

/// What a server of ours makes of a line, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asks {
    /// The line is said to all.
    Say(Words),
    /// `/me`: the line tells what the user does.
    Act(Words),
    /// `/msg`
    Whisper,
    /// `/nick`, with the name.
    Rename(Name),
    /// `/nick` with a name that breaks the rules.
    BadName,
    /// `/help`
    Help,
    /// `/quit`
    Quit,
    /// Anything else: it gets an answer or none, and becomes no event.
    Question,
    /// A line that the server does not count among a session's: `/tags` and `/resume`.
    Uncounted,
}

/// Which text of a line the others see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Words {
    /// The line from this byte on.
    From(usize),
    /// Another one: a `/` is taken out of the midst of the line.
    Other(String),
}

impl Typed {
    /// Reads a line, which has no line end.
    #[must_use]
    pub fn new(line: impl Into<Vec<u8>>) -> Typed {
        let line = Line::new(line.into());
        let (asks, is_secret) = (Asks::of(line.text()), secret::is_in(line.text()));
        Typed { line, asks, is_secret, source: None }
    }

    /// The line that says this one to a server of ours, whatever it begins with.
    #[must_use]
    pub fn into_saying(self) -> Typed {
        match request::saying(self.text()) {
            Cow::Owned(escaped) => Typed::new(escaped),
            Cow::Borrowed(_) => self,
        }
    }

    /// The same, from that line of a program's input.
    pub(super) fn of_input(self, line: u64) -> Typed {
        Typed { source: Some(line), ..self }
    }

    /// From which line of a program's input it is, if that is counted.
    pub(super) fn source(&self) -> Option<u64> {
        self.source
    }

    /// The line as it goes over the wire, without a line end.
    #[must_use]
    pub fn wire(&self) -> &[u8] {
        match &self.line {
            Line::Safe(text) => text.as_bytes(),
            Line::Unsafe { wire, .. } => wire,
        }
    }

    /// The line as a terminal may get it, with a secret that is in it.
    #[must_use]
    pub fn text(&self) -> &str {
        self.line.text()
    }

    /// The line as the user may see it, with dots in place of a secret.
    #[must_use]
    pub fn for_notice(&self) -> Cow<'_, str> {
        self.censored(secret::DOTS)
    }

    /// The line for the log and for standard error, with stars in place of a secret.
    #[must_use]
    pub fn for_log(&self) -> Cow<'_, str> {
        self.censored(secret::STARS)
    }

    fn censored(&self, mark: &str) -> Cow<'_, str> {
        if self.is_secret { secret::censored(self.text(), mark) } else { self.text().into() }
    }

    /// Whether there is a secret in it, such as a password.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        self.is_secret
    }

    /// What a server of ours makes of it.
    pub(super) fn asks(&self) -> &Asks {
        &self.asks
    }

    /// Whether a server of ours takes it for the command to leave.
    pub(super) fn is_quit(&self) -> bool {
        self.asks == Asks::Quit
    }

    /// The text that the others see of it.
    pub(super) fn words<'a>(&'a self, words: &'a Words) -> &'a str {
        match words {
            Words::From(start) => &self.text()[*start..],
            Words::Other(text) => text,
        }
    }
}

impl Line {
    fn new(line: Vec<u8>) -> Line {
        let text = match make_safe(&line) {
            Cow::Owned(text) => text,
            Cow::Borrowed(_) => {
                return Line::Safe(String::from_utf8(line).expect("a safe line is text"));
            }
        };
        Line::Unsafe { wire: line, text }
    }

    fn text(&self) -> &str {
        let (Line::Safe(text) | Line::Unsafe { text, .. }) = self;
        text
    }
}

impl Asks {
    fn of(line: &str) -> Asks {
        if !request::is_counted(line) {
            return Asks::Uncounted;
        }
        let from = |text: &str| Words::From(line.len() - text.len());
        match request::parse(line) {
            Ok(Request::Say(Cow::Borrowed(text))) => Asks::Say(from(text)),
            Ok(Request::Say(Cow::Owned(text))) => Asks::Say(Words::Other(text)),
            Ok(Request::Act(text)) => Asks::Act(from(text)),
            Ok(Request::Whisper { .. }) => Asks::Whisper,
            Ok(Request::Rename(name)) => Asks::Rename(name),
            Ok(Request::Quit(_)) => Asks::Quit,
            Ok(Request::Help) => Asks::Help,
            Err(Misuse::Name(_)) => Asks::BadName,
            Ok(
                Request::Nothing
                | Request::Who
                | Request::History(_)
                | Request::Search { .. }
                | Request::Register(_)
                | Request::Login { .. }
                | Request::Unregister
                | Request::Pass(_)
                | Request::Invite(_)
                | Request::Order(_)
                | Request::Tags
                | Request::Resume(..)
                | Request::Key(..),
            )
            | Err(Misuse::Unknown(_) | Misuse::Arguments(_) | Misuse::Search(_)) => Asks::Question,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert_eq, proptest};

    use super::*;
    use crate::protocol::arbitrary::bytes;

    fn seen(line: &str) -> Option<String> {
        let typed = Typed::new(line);
        match typed.asks() {
            Asks::Say(words) => Some(format!("<a> {}", typed.words(words))),
            Asks::Act(words) => Some(format!("* a {}", typed.words(words))),
            _ => None,
        }
    }

    #[test]
    fn a_line_is_parsed_as_the_server_does_it() {
        let cases = [
            ("hi", Some("<a> hi")),
            ("  hi ", Some("<a>   hi ")),
            ("//x y", Some("<a> /x y")),
            ("  //x", Some("<a>   /x")),
            ("/me waits", Some("* a waits")),
            ("/ME \u{1b}[31m  waits ", Some("* a waits ")),
            ("/who", None),
        ];
        for (line, expected) in cases {
            assert_eq!(seen(line).as_deref(), expected, "{line:?}");
        }
        let name = Name::parse("bob").expect("a good name");
        let cases = [
            ("/msg bob hi", Asks::Whisper),
            ("/nick bob", Asks::Rename(name)),
            ("/nick -", Asks::BadName),
            ("/help", Asks::Help),
            (" /quit bye", Asks::Quit),
            ("/q\u{202e}uit", Asks::Quit),
            ("/frob", Asks::Question),
            ("", Asks::Question),
            ("/tags", Asks::Uncounted),
            ("/resume x", Asks::Uncounted),
        ];
        for (line, expected) in cases {
            assert_eq!(*Typed::new(line).asks(), expected, "{line:?}");
        }
    }

    #[test]
    fn no_secret_is_in_the_log_or_in_a_notice() {
        let typed = Typed::new("/login alice hun\u{202e}ter2");
        assert_eq!(typed.for_log(), "/login alice ***");
        assert_eq!(typed.for_notice(), "/login alice •••");
        assert_eq!(typed.wire(), "/login alice hun\u{202e}ter2".as_bytes());
        let typed = Typed::new("/pa\u{202e}ss hunter2");
        assert_eq!((typed.for_log(), typed.is_secret()), ("/pass ***".into(), true));
        assert_eq!(Typed::new("/who \u{7}is there").for_log(), "/who is there");
    }

    proptest! {
        #[test]
        fn a_line_goes_over_the_wire_as_it_is_and_is_shown_safe(line in bytes()) {
            let typed = Typed::new(line.clone());
            prop_assert_eq!(typed.wire(), &line);
            prop_assert_eq!(typed.text(), make_safe(&line));
            let said = typed.clone().into_saying();
            let is_blank = crate::protocol::text::is_blank(typed.text());
            prop_assert_eq!(matches!(said.asks(), Asks::Say(_)), !is_blank);
        }
    }
}
