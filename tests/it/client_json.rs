//! `chatclient --json`: events out, as docs/events.schema.json has them, and objects in.

use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::common::alice::CLIENT;
use crate::common::peer::Peer;
use crate::common::process::{Running, at_home, end, spawn};
use crate::common::proxy::{Budget, Proxy};
use crate::common::server::TestServer;

const SCHEMA: &str = include_str!("../../docs/events.schema.json");

/// Why a value is not as the schema says, of which this knows what ours uses.
fn flaw(schema: &Value, value: &Value) -> Option<String> {
    let rules = schema.as_object().expect("a schema is an object");
    rules.iter().find_map(|(rule, what)| {
        let is_kept = match rule.as_str() {
            "$schema" | "title" | "description" | "pattern" => true,
            "type" => match what.as_str() {
                Some("object") => value.is_object(),
                Some("string") => value.is_string(),
                Some("integer") => value.is_u64(),
                other => panic!("unknown type {other:?}"),
            },
            "minimum" => value.as_u64() >= what.as_u64(),
            "const" => value == what,
            "enum" => what.as_array().expect("a list").contains(value),
            "required" => {
                let names = what.as_array().expect("a list").iter().filter_map(Value::as_str);
                names.into_iter().all(|name| value.get(name).is_some())
            }
            "additionalProperties" => {
                let known = rules["properties"].as_object().expect("an object");
                value.as_object().is_some_and(|it| it.keys().all(|key| known.contains_key(key)))
            }
            "properties" => {
                let known = what.as_object().expect("an object");
                let flaw = |(name, schema)| value.get(name).and_then(|value| flaw(schema, value));
                return known.iter().find_map(flaw);
            }
            "oneOf" => {
                let ways = what.as_array().expect("a list").iter();
                ways.filter(|way| flaw(way, value).is_none()).count() == 1
            }
            other => panic!("unknown rule {other}"),
        };
        (!is_kept).then(|| format!("{rule} {what}: {value}"))
    })
}

/// A program's client: what it is told, and what it asks for.
struct Program {
    client: Running,
    asks: Option<ChildStdin>,
    told: BufReader<ChildStdout>,
    schema: Value,
}

impl Program {
    fn start(test: &str, place: &[String], options: &[&str]) -> Program {
        let mut command = Command::new(CLIENT);
        at_home(&mut command, &crate::common::folder("json", test));
        command.args(["--json", "--name", "bot", "--log-level", "off"]).args(options).args(place);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut client = spawn(&mut command);
        let asks = client.stdin.take();
        let told = BufReader::new(client.stdout.take().expect("it is piped"));
        let schema = serde_json::from_str(SCHEMA).expect("the schema is JSON");
        Program { client, asks, told, schema }
    }

    fn ask(&mut self, input: impl AsRef<[u8]>) {
        let asks = self.asks.as_mut().expect("it is open");
        asks.write_all(input.as_ref()).expect("it reads");
    }

    /// The next event; `None` at the end.
    fn event(&mut self) -> Option<Value> {
        let mut line = String::new();
        self.told.read_line(&mut line).expect("text");
        if line.is_empty() {
            return None;
        }
        let event: Value =
            serde_json::from_str(&line).unwrap_or_else(|why| panic!("{line}: {why}"));
        assert_eq!(flaw(&self.schema, &event), None, "{line}");
        Some(event)
    }

    /// The next event of that kind, without its time and number.
    fn next(&mut self, kind: &str) -> Value {
        loop {
            let mut event = self.event().unwrap_or_else(|| panic!("no {kind} comes"));
            if event["kind"] == kind {
                let fields = event.as_object_mut().expect("an object");
                fields.remove("time");
                fields.remove("seq");
                return event;
            }
        }
    }

    fn end(mut self) -> (Option<i32>, String) {
        drop(self.asks.take());
        while self.event().is_some() {}
        let (status, _, err) = end(self.client);
        (status, err)
    }
}

fn place(server: std::net::SocketAddr) -> [String; 2] {
    [server.ip().to_string(), server.port().to_string()]
}

