//! Problems: one line that says what failed, on what, why, and what to do.
//!
//! The words for everything that ends a program are here, so that they are the same in both
//! programs, and so that an operating system's error code is turned into advice in one place.

use std::fmt;
use std::io::{self, Write};
use std::net::SocketAddr;

use crate::protocol::reply::{Count, were};
use crate::protocol::text;

pub use wrong_server::{Wrong, WrongServer};

mod wrong_server;

/// A problem that keeps a program from its work. It is displayed without the program's name.
#[derive(Debug)]
#[non_exhaustive]
pub enum Problem {
    /// The host's name has no address.
    UnknownHost {
        /// The name as it was given.
        host: String,
        /// The resolver's reason.
        why: io::Error,
    },
    /// The server's name leads nowhere, and may be the user's in the wrong place.
    NameForHost {
        /// The name as it was given.
        name: String,
        /// The resolver's reason.
        why: io::Error,
    },
    /// The server cannot listen on this address.
    Listen {
        /// The address, as far as it is known.
        at: String,
        /// The operating system's reason.
        why: io::Error,
    },
    /// The room that is to be announced can be reached from this machine alone, as it listens at this address.
    NothingToAnnounce(SocketAddr),
    /// No room was found on this network.
    NoRoomsFound,
    /// The client cannot reach the server.
    Connect {
        /// The address as it was given.
        to: String,
        /// The operating system's reason, for the last of the host's addresses.
        why: io::Error,
    },
    /// The connection was there, and broke.
    ConnectionLost {
        /// The server.
        to: SocketAddr,
        /// The reason, or that the server closed it.
        why: Lost,
    },
    /// The connection has ended as it was meant to, but with lines that nobody has confirmed.
    Unconfirmed {
        /// The server.
        to: SocketAddr,
        /// How many lines.
        lines: usize,
    },
    /// The connection has ended as it was meant to, but the server has refused lines.
    LinesRefused {
        /// How many.
        lines: usize,
    },
    /// The server does not let the client in.
    Refused {
        /// The server.
        server: SocketAddr,
        /// What it has said.
        why: String,
    },
    /// The server does not want this client, and would not want it a moment later.
    ShownOut {
        /// The server.
        server: SocketAddr,
        /// Why, and what to do if there is something.
        why: String,
    },
    /// The server does not give the client the name that it has to have.
    NameRefused {
        /// The server.
        server: SocketAddr,
        /// What it has said.
        why: String,
    },
    /// The server is not the one that it should be, or not encrypted as it should be.
    WrongServer(Box<WrongServer>),
    /// None of several servers can be used: one was not the one that it should be, which was told, and this is what
    /// became of the last one.
    AfterWrongServer(Box<Problem>),
    /// The server, one of several, does not reach the room.
    RoomAway {
        /// The server.
        server: SocketAddr,
    },
    /// Nothing shows that the server, one of several, may be told of the session.
    NewServer {
        /// The server's address as its user typed it, with the port.
        at: String,
    },
    /// Nothing is known of the server at this address, so there is nothing to forget.
    UnknownServer(String),
    /// Which servers are known cannot be kept, and the program goes on.
    ServersLost {
        /// The file's path.
        path: String,
        /// The operating system's reason.
        why: io::Error,
    },
    /// What listens there is no chat room.
    NoChatroom {
        /// The address.
        server: SocketAddr,
        /// The first line, or what there is of it; empty if it has said nothing in time.
        said: String,
    },
    /// The log file that was asked for cannot be written.
    Log {
        /// The file's path.
        path: String,
        /// The operating system's reason.
        why: io::Error,
    },
    /// The log file cannot be written, or no longer, and the program goes on.
    LogLost {
        /// The file's path.
        path: String,
        /// The operating system's reason.
        why: io::Error,
    },
    /// The log file is written again.
    LogBack {
        /// The file's path.
        path: String,
        /// How many records could not be written.
        missing: u64,
    },
    /// The path of the log file names another one, which cannot be written; the program goes on in the
    /// old one.
    LogStays {
        /// The path.
        path: String,
        /// The operating system's reason.
        why: io::Error,
    },
    /// The room's history cannot be used, so the server does not begin.
    History(Box<dyn std::error::Error + Send + Sync>),
    /// The server's key or certificate, or the file that was named for the client's key, cannot be used, so the
    /// program does not begin.
    Identity(Box<dyn std::error::Error + Send + Sync>),
    /// The client has no key of its user's, and goes on.
    IdentityLost(Box<dyn std::error::Error + Send + Sync>),
    /// The room's password cannot be read, so the server does not begin.
    Entrance(Box<dyn std::error::Error + Send + Sync>),
    /// The room cannot be shared with other servers, so this one does not begin.
    Shared {
        /// Why not.
        refusal: Box<dyn std::error::Error + Send + Sync>,
        /// Whether the command line is wrong.
        is_usage: bool,
    },
    /// The input history cannot be kept for the next run, and the program goes on.
    HistoryLost {
        /// The file's path.
        path: String,
        /// The operating system's reason.
        why: io::Error,
    },
    /// What lets the client into a room cannot be read.
    PasswordFile {
        /// The file's path.
        path: String,
        /// The operating system's reason, or what is wrong with the first line.
        why: io::Error,
    },
    /// What a server was told cannot be.
    Config(&'static str),
    /// A time limit that somebody has set has ended the program, by the signal of this name.
    TimeIsUp(String),
    /// The operating system refused anything else: the attempt, as it goes on after `cannot`, and the reason.
    System(&'static str, io::Error),
    /// The program itself is at fault.
    Bug,
}

/// How a connection was lost.
#[derive(Debug)]
pub enum Lost {
    /// The other side closed it.
    Closed,
    /// It was encrypted, and has ended without the other side's word: somebody between us may have cut it.
    Cut,
    /// It was to be encrypted, and the other side never waited for the beginning of that.
    Late,
    /// It broke.
    Broken(io::Error),
    /// The other side has never said anything, nor closed it.
    Silent,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.cause())?;
        f.write_str(self.advice())
    }
}

