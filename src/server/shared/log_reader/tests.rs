//! Servers of one room whose log is set back. The engine is in memory; each server's reader makes a step when a test says
//! so, and its writer too, until that is given a thread of its own.

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::*;
use crate::protocol::name::Name;
use crate::protocol::request::{self, Request};
use crate::protocol::tag::Format;
use crate::server::chunk::Chunk;
use crate::server::config::{SharedConfig, Told};
use crate::server::connection::{Connection, ConnectionId};
use crate::server::hub::log::writing::Task;
use crate::server::hub::membership::Membership;
use crate::server::hub::permit::{Permit, Shown};
use crate::server::hub::round::Following;
use crate::server::room::Room;
use crate::server::room::effects::Aside;
use crate::server::room::entry::Credentials;
use crate::server::room::group::Act;
use crate::server::shared::beginning::Beginning;
use crate::server::shared::codec::VERSION;
use crate::server::shared::engine::{Missing, SNAPSHOTS};
use crate::server::shared::fake::Fake;
use crate::server::shared::log_writer::LogWriter;
use crate::server::shared::meta::{Offer, RoomId};
use crate::server::shared::opening::{self, Opened};
use crate::server::shared::outbox::Outbox;
use crate::server::shared::settings::RoomSettings;
use crate::server::shared::sharing::Sharing;
use crate::server::shared::url::SharedUrl;
use crate::server::utterance::Manner;
use crate::server::waker::Waker;

/// How long anything may take that is waited for.
const DEADLINE: Duration = Duration::from_secs(60);

fn url() -> SharedUrl {
    SharedUrl::parse("redis://cache/lobby").expect("it is one")
}

/// The room, as the next server finds it, or makes it.
fn open(fake: &Fake) -> Opened {
    let offer = Offer {
        settings: RoomSettings::of(&Config::default()),
        told: Told::default(),
        log_bytes: 16 << 20,
        id: RoomId::random().expect("there are random numbers"),
    };
    let opened = opening::join(fake.engine(), &url(), &offer, &mut |_| true);
    opened.expect("it can be shared").expect("the server is to begin")
}

fn hub() -> Arc<Hub> {
    Arc::new(Hub::new(Waker::new().expect("there are pipes"), &Config::default()))
}

/// A server, with one member at most.
struct Server {
    hub: Arc<Hub>,
    reader: LogReader,
    writer: Option<LogWriter>,
    thread: Option<JoinHandle<()>>,
    member: Option<Membership>,
}

impl Server {
    /// One that has begun, and whose writer does nothing by itself.
    fn start(fake: &Fake, producer: u64) -> Server {
        let Opened { engine, agreed, is_ours } = open(fake);
        let hub = hub();
        let mut outbox = Outbox::new(agreed.id.short(), producer);
        if is_ours {
            outbox.begin_log();
        }
        let room = Room::shared(&Config::default(), agreed.id.short());
        hub.share(room, outbox, url(), u64::MAX);
        hub.propose(&Act::Hello { server: "chat", version: "1", settings: 0 });
        let writer = LogWriter::new(hub.clone(), engine.clone(), Config::default());
        let shutdown = Shutdown::new().expect("there are pipes");
        let end = End { shutdown, why: Arc::default() };
        let at = (agreed, Position::START);
        let reader = LogReader::new(hub.clone(), Config::default(), engine, at, end);
        let writer = Some(writer);
        let mut server = Server { hub, reader, writer, thread: None, member: None };
        server.write();
        server.read_until(|hub| hub.wait_for_log(Duration::ZERO).is_ok());
        server
    }

    /// Writes one group, over a new connection if that is broken.
    fn write(&mut self) {
        let writer = self.writer.as_mut().expect("it has no thread");
        while writer.step(self.hub.next_task(None).expect("it goes on")).is_some() {}
    }

    /// Lets the writer write whatever there is from now on.
    fn write_on(&mut self) {
        let writer = self.writer.take().expect("it has no thread");
        self.thread = Some(thread::spawn(move || writer.run()));
    }

    /// Reads until that is so.
    #[track_caller]
    fn read_until(&mut self, is_so: impl Fn(&Hub) -> bool) {
        let deadline = Instant::now() + DEADLINE;
        while !is_so(&self.hub) {
            assert!(Instant::now() < deadline, "it does not come: {:#?}", said(&self.hub));
            self.reader.step().ok();
        }
    }

