//! `chatclient`: from the keyboard to the server, and from the server to the screen.
//!
//! [`run`] connects and picks one of two ways of running: in a terminal, with an input line pinned
//! at the bottom, or as a filter, where standard input or output is something else. The threads:
//!
//! - the main thread reads keys, or standard input
//! - `dial`, one for each address of the host's, connects
//! - `receiver` reads from the socket and shows what comes
//! - `sender` writes to the socket what the main thread has put into the outbox; to a server without
//!   our tagged form, a filter's main thread does
//! - `watch`, in a terminal, waits for lines of ours that are not confirmed in time
//! - `keyboard`, in a terminal on Unix, reads its bytes, of which the main thread makes keys, until it
//!   is gone
//! - one more waits for Ctrl+C; on Unix, `signals` waits for the other signals, and in a terminal
//!   `stop` for the one that stops it, and `job-control` for those that continue it and tell of its size
//!
//! When the connection is lost in a terminal, or in a filter that is to come back, the receiver makes
//! the next (`reconnect`). What we are to the server over all connections, its session and the lines
//! that it has not confirmed, is in `standing` and `outbox`, which know no sockets.
//!
//! Each of them sleeps until there is something for it. Whichever finds that it is over takes the
//! one way out (`way_out`), which restores the terminal and ends the process.
//!
//! The locks: the terminal's face (`terminal`: the screen and the conversation on it), the state of the connection (`link`), and the log's
//! own, inside of which a failing log takes the face's to say so. Nothing else is done with one of
//! them held that takes another, so nothing is logged while the face is held.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use log::{LevelFilter, info};

use crate::logging::{self, LogFile};
use crate::problem::Problem;
use crate::protocol::name::Name;
#[cfg(unix)]
use crate::signals::Ignored;

mod chat;
mod clock;
mod colours;
mod columns;
mod connection;
mod conversation;
mod dial;
mod echo;
pub mod editor;
mod filter;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod handshake;
mod history;
#[cfg(unix)]
mod job_control;
mod keys;
mod link;
mod outbox;
mod output;
mod paragraph;
mod prompt;
mod receiver;
mod reconnect;
mod row;
pub mod screen;
mod sender;
mod servers;
mod standing;
mod terminal;
mod way_out;

pub use colours::ColorChoice;
pub use handshake::login_name;
pub use history::history_path;
pub use keys::manual as keys;

use filter::Filter;
use link::Link;
use output::{Output, Reader};
use receiver::Receiver;
use terminal::Terminal;
use way_out::{End, WayOut};

/// The client's own commands, as `/help` lists them: each with its arguments, and what it is for.
pub fn commands() -> impl Iterator<Item = (&'static str, &'static str)> {
    conversation::commands()
}

/// How large the log becomes before it begins anew, in bytes. One older one is kept.
const MOST_LOGGED: u64 = 10 * 1024 * 1024;

/// What the client is to do, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// The server's address or name.
    pub host: String,
    /// The server's port.
    pub port: u16,
    /// The name to ask for, if any; without one the server gives us one.
    pub name: Option<Name>,
    /// The file that the log is appended to.
    pub log_file: PathBuf,
    /// How much is logged.
    pub log_level: LevelFilter,
    /// Whether colours are used in a terminal.
    pub color: ColorChoice,
    /// What rings the terminal's bell.
    pub bell: BellChoice,
    /// Who breaks lines that are wider than the terminal.
    pub wrap: WrapChoice,
    /// Where what was sent is kept across runs, and beside it which servers were joined, if they are.
    pub history: Option<PathBuf>,
    /// What standard input is, where it is no terminal.
    pub input: Input,
    /// Whether standard output, where it is no terminal, gets only what is said from now on.
    pub quiet: bool,
    /// What to log of variables of the environment that are not used.
    pub set_aside: Vec<String>,
    /// What to do when the connection is lost. Without a choice, it is made again in a terminal, and
    /// is the end of a filter.
    pub on_loss: Option<OnLoss>,
}

/// What standard input is to a client without a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// Text to say, whatever it begins with.
    Text,
    /// What somebody could type, commands too.
    Commands,
    /// Not read: the client stays and prints what is said.
    Unread,
}

/// What to do when the connection is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnLoss {
    /// The program ends, with status 1.
    Ends,
    /// It connects again, until it works.
    ComesBack,
}

/// What rings the terminal's bell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BellChoice {
    /// Nothing that comes.
    Off,
    /// Whoever says our name, or something to us alone.
    Mentions,
    /// Everything that is said.
    All,
}

/// Who breaks lines that are wider than the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WrapChoice {
    /// The client does, between words. A row goes on below its text.
    Words,
    /// The terminal does, wherever it comes to its last column.
    Terminal,
}

