//! One connection's TLS, after its handshake. The library encrypts and decrypts; this decides when, under which lock,
//! and what goes to the socket.
//!
//! The lock around the library's connection is a leaf: no other one is taken while it is held, but for one
//! non-blocking system call it is never held across one, and it is never taken under the hub's lock. Two threads
//! take it: the session's, to decrypt what it has received without it, and the one that sends.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustls::ServerConnection;

use super::socket::Socket;
use super::transport::Received;
use crate::server::system::instant;
use crate::tls::{Exporter, FIRST_RECORD, IN_FIRST_RECORDS};

#[cfg(any(all(test, not(shuttle)), fuzzing))]
pub(crate) mod fuzzing;
pub(crate) mod handshake;
pub(crate) mod identity;

/// How many bytes of a client's lines are encrypted at a time: four full records. As much may wait for the socket.
const MOST_TAKEN: usize = 64 * 1024;

/// The first size of the buffer for what comes encrypted, in bytes: little for a thousand clients who only listen.
const SMALL_READ: usize = 1024;

/// The last size of that buffer, in bytes: a full record.
const LARGE_READ: usize = 16 * 1024;

/// A connection's TLS.
#[derive(Debug)]
pub(super) struct Tls {
    /// The library's side of the connection: keys, what is to be sent, and what was decrypted.
    connection: Mutex<ServerConnection>,
    /// Whether something that is encrypted waits for the socket. It is changed under the lock of `connection`.
    owes: AtomicBool,
    /// How many bytes went in small records, up to [`IN_FIRST_RECORDS`]. It is changed under the lock of `connection`.
    in_first_records: AtomicUsize,
    /// What has come and was not decrypted. It is locked by the session's thread alone, before `connection`.
    incoming: Mutex<Incoming>,
    /// What binds a proof to this connection.
    exporter: Exporter,
}

/// Encrypted bytes that have come and that the library has not read.
#[derive(Debug)]
struct Incoming {
    /// The bytes, in the middle of it.
    buffer: Vec<u8>,
    /// Where they begin.
    start: usize,
    /// Where they end.
    end: usize,
    /// Something was no TLS, or not with these keys: nothing behind it is read.
    is_broken: bool,
}

/// What the library writes to.
struct Sink<'a>(&'a Socket);

impl Tls {
    /// The TLS of a connection whose handshake is over, of which `incoming` has come.
    fn new(mut connection: ServerConnection, incoming: Incoming) -> io::Result<Tls> {
        connection.set_buffer_limit(Some(MOST_TAKEN));
        let exporter = Exporter::of(&connection).map_err(io::Error::other)?;
        let owes = AtomicBool::new(connection.wants_write());
        let (connection, incoming) = (Mutex::new(connection), Mutex::new(incoming));
        let in_first_records = AtomicUsize::new(0);
        Ok(Tls { connection, owes, in_first_records, incoming, exporter })
    }

    /// As [`Transport::send`](super::transport::Transport::send).
    pub(super) fn send(&self, socket: &Socket, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut connection = self.lock();
        let flushed = self.flush(&mut connection, socket)?;
        if connection.wants_write() {
            // Progress, or a slow client would seem to take nothing until it has taken all of it.
            return if flushed > 0 { Ok(0) } else { Err(ErrorKind::WouldBlock.into()) };
        }
        if slices.is_empty() {
            return Ok(0);
        }
        let taken = self.encrypt(&mut connection, slices)?;
        self.flush(&mut connection, socket)?;
        Ok(taken)
    }

    /// Encrypts a beginning of the bytes in `slices`, and returns its length.
    fn encrypt(
        &self,
        connection: &mut ServerConnection,
        slices: &[IoSlice<'_>],
    ) -> io::Result<usize> {
        let before = self.in_first_records.load(Ordering::Relaxed);
        if before >= IN_FIRST_RECORDS {
            return connection.writer().write_vectored(slices);
        }
        let taken = connection.writer().write(&beginning(slices, FIRST_RECORD))?;
        self.in_first_records.store(before + taken, Ordering::Relaxed);
        Ok(taken)
    }

    /// Whether something that was taken waits for the socket.
    pub(super) fn owes(&self) -> bool {
        self.owes.load(Ordering::Acquire)
    }

    /// What binds a proof to this connection.
    pub(super) fn exporter(&self) -> Exporter {
        self.exporter
    }

    /// Says that nothing more comes, as far as the socket takes it.
    pub(super) fn say_goodbye(&self, socket: &Socket) {
        let mut connection = self.lock();
        connection.send_close_notify();
        // A connection that is over is not said goodbye to.
        self.flush(&mut connection, socket).ok();
    }

    /// As [`Transport::receive`](super::transport::Transport::receive).
    pub(super) fn receive(
        &self,
        socket: &Socket,
        into: &mut [u8],
        timeout: Option<Duration>,
    ) -> io::Result<Received> {
        let deadline = timeout.map(|timeout| instant() + timeout);
        let mut incoming = self.incoming.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            // First: some may be there already, of which the socket tells nobody.
            if let Some(received) = self.decrypt(socket, &mut incoming, into)? {
                return Ok(received);
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(instant()));
            if incoming.fill(socket, left)? == 0 {
                return Ok(Received::Cut);
            }
        }
    }

