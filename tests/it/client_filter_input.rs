//! `chatclient` in a pipe with a real server: what its input is to it, what it prints and what its exit
//! status tells.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use crate::common::process::{Running, at_home, client_program, end, spawn, without_our_variables};
use crate::common::server::TestServer;

/// A client in a pipe, with this name.
fn client(server: &TestServer, name: &str, options: &[&str]) -> Running {
    let mut command = Command::new(client_program());
    at_home(&mut command, &crate::common::folder("client_filter_input", name));
    without_our_variables(&mut command);
    let address = server.address;
    command.args([address.ip().to_string(), address.port().to_string()]);
    // Whose a name is does not matter here.
    command.args(["--name", name, "--no-identity"]).args(options);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    spawn(&mut command)
}

/// Runs one with that input; its exit status, what it printed and its complaints.
fn pipe(
    server: &TestServer,
    name: &str,
    options: &[&str],
    input: impl AsRef<[u8]>,
) -> (Option<i32>, String, String) {
    let mut child = client(server, name, options);
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(input.as_ref()).expect("the client reads");
    drop(stdin);
    end(child)
}

#[test]
fn input_is_text_whatever_it_begins_with() {
    let server = TestServer::start(&[]);
    let mut bob = server.join("bob");
    let lines = [
        "/usr/bin/ld: cannot find -lfoo",
        "// a comment",
        "///",
        "/quit",
        "/nick mallory",
        "/msg bob psst",
        "\x1b[1m/quit",
        "the end",
    ];
    let (status, _, err) = pipe(&server, "make", &[], lines.join("\n"));
    assert_eq!((status, err.as_str()), (Some(0), ""));
    bob.expect("-- make joined");
    for line in lines {
        bob.expect(&format!("<make> {}", line.trim_start_matches("\x1b[1m")));
    }
    bob.expect("-- make left");
}

#[test]
fn commands_are_taken_where_they_are_asked_for() {
    let server = TestServer::start(&[]);
    let mut bob = server.join("bob");
    let (status, _, err) =
        pipe(&server, "script", &["--commands"], "/me waves\n//etc\n/msg bob psst\n/quit bye\n");
    assert_eq!((status, err.as_str()), (Some(0), ""));
    for line in [
        "-- script joined",
        "* script waves",
        "<script> /etc",
        "[script -> you] psst",
        "-- script left: bye",
    ] {
        bob.expect(line);
    }
}

#[test]
fn a_line_that_is_refused_is_told_on_standard_error_and_makes_the_status_1() {
    let server = TestServer::start(&[]);
    let mut bob = server.join("bob");
    let long = format!("/topic {}", "x".repeat(4097));
    let (status, out, err) = pipe(&server, "ci", &["--commands"], format!("one\n{long}\ntwo\n"));
    let refusal = "!! that line was too long and was not sent: the most is 4096 bytes";
    let expected =
        format!("chatclient: {refusal} ({}…)\nchatclient: 1 line was not said\n", &long[..60]);
    assert_eq!((status, err), (Some(1), expected));
    assert!(!out.contains("!!"), "{out}");
    for line in ["-- ci joined", "<ci> one", "<ci> two", "-- ci left"] {
        bob.expect(line);
    }
    let (status, _, err) =
        pipe(&server, "bot", &["--commands"], "/msg nobody hi\n/nosuch\n/me waves\n");
    let expected = "chatclient: !! /msg: nobody here is called nobody (/msg nobody hi)\n";
    assert!(err.starts_with(expected), "{err}");
    assert_eq!((status, err.lines().count()), (Some(1), 3), "{err}");
    assert!(err.ends_with("chatclient: 2 lines were not said\n"), "{err}");
}

