//! The health check: connects to a server as a monitor does, reads its first line, and closes.
//!
//! The members notice nothing, since a client that leaves before it has said anything never joins. A full
//! room is healthy: a monitor that restarts it would drive everybody out. So is one that tells a plain client to come
//! encrypted, as it does where the address is the machine's and not a loopback one.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use crate::problem::Problem;
use crate::protocol::{proxy, reply, text};

/// The longest time for connecting, and again for the first line.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The most that is read of a first line, in bytes: those of our server are shorter than 100.
const MOST: u64 = 512;

/// Returns the first line of the server that listens there. If the address stands for all of the machine's, as
/// `0.0.0.0` does, the loopback interface is used. If this machine's address is one of the server's `proxies`, a
/// PROXY header is sent first, as the server expects.
///
/// # Errors
///
/// The host is unknown, nobody answers, or another kind of program does.
pub fn check(host: &str, port: u16, proxies: &[IpAddr]) -> Result<String, Problem> {
    let unknown = |why| Problem::UnknownHost { host: host.to_owned(), why };
    let mut failure = io::Error::from(io::ErrorKind::AddrNotAvailable);
    let mut asked = None;
    for address in (host, port).to_socket_addrs().map_err(unknown)?.map(reachable) {
        match TcpStream::connect_timeout(&address, TIMEOUT) {
            Ok(stream) => return greeting(stream, address, proxies),
            Err(why) => (failure, asked) = (why, Some(address)),
        }
    }
    let to = asked.map_or_else(|| format!("{host}:{port}"), |address| address.to_string());
    Err(Problem::Connect { to, why: failure })
}

/// The address to connect to for a server that listens on this one.
fn reachable(mut listening: SocketAddr) -> SocketAddr {
    if listening.ip().is_unspecified() {
        listening.set_ip(match listening {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        });
    }
    listening
}

fn greeting(stream: TcpStream, server: SocketAddr, proxies: &[IpAddr]) -> Result<String, Problem> {
    let is_proxys = stream.local_addr().is_ok_and(|at| proxies.contains(&at.ip().to_canonical()));
    let header = if is_proxys { proxy::OF_ITS_OWN } else { "" };
    let mut line = Vec::new();
    let read = stream
        .set_read_timeout(Some(TIMEOUT))
        .and_then(|()| (&stream).write_all(header.as_bytes()))
        .and_then(|()| BufReader::new(stream.take(MOST)).read_until(b'\n', &mut line));
    let said = text::make_safe(&line).into_owned();
    let is_whole = read.is_ok() && line.ends_with(b"\n");
    let greeting = reply::parse(&said);
    let is_ours =
        greeting.is_our_banner() || greeting.is_room_full() || greeting.is_for_encrypted_clients();
    if is_whole && is_ours { Ok(said) } else { Err(Problem::NoChatroom { server, said }) }
}
