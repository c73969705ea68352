//! One client's thread: reads its socket, splits off the lines, and does what they ask for
//! (`requests`).
//!
//! It never writes to another client's socket, and to its own only before the client is in the
//! room. What it appends to the room, it appends once a chunk.

use crate::protocol::tag::Format;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::account::Account;

use super::chunk::Chunk;
use super::connection::{CloseReason, Connection, is_gone};
use super::hub::Hub;
use super::hub::membership::Membership;
use super::hub::permit::Permit;
use super::hub::visit::Visit;
use super::kinds::TURNED_AWAY;
use super::system::instant;
use crate::protocol::lines::{Line, LineSplitter};
use crate::protocol::reply::{self, LeaveReason, Refusal};
use crate::protocol::request::{self, Command, Misuse, Request};
use crate::protocol::telnet::{Decoder, Piece};
use crate::protocol::text::{is_blank, make_safe, make_safe_as_typed};
use keyboard::Arrival;
use login::End;

mod door;
#[cfg(any(all(test, not(shuttle)), fuzzing))]
pub(crate) mod fuzzing;
mod haste;
mod keyboard;
mod login;
mod rate_limit;
mod requests;

/// The first size of the buffer that a client is read into: more than most lines have, and little
/// for a thousand clients who only listen. It grows for one that sends a lot.
const SMALL_READ: usize = 512;

/// The last size of that buffer.
const LARGE_READ: usize = 64 * 1024;

/// How long a client that is shown out may take in all to read what it was told, and how much more it
/// may send meanwhile, before the connection is closed under it.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_READS: usize = 64;
const LINGER_READ: usize = 2 * 1024;

/// Lines at which a session panics in the tests of this library, without the room's lock and with it.
#[cfg(test)]
pub(super) const PANIC: &str = "panic";
#[cfg(test)]
pub(super) const PANIC_LOCKED: &str = "panic with the lock";

/// A client's session.
#[derive(Debug)]
pub(crate) struct Session {
    /// What it reads.
    connection: Arc<Connection>,
    /// What all sessions share.
    hub: Arc<Hub>,
    /// Where the client stands in the room.
    phase: Phase,
    /// With what it is here while it has no place.
    visit: Option<Visit>,
    /// How this client gets its lines.
    format: Format,
    /// How many of its lines have been read, over all of its connections: receipts name them so.
    counted: u64,
    /// Takes telnet's commands out of what comes.
    telnet: Decoder,
    /// Splits the rest.
    lines: LineSplitter,
    /// What the client may bring.
    limits: Limits,
    /// How much of that it has used up.
    account: Account,
    /// How many bytes have come of the current line, with its end, and were not charged for yet.
    begun: usize,
    /// What is not yet appended to the room.
    gathered: Chunk,
    /// How what stands of the current line has come.
    arrival: Arrival,
    /// It has sent single keys: those that edit do so.
    is_keyboard: bool,
    /// Whether the first line is still to come, of those that are not blank.
    expects_first: bool,
    /// Whether the first such line is still to come that ends in a newline.
    expects_newline: bool,
    /// It is a guest for its silence alone, in the plain form, and has asked for the tagged one since:
    /// it may be somebody who comes back, or else gets it with what it does next.
    is_late: bool,
}

/// What a client may bring.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// The longest line, in bytes.
    pub(crate) line: usize,
    /// Lines a second, for long; 0 is no limit.
    pub(crate) rate: u32,
    /// For how long it is said what the client has sent, once it is gone. Its place is nobody else's until
    /// then.
    pub(crate) last_words: Duration,
}

/// Where a client stands in the room.
#[derive(Debug)]
enum Phase {
    /// It has a place and no name yet.
    Permitted(Permit),
    /// It is in the room.
    Joined(Membership),
    /// It has left, or never joined.
    Gone,
}

/// Whether the session goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    GoOn,
    /// Leave, and close the connection when all is delivered.
    Leave,
    /// The server has hung up on a client that brings more than it may: the rest is not read.
    Lose,
}

impl Session {
    pub(crate) fn new(
        connection: Arc<Connection>,
        hub: Arc<Hub>,
        permit: Permit,
        visit: Option<Visit>,
        limits: Limits,
    ) -> Session {
        let account = Account::open(&hub, connection.peer().ip(), limits.rate);
        Session {
            connection,
            hub,
            phase: Phase::Permitted(permit),
            visit,
            format: Format::Plain,
            counted: 0,
            telnet: Decoder::default(),
            lines: LineSplitter::with_universal_newlines(limits.line),
            limits,
            account,
            begun: 0,
            gathered: Chunk::default(),
            arrival: Arrival::Nothing,
            is_keyboard: false,
            expects_first: true,
            expects_newline: true,
            is_late: false,
        }
    }

