//! `chatclient`: from the keyboard to the server, and from the server to the screen.
//!
//! [`run()`] connects and picks one of two ways of running: in a terminal, with an input line pinned
//! at the bottom, or as a filter, where standard input or output is something else. The threads:
//!
//! - the main thread reads keys, or standard input
//! - `dial`, one for each address of the host's, connects
//! - `receiver` reads from the socket and shows what comes
//! - `sender` encrypts, if the connection is encrypted, and writes to the socket what the main thread has put into the outbox, and watches for lines
//!   that are not confirmed in time; to a server without our tagged form, a filter's main thread writes
//! - `keyboard`, in a terminal on Unix, reads its bytes, of which the main thread makes keys, until it
//!   is gone
//! - `opener` waits for what opens an address, if the user has one opened
//! - one more waits for Ctrl+C; on Unix, `signals` waits for the other signals, and in a terminal
//!   `stop` for the one that stops it, and `job-control` for those that continue it and tell of its size
//!
//! When the connection is lost in a terminal, or in a filter that is to come back, the receiver makes
//! the next (`reconnect`). What we are to the server over all connections, its session and the lines
//! that it has not confirmed, is in `session` and `outbox`, which know no sockets.
//!
//! Each of them sleeps until there is something for it. Whichever finds that it is over takes the
//! one way out (`exit`), which restores the terminal and ends the process.
//!
//! The locks: the terminal's face (`terminal`: the screen and the conversation on it), the state of the connection (`link`), and the log's
//! own, inside of which a failing log takes the face's to say so. Nothing else is done with one of
//! them held that takes another, so nothing is logged while the face is held. An encrypted connection
//! has locks of its own (`net::tls`), which the link's may be held around and which take no other.

use std::io::{self, IsTerminal};
use std::sync::Arc;

mod address;
mod answer;
mod attention;
pub mod bot;
mod chat;
mod clock;
mod colours;
mod columns;
mod compose;
mod config;
mod conversation;
mod door;
mod echo;
pub mod editor;
mod emoji;
mod exit;
mod exit_reason;
mod filter;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod handshake;
mod history;
mod identity;
#[cfg(unix)]
mod job_control;
mod keys;
mod kitty;
mod lead;
mod link;
mod login_name;
mod mutex;
mod net;
mod opener;
mod outbox;
mod output;
mod paragraph;
mod prompt;
mod receiver;
mod reconnect;
mod row;
mod run;
pub mod screen;
mod secret;
mod sender;
mod servers;
mod session;
mod terminal;
mod time_format;
mod turns;
pub mod typed;

pub use colours::ColorChoice;
pub use config::{
    BellChoice, Config, Encryption, IdentityChoice, Input, JoinsChoice, OnLoss, PASSWORD_VARIABLE,
    PasswordSource, ServerAddress, WrapChoice,
};
pub use door::Secret;
pub use history::history_path;
pub use keys::manual as keys;
pub use login_name::login_name;
pub use net::Errand;
pub use time_format::TimeFormat;

use attention::Notifier;
use colours::Colours;
use conversation::Looks;
use filter::Filter;
use terminal::{Terminal, Window};

/// The client's own commands, as `/help` lists them: each with its arguments, and what it is for.
pub fn commands() -> impl Iterator<Item = (&'static str, &'static str)> {
    conversation::commands()
}

/// Takes part in the conversation until it ends, and ends the process with it: status 0 if it ended
/// as the user wanted, 1 if it could not be had or was lost, with one line on standard error.
///
/// It does not return, because it may be another thread than the caller's that finds the end, while
/// the caller waits for a key.
pub fn run(config: &Config) -> ! {
    exit::keep_panics_quiet();
    let has_keyboard = io::stdin().is_terminal() && config.input != Input::Unread;
    let in_terminal = has_keyboard && io::stdout().is_terminal() && !config.json;
    if in_terminal && is_dumb() {
        let looks = looks(config, Colours::None);
        run::start(config, &Arc::new(Filter::in_dumb_terminal(looks)), filter::run)
    } else if in_terminal {
        #[cfg(unix)]
        job_control::hold_back_stops();
        let colours = colours::colours(config.color, |name| std::env::var(name).ok());
        let looks = looks(config, colours);
        let window = config.notify.then(|| Window {
            notifier: Notifier::of_terminal(|name| std::env::var(name).ok()),
            host: config.servers.first().map_or_else(String::new, |it| it.host.clone()),
        });
        let terminal = Terminal::new(looks, config.wrap, config.bell, window);
        run::start(config, &Arc::new(terminal), chat::run)
    } else {
        run::start(config, &Arc::new(Filter::new(config.quiet, config.json)), filter::run)
    }
}

/// How the user wants the conversation to be shown, in these colours.
fn looks(config: &Config, colours: Colours) -> Looks {
    let (time, highlights) = (config.time.clone(), config.highlights.clone());
    Looks { colours, time, joins: config.joins, highlights }
}

/// Whether the terminal can do no more than show one line after the other. One that nobody has told
/// the kind of may be any.
#[cfg(unix)]
fn is_dumb() -> bool {
    std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb")
}

/// The same for a console, which is told that escape sequences will come. One before Windows 10 would
/// show them as text. TERM is not usual there.
#[cfg(windows)]
fn is_dumb() -> bool {
    let is_told = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    is_told || !crossterm::ansi_support::supports_ansi()
}