    /// Decrypts what has come, as much as `into` holds; `None` if nothing is to be told of that yet.
    fn decrypt(
        &self,
        socket: &Socket,
        incoming: &mut Incoming,
        into: &mut [u8],
    ) -> io::Result<Option<Received>> {
        let mut connection = self.lock();
        let mut length = 0;
        loop {
            match connection.reader().read(&mut into[length..]) {
                Ok(0) => return Ok(Some(received(length, Received::End))),
                Ok(more) => length += more,
                Err(why) if why.kind() == ErrorKind::WouldBlock => {}
                Err(why) => return Err(why),
            }
            if length == into.len() || incoming.is_empty() {
                break;
            }
            // The library takes 4 KB at a time, and no more while plaintext waits: so both in turn.
            let read = connection.read_tls(incoming);
            let failed = read.is_err() || connection.process_new_packets().is_err();
            if failed {
                incoming.give_up();
                // The client is told so, if the socket takes that.
                self.flush(&mut connection, socket).ok();
            }
        }
        if length == 0 && incoming.is_broken {
            return Err(ErrorKind::InvalidData.into());
        }
        Ok((length > 0).then_some(Received::Bytes(length)))
    }

    /// Encrypts with other keys from now on, and asks the client to do so too.
    #[cfg(test)]
    pub(super) fn refresh_keys(&self) {
        self.lock().refresh_traffic_keys().expect("it is connected");
    }

    /// Sends what is encrypted, as far as the socket takes it, and returns how many bytes that was.
    fn flush(&self, connection: &mut ServerConnection, socket: &Socket) -> io::Result<usize> {
        let flushed = flush(connection, socket);
        self.owes.store(connection.wants_write(), Ordering::Release);
        flushed
    }

    fn lock(&self) -> MutexGuard<'_, ServerConnection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The first bytes of `slices`, `most` at most.
fn beginning(slices: &[IoSlice<'_>], most: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(most);
    for slice in slices {
        let left = most - bytes.len();
        bytes.extend_from_slice(&slice[..slice.len().min(left)]);
    }
    bytes
}

/// So many bytes, or that if there are none.
fn received(length: usize, or: Received) -> Received {
    if length > 0 { Received::Bytes(length) } else { or }
}

/// Sends what is encrypted, as far as the socket takes it, and returns how many bytes that was.
fn flush(connection: &mut ServerConnection, socket: &Socket) -> io::Result<usize> {
    let mut flushed = 0;
    while connection.wants_write() {
        match connection.write_tls(&mut Sink(socket)) {
            Ok(length) => flushed += length,
            Err(why) if why.kind() == ErrorKind::Interrupted => {}
            Err(why) if why.kind() == ErrorKind::WouldBlock => break,
            Err(why) => return Err(why),
        }
    }
    Ok(flushed)
}

impl Incoming {
    /// What has come before the handshake began.
    fn new(come: Vec<u8>) -> Incoming {
        let (end, mut buffer) = (come.len(), come);
        buffer.resize(end.max(SMALL_READ), 0);
        Incoming { buffer, start: 0, end, is_broken: false }
    }

    fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Nothing of it is read any more.
    fn give_up(&mut self) {
        (self.start, self.is_broken) = (self.end, true);
    }

    /// Waits for more, once all was read, and returns how many bytes have come; 0 is the end.
    fn fill(&mut self, socket: &Socket, timeout: Option<Duration>) -> io::Result<usize> {
        debug_assert!(self.is_empty());
        if self.end == self.buffer.len() && self.end < LARGE_READ {
            self.buffer.resize(LARGE_READ.min(self.end * 4), 0);
        }
        self.end = socket.receive(&mut self.buffer, timeout)?;
        self.start = 0;
        Ok(self.end)
    }
}

impl Read for Incoming {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut left = &self.buffer[self.start..self.end];
        let length = left.read(into)?;
        self.start += length;
        Ok(length)
    }
}

impl Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.send(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.send(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
