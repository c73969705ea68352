//! A room in front of strangers: hundreds of clients of every kind come, misbehave and go, while some
//! members talk, and each of those must get every line of the others exactly once, in one order. At
//! the end nothing of the strangers is left in the server.
//!
//! What is done is the same for the same `SOAK_SEED`; when, is the system's. `SOAK_SECONDS` is how long.
#![cfg(target_os = "linux")]
mod members;
mod strangers;
mod wire;

use std::collections::HashMap;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use crate::common::process::{SPARE_THREADS, signal};
use crate::common::proxy::Budget;
use crate::common::resources::{Process, await_that};
use crate::common::server::TestServer;
use members::{Author, Manner, Word};

/// What the room remembers: more than is said while a member comes back that had much unread, since
/// what is pushed out then is told as missed, and here nobody may miss anything.
const MEMORY: usize = 64 * 1024 * 1024;

/// How much more memory than at the beginning the server may use at the end, in KiB: what the room
/// remembers, and what the allocator keeps of what hundreds of threads had.
const MARGIN: usize = MEMORY / 1024 + 80 * 1024;

/// How many there are of each.
#[derive(Debug)]
struct Crowd {
    plain: u16,
    tagged: u16,
    strangers: usize,
}

/// What all of them share.
pub(crate) struct Soak {
    pub(crate) server: SocketAddr,
    /// Whether it is time to come to an end.
    pub(crate) over: AtomicBool,
    /// How many of the members who are checked have joined; they talk when all have.
    pub(crate) joined: AtomicUsize,
    /// How many of those members say something.
    pub(crate) authors: usize,
    /// What each visitor has heard of their lines.
    pub(crate) visits: Mutex<Vec<Vec<Word>>>,
    /// How often each kind of stranger has come.
    pub(crate) comings: Mutex<HashMap<&'static str, usize>>,
}

impl Soak {
    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// Waits until all who are checked have joined, a watcher too.
    pub(crate) fn await_all(&self) {
        self.joined.fetch_add(1, Ordering::Relaxed);
        while self.joined.load(Ordering::Relaxed) <= self.authors && !self.is_over() {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Whoever panics ends it for all, so that the reason is not waited for.
pub(crate) struct EndsAll<'a>(pub(crate) &'a Soak);

impl Drop for EndsAll<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.over.store(true, Ordering::Relaxed);
        }
    }
}

#[test]
fn a_few_seconds_among_strangers_cost_nobody_a_line() {
    soak(&Crowd { plain: 4, tagged: 4, strangers: 40 }, Duration::from_secs(2), seed());
}

#[test]
#[ignore = "it takes a minute, or SOAK_SECONDS; in release: cargo test --release --test soak -- --ignored"]
fn a_long_time_among_strangers_costs_nobody_a_line() {
    let seconds = number("SOAK_SECONDS").unwrap_or(60);
    soak(&Crowd { plain: 10, tagged: 10, strangers: 300 }, Duration::from_secs(seconds), seed());
}

fn seed() -> u64 {
    let now = SystemTime::UNIX_EPOCH.elapsed().expect("the clock is past 1970");
    number("SOAK_SEED").unwrap_or(now.as_secs())
}

fn number(variable: &str) -> Option<u64> {
    Some(std::env::var(variable).ok()?.parse().unwrap_or_else(|_| panic!("{variable} is a number")))
}

/// Tells something also when the test passes.
fn tell(what: &str) {
    writeln!(std::io::stderr(), "soak: {what}").ok();
}

fn soak(crowd: &Crowd, time: Duration, seed: u64) {
    tell(&format!("SOAK_SEED={seed}, {} s, {crowd:?}", time.as_secs()));
    let memory = MEMORY.to_string();
    let mut server = TestServer::start(&[
        "--memory",
        &memory,
        "--max-clients",
        "1000",
        "--stall-timeout",
        "4",
        "--log-level",
        "warn",
    ]);
    let process = Process(server.id());
    let at_first = with_nobody(&server, process);
    let authors = usize::from(crowd.plain + crowd.tagged);
    let soak = Soak {
        server: server.address,
        over: AtomicBool::new(false),
        joined: AtomicUsize::new(0),
        authors,
        visits: Mutex::default(),
        comings: Mutex::default(),
    };
    run(&soak, crowd, time, seed);
    let comings = soak.comings.into_inner().expect("nobody has panicked");
    tell(&format!("who came: {comings:?}"));
    await_that(|| process.descriptors(), |&descriptors| descriptors == at_first.0);
    await_that(|| process.threads(), |&threads| threads <= at_first.1 + SPARE_THREADS);
    let (memory, peak) = (process.memory(), process.peak_memory());
    tell(&format!("memory: {} KiB at first, {memory} at last, {peak} at most", at_first.2));
    assert!(memory < at_first.2 + MARGIN, "{memory} KiB, {} at first", at_first.2);
    signal("-TERM", server.id());
    assert_eq!(server.status(), Some(0));
    let log = server.rest_of_the_log();
    assert!(!log.iter().any(|line| line.contains("[ERROR]")), "{log:#?}");
}

