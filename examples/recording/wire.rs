//! The network between the filmed client and the server, which can be broken.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::Result;

/// Passes on what a client and the server say to each other. Its threads end with the program.
pub(crate) struct Wire {
    /// Where clients connect to.
    pub(crate) port: u16,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    is_broken: AtomicBool,
    /// Both ends of each connection, so that they can be cut. The lock is held for no longer than a look at them.
    ends: Mutex<Vec<TcpStream>>,
}

impl Wire {
    /// A whole one, to the server at that port of this machine.
    pub(crate) fn to(server: u16) -> Result<Wire> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // Dropped, it is closed: what cannot be passed on looks to the client like a broken network.
                if !shared.is_broken.load(Ordering::SeqCst) {
                    connect(client, server, &shared).ok();
                }
            }
        });
        Ok(Wire { port, state })
    }

    /// Cuts all connections, and lets no new one through.
    pub(crate) fn breaks(&self) {
        self.state.is_broken.store(true, Ordering::SeqCst);
        let mut ends = self.state.ends.lock().unwrap_or_else(PoisonError::into_inner);
        for end in ends.drain(..) {
            end.shutdown(Shutdown::Both).ok();
        }
    }

    /// Lets new connections through again.
    pub(crate) fn is_mended(&self) {
        self.state.is_broken.store(false, Ordering::SeqCst);
    }
}

/// Joins a client to the server.
fn connect(client: TcpStream, server: u16, state: &State) -> Result<()> {
    let server = TcpStream::connect(("127.0.0.1", server))?;
    let ends = [client.try_clone()?, server.try_clone()?];
    state.ends.lock().unwrap_or_else(PoisonError::into_inner).extend(ends);
    let (from_client, from_server) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || pass_on(from_client, server));
    thread::spawn(move || pass_on(from_server, client));
    Ok(())
}

fn pass_on(mut from: TcpStream, mut to: TcpStream) {
    let mut bytes = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut bytes) {
        if to.write_all(&bytes[..length]).is_err() {
            break;
        }
    }
    to.shutdown(Shutdown::Write).ok();
}
