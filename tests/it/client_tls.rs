//! `chatclient` over TLS, on this machine, where it takes `--tls` or a fingerprint: texts, statuses, and what becomes
//! of a session when the connection is cut or leads elsewhere. What a client does far away: `client_tls_far`.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};

use crate::common::peer::{Peer, TOKEN};
use crate::common::process::{
    Running, at_home, client_program, end, run, spawn, without_our_variables,
};
use crate::common::server::TestServer;
use crate::common::terminal::Terminal;
use crate::common::terminator::{Identity, Manner, Terminator};

fn folder(test: &str) -> PathBuf {
    crate::common::folder("client_tls", test)
}

/// The file of known servers of a client that has this folder for its home.
fn known(home: &Path) -> PathBuf {
    home.join("chatroom").join("known_servers")
}

/// A client in a pipe, at home in this folder.
fn client(home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(client_program());
    command.args(["--name", "alice", "--log-level", "off"]).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    without_our_variables(&mut command);
    at_home(&mut command, home);
    command
}

/// Has a client say this; its status, output and complaints.
#[track_caller]
fn say(command: &mut Command, text: &str) -> (Option<i32>, String, String) {
    let mut child = spawn(command);
    feed(&mut child, text);
    end(child)
}

fn feed(child: &mut Running, text: &str) {
    let mut stdin = child.stdin.take().expect("it is piped");
    // One that ends at once reads nothing.
    stdin.write_all(text.as_bytes()).ok();
}

fn usual() -> Identity {
    Identity::new("chatroom")
}

fn today() -> String {
    chrono::Local::now().date_naive().to_string()
}

/// What a client is told whose server has another key than before.
fn changed(at: &Terminator, before: &Identity, now: &Identity, since: &str) -> String {
    let [host, port] = at.arguments();
    format!(
        "chatclient: THE SERVER AT {host}:{port} HAS A DIFFERENT KEY THAN BEFORE. Nothing was sent.\n  \
         before  {}   since {since}\n  now     {}\n\
         Somebody may be listening in. Or the server was reinstalled, or another machine has its \
         address now.\n\
         Ask whoever runs it: 'chatserver --fingerprint' prints the key there. If it is the new one, \
         type\n  chatclient --forget {host} {port}\n",
        before.key, now.key
    )
}

#[test]
fn the_key_is_told_at_the_first_contact_and_a_program_hears_no_more_of_it() {
    let home = folder("first");
    let server = TestServer::start(&[]);
    let mut bob = server.join("bob");
    let identity = usual();
    let terminator = Terminator::start(server.address, Manner::Offers(identity.clone()));
    let [host, port] = terminator.arguments();
    let told = format!("chatclient: encrypted; new server, its key is {}\n", identity.key);
    for told in [told.as_str(), ""] {
        let (status, _, err) = say(&mut client(&home, &["--tls", &host, &port]), "hi\n");
        assert_eq!((status, err.as_str()), (Some(0), told));
        for line in ["-- alice joined", "<alice> hi", "-- alice left"] {
            bob.expect(line);
        }
    }
    let line = format!("{host}:{port} key:{} {}", identity.key.whole(), today());
    let kept = fs::read_to_string(known(&home)).expect("it is there");
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(kept.lines().skip(1).map(words).collect::<Vec<_>>(), [line]);
    assert_eq!(terminator.plain(), "");
    terminator.expect_told_ends(2);
}

