//! Wakes a thread that waits for sockets.
//!
//! A condition variable cannot be waited for together with sockets; the end of a pipe can. On
//! Windows, where only sockets can be waited for, it is a UDP socket that speaks to itself.

use std::io;

use rustix::event::PollFlags;

use super::system::PollFd;
#[cfg(unix)]
use super::system::{PipeReader, PipeWriter, pipe};

/// One thread waits for it, any may wake it.
#[derive(Debug)]
pub(crate) struct Waker {
    #[cfg(unix)]
    inner: (PipeReader, PipeWriter),
    #[cfg(windows)]
    inner: std::net::UdpSocket,
}

impl Waker {
    #[cfg(unix)]
    pub(crate) fn new() -> io::Result<Waker> {
        Ok(Waker { inner: pipe()? })
    }

    #[cfg(windows)]
    pub(crate) fn new() -> io::Result<Waker> {
        let socket = std::net::UdpSocket::bind((std::net::Ipv4Addr::LOCALHOST, 0))?;
        socket.connect(socket.local_addr()?)?;
        Ok(Waker { inner: socket })
    }

    /// Wakes the waiting thread. Nothing can go wrong but that it is awake already.
    #[cfg(unix)]
    pub(crate) fn wake(&self) {
        use std::io::Write;
        (&self.inner.1).write_all(&[0]).ok();
    }

    /// Wakes the waiting thread. Nothing can go wrong but that it is awake already.
    #[cfg(windows)]
    pub(crate) fn wake(&self) {
        self.inner.send(&[0]).ok();
    }

    /// What to wait for.
    #[cfg(unix)]
    pub(crate) fn as_poll(&self) -> PollFd<'_> {
        PollFd::new(&self.inner.0, PollFlags::IN)
    }

    /// What to wait for.
    #[cfg(windows)]
    pub(crate) fn as_poll(&self) -> PollFd<'_> {
        PollFd::new(&self.inner, PollFlags::IN)
    }

    /// Takes the waking back, once it was seen.
    #[cfg(unix)]
    pub(crate) fn rest(&self) {
        use std::io::Read;
        let _some = (&self.inner.0).read(&mut [0; 64]);
    }

    /// Takes the waking back, once it was seen.
    #[cfg(windows)]
    pub(crate) fn rest(&self) {
        self.inner.recv(&mut [0; 64]).ok();
    }
}
