//! Characters that show nothing by themselves: which of them text needs, and where. Pure.
//!
//! They are Unicode's format characters (general category Cf) and Default_Ignorable_Code_Points, and
//! some besides of which nothing is seen. What the table of [`Sort`] does not name shows something.
//! Such a character stays only where it does something to its neighbours: anywhere else it could
//! only hide, make one word two for those who search, or look like nothing where somebody looks for
//! something. Whether it stays depends on the character that was kept before it and, for some, on one
//! after it that is kept in any case; so what is kept stays as it is when it is looked at again.

use std::str::Chars;

use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};
use unicode_script::{Script, UnicodeScript};

/// Where a character may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    /// Anywhere: it shows something, or is a blank.
    Shown,
    /// Nowhere: soft hyphen (U+00AD), combining grapheme joiner (U+034F, it matters to those alone who
    /// normalize), Hangul fillers (U+115F, U+1160, U+3164, U+FFA0), Khmer inherent vowels (U+17B4,
    /// U+17B5), word joiner and the invisible operators (U+2060 to U+2065), the deprecated controls
    /// (U+206A to U+206F), the byte order mark (U+FEFF), interlinear annotation and what is
    /// reserved before it (U+FFF0 to U+FFFB), musical beams and slurs (U+1D173 to U+1D17A), language
    /// tags (U+E0001), what is reserved among the tags, and the noncharacters.
    Removed,
    /// ZWNJ (U+200C): behind a letter or mark of a script whose letters join, as Arabic and Devanagari.
    NonJoiner,
    /// ZWJ (U+200D): there, too, and between two symbols, which make one emoji.
    Joiner,
    /// U+061C, U+200E, U+200F: in a line that has a letter which is written from right to left, and
    /// not one behind the other.
    Direction,
    /// ZWSP (U+200B): between two letters of a script that writes without blanks, as Thai and Khmer.
    WordEnd,
    /// VS1 to VS16 (U+FE00 to U+FE0F): behind a character that has variants, one each.
    Selector,
    /// VS17 to VS256 (U+E0100 to U+E01EF): behind a Han character, one each.
    HanSelector,
    /// Mongolian variation selectors and vowel separator (U+180B to U+180F): behind a Mongolian letter.
    Mongolian,
    /// Tags (U+E0020 to U+E007F): in an emoji flag of a subdivision, as England's.
    Tag,
    /// Number signs that are drawn over the digits after them (U+0605, U+0890, U+0891, U+08E2) and the
    /// Syriac abbreviation mark (U+070F): before a letter or digit of these scripts.
    Sign,
    /// What stacks or joins letters of this one script and shows nothing itself: virama-like marks
    /// without a form of their own, hieroglyphs' controls, shorthand's, Khitan's filler. Behind one of
    /// that script.
    OfScript(Script),
}

impl Sort {
    pub(super) fn of(c: char) -> Sort {
        match c {
            '\u{0}'..='\u{ac}' => Sort::Shown,
            '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' => {
                Sort::Removed
            }
            '\u{61c}' | '\u{200e}' | '\u{200f}' => Sort::Direction,
            '\u{605}' | '\u{70f}' | '\u{890}' | '\u{891}' | '\u{8e2}' => Sort::Sign,
            '\u{1039}' => Sort::OfScript(Script::Myanmar),
            '\u{17d2}' => Sort::OfScript(Script::Khmer),
            '\u{180b}'..='\u{180f}' => Sort::Mongolian,
            '\u{1a60}' => Sort::OfScript(Script::Tai_Tham),
            '\u{200b}' => Sort::WordEnd,
            '\u{200c}' => Sort::NonJoiner,
            '\u{200d}' => Sort::Joiner,
            '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}' => Sort::Removed,
            '\u{2d7f}' => Sort::OfScript(Script::Tifinagh),
            '\u{3164}' => Sort::Removed,
            '\u{aaf6}' => Sort::OfScript(Script::Meetei_Mayek),
            '\u{fdd0}'..='\u{fdef}' => Sort::Removed,
            '\u{fe00}'..='\u{fe0f}' => Sort::Selector,
            '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' => Sort::Removed,
            '\u{10a3f}' => Sort::OfScript(Script::Kharoshthi),
            '\u{11133}' => Sort::OfScript(Script::Chakma),
            '\u{113d0}' => Sort::OfScript(Script::Tulu_Tigalari),
            '\u{1193e}' => Sort::OfScript(Script::Dives_Akuru),
            '\u{11a47}' => Sort::OfScript(Script::Zanabazar_Square),
            '\u{11a99}' => Sort::OfScript(Script::Soyombo),
            '\u{11d45}' => Sort::OfScript(Script::Masaram_Gondi),
            '\u{11d97}' => Sort::OfScript(Script::Gunjala_Gondi),
            '\u{11f42}' => Sort::OfScript(Script::Kawi),
            '\u{13430}'..='\u{13440}' | '\u{13447}'..='\u{13455}' => {
                Sort::OfScript(Script::Egyptian_Hieroglyphs)
            }
            '\u{16fe4}' => Sort::OfScript(Script::Khitan_Small_Script),
            '\u{1bca0}'..='\u{1bca3}' => Sort::OfScript(Script::Duployan),
            '\u{1d173}'..='\u{1d17a}' => Sort::Removed,
            '\u{e0020}'..='\u{e007f}' => Sort::Tag,
            '\u{e0100}'..='\u{e01ef}' => Sort::HanSelector,
            '\u{e0000}'..='\u{e0fff}' => Sort::Removed,
            _ if u32::from(c) & 0xfffe == 0xfffe => Sort::Removed,
            _ => Sort::Shown,
        }
    }
}

