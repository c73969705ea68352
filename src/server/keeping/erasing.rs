//! Erasing in a server with everything that keeps its room: real sockets, a real file, and all threads.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::*;
use crate::protocol::request::Order;
use crate::server::accept::Acceptor;
use crate::server::broadcaster::Broadcaster;
use crate::server::config::{Encryption, HistoryConfig, HistoryFile, TlsConfig};
use crate::server::reception::Reception;
use crate::server::secrets::Secrets;
use crate::server::waker::Waker;
use crate::server::{bind, serve};
use crate::test_folder::Folder;

/// How long anything may take before a test fails.
const DEADLINE: Duration = Duration::from_secs(30);

/// In each line that is erased, and in no other.
const SECRET: &str = "zebra";

/// What the room remembers, in bytes: a part of what is said.
const MEMORY: usize = 1 << 20;

/// How many times bob says something in public, does something, and says something in private.
const TIMES: u64 = 400;

/// A server in this process.
struct House {
    address: SocketAddr,
    hub: Arc<Hub>,
    shutdown: Shutdown,
    server: JoinHandle<()>,
}

impl House {
    fn open(path: &Path) -> House {
        let file = HistoryFile::Named(path.to_owned());
        let history = HistoryConfig { file, ..HistoryConfig::default() };
        let tls = TlsConfig { encryption: Encryption::Off, ..TlsConfig::default() };
        let config = Config { rate_limit: 0, memory: MEMORY, history, tls, ..Config::default() };
        let kept = Kept::open(&config).expect("a file").expect("a history");
        let listener = bind("127.0.0.1", 0).expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let shutdown = Shutdown::new().expect("a pipe");
        let hub = Arc::new(Hub::new(Waker::new().expect("a pipe"), &config));
        let threads = kept.start(&hub, &config, &shutdown).expect("threads");
        let broadcaster = Broadcaster::new(Arc::clone(&hub), config.stall_timeout);
        let secrets = Secrets::open(&config).expect("everybody may come in");
        let reception = Reception::new(Arc::clone(&hub), secrets, &config, None);
        let acceptor = Acceptor::new(reception, &config);
        let (ours, served) = (shutdown.clone(), Arc::clone(&hub));
        let server = thread::spawn(move || {
            serve(listener, acceptor, &ours, &served, broadcaster, None).expect("no bug");
            threads.join().expect("no bug");
        });
        House { address, hub, shutdown, server }
    }

    /// Orders all that was said under a name to be erased.
    fn erase(&self, name: &str) {
        let time = Duration::from_secs(60 * 60);
        assert_eq!(self.hub.order(&Order::Erase { name, time }), [""; 0]);
    }

    fn connect(&self, first: &str) -> Client {
        let stream = TcpStream::connect(self.address).expect("it listens");
        stream.set_read_timeout(Some(DEADLINE)).expect("not zero");
        let lines = BufReader::new(stream.try_clone().expect("a socket"));
        let mut client = Client { stream, lines };
        client.say(first);
        client
    }

    fn end(self) {
        self.shutdown.begin();
        self.server.join().expect("it does not panic");
    }
}

struct Client {
    stream: TcpStream,
    lines: BufReader<TcpStream>,
}

impl Client {
    fn say(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).expect("the server takes it");
    }

    /// Waits for a line that has this, and gives all up to it.
    #[track_caller]
    fn hears(&mut self, part: &str) -> String {
        let mut heard = String::new();
        loop {
            let before = heard.len();
            if let Err(why) = self.lines.read_line(&mut heard) {
                panic!("no {part:?}: {why}");
            }
            assert!(heard.len() > before, "it ends without {part:?}");
            if heard[before..].contains(part) {
                return heard;
            }
        }
    }
}

#[track_caller]
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < DEADLINE, "{what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// How often what was erased stands in each file of the folder that has it.
fn left_in(folder: &Folder) -> Vec<(String, usize)> {
    let count = |bytes: &[u8]| {
        let windows = bytes.windows(SECRET.len());
        windows.filter(|window| window.eq_ignore_ascii_case(SECRET.as_bytes())).count()
    };
    let counted = folder.contents().into_iter().map(|(name, bytes)| (name, count(&bytes)));
    counted.filter(|(_, count)| *count > 0).collect()
}

