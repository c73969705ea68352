//! A program that the server runs (`--on-event`), well-behaved and not.
#![cfg(unix)]

use std::path::Path;
use std::time::{Duration, Instant};

use crate::common::process::signal;
#[cfg(target_os = "linux")]
use crate::common::process::{peak_memory, wait_for_text};
use crate::common::server::{TestClient, TestServer, chatserver};
use crate::common::{DEADLINE, folder};

fn start(command: &str) -> TestServer {
    TestServer::start(&["--replay", "0", "--on-event", command])
}

/// Passes over the lines up to one that this is true for.
#[track_caller]
fn until(client: &mut TestClient, wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let mut seen = Vec::new();
    loop {
        let line = client.line().unwrap_or_else(|| panic!("it ends after {seen:#?}"));
        let is_it = wanted(&line);
        seen.push(line);
        if is_it {
            return seen;
        }
    }
}

#[track_caller]
fn until_said(client: &mut TestClient, line: &str) {
    until(client, |said| said == line);
}

/// Ends the server as an operator does; it takes a moment, whatever its program does.
#[track_caller]
fn ends_in_time(server: &mut TestServer) -> Duration {
    let begun = Instant::now();
    signal("-TERM", server.id());
    assert_eq!(server.status(), Some(0));
    begun.elapsed()
}

/// The process group of the program that runs, as the log tells it.
fn group(server: &TestServer) -> String {
    let line = server.logs("runs as process");
    line.rsplit(' ').next().expect("it ends with the number").to_owned()
}

/// Whether a process of that group is there. One that has ended may be waited for by somebody else.
fn is_there(group: &str) -> bool {
    let list = std::process::Command::new("ps").args(["-A", "-o", "pgid=,stat="]).output();
    let list = String::from_utf8(list.expect("there is ps").stdout).expect("text");
    list.lines().any(|line| {
        let mut words = line.split_whitespace();
        words.next() == Some(group) && words.next().is_some_and(|state| !state.starts_with('Z'))
    })
}