    /// Serves the client until it leaves. In a box: each move of it on the stack would stay with the
    /// thread for as long as that is there.
    pub(crate) fn run(mut self: Box<Self>) {
        match self.begin() {
            Next::GoOn => {}
            Next::Leave => return self.show_out(),
            Next::Lose => return self.end_of_input(),
        }
        let mut buffer = vec![0; SMALL_READ];
        let mut reads = 0;
        loop {
            match self.connection.receive(&mut buffer, self.timeout()) {
                Ok(0) => return self.end_of_input(),
                Ok(n) => {
                    let n = self.take_in(&mut buffer, n, reads);
                    reads += 1;
                    match self.chunk(&buffer[..n]) {
                        Next::GoOn => {}
                        Next::Leave => return self.show_out(),
                        Next::Lose => return self.end_of_input(),
                    }
                    grow_if_full(&mut buffer, n);
                }
                Err(e) if e.kind() == io::ErrorKind::TimedOut && self.timeout().is_some() => {
                    if self.silence() == Next::Leave {
                        return self.show_out();
                    }
                }
                Err(why) if is_gone(&why) => {
                    self.connection.mark_gone(&why);
                    return self.end_of_input();
                }
                Err(_) => return self.lose(LeaveReason::ConnectionLost),
            }
        }
    }

    fn chunk(&mut self, mut chunk: &[u8]) -> Next {
        let mut next = Next::GoOn;
        while next == Next::GoOn
            && let Some(piece) = self.telnet.next(&mut chunk)
        {
            next = self.piece(piece);
        }
        self.append();
        next
    }

    fn piece(&mut self, piece: Piece<'_>) -> Next {
        match piece {
            Piece::Text(text) => self.text(text),
            Piece::Key(key) => {
                self.is_keyboard = true;
                self.text(&[key])
            }
            Piece::Request(request) => self.within_limits(|session| session.telnet(request)),
        }
    }

    fn text(&mut self, text: &[u8]) -> Next {
        let goes_on = self.lines.is_mid_line();
        let mut next = if goes_on { self.go_on(text) } else { Next::GoOn };
        let mut lines = std::mem::replace(&mut self.lines, LineSplitter::new(0));
        let (mut rest, mut has_split) = (text, false);
        while next == Next::GoOn {
            let before = rest.len();
            let line = lines.next(&mut rest);
            self.begun += before - rest.len();
            let Some(line) = line else { break };
            has_split = true;
            next = self.within_limits(|session| {
                session.charge_for(&line);
                session.line(&line, End::Newline)
            });
        }
        self.lines = lines;
        if next == Next::GoOn && self.lines.is_skipping() {
            next = self.charge_for_skipped();
        }
        if next != Next::GoOn || !self.lines.is_mid_line() {
            return next;
        }
        match (goes_on, has_split) {
            (_, true) => self.arrival = Arrival::AtOnce,
            (false, false) => self.arrival = Arrival::Nothing.and(text),
            (true, false) => {}
        }
        self.look_at_beginning()
    }

    /// More has come of a line that has begun.
    fn go_on(&mut self, text: &[u8]) -> Next {
        if self.arrival.is_message_before(text) && !self.lines.has_seen_end() {
            let next = self.finish_line();
            self.arrival = Arrival::Nothing.and(text);
            return next;
        }
        self.arrival = self.arrival.and(text);
        self.is_keyboard |= self.arrival == Arrival::KeyByKey;
        Next::GoOn
    }

    /// The client is gone, or sends nothing more, or the server has hung up.
    fn end_of_input(mut self: Box<Self>) {
        let how = match self.connection.close_reason() {
            None => self.finish_input(),
            Some(CloseReason::TooSlow) => LeaveReason::TooSlow,
            Some(CloseReason::Broken | CloseReason::ShuttingDown | CloseReason::TakenOver) => {
                LeaveReason::ConnectionLost
            }
        };
        self.lose(how);
    }

