//! What happens to a server that keeps its room when its file, its disk or it itself gets into trouble.
#![cfg(unix)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::common::process::{run, signal, spawn};
use crate::common::program::{join, split};
use crate::common::proxy::Budget;
#[cfg(target_os = "linux")]
use crate::common::server::chatserver_by;
use crate::common::server::{TestClient, TestServer, chatserver};
use crate::common::{DEADLINE, folder};

/// By how many numbers the order jumps after all but a clean end.
const JUMP: u64 = 1 << 30;

fn new_file(test: &str) -> PathBuf {
    folder("troubles", test).join("room.db")
}

fn command(file: &Path) -> Command {
    let mut command = chatserver();
    command.args(["127.0.0.1", "0", "--rate-limit", "0", "--history"]).arg(file);
    command
}

fn start(file: &Path) -> TestServer {
    TestServer::run(&mut command(file))
}

/// Passes over what comes up to that line.
#[track_caller]
fn skip(client: &mut TestClient, expected: &str) {
    let deadline = Instant::now() + DEADLINE;
    while client.line().unwrap_or_else(|| panic!("it ends without {expected:?}")) != expected {
        assert!(Instant::now() < deadline, "no {expected:?}");
    }
}

fn ends_well(mut server: TestServer) {
    signal("-TERM", server.id());
    assert_eq!(server.status(), Some(0));
}

/// Says a line in the tagged form, and gives its number.
fn say(client: &mut TestClient, text: &str) -> u64 {
    client.send(format!("{text}\n"));
    loop {
        let line = client.line().expect("it goes on");
        if let (Some(seq), body) = split(&line)
            && body.starts_with("+ ")
        {
            return seq;
        }
    }
}

/// All that is in the file, as `--export` writes it.
fn exported(file: &Path) -> Vec<String> {
    let export = file.with_extension("txt");
    std::fs::remove_file(&export).ok();
    let (status, _, err) =
        run(chatserver().arg("--history").arg(file).arg("--export").arg(&export));
    assert_eq!(status, Some(0), "{err}");
    let text = std::fs::read_to_string(&export).expect("it was written");
    text.lines().filter_map(|line| line.get(20..)).map(str::to_owned).collect()
}

#[test]
fn a_second_server_on_the_same_file_is_told_so_also_while_the_first_one_is_stopped() {
    let file = new_file("second");
    let server = start(&file);
    let mut alice = server.join("alice");
    let told = format!(
        "chatserver: cannot keep the history in {}: another chatserver is using it; give another \
         file, or --history none\n",
        file.display()
    );
    for stop in [false, true] {
        if stop {
            signal("-STOP", server.id());
        }
        let (status, _, err) = run(&mut command(&file));
        assert_eq!(status, Some(1));
        assert!(err.ends_with(&told), "{err}");
    }
    signal("-CONT", server.id());
    alice.send("hello\n/who\n");
    skip(&mut alice, "-- 1 here: alice");
    ends_well(server);
    assert_eq!(exported(&file), ["<alice> hello"]);
}

#[test]
fn a_server_that_is_stopped_for_a_while_goes_on_and_loses_nothing() {
    let file = new_file("stopped");
    let server = start(&file);
    let mut alice = join(&server, "alice").client;
    for number in 2..6 {
        signal("-STOP", server.id());
        alice.send(format!("{number}\n"));
        std::thread::sleep(Duration::from_millis(50));
        signal("-CONT", server.id());
        let receipt = format!("+ {number}");
        while split(&alice.line().expect("it goes on")).1 != receipt {}
    }
    ends_well(server);
    assert_eq!(exported(&file), ["<alice> 2", "<alice> 3", "<alice> 4", "<alice> 5"]);
}

#[test]
fn a_file_that_is_deleted_while_the_server_runs_is_told_once_and_the_room_goes_on() {
    let file = new_file("deleted");
    let server = start(&file);
    let (mut alice, mut bob) = (server.join("alice"), server.join("bob"));
    std::fs::remove_file(&file).expect("it is there");
    alice.send("hello\n");
    skip(&mut bob, "<alice> hello");
    let told = "-- what is said is not kept for now: the history file is gone";
    skip(&mut bob, told);
    skip(&mut alice, told);
    let mut carol = server.join("carol");
    carol.expect("-- what is said here is not kept for now: the history file is gone");
    carol.send("hi\n/who\n");
    skip(&mut carol, "-- 3 here: alice, bob, carol");
    skip(&mut bob, "-- carol joined");
    bob.expect("<carol> hi");
    ends_well(server);
    assert!(!file.exists(), "another file is not made in its place");
}

#[test]
fn one_that_is_killed_right_after_its_start_or_while_it_ends_has_all_that_was_said() {
    let file = new_file("moments");
    let mut times = Budget::new(1);
    let mut said = Vec::new();
    let mut last = 0;
    for round in 0..12 {
        // Before it listens, at any moment.
        let mut process = spawn(&mut command(&file));
        std::thread::sleep(Duration::from_millis(times.next(60)));
        process.kill().expect("it is ours");
        process.wait().expect("it is ours");
        let server = start(&file);
        let mut alice = join(&server, &format!("m{round}x")).client;
        for number in 0..5 {
            let seq = say(&mut alice, &format!("{number}"));
            assert!(seq > last, "{seq} after {last}");
            last = seq;
            said.push(format!("<m{round}x> {number}"));
        }
        // Ctrl+C, and then it is not waited for.
        signal("-INT", server.id());
        std::thread::sleep(Duration::from_millis(times.next(20)));
        drop(server);
    }
    assert_eq!(exported(&file), said);
}

