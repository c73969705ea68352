//! The way to the server, and what both sides know of each other.
//!
//! It outlives a connection: when one is lost, the receiver makes the next. All threads share it.
//! The receiver alone reads from the socket. Whoever sends does so on a connection that
//! [`Link::wait_for_greeting`] has given; before that only the receiver writes, to ask for a name.

use std::io::{self, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use log::info;
use socket2::{SockRef, TcpKeepalive};

use super::handshake::{Handshake, Progress, Reaction, Server};
use super::way_out::{End, lock};
use crate::problem::{Lost, Problem};
use crate::protocol::name::Name;
use crate::protocol::request::{self, Request};
use crate::protocol::{reply, text};

/// How long one of the host's addresses may take to answer before the next one is tried.
const CONNECT_WAIT: Duration = Duration::from_secs(10);

/// How long the banner may take, and after it the answer to our name. A server without a banner is
/// another one, and is spoken to as it is.
const GREETING_WAIT: Duration = Duration::from_secs(1);

/// A peer that is gone without a word (a pulled cable) is noticed after about a minute: 30 s
/// without a sign of life, and three questions without an answer.
const KEEPALIVE: TcpKeepalive = TcpKeepalive::new()
    .with_time(Duration::from_secs(30))
    .with_interval(Duration::from_secs(10))
    .with_retries(3);

/// The way to one server.
#[derive(Debug)]
pub(super) struct Link {
    host: String,
    port: u16,
    /// Held for a moment only.
    state: Mutex<State>,
    /// Notified after each change of `away` and `progress`, so nobody who looks at them under the
    /// lock and then waits can miss one.
    gone_on: Condvar,
}

#[derive(Debug)]
struct State {
    connection: Arc<Connection>,
    /// The connection is lost, and there is no other yet.
    away: bool,
    handshake: Handshake,
    /// How far the handshake is as far as the user has been shown: what is sent then is shown after
    /// the server's lines, and under the right name.
    progress: Progress,
    parting: Parting,
    /// Something has come from the server over this connection.
    heard: bool,
    /// The name to ask for on the next connection.
    name: Option<Name>,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
}

/// Whether we expect the server to close the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Parting {
    /// No.
    Staying,
    /// Our side of the connection is closed, so the server may close the other when it has sent
    /// what is due. It has to be closed, not broken, or something may be missing.
    InputEnded,
    /// The user wants to go. However the connection ends now, it is well.
    Wanted,
}

impl Link {
    /// Connects to the first of the host's addresses that answers.
    pub(super) fn connect(host: &str, port: u16, name: Option<Name>) -> Result<Link, Problem> {
        let state = State {
            connection: Connection::open(host, port)?,
            away: false,
            handshake: Handshake::new(name.clone()),
            progress: Progress::Nowhere,
            parting: Parting::Staying,
            heard: false,
            name,
        };
        let (state, gone_on) = (Mutex::new(state), Condvar::new());
        Ok(Link { host: host.to_owned(), port, state, gone_on })
    }

    /// To be told by the receiver when the connection has ended. Until there is another one, those
    /// who want to send wait.
    pub(super) fn lose(&self) {
        let mut state = self.state();
        // Whoever is still sending on it must not wait for a server that takes nothing any more.
        state.connection.stream.shutdown(Shutdown::Both).ok();
        state.away = true;
        state.progress = Progress::Nowhere;
        self.gone_on.notify_all();
    }

    /// Connects again, and begins the handshake anew, with the name that we had.
    ///
    /// # Errors
    ///
    /// Why there is no connection.
    pub(super) fn reconnect(&self) -> Result<(), Problem> {
        let connection = Connection::open(&self.host, self.port)?;
        let mut state = self.state();
        state.handshake = Handshake::new(state.name.clone());
        state.connection = connection;
        state.heard = false;
        state.away = false;
        self.gone_on.notify_all();
        Ok(())
    }

    /// The connection as it is.
    pub(super) fn connection(&self) -> Arc<Connection> {
        Arc::clone(&self.state().connection)
    }

    /// Whether there is no connection.
    pub(super) fn is_away(&self) -> bool {
        self.state().away
    }

