//! `chatclient` without a terminal: lines in, lines out, and how it ends.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::common::peer::{BANNER, Conversation, Peer};
#[cfg(unix)]
use crate::common::process::signal;
use crate::common::process::{
    Running, UNKNOWN_HOST, at_home, client_program, end, run, spawn, wait, without_our_variables,
};

/// A client in an empty folder for the test of that name.
fn client(test: &str) -> Command {
    let mut command = Command::new(client_program());
    at_home(&mut command, &crate::common::folder("client_filter", test));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    without_our_variables(&mut command);
    command
}

fn folder(test: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("client_filter").join(test)
}

/// A client of a server of ours, known as alice.
fn alice(test: &str) -> (Running, Conversation) {
    alice_with(test, &[])
}

fn alice_with(test: &str, options: &[&str]) -> (Running, Conversation) {
    let peer = Peer::listen();
    let mut command = client(test);
    command.args(peer.arguments()).args(["--name", "alice"]).args(options);
    let child = spawn(&mut command);
    (child, peer.accept_as("alice"))
}

/// Gives the client `input` and then nothing more.
fn feed(child: &mut Running, input: &str) {
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(input.as_bytes()).expect("the client reads");
}

const WELCOME: &str =
    "-- chatroom 1: welcome (/help for the commands)\n-- you are alice, alone here\n";

#[test]
fn everything_is_delivered_and_everything_that_comes_is_printed() {
    let (mut child, mut server) = alice("delivered");
    feed(&mut child, "one\n\n*waits*\nlast, without a line end");
    assert_eq!(server.hear_quit(), "one\n\n*waits*\nlast, without a line end\n");
    server.say("<bob> bye \x1b[31malice\x07\n<bob> unfinished");
    server.close();
    let expected = format!("{WELCOME}<bob> bye alice\n");
    assert_eq!(end(child), (Some(0), expected, String::new()));
}

#[test]
fn input_is_cut_into_lines_as_the_server_cuts_them() {
    let (mut child, mut server) = alice("cut");
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(b"one\rtwo\r\n\rthree\r\0four\n").expect("the client reads");
    drop(stdin);
    assert_eq!(server.hear_quit(), "one\ntwo\n\nthree\nfour\n");
    server.close();
    assert_eq!(end(child).0, Some(0));
}

#[test]
fn no_input_at_all_is_a_clean_end_too() {
    let (mut child, mut server) = alice("no_input");
    feed(&mut child, "");
    assert_eq!(server.hear_quit(), "");
    server.close();
    let hint = "there is no input to say; to stay and print what is said: chatclient --listen";
    assert_eq!(end(child), (Some(0), WELCOME.to_owned(), format!("chatclient: {hint}\n")));
}

#[test]
fn lines_are_printed_as_they_come() {
    let (mut child, mut server) = alice("as_they_come");
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let mut next = move || lines.next().expect("a line").expect("in UTF-8");
    assert_eq!(next() + "\n" + &next() + "\n", WELCOME);
    for line in ["<bob> one", "<bob> two"] {
        server.say(&format!("{line}\n"));
        assert_eq!(next(), line);
    }
    child.kill().ok();
    child.wait().ok();
}

#[test]
fn nothing_is_sent_before_the_server_has_introduced_itself() {
    let peer = Peer::listen();
    let mut command = client("introduced");
    let mut child = spawn(command.args(peer.arguments()).args(["--name", "alice"]));
    feed(&mut child, "hi\n");
    let mut server = peer.accept();
    server.hear_nothing_for(Duration::from_millis(100));
    // It does not say who it is either before it is told what to prove that with.
    server.greet("/nick alice");
    server.hear_nothing_for(Duration::from_millis(100));
    server.say("= nick alice\n");
    server.hear("hi\n");
    server.say("@1 1 + 2\n");
    server.hear("/quit\n");
    server.close();
    assert_eq!(end(child).0, Some(0));
}

