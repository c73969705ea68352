//! What the conversation does when the user gives one of the client's own commands. Pure.

use super::Conversation;
use super::command::{self, Answer, Own};
use super::ignored::Change;
use crate::client::typed::Typed;
use crate::protocol::name::{Likeness, Name};

/// What a typed line asks the caller to do.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::client) enum Action {
    /// Send the line as it is.
    Send,
    /// Send this line in its place.
    SendInstead(String),
    /// Send the line as it is, and show the client's own help besides.
    SendAndHelp,
    /// Show this line ([`Conversation::tell`]).
    Tell(String),
    /// Clear the screen.
    Clear,
    /// Open this address.
    Open(String),
    /// Show who can read along.
    TellSecrecy,
}

impl Conversation {
    /// Does what a typed line asks of the client itself, and says what else it asks for. Only for
    /// a server that has our banner: another one takes every line for text.
    pub(in crate::client) fn obey(&mut self, line: &Typed) -> Action {
        let answer = match command::parse(line) {
            Ok(Own::ForServer) => return Action::Send,
            Ok(Own::Help) => return Action::SendAndHelp,
            Ok(Own::Clear) => return Action::Clear,
            Ok(Own::Open(number)) => match self.addresses.get(number) {
                Some(address) => return Action::Open(address.to_owned()),
                None => Answer::NoAddress(self.addresses.len()),
            },
            Ok(Own::Server) => return Action::TellSecrecy,
            Ok(Own::Reply(text)) => match self.correspondent.name() {
                Some(name) => return Action::SendInstead(format!("/msg {name} {text}")),
                None => Answer::NoPrivateLine,
            },
            Ok(Own::WhoIsIgnored) => Answer::AreIgnored(self.ignored.names().collect()),
            Ok(Own::Ignore(name)) => self.ignore(name),
            Ok(Own::Unignore(name)) => match self.ignored.remove(&name.likeness()) {
                Change::Made => Answer::IsIgnoredNoMore(name),
                Change::Needless => Answer::IsNotIgnored(name),
            },
            Err(misuse) => Answer::Misuse(misuse),
        };
        Action::Tell(answer.to_string())
    }

    fn ignore(&mut self, name: Name) -> Answer<'static> {
        let (me, likeness) = (self.roster.me().map(Likeness::of), name.likeness());
        if me.is_some_and(|me| me.is_same_word(&likeness)) {
            return Answer::IsYou;
        }
        match self.ignored.add(name.clone()) {
            Change::Made if self.roster.has_nobody_called(&likeness) => Answer::WillBeIgnored(name),
            Change::Made => Answer::IsIgnored(name),
            Change::Needless => Answer::IsIgnoredAlready(name),
        }
    }
}
