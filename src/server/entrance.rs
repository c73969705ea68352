//! The entrance: who may come into the room, and how many wait to be let in. All sessions share it.
//!
//! It asks nobody: a client's session does (`session/threshold.rs`), and waits for the answer. Its locks are held for
//! moments, each taken with no other one held.

use std::net::IpAddr;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::admission::{Admission, Origin};
use super::config::{Config, EntranceConfig};
use super::system::{Mutex, MutexGuard};
use crate::problem::Problem;
use crate::protocol::reply::{NameNotice, Notice, Refusal};
use password_file::PasswordFile;

mod password_file;

/// As which part of the most clients so many may wait to be let in, and how many in any case.
const WAITING_PART: usize = 4;
const FEWEST_WAITING: usize = 8;

/// The most clients that wait to be let in, in a server for so many.
pub(super) fn most_waiting(max_clients: usize) -> usize {
    (max_clients / WAITING_PART).max(FEWEST_WAITING)
}

/// Who may come in.
#[derive(Debug)]
pub(crate) struct Entrance {
    /// The room's password, if it has one.
    password: Option<PasswordFile>,
    /// Whether only those may come in whom somebody has invited.
    is_for_invited: bool,
    /// How long a client may take to show what lets it in.
    patience: Duration,
    /// How many clients there may be in the room, which is told where too many wait.
    max_clients: usize,
    /// The clients that wait to be let in.
    waiting: Mutex<Admission>,
}

/// One place among those who wait to be let in. Dropped, it is free again.
#[derive(Debug)]
pub(super) struct Place {
    /// Where it is counted.
    entrance: Arc<Entrance>,
    /// For which address it counts; `None` for a client of whom a proxy says nothing.
    origin: Option<Origin>,
}

impl Entrance {
    /// That of a server with this configuration.
    ///
    /// # Errors
    ///
    /// The file with the room's password cannot be read, or has none.
    pub(super) fn open(config: &Config) -> Result<Entrance, Problem> {
        let EntranceConfig { password_file, invited, patience, operators_invite: _ } =
            &config.entrance;
        let password = password_file.as_deref().map(PasswordFile::open).transpose()?;
        let most = most_waiting(config.max_clients);
        Ok(Entrance {
            password,
            is_for_invited: *invited,
            patience: *patience,
            max_clients: config.max_clients,
            waiting: Mutex::new(Admission::new(most, config.max_per_address)),
        })
    }

    /// What a client is asked for; `None` where everybody may come in.
    pub(super) fn question(&self) -> Option<Notice<'static>> {
        match (&self.password, self.is_for_invited) {
            (Some(_), _) => Some(Notice::Name(NameNotice::RoomPassword)),
            (None, true) => Some(Notice::Name(NameNotice::ForInvited)),
            (None, false) => None,
        }
    }

    /// How long a client may take to show what lets it in.
    pub(super) fn patience(&self) -> Duration {
        self.patience
    }

    /// Whether that is the room's password; compared in constant time.
    pub(super) fn opens_for(&self, secret: &str) -> bool {
        self.password.as_ref().is_some_and(|file| file.is(secret))
    }

    /// A place for one more client from there that is to be asked; `None` is a client of whom a proxy says nothing.
    ///
    /// # Errors
    ///
    /// Too many wait. The client is told what it would be told in a full room.
    pub(super) fn take_place(
        self: &Arc<Self>,
        from: Option<IpAddr>,
    ) -> Result<Place, Refusal<'static>> {
        let origin = from.map(Origin::of);
        self.waiting().take(origin).map_err(|why| match why {
            Refusal::RoomFull(_) => Refusal::RoomFull(self.max_clients),
            other => other,
        })?;
        Ok(Place { entrance: Arc::clone(self), origin })
    }

    /// Reads the room's password again, and logs what came of it; false if it has none.
    #[cfg(unix)]
    pub(super) fn reload(&self) -> bool {
        let Some(file) = &self.password else { return false };
        match file.reload() {
            Ok(()) => log::info!("SIGHUP: the room's password is read again"),
            Err(why) => log::error!("SIGHUP: {why}; the room's password stays as it was"),
        }
        true
    }

    fn waiting(&self) -> MutexGuard<'_, Admission> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.entrance.waiting().give_back(self.origin);
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    fn entrance(max_clients: usize, max_per_address: usize) -> Arc<Entrance> {
        let entrance = EntranceConfig { invited: true, ..EntranceConfig::default() };
        let config = Config { max_clients, max_per_address, entrance, ..Config::default() };
        Arc::new(Entrance::open(&config).expect("it has no file"))
    }

    #[test]
    fn a_quarter_of_the_clients_may_wait_and_at_least_eight() {
        for (max_clients, most) in [(1, 8), (32, 8), (36, 9), (100, 25), (100_000, 25_000)] {
            assert_eq!(most_waiting(max_clients), most);
        }
        let entrance = entrance(100, 0);
        let mut places: Vec<_> = (0..25).map(|_| entrance.take_place(None)).collect();
        assert!(places.iter().all(Result::is_ok));
        let refused = entrance.take_place(None).map(drop);
        assert_eq!(refused, Err(Refusal::RoomFull(100)), "the room's own limit is told");
        places.pop();
        assert!(entrance.take_place(None).is_ok());
    }

    #[test]
    fn one_address_may_have_no_more_that_wait_than_clients() {
        let entrance = entrance(100, 2);
        let from = Some([192, 0, 2, 1].into());
        let places = [entrance.take_place(from), entrance.take_place(from)];
        assert!(places.iter().all(Result::is_ok));
        assert_eq!(entrance.take_place(from).map(drop), Err(Refusal::AddressFull(2)));
        assert!(entrance.take_place(Some([192, 0, 2, 2].into())).is_ok());
    }
}
