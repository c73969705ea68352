//! A program in the tagged form that says its lines, whatever becomes of its connections and of the server.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::rows::{Rows, assert_same};
use super::talker::{Line, Talker, is_end};
use super::trial::{PATIENCE, Trial};
use super::wire::{Way, Wire};
use crate::common::program::split;
use crate::common::read_in_time;

/// How many lines may be without a receipt.
const ON_THE_WAY: usize = 20;

pub(super) struct Program {
    server: SocketAddr,
    /// How it gets there.
    way: Way,
    talker: Talker,
    /// All that it says, from its name on, with the name that it has then; the first is line 1.
    lines: Vec<(Line, String)>,
    /// How many of them it has written on this connection, or need not; `None` until it may write.
    written: Option<usize>,
    /// So many lines are known to be taken.
    taken: u64,
    /// The last line that has a receipt.
    receipted: u64,
    token: Option<String>,
    seen: u64,
    /// All events, by their numbers, with its own lines as the file has them.
    conversation: BTreeMap<u64, String>,
    /// How many last words of others it has heard.
    ends: usize,
    /// Its own last word is in `lines`.
    has_ended: bool,
    /// The beginning of a line.
    partial: Vec<u8>,
}

impl Program {
    pub(super) fn new(server: SocketAddr, way: Way, talker: Talker) -> Program {
        let name = talker.name.clone();
        Program {
            server,
            way,
            lines: vec![(Line::Rename { to: name.clone() }, name)],
            talker,
            written: None,
            taken: 0,
            receipted: 0,
            token: None,
            seen: 0,
            conversation: BTreeMap::new(),
            ends: 0,
            has_ended: false,
            partial: Vec::new(),
        }
    }

    /// Takes part until all is said and heard, and then until it is released.
    pub(super) fn run(mut self, trial: &Trial) -> Program {
        let _ends_all = trial.ends_all();
        let (mut deadline, mut last) = (None, None);
        while !self.is_done(trial) {
            if trial.is_over() {
                let deadline = *deadline.get_or_insert_with(|| Instant::now() + PATIENCE);
                assert!(Instant::now() < deadline, "{}", self.report());
            }
            match Wire::connect(self.server, self.way) {
                Some(mut wire) => {
                    self.talk(&mut wire, trial);
                    // At its end it stays a member.
                    if self.is_done(trial) {
                        last = Some(wire);
                    }
                }
                None => std::thread::sleep(Duration::from_millis(1)),
            }
        }
        trial.mark_done();
        trial.wait_for_release();
        drop(last);
        self
    }

    fn is_done(&self, trial: &Trial) -> bool {
        self.has_ended && self.taken == self.lines.len() as u64 && self.ends == trial.others()
    }

    fn report(&self) -> String {
        format!(
            "{}: {} of {} lines taken, {:?} written, {} events and {} ends heard",
            self.talker.first_name,
            self.taken,
            self.lines.len(),
            self.written,
            self.conversation.len(),
            self.ends
        )
    }

    /// Goes on over this connection, until that is lost or all is done.
    fn talk(&mut self, wire: &mut Wire, trial: &Trial) {
        self.partial.clear();
        self.written = self.token.is_none().then_some(1);
        let hello = match &self.token {
            // In one piece: the server makes a guest of one that it has to wait for.
            None => format!("/tags\n{}\n", self.lines[0].0.sent()),
            Some(token) => format!("/tags\n/resume {token} {}\n", self.seen),
        };
        if wire.send(hello.as_bytes()).is_err() {
            return;
        }
        let mut bytes = [0; 16 * 1024];
        while !self.is_done(trial) {
            self.make_lines(trial);
            let text = self.text();
            if wire.send(text.as_bytes()).is_err() {
                return;
            }
            let Some(length) = read_in_time(wire, &mut bytes) else { return };
            self.take(&bytes[..length]);
        }
    }

    fn make_lines(&mut self, trial: &Trial) {
        let on_the_way = self.lines.len() - self.taken as usize;
        // It fails with any other thread.
        let is_over = trial.is_over();
        if !trial.has_begun() || on_the_way >= ON_THE_WAY || self.has_ended {
            return;
        }
        if is_over {
            self.lines.push((self.talker.end(), self.talker.name.clone()));
            self.has_ended = true;
        } else if self.talker.dice(4) == 0 {
            let name = self.talker.name.clone();
            self.lines.push((self.talker.next(), name));
        }
    }

