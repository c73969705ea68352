//! What the receiver and the way out need of the place where the conversation is shown: the
//! terminal, or a filter's standard output.

use std::borrow::Cow;

use super::exit_reason::ExitReason;
use super::handshake::Server;
use crate::protocol::tag::Millis;

/// Where the conversation goes. Shared by all threads.
pub(super) trait Output: Send + Sync {
    /// Shows what has been received, in one go.
    ///
    /// # Errors
    ///
    /// It cannot be shown any more, and how the program ends therefore.
    fn show(&self, received: &Received) -> Result<(), ExitReason>;

    /// Shows lines of the user's that go to a server of this kind, as far as they are shown here.
    ///
    /// # Errors
    ///
    /// The same.
    fn show_own(&self, server: Server, lines: &[Cow<'_, str>]) -> Result<(), ExitReason>;

    /// Tells the user something that does not come from the server. Not to be called with any lock
    /// of the output held, so never from within the output.
    fn notice(&self, text: &str);

    /// Called for each error from a server of ours, before it is shown, with the line of the
    /// user's that it refuses, if that is known.
    fn on_refusal(&self, _error: &str, _refused: Option<&[u8]>) {}

    /// Called when so many more of the user's lines were refused.
    fn mark_refused(&self, _lines: usize) {}

    /// How many of the user's lines were refused, where somebody has to know that in the end.
    fn refused(&self) -> usize {
        0
    }

    /// Lets the user see whether there is a connection.
    fn set_presence(&self, presence: Presence);

    /// Who reads what is shown.
    fn reader(&self) -> Reader;

    /// Leaves the terminal as it was. Nothing is shown after that.
    fn close(&self);
}

/// What has been received since the last time.
#[derive(Debug)]
pub(super) struct Received {
    /// From which kind of server.
    pub(super) server: Server,
    /// Lines that are safe to show, each with its line end.
    pub(super) lines: String,
    /// When each of them was said, by this machine's clock, as far as the server tells.
    pub(super) times: Vec<Option<Millis>>,
    /// The answer to a `/who` that the user did not ask for: lines to learn from.
    pub(super) who: String,
}

/// Who reads what is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    /// Somebody at a terminal: text whose line end does not come, from a server that may not know
    /// of lines, is shown as a line after a moment; and names are completed, so they are learned.
    Person,
    /// A program: it gets whole lines, and nothing is sent that it did not send.
    Program,
}

/// Whether there is a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    Here,
    Reconnecting,
    /// In so many seconds.
    ReconnectingIn(u64),
}

impl Received {
    /// Nothing.
    pub(super) fn nothing() -> Received {
        let (lines, who) = (String::new(), String::new());
        Received { server: Server::Foreign, lines, times: Vec::new(), who }
    }

    /// Adds a line, which was said at this time.
    pub(super) fn add(&mut self, line: &str, at: Option<Millis>) {
        self.lines.push_str(line);
        self.lines.push('\n');
        self.times.push(at);
    }

    /// The lines, each with its time.
    pub(super) fn timed(&self) -> impl Iterator<Item = (&str, Option<Millis>)> {
        self.lines.lines().zip(self.times.iter().copied())
    }

    /// Forgets the lines.
    pub(super) fn clear(&mut self) {
        self.lines.clear();
        self.times.clear();
        self.who.clear();
    }
}
