//! Words: what `/search` compares. Pure.
//!
//! A word is a run of letters and digits of a line without its case ([`fold`](super::text::fold)), without
//! the marks on Latin, Greek, Cyrillic, Hebrew and Arabic letters; elsewhere marks belong to the word. A run
//! of a script that is written without blanks is a word of another kind: what is looked for may stand
//! anywhere in it. An emoji is a word of its own, with all that was joined into it.
//!
//! The words of a line come from one pass over it, without a copy: a `Splitter` gives each character of
//! the words to its `Output`, and one separator or more between any two of them.

use super::folding::{Characters, Folder, Sink, Utf8};
use classes::{CLASSES, Class};

pub(crate) mod alphabet;
mod classes;

/// How many different words a search has at most, those in phrases included, and how many different
/// words and phrases.
pub const MAX_WORDS: usize = 8;

/// Takes the words of a line.
pub(crate) trait Output {
    /// What it takes for a character that is not ASCII, or stands beside such a one.
    type Symbol: Copy;

    /// The class of a character, as its place in [`Class::ALL`], and what is taken for it.
    fn look_up(&self, character: Utf8) -> (usize, Self::Symbol);

    /// The next character of a word.
    fn push(&mut self, symbol: Self::Symbol);

    /// The next character of the line, in ASCII: one of a word, perhaps a capital, or a separator.
    fn push_ascii(&mut self, byte: u8);

    /// What comes next begins another word.
    fn separate(&mut self);

    /// Whether the rest of the line makes no difference.
    fn is_done(&self) -> bool;
}

/// Gives the words of one line to `output`, and gives that back. It is not borrowed, so that the compiler
/// may keep it in registers.
#[inline(always)]
pub(crate) fn split<O: Output>(folder: &mut Folder, line: &str, output: O) -> O {
    let mut splitter = Splitter { output, before: Before::Separator };
    folder.fold(line, &mut splitter);
    splitter.output
}

/// The way of one line into words.
struct Splitter<O> {
    /// What takes the words.
    output: O,
    /// What stands before the next character.
    before: Before,
}

/// What stands before a character, as far as it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    /// A separator, or ASCII: what comes next needs no other separator, unless it is no letter.
    Separator,
    /// A letter whose marks are dropped.
    Bare,
    /// A letter or digit whose marks belong to the word.
    Marked,
    /// One of a script that is written without blanks.
    Unspaced,
    /// An emoji.
    Emoji,
    /// An emoji that goes on with the next one.
    Joined,
    /// Half a flag.
    Regional,
}

impl Before {
    const ALL: [Before; 7] = [
        Before::Separator,
        Before::Bare,
        Before::Marked,
        Before::Unspaced,
        Before::Emoji,
        Before::Joined,
        Before::Regional,
    ];

    /// Whether a letter of a script with blanks begins another word behind it.
    #[inline(always)]
    const fn ends_before_letters(self) -> bool {
        self as u8 >= Before::Unspaced as u8
    }

    /// What a character of that class does here.
    const fn on(self, class: Class) -> Transition {
        const fn letter(goes_on: bool, then: Before) -> Transition {
            Transition { separates: !goes_on, adds: true, then }
        }
        let ignored = Transition { separates: false, adds: false, then: self };
        match class {
            Class::Bare => letter(!self.ends_before_letters(), Before::Bare),
            Class::Marked => letter(!self.ends_before_letters(), Before::Marked),
            Class::Unspaced => letter(matches!(self, Before::Unspaced), Before::Unspaced),
            Class::Separator => {
                Transition { separates: true, adds: false, then: Before::Separator }
            }
            Class::Mark if matches!(self, Before::Marked | Before::Unspaced) => letter(true, self),
            Class::Joiner if matches!(self, Before::Emoji) => {
                Transition { then: Before::Joined, ..ignored }
            }
            Class::Mark | Class::Joiner | Class::Ignored => ignored,
            Class::Emoji => letter(matches!(self, Before::Joined), Before::Emoji),
            Class::Modifier => {
                letter(matches!(self, Before::Emoji | Before::Joined), Before::Emoji)
            }
            // A flag is whole.
            Class::Regional if matches!(self, Before::Regional) => letter(true, Before::Emoji),
            Class::Regional => letter(false, Before::Regional),
        }
    }
}

