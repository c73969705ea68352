//! Members that are no programs of the test's: `chatclient` in pipes and in a terminal, over TLS and without, the client
//! in Python, and plain sockets.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::house::House;
use super::rows::{Row, Rows, assert_same};
use super::talker::{Line, Talker, is_end};
use super::trial::{PATIENCE, Trial};
use super::wire::Way;
use crate::common::process::{
    Running, at_home, client_program, spawn, wait, without_our_variables,
};
use crate::common::proxy::Proxy;
use crate::common::read_in_time;
use crate::common::terminal::Terminal;

/// The size of the terminal: each line takes one row.
const SIZE: (u16, u16) = (120, 40);

/// How many rows above its picture the terminal remembers.
const ROWS: usize = 10_000;

/// How many lines one that floods says as fast as it can, on each connection.
const FLOOD: usize = 1_000;

/// A client as people use one.
pub(super) struct Shell {
    name: &'static str,
    /// Whether it changes its name.
    renames: bool,
    kind: Kind,
    /// The seed of what it says.
    seed: u64,
    /// How its lines have to stand in the file.
    said: Vec<String>,
    /// What it had shown in the end, of what others said to it.
    heard: Vec<String>,
    /// The name that it had in the end.
    last_name: String,
}

enum Kind {
    /// Standard input and output are pipes.
    Pipe {
        child: Running,
        stdin: ChildStdin,
        out: Arc<Mutex<Vec<String>>>,
    },
    Terminal(Box<Terminal>),
}

impl Kind {
    fn write(&mut self, line: &str) {
        match self {
            Kind::Pipe { stdin, .. } => {
                stdin.write_all(format!("{line}\n").as_bytes()).expect("it reads");
            }
            Kind::Terminal(terminal) => terminal.press(&format!("{line}\r")),
        }
    }

    /// All lines that it has shown.
    fn shown(&self) -> Vec<String> {
        match self {
            Kind::Pipe { out, .. } => out.lock().expect("nobody has panicked").clone(),
            Kind::Terminal(terminal) => terminal.all_rows(),
        }
    }
}

impl Shell {
    /// One of each, and those that there are; the one in a terminal talks in that way.
    pub(super) fn all(house: &House, proxy: &Proxy, way: Way, seed: u64) -> Vec<Shell> {
        let shell = |name, renames, kind| Shell {
            name,
            renames,
            kind,
            seed,
            said: Vec::new(),
            heard: Vec::new(),
            last_name: String::new(),
        };
        let mut all = vec![
            shell("pipe0x", false, chatclient(house, "pipe0x", house.address, Way::Plain)),
            shell("pipe1x", true, chatclient(house, "pipe1x", proxy.address, Way::Tls)),
            shell("termx", false, terminal(house, "termx", way)),
        ];
        if has_python() {
            all.push(shell("py0x", false, python(house, "py0x")));
            all.push(shell("py1x", true, python(house, "py1x")));
        }
        all
    }

    /// Their names.
    pub(super) fn names(_house: &House) -> impl Iterator<Item = String> {
        let python: &[&str] = if has_python() { &["py0x", "py1x"] } else { &[] };
        ["pipe0x", "pipe1x", "termx"].iter().chain(python).map(|&name| name.to_owned())
    }

    /// To whom one may whisper: they keep their names.
    pub(super) fn targets(all: &[Shell]) -> Vec<String> {
        let fixed = all.iter().filter(|shell| !shell.renames).map(|shell| shell.name.to_owned());
        fixed.chain(["p2x", "p3x"].map(str::to_owned)).collect()
    }

    /// Talks until it is over, hears everyone else's last word, and leaves once it is released.
    pub(super) fn run(mut self, targets: &Arc<Vec<String>>, trial: &Trial) -> Shell {
        let _ends_all = trial.ends_all();
        let mut talker = Talker::new(self.name, self.renames, targets, self.seed);
        trial.wait_until_all_are_here();
        while !trial.is_over() {
            let name = talker.name.clone();
            let line = talker.next();
            self.say(&line, &name);
            thread::sleep(Duration::from_millis(talker.dice(20)));
        }
        self.say(&talker.end(), &talker.name);
        self.last_name.clone_from(&talker.name);
        self.wait_for_the_others(trial);
        trial.mark_done();
        trial.wait_for_release();
        self.leaves()
    }

