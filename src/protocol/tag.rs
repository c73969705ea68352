//! The tagged form, for programs: what stands before a line, and the lines that only programs get.
//!
//! A client whose first line is `/tags` gets `@SEQ MILLIS line`. SEQ is the event's number in the
//! room's one order, or `-` for a line that is no event, or `-N` for one that answers the client's Nth line; MILLIS is the server's clock, in
//! milliseconds since 1970.

use std::fmt;

use super::proof::Nonce;

/// The number of an event in the room's one order. The first is 1, and each has one more than the
/// one before it; 0 is before them all.
pub type Seq = u64;

/// Milliseconds since 1970, by the server's clock.
pub type Millis = i64;

/// How lines are sent to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// As everyone gets them.
    Plain,
    /// With their numbers and times, and with receipts, as a program gets them.
    Tagged,
}

/// What stands before a line, with the blank after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag {
    /// The event's number; `None` for what is no event.
    pub seq: Option<Seq>,
    /// Which of the client's lines this answers. No event does.
    pub answers: Option<u64>,
    /// When it happened.
    pub at: Millis,
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.seq, self.answers) {
            (Some(seq), _) => write!(f, "@{seq} {} ", self.at),
            (None, Some(line)) => write!(f, "@-{line} {} ", self.at),
            (None, None) => write!(f, "@- {} ", self.at),
        }
    }
}

impl Tag {
    /// Takes the tag off the front of a line; `None` if it has none that is right.
    #[must_use]
    pub fn split(line: &str) -> Option<(Tag, &str)> {
        let (seq, rest) = line.strip_prefix('@')?.split_once(' ')?;
        let (at, body) = rest.split_once(' ')?;
        let (seq, answers) = match seq.strip_prefix('-') {
            None => (Some(number(seq)?), None),
            Some("") => (None, None),
            Some(line) => (None, Some(number(line)?)),
        };
        Some((Tag { seq, answers, at: number(at)?.try_into().ok()? }, body))
    }
}

/// What a server takes of a client, as far as it tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// The longest line, in bytes without its end.
    pub max_line: Option<usize>,
    /// How many lines a second, for long; 0 is any number.
    pub rate: Option<u32>,
}

impl Limits {
    /// Reads `WORD VALUE WORD VALUE …`. What this version does not know is left out.
    fn parse(text: &str) -> Limits {
        let mut limits = Limits::default();
        let mut words = text.split(' ');
        while let (Some(word), Some(value)) = (words.next(), words.next()) {
            let value = number(value);
            match word {
                "max-line" => limits.max_line = value.and_then(|it| it.try_into().ok()),
                "rate" => limits.rate = value.and_then(|it| it.try_into().ok()),
                _ => {}
            }
        }
        limits
    }
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("= limits")?;
        if let Some(bytes) = self.max_line {
            write!(f, " max-line {bytes}")?;
        }
        self.rate.map_or(Ok(()), |rate| write!(f, " rate {rate}"))
    }
}

/// A line without its tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body<'a> {
    /// `+ N`: a receipt. Your Nth line became this event.
    Receipt(u64),
    /// `= done`: the line that the tag names, and all before it, are done; this one became no event.
    Done,
    /// `= token HEX`: with this you may resume.
    Token(Token),
    /// `= nick NAME`: this is your name. Whether it can be one is not looked at.
    Nick(&'a str),
    /// `= limits max-line 4096 rate 100`: what the server takes.
    Limits(Limits),
    /// `= resumed N`: so many of your lines were taken; send those after them again.
    Resumed(u64),
    /// `= nonce B32`: sign this to prove that you have a key.
    Nonce(Nonce),
    /// `= key ok`: you have proved it.
    KeyOk,
    /// A fact that this version does not know.
    UnknownFact,
    /// A line as everyone gets it.
    Line(&'a str),
}

impl fmt::Display for Body<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Body::Receipt(line) => write!(f, "+ {line}"),
            Body::Done => f.write_str("= done"),
            Body::Token(token) => write!(f, "= token {token}"),
            Body::Nick(name) => write!(f, "= nick {name}"),
            Body::Limits(limits) => write!(f, "{limits}"),
            Body::Resumed(lines) => write!(f, "= resumed {lines}"),
            Body::Nonce(nonce) => write!(f, "= nonce {nonce}"),
            Body::KeyOk => f.write_str("= key ok"),
            Body::UnknownFact => f.write_str("="),
            Body::Line(line) => f.write_str(line),
        }
    }
}

impl<'a> Body<'a> {
    /// Reads what stands behind a tag.
    #[must_use]
    pub fn parse(body: &'a str) -> Body<'a> {
        if let Some(receipt) = body.strip_prefix("+ ").and_then(number) {
            return Body::Receipt(receipt);
        }
        let Some(fact) = body.strip_prefix("= ") else { return Body::Line(body) };
        let (word, value) = fact.split_once(' ').unwrap_or((fact, ""));
        let known = match word {
            "done" if fact == word => Some(Body::Done),
            "token" => Token::parse(value).map(Body::Token),
            "nick" => Some(Body::Nick(value)),
            "limits" => Some(Body::Limits(Limits::parse(value))),
            "resumed" => number(value).map(Body::Resumed),
            "nonce" => Nonce::parse(value).map(Body::Nonce),
            "key" => (value == "ok").then_some(Body::KeyOk),
            _ => None,
        };
        known.unwrap_or(Body::UnknownFact)
    }
}

/// What a client shows to have been the member that it says it was: 128 random bits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Token(u128);

impl Token {
    /// The token of these bits, which nobody may be able to guess.
    #[must_use]
    pub fn new(bits: u128) -> Token {
        Token(bits)
    }

