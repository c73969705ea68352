//! The real operating system: the standard library's, and what it has not.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, SockRef, Socket, Type};

use crate::keepalive;

#[cfg(unix)]
pub(crate) use std::io::{PipeReader, PipeWriter, pipe};
pub(crate) use std::net::{TcpListener, TcpStream};
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard};
pub(crate) use std::thread;

pub(crate) use rustix::event::{PollFd, poll};

/// How many connections may wait to be accepted.
const BACKLOG: i32 = 1024;

/// How much the kernel may hold of what a client does not take, in bytes; Linux takes it twice.
/// A hundred stalled members then hold 50 MB, and one that reads never waits for the next part.
const SEND_BUFFER: usize = 256 * 1024;

/// How long a session waits for more of what a client sends first.
pub(crate) const SETTLING: Duration = Duration::from_millis(5);

/// The time, for what is due and what lasts; it is never set back.
pub(crate) fn instant() -> Instant {
    Instant::now()
}

/// Listens there, for a thread that accepts only what `poll` has told of.
pub(crate) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // On Windows it would let two servers share a port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    if address.is_ipv6() && address.ip().is_unspecified() {
        socket.set_only_v6(false)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Makes a socket one that a client can be served over which takes nothing for that long at most.
pub(crate) fn prepare(stream: &TcpStream, timeout: Duration) -> io::Result<()> {
    stream.set_nonblocking(cfg!(windows))?;
    stream.set_nodelay(true)?;
    keepalive::watch_for_loss(stream)?;
    let socket = SockRef::from(stream);
    bound_repeats(&socket, timeout)?;
    // Or the system takes the last byte of telnet's SYNCH out of the stream, and the IAC before it stands
    // alone.
    socket.set_out_of_band_inline(true).ok();
    socket.set_send_buffer_size(SEND_BUFFER)
}

/// Who is due something is sent no probes. Without this, a peer that is dead is there for as long as the
/// system repeats what it sends, which is a quarter of an hour; with it, at least as long as a silent
/// one is given that is sent nothing.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn bound_repeats(socket: &SockRef<'_>, timeout: Duration) -> io::Result<()> {
    const SHORTEST: Duration = Duration::from_secs(60);
    socket.set_tcp_user_timeout(Some(timeout.max(SHORTEST)))
}

/// Others cannot be told.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn bound_repeats(_: &SockRef<'_>, _: Duration) -> io::Result<()> {
    Ok(())
}

/// Has what has come acknowledged at once, and not together with the next answer.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn acknowledge(stream: &TcpStream) {
    SockRef::from(stream).set_tcp_quickack(true).ok();
}

/// Others decide for themselves.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn acknowledge(_: &TcpStream) {}

/// Sends as much as the socket takes at once.
#[cfg(unix)]
pub(crate) fn send(stream: &TcpStream, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    use rustix::net::{SendAncillaryBuffer, SendFlags, send, sendmsg};
    // No SIGPIPE to ward off, which not every system can: Rust programs ignore it.
    let flags = SendFlags::DONTWAIT;
    let sent = match slices {
        [one] => send(stream, one, flags),
        many => sendmsg(stream, many, &mut SendAncillaryBuffer::default(), flags),
    };
    Ok(sent?)
}

/// Sends as much as the socket takes at once.
#[cfg(windows)]
pub(crate) fn send(stream: &TcpStream, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    io::Write::write_vectored(&mut &*stream, slices)
}
