//! All before a name is settled: what is our protocol and what is not, when silence means something,
//! and joining.

use crate::protocol::tag::Format;
use std::mem;
use std::net::SocketAddr;
use std::time::Duration;

use super::keyboard::Silence;
use super::{Next, Phase, Session};
use crate::protocol::GRACE;
use crate::protocol::foreign::{self, Foreign};
use crate::protocol::lines::Line;
use crate::protocol::name::Name;
use crate::protocol::proxy;
use crate::protocol::reply::{Notice, Refusal};
use crate::server::account::Account;

use crate::server::connection::Connection;
use crate::server::hub::permit::Admitted;
use crate::server::kinds::{CAME_OR_WENT, TURNED_AWAY};
use crate::server::rendering::tag;
use crate::server::system::{instant, now};

/// How a line has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// As lines end; one that is too long need not have.
    Newline,
    /// Nothing more has come for a while, or nothing more comes.
    Silence,
}

/// How long a proxy may take to send its header. Its protocol wants 3 s at least, in which a packet that
/// was lost comes again.
const HEADER_WAIT: Duration = Duration::from_secs(5);

/// How much of a header is read at once, in bytes: nearly always all of it.
const HEADER_READ: usize = 512;

/// Why there is no header.
enum NoHeader {
    /// Nothing has come, and nothing more comes.
    Gone,
    /// Something else has come, or not enough in time.
    Other,
}

impl Session {
    /// Greets the client, once it is known where it is.
    pub(super) fn begin(&mut self) -> Next {
        let behind = match self.pass_header() {
            Ok(behind) => behind,
            Err(next) => {
                self.phase = Phase::Gone;
                return next;
            }
        };
        if let Phase::Permitted(permit) = &self.phase
            && let Some(why) = permit.why_missing().cloned()
        {
            return self.at_the_door(behind, &why);
        }
        self.connection.tell(Notice::Banner);
        if behind.is_empty() { Next::GoOn } else { self.chunk(&behind) }
    }

    /// Takes a proxy's header off the front, and counts the client for its own address; what has come
    /// behind that.
    ///
    /// # Errors
    ///
    /// What is to become of a client that is not let in, and has been told so.
    fn pass_header(&mut self) -> Result<Vec<u8>, Next> {
        let Phase::Permitted(permit) = &mut self.phase else { return Ok(Vec::new()) };
        if !permit.is_proxys() {
            return Ok(Vec::new());
        }
        let by = self.connection.peer();
        let (client, behind) = read_header(&self.connection).map_err(|why| match why {
            NoHeader::Gone => Next::Lose,
            NoHeader::Other => refuse(&self.connection, &Refusal::NoProxyHeader),
        })?;
        // Otherwise it is the proxy itself, or somebody whom it does not know.
        if let Some(client) = client {
            self.connection.set_client(client);
            log::debug!("{} comes by way of {by}", self.connection.peer());
            let from = self.connection.peer().ip();
            permit.count_for(from);
            self.account = Account::open(&self.hub, from, self.limits.rate);
        }
        Ok(behind)
    }

    /// How long to wait for more before that means something.
    pub(super) fn timeout(&self) -> Option<Duration> {
        let is_unnamed = matches!(self.phase, Phase::Permitted(_));
        if self.may_be_message() {
            return self.arrival.timeout(!is_unnamed);
        }
        (is_unnamed || self.is_late).then_some(GRACE)
    }

    /// Whether what stands unfinished may be all that comes: until a newline has come, a client may be
    /// one that sends none.
    fn may_be_message(&self) -> bool {
        !self.lines.has_seen_end() && self.lines.is_mid_line()
    }

    /// Nothing came for a while: what stands is a line, and a client that says nothing is a guest.
    pub(super) fn silence(&mut self) -> Next {
        if self.may_be_message() {
            match self.arrival.on_silence() {
                Silence::Wait => return Next::GoOn,
                Silence::Message => return self.finish_line(),
                // So that it sees what happens in the room meanwhile.
                Silence::Typing => {}
            }
        }
        self.join(None, self.counted);
        self.end_lateness();
        self.append();
        Next::GoOn
    }

    /// Takes what stands for a line.
    pub(super) fn finish_line(&mut self) -> Next {
        // A byte that might have begun a command of telnet's has not.
        let rest = self.telnet.finish();
        let mut next = if rest.is_empty() { Next::GoOn } else { self.text(rest) };
        if next == Next::GoOn
            && let Some(line) = self.lines.finish().map(<[u8]>::to_vec)
        {
            let line = Line::Whole(&line);
            self.charge_for(&line);
            next = self.line(&line, End::Silence);
        }
        self.append();
        next
    }

