//! Clients that send each key, and `telnet`: what people type at the server without a client of ours.

use std::io::Read;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::common::DEADLINE;
use crate::common::server::{TestClient, TestServer};

const BANNER: &str = "-- chatroom 1: welcome (/help for the commands)";

/// Longer than what has come at once may stand.
const PAUSE: Duration = Duration::from_millis(350);

/// Presses keys, with a pause before some, as somebody does who looks for them.
fn type_keys(client: &mut TestClient, keys: &[&str], after: Duration) {
    for (i, key) in keys.iter().enumerate() {
        if i > 0 {
            sleep(if i < 4 { after } else { Duration::from_millis(2) });
        }
        client.send(key);
    }
}

#[test]
fn what_is_typed_key_by_key_is_a_line_when_it_has_ended() {
    let server = TestServer::start(&[]);
    let mut alice = server.join("alice");
    let mut bob = server.connect();
    // A letter in two bytes, an arrow, and slips that are taken back; Enter is CR alone there.
    type_keys(
        &mut bob,
        &[
            "/", "n", "i", "k", "\x7f", "c", "k", " ", "x", "\x1b[D", "\x08", "b", "o", "\x7f",
            "\u{f6}", "b", "\r",
        ],
        PAUSE,
    );
    bob.expect(BANNER);
    bob.expect("-- you are b\u{f6}b, with 1 other here");
    alice.expect("-- b\u{f6}b joined");
    type_keys(
        &mut bob,
        &["n", "o", "\x15", "o", "n", "e", " ", "t", "\x17", "t", "w", "o", "\r"],
        PAUSE / 10,
    );
    alice.expect("<b\u{f6}b> one two");
    // What is pasted in between belongs to the line, and a line end of telnet's is one.
    type_keys(&mut bob, &["a", "b", "pasted words", "\r\0", "e", "\r\n", "x", "\n"], PAUSE / 10);
    for line in ["abpasted words", "e", "x"] {
        alice.expect(&format!("<b\u{f6}b> {line}"));
    }
}

#[test]
fn one_character_is_a_message_once_it_has_stood_for_long_or_another_message_comes() {
    let server = TestServer::start(&[]);
    let mut alice = server.join("alice");
    // The Python original sends no newlines.
    let mut original = server.connect();
    original.expect(BANNER);
    let begin = Instant::now();
    original.send("?");
    alice.expect("-- guest1 joined");
    alice.expect("<guest1> ?");
    assert!(begin.elapsed() >= Duration::from_secs(3), "{:?}", begin.elapsed());
    original.send("hello");
    alice.expect("<guest1> hello");
    original.send("!");
    sleep(PAUSE);
    original.send("how are you?");
    alice.expect("<guest1> !");
    alice.expect("<guest1> how are you?");
}

#[test]
fn who_thinks_while_typing_is_a_guest_and_the_line_waits() {
    let server = TestServer::start(&[]);
    let mut alice = server.join("alice");
    let mut bob = server.connect();
    bob.expect(BANNER);
    type_keys(&mut bob, &["/", "n"], PAUSE);
    alice.expect("-- guest1 joined");
    alice.send("hello?\n");
    bob.expect("-- you are guest1, with 1 other here");
    bob.expect("<alice> hello?");
    bob.send("ick bob\n");
    alice.expect("-- guest1 is now bob");
}

#[test]
fn a_line_that_comes_at_once_is_not_edited() {
    let server = TestServer::start(&[]);
    let (mut alice, mut bob) = (server.join("alice"), server.join("bob"));
    alice.expect("-- bob joined");
    bob.send("N\x08Na\x08a no\x15t\x7f\n");
    alice.expect("<bob> NNaa not");
    // But telnet's own commands say what they mean.
    bob.send(b"helo\xff\xf7lo\xff\xf8hello\n");
    alice.expect("<bob> hello");
}

#[test]
fn a_cr_ends_a_line() {
    let server = TestServer::start(&[]);
    let mut alice = server.join("alice");
    let mut bob = server.connect();
    bob.send("/nick bob\rhello\r\0one\r\ntwo\n\rthree\r");
    bob.expect(BANNER);
    alice.expect("-- bob joined");
    for line in ["hello", "one", "two", "three"] {
        alice.expect(&format!("<bob> {line}"));
    }
}

#[test]
fn what_stands_before_a_command_does_not_make_it_public() {
    let server = TestServer::start(&[]);
    let mut alice = server.join("alice");
    let blanks =
        [" ", "\t", "\u{a0}", "\u{200b}", "\u{feff}", " \u{feff}\u{2003}\u{2800}", "\x1b[A"];
    let mut others: Vec<_> = blanks.iter().map(|_| server.connect()).collect();
    for (number, (blank, bob)) in blanks.iter().zip(&mut others).enumerate() {
        // Also where that is the first line.
        bob.send(format!(
            "{blank}/nick bob{number}\n{blank}/msg alice psst\n{blank}//x\n  indented\n"
        ));
        alice.expect(&format!("-- bob{number} joined"));
        alice.expect(&format!("[bob{number} -> you] psst"));
        let said = alice.expect_start(&format!("<bob{number}> "));
        assert!(said.ends_with("/x") && !said.ends_with("//x"), "{said:?}");
        alice.expect(&format!("<bob{number}>   indented"));
    }
}

