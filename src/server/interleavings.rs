//! The hand-over between sessions, transcript and broadcaster, in the orders in which the threads may
//! run: no waking is lost, no event is missed or doubled, and a shutdown always ends.
//!
//! It is the real server, `run` and all that it starts, on a system that is a model
//! (`system/model.rs`): shuttle decides at each lock, send, receive and poll which thread goes on. A
//! waking that is lost leaves all threads waiting, which is a failure; so no time passes unless the
//! test says so, or a timeout would make up for it.
//!
//! Shuttle and not loom: loom tries every order, which a few lines of code allow for, and not a room
//! with its sessions. Shuttle draws them, half of the runs at random, half with a few changes of
//! priority at random places, which finds what takes few of those (Burckhardt and others, "A
//! randomized scheduler with probabilistic guarantees of finding bugs", 2010). `INTERLEAVINGS_TIMES` says
//! how many times as many are tried; where one fails, the schedule that is printed repeats it (`shuttle::replay`).

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown as Half};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::thread::{self, JoinHandle};

use super::accept::Acceptor;
use super::audience::NOBODY;
use super::batch::Batch;
use super::broadcaster::Broadcaster;
use super::hub::Hub;
use super::hub::fetch::{Fetched, Request};
use super::hub::watch::News;
use super::reception::Reception;
use super::room::restore::Restored;
use super::secrets::Secrets;
use super::shared::sharing::Sharing;
use super::system::model;
use super::system::{TcpListener, TcpStream, listen};
use super::waker::Waker;
use super::{Config, Problem, Shutdown, Status, run, serve};
use crate::protocol::tag::Seq;

mod shared;

/// How many orders are tried of each kind, and of a scenario in which much is said.
/// `INTERLEAVINGS_TIMES` says how many times as many.
const RUNS: usize = 100;
const LONG_RUNS: usize = 15;

/// How often the priorities change in a run.
const CHANGES: usize = 4;

/// What a client's socket holds of what it does not read, in bytes.
const ROOMY: usize = 16 * 1024;
const SMALL: usize = 100;
/// It takes the banner, and then lines in pieces.
const TIGHT: usize = 50;

const BANNER: &str = "-- chatroom 1: welcome (/help for the commands)";

/// What a newcomer is told where there is a history.
const KEPT: &str = "-- what is said here is kept; private lines only while you are here";

/// Tries a scenario in many orders: without a history, with one, and in a shared room. The scenario is given what opens
/// the house.
fn explore(runs: usize, scenario: impl Fn(fn(usize) -> House) + Send + Sync + 'static) {
    let scenario = Arc::new(scenario);
    for open in [House::open, House::open_kept, shared::open] {
        let scenario = Arc::clone(&scenario);
        explore_one(runs, move || scenario(open));
    }
}

fn explore_one(runs: usize, scenario: impl Fn() + Send + Sync + 'static) {
    let times = std::env::var("INTERLEAVINGS_TIMES").ok().and_then(|times| times.parse().ok());
    let runs = runs * times.unwrap_or(1);
    let mut config = shuttle::Config::new();
    config.stack_size = 512 * 1024;
    let scenario = Arc::new(move || {
        model::begin();
        scenario();
    });
    let same = Arc::clone(&scenario);
    shuttle::Runner::new(RandomScheduler::new(runs), config.clone()).run(move || same());
    shuttle::Runner::new(PctScheduler::new(CHANGES, runs), config).run(move || scenario());
}

/// Serves a hub's room until it is told to end.
fn serve_hub(
    listener: TcpListener,
    config: &Config,
    asked: &Shutdown,
    hub: &Arc<Hub>,
    sharing: Option<Sharing>,
) -> Result<(), Problem> {
    let broadcaster = Broadcaster::new(Arc::clone(hub), config.stall_timeout);
    let secrets = Secrets::open(config).expect("everybody may come in");
    let reception = Reception::new(Arc::clone(hub), secrets, config, None);
    serve(listener, Acceptor::new(reception, config), asked, hub, broadcaster, sharing)
}

/// A server on a thread of its own.
struct House {
    is_kept: bool,
    port: u16,
    shutdown: Shutdown,
    status: Status,
    server: JoinHandle<Result<(), Problem>>,
}

