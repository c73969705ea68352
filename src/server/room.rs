//! The room: who is here, under what name, and what is said. Pure.
//!
//! It is a state machine without a lock, a socket, a thread, a clock or a random number: the hub applies
//! one [`Entry`] after the other to it, and the same entries with the same stamps give the same room. So
//! each of them, and what follows from it, happens at one place in the one order of events.
//!
//! Its parts: what is applied (`entry`) and what follows besides events (`effects`); the members
//! (`members`), how they join (`arrival`), talk (`talk`) and take other names (`renaming`), guests' numbers, and how
//! often joins and leaves are told (`join_notices`); how members resume (`resume`, `token`), until when
//! (`disconnected`), and the private lines that wait for them meanwhile (`waiting_lines`). What the room knows of
//! people who may not be here (`people`): whose names are (`names`) and how an owner takes over its own ghost
//! (`ghost`), private lines for owners (`delivery`), and what operators order (`order`, `erase`).

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Display;
use std::net::IpAddr;
use std::time::Duration;

use super::audience::{Audience, Envelope, Kind, MemberId};
use super::batch::Batch;
use super::config::{Config, EntranceConfig};
use super::connection::ConnectionId;
use super::erasure::Erasure;
use super::figures::{Said, Throughput};
use super::replay::Gap;
use super::shared::settings::RoomSettings;
use super::transcript::Transcript;
use crate::protocol::name::{Likeness, Name};
use crate::protocol::proof::KeyHash;
use crate::protocol::reply::{LeaveReason, Listed, Notice, OrderNotice, Refusal};
use crate::protocol::tag::{Body, Format, Limits, Millis, Seq};
use crate::protocol::text::make_safe;
use changes::Changed;
use disconnected::Disconnected;
use effects::Effects;
use entry::{Author, Encryption, Entry, Orderer, Outcome, Stamp};
use guest_numbers::GuestNumbers;
use join_notices::{JoinNotices, Move, Sum};
use log::Log;
use members::{Member, Members, SpokenFor};
use people::People;
use people::invitations::CodeHash;
use token::TokenHash;

pub(crate) mod adoption;
mod arrival;
pub(crate) mod changes;
mod delivery;
mod disconnected;
pub(crate) mod effects;
pub(crate) mod entry;
mod erase;
mod ghost;
pub(crate) mod group;
pub(crate) mod groups;
mod guest_numbers;
mod join_notices;
pub(crate) mod log;
pub(crate) mod members;
mod names;
pub(crate) mod order;
pub(crate) mod people;
#[cfg(planted_faults)]
pub(crate) mod planted;
mod renaming;
pub(crate) mod restore;
mod resume;
mod snapshot;
mod talk;
#[cfg(test)]
mod tests;
pub(crate) mod token;
mod waiting_lines;

/// How many members that have left are remembered, to be told apart from names that nobody had.
const MOST_GONE: usize = 20;

/// How many orders to erase lines are remembered, for archives that have missed them.
const MOST_ERASURES: usize = 256;

/// Everything that the members share.
#[derive(Debug)]
pub(crate) struct Room {
    /// The members, with a connection or without.
    members: Members,
    /// Which of them have none, and until when they may resume.
    disconnected: Disconnected,
    /// How many members may be disconnected at a time.
    max_disconnected: usize,
    /// How many joins and leaves were told one by one of late.
    join_notices: JoinNotices,
    /// The last to leave, newest last; at most [`MOST_GONE`].
    gone: VecDeque<Gone>,
    /// What is known of people, here or not.
    people: People,
    /// The newest orders to erase lines, in a room that several servers hold: an archive may have missed them in the log. At
    /// most [`MOST_ERASURES`], oldest first.
    erasures: VecDeque<Erasure>,
    /// By which codes operators' names may be claimed that nobody owns.
    operator_codes: BTreeMap<CodeHash, Offer>,
    /// Who may come in.
    entrance: EntranceConfig,
    /// The numbers in guests' names that are taken.
    guest_numbers: GuestNumbers,
    /// The next member's number.
    next_id: u64,
    /// How many of the last lines a new member is shown.
    replay: usize,
    /// What a program is told of the limits.
    limits: Limits,
    /// The events, in their one order.
    transcript: Transcript,
    /// How many public lines were ever said.
    said: u64,
    /// How much was said of late.
    throughput: Throughput,
    /// What has changed since a history was told of it, if there is one.
    changed: Option<Changed>,
    /// For how long what is said is kept, if there is a history.
    keeping: Option<Keeping>,
    /// Lines that were said and that the history does not have, in their order.
    gaps: Vec<Gap>,
    /// The oldest event that the history has, if there is one.
    kept_from: Option<Seq>,
    /// What members from before are told when they resume, if lines may be missing that were sent.
    doubt: Option<Notice<'static>>,
    /// The last word has been said: nothing is appended any more.
    is_closed: bool,
    /// What is known of the log that orders it, if several servers hold the room.
    log: Option<Box<Log>>,
}