    /// Reads the log anew from where it is still the same, until this server has come back to it.
    #[track_caller]
    fn recover(&mut self) {
        let deadline = Instant::now() + DEADLINE;
        self.reader.must_recover = true;
        while self.reader.must_recover {
            assert!(Instant::now() < deadline, "it does not come back");
            self.reader.step().ok();
        }
    }

    /// A client joins, over the server's first connection, whose other end is the value.
    fn join(&mut self, name: &str) -> TcpStream {
        let (joining, client) = self.ask_to_join(name, 1);
        self.write();
        while !joining.is_finished() {
            self.reader.step().expect("it is read");
        }
        let joined = joining.join().expect("no panic");
        self.member = Some(joined.expect("the name is free"));
        client
    }

    /// A client joins in the plain form, over the server's second connection.
    fn join_plain(&mut self, name: &str) -> (Membership, TcpStream) {
        let (joining, client) = self.ask_to_join_in(Format::Plain, name, 2);
        self.write();
        while !joining.is_finished() {
            self.reader.step().expect("it is read");
        }
        (joining.join().expect("no panic").expect("the name is free"), client)
    }

    /// A client asks to join over a connection, and waits for what becomes of that. Also the other end of the connection.
    fn ask_to_join(
        &mut self,
        name: &str,
        number: u32,
    ) -> (JoinHandle<Option<Membership>>, TcpStream) {
        self.ask_to_join_in(Format::Tagged, name, number)
    }

    /// The same in one of both forms.
    fn ask_to_join_in(
        &mut self,
        format: Format,
        name: &str,
        number: u32,
    ) -> (JoinHandle<Option<Membership>>, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let stream = TcpStream::connect(address).expect("it listens");
        let (other_end, _) = listener.accept().expect("it connects");
        let (peer, id) = (address, ConnectionId::local(number));
        let connection = Connection::new(id, stream, peer, DEADLINE).expect("a connection");
        let (hub, name) = (self.hub.clone(), Name::parse(name).expect("a name"));
        let joining = thread::spawn(move || {
            let permit = Permit::take(&hub, None).expect("there is a place");
            let (connection, shown) = (
                Arc::new(connection),
                Shown { credentials: Credentials::default(), is_let_in: false },
            );
            let joined = permit.join(Some(&name), &connection, format, 0, shown);
            joined.ok().map(|joined| joined.membership)
        });
        self.wait_for_proposal();
        (joining, other_end)
    }

    /// Waits until something was proposed here.
    fn wait_for_proposal(&self) {
        while self.hub.wait_for_log(Duration::ZERO).is_ok() {
            thread::yield_now();
        }
    }

    /// Keeps a snapshot of its room, and drops what is in the log before that. Readers have to connect anew.
    fn trim(&self, fake: &Fake) {
        let mut link = fake.engine().connect().expect("it is there");
        link.push_snapshot(&self.hub.snapshot()).expect("it is kept");
        link.trim(self.hub.digest().0).expect("it is trimmed");
        fake.break_connections();
    }

    /// The member says something.
    fn say(&mut self, text: &str) {
        self.say_as(1, text);
    }

    /// The same as its line of that number.
    fn say_as(&mut self, line: u64, text: &str) {
        let member = self.member.as_mut().expect("it has joined");
        let mut chunk = Chunk::default();
        chunk.utter(line, Manner::Said, text);
        member.append(&mut chunk, line);
    }

    /// The member says something to one other.
    fn whisper(&mut self, to: &str, line: u64) {
        self.member.as_mut().expect("it has joined").whisper(to, "psst", line);
    }

    /// Finds out that the log was emptied, and does not read back any more what it proposes then.
    fn offer_to_come_back(&mut self, fake: &Fake) {
        self.reader.must_recover = true;
        thread::scope(|scope| {
            let (hub, reader) = (self.hub.clone(), &mut self.reader);
            let recovering = scope.spawn(move || reader.step());
            while !hub.is_coming_back() {
                thread::yield_now();
            }
            fake.break_connections();
            assert!(recovering.join().expect("no panic").is_err());
        });
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.hub.end_log();
        self.hub.close();
        self.thread.take().into_iter().for_each(|thread| thread.join().expect("no panic"));
    }
}

/// All events, as they are shown.
fn said(hub: &Hub) -> Vec<String> {
    hub.round(false, false, 0);
    let batches = hub.read(0, usize::MAX);
    let shown = batches
        .iter()
        .flat_map(|batch| batch.events().map(|event| event.line.to_owned()).collect::<Vec<_>>());
    shown.collect()
}

