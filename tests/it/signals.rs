//! Signals: what was ignored at the start stays ignored, none ends a program without a word, and an
//! operator asks with them for figures and for a new log file.
#![cfg(target_os = "linux")]

use std::cell::Cell;
use std::fs;
use std::process::{Command, Stdio};

use crate::common::peer::Peer;
use crate::common::process::{
    at_home, client_program, end, our_variables, server_program, signal, spawn, wait_for_text,
};
use crate::common::resources::await_that;
use crate::common::server::{SHARED_ROOM, TestServer, a_shared_room, chatserver_by};
use portable_pty::{CommandBuilder, PtySize, native_pty_system};

/// The server is there, and lets somebody in.
#[track_caller]
fn assert_serves(server: &TestServer, name: &str) {
    server.join(name).send("/quit\n");
    server.logs(&format!("{name} left"));
}

#[track_caller]
fn end_cleanly(mut server: TestServer) {
    signal("-TERM", server.id());
    assert_eq!(server.status(), Some(0));
}

#[test]
fn what_was_ignored_at_the_start_stays_ignored() {
    for (before, signals) in [
        ("trap '' HUP INT QUIT USR1;", &["-HUP", "-INT", "-QUIT", "-USR1"][..]),
        ("nohup ", &["-HUP"]),
    ] {
        let script = format!("{before} exec \"$0\" 127.0.0.1 0");
        let script = if before == "nohup " { "exec nohup \"$0\" 127.0.0.1 0" } else { &script };
        let server = TestServer::run(&mut chatserver_by(script));
        signals.iter().for_each(|name| signal(name, server.id()));
        assert_serves(&server, "alice");
        end_cleanly(server);
    }
}

#[test]
fn what_was_ignored_is_known_to_a_shell_where_the_system_does_not_tell_it() {
    let hides = "mount -t tmpfs none /proc";
    let serves =
        format!("{hides} && trap '' HUP && exec '{}' 127.0.0.1 0 --tls off", server_program());
    let unshare = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c", script]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    };
    if !unshare(hides).status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: no mounts of one's own on this system");
        return;
    }
    let server = TestServer::run(&mut unshare(&serves));
    signal("-HUP", server.id());
    assert_serves(&server, "alice");
    signal("-INT", server.id());
    server.logs("shutting down");
}

#[test]
fn no_signal_is_a_silent_end() {
    let mut server = TestServer::start(&[]);
    for (name, told) in [
        (
            "-USR2",
            "SIGUSR2 means nothing here: SIGUSR1 asks for figures, SIGHUP for a new log file",
        ),
        ("-IO", "SIGIO means nothing here"),
        ("-PWR", "signal 30 means nothing here"),
        ("-40", "signal 40 means nothing here"),
        ("-HUP", "SIGHUP: there is no log file to open again"),
    ] {
        signal(name, server.id());
        server.logs(told);
    }
    assert_serves(&server, "alice");
    let mut bob = server.join("bob");
    signal("-ALRM", server.id());
    bob.expect("-- the server is shutting down");
    assert_eq!(server.status(), Some(1));
    let log = server.rest_of_the_log();
    let last: Vec<_> = log.iter().rev().take(2).rev().map(|line| line.split("] ").last()).collect();
    assert_eq!(
        last,
        [
            Some("chatserver has ended: ended by SIGALRM: its time is up"),
            Some("chatserver: ended by SIGALRM: its time is up")
        ]
    );
}

#[test]
fn a_log_file_that_may_not_grow_ends_nothing() {
    let log = crate::common::folder("signals", "too_large").join("log");
    // Blocks of 512 bytes, or of 1024.
    let script = format!("ulimit -f 1; exec \"$0\" 127.0.0.1 0 -v --log-file '{}'", log.display());
    let server = TestServer::run(&mut chatserver_by(&script));
    let mut alice = server.join("alice");
    alice.send(format!("{}\n", "x".repeat(1100)));
    let told = server.logs("cannot write the log");
    assert!(told.ends_with("file too large; going on without it"), "{told}");
    assert_serves(&server, "bob");
    end_cleanly(server);
    let text = fs::read_to_string(&log).expect("it is there");
    assert!(text.ends_with('\n'), "{text}");
}

