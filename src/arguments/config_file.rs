//! The configuration file of `chatclient`: what is usual for its user, where neither an option nor the environment
//! says anything else.
//!
//! Its keys are the options, so what may stand in it, and what is wrong with a value, is what clap knows of them: a
//! value of the file becomes the default of its option ([`apply`]). Which options have no place there, and why, is in
//! [`keys`]; how the file is read in [`text`].

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};

use self::keys::Kind;
use self::text::{Entry, Trouble, Value};
use super::{Place, Places};
use crate::client::PASSWORD_VARIABLE;
use crate::state_folder::Environment;

pub(super) mod keys;
mod text;

/// Pairs of options of which one takes back, or makes useless, what the other says: where a stronger source names one
/// of them, the file's word for the other one does not count.
const OPPOSITES: [(&str, &str); 6] = [
    ("tls", "plain"),
    ("plain", "fingerprint"),
    ("identity", "no_identity"),
    ("reconnect", "no_reconnect"),
    ("notify", "no_notify"),
    ("no_history", "history"),
];

/// What belongs to the hosts that the file names, and to no other one.
const OF_THE_HOSTS: [&str; 3] = ["port", "fingerprint", "password_file"];

/// What the file says of one option.
#[derive(Debug)]
struct Setting {
    /// The option.
    id: String,
    /// The values that it is given.
    values: Vec<String>,
    /// The line that says so.
    line: usize,
}

/// The command with what the user's file says as its defaults, if there is a file. `matches` is what the stronger
/// sources say, the command line and the environment.
///
/// # Errors
///
/// What is wrong with the file, with its name and the line.
pub(super) fn apply(command: Command, matches: &ArgMatches) -> Result<Command, String> {
    let environment = Environment::of_process();
    let Some(path) = path(matches, &environment) else { return Ok(command) };
    let told = |trouble: Trouble| trouble.told(&path);
    let Some(text) = text::read(&path, is_explicit(matches, "config")).map_err(told)? else {
        return Ok(command);
    };
    let settings = settings(&command, &text, environment.home().as_deref()).map_err(told)?;
    let has_password = std::env::var_os(PASSWORD_VARIABLE).is_some_and(|it| !it.is_empty());
    Ok(with_defaults(command, not_overridden(settings, matches, has_password)))
}

/// The command with these defaults. Each option stays in its place: words without a name go by theirs.
fn with_defaults(command: Command, settings: Vec<Setting>) -> Command {
    let mut defaults: HashMap<_, _> =
        settings.into_iter().map(|setting| (setting.id, setting.values)).collect();
    command.mut_args(|argument| match defaults.remove(argument.get_id().as_str()) {
        Some(values) => argument.default_values(values),
        None => argument,
    })
}

/// The file to read, if one is.
fn path(matches: &ArgMatches, environment: &Environment) -> Option<PathBuf> {
    if matches.get_flag("no_config") || matches.get_flag("print_config") {
        return None;
    }
    matches.get_one::<PathBuf>("config").cloned().or_else(|| usual_path(environment))
}

/// Where the file is that is read without being named.
pub(super) fn usual_path(environment: &Environment) -> Option<PathBuf> {
    environment.config_folder().map(|folder| folder.join("chatclient.conf"))
}

/// What the text says, checked.
fn settings(command: &Command, text: &str, home: Option<&Path>) -> Result<Vec<Setting>, Trouble> {
    let entries = text::entries(text)?.into_iter();
    let settings = entries.filter_map(|entry| setting(command, entry, home).transpose());
    let settings = settings.collect::<Result<Vec<_>, Trouble>>()?;
    check_together(&settings)?;
    Ok(settings)
}

/// What an entry says; `None` if that is so anyway.
fn setting(
    command: &Command,
    entry: Entry,
    home: Option<&Path>,
) -> Result<Option<Setting>, Trouble> {
    let Entry { key, value, line } = entry;
    let at = |what: String| Trouble::at(line, what);
    let Some(argument) = keys::find(command, &key) else {
        return Err(at(keys::unknown(command, &key)));
    };
    let mut id = argument.get_id().as_str();
    let values = match (Kind::of(argument), value) {
        (Kind::Switch, Value::Switch(false)) if id != "reconnect" => return Ok(None),
        (Kind::Switch, Value::Switch(on)) => {
            // Neither it nor its opposite is so anyway.
            id = if on { id } else { "no_reconnect" };
            vec!["true".to_owned()]
        }
        (Kind::Number, Value::Number(text)) | (Kind::Text | Kind::List, Value::Text(text)) => {
            vec![text]
        }
        (Kind::Path, Value::Text(text)) => vec![in_home(&text, home)],
        (Kind::List, Value::List(texts)) => texts,
        (kind, _) => return Err(at(format!("{key} must be {}", kind.wanted(&key)))),
    };
    let checked = values.iter().try_for_each(|value| check(argument, value));
    checked.map_err(|why| at(format!("{key}: {why}")))?;
    Ok(Some(Setting { id: id.to_owned(), values, line }))
}

