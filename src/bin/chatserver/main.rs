//! `chatserver`: arguments and exit status, nothing else. What it does is in `chatroom::server`.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use chatroom::logging::{self, Flush};
use chatroom::problem::{self, Problem};
use chatroom::server::{self, Shutdown, health};

use crate::arguments::{Arguments, PROGRAM};

mod arguments;

/// How close together signals are one.
const ONE_SIGNAL: Duration = Duration::from_millis(100);

fn main() -> ExitCode {
    let arguments: Arguments = match chatroom::arguments::parse() {
        Ok(arguments) => arguments,
        Err(status) => return status,
    };
    let outcome = if arguments.health_check { check(&arguments) } else { serve(&arguments) };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            problem::complain(PROGRAM, problem);
            ExitCode::FAILURE
        }
    }
}

/// Prints what the server that is asked says.
fn check(arguments: &Arguments) -> Result<(), Problem> {
    let said = health::check(&arguments.address, arguments.port)?;
    // A closed standard output makes no server ill.
    writeln!(io::stdout(), "{said}").ok();
    Ok(())
}

fn serve(arguments: &Arguments) -> Result<(), Problem> {
    // Until the end, so that what was logged last is written.
    let _log = begin_log(arguments)?;
    std::panic::set_hook(Box::new(|panic| {
        log::error!(
            "internal error at {}",
            panic.location().map_or(String::new(), ToString::to_string)
        );
    }));
    let listener = server::bind(&arguments.address, arguments.port)?;
    let shutdown = Shutdown::new()?;
    ctrlc::set_handler(on_signal(shutdown.clone()))
        .map_err(|why| Problem::System("handle signals", io::Error::other(why)))?;
    let at = listener.local_addr().map_err(|why| Problem::System("find its own address", why))?;
    // A closed standard output is no reason not to serve.
    writeln!(io::stdout(), "listening on {at}").and_then(|()| io::stdout().flush()).ok();
    server::run(listener, &arguments.config(), &shutdown)
}

/// The first signal asks for the end, a second one ends at once. Some programs send the same twice,
/// to the process and to its group; that counts as one.
fn on_signal(shutdown: Shutdown) -> impl FnMut() + Send {
    let mut first = None;
    move || {
        let first = *first.get_or_insert_with(Instant::now);
        if !shutdown.begin() && first.elapsed() > ONE_SIGNAL {
            std::process::exit(130);
        }
    }
}

fn begin_log(arguments: &Arguments) -> Result<Flush, Problem> {
    let file = match &arguments.log_file {
        None => None,
        Some(path) => {
            let path_text = path.display().to_string();
            let unwritable = |why| Problem::Log { path: path_text.clone(), why };
            let file = logging::open(path).map_err(unwritable)?;
            let tell: logging::OnFailure = Box::new(move |why| {
                problem::complain(PROGRAM, Problem::LogLost { path: path_text, why });
            });
            Some((file, tell))
        }
    };
    logging::to_stderr(file, arguments.level())
        .map_err(|why| Problem::System("start a thread", why))
}
