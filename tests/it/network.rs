//! Two hosts, and a network between them that loses, delays and reorders packets, or is cut.

#![cfg(target_os = "linux")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::alice::CLIENT;
use crate::common::network::{CUT, FAIR, Network, Weather};
use crate::common::process::{Running, at_home, end, spawn};
use crate::common::program::{
    Joined, expect_answers, expect_done, expect_events, join, nonce, split,
};
use crate::common::proxy::{Budget, Proxy};
use crate::common::server::TestClient;

/// The next line that is no word of coming and going.
fn said(client: &mut TestClient) -> String {
    let mut lines = std::iter::from_fn(|| client.line());
    lines.find(|line| !split_any(line).starts_with("-- ")).expect("the room goes on")
}

/// A line without its tag, if it has one.
fn split_any(line: &str) -> &str {
    if line.starts_with('@') { split(line).1 } else { line }
}

/// Says so many lines, each by itself.
fn say(client: &mut TestClient, lines: std::ops::Range<usize>) {
    lines.for_each(|number| client.send(format!("{number}\n")));
}

fn expect_said(client: &mut TestClient, by: &str, lines: std::ops::Range<usize>) {
    for number in lines {
        assert_eq!(split_any(&said(client)), format!("<{by}> {number}"));
    }
}

#[test]
fn a_network_that_loses_delays_and_reorders_packets_loses_no_line_and_doubles_none() {
    const LINES: usize = 60;
    let Some(mut network) = Network::make() else { return };
    let server = network.serve("");
    let (mut bob, mut carol) = network.near(|| (server.join("bob"), server.join("carol")));
    let mut dave = network.far(|| server.join("dave"));
    // A packet and the answer to it: one of five is lost.
    network.be(Weather { delay: 80, loss: 10, reorder: 25 });
    std::thread::scope(|scope| {
        scope.spawn(|| say(&mut bob, 0..LINES));
        scope.spawn(|| {
            let mut asks = dave.second();
            say(&mut asks, 0..LINES);
            expect_said(&mut dave, "bob", 0..LINES);
        });
        // One who is near sees both, each in its order.
        let mut next = [0, 0];
        while next != [LINES, LINES] {
            let line = said(&mut carol);
            let which = usize::from(line.starts_with("<dave>"));
            assert_eq!(line, format!("<{}> {}", ["bob", "dave"][which], next[which]));
            next[which] += 1;
        }
    });
    expect_said(&mut bob, "dave", 0..LINES);
    dave.send("/quit\n");
    dave.expect_end();
}

/// What a client tells of a connection that it was to make in plain.
const PLAIN: &str = "chatclient: not encrypted: anyone on the network can read along\n";

/// A client on the far host, which says these lines and ends.
fn far_client(mut command: Command, line: &str) -> Running {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("network_home");
    std::fs::create_dir_all(&home).expect("a folder for the tests");
    at_home(&mut command, &home);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut client = spawn(&mut command);
    let mut stdin = client.stdin.take().expect("it is piped");
    stdin.write_all(line.as_bytes()).expect("it reads");
    client
}

#[test]
fn from_half_a_second_away_a_client_has_its_name_and_is_sure_that_its_lines_were_said() {
    let Some(mut network) = Network::make() else { return };
    let server = network.serve("");
    let mut bob = network.near(|| server.join("bob"));
    network.be(Weather { delay: 250, ..FAIR });
    let [host, port] = [server.address.ip().to_string(), server.address.port().to_string()];
    let mut ours = network.far_program(Path::new(CLIENT));
    ours.args(["--plain", "--name", "alice", "--commands", &host, &port]);
    let mut example = network.far_program(Path::new("python3"));
    example.args([concat!(env!("CARGO_MANIFEST_DIR"), "/examples/python/chat.py"), &host, &port]);
    example.arg("alice");
    // The example does not wait for the banner. The name is the first one's own by then, by its key.
    let late = &["-- guest1 joined", "-- guest1 is now alice"][..];
    let programs = [(late, "alice", ours, PLAIN), (&["-- alice2 joined"], "alice2", example, "")];
    for (comes, name, program, told) in programs {
        let client = far_client(program, "hi\n/me waves\n");
        comes.iter().for_each(|line| bob.expect(line));
        bob.expect(&format!("<{name}> hi"));
        bob.expect(&format!("* {name} waves"));
        bob.expect(&format!("-- {name} left"));
        let (status, out, err) = end(client);
        assert_eq!((status, err.as_str()), (Some(0), told), "{out}");
    }
    // One who wants no name is a guest, and as sure.
    let mut nameless = network.far_program(Path::new(CLIENT));
    nameless.args(["--plain", "--commands", &host, &port]);
    nameless.env_remove("USER").env_remove("LOGNAME").env_remove("USERNAME");
    let client = far_client(nameless, "hi\n/me waves\n");
    for line in ["-- guest2 joined", "<guest2> hi", "* guest2 waves", "-- guest2 left"] {
        bob.expect(line);
    }
    let (status, out, err) = end(client);
    assert_eq!((status, err.as_str()), (Some(0), PLAIN), "{out}");
}

