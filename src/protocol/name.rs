//! What a member may be called, and when two names are the same.
//!
//! A name is 1 to 24 characters: letters of any script with their combining marks, decimal digits
//! of any script, `_`, `-` and `.` (`spelling`), and it does not start with `-` or `.`. It is kept in
//! Unicode's normalization form C. It is bounded in its width too: what a reader counts as one character
//! may be any number of consonants that are joined.
//!
//! Two names are the same if they are the same without regard to case, or to the eye (`likeness`): by the
//! skeletons of Unicode Technical Standard 39, a Cyrillic а is a Latin a, and `rn` is `m`.

use std::fmt;

use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

pub use likeness::{Likeness, Wanted};

use super::text::{MAX_MARKS, make_safe};

mod likeness;
mod spelling;

/// The most characters in a name, as a reader counts them.
pub const MAX_CHARACTERS: usize = 24;

/// The most columns that a name may take: as many as that many wide characters do.
const MAX_WIDTH: usize = 2 * MAX_CHARACTERS;

/// The most bytes that a name may have: that many columns, each with as many marks as a character may
/// have, of the longest characters.
const MAX_BYTES: usize = MAX_WIDTH * (1 + MAX_MARKS) * char::MAX.len_utf8();

/// A name that keeps the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// Reads a name.
    ///
    /// # Errors
    ///
    /// Which of the rules `text` breaks.
    pub fn parse(text: &str) -> Result<Name, BadName> {
        let name: String = text.nfc().collect();
        match name.graphemes(true).count() {
            0 => return Err(BadName::Empty),
            count if count > MAX_CHARACTERS || name.width() > MAX_WIDTH => {
                return Err(BadName::TooLong);
            }
            _ => {}
        }
        spelling::check(&name)?;
        // Also of what its normalization has made more of.
        if make_safe(name.as_bytes()) != name {
            return Err(BadName::Marks);
        }
        if name.starts_with(['-', '.']) {
            return Err(BadName::Beginning);
        }
        match Likeness::of(&name).reserved() {
            Some(word) => Err(BadName::Reserved(word)),
            None => Ok(Name(name)),
        }
    }

    /// Whether `text` is a name. For ASCII that costs a fraction of [`parse`](Name::parse), which needs
    /// Unicode's tables: a client asks it of each line that arrives.
    #[must_use]
    pub fn is_valid(text: &str) -> bool {
        text.len() <= MAX_BYTES && (is_plainly_valid(text) || Name::parse(text).is_ok())
    }

    /// A name that another server has read. It is bounded, has no blank and nothing in ASCII that names do not have,
    /// and that is all that is known of it: tables of Unicode differ, and servers must agree on what a name is.
    /// Whoever shows it makes it safe.
    pub(crate) fn from_other(text: &str) -> Option<Name> {
        let is_of_name = |c: char| match c {
            '_' | '-' | '.' => true,
            c if c.is_ascii() => c.is_ascii_alphanumeric(),
            // Also the controls behind ASCII, and the no-break space.
            c => c > '\u{a0}',
        };
        let is_bounded = (1..=MAX_BYTES).contains(&text.len()) && !text.starts_with(['-', '.']);
        (is_bounded && text.chars().all(is_of_name)).then(|| Name(text.to_owned()))
    }

    /// The name that the server gives to the `number`th member without one.
    #[must_use]
    pub fn guest(number: usize) -> Name {
        Name(format!("guest{number}"))
    }

    /// The number of a name that the server gives, if this is one.
    #[must_use]
    pub fn guest_number(&self) -> Option<usize> {
        let number = self.0.strip_prefix("guest")?.parse().ok()?;
        (*self == Name::guest(number)).then_some(number)
    }

    /// The name as it is shown.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What other names have to differ from.
    #[must_use]
    pub fn likeness(&self) -> Likeness {
        Likeness::of(&self.0)
    }
}

/// Whether it is a name in ASCII that looks like no reserved word. Some other names are none of those.
fn is_plainly_valid(text: &str) -> bool {
    let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    (1..=MAX_CHARACTERS).contains(&text.len())
        && text.bytes().all(is_of_name)
        && !text.starts_with(['-', '.'])
        && !likeness::may_look_reserved(text)
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The rule that a name breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadName {
    /// There is nothing in it.
    Empty,
    /// It has more than [`MAX_CHARACTERS`] characters.
    TooLong,
    /// It has a character that is no letter, no digit and none of `_`, `-` and `.`, or of which nothing
    /// is seen.
    Character(char),
    /// It has a letter or a digit in another form than the plain one.
    Styled(char),
    /// It has a mark, or a letter that goes with others, where none of its own script is.
    Misplaced(char),
    /// More combining marks are piled up on a character than any line may have, or the same one twice.
    Marks,
    /// It starts with `-` or `.`.
    Beginning,
    /// It is, or looks like, this word, which is nobody's name.
    Reserved(&'static str),
}

impl fmt::Display for BadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadName::Empty => write!(f, "a name cannot be empty"),
            BadName::TooLong => {
                write!(f, "that name is too long: the most is {MAX_CHARACTERS} characters")
            }
            BadName::Styled(c) if !c.nfkc().any(char::is_whitespace) => {
                write!(f, "a name cannot have {} in it: write {}", quoted(*c), c.nfkc())
            }
            BadName::Character(c) | BadName::Styled(c) => {
                write!(
                    f,
                    "a name cannot have {} in it: letters, digits, _, - and . can be",
                    quoted(*c)
                )
            }
            BadName::Misplaced(c) => {
                write!(
                    f,
                    "a name cannot have {} there: it goes with letters of its own script",
                    quoted(*c)
                )
            }
            BadName::Marks => write!(f, "a name cannot pile up marks on a character"),
            BadName::Beginning => write!(f, "a name cannot start with - or ."),
            BadName::Reserved(word) => write!(f, "nobody can be called {word}"),
        }
    }
}

