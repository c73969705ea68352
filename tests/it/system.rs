//! What the system may do to a server and to a client: refuse files, sockets and threads, fill the
//! disk, close the standard streams, stop them and send signals. The room goes on.
#![cfg(target_os = "linux")]

use std::cell::Cell;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::common::DEADLINE;
use crate::common::peer::Peer;
use crate::common::process::{assert_never_wakes, at_home, end, run, signal, spawn, wait};
use crate::common::proxy::Budget;
use crate::common::resources::{Process, await_that};
use crate::common::server::{
    TestClient, TestServer, chatserver, chatserver_by, is_shared_everywhere,
};
use crate::common::terminal::Terminal;

const CLIENT: &str = env!("CARGO_BIN_EXE_chatclient");

fn folder(test: &str) -> PathBuf {
    crate::common::folder("system", test)
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
    at_home(&mut client, &folder("unread_home"));
    client.args(peer.arguments()).args(["--name", "alice", "--log-file", &path]);
    client.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = spawn(&mut client);
    let mut server = peer.accept_as("alice");
    server.hear_quit();
    server.close();
    let (status, _, err) = end(child);
    let told = err.lines().next();
    assert_eq!(
        (status, told),
        (Some(0), Some(&*format!("chatclient: {why}; going on without it")))
    );
}

#[test]
fn a_log_pipe_is_written_while_it_has_a_reader_and_again_when_it_has_another() {
    let path = pipe(&folder("read"));
    let mut reader = spawn(Command::new("cat").arg(&path).stdout(Stdio::piped()));
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
    let mut reader = spawn(Command::new("cat").arg(&path).stdout(Stdio::piped()));
    let lines = BufReader::new(reader.stdout.take().expect("it is piped")).lines();
    let (records, read) = mpsc::channel();
    std::thread::spawn(move || {
        for record in lines.map_while(Result::ok) {
            records.send(record).ok();
        }
    });
    // It looks once in a second whether there is a reader.
    let visits = Cell::new(0);
    await_that(
        || {
            visits.set(visits.get() + 1);
            server.join(&format!("visitor{}", visits.get())).send("/quit\n");
            read.try_iter().find(|record| record.contains(" missing here: broken pipe"))
        },
        Option::is_some,
    );
    server.logs("is written again, and lacks ");
    end_cleanly(server);
    reader.wait().expect("it is our child");
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
    drop(folder);
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
        command.env("CHATROOM_TLS", "off");
        command
    };
    if !unshare(mount.clone()).status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: no mounts of one's own on this system");
        return None;
    }
    Some(unshare(format!("{mount} && {script}")))
}