#[test]
fn another_key_than_before_is_refused_with_both_keys_and_what_to_do() {
    let home = folder("changed");
    let server = TestServer::start(&[]);
    let [before, now] = [usual(), usual()];
    let terminator = Terminator::start(server.address, Manner::Offers(before.clone()));
    let [host, port] = terminator.arguments();
    let arguments = ["--tls", &host, &port];
    assert_eq!(say(&mut client(&home, &arguments), "hi\n").0, Some(0));
    terminator.be(Manner::Offers(now.clone()));
    let text = changed(&terminator, &before, &now, &today());
    let refused = (Some(3), String::new(), text);
    assert_eq!(say(&mut client(&home, &arguments), "hi\n"), refused);
    // The server that one knows as another one is told.
    let kept = fs::read_to_string(known(&home)).expect("it is there");
    let other = format!("192.168.1.9:5000 key:{} 2026-11-27\n", now.key.whole());
    fs::write(known(&home), kept + &other).expect("ours");
    let (status, _, err) = say(&mut client(&home, &arguments), "hi\n");
    assert_eq!(status, Some(3));
    assert_eq!(err.lines().nth(3), Some("That is the server you know as 192.168.1.9:5000."));
    // What is told to be typed helps.
    let forgotten = run(&mut client(&home, &["--forget", &host, &port]));
    let told = format!("the server at {host}:{port} is forgotten\n");
    assert_eq!(forgotten, (Some(0), told, String::new()));
    let (status, _, err) = say(&mut client(&home, &arguments), "hi\n");
    let known_as = "chatclient: encrypted; this is the server you know as 192.168.1.9:5000\n";
    assert_eq!((status, err.as_str()), (Some(0), known_as));
    let known = run(&mut client(&home, &["--known"]));
    let listed = format!(
        "192.168.1.9:5000   {key}   2026-11-27\n{:<16}   {key}   {}\n",
        format!("{host}:{port}"),
        today(),
        key = now.key
    );
    assert_eq!(known, (Some(0), listed, String::new()));
}

#[test]
fn a_server_without_tls_is_refused_where_tls_is_asked_for_or_was_spoken() {
    let home = folder("no_tls");
    let server = TestServer::start(&[]);
    let terminator = Terminator::start(server.address, Manner::Plain);
    let [host, port] = terminator.arguments();
    let arguments = ["--tls", &host, &port];
    let text =
        format!("chatclient: the server at {host}:{port} does not encrypt. Nothing was sent.\n");
    assert_eq!(say(&mut client(&home, &arguments), "hi\n"), (Some(3), String::new(), text.clone()));
    let fingerprint = usual().key.to_string();
    let mut by_environment = client(&home, &[&host, &port]);
    by_environment.env("CHATROOM_FINGERPRINT", &fingerprint);
    assert_eq!(say(&mut by_environment, "hi\n"), (Some(3), String::new(), text));
    terminator.be(Manner::Offers(usual()));
    assert_eq!(say(&mut client(&home, &arguments), "hi\n").0, Some(0));
    terminator.be(Manner::Plain);
    let text = format!(
        "chatclient: the server at {host}:{port} answers without encryption, and was encrypted before. \
         Nothing was sent.\n\
         Somebody may be listening in. Or the server no longer encrypts. Ask whoever runs it; if that is \
         so, type\n  chatclient --forget {host} {port}\n"
    );
    assert_eq!(say(&mut client(&home, &arguments), "hi\n"), (Some(3), String::new(), text));
    terminator.be(Manner::Closes);
    let (status, _, err) = say(&mut client(&home, &arguments), "hi\n");
    assert_eq!(status, Some(1));
    assert!(err.starts_with("chatclient: lost the connection to "), "{err}");
    assert!(!terminator.plain().contains("hi"), "{}", terminator.plain());
}

#[test]
fn with_a_fingerprint_only_the_server_with_that_key_is_talked_to() {
    let home = folder("fingerprint");
    let server = TestServer::start(&[]);
    let [right, other] = [usual(), usual()];
    let terminator = Terminator::start(server.address, Manner::Offers(right.clone()));
    let [host, port] = terminator.arguments();
    let shown = right.key.to_string();
    for form in [shown.clone(), shown.to_uppercase().replace('-', ""), right.key.whole()] {
        let mut client = client(&home, &["--fingerprint", &form, &host, &port]);
        assert_eq!(say(&mut client, "hi\n").0, Some(0), "{form}");
    }
    terminator.be(Manner::Offers(other.clone()));
    let text = format!(
        "chatclient: the server at {host}:{port} does not have the key {shown}, but {}. Nothing was sent.\n",
        other.key
    );
    let mut client = client(&home, &["--fingerprint", &shown, &host, &port]);
    assert_eq!(say(&mut client, "hi\n"), (Some(3), String::new(), text));
    assert!(!known(&home).exists());
}