/// Whether nothing is seen of `c`, wherever it stands in a line that has been made safe: a blank, or
/// one that does something to its neighbours alone.
pub(super) fn shows_nothing(c: char) -> bool {
    // Braille without a dot, and a note without a head.
    c.is_whitespace() || matches!(c, '\u{2800}' | '\u{1d159}') || Sort::of(c) != Sort::Shown
}

/// What was kept of a line so far, as far as it matters for what follows.
#[derive(Debug)]
pub(super) struct Context<'a> {
    /// The whole line.
    line: &'a str,
    /// The last character.
    before: Option<char>,
    /// The last one that is no mark and shows something.
    base: Option<char>,
    /// Among tags: how many more of them make a flag.
    tags: Option<usize>,
    /// Whether the line has a letter that is written from right to left, once that was asked.
    right_to_left: Option<bool>,
}

impl<'a> Context<'a> {
    pub(super) fn beginning(line: &'a str) -> Context<'a> {
        Context { line, before: None, base: None, tags: None, right_to_left: None }
    }

    /// Called for each character that is kept, and whether it is a base for marks.
    pub(super) fn on_kept(&mut self, c: char, is_base: bool) {
        self.before = Some(c);
        if self.tags.is_some() && Sort::of(c) != Sort::Tag {
            self.tags = None;
        }
        if is_base {
            self.base = Some(c);
        }
    }

    /// Whether `c`, of that sort, does something where it stands, in front of `after`.
    pub(super) fn needs(&mut self, c: char, sort: Sort, after: &Chars<'_>) -> bool {
        let next = after.clone().next();
        match sort {
            Sort::Shown => true,
            Sort::Removed => false,
            Sort::NonJoiner => self.is_behind_joining(),
            Sort::Joiner => {
                self.is_behind_joining() || (self.is_behind_emoji() && next.is_some_and(is_emoji))
            }
            Sort::Direction => {
                let is_first = self.before.is_none_or(|before| Sort::of(before) != sort);
                is_first && self.is_right_to_left()
            }
            Sort::WordEnd => {
                self.before.is_some_and(is_without_blanks)
                    && next.is_some_and(|next| is_letter(next) && is_without_blanks(next))
            }
            Sort::Selector => self.before.is_some_and(|before| has_variants(before, c, next)),
            Sort::HanSelector => self.before.is_some_and(|before| before.script() == Script::Han),
            Sort::Mongolian => {
                let is_mongolian = |c: char| is_letter(c) && c.script() == Script::Mongolian;
                self.before.is_some_and(is_mongolian)
            }
            Sort::Tag => self.is_in_flag(c, after),
            Sort::Sign => next.is_some_and(is_right_to_left),
            Sort::OfScript(script) => self.before.is_some_and(|before| before.script() == script),
        }
    }

    /// Whether a letter stands before, perhaps with marks, of a script whose letters take another form
    /// beside others.
    fn is_behind_joining(&self) -> bool {
        let (Some(before), Some(base)) = (self.before, self.base) else { return false };
        (is_letter(before) || is_mark(before)) && is_letter(base) && !stands_alone(base.script())
    }

    fn is_behind_emoji(&self) -> bool {
        let is_selected = self.before == Some('\u{fe0f}');
        let emoji = if is_selected { self.base } else { self.before };
        emoji.is_some_and(is_emoji)
    }

    /// Whether a tag belongs to a flag: three to six letters and digits, and the tag that ends it.
    fn is_in_flag(&mut self, c: char, after: &Chars<'_>) -> bool {
        let left = self.tags.unwrap_or_else(|| match self.before {
            Some('\u{1f3f4}') => flag_length(c, after),
            _ => 0,
        });
        self.tags = Some(left.saturating_sub(1));
        left > 0
    }

    fn is_right_to_left(&mut self) -> bool {
        *self.right_to_left.get_or_insert_with(|| self.line.chars().any(is_right_to_left))
    }
}

/// How many tags make a flag, of which `after` follows the first; 0 if they make none.
fn flag_length(first: char, after: &Chars<'_>) -> usize {
    const END: char = '\u{e007f}';
    let tags = 1 + after.clone().take_while(|&c| is_flag_tag(c)).count();
    let ends = after.clone().nth(tags - 1) == Some(END);
    if ends && is_flag_tag(first) && (3..=6).contains(&tags) { tags + 1 } else { 0 }
}

/// A letter or a digit.
fn is_flag_tag(c: char) -> bool {
    matches!(c, '\u{e0030}'..='\u{e0039}' | '\u{e0061}'..='\u{e007a}')
}

fn is_letter(c: char) -> bool {
    c.general_category_group() == GeneralCategoryGroup::Letter
}

fn is_mark(c: char) -> bool {
    c.general_category_group() == GeneralCategoryGroup::Mark
}

/// Whether a joiner may make one emoji of it and another.
fn is_emoji(c: char) -> bool {
    !c.is_ascii() && c.general_category_group() == GeneralCategoryGroup::Symbol
}

/// Whether it is a letter or digit that is written from right to left, by the areas that Unicode has
/// set aside for these (DerivedBidiClass).
fn is_right_to_left(c: char) -> bool {
    let is_there = matches!(
        c,
        '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}'
            | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}'
    );
    let is_spoken = || {
        let group = c.general_category_group();
        matches!(group, GeneralCategoryGroup::Letter | GeneralCategoryGroup::Number)
    };
    is_there && is_spoken()
}

