//! A client's socket, which one thread reads and another writes. A send takes as many bytes as fit now and never
//! waits; a receive waits for bytes; hanging up wakes the thread that receives. The contract is the same on every
//! system. It knows nothing of what the bytes are wrapped in (`transport`).
//!
//! On Unix the socket blocks, so that a receive is one system call, and each send has the flag not to wait.
//! Windows has no such flag, and a send that ran into a timeout would not tell how many bytes it has sent. So the
//! socket does not block there, and a receive waits in poll. Poll does not notice when this side ends the
//! connection, so the socket has a waker for that.

use std::io::{self, ErrorKind, IoSlice, Read};
use std::net::Shutdown;
use std::time::Duration;

use rustix::event::{PollFlags, Timespec};

use crate::server::system::{self, PollFd, TcpStream, poll};
use crate::server::waker::Waker;

/// A client's socket.
#[derive(Debug)]
pub(crate) struct Socket {
    /// The system's socket.
    stream: TcpStream,
    /// Woken, and never put to rest, once this side has hung up.
    #[cfg(windows)]
    hung_up: Waker,
    /// Set for a socket that takes one byte at a time, and each second time nothing: whether it takes one next.
    #[cfg(test)]
    reluctance: std::sync::OnceLock<std::sync::atomic::AtomicBool>,
}

impl Socket {
    pub(crate) fn new(stream: TcpStream, timeout: Duration) -> io::Result<Socket> {
        system::prepare(&stream, timeout)?;
        Ok(Socket {
            stream,
            #[cfg(windows)]
            hung_up: Waker::new()?,
            #[cfg(test)]
            reluctance: std::sync::OnceLock::new(),
        })
    }

    /// Sends as much of `slices` as the system takes at once.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if that is nothing; otherwise the connection is over.
    pub(super) fn send(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        #[cfg(test)]
        if let Some(takes_one) = self.reluctance.get() {
            return self.send_one_byte(slices, takes_one);
        }
        system::send(&self.stream, slices)
    }

    /// From now on it takes one byte at a time, and each second time nothing.
    #[cfg(test)]
    pub(super) fn make_reluctant(&self) {
        self.reluctance.get_or_init(Default::default);
    }