#[test]
fn a_key_of_one_run_proves_nothing_and_that_is_told() {
    let home = folder("one_run");
    let server = TestServer::start(&[]);
    let identity = Identity::new("chatroom, this run only");
    let terminator = Terminator::start(server.address, Manner::Offers(identity));
    let [host, port] = terminator.arguments();
    for _ in 0..2 {
        let (status, _, err) = say(&mut client(&home, &["--tls", &host, &port]), "hi\n");
        let text = "chatclient: encrypted, but its key is new at each start: nobody can tell whether it \
                    is the same server\n";
        assert_eq!((status, err.as_str()), (Some(0), text));
    }
    assert!(!known(&home).exists());
}

#[test]
fn what_does_not_go_together_is_wrong_usage() {
    let home = folder("usage");
    let key = usual().key.to_string();
    let form = "it must be a fingerprint, as in k3vqd-7m2xa-pz6lt-4wbne";
    for (arguments, part) in [
        (vec!["--plain", "--tls"], "'--plain' cannot be used with"),
        (vec!["--plain", "--fingerprint", &key], "'--plain' cannot be used with"),
        (vec!["--fingerprint", "k3vqd"], form),
        (vec!["--forget", "--known"], "cannot be used with"),
    ] {
        let (status, _, err) = run(&mut client(&home, &arguments));
        assert_eq!((status, err.lines().count()), (Some(2), 1), "{err}");
        assert!(err.contains(part), "{err}");
    }
    let forgotten = run(&mut client(&home, &["--forget", "192.168.1.7", "5000"]));
    let told = "chatclient: no server is known at 192.168.1.7:5000\n".to_owned();
    assert_eq!(forgotten, (Some(1), String::new(), told));
    assert_eq!(run(&mut client(&home, &["--known"])), (Some(0), String::new(), String::new()));
}

#[test]
fn a_place_that_cannot_be_written_is_told_and_the_chat_goes_on() {
    let home = folder("unwritable");
    let server = TestServer::start(&[]);
    let identity = usual();
    let terminator = Terminator::start(server.address, Manner::Offers(identity.clone()));
    let [host, port] = terminator.arguments();
    // Not even root makes a folder where a file is.
    fs::write(home.join("chatroom"), "").expect("ours");
    let (status, _, err) = say(&mut client(&home, &["--tls", &host, &port]), "hi\n");
    assert_eq!(status, Some(0), "{err}");
    let lines: Vec<&str> = err.lines().collect();
    let path = known(&home).display().to_string();
    let starts = [
        format!(
            "chatclient: cannot keep a key for your names ({}: ",
            home.join("chatroom").display()
        ),
        format!("chatclient: cannot remember servers in {path}: "),
    ];
    for (line, start) in lines.iter().zip(&starts) {
        assert!(line.starts_with(start) && line.ends_with("; going on without it"), "{err}");
    }
    let told = format!("chatclient: encrypted; new server, its key is {}", identity.key);
    assert_eq!(lines[2..], [told]);
}

/// A root that vouches for names, and a certificate of it for this machine's.
fn vouched(home: &Path, year_of_end: i32) -> (Identity, PathBuf) {
    let root_key = KeyPair::generate().expect("there are random numbers");
    let mut root = CertificateParams::new(Vec::new()).expect("no name");
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let path = home.join("root.pem");
    fs::write(&path, root.self_signed(&root_key).expect("a root").pem()).expect("ours");
    let pair = KeyPair::generate().expect("there are random numbers");
    let mut params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(year_of_end, 1, 1);
    let issuer = Issuer::new(root, root_key);
    let certificate = params.signed_by(&pair, &issuer).expect("a certificate");
    (Identity::with(certificate.der().clone(), &pair), path)
}

