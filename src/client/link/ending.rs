//! The beginning and the end of a link whose process goes on after it: a program that takes part by the library.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use super::Link;
use super::greeting::{GreetingTimer, Readiness};
use super::state::{Attempts, Contact, Input, Parting, State};
use crate::client::handshake::Server;
use crate::protocol::tag::Format;

/// What the first connection has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::client) enum Beginning {
    /// The server is ours, knows us by a name, and confirms what it takes.
    Joined,
    /// The server does not, so a program has nothing to rely on.
    NoChatroom,
    /// It is over; the receiver knows why.
    Over,
}

impl Link {
    /// Waits until it is clear what the server is, and our name is settled.
    pub(in crate::client) fn wait_for_beginning(&self) -> Beginning {
        let (mut state, mut timer) = (self.state(), GreetingTimer::default());
        loop {
            if state.is_over {
                return Beginning::Over;
            }
            state = match timer.check(&mut state, self.greeting_wait) {
                Readiness::Ready(Server::Ours) if state.session.format() == Format::Tagged => {
                    return Beginning::Joined;
                }
                Readiness::Ready(_) => return Beginning::NoChatroom,
                Readiness::Until(deadline) => self.wait_until(state, Some(deadline)),
                Readiness::Unknown => self.wait_until(state, None),
            };
        }
    }

    /// Waits until it is over, or there is no need to come back: the server is gone, and all that was entered is known
    /// to be taken. False if the time is up before that.
    pub(in crate::client) fn wait_for_end(&self, deadline: Option<Instant>) -> bool {
        let mut state = self.state();
        while !state.is_over && !state.needs_nothing() {
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return false;
            }
            state = self.wait_until(state, deadline);
        }
        true
    }

    /// Ends it, whatever is not confirmed: all threads that wait for something end, and there is no other connection.
    pub(in crate::client) fn end(&self) {
        let mut state = self.state();
        state.is_over = true;
        state.parting = Parting::Wanted;
        state.connection.take_leave(None);
        state.connection.hang_up();
        self.changed.notify_all();
    }

    /// Whether it is over.
    pub(in crate::client) fn is_over(&self) -> bool {
        self.state().is_over
    }

    /// Waits before another attempt to connect, unless it is over.
    pub(in crate::client) fn pause(&self, time: Duration) {
        let goes_on = |state: &mut State| !state.is_over;
        let waited = self.changed.wait_timeout_while(self.state(), time, goes_on);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }
}

impl State {
    /// Whether the server is gone, no more will be entered, and all that was is known to be taken.
    pub(super) fn needs_nothing(&self) -> bool {
        let is_gone = matches!(self.contact, Contact::Lost(Attempts::Failed));
        is_gone && self.input != Input::Open && self.session.outbox.unsaid() == 0
    }
}
