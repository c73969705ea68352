//! A network that breaks all the time: nothing is lost, nothing is said twice, and everyone has the
//! same conversation.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::common::program::split;
use crate::common::proxy::{Budget, Proxy};
use crate::common::read_in_time;
use crate::common::server::TestServer;

/// How long all of it may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// A program that says its lines, whatever becomes of its connections.
struct Program {
    /// Where its connections are cut.
    server: SocketAddr,
    /// Where they are not: there it joins, since without its token it could not come back under its name.
    direct: SocketAddr,
    name: String,
    /// All that it says, from its name on; the first is line 1.
    lines: Vec<String>,
    /// How many of them it has written on this connection, or need not.
    written: usize,
    /// The last line that it has a receipt for.
    receipted: u64,
    token: Option<String>,
    seen: u64,
    /// All events, by their numbers, with its own lines as the others see them.
    conversation: BTreeMap<u64, String>,
    /// The beginning of a line.
    partial: Vec<u8>,
}

impl Program {
    fn new(
        [server, direct]: [SocketAddr; 2],
        name: &str,
        lines: impl IntoIterator<Item = String>,
    ) -> Program {
        let first = format!("/nick {name}");
        Program {
            server,
            direct,
            name: name.to_owned(),
            lines: [first].into_iter().chain(lines).collect(),
            written: 0,
            receipted: 0,
            token: None,
            seen: 0,
            conversation: BTreeMap::new(),
            partial: Vec::new(),
        }
    }

    /// Takes part until all of its lines are said and everyone else has said `end`.
    fn run(mut self, others: usize) -> BTreeMap<u64, String> {
        let deadline = Instant::now() + PATIENCE;
        while !self.is_done(others) {
            assert!(Instant::now() < deadline, "{}", self.report());
            let to = if self.token.is_none() { self.direct } else { self.server };
            if let Ok(stream) = TcpStream::connect(to) {
                self.talk(&stream, others, deadline);
                stream.shutdown(Shutdown::Both).ok();
            }
        }
        self.conversation
    }

    fn is_done(&self, others: usize) -> bool {
        let ends = self.conversation.values().filter(|line| line.ends_with("> end")).count();
        self.receipted == self.lines.len() as u64 && ends == others + 1
    }

    fn report(&self) -> String {
        format!(
            "{}: {} of {} lines receipted, {} written, {} events seen",
            self.name,
            self.receipted,
            self.lines.len(),
            self.written,
            self.conversation.len()
        )
    }

    /// Goes on over this connection, until that is lost or all is done.
    fn talk(&mut self, mut stream: &TcpStream, others: usize, deadline: Instant) {
        stream.set_read_timeout(Some(Duration::from_millis(1))).expect("not zero");
        self.partial.clear();
        let hello = match &self.token {
            None => "/tags\n".to_owned(),
            Some(token) => format!("/tags\n/resume {token} {}\n", self.seen),
        };
        self.written = if self.token.is_none() { 0 } else { usize::MAX };
        if stream.write_all(hello.as_bytes()).is_err() {
            return;
        }
        let mut bytes = [0; 4096];
        let joins = self.token.is_none();
        let has_joined = |program: &Program| joins && program.token.is_some();
        while !self.is_done(others) && !has_joined(self) && Instant::now() < deadline {
            // A few at a time, so that a cut comes before, in and after each of them.
            let next: Vec<_> = self.lines.iter().skip(self.written).take(3).collect();
            let text: String = next.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
            self.written = self.written.saturating_add(next.len());
            if stream.write_all(text.as_bytes()).is_err() {
                return;
            }
            let Some(length) = read_in_time(&mut stream, &mut bytes) else { return };
            self.take(&bytes[..length]);
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        self.partial.extend_from_slice(bytes);
        while let Some(end) = self.partial.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = self.partial.drain(..=end).collect();
            let line = String::from_utf8(line).expect("lines are UTF-8");
            if !line.starts_with("-- chatroom 1: ") {
                let (seq, body) = split(line.trim_end_matches('\n'));
                self.take_line(seq, body);
            }
        }
    }

    fn take_line(&mut self, seq: Option<u64>, body: &str) {
        if let Some(token) = body.strip_prefix("= token ") {
            self.token = Some(token.to_owned());
            self.receipted = 1;
        } else if let Some(taken) = body.strip_prefix("= resumed ") {
            self.written = taken.parse().expect("a number");
        } else if body.starts_with("!!") || body.starts_with("-- you missed ") {
            panic!("{}: {body}", self.name);
        }
        let Some(seq) = seq.filter(|_| !body.starts_with("| ")) else { return };
        assert!(seq > self.seen, "{}: {body} comes as {seq} after {}", self.name, self.seen);
        self.seen = seq;
        let line = match body.strip_prefix("+ ") {
            None => body.to_owned(),
            Some(number) => {
                let number = number.parse().expect("a number");
                assert_eq!(number, self.receipted + 1, "{}", self.report());
                self.receipted = number;
                format!("<{}> {}", self.name, self.lines[number as usize - 1])
            }
        };
        self.conversation.insert(seq, line);
    }
}

/// Lines of all lengths, so that a cut falls into each part of one.
fn lines(of: usize, count: usize) -> Vec<String> {
    let line = |number: usize| format!("{of} {number} {}", "é".repeat(number * 7 % 60));
    (0..count).map(line).chain(["end".to_owned()]).collect()
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
