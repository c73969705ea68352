//! One thread's connection to the log, made when it is needed, and made anew after any trouble.

use std::sync::Arc;

use super::engine::{Engine, Link, Process};
use super::trouble::Trouble;

/// A connection that may be there.
#[derive(Debug)]
pub(crate) struct Connector {
    /// Where it leads.
    engine: Arc<dyn Engine>,
    /// The connection; `None` before the first call, and after trouble.
    link: Option<Box<dyn Link>>,
}

impl Connector {
    /// None yet.
    pub(crate) fn new(engine: Arc<dyn Engine>) -> Connector {
        Connector { engine, link: None }
    }

    /// Does something over the connection. After trouble it is closed: an answer that is late would be the next
    /// call's.
    ///
    /// # Errors
    ///
    /// None can be made, or what is done over it fails.
    pub(crate) fn with<R>(
        &mut self,
        work: impl FnOnce(&mut dyn Link) -> Result<R, Trouble>,
    ) -> Result<R, Trouble> {
        let mut link = match self.link.take() {
            Some(link) => link,
            None => self.engine.connect()?,
        };
        let done = work(link.as_mut())?;
        self.link = Some(link);
        Ok(done)
    }

    /// The process at the other end; `None` without a connection.
    pub(crate) fn process(&self) -> Option<Process> {
        self.link.as_ref().map(|link| link.process())
    }

    /// Closes it. The next call makes another one.
    pub(crate) fn close(&mut self) {
        self.link = None;
    }
}
