//! Going from one server of the room to the next: when a connection that has not ended is left, and which one is made
//! after it. The receiver's thread does.

use std::time::{Duration, Instant};

use super::Link;
use super::state::{ExpectedEnd, State};
use crate::client::config::OnLoss;
use crate::client::handshake::Progress;
use crate::client::turns::{Attempt, Blemish, Outcome, Turns};
use crate::problem::Problem;
use crate::protocol::reply;

/// How long a server may take for its first word where another one is there to be tried.
const FIRST_WORD: Duration = Duration::from_secs(1);

/// How long it may take, since the connection was made, to let us in or to take up our session: longer than it waits
/// before it says that the room is away.
const ALL_WORDS: Duration = Duration::from_secs(5);

impl Link {
    /// How many servers the room has, as far as the user says.
    pub(in crate::client) fn servers(&self) -> usize {
        self.routes.servers()
    }

    /// Whether the server of the present connection is one of several and is not told of the session that we had.
    pub(in crate::client) fn is_kept_from_session(&self) -> bool {
        self.routes.servers() > 1 && self.state().session.handshake.is_barred()
    }

    /// The server that the present connection leads to, as the user would give it.
    pub(in crate::client) fn server_name(&self) -> String {
        let server = self.state().turns.current();
        self.routes.name(server)
    }

    /// Whether the server has said that it does not reach its room.
    pub(in crate::client) fn is_room_away(&self) -> bool {
        self.state().is_room_away()
    }

    /// Moves on to the next server after this outcome of the present one. None if no server may be used any more.
    pub(in crate::client) fn move_on(&self, outcome: Outcome, dice: u64) -> Option<Attempt> {
        self.state().turns.after(outcome, dice)
    }

    /// What it means that no server is left after this problem with the last one.
    pub(in crate::client) fn without_a_server(&self, last: Problem) -> Problem {
        without_a_server(&self.state().turns, last)
    }

    /// What a lost connection will mean.
    pub(in crate::client) fn set_on_loss(&self, on_loss: OnLoss) {
        self.state().on_loss = on_loss;
    }

    /// When the present connection is to be left for another server, if nothing changes until then: it has not let us
    /// in, or the room is away.
    pub(in crate::client) fn leave_at(&self) -> Option<Instant> {
        let state = self.state();
        let present = state.present()?;
        let is_let_in = match state.session.handshake.progress() {
            Progress::Nowhere | Progress::Resuming | Progress::Asking => false,
            Progress::AtDoor | Progress::Done(_) => true,
        };
        if state.is_in_passing() && !is_let_in {
            let wait = if present.heard_at.is_none() { FIRST_WORD } else { ALL_WORDS };
            return Some(present.since + wait);
        }
        state.give_up_at(present.away_since?)
    }

    /// Called when the present connection is left although it has not ended. What comes over it is not received.
    pub(in crate::client) fn leave(&self) {
        let mut state = self.state();
        match state.is_room_away() {
            true => state.give_up(Instant::now()),
            false => state.expect_end(ExpectedEnd::GivenUp),
        }
    }
}

/// What it means that no server is left after this problem with the last one.
pub(super) fn without_a_server(turns: &Turns, last: Problem) -> Problem {
    let is_last_wrong = matches!(last, Problem::WrongServer(_));
    if turns.has_met_wrong() && !is_last_wrong {
        return Problem::AfterWrongServer(Box::new(last));
    }
    last
}

/// What a problem with a server means for which one is tried next.
pub(in crate::client) fn outcome_of(problem: &Problem) -> Outcome {
    match problem {
        Problem::WrongServer(_) => Outcome::Wrong,
        Problem::RoomAway { .. } => Outcome::Passed(Blemish::Away),
        Problem::NewServer { .. } => Outcome::Passed(Blemish::New),
        _ => Outcome::NoAnswer,
    }
}

impl State {
    /// When the present connection is to be left for another server, if something is waited for since then. None if
    /// there is no other one, or if the program would end with the connection.
    pub(super) fn give_up_at(&self, since: Instant) -> Option<Instant> {
        match self.on_loss {
            OnLoss::ComesBack => self.turns.give_up_at(since),
            OnLoss::Ends => None,
        }
    }

    /// Leaves the present connection, which was good until something was waited for in vain.
    pub(super) fn give_up(&mut self, now: Instant) {
        self.turns.mark_given_up(now);
        let is_away = self.is_room_away();
        self.expect_end(if is_away { ExpectedEnd::RoomAway } else { ExpectedEnd::GivenUp });
    }

    /// Why a server that says this first is passed over, if it is: it is none of ours.
    pub(super) fn passes_over(&self, line: &str) -> Option<Problem> {
        let is_first = self.is_in_passing() && self.session.handshake.awaits_first_line();
        let says = reply::parse(line);
        let is_ours = says.is_our_banner() || says.refusal().is_some();
        let (server, said) = (self.connection.peer(), line.to_owned());
        (is_first && !is_ours).then_some(Problem::NoChatroom { server, said })
    }
}
