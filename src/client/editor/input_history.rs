//! What was sent, to be called back and searched.

use super::buffer::Buffer;
use crate::client::secret;
use crate::protocol::text::is_blank;

/// How many entries can be called back. More than anyone steps through with a key.
pub(crate) const MOST: usize = 1000;

/// The longest entry that is remembered, in bytes: several lines that were pasted are one.
const LONGEST: usize = 64 * 1024;

/// Something that may be remembered: no line of it may have a secret in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Memorable(String);

impl Memorable {
    /// A text of any rows, which is safe; `None` if it is not to be remembered.
    #[must_use]
    pub fn of_text(text: &str) -> Option<Memorable> {
        (!secret::is_in_any(text)).then(|| text.to_owned()).and_then(Memorable::bounded)
    }

    fn bounded(text: String) -> Option<Memorable> {
        (text.len() <= LONGEST && !is_blank(&text)).then_some(Memorable(text))
    }

    /// The lines, with newlines between them.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What was sent, oldest first.
#[derive(Debug)]
pub(super) struct InputHistory {
    /// At most [`MOST`] entries.
    sent: Vec<Memorable>,
    /// Where the user has gone back to; `sent.len()` is the line being written.
    at: usize,
    /// The line being written, while an older one is shown.
    draft: String,
}

impl InputHistory {
    pub(super) fn of(mut sent: Vec<Memorable>) -> InputHistory {
        sent.drain(..sent.len().saturating_sub(MOST));
        InputHistory { at: sent.len(), sent, draft: String::new() }
    }

    /// Remembers what is sent, if it is to be, and comes back to the present.
    pub(super) fn add(&mut self, entry: Option<&Memorable>) {
        if let Some(entry) = entry
            && self.sent.last() != Some(entry)
        {
            if self.sent.len() == MOST {
                self.sent.remove(0);
            }
            self.sent.push(entry.clone());
        }
        self.draft.clear();
        self.at = self.sent.len();
    }

    /// One entry further back; false if there is none.
    pub(super) fn back(&mut self, buffer: &mut Buffer) -> bool {
        self.at > 0 && self.go_to(self.at - 1, buffer)
    }

    /// One entry forward; false if there is none.
    pub(super) fn forward(&mut self, buffer: &mut Buffer) -> bool {
        self.at < self.sent.len() && self.go_to(self.at + 1, buffer)
    }

    fn go_to(&mut self, index: usize, buffer: &mut Buffer) -> bool {
        if self.at == self.sent.len() {
            self.draft = std::mem::take(&mut buffer.text);
        }
        self.at = index;
        *buffer = Buffer::holding(self.sent.get(index).map_or(&self.draft, Memorable::as_str));
        true
    }

    /// Looks for the newest entry before the one with this index that has `query` in it: its index,
    /// and where the query stands in it.
    fn find(&self, query: &str, before: usize) -> Option<(usize, usize)> {
        let older = self.sent[..before.min(self.sent.len())].iter().enumerate().rev();
        older.filter_map(|(index, entry)| Some((index, entry.as_str().rfind(query)?))).next()
    }
}

/// A search through what was sent.
#[derive(Debug)]
pub(super) struct Search {
    /// What is looked for.
    pub(super) query: String,
    /// Whether what is shown has the query in it.
    pub(super) found: bool,
    /// The entry that is shown.
    index: usize,
    /// What stood there before.
    back: Buffer,
}

impl Search {
    pub(super) fn new(input_history: &InputHistory, buffer: &Buffer) -> Search {
        Search {
            query: String::new(),
            found: true,
            index: input_history.sent.len(),
            back: buffer.clone(),
        }
    }

    /// Adds to the query; what is shown stays if it has that, too.
    pub(super) fn extend(&mut self, c: char, input_history: &InputHistory, buffer: &mut Buffer) {
        self.query.push(c);
        self.look(input_history, self.index.saturating_add(1), buffer);
    }

    /// Takes the query's last character away, and begins anew.
    pub(super) fn shorten(&mut self, input_history: &InputHistory, buffer: &mut Buffer) {
        self.query.pop();
        if self.query.is_empty() {
            *buffer = self.back.clone();
            (self.index, self.found) = (input_history.sent.len(), true);
        } else {
            self.look(input_history, input_history.sent.len(), buffer);
        }
    }

    /// The next older entry that is another one.
    pub(super) fn older(&mut self, input_history: &InputHistory, buffer: &mut Buffer) {
        if !self.query.is_empty() {
            self.look(input_history, self.index, buffer);
        }
    }

    /// Gives up: what stood there before stands there again.
    pub(super) fn give_up(self, buffer: &mut Buffer) {
        *buffer = self.back;
    }

    /// The entry that is shown is the one that the user has gone back to.
    pub(super) fn accept(self, input_history: &mut InputHistory) {
        if self.index < input_history.sent.len() {
            if input_history.at == input_history.sent.len() {
                input_history.draft = self.back.text;
            }
            input_history.at = self.index;
        }
    }

    fn look(&mut self, input_history: &InputHistory, before: usize, buffer: &mut Buffer) {
        let found = input_history.find(&self.query, before);
        self.found = found.is_some();
        if let Some((index, at)) = found {
            self.index = index;
            *buffer = Buffer::holding(input_history.sent[index].as_str());
            buffer.place(at);
        }
    }
}