fn has_said(hub: &Hub, line: &str) -> bool {
    said(hub).iter().any(|it| it == line)
}

/// Both read until they have the same, and it is the same room.
#[track_caller]
fn are_one_room(one: &mut Server, other: &mut Server) {
    let deadline = Instant::now() + DEADLINE;
    while one.hub.digest() != other.hub.digest() {
        assert!(Instant::now() < deadline, "{:#?}\n{:#?}", said(&one.hub), said(&other.hub));
        one.reader.step().ok();
        let hub = one.hub.clone();
        other.read_until(|it| it.digest().0 >= hub.digest().0);
    }
}

/// What all are told where public lines are lost.
const MAY_BE_MISSING: &str =
    "-- the room's store was set back: some of the newest lines may be missing";

/// Somebody empties the log; what comes then has later places.
fn empty(fake: &Fake) {
    fake.empty();
    fake.move_clock(1_000);
}

/// Two servers, with alice and bob, and an emptied log.
fn two_servers_and_an_emptied_log() -> (Fake, Server, Server) {
    let fake = Fake::new();
    let (mut one, mut other) = (Server::start(&fake, 1), Server::start(&fake, 2));
    one.join("alice");
    other.join("bob");
    are_one_room(&mut one, &mut other);
    empty(&fake);
    (fake, one, other)
}

#[test]
fn a_server_that_reads_another_ones_return_finds_the_log_set_back_too() {
    let fake = Fake::new();
    let (mut one, mut other) = (Server::start(&fake, 1), Server::start(&fake, 2));
    one.join("alice");
    other.join("bob");
    one.say("hello");
    one.write();
    one.read_until(|hub| has_said(hub, "<alice> hello"));
    are_one_room(&mut one, &mut other);
    empty(&fake);
    let before = other.hub.numbers();
    one.write_on();
    one.reader.must_recover = true;
    one.read_until(|hub| !hub.is_coming_back() && has_said(hub, MAY_BE_MISSING));
    // Nobody else tells it: it has written nothing, and its connection is whole.
    other.write_on();
    one.whisper("bob", 2);
    other.read_until(|hub| hub.numbers().seq > before.seq);
    one.read_until(|hub| has_said(hub, "[you -> bob] psst"));
    other.read_until(|hub| has_said(hub, "[alice -> you] psst"));
    are_one_room(&mut one, &mut other);
    assert!(!said(&one.hub).iter().any(|line| line.starts_with("!!")));
}

#[test]
fn people_are_told_of_lost_lines_and_not_of_what_is_there_again() {
    for is_said in [false, true] {
        let fake = Fake::new();
        let mut server = Server::start(&fake, 1);
        let _client = server.join("alice");
        if is_said {
            server.say("hello");
            server.write();
            server.read_until(|hub| has_said(hub, "<alice> hello"));
        }
        // The line is lost, or who has joined.
        fake.fail_over(1);
        server.write_on();
        server.recover();
        let told = told(&server.hub, 1);
        assert_eq!(told.contains("set back: others may not find"), is_said, "{told}");
        assert_eq!(server.hub.names(), ["alice"]);
        assert_eq!(has_said(&server.hub, MAY_BE_MISSING), is_said, "{:?}", said(&server.hub));
    }
}

#[test]
fn a_lost_private_line_is_told_to_those_alone_who_have_sent_or_got_it() {
    let fake = Fake::new();
    let mut servers = [1, 2, 3].map(|producer| Server::start(&fake, producer));
    let names = ["alice", "bob", "carol"];
    let _clients: Vec<_> =
        servers.iter_mut().zip(names).map(|(server, name)| server.join(name)).collect();
    let end = fake.last();
    servers.iter_mut().for_each(|server| server.read_until(|hub| hub.digest().0 == end));
    servers[0].whisper("bob", 1);
    servers[0].write();
    let end = fake.last();
    servers.iter_mut().for_each(|server| server.read_until(|hub| hub.digest().0 == end));
    fake.fail_over(1);
    servers.iter_mut().for_each(Server::write_on);
    let is_told = servers.map(|mut server| {
        server.recover();
        told(&server.hub, 1).contains("set back: others may not find")
    });
    assert_eq!(is_told, [true, true, false]);
}