    #[cfg(test)]
    fn send_one_byte(
        &self,
        slices: &[IoSlice<'_>],
        takes_one: &std::sync::atomic::AtomicBool,
    ) -> io::Result<usize> {
        if !takes_one.fetch_not(std::sync::atomic::Ordering::Relaxed) {
            return Err(ErrorKind::WouldBlock.into());
        }
        let slice = slices.iter().find(|slice| !slice.is_empty());
        slice.map_or(Ok(0), |slice| system::send(&self.stream, &[IoSlice::new(&slice[..1])]))
    }

    /// Has the system acknowledge at once what has come, if it can: the peer's system may wait for that before it
    /// sends the rest (RFC 896).
    pub(super) fn acknowledge(&self) {
        system::acknowledge(&self.stream);
    }

    /// Waits for bytes, for `timeout` at most or for ever; 0 bytes mean that the peer sends nothing more, or that
    /// this side has hung up.
    ///
    /// # Errors
    ///
    /// `TimedOut` if nothing came; otherwise the connection is over.
    pub(super) fn receive(&self, into: &mut [u8], timeout: Option<Duration>) -> io::Result<usize> {
        let mut state = PollFlags::IN;
        if cfg!(windows) || timeout.is_some() {
            state = self.await_input(timeout)?;
        }
        while !state.is_empty() {
            match (&self.stream).read(into) {
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock => {
                    state = self.await_input(timeout)?;
                }
                // Asking for the error may have taken it away, as wine's poll does.
                Ok(0) if state.contains(PollFlags::ERR) => {
                    return Err(ErrorKind::ConnectionReset.into());
                }
                done => return done,
            }
        }
        Ok(0)
    }

    /// Waits for the first byte that is to be received, for `timeout` at most or until `interrupt` wakes, and leaves
    /// it where it is; `None` if there is none, or if the peer sends nothing more.
    pub(super) fn peek(&self, timeout: Duration, interrupt: Option<&Waker>) -> Option<u8> {
        let timeout = timespec(timeout);
        let interrupt = interrupt.map(Waker::as_poll);
        let mut polled: Vec<_> = self.as_poll_for_input().into_iter().chain(interrupt).collect();
        while poll(&mut polled, Some(&timeout)) == Err(rustix::io::Errno::INTR) {}
        let mut first = [0];
        let is_ready = !polled[0].revents().is_empty();
        (is_ready && matches!(self.stream.peek(&mut first), Ok(1))).then_some(first[0])
    }

    /// Whether the peer sends nothing more. Linux tells that also where something is there to be read before; other
    /// systems tell it once all is read.
    pub(super) fn has_peer_finished(&self) -> bool {
        #[cfg(target_os = "linux")]
        let mut polled = [PollFd::new(&self.stream, PollFlags::RDHUP)];
        #[cfg(not(target_os = "linux"))]
        let mut polled = self.as_poll_for_input();
        poll(&mut polled, Some(&timespec(Duration::ZERO))).ok();
        let state = polled[0].revents();
        #[cfg(target_os = "linux")]
        return state.contains(PollFlags::RDHUP);
        #[cfg(not(target_os = "linux"))]
        return !state.is_empty() && matches!(self.stream.peek(&mut [0]), Ok(0));
    }

    /// Waits for the peer, and returns the socket's state; nothing is set if this side has hung up.
    fn await_input(&self, timeout: Option<Duration>) -> io::Result<PollFlags> {
        let timeout = timeout.map(timespec);
        let mut polled = self.as_poll_for_input();
        loop {
            match poll(&mut polled, timeout.as_ref()) {
                Ok(0) => return Err(ErrorKind::TimedOut.into()),
                Err(rustix::io::Errno::INTR) => {}
                result => return Ok(result.map(|_| polled[0].revents())?),
            }
        }
    }

    #[cfg(unix)]
    fn as_poll_for_input(&self) -> [PollFd<'_>; 1] {
        [PollFd::new(&self.stream, PollFlags::IN)]
    }

    #[cfg(windows)]
    fn as_poll_for_input(&self) -> [PollFd<'_>; 2] {
        [PollFd::new(&self.stream, PollFlags::IN), self.hung_up.as_poll()]
    }

    /// The file to poll until the socket takes more.
    pub(super) fn as_poll(&self) -> PollFd<'_> {
        PollFd::new(&self.stream, PollFlags::OUT)
    }

    /// Takes the reason why nothing can be sent any more, if there is one.
    #[cfg(unix)]
    pub(super) fn take_failure(&self) -> Option<io::Error> {
        let mut polled = [PollFd::new(&self.stream, PollFlags::empty())];
        poll(&mut polled, Some(&timespec(Duration::ZERO))).ok();
        let is_broken = polled[0].revents().intersects(PollFlags::HUP | PollFlags::ERR);
        is_broken.then(|| {
            self.stream.take_error().ok().flatten().unwrap_or(ErrorKind::ConnectionReset.into())
        })
    }

    /// Nothing on Windows: it reports a failure also for a peer that only sends nothing more, and a reset discards
    /// the bytes that have come.
    #[cfg(windows)]
    pub(super) fn take_failure(&self) -> Option<io::Error> {
        None
    }

    /// Lets the peer know that nothing more comes.
    pub(super) fn finish(&self) {
        self.stream.shutdown(Shutdown::Write).ok();
    }

    /// Receives nothing more, and wakes the thread that receives.
    pub(super) fn end_input(&self) {
        self.stream.shutdown(Shutdown::Read).ok();
        #[cfg(windows)]
        self.hung_up.wake();
    }

    /// Ends the connection both ways, and wakes the thread that receives.
    pub(super) fn hang_up(&self) {
        self.stream.shutdown(Shutdown::Both).ok();
        #[cfg(windows)]
        self.hung_up.wake();
    }
}

/// A time as `poll` takes it.
pub(in crate::server) fn timespec(duration: Duration) -> Timespec {
    duration.try_into().unwrap_or(Timespec { tv_sec: i64::MAX, tv_nsec: 0 })
}

#[cfg(all(test, not(shuttle)))]
mod tests;
