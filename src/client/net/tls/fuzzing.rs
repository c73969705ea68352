//! Any records from a server, through the client's framing.

use super::{Incoming, Received, Tls};
use crate::tls::fuzzing::{Over, Shaken};

/// How much of a server's lines is taken at once, in bytes: little, so that records are taken in parts.
const TAKEN: usize = 100;

/// A script of a server's, of which the first byte says into how large pieces its records are cut.
///
/// # Panics
///
/// Something else has come of it than it says.
pub fn records(data: &[u8]) {
    let Some((&size, data)) = data.split_first() else { return };
    let Shaken { client, mut by_server, .. } = Shaken::new();
    let script = by_server.play(data);
    let tls = Tls::new(client).expect("its handshake is over");
    let (plain, over) = received(&tls, &script.wire, usize::from(size) + 1);
    script.assert_becomes(&plain, over);
}

fn received(tls: &Tls, wire: &[u8], size: usize) -> (Vec<u8>, Over) {
    let (mut plain, mut into) = (Vec::new(), [0; TAKEN]);
    for piece in wire.chunks(size) {
        let (bytes, end) = (piece.to_vec(), piece.len());
        let mut arriving = Incoming { bytes, begin: 0, end, failed: None };
        loop {
            match tls.take(&mut arriving, &mut into) {
                Ok(None) => break,
                Ok(Some(Received::Bytes(length))) => plain.extend_from_slice(&into[..length]),
                Ok(Some(Received::End)) => return (plain, Over::Told),
                Ok(Some(Received::Cut)) => unreachable!("nobody has cut it"),
                Err(_) => return (plain, Over::Broken),
            }
        }
    }
    (plain, Over::Cut)
}
