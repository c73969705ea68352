//! The lines that are on the screen or were there not long ago, to be laid out again. Pure.

use std::collections::VecDeque;

use crate::client::columns::{self, Measure};
use crate::client::config::WrapChoice;
use crate::client::paragraph::{Paragraph, Rule, Shape};

/// How many lines are kept. A terminal with more rows than that is not laid out again above them.
pub(super) const KEPT: usize = 500;

/// The last lines of the conversation, the newest at the end.
#[derive(Debug)]
pub(super) struct Recent {
    /// Who breaks lines.
    wrap: WrapChoice,
    /// At most [`KEPT`].
    lines: VecDeque<Written>,
}

/// A line that was written.
#[derive(Debug)]
struct Written {
    /// What it says and looks like.
    paragraph: Paragraph<'static>,
    /// How many columns the terminal had, as far as we knew.
    columns: usize,
}

/// What a terminal shows of the lines when it has become narrower.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Visible {
    /// Which of them is the first of which something is seen.
    first: usize,
    /// How many rows they take.
    pub(super) rows: usize,
}

impl Recent {
    /// None yet.
    pub(super) fn new(wrap: WrapChoice) -> Recent {
        Recent { wrap, lines: VecDeque::new() }
    }

    /// Adds a line that is written in so many columns.
    pub(super) fn add(&mut self, paragraph: Paragraph<'_>, columns: usize) {
        if self.lines.len() == KEPT {
            self.lines.pop_front();
        }
        self.lines.push_back(Written { paragraph: paragraph.into_owned(), columns });
    }

    /// Called when something else has come between the lines and the input row, or when they may be
    /// elsewhere.
    pub(super) fn forget(&mut self) {
        self.lines.clear();
    }

    /// Takes away the rule above what was new until now, if it is known exactly how many rows there are
    /// below it, which is told.
    pub(super) fn take_unread_rule(&mut self, columns: usize) -> Option<usize> {
        let is_rule = |line: &Written| line.paragraph.layout.shape == Shape::Rule(Rule::UntilNext);
        let at = self.lines.iter().rposition(is_rule)?;
        let rows = self.lines.range(at + 1..).map(|line| line.exact_rows(self.wrap, columns));
        let rows = rows.sum::<Option<usize>>();
        self.lines.remove(at);
        rows
    }

    /// Called when there may be something else between the rule above what was new and the input row:
    /// it stays where it is.
    pub(super) fn settle_unread_rule(&mut self) {
        for line in &mut self.lines {
            let shape = &mut line.paragraph.layout.shape;
            if *shape == Shape::Rule(Rule::UntilNext) {
                *shape = Shape::Rule(Rule::Stays);
            }
        }
    }

    /// All of what may be seen in so many rows of a terminal that has become so narrow and has broken what
    /// was too wide, and how many rows it takes at most.
    pub(super) fn visible(&self, columns: usize, room: usize) -> Visible {
        let mut visible = Visible { first: self.lines.len(), rows: 0 };
        let mut at_least = 0;
        for (first, line) in self.lines.iter().enumerate().rev() {
            if at_least >= room {
                break;
            }
            at_least += line.rows(self.wrap, columns, Measure::Narrowest);
            let at_most = line.rows(self.wrap, columns, Measure::Widest);
            visible = Visible { first, rows: visible.rows + at_most };
        }
        visible
    }

    /// The rows of what is visible, laid out for so many columns, and how many they are.
    pub(super) fn lay_out(&mut self, visible: Visible, columns: usize) -> (String, usize) {
        let mut text = String::new();
        for line in self.lines.range_mut(visible.first..) {
            line.columns = columns;
            line.paragraph.lay_out(self.wrap, columns, &mut text);
        }
        let rows = columns::rows_of_all(&text, columns, Measure::Widest);
        (text, rows)
    }
}

impl Written {
    fn rows(&self, wrap: WrapChoice, columns: usize, measure: Measure) -> usize {
        self.paragraph.rows(wrap, self.columns, columns, measure)
    }

    /// The same, if all terminals agree about it.
    fn exact_rows(&self, wrap: WrapChoice, columns: usize) -> Option<usize> {
        let least = self.rows(wrap, columns.max(self.columns), Measure::Narrowest);
        let most = self.rows(wrap, columns.min(self.columns), Measure::WidestAmongIdeographs);
        (least == most).then_some(most)
    }
}
