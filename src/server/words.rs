//! Which lines have all of some words: what `/search` asks of each line. Pure.
//!
//! What words are says [`protocol::words`](crate::protocol::words). A line is gone through once, however
//! many words are looked for and whatever they are: the words of the line are a text with separators
//! between them, in which each word or phrase that is looked for is one pattern of an automaton. So nobody
//! can ask for words, or have said lines, that make a search slow.

use crate::protocol::folding::{Folder, Utf8};
use crate::protocol::words::alphabet::{Alphabet, SEPARATION, Symbol};
use crate::protocol::words::{Output, Query, split};
use automaton::Automaton;

mod automaton;
pub mod tokens;

/// Finds lines that have all words and phrases of a query.
#[derive(Debug)]
pub struct Matcher {
    /// Makes symbols of the characters of lines.
    alphabet: Alphabet,
    /// Finds all of them in one pass.
    automaton: Automaton,
    /// Where that stands before a line.
    beginning: u32,
    /// A bit for each of them.
    all: u8,
    /// Makes each line comparable.
    folder: Folder,
}

impl Matcher {
    /// A matcher for lines that have all of the `words`.
    ///
    /// # Panics
    ///
    /// If they are none or more than [`MAX_WORDS`](crate::protocol::words::MAX_WORDS) different ones, which
    /// is no request.
    #[must_use]
    pub fn new(words: &str) -> Matcher {
        Matcher::of(&Query::parse(words).expect("a request has words, and few"))
    }

    /// A matcher for lines that the query asks for.
    pub(crate) fn of(query: &Query) -> Matcher {
        let alphabet = Alphabet::of(query);
        let patterns: Vec<_> = query.terms().iter().map(|term| alphabet.pattern(term)).collect();
        let automaton = Automaton::new(&patterns, alphabet.count());
        // A word may begin with the line.
        let beginning = automaton.step(0, SEPARATION).state();
        let all = ((1_u16 << patterns.len()) - 1) as u8;
        Matcher { alphabet, automaton, beginning, all, folder: Folder::default() }
    }

    /// Whether the line has all of the words.
    #[must_use]
    pub fn has_all(&mut self, line: &str) -> bool {
        let (alphabet, automaton) = (&self.alphabet, &self.automaton);
        let run = Run { alphabet, automaton, state: self.beginning, missing: self.all };
        split(&mut self.folder, line, run).missing == 0
    }
}

/// The way of one line through the automaton.
struct Run<'a> {
    /// Which symbol each character is.
    alphabet: &'a Alphabet,
    /// What is followed.
    automaton: &'a Automaton,
    /// Where it is.
    state: u32,
    /// A bit for each pattern that the line has not had yet.
    missing: u8,
}

impl Output for Run<'_> {
    type Symbol = Symbol;

    #[inline(always)]
    fn look_up(&self, character: Utf8) -> (usize, Symbol) {
        let entry = self.alphabet.look_up(character);
        (entry.class(), entry.symbol())
    }

    #[inline(always)]
    fn push(&mut self, symbol: Symbol) {
        let step = self.automaton.step(self.state, symbol);
        self.state = step.state();
        self.missing &= !step.ends();
    }

    #[inline(always)]
    fn push_ascii(&mut self, byte: u8) {
        self.push(self.alphabet.ascii(byte));
    }

    #[inline(always)]
    fn separate(&mut self) {
        self.push(SEPARATION);
    }

    #[inline(always)]
    fn is_done(&self) -> bool {
        self.missing == 0
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::{Strategy, prop_assert, prop_assert_eq, proptest};

    use super::*;
    use crate::protocol::arbitrary::text;
    use crate::protocol::words::tests::{mixed, words_by_definition};
    use crate::protocol::words::{Term, Word};

    /// Whether a line has a term, by the definition alone.
    fn has(line: &[String], term: &Term) -> bool {
        let (last, whole) = term.0.split_last().expect("a term has a word");
        (0..line.len().saturating_sub(whole.len())).any(|at| {
            let (before, after) = line[at..].split_at(whole.len());
            let is_whole = |(number, (there, word)): (usize, (&String, &Word))| {
                let may_begin_before = number == 0 && word.is_unspaced();
                if may_begin_before { there.ends_with(word.text()) } else { there == word.text() }
            };
            let is_anywhere = whole.is_empty() && last.is_unspaced();
            before.iter().zip(whole).enumerate().all(is_whole)
                && if is_anywhere {
                    after[0].contains(last.text())
                } else {
                    after[0].starts_with(last.text())
                }
        })
    }

    fn has_all(words: &str, line: &str) -> bool {
        let line = words_by_definition(line);
        let query = Query::parse(words).expect("a good query");
        query.terms().iter().all(|term| has(&line, term))
    }

    /// Words and phrases of parts of a text that are there in few lines.
    fn query() -> impl Strategy<Value = String> {
        let part = proptest::prop_oneof![
            4 => mixed(3),
            1 => mixed(4).prop_map(|phrase| format!("\"{phrase}\"")),
            2 => "[ab]{1,2}|\"[ab]{1,2} [ab]\"",
        ];
        vec(part, 1..4)
            .prop_map(|parts| parts.join(" "))
            .prop_filter("no query", |words| Query::parse(words).is_ok())
    }

    proptest! {
        #[test]
        fn a_line_has_all_of_the_words_or_not(
            words in query(),
            line in mixed(20),
            few in "[abAB .]{0,20}",
        ) {
            for line in [&line, &few, &format!("<{few}> {line} {words} {line}")] {
                prop_assert_eq!(Matcher::new(&words).has_all(line), has_all(&words, line), "{:?}", line);
            }
        }

        #[test]
        fn any_text_is_found_in_a_line_of_it(before in text(), word in "\\PC{1,9}", after in text()) {
            let line = format!("{before} {word} {after}");
            let phrase = format!("\"{}\"", word.replace('"', " "));
            for words in [&word, &phrase] {
                if Query::parse(words).is_ok() {
                    prop_assert!(Matcher::new(words).has_all(&line), "{words:?} in {line:?}");
                }
            }
        }
    }

    #[test]
    fn lines_are_found_by_the_words_they_have() {
        let cases = [
            ("<alice> all builds fail", "build", true),
            ("<alice> rebuild it", "build", false),
            ("<alice> build it", "alice build", true),
            ("<alicia> build it", "ALI it", true),
            ("the build log", "\"build log\"", true),
            ("the build logs", "\"build log\"", true),
            ("the builds log", "\"build log\"", false),
            ("the build - (log)", "\"build log\"", true),
            ("log the build", "\"build log\"", false),
            ("a a b", "\"a b\"", true),
            ("error 4040", "error 404", true),
            ("error 1404", "error 404", false),
            ("das Café", "cafe", true),
            ("das Cafe", "CAFÉ", true),
            ("我在上海工作", "上海", true),
            ("我在上海工作", "海上", false),
            ("我在上海 build", "\"上海 build\"", true),
            ("在上海市 build", "\"上海 build\"", false),
            ("well 👍🏽", "👍", true),
            ("well 👍", "👍🏽", false),
            ("Привет, ёлка", "елк", true),
        ];
        for (line, words, is_found) in cases {
            assert_eq!(Matcher::new(words).has_all(line), is_found, "{words} in {line}");
            assert_eq!(has_all(words, line), is_found, "{words} in {line} by the definition");
        }
    }
}