/// A character for the reader's eyes, by its number if nothing would be seen of it.
fn quoted(c: char) -> String {
    let quoted = format!("{c:?}");
    if quoted.starts_with("'\\u") { format!("U+{:04X}", u32::from(c)) } else { quoted }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};
    use proptest::sample::select;

    use super::*;
    use crate::protocol::arbitrary::{name, text};
    use crate::safety::assert_safe;

    #[test]
    fn names_are_letters_and_digits_of_any_script_and_three_signs() {
        let good = [
            "a",
            "alice",
            "Alice-2",
            "_x_",
            "9lives",
            "a.b-c_d",
            "Zoë",
            "बीना",
            "李雷",
            "Ёлка",
            "نور",
            "٣٤",
            "123456789012345678901234",
        ];
        for name in good {
            assert_eq!(Name::parse(name).map(|n| n.to_string()), Ok(name.nfc().collect()));
        }
        let bad = [
            ("", BadName::Empty),
            ("1234567890123456789012345", BadName::TooLong),
            ("two words", BadName::Character(' ')),
            ("\u{3164}", BadName::Character('\u{3164}')),
            ("a\u{fe0f}", BadName::Character('\u{fe0f}')),
            ("a<b", BadName::Character('<')),
            ("½", BadName::Character('½')),
            ("🎉", BadName::Character('🎉')),
            ("\u{301}a", BadName::Misplaced('\u{301}')),
            ("1\u{20e3}", BadName::Character('\u{20e3}')),
            (&"\u{1100}".repeat(25), BadName::TooLong),
            (&format!("x{}", "\u{301}".repeat(9)), BadName::Marks),
            (&format!("a{}", "\u{344}".repeat(5)), BadName::Marks),
            ("-a", BadName::Beginning),
            (".a", BadName::Beginning),
            ("you", BadName::Reserved("you")),
            ("YOU", BadName::Reserved("you")),
            ("y\u{43e}u", BadName::Reserved("you")),
        ];
        for (name, why) in bad {
            assert_eq!(Name::parse(name), Err(why), "{name}");
        }
    }

    #[test]
    fn each_rule_is_told_in_words() {
        let cases = [
            ("", "a name cannot be empty"),
            ("a<b", "a name cannot have '<' in it: letters, digits, _, - and . can be"),
            ("ᵃlice", "a name cannot have 'ᵃ' in it: write a"),
            ("ﬁona", "a name cannot have 'ﬁ' in it: write fi"),
            // There is no plain form of it that a name can have.
            ("\u{fdfa}", "a name cannot have '\u{fdfa}' in it: letters, digits, _, - and . can be"),
            (
                "alice\u{94d}",
                "a name cannot have U+094D there: it goes with letters of its own script",
            ),
            ("alicé\u{301}", "a name cannot pile up marks on a character"),
            ("-a", "a name cannot start with - or ."),
            ("ADMIN", "nobody can be called admin"),
        ];
        for (name, told) in cases {
            assert_eq!(Name::parse(name).map_err(|why| why.to_string()), Err(told.to_owned()));
        }
    }

    #[test]
    fn a_letter_with_its_marks_is_one_character_and_is_kept_composed() {
        let decomposed = "e\u{301}".repeat(24);
        assert_eq!(Name::parse(&decomposed), Ok(Name("é".repeat(24))));
    }

    proptest! {
        /// Of letters that look like others, and of those of the reserved words.
        #[test]
        fn what_is_quickly_found_to_be_a_name_is_one(
            word in select(&["", "you", "admin", "ROOT", "rn", "here.", "system", "a11"][..]),
            text in "[0oO1iIlLmMrnwWvdDclC_.a-]{0,9}",
            other in text(),
        ) {
            for text in [[word, &text].concat(), [&text, word].concat(), other] {
                prop_assert_eq!(Name::is_valid(&text), Name::parse(&text).is_ok(), "{}", text);
            }
        }

        #[test]
        fn a_name_is_safe_and_bounded_and_stays_as_it_is(text in text(), good in name()) {
            for name in [Name::parse(&text), Ok(good)].into_iter().flatten() {
                assert_safe(name.as_str());
                prop_assert!(name.as_str().width() <= MAX_WIDTH, "{name}");
                prop_assert!(name.as_str().len() <= MAX_BYTES, "{name}");
                prop_assert!(name.likeness().is_called(&Wanted::of(name.as_str()).expect("short")));
                prop_assert_eq!(Name::parse(name.as_str()), Ok(name));
            }
        }
    }
}