/// Whether a letter of that script looks the same beside any other, so that joiners do nothing.
fn stands_alone(script: Script) -> bool {
    use Script::{
        Armenian, Bopomofo, Canadian_Aboriginal, Cherokee, Common, Coptic, Cyrillic, Ethiopic,
        Georgian, Greek, Han, Hangul, Hebrew, Hiragana, Inherited, Katakana, Lao, Latin, Thai,
        Unknown, Yi,
    };
    matches!(
        script,
        Armenian
            | Bopomofo
            | Canadian_Aboriginal
            | Cherokee
            | Common
            | Coptic
            | Cyrillic
            | Ethiopic
            | Georgian
            | Greek
            | Han
            | Hangul
            | Hebrew
            | Hiragana
            | Inherited
            | Katakana
            | Lao
            | Latin
            | Thai
            | Unknown
            | Yi
    )
}

/// Whether it belongs to a script that has no blanks between words.
fn is_without_blanks(c: char) -> bool {
    use Script::{Ahom, Khmer, Lao, Myanmar, New_Tai_Lue, Tai_Le, Tai_Tham, Tai_Viet, Thai};
    let (Ahom | Khmer | Lao | Myanmar | New_Tai_Lue | Tai_Le | Tai_Tham | Tai_Viet | Thai) =
        c.script()
    else {
        return false;
    };
    is_letter(c) || is_mark(c)
}