    fn say(&mut self, line: &Line, name: &str) {
        self.kind.write(&line.sent());
        self.said.extend(line.row(name));
    }

    fn wait_for_the_others(&mut self, trial: &Trial) {
        let deadline = Instant::now() + PATIENCE;
        let own = format!("end of {}", self.name);
        loop {
            let shown = self.kind.shown();
            let ends = shown.iter().filter(|line| is_end(line) && !line.ends_with(&own)).count();
            if ends == trial.others() {
                self.heard = shown;
                return;
            }
            // Another thread may have failed.
            trial.is_over();
            let last = shown.len().saturating_sub(5);
            assert!(Instant::now() < deadline, "{}: {ends} ends: {:?}", self.name, &shown[last..]);
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// It has nothing more to say, and ends with status 0 once all of it was taken.
    fn leaves(mut self) -> Shell {
        match self.kind {
            Kind::Pipe { mut child, stdin, out } => {
                drop(stdin);
                assert_eq!(wait(&mut child).code(), Some(0), "{}", self.name);
                self.kind = Kind::Pipe { stdin: null_stdin(), child, out };
            }
            Kind::Terminal(ref mut terminal) => {
                terminal.press("/quit\r");
                assert_eq!(terminal.ends(), 0, "{}", self.name);
            }
        }
        self
    }

    /// It has shown all that it had to, in the one order, and all that it has said is there.
    pub(super) fn compare(&self, rows: &Rows) {
        let name = self.name;
        let member = rows.member(&self.last_name);
        assert_same(name, rows.of(member).map(|row| &row.line), &self.said);
        let joined = format!("-- {name} joined");
        let join = rows.rows.iter().find(|row| row.line == joined).expect("it has joined").seq;
        let own = format!("<{name}");
        let is_speech = |line: &&String| {
            (line.starts_with('<') && !line.starts_with(&own)) || line.starts_with('[')
        };
        let mut heard: Vec<_> = self.heard.iter().filter(is_speech).collect();
        if matches!(self.kind, Kind::Terminal(_)) {
            // It may have been half drawn.
            heard.pop();
        }
        let due = rows.heard_by(member).filter(|row| row.seq > join).map(|row| &row.line);
        // A terminal remembers only so much.
        let is_cut_off = matches!(self.kind, Kind::Terminal(_)) && self.heard.len() >= ROWS;
        let due = due.skip_while(|line| is_cut_off && Some(line) != heard.first());
        // The others' last words may not be the last that is said.
        let due: Vec<_> = due.filter(is_speech).take(heard.len()).collect();
        assert_same(name, heard, due);
        let trouble = |line: &&String| line.contains("missed") || line.contains("missing");
        assert_eq!(self.heard.iter().find(trouble), None, "{name}");
    }
}

fn null_stdin() -> ChildStdin {
    let mut child = spawn(Command::new("true").stdin(Stdio::piped()));
    child.stdin.take().expect("it is piped")
}

fn has_python() -> bool {
    Command::new("python3").arg("--version").output().is_ok()
}

fn chatclient(house: &House, name: &str, address: SocketAddr, way: Way) -> Kind {
    let mut command = Command::new(client_program());
    without_our_variables(&mut command);
    command.args([&address.ip().to_string(), &address.port().to_string(), "--name", name]);
    command.args(["--reconnect", "--commands", "--log-file", &format!("{name}.log")]);
    command.args(way.argument());
    pipe(house, command, name)
}

fn python(house: &House, name: &str) -> Kind {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/python/chat.py");
    let mut command = Command::new("python3");
    let (host, port) = (house.address.ip().to_string(), house.address.port().to_string());
    command.arg(program).args([&host, &port, name]);
    pipe(house, command, name)
}

fn pipe(house: &House, mut command: Command, name: &str) -> Kind {
    let err = std::fs::File::create(house.folder.join(format!("{name}.err"))).expect("a file");
    at_home(&mut command, &house.folder).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(err);
    let mut child = spawn(&mut command);
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let (stdin, stdout) = (stdin.expect("it is piped"), stdout.expect("it is piped"));
    let out = Arc::new(Mutex::new(Vec::new()));
    let lines = Arc::clone(&out);
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            lines.lock().expect("nobody has panicked").push(line);
        }
    });
    Kind::Pipe { child, stdin, out }
}

