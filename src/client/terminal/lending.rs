//! Leaving the terminal to another program: to a shell while this one is stopped, or to an editor that it runs.

use std::sync::atomic::Ordering;

use crossterm::terminal;

use super::{Bell, Terminal};
use crate::client::answer::Answer;
use crate::client::editor::Editor;
use crate::client::exit_reason::ExitReason;
#[cfg(unix)]
use crate::client::output::Output;

impl Terminal {
    /// Leaves the terminal to others until [`wake`](Terminal::wake).
    #[cfg(unix)]
    pub(in crate::client) fn pause(&self) {
        if self.is_lent() {
            return;
        }
        // A terminal that is gone is noticed by others.
        self.face().screen.pause().ok();
        terminal::disable_raw_mode().ok();
    }

    /// Takes the terminal over again, whatever others have done with it meanwhile.
    #[cfg(unix)]
    pub(in crate::client) fn wake(&self) -> Result<(), ExitReason> {
        if self.is_lent() {
            return Ok(());
        }
        // What this program believes of the mode may have become wrong.
        terminal::disable_raw_mode().ok();
        self.begin()
    }

    /// Leaves the terminal to another program until it is [taken back](Self::take_back), whatever happens meanwhile.
    pub(in crate::client) fn lend(&self) {
        self.is_lent.store(true, Ordering::Release);
        // A terminal that is gone is noticed by others.
        self.face().screen.pause().ok();
        terminal::disable_raw_mode().ok();
    }

    /// Takes it over again, with what the editor has come to.
    pub(in crate::client) fn take_back(
        &self,
        editor: &Editor,
        answer: &Answer,
    ) -> Result<(), ExitReason> {
        // What this program believes of the mode may have become wrong.
        terminal::disable_raw_mode().ok();
        let taken = self.begin().and_then(|()| self.edit(editor, answer, Bell::Silent));
        self.is_lent.store(false, Ordering::Release);
        taken
    }
}
