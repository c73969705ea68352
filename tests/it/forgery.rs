//! What one member writes moves nobody's cursor, commands nobody's terminal, and looks like nobody
//! else's: `chatserver`, `chatclient` in a terminal, a program and a plain socket together.

use crate::common::alice::CLIENT;
use crate::common::program::{self, expect_events, split};
use crate::common::server::{TestClient, TestServer};
use crate::common::terminal::Terminal;

/// What mallory writes, each of it by itself, done and in private.
const TEXTS: [&str; 40] = [
    // What commands a terminal.
    "\x1b[2J\x1b[1;1Hhome",
    "\x1b]0;title\x07title",
    "\x1b]2;title\x1b\\title",
    "\x1b]52;c;eA==\x07copied",
    "\x1b[8;1;1tsmall",
    "\x1b[?1049h\x1b[?25l\x1b[31;5mblinking",
    "\x1b[10A\x1b[Kup",
    "\x1bc\x1b#8\x1b(0drawn",
    "\x1bP1$r\x1b\\\x1b_apc\x1b\\\x1bXsos\x1b\\strings",
    "\x1b[never ended",
    "\u{9b}2J\u{9b}1;1Hhome",
    "\u{9d}0;title\u{9c}title",
    "\u{90}q\u{9c}\u{85}\u{8d}next line",
    "\x1b[200~pasted\x1b[201~",
    "\x0e\x0f\x05\x07bells",
    // What ends a line elsewhere.
    "one\rtwo",
    "one\r\r\r\ntwo",
    "one\x0btwo\x0cthree",
    "one\u{85}two",
    "one\u{2028}two\u{2029}three",
    "\0nul\0",
    "back\x08\x08\x08\x08\x7f\x7fspace",
    // What turns text around, or piles it up.
    "\u{202e}right\u{202c} \u{2066}left\u{2069} \u{202a}\u{2067}",
    "\u{200e}marks\u{200f}\u{61c}",
    "a\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}",
    "a\u{200b}\u{200b}\u{200c}\u{200d}\u{2060}\u{feff}\u{200b}b",
    "\u{301}\u{20e3}\u{fe0f} at the front",
    "\u{1112}\u{1161}\u{1161}\u{1161}\u{1161}\u{1161}\u{1161}\u{1161}\u{1161}\u{1161}",
    "👩‍👩‍👧🇩🇪👍🏽 日本語",
    // What looks like somebody else's.
    "-- bob left",
    "-- the server is shutting down",
    "-- chatroom 1: welcome (/help for the commands)",
    "<bob> I did it",
    "* bob waits",
    "[bob -> you] psst",
    "| 14:05 <bob> I did it",
    "!! you are banned",
    "@1 2 <bob> I did it",
    "@- 1 = nick bob",
    "+ 3",
];

/// What is no text, with what only looks like some.
const BYTES: [&[u8]; 5] = [
    b"\xff\xfb\x18\xff\xfd\x01\xff\xfa\x18\x00xterm\xff\xf0telnet",
    b"\xff\xf4\xff\xfd\x06interrupted",
    b"\x9b2J\x9d0;title\x07latin",
    b"half \xe2\x80",
    b"\xed\xa0\x80\xc0\x9b2Joverlong",
];

/// How every line begins that is mallory's.
const FRONTS: [&str; 3] = ["<mallory> ", "* mallory ", "[mallory -> you] "];

const END: &str = "that was all";

fn terminal(server: &TestServer, test: &str, name: &str) -> Terminal {
    let [host, port] = [server.address.ip().to_string(), server.address.port().to_string()];
    let folder = crate::common::folder("forgery", test);
    // So wide and high that everything stands in a row of its own.
    Terminal::start(150, 250, &folder, &[CLIENT, &host, &port, "--name", name])
}

/// Mallory writes all of it, to all and to alice alone.
fn write_everything(mallory: &mut TestClient) {
    for text in TEXTS.iter().map(|text| text.as_bytes()).chain(BYTES) {
        for front in ["", "/me ", "/msg alice ", "/msg bob ", "/msg program "] {
            mallory.send([front.as_bytes(), text, b"\n"].concat());
        }
    }
    mallory.send(format!("{END}\n"));
}

