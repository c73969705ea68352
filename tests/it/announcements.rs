//! Rooms that are announced on their network, and clients that look for them, on hosts that the tests make.

#![cfg(target_os = "linux")]

use std::fs::{self, File};
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::common::lan::Lan;
use crate::common::process::{
    Running, assert_never_wakes, at_home, client_program, end, run, server_program, signal, spawn,
    wait, wait_for_text,
};
use crate::common::server::chatserver;
use crate::common::terminal::Terminal;

fn folder(test: &str) -> PathBuf {
    crate::common::folder("announcements", test)
}

/// A room that is announced, on a host of its own.
struct Room {
    process: Running,
    /// What it logs.
    log: PathBuf,
}

impl Room {
    /// Starts one on that host, and waits until it is announced as `name`.
    fn start(lan: &Lan, host: usize, folder: &Path, options: &[&str]) -> Room {
        let home = folder.join(host.to_string());
        fs::create_dir_all(&home).expect("ours");
        let log = home.join("log");
        let mut command = lan.program(host, &server_program());
        at_home(&mut command, &home).args(options).args(["--history", "none"]);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(File::create(&log).expect("ours"));
        Room { process: spawn(&mut command), log }
    }

    #[track_caller]
    fn is_announced_as(&self, name: &str) {
        wait_for_text(&self.log, &format!("announced on this network as {name}\n"));
    }

    /// Ends it with that signal.
    fn end(mut self, with: &str) {
        signal(with, self.process.id());
        wait(&mut self.process);
    }
}

/// The rooms that a client on that host finds, a line each without its fingerprint.
#[track_caller]
fn found(lan: &Lan, host: usize, folder: &Path) -> Vec<String> {
    let mut command = lan.program(host, &client_program());
    at_home(&mut command, folder).arg("--find");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let (status, out, err) = run(&mut command);
    if out.is_empty() {
        let none = "chatclient: no room is announced on this network; ";
        assert!(status == Some(1) && err.starts_with(none), "{status:?} {err}");
    } else {
        assert_eq!((status, err.as_str()), (Some(0), ""), "{out}");
    }
    let line = |line: &str| line.split(" --fingerprint ").next().unwrap_or_default().to_owned();
    out.lines().map(line).collect()
}

#[test]
fn rooms_of_one_name_are_found_by_different_ones_and_joined_until_they_are_gone() {
    let Some(lan) = Lan::make(3, 1) else { return };
    let folder = folder("two");
    let first = Room::start(&lan, 0, &folder, &["--announce=The lab", "0.0.0.0", "5000"]);
    first.is_announced_as("The lab");
    let second = Room::start(&lan, 1, &folder, &["--announce=the lab", "::", "6000"]);
    second.is_announced_as("the lab (2)");
    let lines =
        ["The lab       chatclient 10.77.0.1 5000", "the lab (2)   chatclient 10.77.0.2 6000"];
    assert_eq!(found(&lan, 2, &folder), lines);
    // Also from where one of them is.
    assert_eq!(found(&lan, 0, &folder), lines);
    // What is listed joins.
    let mut find = lan.program(2, &client_program());
    at_home(&mut find, &folder).arg("--find").stdin(Stdio::null()).stdout(Stdio::piped());
    let (_, out, _) = run(&mut find);
    let command = out.lines().next().and_then(|line| line.split("chatclient ").nth(1));
    let words: Vec<_> = command.expect("a room").split(' ').collect();
    assert_eq!(words[2], "--fingerprint", "{out}");
    let mut join = lan.program(2, &client_program());
    at_home(&mut join, &folder).args(words).stdin(Stdio::null());
    join.stdout(Stdio::piped()).stderr(Stdio::piped());
    let (status, out, err) = run(&mut join);
    assert_eq!(status, Some(0), "{out}{err}");
    // One says goodbye, the other cannot.
    first.end("-TERM");
    assert_eq!(found(&lan, 2, &folder), lines[1..]);
    second.end("-KILL");
    assert!(found(&lan, 2, &folder).is_empty());
}

#[test]
fn a_room_on_several_networks_is_found_once() {
    let Some(lan) = Lan::make(2, 2) else { return };
    let folder = folder("networks");
    let room = Room::start(&lan, 0, &folder, &["--announce=lab", "::", "5000"]);
    room.is_announced_as("lab");
    assert_eq!(found(&lan, 1, &folder), ["lab   chatclient 10.77.0.1 5000"]);
    // While nobody asks, nothing is done.
    assert_never_wakes(room.process.id());
    room.end("-TERM");
    // One that listens on one network is announced there alone.
    let room = Room::start(&lan, 0, &folder, &["--announce=lab", "10.77.1.1", "5000"]);
    room.is_announced_as("lab");
    assert_eq!(found(&lan, 1, &folder), ["lab   chatclient 10.77.1.1 5000"]);
}

/// A message that announces a room of that name at 10.77.0.9.
fn lie(name: &[u8]) -> Vec<u8> {
    let label = |bytes: &[u8]| [&[bytes.len() as u8], bytes].concat();
    let service = [label(b"_chatroom"), label(b"_tcp"), label(b"local"), vec![0]].concat();
    let instance = [label(name), service].concat();
    let host = [label(b"liar"), label(b"local"), vec![0]].concat();
    let record = |name: &[u8], kind: u8, data: &[u8]| {
        [name, &[0, kind, 0, 1, 0, 0, 0, 120, 0, data.len() as u8], data].concat()
    };
    let place = [&[0, 0, 0, 0, 0x13, 0x88][..], &host].concat();
    let fact = label(b"key=$(reboot)\x1b[2J");
    [
        vec![0, 0, 0x84, 0, 0, 0, 0, 3, 0, 0, 0, 0],
        record(&instance, 33, &place),
        record(&instance, 16, &fact),
        record(&host, 1, &[10, 77, 0, 9]),
    ]
    .concat()
}

