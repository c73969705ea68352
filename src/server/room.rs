//! The room: who is here, under what name, and what is said. It holds no lock and no socket's thread; the
//! hub applies one operation after the other to it, so each of them and what follows from it happen at one
//! place in the one order of events.
//!
//! Its parts: who may resume (`resume`) and until when (`disconnected`), the private lines that wait for
//! disconnected members (`waiting_lines`), guests' numbers, and how often joins and leaves are told
//! (`join_notices`).

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt::Display;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::audience::{Audience, Envelope, Kind, MemberId, Recipient};
use super::chunk::Chunk;
use super::config::Config;
use super::connection::{Connection, ConnectionId};
use super::figures::{HELD_FOR, Said, Throughput};
use super::rendering::tag;
use super::replay::Replay;
use super::system::{instant, now};
use super::transcript::Transcript;
use crate::protocol::name::{Likeness, Name, Wanted};
use crate::protocol::reply::{LeaveReason, Listed, Notice, Refusal, Speech};
use crate::protocol::tag::{Body, Format, Seq};
use disconnected::Disconnected;
use guest_numbers::GuestNumbers;
use join_notices::{JoinNotices, Move, Sum};
use resume::Resumable;

mod disconnected;
mod guest_numbers;
mod join_notices;
pub(crate) mod resume;
mod waiting_lines;

/// How many of those who have left are remembered, to be told apart from those who never were here.
const MOST_GONE: usize = 20;

/// Everything that the members share.
#[derive(Debug)]
pub(crate) struct Room {
    /// Those who are here, with a connection or without.
    members: BTreeMap<MemberId, Member>,
    /// Those of them who have no connection, and until when they may resume.
    disconnected: Disconnected,
    /// How many members may be disconnected at a time.
    max_disconnected: usize,
    /// How many joins and leaves were told one by one of late.
    join_notices: JoinNotices,
    /// Who left last, newest last; at most [`MOST_GONE`].
    gone: VecDeque<Likeness>,
    /// The numbers in guests' names that are taken.
    guest_numbers: GuestNumbers,
    /// The next member's.
    next_id: u64,
    /// How many of the last lines a new member is shown.
    replay: usize,
    /// The events, in their one order.
    transcript: Transcript,
    /// How much was said of late.
    throughput: Throughput,
    /// What the connections' readers have to be told, until the broadcaster takes it.
    effects: Effects,
    /// Connections that are shown something again and have not taken it yet.
    replaying: Vec<ConnectionId>,
    /// How many bytes of answers the connections have not taken yet that are due some.
    owed: HashMap<ConnectionId, usize>,
    /// The last word has been said: nothing is appended any more.
    is_closed: bool,
}

/// A member, as the others find it.
#[derive(Debug)]
struct Member {
    /// As it is spelled.
    name: Name,
    /// What the name looks like, by which it is found and taken.
    likeness: Likeness,
    /// How it may resume, if it gets the tagged form.
    resumable: Option<Resumable>,
    /// Until when it is told of this member that it is held back, if it has been.
    held_until: Option<Instant>,
}

/// One who joins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Newcomer<'a> {
    /// Over which it is served.
    pub(crate) connection: &'a Arc<Connection>,
    /// How it gets its lines.
    pub(crate) format: Format,
    /// How many of its lines were taken.
    pub(crate) taken: u64,
}

/// One who has joined.
#[derive(Debug)]
pub(crate) struct Joined {
    /// Its number.
    pub(crate) id: MemberId,
    /// The name that it has.
    pub(crate) name: Name,
    /// How many are here now.
    pub(crate) here: usize,
}

/// What the broadcaster is told besides the events.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    /// Who is served from now on.
    pub(crate) arrivals: Vec<Arrival>,
    /// Up to which event a connection is served that has left.
    pub(crate) departures: Vec<(ConnectionId, Seq)>,
    /// Who gets the tagged form, from which event on.
    pub(crate) taggings: Vec<(ConnectionId, Seq)>,
    /// What a reader is sent before the event with that number.
    pub(crate) asides: Vec<(ConnectionId, Seq, Aside)>,
    /// What a reader is sent between two lines, before all else: answers to its client's telnet.
    pub(crate) telnet_answers: Vec<(ConnectionId, [u8; 3])>,
}

impl Effects {
    fn is_empty(&self) -> bool {
        self.arrivals.is_empty()
            && self.departures.is_empty()
            && self.taggings.is_empty()
            && self.asides.is_empty()
            && self.telnet_answers.is_empty()
    }
}

