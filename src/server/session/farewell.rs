//! How a client is shown out: it is told why, and may read that before the connection is closed.

use std::sync::Arc;
use std::time::Duration;

use super::Session;
use crate::protocol::reply::{self, Refusal};
use crate::server::connection::Connection;
use crate::server::hub::Hub;
use crate::server::hub::visit::Visit;
use crate::server::kinds::TURNED_AWAY;
use crate::server::net::transport::Received;
use crate::server::system::instant;

/// How long a client that is shown out may take in all to read what it was told, before the connection is closed
/// under it.
pub(super) const LINGER: Duration = Duration::from_secs(1);

/// How often bytes of such a client are read and thrown away, before the connection is closed under it.
const LINGER_READS: usize = 64;

/// How many bytes are thrown away at once.
const LINGER_READ: usize = 2 * 1024;

impl Session {
    /// Waits until the client, which has been told all that it is told and has given its place back, has read
    /// that.
    pub(super) fn show_out(self: Box<Self>) {
        show_out(&self.hub, &self.connection);
    }
}

/// Waits until a client without a place has read what it was told, if there are not too many of those.
pub(in crate::server) fn show_out(hub: &Arc<Hub>, connection: &Connection) {
    let visit = Visit::of_leaver(hub, connection.peer().ip());
    linger(connection, if visit.is_some() { LINGER } else { Duration::ZERO });
}

/// Tells a client that it is not let in, and that nothing more comes.
pub(in crate::server) fn refuse(connection: &Connection, why: &Refusal<'_>) {
    connection.tell(why);
    on_refused(connection, why);
}

/// Logs that a client was told so, and lets it know that nothing more comes.
pub(super) fn on_refused(connection: &Connection, why: &Refusal<'_>) {
    let (peer, words) = (connection.peer(), why.to_string());
    log::warn!(target: TURNED_AWAY, "{peer} was refused: {}", reply::words(&words));
    connection.finish();
}

/// Reads on for `timeout` at most and throws the bytes away: a connection that is closed with unread bytes is
/// reset, and the client would lose what it was told last.
fn linger(connection: &Connection, timeout: Duration) {
    let until = instant() + timeout;
    let mut discarded = [0; LINGER_READ];
    for _ in 0..LINGER_READS {
        let left = until.saturating_duration_since(instant());
        if !matches!(connection.receive(&mut discarded, Some(left)), Ok(Received::Bytes(_))) {
            break;
        }
    }
}
