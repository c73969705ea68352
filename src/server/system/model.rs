//! An operating system for the library's own tests: shuttle's threads and locks, sockets and pipes in
//! memory, and a time that passes only when a test says so. Each step of it is a place where the
//! scheduler may let another thread go on, and threads that wait for each other in vain are a failure.
//!
//! It has what `real.rs` has, to be used the same way, and the other ends of the sockets.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, IoSlice, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use rustix::event::{PollFlags, Timespec};

pub(crate) use shuttle::sync::{Mutex, MutexGuard};

pub(crate) mod thread;

thread_local! {
    /// All threads of an execution are one to the real system, which runs no other at a time.
    static KERNEL: RefCell<Arc<Kernel>> = RefCell::default();
}

/// When the time begins.
static BEGINNING: LazyLock<Instant> = LazyLock::new(Instant::now);

/// What a pipe holds, in bytes.
const PIPE: usize = 64 * 1024;

/// What a server's socket holds of what a client sends, in bytes.
const UPSTREAM: usize = 4 * 1024;

/// All that threads of one execution wait for besides locks.
#[derive(Debug, Default)]
struct Kernel {
    state: Mutex<State>,
    changed: shuttle::sync::Condvar,
    /// How many milliseconds have passed.
    millis: AtomicU64,
    /// Where somebody waits for a time.
    timers: std::sync::Mutex<Vec<Arc<shuttle::sync::Condvar>>>,
}

#[derive(Debug, Default)]
struct State {
    channels: Vec<Channel>,
    listeners: Vec<VecDeque<[usize; 2]>>,
}

/// Bytes one way.
#[derive(Debug)]
struct Channel {
    bytes: VecDeque<u8>,
    capacity: usize,
    closed: bool,
}

/// Time passes only when a test says so.
pub(crate) const SETTLING: Duration = Duration::ZERO;

/// Begins another execution: nothing is open, and no time has passed.
pub(crate) fn begin() {
    KERNEL.set(Arc::default());
}

/// Lets time pass.
pub(crate) fn pass(time: Duration) {
    let kernel = kernel();
    kernel.millis.fetch_add(time.as_millis() as u64, Ordering::Relaxed);
    kernel.change(|_| ());
    // They stay: one may not have begun to wait yet.
    let timers = kernel.timers.lock().expect("no panic").clone();
    timers.iter().for_each(|timer| timer.notify_all());
}

pub(crate) fn instant() -> Instant {
    *BEGINNING + Duration::from_millis(kernel().millis.load(Ordering::Relaxed))
}

fn kernel() -> Arc<Kernel> {
    KERNEL.with_borrow(Arc::clone)
}

impl Kernel {
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut self.state.lock().expect("no panic"));
        self.changed.notify_all();
        changed
    }

    /// Waits until `take` gives something.
    fn wait<T>(&self, mut take: impl FnMut(&mut State) -> Option<T>) -> T {
        let mut state = self.state.lock().expect("no panic");
        loop {
            if let Some(taken) = take(&mut state) {
                drop(state);
                self.changed.notify_all();
                return taken;
            }
            state = self.changed.wait(state).expect("no panic");
        }
    }

    fn open(&self, capacity: usize) -> usize {
        self.change(|state| {
            state.channels.push(Channel { bytes: VecDeque::new(), capacity, closed: false });
            state.channels.len() - 1
        })
    }

    fn close(&self, channel: usize) {
        self.change(|state| state.channels[channel].closed = true);
    }

    fn read(&self, channel: usize, into: &mut [u8]) -> io::Result<usize> {
        self.wait(|state| {
            let channel = &mut state.channels[channel];
            let is_ready = channel.closed || !channel.bytes.is_empty();
            is_ready.then(|| channel.bytes.read(into))
        })
    }

    fn write(&self, channel: usize, bytes: &[u8]) -> io::Result<usize> {
        self.wait(|state| match state.channels[channel].take(bytes) {
            Err(why) if why.kind() == io::ErrorKind::WouldBlock => None,
            taken => Some(taken),
        })
    }
}

