//! Which of some patterns a text of words has, in one pass: each symbol is one step of an automaton (Aho and
//! Corasick, "Efficient string matching", 1975), whatever the patterns are. Pure.

use crate::protocol::words::alphabet::{SEPARATION, Symbol};

/// How many entries the automaton's table has at most: it takes half a megabyte then. Only words of
/// thousands of bytes have more states than fit, and with those a symbol takes two steps at most on average.
const TABLE: usize = 128 * 1024;

/// Where a symbol leads: a state, and above that a bit for each pattern that ends there.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Step(u32);

impl Step {
    const STATE_BITS: u32 = 24;

    fn new(state: usize, ends: u8) -> Step {
        Step(u32::from(ends) << Step::STATE_BITS | state as u32)
    }

    #[inline(always)]
    pub(super) fn state(self) -> u32 {
        self.0 & ((1 << Step::STATE_BITS) - 1)
    }

    #[inline(always)]
    pub(super) fn ends(self) -> u8 {
        (self.0 >> Step::STATE_BITS) as u8
    }
}

/// Reads the words of a text symbol by symbol, with separators between them, and knows which patterns it has had.
///
/// A state stands for the longest beginning of a pattern that the text so far ends in. Nearly always each
/// has a row of the table, and is named by the place where that begins. Those beyond count on from the
/// table's end.
#[derive(Debug)]
pub(super) struct Automaton {
    /// Row by row, with a column for each symbol.
    table: Vec<Step>,
    /// The states that have no row.
    deep: Vec<Deep>,
    /// By symbol, how patterns go on from those.
    edges: Vec<(Symbol, Step)>,
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
    /// For at most eight patterns of `width` different symbols, which end in no separator and have no two of
    /// them side by side. However many stand in the text, they count as one.
    pub(super) fn new(patterns: &[Vec<Symbol>], width: usize) -> Automaton {
        let nodes = Trie::new(patterns).nodes;
        let rows = nodes.len().min(TABLE / width);
        let mut automaton = Automaton {
            table: vec![Step::default(); rows * width],
            deep: Vec::new(),
            edges: Vec::new(),
        };
        let state =
            |node: usize| if node < rows { node * width } else { rows * width + node - rows };
        for (number, node) in nodes.iter().enumerate() {
            let here = state(number);
            let again = node.is_separated.then(|| (SEPARATION, Step::new(here, 0)));
            let edges = node.edges.iter();
            let edges = edges
                .map(|&(symbol, next)| (symbol, Step::new(state(next), nodes[next].ends)))
                .chain(again);
            let otherwise = state(node.otherwise);
            if number < rows {
                automaton.table.copy_within(otherwise..otherwise + width, here);
                edges.for_each(|(symbol, step)| automaton.table[here + usize::from(symbol)] = step);
            } else {
                automaton.edges.extend(edges);
                let edges_end = automaton.edges.len();
                automaton.deep.push(Deep { edges_end, otherwise: otherwise as u32 });
            }
        }
        automaton
    }

    #[inline(always)]
    pub(super) fn step(&self, state: u32, symbol: Symbol) -> Step {
        match self.table.get(state as usize + usize::from(symbol)) {
            Some(&step) => step,
            None => self.step_from_deep(state as usize, symbol),
        }
    }

    /// The same from a state that has no row.
    #[cold]
    fn step_from_deep(&self, mut state: usize, symbol: Symbol) -> Step {
        while let Some(deep) = state.checked_sub(self.table.len()) {
            let begin = deep.checked_sub(1).map_or(0, |before| self.deep[before].edges_end);
            let edges = &self.edges[begin..self.deep[deep].edges_end];
            if let Some((_, step)) = edges.iter().find(|edge| edge.0 == symbol) {
                return *step;
            }
            state = self.deep[deep].otherwise as usize;
        }
        self.table[state + usize::from(symbol)]
    }
}

/// The patterns' beginnings, the shorter ones first; the first is the empty one.
struct Trie {
    /// The first is the root.
    nodes: Vec<Node>,
}

/// A beginning of patterns.
#[derive(Default)]
struct Node {
    /// By symbol, the beginnings that are longer by it.
    edges: Vec<(Symbol, usize)>,
    /// A bit for each pattern that this one ends in.
    ends: u8,
    /// The longest of the other beginnings that this one ends in.
    otherwise: usize,
    /// Whether its last symbol is a separator.
    is_separated: bool,
}

