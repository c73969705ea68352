//! Waiting for the nonce that the user's key is proved with. The receiver's thread does.

use std::time::Duration;

use log::info;

use super::Link;

impl Link {
    /// How long the server's nonce is waited for in all, while it is.
    pub(in crate::client) fn nonce_wait(&self) -> Option<Duration> {
        self.state().session.handshake.nonce_wait()
    }

    /// Says what comes next of the first words, because no nonce has come for too long.
    pub(in crate::client) fn go_on_without_nonce(&self) {
        let mut state = self.state();
        let asks = state.session.go_on_without_nonce();
        if !asks.is_empty() {
            info!("the server tells no nonce");
            state.connection.ask(&asks);
        }
    }
}
