//! `chatclient` without a terminal: what is confirmed, and what becomes of it when the connection is
//! lost.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::common::peer::{BANNER, Conversation, Peer, TOKEN};
use crate::common::process::{Running, at_home, client_program, end, spawn};

const WELCOME: &str =
    "-- chatroom 1: welcome (/help for the commands)\n-- you are alice, alone here\n";

/// A client in a pipe, which takes commands, known as alice.
fn alice(test: &str, options: &[&str]) -> (Running, ChildStdin, Conversation, Peer) {
    let (child, stdin, peer) = start(test, options);
    let server = peer.accept_as("alice");
    (child, stdin, server, peer)
}

/// Ends one that would come back for ever.
fn kill(mut child: Running) {
    child.kill().expect("it is ours");
    child.wait().expect("it is ours");
}

/// A client in a pipe, and the server that it goes to.
fn start(test: &str, options: &[&str]) -> (Running, ChildStdin, Peer) {
    let peer = Peer::listen();
    let mut command = Command::new(client_program());
    at_home(&mut command, &crate::common::folder("client_filter_reconnect", test));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.args(peer.arguments()).args(["--name", "alice", "--commands"]).args(options);
    let mut child = spawn(&mut command);
    let stdin = child.stdin.take().expect("it is piped");
    (child, stdin, peer)
}

/// What is told in the end of a private line to nobody whose refusal was lost.
const REFUSED: &str = "chatclient: refused while the connection was lost: /msg nobody hi\n\
                       chatclient: 1 line was not said\n";

fn write(stdin: &mut ChildStdin, text: &str) {
    stdin.write_all(text.as_bytes()).expect("the client reads");
}

/// The client has nothing more to send and leaves well; what it has printed and complained of.
#[track_caller]
fn leaves(child: Running, mut server: Conversation) -> (String, String) {
    assert_eq!(server.hear_quit(), "");
    server.close();
    let (status, out, err) = end(child);
    assert_eq!(status, Some(0), "{err}");
    (out, err)
}

#[test]
fn one_that_comes_back_says_and_prints_everything_once() {
    let (child, mut stdin, mut server, peer) = alice("back", &["--reconnect"]);
    write(&mut stdin, "one\ntwo\n");
    server.withhold_receipts();
    server.hear("one\ntwo\n");
    server.say("+ 2\n<bob> first\n<bob> sec");
    server.close();
    let mut server = peer.accept_again("alice", 2, 2);
    server.say("<bob> second\n");
    server.hear("two\n");
    write(&mut stdin, "three\n");
    server.withhold_receipts();
    server.hear("three\n");
    server.close();
    let mut server = peer.accept_again("alice", 4, 4);
    server.confirm(4);
    server.hear_the_question();
    drop(stdin);
    let (out, err) = leaves(child, server);
    let back = "-- welcome back, alice\n";
    assert_eq!(out, format!("{WELCOME}<bob> first\n{back}<bob> second\n{back}"));
    let told: Vec<_> = err.lines().collect();
    assert_eq!(told.len(), 4, "{err}");
    for told in told.chunks(2) {
        assert!(told[0].starts_with("chatclient: lost the connection to 127.0.0.1:"), "{err}");
        assert!(told[1].starts_with("chatclient: connected again to 127.0.0.1:"), "{err}");
    }
}

#[test]
fn one_that_comes_back_leaves_when_everything_is_confirmed() {
    let (child, mut stdin, mut server, peer) = alice("quit", &["--reconnect"]);
    server.withhold_receipts();
    write(&mut stdin, "one\n/msg nobody hi\ntwo\n");
    drop(stdin);
    server.hear("one\n/msg nobody hi\ntwo\n");
    server.confirm(2);
    server.reset();
    // The private line was taken and refused, and the refusal is lost.
    let mut server = peer.accept_again("alice", 1, 3);
    server.withhold_receipts();
    server.hear("/who\ntwo\n");
    server.say("-- 1 here: alice\n");
    server.hear_nothing_for(Duration::from_millis(50));
    server.confirm(5);
    assert_eq!(server.hear_quit(), "");
    // After that nothing can be lost.
    server.reset();
    let (status, out, err) = end(child);
    assert_eq!((status, out), (Some(1), format!("{WELCOME}-- welcome back, alice\n")), "{err}");
    assert!(err.ends_with(REFUSED), "{err}");
}

#[test]
fn a_last_line_that_was_refused_while_nobody_heard_it_keeps_nobody() {
    let (child, mut stdin, mut server, peer) = alice("quit_refused", &["--reconnect"]);
    server.withhold_receipts();
    write(&mut stdin, "/msg nobody hi\n");
    drop(stdin);
    server.hear("/msg nobody hi\n");
    server.close();
    let mut server = peer.accept_again("alice", 0, 2);
    server.hear_the_question();
    assert_eq!(server.hear_quit(), "");
    server.close();
    let (status, _, err) = end(child);
    assert_eq!(status, Some(1), "{err}");
    assert!(err.ends_with(REFUSED), "{err}");
}

