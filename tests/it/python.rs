//! The client and the bot of `examples/python`, which were made from docs/PROTOCOL.md alone.
#![cfg(unix)]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use chatroom::protocol::proof::{Binding, Nonce, PublicKey, Signature, verify};

use crate::common::peer::{BANNER, Peer};
use crate::common::process::{Running, end, run, spawn};
use crate::common::proxy::{Budget, Proxy};
use crate::common::server::{TestClient, TestServer, chatserver};

/// Whether there is a Python; without one, a test is skipped.
fn has_python() -> bool {
    let has = Command::new("python3").arg("--version").output().is_ok();
    if !has {
        eprintln!("skipped: there is no python3 here");
    }
    has
}

/// Starts the client as `alice` with this as its whole standard input; `None` where there is no
/// Python.
fn chat(server: std::net::SocketAddr, input: &str) -> Option<Running> {
    if !has_python() {
        return None;
    }
    let place = [server.ip().to_string(), server.port().to_string()];
    let mut client = spawn(program("chat.py").args(place).arg("alice"));
    let mut stdin = client.stdin.take().expect("it is piped");
    stdin.write_all(input.as_bytes()).expect("a pipe holds that much");
    Some(client)
}

/// One of the examples, without arguments.
fn program(name: &str) -> Command {
    let mut command = Command::new("python3");
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/python").join(name));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // It leaves nothing in the folder.
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// What the watcher hears up to the end of the client's input.
fn said(watcher: &mut TestClient, last: &str) -> Vec<String> {
    let mut said = Vec::new();
    while said.last().is_none_or(|text| text != last) {
        let line = watcher.line().expect("the room goes on");
        said.extend(line.strip_prefix("<alice> ").map(str::to_owned));
    }
    said
}

#[test]
fn it_loses_nothing_and_says_nothing_twice_over_a_connection_that_is_cut_all_the_time() {
    let server = TestServer::start(&[]);
    let mut watcher = server.join("watcher");
    let proxy = Proxy::start(server.address, Budget::new(3), 800);
    let lines: Vec<_> =
        (0..150).map(|number| format!("{number} {}", "é".repeat(number % 20))).collect();
    let Some(client) = chat(proxy.address, &format!("{}\n", lines.join("\n"))) else { return };
    assert_eq!(said(&mut watcher, &lines[149]), lines);
    let (status, out, _) = end(client);
    assert_eq!(status, Some(0), "{out}");
    assert!(out.contains("-- welcome back, alice\n") && !out.contains("missed"), "{out}");
    assert!(proxy.cuts() >= 10, "only {} cuts", proxy.cuts());
    watcher.send("/who\n");
    let after: Vec<_> = std::iter::from_fn(|| watcher.line())
        .take_while(|line| !line.contains(" here: "))
        .filter(|line| line.starts_with("<alice> "))
        .collect();
    assert!(after.is_empty(), "{after:#?}");
}

#[test]
fn it_goes_on_with_a_server_that_does_not_know_it_any_more_and_tells_of_that() {
    let server = TestServer::start(&["--away-timeout", "0"]);
    let mut watcher = server.join("watcher");
    let proxy = Proxy::start(server.address, Budget::new(5), 3000);
    let lines: Vec<_> = (0..100).map(|number| number.to_string()).collect();
    let Some(client) = chat(proxy.address, &format!("{}\n", lines.join("\n"))) else { return };
    let mut said = said(&mut watcher, &lines[99]);
    said.sort_by_key(|number| number.parse::<u32>().expect("a number"));
    said.dedup();
    assert_eq!(said, lines);
    let (status, out, _) = end(client);
    assert_eq!(status, Some(0), "{out}");
    assert!(out.contains("-- lines may have been missed, "), "{out}");
}

#[test]
fn it_ends_when_its_last_lines_have_no_receipt_and_takes_the_next_name_that_is_free() {
    let server = TestServer::start(&[]);
    let mut watcher = server.join("Alice");
    let input = "hi\n/tags\n\u{1b}/tags\n\n/msg nobody x\n/who\n".to_owned() + &"/msg\n".repeat(60);
    let Some(client) = chat(server.address, &input) else { return };
    let (status, out, _) = end(client);
    let expected = "-- you are alice2, with 1 other here\n\
        !! /msg: nobody here is called nobody\n-- 2 here: Alice, alice2\n"
        .to_owned()
        + &"!! /msg goes like this: /msg NAME TEXT\n".repeat(60);
    assert_eq!((status, out), (Some(1), expected), "a line was refused");
    for line in ["-- alice2 joined", "<alice2> hi", "-- alice2 left"] {
        watcher.expect(line);
    }
}

/// A file with a key, as `chatclient` makes it.
fn identity(folder: &Path) -> String {
    let file = folder.join("identity.pem");
    let pkcs8 = "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g";
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{pkcs8}\n-----END PRIVATE KEY-----\n");
    std::fs::write(&file, pem).expect("ours");
    file.display().to_string()
}

#[test]
fn a_key_is_proved_where_there_is_the_package_for_it_and_else_that_is_told() {
    if !has_python() {
        return;
    }
    let folder = crate::common::folder("python", "identity");
    let file = identity(&folder);
    let has_package = Command::new("python3").args(["-c", "import cryptography"]).output();
    if has_package.is_ok_and(|it| it.status.success()) {
        let peer = Peer::listen();
        let mut command = program("chat.py");
        command.args(["--identity", &file]).args(peer.arguments()).arg("alice");
        let _client = spawn(&mut command);
        let mut server = peer.accept();
        server.say(BANNER);
        server.hear("/tags\n");
        let nonce = "a".repeat(52);
        server.say_raw(format!("@- 1 = nonce {nonce}\n"));
        server.hear("/key 25njqamcweflpvkl73j4szahhihoc4xt3ktcgjnpaingr5yhkena ");
        let rest = server.hear_until_silent_for(Duration::from_millis(500));
        let signature = rest.strip_suffix("\n/nick alice\n").and_then(Signature::parse);
        let signature = signature.unwrap_or_else(|| panic!("{rest}"));
        let key = PublicKey::parse("25njqamcweflpvkl73j4szahhihoc4xt3ktcgjnpaingr5yhkena");
        let (key, nonce) = (key.expect("a key"), Nonce::parse(&nonce).expect("a nonce"));
        assert_eq!(verify(&nonce, &Binding::PLAIN, &key, &signature), Ok(key.hash()));
        // To an older server, which makes a guest of it, it goes on without.
        let mut command = program("chat.py");
        command.args(["--identity", &file]).args(peer.arguments()).arg("alice");
        let _client = spawn(&mut command);
        let mut server = peer.accept();
        server.say(BANNER);
        server.hear("/tags\n");
        server.say_raw(format!("@- 1 = token {}\n@- 1 = nick guest1\n", "0".repeat(32)));
        server.hear("/nick alice\n");
    }
    // A folder in which there is no such package, whatever this machine has.
    std::fs::create_dir(folder.join("cryptography")).expect("ours");
    std::fs::write(folder.join("cryptography/__init__.py"), "raise ImportError\n").expect("ours");
    let server = TestServer::start(&[]);
    let place = [server.address.ip().to_string(), server.address.port().to_string()];
    let mut command = program("chat.py");
    command.env("PYTHONPATH", &folder).args(["--identity", &file]).args(&place).arg("alice");
    let mut client = spawn(&mut command);
    drop(client.stdin.take());
    let (status, out, err) = end(client);
    let told = "chat.py: there is no package cryptography, so no key is proved\n";
    assert_eq!((status, err.as_str()), (Some(0), told), "{out}");
}

#[test]
fn wrong_usage_is_told_and_no_traceback() {
    if !has_python() {
        return;
    }
    for arguments in [
        &[][..],
        &["host"],
        &["host", "port", "alice"],
        &["--key", "host", "1", "a"],
        &["--identity"],
    ] {
        for name in ["chat.py", "bot.py"] {
            let (status, out, err) = end(spawn(program(name).args(arguments)));
            assert_eq!((status, out.as_str()), (Some(2), ""), "{name} {arguments:?}: {err}");
            assert!(err.starts_with(&format!("Usage: {name} ")), "{err}");
        }
    }
}

#[test]
fn a_name_that_breaks_the_rules_is_told_and_nobody_waits() {
    let server = TestServer::start(&[]);
    if !has_python() {
        return;
    }
    let place = [server.address.ip().to_string(), server.address.port().to_string()];
    let (status, _, err) = end(spawn(program("chat.py").args(place).arg("a b")));
    assert_eq!(status, Some(2), "{err}");
    assert!(err.starts_with("chat.py: !! /nick"), "{err}");
}

#[test]
fn a_bot_answers_each_line_once_in_public_and_in_private_over_lost_connections_too() {
    if !has_python() {
        return;
    }
    let server = TestServer::start(&[]);
    let mut alice = server.join("alice");
    let proxy = Proxy::start(server.address, Budget::new(11), 900);
    let place = [proxy.address.ip().to_string(), proxy.address.port().to_string()];
    let bot = spawn(program("bot.py").args(place).arg("bot"));
    alice.expect("-- bot joined");
    for number in 0..20 {
        alice.send(format!("{number}\n!roll\n"));
        alice.expect_start("<bot> alice rolls ");
    }
    alice.send("/msg bot !help\n");
    alice.expect("[you -> bot] !help");
    let mut answer = alice.line();
    if answer.as_deref().is_some_and(|line| line.starts_with("-- bot is away")) {
        answer = alice.line();
    }
    assert_eq!(answer.as_deref(), Some("[bot -> you] I know !roll"));
    alice.send("/who\n");
    alice.expect_start("-- 2 here: alice, bot");
    assert!(proxy.cuts() >= 2, "only {} cuts", proxy.cuts());
    drop(bot);
}

#[test]
fn it_talks_encrypted_to_the_server_with_that_key_alone() {
    if !has_python() {
        return;
    }
    let state = crate::common::folder("python", "key");
    let mut command = chatserver();
    command.env("CHATROOM_TLS", "required").env("STATE_DIRECTORY", &state);
    let server = TestServer::run(command.args(["127.0.0.1", "0"]));
    let (_, key, _) = run(chatserver()
        .env("CHATROOM_TLS", "required")
        .env("STATE_DIRECTORY", &state)
        .arg("--fingerprint"));
    let mut watcher = server.join("watcher");
    let place = [server.address.ip().to_string(), server.address.port().to_string()];
    let lines: Vec<_> = (0..100).map(|number| format!("{number} {}", "é".repeat(200))).collect();
    let mut client =
        spawn(program("chat.py").args(["--key", key.trim()]).args(&place).arg("alice"));
    let mut stdin = client.stdin.take().expect("it is piped");
    stdin.write_all(format!("{}\n", lines.join("\n")).as_bytes()).expect("a pipe holds that much");
    drop(stdin);
    assert_eq!(said(&mut watcher, &lines[99]), lines);
    let (status, _, err) = end(client);
    assert_eq!(status, Some(0), "{err}");
    let other = "aaaaa-aaaaa-aaaaa-aaaaa";
    let mut client = spawn(program("chat.py").args(["--key", other]).args(&place).arg("alice"));
    let mut stdin = client.stdin.take().expect("it is piped");
    stdin.write_all(b"secret\n").expect("a pipe holds that much");
    drop(stdin);
    let (status, out, err) = end(client);
    assert_eq!((status, out.as_str()), (Some(3), ""), "{err}");
    assert!(err.ends_with("has another key. Nothing was sent.\n"), "{err}");
}
