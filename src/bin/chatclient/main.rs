//! `chatclient`: arguments and exit status, nothing else. What it does is in `chatroom::client`.

use std::process::ExitCode;

use chatroom::arguments::Parsed;
use chatroom::client::{self, Config};

use crate::arguments::Arguments;

mod arguments;

fn main() -> ExitCode {
    match chatroom::arguments::parse::<Arguments>() {
        Ok(Parsed { arguments, set_aside }) => {
            client::run(&Config { set_aside, ..arguments.into() })
        }
        Err(status) => status,
    }
}