#[test]
fn what_is_said_does_not_wait_for_ever_for_a_server_that_does_not_come_back() {
    let (_fake, mut one, _other) = two_servers_and_an_emptied_log();
    one.whisper("alice", 1);
    one.write_on();
    one.reader.must_recover = true;
    one.read_until(|hub| !hub.is_coming_back());
    one.read_until(|hub| hub.wait_for_log(Duration::ZERO).is_ok());
}

#[test]
fn a_server_that_knows_nothing_of_what_the_log_has_goes_on_from_a_snapshot_as_a_newcomer_does() {
    let fake = Fake::new();
    let (mut one, mut other) = (Server::start(&fake, 1), Server::start(&fake, 2));
    one.join("alice");
    other.join("bob");
    are_one_room(&mut one, &mut other);
    other.trim(&fake);
    // Others stand in the places of all that it remembers.
    one.reader.groups = Groups::default();
    one.reader.groups.push(fake.last(), b"another");
    one.reader.must_recover = true;
    one.write_on();
    other.write_on();
    one.read_until(|hub| !hub.is_coming_back() && hub.wait_for_log(Duration::ZERO).is_ok());
    are_one_room(&mut one, &mut other);
    assert_eq!(one.hub.names(), ["alice", "bob"]);
}

#[test]
fn readers_are_told_that_the_log_was_set_back_before_anything_that_came_since() {
    let fake = Fake::new();
    let mut one = Server::start(&fake, 1);
    let _client = one.join("alice");
    one.say("hello");
    one.write();
    one.read_until(|hub| has_said(hub, "<alice> hello"));
    empty(&fake);
    let seen = one.hub.numbers().seq;
    one.hub.round(false, false, 0);
    one.write_on();
    one.recover();
    assert!(one.hub.numbers().seq > seen);
    let asides = one.hub.round(false, false, 0).following.asides;
    let is_notice = |aside: &Aside| match aside {
        Aside::Lines(lines) => lines.contains("was set back"),
        Aside::Replay(_) => false,
    };
    let told = asides.iter().find(|(_, _, aside)| is_notice(aside));
    // It is told before the event of that number.
    assert_eq!(
        told.map(|(id, before, _)| (*id, *before)),
        Some((ConnectionId::local(1), seen + 1))
    );
}

#[test]
fn members_of_a_server_that_does_not_come_back_keep_their_names_and_are_away() {
    let (fake, mut one, other) = two_servers_and_an_emptied_log();
    // It has gone without a farewell.
    other.hub.end_log();
    one.whisper("bob", 1);
    one.write_on();
    one.reader.must_recover = true;
    one.read_until(|hub| has_said(hub, "[you -> bob] psst"));
    let told = "-- bob is away: your line waits until bob is back";
    assert!(has_said(&one.hub, told), "{:#?}", said(&one.hub));
    let mut newcomer = Server::start(&fake, 3);
    are_one_room(&mut one, &mut newcomer);
    assert_eq!(newcomer.hub.names(), ["alice", "bob"]);
}

#[test]
fn a_return_that_was_written_before_an_attempt_failed_is_read_by_the_next_one() {
    let (fake, mut one, _other) = two_servers_and_an_emptied_log();
    one.offer_to_come_back(&fake);
    one.write();
    // No other group of this server's comes.
    let (tell, told) = mpsc::channel();
    let hub = one.hub.clone();
    let reading = thread::spawn(move || {
        // Its connection is broken at first.
        while one.reader.step().is_err() {}
        tell.send(()).ok();
    });
    let is_read = told.recv_timeout(Duration::from_secs(20));
    hub.end_log();
    reading.join().expect("no panic");
    assert!(is_read.is_ok() && !hub.is_coming_back());
}

#[test]
fn a_return_that_the_log_has_lost_as_well_is_made_again() {
    let (fake, mut one, _other) = two_servers_and_an_emptied_log();
    one.offer_to_come_back(&fake);
    one.write();
    assert_eq!(fake.groups().len(), 1);
    empty(&fake);
    one.write_on();
    one.read_until(|hub| !hub.is_coming_back());
    assert!(!fake.groups().is_empty());
}

