//! `chatserver` and `chatclient`, against each other.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
#[cfg(unix)]
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Command, Stdio};

#[cfg(unix)]
use crate::common::process::signal;
use crate::common::process::{Running, at_home, client_program, end, spawn};
use crate::common::proxy::{Budget, Proxy};
use crate::common::server::TestServer;
#[cfg(unix)]
use crate::common::server::chatserver;
use crate::common::terminal::Terminal;

/// A client of that name in a pipe.
fn filter(server: &TestServer, test: &str, name: &str) -> Command {
    filter_at(server.address, test, name)
}

fn filter_at(server: SocketAddr, test: &str, name: &str) -> Command {
    let mut command = Command::new(client_program());
    command.args([server.ip().to_string(), server.port().to_string()]).args(["--name", name]);
    at_home(&mut command, &crate::common::folder("together", &format!("{test}_{name}")));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A client of that name in a terminal.
fn terminal(server: &TestServer, test: &str, name: &str) -> Terminal {
    let [host, port] = arguments(server);
    let folder = crate::common::folder("together", &format!("{test}_{name}"));
    // Whose a name is does not matter here.
    let options = ["--name", name, "--no-identity"];
    Terminal::start(60, 10, &folder, &[&[&*client_program(), &host, &port], &options[..]].concat())
}

fn arguments(server: &TestServer) -> [String; 2] {
    [server.address.ip().to_string(), server.address.port().to_string()]
}

fn say_and_end(child: &mut Running, text: &str) {
    child.stdin.take().expect("it is piped").write_all(text.as_bytes()).expect("it reads");
}

#[test]
fn two_terminals_and_a_pipe_talk() {
    let server = TestServer::start(&[]);
    let mut alice = terminal(&server, "talk", "alice");
    alice.shows(&[
        "-- chatroom 1: welcome (/help for the commands)",
        "-- you are alice, alone here",
        "alice> |",
    ]);
    let mut bob = terminal(&server, "talk", "bob");
    bob.shows(&["-- you are bob, with 1 other here", "bob> |"]);
    alice.shows(&["-- bob joined", "alice> |"]);
    alice.press("half a thought");
    bob.press("hello alice\r/me waves\r/msg alice psst\r/nick robert\r");
    let seen = ["<bob> hello alice", "* bob waves", "[bob -> you] psst", "-- bob is now robert"];
    alice.shows(&[&seen[..], &["alice> half a thought|"]].concat());
    let own = ["<bob> hello alice", "* bob waves", "[you -> alice] psst", "-- you are now robert"];
    bob.shows(&[&own[..], &["robert> |"]].concat());
    let mut pipe = spawn(&mut filter(&server, "talk", "build"));
    say_and_end(&mut pipe, "build done\n");
    let (status, _, err) = end(pipe);
    assert_eq!((status, err.as_str()), (Some(0), ""));
    let seen = ["-- build joined", "<build> build done", "-- build left"];
    bob.shows(&[&seen[..], &["robert> |"]].concat());
    bob.press("\x03");
    assert_eq!(bob.ends(), 0);
    alice.shows(&[&seen[..], &["-- robert left", "alice> half a thought|"]].concat());
}

#[test]
fn a_taken_name_gets_a_number() {
    let server = TestServer::start(&[]);
    let _first = server.join("alice");
    let mut second = terminal(&server, "taken", "alice");
    second.shows(&["-- you are alice2, with 1 other here", "alice2> |"]);
}

#[test]
fn everything_that_is_piped_in_is_delivered_once_and_in_order() {
    const LINES: usize = 20_000;
    let server = TestServer::start(&["--rate-limit", "0"]);
    let mut watcher = spawn(&mut filter(&server, "pipes", "watcher"));
    let mut watched = BufReader::new(watcher.stdout.take().expect("it is piped")).lines();
    let mut next = move || watched.next().expect("a line").expect("in UTF-8");
    while !next().starts_with("-- you are watcher") {}
    let mut talker = spawn(&mut filter(&server, "pipes", "talker"));
    let mut stdin = talker.stdin.take().expect("it is piped");
    let typing = std::thread::spawn(move || {
        for number in 0..LINES {
            writeln!(stdin, "line {number}").expect("the client reads");
        }
    });
    assert_eq!(next(), "-- talker joined");
    for number in 0..LINES {
        assert_eq!(next(), format!("<talker> line {number}"));
    }
    assert_eq!(next(), "-- talker left");
    typing.join().expect("all was typed");
    assert_eq!(end(talker).0, Some(0));
    drop(watcher.stdin.take());
    assert_eq!(end(watcher).0, Some(0));
}

#[test]
fn a_full_room_is_told_in_one_line() {
    let server = TestServer::start(&["--max-clients", "1"]);
    let _only = server.join("only");
    let told = format!(
        "chatclient: {} does not let us in: the room is full (1 client); try again later\n",
        server.address
    );
    let mut late = spawn(&mut filter(&server, "full", "late"));
    say_and_end(&mut late, "never said\n");
    assert_eq!(end(late), (Some(1), String::new(), told));
}

/// Takes a client to the server. The values are the client's socket, and the server's, which stays open
/// when that one ends.
#[cfg(unix)]
fn relay(listener: &TcpListener, server: SocketAddr) -> (TcpStream, TcpStream) {
    let (near, _) = listener.accept().expect("the client comes");
    let far = TcpStream::connect(server).expect("the server accepts");
    let streams = |one: &TcpStream, other: &TcpStream| {
        (one.try_clone().expect("it is open"), other.try_clone().expect("it is open"))
    };
    for (mut from, mut to) in [streams(&near, &far), streams(&far, &near)] {
        std::thread::spawn(move || std::io::copy(&mut from, &mut to));
    }
    (near, far)
}

#[cfg(unix)]
#[test]
fn a_client_whose_dead_connection_holds_the_last_place_comes_back() {
    let server = TestServer::start(&["--max-clients", "2"]);
    let mut bob = server.join("bob");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("it is bound").port().to_string();
    let folder = crate::common::folder("together", "dead");
    let command = [&client_program(), "127.0.0.1", &port, "--name", "alice", "--no-identity"];
    let mut alice = Terminal::start(60, 10, &folder, &command);
    let (near, _dead) = relay(&listener, server.address);
    alice.shows(&["-- you are alice, with 1 other here", "alice> |"]);
    near.shutdown(Shutdown::Both).expect("it is open");
    let _second = relay(&listener, server.address);
    alice.press("here again\r");
    bob.expect("-- alice joined");
    bob.expect("<alice> here again");
    alice.shows(&["<alice> here again", "alice> |"]);
}

#[cfg(unix)]
#[test]
fn a_server_that_ends_takes_pipes_with_it_and_people_come_back_to_the_next_one() {
    for (name, told) in [("-TERM", true), ("-KILL", false)] {
        let server = TestServer::start(&[]);
        let mut alice = terminal(&server, "server_ends", "alice");
        alice.shows(&["alice> |"]);
        let bob = spawn(&mut filter(&server, "server_ends", "bob"));
        alice.shows(&["-- bob joined", "alice> |"]);
        signal(name, server.id());
        let (status, out, err) = end(bob);
        assert_eq!(status, Some(1), "{name}");
        assert_eq!(out.ends_with("-- the server is shutting down\n"), told, "{out}");
        let lost = format!("chatclient: lost the connection to {}: ", server.address);
        assert!(err.starts_with(&lost), "{err}");
        assert_eq!(err.lines().count(), 1, "{err}");
        alice.shows_what("she tries again", |rows| rows.contains("alice (reconnecting"));
        alice.press("back again?\r");
        alice.shows_what("it waits", |rows| rows.contains("-- waiting to be sent: back again?"));
        let address = server.address;
        drop(server);
        let (host, port) = (address.ip().to_string(), address.port().to_string());
        // As the one before: at a port that is not any, it would have a history.
        let none = ["--history", "none"];
        let next = TestServer::run(chatserver().args([&host, &port]).args(none));
        alice.shows(&["-- you are alice, alone here", "<alice> back again?", "alice> |"]);
        drop(next);
    }
}

/// Everyone's connections break all the time: the pipes come back, and each of their lines is said
/// once, in order.
#[test]
fn pipes_over_a_network_that_breaks_lose_nothing_and_say_nothing_twice() {
    const LINES: usize = 400;
    let server = TestServer::start(&["--rate-limit", "0"]);
    let mut watcher = server.join("watcher");
    let names = ["one", "two", "three"];
    let proxies: Vec<Proxy> = (0..names.len() as u64)
        .map(|i| Proxy::start(server.address, Budget::new(100 + i), 3000))
        .collect();
    let mut pipes: Vec<Running> = names
        .iter()
        .zip(&proxies)
        .map(|(name, proxy)| {
            let mut command = filter_at(proxy.address, "breaks", name);
            command.arg("--reconnect").stdout(Stdio::null()).stderr(Stdio::null());
            spawn(&mut command)
        })
        .collect();
    for pipe in &mut pipes {
        let lines: String = (0..LINES).map(|number| format!("line {number}\n")).collect();
        say_and_end(pipe, &lines);
    }
    let mut said = vec![Vec::new(); names.len()];
    while said.iter().map(Vec::len).sum::<usize>() < names.len() * LINES {
        let line = watcher.line().expect("the room goes on");
        for (name, said) in names.iter().zip(&mut said) {
            said.extend(line.strip_prefix(&format!("<{name}> ")).map(str::to_owned));
        }
    }
    let expected: Vec<String> = (0..LINES).map(|number| format!("line {number}")).collect();
    assert!(said.iter().all(|said| *said == expected), "{said:?}");
    for pipe in pipes {
        assert_eq!(end(pipe).0, Some(0));
    }
    let cuts: usize = proxies.iter().map(Proxy::cuts).sum();
    assert!(cuts > 10, "only {cuts} cuts");
}

/// The same for those who listen, over one that breaks and over one that does not.
#[test]
fn pipes_that_only_listen_miss_nothing_and_print_nothing_twice() {
    const LINES: usize = 5_000;
    let server = TestServer::start(&["--rate-limit", "0"]);
    let networks = [1, 2].map(|seed| Proxy::start(server.address, Budget::new(seed), 10_000));
    let mut watchers = [server.address, networks[0].address].map(|address| {
        let name = if address == server.address { "near" } else { "far" };
        let mut command = filter_at(address, "cuts", name);
        let mut child = spawn(command.arg("--reconnect"));
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let mut next = move || lines.next().expect("a line").expect("in UTF-8");
        while !next().starts_with(&format!("-- you are {name}")) {}
        (child, next)
    });
    let mut talker = filter_at(networks[1].address, "cuts", "talker");
    let mut talker = spawn(talker.arg("--reconnect"));
    let input: String = (0..LINES).map(|number| format!("line {number}\n")).collect();
    let mut stdin = talker.stdin.take().expect("it is piped");
    let typing = std::thread::spawn(move || stdin.write_all(input.as_bytes()).expect("it reads"));
    for (_, next) in &mut watchers {
        let mut said = std::iter::from_fn(|| Some(next())).filter(|line| line.starts_with('<'));
        for number in 0..LINES {
            assert_eq!(said.next(), Some(format!("<talker> line {number}")));
        }
    }
    typing.join().expect("all was typed");
    let (status, _, err) = end(talker);
    assert_eq!(status, Some(0), "{err}");
    assert!(!err.contains("does not know us"), "{err}");
    for (mut child, _open) in watchers {
        drop(child.stdin.take());
        let (status, _, err) = end(child);
        assert_eq!(status, Some(0), "{err}");
    }
    let cuts = networks.map(|network| network.cuts());
    assert!(cuts.into_iter().all(|cuts| cuts > 10), "{cuts:?} cuts");
}