#[track_caller]
fn is_gone(group: &str) {
    let deadline = Instant::now() + DEADLINE;
    while is_there(group) {
        assert!(Instant::now() < deadline, "something of {group} is left");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn it_reads_what_everybody_knows_and_nothing_else_and_what_it_prints_is_said() {
    let folder = folder("on_event", "told");
    let told = folder.join("told");
    let command = format!(
        "echo here; tee {} | while read -r line; do case $line in \
        *'\"text\":\"!ping\"'*) echo 'pong /me'; echo '/me is text'; esac; done",
        told.display()
    );
    let mut server =
        TestServer::start(&["--replay", "1", "--on-event", &command, "--on-event-name", "bot"]);
    let (mut alice, mut bob) = (server.join("alice"), server.join("bob"));
    alice.send("/msg bob a secret\n/msg Bot another\n/me waves\n/nick alicia\n!ping\n");
    until_said(&mut bob, "<bot> pong /me");
    until_said(&mut bob, "<bot> /me is text");
    let seen = until(&mut alice, |line| line == "<bot> /me is text");
    let refusal = "!! /msg: Bot is a program of this server, and gets no private lines";
    assert!(seen.iter().any(|line| line == refusal), "{seen:#?}");
    bob.send("/who\n/nick b0t\n/nick Bot\n/quit\n");
    until_said(&mut bob, "-- 3 here: alicia, bob, bot");
    until_said(&mut bob, "!! /nick: the name b0t is taken");
    until_said(&mut bob, "!! /nick: the name Bot is taken");
    until(&mut alice, |line| line.ends_with(" left"));
    ends_in_time(&mut server);
    let told = std::fs::read_to_string(told).expect("it has read something");
    let kinds: Vec<_> = told
        .lines()
        .map(|line| {
            let event: serde_json::Value = serde_json::from_str(line).expect("JSON");
            let part = |field: &str| event[field].as_str().unwrap_or_default().to_owned();
            [part("kind"), part("from"), part("text") + &part("new_name")].join(" ")
        })
        .collect();
    let expected = [
        "joined alice ",
        "joined bob ",
        "done alice waves",
        "renamed alice alicia",
        "said alicia !ping",
        "left bob ",
    ];
    assert_eq!(kinds, expected, "{told}");
}

#[test]
fn a_program_that_never_reads_holds_nobody_up_and_is_ended_with_the_server() {
    let options = ["--replay", "0", "--rate-limit", "0", "--on-event", "exec sleep 1000"];
    let mut server = TestServer::start(&options);
    let group = group(&server);
    let mut alice = server.join("alice");
    let mut bob = server.join("bob");
    let line = format!("{}\n", "x".repeat(4000));
    for _ in 0..400 {
        bob.send(&line);
    }
    bob.send("the end\n");
    until_said(&mut alice, "<bob> the end");
    signal("-USR1", server.id());
    let figures = server.logs("on-event runs, 1 start, 0 lines said, ");
    // A slow machine may have passed over some of it by now.
    assert!(figures.contains(" events behind"), "{figures}");
    assert!(is_there(&group));
    let took = ends_in_time(&mut server);
    assert!(took < Duration::from_secs(10), "{took:?}");
    is_gone(&group);
}

#[test]
fn a_program_that_ends_at_once_is_started_again_after_longer_and_longer() {
    let mut server = start("echo once; exit 3");
    let mut alice = server.join("alice");
    let log = server.log_up_to("it is started again in 2 s");
    let ended = log.iter().filter(|line| line.contains("has ended (exit status: 3)")).count();
    assert_eq!(ended, 2, "{log:#?}");
    until_said(&mut alice, "<hook> once");
    alice.send("still here\n/quit\n");
    ends_in_time(&mut server);
}

#[test]
fn what_a_program_has_printed_before_its_end_is_said() {
    let command = "seq 1200; exec sleep 0";
    let options = ["--replay", "0", "--rate-limit", "100", "--on-event", command];
    let mut server = TestServer::start(&options);
    let mut alice = server.join("alice");
    // A thousand are said at once, and the others a hundred a second.
    until_said(&mut alice, "<hook> 1200");
    ends_in_time(&mut server);
}

#[test]
fn whatever_a_program_prints_is_safe_and_bounded() {
    let mut server = start(
        "head -c 100000000 /dev/zero; printf '\\n\\033[31mred\\377\\n\\n  \\n'; printf 'no newline'; sleep 1000",
    );
    let group = group(&server);
    let mut alice = server.join("alice");
    let seen = until(&mut alice, |line| line.contains("red"));
    let red = seen.last().expect("it has come");
    assert!(red.starts_with("<hook> ") && !red.contains('\u{1b}'), "{red:?}");
    server.logs("bytes was not said");
    #[cfg(target_os = "linux")]
    assert!(peak_memory(server.id()) < 64 << 20, "{}", peak_memory(server.id()));
    // The last line has no end while the program runs.
    ends_in_time(&mut server);
    is_gone(&group);
}

#[test]
fn a_program_that_says_too_much_waits_and_others_speak_meanwhile() {
    let mut server =
        TestServer::start(&["--replay", "0", "--rate-limit", "50", "--on-event", "yes"]);
    let mut alice = server.join("alice");
    until_said(&mut alice, "<hook> y");
    alice.send("a word\n/history 5\n");
    until(&mut alice, |line| line.ends_with("<alice> a word"));
    ends_in_time(&mut server);
}

#[test]
fn a_program_that_does_not_want_to_end_is_ended_with_all_that_it_has_started() {
    let mut server = start("trap '' TERM; sleep 1000 & while :; do sleep 1000; done");
    let group = group(&server);
    let took = ends_in_time(&mut server);
    assert!(took >= Duration::from_secs(2), "it had its time: {took:?}");
    is_gone(&group);
}

#[test]
fn a_program_that_heeds_the_end_of_its_input_is_not_told_to_end() {
    let folder = folder("on_event", "heeds");
    let command = format!(
        "trap 'echo told >{0}' TERM; cat >/dev/null; echo input >>{0}",
        folder.join("how").display()
    );
    let mut server = start(&command);
    group(&server);
    ends_in_time(&mut server);
    assert_eq!(
        std::fs::read_to_string(folder.join("how")).expect("it has ended by itself"),
        "input\n"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_server_that_is_killed_ends_its_programs_input() {
    let how = folder("on_event", "killed").join("how");
    let command = format!("cat >/dev/null; echo input >{}", how.display());
    let mut server = start(&command);
    let group = group(&server);
    server.kill();
    wait_for_text(&how, "input");
    is_gone(&group);
}

#[test]
fn it_gets_nothing_of_the_servers_settings_and_its_errors_are_in_the_log() {
    let mut command = chatserver();
    command.args(["127.0.0.1", "0"]).env("CHATROOM_PASSWORD", "hunter2");
    command.env("CHATROOM_ON_EVENT", "env | grep CHATROOM >&2; printf 'a \\033[1mb\\n' >&2; cat");
    let server = TestServer::run(&mut command);
    let log = server.log_up_to("on-event: a ");
    let text = log.join("\n");
    assert!(!text.contains("CHATROOM_") && !text.contains('\u{1b}'), "{text}");
}

#[test]
fn whoever_removes_it_has_it_gone() {
    let mut server = TestServer::start(&[
        "--replay",
        "0",
        "--operator",
        "alice",
        "--on-event",
        "cat >/dev/null",
    ]);
    let group = group(&server);
    let mut alice = server.join("alice");
    alice.send("/register correct horse battery\n");
    until(&mut alice, |line| line.contains("protected by your password"));
    alice.send("/kick hook it talks too much\n");
    until(&mut alice, |line| line.starts_with("-- hook was removed by alice"));
    server.logs("hook was removed from the room");
    is_gone(&group);
    alice.send("/who\n");
    until_said(&mut alice, "-- 1 here: @alice*");
    ends_in_time(&mut server);
}

#[test]
fn it_comes_back_with_a_server_that_has_a_history_and_was_killed() {
    let history = folder("on_event", "history").join("room.db");
    let run = |history: &Path| {
        let mut command = chatserver();
        command.args(["127.0.0.1", "0", "--on-event", "cat >/dev/null", "--history"]);
        TestServer::run(command.arg(history))
    };
    let mut first = run(&history);
    group(&first);
    first.kill();
    let mut second = run(&history);
    let mut alice = second.join("alice");
    alice.send("/who\n");
    until_said(&mut alice, "-- 2 here: alice, hook");
    ends_in_time(&mut second);
}

#[test]
fn a_blank_command_is_wrong_usage() {
    let mut command = chatserver();
    let (status, _, err) = crate::common::process::run(command.args(["--on-event", " "]));
    assert_eq!(status, Some(2), "{err}");
}

#[test]
fn a_server_of_a_shared_room_runs_no_program() {
    let mut command = chatserver();
    command.args(["--on-event", "cat", "--shared", "redis://127.0.0.1/lobby"]);
    let (status, out, err) = crate::common::process::run(&mut command);
    assert_eq!((status, out.as_str(), err.lines().count()), (Some(2), "", 1), "{err}");
    let told = "'--on-event <COMMAND>' cannot be used with '--shared <URL>'";
    assert!(err.contains(told), "{err}");
}