#[test]
fn a_group_from_before_that_finds_no_log_does_not_have_a_return_made_again() {
    let fake = Fake::new();
    let mut server = Server::start(&fake, 1);
    let _client = server.join("alice");
    server.hub.propose(&Act::Announce("hello"));
    let before = server.hub.next_task(None).expect("it goes on");
    empty(&fake);
    let Server { hub, reader, writer, .. } = &mut server;
    let writer = writer.as_mut().expect("it has no thread");
    reader.must_recover = true;
    thread::scope(|scope| {
        let recovering = scope.spawn(|| reader.step());
        while !hub.is_coming_back() {
            thread::yield_now();
        }
        assert!(writer.step(before).is_some(), "there is no log");
        while writer.step(hub.next_task(None).expect("it goes on")).is_some() {}
        assert_eq!(recovering.join().expect("no panic"), Ok(()));
    });
    assert!(!hub.is_coming_back());
}

#[test]
fn a_newcomer_that_comes_before_the_survivors_gives_out_no_number_that_they_have_seen() {
    let (fake, mut one, mut other) = two_servers_and_an_emptied_log();
    let seen = one.hub.numbers();
    one.offer_to_come_back(&fake);
    assert_eq!(fake.groups().len(), 0);
    let shared =
        SharedConfig { url: url(), password_file: None, authority: None, told: Told::default() };
    let (newcomer, shutdown) = (hub(), Shutdown::new().expect("there are pipes"));
    let config = Config::default();
    let sharing = Sharing::begin(open(&fake), &shared, &config, &newcomer, &shutdown, &mut None);
    let sharing = sharing.map_err(|why| why.to_string()).expect("it begins");
    let begun = newcomer.numbers();
    assert!(
        begun.seq > seen.seq + (1 << 29) && begun.member > seen.member + (1 << 29),
        "{begun:?}"
    );
    one.write_on();
    other.write_on();
    let deadline = Instant::now() + DEADLINE;
    while newcomer.names() != ["alice", "bob"] {
        assert!(Instant::now() < deadline, "{:?}", newcomer.names());
        [&mut one, &mut other].into_iter().for_each(|it| drop(it.reader.step()));
    }
    sharing.take_leave();
    newcomer.close();
    sharing.end().map_err(|why| why.to_string()).expect("it ends well");
}

/// A group of that server's room that only newer servers read.
fn write_newer(fake: &Fake, server: &Server) {
    let at = Position { ms: fake.last().ms + 1, n: 0 };
    let room = server.reader.agreed.id.short();
    fake.write_at(at, &[&[VERSION + 1, 0], &room.to_le_bytes()[..]].concat());
}

#[test]
fn a_server_that_is_too_old_applies_nothing_more_and_ends_at_once() {
    let fake = Fake::new();
    let (mut one, mut other) = (Server::start(&fake, 1), Server::start(&fake, 2));
    write_newer(&fake, &one);
    other.hub.propose(&Act::Announce("hello"));
    other.write();
    let before = one.hub.numbers();
    one.read_until(Hub::is_log_over);
    assert_eq!(one.hub.numbers(), before);
    // It has no farewell to wait for.
    assert!(one.hub.wait_for_log(Duration::ZERO).is_ok());
    one.hub.take_leave(Duration::ZERO);
    assert!(one.hub.wait_for_log(Duration::ZERO).is_ok() && one.hub.is_log_over());
    other.hub.end_log();
}

#[test]
fn a_server_that_is_found_too_old_while_it_makes_its_room_anew_ends() {
    let (fake, mut one, mut other) = two_servers_and_an_emptied_log();
    other.write_on();
    other.reader.must_recover = true;
    other.read_until(|hub| !hub.is_coming_back());
    write_newer(&fake, &one);
    one.reader.must_recover = true;
    one.read_until(Hub::is_log_over);
    assert!(matches!(one.reader.end.why.get(), Some(Refusal::TooOld { .. })));
}

/// Two servers, the first of which has a member; what that server has proposed is read by the other one alone.
fn what_one_has_proposed_is_trimmed_away(fake: &Fake, one: &mut Server, other: &mut Server) {
    one.write();
    let end = fake.last();
    other.read_until(|hub| hub.digest().0 == end);
    other.hub.propose(&Act::Announce("later"));
    other.write();
    other.read_until(|hub| hub.wait_for_log(Duration::ZERO).is_ok());
    other.trim(fake);
}

/// What comes of a thread that has nothing more to wait for.
fn ended<T>(thread: JoinHandle<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    while !thread.is_finished() {
        assert!(Instant::now() < deadline, "it waits for ever");
        thread::yield_now();
    }
    thread.join().expect("no panic")
}