impl House {
    fn open(memory: usize) -> House {
        let config = Config { max_clients: 10, rate_limit: 0, memory, ..Config::default() };
        let listener = listen((Ipv4Addr::LOCALHOST, 0).into()).expect("there are ports");
        let port = listener.local_addr().expect("it is bound").port();
        let shutdown = Shutdown::new().expect("there are pipes");
        let (asked, status) = (shutdown.clone(), Status::default());
        let told = status.clone();
        let server = thread::spawn(move || run(listener, &config, &asked, &told));
        House { is_kept: false, port, shutdown, status, server }
    }

    /// The same with a keeper that keeps nothing and settles each cut later than it took it.
    fn open_kept(memory: usize) -> House {
        let config = Config { max_clients: 10, rate_limit: 0, memory, ..Config::default() };
        let listener = listen((Ipv4Addr::LOCALHOST, 0).into()).expect("there are ports");
        let port = listener.local_addr().expect("it is bound").port();
        let shutdown = Shutdown::new().expect("there are pipes");
        let asked = shutdown.clone();
        let hub = Arc::new(Hub::new(Waker::new().expect("there are pipes"), &config));
        hub.restore(&config, Restored::nothing(), None);
        let status = Status::default();
        status.is_of(&hub);
        let shelf = Shelf::default();
        let (kept, to_keep) = (Arc::clone(&hub), Arc::clone(&shelf));
        let keeper = thread::spawn(move || keep(&kept, &to_keep));
        let read = Arc::clone(&hub);
        let fetcher = thread::spawn(move || fetch(&read, &shelf));
        let server = thread::spawn(move || {
            let ended = serve_hub(listener, &config, &asked, &hub, None);
            hub.end_fetches();
            [keeper, fetcher].map(|thread| thread.join().expect("it does not panic"));
            ended
        });
        House { is_kept: true, port, shutdown, status, server }
    }

    /// A client that has said nothing.
    fn connect(&self) -> Client {
        self.connect_with(ROOMY)
    }

    fn connect_with(&self, capacity: usize) -> Client {
        Client { stream: TcpStream::connect(self.port, capacity), received: Vec::new() }
    }

    /// A client that is in the room.
    fn join(&self, name: &str) -> Client {
        self.join_with(name, ROOMY)
    }

    fn join_with(&self, name: &str, capacity: usize) -> Client {
        let mut client = self.connect_with(capacity);
        client.send(&format!("/nick {name}\n"));
        client.expect(BANNER);
        client.expect_start(&format!("-- you are {name}, "));
        if self.is_kept {
            client.expect(KEPT);
        }
        client
    }

    /// A program that is in the room, and its token.
    fn join_tagged(&self, name: &str) -> (Client, String) {
        let mut client = self.connect();
        client.send(&format!("/tags\n/nick {name}\n"));
        client.expect(BANNER);
        let token =
            client.until(|body| body.starts_with("= token "))["= token ".len()..].to_owned();
        client.until(|body| body == "= done");
        (client, token)
    }

    /// Ends the server, which must be possible at any moment.
    fn shut_down(self) {
        self.shutdown.begin();
        assert!(self.server.join().expect("it does not panic").is_ok());
    }

    /// The same where somebody has to be waited for: time passes until the server has ended.
    fn shut_down_in_time(self) {
        let clock = Clock::start(Duration::from_millis(100));
        self.shut_down();
        clock.stop();
    }
}

/// All that was kept.
type Shelf = Arc<Mutex<Vec<Arc<Batch>>>>;

/// The keeper's thread.
fn keep(hub: &Hub, shelf: &Shelf) {
    while let Some(cut) = hub.cut(None) {
        shelf.lock().expect("no panic").extend(cut.batches);
        thread::yield_now();
        let closing = cut.following.closing;
        hub.settle(cut.following, cut.end);
        if closing {
            break;
        }
    }
}

/// The fetcher's thread, which reads a batch at a time.
fn fetch(hub: &Hub, shelf: &Shelf) {
    while let Some(Request { connection, range, .. }) = hub.next_request() {
        let holds_next = |batch: &&Arc<Batch>| batch.holds(range.start);
        let found = shelf.lock().expect("no panic").iter().rev().find(holds_next).cloned();
        let end = found.as_ref().map_or(range.end, |batch| batch.end().min(range.end));
        let batches = found.into_iter().collect();
        hub.deliver(connection, Fetched { batches, missing: 0, range: range.start..end });
    }
}

