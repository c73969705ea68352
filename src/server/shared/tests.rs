//! A room on several servers: what holds for any groups in any order, with repetitions, dead servers and set-backs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{
    ProptestConfig, Strategy, prop_assert, prop_assert_eq, prop_oneof, proptest,
};

use super::codec::{self, Entries, Header};
use super::set_back::Groups;
use super::snapshot;
use crate::protocol::name::{Likeness, Name, Wanted};
use crate::protocol::proof::KeyHash;
use crate::protocol::reply::LeaveReason;
use crate::protocol::request::{self, Order, Request};
use crate::protocol::tag::{Format, Millis, Seq};
use crate::server::admission::Origin;
use crate::server::audience::MemberId;
use crate::server::config::Config;
use crate::server::connection::ConnectionId;
use crate::server::room::Room;
use crate::server::room::effects::Effects;
use crate::server::room::entry::{Credentials, Encryption, Outcome, Whence};
use crate::server::room::group::{Act, Joining, Logged, Manner, Position, Utterance};
use crate::server::room::groups::Applied;
use crate::server::room::log::Verdict;
use crate::server::room::people::invitations::CodeHash;
use crate::server::room::token::TokenHash;

const NAMES: [&str; 6] = ["alice", "ALICE", "\u{430}lice", "bob", "will", "vvill"];

/// The room's number.
const ROOM: u64 = 77;

/// What operators order here. Where no member may, the server's own keyboard does.
const ORDERS: [&str; 10] = [
    "/kick alice go",
    "/mute bob 1m loud",
    "/unmute bob",
    "/ban will 5s",
    "/unban will",
    "/op alice",
    "/topic hello",
    "/erase bob 1h",
    "/ban 192.0.2.1 3s",
    "/allow bob",
];

#[derive(Debug, Clone)]
enum Step {
    Join { server: usize, name: Option<usize>, is_tagged: bool },
    Say { client: usize, lines: u64 },
    Whisper { client: usize, to: usize },
    Rename { client: usize, name: usize },
    Tag { client: usize },
    Resume { client: usize, server: usize, back: u64 },
    Lost { client: usize },
    Leave { client: usize },
    Register { client: usize },
    Order { server: usize, client: Option<usize>, order: usize },
    Invite { server: usize },
    Bye { server: usize },
    Beat { server: usize },
    Repeat { group: usize },
    Wait { millis: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    let (server, client) = (|| 0..3_usize, || 0..8_usize);
    let name = || 0..NAMES.len();
    prop_oneof![
        5 => (server(), option::of(name()), proptest::bool::ANY)
            .prop_map(|(server, name, is_tagged)| Step::Join { server, name, is_tagged }),
        8 => (client(), 1..4_u64).prop_map(|(client, lines)| Step::Say { client, lines }),
        3 => (client(), name()).prop_map(|(client, to)| Step::Whisper { client, to }),
        2 => (client(), name()).prop_map(|(client, name)| Step::Rename { client, name }),
        1 => client().prop_map(|client| Step::Tag { client }),
        5 => (client(), server(), 0..6_u64)
            .prop_map(|(client, server, back)| Step::Resume { client, server, back }),
        2 => client().prop_map(|client| Step::Lost { client }),
        1 => client().prop_map(|client| Step::Leave { client }),
        2 => client().prop_map(|client| Step::Register { client }),
        3 => (server(), option::of(client()), 0..ORDERS.len())
            .prop_map(|(server, client, order)| Step::Order { server, client, order }),
        1 => server().prop_map(|server| Step::Invite { server }),
        1 => server().prop_map(|server| Step::Bye { server }),
        5 => server().prop_map(|server| Step::Beat { server }),
        3 => (0..99_usize).prop_map(|group| Step::Repeat { group }),
        4 => (0..9_000_u64).prop_map(|millis| Step::Wait { millis }),
    ]
}

/// A client's connection. One that was taken over goes on to send.
#[derive(Debug, Clone)]
struct Client {
    /// On which server it is.
    server: usize,
    /// Its number there.
    connection: u32,
    /// What it resumes with.
    token: TokenHash,
    /// How many lines it has sent.
    sent: u64,
    /// Tells it from all others, over all of its connections.
    uid: u64,
}

/// A server, as the log knows it.
#[derive(Debug, Clone)]
struct Server {
    producer: u64,
    number: u64,
    connections: u32,
}

/// Groups, and where they are.
type Log = Vec<(Position, Vec<u8>)>;

/// A log, a room that has applied all of it, and who writes to it.
struct World {
    log: Log,
    clock: u64,
    engine: u64,
    servers: Vec<Server>,
    clients: Vec<Client>,
    room: Room,
    /// How many servers and clients there ever were.
    ever: u64,
    /// Which client a member's number was given to.
    ids: BTreeMap<MemberId, u64>,
    /// Which event had a number, and when it was.
    numbers: BTreeMap<Seq, (Millis, String)>,
}

fn config(memory: usize, replay: usize) -> Config {
    let keep_names = Some(Duration::from_secs(20));
    let away_timeout = Duration::from_secs(5);
    let mut config = Config { memory, replay, keep_names, away_timeout, ..Config::default() };
    config.entrance.invited = true;
    config
}

fn named(name: usize) -> (Name, Likeness) {
    let name = Name::parse(NAMES[name]).expect("a name");
    (name.clone(), name.likeness())
}

/// The key of a client, if it has one.
fn key_of(uid: u64) -> Option<KeyHash> {
    (!uid.is_multiple_of(3)).then(|| KeyHash::from_bytes([(uid % 3) as u8; 32]))
}

fn whence(host: u64) -> Whence {
    let address = Some([192, 0, 2, (host % 3) as u8].into());
    Whence { encryption: Encryption::Loopback, address, origin: address.map(Origin::of) }
}

impl World {
    fn new() -> World {
        let mut world = World {
            log: Vec::new(),
            clock: 1_000_000,
            engine: 1,
            servers: Vec::new(),
            clients: Vec::new(),
            room: Room::shared(&config(1 << 20, 0), ROOM),
            ever: 0,
            ids: BTreeMap::new(),
            numbers: BTreeMap::new(),
        };
        for _ in 0..3 {
            world.start();
        }
        world
    }

