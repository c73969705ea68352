//! The keys of the configuration file: which options they are, and the file that shows them all.

use std::fmt::Write;

use clap::{Arg, ArgAction, Command, ValueHint};

use crate::protocol::suggestion::nearest;

/// The options that are no keys, and why, as it goes on after `NAME is no key of this file: `.
pub(super) const NO_KEYS: [(&str, &str); 15] = [
    ("config", WHICH),
    ("no-config", WHICH),
    ("print-config", WHICH),
    ("forget", INSTEAD),
    ("known", INSTEAD),
    ("find", INSTEAD),
    ("help", INSTEAD),
    ("version", INSTEAD),
    // A script that says what it reads would begin to obey it, or lose what it looks for.
    ("commands", CALL),
    ("quiet", CALL),
    ("listen", CALL),
    ("no-reconnect", "write reconnect = false"),
    ("no-notify", "write notify = false"),
    ("history", "write no-history = false"),
    // It is none; but people will look for a place for it.
    ("password", "put it in a file of its own, which password-file names"),
];

const WHICH: &str = "it says which file is read";
const INSTEAD: &str = "it is done in place of joining a room";
const CALL: &str = "each call says for itself what its input and output are";

/// What stands in the file that is printed, for an option that has no default.
const EXAMPLES: [(&str, &str); 8] = [
    ("host", "\"127.0.0.1\""),
    ("port", "5000"),
    ("name", "\"alice\""),
    ("fingerprint", "\"k3vqd-7m2xa-pz6lt-4wbne\""),
    ("password-file", "\"~/.config/chatroom/password\""),
    ("identity", "\"~/.local/state/chatroom/identity.pem\""),
    ("highlight", "[\"deploy\", \"release\"]"),
    ("reconnect", "true"),
];

/// How wide the printed file's comments are.
const WIDTH: usize = 78;

/// What a key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// true or false.
    Switch,
    /// A whole number.
    Number,
    /// A file's path.
    Path,
    /// Texts, or one with commas.
    List,
    /// Any other text.
    Text,
}

impl Kind {
    pub(super) fn of(argument: &Arg) -> Kind {
        match argument.get_action() {
            ArgAction::SetTrue => Kind::Switch,
            ArgAction::Append => Kind::List,
            _ if matches!(argument.get_value_hint(), ValueHint::FilePath | ValueHint::AnyPath) => {
                Kind::Path
            }
            _ if argument.get_id() == "port" => Kind::Number,
            _ => Kind::Text,
        }
    }

    /// What must stand behind the key.
    pub(super) fn wanted(self, key: &str) -> String {
        match self {
            Kind::Switch => "true or false, without quotes".to_owned(),
            Kind::Number => format!("a number, as in {key} = 5000"),
            Kind::Path => format!("a path in quotes, as in {key} = \"~/file\""),
            Kind::List => format!("texts, as in {key} = [\"one\", \"two\"]"),
            Kind::Text => format!("text in quotes, as in {key} = \"…\""),
        }
    }
}

/// What the option is called in the file.
pub(super) fn key(argument: &Arg) -> &str {
    argument.get_long().unwrap_or_else(|| argument.get_id().as_str())
}

/// The option that the key is.
pub(super) fn find<'c>(command: &'c Command, name: &str) -> Option<&'c Arg> {
    all(command).find(|argument| key(argument) == name)
}

/// Every option that is a key, as the help has them.
fn all(command: &Command) -> impl Iterator<Item = &Arg> {
    let is_key = |argument: &&Arg| !NO_KEYS.iter().any(|(name, _)| *name == key(argument));
    command.get_arguments().filter(is_key)
}

/// What to say of a name that is no key.
pub(super) fn unknown(command: &Command, name: &str) -> String {
    let plain = name.trim_start_matches('-').replace('_', "-").to_lowercase();
    if let Some((name, why)) = NO_KEYS.iter().find(|(known, _)| *known == plain) {
        return format!("{name} is no key of this file: {why}");
    }
    let keys: Vec<_> = all(command).map(key).collect();
    match nearest(&plain, keys.iter().map(|key| (key, *key))) {
        Some(meant) => format!("there is no key {name:?}; did you mean {meant}?"),
        None => format!("there is no key {name:?}; chatclient --print-config shows them all"),
    }
}

/// A file with all that can stand in it, each commented out, which is as good as none. It is ASCII, which no shell
/// writes in another way.
pub(in crate::arguments) fn sample(command: &Command, place: &str) -> String {
    let mut text = format!(
        "# What is usual for chatclient, where neither an option nor the environment says\n\
         # anything else. It is read from {place}\n\
         # A line with a key loses its # to count. Keys are the options of --help.\n"
    );
    for argument in all(command) {
        text.push('\n');
        let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
        comment(&mut text, &help);
        if ["port", "fingerprint", "password-file"].contains(&key(argument)) {
            comment(&mut text, "Where this file names a host, or several, it is for them alone.");
        }
        writeln!(text, "#{} = {}", key(argument), shown(argument)).ok();
    }
    text
}

/// What the option is without a word of its user's, or an example.
fn shown(argument: &Arg) -> String {
    if let Some((_, example)) = EXAMPLES.iter().find(|(name, _)| *name == key(argument)) {
        return (*example).to_owned();
    }
    let default = argument.get_default_values().first();
    match (Kind::of(argument), default) {
        (Kind::Switch, _) => "false".to_owned(),
        (_, default) => format!("{:?}", default.map_or("".into(), |it| it.to_string_lossy())),
    }
}

/// Writes a text as comments.
fn comment(text: &mut String, words: &str) {
    let mut row = "#".to_owned();
    for word in words.split_whitespace() {
        if row.len() + 1 + word.len() > WIDTH {
            text.push_str(&row);
            text.push('\n');
            row.truncate(1);
        }
        row.push(' ');
        row.push_str(word);
    }
    text.push_str(&row);
    text.push('\n');
}
