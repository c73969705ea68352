//! Which names may be, and that whatever stands in one is seen.

use std::ops::RangeInclusive;

use unicode_properties::GeneralCategoryGroup as Group;

use super::*;
use crate::protocol::name::Name;

/// The marks that stand on Latin letters.
const ON_LATIN: [RangeInclusive<char>; 11] = [
    '\u{300}'..='\u{30e}',
    '\u{310}'..='\u{311}',
    '\u{313}'..='\u{313}',
    '\u{31b}'..='\u{31b}',
    '\u{323}'..='\u{329}',
    '\u{32d}'..='\u{32e}',
    '\u{330}'..='\u{331}',
    // Other forms of some of these.
    '\u{340}'..='\u{341}',
    '\u{343}'..='\u{344}',
    '\u{358}'..='\u{358}',
    '\u{35e}'..='\u{35e}',
];

/// Letters of which nothing is seen, or that only stretch a word.
const BLANKS: &str = "\u{115f}\u{1160}\u{3164}\u{ffa0}\u{13441}\u{13442}\u{883}\u{884}\u{885}";

fn parsed(name: &str) -> Result<(), BadName> {
    check(&name.nfc().collect::<String>())
}

/// All of Unicode, at the beginning, in the middle and at the end of a name.
#[test]
fn whatever_is_put_into_a_name_is_seen_in_it() {
    for c in '\0'..=char::MAX {
        // Most of Unicode is not in use, or Chinese and Korean.
        if c.general_category_group() == Group::Other {
            assert_eq!(Sort::of(c), Err(BadName::Character(c)));
            continue;
        } else if matches!(c, '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' | '\u{20000}'..) {
            let is_letter = c.general_category() == GeneralCategory::OtherLetter;
            assert_eq!(Sort::of(c.nfc().next().unwrap_or(c)).is_ok(), is_letter, "{c:?}");
            continue;
        }
        let names = [format!("{c}alice"), format!("al{c}ice"), format!("alice{c}")];
        let fits = names.map(|name| parsed(&name).is_ok());
        let is_in_two_forms = !c.nfkc().eq(c.nfc());
        let may_fit = match c.general_category_group() {
            _ if matches!(c, '_' | '-' | '.') => [true; 3],
            Group::Mark => {
                let on_latin = ON_LATIN.iter().any(|marks| marks.contains(&c));
                // There is an e with a double grave, but no such l.
                [false, on_latin, on_latin || c == '\u{30f}']
            }
            Group::Letter if c.general_category() == GeneralCategory::ModifierLetter => {
                [matches!(c, 'ʹ' | 'ʻ' | 'ʼ' | 'ˮ' | '\u{374}'); 3]
            }
            Group::Letter => {
                let is_seen = !BLANKS.contains(c) && c.width() != Some(0);
                [is_seen && (!is_in_two_forms || is_usual(c)); 3]
            }
            Group::Number => {
                let is_digit = c.general_category() == GeneralCategory::DecimalNumber;
                [is_digit && !is_in_two_forms; 3]
            }
            _ => [false; 3],
        };
        assert_eq!(fits, may_fit, "{c:?} U+{:04X}", c as u32);
    }
}