impl Room {
    /// An empty room.
    pub(crate) fn new(config: &Config) -> Room {
        Room {
            members: Members::default(),
            disconnected: Disconnected::new(config.away_timeout),
            max_disconnected: config.max_clients,
            join_notices: JoinNotices::default(),
            gone: VecDeque::new(),
            people: People::new(config),
            erasures: VecDeque::new(),
            operator_codes: BTreeMap::new(),
            entrance: config.entrance.clone(),
            guest_numbers: GuestNumbers::default(),
            next_id: 1,
            replay: config.replay,
            limits: Limits { max_line: Some(config.max_line), rate: Some(config.rate_limit) },
            transcript: Transcript::new(config.memory),
            said: 0,
            throughput: Throughput::default(),
            changed: None,
            keeping: None,
            gaps: Vec::new(),
            kept_from: None,
            doubt: None,
            is_closed: false,
            log: None,
        }
    }

    /// An empty room that several servers hold, whose id begins with these bytes. Its settings are what the servers agree
    /// about, and its entries are groups of their log ([`Room::apply_group`]); those that are this server's alone go on
    /// to be applied one by one.
    pub(crate) fn shared(config: &Config, room: u64) -> Room {
        let log = Some(Box::new(Log::new(room, RoomSettings::of(config).fingerprint())));
        Room { log, max_disconnected: usize::MAX, ..Room::new(config) }
    }

    /// This server keeps an archive of the room, which several hold: from that event on, but for the lines of the gaps.
    pub(crate) fn keep(&mut self, keeping: Keeping, kept_from: Seq, gaps: Vec<Gap>) {
        (self.keeping, self.kept_from, self.gaps) = (Some(keeping), Some(kept_from), gaps);
        self.note_all_changed();
    }

    /// This server keeps nothing of the room, for this reason, and would for so long.
    pub(crate) fn keep_nothing(&mut self, time: Option<Duration>, why: &'static str) {
        self.keeping = Some(Keeping { time, not_now: Some(why) });
    }

    /// Remembers what was said before all that it remembers, as far as the archive has it.
    pub(crate) fn remember(&mut self, earlier: Vec<Batch>) {
        let memory = self.transcript.memory().1;
        let later = std::mem::replace(&mut self.transcript, Transcript::new(0));
        self.transcript = Transcript::restore(memory, earlier, later.oldest());
        self.transcript.go_on_with(later);
        self.transcript.seal();
        // The archive was not told of these yet.
        for order in self.changed.iter().flat_map(|changed| &changed.erasures) {
            self.transcript.erase(&order.erasure);
        }
    }

    /// The archive lacks lines.
    pub(crate) fn note_gap(&mut self, gap: Gap) {
        self.gaps.push(gap);
        self.gaps.sort_by_key(|gap| gap.after);
    }

    /// How many public lines were ever said.
    pub(crate) fn said(&self) -> u64 {
        self.said
    }

