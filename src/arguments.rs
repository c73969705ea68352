//! The command lines: what both programs share, and what each can be told ([`server`], [`client`]).

use std::ffi::{OsStr, OsString};
use std::num::NonZeroU16;
use std::ops::RangeInclusive;
use std::process::ExitCode;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::error::{ContextKind, ErrorKind};
use clap::{Arg, Command, Error, Parser};
use log::LevelFilter;

use crate::problem;
use crate::protocol::DEFAULT_ADDRESS;
use crate::server::without_password;

pub mod client;
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
    let mut set_aside = Vec::new();
    let mut command = A::command().mut_args(|argument| with_environment(argument, &mut set_aside));
    let matches = command.try_get_matches_from_mut(std::env::args_os());
    let parsed = matches.and_then(|mut matches| A::from_arg_matches_mut(&mut matches));
    parsed.map(|arguments| Parsed { arguments, set_aside }).map_err(|error| {
        if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
            // A closed standard output is no reason to fail.
            error.print().ok();
            return ExitCode::SUCCESS;
        }
        problem::complain(command.get_name(), usage(&command, &error));
        ExitCode::from(2)
    })
}

/// Parses an address or a host name. A number alone, or behind a colon, is a port in the wrong place, which would
/// otherwise be taken for an address or a name; brackets belong to an IPv6 address.
///
/// # Errors
///
/// What is wrong with it, for the user.
pub fn host(text: &str) -> Result<String, String> {
    if let Some((_, behind)) = text.split_once("://") {
        let place = behind.split(['/', '?', '#']).next().filter(|place| !place.is_empty());
        let place = place.unwrap_or(DEFAULT_ADDRESS);
        return Err(format!("that is a URL; give the address alone: {}", as_words(place)));
    }
    let port = text.strip_prefix(':').unwrap_or(text);
    if is_number(port) {
        return Err(format!("that is a port; give the address first: {DEFAULT_ADDRESS} {port}"));
    }
    if with_port(text).is_some() {
        return Err(format!("give the port as a word of its own: {}", as_words(text)));
    }
    let host = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    if host.is_empty() {
        return Err("give an address or a host name".to_owned());
    }
    Ok(host.to_owned())
}

/// The place of a server: its address or name, and its port if that is given with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The address or the name.
    pub host: String,
    /// The port, if it is given.
    pub port: Option<u16>,
}

/// Parses the place of a server to connect to: an address or a host name, alone or in one of the forms that other
/// programs print, `host:port`, `[address]:port` and `tcp://host:port`.
///
/// # Errors
///
/// What is wrong with it, for the user.
pub fn place(text: &str) -> Result<Place, String> {
    let tcp = text.strip_prefix("tcp://").map(|place| place.strip_suffix('/').unwrap_or(place));
    let text = tcp.unwrap_or(text);
    let (host, port) = match with_port(text) {
        Some((host, number)) => {
            let port = port(number).map_err(|_| "its port must be a number from 1 to 65535")?;
            (host.to_owned(), Some(port))
        }
        None => (host(text)?, None),
    };
    Ok(Place { host, port })
}

/// The places of one server, or of several with commas between them. There is at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places(Vec<Place>);

impl Places {
    /// The places, in the order in which they are given.
    #[must_use]
    pub fn all(&self) -> &[Place] {
        &self.0
    }
}

/// Parses the places of the servers of one room, with commas between them.
///
/// # Errors
///
/// What is wrong with the first one that is wrong, for the user.
pub fn places(text: &str) -> Result<Places, String> {
    if !text.contains(',') {
        return Ok(Places(vec![place(text)?]));
    }
    let entry = |text: &str| match text.trim() {
        "" => Err("there is nothing before or behind one of the commas".to_owned()),
        text => place(text).and_then(with_one_port).map_err(|why| format!("{text}: {why}")),
    };
    text.split(',').map(entry).collect::<Result<_, _>>().map(Places)
}

/// The place, unless what stands behind its one colon is no port: no name has a colon, and an IPv6 address has more.
fn with_one_port(place: Place) -> Result<Place, String> {
    match place.host.matches(':').count() {
        1 => Err("its port must be a number from 1 to 65535".to_owned()),
        _ => Ok(place),
    }
}

/// The host and the port of `host:port` or `[address]:port`. An IPv6 address has more colons.
fn with_port(text: &str) -> Option<(&str, &str)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => rest.split_once("]:")?,
        None => text.split_once(':')?,
    };
    (!host.is_empty() && is_number(port)).then_some((host, port))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A host, and its port if it has one, as they are given on the command line.
