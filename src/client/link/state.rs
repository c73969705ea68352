//! What the link's lock guards: how the connection stands, what the user wants, and what the sender does.
//!
//! Pure data; the methods of `Link` change it under the lock.

use std::sync::Arc;
use std::time::Instant;

use crate::client::config::OnLoss;
use crate::client::exit_reason::ExitReason;
use crate::client::handshake::{Progress, Server};
use crate::client::net::{Connection, Openness, Origin, Told};
use crate::client::session::{ClientSession, RoomState};
use crate::client::turns::{Manner, Turns};
use crate::problem::Problem;
use crate::protocol::tag::Format;

/// What all threads share of the way to the server.
#[derive(Debug)]
pub(super) struct State {
    /// The present connection, or the last one. The receiver replaces it.
    pub(super) connection: Arc<Connection>,
    /// What has not worked with it, until the user is told.
    pub(super) trouble: Option<Problem>,
    /// What the user was told last of who can read along.
    pub(super) told: Option<Told>,
    /// Which server of the room the connection leads to, and which one is next. The receiver moves it on.
    pub(super) turns: Turns,
    /// What a lost connection means. Told by the receiver.
    pub(super) on_loss: OnLoss,
    /// Over what kind of connection the session began, if there is one.
    pub(super) origin: Option<Origin>,
    /// How that connection stands.
    pub(super) contact: Contact,
    /// What we are to the server. The receiver feeds it, the main thread and the sender use its outbox.
    pub(super) session: ClientSession,
    /// Whether the user wants to leave.
    pub(super) parting: Parting,
    /// Whether there is more to come from the user.
    pub(super) input: Input,
    /// What the sender does.
    pub(super) sending: Sending,
    /// It is over, in a process that goes on: nobody waits any more, and there is no other connection.
    pub(super) is_over: bool,
}

/// Whether there is a connection.
#[derive(Debug)]
pub(super) enum Contact {
    /// There is one, or its end has not been noticed.
    Present(Present),
    /// The receiver has found that it is lost, and has not made another one.
    Lost(Attempts),
}

/// What is known of the present connection.
#[derive(Debug)]
pub(super) struct Present {
    /// How far the handshake is as far as the user has been shown: what is sent then is shown after
    /// the server's lines, and under the right name.
    pub(super) shown: Progress,
    /// When the connection was made.
    pub(super) since: Instant,
    /// When something has come from the server last.
    pub(super) heard_at: Option<Instant>,
    /// Since when the server does not reach its room, while that is so.
    pub(super) away_since: Option<Instant>,
    /// What its end will mean.
    pub(super) end: ExpectedEnd,
}

/// What the end of a connection will mean, as far as that is known before it comes.
#[derive(Debug)]
pub(super) enum ExpectedEnd {
    /// Nothing is known: the end says it.
    Open,
    /// The server has no place for us, and has said why.
    TurnedAway(String),
    /// The connection is dead, as far as we can tell, and we have ended it.
    GivenUp,
    /// The server does not reach its room, so another one is tried.
    RoomAway,
    /// Nothing more is to be received, so we have ended it.
    Stopped,
}

/// What has come of making another connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attempts {
    /// None has failed yet.
    Pending,
    /// The server could not be reached.
    Failed,
}

/// Whether there will be more to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    /// There may be more.
    Open,
    /// No more; the server has to be told.
    Over,
    /// The sender has seen to that.
    Finished,
}

/// What the sender does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sending {
    /// It waits for something to do.
    Idle,
    /// It is writing, perhaps in the middle of a line.
    Writing,
    /// Writing has failed. Until the receiver finds that the connection is lost, nothing more is written.
    Failed,
}

/// Whether we expect the server to close the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parting {
    /// No.
    Staying,
    /// Our side of the connection is closed, so the server may close the other when it has sent
    /// what is due. It has to be closed, not broken, or something may be missing.
    InputEnded,
    /// The user wants to go. However the connection ends now, it is well.
    Wanted,
}

impl Contact {
    /// A connection over which nothing has come, with the handshake as far as it is.
    pub(super) fn new(progress: Progress) -> Contact {
        Contact::Present(Present {
            shown: progress,
            since: Instant::now(),
            heard_at: None,
            away_since: None,
            end: ExpectedEnd::Open,
        })
    }
}

