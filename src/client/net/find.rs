//! Looking for rooms that are announced on this network, and listing them. It joins none.
//!
//! What an announcement says is a hint, made safe and bounded where it is heard ([`crate::discovery::heard`]). The
//! command that joins a room has its key's fingerprint in it, so that the server that is reached is the one that was
//! listed. A server that is known already is asked for the key that it is known by, whatever is announced.

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::known_servers::file::KnownServersFile;
use super::known_servers::{Address, KnownServers};
use crate::client::columns::width;
use crate::discovery::MOST_BYTES;
use crate::discovery::announcement::question;
use crate::discovery::heard::{Heard, Room, best};
use crate::discovery::network::{Channel, Family, Interface, interface_of, interfaces};
use crate::problem::Problem;

/// How long is listened, and when is asked: the second time for those who did not hear the first one.
const SEARCH: Duration = Duration::from_millis(1800);
const ASKED_AT: [Duration; 2] = [Duration::ZERO, Duration::from_millis(800)];

/// The rooms on this network, a line each: the name, and the command that joins it. It takes two seconds.
///
/// # Errors
///
/// The system has no sockets for that.
pub(in crate::client) fn rooms(known_servers: Option<PathBuf>) -> Result<Vec<String>, Problem> {
    let interfaces = interfaces();
    let cannot = |why| Problem::System("look for rooms on this network", why);
    let rooms = search(&interfaces).map_err(cannot)?;
    // Without the file, nothing is known.
    let known = known_servers.and_then(|path| KnownServersFile::new(path).read().ok());
    Ok(list(&rooms, &interfaces, &known.unwrap_or_default()))
}

/// Asks on every network, and hears the answers.
fn search(interfaces: &[Interface]) -> io::Result<Vec<Room>> {
    let mut heard = Heard::default();
    if interfaces.is_empty() {
        return Ok(heard.rooms());
    }
    let channels = channels(interfaces)?;
    let begun = Instant::now();
    let mut asked = ASKED_AT.iter().map(|at| begun + *at).peekable();
    let mut buffer = [0; MOST_BYTES];
    while begun.elapsed() < SEARCH {
        if asked.next_if(|at| Instant::now() >= *at).is_some() {
            ask(&channels, interfaces);
        }
        let next = asked.peek().copied().unwrap_or(begun + SEARCH);
        wait(&channels, next.saturating_duration_since(Instant::now()));
        for channel in &channels {
            // A flood does not make it longer.
            while begun.elapsed() < SEARCH
                && let Some((message, source)) = channel.next(&mut buffer)
            {
                if let Some(interface) = interface_of(interfaces, source) {
                    heard.hear(message, interface.index);
                }
            }
        }
    }
    Ok(heard.rooms())
}

/// Sockets for both kinds of answers: those for all come to the port that everybody listens at, which some firewalls let
/// in alone, and those for us to a port of our own, where another program has that one for itself.
fn channels(interfaces: &[Interface]) -> io::Result<Vec<Channel>> {
    let families = [Family::V4, Family::V6];
    let opened = families.into_iter().flat_map(|it| [Channel::shared(it), Channel::own(it)]);
    let (channels, failures): (Vec<_>, Vec<_>) = opened.partition(Result::is_ok);
    if channels.is_empty() {
        let failure = failures.into_iter().find_map(Result::err);
        return Err(failure.unwrap_or_else(|| io::ErrorKind::Unsupported.into()));
    }
    let channels: Vec<Channel> = channels.into_iter().flatten().collect();
    for channel in &channels {
        interfaces.iter().for_each(|interface| channel.join(interface));
    }
    Ok(channels)
}

fn ask(channels: &[Channel], interfaces: &[Interface]) {
    let question = question();
    for interface in interfaces {
        for channel in channels {
            // There is another way, or nobody to be found that way.
            channel.tell(interface, &question).ok();
        }
    }
}

fn wait(channels: &[Channel], time: Duration) {
    let mut polled: Vec<_> =
        channels.iter().map(|channel| PollFd::new(channel.socket(), PollFlags::IN)).collect();
    let timeout = Timespec::try_from(time).ok();
    poll(&mut polled, timeout.as_ref()).ok();
}

