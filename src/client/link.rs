//! The way to the server, and what both sides know of each other.
//!
//! It outlives a connection: when one is lost, the receiver makes the next. All threads share it.
//! The receiver alone reads from the socket. One thread writes: the sender, once the first words are
//! over; before that the receiver, to say them. In a filter whose server has not our tagged form,
//! the main thread is the sender.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::clock;
use super::exit_reason::ExitReason;
use super::handshake::{Progress, Server};
use super::mutex::lock;
use super::net::{Connection, Origin, Routes, Told};
use super::session::{Heard, News, RoomState};
use crate::problem::Problem;
use crate::protocol::DEFAULT_MAX_LINE;
use crate::protocol::tag::Format;
use secrets::READABLE;
use state::{ExpectedEnd, State};

pub(super) use ending::Beginning;
pub(super) use leaving::outcome_of;
pub(super) use secrets::NOT_CARRIED;
pub(super) use sending::{Entered, Task};
pub(super) use watch::{Watch, Watched};

mod connecting;
mod ending;
mod greeting;
mod leaving;
mod parting;
mod proving;
mod secrets;
mod sending;
mod state;
mod watch;

/// What the user has to know of a connection, and was not told.
#[derive(Debug)]
pub(super) struct Untold {
    /// What has not worked, and does not keep the connection from being used.
    pub(super) trouble: Option<Problem>,
    /// Who can read along, if that is news.
    pub(super) secrecy: Option<Told>,
}

/// The way to the room.
#[derive(Debug)]
pub(super) struct Link {
    /// How each connection is made, to each server of the room.
    routes: Routes,
    /// How long the banner may take. A server without a banner is another one, and is spoken to as it is.
    greeting_wait: Duration,
    /// Held for a moment only: no more is done under it than to say the first words, into a socket
    /// that is still empty.
    state: Mutex<State>,
    /// Notified after each change of the state that somebody may wait for, so nobody who looks at
    /// it under the lock and then waits can miss one.
    changed: Condvar,
}

impl Link {
    /// What the user is to be told of the present connection, once.
    pub(super) fn untold(&self) -> Untold {
        let mut state = self.state();
        let trouble = state.trouble.take();
        let server = state.session.handshake.server().filter(|_| !state.is_lost());
        let told = state.connection.secrecy().told(server);
        // The same is not told again with each connection.
        let secrecy = told.filter(|told| told.is_news_after(state.told.as_ref()));
        if secrecy.is_some() {
            state.told.clone_from(&secrecy);
        }
        Untold { trouble, secrecy }
    }

    /// Who can read along, and on the way to which server if there are several, for a user who asks.
    pub(super) fn secrecy(&self) -> String {
        let state = self.state();
        if state.is_lost() {
            return "there is no connection now".to_owned();
        }
        let answer = state.connection.secrecy().answer();
        match self.routes.servers() {
            1 => answer,
            _ => format!("{}: {answer}", self.routes.name(state.turns.current())),
        }
    }

    /// The connection as it is.
    pub(super) fn connection(&self) -> Arc<Connection> {
        Arc::clone(&self.state().connection)
    }

    /// Whether there is no connection, or none over which the server has shown that it knows us.
    pub(super) fn is_away(&self) -> bool {
        let state = self.state();
        state.is_lost() || state.session.handshake.progress() == Progress::Resuming
    }

    /// Takes a line from the server, and says the first words as far as it is time to.
    ///
    /// # Errors
    ///
    /// The server does not let us in or removes us, it knows us no more after we said that we leave, or another server
    /// is to be tried in its place.
    pub(super) fn hear<'a>(&self, line: &'a str) -> Result<Heard<'a>, ExitReason> {
        let mut state = self.state();
        if let Some(problem) = state.passes_over(line) {
            return Err(ExitReason::Failed(problem));
        }
        let was_done = state.is_done();
        let heard = state.session.hear(line, Instant::now(), clock::now());
        if !was_done && state.is_done() {
            // Whoever gets a name is in the room, and is not told that it is back.
            state.note_room(RoomState::Back)?;
        }
        if let Some(why) = heard.turned_away {
            state.expect_end(ExpectedEnd::TurnedAway(why.to_owned()));
            if heard.asks.is_empty() || state.is_in_passing() {
                return Err(state.turned_away(why));
            }
        }
        if let Some(room) = heard.room {
            state.note_room(room)?;
        }
        if heard.is_token {
            state.origin = Some(Origin::of(state.connection.secrecy()));
        }
        if let Some(why) = heard.shown_out {
            return Err(ExitReason::Failed(state.connection.shown_out(why)));
        }
        if heard.wants_secret() && state.connection.secrecy().is_open_to_others() {
            return Err(ExitReason::Failed(state.connection.shown_out(READABLE)));
        }
        if heard.news.contains(&News::TooLate) {
            return Err(ExitReason::Clean);
        }
        if !heard.asks.is_empty() {
            state.connection.ask(&heard.asks);
        }
        if heard.may_settle() {
            self.changed.notify_all();
        }
        Ok(heard)
    }

    /// How far the first words have come, whether or not the user has been shown them.
    pub(super) fn progress(&self) -> Progress {
        self.state().session.handshake.progress()
    }

    /// Called when what was [heard](Link::hear) has been shown.
    pub(super) fn mark_shown(&self) {
        let mut state = self.state();
        let progress = state.session.handshake.progress();
        if let Some(present) = state.present_mut()
            && present.shown != progress
        {
            present.shown = progress;
            self.changed.notify_all();
        }
    }

    /// What kind of server it is, as far as we know: our own may be late to say so.
    pub(super) fn server_as_known(&self) -> Server {
        self.server().unwrap_or(Server::Foreign)
    }

    /// How many bytes a line may have that goes to it; `None` for one that is not known to be ours.
    pub(super) fn max_line(&self) -> Option<usize> {
        let session = &self.state().session;
        let is_ours = session.handshake.server() == Some(Server::Ours);
        is_ours.then(|| session.max_line().unwrap_or(DEFAULT_MAX_LINE))
    }

    /// How lines come from it.
    pub(super) fn format(&self) -> Format {
        self.state().session.format()
    }

    /// Called when something has come from the server, be it no whole line.
    pub(super) fn mark_heard(&self) {
        let mut state = self.state();
        if let Some(present) = state.present_mut()
            && present.heard_at.replace(Instant::now()).is_none()
        {
            // Whoever waits for the first byte waits for less from now on.
            self.changed.notify_all();
        }
    }

    /// Whether the server has said anything at all.
    pub(super) fn has_heard(&self) -> bool {
        self.state().present().is_some_and(|present| present.heard_at.is_some())
    }

    /// Whether the server knows us, and we it.
    pub(super) fn is_settled(&self) -> bool {
        matches!(self.state().shown(), Progress::Done(_))
    }

    /// The name that we have, as the server spells it, once it has given us one.
    pub(super) fn called(&self) -> Option<String> {
        self.state().session.called().map(str::to_owned)
    }

    /// What kind of server it is, once that is clear.
    pub(super) fn server(&self) -> Option<Server> {
        self.state().session.handshake.server()
    }

    /// Whether the session can go on over another connection.
    pub(super) fn is_resumable(&self) -> bool {
        self.state().session.is_resumable()
    }

    /// Whether the session has gone on over the present connection, and something new has come of
    /// it.
    pub(super) fn has_got_further(&self) -> bool {
        self.state().session.has_got_further()
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}
