//! A network that breaks all the time: nothing is lost, nothing is said twice, and everyone has the
//! same conversation.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::common::proxy::{Budget, Proxy};
use crate::common::read_in_time;
use crate::common::server::TestServer;
use crate::common::session::Session;
use crate::common::talker::Line;
use crate::common::wire::{Way, Wire};

/// How long all of it may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// How many lines it says at a time: so a cut comes before, in and after each of them.
const AT_A_TIME: usize = 3;

/// A program that says its lines, whatever becomes of its connections.
struct Program {
    /// Where its connections are cut.
    server: SocketAddr,
    /// Where they are not: there it joins, since without its token it could not come back under its name.
    direct: SocketAddr,
    /// What it knows, and what it has said.
    session: Session,
    /// What it has yet to say.
    lines: std::vec::IntoIter<String>,
}

impl Program {
    fn new([server, direct]: [SocketAddr; 2], name: &str, lines: Vec<String>) -> Program {
        Program { server, direct, session: Session::new(name), lines: lines.into_iter() }
    }

    /// Takes part until all of its lines are said and everyone else has said its last word: all events, by their
    /// numbers, with its own lines as the others see them.
    fn run(mut self, others: usize) -> BTreeMap<u64, String> {
        let deadline = Instant::now() + PATIENCE;
        while !self.is_done(others) {
            assert!(Instant::now() < deadline, "{}", self.session.report());
            let to = if self.session.token.is_none() { self.direct } else { self.server };
            if let Some(mut wire) = Wire::connect(to, Way::Plain) {
                self.talk(&mut wire, others, deadline);
            }
            self.check();
        }
        self.session.heard.into_iter().map(|heard| (heard.seq, heard.line)).collect()
    }

    fn is_done(&self, others: usize) -> bool {
        self.lines.len() == 0
            && self.session.receipted == self.session.lines.len()
            && self.session.ends.len() == others
    }

    /// Goes on over this connection, until that is lost or all is done.
    fn talk(&mut self, wire: &mut Wire, others: usize, deadline: Instant) {
        let joins = self.session.token.is_none();
        if wire.send(self.session.hello().as_bytes()).is_err() {
            return;
        }
        let mut bytes = [0; 4096];
        while !self.is_done(others) && Instant::now() < deadline {
            if joins && self.session.token.is_some() {
                return;
            }
            if self.session.written == Some(self.session.lines.len()) {
                let name = self.session.name().to_owned();
                let next = self.lines.by_ref().take(AT_A_TIME);
                self.session.lines.extend(next.map(|text| (Line::Public(text), name.clone())));
            }
            if wire.send(self.session.text().as_bytes()).is_err() {
                return;
            }
            let Some(length) = read_in_time(wire, &mut bytes) else { return };
            self.session.take(&bytes[..length]);
        }
    }

    /// Nothing was wrong, refused or missed so far.
    fn check(&self) {
        let is_bad = |text: &str| text.starts_with("!!") || text.starts_with("-- you missed ");
        let refused = self.session.notices.iter().find(|notice| is_bad(&notice.text));
        let is_right = self.session.complaints.is_empty() && refused.is_none();
        assert!(is_right, "{refused:?} {}", self.session.report());
    }
}

/// Lines of all lengths, so that a cut falls into each part of one.
fn lines(of: usize, count: usize) -> Vec<String> {
    let line = |number: usize| format!("{of} {number} {}", "é".repeat(number * 7 % 60));
    (0..count).map(line).chain([format!("end of p{of}x")]).collect()
}

/// Programs talk over connections that are cut after some bytes, `most` at most, while a plain member
/// floods the room; then all that any of them has seen must be the same.
fn everyone_has_the_same(
    seed: u64,
    programs: usize,
    count: usize,
    most: u64,
    flood: usize,
) -> usize {
    let server = TestServer::start(&["--rate-limit", "0"]);
    let proxies: Vec<Proxy> = (0..programs as u64)
        .map(|i| Proxy::start(server.address, Budget::new(seed + i), most))
        .collect();
    let mut watcher = server.join("watcher");
    let mut conversations: Vec<BTreeMap<u64, String>> = Vec::new();
    std::thread::scope(|scope| {
        let running: Vec<_> = proxies
            .iter()
            .enumerate()
            .map(|(i, proxy)| {
                let program = Program::new(
                    [proxy.address, server.address],
                    &format!("p{i}x"),
                    lines(i, count),
                );
                scope.spawn(move || program.run(programs - 1))
            })
            .collect();
        scope.spawn(|| {
            let mut flooder = server.join("flooder");
            for number in 0..flood {
                flooder.send(format!("{number}\n"));
            }
            flooder.send("/quit\n");
            while flooder.line().is_some() {}
        });
        conversations.extend(running.into_iter().map(|program| program.join().expect("no panic")));
    });
    let said = |line: &&String| line.starts_with("<p");
    let from = conversations.iter().filter_map(|seen| seen.keys().next()).max().expect("they talk");
    for seen in &conversations {
        let (ours, first) = (seen.range(from..), conversations[0].range(from..));
        let differs = ours.zip(first).find(|(one, other)| one != other);
        assert_eq!(differs, None);
        for (i, own) in (0..programs).map(|i| (i, lines(i, count))) {
            let start = format!("<p{i}x> ");
            let heard: Vec<_> =
                seen.values().filter_map(|line| line.strip_prefix(&start)).collect();
            let missing = own.len() - heard.len();
            assert_eq!(heard, own[missing..], "of p{i}x, who may have begun before");
        }
    }
    // Who never lost the connection has seen the same, once and in that order.
    let expected: Vec<&String> = conversations[0].values().filter(said).collect();
    let watched = std::iter::from_fn(|| watcher.line()).filter(|line| line.starts_with("<p"));
    let all = programs * (count + 1);
    let watched: Vec<String> = watched.take(all).collect();
    assert_eq!(watched[all - expected.len()..].iter().collect::<Vec<_>>(), expected);
    proxies.iter().map(Proxy::cuts).sum()
}

#[test]
fn a_connection_that_is_cut_at_every_moment_loses_nothing_and_doubles_nothing() {
    // Wine makes a hundred connections a second.
    let (lines, least) = if cfg!(windows) { (200, 1000) } else { (300, 1500) };
    let cuts = everyone_has_the_same(1, 6, lines, 600, 0);
    assert!(cuts > least, "only {cuts} cuts");
}

#[test]
fn nor_does_it_in_a_flood() {
    let cuts = everyone_has_the_same(2, 6, 250, 2000, 3000);
    assert!(cuts > 300, "only {cuts} cuts");
}
