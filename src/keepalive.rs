//! TCP keepalive: the system finds out whether a silent peer is still there. A peer whose cable was pulled never
//! says that it is gone.

use std::io;
use std::net::TcpStream;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};

/// How long a peer may be silent before the first probe, and the time between two probes.
const KEEPALIVE: TcpKeepalive =
    TcpKeepalive::new().with_time(Duration::from_secs(30)).with_interval(Duration::from_secs(10));

/// How many probes stay without an answer before the connection is given up: after about a minute in all.
const PROBES: u32 = 3;

/// Has the peer given up after about a minute without a sign of life.
///
/// # Errors
///
/// The socket takes no options, perhaps because its peer is gone already.
pub(crate) fn watch_for_loss(stream: &TcpStream) -> io::Result<()> {
    let socket = SockRef::from(stream);
    // Windows lets the number be chosen since 10 1703; before that it is 10.
    socket
        .set_tcp_keepalive(&KEEPALIVE.with_retries(PROBES))
        .or_else(|_| socket.set_tcp_keepalive(&KEEPALIVE))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_connection_is_watched_as_far_as_the_system_can() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let stream = TcpStream::connect(address).expect("it listens");
        watch_for_loss(&stream).expect("the peer is there");
        let socket = SockRef::from(&stream);
        assert!(socket.keepalive().expect("it can be asked"));
        #[cfg(unix)]
        {
            assert_eq!(socket.tcp_keepalive_time().expect("it can be asked").as_secs(), 30);
            assert_eq!(socket.tcp_keepalive_interval().expect("it can be asked").as_secs(), 10);
            assert_eq!(socket.tcp_keepalive_retries().expect("it can be asked"), 3);
        }
    }
}
