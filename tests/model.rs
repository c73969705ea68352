//! A model of the room beside the real one, under random sequences of commands: who is here, and which
//! lines each must get, in which order.

mod common;

use std::collections::{HashMap, VecDeque};

use chatroom::protocol::name::Name;
use common::program::split;
use common::server::{TestClient, TestServer};
use proptest::prelude::*;

const ACTORS: usize = 4;

/// Free, the same in other case, the same to the eye, and bad ones.
const NAMES: [&str; 7] = ["alice", "ALICE", "bob", "carol", "\u{0441}arol", "dave", "-x"];

/// Beyond ten joins and leaves in a second they are told together, which is another test.
const MOST_MOVES: usize = 10;

#[derive(Debug, Clone)]
enum Step {
    /// Comes, under the name of that number, in the tagged form or not.
    Join(usize, bool),
    Say(u8),
    Act(u8),
    Rename(usize),
    Whisper(usize),
    Who,
    Misuse,
    Blank,
    Quit,
    /// Its connection is lost; only in the tagged form.
    Lose,
    /// Comes back from so many events before the last that it has, be it connected or not.
    Resume(usize),
}

fn steps() -> impl Strategy<Value = Vec<(usize, Step)>> {
    let step = prop_oneof![
        6 => (0..NAMES.len(), any::<bool>()).prop_map(|(name, tagged)| Step::Join(name, tagged)),
        4 => any::<u8>().prop_map(Step::Say),
        1 => any::<u8>().prop_map(Step::Act),
        2 => (0..NAMES.len()).prop_map(Step::Rename),
        3 => (0..NAMES.len()).prop_map(Step::Whisper),
        1 => Just(Step::Who),
        1 => Just(Step::Misuse),
        1 => Just(Step::Blank),
        1 => Just(Step::Quit),
        2 => Just(Step::Lose),
        3 => (0..4usize).prop_map(Step::Resume),
    ];
    prop::collection::vec((0..ACTORS, step), 1..50)
}

/// A line that somebody must get: an event's, or an answer.
#[derive(Debug, Clone)]
struct Due {
    event: Option<usize>,
    line: String,
}

/// A member, as it must be.
struct Member {
    name: Name,
    tagged: bool,
    /// Its connection, unless it is away.
    client: Option<TestClient>,
    token: String,
    /// How many of its lines were counted.
    lines: u64,
    /// All events that it must have had since it joined, and how many of them it has.
    events: Vec<Due>,
    had: usize,
    /// What it must get next.
    due: VecDeque<Due>,
}

struct Model {
    server: TestServer,
    members: [Option<Member>; ACTORS],
    /// How many events there were.
    events: usize,
    /// The numbers that the server has given them, as far as anybody has seen them.
    seqs: HashMap<usize, u64>,
    /// The names of those who have left.
    gone: Vec<String>,
    moves: usize,
    syncs: usize,
}

impl Model {
    fn new() -> Model {
        Model {
            server: TestServer::start(&["--replay", "0"]),
            members: Default::default(),
            events: 0,
            seqs: HashMap::new(),
            gone: Vec::new(),
            moves: 0,
            syncs: 0,
        }
    }

    fn play(&mut self, actor: usize, step: &Step) {
        match (step, self.members[actor].is_some()) {
            (Step::Join(name, tagged), false) if self.moves < MOST_MOVES => {
                self.join(actor, NAMES[*name], *tagged);
            }
            (Step::Join(..), _) | (_, false) => {}
            (Step::Resume(back), true) => self.resume(actor, *back),
            (Step::Lose, true) => self.lose(actor),
            (step, true) if self.member(actor).client.is_some() => self.speak(actor, step),
            (_, true) => {}
        }
    }

    fn member(&mut self, actor: usize) -> &mut Member {
        self.members[actor].as_mut().expect("it is here")
    }

    fn others(&self, actor: usize) -> impl Iterator<Item = &Member> {
        self.members
            .iter()
            .enumerate()
            .filter(move |(i, _)| *i != actor)
            .filter_map(|(_, m)| m.as_ref())
    }

    fn is_free(&self, name: &Name, but_for: usize) -> bool {
        !self.others(but_for).any(|member| member.name.likeness().is_like(&name.likeness()))
    }

    /// An event that `actor` makes: `line` for the others, and for `actor` a receipt for that line.
    fn event(&mut self, actor: usize, line: &str, to: Option<usize>, receipt: bool) {
        let event = Some(self.events);
        self.events += 1;
        for (i, member) in self.members.iter_mut().enumerate() {
            let Some(member) = member else { continue };
            let line = match i == actor {
                true if receipt && member.tagged => format!("+ {}", member.lines),
                true => continue,
                false if to.is_none_or(|to| to == i) => line.to_owned(),
                false => continue,
            };
            member.take_event(Due { event, line });
        }
    }

