//! `chatserver`: arguments and exit status, nothing else. What it does is in `chatroom::server`.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use chatroom::arguments::server::{Arguments, PROGRAM};
use chatroom::arguments::{self, Parsed};
use chatroom::logging::{self, LogFile, OnTrouble, Writers};
use chatroom::problem::{self, Problem};
use chatroom::server::history::export::Export;
use chatroom::server::{self, Controls, Server, Shutdown, health};
use chatroom::tls::ServerKey;

fn main() -> ExitCode {
    let Parsed { arguments, set_aside } = match arguments::parse::<Arguments>() {
        Ok(parsed) => parsed,
        Err(status) => return status,
    };
    if let Some(export) = arguments.export() {
        return write(&export);
    }
    let outcome = if arguments.health_check {
        check(&arguments)
    } else if arguments.fingerprint {
        print_fingerprint(&arguments)
    } else {
        serve(&arguments, &set_aside)
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            problem::complain(PROGRAM, &problem);
            ExitCode::from(problem.status())
        }
    }
}

/// Writes what was said to a file, instead of holding a room.
fn write(export: &Export) -> ExitCode {
    let Err(trouble) = export.run() else { return ExitCode::SUCCESS };
    problem::complain(PROGRAM, &trouble);
    if trouble.is_usage() { ExitCode::from(2) } else { ExitCode::FAILURE }
}

/// Prints the first line of the server that is checked.
fn check(arguments: &Arguments) -> Result<(), Problem> {
    let said = health::check(&arguments.address, arguments.port, &arguments.proxies)?;
    // A closed standard output makes no server ill.
    writeln!(io::stdout(), "{said}").ok();
    Ok(())
}

/// Prints what others know this server by, alone.
fn print_fingerprint(arguments: &Arguments) -> Result<(), Problem> {
    // Whoever did not expect a key to be made is told that one was.
    let log = begin_log(arguments)?;
    let key = server::key_of(&arguments.tls());
    log.flush();
    let key = key?;
    writeln!(io::stdout(), "{key}").map_err(|why| Problem::System("print the fingerprint", why))
}

fn serve(arguments: &Arguments, set_aside: &[String]) -> Result<(), Problem> {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    server::heaps::bound();
    let log = Arc::new(begin_log(arguments)?);
    let controls = Controls::new(Shutdown::new()?, Arc::clone(&log));
    set_aside.iter().for_each(|variable| log::info!("{variable}"));
    let ended = hold_room(arguments, &controls);
    log.flush();
    ended
}

fn hold_room(arguments: &Arguments, controls: &Controls) -> Result<(), Problem> {
    std::panic::set_hook(Box::new(|panic| {
        log::error!(
            "internal error at {}",
            panic.location().map_or(String::new(), ToString::to_string)
        );
    }));
    let listener = server::bind(&arguments.address, arguments.port)?;
    // Not before: a signal that comes while a name is looked up ends the program at once.
    controls.heed()?;
    let at = listener.local_addr().map_err(|why| Problem::System("find its own address", why))?;
    let server = Server::open_until(listener, arguments.config(), &controls.shutdown)?;
    controls.serve(&server);
    // A closed standard output is no reason not to serve.
    print_addresses(at, server.key()).ok();
    controls.attend_keyboard()?;
    let ended = server.run(&controls.shutdown, &controls.status);
    // So that the last line is the last one.
    log::logger().flush();
    let ended = ended.and_then(|()| controls.time_is_up().map_or(Ok(()), Err));
    match &ended {
        Ok(()) => log::info!("chatserver has ended"),
        Err(problem) => log::error!("chatserver has ended: {}", problem.cause()),
    }
    ended
}

/// The first line is for scripts, too.
fn print_addresses(at: SocketAddr, key: Option<ServerKey>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "listening on {at}")?;
    if let Some(key) = key {
        writeln!(out, "key {key}")?;
    }
    for address in server::reachable(at) {
        writeln!(out, "others join with: chatclient {address} {}", at.port())?;
    }
    out.flush()
}

fn begin_log(arguments: &Arguments) -> Result<Writers, Problem> {
    let file = match &arguments.log_file {
        None => None,
        Some(path) => {
            let unwritable = |why| Problem::Log { path: path.display().to_string(), why };
            let file = LogFile::open(path).map_err(unwritable)?;
            let tell: OnTrouble = Box::new(|problem| problem::complain(PROGRAM, problem));
            Some((file, tell))
        }
    };
    logging::to_stderr(file, arguments.level())
        .map_err(|why| Problem::System("start a thread", why))
}
