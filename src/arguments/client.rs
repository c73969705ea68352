//! What `chatclient` can be told on its command line and in its environment.

use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, Parser, ValueEnum, ValueHint};
use log::LevelFilter;

use super::{self as arguments, LogLevels, Parsed, Places, config_file};
use crate::client::TimeFormat;
use crate::protocol::name::Name;
use crate::protocol::text::make_safe;
use crate::state_folder::Environment;
use crate::tls::Fingerprint;

mod meaning;

/// What the program is called.
pub const PROGRAM: &str = "chatclient";

const EXAMPLES: &str = "\
Examples:
  chatclient                              join the room on this machine
  chatclient 192.168.1.7 5000             join the room on another one
  chatclient --find                       list the rooms that are announced on this network
  chatclient --name alice chat.local:6000 join under a name
  chatclient chat1,chat2:5001             join a room that several servers hold
  echo 'build done' | chatclient host     say one line and leave
  tail -f build.log | chatclient --reconnect host
                                          say each new line, over lost connections too
  chatclient --listen --quiet host        print what is said from now on

In the room, /help lists the commands, and Ctrl+C leaves.
A server on this machine is talked to in plain; any other one encrypted, if it can, and known by its
key from then on.
Exit status: 0 a clean end, 1 no connection or a lost one, 2 wrong usage, 3 not the server that it
should be.";

/// Join a chat room.
///
/// In a terminal, write at the bottom while the conversation goes on above. Without one, lines from
/// standard input are said, and what the room says goes to standard output.
#[derive(Debug, Parser)]
#[command(name = PROGRAM, version, after_help = EXAMPLES)]
pub struct Arguments {
    /// The server's address or name, also as HOST:PORT, or several of one room with commas between; this machine's if
    /// none is given
    #[arg(env = "CHATROOM_HOST", hide_env_values = true)]
    #[arg(value_parser = arguments::places, value_hint = ValueHint::Hostname)]
    host: Option<Places>,

    /// The server's port, 5000 if none is given; of several, for those without one
    #[arg(env = "CHATROOM_PORT", hide_env_values = true, value_parser = arguments::port)]
    port: Option<u16>,

    /// Your name in the room; your login name if you give none
    #[arg(long, env = "CHATROOM_NAME", hide_env_values = true, value_parser = name)]
    #[arg(allow_hyphen_values = true)]
    name: Option<Name>,

    /// Never talk unencrypted, not even on this machine
    #[arg(long)]
    tls: bool,

    /// Never talk encrypted
    #[arg(long, conflicts_with = "tls")]
    plain: bool,

    /// Talk only to the server with this key, as its fingerprint
    #[arg(long, value_name = "KEY", env = "CHATROOM_FINGERPRINT", hide_env_values = true)]
    fingerprint: Option<Fingerprint>,

    /// The file whose first line is the room's password, or a code that lets you in
    ///
    /// CHATROOM_PASSWORD is the password itself. Without either, a terminal asks.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    password_file: Option<PathBuf>,

    /// The file of the key by which your names are known, made if it is not there
    #[arg(long, value_name = "FILE", env = "CHATROOM_IDENTITY", hide_env_values = true)]
    identity: Option<PathBuf>,

    /// Use no key, so that no name is yours, even where one is named
    #[arg(long)]
    no_identity: bool,

    /// Read what is usual from this file, in place of chatroom/chatclient.conf in your configuration folder
    #[arg(long, value_name = "FILE", env = "CHATROOM_CONFIG", hide_env_values = true)]
    config: Option<PathBuf>,

    /// Read no configuration file, even where one is named
    #[arg(long)]
    no_config: bool,

    /// Print a configuration file with all that can stand in it, commented out, and end
    #[arg(long)]
    pub print_config: bool,

    /// List the rooms that are announced on this network, with the command that joins each, and end
    ///
    /// It takes two seconds. Anyone on the network can announce anything: what is listed is a hint.
    #[arg(long, conflicts_with_all = ["known", "forget"])]
    find: bool,

    /// Forget the server at this address, and end
    #[arg(long, conflicts_with = "known")]
    forget: bool,

    /// List the servers that are known, and end
    #[arg(long)]
    known: bool,

    /// Use colours in a terminal: auto (where it has them, and NO_COLOR is not set), always or never
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    color: Color,

    /// What rings the terminal's bell: off, mentions (your name, and private lines) or all (lines)
    #[arg(long, value_name = "WHAT", default_value = "mentions")]
    bell: Bell,

    /// Words besides your name that stand out and ring, with commas between them
    #[arg(long, value_name = "WORDS", value_delimiter = ',', value_parser = highlight)]
    #[arg(env = "CHATROOM_HIGHLIGHT", hide_env_values = true)]
    highlight: Vec<String>,

