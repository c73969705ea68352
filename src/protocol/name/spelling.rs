//! Which characters a name may have, and where. Pure.
//!
//! Whatever is in a name must be seen, and must not look like something plainer: a mark stands on a letter
//! of its own script, where fonts draw it, and is not there twice; letters that show nothing, and small
//! or styled copies of other letters, are in no name. Scripts are those of Unicode's property
//! Script_Extensions.

use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};
use unicode_script::{Script, ScriptExtension};
use unicode_security::GeneralSecurityProfile;
use unicode_width::UnicodeWidthChar;

use super::BadName;

/// Checks the characters of a name, which is in Unicode's normalization form C.
pub(super) fn check(name: &str) -> Result<(), BadName> {
    let mut letter = None;
    let mut before = None;
    let mut rest = name.chars();
    while let Some(c) = rest.next() {
        let after = rest.clone().next().filter(|&c| is_base(c));
        let shares = |other: Option<char>| other.is_some_and(|other| share_script(c, other));
        let fits = match Sort::of(c)? {
            Sort::Sign => {
                letter = None;
                true
            }
            Sort::Letter => {
                letter = Some(c);
                true
            }
            Sort::Jamo(part) => {
                letter = Some(c);
                before.is_some_and(|before| part.joins(before))
            }
            Sort::Mark => shares(letter),
            Sort::Modifier => shares(letter.or(after)),
            Sort::Prefix => shares(after),
            Sort::Stacker => shares(letter) && shares(after),
        };
        if !fits {
            return Err(BadName::Misplaced(c));
        }
        before = Some(c);
    }
    if has_twins(name) { Err(BadName::Marks) } else { Ok(()) }
}

/// What a character is within a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    /// A digit, or one of `_`, `-` and `.`.
    Sign,
    Letter,
    /// A vowel or final consonant of a Korean syllable that is written in parts.
    Jamo(Jamo),
    /// It is drawn onto the letter before it.
    Mark,
    /// A letter without a sound of its own, such as the long vowels' ー, that goes with its neighbour.
    Modifier,
    /// A letter that is drawn onto the one behind it.
    Prefix,
    /// A mark that shows nothing: the letter behind it is drawn below the one before it.
    Stacker,
}

impl Sort {
    /// # Errors
    ///
    /// It has no place in a name.
    fn of(c: char) -> Result<Sort, BadName> {
        use GeneralCategory as Is;
        if matches!(c, '_' | '-' | '.') {
            return Ok(Sort::Sign);
        }
        let sort = match c.general_category() {
            Is::DecimalNumber => Sort::Sign,
            Is::ModifierLetter => Sort::Modifier,
            Is::OtherLetter if c.width() == Some(0) => Jamo::of(c).map_or(Sort::Prefix, Sort::Jamo),
            Is::UppercaseLetter | Is::LowercaseLetter | Is::TitlecaseLetter | Is::OtherLetter => {
                Sort::Letter
            }
            Is::NonspacingMark if is_stacker(c) => Sort::Stacker,
            Is::NonspacingMark | Is::SpacingMark => Sort::Mark,
            _ => return Err(BadName::Character(c)),
        };
        if shows_nothing(c) {
            return Err(BadName::Character(c));
        }
        if is_styled(c) {
            return Err(BadName::Styled(c));
        }
        if sort == Sort::Modifier && is_small_copy(c) {
            return Err(BadName::Character(c));
        }
        Ok(sort)
    }
}

/// Whether a mark can stand on `c`.
fn is_base(c: char) -> bool {
    matches!(Sort::of(c), Ok(Sort::Letter | Sort::Jamo(_)))
}

/// Whether `c` is a letter or mark of which nothing is seen.
fn shows_nothing(c: char) -> bool {
    match c {
        // Those of Unicode's Default_Ignorable.
        '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' => true,
        '\u{180b}'..='\u{180f}'
        | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{ffa0}'
        | '\u{e0100}'..='\u{e01ef}' => true,
        // What only stretches a word.
        '\u{640}' | '\u{7fa}' | '\u{883}'..='\u{885}' => true,
        // Tifinagh's joiner, Brahmi's, Khitan's filler; Egypt's blanks, mirrors and damages; Duployan's
        // selector.
        '\u{2d7f}'
        | '\u{1107f}'
        | '\u{16fe4}'
        | '\u{13440}'..='\u{13442}'
        | '\u{13447}'..='\u{13455}'
        | '\u{1bc9d}' => true,
        _ => false,
    }
}

/// Whether `c` is one of Unicode's Invisible_Stackers (Indic_Syllabic_Category).
fn is_stacker(c: char) -> bool {
    matches!(
        c,
        '\u{1039}'
            | '\u{17d2}'
            | '\u{1a60}'
            | '\u{1bab}'
            | '\u{aaf6}'
            | '\u{10a3f}'
            | '\u{11133}'
            | '\u{113d0}'
            | '\u{1193e}'
            | '\u{11a47}'
            | '\u{11a99}'
            | '\u{11d45}'
            | '\u{11d97}'
            | '\u{11f42}'
    )
}