impl Channel {
    fn take(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.capacity - self.bytes.len();
        match room.min(bytes.len()) {
            _ if self.closed => Err(io::ErrorKind::BrokenPipe.into()),
            0 => Err(io::ErrorKind::WouldBlock.into()),
            taken => self.bytes.write(&bytes[..taken]),
        }
    }

    fn is_ready(&self, interest: PollFlags) -> bool {
        let has_room = self.bytes.len() < self.capacity;
        self.closed || if interest == PollFlags::IN { !self.bytes.is_empty() } else { has_room }
    }
}

/// The reading end of a pipe.
#[derive(Debug)]
pub(crate) struct PipeReader(usize);

/// The writing end of a pipe.
#[derive(Debug)]
pub(crate) struct PipeWriter(usize);

pub(crate) fn pipe() -> io::Result<(PipeReader, PipeWriter)> {
    let channel = kernel().open(PIPE);
    Ok((PipeReader(channel), PipeWriter(channel)))
}

impl Read for &PipeReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        kernel().read(self.0, into)
    }
}

impl Write for &PipeWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        kernel().write(self.0, bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One end of a connection.
#[derive(Debug)]
pub struct TcpStream {
    incoming: usize,
    outgoing: usize,
}

impl TcpStream {
    /// Connects to a listener. What the server sends is held up to so many bytes.
    pub(crate) fn connect(port: u16, capacity: usize) -> TcpStream {
        let kernel = kernel();
        let (incoming, outgoing) = (kernel.open(capacity), kernel.open(UPSTREAM));
        kernel.change(|state| state.listeners[usize::from(port)].push_back([outgoing, incoming]));
        TcpStream { incoming, outgoing }
    }

    pub(crate) fn take_error(&self) -> io::Result<Option<io::Error>> {
        Ok(None)
    }

    pub(crate) fn peek(&self, into: &mut [u8]) -> io::Result<usize> {
        kernel().wait(|state| {
            let channel = &mut state.channels[self.incoming];
            let is_ready = channel.closed || !channel.bytes.is_empty();
            is_ready.then(|| {
                let length = into.len().min(channel.bytes.len());
                into.iter_mut().zip(&channel.bytes).for_each(|(byte, first)| *byte = *first);
                Ok(length)
            })
        })
    }

    pub(crate) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        if how != Shutdown::Write {
            kernel().close(self.incoming);
        }
        if how != Shutdown::Read {
            kernel().close(self.outgoing);
        }
        Ok(())
    }
}

impl Read for &TcpStream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        kernel().read(self.incoming, into)
    }
}

impl Write for &TcpStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        kernel().write(self.outgoing, bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for TcpStream {
    fn drop(&mut self) {
        self.shutdown(Shutdown::Both).ok();
    }
}

pub(crate) fn prepare(_stream: &TcpStream, _patience: Duration) -> io::Result<()> {
    Ok(())
}

pub(crate) fn acknowledge(_stream: &TcpStream) {}

pub(crate) fn send(stream: &TcpStream, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    kernel().change(|state| {
        let channel = &mut state.channels[stream.outgoing];
        let mut sent = 0;
        for slice in slices.iter().filter(|slice| !slice.is_empty()) {
            match channel.take(slice) {
                Ok(taken) => sent += taken,
                Err(why) if sent == 0 => return Err(why),
                Err(_) => break,
            }
        }
        Ok(sent)
    })
}

/// Where clients come in.
#[derive(Debug)]
pub struct TcpListener(usize);

pub(crate) fn listen(_address: SocketAddr) -> io::Result<TcpListener> {
    Ok(TcpListener(kernel().change(|state| {
        state.listeners.push(VecDeque::new());
        state.listeners.len() - 1
    })))
}

impl TcpListener {
    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok((Ipv4Addr::LOCALHOST, self.0 as u16).into())
    }

    pub(crate) fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let next = kernel().change(|state| state.listeners[self.0].pop_front());
        let [incoming, outgoing] = next.ok_or(io::ErrorKind::WouldBlock)?;
        Ok((TcpStream { incoming, outgoing }, (Ipv4Addr::LOCALHOST, 1).into()))
    }
}

