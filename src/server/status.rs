//! What a running server does, for whoever has started it.

use std::sync::{Arc, OnceLock, Weak};

use super::hub::Hub;

/// Tells what a running server does. Clones tell it of the same one.
#[derive(Debug, Clone, Default)]
pub struct Status(Arc<OnceLock<Weak<Hub>>>);

impl Status {
    /// Logs how many are in the hub, how much is said, what it remembers, and who is held back.
    pub fn log(&self) {
        let Some(hub) = self.0.get().and_then(Weak::upgrade) else { return };
        log::info!("{}", hub.figures());
    }

    /// It is this server that it tells of.
    pub(super) fn is_of(&self, hub: &Arc<Hub>) {
        self.0.get_or_init(|| Arc::downgrade(hub));
    }
}