    /// A server that comes. Which one it is.
    fn start(&mut self) -> usize {
        self.ever += 1;
        // Random numbers have no order.
        let producer = self.ever.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.servers.push(Server { producer, number: 0, connections: 0 });
        let server = self.servers.len() - 1;
        self.send(server, vec![(0, 0, Act::Hello { server: "chat", version: "1", settings: 0 })]);
        server
    }

    fn group(&mut self, server: usize, entries: Vec<(u32, u64, Act<'_>)>) -> Vec<u8> {
        let server = &mut self.servers[server];
        server.number += 1;
        let mut bytes = Entries::default();
        for (connection, line, act) in entries {
            assert!(bytes.push(&Logged { connection, line, act }));
        }
        let (producer, number) = (server.producer, server.number);
        let seen = self.log.last().map(|(position, _)| *position).unwrap_or_default();
        bytes.group(&Header { room: ROOM, engine: self.engine, producer, number, seen })
    }

    fn send(&mut self, server: usize, entries: Vec<(u32, u64, Act<'_>)>) -> Applied {
        let bytes = self.group(server, entries);
        self.append(bytes)
    }

    fn append(&mut self, bytes: Vec<u8>) -> Applied {
        let position = Position { ms: self.clock, n: self.log.len() as u64 };
        let applied = apply(&mut self.room, position, &bytes, None);
        self.log.push((position, bytes));
        applied
    }

    /// Whether no number of an event or of a member was given to another one before.
    fn note_numbers(&mut self) {
        for (seq, event) in events_and_times(&mut self.room, 0) {
            let before = self.numbers.entry(seq).or_insert_with(|| event.clone());
            assert_eq!(*before, event, "event {seq}");
        }
        for Client { server, connection, uid, .. } in &self.clients {
            let producer = self.servers[*server].producer;
            let connection = ConnectionId { producer, number: *connection };
            if let Some(id) = self.room.member_over(connection) {
                let before = *self.ids.entry(id).or_insert(*uid);
                // An owner takes the place of its own ghost.
                let is_owner = key_of(*uid).is_some() && key_of(*uid) == key_of(before);
                assert!(before == *uid || is_owner, "{id:?} was {before}'s, and is {uid}'s");
            }
        }
    }

    /// The log is set back, and taken by another process of the engine, so many milliseconds later.
    fn set_back(&mut self, kept: usize, pause: u64) {
        self.log.truncate(kept);
        self.engine += 1;
        self.clock += pause;
        self.room = room_of(&self.log);
    }

    /// Members of those servers alone join and talk, and the others' write nothing.
    fn play_at(&mut self, servers: &[usize], steps: &[Step]) {
        for (step, &server) in steps.iter().zip(servers.iter().cycle()) {
            match step {
                Step::Join { name, is_tagged, .. } => self.join(server, *name, *is_tagged),
                Step::Say { .. } => {
                    let own = self.clients.iter().position(|client| client.server == server);
                    own.into_iter().for_each(|client| self.act(step, client));
                }
                _ => drop(self.send(server, Vec::new())),
            }
            self.note_numbers();
        }
    }

    /// A server that had applied the log as it was in `groups`, and whose room was `old`, finds the log set back. The
    /// room that it goes on with.
    fn come_back(
        &mut self,
        server: usize,
        groups: &Groups,
        old: &Room,
        (unread, lost): (&[(Position, Vec<u8>)], u32),
    ) -> Room {
        let mut search = groups.search();
        while let Some(position) = search.next() {
            let there = self.log.iter().find(|(at, _)| *at == position);
            let begin = self.log.first().map(|(at, _)| *at);
            search.found(groups.judge(position, there.map(|(_, bytes)| &bytes[..]), begin));
        }
        let kept = search.loss().map_or(groups.last(), |loss| loss.kept).unwrap_or_default();
        let new = room_of(&self.log);
        let common = self.log.partition_point(|(at, _)| *at <= kept);
        let before = room_of(&self.log[..common]);
        let (kept_facts, has_lost_lines) = (before.facts(), old.said() > before.said());
        let producer = self.servers[server].producer;
        // Some of its clients have gone meanwhile.
        let is_alive = |connection: u32| connection % 4 != lost;
        let mut entries: Vec<Logged<'_>> = vec![old.back(producer, kept, has_lost_lines)];
        entries.extend(old.lost_by(&new, producer, is_alive, &kept_facts));
        // What it had proposed, and has not read back by now, it proposes again.
        let own = unread.iter().filter(|it| !self.log.contains(it)).filter_map(|(_, bytes)| {
            codec::decode(bytes).ok().filter(|group| group.producer == producer)
        });
        let may_be_proposed =
            |it: &Logged<'_>| matches!(it.act, Act::Speak(_) | Act::Whisper { .. });
        entries.extend(own.flat_map(|group| group.entries).filter(may_be_proposed));
        self.ever += 1;
        self.servers[server].producer = self.ever.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.servers[server].number = 0;
        // Two in a group, so that others' come between.
        for entries in entries.chunks(2) {
            let entries = entries.iter().cloned();
            let entries = entries.map(|it| (it.connection, it.line, it.act)).collect();
            assert_eq!(self.send(server, entries).verdict, Verdict::Applied);
        }
        self.clients.retain(|it| it.server != server || it.connection % 4 != lost);
        new
    }

    /// A server whose room was `old` tells of the members of others, which do not come back.
    fn tell_of_absent(&mut self, server: usize, (old, new): (&Room, &Room), absent: &[u64]) {
        for producer in absent {
            for it in old.left_behind_by(new, *producer) {
                self.send(server, vec![(it.connection, it.line, it.act)]);
            }
        }
    }

    fn play(&mut self, step: &Step) {
        match *step {
            Step::Join { server, name, is_tagged } => self.join(server, name, is_tagged),
            Step::Wait { millis } => self.clock += millis,
            Step::Beat { server } => drop(self.send(server, Vec::new())),
            Step::Repeat { group } => {
                let (_, bytes) = self.log[group % self.log.len()].clone();
                self.append(bytes);
            }
            Step::Bye { server } => {
                self.send(server, vec![(0, 0, Act::Bye)]);
                self.ever += 1;
                self.servers[server].producer = self.ever;
                self.servers[server].number = 0;
            }
            Step::Invite { server } => {
                let act = Act::Invite { code: CodeHash([5; 32]), time: Duration::from_secs(9) };
                self.send(server, vec![(0, 0, act)]);
            }
            Step::Order { server, client: None, order } => self.order(server, 0, 0, order),
            Step::Say { client, .. }
            | Step::Whisper { client, .. }
            | Step::Rename { client, .. }
            | Step::Tag { client }
            | Step::Resume { client, .. }
            | Step::Lost { client }
            | Step::Leave { client }
            | Step::Register { client }
            | Step::Order { client: Some(client), .. } => {
                if !self.clients.is_empty() {
                    self.act(step, client % self.clients.len());
                }
            }
        }
    }

    fn order(&mut self, server: usize, connection: u32, line: u64, order: usize) {
        let Ok(Request::Order(order)) = request::parse(ORDERS[order]) else { panic!("an order") };
        let named = |order: &Order<'_>| Name::parse(order.name()?).ok();
        let whom = named(&order).map(|name| (name.clone(), name.likeness()));
        self.send(server, vec![(connection, line, Act::Order { order, whom })]);
    }

    fn join(&mut self, server: usize, name: Option<usize>, is_tagged: bool) {
        self.ever += 1;
        self.servers[server].connections += 1;
        let connection = self.servers[server].connections;
        let mut token = [0; 32];
        token[..8].copy_from_slice(&self.ever.to_le_bytes());
        let token = TokenHash(token);
        let key = key_of(self.ever);
        let joining = Joining {
            format: if is_tagged { Format::Tagged } else { Format::Plain },
            whence: whence(self.ever),
            credentials: Credentials { key, may_claim: true, ..Credentials::default() },
            is_let_in: false,
            token: is_tagged.then_some(token),
            wanted: name.map(named),
        };
        self.send(server, vec![(connection, 0, Act::Join(joining))]);
        let uid = self.ever;
        self.clients.push(Client { server, connection, token, sent: 0, uid });
    }

    fn act(&mut self, step: &Step, which: usize) {
        self.clients[which].sent += 1;
        let Client { server, connection, token, sent: line, uid } = self.clients[which];
        let producer = self.servers[server].producer;
        let tell = |line: u64| format!("{producer:x}.{connection}: {line}");
        match *step {
            Step::Say { lines, .. } => {
                let texts: Vec<_> = (line..line + lines).map(tell).collect();
                let line = line + lines - 1;
                self.clients[which].sent = line;
                let said = |text: &String| {
                    let manner =
                        if text.len().is_multiple_of(3) { Manner::Done } else { Manner::Said };
                    Utterance { manner, text: &text.clone().leak()[..] }
                };
                let mut said: Vec<_> = texts.iter().map(said).collect();
                if lines > 1 {
                    said[0] = Utterance { manner: Manner::Silent, text: "" };
                }
                self.send(server, vec![(connection, line, Act::Speak(said))]);
            }
            Step::Whisper { to, .. } => {
                let wanted = Wanted::of(NAMES[to]).expect("it is short");
                let act = Act::Whisper { to: NAMES[to], wanted, text: &tell(line) };
                self.send(server, vec![(connection, line, act)]);
            }
            Step::Rename { name, .. } => {
                let credentials = Credentials { may_claim: true, ..Credentials::default() };
                let act = Act::Rename { named: named(name), credentials };
                self.send(server, vec![(connection, line, act)]);
            }
            Step::Tag { .. } => {
                let act = Act::Tag { token: Some(token), key: None };
                self.send(server, vec![(connection, line, act)]);
            }
            Step::Resume { server, back, .. } => {
                self.servers[server].connections += 1;
                let connection = self.servers[server].connections;
                let seen = self.room.transcript().end().saturating_sub(back);
                let act = Act::Resume { whence: whence(self.ever), token, seen };
                let applied = self.send(server, vec![(connection, 0, act)]);
                let resumed = applied.outcomes.into_iter().find_map(|(_, _, outcome)| {
                    if let Outcome::Resumed { taken, .. } = outcome { Some(taken) } else { None }
                });
                if let Some(sent) = resumed {
                    self.clients.push(Client { server, connection, token, sent, uid });
                }
            }
            Step::Lost { .. } => drop(self.send(server, vec![(connection, line, Act::Lost)])),
            Step::Leave { .. } => {
                let act = Act::Leave(LeaveReason::Quit("bye"));
                self.send(server, vec![(connection, line, act)]);
            }
            Step::Register { .. } => {
                let act = Act::Register { password: "$argon2id$" };
                self.send(server, vec![(connection, line, act)]);
            }
            Step::Order { order, .. } => self.order(server, connection, line, order),
            _ => {}
        }
    }
}

/// Applies a group, for the connections of that server, or of the one that has sent it.
fn apply(room: &mut Room, position: Position, bytes: &[u8], of: Option<u64>) -> Applied {
    let group = codec::decode(bytes).expect("it is whole");
    let mut effects = Effects::of(of.unwrap_or(group.producer));
    room.apply_group(position, bytes.len(), &group, &mut effects)
}

/// The room that has applied these groups, as a server that has another number and remembers less.
fn room_of(log: &[(Position, Vec<u8>)]) -> Room {
    let mut room = Room::shared(&config(1 << 22, 9), ROOM);
    go_on(&mut room, log);
    room
}

fn go_on(room: &mut Room, log: &[(Position, Vec<u8>)]) {
    for (position, bytes) in log {
        apply(room, *position, bytes, Some(1));
    }
}

/// What a server remembers of these groups.
fn groups_of(log: &[(Position, Vec<u8>)]) -> Groups {
    let mut groups = Groups::default();
    log.iter().for_each(|(position, bytes)| groups.push(*position, bytes));
    groups
}

/// All events of a room from that number on, but for erased ones.
fn events(room: &mut Room, from: Seq) -> Vec<(Seq, String)> {
    events_and_times(room, from).into_iter().map(|(seq, (_, line))| (seq, line)).collect()
}

/// The same with their times.
fn events_and_times(room: &mut Room, from: Seq) -> Vec<(Seq, (Millis, String))> {
    room.transcript_mut().seal();
    let mut events = Vec::new();
    for batch in room.transcript().read(from, usize::MAX) {
        let shown = batch.events().filter(|it| it.seq >= from && batch.has_line(it.seq));
        events.extend(shown.map(|event| (event.seq, (event.at, event.line.to_owned()))));
    }
    events
}

/// The names that are had, without case and as they look.
fn assert_no_name_is_had_twice(room: &Room) {
    let listed: Vec<_> = room.list().into_iter().map(|(_, listed)| listed.name).collect();
    for (place, one) in listed.iter().enumerate() {
        let is_like = |other: &Name| other.likeness().is_like(&one.likeness());
        assert!(!listed[..place].iter().any(is_like), "{listed:?}");
    }
}

fn assert_no_line_is_said_twice(events: &[(Seq, String)]) {
    let said = events.iter().filter(|(_, line)| line.starts_with('<') || line.starts_with("* "));
    let mut seen = BTreeSet::new();
    for (_, line) in said {
        let text = line.trim_start_matches("* ").split_once(' ').expect("a name and a text").1;
        assert!(seen.insert(text), "{line} in {events:#?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn all_servers_have_the_same_room_whatever_comes_twice_and_whoever_dies(
        steps in vec(step(), 1..80),
        cut in 0..200_usize,
    ) {
        let mut world = World::new();
        for step in &steps {
            let speaking: BTreeSet<_> = world.servers.iter().flat_map(|server| {
                let own = world.room.connections(server.producer);
                own.map(|(_, it)| format!("{:x}.{}", server.producer, it.number)).collect::<Vec<_>>()
            }).collect();
            let before = world.room.transcript().end();
            world.play(step);
            assert_no_name_is_had_twice(&world.room);
            prop_assert!(world.room.transcript().end() >= before);
            // Nobody speaks over a connection that speaks for nobody.
            for (_, line) in events(&mut world.room, before) {
                if let Some((_, rest)) = line.split_once("> ").filter(|_| line.starts_with('<')) {
                    let (from, _) = rest.split_once(": ").expect("it was said here");
                    prop_assert!(speaking.contains(from), "{line} {speaking:?}");
                }
            }
        }
        let all = events(&mut world.room, 0);
        assert_no_line_is_said_twice(&all);
        // Another server's room is the same, and so is that of one that came later.
        let bytes = snapshot::encode(&world.room);
        let mut whole = room_of(&world.log);
        prop_assert_eq!(snapshot::encode(&whole), &bytes[..]);
        prop_assert_eq!(events(&mut whole, 0), all);
        let (first, rest) = world.log.split_at(cut.min(world.log.len()));
        let half = room_of(first);
        let written = snapshot::encode(&half);
        let mut late = snapshot::decode(&config(1 << 20, 3), &written).expect("it was written so");
        prop_assert_eq!(snapshot::encode(&late), written);
        let from = half.transcript().end();
        go_on(&mut late, rest);
        prop_assert_eq!(snapshot::encode(&late), bytes);
        prop_assert_eq!(late.digest(), world.room.digest());
        if !first.is_empty() {
            prop_assert_eq!(events(&mut late, from), events(&mut whole, from));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn after_a_set_back_no_number_is_given_twice_and_survivors_and_newcomers_have_the_same_room(
        before in vec(step(), 1..50),
        meanwhile in vec(step(), 0..12),
        after in vec(step(), 0..30),
        kept in 0..60_usize,
        applied in vec(0..40_usize, 3),
        survive in vec(proptest::bool::ANY, 3),
        is_newcomer_first: bool,
        lost in 0..5_u32,
    ) {
        let mut world = World::new();
        for step in &before {
            world.play(step);
            world.note_numbers();
        }
        // What each server had applied, and whether it survives; of an empty log one has to.
        let old = std::mem::take(&mut world.log);
        let rooms: Vec<_> = applied.iter().map(|lag| old.len().saturating_sub(*lag)).collect();
        let kept = kept.min(old.len());
        let is_survivor = |server: usize| survive[server] || (kept == 0 && server == 0);
        let survivors: Vec<_> = (0..3).filter(|server| is_survivor(*server)).collect();
        let absent = (0..3).filter(|server| !is_survivor(*server));
        let absent: Vec<_> = absent.map(|server| world.servers[server].producer).collect();
        world.log.clone_from(&old);
        world.set_back(kept, 1_000);
        world.clients.retain(|client| is_survivor(client.server));
        let newcomer = (is_newcomer_first && kept > 0).then(|| world.start());
        if newcomer.is_some() {
            world.join(3, Some(0), true);
            for step in &meanwhile {
                if let Step::Join { name, is_tagged, .. } = *step {
                    world.join(3, name, is_tagged);
                    world.note_numbers();
                }
            }
        }
        let mut survived = Vec::new();
        for server in survivors {
            let known = &old[..rooms[server]];
            let (groups, room) = (groups_of(known), room_of(known));
            let said_here = format!(" {:x}.", world.servers[server].producer);
            let unread = &old[rooms[server]..];
            let new = world.come_back(server, &groups, &room, (unread, lost));
            let from = new.log().expect("it is shared").position();
            survived.push((server, said_here, room, new, from));
            world.note_numbers();
        }
        for (server, _, old, new, _) in &survived {
            world.tell_of_absent(*server, (old, new), &absent);
            world.note_numbers();
        }
        if newcomer.is_none() {
            world.start();
        }
        for step in &after {
            world.play(step);
            world.note_numbers();
            assert_no_name_is_had_twice(&world.room);
        }
        // All have the same room in the end, and survivors have what they had before besides.
        let bytes = snapshot::encode(&world.room);
        let mut late = room_of(&world.log);
        prop_assert_eq!(&snapshot::encode(&late), &bytes);
        for (_, said_here, old, mut new, from) in survived {
            let rest = world.log.partition_point(|(position, _)| *position <= from);
            let end = old.transcript().end();
            for (position, group) in &world.log[rest..] {
                apply(&mut new, *position, group, Some(1));
            }
            let has_jumped = new.transcript().end() >= end;
            prop_assert!(has_jumped, "the numbers have not jumped past those that were shown");
            new.take_the_place_of(old, 0);
            prop_assert_eq!(&snapshot::encode(&new), &bytes);
            let all = events(&mut new, 0);
            prop_assert!(all.is_sorted_by(|(one, _), (other, _)| one < other));
            prop_assert_eq!(events(&mut new, end), events(&mut late, end));
            // What its own clients have said it knows to be said; others' it may see again.
            let own = all.into_iter().filter(|(_, line)| line.contains(&said_here));
            assert_no_line_is_said_twice(&own.collect::<Vec<_>>());
        }
        let all = events(&mut late, 0);
        assert_no_line_is_said_twice(&all);
        prop_assert_eq!(all, events(&mut world.room, 0));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn after_two_set_backs_in_a_row_no_number_is_given_twice_whoever_comes_back_first(
        before in vec(step(), 1..30),
        between in vec(step(), 0..20),
        after in vec(step(), 0..20),
        kept in (0..60_usize, 0..80_usize),
        applied in (vec(0..20_usize, 3), vec(0..20_usize, 3)),
        is_back in vec(proptest::bool::ANY, 3),
        first in 0..3_usize,
        pauses in (1..4_000_u64, 1..4_000_u64),
    ) {
        let mut world = World::new();
        for step in &before {
            world.play(step);
            world.note_numbers();
        }
        let old = world.log.clone();
        let lagging = |log: &Log, lag: usize| log[..log.len().saturating_sub(lag)].to_vec();
        let mut known: Vec<_> = applied.0.iter().map(|&lag| lagging(&old, lag)).collect();
        let mut rooms: Vec<_> = known.iter().map(|known| room_of(known)).collect();
        world.set_back(kept.0.min(old.len()), pauses.0);
        // Some come back and show what is said, and the log loses that as well before the others do.
        let back: Vec<_> = (0..3).filter(|server| is_back[*server] || *server == first).collect();
        for &server in &back {
            world.come_back(server, &groups_of(&known[server]), &rooms[server], (&[], 4));
            world.note_numbers();
        }
        world.play_at(&back, &between);
        let branch = std::mem::take(&mut world.log);
        for &server in &back {
            known[server] = lagging(&branch, applied.1[server]);
            let before = std::mem::replace(&mut rooms[server], room_of(&known[server]));
            rooms[server].take_the_place_of(before, 0);
        }
        world.log.clone_from(&branch);
        world.set_back(kept.1.min(branch.len()), pauses.1);
        let servers = [0, 1, 2].map(|turn| (first + turn) % 3);
        for server in servers {
            let is_back = back.contains(&server);
            let lost = if is_back { &branch[known[server].len()..] } else { &[] };
            let groups = groups_of(&known[server]);
            let new = world.come_back(server, &groups, &rooms[server], (lost, 4));
            world.note_numbers();
            let from = new.log().expect("it is shared").position();
            world.play_at(&[server], &between);
            // It goes on behind all that it has seen, and from there on all have the same.
            let (mut new, end) = (new, rooms[server].transcript().end());
            go_on(&mut new, &world.log[world.log.partition_point(|(it, _)| *it <= from)..]);
            prop_assert!(new.transcript().end() >= end);
            let before = std::mem::replace(&mut rooms[server], room_of(&[]));
            new.take_the_place_of(before, 0);
            prop_assert_eq!(events(&mut new, end), events(&mut world.room, end));
            prop_assert!(events(&mut new, 0).is_sorted_by(|(one, _), (other, _)| one < other));
        }
        for step in &after {
            world.play(step);
            world.note_numbers();
            assert_no_name_is_had_twice(&world.room);
        }
        let bytes = snapshot::encode(&world.room);
        prop_assert_eq!(snapshot::encode(&room_of(&world.log)), bytes);
    }
}
