//! What the end of a connection means: another one, or the end of the program, and how that is told.

use super::Receiver;
use crate::client::config::OnLoss;
use crate::client::exit_reason::ExitReason;
use crate::client::handshake::Server;
use crate::client::output::{Output, Reader};
use crate::client::reconnect::Endurance;
use crate::problem::Problem;

/// How far we have come with the server. A lost connection is worth another once the server has been ours
/// or has let us in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    /// Nothing is known of it.
    Unknown,
    /// It is one of ours.
    Ours,
    /// It has let us in, so what the user has to say may have been sent.
    LetIn,
    /// It has given us a session that can go on, so there is somebody to confirm what is sent.
    Resumable,
}

impl Receiver<'_> {
    /// The end. Where another connection leads to a server that is not the right one, what was sent over the others
    /// may be unconfirmed.
    pub(super) fn failed(&self, problem: Problem) -> ExitReason {
        let (Problem::WrongServer(_) | Problem::AfterWrongServer(_)) = problem else {
            return ExitReason::Failed(problem);
        };
        let lines = self.link.unsaid();
        let unconfirmed = (lines > 0).then(|| Box::new(self.link.unconfirmed(lines)));
        ExitReason::WrongServer { server: Box::new(problem), unconfirmed }
    }

    pub(super) fn present_standing(&self) -> Standing {
        if self.link.is_resumable() {
            Standing::Resumable
        } else if self.link.is_settled() {
            Standing::LetIn
        } else if self.link.server() == Some(Server::Ours) {
            Standing::Ours
        } else {
            Standing::Unknown
        }
    }

    /// A program has to know that nobody confirms what it said; somebody at a terminal is told.
    pub(super) fn with_what_is_unsaid(&self, end: ExitReason) -> ExitReason {
        let unsaid = self.link.unsaid();
        match (end, self.output.reader()) {
            (ExitReason::Clean, Reader::Program) if unsaid > 0 => {
                ExitReason::Failed(self.link.unconfirmed(unsaid))
            }
            (ExitReason::Clean, Reader::Program) => end_with_refused(self.output),
            (ExitReason::Clean, Reader::Person) => {
                tell_of_unsaid(self.output, unsaid);
                ExitReason::Clean
            }
            (end, Reader::Person | Reader::Program) => end,
        }
    }

    /// Whether there is to be another connection, and how long it is tried. A program can only go on where it was, or
    /// begin again if it has not begun. Another server of the room may be tried as long as none has let us in.
    pub(super) fn endurance_after(&self, problem: &Problem) -> Option<Endurance> {
        let may_return = match problem {
            Problem::ConnectionLost { .. } | Problem::Refused { .. } => {
                self.standing >= Standing::Ours
            }
            // Whoever has had the name may have it again once the other one is gone.
            Problem::NameRefused { .. } => self.standing >= Standing::Resumable,
            Problem::Unconfirmed { .. } => self.link.is_resumable(),
            _ => self.is_of_one_server(problem) && self.standing >= Standing::Ours,
        };
        let may_go_on = match self.output.reader() {
            Reader::Person => true,
            Reader::Program => self.standing != Standing::LetIn,
        };
        if may_return && may_go_on && self.on_loss == OnLoss::ComesBack {
            return Some(Endurance::ForEver);
        }
        let is_at_start = self.standing < Standing::LetIn && self.is_of_one_server(problem);
        is_at_start.then_some(Endurance::ThisRound)
    }

    /// Whether the room has other servers that may be better.
    fn is_of_one_server(&self, problem: &Problem) -> bool {
        let is_of_server = match problem {
            Problem::ConnectionLost { .. }
            | Problem::Refused { .. }
            | Problem::UnknownHost { .. }
            | Problem::Connect { .. }
            | Problem::NoChatroom { .. }
            | Problem::WrongServer(_)
            | Problem::NewServer { .. }
            | Problem::RoomAway { .. } => true,
            Problem::Unconfirmed { .. }
            | Problem::NameForHost { .. }
            | Problem::NameRefused { .. }
            | Problem::AfterWrongServer(_)
            | Problem::Listen { .. }
            | Problem::NothingToAnnounce(_)
            | Problem::NoRoomsFound
            | Problem::Log { .. }
            | Problem::LogLost { .. }
            | Problem::HistoryLost { .. }
            | Problem::PasswordFile { .. }
            | Problem::History(_)
            | Problem::Identity(_)
            | Problem::IdentityLost(_)
            | Problem::Entrance(_)
            | Problem::Shared { .. }
            | Problem::System(..)
            | Problem::ShownOut { .. }
            | Problem::UnknownServer(_)
            | Problem::ServersLost { .. }
            | Problem::LinesRefused { .. }
            | Problem::LogBack { .. }
            | Problem::LogStays { .. }
            | Problem::TimeIsUp(_)
            | Problem::Config(_)
            | Problem::Bug => false,
        };
        is_of_server && self.link.servers() > 1
    }
}

/// A clean end, unless lines of the user's were refused.
pub(in crate::client) fn end_with_refused(output: &dyn Output) -> ExitReason {
    match output.refused() {
        0 => ExitReason::Clean,
        lines => ExitReason::Failed(Problem::LinesRefused { lines }),
    }
}

/// Tells somebody who leaves how many lines are not known to be said.
pub(in crate::client) fn tell_of_unsaid(output: &dyn Output, lines: usize) {
    match lines {
        0 => {}
        1 => output.notice("the last line was not sent"),
        lines => output.notice(&format!("the last {lines} lines were not sent")),
    }
}
