//! What a member may be called, and when two names are the same.
//!
//! A name is 1 to 24 characters: letters of any script with their combining marks, decimal digits
//! of any script, `_`, `-` and `.`, and it does not start with `-` or `.`. It is kept in Unicode's
//! normalization form C. It is bounded in its width too: what a reader counts as one character may be
//! any number of consonants that are joined.
//!
//! Two names are the same if they are the same without regard to case, or to the eye: by the
//! skeletons of Unicode Technical Standard 39, a Cyrillic а is a Latin a, and `rn` is `m`.

use std::fmt;

use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};
use unicode_security::confusable_detection::skeleton;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use super::text::{MAX_MARKS, fold, make_safe};

/// The most characters in a name, as a reader counts them.
pub const MAX_CHARACTERS: usize = 24;

/// The most columns that a name may take: as many as that many wide characters do.
const MAX_WIDTH: usize = 2 * MAX_CHARACTERS;

/// The most bytes that a name may have: that many columns, each with as many marks as a character may
/// have, of the longest characters.
const MAX_BYTES: usize = MAX_WIDTH * (1 + MAX_MARKS) * char::MAX.len_utf8();

/// What the server calls the person whom it speaks to, so nobody may be called so.
const RESERVED: &str = "you";

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
        let mut after_letter = false;
        for c in name.chars() {
            after_letter = match c.general_category_group() {
                _ if is_invisible(c) => return Err(BadName::Character(c)),
                GeneralCategoryGroup::Letter => true,
                GeneralCategoryGroup::Mark if after_letter => true,
                _ if c.general_category() == GeneralCategory::DecimalNumber => false,
                _ if matches!(c, '_' | '-' | '.') => false,
                _ => return Err(BadName::Character(c)),
            };
        }
        // Also of what its normalization has made more of.
        if make_safe(name.as_bytes()) != name {
            return Err(BadName::Marks);
        }
        if name.starts_with(['-', '.']) {
            return Err(BadName::Beginning);
        }
        if Likeness::of(&name).is_like(&Likeness::of(RESERVED)) {
            return Err(BadName::Reserved);
        }
        Ok(Name(name))
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

/// Whether `c` is a letter or mark that shows nothing: those of Unicode's Default_Ignorable.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}' | '\u{e0100}'..='\u{e01ef}')
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What stays of a name when case and the eye's mistakes are taken away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Likeness {
    /// Without case. Names sort by it.
    folded: String,
    /// What the name looks like as it is written, and what it looks like without case: a capital I
    /// looks like an l, and a Cyrillic capital becomes a Latin letter only once it is small.
    skeletons: [String; 2],
}

impl Likeness {
    /// The likeness of `name`, which may be any text.
    #[must_use]
    pub fn of(name: &str) -> Likeness {
        let name: String = name.nfc().collect();
        let folded = fold(&name);
        let skeletons = [fold(&skeleton(&name).collect::<String>()), skeleton(&folded).collect()];
        Likeness { folded, skeletons }
    }

    /// Whether the two differ in nothing but case.
    #[must_use]
    pub fn is_same_word(&self, other: &Likeness) -> bool {
        self.folded == other.folded
    }

    /// Whether it is the name that somebody asks for.
    #[must_use]
    pub fn is_called(&self, wanted: &Wanted) -> bool {
        self.folded == wanted.0
    }

    /// Whether a person could take the one name for the other.
    #[must_use]
    pub fn is_like(&self, other: &Likeness) -> bool {
        self.is_same_word(other) || self.skeletons.iter().any(|s| other.skeletons.contains(s))
    }

    /// The key by which a list of names is sorted.
    #[must_use]
    pub fn sort_key(&self) -> &str {
        &self.folded
    }
}

/// The name of somebody whom a client asks for, without case. It may be nobody's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted(String);

