//! What a program in the tagged form knows of its session, whatever becomes of its connections. Pure: what has come goes
//! in, what is to be sent comes out.

use std::collections::BTreeSet;

use super::program::tag;
use super::talker::{Line, is_end};

/// An event that a program was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// Its number.
    pub seq: u64,
    /// When it happened by the server's clock, in milliseconds.
    pub at: u64,
    /// As the others see it, also where it is the program's own.
    pub line: String,
    /// Whether it is a line of the program's own, which it was told as a receipt.
    pub is_own: bool,
}

/// Something that is no event, with how many events were heard before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// How many events were heard before.
    pub behind: usize,
    /// What it says.
    pub text: String,
}

/// A session of a program that says its lines.
#[derive(Debug)]
pub struct Session {
    /// All that it says, from its name on, with the name that it has then; the first is line 1.
    pub lines: Vec<(Line, String)>,
    /// How many of them it has written on this connection, or need not; `None` until it may write.
    pub written: Option<usize>,
    /// So many lines are known to be taken.
    pub taken: usize,
    /// The last line that has a receipt.
    pub receipted: usize,
    /// So many were taken, as the room has said, when it resumed.
    resumed: usize,
    /// Lines that had a receipt, and that the room has lost. The room does not count them.
    pub lost: BTreeSet<usize>,
    /// What it is resumed with.
    pub token: Option<String>,
    /// The number of the last event.
    pub seen: u64,
    /// All events in the order in which they came.
    pub heard: Vec<Heard>,
    /// What was said before, as it was shown again.
    pub shown: Vec<Heard>,
    /// What came besides, but for answers to what it asked for.
    pub notices: Vec<Notice>,
    /// How many lines were answered, and are sent again all the same since the room does not count them.
    pub again: usize,
    /// What is wrong with what it was told.
    pub complaints: Vec<String>,
    /// The last words of others that it has heard.
    pub ends: BTreeSet<String>,
    /// The beginning of a line.
    partial: Vec<u8>,
}

impl Session {
    /// It has not joined yet.
    pub fn new(name: &str) -> Session {
        Session {
            lines: vec![(Line::Rename { to: name.to_owned() }, name.to_owned())],
            written: None,
            taken: 0,
            receipted: 0,
            resumed: 0,
            lost: BTreeSet::new(),
            token: None,
            seen: 0,
            heard: Vec::new(),
            shown: Vec::new(),
            notices: Vec::new(),
            again: 0,
            complaints: Vec::new(),
            ends: BTreeSet::new(),
            partial: Vec::new(),
        }
    }

    /// The name that it has joined under.
    pub fn name(&self) -> &str {
        &self.lines[0].1
    }

    /// How many lines are on their way.
    pub fn on_the_way(&self) -> usize {
        self.lines.len() - self.taken
    }

    /// What is to be sent over a new connection at first.
    pub fn hello(&mut self) -> String {
        self.partial.clear();
        self.written = self.token.is_none().then_some(1);
        match &self.token {
            // In one piece: the server makes a guest of one that it has to wait for.
            None => format!("/tags\n{}\n", self.lines[0].0.sent()),
            Some(token) => format!("/tags\n/resume {token} {}\n", self.seen),
        }
    }

    /// What is to be sent now.
    pub fn text(&mut self) -> String {
        let Some(written) = self.written else { return String::new() };
        self.written = Some(self.lines.len());
        self.lines[written..].iter().map(|(line, _)| line.sent() + "\n").collect()
    }

    /// These bytes have come.
    pub fn take(&mut self, bytes: &[u8]) {
        self.partial.extend_from_slice(bytes);
        let whole = self.partial.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        let lines: Vec<u8> = self.partial.drain(..whole).collect();
        let text = String::from_utf8(lines).expect("lines are UTF-8");
        for line in text.lines() {
            if line.starts_with('@') {
                self.take_line(line);
            } else if line.starts_with("!!") || line.starts_with("-- the room is away") {
                self.note(line);
            }
            // Until the server has read `/tags`, lines come without a tag; they come again.
        }
    }

