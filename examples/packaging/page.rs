//! A manual page: what a program's arguments tell of themselves, and what only a manual tells.

use std::io;

use chatroom::client;
use chatroom::protocol::request::Command;
use chatroom::server;
use clap::{Arg, Command as Program};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

/// What a manual tells of a program besides its arguments.
pub(crate) struct About {
    /// Its work in more words than its help has for it, one paragraph each.
    description: &'static [&'static str],
    /// What can be typed in the room, in tables with their headings.
    typed: fn() -> Vec<Table>,
    /// What its exit status means.
    status: &'static [(&'static str, &'static str)],
    /// Variables that stand for no argument.
    variables: &'static [(&'static str, &'static str)],
    /// What it reads and writes.
    files: &'static [(&'static str, &'static str)],
    /// Other pages.
    see_also: &'static str,
}

/// A heading, what comes before the table, and its rows.
type Table = (&'static str, &'static str, Vec<(&'static str, &'static str)>);

/// What the server takes from whoever is in the room.
fn room() -> Table {
    let lead = "A line is said to all, unless it begins with one of these, in capitals or not. What \
                begins with // is said with one / less.";
    (
        "COMMANDS",
        lead,
        Command::for_people().map(|command| (command.usage(), command.purpose())).collect(),
    )
}

/// What can be typed in the server's own terminal besides.
fn keyboard() -> Vec<Table> {
    let lead = "In the terminal that the server was started in, with or without a / before them. Nothing is read \
                there while the server is in the background, nor with </dev/null.";
    vec![room(), ("KEYBOARD", lead, server::keyboard_commands().collect())]
}

/// What can be typed in the client besides.
fn terminal() -> Vec<Table> {
    let (heading, lead, mut commands) = room();
    commands.extend(client::commands());
    let keys = "In a terminal, the keys of the input line are those of readline.";
    vec![(heading, lead, commands), ("KEYS", keys, client::keys().collect())]
}

pub(crate) const CHATSERVER: About = About {
    description: &[
        "It holds one room, for chatclient, nc, telnet and scripts alike, until it is told to end \
         by an interrupt (Ctrl+C) or SIGTERM. Then everyone is told, and what is due is \
         delivered, within a second.",
        "The first line on its standard output is listening on ADDRESS:PORT, once clients can \
         come, and the second one key FINGERPRINT, unless nobody talks encrypted. Its log goes to \
         standard error. Private lines are never logged.",
        "In a terminal, it takes lines from whoever runs it: see KEYBOARD.",
        "What is said, and who is in the room, is kept in a file (see FILES), from which the room \
         comes back when the server is started again. Whoever joins is told so. Private lines are \
         kept while their reader is a member. --history none keeps nothing.",
        "Clients that begin with TLS talk encrypted, on the same port, and know the server again by \
         its key (see FILES), of which the fingerprint is shown. Keep a copy of it: a server that \
         moves or is installed anew takes it along. --tls-cert and --tls-key name a certificate that \
         somebody else has made; both are read again when they change, and on SIGHUP.",
        "With --announce, chatclient --find on the same network finds it, by DNS-SD and multicast DNS (service type \
         _chatroom._tcp), unless it listens for its own machine alone, which is an error.",
        "Whoever reaches its address is in the room, unless it has a password (--password-file) or is for \
         invited people alone (--invited). By default only this machine reaches it.",
    ],
    typed: keyboard,
    status: &[
        ("0", "a clean end"),
        ("1", "it could not do its work: the port is taken, say, or the key cannot be used"),
        ("2", "wrong usage, on the command line or in the environment"),
        ("130", "a second interrupt has ended it at once"),
    ],
    variables: &[
        (
            "STATE_DIRECTORY",
            "the folder of the history and the key; systemd sets it for the service",
        ),
        (
            "XDG_STATE_HOME",
            "where the folder chatroom with the history and the key is, in place of ~/.local/state",
        ),
        ("LOCALAPPDATA", "the same, on Windows"),
    ],
    files: &[
        (
            "~/.local/state/chatroom/PORT.db",
            "the room's history, an SQLite database, unless --history names another file; a service \
             has it in /var/lib/chatroom. Beside it are PORT.db-wal and PORT.db-shm, which belong to \
             it, and PORT.db-lock, the lock of the server that runs. To read it: sqlite3 -readonly \
             PORT.db 'SELECT time, name, text FROM said'",
        ),
        (
            "~/.local/state/chatroom/server-key.pem",
            "the server's key, for its owner alone, unless --key names another file; all servers of \
             one user share it. It is made if it is not there, and never written again",
        ),
        ("/etc/default/chatserver", "the variables above, for the service in the Debian package"),
    ],
    see_also: "chatclient(1), nc(1)",
};

