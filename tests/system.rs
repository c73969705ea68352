//! What the system may do to a server and to a client: refuse files, sockets and threads, fill the
//! disk, close the standard streams, stop them and send signals. The room goes on.
#![cfg(target_os = "linux")]

mod common;

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;

use common::DEADLINE;
use common::peer::Peer;
use common::process::{end, run, signal};
use common::server::{TestServer, chatserver, chatserver_by};
use common::terminal::Terminal;

const CLIENT: &str = env!("CARGO_BIN_EXE_chatclient");

fn folder(test: &str) -> PathBuf {
    common::folder("system", test)
}

/// A named pipe in that folder.
fn pipe(folder: &Path) -> String {
    let path = folder.join("pipe").display().to_string();
    assert!(Command::new("mkfifo").arg(&path).status().expect("there is a mkfifo").success());
    path
}

/// Two members talk, as if nothing was.
fn talk(server: &TestServer) {
    let (mut alice, mut bob) = (server.join("alice"), server.join("bob"));
    alice.expect("-- bob joined");
    bob.send("hello\n/quit\n");
    alice.expect("<bob> hello");
    alice.expect("-- bob left");
    alice.send("/quit\n");
    alice.expect_end();
}

/// The server is asked to end, and does so cleanly.
#[track_caller]
fn end_cleanly(mut server: TestServer) {
    signal("-TERM", server.id());
    assert_eq!(server.status(), Some(0));
}

#[test]
fn a_log_pipe_that_nobody_reads_is_refused_at_once() {
    let path = pipe(&folder("unread"));
    let (status, out, err) = run(chatserver().args(["127.0.0.1", "0", "--log-file", &path]));
    let why = format!("cannot write the log {path}: nobody reads it");
    let advice = "; let something read it first, or name another file\n";
    assert_eq!((status, out.as_str()), (Some(1), ""));
    assert_eq!(err, format!("chatserver: {why}{advice}"));
    let peer = Peer::listen();
    let mut client = Command::new(CLIENT);
    client.args(peer.arguments()).args(["--name", "alice", "--log-file", &path]);
    client.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = client.spawn().expect("the client starts");
    let mut server = peer.accept_as("alice");
    server.hear_quit();
    server.close();
    let (status, _, err) = end(child);
    assert_eq!((status, err), (Some(0), format!("chatclient: {why}; going on without it\n")));
}

#[test]
fn a_log_pipe_is_written_while_it_has_a_reader_and_then_given_up() {
    let path = pipe(&folder("read"));
    let reader = Command::new("cat").arg(&path).stdout(Stdio::piped()).spawn();
    let mut reader = reader.expect("there is a cat");
    // It waits for a writer, which it has now, so that the server finds a reader.
    let writer = File::options().write(true).open(&path).expect("the pipe has a reader");
    let server = TestServer::start(&["--replay", "0", "--log-file", &path]);
    talk(&server);
    drop(writer);
    let mut lines = BufReader::new(reader.stdout.take().expect("it is piped")).lines();
    let told = lines.by_ref().map_while(Result::ok).any(|line| line.contains("alice left"));
    assert!(told, "the log comes through the pipe");
    reader.kill().expect("it runs");
    reader.wait().expect("it is our child");
    talk(&server);
    let told = server.logs("cannot write the log");
    assert!(told.ends_with("broken pipe; going on without it"), "{told}");
    end_cleanly(server);
}

#[test]
fn a_log_pipe_that_is_full_for_now_gets_everything_in_the_end() {
    const LINES: usize = 200;
    let path = pipe(&folder("full"));
    // Linux lets one open both ends at once.
    let both = File::options().read(true).write(true).open(&path).expect("a pipe");
    let server = TestServer::start(&["-v", "--log-file", &path]);
    let mut alice = server.join("alice");
    let text = "x".repeat(1000);
    for number in 0..LINES {
        alice.send(format!("{number} {text}\n"));
    }
    // On standard error, so that the pipe has been written to until it was full.
    server.logs(&format!("<alice> {} x", LINES - 1));
    let (records, read) = mpsc::channel();
    std::thread::spawn(move || {
        for record in BufReader::new(both).lines().map_while(Result::ok) {
            records.send(record).ok();
        }
    });
    let mut records = std::iter::from_fn(|| read.recv_timeout(DEADLINE).ok());
    for number in 0..LINES {
        let said = format!("<alice> {number} {text}");
        assert!(records.by_ref().any(|record| record.ends_with(&said)), "{number} is missing");
    }
}