#[test]
fn an_older_copy_that_is_put_back_uses_no_number_again() {
    let file = new_file("restored");
    let copy = file.with_extension("copy");
    let server = start(&file);
    let mut alice = join(&server, "alice").client;
    let first = say(&mut alice, "first");
    let connection = Connection::open(&file).expect("a history");
    connection.execute("VACUUM INTO ?1", [copy.to_str().expect("UTF-8")]).expect("a copy");
    drop(connection);
    let lost = say(&mut alice, "lost");
    assert!(first < lost && lost < JUMP);
    ends_well(server);
    let beside = |end: &str| {
        let mut path = file.clone().into_os_string();
        path.push(end);
        PathBuf::from(path)
    };
    std::fs::rename(&copy, &file).expect("it is there");
    ["-wal", "-shm"].iter().for_each(|end| drop(std::fs::remove_file(beside(end))));
    let server = start(&file);
    let mut bob = join(&server, "bob").client;
    let next = say(&mut bob, "second");
    assert!(next >= JUMP, "{next}, and {lost} was used");
    ends_well(server);
    assert_eq!(exported(&file), ["<alice> first", "<bob> second"]);
    // After a clean end they go on.
    let server = start(&file);
    let mut carol = join(&server, "carol").client;
    assert!((next..next + 100).contains(&say(&mut carol, "third")));
    ends_well(server);
}

#[cfg(target_os = "linux")]
mod full {
    use std::process::Stdio;

    use super::*;

    /// Alice talks until all are told that it is not kept any more, for that reason; how many lines she has
    /// said.
    fn talk_until_told(alice: &mut TestClient, bob: &mut TestClient, reason: &str) -> usize {
        let told = format!("-- what is said is not kept for now: {reason}");
        let text = "x".repeat(2_000);
        for number in 0..5_000 {
            alice.send(format!("{number} {text}\n"));
            let said = format!("<alice> {number} {text}");
            let mut is_told = false;
            loop {
                let line = bob.line().expect("it goes on");
                is_told |= line == told;
                if line == said {
                    break;
                }
            }
            if is_told {
                return number + 1;
            }
        }
        panic!("5,000 lines are kept");
    }

    /// The numbers that are kept of what she has said.
    fn numbers(file: &Path) -> Vec<usize> {
        let lines = exported(file);
        let number = |line: &String| line.strip_prefix("<alice> ")?.split(' ').next()?.parse().ok();
        lines.iter().filter_map(number).collect()
    }

    #[test]
    fn what_does_not_fit_on_a_full_disk_is_kept_once_there_is_room_again() {
        let folder = folder("troubles", "full");
        let disk = folder.join("disk");
        std::fs::create_dir(&disk).expect("a folder");
        let script = format!(
            "mount -t tmpfs -o size=2m none '{0}' && head -c 1000000 /dev/zero >'{0}/filler' && \
             exec \"$0\" 127.0.0.1 0 --rate-limit 0 --history '{0}/room.db'",
            disk.display()
        );
        let mut may = Command::new("unshare");
        may.args(["-Urm", "mount", "-t", "tmpfs", "none"]).arg(&disk);
        if !may.output().is_ok_and(|done| done.status.success()) {
            eprintln!("skipped: there is no unshare, or nobody may mount here");
            return;
        }
        let mut command = in_a_namespace(&chatserver_by(&script));
        let server = TestServer::run(&mut command);
        let (mut alice, mut bob) = (server.join("alice"), server.join("bob"));
        let said = talk_until_told(&mut alice, &mut bob, "the server's disk is full");
        let inside = PathBuf::from(format!("/proc/{}/root{}", server.id(), disk.display()));
        std::fs::remove_file(inside.join("filler")).expect("it is there");
        skip(&mut bob, "-- what is said is kept again");
        alice.send(format!("{said} last\n"));
        skip(&mut bob, &format!("<alice> {said} last"));
        let copy = folder.join("room.db");
        for end in ["", "-wal"] {
            let from = inside.join(format!("room.db{end}"));
            std::fs::copy(from, format!("{}{end}", copy.display())).expect("it is there");
        }
        ends_well(server);
        assert_eq!(numbers(&copy), (0..=said).collect::<Vec<_>>());
    }

    /// The same in a namespace of its own, where it may mount.
    fn in_a_namespace(command: &Command) -> Command {
        let mut unshare = Command::new("unshare");
        unshare.arg("-Urm").arg(command.get_program()).args(command.get_args());
        unshare.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => unshare.env(name, value),
                None => unshare.env_remove(name),
            };
        }
        unshare
    }

    #[test]
    fn a_file_that_may_not_grow_is_told_and_the_room_goes_on() {
        let file = new_file("limited");
        // Of 3,000 units of 512 bytes, or of 1,024.
        let script = format!(
            "trap '' XFSZ; ulimit -f 3000; exec \"$0\" 127.0.0.1 0 --rate-limit 0 --history '{}'",
            file.display()
        );
        let server = TestServer::run(&mut chatserver_by(&script));
        let (mut alice, mut bob) = (server.join("alice"), server.join("bob"));
        let said = talk_until_told(&mut alice, &mut bob, "the server's disk failed");
        let mut carol = server.join("carol");
        carol.expect("-- what is said here is not kept for now: the server's disk failed");
        alice.send("more\n");
        skip(&mut bob, "<alice> more");
        drop((alice, bob, carol));
        ends_well(server);
        // Nothing of what was kept is lost, and it is the first part.
        let kept = numbers(&file);
        assert_eq!(kept, (0..kept.len()).collect::<Vec<_>>());
        // All of it, where there was space again before the end.
        assert!(kept.len() <= said && kept.len() > 20, "{} of {said}", kept.len());
    }
}