    /// What is to be written now.
    fn text(&mut self) -> String {
        let Some(written) = self.written else { return String::new() };
        self.written = Some(self.lines.len());
        self.lines[written..].iter().map(|(line, _)| line.sent() + "\n").collect()
    }

    fn take(&mut self, bytes: &[u8]) {
        self.partial.extend_from_slice(bytes);
        let whole = self.partial.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        let lines: Vec<u8> = self.partial.drain(..whole).collect();
        // Until the server has read `/tags`, lines come without a tag; they come again.
        let text = String::from_utf8(lines).expect("lines are UTF-8");
        for line in text.lines().filter(|line| line.starts_with('@')) {
            let (seq, body) = split(line);
            self.take_line(seq, body);
        }
    }

    fn take_line(&mut self, seq: Option<u64>, body: &str) {
        let name = &self.talker.first_name;
        if body.starts_with("!!")
            || body.starts_with("-- you missed ")
            || body.contains("may be missing")
        {
            panic!("{name}: {body}");
        }
        let Some(seq) = seq else { return self.take_answer(body) };
        if body.starts_with("| ") {
            return;
        }
        assert!(seq > self.seen, "{name}: {body} comes as {seq} after {}", self.seen);
        self.seen = seq;
        self.ends += usize::from(is_end(body));
        let line = match body.strip_prefix("+ ") {
            None => body.to_owned(),
            Some(number) => self.receipt(number.parse().expect("a number")),
        };
        self.conversation.insert(seq, line);
    }

    fn take_answer(&mut self, body: &str) {
        if let Some(token) = body.strip_prefix("= token ") {
            self.token = Some(token.to_owned());
            (self.receipted, self.taken) = (1, 1);
        } else if let Some(taken) = body.strip_prefix("= resumed ") {
            let taken: u64 = taken.parse().expect("a number");
            assert!(taken >= self.taken, "{}: resumed {taken}: {}", self.report(), self.taken);
            self.written = Some(taken as usize);
            self.taken = taken;
        } else if let Some(name) = body.strip_prefix("= nick ")
            && self.written.is_some_and(|written| written as u64 == self.taken)
        {
            let now = match self.lines[self.taken as usize - 1] {
                (Line::Rename { ref to }, _) => to,
                (_, ref name) => name,
            };
            assert_eq!(name, now, "{}", self.report());
        } else if body.contains(" here: ") {
            // All before it were done.
            let asked = |(line, _): &(Line, String)| matches!(line, Line::Who);
            let untold = self.lines.iter().skip(self.taken as usize).position(asked);
            self.taken += untold.map_or(0, |untold| untold as u64 + 1);
        }
    }

    /// A receipt has come for the line of that number.
    fn receipt(&mut self, number: u64) -> String {
        let skipped = &self.lines[self.receipted as usize..number as usize - 1];
        let is_who = |(line, _): &(Line, String)| matches!(line, Line::Who);
        assert!(
            skipped.iter().all(is_who),
            "{}: + {number} after {}",
            self.report(),
            self.receipted
        );
        self.receipted = number;
        self.taken = self.taken.max(number);
        let (line, name) = &self.lines[number as usize - 1];
        line.row(name).expect("it has a receipt")
    }

    /// It has heard all that it had to, under the same numbers, and all that it has said is there.
    pub(super) fn compare(&self, rows: &Rows) {
        let name = &self.talker.first_name;
        let member = rows.member(&self.talker.name);
        let said = self.lines.iter().skip(1).filter_map(|(line, name)| line.row(name));
        assert_same(name, rows.of(member).map(|row| row.line.clone()), said);
        let joined = format!("-- {name} joined");
        let join = rows.rows.iter().find(|row| row.line == joined).expect("it has joined").seq;
        let last = *self.conversation.keys().last().expect("it has heard something");
        let mut expected: Vec<_> =
            rows.heard_by(member).chain(rows.of(member)).map(|row| (row.seq, &row.line)).collect();
        expected.retain(|&(seq, _)| seq > join && seq <= last);
        expected.sort_unstable();
        assert_same(name, self.conversation.iter().map(|(&seq, line)| (seq, line)), expected);
    }
}
