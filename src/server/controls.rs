//! How the server is asked for something from outside: to end, for its figures, for a new log file.

use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::shutdown::Shutdown;
use super::status::Status;
use crate::logging::Writers;
use crate::problem::Problem;
#[cfg(unix)]
use crate::signals::{self, Ignored, Signal, Signals, StartTerminal};

/// How close together requests to end are one. Some programs send the same signal twice, to the process
/// and to its group.
const ONE_SIGNAL: Duration = Duration::from_millis(100);

/// What signals act on. Clones act on the same.
#[derive(Debug, Clone)]
pub struct Controls {
    /// Asks the server for its end.
    pub shutdown: Shutdown,
    /// Asks it for its figures.
    pub status: Status,
    /// Where it logs.
    log: Arc<Writers>,
    /// When the end was asked for first.
    first: Arc<Mutex<Option<Instant>>>,
    /// Which limit of time has ended the server.
    time_is_up: Arc<OnceLock<String>>,
    /// The signals that were ignored at the start, and stay so.
    #[cfg(unix)]
    ignored: Ignored,
}

impl Controls {
    /// The server's, before it is told of any signal.
    #[must_use]
    pub fn new(shutdown: Shutdown, log: Arc<Writers>) -> Controls {
        Controls {
            shutdown,
            status: Status::default(),
            log,
            first: Arc::default(),
            time_is_up: Arc::default(),
            #[cfg(unix)]
            ignored: Ignored::at_start(),
        }
    }

    /// The signal that has ended the server before its work was done, if one has.
    #[must_use]
    pub fn time_is_up(&self) -> Option<Problem> {
        self.time_is_up.get().cloned().map(Problem::TimeIsUp)
    }

    /// The first one asks for the end, a second one ends at once.
    fn end(&self) {
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        let first = *first.get_or_insert_with(Instant::now);
        if !self.shutdown.begin() && first.elapsed() > ONE_SIGNAL {
            log::warn!("ended at once by a second signal");
            self.log.flush();
            std::process::exit(130);
        }
    }

    fn on_ctrl_c(&self) -> Result<(), Problem> {
        let controls = self.clone();
        ctrlc::set_handler(move || controls.end())
            .map_err(|why| Problem::System("handle signals", io::Error::other(why)))
    }
}

#[cfg(windows)]
impl Controls {
    /// Heeds Ctrl+C, and what else Windows has.
    ///
    /// # Errors
    ///
    /// The system refuses it.
    pub fn heed(&self) -> Result<(), Problem> {
        self.on_ctrl_c()
    }
}

#[cfg(unix)]
impl Controls {
    /// Heeds Ctrl+C and all signals that would end the server, but for those that are ignored.
    ///
    /// # Errors
    ///
    /// The system refuses it.
    pub fn heed(&self) -> Result<(), Problem> {
        if !self.ignored.has(signal_hook::consts::SIGINT) {
            self.on_ctrl_c()?;
        }
        let signals = Signals::begin(self.ignored, &[])
            .map_err(|why| Problem::System("handle signals", why))?;
        let (terminal, controls) = (StartTerminal::at_start(), self.clone());
        let heed = move || signals.each(|signal| controls.on(signal, terminal));
        let thread = std::thread::Builder::new().name("signals".to_owned()).spawn(heed);
        thread.map(drop).map_err(|why| Problem::System("start a thread", why))
    }

    fn on(&self, signal: Signal, terminal: StartTerminal) {
        match signal {
            Signal::End => self.end(),
            Signal::HangUp if terminal.is_gone() => self.end_without_terminal(),
            Signal::HangUp => {
                self.reopen_log();
                if terminal.goes() {
                    self.end_without_terminal();
                }
            }
            Signal::Figures => self.status.log(),
            Signal::TimeIsUp(signal) => {
                self.time_is_up.get_or_init(|| signals::name(signal));
                self.end();
            }
            Signal::FileTooLarge => {}
            Signal::Other(signal) => log::info!(
                "{} means nothing here: SIGUSR1 asks for figures, SIGHUP for a new log file",
                signals::name(signal)
            ),
        }
    }

    fn end_without_terminal(&self) {
        log::info!("the terminal is gone");
        self.end();
    }

    fn reopen_log(&self) {
        if self.log.reopen() {
            log::info!("SIGHUP: the log file is opened again");
        } else {
            log::info!("SIGHUP: there is no log file to open again");
        }
    }
}
