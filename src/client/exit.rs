//! The one way out of the program, from whichever thread it is taken.
//!
//! The main thread is in a call that nothing but a key ends, so whoever finds that it is over (the
//! receiver, a signal, a panic) ends the process itself. The first to come restores the terminal,
//! says what happened and exits; whoever comes after it waits for that.

use std::any::Any;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::process;
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;

use log::{error, info};

use super::exit_reason::ExitReason;
use super::link::Link;
use super::mutex::lock;
use super::output::Output;
#[cfg(unix)]
use super::output::Reader;
use crate::problem::{self, Problem};
#[cfg(unix)]
use crate::signals::{self, Ignored, Signal, Signals, StartTerminal};

/// A handle to the way out; clones lead to the same one.
#[derive(Clone)]
pub(super) struct Exit {
    /// What has to be closed before the process ends.
    output: Arc<dyn Output>,
    /// The way to the server, once there is one.
    link: Arc<OnceLock<Arc<Link>>>,
    /// Locked by whoever leaves, and never unlocked.
    taken: Arc<Mutex<()>>,
}

impl Exit {
    pub(super) fn new(output: Arc<dyn Output>) -> Exit {
        Exit { output, link: Arc::default(), taken: Arc::default() }
    }

    /// From now on there is a server to take leave of.
    pub(super) fn leads_away_from(&self, link: &Arc<Link>) {
        self.link.get_or_init(|| Arc::clone(link));
    }

    /// Restores the terminal, says what happened and ends the process.
    pub(super) fn leave(&self, reason: ExitReason) -> ! {
        let _until_the_process_is_gone = lock(&self.taken);
        // Windows lets a program whose window is closed live for a moment only.
        if cfg!(windows) {
            self.say_goodbye();
        }
        self.output.close();
        if cfg!(unix) {
            self.say_goodbye();
        }
        process::exit(tell(reason));
    }

    fn say_goodbye(&self) {
        if let Some(link) = self.link.get() {
            link.say_goodbye();
        }
    }

    /// Makes Ctrl+C, and what else Windows has, a clean end.
    fn take_on_ctrl_c(&self) -> Result<(), Problem> {
        let exit = self.clone();
        ctrlc::set_handler(move || exit.on_interrupt())
            .map_err(|why| Problem::System("handle signals", io::Error::other(why)))
    }

    /// Makes Ctrl+C, and what else Windows has, a clean end.
    #[cfg(windows)]
    pub(super) fn take_on_signals(&self) -> Result<(), Problem> {
        self.take_on_ctrl_c()
    }

    /// Makes SIGINT, SIGTERM and SIGHUP a clean end, unless they were ignored at the start. No other
    /// signal ends the program without a word, but for SIGQUIT, which does as it always does.
    ///
    /// A program that speaks to a person ends with its terminal in any case.
    #[cfg(unix)]
    pub(super) fn take_on_signals(&self, ignored: Ignored) -> Result<(), Problem> {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT};
        if !ignored.has(SIGINT) {
            self.take_on_ctrl_c()?;
        }
        let is_filter = self.output.reader() == Reader::Program;
        let heeded = if is_filter { ignored } else { ignored.but_for(SIGHUP) };
        let signals = Signals::begin(heeded, &[SIGQUIT])
            .map_err(|why| Problem::System("handle signals", why))?;
        let (exit, terminal) = (self.clone(), StartTerminal::at_start());
        self.spawn("signals", move || {
            signals.each(|signal| {
                let is_ignored = signal == Signal::HangUp && ignored.has(SIGHUP);
                if !is_ignored || terminal.goes() {
                    exit.on(signal);
                }
            });
            wait_for_the_end()
        })
    }

    #[cfg(unix)]
    fn on(&self, signal: Signal) {
        match signal {
            Signal::End | Signal::HangUp => self.leave_on_signal(),
            Signal::TimeIsUp(signal) => {
                self.leave(ExitReason::Failed(Problem::TimeIsUp(signals::name(signal))));
            }
            Signal::FileTooLarge => {}
            Signal::Figures => info!("SIGUSR1 means nothing here"),
            Signal::Other(signal) => info!("{} means nothing here", signals::name(signal)),
        }
    }

    /// Ctrl+C is meant for the program that has the terminal.
    fn on_interrupt(&self) {
        if !self.output.is_lent() {
            self.leave_on_signal();
        }
    }

    fn leave_on_signal(&self) -> ! {
        info!("asked to end by a signal");
        self.leave(ExitReason::Clean)
    }

    /// The same for one that may end before the program does.
    pub(super) fn spawn_helper(
        &self,
        name: &str,
        work: impl FnOnce() -> Option<ExitReason> + Send + 'static,
    ) -> Result<(), Problem> {
        self.spawn(name, move || work().unwrap_or_else(|| wait_for_the_end()))
    }

    /// Starts a thread whose end, or panic, is the program's.
    pub(super) fn spawn(
        &self,
        name: &str,
        work: impl FnOnce() -> ExitReason + Send + 'static,
    ) -> Result<(), Problem> {
        let exit = self.clone();
        let body = move || exit.leave(caught(work));
        let spawned = thread::Builder::new().name(name.to_owned()).spawn(body);
        spawned.map(drop).map_err(|why| Problem::System("start a thread", why))
    }
}