/// How many lines with a word that begins so the index has, once it has all lines.
fn indexed(path: &Path, word: &str) -> u64 {
    let db = Connection::open(path).expect("it is there");
    let number = |query: &str| db.query_row(query, [], |row| row.get::<_, i64>(0));
    until("the index is never made", || {
        let is_behind = "SELECT (SELECT max(seq) FROM event) > indexed FROM room";
        let outdated = "SELECT count(*) FROM chunk WHERE is_outdated";
        number(is_behind) == Ok(0) && number(outdated) == Ok(0)
    });
    let mut chunks = db.prepare("SELECT id FROM chunk").expect("a table");
    let chunks = chunks.query_map([], |row| row.get::<_, i64>(0)).expect("a query");
    let found = chunks.map(|chunk| {
        let words = format!("words_{}", chunk.expect("a number"));
        number(&format!("SELECT count(*) FROM {words} WHERE {words} MATCH '\"{word}\"*'"))
    });
    found.map(|count| count.expect("a number").cast_unsigned()).sum()
}

/// Bob says what is to be erased, more than the room remembers, and alice something in between. How many lines
/// bob has said.
fn talk(alice: &mut Client, bob: &mut Client) -> u64 {
    let long = "x".repeat(3_000);
    for number in 0..TIMES {
        bob.say(&format!("{number} {SECRET}{number} Zebra {long}\n/me has a {SECRET}s{number}\n"));
        bob.say(&format!("/msg alice {SECRET}p{number}\n"));
        alice.say(&format!("giraffe {number}\n"));
        alice.hears(&format!("[bob -> you] {SECRET}p{number}"));
    }
    3 * TIMES
}

#[test]
fn no_byte_of_the_files_has_what_was_erased_while_the_room_talks_on_and_after_a_restart() {
    let folder = Folder::new();
    let path = folder.file("5000.db");
    let house = House::open(&path);
    let mut alice = house.connect("/nick alice\n");
    alice.hears("-- you are alice");
    let mut bob = house.connect("/tags\n/nick bob\n");
    let greeting = bob.hears("= nick bob");
    let token = greeting.split("= token ").nth(1).expect("a token")[..32].to_owned();
    let said = talk(&mut alice, &mut bob);
    // The first of bob's lines was the name.
    bob.hears(&format!("+ {}\n", said + 1));
    assert_eq!(indexed(&path, SECRET), 2 * TIMES);
    assert!(left_in(&folder).iter().any(|(name, _)| name == "5000.db"), "it was in there");

    house.erase("bob");
    alice.hears(&format!("-- {said} lines of bob were erased by the operator"));
    let mut more = 0;
    let mut talks_until_nothing_is_left = |alice: &mut Client| {
        until("something is left", || {
            more += 1;
            alice.say(&format!("giraffe and more {more}\n"));
            left_in(&folder).is_empty()
        });
    };
    talks_until_nothing_is_left(&mut alice);
    // Of these the index has no word, and they are still in the file beside the file.
    let long = "x".repeat(3_000);
    for number in 0..100 {
        bob.say(&format!("/msg alice {number} {SECRET} {long}\n"));
        alice.hears(&format!("[bob -> you] {number} {SECRET}"));
    }
    house.erase("bob");
    alice.hears("-- 100 lines of bob were erased by the operator");
    talks_until_nothing_is_left(&mut alice);
    let said = said + 100;
    assert_eq!((indexed(&path, SECRET), indexed(&path, "giraffe")), (0, TIMES + more));
    alice.say(&format!("/search {SECRET}\n/search giraffe 399\n"));
    alice.hears(&format!("-- nothing with \"{SECRET}\""));
    let found = alice.hears("-- that is all");
    assert!(found.contains("<alice> giraffe 399"), "{found}");
    let mut carol = house.connect("/nick carol\n");
    assert!(!carol.hears("-- you are up to date").contains(SECRET));
    carol.say("/history 5000\n");
    let shown = carol.hears("-- you are up to date");
    assert_eq!(shown.matches("<alice> giraffe ").count() as u64, TIMES + more);
    assert!(!shown.to_lowercase().contains(SECRET) && !shown.contains("not in this server's"));
    house.end();
    assert_eq!(left_in(&folder), []);

    let house = House::open(&path);
    let mut bob = house.connect(&format!("/tags\n/resume {token} 0\n"));
    bob.hears(&format!("= resumed {}", said + 1));
    bob.say("one more\n");
    let seen = bob.hears(&format!("+ {}\n", said + 2));
    assert!(!seen.contains("missed") && !seen.to_lowercase().contains(SECRET));
    let receipts = seen.lines().filter(|line| line.split(' ').nth(2) == Some("+")).count();
    assert_eq!(receipts as u64, said + 1, "each line has its receipt still");
    house.end();
    assert_eq!(left_in(&folder), []);
}