/// Other systems have their roots in places of their own.
#[cfg(target_os = "linux")]
#[test]
fn a_certificate_that_the_system_accepts_for_a_name_is_as_good_as_a_key_until_it_is_not_valid() {
    let home = folder("vouched");
    let server = TestServer::start(&[]);
    let (identity, root) = vouched(&home, 4000);
    let terminator = Terminator::start(server.address, Manner::Offers(identity));
    let port = terminator.address.port().to_string();
    let client = || {
        let mut client = client(&home, &["--tls", "localhost", &port]);
        client.env("SSL_CERT_FILE", &root).env_remove("SSL_CERT_DIR");
        client
    };
    for _ in 0..2 {
        let (status, _, err) = say(&mut client(), "hi\n");
        assert_eq!((status, err.as_str()), (Some(0), ""));
    }
    let kept = fs::read_to_string(known(&home)).expect("it is there");
    let words: Vec<_> = kept.lines().nth(1).expect("a line").split_whitespace().collect();
    assert_eq!(words, [&format!("localhost:{port}"), "ca", &today()]);
    // Renewed, with another key.
    let (renewed, new_root) = vouched(&home, 4000);
    assert_eq!(new_root, root);
    terminator.be(Manner::Offers(renewed));
    assert_eq!(say(&mut client(), "hi\n").0, Some(0));
    let (expired, _) = vouched(&home, 2021);
    for (identity, why) in [
        (expired, "it has expired"),
        (usual(), "no authority that this system knows vouches for it"),
    ] {
        terminator.be(Manner::Offers(identity));
        let text = format!(
            "chatclient: the server at localhost:{port} has no valid certificate ({why}), and had one \
             before. Nothing was sent.\n\
             Somebody may be listening in. Or its certificate was not renewed. Ask whoever runs it; to \
             trust its key instead, type\n  chatclient --forget localhost {port}\n"
        );
        assert_eq!(say(&mut client(), "hi\n"), (Some(3), String::new(), text));
    }
}

#[test]
fn a_session_goes_on_over_tls_alone_and_loses_and_doubles_nothing() {
    const LINES: usize = 3000;
    let home = folder("cuts");
    let server = TestServer::start(&["--rate-limit", "0"]);
    let mut bob = server.join("bob");
    let terminator = Terminator::start(server.address, Manner::Offers(usual()));
    let [host, port] = terminator.arguments();
    let mut client = client(&home, &["--tls", "--reconnect", &host, &port]);
    let mut child = spawn(&mut client);
    let mut stdin = child.stdin.take().expect("it is piped");
    bob.expect("-- alice joined");
    let line = |number: usize| format!("{number} {}", "x".repeat(number % 100 + 1));
    // The client's farewell is not to be cut: it has its last line when the last cut is over.
    let (cuts, last_cut) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for number in 0..LINES {
                if number == LINES - 1 {
                    last_cut.iter().take(LINES / 1000).for_each(drop);
                }
                writeln!(stdin, "{}", line(number)).expect("it reads");
            }
        });
        for number in 0..LINES {
            bob.expect(&format!("<alice> {}", line(number)));
            if number % 1000 == 500 {
                terminator.cut();
                cuts.send(()).expect("it waits for that");
            }
        }
    });
    let (status, _, err) = end(child);
    assert_eq!(status, Some(0), "{err}");
    bob.expect("-- alice left");
    assert_eq!(terminator.plain(), "", "not even the beginning of a word");
}

#[test]
fn the_token_is_never_given_to_a_server_in_plain_or_with_another_key() {
    for (test, manner) in [("token_plain", Manner::Plain), ("token_key", Manner::Offers(usual()))] {
        let home = folder(test);
        let peer = Peer::listen();
        let terminator = Terminator::start(peer.address(), Manner::Offers(usual()));
        let [host, port] = terminator.arguments();
        let mut client = client(&home, &["--tls", "--reconnect", &host, &port]);
        let child = spawn(&mut client);
        let mut server = peer.accept_as("alice");
        server.say("<bob> hi\n");
        terminator.be(manner);
        terminator.cut();
        drop(server);
        // Where the attacker takes it to the server, that greets it.
        if test == "token_plain" {
            let mut server = peer.accept();
            server.say(crate::common::peer::BANNER);
            assert!(!server.hear_the_end().contains(TOKEN));
        }
        let (status, _, err) = end(child);
        assert_eq!(status, Some(3), "{err}");
        assert!(!terminator.plain().contains(TOKEN), "{}", terminator.plain());
    }
}