#[test]
fn a_disk_that_fills_up_costs_records_and_the_log_goes_on_when_there_is_space() {
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
    // The log's thread has written what it can of all of them.
    assert_never_wakes(server.id());
    // As the server sees the disk.
    let seen = PathBuf::from(format!("/proc/{}/root{log}", server.id()));
    let full = std::fs::read_to_string(&seen).expect("it is there");
    assert!(full.ends_with('\n'), "it ends with half a record");
    let small = File::options().write(true).open(&seen).expect("it is there");
    small.set_len(0).expect("it can be emptied");
    bob.send("there is space\n");
    server.logs("is written again, and lacks ");
    drop((alice, bob));
    let mut server = server;
    server.logs("bob left");
    await_that(
        || std::fs::read_to_string(&seen).expect("it is there"),
        |text| text.contains("bob left"),
    );
    let text = std::fs::read_to_string(&seen).expect("it is there");
    let records: Vec<_> = text.lines().filter_map(|line| Some(line.split_once("] ")?.1)).collect();
    assert_eq!(records.len(), text.lines().count(), "each is whole: {text}");
    let missing = records[0].strip_suffix(" records are missing here: no space left on device");
    let missing: usize = missing.and_then(|number| number.parse().ok()).expect(&text);
    let written = full.lines().filter(|line| line.contains("<bob> ")).count();
    // Two addresses, two joins, a hundred lines; some short ones may fit in between.
    assert!(missing + full.lines().count() >= 104 && written < 100, "{missing}: {full}");
    assert_eq!(records[1], "<bob> there is space");
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

#[test]
fn standard_streams_that_are_closed_or_that_nobody_reads_end_nothing() {
    for closing in ["<&- >&- 2>&-", ""] {
        let (port, address) = free_port();
        let script = format!("exec \"$0\" 127.0.0.1 {port} -v {closing}");
        let [out, err] = [(), ()].map(|()| {
            let (_unread, writer) = std::io::pipe().expect("a pipe");
            writer
        });
        let mut process = spawn(chatserver_by(&script).stdout(out).stderr(err));
        let mut bob = TestClient::new(connect_to(address));
        bob.send("/nick bob\nhello\n/who\n");
        while bob.line().is_some_and(|line| line != "-- 1 here: bob") {}
        signal("-TERM", process.id());
        bob.expect("-- the server is shutting down");
        assert_eq!(wait(&mut process).code(), Some(0), "{closing}");
    }
}

/// A connection to a server that cannot say when it listens.
#[track_caller]
fn connect_to(address: SocketAddr) -> TcpStream {
    let deadline = Instant::now() + DEADLINE;
    loop {
        match TcpStream::connect(address) {
            Ok(stream) => return stream,
            Err(why) => assert!(Instant::now() < deadline, "{why}"),
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A port that was free just now.
fn free_port() -> (u16, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    (address.port(), address)
}

/// Those inside chat for `time`, while the main thread does next to nothing.
#[track_caller]
fn assert_room_goes_on(server: &TestServer, [alice, bob]: [&mut TestClient; 2], time: Duration) {
    let before = Process(server.id()).main_thread_ran();
    let began = Instant::now();
    let mut number = 0;
    while began.elapsed() < time {
        alice.send(format!("{number}\n"));
        let said = std::iter::from_fn(|| bob.line()).find(|line| line.starts_with('<'));
        assert_eq!(said, Some(format!("<alice> {number}")));
        number += 1;
        std::thread::sleep(Duration::from_millis(20));
    }
    let ran = Process(server.id()).main_thread_ran() - before;
    assert!(ran < time / 20, "the thread that accepts ran for {ran:?} of {time:?}");
}

#[test]
fn without_sockets_to_spare_it_neither_spins_nor_keeps_those_inside_from_chatting() {
    let script = "ulimit -n 24; exec \"$0\" 127.0.0.1 0 --max-clients 100";
    let mut server = TestServer::run(&mut chatserver_by(script));
    let (mut alice, mut bob) = (server.join("alice"), server.join("bob"));
    let mut crowd: Vec<_> = (0..20).map(|_| server.connect()).collect();
    server.logs("cannot take clients in: Too many open files");
    let mut last = crowd.pop().expect("somebody who waits");
    assert_room_goes_on(&server, [&mut alice, &mut bob], Duration::from_secs(1));
    drop(crowd);
    last.expect("-- chatroom 1: welcome (/help for the commands)");
    signal("-TERM", server.id());
    assert_eq!(server.status(), Some(0));
    let log = server.rest_of_the_log();
    assert!(!log.iter().any(|line| line.contains("cannot take")), "told once: {log:#?}");
    let again = log.iter().filter(|line| line.contains("can be taken in again")).count();
    assert_eq!(again, 1, "{log:#?}");
}

/// How many threads a server has besides for the log of a shared room.
fn threads_of_a_log() -> usize {
    if is_shared_everywhere() { 2 } else { 0 }
}

/// The server as a user of its own, who may have so many threads: root may have any number, and whoever
/// runs the tests has some already.
fn with_threads(folder: &Path, most: usize) -> Option<Command> {
    // A user whom no system has, nor another run of this test.
    let user = 2_000_000_000 + std::process::id();
    let program = folder.join("chatserver");
    std::fs::copy(chatserver_path(), &program).expect("a copy that this user can read");
    let limited = |program: &Path| {
        let mut command = Command::new("prlimit");
        command.arg(format!("--nproc={most}")).arg(program).uid(user).gid(user);
        command.env("CHATROOM_TLS", "off");
        command
    };
    if !limited(Path::new("true")).status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: it takes root to become another user, and prlimit");
        return None;
    }
    let mut command = limited(&program);
    command.args(["127.0.0.1", "0"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    Some(command)
}

#[test]
fn without_threads_to_spare_who_comes_waits_and_is_let_in_when_somebody_leaves() {
    let readable = std::fs::Permissions::from_mode(0o755);
    let folder = tempfile::Builder::new().permissions(readable).tempdir();
    let folder = folder.expect("a folder that everybody can read");
    let command = with_threads(folder.path(), 8 + threads_of_a_log());
    let server = command.map(|mut command| TestServer::run(&mut command));
    drop(folder);
    let Some(mut server) = server else { return };
    let (mut alice, mut bob) = (server.join("alice"), server.join("bob"));
    let mut crowd: Vec<_> = (0..10).map(|_| server.connect()).collect();
    server.logs("cannot take clients in: Resource temporarily unavailable");
    assert_room_goes_on(&server, [&mut alice, &mut bob], Duration::from_secs(1));
    for client in &mut crowd {
        client.expect("-- chatroom 1: welcome (/help for the commands)");
        client.finish();
        while client.line().is_some() {}
    }
    server.logs("clients can be taken in again");
    signal("-TERM", server.id());
    assert_eq!(server.status(), Some(0));
}

/// So many connections, each reset as soon as it has said its name; fewer if the server ends.
fn storm(server: SocketAddr, connections: usize) {
    for _ in 0..connections {
        let Ok(stream) = TcpStream::connect(server) else { return };
        (&stream).write_all(b"/nick q\n").ok();
        TestClient::new(stream).reset();
    }
}

/// A client that has found a place, once those of a storm are free.
fn let_in(server: &TestServer) -> TestClient {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let mut client = server.connect();
        if client.line().is_some_and(|line| line.starts_with("-- chatroom 1: ")) {
            return client;
        }
        assert!(Instant::now() < deadline, "there is no place");
    }
}

#[test]
fn a_storm_of_connections_takes_no_more_threads_and_memory_than_the_places_do() {
    const PLACES: usize = 100;
    /// Who is told that there is no place, who is shown out, and what the server has besides.
    const OTHERS: usize = 32 + 16 + 6;
    // Sessions that wait for a shared room's log, since they have left, have given back their places.
    let most = if is_shared_everywhere() { 2 * PLACES + 8 } else { PLACES + OTHERS };
    let script = "ulimit -v 400000; exec \"$0\" 127.0.0.1 0";
    let mut server = TestServer::run(&mut chatserver_by(script));
    let (process, address) = (Process(server.id()), server.address);
    std::thread::scope(|scope| {
        let storms: Vec<_> = (0..2).map(|_| scope.spawn(move || storm(address, 1000))).collect();
        while !storms.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            let threads = process.threads();
            assert!(threads <= most, "{threads} threads");
            // Two stacks with two guards, and for each of the threads some pages of its own.
            let mappings = process.mappings();
            assert!(mappings <= 8 * most, "{mappings} mappings");
        }
    });
    assert!(process.peak_memory() < 32 * 1024, "{} KiB", process.peak_memory());
    let _crowd: Vec<_> = (0..PLACES).map(|_| let_in(&server)).collect();
    std::thread::scope(|scope| {
        scope.spawn(move || storm(address, usize::MAX));
        signal("-TERM", server.id());
        assert_eq!(server.status(), Some(0));
    });
}

/// What a watcher has heard until the end, but for notices.
fn said_until_the_end(mut watcher: TestClient) -> (Vec<String>, Option<String>) {
    let lines: Vec<String> = std::iter::from_fn(|| watcher.line()).collect();
    let last = lines.last().cloned();
    (lines.into_iter().filter(|line| line.starts_with('<')).collect(), last)
}

/// Talks without a pause, under one name after the other, until the server is gone.
fn come_and_go(address: SocketAddr, who: usize) {
    for visit in 0.. {
        let Ok(mut stream) = TcpStream::connect(address) else { return };
        let mut words = format!("/nick p{who}x{visit}\n");
        for number in 0..20 {
            words += &format!("{number}\n/msg watcher0 {number}\n/nick p{who}x{visit}y{number}\n");
        }
        if stream.write_all(words.as_bytes()).is_err() {
            return;
        }
        stream.shutdown(Shutdown::Write).ok();
        stream.read_to_end(&mut Vec::new()).ok();
    }
}

#[test]
fn a_signal_at_any_moment_ends_it_cleanly_and_all_that_was_said_is_delivered_before_the_last_word()
{
    const ROUNDS: u64 = 9;
    let mut moments = Budget::new(1);
    for round in 0..ROUNDS {
        let mut server = TestServer::start(&["--rate-limit", "0", "--replay", "0"]);
        let watchers: Vec<_> = (0..2).map(|i| server.join(&format!("watcher{i}"))).collect();
        let heard = std::thread::scope(|scope| {
            let address = server.address;
            (0..4).for_each(|who| drop(scope.spawn(move || come_and_go(address, who))));
            let hearing = watchers.into_iter().map(|w| scope.spawn(|| said_until_the_end(w)));
            let hearing: Vec<_> = hearing.collect();
            std::thread::sleep(Duration::from_micros(moments.next(100_000)));
            signal(["-TERM", "-INT", "-QUIT"][(round % 3) as usize], server.id());
            assert_eq!(server.status(), Some(0), "round {round}");
            hearing.into_iter().map(|watcher| watcher.join().expect("no panic")).collect::<Vec<_>>()
        });
        for (_, last) in &heard {
            assert_eq!(last.as_deref(), Some("-- the server is shutting down"), "round {round}");
        }
        assert_eq!(heard[0].0, heard[1].0, "round {round}");
    }
}

/// A member that has been brought more than its system and the server's hold for it, and reads none of
/// it yet; and how many lines that was.
fn one_who_is_behind(server: &TestServer, talker: &mut TestClient) -> (TestClient, usize) {
    let behind = server.join("behind");
    talker.expect("-- behind joined");
    let text = "x".repeat(4000);
    for number in 0..2000 {
        talker.send(format!("{number} {text}\n"));
    }
    talker.send("/who\n");
    talker.expect_start("-- 2 here: ");
    (behind, 2000)
}

#[test]
fn a_server_that_was_stopped_for_longer_than_its_patience_drops_nobody_who_reads_on() {
    let server = TestServer::start(&["--rate-limit", "0", "--stall-timeout", "3"]);
    let mut talker = server.join("talker");
    let (mut behind, lines) = one_who_is_behind(&server, &mut talker);
    signal("-STOP", server.id());
    // What is in the systems' buffers is taken, and the server does not get to know that.
    let mut first = vec![0; 16 * 1024 * 1024];
    let mut taken = 0;
    while let Ok(length @ 1..) = behind.stream.read(&mut first[taken..]) {
        taken += length;
    }
    std::thread::sleep(Duration::from_secs(4));
    signal("-CONT", server.id());
    let heard = first[..taken].iter().filter(|&&byte| byte == b'\n').count();
    talker.send("awake\n");
    let rest = std::iter::from_fn(|| behind.line()).take_while(|line| line != "<talker> awake");
    assert!(heard < lines, "there was nothing left to wait for");
    assert_eq!(heard + rest.count(), lines);
    talker.send("/who\n");
    talker.expect("-- 2 here: behind, talker");
}

/// Runs the server with a record of the files that it opens and of whom it connects to.
fn traced(record: &Path) -> Option<Command> {
    let trace = |program: &str| {
        let mut command = Command::new("strace");
        // The program is our own child, and strace its, so that ending the one ends the other.
        command.args(["-D", "-f", "-s", "200", "-e", "trace=connect,open,openat,write", "-o"]);
        command.arg(record).arg(program).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env("CHATROOM_TLS", "off");
        command
    };
    if !trace("true").status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: no strace, or none that may");
        return None;
    }
    let mut command = trace(chatserver_path());
    command.args(["127.0.0.1", "0"]);
    Some(command)
}

#[test]
fn nobodys_name_is_looked_up() {
    let record = folder("lookup").join("trace");
    let Some(mut command) = traced(&record) else { return };
    let mut server = TestServer::run(&mut command);
    talk(&server);
    signal("-TERM", server.id());
    assert_eq!(server.status(), Some(0));
    // The record may be written a little later than the server ends.
    await_that(
        || std::fs::read_to_string(&record).unwrap_or_default(),
        |record| record.contains("shutting down"),
    );
    let record = std::fs::read_to_string(&record).expect("it was read just now");
    let (_, serving) = record.split_once("listening on ").expect("it says so");
    assert!(serving.contains("alice joined from"), "{serving}");
    for lookup in ["connect(", "/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf"] {
        assert!(!serving.contains(lookup), "{lookup}: {serving}");
    }
}
