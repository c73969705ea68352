//! NATS's streams: how the one is made, and how a client becomes a consumer of it.
//!
//! Requests are JSON on subjects of the server's own, and the answers come to a subject that the request names.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use memchr::memmem;

/// How every client of NATS begins.
pub const CONNECT: &str = "CONNECT {\"verbose\":false,\"pedantic\":false,\"echo\":false}\r\n";

/// In the answer to who has become a consumer, and in no refusal.
pub const WELCOME: &[u8] = b"\"deliver_subject\"";

/// How long the stream may take to be there.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the `number`th client says first. Its lines come to a subject of its own; nothing is to be acknowledged, and
/// what was kept before is not delivered.
pub fn hello(number: usize) -> String {
    let consumer = format!(
        "{{\"stream_name\":\"room\",\"config\":{{\"deliver_subject\":\"to.{number}\",\
         \"deliver_policy\":\"new\",\"ack_policy\":\"none\",\"replay_policy\":\"instant\"}}}}"
    );
    let request = request("$JS.API.CONSUMER.CREATE.room", &format!("made.{number}"), &consumer);
    format!("{CONNECT}SUB to.{number} 1\r\nSUB made.{number} 2\r\n{request}")
}

/// Makes the stream: all that is published on the subject is kept in files.
pub fn make_stream(address: SocketAddr) -> io::Result<()> {
    let stream = "{\"name\":\"room\",\"subjects\":[\"room\"],\"storage\":\"file\"}";
    let request = request("$JS.API.STREAM.CREATE.room", "made", stream);
    let mut socket = TcpStream::connect_timeout(&address, PATIENCE)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.write_all(format!("{CONNECT}SUB made 1\r\n{request}").as_bytes())?;
    let mut answer = Vec::new();
    let mut some = [0; 4096];
    while memmem::find(&answer, b"\"did_create\":true").is_none() {
        let length = socket.read(&mut some)?;
        answer.extend_from_slice(&some[..length]);
        if length == 0 || memmem::find(&answer, b"\"error\"").is_some() {
            return Err(io::Error::other(String::from_utf8_lossy(&answer).into_owned()));
        }
    }
    Ok(())
}

/// A request that is answered on the subject `answer`.
fn request(subject: &str, answer: &str, json: &str) -> String {
    format!("PUB {subject} {answer} {}\r\n{json}\r\n", json.len())
}
