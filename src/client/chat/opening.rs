//! `/open`: the user sees which address is opened, and what has become of it if that is not seen elsewhere.

use std::sync::Arc;
use std::thread;

use super::Keyboard;
use crate::client::opener::{self, PROGRAM};
use crate::client::output::Output;

impl Keyboard<'_> {
    /// Opens an address, or shows it where it cannot be opened.
    pub(super) fn open(&self, address: String) {
        let mut child = match opener::open(&address) {
            Ok(child) => child,
            Err(why) => return self.terminal.notice(&format!("{why}: {address}")),
        };
        self.terminal.notice(&format!("opening {address}"));
        let terminal = Arc::clone(self.terminal);
        let wait = move || {
            let is_open = child.wait().is_ok_and(|status| status.success());
            if !is_open {
                terminal.notice(&format!("{} could not open {address}", PROGRAM.0));
            }
        };
        // Without a thread, nobody hears of a failure.
        thread::Builder::new().name("opener".to_owned()).spawn(wait).ok();
    }
}
