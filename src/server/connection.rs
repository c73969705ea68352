//! One client's connection: its transport, and what is known of its end. Its session reads it, and the broadcaster
//! writes to it, and never waits for it.

use std::fmt::Display;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::net::socket::Socket;
use super::net::transport::{Received, Transport};
use super::room::entry::Encryption;
use super::system::{PollFd, TcpStream, instant};
use crate::protocol::proof::Binding;
use crate::tls::Exporter;

/// Why the server itself ended a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CloseReason {
    /// The client took nothing for too long.
    TooSlow,
    /// A send failed.
    Broken,
    /// The server shuts down.
    ShuttingDown,
    /// The member has come back over another connection.
    TakenOver,
}

/// Tells connections apart: those of one server for as long as it runs, and in a room that several servers
/// share also those of one from those of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ConnectionId {
    /// Which server it is on, as the entries of a shared room name it. Outside of the room it is always 0, which is
    /// this server; a room of its own knows no other.
    pub(crate) producer: u64,
    /// Its number there. 0 is none: the server itself.
    pub(crate) number: u32,
}

impl ConnectionId {
    /// That of this server with that number.
    pub(crate) const fn local(number: u32) -> ConnectionId {
        ConnectionId { producer: 0, number }
    }

    /// What stands for the connection of the server's own program, which has none: those of clients begin at 1.
    pub(crate) const OF_HOOK: ConnectionId = ConnectionId::local(0);
}

/// One client's connection.
#[derive(Debug)]
pub(crate) struct Connection {
    /// Its number.
    id: ConnectionId,
    /// Its way to the client. The session receives; the session sends until its client is in the room, and the
    /// broadcaster from then on.
    transport: Transport,
    /// The address of the socket's other end: the client's, or a proxy's.
    peer: SocketAddr,
    /// The client's address, if a proxy has named it. The session sets it once.
    client: OnceLock<SocketAddr>,
    /// Why the server has hung up, once it has. The first reason stays.
    close_reason: OnceLock<CloseReason>,
    /// The kind of the error by which the client was found to have closed or reset the connection, and when
    /// that was. The bytes that it sent before can still be read.
    gone: OnceLock<(io::ErrorKind, Instant)>,
    /// Whether its client was told, before it had a name, that the room is away. The session alone uses it.
    is_told_away: AtomicBool,
}

impl Connection {
    /// A connection whose client may take nothing of what it is due for `timeout` at most.
    pub(crate) fn new(
        id: ConnectionId,
        stream: TcpStream,
        peer: SocketAddr,
        timeout: Duration,
    ) -> io::Result<Connection> {
        Ok(Connection {
            id,
            transport: Transport::new(Socket::new(stream, timeout)?),
            peer: canonical(peer),
            client: OnceLock::new(),
            close_reason: OnceLock::new(),
            gone: OnceLock::new(),
            is_told_away: AtomicBool::new(false),
        })
    }

    pub(crate) fn id(&self) -> ConnectionId {
        self.id
    }

    /// The address that the client connects from, as far as it is known.
    pub(crate) fn peer(&self) -> SocketAddr {
        self.client.get().copied().unwrap_or(self.peer)
    }

    /// Sets the client's address, which a proxy at the other end has named.
    pub(crate) fn set_client(&self, client: SocketAddr) {
        self.client.get_or_init(|| canonical(client));
    }

    /// Its way to the client, for what comes before a session.
    pub(super) fn transport(&self) -> &Transport {
        &self.transport
    }

    /// What binds a proof to this connection; `None` if it is not encrypted.
    pub(crate) fn exporter(&self) -> Option<Exporter> {
        self.transport.exporter()
    }

    /// What a proof of the client's key names.
    pub(crate) fn binding(&self) -> Binding {
        self.exporter().map_or(Binding::PLAIN, Exporter::binding)
    }

    /// Who can read along.
    pub(crate) fn encryption(&self) -> Encryption {
        if self.exporter().is_some() {
            Encryption::Tls
        } else if self.peer().ip().is_loopback() {
            Encryption::Loopback
        } else {
            Encryption::None
        }
    }

