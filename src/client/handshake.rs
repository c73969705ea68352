//! The first words with a server: what kind it is, whether it still knows us, and by what name.
//!
//! Pure: the server's lines in, what to do with them out. A server with our banner is asked for the
//! tagged form, and to take up the session that we had, or else for a name, and for `alice2`,
//! `alice3`, … where `alice` is taken. Before the name, our key is proved to it, with the nonce that it
//! tells; an older server tells none, and is asked for the name without. Any other server, such as the
//! Python original, is sent nothing but what the user writes.

use std::time::Duration;

use super::door::Door;
use crate::protocol::name::Name;
use crate::protocol::proof::Nonce;
use crate::protocol::request::Command;
use crate::protocol::tag::{Seq, Token};

pub(super) use asking::Prover;
pub(super) use reaction::{Interest, Reaction, Turn};

mod asking;
mod hearing;
mod reaction;

/// How long a server may take for its nonce. Our own tells it at once. An older one tells none, and gives us a name
/// meanwhile, which ends the wait.
const NONCE_WAIT: Duration = Duration::from_millis(500);

/// The same for one that is far away: as long as it waits for our proof.
const FAR_NONCE_WAIT: Duration = Duration::from_secs(1);

/// What kind of server it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Server {
    /// It has our banner.
    Ours,
    /// It does not, so it knows neither names nor commands.
    Foreign,
}

/// What the server needs to know us again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket {
    /// What it has given us.
    pub(super) token: Token,
    /// The last event that has come.
    pub(super) seen: Seq,
}

/// What becomes of the session of the connection before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Former {
    /// There was none.
    None,
    /// It is to go on, with this.
    GoesOn(Ticket),
    /// It is over: the server is not known to be the same, so it must not see the token.
    Barred,
}

/// The first words, as far as they have come.
#[derive(Debug)]
pub(super) struct Handshake {
    /// The name that the user wants, if there is one.
    wanted: Option<Name>,
    /// The name that we had on the connection before, if it is another one that can be asked for. It is
    /// asked for first, or two who come back at a time could swap their names.
    had: Option<Name>,
    /// With what to take up the session that we had, if we had one.
    ticket: Option<Ticket>,
    /// How our key is proved, if we have one.
    prover: Option<Prover>,
    /// What the server has told for that, until it is used.
    nonce: Option<Nonce>,
    /// The session that we had cannot go on over this connection, whatever the server says.
    is_barred: bool,
    /// How far it is.
    stage: Stage,
    /// The server was asked to take up our session although it has no place.
    has_knocked: bool,
    /// The server has given us another name than the one that we ask for.
    is_guest: bool,
    /// What the server asks for before it lets us in.
    pub(super) door: Door,
    /// Whether another name will do.
    choice: NameChoice,
}

/// Whether another name will do where the one that is wanted is not to be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NameChoice {
    /// It will: `alice2`, or that of a guest.
    OrAnother,
    /// It will not: whoever wants the name stays outside then.
    ThisAlone,
}

#[derive(Debug)]
enum Stage {
    /// Nothing has come.
    Banner,
    /// The server was asked to take up our session.
    Resuming,
    /// The server was asked for the tagged form, and tells a nonce with that if it knows of keys; it may be far.
    Nonce(Distance),
    /// This name was asked for, as the attempt of that number; 0 is the name that we had.
    Asking(Name, usize),
    /// The server is about to give us a name.
    Unnamed,
    /// Nothing has come for too long; our own server may still be late.
    Silence,
    /// No more words.
    Done(Server),
}

/// How far away the server is, as far as that shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Distance {
    /// Nothing has shown that it is far.
    Near,
    /// It has made a guest of us before it heard from us, so its answers take long.
    Far,
}

/// How far the first words have come, for those who wait for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// It is not clear what kind of server it is.
    Nowhere,
    /// It is ours, as far as we know, but it has not said whether it knows us. What was sent must not
    /// be sent again before that, however long it takes.
    Resuming,
    /// It is ours, but our name is not settled.
    Asking,
    /// It is ours, but it lets us in only for a password or a code, however long the user takes for that.
    AtDoor,
    /// Everything is settled.
    Done(Server),
}

