//! `chatserver`: arguments and exit status, nothing else. What it does is in `chatroom::server`.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use chatroom::arguments;
use chatroom::logging::{self, Flush};
use chatroom::problem::{self, Problem};
use chatroom::protocol::{DEFAULT_ADDRESS, DEFAULT_MAX_LINE, DEFAULT_PORT};
use chatroom::server::{self, Config, Shutdown};
use clap::Parser;
use log::LevelFilter;

const PROGRAM: &str = "chatserver";

/// How close together signals are one.
const ONE_SIGNAL: Duration = Duration::from_millis(100);

const EXAMPLES: &str = "\
Examples:
  chatserver                      a room for this machine alone, on port 5000
  chatserver 0.0.0.0 5000         a room for everyone who can reach this machine
  chatserver :: 5000              the same, with IPv6 too
  chatserver 127.0.0.1 0          on any free port; the first line says which

Join with chatclient, or with nc. Ctrl+C ends it.
Exit status: 0 a clean end, 1 it could not do its work, 2 wrong usage.";

/// Hold a chat room.
#[derive(Debug, Parser)]
#[command(name = PROGRAM, version, after_help = EXAMPLES)]
struct Arguments {
    /// The address or host name to listen on
    #[arg(default_value = DEFAULT_ADDRESS, env = "CHATROOM_ADDRESS", hide_env_values = true)]
    #[arg(value_parser = arguments::host)]
    address: String,

    /// The port to listen on; 0 for any free one
    #[arg(default_value_t = DEFAULT_PORT, env = "CHATROOM_PORT", hide_env_values = true)]
    #[arg(value_parser = arguments::port_or_any, allow_negative_numbers = true)]
    port: u16,

    /// The most clients at a time, 1 to 100000
    #[arg(long, value_name = "N", default_value = "100")]
    #[arg(value_parser = arguments::number(1..=100_000), allow_negative_numbers = true)]
    max_clients: u32,

    /// The longest line in bytes, 16 to 65536
    #[arg(long, value_name = "BYTES", default_value_t = DEFAULT_MAX_LINE as u32)]
    #[arg(value_parser = arguments::number(16..=65_536), allow_negative_numbers = true)]
    max_line: u32,

    /// How many lines a second are read of a client, after ten times as many at once; 0 for any
    #[arg(long, value_name = "N", default_value = "100")]
    #[arg(value_parser = arguments::number(0..=1_000_000), allow_negative_numbers = true)]
    rate_limit: u32,

    /// How many of the last lines a new member is shown, 0 to 1000
    #[arg(long, value_name = "N", default_value = "20")]
    #[arg(value_parser = arguments::number(0..=1000), allow_negative_numbers = true)]
    replay: u32,

    /// What the room remembers, and how far a slow reader may lag: bytes, or 1024K, 16M, 1G
    #[arg(long, value_name = "SIZE", default_value = "16M", value_parser = size)]
    memory: usize,

    /// Drop a client that takes nothing for so many seconds, 1 to 86400
    #[arg(long, value_name = "SECONDS", default_value = "30")]
    #[arg(value_parser = arguments::number(1..=86_400), allow_negative_numbers = true)]
    stall_timeout: u32,

    /// Log what is said, too; private lines never are
    #[arg(short, long, conflicts_with = "log_level")]
    verbose: bool,

    /// How much to log: off, error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", default_value = "info", value_parser = arguments::log_level)]
    log_level: LevelFilter,

    /// Append the log to this file, too
    #[arg(long, value_name = "FILE")]
    log_file: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = match arguments::parse() {
        Ok(arguments) => arguments,
        Err(status) => return status,
    };
    match serve(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            problem::complain(PROGRAM, problem);
            ExitCode::FAILURE
        }
    }
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
    let config = Config {
        max_clients: arguments.max_clients as usize,
        max_line: arguments.max_line as usize,
        rate_limit: arguments.rate_limit,
        replay: arguments.replay as usize,
        memory: arguments.memory,
        stall_timeout: Duration::from_secs(arguments.stall_timeout.into()),
    };
    let listener = server::bind(&arguments.address, arguments.port)?;
    let shutdown = Shutdown::new()?;
    ctrlc::set_handler(on_signal(shutdown.clone()))
        .map_err(|why| Problem::System("handle signals", io::Error::other(why)))?;
    let at = listener.local_addr().map_err(|why| Problem::System("find its own address", why))?;
    // A closed standard output is no reason not to serve.
    writeln!(io::stdout(), "listening on {at}").and_then(|()| io::stdout().flush()).ok();
    server::run(listener, &config, &shutdown)
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
    let level = if arguments.verbose { LevelFilter::Debug } else { arguments.log_level };
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
    logging::to_stderr(file, level).map_err(|why| Problem::System("start a thread", why))
}

/// A number of bytes, perhaps with K, M or G for powers of 1024.
fn size(text: &str) -> Result<usize, String> {
    let (number, unit) = match text.char_indices().next_back() {
        Some((at, 'k' | 'K')) => (&text[..at], 1 << 10),
        Some((at, 'm' | 'M')) => (&text[..at], 1 << 20),
        Some((at, 'g' | 'G')) => (&text[..at], 1 << 30),
        _ => (text, 1),
    };
    let bytes = number.parse::<usize>().ok().and_then(|number| number.checked_mul(unit));
    bytes
        .filter(|bytes| (1 << 20..=64 << 30).contains(bytes))
        .ok_or_else(|| "it must be from 1M to 64G, in bytes or with K, M or G".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_size_is_in_bytes_or_in_powers_of_1024() {
        let cases = [
            ("1048576", Some(1 << 20)),
            ("1024K", Some(1 << 20)),
            ("16m", Some(16 << 20)),
            ("1G", Some(1 << 30)),
            ("1048575", None),
            ("65G", None),
            ("99999999999999999999", None),
            ("99999999999G", None),
            ("M", None),
            ("16MB", None),
            ("-16M", None),
            ("", None),
        ];
        for (text, bytes) in cases {
            assert_eq!(size(text).ok(), bytes, "{text}");
        }
    }
}
