//! A waker: wakes a thread that waits for sockets.
//!
//! A thread cannot wait for a condition variable and sockets at once, but for a pipe and sockets. On Windows, where
//! poll takes only sockets, a UDP socket that sends to itself takes the pipe's place.

use std::io;

use rustix::event::PollFlags;

use super::system::PollFd;
#[cfg(unix)]
use super::system::{PipeReader, PipeWriter, pipe};

/// Wakes the one thread that waits for it; any thread may.
#[derive(Debug)]
pub(crate) struct Waker {
    /// The pipe's two ends.
    #[cfg(unix)]
    inner: (PipeReader, PipeWriter),
    /// The socket, which is connected to itself.
    #[cfg(windows)]
    inner: std::net::UdpSocket,
    /// Held while a thread wakes it: wine refuses one of two sends at once, although the other one may have been
    /// taken already.
    #[cfg(windows)]
    waking: std::sync::Mutex<()>,
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
        // The waiting thread must not block if poll says wrongly that there is something to read.
        socket.set_nonblocking(true)?;
        Ok(Waker { inner: socket, waking: std::sync::Mutex::default() })
    }

    /// Wakes the waiting thread.
    // A write fails only when the pipe is full, and then the thread is awake already.
    #[cfg(unix)]
    pub(crate) fn wake(&self) {
        use std::io::Write;
        (&self.inner.1).write_all(&[0]).ok();
    }

    /// Wakes the waiting thread.
    // A send fails only when the socket is full, and then the thread is awake already.
    #[cfg(windows)]
    pub(crate) fn wake(&self) {
        let _alone = self.waking.lock();
        self.inner.send(&[0]).ok();
    }

    /// The file to poll for the waking.
    #[cfg(unix)]
    pub(crate) fn as_poll(&self) -> PollFd<'_> {
        PollFd::new(&self.inner.0, PollFlags::IN)
    }

    /// The socket to poll for the waking.
    #[cfg(windows)]
    pub(crate) fn as_poll(&self) -> PollFd<'_> {
        PollFd::new(&self.inner, PollFlags::IN)
    }

    /// Puts the waker to rest, once the waking was seen.
    #[cfg(unix)]
    pub(crate) fn rest(&self) {
        use std::io::Read;
        let _some = (&self.inner.0).read(&mut [0; 64]);
    }

    /// Puts the waker to rest, once the waking was seen.
    #[cfg(windows)]
    pub(crate) fn rest(&self) {
        while self.inner.recv(&mut [0; 64]).is_ok() {}
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::server::net::socket::timespec;
    use crate::server::system::poll;

    #[test]
    fn no_waking_is_lost_however_many_wake() {
        const THREADS: usize = 16;
        const TIMES: usize = 5_000;
        let waker = Waker::new().expect("the system has one to spare");
        let (asleep, done) = (AtomicBool::new(false), AtomicBool::new(false));
        let timeout = timespec(Duration::from_secs(20));
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    while !done.load(Ordering::SeqCst) {
                        if asleep.swap(false, Ordering::SeqCst) {
                            waker.wake();
                        }
                        thread::yield_now();
                    }
                });
            }
            let woken = (0..TIMES).all(|_| {
                asleep.store(true, Ordering::SeqCst);
                let woken = poll(&mut [waker.as_poll()], Some(&timeout)) == Ok(1);
                waker.rest();
                woken
            });
            done.store(true, Ordering::SeqCst);
            assert!(woken);
        });
    }
}