impl Handshake {
    /// The first words of one who wants this name, and goes on with the ticket if there is one.
    pub(super) fn new(
        wanted: Option<Name>,
        ticket: Option<Ticket>,
        prover: Option<Prover>,
    ) -> Handshake {
        Handshake {
            wanted,
            had: None,
            ticket,
            prover,
            nonce: None,
            is_barred: false,
            stage: Stage::Banner,
            has_knocked: false,
            is_guest: false,
            door: Door::default(),
            choice: NameChoice::OrAnother,
        }
    }

    /// The first words over another connection, of one who was called so.
    pub(super) fn again(
        wanted: Option<Name>,
        called: Option<&str>,
        session: Former,
        prover: Option<Prover>,
    ) -> Handshake {
        let had = called.and_then(|name| Name::parse(name).ok());
        // The server alone gives those of guests.
        let had = had.filter(|had| !had.likeness().is_guests() && Some(had) != wanted.as_ref());
        let (ticket, is_barred) = match session {
            Former::None => (None, false),
            Former::GoesOn(ticket) => (Some(ticket), false),
            Former::Barred => (None, true),
        };
        Handshake { had, is_barred, ..Handshake::new(wanted, ticket, prover) }
    }

    /// The same with this door, for one to whom another name matters so much.
    pub(super) fn with(self, door: Door, choice: NameChoice) -> Handshake {
        Handshake { door, choice, ..self }
    }

    /// How long the server's nonce is waited for in all, while it is: an older server tells none.
    pub(super) fn nonce_wait(&self) -> Option<Duration> {
        match self.stage {
            Stage::Nonce(Distance::Near) => Some(NONCE_WAIT),
            Stage::Nonce(Distance::Far) => Some(FAR_NONCE_WAIT),
            _ => None,
        }
    }

    /// Goes on without a nonce, because none has come for too long: what to send.
    pub(super) fn go_on_without_nonce(&mut self) -> Vec<String> {
        if self.nonce_wait().is_some() { self.asks(Interest::Shown).asks } else { Vec::new() }
    }

    /// Goes no further, because the server has been silent for too long.
    pub(super) fn give_up(&mut self) {
        self.stage = match self.server() {
            None => Stage::Silence,
            Some(server) => Stage::Done(server),
        };
    }

    /// The server has no place for one who comes anew. What to send it all the same, once: our own lost
    /// connection may still have one.
    pub(super) fn knock(&mut self) -> Option<[String; 2]> {
        let ticket = self.ticket.filter(|_| matches!(self.stage, Stage::Banner))?;
        let is_first = !std::mem::replace(&mut self.has_knocked, true);
        is_first.then(|| asks_to_resume(ticket))
    }

    /// Whether nothing has come, and nothing was sent for want of it.
    pub(super) fn awaits_first_line(&self) -> bool {
        matches!(self.stage, Stage::Banner)
    }

    /// Whether the next line is the first one.
    pub(super) fn expects_banner(&self) -> bool {
        matches!(self.stage, Stage::Banner | Stage::Silence)
    }

    pub(super) fn progress(&self) -> Progress {
        match self.stage {
            // Ours was there before, so its banner is late, and not missing.
            Stage::Banner if self.had_session() => Progress::Resuming,
            Stage::Banner => Progress::Nowhere,
            Stage::Resuming => Progress::Resuming,
            Stage::Nonce(_) | Stage::Asking(..) | Stage::Unnamed if self.door.is_shut() => {
                Progress::AtDoor
            }
            Stage::Nonce(_) | Stage::Asking(..) | Stage::Unnamed => Progress::Asking,
            Stage::Silence => Progress::Done(Server::Foreign),
            Stage::Done(server) => Progress::Done(server),
        }
    }

    /// What kind of server it is, once that is clear.
    pub(super) fn server(&self) -> Option<Server> {
        match self.progress() {
            Progress::Nowhere => None,
            Progress::Resuming | Progress::Asking | Progress::AtDoor => Some(Server::Ours),
            Progress::Done(server) => Some(server),
        }
    }

    /// Whether the session that we had cannot go on over this connection, whatever the server says.
    pub(super) fn is_barred(&self) -> bool {
        self.is_barred
    }

    fn had_session(&self) -> bool {
        self.ticket.is_some() || self.is_barred
    }
}

fn asks_to_resume(Ticket { token, seen }: Ticket) -> [String; 2] {
    [Command::Tags.word().to_owned(), format!("{} {token} {seen}", Command::Resume.word())]
}

#[cfg(test)]
mod tests;