    fn answer(&mut self, actor: usize, line: impl Into<String>) {
        self.member(actor).due.push_back(Due { event: None, line: line.into() });
    }

    fn send(&mut self, actor: usize, line: &str) {
        let member = self.member(actor);
        member.lines += 1;
        member.client.as_mut().expect("it is connected").send(format!("{line}\n"));
    }

    fn join(&mut self, actor: usize, wanted: &str, tagged: bool) {
        self.moves += 1;
        let mut client = self.server.connect();
        client.expect("-- chatroom 1: welcome (/help for the commands)");
        client.send(if tagged { "/tags\n" } else { "" });
        client.send(format!("/nick {wanted}\n"));
        let parsed = Name::parse(wanted);
        let refusal = match &parsed {
            Err(why) => Some(format!("!! /nick: {why}")),
            Ok(name) if !self.is_free(name, actor) => {
                Some(format!("!! /nick: the name {wanted} is taken"))
            }
            Ok(_) => None,
        };
        let mut lines = 1;
        if let (Some(refusal), true) = (&refusal, tagged) {
            assert_eq!(split(&client.line().unwrap_or_default()), (None, refusal.as_str()));
            client.send("/nosuch\n");
            lines += 1;
        }
        let guest = (1..).map(Name::guest).find(|guest| self.is_free(guest, actor));
        let name = match (&refusal, parsed) {
            (None, Ok(name)) => name,
            _ => guest.expect("there are enough numbers"),
        };
        let others = match self.others(actor).count() {
            0 => "alone".to_owned(),
            1 => "with 1 other".to_owned(),
            others => format!("with {others} others"),
        };
        self.event(actor, &format!("-- {name} joined"), None, false);
        let you_are = format!("-- you are {name}, {others} here");
        let mut token = String::new();
        if tagged {
            assert_eq!(split(&client.line().unwrap_or_default()), (None, you_are.as_str()));
            let told = client.line().unwrap_or_default();
            token = split(&told).1.strip_prefix("= token ").expect(&told).to_owned();
        }
        self.members[actor] = Some(Member {
            name: name.clone(),
            tagged,
            client: Some(client),
            token,
            lines,
            events: Vec::new(),
            had: 0,
            due: VecDeque::new(),
        });
        match (tagged, refusal) {
            (true, None) => self.answer(actor, format!("= nick {name}")),
            (true, Some(_)) => {
                self.answer(actor, format!("= nick {name}"));
                self.answer(actor, "!! unknown command /nosuch; to say it, begin with //");
            }
            (false, refusal) => {
                self.answer(actor, you_are);
                refusal.into_iter().for_each(|refusal| self.answer(actor, refusal));
            }
        }
        self.sync(actor);
    }

    fn speak(&mut self, actor: usize, step: &Step) {
        let name = self.member(actor).name.clone();
        match step {
            Step::Say(text) => {
                self.send(actor, &format!("//{text}"));
                self.event(actor, &format!("<{name}> /{text}"), None, true);
            }
            Step::Act(text) => {
                self.send(actor, &format!("/ME {text}"));
                self.event(actor, &format!("* {name} {text}"), None, true);
            }
            Step::Rename(wanted) => self.rename(actor, NAMES[*wanted]),
            Step::Whisper(to) => self.whisper(actor, NAMES[*to]),
            Step::Who => {
                self.send(actor, "/who");
                let here = self.members.iter().flatten();
                let mut names: Vec<&Name> = here.map(|member| &member.name).collect();
                names.sort_by_key(|name| name.likeness().sort_key().to_owned());
                let list = names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
                self.answer(actor, format!("-- {} here: {list}", names.len()));
            }
            Step::Misuse => {
                self.send(actor, "/msg");
                self.answer(actor, "!! /msg goes like this: /msg NAME TEXT");
            }
            Step::Blank => self.send(actor, " \x1b[2J "),
            Step::Quit => return self.quit(actor),
            Step::Join(..) | Step::Lose | Step::Resume(_) => unreachable!("done elsewhere"),
        }
        self.sync(actor);
    }

    fn rename(&mut self, actor: usize, wanted: &str) {
        self.send(actor, &format!("/nick {wanted}"));
        let old = self.member(actor).name.clone();
        match Name::parse(wanted) {
            Err(why) => self.answer(actor, format!("!! /nick: {why}")),
            Ok(new) if !self.is_free(&new, actor) => {
                self.answer(actor, format!("!! /nick: the name {wanted} is taken"));
            }
            Ok(new) => {
                if new != old {
                    self.event(actor, &format!("-- {old} is now {new}"), None, true);
                    self.member(actor).name = new.clone();
                }
                self.answer(actor, format!("-- you are now {new}"));
                if self.member(actor).tagged {
                    self.answer(actor, format!("= nick {new}"));
                }
            }
        }
    }

