//! A client's connection: bytes out, bytes in, never waiting.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::time::{Duration, Instant};

use mio::event::Event;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

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
    stream: TcpStream,
    /// What is to be sent. Whoever adds to it calls `write`.
    pub out: Vec<u8>,
    /// How much of it was sent.
    out_at: usize,
    /// Whether the socket takes more, as far as is known.
    writable: bool,
    stay: Stay,
}

impl Link {
    /// Begins to connect, with what is to be said first.
    pub fn connect(address: SocketAddr, hello: &str) -> io::Result<Link> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        let out = hello.as_bytes().to_vec();
        Ok(Link { stream, out, out_at: 0, writable: false, stay: Stay::Stays })
    }

    /// Waits until everything is sent, where no poll tells of it.
    pub fn settle(&mut self, patience: Duration) -> io::Result<()> {
        let deadline = Instant::now() + patience;
        while !self.is_free() {
            if Instant::now() > deadline {
                return Err(ErrorKind::TimedOut.into());
            }
            std::thread::sleep(Duration::from_millis(1));
            self.writable = true;
            self.write()?;
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

    /// Whether it would take more at once.
    pub fn is_free(&self) -> bool {
        self.writable && self.out.is_empty()
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
        while self.writable && self.out_at < self.out.len() {
            match self.stream.write(&self.out[self.out_at..]) {
                Ok(length) => self.out_at += length,
                Err(why) if why.kind() == ErrorKind::WouldBlock => self.writable = false,
                Err(why) if why.kind() == ErrorKind::Interrupted => {}
                Err(why) => return Err(why),
            }
        }
        if self.out_at == self.out.len() {
            self.out.clear();
            self.out_at = 0;
        }
        if self.is_free() && self.stay == Stay::Leaves {
            self.stay = Stay::Left;
            self.stream.shutdown(Shutdown::Write)?;
        }
        Ok(())
    }

    /// Reads what has come, once.
    pub fn read(&mut self, into: &mut [u8]) -> io::Result<Received> {
        let room = into.len();
        Ok(match read_some(&mut self.stream, into)? {
            None => Received::Nothing,
            Some(0) => Received::End,
            Some(length) => Received::Bytes { length, is_all: length < room },
        })
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