impl Problem {
    /// The first part of the line: what failed, on what, and why.
    #[must_use]
    pub fn cause(&self) -> String {
        match self {
            Problem::UnknownHost { host, why } => {
                format!("cannot find the host {host}: {}", reason(why))
            }
            Problem::NameForHost { name, why } => {
                let why = reason(why);
                format!(
                    "cannot find the host {name}: {why}; to join as {name}: chatclient --name {name}"
                )
            }
            Problem::Listen { at, why } => format!("cannot listen on {at}: {}", reason(why)),
            Problem::NothingToAnnounce(at) => {
                format!("cannot announce a room on {at}, which only this machine reaches")
            }
            Problem::NoRoomsFound => "no room is announced on this network".to_owned(),
            Problem::Connect { to, why } => format!("cannot connect to {to}: {}", reason(why)),
            Problem::ConnectionLost { to, why: Lost::Closed } => {
                format!("lost the connection to {to}: the server closed it")
            }
            Problem::ConnectionLost { to, why: Lost::Cut } => {
                format!("lost the connection to {to}: it was cut")
            }
            Problem::ConnectionLost { to, why: Lost::Late } => {
                format!(
                    "lost the connection to {to}: it is too slow for the beginning of encryption"
                )
            }
            Problem::ConnectionLost { to, why: Lost::Broken(why) } => {
                format!("lost the connection to {to}: {}", reason(why))
            }
            Problem::ConnectionLost { to, why: Lost::Silent } => {
                format!("{to} has not said a word, so nothing shows that it took what was sent")
            }
            Problem::Unconfirmed { to, lines: 1 } => {
                format!("nothing shows that {to} has taken the last line")
            }
            Problem::Unconfirmed { to, lines } => {
                format!("nothing shows that {to} has taken the last {lines} lines")
            }
            Problem::LinesRefused { lines } => {
                format!("{} {} not said", Count(*lines, "line"), were(*lines as u64))
            }
            Problem::Refused { server, why } => format!("{server} does not let us in: {why}"),
            Problem::ShownOut { server, why } => format!("{server}: {why}"),
            Problem::NameRefused { server, why } => {
                format!("{server} does not give the name: {why}")
            }
            Problem::WrongServer(wrong) => wrong.to_string(),
            Problem::AfterWrongServer(last) => last.cause(),
            Problem::RoomAway { server } => format!("{server} does not reach the room"),
            Problem::NewServer { at } => {
                format!("the server at {at} is new, so our session does not go on there")
            }
            Problem::UnknownServer(address) => format!("no server is known at {address}"),
            Problem::ServersLost { path, why } => {
                format!("cannot remember servers in {path}: {}", reason(why))
            }
            Problem::NoChatroom { server, said } if said.is_empty() => {
                format!("{server} is no chat room: it says nothing")
            }
            Problem::NoChatroom { server, said } => {
                format!("{server} is no chat room: it says {said:?}")
            }
            Problem::Log { path, why } | Problem::LogLost { path, why } => {
                format!("cannot write the log {path}: {}", reason(why))
            }
            Problem::LogBack { path, missing } => {
                format!("the log {path} is written again, and lacks {}", Count(*missing, "record"))
            }
            Problem::LogStays { path, why } => {
                format!("cannot open the log {path} again: {}", reason(why))
            }
            Problem::HistoryLost { path, why } => {
                format!("cannot keep what you send in {path}: {}", reason(why))
            }
            Problem::History(refusal)
            | Problem::Identity(refusal)
            | Problem::Entrance(refusal)
            | Problem::Shared { refusal, .. }
            | Problem::IdentityLost(refusal) => refusal.to_string(),
            Problem::PasswordFile { path, why } => {
                format!("cannot read the password in {path}: {}", reason(why))
            }
            Problem::Config(wrong) => format!("no server can be like that: {wrong}"),
            Problem::TimeIsUp(signal) => format!("ended by {signal}: its time is up"),
            Problem::System(what, why) => format!("cannot {what}: {}", reason(why)),
            Problem::Bug => "ended by an internal error, which is a bug".to_owned(),
        }
    }

