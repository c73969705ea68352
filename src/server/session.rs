//! One client's thread: reads its socket, has the bytes split into lines (`input`), and acts on them
//! (`dispatch`, `requests`).
//!
//! It never writes to another client's socket, and to its own only before the client is in the
//! room. What it appends to the room, it appends once a chunk.

use std::convert::Infallible;
use std::io::ErrorKind;
use std::mem;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use super::account::Account;
use super::chunk::Chunk;
use super::connection::{CloseReason, Connection, is_gone};
use super::hub::Hub;
use super::hub::membership::Membership;
use super::hub::permit::Permit;
use super::hub::visit::Visit;
use super::net::transport::Received;
use super::secrets::Secrets;
use crate::protocol::name::Name;
use crate::protocol::reply::{LeaveReason, Offer};
use crate::protocol::tag::Format;
use input::Input;
use owning::Given;
use proof::Proof;
use screening::Screening;
use threshold::Outside;

mod dispatch;
mod door;
pub(super) mod farewell;
#[cfg(any(all(test, not(shuttle)), fuzzing))]
pub(crate) mod fuzzing;
mod haste;
mod input;
mod keyboard;
mod login;
mod owning;
mod proof;
mod rate_limit;
mod requests;
mod screening;
mod secrets;
pub(super) mod threshold;

/// The first size of the buffer that a client is read into, in bytes: more than most lines have, and little for a
/// thousand clients who only listen. It grows for one that sends a lot.
const SMALL_READ: usize = 512;

/// The last size of that buffer, in bytes.
const LARGE_READ: usize = 64 * 1024;

/// A line at which a session panics in the tests of this library, without the room's lock.
#[cfg(test)]
pub(super) const PANIC: &str = "panic";

/// The same with the room's lock.
#[cfg(test)]
pub(super) const PANIC_LOCKED: &str = "panic with the lock";

/// A client's session.
#[derive(Debug)]
pub(crate) struct Session {
    /// The client's connection, which the broadcaster writes to.
    connection: Arc<Connection>,
    /// The hub that all sessions share.
    hub: Arc<Hub>,
    /// What secrets are checked with, which all sessions share.
    secrets: Arc<Secrets>,
    /// Where the client stands in the room.
    phase: Phase,
    /// How far the proof of the client's key is; closed as soon as its name is settled.
    proof: Proof,
    /// The visit of a client that came when there was no place; held until it has one, or is shown out.
    visit: Option<Visit>,
    /// How many of the client's lines have been read, over all of its connections: receipts name them so.
    lines_read: u64,
    /// The number of the line that is being acted on, if it is one that counts: what the client is told meanwhile
    /// answers that.
    answers: Option<u64>,
    /// Whether that line has become an event, for which its author gets a receipt.
    has_receipt: bool,
    /// Up to where the input is looked at for another protocol.
    screening: Screening,
    /// Whether the first byte of the client's input has come, and was looked at.
    has_begun: bool,
    /// The last name that the client was refused.
    refused: Option<Name>,
    /// How the client is greeted.
    greeting: Greeting,
    /// What the client may bring.
    limits: Limits,
    /// How much of that it has used up.
    account: Account,
    /// What the client has shown to have a name of its own, or to be let in.
    given: Given,
    /// How many wrong guesses at a password the client has made.
    wrong: u32,
    /// Events and answers that are not yet appended to the room.
    gathered: Chunk,
}

/// How a client is greeted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Greeting {
    /// What the banner offers.
    pub(crate) offer: Offer,
    /// For how long the client has been silent before its banner; the session takes it off its first wait, once.
    pub(crate) waited: Duration,
}

/// What a client may bring.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// The longest line, in bytes.
    pub(crate) line: usize,
    /// Lines a second, for long; 0 is no limit.
    pub(crate) rate: u32,
    /// For how long the lines of a client that is gone are still said. Its place is nobody else's until then.
    pub(crate) last_words: Duration,
}

/// Where a client stands in the room.
#[derive(Debug)]
pub(super) enum Phase {
    /// It is not let in yet: it is to show first that it may come in.
    Outside(Outside),
    /// It has no name yet.
    Unnamed {
        /// Its place, or the reason why there is none.
        permit: Permit,
        /// How it gets its lines; `/tags` changes it.
        format: Format,
    },
    /// It is in the room.
    Joined {
        /// What it does there.
        member: Membership,
        /// It is a guest for its silence alone, in the plain form, and has asked for the tagged one since. Its
        /// next line decides: `/resume` makes it the member that it was before, and anything else, or silence,
        /// makes it a tagged guest.
        is_late: bool,
    },
    /// It has left, or never joined.
    Gone,
}

impl Phase {
    /// That of a client with a permit, or without one for the reason in it, which has said nothing yet.
    pub(super) fn unnamed(permit: Permit) -> Phase {
        Phase::Unnamed { permit, format: Format::Plain }
    }
}