impl Trie {
    fn new(patterns: &[Vec<Symbol>]) -> Trie {
        let mut trie = Trie { nodes: vec![Node::default()] };
        // Where each pattern that goes on has come to, symbol by symbol.
        let mut ends: Vec<usize> = vec![0; patterns.len()];
        for at in 0..patterns.iter().map(Vec::len).max().unwrap_or(0) {
            for (pattern, end) in ends.iter_mut().enumerate() {
                if let Some(&symbol) = patterns[pattern].get(at) {
                    *end = trie.child(*end, symbol);
                    let is_last = at + 1 == patterns[pattern].len();
                    trie.nodes[*end].ends |= u8::from(is_last) << pattern;
                }
            }
        }
        trie
    }

    fn edge(&self, node: usize, symbol: Symbol) -> Option<usize> {
        self.nodes[node].edges.iter().find(|edge| edge.0 == symbol).map(|edge| edge.1)
    }

    /// The node for the beginning that is longer by that symbol, which there may be already.
    fn child(&mut self, node: usize, symbol: Symbol) -> usize {
        if let Some(child) = self.edge(node, symbol) {
            return child;
        }
        let mut shorter = node;
        let otherwise = loop {
            if shorter == 0 {
                break 0;
            }
            shorter = self.nodes[shorter].otherwise;
            if let Some(found) = self.edge(shorter, symbol) {
                break found;
            }
        };
        let (child, ends) = (self.nodes.len(), self.nodes[otherwise].ends);
        self.nodes[node].edges.push((symbol, child));
        let is_separated = symbol == SEPARATION;
        self.nodes.push(Node { edges: Vec::new(), ends, otherwise, is_separated });
        child
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::{Strategy, prop_assert_eq, proptest};

    use super::*;

    /// A bit for each pattern that the text has.
    fn had(patterns: &[Vec<Symbol>], text: &[Symbol]) -> u8 {
        let automaton = Automaton::new(patterns, 100);
        let mut state = automaton.step(0, SEPARATION).state();
        text.iter().fold(0, |had, &symbol| {
            let step = automaton.step(state, symbol);
            state = step.state();
            had | step.ends()
        })
    }

    /// The same by the definition alone.
    fn had_by_definition(patterns: &[Vec<Symbol>], text: &[Symbol]) -> u8 {
        let mut text = [&[SEPARATION], text].concat();
        text.dedup_by(|one, other| *one == SEPARATION && *other == SEPARATION);
        let has = |pattern: &Vec<Symbol>| text.windows(pattern.len()).any(|part| part == pattern);
        let bits = patterns.iter().enumerate();
        bits.fold(0, |had, (at, pattern)| had | u8::from(has(pattern)) << at)
    }

    fn pattern() -> impl Strategy<Value = Vec<Symbol>> {
        let word = || vec(2..5_u16, 1..4);
        vec(word(), 1..4).prop_flat_map(|words| {
            let words = words.join(&SEPARATION);
            let separated = [&[SEPARATION], &words[..]].concat();
            proptest::sample::select(vec![words, separated])
        })
    }

    proptest! {
        #[test]
        fn a_text_has_a_pattern_or_not(
            patterns in vec(pattern(), 1..=8),
            text in vec(0..5_u16, 0..30),
        ) {
            prop_assert_eq!(had(&patterns, &text), had_by_definition(&patterns, &text));
        }
    }

    #[test]
    fn patterns_of_more_states_than_fit_are_found_too() {
        let alphabet: Vec<Symbol> = (10..90).collect();
        let phrase = vec![alphabet; 20].join(&SEPARATION);
        let ends = (2..10_u16).map(|last| [SEPARATION, last]);
        let patterns: Vec<_> = ends.map(|end| [&end, &phrase[..], &end].concat()).collect();
        assert!(!Automaton::new(&patterns, 100).deep.is_empty(), "some have no row");
        let all = patterns.concat();
        assert_eq!(had(&patterns, &all), 0xff);
        assert_eq!(had(&patterns, &all[..all.len() - 1]), 0x7f);
        let is_separated = |symbol: &Symbol| if *symbol == SEPARATION { 2 } else { 1 };
        let apart = all.iter().flat_map(|symbol| vec![*symbol; is_separated(symbol)]);
        assert_eq!(had(&patterns, &apart.collect::<Vec<_>>()), 0xff);
    }
}