#[test]
fn the_login_name_is_asked_for_where_no_name_is_given() {
    let peer = Peer::listen();
    let mut command = client("login");
    command.args(peer.arguments()).env("USER", "Ann Onym!").stdin(Stdio::null());
    let child = spawn(&mut command);
    let mut server = peer.accept_as("AnnOnym");
    server.hear_quit();
    server.close();
    assert_eq!(end(child).0, Some(0));
}

#[test]
fn a_foreign_server_that_never_closes_is_left_when_it_is_silent() {
    let peer = Peer::listen();
    let mut command = client("foreign");
    let mut child = spawn(command.args(peer.arguments()).args(["--name", "alice"]));
    feed(&mut child, "one\n/two");
    let mut server = peer.accept();
    server.say("Welcome to chatroom");
    assert_eq!(server.hear_the_end(), "one\n/two\n");
    server.say("<10.0.0.2>hi");
    let printed = "Welcome to chatroom<10.0.0.2>hi\n".to_owned();
    assert_eq!(end(child), (Some(0), printed, String::new()));
}

#[test]
fn a_server_that_never_says_a_word_is_not_known_to_have_taken_anything() {
    let peer = Peer::listen();
    let mut child = spawn(client("hung").args(peer.arguments()));
    feed(&mut child, "important\n");
    let mut server = peer.accept();
    let (status, out, err) = end(child);
    assert_eq!((status, out.as_str()), (Some(1), ""));
    assert!(err.contains(" has not said a word, so nothing shows that it took "), "{err}");
    assert_eq!(err.lines().count(), 1);
    assert_eq!(server.hear_the_end(), "important\n");
}

#[test]
fn a_connection_that_is_lost_while_input_goes_on_is_told_at_once() {
    for (test, reset) in [("lost_closed", false), ("lost_reset", true)] {
        let (child, server) = alice(test);
        if reset {
            server.reset();
        } else {
            server.close();
        }
        let (status, _, err) = end(child);
        assert_eq!(status, Some(1), "{err}");
        assert!(err.starts_with("chatclient: lost the connection to 127.0.0.1:"), "{err}");
        assert_eq!(err.lines().count(), 1, "{err}");
    }
}

#[test]
fn a_connection_that_breaks_before_everything_is_delivered_is_lost() {
    let (mut child, mut server) = alice("broken");
    server.withhold_receipts();
    feed(&mut child, "hi\n");
    // It does not leave before that has a receipt.
    server.hear("hi\n");
    server.hear_nothing_for(Duration::from_millis(100));
    server.reset();
    assert_eq!(end(child).0, Some(1));
}

#[test]
fn quit_among_the_lines_makes_the_end_a_clean_one() {
    let (mut child, mut server) = alice_with("quit", &["--commands"]);
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(b"/QUIT good night\nnot any more\n").expect("the client reads");
    server.hear("/QUIT good night\n");
    server.reset();
    assert_eq!(end(child), (Some(0), WELCOME.to_owned(), String::new()));
    drop(stdin);
}

#[test]
fn a_reader_that_has_had_enough_ends_it_quietly() {
    let (mut child, mut server) = alice("enough");
    drop(child.stdout.take());
    server.say("<bob> one\n");
    assert_eq!(end(child), (Some(0), String::new(), String::new()));
}

#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_is_told() {
    let peer = Peer::listen();
    let mut command = client("output_full");
    command.args(peer.arguments()).stdout(std::fs::File::create("/dev/full").expect("a device"));
    let child = spawn(&mut command);
    peer.accept().say(BANNER);
    let (status, _, err) = end(child);
    assert_eq!(status, Some(1));
    assert_eq!(err, "chatclient: cannot write to standard output: no space left on device\n");
}

#[cfg(unix)]
#[test]
fn signals_end_it_well() {
    for name in ["-TERM", "-INT"] {
        let (child, _server) = alice("signal");
        signal(name, child.id());
        let (status, _, err) = end(child);
        assert_eq!((status, err.as_str()), (Some(0), ""), "{name}");
    }
}