/// How the reading of a client ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// The client has left, or is not let in: the connection is closed when all is delivered.
    Leave,
    /// The input has ended, or the rest of it is not read: the server has hung up, or the client is lost.
    InputOver,
    /// The same, but of the last line more may have been sent than has come.
    CutOff,
    /// Reading has failed, and the client may be there.
    Failed,
}

/// Whether the session goes on.
type Next = ControlFlow<Ending>;

/// The session goes on.
const GO_ON: Next = ControlFlow::Continue(());

impl Session {
    pub(crate) fn new(
        connection: Arc<Connection>,
        hub: Arc<Hub>,
        secrets: Arc<Secrets>,
        phase: Phase,
        visit: Option<Visit>,
        greeting: Greeting,
        limits: Limits,
    ) -> Session {
        let account = Account::open(&hub, connection.peer().ip(), limits.rate);
        Session {
            connection,
            hub,
            secrets,
            phase,
            proof: Proof::Closed,
            visit,
            lines_read: 0,
            answers: None,
            has_receipt: false,
            screening: Screening::FirstLine,
            has_begun: false,
            refused: None,
            greeting,
            limits,
            account,
            given: Given::default(),
            wrong: 0,
            gathered: Chunk::default(),
        }
    }

    /// Serves the client, of whose input `come` has come already, until it leaves.
    // In a box: each move of it on the stack would stay with the thread for as long as that is there.
    pub(crate) fn run(mut self: Box<Self>, come: &[u8]) {
        let mut input = Input::new(self.limits.line);
        let ControlFlow::Break(ending) = self.serve(&mut input, come);
        match ending {
            Ending::Leave => self.show_out(),
            Ending::InputOver => self.end_of_input(&mut input, false),
            Ending::CutOff => self.end_of_input(&mut input, true),
            Ending::Failed => self.lose(LeaveReason::ConnectionLost),
        }
    }

    /// Greets the client, and reads it until the session ends.
    fn serve(&mut self, input: &mut Input, come: &[u8]) -> ControlFlow<Ending, Infallible> {
        self.begin(input, come)?;
        let mut buffer = vec![0; SMALL_READ];
        let mut reads = 0;
        loop {
            let waited = mem::take(&mut self.greeting.waited);
            let timeout = self.timeout(input).map(|timeout| timeout.saturating_sub(waited));
            match self.connection.receive(&mut buffer, timeout) {
                Ok(Received::End) => return ControlFlow::Break(Ending::InputOver),
                Ok(Received::Cut) => return ControlFlow::Break(Ending::CutOff),
                Ok(Received::Bytes(n)) => {
                    self.look_at_first_byte(&buffer[..n])?;
                    let n = self.take_in(&mut buffer, n, reads);
                    reads += 1;
                    self.chunk(input, &buffer[..n])?;
                    grow_if_full(&mut buffer, n);
                }
                Err(why) if why.kind() == ErrorKind::TimedOut && timeout.is_some() => {
                    self.on_silence(input)?;
                }
                Err(why) if is_gone(&why) => {
                    self.connection.mark_gone(&why);
                    return ControlFlow::Break(Ending::InputOver);
                }
                Err(_) => return ControlFlow::Break(Ending::Failed),
            }
        }
    }

    /// Appends what was gathered, and tells the room how many lines were read.
    fn append(&mut self) {
        if let Phase::Joined { member, .. } = &mut self.phase
            && (!self.gathered.is_empty() || member.has_uncounted(self.lines_read))
        {
            member.append(&mut self.gathered, self.lines_read);
        }
        self.gathered.clear();
    }

    /// Called when the client is gone, or sends nothing more, or the server has hung up.
    fn end_of_input(mut self: Box<Self>, input: &mut Input, may_be_cut: bool) {
        let how = match self.connection.close_reason() {
            None => self.finish_input(input, may_be_cut),
            Some(CloseReason::TooSlow) => LeaveReason::TooSlow,
            Some(CloseReason::Broken | CloseReason::ShuttingDown | CloseReason::TakenOver) => {
                LeaveReason::ConnectionLost
            }
        };
        self.lose(how);
    }

    fn lose(mut self: Box<Self>, how: LeaveReason<'_>) {
        self.account.settle();
        debug_assert!(self.gathered.is_empty() || self.hub.is_closing());
        match self.phase {
            Phase::Joined { member, .. } => member.lose(how, self.lines_read),
            // Before the connection, so that a client that sees that closed finds the place free.
            Phase::Unnamed { permit, .. } => drop(permit),
            Phase::Outside(outside) => drop(outside),
            Phase::Gone => {}
        }
    }
}

/// Makes the buffer larger, up to a limit, if a client has filled it with `n` bytes.
fn grow_if_full(buffer: &mut Vec<u8>, n: usize) {
    if n == buffer.len() && n < LARGE_READ {
        buffer.resize(LARGE_READ.min(n * 4), 0);
    }
}