/// Says it on standard error and in the log, and gives the exit status.
fn tell(reason: ExitReason) -> i32 {
    let status = match reason {
        ExitReason::Clean => 0,
        ExitReason::Failed(problem) => tell_problem(&problem),
        ExitReason::Told(status) => status,
        ExitReason::WrongServer { server, unconfirmed } => {
            let status = tell_problem(&server);
            if let Some(problem) = unconfirmed {
                tell_problem(&problem);
            }
            status
        }
        ExitReason::Panicked(why) => {
            let line = format!("internal error: {why} (this is a bug)");
            error!("{line}");
            complain(&line);
            1
        }
    };
    info!("leaving with status {status}");
    log::logger().flush();
    status
}

/// Says a problem on standard error and in the log, and gives the status that it ends the program with.
pub(super) fn tell_problem(problem: &Problem) -> i32 {
    error!("{problem}");
    problem.details().iter().for_each(|line| error!("{line}"));
    problem::complain_in_full("chatclient", problem);
    problem.status().into()
}

/// Writes one line to standard error.
pub(super) fn complain(line: &str) {
    problem::complain("chatclient", line);
}

/// Keeps the standard library from writing about a panic into the middle of the screen. What it
/// says is told by [`tell`] when the terminal is restored.
pub(super) fn keep_panics_quiet() {
    panic::set_hook(Box::new(|panic| {
        let at = panic.location().map(ToString::to_string).unwrap_or_default();
        *lock(&PANICKED_AT) = at;
    }));
}

/// Where the last panic was, from the hook to [`caught`]: only the hook is told.
static PANICKED_AT: Mutex<String> = Mutex::new(String::new());

/// Does `work`, and makes a panic in it an [`ExitReason`]. Its locks are released by then.
pub(super) fn caught(work: impl FnOnce() -> ExitReason) -> ExitReason {
    panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|payload| {
        let at = std::mem::take(&mut *lock(&PANICKED_AT));
        ExitReason::Panicked(format!("{} at {at}", message(&*payload)))
    })
}

pub(super) fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    // It is to be one line.
    text.unwrap_or("a panic").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Waits for another thread to take the way out.
pub(super) fn wait_for_the_end() -> ! {
    loop {
        thread::park();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_one_line_that_says_what_happened() {
        let lost = Mutex::new(0);
        let end = caught(|| {
            let _guard = lock(&lost);
            panic!("the screen\nis {}", "gone")
        });
        assert!(
            matches!(&end, ExitReason::Panicked(why) if why.starts_with("the screen is gone at "))
        );
        assert_eq!(*lock(&lost), 0, "the lock is free again");
    }
}
