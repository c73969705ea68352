//! `chatclient`: arguments and exit status, nothing else. What it does is in `chatroom::client`.

use std::io::{self, Write};
use std::process::ExitCode;

use chatroom::arguments::Parsed;
use chatroom::arguments::client::{PROGRAM, known_servers, parse, sample_config};
use chatroom::client::{self, Config, Errand};
use chatroom::problem::{self, Problem};

fn main() -> ExitCode {
    match parse() {
        Ok(Parsed { arguments, .. }) if arguments.print_config => print(&sample_config()),
        Ok(Parsed { arguments, set_aside }) => {
            if let Some(why) = arguments.contradiction() {
                problem::complain(PROGRAM, format!("{why}; see {PROGRAM} --help"));
                return ExitCode::from(2);
            }
            if let Some(errand) = arguments.errand() {
                return run(&errand);
            }
            client::run(&Config { set_aside, ..arguments.into() })
        }
        Err(status) => status,
    }
}

/// Prints a text that its reader may have enough of before its end.
fn print(text: &str) -> ExitCode {
    match io::stdout().write_all(text.as_bytes()) {
        Err(why) if why.kind() != io::ErrorKind::BrokenPipe => {
            problem::complain(PROGRAM, Problem::System("print the configuration", why));
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}

/// Lists or forgets servers instead of joining a room.
fn run(errand: &Errand) -> ExitCode {
    match errand.run(known_servers(), &mut io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            problem::complain(PROGRAM, &why);
            ExitCode::from(why.status())
        }
    }
}
