//! When two names are the same, in any case or to the eye. Pure.

use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};
use unicode_security::confusable_detection::skeleton;

use super::MAX_BYTES;
use crate::protocol::text::{fold, without_dots_above};

/// What the server calls the person whom it speaks to; and what people would take for the server, for who
/// runs it, or for everybody. Nobody may be called so.
const RESERVED: [&str; 10] =
    ["you", "server", "chatroom", "operator", "admin", "system", "root", "all", "everyone", "here"];

/// The most bytes that another server may have found a name to look like: letters come
/// apart, and some look like several.
const MAX_LOOK: usize = 16 * MAX_BYTES;

/// What stays of a name when case and the eye's mistakes are taken away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Likeness {
    /// Without case. Names sort by it.
    folded: String,
    /// What the name looks like as it is written, and what it looks like without case: a capital I
    /// looks like an l, and a Cyrillic capital becomes a Latin letter only once it is small.
    looks: [String; 2],
}

impl Likeness {
    /// The likeness of `name`, which may be any text.
    #[must_use]
    pub fn of(name: &str) -> Likeness {
        let folded = fold(&name.nfc().collect::<String>());
        let compatible: String = name.nfkc().collect();
        let looks = [look(&fold(&plain(name))), look(&fold(&compatible))];
        Likeness { folded, looks }
    }

    /// What another server has found a name to look like, by tables of its own.
    pub(crate) fn from_parts(folded: String, looks: [String; 2]) -> Option<Likeness> {
        let is_bounded =
            looks.iter().all(|look| look.len() <= MAX_LOOK) && folded.len() <= MAX_LOOK;
        is_bounded.then_some(Likeness { folded, looks })
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
        self.is_same_word(other) || self.looks.iter().any(|look| other.looks.contains(look))
    }

    /// The word that it is, or looks like, and that is nobody's name.
    #[must_use]
    pub fn reserved(&self) -> Option<&'static str> {
        static WORDS: LazyLock<[Likeness; RESERVED.len()]> =
            LazyLock::new(|| RESERVED.map(Likeness::of));
        let is_it = |(_, word): &(&str, &Likeness)| self.is_like(word);
        RESERVED.into_iter().zip(&*WORDS).find(is_it).map(|(word, _)| word)
    }

    /// Whether it is, or looks like, one of the names that the server gives to guests.
    #[must_use]
    pub fn is_guests(&self) -> bool {
        static GUEST: LazyLock<String> = LazyLock::new(|| look("guest"));
        // What 0 and 1 look like, too.
        let is_digit = |c: char| {
            matches!(c, 'O' | 'o' | 'l') || c.general_category() == GeneralCategory::DecimalNumber
        };
        self.looks.iter().any(|look| {
            let number = look.strip_prefix(GUEST.as_str()).unwrap_or_default();
            !number.is_empty() && number.chars().all(is_digit)
        })
    }

    /// The name without case: names that are the same word have it in common, and lists are sorted by it.
    #[must_use]
    pub fn folded(&self) -> &str {
        &self.folded
    }

    /// What the name looks like, as it is written and without case. Names that are alike and not the same
    /// word have one of these in common.
    #[must_use]
    pub fn looks(&self) -> &[String; 2] {
        &self.looks
    }
}

/// Whether a text in ASCII may look like one of the [`RESERVED`] words. It is quick, and takes more
/// letters for each other than [`Likeness`] does: no word that is reserved there escapes it.
pub(super) fn may_look_reserved(ascii: &str) -> bool {
    let is_like = |word: &&str| rough_look(ascii).eq(rough_look(word));
    RESERVED.iter().any(is_like)
}

/// What a text in ASCII looks like, roughly: as [`look`] has it, without case, and i is l.
fn rough_look(ascii: &str) -> impl Iterator<Item = u8> {
    ascii.bytes().flat_map(|byte| {
        let letter = byte.to_ascii_lowercase();
        let [first, second] = match letter {
            b'm' => [b'r', b'n'],
            b'w' => [b'v', b'v'],
            b'd' => [b'c', b'l'],
            b'0' => [b'o', 0],
            b'1' | b'i' => [b'l', 0],
            letter => [letter, 0],
        };
        [first, second].into_iter().filter(|&byte| byte != 0)
    })
}

/// The skeleton of a text (Unicode Technical Standard 39), once each character in it is in its plainest
/// form.
fn plain(text: &str) -> String {
    let compatible: String = text.nfkc().collect();
    skeleton(&compatible).collect()
}