#[test]
fn a_server_that_was_restarted_is_told_what_was_not_confirmed() {
    let (child, mut stdin, mut server, peer) = alice("restarted", &["--reconnect"]);
    server.withhold_receipts();
    write(&mut stdin, "one\n/who\ntwo\nthree\n");
    server.hear("one\n/who\ntwo\nthree\n");
    server.confirm(2);
    server.close();
    let mut server = peer.accept();
    server.greet(&format!("/resume {TOKEN} 1"));
    server.refuse("!! /resume: nobody here can be resumed with that token", "/nick alice");
    server.join("alice");
    server.hear("two\nthree\n");
    drop(stdin);
    let (_, err) = leaves(child, server);
    let told = "lines may have been missed, and the last 2 of ours may be said twice\n";
    assert!(err.ends_with(told), "{err}");
}

#[test]
fn the_last_word_on_coming_back_counts() {
    let (child, _stdin, server, _peer) = alice("last", &["--reconnect", "--no-reconnect"]);
    server.close();
    assert_eq!(end(child).0, Some(1));
    let (child, _stdin, server, peer) = alice("last", &["--no-reconnect", "--reconnect"]);
    server.close();
    peer.accept_again("alice", 0, 1);
    kill(child);
}

#[test]
fn a_line_that_is_refused_is_confirmed_too() {
    let (child, mut stdin, mut server, _peer) = alice("refused", &[]);
    server.withhold_receipts();
    let long = format!("/topic {}", "x".repeat(5000));
    write(&mut stdin, &format!("/msg nobody hi\n/nick bob\n{long}\n"));
    drop(stdin);
    server.hear(&format!("/msg nobody hi\n/nick bob\n{long}\n"));
    let refusals = [
        ("!! /msg: nobody here is called nobody", "/msg nobody hi"),
        ("!! /nick: the name bob is taken", "/nick bob"),
        ("!! that line was too long and was not sent: the most is 4096 bytes", &long[..60]),
    ];
    let first = server.taken() - 2;
    (first..).zip(&refusals).for_each(|(line, (error, _))| server.refuse_line(line, error));
    assert_eq!(server.hear_quit(), "");
    server.close();
    let (status, out, err) = end(child);
    assert_eq!((status, out.as_str()), (Some(1), WELCOME), "{err}");
    for ((error, line), told) in refusals.iter().zip(err.lines()) {
        assert!(told.starts_with(&format!("chatclient: {error} ({line}")), "{told}");
    }
    assert!(err.ends_with("\nchatclient: 3 lines were not said\n"), "{err}");
}

#[test]
fn input_is_read_no_further_than_a_server_confirms() {
    let (child, mut stdin, mut server, _peer) = alice("bounded", &[]);
    server.withhold_receipts();
    let lines: String = (0..100_000).map(|i| format!("line {i} of a long text\n")).collect();
    let input = lines.clone();
    let writer = thread::spawn(move || write(&mut stdin, &input));
    let heard = server.hear_until_silent_for(Duration::from_millis(300));
    assert!(heard.len() < lines.len() / 2, "{} bytes", heard.len());
    server.confirm(1 + heard.lines().count() as u64);
    server.give_receipts();
    assert!(heard + &server.hear_quit() == lines, "not what was piped in");
    server.close();
    writer.join().expect("it has written");
    assert_eq!(end(child).0, Some(0));
}

#[test]
fn lines_that_get_no_receipt_hold_nothing_up() {
    let (child, mut stdin, mut server, _peer) = alice("questions", &[]);
    let lines = format!("one\n{}", "/help\n\n".repeat(50_000));
    server.withhold_receipts();
    let input = lines.clone();
    let writer = thread::spawn(move || write(&mut stdin, &input));
    server.hear(&lines);
    server.confirm(2);
    leaves(child, server);
    writer.join().expect("it has written");
}

#[test]
fn a_line_of_any_length_is_no_danger() {
    let (child, mut stdin, mut server, _peer) = alice("long", &[]);
    let long = "x".repeat(64 * 1024);
    write(&mut stdin, &format!("{long}y\n{long}\n{}", long.repeat(100)));
    drop(stdin);
    let said = format!("{}\n", "x".repeat(4096)).repeat(16);
    assert!(server.hear_quit() == said, "not the one that may be sent");
    server.close();
    let (status, _, err) = end(child);
    let told = "chatclient: a line of more than 65536 bytes was not sent\n".repeat(2);
    assert_eq!((status, err), (Some(1), told + "chatclient: 2 lines were not said\n"));
}

#[test]
fn the_log_has_lines_as_they_were_said_and_nothing_to_take_the_session_over_with() {
    let (child, mut stdin, mut server, peer) =
        alice("log", &["--reconnect", "--log-level", "trace"]);
    write(&mut stdin, "one\n");
    server.hear("one\n");
    server.say("<bob> hi\n");
    server.close();
    let mut server = peer.accept_again("alice", 2, 2);
    drop(stdin);
    server.hear_quit();
    server.close();
    assert_eq!(end(child).0, Some(0));
    let path = "client_filter_reconnect/log/client.log";
    let log = std::fs::read_to_string(Path::new(env!("CARGO_TARGET_TMPDIR")).join(path));
    let log = log.expect("a log");
    for part in [
        "sent: /tags",
        "sent: /nick alice",
        "sent: one",
        "received: <bob> hi",
        "received a receipt for line 2",
        "sent: /resume",
        "received: -- welcome back, alice",
    ] {
        assert!(log.contains(part), "no {part:?} in\n{log}");
    }
    assert!(!log.contains(TOKEN), "{log}");
}

