//! `chatclient` against a server that lies, floods and commands: it goes on, in bounded memory, with
//! its terminal intact, and ends with the right status.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::common::DEADLINE;
use crate::common::alice::{CLIENT, alice, start};
use crate::common::peer::{BANNER, Conversation, Peer, TOKEN};
use crate::common::process::{Running, at_home, end, spawn, without_our_variables};
use crate::common::terminal::Terminal;

const SIZE: (u16, u16) = (70, 8);

/// What a client may have at most: several times what an idle one has, and a half of what the servers
/// here would like it to have.
#[cfg(target_os = "linux")]
const MOST_MEMORY: usize = 32 << 20;

fn folder(name: &str) -> PathBuf {
    crate::common::folder("client_hostile", name)
}

/// A client in a pipe.
fn filter(test: &str, peer: &Peer, options: &[&str]) -> Running {
    let mut command = Command::new(CLIENT);
    without_our_variables(&mut command);
    command.args(peer.arguments()).args(["--name", "alice"]).args(options);
    at_home(&mut command, &folder(test));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    spawn(&mut command)
}

#[cfg(target_os = "linux")]
#[track_caller]
fn assert_frugal(process: u32) {
    let peak = crate::common::process::peak_memory(process);
    assert!(peak < MOST_MEMORY, "{} MB", peak >> 20);
}

#[cfg(not(target_os = "linux"))]
fn assert_frugal(_: u32) {}

/// Alice is here as ever: what comes is shown, what she types is sent, and she leaves when she wants.
#[track_caller]
fn goes_on(mut terminal: Terminal, mut server: Conversation) {
    server.withhold_receipts();
    server.say_raw("<bob> still here\n");
    terminal.shows(&["<bob> still here", "alice> |"]);
    terminal.press("so am I\r");
    server.hear("so am I\n");
    terminal.shows(&["<bob> still here", "<alice> so am I", "alice> |"]);
    terminal.assert_not_commanded();
    assert_frugal(terminal.process_id());
    terminal.press("\x03");
    server.close();
    assert_eq!(terminal.ends(), 0);
}

#[test]
fn a_line_without_an_end_is_left_out_and_takes_no_memory() {
    const MEGABYTES: usize = 64;
    let (mut terminal, mut server, _peer) = alice(&folder("endless"), SIZE, &[], &["bob"]);
    let part = "x".repeat(1 << 20);
    (0..MEGABYTES).for_each(|_| server.say_raw(&part));
    server.say_raw("\n");
    let told = "-- a line of more than 1048576 bytes was left out";
    terminal.shows_what(told, |rows| rows.matches(told).count() == 1);
    goes_on(terminal, server);
}

#[test]
fn a_line_without_an_end_takes_no_memory_in_a_pipe_either() {
    const MEGABYTES: usize = 64;
    let peer = Peer::listen();
    let mut child = filter("endless_pipe", &peer, &[]);
    let mut server = peer.accept_as("alice");
    let part = "x".repeat(1 << 20);
    (0..MEGABYTES).for_each(|_| server.say_raw(&part));
    server.say_raw("\n@9 1 <bob> hi\n");
    drop(child.stdin.take());
    assert_eq!(server.hear_quit(), "");
    assert_frugal(child.id());
    server.close();
    let (status, out, err) = end(child);
    assert_eq!(status, Some(0), "{err}");
    assert!(out.ends_with("alone here\n<bob> hi\n"), "{out}");
    let told = "chatclient: a line of more than 1048576 bytes was left out\n";
    assert!(err.starts_with(told) && err.lines().count() == 2, "{err}");
}

#[test]
fn a_flood_of_people_who_are_not_there_does_no_harm() {
    const PEOPLE: usize = 12_000;
    let (mut terminal, mut server, _peer) = alice(&folder("people"), SIZE, &[], &["bob"]);
    let talk = thread::spawn(move || {
        for number in 0..PEOPLE {
            server.say_raw(format!("<n{number}x> hi\n"));
        }
        // And somebody who is never done listing them.
        let listed = format!("-- 9 here: {},\n", ["someone"; 100].join(", "));
        (0..200).for_each(|_| server.say_raw(&listed));
        server
    });
    terminal.shows_what("the list", |rows| rows.contains("-- 9 here: someone, someone"));
    goes_on(terminal, talk.join().expect("all was said"));
}

