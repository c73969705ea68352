//! A client's connection: bytes out, bytes in, never waiting; over TLS where the program wants that.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use mio::event::Event;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use crate::running::Running;
use tls::Tls;

pub mod tls;

/// What came of reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// There was nothing.
    Nothing,
    /// So many bytes, and whether there was no more: then more of it will be told (epoll(7), Q9).
    Bytes { length: usize, is_all: bool },
    /// Nothing more comes.
    End,
}

/// Whether the client means to stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stay {
    /// It does.
    Stays,
    /// It leaves as soon as everything is sent.
    Leaves,
    /// It has said that nothing more comes.
    Left,
}

/// A connection of the load's.
#[derive(Debug)]
pub struct Link {
    /// Never waits.
    stream: TcpStream,
    /// `None` on a plain one.
    tls: Option<Box<Tls>>,
    /// What is to be sent. Whoever adds to it calls `write`.
    pub out: Vec<u8>,
    /// How much of it was sent.
    out_at: usize,
    /// Whether the socket takes more, as far as is known.
    writable: bool,
    /// Whether the client means to stay, and how far it is with leaving.
    stay: Stay,
}

impl Link {
    /// Begins to connect, with what is to be said first.
    pub fn connect(server: &Running, hello: &str) -> io::Result<Link> {
        let stream = TcpStream::connect(server.address)?;
        stream.set_nodelay(true)?;
        let tls = server.tls.as_ref().map(|opening| Tls::new(opening).map(Box::new)).transpose()?;
        let out = hello.as_bytes().to_vec();
        Ok(Link { stream, tls, out, out_at: 0, writable: false, stay: Stay::Stays })
    }

    /// Waits until everything is sent, where no poll tells of it.
    pub fn settle(&mut self, buffer: &mut [u8], patience: Duration) -> io::Result<()> {
        let deadline = Instant::now() + patience;
        while !self.is_free() {
            if Instant::now() > deadline {
                return Err(ErrorKind::TimedOut.into());
            }
            std::thread::sleep(Duration::from_millis(1));
            self.writable = true;
            self.write()?;
            if self.tls.is_some() && !self.is_free() {
                self.read(buffer)?;
            }
        }
        Ok(())
    }

    /// Has the poll tell what happens to it.
    pub fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut self.stream, token, Interest::READABLE | Interest::WRITABLE)
    }

    /// Sends what waits, if the poll says that the socket takes more.
    pub fn on_event(&mut self, event: &Event) -> io::Result<()> {
        if event.is_writable() {
            self.writable = true;
            self.write()?;
        }
        Ok(())
    }

    /// Whether it has sent everything, and would take more at once.
    pub fn is_free(&self) -> bool {
        let is_settled = self.tls.as_ref().is_none_or(|tls| tls.is_settled());
        self.writable && self.out.is_empty() && is_settled
    }

    /// Whether the socket takes more, as far as is known.
    pub fn is_writable(&self) -> bool {
        self.writable
    }

    /// Leaves, once everything is sent.
    pub fn leave(&mut self) -> io::Result<()> {
        self.stay = Stay::Leaves;
        self.write()
    }

    /// Sends what the socket takes.
    pub fn write(&mut self) -> io::Result<()> {
        while self.send_some()? {}
        if self.out_at == self.out.len() {
            self.out.clear();
            self.out_at = 0;
        }
        if self.stay == Stay::Leaves && self.is_free() {
            if let Some(tls) = &mut self.tls {
                tls.close();
            }
            while self.send_some()? {}
            if self.is_free() {
                self.stay = Stay::Left;
                self.stream.shutdown(Shutdown::Write)?;
            }
        }
        Ok(())
    }

    /// Sends some of what waits; whether there may be more to do at once.
    fn send_some(&mut self) -> io::Result<bool> {
        if !self.writable {
            return Ok(false);
        }
        let rest = &self.out[self.out_at..];
        let sent = match &mut self.tls {
            None if rest.is_empty() => return Ok(false),
            None => self.stream.write(rest).map(|length| self.out_at += length),
            Some(tls) if tls.owes() => tls.send(&mut self.stream).map(drop),
            Some(tls) => {
                let taken = tls.take(rest)?;
                self.out_at += taken;
                return Ok(taken > 0);
            }
        };
        match sent {
            Ok(()) => Ok(true),
            Err(why) if why.kind() == ErrorKind::Interrupted => Ok(true),
            Err(why) if why.kind() == ErrorKind::WouldBlock => {
                self.writable = false;
                Ok(false)
            }
            Err(why) => Err(why),
        }
    }

    /// Reads what has come, once. Over TLS, the second half of `into` takes what is encrypted.
    pub fn read(&mut self, into: &mut [u8]) -> io::Result<Received> {
        let encrypted = if self.tls.is_some() { into.len() / 2 + tls::RECORD } else { 0 };
        let (plain, buffer) = into.split_at_mut(encrypted);
        let room = buffer.len();
        let length = match read_some(&mut self.stream, buffer)? {
            None => return Ok(Received::Nothing),
            Some(0) => return Ok(Received::End),
            Some(length) => length,
        };
        let is_all = length < room;
        let Some(tls) = &mut self.tls else { return Ok(Received::Bytes { length, is_all }) };
        let length = tls.decrypt(&buffer[..length], plain)?;
        if tls.owes() {
            self.write()?;
        }
        Ok(Received::Bytes { length, is_all })
    }

    /// Takes some bytes out of the socket, and looks at none of them.
    pub fn skip(&mut self, some: &mut [u8]) {
        let _some = self.stream.read(some);
    }
}

/// `None` if nothing has come.
fn read_some(stream: &mut TcpStream, into: &mut [u8]) -> io::Result<Option<usize>> {
    loop {
        match stream.read(into) {
            Ok(length) => return Ok(Some(length)),
            Err(why) if why.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(why) if why.kind() == ErrorKind::Interrupted => {}
            Err(why) => return Err(why),
        }
    }
}
