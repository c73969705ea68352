//! The command lines: what both programs share, and what each can be told ([`server`], [`client`]).

use std::ffi::{OsStr, OsString};
use std::ops::RangeInclusive;
use std::process::ExitCode;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::error::{ContextKind, ErrorKind};
use clap::{Arg, ArgMatches, Command, Error, Parser};
use log::LevelFilter;

use crate::place::is_number;
use crate::problem;
use crate::protocol::DEFAULT_ADDRESS;
use crate::server::without_password;

pub use crate::place::{Place, Places, host, place, places, port};

pub mod client;
mod config_file;
pub mod server;

/// The arguments of a program, and the variables that were not used for them.
#[derive(Debug)]
pub struct Parsed<A> {
    /// The program's arguments.
    pub arguments: A,
    /// The log records about environment variables that are not meant for the program.
    pub set_aside: Vec<String>,
}

/// Parses the program's arguments. An empty environment variable counts as none: service managers and
/// container files set them so. A variable that Kubernetes or Docker sets for a service of our name does not
/// count either.
///
/// # Errors
///
/// The program is to end with this status, and has said why: the user has asked for help or the version, or the
/// arguments are wrong.
pub fn parse<A: Parser>() -> Result<Parsed<A>, ExitCode> {
    parse_with(|command, _| Ok(command))
}

/// The same, where `usual` has more defaults for a command of which this is known: what it says stands behind the
/// command line and the environment.
fn parse_with<A: Parser>(
    usual: impl FnOnce(Command, &ArgMatches) -> Result<Command, String>,
) -> Result<Parsed<A>, ExitCode> {
    let mut set_aside = Vec::new();
    let command = A::command().mut_args(|argument| with_environment(argument, &mut set_aside));
    let told = |mut command: Command| {
        let matches = command.try_get_matches_from_mut(std::env::args_os());
        matches.map_err(|error| end(&command, &error))
    };
    let matches = told(command.clone())?;
    let command = usual(command, &matches).map_err(|why| {
        problem::complain(A::command().get_name(), why);
        ExitCode::from(WRONG)
    })?;
    let arguments = A::from_arg_matches_mut(&mut told(command.clone())?);
    let arguments = arguments.map_err(|error| end(&command, &error))?;
    Ok(Parsed { arguments, set_aside })
}

/// The exit status of wrong usage.
const WRONG: u8 = 2;

/// Says what clap has to say, and gives the exit status.
fn end(command: &Command, error: &Error) -> ExitCode {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        // A closed standard output is no reason to fail.
        error.print().ok();
        return ExitCode::SUCCESS;
    }
    problem::complain(command.get_name(), usage(command, error));
    ExitCode::from(WRONG)
}

/// Parses the port to listen on.
///
/// # Errors
///
/// What is wrong with it, for the user.
pub fn port_or_any(text: &str) -> Result<u16, String> {
    text.parse().map_err(|_| "it must be a number from 0 to 65535; 0 is any free one".to_owned())
}

/// Returns a parser of numbers in this range.
///
/// # Errors
///
/// The parser's error is what is wrong with the number, for the user.
pub fn number(range: RangeInclusive<u32>) -> impl Fn(&str) -> Result<u32, String> + Clone {
    move |text| match text.parse() {
        Ok(number) if range.contains(&number) => Ok(number),
        _ => Err(format!("it must be a number from {} to {}", range.start(), range.end())),
    }
}

/// A number in digits alone.
fn digits(text: &str) -> Option<u64> {
    is_number(text).then(|| text.parse().ok()).flatten()
}

/// The parser of log levels. It lists them for the shells' completions.
#[derive(Debug, Clone, Copy)]
pub struct LogLevels;

