//! `chatclient`: arguments and exit status, nothing else. What it does is in `chatroom::client`.

use std::process::ExitCode;

use chatroom::client;

use crate::arguments::Arguments;

mod arguments;

fn main() -> ExitCode {
    match chatroom::arguments::parse::<Arguments>() {
        Ok(arguments) => client::run(&arguments.into()),
        Err(status) => status,
    }
}
