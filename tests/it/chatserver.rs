//! `chatserver` as a program: its arguments, its log, its signals, its limits, and how it ends.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
#[cfg(target_os = "linux")]
use std::process::Stdio;
use std::time::Duration;

use chatroom::server::Durability;
use chatroom::server::history::trial;

#[cfg(target_os = "linux")]
use crate::common::process::assert_never_wakes;
#[cfg(unix)]
use crate::common::process::signal;
use crate::common::process::{UNKNOWN_HOST, run, spawn, wait_for_text};
#[cfg(unix)]
use crate::common::server::chatserver_by;
use crate::common::server::{TestServer, chatserver};

/// A path in an empty folder for the test of that name.
fn file(test: &str) -> PathBuf {
    crate::common::folder("chatserver", test).join("chatserver.log")
}

#[test]
fn what_it_cannot_do_is_one_line_that_says_what_to_do_and_status_1() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = &taken.local_addr().expect("it is bound").port().to_string();
    let no_folder = file("errors").with_file_name("nowhere").join("log").display().to_string();
    let cases: &[(&[&str], &str, &str)] = &[
        (
            &["127.0.0.1", port],
            &format!("cannot listen on 127.0.0.1:{port}: "),
            "; choose another port, or 0 for any free one",
        ),
        // An address for documentation, which is no machine's (RFC 5737).
        (
            &["192.0.2.1", "0"],
            "cannot listen on 192.0.2.1:0: ",
            "; use one of this machine's addresses, 127.0.0.1 for this machine alone or 0.0.0.0 \
             for everyone who can reach it",
        ),
        (&["\x1b[31mred\nhost"], "cannot find the host redhost: ", "; check the name"),
        (&[UNKNOWN_HOST], &format!("cannot find the host {UNKNOWN_HOST}: "), "; check the name"),
        (
            &["127.0.0.1", "0", "--log-file", &no_folder],
            &format!("cannot write the log {no_folder}: "),
            "; make its folder first, or name another file",
        ),
    ];
    for (arguments, start, advice) in cases {
        let (status, out, err) = run(chatserver().args(*arguments));
        assert_eq!((status, out.as_str()), (Some(1), ""), "{arguments:?}");
        assert!(err.starts_with(&format!("chatserver: {start}")), "{arguments:?}: {err}");
        assert!(err.ends_with(&format!("{advice}\n")), "{arguments:?}: {err}");
        assert_eq!(err.lines().count(), 1, "{arguments:?}: {err}");
    }
}

/// What `chatserver --health-check` says of the server on this port.
fn health(port: u16) -> (Option<i32>, String, String) {
    run(chatserver().args(["--health-check", "0.0.0.0", &port.to_string()]))
}

#[test]
fn a_health_check_is_answered_and_neither_seen_nor_logged() {
    // The server may not have noticed yet that the last one is gone.
    let server = TestServer::start(&["--max-clients", "4"]);
    let mut alice = server.join("alice");
    let banner = "-- chatroom 1: welcome (/help for the commands)\n";
    for _ in 0..20 {
        assert_eq!(health(server.address.port()), (Some(0), banner.to_owned(), String::new()));
    }
    let others = ["bob", "carol", "dave"].map(|name| server.join(name));
    alice.expect("-- bob joined");
    let log = server.log_up_to("dave joined");
    assert!(log[2].contains("listening on") && log[3].contains("alice joined"), "{log:#?}");
    assert_eq!(log.len(), 7, "{log:#?}");
    let full = "!! the room is full (4 clients)\n";
    assert_eq!(health(server.address.port()), (Some(0), full.to_owned(), String::new()));
    // Where the asker's own address is a proxy's, it says that it is nobody's client.
    let server = TestServer::start(&["--proxy", "127.0.0.1"]);
    let port = server.address.port().to_string();
    let outcome =
        run(chatserver().args(["--health-check", "0.0.0.0", &port, "--proxy", "127.0.0.1"]));
    assert_eq!(outcome, (Some(0), banner.to_owned(), String::new()));
    drop(others);
}

