//! One connection's TLS, after its handshake ([`handshake`]): lines become records, and records bytes.
//!
//! # The locks
//!
//! `state` guards rustls' connection. It is a leaf, and never held across a system call: if it were held in a write
//! that waits, nobody would decrypt while the server takes nothing, and each side would wait for the other. So the
//! receiver reads the socket without it, and a writer takes the ciphertext out under it and writes that with it
//! released. `writing` is held around both by whoever writes, so that records keep their order; `arriving` belongs
//! to the receiver. Either is taken before `state`, and neither with the other.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use memchr::memrchr;
use rustls::ClientConnection;

use crate::client::mutex::{lock, lock_until};
use crate::tls::{Exporter, FIRST_RECORD, IN_FIRST_RECORDS};

#[cfg(any(all(test, not(shuttle)), fuzzing))]
pub(in crate::client) mod fuzzing;
pub(super) mod handshake;
pub(super) mod verifier;

/// The most plaintext in one record, in bytes (RFC 8446, 5.1).
const RECORD: usize = 16 * 1024;

/// How much ciphertext is received at once, in bytes: a whole record and its frame.
const CHUNK: usize = RECORD + 512;

/// One connection's TLS.
pub(super) struct Tls {
    /// rustls' side of it.
    state: Mutex<ClientConnection>,
    /// What waits for the socket.
    writing: Mutex<Outgoing>,
    /// What has come and is not decrypted. Only the receiver locks it.
    arriving: Mutex<Incoming>,
    /// What binds a proof to this connection.
    exporter: Exporter,
}

/// Records that were made and are not written.
#[derive(Debug, Default)]
struct Outgoing {
    /// The records.
    records: Vec<u8>,
    /// How many bytes of them the socket has taken.
    written: usize,
    /// How many bytes of what was given to `send_some` they stand for.
    plain: usize,
    /// How many bytes of lines became records on this connection.
    recorded: usize,
}

/// Ciphertext that has come.
#[derive(Debug)]
struct Incoming {
    /// The bytes; those from `begin` to `end` are not decrypted.
    bytes: Vec<u8>,
    /// Where the next one is.
    begin: usize,
    /// Behind the last one.
    end: usize,
    /// Why nothing more can be decrypted, once that is so: told when what was good has been taken.
    failed: Option<io::Error>,
}

/// What reading a connection has brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::client) enum Received {
    /// So many bytes.
    Bytes(usize),
    /// The server has said that nothing more comes.
    End,
    /// The connection has ended, and the server has not said that it would: something may be missing.
    Cut,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

impl Tls {
    /// That of a connection whose handshake is over.
    ///
    /// # Errors
    ///
    /// It is not.
    pub(super) fn new(state: ClientConnection) -> Result<Tls, rustls::Error> {
        let exporter = Exporter::of(&state)?;
        let arriving = Incoming { bytes: vec![0; CHUNK], begin: 0, end: 0, failed: None };
        let (state, writing) = (Mutex::new(state), Mutex::default());
        Ok(Tls { state, writing, arriving: Mutex::new(arriving), exporter })
    }

    /// What binds a proof to this connection.
    pub(super) fn exporter(&self) -> Exporter {
        self.exporter
    }

    /// Sends `bytes`, which may wait for the server to take them.
    ///
    /// # Errors
    ///
    /// The connection is lost.
    pub(super) fn send(&self, socket: &TcpStream, bytes: &[u8]) -> io::Result<()> {
        self.send_locked(&mut lock(&self.writing), socket, bytes, None)
    }

    /// Sends the beginning of `bytes`, and gives its length once all of its record is written; until then 0, and
    /// the next call has to be given the same bytes. It makes one system call.
    ///
    /// # Errors
    ///
    /// The connection is lost, or the socket's time is up.
    pub(super) fn send_some(&self, socket: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
        let mut out = lock(&self.writing);
        if out.plain == 0 {
            let record = next_record(bytes, out.record_size());
            self.encrypt(&mut out, record)?;
            out.plain = record.len();
        }
        if !out.is_written() {
            out.write(socket)?;
        }
        Ok(if out.is_written() { std::mem::take(&mut out.plain) } else { 0 })
    }

    /// Says that nothing more comes from us.
    ///
    /// # Errors
    ///
    /// The connection is lost.
    pub(super) fn send_end(&self, socket: &TcpStream) -> io::Result<()> {
        self.send_end_locked(&mut lock(&self.writing), socket, None)
    }

    /// Sends the last bytes, and that nothing more comes, unless another thread writes for as long as `patience`. The
    /// server may take as long once more, if the socket ends a write by then.
    pub(super) fn send_last(&self, socket: &TcpStream, bytes: &[u8], patience: Duration) {
        let Some(mut out) = lock_until(&self.writing, Instant::now() + patience) else { return };
        let until = Some(Instant::now() + patience);
        let sent = self.send_locked(&mut out, socket, bytes, until);
        sent.and_then(|()| self.send_end_locked(&mut out, socket, until)).ok();
    }