    /// What other protocol the client speaks, if its first line says so.
    ///
    /// That is the first one that is not blank, and the first such one that ends in a newline: of a
    /// request, only the beginning may have come before a pause.
    pub(super) fn foreign(&self, line: &Line<'_>, end: End) -> Option<Foreign> {
        match (line, end) {
            (Line::Whole(line), End::Newline) if self.expects_newline => foreign::of_line(line),
            (Line::TooLong(line), _) if self.expects_newline => foreign::of_too_long(line),
            (Line::Whole(line), End::Silence) if self.expects_first => foreign::of_unfinished(line),
            (Line::Whole(_) | Line::TooLong(_), _) => None,
        }
    }

    /// The same before the first line has ended: some protocols have no lines.
    pub(super) fn look_at_beginning(&mut self) -> Next {
        if self.expects_first
            && let Some(foreign) = foreign::of_bytes(self.lines.beginning())
        {
            return self.turn_away(foreign);
        }
        Next::GoOn
    }

    /// A web page must not be able to post into a room on its reader's machine, and nobody in a room has
    /// any use for what another protocol says.
    pub(super) fn turn_away(&mut self, foreign: Foreign) -> Next {
        let (peer, why) = (self.connection.peer(), foreign.description());
        log::warn!(target: TURNED_AWAY, "{peer} was turned away: {why}");
        let refusal = Refusal::Foreign(foreign);
        match self.phase {
            Phase::Permitted(_) => self.connection.tell(refusal),
            Phase::Joined(_) | Phase::Gone => self.answer(&refusal),
        }
        self.append();
        self.quit("")
    }

    /// A client whose first line comes only when it is in the room already is far away, or waited.
    pub(super) fn tags(&mut self) -> Next {
        match self.phase {
            Phase::Permitted(_) => self.format = Format::Tagged,
            Phase::Joined(_) => self.is_late = true,
            Phase::Gone => {}
        }
        Next::GoOn
    }

    /// Whether a name can be asked for again: in the tagged form, until there is one.
    pub(super) fn has_open_name(&self) -> bool {
        self.format == Format::Tagged && matches!(self.phase, Phase::Permitted(_))
    }

    /// Tells a client that it does not get the name it wants. In the tagged form it may ask for
    /// another one.
    pub(super) fn refuse_name(&mut self, refusal: &Refusal<'_>) {
        if self.has_open_name() {
            self.connection.tell(format_args!("{}{refusal}", tag(self.format, None, now())));
        } else {
            self.answer(refusal);
        }
    }

    /// Sees to it that the client is in the room, as a guest if it has no name. The line in hand is not
    /// done by that.
    pub(super) fn member(&mut self) {
        if matches!(self.phase, Phase::Permitted(_)) {
            self.join(None, self.counted.saturating_sub(1));
        }
    }

    /// Joins, when so many lines are done.
    pub(super) fn join(&mut self, wanted: Option<&Name>, taken: u64) {
        let phase = mem::replace(&mut self.phase, Phase::Gone);
        let Phase::Permitted(permit) = phase else {
            self.phase = phase;
            return;
        };
        match permit.join(wanted, &self.connection, self.format, taken) {
            Ok(Admitted { membership, here, closing }) => {
                let (name, peer) = (membership.name(), self.connection.peer());
                if !closing {
                    log::info!(target: CAME_OR_WENT, "{name} joined from {peer}, {here} here");
                }
                self.phase = Phase::Joined(membership);
            }
            Err(permit) => {
                self.phase = Phase::Permitted(permit);
                if let Some(name) = wanted {
                    self.refuse_name(&Refusal::NameTaken(name));
                }
            }
        }
    }
}

/// The client's end, if the proxy names it, and what has come behind the header.
fn read_header(connection: &Connection) -> Result<(Option<SocketAddr>, Vec<u8>), NoHeader> {
    let until = instant() + HEADER_WAIT;
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; HEADER_READ]);
    loop {
        let left = until.saturating_duration_since(instant());
        match connection.receive(&mut buffer, Some(left)) {
            Ok(0) | Err(_) if bytes.is_empty() && instant() < until => return Err(NoHeader::Gone),
            Ok(0) | Err(_) => return Err(NoHeader::Other),
            Ok(length) => bytes.extend_from_slice(&buffer[..length]),
        }
        match proxy::parse(&bytes) {
            Ok(None) => {}
            Ok(Some(header)) => return Ok((header.client, bytes.split_off(header.length))),
            Err(proxy::NoHeader) => return Err(NoHeader::Other),
        }
    }
}

/// Tells a client that it is not let in.
fn refuse(connection: &Connection, why: &Refusal<'_>) -> Next {
    super::refuse(connection, why);
    Next::Leave
}
