//! `chatclient`: arguments and exit status, nothing else. What it does is in `chatroom::client`.

use std::io;
use std::process::ExitCode;

use chatroom::arguments::client::{Arguments, PROGRAM, known_servers};
use chatroom::arguments::{self, Parsed};
use chatroom::client::{self, Config, Errand};
use chatroom::problem;

fn main() -> ExitCode {
    match arguments::parse::<Arguments>() {
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