#[test]
fn a_first_connection_that_is_lost_among_the_first_words_costs_nothing_either() {
    let (child, mut stdin, peer) = start("first_of_all", &["--reconnect"]);
    write(&mut stdin, "one\n");
    let mut server = peer.accept();
    server.greet("/nick alice");
    server.say_raw("@- 1");
    server.close();
    let mut server = peer.accept_as("alice");
    drop(stdin);
    server.hear("one\n");
    let (out, err) = leaves(child, server);
    let banner = WELCOME.lines().next().expect("a line");
    assert_eq!(out, format!("{banner}\n{WELCOME}"));
    assert!(err.contains("; trying again\nchatclient: connected again to 127.0.0.1:"), "{err}");
}

#[test]
fn one_that_is_to_come_back_has_more_patience_with_the_banner() {
    let (child, mut stdin, peer) = start("slow_banner", &["--reconnect"]);
    write(&mut stdin, "one\n");
    let mut server = peer.accept();
    server.say_raw(&BANNER[..20]);
    // Without it, the lines would go out by now, to a server that confirms nothing.
    server.hear_nothing_for(Duration::from_millis(1500));
    server.say_raw(&BANNER[20..]);
    server.hear("/tags\n");
    kill(child);
}

#[test]
fn a_server_of_ours_that_is_slow_to_answer_is_waited_for() {
    let (child, mut stdin, peer) = start("slow_answer", &[]);
    write(&mut stdin, "one\n");
    drop(stdin);
    let mut server = peer.accept();
    server.greet("/nick alice");
    // Longer than a server of unknown kind may take: what it answers has to be kept first, say.
    server.hear_nothing_for(Duration::from_millis(1500));
    server.join("alice");
    server.hear("one\n");
    leaves(child, server);
}

#[test]
fn a_server_of_ours_that_does_not_answer_is_told_that_the_client_leaves_all_the_same() {
    let (child, mut stdin, peer) = start("no_answer", &[]);
    write(&mut stdin, "one\n");
    drop(stdin);
    let mut server = peer.accept();
    // It tells no nonce either, as an older one.
    server.say(BANNER);
    server.hear("/tags\n/nick alice\none\n/quit\n");
    assert_eq!(server.hear_the_end(), "");
    server.close();
    assert_eq!(end(child).0, Some(0));
}

#[test]
fn one_that_has_nothing_left_to_say_does_not_wait_for_a_server_that_is_gone() {
    let (mut child, mut stdin, mut server, peer) = alice("gone", &["--reconnect"]);
    write(&mut stdin, "one\n");
    server.hear("one\n");
    drop(peer);
    server.close();
    let mut told = BufReader::new(child.stderr.take().expect("it is piped")).lines();
    for cause in ["lost the connection to", "cannot connect to"] {
        let line = told.next().expect("it says what it does").expect("it is text");
        assert!(line.starts_with(&format!("chatclient: {cause} 127.0.0.1:")), "{line}");
    }
    drop(stdin);
    assert_eq!(end(child), (Some(0), WELCOME.to_owned(), String::new()));
}

#[test]
fn a_connection_that_is_lost_in_the_middle_of_the_first_words_costs_nothing() {
    let (child, mut stdin, mut server, peer) = alice("first_words", &["--reconnect"]);
    server.withhold_receipts();
    write(&mut stdin, "one\n");
    server.hear("one\n");
    server.close();
    let mut server = peer.accept();
    server.say(&BANNER[..13]);
    server.close();
    let mut server = peer.accept();
    server.greet(&format!("/resume {TOKEN} 0"));
    server.say_raw("@- 1 -- welcome back, alice\n@- 1 = resumed 1");
    server.close();
    let mut server = peer.accept_again("alice", 0, 1);
    server.hear("one\n");
    drop(stdin);
    let (out, _) = leaves(child, server);
    assert_eq!(out, format!("{WELCOME}{}", "-- welcome back, alice\n".repeat(2)));
}

#[test]
fn a_banner_that_is_late_is_waited_for_with_what_was_not_confirmed() {
    let (child, mut stdin, mut server, peer) = alice("late", &["--reconnect"]);
    server.withhold_receipts();
    write(&mut stdin, "one\n");
    server.hear("one\n");
    server.close();
    let mut server = peer.accept();
    // Longer than a server of unknown kind may take.
    server.hear_nothing_for(Duration::from_millis(1500));
    server.greet(&format!("/resume {TOKEN} 0"));
    server.say("= resumed 0\n");
    server.hear("one\n");
    drop(stdin);
    leaves(child, server);
}
