//! What the receiver and the way out need of the place where the conversation is shown: the
//! terminal, or a filter's standard output.

use std::sync::Arc;
use std::time::Duration;

use super::exit_reason::ExitReason;
use super::handshake::Server;
use super::net::Told;
use super::session::{Line, Settled};
use super::typed::Typed;
use crate::problem::Problem;

/// Where the conversation goes. Shared by all threads.
pub(super) trait Output: Send + Sync {
    /// Takes a line that is to be shown by the next [`show`](Output::show).
    fn take(&self, line: &Line<'_>);

    /// Takes a line of an answer to a `/who` that the user did not ask for: to learn from, unseen.
    fn learn(&self, _line: &Line<'_>) {}

    /// Shows what has been taken, in one go.
    ///
    /// # Errors
    ///
    /// It cannot be shown any more, and how the program ends therefore.
    fn show(&self) -> Result<(), ExitReason>;

    /// How long it is until [`show`](Output::show) has something to show although nothing more has come, if it will.
    fn due(&self) -> Option<Duration> {
        None
    }

    /// Shows lines of the user's that go to a server of this kind, as far as they are shown here.
    ///
    /// # Errors
    ///
    /// The same.
    fn show_own(&self, server: Server, lines: &[&Typed]) -> Result<(), ExitReason>;

    /// Tells the user something that does not come from the server. Not to be called with any lock
    /// of the output held, so never from within the output.
    fn notice(&self, text: &str);

    /// Tells the user who can read along.
    fn tell_of_secrecy(&self, told: &Told);

    /// Called for each error from a server of ours, before it is shown, with the line of the
    /// user's that it refuses, if that is known.
    fn on_refusal(&self, _error: &str, _refused: Option<&Arc<Typed>>) {}

    /// Called when lines of the user's are known to be said.
    fn on_said(&self, _lines: &[Arc<Typed>]) {}

    /// Called when lines of the user's are known not to be said, and the reason is lost: the server has told it over a
    /// connection that was lost.
    fn on_refused_unheard(&self, _lines: &[Arc<Typed>]) {}

    /// Called when the connection is lost and another one is going to be made.
    fn on_lost(&self, _why: &Problem) {}

    /// Called when the server is there again, after all that has come before.
    fn on_back(&self, _how: Comeback) {}

    /// Called when so many more of the user's lines were refused.
    fn mark_refused(&self, _lines: usize) {}

    /// How many of the user's lines were refused, where somebody has to know that in the end.
    fn refused(&self) -> usize {
        0
    }

    /// Called for each line of the user's that the server has settled and not refused.
    fn on_settled(&self, _settled: &Settled) {}

    /// Called for a line of the user's that the server has refused over a connection that is lost, where nobody knows why.
    fn on_refused_unseen(&self, line: &Typed) {
        self.notice(&format!("refused while the connection was lost: {}", line.for_notice()));
    }

    /// Lets the user see how many of our lines have waited for their receipts for too long.
    ///
    /// # Errors
    ///
    /// It cannot be shown.
    fn set_waiting(&self, _lines: usize) -> Result<(), ExitReason> {
        Ok(())
    }

    /// Lets the user see whether there is a connection.
    fn set_presence(&self, presence: Presence);

    /// Asks the user for a password or a code, which is typed unseen, until [`stop_asking`](Output::stop_asking).
    /// False where nobody can be asked.
    fn ask(&self, _question: &str) -> bool {
        false
    }

    /// How the user gives one beforehand, where nobody can be asked.
    fn way_to_give_secret(&self) -> &'static str {
        "--password-file FILE, or CHATROOM_PASSWORD"
    }

    /// The user is asked no more.
    fn stop_asking(&self) {}

    /// Whether another program has the terminal for now.
    fn is_lent(&self) -> bool {
        false
    }

    /// Who reads what is shown.
    fn reader(&self) -> Reader;

    /// Leaves the terminal as it was. Nothing is shown after that.
    fn close(&self);
}

/// What a connection that was made again has brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comeback {
    /// The session goes on, and nothing is lost.
    Resumed,
    /// The server does not know us any more: lines may have been missed, and so many of ours may be said twice.
    Anew(usize),
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
    /// There is one.
    Here,
    /// One is being made.
    Reconnecting,
    /// One will be tried in so many seconds.
    ReconnectingIn(u64),
}
