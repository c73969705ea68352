//! Being stopped and continued, as shells do it, and being ended in ways that leave no time.
//!
//! In raw mode Ctrl+Z is a key. It asks the program's process group to stop, as the terminal would have
//! done, and so does whoever sends SIGTSTP. A thread waits for that signal, which is blocked in all of
//! them: it leaves the terminal to the shell first, and stops then. Whoever continues the program, the
//! terminal is taken over again.

use std::sync::Arc;

use log::info;
use nix::sys::signal::{SigSet, Signal, raise};
use rustix::process::kill_current_process_group;
use signal_hook::consts::{SIGCONT, SIGQUIT, SIGWINCH};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use super::exit::{Exit, wait_for_the_end};
use super::exit_reason::ExitReason;
use super::output::Output;
use super::terminal::{Resizing, Terminal};
use crate::problem::Problem;
use crate::signals::Ignored;

/// Keeps the process from being stopped before the terminal is left to others. To be called while there
/// is one thread: those that it starts have this from it.
pub(super) fn hold_back_stops() {
    // If it fails, a stop from elsewhere leaves the terminal in raw mode.
    stops().thread_block().ok();
}

/// Asks for the process to be stopped until it is continued, with all that runs in its process group.
pub(super) fn suspend() {
    kill_current_process_group(rustix::process::Signal::TSTP).ok();
}

/// Starts the threads that stop the process, that take the terminal over again when it is continued,
/// that tell of the terminal's sizes, and that restore it when the process is to dump its core.
pub(super) fn watch(
    terminal: &Arc<Terminal>,
    resizing: Resizing,
    exit: &Exit,
    ignored: Ignored,
) -> Result<(), Problem> {
    let wanted = [SIGCONT, SIGQUIT, SIGWINCH].into_iter().filter(|signal| !ignored.has(*signal));
    let mut signals = Signals::new(wanted).map_err(|why| Problem::System("handle signals", why))?;
    let shared = Arc::clone(terminal);
    exit.spawn("job-control", move || {
        for signal in signals.forever() {
            match signal {
                SIGWINCH => resizing.tell(),
                SIGQUIT => {
                    shared.close();
                    emulate_default_handler(SIGQUIT).ok();
                }
                _ => {
                    if let Err(end) = shared.wake() {
                        return end;
                    }
                }
            }
        }
        wait_for_the_end()
    })?;
    let terminal = Arc::clone(terminal);
    exit.spawn("stop", move || stop_when_asked(&terminal))
}

fn stop_when_asked(terminal: &Terminal) -> ExitReason {
    while stops().wait().is_ok() {
        info!("suspended");
        terminal.pause();
        stop();
        // Without a shell that could continue it, as for the only program in a window, the system has
        // not stopped it; and else nothing is wrong with doing this twice.
        if let Err(end) = terminal.wake() {
            return end;
        }
    }
    wait_for_the_end()
}

/// Lets the signal through, which stops all threads.
fn stop() {
    let stops = stops();
    if stops.thread_unblock().is_ok() {
        raise(Signal::SIGTSTP).ok();
        stops.thread_block().ok();
    }
}

fn stops() -> SigSet {
    SigSet::from(Signal::SIGTSTP)
}
