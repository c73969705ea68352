//! The status of a running server, for the program that has started it.

use std::sync::{Arc, OnceLock, Weak};

use super::hub::Hub;

/// The status of a server, which has none before it runs. Clones share it; the hub is held weakly, so that a
/// status does not keep it.
#[derive(Debug, Clone, Default)]
pub struct Status(Arc<OnceLock<Weak<Hub>>>);

impl Status {
    /// Logs the server's figures.
    pub fn log(&self) {
        let Some(hub) = self.hub() else { return };
        log::info!("{}", hub.figures());
    }

    /// The hub of the server, while that runs.
    pub(super) fn hub(&self) -> Option<Arc<Hub>> {
        self.0.get().and_then(Weak::upgrade)
    }

    /// Makes it the status of this server, if it is nobody's yet.
    pub(super) fn is_of(&self, hub: &Arc<Hub>) {
        self.0.get_or_init(|| Arc::downgrade(hub));
    }
}