    /// Takes a line from the server as far as the handshake goes, and asks for a name if it is time
    /// to. Says whether the line is of interest to the user.
    ///
    /// # Errors
    ///
    /// The server does not let us in.
    pub(super) fn greet(&self, line: &str) -> Result<Interest, End> {
        let mut state = self.state();
        if reply::is_room_full(line) && state.handshake.expects_banner() {
            let (server, why) = (state.connection.peer, line.trim_start_matches("!! ").to_owned());
            return Err(End::Failed(Problem::Refused { server, why }));
        }
        if state.handshake.progress() == Progress::Done(Server::Ours)
            && let Some(name) = reply::your_name(line)
        {
            state.name = Name::parse(name).ok();
        }
        let (interest, name) = match state.handshake.receive(line) {
            Reaction::Show => (Interest::Shown, None),
            Reaction::ShowAndAsk(name) => (Interest::Shown, Some(name)),
            Reaction::Ask(name) => (Interest::Hidden, Some(name)),
        };
        let connection = Arc::clone(&state.connection);
        drop(state);
        if let Some(name) = name {
            connection.ask(&format!("/nick {name}"));
        }
        Ok(interest)
    }

    /// How far the first words have come, whether or not the user has been shown them.
    pub(super) fn progress(&self) -> Progress {
        self.state().handshake.progress()
    }

    /// To be told when the lines that were [greeted](Link::greet) have been shown.
    pub(super) fn have_shown(&self) {
        let mut state = self.state();
        let progress = state.handshake.progress();
        if progress != state.progress {
            state.progress = progress;
            self.gone_on.notify_all();
        }
    }

    /// Waits until there is a connection and it is clear what the server is and by what name it
    /// knows us, or it has been silent for too long. Until then nothing of the user's may be sent.
    pub(super) fn wait_for_greeting(&self) -> Arc<Connection> {
        let mut state = self.state();
        loop {
            let unclear = match (state.away, state.progress) {
                (false, Progress::Done(_)) => return Arc::clone(&state.connection),
                (false, unclear) => unclear,
                (true, _) => {
                    state = self.gone_on.wait(state).unwrap_or_else(PoisonError::into_inner);
                    continue;
                }
            };
            let still = |state: &mut State| !state.away && state.progress == unclear;
            let waited = self.gone_on.wait_timeout_while(state, GREETING_WAIT, still);
            let timed_out;
            (state, timed_out) = waited.unwrap_or_else(PoisonError::into_inner);
            if timed_out.timed_out() && !state.away {
                state.handshake.give_up();
                state.progress = state.handshake.progress();
            }
        }
    }

    /// Waits until the receiver has found that this connection is lost.
    pub(super) fn wait_for_loss(&self, of: &Arc<Connection>) {
        let still = |state: &mut State| !state.away && Arc::ptr_eq(&state.connection, of);
        drop(self.gone_on.wait_while(self.state(), still));
    }

    /// What kind of server it is, as far as we know: our own may be late to say so.
    pub(super) fn server_as_known(&self) -> Server {
        self.server().unwrap_or(Server::Foreign)
    }

    /// To be told when something has come from the server, be it no whole line.
    pub(super) fn have_heard(&self) {
        self.state().heard = true;
    }

    /// Whether the server has said anything at all.
    pub(super) fn has_heard(&self) -> bool {
        self.state().heard
    }

    /// Whether the server knows us, and we it.
    pub(super) fn is_settled(&self) -> bool {
        matches!(self.state().progress, Progress::Done(_))
    }

    /// What it means that the server has not said a word, and has not closed the connection when
    /// we did: it may hang, with all that we sent in its system's buffers.
    pub(super) fn silent(&self) -> Problem {
        self.connection().lost(Lost::Silent)
    }

    /// What kind of server it is, once that is clear.
    pub(super) fn server(&self) -> Option<Server> {
        self.state().handshake.server()
    }

    /// To be told before a line is sent: after `/quit`, the server will close the connection.
    pub(super) fn about_to_send(&self, line: &[u8]) {
        if is_quit(line) && self.server() == Some(Server::Ours) {
            self.want_to_part();
        }
    }