/// What is for one reader alone and is no event: it has no number, and whoever resumes does not get it
/// again.
#[derive(Debug)]
pub(crate) enum Aside {
    /// Lines as the client gets them: answers, errors, facts for programs.
    Lines(String),
    /// What was said before.
    Replay(Replay),
}

/// A member that the broadcaster has to serve from now on.
#[derive(Debug)]
pub(crate) struct Arrival {
    /// Who it is.
    pub(crate) recipient: Recipient,
    /// Over which it is served.
    pub(crate) connection: Arc<Connection>,
    /// What it is sent before that, line by line.
    pub(crate) greeting: String,
    /// The first event that it may get.
    pub(crate) from: Seq,
    /// How many bytes of lines are before that.
    pub(crate) offset: u64,
}

/// What a member's line becomes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Author<'a> {
    /// Who says it.
    pub(crate) id: MemberId,
    /// Under which name.
    pub(crate) name: &'a Name,
    /// Over which it is answered, and in which format.
    pub(crate) connection: ConnectionId,
    /// How it gets its lines.
    pub(crate) format: Format,
    /// The envelope of what it says to the others, with the receipt for the line.
    pub(crate) said: Envelope,
}

impl Room {
    /// An empty room.
    pub(crate) fn new(config: &Config) -> Room {
        Room {
            members: BTreeMap::new(),
            disconnected: Disconnected::new(config.away_timeout),
            max_disconnected: config.max_clients,
            join_notices: JoinNotices::new(instant()),
            gone: VecDeque::new(),
            guest_numbers: GuestNumbers::default(),
            next_id: 1,
            replay: config.replay,
            transcript: Transcript::new(config.memory),
            throughput: Throughput::default(),
            effects: Effects::default(),
            replaying: Vec::new(),
            owed: HashMap::new(),
            is_closed: false,
        }
    }

    /// Tells everyone that the server shuts down. Nothing is said after that.
    pub(crate) fn close(&mut self) {
        self.tell(Audience::All, Notice::ShuttingDown);
        self.is_closed = true;
    }

    /// Whether the last word has been said.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Whether there is something that the broadcaster has not taken.
    pub(crate) fn has_news(&self) -> bool {
        self.transcript.unsealed() > 0 || !self.effects.is_empty()
    }

    /// Takes what the readers have to be told.
    pub(crate) fn take_effects(&mut self) -> Effects {
        std::mem::take(&mut self.effects)
    }

