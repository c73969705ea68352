//! The keeper in a server with real sockets, over a store in memory whose commits are held, or fail.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown as Half, SocketAddr, TcpStream};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::*;
use crate::problem::Problem;
use crate::protocol::request::Order;
use crate::server::accept::Acceptor;
use crate::server::broadcaster::Broadcaster;
use crate::server::config::{Config, Durability};
use crate::server::fetcher::Fetcher;
use crate::server::history::kept::Loaded;
use crate::server::history::store::fake::Fake;
use crate::server::reception::Reception;
use crate::server::room::keeping::Keeping;
use crate::server::room::restore::Restored;
use crate::server::secrets::Secrets;
use crate::server::shutdown::Shutdown;
use crate::server::system::thread::{self, JoinHandle};
use crate::server::waker::Waker;
use crate::server::{bind, serve};

const BANNER: &str = "-- chatroom 1: welcome (/help for the commands)\n";

/// How long nothing may come while a commit is held. What is let through comes within a millisecond.
const SILENCE: Duration = Duration::from_millis(150);

/// How long anything may take before a test fails.
const DEADLINE: Duration = Duration::from_secs(20);

/// After how long the keeper tries again.
const SOON: Duration = Duration::from_millis(10);

const MEMORY: usize = 1 << 20;

/// Where it is said how far a run is.
#[derive(Debug, Clone, Default)]
struct Marks(Arc<Mutex<Vec<Marker>>>);

impl Mark for Marks {
    fn mark(&mut self, marker: &Marker) -> std::io::Result<()> {
        self.all().push(marker.clone());
        Ok(())
    }
}

impl Marks {
    fn all(&self) -> MutexGuard<'_, Vec<Marker>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn running() -> Marker {
    Marker::Running { boot: None, durability: Durability::Crash, block: 0 }
}

/// A server in this process.
struct House {
    address: SocketAddr,
    shutdown: Shutdown,
    marks: Marks,
    server: JoinHandle<Result<(), Problem>>,
    keeper: JoinHandle<()>,
    fetcher: JoinHandle<()>,
    hub: Arc<Hub>,
}

impl House {
    /// One whose room is as the file has it, and is kept by that connection.
    fn open(store: Fake) -> House {
        let config = Config { rate_limit: 0, memory: MEMORY, ..Config::default() };
        let listener = bind("127.0.0.1", 0).expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let shutdown = Shutdown::new().expect("a pipe");
        let hub = Arc::new(Hub::new(Waker::new().expect("a pipe"), &config));
        let loaded = store.another().load(config.memory).expect("it does not fail");
        let Loaded { members, facts, waiting, counters, batches, gaps, oldest } = loaded;
        let oldest = oldest.map(|(oldest, _)| oldest);
        let keeping = Keeping { time: None, not_now: None };
        let kept = (counters.next_seq, counters.said);
        let doubt = None;
        let restored =
            Restored { batches, members, facts, waiting, oldest, gaps, counters, keeping, doubt };
        hub.restore(&config, restored, None);
        let marks = Marks::default();
        let shared = (Arc::new(Turns::new()), Arc::new(Written::new()), Arc::new(Feed::new()));
        let fetcher = Fetcher::new(Arc::clone(&hub), store.another());
        let fetcher = thread::spawn(move || fetcher.run());
        let keeper = Keeper::new(
            Arc::clone(&hub),
            (store, marks.clone()),
            running(),
            shared,
            &config.history,
            kept,
            SOON,
        );
        let keeper = thread::spawn(move || keeper.run());
        let broadcaster = Broadcaster::new(Arc::clone(&hub), config.stall_timeout);
        let ours = shutdown.clone();
        let served = Arc::clone(&hub);
        let secrets = Secrets::open(&config).expect("everybody may come in");
        let reception = Reception::new(Arc::clone(&hub), secrets, &config, None);
        let acceptor = Acceptor::new(reception, &config);
        let server =
            thread::spawn(move || serve(listener, acceptor, &ours, &served, broadcaster, None));
        House { address, shutdown, marks, server, keeper, fetcher, hub }
    }

    /// Orders all that was said under a name to be erased.
    fn erase(&self, name: &str) {
        let time = Duration::from_secs(60 * 60);
        assert_eq!(self.hub.order(&Order::Erase { name, time }), [""; 0]);
    }

