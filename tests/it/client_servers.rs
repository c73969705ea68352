//! `chatclient` with several servers of one room: which one it goes to, and that nothing is lost or said twice on the
//! way. The servers are doors to one server, or played by the test.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::common::alice::CLIENT;
use crate::common::doors::{Door, Mood};
use crate::common::peer::{Peer, TOKEN, now};
use crate::common::process::{Running, at_home, client_program, end, run, spawn};
use crate::common::server::TestServer;
use crate::common::terminal::Terminal;

const SIZE: (u16, u16) = (120, 16);

fn folder(test: &str) -> PathBuf {
    crate::common::folder("client_servers", test)
}

/// The servers as one argument.
fn list(servers: &[SocketAddr]) -> String {
    servers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// A client in a pipe, known as alice.
fn client(home: &Path, servers: &[SocketAddr], options: &[&str]) -> Command {
    let mut command = Command::new(client_program());
    at_home(&mut command, home);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.arg(list(servers)).args(["--log-level", "off", "--no-identity"]);
    command.env("CHATROOM_NAME", "alice");
    command.args(options);
    command
}

fn feed(child: &mut Running, text: &str) {
    let stdin = child.stdin.as_mut().expect("it is piped");
    stdin.write_all(text.as_bytes()).expect("it reads");
}

/// Has a client say a line; its status and complaints.
#[track_caller]
fn say_hi(home: &Path, servers: &[SocketAddr]) -> (Option<i32>, String) {
    let mut child = spawn(&mut client(home, servers, &[]));
    child.stdin.take().expect("it is piped").write_all(b"hi\n").ok();
    let (status, _, err) = end(child);
    (status, err)
}

/// A client in a terminal, known as alice.
fn terminal(home: &Path, servers: &[SocketAddr], options: &[&str]) -> Terminal {
    let (client, list) = (client_program(), list(servers));
    let name: &[&str] = if options.contains(&"--name") { &[] } else { &["--name", "alice"] };
    let program = [&[client.as_str(), &list], name, options].concat();
    Terminal::start(SIZE.0, SIZE.1, home, &program)
}

/// A place where nobody listens.
fn nowhere() -> SocketAddr {
    Peer::listen().address()
}

#[test]
fn a_server_that_is_wrong_in_a_list_is_wrong_usage() {
    for (list, told) in [
        ("a,b:0", "b:0: its port must be a number from 1 to 65535"),
        ("a,,b", "there is nothing before or behind one of the commas"),
        ("a,http://b/", "http://b/: that is a URL; give the address alone: b"),
    ] {
        let (status, _, err) = run(Command::new(CLIENT).arg(list).stderr(Stdio::piped()));
        assert_eq!(status, Some(2), "{err}");
        assert!(err.contains(told), "{err}");
        let mut usual = Command::new(CLIENT);
        let (status, _, err) = run(usual.env("CHATROOM_HOST", list).stderr(Stdio::piped()));
        assert_eq!(status, Some(2), "{err}");
        let from = format!("{told} (from the environment's CHATROOM_HOST)");
        assert!(err.contains(&from), "{err}");
    }
    let (status, _, err) = run(Command::new(CLIENT).args(["a:1,b:2", "3"]).stderr(Stdio::piped()));
    assert_eq!(status, Some(2), "{err}");
    assert!(err.contains("each of the servers has its port, so 3 is for none of them"), "{err}");
}

#[test]
fn at_the_start_the_first_server_that_lets_us_in_is_taken_and_it_is_told_why_the_others_are_not() {
    let server = TestServer::start(&[]);
    let mut bob = server.join("bob");
    let door = Door::open(server.address);
    for (mood, told) in [
        (None, "cannot connect to AT: "),
        (Some(Mood::Full), "AT does not let us in: the room is full (100 clients); "),
        (Some(Mood::FullInside), "AT does not let us in: the room is full (20000 members); "),
        (Some(Mood::Away), "AT does not reach the room; "),
        (Some(Mood::Stopped), "lost the connection to AT: timed out; "),
        (Some(Mood::Foreign), "AT is no chat room: it says \"220 mail.example ESMTP\"; "),
    ] {
        let other = mood.map(|mood| Door::in_mood(server.address, mood));
        let at = other.as_ref().map_or_else(nowhere, |other| other.address);
        let (status, err) = say_hi(&folder("start"), &[at, door.address]);
        assert_eq!(status, Some(0), "{mood:?}: {err}");
        let told = format!("chatclient: {}", told.replace("AT", &at.to_string()));
        let end = format!("; trying {}\n", door.address);
        assert!(err.starts_with(&told) && err.ends_with(&end), "{mood:?}: {err}");
        assert_eq!(err.lines().count(), 1, "{mood:?}: {err}");
        for line in ["-- alice joined", "<alice> hi", "-- alice left"] {
            bob.expect(line);
        }
    }
    // The first one that is well is taken, and nothing is told.
    let other = Door::open(server.address);
    assert_eq!(say_hi(&folder("start"), &[door.address, other.address]), (Some(0), String::new()));
    assert_eq!(other.came(), 0);
}

#[test]
fn when_none_of_the_servers_lets_us_in_the_end_tells_of_the_last_one() {
    let server = TestServer::start(&[]);
    let full = Door::in_mood(server.address, Mood::Full);
    let (first, second) = (nowhere(), nowhere());
    let (status, err) = say_hi(&folder("none"), &[first, second]);
    assert_eq!(status, Some(1));
    let told: Vec<_> = err.lines().collect();
    assert_eq!(told.len(), 2, "{err}");
    assert!(told[0].starts_with(&format!("chatclient: cannot connect to {first}: ")), "{err}");
    assert!(told[1].starts_with(&format!("chatclient: cannot connect to {second}: ")), "{err}");
    assert!(told[1].ends_with("; is the server running there, on that port?"), "{err}");
    let (status, err) = say_hi(&folder("none"), &[first, full.address]);
    assert_eq!(status, Some(1));
    assert!(err.ends_with("the room is full (100 clients); try again later\n"), "{err}");
}

#[test]
fn a_server_that_does_not_reach_the_room_is_waited_at_where_no_other_one_answers() {
    let server = TestServer::start(&[]);
    let mut bob = server.join("bob");
    let away = Door::in_mood(server.address, Mood::Away);
    for servers in [[away.address, nowhere()], [nowhere(), away.address]] {
        away.be(Mood::Away);
        let mut child = spawn(&mut client(&folder("away"), &servers, &[]));
        child.stdin.take().expect("it is piped").write_all(b"hi\n").expect("it reads");
        let mut out = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut lines = String::new();
        while !lines.contains("-- the room is away: you come in when it is back\n") {
            assert!(out.read_line(&mut lines).expect("it writes") > 0, "{lines}");
        }
        away.be(Mood::Open);
        for line in ["-- alice joined", "<alice> hi", "-- alice left"] {
            bob.expect(line);
        }
        assert_eq!(end(child).0, Some(0));
    }
}

#[test]
fn a_lost_server_is_followed_by_the_next_one_at_once_and_that_is_told() {
    let server = TestServer::start(&[]);
    let mut bob = server.join("bob");
    let doors = [(); 3].map(|()| Door::open(server.address));
    let addresses = doors.each_ref().map(|door| door.address);
    let mut alice = terminal(&folder("lost"), &addresses, &[]);
    bob.expect("-- alice joined");
    alice.press("one\r");
    bob.expect("<alice> one");
    doors[1].be(Mood::Full);
    doors[0].shut();
    alice.shows_what("where it is now", |rows| {
        rows.contains(&format!("-- connected to {}", addresses[2]))
    });
    let rows = alice.picture();
    assert!(rows.contains(&format!("trying {}", addresses[1])), "{rows}");
    bob.send("two\n");
    alice.shows_what("the session goes on", |rows| rows.contains("<bob> two"));
    alice.press("three\r");
    bob.expect("<alice> three");
    // It is not told where the server is the same as before.
    doors[1].be(Mood::Open);
    doors[2].cut();
    alice.shows_what("the next one", |rows| {
        rows.contains(&format!("-- connected to {}", addresses[1]))
    });
    doors[2].shut();
    doors[1].cut();
    alice.press("four\r");
    bob.expect("<alice> four");
    let told = alice.all_rows().join("\n");
    assert_eq!(told.matches("-- connected to ").count(), 2, "{told}");
}

#[test]
fn a_server_that_stops_is_left_when_a_line_has_waited_for_five_seconds() {
    let server = TestServer::start(&[]);
    let mut bob = server.join("bob");
    let doors = [(); 2].map(|()| Door::open(server.address));
    let addresses = doors.each_ref().map(|door| door.address);
    let mut alice = terminal(&folder("stopped"), &addresses, &[]);
    bob.expect("-- alice joined");
    alice.shows_what("the prompt", |rows| rows.ends_with("alice> |"));
    doors[0].be(Mood::Stopped);
    alice.press("one\rtwo\r");
    bob.expect("<alice> one");
    bob.expect("<alice> two");
    alice.shows_what("the end of it", |rows| {
        rows.contains(&format!("-- connected to {}", addresses[1])) && rows.ends_with("alice> |")
    });
    // What the other one had of it is not said again.
    doors[0].be(Mood::Open);
    alice.press("three\r");
    bob.expect("<alice> three");
}

#[test]
fn a_server_that_does_not_reach_the_room_is_left_after_five_seconds_and_not_before() {
    let server = TestServer::start(&[]);
    let mut bob = server.join("bob");
    let doors = [(); 2].map(|()| Door::open(server.address));
    let addresses = doors.each_ref().map(|door| door.address);
    let mut alice = terminal(&folder("left"), &addresses, &[]);
    bob.expect("-- alice joined");
    let home = folder("left_pipe");
    let mut pipe = spawn(&mut client(&home, &addresses, &["--reconnect", "--name", "carol"]));
    bob.expect("-- carol joined");
    feed(&mut pipe, "one\n");
    bob.expect("<carol> one");
    alice.shows_what("what is said", |rows| rows.contains("<carol> one"));
    // One that is not to come back stays, whatever happens.
    let options = ["--no-reconnect", "--name", "dave"];
    let mut dave = terminal(&folder("left_stays"), &addresses, &options);
    bob.expect("-- dave joined");
    dave.shows_what("the prompt", |rows| rows.ends_with("dave> |"));
    // Back in time.
    doors[0].be(Mood::Away);
    alice.shows_what("the notice", |rows| rows.contains("-- the room is away: what you say"));
    doors[0].be(Mood::Open);
    alice.shows_what("the other one", |rows| rows.contains("-- the room is back"));
    // Also for somebody who says nothing.
    doors[0].be(Mood::Away);
    dave.press("four\r");
    feed(&mut pipe, "two\n");
    bob.expect("<carol> two");
    alice.shows_what("where it is", |rows| {
        rows.contains(&format!("-- {} does not reach the room; trying", addresses[0]))
            && rows.contains(&format!("-- connected to {}", addresses[1]))
            && rows.contains("<carol> two")
    });
    alice.press("/server\rthree\r");
    bob.expect("<alice> three");
    alice.shows_what("which server it is", |rows| {
        rows.contains(&format!("-- {}: not encrypted: the server is on this", addresses[1]))
    });
    doors[0].be(Mood::Open);
    bob.expect("<dave> four");
    let rows = dave.picture();
    assert!(!rows.contains("does not reach the room"), "{rows}");
    drop(pipe.stdin.take());
    let (status, out, err) = end(pipe);
    assert_eq!(status, Some(0), "{err}");
    assert!(out.contains("<alice> three\n"), "{out}");
    assert!(err.contains(&format!("chatclient: connected to {}\n", addresses[1])), "{err}");
}

/// A program says some hundred lines while one of its two servers after the other breaks down.
#[test]
fn nothing_is_lost_or_said_twice_while_servers_come_and_go() {
    const LINES: usize = 400;
    let server = TestServer::start(&["--rate-limit", "0"]);
    let mut bob = server.join("bob");
    let doors = [(); 3].map(|()| Door::open(server.address));
    let addresses = doors.each_ref().map(|door| door.address);
    let mut child = spawn(&mut client(&folder("nemesis"), &addresses, &["--reconnect"]));
    bob.expect("-- alice joined");
    for line in 0..LINES {
        feed(&mut child, &format!("line {line}\n"));
        bob.send(format!("answer {line}\n"));
        match line % 40 {
            10 => doors.iter().for_each(Door::cut),
            20 => doors[line / 40 % 3].be(Mood::Full),
            30 => doors.iter().for_each(|door| door.be(Mood::Open)),
            _ => {}
        }
        thread::sleep(Duration::from_millis(2));
    }
    drop(child.stdin.take());
    for line in 0..LINES {
        bob.expect(&format!("<alice> line {line}"));
    }
    let (status, out, err) = end(child);
    assert_eq!(status, Some(0), "{err}");
    let answers: Vec<_> = out.lines().filter(|line| line.starts_with("<bob> ")).collect();
    let expected: Vec<_> = (0..LINES).map(|line| format!("<bob> answer {line}")).collect();
    assert_eq!(answers, expected);
    let moves = err.matches("chatclient: connected to ").count();
    assert!(moves >= 5, "it has gone from one to another: {err}");
}

/// Each of the servers is played by the test.
#[test]
fn numbers_may_jump_and_what_another_server_says_was_taken_counts() {
    let [one, two] = [(); 2].map(|()| Peer::listen());
    let servers = [one.address(), two.address()];
    let mut child = spawn(&mut client(&folder("jump"), &servers, &["--reconnect"]));
    let mut server = one.accept_as("alice");
    feed(&mut child, "first\nsecond\n");
    server.hear("first\nsecond\n");
    let seen: u64 = 3 << 30;
    server.say_raw(format!("@{seen} {} <bob> far on\n", now()));
    server.close();
    // A store that was set back has lost the last line, though there was a receipt for it.
    let mut server = two.accept_again("alice", seen, 2);
    server.withhold_receipts();
    server.say("-- some lines that you saw are gone from the room: its store was set back\n");
    feed(&mut child, "third\n");
    server.hear("third\n");
    // It is the third line of the session: a receipt for the one before it is none for it.
    server.confirm(2);
    // To no round number.
    let next = seen + (1 << 29) + 1_025;
    server.say_raw(format!("@{next} {} <bob> farther on\n", now()));
    server.close();
    let mut server = one.accept_again("alice", next, 3);
    server.confirm(3);
    server.hear_the_question();
    drop(child.stdin.take());
    assert_eq!(server.hear_quit(), "");
    server.close();
    let (status, out, err) = end(child);
    assert_eq!(status, Some(0), "{err}");
    assert!(err.contains("chatclient: the room has lost 1 line of yours\n"), "{err}");
    let gone = "-- some lines that you saw are gone from the room: its store was set back\n";
    assert_eq!(out.matches(gone).count(), 1, "{out}");
    for line in ["<bob> far on\n", "<bob> farther on\n"] {
        assert_eq!(out.matches(line).count(), 1, "{out}");
    }
}

#[test]
fn a_server_that_does_not_know_the_token_speaks_for_all() {
    let peers = [(); 3].map(|()| Peer::listen());
    let servers = peers.each_ref().map(Peer::address);
    let mut child = spawn(&mut client(&folder("token"), &servers, &["--reconnect"]));
    peers[0].accept_as("alice").close();
    let mut server = peers[1].accept();
    server.greet(&format!("/resume {TOKEN} 0"));
    server.refuse("!! /resume: nobody here can be resumed with that token", "/nick alice");
    server.join("alice");
    drop(child.stdin.take());
    assert_eq!(server.hear_quit(), "");
    server.close();
    let (status, _, err) = end(child);
    assert_eq!(status, Some(0), "{err}");
    let told = format!("connected to {}, which does not know us any more: ", servers[1]);
    assert!(err.contains(&told), "{err}");
    assert!(!peers[2].has_somebody_within(Duration::from_millis(50)));
}

#[test]
fn a_room_that_is_full_behind_the_banner_is_the_end_where_there_is_no_other_server() {
    let server = TestServer::start(&[]);
    let full = Door::in_mood(server.address, Mood::FullInside);
    let (status, err) = say_hi(&folder("full"), &[full.address]);
    assert_eq!(status, Some(1));
    let told = "does not let us in: the room is full (20000 members); try again later\n";
    assert!(err.ends_with(told), "{err}");
}

#[test]
#[ignore = "it takes half a minute"]
fn a_single_server_that_does_not_reach_the_room_is_waited_for_as_long_as_that_takes() {
    let server = TestServer::start(&[]);
    let mut bob = server.join("bob");
    let door = Door::in_mood(server.address, Mood::Away);
    let home = folder("patience");
    let mut child = spawn(&mut client(&home, &[door.address], &["--reconnect"]));
    feed(&mut child, "one\n");
    // Longer than a server may take for an answer.
    thread::sleep(Duration::from_secs(12));
    door.be(Mood::Open);
    bob.expect("-- alice joined");
    bob.expect("<alice> one");
    door.be(Mood::Away);
    door.cut();
    feed(&mut child, "two\n");
    thread::sleep(Duration::from_secs(12));
    door.be(Mood::Open);
    bob.expect("<alice> two");
    assert_eq!(door.came(), 2);
    drop(child.stdin.take());
    assert_eq!(end(child).0, Some(0));
}

#[test]
fn without_a_wish_to_come_back_a_program_ends_with_its_connection() {
    let [one, two] = [(); 2].map(|()| Peer::listen());
    let child = spawn(&mut client(&folder("ends"), &[one.address(), two.address()], &[]));
    one.accept_as("alice").close();
    let (status, _, err) = end(child);
    assert_eq!(status, Some(1));
    assert!(err.contains("the server closed it; try again later"), "{err}");
    assert!(!two.has_somebody_within(Duration::from_millis(50)));
}