#[test]
fn the_figures_are_a_line_in_the_log() {
    let server = TestServer::start(&["--away-timeout", "3600"]);
    let mut alice = server.join("alice");
    let lost = crate::common::program::join(&server, "lost");
    lost.client.finish();
    server.logs("lost is away");
    signal("-USR1", server.id());
    let told = server.logs(" in the last minute");
    let told = told.strip_prefix("[INFO ] ").expect(&told);
    let start =
        "2 members, 1 of them disconnected; 0 lines, 0 bytes in the last minute (0 a second); ";
    assert!(told.starts_with(start), "{told}");
    assert!(told.contains(" of 16 MB remembered, "), "{told}");
    assert!(
        told.contains(" MB in all; no history; nobody is held back; running since 20"),
        "{told}"
    );
    alice.send("four\n".repeat(10) + "/me acts\n/msg lost psst\n");
    alice.expect_start("-- lost joined");
    alice.expect("[you -> lost] psst");
    // More than may come at once, for some seconds.
    alice.send("/nosuch\n".repeat(1500));
    server.logs("is held back to 100 lines");
    signal("-USR1", server.id());
    let told = server.logs(" in the last minute");
    assert!(told.contains("; 12 lines, 48 bytes in the last minute (0.2 a second); "), "{told}");
    assert!(told.contains("; held back: alice; running since "), "{told}");
}

#[test]
fn hang_ups_open_the_log_again_unless_the_terminal_is_gone() {
    let folder = crate::common::folder("signals", "terminal");
    let log = folder.join("log");
    let mut command = CommandBuilder::new(server_program());
    command.args(["127.0.0.1", "0", "--tls", "off", "--log-file", "log"]);
    command.cwd(&folder);
    our_variables().for_each(|name| command.env_remove(name));
    if let Some(room) = a_shared_room() {
        command.env(SHARED_ROOM, room);
    }
    let window = native_pty_system().openpty(PtySize::default()).expect("a pseudo-terminal");
    let mut server = window.slave.spawn_command(command).expect("the server starts");
    wait_for_text(&log, "listening on ");
    fs::rename(&log, folder.join("log.1")).expect("ours");
    signal("-HUP", server.process_id().expect("it runs"));
    wait_for_text(&log, "SIGHUP: the log file is opened again");
    // The window is closed.
    drop(window);
    await_that(
        || fs::read_to_string(&log).unwrap_or_default(),
        |text| text.ends_with("[INFO ] chatserver has ended\n"),
    );
    let text = fs::read_to_string(&log).expect("it is there");
    assert!(text.contains("[INFO ] the terminal is gone"), "{text}");
    assert!(server.wait().expect("it is our child").success());
}

#[test]
fn a_log_file_that_was_renamed_is_followed_by_a_new_one() {
    let log = crate::common::folder("signals", "renamed").join("log");
    let server = TestServer::start(&["--log-file", &log.display().to_string()]);
    let old = log.with_extension("1");
    assert_serves(&server, "alice");
    fs::rename(&log, &old).expect("ours");
    // It looks once in a second, when there is something to be written.
    let visits = Cell::new(0);
    await_that(
        || {
            visits.set(visits.get() + 1);
            assert_serves(&server, &format!("bob{}", visits.get()));
            fs::read_to_string(&log).unwrap_or_default()
        },
        |text| text.contains(" left"),
    );
    end_cleanly(server);
    let [old, new] = [&old, &log].map(|path| fs::read_to_string(path).expect("it is there"));
    let records = old.lines().chain(new.lines()).filter(|line| line.contains(" left (")).count();
    assert_eq!(records, visits.get() + 1, "nothing is lost:\n{old}\n{new}");
    assert!(new.ends_with("[INFO ] chatserver has ended\n"), "{new}");
}

#[test]
fn a_client_keeps_ignoring_what_it_was_started_to_ignore_and_nothing_ends_it_silently() {
    let peer = Peer::listen();
    let [host, port] = peer.arguments();
    let folder = crate::common::folder("signals", "client");
    let script = format!(
        "trap '' HUP INT; exec '{}' --reconnect --name alice {host} {port}",
        client_program()
    );
    let mut command = Command::new("sh");
    at_home(&mut command, &folder).args(["-c", &script]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut client = spawn(&mut command);
    let mut server = peer.accept_as("alice");
    for name in ["-HUP", "-INT", "-USR1", "-USR2", "-PWR", "-41"] {
        signal(name, client.id());
    }
    std::io::Write::write_all(client.stdin.as_mut().expect("piped"), b"still here\n")
        .expect("it reads");
    server.hear("still here\n");
    signal("-ALRM", client.id());
    server.hear_quit();
    server.close();
    let (status, _, err) = end(client);
    let told = "chatclient: ended by SIGALRM: its time is up\n".to_owned();
    assert_eq!((status, err), (Some(1), told));
    let log = fs::read_to_string(folder.join("client.log")).expect("it is there");
    assert!(log.contains("[INFO ] SIGUSR2 means nothing here"), "{log}");
}
