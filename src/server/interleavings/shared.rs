//! The same of a room that several servers share: the threads that write its log and read it, beside sessions and
//! broadcaster, with a log in memory that holds its answers back, loses them, and breaks its connections.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use shuttle::thread::{self, JoinHandle};

use super::client::{Client, numbers, said_by, split};
use super::house::{Clock, House, serve_hub};
use super::{RUNS, explore_one};
use crate::server::config::{SharedConfig, Told};
use crate::server::hub::Hub;
use crate::server::shared::engine::{Engine, Missing, Position};
use crate::server::shared::fake::Fake;
use crate::server::shared::meta::{Agreed, RoomId};
use crate::server::shared::opening::Opened;
use crate::server::shared::outbox::Outbox;
use crate::server::shared::settings::RoomSettings;
use crate::server::shared::sharing::Sharing;
use crate::server::shared::url::SharedUrl;
use crate::server::system::listen;
use crate::server::waker::Waker;
use crate::server::{Config, Shutdown, Status};

/// How much of the log is kept: so little that there are snapshots, where much is said.
const LOG_BYTES: u64 = 256 * 1024;

/// The room's identity, in hexadecimal digits.
const ROOM: &str = "0102030405060708090a0b0c0d0e0f10";

/// The other server, which has no clients.
const OTHER: u64 = 7;

/// A server of a room whose log nothing happens to.
pub(super) fn open(memory: usize) -> House {
    open_with(memory, &Fake::new())
}

/// A server of the room in that log.
fn open_with(memory: usize, log: &Fake) -> House {
    let config = Config { max_clients: 10, rate_limit: 0, memory, ..Config::default() };
    let listener = listen((Ipv4Addr::LOCALHOST, 0).into()).expect("there are ports");
    let port = listener.local_addr().expect("it is bound").port();
    let shutdown = Shutdown::new().expect("there are pipes");
    let asked = shutdown.clone();
    let hub = Arc::new(Hub::new(Waker::new().expect("there are pipes"), &config));
    let status = Status::default();
    let url = SharedUrl::parse("redis://cache/lobby").expect("it is one");
    let shared = SharedConfig { url, password_file: None, authority: None, told: Told::default() };
    let opened = Opened { engine: log.engine(), agreed: agreed(&config), is_ours: true };
    let sharing = Sharing::begin(opened, &shared, &config, &hub, &shutdown, &mut None);
    let sharing = sharing.expect("the log answers");
    status.is_of(&hub);
    let server = thread::spawn(move || serve_hub(listener, &config, &asked, &hub, Some(sharing)));
    House { is_kept: false, port, shutdown, status, server }
}

fn agreed(config: &Config) -> Agreed {
    let id = RoomId::parse(ROOM).expect("it is one");
    Agreed { id, settings: RoomSettings::of(config), log_bytes: LOG_BYTES, numbers: None }
}

/// What is done to a log while the threads go on, again and again, until it is over.
fn harm(log: &Fake, act: impl Fn(&Fake) + Send + 'static) -> (Arc<AtomicBool>, JoinHandle<()>) {
    let is_over = Arc::new(AtomicBool::new(false));
    let (log, ended) = (log.clone(), Arc::clone(&is_over));
    let thread = thread::spawn(move || {
        while !ended.load(Ordering::Relaxed) {
            act(&log);
            thread::yield_now();
        }
    });
    (is_over, thread)
}

/// Alice and bob, who are there, say three lines each: everybody has each of them once, in one order.
fn all_is_said_once(house: &House) {
    let mut watcher = house.join("watcher");
    let talk = |name: &'static str| {
        let (mut client, _) = house.join_tagged(name);
        thread::spawn(move || {
            (1..=3).for_each(|number| assert!(client.send(&format!("{number}\n"))));
            let mut receipts = Vec::new();
            while receipts.len() < 3 {
                receipts.push(client.until(|body| body.starts_with("+ ")));
            }
            assert_eq!(receipts, ["+ 2", "+ 3", "+ 4"]);
            client.send("/quit\n");
            client.rest()
        })
    };
    let talkers = ["alice", "bob"].map(talk);
    let mut heard = Vec::new();
    while heard.iter().filter(|line: &&String| line.ends_with(" left")).count() < 2 {
        heard.push(watcher.line().expect("the room goes on"));
    }
    for name in ["alice", "bob"] {
        assert_eq!(said_by(name, &heard), numbers(3), "{heard:?}");
    }
    for talker in talkers {
        let rest = talker.join().expect("no panic");
        let again = rest.iter().filter(|line| split(line).1.starts_with("+ "));
        assert_eq!(again.count(), 0, "{rest:?}");
    }
}

