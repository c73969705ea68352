//! The room: who is here, under what name, and what is said. Pure.
//!
//! It is a state machine without a lock, a socket, a thread, a clock or a random number: the hub applies
//! one [`Entry`] after the other to it, and the same entries with the same stamps give the same room. So
//! each of them, and what follows from it, happens at one place in the one order of events.
//!
//! Its parts: what is applied (`entry`) and what follows besides events (`effects`); the members (`members`), who of them
//! is here (`who`), how they join (`arrival`), talk (`talk`), take other names (`renaming`) and leave (`leaving`), guests'
//! numbers, how an entry tells something (`telling`), and how often joins and leaves are told (`join_notices`); how members
//! resume (`resume`, `token`), until when (`disconnected`), and the private lines that wait for them meanwhile
//! (`waiting_lines`). What the room knows of people who may not be here (`people`): whose names are (`names`) and how an
//! owner takes over its own ghost (`ghost`), private lines for owners (`delivery`), and what operators order (`order`,
//! `erase`). What it knows of the history that it is kept in (`keeping`, `changes`), and how it comes back from that
//! (`restore`).

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::audience::Audience;
use super::config::{Config, EntranceConfig};
use super::connection::ConnectionId;
use super::erasure::Erasure;
use super::figures::{Said, Throughput};
use super::replay::Gap;
use super::shared::settings::RoomSettings;
use super::transcript::Transcript;
use crate::protocol::name::Name;
use crate::protocol::reply::Notice;
use crate::protocol::tag::{Limits, Millis, Seq};
use changes::Changed;
use disconnected::Disconnected;
use effects::Effects;
use entry::{Author, Entry, Orderer, Outcome, Stamp};
use guest_numbers::GuestNumbers;
use join_notices::{JoinNotices, Sum};
use keeping::Keeping;
use leaving::Gone;
use log::Log;
use members::Members;
use members::member::Member;
use people::People;
use people::invitations::CodeHash;

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
pub(crate) mod keeping;
mod leaving;
pub(crate) mod log;
mod logged;
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
mod telling;
#[cfg(test)]
mod tests;
pub(crate) mod token;
mod waiting_lines;
mod who;

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
    /// The last to leave, newest last; at most [`leaving::MOST_GONE`].
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
            Entry::TellSome(notice, members) => {
                change.announce_to(notice, |id| members.contains(&id));
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

    /// How much was said in the minute before `now`.
    pub(crate) fn said_of_late(&self, now: Millis) -> Said {
        self.throughput.last_minute(now)
    }
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

    fn close(&mut self) -> Outcome {
        self.announce(Notice::ShuttingDown);
        self.room.is_closed = true;
        Outcome::Done
    }
}