    /// Reads 32 digits of base 16, in either case; `None` if `text` is anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Token> {
        let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        digits.then(|| u128::from_str_radix(text, 16).ok().map(Token)).flatten()
    }

    /// Its bytes, in the order of its digits.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// Whoever has it can take the member over, so it stands in no log.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// A number in digits alone; `None` too if it is too large.
pub(crate) fn number(digits: &str) -> Option<u64> {
    let all = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    all.then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert_eq, proptest};

    use super::*;
    use crate::protocol::arbitrary::text;

    #[test]
    fn a_tag_is_read_as_it_is_written() {
        for (tag, text) in [
            (Tag { seq: Some(0), answers: None, at: 0 }, "@0 0 "),
            (
                Tag { seq: Some(u64::MAX), answers: None, at: i64::MAX },
                &format!("@{} {} ", u64::MAX, i64::MAX),
            ),
            (Tag { seq: None, answers: None, at: 1_790_000_000_000 }, "@- 1790000000000 "),
            (Tag { seq: None, answers: Some(7), at: 5 }, "@-7 5 "),
        ] {
            assert_eq!(tag.to_string(), text);
            assert_eq!(Tag::split(&format!("{text}<a> @1 2 x")), Some((tag, "<a> @1 2 x")));
            assert_eq!(Tag::split(text), Some((tag, "")));
        }
    }

    #[test]
    fn what_is_no_tag_is_told() {
        for line in [
            "",
            "@",
            "@1",
            "@1 2",
            "@1  2 x",
            "@ 1 2 x",
            " @1 2 x",
            "@-x 2 x",
            "@--1 2 x",
            "@- 1",
            "@-18446744073709551616 2 x",
            "@+1 2 x",
            "@1 -2 x",
            "@1 - x",
            "@18446744073709551616 2 x",
            "@1 9223372036854775808 x",
            "@١ 2 x",
            "<alice> @1 2 x",
        ] {
            assert_eq!(Tag::split(line), None, "{line}");
        }
    }

    #[test]
    fn what_stands_behind_a_tag_is_read_as_it_is_written() {
        let token = Token::new(0xab);
        let limits = |max_line, rate| Body::Limits(Limits { max_line, rate });
        for (body, text) in [
            (Body::Receipt(17), "+ 17"),
            (Body::Token(token), "= token 000000000000000000000000000000ab"),
            (Body::Nick("alice"), "= nick alice"),
            (Body::Resumed(0), "= resumed 0"),
            (limits(Some(4096), Some(0)), "= limits max-line 4096 rate 0"),
            (limits(None, Some(100)), "= limits rate 100"),
            (limits(None, None), "= limits"),
            (Body::Nonce(Nonce::new([0; 32])), &format!("= nonce {}", "a".repeat(52))),
            (Body::KeyOk, "= key ok"),
            (Body::Done, "= done"),
            (Body::Line("<alice> + 17"), "<alice> + 17"),
            (Body::Line(""), ""),
        ] {
            assert_eq!(body.to_string(), text);
            assert_eq!(Body::parse(text), body);
        }
    }

    #[test]
    fn what_a_program_does_not_know_is_no_line() {
        for body in [
            "= color red",
            "= ",
            "= token 12",
            "= resumed -1",
            "= resumed",
            "= nonce a",
            "= key no",
            "= done 7",
            "= done ",
        ] {
            assert_eq!(Body::parse(body), Body::UnknownFact, "{body}");
        }
        for body in ["+ x", "+", "+ -1", "=", "=token"] {
            assert_eq!(Body::parse(body), Body::Line(body), "{body}");
        }
    }

    #[test]
    fn a_limit_that_a_program_does_not_know_or_cannot_read_is_left_out() {
        let known = Limits { max_line: Some(7), rate: None };
        for text in [
            "= limits colour red max-line 7",
            "= limits max-line 7 rate -1 colour",
            "= limits max-line 7 rate 4294967296",
        ] {
            assert_eq!(Body::parse(text), Body::Limits(known), "{text}");
        }
    }

    #[test]
    fn a_token_is_32_digits_of_base_16() {
        let text = "0123456789abcdefFEDCBA9876543210";
        let token = Token::parse(text).expect("a token");
        assert_eq!(token.to_string(), text.to_lowercase());
        assert_eq!(format!("{token:?}"), "Token(…)");
        for text in ["", "0", &"0".repeat(31), &"0".repeat(33), &("+".to_owned() + &"0".repeat(31))]
        {
            assert_eq!(Token::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_tag_and_what_stands_behind_it_are_read_as_they_are_written(
            seq in any::<Option<u64>>(),
            answers in any::<Option<u64>>(),
            at in 0..=Millis::MAX,
            number in any::<u64>(),
            bits in any::<u128>(),
            random: [u8; 32],
            text in text(),
        ) {
            let tag = Tag { seq, answers: answers.filter(|_| seq.is_none()), at };
            let line = format!("{tag}{text}");
            prop_assert_eq!(Tag::split(&line), Some((tag, &*text)));
            let facts = [Body::Receipt(number), Body::Token(Token::new(bits)), Body::Nick(&text)];
            let more = [Body::Resumed(number), Body::Nonce(Nonce::new(random)), Body::KeyOk];
            for body in facts.into_iter().chain(more) {
                let written = body.to_string();
                prop_assert_eq!(Body::parse(&written), body);
            }
            // Whatever else it is, it is written as it was read.
            if let Body::Line(line) = Body::parse(&text) {
                prop_assert_eq!(line, &text);
            }
        }
    }
}