/// Lets time pass, step by step.
struct Clock {
    stopped: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Clock {
    fn start(step: Duration) -> Clock {
        let stopped = Arc::new(AtomicBool::new(false));
        let ours = Arc::clone(&stopped);
        let thread = thread::spawn(move || {
            while !ours.load(Ordering::Relaxed) {
                model::pass(step);
                thread::yield_now();
            }
        });
        Clock { stopped, thread }
    }

    fn stop(self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.thread.join().expect("it does not panic");
    }
}

/// The other end of a connection.
struct Client {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Client {
    /// Sends what the server takes; true if that is all.
    fn send(&mut self, text: &str) -> bool {
        (&self.stream).write_all(text.as_bytes()).is_ok()
    }

    fn finish(&self) {
        self.stream.shutdown(Half::Write).expect("it is open");
    }

    fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.received.iter().position(|&byte| byte == b'\n') {
                let line = self.received.drain(..=end).collect();
                let line = String::from_utf8(line).expect("lines are UTF-8");
                return Some(line.trim_end_matches('\n').to_owned());
            }
            let mut bytes = [0; 4096];
            match (&self.stream).read(&mut bytes).expect("it is open") {
                0 => {
                    assert!(self.received.is_empty(), "cut off: {:?}", self.received);
                    return None;
                }
                length => self.received.extend_from_slice(&bytes[..length]),
            }
        }
    }

    fn expect(&mut self, line: &str) {
        assert_eq!(self.line().as_deref(), Some(line));
    }

    fn expect_start(&mut self, start: &str) {
        let line = self.line().unwrap_or_default();
        assert!(line.starts_with(start), "{line:?} instead of {start:?}");
    }

    /// The first line, without its tag, that is it.
    fn until(&mut self, is_it: impl Fn(&str) -> bool) -> String {
        let bodies = std::iter::from_fn(|| self.line()).map(|line| split(&line).1.to_owned());
        bodies.into_iter().find(|body| is_it(body)).expect("it comes")
    }

    /// All lines to the end.
    fn rest(mut self) -> Vec<String> {
        std::iter::from_fn(|| self.line()).collect()
    }
}

/// The number of an event, and its line.
fn split(line: &str) -> (Option<u64>, &str) {
    let Some(tagged) = line.strip_prefix('@') else { return (None, line) };
    let mut parts = tagged.splitn(3, ' ');
    let seq = parts.next().and_then(|seq| seq.parse().ok());
    (seq, parts.nth(1).expect("a line behind its tag"))
}

/// What that member is said to have said, in order.
fn said_by<'a>(name: &str, lines: &'a [String]) -> Vec<&'a str> {
    let start = format!("<{name}> ");
    lines.iter().filter_map(|line| split(line).1.strip_prefix(&start)).collect()
}

fn lines(count: usize) -> String {
    (1..=count).map(|number| format!("{number}\n")).collect()
}

fn numbers(count: usize) -> Vec<String> {
    (1..=count).map(|number| number.to_string()).collect()
}