    /// The lines below the first, where one does not say it.
    #[must_use]
    pub fn details(&self) -> Vec<String> {
        match self {
            Problem::WrongServer(wrong) => wrong.details(),
            Problem::AfterWrongServer(last) => last.details(),
            _ => Vec::new(),
        }
    }

    /// The exit status of a program that it ends.
    #[must_use]
    pub fn status(&self) -> u8 {
        match self {
            Problem::WrongServer(_) | Problem::AfterWrongServer(_) => 3,
            Problem::Shared { is_usage: true, .. } | Problem::NothingToAnnounce(_) => 2,
            _ => 1,
        }
    }

    /// The second part of the line, behind the cause: what to do. It may be empty.
    fn advice(&self) -> &'static str {
        match self {
            Problem::UnknownHost { .. } => "; check the name",
            Problem::Listen { why, .. } => listen_advice(why.kind()),
            Problem::NothingToAnnounce(_) => {
                "; listen where others can reach it: chatserver --announce 0.0.0.0 5000"
            }
            Problem::NoRoomsFound => {
                "; chatserver --announce announces one, and others are joined by their address"
            }
            Problem::Connect { why, .. } => connect_advice(why.kind()),
            // What it says is the advice.
            Problem::Refused { why, .. } if why.contains(": use ") => "",
            Problem::ConnectionLost { why: Lost::Closed, .. }
            | Problem::Refused { .. }
            | Problem::RoomAway { .. } => "; try again later",
            Problem::AfterWrongServer(last) => last.advice(),
            Problem::ConnectionLost { why: Lost::Broken(_) | Lost::Cut | Lost::Late, .. } => {
                "; try again"
            }
            Problem::NameRefused { .. } => {
                "; take another name, or prove that it is yours with its key"
            }
            Problem::ConnectionLost { why: Lost::Silent, .. } => "; is that server all right?",
            Problem::Log { why, .. } => log_advice(why.kind()),
            Problem::LogLost { .. }
            | Problem::HistoryLost { .. }
            | Problem::ServersLost { .. }
            | Problem::IdentityLost(_) => "; going on without it",
            Problem::LogStays { .. } => "; going on in the old file",
            Problem::System(..)
            | Problem::NameForHost { .. }
            | Problem::Unconfirmed { .. }
            | Problem::LinesRefused { .. }
            | Problem::LogBack { .. }
            | Problem::History(_)
            | Problem::Identity(_)
            | Problem::Entrance(_)
            | Problem::Shared { .. }
            | Problem::Config(_)
            | Problem::TimeIsUp(_)
            | Problem::PasswordFile { .. }
            | Problem::ShownOut { .. }
            | Problem::WrongServer(_)
            | Problem::UnknownServer(_)
            | Problem::NewServer { .. }
            | Problem::NoChatroom { .. } => "",
            Problem::Bug => "; the log says where",
        }
    }
}