    fn whisper(&mut self, actor: usize, to: &str) {
        self.send(actor, &format!("/msg {to} psst"));
        let is_it = |name: &str| name.to_lowercase() == to.to_lowercase();
        let found = self
            .members
            .iter()
            .position(|member| member.as_ref().is_some_and(|member| is_it(member.name.as_str())));
        match found {
            Some(reader) if reader == actor => self.answer(actor, "!! /msg: that is you"),
            Some(reader) => {
                let (from, to) =
                    (self.member(actor).name.clone(), self.member(reader).name.clone());
                self.event(actor, &format!("[{from} -> you] psst"), Some(reader), true);
                let (event, line) = (Some(self.events), format!("[you -> {to}] psst"));
                self.events += 1;
                self.member(actor).take_event(Due { event, line });
            }
            None if self.gone.iter().any(|name| is_it(name)) => {
                self.answer(actor, format!("!! /msg: {to} has just left"));
            }
            None => self.answer(actor, format!("!! /msg: nobody here is called {to}")),
        }
    }

    fn quit(&mut self, actor: usize) {
        if self.moves >= MOST_MOVES {
            return;
        }
        self.moves += 1;
        self.send(actor, "/quit bye");
        self.read_due(actor);
        let mut member = self.members[actor].take().expect("it is here");
        member.client.as_mut().expect("it is connected").expect_end();
        self.event(actor, &format!("-- {} left: bye", member.name), None, false);
        self.gone.push(member.name.to_string());
    }

    fn lose(&mut self, actor: usize) {
        let member = self.member(actor);
        if !member.tagged || member.client.is_none() {
            return;
        }
        self.read_due(actor);
        self.member(actor).client = None;
    }

    fn resume(&mut self, actor: usize, back: usize) {
        if !self.member(actor).tagged {
            return;
        }
        let member = self.members[actor].as_mut().expect("it is here");
        let from = member.had.saturating_sub(back);
        let last = from.checked_sub(1).and_then(|last| member.events[last].event);
        let seen = last.map_or(0, |event| self.seqs[&event]);
        let mut client = self.server.connect();
        client.expect("-- chatroom 1: welcome (/help for the commands)");
        client.send(format!("/tags\n/resume {} {seen}\n", member.token));
        member.had = from;
        let name = &member.name;
        let first = [
            format!("-- welcome back, {name}"),
            format!("= resumed {}", member.lines),
            format!("= nick {name}"),
        ];
        let answers = first.into_iter().map(|line| Due { event: None, line });
        member.due = answers.chain(member.events[from..].iter().cloned()).collect();
        member.client = Some(client);
        self.sync(actor);
    }

    /// Waits until all that `actor` has asked for is done, and looks at all that it got until then.
    fn sync(&mut self, actor: usize) {
        self.syncs += 1;
        let word = format!("/sync{}", self.syncs);
        self.send(actor, &word);
        self.answer(actor, format!("!! unknown command {word}; to say it, begin with //"));
        self.read_due(actor);
    }

    fn read_due(&mut self, actor: usize) {
        let member = self.members[actor].as_mut().expect("it is here");
        let Some(client) = &mut member.client else { return };
        let mut last = 0;
        while let Some(due) = member.due.pop_front() {
            let line = client.line().unwrap_or_default();
            let (seq, body) = if member.tagged { split(&line) } else { (None, line.as_str()) };
            assert_eq!(body, due.line, "for {}", member.name);
            let Some(event) = due.event else {
                assert_eq!(seq, None, "{line}");
                continue;
            };
            member.had += 1;
            if member.tagged {
                let seq = seq.expect("an event has a number");
                assert!(seq > last, "{line} after {last}");
                assert_eq!(*self.seqs.entry(event).or_insert(seq), seq, "{line}");
                last = seq;
            }
        }
    }
}

impl Member {
    fn take_event(&mut self, due: Due) {
        self.events.push(due.clone());
        if self.client.is_some() {
            self.due.push_back(due);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(64),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn everyone_gets_what_the_model_says(steps in steps()) {
        let mut model = Model::new();
        for (actor, step) in &steps {
            model.play(*actor, step);
        }
        // What came last has come to everybody.
        for actor in 0..ACTORS {
            if model.members[actor].as_ref().is_some_and(|member| member.client.is_some()) {
                model.sync(actor);
            } else if model.members[actor].is_some() {
                model.resume(actor, 2);
            }
        }
    }
}