impl TypedValueParser for LogLevels {
    type Value = LevelFilter;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<LevelFilter, Error> {
        let read = |text: &str| {
            text.parse().map_err(|_| "it must be off, error, warn, info, debug or trace")
        };
        TypedValueParser::parse_ref(&read, command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
        Some(Box::new(LEVELS.map(PossibleValue::new).into_iter()))
    }
}

/// The argument, without its variable if that is empty or not meant for us.
fn with_environment(argument: Arg, set_aside: &mut Vec<String>) -> Arg {
    let Some((variable, value)) = in_environment(&argument) else { return argument };
    if is_of_a_service(&variable.to_string_lossy(), &value.to_string_lossy()) {
        let (variable, value) = (variable.display(), value.display());
        set_aside.push(format!(
            "{variable} is {value}, which Kubernetes or Docker has set for a service of that name; \
             it is not used"
        ));
    } else if !value.is_empty() {
        return argument;
    }
    argument.env(None::<&str>)
}

/// Whether a variable describes a service called chatroom, and is no setting: Kubernetes sets
/// `CHATROOM_PORT=tcp://10.0.0.1:5000` in every pod beside such a Service, and Docker's links set that and
/// `CHATROOM_NAME=/client/chatroom`.
fn is_of_a_service(variable: &str, value: &str) -> bool {
    match variable {
        "CHATROOM_PORT" => ["tcp://", "udp://", "sctp://"].iter().any(|it| value.starts_with(it)),
        "CHATROOM_NAME" => value.starts_with('/'),
        _ => false,
    }
}

/// The variable that stands for the argument, and its value.
fn in_environment(argument: &Arg) -> Option<(&OsStr, OsString)> {
    let variable = argument.get_env()?;
    Some((variable, std::env::var_os(variable)?))
}

/// The error of wrong usage in one line, and where to find more.
fn usage(command: &Command, error: &Error) -> String {
    let from = variable(command, error)
        .map_or(String::new(), |variable| format!(" (from the environment's {variable})"));
    let unknown =
        error.get(ContextKind::InvalidArg).filter(|_| error.kind() == ErrorKind::UnknownArgument);
    let meant = unknown.and_then(|option| meant(command, &option.to_string()));
    told(command.get_name(), &error.render().to_string(), meant, &from)
}

/// A hint for an unknown option that similar programs have.
fn meant(command: &Command, option: &str) -> Option<String> {
    let program = command.get_name();
    let has_name = command.get_arguments().any(|argument| argument.get_long() == Some("name"));
    match option {
        "-p" | "--port" => {
            Some(format!("the port stands behind the address: {program} {DEFAULT_ADDRESS} 5000"))
        }
        "-H" | "--host" | "-a" | "--address" => {
            Some(format!("the address stands by itself: {program} {DEFAULT_ADDRESS} 5000"))
        }
        "-n" | "-u" | "--nick" | "--user" if has_name => {
            Some("your name comes with '--name'".to_owned())
        }
        _ => None,
    }
}

/// The environment variable that a bad value comes from.
fn variable(command: &Command, error: &Error) -> Option<String> {
    let argument = error.get(ContextKind::InvalidArg)?.to_string();
    let value = error.get(ContextKind::InvalidValue)?.to_string();
    let argument = command.get_arguments().find(|known| known.to_string() == argument)?;
    let (variable, its_value) = in_environment(argument)?;
    let its_value = its_value.to_string_lossy();
    // Where clap takes them apart, it is one of several; or it is told without a password.
    let is_in = || its_value.split(',').any(|part| part == value);
    let is_it = its_value == value || is_in() || without_password(&its_value) == value;
    is_it.then(|| variable.display().to_string())
}

/// The parser's error, which has several paragraphs, as one line.
fn told(program: &str, rendered: &str, meant: Option<String>, from: &str) -> String {
    let mut paragraphs = rendered.split("\n\n").map(one_line);
    let what = paragraphs.next().unwrap_or_default();
    let what = what.strip_prefix("error: ").unwrap_or(&what);
    let similar = || paragraphs.find_map(|tip| Some(format!("a {}", tip.strip_prefix("tip: a ")?)));
    let tip = meant.or_else(similar).map_or(String::new(), |tip| format!("; {tip}"));
    format!("{what}{tip}{from}; see {program} --help")
}

fn one_line(paragraph: &str) -> String {
    paragraph.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_usage_is_told_in_one_line() {
        let cases = [
            (
                "error: unexpected argument '--frob' found\n\n  tip: to pass it\n\nUsage: x\n",
                "unexpected argument '--frob' found; see chatroom --help",
            ),
            (
                "error: no '--nam'\n\n  tip: a similar argument exists: '--name'\n\nUsage: x\n",
                "no '--nam'; a similar argument exists: '--name'; see chatroom --help",
            ),
            ("error: bad\n  [values: a, b]\n", "bad [values: a, b]; see chatroom --help"),
        ];
        for (rendered, line) in cases {
            assert_eq!(told("chatroom", rendered, None, ""), line);
        }
    }

    #[test]
    fn what_is_set_for_a_service_of_our_name_is_not_for_us() {
        for (variable, value, is) in [
            ("CHATROOM_PORT", "tcp://10.96.0.7:5000", true),
            ("CHATROOM_PORT", "udp://10.96.0.7:5000", true),
            ("CHATROOM_PORT", "5000", false),
            ("CHATROOM_PORT", "http", false),
            ("CHATROOM_NAME", "/client/chatroom", true),
            ("CHATROOM_NAME", "alice", false),
            ("CHATROOM_HOST", "tcp://10.96.0.7:5000", false),
        ] {
            assert_eq!(is_of_a_service(variable, value), is, "{variable}={value}");
        }
    }

    #[test]
    fn only_a_server_may_leave_its_port_to_the_system() {
        for (text, connect, listen) in [
            ("5000", Some(5000), Some(5000)),
            ("0", None, Some(0)),
            ("65536", None, None),
            ("-1", None, None),
            ("http", None, None),
        ] {
            assert_eq!((port(text).ok(), port_or_any(text).ok()), (connect, listen), "{text}");
        }
    }
}
