//! Being in the room: what one member does there. It holds no lock; the hub runs each operation under its
//! own.
//!
//! Membership is a guard: dropped, the member has left, or is disconnected (`leaving`). What changes nothing is in `asking`.

use std::sync::Arc;
use std::time::Duration;

use super::permit::Permit;
use super::resume::{Resume, Resumed};
use super::weight::Volume;
use super::{Hub, Shared};
use crate::protocol::name::{Name, Wanted};
use crate::protocol::proof::KeyHash;
use crate::protocol::reply::Refusal;
use crate::protocol::request::Order;
use crate::protocol::tag::{Format, Seq, Token};
use crate::server::audience::{Audience, Envelope, Kind, MemberId, Receipt};
use crate::server::chunk::Chunk;
use crate::server::connection::Connection;
use crate::server::kinds::{CAME_OR_WENT, RENAMED};
use crate::server::room::effects::Aside;
use crate::server::room::entry::{Author, Credentials, Entry, Orderer, Outcome};
use crate::server::room::people::invitations::CodeHash;
use crate::server::room::token::{Issued, TokenHash};
use crate::server::system::{instant, random_bits};

/// What the notices of another name have besides the names, and what they cost besides their lines, in
/// bytes.
const RENAMING: usize = 200;

mod asking;
pub(crate) mod leaving;

/// Being in the room. Dropped, the member leaves, so that a session that panics leaves no ghost.
#[derive(Debug)]
pub(crate) struct Membership {
    /// Given back when it ends.
    permit: Permit,
    /// Which member it is.
    id: MemberId,
    /// The name that the member has now.
    name: Name,
    /// Over which the member is served.
    connection: Arc<Connection>,
    /// How the member gets its lines.
    format: Format,
    /// How many of its lines the room was told to be taken.
    told: u64,
    /// It has not left, and is not disconnected.
    is_present: bool,
    /// Something of what it has brought was not said any more, so no line from there on was taken.
    is_silenced: bool,
    /// How much it brings.
    volume: Volume,
}

impl Membership {
    /// Being the member of that number and name, of whose lines so many are taken.
    pub(super) fn new(
        permit: Permit,
        connection: &Arc<Connection>,
        format: Format,
        member: Resumed,
    ) -> Membership {
        let Resumed { id, name, taken } = member;
        Membership {
            permit,
            id,
            name,
            connection: Arc::clone(connection),
            format,
            told: taken,
            is_present: true,
            is_silenced: false,
            volume: Volume::new(),
        }
    }

    /// Its number. In a shared room it may be another one by now, where a plain member has joined again.
    pub(crate) fn id(&self) -> MemberId {
        if self.is_in_shared_room() {
            self.hub().with(|shared| self.id_in(shared))
        } else {
            self.id
        }
    }

    fn id_in(&self, shared: &Shared) -> MemberId {
        shared.member_over(self.connection.id()).unwrap_or(self.id)
    }

    pub(crate) fn name(&self) -> &Name {
        &self.name
    }

    /// The envelope of what this member says or does with its line of that number.
    pub(crate) fn said(&self, line: u64) -> Envelope {
        let receipt = match self.format {
            Format::Plain => None,
            Format::Tagged => Receipt::new(self.id, line),
        };
        Envelope { receipt, ..Envelope::new(Audience::AllBut(self.id), Kind::Said) }
    }

    /// That this member brings something, once so many of its lines are read.
    fn author(&self, lines: u64) -> Author {
        let taken = (!self.is_silenced).then_some(lines);
        Author { member: self.id, connection: self.connection.id(), taken }
    }

    /// The lock around the room that the member is in.
    pub(crate) fn hub(&self) -> &Arc<Hub> {
        self.permit.hub()
    }

    /// Over which it is served.
    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The same, to be held by something that looks whether it is over.
    pub(crate) fn handle(&self) -> Arc<Connection> {
        Arc::clone(&self.connection)
    }

    /// Whether several servers hold the room that it is in.
    pub(crate) fn is_in_shared_room(&self) -> bool {
        self.hub().is_shared()
    }