    fn connect(&self, text: &str) -> Client {
        let stream = TcpStream::connect(self.address).expect("it listens");
        stream.set_read_timeout(Some(SILENCE)).expect("not zero");
        let mut client = Client { stream, received: String::new(), passed: 0 };
        client.say(text);
        client
    }

    fn join(&self, name: &str) -> Client {
        let mut client = self.connect(&format!("/nick {name}\n"));
        client.hears("private lines only while you are here\n");
        client
    }

    /// Ends as a server does; how far it has said to be by then.
    fn end(self) -> Vec<Marker> {
        self.shutdown.begin();
        assert!(matches!(self.server.join(), Ok(Ok(()))));
        self.hub.end_fetches();
        for thread in [self.keeper, self.fetcher] {
            thread.join().expect("it does not panic");
        }
        std::mem::take(&mut *self.marks.all())
    }
}

struct Client {
    stream: TcpStream,
    received: String,
    /// How much of that the test has looked at.
    passed: usize,
}

impl Client {
    fn say(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).expect("the server takes it");
    }

    /// Waits until that comes, and gives what came with it.
    #[track_caller]
    fn hears(&mut self, part: &str) -> String {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(place) = self.received[self.passed..].find(part) {
                let end = self.passed + place + part.len();
                let heard = self.received[self.passed..end].to_owned();
                self.passed = end;
                return heard;
            }
            assert!(Instant::now() < deadline, "no {part:?} in {}", self.received);
            assert!(self.reads() != Some(0), "it ends without {part:?}: {}", self.received);
        }
    }

    /// Waits until that has come, before or after what the test has looked at.
    #[track_caller]
    fn has_heard(&mut self, part: &str) {
        self.passed = 0;
        self.hears(part);
    }

    /// Nothing comes, not even the end.
    #[track_caller]
    fn hears_nothing(&mut self) {
        assert_eq!(self.reads(), None, "{}", self.received);
        assert_eq!(&self.received[self.passed..], "");
    }

    #[track_caller]
    fn hears_the_end(&mut self) {
        let deadline = Instant::now() + DEADLINE;
        while self.reads() != Some(0) {
            assert!(Instant::now() < deadline, "it does not end: {}", self.received);
        }
    }

    /// How many bytes came; none within some time.
    fn reads(&mut self) -> Option<usize> {
        let mut bytes = [0; 64 * 1024];
        match self.stream.read(&mut bytes) {
            Ok(length) => {
                let text = std::str::from_utf8(&bytes[..length]).expect("these lines are ASCII");
                self.received += text;
                Some(length)
            }
            Err(why) if [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&why.kind()) => None,
            Err(why) => panic!("{why}"),
        }
    }

    fn count(&self, part: &str) -> usize {
        self.received.matches(part).count()
    }
}

/// A client hears nothing, neither while what it waits for has not been cut, nor while the commit of that cut
/// is held. The commit before it was held until now.
#[track_caller]
fn is_gated(file: &Fake, client: &mut Client) {
    client.hears_nothing();
    file.gate().let_one_through();
    client.hears_nothing();
    file.gate().open();
}

/// Alice is in the room, and the commit of a line of hers is held.
fn held() -> (House, Fake, Client) {
    let file = Fake::new();
    let house = House::open(file.another());
    let mut alice = house.join("alice");
    file.gate().close();
    alice.say("before\n");
    file.gate().wait_until_it_holds();
    (house, file, alice)
}

#[test]
fn no_line_and_no_receipt_leaves_before_its_commit() {
    let file = Fake::new();
    let house = House::open(file.another());
    let mut bob = house.join("bob");
    let mut alice = house.connect("/tags\n/nick alice\n");
    alice.hears("= done\n");
    bob.hears("-- alice joined\n");
    file.gate().close();
    alice.say("one\n");
    file.gate().wait_until_it_holds();
    alice.say("two\n");
    alice.hears_nothing();
    bob.hears_nothing();
    file.gate().let_one_through();
    alice.hears(" + 2\n");
    bob.hears("<alice> one\n");
    alice.hears_nothing();
    bob.hears_nothing();
    file.gate().open();
    alice.hears(" + 3\n");
    bob.hears("<alice> two\n");
    house.end();
}