    /// While its window is not in focus, a terminal notifies you of mentions, and its title counts lines
    #[arg(long, overrides_with = "no_notify")]
    notify: bool,

    /// Do not, where the configuration file says --notify
    #[arg(long, overrides_with = "notify")]
    no_notify: bool,

    /// What breaks lines wider than the terminal: words (between words), or terminal (anywhere)
    #[arg(long, value_name = "HOW", default_value = "words")]
    wrap: Wrap,

    /// Whose comings and goings a terminal shows: all, spoken (who said something in the last hour) or none
    #[arg(long, value_name = "WHOSE", default_value = "all")]
    joins: Joins,

    /// How a terminal shows times: none, or as strftime has it
    #[arg(long, value_name = "FORMAT", default_value = "%H:%M", value_parser = TimeFormat::from_str)]
    time: TimeFormat,

    /// Neither read nor keep what you send across runs, nor which servers you join
    #[arg(long, overrides_with = "history")]
    no_history: bool,

    /// Do, where the configuration file says --no-history
    #[arg(long, overrides_with = "no_history")]
    history: bool,

    /// Come back when the connection is lost, and miss and lose nothing; a terminal does so anyway
    #[arg(long, overrides_with = "no_reconnect")]
    reconnect: bool,

    /// End when the connection is lost, with status 1; without a terminal that is so anyway
    #[arg(long, overrides_with = "reconnect")]
    no_reconnect: bool,

    /// In a pipe, take input lines that begin with / for commands; without it they are text
    #[arg(long)]
    commands: bool,

    /// In a pipe, print only what is said: no banner, no earlier lines, no notices
    #[arg(long, short)]
    quiet: bool,

    /// Read no input, and print what is said until the connection ends
    #[arg(long, conflicts_with = "commands")]
    listen: bool,

    /// For programs: print each event as a JSON object, and take objects such as {"say": "hello"} for input
    #[arg(long, conflicts_with = "commands")]
    json: bool,

    /// Append the log to this file; at 10 MB it becomes FILE.1, of which one is kept
    #[arg(long, value_name = "FILE", default_value = "client.log")]
    #[arg(env = "CHATROOM_LOG_FILE", hide_env_values = true)]
    log_file: PathBuf,

    /// How much to log: off, error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", default_value = "info", value_parser = LogLevels)]
    #[arg(hide_possible_values = true)]
    #[arg(env = "CHATROOM_LOG_LEVEL", hide_env_values = true)]
    log_level: LevelFilter,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Bell {
    Off,
    Mentions,
    All,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Joins {
    All,
    Spoken,
    None,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Wrap {
    Words,
    Terminal,
}

/// Parses the arguments, and what stands behind them: the environment, and the user's configuration file.
///
/// # Errors
///
/// As [`arguments::parse`]; or something is wrong with the file.
pub fn parse() -> Result<Parsed<Arguments>, ExitCode> {
    arguments::parse_with(|command, matches| {
        check_conflict(matches)?;
        config_file::apply(command, matches)
    })
}

/// A key that stands in the environment is for other rooms than one that is joined in plain; one that is given is not.
fn check_conflict(matches: &ArgMatches) -> Result<(), String> {
    let is_given = |id| matches.value_source(id) == Some(ValueSource::CommandLine);
    if is_given("plain") && is_given("fingerprint") {
        let both = "the argument '--plain' cannot be used with '--fingerprint <KEY>'";
        return Err(format!("{both}; see {PROGRAM} --help"));
    }
    Ok(())
}

/// A configuration file that says nothing yet.
#[must_use]
pub fn sample_config() -> String {
    let place = config_file::usual_path(&Environment::of_process());
    let place = place.map_or("where --config says".to_owned(), |at| at.display().to_string());
    config_file::keys::sample(&Arguments::command(), &make_safe(place.as_bytes()))
}

/// Words that can be looked for in what others say.
fn highlight(text: &str) -> Result<String, String> {
    let words = make_safe(text.trim().as_bytes()).into_owned();
    let has_some = words.chars().any(char::is_alphanumeric);
    if has_some { Ok(words) } else { Err("it must be a word, or several with commas".to_owned()) }
}

/// The file of the servers that are known, if the environment names a place for it.
#[must_use]
pub fn known_servers() -> Option<PathBuf> {
    Environment::of_process().state_folder().map(|folder| folder.join("known_servers"))
}

fn name(text: &str) -> Result<Name, String> {
    Name::parse(text).map_err(|rule| rule.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_well_formed() {
        Arguments::command().debug_assert();
    }
}
