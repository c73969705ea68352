//! The part of the first words that asks for a name, one after the other, and proves our key before that. Pure.

use std::sync::Arc;

use unicode_segmentation::UnicodeSegmentation;

use super::{Handshake, Interest, Reaction, Server, Stage, Turn};
use crate::client::identity::Identity;
use crate::protocol::name::{MAX_CHARACTERS, Name};
use crate::protocol::proof::Binding;
use crate::protocol::request::Command;
use crate::protocol::tag::Format;

/// The last number that is put after a name that is taken. Somebody who is here nine times does
/// not mind being a guest.
const LAST_NUMBER: usize = 9;

/// How our key is proved over one connection.
#[derive(Debug, Clone)]
pub(in crate::client) struct Prover {
    /// The key.
    pub(in crate::client) identity: Arc<Identity>,
    /// What binds a proof to the connection.
    pub(in crate::client) binding: Binding,
}

impl Handshake {
    /// What to send to prove our key, if that is possible, and to be given a name, if we want one.
    pub(super) fn ask_for_name(&mut self) -> Vec<String> {
        let proof = self.proof();
        let first = self.had.clone().map(|had| (had, 0));
        let name = match first.or_else(|| Some((self.wanted.clone()?, 1))) {
            None => {
                self.stage = Stage::Unnamed;
                None
            }
            Some((name, attempt)) => {
                let ask = asks_for(&name);
                self.stage = Stage::Asking(name, attempt);
                Some(ask)
            }
        };
        proof.into_iter().chain(name).collect()
    }

    /// The same, as what comes of a line.
    pub(super) fn asks(&mut self, interest: Interest) -> Reaction {
        Reaction { interest, asks: self.ask_for_name(), turn: Turn::None }
    }

    /// The command that proves our key, if we have one and the server has told a nonce that is not used.
    fn proof(&mut self) -> Option<String> {
        let Prover { identity, binding } = self.prover.as_ref()?;
        Some(identity.proof(&self.nonce.take()?, binding))
    }

    /// Proves our key after a name was refused, and asks for it again: it may be ours, where the nonce came too late
    /// to prove that. `None` if that is not possible, or the server has given us a name.
    pub(super) fn prove_late(&mut self, name: &Name, format: Format) -> Option<Reaction> {
        let has_no_name = format == Format::Tagged && !self.is_guest;
        let proof = if has_no_name { self.proof() } else { None }?;
        let asks = vec![proof, asks_for(name)];
        Some(Reaction { interest: Interest::Hidden, asks, turn: Turn::None })
    }

    /// We ask no more. In the tagged form there may be no name yet, and one comes.
    pub(super) fn be_given_a_name(&mut self, format: Format) -> Reaction {
        self.stage = match format {
            Format::Tagged if !self.is_guest => Stage::Unnamed,
            Format::Plain | Format::Tagged => Stage::Done(Server::Ours),
        };
        Reaction::of(Interest::Shown)
    }

    /// Asks for another name, as the attempt of that number.
    pub(super) fn ask_again(&mut self, attempt: usize, format: Format) -> Reaction {
        let next = self.wanted.as_ref().filter(|_| attempt <= LAST_NUMBER);
        match next.and_then(|name| numbered(name, attempt)) {
            None => self.be_given_a_name(format),
            Some(name) => {
                let asks = vec![asks_for(&name)];
                self.stage = Stage::Asking(name, attempt);
                Reaction { interest: Interest::Hidden, asks, turn: Turn::None }
            }
        }
    }
}

/// The command that asks for a name.
pub(super) fn asks_for(name: &Name) -> String {
    format!("{} {name}", Command::Nick.word())
}

/// The name with the number after it, if that is not 1, and without its end if it would be too long.
pub(super) fn numbered(name: &Name, number: usize) -> Option<Name> {
    if number == 1 {
        return Some(name.clone());
    }
    let number = number.to_string();
    let kept = name.as_str().graphemes(true).take(MAX_CHARACTERS - number.len());
    Name::parse(&(kept.collect::<String>() + &number)).ok()
}