#[test]
fn how_many_lines_were_taken_is_told_to_who_resumes_only_after_their_commit() {
    let file = Fake::new();
    let house = House::open(file.another());
    let mut alice = house.connect("/tags\n/nick alice\n");
    let greeting = alice.hears("= done\n");
    let token = &greeting.split("= token ").nth(1).expect("a token")[..32];
    file.gate().close();
    alice.say("one\n");
    file.gate().wait_until_it_holds();
    alice.say("two\n");
    alice.hears_nothing();
    alice.stream.shutdown(Half::Both).expect("it is open");
    let mut back = house.connect(&format!("/tags\n/resume {token} 0\n"));
    back.hears(BANNER);
    // This says nothing of lines.
    back.hears(" = nonce ");
    back.hears("\n");
    is_gated(&file, &mut back);
    back.hears("= resumed 3\n");
    house.end();
}

#[test]
fn a_newcomer_is_shown_no_line_before_its_commit() {
    let (house, file, mut alice) = held();
    alice.say("secret\n");
    alice.hears_nothing();
    let mut carol = house.connect("/nick carol\n");
    carol.hears(BANNER);
    is_gated(&file, &mut carol);
    carol.hears("<alice> secret\n");
    house.end();
}

#[test]
fn an_answer_that_shows_that_lines_were_taken_comes_after_their_commit() {
    let (house, file, mut alice) = held();
    alice.say("secret\n/who\n");
    is_gated(&file, &mut alice);
    alice.hears("-- 1 here: alice\n");
    house.end();
}

#[test]
fn a_connection_ends_after_quit_only_when_the_lines_before_are_committed() {
    let (house, file, mut alice) = held();
    alice.say("secret\n/quit\n");
    is_gated(&file, &mut alice);
    alice.hears_the_end();
    assert!(file.lines().contains(&"<alice> secret".to_owned()));
    house.end();
}

/// Alice, in the tagged form, waits for a receipt for each line, so that each is a cut; bob hears them.
fn talks_while_call_fails(call: u64, failure: &Failure) -> bool {
    let case = format!("call {call}, {failure:?}");
    let file = Fake::new();
    let house = House::open(file.failing(call..call + 1, failure.clone()));
    let mut bob = house.connect("/nick bob\n");
    bob.hears("-- you are bob");
    let mut alice = house.connect("/tags\n/nick alice\n");
    alice.hears("= nick alice\n");
    for number in 2..8 {
        alice.say(&format!("line{number}\n"));
        alice.hears(&format!(" + {number}\n"));
        bob.hears(&format!("<alice> line{number}\n"));
    }
    let has_failed = house.marks.all().contains(&Marker::Partial { block: 0 });
    // The first commit may have failed, and the next one not, before bob came.
    let is_over = call == 0 && !bob.received.contains("not kept for now");
    if has_failed && failure.may_pass() && !is_over {
        bob.has_heard("-- what is said is kept again\n");
    }
    let marks = house.end();
    bob.hears_the_end();
    let told = format!("-- what is said is not kept for now: {}\n", failure.told());
    let told_on_joining = format!("-- what is said here is not kept for now: {}\n", failure.told());
    let times = bob.count(&told) + bob.count(&told_on_joining);
    assert_eq!(times, usize::from(has_failed && !is_over), "{case}: {}", bob.received);
    let said: Vec<_> = (2..8).map(|number| format!("<alice> line{number}")).collect();
    let mut lines = file.lines();
    lines.retain(|line| line.starts_with('<'));
    if !has_failed || failure.may_pass() {
        assert_eq!(lines, said, "{case}");
        assert!(matches!(marks.last(), Some(Marker::Clean { .. })), "{case}: {marks:?}");
    } else {
        // What is damaged is never written again.
        assert_eq!(lines, said[..lines.len()], "{case}");
        assert!(lines.len() < said.len(), "{case}");
        assert_eq!(marks.last(), Some(&Marker::Partial { block: 0 }), "{case}");
    }
    has_failed
}

#[test]
fn whichever_call_fails_the_room_goes_on_and_says_so_once_and_is_whole_later() {
    for failure in [Failure::Full, Failure::Disk("x".to_owned()), Failure::Damaged("x".to_owned())]
    {
        let failed = (0..9).filter(|&call| talks_while_call_fails(call, &failure)).count();
        assert!(failed >= 6, "{failed} of the calls were commits");
    }
}