pub(crate) const CHATCLIENT: About = About {
    description: &[
        "In a terminal, what you write stands in the last row, and the conversation scrolls by \
         above it. /help lists the room's commands and the keys. Ctrl+C \
         gives up what you are writing, and leaves on an empty line, as Ctrl+D does. A lost \
         connection is made again.",
        "Where standard input or output is no terminal, it is a filter: it says each line of its \
         input, prints each line that comes, and ends when its input has ended and everything has \
         been delivered.",
        "A server on this machine is talked to in plain, any other one over TLS, if it speaks TLS. Its \
         key is told and remembered at the first contact, and a server that has another key after \
         that, or does not encrypt any more, is not talked to: the program ends with status 3 and says \
         what to do. --fingerprint asks for one key from the beginning. Where the system accepts a \
         server's certificate for its name, the name is remembered in place of the key.",
        "--find lists the rooms that are announced on this network, a line each, with the command that joins it, and \
         ends with status 1 if there are none. Anyone on the network can announce anything, so it is a hint; the \
         fingerprint in the command is what makes sure that the server which is joined is the one that was listed. \
         Without HOST, in a terminal, the rooms are listed where none is found on this machine.",
        "Your names in a room are known by a key of your own, which is made at the first start (see FILES) \
         and proved to each server that asks. To be the same person on another machine, copy the file \
         there. Whoever has it has your names.",
        "A room that several servers hold together takes all of them, with commas between. They are tried in \
         that order; when one is lost, or does not reach the room, the session goes on at the next one. In a \
         pipe, that needs --reconnect. The session is told only to a server with the same key, or one that \
         was known before.",
    ],
    typed: terminal,
    status: &[
        ("0", "a clean end"),
        ("1", "there was no connection, or it was lost for good; or --find has found nothing"),
        ("2", "wrong usage, on the command line, in the environment or in the configuration file"),
        (
            "3",
            "the server is not the one that it should be, or does not encrypt; nothing was sent to it",
        ),
    ],
    variables: &[
        (
            "CHATROOM_PASSWORD",
            "the password of the room, or a code that lets you in; --password-file counts more",
        ),
        (
            "NO_COLOR",
            "if it is not empty, there are no colours but with --color always; bold and dim stay",
        ),
        (
            "TERM",
            "if it is dumb, empty or not set, lines come one after the other and nothing is painted \
             anew: TERM=dumb is the mode for screen readers",
        ),
        (
            "XDG_STATE_HOME",
            "where history, servers, their keys and your own are kept, in place of ~/.local/state",
        ),
        ("XDG_CONFIG_HOME", "where chatroom/chatclient.conf is, in place of ~/.config"),
        ("APPDATA", "the same, on Windows"),
    ],
    files: &[
        (
            "~/.config/chatroom/chatclient.conf",
            "what is usual for you, unless --config names another file. It is TOML, a line for each key: \
             name = \"alice\", notify = true, highlight = [\"deploy\", \"release\"]. The keys are the options \
             above, without their hyphens, and host and port; an option that is an order for one run, as --known \
             or --listen, is none. --print-config prints a file with all of them. What the environment says \
             counts more, and options most; port, fingerprint and password-file are for the file's host alone, if \
             it names one. ~/ at a path's beginning is your home. A file that others may change is not read",
        ),
        ("client.log", "the log, in the folder that it runs in: the whole conversation"),
        ("~/.local/state/chatroom/history", "what was sent in a terminal, for the next time"),
        (
            "~/.local/state/chatroom/servers",
            "which servers were joined in a terminal, for the completions of the shells",
        ),
        (
            "~/.local/state/chatroom/known_servers",
            "which servers are known, and by which key; a line that is deleted is a server that is \
             forgotten",
        ),
        (
            "~/.local/state/chatroom/identity.pem",
            "the key by which your names are known (Ed25519, PKCS#8), for you alone",
        ),
    ],
    see_also: "chatserver(1)",
};

/// The manual page of a program, in roff.
///
/// # Errors
///
/// None but those of writing to memory.
pub(crate) fn page(command: &Program, about: &About) -> io::Result<String> {
    let man = Man::new(command.clone()).manual("chatroom");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    let mut more = Roff::new();
    for paragraph in about.description {
        more.control("PP", []).text([roman(*paragraph)]);
    }
    more.to_writer(&mut page)?;
    man.render_options_section(&mut page)?;
    let mut rest = Roff::new();
    for (heading, lead, rows) in (about.typed)() {
        rest.control("SH", [heading]).text([roman(lead)]);
        rows.iter().for_each(|(what, means)| entry(&mut rest, what, means));
    }
    table(&mut rest, "EXIT STATUS", about.status);
    environment(&mut rest, command, about.variables);
    table(&mut rest, "FILES", about.files);
    examples(&mut rest, command);
    rest.control("SH", ["SEE ALSO"]).text([roman(about.see_also)]);
    rest.to_writer(&mut page)?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}

fn table(roff: &mut Roff, heading: &str, rows: &[(&str, &str)]) {
    roff.control("SH", [heading]);
    for (what, means) in rows {
        entry(roff, what, means);
    }
}

fn entry(roff: &mut Roff, what: &str, means: &str) {
    roff.control("TP", []).text([bold(what)]).text([roman(means)]);
}

fn environment(roff: &mut Roff, command: &Program, others: &[(&str, &str)]) {
    roff.control("SH", ["ENVIRONMENT"]);
    roff.text([roman("What stands on the command line goes first. An empty variable is none.")]);
    for argument in command.get_arguments() {
        if let Some(variable) = argument.get_env() {
            entry(roff, &variable.display().to_string(), &format!("as {}", name(argument)));
        }
    }
    for (variable, means) in others {
        entry(roff, variable, means);
    }
}

/// An argument as the manual's reader knows it.
fn name(argument: &Arg) -> String {
    match argument.get_long() {
        Some(long) => format!("--{long}"),
        None => argument.get_id().as_str().to_uppercase(),
    }
}

/// The examples that the help has, each with what it does below it.
fn examples(roff: &mut Roff, command: &Program) {
    roff.control("SH", ["EXAMPLES"]);
    let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let lines = help.lines().skip_while(|line| *line != "Examples:").skip(1);
    for line in lines.map_while(|line| line.strip_prefix("  ")) {
        let (example, does) = line.split_once("  ").unwrap_or((line, ""));
        entry(roff, example, does.trim_start());
    }
}