/// Takes part in the conversation until it ends, and ends the process with it: status 0 if it ended
/// as the user wanted, 1 if it could not be had or was lost, with one line on standard error.
///
/// It does not return, because it may be another thread than the caller's that finds the end, while
/// the caller waits for a key.
pub fn run(config: &Config) -> ! {
    way_out::keep_panics_quiet();
    let has_keyboard = io::stdin().is_terminal() && config.input != Input::Unread;
    let in_terminal = has_keyboard && io::stdout().is_terminal();
    if in_terminal && is_dumb() {
        start(config, &Arc::new(Filter::in_dumb_terminal()), filter::run)
    } else if in_terminal {
        #[cfg(unix)]
        job_control::hold_back_stops();
        let colours = colours::colours(config.color, |name| std::env::var(name).ok());
        start(config, &Arc::new(Terminal::new(colours, config.wrap, config.bell)), chat::run)
    } else {
        start(config, &Arc::new(Filter::new(config.quiet)), filter::run)
    }
}

/// Whether the terminal can do no more than show one line after the other. One that nobody has told
/// the kind of may be any.
#[cfg(unix)]
fn is_dumb() -> bool {
    std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb")
}

/// The same for a console, which is told that escape sequences will come. One before Windows 10 would
/// show them as text. TERM is not usual there.
#[cfg(windows)]
fn is_dumb() -> bool {
    let is_told = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    is_told || !crossterm::ansi_support::supports_ansi()
}

/// What the threads of one run share.
struct Session<'a, O> {
    config: &'a Config,
    link: Arc<Link>,
    output: Arc<O>,
    way_out: WayOut,
    /// The signals that stay ignored.
    #[cfg(unix)]
    ignored: Ignored,
}

impl<O: Output + 'static> Session<'_, O> {
    /// Starts the thread that receives.
    fn receive(&self, on_loss: OnLoss) -> Result<(), Problem> {
        let (link, output) = (Arc::clone(&self.link), Arc::clone(&self.output));
        self.way_out.spawn("receiver", move || Receiver::new(&link, &*output, on_loss).run())
    }
}

fn start<O: Output + 'static>(
    config: &Config,
    output: &Arc<O>,
    work: fn(&Session<'_, O>) -> End,
) -> ! {
    let way_out = WayOut::new(Arc::<O>::clone(output));
    let end = way_out::caught(|| match connect(config, output, &way_out) {
        Ok(session) => work(&session),
        Err(problem) => End::Failed(problem),
    });
    way_out.leave(end)
}

fn connect<'a, O: Output + 'static>(
    config: &'a Config,
    output: &Arc<O>,
    way_out: &WayOut,
) -> Result<Session<'a, O>, Problem> {
    begin_log(config, output);
    #[cfg(unix)]
    let ignored = Ignored::at_start();
    #[cfg(unix)]
    way_out.take_on_signals(ignored)?;
    #[cfg(windows)]
    way_out.take_on_signals()?;
    let wait = greeting_wait(output.reader(), config.on_loss);
    let tell = |to: &str| {
        // The screen begins with the conversation.
        if output.reader() == Reader::Person {
            writeln!(io::stdout(), "-- connecting to {to} …").ok();
        }
    };
    let link = Link::connect(&config.host, config.port, config.name.clone(), wait, tell)?;
    let link = Arc::new(link);
    way_out.leads_away_from(&link);
    Ok(Session {
        config,
        link,
        output: Arc::clone(output),
        way_out: way_out.clone(),
        #[cfg(unix)]
        ignored,
    })
}

/// How long a server may take to show that it is ours. One that does not is spoken to as it is, without
/// receipts: whoever asked a program to come back wants them, and a slow network is the likelier reason.
fn greeting_wait(reader: Reader, on_loss: Option<OnLoss>) -> Duration {
    match (reader, on_loss) {
        (Reader::Program, Some(OnLoss::ComesBack)) => Duration::from_secs(10),
        (Reader::Person | Reader::Program, _) => Duration::from_secs(1),
    }
}

/// Opens the log. Without one the chat goes on, and the user is told once.
fn begin_log<O: Output + 'static>(config: &Config, output: &Arc<O>) {
    if config.log_level == LevelFilter::Off {
        return;
    }
    let output = Arc::clone(output);
    let on_trouble = move |problem: Problem| output.notice(&problem.to_string());
    match LogFile::open(&config.log_file).and_then(|file| file.with_most(MOST_LOGGED)) {
        Ok(file) => logging::to_file(file, config.log_level, Box::new(on_trouble)),
        Err(why) => {
            on_trouble(Problem::LogLost { path: config.log_file.display().to_string(), why });
        }
    }
    info!("chatclient {} begins", env!("CARGO_PKG_VERSION"));
    config.set_aside.iter().for_each(|variable| info!("{variable}"));
}
