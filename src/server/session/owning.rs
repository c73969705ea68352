//! Owning a name by a password: `/register`, `/login` and `/unregister`; and `/invite`, which owners may do. The session's
//! thread runs it, computes with no lock held, and brings the room what has come of it.

use std::time::Duration;

use super::{GO_ON, Next, Phase, Session};
use crate::protocol::name::Name;
use crate::protocol::reply::{NameRefusal, Refusal};
use crate::server::codes::new_code;
use crate::server::passwords::{NotComputed, Verdict, has_right_length};
use crate::server::room::entry::Credentials;
use crate::server::room::people::invitations::CodeHash;

/// The lines that a new password costs besides its own: to compute it takes a processor as long as many lines do.
const REGISTERING: u32 = 99;

/// What a client has given.
#[derive(Debug, Default)]
pub(super) struct Given {
    /// The name whose password it was, without case.
    pub(super) password_of: Option<String>,
    /// A code by which an operator's name may be claimed.
    pub(super) code: Option<CodeHash>,
    /// Whether it was a code that lets one person in.
    pub(super) has_used_code: bool,
}

impl Given {
    /// What counts of it for a name that the client wants.
    pub(super) fn credentials_for(&self, wanted: Option<&Name>) -> Credentials {
        let is_it = |name: &Name| self.password_of.as_deref() == Some(name.likeness().folded());
        let has_password = self.password_of.is_some() && wanted.is_some_and(is_it);
        Credentials { has_password, code: self.code, ..Credentials::default() }
    }
}

impl Session {
    /// Makes the name that the client has its own, by a password.
    pub(super) fn register(&mut self, password: &str) {
        if let Some(why) = self.why_no_password(password) {
            return self.answer(&Refusal::Name(why));
        }
        self.member();
        self.account.bucket.charge(REGISTERING);
        match self.secrets.passwords.hash(password, || self.is_lost()) {
            Ok(hash) => {
                if let Phase::Joined { member, .. } = &mut self.phase {
                    member.register(&hash, self.lines_read);
                }
            }
            Err(why) => self.on_not_computed(why),
        }
    }

    /// Why that cannot become a password on this connection, if it cannot.
    fn why_no_password(&self, password: &str) -> Option<NameRefusal<'static>> {
        if self.is_readable() {
            Some(NameRefusal::InPlain)
        } else {
            (!has_right_length(password)).then_some(NameRefusal::PasswordLength)
        }
    }

    /// Lets the client have a name whose password it gives. Where not everybody may come in, it comes in by that if
    /// the name's owner was let in before.
    pub(super) fn login(&mut self, name: &Name, password: &str) -> Next {
        if self.is_readable() {
            self.refuse_name(&Refusal::Name(NameRefusal::InPlain));
            return GO_ON;
        }
        let likeness = name.likeness();
        let hash = self.hub.password_of(&likeness);
        let attempt = self.attempt(hash.as_ref().map(|_| likeness.folded().to_owned()));
        self.wait_for_turn(&attempt)?;
        let Some(hash) = hash else { return self.on_wrong(&attempt) };
        match self.secrets.passwords.verify(password, &hash, || self.is_lost()) {
            Ok(Verdict::Wrong) => return self.on_wrong(&attempt),
            Ok(Verdict::Right) => {}
            Ok(Verdict::Renewed(new)) => self.hub.renew_password(&likeness, &new),
            Err(why) => {
                self.on_not_computed(why);
                return GO_ON;
            }
        }
        self.secrets.guesses.succeed(&attempt);
        self.given.password_of = Some(likeness.folded().to_owned());
        self.have(name)
    }

    /// Lets the client have a name that it has proved to own.
    pub(super) fn have(&mut self, name: &Name) -> Next {
        let is_let_in = self.hub.has_let_in_owner_of(&name.likeness());
        match &mut self.phase {
            Phase::Outside(outside) => {
                outside.want(name);
                if is_let_in { self.let_in() } else { self.ask() }
            }
            Phase::Unnamed { .. } => {
                self.join(Some(name), self.lines_read);
                GO_ON
            }
            Phase::Joined { .. } => {
                self.rename(name);
                GO_ON
            }
            Phase::Gone => GO_ON,
        }
    }

    /// Gives the client a code that lets one person in, if it may have one.
    pub(super) fn invite(&mut self, within: Duration) {
        let Some(code) = new_code() else {
            return self.answer(&Refusal::Name(NameRefusal::TryLater));
        };
        self.with_joined(|member, line| {
            member.invite(&code, within, line);
            false
        });
    }

    fn on_not_computed(&mut self, why: NotComputed) {
        match why {
            // The next read finds the end.
            NotComputed::Over => {}
            NotComputed::NoMemory => self.refuse_name(&Refusal::Name(NameRefusal::TryLater)),
            NotComputed::Unreadable => {
                log::error!("a password that the history has is not one of this server's");
                self.refuse_name(&Refusal::Name(NameRefusal::WrongSecret));
            }
        }
    }
}