/// Whether `selector` may choose a variant of `c`: of a symbol, a letter of a script that has such, or a
/// digit that becomes a key (`1`, U+FE0F, U+20E3).
fn has_variants(c: char, selector: char, next: Option<char>) -> bool {
    match c {
        '0'..='9' | '#' | '*' => selector == '\u{fe0f}' && next == Some('\u{20e3}'),
        '\u{a9}' | '\u{ae}' | '\u{1000}'..='\u{109f}' => true,
        '\u{2010}'.. => {
            let category = c.general_category();
            let is_nothing = matches!(
                category,
                GeneralCategory::Unassigned | GeneralCategory::PrivateUse | GeneralCategory::Format
            );
            !is_nothing && !is_mark(c) && !c.is_whitespace()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use unicode_security::GeneralSecurityProfile;
    use unicode_security::general_security_profile::IdentifierType;
    use unicode_width::UnicodeWidthChar;

    use super::super::{is_blank, make_safe};
    use super::*;

    fn kept(line: &str) -> String {
        make_safe(line.as_bytes()).into_owned()
    }

    /// Whether Unicode says that nothing is to be seen of it.
    fn is_ignorable(c: char) -> bool {
        let is_format = c.general_category() == GeneralCategory::Format;
        is_format || c.identifier_type() == Some(IdentifierType::Default_Ignorable)
    }

    /// All of Unicode's characters, but for those that say nothing: of private use, or unassigned and
    /// not ignorable.
    fn all() -> impl Iterator<Item = char> {
        ('\0'..=char::MAX).filter(|&c| {
            let is_nobodys = matches!(
                c.general_category(),
                GeneralCategory::Unassigned | GeneralCategory::PrivateUse
            );
            !is_nobodys || Sort::of(c) != Sort::Shown
        })
    }

    /// Number signs, which have a form of their own.
    fn is_number_sign(c: char) -> bool {
        matches!(c, '\u{600}'..='\u{604}' | '\u{6dd}' | '\u{110bd}' | '\u{110cd}')
    }

    #[test]
    fn of_all_characters_those_that_show_nothing_stay_neither_alone_nor_among_ascii() {
        for c in all() {
            let (alone, among) = (kept(&c.to_string()), kept(&format!("a{c}b")));
            let is_nothing = (is_ignorable(c) && !is_number_sign(c)) || c == '\u{16fe4}';
            if is_nothing || (c.is_control() && c != '\t') {
                let is_key = c == '\u{1b}' || matches!(c, '\u{90}'..='\u{9f}');
                assert!(alone.is_empty() && (among == "ab" || is_key), "{c:?}: {among:?}");
            } else if Sort::of(c) == Sort::Shown && !matches!(c, '\u{2028}' | '\u{2029}') {
                assert_eq!(alone, c.to_string());
                assert_eq!(among, format!("a{c}b"));
                assert_eq!(is_blank(&alone), shows_nothing(c));
            } else {
                assert_eq!((alone.as_str(), among.as_str()), ("", "ab"), "{c:?}");
            }
            // What has no width, and is no mark on another, is none that shows nothing.
            let group = c.general_category_group();
            let draws = matches!(group, GeneralCategoryGroup::Mark | GeneralCategoryGroup::Letter)
                || c == '\u{a8fa}';
            assert!(c.width() != Some(0) || draws || alone.is_empty(), "{c:?}");
        }
    }

    #[test]
    fn of_all_characters_each_stays_as_it_is_between_two_of_its_script_or_never() {
        // Of letters and what else is always shown, some of each area are enough.
        let is_one_of_many =
            |c: char| is_letter(c) && Sort::of(c) == Sort::Shown && u32::from(c) % 64 != 5;
        for c in all().filter(|&c| !is_one_of_many(c)) {
            for (before, after) in [
                ("a", "b"),
                ("\u{645}", "\u{647}"),
                ("\u{915}\u{94d}", "\u{937}"),
                ("\u{1780}", "\u{1781}"),
                ("\u{1820}", "\u{1821}"),
                ("\u{1f469}", "\u{1f467}"),
                ("\u{845b}", "\u{57ce}"),
                ("\u{1f3f4}\u{e0067}\u{e0062}", "\u{e0065}\u{e007f}"),
            ] {
                let once = kept(&format!("{before}{c}{after}"));
                assert_eq!(kept(&once), once, "{c:?} between {before:?} and {after:?}");
                assert!(once.starts_with(before) || before.starts_with('\u{1f3f4}'), "{once:?}");
                assert!(!once.contains(c) || Sort::of(c) != Sort::Removed, "{c:?}");
            }
        }
    }

    #[test]
    fn what_scripts_and_emoji_need_stays() {
        for line in [
            // Persian, with a joiner's opposite; a Hijri year; a direction mark after a foreign word.
            "\u{645}\u{6cc}\u{200c}\u{62e}\u{648}\u{627}\u{647}\u{645}",
            "1445 \u{647}\u{200d}",
            "C++\u{200f} \u{628}\u{627}\u{644}\u{639}\u{631}\u{628}\u{64a}\u{629}",
            "\u{5e9}\u{5dc}\u{5d5}\u{5dd}\u{200e} (hi)",
            "\u{600}\u{661}\u{662}\u{6dd}\u{605}\u{661}\u{8e2}\u{661}",
            // Hindi, Bengali, old and new Malayalam, Sinhala, Khmer, Burmese, Mongolian, Thai.
            "\u{915}\u{94d}\u{200d}\u{937} \u{915}\u{94d}\u{200c}\u{937}",
            "\u{9b0}\u{200d}\u{9cd}\u{9af}",
            "\u{d28}\u{d4d}\u{200d} \u{d7b}",
            "\u{dc1}\u{dca}\u{200d}\u{dbb}\u{dd3}",
            "\u{1780}\u{17d2}\u{1798}\u{17c1}\u{200b}\u{1798}",
            "\u{1019}\u{1004}\u{103a}\u{1039}\u{1002}\u{101c}\u{102c}",
            "\u{182c}\u{180b}\u{1820}\u{180e}\u{1820}",
            "\u{e20}\u{e32}\u{200b}\u{e44}\u{e17}",
            // Families, hearts, keys, flags, skins, text forms.
            "\u{1f469}\u{200d}\u{1f469}\u{200d}\u{1f467}",
            "\u{2764}\u{fe0f}\u{200d}\u{1f525} \u{1f3f3}\u{fe0f}\u{200d}\u{1f308}",
            "\u{1f9d1}\u{1f3fd}\u{200d}\u{2695}\u{fe0f} \u{1f642}\u{200d}\u{2194}\u{fe0f}",
            "1\u{fe0f}\u{20e3} #\u{fe0f}\u{20e3} \u{2122}\u{fe0f} \u{2139}\u{fe0f} \u{203c}\u{fe0f}",
            "\u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f} \u{1f1e9}\u{1f1ea}",
            "\u{231a}\u{fe0e}",
            // A name in its own form, and others that have such.
            "\u{845b}\u{e0100}\u{57ce} \u{8fbb}\u{fe00} \u{3001}\u{fe00}",
            "\u{13000}\u{13430}\u{13001}",
            "\u{18b00}\u{16fe4}\u{18b01}",
        ] {
            assert_eq!(kept(line), line, "{line:?}");
            assert!(!is_blank(line));
        }
    }

    #[test]
    fn what_does_nothing_where_it_stands_goes() {
        for (line, expected) in [
            ("Do\u{ad}nau", "Donau"),
            ("a\u{200c}l\u{200d}i\u{2060}c\u{feff}e", "alice"),
            ("al\u{200b}ice", "alice"),
            ("a\u{fe0f}b 1\u{fe0f}2", "ab 12"),
            ("\u{200f}hi\u{200e} \u{61c}", "hi "),
            ("\u{200f}\u{200f}\u{200e}\u{645}", "\u{200f}\u{645}"),
            ("\u{645}\u{200c}\u{200c}\u{200d}\u{647}", "\u{645}\u{200c}\u{647}"),
            ("\u{1f469}\u{200d}\u{200d}\u{1f467}", "\u{1f469}\u{200d}\u{1f467}"),
            ("\u{1f469}\u{200d} x", "\u{1f469} x"),
            ("\u{1f469}\u{fe0f}\u{fe0f}\u{fe0e}", "\u{1f469}\u{fe0f}"),
            ("\u{845b}\u{e0100}\u{e0101}", "\u{845b}\u{e0100}"),
            // A hidden message, behind a flag or not.
            ("x\u{e0068}\u{e0069}", "x"),
            ("\u{1f3f4}\u{e0068}\u{e0069}", "\u{1f3f4}"),
            ("\u{1f3f4}\u{e0068}\u{e007f}", "\u{1f3f4}"),
            (
                "\u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e007f}\u{e0067}",
                "\u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e007f}",
            ),
            (
                "\u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e0067}\u{e0067}\u{e007f}",
                "\u{1f3f4}",
            ),
            ("\u{1f3f4}\u{e0020}\u{e0062}\u{e0065}\u{e007f}", "\u{1f3f4}"),
            ("a\u{1039}b \u{17d2}\u{2d7f}", "ab "),
        ] {
            assert_eq!(kept(line), expected, "{line:?}");
        }
    }

    #[test]
    fn a_line_of_which_nothing_is_seen_is_blank() {
        for line in
            ["", " \t", "\u{a0}\u{3000}\u{2003}", "\u{2800}", "\u{3164}", "\u{200b}\u{feff}"]
        {
            assert!(is_blank(&kept(line)), "{line:?}");
        }
        for line in ["a", "\u{2801}", ".", "\u{301}", "\u{fffd}"] {
            assert!(!is_blank(&kept(line)), "{line:?}");
        }
    }
}