/// What a character does where it stands.
#[derive(Debug, Clone, Copy)]
struct Transition {
    /// Whether a separator comes before it, or in its place.
    separates: bool,
    /// Whether it belongs to a word.
    adds: bool,
    /// What stands before the next one.
    then: Before,
}

/// [`Before::on`] for all classes: one look is faster than its branches.
static TRANSITIONS: [[Transition; Class::ALL.len()]; Before::ALL.len()] = {
    let none = Transition { separates: false, adds: false, then: Before::Separator };
    let mut transitions = [[none; Class::ALL.len()]; Before::ALL.len()];
    let mut before = 0;
    while before < Before::ALL.len() {
        let mut class = 0;
        while class < Class::ALL.len() {
            transitions[before][class] = Before::ALL[before].on(Class::ALL[class]);
            class += 1;
        }
        before += 1;
    }
    transitions
};

impl<O: Output> Characters for Splitter<O> {
    #[inline(always)]
    fn push_char(&mut self, character: Utf8) {
        let (class, symbol) = self.output.look_up(character);
        let transition = TRANSITIONS[self.before as usize][class];
        self.before = transition.then;
        if transition.separates {
            self.output.separate();
        }
        if transition.adds {
            self.output.push(symbol);
        }
    }
}

impl<O: Output> Sink for Splitter<O> {
    #[inline(always)]
    fn begin_ascii(&mut self) {
        if self.before.ends_before_letters() {
            self.output.separate();
        }
        self.before = Before::Separator;
    }

    #[inline(always)]
    fn push_ascii(&mut self, byte: u8) {
        self.output.push_ascii(byte);
    }

    #[inline(always)]
    fn is_done(&self) -> bool {
        self.output.is_done()
    }
}

/// One word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word(String);

impl Word {
    /// It in UTF-8, in small letters.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// Whether it is of a script that is written without blanks, so that it is found in the middle of
    /// a word, too.
    pub(crate) fn is_unspaced(&self) -> bool {
        self.0.chars().next().is_some_and(|c| classes::class(c) == Class::Unspaced)
    }
}

/// The words of a text, in their order.
pub(crate) fn words(folder: &mut Folder, text: &str) -> Vec<Word> {
    let mut collected = split(folder, text, Collected::default());
    collected.end_word();
    collected.words
}

/// Collects words.
#[derive(Default)]
struct Collected {
    /// Those that have ended.
    words: Vec<Word>,
    /// The bytes of the next one so far.
    word: Vec<u8>,
}

impl Collected {
    fn end_word(&mut self) {
        if !self.word.is_empty() {
            let word = String::from_utf8(std::mem::take(&mut self.word));
            self.words.push(Word(word.expect("words end between characters")));
        }
    }
}

impl Output for Collected {
    type Symbol = Utf8;

    fn look_up(&self, character: Utf8) -> (usize, Utf8) {
        let looked = CLASSES.look_up(character);
        (looked.class(), looked.text(character))
    }

    fn push(&mut self, character: Utf8) {
        self.word.extend(character.to_le_bytes().into_iter().filter(|&byte| byte != 0));
    }

    fn push_ascii(&mut self, byte: u8) {
        if byte.is_ascii_alphanumeric() {
            self.word.push(byte.to_ascii_lowercase());
        } else {
            self.end_word();
        }
    }

    fn separate(&mut self) {
        self.end_word();
    }

    fn is_done(&self) -> bool {
        false
    }
}

/// What a search looks for: words and phrases that a line has to have, all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Query {
    /// Each once; at least one, and at most [`MAX_WORDS`].
    terms: Vec<Term>,
}

/// A word or a phrase: words that stand one behind the other, of which all but the last are whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Term(pub(crate) Vec<Word>);

/// Why a text is nothing to look for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadQuery {
    /// It has no word.
    NoWord,
    /// It has more than [`MAX_WORDS`] different ones.
    TooMany,
}

