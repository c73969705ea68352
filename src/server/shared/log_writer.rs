//! The thread that writes to a shared room's log: one group at a time, and the same one again until the engine has
//! answered.

use std::sync::Arc;
use std::time::Instant;

use super::appender::Appender;
use super::backoff::Backoff;
use super::engine::{Engine, Missing};
use super::trouble::Trouble;
use crate::server::hub::Hub;
use crate::server::system::instant;

/// Writes to the log.
#[derive(Debug)]
pub(crate) struct LogWriter {
    /// Whose groups they are.
    hub: Arc<Hub>,
    /// The way to the engine.
    appender: Appender,
    /// How long it waits after trouble.
    backoff: Backoff,
}

impl LogWriter {
    pub(crate) fn new(hub: Arc<Hub>, engine: Arc<dyn Engine>) -> LogWriter {
        LogWriter { hub, appender: Appender::new(engine), backoff: Backoff::new() }
    }

    /// Writes until the server has taken its leave.
    pub(crate) fn run(mut self) {
        let mut pause = None;
        while let Some(sending) = self.hub.next_group(pause) {
            let sent = self.appender.step(|process| sending.bytes(process.0), Missing::Create);
            pause = match sent {
                Ok(_) => {
                    self.backoff.on_success();
                    self.hub.on_sent(sending.producer(), sending.number());
                    None
                }
                Err(trouble) => Some(self.on_trouble(trouble)),
            };
        }
    }

    /// When to try again.
    fn on_trouble(&mut self, trouble: Trouble) -> Instant {
        self.hub.on_trouble(trouble);
        instant() + self.backoff.on_trouble()
    }
}