    /// How it gets its lines.
    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// Applies an entry of so many bytes once it may be, with which so many of the member's lines are taken.
    /// An entry that is held back until the connection is hung up on is not applied, nor is anything after
    /// it, and no line from there on is taken.
    fn submit<'a>(
        &mut self,
        bytes: usize,
        lines: u64,
        entry: impl FnOnce(Author) -> Entry<'a>,
    ) -> Outcome {
        let hub = Arc::clone(self.hub());
        let (weight, by) = (self.volume.weigh(bytes), self.author(lines));
        if self.is_silenced {
            return Outcome::Ignored;
        }
        let outcome = hub.bring_in_turn(weight, self.id, &self.connection, entry(by));
        match outcome {
            Some(outcome @ (Outcome::Done | Outcome::Receipted | Outcome::Ordered(_))) => {
                self.told = lines;
                outcome
            }
            Some(outcome) => outcome,
            None => {
                self.is_silenced = true;
                Outcome::Ignored
            }
        }
    }

    /// Whether the room has to be told of lines that were read and became no events.
    pub(crate) fn has_uncounted(&self, lines: u64) -> bool {
        self.format == Format::Tagged && lines > self.told
    }

    /// Appends what was gathered of the member's lines up to that one. It waits before that while the room
    /// is behind, or while this client has not taken the answers that it is due: a client that asks for more
    /// than it reads is read no further.
    pub(crate) fn append(&mut self, chunk: &mut Chunk, lines: u64) {
        if self.is_in_shared_room() {
            return self.propose_lines(chunk, lines);
        }
        self.submit(chunk.bytes(), lines, |by| Entry::Speak { by, chunk });
    }

    /// Waits until what it has brought is read back from the log, where several servers hold the room: what its client is
    /// answered next comes behind that, and knows of it. While the room is away, it does not wait.
    pub(crate) fn wait_for_own(&self) {
        self.hub().wait_for_own(self.connection.id());
    }

    /// The same where several servers hold the room: the answers come at once, and the lines once they are read back from
    /// the log.
    fn propose_lines(&mut self, chunk: &mut Chunk, lines: u64) {
        let hub = Arc::clone(self.hub());
        let (weight, reader) = (self.volume.weigh(chunk.bytes()), self.connection.id());
        let must_tell = !chunk.uttered().is_empty() || self.has_uncounted(lines);
        if self.is_silenced {
            return;
        }
        let brought = hub.with_room(weight, self.id, &self.connection, |shared| {
            for (_, answer) in chunk.take_answers() {
                shared.aside(reader, Aside::Lines(answer));
            }
            if must_tell {
                shared.propose_lines(reader, chunk.uttered(), self.told, lines);
            }
        });
        match brought {
            Some(()) if must_tell => self.told = lines,
            Some(()) => {}
            None => self.is_silenced = true,
        }
    }

    /// Takes another name with the member's line of that number, and tells everyone; or answers why not. Whether the
    /// line has become an event.
    pub(crate) fn rename(&mut self, name: &Name, credentials: Credentials, line: u64) -> bool {
        let bytes = RENAMING + 2 * (self.name.as_str().len() + name.as_str().len());
        let likeness = name.likeness();
        let renamed =
            self.submit(bytes, line, |by| Entry::Rename { by, name, likeness, credentials });
        if !matches!(renamed, Outcome::Done | Outcome::Receipted) {
            return false;
        }
        if self.is_in_shared_room() {
            self.hub().with(|shared| shared.on_renamed(self.connection.id(), name));
        }
        let old = std::mem::replace(&mut self.name, name.clone());
        if old != *name {
            log::info!(target: RENAMED, "{old} is now {name}");
        }
        matches!(renamed, Outcome::Receipted)
    }

    /// Makes its name its own by a password with that hash, with the member's line of that number; or answers why not.
    pub(crate) fn register(&mut self, password: &str, line: u64) {
        self.submit(RENAMING, line, |by| Entry::Register { by, password });
    }

    /// Gives up the name that it has and owns, with the member's line of that number; or answers why not.
    pub(crate) fn unregister(&mut self, line: u64) {
        self.submit(RENAMING, line, |by| Entry::Unregister { by });
    }

    /// Gets a code that lets one person in for so long, with the member's line of that number; or answers why not.
    pub(crate) fn invite(&mut self, code: &str, time: Duration, line: u64) {
        if !matches!(
            self.submit(RENAMING, line, |by| Entry::Invite { by, code, time }),
            Outcome::Done
        ) {
            self.hub().with(|shared| shared.effects.forget_code(CodeHash::of(code)));
        }
    }

    /// Gives an order with the member's line of that number, or answers why not. Whether it may give orders.
    pub(crate) fn order(&mut self, order: &Order<'_>, line: u64) -> bool {
        let by = |by| Entry::order(Orderer::Member(by), order);
        match self.submit(RENAMING, line, by) {
            Outcome::Ordered(ordered) => self.hub().carry_out(ordered).is_by_operator,
            _ => false,
        }
    }

    /// Says `text` to the member called `to` alone, with the member's line of that number; or answers why
    /// not. Whether the line has become an event.
    pub(crate) fn whisper(&mut self, to: &str, text: &str, line: u64) -> bool {
        let wanted = Wanted::of(to).unwrap_or_else(Wanted::nobody);
        let wanted = &wanted;
        let said = self.submit(2 * text.len(), line, |by| Entry::Whisper { by, to, wanted, text });
        matches!(said, Outcome::Receipted)
    }

    /// Marks this member as held back, for so long.
    pub(crate) fn mark_held(&self, wait: Duration) {
        self.hub().with(|shared| shared.backpressure.mark_held(self.id, wait, instant()));
    }

    /// Gets the tagged form from now on, and may resume.
    pub(crate) fn tag(&mut self, lines: u64, key: Option<KeyHash>) {
        let (by, token) = (self.author(lines), random_bits().map(Issued::new));
        self.hub().bring(Entry::Tag { by, token, key });
        self.hub().with(|shared| shared.forget_plain(self.connection.id()));
        (self.format, self.told) = (Format::Tagged, lines);
    }

    /// Goes on as another member, as [`Permit::resume`] does, and leaves as the guest that it was until
    /// now. What that one was due, the client gets as the other, or not at all. The value is how many of the
    /// other's lines were taken.
    pub(crate) fn resume(&mut self, token: Token, seen: Seq) -> Result<u64, Refusal<'static>> {
        let instead_of = Some(self.author(self.told));
        let whence = self.permit.whence(&self.connection);
        let resume = Resume { token: TokenHash::of(token), seen, whence, instead_of };
        let Resumed { id, name, taken } = self.hub().resume(&self.connection, resume, None)?;
        let (was, peer) = (std::mem::replace(&mut self.name, name), self.connection.peer());
        log::info!(target: CAME_OR_WENT, "{was} is {}, who is back, from {peer}", self.name);
        self.hub().with(|shared| shared.forget_plain(self.connection.id()));
        (self.id, self.format, self.told) = (id, Format::Tagged, taken);
        Ok(taken)
    }
}
