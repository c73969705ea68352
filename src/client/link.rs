//! The way to the server, and what both sides know of each other.
//!
//! It outlives a connection: when one is lost, the receiver makes the next. All threads share it.
//! The receiver alone reads from the socket. One thread writes: the sender, once the first words are
//! over; before that the receiver, to say them. In a filter whose server has not our tagged form,
//! the main thread is the sender.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use log::info;

use super::clock;
use super::exit_reason::ExitReason;
use super::handshake::{Progress, Server};
use super::mutex::lock;
use super::net::{Connection, Opened, Openness, Origin, Routes, Told, offers_tls};
use super::session::{ClientSession, Heard, News, RoomState};
use super::turns::Turns;
use super::typed::Typed;
use crate::problem::{Lost, Problem};
use crate::protocol::DEFAULT_MAX_LINE;
use crate::protocol::tag::Format;

pub(super) use ending::Beginning;
pub(super) use leaving::outcome_of;
use leaving::without_a_server;
pub(super) use secrets::NOT_CARRIED;
use secrets::READABLE;
pub(super) use sending::{Entered, Task};
use state::{Attempts, Contact, ExpectedEnd, Parting, Present, Sending, State};
pub(super) use watch::{Watch, Watched};

mod ending;
mod greeting;
mod leaving;
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
    /// Connects to the first of the servers that can be connected to, for this session. If that takes a while, `tell`
    /// is given to which address; `pass_on` is told why a server is passed over, and for which one.
    ///
    /// # Errors
    ///
    /// Why there is no connection.
    pub(super) fn connect(
        routes: Routes,
        mut session: ClientSession,
        greeting_wait: Duration,
        tell: impl Fn(&str),
        pass_on: impl Fn(&Problem, &str),
    ) -> Result<Link, Problem> {
        let mut turns = Turns::new(routes.servers());
        let Opened { connection, trouble, .. } = loop {
            let why = match routes.open(turns.current(), turns.manner(), None, &tell) {
                Ok(opened) => break opened,
                Err(why) => why,
            };
            match turns.after(outcome_of(&why), 0).filter(|next| !next.begins_round) {
                Some(next) => pass_on(&why, &routes.name(next.server)),
                None => return Err(without_a_server(&turns, why)),
            }
        };
        session.begin(connection.binding());
        let state = State::new(connection, trouble, session, turns);
        let (state, changed) = (Mutex::new(state), Condvar::new());
        Ok(Link { routes, greeting_wait, state, changed })
    }

    /// Called by the receiver when the connection has ended. Until there is another one, the threads
    /// that want to send wait.
    pub(super) fn lose(&self) {
        let mut state = self.state();
        // A sender that is still writing must not wait for a server that takes nothing any more.
        state.connection.hang_up();
        state.contact = Contact::Lost(Attempts::Pending);
        self.changed.notify_all();
        // So that it is known how much of it was written.
        let is_writing = |state: &mut State| state.sending == Sending::Writing;
        let waited = self.changed.wait_while(state, is_writing);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        state.sending = Sending::Idle;
        state.session.lose();
    }

    /// Connects again, to the server whose turn it is, and begins the handshake anew, with the name and the session
    /// that we had.
    ///
    /// # Errors
    ///
    /// Why there is no connection.
    pub(super) fn reconnect(&self) -> Result<(), Problem> {
        let (server, manner, origin) = {
            let state = self.state();
            let origin = state.origin.filter(|_| state.session.is_resumable());
            (state.turns.current(), state.turns.manner(), origin)
        };
        let opened = self.routes.open(server, manner, origin, |_| ()).inspect_err(|_| {
            self.state().contact = Contact::Lost(Attempts::Failed);
            self.changed.notify_all();
        })?;
        let mut state = self.state();
        if state.is_over {
            return Ok(());
        }
        let binding = opened.connection.binding();
        state.session.begin_again(Instant::now(), opened.may_resume, binding);
        state.contact = Contact::new(state.session.handshake.progress());
        state.connection = opened.connection;
        state.trouble = opened.trouble.or(state.trouble.take());
        self.changed.notify_all();
        Ok(())
    }

    /// Whether the first line of a plain connection asks us to talk encrypted. Then nothing more is sent over it,
    /// and the next one is over TLS. Nothing was sent before; one that comes too late is none.
    pub(super) fn takes_offer(&self, line: &str) -> bool {
        let mut state = self.state();
        let is_open = state.connection.openness() == Openness::Open && !state.is_lost();
        if !(is_open && state.session.handshake.awaits_first_line() && offers_tls(line)) {
            return false;
        }
        self.routes.take_offer(state.turns.current());
        state.contact = Contact::Lost(Attempts::Pending);
        true
    }

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

    /// What it means that the server has not said a word, and has not closed the connection when
    /// we did: it may hang, with all that we sent in its system's buffers.
    pub(super) fn silent(&self) -> Problem {
        self.connection().lost(Lost::Silent)
    }

    /// The name that we have, as the server spells it, once it has given us one.
    pub(super) fn called(&self) -> Option<String> {
        self.state().session.called().map(str::to_owned)
    }

    /// What kind of server it is, once that is clear.
    pub(super) fn server(&self) -> Option<Server> {
        self.state().session.handshake.server()
    }

    /// Called before a line is sent that is not in the outbox: after `/quit`, the server will
    /// close the connection.
    pub(super) fn about_to_send(&self, line: &Typed) {
        if line.is_quit() && self.server() == Some(Server::Ours) {
            self.want_to_part();
        }
    }

    /// From now on, the end of the connection is what the user wants.
    pub(super) fn want_to_part(&self) {
        self.state().parting = Parting::Wanted;
    }

    /// Tells the server that nothing more will be sent.
    pub(super) fn close_our_side(&self) -> Result<(), Problem> {
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
    pub(super) fn stop_receiving(&self) {
        let mut state = self.state();
        state.expect_end(ExpectedEnd::Stopped);
        state.connection.take_leave(None);
        state.connection.hang_up();
    }

    /// Whether receiving was ended on this side.
    pub(super) fn has_stopped(&self) -> bool {
        let is_stopped = |present: &Present| matches!(present.end, ExpectedEnd::Stopped);
        self.state().present().is_some_and(is_stopped)
    }

    /// What it means that nothing more will be received.
    pub(super) fn judge(&self, lost: Lost) -> ExitReason {
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

    /// What it means that there are some, at the end.
    pub(super) fn unconfirmed(&self, lines: usize) -> Problem {
        self.connection().unconfirmed(lines)
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
