//! The thread `told`: writes events to the program's standard input, as JSON, one on each line.

use std::io::Write;
use std::process::ChildStdin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Sender;

use super::{Run, Told};
use crate::protocol::tag::Format;
use crate::server::audience::Recipient;
use crate::server::figures::hook::HookFigures;
use crate::server::hub::Hub;
use crate::server::hub::watch::News;
use crate::server::kinds::HOOK_ERRORS;
use crate::server::listeners::each_event;

/// The work of the thread `told`.
pub(super) struct Teller {
    /// The room.
    pub(super) hub: Arc<Hub>,
    /// The run of the program that is told.
    pub(super) run: Arc<Run>,
    /// What is counted, and the next event: another run goes on there.
    pub(super) figures: Arc<HookFigures>,
    /// Tells that the hook was removed.
    pub(super) tell: Sender<Told>,
}

impl Teller {
    /// Writes each event to the program's input, until there are no more; then the input ends.
    pub(super) fn tell_all(self, mut input: ChildStdin) {
        let is_over = &self.run.is_over;
        let program = Recipient { member: self.run.member, format: Format::Tagged };
        while let Some(news) = self.hub.wait_for_news(program, self.figures.next(), is_over) {
            if is_over.load(Ordering::SeqCst) {
                return;
            }
            let mut lines = String::new();
            let next = each_event(&news, program, |event| {
                lines += &event.to_string();
                lines.push('\n');
            });
            self.figures.set_next(next);
            if let News::PassedOver(passed, _) = news {
                self.figures.on_passed_over(passed);
                log::warn!(target: HOOK_ERRORS, "on-event: the program is too slow: {passed} lines passed over");
            }
            if input.write_all(lines.as_bytes()).is_err() {
                // It reads no more, or has ended; whoever waits for that finds it out.
                return;
            }
            if self.run.tell_if_removed(&self.hub, &self.tell) {
                return;
            }
        }
    }
}
