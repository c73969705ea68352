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
use super::net::{Connection, Opened, Openness, Route, Told, offers_tls};
use super::session::{ClientSession, Heard, News};
use super::typed::Typed;
use crate::problem::{Lost, Problem};
use crate::protocol::tag::Format;

pub(super) use ending::Beginning;
pub(super) use secrets::NOT_CARRIED;
use secrets::READABLE;
pub(super) use sending::{Entered, Task};
use state::{Attempts, Contact, ExpectedEnd, Parting, Present, Sending, State};
pub(super) use watch::{Watch, Watched};

mod ending;
mod greeting;
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

/// The way to one server.
#[derive(Debug)]
pub(super) struct Link {
    /// How each connection is made.
    route: Route,
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
    /// Connects by this route, for this session. If that takes a while, `tell` is given to which address.
    ///
    /// # Errors
    ///
    /// Why there is no connection.
    pub(super) fn connect(
        route: Route,
        mut session: ClientSession,
        greeting_wait: Duration,
        tell: impl Fn(&str),
    ) -> Result<Link, Problem> {
        let Opened { connection, trouble, .. } = route.open(tell)?;
        session.begin(connection.binding());
        let state = State::new(connection, trouble, session);
        let (state, changed) = (Mutex::new(state), Condvar::new());
        Ok(Link { route, greeting_wait, state, changed })
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

    /// Connects again, and begins the handshake anew, with the name and the session that we had.
    ///
    /// # Errors
    ///
    /// Why there is no connection.
    pub(super) fn reconnect(&self) -> Result<(), Problem> {
        let opened = self.route.open(|_| ()).inspect_err(|_| {
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
        self.route.take_offer();
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

    /// Who can read along, for a user who asks.
    pub(super) fn secrecy(&self) -> String {
        let state = self.state();
        match state.is_lost() {
            true => "there is no connection now".to_owned(),
            false => state.connection.secrecy().answer(),
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
    /// The server does not let us in or removes us, or it knows us no more after we said that we leave.
    pub(super) fn hear<'a>(&self, line: &'a str) -> Result<Heard<'a>, ExitReason> {
        let mut state = self.state();
        let heard = state.session.hear(line, Instant::now(), clock::now());
        if let Some(why) = heard.turned_away {
            state.expect_end(ExpectedEnd::TurnedAway(why.to_owned()));
            if heard.asks.is_empty()
                && let Some(end) = state.refused()
            {
                return Err(end);
            }
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