/// What a hub has for a connection alone.
fn told(hub: &Hub, number: u32) -> String {
    let asides = hub.round(false, false, 0).following.asides;
    let own = asides.into_iter().filter(|(id, ..)| *id == ConnectionId::local(number));
    let lines = own.filter_map(|(_, _, aside)| match aside {
        Aside::Lines(lines) => Some(lines),
        Aside::Replay(_) => None,
    });
    lines.collect()
}

#[test]
fn a_member_learns_what_became_of_its_lines_in_a_part_of_the_log_that_nobody_can_read() {
    let fake = Fake::new();
    let (mut one, mut other) = (Server::start(&fake, 1), Server::start(&fake, 2));
    one.join("alice");
    let mut member = one.member.take().expect("it has joined");
    let anna = Name::parse("anna").expect("a name");
    let renaming = thread::spawn(move || {
        let is_renamed = member.rename(&anna, Credentials::default(), 1);
        (member, is_renamed)
    });
    one.wait_for_proposal();
    what_one_has_proposed_is_trimmed_away(&fake, &mut one, &mut other);
    told(&one.hub, 1);
    let end = fake.last();
    one.read_until(|hub| hub.digest().0 >= end);
    let (member, is_renamed) = ended(renaming);
    one.member = Some(member);
    assert!(is_renamed);
    let told = told(&one.hub, 1);
    assert!(told.contains("= nick anna") && told.contains("@-1 "), "{told}");
    assert!(one.hub.wait_for_log(Duration::ZERO).is_ok());
}

#[test]
fn a_client_whose_join_nobody_can_read_is_hung_up_on_and_leaves() {
    let fake = Fake::new();
    let (mut one, mut other) = (Server::start(&fake, 1), Server::start(&fake, 2));
    one.join("alice");
    told(&one.hub, 1);
    let (joining, mut client) = one.ask_to_join("carol", 2);
    what_one_has_proposed_is_trimmed_away(&fake, &mut one, &mut other);
    assert_eq!(other.hub.names(), ["alice", "carol"]);
    let end = fake.last();
    one.read_until(|hub| hub.digest().0 >= end);
    assert!(ended(joining).is_none());
    assert_eq!(client.read(&mut [0]).expect("it is closed"), 0);
    // The name is free again, since nobody has its token.
    one.write();
    other.read_until(|hub| hub.names() == ["alice"]);
    are_one_room(&mut one, &mut other);
    assert!(told(&one.hub, 1).is_empty());
}

#[test]
fn a_client_that_was_removed_in_what_nobody_can_read_is_served_no_more() {
    let fake = Fake::new();
    let (mut one, mut other) = (Server::start(&fake, 1), Server::start(&fake, 2));
    let mut client = one.join("alice");
    told(&one.hub, 1);
    let Ok(Request::Order(order)) = request::parse("/kick alice") else { panic!("an order") };
    let alice = Name::parse("alice").expect("a name");
    let whom = Some((alice.clone(), alice.likeness()));
    one.hub.propose(&Act::Order { order, whom });
    let end_before = one.hub.numbers().seq + 1;
    what_one_has_proposed_is_trimmed_away(&fake, &mut one, &mut other);
    let end = fake.last();
    one.read_until(|hub| hub.digest().0 >= end);
    let departed = one.hub.round(false, false, 0).following.departures;
    assert_eq!(departed.iter().map(|(_, until)| *until).collect::<Vec<_>>(), [end_before]);
    assert_eq!(client.read(&mut [0]).expect("it is closed"), 0);
}

/// Two servers. The first one has a program and a plain member, and does nothing while three lines are said over the other
/// one, for so long that it is taken for dead if it `dies`; they are trimmed away before it goes on, and a fourth one is
/// said behind that.
struct Asleep {
    fake: Fake,
    one: Server,
    other: Server,
    /// The number that the next event had when it fell asleep.
    end: u64,
    _clients: (Membership, [TcpStream; 3]),
}

impl Asleep {
    fn awoken(dies: bool) -> Asleep {
        let fake = Fake::new();
        let (mut one, mut other) = (Server::start(&fake, 1), Server::start(&fake, 2));
        let alice = one.join("alice");
        let (member, bob) = one.join_plain("bob");
        let carol = other.join("carol");
        are_one_room(&mut one, &mut other);
        one.hub.round(false, false, 0);
        let end = one.hub.numbers().seq + 1;
        for (line, text) in ["1", "2", "3", "4"].into_iter().enumerate() {
            fake.move_clock(if dies { 2_500 } else { 0 });
            other.say_as(line as u64 + 1, text);
            other.write();
            other.read_until(|hub| has_said(hub, &format!("<carol> {text}")));
            if text == "3" {
                other.trim(&fake);
            }
        }
        let last = fake.last();
        one.read_until(|hub| hub.digest().0 >= last);
        let _clients = (member, [alice, bob, carol]);
        Asleep { fake, one, other, end, _clients }
    }
}

