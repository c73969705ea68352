//! A model of the room, who is here and what each must get, against the real one: members do things
//! at random, and each must get exactly the lines that the model says, in that order.
//!
//! After what a member does it sends an unknown command and reads up to the answer, so what was
//! done is known to be done. The others read when it is their turn, or at the end.

mod commands;
mod room;

use std::collections::BTreeMap;

use proptest::prelude::{ProptestConfig, TestCaseError};
use proptest::test_runner::TestRunner;

use crate::common::server::{TestClient, TestServer};
use commands::{From, Line, MAX_LINE, MEMBERS, Turn, Way};
use room::{Body, Due, EventId, Room};

/// How many cases are tried unless `PROPTEST_CASES` says it.
const CASES: u32 = 64;

const BANNER: &str = "-- chatroom 1: welcome (/help for the commands)";

#[test]
fn whatever_members_do_each_gets_exactly_what_it_must() {
    let mut config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = CASES;
    }
    let tried = TestRunner::new(config).run(&commands::turns(), |turns| {
        let mut play = Play::new();
        let played = turns.iter().try_for_each(|turn| play.turn(turn)).and_then(|()| play.end());
        played
            .map_err(|why| TestCaseError::fail(format!("{why}\nafter:\n{}", play.story.join("\n"))))
    });
    if let Err(why) = tried {
        panic!("{why}");
    }
}

/// The real room and the model of it, side by side.
struct Play {
    server: TestServer,
    room: Room,
    connections: [Option<TestClient>; MEMBERS],
    tokens: [Option<String>; MEMBERS],
    /// The last event that each has read.
    seen: [Option<EventId>; MEMBERS],
    /// The number and the time of each event that somebody was told.
    tags: BTreeMap<EventId, (u64, u64)>,
    /// How many unknown commands were sent to see what is done.
    marks: usize,
    /// What was done, for whoever has to find out why it failed.
    story: Vec<String>,
}

impl Play {
    fn new() -> Play {
        Play {
            server: TestServer::start(&["--rate-limit", "0", "--max-line", &MAX_LINE.to_string()]),
            room: Room::default(),
            connections: Default::default(),
            tokens: Default::default(),
            seen: Default::default(),
            tags: BTreeMap::new(),
            marks: 0,
            story: Vec::new(),
        }
    }

    fn turn(&mut self, turn: &Turn) -> Result<(), String> {
        let (who, mut lines) = (turn.who, turn.lines.clone());
        let may_move = self.room.may_move();
        lines.retain(|line| may_move || !matches!(line, Line::Quit(_)));
        let Some(client) = &self.room.clients[who] else {
            return if may_move { self.come(turn, &lines) } else { Ok(()) };
        };
        let may_lose = client.tagged || may_move;
        match turn.way {
            Way::Resume(from) if client.tagged => self.resume(who, from, &lines),
            _ if !client.connected => self.resume(who, From::Last, &lines),
            Way::HalfClose(partial) if may_lose => self.half_close(who, &lines, partial),
            Way::Reset if may_lose => self.reset(who),
            _ => self.send_and_read(who, &lines, turn.apart),
        }
    }

    /// All that has not been read must be there: also for those who are away.
    fn end(&mut self) -> Result<(), String> {
        for who in 0..MEMBERS {
            match &self.room.clients[who] {
                None => {}
                Some(client) if client.connected => self.send_and_read(who, &[], false)?,
                Some(_) => self.resume(who, From::Last, &[])?,
            }
        }
        Ok(())
    }

    fn come(&mut self, turn: &Turn, lines: &[Line]) -> Result<(), String> {
        let who = turn.who;
        self.tell(who, if turn.tagged { "connects, for the tagged form" } else { "connects" });
        self.room.connect(who);
        let mut connection = self.server.connect();
        // Before what it sends is read nothing is known of it, so all of it is sent as one: a name
        // has to come within 300 ms.
        let tags = turn.tagged.then_some(Line::Tags);
        if matches!(turn.way, Way::Silent) {
            if let Some(tags) = tags {
                connection.send("/tags\n");
                self.room.send(who, &tags);
            }
            self.room.be_guest(who);
            connection.expect(BANNER);
            self.connections[who] = Some(connection);
            let greeting = self.client(who).due.len();
            return self.read(who, &Until::Count(greeting));
        }
        self.connections[who] = Some(connection);
        let first: Vec<Line> = tags.into_iter().chain(lines.iter().cloned()).collect();
        let mark = self.send(who, &first, false);
        self.connection(who).expect(BANNER);
        self.read(who, &Until::Mark(mark))
    }

