//! What stands before the input: our name with what there is to say about us, or a question. Pure.
//!
//! Whatever there is to say has shorter forms for narrow terminals, so that no state is cut in the
//! middle of a word as long as there is room for one of them.

use super::columns::width;
use super::editor::Prompt;
use super::row::{head, shown};
use crate::protocol::reply::Count;

/// What every prompt ends with.
const END: &str = "> ";

/// How many columns are enough for the text: in a terminal that has them, the prompt may have the
/// others, and in a narrow one half of them.
const ENOUGH: usize = 24;

/// A prompt in one or more forms, the longest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Each without its end.
    forms: Vec<String>,
    /// Whether the answer is a key, so that no room is needed for text.
    is_question: bool,
}

/// What there is to say about us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status<'a> {
    /// Nothing: what is written is sent.
    Ready,
    /// There is no connection, and one is being made.
    Reconnecting,
    /// The same in so many seconds.
    ReconnectingIn(u64),
    /// A paste has begun that does not end.
    Pasting,
    /// What is written is sent as so many lines, to this member alone if one is named.
    Lines(usize, Option<&'a str>),
    /// What is written is so many bytes longer than a line may be.
    TooLong(usize),
    /// So many of our lines have waited for their receipts for too long.
    Waiting(usize),
}

impl Label {
    /// Our name, if it is known, and our state.
    pub(super) fn of(name: Option<&str>, state: Status<'_>) -> Label {
        let states = state.forms();
        let name = name.unwrap_or_default();
        let longest = match states.first() {
            None => name.to_owned(),
            Some(state) if name.is_empty() => format!("({state})"),
            Some(state) => format!("{name} ({state})"),
        };
        let without_name = states.iter().map(|state| format!("({state})"));
        let forms = [longest].into_iter().chain(without_name).chain(states.last().cloned());
        Label { forms: forms.collect(), is_question: false }
    }

    /// What the editor asks, if it asks anything.
    pub(super) fn asking(prompt: Prompt<'_>) -> Option<Label> {
        let (forms, is_question) = match prompt {
            Prompt::Name => return None,
            Prompt::Search { query, found: true } => (vec![format!("search '{query}'")], false),
            Prompt::Search { query, found: false } => (vec![format!("not found '{query}'")], false),
            Prompt::Question { lines, as_text: true } => {
                let forms = vec![
                    format!("send {lines} lines as text? (y/n, Ctrl+U drops them)"),
                    format!("send {lines} lines as text? (y/n)"),
                    format!("send {lines} as text? (y/n)"),
                    "as text? y/n".to_owned(),
                    "y/n".to_owned(),
                ];
                (forms, true)
            }
            Prompt::Question { lines, as_text: false } => {
                let forms = vec![
                    format!("send {lines} lines? (y/n, Ctrl+U drops them)"),
                    format!("send {lines} lines? (y/n, Ctrl+U)"),
                    format!("send {lines} lines? (y/n)"),
                    format!("send {lines}? (y/n)"),
                    "y/n".to_owned(),
                ];
                (forms, true)
            }
            Prompt::Leaving => {
                (vec!["Ctrl+C again leaves".to_owned(), "Ctrl+C leaves".to_owned()], true)
            }
        };
        Some(Label { forms, is_question })
    }

    /// The prompt as it is where there is room for all of it.
    pub(super) fn whole(&self) -> String {
        self.forms.first().map_or_else(String::new, |form| shown(form) + END)
    }

    /// The longest form that leaves enough of so many columns for the text, or as much as there is room
    /// for of the beginning of the shortest.
    pub(super) fn within(&self, columns: usize) -> String {
        let most = match self.is_question {
            // The cursor has a column of its own.
            true => columns.saturating_sub(1),
            false => (columns / 2).max(columns.saturating_sub(ENOUGH)),
        };
        let Some(room) = most.checked_sub(END.len()) else { return String::new() };
        let fits = |form: &&String| width(form) <= room;
        let form = self.forms.iter().find(fits).or(self.forms.last());
        form.map_or_else(String::new, |form| shown(head(form, room)) + END)
    }
}

impl From<&str> for Label {
    fn from(form: &str) -> Label {
        Label { forms: vec![form.to_owned()], is_question: false }
    }
}

impl Status<'_> {
    fn forms(self) -> Vec<String> {
        let forms = |forms: &[&str]| forms.iter().map(|form| (*form).to_owned()).collect();
        match self {
            Status::Ready => Vec::new(),
            Status::Reconnecting => forms(&["reconnecting", "offline"]),
            Status::ReconnectingIn(seconds) => {
                forms(&[&format!("reconnecting in {seconds} s"), "reconnecting", "offline"])
            }
            Status::Pasting => forms(&["pasting, Ctrl+C ends it", "pasting"]),
            Status::Lines(lines, Some(to)) => forms(&[
                &format!("{lines} lines to {to}"),
                &format!("{lines} lines"),
                &lines.to_string(),
            ]),
            Status::Lines(lines, None) => forms(&[&format!("{lines} lines"), &lines.to_string()]),
            Status::TooLong(bytes) => {
                forms(&[&format!("{} too long", Count(bytes, "byte")), "too long"])
            }
            Status::Waiting(lines) => {
                forms(&[&format!("{} waiting", Count(lines, "line")), "waiting"])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrow_terminal_gets_a_shorter_form() {
        let question =
            Label::asking(Prompt::Question { lines: 21, as_text: false }).expect("a question");
        let leaving = Label::asking(Prompt::Leaving).expect("a question");
        let offline = Label::of(Some("alice"), Status::ReconnectingIn(4));
        let private = Label::of(Some("alice"), Status::Lines(3, Some("bob")));
        let cases = [
            (&offline, 80, "alice (reconnecting in 4 s)> "),
            (&offline, 53, "alice (reconnecting in 4 s)> "),
            (&offline, 52, "(reconnecting in 4 s)> "),
            (&offline, 40, "(reconnecting)> "),
            (&offline, 24, "(offline)> "),
            (&offline, 20, "offline> "),
            (&offline, 12, "offl> "),
            (&offline, 3, ""),
            (&private, 80, "alice (3 lines to bob)> "),
            (&private, 30, "(3 lines)> "),
            (&private, 10, "(3)> "),
            (&question, 80, "send 21 lines? (y/n, Ctrl+U drops them)> "),
            (&question, 40, "send 21 lines? (y/n, Ctrl+U)> "),
            (&question, 30, "send 21 lines? (y/n)> "),
            (&question, 20, "send 21? (y/n)> "),
            (&question, 10, "y/n> "),
            (&leaving, 40, "Ctrl+C again leaves> "),
            (&leaving, 20, "Ctrl+C leaves> "),
        ];
        for (prompt, columns, expected) in cases {
            assert_eq!(prompt.within(columns), expected, "{columns}");
        }
    }

    #[test]
    fn a_prompt_says_who_and_how_we_are() {
        let cases = [
            (None, Status::Ready, "> "),
            (Some("alice"), Status::Ready, "alice> "),
            (None, Status::Reconnecting, "(reconnecting)> "),
            (Some("alice"), Status::Pasting, "alice (pasting, Ctrl+C ends it)> "),
            (Some("alice"), Status::TooLong(1), "alice (1 byte too long)> "),
            (Some("alice"), Status::Lines(3, None), "alice (3 lines)> "),
            (Some("alice"), Status::Lines(3, Some("bob")), "alice (3 lines to bob)> "),
            (Some("alice"), Status::Waiting(3), "alice (3 lines waiting)> "),
        ];
        for (name, state, expected) in cases {
            assert_eq!(Label::of(name, state).whole(), expected);
        }
    }
}