    fn take_line(&mut self, line: &str) {
        let (tag, body) = tag(line);
        let Some((seq, at)) = tag else { return self.take_answer(body) };
        if let Some(shown) = body.strip_prefix("| ") {
            // Behind the time of day.
            let line = shown.split_once(' ').map_or(shown, |(_, line)| line).to_owned();
            return self.shown.push(Heard { seq, at, line, is_own: false });
        }
        if seq <= self.seen {
            self.complain(format!("{body:?} comes as {seq} after {}", self.seen));
        }
        self.seen = self.seen.max(seq);
        if is_end(body) {
            self.ends.insert(body.to_owned());
        }
        let receipt = body.strip_prefix("+ ").and_then(|number| number.parse().ok());
        let line = match receipt {
            None => body.to_owned(),
            Some(number) => self.receipt(number),
        };
        self.heard.push(Heard { seq, at, line, is_own: receipt.is_some() });
    }

    fn take_answer(&mut self, body: &str) {
        if let Some(token) = body.strip_prefix("= token ") {
            self.token = Some(token.to_owned());
            (self.receipted, self.taken) = (1, 1);
        } else if let Some(taken) = body.strip_prefix("= resumed ") {
            self.resumed(taken.parse().expect("a number"));
        } else if let Some(name) = body.strip_prefix("= nick ") {
            self.be_called(name);
        } else if body.contains(" here: ") {
            // All before it were done.
            let asked = |(line, _): &(Line, String)| matches!(line, Line::Who);
            let untold = self.lines.iter().skip(self.taken).position(asked);
            self.taken += untold.map_or(0, |untold| untold + 1);
        } else if !["= nonce ", "-- you are now ", "[you -> "].iter().any(|it| body.starts_with(it))
        {
            self.note(body);
        }
    }

    /// It goes on, and so many lines are taken by the room's count.
    fn resumed(&mut self, taken: usize) {
        let taken = taken + self.lost.len();
        if taken > self.lines.len() {
            let all = self.lines.len();
            return self.complain(format!("{taken} lines are taken, and there are {all}"));
        }
        self.lost.extend(taken + 1..=self.receipted);
        let now = taken.max(self.receipted);
        self.again += self.taken.saturating_sub(now);
        (self.taken, self.resumed) = (now, now);
        self.written = Some(self.taken);
    }

    fn be_called(&mut self, name: &str) {
        if self.written.is_none_or(|written| written != self.taken) {
            return;
        }
        let now = match &self.lines[self.taken - 1] {
            (Line::Rename { to }, _) => to,
            (_, name) => name,
        };
        if name != now {
            self.complain(format!("it is called {name:?} and not {now:?}"));
        }
    }

    /// A receipt has come for the line of that number, by the room's count.
    fn receipt(&mut self, number: usize) -> String {
        let number = number + self.lost.len();
        if (1..=self.receipted).contains(&number) && self.was_set_back() {
            // Its first event is lost, and the server that it was sent to before has had it said again.
            let (line, name) = &self.lines[number - 1];
            return line.row(name).unwrap_or_else(|| format!("+ {number}"));
        }
        if number <= self.receipted || number > self.lines.len() {
            self.complain(format!("a receipt for {number} after {}", self.receipted));
            return format!("+ {number}");
        }
        // Lines that were taken before it has resumed may be lost with the store, and their receipts with them.
        let excused = if self.was_set_back() { self.resumed } else { 0 };
        let skipped = &self.lines[self.receipted.max(excused).min(number - 1)..number - 1];
        if let Some((line, _)) = skipped.iter().find(|(line, _)| !matches!(line, Line::Who)) {
            self.complain(format!("no receipt for {:?}, and one for {number}", line.sent()));
        }
        self.receipted = number;
        self.taken = self.taken.max(number);
        let (line, name) = &self.lines[number - 1];
        line.row(name).unwrap_or_else(|| format!("a receipt for {:?}", line.sent()))
    }

    /// Whether it was told that the store has lost something.
    fn was_set_back(&self) -> bool {
        let is_told = |text: &str| text.contains("store was set back");
        let of_notices = self.notices.iter().any(|notice| is_told(&notice.text));
        of_notices
            || self.heard.iter().any(|event| event.line.starts_with("-- ") && is_told(&event.line))
    }

    fn note(&mut self, text: &str) {
        self.notices.push(Notice { behind: self.heard.len(), text: text.to_owned() });
    }

    fn complain(&mut self, why: String) {
        self.complaints.push(why);
    }

    /// How far it is.
    pub fn report(&self) -> String {
        format!(
            "{}: {} of {} lines taken, {} receipted, {:?} written, {} events and {} ends heard, {:?}, {:?}",
            self.name(),
            self.taken,
            self.lines.len(),
            self.receipted,
            self.written,
            self.heard.len(),
            self.ends.len(),
            self.notices.last(),
            self.complaints.last()
        )
    }
}