impl State {
    pub(super) fn new(
        connection: Arc<Connection>,
        trouble: Option<Problem>,
        session: ClientSession,
        turns: Turns,
    ) -> State {
        State {
            connection,
            trouble,
            told: None,
            turns,
            on_loss: OnLoss::Ends,
            origin: None,
            contact: Contact::new(Progress::Nowhere),
            session,
            parting: Parting::Staying,
            input: Input::Open,
            sending: Sending::Idle,
            is_over: false,
        }
    }

    /// The present connection, unless it is lost.
    pub(super) fn present(&self) -> Option<&Present> {
        match &self.contact {
            Contact::Present(present) => Some(present),
            Contact::Lost(_) => None,
        }
    }

    /// The same, to be changed.
    pub(super) fn present_mut(&mut self) -> Option<&mut Present> {
        match &mut self.contact {
            Contact::Present(present) => Some(present),
            Contact::Lost(_) => None,
        }
    }

    /// Whether the receiver has found that the connection is lost.
    pub(super) fn is_lost(&self) -> bool {
        self.present().is_none()
    }

    /// How far the handshake is as far as the user has been shown.
    pub(super) fn shown(&self) -> Progress {
        self.present().map_or(Progress::Nowhere, |present| present.shown)
    }

    /// Whether nothing has come yet over a connection that is plain only until the server offers TLS.
    pub(super) fn may_be_offered_tls(&self) -> bool {
        let is_silent = self.present().is_some_and(|present| present.heard_at.is_none());
        is_silent && self.connection.openness() == Openness::Open
    }

    /// Notes how the present connection will have ended.
    pub(super) fn expect_end(&mut self, end: ExpectedEnd) {
        if let Some(present) = self.present_mut() {
            present.end = end;
        }
    }

    /// Whether another server is there to be tried, so that this one is not waited for.
    pub(super) fn is_in_passing(&self) -> bool {
        self.turns.manner() == Manner::InPassing
    }

    /// Whether the server has said that it does not reach its room.
    pub(super) fn is_room_away(&self) -> bool {
        self.present().is_some_and(|present| present.away_since.is_some())
    }

    /// Whether the present connection was given up as dead.
    pub(super) fn is_given_up(&self) -> bool {
        self.present().is_some_and(|present| matches!(present.end, ExpectedEnd::GivenUp))
    }

    /// The end, if the server has no place for us and has not let us in after all.
    pub(super) fn refused(&self) -> Option<ExitReason> {
        let ExpectedEnd::TurnedAway(why) = &self.present()?.end else { return None };
        self.session.handshake.expects_banner().then(|| self.turned_away(why))
    }

    /// The end, since the server has no place for us.
    pub(super) fn turned_away(&self, why: &str) -> ExitReason {
        let (server, why) = (self.connection.peer(), why.to_owned());
        ExitReason::Failed(Problem::Refused { server, why })
    }

    /// Whether the server has given us a name, or ours back.
    pub(super) fn is_done(&self) -> bool {
        matches!(self.session.handshake.progress(), Progress::Done(_))
    }

    /// Notes whether the server reaches its room.
    ///
    /// # Errors
    ///
    /// It does not, and has not let us in, and another server is there to be tried.
    pub(super) fn note_room(&mut self, room: RoomState) -> Result<(), ExitReason> {
        if room == RoomState::Away && !self.is_done() && self.is_in_passing() {
            return Err(ExitReason::Failed(self.room_away()));
        }
        if let Some(present) = self.present_mut() {
            present.away_since = match room {
                RoomState::Away => present.away_since.or_else(|| Some(Instant::now())),
                RoomState::Back => None,
            };
        }
        Ok(())
    }

    /// What it means that the server does not reach its room.
    pub(super) fn room_away(&self) -> Problem {
        Problem::RoomAway { server: self.connection.peer() }
    }

    /// Whether the present connection is left because the room is away.
    pub(super) fn is_left_as_away(&self) -> bool {
        self.present().is_some_and(|present| matches!(present.end, ExpectedEnd::RoomAway))
    }

    /// Whether the server confirms what it takes, and can do so now.
    pub(super) fn gets_receipts(&self) -> bool {
        self.shown() == Progress::Done(Server::Ours) && self.session.format() == Format::Tagged
    }
}
