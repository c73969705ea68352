//! Members who talk, and who are checked: plain ones, and ones in the tagged form that lose their
//! connections and come back. Each gives what it has heard, in its order.

use std::time::{Duration, Instant};

use super::Soak;
use super::wire::Wire;
use crate::common::program::split;
use crate::common::proxy::Budget;

/// How long the last lines may take, and any word of a server.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often each says something, at most.
const PAUSE: u64 = 200;

/// A line that is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Word {
    pub(crate) author: u16,
    /// Which of its author's lines, from 0 on; `None` for the last.
    pub(crate) number: Option<u32>,
}

/// One who says such lines.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Author {
    pub(crate) number: u16,
    pub(crate) manner: Manner,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    Plain,
    Tagged,
}

impl Word {
    /// The line as its author sends it.
    fn text(self) -> String {
        match self.number {
            None => "checked end".to_owned(),
            Some(number) => {
                let length = number.wrapping_mul(2_654_435_761) >> 25;
                format!("checked {number} {}", "é€".repeat(length as usize))
            }
        }
    }

    /// The checked line in what a server has sent, live or replayed; `None` if it is another one.
    ///
    /// # Panics
    ///
    /// It is one, and not as it was said.
    pub(crate) fn read(line: &str) -> Option<Word> {
        let line = if line.starts_with("| ") { line.splitn(3, ' ').nth(2)? } else { line };
        let (name, text) = line.strip_prefix("<k")?.split_once("x> ")?;
        let author = name.parse().ok()?;
        let number = text.strip_prefix("checked ")?.split(' ').next()?;
        let number = if number == "end" { None } else { Some(number.parse().ok()?) };
        let word = Word { author, number };
        assert_eq!(text, word.text());
        Some(word)
    }
}

/// Takes part until all is said and heard, and gives what it has heard. One without a number only
/// listens.
pub(crate) fn run(soak: &Soak, author: Option<Author>, random: Budget) -> Vec<Word> {
    let name = author.map_or("watcher".to_owned(), |author| format!("k{}x", author.number));
    let manner = author.map_or(Manner::Plain, |author| author.manner);
    let mut member = Member {
        soak,
        author: author.map(|author| author.number),
        manner,
        random,
        wire: Wire::connect(soak.server).expect("the server accepts"),
        token: String::new(),
        seen: 0,
        said: 0,
        written: Some(0),
        receipted: 0,
        has_ended: false,
        heard: Vec::new(),
    };
    member.join(&name);
    soak.await_all();
    member.talk();
    member.heard
}

struct Member<'a> {
    soak: &'a Soak,
    author: Option<u16>,
    manner: Manner,
    random: Budget,
    wire: Wire,
    token: String,
    /// The last event, in the tagged form.
    seen: u64,
    /// How many lines it has to say so far.
    said: u32,
    /// How many of them it has written on this connection, or need not; `None` until that is known.
    written: Option<u32>,
    /// For how many it has receipts.
    receipted: u32,
    /// The last of its lines is the last.
    has_ended: bool,
    heard: Vec<Word>,
}