#[test]
fn a_log_whose_folder_is_gone_ends_nothing() {
    let folder = folder("gone");
    let log = folder.join("chatserver.log").display().to_string();
    let server = TestServer::start(&["-v", "--replay", "0", "--log-file", &log]);
    talk(&server);
    std::fs::remove_dir_all(&folder).expect("it is the test's");
    talk(&server);
    server.logs("alice left");
    end_cleanly(server);
}

/// A shell in which a folder is a disk of 16 KB: it takes a mount of one's own.
fn on_a_small_disk(folder: &Path, script: &str) -> Option<Command> {
    let mount = format!("mount -t tmpfs -o size=16k small '{}'", folder.display());
    let unshare = |script: String| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c", &script]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    };
    if !unshare(mount.clone()).status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: no mounts of one's own on this system");
        return None;
    }
    Some(unshare(format!("{mount} && {script}")))
}

#[test]
fn a_disk_that_fills_up_costs_the_log_and_nothing_else() {
    let folder = folder("small_disk");
    let log = folder.join("log").display().to_string();
    let serve = format!("exec '{}' 127.0.0.1 0 -v --log-file '{log}'", chatserver_path());
    let Some(mut command) = on_a_small_disk(&folder, &serve) else { return };
    let server = TestServer::run(&mut command);
    let (mut alice, mut bob) = (server.join("alice"), server.join("bob"));
    alice.expect("-- bob joined");
    for number in 0..100 {
        bob.send(format!("{number} {}\n", "x".repeat(1000)));
        alice.expect_start(&format!("<bob> {number} x"));
    }
    let told = server.logs("cannot write the log");
    assert!(told.ends_with("no space left on device; going on without it"), "{told}");
    drop((alice, bob));
    let mut server = server;
    signal("-TERM", server.id());
    assert_eq!(server.status(), Some(0));
    let again = server.rest_of_the_log();
    assert!(!again.iter().any(|line| line.contains("cannot write")), "told once: {again:?}");
}

fn chatserver_path() -> &'static str {
    env!("CARGO_BIN_EXE_chatserver")
}

#[test]
fn logs_and_history_are_their_owners_alone_whatever_the_umask() {
    let mode = |path: &Path| {
        let found = path.metadata().unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        found.permissions().mode() & 0o777
    };
    for umask in ["000", "022", "077"] {
        let folder = folder(&format!("umask{umask}"));
        let log = folder.join("chatserver.log");
        let script =
            format!("umask {umask}; exec \"$0\" 127.0.0.1 0 --log-file '{}'", log.display());
        end_cleanly(TestServer::run(&mut chatserver_by(&script)));
        assert_eq!(mode(&log), 0o600, "umask {umask}");
        let peer = Peer::listen();
        let [host, port] = peer.arguments();
        let script = format!("umask {umask}; exec '{CLIENT}' {host} {port} --name alice");
        let mut terminal = Terminal::start(60, 8, &folder, &["sh", "-c", &script]);
        let mut server = peer.accept_person("alice", &[]);
        terminal.press("hello\r");
        server.hear("hello\n");
        terminal.press("\x04");
        server.hear_quit();
        server.close();
        assert_eq!(terminal.ends(), 0);
        for file in ["client.log", "chatroom/history"] {
            assert_eq!(mode(&folder.join(file)), 0o600, "umask {umask}: {file}");
        }
        assert_eq!(mode(&folder.join("chatroom")), 0o700, "umask {umask}");
    }
}