    /// Applies one entry. The same entries with the same stamps, in the same order, give the same room and
    /// the same effects.
    pub(crate) fn apply(
        &mut self,
        stamp: Stamp,
        entry: Entry<'_>,
        effects: &mut Effects,
    ) -> Outcome {
        let answers = entry.answered();
        let mut change = Change { room: self, stamp, effects, via: 0, answers };
        match entry {
            Entry::Join { newcomer, wanted, token } => change.join(newcomer, wanted, token),
            Entry::Speak { by, chunk } => change.by(by, |change| change.speak(by, chunk)),
            Entry::Whisper { by, to, wanted, text } => {
                change.by(by, |change| change.whisper(by, (to, wanted), text))
            }
            Entry::Rename { by, name, likeness, credentials } => {
                change.by(by, |change| change.rename(by, (name, likeness), credentials))
            }
            Entry::Register { by, password } => {
                change.by(by, |change| change.register(by, password))
            }
            Entry::RenewPassword { word, password } => change.renew_password(word, password),
            Entry::Unregister { by } => change.by(by, |change| change.unregister(by)),
            Entry::Pass { connection: _, code, key } => change.pass(code, key),
            Entry::Invite { by, code, time } => {
                let hash = CodeHash::of(code);
                change.by(by, |change| change.invite(by, (hash, Some(code)), time))
            }
            Entry::InviteByConsole { code, time } => change.invite_by_console(code, time),
            Entry::OfferName { word, code } => change.offer_name(word, code),
            Entry::Order { by: Orderer::Member(by), order, whom } => {
                change.by(by, |change| change.order(Orderer::Member(by), order, whom))
            }
            Entry::Order { by: Orderer::Console, order, whom } => {
                change.order(Orderer::Console, order, whom)
            }
            Entry::Tag { by, token, key } => change.by(by, |change| change.tag(by, token, key)),
            Entry::Detach(token) => change.detach(token),
            Entry::Resume { connection, whence, token, seen, instead_of } => {
                change.resume((connection, whence), token, seen, instead_of)
            }
            Entry::Lost { by } => change.by(by, |change| change.lose(by)),
            Entry::Unclaimed { member } => change.mark_disconnected(member),
            Entry::Leave { by, how, .. } => change.by(by, |change| change.leave(by, how)),
            Entry::Announce { text } => change.tell_all(text),
            Entry::Expire => change.expire(),
            Entry::Tell(notice) => {
                change.announce(notice);
                Outcome::Done
            }
            Entry::StopKeeping(why) => change.stop_keeping(why),
            Entry::KeepAgain(gap) => change.keep_again(gap),
            Entry::Erased(erased) => change.tell_erased(&erased),
            Entry::Close => change.close(),
        }
    }

    /// Whether the last word has been said.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// When an [`Entry::Expire`] is due, since the room was opened, if nothing else happens before.
    pub(crate) fn due(&self) -> Option<Duration> {
        // The stamps of a log say when something is due.
        if self.log.is_some() {
            return None;
        }
        self.join_notices.due().into_iter().chain(self.disconnected.due()).min()
    }

    /// The events, to be read.
    pub(crate) fn transcript(&self) -> &Transcript {
        &self.transcript
    }

    /// The events, to be sealed and forgotten.
    pub(crate) fn transcript_mut(&mut self) -> &mut Transcript {
        &mut self.transcript
    }

    /// How many members there are, and how many of them have no connection.
    pub(crate) fn count(&self) -> (usize, usize) {
        (self.members.count(), self.disconnected.count())
    }

    /// What becomes of what is said; `None` without a history.
    pub(crate) fn keeping(&self) -> Option<Keeping> {
        self.keeping
    }

    /// The members that have a connection to that server, each with that.
    pub(crate) fn connections(&self, producer: u64) -> impl Iterator<Item = (&Name, ConnectionId)> {
        self.members.iter().filter_map(move |member| {
            let connection = member.connection().filter(|it| it.producer == producer)?;
            Some((member.name(), ConnectionId::local(connection.number)))
        })
    }

    /// The history has no event before that one any more.
    pub(crate) fn forget_before(&mut self, first: Seq) {
        self.kept_from = Some(first);
        self.gaps.retain(|gap| gap.after >= first);
    }

    /// Lines that were said and that the history does not have.
    pub(crate) fn gaps(&self) -> &[Gap] {
        &self.gaps
    }

    /// How much was said in the minute before `now`.
    pub(crate) fn said_of_late(&self, now: Millis) -> Said {
        self.throughput.last_minute(now)
    }

    /// The name that a member has now.
    pub(crate) fn name_of(&self, member: MemberId) -> Option<&Name> {
        self.members.get(member).map(Member::name)
    }

    /// The member that a connection speaks for.
    pub(crate) fn member_over(&self, connection: ConnectionId) -> Option<MemberId> {
        self.members.of_connection(connection)
    }

    /// The same, with what its client has to know of itself.
    pub(crate) fn spoken_for(&self, connection: ConnectionId) -> Option<SpokenFor> {
        let id = self.member_over(connection)?;
        let member = self.members.get(id)?;
        let (name, format) = (member.name().clone(), member.format());
        Some(SpokenFor { id, name, format, taken: member.taken })
    }

    /// Whether a member is the server's own program.
    fn is_hook(&self, member: MemberId) -> bool {
        let member = self.members.get(member);
        member.is_some_and(|member| member.connection() == Some(ConnectionId::OF_HOOK))
    }

    /// Everybody here, each with the key by which names are sorted.
    pub(crate) fn list(&self) -> Vec<(String, Listed)> {
        let copied = |member: &Member| {
            let listed = Listed {
                name: member.name().clone(),
                is_away: member.is_disconnected(),
                is_exposed: member.whence.encryption == Encryption::None,
                is_owner: member.standing.is_owner,
                is_operator: member.standing.is_operator,
                address: member.whence.address,
            };
            (member.likeness().folded().to_owned(), listed)
        };
        self.members.iter().map(copied).collect()
    }