#[test]
fn what_memory_has_forgotten_meanwhile_is_a_gap_and_all_else_is_kept_later() {
    let file = Fake::new();
    let house = House::open(file.another());
    let mut bob = house.join("bob");
    file.gate().fail(Failure::Full);
    let mut alice = house.connect("/nick alice\n");
    bob.hears("-- what is said is not kept for now: the server's disk is full\n");
    alice.hears("-- what is said is not kept for now: the server's disk is full\n");
    let mut carol = house.connect("/nick carol\n");
    carol.hears("-- what is said here is not kept for now: the server's disk is full\n");
    let text = "x".repeat(4_000);
    for number in 0..600 {
        alice.say(&format!("{number} {text}\n"));
        bob.hears(&format!("<alice> {number} "));
    }
    file.gate().open();
    bob.hears("-- what is said is kept again, but ");
    let heard = bob.hears(" lines are not\n");
    let unkept: usize = heard.split(' ').next().and_then(|it| it.parse().ok()).expect("a number");
    assert!((300..600).contains(&unkept), "{unkept}");
    carol.say("/quit\n");
    carol.hears_the_end();
    let mut dave = house.join("dave");
    dave.say("/quit\n");
    dave.hears_the_end();
    let marks = house.end();
    assert!(matches!(marks.last(), Some(Marker::Clean { .. })), "{marks:?}");
    assert_eq!(file.lines_in_gaps(), [unkept as u64]);
    let numbers: Vec<usize> = file
        .lines()
        .iter()
        .filter_map(|line| line.strip_prefix("<alice> ")?.split(' ').next()?.parse().ok())
        .collect();
    assert_eq!(numbers, (unkept..600).collect::<Vec<_>>());
    assert_eq!(bob.count("-- what is said is not kept for now"), 1);
}

#[test]
fn a_file_that_was_taken_away_is_told_and_not_written_again() {
    let file = Fake::new();
    let house = House::open(file.another());
    let mut bob = house.join("bob");
    file.replace();
    bob.say("hello\n");
    bob.hears("-- what is said is not kept for now: the history file is gone\n");
    let before = file.lines();
    bob.say("unkept\n/who\n");
    bob.hears("-- 1 here: bob\n");
    let marks = house.end();
    assert_eq!(marks.last(), Some(&Marker::Partial { block: 0 }));
    assert_eq!(file.lines(), before);
}

/// Bob says so many lines, which are erased; alice reads.
fn erases_while_call_fails(lines: u64, call: u64) {
    let file = Fake::new();
    let text = "SECRET".repeat(650);
    let house = House::open(file.failing(call..call + 1, Failure::Full));
    let mut alice = house.join("alice");
    let mut bob = house.connect("/nick bob\n");
    let mut carol = house.connect("/nick carol\n");
    for number in 0..lines {
        bob.say(&format!("{number} {text}\n"));
        alice.hears(&format!("<bob> {number} "));
    }
    carol.say("carol's own\n");
    alice.hears("<carol> carol's own\n");
    house.erase("bob");
    alice.hears(&format!("-- {lines} lines of bob were erased by the operator\n"));
    assert!(!file.lines().concat().contains("SECRET"), "with call {call}");
    alice.say("/history 5\n");
    alice.hears("-- the last line:\n");
    alice.hears("<carol> carol's own\n");
    house.end();
    assert!(file.lines().contains(&"<carol> carol's own".to_owned()));
    assert_eq!(file.lines_in_gaps(), [0; 0], "with call {call}");
    assert_eq!(alice.count("were erased"), 1);
}

#[test]
fn an_order_to_erase_is_told_once_nothing_is_left_in_memory_and_in_the_file() {
    // More than the memory holds.
    erases_while_call_fails(400, u64::MAX - 1);
}

#[test]
fn whichever_call_fails_an_order_to_erase_is_carried_out_once() {
    // The first ones are of the joins, before anybody hears anything.
    for call in 2..18 {
        erases_while_call_fails(6, call);
    }
}

#[test]
fn nobody_is_told_that_lines_were_erased_while_the_file_still_has_them() {
    let file = Fake::new();
    let house = House::open(file.another());
    let mut alice = house.join("alice");
    let mut bob = house.join("bob");
    bob.say("hello\n");
    alice.hears("<bob> hello\n");
    file.gate().fail(Failure::Full);
    bob.say("SECRET\n");
    alice.hears("<bob> SECRET\n");
    alice.hears("-- what is said is not kept for now: the server's disk is full\n");
    house.erase("bob");
    alice.hears_nothing();
    file.gate().open();
    alice.hears("-- what is said is kept again\n");
    alice.hears("-- 2 lines of bob were erased by the operator\n");
    house.end();
    assert_eq!(file.lines_in_gaps(), [0; 0]);
    let lines = file.lines();
    assert!(!lines.iter().any(|line| line.starts_with("<bob>")), "{lines:?}");
}