const MISSED: &str = "-- you missed 3 lines (this server was too slow)\n";

/// What a connection is told of these, and before which events.
fn asides(following: &Following, number: u32) -> Vec<(u64, &str)> {
    let own = following.asides.iter().filter(|(id, ..)| *id == ConnectionId::local(number));
    let lines = own.filter_map(|(_, before, aside)| match aside {
        Aside::Lines(lines) => Some((*before, lines.as_str())),
        Aside::Replay(_) => None,
    });
    lines.collect()
}

#[test]
fn clients_are_told_of_lines_that_their_server_cannot_read_before_any_from_behind_those() {
    let asleep = Asleep::awoken(false);
    let following = asleep.one.hub.round(false, false, 0).following;
    assert!(following.departures.is_empty());
    for number in [1, 2] {
        let told = asides(&following, number);
        let (before, line) = told[0];
        assert!(before == asleep.end && line.ends_with(MISSED), "{told:?}");
        assert_eq!(told.len(), 1);
    }
}

#[test]
fn programs_of_a_server_that_is_dead_to_the_room_get_nothing_from_behind_what_it_cannot_read() {
    let mut asleep = Asleep::awoken(true);
    let following = asleep.one.hub.round(false, false, 0).following;
    let departed = following.departures.iter().map(|(it, until)| (it.id(), *until));
    assert_eq!(departed.collect::<Vec<_>>(), [(ConnectionId::local(1), asleep.end)]);
    assert!(asides(&following, 1).is_empty(), "it is told where it resumes");
    assert_eq!(asides(&following, 2), [(asleep.end, MISSED)]);
    // The plain member is there again, and is told so behind that.
    asleep.one.write();
    asleep.one.read_until(|hub| hub.names().len() == 3);
    let following = asleep.one.hub.round(false, false, 0).following;
    let told = asides(&following, 2).into_iter().map(|(_, line)| line).collect::<String>();
    assert!(told.contains("and you have joined again"), "{told}");
    let last = asleep.fake.last();
    asleep.other.read_until(|hub| hub.digest().0 >= last);
}

#[test]
fn the_log_is_trimmed_once_there_are_as_many_snapshots_as_are_kept() {
    let fake = Fake::new();
    let mut server = Server::start(&fake, 1);
    let mut link = fake.engine().connect().expect("it answers");
    let mut first = || link.look(Position::START).expect("it answers").first;
    let begin = first();
    for number in 1..=SNAPSHOTS {
        server.hub.propose(&Act::Hello { server: "chat", version: "1", settings: 0 });
        server.write();
        server.read_until(|hub| hub.wait_for_log(Duration::ZERO).is_ok());
        let snapshot = server.hub.snapshot();
        let done = server.writer.as_mut().expect("it has no thread").step(Task::Keep(snapshot));
        assert_eq!((done, first() == begin), (None, number < SNAPSHOTS), "{number}");
    }
}

/// Two servers, with alice and bob, and a snapshot; the log is removed, and the snapshot is not.
fn two_servers_and_a_removed_log() -> (Fake, Server, Server) {
    let fake = Fake::new();
    let (mut one, mut other) = (Server::start(&fake, 1), Server::start(&fake, 2));
    one.join("alice");
    let mut link = fake.engine().connect().expect("it is there");
    link.push_snapshot(&one.hub.snapshot()).expect("it is kept");
    other.join("bob");
    are_one_room(&mut one, &mut other);
    fake.remove_log();
    fake.move_clock(1_000);
    (fake, one, other)
}

#[test]
fn a_log_that_was_removed_beside_its_snapshots_is_begun_anew_as_an_emptied_one() {
    let (fake, mut one, mut other) = two_servers_and_a_removed_log();
    one.write_on();
    one.recover();
    let snapshots = fake.connect().expect("it is there").snapshots();
    assert_eq!(snapshots, Ok(0), "they lead to no place of this log");
    other.write_on();
    other.recover();
    are_one_room(&mut one, &mut other);
    let mut newcomer = Server::start(&fake, 3);
    are_one_room(&mut one, &mut newcomer);
    assert_eq!(newcomer.hub.names(), ["alice", "bob"]);
}