#[test]
fn lies_in_the_tagged_form_are_no_more_than_odd_lines() {
    const LIES: [&str; 27] = [
        "@9 1 + 0",
        "@3 1 + 99",
        "@3 1 + 99",
        "@18446744073709551615 9223372036854775807 + 18446744073709551615",
        "@18446744073709551615 9223372036854775807 <bob> the last word",
        "@2 0 <bob> and back",
        "@18446744073709551616 1 <bob> more than there are",
        "@--1 1 <bob> less than nothing",
        "@-99 1 = done",
        "@- 1 = done",
        "@-18446744073709551615 1 = done",
        "@ 1 <bob> nothing",
        "@1  2 <bob> blanks",
        "@1 -2 <bob> before time",
        "@1",
        "@",
        "@- 1 + 1",
        "@- 1 + -1",
        "@- 1 = resumed 99",
        "@- 1 = resumed -1",
        "@- 1 = token short",
        "@- 1 = ",
        "@ x",
        "@1 <bob> too little",
        "= resumed 3",
        "@- 9223372036854775807 the end of time",
        "@- 1 -- you missed 99999999999999999999 lines (x)",
    ];
    let (mut terminal, mut server, _peer) = alice(&folder("lies"), (70, 40), &[], &["bob"]);
    for lie in LIES {
        server.say_raw(format!("{lie}\n"));
    }
    server.say_raw("<bob> that was all\n");
    terminal.shows_what("all that can be a line, and no fact", |rows| {
        let lines = ["<bob> the last word", "<bob> and back", "@--1 1 <bob> less than nothing"];
        let no_tags = [
            "@18446744073709551616 1 <bob> more than there are",
            "@ x",
            "@1 <bob> too little",
            "= resumed 3",
            "<bob> that was all",
        ];
        let is_there = |line: &&str| rows.lines().any(|row| row == *line);
        [&lines[..], &no_tags].concat().iter().all(is_there)
            && ["+ 99", "= resumed 99", "= token"].iter().all(|fact| !rows.contains(fact))
    });
    goes_on(terminal, server);
}

#[test]
fn a_receipt_in_advance_confirms_nothing() {
    let peer = Peer::listen();
    let mut child = filter("advance", &peer, &[]);
    let mut server = peer.accept_as("alice");
    server.withhold_receipts();
    for number in ["0", "3", "99", "18446744073709551615"] {
        server.say_raw(format!("@5 1 + {number}\n@5 1 + {number}\n"));
    }
    server.say_raw("@6 1 <bob> say it now\n");
    // Only once it has all of that is there anything to confirm.
    let mut out = std::io::BufReader::new(child.stdout.take().expect("it is piped"));
    let mut line = String::new();
    while !line.ends_with("say it now\n") {
        line.clear();
        std::io::BufRead::read_line(&mut out, &mut line).expect("in UTF-8");
        assert!(!line.is_empty(), "it has ended");
    }
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(b"important\n").expect("the client reads");
    drop(stdin);
    server.hear("important\n");
    // It does not leave before that is confirmed.
    server.hear_nothing_for(Duration::from_millis(100));
    server.confirm(2);
    assert_eq!(server.hear_quit(), "");
    server.close();
    let (status, _, err) = end(child);
    assert_eq!((status, err.as_str()), (Some(0), ""));
}

#[test]
fn a_server_that_takes_nothing_holds_the_input_back() {
    const MEGABYTES: usize = 64;
    let peer = Peer::listen();
    let mut child = filter("takes_nothing", &peer, &[]);
    let server = peer.accept_as("alice");
    let mut stdin = child.stdin.take().expect("it is piped");
    let (read, is_read) = mpsc::channel();
    let writer = thread::spawn(move || {
        let line = "x".repeat(1023) + "\n";
        let megabyte = line.repeat(1024);
        (0..MEGABYTES).take_while(|_| stdin.write_all(megabyte.as_bytes()).is_ok()).for_each(
            |_| {
                read.send(()).ok();
            },
        );
    });
    is_read.recv_timeout(DEADLINE).expect("it reads the first megabyte");
    // Until no more is read. The systems' buffers take some of it.
    let mut more = 0;
    while is_read.recv_timeout(Duration::from_secs(1)).is_ok() {
        more += 1;
        assert!(more < MEGABYTES / 2, "{more} MB more");
    }
    assert_frugal(child.id());
    server.reset();
    let (status, _, err) = end(child);
    assert_eq!(status, Some(1), "{err}");
    writer.join().expect("it has ended with the client");
}

#[test]
fn a_token_of_a_megabyte_is_none() {
    let (terminal, mut server, peer) = alice(&folder("token"), SIZE, &[], &["bob"]);
    server.say_raw(format!("@- 1 = token {}\n", "0".repeat(1_000_000)));
    server.say_raw(format!("@- 1 = nick {}\n", "x".repeat(1_000_000)));
    server.close();
    // The one that it had is as good as ever.
    goes_on(terminal, peer.accept_again("alice", 0, 2));
}

#[test]
fn a_name_that_can_be_none_is_not_ours() {
    const RUBBISH: [&str; 8] =
        ["", " ", "a b", "\u{202e}", "\x1b[31m", "you", "-", "\u{1b}]0;title\u{7}"];
    let (mut terminal, mut server, _peer) = alice(&folder("names"), SIZE, &[], &["bob"]);
    for name in RUBBISH {
        server.say_raw(format!("@- 1 = nick {name}\n-- you are now {name}\n"));
    }
    server.say_raw(format!("@- 1 = nick {}\n", "y".repeat(300)));
    server.say_raw("<bob> hi\n");
    terminal.shows(&["<bob> hi", "alice> |"]);
    goes_on(terminal, server);
}

