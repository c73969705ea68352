//! The conversations in docs/PROTOCOL.md, each with a server of its own: what the page shows is what
//! happens.

use std::collections::{BTreeMap, HashMap};
use std::iter::zip;
use std::path::{Path, PathBuf};

use data_encoding::BASE32_NOPAD;
use ring::signature::{Ed25519KeyPair, KeyPair};

use crate::common::folder;
use crate::common::server::{TestClient, TestServer, chatserver, is_shared_everywhere};

/// The private key of the first test vector of RFC 8032 (7.1), which the page proves.
const SEED: [u8; 32] = [
    0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4,
    0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60,
];

const PAGE: &str = include_str!("../../docs/PROTOCOL.md");

/// A line of a conversation, and its number in the page.
#[derive(Debug, Clone, Copy)]
struct Step<'a> {
    number: usize,
    who: &'a str,
    what: Action<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Action<'a> {
    Sends(&'a str),
    Gets(&'a str),
    IsCut,
    /// The server is killed, and another one started.
    Restarts,
}

impl Step<'_> {
    /// # Panics
    ///
    /// The line is no step.
    fn parse((number, line): (usize, &str)) -> Step<'_> {
        let (who, action) = line.split_once(' ').unwrap_or((line, ""));
        let what = match action.split_once(' ').unwrap_or((action, "")) {
            ("!", "") if who == "server" => Action::Restarts,
            (">", text) => Action::Sends(text),
            ("<", text) => Action::Gets(text),
            ("!", "") => Action::IsCut,
            _ => panic!("line {number} is no step: {line:?}"),
        };
        Step { number, who, what }
    }
}

/// Who may come into a conversation's room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Room {
    /// Everybody.
    Open,
    /// Everybody, and whoever owns alice's name is an operator.
    WithOperator,
    /// Whoever gives the password.
    WithPassword,
}

/// The page's blocks of steps.
fn conversations(page: &str) -> Vec<(Room, Vec<Step<'_>>)> {
    let mut blocks = Vec::new();
    let mut lines = zip(1.., page.lines());
    while let Some((_, line)) = lines.find(|(_, line)| line.starts_with("```conversation")) {
        let room = match line.rsplit_once(' ').map(|(_, kind)| kind) {
            Some("password") => Room::WithPassword,
            Some("operator") => Room::WithOperator,
            _ => Room::Open,
        };
        let block = lines.by_ref().take_while(|(_, line)| *line != "```");
        blocks.push((room, block.map(Step::parse).collect()));
    }
    blocks
}

/// A conversation with a real server.
struct Stage<'a> {
    server: TestServer,
    /// Where the server keeps its room, in a conversation in which it is started again.
    history: Option<PathBuf>,
    /// Who may come in.
    room: Room,
    clients: BTreeMap<&'a str, TestClient>,
    /// Those whose connection the server closes in the end.
    leaving: Vec<&'a str>,
    /// The tokens and nonces that the server gave, by those in the page.
    tokens: HashMap<&'a str, String>,
    /// The nonce that was shown last in the page.
    nonce: &'a str,
}

