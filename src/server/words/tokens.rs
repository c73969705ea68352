//! What the index of a history holds of a line, and what is asked of it for a query. Pure.
//!
//! A word is one token. A run without blanks is all its pairs of characters, and its last character, since
//! what is looked for may begin anywhere in it. The index knows no positions: what it gives are candidates,
//! and a [`Matcher`](super::Matcher) decides.
//!
//! FTS5's tokenizer `ascii` takes tokens as they are: it keeps ASCII letters and digits, and all that is not
//! ASCII, makes small letters of capitals, and separates tokens by all else. In tokens are small letters and
//! digits and characters that are not ASCII, and no others; between them stand blanks.

use std::cmp::Reverse;

use crate::protocol::folding::Folder;
use crate::protocol::words::{Query, words};

/// The version of the tokens. With another one, an index finds other lines, and is made anew.
pub const VERSION: i64 = 1;

/// The most whole tokens that the index is asked for: the more there are, the fewer candidates, and the more
/// work for it. Only long runs without blanks have more.
const MOST_WHOLE: usize = 24;

/// The most beginnings of tokens that it is asked for. It gathers the lines of all tokens that begin so
/// before it gives the first: a tenth of a second for one letter and a million lines.
const MOST_BEGINNINGS: usize = 2;

/// Makes tokens of lines.
#[derive(Debug, Default)]
pub struct Tokenizer {
    /// Makes each line comparable.
    folder: Folder,
}

impl Tokenizer {
    /// The tokens of a line, with blanks between them.
    #[must_use]
    pub fn tokens(&mut self, line: &str) -> String {
        let mut tokens = String::with_capacity(line.len());
        let mut add = |token: &str| {
            tokens.push_str(token);
            tokens.push(' ');
        };
        for word in words(&mut self.folder, line) {
            if word.is_unspaced() {
                pairs(word.text()).for_each(&mut add);
                add(last(word.text()));
            } else {
                add(word.text());
            }
        }
        tokens
    }
}

/// Each two neighbouring characters.
fn pairs(run: &str) -> impl Iterator<Item = &str> {
    let ends = run.char_indices().map(|(at, c)| at + c.len_utf8()).skip(1);
    run.char_indices().zip(ends).map(|((begin, _), end)| &run[begin..end])
}

fn last(run: &str) -> &str {
    &run[run.char_indices().next_back().map_or(0, |(at, _)| at)..]
}

/// Expressions for FTS5 that all lines match which have the words of a query, and some others.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Candidates {
    /// One that costs little: whole tokens, or else the longest beginning.
    pub(crate) cheap: String,
    /// One that fewer lines match.
    pub(crate) strict: String,
}

/// What to ask the index for a query.
pub(crate) fn candidates(query: &Query) -> Candidates {
    let (mut whole, mut beginnings) = (Vec::new(), Vec::new());
    for term in query.terms() {
        let (final_word, others) = term.0.split_last().expect("a term has a word");
        for word in others {
            whole.push(if word.is_unspaced() { last(word.text()) } else { word.text() });
        }
        if !final_word.is_unspaced() || pairs(final_word.text()).next().is_none() {
            beginnings.push(final_word.text());
        }
    }
    let runs = query.terms().iter().flat_map(|term| &term.0).filter(|word| word.is_unspaced());
    whole.extend(runs.flat_map(|run| pairs(run.text())));
    whole.truncate(MOST_WHOLE);
    // The longest are likely to be the rarest.
    beginnings.sort_by_key(|beginning| Reverse(beginning.len()));
    beginnings.truncate(MOST_BEGINNINGS);
    let whole: Vec<_> = whole.iter().map(|token| format!("\"{token}\"")).collect();
    let beginnings: Vec<_> = beginnings.iter().map(|token| format!("\"{token}\"*")).collect();
    let cheap = if whole.is_empty() { &beginnings[..1] } else { &whole[..] };
    Candidates {
        cheap: cheap.join(" AND "),
        strict: [&whole[..], &beginnings].concat().join(" AND "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_tokens_and_queries_ask_for_them() {
        let mut tokenizer = Tokenizer::default();
        assert_eq!(
            tokenizer.tokens("<Bob> Café-7, 上海市 我 👍🏽"),
            "bob cafe 7 上海 海市 市 我 👍🏽 "
        );
        let cases = [
            ("log build log", "\"build\"*", "\"build\"* AND \"log\"*"),
            ("a b see cd", "\"see\"*", "\"see\"* AND \"cd\"*"),
            ("\"build log\" 上", "\"build\"", "\"build\" AND \"log\"* AND \"上\"*"),
            ("上海市", "\"上海\" AND \"海市\"", "\"上海\" AND \"海市\""),
            ("\"上海 log\"", "\"海\" AND \"上海\"", "\"海\" AND \"上海\" AND \"log\"*"),
            ("\"log 上海\"", "\"log\" AND \"上海\"", "\"log\" AND \"上海\""),
        ];
        for (words, cheap, strict) in cases {
            let candidates = candidates(&Query::parse(words).expect("a good query"));
            assert_eq!((&*candidates.cheap, &*candidates.strict), (cheap, strict), "{words}");
        }
        let long: String = ('\u{4e00}'..'\u{5000}').collect();
        let long = candidates(&Query::parse(&format!("{long} a")).expect("a good query"));
        assert_eq!(long.strict.matches("AND").count(), MOST_WHOLE);
        assert!(long.strict.ends_with("\"a\"*"));
    }
}