/// A server that is no room of ours has no line ends to count on, so its last words count as a line, unless they may
/// have been cut.
#[test]
fn half_a_line_is_dropped_where_the_connection_was_cut() {
    for (test, is_cut) in [("half_cut", true), ("half_told", false)] {
        let home = folder(test);
        let peer = Peer::listen();
        let terminator = Terminator::start(peer.address(), Manner::Offers(usual()));
        let [host, port] = terminator.arguments();
        let child = spawn(&mut client(&home, &["--tls", "--listen", &host, &port]));
        let mut server = peer.accept();
        server.say("Welcome\nattack at dawn, but only if");
        // So that it has arrived.
        std::thread::sleep(std::time::Duration::from_millis(300));
        if is_cut {
            terminator.cut();
        }
        server.close();
        let (status, out, err) = end(child);
        assert_eq!(status, Some(1));
        let expected = if is_cut { "Welcome\n" } else { "Welcome\nattack at dawn, but only if\n" };
        assert_eq!(out, expected, "{err}");
        assert_eq!(err.contains(": it was cut; try again"), is_cut, "{err}");
    }
}

/// A client in a terminal under a shell that says with what status it has ended.
fn in_terminal(home: &Path, terminator: &Terminator) -> Terminal {
    let (client, [host, port]) = (client_program(), terminator.arguments());
    let script =
        format!("'{client}' --tls --name alice --log-level off {host} {port}; echo status=$?");
    Terminal::start(100, 12, home, &["sh", "-c", &script])
}

#[cfg(unix)]
#[test]
fn a_terminal_shows_the_key_first_then_that_it_is_known_and_again_to_whoever_asks() {
    let home = folder("terminal");
    let server = TestServer::start(&[]);
    let identity = usual();
    let terminator = Terminator::start(server.address, Manner::Offers(identity.clone()));
    let key = identity.key;
    let first = format!("-- encrypted; new server, its key is {key}");
    let again = format!("-- encrypted; known server, its key is {key}");
    for (told, answer) in [(first.as_str(), first.as_str()), ("-- encrypted", again.as_str())] {
        let mut terminal = in_terminal(&home, &terminator);
        terminal.shows_what(told, |rows| {
            rows.contains(&format!("{told}\n-- chatroom 1: welcome (/help for the commands)\n"))
                && rows.ends_with("\nalice> |")
        });
        terminal.press("/server\r");
        terminal.shows(&[answer, "alice> |"]);
        terminal.press("/quit\r");
        terminal.shows(&["status=0", "|"]);
    }
    terminator.expect_told_ends(2);
}

#[cfg(unix)]
#[test]
fn a_terminal_is_restored_before_it_is_told_that_another_server_has_answered() {
    let home = folder("terminal_changed");
    let peer = Peer::listen();
    let [before, now] = [usual(), usual()];
    let terminator = Terminator::start(peer.address(), Manner::Offers(before.clone()));
    let mut terminal = in_terminal(&home, &terminator);
    let mut server = peer.accept_person("alice", &[]);
    terminal.shows_what("the prompt", |rows| rows.ends_with("\nalice> |"));
    server.withhold_receipts();
    terminal.press("is this heard?\r");
    server.hear("is this heard?\n");
    terminator.be(Manner::Offers(now.clone()));
    terminator.cut();
    let text = changed(&terminator, &before, &now, &today());
    let [host, port] = terminator.arguments();
    let unconfirmed =
        format!("chatclient: nothing shows that {host}:{port} has taken the last line");
    let expected = format!("{text}{unconfirmed}\nstatus=3\n|");
    let expected: Vec<&str> = expected.lines().collect();
    terminal.shows(&expected);
}