#[test]
fn what_two_say_at_once_everyone_gets_once_and_in_one_order() {
    explore(RUNS, |open| {
        let house = Arc::new(open(1 << 20));
        let mut watcher = house.join_tagged("watcher").0;
        let talk = |name: &'static str| {
            let house = Arc::clone(&house);
            thread::spawn(move || {
                let mut client = house.join_tagged(name).0;
                for number in 1..=3 {
                    client.send(&format!("{number}\n"));
                }
                let mut heard = BTreeMap::new();
                let mut receipts = 0;
                while receipts < 3 {
                    let line = client.line().expect("the room goes on");
                    let (Some(seq), body) = split(&line) else { continue };
                    if body.starts_with("| ") {
                        continue;
                    }
                    receipts += usize::from(body.starts_with("+ "));
                    let told = match body.strip_prefix("+ ") {
                        Some(line) => format!("<{name}> {}", line.parse::<usize>().unwrap() - 1),
                        None => body.to_owned(),
                    };
                    assert_eq!(heard.insert(seq, told), None);
                }
                client.send("/quit\n");
                heard
            })
        };
        let talkers = [talk("alice"), talk("bob")];
        let mut all = BTreeMap::new();
        while all.values().filter(|line: &&String| line.ends_with(" left")).count() < 2 {
            let line = watcher.line().expect("the room goes on");
            let (seq, body) = split(&line);
            let seq = seq.expect("an event");
            assert!(all.keys().next_back().is_none_or(|last| *last < seq), "{all:?} {line}");
            all.insert(seq, body.to_owned());
        }
        let told: Vec<String> = all.values().cloned().collect();
        for name in ["alice", "bob"] {
            assert_eq!(said_by(name, &told), numbers(3));
        }
        for talker in talkers {
            let heard = talker.join().expect("no panic");
            let part = heard.iter().filter(|(seq, _)| all.get(seq) != heard.get(seq));
            assert_eq!(part.count(), 0, "{heard:?} in {all:?}");
            let first = *heard.keys().next().expect("something");
            let last = *heard.keys().next_back().expect("something");
            // But for its own coming, which it is not told of.
            let between = all.range(first..=last).filter(|(_, line)| !line.ends_with(" joined"));
            let heard = heard.iter().filter(|(_, line)| !line.ends_with(" joined"));
            assert!(between.eq(heard), "something is missing in {all:?}");
        }
        drop(watcher);
        Arc::into_inner(house).expect("the last handle").shut_down();
    });
}

#[test]
fn who_joins_is_shown_what_was_said_and_then_exactly_what_follows() {
    explore(RUNS, |open| {
        let house = open(1 << 20);
        let mut alice = house.join("alice");
        let talker = thread::spawn(move || {
            for line in lines(5).split_inclusive('\n') {
                alice.send(line);
            }
            alice.send("/quit\n");
            alice.rest();
        });
        let mut bob = house.join("bob");
        let mut said = Vec::new();
        while said.len() < 5 {
            let line = bob.line().expect("the room goes on");
            said.extend(line.split_once("<alice> ").map(|(_, said)| said.to_owned()));
        }
        assert_eq!(said, numbers(5));
        talker.join().expect("no panic");
        drop(bob);
        house.shut_down();
    });
}

#[test]
fn what_is_asked_for_again_and_again_comes_and_holds_nobody() {
    explore(RUNS, |open| {
        let house = open(1 << 20);
        let (mut alice, mut bob) = (house.join("alice"), house.join("bob"));
        alice.expect("-- bob joined");
        let asker = thread::spawn(move || {
            alice.send("x\n/history\n/history\n/search x\n/nosuch\n/quit\n");
            alice.rest()
        });
        bob.expect("<alice> x");
        bob.send("y\n");
        bob.expect("-- alice left");
        let shown = asker.join().expect("no panic");
        let ends = ["-- you are up to date", "-- you are up to date", "-- that is all"];
        let ended = shown.iter().filter(|line| ends.contains(&line.as_str()));
        assert_eq!(ended.collect::<Vec<_>>(), ends, "{shown:?}");
        let error = shown.iter().filter(|line| line.starts_with("!! unknown command"));
        assert_eq!(error.count(), 1, "{shown:?}");
        drop(bob);
        house.shut_down();
    });
}

#[test]
fn an_answer_wakes_the_broadcaster_though_no_event_comes_with_it() {
    explore(RUNS, |open| {
        let house = open(1 << 20);
        let ask = |name: &'static str| {
            let (mut client, _) = house.join_tagged(name);
            thread::spawn(move || {
                for _ in 0..3 {
                    client.send("/nosuch\n");
                    // Nothing else happens in the room: a waking that is lost leaves this one waiting.
                    client.until(|body| body.starts_with("!! unknown command"));
                }
                client.send("/quit\n");
                client.rest()
            })
        };
        for asker in ["alice", "bob"].map(ask) {
            let rest = asker.join().expect("no panic");
            let answers = rest.iter().filter(|line| split(line).1.starts_with("!! "));
            assert_eq!(answers.count(), 0, "answered twice: {rest:?}");
        }
        house.shut_down();
    });
}