/// The first one was slow: its snapshot is of the log before.
#[test]
fn a_snapshot_that_comes_too_late_for_its_log_leads_nobody_astray() {
    let (fake, mut one, mut other) = two_servers_and_a_removed_log();
    let late = one.hub.snapshot();
    one.write_on();
    one.recover();
    let mut link = fake.engine().connect().expect("it is there");
    link.push_snapshot(&late).expect("it is kept");
    other.write_on();
    other.recover();
    are_one_room(&mut one, &mut other);
    let found = Beginning::find(&fake, &Config::default(), room_of(&one)).expect("it answers");
    assert_eq!(found.map(|found| (found.from, found.is_empty)), Some((Position::START, false)));
}

/// The number of a server's room.
fn room_of(server: &Server) -> u64 {
    server.reader.agreed.id.short()
}

#[test]
fn a_server_that_starts_beside_snapshots_without_a_log_begins_no_other_room() {
    let (fake, _one, _other) = two_servers_and_a_removed_log();
    let offer = Offer {
        settings: RoomSettings::of(&Config::default()),
        told: Told::default(),
        log_bytes: 16 << 20,
        id: RoomId::random().expect("there are random numbers"),
    };
    let refused = opening::join(fake.engine(), &url(), &offer, &mut |_| true);
    assert!(matches!(refused, Err(Refusal::NoLog { .. })), "{refused:?}");
    assert_eq!(fake.groups().len(), 0);
}

/// Two servers with alice and bob, of whose log somebody has removed the beginning and all snapshots.
fn two_servers_of_a_log_without_a_way_in() -> (Fake, Server, Server) {
    let fake = Fake::new();
    let (mut one, mut other) = (Server::start(&fake, 1), Server::start(&fake, 2));
    one.join("alice");
    other.join("bob");
    are_one_room(&mut one, &mut other);
    one.trim(&fake);
    fake.remove_snapshots();
    (fake, one, other)
}

#[test]
fn nobody_makes_a_room_of_a_log_without_its_beginning() {
    let (fake, mut one, _other) = two_servers_of_a_log_without_a_way_in();
    let find = || Beginning::find(&fake, &Config::default(), room_of(&one)).expect("it answers");
    assert!(find().is_none());
    // Nor does it where something else stands before that.
    let first = fake.groups().remove(0);
    let mut link = fake.connect().expect("it is there");
    fake.remove_log();
    for bytes in [b"no group", &first[..]] {
        link.append(bytes, Missing::Create).expect("it answers");
    }
    assert!(find().is_none());
    // A server that runs, and needs a snapshot, waits for one.
    fake.break_connections();
    one.reader.groups = Groups::default();
    one.reader.groups.push(Position { ms: 1, n: 0 }, b"trimmed away");
    one.reader.must_recover = true;
    let tried = [one.reader.step(), one.reader.step()];
    assert!(tried.contains(&Err(Trouble::NoSnapshot)), "{tried:?}");
    assert_eq!(one.hub.names(), ["alice", "bob"]);
}

#[test]
fn the_coordinator_makes_a_way_in_where_there_is_none() {
    let (fake, mut one, mut other) = two_servers_of_a_log_without_a_way_in();
    // Another one leaves that to it.
    for (server, snapshots) in [(&mut other, 0), (&mut one, 1)] {
        let writer = server.writer.as_mut().expect("it has no thread");
        writer.looked_at = None;
        server.hub.propose(&Act::Announce("later"));
        server.write();
        server.read_until(|hub| hub.wait_for_log(Duration::ZERO).is_ok());
        let writer = server.writer.as_mut().expect("it has no thread");
        if snapshots > 0 {
            let task = server.hub.next_task(None).expect("it goes on");
            assert!(matches!(task, Task::Keep(_)), "{task:?}");
            writer.step(task);
        }
        assert_eq!(fake.connect().expect("it is there").snapshots(), Ok(snapshots));
    }
    are_one_room(&mut one, &mut other);
    let found = Beginning::find(&fake, &Config::default(), room_of(&one)).expect("it answers");
    let mut names = found.expect("there is a way in").room.list();
    names.sort_by_key(|(_, member)| member.name.to_string());
    assert_eq!(names.len(), 2);
}