fn assert_mallorys(line: &str) {
    assert!(FRONTS.iter().any(|front| line.starts_with(front)), "it is nobody's: {line:?}");
    let is_harmful =
        |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    assert!(!line.contains(is_harmful), "it is not safe: {line:?}");
}

#[test]
fn what_one_writes_looks_like_nobody_elses_and_commands_nobodys_terminal() {
    let server = TestServer::start(&[]);
    let mut alice = terminal(&server, "alice", "alice");
    alice.press("half a thought\x1b[D\x1b[D");
    alice.shows(&["alice> half a thoug|ht"]);
    let (mut bob, mut program) = (server.join("bob"), program::join(&server, "program").client);
    bob.expect("-- program joined");
    let mut mallory = server.join("mallory");
    alice.shows(&["-- mallory joined", "alice> half a thoug|ht"]);
    write_everything(&mut mallory);
    alice.shows_what("mallory's lines alone, and what is being written", |rows| {
        let rows: Vec<&str> = rows.lines().collect();
        let after = rows.iter().position(|row| *row == "-- mallory joined").map(|at| at + 1);
        let [said @ .., last, input] = &rows[after.unwrap_or_default()..] else { return false };
        // Before the cursor is back, a row may be half painted.
        if *last != format!("<mallory> {END}") || *input != "alice> half a thoug|ht" {
            return false;
        }
        said.iter().for_each(|row| assert_mallorys(row));
        said.len() >= 2 * TEXTS.len()
    });
    alice.assert_not_commanded();
    bob.expect("-- mallory joined");
    while let Some(line) = bob.line().filter(|line| !line.ends_with(END)) {
        assert_mallorys(&line);
    }
    expect_events(&mut program, &["-- mallory joined"]);
    while let Some(line) = program.line().filter(|line| !line.ends_with(END)) {
        let (seq, body) = split(&line);
        assert!(seq.is_some(), "it is no event: {line:?}");
        assert_mallorys(body);
    }
    // Who comes later sees the same, as what was said before.
    let mut carol = terminal(&server, "carol", "carol");
    carol.shows(&["-- you are up to date", "carol> |"]);
    carol.press("/history 1000\r");
    carol.shows_what("mallory's lines alone", |rows| {
        if !rows.ends_with("\ncarol> |") {
            return false;
        }
        let earlier = rows.lines().filter(|row| row.starts_with("| "));
        let lines: Vec<_> = earlier.map(|row| &row["| ".len()..]).collect();
        // All of it has come, and no row is half there.
        if lines.len() < 2 * TEXTS.len() || !rows.ends_with("-- you are up to date\ncarol> |") {
            return false;
        }
        lines.iter().for_each(|line| assert_mallorys(line));
        true
    });
    carol.assert_not_commanded();
    mallory.send("/quit \x1b[2J\x0b-- bob left\u{202e}\n");
    carol.shows(&["-- mallory left: -- bob left", "carol> |"]);
    alice.shows(&["-- mallory left: -- bob left", "alice> half a thoug|ht"]);
}

#[test]
fn nobody_takes_a_name_that_looks_like_anothers_or_like_the_servers() {
    const NAMES: [&str; 22] = [
        "bob",
        "BOB",
        "b\u{43e}b",
        "bo\u{202e}b",
        "\u{2066}bob\u{2069}",
        "\x1b[31mbob\x1b[0m",
        "bob\u{200b}",
        "bob\u{feff}",
        "bob\u{fe0f}",
        "bo\u{ad}b",
        "b\u{34f}ob",
        "<bob>",
        "bob>",
        "*",
        "--",
        "!!",
        "|",
        "@1",
        "you",
        "y\u{43e}u",
        "\u{3164}",
        "x\u{344}\u{344}\u{344}\u{344}\u{344}",
    ];
    let server = TestServer::start(&[]);
    let mut bob = server.join("bob");
    let mut mallory = server.join("mallory");
    bob.expect("-- mallory joined");
    for name in NAMES {
        mallory.send(format!("/nick {name}\n"));
        mallory.expect_start("!! /nick");
    }
    mallory.send("x\n");
    bob.expect("<mallory> x");
}
