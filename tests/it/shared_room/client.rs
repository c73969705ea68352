//! A `chatclient` in pipes that is given all doors of a room, and finds its way back by itself: what its user's program
//! is told has to be the one order as well.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::judge::{NO_TIME, Said, View};
use crate::common::folder;
use crate::common::process::{Running, at_home, client_program, spawn, without_our_variables};
use crate::common::proxy::Budget;
use crate::common::session::Heard;
use crate::common::talker::{Line, Talker, is_end};
use crate::common::trial::{PATIENCE, Trial};

/// How long one look for what has come takes.
const LOOK: Duration = Duration::from_millis(10);

pub(super) struct Client {
    process: Running,
    /// Its standard input, until it is to end.
    input: Option<ChildStdin>,
    /// The lines of its standard output.
    output: Receiver<String>,
    /// Its standard error: when it was connected again, and to which server.
    log: PathBuf,
    talker: Talker,
    /// How long it waits between two lines, on the average.
    pace: Duration,
    /// When it says the next one.
    next: Instant,
    dice: Budget,
    /// Which lines of its input have a receipt.
    receipts: BTreeSet<u64>,
    /// The last words of others that it was told.
    ends: BTreeSet<String>,
    has_ended: bool,
    view: View,
}

impl Client {
    /// Starts one of that test, which comes in by the first of these doors that lets it in.
    pub(super) fn start(
        test: &str,
        doors: &[SocketAddr],
        talker: Talker,
        pace: Duration,
        seed: u64,
    ) -> Client {
        let name = talker.name.clone();
        let folder = folder("shared_room_clients", &format!("{test}_{name}"));
        let log = folder.join("log");
        let doors: Vec<String> = doors.iter().map(SocketAddr::to_string).collect();
        let mut command = Command::new(client_program());
        without_our_variables(at_home(&mut command, &folder));
        command.args(["--json", "--reconnect", "--no-identity", "--name", &name, &doors.join(",")]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = spawn(command.stderr(File::create(&log).expect("the folder is ours")));
        let stdout = process.stdout.take().expect("it is piped");
        let (lines, output) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                lines.send(line).ok();
            }
        });
        Client {
            input: process.stdin.take(),
            process,
            output,
            log,
            talker,
            pace,
            next: Instant::now(),
            dice: Budget::new(seed),
            receipts: BTreeSet::new(),
            ends: BTreeSet::new(),
            has_ended: false,
            view: View { name, ..View::default() },
        }
    }

    /// Takes part until all is said and heard, or until it has no patience any more, and then until it is released.
    pub(super) fn run(mut self, trial: &Trial, patience: Duration) -> Client {
        let _ends_all = trial.ends_all();
        let mut deadline = None;
        let mut is_done = false;
        while !(is_done && trial.is_released()) {
            self.listen();
            // It fails with any other thread.
            let is_over = trial.is_over();
            if trial.has_begun() {
                self.talk(is_over);
            }
            if !is_done && self.is_done(trial) {
                is_done = true;
                trial.mark_done();
            } else if !is_done && is_over {
                let deadline = *deadline.get_or_insert_with(|| Instant::now() + patience);
                if Instant::now() > deadline {
                    is_done = true;
                    self.give_up(trial);
                    trial.mark_done();
                }
            }
        }
        self
    }

    fn give_up(&mut self, trial: &Trial) {
        let (receipts, said) = (self.receipts.len(), self.view.said.len());
        let (ends, others) = (self.ends.len(), trial.others());
        self.complain(format!(
            "gives up: {receipts} receipts for {said} lines, {ends} ends of {others} heard"
        ));
    }

    fn is_done(&self, trial: &Trial) -> bool {
        self.has_ended
            && self.receipts.len() == self.view.said.len()
            && self.ends.len() == trial.others()
    }

    fn talk(&mut self, is_over: bool) {
        if self.has_ended {
            return;
        }
        if is_over {
            let end = self.talker.end();
            self.say(&end);
            self.has_ended = true;
        } else if self.next <= Instant::now() {
            let line = self.talker.next();
            self.say(&line);
            // From none to twice as much.
            self.next = Instant::now() + self.pace * self.dice.next(2_000) as u32 / 1_000;
        }
    }

    fn say(&mut self, line: &Line) {
        let asked = match line {
            Line::Public(text) => json!({ "say": text }),
            Line::Private { to, text } => json!({ "to": to, "say": text }),
            Line::Rename { .. } | Line::Who => return,
        };
        let input = self.input.as_mut().expect("it is not to end yet");
        if let Err(why) = writeln!(input, "{asked}") {
            return self.complain(format!("it takes nothing: {why}"));
        }
        let to = if let Line::Private { to, .. } = line { Some(to.clone()) } else { None };
        let line = line.row(&self.view.name).expect("it is something that is said");
        self.view.said.push(Said { line, to });
    }

    /// Takes what comes for a moment.
    fn listen(&mut self) {
        let first = self.output.recv_timeout(LOOK);
        let lines: Vec<_> = first.into_iter().chain(self.output.try_iter()).collect();
        for line in lines {
            let event: Value = serde_json::from_str(&line).expect("each line is an object");
            self.take(&event);
        }
    }

    fn take(&mut self, event: &Value) {
        let text = |field: &str| event[field].as_str().unwrap_or_default();
        let (kind, from, words) = (text("kind"), text("from"), text("text"));
        if event["earlier"] == true {
            return;
        }
        let line = match kind {
            "said" => format!("<{from}> {words}"),
            "private" => format!("[{from} -> you] {words}"),
            "joined" => format!("-- {from} joined"),
            "left" if text("reason") == "quit" => format!("-- {from} left"),
            "left" => format!("-- {from} left ({})", text("reason")),
            "renamed" => format!("-- {from} is now {}", text("new_name")),
            "missed" => format!("-- you missed {} lines", event["lines"]),
            "notice" => format!("-- {words}"),
            "you" => return,
            _ => return self.complain(format!("it is told {event}")),
        };
        match event["seq"].as_u64() {
            Some(seq) => self.hear(seq, line, event),
            None => self.view.notices.push(line),
        }
    }

    fn hear(&mut self, seq: u64, line: String, event: &Value) {
        let is_own = event["own"] == true;
        if is_own {
            let is_first = event["line"].as_u64().is_some_and(|it| self.receipts.insert(it));
            if !is_first {
                self.complain(format!("no line of its own, or one with a receipt: {event}"));
            }
        } else if is_end(&line) {
            self.ends.insert(line.clone());
        }
        if is_own && event["kind"] == "private" {
            // A receipt, and behind it what its author sees of it. The client tells of both at once.
            self.note(seq - 1, line, true);
            let text = |field: &str| event[field].as_str().unwrap_or_default();
            return self.note(seq, format!("[you -> {}] {}", text("to"), text("text")), false);
        }
        self.note(seq, line, is_own);
    }

    fn note(&mut self, seq: u64, line: String, is_own: bool) {
        self.view.heard.push(Heard { seq, at: NO_TIME, line, is_own });
    }

    fn complain(&mut self, why: String) {
        self.view.complaints.push(why);
    }

    /// Ends it with its input, which others are told; what it was told before.
    pub(super) fn end(mut self) -> View {
        drop(self.input.take());
        let deadline = Instant::now() + PATIENCE;
        let mut status = None;
        while status.is_none() && Instant::now() < deadline {
            std::thread::sleep(LOOK);
            status = self.process.try_wait().expect("it is our child");
        }
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        self.view.moves = log.lines().map(str::to_owned).collect();
        if !status.is_some_and(|status| status.success()) {
            self.complain(format!("at the end of its input it ends with {status:?}: {log}"));
        }
        self.view
    }
}