#[test]
fn a_program_is_told_what_happens_and_what_became_of_each_of_its_lines() {
    let server = TestServer::start(&[]);
    let mut alice = server.join("alice");
    let mut bot = Program::start("told", &place(server.address), &["--no-identity"]);
    assert_eq!(bot.next("you")["name"], "bot");
    alice.expect("-- bot joined");
    alice.send("hello\n/msg bot psst\n");
    let (hello, psst) = (bot.next("said"), bot.next("private"));
    assert_eq!(hello, json!({"kind": "said", "from": "alice", "text": "hello"}));
    assert_eq!(psst, json!({"kind": "private", "from": "alice", "to": "bot", "text": "psst"}));
    bot.ask(format!("rubbish\n{{\"say\": {:?}}}\n", "x".repeat(5000)));
    assert_eq!(
        (&bot.next("refused")["line"], &bot.next("refused")["line"]),
        (&json!(1), &json!(2))
    );
    bot.ask("{\"say\": \"/one\\ntwo\"}\n\n{\"to\": \"ALICE\", \"say\": \"x\"}\n");
    bot.ask("{\"to\": \"nobody\", \"say\": \"x\"}\n{\"command\": \"/who\"}\n");
    bot.ask("{\"do\": \"waves\"}\n{\"nick\": \"robot\"}\n");
    for (kind, expected) in [
        ("said", json!({"from": "bot", "text": "/one", "own": true, "line": 3})),
        ("said", json!({"from": "bot", "text": "two", "own": true, "line": 3})),
        ("private", json!({"from": "bot", "to": "alice", "own": true, "line": 5})),
        ("refused", json!({"text": "/msg: nobody here is called nobody", "line": 6})),
        ("notice", json!({"text": "2 here: alice, bot", "line": 7})),
        ("answered", json!({"line": 7})),
        ("done", json!({"text": "waves", "own": true, "line": 8})),
        ("renamed", json!({"from": "bot", "new_name": "robot", "own": true, "line": 9})),
        ("you", json!({"name": "robot"})),
    ] {
        let event = bot.next(kind);
        for (name, value) in expected.as_object().expect("an object") {
            assert_eq!(&event[name], value, "{event}");
        }
    }
    for line in ["[you -> bot] psst", "<bot> /one", "<bot> two", "[bot -> you] x", "* bot waves"] {
        alice.expect(line);
    }
    alice.send("/nick carol\n/quit good night\n");
    assert_eq!(bot.next("renamed")["new_name"], "carol");
    let left = json!({"kind": "left", "from": "carol", "reason": "quit", "text": "good night"});
    assert_eq!(bot.next("left"), left);
    let (status, err) = bot.end();
    assert_eq!((status, err.as_str()), (Some(1), "chatclient: 3 lines were not said\n"));
}

#[test]
fn nothing_is_lost_or_doubled_over_a_connection_that_is_cut_all_the_time() {
    const LINES: u64 = 60;
    let server = TestServer::start(&[]);
    let mut alice = server.join("alice");
    let proxy = Proxy::start(server.address, Budget::new(5), 1500);
    let mut bot = Program::start("cut", &place(proxy.address), &[]);
    alice.expect("-- bot joined");
    for number in 1..=LINES {
        bot.ask(json!({ "say": format!("{number} of mine") }).to_string() + "\n");
        alice.send(format!("{number} of hers\n"));
    }
    let (mut own, mut hers, mut last) = (0, 0, 0);
    while own < LINES || hers < LINES {
        let event = bot.event().expect("it goes on");
        if event["kind"] != "said" {
            continue;
        }
        let seq = event["seq"].as_u64().expect("a number");
        assert!(seq > last, "{event} after {last}");
        last = seq;
        let (count, whose) =
            if event["own"] == true { (&mut own, "mine") } else { (&mut hers, "hers") };
        *count += 1;
        assert_eq!(event["text"], format!("{count} of {whose}"), "{event}");
    }
    assert!(proxy.cuts() >= 1, "only {} cuts", proxy.cuts());
    let said = std::iter::from_fn(|| alice.line()).filter(|line| line.starts_with("<bot> "));
    let said: Vec<_> = said.take(LINES as usize).collect();
    let expected: Vec<_> = (1..=LINES).map(|number| format!("<bot> {number} of mine")).collect();
    assert_eq!(said, expected);
    assert_eq!(bot.end().0, Some(0));
}

#[test]
fn a_server_of_another_kind_is_told_nothing() {
    let peer = Peer::listen();
    let mut bot = Program::start("foreign", &peer.arguments().map(|it| it.to_string()), &[]);
    bot.ask("{\"say\": \"hello\"}\n");
    let mut server = peer.accept();
    server.say_raw("Welcome to chatroom\n");
    assert_eq!(bot.next("notice")["text"], "Welcome to chatroom");
    assert_eq!(server.hear_the_end(), "");
    let (status, err) = bot.end();
    assert!(status == Some(1) && err.contains(" is no chat room: it says "), "{err}");
}
