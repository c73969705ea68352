//! Orders and what keeps people out, at the border of the room: what is logged, and whose connections are closed.

use std::net::IpAddr;
use std::time::Duration;

use super::Hub;
use crate::protocol::name::{Likeness, Name};
use crate::protocol::proof::KeyHash;
use crate::protocol::reply::{NameNotice, NameRefusal, Notice, Refusal};
use crate::protocol::request::Order;
use crate::server::codes::new_code;
use crate::server::connection::ConnectionId;
use crate::server::kinds::ORDERED;
use crate::server::room::entry::{Entry, Ordered, Orderer, Outcome};
use crate::server::room::people::invitations::CodeHash;
use crate::server::room::people::sanctions::Person;
use crate::server::system::now;

impl Hub {
    /// Carries out an order of whoever is at the server's own keyboard. The answers, line by line.
    pub(crate) fn order(&self, order: &Order<'_>) -> Vec<String> {
        if let Order::Stats = order {
            return self.stats();
        }
        let outcome = self.bring(Entry::order(Orderer::Console, order));
        match outcome {
            Outcome::Ordered(ordered) => self.carry_out(ordered).answers,
            _ => Vec::new(),
        }
    }

    /// Makes a code that lets one person in for so long. The answer, line by line.
    pub(crate) fn invite(&self, time: Duration) -> Vec<String> {
        let Some(text) = new_code() else {
            return vec![Refusal::Name(NameRefusal::TryLater).to_string()];
        };
        let code = CodeHash::of(&text);
        let invited = self.bring(Entry::InviteByConsole { code, time });
        vec![match invited {
            Outcome::Refused(refusal) => refusal.to_string(),
            _ => Notice::Name(NameNotice::Code { code: &text, within: time }).to_string(),
        }]
    }

    /// Logs an order, and has the sessions end whose members it has removed. They are sent what they are due.
    pub(super) fn carry_out(&self, ordered: Ordered) -> Ordered {
        for line in &ordered.log {
            log::info!(target: ORDERED, "{line}");
        }
        let removed = self.with(|shared| std::mem::take(&mut shared.removed));
        removed.iter().for_each(|connection| connection.end_input());
        ordered
    }

    /// What somebody is told whose address is banned. A banned key or name is found at the join.
    pub(crate) fn ban_of_address(&self, address: Option<IpAddr>) -> Option<Refusal<'static>> {
        let (person, now) = (Person { address, ..Person::default() }, now());
        self.with(|shared| shared.room.ban(&person, now))
    }

    /// The hash of the password by which one owns this name, if it has one.
    pub(crate) fn password_of(&self, likeness: &Likeness) -> Option<Box<str>> {
        self.with(|shared| shared.room.password_of(likeness))
    }

    /// Takes a password's hash for one that was made with older parameters.
    pub(crate) fn renew_password(&self, likeness: &Likeness, password: &str) {
        let word = likeness.folded();
        self.bring(Entry::RenewPassword { word, password });
    }

    /// Whether the owner of a key was let in before, with a code or by name.
    pub(crate) fn has_let_in(&self, key: KeyHash) -> bool {
        self.with(|shared| shared.room.has_let_in(key))
    }

    /// Whether anybody was let in before.
    pub(crate) fn has_let_in_anybody(&self) -> bool {
        self.with(|shared| shared.room.has_let_in_anybody())
    }

    /// Whether the owner of a name was let in before.
    pub(crate) fn has_let_in_owner_of(&self, likeness: &Likeness) -> bool {
        self.with(|shared| shared.room.has_let_in_owner_of(likeness))
    }

    /// Uses up a code of somebody who has proved to own that key, if any. Whether the code is good for something.
    pub(crate) fn use_code(
        &self,
        code: CodeHash,
        key: Option<KeyHash>,
        connection: ConnectionId,
    ) -> bool {
        let passed = self.bring(Entry::Pass { code, key, connection });
        matches!(passed, Outcome::Done)
    }

    /// Whether a code is one by which an operator's name may be claimed.
    pub(crate) fn claims_name(&self, code: CodeHash) -> bool {
        self.with(|shared| shared.room.claims_name(code))
    }

    /// The operators' names of the options that nobody owns.
    pub(crate) fn unclaimed(&self) -> Vec<Name> {
        self.with(|shared| shared.room.unclaimed())
    }

    /// Lets whoever gives this code claim an operator's name.
    pub(crate) fn offer_name(&self, name: &Name, code: CodeHash) {
        let word = name.likeness().folded().to_owned();
        self.bring(Entry::OfferName { word, code });
    }
}