fn as_words(text: &str) -> String {
    with_port(text).map_or_else(|| text.to_owned(), |(host, port)| format!("{host} {port}"))
}

/// Parses the port of a server to connect to.
///
/// # Errors
///
/// What is wrong with it, for the user.
pub fn port(text: &str) -> Result<u16, String> {
    text.parse::<NonZeroU16>()
        .map(NonZeroU16::get)
        .map_err(|_| "it must be a number from 1 to 65535".to_owned())
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
    // It may be one of several in it, or be told without a password.
    let is_in = its_value.split(',').any(|part| part == value);
    (is_in || without_password(&its_value) == value).then(|| variable.display().to_string())
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
    fn a_port_in_the_wrong_place_is_told_where_it_belongs() {
        let first = "that is a port; give the address first: 127.0.0.1 5000";
        for (text, told) in [
            ("5000", first),
            (":5000", first),
            ("host:5000", "give the port as a word of its own: host 5000"),
            ("[::1]:5000", "give the port as a word of its own: ::1 5000"),
            ("tcp://10.0.0.1:5000", "that is a URL; give the address alone: 10.0.0.1 5000"),
            ("http://host/room", "that is a URL; give the address alone: host"),
        ] {
            assert_eq!(host(text), Err(told.to_owned()));
        }
    }

    #[test]
    fn a_server_is_given_in_any_form_that_others_print() {
        for (text, host, port) in [
            ("chat.lan", "chat.lan", None),
            ("127.0.0.1:5000", "127.0.0.1", Some(5000)),
            ("[::1]:5000", "::1", Some(5000)),
            ("[::1]", "::1", None),
            ("::1", "::1", None),
            ("chat.lan:6000", "chat.lan", Some(6000)),
            ("tcp://10.0.0.1:5000", "10.0.0.1", Some(5000)),
            ("tcp://chat.lan/", "chat.lan", None),
        ] {
            assert_eq!(place(text), Ok(Place { host: host.to_owned(), port }), "{text}");
        }
        for text in
            ["chat.lan:0", "chat.lan:65536", "http://chat.lan", "5000", ":5000", "", "tcp://"]
        {
            assert!(place(text).is_err(), "{text}");
        }
    }

    #[test]
    fn several_servers_have_commas_between_them_and_a_wrong_one_is_named() {
        let read = |text: &str| {
            let places = places(text)?;
            let place = |it: &Place| (it.host.clone(), it.port);
            Ok(places.all().iter().map(place).collect::<Vec<_>>())
        };
        let place = |host: &str, port| (host.to_owned(), port);
        assert_eq!(read("chat.lan"), Ok(vec![place("chat.lan", None)]));
        let three = vec![place("a", None), place("b", Some(5001)), place("fe80::1", Some(5001))];
        assert_eq!(read("a,b:5001,[fe80::1]:5001"), Ok(three.clone()));
        assert_eq!(read(" a , tcp://b:5001/,[fe80::1]:5001 "), Ok(three));
        let nothing = "there is nothing before or behind one of the commas";
        let port = "its port must be a number from 1 to 65535";
        for (text, told) in [
            ("a,", nothing.to_owned()),
            (",", nothing.to_owned()),
            ("a,,b", nothing.to_owned()),
            ("a,b:0,c", format!("b:0: {port}")),
            ("a,b:x", format!("b:x: {port}")),
            ("a,b:", format!("b:: {port}")),
            ("a,5001", "5001: that is a port; give the address first: 127.0.0.1 5001".to_owned()),
            ("http://a,b", "http://a: that is a URL; give the address alone: a".to_owned()),
            ("b:0", port.to_owned()),
        ] {
            assert_eq!(read(text), Err(told), "{text}");
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
    fn a_host_has_no_port() {
        let cases = [
            ("chat.local", Some("chat.local")),
            ("127.0.0.1", Some("127.0.0.1")),
            ("[::1]", Some("::1")),
            ("::1", Some("::1")),
            ("::", Some("::")),
            ("::5000", Some("::5000")),
            ("fe80::1%eth0", Some("fe80::1%eth0")),
            ("5000", None),
            ("chat.local:5000", None),
            ("", None),
            ("[]", None),
        ];
        for (text, expected) in cases {
            assert_eq!(host(text).ok().as_deref(), expected, "{text}");
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