/// What a text looks like: its skeleton, in which also w is vv and d is cl, as m is rn in any skeleton, and
/// an i with a dot above it is an i.
fn look(text: &str) -> String {
    let mut look = String::with_capacity(text.len());
    for c in plain(text).nfd().filter(without_dots_above(is_dotted)) {
        match c {
            'w' => look.push_str("vv"),
            'd' => look.push_str("cl"),
            c => look.push(c),
        }
    }
    look
}

/// Whether a letter has a dot above of its own (Unicode's Soft_Dotted).
fn is_dotted(c: char) -> bool {
    matches!(c, 'i' | 'j' | 'ɉ' | 'ɨ' | 'ʝ' | 'і' | 'ј' | 'ᶖ' | '𝼚')
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

    /// What another server has found to be asked for, by tables of its own.
    pub(crate) fn from_folded(folded: String) -> Option<Wanted> {
        (folded.len() <= MAX_LOOK).then_some(Wanted(folded))
    }

    /// What nobody is called.
    #[must_use]
    pub fn nobody() -> Wanted {
        Wanted(String::new())
    }

    /// The name without case, as [`Likeness::folded`] has it.
    #[must_use]
    pub fn folded(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            ("strau\u{df}", "STRAU\u{1e9e}"),
            ("İpek", "ipek"),
            ("ali\u{307}ce", "alice"),
            ("alı\u{307}ce", "alice"),
            ("ali\u{323}\u{307}ce", "ali\u{323}ce"),
            ("ʝ\u{307}o", "ʝo"),
            // Two letters that look like one.
            ("vvill", "will"),
            ("VVill", "wiII"),
            ("\u{51d}ill", "VVILL"),
            ("avvv", "awv"),
            ("aclam", "adarn"),
            ("Mia", "rnia"),
            ("MaIce", "rnaIce"),
            // Other forms of the same.
            ("\u{1d43}\u{2e1}\u{2071}\u{1d9c}\u{1d49}", "alice"),
            ("ａｌｉｃｅ", "ALICE"),
            ("Սևակ", "Սեւակ"),
            ("ㅋㅋ", "\u{110f}\u{110f}"),
        ];
        for (one, other) in alike {
            assert!(Likeness::of(one).is_like(&Likeness::of(other)), "{one} {other}");
            assert!(Likeness::of(other).is_like(&Likeness::of(one)), "{other} {one}");
        }
        for (one, other) in [
            ("alice", "alice2"),
            ("bob", "rob"),
            ("guest1", "guest2"),
            ("Zoë", "Zoe"),
            ("Anna", "Ama"),
            ("Dora", "Cora"),
        ] {
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

    /// All of Unicode in the place of one letter.
    #[test]
    fn no_letter_that_looks_like_another_makes_another_name() {
        let is_other = |c: &char| !c.is_ascii() && c.is_alphanumeric();
        let mut alike = 0;
        for c in ('\0'..='\u{1ffff}').filter(is_other) {
            let same = |form: String| fold(&form);
            let forms = [look(&c.to_string()), c.nfkc().collect(), fold(&c.to_string())].map(same);
            for letter in "alicemw".chars() {
                let own = [letter.to_string(), look(&letter.to_string())];
                if forms.iter().any(|form| own.contains(form)) {
                    let name = "alicemw".replace(letter, &c.to_string());
                    let is_like = Likeness::of(&name).is_like(&Likeness::of("alicemw"));
                    assert!(is_like, "{name} {c:?}");
                    alike += 1;
                }
            }
        }
        assert!(alike > 200, "{alike}");
    }

    #[test]
    fn what_the_server_and_everybody_are_called_is_nobodys_name() {
        let reserved = |name: &str| Likeness::of(name).reserved();
        for word in RESERVED {
            assert_eq!(reserved(word), Some(word));
            assert_eq!(reserved(&word.to_uppercase()), Some(word));
        }
        for (name, word) in [
            ("sеrvеr", "server"),
            ("a11", "all"),
            ("r00t", "root"),
            ("ACLMIN", "admin"),
            ("Evеryоnе", "everyone"),
            ("ｈｅｒｅ", "here"),
            ("s\u{443}stem", "system"),
        ] {
            assert_eq!(reserved(name), Some(word), "{name}");
        }
        for name in ["alice", "servers", "admin2", "hero", "al", "your", "root-2"] {
            assert_eq!(reserved(name), None, "{name}");
        }
    }

    #[test]
    fn what_looks_like_a_guests_name_is_known() {
        for name in
            ["guest1", "GUEST7", "guest1000", "guestl", "guеst2", "guest07", "guest٣", "GUESTIO"]
        {
            assert!(Likeness::of(name).is_guests(), "{name}");
        }
        for name in ["guest", "guests", "guest-1", "guest1a", "1guest1", "guestbook", "my_guest1"] {
            assert!(!Likeness::of(name).is_guests(), "{name}");
        }
    }
}