impl Member<'_> {
    fn join(&mut self, name: &str) {
        let tags = if self.manner == Manner::Tagged { "/tags\n" } else { "" };
        assert!(self.wire.send(format!("{tags}/nick {name}\n")));
        let deadline = Instant::now() + PATIENCE;
        let last = match self.manner {
            Manner::Plain => format!("-- you are {name}, "),
            Manner::Tagged => format!(" = nick {name}"),
        };
        let mut is_in = false;
        while !is_in {
            assert!(Instant::now() < deadline, "{name} gets no answer");
            for line in self.wire.lines().expect("the server is there") {
                is_in |= line.contains(&last);
                self.take(&line);
            }
        }
    }

    fn talk(&mut self) {
        let mut next = Instant::now();
        let mut cut = self.next_cut();
        let mut deadline = None;
        while !self.is_done() {
            let now = Instant::now();
            if self.soak.is_over() {
                self.have_ended();
                let deadline = *deadline.get_or_insert(now + PATIENCE);
                assert!(now < deadline, "{:?} waits: {}", self.author, self.report());
            } else if now >= next {
                self.said += u32::from(self.author.is_some());
                next = now + Duration::from_millis(self.random.next(PAUSE));
            }
            if self.manner == Manner::Tagged && now >= cut && !self.soak.is_over() {
                self.lose_connection();
                cut = self.next_cut();
            }
            if !self.go_on() {
                assert_eq!(self.manner, Manner::Tagged, "{:?} was cut off", self.author);
                self.come_back();
            }
        }
        self.wire.send("/quit\n");
        while self.wire.lines().is_some() {}
    }

    fn next_cut(&mut self) -> Instant {
        Instant::now() + Duration::from_millis(self.random.next(2000))
    }

    fn have_ended(&mut self) {
        self.said += u32::from(self.author.is_some() && !self.has_ended);
        self.has_ended = true;
    }

    fn is_done(&self) -> bool {
        let ends = self.heard.iter().rev().filter(|word| word.number.is_none());
        let hears_itself = self.manner == Manner::Tagged || self.author.is_none();
        self.has_ended && ends.count() == self.soak.authors - usize::from(!hears_itself)
    }

    /// Says what is to be said and hears what has come; false if the connection is lost.
    fn go_on(&mut self) -> bool {
        if let Some(written) = self.written
            && written < self.said
        {
            let words = (written..self.said).map(|number| self.word(number).text() + "\n");
            let words: String = words.collect();
            self.written = Some(self.said);
            if !self.wire.send(words) {
                return false;
            }
        }
        let Some(lines) = self.wire.lines() else { return false };
        lines.iter().for_each(|line| self.take(line));
        true
    }

    fn word(&self, number: u32) -> Word {
        let is_last = self.has_ended && number + 1 == self.said;
        let author = self.author.expect("who says something is one");
        Word { author, number: (!is_last).then_some(number) }
    }

    fn take(&mut self, line: &str) {
        let (seq, body) = match self.manner {
            Manner::Tagged if line.starts_with('@') => split(line),
            _ => (None, line),
        };
        for trouble in ["!! ", "-- you missed ", "-- slow down"] {
            assert!(!body.starts_with(trouble), "{:?} is told {body:?}", self.author);
        }
        if let Some(token) = body.strip_prefix("= token ") {
            token.clone_into(&mut self.token);
        } else if let Some(taken) = body.strip_prefix("= resumed ") {
            // Its name was its first line.
            self.written = Some(taken.parse::<u32>().expect("a number") - 1);
        }
        if body.starts_with("| ") {
            return;
        }
        if let Some(seq) = seq {
            assert!(seq > self.seen, "{seq} after {}: {body}", self.seen);
            self.seen = seq;
        }
        if let Some(line) = body.strip_prefix("+ ") {
            let number = line.parse::<u32>().expect("a number") - 2;
            assert_eq!(number, self.receipted, "{}", self.report());
            self.receipted += 1;
            self.heard.push(self.word(number));
        }
        self.heard.extend(Word::read(body));
    }

    /// Loses its connection: at once, in the middle of a line, in the middle of a character, or
    /// without the server's knowledge.
    fn lose_connection(&mut self) {
        let next = self.written.unwrap_or(0);
        let half = format!("checked {next} and no more");
        match self.random.next(5) {
            0 => self.wire.finish(),
            1 => drop(self.wire.send(half)),
            2 => drop(self.wire.send(b"checked caf\xc3")),
            3 => {}
            _ => return self.come_back(),
        }
        let fresh = self.connect();
        let old = std::mem::replace(&mut self.wire, fresh);
        if self.random.next(2) == 0 {
            old.reset();
        } else {
            drop(old);
        }
        self.resume();
    }

    /// Comes back, whether the old connection is known to be lost or not.
    fn come_back(&mut self) {
        let fresh = self.connect();
        let _old = std::mem::replace(&mut self.wire, fresh);
        self.resume();
    }

    fn connect(&mut self) -> Wire {
        std::thread::sleep(Duration::from_millis(self.random.next(200)));
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(wire) = Wire::connect(self.soak.server) {
                return wire;
            }
            assert!(Instant::now() < deadline, "the server takes nobody in");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn resume(&mut self) {
        self.written = None;
        let hello = format!("/tags\n/resume {} {}\n", self.token, self.seen);
        self.wire.send(hello);
    }

    fn report(&self) -> String {
        format!(
            "{} lines to say, {:?} written, {} receipted, {} heard, event {}",
            self.said,
            self.written,
            self.receipted,
            self.heard.len(),
            self.seen
        )
    }
}
