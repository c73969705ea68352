//! What a bot is told before it joins.

use std::path::PathBuf;

use super::{Bot, Error};
use crate::client::config::{Destination, Encryption, IdentityChoice, ServerAddress};
use crate::client::door::Secret;
use crate::client::identity::{self, Opened};
use crate::client::session::ClientSession;
use crate::place::{self, Place};
use crate::protocol::DEFAULT_PORT;
use crate::protocol::name::Name;
use crate::state_folder::Environment;

/// What a bot is told before it joins. What is wrong with it, [`connect`](Builder::connect) says.
#[derive(Debug, Clone)]
#[must_use = "it joins with `connect`"]
pub struct Builder {
    /// Where the server is, as it was given.
    place: String,
    /// The name, as it was given.
    name: Option<String>,
    /// What lets it in, as it was given.
    password: Option<String>,
    /// The fingerprint that the server has to have, as it was given.
    fingerprint: Option<String>,
    /// Whether the server is talked to encrypted.
    encryption: Encryption,
    /// Where its key is.
    identity: IdentityChoice,
    /// Where the keys of servers are kept.
    known_servers: Option<PathBuf>,
    /// Whether new servers are added there.
    learns_servers: bool,
}

impl Builder {
    pub(super) fn new(place: &str) -> Builder {
        Builder {
            place: place.to_owned(),
            name: None,
            password: None,
            fingerprint: None,
            encryption: Encryption::WherePossible,
            identity: IdentityChoice::None,
            known_servers: known_servers(),
            learns_servers: true,
        }
    }

    /// The name that it has, and no other one. Without a name it is a guest.
    pub fn name(mut self, name: &str) -> Builder {
        self.name = Some(name.to_owned());
        self
    }

    /// The room's password, or a code, for a room that not everybody may come into.
    pub fn password(mut self, password: &str) -> Builder {
        self.password = Some(password.to_owned());
        self
    }

    /// Talks encrypted, or not at all. Without that, to a server on another machine it does where the server can, and
    /// from then on always.
    pub fn encrypted(mut self) -> Builder {
        self.encryption = Encryption::Always;
        self
    }

    /// Talks in plain: everybody on the way can read it.
    pub fn plain(mut self) -> Builder {
        self.encryption = Encryption::Never;
        self
    }

    /// Talks encrypted, with the server that has this fingerprint alone, as `chatserver` prints it at its start.
    pub fn fingerprint(mut self, fingerprint: &str) -> Builder {
        self.fingerprint = Some(fingerprint.to_owned());
        self
    }

    /// Proves its name with the key in this file, which is made if it is not there. Then the name is its own once it
    /// has said something.
    pub fn identity(mut self, file: impl Into<PathBuf>) -> Builder {
        self.identity = IdentityChoice::Named(file.into());
        self
    }

    /// Keeps the keys of servers in this file, by which each is known again. Without that, it is the same file as
    /// `chatclient`'s, in the user's state folder.
    pub fn known_servers(mut self, file: impl Into<PathBuf>) -> Builder {
        self.known_servers = Some(file.into());
        self
    }

    /// Writes no server's key anywhere.
    pub fn remember_no_server(mut self) -> Builder {
        self.learns_servers = false;
        self
    }

    /// Joins the room, and waits until the bot is in it.
    ///
    /// # Errors
    ///
    /// What was given cannot be used; there is no connection to that server; or it does not let the bot in.
    pub fn connect(self) -> Result<Bot, Error> {
        let unread = |why| Error::Address { given: self.place.clone(), why };
        let places = place::places(&self.place).map_err(unread)?;
        let name = self.name.as_deref().map(Name::parse).transpose().map_err(Error::Name)?;
        let password = self.password.as_deref().map(secret).transpose()?;
        let encryption = match self.fingerprint.as_deref().map(str::parse).transpose() {
            Ok(Some(fingerprint)) => Encryption::Only(fingerprint),
            Ok(None) => self.encryption,
            Err(why) => return Err(Error::Fingerprint(why)),
        };
        let Opened { identity, .. } = identity::open(&self.identity, &Environment::of_process())?;
        let session = ClientSession::new(name, identity).knowing(password).insisting();
        let to = Destination {
            servers: places.all().iter().map(address).collect(),
            encryption,
            known_servers: self.known_servers,
            learns_servers: self.learns_servers,
        };
        Bot::join(&to, session)
    }
}

fn address(place: &Place) -> ServerAddress {
    ServerAddress { host: place.host.clone(), port: place.port.unwrap_or(DEFAULT_PORT) }
}

fn secret(password: &str) -> Result<Secret, Error> {
    Secret::on_first_line(password).ok_or(Error::BlankPassword)
}

fn known_servers() -> Option<PathBuf> {
    Environment::of_process().state_folder().map(|folder| folder.join("known_servers"))
}
