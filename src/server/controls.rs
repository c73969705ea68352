//! The controls: a signal asks the server to end, for its figures, or to read its certificate and the room's password
//! and open its log file again; and an operator types at the server's own keyboard. A thread of its own waits for the
//! signals, and another one for the keyboard (`console`).

use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

#[cfg(not(shuttle))]
use super::Server;
#[cfg(not(shuttle))]
use super::console;
#[cfg(not(shuttle))]
use super::net::tls::identity::Identity;
#[cfg(not(shuttle))]
use super::secrets::Secrets;
use super::shutdown::Shutdown;
use super::status::Status;
use crate::logging::Writers;
use crate::problem::Problem;
#[cfg(unix)]
use crate::signals::{self, Ignored, Signal, Signals, StartTerminal};

/// Requests to end within this time of the first one are the same request: some programs send a signal twice, to
/// the process and to its group.
const ONE_SIGNAL: Duration = Duration::from_millis(100);

/// The parts of the server that signals act on. Clones act on the same ones.
#[derive(Debug, Clone)]
pub struct Controls {
    /// Asks the server to end.
    pub shutdown: Shutdown,
    /// Logs the figures.
    pub status: Status,
    /// The threads that write the log, to be flushed or to open its file again.
    log: Arc<Writers>,
    /// The identity whose certificate is read again; none before there is a server.
    #[cfg(not(shuttle))]
    identity: Arc<OnceLock<Arc<Identity>>>,
    /// Where the room's password is read again; none before there is a server.
    #[cfg(not(shuttle))]
    secrets: Arc<OnceLock<Arc<Secrets>>>,
    /// When the server was asked to end for the first time; `None` before.
    first: Arc<Mutex<Option<Instant>>>,
    /// The name of the signal of a time limit that has ended the server; empty unless one has.
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
            #[cfg(not(shuttle))]
            identity: Arc::default(),
            #[cfg(not(shuttle))]
            secrets: Arc::default(),
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

    /// Begins to have this server's certificate and password read again when that is asked for.
    #[cfg(not(shuttle))]
    pub fn serve(&self, server: &Server) {
        if let Some(identity) = &server.identity {
            self.identity.get_or_init(|| Arc::clone(identity));
        }
        self.secrets.get_or_init(|| Arc::clone(&server.secrets));
    }

    /// Begins to take lines from the keyboard, where standard input is the terminal that the server was started in.
    ///
    /// # Errors
    ///
    /// The system has no thread to spare.
    #[cfg(not(shuttle))]
    pub fn attend_keyboard(&self) -> Result<(), Problem> {
        console::begin(self.status.clone(), self.shutdown.clone())
    }

    /// Asks the server to end. The second call ends the process at once.
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
    /// Begins to act on Ctrl+C and the other console events of Windows.
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
    /// Begins to act on Ctrl+C and on all signals that would end the server, except for ignored ones.
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
                self.read_again();
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
                "{} means nothing here: SIGUSR1 asks for figures, SIGHUP for a new log file, certificate and password",
                signals::name(signal)
            ),
        }
    }

    fn end_without_terminal(&self) {
        log::info!("the terminal is gone");
        self.end();
    }

    /// Opens the log file again, and has the room's password and the certificate read again.
    fn read_again(&self) {
        let is_reopened = self.log.reopen();
        if is_reopened {
            log::info!("SIGHUP: the log file is opened again");
        }
        #[cfg(not(shuttle))]
        let has_certificate = self.identity.get().and_then(|identity| identity.reload()).is_some();
        #[cfg(not(shuttle))]
        let has_password = self.secrets.get().is_some_and(|secrets| secrets.entrance.reload());
        #[cfg(shuttle)]
        let (has_certificate, has_password) = (false, false);
        if !is_reopened && !has_certificate && !has_password {
            log::info!("SIGHUP: there is no log file to open again");
        }
    }
}
