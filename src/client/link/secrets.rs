//! Passwords on their way: what the user gives to be let in, and what is not sent where others can read it.

use super::Link;
use crate::client::door::Secret;
use crate::client::typed::Typed;

/// Why nothing is shown to a server that asks for a password.
pub(super) const READABLE: &str =
    "this room wants a password, and others could read it along: the connection is not encrypted";

/// Why a line with a password is not sent.
pub(in crate::client) const NOT_CARRIED: &str =
    "not sent: others could read the password along, for the connection is not encrypted";

impl Link {
    /// Whether a line may be sent to a server of ours: a password that others could read along may not. The server
    /// would not take it anyway.
    pub(in crate::client) fn may_carry(&self, line: &Typed) -> bool {
        !line.is_secret() || !self.state().connection.secrecy().is_open_to_others()
    }

    /// Shows the server what the user gives to be let in, or keeps it for the next connection.
    pub(in crate::client) fn give(&self, secret: Secret) {
        let mut state = self.state();
        let is_connected = !state.is_lost();
        if let Some(line) = state.session.give(secret, is_connected) {
            state.connection.ask(&[line]);
        }
    }
}
