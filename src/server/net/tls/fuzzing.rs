//! Any records from a client, through the server's framing.

use std::net::TcpStream;
use std::time::Duration;

use super::{Incoming, Received, Tls};
use crate::server::net::socket::Socket;
use crate::tls::fuzzing::{Over, Script, Shaken};

/// How much of a client's lines is taken at once, in bytes: little, so that records are taken in parts.
const TAKEN: usize = 100;

/// A script of a client's, and what is received of it when it comes in pieces of that size: the pieces of plaintext and
/// how it ends. `stream` is a connection on which the server's alerts can be sent.
pub(crate) fn receive(data: &[u8], size: usize, stream: TcpStream) -> (Script, Vec<Vec<u8>>, Over) {
    let Shaken { server, mut by_client, .. } = Shaken::new();
    let script = by_client.play(data);
    let socket = Socket::new(stream, Duration::from_secs(1)).expect("an open socket");
    let tls = Tls::new(server, Incoming::new(Vec::new())).expect("its handshake is over");
    let (chunks, over) = chunks(&tls, &socket, &script.wire, size);
    script.assert_becomes(&chunks.concat(), over);
    (script, chunks, over)
}

fn chunks(tls: &Tls, socket: &Socket, wire: &[u8], size: usize) -> (Vec<Vec<u8>>, Over) {
    let (mut chunks, mut into) = (Vec::new(), [0; TAKEN]);
    for piece in wire.chunks(size) {
        let mut incoming = Incoming::new(piece.to_vec());
        // What has failed stays so, whatever comes then.
        loop {
            match tls.decrypt(socket, &mut incoming, &mut into) {
                Ok(None) => break,
                Ok(Some(Received::Bytes(length))) => {
                    assert!((1..=TAKEN).contains(&length), "{length} bytes");
                    chunks.push(into[..length].to_vec());
                }
                Ok(Some(Received::End)) => return (chunks, Over::Told),
                Ok(Some(Received::Cut)) => unreachable!("nobody has cut it"),
                Err(_) => return (chunks, Over::Broken),
            }
        }
    }
    (chunks, Over::Cut)
}
