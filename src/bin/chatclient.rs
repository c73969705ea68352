//! `chatclient`: arguments and exit status, nothing else. What it does is in `chatroom::client`.

use std::path::PathBuf;
use std::process::ExitCode;

use chatroom::client::{self, Config};
use chatroom::problem;
use chatroom::protocol::name::Name;
use chatroom::protocol::{DEFAULT_ADDRESS, DEFAULT_PORT};
use clap::Parser;
use clap::error::ErrorKind;
use log::LevelFilter;

const PROGRAM: &str = "chatclient";

const EXAMPLES: &str = "\
Examples:
  chatclient                              join the room on this machine
  chatclient 192.168.1.7 5000             join the room on another one
  chatclient --name alice chat.local      join under a name
  echo 'build done' | chatclient host     say one line and leave
  tail -f build.log | chatclient host     say each new line

In the room, /help lists the commands, and Ctrl+C leaves.
Exit status: 0 a clean end, 1 no connection or a lost one, 2 wrong usage.";

/// Join a chat room.
///
/// In a terminal, write at the bottom while the conversation goes on above. Without one, lines from
/// standard input are said, and what the room says goes to standard output.
#[derive(Debug, Parser)]
#[command(name = PROGRAM, version, after_help = EXAMPLES)]
struct Arguments {
    /// The server's address or name
    #[arg(default_value = DEFAULT_ADDRESS, env = "CHATROOM_HOST", hide_env_values = true)]
    #[arg(value_parser = host)]
    host: String,

    /// The server's port
    #[arg(default_value_t = DEFAULT_PORT, env = "CHATROOM_PORT", hide_env_values = true)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..))]
    port: u16,

    /// Your name in the room; your login name if you give none
    #[arg(long, env = "CHATROOM_NAME", hide_env_values = true, value_parser = name)]
    #[arg(allow_hyphen_values = true)]
    name: Option<Name>,

    /// Append the log to this file
    #[arg(long, value_name = "FILE", default_value = "client.log")]
    log_file: PathBuf,

    /// How much to log: off, error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", default_value = "info", value_parser = level)]
    log_level: LevelFilter,
}

fn main() -> ExitCode {
    match Arguments::try_parse() {
        Ok(arguments) => client::run(&arguments.into()),
        Err(error) => told(&error),
    }
}

impl From<Arguments> for Config {
    fn from(arguments: Arguments) -> Config {
        Config {
            host: arguments.host,
            port: arguments.port,
            name: arguments.name.or_else(client::login_name),
            log_file: arguments.log_file,
            log_level: arguments.log_level,
        }
    }
}

/// Help and version are what was asked for; all else is wrong usage.
fn told(error: &clap::Error) -> ExitCode {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        // A closed standard output is no reason to fail.
        error.print().ok();
        return ExitCode::SUCCESS;
    }
    eprintln!("{}", problem::usage(PROGRAM, &error.render().to_string()));
    ExitCode::from(2)
}

/// A host. A number alone is a port in the wrong place, and brackets belong to an IPv6 address.
fn host(text: &str) -> Result<String, String> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!(
            "that is no address; give the address first, then the port: {PROGRAM} \
             {DEFAULT_ADDRESS} {text}"
        ));
    }
    let address = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    if address.is_empty() {
        return Err("give an address or a host name".to_owned());
    }
    Ok(address.to_owned())
}

fn name(text: &str) -> Result<Name, String> {
    Name::parse(text).map_err(|rule| rule.to_string())
}

fn level(text: &str) -> Result<LevelFilter, String> {
    text.parse().map_err(|_| "it is one of off, error, warn, info, debug and trace".to_owned())
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
    fn a_host_is_anything_but_a_number_alone() {
        let cases = [
            ("chat.local", Some("chat.local")),
            ("127.0.0.1", Some("127.0.0.1")),
            ("[::1]", Some("::1")),
            ("::1", Some("::1")),
            ("5000", None),
            ("", None),
            ("[]", None),
        ];
        for (text, expected) in cases {
            assert_eq!(host(text).ok().as_deref(), expected, "{text}");
        }
    }
}
