//! What a route makes of the file of known servers: what it says of the server, and that a new one is added.

use std::io;
use std::sync::atomic::Ordering;

use log::warn;

use super::plan::Aim;
use super::{Learned, Route, today};
use crate::client::net::known_servers::{Known, KnownServers, Trust};
use crate::client::net::secrecy::Acquaintance;
use crate::client::net::tls::verifier::{Expected, Shown};
use crate::problem::Problem;

impl Route {
    /// Which servers are known, as far as that can be read.
    pub(super) fn known(&self, trouble: &mut Option<Problem>) -> KnownServers {
        let Some(file) = &self.file else { return KnownServers::default() };
        let known = file.read().unwrap_or_else(|why| {
            self.lose(why, trouble);
            KnownServers::default()
        });
        if known.is_damaged_at(&self.address) {
            let why = format!("the line of {} cannot be read", self.address);
            self.lose(io::Error::new(io::ErrorKind::InvalidData, why), trouble);
        }
        known
    }

    /// Remembers the server, if it is new and is to be known again.
    pub(super) fn learn(&self, aim: &Aim, shown: &Shown, trouble: &mut Option<Problem>) -> Learned {
        let trust = match &aim.expected {
            Expected::Keys(_) | Expected::Fingerprint(_) => {
                return Learned::As(Acquaintance::Known);
            }
            Expected::Vouched => return Learned::As(Acquaintance::Vouched),
            Expected::Any if shown.vouched == Some(Ok(())) => Trust::Ca,
            Expected::Any if shown.is_of_one_run => return Learned::As(Acquaintance::OneRun),
            Expected::Any => Trust::Key(shown.key),
        };
        let as_new = |known: &KnownServers| match trust {
            Trust::Ca => Acquaintance::Vouched,
            Trust::Key(key) => match known.elsewhere(&key, &self.address) {
                Some(address) => Acquaintance::KnownAs(address.to_string()),
                None => Acquaintance::New,
            },
        };
        if !self.learns {
            return Learned::As(as_new(&self.known(trouble)));
        }
        let mut learned = Learned::As(match trust {
            Trust::Ca => Acquaintance::Vouched,
            Trust::Key(_) => Acquaintance::New,
        });
        let changed = self.change(|known| {
            if known.at(&self.address).any(|it| it.trust == trust) {
                learned = Learned::As(Acquaintance::Known);
                return false;
            }
            if known.at(&self.address).next().is_some() {
                learned = Learned::AnotherMeanwhile;
                return false;
            }
            learned = Learned::As(as_new(known));
            known.add(Known { address: self.address.clone(), trust, since: today() });
            true
        });
        if let Err(why) = changed {
            self.lose(why, trouble);
        }
        learned
    }

    fn change(&self, change: impl FnOnce(&mut KnownServers) -> bool) -> io::Result<()> {
        match &self.file {
            Some(file) => file.change(change),
            None => Err(io::Error::other("no state folder is known; set HOME")),
        }
    }

    /// Notes that servers cannot be remembered, which is told once.
    fn lose(&self, why: io::Error, trouble: &mut Option<Problem>) {
        let path = self.file.as_ref().map(|file| file.path().display().to_string());
        let problem =
            Problem::ServersLost { path: path.unwrap_or("known_servers".to_owned()), why };
        warn!("{}", problem.cause());
        if !self.is_loss_told.swap(true, Ordering::Relaxed) {
            *trouble = Some(problem);
        }
    }
}
