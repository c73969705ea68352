//! Being in the room: what one member does there. It holds no lock; the hub runs each operation under its
//! own.
//!
//! Membership is a guard: dropped, the member has left, or is disconnected.

use std::num::NonZero;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::permit::Permit;
use super::{Hub, Shared, Weight};
use crate::protocol::name::{Name, Wanted};
use crate::protocol::reply::{self, LeaveReason, Listed, Notice, Refusal};
use crate::protocol::tag::{Format, Seq, Token};
use crate::server::admission::Origin;
use crate::server::audience::{Audience, Envelope, Kind, MemberId, Receipt};
use crate::server::chunk::Chunk;
use crate::server::connection::Connection;
use crate::server::kinds::{CAME_OR_WENT, RENAMED};
use crate::server::replay::Replay;
use crate::server::room::{Author, Newcomer};
use crate::server::system::instant;

/// What a member may bring in a second without ever being held, in bytes.
const MOST_TALK: usize = 16 * 1024;

/// What the notices of another name have besides the names, and what they cost besides their lines, in
/// bytes.
const RENAMING: usize = 200;

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
    /// The number of the current line.
    line: u64,
    /// How many of its lines the room knows to be taken.
    known_line: u64,
    /// It has not left, and is not disconnected.
    is_present: bool,
    /// Something of what it has brought was not said any more, so no line from there on was taken.
    is_silenced: bool,
    /// Since when `brought` has been counted.
    counted_since: Instant,
    /// What it has brought since then, in bytes.
    brought: usize,
}

impl Membership {
    pub(super) fn new(
        permit: Permit,
        id: MemberId,
        name: Name,
        newcomer: Newcomer<'_>,
    ) -> Membership {
        Membership {
            permit,
            id,
            name,
            connection: Arc::clone(newcomer.connection),
            format: newcomer.format,
            line: newcomer.taken,
            known_line: newcomer.taken,
            is_present: true,
            is_silenced: false,
            counted_since: instant(),
            brought: 0,
        }
    }

    pub(crate) fn id(&self) -> MemberId {
        self.id
    }

    pub(crate) fn name(&self) -> &Name {
        &self.name
    }

    /// The line with this number is the current one.
    pub(crate) fn set_line(&mut self, line: u64) {
        self.line = line;
    }

    /// Of what this member says or does with the current line.
    pub(crate) fn said(&self) -> Envelope {
        Envelope { receipt: self.receipt(), ..Envelope::new(Audience::AllBut(self.id), Kind::Said) }
    }

    fn receipt(&self) -> Option<Receipt> {
        let line = NonZero::new(self.line).filter(|_| self.format == Format::Tagged)?;
        Some(Receipt { author: self.id, line })
    }

