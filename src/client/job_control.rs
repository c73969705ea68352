//! Being stopped and continued, as shells do it, and being ended in ways that leave no time.
//!
//! In raw mode Ctrl+Z is a key. The program then leaves the terminal to the shell and stops itself
//! and whatever runs in its process group, as the terminal would have done. Whoever continues it,
//! the terminal is taken over again.

use std::sync::Arc;

use log::info;
use rustix::process::{Signal, kill_current_process_group};
use signal_hook::consts::{SIGCONT, SIGQUIT};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use super::output::Output;
use super::terminal::Terminal;
use super::way_out::{End, WayOut, wait_for_the_end};
use crate::problem::Problem;
use crate::signals::Ignored;

/// Stops the process until it is continued. Without a shell that could do that, as for the only
/// program in a window, the system does not stop it.
pub(super) fn suspend(terminal: &Terminal) -> Result<(), End> {
    info!("suspended");
    terminal.pause();
    kill_current_process_group(Signal::TSTP).ok();
    terminal.wake()
}

/// Starts the thread that takes the terminal over again when the process was stopped in any other
/// way and is continued, and that restores it when the process is to dump its core.
pub(super) fn watch(
    terminal: &Arc<Terminal>,
    way_out: &WayOut,
    ignored: Ignored,
) -> Result<(), Problem> {
    let wanted = [SIGCONT, SIGQUIT].into_iter().filter(|signal| !ignored.has(*signal));
    let mut signals = Signals::new(wanted).map_err(|why| Problem::System("handle signals", why))?;
    let terminal = Arc::clone(terminal);
    way_out.spawn("job-control", move || {
        for signal in signals.forever() {
            if signal == SIGQUIT {
                terminal.close();
                emulate_default_handler(SIGQUIT).ok();
            } else if let Err(end) = terminal.wake() {
                return end;
            }
        }
        wait_for_the_end()
    })
}