impl Wanted {
    /// What is asked for by `text`; `None` if that is too long to be a name. It costs no more than that
    /// to know, however long the text is.
    #[must_use]
    pub fn of(text: &str) -> Option<Wanted> {
        let normalized = || text.nfc().collect::<String>();
        (text.len() <= MAX_BYTES).then(|| Wanted(fold(&normalized())))
    }
}

/// The rule that a name breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadName {
    /// There is nothing in it.
    Empty,
    /// It has more than [`MAX_CHARACTERS`] characters.
    TooLong,
    /// It has a character that is no letter, no digit and none of `_`, `-` and `.`.
    Character(char),
    /// More combining marks are piled up on a character than any line may have.
    Marks,
    /// It starts with `-` or `.`.
    Beginning,
    /// It is, or looks like, what the server calls the person whom it speaks to.
    Reserved,
}

impl fmt::Display for BadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadName::Empty => write!(f, "a name cannot be empty"),
            BadName::TooLong => {
                write!(f, "that name is too long: the most is {MAX_CHARACTERS} characters")
            }
            BadName::Character(c) => {
                write!(f, "a name cannot have {c:?} in it: letters, digits, _, - and . can be")
            }
            BadName::Marks => write!(f, "a name cannot pile up marks on a character"),
            BadName::Beginning => write!(f, "a name cannot start with - or ."),
            BadName::Reserved => write!(f, "nobody can be called {RESERVED}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

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
            ("\u{301}a", BadName::Character('\u{301}')),
            ("1\u{20e3}", BadName::Character('\u{20e3}')),
            (&"\u{1100}".repeat(25), BadName::TooLong),
            (&format!("x{}", "\u{301}".repeat(9)), BadName::Marks),
            (&format!("a{}", "\u{344}".repeat(5)), BadName::Marks),
            ("-a", BadName::Beginning),
            (".a", BadName::Beginning),
            ("you", BadName::Reserved),
            ("YOU", BadName::Reserved),
            ("y\u{43e}u", BadName::Reserved),
        ];
        for (name, why) in bad {
            assert_eq!(Name::parse(name), Err(why), "{name}");
        }
    }

    #[test]
    fn a_letter_with_its_marks_is_one_character_and_is_kept_composed() {
        let decomposed = "e\u{301}".repeat(24);
        assert_eq!(Name::parse(&decomposed), Ok(Name("é".repeat(24))));
    }

    #[test]
    fn names_are_the_same_without_case_and_to_the_eye() {
        let alike = [
            ("alice", "ALICE"),
            ("stra\u{df}e", "STRASSE"),
            ("σας", "ΣΑΣ"),
            ("alice", "\u{430}lice"),
            ("alice", "aIice"),
            ("alice", "\u{410}LICE"),
            ("modern", "modem"),
            ("bob0", "bobO"),
            ("Zo\u{eb}", "Zoe\u{308}"),
        ];
        for (one, other) in alike {
            assert!(Likeness::of(one).is_like(&Likeness::of(other)), "{one} {other}");
            assert!(Likeness::of(other).is_like(&Likeness::of(one)), "{other} {one}");
        }
        for (one, other) in [("alice", "alice2"), ("bob", "rob"), ("guest1", "guest2")] {
            assert!(!Likeness::of(one).is_like(&Likeness::of(other)), "{one} {other}");
        }
    }

    #[test]
    fn who_is_asked_for_is_found_without_case_and_by_no_text_that_is_too_long() {
        let asked = |text: &str, name: &str| {
            Wanted::of(text).is_some_and(|wanted| Likeness::of(name).is_called(&wanted))
        };
        for (text, name) in
            [("ALICE", "alice"), ("Zoe\u{308}", "zo\u{eb}"), ("STRASSE", "stra\u{df}e")]
        {
            assert!(asked(text, name), "{text}");
        }
        assert!(!asked("\u{430}lice", "alice"));
        assert!(!asked(&"m".repeat(MAX_BYTES), "alice"));
        assert_eq!(Wanted::of(&"m".repeat(MAX_BYTES + 1)), None);
    }

    proptest! {
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