#[test]
fn lines_that_make_no_event_are_taken_once_before_and_after_a_resume() {
    explore(RUNS, |open| {
        let house = open(1 << 20);
        let (mut client, token) = house.join_tagged("alice");
        // /nick was the first.
        client.send("/nosuch\n/who\n/nosuch\n");
        let answer = |body: &str| body.starts_with("!! ");
        client.until(answer);
        client.until(answer);
        drop(client);
        let mut client = house.connect();
        client.send(&format!("/tags\n/resume {token} 0\n"));
        client.expect(BANNER);
        let taken = client.until(|body| body.starts_with("= resumed "));
        assert_eq!(taken, "= resumed 4");
        drop(client);
        house.shut_down();
    });
}

#[test]
fn who_searches_waits_in_line_and_all_that_ends_with_the_room() {
    explore(RUNS, |open| {
        let house = open(1 << 20);
        let mut alice = house.join("alice");
        alice.send("x\n/search x\n");
        alice.until(|line| line == "-- that is all");
        let ask = |name: &str, lines: &'static str| {
            let mut client = house.join(name);
            thread::spawn(move || {
                client.send(lines);
                client.rest()
            })
        };
        let askers =
            ["bob", "carol", "dave"].map(|name| ask(name, "/search x\n/search x\n/quit\n"));
        for asker in askers {
            let shown = asker.join().expect("no panic");
            let ended = shown.iter().filter(|line| *line == "-- that is all").count();
            assert_eq!(ended, 2, "{shown:?}");
        }
        // These may be anywhere in it when the room closes.
        let askers = ["erin", "frank", "grace"].map(|name| ask(name, "/search x\n/search x\n"));
        drop(alice);
        house.shut_down();
        askers.into_iter().for_each(|asker| drop(asker.join().expect("no panic")));
    });
}

/// A long line for each number, and a farewell.
fn flood(mut client: Client, count: usize) -> JoinHandle<()> {
    thread::spawn(move || {
        let text = "x".repeat(4000);
        for number in 1..=count {
            assert!(client.send(&format!("{number} {text}\n")));
        }
        client.send("/quit\n");
        client.rest();
    })
}

#[test]
fn senders_who_are_held_back_are_let_go_and_nobody_misses_anything() {
    explore(LONG_RUNS, |open| {
        const LINES: usize = 25;
        let house = open(192 * 1024);
        let mut alice = house.join("alice");
        // They read only when they have said it all, and take too little until then to hold anybody.
        let floods = ["bob", "carol"].map(|name| flood(house.join_with(name, SMALL), LINES));
        let mut heard = Vec::new();
        while heard.iter().filter(|line: &&String| line.ends_with(" left")).count() < 2 {
            let line = alice.line().expect("the room goes on");
            heard.push(line.trim_end_matches('x').trim_end().to_owned());
        }
        for name in ["bob", "carol"] {
            assert_eq!(said_by(name, &heard), numbers(LINES));
        }
        floods.into_iter().for_each(|flood| flood.join().expect("no panic"));
        drop(alice);
        house.shut_down();
    });
}

/// One who reads no more, and for whom the senders are held, for it has read until now; one who reads; and
/// bob, who talks until he is cut off while he is held back. The last value is how many lines of his have
/// been taken in whole.
fn cut_off_while_held(house: &House, bob: Client) -> (Client, Client, usize) {
    let alice = house.join("alice");
    let mut carol = house.join("carol");
    let bob = Arc::new(bob);
    let cut = Arc::clone(&bob);
    let flood = thread::spawn(move || {
        let line = format!("{}\n", "x".repeat(4000));
        (0..).take_while(|_| (&bob.stream).write_all(line.as_bytes()).is_ok()).count()
    });
    carol.until(|line| line.starts_with("<bob> "));
    cut.stream.shutdown(Half::Both).expect("it is open");
    let taken = flood.join().expect("no panic");
    // So that it is seen that bob is gone.
    carol.send("is bob here?\n");
    (alice, carol, taken)
}

#[test]
fn what_has_arrived_of_one_who_is_held_back_and_cut_off_is_said_before_it_has_left() {
    explore(LONG_RUNS, |open| {
        let house = open(64 * 1024);
        let bob = house.join("bob");
        let (alice, mut carol, taken) = cut_off_while_held(&house, bob);
        let reader = thread::spawn(move || alice.rest());
        // The first line has come.
        let (mut said, mut missed) = (1, 0);
        loop {
            let line = carol.line().expect("the room goes on");
            if line.starts_with("-- bob left") {
                break;
            }
            said += usize::from(line.starts_with("<bob> "));
            if let Some(told) = line.strip_prefix("-- you missed ") {
                missed += told.split(' ').next().and_then(|it| it.parse().ok()).unwrap_or(0);
            }
        }
        // The last one may have been cut.
        let all = [taken, taken + 1];
        assert!(all.contains(&(said + missed)), "{said} and {missed} of {taken}");
        house.shut_down_in_time();
        reader.join().expect("no panic");
    });
}

