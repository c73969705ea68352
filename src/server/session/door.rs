//! A client that comes when there is no place is told so, except for a member whose other connection is dead
//! without the server's knowledge: that member takes over its own place. The session's thread runs it.

use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::time::Duration;

use super::farewell::{LINGER, on_refused};
use super::input::Input;
use super::{Ending, Next, Phase, Session};
use crate::protocol::reply::Refusal;
use crate::protocol::request::{self, Request};
use crate::protocol::tag::Token;
use crate::server::net::transport::Received;
use crate::server::system::instant;

/// How long to wait for the bytes of a client that sends as soon as it is connected.
const WITH_IT: Duration = Duration::from_millis(50);

/// How much is read to see whether the client is a member that comes back, in bytes: `/tags`, and `/resume` with
/// its longest arguments.
const OPENING: usize = 128;

/// The first lines of a client without a place.
enum Opening {
    /// Not enough has come to tell.
    Unfinished,
    /// The client wants to go on as the member that has this token. The number is the length of the lines that say
    /// so, in bytes.
    Resume(Token, usize),
    /// The client wants anything else, or sends nothing more.
    Other,
}

impl Session {
    /// Turns the client away, which has sent `bytes`, unless it takes over a member's place or a place has become
    /// free. A member may ask before it is told that there is no place, and after that.
    pub(super) fn at_the_door(
        &mut self,
        input: &mut Input,
        mut bytes: Vec<u8>,
        why: &Refusal<'_>,
    ) -> Next {
        let first = self.read_opening(&mut bytes, WITH_IT);
        if !bytes.is_empty() {
            self.look_at_first_byte(&bytes)?;
        }
        if let Some(next) = self.comes_in(input, &first, &bytes) {
            return next;
        }
        self.connection.tell(why);
        if matches!(first, Opening::Unfinished) && self.may_anybody_come_back() {
            let second = self.read_opening(&mut bytes, LINGER);
            if matches!(second, Opening::Resume(..)) {
                if let Some(next) = self.comes_in(input, &second, &bytes) {
                    return next;
                }
                self.connection.tell(why);
            }
        }
        on_refused(&self.connection, why);
        self.phase = Phase::Gone;
        ControlFlow::Break(Ending::Leave)
    }

    /// Lets the client in, which has sent `bytes`: to a place that has become free, or to that of its own other
    /// connection. `None` if there is neither.
    fn comes_in(&mut self, input: &mut Input, opening: &Opening, bytes: &[u8]) -> Option<Next> {
        if self.takes_place_late() {
            self.greet();
            return Some(self.chunk(input, bytes));
        }
        match *opening {
            Opening::Resume(token, length) if self.may_come_back(token) => {
                self.come_back(input, bytes, length)
            }
            Opening::Resume(..) | Opening::Unfinished | Opening::Other => None,
        }
    }

    /// Whether the member with this token may resume here: where too many wait to be let in, each one may, and where
    /// the room is full, the one whose other connection has a place.
    fn may_come_back(&self, token: Token) -> bool {
        matches!(self.phase, Phase::Outside(_)) || self.hub.may_take_over(token)
    }

    /// Whether there may be such a member.
    fn may_anybody_come_back(&self) -> bool {
        matches!(self.phase, Phase::Outside(_)) || self.hub.may_be_taken_over()
    }

    /// Takes a place that has become free, if there is one; whether the client has a place now.
    fn takes_place_late(&mut self) -> bool {
        let Phase::Unnamed { permit, .. } = &mut self.phase else { return false };
        let is_seated = permit.take_late();
        if is_seated {
            self.visit = None;
        }
        is_seated
    }

    /// Lets a member in again, whose first `length` bytes ask for that; `None` if it is too late.
    fn come_back(&mut self, input: &mut Input, bytes: &[u8], length: usize) -> Option<Next> {
        self.greet();
        let next = self.chunk(input, &bytes[..length]);
        if !matches!(self.phase, Phase::Joined { .. }) {
            return None;
        }
        self.visit = None;
        Some(if next.is_continue() { self.chunk(input, &bytes[length..]) } else { next })
    }

    fn read_opening(&self, bytes: &mut Vec<u8>, wait: Duration) -> Opening {
        let until = instant() + wait;
        let mut buffer = [0; OPENING];
        loop {
            match opening_of(bytes) {
                Opening::Unfinished => {}
                opening => return opening,
            }
            let left = until.saturating_duration_since(instant());
            match self.connection.receive(&mut buffer, Some(left)) {
                Ok(Received::Bytes(length)) => bytes.extend_from_slice(&buffer[..length]),
                Err(why) if why.kind() == ErrorKind::TimedOut => {
                    return Opening::Unfinished;
                }
                Ok(Received::End | Received::Cut) | Err(_) => return Opening::Other,
            }
        }
    }
}

fn opening_of(bytes: &[u8]) -> Opening {
    let mut lines = bytes.split_inclusive(|&byte| byte == b'\n');
    let (first, second) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let is_whole = |line: &[u8]| line.ends_with(b"\n");
    let request =
        |line| str::from_utf8(line).ok().map(|line: &str| request::parse(line.trim_end()));
    if is_whole(first) && request(first) != Some(Ok(Request::Tags)) {
        return Opening::Other;
    }
    if !is_whole(second) {
        return if bytes.len() < OPENING { Opening::Unfinished } else { Opening::Other };
    }
    match request(second) {
        Some(Ok(Request::Resume(token, _))) => Opening::Resume(token, first.len() + second.len()),
        _ => Opening::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_says_that_it_comes_back_is_told_from_everybody_else() {
        let token = "00112233445566778899aabbccddeeff";
        let resume = format!("/tags\r\n/resume {token} 7\n");
        for cut in 0..resume.len() {
            let opening = opening_of(&resume.as_bytes()[..cut]);
            assert!(matches!(opening, Opening::Unfinished), "{cut}");
        }
        let more = format!("{resume}hello\n");
        let opening = opening_of(more.as_bytes());
        assert!(matches!(opening, Opening::Resume(_, length) if length == resume.len()));
        for other in [
            "hello\n",
            "\n/tags\n",
            "/tags\n/nick alice\n",
            "/tags\n/resume x 7\n",
            &format!("/resume {token} 7\n/tags\n"),
            &"x".repeat(OPENING),
        ] {
            assert!(matches!(opening_of(other.as_bytes()), Opening::Other), "{other}");
        }
    }
}