/// How many descriptors and threads it has with nobody in it, and its memory.
fn with_nobody(server: &TestServer, process: Process) -> (usize, usize, usize) {
    // Only with somebody in it is it known to have all that it begins with.
    let mut first = server.join("first");
    let one = (process.descriptors() - 1, process.threads() - 1, process.memory());
    first.send("/quit\n");
    first.expect_end();
    one
}

/// Lets them all loose for that time, and compares what was heard.
fn run(soak: &Soak, crowd: &Crowd, time: Duration, seed: u64) {
    let random = |who: usize| Budget::new(seed.wrapping_mul(1_000_003).wrapping_add(who as u64));
    let (reference, heard) = std::thread::scope(|scope| {
        let member = |author: Option<Author>| {
            let who = author.map_or(0, |author| usize::from(author.number) + 1);
            let random = random(who);
            scope.spawn(move || {
                let _ends_all = EndsAll(soak);
                members::run(soak, author, random)
            })
        };
        let watcher = member(None);
        let manner = |number| if number < crowd.plain { Manner::Plain } else { Manner::Tagged };
        let authors = (0..crowd.plain + crowd.tagged)
            .map(|number| Author { number, manner: manner(number) })
            .map(|author| (author, member(Some(author))))
            .collect::<Vec<_>>();
        for stranger in 0..crowd.strangers {
            let random = random(1000 + stranger);
            scope.spawn(move || {
                let _ends_all = EndsAll(soak);
                strangers::run(soak, random);
            });
        }
        let began = Instant::now();
        while began.elapsed() < time && !soak.is_over() {
            std::thread::sleep(Duration::from_millis(20));
        }
        soak.over.store(true, Ordering::Relaxed);
        let reference = watcher.join().expect("no panic");
        let heard =
            authors.into_iter().map(|(author, member)| (author, member.join().expect("no panic")));
        (reference, heard.collect::<Vec<_>>())
    });
    tell(&format!("{} lines were checked at {} members", reference.len(), heard.len() + 1));
    assert!(reference.len() > soak.authors * 2, "they hardly talked");
    for (author, heard) in heard {
        let hears_itself = author.manner == Manner::Tagged;
        let due = reference.iter().filter(|word| hears_itself || word.author != author.number);
        assert_same(&format!("{author:?}"), heard.iter(), due);
    }
    compare_visits(&reference, &soak.visits.lock().expect("nobody has panicked"));
}

/// What a visitor heard is a part of what was said, without a gap.
fn compare_visits(reference: &[Word], visits: &[Vec<Word>]) {
    let places: HashMap<Word, usize> = reference.iter().copied().zip(0..).collect();
    for heard in visits.iter().filter(|heard| !heard.is_empty()) {
        let first = places.get(&heard[0]).unwrap_or_else(|| panic!("{:?} was not said", heard[0]));
        assert_same("a visitor", heard.iter(), reference[*first..].iter().take(heard.len()));
    }
    tell(&format!("{} visitors were checked", visits.len()));
}

#[track_caller]
fn assert_same<'a>(
    who: &str,
    heard: impl Iterator<Item = &'a Word>,
    due: impl Iterator<Item = &'a Word>,
) {
    let (heard, due): (Vec<_>, Vec<_>) = (heard.collect(), due.collect());
    let differs = heard.iter().zip(&due).position(|(heard, due)| heard != due);
    if let Some(at) = differs {
        let around = at.saturating_sub(3)..(at + 3).min(heard.len().min(due.len()));
        panic!("{who} heard {:?} where {:?} was said", &heard[around.clone()], &due[around]);
    }
    assert_eq!(heard.len(), due.len(), "{who} has not heard everything");
}