/// A line for each room that can be joined.
fn list(rooms: &[Room], interfaces: &[Interface], known: &KnownServers) -> Vec<String> {
    let rows: Vec<_> = rooms
        .iter()
        .filter_map(|room| Some((room.name.as_str(), command(room, interfaces, known)?)))
        .collect();
    let widest = rows.iter().map(|(name, _)| width(name)).max().unwrap_or(0);
    let row = |(name, command): &(&str, String)| {
        let gap = " ".repeat(widest - width(name) + 3);
        format!("{name}{gap}{command}")
    };
    rows.iter().map(row).collect()
}

/// The command that joins a room; `None` if it has no address that leads there.
fn command(room: &Room, interfaces: &[Interface], known: &KnownServers) -> Option<String> {
    let is_near = |ip: IpAddr| interfaces.iter().any(|interface| interface.is_near(ip));
    let address = best(&room.addresses, is_near)?;
    let host = match interfaces.iter().find(|it| address.scope != 0 && it.index == address.scope) {
        Some(interface) if cfg!(unix) => format!("{}%{}", address.ip, interface.name),
        Some(interface) => format!("{}%{}", address.ip, interface.index),
        None => address.ip.to_string(),
    };
    let join = format!("chatclient {host} {}", room.port);
    let Some(fingerprint) = &room.fingerprint else { return Some(join) };
    let place = Address::new(&host, room.port);
    let mut keys = known.at(&place).peekable();
    Some(if keys.peek().is_none() {
        format!("{join} --fingerprint {fingerprint}")
    } else if keys.any(|it| it.trust.key().is_none_or(|key| fingerprint.fits(&key))) {
        join
    } else {
        format!("{join}   (known by another key than the one that is announced)")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discovery::heard;
    use crate::tls::ServerKey;

    fn room(name: &str, addresses: &[(&str, u32)]) -> Room {
        let address = |&(text, scope): &(&str, u32)| heard::Address {
            ip: text.parse().expect("an address"),
            scope,
        };
        let fingerprint =
            Some(ServerKey::of_spki(b"a key").to_string().parse().expect("it is one"));
        let addresses = addresses.iter().map(address).collect();
        Room { name: name.to_owned(), port: 5000, addresses, fingerprint }
    }

    fn lan() -> Interface {
        let addresses = vec![("192.168.1.2".parse().expect("an address"), 24)];
        Interface { index: 2, name: "eth0".to_owned(), addresses }
    }

    #[test]
    fn each_room_has_a_line_with_the_command_that_joins_it() {
        let lab = room("lab", &[("172.17.0.1", 0), ("192.168.1.7", 0)]);
        let mut plain = room("日本", &[("fe80::7", 2)]);
        plain.fingerprint = None;
        let rooms = [lab, plain, room("nowhere", &[])];
        let listed = list(&rooms, &[lan()], &KnownServers::default());
        let key = ServerKey::of_spki(b"a key");
        let zone = if cfg!(unix) { "eth0" } else { "2" };
        let expected = [
            format!("lab    chatclient 192.168.1.7 5000 --fingerprint {key}"),
            format!("日本   chatclient fe80::7%{zone} 5000"),
        ];
        assert_eq!(listed, expected);
    }

    #[test]
    fn a_server_that_is_known_is_known_by_its_key_whatever_is_announced() {
        let lab = room("lab", &[("192.168.1.7", 0)]);
        let listed = |key: &[u8]| {
            let key = ServerKey::of_spki(key).whole();
            let known =
                KnownServers::parse(format!("192.168.1.7:5000 key:{key} 2026-11-28\n").as_bytes());
            list(std::slice::from_ref(&lab), &[lan()], &known)
        };
        assert_eq!(listed(b"a key"), ["lab   chatclient 192.168.1.7 5000"]);
        let other = "lab   chatclient 192.168.1.7 5000   (known by another key than the one that is announced)";
        assert_eq!(listed(b"another"), [other]);
    }
}
