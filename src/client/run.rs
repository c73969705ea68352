//! One run of the client: the log, the signals and the connection, which both ways of running begin with.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::time::Duration;

use log::{LevelFilter, info, warn};

use super::config::{Config, OnLoss, PasswordSource};
use super::exit::{self, Exit};
use super::exit_reason::ExitReason;
use super::identity::{self, Identity, Opened};
use super::link::Link;
use super::net::{Routes, rooms};
use super::output::{Output, Reader};
use super::receiver::Receiver;
use super::reconnect::tell_that_it_goes_on;
use super::session::ClientSession;
use crate::logging::{self, LogFile};
use crate::problem::Problem;
#[cfg(unix)]
use crate::signals::Ignored;
use crate::state_folder::Environment;

/// How large the log becomes before it begins anew, in bytes. One older one is kept.
const MOST_LOGGED: u64 = 10 * 1024 * 1024;

/// What the threads of one run share.
pub(super) struct Run<'a, O> {
    /// What the user wants.
    pub(super) config: &'a Config,
    /// The way to the server.
    pub(super) link: Arc<Link>,
    /// Where the conversation is shown.
    pub(super) output: Arc<O>,
    /// The way out of the program.
    pub(super) exit: Exit,
    /// The signals that stay ignored.
    #[cfg(unix)]
    pub(super) ignored: Ignored,
}

impl<O: Output + 'static> Run<'_, O> {
    /// Starts the thread that receives.
    pub(super) fn receive(&self, on_loss: OnLoss) -> Result<(), Problem> {
        let (link, output) = (Arc::clone(&self.link), Arc::clone(&self.output));
        self.exit.spawn("receiver", move || Receiver::new(&link, &*output, on_loss).run())
    }
}

/// Connects and does `work`, whose end is the program's.
pub(super) fn start<O: Output + 'static>(
    config: &Config,
    output: &Arc<O>,
    work: fn(&Run<'_, O>) -> ExitReason,
) -> ! {
    let exit = Exit::new(Arc::<O>::clone(output));
    let reason = exit::caught(|| match connect(config, output, &exit) {
        Ok(run) => work(&run),
        Err(problem) if is_lost(config, output.reader(), &problem) => name_rooms(config, &problem),
        Err(problem) => ExitReason::Failed(problem),
    });
    exit.leave(reason)
}

/// Whether a person has named no server, and there is none on this machine. A script that fails waits for nothing.
fn is_lost(config: &Config, reader: Reader, problem: &Problem) -> bool {
    let is_refused = |why: &io::Error| why.kind() == io::ErrorKind::ConnectionRefused;
    let is_nobody_here = matches!(problem, Problem::Connect { why, .. } if is_refused(why));
    config.is_nowhere && is_nobody_here && reader == Reader::Person && io::stderr().is_terminal()
}

/// Says what is wrong, and then which rooms there are to join.
fn name_rooms(config: &Config, problem: &Problem) -> ExitReason {
    let status = exit::tell_problem(problem);
    let rooms = rooms(config.known_servers.clone()).unwrap_or_default();
    if !rooms.is_empty() {
        exit::complain("rooms that are announced on this network:");
        let mut err = io::stderr();
        rooms.iter().for_each(|room| drop(writeln!(err, "  {room}")));
    }
    ExitReason::Told(status)
}

fn connect<'a, O: Output + 'static>(
    config: &'a Config,
    output: &Arc<O>,
    exit: &Exit,
) -> Result<Run<'a, O>, Problem> {
    begin_log(config, output);
    #[cfg(unix)]
    let ignored = Ignored::at_start();
    #[cfg(unix)]
    exit.take_on_signals(ignored)?;
    #[cfg(windows)]
    exit.take_on_signals()?;
    let wait = greeting_wait(output.reader(), config.on_loss);
    let tell = |to: &str| {
        // The screen begins with the conversation.
        if output.reader() == Reader::Person {
            writeln!(io::stdout(), "-- connecting to {to} …").ok();
        }
    };
    let secret = config.password.as_ref().map(PasswordSource::read).transpose()?;
    let identity = open_identity(config, &**output)?;
    let session = ClientSession::new(config.name.clone(), identity).knowing(secret);
    let pass_on = |why: &Problem, next: &str| {
        warn!("{why}");
        tell_that_it_goes_on(&**output, why, Some(next));
    };
    let link = Link::connect(Routes::new(&config.destination()), session, wait, tell, pass_on)?;
    let link = Arc::new(link);
    exit.leads_away_from(&link);
    Ok(Run {
        config,
        link,
        output: Arc::clone(output),
        exit: exit.clone(),
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

/// Opens the user's key. Without one the chat goes on, and the user is told once.
fn open_identity<O: Output>(config: &Config, output: &O) -> Result<Option<Identity>, Problem> {
    let Opened { identity, trouble } =
        identity::open(&config.identity, &Environment::of_process())?;
    if let Some(trouble) = trouble {
        warn!("{trouble}");
        output.notice(&trouble.to_string());
    }
    Ok(identity)
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