/// Those who wait to be accepted find that nobody does.
impl Drop for TcpListener {
    fn drop(&mut self) {
        while self.accept().is_ok() {}
    }
}

/// Something that can be waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Source {
    Reading(usize),
    Stream { incoming: usize, outgoing: usize },
    Listening(usize),
}

impl From<&PipeReader> for Source {
    fn from(pipe: &PipeReader) -> Source {
        Source::Reading(pipe.0)
    }
}

impl From<&TcpStream> for Source {
    fn from(stream: &TcpStream) -> Source {
        Source::Stream { incoming: stream.incoming, outgoing: stream.outgoing }
    }
}

impl From<&TcpListener> for Source {
    fn from(listener: &TcpListener) -> Source {
        Source::Listening(listener.0)
    }
}

/// One that is waited for.
#[derive(Debug)]
pub(crate) struct PollFd<'a> {
    source: Source,
    interest: PollFlags,
    revents: PollFlags,
    _open: std::marker::PhantomData<&'a ()>,
}

impl<'a> PollFd<'a> {
    pub(crate) fn new<S>(source: &'a S, interest: PollFlags) -> PollFd<'a>
    where
        Source: From<&'a S>,
    {
        let revents = PollFlags::empty();
        PollFd { source: source.into(), interest, revents, _open: std::marker::PhantomData }
    }

    pub(crate) fn revents(&self) -> PollFlags {
        self.revents
    }

    fn rendition(&mut self, state: &State) -> bool {
        let is_ready = match self.source {
            Source::Listening(listener) => !state.listeners[listener].is_empty(),
            Source::Stream { outgoing, .. } if self.interest == PollFlags::OUT => {
                state.channels[outgoing].is_ready(PollFlags::OUT)
            }
            Source::Reading(incoming) | Source::Stream { incoming, .. } => {
                state.channels[incoming].is_ready(PollFlags::IN)
            }
        };
        self.revents = if is_ready { self.interest } else { PollFlags::empty() };
        is_ready
    }
}

pub(crate) fn poll(
    polled: &mut [PollFd<'_>],
    timeout: Option<&Timespec>,
) -> rustix::io::Result<usize> {
    let time = |it: &Timespec| Duration::new(it.tv_sec as u64, it.tv_nsec as u32);
    let until = timeout.map(|timeout| instant() + time(timeout));
    Ok(kernel().wait(|state| {
        let ready = polled.iter_mut().map(|polled| usize::from(polled.rendition(state))).sum();
        (ready > 0 || until.is_some_and(|until| instant() >= until)).then_some(ready)
    }))
}

/// A condition variable that knows this time.
#[derive(Debug)]
pub(crate) struct Condvar(Arc<shuttle::sync::Condvar>);

type Locked<T> = Result<T, std::sync::PoisonError<T>>;

impl Condvar {
    pub(crate) fn new() -> Condvar {
        Condvar(Arc::default())
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }

    pub(crate) fn notify_one(&self) {
        self.0.notify_one();
    }

    pub(crate) fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> Locked<MutexGuard<'a, T>> {
        self.0.wait(guard)
    }

    /// The second value is whether the time was up.
    pub(crate) fn wait_timeout_while<'a, T>(
        &self,
        mut guard: MutexGuard<'a, T>,
        timeout: Duration,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> Locked<(MutexGuard<'a, T>, bool)> {
        let until = instant() + timeout;
        kernel().timers.lock().expect("no panic").push(Arc::clone(&self.0));
        loop {
            if !condition(&mut guard) {
                return Ok((guard, false));
            }
            if instant() >= until {
                return Ok((guard, true));
            }
            guard = self.0.wait(guard).expect("no panic");
        }
    }
}