#[test]
fn much_input_and_much_output_pass_through() {
    // Each is logged twice, which takes far longer under wine.
    const LINES: usize = if cfg!(windows) { 4_000 } else { 50_000 };
    let (mut child, mut server) = alice("much");
    let input: String = (0..LINES).map(|i| format!("line {i} of a long text\n")).collect();
    let mut stdin = child.stdin.take().expect("it is piped");
    let mut stdout = child.stdout.take().expect("it is piped");
    let sent = input.clone();
    let writer = thread::spawn(move || stdin.write_all(sent.as_bytes()).expect("it reads"));
    let reader = thread::spawn(move || {
        let mut printed = String::new();
        stdout.read_to_string(&mut printed).expect("in UTF-8");
        printed
    });
    assert!(server.hear_quit() == input, "not what was piped in");
    server.say(&input);
    server.close();
    writer.join().expect("it has written");
    assert_eq!(wait(&mut child).code(), Some(0));
    assert!(reader.join().expect("it has read") == WELCOME.to_owned() + &input);
}

#[test]
fn the_log_has_what_was_read_sent_and_received() {
    let (mut child, mut server) = alice("log");
    feed(&mut child, "hi \x1b[31mthere\n");
    server.hear_quit();
    server.close();
    assert_eq!(end(child).0, Some(0));
    let log = std::fs::read_to_string(folder("log").join("client.log")).expect("a log");
    for part in [
        "connected to 127.0.0.1:",
        "sent: /nick alice",
        "received: -- you are alice, alone here",
        "input: hi there",
        "sent: hi there",
    ] {
        assert!(log.contains(part), "no {part:?} in\n{log}");
    }
}

#[test]
fn a_log_that_cannot_be_written_is_told_once_and_is_no_reason_to_stop() {
    let peer = Peer::listen();
    let mut command = client("no_log");
    command.args(peer.arguments()).args(["--name", "alice", "--log-file", "no/such/folder/log"]);
    let mut child = spawn(&mut command);
    let mut server = peer.accept_as("alice");
    feed(&mut child, "hi\n");
    assert_eq!(server.hear_quit(), "hi\n");
    server.close();
    let (status, out, err) = end(child);
    assert_eq!((status, out.as_str()), (Some(0), WELCOME));
    // The reason is the system's own.
    assert!(err.starts_with("chatclient: cannot write the log no/such/folder/log: "), "{err}");
    assert!(err.ends_with("; going on without it\n") && err.lines().count() == 1, "{err}");
}

#[test]
fn without_logging_there_is_no_log() {
    let peer = Peer::listen();
    let mut command = client("log_off");
    command.args(peer.arguments()).args(["--name", "alice", "--log-level", "off"]);
    let mut child = spawn(&mut command);
    let mut server = peer.accept_as("alice");
    feed(&mut child, "hi\n");
    server.hear_quit();
    server.close();
    assert_eq!(end(child).0, Some(0));
    assert!(!folder("log_off").join("client.log").exists());
}

#[test]
fn a_server_that_cannot_be_reached_is_one_line_and_status_1() {
    let nobody = Peer::listen().arguments();
    let (status, out, err) = run(client("refused").args(&nobody));
    assert_eq!((status, out.as_str()), (Some(1), ""));
    let [host, port] = nobody;
    let advice = "is the server running there, on that port?";
    assert!(err.starts_with(&format!("chatclient: cannot connect to {host}:{port}: ")), "{err}");
    assert!(err.ends_with(&format!("refused; {advice}\n")) || cfg!(windows), "{err}");
    assert!(err.ends_with(&format!("; {advice}\n")) && err.lines().count() == 1, "{err}");
    let (status, _, err) = run(client("unknown").arg(UNKNOWN_HOST));
    assert_eq!(status, Some(1));
    assert!(
        err.starts_with(&format!("chatclient: cannot find the host {UNKNOWN_HOST}: ")),
        "{err}"
    );
    assert_eq!(err.lines().count(), 1);
}