#[test]
fn a_line_that_is_longer_than_the_server_takes_is_said_in_several() {
    let server = TestServer::start(&[]);
    let mut bob = server.join("bob");
    let words = "word ".repeat(819);
    let input = format!("{words}/quit\n{}y\n", "x".repeat(4096));
    let (status, _, err) = pipe(&server, "words", &[], &input);
    assert_eq!((status, err.as_str()), (Some(0), ""));
    bob.expect("-- words joined");
    for line in [&words, "/quit", &"x".repeat(4096), "y"] {
        bob.expect(&format!("<words> {line}"));
    }
    bob.expect("-- words left");
    let input = format!("/msg bob {words}end\n/me {words}end\n");
    let (status, _, err) = pipe(&server, "wordy", &["--commands"], &input);
    assert_eq!((status, err.as_str()), (Some(0), ""));
    let first = &words[..817 * 5];
    bob.expect("-- wordy joined");
    for line in [
        format!("[wordy -> you] {first}"),
        "[wordy -> you] word word end".to_owned(),
        format!("* wordy {}", &words[..818 * 5]),
        "* wordy word end".to_owned(),
    ] {
        bob.expect(&line);
    }
}

#[test]
fn a_name_that_is_taken_is_no_line_that_was_refused() {
    let server = TestServer::start(&[]);
    let _bob = server.join("bob");
    let (status, out, err) = pipe(&server, "bob", &[], "hi\n");
    assert_eq!((status, err.as_str()), (Some(0), ""));
    assert!(out.contains("-- you are bob2, with 1 other here\n"), "{out}");
}

#[test]
fn input_in_another_encoding_is_understood_and_what_cannot_be_read_is_told_once() {
    let server = TestServer::start(&[]);
    let mut bob = server.join("bob");
    let utf16: Vec<u8> =
        "\u{feff}h\u{e9}llo\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (name, input) in [("ps", utf16), ("ps", b"\xef\xbb\xbfh\xc3\xa9llo\r\n".to_vec())] {
        let (status, _, err) = pipe(&server, name, &[], input);
        assert_eq!((status, err.as_str()), (Some(0), ""));
        for line in ["-- ps joined", "<ps> h\u{e9}llo", "-- ps left"] {
            bob.expect(line);
        }
    }
    let (status, _, err) = pipe(&server, "old", &[], b"caf\xe9\nth\xe9\n");
    let told = "the input is not all UTF-8; what cannot be read is sent as \u{fffd}";
    assert_eq!((status, err), (Some(0), format!("chatclient: {told}\n")));
    for line in ["-- old joined", "<old> caf\u{fffd}", "<old> th\u{fffd}", "-- old left"] {
        bob.expect(line);
    }
}

#[test]
fn a_quiet_one_prints_what_is_said_while_it_runs_and_nothing_else() {
    let server = TestServer::start(&[]);
    let mut bob = server.join("bob");
    bob.send("before\n");
    let mut child = client(&server, "eve", &["--quiet"]);
    bob.expect("-- eve joined");
    bob.send("hello\n/me waves\n/msg eve psst\n/nick robert\n/quit\n");
    bob.expect("[you -> eve] psst");
    let mut printed = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    for line in ["<bob> hello", "* bob waves", "[bob -> you] psst"] {
        assert_eq!(printed.next().expect("a line").expect("in UTF-8"), line);
    }
    drop(child.stdin.take());
    assert_eq!(printed.count(), 0);
    assert_eq!(end(child).0, Some(0));
}

#[cfg(unix)]
#[test]
fn one_that_listens_reads_no_input_and_stays_until_it_is_ended() {
    let server = TestServer::start(&[]);
    let mut bob = server.join("bob");
    let mut child = client(&server, "ear", &["--listen", "--quiet"]);
    drop(child.stdin.take());
    bob.expect("-- ear joined");
    bob.send("still there?\n");
    let mut printed = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    assert_eq!(printed.next().expect("a line").expect("in UTF-8"), "<bob> still there?");
    crate::common::process::signal("-TERM", child.id());
    bob.expect("-- ear left");
    let (status, _, err) = end(child);
    assert_eq!((status, err.as_str()), (Some(0), ""));
}
