//! The health check: asks a server, as a monitor does, whether it answers. It connects, reads the first
//! line, and closes.
//!
//! The room is told nothing, since a client that goes before it has said anything never joins. A full
//! room is healthy, too: a monitor that restarts it would drive everybody out.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use crate::problem::Problem;
use crate::protocol::{proxy, reply, text};

/// How long connecting, and the first line, may take each.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How much of a first line is read, in bytes: the server's own are below 100.
const MOST: u64 = 512;

/// The first line of the server that listens there. An address that stands for all of the machine's,
/// as `0.0.0.0` does, is asked on the loopback interface. From the address of one of the server's
/// `proxies`, a header goes before all, as it expects.
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
    if is_whole && (greeting.is_our_banner() || greeting.is_room_full()) {
        Ok(said)
    } else {
        Err(Problem::NoChatroom { server, said })
    }
}