    /// When there is going to be more, if nobody brings anything.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.join_notices.due().into_iter().chain(self.disconnected.due()).min()
    }

    /// Does what has become due, and says who has left by that: disconnected members whose time is over.
    pub(crate) fn expire(&mut self) -> Vec<Name> {
        let gone = self.part_with_disconnected();
        if let Some(Sum { joined, left }) = self.join_notices.take_sum(instant()) {
            self.tell(Audience::All, Notice::CameAndWent { joined, left });
        }
        gone
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
        (self.members.len(), self.disconnected.count())
    }

    /// What was said in the last minute.
    pub(crate) fn said_of_late(&self) -> Said {
        self.throughput.last_minute(now())
    }

    /// Who is held back, or was a moment ago.
    pub(crate) fn held_back(&self) -> Vec<Name> {
        let is_held = |member: &&Member| member.held_until.is_some_and(|until| until > instant());
        self.members.values().filter(is_held).map(|member| member.name.clone()).collect()
    }

    /// Everybody here, each with the key by which names are sorted.
    pub(crate) fn list(&self) -> Vec<(String, Listed)> {
        let copied = |member: &Member| {
            let listed = Listed { name: member.name.clone(), is_away: member.is_disconnected() };
            (member.likeness.sort_key().to_owned(), listed)
        };
        self.members.values().map(copied).collect()
    }

    /// Takes a new member in and shows it the last lines: under the name that it wants if that is free,
    /// and else as a guest. `None` if that name is somebody else's and the newcomer gets the tagged form:
    /// a program joins under no other.
    pub(crate) fn join(
        &mut self,
        wanted: Option<(Name, Likeness)>,
        newcomer: Newcomer<'_>,
    ) -> Option<Joined> {
        let is_wanted = wanted.is_some();
        let free = wanted.filter(|(_, likeness)| self.is_free(likeness, None));
        if is_wanted && free.is_none() && newcomer.format == Format::Tagged {
            return None;
        }
        let (name, likeness) = free.unwrap_or_else(|| self.guest());
        let id = self.next_id();
        self.admit(id, &name, likeness, newcomer);
        Some(Joined { id, name, here: self.members.len() })
    }

    fn admit(&mut self, id: MemberId, name: &Name, likeness: Likeness, newcomer: Newcomer<'_>) {
        let format = newcomer.format;
        let others = self.members.len();
        let away = self.members.values().filter(|member| member.is_disconnected()).count();
        self.tell_move(Move::Join, id, Notice::Joined(name));
        let replay = Replay::newest(format, self.transcript.newest(id, self.replay));
        let (from, connection) = (self.transcript.end(), Arc::clone(newcomer.connection));
        self.answer(connection.id(), format, Notice::YouAre { name, others, away });
        let resumable = match format {
            Format::Plain => None,
            Format::Tagged => Some(self.make_resumable(name, &connection, newcomer.taken)),
        };
        let member = Member { name: name.clone(), likeness, resumable, held_until: None };
        self.members.insert(id, member);
        if !replay.is_empty() {
            self.replay(connection.id(), replay);
        }
        let recipient = Recipient { member: id, format };
        let offset = self.transcript.offset(from);
        let arrival = Arrival { recipient, connection, greeting: String::new(), from, offset };
        self.effects.arrivals.push(arrival);
    }

    /// Appends what a member says, and answers its connection.
    pub(crate) fn append(&mut self, connection: ConnectionId, chunk: &mut Chunk) {
        if self.is_closed {
            return;
        }
        let first = self.transcript.end();
        let (events, said) = chunk.events();
        if !events.is_empty() {
            let now = now();
            self.transcript.append(events, now);
            self.throughput.add(said, now);
        }
        for (index, lines) in chunk.take_answers() {
            self.push_answer(connection, first + Seq::from(index), lines);
        }
    }

    /// Says `text` to the member called `to` alone.
    pub(crate) fn whisper<'a>(
        &mut self,
        from: Author<'_>,
        to: &'a str,
        wanted: &Wanted,
        text: &str,
    ) -> Result<(), Refusal<'a>> {
        let Some((id, reader)) = self.find(wanted) else {
            let has_left = self.has_just_left(wanted);
            return Err(if has_left { Refusal::HasLeft(to) } else { Refusal::NobodyHere(to) });
        };
        if id == from.id {
            return Err(Refusal::WhisperToSelf);
        }
        let name = reader.name.clone();
        let to_reader = Envelope { audience: Audience::Only(id), ..from.said };
        let to_author = Envelope::new(Audience::Only(from.id), Kind::Said);
        self.push(to_reader, Speech::ToYou(from.name, text));
        self.push(to_author, Speech::FromYou(&name, text));
        self.throughput.add(Said::of(text), now());
        if self.count_waiting(id, from.id) {
            self.tell(Audience::Only(from.id), Notice::IsAway(&name));
        }
        Ok(())
    }

    /// Gives a member another name, and tells everyone; false if nobody is told anything any more.
    pub(crate) fn rename<'a>(
        &mut self,
        from: Author<'_>,
        new: &'a Name,
        likeness: Likeness,
    ) -> Result<bool, Refusal<'a>> {
        if self.is_closed {
            return Ok(false);
        }
        if !self.is_free(&likeness, Some(from.id)) {
            return Err(Refusal::NameTaken(new));
        }
        if let Some(member) = self.members.get_mut(&from.id) {
            member.name = new.clone();
            member.likeness = likeness;
        }
        if from.name != new {
            self.on_name_given_up(from.name);
            self.push(from.said, Notice::IsNow { old: from.name, new });
        }
        self.answer(from.connection, from.format, Notice::YouAreNow(new));
        if from.format == Format::Tagged {
            self.answer(from.connection, from.format, Body::Nick(new.as_str()));
        }
        Ok(true)
    }

    /// Takes a member out that leaves, and serves its connection what was appended until now.
    pub(crate) fn leave(
        &mut self,
        member: MemberId,
        connection: ConnectionId,
        name: &Name,
        how: LeaveReason<'_>,
    ) {
        self.effects.departures.push((connection, self.transcript.end()));
        self.part(member, name, how);
    }

    /// The same for one whose connection goes on as another member's.
    pub(crate) fn part(&mut self, member: MemberId, name: &Name, how: LeaveReason<'_>) {
        if let Some(member) = self.members.remove(&member) {
            self.on_left(name, member.likeness);
        }
        self.tell_move(Move::Leave, member, Notice::Left(name, how));
    }

    /// Marks a member as held back, for so long and a while more ([`HELD_FOR`]), so that the figures name
    /// it also between two waits.
    pub(crate) fn mark_held(&mut self, member: MemberId, wait: Duration) {
        if let Some(member) = self.members.get_mut(&member) {
            member.held_until = Some(instant() + wait + HELD_FOR);
        }
    }

    /// Has something shown again to a reader, before what comes next, unless nothing more does.
    pub(crate) fn replay(&mut self, reader: ConnectionId, replay: Replay) {
        if !self.is_closed {
            let at = self.transcript.end();
            self.effects.asides.push((reader, at, Aside::Replay(replay)));
            self.replaying.push(reader);
        }
    }

    /// How many bytes of answers a reader has not taken yet.
    pub(crate) fn owed(&self, reader: ConnectionId) -> usize {
        self.owed.get(&reader).copied().unwrap_or(0)
    }

    /// A reader has taken so many bytes of its answers, or never will take any. Whether it was due some.
    pub(crate) fn on_answered(&mut self, reader: ConnectionId, bytes: usize) -> bool {
        let Some(owed) = self.owed.get_mut(&reader) else { return false };
        *owed = owed.saturating_sub(bytes);
        if *owed == 0 {
            self.owed.remove(&reader);
        }
        true
    }

    /// Whether a reader is shown something again, and has not taken it yet.
    pub(crate) fn is_replaying(&self, reader: ConnectionId) -> bool {
        self.replaying.contains(&reader)
    }

    /// A reader has taken what it was to be shown again, or never will. Whether it was to be shown any.
    pub(crate) fn on_replayed(&mut self, reader: ConnectionId) -> bool {
        let at = self.replaying.iter().position(|&replaying| replaying == reader);
        at.map(|at| self.replaying.swap_remove(at)).is_some()
    }

    /// Has a client's telnet answered, between two lines and as soon as can be.
    pub(crate) fn answer_telnet(&mut self, reader: ConnectionId, answer: [u8; 3]) {
        if !self.is_closed {
            self.effects.telnet_answers.push((reader, answer));
        }
    }

    /// Appends a notice.
    fn tell(&mut self, audience: Audience, line: impl Display) {
        self.push(Envelope::new(audience, Kind::Passing), line);
    }

    /// Answers a connection that gets its lines in this format.
    fn answer(&mut self, reader: ConnectionId, format: Format, line: impl Display) {
        let line = format!("{}{line}\n", tag(format, None, now()));
        self.push_answer(reader, self.transcript.end(), line);
    }

    /// Answers a connection before the event with that number, unless the last word has been said.
    fn push_answer(&mut self, reader: ConnectionId, before: Seq, lines: String) {
        if !self.is_closed {
            *self.owed.entry(reader).or_default() += lines.len();
            self.effects.asides.push((reader, before, Aside::Lines(lines)));
        }
    }

    /// Appends an event that happens now, unless the last word has been said.
    fn push(&mut self, envelope: Envelope, line: impl Display) {
        if !self.is_closed {
            self.transcript.push(envelope, line, now());
        }
    }

    /// Tells the others that a member has come or gone, at once or together with more of them.
    fn tell_move(&mut self, what: Move, member: MemberId, notice: Notice<'_>) {
        if self.join_notices.tells(what, instant()) {
            self.tell(Audience::AllBut(member), notice);
        }
    }

    fn find(&self, wanted: &Wanted) -> Option<(MemberId, &Member)> {
        let is_it = |member: &Member| member.likeness.is_called(wanted);
        self.members.iter().find(|(_, member)| is_it(member)).map(|(&id, member)| (id, member))
    }

    fn next_id(&mut self) -> MemberId {
        self.next_id += 1;
        MemberId(self.next_id - 1)
    }

    /// Remembers who has left.
    fn on_left(&mut self, name: &Name, likeness: Likeness) {
        self.on_name_given_up(name);
        if self.gone.len() == MOST_GONE {
            self.gone.pop_front();
        }
        self.gone.push_back(likeness);
    }

    /// Whether one of that name was among those who left last.
    fn has_just_left(&self, wanted: &Wanted) -> bool {
        self.gone.iter().any(|gone| gone.is_called(wanted))
    }

    /// Whether no member but that one has a name like this.
    fn is_free(&self, wanted: &Likeness, but_for: Option<MemberId>) -> bool {
        let mut others = self.members.iter().filter(|(id, _)| Some(**id) != but_for);
        !others.any(|(_, member)| member.likeness.is_like(wanted))
    }

    /// The next guest's name, and its likeness. Nobody else can have one like that.
    fn guest(&mut self) -> (Name, Likeness) {
        let name = Name::guest(self.guest_numbers.take());
        let likeness = name.likeness();
        (name, likeness)
    }

    /// Nobody has that name any more.
    fn on_name_given_up(&mut self, name: &Name) {
        if let Some(number) = name.guest_number() {
            self.guest_numbers.give_back(number);
        }
    }
}
