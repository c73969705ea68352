//! Which lines have all of some words, in any case: what `/search` asks of each line that the room
//! remembers. Pure.
//!
//! A line is gone through once, however many words there are and whatever they are: each byte of its
//! folded text is one step of an automaton (Aho and Corasick, "Efficient string matching", 1975). So
//! nobody can ask for words, or have said lines, that make a search slow.

use crate::protocol::folding::{Folder, Sink};
use crate::protocol::request::different_words;

/// How many entries the automaton's table has at most: it takes half a megabyte then. Only words of
/// thousands of bytes have more states than fit, and with those a byte takes two steps at most.
const TABLE: usize = 128 * 1024;

/// Finds words in lines.
#[derive(Debug)]
pub struct Matcher {
    /// Finds all words in one pass.
    automaton: Automaton,
    /// Makes each line comparable.
    folder: Folder,
}

impl Matcher {
    /// A matcher for lines that have all of the `words`, as substrings, in any case.
    ///
    /// # Panics
    ///
    /// If they are more than [`MAX_WORDS`](crate::protocol::request::MAX_WORDS) different ones, which is
    /// no request.
    #[must_use]
    pub fn new(words: &str) -> Matcher {
        let words = different_words(words).expect("they are few");
        Matcher { automaton: Automaton::new(&words), folder: Folder::default() }
    }

    /// Whether the line has all of the words.
    #[must_use]
    pub fn has_all(&mut self, line: &str) -> bool {
        let mut run = Run { automaton: &self.automaton, state: 0, missing: self.automaton.words };
        self.folder.fold(line, &mut run);
        run.missing == 0
    }
}

/// The way of one line through the automaton.
struct Run<'a> {
    /// What is followed.
    automaton: &'a Automaton,
    /// Where it is.
    state: u32,
    /// A bit for each word that the line has not had yet.
    missing: u8,
}

impl Sink for Run<'_> {
    #[inline(always)]
    fn push(&mut self, byte: u8) {
        let step = self.automaton.step(self.state, byte);
        self.state = step.state();
        self.missing &= !step.ends();
    }

    #[inline(always)]
    fn is_done(&self) -> bool {
        self.missing == 0
    }
}

/// Where a byte leads: a state, and above that a bit for each word that ends there.
#[derive(Debug, Clone, Copy, Default)]
struct Step(u32);

impl Step {
    const STATE_BITS: u32 = 24;

    fn new(state: usize, ends: u8) -> Step {
        Step(u32::from(ends) << Step::STATE_BITS | state as u32)
    }

    #[inline(always)]
    fn state(self) -> u32 {
        self.0 & ((1 << Step::STATE_BITS) - 1)
    }

    #[inline(always)]
    fn ends(self) -> u8 {
        (self.0 >> Step::STATE_BITS) as u8
    }
}

/// Reads text byte by byte and knows which words it has had.
///
/// A state stands for the longest beginning of a word that the text so far ends in. Nearly always each
/// has a row of the table, and is named by the place where that begins. Those beyond count on from the
/// table's end.
#[derive(Debug)]
struct Automaton {
    /// Which column of a row each byte has: the first, unless a word has it.
    columns: [u8; 256],
    /// Row by row.
    table: Vec<Step>,
    /// The states that have no row.
    deep: Vec<Deep>,
    /// By column, how words go on from those.
    edges: Vec<(u8, Step)>,
    /// A bit for each word.
    words: u8,
}

/// A state that has no row.
#[derive(Debug)]
struct Deep {
    /// Where in `edges` its own end; they begin where those of the state before do.
    edges_end: usize,
    /// The state that goes on where no word does. It stands for a shorter beginning.
    otherwise: u32,
}

impl Automaton {
    fn new(words: &[String]) -> Automaton {
        let (columns, width) = columns(words);
        let nodes = Trie::new(words, &columns).nodes;
        let rows = nodes.len().min(TABLE / width);
        let mut automaton = Automaton {
            columns,
            table: vec![Step::default(); rows * width],
            deep: Vec::new(),
            edges: Vec::new(),
            words: ((1_u16 << words.len()) - 1) as u8,
        };
        let state =
            |node: usize| if node < rows { node * width } else { rows * width + node - rows };
        for (number, node) in nodes.iter().enumerate() {
            let edges = node.edges.iter();
            let edges =
                edges.map(|&(column, next)| (column, Step::new(state(next), nodes[next].ends)));
            let otherwise = state(node.otherwise);
            if number < rows {
                let row = state(number);
                automaton.table.copy_within(otherwise..otherwise + width, row);
                edges.for_each(|(column, step)| automaton.table[row + usize::from(column)] = step);
            } else {
                automaton.edges.extend(edges);
                let edges_end = automaton.edges.len();
                automaton.deep.push(Deep { edges_end, otherwise: otherwise as u32 });
            }
        }
        automaton
    }

    #[inline(always)]
    fn step(&self, state: u32, byte: u8) -> Step {
        let column = self.columns[usize::from(byte)];
        match self.table.get(state as usize + usize::from(column)) {
            Some(&step) => step,
            None => self.step_from_deep(state as usize, column),
        }
    }