impl std::error::Error for Problem {}

/// Says on standard error, in one line, what keeps the program from its work. What the user gave
/// stands in it, so it is made safe. If nobody can be told, there is nobody left to tell.
pub fn complain(program: &str, what: impl fmt::Display) {
    let line = format!("{program}: {what}");
    writeln!(io::stderr(), "{}", text::make_safe(line.as_bytes())).ok();
}

/// The same for a problem that one line does not say.
pub fn complain_in_full(program: &str, problem: &Problem) {
    complain(program, problem);
    for line in problem.details() {
        writeln!(io::stderr(), "{}", text::make_safe(line.as_bytes())).ok();
    }
}

fn log_advice(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::NotFound => "; make its folder first, or name another file",
        io::ErrorKind::PermissionDenied
        | io::ErrorKind::IsADirectory
        | io::ErrorKind::ReadOnlyFilesystem => "; name another file",
        io::ErrorKind::BrokenPipe => "; let something read it first, or name another file",
        io::ErrorKind::StorageFull => "; make room on the disk, or name another file",
        _ => "",
    }
}

/// The one invalid argument that a user can cause.
const NEEDS_INTERFACE: &str = "; a link-local address needs its interface, as in fe80::1%eth0";

fn listen_advice(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::AddrInUse => "; choose another port, or 0 for any free one",
        io::ErrorKind::AddrNotAvailable => {
            "; use one of this machine's addresses, 127.0.0.1 for this machine alone or 0.0.0.0 \
             for everyone who can reach it"
        }
        io::ErrorKind::PermissionDenied => "; choose a port above 1023",
        io::ErrorKind::InvalidInput => NEEDS_INTERFACE,
        _ => "",
    }
}

fn connect_advice(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::ConnectionRefused => "; is the server running there, on that port?",
        io::ErrorKind::TimedOut
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable => "; check the address and the network",
        io::ErrorKind::InvalidInput => NEEDS_INTERFACE,
        _ => "",
    }
}

/// The operating system's words, without the error number, which helps nobody, and without the
/// capital that it begins with and the full stop that it ends with on Windows.
pub(crate) fn reason(why: &io::Error) -> String {
    let text = why.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let text = text.strip_prefix("failed to lookup address information: ").unwrap_or(text);
    let mut chars = text.trim_end().trim_end_matches('.').chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_one_line_that_says_what_to_do() {
        let os = |kind: io::ErrorKind| io::Error::new(kind, "Connection refused (os error 111)");
        let to = "127.0.0.1:5000".to_owned();
        let problem = Problem::Connect { to, why: os(io::ErrorKind::ConnectionRefused) };
        assert_eq!(
            problem.to_string(),
            "cannot connect to 127.0.0.1:5000: connection refused; is the server running there, \
             on that port?"
        );
        let to = "127.0.0.1:5000".to_owned();
        let windows = io::Error::other("It was refused. (os error 10061)");
        assert_eq!(
            Problem::Connect { to, why: windows }.to_string(),
            "cannot connect to 127.0.0.1:5000: it was refused"
        );
        let at = "1.2.3.4:80".to_owned();
        let in_use = io::Error::new(io::ErrorKind::AddrInUse, "Address already in use");
        assert_eq!(
            Problem::Listen { at, why: in_use }.to_string(),
            "cannot listen on 1.2.3.4:80: address already in use; choose another port, or 0 for \
             any free one"
        );
    }
}