/// A path that begins with `~/`, which a shell writes out on a command line.
fn in_home(text: &str, home: Option<&Path>) -> String {
    let below = text.strip_prefix("~/").zip(home);
    below.map_or_else(|| text.to_owned(), |(rest, home)| home.join(rest).display().to_string())
}

/// Whether the option takes this value, on which clap decides; if not, why.
fn check(argument: &Arg, value: &str) -> Result<(), String> {
    if Kind::of(argument) == Kind::Switch {
        return Ok(());
    }
    // Without what it has to do with others.
    let mut alone = Arg::new("it").long("it").action(argument.get_action().clone());
    alone = alone.value_parser(argument.get_value_parser().clone());
    if let Some(delimiter) = argument.get_value_delimiter() {
        alone = alone.value_delimiter(delimiter);
    }
    let words = [String::new(), format!("--it={value}")];
    let tried = Command::new("").arg(alone).try_get_matches_from(words);
    tried.map(drop).map_err(|error| reason(&error, value))
}

/// What is wrong with a value, without the option, which the file's reader knows as a key.
fn reason(error: &clap::Error, value: &str) -> String {
    use clap::error::{ContextKind, ContextValue};
    if let Some(ContextValue::Strings(all)) = error.get(ContextKind::ValidValue)
        && !all.is_empty()
    {
        return format!("it must be one of {}, and is {value:?}", all.join(", "));
    }
    match std::error::Error::source(error) {
        Some(why) if error.kind() == ErrorKind::ValueValidation => {
            format!("{why}, and is {value:?}")
        }
        _ => "it must not be empty".to_owned(),
    }
}

/// Checks what the file says of options that do not go together.
fn check_together(settings: &[Setting]) -> Result<(), Trouble> {
    let is_set = |id: &str| settings.iter().find(|it| it.id == id);
    for (one, other) in [("tls", "plain"), ("fingerprint", "plain")] {
        if let (Some(one_set), Some(set)) = (is_set(one), is_set(other)) {
            let line = one_set.line.max(set.line);
            return Err(Trouble::at(line, format!("{one} and {other} do not go together")));
        }
    }
    if let Some((hosts, port)) = places(settings).zip(is_set("port"))
        && hosts.have_ports()
    {
        let what = match hosts.all() {
            [_] => "the port is given twice, here and with the host",
            _ => "each of the servers has its port, so this one is for none of them",
        };
        return Err(Trouble::at(port.line, what.to_owned()));
    }
    Ok(())
}

/// The servers that the file names.
fn places(settings: &[Setting]) -> Option<Places> {
    let hosts = settings.iter().find(|setting| setting.id == "host")?;
    super::places(&hosts.values[0]).ok()
}

/// What no stronger source overrides.
fn not_overridden(
    settings: Vec<Setting>,
    matches: &ArgMatches,
    has_password: bool,
) -> Vec<Setting> {
    let opposes = |id: &str| {
        OPPOSITES.iter().any(|&(one, other)| {
            one == id && is_explicit(matches, other) || other == id && is_explicit(matches, one)
        })
    };
    let (usual, given) = (places(&settings), explicit_places(matches));
    let is_for_others = |id: &str| given.is_some_and(|given| !is_for(id, usual.as_ref(), given));
    let is_overridden = |id: &str| {
        opposes(id)
            || OF_THE_HOSTS.contains(&id) && is_for_others(id)
            || has_password && id == "password_file"
    };
    settings.into_iter().filter(|setting| !is_overridden(&setting.id)).collect()
}

/// Whether what the file says of its hosts, if it names some, is for those that a stronger source names. All of them
/// would get it, so each has to be one of the file's. A port is for those without one, there and here.
fn is_for(id: &str, usual: Option<&Places>, given: &Places) -> bool {
    let is_concerned = |place: &Place| id != "port" || place.port.is_none();
    let is_usual = |place: &Place| {
        let is_it = |it: &Place| is_concerned(it) && it.host.eq_ignore_ascii_case(&place.host);
        usual.is_none_or(|usual| usual.all().iter().any(is_it))
    };
    let mut concerned = given.all().iter().filter(|place| is_concerned(place)).peekable();
    concerned.peek().is_some() && concerned.all(is_usual)
}

/// The servers that a stronger source names.
fn explicit_places(matches: &ArgMatches) -> Option<&Places> {
    if is_explicit(matches, "host") { matches.get_one("host") } else { None }
}

/// Whether the command line or the environment says something of an option.
pub(super) fn is_explicit(matches: &ArgMatches, id: &str) -> bool {
    matches!(matches.value_source(id), Some(ValueSource::CommandLine | ValueSource::EnvVariable))
}

#[cfg(test)]
mod tests;
