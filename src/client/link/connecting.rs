//! Making each connection, and losing it. The receiver's thread does, but for the first one.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Link;
use super::leaving::{outcome_of, without_a_server};
use super::state::{Attempts, Contact, Sending, State};
use crate::client::net::{Opened, Openness, Routes, offers_tls};
use crate::client::session::ClientSession;
use crate::client::turns::Turns;
use crate::problem::Problem;

impl Link {
    /// Connects to the first of the servers that can be connected to, for this session. If that takes a while, `tell`
    /// is given to which address; `pass_on` is told why a server is passed over, and for which one.
    ///
    /// # Errors
    ///
    /// Why there is no connection.
    pub(in crate::client) fn connect(
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
    pub(in crate::client) fn lose(&self) {
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
    pub(in crate::client) fn reconnect(&self) -> Result<(), Problem> {
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
    pub(in crate::client) fn takes_offer(&self, line: &str) -> bool {
        let mut state = self.state();
        let is_open = state.connection.openness() == Openness::Open && !state.is_lost();
        if !(is_open && state.session.handshake.awaits_first_line() && offers_tls(line)) {
            return false;
        }
        self.routes.take_offer(state.turns.current());
        state.contact = Contact::Lost(Attempts::Pending);
        true
    }
}
