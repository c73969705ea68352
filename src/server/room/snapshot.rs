//! A room that several servers hold, as bytes: all that later groups of its log depend on, and no text but that of
//! private lines which wait. The same room gives the same bytes. Pure.
//!
//! What was said is not in it, nor what is one server's own: what it remembers, its history, and its figures.

use std::collections::VecDeque;
use std::time::Duration;

use super::guest_numbers::GuestNumbers;
use super::join_notices::{JoinNotices, Sum};
use super::leaving::{Gone, MOST_GONE};
use super::log::{Jump, Log, Producer};
use super::members::member::{Member, Resumable, ShownLetters};
use super::names::Standing;
use super::people::facts::{Fact, FactKey};
use super::waiting_lines::WaitingLines;
use super::{MOST_ERASURES, Offer, Room};
use crate::server::admission::Origin;
use crate::server::audience::MemberId;
use crate::server::bytes::{Coded, Reader, Writer, coded};
use crate::server::config::Config;
use crate::server::erasure::Erasure;
use crate::server::transcript::Transcript;

/// No number is larger: the next ones have room behind it.
const MAX_NUMBER: u64 = 1 << 60;

coded!(Producer { last, alive, seen, server, version, kept, settings });
coded!(Jump { from, to });
coded!(Offer { word, producer });
coded!(Gone { name, likeness, key, address });
coded!(ShownLetters { word, taken, before });
coded!(Resumable { token, since, waiting });
coded!(Standing { is_owner, is_operator });
coded!(Erasure { name, by, author, since, before });

impl Coded for WaitingLines {
    fn write(&self, out: &mut Writer) {
        let lines: Vec<_> = self.all_senders().map(|sender| (sender, self.of(sender))).collect();
        out.put(&lines);
    }

    fn read(bytes: &mut Reader<'_>) -> Option<WaitingLines> {
        let mut waiting = WaitingLines::default();
        for (sender, lines) in bytes.list::<(MemberId, u64)>()? {
            waiting.restore(sender, lines);
        }
        Some(waiting)
    }
}

impl Coded for Log {
    fn write(&self, out: &mut Writer) {
        let Log { room, settings, settings_since, engine, position, .. } = self;
        let Log { clock, elapsed, producers, jumps, .. } = self;
        out.put(room)
            .put(settings)
            .put(settings_since)
            .put(engine)
            .put(position)
            .put(clock)
            .put(elapsed);
        out.put(&(producers.len() as u32));
        for (id, producer) in producers {
            out.put(id).put(producer);
        }
        out.list(jumps.iter());
        out.put(&self.groups).put(&self.bytes).put(&self.told_at);
    }

    fn read(bytes: &mut Reader<'_>) -> Option<Log> {
        let (room, (settings, settings_since)) = bytes.get()?;
        let (engine, position) = (bytes.get()?, bytes.get()?);
        let (clock, elapsed) = (bytes.get()?, bytes.get()?);
        let producers: Vec<(u64, Producer)> = bytes.list()?;
        let jumps: Vec<Jump> = bytes.list()?;
        let (groups, passed, told_at) = (bytes.get()?, bytes.get()?, bytes.get::<Option<u64>>()?);
        // What has been cannot be yet to come.
        let is_past = |time: u64| time <= elapsed;
        let is_right = elapsed <= MAX_NUMBER
            && producers.iter().all(|(_, producer)| is_past(producer.alive))
            && told_at.is_none_or(is_past)
            && jumps.iter().all(|jump| jump.from < jump.to);
        let (producers, jumps) = (producers.into_iter().collect(), VecDeque::from(jumps));
        let log = Log {
            room,
            settings,
            settings_since,
            engine,
            position,
            clock,
            elapsed,
            producers,
            jumps,
            groups,
            bytes: passed,
            told_at,
        };
        is_right.then_some(log)
    }
}

impl Coded for Member {
    fn write(&self, out: &mut Writer) {
        out.put(self.name()).put(self.likeness()).put(&self.connection());
        out.put(&self.taken).put(&self.whence).put(&self.key).put(&self.login);
        out.put(&self.is_let_in).put(&self.may_claim).put(&self.is_muted);
        out.put(&self.shown_letters).put(&self.standing).put(&self.lost_at);
        out.put(&self.attached_at).put(self.resumable());
    }

    fn read(bytes: &mut Reader<'_>) -> Option<Member> {
        let (named, connection) = (bytes.get()?, bytes.get()?);
        let mut member = Member::bare(named, connection, bytes.get()?, bytes.get()?);
        (member.key, member.login) = (bytes.get()?, bytes.get()?);
        (member.is_let_in, member.may_claim) = bytes.get()?;
        member.is_muted = bytes.get()?;
        (member.shown_letters, member.standing) = (bytes.get()?, bytes.get()?);
        (member.lost_at, member.attached_at) = bytes.get()?;
        Some(member.with_resumable(bytes.get()?))
    }
}