#[test]
fn a_program_that_is_held_back_and_cut_off_may_come_back_at_once() {
    explore(LONG_RUNS, |open| {
        let house = open(64 * 1024);
        let (bob, token) = house.join_tagged("bob");
        let (alice, _carol, taken) = cut_off_while_held(&house, bob);
        let mut back = house.connect();
        back.send(&format!("/tags\n/resume {token} 0\n"));
        let resumed = back.until(|body| body.starts_with("= resumed "));
        let resumed: usize = resumed["= resumed ".len()..].parse().expect("a number");
        assert!((2..=taken + 1).contains(&resumed), "{resumed} of {taken} and a name");
        drop((alice, back));
        house.shut_down_in_time();
    });
}

#[test]
fn who_falls_out_of_memory_is_told_exactly_how_much_it_missed() {
    explore(LONG_RUNS, |open| {
        const LINES: usize = 40;
        let house = open(64 * 1024);
        let mut stalled = house.join("stalled");
        let bob = house.join("bob");
        // So that it is seen to keep no pace; it is not dropped before it has had half a minute.
        let clock = Clock::start(Duration::from_millis(10));
        flood(bob, LINES).join().expect("no panic");
        clock.stop();
        let (mut last, mut heard, mut missed) = (0, 0, 0);
        loop {
            let line = stalled.line().expect("the room goes on");
            if let Some(said) = line.strip_prefix("<bob> ") {
                let number = said.split(' ').next().and_then(|it| it.parse().ok()).expect("it");
                assert!(number > last, "{number} after {last}");
                (last, heard) = (number, heard + 1);
            } else if let Some(told) = line.strip_prefix("-- you missed ") {
                missed += told.split(' ').next().and_then(|it| it.parse().ok()).unwrap_or(0);
            } else if line == "-- bob left" {
                break;
            }
        }
        // With a history, there is nothing that it could miss.
        assert_eq!(missed > 0, !house.is_kept, "{missed}");
        // What was forgotten may have been that bob joined.
        assert!([LINES, LINES + 1].contains(&(heard + missed)), "{heard} and {missed}");
        drop(stalled);
        house.shut_down();
    });
}

#[test]
fn who_takes_nothing_is_dropped_and_what_it_waits_for_ends() {
    explore(RUNS, |open| {
        let house = open(1 << 20);
        let mut alice = house.join("alice");
        let mut stalled = house.connect_with(SMALL);
        stalled.send("/nick stalled\n/help\n/history\n/history\n/history\n");
        alice.expect("-- stalled joined");
        let clock = Clock::start(Duration::from_secs(1));
        // A shared room may seem to be away to a server that the time runs away from.
        alice.until(|line| line == "-- stalled was too slow and was dropped");
        clock.stop();
        alice.send("/who\n");
        alice.until(|line| line == "-- 1 here: alice");
        drop(alice);
        house.shut_down();
    });
}

#[test]
fn who_is_taken_over_while_it_talks_says_each_line_once() {
    explore(RUNS, |open| {
        const LINES: usize = 4;
        let house = Arc::new(open(1 << 20));
        let mut bob = house.join("bob");
        let (mut old, token) = house.join_tagged("alice");
        bob.expect("-- alice joined");
        let old = thread::spawn(move || {
            for line in lines(LINES).split_inclusive('\n') {
                if !old.send(line) {
                    break;
                }
            }
            old.rest()
        });
        let mut new = house.connect();
        new.send(&format!("/tags\n/resume {token} 0\n"));
        let resumed = new.until(|body| body.starts_with("= resumed "));
        let taken: usize = resumed["= resumed ".len()..].parse().expect("a number");
        for number in taken..=LINES {
            new.send(&format!("{number}\n"));
        }
        let mut receipts = Vec::new();
        while receipts.last() != Some(&(LINES + 1)) {
            let body = new.until(|body| body.starts_with("+ "));
            receipts.push(body[2..].parse().expect("a number"));
        }
        assert_eq!(receipts, (2..=LINES + 1).collect::<Vec<_>>());
        old.join().expect("it has ended");
        new.send("/quit\n");
        let mut heard = Vec::new();
        while heard.last().is_none_or(|line| line != "-- alice left") {
            heard.push(bob.line().expect("the room goes on"));
        }
        assert_eq!(said_by("alice", &heard), numbers(LINES));
        assert_eq!(heard.len(), LINES + 1, "{heard:?}");
        drop((bob, new));
        Arc::into_inner(house).expect("the last handle").shut_down();
    });
}

