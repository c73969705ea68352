//! What the operator is told at the start: where the server listens, who can come in and read, and what is lacking.

use std::net::SocketAddr;

use super::addresses::reachable;
use super::codes;
use super::config::{Config, Encryption};
use super::hub::Hub;
use super::keeping::Kept;
#[cfg(unix)]
use super::open_files::{self, TooFew};
use super::room::people::invitations::CodeHash;

pub(super) fn log_addresses(at: SocketAddr, config: &Config, history: Option<&Kept>) {
    log::info!("listening on {at}");
    for address in reachable(at) {
        log::info!("others join with: chatclient {address} {}", at.port());
    }
    if !at.ip().to_canonical().is_loopback() {
        log_risks(config, history);
    }
}

/// Tells the operator of a server for others who may come in and what they see.
fn log_risks(config: &Config, history: Option<&Kept>) {
    let is_closed = !config.entrance.is_open();
    let is_encrypted = config.tls.encryption != Encryption::Off;
    if !is_closed {
        let unencrypted = if is_encrypted { "" } else { " and no encryption" };
        log::warn!(
            "everyone who can reach this machine can join, read and write: there are no \
             passwords{unencrypted}"
        );
    } else if !is_encrypted {
        log::warn!(
            "nobody from elsewhere can come in: passwords are taken over encrypted connections alone, \
             and --tls is off"
        );
    }
    if let Some(history) = history {
        let since = history.since().format("%Y-%m-%d");
        let whoever = if is_closed { "everyone who is let in" } else { "everyone who joins" };
        log::warn!("history: {whoever} can read it from {since} on");
    }
}

/// Warns of a room that nobody can come into.
pub(super) fn log_lack_of_way_in(hub: &Hub, config: &Config) {
    let is_by_invitation = config.entrance.invited && config.entrance.password_file.is_none();
    if is_by_invitation && config.operators.is_empty() && !hub.has_let_in_anybody() {
        log::warn!(
            "nobody can come in yet: type invite in the server's own terminal, or name an operator \
             (--operator NAME)"
        );
    }
}

/// Makes a code for each operator's name that nobody owns, and logs it: who came first would be the operator else.
pub(super) fn offer_names(hub: &Hub) {
    for name in hub.unclaimed() {
        if let Some(code) = codes::new_code() {
            hub.offer_name(&name, CodeHash::of(&code));
            log::warn!("operator {name}: claim the name with /pass {code}");
        }
    }
}

#[cfg(unix)]
pub(super) fn log_lack_of_files(max_clients: usize) {
    if let Some(TooFew { clients, files }) = open_files::make_room(max_clients) {
        log::warn!(
            "about {clients} of {max_clients} clients fit: the system lets this process have {files} \
             files open (ulimit -n)"
        );
    }
}
