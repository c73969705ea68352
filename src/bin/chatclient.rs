//! `chatclient`: arguments and exit status, nothing else. What it does is in `chatroom::client`.

use std::process::ExitCode;

use chatroom::arguments::client::{Arguments, PROGRAM};
use chatroom::arguments::{self, Parsed};
use chatroom::client::{self, Config};
use chatroom::problem;

fn main() -> ExitCode {
    match arguments::parse::<Arguments>() {
        Ok(Parsed { arguments, set_aside }) => {
            if let Some(why) = arguments.contradiction() {
                problem::complain(PROGRAM, format!("{why}; see {PROGRAM} --help"));
                return ExitCode::from(2);
            }
            client::run(&Config { set_aside, ..arguments.into() })
        }
        Err(status) => status,
    }
}