#[test]
fn a_server_that_takes_more_than_was_sent_is_sent_what_comes_next() {
    let (mut terminal, mut server, peer) = alice(&folder("resumed"), SIZE, &[], &["bob"]);
    server.withhold_receipts();
    terminal.press("one\r");
    server.hear("one\n");
    server.close();
    let mut server = peer.accept();
    server.greet(&format!("/resume {TOKEN} 0"));
    server.withhold_receipts();
    server.say_raw(format!("@- 1 = resumed {0}\n@- 1 = nick alice\n@9 1 + {0}\n", u64::MAX));
    terminal.press("two\r");
    // It asks what became of the line that was never known to be said.
    server.hear("/who\n");
    server.say_raw("@- 1 -- 1 here: alice\n");
    server.hear("two\n");
    goes_on(terminal, server);
}

#[test]
fn a_server_that_welcomes_back_whom_it_has_never_seen_is_spoken_to_all_the_same() {
    let peer = Peer::listen();
    let mut terminal = start(&folder("welcome_back"), &peer, SIZE, &[]);
    let mut server = peer.accept();
    server.greet("/nick alice");
    server.withhold_receipts();
    server.say_raw("@- 1 -- welcome back, eve\n@- 1 = resumed 7\n@- 1 = nick eve\n");
    terminal.press("hello?\r");
    server.hear("hello?\n");
    terminal.press("\x03");
    server.close();
    assert_eq!(terminal.ends(), 0);
}

#[test]
fn a_server_that_is_not_quite_ours_is_sent_nothing_of_its_own_accord() {
    for (test, first) in [
        ("version", "-- chatroom 2: welcome\n"),
        ("number", "-- chatroom 18446744073709551617: welcome\n"),
        ("colour", "-- chatroom \x1b[31mx\n"),
        ("half", "-- chatroom 1"),
    ] {
        let peer = Peer::listen();
        let child = filter(test, &peer, &[]);
        let mut server = peer.accept();
        server.say_raw(first);
        server.hear_nothing_for(Duration::from_millis(100));
        server.close();
        let (status, out, err) = end(child);
        assert_eq!(status, Some(1), "{test}: {err}");
        assert!(out.starts_with("-- chatroom "), "{test}: {out:?}");
        assert!(err.starts_with("chatclient: lost the connection to 127.0.0.1:"), "{test}: {err}");
        assert_eq!(err.lines().count(), 1, "{test}: {err}");
    }
}

#[test]
fn nothing_that_a_server_says_commands_the_terminal() {
    const COMMANDS: [&str; 8] = [
        "\x1b[2J\x1b[1;1H",
        "\x1b]0;title\x07",
        "\x1b]52;c;eA==\x1b\\",
        "\x1b[8;1;1t\x1b[?1049h\x1b[?25l",
        "\u{9b}2J\u{9d}0;title\u{9c}",
        "\x0e\x0b\x0c\x08\x08\x7f\0",
        "\u{202e}\u{2066}\u{2028}",
        "\x1bc\x1b#8\x1bP1$r\x1b\\",
    ];
    let (terminal, mut server, _peer) = alice(&folder("commands"), (70, 40), &[], &["bob"]);
    for command in COMMANDS {
        for line in ["<bob> {}x", "{}<bob> x", "@{}7 1 <bob> x", "-- {}x", "!! {}x", "| 14:05 {}x"]
        {
            server.say_raw(line.replace("{}", command) + "\n");
        }
        server.say_raw(command);
        server.say_raw("\n");
    }
    goes_on(terminal, server);
}

#[cfg(unix)]
#[test]
fn a_client_whose_server_floods_and_then_breaks_leaves_the_terminal_as_it_was() {
    let (mut terminal, mut server, _peer) =
        crate::common::alice::alice_under_a_shell(&folder("breaks"), "--no-reconnect");
    terminal.shows(&["alice> |"]);
    server.say_raw([&b"\x1b[2J\xff\xfe<bob> \xf0\x9f".repeat(10_000)[..], b"\n"].concat());
    server.reset();
    terminal.shows_what("it is restored", |rows| rows.contains("\nstatus=1\nrestored"));
    terminal.assert_not_commanded();
}

#[test]
fn a_server_that_says_its_banner_again_and_again_gets_no_more_answers() {
    let (terminal, mut server, _peer) = alice(&folder("banners"), SIZE, &[], &["bob"]);
    for _ in 0..100 {
        server.say_raw(BANNER);
        server.say_raw("@- 1 !! /nick: the name alice is taken\n@- 1 -- welcome back, alice\n");
    }
    goes_on(terminal, server);
}