    /// Waits for what the server sends, as long as the socket does.
    ///
    /// # Errors
    ///
    /// What the socket says, a time that is up included; or what came is not what the server has sent.
    pub(super) fn receive(&self, mut socket: &TcpStream, into: &mut [u8]) -> io::Result<Received> {
        let mut arriving = lock(&self.arriving);
        loop {
            if let Some(received) = self.take(&mut arriving, into)? {
                return Ok(received);
            }
            let Incoming { bytes, begin, end, .. } = &mut *arriving;
            let length = socket.read(bytes)?;
            (*begin, *end) = (0, length);
            if length == 0 {
                return Ok(Received::Cut);
            }
        }
    }

    /// Takes what there is, and decrypts for that what has come; `None` if more has to come first.
    fn take(&self, arriving: &mut Incoming, into: &mut [u8]) -> io::Result<Option<Received>> {
        let mut state = lock(&self.state);
        loop {
            match state.reader().read(into) {
                Ok(0) => return Ok(Some(Received::End)),
                Ok(length) => return Ok(Some(Received::Bytes(length))),
                Err(why) if why.kind() == ErrorKind::WouldBlock => {}
                Err(why) => return Err(why),
            }
            if let Some(why) = arriving.failed.take() {
                return Err(why);
            }
            if arriving.begin == arriving.end {
                return Ok(None);
            }
            arriving.failed = arriving.decrypt(&mut state).err();
        }
    }

    fn send_locked(
        &self,
        out: &mut Outgoing,
        socket: &TcpStream,
        mut bytes: &[u8],
        until: Option<Instant>,
    ) -> io::Result<()> {
        out.write_all(socket, until)?;
        while !bytes.is_empty() {
            let record = next_record(bytes, out.record_size());
            self.encrypt(out, record)?;
            out.write_all(socket, until)?;
            bytes = &bytes[record.len()..];
        }
        Ok(())
    }

    fn send_end_locked(
        &self,
        out: &mut Outgoing,
        socket: &TcpStream,
        until: Option<Instant>,
    ) -> io::Result<()> {
        lock(&self.state).send_close_notify();
        self.encrypt(out, b"")?;
        out.write_all(socket, until)
    }

    /// Makes a record of this, behind what rustls itself has to send. All of the former ones are written.
    fn encrypt(&self, out: &mut Outgoing, record: &[u8]) -> io::Result<()> {
        let mut state = lock(&self.state);
        state.writer().write_all(record)?;
        out.recorded = out.recorded.saturating_add(record.len());
        while state.wants_write() {
            state.write_tls(&mut out.records)?;
        }
        Ok(())
    }
}

impl Outgoing {
    /// How many bytes the next record has at most.
    fn record_size(&self) -> usize {
        if self.recorded < IN_FIRST_RECORDS { FIRST_RECORD } else { RECORD }
    }

    fn is_written(&self) -> bool {
        self.records.is_empty()
    }

    /// Writes as much as the socket takes at once, or within its time.
    fn write(&mut self, mut socket: &TcpStream) -> io::Result<()> {
        match socket.write(&self.records[self.written..])? {
            0 => return Err(ErrorKind::WriteZero.into()),
            length => self.written += length,
        }
        if self.written == self.records.len() {
            self.records.clear();
            self.written = 0;
        }
        Ok(())
    }

    /// Writes all of it, but begins nothing after that time.
    fn write_all(&mut self, socket: &TcpStream, until: Option<Instant>) -> io::Result<()> {
        while !self.is_written() {
            if until.is_some_and(|until| until <= Instant::now()) {
                return Err(ErrorKind::TimedOut.into());
            }
            match self.write(socket) {
                Err(why) if why.kind() == ErrorKind::Interrupted => {}
                done => done?,
            }
        }
        Ok(())
    }
}

impl Incoming {
    /// Decrypts a part of what has come.
    fn decrypt(&mut self, state: &mut ClientConnection) -> io::Result<()> {
        let mut rest = &self.bytes[self.begin..self.end];
        let taken = state.read_tls(&mut rest)?;
        self.begin += taken;
        let processed = state.process_new_packets();
        processed.map(drop).map_err(|why| io::Error::new(ErrorKind::InvalidData, why))
    }
}

/// The beginning that becomes one record of that size at most: whole lines, as far as they fit.
fn next_record(bytes: &[u8], size: usize) -> &[u8] {
    if bytes.len() <= size {
        return bytes;
    }
    let most = &bytes[..size];
    memrchr(b'\n', most).map_or(most, |end| &most[..=end])
}

#[cfg(all(test, not(shuttle)))]
mod tests;
