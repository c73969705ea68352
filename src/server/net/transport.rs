//! What a connection sends and receives with: plaintext on this side, on the other a socket and what the bytes are
//! wrapped in there. One thread receives, one sends, and the contract is the same whatever the framing is.
//!
//! A plain connection costs one branch here: no lock, and nothing is copied.

use std::io::{self, IoSlice};
use std::sync::OnceLock;
use std::time::Duration;

use super::socket::Socket;
use super::tls::Tls;
use crate::server::system::PollFd;
use crate::server::waker::Waker;
use crate::tls::Exporter;

/// One connection's way to its client.
#[derive(Debug)]
pub(crate) struct Transport {
    /// The system's socket.
    socket: Socket,
    /// What the bytes are wrapped in; a plain connection has none. The session's thread sets it once, before
    /// anything is sent.
    framing: OnceLock<Framing>,
}

/// What the bytes on the socket are wrapped in.
#[derive(Debug)]
enum Framing {
    /// TLS, after the handshake. In a box, so that a plain connection is no larger for it.
    Tls(Box<Tls>),
}

/// What has come.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// So many bytes, at least one.
    Bytes(usize),
    /// The client sends nothing more, or this side has hung up.
    End,
    /// The same, but the client has not said so: what it sent last may have been cut off.
    Cut,
}

#[cfg(all(test, not(shuttle)))]
mod tests;

impl Transport {
    /// A plain one.
    pub(crate) fn new(socket: Socket) -> Transport {
        Transport { socket, framing: OnceLock::new() }
    }

    /// The socket itself, for what comes before the framing is known.
    pub(super) fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Wraps everything in TLS from now on. Only the first call counts.
    pub(super) fn encrypt(&self, tls: Tls) {
        self.framing.get_or_init(|| Framing::Tls(Box::new(tls)));
    }

    /// Takes a beginning of the bytes in `slices` and returns its length; it never waits. The socket may not have
    /// taken all of that yet: then the transport [`owes`](Self::owes). Without slices it only sends what is owed.
    /// `Ok(0)`: the socket has taken some of what was owed, and nothing of `slices` was taken.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if the socket takes nothing; otherwise the connection is over.
    pub(crate) fn send(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self.framing.get() {
            None => self.socket.send(slices),
            Some(Framing::Tls(tls)) => tls.send(&self.socket, slices),
        }
    }

    /// Whether something that [`send`](Self::send) has taken waits for the socket. A plain transport never owes.
    pub(crate) fn owes(&self) -> bool {
        match self.framing.get() {
            None => false,
            Some(Framing::Tls(tls)) => tls.owes(),
        }
    }

    /// Whether the socket is known to be full after a send that took `sent` of `offered` bytes: TLS takes only so
    /// many at a time, however fast the client reads.
    pub(crate) fn has_refused(&self, sent: usize, offered: usize) -> bool {
        match self.framing.get() {
            None => sent < offered,
            Some(Framing::Tls(tls)) => tls.owes(),
        }
    }

    /// Waits for bytes, for `timeout` at most or for ever, in however many pieces they come. One thread at a time
    /// receives.
    ///
    /// # Errors
    ///
    /// `TimedOut` if nothing came; otherwise the connection is over.
    pub(crate) fn receive(
        &self,
        into: &mut [u8],
        timeout: Option<Duration>,
    ) -> io::Result<Received> {
        match self.framing.get() {
            None => match self.socket.receive(into, timeout)? {
                0 => Ok(Received::End),
                length => Ok(Received::Bytes(length)),
            },
            Some(Framing::Tls(tls)) => tls.receive(&self.socket, into, timeout),
        }
    }

    /// Waits for the first byte on the socket, as [`Socket::peek`] does.
    pub(super) fn peek(&self, timeout: Duration, interrupt: Option<&Waker>) -> Option<u8> {
        self.socket.peek(timeout, interrupt)
    }

    /// Whether the peer sends nothing more, as [`Socket::has_peer_finished`] tells.
    pub(crate) fn has_peer_finished(&self) -> bool {
        self.socket.has_peer_finished()
    }

    /// Has the system acknowledge at once what has come, if it can.
    pub(crate) fn acknowledge(&self) {
        self.socket.acknowledge();
    }

    /// Takes the reason why nothing can be sent any more, if there is one.
    pub(crate) fn take_failure(&self) -> Option<io::Error> {
        self.socket.take_failure()
    }

    /// Lets the client know that nothing more comes. What is owed by then may be cut off.
    pub(crate) fn finish(&self) {
        if let Some(Framing::Tls(tls)) = self.framing.get() {
            tls.say_goodbye(&self.socket);
        }
        self.socket.finish();
    }

    /// Receives nothing more, and wakes the thread that receives; what is due is still sent.
    pub(crate) fn end_input(&self) {
        self.socket.end_input();
    }

    /// Ends the connection both ways, and wakes the thread that receives, also one that shakes hands.
    pub(crate) fn hang_up(&self) {
        self.socket.hang_up();
    }

    /// What binds a proof to this connection; `None` for a plain one.
    pub(crate) fn exporter(&self) -> Option<Exporter> {
        self.framing.get().map(|Framing::Tls(tls)| tls.exporter())
    }

    /// What to poll until the socket takes more.
    pub(crate) fn as_poll(&self) -> PollFd<'_> {
        self.socket.as_poll()
    }
}