impl Coded for GuestNumbers {
    fn write(&self, out: &mut Writer) {
        let (given, free) = self.parts();
        out.put(&(given as u64));
        let free: Vec<_> = free.iter().map(|number| *number as u64).collect();
        out.put(&free);
    }

    fn read(bytes: &mut Reader<'_>) -> Option<GuestNumbers> {
        let given = usize::try_from(bytes.get::<u64>()?).ok()?;
        let free: Vec<u64> = bytes.list()?;
        let free = free.into_iter().map(|number| usize::try_from(number).ok());
        GuestNumbers::of_parts(given, free.collect::<Option<_>>()?)
    }
}

impl Coded for JoinNotices {
    fn write(&self, out: &mut Writer) {
        let (since, told, Sum { joined, left }) = self.parts();
        out.put(&since).put(&told).put(&joined).put(&left);
    }

    fn read(bytes: &mut Reader<'_>) -> Option<JoinNotices> {
        let (since, told) = bytes.get()?;
        let (joined, left) = bytes.get()?;
        Some(JoinNotices::of_parts(since, told, Sum { joined, left }))
    }
}

impl Room {
    /// Writes the room down; nothing of a room of its own.
    pub(crate) fn write(&self, out: &mut Writer) {
        let Some(log) = &self.log else { return };
        out.put(&**log);
        out.put(&self.transcript.end()).put(&self.next_id).put(&self.said);
        out.put(&self.join_notices).put(&self.guest_numbers);
        out.put(&(self.members.count() as u32));
        for (id, member) in self.members.entries() {
            out.put(&id).put(member);
        }
        out.put(&(self.disconnected.count() as u32));
        for (id, origin, until) in self.disconnected.iter() {
            out.put(&id).put(&origin).put(&until);
        }
        out.list(self.gone.iter());
        out.list(self.erasures.iter());
        out.put(&(self.operator_codes.len() as u32));
        for (code, offer) in &self.operator_codes {
            out.put(code).put(offer);
        }
        let facts: Vec<_> = self.people.facts().collect();
        out.put(&facts);
    }

    /// The room that was written down so; `None` if the bytes are none.
    pub(crate) fn read(config: &Config, bytes: &mut Reader<'_>) -> Option<Room> {
        let mut log: Log = bytes.get()?;
        let mut room = Room::shared(config, log.room);
        // Whatever settings the others had: it goes on with this server's.
        let own = room.log.as_ref()?.settings;
        if log.settings != own {
            (log.settings, log.settings_since) = (own, log.position);
        }
        room.log = Some(Box::new(log));
        let (next_seq, next_id) = bytes.get::<(u64, u64)>()?;
        let is_right = (1..=MAX_NUMBER).contains(&next_seq) && (1..=MAX_NUMBER).contains(&next_id);
        room.transcript =
            is_right.then(|| Transcript::restore(config.memory, Vec::new(), next_seq))?;
        room.next_id = next_id;
        room.said = bytes.get()?;
        (room.join_notices, room.guest_numbers) = (bytes.get()?, bytes.get()?);
        room.read_members(bytes)?;
        room.gone = VecDeque::from(bytes.list::<Gone>()?);
        room.erasures = VecDeque::from(bytes.list::<Erasure>()?);
        room.operator_codes = bytes.list()?.into_iter().collect();
        for (key, fact) in bytes.list::<(FactKey, Fact)>()? {
            room.people.restore(key, fact);
        }
        (room.gone.len() <= MOST_GONE && room.erasures.len() <= MOST_ERASURES).then_some(room)
    }

    fn read_members(&mut self, bytes: &mut Reader<'_>) -> Option<()> {
        for (id, member) in bytes.list::<(MemberId, Member)>()? {
            let is_new = id.0 < self.next_id && !self.members.contains(id);
            let connection = member.connection();
            let is_known = connection.is_some_and(|it| self.members.of_connection(it).is_some());
            let token = member.resumes_with().0;
            let is_taken = token.is_some_and(|token| self.members.holder(token).is_some());
            let is_free = self.members.is_free(member.likeness(), None);
            (is_new && is_free && !is_known && !is_taken)
                .then(|| self.members.insert(id, member))?;
        }
        for (id, (origin, until)) in bytes.list::<(MemberId, (Option<Origin>, Duration))>()? {
            let is_away = self.members.get(id).is_some_and(Member::is_disconnected);
            is_away.then(|| self.disconnected.set(id, origin, until))?;
        }
        let away = self.members.iter().filter(|member| member.is_disconnected()).count();
        (away == self.disconnected.count()).then_some(())
    }
}