/// What comes up to `end`, byte for byte.
fn bytes_up_to(client: &mut TestClient, end: &str) -> Vec<u8> {
    let deadline = Instant::now() + DEADLINE;
    let (mut received, mut chunk) = (Vec::new(), [0; 4096]);
    while !received.ends_with(end.as_bytes()) {
        assert!(Instant::now() < deadline, "{}", received.escape_ascii());
        let length = client.stream.read(&mut chunk).unwrap_or_default();
        received.extend_from_slice(&chunk[..length]);
    }
    received
}

#[test]
fn telnets_commands_are_no_text_and_its_questions_are_answered() {
    let server = TestServer::start(&[]);
    let mut alice = server.join("alice");
    let mut bob = server.connect();
    // Before bob is in the room: a client that only asks has not joined.
    bob.send(b"\xff\xfb\x1f\xff\xfd\x03\xff\xf6");
    let banner = format!("{BANNER}\n");
    let told = bytes_up_to(&mut bob, "-- chatroom is here\n");
    assert_eq!(
        told,
        [banner.as_bytes(), b"\xff\xfe\x1f\xff\xfc\x03-- chatroom is here\n"].concat()
    );
    // An option whose number is a line end, of which the second half comes later.
    bob.send(b"/nick \xff\xfb\nbo\xff\xfd");
    bob.send(b"\rb\r\0");
    alice.expect("-- bob joined");
    let told = bytes_up_to(&mut bob, "-- you are bob, with 1 other here\n");
    let refused = |answer: &[u8]| told.windows(3).any(|bytes| bytes == answer);
    assert!(refused(b"\xff\xfe\n") && refused(b"\xff\xfc\r"), "{}", told.escape_ascii());
    // Ctrl+C, as telnet sends it, with its SYNCH as urgent data or without.
    bob.send(b"\xff\xf4\xff\xfd\x06");
    socket2::SockRef::from(&bob.stream).send_out_of_band(b"\xff\xf2").expect("it is taken");
    bob.send(b"\xff\xfa\x18\0xterm\xff\xf0hello\xff\xf1, L\xff\n\xff\xf6");
    alice.expect("<bob> hello, L\u{fffd}");
    let told = bytes_up_to(&mut bob, "-- chatroom is here\n");
    assert_eq!(told, b"\xff\xfc\x06-- chatroom is here\n");
}

#[test]
fn an_answer_to_telnet_stands_between_two_lines_also_where_the_client_reads_late() {
    const LINES: usize = 400;
    const MARK: &[u8] = b"\xff\xfc\x06";
    let server = TestServer::start(&["--rate-limit", "0", "--replay", "0"]);
    let mut bob = server.join("bob");
    let mut telnet = server.join("telnet");
    bob.expect("-- telnet joined");
    // More than the two systems hold, so that one line is cut in two.
    let line = format!("{}\n", "x".repeat(4000));
    for _ in 0..LINES {
        bob.send(&line);
    }
    telnet
        .send(MARK.iter().map(|&byte| if byte == 0xfc { 0xfd } else { byte }).collect::<Vec<u8>>());
    bob.send("/who\nthat was all\n");
    bob.expect("-- 2 here: bob, telnet");
    let mut told = bytes_up_to(&mut telnet, "<bob> that was all\n");
    let at = told.windows(3).position(|bytes| bytes == MARK).expect("there is an answer");
    assert!(at == 0 || told[at - 1] == b'\n', "in the middle of a line");
    told.drain(at..at + 3);
    let told = String::from_utf8(told).expect("lines are UTF-8");
    assert!(told.lines().all(|said| said == "<bob> that was all" || said.len() == 4006), "cut");
    assert_eq!(told.lines().count(), LINES + 1);
}

#[cfg(unix)]
#[test]
fn a_real_telnet_shows_what_comes_after_its_ctrl_c() {
    use crate::common::terminal::Terminal;
    let has_telnet = std::process::Command::new("telnet").arg("--version").output().is_ok();
    if !has_telnet {
        println!("there is no telnet here");
        return;
    }
    let server = TestServer::start(&["--replay", "0"]);
    let mut alice = server.join("alice");
    let [host, port] = [server.address.ip().to_string(), server.address.port().to_string()];
    let folder = crate::common::folder("keyboard", "telnet");
    let mut telnet = Terminal::start(80, 24, &folder, &["telnet", &host, &port]);
    alice.expect("-- guest1 joined");
    telnet.press("/nick bob\r");
    alice.expect("-- guest1 is now bob");
    // Ctrl+C, Ctrl+\, Ctrl+O.
    for (key, said) in [("\x03", "one"), ("\x1c", "two"), ("\x0f", "three")] {
        telnet.press(key);
        telnet.press(&format!("{said}\r"));
        let heard = alice.line().expect("the room goes on");
        assert!(heard.starts_with("<bob> ") && heard.ends_with(said), "{heard:?}");
        assert!(!heard.contains('\u{fffd}'), "{heard:?}");
        alice.send(format!("after {said}\n"));
        telnet.shows_what("what was said after that", |rows| {
            rows.contains(&format!("<alice> after {said}"))
        });
    }
}