#[test]
fn the_names_of_the_world_are_names() {
    let names = [
        // Latin, as it is written here and there.
        "Zoë",
        "Łukasz",
        "Nguyễn",
        "Nguye\u{302}\u{303}n",
        "Đặng",
        "Þóra",
        "Jānis",
        "Şükrü",
        "İpek",
        "Muñoz",
        "Ọlá",
        "O\u{329}lá",
        "Kaʻiulani",
        "ʻIolani",
        "Oʻktam",
        "Kue\u{2b9}ss",
        "Ko\u{358}",
        "Ha\u{30d}k",
        "K\u{313}wa",
        "M\u{327}ajel",
        "straße",
        "STRAẞE",
        "Æsa",
        "ŋʉ",
        // Greek, Cyrillic, Armenian, Georgian.
        "Ἀλέξανδρος",
        "Μαΐα",
        "Ёлка",
        "Їжак",
        "Ґалаґан",
        "Әлия",
        "Мі\u{301}ла",
        "В\u{301}яч",
        "Սևակ",
        "ნინო",
        "ᲜᲘᲜᲝ",
        // Hebrew and Yiddish with points, Arabic with harakat, Persian, Urdu; Syriac, Thaana, N'Ko, Adlam.
        "שָׂרָה",
        "פֿײגל",
        "מֹשֶׁה",
        "مُحَمَّد",
        "نور",
        "آمنة",
        "علی",
        "کریم",
        "ܡܪܝܡ",
        "އަޙްމަދު",
        "ߡߊߘߌ߫",
        "𞤀𞤣𞤢𞤥𞤢",
        // India and Ceylon.
        "श्रीकृष्ण",
        "बीना",
        "विक्रम्",
        "রবীন্দ্রনাথ",
        "ਗੁਰਪ੍ਰੀਤ",
        "ગાંધી",
        "ଓଡ଼ିଆ",
        "தமிழ்ச்செல்வி",
        "శ్రీనివాస్",
        "ಕುವೆಂಪು",
        "ശ്രീധരൻ",
        "සිරිමාවෝ",
        "ᱥᱟᱱᱛᱟᱲᱤ",
        "ꯃꯅꯤꯄꯨꯔ",
        // Thai and Lao, Khmer, Burmese, Tai Tham, Tibetan, Javanese.
        "น้ำฝน",
        "สมชาย",
        "ຄຳ",
        "ໜູ",
        "សុខា",
        "ស្រីពៅ",
        "ច័ន្ទដារ៉ា",
        "សុខៗ",
        "သန္တာ",
        "မြန်မာ",
        "အင်္ဂလန်",
        "ᩈᩣ᩠ᨾ",
        "བསྟན",
        "རྡོརྗེ",
        "ꦱꦿꦶ",
        // Ethiopia, America, Berbers, Mongolia.
        "ሰላም",
        "ᏣᎳᎩ",
        "ᐃᓄᒃ",
        "ⴰⵎⵣⵉⵖ",
        "ⴰⵎⴷⴷⴰⴽⵯⵍ",
        "ᠪᠠᠲᠤ",
        // China, Japan, Korea.
        "李雷",
        "𠮷野",
        "ㄇㄚ",
        "さくら",
        "か\u{3099}い",
        "ローラ",
        "佐々木",
        "いすゞ",
        "ㇷ\u{309a}",
        "김철수",
        "ㅋㅋㅋ",
        "\u{1112}\u{1161}\u{11ab}",
        "\u{1112}\u{119e}\u{11ab}",
        // Digits, and several scripts in one name.
        "٣٤",
        "๑๒",
        "guest९",
        "DJ_Вася",
        "Kim철수",
        "李Bob",
    ];
    for name in names {
        assert_eq!(parsed(name), Ok(()), "{name} {}", name.escape_unicode());
        assert!(Name::parse(name).is_ok(), "{name}");
    }
}

#[test]
fn what_belongs_to_others_or_shows_nothing_is_told() {
    use BadName::{Character, Marks, Misplaced, Styled};
    let cases = [
        // Marks of other scripts, of none, and where no letter is.
        ("alice\u{2d7f}", Character('\u{2d7f}')),
        ("alice\u{1039}", Misplaced('\u{1039}')),
        ("alice\u{17d2}", Misplaced('\u{17d2}')),
        ("alice\u{16fe4}", Character('\u{16fe4}')),
        ("alice\u{1d165}", Misplaced('\u{1d165}')),
        ("alice\u{94d}", Misplaced('\u{94d}')),
        ("बीना\u{301}", Misplaced('\u{301}')),
        ("alice_\u{301}", Misplaced('\u{301}')),
        ("a\u{951}", Misplaced('\u{951}')),
        ("alice\u{20dd}", Character('\u{20dd}')),
        // Stackers with nothing to stack.
        ("សុខា\u{17d2}", Misplaced('\u{17d2}')),
        ("ស\u{17d2}a", Misplaced('\u{17d2}')),
        ("သန\u{1039}", Misplaced('\u{1039}')),
        ("ន\u{17d2}\u{17d2}ទ", Misplaced('\u{17d2}')),
        // Letters that show nothing, or belong to others.
        ("alice\u{13441}", Character('\u{13441}')),
        ("ن\u{640}ور", Character('\u{640}')),
        ("alice\u{1161}", Misplaced('\u{1161}')),
        ("\u{1112}\u{11ab}", Misplaced('\u{11ab}')),
        ("각\u{1161}", Misplaced('\u{1161}')),
        ("alice\u{30fc}", Misplaced('\u{30fc}')),
        ("alice\u{d4e}", Misplaced('\u{d4e}')),
        // Small and styled ones.
        ("ᵃˡⁱᶜᵉ", Styled('ᵃ')),
        ("ａｌｉｃｅ", Styled('ａ')),
        ("𝓪lice", Styled('𝓪')),
        ("ﬁona", Styled('ﬁ')),
        ("bob２", Styled('２')),
        ("ｱｲ", Styled('ｱ')),
        ("aliceˌ", Character('ˌ')),
        // Marks over themselves.
        ("alicé\u{301}", Marks),
        ("a\u{301}\u{323}\u{301}", Marks),
    ];
    for (name, why) in cases {
        assert_eq!(parsed(name), Err(why), "{}", name.escape_unicode());
    }
}