    /// Waits for bytes, for `timeout` at most or for ever.
    pub(crate) fn receive(
        &self,
        into: &mut [u8],
        timeout: Option<Duration>,
    ) -> io::Result<Received> {
        self.transport.receive(into, timeout)
    }

    /// Has what has come acknowledged at once.
    pub(crate) fn acknowledge(&self) {
        self.transport.acknowledge();
    }

    /// Sends as much as the transport takes at once; without slices, what it owes.
    pub(crate) fn send(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.transport.send(slices)
    }

    /// Whether something that was taken waits for the socket.
    pub(crate) fn owes(&self) -> bool {
        self.transport.owes()
    }

    /// Whether the socket is known to be full after a send that took `sent` of `offered` bytes.
    pub(crate) fn has_refused(&self, sent: usize, offered: usize) -> bool {
        self.transport.has_refused(sent, offered)
    }

    /// Sends a line to a client that is not in the room, whose socket is empty and takes it. If the socket does
    /// not take the whole line, the server hangs up rather than send half of it.
    pub(crate) fn tell(&self, line: impl Display) {
        self.tell_bytes(format!("{line}\n").as_bytes());
    }

    /// The same for bytes that are no line.
    pub(crate) fn tell_bytes(&self, bytes: &[u8]) {
        match self.send(&[IoSlice::new(bytes)]) {
            // Nobody would send what is owed.
            Ok(sent) if sent == bytes.len() && !self.owes() => {}
            Err(why) if is_gone(&why) => self.mark_gone(&why),
            Ok(_) | Err(_) => self.hang_up(CloseReason::TooSlow),
        }
    }

    /// Whether its client, which has no name, is to be told that the room is away; once.
    pub(crate) fn is_first_told_away(&self) -> bool {
        !self.is_told_away.swap(true, Ordering::Relaxed)
    }

    /// What to wait for until the socket takes more.
    pub(crate) fn as_poll(&self) -> PollFd<'_> {
        self.transport.as_poll()
    }

    /// Lets the client know that nothing more comes.
    pub(crate) fn finish(&self) {
        self.transport.finish();
    }

    /// Ends the connection, for this reason if it is the first. The session wakes up from its read.
    pub(crate) fn hang_up(&self, close_reason: CloseReason) {
        self.close_reason.get_or_init(|| close_reason);
        self.transport.hang_up();
    }

    /// Reads nothing more of the client, which is still sent what it is due. The session finds the end.
    pub(crate) fn end_input(&self) {
        self.transport.end_input();
    }

    /// Called when the client was found to be gone. Nothing more is sent to it; its session reads
    /// what there is, and finds the end.
    pub(crate) fn mark_gone(&self, why: &io::Error) {
        self.gone.get_or_init(|| (why.kind(), instant()));
    }

    /// Since when it is known that the client is gone. In a quiet room nothing is sent that would fail.
    pub(crate) fn gone_since(&self) -> Option<Instant> {
        if self.gone.get().is_none()
            && let Some(why) = self.transport.take_failure()
        {
            self.mark_gone(&why);
        }
        self.gone.get().map(|&(_, since)| since)
    }

    /// Whether it was found that the client has reset the connection, and not closed it.
    pub(crate) fn was_reset(&self) -> bool {
        self.gone.get().is_some_and(|&(how, _)| how != io::ErrorKind::BrokenPipe)
    }

    /// Whether nobody is there any more to be sent something, as far as the system knows. A client that
    /// sends nothing more may still read.
    pub(crate) fn is_over(&self) -> bool {
        self.close_reason().is_some() || self.gone_since().is_some()
    }

    /// Whether the client sends nothing more, as far as the system tells that before all is read.
    pub(crate) fn has_peer_finished(&self) -> bool {
        self.transport.has_peer_finished()
    }

    /// Why the server ended the connection, if it was the server.
    pub(crate) fn close_reason(&self) -> Option<CloseReason> {
        self.close_reason.get().copied()
    }
}

/// An IPv4 client of a socket that takes both is shown as one.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Whether the connection is over because the client has closed or reset it. A session that waits to
/// read wakes by itself then.
pub(crate) fn is_gone(why: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
    matches!(why.kind(), BrokenPipe | ConnectionReset | ConnectionAborted)
}