/// One who is a guest before the server hears from it, while bob talks.
fn far_away(house: &House, lines: usize) -> (Client, JoinHandle<()>) {
    let mut far = house.connect_with(TIGHT);
    let clock = Clock::start(Duration::from_millis(300));
    far.expect(BANNER);
    // A shared room may seem to be away to a server that the time runs away from.
    far.until(|line| line.starts_with("-- you are guest1, "));
    clock.stop();
    let mut bob = house.join("bob");
    let talker = thread::spawn(move || {
        (1..=lines).for_each(|number| assert!(bob.send(&format!("{number}\n"))));
        bob.send("/quit\n");
        bob.rest();
    });
    (far, talker)
}

#[test]
fn a_guest_that_asks_late_for_the_tagged_form_gets_each_line_once_in_one_form_or_the_other() {
    explore(RUNS, |open| {
        const LINES: usize = 5;
        let house = open(1 << 20);
        let (mut far, talker) = far_away(&house, LINES);
        far.send("/tags\nhi\n");
        let mut heard = Vec::new();
        let is_over = |heard: &[String]| {
            ["-- bob left", "+ 1"].iter().all(|end| heard.iter().any(|it| split(it).1 == *end))
        };
        while !is_over(&heard) {
            heard.push(far.line().expect("the room goes on"));
        }
        assert_eq!(said_by("bob", &heard), numbers(LINES));
        // The answer to `/tags` comes before it is known whether a resume follows.
        let nonces = heard.extract_if(.., |line| line.contains(" = nonce ")).count();
        assert_eq!(nonces, 1, "{heard:?}");
        assert!(heard.is_sorted_by_key(|line| line.starts_with('@')), "{heard:?}");
        let first = heard.iter().find(|line| line.starts_with('@')).expect("it is told a token");
        assert!(split(first).1.starts_with("= token "), "{heard:?}");
        talker.join().expect("no panic");
        drop(far);
        house.shut_down();
    });
}

#[test]
fn who_comes_back_as_a_guest_gets_what_it_missed_once() {
    explore(RUNS, |open| {
        const LINES: usize = 5;
        let house = open(1 << 20);
        let (alice, token) = house.join_tagged("alice");
        drop(alice);
        let (mut far, talker) = far_away(&house, LINES);
        far.send(&format!("/tags\n/resume {token} 0\nhi\n"));
        let mut whole = vec!["-- bob joined".to_owned(), "-- bob left".to_owned()];
        whole.extend(numbers(LINES).iter().map(|number| format!("<bob> {number}")));
        whole.extend(house.is_kept.then(|| KEPT.to_owned()));
        let mut line = far.line().expect("the room goes on");
        while !line.starts_with('@') || line.contains(" = nonce ") {
            assert!(whole.contains(&line) || line.starts_with('@'), "{line:?}");
            line = far.line().expect("the room goes on");
        }
        assert_eq!(split(&line).1, "-- welcome back, alice");
        assert_eq!(far.until(|body| body.starts_with("= resumed ")), "= resumed 1");
        let mut heard = Vec::new();
        let is_over = |heard: &[String]| {
            ["-- bob left", "+ 2"].iter().all(|end| heard.iter().any(|it| split(it).1 == *end))
        };
        while !is_over(&heard) {
            heard.push(far.line().expect("the room goes on"));
        }
        assert_eq!(said_by("bob", &heard), numbers(LINES));
        for told in ["-- guest1 joined", "-- guest1 left"] {
            assert_eq!(heard.iter().filter(|line| split(line).1 == told).count(), 1, "{heard:?}");
        }
        talker.join().expect("no panic");
        drop(far);
        house.shut_down();
    });
}