impl Query {
    /// Reads words, and phrases between quotation marks (U+0022). A phrase that is not closed ends with
    /// the text.
    ///
    /// # Errors
    ///
    /// It has no word, or too many.
    pub(crate) fn parse(text: &str) -> Result<Query, BadQuery> {
        let mut folder = Folder::default();
        let mut query = Query { terms: Vec::new() };
        let mut different = Vec::new();
        for (part, text) in text.split('"').enumerate() {
            let words = words(&mut folder, text);
            for word in &words {
                if !different.contains(word) {
                    different.push(word.clone());
                }
                if different.len() > MAX_WORDS {
                    return Err(BadQuery::TooMany);
                }
            }
            if part % 2 == 1 {
                query.add(words)?;
            } else {
                words.into_iter().try_for_each(|word| query.add(vec![word]))?;
            }
        }
        if query.terms.is_empty() { Err(BadQuery::NoWord) } else { Ok(query) }
    }

    fn add(&mut self, words: Vec<Word>) -> Result<(), BadQuery> {
        let term = Term(words);
        if term.0.is_empty() || self.terms.contains(&term) {
            return Ok(());
        }
        self.terms.push(term);
        if self.terms.len() > MAX_WORDS { Err(BadQuery::TooMany) } else { Ok(()) }
    }