    /// From now on, the end of the connection is what the user wants.
    pub(super) fn want_to_part(&self) {
        self.state().parting = Parting::Wanted;
    }

    /// Tells the server that nothing more will be sent.
    pub(super) fn close_our_side(&self) -> Result<(), Problem> {
        info!("nothing more to send");
        // Under the lock, so that the end that follows from it is judged after it.
        let mut state = self.state();
        let shutdown = state.connection.stream.shutdown(Shutdown::Write);
        shutdown.map_err(|why| state.connection.lost(Lost::Broken(why)))?;
        if state.parting == Parting::Staying {
            state.parting = Parting::InputEnded;
        }
        Ok(())
    }

    /// Ends the connection for the thread that receives, as if the server had closed it.
    pub(super) fn stop_receiving(&self) {
        // It fails if the connection has ended already, which is as well.
        self.connection().stream.shutdown(Shutdown::Both).ok();
    }

    /// What it means that nothing more will be received.
    pub(super) fn judge(&self, lost: Lost) -> End {
        let state = self.state();
        match (state.parting, lost) {
            (Parting::Wanted, _) | (Parting::InputEnded, Lost::Closed) => End::Clean,
            (Parting::Staying | Parting::InputEnded, lost) => {
                End::Failed(state.connection.lost(lost))
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

/// Whether the server will take `line` for the command to leave.
pub(super) fn is_quit(line: &[u8]) -> bool {
    line.first() == Some(&b'/')
        && matches!(request::parse(&text::make_safe(line)), Ok(Request::Quit(_)))
}

/// Whether a line is for the user's eyes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interest {
    Shown,
    Hidden,
}

impl Connection {
    fn open(host: &str, port: u16) -> Result<Arc<Connection>, Problem> {
        let to = match host {
            ipv6 if ipv6.contains(':') => format!("[{ipv6}]:{port}"),
            host => format!("{host}:{port}"),
        };
        info!("connecting to {to}");
        let addresses = (host, port)
            .to_socket_addrs()
            .map_err(|why| Problem::UnknownHost { host: host.to_owned(), why })?;
        let connection = connect_to_any(addresses).map_err(|why| Problem::Connect { to, why })?;
        info!("connected to {}", connection.peer);
        Ok(Arc::new(connection))
    }

    /// The socket, for the one thread that receives.
    pub(super) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// The server.
    pub(super) fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Sends `bytes`, which may wait for the server to take them.
    pub(super) fn send(&self, bytes: &[u8]) -> io::Result<()> {
        (&self.stream).write_all(bytes)
    }

    /// The same for whole lines; if it fails, the error comes with how many of them were sent.
    pub(super) fn send_lines(&self, lines: &[String]) -> Result<(), (usize, io::Error)> {
        let bytes = (lines.join("\n") + "\n").into_bytes();
        let mut sent = 0;
        while sent < bytes.len() {
            match (&self.stream).write(&bytes[sent..]) {
                Ok(length) => sent += length,
                Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
                Err(why) => {
                    let newlines = bytes[..sent].iter().filter(|&&byte| byte == b'\n');
                    return Err((newlines.count(), why));
                }
            }
        }
        Ok(())
    }

    /// Sends a command of our own. If it cannot be sent, the receiver is about to learn why.
    pub(super) fn ask(&self, line: &str) {
        if self.send(format!("{line}\n").as_bytes()).is_ok() {
            info!("sent: {line}");
        }
    }

    fn lost(&self, why: Lost) -> Problem {
        Problem::ConnectionLost { to: self.peer, why }
    }
}

fn connect_to_any(addresses: impl Iterator<Item = SocketAddr>) -> io::Result<Connection> {
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for address in addresses {
        match TcpStream::connect_timeout(&address, CONNECT_WAIT) {
            Ok(stream) => return prepare(stream),
            Err(why) => failure = why,
        }
    }
    Err(failure)
}

fn prepare(stream: TcpStream) -> io::Result<Connection> {
    let peer = stream.peer_addr()?;
    stream.set_nodelay(true)?;
    // A connection without it works as well, until someone pulls the cable.
    SockRef::from(&stream).set_tcp_keepalive(&KEEPALIVE).ok();
    Ok(Connection { stream, peer })
}
