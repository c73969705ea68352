//! Clients that guess at a password, and say nothing else.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use mio::event::Event;
use mio::{Registry, Token};

use crate::link::{Link, Received};
use crate::running::Running;

/// What the poll tells of the first of them; those of the others follow.
pub const FIRST_GUESSER: usize = usize::MAX / 2;

/// How often each of them guesses: more often than the server answers while it is measured.
const GUESSES: usize = 20;

/// How long the server may take to keep the password.
const PATIENCE: Duration = Duration::from_secs(5);

/// Those who guess.
pub struct Guessers {
    /// Their connections; `None` where the server has ended one.
    links: Vec<Option<Link>>,
}

impl Guessers {
    /// So many clients that guess at the password of a name, which is made somebody's own before.
    pub fn new(
        count: usize,
        server: &Running,
        registry: &Registry,
        buffer: &mut [u8],
    ) -> io::Result<Guessers> {
        if count > 0 {
            let mut owner =
                Link::connect(server, "/nick owner\n/register a long password\n/quit\n")?;
            owner.settle(buffer, PATIENCE)?;
            let deadline = Instant::now() + PATIENCE;
            while !matches!(owner.read(buffer)?, Received::End) {
                if Instant::now() > deadline {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                thread::sleep(Duration::from_millis(1));
            }
        }
        let guesses: String = (0..GUESSES).map(|it| format!("/login owner guess {it}\n")).collect();
        let connect = |number| {
            // In the tagged form who is not let have a name does not join under another one.
            let mut link = Link::connect(server, &format!("/tags\n{guesses}"))?;
            link.register(registry, Token(FIRST_GUESSER + number))?;
            Ok(Some(link))
        };
        let links: io::Result<_> = (0..count).map(connect).collect();
        Ok(Guessers { links: links? })
    }

    /// Attends to the one with that token, until the server ends its connection.
    pub fn attend(&mut self, event: &Event, buffer: &mut [u8]) {
        let Some(place) = self.links.get_mut(event.token().0 - FIRST_GUESSER) else { return };
        let Some(link) = place else { return };
        if link.on_event(event).is_ok() {
            loop {
                match link.read(buffer) {
                    Ok(Received::Nothing) => return,
                    Ok(Received::Bytes { .. }) => {}
                    Ok(Received::End) | Err(_) => break,
                }
            }
        }
        *place = None;
    }
}