fn terminal(house: &House, name: &str, way: Way) -> Kind {
    let (host, port) = (house.address.ip().to_string(), house.address.port().to_string());
    let client = client_program();
    let program = [&client, &host, &port, "--name", name, "--no-history", "--color", "never"];
    let program = [&program, way.argument().as_slice()].concat();
    Kind::Terminal(Box::new(Terminal::start(SIZE.0, SIZE.1, &house.folder, &program)))
}

/// One connection of a plain member.
pub(super) struct Plain {
    name: String,
    /// What it has sent, as the file has to have it if it was taken.
    said: Vec<String>,
    /// What it has heard, whole lines only.
    heard: Vec<String>,
}

/// Plain members, one after the other: each talks until its connection is lost.
pub(super) fn plain(
    number: u64,
    floods: bool,
    server: SocketAddr,
    targets: &Arc<Vec<String>>,
    trial: &Trial,
    seed: u64,
) -> Vec<Plain> {
    let _ends_all = trial.ends_all();
    let mut all = Vec::new();
    while !trial.is_over() {
        let Ok(stream) = TcpStream::connect(server) else {
            thread::sleep(Duration::from_millis(2));
            continue;
        };
        let name = format!("n{number}x{}z", all.len());
        let talker = Talker::new(&name, false, targets, seed);
        all.push(Plain::talk(&stream, floods, talker, trial));
    }
    all
}

impl Plain {
    fn talk(mut stream: &TcpStream, floods: bool, mut talker: Talker, trial: &Trial) -> Plain {
        let mut plain = Plain { name: talker.name.clone(), said: Vec::new(), heard: Vec::new() };
        let mut received = Vec::new();
        let mut bytes = vec![0; 64 * 1024];
        stream.set_read_timeout(Some(Duration::from_millis(1))).expect("not zero");
        stream.write_all(format!("/nick {}\n", plain.name).as_bytes()).ok();
        while !trial.is_over() {
            let floods = floods && plain.said.len() < FLOOD;
            for _ in 0..if floods { 50 } else { talker.dice(10) / 9 } {
                let line = talker.next();
                plain.said.extend(line.row(&plain.name));
                if stream.write_all(format!("{}\n", line.sent()).as_bytes()).is_err() {
                    break;
                }
            }
            let Some(length) = read_in_time(&mut stream, &mut bytes) else { break };
            received.extend_from_slice(&bytes[..length]);
        }
        let whole = received.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        let text = String::from_utf8(received[..whole].to_vec()).expect("lines are UTF-8");
        plain.heard = text.lines().map(str::to_owned).collect();
        plain
    }

    /// It has heard a part of the one order without a gap, and what is there of its lines are the first.
    pub(super) fn compare(&self, rows: &Rows) {
        let name = &self.name;
        let own = format!("<{name}> ");
        let private = format!("[{name} -> you] ");
        let is_own = |row: &&Row| row.line.starts_with(&own) || row.line.starts_with(&private);
        let there: Vec<_> = rows.rows.iter().filter(is_own).map(|row| &row.line).collect();
        assert_same(name, there.iter().copied(), self.said.iter().take(there.len()));
        let refused = |line: &&String| line.starts_with("!!") || line.contains("missed");
        assert_eq!(self.heard.iter().find(refused), None, "{name}");
        let is_public = |line: &&str| line.starts_with('<') && !line.starts_with(&own);
        let heard: Vec<_> = self.heard.iter().map(String::as_str).filter(is_public).collect();
        let Some(first) = heard.first() else { return };
        let all = rows.public().map(|(_, line)| line).filter(is_public);
        let from = all.skip_while(|line| line != first);
        assert_same(name, heard.iter().copied(), from.take(heard.len()));
    }
}