    /// What a line has to have.
    pub(crate) fn terms(&self) -> &[Term] {
        &self.terms
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::collection::vec;
    use proptest::prelude::{Strategy, prop_assert, prop_assert_eq, proptest};
    use proptest::sample::select;
    use unicode_normalization::UnicodeNormalization;

    use super::*;
    use crate::protocol::arbitrary::text;
    use crate::protocol::text::fold;

    fn split_text(text: &str) -> Vec<String> {
        words(&mut Folder::default(), text).into_iter().map(|word| word.0).collect()
    }

    /// The words of a text, by the definition alone.
    pub(crate) fn words_by_definition(text: &str) -> Vec<String> {
        use Class::{Bare, Emoji, Ignored, Joiner, Mark, Marked, Modifier, Regional, Separator};
        let mut words: Vec<String> = Vec::new();
        // The last character that counted, and whether an emoji goes on.
        let (mut before, mut is_joined) = (Separator, false);
        for c in fold(text).chars() {
            let class = classes::class(c);
            let goes_on = match class {
                Ignored => continue,
                Joiner => {
                    is_joined |= before == Emoji;
                    continue;
                }
                Separator => {
                    (before, is_joined) = (Separator, false);
                    continue;
                }
                Mark if matches!(before, Separator | Bare | Emoji | Regional) => continue,
                Mark => true,
                Bare | Marked => matches!(before, Bare | Marked),
                Emoji => is_joined,
                Regional => before == Regional,
                Modifier => before == Emoji,
                Class::Unspaced => before == class,
            };
            if !goes_on {
                words.push(String::new());
            }
            let word = words.last_mut().expect("a word goes on");
            word.extend(if class == Bare { c.to_string().nfd().next() } else { Some(c) });
            is_joined = false;
            before = match class {
                Mark => before,
                Modifier => Emoji,
                // A flag is whole.
                Regional if goes_on => Emoji,
                class => class,
            };
        }
        words
    }

    #[test]
    fn words_are_runs_of_letters_and_digits() {
        let cases: [(&str, &[&str]); 20] = [
            ("", &[]),
            ("... -- \u{301}", &[]),
            ("<bob> Where's the BUILD-log_7?", &["bob", "where", "s", "the", "build", "log", "7"]),
            ("Straße ẞ", &["strasse", "ss"]),
            ("Crème brûlée, ΐ, Йод ё", &["creme", "brulee", "ι", "иод", "е"]),
            ("x\u{323}\u{302}y", &["xy"]),
            ("\u{1e69}e\u{301}", &["se"]),
            ("בְּרֵאשִׁית أَبْ", &["בראשית", "اب"]),
            ("ऋषियों क़", &["ऋषियों", "क\u{93c}"]),
            ("7\u{301}a\u{301}", &["7\u{301}a"]),
            ("版本2.0 beta上海abc", &["版本", "2", "0", "beta", "上海", "abc"]),
            ("か\u{3099}がーｱ", &["ががーｱ"]),
            ("\u{1112}\u{1161}\u{11ab}글 한국", &["한글", "한국"]),
            ("กำ\u{e48} ไป", &["กำ\u{e48}", "ไป"]),
            ("می\u{200c}خواهم", &["میخواهم"]),
            ("ok👍🏽👍ok", &["ok", "👍🏽", "👍", "ok"]),
            ("👩\u{200d}👩\u{200d}👧👧 ❤\u{fe0f}\u{200d}🔥", &["👩👩👧", "👧", "❤🔥"]),
            ("🇩🇪🇫🇷🇩 x", &["🇩🇪", "🇫🇷", "🇩", "x"]),
            ("1\u{fe0f}\u{20e3} 上\u{e0100}海", &["1", "上海"]),
            ("🏴\u{e0067}\u{e0062}\u{e007f}🏴", &["🏴\u{e0067}\u{e0062}\u{e007f}", "🏴"]),
        ];
        for (text, expected) in cases {
            assert_eq!(split_text(text), expected, "{text:?}");
            assert_eq!(words_by_definition(text), expected, "{text:?} by the definition");
        }
    }

    /// Text of characters that meet each other seldom.
    pub(crate) fn mixed(most: usize) -> impl Strategy<Value = String> {
        const CHARACTERS: [&str; 46] = [
            "a", "B", "é", "e", "\u{301}", "\u{323}", "ß", "s", "7", "0", " ", " ", "-", "<", "_",
            "\u{a0}", "。", "ж", "й", "α", "ΐ", "ב", "\u{5b0}", "ك", "أ", "\u{64e}", "क",
            "\u{93c}", "\u{94d}", "上", "海", "か", "\u{3099}", "ー", "한", "\u{1112}", "\u{1161}",
            "ก", "\u{e48}", "🎉", "👍", "🏽", "\u{200d}", "🇩", "\u{fe0f}", "\u{20e3}",
        ];
        vec(select(&CHARACTERS[..]), 0..=most).prop_map(|characters| characters.concat())
    }

    proptest! {
        #[test]
        fn any_text_has_the_words_of_the_definition(safe in text(), any in "[^\0]*", mixed in mixed(12)) {
            for text in [safe, any, mixed] {
                prop_assert_eq!(split_text(&text), words_by_definition(&text), "{:?}", text);
            }
        }

        #[test]
        fn words_are_their_own_words_and_pass_through_an_ascii_tokenizer(text in mixed(12)) {
            for word in split_text(&text) {
                // What was ignored between two characters no longer keeps them apart.
                prop_assert_eq!(split_text(&word).concat(), fold(&word));
                let is_kept = |c: char| !c.is_ascii() || c.is_ascii_lowercase() || c.is_ascii_digit();
                prop_assert!(word.chars().all(is_kept), "{:?}", word);
            }
        }
    }

    fn terms(text: &str) -> Result<Vec<String>, BadQuery> {
        let joined = |term: &Term| term.0.iter().map(Word::text).collect::<Vec<_>>().join("+");
        Ok(Query::parse(text)?.terms().iter().map(joined).collect())
    }

    #[test]
    fn words_and_phrases_are_read_from_what_was_typed() {
        let expect = |terms: &[&str]| Ok(terms.iter().map(|&term| term.to_owned()).collect());
        let cases: [(&str, Result<Vec<String>, BadQuery>); 14] = [
            ("build LOG", expect(&["build", "log"])),
            ("build-log Build", expect(&["build", "log"])),
            ("\"build log\" failed", expect(&["build+log", "failed"])),
            ("a\"b c\"d", expect(&["a", "b+c", "d"])),
            ("\"open end", expect(&["open+end"])),
            ("\"\" \" . \" x", expect(&["x"])),
            ("\"x\" x", expect(&["x"])),
            ("1 2 3 4 5 6 7 H h 1", expect(&["1", "2", "3", "4", "5", "6", "7", "h"])),
            ("1 2 3 4 5 6 7 H \"H 7\"", Err(BadQuery::TooMany)),
            ("1 2 3 4 5 6 7 8 9", Err(BadQuery::TooMany)),
            ("\"1 2 3 4 5 6 7 8 9\"", Err(BadQuery::TooMany)),
            ("... \"-\"", Err(BadQuery::NoWord)),
            ("", Err(BadQuery::NoWord)),
            ("👍", expect(&["👍"])),
        ];
        for (text, expected) in cases {
            assert_eq!(terms(text), expected, "{text:?}");
        }
    }
}