    /// Takes up on another connection, whether or not there still is one.
    fn resume(&mut self, who: usize, from: From, lines: &[Line]) -> Result<(), String> {
        let seen = match from {
            From::Last => self.seen[who],
            From::Any(_) if self.tags.is_empty() => None,
            From::Any(index) => self.tags.keys().nth(index % self.tags.len()).copied(),
            From::Zero => None,
        };
        let seq = seen.map_or(0, |event| self.tags[&event].0);
        self.tell(who, &format!("resumes from {seq}"));
        let due = std::mem::take(&mut self.client(who).due);
        self.room.resume(who, seen);
        self.seen[who] = seen;
        let mut new = self.server.connect();
        let token = self.tokens[who].as_deref().expect("it was told");
        new.send(format!("/tags\n/resume {token} {seq}\n"));
        let old = self.connections[who].replace(new);
        let mark = self.send(who, lines, false);
        if let Some(old) = old {
            self.read_the_rest(who, old, &due)?;
        }
        self.connection(who).expect(BANNER);
        self.read(who, &Until::Mark(mark))
    }

    /// A connection that was taken over ends, and nothing more is read from it. Until then it may
    /// have got a part of what was due.
    fn read_the_rest(
        &mut self,
        who: usize,
        mut old: TestClient,
        due: &[Due],
    ) -> Result<(), String> {
        use std::io::Write;
        let got: Vec<String> = std::iter::from_fn(|| old.line()).collect();
        old.stream.write_all(b"never\n").ok();
        let seen = self.seen[who];
        self.compare(who, &due[..got.len().min(due.len())], &got)?;
        self.seen[who] = seen;
        Ok(())
    }

    fn half_close(
        &mut self,
        who: usize,
        lines: &[Line],
        partial: Option<&str>,
    ) -> Result<(), String> {
        let (text, goes_on) = self.do_lines(who, lines);
        self.tell(
            who,
            &format!("sends {:?}, and nothing more", text.clone() + partial.unwrap_or("")),
        );
        if goes_on {
            self.room.lose(who, partial, false);
        }
        self.connection(who).send(text + partial.unwrap_or(""));
        self.connection(who).finish();
        self.read(who, &Until::End)
    }

    fn reset(&mut self, who: usize) -> Result<(), String> {
        self.tell(who, "loses its connection");
        let client = self.client(who);
        let (name, tagged) = (client.name().to_owned(), client.tagged);
        let is_member = client.is_member();
        self.room.lose(who, None, true);
        self.connections[who].take().expect("it is here").reset();
        // The server must know before something else is done.
        if !tagged {
            self.server.logs(&format!("{name} left (connection lost)"));
            self.forget(who);
        } else if is_member {
            self.server.logs(&format!("{name} is away: "));
        }
        Ok(())
    }

    fn send_and_read(&mut self, who: usize, lines: &[Line], apart: bool) -> Result<(), String> {
        let mark = self.send(who, lines, apart);
        self.read(who, &Until::Mark(mark))
    }

    /// Sends the lines, and an unknown command behind them; the answer to that.
    fn send(&mut self, who: usize, lines: &[Line], apart: bool) -> String {
        self.marks += 1;
        let word = format!("/nosuch{}", self.marks);
        let answer = format!("!! unknown command {word}; to say it, begin with //");
        let mut lines = lines.to_vec();
        lines.push(Line::Unknown(word));
        let (text, _) = self.do_lines(who, &lines);
        self.tell(who, &format!("sends {text:?}{}", if apart { ", line by line" } else { "" }));
        if apart {
            text.split_inclusive('\n').for_each(|line| self.connection(who).send(line));
        } else {
            self.connection(who).send(text);
        }
        answer
    }

    /// Does the lines in the model; what is sent, and whether the connection goes on after them.
    fn do_lines(&mut self, who: usize, lines: &[Line]) -> (String, bool) {
        let text = lines.iter().map(|line| line.text(&self.tokens) + "\n").collect();
        (text, lines.iter().all(|line| self.room.send(who, line)))
    }

    /// Reads, and compares that with what the model says.
    fn read(&mut self, who: usize, until: &Until) -> Result<(), String> {
        let connection = self.connection(who);
        let mut got = Vec::new();
        let mut has_ended = false;
        while !until.is_reached(&got) {
            let Some(line) = connection.line() else {
                has_ended = true;
                break;
            };
            let body = parse(&line).map_or(&*line, |tagged| tagged.body);
            // A new day.
            if !body.starts_with("| -- ") {
                got.push(line);
            }
        }
        let due = std::mem::take(&mut self.client(who).due);
        self.compare(who, &due, &got)?;
        let client = self.client(who);
        if has_ended == client.connected {
            let name = client.name().to_owned();
            let what = if has_ended { "has ended" } else { "goes on" };
            return Err(format!("#{who} {name}: the connection {what}"));
        }
        if has_ended {
            let has_left = !client.is_member();
            self.connections[who] = None;
            if has_left {
                self.forget(who);
            }
        }
        Ok(())
    }