#[test]
fn a_server_is_found_in_the_form_in_which_it_prints_where_it_listens() {
    for form in ["HOST:PORT", "tcp://HOST:PORT"] {
        let [host, port] = Peer::listen().arguments();
        let place = form.replace("HOST", &host).replace("PORT", &port);
        let (status, _, err) = run(client("forms").arg(&place));
        assert_eq!(status, Some(1));
        let refused = format!("chatclient: cannot connect to {host}:{port}: ");
        assert!(err.starts_with(&refused), "{place}: {err}");
    }
}

#[test]
fn the_environment_stands_for_the_arguments() {
    let peer = Peer::listen();
    let [host, port] = peer.arguments();
    let mut command = client("environment");
    command.env("CHATROOM_HOST", host).env("CHATROOM_PORT", port).env("CHATROOM_NAME", "eve");
    let log = folder("environment").join("client.log");
    command.env("CHATROOM_LOG_FILE", &log).env("CHATROOM_LOG_LEVEL", "debug");
    let child = spawn(command.stdin(Stdio::null()));
    let mut server = peer.accept_as("eve");
    server.hear_quit();
    server.close();
    assert_eq!(end(child).0, Some(0));
    let logged = std::fs::read_to_string(&log).expect("it is the log");
    assert!(logged.contains("[DEBUG]"), "{logged}");
}

#[test]
fn a_variable_that_is_empty_is_none_and_a_bad_one_is_named() {
    let peer = Peer::listen();
    let mut command = client("bad_environment");
    command.args(peer.arguments()).env("CHATROOM_NAME", "not a name");
    let (status, _, err) = run(&mut command);
    assert_eq!(status, Some(2));
    assert!(
        err.contains(" (from the environment's CHATROOM_NAME); see chatclient --help"),
        "{err}"
    );
    command.env("CHATROOM_HOST", "").env("CHATROOM_NAME", "").args(["--name", "eve"]);
    let child = spawn(command.stdin(Stdio::null()));
    let mut server = peer.accept_as("eve");
    server.hear_quit();
    server.close();
    assert_eq!(end(child).0, Some(0));
}

#[test]
fn wrong_usage_is_one_line_that_says_what_is_right_and_status_2() {
    let level = "it must be off, error, warn, info, debug or trace";
    let cases: &[(&[&str], &str)] = &[
        (&["5000"], "that is a port; give the address first: 127.0.0.1 5000"),
        (&["127.0.0.1", "0"], "it must be a number from 1 to 65535"),
        (&["127.0.0.1", "many"], "it must be a number from 1 to 65535"),
        (&["--nam", "x"], "a similar argument exists: '--name'"),
        (&["--name", "a b"], "a name cannot have ' ' in it: letters, digits, _, - and . can be"),
        (&["--name", "-a"], "a name cannot start with"),
        (&["--log-level", "loud"], level),
        (&["a", "1", "b"], "unexpected argument 'b' found"),
        (&["host:6000", "5000"], "the port is given twice: 6000 and 5000"),
        (&["host:70000"], "its port must be a number from 1 to 65535"),
        (&["-p", "5000"], "the port stands behind the address: chatclient 127.0.0.1 5000"),
        (&["-n", "alice"], "your name comes with '--name'"),
        (&["--time", "%H:%M %Z"], "it must be none, or a time as in %H:%M or %H:%M:%S"),
        (&["--joins", "some"], "possible values: all, spoken, none"),
        (&["--host", "x"], "the address stands by itself: chatclient 127.0.0.1 5000"),
    ];
    for (arguments, part) in cases {
        let (status, out, err) = run(client("usage").args(*arguments));
        assert_eq!((status, out.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(err.starts_with("chatclient: ") && err.contains(part), "{arguments:?}: {err}");
        assert!(err.ends_with("; see chatclient --help\n"), "{arguments:?}: {err}");
        assert_eq!(err.lines().count(), 1, "{arguments:?}: {err}");
    }
}

#[test]
fn help_and_version_are_no_mistakes() {
    for (argument, part) in [("--help", "Examples:"), ("--version", "chatclient ")] {
        let (status, out, err) = run(client("help").arg(argument));
        assert_eq!((status, err.as_str()), (Some(0), ""));
        assert!(out.contains(part), "{out}");
    }
}