/// What alice says from that event on, as an operator sees it who watches until it is over, or until so many lines.
fn watch(hub: &Hub, mut from: Seq, is_over: &AtomicBool, most: usize) -> Vec<String> {
    let mut seen = Vec::new();
    while seen.len() < most
        && let Some(news) = hub.wait_for_news(NOBODY, from, is_over)
    {
        let News::Events(batches, range) = news else { panic!("it is not late: {news:?}") };
        let held = |batch: &Arc<Batch>| {
            let events = range.clone().filter(|&event| batch.holds(event));
            events.map(|event| batch.line(event).to_owned()).collect::<Vec<_>>()
        };
        let lines = batches.iter().flat_map(held);
        seen.extend(lines.filter_map(|line| line.strip_prefix("<alice> ").map(str::to_owned)));
        from = range.end;
    }
    seen
}

#[test]
fn who_watches_sees_each_line_once_and_that_ends_when_it_is_over_and_with_the_room() {
    explore(RUNS, |open| {
        let house = open(1 << 20);
        let mut alice = house.join("alice");
        let hub = house.status.hub().expect("it runs");
        let start = |from: Seq, most: usize| {
            let is_over = Arc::new(AtomicBool::new(false));
            let (hub, told) = (Arc::clone(&hub), Arc::clone(&is_over));
            (is_over, thread::spawn(move || watch(&hub, from, &told, most)))
        };
        let (_, watching) = start(hub.watch_from(), 5);
        for line in lines(5).split_inclusive('\n') {
            alice.send(line);
        }
        assert_eq!(watching.join().expect("no panic"), numbers(5));
        let (is_over, watching) = start(hub.watch_from(), usize::MAX);
        is_over.store(true, Ordering::SeqCst);
        hub.end_watch();
        watching.join().expect("no panic");
        let (_, watching) = start(hub.watch_from(), usize::MAX);
        assert_eq!(hub.announce("the end"), Some(1));
        house.shutdown.begin();
        watching.join().expect("no panic");
        alice.expect("-- operator: the end");
        drop(alice);
        house.shut_down_in_time();
    });
}

#[test]
fn a_shutdown_at_any_moment_delivers_what_was_taken_and_ends() {
    explore(RUNS, |open| {
        let house = open(1 << 20);
        let mut bob = house.join("bob");
        let (mut alice, _) = house.join_tagged("alice");
        let ending = house.shutdown.clone();
        let talker = thread::spawn(move || {
            for line in lines(3).split_inclusive('\n') {
                alice.send(line);
            }
            alice.rest()
        });
        let reader = thread::spawn(move || {
            for line in ["/nick robert\n", "/msg alice psst\n", "/history\n"] {
                bob.send(line);
            }
            bob.rest()
        });
        let mut late = house.connect();
        let newcomer = thread::spawn(move || {
            late.send("/nick late\n");
            late.rest()
        });
        let asker = thread::spawn(move || ending.begin());
        // No time has passed until here.
        let sent = talker.join().expect("no panic");
        let heard = reader.join().expect("no panic");
        house.shut_down_in_time();
        asker.join().expect("no panic");
        newcomer.join().expect("no panic");
        let receipts = sent.iter().filter(|line| split(line).1.starts_with("+ ")).count();
        assert_eq!(said_by("alice", &heard), numbers(receipts), "{sent:?}");
        let farewell = "-- the server is shutting down";
        for told in [&sent, &heard] {
            assert_eq!(told.last().map(|line| split(line).1), Some(farewell), "{told:?}");
        }
    });
}

#[test]
fn a_shutdown_ends_whatever_the_clients_do() {
    explore(LONG_RUNS, |open| {
        let house = open(64 * 1024);
        let mut stalled = house.connect_with(SMALL);
        stalled.send("/nick stalled\n/help\n/history\n");
        let silent = house.connect();
        let half_closed = house.join("half-closed");
        half_closed.finish();
        let mut bob = house.join("bob");
        let flooder = thread::spawn(move || {
            let line = format!("{}\n", "x".repeat(4000));
            (0..20).all(|_| bob.send(&line))
        });
        house.shut_down_in_time();
        flooder.join().expect("no panic");
        drop((stalled, silent, half_closed));
    });
}
