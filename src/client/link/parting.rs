//! Ending a connection on our side, and what its end means.

use std::io;

use log::info;

use super::Link;
use super::state::{ExpectedEnd, Parting, Present};
use crate::client::exit_reason::ExitReason;
use crate::client::handshake::Server;
use crate::client::typed::Typed;
use crate::problem::{Lost, Problem};

impl Link {
    /// Called before a line is sent that is not in the outbox: after `/quit`, the server will
    /// close the connection.
    pub(in crate::client) fn about_to_send(&self, line: &Typed) {
        if line.is_quit() && self.server() == Some(Server::Ours) {
            self.want_to_part();
        }
    }

    /// From now on, the end of the connection is what the user wants.
    pub(in crate::client) fn want_to_part(&self) {
        self.state().parting = Parting::Wanted;
    }

    /// Tells the server that nothing more will be sent.
    pub(in crate::client) fn close_our_side(&self) -> Result<(), Problem> {
        info!("nothing more to send");
        // Under the lock, so that the end that follows from it is judged after it.
        let mut state = self.state();
        let finished = state.connection.finish();
        finished.map_err(|why| state.connection.lost(Lost::Broken(why)))?;
        if state.parting == Parting::Staying {
            state.parting = Parting::InputEnded;
        }
        Ok(())
    }

    /// Ends the connection for the thread that receives, as if the server had closed it. On Windows
    /// that does not wake it: it has to look.
    pub(in crate::client) fn stop_receiving(&self) {
        let mut state = self.state();
        state.expect_end(ExpectedEnd::Stopped);
        state.connection.take_leave(None);
        state.connection.hang_up();
    }

    /// Whether receiving was ended on this side.
    pub(in crate::client) fn has_stopped(&self) -> bool {
        let is_stopped = |present: &Present| matches!(present.end, ExpectedEnd::Stopped);
        self.state().present().is_some_and(is_stopped)
    }

    /// What it means that nothing more will be received.
    pub(in crate::client) fn judge(&self, lost: Lost) -> ExitReason {
        let state = self.state();
        let timed_out = || Lost::Broken(io::ErrorKind::TimedOut.into());
        let lost = if state.is_given_up() { timed_out() } else { lost };
        if let Some(end) = state.refused() {
            return end;
        }
        match (state.parting, lost) {
            (Parting::Wanted, _) | (Parting::InputEnded, Lost::Closed) => ExitReason::Clean,
            _ if state.is_left_as_away() => ExitReason::Failed(state.room_away()),
            (Parting::Staying | Parting::InputEnded, lost) => {
                ExitReason::Failed(state.connection.lost(lost))
            }
        }
    }

    /// What it means that the server has not said a word, and has not closed the connection when
    /// we did: it may hang, with all that we sent in its system's buffers.
    pub(in crate::client) fn silent(&self) -> Problem {
        self.connection().lost(Lost::Silent)
    }

    /// What it means that there are some, at the end.
    pub(in crate::client) fn unconfirmed(&self, lines: usize) -> Problem {
        self.connection().unconfirmed(lines)
    }
}