    /// Whether the member with this token has a connection, which another one may take over.
    pub(crate) fn is_connected(&self, token: TokenHash) -> bool {
        let member = self.members.holder(token).and_then(|(member, _)| self.members.get(member));
        member.is_some_and(Member::may_be_taken_over)
    }

    /// The connection of the member with this token, on whichever server.
    pub(crate) fn connection_of(&self, token: TokenHash) -> Option<ConnectionId> {
        let (member, _) = self.members.holder(token)?;
        self.members.get(member)?.connection()
    }

    /// Whether anybody here could resume over another connection.
    pub(crate) fn has_connected_resumable(&self) -> bool {
        self.members.iter().any(Member::may_be_taken_over)
    }
}

/// What becomes of what is said, where there is a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Keeping {
    /// For how long it is kept; `None` is for ever.
    pub(crate) time: Option<Duration>,
    /// Why it is not kept for now.
    pub(crate) not_now: Option<&'static str>,
}

/// A member that has left.
#[derive(Debug)]
struct Gone {
    /// The name that it had.
    name: Name,
    /// What that looks like.
    likeness: Likeness,
    /// The key that it had proved to own.
    key: Option<KeyHash>,
    /// Where it was from, if that says anything.
    address: Option<IpAddr>,
}

/// One entry while it is applied: the room, the entry's time, and where its effects go.
struct Change<'a> {
    /// What is changed.
    room: &'a mut Room,
    /// When.
    stamp: Stamp,
    /// What follows from it besides events.
    effects: &'a mut Effects,
    /// Over which server it has come, in a room that several hold; 0 is this one, in a room of its own.
    via: u64,
    /// Which line it is, over which connection, if it is one line of a client.
    answers: Option<(ConnectionId, u64)>,
}

/// A name that may be claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Offer {
    /// The name without case.
    word: String,
    /// Which server has given the code out. It is good for as long as that one is there.
    producer: u64,
}

impl Keeping {
    /// What a newcomer is told of it.
    fn notice(self) -> Notice<'static> {
        self.not_now.map_or(Notice::Kept(self.time), Notice::NotKeptHere)
    }
}

