//! Waiting until it is clear what the server is. The sender waits for it, or a filter's main thread.

use std::sync::{Arc, MutexGuard};
use std::time::{Duration, Instant};

use super::Link;
use super::state::State;
use crate::client::handshake::{Progress, Server};
use crate::client::net::Connection;
use crate::protocol::tag::Format;

/// How long a server of ours may take for an answer. It may have to keep what it answers first, and its disk may be
/// slow; a server of unknown kind has nothing to answer.
const ANSWER: Duration = Duration::from_secs(10);

/// How long a server may take for its first byte where that may be the beginning of an offer to talk encrypted: as long
/// as for a connection. If the banner is only late, nothing of the user's goes out in plain before it. Another kind of
/// server that says nothing of its own accord is spoken to after that.
const FIRST_BYTE: Duration = Duration::from_secs(10);

/// How long the server has been waited for at the present stage of the handshake.
#[derive(Debug, Default)]
pub(super) struct GreetingTimer {
    /// The stage, and when it has lasted for too long; `None` while nobody waits.
    stage: Option<(Waiting, Instant)>,
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waiting {
    /// The first byte, behind which an offer to talk encrypted may come.
    FirstByte,
    /// The server's banner, or the rest of it.
    Banner,
    /// An answer of a server of ours.
    Answer,
}

impl Waiting {
    /// What the handshake waits for, if it has come so far.
    fn of(progress: Progress, state: &State) -> Option<Waiting> {
        match progress {
            Progress::Nowhere if state.may_be_offered_tls() => Some(Waiting::FirstByte),
            Progress::Nowhere => Some(Waiting::Banner),
            Progress::Asking => Some(Waiting::Answer),
            Progress::Resuming | Progress::AtDoor | Progress::Done(_) => None,
        }
    }

    /// How long that may take where a banner may take so long.
    fn patience(self, banner: Duration) -> Duration {
        match self {
            Waiting::FirstByte => banner.max(FIRST_BYTE),
            Waiting::Banner => banner,
            Waiting::Answer => banner.max(ANSWER),
        }
    }
}

/// Whether the user's lines can be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Readiness {
    /// They can, to this kind of server.
    Ready(Server),
    /// Not yet; at this time the server will have been silent for too long.
    Until(Instant),
    /// Not until something changes.
    Unknown,
}

impl GreetingTimer {
    /// Whether the user's lines can be sent to a server that may take so long to say what it is. One that
    /// has taken longer is spoken to as it is.
    pub(super) fn check(&mut self, state: &mut State, patience: Duration) -> Readiness {
        let stage = match state.shown() {
            Progress::Done(server) => return Readiness::Ready(server),
            _ if state.is_lost() => None,
            // The receiver looks after that: it goes on to another server, or waits for the room.
            _ if state.is_in_passing() || state.is_room_away() => None,
            unclear => Waiting::of(unclear, state),
        };
        let now = Instant::now();
        self.stage = stage.map(|stage| match self.stage {
            Some((same, until)) if same == stage => (stage, until),
            _ => (stage, now + stage.patience(patience)),
        });
        match self.stage {
            None => Readiness::Unknown,
            Some((_, until)) if now < until => Readiness::Until(until),
            Some(_) => {
                state.session.handshake.give_up();
                let progress = state.session.handshake.progress();
                if let Some(present) = state.present_mut() {
                    present.shown = progress;
                }
                self.stage = None;
                self.check(state, patience)
            }
        }
    }
}

impl Link {
    /// Waits until there is a connection and it is clear what the server is and by what name it
    /// knows us, or it has been silent for too long. Until then nothing of the user's may be sent.
    /// The second value is how lines come over that connection.
    pub(in crate::client) fn wait_for_greeting(&self) -> (Arc<Connection>, Format) {
        let (mut state, mut timer) = (self.state(), GreetingTimer::default());
        loop {
            state = match timer.check(&mut state, self.greeting_wait) {
                Readiness::Ready(_) => {
                    return (Arc::clone(&state.connection), state.session.format());
                }
                Readiness::Until(deadline) => self.wait_until(state, Some(deadline)),
                Readiness::Unknown => self.wait_until(state, None),
            };
        }
    }

    /// Waits for a change, or for the deadline.
    pub(super) fn wait_until<'a>(
        &'a self,
        state: MutexGuard<'a, State>,
        deadline: Option<Instant>,
    ) -> MutexGuard<'a, State> {
        match deadline {
            None => self.wait(state),
            Some(deadline) => {
                let time = deadline.saturating_duration_since(Instant::now());
                let waited = self.changed.wait_timeout(state, time);
                waited.unwrap_or_else(std::sync::PoisonError::into_inner).0
            }
        }
    }
}