    fn author(&self) -> Author<'_> {
        let connection = self.connection.id();
        Author { id: self.id, name: &self.name, connection, format: self.format, said: self.said() }
    }

    /// The lock around the room that the member is in.
    pub(crate) fn hub(&self) -> &Arc<Hub> {
        self.permit.hub()
    }

    /// Over which it is served.
    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// How it gets its lines.
    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// Whether this connection still speaks for the member. If it does, the room is told which lines
    /// were taken; if not, the new connection has been told what was until then, and nothing more
    /// of this one may be said.
    fn speaks(&mut self, shared: &mut Shared) -> bool {
        if self.format == Format::Plain {
            return true;
        }
        let taken = (!self.is_silenced).then_some(self.line);
        let speaks = shared.room.speaks(self.id, self.connection.id(), taken);
        if let Some(taken) = taken.filter(|_| speaks) {
            self.known_line = taken;
        }
        speaks
    }

    /// Says so many bytes under the lock, once they may be said; `None` if they may not. What is held back
    /// until the connection is hung up on is not said, nor is anything after it.
    fn speak<R>(
        &mut self,
        bytes: usize,
        say: impl FnOnce(&mut Membership, &mut Shared) -> R,
    ) -> Option<R> {
        let (hub, connection) = (Arc::clone(self.hub()), Arc::clone(&self.connection));
        let weight = self.weigh(bytes);
        let said = hub.with_room(weight, self.id, &connection, |shared| {
            (!self.is_silenced && self.speaks(shared)).then(|| say(self, shared))
        });
        self.is_silenced |= said.is_none();
        said.flatten()
    }

    fn weigh(&mut self, bytes: usize) -> Weight {
        let now = instant();
        if now.duration_since(self.counted_since) >= Duration::from_secs(1) {
            (self.counted_since, self.brought) = (now, 0);
        }
        self.brought += bytes;
        if self.brought <= MOST_TALK { Weight::Talk } else { Weight::Flood }
    }

    /// Whether the room has to be told of lines that were taken and became no events.
    pub(crate) fn has_uncounted(&self) -> bool {
        self.format == Format::Tagged && self.line > self.known_line
    }

    /// Appends what was gathered, and waits before that while the room is behind, or while this client
    /// has not taken the answers that it is due: one that asks for more than it reads is read no further.
    pub(crate) fn append(&mut self, chunk: &mut Chunk) {
        self.speak(chunk.bytes(), |member, shared| {
            shared.room.append(member.connection.id(), chunk);
        });
    }

    /// Takes another name, and tells everyone.
    pub(crate) fn rename<'a>(&mut self, new: &'a Name) -> Result<(), Refusal<'a>> {
        let bytes = RENAMING + 2 * (self.name.as_str().len() + new.as_str().len());
        let likeness = new.likeness();
        let renamed =
            self.speak(bytes, |member, shared| shared.room.rename(member.author(), new, likeness));
        if renamed.transpose()? != Some(true) {
            return Ok(());
        }
        let old = std::mem::replace(&mut self.name, new.clone());
        if old != *new {
            log::info!(target: RENAMED, "{old} is now {new}");
        }
        Ok(())
    }

    /// Says `text` to the member called `to` alone.
    pub(crate) fn whisper<'a>(&mut self, to: &'a str, text: &str) -> Result<(), Refusal<'a>> {
        let Some(wanted) = Wanted::of(to) else { return Err(Refusal::NobodyHere(to)) };
        let whispered = self.speak(2 * text.len(), |member, shared| {
            shared.room.whisper(member.author(), to, &wanted, text)
        });
        whispered.unwrap_or(Ok(()))
    }

    /// Marks this member as held back, for so long.
    pub(crate) fn mark_held(&self, wait: Duration) {
        self.hub().with(|shared| shared.room.mark_held(self.id, wait));
    }

    /// The answer to `/who`.
    pub(crate) fn who(&self) -> Vec<String> {
        let mut members: Vec<(String, Listed)> = self.hub().with(|shared| shared.room.list());
        // Not with the lock held.
        members.sort_by(|(one, _), (other, _)| one.cmp(other));
        reply::who(&members.into_iter().map(|(_, listed)| listed).collect::<Vec<_>>())
    }

    /// Has something shown again, once what was asked for before has been taken: a client that asks
    /// for more than it reads is read no further.
    pub(crate) fn replay(&self, replay: Replay) {
        let reader = self.connection.id();
        let may_go_on =
            |shared: &Shared| !shared.room.is_replaying(reader) || shared.room.is_closed();
        let hub = self.hub();
        hub.with_once(&hub.taken, may_go_on, |shared| shared.room.replay(reader, replay));
    }

    /// Has its client's telnet answered, between two lines and as soon as can be: it may wait for that,
    /// and show nothing.
    pub(crate) fn answer_telnet(&self, answer: [u8; 3]) {
        let reader = self.connection.id();
        self.hub().with(|shared| shared.room.answer_telnet(reader, answer));
    }

    /// Gets the tagged form from now on, and may resume.
    pub(crate) fn tag(&mut self) {
        self.hub().with(|shared| {
            shared.room.tag(self.id, &self.name, &self.connection, self.line);
        });
        (self.format, self.known_line) = (Format::Tagged, self.line);
    }

    /// Takes up where another member stopped, as [`Permit::resume`] does, and leaves as the one that it
    /// was until now, in the plain form. What that was due, it gets as the other, or not at all.
    pub(crate) fn resume(&mut self, token: Token, seen: Seq) -> Result<u64, Refusal<'static>> {
        let (id, name, taken) = self.hub().with_place(token, seen, None, |shared, place| {
            shared.room.part(self.id, &self.name, LeaveReason::Quit(""));
            let (name, taken) = shared.room.readmit(place, &self.connection);
            (place.recipient.member, name, taken)
        })?;
        let (was, peer) = (std::mem::replace(&mut self.name, name), self.connection.peer());
        log::info!(target: CAME_OR_WENT, "{was} is {}, who is back, from {peer}", self.name);
        (self.id, self.format) = (id, Format::Tagged);
        (self.line, self.known_line) = (taken, taken);
        Ok(taken)
    }

    /// Leaves. What was appended until then is still delivered.
    pub(crate) fn leave(mut self, how: LeaveReason<'_>) {
        self.depart(how);
    }

    /// The connection has ended without a farewell. Who can resume stays for a while, and nobody
    /// is told.
    pub(crate) fn lose(mut self, how: LeaveReason<'_>) {
        self.on_lost(how);
    }

    fn on_lost(&mut self, how: LeaveReason<'_>) {
        match self.format {
            Format::Plain => self.depart(how),
            Format::Tagged => self.disconnect(),
        }
    }

    fn disconnect(&mut self) {
        let Some((gone, closing)) = self.end(|member, shared| {
            // Not the last handle to it: the socket is not closed under the lock.
            shared.room.detach(member.id);
            let origin = Origin::of(member.connection.peer().ip());
            shared.room.mark_disconnected(member.id, origin);
            let gone = shared.room.part_with_disconnected();
            member.permit.give_back(shared);
            (gone, shared.room.is_closed())
        }) else {
            return;
        };
        if !closing {
            let (name, peer) = (&self.name, self.connection.peer());
            log::info!(target: CAME_OR_WENT, "{name} is away: the connection of {peer} is lost");
            gone.iter().for_each(log_expired);
        }
    }

    fn depart(&mut self, how: LeaveReason<'_>) {
        let closing = self.end(|member, shared| {
            let connection = member.connection.id();
            member.permit.give_back(shared);
            shared.room.leave(member.id, connection, &member.name, how);
            shared.room.is_closed()
        });
        if closing == Some(false) {
            let (peer, notice) = (self.connection.peer(), Notice::Left(&self.name, how));
            log::info!(target: CAME_OR_WENT, "{} ({peer})", reply::words(&notice.to_string()));
        }
    }

    /// Ends the membership under the lock, unless it has ended, or another connection speaks for the
    /// member.
    fn end<R>(&mut self, end: impl FnOnce(&mut Membership, &mut Shared) -> R) -> Option<R> {
        if !std::mem::replace(&mut self.is_present, false) {
            return None;
        }
        let hub = Arc::clone(self.hub());
        hub.with(|shared| self.speaks(shared).then(|| end(self, shared)))
    }
}

/// Logs that one was disconnected for too long.
pub(crate) fn log_expired(name: &Name) {
    let notice = Notice::Left(name, LeaveReason::ConnectionLost).to_string();
    log::info!(target: CAME_OR_WENT, "{}", reply::words(&notice));
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.on_lost(LeaveReason::ConnectionLost);
    }
}