impl<'a> Stage<'a> {
    /// A server as the steps need it: with a history if it is going to be started again.
    fn of(room: Room, steps: &[Step<'a>]) -> Stage<'a> {
        let restarts = steps.iter().find(|step| matches!(step.what, Action::Restarts));
        let history =
            restarts.map(|step| folder("protocol", &step.number.to_string()).join("room.db"));
        let server = start(room, history.as_deref());
        let (clients, leaving, tokens) = (BTreeMap::new(), Vec::new(), HashMap::new());
        Stage { server, history, room, clients, leaving, tokens, nonce: "" }
    }

    fn play(&mut self, step: Step<'a>) {
        let Step { number, who, what } = step;
        match what {
            Action::Sends(text) => {
                let words = text.split(' ').map(|word| match self.tokens.get(word) {
                    Some(given) => given.as_str(),
                    None => word,
                });
                let mut line = words.collect::<Vec<_>>().join(" ");
                if let Some(proof) = text.strip_prefix("/key ") {
                    line = self.proof(number, proof);
                }
                if line.starts_with("/quit") {
                    self.leaving.push(who);
                }
                self.client(who).send(format!("{line}\n"));
            }
            Action::Gets(text) => {
                if text.contains("!! you were removed by ") {
                    self.leaving.push(who);
                }
                let line = self.client(who).line().unwrap_or_default();
                assert!(self.agree(text, &line), "line {number}: {who} < {text}\ngot: {line}");
            }
            Action::IsCut => {
                self.clients.remove(who).expect("only a connection can be cut").reset();
                // `NAME left (connection lost)`, or `NAME is away: the connection of … is lost`.
                self.server.logs("lost");
            }
            Action::Restarts => {
                self.server.kill();
                self.clients.clear();
                self.server = start(self.room, self.history.as_deref());
            }
        }
    }

    fn client(&mut self, who: &'a str) -> &mut TestClient {
        self.clients.entry(who).or_insert_with(|| self.server.connect())
    }

    /// The proof for the server's nonce, where the page has the one for the nonce that it shows.
    fn proof(&self, number: usize, shown: &str) -> String {
        let pair = Ed25519KeyPair::from_seed_unchecked(&SEED).expect("a seed");
        let public = base32(pair.public_key().as_ref());
        let proof = |nonce: &str| {
            let nonce = BASE32_NOPAD.decode(nonce.to_uppercase().as_bytes()).expect("base32");
            let parts = [b"chatroom 1 key\n", &*nonce, &[0; 32], pair.public_key().as_ref()];
            format!("{public} {}", base32(pair.sign(&parts.concat()).as_ref()))
        };
        assert_eq!(proof(self.nonce), shown, "line {number}");
        format!("/key {}", proof(&self.tokens[self.nonce]))
    }

    /// Whether the server's line is the page's, but for the time, the token and the nonce.
    fn agree(&mut self, shown: &'a str, line: &str) -> bool {
        let mut before = "";
        let same = zip(shown.split(' '), line.split(' ')).all(|(shown, word)| {
            let is_replayed = std::mem::replace(&mut before, shown) == "|";
            match shown {
                _ if is_millis(shown) => is_millis(word),
                _ if is_token(shown) && is_token(word) => {
                    self.tokens.entry(shown).or_insert_with(|| word.to_owned()) == word
                }
                _ if is_nonce(shown) && is_nonce(word) => {
                    self.nonce = shown;
                    self.tokens.insert(shown, word.to_owned());
                    true
                }
                _ if is_replayed && is_time(shown) => is_time(word),
                _ => shown == word,
            }
        });
        same && shown.split(' ').count() == line.split(' ').count()
    }

    /// What the page does not show has not come either.
    fn end(mut self) {
        for (who, client) in &mut self.clients {
            if self.leaving.contains(who) {
                client.expect_end();
                continue;
            }
            client.send("/nosuch\n");
            let line = client.line().unwrap_or_default();
            assert!(line.contains("!! unknown command /nosuch"), "{who} also got: {line}");
        }
    }
}

/// Starts a server, perhaps with a history.
fn start(room: Room, history: Option<&Path>) -> TestServer {
    let mut command = chatserver();
    command.args(["127.0.0.1", "0"]);
    if room == Room::WithOperator {
        command.args(["--operator", "alice"]);
    }
    if room == Room::WithPassword {
        let file = folder("protocol", "room").join("password");
        std::fs::write(&file, "open sesame\n").expect("a file");
        command.arg("--password-file").arg(file);
    }
    if let Some(history) = history {
        // With `crash`, where the system has no name for the machine's last start, a kill counts as a power
        // failure.
        command.args(["--durability", "power", "--history"]).arg(history);
    }
    TestServer::run(&mut command)
}

fn is_millis(word: &str) -> bool {
    word.len() == 13 && word.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_token(word: &str) -> bool {
    word.len() == 32 && word.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_nonce(word: &str) -> bool {
    word.len() == 52 && word.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7'))
}

fn base32(bytes: &[u8]) -> String {
    BASE32_NOPAD.encode(bytes).to_lowercase()
}

fn is_time(word: &str) -> bool {
    let digit = |&byte: &u8| byte.is_ascii_digit();
    matches!(word.as_bytes(), [a, b, b':', c, d] if [a, b, c, d].into_iter().all(digit))
}

/// Whether a step tells of the end of a server, which is not that of a shared room: members of a server that was killed
/// are there for a while, and names are owned for longer.
fn ends_with_the_server(step: &Step<'_>) -> bool {
    match step.what {
        Action::Restarts => true,
        Action::Gets(text) => text.ends_with(", until the server ends"),
        Action::Sends(_) | Action::IsCut => false,
    }
}

#[test]
fn each_conversation_in_the_page_goes_as_it_is_written() {
    let conversations = conversations(PAGE);
    assert!(conversations.len() >= 4, "only {} conversations", conversations.len());
    for (room, steps) in conversations {
        if is_shared_everywhere() && steps.iter().any(ends_with_the_server) {
            continue;
        }
        let mut stage = Stage::of(room, &steps);
        steps.into_iter().for_each(|step| stage.play(step));
        stage.end();
    }
}
