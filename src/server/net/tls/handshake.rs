//! The handshake with a client, before anything else is known of it.
//!
//! The client has shown nothing yet, so everything is bounded: the time in all, and what is read at once. The part
//! that computes is done by one thread of the server at a time, so that a storm of handshakes takes one processor
//! and not the one that sends.

use std::fmt;
use std::io::{self, ErrorKind};
use std::panic::resume_unwind;
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::Instant;

use rustls::server::{Accepted, Acceptor};
use rustls::{ServerConfig, ServerConnection};

use super::identity::Identity;
use super::{Incoming, Sink, Tls, flush};
use crate::problem::reason;
use crate::server::net::socket::Socket;
use crate::server::system::{Mutex, MutexGuard, instant};
use crate::tls;

/// How much of a stack a handshake may take, in bytes.
const STACK: usize = 256 * 1024;

/// Why there is no TLS with a client.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The connection has ended, or its time is up.
    Connection(io::Error),
    /// The two do not agree. The client has been told so.
    Handshake(rustls::Error),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Connection(why) if why.kind() == ErrorKind::TimedOut => {
                f.write_str("timed out")
            }
            Failure::Connection(why) if why.kind() == ErrorKind::UnexpectedEof => {
                f.write_str("the connection has ended")
            }
            Failure::Connection(why) => f.write_str(&reason(why)),
            Failure::Handshake(why) => why.fmt(f),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(why: io::Error) -> Failure {
        Failure::Connection(why)
    }
}

/// A handshake that goes on.
pub(crate) struct Handshake<'a> {
    /// The client's socket.
    socket: &'a Socket,
    /// When it must be over.
    deadline: Instant,
    /// Held by the one thread that computes.
    computing: &'a Mutex<()>,
    /// What the client has sent and the library has not read.
    incoming: Incoming,
}

impl<'a> Handshake<'a> {
    /// A handshake with a client that has sent `come` already, which must be over at `deadline`. `computing` is all
    /// handshakes' own.
    pub(crate) fn new(
        socket: &'a Socket,
        come: Vec<u8>,
        deadline: Instant,
        computing: &'a Mutex<()>,
    ) -> Handshake<'a> {
        Handshake { socket, deadline, computing, incoming: Incoming::new(come) }
    }

    /// Shakes hands as the server with that identity, on a thread of its own. What the library takes of a stack would
    /// stay with the session's thread for as long as that runs: 12 KB a client.
    // What is inlined into the caller stays with that thread, too.
    #[inline(never)]
    pub(in crate::server::net) fn run(self, identity: &Identity) -> Result<Tls, Failure> {
        thread::scope(|scope| {
            let thread = thread::Builder::new().name("handshake".to_owned()).stack_size(STACK);
            let shaking = thread.spawn_scoped(scope, || self.shake_hands(identity))?;
            shaking.join().unwrap_or_else(|panic| resume_unwind(panic))
        })
    }

    fn shake_hands(mut self, identity: &Identity) -> Result<Tls, Failure> {
        let accepted = self.hello()?;
        let mut connection = self.answer(accepted, identity)?;
        while connection.is_handshaking() {
            self.send(&mut connection)?;
            self.await_more()?;
            self.go_on(&mut connection)?;
        }
        self.send(&mut connection)?;
        Tls::new(connection, self.incoming).map_err(Failure::from)
    }

    /// Reads the client's first message.
    fn hello(&mut self) -> Result<Accepted, Failure> {
        let mut acceptor = Acceptor::default();
        loop {
            self.await_more()?;
            let _alone = alone(self.computing);
            acceptor.read_tls(&mut self.incoming)?;
            match acceptor.accept() {
                Ok(None) => {}
                Ok(Some(accepted)) => return Ok(accepted),
                Err((why, mut alert)) => {
                    alert.write_all(&mut Sink(self.socket)).ok();
                    return Err(Failure::Handshake(why));
                }
            }
        }
    }

    /// Answers that message.
    fn answer(&self, accepted: Accepted, identity: &Identity) -> Result<ServerConnection, Failure> {
        let config = fitting(identity.config(), &accepted);
        let _alone = alone(self.computing);
        accepted.into_connection(config).map_err(|(why, mut alert)| {
            alert.write_all(&mut Sink(self.socket)).ok();
            Failure::Handshake(why)
        })
    }

    /// Takes what has come.
    fn go_on(&mut self, connection: &mut ServerConnection) -> Result<(), Failure> {
        let _alone = alone(self.computing);
        connection.read_tls(&mut self.incoming)?;
        connection.process_new_packets().map(drop).map_err(|why| {
            // The client is told so, if the socket takes that.
            flush(connection, self.socket).ok();
            Failure::Handshake(why)
        })
    }

    /// Sends the server's part, for which a new connection's socket has room.
    fn send(&self, connection: &mut ServerConnection) -> Result<(), Failure> {
        flush(connection, self.socket)?;
        if connection.wants_write() {
            Err(io::Error::from(ErrorKind::TimedOut).into())
        } else {
            Ok(())
        }
    }

    /// Waits until something has come that was not read.
    fn await_more(&mut self) -> Result<(), Failure> {
        if !self.incoming.is_empty() {
            return Ok(());
        }
        let left = self.deadline.saturating_duration_since(instant());
        if left.is_zero() {
            return Err(io::Error::from(ErrorKind::TimedOut).into());
        }
        match self.incoming.fill(self.socket, Some(left))? {
            0 => Err(io::Error::from(ErrorKind::UnexpectedEof).into()),
            _ => Ok(()),
        }
    }
}

/// The configuration with which a client is answered. One that offers other protocols alone is not turned away for
/// that, as the library would do.
fn fitting(config: Arc<ServerConfig>, accepted: &Accepted) -> Arc<ServerConfig> {
    let offers_others_alone = accepted
        .client_hello()
        .alpn()
        .is_some_and(|mut offered| offered.all(|protocol| protocol != tls::ALPN));
    if !offers_others_alone {
        return config;
    }
    let mut without = ServerConfig::clone(&config);
    without.alpn_protocols.clear();
    Arc::new(without)
}

fn alone(computing: &Mutex<()>) -> MutexGuard<'_, ()> {
    computing.lock().unwrap_or_else(PoisonError::into_inner)
}
