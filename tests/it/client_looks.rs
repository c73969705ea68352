//! `chatclient` in a terminal: what the conversation looks like.

use std::path::PathBuf;
use std::time::Duration;

use crate::common::alice::alice;
#[cfg(unix)]
use crate::common::{alice::CLIENT, peer::Peer, terminal::Terminal};

const SIZE: (u16, u16) = (60, 8);

fn folder(name: &str) -> PathBuf {
    crate::common::folder("client_looks", name)
}

#[test]
fn each_line_has_its_time() {
    let (mut terminal, mut server, _peer) = alice(&folder("time"), SIZE, &[], &["bob"]);
    server.say("<bob> hi\n");
    terminal.shows(&["<bob> hi", "alice> |"]);
    terminal.press("hello\r");
    server.hear("hello\n");
    terminal.shows(&["<bob> hi", "<alice> hello", "alice> |"]);
    let picture = terminal.picture();
    for line in picture.lines().filter(|line| line.contains("<bob> hi") || line.contains("-- ")) {
        let (time, _) = line.split_once(' ').expect("a time");
        let is_time = time.len() == 5 && time.as_bytes()[2] == b':';
        assert!(is_time, "{line:?} in\n{picture}");
    }
}

#[test]
fn a_line_is_broken_between_words_or_as_the_terminal_does() {
    let text = "words that are kept whole where a row ends, as they are in a book";
    for (how, rows) in [
        (
            "words",
            [
                "<bob> words that are kept whole where a row ends, as",
                "            they are in a book",
            ],
        ),
        (
            "terminal",
            ["<bob> words that are kept whole where a row ends, as t", "hey are in a book"],
        ),
    ] {
        let (mut terminal, mut server, _peer) =
            alice(&folder(how), SIZE, &["--wrap", how], &["bob"]);
        server.say(&format!("<bob> {text}\n"));
        terminal.shows(&[rows[0], rows[1], "alice> |"]);
    }
}

#[test]
fn the_bell_rings_for_what_it_is_told_to() {
    let rings = |what: &str, rings: usize| {
        let (mut terminal, mut server, _peer) =
            alice(&folder(what), SIZE, &["--bell", what], &["bob"]);
        for line in ["<bob> hi\n", "<bob> Alice: you there?\n", "[bob -> you] psst\n"] {
            server.say(line);
            terminal.shows(&[line.trim_end(), "alice> |"]);
            // It rings once a second at most.
            std::thread::sleep(Duration::from_millis(1100));
        }
        server.say("-- bob left\n");
        terminal.shows(&["-- bob left", "alice> |"]);
        assert_eq!(terminal.bells(), rings, "{what}");
    };
    // Together, since each of them waits for most of its time.
    std::thread::scope(|scope| {
        for (what, times) in [("off", 0), ("mentions", 2), ("all", 3)] {
            scope.spawn(move || rings(what, times));
        }
    });
}

#[test]
fn words_that_one_looks_out_for_ring_as_ones_name_does() {
    let options = ["--highlight", "deploy,Release 2"];
    let (mut terminal, mut server, _peer) = alice(&folder("highlight"), SIZE, &options, &["bob"]);
    for (line, rings) in [("<bob> deployed\n", 0), ("<bob> the DEPLOY failed\n", 1)] {
        server.say(line);
        terminal.shows(&[line.trim_end(), "alice> |"]);
        assert_eq!(terminal.bells(), rings, "{line}");
    }
}

#[cfg(unix)]
#[test]
fn a_window_that_is_not_in_focus_notifies_of_mentions_and_counts_what_is_unread_in_its_title() {
    let peer = Peer::listen();
    let [host, port] = peer.arguments();
    let program = ["env", "TERM=xterm-kitty", CLIENT, "--name", "alice", "--notify", &host, &port];
    let mut terminal = Terminal::start(SIZE.0, SIZE.1, &folder("notify"), &program);
    let mut server = peer.accept_person("alice", &["bob"]);
    server.say("<bob> alice: you are looking\n");
    terminal.shows_what("it comes", |rows| rows.contains("looking"));
    // The client has to have heard of it before the next line comes.
    terminal.press("\x1b[Ox");
    terminal.shows_what("it has heard", |rows| rows.contains("alice> x"));
    for (line, end) in
        [("<bob> hi", "hi"), ("-- carol joined", "joined"), ("<bob> alice: you there?", "there?")]
    {
        // The bell and the notification rest for a second.
        std::thread::sleep(Duration::from_millis(1100));
        server.say(&format!("{line}\n"));
        terminal.shows_what(line, |rows| rows.contains(end));
    }
    terminal.press("\x1b[Iy");
    terminal.shows_what("it has heard", |rows| rows.contains("alice> xy"));
    terminal.press("\x15");
    terminal.press("/quit\r");
    server.hear_quit();
    server.close();
    terminal.ends();
    let title = |text: &str| format!("title {text}chatroom 127.0.0.1");
    let expected = [
        title(""),
        title("(1) "),
        "osc 99<bob> alice: you there?".to_owned(),
        title("(2) "),
        title(""),
    ];
    assert_eq!(terminal.commands(), expected);
}

#[test]
fn what_came_while_nobody_looked_stands_below_a_rule() {
    let (mut terminal, mut server, _peer) = alice(&folder("focus"), SIZE, &[], &["bob"]);
    server.say("<bob> before\n");
    terminal.shows(&["<bob> before", "alice> |"]);
    // The client has to have heard of it before the next line comes.
    terminal.press("\x1b[Ox");
    terminal.shows(&["alice> x|"]);
    server.say("<bob> one\n");
    terminal.shows_what("one", |rows| rows.contains("<bob> one"));
    server.say("<bob> two\n");
    terminal.shows_what("a rule", |rows| {
        let mut rows = rows.lines().skip_while(|row| *row != "<bob> before").skip(1);
        let rule = rows.next().unwrap_or_default();
        rule.contains(" new ")
            && rule.starts_with('─')
            && rule.ends_with('─')
            && rows.next() == Some("<bob> one")
            && rows.next() == Some("<bob> two")
    });
    terminal.press("\x1b[Iy");
    terminal.shows(&["alice> xy|"]);
    server.say("<bob> three\n");
    terminal.shows(&["<bob> two", "<bob> three", "alice> xy|"]);
    // The next rule takes its place.
    terminal.press("\x1b[Oz");
    terminal.shows(&["alice> xyz|"]);
    server.say("<bob> four\n");
    terminal.shows_what("one rule, above what is new now", |rows| {
        let rows: Vec<&str> = rows.lines().collect();
        let rules: Vec<usize> =
            (0..rows.len()).filter(|row| rows[*row].contains("─ new ─")).collect();
        let [rule] = rules[..] else { return false };
        rows[rule - 1] == "<bob> three" && rows[rule + 1] == "<bob> four"
    });
}