    fn line(&mut self, line: &Line<'_>, end: End) -> Next {
        if let Some(foreign) = self.foreign(line, end) {
            return self.turn_away(foreign);
        }
        let (Line::Whole(bytes) | Line::TooLong(bytes)) = *line;
        let text = if self.is_keyboard { make_safe_as_typed(bytes) } else { make_safe(bytes) };
        if is_blank(&text) && matches!(line, Line::Whole(_)) {
            self.count(&text);
            return Next::GoOn;
        }
        #[cfg(test)]
        self.break_down(&text);
        self.expects_newline &= end == End::Silence;
        let is_first = std::mem::replace(&mut self.expects_first, false);
        match line {
            Line::Whole(_) if is_first && request::parse(&text) == Ok(Request::Tags) => self.tags(),
            Line::Whole(_) => {
                let request = request::parse(&text);
                if !is_resume(&request) {
                    self.end_lateness();
                }
                if acts_by_itself(&request) {
                    // So that the room never takes this line to be done before it is.
                    self.append();
                }
                self.count(&text);
                self.request(request)
            }
            Line::TooLong(_) => {
                self.end_lateness();
                self.count("");
                self.answer(&Refusal::LineTooLong(self.limits.line));
                Next::GoOn
            }
        }
    }

    /// To see what becomes of the others.
    #[cfg(test)]
    fn break_down(&self, text: &str) {
        assert_ne!(text, PANIC);
        self.hub.break_down(text, PANIC_LOCKED);
    }

    fn count(&mut self, line: &str) {
        self.counted += u64::from(request::is_counted(line));
    }

    /// A client that was late stays who it is.
    fn end_lateness(&mut self) {
        if !std::mem::take(&mut self.is_late) {
            return;
        }
        self.append();
        if let Phase::Joined(member) = &mut self.phase {
            self.format = Format::Tagged;
            member.tag(self.counted);
        }
    }

    fn append(&mut self) {
        if let Phase::Joined(member) = &mut self.phase
            && (!self.gathered.is_empty() || member.has_uncounted(self.counted))
        {
            member.append(&mut self.gathered, self.counted);
        }
        self.gathered.clear();
    }

    fn lose(mut self: Box<Self>, how: LeaveReason<'_>) {
        self.account.settle();
        debug_assert!(self.gathered.is_empty() || self.hub.is_closing());
        match self.phase {
            Phase::Joined(member) => member.lose(how, self.counted),
            // Before the connection, so that whoever sees that closed finds the place free.
            Phase::Permitted(permit) => drop(permit),
            Phase::Gone => {}
        }
    }

    /// The client has been told all that it is told, and has given its place back.
    fn show_out(self: Box<Self>) {
        let visit = Visit::of_leaver(&self.hub, self.connection.peer().ip());
        linger(&self.connection, if visit.is_some() { LINGER } else { Duration::ZERO });
    }
}

/// Makes the buffer larger, up to a limit, if a client has filled it with `n` bytes.
fn grow_if_full(buffer: &mut Vec<u8>, n: usize) {
    if n == buffer.len() && n < LARGE_READ {
        buffer.resize(LARGE_READ.min(n * 4), 0);
    }
}

fn is_resume(request: &Result<Request<'_>, Misuse<'_>>) -> bool {
    matches!(request, Ok(Request::Resume(..)) | Err(Misuse::Arguments(Command::Resume)))
}

/// Whether it is done under the room's lock at once, and not appended with the rest of the chunk.
fn acts_by_itself(request: &Result<Request<'_>, Misuse<'_>>) -> bool {
    use Request::{Quit, Rename, Whisper};
    matches!(request, Ok(Whisper { .. } | Rename(_) | Quit(_)))
}

/// Tells a client that it is not let in, and that nothing more comes.
fn refuse(connection: &Connection, why: &Refusal<'_>) {
    connection.tell(why);
    on_refused(connection, why);
}

/// Logs that a client was told so, and lets it know that nothing more comes.
fn on_refused(connection: &Connection, why: &Refusal<'_>) {
    let (peer, words) = (connection.peer(), why.to_string());
    log::warn!(target: TURNED_AWAY, "{peer} was refused: {}", reply::words(&words));
    connection.finish();
}

/// Reads on for `timeout` at most and throws it away: closing a connection with unread bytes would
/// reset it, and the client would lose what it was told last.
fn linger(connection: &Connection, timeout: Duration) {
    let until = instant() + timeout;
    let mut discarded = [0; LINGER_READ];
    for _ in 0..LINGER_READS {
        let left = until.saturating_duration_since(instant());
        if !matches!(connection.receive(&mut discarded, Some(left)), Ok(1..)) {
            break;
        }
    }
}
