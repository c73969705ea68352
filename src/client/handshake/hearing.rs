//! What a line of the server's does to the first words. Pure.

use super::reaction::{Interest, Reaction, Turn};
use super::{Distance, Handshake, NameChoice, Server, Stage, asks_to_resume};
use crate::client::session::RoomState;
use crate::protocol::reply::{ReadRefusal, ServerLine};
use crate::protocol::request::Command;
use crate::protocol::tag::Format;

impl Handshake {
    /// Takes the server's next line, which came in this form.
    pub(in crate::client) fn receive(&mut self, line: ServerLine<'_>, format: Format) -> Reaction {
        if let ServerLine::Nonce(nonce) = line {
            self.nonce = Some(nonce);
        }
        if let Stage::Nonce(_) | Stage::Asking(..) | Stage::Unnamed = self.stage
            && let Some(reaction) = self.door.hear(line)
        {
            return reaction;
        }
        match (&self.stage, line) {
            (Stage::Nonce(_), ServerLine::Nonce(_)) => self.asks(Interest::Shown),
            (Stage::Resuming, ServerLine::Resumed(lines)) => {
                self.stage = Stage::Done(Server::Ours);
                Reaction { interest: Interest::Hidden, asks: vec![], turn: Turn::Resumed(lines) }
            }
            (Stage::Asking(name, _), ServerLine::Nick(nick)) if nick == name.as_str() => {
                self.settle(Server::Ours)
            }
            (Stage::Asking(..), ServerLine::Nick(_)) => {
                self.is_guest = true;
                Reaction::of(Interest::Shown)
            }
            // It waits for no proof.
            (Stage::Nonce(_), ServerLine::Nick(_)) => {
                self.is_guest = true;
                self.asks(Interest::Shown)
            }
            (Stage::Unnamed, ServerLine::Nick(_)) => self.settle(Server::Ours),
            (_, fact) if fact.is_fact() => Reaction::of(Interest::Shown),
            (Stage::Banner | Stage::Silence, line) => self.meet(line),
            (Stage::Resuming, line) => self.hear_whether_resumed(line, format),
            (Stage::Nonce(_), line) if line.refusal() == Some(ReadRefusal::Tags) => {
                self.asks(Interest::Hidden)
            }
            (Stage::Nonce(_), line) => {
                if line.your_name().is_some() {
                    self.stage = Stage::Nonce(Distance::Far);
                }
                Reaction::of(interest_after_tags(line))
            }
            (Stage::Asking(..), line) => self.hear_whether_named(line, format),
            // In the plain form, our name may be one that we were given before the server heard from us.
            (Stage::Unnamed, line)
                if format == Format::Plain && line.refusal() == Some(ReadRefusal::Tags) =>
            {
                self.stage = Stage::Done(Server::Ours);
                Reaction::of(Interest::Hidden)
            }
            (Stage::Unnamed, line) => Reaction::of(interest_after_tags(line)),
            (Stage::Done(_), _) => Reaction::of(Interest::Shown),
        }
    }

    /// The first line has come.
    fn meet(&mut self, line: ServerLine<'_>) -> Reaction {
        let turn = if self.had_session() { Turn::Anew } else { Turn::None };
        if !line.is_our_banner() {
            return Reaction { turn, ..self.settle(Server::Foreign) };
        }
        if matches!(self.stage, Stage::Silence) {
            // It has settled our name by now, and a command is sent only to a server in time.
            return Reaction { turn, ..self.settle(Server::Ours) };
        }
        let Some(ticket) = self.ticket else {
            let tags = Command::Tags.word().to_owned();
            let name = match self.prover {
                Some(_) => {
                    self.stage = Stage::Nonce(Distance::Near);
                    Vec::new()
                }
                None => self.ask_for_name(),
            };
            let asks = [tags].into_iter().chain(name).collect();
            return Reaction { interest: Interest::Shown, asks, turn };
        };
        self.stage = Stage::Resuming;
        let asks = if self.has_knocked { vec![] } else { asks_to_resume(ticket).into() };
        Reaction { interest: Interest::Hidden, asks, turn: Turn::None }
    }

    /// A server that gives us a name after it has heard of the tagged form has not taken up our
    /// session, whatever it says. One that is far away has made us a guest before it heard from us;
    /// what it tells the guest, it tells us again when it knows us.
    fn hear_whether_resumed(&mut self, line: ServerLine<'_>, format: Format) -> Reaction {
        let is_named = format == Format::Tagged && line.your_name().is_some();
        if line.refusal() == Some(ReadRefusal::Resume) || is_named {
            let asks = self.ask_for_name();
            return Reaction { interest: interest_after_tags(line), asks, turn: Turn::Anew };
        }
        match format {
            // That it keeps us waiting is told in the plain form.
            Format::Plain if RoomState::of(line).is_some() => Reaction::of(Interest::Shown),
            Format::Plain => Reaction::of(Interest::Hidden),
            Format::Tagged => Reaction::of(interest_after_tags(line)),
        }
    }

    fn hear_whether_named(&mut self, line: ServerLine<'_>, format: Format) -> Reaction {
        let Stage::Asking(name, attempt) = &self.stage else {
            return Reaction::of(Interest::Shown);
        };
        let (name, attempt) = (name.clone(), *attempt);
        match line.refusal() {
            Some(ReadRefusal::NameTaken(_) | ReadRefusal::Name)
                if self.choice == NameChoice::ThisAlone =>
            {
                let no_name =
                    Reaction { interest: Interest::Hidden, asks: vec![], turn: Turn::NoName };
                self.prove_late(&name, format).unwrap_or(no_name)
            }
            Some(ReadRefusal::NameTaken(taken)) if taken == name.as_str() => {
                let asked = self.prove_late(&name, format);
                asked.unwrap_or_else(|| self.ask_again(attempt + 1, format))
            }
            Some(ReadRefusal::NameTaken(_) | ReadRefusal::Name) => self.be_given_a_name(format),
            _ if format == Format::Plain && line.your_name() == Some(name.as_str()) => {
                self.settle(Server::Ours)
            }
            _ => Reaction::of(interest_after_tags(line)),
        }
    }

    fn settle(&mut self, server: Server) -> Reaction {
        self.stage = Stage::Done(server);
        Reaction::of(Interest::Shown)
    }
}

/// That the server refuses what we asked for in passing is not the user's business.
fn interest_after_tags(line: ServerLine<'_>) -> Interest {
    match line.refusal() {
        Some(ReadRefusal::Tags | ReadRefusal::Resume | ReadRefusal::Key) => Interest::Hidden,
        _ => Interest::Shown,
    }
}
