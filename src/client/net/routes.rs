//! The ways to all servers of the room. Each has a [`Route`] of its own, which pins its key; here is what they have in
//! common.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::origin::Origin;
use super::route::{Approach, Opened, Route};
use crate::client::config::{Destination, ServerAddress};
use crate::client::turns::Manner;
use crate::problem::Problem;

/// The ways to all servers of the room, in the order of the user's list; at least one.
#[derive(Debug)]
pub(in crate::client) struct Routes {
    /// Each with the server as the user gave it.
    all: Vec<(ServerAddress, Route)>,
}

impl Routes {
    /// The ways to the servers that the user wants.
    pub(in crate::client) fn new(to: &Destination) -> Routes {
        let is_loss_told = Arc::<AtomicBool>::default();
        let are_several = to.servers.len() > 1;
        let route = |server: &ServerAddress| {
            let route = Route::new(to, server, are_several, &is_loss_told);
            (server.clone(), route)
        };
        Routes { all: to.servers.iter().map(route).collect() }
    }

    /// How many servers there are.
    pub(in crate::client) fn servers(&self) -> usize {
        self.all.len()
    }

    /// The server at this place of the list, as the user would give it.
    pub(in crate::client) fn name(&self, server: usize) -> String {
        self.all[server].0.to_string()
    }

    /// Connects to the server at this place of the list, for a session that began so, if there is one. If that takes a
    /// while, `tell` is given to which address.
    ///
    /// # Errors
    ///
    /// Why there is no connection, or none to the right server. Nothing was sent then.
    pub(in crate::client) fn open(
        &self,
        server: usize,
        manner: Manner,
        session: Option<Origin>,
        tell: impl Fn(&str),
    ) -> Result<Opened, Problem> {
        let is_room_encrypted = self.is_another_encrypted(server);
        self.all[server].1.open(&Approach { manner, session, is_room_encrypted }, tell)
    }

    /// Called when that server has offered TLS in plain: from now on it is talked to over TLS alone.
    pub(in crate::client) fn take_offer(&self, server: usize) {
        self.all[server].1.take_offer();
    }

    /// Whether another server of the room is known to encrypt. Then this one does, too: somebody on the network could
    /// keep us from the others, and answer in its place without.
    fn is_another_encrypted(&self, server: usize) -> bool {
        let mut others = self.all.iter().enumerate().filter(|(place, _)| *place != server);
        others.any(|(_, (_, route))| route.is_known_to_encrypt())
    }
}