#[test]
fn a_client_that_is_cut_off_again_and_again_from_far_away_says_each_line_once() {
    // More than fits on the way at once.
    const LINES: usize = 900;
    const CUTS: usize = 2;
    let Some(mut network) = Network::make() else { return };
    let server = network.serve("");
    let mut bob = network.near(|| server.join("bob"));
    let proxy = network.far(|| Proxy::start(server.address, Budget::new(1), 9000));
    network.be(Weather { delay: 170, ..FAIR });
    let [host, port] = [proxy.address.ip().to_string(), proxy.address.port().to_string()];
    let mut program = network.far_program(Path::new(CLIENT));
    program.args(["--plain", "--reconnect", "--name", "alice", &host, &port]);
    let lines: Vec<String> =
        (0..LINES).map(|number| format!("{number} {}", "x".repeat(40))).collect();
    let client = far_client(program, &(lines.join("\n") + "\n"));
    for expected in &lines {
        assert_eq!(said(&mut bob), format!("<alice> {expected}"));
        if proxy.cuts() >= CUTS {
            proxy.stop_cutting();
        }
    }
    proxy.stop_cutting();
    let (status, out, err) = end(client);
    assert_eq!(status, Some(0), "{out}\n{err}");
    assert!(proxy.cuts() >= CUTS, "{} cuts", proxy.cuts());
    while bob.line().expect("the room goes on") != "-- alice left" {}
}

#[test]
fn a_cable_that_is_pulled_and_put_in_again_costs_nothing() {
    let Some(mut network) = Network::make() else { return };
    let server = network.serve("");
    let (mut bob, mut carol) = network.near(|| (server.join("bob"), server.join("carol")));
    bob.expect("-- carol joined");
    let Joined { client: mut alice, .. } = network.far(|| join(&server, "alice"));
    expect_done(&mut alice);
    let plug: [fn(&mut Network, bool); 2] = [
        |network, in_| network.plug_far(in_),
        |network, in_| network.be(if in_ { FAIR } else { CUT }),
    ];
    for (round, plug) in plug.iter().enumerate() {
        let lines = round * 10..(round + 1) * 10;
        plug(&mut network, false);
        say(&mut bob, lines.clone());
        say(&mut alice, lines.clone());
        // The others do not notice.
        expect_said(&mut carol, "bob", lines.clone());
        plug(&mut network, true);
        let mut next = [lines.start; 2];
        while next != [lines.end; 2] {
            let line = said(&mut alice);
            let which = usize::from(split_any(&line).starts_with("+ "));
            let number = next[which];
            let expected = [format!("<bob> {number}"), format!("+ {}", number + 2)];
            assert_eq!(split_any(&line), expected[which]);
            next[which] += 1;
        }
        expect_said(&mut bob, "alice", lines.clone());
        expect_said(&mut carol, "alice", lines);
    }
}

#[test]
fn who_comes_back_while_the_server_has_not_noticed_the_loss_has_lost_and_doubled_nothing() {
    let Some(mut network) = Network::make() else { return };
    let server = network.serve("");
    let mut bob = network.near(|| server.join("bob"));
    let Joined { client: mut alice, token } = network.far(|| join(&server, "alice"));
    bob.expect("-- alice joined");
    alice.send("one\n");
    let seen = expect_events(&mut alice, &["+ 2"])[0];
    network.be(CUT);
    // Neither side's last words arrive.
    alice.send("two\n");
    bob.send("there?\n");
    alice.reset();
    network.be(Weather { delay: 200, ..FAIR });
    let mut alice = network.far(|| server.connect());
    alice.expect_start("-- chatroom 1: welcome ");
    alice.send(format!("/tags\n/resume {token} {seen}\n"));
    let mut line = alice.line().expect("an answer");
    // So far away, it has been a guest, which may be told its nonce before that, or then.
    let is_nonce = |line: &str| line.contains(" = nonce ");
    let mut has_nonce = false;
    while !line.starts_with('@') || is_nonce(&line) {
        has_nonce |= is_nonce(&line);
        line = alice.line().expect("an answer");
    }
    assert_eq!(split(&line).1, "-- welcome back, alice");
    expect_answers(&mut alice, &["= resumed 2", "= nick alice"]);
    alice.send("two\n");
    expect_events(&mut alice, &["<bob> there?", "-- guest1 joined"]);
    if !has_nonce {
        nonce(&mut alice);
    }
    expect_events(&mut alice, &["-- guest1 left", "+ 3"]);
    for line in ["<alice> one", "-- guest1 joined", "-- guest1 left", "<alice> two"] {
        bob.expect(line);
    }
}

/// Cuts the wire, and waits until a member on the far host is gone; how long that takes.
fn time_to_be_gone(says: &str) -> Option<Duration> {
    let mut network = Network::make()?;
    let server = network.serve("--stall-timeout 5");
    let mut bob = network.near(|| server.join("bob"));
    let mut dave = network.far(|| server.join("dave"));
    bob.expect("-- dave joined");
    // With that comes the word that he has all that he was sent.
    dave.send("hi\n");
    bob.expect("<dave> hi");
    network.be(CUT);
    let cut = Instant::now();
    bob.send(says);
    bob.stream.set_read_timeout(Some(Duration::from_secs(90))).expect("not zero");
    bob.expect("-- dave left (connection lost)");
    drop(dave);
    Some(cut.elapsed())
}

#[test]
#[ignore = "it takes more than a minute"]
fn a_dead_peer_is_gone_after_about_a_minute_whether_or_not_it_is_due_anything() {
    std::thread::scope(|scope| {
        let tries = ["", "there?\n"].map(|says| (says, scope.spawn(move || time_to_be_gone(says))));
        for (says, time) in tries {
            let Some(time) = time.join().expect("it is gone") else { return };
            assert!((50..90).contains(&time.as_secs()), "{says:?}: {time:?}");
        }
    });
}