/// Whether the modifier letter `c` is a small copy of a letter or a sign: those of scripts in whose words
/// they do not stand.
fn is_small_copy(c: char) -> bool {
    const NOT_IN_WORDS: [Script; 6] = [
        Script::Arabic,
        Script::Armenian,
        Script::Cyrillic,
        Script::Georgian,
        Script::Greek,
        Script::Latin,
    ];
    let is_of_one = |scripts: ScriptExtension| {
        NOT_IN_WORDS.iter().any(|&script| scripts.contains_script(script))
    };
    !is_for_all_alphabets(c) && scripts(c).is_none_or(is_of_one)
}

/// Whether `c` is another form of something plainer, by Unicode's normalization form KC: superscript, bold,
/// wide, a ligature.
fn is_styled(c: char) -> bool {
    !c.is_ascii() && !is_usual(c) && !c.nfkc().eq([c])
}

/// Whether a language is written with `c`, although it is another form of something plainer: Armenian's ev;
/// am in Thai and Lao, and Lao's ha with a small no or mo; Berber's labialization; Korean letters by
/// themselves.
fn is_usual(c: char) -> bool {
    matches!(c, '\u{587}' | '\u{e33}' | '\u{eb3}' | '\u{edc}' | '\u{edd}' | '\u{2d6f}')
        || matches!(c, '\u{3131}'..='\u{318e}')
}

/// Whether the two belong to one script.
fn share_script(attached: char, letter: char) -> bool {
    const ALPHABETS: [Script; 3] = [Script::Cyrillic, Script::Greek, Script::Latin];
    // Few fonts draw the other marks that Latin shares onto it, such as Vedic accents.
    let is_mark = attached.general_category() == GeneralCategory::NonspacingMark;
    let is_latins = matches!(attached, '\u{300}'..='\u{362}');
    match (scripts(attached), scripts(letter)) {
        (_, Some(letter)) if letter.contains_script(Script::Latin) && is_mark && !is_latins => {
            false
        }
        (Some(attached), Some(letter)) => !attached.intersection(letter).is_empty(),
        (None, Some(letter)) => {
            is_for_all_alphabets(attached)
                && ALPHABETS.iter().any(|&script| letter.contains_script(script))
        }
        (_, None) => false,
    }
}

/// The scripts that `c` is used in; `None` if it belongs to none of its own.
fn scripts(c: char) -> Option<ScriptExtension> {
    Some(ScriptExtension::from(c)).filter(|scripts| !scripts.is_common() && !scripts.is_inherited())
}

/// Whether the mark or modifier letter `c`, which Unicode gives to all scripts or to several, is one with
/// which languages are written: a cedilla, the apostrophes of Hawaiian and Uzbek; Unicode Technical
/// Standard 39 knows all but those of Skolt Sami and Nenets, and the line below of Yoruba.
fn is_for_all_alphabets(c: char) -> bool {
    c.identifier_allowed() || matches!(c, '\u{2b9}' | '\u{2ee}' | '\u{329}')
}

/// Whether a letter has the same nonspacing mark twice, which would be drawn over itself.
fn has_twins(name: &str) -> bool {
    let mut marks: Vec<char> = Vec::new();
    for c in name.nfd() {
        match c.general_category() {
            GeneralCategory::NonspacingMark if marks.contains(&c) => return true,
            GeneralCategory::NonspacingMark => marks.push(c),
            GeneralCategory::SpacingMark => {}
            _ => marks.clear(),
        }
    }
    false
}

/// A part of a Korean syllable that goes behind another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Jamo {
    Vowel,
    Final,
}

impl Jamo {
    fn of(c: char) -> Option<Jamo> {
        match c {
            '\u{1161}'..='\u{11a7}' | '\u{d7b0}'..='\u{d7c6}' => Some(Jamo::Vowel),
            '\u{11a8}'..='\u{11ff}' | '\u{d7cb}'..='\u{d7fb}' => Some(Jamo::Final),
            _ => None,
        }
    }

    /// Whether it makes one syllable with `before` (Unicode, section 3.12).
    fn joins(self, before: char) -> bool {
        let is_initial = matches!(before, '\u{1100}'..='\u{115e}' | '\u{a960}'..='\u{a97c}');
        let is_syllable = matches!(before, '\u{ac00}'..='\u{d7a3}');
        let has_final = is_syllable && !(before as u32 - 0xac00).is_multiple_of(28);
        match (self, Jamo::of(before)) {
            (Jamo::Vowel, Some(Jamo::Vowel)) => true,
            (Jamo::Vowel, _) => is_initial || (is_syllable && !has_final),
            (Jamo::Final, Some(_)) => true,
            (Jamo::Final, None) => is_syllable,
        }
    }
}

#[cfg(test)]
mod tests;