    fn compare(&mut self, who: usize, due: &[Due], got: &[String]) -> Result<(), String> {
        for index in 0..due.len().max(got.len()) {
            let (due, line) = (due.get(index), got.get(index));
            let why = match (due, line) {
                (Some(due), Some(line)) => self.check(who, due, line).err(),
                _ => Some("there is another number of lines".to_owned()),
            };
            if let Some(why) = why {
                let shown = got.get(..index).unwrap_or(got).join("\n     ");
                return Err(format!(
                    "#{who} {} got\n     {shown}\nand then\n due: {due:?}\n got: {line:?}\n{why}",
                    self.client(who).name(),
                ));
            }
        }
        Ok(())
    }

    fn check(&mut self, who: usize, due: &Due, line: &str) -> Result<(), String> {
        let mut body = line;
        if due.tagged {
            let tagged = parse(line).ok_or("it has no tag")?;
            body = tagged.body;
            match (due.event, tagged.seq) {
                (None, None) => {}
                (Some(event), Some(seq)) => self.check_tag(event, (seq, tagged.at))?,
                _ => return Err("one of them is an event, and one is none".to_owned()),
            }
            if due.answers != tagged.answers {
                return Err("they do not answer the same line".to_owned());
            }
        }
        let is_right = match &due.body {
            Body::Exactly(text) => body == text,
            Body::Replayed(text) => {
                body.strip_prefix("| ").and_then(|it| it.get(6..)) == Some(text)
            }
            Body::Token => {
                self.tokens[who] = body.strip_prefix("= token ").map(str::to_owned);
                self.tokens[who].as_ref().is_some_and(|token| token.len() == 32)
            }
            Body::Nonce => body.strip_prefix("= nonce ").is_some_and(|nonce| nonce.len() == 52),
        };
        if !matches!(due.body, Body::Replayed(_)) {
            self.seen[who] = due.event.or(self.seen[who]);
        }
        if is_right { Ok(()) } else { Err("they are not the same".to_owned()) }
    }

    /// An event has one number and one time for all, and the numbers are in its order.
    fn check_tag(&mut self, event: EventId, tag: (u64, u64)) -> Result<(), String> {
        let seq = tag.0;
        let known = self.tags.entry(event).or_insert(tag);
        if *known != tag {
            return Err(format!("somebody else was told of that event with {known:?}"));
        }
        let before = self.tags.range(..event).next_back();
        let after = self.tags.range(event + 1..).next();
        if before.is_some_and(|(_, it)| it.0 >= seq) || after.is_some_and(|(_, it)| it.0 <= seq) {
            return Err(format!("its number is not between {before:?} and {after:?}"));
        }
        Ok(())
    }

    fn client(&mut self, who: usize) -> &mut room::Client {
        self.room.clients[who].as_mut().expect("it is here")
    }

    fn connection(&mut self, who: usize) -> &mut TestClient {
        self.connections[who].as_mut().expect("it is connected")
    }

    /// It has left, and somebody else may come in its place.
    fn forget(&mut self, who: usize) {
        self.room.clients[who] = None;
        self.seen[who] = None;
    }

    fn tell(&mut self, who: usize, what: &str) {
        let name = self.room.clients[who].as_ref().map_or("", |client| client.name());
        self.story.push(format!("#{who} {name} {what}"));
    }
}

/// How far is read.
enum Until {
    /// Up to the answer to an unknown command, and all that belongs to that.
    Mark(String),
    Count(usize),
    End,
}

impl Until {
    fn is_reached(&self, got: &[String]) -> bool {
        match self {
            // A program is told besides that the line is done.
            Until::Mark(mark) => got
                .iter()
                .rposition(|line| line.ends_with(mark))
                .is_some_and(|place| !got[place].starts_with('@') || place + 1 < got.len()),
            Until::Count(count) => got.len() == *count,
            Until::End => false,
        }
    }
}

/// A line in the tagged form.
struct Tagged<'a> {
    seq: Option<u64>,
    answers: Option<u64>,
    at: u64,
    body: &'a str,
}

fn parse(line: &str) -> Option<Tagged<'_>> {
    let mut parts = line.strip_prefix('@')?.splitn(3, ' ');
    let seq = parts.next()?;
    let (seq, answers) = match seq.strip_prefix('-') {
        None => (Some(seq.parse().ok()?), None),
        Some("") => (None, None),
        Some(line) => (None, Some(line.parse().ok()?)),
    };
    Some(Tagged { seq, answers, at: parts.next()?.parse().ok()?, body: parts.next()? })
}