#[test]
fn a_log_that_answers_late_holds_up_nothing_for_good() {
    explore_one(RUNS, || {
        let log = Fake::new();
        let house = open_with(1 << 20, &log);
        let (is_over, harm) = harm(&log, |log| {
            log.hold(true);
            thread::yield_now();
            log.hold(false);
        });
        // No time passes: nobody goes on because of a sign of life.
        all_is_said_once(&house);
        is_over.store(true, Ordering::Relaxed);
        harm.join().expect("no panic");
        house.shut_down();
    });
}

#[test]
fn groups_without_events_leave_nobody_waiting() {
    explore_one(RUNS, || {
        let log = Fake::new();
        let house = open_with(1 << 20, &log);
        let other = log.clone();
        let beats = thread::spawn(move || {
            let room = RoomId::parse(ROOM).expect("it is one").short();
            let mut outbox = Outbox::new(room, OTHER);
            let mut link = other.connect().expect("it is there");
            for number in 1..=6 {
                let sending = outbox.next(Position::START, true).expect("a sign of life");
                let group = sending.bytes(link.process().0);
                link.append(&group, Missing::Refuse).expect("it answers");
                outbox.on_sent(OTHER, number);
                outbox.on_read_back(number);
                thread::yield_now();
            }
        });
        all_is_said_once(&house);
        beats.join().expect("no panic");
        house.shut_down();
    });
}

#[test]
fn a_log_that_loses_answers_has_each_line_once() {
    explore_one(RUNS, || {
        let log = Fake::new();
        let house = open_with(1 << 20, &log);
        log.lose_answers(3);
        // What has failed is tried again after a while.
        let clock = Clock::start(Duration::from_millis(10));
        all_is_said_once(&house);
        clock.stop();
        house.shut_down_in_time();
    });
}

#[test]
fn a_log_whose_connections_break_has_each_line_once() {
    explore_one(RUNS, || {
        let log = Fake::new();
        let house = open_with(1 << 20, &log);
        let breaks = log.clone();
        let harm = thread::spawn(move || {
            for _ in 0..3 {
                breaks.break_connections();
                thread::yield_now();
            }
        });
        let clock = Clock::start(Duration::from_millis(10));
        all_is_said_once(&house);
        harm.join().expect("no panic");
        clock.stop();
        house.shut_down_in_time();
    });
}

#[test]
fn two_servers_of_one_log_say_everything_in_one_order() {
    explore_one(RUNS, || {
        let log = Fake::new();
        let houses = [open_with(1 << 20, &log), open_with(1 << 20, &log)];
        let mut watchers = [houses[0].join("watcher0"), houses[1].join("watcher1")];
        watchers[0].expect("-- watcher1 joined");
        let talkers = [(0, "alice"), (1, "bob")].map(|(house, name)| {
            let mut client: Client = houses[house].join(name);
            thread::spawn(move || {
                (1..=3).for_each(|number| assert!(client.send(&format!("{number}\n"))));
                client.send("/quit\n");
                client.rest()
            })
        });
        let [one, other] = [0, 1].map(|which| {
            let mut heard = Vec::new();
            while heard.iter().filter(|line: &&String| line.ends_with(" left")).count() < 2 {
                heard.push(watchers[which].line().expect("the room goes on"));
            }
            heard
        });
        assert_eq!(one, other);
        for name in ["alice", "bob"] {
            assert_eq!(said_by(name, &one), numbers(3), "{one:?}");
        }
        talkers.into_iter().for_each(|talker| drop(talker.join().expect("no panic")));
        drop(watchers);
        houses.into_iter().for_each(House::shut_down);
    });
}

#[test]
fn a_server_ends_though_its_log_never_answers_again() {
    explore_one(RUNS, || {
        let log = Fake::new();
        let house = open_with(1 << 20, &log);
        let mut alice = house.join("alice");
        let (mut bob, _) = house.join_tagged("bob");
        alice.expect("-- bob joined");
        let stops = log.clone();
        let harm = thread::spawn(move || stops.hold(true));
        let late = house.connect();
        let clients = [
            (alice, "1\n/who\n/nick alicia\n2\n"),
            (bob, "1\n/search x\n/quit\n"),
            (late, "/nick late\n"),
        ];
        let clients = clients.map(|(mut client, text)| {
            thread::spawn(move || {
                client.send(text);
                client.rest()
            })
        });
        house.shut_down_in_time();
        harm.join().expect("no panic");
        clients.into_iter().for_each(|client| drop(client.join().expect("it is told the end")));
        // The threads that wait for the log are left behind; the next run has another one.
        log.hold(false);
    });
}