#[test]
fn a_liar_on_the_network_changes_nothing_but_his_own_lines_and_breaks_no_room() {
    let Some(lan) = Lan::make(3, 1) else { return };
    let folder = folder("liar");
    let room = Room::start(&lan, 0, &folder, &["--announce=lab", "0.0.0.0", "5000"]);
    room.is_announced_as("lab");
    let is_over = AtomicBool::new(false);
    let lines = thread::scope(|scope| {
        scope.spawn(|| {
            lan.on(1, || {
                let socket = UdpSocket::bind(("10.77.0.2", 0)).expect("a free port");
                let lies = [
                    lie(b"\x1b]0;owned\x07\x1b[2Jevil   chatclient 6.6.6.6 5000\r\n"),
                    lie(b"lab"),
                    lie(b"a\x00b"),
                    vec![0xc0; 9000],
                ];
                let begun = Instant::now();
                while !is_over.load(Ordering::SeqCst) && begun.elapsed() < Duration::from_secs(60) {
                    for lie in &lies {
                        socket.send_to(lie, ("224.0.0.251", 5353)).ok();
                    }
                    thread::sleep(Duration::from_millis(20));
                }
            });
        });
        let lines = found(&lan, 2, &folder);
        is_over.store(true, Ordering::SeqCst);
        lines
    });
    let text = lines.join("\n");
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
    let of_room =
        |line: &&String| line.starts_with("lab ") && line.ends_with("chatclient 10.77.0.1 5000");
    assert_eq!(lines.iter().filter(of_room).count(), 1, "{text}");
    let rest = lines.iter().filter(|line| !of_room(line));
    assert!(rest.clone().all(|line| line.ends_with("   chatclient 10.77.0.9 5000")), "{text}");
    assert!(text.contains("evil chatclient 6.6.6.6 5000   "), "{text}");
    // The room goes on, under its name.
    let log = fs::read_to_string(&room.log).expect("it is there");
    assert!(!log.contains("another room"), "{log}");
    room.end("-TERM");
}

#[test]
fn who_has_named_no_server_is_told_which_rooms_there_are_in_a_terminal_alone() {
    let Some(lan) = Lan::make(2, 1) else { return };
    let folder = folder("nowhere");
    let room = Room::start(&lan, 0, &folder, &["--announce=lab", "0.0.0.0", "5000"]);
    room.is_announced_as("lab");
    let client = client_program();
    let program = [&lan.prefix(1)[..], &[client.as_str()]].concat();
    let mut terminal = Terminal::start(100, 10, &folder, &program);
    terminal.shows_what("the rooms", |picture| {
        picture.contains("cannot connect to 127.0.0.1:5000")
            && picture.contains("rooms that are announced on this network:")
            && picture.contains("  lab   chatclient 10.77.0.1 5000 --fingerprint ")
    });
    assert_eq!(terminal.ends(), 1);
    // Where a server was named, or several, that is what is wrong.
    for named in ["127.0.0.1", "127.0.0.1:5000,127.0.0.1:5001"] {
        let named = [&program[..], &[named]].concat();
        let mut terminal = Terminal::start(100, 10, &folder, &named);
        assert_eq!(terminal.ends(), 1);
        assert!(!terminal.picture().contains("rooms"), "{}", terminal.picture());
    }
    // A script is told what it was told before.
    let mut piped = lan.program(1, &client);
    at_home(&mut piped, &folder).stdin(Stdio::null()).stdout(Stdio::piped());
    let (status, out, err) = end(spawn(piped.stderr(Stdio::piped())));
    assert_eq!((status, out.as_str()), (Some(1), ""));
    assert_eq!(err.lines().count(), 1, "{err}");
}

#[test]
fn without_a_network_the_room_is_there_and_one_line_says_that_it_is_not_announced() {
    let Some(lan) = Lan::make(1, 0) else { return };
    let folder = folder("alone");
    let room = Room::start(&lan, 0, &folder, &["--announce=lab", "0.0.0.0", "5000"]);
    wait_for_text(
        &room.log,
        "the room cannot be announced: there is no network; trying until it can",
    );
    let mut client = lan.program(0, &client_program());
    at_home(&mut client, &folder).stdin(Stdio::null()).stdout(Stdio::piped());
    assert_eq!(run(&mut client).0, Some(0));
    room.end("-TERM");
    let log = fs::read_to_string(folder.join("0").join("log")).expect("it is there");
    assert_eq!(log.matches("announced").count(), 1, "{log}");
}

#[test]
fn a_room_for_its_own_machine_alone_is_not_announced_and_says_how_it_would_be() {
    let (status, out, err) = run(chatserver().args(["--announce", "127.0.0.1", "0"]));
    assert_eq!((status, out.as_str()), (Some(2), ""));
    let last = err.lines().last().unwrap_or_default();
    let advice = "; listen where others can reach it: chatserver --announce 0.0.0.0 5000";
    assert!(last.starts_with("chatserver: cannot announce a room on 127.0.0.1:"), "{err}");
    assert!(last.ends_with(advice), "{err}");
}