impl Change<'_> {
    /// Does what a member does, if the connection that it came over still speaks for the member. Its line is
    /// taken with that, unless the room is closed: then nobody is told of it any more.
    fn by(&mut self, by: Author, act: impl FnOnce(&mut Self) -> Outcome) -> Outcome {
        let is_closed = self.room.is_closed;
        let Some(member) = self.room.members.get_mut(by.member) else { return Outcome::Ignored };
        if member.connection() != Some(by.connection) {
            return Outcome::Ignored;
        }
        if let Some(taken) = by.taken.filter(|taken| !is_closed && *taken != member.taken) {
            member.taken = taken;
            let has_shown = member.shown_letters.as_ref();
            let has_seen_letters = has_shown.is_some_and(|shown| taken > shown.taken);
            self.room.on_changed(by.member);
            if has_seen_letters {
                self.letters_are_seen(by.member);
            }
        }
        act(self)
    }

    /// Takes a member out that leaves. Its connection is served what was appended until now.
    fn leave(&mut self, by: Author, how: LeaveReason<'_>) -> Outcome {
        let is_muted = self.why_muted(by.member).is_some();
        let how = match how {
            LeaveReason::Quit(_) if is_muted => LeaveReason::Quit(""),
            how => how,
        };
        if let LeaveReason::Quit(_) = how {
            self.letters_are_seen(by.member);
        }
        let format = self.room.members.get(by.member).map(Member::format);
        if self.answers.is_some() && format == Some(Format::Tagged) {
            self.answer(by.connection, Format::Tagged, Body::Done);
        }
        self.effects.detach(by.connection, self.room.transcript.end());
        self.part(by.member, how);
        Outcome::Done
    }

    /// Takes a member out, and tells the others.
    fn part(&mut self, id: MemberId, how: LeaveReason<'_>) -> Option<Member> {
        self.note_visit(id);
        let member = self.room.members.remove(id)?;
        self.room.on_changed(id);
        self.room.on_left(&member);
        self.tell_move(Move::Leave, id, Notice::Left(member.name(), how));
        Some(member)
    }

    /// Tells all what the operator at the server's keyboard says.
    fn tell_all(&mut self, text: &str) -> Outcome {
        if self.room.is_closed {
            return Outcome::Ignored;
        }
        self.tell(Audience::All, Notice::Order(OrderNotice::Says(text)));
        Outcome::Done
    }

    fn expire(&mut self) -> Outcome {
        // Where several servers hold the room, each does what is due by the stamps of their log.
        if self.room.log.is_some() { Outcome::Ignored } else { Outcome::Expired(self.do_due()) }
    }

    /// Does what has become due. Who has left by that.
    fn do_due(&mut self) -> Vec<Name> {
        let expired = self.part_with_disconnected();
        if let Some(Sum { joined, left }) = self.room.join_notices.take_sum(self.stamp.elapsed) {
            self.tell(Audience::People, Notice::CameAndWent { joined, left });
        }
        expired
    }

    fn stop_keeping(&mut self, why: &'static str) -> Outcome {
        let Some(keeping) = &mut self.room.keeping else { return Outcome::Ignored };
        keeping.not_now = Some(why);
        self.announce(Notice::NotKept(why));
        Outcome::Done
    }

    fn keep_again(&mut self, gap: Option<Gap>) -> Outcome {
        let Some(keeping) = &mut self.room.keeping else { return Outcome::Ignored };
        keeping.not_now = None;
        self.room.gaps.extend(gap);
        self.announce(Notice::KeptAgain(gap.map_or(0, |gap| gap.lines)));
        Outcome::Done
    }

    fn close(&mut self) -> Outcome {
        self.announce(Notice::ShuttingDown);
        self.room.is_closed = true;
        Outcome::Done
    }

    /// Tells every connection something that is no event: it is about this server alone.
    fn announce(&mut self, notice: Notice<'_>) {
        let connected = |member: &Member| Some((member.connection()?, member.format()));
        let readers: Vec<_> = self.room.members.iter().filter_map(connected).collect();
        for (connection, format) in readers {
            self.answer(connection, format, notice);
        }
    }

    /// Tells the others that a member has come or gone: programs each by name, and people together with more of them
    /// if there are many.
    fn tell_move(&mut self, what: Move, member: MemberId, notice: Notice<'_>) {
        let is_told = self.room.join_notices.tells(what, self.stamp.elapsed);
        let audience = if is_told { Audience::AllBut(member) } else { Audience::Programs };
        self.tell(audience, notice);
    }

    /// Appends a notice.
    fn tell(&mut self, audience: Audience, line: impl Display) {
        self.push(Envelope::new(audience, Kind::Passing), line);
    }

    /// Appends an event, unless the last word has been said.
    fn push(&mut self, envelope: Envelope, line: impl Display) {
        if self.room.is_closed {
            return;
        }
        if self.room.log.is_some() {
            // Whoever can write to the log may write anything.
            let line = line.to_string();
            self.room.transcript.push(envelope, make_safe(line.as_bytes()), self.stamp.at);
        } else {
            self.room.transcript.push(envelope, line, self.stamp.at);
        }
    }

    fn refuse(&mut self, by: Author, refusal: &Refusal<'_>) {
        let Some(member) = self.room.members.get(by.member) else { return };
        self.answer(by.connection, member.format(), refusal);
    }

    /// Answers a connection that gets its lines in this format, unless the last word has been said.
    fn answer(&mut self, connection: ConnectionId, format: Format, line: impl Display) {
        if !self.room.is_closed {
            let answers = self.answers.filter(|(asking, _)| *asking == connection);
            let lines = effects::answer(format, answers.map(|(_, line)| line), line, self.stamp.at);
            self.effects.tell(connection, self.room.transcript.end(), lines);
        }
    }
}

impl Room {
    /// The next guest's name, and what it looks like. Nobody else can have one like that.
    fn guest(&mut self) -> (Name, Likeness) {
        loop {
            let name = Name::guest(self.guest_numbers.take());
            let likeness = name.likeness();
            // One from before the log was set back may have it.
            if self.members.is_free(&likeness, None) {
                return (name, likeness);
            }
        }
    }

    /// Remembers a member that has left.
    fn on_left(&mut self, member: &Member) {
        self.on_name_given_up(member.name());
        if self.gone.len() == MOST_GONE {
            self.gone.pop_front();
        }
        self.gone.push_back(Gone {
            name: member.name().clone(),
            likeness: member.likeness().clone(),
            key: member.key,
            address: member.whence.address,
        });
    }

    /// Nobody has that name any more.
    fn on_name_given_up(&mut self, name: &Name) {
        if let Some(number) = name.guest_number() {
            self.guest_numbers.give_back(number);
        }
    }
}