#[test]
fn a_health_check_fails_where_nobody_answers_or_somebody_else() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let answer = |text: &'static str| {
        let listener = listener.try_clone().expect("it can be cloned");
        let peer = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("it is asked");
            std::io::Write::write_all(&mut stream, text.as_bytes()).expect("it listens");
        });
        let outcome = health(address.port());
        peer.join().expect("it has answered");
        outcome
    };
    for (text, said) in [
        ("HTTP/1.1 400 Bad Request\r\n", "it says \"HTTP/1.1 400 Bad Request\""),
        ("-- chatroom 1: wel", "it says \"-- chatroom 1: wel\""),
        ("-- chatroom 2: welcome\n", "it says \"-- chatroom 2: welcome\""),
        ("", "it says nothing"),
    ] {
        let complaint = format!("chatserver: {address} is no chat room: {said}\n");
        assert_eq!(answer(text), (Some(1), String::new(), complaint));
    }
    drop(listener);
    let (status, _, complaint) = health(address.port());
    let start = format!("chatserver: cannot connect to {address}: ");
    assert!(status == Some(1) && complaint.starts_with(&start), "{status:?}: {complaint}");
}

#[test]
fn wrong_usage_is_one_line_that_says_what_is_right_and_status_2() {
    let port = "it must be a number from 0 to 65535; 0 is any free one";
    let size = "it must be from 1M to 64G, in bytes or with K, M or G";
    let cases: &[(&[&str], &str)] = &[
        (&["5000"], "that is a port; give the address first: 127.0.0.1 5000"),
        (&[":5000"], "that is a port; give the address first: 127.0.0.1 5000"),
        (&["", "5000"], "give an address or a host name"),
        (&["127.0.0.1", "65536"], port),
        (&["127.0.0.1", "http"], port),
        (&["127.0.0.1", "-1"], port),
        (&["127.0.0.1:5000"], "give the port as a word of its own: 127.0.0.1 5000"),
        (&["127.0.0.1", "1", "more"], "unexpected argument 'more' found"),
        (&["--frob"], "unexpected argument '--frob' found"),
        (&["--max-client", "5"], "a similar argument exists: '--max-clients'"),
        (&["--max-clients", "0"], "it must be a number from 1 to 100000"),
        (&["--max-line", "9"], "it must be a number from 16 to 65536"),
        (&["--memory", "1"], size),
        (&["--stall-timeout", "0"], "it must be a number from 1 to 86400"),
        (&["--keep", "90"], "it must be forever, or from 1h to 100y with h, d or y"),
        (&["--keep-size", "1M"], "it must be from 16M to 16T, in bytes or with K, M, G or T"),
        (&["--durability", "fire"], "[possible values: crash, power]"),
        (
            &["--export", "x", "--since", "today"],
            "it must be a day or a time, as in 2026-11-28 or 2026-11-28T14:05",
        ),
        (&["--since", "2026-11-28"], "arguments were not provided: --export <FILE>"),
        (&["--export", "x", "--health-check"], "cannot be used with"),
        (&["--log-level", "loud"], "it must be off, error, warn, info, debug or trace"),
    ];
    for (arguments, part) in cases {
        let (status, out, err) = run(chatserver().args(*arguments));
        assert_eq!((status, out.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(err.starts_with("chatserver: ") && err.contains(part), "{arguments:?}: {err}");
        assert!(err.ends_with("; see chatserver --help\n"), "{arguments:?}: {err}");
        assert_eq!(err.lines().count(), 1, "{arguments:?}: {err}");
    }
}

#[test]
fn an_export_is_a_file_of_what_was_said_and_what_is_there_already_stays() {
    let folder = crate::common::folder("chatserver", "export");
    let trial = trial::run(&folder, Durability::Crash, 1_000, Duration::from_millis(1));
    trial.expect("a history");
    let [history, text, json] =
        ["trial.db", "talk.txt", "talk.jsonl"].map(|name| folder.join(name));
    let export = |history: &Path, to: &Path| {
        run(chatserver().arg("--history").arg(history).arg("--export").arg(to))
    };
    let nothing = String::new;
    for to in [&text, &json] {
        assert_eq!(export(&history, to), (Some(0), nothing(), nothing()));
    }
    let lines = |path| std::fs::read_to_string(path).expect("it was written");
    let (text_lines, json_lines) = (lines(&text), lines(&json));
    let first = "<member2> 1 is what I say here, and no more";
    assert_eq!(&text_lines.lines().next().expect("a line")["2026-11-28 14:05:09 ".len()..], first);
    assert!(json_lines.starts_with("{\"seq\":1,\"time\":\""), "{json_lines:.99}");
    assert_eq!(text_lines.lines().count(), json_lines.lines().count());
    let (status, _, told) = export(&history, &text);
    let exists = format!("{}: it exists already; name another file", text.display());
    assert_eq!(
        (status, told),
        (Some(1), format!("chatserver: cannot write the export {exists}\n"))
    );
    assert_eq!(lines(&text), text_lines);
    let (status, _, told) = export(&folder.join("nothing.db"), &folder.join("new.txt"));
    assert!(told.ends_with("nothing.db: no such file\n"), "{told}");
    assert_eq!(status, Some(1));
    let (status, _, told) = export(Path::new("none"), &folder.join("new.txt"));
    let needs = "chatserver: --export needs a history: give its file with --history\n";
    assert_eq!((status, told.as_str()), (Some(2), needs));
}

#[test]
fn help_and_version_are_no_mistakes() {
    for (argument, part) in [("--help", "Examples:"), ("--version", "chatserver ")] {
        let (status, out, err) = run(chatserver().arg(argument));
        assert_eq!((status, err.as_str()), (Some(0), ""));
        assert!(out.contains(part), "{out}");
    }
}

#[test]
fn the_environment_stands_for_every_argument() {
    let log = file("environment");
    let mut command = chatserver();
    for (variable, value) in [
        ("ADDRESS", "127.0.0.1"),
        ("PORT", "0"),
        ("MAX_CLIENTS", "2"),
        ("MAX_PER_ADDRESS", "2"),
        ("PROXY", "192.0.2.9, 2001:db8::9"),
        ("MAX_LINE", "16"),
        ("RATE_LIMIT", "1"),
        ("REPLAY", "1"),
        ("MEMORY", "1M"),
        ("STALL_TIMEOUT", "1"),
        ("AWAY_TIMEOUT", "1"),
        ("HISTORY", "none"),
        ("KEEP", "forever"),
        ("KEEP_SIZE", "16M"),
        ("DURABILITY", "power"),
        ("LOG_LEVEL", "debug"),
        ("LOG_FILE", &log.display().to_string()),
    ] {
        command.env(format!("CHATROOM_{variable}"), value);
    }
    let server = TestServer::run(&mut command);
    let mut alice = server.join("alice");
    alice.send("first\nsecond\nof too many bytes\n");
    alice.expect("!! that line was too long and was not sent: the most is 16 bytes");
    server.logs("<alice> second");
    let mut bob = server.join("bob");
    bob.expect("-- the last line:");
    server.connect().expect("!! the room is full (2 clients)");
    alice.expect("-- bob joined");
    // Ten lines at once are within a limit of one a second.
    alice.send("again\n".repeat(12));
    alice.expect_start("-- slow down: ");
    wait_for_text(&log, "[DEBUG] <alice> first");
}

#[test]
fn a_room_for_everyone_warns_of_what_that_means() {
    let server = TestServer::run(chatserver().args(["0.0.0.0", "0"]));
    let warning = server.logs("[WARN ]");
    assert!(warning.ends_with(
        "everyone who can reach this machine can join, read and write: there are no passwords and \
         no encryption"
    ));
    server.join("alice");
    let log = server.log_up_to("alice joined");
    assert!(!log.iter().any(|line| line.contains("can read it")), "without a history: {log:?}");
}

#[test]
fn a_room_for_everyone_tells_from_when_on_everyone_can_read_its_history() {
    let folder = crate::common::folder("chatserver", "for-everyone");
    let trial = trial::run(&folder, Durability::Crash, 10, Duration::from_millis(1));
    trial.expect("a history");
    let history = folder.join("trial.db");
    // Noon is the same day wherever the test runs, or nearly.
    let database = rusqlite::Connection::open(&history).expect("it is SQLite's");
    database
        .execute("UPDATE event SET at = unixepoch('2026-08-30 12:00') * 1000 WHERE seq = 1", [])
        .expect("the oldest event");
    drop(database);
    let options = ["0.0.0.0", "0", "--keep", "forever", "--history"];
    let server = TestServer::run(chatserver().args(options).arg(&history));
    server.logs("everyone who can reach this machine");
    let told = server.logs("[WARN ]");
    assert!(
        told.ends_with("[WARN ] history: everyone who joins can read it from 2026-08-30 on"),
        "{told}"
    );
}

#[test]
fn what_kubernetes_sets_for_a_service_of_our_name_is_not_used_and_told() {
    let mut command = chatserver();
    command.env("CHATROOM_PORT", "tcp://10.96.0.7:5000").args(["127.0.0.1"]);
    // The usual port may be somebody's here.
    let mut process = spawn(&mut command);
    let log = BufReader::new(process.stderr.take().expect("it is piped"));
    let first = log.lines().map_while(Result::ok).next().expect("it says something");
    process.kill().ok();
    process.wait().expect("it is our child");
    let told = "[INFO ] CHATROOM_PORT is tcp://10.96.0.7:5000, which Kubernetes or Docker has set for a \
                service of that name; it is not used";
    assert!(first.ends_with(told), "{first}");
}

#[test]
fn it_tells_at_which_addresses_others_can_reach_it_behind_the_line_for_scripts() {
    let mut process = spawn(chatserver().args(["0.0.0.0", "0"]));
    let mut out = BufReader::new(process.stdout.take().expect("it is piped"));
    let mut line = String::new();
    out.read_line(&mut line).expect("it speaks");
    let port = line.trim_end().strip_prefix("listening on 0.0.0.0:").expect(&line).to_owned();
    let log = BufReader::new(process.stderr.take().expect("it is piped"));
    let is_address = |line: &str| line.contains("] others join with: ");
    let log: Vec<_> =
        log.lines().map_while(Result::ok).take_while(|it| !it.contains("[WARN ]")).collect();
    process.kill().ok();
    process.wait().expect("it is our child");
    let rest: Vec<_> = out.lines().map_while(Result::ok).collect();
    for line in &rest {
        let words: Vec<_> = line.split(' ').collect();
        let [rest @ .., address, its_port] = &words[..] else { panic!("{line}") };
        assert_eq!(
            (rest.join(" "), its_port),
            ("others join with: chatclient".to_owned(), &&*port)
        );
        let address: std::net::Ipv4Addr = address.parse().expect(line);
        assert!(!address.is_loopback() && !address.is_unspecified(), "{line}");
    }
    assert_eq!(log.iter().filter(|line| is_address(line)).count(), rest.len());
    assert!(log[2].ends_with(&format!("] listening on 0.0.0.0:{port}")), "{log:?}");
}

#[cfg(unix)]
#[test]
fn it_raises_the_limit_on_open_files_or_says_how_many_clients_fit() {
    let soft = "ulimit -Sn 40; exec \"$0\" 127.0.0.1 0 --max-clients 60";
    let server = TestServer::run(&mut chatserver_by(soft));
    let clients: Vec<_> = (0..50).map(|number| server.join(&format!("n{number}"))).collect();
    assert_eq!(clients.len(), 50);
    let hard = "ulimit -n 40; exec \"$0\" 127.0.0.1 0 --max-clients 60";
    let server = TestServer::run(&mut chatserver_by(hard));
    server.logs(
        "about 24 of 60 clients fit: the system lets this process have 40 files open (ulimit -n)",
    );
}

#[test]
fn an_empty_variable_is_none_and_a_bad_one_is_named() {
    let mut command = chatserver();
    command.args(["127.0.0.1", "0"]);
    for variable in ["MAX_CLIENTS", "PROXY", "MEMORY", "LOG_LEVEL", "LOG_FILE"] {
        command.env(format!("CHATROOM_{variable}"), "");
    }
    TestServer::run(&mut command).join("alice").send("/quit\n");
    let cases = [
        ("ADDRESS", "127.0.0.1:5000", "give the port as a word of its own: 127.0.0.1 5000"),
        ("PORT", "http", "it must be a number from 0 to 65535; 0 is any free one"),
        ("MAX_CLIENTS", "0", "it must be a number from 1 to 100000"),
        ("PROXY", "proxy.example", "it must be an IP address, such as 192.0.2.1"),
        ("MEMORY", "16MB", "it must be from 1M to 64G, in bytes or with K, M or G"),
        ("STALL_TIMEOUT", "-1", "it must be a number from 1 to 86400"),
        ("LOG_LEVEL", "loud", "it must be off, error, warn, info, debug or trace"),
    ];
    for (variable, value, what) in cases {
        let variable = format!("CHATROOM_{variable}");
        let (status, out, err) = run(chatserver().env(&variable, value));
        assert_eq!((status, out.as_str()), (Some(2), ""), "{variable}");
        assert!(err.starts_with(&format!("chatserver: invalid value '{value}' for ")), "{err}");
        let end = format!("{what} (from the environment's {variable}); see chatserver --help\n");
        assert!(err.ends_with(&end), "{err}");
        assert_eq!(err.lines().count(), 1, "{err}");
    }
}

#[test]
fn an_argument_goes_before_the_environment() {
    let mut command = chatserver();
    command.args(["127.0.0.1", "0", "-v"]);
    command.env("CHATROOM_PORT", "http").env("CHATROOM_LOG_LEVEL", "off");
    let server = TestServer::run(&mut command);
    server.join("alice").send("hello\n");
    server.logs("<alice> hello");
}

#[test]
fn it_listens_on_host_names_and_on_ipv6() {
    let server = TestServer::run(chatserver().args(["localhost", "0"]));
    assert!(server.address.ip().is_loopback());
    server.join("alice");
    if TcpListener::bind("[::1]:0").is_err() {
        return; // Not every machine has IPv6.
    }
    for address in ["::1", "[::1]"] {
        let server = TestServer::run(chatserver().args([address, "0"]));
        assert!(server.address.is_ipv6());
        server.join("alice");
    }
}

#[cfg(unix)]
#[test]
fn its_port_is_free_again_at_once() {
    let mut first = TestServer::start(&[]);
    let mut alice = first.join("alice");
    // The server closes first, so that its side of the connection lingers in the system.
    signal("-TERM", first.id());
    alice.expect("-- the server is shutting down");
    alice.expect_end();
    assert_eq!(first.status(), Some(0));
    let port = first.address.port().to_string();
    let second = TestServer::run(chatserver().args(["127.0.0.1", &port]));
    assert_eq!(second.address, first.address);
    second.join("bob");
}

#[cfg(unix)]
#[test]
fn either_signal_ends_it_cleanly_and_a_second_one_at_once() {
    for name in ["-INT", "-TERM"] {
        let mut server = TestServer::start(&[]);
        let mut alice = server.join("alice");
        signal(name, server.id());
        alice.expect("-- the server is shutting down");
        alice.expect_end();
        assert_eq!(server.status(), Some(0), "{name}");
    }
    let mut server = TestServer::start(&["--rate-limit", "0"]);
    let mut bob = server.join("bob");
    let stalled = server.join("stalled");
    for number in 0..2000 {
        bob.send(format!("{number} {}\n", "x".repeat(4000)));
    }
    bob.send("/who\n");
    bob.expect("-- stalled joined");
    bob.expect("-- 2 here: bob, stalled");
    // While it has something left to deliver.
    while server.is_running() {
        signal("-TERM", server.id());
    }
    assert_eq!(server.status(), Some(130));
    drop(stalled);
}

#[cfg(unix)]
#[test]
fn the_log_has_who_came_and_went_and_what_was_said_only_when_asked() {
    let log = file("log");
    let path = log.display().to_string();
    for options in [&["--log-file", &path][..], &["-v", "--log-file", &path]] {
        let mut server = TestServer::start(options);
        let mut alice = server.join("alice");
        server.logs("alice joined");
        let mut bob = server.join("bob");
        bob.send("/me waits\nsaid aloud\n/msg alice a secret\n/nick robert\n/quit good night\n");
        bob.expect("[you -> alice] a secret");
        alice.expect("-- bob joined");
        server.logs("robert left: good night");
        alice.finish();
        server.logs("alice left");
        signal("-TERM", server.id());
        assert_eq!(server.status(), Some(0));
        let end = server.rest_of_the_log();
        let texts: Vec<_> = end.iter().filter_map(|line| Some(line.split_once("] ")?.1)).collect();
        assert_eq!(texts, ["shutting down", "chatserver has ended"]);
    }
    let text = std::fs::read_to_string(&log).expect("it was written");
    assert!(!text.contains("secret"), "{text}");
    let records: Vec<&str> =
        text.lines().filter_map(|line| Some(line.split_once(' ')?.1)).collect();
    let with_peer = |record: &str| record.split("127.0.0.1:").next().unwrap_or(record).to_owned();
    let records: Vec<String> = records.into_iter().map(with_peer).collect();
    let quiet = [
        concat!("[INFO ] chatserver ", env!("CARGO_PKG_VERSION"), " begins"),
        "[INFO ] history: none (as asked for); what is said is gone when the server ends",
        "[INFO ] listening on ",
        "[INFO ] alice joined from ",
        "[INFO ] bob joined from ",
        "[INFO ] bob is now robert",
        "[INFO ] robert left: good night (",
        "[INFO ] alice left (",
        "[INFO ] shutting down",
        "[INFO ] chatserver has ended",
    ];
    assert_eq!(records[..quiet.len()], quiet);
    for said in ["[DEBUG] * bob waits", "[DEBUG] <bob> said aloud"] {
        assert_eq!(records.iter().filter(|record| *record == said).count(), 1, "{records:#?}");
    }
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&log).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
}

#[cfg(target_os = "linux")]
#[test]
fn a_log_that_cannot_be_written_or_is_held_up_holds_nobody_up() {
    let full = || std::fs::File::options().write(true).open("/dev/full").expect("Linux has it");
    // A pipe that nobody reads is like a terminal that was stopped with Ctrl+S.
    let (unread, held_up) = std::io::pipe().expect("a pipe");
    for stderr in [Stdio::from(full()), Stdio::null(), Stdio::from(held_up)] {
        let mut command = chatserver();
        command.args(["127.0.0.1", "0", "-v", "--log-file", "/dev/full"]).stderr(stderr);
        let mut server = TestServer::run(&mut command);
        let mut alice = server.join("alice");
        let mut bob = server.join("bob");
        alice.expect("-- bob joined");
        for number in 0..200 {
            bob.send(format!("{number} {}\n", "x".repeat(1000)));
        }
        for number in 0..200 {
            alice.expect_start(&format!("<bob> {number} x"));
        }
        signal("-TERM", server.id());
        alice.expect("-- the server is shutting down");
        alice.expect_end();
        assert_eq!(server.status(), Some(0));
    }
    drop(unread);
}

#[cfg(target_os = "linux")]
#[test]
fn a_log_on_a_full_disk_is_given_up_and_the_room_goes_on() {
    let server = TestServer::start(&["--log-file", "/dev/full"]);
    let told = server.logs("cannot write the log /dev/full: no space left on device");
    assert!(told.ends_with("; going on without it"), "{told}");
    let mut alice = server.join("alice");
    server.join("bob");
    alice.expect("-- bob joined");
}

#[cfg(unix)]
#[test]
fn without_sockets_to_spare_it_says_so_once_and_takes_the_next_client_when_it_can() {
    let mut command = chatserver_by("ulimit -n 20; exec \"$0\" 127.0.0.1 0");
    let mut server = TestServer::run(&mut command);
    let mut first = server.join("first");
    let mut waiting: Vec<_> = (0..20).map(|_| server.connect()).collect();
    server.logs("cannot take clients in: ");
    first.expect("-- guest1 joined");
    waiting.drain(..15);
    server.logs("clients can be taken in again");
    server.join("last").send("here\n");
    signal("-TERM", server.id());
    assert_eq!(server.status(), Some(0));
}

#[cfg(target_os = "linux")]
#[test]
fn an_idle_server_with_a_hundred_clients_never_wakes() {
    let server = TestServer::start(&[]);
    let clients: Vec<_> = (0..100).map(|i| server.join(&format!("c{i}"))).collect();
    assert_never_wakes(server.id());
    drop(clients);
}
