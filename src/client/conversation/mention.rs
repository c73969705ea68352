//! Whether somebody's text has our name in it, as a word of its own. Pure.
//!
//! A name may have `-` and `.` in it and at its end, where prose has them too: `alice.` and
//! `alice--` speak of alice, `alice.example` and `alice-2` do not. Chinese, Japanese, Thai and
//! others put no blanks between words, and Korean puts endings to names, so there a name needs
//! nothing around it. Nobody is meant by a part of a URL, a path, an e-mail address or an option. A name of
//! one letter is a word or a variable to most, so it counts only where somebody is spoken to: `t:`, `@t`.

use memchr::memchr2_iter;
use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

use crate::protocol::text::fold;

/// A name that is looked for.
#[derive(Debug)]
pub(super) struct Mention {
    /// Without case and accents.
    name: String,
    /// What its first and last characters are to their neighbours.
    edges: [Edge; 2],
}

/// What a character at the edge of a name is to its neighbour outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edge {
    /// A letter there would make it another word, except of a script whose words stand side by side.
    Closed,
    /// It is of such a script itself, so any letter may be there.
    Open,
    /// It is the whole name, and so part of many words: no letter of any script may be there.
    Alone,
}

impl Mention {
    pub(super) fn of(name: &str) -> Mention {
        let name = plain(name);
        let edges = match (name.chars().next(), name.chars().next_back(), name.chars().count()) {
            (Some(first), Some(last), 2..) => [edge(first), edge(last)],
            _ => [Edge::Alone; 2],
        };
        Mention { name, edges }
    }

    /// Whether `text` has the name in it, in any case.
    pub(super) fn is_in(&self, text: &str) -> bool {
        if !text.is_ascii() {
            let text = plain(text);
            let mut found = text.match_indices(&self.name).map(|(at, _)| at);
            return found.any(|at| self.is_apart(&text, at));
        }
        let (text_bytes, name) = (text.as_bytes(), self.name.as_bytes());
        let Some(first) = name.first() else { return false };
        memchr2_iter(*first, first.to_ascii_uppercase(), text_bytes).any(|at| {
            let there = text_bytes.get(at..at + name.len());
            there.is_some_and(|there| there.eq_ignore_ascii_case(name)) && self.is_apart(text, at)
        })
    }

    /// Whether the name, which stands in `text` at that byte, is no part of a longer word, nor of
    /// something that is no word.
    fn is_apart(&self, text: &str, at: usize) -> bool {
        let (before, after) = (&text[..at], &text[at + self.name.len()..]);
        let [first, last] = self.edges;
        let is_word = !joins(before.chars().rev(), first, |c| matches!(c, '-' | '.' | '\'' | '’'))
            && !joins(after.chars(), last, |c| matches!(c, '-' | '.'));
        let before = before.rsplit(char::is_whitespace).next().unwrap_or_default();
        let after = after.split(char::is_whitespace).next().unwrap_or_default();
        let is_meant = first != Edge::Alone || before == "@" || after.starts_with(':');
        is_word && is_meant && !is_of_address(before, after)
    }
}

/// Text without its case, and without the accents that many leave out of a name.
fn plain(text: &str) -> String {
    if text.is_ascii() {
        return fold(text);
    }
    let is_accent = |c: &char| ('\u{300}'..='\u{36f}').contains(c);
    fold(&text.nfd().filter(|c| !is_accent(c)).collect::<String>())
}

/// Whether what stands between these belongs to a URL, a path, an e-mail address or an option. Both
/// reach as far as the next blank.
fn is_of_address(before: &str, after: &str) -> bool {
    let is_of_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let is_url = before.contains("://");
    let is_path = before.ends_with(['/', '\\'])
        && (before.starts_with(['/', '~', '.', '\\']) || before.matches(['/', '\\']).count() > 1);
    let is_mail = after.strip_prefix('@').is_some_and(|host| is_of_word(host.chars().next()))
        || before.strip_suffix('@').is_some_and(|name| is_of_word(name.chars().next_back()));
    let is_option = before.starts_with("--") && before.chars().all(|c| c == '-');
    is_url || is_path || is_mail || is_option
}

