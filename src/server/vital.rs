//! Threads without which the server cannot go on: one that panics ends it.

use std::sync::Arc;
use std::thread::panicking;

use super::hub::Hub;
use super::shutdown::Shutdown;
use super::system::start_thread;
use super::system::thread::JoinHandle;
use crate::problem::Problem;

/// What a thread that panics ends.
#[derive(Debug, Clone)]
pub(crate) struct Vital {
    /// What the threads work for.
    pub(crate) hub: Arc<Hub>,
    /// What ends the server.
    pub(crate) shutdown: Shutdown,
    /// Lets nobody wait for a thread that is no more.
    pub(crate) give_up: fn(&Hub),
}

impl Vital {
    /// Starts a thread of that name.
    ///
    /// # Errors
    ///
    /// The system has no more threads.
    pub(crate) fn start(
        &self,
        name: &str,
        run: impl FnOnce() + Send + 'static,
    ) -> Result<JoinHandle<()>, Problem> {
        let ends_all = EndsAll(self.clone());
        start_thread(name, move || {
            let _ends_all = ends_all;
            run();
        })
    }
}

/// Ends the server together with a thread that panics.
struct EndsAll(Vital);

impl Drop for EndsAll {
    fn drop(&mut self) {
        if panicking() {
            (self.0.give_up)(&self.0.hub);
            self.0.shutdown.begin();
        }
    }
}