    /// The same from a state that has no row.
    #[cold]
    fn step_from_deep(&self, mut state: usize, column: u8) -> Step {
        while let Some(deep) = state.checked_sub(self.table.len()) {
            let begin = deep.checked_sub(1).map_or(0, |before| self.deep[before].edges_end);
            let edges = &self.edges[begin..self.deep[deep].edges_end];
            if let Some((_, step)) = edges.iter().find(|edge| edge.0 == column) {
                return *step;
            }
            state = self.deep[deep].otherwise as usize;
        }
        self.table[state + usize::from(column)]
    }
}

/// Which column each byte has, and how many columns there are.
fn columns(words: &[String]) -> ([u8; 256], usize) {
    let mut columns = [0; 256];
    let mut width = 1;
    for byte in words.iter().flat_map(|word| word.bytes()) {
        if columns[usize::from(byte)] == 0 {
            columns[usize::from(byte)] = width;
            columns[usize::from(byte.to_ascii_uppercase())] = width;
            width += 1;
        }
    }
    (columns, width.into())
}

/// The words' beginnings, the shorter ones first; the first is the empty one.
struct Trie {
    /// The first is the root.
    nodes: Vec<Node>,
}

#[derive(Default)]
struct Node {
    /// By column, the beginnings that are longer by one byte.
    edges: Vec<(u8, usize)>,
    /// A bit for each word that this one ends in.
    ends: u8,
    /// The longest of the other beginnings that this one ends in.
    otherwise: usize,
}

impl Trie {
    fn new(words: &[String], columns: &[u8; 256]) -> Trie {
        let mut trie = Trie { nodes: vec![Node::default()] };
        // Where each word that goes on has come to, byte by byte.
        let mut ends: Vec<usize> = vec![0; words.len()];
        for at in 0..words.iter().map(String::len).max().unwrap_or(0) {
            for (word, end) in ends.iter_mut().enumerate() {
                if let Some(&byte) = words[word].as_bytes().get(at) {
                    let column = columns[usize::from(byte)];
                    *end = trie.child(*end, column);
                    let is_last = at + 1 == words[word].len();
                    trie.nodes[*end].ends |= u8::from(is_last) << word;
                }
            }
        }
        trie
    }

    fn edge(&self, node: usize, column: u8) -> Option<usize> {
        self.nodes[node].edges.iter().find(|edge| edge.0 == column).map(|edge| edge.1)
    }

    /// The node for the beginning that is longer by that byte, which there may be already.
    fn child(&mut self, node: usize, column: u8) -> usize {
        if let Some(child) = self.edge(node, column) {
            return child;
        }
        let mut shorter = node;
        let otherwise = loop {
            if shorter == 0 {
                break 0;
            }
            shorter = self.nodes[shorter].otherwise;
            if let Some(found) = self.edge(shorter, column) {
                break found;
            }
        };
        let (child, ends) = (self.nodes.len(), self.nodes[otherwise].ends);
        self.nodes[node].edges.push((column, child));
        self.nodes.push(Node { edges: Vec::new(), ends, otherwise });
        child
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::{Strategy, prop_assert_eq, proptest};

    use super::*;
    use crate::protocol::arbitrary::text;
    use crate::protocol::text::fold;

    /// What has the words, by the definition.
    fn has_all(words: &str, line: &str) -> bool {
        let line = fold(line);
        words.split_whitespace().all(|word| line.contains(&fold(word)))
    }

    /// Words that begin, end and hold each other.
    fn words() -> impl Strategy<Value = String> {
        vec("[abAB]{1,4}|[a\u{e9}e\u{301}\u{df}s]{1,3}", 1..=8).prop_map(|words| words.join(" "))
    }

    proptest! {
        #[test]
        fn a_line_has_all_of_the_words_or_not(words in words(), line in "[abAB \u{e9}e\u{301}\u{df}s]{0,20}") {
            prop_assert_eq!(Matcher::new(&words).has_all(&line), has_all(&words, &line));
        }

        #[test]
        fn any_text_is_found_in_a_line_of_it(before in text(), word in "\\PC{1,9}", after in text()) {
            let words = word.split_whitespace().take(8).collect::<Vec<_>>().join(" ");
            let line = format!("{before}{word}{after}");
            prop_assert_eq!(Matcher::new(&words).has_all(&line), has_all(&words, &line));
        }
    }

    #[test]
    fn words_of_more_states_than_fit_are_found_too() {
        let alphabet: String = ('!'..='~').filter(|c| !c.is_ascii_uppercase()).collect();
        let long: Vec<_> = (0..8).map(|n| alphabet.repeat(60) + &n.to_string()).collect();
        let mut matcher = Matcher::new(&long.join(" "));
        assert!(!matcher.automaton.deep.is_empty(), "some have no row");
        let all = long.concat();
        assert!(matcher.has_all(&all));
        assert!(!matcher.has_all(&all[..all.len() - 1]));
        assert!(matcher.has_all(&format!("{}{all}", alphabet.repeat(3))));
    }
}