/// Whether the characters next to a name, nearest first, belong to the same word. `links` says
/// which do so if a letter comes right behind them.
fn joins(mut next: impl Iterator<Item = char>, edge: Edge, links: fn(char) -> bool) -> bool {
    let is_of_word = |c: char| {
        let may_stand_there = match edge {
            Edge::Alone => false,
            Edge::Open => true,
            Edge::Closed => self::edge(c) == Edge::Open,
        };
        is_letter(c) && !may_stand_there
    };
    match next.next() {
        Some(c) if links(c) => next.next().is_some_and(is_of_word),
        Some(c) => is_of_word(c),
        None => false,
    }
}

/// Whether `c` can be within a name wherever it stands.
fn is_letter(c: char) -> bool {
    c == '_'
        || matches!(
            c.general_category_group(),
            GeneralCategoryGroup::Letter | GeneralCategoryGroup::Mark
        )
        || c.general_category() == GeneralCategory::DecimalNumber
}

fn edge(c: char) -> Edge {
    match c {
        // Thai and Lao, Burmese, Khmer.
        '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' => Edge::Open,
        // Hangul.
        '\u{1100}'..='\u{11ff}' | '\u{3130}'..='\u{318f}' | '\u{ac00}'..='\u{d7ff}' => Edge::Open,
        // Kana and Bopomofo.
        '\u{3040}'..='\u{312f}' | '\u{31a0}'..='\u{31ff}' | '\u{ff66}'..='\u{ff9f}' => Edge::Open,
        // Han.
        '\u{3005}' | '\u{3007}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' => Edge::Open,
        '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3fffd}' => Edge::Open,
        _ => Edge::Closed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_mentioned_as_a_word_of_its_own() {
        let mentions: &[(&str, &[&str])] = &[
            (
                "alice",
                &[
                    "alice",
                    "alice: hi",
                    "hi @alice",
                    "hi ALICE!",
                    "is that alice's?",
                    "ask alice.",
                    "ask alice...",
                    "well, alice--you know",
                    "(alice)",
                    "'alice'",
                    "a-alice alice",
                    "malice and alice",
                    "\u{201c}Alice\u{201d}",
                    "-alice-",
                    "…alice…",
                    "你好alice你好",
                    "日本 ALICE",
                    "_ alice/bob",
                ],
            ),
            ("bob.", &["bob. hi", "is it bob.?", "BOB..", "(bob.)"]),
            ("x-", &["x- hi", "x-, hi", "x-"]),
            ("a.b", &["so a.b said", "A.B."]),
            ("Zo\u{eb}", &["zo\u{eb}!", "ZO\u{cb}", "Zoe\u{308}: hi", "hi zoe", "Zoé?"]),
            ("\u{130}lker", &["ilker: hi", "\u{130}LKER", "I\u{307}lker"]),
            ("σας", &["ΣΑΣ"]),
            ("李雷", &["李雷你好", "你好李雷", "@李雷 x", "问李雷吧"]),
            ("李", &["李:你好", "@李 你好"]),
            ("민수", &["민수야", "민수는 어디"]),
            ("สมชาย", &["คุณสมชายครับ"]),
            ("t", &["t: hi", "hi @t", "@t, hi", "(t: hi)"]),
            ("straße", &["STRASSE", "strasse!"]),
        ];
        for (name, texts) in mentions {
            for text in *texts {
                assert!(Mention::of(name).is_in(text), "{name} in {text}");
            }
        }
    }

    #[test]
    fn a_name_within_a_longer_word_is_no_mention() {
        let others: &[(&str, &[&str])] = &[
            (
                "alice",
                &[
                    "",
                    "alic",
                    "malice",
                    "alice2",
                    "alice_",
                    "alice-2",
                    "mary-alice",
                    "alice.example.org",
                    "bob@www.alice.org",
                    "\u{e9}alice",
                    "https://example.org/alice",
                    "see http://alice/ and ssh://alice@host",
                    "/home/alice/x and ~/alice, ./alice",
                    "C:\\Users\\alice",
                    "alice@example.org",
                    "bob@alice",
                    "--alice=1 --alice",
                    "bob",
                ],
            ),
            ("bob.", &["bob", "bob.x", "bob: hi"]),
            ("x-", &["x-ray", "x", "ax-"]),
            ("t", &["don't", "don’t", "it", "t-shirt", "ask t", "t", "for t in x", "x@t"]),
            ("李", &["李雷", "你李", "李,你好", "李"]),
            ("李雷", &["李 雷", "雷"]),
            ("Zo\u{eb}", &["Zo", "Zo\u{eb}lle", "zoelle"]),
        ];
        for (name, texts) in others {
            for text in *texts {
                assert!(!Mention::of(name).is_in(text), "{name} in {text}");
            }
        }
    }
}
