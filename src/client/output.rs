//! What the receiver and the way out need of the place where the conversation is shown: the
//! terminal, or a filter's standard output.

use super::way_out::End;
use crate::protocol::name::Name;

/// Where the conversation goes. Shared by all threads.
pub(super) trait Output: Send + Sync {
    /// Shows what has been received, in one go.
    ///
    /// # Errors
    ///
    /// It cannot be shown any more, and how the program ends therefore.
    fn show(&self, received: &Received) -> Result<(), End>;

    /// Tells the user something that does not come from the server. Not to be called with any lock
    /// of the output held, so never from within the output.
    fn notice(&self, text: &str);

    /// What to do with text whose line end does not come.
    fn unfinished(&self) -> Unfinished;

    /// Leaves the terminal as it was. Nothing is shown after that.
    fn close(&self);
}

/// What has been received since the last time.
#[derive(Debug, Default)]
pub(super) struct Received {
    /// Lines that are safe to show, each with its line end.
    pub(super) lines: String,
    /// Our name, if it has changed.
    pub(super) name: Option<Name>,
}

/// What to do with text whose line end does not come, from a server that may not know of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfinished {
    /// Wait for the line end or the end of the connection.
    Waits,
    /// After a moment show it as a line, since somebody is looking.
    IsShown,
}
