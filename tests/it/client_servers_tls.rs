//! `chatclient` with several servers of one room over TLS: which of them are told of the session, and what becomes of
//! one that shows another key.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::common::peer::Peer;
use crate::common::process::{Running, at_home, client_program, end, run, spawn};
use crate::common::server::{TestClient, TestServer};
use crate::common::terminator::{Identity, Manner, Terminator};

fn folder(test: &str) -> PathBuf {
    crate::common::folder("client_servers_tls", test)
}

fn usual() -> Identity {
    Identity::new("chatroom")
}

/// The servers as one argument.
fn list(servers: &[&Terminator]) -> String {
    servers.iter().map(|it| it.address.to_string()).collect::<Vec<_>>().join(",")
}

/// A client in a pipe, at home in this folder, which talks encrypted to a server on this machine, too.
fn client(home: &Path, servers: &[&Terminator], options: &[&str]) -> Command {
    let mut command = Command::new(client_program());
    at_home(&mut command, home).args(options).arg(list(servers));
    command.args(["--name", "alice", "--log-level", "off", "--no-identity"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Has a client say a line; its status and complaints.
#[track_caller]
fn say_hi(home: &Path, servers: &[&Terminator], options: &[&str]) -> (Option<i32>, String) {
    let mut child = spawn(&mut client(home, servers, options));
    feed(&mut child, "hi\n");
    drop(child.stdin.take());
    let (status, _, err) = end(child);
    (status, err)
}

fn feed(child: &mut Running, text: &str) {
    // One that ends at once reads nothing.
    child.stdin.as_mut().expect("it is piped").write_all(text.as_bytes()).ok();
}

#[track_caller]
fn expect_hi(bob: &mut TestClient) {
    for line in ["-- alice joined", "<alice> hi", "-- alice left"] {
        bob.expect(line);
    }
}

#[test]
fn a_changed_key_of_one_server_is_told_once_and_the_next_server_is_taken() {
    let home = folder("changed");
    let server = TestServer::start(&[]);
    let mut bob = server.join("bob");
    let [one, other, two] = [usual(), usual(), usual()];
    let first = Terminator::start(server.address, Manner::Offers(one.clone()));
    let second = Terminator::start(server.address, Manner::Offers(two.clone()));
    for known in [&first, &second] {
        assert_eq!(say_hi(&home, &[known], &["--tls"]).0, Some(0));
        expect_hi(&mut bob);
    }
    first.be(Manner::Offers(other.clone()));
    let (status, err) = say_hi(&home, &[&first, &second], &["--tls"]);
    assert_eq!(status, Some(0), "{err}");
    expect_hi(&mut bob);
    let (at, [host, port]) = (first.address, first.arguments());
    let head = format!("THE SERVER AT {at} HAS A DIFFERENT KEY THAN BEFORE. Nothing was sent.");
    let told: Vec<_> = err.lines().collect();
    assert_eq!(told[0], format!("chatclient: {head}"), "{err}");
    assert_eq!(told[5], format!("chatclient:   chatclient --forget {host} {port}"), "{err}");
    assert_eq!(told[6..], [format!("chatclient: trying {}", second.address)], "{err}");
    // With no server left, that is the end.
    second.be(Manner::Offers(other.clone()));
    let (status, err) = say_hi(&home, &[&first, &second], &["--tls"]);
    assert_eq!(status, Some(3), "{err}");
    assert_eq!(err.matches("HAS A DIFFERENT KEY THAN BEFORE").count(), 2, "{err}");
    // Whatever becomes of the others.
    second.be(Manner::Closes);
    let (status, err) = say_hi(&home, &[&first, &second], &["--tls"]);
    assert_eq!(status, Some(3), "{err}");
    assert_eq!(err.matches(&head).count(), 1, "{err}");
    let last = err.lines().last().unwrap_or_default();
    assert!(last.starts_with("chatclient: lost the connection to "), "{err}");
}

#[test]
fn a_changed_key_while_it_comes_back_is_told_once_and_that_server_is_not_tried_again() {
    let home = folder("changed_later");
    let (peer, never) = (Peer::listen(), Peer::listen());
    let [one, other] = [usual(), usual()];
    let first = Terminator::start(peer.address(), Manner::Offers(one.clone()));
    let second = Terminator::start(never.address(), Manner::Offers(other));
    let mut child = spawn(&mut client(&home, &[&first, &second], &["--tls", "--reconnect"]));
    let mut server = peer.accept_as("alice");
    feed(&mut child, "one\n");
    server.hear("one\n");
    // Its key is another one than that of the session, and it is the first time that it is seen.
    drop(server);
    let mut server = peer.accept_again("alice", 1, 2);
    let known = home.join("chatroom").join("known_servers");
    let line = format!("{} key:{} 2026-11-28\n", second.address, one.key.whole());
    fs::write(&known, fs::read_to_string(&known).expect("it is there") + &line).expect("ours");
    for taken in 3..5 {
        feed(&mut child, "more\n");
        server.hear("more\n");
        drop(server);
        server = peer.accept_again("alice", taken - 1, taken);
    }
    drop(child.stdin.take());
    assert_eq!(server.hear_quit(), "");
    server.close();
    let (status, _, err) = end(child);
    assert_eq!(status, Some(0), "{err}");
    let changed = format!("THE SERVER AT {} HAS A DIFFERENT KEY", second.address);
    assert_eq!(err.matches(&changed).count(), 1, "{err}");
    let new = format!("the server at {} is new, so our session does not go on", second.address);
    assert_eq!(err.matches(&new).count(), 1, "{err}");
}

#[test]
fn a_session_goes_on_at_a_server_with_the_same_key_and_one_that_is_known() {
    let home = folder("same");
    let peer = Peer::listen();
    let [key, other] = [usual(), usual()];
    let [first, second, third] = [&key, &key, &other]
        .map(|it| Terminator::start(peer.address(), Manner::Offers(it.clone())));
    let known = home.join("chatroom");
    fs::create_dir_all(&known).expect("ours");
    let line = format!("{} key:{} 2026-11-28\n", third.address, other.key.whole());
    fs::write(known.join("known_servers"), line).expect("ours");
    let servers = [&first, &second, &third];
    let mut child = spawn(&mut client(&home, &servers, &["--tls", "--reconnect"]));
    let mut server = peer.accept_as("alice");
    for (taken, at) in [(2, &first), (3, &second), (4, &third)] {
        feed(&mut child, "more\n");
        server.hear("more\n");
        at.be(Manner::Closes);
        drop(server);
        if taken < 4 {
            server = peer.accept_again("alice", taken - 1, taken);
        } else {
            first.be(Manner::Offers(key.clone()));
            server = peer.accept_again("alice", taken - 1, taken);
            break;
        }
    }
    drop(child.stdin.take());
    assert_eq!(server.hear_quit(), "");
    server.close();
    let (status, _, err) = end(child);
    assert_eq!(status, Some(0), "{err}");
    for at in [&second, &third, &first] {
        assert!(err.contains(&format!("chatclient: connected to {}\n", at.address)), "{err}");
        assert_eq!(at.plain(), "");
    }
}

#[test]
fn the_token_never_goes_to_a_server_with_a_new_key_and_a_new_session_begins_there_if_it_must() {
    let home = folder("new");
    let (peer, new) = (Peer::listen(), Peer::listen());
    let [key, other] = [usual(), usual()];
    let first = Terminator::start(peer.address(), Manner::Offers(key.clone()));
    let second = Terminator::start(new.address(), Manner::Offers(other));
    let servers = [&first, &second];
    let mut child = spawn(&mut client(&home, &servers, &["--tls", "--reconnect"]));
    let mut server = peer.accept_as("alice");
    feed(&mut child, "one\n");
    server.hear("one\n");
    // As long as the first one answers, the second one is passed over.
    drop(server);
    server = peer.accept_again("alice", 1, 2);
    feed(&mut child, "two\n");
    server.hear("two\n");
    first.be(Manner::Closes);
    drop(server);
    for _ in 0..2 {
        assert_eq!(new.accept().hear_the_end(), "");
    }
    // It is asked for a name, and not for the session.
    let mut server = new.accept_as("alice");
    feed(&mut child, "three\n");
    server.hear("three\n");
    // The session is that one's now.
    drop(server);
    let mut server = new.accept_again("alice", 1, 2);
    drop(child.stdin.take());
    assert_eq!(server.hear_quit(), "");
    server.close();
    let (status, _, err) = end(child);
    assert_eq!(status, Some(0), "{err}");
    let anew = format!(
        "chatclient: connected to {}, where a new session begins: lines may have been missed\n",
        second.address
    );
    assert_eq!(err.matches(&anew).count(), 1, "{err}");
}

#[test]
fn an_encrypted_session_does_not_go_on_in_plain() {
    let home = folder("plain");
    let peer = Peer::listen();
    let first = Terminator::start(peer.address(), Manner::Offers(usual()));
    let second = Terminator::start(peer.address(), Manner::Plain);
    let servers = [&first, &second];
    let mut child = spawn(&mut client(&home, &servers, &["--tls", "--reconnect"]));
    peer.accept_as("alice").close();
    // The plain one passes the beginning of TLS on, and is not heard again.
    let mut deaf = peer.accept();
    deaf.say("-- chatroom 1: welcome (/help for the commands)\n");
    let mut server = peer.accept_again("alice", 0, 1);
    drop(child.stdin.take());
    assert_eq!(server.hear_quit(), "");
    server.close();
    let (status, _, err) = end(child);
    assert_eq!(status, Some(0), "{err}");
    assert!(err.contains(&format!("the server at {} does not encrypt.", second.address)), "{err}");
    assert!(!second.plain().contains("/resume"));
}

#[test]
fn a_fingerprint_is_that_of_all_servers() {
    let home = folder("fingerprint");
    let server = TestServer::start(&[]);
    let mut bob = server.join("bob");
    let [key, other] = [usual(), usual()];
    let wrong = Terminator::start(server.address, Manner::Offers(other));
    let right = Terminator::start(server.address, Manner::Offers(key.clone()));
    let fingerprint = key.key.to_string();
    let options = ["--fingerprint", &fingerprint];
    let (status, err) = say_hi(&home, &[&wrong, &right], &options);
    assert_eq!(status, Some(0), "{err}");
    expect_hi(&mut bob);
    assert!(err.contains(&format!("at {} does not have the key {fingerprint}", wrong.address)));
    assert_eq!(say_hi(&home, &[&wrong], &options).0, Some(3));
    assert_eq!(say_hi(&home, &[&wrong, &wrong], &options).0, Some(3));
}

#[test]
fn several_servers_are_forgotten_at_once() {
    let home = folder("forget");
    let server = TestServer::start(&[]);
    let terminators = [(); 2].map(|()| Terminator::start(server.address, Manner::Offers(usual())));
    for known in &terminators {
        assert_eq!(say_hi(&home, &[known], &["--tls"]).0, Some(0));
    }
    let both: Vec<_> = terminators.iter().collect();
    let (status, out, err) = run(&mut client(&home, &both, &["--forget"]));
    assert_eq!((status, err.as_str()), (Some(0), ""));
    let told = |it: &Terminator| format!("the server at {} is forgotten\n", it.address);
    assert_eq!(out, both.iter().map(|it| told(it)).collect::<String>());
    let (status, _, err) = run(&mut client(&home, &both, &["--forget"]));
    assert_eq!(status, Some(1));
    let addresses = both.iter().map(|it| it.address.to_string()).collect::<Vec<_>>().join(", ");
    assert_eq!(err, format!("chatclient: no server is known at {addresses}\n"));
}
